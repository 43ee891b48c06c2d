/* SPDX-License-Identifier: MIT */
#include "lib/job-private.h"

/* While a slice is settled the directory is busy and this process idle; so the next one is read,
 * planned, its passwords hashed and its intent sealed meanwhile. Nothing of it counts before it is
 * committed, and it is thrown away where that what it was planned on did not come. */

void job_ahead_init(JobAhead *ahead, JobWorker *worker, SpoolClaim *claim,
                    const PlanContext *context)
{
    ahead->worker = worker;
    ahead->claim = claim;
    ahead->context = *context;
    ahead->context.directory = worker->reader;
    ahead->context.dropped = &ahead->dropped;
}

static void forget(JobAhead *ahead)
{
    g_clear_pointer(&ahead->plan, plan_free);
    g_clear_pointer(&ahead->planned, g_ptr_array_unref);
    g_clear_pointer(&ahead->intent, g_bytes_unref);
}

void job_ahead_clear(JobAhead *ahead)
{
    g_atomic_int_set(&ahead->dropped, 1);
    if (ahead->thread)
        g_thread_join(ahead->thread);
    forget(ahead);
    job_slice_clear(&ahead->slice);
}

static unsigned first_line(const Slice *slice)
{
    return ((const TableRow *)slice->rows->pdata[0])->line;
}

/* What is in a domain, or is asked for, is looked at when all before is done. */
static bool stands_alone(const Slice *slice)
{
    const Operation *operation = slice->operations->pdata[0];
    return operation && operation_kind(operation) != ROW_WRITES;
}

/* Why it fails is of no interest: the slice will be planned once more, and then it is told. */
static gpointer plan_slice(gpointer data)
{
    JobAhead *ahead = data;
    if (!job_slice_load(ahead->worker, ahead->claim, ahead->number, &ahead->slice, NULL) ||
        ahead->slice.rows->len == 0 || stands_alone(&ahead->slice))
        return NULL;
    plan_go_on(ahead->plan, ahead->done, first_line(&ahead->slice));
    ahead->planned = job_slice_plan(ahead->plan, &ahead->slice, NULL);
    if (ahead->planned && job_writes_anything(ahead->planned))
        ahead->intent = spool_ahead_intent(ahead->claim, planned_rows_to_variant(ahead->planned));
    return NULL;
}

static bool may_go_on(const JobAhead *ahead)
{
    return !g_atomic_int_get(&ahead->worker->stopping) &&
           !g_atomic_int_get(&ahead->worker->retired);
}

void job_ahead_begin(JobAhead *ahead, const Slice *slice)
{
    if (!ahead->plan || !may_go_on(ahead) ||
        !job_addons_keep_up(ahead->worker, spool_claim_job(ahead->claim), NULL) ||
        spool_ahead_claim(ahead->claim, NULL) != ANSWER_YES)
        return;
    ahead->number = spool_claim_job(ahead->claim)->slices_done + 1;
    ahead->done = first_line(slice);
    ahead->thread = g_thread_try_new("ahead", plan_slice, ahead, NULL);
}

/* The plan is of no use, but what was hashed for it is. */
static void keep_hashes(JobAhead *ahead)
{
    GPtrArray *hashes = g_ptr_array_new_with_free_func((GDestroyNotify)secret_free);
    for (guint i = 0; i < ahead->planned->len; i++) {
        PlannedRow *row = ahead->planned->pdata[i];
        g_ptr_array_add(hashes, g_steal_pointer(&row->hash));
    }
    ahead->slice.hashes = hashes;
}

bool job_ahead_end(JobAhead *ahead, bool deviated)
{
    if (!ahead->thread)
        return false;
    if (!may_go_on(ahead))
        g_atomic_int_set(&ahead->dropped, 1);
    g_thread_join(g_steal_pointer(&ahead->thread));
    if (!ahead->planned || !may_go_on(ahead)) {
        spool_ahead_drop(ahead->claim);
        return false;
    }
    if (deviated) {
        keep_hashes(ahead);
        forget(ahead);
    }
    return spool_ahead_keep(ahead->claim, ahead->intent);
}

GPtrArray *job_ahead_take(JobAhead *ahead, Slice *slice)
{
    job_slice_clear(slice);
    *slice = ahead->slice;
    ahead->slice = (Slice){0};
    g_clear_pointer(&ahead->intent, g_bytes_unref);
    return g_steal_pointer(&ahead->planned);
}
