/* SPDX-License-Identifier: MIT */
#include "lib/config.h"

#include "lib/password.h"

#include <glib/gstdio.h>
#include <string.h>

#define PROFILE "profile = \"@PROFILE@\"\n"
#define ADDRESSES "batch_addresses = { \"Batch_Load@Example.COM\" }\n"
#define DIRECTORY "directory {\n base = \"dc=example,dc=com\"\n}\n"
#define LEAST PROFILE ADDRESSES DIRECTORY

static char *folder;

static char *in_folder(const char *name)
{
    return g_build_filename(folder, name, NULL);
}

/* Writes text with @PROFILE@ and @FOLDER@ filled in, and loads it. */
static Config *load(const char *text, GError **error)
{
    g_autofree char *path = in_folder("batchload.conf");
    g_autofree char *profile =
        g_test_build_filename(G_TEST_DIST, "policy", "profiles", "default.conf", NULL);
    g_autoptr(GString) whole = g_string_new(text);

    g_string_replace(whole, "@PROFILE@", profile, 0);
    g_string_replace(whole, "@FOLDER@", folder, 0);
    g_assert_true(g_file_set_contents(path, whole->str, -1, NULL));
    return config_load(path, error);
}

static void test_defaults(void)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(Config) config = load(LEAST, &error);

    g_assert_no_error(error);
    g_assert_cmpstr(config->batch_addresses[0], ==, "batch_load@example.com");
    g_assert_null(config->batch_addresses[1]);
    g_assert_cmpstr(config->socket, ==, "unix:/run/batchload/milter");
    g_assert_cmpuint(config->socket_mode, ==, 0660);
    g_assert_null(config->user);
    g_assert_cmpint(config->log, ==, LOG_TO_SYSLOG);
    g_assert_cmpuint(config->workers, ==, 4);
    g_assert_false(config->wrong_subject_reject);
    g_assert_true(g_strv_contains((const char *const *)config->reserved_addresses, "postmaster"));
    g_assert_true(config->rules.modify_requires_password);
    g_assert_cmpuint(config->rules.hash_schemes, ==,
                     PASSWORD_CRYPT_SHA512 | PASSWORD_CRYPT_YESCRYPT | PASSWORD_ARGON2 |
                         PASSWORD_SSHA512);
    g_assert_cmpint(config->password_scheme, ==, PASSWORD_SCHEME_SHA512);
    g_assert_cmpuint(config->request.message_bytes_max, ==, 64 << 20);
    g_assert_cmpuint(config->request.attachment_bytes_max, ==, 48 << 20);
    g_assert_cmpuint(config->table.bytes_max, ==, 48 << 20);
    g_assert_cmpuint(config->table.field_bytes_max, ==, 65536);
    g_assert_cmpuint(config->slice_rows, ==, 500);
    g_assert_cmpuint(config->proof_wait, ==, 5 * 86400);
    g_assert_cmpuint(config->refusal_pause, ==, 2);
    g_assert_cmpuint(config->refusals_per_hour, ==, 20);
    g_assert_cmpuint(config->lockout.after, ==, 10);
    g_assert_cmpuint(config->lockout.seconds, ==, 3600);
    g_assert_cmpuint(config->lockout.pause, ==, 1);
    g_assert_cmpuint(config->lockout.pairs_max, ==, 10000);
    g_assert_cmpuint(config->spool.client_jobs_max, ==, 3000);
    g_assert_cmpuint(config->spool.requester_jobs_max, ==, 2000);
    g_assert_cmpuint(config->list_members_max, ==, 1000);
    g_assert_cmpuint(config->spool.bytes_max, ==, G_GUINT64_CONSTANT(4) << 30);
    g_assert_cmpuint(config->spool.free_min, ==, 64 << 20);
    g_assert_cmpuint(config->spool.keep_days, ==, 30);
    g_assert_cmpuint(config->spool.unproven_records_max, ==, 10000);
    g_assert_cmpuint(config->spool.audit_days, ==, 365);
    g_assert_cmpstr(config->directory.uri, ==, "ldapi:///");
    g_assert_null(config->directory.bind_password);
    g_assert_cmpuint(config->directory.window, ==, 64);
    g_assert_cmpstr(config->submit.target, ==, "smtp://127.0.0.1:10026");
    g_assert_nonnull(config->profile);
}

