/* SPDX-License-Identifier: MIT */
#include "milter/header.h"
#include <gmime/gmime.h>
#include <string.h>

/* Length of the word at text and whether it is word, without case. */
static bool is_word(const char *text, gsize length, const char *word)
{
    return strlen(word) == length && g_ascii_strncasecmp(text, word, length) == 0;
}

Automatic header_automatic(const char *value)
{
    value += strspn(value, " \t\r\n");
    gsize length = strcspn(value, " \t\r\n;(");
    if (is_word(value, length, "no"))
        return AUTOMATIC_NO;
    return is_word(value, length, "auto-generated") ? AUTOMATIC_GENERATED : AUTOMATIC_OTHER;
}

bool header_is_report(const char *value)
{
    GMimeContentType *type = g_mime_content_type_parse(NULL, value);
    bool report = type != NULL && g_mime_content_type_is_type(type, "multipart", "report");
    g_clear_object(&type);
    return report;
}

char *header_subject(const char *value)
{
    char *text = g_mime_utils_header_decode_text(NULL, value);
    return text != NULL ? g_strstrip(text) : g_strdup("");
}

char *header_line(const char *value, gsize max)
{
    g_autoptr(GString) line = g_string_new(NULL);
    bool space = false;
    for (const char *p = value; *p != '\0'; p++) {
        if (g_ascii_isspace(*p)) {
            space = line->len > 0;
            continue;
        }
        if (g_ascii_iscntrl(*p))
            return NULL;
        if (space)
            g_string_append_c(line, ' ');
        space = false;
        g_string_append_c(line, *p);
        if (line->len > max)
            return NULL;
    }
    if (line->len == 0 || !g_utf8_validate(line->str, (gssize)line->len, NULL))
        return NULL;
    return g_strdup(line->str);
}

char *header_message_id(const char *value)
{
    g_autofree char *line = header_line(value, HEADER_MESSAGE_ID_MAX);
    if (line == NULL || line[0] != '<' || strlen(line) < 3)
        return NULL;
    if (line[strcspn(line, " >")] != '>' || strchr(line, '>')[1] != '\0')
        return NULL;
    return g_steal_pointer(&line);
}

bool header_is_ours(const char *message_id)
{
    static const char shape[] = "<dddddddd-xxxxxx.batchload@";
    for (gsize i = 0; shape[i] != '\0'; i++) {
        char c = message_id[i];
        bool same = shape[i] == 'd' && i < 9 ? g_ascii_isdigit(c)
                    : shape[i] == 'x'        ? g_ascii_isalnum(c)
                                             : g_ascii_tolower(c) == shape[i];
        if (!same)
            return false;
    }
    return true;
}

char *header_references(const char *value)
{
    gsize length = strlen(value);
    if (length > HEADER_REFERENCES_MAX) {
        value = strchr(value + length - HEADER_REFERENCES_MAX, '<');
        if (value == NULL)
            return NULL;
    }
    return header_line(value, HEADER_REFERENCES_MAX);
}

void header_append(GString *head, const char *name, const char *value)
{
    g_string_append(head, name);
    g_string_append_c(head, ':');
    for (const char *p = value; *p != '\0'; p++) {
        if (p[0] == '\r' && p[1] == '\n')
            continue;
        if (*p != '\n') {
            g_string_append_c(head, *p == '\r' ? ' ' : *p);
            continue;
        }
        g_string_append(head, "\r\n");
        if (p[1] != ' ' && p[1] != '\t')
            g_string_append_c(head, ' ');
    }
    g_string_append(head, "\r\n");
}
