/* SPDX-License-Identifier: MIT */
#include "lib/job-private.h"

/* The first stage: mail to request, the proof, the file to slices. */

/* One sentence for an account that is missing, disabled, doubled, or whose password is wrong. */
#define PROOF_REFUSED                                                                              \
    "The password is not the right one for your address, or your address can't be used to send "   \
    "requests. Check the line that begins with Password:. If it is right, ask your service "       \
    "provider."

#define PROOF_GIVEN_UP                                                                             \
    "Your password could not be checked because the directory was out of reach for too long. "     \
    "Please send the request again later."

#define PARSER_GIVEN_UP                                                                            \
    "Your mail could not be read: the program that reads it was ended again and again. Please "    \
    "tell your service provider, and send the request again later."

static GInputStream *open_mail(gpointer claim, GError **error)
{
    g_autoptr(GError) cause = NULL;
    GInputStream *mail = spool_mail_open(claim, &cause);
    if (mail)
        return mail;
    /* Gone is as good as damaged, in the words of the room that reads it. */
    if (g_error_matches(cause, SPOOL_ERROR, SPOOL_ERROR_KEY))
        g_set_error_literal(error, SEAL_ERROR, SEAL_ERROR_BROKEN, cause->message);
    else
        g_propagate_error(error, g_steal_pointer(&cause));
    return NULL;
}

static bool refuse(JobWorker *worker, SpoolClaim *claim, SpoolRefusal refusal, GError **error)
{
    /* What a door answers is a mail to nobody. */
    refusal.answers_max =
        spool_is_by_door(&spool_claim_job(claim)->facts) ? 0 : worker->config->refusals_per_hour;
    refusal.rules = &worker->config->lockout;
    if (!spool_job_refused(claim, &refusal, error))
        return false;
    const Job *job = spool_claim_job(claim);
    g_autofree char *reason = log_value(refusal.sentence);
    g_autofree char *login = log_value(job->facts.login);
    job_log(job, LOG_LEVEL_INFO, "action=%s from=%s client=%s%s%s reason=%s",
            job->state == JOB_DONE ? "\"refuse without response\"" : "refuse", job->facts.requester,
            job->facts.client, job->facts.login ? " login=" : "", job->facts.login ? login : "",
            reason);
    return true;
}

/* A wrong password, or one that was not looked at: the same words, and the same pauses. */
static bool refuse_proof(JobWorker *worker, SpoolClaim *claim, const char *reference,
                         Lockout *lockout, GError **error)
{
    const Config *config = worker->config;
    const gint64 now = g_get_real_time();
    bool before = lockout_is_locked(lockout, now);
    bool door = spool_is_by_door(&spool_claim_job(claim)->facts);
    lockout_count(lockout, &config->lockout, now);
    if (!refuse(worker, claim,
                (SpoolRefusal){.reference = reference,
                               .sentence = door ? JOB_DOOR_REFUSED : PROOF_REFUSED,
                               .pause = config->refusal_pause,
                               .lockout = lockout},
                error))
        return false;
    if (!before && lockout_is_locked(lockout, now)) {
        g_autofree char *client = log_value(lockout->client);
        job_log(spool_claim_job(claim), LOG_LEVEL_WARNING,
                "action=lock from=%s client=%s failures=%u seconds=%u", lockout->sender, client,
                lockout->failures, config->lockout.seconds);
    }
    return true;
}

/* Whether the one entry that bears the requester's address, and its domain, are enabled. */
static Answer find_requester(JobWorker *worker, const Address *requester, char **dn, GError **error)
{
    const Profile *profile = worker->config->profile;
    g_autofree char *filter = profile_filter_address_anywhere(profile, requester);
    g_autoptr(GPtrArray) entries = NULL;
    g_autoptr(GError) problem = NULL;
    Answer answer = directory_search(worker->directory, profile_base(profile), DIRECTORY_SCOPE_SUB,
                                     filter, profile_attributes(profile), 2, &entries, &problem);
    if (answer == ANSWER_UNKNOWN) {
        if (g_error_matches(problem, DIRECTORY_ERROR, DIRECTORY_ERROR_SIZE))
            return ANSWER_NO; /* borne more than twice */
        g_propagate_error(error, g_steal_pointer(&problem));
        return ANSWER_UNKNOWN;
    }
    if (answer == ANSWER_NO) {
        /* Not the requester is missing, but all of the directory that we know. */
        g_set_error_literal(error, DIRECTORY_ERROR, DIRECTORY_ERROR_SETTINGS,
                            "The directory's base is missing, or the service's login can't see it");
        return ANSWER_UNKNOWN;
    }
    if (entries->len != 1 || !profile_entry_enabled(profile, g_ptr_array_index(entries, 0)))
        return ANSWER_NO;
    g_autofree char *domain_dn = profile_domain_dn(profile, requester->domain);
    g_autoptr(Entry) domain = NULL;
    answer =
        directory_read(worker->directory, domain_dn, profile_attributes(profile), &domain, error);
    if (answer != ANSWER_YES)
        return answer;
    if (!profile_domain_enabled(profile, domain))
        return ANSWER_NO;
    *dn = g_strdup(((Entry *)g_ptr_array_index(entries, 0))->dn);
    return ANSWER_YES;
}

