/* SPDX-License-Identifier: MIT */
#ifndef BATCHLOAD_DOCTOR_H
#define BATCHLOAD_DOCTOR_H

#include "cli/cli.h"

#include "policy/sender.h"

/* What batchload doctor finds; one finding a question. */
typedef enum {
    FINDING_GOOD,
    FINDING_NOTE,    /* works, but should be known */
    FINDING_UNKNOWN, /* could not be looked at */
    FINDING_WRONG,
    FINDING_COUNT,
} FindingKind;

typedef struct {
    bool json;
    unsigned counts[FINDING_COUNT];
} Doctor;

/* Prints a finding: what was looked at, and in a sentence what is so and what to do. */
void doctor_say(Doctor *doctor, FindingKind kind, const char *what, const char *format, ...)
    G_GNUC_PRINTF(4, 5);

/* One more of what a finding names, of which it names so many at most; *count counts all. */
void doctor_add_name(GString *names, unsigned *count, unsigned most, const char *name);

/* Whether the panel's calls may do what they do. */
void doctor_panel(Doctor *doctor, const Config *config, SenderTable *senders);
/* Whether add-ons can be called, and what waits for them. */
void doctor_addons(Doctor *doctor, const Config *config);
/* What only the directory and Postfix can tell. folder: Postfix's configuration, NULL: its own. */
void doctor_directory(Doctor *doctor, const Config *config);
void doctor_postfix(Doctor *doctor, const Config *config, const char *folder);

#endif
