/* SPDX-License-Identifier: MIT */
#include "lib/directory-private.h"

#include <string.h>

/* Most components of a DN that are looked at; longer ones go alone. */
#define PARTS_MAX 64

struct DirectoryName {
    struct DirectoryName *above; /* or NULL */
    guint holders;               /* who took it, and names right below */
    guint below;                 /* writes in flight under it */
    bool in_flight;
    char text[]; /* folded: of equal DNs the same */
};

struct DirectoryNames {
    GHashTable *table;     /* text → name */
    GString *scratch;      /* a DN being folded */
    DirectoryName *recent; /* the last one that has others below: most have the same */
};

DirectoryNames *directory_names_new(void)
{
    DirectoryNames *names = g_new0(DirectoryNames, 1);
    names->table = g_hash_table_new(g_str_hash, g_str_equal);
    names->scratch = g_string_new(NULL);
    return names;
}

void directory_names_free(DirectoryNames *names)
{
    if (names == NULL)
        return;
    directory_name_give_back(names, names->recent);
    g_assert(g_hash_table_size(names->table) == 0);
    g_hash_table_unref(names->table);
    g_string_free(names->scratch, TRUE);
    g_free(names);
}

/* --- folding: attributes and values in one letter case, blanks as they count, "+" in one order;
 * each part ends with a comma, so that what is above is what follows one --- */

static void append_folded(GString *text, const struct berval *value)
{
    g_autofree char *bytes = g_strndup(value->bv_val, value->bv_len);
    g_autofree char *folded = !g_str_is_ascii(bytes) && g_utf8_validate(bytes, -1, NULL)
                                  ? g_utf8_casefold(bytes, -1)
                                  : g_ascii_strdown(bytes, -1);
    for (const char *at = folded; *at != '\0'; at++) {
        if (*at == ' ' && (at[1] == ' ' || at[1] == '\0' || at == folded))
            continue;
        if (*at == '\\' || *at == ',' || *at == '+')
            g_string_append_c(text, '\\');
        g_string_append_c(text, *at);
    }
}

static int compare_texts(gconstpointer left, gconstpointer right)
{
    return strcmp(*(char *const *)left, *(char *const *)right);
}

static char *folded_rdn(LDAPRDN rdn)
{
    g_autoptr(GPtrArray) parts = g_ptr_array_new_with_free_func(g_free);
    for (guint i = 0; rdn[i] != NULL; i++) {
        GString *part = g_string_new(NULL);
        append_folded(part, &rdn[i]->la_attr);
        g_string_append_c(part, '=');
        append_folded(part, &rdn[i]->la_value);
        g_ptr_array_add(parts, g_string_free(part, FALSE));
    }
    g_ptr_array_sort(parts, compare_texts);
    g_ptr_array_add(parts, NULL);
    return g_strjoinv("+", (char **)parts->pdata);
}

static void fold(GString *text, const char *dn)
{
    LDAPDN parsed = NULL;
    guint count = 0;
    if (ldap_str2dn(dn, &parsed, LDAP_DN_FORMAT_LDAPV3) != LDAP_SUCCESS)
        parsed = NULL;
    while (parsed != NULL && parsed[count] != NULL)
        count++;
    for (guint i = 0; count <= PARTS_MAX && i < count; i++) {
        g_autofree char *rdn = folded_rdn(parsed[i]);
        g_string_append(text, rdn);
        g_string_append_c(text, ',');
    }
    if (text->len == 0) {
        /* The server will refuse it; whatever it is, it is only like itself. */
        g_autofree char *lower = g_ascii_strdown(dn, -1);
        for (const char *at = lower; *at != '\0'; at++) {
            if (*at == ',' || *at == '\\')
                g_string_append_c(text, '\\');
            g_string_append_c(text, *at);
        }
    }
    if (parsed != NULL)
        ldap_dnfree(parsed);
}

/* Printable ASCII that is neither escaped nor ends a value: only its letter case has to be folded.
 */
static bool is_plain(char c)
{
    switch (c) {
    case '\\':
    case '"':
    case '+':
    case '#':
    case ';':
    case '<':
    case '>':
    case ',':
        return false;
    default:
        return c > ' ' && c < 0x7f;
    }
}

/* Whether a character of a DN, a letter of an attribute or one of a value, is as it is compared but
 * for its letter case. */
static bool may_stay(const char *at, bool attribute)
{
    if (attribute)
        return g_ascii_isalpha(*at);
    return *at == ' ' ? is_plain(at[-1]) && is_plain(at[1]) : *at == ',' || is_plain(*at);
}

/* The same as fold(), for most names, in one pass. false: not for this one. */
static bool fold_plain(GString *text, const char *dn)
{
    guint parts = 1;
    bool attribute = true; /* before its "=" */
    const char *begin = dn;
    for (const char *at = dn; *at != '\0'; at++) {
        if (attribute && *at == '=' && at > begin && is_plain(at[1])) {
            attribute = false;
        } else if (!may_stay(at, attribute)) {
            return false;
        } else if (*at == ',') {
            attribute = true;
            begin = at + 1;
            parts++;
        }
        g_string_append_c(text, g_ascii_tolower(*at));
    }
    g_string_append_c(text, ',');
    return !attribute && parts <= PARTS_MAX;
}

/* --- names --- */

static DirectoryName *take_folded(DirectoryNames *names, const char *folded);

/* What is above the DN, taken; NULL: nothing. */
static DirectoryName *take_above(DirectoryNames *names, const char *folded)
{
    const char *at = folded;
    while (*at != ',' && *at != '\0')
        at += *at == '\\' && at[1] != '\0' ? 2 : 1;
    if (*at == '\0' || at[1] == '\0')
        return NULL;
    if (names->recent == NULL || strcmp(names->recent->text, at + 1) != 0) {
        DirectoryName *above = take_folded(names, at + 1);
        directory_name_give_back(names, names->recent);
        names->recent = above;
    }
    names->recent->holders++;
    return names->recent;
}

static DirectoryName *take_folded(DirectoryNames *names, const char *folded)
{
    DirectoryName *name = g_hash_table_lookup(names->table, folded);
    if (name == NULL) {
        const gsize size = strlen(folded) + 1;
        name = g_malloc0(sizeof *name + size);
        memcpy(name->text, folded, size);
        name->above = take_above(names, name->text);
        g_hash_table_insert(names->table, name->text, name);
    }
    name->holders++;
    return name;
}

DirectoryName *directory_name_take(DirectoryNames *names, const char *dn)
{
    g_string_truncate(names->scratch, 0);
    if (!fold_plain(names->scratch, dn)) {
        g_string_truncate(names->scratch, 0);
        fold(names->scratch, dn);
    }
    return take_folded(names, names->scratch->str);
}

void directory_name_give_back(DirectoryNames *names, DirectoryName *name)
{
    while (name != NULL && --name->holders == 0) {
        DirectoryName *above = name->above;
        g_hash_table_remove(names->table, name->text);
        g_free(name);
        name = above;
    }
}

bool directory_name_clashes(const DirectoryName *name)
{
    if (name->below > 0)
        return true;
    for (; name != NULL; name = name->above)
        if (name->in_flight)
            return true;
    return false;
}

void directory_name_fly(DirectoryName *name, bool in_flight)
{
    name->in_flight = in_flight;
    for (DirectoryName *above = name->above; above != NULL; above = above->above) {
        if (in_flight)
            above->below++;
        else
            above->below--;
    }
}
