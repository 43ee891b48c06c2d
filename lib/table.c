/* SPDX-License-Identifier: MIT */
#include "lib/table.h"

#include "lib/secret.h"
#include "lib/table-text.h"
#include <csv.h>
#include <sodium.h>
#include <string.h>

/* What is looked at once. */
#define CHUNK_BYTES 65536
/* Longest headline, in bytes. */
#define HEADLINE_BYTES_MAX 65536

/* Separators, the one preferred first. */
static const char separators[] = ";,\t|";

/* libcsv does not tell where it is. So it is fed line by line: a row ends at most once in a piece,
 * and the line on which it began is known. */
typedef struct {
    const char *data;
    gsize size;
    bool ends; /* with CR or LF; else the line goes on in the next piece */
    unsigned line;
} Piece;

struct TableReader {
    TableText *text;
    char *note;
    TableLimits limits;
    TableHead *head;
    GError *failed; /* the first error: the file stays refused */

    char *buffer;
    gsize at, have;
    unsigned line; /* of the next byte */
    bool after_cr;

    struct csv_parser csv;
    gsize since_field; /* bytes fed since a field ended; at least those that libcsv holds */
    unsigned fed_line; /* of what is being fed */
    bool in_row, row_done, filled;
    unsigned row_line, found, rows;
    char *cells; /* the fields so far, as many as the headline has, each with its NUL */
    gsize cells_used, cells_size;
};

/* libcsv's buffer holds passwords: it is wiped when it moves or goes. It does not tell its size, so
 * that stands before it. */
typedef union {
    gsize size;
    max_align_t align;
} Block;

static void wiping_free(void *memory)
{
    if (!memory)
        return;
    Block *block = (Block *)memory - 1;
    sodium_memzero(block, sizeof *block + block->size);
    g_free(block);
}

static void *wiping_realloc(void *memory, size_t size)
{
    Block *block = g_malloc(sizeof *block + size);
    block->size = size;
    if (memory)
        memcpy(block + 1, memory, MIN(size, ((Block *)memory - 1)->size));
    wiping_free(memory);
    return block + 1;
}

static void csv_start(struct csv_parser *csv, char separator)
{
    csv_init(csv, CSV_STRICT | CSV_STRICT_FINI);
    csv_set_realloc_func(csv, wiping_realloc);
    csv_set_free_func(csv, wiping_free);
    csv_set_blk_size(csv, 1024);
    csv_set_delim(csv, (unsigned char)separator);
}

TableReader *table_reader_new(GInputStream *stream, const TableLimits *limits)
{
    TableReader *reader = g_new0(TableReader, 1);
    reader->text = table_text_new(stream, limits->bytes_max);
    reader->limits = *limits;
    reader->buffer = g_malloc(CHUNK_BYTES);
    reader->line = 1;
    csv_start(&reader->csv, separators[0]);
    return reader;
}

void table_reader_free(TableReader *reader)
{
    if (!reader)
        return;
    csv_free(&reader->csv);
    wiping_free(reader->cells);
    sodium_memzero(reader->buffer, CHUNK_BYTES);
    g_free(reader->buffer);
    table_head_free(reader->head);
    g_clear_error(&reader->failed);
    table_text_free(reader->text);
    g_free(reader->note);
    g_free(reader);
}

G_GNUC_PRINTF(3, 4)
static void fail(TableReader *reader, TableError code, const char *format, ...)
{
    if (reader->failed)
        return;
    va_list args;
    va_start(args, format);
    reader->failed = g_error_new_valist(TABLE_ERROR, code, format, args);
    va_end(args);
}

/* --- bytes to pieces of lines --- */

static unsigned line_of(const TableReader *reader, gsize at)
{
    unsigned line = reader->line;
    bool after_cr = reader->after_cr;
    for (gsize i = reader->at; i < at; i++) {
        char c = reader->buffer[i];
        line += c == '\r' || (c == '\n' && !after_cr);
        after_cr = c == '\r';
    }
    return line;
}

