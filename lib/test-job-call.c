/* SPDX-License-Identifier: MIT */
#include "lib/addon.h"
#include "lib/job-fixture.h"
#include "lib/spool-call.h"
#include <curl/curl.h>
#include <gmime/gmime.h>

/* Requests while as many calls of add-ons wait as may, or more. */

static SlapdFixture *slapd;
static unsigned most; /* calls that may wait, in the place of SPOOL_CALLS_MAX */

Answer __wrap_spool_calls_have_room(Spool *spool, GError **error);

static void count(gpointer data, const SpoolCall *call)
{
    g_assert_cmpstr(call->name, ==, "EAddForward");
    ++*(unsigned *)data;
}

static unsigned waiting(Spool *spool)
{
    g_autoptr(GError) error = NULL;
    unsigned found = 0;
    g_assert_true(spool_calls_list(spool, NULL, count, &found, &error));
    g_assert_no_error(error);
    return found;
}

Answer __wrap_spool_calls_have_room(Spool *spool, GError **error)
{
    (void)error;
    return waiting(spool) < most ? ANSWER_YES : ANSWER_NO;
}

static JobFixture *begin(unsigned room)
{
    JobFixture *fixture = job_fixture_begin(slapd);
    Addon *addon = g_new0(Addon, 1);
    addon->name = g_strdup("a");
    addon->folder = g_strdup("/a");
    addon->extension = g_strdup("");
    g_ptr_array_add(fixture->config->addons, addon);
    fixture->config->slice_rows = 1;
    most = room;
    return fixture;
}

/* Three rows, each with a call, and each a slice. */
static char *send_rows(JobFixture *fixture, const char *mode)
{
    g_autofree char *keywords = g_strconcat(JOB_FIXTURE_PASSWORD "\r\nMode: ", mode, NULL);
    return job_fixture_mail(fixture, JOB_FIXTURE_ADMIN, "allow", keywords,
                            JOB_FIXTURE_HEAD "one.example;f1;FORWARD;ADD;;x@y.example;;\n"
                                             "one.example;f2;FORWARD;ADD;;x@y.example;;\n"
                                             "one.example;f3;FORWARD;ADD;;x@y.example;;\n");
}

static unsigned made(const JobFixture *fixture)
{
    return job_fixture_entries(fixture, "f1@one.example") +
           job_fixture_entries(fixture, "f2@one.example") +
           job_fixture_entries(fixture, "f3@one.example");
}

static void make_calls(JobFixture *fixture)
{
    for (;;) {
        g_autoptr(SpoolCall) call = NULL;
        g_autoptr(GError) error = NULL;
        gint64 due;
        Answer answer = spool_call_next(fixture->spool, "a", &call, &due, &error);
        g_assert_no_error(error);
        if (answer == ANSWER_NO)
            return;
        g_assert_true(spool_call_done(fixture->spool, call, &error));
    }
}

static void assert_full(JobFixture *fixture, const char *id)
{
    job_fixture_assert_waits(fixture, id, JOB_WORKING, "too many calls of add-ons wait");
}

/* R9.70: what is planned already is carried out; the rest as soon as there is room. */
static void test_apply(void)
{
    g_autoptr(JobFixture) fixture = begin(1);
    g_autofree char *id = send_rows(fixture, "apply");
    job_fixture_run(fixture);
    const unsigned rows = made(fixture);
    g_assert_true(rows == 1 || rows == 2);
    g_assert_cmpuint(waiting(fixture->spool), ==, rows);
    assert_full(fixture, id);
    job_fixture_put_off(fixture, id, 0);
    job_fixture_run(fixture); /* nothing has changed */
    assert_full(fixture, id);
    g_assert_cmpuint(made(fixture), ==, rows);
    make_calls(fixture);
    job_fixture_put_off(fixture, id, 0);
    job_fixture_run(fixture);
    g_assert_cmpuint(made(fixture), ==, 3);
    g_assert_cmpuint(waiting(fixture->spool), ==, 3 - rows);
    make_calls(fixture);
    job_fixture_run(fixture);
    job_fixture_assert_done(fixture, id);
    g_autofree char *response = job_fixture_response(fixture, id);
    job_fixture_assert_holds(response, "processed ok");
}

/* R9.70: nobody calls what may be taken back still, so it would wait for itself. */
static void test_atomic(void)
{
    g_autoptr(JobFixture) fixture = begin(1);
    g_autofree char *id = send_rows(fixture, "atomic");
    job_fixture_run(fixture);
    g_autoptr(Job) job = job_fixture_job(fixture, id);
    g_assert_cmpstr(job_state_name(job->state), ==, "reporting");
    g_assert_cmpuint(made(fixture), ==, 3);
    g_assert_cmpuint(waiting(fixture->spool), ==, 3);
    make_calls(fixture);
    job_fixture_run(fixture);
    job_fixture_assert_done(fixture, id);
}

static void test_atomic_waits(void)
{
    g_autoptr(JobFixture) fixture = begin(0);
    g_autofree char *id = send_rows(fixture, "atomic");
    job_fixture_run(fixture);
    assert_full(fixture, id);
    g_assert_cmpuint(made(fixture), ==, 0);
    most = 1;
    job_fixture_put_off(fixture, id, 0);
    job_fixture_run(fixture);
    g_assert_cmpuint(made(fixture), ==, 3);
}

/* R9.70: what calls nobody goes on. */
static void test_check(void)
{
    g_autoptr(JobFixture) fixture = begin(0);
    g_autofree char *id = send_rows(fixture, "check");
    job_fixture_run(fixture);
    job_fixture_assert_done(fixture, id);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    secret_init();
    directory_init();
    curl_global_init(CURL_GLOBAL_DEFAULT);
    g_mime_init();
    slapd = job_fixture_slapd(NULL);
    g_test_add_func("/job-call/R9.70/apply", test_apply);
    g_test_add_func("/job-call/R9.70/atomic", test_atomic);
    g_test_add_func("/job-call/R9.70/atomic-waits", test_atomic_waits);
    g_test_add_func("/job-call/R9.70/check", test_check);
    int status = g_test_run();
    slapd_fixture_free(slapd);
    return status;
}
