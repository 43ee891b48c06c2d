/* SPDX-License-Identifier: MIT */
#ifndef BATCHLOAD_DOOR_H
#define BATCHLOAD_DOOR_H

#include "cli/cli.h"

/* The doors of older systems: one program, batchload-door, under the name of each of their
 * commands. A command only translates its options to a row of a request, which the daemon takes
 * with the administrator's password: that, the grant and all rules are the engine's. */

/* Options "--NAME=VALUE", or "--NAME VALUE". */
typedef struct {
    char *name;    /* in lower case, without the hyphens */
    char *given;   /* as it was written */
    Secret *value; /* UTF-8 */
} DoorOption;

/* All words behind argv[0] as options (of DoorOption), none twice; values of those that may be
 * passwords are taken out of argv. NULL: *code, the reason was printed. Nothing that may be a
 * password is repeated. */
GPtrArray *door_options(int argc, char **argv, int *code);
/* The value of the option, owned by options, or NULL. */
const char *door_option(const GPtrArray *options, const char *name);
/* The password of an option NAME, of NAME-fd, or of the environment's variable; *password stays
 * NULL where there is none. Returns the exit code. Caller owns it. */
int door_password(const GPtrArray *options, const char *name, const char *variable,
                  Secret **password);

/* A request of one row. */
typedef struct {
    const char *admin;      /* the requester's address */
    const Secret *password; /* the requester's own */
    const GString *table;   /* a batchload.csv */
    const char *what;       /* what the row is about, for the word on its result */
} DoorRequest;
/* Hands it in, waits for its end and prints what became of it. Returns the exit code. */
int door_submit(const CliPlace *place, const DoorRequest *request);

/* The groupware server's commands: prints a line for each; runs one, or false where it is none of
 * them. */
void door_print_groupware(void);
bool door_groupware(const CliPlace *place, int argc, char **argv, int *code);

#endif
