/* SPDX-License-Identifier: MIT */
#ifndef BATCHLOAD_PARSE_STREAM_H
#define BATCHLOAD_PARSE_STREAM_H

#include "lib/parse.h"
#include <gmime/gmime.h>

/* The mail as a stream that GMime can seek in, though it only ever flows forwards: what lies
 * ahead is read and dropped, what lies behind begins again. */
typedef struct {
    ParseSource source;
    gint64 position; /* of the source */
    bool failed;     /* the source did */
    bool stopped;    /* the parser is to see no more: the stream ends here for it */
    /* What passes by when the mail is read for the first time. */
    gint64 seen;
    bool nul;
    gint64 first_header;   /* bytes up to the first empty line, or so far */
    unsigned newlines;     /* on the way to it */
    bool first_header_end; /* it came */
    unsigned leaves;       /* parts that the parser finished */
    /* Called after each piece that is seen for the first time, and each part: may stop. */
    void (*check)(gpointer data);
    gpointer data;
} ParseInput;

/* A stream over the whole input, which must outlive it. Caller owns the result. */
GMimeStream *parse_input_stream(ParseInput *input);

/* A stream that hands what is written to it to write. Caller owns the result. */
GMimeStream *parse_sink_new(bool (*write)(gpointer data, const void *bytes, gsize size),
                            gpointer data);

#endif
