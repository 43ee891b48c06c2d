/* SPDX-License-Identifier: MIT */
#ifndef BATCHLOAD_PARSE_UUENCODE_H
#define BATCHLOAD_PARSE_UUENCODE_H

#include <glib.h>
#include <stdbool.h>

/* Files that stand in a text between "begin 644 NAME" and "end", as older mail programs attach
 * them. The text is fed piece by piece and never held; lines may end in LF or CRLF, and blanks
 * that were lost at their ends do no harm. The decoding itself is GMime's, which does not tell
 * whether the end was there. One thread at a time. */

/* Longest line that is kept; what belongs to such a file has at most 62 characters (45 bytes). */
#define UUENCODE_LINE_MAX 256

typedef struct {
    /* Set by the caller, all else zero. */
    const char *name; /* of the files that count, compared without case; NULL: any name */
    bool (*write)(gpointer data, const void *bytes, gsize size); /* of the first one; may be NULL */
    gpointer data;
    /* Told. */
    unsigned files; /* that began */
    bool broken;    /* one of them has a damaged line or no end */
    guint64 bytes;  /* decoded, of the first one */
    /* The module's own. */
    enum { UUENCODE_OUTSIDE, UUENCODE_INSIDE, UUENCODE_LAST } at;
    gsize length; /* of the line so far, with what is not kept */
    char line[UUENCODE_LINE_MAX];
} Uuencode;

/* The next piece of the text. false when write failed. */
bool uuencode_feed(Uuencode *uuencode, const char *bytes, gsize size);

/* The text has ended; wipes the line that is held. false when write failed. */
bool uuencode_end(Uuencode *uuencode);

#endif