static const char everything[] =
    "version = 1\n" PROFILE "batch_addresses = { \"a@example.com\", \"b@m\xc3\xbcller.de\" }\n"
    "sender_table = \"texthash:/tmp/senders\"\n"
    "wrong_subject = reject # no quotes needed\n"
    "reserved_addresses = { \"Root\" }\n"
    "socket = \"inet:8899@127.0.0.1\"\nsocket_mode = 0600\nsocket_group = \"mail\"\n"
    "user = \"nobody\"\nlog = \"file:/var/log/batchload\"\nworkers = 2\nparser = \"/x/parse\"\n"
    "modify_requires_password = no\nhash_schemes = { \"{ssha512}\" }\nslice_rows = 5000\n"
    "password_scheme = \"{argon2}\"\n"
    "proof_wait = 2w\nrefusal_pause = 0\n"
    "submit = \"sendmail:/usr/sbin/sendmail\"\nsubmit_helo = \"mx.example.com\"\n"
    "submit_seconds = 2m\n"
    "limits {\n rows_max = 7\n header_bytes_max = 2K\n parser_memory_max = 1G\n}\n"
    "spool {\n directory = \"/s\"\n key_file = \"/k\"\n jobs_max = 3\n bytes_max = 2097152\n}\n"
    "directory {\n uri = \"ldap://127.0.0.1:3890\"\n base = \"dc=x\"\n bind_dn = \"cn=b,dc=x\"\n"
    " bind_password_file = \"@FOLDER@/password\"\n starttls = yes\n ca_file = \"@PROFILE@\"\n"
    " connect_seconds = 9\n answer_seconds = 1m\n window = 1\n}\n";

static void test_everything(void)
{
    g_autofree char *path = in_folder("password");
    g_autoptr(GError) error = NULL;
    g_autoptr(Config) config = NULL;

    g_assert_true(g_file_set_contents(path, " two words \r\n", -1, NULL));
    g_assert_cmpint(g_chmod(path, 0640), ==, 0);
    config = load(everything, &error);
    g_assert_no_error(error);
    g_assert_cmpstr(config->batch_addresses[1], ==, "b@xn--mller-kva.de");
    g_assert_true(config->wrong_subject_reject);
    g_assert_cmpstr(config->reserved_addresses[0], ==, "root");
    g_assert_cmpstr(config->socket, ==, "inet:8899@127.0.0.1");
    g_assert_cmpuint(config->socket_mode, ==, 0600);
    g_assert_cmpstr(config->socket_group, ==, "mail");
    g_assert_cmpstr(config->user, ==, "nobody");
    g_assert_cmpint(config->log, ==, LOG_TO_FILE);
    g_assert_cmpstr(config->log_file, ==, "/var/log/batchload");
    g_assert_cmpstr(config->parser, ==, "/x/parse");
    g_assert_false(config->rules.modify_requires_password);
    g_assert_cmpuint(config->rules.hash_schemes, ==, PASSWORD_SSHA512);
    g_assert_cmpint(config->password_scheme, ==, PASSWORD_SCHEME_ARGON2);
    g_assert_cmpuint(config->slice_rows, ==, 5000);
    g_assert_cmpuint(config->proof_wait, ==, 14 * 86400);
    g_assert_cmpuint(config->refusal_pause, ==, 0);
    g_assert_cmpstr(config->submit.target, ==, "sendmail:/usr/sbin/sendmail");
    g_assert_cmpstr(config->submit.helo, ==, "mx.example.com");
    g_assert_cmpuint(config->submit.seconds, ==, 120);
    g_assert_cmpuint(config->table.rows_max, ==, 7);
    g_assert_cmpuint(config->request.header_bytes_max, ==, 2048);
    g_assert_cmpuint(config->request.parser_memory_max, ==, 1 << 30);
    g_assert_cmpstr(config->spool.directory, ==, "/s");
    g_assert_cmpuint(config->spool.bytes_max, ==, 2 << 20);
    g_assert_cmpstr(config->directory.bind_password, ==, " two words ");
    g_assert_true(config->directory.starttls);
    g_assert_cmpuint(config->directory.answer_seconds, ==, 60);
    g_assert_cmpuint(config->directory.window, ==, 1);
    g_unlink(path);
}

