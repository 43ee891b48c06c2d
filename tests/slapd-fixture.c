/* SPDX-License-Identifier: MIT */
#include "tests/slapd-fixture.h"

#include <errno.h>
#include <gio/gio.h>
#include <glib/gstdio.h>
#include <netinet/in.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

/* Longest wait for a start, in steps of POLL_USEC. */
#define POLL_STEPS 3000
#define POLL_USEC 5000
/* How often a start is tried again because somebody else took the port. */
#define PORT_TRIES 5

#define BASE "dc=example,dc=org"

/* --- files --- */

static char *shipped(const char *folder, const char *name)
{
    return g_test_build_filename(G_TEST_DIST, "policy", folder, name, NULL);
}

static char *shipped_text(const char *folder, const char *name)
{
    g_autofree char *path = shipped(folder, name);
    g_autoptr(GError) error = NULL;
    char *text = NULL;
    if (!g_file_get_contents(path, &text, NULL, &error))
        g_error("%s", error->message);
    return text;
}

static void write_file(const char *path, const char *text)
{
    g_autoptr(GError) error = NULL;
    /* Without CONSISTENT the end of a longer one before would stay. */
    if (!g_file_set_contents_full(path, text, -1, G_FILE_SET_CONTENTS_CONSISTENT, 0600, &error))
        g_error("%s", error->message);
}

static char *in_folder(const SlapdFixture *fixture, const char *name)
{
    return g_build_filename(fixture->folder, name, NULL);
}

static void remove_folder(const char *path)
{
    g_autoptr(GDir) dir = g_dir_open(path, 0, NULL);
    const char *name;
    while (dir != NULL && (name = g_dir_read_name(dir)) != NULL) {
        g_autofree char *child = g_build_filename(path, name, NULL);
        if (g_unlink(child) != 0)
            remove_folder(child);
    }
    g_rmdir(path);
}

static void fill_in(const SlapdFixture *fixture, GString *text)
{
    g_autofree char *schema = g_test_build_filename(G_TEST_DIST, "policy", "schema", NULL);
    g_autofree char *data = in_folder(fixture, "data");
    const char *const values[][2] = {
        {"@BASE@", fixture->base},
        {"@DC@", "example"},
        {"@ROOTPW@", fixture->root_password},
        {"@SERVICEPW@", fixture->root_password},
        {"@MAILPW@", fixture->root_password},
        {"@SCHEMA@", schema},
        {"@DATA@", data},
        {"@RUN@", fixture->folder},
    };
    for (guint i = 0; i < G_N_ELEMENTS(values); i++)
        g_string_replace(text, values[i][0], values[i][1], 0);
}

/* The shipped example; only the syncs are left out. */
static void write_configuration(const SlapdFixture *fixture, bool policy)
{
    g_autofree char *path = in_folder(fixture, "slapd.conf");
    g_autofree char *text = shipped_text("openldap", "slapd.conf");
    g_autoptr(GString) conf = g_string_new(text);
    if (policy)
        g_string_replace(conf, "\nmoduleload argon2\n",
                         "\nmoduleload argon2\nmoduleload ppolicy\npassword-hash {SSHA256}\n", 1);
    fill_in(fixture, conf);
    g_string_append(conf, "dbnosync\n");
    if (policy)
        g_string_append_printf(conf, "overlay ppolicy\nppolicy_default \"cn=policy,%s\"\n",
                               fixture->base);
    write_file(path, conf->str);
}

/* The shipped base, its example domain once for each of domains. */
static void write_base(const SlapdFixture *fixture, const char *path, const char *const *domains)
{
    g_autofree char *text = shipped_text("openldap", "base.ldif");
    char *domain_entry = strstr(text, "dn: ou=@DOMAIN@");
    g_autoptr(GString) ldif = NULL;
    g_assert_nonnull(domain_entry);
    ldif = g_string_new_len(text, domain_entry - text);
    for (guint i = 0; domains != NULL && domains[i] != NULL; i++) {
        g_autoptr(GString) one = g_string_new(domain_entry);
        g_string_replace(one, "@DOMAIN@", domains[i], 0);
        g_string_append_printf(ldif, "%s\n", one->str);
    }
    fill_in(fixture, ldif);
    write_file(path, ldif->str);
}

