/* SPDX-License-Identifier: MIT */
#include "lib/spool-private.h"
#include <string.h>

/* What becomes of a job whose proof did not hold, and what is counted against whom. */

/* Refusals after which records are counted. */
#define TRIM_EVERY 100

static void pause_pair(Spool *spool, const char *sender, const char *client, gint64 until)
{
    g_autoptr(GMutexLocker) locker G_GNUC_UNUSED = g_mutex_locker_new(&spool->lock);
    spool_queue_pause(spool->queue, sender, client, until);
    spool_changed(spool);
}

GStrv spool_refusal_keys(const JobFacts *facts)
{
    const char *requester = facts->requester ? facts->requester : "";
    const char *at = strrchr(requester, '@');
    GStrv keys = g_new0(char *, 3);
    keys[0] = g_strdup(facts->own_key || !at ? requester : at);
    keys[1] = g_strconcat("*", at ? at : "", NULL);
    return keys;
}

bool spool_trim_unproven(Spool *spool, GError **error)
{
    g_autoptr(GPtrArray) gone = g_ptr_array_new_with_free_func(g_free);
    g_mutex_lock(&spool->lock);
    unsigned max = spool->unproven_records_max;
    g_mutex_unlock(&spool->lock);
    if (max > 0 && !spool->type->trim_unproven(spool->store, max, gone, error))
        return false;
    for (unsigned i = 0; i < gone->len; i++)
        spool_drop(spool, SPOOL_RESPONSE, g_ptr_array_index(gone, i));
    return true;
}

/* Anybody can make such jobs, in any number. */
static void trim_sometimes(Spool *spool)
{
    g_mutex_lock(&spool->lock);
    bool due = ++spool->refused % TRIM_EVERY == 0;
    g_mutex_unlock(&spool->lock);
    /* What fails is tried again, or the spool has failed. */
    if (due)
        (void)spool_trim_unproven(spool, NULL);
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
    g_autofree char *why = g_strdup_printf(
        "no response was sent: %u to this address%s within an hour are allowed "
        "(refusals_per_hour)",
        refusal->answers_max, answered.facts.own_key ? "" : " or others of its domain");
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
    trim_sometimes(spool);
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
