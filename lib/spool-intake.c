/* SPDX-License-Identifier: MIT */
#include "lib/spool-private.h"
#include <sodium.h>
#include <string.h>

/* A mail on its way in: sealed while it comes, and then one row, which is the promise. */

#define ID_RANDOM 6
#define ID_ATTEMPTS 100

struct SpoolIntake {
    Spool *spool;
    char *id;
    SpoolSink *sink;
    GOutputStream *stream; /* into sink */
    SealHash *body;        /* NULL once finished */
    char *header;          /* hash of what of the header goes into the key, or NULL */
    JobFacts counted;      /* whose room it takes */
    bool counts;           /* it takes room that is to be given back */
    guint64 bytes;
    bool broken; /* a write failed: never commit */
};

/* Base 32 without I, L, O and U, which are misread. */
static char *make_id(void)
{
    static const char alphabet[] = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";
    g_autoptr(GDateTime) now = g_date_time_new_now_utc();
    char tail[ID_RANDOM + 1] = "";
    for (unsigned i = 0; i < ID_RANDOM; i++)
        tail[i] = alphabet[randombytes_uniform(32)];
    return g_strdup_printf("%04d%02d%02d-%s", g_date_time_get_year(now), g_date_time_get_month(now),
                           g_date_time_get_day_of_month(now), tail);
}

/* An id that no row has. (Of two mails that come in with the same one the later commit fails.) */
static bool find_id(SpoolIntake *intake, GError **error)
{
    Spool *spool = intake->spool;
    for (unsigned i = 0; i < ID_ATTEMPTS; i++) {
        g_autofree char *id = make_id();
        g_autoptr(Job) job = NULL;
        Answer answer = spool->type->find(spool->store, id, &job, error);
        if (answer == ANSWER_UNKNOWN)
            return false;
        if (answer == ANSWER_NO) {
            intake->id = g_steal_pointer(&id);
            return true;
        }
    }
    g_set_error_literal(error, SPOOL_ERROR, SPOOL_ERROR_STORE, "no free job number was found");
    return false;
}

static bool take_room(SpoolIntake *intake, const JobFacts *facts, GError **error)
{
    Spool *spool = intake->spool;
    g_autoptr(GMutexLocker) locker G_GNUC_UNUSED = g_mutex_locker_new(&spool->lock);
    if (!spool_room_take(spool, facts, error))
        return false;
    intake->counted = (JobFacts){.requester = g_strdup(facts->requester),
                                 .client = g_strdup(facts->client),
                                 .login = g_strdup(facts->login),
                                 .proven = facts->proven};
    intake->counts = true;
    return true;
}

static bool grow_room(SpoolIntake *intake, guint64 bytes, GError **error)
{
    Spool *spool = intake->spool;
    g_autoptr(GMutexLocker) locker G_GNUC_UNUSED = g_mutex_locker_new(&spool->lock);
    if (!spool_room_grow(spool, &intake->counted, bytes, error))
        return false;
    intake->bytes += bytes;
    return true;
}

static void give_room_back(SpoolIntake *intake)
{
    Spool *spool = intake->spool;
    if (!intake->counts)
        return;
    g_autoptr(GMutexLocker) locker G_GNUC_UNUSED = g_mutex_locker_new(&spool->lock);
    spool_room_remove(spool, &intake->counted, intake->counted.proven, intake->bytes);
}

SpoolIntake *spool_intake_new(Spool *spool, const JobFacts *facts, GError **error)
{
    g_autoptr(SpoolIntake) intake = g_new0(SpoolIntake, 1);
    intake->spool = spool;
    if (!take_room(intake, facts, error) || !find_id(intake, error))
        return NULL;
    g_autofree char *label = spool_label(intake->id, "mail");
    intake->sink = spool_sink_new(spool, SPOOL_MAIL, intake->id);
    intake->stream = seal_output_stream_new(spool->key, label, G_OUTPUT_STREAM(intake->sink));
    intake->body = seal_hash_new(spool->key);
    return g_steal_pointer(&intake);
}

static bool store_error(SpoolIntake *intake, const GError *problem, GError **error)
{
    intake->broken = true;
    g_set_error(error, SPOOL_ERROR, SPOOL_ERROR_STORE, "the mail can't be written: %s",
                problem ? problem->message : "an earlier write failed");
    return false;
}

bool spool_intake_header(SpoolIntake *intake, gconstpointer data, gsize size, GError **error)
{
    if (intake->broken)
        return store_error(intake, NULL, error);
    if (!grow_room(intake, size, error)) {
        intake->broken = true;
        return false;
    }
    g_autoptr(GError) problem = NULL;
    return g_output_stream_write_all(intake->stream, data, size, NULL, NULL, &problem) ||
           store_error(intake, problem, error);
}