/* --- processes --- */

static char *find_program(const char *name)
{
    char *path = g_find_program_in_path(name);
    return path != NULL ? path : g_build_filename("/usr/sbin", name, NULL);
}

static void run(const char *const *command)
{
    g_autofree char *program = find_program(command[0]);
    g_autofree char *errors = NULL;
    g_autoptr(GError) error = NULL;
    int status;
    g_autoptr(GPtrArray) argv = g_ptr_array_new();
    g_ptr_array_add(argv, program);
    for (guint i = 1; command[i] != NULL; i++)
        g_ptr_array_add(argv, (char *)command[i]);
    g_ptr_array_add(argv, NULL);
    if (!g_spawn_sync(NULL, (char **)argv->pdata, NULL, G_SPAWN_STDOUT_TO_DEV_NULL, NULL, NULL,
                      NULL, &errors, &status, &error) ||
        !g_spawn_check_wait_status(status, &error))
        g_error("%s: %s: %s", command[0], error->message, errors != NULL ? errors : "");
}

static void die_with_parent(gpointer data)
{
    (void)data;
    prctl(PR_SET_PDEATHSIG, SIGKILL);
}

/* A port that was free a moment ago. */
static unsigned free_port(void)
{
    struct sockaddr_in address = {.sin_family = AF_INET};
    socklen_t length = sizeof address;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    g_assert_cmpint(fd, >=, 0);
    g_assert_cmpint(bind(fd, (struct sockaddr *)&address, length), ==, 0);
    g_assert_cmpint(getsockname(fd, (struct sockaddr *)&address, &length), ==, 0);
    close(fd);
    return ntohs(address.sin_port);
}

static bool socket_answers(const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    bool answers;
    g_assert_cmpuint(g_strlcpy(address.sun_path, path, sizeof address.sun_path), <,
                     sizeof address.sun_path);
    answers = connect(fd, (struct sockaddr *)&address, sizeof address) == 0;
    close(fd);
    return answers;
}

static void spawn_slapd(SlapdFixture *fixture)
{
    g_autofree char *program = find_program("slapd");
    g_autofree char *conf = in_folder(fixture, "slapd.conf");
    /* It listens in this order: once the socket answers, the port does, too. */
    g_autofree char *urls = g_strdup_printf("%s %s", fixture->tcp_uri, fixture->uri);
    g_autoptr(GError) error = NULL;
    char *argv[] = {program, (char *)"-f", conf,        (char *)"-h",
                    urls,    (char *)"-d", (char *)"0", NULL};
    if (!g_spawn_async(NULL, argv, NULL,
                       G_SPAWN_DO_NOT_REAP_CHILD | G_SPAWN_STDOUT_TO_DEV_NULL |
                           G_SPAWN_STDERR_TO_DEV_NULL,
                       die_with_parent, NULL, &fixture->pid, &error))
        g_error("%s", error->message);
}

/* false: it ended by itself, most likely because the port was taken meanwhile. */
static bool wait_for_slapd(SlapdFixture *fixture)
{
    g_autofree char *socket_path = in_folder(fixture, "i");
    for (unsigned i = 0; i < POLL_STEPS; i++) {
        int status;
        if (waitpid(fixture->pid, &status, WNOHANG) == fixture->pid) {
            fixture->pid = 0;
            return false;
        }
        if (socket_answers(socket_path))
            return true;
        g_usleep(POLL_USEC);
    }
    g_error("slapd does not answer");
}

