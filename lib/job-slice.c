/* SPDX-License-Identifier: MIT */
#include "lib/job-private.h"
#include "lib/settle.h"
#include <string.h>

/* The unit of work: a bounded run of rows, planned, its intent committed, applied, its outcomes
 * committed. */

static PlannedRow *row_without_writes(unsigned line, Outcome *outcome)
{
    PlannedRow *row = g_new0(PlannedRow, 1);
    row->line = line;
    row->writes = g_ptr_array_new();
    row->outcome = outcome;
    return row;
}

static void outcome_free_nullable(gpointer outcome)
{
    if (outcome)
        outcome_free(outcome);
}

static void operation_free_nullable(gpointer operation)
{
    if (operation)
        operation_free(operation);
}

void job_slice_clear(Slice *slice)
{
    g_clear_pointer(&slice->rows, g_ptr_array_unref);
    g_clear_pointer(&slice->operations, g_ptr_array_unref);
    g_clear_pointer(&slice->outcomes, g_ptr_array_unref);
    g_clear_pointer(&slice->hashes, g_ptr_array_unref);
}

bool job_slice_load(JobWorker *worker, SpoolClaim *claim, unsigned number, Slice *slice,
                    GError **error)
{
    g_auto(GStrv) names = spool_head_names(claim, error);
    if (!names)
        return false;
    g_autoptr(TableHead) head = table_head_from_names((const char *const *)names, NULL, error);
    if (!head)
        return false;
    g_autoptr(GVariant) stored = spool_slice_rows(claim, number, error);
    if (!stored)
        return false;
    slice->rows = table_rows_from_variant(stored, head);
    if (!slice->rows) {
        g_set_error_literal(error, JOB_ERROR, JOB_ERROR_BROKEN, "a stored slice has a wrong shape");
        return false;
    }
    const OperationRules rules = job_rules(worker, spool_claim_job(claim));
    slice->operations = g_ptr_array_new_with_free_func(operation_free_nullable);
    slice->outcomes = g_ptr_array_new_with_free_func(outcome_free_nullable);
    for (unsigned i = 0; i < slice->rows->len; i++) {
        Outcome *outcome = NULL;
        g_ptr_array_add(slice->operations, operation_from_row(g_ptr_array_index(slice->rows, i),
                                                              head, &rules, &outcome));
        g_ptr_array_add(slice->outcomes, outcome);
    }
    return true;
}

/* Plans a row; hash of its password: NULL where it was not made yet. */
static Answer plan_one(Plan *plan, const Operation *operation, const Secret *hash, PlannedRow **row,
                       GError **error)
{
    Operation known = *operation;
    if (hash) {
        known.password = (Secret *)hash;
        known.password_hashed = true;
    }
    Answer answer = plan_row(plan, &known, row, error);
    if (answer == ANSWER_YES && hash && (*row)->writes->len)
        (*row)->hash = secret_dup(hash);
    return answer;
}

GPtrArray *job_slice_plan(Plan *plan, const Slice *slice, GError **error)
{
    if (plan_prefetch(plan, slice->operations, error) != ANSWER_YES)
        return NULL;
    g_autoptr(GPtrArray) planned = g_ptr_array_new_with_free_func((GDestroyNotify)planned_row_free);
    for (unsigned i = 0; i < slice->rows->len; i++) {
        const TableRow *row = g_ptr_array_index(slice->rows, i);
        const Operation *operation = g_ptr_array_index(slice->operations, i);
        PlannedRow *planned_row = NULL;
        if (!operation)
            planned_row =
                row_without_writes(row->line, outcome_copy(g_ptr_array_index(slice->outcomes, i)));
        else if (plan_one(plan, operation, slice->hashes ? slice->hashes->pdata[i] : NULL,
                          &planned_row, error) != ANSWER_YES)
            return NULL;
        g_ptr_array_add(planned, planned_row);
    }
    return plan_finish(plan, error) == ANSWER_YES ? g_steal_pointer(&planned) : NULL;
}

static bool commit_intent(gpointer claim, GPtrArray *rows, GError **error)
{
    g_autoptr(GVariant) intent = g_variant_ref_sink(planned_rows_to_variant(rows));
    return spool_intent_store(claim, intent, error);
}

bool job_writes_anything(GPtrArray *planned)
{
    for (unsigned i = 0; i < planned->len; i++)
        if (((const PlannedRow *)g_ptr_array_index(planned, i))->writes->len > 0)
            return true;
    return false;
}

Answer job_intent_load(SpoolClaim *claim, GVariant **intent, GError **error)
{
    g_autoptr(GError) problem = NULL;
    Answer answer = spool_intent_load(claim, PLAN_ROWS_TYPE, intent, &problem);
    if (g_error_matches(problem, SPOOL_ERROR, SPOOL_ERROR_KEY))
        return spool_intent_load(claim, PLAN_ROWS_TYPE_4, intent, error);
    if (problem)
        g_propagate_error(error, g_steal_pointer(&problem));
    return answer;
}

