/* SPDX-License-Identifier: MIT */
#include "policy/map-fixture.h"
#include "policy/map-ldap.h"
#include "tests/slapd-fixture.h"
#include <gio/gio.h>
#include <glib/gstdio.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <utime.h>

/* Against a slapd; what postmap(1) says of the same file, server and key. */

/* libldap of OpenLDAP 2.5 with GnuTLS lets go of neither our own certificate nor its key. */
const char *__lsan_default_suppressions(void);
const char *__lsan_default_suppressions(void)
{
    return "leak:gnutls_x509_privkey_init\nleak:gnutls_x509_crt_init\n";
}

#define TABLES "ou=tables,dc=example,dc=org"

typedef struct {
    MapFixture files;
    SlapdFixture *slapd;
    char *spec;
} Fixture;

/* Values that mean something to filters and names; each is the cn of an entry, "found NUMBER" what
 * is found by it. Keys are folded, so capitals would not be found in what distinguishes them. */
static const char *const hostile[] = {
    "*",     "a*",     "(",      ")",      "(x)",     "\\",        "a\\b",     "\\2a",
    ",",     "a,b",    "+",      "a+b",    "\"",      "\"q\"",     "<",        ">",
    "<a>",   ";",      "a;b",    "=",      "a=b",     "#",         "#a",       "a#",
    " lead", "trail ", " both ", "a  b",   "%",       "%s",        "%d%u",     "%%",
    "&",     "|",      "!",      "(cn=*)", "*)(cn=*", "a)(|(cn=*", "\xc3\xbc", "\xe6\xbc\xa2",
    "/",     "'",      "a\tb",   "x@y",    "@",       "a@b@c",     "-a",       "~",
};

static char *entry_of(unsigned number, const char *cn)
{
    g_autofree char *escaped = directory_escape_dn(cn);
    g_autofree char *encoded = g_base64_encode((const guchar *)cn, strlen(cn));
    g_autofree char *dn = g_strdup_printf("cn=%s,ou=hostile," TABLES, escaped);
    g_autofree char *encoded_dn = g_base64_encode((const guchar *)dn, strlen(dn));
    return g_strdup_printf("dn:: %s\nobjectClass: device\ncn:: %s\ndescription: found %u\n\n",
                           encoded_dn, encoded, number);
}

static const char people[] =
    "dn: " TABLES "\nobjectClass: organizationalUnit\nou: tables\n\n"
    "dn: ou=hostile," TABLES "\nobjectClass: organizationalUnit\nou: hostile\n\n"
    "dn: ou=people," TABLES "\nobjectClass: organizationalUnit\nou: people\n\n"
    "dn: cn=one,ou=people," TABLES "\nobjectClass: inetOrgPerson\ncn: one\nsn: x\n"
    "mail: one@one.example\ndescription: allow\ntitle: 100% %s\n\n"
    "dn: cn=two,ou=people," TABLES "\nobjectClass: inetOrgPerson\ncn: two\nsn: x\n"
    "mail: two@sub.one.example\ndescription: first\ndescription: second\ntitle: plain\n\n"
    "dn: cn=bare,ou=people," TABLES "\nobjectClass: inetOrgPerson\ncn: bare\nsn: x\n"
    "mail: bare@one.example\n\n"
    "dn: cn=odd,ou=people," TABLES "\nobjectClass: inetOrgPerson\ncn: odd\nsn: x\n"
    "mail: odd@one.example\ndescription: @nouser\ntitle: nodomain\n"
    "jpegPhoto:: YQBi\nemployeeType;lang-de: angestellt\n\n"
    "dn: cn=twin1,ou=people," TABLES "\nobjectClass: inetOrgPerson\ncn: twin1\nsn: twin\n"
    "mail: twin@one.example\ndescription: left\n\n"
    "dn: cn=twin2,ou=people," TABLES "\nobjectClass: inetOrgPerson\ncn: twin2\nsn: twin\n"
    "mail: twin@one.example\n\n"
    "dn: cn=group,ou=people," TABLES "\nobjectClass: groupOfNames\ncn: group\n"
    "description: own\nmember: cn=one,ou=people," TABLES "\n\n"
    "dn: cn=many,ou=people," TABLES "\nobjectClass: groupOfNames\ncn: many\n"
    "member: cn=one,ou=people," TABLES "\nmember: cn=two,ou=people," TABLES "\n\n"
    "dn: cn=gone,ou=people," TABLES "\nobjectClass: groupOfNames\ncn: gone\n"
    "member: cn=nobody,ou=people," TABLES "\nmember: cn=one,ou=people," TABLES "\n\n"
    "dn: cn=nested,ou=people," TABLES "\nobjectClass: groupOfNames\ncn: nested\n"
    "member: cn=group,ou=people," TABLES "\n\n"
    "dn: cn=loop,ou=people," TABLES "\nobjectClass: groupOfNames\ncn: loop\n"
    "member: cn=loop,ou=people," TABLES "\n\n"
    "dn: cn=url,ou=people," TABLES "\nobjectClass: device\nobjectClass: labeledURIObject\ncn: url\n"
    "labeledURI: ldap:///ou=people," TABLES "?description?one?(cn=one)\n\n"
    "dn: cn=urlany,ou=people," TABLES "\nobjectClass: device\nobjectClass: labeledURIObject\n"
    "cn: urlany\nlabeledURI: ldap://elsewhere.example/cn=one,ou=people," TABLES "\n\n"
    "dn: cn=urlother,ou=people," TABLES "\nobjectClass: device\nobjectClass: labeledURIObject\n"
    "cn: urlother\nlabeledURI: ldap:///cn=one,ou=people," TABLES "?sn\n\n"
    "dn: cn=urlbad,ou=people," TABLES "\nobjectClass: device\nobjectClass: labeledURIObject\n"
    "cn: urlbad\nlabeledURI: ldap:///cn=one?x?wrong\n\n"
    "dn: cn=alias,ou=people," TABLES "\nobjectClass: alias\nobjectClass: extensibleObject\n"
    "cn: alias\naliasedObjectName: cn=one,ou=people," TABLES "\n\n";

