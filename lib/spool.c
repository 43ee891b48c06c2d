/* SPDX-License-Identifier: MIT */
#include "lib/pack.h"
#include "lib/spool-private.h"
#include <sodium.h>
#include <string.h>

/* Opening, looking and looking after. Intake is in spool-intake.c, work in spool-work.c. */

#define CANARY "batchload spool"
/* Changes that go out of the audit in one commit, so that no slice waits for long, and commits at a
 * time. */
#define AUDIT_EXPIRE_MAX 5000
#define AUDIT_EXPIRE_ROUNDS 400
#define CANARY_LABEL "spool/canary"

G_DEFINE_QUARK(batchload_spool_error, spool_error)

const char *job_state_name(JobState state)
{
    switch (state) {
    case JOB_RECEIVED:
        return "received";
    case JOB_WORKING:
        return "working";
    case JOB_REPORTING:
        return "reporting";
    case JOB_SENDING:
        return "sending";
    case JOB_DONE:
        return "done";
    case JOB_ANSWER_FAILED:
        return "answer failed";
    case JOB_STATE_COUNT:
        break;
    }
    return "unknown";
}

void job_facts_clear(JobFacts *facts)
{
    g_free(facts->requester);
    g_free(facts->batch_address);
    g_free(facts->grant);
    g_free(facts->client);
    g_free(facts->login);
    g_free(facts->queue_id);
    g_free(facts->message_id);
    g_free(facts->references);
    g_free(facts->subject);
    g_free(facts->date);
    memset(facts, 0, sizeof *facts);
}

void job_free(Job *job)
{
    if (!job)
        return;
    job_facts_clear(&job->facts);
    g_free(job->id);
    g_free(job->reference);
    g_free(job->waiting);
    g_free(job->refusal);
    g_free(job->server);
    g_free(job);
}

bool job_is_damaged(const Job *job)
{
    return job->state < JOB_DONE && job->waiting && g_str_has_prefix(job->waiting, JOB_DAMAGED);
}

bool spool_job_is_whole(const Job *job)
{
    return job->mode == MODE_ATOMIC && job->state == JOB_WORKING && job->started != 0;
}

/* --- sealing of values --- */

char *spool_label(const char *id, const char *purpose)
{
    return g_strconcat(id, "/", purpose, NULL);
}

char *spool_slice_label(const char *id, const char *purpose, unsigned slice)
{
    return g_strdup_printf("%s/%s/%u", id, purpose, slice);
}

GBytes *spool_seal_variant(const Spool *spool, const char *label, GVariant *value)
{
    gsize size = g_variant_get_size(value);
    guint8 *data = g_malloc(size + 1);
    g_variant_store(value, data);
    GBytes *sealed = seal_bytes(spool->key, label, data, size);
    sodium_memzero(data, size);
    g_free(data);
    return sealed;
}

GVariant *spool_unseal_variant(const Spool *spool, const char *label, const char *type,
                               gconstpointer data, gsize size, GError **error)
{
    g_autoptr(GError) problem = NULL;
    g_autoptr(GBytes) bytes = unseal_bytes(spool->key, label, data, size, &problem);
    if (bytes) {
        gsize length = 0;
        gconstpointer content = g_bytes_get_data(bytes, &length);
        if (pack_is_normal(type, content, length))
            return g_variant_ref_sink(g_variant_new_from_bytes(G_VARIANT_TYPE(type), bytes, TRUE));
    }
    g_set_error(error, SPOOL_ERROR, SPOOL_ERROR_KEY, "%s is broken or sealed with another key",
                label);
    return NULL;
}

/* --- failing --- */

void spool_fail(Spool *spool)
{
    spool->type->fail(spool->store);
    g_mutex_lock(&spool->lock);
    spool_changed_all(spool);
    g_mutex_unlock(&spool->lock);
}

bool spool_failed(Spool *spool)
{
    return spool->type->failed(spool->store);
}

void spool_drop(Spool *spool, SpoolFolder folder, const char *name)
{
    if (!spool_failed(spool))
        spool_files_remove(spool->files, folder, name);
}

/* --- opening --- */

static void count_job(gpointer data, const Job *job)
{
    unsigned *unfinished = data;
    *unfinished += job->state < JOB_DONE;
}

