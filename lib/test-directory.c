/* SPDX-License-Identifier: MIT */
#include "lib/directory-fixture.h"

#include <gio/gio.h>
#include <ldap.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>

/* --- settings --- */

static const struct {
    const char *name;
    const char *uri;
    const char *bind_dn;
    const char *password;
    bool starttls;
    bool good;
} settings_cases[] = {
    {"ldapi", "ldapi://%2Ftmp%2Fx", "cn=x", "y", false, true},
    {"ldapi-external", "ldapi://%2Ftmp%2Fx", NULL, NULL, false, true},
    {"ldaps", "ldaps://ldap.example.org", "cn=x", "y", false, true},
    {"loopback", "ldap://127.0.0.9:389", "cn=x", "y", false, true},
    {"loopback-6", "ldap://[::1]", "cn=x", "y", false, true},
    {"localhost", "ldap://localhost", "cn=x", "y", false, true},
    {"starttls", "ldap://192.0.2.1", "cn=x", "y", true, true},
    {"clear", "ldap://192.0.2.1", "cn=x", "y", false, false},
    {"clear-name", "ldap://ldap.example.org", "cn=x", "y", false, false},
    {"clear-like-loopback", "ldap://127.0.0.1.example.org", "cn=x", "y", false, false},
    {"second-uri", "ldapi://%2Fx ldap://192.0.2.1", "cn=x", "y", false, false},
    {"no-host", "ldap:///", "cn=x", "y", false, false},
    {"external-over-tcp", "ldap://127.0.0.1", NULL, NULL, false, false},
    {"no-password", "ldapi://%2Fx", "cn=x", NULL, false, false},
    {"empty-password", "ldapi://%2Fx", "cn=x", "", false, false},
    {"starttls-over-ldaps", "ldaps://x.example.org", "cn=x", "y", true, false},
    {"other-scheme", "http://127.0.0.1", "cn=x", "y", false, false},
    {"no-uri", NULL, "cn=x", "y", false, false},
};

static void test_settings(gconstpointer data)
{
    const __typeof__(settings_cases[0]) *one = data;
    const DirectorySettings settings = {.uri = (char *)one->uri,
                                        .bind_dn = (char *)one->bind_dn,
                                        .bind_password = (char *)one->password,
                                        .starttls = one->starttls};
    g_autoptr(GError) error = NULL;
    g_autoptr(Directory) directory = directory_new(&settings, &error);
    if (one->good)
        g_assert_no_error(error);
    else
        g_assert_error(error, DIRECTORY_ERROR, DIRECTORY_ERROR_SETTINGS);
    g_assert_true((directory != NULL) == one->good);
}

/* Those of tables that are only read. */
static void test_table_settings(void)
{
    static const struct {
        DirectorySettings settings;
        bool good;
    } rows[] = {
        {{.uri = (char *)"ldap://ldap.example.org", .anonymous = true}, true},
        {{.uri = (char *)"ldaps://ldap.example.org", .anonymous = true, .unchecked = true}, true},
        {{.uri = (char *)"ldap://a.example.org ldap://b.example.org", .anonymous = true}, true},
        {{.uri = (char *)"ldapi://%2Fx ldap://b.example.org"}, false},
        {{.uri = (char *)"ldapi://%2Fx ldap:///", .anonymous = true}, false},
        {{.uri = (char *)"ldapi://%2Fx, ldapi://%2Fy\n"}, true},
        {{.uri = (char *)" , ", .anonymous = true}, false},
        {{.uri = (char *)"ldapi://1 ldapi://2 ldapi://3 ldapi://4 ldapi://5 ldapi://6 ldapi://7 "
                         "ldapi://8"},
         true},
        {{.uri = (char *)"ldapi://1 ldapi://2 ldapi://3 ldapi://4 ldapi://5 ldapi://6 ldapi://7 "
                         "ldapi://8 ldapi://9"},
         false},
        {{.uri = (char *)"ldapi://%2Fx ldaps://b.example.org",
          .bind_dn = (char *)"cn=x",
          .bind_password = (char *)"y"},
         true},
        {{.uri = (char *)"ldaps://b.example.org",
          .bind_dn = (char *)"cn=x",
          .bind_password = (char *)"y",
          .unchecked = true},
         false},
        {{.uri = (char *)"ldaps://127.0.0.1",
          .bind_dn = (char *)"cn=x",
          .bind_password = (char *)"y",
          .unchecked = true},
         true},
        {{.uri = (char *)"ldaps://b.example.org", .certificate = (char *)"/c", .key = (char *)"/k"},
         true},
        {{.uri = (char *)"ldaps://b.example.org"}, false},
        {{.uri = (char *)"ldap://127.0.0.1", .certificate = (char *)"/c", .key = (char *)"/k"},
         false},
    };
    for (gsize i = 0; i < G_N_ELEMENTS(rows); i++) {
        g_autoptr(GError) error = NULL;
        g_autoptr(Directory) directory = directory_new(&rows[i].settings, &error);
        g_test_message("%s", rows[i].settings.uri);
        g_assert_true((directory != NULL) == rows[i].good);
        if (!rows[i].good)
            g_assert_error(error, DIRECTORY_ERROR, DIRECTORY_ERROR_SETTINGS);
    }
}