static void set_up(Fixture *f, gconstpointer data)
{
    g_autoptr(GString) ldif = g_string_new(people);
    map_fixture_set_up(&f->files, data);
    f->slapd = slapd_fixture_new(NULL);
    f->spec = g_strconcat("ldap:", f->files.file, NULL);
    for (unsigned i = 0; i < G_N_ELEMENTS(hostile); i++) {
        g_autofree char *one = entry_of(i, hostile[i]);
        g_string_append(ldif, one);
    }
    slapd_fixture_ldif(f->slapd, ldif->str);
}

static void tear_down(Fixture *f, gconstpointer data)
{
    slapd_fixture_free(f->slapd);
    map_fixture_tear_down(&f->files, data);
    g_free(f->spec);
}

/* The table's file, readable by its owner alone, and written so long ago that Postfix does not wait
 * for it to settle. */
static void write_cf(const char *path, const char *text)
{
    struct utimbuf long_ago = {1, 1};
    g_assert_true(
        g_file_set_contents_full(path, text, -1, G_FILE_SET_CONTENTS_CONSISTENT, 0600, NULL));
    g_assert_cmpint(g_chmod(path, 0600), ==, 0);
    g_assert_cmpint(utime(path, &long_ago), ==, 0);
}

/* With a server and a login, where lines don't have their own. Caller owns it. */
static char *cf_text(const Fixture *f, const char *lines)
{
    GString *text = g_string_new(NULL);
    if (strstr(lines, "server_host") == NULL)
        g_string_append_printf(text, "server_host = %s\n", f->slapd->uri);
    if (strstr(lines, "bind") == NULL)
        g_string_append_printf(text, "bind_dn = %s\nbind_pw = %s\n", f->slapd->root_dn,
                               f->slapd->root_password);
    if (strstr(lines, "search_base") == NULL)
        g_string_append(text, "search_base = ou=people," TABLES "\n");
    if (strstr(lines, "expansion_limit") == NULL)
        g_string_append(text, "expansion_limit = 1\n");
    g_string_append_printf(text, "version = 3\n%s\n", lines);
    return g_string_free(text, FALSE);
}

typedef struct {
    const char *lines, *key;
} Row;

/* Each row has a file of its own, so that all can be asked at once. */
static void compare(const Fixture *f, const Row *rows, gsize count, unsigned *found,
                    unsigned *wrong)
{
    g_autoptr(GPtrArray) specs = g_ptr_array_new_with_free_func(g_free);
    g_autofree gpointer *asked = g_new0(gpointer, count);
    for (gsize i = 0; i < count; i++) {
        g_autofree char *text = cf_text(f, rows[i].lines);
        g_autofree char *path = g_strdup_printf("%s-%" G_GSIZE_FORMAT, f->files.file, i);
        write_cf(path, text);
        g_ptr_array_add(specs, g_strconcat("ldap:", path, NULL));
        asked[i] = map_fixture_ask(&f->files, g_ptr_array_index(specs, i), rows[i].key);
    }
    for (gsize i = 0; i < count; i++) {
        g_autoptr(GError) error = NULL;
        g_auto(MapSaid) theirs = map_fixture_answer(asked[i]);
        g_autoptr(Map) map = map_open(g_ptr_array_index(specs, i), &error);
        g_auto(MapSaid) ours = map_fixture_ours(map, rows[i].key);
        g_test_message("%s of \"%s\": theirs %s%s ours %s%s %s", rows[i].key, rows[i].lines,
                       theirs.value, theirs.wrong ? " (wrong)" : "", ours.value,
                       ours.wrong ? " (wrong)" : "", error != NULL ? error->message : "");
        g_assert_cmpint(ours.wrong, ==, theirs.wrong);
        g_assert_cmpstr(ours.value, ==, theirs.value);
        *found += theirs.value != NULL;
        *wrong += theirs.wrong;
    }
}

#define BY_MAIL "query_filter = (mail=%s)\nresult_attribute = description\n"
#define BY_CN "query_filter = (cn=%s)\nresult_attribute = description\n"
#define GROUP                                                                                      \
    "query_filter = (cn=%s)\nresult_attribute =\nleaf_result_attribute = description\n"            \
    "special_result_attribute = member, labeledURI\nsize_limit = 10\n"

