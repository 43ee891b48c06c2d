/* SPDX-License-Identifier: MIT */
#include "lib/directory-fixture.h"
#include "lib/directory-private.h"

#include <string.h>

/* Several servers, and whose certificate is taken. */

#define NOBODY "ldap://127.0.0.1:1"

static void assert_holds(const char *text, const char *words)
{
    if (text == NULL || strstr(text, words) == NULL)
        g_error("\"%s\" is not in \"%s\"", words, text != NULL ? text : "");
}

/* One server by two addresses: its socket, and its port. */
static char *both(const Case *one)
{
    return g_strconcat(one->slapd->tcp_uri, " ", one->slapd->uri, NULL);
}

static void assert_at(Directory *directory, const char *uri)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(Entry) entry = NULL;
    g_assert_cmpint(directory_read(directory, DOMAIN_DN, all, &entry, &error), ==, ANSWER_YES);
    g_assert_no_error(error);
    g_assert_cmpstr(directory_server(directory, &error), ==, uri);
}

static void assert_away(Directory *directory, int code, const char *words)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(Entry) entry = NULL;
    g_assert_cmpint(directory_read(directory, DOMAIN_DN, all, &entry, &error), ==, ANSWER_UNKNOWN);
    g_assert_error(error, DIRECTORY_ERROR, code);
    assert_holds(error->message, words);
}

/* --- which one is used --- */

static void test_order(Case *one, gconstpointer data)
{
    DirectorySettings settings = one->slapd->settings;
    g_autofree char *list = both(one);
    (void)data;
    settings.uri = list;
    g_autoptr(Directory) directory = directory_new(&settings, NULL);
    assert_at(directory, one->slapd->tcp_uri);
}

/* The first one is dead: the second is used, by all who share the settings, and said once. */
static void test_first_dead(Case *one, gconstpointer data)
{
    DirectorySettings settings = one->slapd->settings;
    g_autofree char *list = g_strconcat(NOBODY ",\n\t", one->slapd->uri, NULL);
    g_autoptr(DirectoryServers) servers = directory_servers_new(list);
    (void)data;
    settings.uri = list;
    settings.servers = servers;
    g_autoptr(Directory) directory = directory_new(&settings, NULL);
    g_autoptr(Directory) other = directory_new(&settings, NULL);
    assert_at(directory, one->slapd->uri);
    g_autofree char *news = directory_servers_news(servers);
    assert_holds(news, NOBODY);
    assert_holds(news, "not reachable");
    g_assert_null(directory_servers_news(servers));
    assert_at(other, one->slapd->uri);
    g_assert_null(directory_servers_news(servers));
    g_assert_cmpint(
        directory_check_password(directory, one->slapd->root_dn, one->slapd->root_password, NULL),
        ==, ANSWER_YES);
    /* New settings with the same addresses begin where the old ones were. */
    g_autoptr(DirectoryServers) same = directory_servers_new(list);
    directory_servers_follow(same, servers);
    g_autoptr(DirectoryServers) others = directory_servers_new(one->slapd->uri);
    directory_servers_follow(others, servers);
    settings.servers = same;
    g_autoptr(Directory) later = directory_new(&settings, NULL);
    assert_at(later, one->slapd->uri);
    g_assert_null(directory_servers_news(same));
}

static void test_all_dead(void)
{
    const DirectorySettings settings = {.uri = (char *)NOBODY " ldap://127.0.0.1:2",
                                        .bind_dn = (char *)"cn=x",
                                        .bind_password = (char *)"y",
                                        .connect_seconds = 1};
    g_autoptr(Directory) directory = directory_new(&settings, NULL);
    assert_away(directory, DIRECTORY_ERROR_AWAY, NOBODY ": The directory is not reachable");
    assert_away(directory, DIRECTORY_ERROR_AWAY, ":2: The directory is not reachable");
}