static void test_wrong_service_password(Case *one, gconstpointer data)
{
    DirectorySettings settings = one->slapd->settings;
    g_autoptr(Entry) entry = NULL;
    g_autoptr(GError) error = NULL;
    (void)data;
    settings.bind_password = (char *)"wrong";
    g_autoptr(Directory) directory = directory_new(&settings, &error);
    g_assert_cmpint(directory_read(directory, DOMAIN_DN, all, &entry, &error), ==, ANSWER_UNKNOWN);
    g_assert_error(error, DIRECTORY_ERROR, DIRECTORY_ERROR_SETTINGS);
    g_assert_null(strstr(error->message, "wrong"));
}

/* --- values in names and filters --- */

static const char *const nasty[] = {
    "plain", "a*b",  "*",   "(x)",    ")(ou=*",   "back\\slash", "comma,plus+",
    "\"q\"", "<a>",  "a;b", "a=b",    "#first",   " lead",       "trail ",
    " ",     "\\2a", "a\\", "ü – 漢", "\x01\x7f", "x\ny",        "a#",
};

static void test_escape_dn(void)
{
    for (guint i = 0; i < G_N_ELEMENTS(nasty); i++) {
        g_autofree char *dn = dn_of(nasty[i]);
        LDAPDN parsed = NULL;
        g_assert_cmpint(ldap_str2dn(dn, &parsed, LDAP_DN_FORMAT_LDAPV3), ==, LDAP_SUCCESS);
        g_assert_nonnull(parsed[4]);
        g_assert_null(parsed[5]);
        g_assert_null(parsed[0][1]);
        g_assert_cmpmem(parsed[0][0]->la_value.bv_val, parsed[0][0]->la_value.bv_len, nasty[i],
                        strlen(nasty[i]));
        ldap_dnfree(parsed);
    }
}

static void test_escape_filter(void)
{
    static const char *const rows[][2] = {
        {"a*b", "a\\2Ab"}, {"(x)", "\\28x\\29"}, {"a\\b", "a\\5Cb"}, {"plain@a.b", "plain@a.b"},
        {"", ""},
    };
    for (guint i = 0; i < G_N_ELEMENTS(rows); i++) {
        g_autofree char *escaped = directory_escape_filter(rows[i][0]);
        g_assert_cmpint(g_ascii_strcasecmp(escaped, rows[i][1]), ==, 0);
    }
}

/* Each is written, found by a filter, read by its name, and is the only one found. */
static void test_escapes_at_server(Case *one, gconstpointer data)
{
    g_autoptr(GPtrArray) changes = changes_new();
    g_autoptr(GPtrArray) writes = writes_new();
    (void)data;
    for (guint i = 0; i < G_N_ELEMENTS(nasty); i++)
        put(changes, writes, add_of(nasty[i]));
    g_assert_cmpint(directory_apply(one->directory, writes, NULL), ==, ANSWER_YES);
    assert_all_done(writes);
    g_assert_cmpuint(count_below(one->directory, "(ou=*)"), ==, G_N_ELEMENTS(nasty));
    for (guint i = 0; i < G_N_ELEMENTS(nasty); i++) {
        g_autofree char *value = directory_escape_filter(nasty[i]);
        g_autofree char *filter = g_strdup_printf("(ou=%s)", value);
        g_autoptr(GPtrArray) entries = NULL;
        g_assert_cmpint(directory_search(one->directory, DOMAIN_DN, DIRECTORY_SCOPE_ONE, filter,
                                         all, 10, &entries, NULL),
                        ==, ANSWER_YES);
        g_assert_cmpuint(entries->len, ==, 1);
        g_assert_true(entry_has(g_ptr_array_index(entries, 0), "ou", nasty[i], false));
        g_assert_cmpint(exists(one->directory, nasty[i]), ==, ANSWER_YES);
    }
}

/* --- reading --- */

