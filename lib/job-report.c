/* SPDX-License-Identifier: MIT */
#include "lib/job-private.h"
#include "lib/response.h"
#include "lib/show.h"

#include <string.h>

/* The last stages: outcomes to a stored response, and the response to the MTA. */

/* How long a response that is not mailed waits for its reader. */
#define FETCH_SECONDS 60

/* Outcomes and rows of a job, slice by slice. */
typedef struct {
    JobWorker *worker;
    SpoolClaim *claim;
    TableHead *head;
    char *note;
    unsigned slice;     /* the next to be loaded */
    GVariant *outcomes; /* of the loaded one: SPOOL_OUTCOMES_TYPE */
    gsize at, count;    /* in these */
    Unpack unpack;      /* the outcome at at */
    GHashTable *left;   /* line → Outcome, of rows whose calls did not succeed; or NULL */
    bool counted;       /* counts are those of all rows */
    unsigned counts[RESULT_COUNT];
    unsigned shown, shown_bytes; /* what is to be seen: lines of export.csv */
    GPtrArray *rows; /* of TableRow, as many; given out ones are NULL; NULL: not yet asked for */
} Reader;

static void reader_drop(Reader *reader)
{
    g_clear_pointer(&reader->rows, g_ptr_array_unref);
    g_clear_pointer(&reader->outcomes, g_variant_unref);
    reader->at = 0;
}

static void reader_clear(Reader *reader)
{
    reader_drop(reader);
    g_clear_pointer(&reader->head, table_head_free);
    g_clear_pointer(&reader->note, g_free);
    g_clear_pointer(&reader->left, g_hash_table_unref);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Reader, reader_clear)

static bool reader_rewind(gpointer data, GError **error)
{
    (void)error;
    Reader *reader = data;
    reader_drop(reader);
    reader->slice = 0;
    if (!reader->counted)
        memset(reader->counts, 0, sizeof reader->counts);
    return true;
}

static bool not_together(GError **error)
{
    g_set_error_literal(error, JOB_ERROR, JOB_ERROR_BROKEN,
                        "stored rows and outcomes do not fit together");
    return false;
}

/* The next slice's outcomes. */
static bool reader_load(Reader *reader, GError **error)
{
    reader_drop(reader);
    if (!job_goes_on(reader->worker, error))
        return false;
    reader->outcomes = spool_slice_outcomes(reader->claim, reader->slice, error);
    if (!reader->outcomes)
        return false;
    unpack_init(&reader->unpack, reader->outcomes);
    reader->count = unpack_open_array(&reader->unpack, 4);
    reader->slice++;
    return true;
}

/* The rows of the slice whose outcomes are loaded. */
static bool reader_load_rows(Reader *reader, GError **error)
{
    g_autoptr(GVariant) rows = spool_slice_rows(reader->claim, reader->slice - 1, error);
    if (!rows)
        return false;
    reader->rows = table_rows_from_variant(rows, reader->head);
    return (reader->rows && reader->rows->len == reader->count) || not_together(error);
}

#define NOT_DONE "Not carried out, because not every row of the request could be (Mode: atomic)."

static bool is_undone(const Job *job)
{
    return job->phase == PHASE_UNDONE || job->phase == PHASE_UNDONE_LEFT;
}

