/* SPDX-License-Identifier: MIT */
#include "lib/job-private.h"
#include "lib/show.h"
#include "lib/text.h"

/* What the rows of a slice ask to see. It is read when everything before is done, and kept in the
 * commit of their outcomes: as often as a response is made, it tells the same. */

/* What the job has shown so far: rows, bytes, and whether there was no room for a row's. The text
 * is empty: pack_is_normal() takes no tuple of fixed size. */
#define TOTAL_TYPE "(uubs)"
#define TOTAL_NAME "export"
/* The lines of one slice. */
#define PART_TYPE "(s)"

typedef struct {
    JobWorker *worker;
    const Grant *grant;
    SpoolClaim *claim;
    unsigned rows, bytes; /* of the job; both limits are below 2^31 */
    bool full;
    GString *text; /* of the slice */
    /* of the present row: */
    unsigned shown, lost;
    GError *stopped;
} Shown;

static void shown_clear(Shown *shown)
{
    g_string_free(shown->text, TRUE);
    g_clear_error(&shown->stopped);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Shown, shown_clear)

static char *part_name(unsigned slice)
{
    return g_strdup_printf(TOTAL_NAME "/%u", slice);
}

Answer job_shown(SpoolClaim *claim, unsigned *rows, unsigned *bytes, bool *full, GError **error)
{
    g_autoptr(GVariant) total = NULL;
    gboolean there = FALSE;
    Answer answer = spool_effect_load(claim, TOTAL_NAME, TOTAL_TYPE, &total, error);
    if (answer == ANSWER_YES)
        g_variant_get(total, TOTAL_TYPE, rows, bytes, &there, NULL);
    *full = there;
    return answer;
}

Answer job_shown_part(SpoolClaim *claim, unsigned slice, GVariant **part, GError **error)
{
    g_autofree char *name = part_name(slice);
    g_autoptr(GVariant) found = NULL;
    Answer answer = spool_effect_load(claim, name, PART_TYPE, &found, error);
    if (answer == ANSWER_YES)
        *part = g_variant_get_child_value(found, 0);
    return answer;
}

bool job_slice_reads(const Slice *slice)
{
    for (guint i = 0; i < slice->operations->len; i++) {
        const Operation *operation = slice->operations->pdata[i];
        if (operation && action_reads(operation->action))
            return true;
    }
    return false;
}

/* --- one row --- */

/* What the grant lets its holder manage he may see: so it can be sent back. */
static bool on_row(gpointer data, const ShowRow *row)
{
    Shown *shown = data;
    const Config *config = shown->worker->config;
    if (!(shown->grant->types & (1u << row->type)) || !grant_covers(shown->grant, row->domain))
        return true;
    if (!job_goes_on(shown->worker, &shown->stopped))
        return false;
    shown->lost += show_file_row(shown->text, config->profile, TYPE_COUNT, row);
    shown->shown++;
    shown->full = shown->rows + shown->shown > config->export_rows_max ||
                  shown->bytes + shown->text->len > config->export_bytes_max;
    return !shown->full;
}

static ShowScope scope_of(const Shown *shown, const Operation *operation)
{
    static const char *const none[] = {NULL};
    const bool domain = operation->type == TYPE_DOMAIN, all = operation->action == ACTION_EXPORT;
    ShowScope scope = {
        .domain = operation->address->domain,
        .user = domain ? NULL : operation->address->local,
        .type = all ? TYPE_COUNT : (int)operation->type,
        .everywhere = shown->grant->every_domain,
    };
    if (all && !domain)
        scope.around = shown->grant->domains ? (const char *const *)shown->grant->domains : none;
    return scope;
}

static Outcome *too_much(const Config *config)
{
    g_autofree char *bytes = text_size(config->export_bytes_max);
    return outcome_failed(
        "ACTION", NULL,
        "Ask for less in one request, for example for one domain. What is larger alone your "
        "service "
        "provider can export.",
        "One request can show at most %u rows or %s (limits export_rows_max, export_bytes_max), "
        "and "
        "with this row, or one before it, there are more.",
        config->export_rows_max, bytes);
}

static Outcome *too_many(const Address *address)
{
    return outcome_failed("USER", address->full, "Use SHOW, or ask your service provider.",
                          "More than %d lists and other addresses lead to %s: one row can't export "
                          "them.",
                          SHOW_AROUND_MAX, address->full);
}