/* R5.8: what was begun at one server is not gone on with at another; what is begun later is. */
static void test_stays(Case *one, gconstpointer data)
{
    static const char *const domains[] = {"example.org", NULL};
    g_autoptr(SlapdFixture) other = slapd_fixture_new(domains);
    DirectorySettings settings = one->slapd->settings;
    g_autofree char *list = g_strconcat(other->uri, " ", one->slapd->uri, NULL);
    (void)data;
    settings.uri = list;
    settings.bind_dn = (char *)NULL;
    settings.bind_password = NULL;
    g_autoptr(Directory) directory = directory_new(&settings, NULL);
    g_autoptr(GError) error = NULL;
    g_assert_cmpstr(directory_server(directory, &error), ==, other->uri);
    slapd_fixture_kill(other);
    for (int i = 0; i < 2; i++) {
        g_assert_null(directory_server(directory, &error));
        assert_holds(error->message, other->uri);
        assert_holds(error->message, "has to be waited for");
        g_clear_error(&error);
    }
    g_assert_true(directory_begin(directory, NULL));
    g_assert_cmpstr(directory_server(directory, &error), ==, one->slapd->uri);
    g_assert_true(directory_begin(directory, other->uri));
    g_assert_null(directory_server(directory, &error));
    g_clear_error(&error);
    slapd_fixture_restart(other);
    g_assert_cmpstr(directory_server(directory, &error), ==, other->uri);
    /* One that is no longer named: any will do, and the one in use is still the second. */
    g_assert_false(directory_begin(directory, "ldap://gone.example.org"));
    g_assert_cmpstr(directory_server(directory, &error), ==, one->slapd->uri);
    g_assert_no_error(error);
}

/* The same where all servers have the same data, or nothing is ever written. */
static void test_goes_on(Case *one, gconstpointer data)
{
    static const char *const domains[] = {"example.org", NULL};
    (void)data;
    for (int i = 0; i < 2; i++) {
        g_autoptr(SlapdFixture) other = slapd_fixture_new(domains);
        DirectorySettings settings = one->slapd->settings;
        g_autofree char *list = g_strconcat(other->uri, " ", one->slapd->uri, NULL);
        settings.uri = list;
        settings.same_data = i == 0;
        settings.reads_only = i == 1;
        settings.bind_dn = NULL;
        settings.bind_password = NULL;
        g_autoptr(Directory) directory = directory_new(&settings, NULL);
        g_autoptr(GError) error = NULL;
        g_assert_true(directory_begin(directory, other->uri));
        g_assert_cmpstr(directory_server(directory, &error), ==, other->uri);
        slapd_fixture_kill(other);
        g_assert_cmpstr(directory_server(directory, &error), ==, one->slapd->uri);
        g_assert_no_error(error);
    }
}

/* They grow, have an end, and are no two alike. */
static void test_pause(void)
{
    static const double seconds[] = {1, 2, 4, 4, 4};
    for (gsize i = 0; i < G_N_ELEMENTS(seconds); i++) {
        const gint64 most = (gint64)(seconds[i] * G_USEC_PER_SEC);
        gint64 shortest = most, longest = 0;
        for (unsigned k = 0; k < 1000; k++) {
            const gint64 pause = directory_servers_pause((unsigned)i + 1);
            shortest = MIN(shortest, pause);
            longest = MAX(longest, pause);
        }
        g_assert_cmpint(shortest, >=, most / 2);
        g_assert_cmpint(longest, <=, most);
        /* Of 1,000 that all of them lie in one half has not happened by chance. */
        g_assert_cmpint(shortest, <, most * 3 / 4);
        g_assert_cmpint(longest, >, most * 3 / 4);
    }
    g_assert_cmpint(directory_servers_pause(G_MAXUINT), <=, 4 * G_USEC_PER_SEC);
}

/* One that has worked meanwhile begins with the shortest again. An observer who is held up sees
 * longer ones, but not each time. */
