/* SPDX-License-Identifier: MIT */
#ifndef BATCHLOAD_CLI_PANEL_H
#define BATCHLOAD_CLI_PANEL_H

#include "cli/door.h"

#include "lib/panel.h"

/* A call of the panel-style API, its parameters checked. */
typedef struct {
    const CliPlace *place;
    const PanelCall *call;
    const PanelParameter *parameters;
    unsigned count;
    Secret *value[PANEL_PARAMETERS_MAX]; /* addresses and domains in normal form; "": not given */
    char *domain, *user;                 /* DomainName and UserName, or a list's name; or NULL */
    Address *further;                    /* a further name or address; or NULL */
} PanelAsked;

/* Prints the items that are asked for, one a line. All of these return the exit code. */
int panel_list(const PanelAsked *asked);
/* What a row can't say, looked up before it: that a list to which a member comes is there, and that
 * what goes is the domain's, or the account's. *nothing: the profile has nothing to suspend, so
 * that there is nothing to be done. */
int panel_check(const PanelAsked *asked, bool *nothing);

/* Runs the command that the configuration has for the call, with its parameters; where it has none
 * and needed, it is told that the call is not supported. */
int panel_command(const PanelAsked *asked, bool needed);

#endif
