/* SPDX-License-Identifier: MIT */
#include "lib/nearest.h"
#include "policy/map-cf.h"
#include "policy/map-ldap.h"
#include "policy/map.h"
#include <string.h>

/* Longest value of a setting, in bytes. */
#define VALUE_MAX 4096

#define SEPARATORS ", \t\r\n"

typedef enum {
    SERVER_HOST,
    SERVER_PORT,
    TIMEOUT,
    SEARCH_BASE,
    QUERY_FILTER,
    RESULT_FORMAT,
    RESULT_FILTER,
    DOMAIN_LIST,
    TERMINAL,
    LEAF,
    ORDINARY,
    SPECIAL,
    SCOPE,
    BIND,
    BIND_DN,
    BIND_PW,
    RECURSION_LIMIT,
    EXPANSION_LIMIT,
    SIZE_LIMIT,
    DEREFERENCE,
    CHASE_REFERRALS,
    START_TLS,
    CA_FILE,
    CA_FOLDER,
    CERTIFICATE,
    KEY,
    REQUIRE_CERT,
    SASL_MECHS,
    SASL_AUTHZ_ID,
    SASL_MINSSF,
    PROTOCOL_VERSION,
    DEBUGLEVEL,
    SASL_REALM,
    CIPHER_SUITE,
    RANDOM_FILE,
    CACHE,
    CACHE_EXPIRY,
    CACHE_SIZE,
    SETTINGS_COUNT,
} Name;

#define NO_CACHE "Postfix does not look at it any more; take it out"

/* A number from min to max; one of words, whose place counts; or a text, where there are neither.
 * why: what is said of any other value; without a fallback: of each. */
static const struct {
    const char *name, *fallback, *words;
    unsigned min, max;
    const char *why;
} known[] = {
    [SERVER_HOST] = {"server_host", "localhost", NULL, 0, 0, NULL},
    [SERVER_PORT] = {"server_port", "389", NULL, 1, 65535, NULL},
    [TIMEOUT] = {"timeout", "10", NULL, 1, MAP_LDAP_SECONDS_MAX, NULL},
    [SEARCH_BASE] = {"search_base", "", NULL, 0, 0, NULL},
    [QUERY_FILTER] = {"query_filter", "(mailacceptinggeneralid=%s)", NULL, 0, 0, NULL},
    [RESULT_FORMAT] = {"result_format", "", NULL, 0, 0, NULL},
    [RESULT_FILTER] = {"result_filter", "", NULL, 0, 0, NULL},
    [DOMAIN_LIST] = {"domain", "", NULL, 0, 0, NULL},
    [TERMINAL] = {"terminal_result_attribute", "", NULL, 0, 0, NULL},
    [LEAF] = {"leaf_result_attribute", "", NULL, 0, 0, NULL},
    [ORDINARY] = {"result_attribute", "maildrop", NULL, 0, 0, NULL},
    [SPECIAL] = {"special_result_attribute", "", NULL, 0, 0, NULL},
    [SCOPE] = {"scope", "sub", "base one sub", 0, 0, "it is sub, one or base"},
    [BIND] = {"bind", "yes", "yes simple no none sasl", 0, 0, "it is yes, no or sasl"},
    [BIND_DN] = {"bind_dn", "", NULL, 0, 0, NULL},
    [BIND_PW] = {"bind_pw", "", NULL, 0, 0, NULL},
    [RECURSION_LIMIT] = {"recursion_limit", "1000", NULL, 1, 1000, NULL},
    [EXPANSION_LIMIT] = {"expansion_limit", "1", NULL, MAP_LDAP_EXPANSION_LIMIT,
                         MAP_LDAP_EXPANSION_LIMIT,
                         "it is 1: a table that says who may do what gives one answer, or none"},
    [SIZE_LIMIT] = {"size_limit", "1", NULL, 0, MAP_LDAP_ENTRIES_MAX, NULL},
    [DEREFERENCE] = {"dereference", "0", NULL, 0, 3, NULL},
    [CHASE_REFERRALS] = {"chase_referrals", "no", "no", 0, 0,
                         "it is no: servers that are not named here would be asked, without the "
                         "login"},
    [START_TLS] = {"start_tls", "no", "no yes", 0, 0, "it is yes or no"},
    [CA_FILE] = {"tls_ca_cert_file", "", NULL, 0, 0, NULL},
    [CA_FOLDER] = {"tls_ca_cert_dir", "", NULL, 0, 0, NULL},
    [CERTIFICATE] = {"tls_cert", "", NULL, 0, 0, NULL},
    [KEY] = {"tls_key", "", NULL, 0, 0, NULL},
    [REQUIRE_CERT] = {"tls_require_cert", "yes", "no yes", 0, 0, "it is yes or no"},
    [SASL_MECHS] = {"sasl_mechs", "", NULL, 0, 0, NULL},
    [SASL_AUTHZ_ID] = {"sasl_authz_id", "", NULL, 0, 0, NULL},
    [SASL_MINSSF] = {"sasl_minssf", "0", "0", 0, 0, "only 0 is supported"},
    [PROTOCOL_VERSION] = {"version", "3", NULL, 3, 3, "only version 3 of the protocol is spoken"},
    [DEBUGLEVEL] = {"debuglevel", "0", "0", 0, 0, "only 0 is supported: passwords would be shown"},
    [SASL_REALM] = {"sasl_realm", NULL, NULL, 0, 0, "it is not supported"},
    [CIPHER_SUITE] = {"tls_cipher_suite", NULL, NULL, 0, 0, "it is not supported"},
    [RANDOM_FILE] = {"tls_random_file", NULL, NULL, 0, 0, "it is not supported"},
    [CACHE] = {"cache", NULL, NULL, 0, 0, NO_CACHE},
    [CACHE_EXPIRY] = {"cache_expiry", NULL, NULL, 0, 0, NO_CACHE},
    [CACHE_SIZE] = {"cache_size", NULL, NULL, 0, 0, NO_CACHE},
};