/* decisions 17: the same file and key, the same answer, or the same want of one. */
static void test_as_postfix(Fixture *f, gconstpointer data)
{
    static const Row rows[] = {
        {BY_MAIL, "one@one.example"},
        {BY_MAIL, "ONE@One.Example"},
        {BY_MAIL, "nobody@one.example"},
        {BY_MAIL, "two@sub.one.example"},
        {BY_MAIL, "bare@one.example"},
        {BY_MAIL, "twin@one.example"},
        {BY_MAIL "size_limit = 0\n", "twin@one.example"},
        {BY_MAIL, ""},
        {BY_MAIL, "*"},
        {BY_MAIL, "\xff"},
        {BY_CN, "one"},
        {BY_CN, "(one)"},
        {"query_filter = (cn=%u)\nresult_attribute = description\n", "one@whatever.example"},
        {"query_filter = (cn=%u)\nresult_attribute = description\n", "one"},
        {"query_filter = (cn=%u)\nresult_attribute = description\n", "@whatever.example"},
        {"query_filter = (cn=%u)\nresult_attribute = description\n", "one@"},
        {"query_filter = (cn=%U)\nresult_attribute = description\n", "one@whatever.example"},
        {"query_filter = (mail=one@%d)\nresult_attribute = description\n", "x@one.example"},
        {"query_filter = (mail=one@%d)\nresult_attribute = description\n", "one.example"},
        {"query_filter = (mail=one@%d)\nresult_attribute = description\n", "x@"},
        {"query_filter = (mail=one@%D)\nresult_attribute = description\n", "@one.example"},
        {"query_filter = (mail=one@%2.%1)\nresult_attribute = description\n", "x@sub.one.example"},
        {"query_filter = (mail=one@%2.%1)\nresult_attribute = description\n", "x@one..example"},
        {"query_filter = (mail=one@%2.%1)\nresult_attribute = description\n", "x@one.example."},
        {"query_filter = (mail=one@%2.%1)\nresult_attribute = description\n", "x@example"},
        {"query_filter = (cn=%9)\nresult_attribute = description\n", "x@a.b.c"},
        {"query_filter = (cn=%s)\nresult_attribute = title\n", "one"},
        {"query_filter = (cn=%%%s)\nresult_attribute = title\n", "one"},
        {BY_CN "result_format = smtp:[%s]\n", "one"},
        {BY_CN "result_format = %s %S\n", "one"},
        {BY_CN "result_format = %s %%\n", "one"},
        {BY_MAIL "result_format = %s %U %D %1 %2\n", "one@one.example"},
        {BY_CN "result_format = %s %D\n", "one"},
        {"query_filter = (cn=%s)\nresult_attribute = mail\nresult_format = %u at %d\n", "one"},
        {"query_filter = (cn=%s)\nresult_attribute = title\nresult_format = %d\n", "odd"},
        {"query_filter = (cn=%s)\nresult_attribute = title\nresult_format = %u\n", "odd"},
        {"query_filter = (cn=%s)\nresult_attribute = description\nresult_format = %u\n", "odd"},
        {"query_filter = (cn=%s)\nresult_attribute = description\nresult_format = %d\n", "odd"},
        {BY_CN "result_filter = x%s\n", "one"},
        {BY_CN "result_filter = x%s\nresult_format = y%s\n", "one"},
        {BY_CN "result_format =\n", "one"},
        {"query_filter = (cn=%s)\nresult_attribute = employeeType\n", "odd"},
        {"query_filter = (cn=%s)\nresult_attribute = DESCRIPTION\n", "one"},
        {"query_filter = (cn=%s)\nresult_attribute = title, description\n", "one"},
        {"query_filter = (cn=%s)\nresult_attribute = telephoneNumber description\n", "one"},
        {"search_base = cn=%u,ou=people," TABLES
         "\nquery_filter = (objectClass=*)\nscope = base\nresult_attribute = description\n",
         "one@x.example"},
        {"search_base = cn=%u,ou=people," TABLES
         "\nquery_filter = (objectClass=*)\nscope = base\nresult_attribute = description\n",
         "nobody@x.example"},
        {"search_base = cn=%s,ou=people," TABLES
         "\nquery_filter = (objectClass=*)\nscope = base\nresult_attribute = description\n",
         "one,cn=x"},
        {"search_base = ou=nowhere," TABLES
         "\nquery_filter = (cn=%s)\nresult_attribute = description\n",
         "one"},
        {"search_base = no dn\nquery_filter = (cn=%s)\nresult_attribute = description\n", "one"},
        {"search_base = " TABLES "\nscope = one\n" BY_CN, "one"},
        {"search_base = " TABLES "\nscope = sub\n" BY_CN, "one"},
        {"query_filter = ((cn=%s)\nresult_attribute = description\n", "one"},
        {"query_filter = cn=%s\nresult_attribute = description\n", "one"},
        {BY_MAIL "domain = one.example\n", "one@one.example"},
        {BY_MAIL "domain = ONE.example, x\n", "one@one.example"},
        {BY_MAIL "domain = other.example\n", "one@one.example"},
        {BY_MAIL "domain = !one.example, static:x\n", "one@one.example"},
        {BY_MAIL "domain = !two.example, static:x\n", "one@one.example"},
        {BY_MAIL "domain = inline:{ one.example=x }\n", "one@one.example"},
        {BY_MAIL "domain = inline:{ two.example=x }\n", "one@one.example"},
        {BY_CN "domain = one.example\n", "one"},
        {BY_MAIL "domain = one.example\n", "one@sub.one.example"},
        {GROUP, "group"},
        {GROUP, "gone"},
        {GROUP, "many"},
        {GROUP, "nested"},
        {GROUP, "url"},
        {GROUP, "urlany"},
        {GROUP, "urlother"},
        {GROUP, "urlbad"},
        {GROUP, "one"},
        {GROUP "recursion_limit = 20\n", "loop"},
        {GROUP "recursion_limit = 1\n", "group"},
        {GROUP "recursion_limit = 2\n", "group"},
        {GROUP "recursion_limit = 2\n", "nested"},
        {"query_filter = (cn=%s)\nresult_attribute = description\n"
         "special_result_attribute = member\n",
         "group"},
        {"query_filter = (cn=%s)\nresult_attribute =\nterminal_result_attribute = description\n"
         "special_result_attribute = member\n",
         "group"},
        {"query_filter = (cn=%s)\nresult_attribute = title\n"
         "terminal_result_attribute = telephoneNumber\n",
         "one"},
        {"query_filter = (cn=%s)\nresult_attribute =\nleaf_result_attribute = description\n"
         "special_result_attribute = title\n",
         "two"}, /* which leads to no name */
        {BY_CN "dereference = 3\n", "alias"},
        {BY_CN "dereference = 1\n", "alias"},
        {BY_CN "dereference = 0\n", "alias"},
        {"search_base = cn=alias,ou=people," TABLES "\nscope = base\ndereference = 2\nquery_filter "
         "= (cn=%s)\nresult_attribute = description\n",
         "one"},
        {BY_CN "bind = no\n", "one"},
        {BY_CN "bind = none\n", "one"},
        {BY_CN "bind = yes\nbind_dn = cn=admin,dc=example,dc=org\nbind_pw = wrong\n", "one"},
        {BY_CN "bind = sasl\nsasl_mechs = EXTERNAL\n", "one"},
        {BY_CN "server_host = ldapi://%2Fnowhere%2Fx\n", "one"},
        {BY_CN "timeout = 5\n", "one"},
        {BY_CN "# a comment\n\n\nresult_format = %s\n", "one"},
        {"query_filter =\n (cn=\n  # between\n %s)\nresult_attribute = description\n", "one"},
        {BY_CN "tls_require_cert = maybe\n", "one"},
        {BY_CN "timeout = ten\n", "one"},
        {BY_CN "result_format = %x\n", "one"},
        {BY_CN "query_filter\n", "one"},
        {BY_CN "bind = perhaps\n", "one"},
    };
    unsigned found = 0, wrong = 0;
    (void)data;
    if (!map_fixture_has_postmap(&f->files))
        return;
    compare(f, rows, G_N_ELEMENTS(rows), &found, &wrong);
    g_test_message("%u found, %u wrong of %" G_GSIZE_FORMAT, found, wrong, G_N_ELEMENTS(rows));
    g_assert_cmpuint(found, >=, 30);
    g_assert_cmpuint(wrong, >=, 10);
}