/* Makes sure that there are bytes from at on. ANSWER_NO at the end of the file. */
static Answer fill(TableReader *reader)
{
    if (reader->at < reader->have)
        return ANSWER_YES;
    reader->at = reader->have = 0;
    gssize got =
        table_text_read(reader->text, reader->buffer, CHUNK_BYTES, reader->line, &reader->failed);
    if (got <= 0)
        return got < 0 ? ANSWER_UNKNOWN : ANSWER_NO;
    reader->have = (gsize)got;
    const char *nul = memchr(reader->buffer, '\0', reader->have);
    if (!nul)
        return ANSWER_YES;
    fail(reader, TABLE_ERROR_ENCODING,
         "batchload.csv is no plain text: line %u holds a NUL byte. It may be a workbook under "
         "another name. Save it in your spreadsheet as CSV UTF-8, and send that.",
         line_of(reader, (gsize)(nul - reader->buffer)));
    return ANSWER_UNKNOWN;
}

static Answer next_piece(TableReader *reader, Piece *piece)
{
    Answer answer = fill(reader);
    if (answer != ANSWER_YES)
        return answer;
    const char *data = reader->buffer + reader->at;
    gsize left = reader->have - reader->at, size = 0;
    while (size < left && data[size] != '\r' && data[size] != '\n')
        size++;
    bool ends = size < left;
    *piece = (Piece){data, size + ends, ends, reader->line};
    /* The LF of a CRLF belongs to the line that its CR has ended. */
    if (ends && !(data[size] == '\n' && size == 0 && reader->after_cr))
        reader->line++;
    reader->after_cr = ends && data[size] == '\r';
    reader->at += piece->size;
    return ANSWER_YES;
}

static bool is_blank(const char *data, gsize size, char separator)
{
    for (gsize i = 0; i < size; i++) {
        if (data[i] == separator || !strchr(" \t\r\n", data[i]))
            return false;
    }
    return true;
}

/* --- the headline --- */

/* What table_write_line() put before a formula's first character (and the ' that stand
 * before it) is taken off again. */
static gsize guard_length(const char *field, gsize size)
{
    gsize marks = 0;
    while (marks < size && field[marks] == '\'')
        marks++;
    return marks > 0 && marks < size && strchr("=+-@\t\r", field[marks]) ? 1 : 0;
}

/* Takes the line end off. */
static void chomp(GString *line)
{
    while (line->len && strchr("\r\n", line->str[line->len - 1]))
        g_string_truncate(line, line->len - 1);
}

/* The next line that is not blank, without its end. ANSWER_NO: none. */
static Answer read_line(TableReader *reader, GString *line, unsigned *number)
{
    Piece piece;
    Answer answer;
    g_string_truncate(line, 0);
    while ((answer = next_piece(reader, &piece)) == ANSWER_YES) {
        if (line->len == 0)
            *number = piece.line;
        g_string_append_len(line, piece.data, (gssize)piece.size);
        if (line->len > HEADLINE_BYTES_MAX) {
            fail(
                reader, TABLE_ERROR_LIMIT,
                "The first line of batchload.csv is longer than %u bytes, the limit of a headline. "
                "Check that lines end in LF or CRLF and that the first one holds the names of "
                "the columns.",
                HEADLINE_BYTES_MAX);
            return ANSWER_UNKNOWN;
        }
        if (!piece.ends)
            continue;
        if (!is_blank(line->str, line->len, '\0'))
            break;
        g_string_truncate(line, 0);
    }
    chomp(line);
    if (answer == ANSWER_NO && !is_blank(line->str, line->len, '\0'))
        return ANSWER_YES;
    return answer;
}

typedef struct {
    GPtrArray *names;
    unsigned columns_max;
    bool more; /* names than that */
} Names;