static void test_read(Case *one, gconstpointer data)
{
    g_autoptr(Entry) entry = NULL;
    g_autoptr(GPtrArray) entries = NULL;
    g_autoptr(GError) error = NULL;
    (void)data;
    g_assert_cmpint(directory_read(one->directory, DOMAIN_DN, all, &entry, &error), ==, ANSWER_YES);
    g_assert_cmpstr(entry_value(entry, "OU"), ==, "example.org");
    g_assert_true(entry_has(entry, "objectClass", "batchloadDomain", true));
    g_clear_pointer(&entry, entry_free);
    g_assert_cmpint(directory_read(one->directory, "ou=no," DOMAIN_DN, all, &entry, &error), ==,
                    ANSWER_NO);
    g_assert_null(entry);
    g_assert_cmpint(directory_search(one->directory, "ou=no," DOMAIN_DN, DIRECTORY_SCOPE_SUB,
                                     "(objectClass=*)", all, 10, &entries, &error),
                    ==, ANSWER_NO);
    g_assert_null(entries);
    g_assert_cmpint(directory_search(one->directory, DOMAIN_DN, DIRECTORY_SCOPE_SUB, "(ou=nobody)",
                                     all, 10, &entries, &error),
                    ==, ANSWER_YES);
    g_assert_cmpuint(entries->len, ==, 0);
    g_assert_no_error(error);
}

/* A value with a NUL makes its attribute absent, and nothing else. */
static void test_read_nul(Case *one, gconstpointer data)
{
    g_autoptr(Entry) entry = NULL;
    (void)data;
    slapd_fixture_ldif(one->slapd, "dn: cn=x," DOMAIN_DN "\nobjectClass: inetOrgPerson\ncn: x\n"
                                   "sn: x\njpegPhoto:: YQBi\nuserPassword:: YQBi\n");
    g_assert_cmpint(directory_read(one->directory, "cn=x," DOMAIN_DN, all, &entry, NULL), ==,
                    ANSWER_YES);
    g_assert_null(entry_values(entry, "jpegPhoto"));
    g_assert_null(entry_values(entry, "userPassword"));
    g_assert_cmpstr(entry_value(entry, "cn"), ==, "x");
    g_assert_true(entry->left_out);
    g_clear_pointer(&entry, entry_free);
    g_assert_cmpint(directory_read(one->directory, DOMAIN_DN, all, &entry, NULL), ==, ANSWER_YES);
    g_assert_false(entry->left_out);
}

static void test_scopes(Case *one, gconstpointer data)
{
    static const struct {
        DirectoryScope scope;
        const char *base, *filter;
        unsigned found;
    } rows[] = {
        {DIRECTORY_SCOPE_BASE, DOMAIN_DN, "(objectClass=*)", 1},
        {DIRECTORY_SCOPE_BASE, DOMAIN_DN, "(ou=no)", 0},
        {DIRECTORY_SCOPE_ONE, DOMAIN_DN, "(objectClass=*)", 1},
        {DIRECTORY_SCOPE_ONE, "ou=domains,dc=example,dc=org", "(ou=a)", 0},
        {DIRECTORY_SCOPE_SUB, "ou=domains,dc=example,dc=org", "(ou=a)", 1},
    };
    (void)data;
    g_autoptr(Write) write G_GNUC_UNUSED = apply_one(one->directory, add_of("a"), NULL);
    for (gsize i = 0; i < G_N_ELEMENTS(rows); i++) {
        g_autoptr(GPtrArray) entries = NULL;
        g_assert_cmpint(directory_search(one->directory, rows[i].base, rows[i].scope,
                                         rows[i].filter, all, 10, &entries, NULL),
                        ==, ANSWER_YES);
        g_assert_cmpuint(entries->len, ==, rows[i].found);
    }
}

/* What was agreed holds even where each answer would have more time. */
static void test_deadline(Case *one, gconstpointer data)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(Entry) entry = NULL;
    (void)data;
    g_assert_false(directory_is_connected(one->directory));
    g_assert_cmpint(directory_read(one->directory, DOMAIN_DN, all, &entry, NULL), ==, ANSWER_YES);
    g_assert_true(directory_is_connected(one->directory));
    g_clear_pointer(&entry, entry_free);
    one->slapd->settings.answer_seconds = 3000;
    kill(one->slapd->pid, SIGSTOP);
    g_assert_cmpint(waitpid(one->slapd->pid, NULL, WUNTRACED), ==, one->slapd->pid);
    directory_set_deadline(one->directory, g_get_monotonic_time() + G_TIME_SPAN_SECOND / 10);
    g_assert_cmpint(directory_read(one->directory, DOMAIN_DN, all, &entry, &error), ==,
                    ANSWER_UNKNOWN);
    g_assert_error(error, DIRECTORY_ERROR, DIRECTORY_ERROR_AWAY);
    g_assert_false(directory_is_connected(one->directory));
    kill(one->slapd->pid, SIGCONT);
    directory_set_deadline(one->directory, 0);
    g_assert_cmpint(directory_read(one->directory, DOMAIN_DN, all, &entry, NULL), ==, ANSWER_YES);
}