static Outcome *told(const Shown *shown, bool there, bool check)
{
    Outcome *outcome = outcome_new(RESULT_UNCHANGED);
    GString *words = g_string_new(NULL);
    if (!there)
        g_string_append(words, "It would be shown in export.csv as it is then.");
    else if (shown->shown == 0)
        g_string_append(words, "There is nothing in it that you manage.");
    else
        g_string_append_printf(words, "%s export.csv, in %u row%s.",
                               check ? "As it is now, it would be shown in" : "It is shown in",
                               shown->shown, shown->shown == 1 ? "" : "s");
    if (shown->lost)
        g_string_append_printf(words, " Of %u cell%s only the first of several values is shown.",
                               shown->lost, shown->lost == 1 ? "" : "s");
    outcome->reason = g_string_free(words, FALSE);
    return outcome;
}

static Outcome *gone(const Operation *operation)
{
    const bool domain = operation->type == TYPE_DOMAIN;
    const Address *address = operation->address;
    return outcome_failed(domain ? "DOMAIN" : "USER", domain ? address->domain : address->full,
                          "If you did not expect that, ask who else manages this domain.",
                          "It was deleted by somebody else meanwhile.");
}

/* The row's outcome, owned by the caller; NULL with an error. In a check, what an earlier row would
 * make is not there to be read. */
static Outcome *show_one(Shown *shown, Directory *directory, const Operation *operation, bool check,
                         GError **error)
{
    const Config *config = shown->worker->config;
    const ShowScope scope = scope_of(shown, operation);
    const gsize before = shown->text->len;
    shown->shown = shown->lost = 0;
    if (shown->full)
        return too_much(config);
    Answer answer = show_stream(directory, config->profile, &scope, on_row, shown, error);
    if (shown->stopped) {
        g_clear_error(error);
        g_propagate_error(error, g_steal_pointer(&shown->stopped));
        return NULL;
    }
    if (answer == ANSWER_UNKNOWN &&
        g_error_matches(*error, DIRECTORY_ERROR, DIRECTORY_ERROR_SIZE)) {
        g_clear_error(error);
        g_string_truncate(shown->text, before);
        return too_many(operation->address);
    }
    if (answer == ANSWER_UNKNOWN)
        return NULL;
    if (shown->full) {
        g_string_truncate(shown->text, before);
        return too_much(config);
    }
    shown->rows += shown->shown;
    if (answer == ANSWER_NO && !check)
        return gone(operation);
    return told(shown, answer == ANSWER_YES, check);
}

/* --- a slice --- */

static void keep(const Shown *shown, SpoolEffects *effects, bool check)
{
    unsigned slice = spool_claim_job(shown->claim)->slices_done;
    g_autofree char *name = part_name(slice);
    spool_effects_add(effects, TOTAL_NAME,
                      g_variant_new(TOTAL_TYPE, shown->rows,
                                    shown->bytes + (unsigned)shown->text->len,
                                    (gboolean)shown->full, ""));
    if (!check && shown->text->len)
        spool_effects_add(effects, name, g_variant_new(PART_TYPE, shown->text->str));
}

bool job_show(JobWorker *worker, const PlanContext *context, SpoolClaim *claim, const Slice *slice,
              GPtrArray *planned, SpoolEffects *effects, GError **error)
{
    const Job *job = spool_claim_job(claim);
    const bool check = job->mode == MODE_CHECK;
    g_auto(Shown) shown = {.worker = worker, .grant = context->grant, .claim = claim};
    shown.text = g_string_new(NULL);
    if (job_shown(claim, &shown.rows, &shown.bytes, &shown.full, error) == ANSWER_UNKNOWN)
        return false;
    const unsigned before = shown.rows;
    for (guint i = 0; i < planned->len; i++) {
        PlannedRow *row = planned->pdata[i];
        const Operation *operation = slice->operations->pdata[i];
        if (!operation || !action_reads(operation->action) || row->outcome->result == RESULT_FAILED)
            continue;
        Outcome *outcome = show_one(&shown, context->directory, operation, check, error);
        if (!outcome)
            return false;
        outcome_free(row->outcome);
        row->outcome = outcome;
    }
    keep(&shown, effects, check);
    job_log(job, LOG_LEVEL_INFO, "action=show slice=%u rows=%u", job->slices_done,
            shown.rows - before);
    return true;
}
