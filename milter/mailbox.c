/* SPDX-License-Identifier: MIT */
#include "milter/mailbox.h"
#include <gmime/gmime.h>
#include <string.h>

/* Behind a quoted string that begins at p; NULL when it is not closed. */
static const char *quoted_end(const char *p)
{
    for (p++; *p != '\0'; p++) {
        if (*p == '"')
            return p + 1;
        if (*p == '\\' && *++p == '\0')
            break;
    }
    return NULL;
}

/* Behind a comment that begins at p, nested ones included; NULL when it is not closed. */
static const char *comment_end(const char *p)
{
    unsigned depth = 0;
    for (; *p != '\0'; p++) {
        if (*p == '\\') {
            if (*++p == '\0')
                break;
        } else if (*p == '(') {
            depth++;
        } else if (*p == ')' && --depth == 0) {
            return p + 1;
        }
    }
    return NULL;
}

/* The first of the characters in stop outside quotes, or the end; NULL: a quote is left open. */
static const char *find_unquoted(const char *p, const char *stop)
{
    while (*p != '\0' && strchr(stop, *p) == NULL) {
        if (*p == '"') {
            p = quoted_end(p);
            if (p == NULL)
                return NULL;
        } else {
            p++;
        }
    }
    return p;
}

/* local@domain, the local part perhaps quoted, into the normal form. */
static Address *from_spec(const char *spec)
{
    const char *at = find_unquoted(spec, "@");
    if (at == NULL || *at == '\0' || strchr(at + 1, '@') != NULL)
        return NULL;
    const char *domain = at + 1;
    if (*domain == '\0' || g_str_has_suffix(domain, "."))
        return NULL;
    g_autoptr(GString) local = g_string_new(NULL);
    if (*spec == '"') {
        if (quoted_end(spec) != at)
            return NULL;
        for (const char *p = spec + 1; p < at - 1; p++) {
            if (*p == '\\')
                p++;
            g_string_append_c(local, *p);
        }
    } else {
        g_string_append_len(local, spec, at - spec);
        if (strpbrk(local->str, "\"\\") != NULL)
            return NULL;
    }
    return address_from_parts(local->str, domain, NULL);
}

Address *mailbox_from_path(const char *argument)
{
    const char *start = argument + strspn(argument, " \t");
    bool angle = *start == '<';
    if (angle)
        start++;
    const char *end = find_unquoted(start, angle ? ">" : " \t");
    if (end == NULL || (angle && *end != '>'))
        return NULL;
    g_autofree char *spec = g_strndup(start, (gsize)(end - start));
    if (*spec != '@')
        return from_spec(spec);
    const char *colon = find_unquoted(spec, ":");
    return colon != NULL && *colon == ':' ? from_spec(colon + 1) : NULL;
}

char *mailbox_without_route(const char *argument)
{
    const char *start = argument + strspn(argument, " \t");
    bool angle = *start == '<';
    if (start[angle] != '@')
        return NULL;
    const char *colon = find_unquoted(start, ":>");
    return colon != NULL && *colon == ':' ? g_strconcat(angle ? "<" : "", colon + 1, NULL) : NULL;
}

bool mailbox_is_null(const char *argument)
{
    argument += strspn(argument, " \t");
    if (*argument == '\0')
        return true;
    if (*argument != '<')
        return false;
    argument++;
    argument += strspn(argument, " \t");
    return *argument == '>';
}

/* What is left of a From header without comments: the text before and within the angles. */
typedef struct {
    GString *bare;
    GString *angle;
    enum { BEFORE, WITHIN, BEHIND } place;
} Scan;

/* One character outside quotes and comments; a reason (static) when it has no place there. */
static const char *scan_char(Scan *scan, char c)
{
    if (scan->place == BEHIND && !g_ascii_isspace(c) && c != '<')
        return "From holds something behind the address";
    switch (c) {
    case ',':
        return "From holds several addresses";
    case ';':
        return "From is a group or a list";
    case ':':
        return scan->place == WITHIN ? "From holds a route" : "From is a group";
    case '\\':
    case '[':
    case ']':
    case ')':
        return "From can't be read";
    case '<':
        if (scan->place != BEFORE)
            return "From holds several addresses";
        scan->place = WITHIN;
        return NULL;
    case '>':
        if (scan->place != WITHIN)
            return "From can't be read";
        scan->place = BEHIND;
        return NULL;
    default:
        g_string_append_c(scan->place == WITHIN ? scan->angle : scan->bare, c);
        return NULL;
    }
}

