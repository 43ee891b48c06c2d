/* SPDX-License-Identifier: MIT */
#ifndef BATCHLOAD_HEADER_H
#define BATCHLOAD_HEADER_H

#include <glib.h>
#include <stdbool.h>

/* The few headers that decide what becomes of a mail. Any thread; g_mime_init() came before. */

/* Longest values that are kept for the response, in bytes. */
#define HEADER_MESSAGE_ID_MAX 998
#define HEADER_REFERENCES_MAX 2000
#define HEADER_DATE_MAX 200

typedef enum {
    AUTOMATIC_NO,        /* "no" */
    AUTOMATIC_GENERATED, /* "auto-generated" */
    AUTOMATIC_OTHER,     /* an answer, or a word that we don't know */
} Automatic;

/* The word of an Auto-Submitted header (RFC 3834); parameters and comments behind do not count. */
Automatic header_automatic(const char *value);

/* Whether a Content-Type is multipart/report (RFC 6522): a delivery or disposition report. */
bool header_is_report(const char *value);

/* A Subject, decoded (RFC 2047), without space around it. Caller owns it. */
char *header_subject(const char *value);

/* One message id with its angles, or NULL where the value is none. Caller owns it. */
char *header_message_id(const char *value);

/* Whether a message id has the shape of our own responses' ("<20261120-K7M2QP.batchload@…>"). */
bool header_is_ours(const char *message_id);

/* References in one line, the last ones where there are too many; NULL for none. Caller owns it. */
char *header_references(const char *value);

/* A value in one line; NULL where it is longer than max bytes or empty. Caller owns it. */
char *header_line(const char *value, gsize max);

/* Appends "Name:value" CRLF as it belongs into a message: folds end in CRLF, and nothing in value
 * can become a line of its own. */
void header_append(GString *head, const char *name, const char *value);

#endif
