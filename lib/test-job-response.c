/* SPDX-License-Identifier: MIT */
#include "lib/job-fixture.h"
#include <curl/curl.h>
#include <gmime/gmime.h>
#include <string.h>
#include <sysexits.h>

/* A job's response: its size, and how it is handed over. */

static SlapdFixture *slapd;
static unsigned unmarked; /* that many marks of a hand-over fail */

bool __real_spool_job_done(SpoolClaim *claim, GError **error);
bool __wrap_spool_job_done(SpoolClaim *claim, GError **error);

bool __wrap_spool_job_done(SpoolClaim *claim, GError **error)
{
    if (unmarked == 0)
        return __real_spool_job_done(claim, error);
    unmarked--;
    g_set_error_literal(error, SPOOL_ERROR, SPOOL_ERROR_STORE, "the disk is full");
    return false;
}

/* --- handing over --- */

/* R4.1: what the MTA has taken is not sent again because its mark can't be written. */
static void test_mark_fails(void)
{
    g_autoptr(JobFixture) fixture = job_fixture_begin(slapd);
    g_autofree char *id = job_fixture_mail(fixture, JOB_FIXTURE_ADMIN, "allow",
                                           JOB_FIXTURE_PASSWORD, JOB_FIXTURE_ROWS);
    unmarked = 1;
    job_fixture_run(fixture);
    job_fixture_assert_waits(fixture, id, JOB_SENDING, "the disk is full");
    g_assert_cmpuint(job_fixture_responses(fixture), ==, 1);
    job_fixture_await(fixture, id);
    job_fixture_run(fixture);
    job_fixture_assert_done(fixture, id);
}

static void test_mta_away(void)
{
    g_autoptr(JobFixture) fixture = job_fixture_begin(slapd);
    g_autofree char *id = job_fixture_mail(fixture, JOB_FIXTURE_ADMIN, "allow",
                                           JOB_FIXTURE_PASSWORD, JOB_FIXTURE_ROWS);
    job_fixture_mta(fixture, EX_TEMPFAIL);
    job_fixture_run(fixture);
    job_fixture_assert_waits(fixture, id, JOB_SENDING, "sendmail does not take the message");
    g_assert_cmpuint(job_fixture_responses(fixture), ==, 0);
    job_fixture_mta(fixture, 0);
    job_fixture_await(fixture, id);
    job_fixture_run(fixture);
    job_fixture_assert_done(fixture, id);
}

/* R4.10 */
static void test_mta_refuses(void)
{
    g_autoptr(JobFixture) fixture = job_fixture_begin(slapd);
    g_autofree char *id = job_fixture_mail(fixture, JOB_FIXTURE_ADMIN, "allow",
                                           JOB_FIXTURE_PASSWORD, JOB_FIXTURE_ROWS);
    job_fixture_mta(fixture, EX_NOUSER);
    job_fixture_run(fixture);
    g_autoptr(Job) job = job_fixture_job(fixture, id);
    g_assert_cmpstr(job_state_name(job->state), ==, "answer failed");
    job_fixture_assert_holds(job->waiting, "refuses the message");
}

/* R4.10: sent again by hand, the response is refused once more, or taken as it was. */
static void test_send_again(void)
{
    g_autoptr(JobFixture) fixture = job_fixture_begin(slapd);
    g_autoptr(GError) error = NULL;
    g_autofree char *id = job_fixture_mail(fixture, JOB_FIXTURE_ADMIN, "allow",
                                           JOB_FIXTURE_PASSWORD, JOB_FIXTURE_ROWS);
    job_fixture_mta(fixture, EX_NOUSER);
    job_fixture_run(fixture);
    for (int i = 0; i < 2; i++) {
        g_autoptr(Job) job = job_fixture_job(fixture, id);
        g_assert_cmpstr(job_state_name(job->state), ==, "answer failed");
        g_assert_cmpint(spool_job_send_again(fixture->spool, id, &error), ==, ANSWER_YES);
        if (i == 1)
            job_fixture_mta(fixture, 0);
        job_fixture_run(fixture);
    }
    job_fixture_assert_done(fixture, id);
    job_fixture_assert_rows(fixture, id);
}

/* --- size --- */

/* The text of a request of so many lists, each with a line that no one can compress, and one bad
 * row. */