static Answer reader_next(gpointer data, Outcome **outcome, GError **error)
{
    Reader *reader = data;
    while (!reader->outcomes || reader->at >= reader->count) {
        if (reader->slice >= spool_claim_job(reader->claim)->slices) {
            reader->counted = true;
            return ANSWER_NO;
        }
        if (!reader_load(reader, error))
            return ANSWER_UNKNOWN;
    }
    unpack_open_tuple(&reader->unpack, 4, 0);
    const unsigned line = unpack_uint32(&reader->unpack);
    Outcome *found = outcome_unpack(&reader->unpack);
    unpack_close(&reader->unpack);
    if (!found) {
        g_set_error_literal(error, JOB_ERROR, JOB_ERROR_BROKEN,
                            "a stored outcome has a wrong shape");
        return ANSWER_UNKNOWN;
    }
    /* What a row would have come to, or did before it was taken back, is of no use to anybody. */
    if (is_undone(spool_claim_job(reader->claim)) && found->result != RESULT_FAILED) {
        outcome_free(found);
        found = outcome_new(RESULT_UNCHANGED);
        found->reason = g_strdup(NOT_DONE);
    }
    const Outcome *left =
        reader->left ? g_hash_table_lookup(reader->left, GUINT_TO_POINTER(line)) : NULL;
    if (left && found->result != RESULT_FAILED) {
        outcome_free(found);
        found = outcome_copy(left);
    }
    if (!reader->counted)
        reader->counts[found->result]++;
    *outcome = found;
    reader->at++;
    return ANSWER_YES;
}

static TableRow *reader_row(gpointer data, GError **error)
{
    Reader *reader = data;
    if (!reader->rows && !reader_load_rows(reader, error))
        return NULL;
    return g_steal_pointer(&g_ptr_array_index(reader->rows, reader->at - 1));
}

static char *head_shown(const Reader *reader)
{
    GString *head = g_string_new(NULL);
    show_file_head(head, reader->worker->config->profile, TYPE_COUNT);
    return g_string_free(head, FALSE);
}

/* The headline of export.csv, and then what the rows of one slice each asked to see. */
static Answer reader_part(gpointer data, unsigned number, char **lines, GError **error)
{
    const Reader *reader = data;
    g_autoptr(GVariant) part = NULL;
    if (number == 0) {
        *lines = head_shown(reader);
        return ANSWER_YES;
    }
    if (--number >= spool_claim_job(reader->claim)->slices)
        return ANSWER_NO;
    if (!job_goes_on(reader->worker, error) ||
        job_shown_part(reader->claim, number, &part, error) == ANSWER_UNKNOWN)
        return ANSWER_UNKNOWN;
    *lines = part ? g_variant_dup_string(part, NULL) : NULL;
    return ANSWER_YES;
}

/* What was seen of what has been taken back since is of no use to anybody. */
static bool reader_find_shown(Reader *reader, GError **error)
{
    bool full;
    if (is_undone(spool_claim_job(reader->claim)))
        return true;
    return job_shown(reader->claim, &reader->shown, &reader->shown_bytes, &full, error) !=
           ANSWER_UNKNOWN;
}

static bool reader_init(Reader *reader, SpoolClaim *claim, GError **error)
{
    reader->claim = claim;
    if (spool_claim_job(claim)->refusal)
        return true;
    g_auto(GStrv) names = spool_head_names(claim, error);
    if (!names)
        return false;
    reader->head = table_head_from_names((const char *const *)names, NULL, error);
    if (!reader->head || !spool_note(claim, &reader->note, error) ||
        !reader_find_shown(reader, error))
        return false;
    reader->left = job_calls_left(reader->worker, spool_claim_job(claim), error);
    return reader->left != NULL;
}

/* Stores the response in a form. false with RESPONSE_ERROR_TOO_LARGE or what could not be told. */
static bool store_response(Reader *reader, ResponseForm form, guint64 bytes_max, GError **error)
{
    SpoolClaim *claim = reader->claim;
    const ResponseSource source = {
        .head = reader->head,
        .note = reader->note,
        .rewind = reader_rewind,
        .next = reader_next,
        .row = reader_row,
        .data = reader,
        .shown = reader->shown,
        .part = reader_part,
    };
    g_autoptr(GOutputStream) out = spool_response_create(claim, error);
    if (!out ||
        !response_write(spool_claim_job(claim), &source, form, bytes_max, g_get_real_time(), out,
                        error) ||
        !g_output_stream_close(out, NULL, error))
        return false;
    if (reader->left && g_hash_table_size(reader->left) > 0 && reader->counted)
        spool_response_counts(claim, reader->counts);
    return spool_response_stored(claim, error);
}