/* What was given, by name; borrowed, NULL for what was not. */
typedef struct {
    const MapCfSetting *given[SETTINGS_COUNT];
} Draft;

static const char *text_of(const Draft *draft, Name name)
{
    return draft->given[name] != NULL ? draft->given[name]->value : known[name].fallback;
}

/* NULL for an empty one. Caller owns it. */
static char *dup_of(const Draft *draft, Name name)
{
    const char *text = text_of(draft, name);
    return *text != '\0' ? g_strdup(text) : NULL;
}

G_GNUC_PRINTF(4, 5)
static bool wrong(const Draft *draft, Name name, GError **error, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    g_autofree char *words = g_strdup_vprintf(format, arguments);
    va_end(arguments);
    if (draft->given[name] != NULL)
        g_set_error(error, MAP_ERROR, MAP_ERROR_SYNTAX, "Line %u, %s: %s", draft->given[name]->line,
                    known[name].name, words);
    else
        g_set_error(error, MAP_ERROR, MAP_ERROR_SYNTAX, "%s: %s", known[name].name, words);
    return false;
}

/* --- each by itself --- */

/* The place of text among words, or -1. */
static int place_of(const char *words, const char *text)
{
    g_auto(GStrv) list = g_strsplit(words, " ", -1);
    for (int i = 0; list[i] != NULL; i++)
        if (g_ascii_strcasecmp(list[i], text) == 0)
            return i;
    return -1;
}

static int place(const Draft *draft, Name name)
{
    return place_of(known[name].words, text_of(draft, name));
}

static unsigned number(const Draft *draft, Name name)
{
    guint64 found = 0;
    g_ascii_string_to_unsigned(text_of(draft, name), 10, 0, G_MAXUINT, &found, NULL);
    return (unsigned)found;
}

static bool check(const Draft *draft, Name name, GError **error)
{
    const char *text = text_of(draft, name);
    guint64 found = 0;
    if (known[name].fallback == NULL)
        return wrong(draft, name, error, "%s", known[name].why);
    if (strlen(text) > VALUE_MAX)
        return wrong(draft, name, error, "it is longer than %d bytes", VALUE_MAX);
    if (known[name].words != NULL && place(draft, name) < 0)
        return wrong(draft, name, error, "%s", known[name].why);
    if (known[name].max == 0 ||
        g_ascii_string_to_unsigned(text, 10, known[name].min, known[name].max, &found, NULL))
        return true;
    if (known[name].why != NULL)
        return wrong(draft, name, error, "%s", known[name].why);
    return wrong(draft, name, error, "it is a number from %u to %u", known[name].min,
                 known[name].max);
}

/* What was meant by a name that is not known, or NULL. */
static const char *meant(const char *word)
{
    g_autoptr(GPtrArray) words = g_ptr_array_new_with_free_func(g_free);
    for (gsize i = 0; i < SETTINGS_COUNT; i++)
        g_ptr_array_add(words, g_ascii_strup(known[i].name, -1));
    const char *found = nearest_word(word, (const char *const *)words->pdata, words->len);
    for (gsize i = 0; found != NULL && i < SETTINGS_COUNT; i++)
        if (g_ascii_strcasecmp(found, known[i].name) == 0)
            return known[i].name;
    return NULL;
}