/* Each sign is literal: in a filter, and in a name. */
static void test_hostile(Fixture *f, gconstpointer data)
{
    static const char *const ways[] = {
        "search_base = ou=hostile," TABLES
        "\nquery_filter = (cn=%s)\nresult_attribute = description\n",
        "search_base = cn=%s,ou=hostile," TABLES
        "\nquery_filter = (objectClass=*)\nscope = base\nresult_attribute = description\n",
        "search_base = ou=hostile," TABLES
        "\nquery_filter = (cn=%s)\nresult_attribute = description\nresult_format = %s for %S\n",
    };
    g_autofree Row *rows = g_new0(Row, G_N_ELEMENTS(ways) * G_N_ELEMENTS(hostile));
    gsize count = 0;
    unsigned found = 0, wrong = 0;
    (void)data;
    if (!map_fixture_has_postmap(&f->files))
        return;
    for (gsize w = 0; w < G_N_ELEMENTS(ways); w++)
        for (gsize i = 0; i < G_N_ELEMENTS(hostile); i++)
            rows[count++] = (Row){ways[w], hostile[i]};
    compare(f, rows, count, &found, &wrong);
    g_assert_cmpuint(found, ==, count);
    g_assert_cmpuint(wrong, ==, 0);
}

/* --- what is not as with Postfix --- */

static Map *open_cf(const Fixture *f, const char *lines, GError **error)
{
    g_autofree char *text = cf_text(f, lines);
    write_cf(f->files.file, text);
    return map_open(f->spec, error);
}

/* A value, "-" for no, or the error's words behind "asked: ". Caller owns it. */
static char *ask(Map *map, const char *key)
{
    g_autoptr(GError) error = NULL;
    char *value = NULL;
    Answer answer = map_lookup(map, key, &value, &error);
    if (answer != ANSWER_UNKNOWN)
        return answer == ANSWER_YES ? value : g_strdup("-");
    g_assert_error(error, MAP_ERROR, MAP_ERROR_FAILED);
    const char *words = strstr(error->message, "could not be asked: ");
    g_assert_nonnull(words);
    return g_strdup(words + strlen("could not be asked: "));
}

static void assert_said(Map *map, const char *key, const char *said)
{
    g_autofree char *words = ask(map, key);
    g_assert_cmpstr(words, ==, said);
}