static Answer check_proof(JobWorker *worker, const Job *job, const Secret *password, GError **error)
{
    g_autofree char *dn = NULL;
    g_autoptr(Address) requester = address_parse(job->facts.requester, NULL, error);
    if (!requester)
        return ANSWER_UNKNOWN;
    Answer answer = find_requester(worker, requester, &dn, error);
    if (answer != ANSWER_YES)
        return answer;
    return directory_check_password(worker->directory, dn, password, error);
}

/* What is gathered of the rows before they become a slice. */
typedef struct {
    SpoolRows *rows;
    const TableHead *head;
    const Grant *grant;
    const OperationRules *rules;
    GPtrArray *pending; /* of TableRow */
    gsize bytes;
    RowKind kind;         /* of all of them */
    unsigned atomic_rows; /* most rows where all are to be done or none; else 0 */
    bool door;            /* names may lack their domain */
} Slicer;

static bool slicer_flush(Slicer *slicer, GError **error)
{
    if (slicer->pending->len == 0)
        return true;
    g_autoptr(GPtrArray) operations =
        g_ptr_array_new_with_free_func((GDestroyNotify)operation_free);
    for (unsigned i = 0; i < slicer->pending->len; i++) {
        g_autoptr(Outcome) outcome = NULL;
        Operation *operation = operation_from_row(g_ptr_array_index(slicer->pending, i),
                                                  slicer->head, slicer->rules, &outcome);
        if (operation)
            g_ptr_array_add(operations, operation);
    }
    g_auto(GStrv) domains = plan_domains(slicer->grant, operations);
    g_autoptr(GVariant) slice = g_variant_ref_sink(table_rows_to_variant(slicer->pending));
    bool added = spool_rows_add(slicer->rows, slice, slicer->pending->len,
                                (const char *const *)domains, error);
    g_ptr_array_set_size(slicer->pending, 0);
    slicer->bytes = 0;
    return added;
}

static gsize row_bytes(const TableRow *row)
{
    gsize bytes = 0;
    for (unsigned i = 0; i < row->columns; i++)
        bytes += strlen(row->cell[i]);
    return bytes;
}

static Answer next_row(JobWorker *worker, TableReader *reader, const Slicer *slicer, TableRow **row,
                       GError **error)
{
    Answer answer = table_reader_next(reader, row, error);
    if (answer != ANSWER_YES || !slicer->door ||
        job_name_row(worker, slicer->grant, slicer->head, row, error))
        return answer;
    g_clear_pointer(row, table_row_free);
    return ANSWER_UNKNOWN;
}

/* Takes row over. A row of another kind than those before begins a slice. */
static bool slicer_add(Slicer *slicer, TableRow *row, GError **error)
{
    RowKind kind = operation_row_kind(row, slicer->head);
    if ((kind != slicer->kind || kind == ROW_ALONE) && !slicer_flush(slicer, error)) {
        table_row_free(row);
        return false;
    }
    slicer->kind = kind;
    g_ptr_array_add(slicer->pending, row);
    slicer->bytes += row_bytes(row);
    return true;
}

/* Reads the file to its end into slices. false with an error of the table or the mail (the file
 * is refused), or of anything else (could not tell). */
static bool slice_table(JobWorker *worker, TableReader *reader, Slicer *slicer, unsigned rows_max,
                        GError **error)
{
    unsigned count = 0;
    for (;;) {
        TableRow *row = NULL;
        if (!job_goes_on(worker, error))
            return false;
        Answer answer = next_row(worker, reader, slicer, &row, error);
        if (answer == ANSWER_UNKNOWN)
            return false;
        if (answer == ANSWER_NO)
            return slicer_flush(slicer, error);
        if (!slicer_add(slicer, row, error))
            return false;
        count++;
        if (slicer->atomic_rows && count > slicer->atomic_rows) {
            g_set_error(error, TABLE_ERROR, TABLE_ERROR_LIMIT,
                        "The file has more than %u rows, the most that a request with Mode: atomic "
                        "may have (limit atomic_rows). Leave out the line Mode: atomic, or split "
                        "the file into several requests.",
                        slicer->atomic_rows);
            return false;
        }
        if (count > rows_max) {
            g_set_error(error, TABLE_ERROR, TABLE_ERROR_LIMIT,
                        "The file has more than %u rows, the most that one request of yours may "
                        "have (limit rows). Split it into several requests.",
                        rows_max);
            return false;
        }
        if ((slicer->kind == ROW_ALONE || slicer->pending->len >= worker->config->slice_rows ||
             slicer->bytes >= JOB_SLICE_BYTES_MAX) &&
            !slicer_flush(slicer, error))
            return false;
    }
}

