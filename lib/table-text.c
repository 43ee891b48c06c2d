/* SPDX-License-Identifier: MIT */
#include "lib/table-text.h"

#include "lib/text.h"
#include <sodium.h>
#include <string.h>

/* What is read of the stream at once. */
#define CHUNK_BYTES 65536
/* Bytes of the longest character in any of the encodings. */
#define CHARACTER_BYTES_MAX 4

struct TableText {
    GInputStream *stream;
    guint64 bytes, bytes_max;
    GConverter *converter; /* NULL: UTF-8 */
    bool utf16;            /* by its mark */
    bool beyond_ascii;     /* a character of UTF-8 beyond ASCII, or its mark, was seen */
    unsigned windows_line; /* of the first character of Windows-1252 */
    bool begun, ended;     /* the mark was looked at; the stream gives no more */
    gsize at, have;
    char raw[CHUNK_BYTES];
};

TableText *table_text_new(GInputStream *stream, guint64 bytes_max)
{
    TableText *text = g_new0(TableText, 1);
    text->stream = g_object_ref(stream);
    text->bytes_max = bytes_max;
    return text;
}

void table_text_free(TableText *text)
{
    if (!text)
        return;
    g_object_unref(text->stream);
    g_clear_object(&text->converter);
    /* It held passwords. */
    sodium_memzero(text, sizeof *text);
    g_free(text);
}

unsigned table_text_windows_line(const TableText *text)
{
    return text->windows_line;
}

/* One read, behind what is there still. */
static bool fetch(TableText *text, GError **error)
{
    GError *problem = NULL;
    memmove(text->raw, text->raw + text->at, text->have - text->at);
    text->have -= text->at;
    text->at = 0;
    gssize got = g_input_stream_read(text->stream, text->raw + text->have, CHUNK_BYTES - text->have,
                                     NULL, &problem);
    if (got < 0 && problem->domain == G_IO_ERROR) {
        g_set_error(error, TABLE_ERROR, TABLE_ERROR_READ, "The file could not be read: %s",
                    problem->message);
        g_error_free(problem);
    } else if (got < 0) {
        g_propagate_error(error, problem);
    }
    if (got < 0)
        return false;
    text->ended = got == 0;
    text->have += (gsize)got;
    text->bytes += (guint64)got;
    if (text->bytes <= text->bytes_max)
        return true;
    g_autofree char *size = text_size(text->bytes_max);
    g_set_error(error, TABLE_ERROR, TABLE_ERROR_LIMIT,
                "batchload.csv is larger than %s (limit attachment_bytes_max). "
                "Split it into several requests.",
                size);
    return false;
}

/* From here on another encoding than UTF-8. */
static bool convert_from(TableText *text, const char *charset, GError **error)
{
    g_autoptr(GError) problem = NULL;
    GCharsetConverter *converter = g_charset_converter_new("UTF-8", charset, &problem);
    if (!converter) {
        g_set_error(error, TABLE_ERROR, TABLE_ERROR_READ, "%s can't be read here: %s", charset,
                    problem->message);
        return false;
    }
    text->converter = G_CONVERTER(converter);
    return true;
}

/* What a spreadsheet program itself works on, and which somebody gave the name of a CSV file: ZIP
 * (xlsx, ods), and what was there before it (xls). */
static bool is_workbook(const TableText *text)
{
    return text->have >= 4 && (memcmp(text->raw, "PK\x03\x04", 4) == 0 ||
                               memcmp(text->raw, "\xd0\xcf\x11\xe0", 4) == 0);
}

/* Looks for a byte order mark. */
static bool begin(TableText *text, GError **error)
{
    while (text->have < 4 && !text->ended) {
        if (!fetch(text, error))
            return false;
    }
    text->begun = true;
    if (is_workbook(text)) {
        g_set_error_literal(
            error, TABLE_ERROR, TABLE_ERROR_ENCODING,
            "batchload.csv is a workbook (such as xlsx), not a CSV file. Open it in "
            "your spreadsheet program, save it there as CSV, and attach that file.");
        return false;
    }
    bool little = text->have >= 2 && memcmp(text->raw, "\xff\xfe", 2) == 0;
    bool big = text->have >= 2 && memcmp(text->raw, "\xfe\xff", 2) == 0;
    if (little || big) {
        text->at = 2;
        text->utf16 = true;
        return convert_from(text, little ? "UTF-16LE" : "UTF-16BE", error);
    }
    if (text->have >= 3 && memcmp(text->raw, "\xef\xbb\xbf", 3) == 0) {
        text->at = 3;
        text->beyond_ascii = true;
    }
    return true;
}