static void test_urls(void)
{
    static const struct {
        const char *text, *base, *filter, *attributes;
        DirectoryScope scope;
    } rows[] = {
        {"ldap:///dc=x", "dc=x", NULL, NULL, DIRECTORY_SCOPE_BASE},
        {"ldap://host.example.org/dc=x?mail?sub?(a=b)", "dc=x", "(a=b)", "mail",
         DIRECTORY_SCOPE_SUB},
        {"ldaps:///dc=x,dc=y?mail,cn?one", "dc=x,dc=y", NULL, "mail,cn", DIRECTORY_SCOPE_ONE},
        {"ldap:///dc=a%20b??base?", "dc=a b", NULL, NULL, DIRECTORY_SCOPE_BASE},
        {"ldap:///", "", NULL, NULL, DIRECTORY_SCOPE_BASE},
        {"ldap:///dc=x???"
         "(a=b)?ext=1",
         "dc=x", "(a=b)", NULL, DIRECTORY_SCOPE_BASE},
        {"ldap:///dc=x???"
         "(a=b)?!ext=1",
         NULL, NULL, NULL, DIRECTORY_SCOPE_BASE},
        {"ldap:///dc=x??children", NULL, NULL, NULL, DIRECTORY_SCOPE_BASE},
        {"ldap:///dc=x??other", NULL, NULL, NULL, DIRECTORY_SCOPE_BASE},
        {"ldap://host:port/dc=x", NULL, NULL, NULL, DIRECTORY_SCOPE_BASE},
    };
    for (gsize i = 0; i < G_N_ELEMENTS(rows); i++) {
        g_autoptr(DirectoryUrl) url = directory_url_parse(rows[i].text);
        g_test_message("%s", rows[i].text);
        g_assert_true(directory_is_url(rows[i].text));
        g_assert_true((url != NULL) == (rows[i].base != NULL));
        if (url == NULL)
            continue;
        g_autofree char *names = url->attributes != NULL ? g_strjoinv(",", url->attributes) : NULL;
        g_assert_cmpstr(url->base, ==, rows[i].base);
        g_assert_cmpstr(url->filter, ==, rows[i].filter);
        g_assert_cmpstr(names, ==, rows[i].attributes);
        g_assert_cmpint(url->scope, ==, rows[i].scope);
    }
    g_assert_false(directory_is_url("dc=example,dc=org"));
    g_assert_false(directory_is_url("http://example.org"));
}

/* Another server's word is not fetched: the directory could not tell. */
static void test_referral(Case *one, gconstpointer data)
{
    const char *const dn = "cn=away," DOMAIN_DN;
    g_autoptr(GError) error = NULL;
    g_autoptr(Entry) entry = NULL;
    g_autoptr(GPtrArray) entries = NULL;
    (void)data;
    slapd_fixture_ldif(one->slapd, "dn: cn=away," DOMAIN_DN "\nobjectClass: referral\n"
                                   "objectClass: extensibleObject\ncn: away\n"
                                   "ref: ldap://127.0.0.1:1/cn=away\n");
    g_assert_cmpint(directory_read(one->directory, dn, all, &entry, &error), ==, ANSWER_UNKNOWN);
    g_assert_error(error, DIRECTORY_ERROR, DIRECTORY_ERROR_AWAY);
    g_clear_error(&error);
    g_assert_cmpint(directory_search(one->directory, DOMAIN_DN, DIRECTORY_SCOPE_SUB, "(cn=*)", all,
                                     10, &entries, &error),
                    ==, ANSWER_UNKNOWN);
    g_assert_error(error, DIRECTORY_ERROR, DIRECTORY_ERROR_AWAY);
    g_autoptr(Write) write = apply_one(one->directory, change_new(CHANGE_DELETE, dn), NULL);
    g_assert_cmpint(write->state, ==, WRITE_UNKNOWN);
    g_assert_cmpint(write->code, ==, LDAP_REFERRAL);
}

/* A domain that is an alias of another takes no entries: that is the row's error, for it will
 * never be otherwise. */
static void test_alias(Case *one, gconstpointer data)
{
    const char *const dn = "mail=x@one.example,cn=other," DOMAIN_DN;
    (void)data;
    slapd_fixture_ldif(one->slapd, "dn: cn=other," DOMAIN_DN "\nobjectClass: alias\n"
                                   "objectClass: extensibleObject\ncn: other\n"
                                   "aliasedObjectName: " DOMAIN_DN "\n");
    Change *change = change_new(CHANGE_ADD, dn);
    change_mod(change, MOD_ADD, "objectClass", "inetOrgPerson");
    change_mod(change, MOD_ADD, "mail", "x@one.example");
    change_mod(change, MOD_ADD, "cn", "x");
    change_mod(change, MOD_ADD, "sn", "x");
    g_autoptr(Write) write = apply_one(one->directory, change, NULL);
    g_assert_cmpint(write->code, ==, LDAP_ALIAS_PROBLEM);
    g_assert_cmpint(write->state, ==, WRITE_REFUSED);
    g_assert_nonnull(write->words);
}