/* Whether an error is the request's own fault, to be told to the administrator. */
static bool is_refusal(const GError *error)
{
    if (error->domain == TABLE_ERROR)
        return error->code != TABLE_ERROR_READ;
    if (error->domain == JOB_ERROR)
        return error->code == JOB_ERROR_NAME;
    return error->domain == REQUEST_ERROR && error->code != REQUEST_ERROR_CHILD &&
           error->code != REQUEST_ERROR_DAMAGED && error->code != REQUEST_ERROR_CUT;
}

OperationRules job_rules(const JobWorker *worker, const Job *job)
{
    OperationRules rules = worker->config->rules;
    rules.modify_requires_password =
        rules.modify_requires_password && !spool_is_by_program(&job->facts);
    return rules;
}

static bool store_table(JobWorker *worker, SpoolClaim *claim, const Request *request,
                        RequestReader *mail, GError **error)
{
    const Config *config = worker->config;
    g_autoptr(Grant) grant = job_grant(spool_claim_job(claim), error);
    if (!grant)
        return false;
    g_autoptr(GInputStream) stream = request_reader_table(mail);
    g_autoptr(TableReader) reader = table_reader_new(stream, &config->table);
    const TableHead *head = table_reader_head(reader, error);
    if (!head)
        return false;
    g_autoptr(SpoolRows) rows = spool_rows_new(claim, error);
    if (!rows)
        return false;
    g_autoptr(GPtrArray) pending = g_ptr_array_new_with_free_func((GDestroyNotify)table_row_free);
    const OperationRules rules = job_rules(worker, spool_claim_job(claim));
    const bool door = spool_is_by_door(&spool_claim_job(claim)->facts);
    Slicer slicer = {.rows = rows,
                     .head = head,
                     .grant = grant,
                     .rules = &rules,
                     .pending = pending,
                     .door = door};
    unsigned rows_max =
        grant->rows ? MIN(grant->rows, config->table.rows_max) : config->table.rows_max;
    bool atomic = request->mode == MODE_ATOMIC;
    slicer.atomic_rows = atomic ? config->atomic_rows : 0;
    if (!slice_table(worker, reader, &slicer, rows_max, error))
        return false;
    if (atomic)
        spool_rows_share_domains(rows);
    spool_rows_note(rows, table_reader_note(reader));
    return spool_job_proved(claim, request->reference, request->mode,
                            (const char *const *)head->name, g_steal_pointer(&rows), error);
}

/* Could not tell: the job waits, but not for ever; then sentence says what could not be told. */
static bool put_off(JobWorker *worker, SpoolClaim *claim, const char *sentence,
                    const char *reference, GError *problem, GError **error)
{
    gint64 waited = g_get_real_time() - spool_claim_job(claim)->received;
    if (waited > (gint64)worker->config->proof_wait * G_USEC_PER_SEC) {
        g_error_free(problem);
        return refuse(worker, claim, (SpoolRefusal){.reference = reference, .sentence = sentence},
                      error);
    }
    g_propagate_error(error, problem);
    return false;
}

/* The administrator is told that the mail can't be read; what happened is for the postmaster. */
static void log_parser(const Job *job, const RequestReader *mail)
{
    const char *ended = request_reader_ended(mail);
    g_autofree char *reason = log_value(ended);
    if (ended != NULL)
        job_log(job, LOG_LEVEL_WARNING, "action=\"parser ended\" from=%s client=%s reason=%s",
                job->facts.requester, job->facts.client, reason);
}

/* The proof held: the file becomes slices. */
static bool begin(JobWorker *worker, SpoolClaim *claim, const Request *request, RequestReader *mail,
                  GError **error)
{
    g_autoptr(GError) problem = NULL;
    const Job *job = spool_claim_job(claim);
    if (!store_table(worker, claim, request, mail, &problem)) {
        log_parser(job, mail);
        if (is_refusal(problem))
            return refuse(worker, claim,
                          (SpoolRefusal){.reference = request->reference,
                                         .sentence = problem->message,
                                         .proven = true},
                          error);
        g_propagate_error(error, g_steal_pointer(&problem));
        return false;
    }
    job_log(job, LOG_LEVEL_INFO, "action=begin from=%s mode=%s rows=%u", job->facts.requester,
            mode_name(job->mode), job->rows);
    return true;
}

