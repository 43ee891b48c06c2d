/* SPDX-License-Identifier: MIT */
#include "lib/parse-uuencode.h"
#include <gmime/gmime.h>
#include <sodium.h>
#include <string.h>

/* Bytes that a line's first character announces: 0 to 63. -1: it begins no such line. */
static int announced(char c)
{
    return c >= ' ' && c <= '`' ? (c - ' ') & 63 : -1;
}

/* Whether the line (without its end) begins a file that counts. */
static bool is_begin(const Uuencode *uuencode, gsize length)
{
    const char *at = uuencode->line, *end = at + length;
    if (length < 6 || memcmp(at, "begin ", 6) != 0)
        return false;
    const char *mode = at += 6;
    while (at < end && *at >= '0' && *at <= '7')
        at++;
    if (at - mode < 3 || at - mode > 4 || at == end || *at != ' ')
        return false;
    at++;
    while (end > at && end[-1] == ' ')
        end--;
    return uuencode->name == NULL || ((gsize)(end - at) == strlen(uuencode->name) &&
                                      g_ascii_strncasecmp(at, uuencode->name, end - at) == 0);
}

/* A line of count bytes, with the blanks that were lost at its end. */
static bool decode(Uuencode *uuencode, gsize length, gsize count)
{
    gsize whole = 1 + (count + 2) / 3 * 4;
    char text[1 + 84 + 1], bytes[sizeof text];
    memset(text, '`', sizeof text);
    memcpy(text, uuencode->line, MIN(length, whole));
    text[whole] = '\n';
    GMimeEncoding decoder;
    g_mime_encoding_init_decode(&decoder, GMIME_CONTENT_ENCODING_UUENCODE);
    gsize got = g_mime_encoding_step(&decoder, text, whole + 1, bytes);
    bool good = uuencode->write(uuencode->data, bytes, MIN(got, count));
    sodium_memzero(text, sizeof text);
    sodium_memzero(bytes, sizeof bytes);
    return good;
}

static void break_off(Uuencode *uuencode)
{
    uuencode->broken = true;
    uuencode->at = UUENCODE_OUTSIDE;
}

static bool take_data(Uuencode *uuencode, gsize length)
{
    int count = length == 0 ? 0 : announced(uuencode->line[0]);
    gsize whole = 1 + (gsize)(MAX(count, 0) + 2) / 3 * 4;
    bool good = count >= 0 && length <= whole + 1; /* some add a check digit */
    for (gsize i = 1; good && i < length; i++)
        good = announced(uuencode->line[i]) >= 0;
    if (!good) {
        break_off(uuencode);
        return true;
    }
    if (count == 0) {
        uuencode->at = UUENCODE_LAST;
        return true;
    }
    if (uuencode->files > 1)
        return true;
    uuencode->bytes += (guint64)count;
    return uuencode->write == NULL || decode(uuencode, length, (gsize)count);
}

static bool is_end(const Uuencode *uuencode, gsize length)
{
    const char *line = uuencode->line;
    if (length < 3 || memcmp(line, "end", 3) != 0)
        return false;
    while (length > 3 && line[length - 1] == ' ')
        length--;
    return length == 3;
}

/* Without its line end; one that is too long is cut. */
static bool take_line(Uuencode *uuencode, gsize length)
{
    if (length > 0 && length <= UUENCODE_LINE_MAX && uuencode->line[length - 1] == '\r')
        length--;
    if (uuencode->at == UUENCODE_OUTSIDE) {
        if (length <= UUENCODE_LINE_MAX && is_begin(uuencode, length)) {
            uuencode->files++;
            uuencode->at = UUENCODE_INSIDE;
        }
    } else if (length <= UUENCODE_LINE_MAX && is_end(uuencode, length)) {
        uuencode->at = UUENCODE_OUTSIDE;
    } else if (length <= UUENCODE_LINE_MAX && uuencode->at == UUENCODE_INSIDE) {
        return take_data(uuencode, length);
    } else if (length > 0) {
        /* Too long, or behind the last line of a file, where there is nothing but its end. */
        break_off(uuencode);
    }
    return true;
}

bool uuencode_feed(Uuencode *uuencode, const char *bytes, gsize size)
{
    for (const char *end = bytes + size; bytes < end;) {
        const char *line = memchr(bytes, '\n', (gsize)(end - bytes));
        gsize piece = (gsize)((line != NULL ? line : end) - bytes);
        if (uuencode->length < UUENCODE_LINE_MAX)
            memcpy(uuencode->line + uuencode->length, bytes,
                   MIN(piece, UUENCODE_LINE_MAX - uuencode->length));
        uuencode->length += piece;
        bytes += piece;
        if (line == NULL)
            break;
        bytes++;
        gsize length = uuencode->length;
        uuencode->length = 0;
        if (!take_line(uuencode, length))
            return false;
    }
    return true;
}

bool uuencode_end(Uuencode *uuencode)
{
    bool good = uuencode->length == 0 || uuencode_feed(uuencode, "\n", 1);
    if (uuencode->at != UUENCODE_OUTSIDE)
        break_off(uuencode);
    sodium_memzero(uuencode->line, sizeof uuencode->line);
    return good;
}
