/* SPDX-License-Identifier: MIT */
#include "lib/lockout.h"

/* A last one that is so much later than now was noted by a clock that has been set back since. */
#define CLOCK_BACK (2 * G_TIME_SPAN_HOUR)

void lockout_clear(Lockout *lockout)
{
    g_free(lockout->sender);
    g_free(lockout->client);
    *lockout = (Lockout){0};
}

bool lockout_is_locked(const Lockout *lockout, gint64 now)
{
    return lockout->locked_until > now && lockout->last <= now + CLOCK_BACK;
}

static bool is_forgotten(const Lockout *lockout, const LockoutRules *rules, gint64 now)
{
    if (lockout->locked_until != 0)
        return !lockout_is_locked(lockout, now);
    return lockout->last > now + CLOCK_BACK ||
           now - lockout->last >= (gint64)rules->seconds * G_USEC_PER_SEC;
}

static gint64 pause_after(unsigned failures, unsigned first)
{
    gint64 pause = first;
    for (unsigned i = 1; i < failures && pause < LOCKOUT_PAUSE_MAX && pause > 0; i++)
        pause = MIN(2 * pause, LOCKOUT_PAUSE_MAX);
    return pause * G_USEC_PER_SEC;
}

void lockout_count(Lockout *lockout, const LockoutRules *rules, gint64 now)
{
    if (is_forgotten(lockout, rules, now))
        lockout->failures = 0, lockout->locked_until = 0;
    lockout->failures += lockout->failures < G_MAXUINT;
    lockout->last = now;
    lockout->until = now + pause_after(lockout->failures, rules->pause);
    if (lockout->locked_until == 0 && lockout->failures >= rules->after)
        lockout->locked_until = now + (gint64)rules->seconds * G_USEC_PER_SEC;
}
