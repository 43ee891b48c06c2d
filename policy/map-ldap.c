/* SPDX-License-Identifier: MIT */
#include "policy/map-ldap.h"
#include "policy/map-cf.h"
#include "policy/map-file.h"
#include "policy/map-pool.h"
#include "policy/map-private.h"
#include <string.h>
#include <sys/stat.h>

/* ldap:/path/to/file.cf: a directory, asked as Postfix does by the same file (ldap_table(5)). */

typedef struct {
    MapPool *pool;             /* NULL: the file can't be read */
    MapLdapSettings *settings; /* the pool's */
    char *path;
    char *read_as;  /* fingerprint before it was read */
    GError *failed; /* why it couldn't be read */
} Ldap;

typedef struct {
    const MapLdapSettings *settings;
    Directory *directory;
} Connection;

/* One look-up. */
typedef struct {
    const MapLdapSettings *settings;
    Directory *directory;
    const char *key;
    unsigned searches; /* so far */
    unsigned found;
    GString *result;
    GError **error;
} Lookup;

static bool failed(Lookup *lookup, const char *words)
{
    g_set_error_literal(lookup->error, MAP_ERROR, MAP_ERROR_FAILED, words);
    return false;
}

/* --- entries --- */

/* Whether attribute is the one asked for, or the same with more options behind a ';'. */
static bool is_of(const char *attribute, const char *asked)
{
    gsize length = strlen(asked);
    return g_ascii_strncasecmp(attribute, asked, length) == 0 &&
           (attribute[length] == '\0' || attribute[length] == ';');
}

/* Which of the attributes asked for it is; their number, if none. */
static unsigned index_of(const MapLdapSettings *settings, const char *attribute)
{
    unsigned i = 0;
    while (settings->attributes[i] != NULL && !is_of(attribute, settings->attributes[i]))
        i++;
    return i;
}

static bool has_any(const Entry *entry, GStrv attributes, unsigned from, unsigned to)
{
    for (unsigned i = from; i < to && attributes[i] != NULL; i++) {
        const GPtrArray *values = entry_values(entry, attributes[i]);
        if (values != NULL && values->len > 0)
            return true;
    }
    return false;
}

static bool take_value(Lookup *lookup, const char *value)
{
    if (!map_template_expand(lookup->settings->result_format, &lookup->settings->needs, lookup->key,
                             value, NULL, lookup->result))
        return true;
    if (lookup->result->len > MAP_TEMPLATE_TEXT_MAX)
        return failed(lookup, "what is found is too long");
    return ++lookup->found <= MAP_LDAP_EXPANSION_LIMIT ||
           failed(lookup, "more than one result was found, which can only be a mistake "
                          "(expansion_limit)");
}

static bool take_entries(Lookup *lookup, GPtrArray *entries, unsigned depth);

/* The attributes to be asked for by an address: of those it names the ones that the table has.
 * NULL: none. */
static GPtrArray *attributes_of(const MapLdapSettings *settings, const DirectoryUrl *url)
{
    g_autoptr(GPtrArray) names = g_ptr_array_new();
    for (char **asked = settings->attributes; *asked != NULL; asked++) {
        if (url->attributes == NULL)
            g_ptr_array_add(names, *asked);
        for (char **named = url->attributes; named != NULL && *named != NULL; named++) {
            if (is_of(*named, *asked))
                g_ptr_array_add(names, *named);
            else if (is_of(*asked, *named))
                g_ptr_array_add(names, *asked);
        }
    }
    if (names->len == 0)
        return NULL;
    g_ptr_array_add(names, NULL);
    return g_steal_pointer(&names);
}

/* ANSWER_NO: there is no such base. */
static Answer search(Lookup *lookup, const char *base, DirectoryScope scope, const char *filter,
                     const char *const *attributes, GPtrArray **entries)
{
    const MapLdapSettings *settings = lookup->settings;
    g_autoptr(GError) why = NULL;
    unsigned limit = settings->size_limit > 0 ? settings->size_limit : MAP_LDAP_ENTRIES_MAX;
    if (lookup->searches++ == MAP_LDAP_SEARCHES_MAX) {
        failed(lookup, "it takes too many searches");
        return ANSWER_UNKNOWN;
    }
    Answer answer = directory_search(lookup->directory, base, scope,
                                     filter != NULL ? filter : "(objectClass=*)", attributes, limit,
                                     entries, &why);
    if (answer == ANSWER_UNKNOWN)
        failed(lookup, why->message);
    return answer;
}

