/* SPDX-License-Identifier: MIT */
#ifndef BATCHLOAD_COMMAND_H
#define BATCHLOAD_COMMAND_H

#include "lib/mode.h"
#include <glib.h>
#include <stdbool.h>
#include <sys/socket.h>
#include <sys/un.h>

/* How batchload(1) talks to the daemon: over a unix socket, one line is asked and one is answered.
 *
 *   retry JOB                     a waiting job goes on now; a response that was refused for good
 *                                 is handed over once more
 *   cancel JOB                    the rest of a job is not done
 *   state JOB                     how far it is
 *   apply ADDRESS SIZE REFERENCE  and SIZE bytes, a batchload.csv: a job as if ADDRESS had sent it
 *                                 by mail; REFERENCE is the rest of the line, may be empty
 *
 *   check ADDRESS SIZE REFERENCE  the same with "Mode: check"; its response is mailed to nobody
 *   response JOB                  that response: the line "ok response", a mail, COMMAND_END
 *   release SENDER CLIENT         wrong passwords of the pair are forgotten; CLIENT may be empty:
 *                                 of all pairs of the sender
 *   prove ADDRESS LENGTH SIZE REFERENCE
 *                                 and LENGTH bytes, the password of ADDRESS in UTF-8, and SIZE
 *                                 bytes, a batchload.csv: a job as if ADDRESS had sent it by mail
 *                                 with this password; its response is to be fetched, too. In rows
 *                                 DOMAIN may be empty where USER is the name of what is there
 *
 *   panel ADDRESS SIZE MODE       and SIZE bytes: as apply, with "Mode: MODE" ("apply", "atomic");
 *                                 its response is to be fetched, and R9.31 is true of its rows
 *   takes TYPE ATTRIBUTE          whether the profile lets rows of the TYPE set it by a column
 *                                 "@attribute": "ok " COMMAND_TAKEN, or another text
 *
 * Answers: "ok TEXT" (of apply the job's number; of state COMMAND_STATE_FORMAT), "no TEXT" (it is
 * not so, or can't be done), "fail TEXT" (could not tell: again later), "deny TEXT". Root, the
 * daemon's user and members of its group may ask; anybody on this machine may ask prove and takes,
 * and, of a job that he handed in by it, cancel, state and response. */
#define COMMAND_LINE_MAX 1000
/* Largest file of prove and panel, in bytes. */
#define COMMAND_DOOR_MAX (1024 * 1024)
/* What is answered to takes where it does. */
#define COMMAND_TAKEN "yes"
/* With "fail": as many are served as may be at a time; nothing was looked at. */
#define COMMAND_BUSY "too many commands are being served at the moment"

typedef enum {
    COMMAND_RETRY,
    COMMAND_CANCEL,
    COMMAND_STATE,
    COMMAND_APPLY,
    COMMAND_CHECK,
    COMMAND_RESPONSE,
    COMMAND_RELEASE,
    COMMAND_PROVE,
    COMMAND_PANEL,
    COMMAND_TAKES,
    COMMAND_COUNT,
} CommandWord;

/* What is asked. */
typedef struct {
    CommandWord word;
    const char *argument;        /* all behind the word, in the line itself */
    bool good;                   /* whether that has the word's form */
    char *name;                  /* JOB, ADDRESS, SENDER or TYPE */
    char *rest;                  /* REFERENCE, CLIENT or ATTRIBUTE; else "" */
    Mode mode;                   /* of panel */
    guint64 password_size, size; /* LENGTH and SIZE: bytes that follow the line */
} CommandRequest;

/* Parses a line, without its end, into an empty one. false: there is no such word. Any thread. */
bool command_parse(const char *line, CommandRequest *command);
void command_request_clear(CommandRequest *command);
const char *command_word(CommandWord word); /* "retry"; static */

/* state, 1 for a request that was refused as a whole, rows, then the rows of each Result; behind it
 * stands the refusal, or why it waits. */
#define COMMAND_STATE_FORMAT "%u %u %u %u %u %u %u %u"

/* Behind a mail, which holds no such byte: without it, it was cut off. */
#define COMMAND_END "\0"

/* The daemon's address for the command: an abstract name made of the spool's real path, so that no
 * file is left behind and nothing of another kind lies in the spool. Who asks and who answers know
 * each other by SO_PEERCRED. Returns its length. */
socklen_t command_address(const char *spool_folder, struct sockaddr_un *address);

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(CommandRequest, command_request_clear)

#endif
