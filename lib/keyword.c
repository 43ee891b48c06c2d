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

bool keyword_is(const char *name)
{
    Keyword keyword;
    return find(name, strlen(name), &keyword);
}

bool keywords_add(Keywords *keywords, const char *name, const char *value)
{
    Keyword keyword;
    if (!find(name, strlen(name), &keyword))
        return false;
    take(keywords, keyword, value, strlen(value));
    return true;
}

/* The keyword that a line (without outer blanks) begins with, and where its value does. */
static bool split(const char *line, gsize length, Keyword *keyword, const char **value)
{
    const char *colon = memchr(line, ':', length);
    if (colon == NULL)
        return false;
    gsize name_length = (gsize)(colon - line);
    const char *name = trim(line, &name_length);
    *value = colon + 1;
    return find(name, name_length, keyword);
}

/* One line; false when it ends the keywords. */
static bool add_line(Keywords *keywords, const char *line, gsize length)
{
    Keyword keyword;
    const char *value;
    line = trim(line, &length);
    if (length == 0)
        return true;
    if (!split(line, length, &keyword, &value))
        return false;
    take(keywords, keyword, value, length - (gsize)(value - line));
    return true;
}

/* A line below those that count. */
static void note_line(Keywords *keywords, const char *line, gsize length)
{
    Keyword keyword;
    const char *value;
    line = trim(line, &length);
    if (split(line, length, &keyword, &value))
        keywords->late[keyword] = true;
}

void keywords_add_text(Keywords *keywords, const char *text)
{
    bool counts = true;
    while (*text != '\0') {
        gsize length = strcspn(text, "\r\n");
        counts = counts && add_line(keywords, text, length);
        if (!counts)
            note_line(keywords, text, length);
        text += length;
        text += strspn(text, "\r\n");
    }
}

/* Whether a text goes on here with a line of its own: a blank one, or a keyword. */
static bool is_own_line(const char *line)
{
    gsize length = strcspn(line, "\r\n");
    Keyword keyword;
    const char *value;
    line = trim(line, &length);
    return length == 0 || split(line, length, &keyword, &value);
}

Secret *keyword_text_of_flowed(const char *text, bool delsp)
{
    /* Never longer than the text. */
    GString *out = g_string_sized_new(strlen(text) + 1);
    while (*text != '\0') {
        gsize length = strcspn(text, "\r\n");
        const char *line = text;
        text += length;
        text += *text == '\r' && text[1] == '\n' ? 2 : *text != '\0';
        bool flows = length > 0 && line[length - 1] == ' ' && !is_own_line(text);
        if (*line == ' ' && length > 1) {
            /* Stuffed, so that it looks like nothing else. */
            line++;
            length--;
        }
        g_string_append_len(out, line, (gssize)(flows && delsp ? length - 1 : length));
        if (!flows)
            g_string_append_c(out, '\n');
    }
    return g_string_free(out, FALSE);
}

void keywords_clear(Keywords *keywords)
{
    for (unsigned i = 0; i < KEYWORD_COUNT; i++)
        g_clear_pointer(&keywords->value[i], secret_free);
    memset(keywords->twice, 0, sizeof keywords->twice);
}

/* --- HTML --- */

static const char *const block_tags[] = {"br", "p",    "div", "tr", "li",         "table", "ul",
                                         "ol", "h1",   "h2",  "h3", "blockquote", "h4",    "pre",
                                         "hr", "body", "dt",  "dd", NULL};
static const char *const row_tags[] = {"table", "tr", NULL};
static const char *const cell_tags[] = {"td", "th", NULL};
static const char *const hidden_tags[] = {"script", "style", "head", "title", NULL};

static const struct {
    const char *name;
    gunichar c;
} entities[] = {
    {"amp", '&'},       {"lt", '<'},        {"gt", '>'},        {"quot", '"'},
    {"apos", '\''},     {"OElig", 0x152},   {"oelig", 0x153},   {"Scaron", 0x160},
    {"scaron", 0x161},  {"Yuml", 0x178},    {"fnof", 0x192},    {"circ", 0x2c6},
    {"tilde", 0x2dc},   {"ensp", 0x2002},   {"emsp", 0x2003},   {"thinsp", 0x2009},
    {"zwnj", 0x200c},   {"zwj", 0x200d},    {"ndash", 0x2013},  {"mdash", 0x2014},
    {"lsquo", 0x2018},  {"rsquo", 0x2019},  {"sbquo", 0x201a},  {"ldquo", 0x201c},
    {"rdquo", 0x201d},  {"bdquo", 0x201e},  {"dagger", 0x2020}, {"bull", 0x2022},
    {"hellip", 0x2026}, {"permil", 0x2030}, {"lsaquo", 0x2039}, {"rsaquo", 0x203a},
    {"euro", 0x20ac},   {"trade", 0x2122},
};

