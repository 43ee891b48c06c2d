/* SPDX-License-Identifier: MIT */
#include "lib/keyword.h"
#include <stdlib.h>
#include <string.h>

static const char *const keyword_names[KEYWORD_COUNT] = {
    [KEYWORD_PASSWORD] = "password",
    [KEYWORD_BATCHLOAD] = "batchload",
    [KEYWORD_MODE] = "mode",
};

/* Blanks as people see them; mail programs write no-break spaces and byte order marks too. */
static bool is_blank(gunichar c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n' || c == '\f' || c == '\v' || c == 0xa0 ||
           c == 0xfeff;
}

/* The part of text (length bytes of UTF-8) between its outer blanks. */
static const char *trim(const char *text, gsize *length)
{
    const char *end = text + *length;
    while (text < end && is_blank(g_utf8_get_char_validated(text, end - text)))
        text = g_utf8_next_char(text);
    while (text < end) {
        const char *last = g_utf8_find_prev_char(text, end);
        if (last == NULL || !is_blank(g_utf8_get_char_validated(last, end - last)))
            break;
        end = last;
    }
    *length = (gsize)(end - text);
    return text;
}

/* A mode is a word without case. */
static bool same_value(Keyword keyword, const char *one, const char *other)
{
    return keyword == KEYWORD_MODE ? g_ascii_strcasecmp(one, other) == 0 : strcmp(one, other) == 0;
}

static void take(Keywords *keywords, Keyword keyword, const char *value, gsize length)
{
    value = trim(value, &length);
    g_autoptr(Secret) copy = secret_ndup(value, length);
    if (keywords->value[keyword] == NULL)
        keywords->value[keyword] = g_steal_pointer(&copy);
    else if (!same_value(keyword, keywords->value[keyword], copy))
        keywords->twice[keyword] = true;
}

static bool find(const char *name, gsize length, Keyword *keyword)
{
    for (unsigned i = 0; i < KEYWORD_COUNT; i++)
        if (strlen(keyword_names[i]) == length &&
            g_ascii_strncasecmp(keyword_names[i], name, length) == 0) {
            *keyword = (Keyword)i;
            return true;
        }
    return false;
}

bool keywords_add(Keywords *keywords, const char *name, const char *value)
{
    Keyword keyword;
    if (!find(name, strlen(name), &keyword))
        return false;
    take(keywords, keyword, value, strlen(value));
    return true;
}

/* One line; false when it ends the keywords. */
static bool add_line(Keywords *keywords, const char *line, gsize length)
{
    line = trim(line, &length);
    if (length == 0)
        return true;
    const char *colon = memchr(line, ':', length);
    if (colon == NULL)
        return false;
    gsize name_length = (gsize)(colon - line);
    const char *name = trim(line, &name_length);
    Keyword keyword;
    if (!find(name, name_length, &keyword))
        return false;
    take(keywords, keyword, colon + 1, length - (gsize)(colon + 1 - line));
    return true;
}

void keywords_add_text(Keywords *keywords, const char *text)
{
    while (*text != '\0') {
        gsize length = strcspn(text, "\r\n");
        if (!add_line(keywords, text, length))
            return;
        text += length;
        text += strspn(text, "\r\n");
    }
}

void keywords_clear(Keywords *keywords)
{
    for (unsigned i = 0; i < KEYWORD_COUNT; i++)
        g_clear_pointer(&keywords->value[i], secret_free);
    memset(keywords->twice, 0, sizeof keywords->twice);
}

/* --- HTML --- */

static const char *const block_tags[] = {"br", "p",   "div", "tr",   "li", "table",
                                         "ul", "ol",  "h1",  "h2",   "h3", "blockquote",
                                         "td", "pre", "hr",  "body", NULL};
static const char *const hidden_tags[] = {"script", "style", "head", "title", NULL};

static const struct {
    const char *name;
    gunichar c;
} entities[] = {
    {"amp;", '&'},   {"lt;", '<'},    {"gt;", '>'},      {"quot;", '"'},
    {"apos;", '\''}, {"nbsp;", 0xa0}, {"euro;", 0x20ac},
};

/* Length of an entity's text after the '&', or 0 where it is none. */
static gsize entity(const char *at, gunichar *c)
{
    if (*at == '#') {
        bool hex = at[1] == 'x' || at[1] == 'X';
        const char *digits = at + (hex ? 2 : 1);
        if (!g_ascii_isxdigit(*digits))
            return 0;
        char *end;
        guint64 number = g_ascii_strtoull(digits, &end, hex ? 16 : 10);
        if (*end != ';' || number == 0 || number > 0x10ffff || !g_unichar_validate(number))
            return 0;
        *c = (gunichar)number;
        return (gsize)(end + 1 - at);
    }
    for (gsize i = 0; i < G_N_ELEMENTS(entities); i++)
        if (g_str_has_prefix(at, entities[i].name)) {
            *c = entities[i].c;
            return strlen(entities[i].name);
        }
    return 0;
}

static bool tag_is(const char *name, gsize length, const char *const *tags)
{
    for (; *tags != NULL; tags++)
        if (strlen(*tags) == length && g_ascii_strncasecmp(*tags, name, length) == 0)
            return true;
    return false;
}

/* Where the text goes on after hidden content: at its end tag, or at the end of all. */
static const char *skip_hidden(const char *at, const char *name, gsize length)
{
    for (; *at != '\0'; at++)
        if (at[0] == '<' && at[1] == '/' && g_ascii_strncasecmp(at + 2, name, length) == 0)
            return at;
    return at;
}

/* A tag at '<'; where the text goes on. */
static const char *skip_tag(const char *at, GString *text)
{
    if (g_str_has_prefix(at, "<!--")) {
        const char *end = strstr(at, "-->");
        return end == NULL ? at + strlen(at) : end + 3;
    }
    const char *name = at + 1;
    bool closing = *name == '/';
    if (closing)
        name++;
    gsize length = 0;
    while (g_ascii_isalnum(name[length]))
        length++;
    const char *end = name + length;
    for (char quote = 0; *end != '\0' && (quote != 0 || *end != '>'); end++) {
        if (*end == quote)
            quote = 0;
        else if (quote == 0 && (*end == '"' || *end == '\''))
            quote = *end;
    }
    if (*end == '>')
        end++;
    if (tag_is(name, length, block_tags))
        g_string_append_c(text, '\n');
    if (!closing && tag_is(name, length, hidden_tags))
        return skip_hidden(end, name, length);
    return end;
}

Secret *keyword_text_of_html(const char *html)
{
    /* Never longer than the HTML: so the buffer is never moved, and no copy stays behind. */
    GString *text = g_string_sized_new(strlen(html) + 8);
    while (*html != '\0') {
        gunichar c;
        gsize length;
        if (*html == '<' && (g_ascii_isalpha(html[1]) || html[1] == '/' || html[1] == '!')) {
            html = skip_tag(html, text);
        } else if (*html == '&' && (length = entity(html + 1, &c)) > 0) {
            g_string_append_unichar(text, c);
            html += 1 + length;
        } else {
            /* A line's end in the source is a blank. */
            g_string_append_c(text, *html == '\r' || *html == '\n' ? ' ' : *html);
            html++;
        }
    }
    return g_string_free(text, FALSE);
}