/* Each is refused; the message has file, line (0: none) and the words. */
static const struct {
    const char *text;
    int line;
    const char *words;
} bad[] = {
    {"version = 2\n" LEAST, 1, "newer program"},
    {"version = x\n" LEAST, 1, "a version is a number"},
    {"\n\nbatch_adresses = { \"a@b.c\" }\n" LEAST, 3,
     "there is no setting batch_adresses; did you mean batch_addresses?"},
    {"limits {\n rows = 5\n}\n" LEAST, 2, "there is no setting rows in section limits"},
    {"limits {\n row_max = 5\n}\n" LEAST, 2, "in section limits; did you mean rows_max?"},
    {"database {\n}\n" LEAST, 1, "there is no setting database"},
    {"spol {\n}\n" LEAST, 1, "did you mean spool?"},
    {"base = \"dc=x\"\n" LEAST, 1, "base belongs into section directory"},
    {"spool {\n workers = 4\n}\n" LEAST, 2, "workers belongs outside of any section"},
    {"spool {\n rows_max = 4\n}\n" LEAST, 2, "rows_max belongs into section limits"},
    {"spool {\n jobs_max = 4\n" LEAST, 1, "a } is missing"},
    {PROFILE ADDRESSES "directory {\n base = \"dc=x\"\n", 3, "a } is missing"},
    {PROFILE "/* { */ // {\n# {\nuser = \"{\"\nhash_schemes = {\n \"{ARGON2}\"\n", 5,
     "a } is missing"},
    {"user = open\"\nworkers = 2\n" LEAST, 1, "a quote opens here"},
    {"/* don't\n */\nuser = \"a\n b\"\n" LEAST, 3, "a quote opens here"},
    {PROFILE ADDRESSES "directory {\n base = \"example\"\n}\n", 4, "base: \"example\" is no name"},
    {PROFILE ADDRESSES "directory {\n base = \"dc=x\"\n bind_dn = \"batchload\"\n}\n", 5,
     "bind_dn: \"batchload\" is no name"},
    {"refusals_per_hour = 0\n" LEAST, 1, "from 1 to 100000"},
    {"lockout_after = 0\n" LEAST, 1, "from 1 to 100000"},
    {"login_map = logins\n" LEAST, 1, "login_map"},
    {"authserv_trusted = yes\n" LEAST, 1, "authserv_id is not set"},
    {"lockout_pairs_max = 9\n" LEAST, 1, "from 10"},
    {PROFILE DIRECTORY, 0, "batch_addresses is not set"},
    {PROFILE DIRECTORY "batch_addresses = { }\n", 0, "at least one"},
    {LEAST "batch_addresses = { \"c@example.com\" }\n", 6, "twice"},
    {LEAST "batch_addresses = { }\n", 0, "twice"},
    {PROFILE DIRECTORY "batch_addresses = { \"batch_load\" }\n", 5, "full address"},
    {PROFILE DIRECTORY "batch_addresses = { \"@example.com\" }\n", 5, "full address"},
    {PROFILE ADDRESSES, 0, "base in section directory is not set"},
    {"workers = 0\n" LEAST, 1, "from 1 to 64"},
    {"workers = 65\n" LEAST, 1, "from 1 to 64"},
    {"workers = -1\n" LEAST, 1, "not a number"},
    {"workers = 4k\n" LEAST, 1, "not a number"},
    {"workers = \"\"\n" LEAST, 1, "empty"},
    {"workers = 4\nworkers = 5\n" LEAST, 2, "twice"},
    {"slice_rows = 5001\n" LEAST, 1, "from 1 to 5000"},
    {"socket = \"unix:run/x\"\n" LEAST, 1, "path from the root"},
    {"socket = \"inet:99999@localhost\"\n" LEAST, 1, "inet:PORT@HOST"},
    {"socket = \"local:/x\"\n" LEAST, 1, "unix:/PATH"},
    {"socket_mode = 0980\n" LEAST, 1, "octal"},
    {"socket_mode = 7777\n" LEAST, 1, "octal"},
    {"log = \"file:log\"\n" LEAST, 1, "syslog, stderr or file:/PATH"},
    {"parser = \"batchload-parse\"\n" LEAST, 1, "path from the root"},
    {"sender_table = \"/etc/senders\"\n" LEAST, 1, "TYPE:NAME"},
    {"wrong_subject = bounce\n" LEAST, 1, "ignore or reject"},
    {"reserved_addresses = { \"a@b.c\" }\n" LEAST, 1, "user part"},
    {"modify_requires_password = maybe\n" LEAST, 1, "yes or no"},
    {"hash_schemes = { \"{SASL}\" }\n" LEAST, 1, "{SASL}"},
    {"hash_schemes = { \"{CLEARTEXT}\" }\n" LEAST, 1, "{CLEARTEXT}"},
    {"password_scheme = \"{SSHA}\"\n" LEAST, 1, "not one of {CRYPT}$6$"},
    {"password_scheme = \"{CRYPT}\"\n" LEAST, 1, "{SSHA512}, server"},
    {"hash_schemes = { \"server\" }\n" LEAST, 1, "not one of {CRYPT}$6$"},
    {"proof_wait = 5y\n" LEAST, 1, "not a number, nor one with s, m, h, d or w behind it"},
    {"proof_wait = 1s\n" LEAST, 1, "out of range; it must be from 1m to 365d"},
    {"compress_above = 5MB\n" LEAST, 1,
     "\"5MB\" is not a number, nor one with k, M or G behind it"},
    {"compress_above = big\n" LEAST, 1, "\"big\" is not a number"},
    {"compress_above = 5G\n" LEAST, 1, "5G is out of range; it must be from 0 to 4G"},
    {"compress_abov = 5M\n" LEAST, 1, "did you mean compress_above?"},
    {"limits {\n compres_above = 5M\n}\n" LEAST, 2,
     "no setting compres_above in section limits; did you mean compress_above outside of any"},
    {"wimdow = 64\n" LEAST, 1, "no setting wimdow; did you mean window in section directory?"},
    {"proof_wait = 99999999999999999999d\n" LEAST, 1, "not a number"},
    {"submit = \"http://localhost\"\n" LEAST, 1, "smtp://HOST:PORT"},
    {"submit = \"sendmail:sendmail -t\"\n" LEAST, 1, "sendmail:/PATH"},
    {"submit = \"smtp://user:pw@localhost\"\n" LEAST, 1, "smtp://HOST:PORT"},
    {"submit = \"smtp://localhost/x\"\n" LEAST, 1, "smtp://HOST:PORT"},
    {"limits {\n message_bytes_max = 18446744073709551615G\n}\n" LEAST, 2, "range"},
    {"limits {\n message_bytes_max = 1M\n}\n" LEAST, 2, "attachment_bytes_max is more"},
    {"limits {\n columns_max = 3\n}\n" LEAST, 2, "from 4"},
    {"limits {\n rows_max = 5\n}\nlimits {\n rows_max = 6\n}\n" LEAST, 5, "twice"},
    {"spool {\n keep_days = 3\n}\n" LEAST, 2, "keep_days is less"},
    {"spool {\n audit_days = 0\n}\n" LEAST, 2, "from 1 to 36500"},
    {"spool {\n directory = \"spool\"\n}\n" LEAST, 2, "path from the root"},
    {PROFILE ADDRESSES "directory {\n base=\"dc=x\"\n uri = \"http://x\"\n}\n", 5, "ldapi://"},
    {PROFILE ADDRESSES "directory {\n base=\"dc=x\"\n uri = \"ldapi:/// http://b\"\n}\n", 5,
     "\"http://b\" begins with none of ldapi://"},
    {PROFILE ADDRESSES "directory {\n base=\"dc=x\"\n uri = \"ldapi:/// ldap://b\"\n}\n", 5,
     "Server 2: Passwords would cross the network in clear"},
    {PROFILE ADDRESSES
     "directory {\n base=\"dc=x\"\n uri = \"ldapi:///a/1,ldapi:///;ldap://x\"\n}\n",
     5, "Server 1: The directory's address has more in it"},
    {PROFILE ADDRESSES "directory {\n base=\"dc=x\"\n uri = \"ldapi:///1 ldapi:///2 ldapi:///3 "
                       "ldapi:///4 ldapi:///5 ldapi:///6 ldapi:///7 ldapi:///8 ldapi:///9\"\n}\n",
     5, "more than 8 addresses"},
    {PROFILE ADDRESSES "directory {\n base=\"dc=x\"\n same_data = both\n}\n", 5, "yes or no"},
    {PROFILE ADDRESSES "directory {\n base=\"dc=x\"\n same_date = yes\n}\n", 5,
     "in section directory; did you mean same_data?"},
    {PROFILE ADDRESSES "directory {\n base=\"dc=x\"\n ca_file = \"/nowhere/ca.pem\"\n}\n", 5,
     "ca_file can't be read: No such file"},
    {PROFILE ADDRESSES "directory {\n base=\"dc=x\"\n uri = \"ldap://localhost\"\n}\n", 5,
     "without bind_dn"},
    {PROFILE ADDRESSES "directory {\n base=\"dc=x\"\n bind_dn = \"cn=x\"\n}\n", 5,
     "belong together"},
    {PROFILE ADDRESSES "directory {\n base=\"dc=x\"\n window = 257\n}\n", 5, "from 1 to 256"},
    {PROFILE ADDRESSES "directory {\n base=\"dc=x\"\n window = 0\n}\n", 5, "from 1 to 256"},
    {PROFILE ADDRESSES "directory {\n base=\"dc=x\"\n window = 64k\n}\n", 5,
     "\"64k\" is not a number"},
    {PROFILE ADDRESSES "directory {\n base=\"dc=x\"\n windows = 64\n}\n", 5,
     "did you mean window?"},
    {"profile = \"@FOLDER@/none\"\n" ADDRESSES DIRECTORY, 0, "profile"},
    {"user = \"a\xff\"\n" LEAST, 1, "UTF-8"},
    {"workers 4\n" LEAST, 1, ""},
    {"workers =\n", 0, ""},
    {"limits {\n", 1, "a } is missing"},
    {"}\n", 1, ""},
    {LEAST "user = \"open", 6, "a quote opens here"},
    {"/* no end", 0, ""},
    {"batch_addresses = { \"a@b.c\", ", 1, "a } is missing"},
};