/* The committed intent of the slice, made now, with *plan, or found from an earlier attempt
 * (*again). */
static GPtrArray *slice_intent(const PlanContext *context, SpoolClaim *claim, const Slice *slice,
                               Plan **made, bool *again, GError **error)
{
    g_autoptr(GVariant) stored = NULL;
    Answer answer = job_intent_load(claim, &stored, error);
    if (answer == ANSWER_UNKNOWN)
        return NULL;
    g_autoptr(GPtrArray) planned = NULL;
    *again = answer == ANSWER_YES;
    if (*again) {
        planned = planned_rows_from_variant(stored);
        if (!planned || planned->len != slice->rows->len) {
            g_set_error_literal(error, JOB_ERROR, JOB_ERROR_BROKEN,
                                "a stored intent has a wrong shape");
            return NULL;
        }
        return g_steal_pointer(&planned);
    }
    g_autoptr(Plan) plan = plan_new(context);
    planned = job_slice_plan(plan, slice, error);
    if (!planned || (job_writes_anything(planned) && !commit_intent(claim, planned, error)))
        return NULL;
    *made = g_steal_pointer(&plan);
    return g_steal_pointer(&planned);
}

GVariant *job_slice_outcomes(GPtrArray *planned, unsigned counts[RESULT_COUNT])
{
    Pack *pack = pack_new();
    pack_open(pack, PACK_ARRAY, 4);
    for (unsigned i = 0; i < planned->len; i++) {
        const PlannedRow *row = g_ptr_array_index(planned, i);
        counts[row->outcome->result]++;
        pack_open(pack, PACK_TUPLE, 4);
        pack_uint32(pack, row->line);
        outcome_pack(row->outcome, pack);
        pack_close(pack);
    }
    pack_close(pack);
    return g_variant_ref_sink(pack_end(pack, SPOOL_OUTCOMES_TYPE));
}

GVariant *job_slice_trail(GPtrArray *planned)
{
    Pack *pack = pack_new();
    pack_open(pack, PACK_ARRAY, 4);
    for (unsigned i = 0; i < planned->len; i++) {
        const PlannedRow *row = g_ptr_array_index(planned, i);
        for (unsigned j = 0; row->trail && j < row->trail->len; j++) {
            pack_open(pack, PACK_TUPLE, 4);
            pack_uint32(pack, row->line);
            pack_string(pack, result_name(row->outcome->result));
            pack_value(pack, row->trail->pdata[j]);
            pack_close(pack);
        }
    }
    pack_close(pack);
    return g_variant_ref_sink(pack_end(pack, SPOOL_TRAIL_TYPE));
}

/* --- Mode: apply --- */

static bool is_part(const GPtrArray *planned)
{
    return planned->len == 1 && planned_row_is_part(planned->pdata[0]);
}

/* What was done of the row is in the audit; the slice remains the next one, and others take their
 * turn before it. */
static bool commit_part(SpoolClaim *claim, GVariant *trail, GError **error)
{
    const Job *job = spool_claim_job(claim);
    SpoolStep step = {
        .state = JOB_WORKING,
        .phase = PHASE_PART,
        .slice = job->slices_done,
        .trail = trail,
    };
    memcpy(step.counts, job->counts, sizeof step.counts);
    return spool_slice_step(claim, &step, error);
}

/* A row that fails when a part of it is done says so. */
static void tell_part(const Job *job, GPtrArray *planned)
{
    const PlannedRow *row = planned->pdata[0];
    if (job->phase != PHASE_PART || row->outcome->result != RESULT_FAILED)
        return;
    char *reason = g_strconcat(row->outcome->reason, " ", JOB_PART_GONE, NULL);
    g_free(row->outcome->reason);
    row->outcome->reason = reason;
}

/* Settles the slice with the next one planned beside it, and commits its outcomes. *more: the next
 * one is the present one now. */
static bool apply_one(PlanContext *context, JobAhead *ahead, Slice *slice, GPtrArray **planned,
                      bool *more, GError **error)
{
    SpoolClaim *claim = ahead->claim;
    bool again = false, deviated = false;
    if (!*planned)
        *planned = slice_intent(&ahead->context, claim, slice, &ahead->plan, &again, error);
    if (!*planned)
        return false;
    const bool reads = job_slice_reads(slice);
    if (!is_part(*planned) && !reads)
        job_ahead_begin(ahead, slice);
    Settle settle = {context, slice->operations, commit_intent, claim, again, &deviated};
    if (settle_rows(&settle, *planned, error) != ANSWER_YES)
        return false;
    *more = job_ahead_end(ahead, deviated);
    g_autoptr(SpoolEffects) effects = reads ? spool_effects_new(claim) : NULL;
    if (reads && !job_show(ahead->worker, context, claim, slice, *planned, effects, error))
        return false;
    unsigned counts[RESULT_COUNT] = {0};
    tell_part(spool_claim_job(claim), *planned);
    g_autoptr(GVariant) outcomes = job_slice_outcomes(*planned, counts);
    g_autoptr(GVariant) trail = job_slice_trail(*planned);
    job_put_calls(ahead->worker, claim, slice->operations, *planned);
    if (is_part(*planned))
        return commit_part(claim, trail, error);
    if (reads)
        return spool_slice_checked(claim, outcomes, counts, effects, error);
    if (!*more)
        return spool_slice_done(claim, outcomes, counts, trail, error);
    if (!spool_slice_done_ahead(claim, outcomes, counts, trail, ahead->intent, error))
        return false;
    g_ptr_array_unref(*planned);
    *planned = job_ahead_take(ahead, slice);
    return true;
}