static void on_name(void *field, size_t size, void *data)
{
    Names *names = data;
    if (names->names->len == names->columns_max) {
        names->more = true;
    } else {
        gsize guard = guard_length(field, size);
        g_ptr_array_add(names->names, secret_ndup((char *)field + guard, size - guard));
    }
}

static void on_end(int c, void *data)
{
    (void)c;
    (void)data;
}

/* The names of a line split at a separator. false where its quotes do not fit. */
static bool split_names(const GString *line, char separator, Names *names)
{
    struct csv_parser csv;
    csv_start(&csv, separator);
    bool split = csv_parse(&csv, line->str, line->len, on_name, on_end, names) == line->len &&
                 csv_fini(&csv, on_name, on_end, names) == 0;
    csv_free(&csv);
    return split;
}

static unsigned count_known(const GPtrArray *names)
{
    unsigned known = 0;
    for (unsigned i = 0; i < names->len; i++) {
        Field field;
        known += field_find(g_ptr_array_index(names, i), &field);
    }
    return known;
}

/* The separator by which most known names are found. '\0': quoted wrongly whichever it is. */
static char find_separator(const GString *line, const char *candidates, unsigned columns_max,
                           Names *best)
{
    char found = '\0';
    unsigned best_known = 0;
    for (; *candidates; candidates++) {
        g_autoptr(GPtrArray) array = g_ptr_array_new_with_free_func((GDestroyNotify)secret_free);
        Names names = {array, columns_max, false};
        if (!split_names(line, *candidates, &names))
            continue;
        unsigned known = count_known(array);
        if (found && known <= best_known)
            continue;
        found = *candidates;
        best_known = known;
        g_clear_pointer(&best->names, g_ptr_array_unref);
        *best = names;
        array = NULL;
    }
    return found;
}

static void make_head(TableReader *reader, const GString *line, unsigned number,
                      const char *candidates)
{
    Names names = {0};
    char separator = find_separator(line, candidates, reader->limits.columns_max, &names);
    g_autoptr(GPtrArray) owned = names.names;
    if (!separator) {
        fail(reader, TABLE_ERROR_QUOTING,
             "The quotes in the headline of batchload.csv (line %u) do not fit: a quoted name must "
             "begin and end with \" and must not hold a single one.",
             number);
        return;
    }
    g_ptr_array_add(owned, NULL);
    reader->head = table_head_from_names((const char *const *)owned->pdata,
                                         reader->limits.attributes, &reader->failed);
    if (reader->head && names.more) {
        g_clear_pointer(&reader->head, table_head_free);
        fail(reader, TABLE_ERROR_LIMIT,
             "batchload.csv has more than %u columns (limit columns_max). Take out those that are "
             "not "
             "needed.",
             reader->limits.columns_max);
    }
    csv_set_delim(&reader->csv, (unsigned char)separator);
}

static void read_head(TableReader *reader)
{
    g_autoptr(GString) line = g_string_new(NULL);
    unsigned number = 1;
    char forced[2] = "";
    Answer answer = read_line(reader, line, &number);
    if (answer == ANSWER_YES && line->len == 5 && g_ascii_strncasecmp(line->str, "sep=", 4) == 0 &&
        strchr(separators, line->str[4])) {
        forced[0] = line->str[4];
        answer = read_line(reader, line, &number);
    }
    if (answer == ANSWER_NO)
        fail(reader, TABLE_ERROR_EMPTY,
             "batchload.csv is empty. Its first line must hold the names of the columns, and each "
             "further line one change.");
    else if (answer == ANSWER_YES)
        make_head(reader, line, number, *forced ? forced : separators);
    sodium_memzero(line->str, line->allocated_len);
}

/* A file that can't be read is told before the faults of its headline: the rest is looked at, too.
 * Quotes are not, since there is no separator to be sure of. */