static void add_many(Case *one, guint count)
{
    g_autoptr(GPtrArray) changes = changes_new();
    g_autoptr(GPtrArray) writes = writes_new();
    g_autoptr(GError) error = NULL;
    for (guint i = 0; i < count; i++) {
        g_autofree char *name = g_strdup_printf("n%u", i);
        put(changes, writes, add_of(name));
    }
    g_assert_cmpint(directory_apply(one->directory, writes, &error), ==, ANSWER_YES);
    g_assert_no_error(error);
    assert_all_done(writes);
}

/* Many more than a page; limits are exact. */
static void test_many(Case *one, gconstpointer data)
{
    static const struct {
        unsigned limit;
        bool enough;
    } rows[] = {{2000, true}, {2001, true}, {1999, false}, {1000, false}, {499, false}, {1, false}};
    gint64 start = g_get_monotonic_time();
    (void)data;
    add_many(one, 2000);
    g_test_message("2000 adds: %.0f per second",
                   2000 / ((double)(g_get_monotonic_time() - start) / G_USEC_PER_SEC));
    for (guint i = 0; i < G_N_ELEMENTS(rows); i++) {
        g_autoptr(GPtrArray) entries = NULL;
        g_autoptr(GError) error = NULL;
        Answer answer = directory_search(one->directory, DOMAIN_DN, DIRECTORY_SCOPE_ONE, "(ou=n*)",
                                         all, rows[i].limit, &entries, &error);
        g_assert_cmpint(answer, ==, rows[i].enough ? ANSWER_YES : ANSWER_UNKNOWN);
        if (rows[i].enough)
            g_assert_cmpuint(entries->len, ==, 2000);
        else
            g_assert_error(error, DIRECTORY_ERROR, DIRECTORY_ERROR_SIZE);
    }
}

/* --- several searches --- */

typedef struct {
    guint each[8]; /* entries of each query */
    DirectoryQuery *first;
    guint enough; /* entries in all; 0: never */
} Found;

static bool count_found(gpointer data, const DirectoryQuery *query, Entry *entry)
{
    Found *found = data;
    entry_free(entry);
    found->each[query - found->first]++;
    return found->enough == 0 || --found->enough > 0;
}

#define QUERY(base_, filter_, limit_)                                                              \
    {                                                                                              \
        .base = base_, .scope = DIRECTORY_SCOPE_ONE, .filter = filter_, .attributes = all,         \
        .limit = limit_                                                                            \
    }

/* Each has its own end, whatever the others come to; also two that come in pages, of which a server
 * keeps one a connection. */
static void test_search_many(Case *one, gconstpointer data)
{
    static const struct {
        DirectoryQuery query;
        QueryState state;
        unsigned found;
    } rows[8] = {
        {QUERY(DOMAIN_DN, "(ou=n1*)", 5000), QUERY_DONE, 1111},
        {QUERY(DOMAIN_DN, "(ou=n11)", 1), QUERY_DONE, 1},
        {QUERY(DOMAIN_DN, "(ou=n2*)", 5000), QUERY_DONE, 111},
        {QUERY("ou=no," DOMAIN_DN, "(ou=*)", 10), QUERY_NO_BASE, 0},
        {QUERY(DOMAIN_DN, "(ou=n*)", 20), QUERY_TOO_MANY, 20},
        {QUERY(DOMAIN_DN, "(ou=n*)", 600), QUERY_TOO_MANY, 600},
        {QUERY(DOMAIN_DN, "(ou=nobody)", 600), QUERY_DONE, 0},
        {QUERY(DOMAIN_DN, "(ou=n*)", 2000), QUERY_DONE, 2000},
    };
    DirectoryQuery queries[G_N_ELEMENTS(rows)];
    g_autoptr(GPtrArray) array = g_ptr_array_new();
    g_autoptr(GError) error = NULL;
    Found found = {.first = queries};
    (void)data;
    add_many(one, 2000);
    for (guint i = 0; i < G_N_ELEMENTS(rows); i++) {
        queries[i] = rows[i].query;
        g_ptr_array_add(array, &queries[i]);
    }
    g_assert_cmpint(directory_search_many(one->directory, array, count_found, &found, &error), ==,
                    ANSWER_YES);
    g_assert_no_error(error);
    for (guint i = 0; i < G_N_ELEMENTS(rows); i++) {
        g_assert_cmpint(queries[i].state, ==, rows[i].state);
        g_assert_cmpuint(queries[i].found, ==, rows[i].found);
        g_assert_cmpuint(found.each[i], ==, rows[i].found);
    }
    /* Enough in the middle of one; the connection goes on. */
    found.enough = 300;
    g_assert_cmpint(directory_search_many(one->directory, array, count_found, &found, &error), ==,
                    ANSWER_NO);
    g_assert_no_error(error);
    g_assert_cmpint(exists(one->directory, "n7"), ==, ANSWER_YES);
    /* None are none, and need no server. */
    slapd_fixture_kill(one->slapd);
    g_ptr_array_set_size(array, 0);
    g_assert_cmpint(directory_search_many(one->directory, array, count_found, &found, &error), ==,
                    ANSWER_YES);
    g_ptr_array_add(array, &queries[1]);
    g_assert_cmpint(directory_search_many(one->directory, array, count_found, &found, &error), ==,
                    ANSWER_UNKNOWN);
    g_assert_error(error, DIRECTORY_ERROR, DIRECTORY_ERROR_AWAY);
    g_assert_cmpint(queries[1].state, ==, QUERY_OPEN);
}

