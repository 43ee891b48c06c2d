/* SPDX-License-Identifier: MIT */
#include "milter/session.h"
#include <glib/gstdio.h>
#include <gmime/gmime.h>
#include <string.h>

/* What a session makes of each proof that a grant can ask for (R7.5, R7.9 to R7.11). */

#define OURS "mx.hoster.example"
#define SIGNED OURS "; dkim=pass header.d=a.example"

typedef struct {
    char *folder;
    Config config;
    Spool *spool;
} Fixture;

static void set_up(Fixture *f, gconstpointer data G_GNUC_UNUSED)
{
    static const char *const batch[] = {"batch@service.example", NULL};
    g_autoptr(GError) error = NULL;
    f->folder = g_dir_make_tmp("batchload-proof-XXXXXX", NULL);
    f->config = (Config){
        .batch_addresses = (GStrv)batch,
        .login_map = (char *)"inline:{ { anna = a@a.example }, { other = b@a.example }, { two = "
                             "b@b.example, A@A.example } }",
        .authserv_id = (char *)"MX.hoster.example",
        .authserv_trusted = true,
        .request = {.message_bytes_max = 100000, .header_bytes_max = 20000},
        .spool = {.directory = g_build_filename(f->folder, "spool", NULL),
                  .key_file = g_build_filename(f->folder, "key", NULL),
                  .jobs_max = 1000,
                  .bytes_max = 100000000,
                  .duplicate_days = 3,
                  .keep_days = 3},
    };
    g_assert_true(seal_key_create(f->config.spool.key_file, &error));
    f->spool = spool_open(&f->config.spool, &error);
    g_assert_no_error(error);
}

static void remove_tree(const char *path)
{
    g_autoptr(GDir) dir = g_dir_open(path, 0, NULL);
    const char *name = NULL;
    while (dir != NULL && (name = g_dir_read_name(dir)) != NULL) {
        g_autofree char *child = g_build_filename(path, name, NULL);
        remove_tree(child);
    }
    g_remove(path);
}

static void tear_down(Fixture *f, gconstpointer data G_GNUC_UNUSED)
{
    spool_close(f->spool);
    g_free(f->config.spool.directory);
    g_free(f->config.spool.key_file);
    remove_tree(f->folder);
    g_free(f->folder);
}

typedef enum { DROP, TAKE, TAKE_PROVEN } Fate;

