/* SPDX-License-Identifier: MIT */
#include "policy/sender.h"
#include <string.h>

struct SenderTable {
    Map *map;
    /* Normal form of a key → its right-hand side, the first one; NULL where the type can't list
     * its pairs and has to be asked. */
    GHashTable *index;
};

/* key in the form in which it is compared; *sender is set for an address. */
static char *normal_key(const char *key, Address **sender, GError **error)
{
    g_autoptr(GError) why = NULL;
    if (strchr(key, '@') == NULL) {
        char *domain = domain_normalise(key, &why);
        if (domain == NULL)
            g_set_error(error, MAP_ERROR, MAP_ERROR_SYNTAX,
                        "is neither an address nor a domain: %s", why->message);
        return domain;
    }
    *sender = address_parse(key, NULL, &why);
    if (*sender == NULL) {
        g_set_error(error, MAP_ERROR, MAP_ERROR_SYNTAX, "is neither an address nor a domain: %s",
                    why->message);
        return NULL;
    }
    return g_strdup((*sender)->full);
}

static bool add_pair(gpointer data, const char *key, const char *value, unsigned line,
                     GError **error)
{
    GHashTable *index = data;
    g_autoptr(Address) sender = NULL;
    g_autofree char *normal = normal_key(key, &sender, error);
    if (normal == NULL) {
        g_prefix_error(error, "Line %u: the key \"%s\" ", line, key);
        return false;
    }
    g_autoptr(Grant) grant = grant_parse(value, sender, error);
    if (grant == NULL) {
        g_prefix_error(error, "Line %u, key \"%s\": ", line, key);
        return false;
    }
    if (!g_hash_table_contains(index, normal))
        g_hash_table_insert(index, g_steal_pointer(&normal), g_strdup(value));
    return true;
}

SenderTable *sender_table_open(const char *spec, GError **error)
{
    g_autoptr(Map) map = map_open(spec, error);
    if (map == NULL)
        return NULL;
    g_autoptr(GHashTable) index = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
    Answer listed = map_each(map, add_pair, index, error);
    if (listed == ANSWER_UNKNOWN) {
        g_prefix_error(error, "Sender table %s: ", spec);
        return NULL;
    }
    SenderTable *table = g_new0(SenderTable, 1);
    table->map = g_steal_pointer(&map);
    table->index = listed == ANSWER_YES ? g_steal_pointer(&index) : NULL;
    return table;
}

void sender_table_free(SenderTable *table)
{
    if (table == NULL)
        return;
    g_clear_pointer(&table->index, g_hash_table_unref);
    map_close(table->map);
    g_free(table);
}

static Answer look_up(SenderTable *table, const char *key, char **value, GError **error)
{
    if (table->index == NULL)
        return map_lookup(table->map, key, value, error);
    const char *found = g_hash_table_lookup(table->index, key);
    if (found == NULL)
        return ANSWER_NO;
    *value = g_strdup(found);
    return ANSWER_YES;
}

Answer sender_table_grant(SenderTable *table, const Address *sender, Grant **grant, bool *own_key,
                          GError **error)
{
    g_autofree char *value = NULL;
    bool own = true;
    Answer answer = look_up(table, sender->full, &value, error);
    if (answer == ANSWER_NO) {
        own = false;
        answer = look_up(table, sender->domain, &value, error);
    }
    if (answer != ANSWER_YES)
        return answer;
    g_autoptr(GError) why = NULL;
    Grant *parsed = grant_parse(value, own ? sender : NULL, &why);
    if (parsed == NULL) {
        /* Only a table that couldn't be checked when it was opened: no grant can be told. */
        g_set_error(error, MAP_ERROR, MAP_ERROR_FAILED, "Sender table %s, key \"%s\": %s",
                    map_spec(table->map), own ? sender->full : sender->domain, why->message);
        return ANSWER_UNKNOWN;
    }
    *grant = parsed;
    *own_key = own;
    return ANSWER_YES;
}

Answer sender_table_value(SenderTable *table, const char *key, char **value, GError **error)
{
    g_autoptr(Address) sender = NULL;
    g_autofree char *normal = normal_key(key, &sender, NULL);
    if (normal == NULL)
        return ANSWER_NO;
    Answer answer = look_up(table, normal, value, error);
    if (answer == ANSWER_NO && sender != NULL)
        answer = look_up(table, sender->domain, value, error);
    return answer;
}

Answer sender_table_has_own(gpointer table, const Address *address, GError **error)
{
    g_autofree char *value = NULL;
    return look_up(table, address->full, &value, error);
}
