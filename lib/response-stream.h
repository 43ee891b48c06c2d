/* SPDX-License-Identifier: MIT */
#ifndef BATCHLOAD_RESPONSE_STREAM_H
#define BATCHLOAD_RESPONSE_STREAM_H

#include "lib/response.h"
#include <gmime/gmime.h>

/* What lets GMime write a response without holding it: a CSV file that is made while GMime reads
 * it, and GIO's stream to write to. Private to lib/response. */

/* GMimeStream tells only that something failed; the first error is kept here. Owned by the caller
 * of the functions below, and outlives the streams. */
typedef struct {
    GError *error;
} ResponseFailure;

/* Sets failure's error unless it has one. Takes error over. */
void response_fail(ResponseFailure *failure, GError *error);

/* The next outcome of a source. ANSWER_NO at the end, ANSWER_UNKNOWN with the failure set. */
Answer response_next(const ResponseSource *source, Outcome **outcome, ResponseFailure *failure);
/* Its row; NULL with the failure set. */
TableRow *response_row(const ResponseSource *source, ResponseFailure *failure);

/* Whether a cell is empty in the tables of the response, whatever stands in it. */
bool response_cell_is_hidden(const TableRow *row, const TableHead *head, const Outcome *outcome,
                             unsigned column);

typedef enum {
    RESPONSE_TABLE_RESULT, /* result.csv */
    RESPONSE_TABLE_FAILED, /* the batchload.csv to be corrected */
    RESPONSE_TABLE_EXPORT, /* export.csv */
} ResponseTable;

/* One of the tables: read-only, from the start whenever it is reset. The source is borrowed. */
GMimeStream *response_table_stream(const ResponseSource *source, ResponseTable table,
                                   ResponseFailure *failure);

/* The same, as gzip. */
GMimeStream *response_packed_stream(const ResponseSource *source, ResponseTable table,
                                    ResponseFailure *failure);

/* Writes to out, which is borrowed and stays open; beyond bytes_max it fails with
 * RESPONSE_ERROR_TOO_LARGE. */
GMimeStream *response_out_stream(GOutputStream *out, guint64 bytes_max, ResponseFailure *failure);

#endif
