/* SPDX-License-Identifier: MIT */
#include "policy/sender.h"
#include <string.h>

/* Between the addresses of a login. */
#define SEPARATORS ", \t"

/* One table of the list. */
typedef struct {
    Map *map; /* borrowed */
    /* Normal form of a key → its right-hand side, the first one; NULL where the type can't list
     * its pairs and has to be asked. */
    GHashTable *index;
} Part;

struct SenderTable {
    Map *map;
    Map *logins;      /* or NULL */
    unsigned auth;    /* proofs that grants which could be listed ask for */
    GPtrArray *parts; /* of Part */
};

static void part_free(gpointer data)
{
    Part *part = data;
    g_clear_pointer(&part->index, g_hash_table_unref);
    g_free(part);
}

/* key in the form in which it is compared; *sender is set for an address. */
static char *normal_key(const char *key, Address **sender, GError **error)
{
    g_autoptr(GError) why = NULL;
    if (strchr(key, '@') == NULL) {
        char *domain = domain_normalise(key, &why);
        if (domain == NULL)
            g_set_error(error, MAP_ERROR, MAP_ERROR_SYNTAX,
                        "It is neither an address nor a domain: %s", why->message);
        return domain;
    }
    *sender = address_parse(key, NULL, &why);
    if (*sender == NULL) {
        g_set_error(error, MAP_ERROR, MAP_ERROR_SYNTAX, "It is neither an address nor a domain: %s",
                    why->message);
        return NULL;
    }
    return g_strdup((*sender)->full);
}

/* Puts key and line, where there are such, in front of a message; false. */
static bool at_key(const char *key, unsigned line, GError **error)
{
    if (key == NULL && line > 0)
        g_prefix_error(error, "Line %u: ", line);
    else if (key == NULL)
        return false;
    else if (line > 0)
        g_prefix_error(error, "Line %u, key \"%s\": ", line, key);
    else
        g_prefix_error(error, "Key \"%s\": ", key);
    return false;
}

/* Where pairs go. */
typedef struct {
    SenderTable *table;
    GHashTable *index;
} Filling;

static bool add_pair(gpointer data, const char *key, const char *value, unsigned line,
                     GError **error)
{
    Filling *filling = data;
    g_autoptr(Address) sender = NULL;
    g_autofree char *normal = normal_key(key, &sender, error);
    if (normal == NULL)
        return at_key(key, line, error);
    g_autoptr(Grant) grant = grant_parse(value, sender, error);
    if (grant == NULL)
        return at_key(key, line, error);
    filling->table->auth |= grant->auth;
    if (!g_hash_table_contains(filling->index, normal))
        g_hash_table_insert(filling->index, g_steal_pointer(&normal), g_strdup(value));
    return true;
}

/* Where right-hand sides go whose keys can't be listed. */
typedef struct {
    SenderTable *table;
    const Address *sender; /* of whom they may be; NULL: nobody's own */
} Checking;

/* A right-hand side of patterns, or of a type that finds every key. Who asks could choose what of
 * the own address comes into a grant, so nothing of it may. */
static bool check_value(gpointer data, const char *value, bool varies, unsigned line,
                        GError **error)
{
    const Checking *checking = data;
    g_autoptr(Grant) grant = NULL;
    if (varies)
        g_set_error(error, MAP_ERROR, MAP_ERROR_SYNTAX,
                    "A grant may have no part of the sender's address in it ($1): write it out.");
    else
        grant = grant_parse(value, checking->sender, error);
    if (grant != NULL)
        checking->table->auth |= grant->auth;
    return grant != NULL || at_key(NULL, line, error);
}

static bool check_values(SenderTable *table, Map *map, GError **error)
{
    /* Whose a pattern's grant is, only who asks will tell. */
    g_autoptr(Address) any = address_parse("any@sender.example", NULL, NULL);
    Checking checking = {table, map_has_every_key(map) ? NULL : any};
    return map_values(map, check_value, &checking, error) != ANSWER_UNKNOWN;
}

static bool add_part(SenderTable *table, Map *map, GError **error)
{
    Part *part = g_new0(Part, 1);
    g_ptr_array_add(table->parts, part);
    part->map = map;
    part->index = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
    Filling filling = {table, part->index};
    Answer listed = map_each(map, add_pair, &filling, error);
    if (listed != ANSWER_NO)
        return listed == ANSWER_YES;
    g_clear_pointer(&part->index, g_hash_table_unref);
    return check_values(table, map, error);
}

