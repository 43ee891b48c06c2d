/* SPDX-License-Identifier: MIT */
#ifndef BATCHLOAD_SUBMIT_H
#define BATCHLOAD_SUBMIT_H

#include "lib/answer.h"
#include <gio/gio.h>
#include <stdbool.h>

/* A response is handed to the MTA, with the null sender. */

typedef struct {
    char *target;     /* "smtp://host:port" (libcurl) or "sendmail:/path" */
    char *helo;       /* our name in EHLO; NULL: localhost */
    unsigned seconds; /* longest whole hand-over */
} SubmitSettings;

typedef enum {
    SUBMIT_ERROR_AWAY,    /* 4xx, no connection, too late: try again */
    SUBMIT_ERROR_DAMAGED, /* the message's stream failed with SEAL_ERROR_BROKEN: the next time, too
                           */
    SUBMIT_ERROR_REFUSED, /* 5xx, sendmail's EX_NOUSER, EX_DATAERR, …: will not be taken */
    SUBMIT_ERROR_TOO_LARGE, /* refused, and larger than the server says it takes */
} SubmitError;
#define SUBMIT_ERROR (submit_error_quark())
GQuark submit_error_quark(void);

/* false with a message when the target can't be used. */
bool submit_target_valid(const char *target, GError **error);

/* Whether a program of the system is run, which may have more rights than we (set-group-ID). */
bool submit_runs_program(const SubmitSettings *settings);

/* A hand-over to this recipient that is begun before its message is there: a thread of its own goes
 * as far as the server's word that the message may come, and waits there for a quarter of the
 * settings' seconds, at most SUBMIT_AHEAD_SECONDS. What it can't do is told by submit_message().
 * NULL where nothing can be done ahead. Any thread. */
#define SUBMIT_AHEAD_SECONDS 2
typedef struct Submission Submission;
Submission *submission_begin(const SubmitSettings *settings, const char *recipient);
/* No message comes: it ends, and nothing is sent. NULL: nothing to do. */
void submission_free(Submission *submission);

/* Hands message (CRLF lines, read to its end) to recipient; by ahead, which is taken over, where it
 * still waits or has failed, else from the beginning (NULL: none was begun). ANSWER_YES: taken.
 * ANSWER_NO: refused (SUBMIT_ERROR_REFUSED or SUBMIT_ERROR_TOO_LARGE is set all the same, for its
 * words). ANSWER_UNKNOWN: SUBMIT_ERROR_AWAY or _DAMAGED. *bytes_max: with TOO_LARGE, the largest
 * message in bytes that the server announced (SIZE of RFC 1870; sendmail(1) announces none). Any
 * thread; curl_global_init in main() before threads. No shell; the recipient comes after "--". */
Answer submit_message(const SubmitSettings *settings, const char *recipient, Submission *ahead,
                      GInputStream *message, guint64 *bytes_max, GError **error);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(Submission, submission_free)

#endif