static void scan_rest(TableReader *reader)
{
    g_autoptr(GError) fault = g_steal_pointer(&reader->failed);
    Piece piece;
    while (next_piece(reader, &piece) == ANSWER_YES)
        ;
    if (!reader->failed)
        reader->failed = g_steal_pointer(&fault);
}

const TableHead *table_reader_head(TableReader *reader, GError **error)
{
    if (!reader->head && !reader->failed) {
        read_head(reader);
        if (g_error_matches(reader->failed, TABLE_ERROR, TABLE_ERROR_HEADLINE) ||
            g_error_matches(reader->failed, TABLE_ERROR, TABLE_ERROR_COLUMN))
            scan_rest(reader);
    }
    if (reader->failed) {
        g_propagate_error(error, g_error_copy(reader->failed));
        return NULL;
    }
    return reader->head;
}

/* --- the rows --- */

static void add_cell(TableReader *reader, const char *cell, gsize size)
{
    if (reader->cells_size - reader->cells_used <= size) {
        reader->cells_size = 2 * (reader->cells_size + size + 1);
        reader->cells = wiping_realloc(reader->cells, reader->cells_size);
    }
    memcpy(reader->cells + reader->cells_used, cell, size);
    reader->cells_used += size;
    reader->cells[reader->cells_used++] = '\0';
}

static void on_field(void *data, size_t size, void *user)
{
    TableReader *reader = user;
    const char *field = data;
    reader->since_field = 0;
    if (reader->failed)
        return;
    if (++reader->found > reader->limits.columns_max) {
        fail(reader, TABLE_ERROR_LIMIT,
             "Line %u of batchload.csv has more than %u fields (limit columns_max). Look for "
             "separators that should stand in quotes.",
             reader->fed_line, reader->limits.columns_max);
    } else if (size > reader->limits.field_bytes_max) {
        fail(reader, TABLE_ERROR_LIMIT,
             "A field in line %u of batchload.csv is longer than %" G_GSIZE_FORMAT
             " bytes (limit field_bytes_max). Shorten it, or look for a missing closing quote.",
             reader->fed_line, reader->limits.field_bytes_max);
    }
    reader->filled = reader->filled || size > 0;
    if (reader->failed || reader->found > reader->head->columns)
        return;
    gsize guard =
        field_is_secret(reader->head->field[reader->found - 1]) ? 0 : guard_length(field, size);
    add_cell(reader, field + guard, size - guard);
}

static void on_row(int c, void *user)
{
    TableReader *reader = user;
    (void)c;
    reader->row_done = true;
}

/* Whether what a ragged row has in a column may be told: only DOMAIN and USER before the PASSWORD
 * column, and not if so many fields are missing that the password may have moved there. */
static bool ragged_keeps(const TableReader *reader, unsigned column)
{
    const TableHead *head = reader->head;
    if (head->field[column] != FIELD_DOMAIN && head->field[column] != FIELD_USER)
        return false;
    int password = head->column_of[FIELD_PASSWORD];
    unsigned missing = reader->found < head->columns ? head->columns - reader->found : 0;
    return password < 0 || column + missing < (unsigned)password;
}

/* As the row was written, but that only those cells are left that may be told. */
static TableRow *take_ragged(TableReader *reader)
{
    const TableHead *head = reader->head;
    g_autoptr(GString) cells = g_string_new(NULL); /* no password is among them */
    const char *cell = reader->cells;
    for (unsigned i = 0; i < head->columns; i++) {
        bool there = i < reader->found;
        if (there && ragged_keeps(reader, i))
            g_string_append(cells, cell);
        g_string_append_c(cells, '\0');
        cell += there ? strlen(cell) + 1 : 0;
    }
    TableRow *row = table_row_new(reader->row_line, head->columns, cells->str, cells->len);
    row->found = reader->found;
    return row;
}

static TableRow *take_row(TableReader *reader)
{
    if (reader->found != reader->head->columns)
        return take_ragged(reader);
    return table_row_new(reader->row_line, reader->found, reader->cells, reader->cells_used);
}