void slapd_fixture_restart(SlapdFixture *fixture)
{
    g_autofree char *socket_path = in_folder(fixture, "i");
    g_assert_cmpint(fixture->pid, ==, 0);
    for (unsigned i = 0; i < PORT_TRIES; i++) {
        g_unlink(socket_path);
        g_free(fixture->tcp_uri);
        fixture->tcp_uri = g_strdup_printf("ldap://127.0.0.1:%u", free_port());
        spawn_slapd(fixture);
        if (wait_for_slapd(fixture))
            return;
    }
    g_error("slapd does not start with %s/slapd.conf", fixture->folder);
}

void slapd_fixture_kill(SlapdFixture *fixture)
{
    int status;
    if (fixture->pid == 0)
        return;
    kill(fixture->pid, SIGKILL);
    while (waitpid(fixture->pid, &status, 0) < 0 && errno == EINTR)
        ;
    fixture->pid = 0;
}

/* --- the whole --- */

static void make_folder(SlapdFixture *fixture)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *data = NULL;
    g_autofree char *socket_path = NULL;
    g_autofree char *escaped = NULL;
    fixture->folder = g_dir_make_tmp("bl-XXXXXX", &error);
    if (fixture->folder == NULL)
        g_error("%s", error->message);
    g_assert_cmpint(g_chmod(fixture->folder, 0711), ==, 0);
    data = in_folder(fixture, "data");
    g_assert_cmpint(g_mkdir(data, 0700), ==, 0);
    socket_path = in_folder(fixture, "i");
    escaped = g_uri_escape_string(socket_path, NULL, FALSE);
    fixture->uri = g_strconcat("ldapi://", escaped, NULL);
}

/* --- directories of other profiles --- */

static char *of_schema(const char *profile, const char *suffix)
{
    g_autofree char *name = g_strconcat(profile, suffix, NULL);
    return g_test_build_filename(G_TEST_DIST, "test-fixtures", "schema", name, NULL);
}

/* Schema and indexes of the profile beside ours. */
static void add_schema(const SlapdFixture *fixture, const char *profile)
{
    g_autofree char *path = in_folder(fixture, "slapd.conf");
    g_autofree char *text = NULL, *schema = of_schema(profile, ".schema");
    g_autofree char *include = g_strdup_printf(
        "include /etc/ldap/schema/inetorgperson.schema\ninclude /etc/ldap/schema/nis.schema\n"
        "include %s\n",
        schema);
    g_assert_true(g_file_get_contents(path, &text, NULL, NULL));
    g_autoptr(GString) conf = g_string_new(text);
    g_assert_cmpuint(
        g_string_replace(conf, "include /etc/ldap/schema/inetorgperson.schema\n", include, 0), ==,
        1);
    write_file(path, conf->str);
}

/* The entries before the first "@DOMAIN@" once, and those with it for each domain. */
static void add_site(const SlapdFixture *fixture, const char *path, const char *profile,
                     const char *const *domains, const char *password)
{
    g_autofree char *source = of_schema(profile, ".ldif"), *text = NULL, *base = NULL;
    g_assert_true(g_file_get_contents(source, &text, NULL, NULL));
    g_assert_true(g_file_get_contents(path, &base, NULL, NULL));
    g_auto(GStrv) entries = g_strsplit(text, "\n\n", -1);
    g_autoptr(GString) ldif = g_string_new(base);
    for (char **entry = entries; *entry != NULL; entry++) {
        const bool each = strstr(*entry, "@DOMAIN@") != NULL;
        for (guint i = 0; each ? domains[i] != NULL : i == 0; i++) {
            g_autoptr(GString) one = g_string_new(*entry);
            g_string_replace(one, "@DOMAIN@", domains[i], 0);
            g_string_replace(one, "@ADMINPW@", password, 0);
            g_string_append_printf(ldif, "\n%s\n", g_strchomp(one->str));
        }
    }
    fill_in(fixture, ldif);
    write_file(path, ldif->str);
}

