/* SPDX-License-Identifier: MIT */
#ifndef BATCHLOAD_SOCKETMAP_H
#define BATCHLOAD_SOCKETMAP_H

#include "lib/answer.h"
#include <glib.h>

/* What is said to a socketmap server and by it (socketmap_table(5)), as bytes. Any thread. */

/* Longest reply, in bytes, without what makes it a netstring; and the digits of its length. */
#define SOCKETMAP_REPLY_MAX 100000
#define SOCKETMAP_DIGITS_MAX 9

/* "LENGTH:name key,". Caller owns it. */
char *socketmap_request(const char *name, const char *key);

typedef enum {
    SOCKETMAP_MORE,  /* so far it is the beginning of a reply */
    SOCKETMAP_WHOLE, /* a reply; what comes behind it is not looked at */
    SOCKETMAP_BAD,   /* no netstring, or too long */
} SocketmapState;

/* Looks for a netstring at the beginning of bytes. SOCKETMAP_WHOLE: *text, of *length bytes, is
 * what it holds, within bytes; *used bytes are the whole netstring. */
SocketmapState socketmap_frame(const char *bytes, gsize size, const char **text, gsize *length,
                               gsize *used);

/* What a reply says. ANSWER_YES: *value, owned by the caller, which may be empty or no UTF-8.
 * ANSWER_UNKNOWN with MAP_ERROR_FAILED: TEMP, TIMEOUT and PERM, with the server's words made
 * printable, and whatever is no reply. */
Answer socketmap_reply(const char *text, gsize length, char **value, GError **error);

#endif