static bool slice_apply(JobWorker *worker, PlanContext *context, SpoolClaim *claim, Slice *slice,
                        GError **error)
{
    const Job *job = spool_claim_job(claim);
    g_autoptr(GPtrArray) planned = NULL;
    g_auto(JobAhead) ahead = {0};
    job_ahead_init(&ahead, worker, claim, context);
    if (job->slices_done + 1 >= job->slices)
        ahead.context.directory = worker->directory; /* spares a connection */
    for (bool more = true; more;)
        if (!apply_one(context, &ahead, slice, &planned, &more, error))
            return false;
    return true;
}

/* --- what the slices before would have made --- */

static Answer find_effect(gpointer claim, const char *name, GVariant **effect, GError **error)
{
    return spool_effect_load(claim, name, PLAN_EFFECT_TYPE, effect, error);
}

static GPtrArray *effects_with(gpointer claim, const char *member, GError **error)
{
    return spool_effects_with(claim, member, PLAN_EFFECT_TYPE, error);
}

static void keep_effect(gpointer effects, const char *name, GVariant *effect)
{
    spool_effects_add(effects, name, effect);
}

static void keep_joined(gpointer effects, const char *member, const char *name)
{
    spool_effects_join(effects, member, name);
}

PlanOverlay job_overlay(SpoolClaim *claim)
{
    return (PlanOverlay){find_effect, effects_with, claim};
}

SpoolEffects *job_slice_effects(SpoolClaim *claim, const Plan *plan)
{
    SpoolEffects *effects = spool_effects_new(claim);
    const PlanEffects keep = {keep_effect, keep_joined, effects};
    plan_effects(plan, &keep);
    return effects;
}

/* --- Mode: check --- */

/* Plans the slice over what the slices before would have made, and keeps what it would make. */
static bool slice_check(JobWorker *worker, PlanContext *context, SpoolClaim *claim,
                        const Slice *slice, GError **error)
{
    const PlanOverlay overlay = job_overlay(claim);
    context->overlay = &overlay;
    context->unwritten = true;
    g_autoptr(Plan) plan = plan_new(context);
    g_autoptr(GPtrArray) planned = job_slice_plan(plan, slice, error);
    if (!planned)
        return false;
    g_autoptr(SpoolEffects) effects = job_slice_effects(claim, plan);
    if (job_slice_reads(slice) && !job_show(worker, context, claim, slice, planned, effects, error))
        return false;
    unsigned counts[RESULT_COUNT] = {0};
    g_autoptr(GVariant) outcomes = job_slice_outcomes(planned, counts);
    return spool_slice_checked(claim, outcomes, counts, effects, error);
}

bool job_slice(JobWorker *worker, SpoolClaim *claim, GError **error)
{
    const Config *config = worker->config;
    const Job *job = spool_claim_job(claim);
    g_autoptr(Grant) grant = job_grant(job, error);
    g_autoptr(Address) requester = grant ? address_parse(job->facts.requester, NULL, error) : NULL;
    if (!requester)
        return false;
    g_auto(Slice) slice = {0};
    if (!job_addons_keep_up(worker, job, error) ||
        !job_slice_load(worker, claim, job->slices_done, &slice, error) ||
        !job_stay(worker, claim, error))
        return false;
    job_begin_submission(worker, claim);

    PlanContext context = {
        .job = job->id,
        .requester = requester,
        .grant = grant,
        .profile = config->profile,
        .directory = worker->directory,
        .has_grant = worker->has_grant,
        .has_grant_data = worker->has_grant_data,
        .batch_addresses = (const char *const *)config->batch_addresses,
        .reserved_locals = (const char *const *)config->reserved_addresses,
        .list_members_max = config->list_members_max,
        .password_scheme = config->password_scheme,
        .hasher = worker->hasher,
    };
    switch (job->mode) {
    case MODE_CHECK:
        return slice_check(worker, &context, claim, &slice, error);
    case MODE_ATOMIC:
        return job_atomic(worker, &context, claim, &slice, error);
    case MODE_APPLY:
    case MODE_COUNT:
        break;
    }
    return slice_apply(worker, &context, claim, &slice, error);
}
