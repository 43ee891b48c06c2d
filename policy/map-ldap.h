/* SPDX-License-Identifier: MIT */
#ifndef BATCHLOAD_MAP_LDAP_H
#define BATCHLOAD_MAP_LDAP_H

#include "lib/directory.h"
#include "policy/map-domains.h"
#include "policy/map-template.h"

/* What a file of ldap_table(5) says, checked and complete. Immutable. */

/* Most values that one look-up may come to: a table that decides who may do what gives one answer,
 * or none. */
#define MAP_LDAP_EXPANSION_LIMIT 1
/* Most entries of one search where size_limit is 0, and most searches of one look-up. */
#define MAP_LDAP_ENTRIES_MAX 1000
#define MAP_LDAP_SEARCHES_MAX 1000
/* Longest timeout, in seconds. */
#define MAP_LDAP_SECONDS_MAX 60

typedef struct {
    DirectorySettings directory;
    unsigned timeout; /* of a whole look-up, in seconds */
    char *search_base, *query_filter, *result_format;
    bool base_varies;   /* the key comes into search_base */
    bool result_varies; /* and into what is found */
    MapNeeds needs;
    DirectoryScope scope;
    /* Attributes: those of terminal_result_attribute first, then of leaf_, of result_attribute and
     * of special_result_attribute; where each kind ends. */
    GStrv attributes;
    unsigned terminal_end, leaf_end, ordinary_end;
    unsigned recursion_limit, size_limit;
    MapDomains *domains; /* NULL: all */
} MapLdapSettings;

/* Of the text of a file that others may read or not. NULL with MAP_ERROR_SYNTAX: a setting that is
 * wrong, missing or not supported, by its name and never with its value; MAP_ERROR: a table or file
 * of domain. */
MapLdapSettings *map_ldap_settings_new(const char *text, gsize size, bool others_may_read,
                                       GError **error);
void map_ldap_settings_free(MapLdapSettings *settings);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(MapLdapSettings, map_ldap_settings_free)

#endif