static bool take(Draft *draft, const MapCfSetting *setting, GError **error)
{
    for (Name name = 0; name < SETTINGS_COUNT; name++) {
        if (!g_str_equal(setting->name, known[name].name))
            continue;
        draft->given[name] = setting;
        return check(draft, name, error);
    }
    /* The name may be a part of a password that went on in a line of its own. */
    const char *near = meant(setting->name);
    g_set_error(error, MAP_ERROR, MAP_ERROR_SYNTAX, "Line %u has a setting that is not known%s%s%s",
                setting->line, near != NULL ? " (did you mean " : "", near != NULL ? near : "",
                near != NULL ? "?)" : "");
    return false;
}

/* --- what belongs together --- */

/* Addresses of servers, as libldap takes them. Caller owns them. */
static char *servers(const Draft *draft, unsigned *count)
{
    g_auto(GStrv) words = g_strsplit_set(text_of(draft, SERVER_HOST), SEPARATORS, -1);
    GString *list = g_string_new(NULL);
    *count = 0;
    for (char **word = words; *word != NULL; word++) {
        if (**word == '\0')
            continue;
        g_string_append(list, list->len > 0 ? " " : "");
        if (directory_is_url(*word))
            g_string_append(list, *word);
        else if (strchr(*word, ':') != NULL)
            g_string_append_printf(list, "ldap://%s", *word);
        else
            g_string_append_printf(list, "ldap://%s:%u", *word, number(draft, SERVER_PORT));
        (*count)++;
    }
    return g_string_free(list, FALSE);
}

static bool set_login(const Draft *draft, DirectorySettings *directory, bool others_may_read,
                      GError **error)
{
    static const enum { SIMPLE, NONE, SASL } kinds[] = {SIMPLE, SIMPLE, NONE, NONE, SASL};
    const char *name = text_of(draft, BIND_DN), *password = text_of(draft, BIND_PW);
    if (others_may_read && *password != '\0')
        return wrong(draft, BIND_PW, error,
                     "everybody may read it; take this file's mode away from others (0640)");
    switch (kinds[place(draft, BIND)]) {
    case SASL:
        directory->authz_id = dup_of(draft, SASL_AUTHZ_ID);
        return g_ascii_strcasecmp(text_of(draft, SASL_MECHS), "EXTERNAL") == 0 ||
               wrong(draft, SASL_MECHS, error, "only EXTERNAL is supported");
    case SIMPLE:
        if ((*name == '\0') != (*password == '\0'))
            return wrong(draft, BIND_DN, error, "bind_dn and bind_pw belong together");
        directory->bind_dn = dup_of(draft, BIND_DN);
        directory->bind_password = *password != '\0' ? secret_dup(password) : NULL;
        directory->anonymous = directory->bind_dn == NULL;
        return true;
    case NONE:
        break;
    }
    directory->anonymous = true;
    return true;
}

static bool set_files(const Draft *draft, DirectorySettings *directory, GError **error)
{
    static const Name files[] = {CA_FILE, CA_FOLDER, CERTIFICATE, KEY};
    for (gsize i = 0; i < G_N_ELEMENTS(files); i++)
        if (*text_of(draft, files[i]) != '\0' && !g_path_is_absolute(text_of(draft, files[i])))
            return wrong(draft, files[i], error, "it needs a full path");
    directory->ca_file = dup_of(draft, CA_FILE);
    directory->ca_folder = dup_of(draft, CA_FOLDER);
    directory->certificate = dup_of(draft, CERTIFICATE);
    directory->key = dup_of(draft, KEY);
    return (directory->certificate == NULL) == (directory->key == NULL) ||
           wrong(draft, CERTIFICATE, error, "tls_cert and tls_key belong together");
}

static bool set_directory(const Draft *draft, MapLdapSettings *settings, bool others_may_read,
                          GError **error)
{
    DirectorySettings *directory = &settings->directory;
    g_autoptr(GError) why = NULL;
    unsigned count = 0;
    directory->uri = servers(draft, &count);
    if (count > DIRECTORY_SERVERS_MAX)
        return wrong(draft, SERVER_HOST, error, "at most %d servers can be named",
                     DIRECTORY_SERVERS_MAX);
    settings->timeout = number(draft, TIMEOUT);
    /* So that an answer of the last one comes in time, too. */
    directory->connect_seconds = MAX(settings->timeout / (count + 1), 1);
    /* Longer than who asks, who leaves first then: that an answer is late is seen there. */
    directory->answer_seconds = 2 * settings->timeout;
    directory->reads_only = true;
    directory->starttls = place(draft, START_TLS) == 1;
    directory->unchecked = place(draft, REQUIRE_CERT) == 0;
    directory->dereference = (int)number(draft, DEREFERENCE);
    if (!set_login(draft, directory, others_may_read, error) || !set_files(draft, directory, error))
        return false;
    g_autoptr(Directory) tried = directory_new(directory, &why);
    return tried != NULL || wrong(draft, SERVER_HOST, error, "%s", why->message);
}