/* R2.35: what is not supported is refused by its name, and nothing of a value is repeated. */
static void test_refused(Fixture *f, gconstpointer data)
{
    static const struct {
        const char *lines, *words;
    } rows[] = {
        {BY_CN "expansion_limit = 2\n", "expansion_limit: it is 1"},
        {BY_CN "expansion_limit = 0\n", "expansion_limit: it is 1"},
        {BY_CN "chase_referrals = yes\n", "chase_referrals: it is no"},
        {BY_CN "debuglevel = 1\n", "debuglevel: only 0"},
        {BY_CN "tls_cipher_suite = HIGH\n", "tls_cipher_suite: it is not supported"},
        {BY_CN "tls_random_file = /dev/random\n", "tls_random_file: it is not supported"},
        {BY_CN "cache = yes\n", "cache: Postfix does not look"},
        {BY_CN "cache_expiry = 5\n", "cache_expiry: Postfix does not look"},
        {BY_CN "cache_size = 5\n", "cache_size: Postfix does not look"},
        {BY_CN "bind = sasl\nsasl_mechs = GSSAPI\n", "sasl_mechs: only EXTERNAL"},
        {BY_CN "bind = sasl\n", "sasl_mechs: only EXTERNAL"},
        {BY_CN "sasl_realm = canary\n", "sasl_realm: it is not supported"},
        {BY_CN "sasl_minssf = 1\n", "sasl_minssf: only 0"},
        {BY_CN "scope = children\n", "scope: it is sub, one or base"},
        {BY_CN "dereference = 4\n", "dereference: it is a number from 0 to 3"},
        {BY_CN "timeout = 0\n", "timeout: it is a number from 1 to 60"},
        {BY_CN "timeout = 61\n", "timeout: it is a number from 1 to 60"},
        {BY_CN "size_limit = -1\n", "size_limit: it is a number from 0 to 1000"},
        {BY_CN "recursion_limit = 0\n", "recursion_limit: it is a number from 1 to 1000"},
        {BY_CN "server_port = 65536\n", "server_port: it is a number from 1 to 65535"},
        {BY_CN "bind_dn = cn=canary\n", "bind_dn: bind_dn and bind_pw belong together"},
        {BY_CN "bind_pw = canary\n", "bind_dn: bind_dn and bind_pw belong together"},
        {BY_CN "bind_dn = cn=x\nbind_pw = canary\nserver_host = ldap://192.0.2.1\n",
         "server_host: Passwords would cross"},
        {BY_CN "bind_dn = cn=x\nbind_pw = canary\ntls_require_cert = no\n"
               "server_host = ldaps://192.0.2.1\n",
         "server_host: Passwords would go to whoever answers"},
        {BY_CN "bind = no\nserver_host = http://x.example\n", "server_host: "},
        {BY_CN "bind = no\nserver_host = ldap://x.example/dc=canary\n", "server_host: "},
        {BY_CN "bind = no\nserver_host = ,\n", "server_host: The directory has no address"},
        {BY_CN "bind = no\nstart_tls = yes\nserver_host = ldaps://x.example\n",
         "server_host: StartTLS"},
        {BY_CN "bind = no\nserver_host = 1 2 3 4 5 6 7 8 9\n",
         "server_host: at most 8 servers can be named"},
        {BY_CN "tls_ca_cert_file = ca.pem\n", "tls_ca_cert_file: it needs a full path"},
        {BY_CN "tls_cert = /canary\n", "tls_cert: tls_cert and tls_key belong together"},
        {"search_base =\n" BY_CN, "search_base: it is missing"},
        {BY_CN "search_base = ou=%x\n", "search_base: behind a %"},
        {"query_filter = (cn=%)\nresult_attribute = x\n", "query_filter: behind a %"},
        {BY_CN "result_format = %\n", "result_format: behind a %"},
        {BY_CN "result_filter = %0\n", "result_filter: behind a %"},
        {"query_filter = (cn=%s)\nresult_attribute =\n", "no attribute"},
        {"query_filter = (cn=%s)\nresult_attribute = a b=c\n", "it is a list of attributes"},
        {BY_CN BY_CN, "the same setting was given before"},
        {BY_CN "canary\n", "it is no \"name = value\""},
        {BY_CN "= canary\n", "it is no \"name = value\""},
        {BY_CN "canary = canary\n", "has a setting that is not known"},
        {BY_CN "serch_base = canary\n", "did you mean search_base?"},
        {BY_CN "Timeout = 5\n", "did you mean timeout?"},
        {BY_CN "domain = ldap:/canary.cf\n", "/canary.cf"},
        {BY_CN "domain = socketmap:unix:/x:y\n", "somebody else answers"},
        {BY_CN "domain = !\n", "nothing behind it"},
        {BY_CN "domain = nosuch:/x\n", "no table type"},
        {BY_CN "domain = /nowhere/x\n", "can't be read"},
    };
    (void)data;
    for (gsize i = 0; i < G_N_ELEMENTS(rows); i++) {
        g_autoptr(GError) error = NULL;
        g_autoptr(Map) map = open_cf(f, rows[i].lines, &error);
        g_test_message("%s: %s", rows[i].lines, error != NULL ? error->message : "taken");
        g_assert_null(map);
        g_assert_true(error->domain == MAP_ERROR);
        g_assert_nonnull(strstr(error->message, rows[i].words));
        g_assert_nonnull(strstr(error->message, f->files.file));
        g_assert_null(strstr(error->message, f->slapd->root_password));
        g_assert_true(strstr(rows[i].words, "canary") != NULL ||
                      strstr(error->message, "canary") == NULL);
    }
    write_cf(f->files.file, "version = 2\nsearch_base = x\n");
    g_autoptr(GError) error = NULL;
    g_assert_null(map_open(f->spec, &error));
    g_assert_nonnull(strstr(error->message, "version: only version 3"));
}

