/* SPDX-License-Identifier: MIT */
#include "lib/response-stream.h"

#include "lib/operation.h"
#include "lib/text.h"
#include <string.h>

/* Longest REASON cell, in bytes. */
#define REASON_BYTES_MAX 1000

#define SEPARATOR ';'
/* Without it, Excel takes the file for one in the local 8-bit encoding. */
#define BYTE_ORDER_MARK "\xef\xbb\xbf"

void response_fail(ResponseFailure *failure, GError *error)
{
    if (failure->error)
        g_error_free(error);
    else
        failure->error = error;
}

Answer response_next(const ResponseSource *source, Outcome **outcome, ResponseFailure *failure)
{
    GError *error = NULL;
    Answer answer = source->next(source->data, outcome, &error);
    if (answer == ANSWER_UNKNOWN)
        response_fail(failure, error);
    return answer;
}

TableRow *response_row(const ResponseSource *source, ResponseFailure *failure)
{
    GError *error = NULL;
    TableRow *row = source->row(source->data, &error);
    if (!row)
        response_fail(failure, error);
    return row;
}

/* --- a table that is made while it is read --- */

typedef struct {
    GMimeStream parent;
    const ResponseSource *source;
    ResponseFailure *failure;
    ResponseTable table;
    unsigned part; /* of export.csv: the next one */
    bool begun, ended;
    GString *pending; /* lines made and not yet read */
    gsize at;
} TableStream;
typedef struct {
    GMimeStreamClass parent;
} TableStreamClass;

static GType table_stream_get_type(void);
G_DEFINE_TYPE(TableStream, table_stream, GMIME_TYPE_STREAM)

static bool is_ours(Field field)
{
    return field == FIELD_RESULT || field == FIELD_REASON;
}

/* A line of cells: those of the input but our own columns of an earlier response, and two more. */
static void add_line(TableStream *stream, const char *const *cells, const char *result,
                     const char *reason)
{
    const TableHead *head = stream->source->head;
    g_autofree const char **line = g_new(const char *, head->columns + 2);
    unsigned count = 0;
    for (unsigned i = 0; i < head->columns; i++) {
        if (!is_ours(head->field[i]))
            line[count++] = cells[i];
    }
    line[count++] = result;
    line[count++] = reason;
    table_write_line(stream->pending, SEPARATOR, line, count);
}

static char *reason_of(const Outcome *outcome)
{
    g_autoptr(GString) words = g_string_new(NULL);
    if (outcome->field && outcome->value)
        g_string_append_printf(words, "%s \"%s\": ", outcome->field, outcome->value);
    else if (outcome->field)
        g_string_append_printf(words, "%s: ", outcome->field);
    if (outcome->reason)
        g_string_append(words, outcome->reason);
    if (outcome->reason && outcome->advice)
        g_string_append_c(words, ' ');
    if (outcome->advice)
        g_string_append(words, outcome->advice);
    return text_printable(words->str, (gssize)words->len, REASON_BYTES_MAX);
}

bool response_cell_is_hidden(const TableRow *row, const TableHead *head, const Outcome *outcome,
                             unsigned column)
{
    return field_is_secret(head->field[column]) ||
           (outcome->result == RESULT_FAILED && operation_cell_is_doubtful(row, head, column));
}

/* The line of the outcome given last. */
static bool add_row(TableStream *stream, const Outcome *outcome)
{
    const TableHead *head = stream->source->head;
    g_autoptr(TableRow) row = response_row(stream->source, stream->failure);
    if (!row)
        return false;
    g_autofree const char **cells = g_new(const char *, head->columns);
    g_autofree char *reason = reason_of(outcome);
    for (unsigned i = 0; i < head->columns; i++)
        cells[i] = response_cell_is_hidden(row, head, outcome, i) ? "" : row->cell[i];
    add_line(stream, cells, result_name(outcome->result), reason);
    return true;
}

static bool begin(TableStream *stream)
{
    GError *error = NULL;
    stream->begun = true;
    if (stream->table == RESPONSE_TABLE_EXPORT) {
        stream->part = 0;
        g_string_append(stream->pending, BYTE_ORDER_MARK);
        return true;
    }
    if (!stream->source->rewind(stream->source->data, &error)) {
        response_fail(stream->failure, error);
        return false;
    }
    g_string_append(stream->pending, BYTE_ORDER_MARK);
    add_line(stream, (const char *const *)stream->source->head->name, field_name(FIELD_RESULT),
             field_name(FIELD_REASON));
    return true;
}

