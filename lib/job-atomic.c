/* SPDX-License-Identifier: MIT */
#include "lib/job-private.h"
#include "lib/settle.h"
#include "lib/undo.h"
#include <string.h>

/* Mode: atomic. Slice by slice: all rows are planned over what the slices before will make, each
 * plan kept; if none failed, all plans are applied, what stood there before kept with each intent;
 * if a write still fails for good, the slices are taken back, the last one first. A crash goes on
 * in the direction in which it was going, since that is what the job's phase says. */

typedef struct {
    JobWorker *worker;
    PlanContext *context;
    SpoolClaim *claim;
    const Slice *slice;
    Undo *undo; /* while a slice is applied */
} Atomic;

static char *part_name(const Atomic *atomic, const char *kind)
{
    return g_strdup_printf("%s/%u", kind, spool_claim_job(atomic->claim)->slices_done);
}

static unsigned line_at(const Atomic *atomic, guint at)
{
    return ((const TableRow *)atomic->slice->rows->pdata[at])->line;
}

static bool broken(const char *what, GError **error)
{
    g_set_error(error, JOB_ERROR, JOB_ERROR_BROKEN, "a stored %s has a wrong shape", what);
    return false;
}

/* The step at which nothing of the job is done (any more). */
static void end_undone(const Job *job, SpoolStep *step, bool left)
{
    step->state = JOB_REPORTING;
    step->phase = left ? PHASE_UNDONE_LEFT : PHASE_UNDONE;
    step->slice = job->slices;
    unsigned failed = step->counts[RESULT_FAILED];
    memset(step->counts, 0, sizeof step->counts);
    step->counts[RESULT_FAILED] = failed;
    step->counts[RESULT_UNCHANGED] = job->rows - failed;
}

/* --- planning --- */

static bool needs_password(const Operation *operation)
{
    return operation && operation->type == TYPE_FULL &&
           (operation->action == ACTION_DELETE ||
            (operation->action == ACTION_MODIFY && operation->password));
}

/* What can't be read can't be put back. The requester's own entry has a password. */
static Answer can_read_passwords(const PlanContext *context, GError **error)
{
    g_autofree char *dn = profile_entry_dn(context->profile, context->requester);
    static const char *const all[] = {"*", NULL};
    g_autoptr(Entry) entry = NULL;
    Answer answer = directory_read(context->directory, dn, all, &entry, error);
    if (answer != ANSWER_YES)
        return answer;
    return profile_entry_has_password(context->profile, entry) ? ANSWER_YES : ANSWER_NO;
}

static bool refuse_unreadable(const Atomic *atomic, GPtrArray *planned, GError **error)
{
    Answer readable = ANSWER_YES;
    bool asked = false;
    for (guint i = 0; i < planned->len; i++) {
        PlannedRow *row = planned->pdata[i];
        const Operation *operation = atomic->slice->operations->pdata[i];
        if (row->outcome->result == RESULT_FAILED || !needs_password(operation))
            continue;
        if (!asked && (readable = can_read_passwords(atomic->context, error)) == ANSWER_UNKNOWN)
            return false;
        asked = true;
        if (readable == ANSWER_YES)
            return true;
        outcome_free(row->outcome);
        row->outcome = outcome_failed(
            "ACTION", action_name(operation->action),
            "Send this row without the line Mode: atomic, or ask your service provider.",
            "With Mode: atomic a password must be kept until all rows are done, and the service "
            "may not read it.");
    }
    return true;
}

static bool atomic_plan(Atomic *atomic, GError **error)
{
    const Job *job = spool_claim_job(atomic->claim);
    const PlanOverlay overlay = job_overlay(atomic->claim);
    atomic->context->overlay = &overlay;
    g_autoptr(Plan) plan = plan_new(atomic->context);
    g_autoptr(GPtrArray) planned = job_slice_plan(plan, atomic->slice, error);
    if (!planned || !refuse_unreadable(atomic, planned, error))
        return false;
    SpoolStep step = {.state = JOB_WORKING, .phase = PHASE_PLAN, .slice = job->slices_done + 1};
    memcpy(step.counts, job->counts, sizeof step.counts);
    g_autoptr(GVariant) outcomes = job_slice_outcomes(planned, step.counts);
    g_autoptr(SpoolEffects) effects = job_slice_effects(atomic->claim, plan);
    g_autofree char *name = part_name(atomic, "plan");
    spool_effects_add(effects, name, planned_rows_to_variant(planned));
    step.outcomes = outcomes;
    step.effects = effects;
    if (step.slice == job->slices && step.counts[RESULT_FAILED]) {
        end_undone(job, &step, false);
    } else if (step.slice == job->slices) {
        step.phase = PHASE_APPLY;
        step.slice = 0;
    }
    return spool_slice_step(atomic->claim, &step, error);
}

/* --- applying --- */

