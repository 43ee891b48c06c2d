/* SPDX-License-Identifier: MIT */
#ifndef BATCHLOAD_TABLE_TEXT_H
#define BATCHLOAD_TABLE_TEXT_H

#include "lib/table.h"

/* The bytes of batchload.csv as UTF-8, whatever they were written in: a UTF-16 byte order mark says
 * so; else it is UTF-8 until a byte can't be, and Windows-1252 from there on, unless letters of
 * UTF-8 came before. Private to lib/table. */
typedef struct TableText TableText;

/* Keeps a reference of the stream. bytes_max is of the file as it was sent. Caller owns the result.
 */
TableText *table_text_new(GInputStream *stream, guint64 bytes_max);
void table_text_free(TableText *text);

/* Up to size bytes (at least 8) of whole characters, NUL among them; 0 at the end, -1 with
 * TABLE_ERROR or the stream's own error. line: of the next byte, for messages. */
gssize table_text_read(TableText *text, char *buffer, gsize size, unsigned line, GError **error);

/* The line from which on the file was read as Windows-1252; 0: it was not. */
unsigned table_text_windows_line(const TableText *text);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(TableText, table_text_free)

#endif