/* Whatever a bad file did to the parser, the next good one loads. */
static void test_bad(void)
{
    for (gsize i = 0; i < G_N_ELEMENTS(bad); i++) {
        g_autoptr(GError) error = NULL, none = NULL;
        g_autofree char *place = g_strdup_printf("batchload.conf:%d: ", bad[i].line);
        g_autoptr(Config) config = load(bad[i].text, &error), good = NULL;

        g_test_message("case %" G_GSIZE_FORMAT ": %s", i, error != NULL ? error->message : "-");
        g_assert_null(config);
        g_assert_true(error->domain == CONFIG_ERROR);
        g_assert_nonnull(strstr(error->message, bad[i].words));
        g_assert_null(strchr(error->message, '\n'));
        if (bad[i].line > 0)
            g_assert_nonnull(strstr(error->message, place));
        good = load(LEAST, &none);
        g_assert_no_error(none);
    }
}

/* The password's file: what it must be. */
static void test_password_file(void)
{
    static const struct {
        const char *text;
        int size;
        unsigned mode;
        const char *words; /* NULL: good */
    } rows[] = {
        {"secret\n", 7, 0600, NULL},   {"secret", 6, 0400, NULL}, {"secret\n", 7, 0604, "open"},
        {"", 0, 0600, "empty"},        {"\n", 1, 0600, "empty"},  {"a\nb\n", 4, 0600, "one line"},
        {"a\0b", 3, 0600, "one line"},
    };
    static const char text[] =
        PROFILE ADDRESSES "directory {\n base = \"dc=x\"\n bind_dn = \"cn=x\"\n"
                          " bind_password_file = \"@FOLDER@/password\"\n}\n";
    g_autofree char *path = in_folder("password");
    g_autoptr(GError) missing = NULL;

    for (gsize i = 0; i < G_N_ELEMENTS(rows); i++) {
        g_autoptr(GError) error = NULL;
        g_autoptr(Config) config = NULL;
        g_assert_true(g_file_set_contents(path, rows[i].text, rows[i].size, NULL));
        g_assert_cmpint(g_chmod(path, (int)rows[i].mode), ==, 0);
        config = load(text, &error);
        if (rows[i].words == NULL) {
            g_assert_no_error(error);
            g_assert_cmpstr(config->directory.bind_password, ==, "secret");
        } else {
            g_assert_error(error, CONFIG_ERROR, CONFIG_ERROR_FILE);
            g_assert_nonnull(strstr(error->message, rows[i].words));
        }
    }
    g_unlink(path);
    g_assert_null(load(text, &missing));
    g_assert_error(missing, CONFIG_ERROR, CONFIG_ERROR_FILE);
}