/* --- UTF-8 --- */

static bool has_beyond_ascii(const char *bytes, gsize size)
{
    for (gsize i = 0; i < size; i++) {
        if ((guchar)bytes[i] >= 0x80)
            return true;
    }
    return false;
}

/* Bytes at the front that are whole characters, at most size of them; *cut: what follows them can
 * be the beginning of a character. */
static gsize count_good(const TableText *text, gsize size, bool *cut)
{
    const char *from = text->raw + text->at, *end;
    gsize left = MIN(text->have - text->at, size);
    /* A NUL ends what is valid; it is handed on, for the reader to refuse. */
    if (left > 0 && *from == '\0')
        return 1;
    g_utf8_validate(from, (gssize)left, &end);
    gsize rest = left - (gsize)(end - from);
    *cut = rest == 0 || (rest < CHARACTER_BYTES_MAX && *end != '\0' &&
                         g_utf8_get_char_validated(end, (gssize)rest) == (gunichar)-2);
    return (gsize)(end - from);
}

/* The first byte is none of UTF-8. */
static bool leave_utf8(TableText *text, unsigned line, GError **error)
{
    if (text->beyond_ascii) {
        g_set_error(
            error, TABLE_ERROR, TABLE_ERROR_ENCODING,
            "Line %u of batchload.csv is not UTF-8, although the file is up to there: it keeps "
            "letters like \303\244 in two different ways. Save it as CSV UTF-8 and send it again.",
            line);
        return false;
    }
    text->windows_line = line;
    return convert_from(text, "WINDOWS-1252", error);
}

/* --- other encodings --- */

static void set_unconvertible(const TableText *text, unsigned line, GError **error)
{
    if (text->utf16)
        g_set_error(error, TABLE_ERROR, TABLE_ERROR_ENCODING,
                    "Line %u of batchload.csv is not UTF-16, although the file begins with its "
                    "mark; it may be cut off. Save it as CSV UTF-8 and send it again.",
                    line);
    else
        g_set_error(error, TABLE_ERROR, TABLE_ERROR_ENCODING,
                    "Line %u of batchload.csv holds a byte that is a character neither in UTF-8 "
                    "nor in Windows-1252. Save the file as CSV UTF-8 and send it again.",
                    line);
}

/* One step. 0: more bytes are needed. */
static gssize convert(TableText *text, char *buffer, gsize size, unsigned line, GError **error)
{
    g_autoptr(GError) problem = NULL;
    gsize read = 0, written = 0;
    if (text->at == text->have)
        return 0;
    GConverterResult result = g_converter_convert(
        text->converter, text->raw + text->at, text->have - text->at, buffer, size,
        text->ended ? G_CONVERTER_INPUT_AT_END : G_CONVERTER_NO_FLAGS, &read, &written, &problem);
    if (result != G_CONVERTER_ERROR) {
        text->at += read;
        return (gssize)written;
    }
    if (!text->ended && g_error_matches(problem, G_IO_ERROR, G_IO_ERROR_PARTIAL_INPUT))
        return 0;
    set_unconvertible(text, line, error);
    return -1;
}

gssize table_text_read(TableText *text, char *buffer, gsize size, unsigned line, GError **error)
{
    if (!text->begun && !begin(text, error))
        return -1;
    for (;;) {
        bool cut = false;
        if (text->converter) {
            gssize got = convert(text, buffer, size, line, error);
            if (got != 0)
                return got;
            cut = true;
        } else {
            gsize good = count_good(text, size, &cut);
            if (good > 0) {
                text->beyond_ascii =
                    text->beyond_ascii || has_beyond_ascii(text->raw + text->at, good);
                memcpy(buffer, text->raw + text->at, good);
                text->at += good;
                return (gssize)good;
            }
        }
        if (text->ended && text->at == text->have)
            return 0;
        if (cut && !text->ended) {
            if (!fetch(text, error))
                return -1;
        } else if (!text->converter && !leave_utf8(text, line, error)) {
            return -1;
        }
    }
}