/* Whether result.csv can't but be larger than that: each row has its separators, the shortest of
 * results, and an end of line. So of a large request it is not made only to be thrown away. */
static bool is_too_large(const Reader *reader, guint64 bytes_max)
{
    const Job *job = spool_claim_job(reader->claim);
    guint64 row = strlen("failed") + strlen("\r\n") + (reader->head ? reader->head->columns : 0);
    return row * job->rows + reader->shown_bytes > bytes_max;
}

/* The response in the first form, from this one on, that is small enough. */
static bool make_response(JobWorker *worker, SpoolClaim *claim, ResponseForm form,
                          guint64 bytes_max, GError **error)
{
    const guint64 plain_max = MIN(bytes_max, worker->config->compress_above);
    g_auto(Reader) reader = {.worker = worker};
    if (!reader_init(&reader, claim, error))
        return false;
    if (form == RESPONSE_PLAIN && is_too_large(&reader, plain_max))
        form = RESPONSE_COMPRESSED;
    for (;; form++) {
        g_autoptr(GError) problem = NULL;
        if (store_response(&reader, form, form == RESPONSE_PLAIN ? plain_max : bytes_max, &problem))
            return true;
        if (form == RESPONSE_TEXT ||
            !g_error_matches(problem, RESPONSE_ERROR, RESPONSE_ERROR_TOO_LARGE)) {
            g_propagate_error(error, g_steal_pointer(&problem));
            return false;
        }
    }
}

/* Only the text is read of what a command fetches. */
static bool is_for_command(SpoolClaim *claim)
{
    return spool_is_fetched(&spool_claim_job(claim)->facts);
}

bool job_report(JobWorker *worker, SpoolClaim *claim, GError **error)
{
    const Answer awaits = job_awaits_calls(worker, claim, error);
    if (awaits != ANSWER_NO)
        return awaits == ANSWER_YES;
    return make_response(worker, claim, is_for_command(claim) ? RESPONSE_TEXT : RESPONSE_PLAIN,
                         worker->config->response_bytes_max, error);
}

static bool send_failed(SpoolClaim *claim, const GError *why, GError **error)
{
    if (!spool_job_answer_failed(claim, why->message, error))
        return false;
    g_autofree char *reason = log_value(why->message);
    job_log(spool_claim_job(claim), LOG_LEVEL_ERROR, "action=\"answer failed\" to=%s reason=%s",
            spool_claim_job(claim)->facts.requester, reason);
    return true;
}

void job_begin_submission(JobWorker *worker, SpoolClaim *claim)
{
    const Job *job = spool_claim_job(claim);
    job_drop_submission(worker);
    if (job->slices > 1 || is_for_command(claim))
        return;
    worker->submission = submission_begin(&worker->config->submit, job->facts.requester);
    worker->submission_job = g_strdup(job->id);
}

Submission *job_take_submission(JobWorker *worker, const Job *job)
{
    if (g_strcmp0(worker->submission_job, job->id) != 0)
        job_drop_submission(worker);
    g_clear_pointer(&worker->submission_job, g_free);
    return g_steal_pointer(&worker->submission);
}

void job_drop_submission(JobWorker *worker)
{
    g_clear_pointer(&worker->submission, submission_free);
    g_clear_pointer(&worker->submission_job, g_free);
}

/* ANSWER_NO and ANSWER_UNKNOWN with an error. What was taken is never handed over again. */
static Answer hand_over(JobWorker *worker, SpoolClaim *claim, guint64 *bytes_max, GError **error)
{
    if (spool_response_is_handed_over(claim))
        return ANSWER_YES;
    g_autoptr(GInputStream) message = spool_response_open(claim, error);
    if (!message)
        return ANSWER_UNKNOWN;
    Answer answer = submit_message(&worker->config->submit, spool_claim_job(claim)->facts.requester,
                                   job_take_submission(worker, spool_claim_job(claim)), message,
                                   bytes_max, error);
    if (answer == ANSWER_YES)
        spool_response_handed_over(claim);
    return answer;
}