/* A password in clear to another host is refused when the file is read. */
static void test_clear_directory(void)
{
    static const char text[] =
        PROFILE ADDRESSES "directory {\n uri = \"ldap://ldap.example.com\"\n base = \"dc=x\"\n"
                          " bind_dn = \"cn=x\"\n bind_password_file = \"@FOLDER@/password\"\n}\n";
    g_autofree char *path = in_folder("password");
    g_autoptr(GError) error = NULL;

    g_assert_true(g_file_set_contents(path, "secret", -1, NULL));
    g_assert_cmpint(g_chmod(path, 0600), ==, 0);
    g_assert_null(load(text, &error));
    g_assert_error(error, CONFIG_ERROR, CONFIG_ERROR_SYNTAX);
    g_assert_null(strstr(error->message, "secret"));
    g_test_message("%s", error->message);
    g_unlink(path);
}

/* Who reads the file alone needs neither password nor profile. */
static void test_file_alone(void)
{
    g_autofree char *path = in_folder("batchload.conf");
    g_autoptr(Config) config = NULL;
    g_autoptr(GError) error = NULL;

    g_assert_true(g_file_set_contents(path,
                                      "profile = \"/none\"\nspool {\n directory = \"/s\"\n}\n"
                                      "directory {\n bind_password_file = \"/none\"\n}\n",
                                      -1, NULL));
    config = config_load_file(path, &error);
    g_assert_no_error(error);
    g_assert_cmpstr(config->spool.directory, ==, "/s");
    g_assert_cmpuint(config->workers, ==, 4);
    g_assert_null(config->profile);
    g_assert_null(config->directory.bind_password);
    g_assert_true(g_file_set_contents(path, "spol {\n}\n", -1, NULL));
    g_assert_null(config_load_file(path, &error));
    g_assert_error(error, CONFIG_ERROR, CONFIG_ERROR_SYNTAX);
    g_clear_error(&error);
    g_unlink(path);
    g_assert_null(config_load_file(path, &error));
    g_assert_error(error, CONFIG_ERROR, CONFIG_ERROR_FILE);
}

