/* SPDX-License-Identifier: MIT */
#include "lib/spool-private.h"

/* What people do to a job: it is taken out of its turn. */

Answer spool_claim_this(Spool *spool, const char *id, unsigned seconds, SpoolClaim **claim,
                        GError **error)
{
    gint64 end = g_get_monotonic_time() + (gint64)seconds * G_USEC_PER_SEC;
    if (!spool_usable(spool, error))
        return ANSWER_UNKNOWN;
    g_autoptr(GMutexLocker) locker G_GNUC_UNUSED = g_mutex_locker_new(&spool->lock);
    SpoolEntry *entry = spool_queue_find(spool->queue, id);
    /* It may end, and its entry go, while it is waited for. */
    for (bool late = false; entry && entry->claimed && !late;) {
        entry->wanted = true;
        late = !g_cond_wait_until(&spool->released, &spool->lock, end);
        entry = spool_queue_find(spool->queue, id);
    }
    if (!entry)
        return ANSWER_NO;
    if (entry->claimed) {
        entry->wanted = false;
        g_set_error(error, SPOOL_ERROR, SPOOL_ERROR_BUSY, "job %s is being worked on", id);
        return ANSWER_UNKNOWN;
    }
    spool_queue_take_this(entry);
    *claim = spool_claim_new(spool, entry);
    return ANSWER_YES;
}

bool spool_claim_is_unsettled(const SpoolClaim *claim)
{
    return claim->entry->unsettled;
}

bool spool_job_hurry(SpoolClaim *claim, GError **error)
{
    Spool *spool = claim->spool;
    Job *job = claim->entry->job;
    Job next = *job;
    /* Who was to fetch the response has been waited for: not once more. */
    next.attempts =
        job->state == JOB_SENDING && spool_is_fetched(&job->facts) ? MIN(job->attempts, 1) : 0;
    next.not_before = 0;
    next.waiting = NULL;
    if (!spool->type->save(spool->store, &next, false, error))
        return false;
    g_autoptr(GMutexLocker) locker G_GNUC_UNUSED = g_mutex_locker_new(&spool->lock);
    g_clear_pointer(&job->waiting, g_free);
    job->attempts = next.attempts;
    job->not_before = 0;
    return true;
}

Answer spool_job_send_again(Spool *spool, const char *id, GError **error)
{
    g_autoptr(Job) job = NULL;
    if (!spool_usable(spool, error))
        return ANSWER_UNKNOWN;
    Answer found = spool->type->find(spool->store, id, &job, error);
    if (found != ANSWER_YES)
        return found;
    if (job->state != JOB_ANSWER_FAILED)
        return ANSWER_NO;
    job->state = JOB_SENDING;
    job->finished = 0;
    job->attempts = 0;
    job->not_before = 0;
    g_clear_pointer(&job->waiting, g_free);
    if (!spool->type->save(spool->store, job, false, error))
        return ANSWER_UNKNOWN;
    g_autoptr(GMutexLocker) locker G_GNUC_UNUSED = g_mutex_locker_new(&spool->lock);
    spool_room_add(spool, &job->facts, job->proven, job->bytes);
    spool_queue_add(spool->queue, g_steal_pointer(&job), NULL);
    spool_changed(spool);
    return ANSWER_YES;
}