SenderTable *sender_table_open(const char *spec, GError **error)
{
    g_autoptr(SenderTable) table = g_new0(SenderTable, 1);
    table->parts = g_ptr_array_new_with_free_func(part_free);
    table->map = map_open(spec, error);
    if (table->map == NULL) {
        g_prefix_error(error, "Sender table %s: ", spec);
        return NULL;
    }
    for (unsigned i = 0; i < map_count(table->map); i++) {
        Map *map = map_part(table->map, i);
        if (add_part(table, map, error))
            continue;
        g_prefix_error(error, "Sender table %s: ", map_spec(map));
        return NULL;
    }
    return g_steal_pointer(&table);
}

/* --- who logged in --- */

/* The addresses of a right-hand side of the login map. */
static GStrv owned(const char *value)
{
    return g_strsplit_set(value, SEPARATORS, -1);
}

static bool check_login(gpointer data G_GNUC_UNUSED, const char *key, const char *value,
                        unsigned line, GError **error)
{
    g_auto(GStrv) words = owned(value);
    for (char **word = words; *word != NULL; word++) {
        g_autoptr(GError) why = NULL;
        g_autoptr(Address) address G_GNUC_UNUSED =
            **word != '\0' ? address_parse(*word, NULL, &why) : NULL;
        if (why == NULL)
            continue;
        g_set_error(error, MAP_ERROR, MAP_ERROR_SYNTAX, "\"%s\" is no address: %s", *word,
                    why->message);
        return at_key(key, line, error);
    }
    return true;
}

/* Of a pattern; what the login comes into is seen when it is asked for. */
static bool check_login_value(gpointer data, const char *value, bool varies, unsigned line,
                              GError **error)
{
    return varies || check_login(data, NULL, value, line, error);
}

static bool check_logins(Map *logins, GError **error)
{
    if (map_each(logins, check_login, NULL, error) == ANSWER_UNKNOWN)
        return false;
    for (unsigned i = 0; i < map_count(logins); i++)
        if (map_values(map_part(logins, i), check_login_value, NULL, error) == ANSWER_UNKNOWN)
            return false;
    return true;
}

static bool open_logins(SenderTable *table, const char *spec, GError **error)
{
    if (spec == NULL)
        return true;
    table->logins = map_open(spec, error);
    if (table->logins != NULL && check_logins(table->logins, error))
        return true;
    g_prefix_error(error, "login_map: ");
    return false;
}

static bool check_proofs(const SenderTable *table, const Config *config, GError **error)
{
    const char *missing = NULL;
    if ((table->auth & GRANT_AUTH_SASL) != 0 && table->logins == NULL)
        missing = "auth=sasl, which needs login_map: the table of who owns which address";
    else if ((table->auth & GRANT_AUTH_DKIM) != 0 && !config->authserv_trusted)
        missing = "auth=dkim, which needs authserv_id and authserv_trusted";
    if (missing == NULL)
        return true;
    g_set_error(error, GRANT_ERROR, GRANT_ERROR_SYNTAX, "Sender table %s: a grant says %s",
                map_spec(table->map), missing);
    return false;
}

SenderTable *sender_table_for(const Config *config, GError **error)
{
    g_autoptr(SenderTable) table = sender_table_open(config->sender_table, error);
    if (table == NULL || !open_logins(table, config->login_map, error) ||
        !check_proofs(table, config, error))
        return NULL;
    return g_steal_pointer(&table);
}

Answer sender_table_owns(SenderTable *table, const char *login, const Address *address,
                         GError **error)
{
    g_autofree char *value = NULL;
    if (table->logins == NULL) {
        g_set_error_literal(error, MAP_ERROR, MAP_ERROR_FAILED,
                            "there is no login_map, which auth=sasl needs");
        return ANSWER_UNKNOWN;
    }
    if (strpbrk(login, SEPARATORS) != NULL)
        return ANSWER_NO;
    Answer answer = map_lookup(table->logins, login, &value, error);
    if (answer != ANSWER_YES)
        return answer;
    g_auto(GStrv) words = owned(value);
    for (char **word = words; *word != NULL; word++) {
        g_autoptr(Address) one = address_parse(*word, NULL, NULL);
        if (one != NULL && g_str_equal(one->full, address->full))
            return ANSWER_YES;
    }
    return ANSWER_NO;
}