/* A spool made with another key holds its jobs; only an idle one takes a new key. */
static bool check_key(Spool *spool, const char *key_file, GError **error)
{
    g_autoptr(GBytes) stored = NULL;
    Answer answer = spool->type->canary_load(spool->store, &stored, error);
    if (answer == ANSWER_UNKNOWN)
        return false;
    if (answer == ANSWER_YES) {
        gsize size;
        const void *data = g_bytes_get_data(stored, &size);
        g_autoptr(GBytes) canary = unseal_bytes(spool->key, CANARY_LABEL, data, size, NULL);
        if (canary)
            return true;
        unsigned unfinished = 0;
        if (!spool->type->list(spool->store, false, count_job, &unfinished, error))
            return false;
        if (unfinished > 0) {
            g_set_error(error, SPOOL_ERROR, SPOOL_ERROR_KEY,
                        "the spool %s holds %u unfinished jobs sealed with another key than %s; "
                        "put the old key back",
                        spool->files->path, unfinished, key_file);
            return false;
        }
    }
    g_autoptr(GBytes) sealed = seal_bytes(spool->key, CANARY_LABEL, CANARY, strlen(CANARY));
    return spool->type->canary_store(spool->store, sealed, error);
}

/* What the rows say, gathered at start. */
typedef struct {
    GPtrArray *unfinished;                /* of Job */
    GHashTable *keep[SPOOL_FOLDER_COUNT]; /* sets of ids */
} Inventory;

static Job *job_copy(const Job *job)
{
    Job *copy = g_memdup2(job, sizeof *job);
    const JobFacts *facts = &job->facts;
    copy->facts.requester = g_strdup(facts->requester);
    copy->facts.batch_address = g_strdup(facts->batch_address);
    copy->facts.grant = g_strdup(facts->grant);
    copy->facts.client = g_strdup(facts->client);
    copy->facts.login = g_strdup(facts->login);
    copy->facts.queue_id = g_strdup(facts->queue_id);
    copy->facts.message_id = g_strdup(facts->message_id);
    copy->facts.references = g_strdup(facts->references);
    copy->facts.subject = g_strdup(facts->subject);
    copy->facts.date = g_strdup(facts->date);
    copy->id = g_strdup(job->id);
    copy->reference = g_strdup(job->reference);
    copy->waiting = g_strdup(job->waiting);
    copy->refusal = g_strdup(job->refusal);
    copy->server = g_strdup(job->server);
    return copy;
}

static void take_stock(gpointer data, const Job *job)
{
    Inventory *inventory = data;
    JobState state = job->state;
    if (state == JOB_RECEIVED)
        g_hash_table_add(inventory->keep[SPOOL_MAIL], g_strdup(job->id));
    if (state == JOB_WORKING || state == JOB_REPORTING || state == JOB_SENDING)
        g_hash_table_add(inventory->keep[SPOOL_ROWS], g_strdup(job->id));
    if (state == JOB_SENDING || state == JOB_ANSWER_FAILED)
        g_hash_table_add(inventory->keep[SPOOL_RESPONSE], g_strdup(job->id));
    if (state < JOB_DONE)
        g_ptr_array_add(inventory->unfinished, job_copy(job));
}

/* The next slice of a job in WORKING, and whether it may be half applied. */
static bool load_slice(Spool *spool, const Job *job, SpoolSlice **slice, bool *unsettled,
                       GError **error)
{
    g_autoptr(GBytes) intent = NULL;
    if (spool->type->slice_load(spool->store, job->id, job->slices_done, slice, error) ==
        ANSWER_UNKNOWN)
        return false;
    Answer answer =
        spool->type->intent_load(spool->store, job->id, job->slices_done, &intent, error);
    *unsettled = answer == ANSWER_YES || spool_job_is_whole(job);
    return answer != ANSWER_UNKNOWN;
}

static bool load_queue(Spool *spool, GPtrArray *jobs, GError **error)
{
    for (unsigned i = 0; i < jobs->len; i++) {
        Job **job = (Job **)&jobs->pdata[i];
        SpoolSlice *slice = NULL;
        bool unsettled = false;
        if ((*job)->state == JOB_WORKING && !load_slice(spool, *job, &slice, &unsettled, error)) {
            spool_slice_free(slice);
            return false;
        }
        spool_room_add(spool, &(*job)->facts, (*job)->proven, (*job)->bytes);
        spool_queue_add(spool->queue, g_steal_pointer(job), slice)->unsettled = unsettled;
    }
    return true;
}

/* Loads the unfinished jobs and removes the files that no row speaks of. */
static bool load(Spool *spool, GError **error)
{
    Inventory inventory = {.unfinished = g_ptr_array_new_with_free_func((GDestroyNotify)job_free)};
    for (unsigned i = 0; i < SPOOL_FOLDER_COUNT; i++)
        inventory.keep[i] = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    bool well = spool->type->list(spool->store, true, take_stock, &inventory, error);
    for (unsigned i = 0; i < SPOOL_FOLDER_COUNT; i++) {
        well = well && spool_files_sweep(spool->files, (SpoolFolder)i, inventory.keep[i], error);
        g_hash_table_unref(inventory.keep[i]);
    }
    well = well && load_queue(spool, inventory.unfinished, error);
    g_ptr_array_unref(inventory.unfinished);
    return well;
}