static void test_pause_anew(void)
{
    g_autofree char *both = g_strconcat(NOBODY, " ", NOBODY, NULL);
    g_autoptr(DirectoryServers) servers = directory_servers_new(both);
    g_autoptr(GError) fault = g_error_new(DIRECTORY_ERROR, DIRECTORY_ERROR_AWAY, "the fault");
    gint64 took = G_MAXINT64;
    for (int i = 0; i < 10 && took >= 2 * G_USEC_PER_SEC; i++) {
        for (int k = 0; k < 10; k++)
            directory_servers_failed(servers, 0, fault);
        directory_servers_works(servers, 0, true);
        const gint64 begin = g_get_monotonic_time();
        directory_servers_failed(servers, 0, fault);
        while (!directory_servers_may_try(servers, 0, NULL))
            g_usleep(10000);
        took = g_get_monotonic_time() - begin;
    }
    g_assert_cmpint(took, <, 2 * G_USEC_PER_SEC);
}

/* Of several servers one that failed is left alone for a while, which grows; one that works is not,
 * nor one that is alone. */
static void test_pauses(void)
{
    g_autofree char *both = g_strconcat(NOBODY, " ", NOBODY, NULL);
    g_autoptr(DirectoryServers) servers = directory_servers_new(both);
    g_autoptr(DirectoryServers) alone = directory_servers_new(NOBODY);
    g_autoptr(GError) fault = g_error_new(DIRECTORY_ERROR, DIRECTORY_ERROR_AWAY, "the fault");
    g_autoptr(GError) error = NULL;
    g_assert_true(directory_servers_may_try(servers, 0, &error));
    /* The last pause is of 2 seconds at least. */
    for (int i = 0; i < 1000; i++) {
        directory_servers_failed(servers, 0, fault);
        directory_servers_failed(servers, 1, fault);
        directory_servers_failed(alone, 0, fault);
    }
    g_assert_false(directory_servers_may_try(servers, 0, &error));
    g_assert_error(error, DIRECTORY_ERROR, DIRECTORY_ERROR_AWAY);
    g_assert_cmpstr(error->message, ==, "the fault");
    g_assert_true(directory_servers_may_try(alone, 0, NULL));
    /* Nobody connects meanwhile, and what is said is the same. */
    const DirectorySettings settings = {
        .uri = both, .servers = servers, .bind_dn = (char *)"cn=x", .bind_password = (char *)"y"};
    g_autoptr(Directory) directory = directory_new(&settings, NULL);
    assert_away(directory, DIRECTORY_ERROR_AWAY, "the fault");
    directory_servers_works(servers, 0, true);
    directory_servers_works(servers, 1, true);
    g_assert_true(directory_servers_may_try(servers, 0, NULL));
    assert_away(directory, DIRECTORY_ERROR_AWAY, "not reachable");
}

/* --- servers that take no changes --- */

#define MARK "# The most the database may grow to"
#define CONSUMER                                                                                   \
    "syncrepl rid=1 provider=ldap://127.0.0.1:1 type=refreshAndPersist bindmethod=simple "         \
    "searchbase=\"dc=example,dc=org\" retry=\"3600 +\"\n"

static const struct {
    const char *lines, *words;
    int code;
} copies[] = {
    {CONSUMER "updateref ldap://writable.example.org/\n", "points to another server (writable.",
     DIRECTORY_ERROR_COPY},
    {CONSUMER, "not willing", DIRECTORY_ERROR_AWAY},
    {"readonly on\n", "not willing", DIRECTORY_ERROR_AWAY},
};

