/* SPDX-License-Identifier: MIT */
#ifndef BATCHLOAD_MAP_DOMAINS_H
#define BATCHLOAD_MAP_DOMAINS_H

#include "lib/answer.h"
#include <glib.h>
#include <stdbool.h>

/* The list of domains for which a table is asked (domain in ldap_table(5)): names, "!" before those
 * that are not meant, files with such lists, and tables that have the domains as keys. The first
 * one that fits decides. Immutable; any thread. */
typedef struct MapDomains MapDomains;

/* NULL with MAP_ERROR: a word that can never work, or what can't be read. */
MapDomains *map_domains_new(const char *list, GError **error);
/* Whether the domain is in the list; ANSWER_UNKNOWN with MAP_ERROR_FAILED: a table can't tell. */
Answer map_domains_have(const MapDomains *domains, const char *domain, GError **error);
/* As the fingerprint of a MapType: that of files and tables. */
void map_domains_fingerprint(const MapDomains *domains, bool now, GString *text);
void map_domains_free(MapDomains *domains);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(MapDomains, map_domains_free)

#endif
