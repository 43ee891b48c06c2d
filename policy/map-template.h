/* SPDX-License-Identifier: MIT */
#ifndef BATCHLOAD_MAP_TEMPLATE_H
#define BATCHLOAD_MAP_TEMPLATE_H

#include <glib.h>
#include <stdbool.h>

/* The templates of ldap_table(5): %s, %u, %d, %S, %U, %D, %1 … %9 and %%. Any thread. */

/* Longest text that a template may become, in bytes. */
#define MAP_TEMPLATE_TEXT_MAX (256 * 1024)

/* What all templates of a table need together: a key or value without it comes to nothing. */
typedef struct {
    bool key_user, key_domain; /* a key that has an @ has something before it; a domain behind it */
    bool value_user, value_domain;
    unsigned labels; /* so many parts of the key's domain */
} MapNeeds;

/* Whether template can be used; adds what it needs to needs. result: it is for values, so %s, %u
 * and %d mean the value, and not the key. *varies, where asked for, is set where the key comes into
 * it. */
bool map_template_check(const char *template, bool result, MapNeeds *needs, bool *varies);

/* Appends the text of a template that was checked. value NULL: it is not for values. escape makes
 * each part fit the place (NULL: none is needed); its result is freed. false: it comes to nothing,
 * out is untouched then. Longer than allowed: it is cut, out->len is above MAP_TEMPLATE_TEXT_MAX.
 */
bool map_template_expand(const char *template, const MapNeeds *needs, const char *key,
                         const char *value, char *(*escape)(const char *text), GString *out);

#endif
