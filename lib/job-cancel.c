/* SPDX-License-Identifier: MIT */
#include "lib/job-private.h"

/* A job is ended by hand. */

#define CANCELLED_WHOLE                                                                            \
    "The request was cancelled by your service provider before work on it began. Ask there "       \
    "before you send it again."
#define CANCELLED_ROW "The request was cancelled by your service provider before this row was done."
#define CANCELLED_ADVICE "Ask your service provider before you send the row again."

#define CANCELLED_PART                                                                             \
    "The request was cancelled by your service provider before this row was done to its end. "
#define CANCELLED_PART_ADVICE                                                                      \
    "Ask your service provider. To delete the rest, send the row again; to keep it, have the "     \
    "domain resumed."

/* The slice at slices_done, all of its rows failed. */
static bool cancel_slice(SpoolClaim *claim, GError **error)
{
    unsigned counts[RESULT_COUNT] = {0};
    bool part = spool_claim_job(claim)->phase == PHASE_PART;
    GVariantBuilder builder;
    g_autoptr(GVariant) rows = spool_slice_rows(claim, spool_claim_job(claim)->slices_done, error);
    if (!rows)
        return false;
    g_variant_builder_init(&builder, G_VARIANT_TYPE(SPOOL_OUTCOMES_TYPE));
    for (gsize i = 0; i < g_variant_n_children(rows); i++) {
        g_autoptr(GVariant) row = g_variant_get_child_value(rows, i);
        g_autoptr(Outcome) outcome =
            outcome_failed(NULL, NULL, part ? CANCELLED_PART_ADVICE : CANCELLED_ADVICE, "%s",
                           part ? CANCELLED_PART JOB_PART_GONE : CANCELLED_ROW);
        guint32 line = 0;
        g_variant_get_child(row, 0, "u", &line);
        g_variant_builder_add(&builder, "(u@" OUTCOME_TYPE ")", line, outcome_to_variant(outcome));
        counts[RESULT_FAILED]++;
    }
    g_autoptr(GVariant) outcomes = g_variant_ref_sink(g_variant_builder_end(&builder));
    return spool_slice_done(claim, outcomes, counts, NULL, error);
}

static bool late(const Job *job, const char *why, GError **error)
{
    g_set_error(error, JOB_ERROR, JOB_ERROR_LATE, "job %s %s", job->id, why);
    return false;
}

/* --- damaged --- */

static char *counted(const Job *job)
{
    return g_strdup_printf("%u created, %u changed, %u deleted, %u unchanged, %u failed",
                           job->counts[RESULT_CREATED], job->counts[RESULT_CHANGED],
                           job->counts[RESULT_DELETED], job->counts[RESULT_UNCHANGED],
                           job->counts[RESULT_FAILED]);
}

/* What is known of the rows, in sentences. */
static char *known_rows(const Job *job, bool unsettled)
{
    g_autofree char *counts = counted(job);
    unsigned done = 0;
    for (int i = 0; i < RESULT_COUNT; i++)
        done += job->counts[i];
    if (job->mode == MODE_CHECK ||
        (job->mode == MODE_ATOMIC && (job->phase == PHASE_PLAN || job->phase == PHASE_UNDONE)))
        return g_strdup("Nothing was changed.");
    if (job->state != JOB_WORKING && job->mode == MODE_APPLY)
        return g_strdup_printf("All of its %u rows were worked on (%s); which row had which result "
                               "can't be told any more.",
                               job->rows, counts);
    if (job->state != JOB_WORKING || job->mode == MODE_ATOMIC)
        return g_strdup("Which of its rows were carried out can't be told any more.");
    return g_strdup_printf(
        "Of its %u rows the first %u were worked on (%s); of the others %s.", job->rows, done,
        counts, unsettled ? "some may have been carried out, too" : "none was carried out");
}

/* It would wait for ever. What the directory holds of half done rows stays. */
static bool break_off(SpoolClaim *claim, GError **error)
{
    const Job *job = spool_claim_job(claim);
    bool unsettled = spool_claim_is_unsettled(claim) || job->phase == PHASE_PART;
    g_autofree char *known = known_rows(job, unsettled);
    g_autofree char *refusal = g_strdup_printf(
        "What was stored of your request was damaged, and your service provider has ended it. %s "
        "Look at the addresses of your file before you send its rows again.",
        known);
    g_autofree char *damage = log_value(job->waiting);
    unsigned from = job->slices_done;
    if (!spool_job_broken_off(claim, refusal, error))
        return false;
    job_log(job, LOG_LEVEL_WARNING,
            "action=\"break off\" rows=%u slice=%u slices=%u unsettled=%s reason=%s", job->rows,
            from, job->slices, unsettled ? "yes" : "no", damage);
    return true;
}

bool job_cancel(SpoolClaim *claim, GError **error)
{
    const Job *job = spool_claim_job(claim);
    if (job->state == JOB_RECEIVED) {
        const SpoolRefusal refusal = {.sentence = CANCELLED_WHOLE};
        if (!spool_job_refused(claim, &refusal, error))
            return false;
    } else if (job_is_damaged(job)) {
        return break_off(claim, error);
    } else if (job->state != JOB_WORKING) {
        return late(job, "has been worked on to its end; only its response is still to go", error);
    } else if (job->mode == MODE_ATOMIC) {
        return late(job, "is carried out as a whole: all of its rows or none", error);
    } else if (spool_claim_is_unsettled(claim)) {
        /* What is half done must be finished: nobody knows what the directory holds. */
        return late(job, "has rows that are half done and must be finished first; try again later",
                    error);
    }
    unsigned from = job->slices_done;
    while (job->state == JOB_WORKING)
        if (!cancel_slice(claim, error))
            return false;
    job_log(job, LOG_LEVEL_WARNING, "action=cancel rows=%u slice=%u slices=%u", job->rows, from,
            job->slices);
    return true;
}