/* The mail of a@a.example under "allow" and these words; "|" separates results. */
static const struct {
    const char *words, *client, *login, *tls, *results;
    Fate fate;
} rows[] = {
    {"", "192.0.2.7", NULL, NULL, NULL, TAKE},
    {"auth=password", "192.0.2.7", NULL, NULL, NULL, TAKE},

    {"auth=sasl", "192.0.2.7", "anna", NULL, NULL, TAKE_PROVEN},
    {"auth=sasl", "192.0.2.7", "ANNA", NULL, NULL, TAKE_PROVEN}, /* as tables are compared */
    {"auth=sasl", "192.0.2.7", "two", NULL, NULL, TAKE_PROVEN},
    {"auth=sasl", "192.0.2.7", NULL, NULL, NULL, DROP},
    {"auth=sasl", "192.0.2.7", "", NULL, NULL, DROP},
    {"auth=sasl", "192.0.2.7", "eve", NULL, NULL, DROP},
    {"auth=sasl", "192.0.2.7", "other", NULL, NULL, DROP}, /* owns another address */
    {"auth=sasl", "192.0.2.7", "a@a.example", NULL, NULL, DROP},
    {"auth=password+sasl", "192.0.2.7", "anna", NULL, NULL, TAKE},
    {"auth=password+sasl", "192.0.2.7", NULL, NULL, NULL, DROP},
    {"auth=password", "192.0.2.7", "eve", NULL, NULL, TAKE},

    {"tls", "192.0.2.7", NULL, "TLSv1.3", NULL, TAKE},
    {"tls", "192.0.2.7", NULL, NULL, NULL, DROP},
    {"tls", "192.0.2.7", NULL, "", NULL, DROP},
    {"auth=sasl+tls", "192.0.2.7", "anna", "TLSv1.2", NULL, TAKE_PROVEN},
    {"auth=sasl+tls", "192.0.2.7", "anna", NULL, NULL, DROP},
    {"auth=sasl+tls", "192.0.2.7", NULL, "TLSv1.2", NULL, DROP},

    {"client=192.0.2.0/24", "192.0.2.7", NULL, NULL, NULL, TAKE},
    {"client=192.0.2.0/24", "192.0.3.7", NULL, NULL, NULL, DROP},
    {"client=192.0.2.0/24", NULL, NULL, NULL, NULL, DROP},
    {"client=2001:db8::/32,192.0.2.0/24", "2001:db8:1::1", NULL, NULL, NULL, TAKE},
    {"auth=sasl+client=192.0.2.0/24", "192.0.2.7", "anna", NULL, NULL, TAKE_PROVEN},
    {"auth=sasl+client=192.0.2.0/24", "192.0.3.7", "anna", NULL, NULL, DROP},

    {"auth=dkim domain_proof=yes", "192.0.2.7", NULL, NULL, SIGNED, TAKE_PROVEN},
    {"auth=dkim domain_proof=yes", "192.0.2.7", NULL, NULL, NULL, DROP},
    {"auth=dkim domain_proof=yes", "192.0.2.7", NULL, NULL, OURS "; dkim=fail header.d=a.example",
     DROP},
    {"auth=dkim domain_proof=yes", "192.0.2.7", NULL, NULL,
     "mx.other.example; dkim=pass header.d=a.example", DROP},
    {"auth=dkim domain_proof=yes", "192.0.2.7", NULL, NULL,
     "mx.other.example; dkim=pass header.d=b.example|" SIGNED, TAKE_PROVEN},
    {"auth=dkim domain_proof=yes", "192.0.2.7", NULL, NULL, SIGNED "|" SIGNED, DROP},
    {"auth=dkim domain_proof=yes", "192.0.2.7", NULL, NULL, SIGNED "|" OURS "; none", DROP},
    {"auth=dkim domain_proof=yes", "192.0.2.7", NULL, NULL, OURS "; none|" SIGNED, DROP},
    {"auth=dkim domain_proof=yes", "192.0.2.7", NULL, NULL, SIGNED "|(who?", DROP},
    {"auth=dkim domain_proof=yes", "192.0.2.7", NULL, NULL,
     OURS "; dkim=pass header.d=sub.a.example", DROP},
    {"auth=dkim domain_proof=yes", "192.0.2.7", NULL, NULL, OURS "; dkim=pass header.d=example",
     DROP},
    {"auth=password+dkim", "192.0.2.7", NULL, NULL, SIGNED, TAKE},
    {"auth=password+dkim", "192.0.2.7", NULL, NULL, NULL, DROP},
    {"auth=sasl+dkim+tls client=192.0.2.0/24", "192.0.2.7", "anna", "TLSv1.3", SIGNED, TAKE_PROVEN},
    {"auth=sasl+dkim+tls client=192.0.2.0/24", "192.0.2.7", "anna", "TLSv1.3", NULL, DROP},
    {"auth=sasl+dkim+tls client=192.0.2.0/24", "192.0.2.7", "eve", "TLSv1.3", SIGNED, DROP},
};

static void last_job(gpointer last, const Job *job)
{
    g_free(*(char **)last);
    *(char **)last = g_strdup_printf("%s %s %s", job->proven ? "proven" : "unproven",
                                     job->facts.client, job->facts.login ? job->facts.login : "-");
}

static SessionVerdict send(Fixture *f, SenderTable *senders, gsize i)
{
    g_autoptr(Session) session = session_new(rows[i].client);
    const SessionWorld world = {&f->config, senders, f->spool};
    g_autofree char *id = g_strdup_printf(" <%" G_GSIZE_FORMAT "@a.example>", i);
    g_auto(GStrv) results = g_strsplit(rows[i].results != NULL ? rows[i].results : "", "|", -1);
    session_mail(session, &world, "<a@a.example>", rows[i].login);
    session_tls(session, rows[i].tls);
    session_recipient(session, "<batch@service.example>");
    g_assert_cmpint(session_data(session), ==, SESSION_CONTINUE);
    session_header(session, "From", " a@a.example");
    session_header(session, "Subject", " PROCESS");
    session_header(session, "Message-ID", id);
    for (char **result = results; *result != NULL; result++)
        session_header(session, "authentication-RESULTS", *result);
    session_end_of_header(session);
    session_body(session, "x", 1);
    return session_end(session);
}