/* What stands there is kept in the commit of the intent that will change it. */
static bool commit_intent(gpointer data, GPtrArray *rows, GError **error)
{
    Atomic *atomic = data;
    if (undo_prepare(atomic->undo, rows, error) != ANSWER_YES)
        return false;
    g_autoptr(SpoolEffects) effects = spool_effects_new(atomic->claim);
    g_autofree char *name = part_name(atomic, "images");
    spool_effects_add(effects, name, undo_to_variant(atomic->undo));
    return spool_intent_store_with(atomic->claim, planned_rows_to_variant(rows), effects, error);
}

static Undo *load_undo(const Atomic *atomic, GError **error)
{
    g_autofree char *name = part_name(atomic, "images");
    g_autoptr(GVariant) stored = NULL;
    unsigned first = line_at(atomic, 0), last = line_at(atomic, atomic->slice->rows->len - 1);
    Answer answer = spool_effect_load(atomic->claim, name, UNDO_TYPE, &stored, error);
    if (answer == ANSWER_UNKNOWN)
        return NULL;
    if (answer == ANSWER_NO)
        return undo_new(atomic->context, first, last);
    Undo *undo = undo_from_variant(atomic->context, first, last, stored);
    if (!undo)
        broken("before-image", error);
    return undo;
}

static GPtrArray *rows_from(const Atomic *atomic, GVariant *stored, GError **error)
{
    g_autoptr(GPtrArray) rows = planned_rows_from_variant(stored);
    if (rows && rows->len == atomic->slice->rows->len)
        return g_steal_pointer(&rows);
    broken("plan", error);
    return NULL;
}

static GPtrArray *load_plan(const Atomic *atomic, GError **error)
{
    g_autofree char *name = part_name(atomic, "plan");
    g_autoptr(GVariant) stored = NULL;
    g_autoptr(GError) problem = NULL;
    Answer answer = spool_effect_load(atomic->claim, name, PLAN_ROWS_TYPE, &stored, &problem);
    if (g_error_matches(problem, SPOOL_ERROR, SPOOL_ERROR_KEY)) {
        answer = spool_effect_load(atomic->claim, name, PLAN_ROWS_TYPE_4, &stored, error);
    } else if (problem) {
        g_propagate_error(error, g_steal_pointer(&problem));
        return NULL;
    }
    if (answer == ANSWER_NO)
        broken("plan", error);
    return answer == ANSWER_YES ? rows_from(atomic, stored, error) : NULL;
}

/* The slice's intent, committed now or found from an earlier attempt (*again). */
static GPtrArray *load_intent(Atomic *atomic, bool *again, GError **error)
{
    g_autoptr(GVariant) stored = NULL;
    Answer answer = job_intent_load(atomic->claim, &stored, error);
    if (answer == ANSWER_UNKNOWN)
        return NULL;
    *again = answer == ANSWER_YES;
    if (*again)
        return rows_from(atomic, stored, error);
    g_autoptr(GPtrArray) rows = load_plan(atomic, error);
    if (!rows || !commit_intent(atomic, rows, error))
        return NULL;
    return g_steal_pointer(&rows);
}

static bool atomic_apply(Atomic *atomic, GError **error)
{
    const Job *job = spool_claim_job(atomic->claim);
    g_autoptr(GPtrArray) plan = load_plan(atomic, error);
    g_autoptr(Undo) undo = plan ? load_undo(atomic, error) : NULL;
    bool again = false, deviated = false;
    atomic->undo = undo;
    g_autoptr(GPtrArray) rows = undo ? load_intent(atomic, &again, error) : NULL;
    if (!rows)
        return false;
    const Settle settle = {.context = atomic->context,
                           .operations = atomic->slice->operations,
                           .commit = commit_intent,
                           .data = atomic,
                           .again = again,
                           .deviated = &deviated};
    if (settle_rows(&settle, rows, error) != ANSWER_YES)
        return false;

    g_autoptr(SpoolEffects) effects = spool_effects_new(atomic->claim);
    if (job_slice_reads(atomic->slice) && !job_show(atomic->worker, atomic->context, atomic->claim,
                                                    atomic->slice, rows, effects, error))
        return false;

    unsigned expected[RESULT_COUNT] = {0}, got[RESULT_COUNT] = {0};
    g_variant_unref(job_slice_outcomes(plan, expected));
    g_autoptr(GVariant) outcomes = job_slice_outcomes(rows, got);
    g_autoptr(GVariant) trail = job_slice_trail(rows);
    job_put_calls(atomic->worker, atomic->claim, atomic->slice->operations, rows);
    SpoolStep step = {.state = JOB_WORKING,
                      .phase = PHASE_APPLY,
                      .slice = job->slices_done + 1,
                      .outcomes = outcomes,
                      .effects = effects,
                      .trail = trail};
    for (unsigned i = 0; i < RESULT_COUNT; i++)
        step.counts[i] = job->counts[i] - expected[i] + got[i];
    if (got[RESULT_FAILED]) {
        step.phase = PHASE_UNDO;
        step.slice = job->slices_done;
    } else if (step.slice == job->slices) {
        step.state = JOB_REPORTING;
    }
    if (!spool_slice_step(atomic->claim, &step, error))
        return false;
    if (got[RESULT_FAILED])
        job_log(job, LOG_LEVEL_INFO, "action=undo failed=%u", got[RESULT_FAILED]);
    return true;
}

