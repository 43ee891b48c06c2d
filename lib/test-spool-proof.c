/* SPDX-License-Identifier: MIT */
#include "lib/spool-fixture.h"
#include "lib/spool-store.h"

/* Refusals and wrong passwords, as the spool counts them. */

static SpoolClaim *claimed(SpoolFixture *fixture, const char *requester, const char *client)
{
    static unsigned number;
    g_autoptr(GError) error = NULL;
    g_autofree char *message_id = g_strdup_printf("<%u@x>", ++number);
    g_autofree char *job = spool_fixture_new_mail(fixture, requester, client, message_id);
    SpoolClaim *claim = NULL;
    g_assert_cmpint(spool_claim_this(fixture->spool, job, 0, &claim, &error), ==, ANSWER_YES);
    return claim;
}

/* Refuses a mail of the requester; whether it gets a response. */
static bool answered(SpoolFixture *fixture, const char *requester, unsigned max, bool proven)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(SpoolClaim) claim = claimed(fixture, requester, "192.0.2.1");
    const SpoolRefusal refusal = {.sentence = "No.", .answers_max = max, .proven = proven};
    g_assert_true(spool_job_refused(claim, &refusal, &error));
    const Job *job = spool_claim_job(claim);
    g_assert_cmpstr(job->refusal, ==, "No.");
    g_assert_cmpuint(job->finished != 0, ==, job->state == JOB_DONE);
    g_assert_cmpuint(job->waiting != NULL, ==, job->state == JOB_DONE);
    return job->state == JOB_REPORTING;
}

/* R7.6: so many an hour to one address, also over a new start; the others end, and are seen. */
static void test_refusals(void)
{
    g_autoptr(SpoolFixture) fixture = spool_fixture_new();
    for (unsigned i = 0; i < 2; i++)
        g_assert_true(answered(fixture, "a@x.example", 3, false));
    spool_fixture_reopen(fixture);
    g_assert_true(answered(fixture, "a@x.example", 3, false));
    for (unsigned i = 0; i < 2; i++) {
        g_assert_false(answered(fixture, "a@x.example", 3, false));
        spool_fixture_reopen(fixture);
    }
    g_assert_true(answered(fixture, "b@x.example", 3, false));
    /* What was proven is the administrator's own, and not counted. */
    for (unsigned i = 0; i < 4; i++)
        g_assert_true(answered(fixture, "a@x.example", 3, true));
    for (unsigned i = 0; i < 4; i++)
        g_assert_true(answered(fixture, "c@x.example", 3, true));
    g_assert_true(answered(fixture, "c@x.example", 3, false));
    g_assert_cmpuint(spool_fixture_files(fixture, "mail"), ==, 0);
    g_assert_cmpuint(spool_fixture_count(fixture->spool, true), ==, 15);
    g_assert_cmpuint(spool_fixture_count(fixture->spool, false), ==, 13);
}

/* R7.6: where anybody of a domain may ask, the domain's addresses count as one. */
static void test_refusals_of_domain(void)
{
    g_autoptr(SpoolFixture) fixture = spool_fixture_new();
    g_assert_true(answered(fixture, "a@all.example", 3, false));
    g_assert_true(answered(fixture, "b@all.example", 3, false));
    spool_fixture_reopen(fixture);
    g_assert_true(answered(fixture, "c@all.example", 3, false));
    g_assert_false(answered(fixture, "d@all.example", 3, false));
    g_assert_false(answered(fixture, "a@all.example", 3, false));
    g_assert_true(answered(fixture, "a@all.example", 3, true));
    g_assert_true(answered(fixture, "a@x.example", 3, false));
    g_assert_true(answered(fixture, "d@small.example", 3, false));
}