static SenderTable *senders_of(Fixture *f, const char *words, GError **error)
{
    g_autofree char *spec = g_strdup_printf("inline:{ { a@a.example = allow %s } }", words);
    f->config.sender_table = spec;
    SenderTable *senders = sender_table_for(&f->config, error);
    f->config.sender_table = NULL;
    return senders;
}

static void test_rows(Fixture *f, gconstpointer data G_GNUC_UNUSED)
{
    for (gsize i = 0; i < G_N_ELEMENTS(rows); i++) {
        g_autoptr(GError) error = NULL;
        g_autoptr(SenderTable) senders = senders_of(f, rows[i].words, &error);
        g_autofree char *before = NULL, *after = NULL, *wanted = NULL;
        g_test_message("%" G_GSIZE_FORMAT ": %s", i, rows[i].words);
        g_assert_no_error(error);
        spool_list(f->spool, true, last_job, &before, NULL);
        /* Dropped: a sender learns nothing. */
        g_assert_cmpint(send(f, senders, i), ==, SESSION_TAKE);
        spool_list(f->spool, true, last_job, &after, NULL);
        if (rows[i].fate == DROP) {
            g_assert_cmpstr(after, ==, before);
        } else {
            const char *login = rows[i].login != NULL ? rows[i].login : "-";
            wanted = g_strdup_printf("%s %s %s", rows[i].fate == TAKE ? "unproven" : "proven",
                                     rows[i].client, login);
            g_assert_cmpstr(after, ==, wanted);
        }
    }
}

static void count(gpointer number, const Job *job G_GNUC_UNUSED)
{
    (*(unsigned *)number)++;
}

static unsigned count_jobs(Fixture *f)
{
    unsigned number = 0;
    g_assert_true(spool_list(f->spool, true, count, &number, NULL));
    return number;
}

/* So many rows so many jobs: none was made by a mail that is dropped. */
static void test_count(Fixture *f, gconstpointer data)
{
    unsigned taken = 0;
    test_rows(f, data);
    for (gsize i = 0; i < G_N_ELEMENTS(rows); i++)
        taken += rows[i].fate != DROP;
    g_assert_cmpuint(count_jobs(f), ==, taken);
}

/* What a proof needs is said when the tables are opened; where it could not be, the mail waits. */
static void test_needs(Fixture *f, gconstpointer data G_GNUC_UNUSED)
{
    static const struct {
        const char *words, *needs;
    } needs[] = {
        {"auth=sasl", "login_map"},
        {"auth=password+dkim", "authserv_trusted"},
    };
    char *login_map = f->config.login_map;
    for (gsize i = 0; i < G_N_ELEMENTS(needs); i++) {
        g_autoptr(GError) error = NULL;
        f->config.login_map = login_map;
        f->config.authserv_trusted = true;
        g_autoptr(SenderTable) whole G_GNUC_UNUSED = senders_of(f, needs[i].words, &error);
        g_assert_no_error(error);
        f->config.login_map = NULL;
        f->config.authserv_trusted = false;
        g_assert_null(senders_of(f, needs[i].words, &error));
        g_assert_error(error, GRANT_ERROR, GRANT_ERROR_SYNTAX);
        g_assert_nonnull(strstr(error->message, needs[i].needs));
    }
    g_autofree char *spec = g_strdup("inline:{ { a@a.example = allow auth=sasl+dkim } }");
    g_autoptr(SenderTable) bare = sender_table_open(spec, NULL);
    g_assert_cmpint(send(f, bare, 2), ==, SESSION_DEFER);
    g_assert_cmpuint(count_jobs(f), ==, 0);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    secret_init();
    g_mime_init();
    g_test_add("/session/R7.5-proofs", Fixture, NULL, set_up, test_count, tear_down);
    g_test_add("/session/R7.5-needs", Fixture, NULL, set_up, test_needs, tear_down);
    int status = g_test_run();
    g_mime_shutdown();
    return status;
}