/* The file's password is nobody else's; what can't be read fails look-ups, and is no "no". */
static void test_file(Fixture *f, gconstpointer data)
{
    g_autoptr(GError) error = NULL;
    (void)data;
    g_autoptr(Map) good = open_cf(f, BY_CN, &error);
    g_assert_no_error(error);
    assert_said(good, "one", "allow");
    static const struct {
        mode_t mode;
        bool good;
    } modes[] = {{0600, true},  {0640, true},  {0660, true},
                 {0644, false}, {0604, false}, {0601, false}};
    for (gsize i = 0; i < G_N_ELEMENTS(modes); i++) {
        g_clear_error(&error);
        g_assert_cmpint(g_chmod(f->files.file, modes[i].mode), ==, 0);
        g_autoptr(Map) map = map_open(f->spec, &error);
        g_test_message("%o: %s", (unsigned)modes[i].mode, error != NULL ? error->message : "taken");
        g_assert_true((map != NULL) == modes[i].good);
        if (!modes[i].good)
            g_assert_nonnull(strstr(error->message, "bind_pw: everybody may read it"));
    }
    /* What everybody may write is no table of any type. */
    g_clear_error(&error);
    g_assert_cmpint(g_chmod(f->files.file, 0602), ==, 0);
    g_autoptr(Map) open_to_all = map_open(f->spec, &error);
    g_assert_no_error(error);
    g_auto(MapSaid) nothing = map_fixture_ours(open_to_all, "one");
    g_assert_true(nothing.wrong);
    g_unlink(f->files.file);
    g_autoptr(Map) missing = map_open(f->spec, &error);
    g_assert_no_error(error);
    g_auto(MapSaid) said = map_fixture_ours(missing, "one");
    g_assert_true(said.wrong);
    g_clear_error(&error);
    g_assert_cmpint(map_values(missing, NULL, NULL, &error), ==, ANSWER_UNKNOWN);
    g_assert_error(error, MAP_ERROR, MAP_ERROR_FAILED);
    /* What is open goes on with what it was opened with. */
    assert_said(good, "one", "allow");
}

/* Searched by names only: where values lead elsewhere, or hold what no text can, nothing is told.
 */
static void test_stricter(Fixture *f, gconstpointer data)
{
    (void)data;
    g_autoptr(Map) nul = open_cf(f, "query_filter = (cn=%s)\nresult_attribute = jpegPhoto\n", NULL);
    assert_said(nul, "odd", "what is found holds a NUL byte");
    g_autoptr(Map) loop = open_cf(f, GROUP, NULL);
    assert_said(loop, "loop", "entries lead to others too often (recursion_limit)");
    g_autoptr(GString) often = g_string_new("query_filter = (|");
    for (unsigned i = 0; i < 500; i++)
        g_string_append(often, "(cn=%s)");
    g_string_append(often, ")\nresult_attribute = description\n");
    g_autofree char *long_key = g_strnfill(MAP_TEMPLATE_TEXT_MAX / 500, 'x');
    g_autoptr(Map) asked_often = open_cf(f, often->str, NULL);
    assert_said(asked_often, long_key, "the key makes too long a question");
    assert_said(asked_often, "one", "allow");
    g_autoptr(GString) crowd =
        g_string_new("dn: cn=crowd,ou=people," TABLES "\nobjectClass: groupOfNames\ncn: crowd\n");
    for (unsigned i = 0; i < MAP_LDAP_SEARCHES_MAX; i++)
        g_string_append_printf(crowd, "member: cn=nobody%u,ou=people," TABLES "\n", i);
    g_string_append_c(crowd, '\n');
    slapd_fixture_ldif(f->slapd, crowd->str);
    g_autoptr(Map) searches = open_cf(f, GROUP "timeout = 60\n", NULL);
    assert_said(searches, "crowd", "it takes too many searches");
    slapd_fixture_ldif(f->slapd, "dn: cn=away,ou=people," TABLES "\nobjectClass: referral\n"
                                 "objectClass: extensibleObject\ncn: away\n"
                                 "ref: ldap://127.0.0.1:1/cn=away\n");
    g_autoptr(Map) referral = open_cf(f, BY_CN, NULL);
    g_auto(MapSaid) said = map_fixture_ours(referral, "one");
    g_assert_true(said.wrong);
}

/* A grant may have nothing of the key in it: whether it would is told when the table is opened. */
static bool refuse_varying(gpointer data, const char *value, bool varies, unsigned line,
                           GError **error)
{
    (*(unsigned *)data)++;
    g_assert_nonnull(value);
    g_assert_cmpuint(line, ==, 0);
    if (varies)
        g_set_error_literal(error, MAP_ERROR, MAP_ERROR_SYNTAX, "it varies");
    return !varies;
}

