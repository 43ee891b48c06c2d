/* SPDX-License-Identifier: MIT */
#include "policy/map-template.h"
#include <string.h>

/* --- checks --- */

static bool needs_of(char letter, bool result, MapNeeds *needs)
{
    switch (letter) {
    case '%':
    case 's':
    case 'S':
        return true;
    case 'u':
        *(result ? &needs->value_user : &needs->key_user) = true;
        return true;
    case 'd':
        *(result ? &needs->value_domain : &needs->key_domain) = true;
        return true;
    case 'U':
        needs->key_user = true;
        return true;
    case 'D':
        needs->key_domain = true;
        return true;
    default:
        if (letter < '1' || letter > '9')
            return false;
        needs->key_domain = true;
        needs->labels = MAX(needs->labels, (unsigned)(letter - '0'));
        return true;
    }
}

bool map_template_check(const char *template, bool result, MapNeeds *needs, bool *varies)
{
    for (const char *at = template; (at = strchr(at, '%')) != NULL; at += 2) {
        if (!needs_of(at[1], result, needs))
            return false;
        if (varies != NULL && at[1] != '%' && (!result || strchr("sud", at[1]) == NULL))
            *varies = true;
    }
    return true;
}

/* --- the parts of an address --- */

typedef struct {
    const char *whole, *domain; /* domain NULL: there is no @ */
    char *user;                 /* what stands before the last @; all where there is none */
} Parts;

static void parts_clear(Parts *parts)
{
    g_free(parts->user);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Parts, parts_clear)

static Parts split(const char *text)
{
    const char *at = strrchr(text, '@');
    Parts parts = {text, at != NULL ? at + 1 : NULL, NULL};
    parts.user = at != NULL ? g_strndup(text, (gsize)(at - text)) : g_strdup(text);
    return parts;
}

static bool suffices(const Parts *parts, bool user, bool domain)
{
    if (domain && (parts->domain == NULL || *parts->domain == '\0'))
        return false;
    return !user || parts->domain == NULL || *parts->user != '\0';
}

/* The parts of a domain, from the last to the first, without empty ones; NULL where there are too
 * few. */
static GPtrArray *labels_of(const char *domain, unsigned count)
{
    g_auto(GStrv) words = g_strsplit(domain, ".", -1);
    g_autoptr(GPtrArray) labels = g_ptr_array_new_with_free_func(g_free);
    for (guint i = g_strv_length(words); i > 0; i--)
        if (*words[i - 1] != '\0')
            g_ptr_array_add(labels, g_strdup(words[i - 1]));
    return labels->len >= count ? g_steal_pointer(&labels) : NULL;
}

/* --- expansion --- */

/* What a letter stands for; subject is what the small letters mean. */
static const char *meaning(char letter, const Parts *subject, const Parts *key,
                           const GPtrArray *labels)
{
    switch (letter) {
    case 's':
        return subject->whole;
    case 'u':
        return subject->user;
    case 'd':
        return subject->domain;
    case 'S':
        return key->whole;
    case 'U':
        return key->user;
    case 'D':
        return key->domain;
    default: /* what was checked needs no label without having it */
        return labels != NULL ? g_ptr_array_index(labels, (guint)(letter - '1')) : "";
    }
}

static void append(GString *out, const char *text, char *(*escape)(const char *text))
{
    g_autofree char *escaped = escape != NULL ? escape(text) : NULL;
    g_string_append(out, escaped != NULL ? escaped : text);
}

bool map_template_expand(const char *template, const MapNeeds *needs, const char *key,
                         const char *value, char *(*escape)(const char *text), GString *out)
{
    g_auto(Parts) key_parts = split(key), value_parts = split(value != NULL ? value : key);
    const Parts *subject = &value_parts;
    g_autoptr(GPtrArray) labels = NULL;
    if (*subject->whole == '\0' || !suffices(&key_parts, needs->key_user, needs->key_domain) ||
        (value != NULL && !suffices(&value_parts, needs->value_user, needs->value_domain)))
        return false;
    if (needs->labels > 0 && (labels = labels_of(key_parts.domain, needs->labels)) == NULL)
        return false;
    while (*template != '\0' && out->len <= MAP_TEMPLATE_TEXT_MAX) {
        gsize plain = strcspn(template, "%");
        g_string_append_len(out, template, (gssize)plain);
        template += plain;
        if (*template == '\0')
            break;
        if (template[1] == '%')
            g_string_append_c(out, '%');
        else
            append(out, meaning(template[1], subject, &key_parts, labels), escape);
        template += 2;
    }
    return true;
}