/* Whether a response that nobody has fetched goes to the requester all the same: what a door has
 * changed is told. Anybody can have others' requests refused there, which is told to nobody else.
 */
static bool is_mailed_unfetched(const Job *job)
{
    return spool_is_by_program(&job->facts) && job->proven;
}

/* A command fetches it while the job waits, or has gone away. */
static bool await_command(SpoolClaim *claim, GError **error)
{
    return spool_job_wait(claim, FETCH_SECONDS, "a command is to fetch the response", error);
}

/* Makes the response anew from what is refused. ANSWER_NO: its rows are gone, since it is sent
 * again by hand; it is as it is. */
static Answer make_smaller(JobWorker *worker, SpoolClaim *claim, ResponseForm form,
                           guint64 bytes_max, const GError *refused, GError **error)
{
    g_autofree char *reason = log_value(refused->message);
    job_log(spool_claim_job(claim), LOG_LEVEL_WARNING, "action=\"%s\" reason=%s",
            form == RESPONSE_TEXT ? "send without attachments" : "send smaller", reason);
    g_autoptr(GError) problem = NULL;
    if (make_response(worker, claim, form, bytes_max, &problem))
        return ANSWER_YES;
    if (g_error_matches(problem, SPOOL_ERROR, SPOOL_ERROR_KEY))
        return ANSWER_NO;
    g_propagate_error(error, g_steal_pointer(&problem));
    return ANSWER_UNKNOWN;
}

/* hand_over(); where the MTA refuses the response, once more as small as the MTA says that it must
 * be, and once more without attachments. */
static Answer hand_over_smaller(JobWorker *worker, SpoolClaim *claim, GError **error)
{
    guint64 own = worker->config->response_bytes_max, said = 0;
    bool text = false;
    for (;;) {
        g_autoptr(GError) problem = NULL;
        Answer answer = hand_over(worker, claim, &said, &problem);
        if (answer == ANSWER_NO && !spool_claim_job(claim)->refusal && !text) {
            bool large = g_error_matches(problem, SUBMIT_ERROR, SUBMIT_ERROR_TOO_LARGE);
            text = !large || said >= own;
            answer = make_smaller(worker, claim, text ? RESPONSE_TEXT : RESPONSE_COMPRESSED,
                                  large ? MIN(said, own) : own, problem, error);
            own = large ? MIN(said, own) : own;
            if (answer == ANSWER_YES)
                continue;
            if (answer == ANSWER_UNKNOWN)
                return answer;
        }
        if (answer != ANSWER_YES)
            g_propagate_error(error, g_steal_pointer(&problem));
        return answer;
    }
}

bool job_send(JobWorker *worker, SpoolClaim *claim, GError **error)
{
    const Job *job = spool_claim_job(claim);
    g_autoptr(GError) problem = NULL;
    if (is_for_command(claim) && job->attempts == 0)
        return await_command(claim, error);
    if (is_for_command(claim) && !is_mailed_unfetched(job))
        return spool_job_done(claim, error);
    switch (hand_over_smaller(worker, claim, &problem)) {
    case ANSWER_NO:
        return send_failed(claim, problem, error);
    case ANSWER_UNKNOWN:
        g_propagate_error(error, g_steal_pointer(&problem));
        return false;
    case ANSWER_YES:
        break;
    }
    if (!spool_job_done(claim, error))
        return false;
    job_log(job, LOG_LEVEL_INFO,
            "action=done to=%s rows=%u created=%u changed=%u deleted=%u unchanged=%u failed=%u "
            "seconds=%.3f",
            job->facts.requester, job->rows, job->counts[RESULT_CREATED],
            job->counts[RESULT_CHANGED], job->counts[RESULT_DELETED], job->counts[RESULT_UNCHANGED],
            job->counts[RESULT_FAILED],
            (double)(g_get_real_time() - job->received) / G_USEC_PER_SEC);
    return true;
}