/* Reads the whole value. Comments and folds become a blank. */
static const char *scan_value(Scan *scan, const char *p)
{
    while (*p != '\0') {
        const char *end = NULL;
        if (*p == '(') {
            end = comment_end(p);
            if (end == NULL)
                return "From can't be read";
            if (scan->place != BEHIND)
                g_string_append_c(scan->place == WITHIN ? scan->angle : scan->bare, ' ');
            p = end;
        } else if (*p == '"') {
            end = quoted_end(p);
            if (end == NULL || scan->place == BEHIND)
                return "From can't be read";
            g_string_append_len(scan->place == WITHIN ? scan->angle : scan->bare, p, end - p);
            p = end;
        } else {
            const char *reason = scan_char(scan, g_ascii_isspace(*p) ? ' ' : *p);
            if (reason != NULL)
                return reason;
            p++;
        }
    }
    return NULL;
}

/* The address as it is written, by our own scan. */
static char *scan_from(const char *value, const char **reason)
{
    g_autoptr(GString) bare = g_string_new(NULL);
    g_autoptr(GString) angle = g_string_new(NULL);
    Scan scan = {bare, angle, BEFORE};
    *reason = scan_value(&scan, value);
    if (*reason != NULL)
        return NULL;
    if (scan.place == WITHIN) {
        *reason = "From can't be read";
        return NULL;
    }
    if (scan.place == BEHIND) {
        const char *at = find_unquoted(bare->str, "@");
        if (at == NULL || *at == '@') {
            *reason = "From holds several addresses";
            return NULL;
        }
    }
    g_autofree char *spec = g_strstrip(g_strdup(scan.place == BEHIND ? angle->str : bare->str));
    if (strstr(spec, "=?") != NULL)
        *reason = "the address in From is an encoded word";
    else if (*spec == '\0')
        *reason = "From holds no address";
    else if (strchr(spec, ' ') != NULL)
        *reason = "From can't be read";
    return *reason == NULL ? g_steal_pointer(&spec) : NULL;
}

static void on_warning(gint64 offset, GMimeParserWarning code, const gchar *item, gpointer data)
{
    (void)offset;
    (void)item;
    /* Raw 8-bit text and odd encoded words belong to the display name, which doesn't count. */
    if (code != GMIME_WARN_UNENCODED_8BIT_HEADER && code != GMIME_WARN_INVALID_RFC2047_HEADER_VALUE)
        *(bool *)data = true;
}

/* The address as it is written, by GMime. */
static char *only_mailbox(InternetAddressList *list, const char **reason)
{
    int count = list != NULL ? internet_address_list_length(list) : 0;
    if (count != 1) {
        *reason = count > 1 ? "From holds several addresses" : "From can't be read";
        return NULL;
    }
    InternetAddress *address = internet_address_list_get_address(list, 0);
    if (!INTERNET_ADDRESS_IS_MAILBOX(address)) {
        *reason = "From is a group";
        return NULL;
    }
    return g_strdup(internet_address_mailbox_get_addr(INTERNET_ADDRESS_MAILBOX(address)));
}

static char *parse_from(const char *value, const char **reason)
{
    bool warned = false;
    GMimeParserOptions *options = g_mime_parser_options_new();
    g_mime_parser_options_set_warning_callback(options, on_warning, &warned);
    InternetAddressList *list = internet_address_list_parse(options, value);
    g_mime_parser_options_free(options);
    g_autofree char *parsed = only_mailbox(list, reason);
    g_clear_object(&list);
    if (parsed != NULL && warned) {
        *reason = "From can't be read";
        return NULL;
    }
    return g_steal_pointer(&parsed);
}

static bool has_control(const char *value)
{
    for (const char *p = value; *p != '\0'; p++)
        if ((g_ascii_iscntrl(*p) && strchr("\t\r\n", *p) == NULL))
            return true;
    return false;
}

Address *mailbox_from_header(const char *value, const char **reason)
{
    *reason = NULL;
    if (has_control(value)) {
        *reason = "From holds a control character";
        return NULL;
    }
    g_autofree char *scanned = scan_from(value, reason);
    if (scanned == NULL)
        return NULL;
    g_autofree char *parsed = parse_from(value, reason);
    if (parsed == NULL)
        return NULL;
    Address *address = g_str_equal(scanned, parsed) ? from_spec(scanned) : NULL;
    if (address == NULL)
        *reason = "From can't be read";
    return address;
}
