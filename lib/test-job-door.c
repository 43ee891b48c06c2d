/* SPDX-License-Identifier: MIT */
#include "lib/job-fixture.h"
#include <gmime/gmime.h>
#include <string.h>

/* Requests that come by a door: names without a domain, and who is told what became of them. */

#define HEAD "DOMAIN;USER;TYPE;ACTION;TITLE\n"
#define ONE "domains=one.example"
#define BOTH "domains=one.example,two.example"

static SlapdFixture *slapd;

bool __real_spool_job_wait(SpoolClaim *claim, unsigned seconds, const char *why, GError **error);
bool __wrap_spool_job_wait(SpoolClaim *claim, unsigned seconds, const char *why, GError **error);

/* Nobody waits a minute for who never comes. */
bool __wrap_spool_job_wait(SpoolClaim *claim, unsigned seconds, const char *why, GError **error)
{
    return __real_spool_job_wait(claim, MIN(seconds, 1), why, error);
}

/* --- names --- */

typedef struct {
    const char *what, *grant, *row;
    const char *refusal; /* NULL: it is done */
    const char *address; /* whose title is new */
} NameCase;

static const NameCase names[] = {
    {"one", "allow " ONE, ";ben;FULL;MODIFY;t", NULL, "ben@one.example"},
    {"in capitals", "allow " ONE, ";BEN;FULL;MODIFY;t", NULL, "ben@one.example"},
    {"the others' does not count", "allow " ONE, ";dora;FULL;MODIFY;t", NULL, "dora@one.example"},
    {"two", "allow " BOTH, ";dora;FULL;MODIFY;t",
     "several in your domains (dora@one.example, dora@two.example)", NULL},
    {"two of all", "allow domains=*", ";dora;FULL;MODIFY;t", "several in your domains", NULL},
    {"one of all", "allow domains=*", ";ben;FULL;MODIFY;t", NULL, "ben@one.example"},
    {"a whole name only", "allow domains=*", ";en;FULL;MODIFY;t", "There is no mailbox", NULL},
    {"no pattern", "allow domains=*", ";be*;FULL;MODIFY;t", "There is no mailbox", NULL},
    {"no filter", "allow domains=*", ";x)(mail=ben;FULL;MODIFY;t", "", NULL},
    {"only the others'", "allow domains=two.example", ";ben;FULL;MODIFY;t",
     "There is no mailbox of the name ben", NULL},
    {"of another type", "allow " ONE, ";ben;LIST;MODIFY;t", "There is no list", NULL},
    {"not there", "allow " ONE, ";nobody;FULL;MODIFY;t", "There is no mailbox", NULL},
    {"no name", "allow " ONE, ";a b;FULL;MODIFY;t", "", NULL},
};

static void add_account(const char *address)
{
    g_autofree char *ldif = g_strdup_printf(
        "dn: mail=%s,ou=%s,ou=domains,dc=example,dc=org\nchangetype: add\n"
        "objectClass: inetOrgPerson\nobjectClass: batchloadAccount\nmail: %s\ncn: x\nsn: x\n"
        "batchloadMailboxId: %s\n\n",
        address, strchr(address, '@') + 1, address, address);
    slapd_fixture_ldif(slapd, ldif);
}

/* R9.24, and R9.31: a row by a door needs no password to change what is there. */
static void test_name(gconstpointer data)
{
    const NameCase *one = data;
    g_autoptr(JobFixture) fixture = job_fixture_begin(slapd);
    g_autofree char *csv = g_strconcat(HEAD, one->row, "\n", NULL);
    add_account("dora@one.example");
    add_account("dora@two.example");
    g_autofree char *id =
        job_fixture_door(fixture, JOB_FIXTURE_ADMIN, one->grant, JOB_FIXTURE_PASSWORD, csv);
    job_fixture_run(fixture);
    g_autoptr(Job) job = job_fixture_job(fixture, id);
    g_assert_cmpint(job->state, ==, JOB_SENDING);
    if (one->refusal) {
        g_assert_true(job->proven);
        job_fixture_assert_holds(job->refusal, one->refusal);
        return;
    }
    g_assert_cmpstr(job->refusal, ==, NULL);
    g_assert_cmpuint(job->counts[RESULT_CHANGED], ==, 1);
    g_autofree char *audit = job_fixture_audit(fixture);
    job_fixture_assert_holds(audit, one->address);
}