/* From U+00A0 on: what mail programs write umlauts as. */
static const char *const latin1[] = {
    "nbsp",   "iexcl",  "cent",   "pound",  "curren", "yen",    "brvbar", "sect",   "uml",
    "copy",   "ordf",   "laquo",  "not",    "shy",    "reg",    "macr",   "deg",    "plusmn",
    "sup2",   "sup3",   "acute",  "micro",  "para",   "middot", "cedil",  "sup1",   "ordm",
    "raquo",  "frac14", "frac12", "frac34", "iquest", "Agrave", "Aacute", "Acirc",  "Atilde",
    "Auml",   "Aring",  "AElig",  "Ccedil", "Egrave", "Eacute", "Ecirc",  "Euml",   "Igrave",
    "Iacute", "Icirc",  "Iuml",   "ETH",    "Ntilde", "Ograve", "Oacute", "Ocirc",  "Otilde",
    "Ouml",   "times",  "Oslash", "Ugrave", "Uacute", "Ucirc",  "Uuml",   "Yacute", "THORN",
    "szlig",  "agrave", "aacute", "acirc",  "atilde", "auml",   "aring",  "aelig",  "ccedil",
    "egrave", "eacute", "ecirc",  "euml",   "igrave", "iacute", "icirc",  "iuml",   "eth",
    "ntilde", "ograve", "oacute", "ocirc",  "otilde", "ouml",   "divide", "oslash", "ugrave",
    "uacute", "ucirc",  "uuml",   "yacute", "thorn",  "yuml"};

/* The character of a name, or 0. */
static gunichar named(const char *name, gsize length)
{
    for (gsize i = 0; i < G_N_ELEMENTS(entities); i++)
        if (strlen(entities[i].name) == length && memcmp(entities[i].name, name, length) == 0)
            return entities[i].c;
    for (gsize i = 0; i < G_N_ELEMENTS(latin1); i++)
        if (strlen(latin1[i]) == length && memcmp(latin1[i], name, length) == 0)
            return (gunichar)(0xa0 + i);
    return 0;
}

/* Longest name of an entity. */
#define ENTITY_MAX 8

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
    gsize length = 0;
    while (length < ENTITY_MAX && g_ascii_isalnum(at[length]))
        length++;
    *c = at[length] == ';' ? named(at, length) : 0;
    return *c != 0 ? length + 1 : 0;
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

typedef struct {
    GString *out;
    gsize row;  /* where the present row of a table begins */
    bool fresh; /* nothing but blanks came since a cell began: its blocks begin no line */
} Html;

static bool is_space(char c)
{
    return c == ' ' || c == '\t' || c == '\n';
}

/* A cell begins or ends: what programs put around its text begins no line either. */
static void add_cell(Html *html)
{
    GString *out = html->out;
    while (out->len > html->row && is_space(out->str[out->len - 1]))
        g_string_truncate(out, out->len - 1);
    g_string_append_c(out, '\t');
    html->fresh = true;
}

static void add_tag(Html *html, const char *name, gsize length)
{
    if (tag_is(name, length, cell_tags)) {
        add_cell(html);
    } else if (tag_is(name, length, row_tags)) {
        g_string_append_c(html->out, '\n');
        html->row = html->out->len;
        html->fresh = false;
    } else if (tag_is(name, length, block_tags) && !html->fresh) {
        g_string_append_c(html->out, '\n');
    }
}

static void add_char(Html *html, gunichar c)
{
    html->fresh = html->fresh && c < 0x80 && is_space((char)c);
    g_string_append_unichar(html->out, c);
}

/* A tag at '<'; where the text goes on. */
static const char *skip_tag(const char *at, Html *html)
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
    add_tag(html, name, length);
    if (!closing && tag_is(name, length, hidden_tags))
        return skip_hidden(end, name, length);
    return end;
}

Secret *keyword_text_of_html(const char *html)
{
    /* Never longer than the HTML: so the buffer is never moved, and no copy stays behind. */
    Html text = {.out = g_string_sized_new(strlen(html) + 8)};
    while (*html != '\0') {
        gunichar c;
        gsize length;
        if (*html == '<' && (g_ascii_isalpha(html[1]) || html[1] == '/' || html[1] == '!')) {
            html = skip_tag(html, &text);
        } else if (*html == '&' && (length = entity(html + 1, &c)) > 0) {
            add_char(&text, c);
            html += 1 + length;
        } else {
            /* A line's end in the source is a blank. */
            add_char(&text, *html == '\r' || *html == '\n' ? ' ' : g_utf8_get_char(html));
            html = g_utf8_next_char(html);
        }
    }
    return g_string_free(text.out, FALSE);
}