/* R7.6: many an address of a domain may have a grant of its own, by a pattern. */
static void test_refusals_of_many(void)
{
    g_autoptr(SpoolFixture) fixture = spool_fixture_new();
    for (unsigned i = 0; i < 2 * SPOOL_REFUSALS_OF_DOMAIN + 5; i++) {
        g_autofree char *requester = g_strdup_printf("a%u@x.example", i);
        g_assert_cmpint(answered(fixture, requester, 2, false), ==,
                        i < 2 * SPOOL_REFUSALS_OF_DOMAIN);
    }
    g_assert_true(answered(fixture, "a@y.example", 2, false));
    g_assert_true(answered(fixture, "a@all.example", 2, false));
    g_assert_true(answered(fixture, "new@x.example", 2, true));
}

/* The number of a spool's records that are of this requester. */
static void count_of(gpointer data, const Job *job)
{
    unsigned *count = data;
    *count += g_str_equal(job->facts.requester, "a@x.example");
}

static unsigned count_requester(SpoolFixture *fixture)
{
    unsigned count = 0;
    g_autoptr(GError) error = NULL;
    g_assert_true(spool_list(fixture->spool, true, count_of, &count, &error));
    return count;
}

/* A job whose response is refused for good; proven or not. */
static void fail_answer(SpoolFixture *fixture, const char *requester, bool proven)
{
    static const char *const domains[] = {"x.example", NULL};
    g_autoptr(GError) error = NULL;
    g_autoptr(SpoolClaim) claim = claimed(fixture, requester, "192.0.2.1");
    const SpoolRefusal refusal = {.sentence = "No."};
    g_assert_true(proven ? spool_fixture_prove(claim, 0, domains, &error)
                         : spool_job_refused(claim, &refusal, &error));
    g_assert_true(spool_fixture_report(claim, &error));
    g_assert_true(spool_job_answer_failed(claim, "it was refused", &error));
}

/* Records of what proved nothing have a limit, with what was kept of them; others don't count. */
static void test_records(void)
{
    g_autoptr(SpoolFixture) fixture = spool_fixture_new();
    g_autoptr(GError) error = NULL;
    fixture->settings.unproven_records_max = 5;
    spool_change_limits(fixture->spool, &fixture->settings);
    fail_answer(fixture, "a@x.example", false);
    fail_answer(fixture, "b@x.example", true);
    g_autofree char *waits G_GNUC_UNUSED =
        spool_fixture_new_mail(fixture, "b@x.example", "192.0.2.1", "<w@x>");
    g_assert_cmpuint(spool_fixture_files(fixture, "response"), ==, 2);
    g_assert_true(answered(fixture, "a@x.example", 1, false)); /* its response waits */
    for (unsigned i = 0; i < 7; i++)
        g_assert_false(answered(fixture, "a@x.example", 1, false));
    g_assert_cmpuint(count_requester(fixture), ==, 9);
    g_assert_true(spool_expire(fixture->spool, &error));
    g_assert_cmpuint(count_requester(fixture), ==, 6);
    g_assert_cmpuint(spool_fixture_files(fixture, "response"), ==, 1);
    /* By itself, before that, when many come. */
    for (unsigned i = 0; i < 300; i++)
        g_assert_false(answered(fixture, "a@x.example", 1, false));
    g_assert_cmpuint(count_requester(fixture), <, 200);
    g_assert_cmpuint(spool_fixture_files(fixture, "mail"), ==, 1);
    /* Without a limit all are kept. */
    fixture->settings.unproven_records_max = 0;
    spool_fixture_reopen(fixture);
    g_assert_true(spool_expire(fixture->spool, &error));
    g_assert_cmpuint(count_requester(fixture), >, 6);
}

static const LockoutRules rules = {.after = 3, .seconds = 3600, .pause = 60, .pairs_max = 2};

