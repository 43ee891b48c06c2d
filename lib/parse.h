/* SPDX-License-Identifier: MIT */
#ifndef BATCHLOAD_PARSE_H
#define BATCHLOAD_PARSE_H

#include "lib/request.h"

/* A mail's bytes to keywords and attachment (GMime), as it runs inside the confined child. The
 * mail is never held: it is read once to find its parts, then again for the parts that count.
 * doc/requests.md section 2. One thread at a time, which needs a large stack: GMime's recursion
 * depends on the mail. g_mime_init() comes first. */

/* Where the mail comes from. */
typedef struct {
    /* Up to size bytes; 0 at the end of the mail, -1 when the source failed. */
    gssize (*read)(gpointer data, void *buffer, gsize size);
    /* Begins again; false when the source failed. */
    bool (*rewind)(gpointer data);
    gpointer data;
} ParseSource;

/* What was found. Only this number crosses the process boundary; the words for it are the
 * parent's. The order is the order in which errors are looked for, and never stored. */
typedef enum {
    PARSE_OK,
    PARSE_MESSAGE_BYTES, /* over the limit of that name … */
    PARSE_HEADER_BYTES,
    PARSE_MIME_DEPTH,
    PARSE_MIME_PARTS,
    PARSE_ATTACHMENT_BYTES,
    PARSE_HEADER,    /* no header, a header's name is no name, one twice, a bad address list */
    PARSE_PARAMETER, /* a parameter twice, two names of one file */
    PARSE_BOUNDARY,  /* a multipart without boundary or parts */
    PARSE_TRUNCATED,
    PARSE_NUL,
    PARSE_PARTIAL,  /* message/partial */
    PARSE_UUENCODE, /* batchload.csv is uuencoded, and damaged or without its end */
    PARSE_NO_TABLE,
    PARSE_WORKBOOK, /* no table, but a file of a spreadsheet program */
    PARSE_WINMAIL,  /* no table, but a winmail.dat that may hold it */
    PARSE_SEVERAL_TABLES,
    PARSE_PASSWORD_TWICE,
    PARSE_PASSWORD_LONG,
    PARSE_REFERENCE_TWICE,
    PARSE_REFERENCE_LONG,
    PARSE_MODE_TWICE,
    PARSE_MODE_UNKNOWN,
    PARSE_NO_PASSWORD,
    PARSE_PASSWORD_LATE, /* none where it counts, but one further down in the text */
    PARSE_REASON_COUNT,
} ParseReason;

typedef struct {
    ParseReason reason;
    char
        *reference; /* never NULL, also of a refused mail; cleaned, at most REQUEST_REFERENCE_MAX */
    Mode mode;
    Secret *password; /* never NULL; "" unless PARSE_OK */
} ParseRecord;

typedef struct Parse Parse;

/* Reads the mail. source's functions are used until parse_free(), which a process that ends next
 * may leave out. Caller owns the result. */
Parse *parse_new(const ParseSource *source, const RequestLimits *limits);
void parse_free(Parse *parse);

/* What the mail says; owned by parse. NULL where the source failed: nothing is known. */
const ParseRecord *parse_record(Parse *parse);

/* Decodes batchload.csv of a mail that was PARSE_OK, piece by piece (each at most
 * REQUEST_FRAME_MAX bytes) into write. false when the source or write failed. */
bool parse_table(Parse *parse, bool (*write)(gpointer data, const void *bytes, gsize size),
                 gpointer data);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(Parse, parse_free)

#endif
