/* SPDX-License-Identifier: MIT */
#ifndef BATCHLOAD_PROGRESS_H
#define BATCHLOAD_PROGRESS_H

#include "cli/cli.h"

/* What the daemon says of a job. Begins as all zero. */
typedef struct {
    unsigned state;   /* a JobState */
    unsigned refused; /* 1: as a whole */
    unsigned rows;
    unsigned counts[RESULT_COUNT];
    char *words; /* refusal, or why it waits; "" where neither */
} Progress;
void progress_clear(Progress *progress);

/* Asks. Returns the exit code; the reason was printed then. */
int progress_look(const CliPlace *place, const char *id, Progress *progress);
unsigned progress_rows_done(const Progress *progress);

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Progress, progress_clear)

#endif