static bool feed(TableReader *reader, const Piece *piece)
{
    reader->fed_line = piece->line;
    reader->since_field += piece->size;
    size_t parsed = csv_parse(&reader->csv, piece->data, piece->size, on_field, on_row, reader);
    if (parsed != piece->size) {
        fail(reader, TABLE_ERROR_QUOTING,
             "Line %u of batchload.csv has a quote inside a field. A field that holds a quote, a "
             "separator or a line break must stand in quotes, and a quote in it must be doubled.",
             piece->line);
    } else if (reader->since_field / 2 > reader->limits.field_bytes_max + CHUNK_BYTES) {
        /* Doubled quotes count once: what libcsv holds is at least half of it. */
        fail(reader, TABLE_ERROR_LIMIT,
             "A field in the row that begins in line %u of batchload.csv is longer than "
             "%" G_GSIZE_FORMAT
             " bytes (limit field_bytes_max). Shorten it, or look for a missing closing quote.",
             reader->row_line, reader->limits.field_bytes_max);
    }
    return !reader->failed;
}

/* The file ends: so does the row, unless a quote is open. */
static bool finish(TableReader *reader)
{
    if (reader->in_row && csv_fini(&reader->csv, on_field, on_row, reader) != 0)
        fail(reader, TABLE_ERROR_QUOTING,
             "batchload.csv ends inside a quoted field of the row that begins in line %u. Add the "
             "closing quote.",
             reader->row_line);
    return !reader->failed;
}

/* A row has ended. NULL where it is blank, or one too many. */
static TableRow *end_row(TableReader *reader)
{
    TableRow *row = reader->filled ? take_row(reader) : NULL;
    reader->in_row = reader->row_done = reader->filled = false;
    reader->found = 0;
    reader->since_field = 0;
    reader->cells_used = 0;
    if (row && ++reader->rows > reader->limits.rows_max) {
        g_clear_pointer(&row, table_row_free);
        fail(
            reader, TABLE_ERROR_LIMIT,
            "batchload.csv has more than %u rows (limit rows_max). Split it into several requests.",
            reader->limits.rows_max);
    }
    return row;
}

/* NULL at the end, or where the file is refused. */
static TableRow *read_row(TableReader *reader)
{
    char separator = (char)csv_get_delim(&reader->csv);
    TableRow *row = NULL;
    while (!row && !reader->failed) {
        Piece piece;
        Answer answer = next_piece(reader, &piece);
        if (answer == ANSWER_UNKNOWN)
            break;
        if (answer == ANSWER_NO)
            return finish(reader) && reader->row_done ? end_row(reader) : NULL;
        if (!reader->in_row && is_blank(piece.data, piece.size, separator))
            continue;
        if (!reader->in_row)
            reader->row_line = piece.line;
        reader->in_row = true;
        if (feed(reader, &piece) && reader->row_done)
            row = end_row(reader);
    }
    return row;
}

Answer table_reader_next(TableReader *reader, TableRow **row, GError **error)
{
    if (!table_reader_head(reader, error))
        return ANSWER_UNKNOWN;
    TableRow *next = read_row(reader);
    if (reader->failed) {
        table_row_free(next);
        g_propagate_error(error, g_error_copy(reader->failed));
        return ANSWER_UNKNOWN;
    }
    *row = next;
    return next ? ANSWER_YES : ANSWER_NO;
}

const char *table_reader_note(TableReader *reader)
{
    unsigned line = table_text_windows_line(reader->text);
    if (line && !reader->note)
        reader->note = g_strdup_printf(
            "batchload.csv was not saved as UTF-8 (line %u is the first to show it) and was read "
            "as Windows-1252. If letters like \303\244 or \303\251 came out wrong, save it as CSV "
            "UTF-8 and send a correction.",
            line);
    return reader->note;
}
