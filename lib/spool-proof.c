/* SPDX-License-Identifier: MIT */
#include "lib/spool-private.h"

/* What becomes of a job whose proof did not hold, and what is counted against whom. */

static void pause_pair(Spool *spool, const char *sender, const char *client, gint64 until)
{
    g_autoptr(GMutexLocker) locker G_GNUC_UNUSED = g_mutex_locker_new(&spool->lock);
    spool_queue_pause(spool->queue, sender, client, until);
    spool_changed(spool);
}

bool spool_job_refused(SpoolClaim *claim, const SpoolRefusal *refusal, GError **error)
{
    Spool *spool = claim->spool;
    if (!spool_job_expect(claim, JOB_RECEIVED, error))
        return false;
    gint64 now = g_get_real_time();
    Job answered = spool_job_next(claim, JOB_REPORTING);
    answered.reference = (char *)refusal->reference;
    answered.refusal = (char *)refusal->sentence;
    answered.proven = answered.proven || refusal->proven;
    answered.not_before = refusal->pause > 0 ? now + (gint64)refusal->pause * G_USEC_PER_SEC : 0;
    g_autofree char *why =
        g_strdup_printf("no response was sent: %u to this address within an hour are allowed "
                        "(refusals_per_hour)",
                        refusal->answers_max);
    Job ended = answered;
    ended.state = JOB_DONE;
    ended.finished = now;
    ended.not_before = 0;
    ended.waiting = why;
    const SpoolRefused refused = {.answered = &answered,
                                  .ended = &ended,
                                  .answers_max = answered.proven ? 0 : refusal->answers_max,
                                  .now = now,
                                  .lockout = refusal->lockout,
                                  .rules = refusal->rules};
    Answer answer = spool->type->refuse(spool->store, &refused, error);
    if (answer == ANSWER_UNKNOWN)
        return false;
    spool_drop(spool, SPOOL_MAIL, answered.id);
    spool_drop(spool, SPOOL_ROWS, answered.id);
    if (refusal->lockout)
        pause_pair(spool, refusal->lockout->sender, refusal->lockout->client,
                   refusal->lockout->until);
    spool_job_adopt(claim, answer == ANSWER_YES ? &answered : &ended, NULL);
    return true;
}

bool spool_job_lockout(SpoolClaim *claim, Lockout *lockout, GError **error)
{
    Spool *spool = claim->spool;
    const JobFacts *facts = &claim->entry->job->facts;
    g_autofree char *client = spool_client_key(facts);
    const char *sender = facts->requester ? facts->requester : "";
    Answer known = spool->type->lockout_load(spool->store, sender, client, lockout, error);
    if (known == ANSWER_NO)
        *lockout = (Lockout){.sender = g_strdup(sender), .client = g_steal_pointer(&client)};
    return known != ANSWER_UNKNOWN;
}

bool spool_lockouts(Spool *spool, void (*found)(gpointer data, const Lockout *lockout),
                    gpointer data, GError **error)
{
    return spool->type->lockouts(spool->store, found, data, error);
}

static void load_pause(gpointer data, const Lockout *lockout)
{
    spool_queue_pause(data, lockout->sender, lockout->client, lockout->until);
}

bool spool_pauses_load(Spool *spool, GError **error)
{
    return spool->type->lockouts(spool->store, load_pause, spool->queue, error);
}

bool spool_lockout_release(Spool *spool, const char *sender, const char *client, unsigned *count,
                           GError **error)
{
    if (!spool_usable(spool, error) ||
        !spool->type->lockout_release(spool->store, sender, client, count, error))
        return false;
    pause_pair(spool, sender, client, 0);
    return true;
}