/* Who may write it decides what programs the daemon runs. */
static void test_writable_by_all(void)
{
    static const char text[] = "spool {\n directory = \"/s\"\n}\n";
    static const struct {
        int mode;
        bool good;
    } rows[] = {{0644, true}, {0664, true}, {0400, true}, {0646, false}, {0666, false}};
    g_autofree char *path = in_folder("batchload.conf");

    for (gsize i = 0; i < G_N_ELEMENTS(rows); i++) {
        g_autoptr(GError) error = NULL;
        g_assert_true(g_file_set_contents(path, text, -1, NULL));
        g_assert_cmpint(g_chmod(path, rows[i].mode), ==, 0);
        g_autoptr(Config) config = config_load_file(path, &error);
        g_assert_cmpint(config != NULL, ==, rows[i].good);
        if (!rows[i].good) {
            g_assert_error(error, CONFIG_ERROR, CONFIG_ERROR_FILE);
            g_assert_nonnull(strstr(error->message, "everybody may write to it"));
        }
        g_unlink(path);
    }
}

/* The sample: as it is, and with each commented setting taken in, it gives the defaults. */
static void test_sample(void)
{
    g_autofree char *sample = g_test_build_filename(G_TEST_BUILT, "policy", "batchload.conf", NULL);
    g_autofree char *text = NULL, *plain = NULL, *all = NULL;
    g_autoptr(GError) error = NULL;
    g_autoptr(GRegex) setting = g_regex_new("^( *)#( *[a-z_]+ = .*)$", G_REGEX_MULTILINE, 0, NULL);
    g_autoptr(GRegex) profile = g_regex_new("^profile = .*$", G_REGEX_MULTILINE, 0, NULL);
    g_autoptr(GRegex) unset =
        g_regex_new("^ *(bind_dn|bind_password_file) = .*$", G_REGEX_MULTILINE, 0, NULL);
    g_autoptr(Config) least = NULL, config = NULL, whole = NULL;

    g_assert_true(g_file_get_contents(sample, &text, NULL, &error));
    g_assert_null(strstr(text, "dir@")); /* every path is filled in */
    plain = g_strconcat(PROFILE, text, NULL);
    config = load(plain, &error);
    g_assert_no_error(error);
    {
        g_autofree char *opened = g_regex_replace(setting, text, -1, 0, "\\1\\2", 0, &error);
        g_autofree char *named =
            g_regex_replace_literal(profile, opened, -1, 0, "profile = \"@PROFILE@\"", 0, &error);
        all = g_regex_replace_literal(unset, named, -1, 0, "", 0, &error);
    }
    whole = load(all, &error);
    g_assert_no_error(error);
    least = load(LEAST, &error);
    g_assert_no_error(error);
    g_assert_cmpmem(&whole->request, sizeof whole->request, &least->request, sizeof least->request);
    /* each of its own profile */
    g_assert_nonnull(whole->table.attributes);
    whole->table.attributes = least->table.attributes;
    g_assert_cmpmem(&whole->table, sizeof whole->table, &least->table, sizeof least->table);
    g_assert_cmpuint(whole->rules.hash_schemes, ==, least->rules.hash_schemes);
    g_assert_cmpuint(whole->slice_rows, ==, least->slice_rows);
    g_assert_cmpuint(whole->list_members_max, ==, least->list_members_max);
    g_assert_cmpuint(whole->proof_wait, ==, least->proof_wait);
    g_assert_cmpuint(whole->refusal_pause, ==, least->refusal_pause);
    g_assert_cmpuint(whole->workers, ==, least->workers);
    g_assert_cmpuint(whole->socket_mode, ==, least->socket_mode);
    g_assert_cmpstr(whole->socket, ==, least->socket);
    g_assert_cmpstr(whole->parser, ==, least->parser);
    g_assert_cmpstr(whole->sender_table, ==, least->sender_table);
    g_assert_true(g_strv_equal((const char *const *)whole->reserved_addresses,
                               (const char *const *)least->reserved_addresses));
    g_assert_cmpstr(whole->submit.target, ==, least->submit.target);
    g_assert_cmpuint(whole->submit.seconds, ==, least->submit.seconds);
    g_assert_cmpstr(whole->spool.directory, ==, least->spool.directory);
    g_assert_cmpstr(whole->spool.key_file, ==, least->spool.key_file);
    g_assert_cmpuint(whole->spool.jobs_max, ==, least->spool.jobs_max);
    g_assert_cmpuint(whole->spool.bytes_max, ==, least->spool.bytes_max);
    g_assert_cmpuint(whole->spool.free_min, ==, least->spool.free_min);
    g_assert_cmpuint(whole->spool.duplicate_days, ==, least->spool.duplicate_days);
    g_assert_cmpuint(whole->spool.keep_days, ==, least->spool.keep_days);
    g_assert_cmpuint(whole->directory.connect_seconds, ==, least->directory.connect_seconds);
    g_assert_cmpuint(whole->directory.answer_seconds, ==, least->directory.answer_seconds);
    g_assert_cmpuint(whole->directory.window, ==, least->directory.window);
}