static char *wide_rows(unsigned count, unsigned width)
{
    g_autoptr(GRand) rand = g_rand_new_with_seed(7);
    GString *csv = g_string_new(JOB_FIXTURE_HEAD "one.example;bad;FULLL;ADD;;;;\n");
    for (unsigned i = 0; i < count; i++) {
        g_string_append_printf(csv, "one.example;big%u;LIST;ADD;;;;", i);
        for (unsigned j = 0; j < width; j++)
            g_string_append_c(csv, (char)('a' + g_rand_int_range(rand, 0, 26)));
        g_string_append_c(csv, '\n');
    }
    return g_string_free(csv, FALSE);
}

/* R4.9: compressed when the response would be larger than compress_above, then left out when it
 * would be larger than the MTA takes. */
static void test_response_size(void)
{
    const struct {
        unsigned rows, width;
        guint64 above;
        const char *holds, *lacks;
    } cases[] = {{1000, 500, G_MAXUINT64, "filename=result.csv", ".gz"},
                 {1000, 1000, G_MAXUINT64, "filename=result.csv.gz", "left out"},
                 {600, 3000, G_MAXUINT64, "filename=batchload.csv.gz", "filename=result"},
                 {20, 500, 60000, "filename=result.csv", ".gz"},
                 {20, 500, 10000, "filename=result.csv.gz", "left out"},
                 {1, 1, 0, "filename=result.csv.gz", "left out"}};
    for (unsigned i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autoptr(JobFixture) fixture = job_fixture_begin(slapd);
        fixture->config->compress_above = cases[i].above;
        g_autofree char *csv = wide_rows(cases[i].rows, cases[i].width);
        g_autofree char *id =
            job_fixture_mail(fixture, JOB_FIXTURE_ADMIN, "allow", JOB_FIXTURE_PASSWORD, csv);
        job_fixture_run(fixture);
        job_fixture_assert_done(fixture, id);
        g_autofree char *response = job_fixture_response(fixture, NULL);
        job_fixture_assert_holds(response, cases[i].holds);
        job_fixture_assert_holds(response, "1 of ");
        g_assert_null(strstr(response, cases[i].lacks));
        g_assert_cmpuint(strlen(response), <=, 1048576 - 4096);
    }
}

/* R4.10: refused with attachments, taken without. */
static void test_mta_refuses_size(void)
{
    g_autoptr(JobFixture) fixture = job_fixture_begin(slapd);
    g_autofree char *csv = wide_rows(20, 500);
    g_autofree char *id =
        job_fixture_mail(fixture, JOB_FIXTURE_ADMIN, "allow", JOB_FIXTURE_PASSWORD, csv);
    job_fixture_mta_size(fixture, 8000);
    job_fixture_run(fixture);
    job_fixture_assert_done(fixture, id);
    g_autofree char *response = job_fixture_response(fixture, NULL);
    job_fixture_assert_holds(response, "result.csv is left out");
    job_fixture_assert_holds(response, "1 of 21 rows failed");
}

/* --- what is said --- */

/* R3.4: what is said of the file as a whole outlives the daemon. */
static void test_note(void)
{
    g_autoptr(JobFixture) fixture = job_fixture_begin(slapd);
    const char *csv = JOB_FIXTURE_HEAD "one.example;team;LIST;ADD;;;;M\xfcller\n";
    g_autofree char *id =
        job_fixture_mail(fixture, JOB_FIXTURE_ADMIN, "allow", JOB_FIXTURE_PASSWORD, csv);
    g_assert_cmpint(job_fixture_step(fixture), ==, JOB_WORKING);
    job_fixture_close(fixture);
    job_fixture_open(fixture);
    job_fixture_run(fixture);
    job_fixture_assert_done(fixture, id);
    g_autofree char *response = job_fixture_response(fixture, NULL);
    job_fixture_assert_holds(response, "(line 2 is the first");
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    secret_init();
    directory_init();
    curl_global_init(CURL_GLOBAL_DEFAULT);
    g_mime_init();
    slapd = job_fixture_slapd(NULL);
    g_test_add_func("/job-response/R4.1/mark-fails", test_mark_fails);
    g_test_add_func("/job-response/mta-away", test_mta_away);
    g_test_add_func("/job-response/R4.10/mta-refuses", test_mta_refuses);
    g_test_add_func("/job-response/R4.10/send-again", test_send_again);
    g_test_add_func("/job-response/R4.10/mta-refuses-size", test_mta_refuses_size);
    g_test_add_func("/job-response/R4.9/size", test_response_size);
    g_test_add_func("/job-response/R3.4/note", test_note);
    int status = g_test_run();
    slapd_fixture_free(slapd);
    return status;
}