static void test_copy(Case *one, gconstpointer data)
{
    (void)data;
    for (gsize i = 0; i < G_N_ELEMENTS(copies); i++) {
        static const char *const domains[] = {"example.org", NULL};
        g_autoptr(SlapdFixture) copy = slapd_fixture_new(domains);
        g_autofree char *lines = g_strconcat(copies[i].lines, MARK, NULL);
        g_autofree char *list = g_strconcat(copy->uri, " ", one->slapd->uri, NULL);
        DirectorySettings settings = one->slapd->settings, alone = copy->settings;
        g_autoptr(GError) error = NULL;
        slapd_fixture_configure(copy, MARK, lines);
        /* Alone it is asked, and what is changed says it. */
        g_autoptr(Directory) reading = directory_new(&alone, NULL);
        g_assert_cmpint(exists(reading, "a"), ==, ANSWER_NO);
        g_assert_cmpint(directory_can_change(reading, &error), ==, ANSWER_UNKNOWN);
        assert_holds(error->message, copies[i].words);
        g_clear_error(&error);
        g_autoptr(GPtrArray) changes = changes_new();
        g_autoptr(GPtrArray) writes = writes_new();
        put(changes, writes, add_of("a"));
        g_assert_cmpint(directory_apply(reading, writes, &error), ==, ANSWER_UNKNOWN);
        g_assert_error(error, DIRECTORY_ERROR, copies[i].code);
        assert_holds(error->message, copies[i].words);
        /* Of several it is passed over. */
        settings.uri = list;
        settings.bind_dn = NULL;
        settings.bind_password = NULL;
        g_autoptr(Directory) directory = directory_new(&settings, NULL);
        g_clear_error(&error);
        g_assert_cmpstr(directory_server(directory, &error), ==, one->slapd->uri);
        g_assert_no_error(error);
    }
}

/* To ask whether changes are taken changes nothing, and the service's own login may ask. */
static void test_can_change(Case *one, gconstpointer data)
{
    DirectorySettings settings = one->slapd->settings;
    static const char *const stamp[] = {"entryCSN", NULL};
    g_autoptr(Entry) before = NULL, after = NULL;
    (void)data;
    g_assert_cmpint(directory_read(one->directory, one->slapd->base, stamp, &before, NULL), ==,
                    ANSWER_YES);
    g_assert_cmpint(directory_can_change(one->directory, NULL), ==, ANSWER_YES);
    settings.bind_dn = one->slapd->service_dn;
    g_autoptr(Directory) service = directory_new(&settings, NULL);
    g_assert_cmpint(directory_can_change(service, NULL), ==, ANSWER_YES);
    g_assert_cmpint(directory_read(one->directory, one->slapd->base, stamp, &after, NULL), ==,
                    ANSWER_YES);
    g_assert_cmpstr(entry_value(before, "entryCSN"), ==, entry_value(after, "entryCSN"));
}

/* --- certificates --- */

static bool openssl(const char *folder, const char *arguments)
{
    g_autofree char *command = g_strconcat("openssl ", arguments, NULL);
    g_auto(GStrv) argv = NULL;
    int status = 1;
    return g_shell_parse_argv(command, NULL, &argv, NULL) &&
           g_spawn_sync(folder, argv, NULL,
                        G_SPAWN_SEARCH_PATH | G_SPAWN_STDOUT_TO_DEV_NULL |
                            G_SPAWN_STDERR_TO_DEV_NULL,
                        NULL, NULL, NULL, NULL, &status, NULL) &&
           status == 0;
}

#define KEY "-newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes "

/* name.pem and name.key in folder; by "ca" unless it is an authority itself. */
static bool certify(const char *folder, const char *name, const char *subject, int days)
{
    g_autofree char *request = NULL, *sign = NULL, *more = NULL, *path = NULL;
    if (subject == NULL) {
        request = g_strdup_printf("req -x509 " KEY "-subj /CN=%s -days 2 -keyout %s.key -out "
                                  "%s.pem",
                                  name, name, name);
        return openssl(folder, request);
    }
    path = g_build_filename(folder, "names", NULL);
    more = g_strdup_printf("subjectAltName=%s\n", subject);
    request = g_strdup_printf("req " KEY "-subj /CN=server -keyout %s.key -out request", name);
    sign = g_strdup_printf("x509 -req -in request -CA ca.pem -CAkey ca.key -CAcreateserial "
                           "-extfile names -days %d -out %s.pem",
                           days, name);
    return g_file_set_contents(path, more, -1, NULL) && openssl(folder, request) &&
           openssl(folder, sign);
}

