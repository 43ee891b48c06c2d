/* SPDX-License-Identifier: MIT */
#include "lib/text.h"

#include <string.h>

#define ELLIPSIS "\xe2\x80\xa6"

static gboolean shows(gunichar c)
{
    GUnicodeType type = g_unichar_type(c);
    return g_unichar_isprint(c) && type != G_UNICODE_LINE_SEPARATOR &&
           type != G_UNICODE_PARAGRAPH_SEPARATOR && type != G_UNICODE_PRIVATE_USE;
}

/* Takes characters off the end until the ellipsis fits. */
static void cut(GString *out, gsize max)
{
    gsize room = max > strlen(ELLIPSIS) ? max - strlen(ELLIPSIS) : 0;
    while (out->len > room) {
        const char *last = g_utf8_find_prev_char(out->str, out->str + out->len);
        g_string_truncate(out, last != NULL ? (gsize)(last - out->str) : 0);
    }
    g_string_append(out, ELLIPSIS);
}

char *text_printable(const char *text, gssize length, gsize max)
{
    gsize left = length >= 0 ? (gsize)length : strlen(text);
    GString *out = g_string_new(NULL);

    while (left > 0) {
        gunichar c = g_utf8_get_char_validated(text, (gssize)left);
        gsize size = 1;
        if (c == (gunichar)-1 || c == (gunichar)-2) {
            c = '?';
        } else {
            size = *text == '\0' ? 1 : (gsize)(g_utf8_next_char(text) - text);
            c = shows(c) ? c : '?';
        }
        g_string_append_unichar(out, c);
        text += size;
        left -= size;
        if (out->len > max) {
            cut(out, max);
            break;
        }
    }
    return g_string_free(out, FALSE);
}

bool text_has_control(const char *text, const char *but)
{
    for (; *text != '\0'; text = g_utf8_next_char(text)) {
        if ((guchar)*text < 0x80 ? g_ascii_iscntrl(*text) && strchr(but, *text) == NULL
                                 : g_unichar_iscntrl(g_utf8_get_char(text)))
            return true;
    }
    return false;
}

char *text_size(guint64 bytes)
{
    const guint64 kib = 1024, mib = kib * kib;

    if (bytes >= mib && bytes % mib == 0)
        return g_strdup_printf("%" G_GUINT64_FORMAT " MB", bytes / mib);
    if (bytes >= kib && bytes % kib == 0)
        return g_strdup_printf("%" G_GUINT64_FORMAT " kB", bytes / kib);
    return g_strdup_printf("%" G_GUINT64_FORMAT " bytes", bytes);
}

void text_wrap(GString *out, const char *label, const char *text)
{
    gsize indent = strlen(label), column = indent;

    g_string_append(out, label);
    while (*text != '\0') {
        gsize size = strcspn(text, " "), width = (gsize)g_utf8_strlen(text, (gssize)size);
        if (column > indent && column + 1 + width > TEXT_COLUMNS) {
            g_string_append_printf(out, "\n%*s", (int)indent, "");
            column = indent;
        } else if (column > indent) {
            g_string_append_c(out, ' ');
            column++;
        }
        g_string_append_len(out, text, (gssize)size);
        column += width;
        text += size + strspn(text + size, " ");
    }
    g_string_append_c(out, '\n');
}
