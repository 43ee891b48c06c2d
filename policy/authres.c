/* SPDX-License-Identifier: MIT */
#include "policy/authres.h"
#include "lib/address.h"
#include <string.h>

/* What is left of a value. */
typedef struct {
    const char *at;
} Scan;

/* Passes over blanks and comments, which may hold comments; false where one has no end. */
static bool skip_blanks(Scan *scan)
{
    unsigned depth = 0;
    for (; *scan->at != '\0'; scan->at++) {
        char c = *scan->at;
        if (depth > 0 && c == '\\' && scan->at[1] != '\0')
            scan->at++;
        else if (c == '(')
            depth++;
        else if (c == ')' && depth > 0)
            depth--;
        else if (depth == 0 && strchr(" \t\r\n", c) == NULL)
            break;
    }
    return depth == 0;
}

/* Whether the next sign is this one, which is passed over with the blanks around it. */
static bool take_sign(Scan *scan, char sign)
{
    if (!skip_blanks(scan) || *scan->at != sign)
        return false;
    scan->at++;
    return skip_blanks(scan);
}

/* A word of letters, digits, "-", "_" and what more may stand in it, in lower case; NULL: none. */
static char *take_word(Scan *scan, const char *more)
{
    const char *begin = scan->at;
    while (g_ascii_isalnum(*scan->at) || (*scan->at != '\0' && (strchr("-_", *scan->at) != NULL ||
                                                                strchr(more, *scan->at) != NULL)))
        scan->at++;
    return scan->at > begin ? g_ascii_strdown(begin, scan->at - begin) : NULL;
}

static char *take_quoted(Scan *scan)
{
    g_autoptr(GString) text = g_string_new(NULL);
    for (scan->at++; *scan->at != '"'; scan->at++) {
        if (*scan->at == '\\')
            scan->at++;
        if (*scan->at == '\0')
            return NULL;
        g_string_append_c(text, *scan->at);
    }
    scan->at++;
    return g_string_free(g_steal_pointer(&text), FALSE);
}

/* A value of a property: quoted, or up to the next blank, comment or ";" (signatures and addresses
 * stand there, too). NULL: none. */
static char *take_value(Scan *scan)
{
    if (*scan->at == '"')
        return take_quoted(scan);
    const gsize length = strcspn(scan->at, " \t\r\n;(\"");
    const char *begin = scan->at;
    scan->at += length;
    return length > 0 ? g_strndup(begin, length) : NULL;
}

static char *take_server(Scan *scan)
{
    if (!skip_blanks(scan))
        return NULL;
    g_autofree char *name = take_value(scan);
    if (name == NULL || *name == '\0')
        return NULL;
    return g_ascii_strdown(name, -1);
}

char *authres_server(const char *value)
{
    Scan scan = {value};
    return strlen(value) <= AUTHRES_MAX ? take_server(&scan) : NULL;
}

/* "ptype.property" with the blanks that may stand in it, or "reason". */
static char *take_property(Scan *scan)
{
    g_autofree char *type = take_word(scan, "");
    if (type == NULL || !skip_blanks(scan))
        return NULL;
    if (*scan->at != '.')
        return g_steal_pointer(&type);
    if (!take_sign(scan, '.'))
        return NULL;
    g_autofree char *name = take_word(scan, ".");
    return name != NULL ? g_strconcat(type, ".", name, NULL) : NULL;
}

/* What one method found. */
typedef struct {
    bool dkim, pass;
    unsigned domains; /* header.d */
    char *domain;     /* the last one, normal form; NULL: none that is a domain */
} Result;

static bool take_properties(Scan *scan, Result *result)
{
    for (;;) {
        if (!skip_blanks(scan))
            return false;
        if (*scan->at == '\0' || *scan->at == ';')
            return true;
        g_autofree char *name = take_property(scan);
        if (name == NULL || !take_sign(scan, '='))
            return false;
        g_autofree char *value = take_value(scan);
        if (value == NULL)
            return false;
        if (strcmp(name, "header.d") != 0)
            continue;
        result->domains++;
        g_free(result->domain);
        result->domain = domain_normalise(value, NULL);
    }
}

/* "method[/version]=result properties"; false where it is not so. */
static bool take_result(Scan *scan, Result *result)
{
    g_autofree char *method = take_word(scan, "");
    if (method == NULL || !skip_blanks(scan))
        return false;
    if (*scan->at == '/') {
        g_autofree char *version = take_sign(scan, '/') ? take_word(scan, "") : NULL;
        if (version == NULL)
            return false;
    }
    if (!take_sign(scan, '='))
        return false;
    g_autofree char *found = take_word(scan, "");
    result->dkim = strcmp(method, "dkim") == 0;
    result->pass = found != NULL && strcmp(found, "pass") == 0;
    return found != NULL && take_properties(scan, result);
}

/* Passes over the server's name and the version behind it. */
static bool take_begin(Scan *scan)
{
    g_autofree char *server = take_server(scan);
    if (server == NULL || !skip_blanks(scan))
        return false;
    g_autofree char *version G_GNUC_UNUSED = take_word(scan, "");
    return skip_blanks(scan) && *scan->at == ';';
}

bool authres_dkim_passes(const char *value, const char *domain)
{
    Scan scan = {value};
    bool passes = false;
    if (strlen(value) > AUTHRES_MAX || !take_begin(&scan))
        return false;
    for (;;) {
        if (!skip_blanks(&scan))
            return false;
        if (*scan.at == '\0')
            return passes;
        if (!take_sign(&scan, ';'))
            return false;
        Result result = {0};
        /* Some end with a ";", which does no harm. */
        bool well = *scan.at == '\0' || take_result(&scan, &result);
        passes = passes || (result.dkim && result.pass && result.domains == 1 &&
                            g_strcmp0(result.domain, domain) == 0);
        g_free(result.domain);
        if (!well)
            return false;
    }
}