static bool add_part(TableStream *stream)
{
    GError *error = NULL;
    g_autofree char *lines = NULL;
    const Answer answer =
        stream->source->part(stream->source->data, stream->part++, &lines, &error);
    stream->ended = answer != ANSWER_YES;
    if (answer == ANSWER_UNKNOWN)
        response_fail(stream->failure, error);
    else if (lines)
        g_string_append(stream->pending, lines);
    return answer != ANSWER_UNKNOWN;
}

/* Makes the next line, or some. false: none could be made. */
static bool make_line(TableStream *stream)
{
    g_string_truncate(stream->pending, 0);
    stream->at = 0;
    if (!stream->begun)
        return begin(stream);
    while (stream->table == RESPONSE_TABLE_EXPORT && stream->pending->len == 0 && !stream->ended)
        if (!add_part(stream))
            return false;
    while (stream->pending->len == 0 && !stream->ended) {
        Outcome *next = NULL;
        Answer answer = response_next(stream->source, &next, stream->failure);
        stream->ended = answer != ANSWER_YES;
        if (answer != ANSWER_YES)
            return answer == ANSWER_NO;
        g_autoptr(Outcome) outcome = next;
        bool told = stream->table == RESPONSE_TABLE_RESULT ||
                    (outcome->result == RESULT_FAILED && !outcome->done);
        if (told && !add_row(stream, outcome))
            return false;
    }
    return true;
}

static ssize_t table_stream_read(GMimeStream *base, char *buffer, size_t length)
{
    TableStream *stream = (TableStream *)base;
    size_t done = 0;
    while (done < length && !stream->ended) {
        if (stream->at == stream->pending->len && !make_line(stream))
            return -1;
        gsize n = MIN(length - done, stream->pending->len - stream->at);
        memcpy(buffer + done, stream->pending->str + stream->at, n);
        stream->at += n;
        done += n;
    }
    base->position += (gint64)done;
    return (ssize_t)done;
}

static gboolean table_stream_eos(GMimeStream *base)
{
    return ((TableStream *)base)->ended;
}

static int table_stream_reset(GMimeStream *base)
{
    TableStream *stream = (TableStream *)base;
    stream->begun = stream->ended = false;
    g_string_truncate(stream->pending, 0);
    stream->at = 0;
    base->position = 0;
    return 0;
}

static gint64 table_stream_length(GMimeStream *base)
{
    (void)base;
    return -1;
}

static void table_stream_finalize(GObject *object)
{
    g_string_free(((TableStream *)object)->pending, TRUE);
    G_OBJECT_CLASS(table_stream_parent_class)->finalize(object);
}

static void table_stream_class_init(TableStreamClass *class)
{
    GMimeStreamClass *base = GMIME_STREAM_CLASS(class);
    G_OBJECT_CLASS(class)->finalize = table_stream_finalize;
    base->read = table_stream_read;
    base->eos = table_stream_eos;
    base->reset = table_stream_reset;
    base->length = table_stream_length;
}

static void table_stream_init(TableStream *stream)
{
    stream->pending = g_string_new(NULL);
}

GMimeStream *response_table_stream(const ResponseSource *source, ResponseTable table,
                                   ResponseFailure *failure)
{
    TableStream *stream = g_object_new(table_stream_get_type(), NULL);
    g_mime_stream_construct(&stream->parent, 0, -1);
    stream->source = source;
    stream->table = table;
    stream->failure = failure;
    return &stream->parent;
}

/* --- the same, packed while it is read --- */

typedef struct {
    GMimeStream parent;
    GMimeStream *plain;
    GConverter *gzip;
    ResponseFailure *failure;
    bool plain_ended, ended;
    gsize at, have;
    char in[16384];
} PackedStream;
typedef struct {
    GMimeStreamClass parent;
} PackedStreamClass;

static GType packed_stream_get_type(void);
G_DEFINE_TYPE(PackedStream, packed_stream, GMIME_TYPE_STREAM)

static bool packed_stream_fill(PackedStream *stream)
{
    if (stream->at < stream->have || stream->plain_ended)
        return true;
    ssize_t got = g_mime_stream_read(stream->plain, stream->in, sizeof stream->in);
    if (got < 0)
        return false;
    stream->plain_ended = got == 0;
    stream->at = 0;
    stream->have = (gsize)got;
    return true;
}