static const struct {
    const char *name, *subject;
    int days;
    const char *authority, *words; /* NULL: taken */
} certificates[] = {
    {"good", "IP:127.0.0.1", 2, "ca", NULL},
    {"expired", "IP:127.0.0.1", -1, "ca", "certificate has expired on 20"},
    {"other-name", "DNS:ldap.example.org", 2, "ca", "made out to the name 127.0.0.1"},
    {"unknown", "IP:127.0.0.1", 2, "other", "signed by an authority of ca_file"},
};

/* A certificate is taken or refused in words; the password is sent to nobody else. */
static void test_certificates(Case *one, gconstpointer data)
{
    const char *folder = one->slapd->folder;
    g_autofree char *lines = g_strdup_printf("TLSCertificateFile %s/use.pem\n"
                                             "TLSCertificateKeyFile %s/use.key\n\ndatabase mdb",
                                             folder, folder);
    (void)data;
    if (!certify(folder, "ca", NULL, 2) || !certify(folder, "other", NULL, 2)) {
        g_test_skip("no openssl to make certificates with");
        return;
    }
    for (gsize i = 0; i < G_N_ELEMENTS(certificates); i++) {
        DirectorySettings settings = one->slapd->settings;
        g_autofree char *file = g_strdup_printf("%s/%s.pem", folder, certificates[i].authority);
        g_assert_true(certify(folder, "use", certificates[i].subject, certificates[i].days));
        slapd_fixture_configure(one->slapd, "database mdb", i == 0 ? lines : "database mdb");
        settings.uri = one->slapd->tcp_uri;
        settings.starttls = true;
        settings.ca_file = file;
        g_test_message("%s", certificates[i].name);
        g_autoptr(Directory) directory = directory_new(&settings, NULL);
        if (certificates[i].words == NULL)
            assert_at(directory, settings.uri);
        else
            assert_away(directory, DIRECTORY_ERROR_SETTINGS, certificates[i].words);
    }
}

/* Without a certificate the server knows no StartTLS; its port does not speak TLS either. */
static void test_no_tls(Case *one, gconstpointer data)
{
    static const char *const words[] = {"refuses StartTLS", "does not speak TLS"};
    (void)data;
    for (gsize i = 0; i < G_N_ELEMENTS(words); i++) {
        DirectorySettings settings = one->slapd->settings;
        g_autofree char *uri =
            g_strconcat(i == 0 ? "ldap:" : "ldaps:", strstr(one->slapd->tcp_uri, "//"), NULL);
        settings.uri = uri;
        settings.starttls = i == 0;
        g_autoptr(Directory) directory = directory_new(&settings, NULL);
        assert_away(directory, DIRECTORY_ERROR_SETTINGS, words[i]);
    }
}

int main(int argc, char **argv)
{
    static const DirectoryCase cases[] = {
        {"/directory-servers/order", test_order, NULL},
        {"/directory-servers/first-dead", test_first_dead, NULL},
        {"/directory-servers/stays", test_stays, NULL},
        {"/directory-servers/goes-on", test_goes_on, NULL},
        {"/directory-servers/copy", test_copy, NULL},
        {"/directory-servers/can-change", test_can_change, NULL},
        {"/directory-servers/certificates", test_certificates, NULL},
        {"/directory-servers/no-tls", test_no_tls, NULL},
    };
    begin_cases(&argc, &argv);
    g_test_add_func("/directory-servers/all-dead", test_all_dead);
    g_test_add_func("/directory-servers/pause", test_pause);
    g_test_add_func("/directory-servers/pause-anew", test_pause_anew);
    g_test_add_func("/directory-servers/pauses", test_pauses);
    return run_cases(cases, G_N_ELEMENTS(cases));
}