/* An entry by its name, or entries by their address, which another entry has. */
static bool follow(Lookup *lookup, const char *value, unsigned depth)
{
    const MapLdapSettings *settings = lookup->settings;
    g_autoptr(GPtrArray) entries = NULL, names = NULL;
    g_autoptr(DirectoryUrl) url = NULL;
    if (!directory_is_url(value))
        return search(lookup, value, DIRECTORY_SCOPE_BASE, NULL,
                      (const char *const *)settings->attributes, &entries) != ANSWER_UNKNOWN &&
               (entries == NULL || take_entries(lookup, entries, depth + 1));
    url = directory_url_parse(value);
    if (url == NULL)
        return failed(lookup, "an entry has an ldap:// address that can't be used");
    names = attributes_of(settings, url);
    return names == NULL ||
           (search(lookup, url->base, url->scope, url->filter, (const char *const *)names->pdata,
                   &entries) != ANSWER_UNKNOWN &&
            (entries == NULL || take_entries(lookup, entries, depth + 1)));
}

/* What is to be done with the values of an attribute. */
typedef enum { PASS_OVER, TAKE, FOLLOW } Use;

static Use use_of(const MapLdapSettings *settings, const Entry *entry, unsigned index)
{
    if (has_any(entry, settings->attributes, 0, settings->terminal_end))
        return index < settings->terminal_end ? TAKE : PASS_OVER;
    if (settings->attributes[index] == NULL)
        return PASS_OVER;
    if (index >= settings->ordinary_end)
        return FOLLOW;
    bool leaf = index >= settings->terminal_end && index < settings->leaf_end;
    return leaf && has_any(entry, settings->attributes, settings->ordinary_end, G_MAXUINT)
               ? PASS_OVER
               : TAKE;
}

static bool take_attribute(Lookup *lookup, const Entry *entry, const char *name,
                           const GPtrArray *values, unsigned depth)
{
    Use use = use_of(lookup->settings, entry, index_of(lookup->settings, name));
    if (use == FOLLOW && depth >= lookup->settings->recursion_limit)
        return failed(lookup, "entries lead to others too often (recursion_limit)");
    for (guint i = 0; use != PASS_OVER && i < values->len; i++) {
        const char *value = g_ptr_array_index(values, i);
        if (use == TAKE ? !take_value(lookup, value) : !follow(lookup, value, depth))
            return false;
    }
    return true;
}

static bool take_entries(Lookup *lookup, GPtrArray *entries, unsigned depth)
{
    for (guint i = 0; i < entries->len; i++) {
        const Entry *entry = g_ptr_array_index(entries, i);
        if (entry->left_out)
            return failed(lookup, "what is found holds a NUL byte");
        for (guint k = 0; k < entry->attributes->len; k++) {
            const Attribute *attribute = entry_attribute(entry, k);
            if (!take_attribute(lookup, entry, attribute->name, attribute->values, depth))
                return false;
        }
    }
    return true;
}

/* --- one key --- */

/* Texts of search_base and query_filter; ANSWER_NO: the key is none for this table. */
static Answer expand(Lookup *lookup, GString *base, GString *filter)
{
    const MapLdapSettings *settings = lookup->settings;
    if (!map_template_expand(settings->search_base, &settings->needs, lookup->key, NULL,
                             directory_escape_dn, base) ||
        !map_template_expand(settings->query_filter, &settings->needs, lookup->key, NULL,
                             directory_escape_filter, filter))
        return ANSWER_NO;
    if (base->len <= MAP_TEMPLATE_TEXT_MAX && filter->len <= MAP_TEMPLATE_TEXT_MAX)
        return ANSWER_YES;
    failed(lookup, "the key makes too long a question");
    return ANSWER_UNKNOWN;
}

static Answer ask_once(Lookup *lookup)
{
    const MapLdapSettings *settings = lookup->settings;
    g_autoptr(GString) base = g_string_new(NULL), filter = g_string_new(NULL);
    g_autoptr(GPtrArray) entries = NULL;
    Answer answer = expand(lookup, base, filter);
    if (answer == ANSWER_YES)
        answer = search(lookup, base->str, settings->scope, filter->str,
                        (const char *const *)settings->attributes, &entries);
    if (answer == ANSWER_NO && base->len > 0 && !settings->base_varies) {
        failed(lookup, "there is nothing at its search_base");
        return ANSWER_UNKNOWN;
    }
    if (answer == ANSWER_YES && !take_entries(lookup, entries, 1))
        return ANSWER_UNKNOWN;
    return answer == ANSWER_YES && lookup->found == 0 ? ANSWER_NO : answer;
}