static Spool *spool_new(void)
{
    Spool *spool = g_new0(Spool, 1);
    spool->type = &spool_store_sqlite;
    g_mutex_init(&spool->lock);
    g_cond_init(&spool->changed);
    g_cond_init(&spool->released);
    g_cond_init(&spool->called);
    spool->seen = g_hash_table_new_full(NULL, NULL, NULL, g_free);
    spool->loads = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
    return spool;
}

static void take_limits(Spool *spool, const SpoolSettings *settings)
{
    spool->jobs_max = settings->jobs_max;
    spool->bytes_max = settings->bytes_max;
    spool->client_jobs_max = settings->client_jobs_max;
    spool->client_bytes_max = settings->client_bytes_max;
    spool->requester_jobs_max = settings->requester_jobs_max;
    spool->requester_bytes_max = settings->requester_bytes_max;
    spool->free_min = settings->free_min;
    spool->duplicate_days = settings->duplicate_days;
    spool->audit_days = settings->audit_days;
    spool->unproven_records_max = settings->unproven_records_max;
    spool->keep_days = MAX(settings->keep_days, settings->duplicate_days);
}

void spool_change_limits(Spool *spool, const SpoolSettings *settings)
{
    g_autoptr(GMutexLocker) locker G_GNUC_UNUSED = g_mutex_locker_new(&spool->lock);
    take_limits(spool, settings);
}

Spool *spool_open(const SpoolSettings *settings, GError **error)
{
    g_autoptr(Spool) spool = spool_new();
    take_limits(spool, settings);
    spool->queue = spool_queue_new();
    spool->files = spool_files_open(settings->directory, error);
    if (!spool->files)
        return NULL;
    spool->key = seal_key_load(settings->key_file, error);
    if (!spool->key)
        return NULL;
    spool->store = spool->type->open(spool->files->path, false, error);
    if (!spool->store || !spool_files_sync_names(spool->files, error) ||
        !check_key(spool, settings->key_file, error) || !load(spool, error) ||
        !spool_pauses_load(spool, error))
        return NULL;
    return g_steal_pointer(&spool);
}

Spool *spool_open_readonly(const char *directory, GError **error)
{
    g_autofree char *path = spool_files_look(directory, error);
    if (!path)
        return NULL;
    g_autoptr(Spool) spool = spool_new();
    spool->store = spool->type->open(path, true, error);
    return spool->store ? g_steal_pointer(&spool) : NULL;
}

void spool_close(Spool *spool)
{
    if (!spool)
        return;
    if (spool->store)
        spool->type->close(spool->store);
    spool_queue_free(spool->queue);
    seal_key_free(spool->key);
    /* Last: it gives the lock away. */
    spool_files_close(spool->files);
    g_hash_table_unref(spool->seen);
    g_hash_table_unref(spool->loads);
    g_cond_clear(&spool->changed);
    g_cond_clear(&spool->released);
    g_cond_clear(&spool->called);
    g_mutex_clear(&spool->lock);
    g_free(spool);
}

/* --- looking --- */

bool spool_list(Spool *spool, bool all, void (*found)(gpointer data, const Job *job), gpointer data,
                GError **error)
{
    return spool->type->list(spool->store, all, found, data, error);
}

bool spool_audit_list(Spool *spool, const AuditFilter *filter, unsigned limit, gint64 *after,
                      bool *more, void (*found)(gpointer data, const AuditLine *line),
                      gpointer data, GError **error)
{
    return spool->type->audit_list(spool->store, filter, limit, after, more, found, data, error);
}

Answer spool_find(Spool *spool, const char *id, Job **job, GError **error)
{
    return spool->type->find(spool->store, id, job, error);
}

/* --- looking after --- */

bool spool_expire(Spool *spool, GError **error)
{
    gint64 now = g_get_real_time();
    g_autoptr(GPtrArray) gone = g_ptr_array_new_with_free_func(g_free);
    g_mutex_lock(&spool->lock);
    gint64 duplicate = spool->duplicate_days * G_TIME_SPAN_DAY;
    gint64 keep = spool->keep_days * G_TIME_SPAN_DAY;
    g_mutex_unlock(&spool->lock);
    if (!spool->type->expire(spool->store, now - duplicate, now - keep, gone, error))
        return false;
    for (unsigned i = 0; i < gone->len; i++)
        spool_drop(spool, SPOOL_RESPONSE, g_ptr_array_index(gone, i));
    if (!spool_trim_unproven(spool, error))
        return false;
    bool more = true;
    for (unsigned i = 0; more && i < AUDIT_EXPIRE_ROUNDS; i++)
        if (!spool->type->audit_expire(spool->store, now - spool->audit_days * G_TIME_SPAN_DAY,
                                       AUDIT_EXPIRE_MAX, &more, error))
            return false;
    return true;
}