/* Where the session has seen all that the grant asks for, or whoever handed it in has the right. */
static bool needs_no_password(const Job *job)
{
    return job->proven || spool_is_by_command(&job->facts);
}

/* ANSWER_NO also where the pair is locked: then the directory is not asked. */
static Answer prove(JobWorker *worker, SpoolClaim *claim, const Request *request, Lockout *lockout,
                    GError **error)
{
    const Job *job = spool_claim_job(claim);
    if (needs_no_password(job))
        return ANSWER_YES;
    if (!spool_job_lockout(claim, lockout, error))
        return ANSWER_UNKNOWN;
    if (lockout_is_locked(lockout, g_get_real_time()))
        return ANSWER_NO;
    return check_proof(worker, job, request->password, error);
}

static RequestLimits reader_limits(const JobWorker *worker, bool without_password)
{
    RequestLimits limits = worker->config->request;
    limits.password_optional = without_password;
    return limits;
}

/* What is being started becomes the spare one. */
static void await_spare(JobWorker *worker)
{
    if (!worker->starter)
        return;
    g_clear_pointer(&worker->spare, request_reader_free);
    worker->spare = g_thread_join(g_steal_pointer(&worker->starter));
}

typedef struct {
    const char *parser;
    RequestLimits limits;
    RequestReader *old;
} Start;

static gpointer start_spare(gpointer data)
{
    g_autofree Start *start = data;
    request_reader_free(start->old);
    return request_reader_prepare(start->parser, &start->limits, NULL);
}

void job_start_spare(JobWorker *worker, RequestReader *old)
{
    await_spare(worker);
    const Start start = {worker->config->parser,
                         reader_limits(worker, worker->spare_without_password), old};
    if (worker->spare && request_reader_waits(worker->spare, &start.limits)) {
        request_reader_free(old);
        return;
    }
    Start *data = g_memdup2(&start, sizeof start);
    worker->starter = g_thread_try_new("starter", start_spare, data, NULL);
    if (!worker->starter)
        worker->spare = start_spare(data);
}

void job_worker_prepare(JobWorker *worker)
{
    job_drop_submission(worker);
    job_start_spare(worker, NULL);
}

/* The reader of this mail: the one that waits, or one that is started now. */
static RequestReader *read_mail(JobWorker *worker, SpoolClaim *claim, GError **error)
{
    worker->spare_without_password = needs_no_password(spool_claim_job(claim));
    const RequestLimits limits = reader_limits(worker, worker->spare_without_password);
    await_spare(worker);
    g_autoptr(RequestReader) reader = g_steal_pointer(&worker->spare);
    if (!reader || !request_reader_waits(reader, &limits))
        return request_reader_new(worker->config->parser, &limits, open_mail, claim, error);
    return request_reader_begin(reader, open_mail, claim, error) ? g_steal_pointer(&reader) : NULL;
}

/* The mail that is read becomes slices, or is refused. */
static bool open_read(JobWorker *worker, SpoolClaim *claim, RequestReader *mail, GError **error)
{
    g_autoptr(GError) problem = NULL;
    g_autofree char *reference = NULL;
    g_auto(Lockout) lockout = {0};
    const Request *request = request_reader_request(mail, &reference, &problem);
    if (!request)
        log_parser(spool_claim_job(claim), mail);
    if (!request && is_refusal(problem))
        return refuse(worker, claim,
                      (SpoolRefusal){.reference = reference,
                                     .sentence = problem->message,
                                     .proven = needs_no_password(spool_claim_job(claim))},
                      error);
    if (!request && problem->code == REQUEST_ERROR_CUT)
        return put_off(worker, claim, PARSER_GIVEN_UP, reference, g_steal_pointer(&problem), error);
    if (!request) {
        g_propagate_error(error, g_steal_pointer(&problem));
        return false;
    }
    switch (prove(worker, claim, request, &lockout, &problem)) {
    case ANSWER_YES:
        return begin(worker, claim, request, mail, error);
    case ANSWER_NO:
        return refuse_proof(worker, claim, reference, &lockout, error);
    case ANSWER_UNKNOWN:
        break;
    }
    return put_off(worker, claim, PROOF_GIVEN_UP, reference, g_steal_pointer(&problem), error);
}

bool job_open(JobWorker *worker, SpoolClaim *claim, GError **error)
{
    g_autoptr(RequestReader) mail = read_mail(worker, claim, error);
    bool opened = mail && open_read(worker, claim, mail, error);
    if (mail)
        job_start_spare(worker, g_steal_pointer(&mail));
    return opened;
}
