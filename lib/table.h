/* SPDX-License-Identifier: MIT */
#ifndef BATCHLOAD_TABLE_H
#define BATCHLOAD_TABLE_H

#include "lib/answer.h"
#include "lib/field.h"
#include <gio/gio.h>

/* batchload.csv: bytes to rows (libcsv, RFC 4180). doc/requests.md section 3. */

/* What columns "@attribute" may name, as the profile has it. */
typedef struct {
    const char *const *allowed; /* NULL-terminated */
    const char *const *regular; /* index Field - FIELD_VALUE_FIRST: the attribute of a column that
                                   has a name of its own, or NULL */
} TableAttributes;

typedef struct {
    unsigned rows_max;                 /* rows after the headline, blank ones not counted */
    unsigned columns_max;              /* columns of the headline, and fields of a row */
    gsize field_bytes_max;             /* bytes of one field */
    guint64 bytes_max;                 /* bytes of the whole file */
    const TableAttributes *attributes; /* NULL: any; operation_from_row() looks at them, too */
} TableLimits;

/* All of these refuse the whole file. The message is the sentence the administrator reads; it
 * holds nothing of the file but, with TABLE_ERROR_COLUMN, an unknown name where all mandatory
 * names are there. */
typedef enum {
    TABLE_ERROR_LIMIT,    /* names the limit */
    TABLE_ERROR_ENCODING, /* NUL; neither UTF-8, UTF-16 nor Windows-1252, or a mixture: the line */
    TABLE_ERROR_QUOTING,  /* open quote at the end, quote inside a field: names the line */
    TABLE_ERROR_EMPTY,    /* no line at all */
    TABLE_ERROR_HEADLINE, /* the first line does not hold all mandatory names: no headline, and
                             nothing of it is told */
    TABLE_ERROR_COLUMN,   /* column unknown, not available yet, or given twice */
    TABLE_ERROR_READ,     /* the stream failed with a G_IO_ERROR: says nothing about the file. Its
                             other errors are passed on as they are (REQUEST_ERROR, SPOOL_ERROR) */
} TableError;
#define TABLE_ERROR (table_error_quark())
GQuark table_error_quark(void);

typedef struct {
    unsigned columns;
    Field *field;               /* per column */
    char **name;                /* per column, as written; NULL-terminated */
    int column_of[FIELD_COUNT]; /* -1 where the field has no column; always of FIELD_ATTRIBUTE */
} TableHead;

/* The head of these names, checked. attributes: NULL where any will do, as of a head that was
 * checked before. NULL with TABLE_ERROR_HEADLINE or TABLE_ERROR_COLUMN. */
TableHead *table_head_from_names(const char *const *names, const TableAttributes *attributes,
                                 GError **error);
void table_head_free(TableHead *head);
/* What messages call a column: the contract's name of its field, "@name" as the file writes it.
 * Owned by the head. */
const char *table_head_name(const TableHead *head, unsigned column);

/* One row. Of a ragged row (found != columns) only DOMAIN and USER are kept, where they stand
 * before the PASSWORD column and, of a row with too few fields, the password can't have moved
 * there; every other cell is "". Blanks around unquoted cells are taken off, and one ' before a
 * formula's first character, except in secret columns. */
typedef struct {
    unsigned line;  /* on which the row begins, from 1, as an editor counts */
    unsigned found; /* fields that stood there */
    unsigned columns;
    char **cell; /* columns of them, never NULL, UTF-8 */
    gsize bytes; /* of all cells, with the NUL of each; freed by wiping */
} TableRow;

/* A row of cells that stand one after the other in bytes, each with its NUL: columns of them, or
 * NULL is returned. found is columns. Any thread. Caller owns the result. */
TableRow *table_row_new(unsigned line, unsigned columns, const char *cells, gsize bytes);
void table_row_free(TableRow *row);

/* The cell of a field, or NULL where the file has no such column. Owned by the row. */
const char *table_row_cell(const TableRow *row, const TableHead *head, Field field);

/* Rows as one value of type a(uuas) (line, found, cells), for the spool. _to_variant returns a
 * floating reference; _from_variant returns a GPtrArray of TableRow, owned by the caller, or NULL
 * where the value has another shape, or is not in normal form. */
#define TABLE_ROWS_TYPE "a(uuas)"
GVariant *table_rows_to_variant(GPtrArray *rows);
GPtrArray *table_rows_from_variant(GVariant *rows, const TableHead *head);

typedef struct TableReader TableReader;

/* Reads from a stream that it keeps a reference of. One thread at a time. Caller owns the result.
 */
TableReader *table_reader_new(GInputStream *stream, const TableLimits *limits);
void table_reader_free(TableReader *reader);

/* The headline; owned by the reader. NULL with TABLE_ERROR. */
const TableHead *table_reader_head(TableReader *reader, GError **error);

/* The next row, owned by the caller. ANSWER_NO at the (checked) end of the file; ANSWER_UNKNOWN
 * with TABLE_ERROR: the file is refused, and rows given out before must not be applied. */
Answer table_reader_next(TableReader *reader, TableRow **row, GError **error);

/* What is to be told about the file as it was read, a sentence for the administrator, or NULL;
 * complete at the end of the file. Owned by the reader. */
const char *table_reader_note(TableReader *reader);

/* What is read: UTF-8 with or without byte order mark, UTF-16 with it, else Windows-1252 (see
 * table_reader_note()), separator ; , tab or | as the headline (or
 * an Excel "sep=" line before it) has it, lines ended by CRLF, LF or CR. Blank lines, and lines of
 * nothing but separators, are no rows. */

/* Writes one line of CSV (RFC 4180, CRLF, separator ';' by default of the caller) with every
 * field quoted where needed, and a leading ' before a cell that a spreadsheet would run as a
 * formula (=, +, -, @, tab, CR first), or that would come back without a ' of its own. out is
 * appended to.
 */
void table_write_line(GString *out, char separator, const char *const *cells, unsigned count);
/* The same of a row of these fields (NULL: none of them secret): a cell of a secret column stands
 * as it is, since nothing is taken off it on the way in. */
void table_write_row(GString *out, char separator, const Field *fields, const char *const *cells,
                     unsigned count);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(TableHead, table_head_free)
G_DEFINE_AUTOPTR_CLEANUP_FUNC(TableRow, table_row_free)
G_DEFINE_AUTOPTR_CLEANUP_FUNC(TableReader, table_reader_free)

#endif
