/* SPDX-License-Identifier: MIT */
#include "lib/job-private.h"

#define PAUSE_MAX 300

G_DEFINE_QUARK(batchload_job_error, job_error)

JobWorker *job_worker_new(Config *config, Spool *spool, Hasher *hasher, PlanHasGrantFunc has_grant,
                          gpointer data, GError **error)
{
    g_autoptr(Directory) directory = directory_new(&config->directory, error);
    g_autoptr(Directory) reader = directory ? directory_new(&config->directory, error) : NULL;
    if (!reader)
        return NULL;
    JobWorker *worker = g_new0(JobWorker, 1);
    worker->config = config_ref(config);
    worker->spool = spool;
    worker->hasher = hasher;
    worker->directory = g_steal_pointer(&directory);
    worker->reader = g_steal_pointer(&reader);
    worker->has_grant = has_grant;
    worker->has_grant_data = data;
    return worker;
}

void job_worker_free(JobWorker *worker)
{
    if (!worker)
        return;
    if (worker->starter)
        request_reader_free(g_thread_join(worker->starter));
    request_reader_free(worker->spare);
    job_drop_submission(worker);
    directory_free(worker->directory);
    directory_free(worker->reader);
    config_unref(worker->config);
    g_free(worker);
}

void job_worker_stop(JobWorker *worker)
{
    g_atomic_int_set(&worker->stopping, 1);
}

void job_worker_retire(JobWorker *worker)
{
    g_atomic_int_set(&worker->retired, 1);
}

bool job_goes_on(JobWorker *worker, GError **error)
{
    if (!g_atomic_int_get(&worker->stopping))
        return true;
    g_set_error_literal(error, JOB_ERROR, JOB_ERROR_STOPPED, "the daemon stops");
    return false;
}

unsigned job_pause(unsigned attempts)
{
    return attempts >= 9 ? PAUSE_MAX : MIN(1u << attempts, PAUSE_MAX);
}

void job_log(const Job *job, LogLevel level, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    g_autofree char *text = g_strdup_vprintf(format, arguments);
    va_end(arguments);
    log_line(level, job->facts.queue_id, "job=%s %s", job->id, text);
}

Grant *job_grant(const Job *job, GError **error)
{
    g_autoptr(Address) requester = address_parse(job->facts.requester, NULL, error);
    if (!requester)
        return NULL;
    return grant_parse(job->facts.grant, job->facts.own_key ? requester : NULL, error);
}

/* What is stored can't be read: that will be so the next time, too. */
static bool is_damage(const GError *why)
{
    return g_error_matches(why, SPOOL_ERROR, SPOOL_ERROR_KEY) ||
           g_error_matches(why, REQUEST_ERROR, REQUEST_ERROR_DAMAGED) ||
           g_error_matches(why, SUBMIT_ERROR, SUBMIT_ERROR_DAMAGED) ||
           g_error_matches(why, SEAL_ERROR, SEAL_ERROR_BROKEN) ||
           g_error_matches(why, JOB_ERROR, JOB_ERROR_BROKEN);
}

static void job_wait(SpoolClaim *claim, const GError *why)
{
    const Job *job = spool_claim_job(claim);
    unsigned seconds = job_pause(job->attempts);
    g_autofree char *words = g_strconcat(is_damage(why) ? JOB_DAMAGED : "", why->message, NULL);
    g_autofree char *reason = log_value(words);
    job_log(job, LOG_LEVEL_WARNING, "state=\"%s\" action=wait seconds=%u reason=%s",
            job_state_name(job->state), seconds, reason);
    g_autoptr(GError) error = NULL;
    if (!spool_job_wait(claim, seconds, words, &error))
        job_log(job, LOG_LEVEL_ERROR, "action=wait failed: %s", error->message);
}

bool job_stay(JobWorker *worker, SpoolClaim *claim, GError **error)
{
    const Job *job = spool_claim_job(claim);
    /* What is checked only leaves nothing anywhere. */
    if (job->mode == MODE_CHECK)
        return true;
    directory_begin(worker->directory, job->started ? job->server : NULL);
    g_autoptr(GError) problem = NULL;
    const char *server = directory_server(worker->directory, &problem);
    /* What a copy has, it has from the one that takes changes. */
    if (g_error_matches(problem, DIRECTORY_ERROR, DIRECTORY_ERROR_COPY)) {
        g_clear_error(&problem);
        directory_begin(worker->directory, NULL);
        server = directory_server(worker->directory, &problem);
    }
    if (problem)
        g_propagate_error(error, g_steal_pointer(&problem));
    if (!server)
        return false;
    directory_begin(worker->reader, server);
    return spool_job_at_server(claim, server, error);
}

/* What has become of the directory's servers meanwhile. */
static void log_news(const JobWorker *worker)
{
    DirectoryServers *servers = worker->config->directory.servers;
    g_autofree char *news = servers ? directory_servers_news(servers) : NULL;
    g_autofree char *reason = log_value(news ? news : "");
    if (news)
        log_line(LOG_LEVEL_WARNING, NULL, "directory: action=switch reason=%s", reason);
}

void job_step(JobWorker *worker, SpoolClaim *claim)
{
    static bool (*const stages[JOB_STATE_COUNT])(JobWorker *, SpoolClaim *, GError **) = {
        [JOB_RECEIVED] = job_open,
        [JOB_WORKING] = job_slice,
        [JOB_REPORTING] = job_report,
        [JOB_SENDING] = job_send,
    };
    JobState state = spool_claim_job(claim)->state;
    g_autoptr(GError) error = NULL;
    g_return_if_fail(state < JOB_STATE_COUNT && stages[state]);
    directory_begin(worker->directory, NULL);
    directory_begin(worker->reader, NULL);
    if (!stages[state](worker, claim, &error) &&
        !g_error_matches(error, JOB_ERROR, JOB_ERROR_STOPPED))
        job_wait(claim, error);
    if (error)
        job_drop_submission(worker);
    log_news(worker);
}

bool job_is_to_be_answered(JobWorker *worker, SpoolClaim *claim)
{
    const Job *job = spool_claim_job(claim);
    return (job->state == JOB_REPORTING || job->state == JOB_SENDING) && job->slices == 1 &&
           job->attempts == 0 && job->not_before == 0 && !g_atomic_int_get(&worker->stopping) &&
           !g_atomic_int_get(&worker->retired) && spool_claim_may_stay(claim);
}
