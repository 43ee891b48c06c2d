/* SPDX-License-Identifier: MIT */
#ifndef BATCHLOAD_FOLLOW_ASK_H
#define BATCHLOAD_FOLLOW_ASK_H

#include "lib/answer.h"
#include "lib/spool-call.h"

/* How the daemon has batchload-follow(8) run an add-on: one connection to its unix socket, a call,
 * and an answer, each a frame: its length (4 bytes, the highest first) and a GVariant. */

#define FOLLOW_FRAME_MAX (256u * 1024)
/* How long the other side may take for a frame that it has ready, in seconds. */
#define FOLLOW_FRAME_SECONDS 10

/* Writes or reads a whole frame before a monotonic time. The caller owns what is read, as a value
 * in normal form whose bytes are wiped when it goes. false or NULL with a GError. */
bool follow_frame_write(int fd, GVariant *value, gint64 deadline, GError **error);
GVariant *follow_frame_read(int fd, const char *type, gint64 deadline, GError **error);

/* A call: add-on, call, arguments, password, whether that is hashed. */
#define FOLLOW_CALL_TYPE "(ssasmayb)"
/* What became of it: a FollowResult, and one line of words. */
#define FOLLOW_ANSWER_TYPE "(ys)"
typedef enum {
    FOLLOW_DONE,
    FOLLOW_FAILED, /* by the add-on */
    FOLLOW_LATER,  /* nothing was run */
} FollowResult;

/* What a frame of these types says. A call: of add-on, name, arguments and password alone; NULL
 * where it is none that is made. An answer: as of follow_ask(). Any thread. */
GVariant *follow_call_to_variant(const SpoolCall *call); /* floating */
SpoolCall *follow_call_from_variant(GVariant *value);
Answer follow_answer_from_variant(GVariant *value, char **reason, GError **error);

/* How long an answer is waited for once the daemon is to stop, in seconds. */
#define FOLLOW_STOP_SECONDS 3

/* socket: "unix:/PATH". seconds: that a call of the add-on may take. stopping: atomic; not 0: the
 * daemon is to stop. ANSWER_YES: done. ANSWER_NO:
 * it failed; *reason, owned by the caller, is one line. ANSWER_UNKNOWN: it is not known whether it
 * was made at all. */
Answer follow_ask(const char *socket, const SpoolCall *call, unsigned seconds, const int *stopping,
                  char **reason, GError **error);

#endif