static SlapdFixture *make_fixture(const char *const *domains, bool policy, const char *name,
                                  const char *password)
{
    SlapdFixture *fixture = g_new0(SlapdFixture, 1);
    g_autofree char *file = g_strconcat(name, ".conf", NULL);
    g_autofree char *profile = shipped("profiles", file);
    const bool other = !g_str_equal(name, "default");
    g_autofree char *conf = NULL;
    g_autofree char *ldif = NULL;
    g_autoptr(GError) error = NULL;
    make_folder(fixture);
    fixture->base = g_strdup(BASE);
    fixture->root_dn = g_strdup("cn=admin," BASE);
    fixture->service_dn = g_strdup("cn=batchload,ou=services," BASE);
    fixture->root_password = g_uuid_string_random();
    conf = in_folder(fixture, "slapd.conf");
    ldif = in_folder(fixture, "base.ldif");
    write_configuration(fixture, policy);
    write_base(fixture, ldif, other ? NULL : domains);
    if (other) {
        add_schema(fixture, name);
        add_site(fixture, ldif, name, domains, password);
    }
    run((const char *const[]){"slapadd", "-q", "-f", conf, "-l", ldif, NULL});
    slapd_fixture_restart(fixture);

    fixture->settings = (DirectorySettings){
        .uri = fixture->uri,
        .base = fixture->base,
        .bind_dn = fixture->root_dn,
        .bind_password = fixture->root_password,
        .connect_seconds = 5,
        .answer_seconds = 15,
        .window = 64,
    };
    fixture->profile = profile_load(profile, fixture->base, &error);
    if (fixture->profile == NULL)
        g_error("%s", error->message);
    fixture->profile_path = g_steal_pointer(&profile);
    return fixture;
}

SlapdFixture *slapd_fixture_of_profile(const char *profile, const char *const *domains,
                                       const char *admin_password)
{
    return make_fixture(domains, false, profile, admin_password);
}

SlapdFixture *slapd_fixture_new(const char *const *domains)
{
    return make_fixture(domains, false, "default", NULL);
}

SlapdFixture *slapd_fixture_with_policy(const char *const *domains, const char *policy)
{
    SlapdFixture *fixture = make_fixture(domains, true, "default", NULL);
    g_autofree char *ldif =
        g_strdup_printf("dn: cn=policy,%s\nobjectClass: device\nobjectClass: pwdPolicy\n"
                        "cn: policy\npwdAttribute: userPassword\n%s",
                        fixture->base, policy);
    slapd_fixture_ldif(fixture, ldif);
    fixture->settings.bind_dn = fixture->service_dn;
    return fixture;
}

void slapd_fixture_configure(SlapdFixture *fixture, const char *from, const char *to)
{
    g_autofree char *path = in_folder(fixture, "slapd.conf");
    g_autofree char *text = NULL;
    g_assert_true(g_file_get_contents(path, &text, NULL, NULL));
    g_autoptr(GString) conf = g_string_new(text);
    g_assert_cmpuint(g_string_replace(conf, from, to, 0), >, 0);
    write_file(path, conf->str);
    slapd_fixture_kill(fixture);
    slapd_fixture_restart(fixture);
}

void slapd_fixture_free(SlapdFixture *fixture)
{
    if (fixture == NULL)
        return;
    slapd_fixture_kill(fixture);
    remove_folder(fixture->folder);
    profile_free(fixture->profile);
    g_free(fixture->profile_path);
    g_free(fixture->folder);
    g_free(fixture->uri);
    g_free(fixture->tcp_uri);
    g_free(fixture->base);
    g_free(fixture->root_dn);
    g_free(fixture->service_dn);
    g_free(fixture->root_password);
    g_free(fixture);
}

void slapd_fixture_ldif(SlapdFixture *fixture, const char *ldif)
{
    g_autofree char *file = in_folder(fixture, "more.ldif");
    g_autofree char *password = in_folder(fixture, "password");
    write_file(file, ldif);
    write_file(password, fixture->root_password);
    run((const char *const[]){"ldapadd", "-x", "-H", fixture->uri, "-D", fixture->root_dn, "-y",
                              password, "-f", file, NULL});
}