static void test_varies(Fixture *f, gconstpointer data)
{
    static const struct {
        const char *format;
        bool varies;
    } rows[] = {{"%s", false},   {"%u %d %%", false}, {"%s %S", true}, {"%U", true},
                {"%s %D", true}, {"%s %1", true},     {"%%S", false},  {"%%%S", true}};
    (void)data;
    for (gsize i = 0; i < G_N_ELEMENTS(rows); i++) {
        g_autofree char *lines = g_strconcat(BY_CN "result_format = ", rows[i].format, "\n", NULL);
        g_autoptr(GError) error = NULL;
        g_autoptr(Map) map = open_cf(f, lines, NULL);
        unsigned asked = 0;
        g_assert_cmpint(map_values(map, refuse_varying, &asked, &error), ==,
                        rows[i].varies ? ANSWER_UNKNOWN : ANSWER_NO);
        g_assert_cmpuint(asked, ==, rows[i].varies);
    }
}

/* --- servers and connections --- */

static void test_away(Fixture *f, gconstpointer data)
{
    (void)data;
    g_autoptr(Map) map = open_cf(f, BY_CN, NULL);
    /* Where the key comes into the place, "nothing there" is an answer: this is none. */
    g_autoptr(Map) by_place = open_cf(f,
                                      "search_base = cn=%u,ou=people," TABLES
                                      "\nquery_filter = (objectClass=*)\nscope = base\n"
                                      "result_attribute = description\n",
                                      NULL);
    g_assert_true(map_is_remote(map));
    assert_said(map, "one", "allow");
    assert_said(by_place, "one", "allow");
    slapd_fixture_kill(f->slapd);
    for (unsigned i = 0; i < 3; i++) {
        g_auto(MapSaid) said = map_fixture_ours(map, "one");
        g_auto(MapSaid) said_by_place = map_fixture_ours(by_place, "one");
        g_assert_true(said.wrong && said_by_place.wrong);
    }
    slapd_fixture_restart(f->slapd);
    assert_said(map, "one", "allow");
    slapd_fixture_kill(f->slapd);
    slapd_fixture_restart(f->slapd);
    /* The old connection is dead, and nobody is told of it. */
    assert_said(map, "one", "allow");
}

/* A directory that hangs is left in time. */
static void test_late(Fixture *f, gconstpointer data)
{
    (void)data;
    g_autoptr(Map) map = open_cf(f, BY_CN "timeout = 1\n", NULL);
    assert_said(map, "one", "allow");
    kill(f->slapd->pid, SIGSTOP);
    g_assert_cmpint(waitpid(f->slapd->pid, NULL, WUNTRACED), ==, f->slapd->pid);
    assert_said(map, "one", "there was no answer in time");
    assert_said(map, "one", "there was no answer in time");
    kill(f->slapd->pid, SIGCONT);
    for (;;) {
        g_autofree char *said = ask(map, "one");
        if (g_str_equal(said, "allow"))
            break;
        g_assert_nonnull(strstr(said, "in time"));
    }
}

/* The first server that is there answers. */
static void test_servers(Fixture *f, gconstpointer data)
{
    const char *port = strrchr(f->slapd->tcp_uri, ':') + 1;
    char *lists[] = {
        g_strdup_printf("ldapi://%%2Fnowhere %s", f->slapd->uri),
        g_strdup_printf("ldap://127.0.0.1:1,\n  %s", f->slapd->tcp_uri),
        g_strdup_printf("127.0.0.1:1 127.0.0.1:%s", port),
        g_strdup_printf("127.0.0.1\nserver_port = %s", port),
        NULL,
    };
    (void)data;
    for (gsize i = 0; lists[i] != NULL; i++) {
        g_autofree char *lines = g_strconcat("server_host = ", lists[i], "\n" BY_CN, NULL);
        g_autoptr(GError) error = NULL;
        g_autoptr(Map) map = open_cf(f, lines, &error);
        g_assert_no_error(error);
        assert_said(map, "one", "allow");
    }
    for (gsize i = 0; lists[i] != NULL; i++)
        g_free(lists[i]);
}

static void assert_by_tls(const Fixture *f, const char *more, bool good)
{
    g_autofree char *lines = g_strconcat("server_host = ", f->slapd->tcp_uri,
                                         "\nstart_tls = yes\n" BY_CN, more, "\n", NULL);
    g_autoptr(GError) error = NULL;
    g_autoptr(Map) map = open_cf(f, lines, &error);
    g_assert_no_error(error);
    g_auto(MapSaid) said = map_fixture_ours(map, "one");
    g_test_message("%s: %s", more, said.value);
    g_assert_true(said.wrong == !good);
    g_assert_cmpstr(said.value, ==, good ? "allow" : NULL);
}