/* One wrong password more; the count afterwards. */
static unsigned wrong(SpoolFixture *fixture, const char *sender, const char *client)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(SpoolClaim) claim = claimed(fixture, sender, client);
    g_auto(Lockout) lockout = {0};
    g_assert_true(spool_job_lockout(claim, &lockout, &error));
    g_assert_cmpstr(lockout.sender, ==, sender);
    lockout_count(&lockout, &rules, g_get_real_time());
    const SpoolRefusal refusal = {.sentence = "No.", .lockout = &lockout, .rules = &rules};
    g_assert_true(spool_job_refused(claim, &refusal, &error));
    return lockout.failures;
}

static void append(gpointer text, const Lockout *lockout)
{
    g_string_append_printf(text, "%s %s %u%s;", lockout->sender, lockout->client, lockout->failures,
                           lockout_is_locked(lockout, g_get_real_time()) ? " locked" : "");
}

static void assert_lockouts(SpoolFixture *fixture, const char *expected)
{
    g_autoptr(GString) text = g_string_new(NULL);
    g_autoptr(GError) error = NULL;
    g_autoptr(Spool) reader = spool_open_readonly(fixture->settings.directory, &error);
    g_assert_true(spool_lockouts(reader, append, text, &error));
    g_assert_cmpstr(text->str, ==, expected);
}

static bool prove(SpoolFixture *fixture, const char *sender, const char *client)
{
    static const char *const domains[] = {"x.example", NULL};
    g_autoptr(GError) error = NULL;
    g_autoptr(SpoolClaim) claim = claimed(fixture, sender, client);
    return spool_fixture_prove(claim, 1, domains, &error);
}

/* R7.7: counted by the pair, over a new start; a right one, or the operator, forgets it. */
static void test_pairs(void)
{
    g_autoptr(SpoolFixture) fixture = spool_fixture_new();
    g_autoptr(GError) error = NULL;
    unsigned count = 0;
    assert_lockouts(fixture, "");
    for (unsigned i = 1; i <= 3; i++) {
        g_assert_cmpuint(wrong(fixture, "a@x.example", "192.0.2.66"), ==, i);
        spool_fixture_reopen(fixture);
    }
    g_assert_cmpuint(wrong(fixture, "a@x.example", "2001:db8::1"), ==, 1);
    g_assert_cmpuint(wrong(fixture, "a@x.example", "2001:db8::2"), ==, 2);
    assert_lockouts(fixture, "a@x.example 192.0.2.66 3 locked;a@x.example 2001:db8::/64 2;");
    g_assert_true(prove(fixture, "a@x.example", "192.0.2.1"));
    assert_lockouts(fixture, "a@x.example 192.0.2.66 3 locked;a@x.example 2001:db8::/64 2;");
    g_assert_true(prove(fixture, "a@x.example", "2001:db8::7"));
    assert_lockouts(fixture, "a@x.example 192.0.2.66 3 locked;");
    g_assert_true(
        spool_lockout_release(fixture->spool, "a@x.example", "192.0.2.1", &count, &error));
    g_assert_cmpuint(count, ==, 0);
    g_assert_true(
        spool_lockout_release(fixture->spool, "a@x.example", "192.0.2.66", &count, &error));
    g_assert_cmpuint(count, ==, 1);
    assert_lockouts(fixture, "");
    g_assert_cmpuint(wrong(fixture, "a@x.example", "192.0.2.66"), ==, 1);
    g_assert_cmpuint(wrong(fixture, "a@x.example", "192.0.2.67"), ==, 1);
    g_assert_true(spool_lockout_release(fixture->spool, "a@x.example", NULL, &count, &error));
    g_assert_cmpuint(count, ==, 2);
    assert_lockouts(fixture, "");
}

/* So many pairs are remembered: the oldest goes first. */
static void test_limit(void)
{
    g_autoptr(SpoolFixture) fixture = spool_fixture_new();
    wrong(fixture, "a@x.example", "192.0.2.1");
    wrong(fixture, "a@x.example", "192.0.2.2");
    wrong(fixture, "a@x.example", "192.0.2.1");
    wrong(fixture, "a@x.example", "192.0.2.3");
    assert_lockouts(fixture, "a@x.example 192.0.2.1 2;a@x.example 192.0.2.3 1;");
}