bool spool_intake_body(SpoolIntake *intake, gconstpointer data, gsize size, GError **error)
{
    if (intake->body)
        seal_hash_update_stream(intake->body, data, size);
    return spool_intake_header(intake, data, size, error);
}

void spool_intake_key(SpoolIntake *intake, gconstpointer data, gsize size)
{
    SealHash *hash = seal_hash_new(intake->spool->key);
    seal_hash_part(hash, data, size);
    g_free(intake->header);
    intake->header = seal_hash_final(hash);
}

/* --- the promise --- */

static void hash_text(SealHash *hash, const char *text)
{
    seal_hash_part(hash, text ? text : "", text ? strlen(text) : 0);
}

static char *make_key(SpoolIntake *intake, const JobFacts *facts)
{
    g_autofree char *body = seal_hash_final(g_steal_pointer(&intake->body));
    bool has_id = facts->message_id && *facts->message_id;
    SealHash *hash = seal_hash_new(intake->spool->key);
    hash_text(hash, facts->requester);
    hash_text(hash, has_id ? "message-id" : "date");
    hash_text(hash, has_id ? facts->message_id : facts->date);
    hash_text(hash, facts->subject);
    if (intake->header)
        hash_text(hash, intake->header);
    hash_text(hash, body);
    return seal_hash_final(hash);
}

static bool seal_and_sync(SpoolIntake *intake, GBytes **small, GError **error)
{
    g_autoptr(GError) problem = NULL;
    if (intake->broken || !g_output_stream_close(intake->stream, NULL, &problem))
        return store_error(intake, problem, error);
    return spool_sink_finish(intake->sink, small, error) &&
           (!*small || spool_disk_has_room(intake->spool, SPOOL_COMMIT_BYTES, error));
}

static Job *make_job(const SpoolIntake *intake, const JobFacts *facts)
{
    Job *job = g_new0(Job, 1);
    job->id = g_strdup(intake->id);
    job->received = g_get_real_time();
    job->bytes = intake->bytes;
    job->proven = intake->counted.proven;
    job->facts.own_key = facts->own_key;
    job->facts.proven = intake->counted.proven;
    job->facts.requester = g_strdup(intake->counted.requester);
    job->facts.batch_address = g_strdup(facts->batch_address);
    job->facts.grant = g_strdup(facts->grant);
    job->facts.client = g_strdup(intake->counted.client);
    job->facts.login = g_strdup(intake->counted.login);
    job->facts.queue_id = g_strdup(facts->queue_id);
    job->facts.message_id = g_strdup(facts->message_id);
    job->facts.references = g_strdup(facts->references);
    job->facts.subject = g_strdup(facts->subject);
    job->facts.date = g_strdup(facts->date);
    return job;
}

Answer spool_intake_commit(SpoolIntake *intake, const JobFacts *facts, char **id, GError **error)
{
    Spool *spool = intake->spool;
    *id = NULL;
    if (!intake->body) {
        store_error(intake, NULL, error);
        return ANSWER_UNKNOWN;
    }
    g_autofree char *key = make_key(intake, facts);
    g_autoptr(GBytes) small = NULL;
    if (!seal_and_sync(intake, &small, error))
        return ANSWER_UNKNOWN;
    g_autoptr(Job) job = make_job(intake, facts);
    Answer answer = spool->type->add(spool->store, job, key, small, id, error);
    g_autoptr(GMutexLocker) locker G_GNUC_UNUSED = g_mutex_locker_new(&spool->lock);
    if (answer == ANSWER_YES) {
        spool_sink_keep(intake->sink);
        intake->counts = false;
        *id = g_strdup(job->id);
        spool_queue_add(spool->queue, g_steal_pointer(&job), NULL);
        spool_changed(spool);
    } else if (answer == ANSWER_UNKNOWN) {
        /* Whoever waits learns that the spool may have failed. */
        spool_changed_all(spool);
    }
    return answer;
}

void spool_intake_free(SpoolIntake *intake)
{
    if (!intake)
        return;
    /* Before the sink: letting go of a stream writes. */
    g_clear_object(&intake->stream);
    g_clear_object(&intake->sink);
    give_room_back(intake);
    job_facts_clear(&intake->counted);
    seal_hash_free(intake->body);
    g_free(intake->header);
    g_free(intake->id);
    g_free(intake);
}