static ssize_t packed_stream_read(GMimeStream *base, char *buffer, size_t length)
{
    PackedStream *stream = (PackedStream *)base;
    gsize read = 0, written = 0;
    while (written == 0 && length > 0 && !stream->ended) {
        GError *error = NULL;
        if (!packed_stream_fill(stream))
            return -1;
        GConverterResult result = g_converter_convert(
            stream->gzip, stream->in + stream->at, stream->have - stream->at, buffer, length,
            stream->plain_ended ? G_CONVERTER_INPUT_AT_END : G_CONVERTER_NO_FLAGS, &read, &written,
            &error);
        if (result == G_CONVERTER_ERROR) {
            response_fail(stream->failure, error);
            return -1;
        }
        stream->at += read;
        stream->ended = result == G_CONVERTER_FINISHED;
    }
    base->position += (gint64)written;
    return (ssize_t)written;
}

static gboolean packed_stream_eos(GMimeStream *base)
{
    return ((PackedStream *)base)->ended;
}

static int packed_stream_reset(GMimeStream *base)
{
    PackedStream *stream = (PackedStream *)base;
    g_converter_reset(stream->gzip);
    stream->plain_ended = stream->ended = false;
    stream->at = stream->have = 0;
    base->position = 0;
    return g_mime_stream_reset(stream->plain);
}

static void packed_stream_finalize(GObject *object)
{
    PackedStream *stream = (PackedStream *)object;
    g_object_unref(stream->plain);
    g_object_unref(stream->gzip);
    G_OBJECT_CLASS(packed_stream_parent_class)->finalize(object);
}

static void packed_stream_class_init(PackedStreamClass *class)
{
    GMimeStreamClass *base = GMIME_STREAM_CLASS(class);
    G_OBJECT_CLASS(class)->finalize = packed_stream_finalize;
    base->read = packed_stream_read;
    base->eos = packed_stream_eos;
    base->reset = packed_stream_reset;
    base->length = table_stream_length;
}

static void packed_stream_init(PackedStream *stream)
{
    stream->gzip = G_CONVERTER(g_zlib_compressor_new(G_ZLIB_COMPRESSOR_FORMAT_GZIP, 6));
}

GMimeStream *response_packed_stream(const ResponseSource *source, ResponseTable table,
                                    ResponseFailure *failure)
{
    PackedStream *stream = g_object_new(packed_stream_get_type(), NULL);
    g_mime_stream_construct(&stream->parent, 0, -1);
    stream->plain = response_table_stream(source, table, failure);
    stream->failure = failure;
    return &stream->parent;
}

/* --- GIO's stream for GMime to write to --- */

typedef struct {
    GMimeStream parent;
    GOutputStream *out;
    guint64 bytes_max;
    ResponseFailure *failure;
} OutStream;
typedef struct {
    GMimeStreamClass parent;
} OutStreamClass;

static GType out_stream_get_type(void);
G_DEFINE_TYPE(OutStream, out_stream, GMIME_TYPE_STREAM)

static ssize_t out_stream_write(GMimeStream *base, const char *buffer, size_t length)
{
    OutStream *stream = (OutStream *)base;
    GError *error = NULL;
    if (stream->failure->error)
        return -1;
    if ((guint64)base->position + length > stream->bytes_max) {
        response_fail(stream->failure, g_error_new(RESPONSE_ERROR, RESPONSE_ERROR_TOO_LARGE,
                                                   "the response would be too large"));
        return -1;
    }
    if (!g_output_stream_write_all(stream->out, buffer, length, NULL, NULL, &error)) {
        response_fail(stream->failure, error);
        return -1;
    }
    base->position += (gint64)length;
    return (ssize_t)length;
}

static int out_stream_flush(GMimeStream *base)
{
    (void)base;
    return 0;
}

static gint64 out_stream_tell(GMimeStream *base)
{
    return base->position;
}

static void out_stream_class_init(OutStreamClass *class)
{
    GMimeStreamClass *base = GMIME_STREAM_CLASS(class);
    base->write = out_stream_write;
    base->flush = out_stream_flush;
    base->tell = out_stream_tell;
}

static void out_stream_init(OutStream *stream)
{
    (void)stream;
}

GMimeStream *response_out_stream(GOutputStream *out, guint64 bytes_max, ResponseFailure *failure)
{
    OutStream *stream = g_object_new(out_stream_get_type(), NULL);
    g_mime_stream_construct(&stream->parent, 0, -1);
    stream->out = out;
    stream->bytes_max = bytes_max;
    stream->failure = failure;
    return &stream->parent;
}