void sender_table_free(SenderTable *table)
{
    if (table == NULL)
        return;
    map_close(table->logins);
    g_ptr_array_unref(table->parts);
    map_close(table->map);
    g_free(table);
}

char *sender_table_fingerprint(const SenderTable *table, bool now)
{
    g_autofree char *logins = table->logins != NULL ? map_fingerprint(table->logins, now) : NULL;
    g_autofree char *senders = map_fingerprint(table->map, now);
    return g_strconcat(senders, logins != NULL ? "\n" : NULL, logins, NULL);
}

char *sender_table_advice(const SenderTable *table)
{
    char *advice = map_advice(table->map);
    return advice == NULL && table->logins != NULL ? map_advice(table->logins) : advice;
}

/* Nobody has it (RFC 2606), whatever it is a key of. */
#define NOBODY "nobody@batchload.invalid"

static Answer reaches(Map *map, GError **error)
{
    Answer all = ANSWER_NO;
    for (unsigned i = 0; i < map_count(map); i++) {
        g_autofree char *value = NULL;
        if (!map_is_remote(map_part(map, i)))
            continue;
        if (map_lookup(map_part(map, i), NOBODY, &value, error) == ANSWER_UNKNOWN)
            return ANSWER_UNKNOWN;
        all = ANSWER_YES;
    }
    return all;
}

Answer sender_table_reaches(SenderTable *table, GError **error)
{
    Answer senders = reaches(table->map, error);
    if (senders == ANSWER_UNKNOWN || table->logins == NULL)
        return senders;
    Answer logins = reaches(table->logins, error);
    return logins == ANSWER_NO ? senders : logins;
}

static Answer look_up_part(const Part *part, const char *key, char **value, GError **error)
{
    if (part->index == NULL)
        return map_lookup(part->map, key, value, error);
    const char *found = g_hash_table_lookup(part->index, key);
    if (found == NULL)
        return ANSWER_NO;
    *value = g_strdup(found);
    return ANSWER_YES;
}

/* The first table that has the key; *own says whether it is written there. One that fails is never
 * passed over. Patterns are for addresses: what is not an admin@ would hold for any domain. */
static Answer look_up(const SenderTable *table, const char *key, char **value, bool *own,
                      GError **error)
{
    for (guint i = 0; i < table->parts->len; i++) {
        const Part *part = g_ptr_array_index(table->parts, i);
        if (map_has_patterns(part->map) && strchr(key, '@') == NULL)
            continue;
        Answer answer = look_up_part(part, key, value, error);
        *own = !map_has_every_key(part->map);
        if (answer != ANSWER_NO)
            return answer;
    }
    return ANSWER_NO;
}

Answer sender_table_grant(SenderTable *table, const Address *sender, Grant **grant, bool *own_key,
                          GError **error)
{
    g_autofree char *value = NULL;
    bool own = false, written = false;
    Answer answer = look_up(table, sender->full, &value, &own, error);
    if (answer == ANSWER_NO) {
        answer = look_up(table, sender->domain, &value, &written, error);
        own = false;
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
    bool written = false;
    Answer answer = look_up(table, normal, value, &written, error);
    if (answer == ANSWER_NO && sender != NULL)
        answer = look_up(table, sender->domain, value, &written, error);
    return answer;
}

/* Whether the full address is a key. */
static Answer has_own_key(const SenderTable *table, const Address *address, GError **error)
{
    for (guint i = 0; i < table->parts->len; i++) {
        const Part *part = g_ptr_array_index(table->parts, i);
        g_autofree char *value = NULL;
        if (map_has_every_key(part->map))
            continue;
        Answer answer = look_up_part(part, address->full, &value, error);
        if (answer != ANSWER_NO)
            return answer;
    }
    return ANSWER_NO;
}

Answer sender_table_has_own(gpointer data, const Address *address, const Grant *than,
                            GError **error)
{
    g_autoptr(Grant) grant = NULL;
    bool own = false;
    Answer answer = has_own_key(data, address, error);
    if (answer != ANSWER_NO || than == NULL)
        return answer;
    answer = sender_table_grant(data, address, &grant, &own, error);
    if (answer != ANSWER_YES)
        return answer;
    return grant_reaches_beyond(grant, than) ? ANSWER_YES : ANSWER_NO;
}