/* R9.24: a mail's rows name their domain. */
static void test_mail(void)
{
    g_autoptr(JobFixture) fixture = job_fixture_begin(slapd);
    g_autofree char *id = job_fixture_mail(fixture, JOB_FIXTURE_ADMIN, "allow",
                                           JOB_FIXTURE_PASSWORD, HEAD ";ben;FULL;MODIFY;t\n");
    job_fixture_run(fixture);
    job_fixture_assert_done(fixture, id);
    g_autofree char *response = job_fixture_response(fixture, id);
    job_fixture_assert_holds(response, "DOMAIN is empty");
}

/* --- responses --- */

/* R9.28, R9.46: what was changed is told by mail where nobody has fetched it. */
static void test_unfetched(gconstpointer panel)
{
    g_autoptr(JobFixture) fixture = job_fixture_begin(slapd);
    g_autofree char *id =
        panel ? job_fixture_panel(fixture, JOB_FIXTURE_ADMIN, "allow", JOB_FIXTURE_ROWS)
              : job_fixture_door(fixture, JOB_FIXTURE_ADMIN, "allow", JOB_FIXTURE_PASSWORD,
                                 JOB_FIXTURE_ROWS);
    job_fixture_run(fixture);
    job_fixture_assert_waits(fixture, id, JOB_SENDING, "a command is to fetch");
    g_assert_cmpuint(job_fixture_responses(fixture), ==, 0);
    /* as batchload retry does, which must not make it wait again */
    job_fixture_put_off(fixture, id, 0);
    job_fixture_run(fixture);
    job_fixture_assert_done(fixture, id);
    g_autofree char *response = job_fixture_response(fixture, id);
    job_fixture_assert_holds(response, "1 of 6 rows failed");
    g_assert_null(strstr(response, "attached"));
    g_assert_null(strstr(response, "left out"));
}

/* R9.28: of a request that proved nothing nobody is told but who comes for it. */
static void test_refused(void)
{
    g_autoptr(JobFixture) fixture = job_fixture_begin(slapd);
    fixture->config->refusal_pause = 0;
    fixture->config->refusals_per_hour = 0;
    g_autofree char *id =
        job_fixture_door(fixture, JOB_FIXTURE_ADMIN, "allow", "wrong", JOB_FIXTURE_ROWS);
    job_fixture_run(fixture);
    job_fixture_assert_waits(fixture, id, JOB_SENDING, "a command is to fetch");
    job_fixture_await(fixture, id);
    job_fixture_run(fixture);
    g_autoptr(Job) job = job_fixture_job(fixture, id);
    g_assert_cmpint(job->state, ==, JOB_DONE);
    g_assert_cmpstr(job->refusal, ==, JOB_DOOR_REFUSED);
    g_assert_cmpuint(job_fixture_responses(fixture), ==, 0);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    secret_init();
    directory_init();
    g_mime_init();
    slapd = job_fixture_slapd(NULL);
    for (gsize i = 0; i < G_N_ELEMENTS(names); i++) {
        g_autofree char *path = g_strconcat("/job-door/R9.24/", names[i].what, NULL);
        g_test_add_data_func(path, &names[i], test_name);
    }
    g_test_add_func("/job-door/R9.24/mail", test_mail);
    g_test_add_data_func("/job-door/R9.28/unfetched", NULL, test_unfetched);
    g_test_add_data_func("/job-door/R9.46/unfetched", "panel", test_unfetched);
    g_test_add_func("/job-door/R9.28/refused", test_refused);
    int result = g_test_run();
    slapd_fixture_free(slapd);
    return result;
}
