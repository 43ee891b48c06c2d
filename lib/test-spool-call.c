/* SPDX-License-Identifier: MIT */
#include "lib/spool-call.h"
#include "lib/spool-fixture.h"
#include <string.h>

/* Calls of add-ons in the spool: with the slice, in order, across a new start. */

static SpoolCall *make_call(unsigned line, const char *object, const char *name)
{
    SpoolCall *call = g_new0(SpoolCall, 1);
    call->line = line;
    call->addon = g_strdup("a");
    call->domain = g_strdup("one.example");
    call->object = g_strdup(object);
    call->name = g_strdup(name);
    call->arguments = g_ptr_array_new_with_free_func(g_free);
    g_ptr_array_add(call->arguments, g_strdup("x"));
    call->password = secret_dup(FIXTURE_PASSWORD);
    return call;
}

/* A claimed job in this mode, with one slice whose rows begin in line 2. */
static SpoolClaim *begin(SpoolFixture *fixture, Mode mode)
{
    static const char *const names[] = {"DOMAIN", "USER", "PASSWORD", NULL};
    static const char *const domains[] = {"one.example", NULL};
    g_autoptr(GError) error = NULL;
    g_free(spool_fixture_new_mail(fixture, "a@one.example", "192.0.2.1", "<1@x>"));
    SpoolClaim *claim = spool_fixture_claim(fixture, NULL, JOB_RECEIVED);
    SpoolRows *rows = spool_rows_new(claim, &error);
    GVariant *slice = g_variant_new_parsed("@" TABLE_ROWS_TYPE " []");
    g_assert_true(spool_rows_add(rows, slice, 1, domains, &error));
    g_assert_true(spool_job_proved(claim, "", mode, names, rows, &error));
    g_assert_no_error(error);
    return claim;
}

/* A step of a job in Mode: atomic, with calls (or NULL) and lines that were taken back. */
static void step(SpoolClaim *claim, JobState state, GPtrArray *calls, GVariant *undone)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(GVariant) held = undone ? g_variant_ref_sink(undone) : NULL;
    const SpoolStep next = {.state = state, .phase = PHASE_APPLY, .undone = held};
    if (calls)
        spool_calls_put(claim, calls);
    g_assert_true(spool_slice_step(claim, &next, &error));
    g_assert_no_error(error);
}

static GPtrArray *calls_new(void)
{
    return g_ptr_array_new_with_free_func((GDestroyNotify)spool_call_free);
}

/* The next call's name, or "-"; done says what becomes of it. */
static char *next(Spool *spool, bool done)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(SpoolCall) call = NULL;
    gint64 due;
    Answer answer = spool_call_next(spool, "a", &call, &due, &error);
    g_assert_no_error(error);
    if (answer == ANSWER_NO)
        return g_strdup("-");
    g_assert_cmpstr(call->password, ==, FIXTURE_PASSWORD);
    g_assert_cmpstr(call->arguments->pdata[0], ==, "x");
    if (done)
        g_assert_true(spool_call_done(spool, call, &error));
    else
        g_assert_true(spool_call_failed(spool, call, "no", 1000, &error));
    return g_strdup(call->name);
}

static void assert_next(Spool *spool, bool done, const char *expected)
{
    g_autofree char *name = next(spool, done);
    g_assert_cmpstr(name, ==, expected);
}

/* R9.65: what may still be taken back is called by nobody, and what was is forgotten. */
static void test_atomic(void)
{
    g_autoptr(SpoolFixture) fixture = spool_fixture_new();
    g_autoptr(SpoolClaim) claim = begin(fixture, MODE_ATOMIC);
    GPtrArray *calls = calls_new();
    for (unsigned line = 2; line < 5; line++)
        g_ptr_array_add(calls, make_call(line, line == 3 ? "b@one.example" : "c@one.example",
                                         line == 3 ? "Three" : "Other"));
    step(claim, JOB_WORKING, calls, NULL);
    assert_next(fixture->spool, true, "-");
    step(claim, JOB_REPORTING, NULL, g_variant_new_parsed("[@u 2, 4]"));
    assert_next(fixture->spool, true, "Three");
    assert_next(fixture->spool, true, "-");
}

/* R9.67, and R9.65 across a new start. */
static void test_order(void)
{
    g_autoptr(SpoolFixture) fixture = spool_fixture_new();
    SpoolClaim *claim = begin(fixture, MODE_APPLY);
    GPtrArray *calls = calls_new();
    g_ptr_array_add(calls, make_call(2, "", "Domain1"));
    g_ptr_array_add(calls, make_call(3, "b@one.example", "B1"));
    g_ptr_array_add(calls, make_call(4, "c@one.example", "C1"));
    g_ptr_array_add(calls, make_call(5, "b@one.example", "B2"));
    g_ptr_array_add(calls, make_call(6, "", "Domain2"));
    step(claim, JOB_REPORTING, calls, NULL);
    spool_claim_release(claim);
    g_assert_false(spool_fixture_holds(fixture, FIXTURE_PASSWORD));
    spool_fixture_reopen(fixture);
    assert_next(fixture->spool, true, "Domain1");
    assert_next(fixture->spool, false, "B1"); /* B2 and the end wait for it */
    assert_next(fixture->spool, true, "C1");
    assert_next(fixture->spool, true, "-");
    spool_fixture_reopen(fixture);
    assert_next(fixture->spool, true, "-");
    spool_fixture_sql(fixture->settings.directory, "UPDATE call SET not_before=0");
    assert_next(fixture->spool, true, "B1");
    assert_next(fixture->spool, true, "B2");
    assert_next(fixture->spool, true, "Domain2");
    assert_next(fixture->spool, true, "-");
}

/* R9.70: there is room up to the limit. */
static void test_room(void)
{
    g_autoptr(SpoolFixture) fixture = spool_fixture_new();
    g_autoptr(GError) error = NULL;
    g_autofree char *fill = g_strdup_printf(
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM n WHERE i<%d) "
        "INSERT INTO call(job, line, addon, domain, object, name, attempts, not_before, made, "
        "sealed) SELECT 'j', i, 'a', 'd', 'o', 'n', 0, 0, 0, x'00' FROM n",
        SPOOL_CALLS_MAX - 1);
    g_assert_cmpint(spool_calls_have_room(fixture->spool, &error), ==, ANSWER_YES);
    spool_fixture_sql(fixture->settings.directory, fill);
    g_assert_cmpint(spool_calls_have_room(fixture->spool, &error), ==, ANSWER_YES);
    spool_fixture_sql(fixture->settings.directory,
                      "INSERT INTO call(job, line, addon, domain, object, name, attempts, "
                      "not_before, made, sealed) VALUES('j', 1, 'a', 'd', 'o', 'n', 0, 0, 0, "
                      "x'00')");
    g_assert_cmpint(spool_calls_have_room(fixture->spool, &error), ==, ANSWER_NO);
    g_assert_no_error(error);
}

int main(int argc, char **argv)
{
    secret_init();
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/spool-call/R9.65 atomic", test_atomic);
    g_test_add_func("/spool-call/R9.67 order", test_order);
    g_test_add_func("/spool-call/R9.70 room", test_room);
    return g_test_run();
}
