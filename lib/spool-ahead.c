/* SPDX-License-Identifier: MIT */
#include "lib/spool-private.h"

/* The slice after the one that is worked on: its place in the queue, and its intent. */

Answer spool_ahead_claim(SpoolClaim *claim, GError **error)
{
    Spool *spool = claim->spool;
    const Job *job = claim->entry->job;
    if (!spool_job_expect(claim, JOB_WORKING, error))
        return ANSWER_UNKNOWN;
    if (job->slices_done + 1 >= job->slices)
        return ANSWER_NO;
    g_autoptr(SpoolSlice) slice = spool_slice_find(claim, job->slices_done + 1, error);
    if (!slice)
        return ANSWER_UNKNOWN;
    g_autoptr(GMutexLocker) locker G_GNUC_UNUSED = g_mutex_locker_new(&spool->lock);
    if (!spool_queue_again(spool->queue, claim->entry, slice, false, g_get_real_time()))
        return ANSWER_NO;
    spool_slice_free(claim->entry->ahead);
    claim->entry->ahead = g_steal_pointer(&slice);
    return ANSWER_YES;
}

GBytes *spool_ahead_intent(const SpoolClaim *claim, GVariant *intent)
{
    g_autoptr(GVariant) held = g_variant_ref_sink(intent);
    const Job *job = claim->entry->job;
    g_autofree char *label = spool_slice_label(job->id, "intent", job->slices_done + 1);
    return spool_seal_variant(claim->spool, label, held);
}

bool spool_ahead_keep(SpoolClaim *claim, GBytes *intent)
{
    Spool *spool = claim->spool;
    bool room =
        !intent || spool_disk_has_room(spool, SPOOL_COMMIT_BYTES + g_bytes_get_size(intent), NULL);
    g_mutex_lock(&spool->lock);
    bool keep =
        room && claim->entry->ahead &&
        spool_queue_again(spool->queue, claim->entry, claim->entry->ahead, true, g_get_real_time());
    g_mutex_unlock(&spool->lock);
    if (!keep)
        spool_ahead_drop(claim);
    return keep;
}

void spool_ahead_drop(SpoolClaim *claim)
{
    g_autoptr(GMutexLocker) locker G_GNUC_UNUSED = g_mutex_locker_new(&claim->spool->lock);
    if (!claim->entry->ahead)
        return;
    g_clear_pointer(&claim->entry->ahead, spool_slice_free);
    spool_changed(claim->spool);
}
