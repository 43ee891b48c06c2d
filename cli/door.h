/* SPDX-License-Identifier: MIT */
#ifndef BATCHLOAD_DOOR_H
#define BATCHLOAD_DOOR_H

#include "cli/cli.h"

/* The doors of older systems: one program, batchload-door, under the name of each of their
 * commands. A command only translates what it was given to rows of a request, which the daemon
 * takes with the administrator's password, or from whom it trusts: that, the grant and all rules
 * are the engine's. */

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

/* The value of a variable of the environment, taken out of it; or NULL. Caller owns it. */
Secret *door_take_variable(const char *variable);
/* A password that is read from the descriptor of this number; name: what said so, for the fault.
 * Returns the exit code. Caller owns it. */
int door_read_descriptor(const char *name, const char *number, Secret **password);

/* The rows of a request, cell by cell; a cell that is not set is empty. */
typedef struct DoorTable DoorTable;
DoorTable *door_table_new(void);
void door_table_free(DoorTable *table);
void door_table_begin_row(DoorTable *table);
/* In the last row. name: of a column, or "@attribute". */
void door_table_set(DoorTable *table, const char *name, const char *cell);
void door_table_set_field(DoorTable *table, Field field, const char *cell);
/* As a batchload.csv, which may hold passwords: it is wiped by the caller, who owns it. */
GString *door_table_text(const DoorTable *table);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(DoorTable, door_table_free)

/* A request of a few rows. */
typedef struct {
    const char *admin;      /* the requester's address */
    const Secret *password; /* the requester's own; NULL: whoever asks is trusted by the daemon */
    bool atomic;            /* all rows or none; without password only */
    const DoorTable *table;
    const char *what; /* what it is about, for the word on its result */
    /* What the caller calls a column (NULL: nothing), for the words on a failure; or NULL. */
    const char *(*name_of)(gconstpointer data, Field field);
    gconstpointer data;
} DoorRequest;
/* Hands it in and waits for its end. What failed is told; what became of the rest is counted in
 * counts, or printed where that is NULL. Returns the exit code. */
int door_submit(const CliPlace *place, const DoorRequest *request, unsigned counts[RESULT_COUNT]);

/* The groupware server's commands: prints a line for each; runs one, or false where it is none of
 * them. */
void door_print_groupware(void);
bool door_groupware(const CliPlace *place, int argc, char **argv, int *code);

/* The calls of the panel-style API (lib/panel.h), likewise; *code is 0 or 1. */
void door_print_panel(void);
bool door_panel(const CliPlace *place, int argc, char **argv, int *code);

#endif
