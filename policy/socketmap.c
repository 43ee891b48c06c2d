/* SPDX-License-Identifier: MIT */
#include "policy/socketmap.h"
#include "lib/text.h"
#include "policy/map.h"
#include <stdbool.h>
#include <string.h>

/* Most bytes of a server's words that an error repeats. */
#define WORDS_SHOWN_MAX 200

char *socketmap_request(const char *name, const char *key)
{
    return g_strdup_printf("%" G_GSIZE_FORMAT ":%s %s,", strlen(name) + 1 + strlen(key), name, key);
}

SocketmapState socketmap_frame(const char *bytes, gsize size, const char **text, gsize *length,
                               gsize *used)
{
    gsize digits = 0, said = 0;
    while (digits < size && digits < SOCKETMAP_DIGITS_MAX && g_ascii_isdigit(bytes[digits]))
        said = said * 10 + (gsize)g_ascii_digit_value(bytes[digits++]);
    if (said > SOCKETMAP_REPLY_MAX)
        return SOCKETMAP_BAD;
    if (digits == size)
        return SOCKETMAP_MORE;
    if (digits == 0 || bytes[digits] != ':')
        return SOCKETMAP_BAD;
    gsize comma = digits + 1 + said;
    if (comma >= size)
        return SOCKETMAP_MORE;
    if (bytes[comma] != ',')
        return SOCKETMAP_BAD;
    *text = bytes + digits + 1;
    *length = said;
    *used = comma + 1;
    return SOCKETMAP_WHOLE;
}

static Answer found(const char *data, gsize length, char **value, GError **error)
{
    if (memchr(data, '\0', length) != NULL) {
        g_set_error_literal(error, MAP_ERROR, MAP_ERROR_FAILED, "the value holds a NUL byte");
        return ANSWER_UNKNOWN;
    }
    *value = g_strndup(data, length);
    return ANSWER_YES;
}

/* What the words mean that say neither yes nor no. */
static const struct {
    const char *word, *meaning;
} refusals[] = {
    {"TEMP", "it can't tell now"},
    {"TIMEOUT", "it got no answer in time itself"},
    {"PERM", "it says that this can't be asked"},
};

static Answer refused(const char *word, const char *data, gsize length, GError **error)
{
    const char *meaning = "it gave a reply that means nothing";
    g_autofree char *shown = text_printable(data, (gssize)length, WORDS_SHOWN_MAX);
    for (gsize i = 0; i < G_N_ELEMENTS(refusals); i++)
        if (g_str_equal(word, refusals[i].word))
            meaning = refusals[i].meaning;
    g_strstrip(shown);
    g_set_error(error, MAP_ERROR, MAP_ERROR_FAILED, "%s%s%s", meaning, *shown != '\0' ? ": " : "",
                shown);
    return ANSWER_UNKNOWN;
}

Answer socketmap_reply(const char *text, gsize length, char **value, GError **error)
{
    const char *blank = memchr(text, ' ', length);
    gsize word_length = blank != NULL ? (gsize)(blank - text) : length;
    g_autofree char *word = g_strndup(text, word_length);
    const char *data = blank != NULL ? blank + 1 : text + length;
    gsize data_length = length - (gsize)(data - text);
    if (strlen(word) == word_length && g_str_equal(word, "OK"))
        return found(data, data_length, value, error);
    if (strlen(word) == word_length && g_str_equal(word, "NOTFOUND"))
        return ANSWER_NO;
    return refused(word, data, data_length, error);
}
