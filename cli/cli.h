/* SPDX-License-Identifier: MIT */
#ifndef BATCHLOAD_CLI_H
#define BATCHLOAD_CLI_H

#include "lib/address.h"
#include "lib/config.h"
#include "lib/spool.h"

/* The command's exit codes, those of sysexits.h and one more:
 *    0  done
 *    1  the question was answered with no: no such job, no such key, rows failed, something is
 *       wrong
 *   64  EX_USAGE        the command line can't be understood
 *   65  EX_DATAERR      what was given on standard input can't be used
 *   66  EX_NOINPUT      there is no spool at that place
 *   69  EX_UNAVAILABLE  this version can't do that yet
 *   73  EX_CANTCREAT    the file that was to be written could not be made, or is there already
 *   74  EX_IOERR        the output could not be written
 *   75  EX_TEMPFAIL     the spool, or a table, could not be read just now, or the daemon is away
 *   77  EX_NOPERM       the spool is not ours to read
 *   78  EX_CONFIG       the configuration or the spool is not fit to be used */
#define CLI_NO 1

/* The configuration where none is named. */
#define CLI_CONFIG SYSCONFDIR "/batchload/batchload.conf"

/* Where the spool is: what stood before the command's name. */
typedef struct {
    char *config; /* NULL: the installed one */
    char *spool;  /* NULL: as the configuration says */
} CliPlace;

/* Parses a command's own options; summary and description are for --help. false: *code says with
 * what to end (0 after --help). entries may be NULL; argv is left with what is no option. */
bool cli_options(int *argc, char ***argv, const char *usage, const char *summary,
                 const GOptionEntry *entries, int *code);

/* The configuration's file alone (config_load_file), or NULL: the reason was printed and *code is
 * set. */
Config *cli_config(const CliPlace *place, int *code);

/* The spool, opened read-only, or NULL: the reason was printed and *code is set. */
Spool *cli_spool(const CliPlace *place, int *code);

/* Prints a fault to standard error, behind the program's name (g_set_prgname()). Returns code. */
int cli_fault(int code, const char *format, ...) G_GNUC_PRINTF(2, 3);

/* A job as one line of JSON. Caller owns the result. */
char *cli_job_json(const Job *job);
/* What is counted for a pair as one line of JSON. Caller owns the result. */
char *cli_lockout_json(const Lockout *lockout);
/* A time for people (local) or "-" for 0. Caller owns the result. */
char *cli_time(gint64 microseconds);
/* A job's number as the spool has it, from one as people type it. Caller owns the result. */
char *cli_job_id(const char *typed);
/* Rows that have an outcome. */
unsigned cli_rows_done(const Job *job);

/* The daemon, by its socket (lib/command.h). _open: connected, or -1: the reason was
 * printed and *code is set. _answer: the exit code; *text, owned by the caller, with 0 only, else
 * the reason was printed. _ask: both for a request of one line. */
int cli_control_open(const CliPlace *place, int *code);
bool cli_control_send(int fd, const void *data, gsize size);
int cli_control_answer(int fd, char **text);
/* _ask_with: the same for a request of a line and what follows it. All but _answer wait a moment
 * where too many ask. */
typedef struct {
    const void *data;
    gsize size;
} CliPiece;
int cli_control_ask_with(const CliPlace *place, const CliPiece *pieces, unsigned count,
                         char **text);
/* _response: the mail that is to be fetched of a job, or NULL with *code. */
GBytes *cli_control_response(const CliPlace *place, const char *id, int *code);
int cli_control_ask(const CliPlace *place, const char *request, char **text);

/* A batchload.csv that is handed in: an open file, or bytes. */
typedef struct {
    int fd;
    const char *bytes; /* or NULL */
    guint64 size;
} CliFile;
/* Hands it in with a word of lib/command.h ("apply", "check") as a request of the address as: the
 * job's number, and the address in its normal form, both owned by the caller. Returns the exit
 * code.
 */
int cli_hand_in(const CliPlace *place, const char *word, const CliFile *file, const char *as,
                const char *reference, Address **address, char **id);
/* Follow a job to its end, and tell what became of it; they return the exit code. The response of
 * one that is only checked is printed as a mail would tell it; only_bad: not where all is good. */
int cli_follow_apply(const CliPlace *place, const char *id, const char *address);
int cli_follow_check(const CliPlace *place, const char *id, bool only_bad);
/* Whether a text can be a reference, and what is said where not. */
bool cli_is_reference(const char *text);
#define CLI_REFERENCE_FAULT "the reference is not one line of at most 200 bytes of UTF-8"

/* Longest password that is read, in bytes; what is longer is no password of lib/password.h's. */
#define CLI_PASSWORD_MAX 1024
/* What is read of one: one byte more than it may have, a line end, and the NUL. */
typedef struct {
    char text[CLI_PASSWORD_MAX + 4];
} CliPassword;
/* Of size bytes that were read, without the line end; wipes the buffer. NULL: there is something
 * wrong with it, *why tells what. */
Secret *cli_password_take(CliPassword *buffer, gsize size, const char **why);
/* Reads one to the end of the descriptor; where is for the fault. Returns the exit code. The caller
 * owns it. */
int cli_password_read(int fd, const char *where, Secret **password);
/* The call RegisterMailAddon of the panel-style API. Returns 0, or 1 with a
 * message on standard error. */
#define CLI_REGISTER "RegisterMailAddon"
int cli_register_addon(const CliPlace *installed, int argc, char **argv);

/* A line of the commands' list in --help. */
void cli_print_summary(const char *command, const char *summary);

/* The commands of the types of a request (cli/verb.h): prints a line for each; runs one, or tells
 * that there is no such command. */
void cli_print_verbs(void);
int cli_verb(const CliPlace *place, int argc, char **argv);

/* The commands: argv[0] is the command's name. They return the exit code. */
int cli_queue(const CliPlace *place, int argc, char **argv);
int cli_log(const CliPlace *place, int argc, char **argv);
int cli_show(const CliPlace *place, int argc, char **argv);
int cli_profile(const CliPlace *place, int argc, char **argv);
int cli_policy(const CliPlace *place, int argc, char **argv);
int cli_retry(const CliPlace *place, int argc, char **argv);
int cli_cancel(const CliPlace *place, int argc, char **argv);
int cli_apply(const CliPlace *place, int argc, char **argv);
int cli_doctor(const CliPlace *place, int argc, char **argv);
int cli_check(const CliPlace *place, int argc, char **argv);
int cli_lockout(const CliPlace *place, int argc, char **argv);
int cli_export(const CliPlace *place, int argc, char **argv);
int cli_sample(const CliPlace *place, int argc, char **argv);

#endif
