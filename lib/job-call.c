/* SPDX-License-Identifier: MIT */
#include "lib/follow.h"
#include "lib/job-private.h"

/* What follows a change elsewhere: calls of add-ons, made in the commit of the slice, and told with
 * the rows. */

/* How often a job that waits for its calls is looked at, should nobody tell that one ended. */
#define LOOK (G_USEC_PER_SEC / 2)

void job_put_calls(JobWorker *worker, SpoolClaim *claim, GPtrArray *operations, GPtrArray *planned)
{
    const GPtrArray *addons = worker->config->addons;
    if (!addons || addons->len == 0)
        return;
    GPtrArray *calls = g_ptr_array_new_with_free_func((GDestroyNotify)spool_call_free);
    for (guint i = 0; i < addons->len; i++)
        for (guint j = 0; j < planned->len; j++) {
            const PlannedRow *row = planned->pdata[j];
            for (guint k = 0; row->trail && k < row->trail->len; k++)
                follow_calls(addons->pdata[i], row->trail->pdata[k], operations->pdata[j],
                             row->line, profile_disabled(worker->config->profile), calls);
        }
    spool_calls_put(claim, calls);
}

bool job_addons_keep_up(JobWorker *worker, const Job *job, GError **error)
{
    const GPtrArray *addons = worker->config->addons;
    if (!addons || addons->len == 0 || job->mode == MODE_CHECK ||
        (job->mode == MODE_ATOMIC && job->phase != PHASE_PLAN))
        return true;
    switch (spool_calls_have_room(worker->spool, error)) {
    case ANSWER_YES:
        return true;
    case ANSWER_NO:
        g_set_error_literal(error, JOB_ERROR, JOB_ERROR_LATE,
                            "too many calls of add-ons wait (batchload queue tells why)");
        return false;
    case ANSWER_UNKNOWN:
        break;
    }
    return false;
}

Answer job_awaits_calls(JobWorker *worker, SpoolClaim *claim, GError **error)
{
    if (spool_claim_job(claim)->refusal)
        return ANSWER_NO;
    const Answer open = spool_calls_open(claim, worker->config->addon_wait, error);
    if (open == ANSWER_YES)
        spool_job_await(claim, g_get_real_time() + LOOK);
    return open;
}

/* The first call of each line tells why. */
static void note_call(gpointer data, const SpoolCall *call)
{
    GHashTable *left = data;
    if (g_hash_table_contains(left, GUINT_TO_POINTER(call->line)))
        return;
    g_autofree char *why = call->reason     ? g_strdup_printf("it says: %s", call->reason)
                           : call->attempts ? g_strdup("it failed")
                                            : g_strdup("it has not done it in time");
    Outcome *outcome = outcome_failed(
        NULL, NULL,
        "Do not send this row again. The add-on is called until it has done it; your service "
        "provider can tell how far it is.",
        "The change itself is made, but the add-on %s has not followed it yet (%s): %s",
        call->addon, call->name, why);
    outcome->done = true;
    g_hash_table_insert(left, GUINT_TO_POINTER(call->line), outcome);
}

static void free_outcome(gpointer outcome)
{
    outcome_free(outcome);
}

GHashTable *job_calls_left(JobWorker *worker, const Job *job, GError **error)
{
    g_autoptr(GHashTable) left = g_hash_table_new_full(NULL, NULL, NULL, free_outcome);
    if (!spool_calls_list(worker->spool, job->id, note_call, left, error))
        return NULL;
    return g_steal_pointer(&left);
}