static bool set_templates(const Draft *draft, MapLdapSettings *settings, GError **error)
{
    Name format = *text_of(draft, RESULT_FORMAT) != '\0' ? RESULT_FORMAT : RESULT_FILTER;
    const char *result = text_of(draft, format);
    settings->search_base = g_strdup(text_of(draft, SEARCH_BASE));
    settings->query_filter = g_strdup(text_of(draft, QUERY_FILTER));
    settings->result_format = g_strdup(*result != '\0' ? result : "%s");
    static const char fault[] = "behind a % stands one of s, u, d, S, U, D, 1 to 9 and %";
    if (*settings->search_base == '\0')
        return wrong(draft, SEARCH_BASE, error, "it is missing: where in the directory to look");
    if (!map_template_check(settings->search_base, false, &settings->needs, &settings->base_varies))
        return wrong(draft, SEARCH_BASE, error, "%s", fault);
    if (!map_template_check(settings->query_filter, false, &settings->needs, NULL))
        return wrong(draft, QUERY_FILTER, error, "%s", fault);
    return map_template_check(settings->result_format, true, &settings->needs,
                              &settings->result_varies) ||
           wrong(draft, format, error, "%s", fault);
}

static bool is_attribute(const char *word)
{
    for (; *word != '\0'; word++)
        if (!g_ascii_isalnum(*word) && strchr("-.;_", *word) == NULL)
            return false;
    return true;
}

static bool set_attributes(const Draft *draft, MapLdapSettings *settings, GError **error)
{
    static const Name names[] = {TERMINAL, LEAF, ORDINARY, SPECIAL};
    unsigned ends[G_N_ELEMENTS(names)];
    g_autoptr(GPtrArray) all = g_ptr_array_new_with_free_func(g_free);
    for (gsize i = 0; i < G_N_ELEMENTS(names); i++) {
        g_auto(GStrv) words = g_strsplit_set(text_of(draft, names[i]), SEPARATORS, -1);
        for (char **word = words; *word != NULL; word++) {
            if (!is_attribute(*word))
                return wrong(draft, names[i], error, "it is a list of attributes");
            if (**word != '\0')
                g_ptr_array_add(all, g_strdup(*word));
        }
        ends[i] = all->len;
    }
    if (all->len == 0)
        return wrong(draft, ORDINARY, error, "there is no attribute to take a result from");
    g_ptr_array_add(all, NULL);
    settings->attributes = (GStrv)g_ptr_array_steal(all, NULL);
    settings->terminal_end = ends[0];
    settings->leaf_end = ends[1];
    settings->ordinary_end = ends[2];
    return true;
}

static bool set_domains(const Draft *draft, MapLdapSettings *settings, GError **error)
{
    const char *list = text_of(draft, DOMAIN_LIST);
    if (*list != '\0')
        settings->domains = map_domains_new(list, error);
    return *list == '\0' || settings->domains != NULL;
}

/* --- the whole --- */

MapLdapSettings *map_ldap_settings_new(const char *text, gsize size, bool others_may_read,
                                       GError **error)
{
    g_autoptr(GPtrArray) lines = map_cf_parse(text, size, error);
    g_autoptr(MapLdapSettings) settings = g_new0(MapLdapSettings, 1);
    Draft draft = {0};
    for (guint i = 0; lines != NULL && i < lines->len; i++)
        if (!take(&draft, g_ptr_array_index(lines, i), error))
            return NULL;
    if (lines == NULL || !set_directory(&draft, settings, others_may_read, error) ||
        !set_templates(&draft, settings, error) || !set_attributes(&draft, settings, error) ||
        !set_domains(&draft, settings, error))
        return NULL;
    settings->scope = (DirectoryScope)place(&draft, SCOPE); /* the words stand in its order */
    settings->recursion_limit = number(&draft, RECURSION_LIMIT);
    settings->size_limit = number(&draft, SIZE_LIMIT);
    return g_steal_pointer(&settings);
}

void map_ldap_settings_free(MapLdapSettings *settings)
{
    if (settings == NULL)
        return;
    directory_settings_clear(&settings->directory);
    g_free(settings->search_base);
    g_free(settings->query_filter);
    g_free(settings->result_format);
    g_strfreev(settings->attributes);
    map_domains_free(settings->domains);
    g_free(settings);
}