/* More than the server gives at once. */
static void test_search_cut(Case *one, gconstpointer data)
{
    static const struct {
        const char *limits;
        unsigned asked, found;
    } rows[] = {
        {"size=50", 300, 50},
        {"size=50", 3000, 50},
        {"size.soft=50 size.hard=60", 300, 60},
        {"size=unlimited size.unchecked=100", 300, 0},
    };
    DirectorySettings settings = one->slapd->settings;
    (void)data;
    add_many(one, 200);
    settings.bind_dn = one->slapd->service_dn;
    for (guint i = 0; i < G_N_ELEMENTS(rows); i++) {
        DirectoryQuery query = QUERY(DOMAIN_DN, "(ou=n*)", rows[i].asked);
        g_autofree char *limits =
            g_strdup_printf("services,dc=example,dc=org\" %s", rows[i].limits);
        g_autoptr(GPtrArray) array = g_ptr_array_new();
        Found found = {.first = &query};
        slapd_fixture_configure(one->slapd, "services,dc=example,dc=org\" size=unlimited", limits);
        g_autoptr(Directory) service = directory_new(&settings, NULL);
        g_ptr_array_add(array, &query);
        g_assert_cmpint(directory_search_many(service, array, count_found, &found, NULL), ==,
                        ANSWER_YES);
        g_assert_cmpint(query.state, ==, QUERY_CUT);
        g_assert_cmpuint(query.found, ==, rows[i].found);
        slapd_fixture_configure(one->slapd, limits, "services,dc=example,dc=org\" size=unlimited");
    }
}

/* --- passwords --- */

static void test_check_password(Case *one, gconstpointer data)
{
    static const struct {
        const char *dn;
        const char *password;
        Answer answer;
    } rows[] = {
        {"mail=a@example.org," DOMAIN_DN, "right", ANSWER_YES},
        {"mail=a@example.org," DOMAIN_DN, "Right", ANSWER_NO},
        {"mail=a@example.org," DOMAIN_DN, "right ", ANSWER_NO},
        {"mail=a@example.org," DOMAIN_DN, "", ANSWER_NO},
        {"mail=a@example.org," DOMAIN_DN, NULL, ANSWER_NO},
        {"mail=none@example.org," DOMAIN_DN, "right", ANSWER_NO},
        {"mail=nopass@example.org," DOMAIN_DN, "right", ANSWER_NO},
        {"", "right", ANSWER_NO},
    };
    (void)data;
    slapd_fixture_ldif(one->slapd,
                       "dn: mail=a@example.org," DOMAIN_DN "\nobjectClass: inetOrgPerson\n"
                       "mail: a@example.org\ncn: a\nsn: a\nuserPassword: right\n\n"
                       "dn: mail=nopass@example.org," DOMAIN_DN "\nobjectClass: inetOrgPerson\n"
                       "mail: nopass@example.org\ncn: a\nsn: a\n");
    for (guint i = 0; i < G_N_ELEMENTS(rows); i++) {
        g_autoptr(GError) error = NULL;
        Answer answer =
            directory_check_password(one->directory, rows[i].dn, rows[i].password, &error);
        g_assert_no_error(error);
        g_assert_cmpint(answer, ==, rows[i].answer);
    }
    /* The service's own connection is not the person's afterwards. */
    g_autoptr(Write) write = apply_one(one->directory, add_of("a"), NULL);
    g_assert_cmpint(write->state, ==, WRITE_DONE);
}

/* --- what the shipped access rules allow --- */

