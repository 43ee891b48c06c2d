/* SPDX-License-Identifier: MIT */
#ifndef BATCHLOAD_RESPONSE_H
#define BATCHLOAD_RESPONSE_H

#include "lib/outcome.h"
#include "lib/spool.h"
#include "lib/table.h"
#include <gio/gio.h>
#include <stdbool.h>

/* Outcomes become a mail. doc/requests.md section 4. Streams: nothing is held whole. */

/* Failed rows that the text part lists one by one; without attachments, as many as fit into so many
 * bytes. */
#define RESPONSE_FAILURES_LISTED 200
#define RESPONSE_FAILURES_BYTES 262144

/* How a response carries its tables, the larger form first. */
typedef enum {
    RESPONSE_PLAIN,      /* result.csv, batchload.csv, export.csv */
    RESPONSE_COMPRESSED, /* result.csv.gz, batchload.csv.gz, export.csv.gz */
    RESPONSE_FAILED, /* without result.csv.gz: each failed row and why, and what was asked for */
    RESPONSE_TEXT,   /* not at all */
    RESPONSE_FORM_COUNT,
} ResponseForm;

typedef enum {
    RESPONSE_ERROR_TOO_LARGE, /* in this form */
} ResponseError;
#define RESPONSE_ERROR (response_error_quark())
GQuark response_error_quark(void);

/* Outcomes and their rows, in file order, read as often as the response needs them (rewind starts
 * again). next: ANSWER_YES with *outcome owned by the caller, ANSWER_NO at the end. row: that of
 * the outcome that next gave last, once, owned by the caller; not asked for where the outcome is
 * all that is told. Rows are as they were read, with their passwords: whether one is shifted is
 * told by that; secret cells are emptied here. */
typedef struct {
    const TableHead *head; /* NULL where the request was refused as a whole */
    const char *note;      /* a sentence about the file as a whole, or NULL */
    bool (*rewind)(gpointer data, GError **error);
    Answer (*next)(gpointer data, Outcome **outcome, GError **error);
    TableRow *(*row)(gpointer data, GError **error);
    gpointer data;
    /* What the request asks to see: so many rows of export.csv (of a request that is only checked,
     * it would be), in parts from 0, the headline, on (NULL where there is none). ANSWER_NO: that
     * was the last. */
    unsigned shown;
    Answer (*part)(gpointer data, unsigned number, char **lines, GError **error);
} ResponseSource;

/* Writes the whole message (RFC 5322, CRLF, 7 bit) for a job in REPORTING to out, which stays
 * open. Message-ID is <JOB.batchload@domain of the batch address>. bytes_max: of the message as the
 * MTA will have it; over it, the error is RESPONSE_ERROR_TOO_LARGE (never of RESPONSE_TEXT, which
 * tells fewer rows instead). RESPONSE_FAILED is RESPONSE_TEXT where no row
 * failed and nothing is shown. now:
 * g_get_real_time(), for Date and how long it took. false with an error, also that of source or
 * out. One thread. */
bool response_write(const Job *job, const ResponseSource *source, ResponseForm form,
                    guint64 bytes_max, gint64 now, GOutputStream *out, GError **error);

/* The text part of a response, for who reads it without a mail program; NULL where it is none of
 * ours. Caller owns it. Main thread, in a process that does not use GMime itself. */
char *response_text(GBytes *message);

#endif