static Answer next(SpoolFixture *fixture, const char *expected, gint64 *due)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(SpoolClaim) claim = NULL;
    Answer answer = spool_claim(fixture->spool, &claim, due, &error);
    g_assert_no_error(error);
    if (answer == ANSWER_YES)
        g_assert_cmpstr(spool_claim_job(claim)->id, ==, expected);
    return answer;
}

/* R7.7: after a wrong password the pair's next mail waits, and nobody else's does. */
static void test_pause(void)
{
    g_autoptr(SpoolFixture) fixture = spool_fixture_new();
    g_autoptr(GError) error = NULL;
    unsigned count;
    gint64 due;
    SpoolClaim *claim = claimed(fixture, "a@x.example", "192.0.2.66");
    g_auto(Lockout) lockout = {0};
    g_assert_true(spool_job_lockout(claim, &lockout, &error));
    lockout_count(&lockout, &rules, g_get_real_time());
    const SpoolRefusal refusal = {
        .sentence = "No.", .pause = 1000, .lockout = &lockout, .rules = &rules};
    g_assert_true(spool_job_refused(claim, &refusal, &error));
    spool_claim_release(claim);
    g_autofree char *same =
        spool_fixture_new_mail(fixture, "a@x.example", "192.0.2.66", "<same@x>");
    for (unsigned i = 0; i < 2; i++) {
        g_assert_cmpint(next(fixture, NULL, &due), ==, ANSWER_NO);
        g_assert_cmpint(due, ==, lockout.until);
        spool_fixture_reopen(fixture);
    }
    g_autofree char *other =
        spool_fixture_new_mail(fixture, "b@x.example", "192.0.2.66", "<other@x>");
    g_assert_cmpint(next(fixture, other, &due), ==, ANSWER_YES);
    g_autofree char *real = spool_fixture_new_mail(fixture, "a@x.example", "192.0.2.1", "<real@x>");
    g_assert_cmpint(spool_claim(fixture->spool, &claim, &due, &error), ==, ANSWER_YES);
    g_assert_cmpstr(spool_claim_job(claim)->id, ==, real);
    /* Neither of the two that are left; then the one that is released. */
    SpoolClaim *second = NULL;
    g_assert_cmpint(spool_claim(fixture->spool, &second, &due, &error), ==, ANSWER_YES);
    g_assert_cmpstr(spool_claim_job(second)->id, ==, other);
    g_assert_cmpint(next(fixture, NULL, &due), ==, ANSWER_NO);
    spool_claim_release(second);
    spool_claim_release(claim);
    g_assert_true(
        spool_lockout_release(fixture->spool, "a@x.example", "192.0.2.66", &count, &error));
    SpoolClaim *claims[3] = {0};
    bool found = false;
    for (unsigned i = 0; i < 2; i++) {
        g_assert_cmpint(spool_claim(fixture->spool, &claims[i], &due, &error), ==, ANSWER_YES);
        found = found || g_str_equal(spool_claim_job(claims[i])->id, same);
    }
    g_assert_true(found);
    for (unsigned i = 0; i < 2; i++)
        spool_claim_release(claims[i]);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/spool-proof/R7.6/refusals", test_refusals);
    g_test_add_func("/spool-proof/R7.6/refusals of a domain", test_refusals_of_domain);
    g_test_add_func("/spool-proof/R7.6/refusals of many", test_refusals_of_many);
    g_test_add_func("/spool-proof/records of what proved nothing", test_records);
    g_test_add_func("/spool-proof/R7.7/pairs", test_pairs);
    g_test_add_func("/spool-proof/limit", test_limit);
    g_test_add_func("/spool-proof/R7.7/pause", test_pause);
    return g_test_run();
}
