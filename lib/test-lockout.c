/* SPDX-License-Identifier: MIT */
#include "lib/lockout.h"

#define SECOND ((gint64)G_USEC_PER_SEC)
#define BEGIN (G_GINT64_CONSTANT(1800000000) * SECOND)

static const LockoutRules rules = {.after = 4, .seconds = 3600, .pause = 2, .pairs_max = 10};

/* R7.7: each wrong one doubles the pause; so many lock, and the lock ends by itself. */
static void test_growing(void)
{
    static const struct {
        unsigned pause;
        bool locked;
    } steps[] = {{2, false}, {4, false},  {8, false},  {16, true},  {32, true},
                 {64, true}, {128, true}, {256, true}, {300, true}, {300, true}};
    Lockout lockout = {0};
    gint64 now = BEGIN, locked_until = 0;
    for (gsize i = 0; i < G_N_ELEMENTS(steps); i++) {
        lockout_count(&lockout, &rules, now);
        g_assert_cmpint((lockout.until - now) / SECOND, ==, steps[i].pause);
        g_assert_true(lockout_is_locked(&lockout, now) == steps[i].locked);
        if (i == 3)
            locked_until = lockout.locked_until;
        now = lockout.until;
    }
    /* What comes while it is locked does not lengthen it. */
    g_assert_cmpint(lockout.locked_until, ==, locked_until);
    g_assert_true(lockout_is_locked(&lockout, locked_until - 1));
    g_assert_false(lockout_is_locked(&lockout, locked_until));
    lockout_count(&lockout, &rules, locked_until);
    g_assert_cmpuint(lockout.failures, ==, 1);
    g_assert_false(lockout_is_locked(&lockout, locked_until));
}

/* R7.7: a wrong one is forgotten in time. */
static void test_forgotten(void)
{
    Lockout lockout = {0};
    for (unsigned i = 0; i < 10; i++) {
        lockout_count(&lockout, &rules, BEGIN + i * 3600 * SECOND);
        g_assert_cmpuint(lockout.failures, ==, 1);
    }
    lockout_count(&lockout, &rules, BEGIN + (9 * 3600 + 3599) * SECOND);
    g_assert_cmpuint(lockout.failures, ==, 2);
}

/* A clock that was set back locks nobody for ever. */
static void test_clock(void)
{
    Lockout lockout = {0};
    for (unsigned i = 0; i < 4; i++)
        lockout_count(&lockout, &rules, BEGIN);
    g_assert_true(lockout_is_locked(&lockout, BEGIN));
    g_assert_true(lockout_is_locked(&lockout, BEGIN - 60 * SECOND));
    g_assert_false(lockout_is_locked(&lockout, BEGIN - 365 * G_TIME_SPAN_DAY));
    lockout_count(&lockout, &rules, BEGIN - 365 * G_TIME_SPAN_DAY);
    g_assert_cmpuint(lockout.failures, ==, 1);
}

/* No pause at all, where the postmaster wants none. */
static void test_no_pause(void)
{
    const LockoutRules none = {.after = 100, .seconds = 60};
    Lockout lockout = {0};
    for (unsigned i = 0; i < 99; i++) {
        lockout_count(&lockout, &none, BEGIN);
        g_assert_cmpint(lockout.until, ==, BEGIN);
        g_assert_false(lockout_is_locked(&lockout, BEGIN));
    }
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/lockout/R7.7/growing", test_growing);
    g_test_add_func("/lockout/R7.7/forgotten", test_forgotten);
    g_test_add_func("/lockout/clock", test_clock);
    g_test_add_func("/lockout/no pause", test_no_pause);
    return g_test_run();
}