/* A server's certificate counts, unless the file says otherwise and no password goes to it. */
static void test_tls(Fixture *f, gconstpointer data)
{
    g_autofree char *openssl = g_find_program_in_path("openssl");
    g_autofree char *certificate = g_build_filename(f->slapd->folder, "cert.pem", NULL);
    g_autofree char *key = g_build_filename(f->slapd->folder, "key.pem", NULL);
    g_autofree char *tls = g_strdup_printf(
        "\nmoduleload argon2\nTLSCertificateFile %s\nTLSCertificateKeyFile %s\n", certificate, key);
    (void)data;
    if (openssl == NULL) {
        g_test_skip("no openssl to make a certificate with");
        return;
    }
    g_autoptr(GSubprocess) made = g_subprocess_new(
        G_SUBPROCESS_FLAGS_STDOUT_SILENCE | G_SUBPROCESS_FLAGS_STDERR_SILENCE, NULL, openssl, "req",
        "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=127.0.0.1", "-addext",
        "subjectAltName=IP:127.0.0.1", "-days", "2", "-keyout", key, "-out", certificate, NULL);
    g_assert_true(g_subprocess_wait_check(made, NULL, NULL));
    slapd_fixture_configure(f->slapd, "\nmoduleload argon2\n", tls);
    const struct {
        const char *more, *file;
        bool good;
    } rows[] = {
        {"", NULL, false},
        {"tls_ca_cert_file = ", certificate, true},
        {"tls_ca_cert_file = ", "/nowhere/ca.pem", false},
        {"tls_require_cert = no\n", NULL, true},
        {"tls_require_cert = yes\n", NULL, false},
    };
    for (gsize i = 0; i < G_N_ELEMENTS(rows); i++) {
        g_autofree char *more = g_strconcat(rows[i].more, rows[i].file, NULL);
        assert_by_tls(f, more, rows[i].good);
    }
    /* A server that wants to see one of ours. */
    g_autofree char *theirs = g_strconcat("\nTLSCertificateFile ", certificate, NULL);
    g_autofree char *both =
        g_strconcat("\nTLSVerifyClient demand\nTLSCACertificateFile ", certificate, theirs, NULL);
    slapd_fixture_configure(f->slapd, theirs, both);
    g_autofree char *without = g_strconcat("tls_ca_cert_file = ", certificate, NULL);
    g_autofree char *with =
        g_strconcat(without, "\ntls_cert = ", certificate, "\ntls_key = ", key, NULL);
    assert_by_tls(f, without, false);
    assert_by_tls(f, with, true);
}

static gpointer ask_often(gpointer map)
{
    for (unsigned i = 0; i < 100; i++) {
        assert_said(map, "one", "allow");
        assert_said(map, "nobody", "-");
    }
    return NULL;
}

static void test_threads(Fixture *f, gconstpointer data)
{
    GThread *threads[16];
    (void)data;
    g_autoptr(Map) map = open_cf(f, BY_CN, NULL);
    for (unsigned i = 0; i < G_N_ELEMENTS(threads); i++)
        threads[i] = g_thread_new("ask", ask_often, map);
    for (unsigned i = 0; i < G_N_ELEMENTS(threads); i++)
        g_thread_join(threads[i]);
}

/* A change of the file, or of one that domain names, is seen. */
static void test_fingerprint(Fixture *f, gconstpointer data)
{
    g_autofree char *list = g_strconcat(f->files.file, ".domains", NULL);
    g_autofree char *lines =
        g_strconcat(BY_MAIL "domain = ", list, ", texthash:", list, "\n", NULL);
    (void)data;
    g_assert_true(g_file_set_contents(list, "# domains\nother.example\n!no.example x\n", -1, NULL));
    g_autoptr(Map) map = open_cf(f, lines, NULL);
    g_assert_nonnull(map);
    assert_said(map, "one@one.example", "-");
    g_autofree char *as_read = map_fingerprint(map, false), *same = map_fingerprint(map, true);
    g_assert_cmpstr(as_read, ==, same);
    g_assert_true(g_file_set_contents(list, "one.example\n", -1, NULL));
    g_autofree char *other_list = map_fingerprint(map, true);
    g_assert_cmpstr(as_read, !=, other_list);
    g_autoptr(Map) anew = map_open(f->spec, NULL);
    assert_said(anew, "one@one.example", "allow");
    assert_said(map, "one@one.example", "-");
    g_assert_true(g_file_set_contents(f->files.file, "x", -1, NULL));
    g_autofree char *other_file = map_fingerprint(map, true);
    g_assert_cmpstr(other_list, !=, other_file);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    secret_init();
    directory_init();
    g_test_add("/map-ldap/as-postfix", Fixture, NULL, set_up, test_as_postfix, tear_down);
    g_test_add("/map-ldap/hostile", Fixture, NULL, set_up, test_hostile, tear_down);
    g_test_add("/map-ldap/refused", Fixture, NULL, set_up, test_refused, tear_down);
    g_test_add("/map-ldap/file", Fixture, NULL, set_up, test_file, tear_down);
    g_test_add("/map-ldap/stricter", Fixture, NULL, set_up, test_stricter, tear_down);
    g_test_add("/map-ldap/varies", Fixture, NULL, set_up, test_varies, tear_down);
    g_test_add("/map-ldap/away", Fixture, NULL, set_up, test_away, tear_down);
    g_test_add("/map-ldap/late", Fixture, NULL, set_up, test_late, tear_down);
    g_test_add("/map-ldap/servers", Fixture, NULL, set_up, test_servers, tear_down);
    g_test_add("/map-ldap/tls", Fixture, NULL, set_up, test_tls, tear_down);
    g_test_add("/map-ldap/threads", Fixture, NULL, set_up, test_threads, tear_down);
    g_test_add("/map-ldap/fingerprint", Fixture, NULL, set_up, test_fingerprint, tear_down);
    return g_test_run();
}