static Directory *directory_as(Case *one, DirectorySettings *settings, const char *dn)
{
    g_autoptr(GError) error = NULL;
    Directory *directory;
    *settings = one->slapd->settings;
    settings->bind_dn = (char *)dn;
    directory = directory_new(settings, &error);
    g_assert_no_error(error);
    return directory;
}

static void test_access(Case *one, gconstpointer data)
{
    DirectorySettings settings[3];
    g_autoptr(Directory) service =
        directory_as(one, &settings[0], "cn=batchload,ou=services,dc=example,dc=org");
    g_autoptr(Directory) mail =
        directory_as(one, &settings[1], "cn=mail,ou=services,dc=example,dc=org");
    g_autoptr(Directory) external = directory_as(one, &settings[2], NULL);
    const char *const dn = "mail=a@example.org," DOMAIN_DN;
    g_autoptr(Write) added = apply_one(service, add_person("userPassword", "right"), NULL);
    g_autoptr(Write) refused = apply_one(mail, change_new(CHANGE_DELETE, dn), NULL);
    g_autoptr(Write) outside = apply_one(
        service, change_new(CHANGE_DELETE, "cn=mail,ou=services,dc=example,dc=org"), NULL);
    g_autoptr(GPtrArray) entries = NULL;
    g_autoptr(Entry) entry = NULL;
    g_autoptr(GError) error = NULL;
    (void)data;
    g_assert_cmpint(added->state, ==, WRITE_DONE);
    g_assert_cmpint(refused->state, ==, WRITE_REFUSED);
    g_assert_cmpint(outside->code, !=, 0);
    g_assert_cmpint(directory_read(service, dn, all, &entry, NULL), ==, ANSWER_YES);
    /* To put it back, should a request with Mode: atomic fail. */
    g_assert_nonnull(entry_values(entry, "userPassword"));
    g_clear_pointer(&entry, entry_free);
    g_assert_cmpint(directory_read(mail, dn, all, &entry, NULL), ==, ANSWER_YES);
    g_assert_null(entry_values(entry, "userPassword"));
    g_assert_cmpint(directory_search(service, "dc=example,dc=org", DIRECTORY_SCOPE_SUB,
                                     "(|(mail=a@example.org)(userPassword=right)(cn=*))", all, 10,
                                     &entries, NULL),
                    ==, ANSWER_YES);
    g_assert_cmpuint(entries->len, ==, 1); /* not the services' own */
    g_assert_cmpint(directory_read(external, dn, all, &entry, &error), ==, ANSWER_NO);
    g_assert_no_error(error);
    g_assert_cmpint(directory_check_password(service, dn, "right", NULL), ==, ANSWER_YES);
    g_autoptr(Write) changed = apply_one(service, change_new(CHANGE_DELETE, dn),
                                         "(&(entryUUID=*)(entryCSN=*)(mail=a@example.org))");
    g_assert_cmpint(changed->state, ==, WRITE_DONE);
}

/* --- TLS --- */

static bool make_certificate(Case *one)
{
    g_autofree char *program = g_find_program_in_path("openssl");
    g_autofree char *key = g_build_filename(one->slapd->folder, "key.pem", NULL);
    g_autofree char *certificate = g_build_filename(one->slapd->folder, "cert.pem", NULL);
    g_autofree char *conf = g_build_filename(one->slapd->folder, "slapd.conf", NULL);
    g_autofree char *text = NULL;
    g_autofree char *more = NULL;
    const char *argv[] = {program,
                          "req",
                          "-x509",
                          "-newkey",
                          "ec",
                          "-pkeyopt",
                          "ec_paramgen_curve:P-256",
                          "-nodes",
                          "-subj",
                          "/CN=127.0.0.1",
                          "-addext",
                          "subjectAltName=IP:127.0.0.1",
                          "-days",
                          "2",
                          "-keyout",
                          key,
                          "-out",
                          certificate,
                          NULL};
    int status = 1;
    if (program == NULL ||
        !g_spawn_sync(NULL, (char **)argv, NULL,
                      G_SPAWN_STDOUT_TO_DEV_NULL | G_SPAWN_STDERR_TO_DEV_NULL, NULL, NULL, NULL,
                      NULL, &status, NULL) ||
        status != 0)
        return false;
    g_assert_true(g_file_get_contents(conf, &text, NULL, NULL));
    more = g_strdup_printf("TLSCertificateFile %s\nTLSCertificateKeyFile %s\n%s", certificate, key,
                           text);
    g_assert_true(g_file_set_contents(conf, more, -1, NULL));
    slapd_fixture_kill(one->slapd);
    slapd_fixture_restart(one->slapd);
    return true;
}

