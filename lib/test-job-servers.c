/* SPDX-License-Identifier: MIT */
#include "lib/job-fixture.h"
#include "lib/stream-fixture.h"
#include <curl/curl.h>
#include <gmime/gmime.h>

/* R5.8: at which of two servers a job is worked on when one of them goes. They know nothing of each
 * other here, so that what was done at one of them can be told. */

static SlapdFixture *first, *second;

/* When the first one goes. */
static struct {
    bool noted;   /* once it is noted as the job's, before a change is planned */
    guint writes; /* before this write; 0: never */
} goes;

bool __real_spool_job_at_server(SpoolClaim *claim, const char *server, GError **error);
bool __wrap_spool_job_at_server(SpoolClaim *claim, const char *server, GError **error);

bool __wrap_spool_job_at_server(SpoolClaim *claim, const char *server, GError **error)
{
    const bool well = __real_spool_job_at_server(claim, server, error);
    if (goes.noted)
        slapd_fixture_kill(first);
    goes.noted = false;
    return well;
}

static Pass before(Directory *directory G_GNUC_UNUSED, Write *write G_GNUC_UNUSED, bool idle)
{
    if (goes.writes == 1 && !idle)
        return PASS_WAIT;
    if (goes.writes == 1)
        slapd_fixture_kill(first);
    goes.writes -= MIN(1, goes.writes);
    return PASS_ON;
}

StreamFixture stream_fixture = {.before = before};

static JobFixture *begin(void)
{
    job_fixture_reset(first);
    JobFixture *fixture = job_fixture_begin(second);
    DirectorySettings *settings = &fixture->config->directory;
    job_fixture_close(fixture);
    g_free(settings->uri);
    settings->uri = g_strconcat(first->uri, " ", second->uri, NULL);
    directory_servers_free(settings->servers);
    settings->servers = directory_servers_new(settings->uri);
    job_fixture_open(fixture);
    return fixture;
}

static char *opened(JobFixture *fixture, const char *more)
{
    g_autofree char *password = g_strconcat(JOB_FIXTURE_PASSWORD, more, NULL);
    char *id = job_fixture_mail(fixture, JOB_FIXTURE_ADMIN, "allow", password, JOB_FIXTURE_ROWS);
    g_assert_cmpint(job_fixture_step(fixture), ==, JOB_WORKING);
    return id;
}

/* Through all its waits. */
static void finish(JobFixture *fixture, const char *id)
{
    for (unsigned waits = 0; waits < 5; waits++) {
        job_fixture_await(fixture, id);
        job_fixture_run(fixture);
        g_autoptr(Job) job = job_fixture_job(fixture, id);
        if (job->state == JOB_DONE)
            return;
        g_test_message("%s", job->waiting);
    }
    g_error("it waits for ever");
}

static unsigned entries_at(JobFixture *fixture, SlapdFixture *slapd, const char *address)
{
    fixture->slapd = slapd;
    return job_fixture_entries(fixture, address);
}

/* Nothing was done yet: what the first one was noted for is done at the second. */
static void test_not_begun(void)
{
    g_autoptr(JobFixture) fixture = begin();
    g_autofree char *id = opened(fixture, "");
    goes.noted = true;
    g_assert_cmpint(job_fixture_step(fixture), ==, JOB_WORKING);
    g_assert_false(goes.noted);
    finish(fixture, id);
    job_fixture_assert_rows(fixture, id);
    slapd_fixture_restart(first);
    g_assert_cmpuint(entries_at(fixture, first, "anna@one.example"), ==, 0);
}

/* Some is done: the rest waits for the one where it is, over a new start, too. */
static void test_begun(void)
{
    g_autoptr(JobFixture) fixture = begin();
    g_autofree char *id = opened(fixture, "");
    goes.writes = 3;
    g_assert_cmpint(job_fixture_step(fixture), ==, JOB_WORKING);
    for (unsigned i = 0; i < 2; i++) {
        job_fixture_await(fixture, id);
        g_assert_cmpint(job_fixture_step(fixture), ==, JOB_WORKING);
        job_fixture_assert_waits(fixture, id, JOB_WORKING, "has to be waited for");
        job_fixture_close(fixture);
        job_fixture_open(fixture);
    }
    slapd_fixture_restart(first);
    finish(fixture, id);
    g_assert_cmpuint(entries_at(fixture, second, "anna@one.example"), ==, 0);
    fixture->slapd = first;
    job_fixture_assert_rows(fixture, id);
}

/* What is read ahead for it is read where it is done, though all else is done at the second now. */
static void test_read_ahead(void)
{
    g_autoptr(JobFixture) fixture = begin();
    fixture->config->slice_rows = 2;
    g_autofree char *id = opened(fixture, "");
    goes.writes = 1;
    g_assert_cmpint(job_fixture_step(fixture), ==, JOB_WORKING);
    g_autofree char *other =
        job_fixture_mail(fixture, JOB_FIXTURE_OTHER_ADMIN, "allow", JOB_FIXTURE_PASSWORD,
                         JOB_FIXTURE_HEAD "two.example;x;FORWARD;ADD;;x@else.example;;\n");
    finish(fixture, other);
    g_assert_cmpuint(entries_at(fixture, second, "x@two.example"), ==, 1);
    slapd_fixture_ldif(second, "dn: mail=cleo@one.example,ou=one.example,ou=domains,dc=example,"
                               "dc=org\nchangetype: delete\n\n");
    slapd_fixture_restart(first);
    finish(fixture, id);
    fixture->slapd = first;
    job_fixture_assert_rows(fixture, id);
}

/* What is only checked leaves nothing anywhere, and goes on at any. */
static void test_check(void)
{
    g_autoptr(JobFixture) fixture = begin();
    fixture->config->slice_rows = 2;
    g_autofree char *id = opened(fixture, "\r\nMode: check");
    g_assert_cmpint(job_fixture_step(fixture), ==, JOB_WORKING);
    slapd_fixture_kill(first);
    finish(fixture, id);
    slapd_fixture_restart(first);
    g_autoptr(Job) job = job_fixture_job(fixture, id);
    g_assert_cmpuint(job->counts[RESULT_CREATED], ==, 3);
    g_assert_cmpuint(job->counts[RESULT_FAILED], ==, 1);
    g_assert_cmpuint(entries_at(fixture, second, "anna@one.example"), ==, 0);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    secret_init();
    directory_init();
    curl_global_init(CURL_GLOBAL_DEFAULT);
    g_mime_init();
    first = job_fixture_slapd(NULL);
    second = job_fixture_slapd(NULL);
    /* One login for both. */
    slapd_fixture_configure(first, first->root_password, second->root_password);
    g_free(first->root_password);
    first->root_password = g_strdup(second->root_password);
    first->settings.bind_password = first->root_password;
    g_test_add_func("/job-servers/R5.8/not-begun", test_not_begun);
    g_test_add_func("/job-servers/R5.8/begun", test_begun);
    g_test_add_func("/job-servers/R5.8/read-ahead", test_read_ahead);
    g_test_add_func("/job-servers/R5.8/check", test_check);
    int status = g_test_run();
    slapd_fixture_free(first);
    slapd_fixture_free(second);
    return status;
}