/* --- undoing --- */

static bool has_line(const GArray *lines, unsigned line)
{
    for (guint i = 0; i < lines->len; i++)
        if (g_array_index(lines, unsigned, i) == line)
            return true;
    return false;
}

/* The outcomes of the slice, with those that could not be taken back as failed. */
static GVariant *tell_left(const Atomic *atomic, const GArray *left, unsigned counts[RESULT_COUNT],
                           GError **error)
{
    unsigned number = spool_claim_job(atomic->claim)->slices_done;
    g_autoptr(GVariant) stored = spool_slice_outcomes(atomic->claim, number, error);
    if (!stored)
        return NULL;
    g_autoptr(GPtrArray) rows = g_ptr_array_new_with_free_func((GDestroyNotify)planned_row_free);
    for (gsize i = 0; i < g_variant_n_children(stored) && i < atomic->slice->rows->len; i++) {
        g_autoptr(GVariant) pair = g_variant_get_child_value(stored, i);
        g_autoptr(GVariant) value = g_variant_get_child_value(pair, 1);
        const Operation *operation = atomic->slice->operations->pdata[i];
        Outcome *outcome = outcome_from_variant(value);
        if (outcome && outcome->result != RESULT_FAILED && has_line(left, line_at(atomic, i))) {
            outcome_free(outcome);
            counts[RESULT_FAILED]++;
            outcome = outcome_failed(
                NULL, operation ? operation->address->full : NULL,
                "Look at this address, and correct it by hand or with a new request.",
                "This row was carried out and could not be taken back, because the address was "
                "changed by somebody else meanwhile.");
        }
        if (!outcome) {
            broken("outcome", error);
            return NULL;
        }
        g_ptr_array_add(rows, planned_row_new(line_at(atomic, i), outcome));
    }
    unsigned unused[RESULT_COUNT] = {0};
    return job_slice_outcomes(rows, unused);
}

/* The lines of the slice but for those that are left as they are; "au". */
static GVariant *lines_undone(const Atomic *atomic, const GArray *left)
{
    GVariantBuilder builder;
    g_variant_builder_init(&builder, G_VARIANT_TYPE("au"));
    for (guint i = 0; i < atomic->slice->rows->len; i++)
        if (!has_line(left, line_at(atomic, i)))
            g_variant_builder_add(&builder, "u", line_at(atomic, i));
    return g_variant_ref_sink(g_variant_builder_end(&builder));
}

static bool atomic_undo(Atomic *atomic, GError **error)
{
    const Job *job = spool_claim_job(atomic->claim);
    g_autoptr(GArray) left = g_array_new(FALSE, FALSE, sizeof(unsigned));
    g_autoptr(Undo) undo = load_undo(atomic, error);
    if (!undo || undo_run(undo, left, error) != ANSWER_YES)
        return false;
    g_autoptr(GVariant) undone = lines_undone(atomic, left);
    SpoolStep step = {
        .state = JOB_WORKING, .phase = left->len ? PHASE_UNDO_LEFT : job->phase, .undone = undone};
    memcpy(step.counts, job->counts, sizeof step.counts);
    g_autoptr(GVariant) outcomes = NULL;
    if (left->len && !(outcomes = tell_left(atomic, left, step.counts, error)))
        return false;
    step.outcomes = outcomes;
    if (job->slices_done == 0)
        end_undone(job, &step, step.phase == PHASE_UNDO_LEFT);
    else
        step.slice = job->slices_done - 1;
    return spool_slice_step(atomic->claim, &step, error);
}

bool job_atomic(JobWorker *worker, PlanContext *context, SpoolClaim *claim, const Slice *slice,
                GError **error)
{
    Atomic atomic = {worker, context, claim, slice, NULL};
    switch (spool_claim_job(claim)->phase) {
    case PHASE_PLAN:
        return atomic_plan(&atomic, error);
    case PHASE_APPLY:
        return atomic_apply(&atomic, error);
    case PHASE_UNDO:
    case PHASE_UNDO_LEFT:
        return atomic_undo(&atomic, error);
    case PHASE_UNDONE:
    case PHASE_UNDONE_LEFT:
    case PHASE_PART:
    case PHASE_COUNT:
        break;
    }
    return broken("phase", error);
}