static Answer connection_ask(gpointer data, const char *key, gint64 deadline, char **value,
                             GError **error)
{
    Connection *connection = data;
    directory_set_deadline(connection->directory, deadline);
    for (bool again = false;; again = true) {
        g_autoptr(GString) result = g_string_new(NULL);
        g_autoptr(GError) why = NULL;
        Lookup lookup = {.settings = connection->settings,
                         .directory = connection->directory,
                         .key = key,
                         .result = result,
                         .error = &why};
        bool old = directory_is_connected(connection->directory);
        Answer answer = ask_once(&lookup);
        if (answer == ANSWER_YES)
            *value = g_strdup(result->str);
        if (answer != ANSWER_UNKNOWN)
            return answer;
        /* A connection that was there may have died since; a new one would not have. */
        if (!old || again || directory_is_connected(connection->directory)) {
            g_propagate_error(error, g_steal_pointer(&why));
            return answer;
        }
    }
}

static gpointer connection_open(gpointer table)
{
    Connection *connection = g_new0(Connection, 1);
    connection->settings = table;
    /* They were tried when they were read. */
    connection->directory = directory_new(&connection->settings->directory, NULL);
    return connection;
}

static void connection_close(gpointer data)
{
    Connection *connection = data;
    directory_free(connection->directory);
    g_free(connection);
}

static const MapPoolType connections = {connection_open, connection_ask, connection_close};

/* --- the table --- */

static void ldap_close(gpointer handle)
{
    Ldap *ldap = handle;
    if (ldap->pool != NULL)
        map_pool_free(ldap->pool);
    g_clear_error(&ldap->failed);
    g_free(ldap->path);
    g_free(ldap->read_as);
    g_free(ldap);
}
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Ldap, ldap_close)

static gpointer ldap_open(const char *name, GError **error)
{
    if (!map_file_check_path("ldap", name, error))
        return NULL;
    g_autoptr(Ldap) ldap = g_new0(Ldap, 1);
    gsize size = 0;
    mode_t mode = 0;
    ldap->path = g_strdup(name);
    ldap->read_as = map_file_fingerprint(name);
    char *text = map_file_read(name, MAP_CF_FILE_MAX, &size, &mode, &ldap->failed);
    if (text == NULL)
        return g_steal_pointer(&ldap);
    ldap->settings = map_ldap_settings_new(text, size, (mode & S_IRWXO) != 0, error);
    secret_wipe(text, size);
    g_free(text);
    if (ldap->settings == NULL) {
        g_prefix_error(error, "The table ldap:%s can't be used: ", name);
        return NULL;
    }
    ldap->pool = map_pool_new(&connections, ldap->settings, (GDestroyNotify)map_ldap_settings_free);
    return g_steal_pointer(&ldap);
}

/* Whether the table is for this key. */
static Answer is_meant(const MapLdapSettings *settings, const char *key, GError **error)
{
    const char *at = strrchr(key, '@');
    if (settings->domains == NULL)
        return ANSWER_YES;
    if (at == NULL || at[1] == '\0')
        return ANSWER_NO;
    return map_domains_have(settings->domains, at + 1, error);
}

static Answer ldap_lookup(gpointer handle, const char *key, char **value, GError **error)
{
    const Ldap *ldap = handle;
    if (ldap->failed != NULL) {
        g_propagate_error(error, g_error_copy(ldap->failed));
        return ANSWER_UNKNOWN;
    }
    g_autofree char *folded = map_fold(key);
    Answer answer = is_meant(ldap->settings, folded, error);
    if (answer == ANSWER_YES)
        answer = map_pool_ask(ldap->pool, folded, ldap->settings->timeout, value, error);
    if (answer == ANSWER_UNKNOWN)
        g_prefix_error(error, "The table ldap:%s could not be asked: ", ldap->path);
    return answer;
}

/* What is found can't be listed; but whether the key comes into it is known. */
static Answer ldap_values(gpointer handle, MapValueFunc each, gpointer data, GError **error)
{
    const Ldap *ldap = handle;
    if (ldap->failed != NULL)
        g_propagate_error(error, g_error_copy(ldap->failed));
    else if (!ldap->settings->result_varies ||
             each(data, ldap->settings->result_format, true, 0, error))
        return ANSWER_NO;
    return ANSWER_UNKNOWN;
}

static void ldap_fingerprint(gpointer handle, bool now, GString *text)
{
    const Ldap *ldap = handle;
    g_autofree char *found = now ? map_file_fingerprint(ldap->path) : g_strdup(ldap->read_as);
    g_string_append(text, found);
    if (ldap->settings != NULL && ldap->settings->domains != NULL)
        map_domains_fingerprint(ldap->settings->domains, now, text);
}

const MapType map_ldap = {
    .type = "ldap",
    .open = ldap_open,
    .lookup = ldap_lookup,
    .values = ldap_values,
    .close = ldap_close,
    .fingerprint = ldap_fingerprint,
    .remote = true,
};