static void test_references(void)
{
    g_autoptr(GError) error = NULL;
    Config *config = load(LEAST, &error);

    g_assert_no_error(error);
    g_assert_true(config_ref(config) == config);
    config_unref(config);
    g_assert_cmpuint(config->workers, ==, 4);
    config_unref(config);
    config_unref(NULL);
}

static void test_empty_list(void)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(Config) config = load("hash_schemes = { }\nreserved_addresses = {}\n" LEAST, &error);

    g_assert_no_error(error);
    g_assert_cmpuint(config->rules.hash_schemes, ==, 0);
    g_assert_cmpuint(g_strv_length(config->reserved_addresses), ==, 0);
}

int main(int argc, char **argv)
{
    int failed;
    g_autofree char *file = NULL;

    g_test_init(&argc, &argv, NULL);
    folder = g_dir_make_tmp("config-XXXXXX", NULL);
    g_test_add_func("/config/defaults", test_defaults);
    g_test_add_func("/config/everything", test_everything);
    g_test_add_func("/config/bad", test_bad);
    g_test_add_func("/config/password-file", test_password_file);
    g_test_add_func("/config/clear-directory", test_clear_directory);
    g_test_add_func("/config/file-alone", test_file_alone);
    g_test_add_func("/config/writable-by-all", test_writable_by_all);
    g_test_add_func("/config/sample", test_sample);
    g_test_add_func("/config/references", test_references);
    g_test_add_func("/config/empty-list", test_empty_list);
    failed = g_test_run();
    file = in_folder("batchload.conf");
    g_unlink(file);
    g_rmdir(folder);
    g_free(folder);
    return failed;
}