static void test_starttls(Case *one, gconstpointer data)
{
    g_autofree char *certificate = g_build_filename(one->slapd->folder, "cert.pem", NULL);
    DirectorySettings settings = one->slapd->settings;
    g_autoptr(Entry) entry = NULL;
    g_autoptr(GError) error = NULL;
    (void)data;
    settings.starttls = true;
    settings.uri = one->slapd->tcp_uri;
    g_autoptr(Directory) none = directory_new(&settings, NULL);
    g_assert_cmpint(directory_read(none, DOMAIN_DN, all, &entry, &error), ==, ANSWER_UNKNOWN);
    g_clear_error(&error);
    if (!make_certificate(one)) {
        g_test_skip("no openssl to make a certificate with");
        return;
    }
    settings.uri = one->slapd->tcp_uri;
    g_autoptr(Directory) stranger = directory_new(&settings, NULL);
    g_assert_cmpint(directory_read(stranger, DOMAIN_DN, all, &entry, &error), ==, ANSWER_UNKNOWN);
    g_clear_error(&error);
    settings.ca_file = certificate;
    g_autoptr(Directory) directory = directory_new(&settings, &error);
    g_assert_cmpint(directory_read(directory, DOMAIN_DN, all, &entry, &error), ==, ANSWER_YES);
    g_assert_no_error(error);
    g_assert_cmpint(
        directory_check_password(directory, one->slapd->root_dn, one->slapd->root_password, &error),
        ==, ANSWER_YES);
}

/* A server that takes connections and says nothing holds nobody up for ever. */
static void test_silent(void)
{
    static const struct {
        const char *scheme;
        bool starttls;
    } rows[] = {{"ldap", false}, {"ldap", true}, {"ldaps", false}};
    g_autoptr(GSocketListener) listener = g_socket_listener_new();
    const guint16 port = g_socket_listener_add_any_inet_port(listener, NULL, NULL);
    g_assert_cmpuint(port, >, 0);
    for (gsize i = 0; i < G_N_ELEMENTS(rows); i++) {
        g_autofree char *uri = g_strdup_printf("%s://127.0.0.1:%u", rows[i].scheme, port);
        const DirectorySettings settings = {.uri = uri,
                                            .bind_dn = (char *)"cn=x",
                                            .bind_password = (char *)"y",
                                            .starttls = rows[i].starttls,
                                            .connect_seconds = 1,
                                            .answer_seconds = 1};
        g_autoptr(Entry) entry = NULL;
        g_autoptr(GError) error = NULL;
        g_autoptr(Directory) directory = directory_new(&settings, &error);
        g_assert_no_error(error);
        g_assert_cmpint(directory_read(directory, DOMAIN_DN, all, &entry, &error), ==,
                        ANSWER_UNKNOWN);
        g_assert_error(error, DIRECTORY_ERROR, DIRECTORY_ERROR_AWAY);
    }
}

static void test_loopback(Case *one, gconstpointer data)
{
    DirectorySettings settings = one->slapd->settings;
    (void)data;
    settings.uri = one->slapd->tcp_uri;
    g_autoptr(Directory) directory = directory_new(&settings, NULL);
    g_assert_cmpint(exists(directory, "a"), ==, ANSWER_NO);
}

int main(int argc, char **argv)
{
    static const DirectoryCase cases[] = {
        {"/directory/wrong-service-password", test_wrong_service_password, NULL},
        {"/directory/escapes-at-server", test_escapes_at_server, NULL},
        {"/directory/read", test_read, NULL},
        {"/directory/read-nul", test_read_nul, NULL},
        {"/directory/scopes", test_scopes, NULL},
        {"/directory/deadline", test_deadline, NULL},
        {"/directory/referral", test_referral, NULL},
        {"/directory/alias", test_alias, NULL},
        {"/directory/many", test_many, NULL},
        {"/directory/search-many", test_search_many, NULL},
        {"/directory/search-cut", test_search_cut, NULL},
        {"/directory/check-password", test_check_password, NULL},
        {"/directory/access", test_access, NULL},
        {"/directory/starttls", test_starttls, NULL},
        {"/directory/loopback", test_loopback, NULL},
    };
    begin_cases(&argc, &argv);
    for (guint i = 0; i < G_N_ELEMENTS(settings_cases); i++) {
        g_autofree char *path = g_strconcat("/directory/settings/", settings_cases[i].name, NULL);
        g_test_add_data_func(path, &settings_cases[i], test_settings);
    }
    g_test_add_func("/directory/table-settings", test_table_settings);
    g_test_add_func("/directory/urls", test_urls);
    g_test_add_func("/directory/silent", test_silent);
    g_test_add_func("/directory/escape-dn", test_escape_dn);
    g_test_add_func("/directory/escape-filter", test_escape_filter);
    return run_cases(cases, G_N_ELEMENTS(cases));
}
