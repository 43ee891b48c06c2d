/* SPDX-License-Identifier: MIT */
#include "lib/grant.h"
#include "lib/spool-private.h"
#include <errno.h>
#include <fcntl.h>
#include <gio/gunixinputstream.h>
#include <gio/gunixoutputstream.h>
#include <string.h>
#include <unistd.h>

/* Claims, and the steps of a job from state to state. Only the claim's holder changes its job;
 * what the queue looks at changes under the spool's lock, after the commit. */

struct SpoolRows {
    Spool *spool;
    char *id;
    SpoolSink *sink;
    guint64 offset;
    guint64 rows;
    GPtrArray *slices; /* of SpoolSlice */
    char *note;
};

/* Bytes that one slice's place in the rows takes. */
#define SLICE_BYTES 1024

/* Slices are framed by their length, so that the rows could be read without their index. */
#define FRAME 4

/* --- claiming and waiting --- */

static guint64 *seen_by_me(Spool *spool)
{
    GThread *self = g_thread_self();
    guint64 *seen = g_hash_table_lookup(spool->seen, self);
    if (!seen) {
        seen = g_new0(guint64, 1);
        g_hash_table_insert(spool->seen, self, seen);
    }
    return seen;
}

void spool_changed(Spool *spool)
{
    spool->generation++;
    g_cond_signal(&spool->changed);
}

void spool_changed_all(Spool *spool)
{
    spool->generation++;
    g_cond_broadcast(&spool->changed);
    g_cond_broadcast(&spool->released);
}

SpoolClaim *spool_claim_new(Spool *spool, SpoolEntry *entry)
{
    SpoolClaim *claim = g_new0(SpoolClaim, 1);
    claim->spool = spool;
    claim->entry = entry;
    claim->rows_fd = -1;
    return claim;
}

bool spool_usable(Spool *spool, GError **error)
{
    if (!spool_failed(spool))
        return true;
    g_set_error_literal(error, SPOOL_ERROR, SPOOL_ERROR_STORE,
                        "the spool was closed after a failed write");
    return false;
}

Answer spool_claim(Spool *spool, SpoolClaim **claim, gint64 *due, GError **error)
{
    if (!spool_usable(spool, error))
        return ANSWER_UNKNOWN;
    g_autoptr(GMutexLocker) locker G_GNUC_UNUSED = g_mutex_locker_new(&spool->lock);
    *seen_by_me(spool) = spool->generation;
    SpoolEntry *entry = spool_queue_take(spool->queue, g_get_real_time(), due);
    if (!entry)
        return ANSWER_NO;
    if (spool_queue_has_more(spool->queue))
        g_cond_signal(&spool->changed);
    *claim = spool_claim_new(spool, entry);
    return ANSWER_YES;
}

Spool *spool_claim_spool(const SpoolClaim *claim)
{
    return claim->spool;
}

const Job *spool_claim_job(const SpoolClaim *claim)
{
    return claim->entry->job;
}

static void close_rows(SpoolClaim *claim)
{
    g_clear_pointer(&claim->rows, g_bytes_unref);
    if (claim->rows_fd >= 0)
        close(claim->rows_fd);
    claim->rows_fd = -1;
}

void spool_claim_release(SpoolClaim *claim)
{
    if (!claim)
        return;
    Spool *spool = claim->spool;
    g_clear_object(&claim->response);
    g_clear_object(&claim->sink);
    close_rows(claim);
    g_clear_pointer(&claim->calls, g_ptr_array_unref);
    spool_ahead_drop(claim);
    g_mutex_lock(&spool->lock);
    spool_queue_give_back(spool->queue, claim->entry);
    spool_changed(spool);
    g_cond_broadcast(&spool->released);
    g_mutex_unlock(&spool->lock);
    g_free(claim);
}

bool spool_claim_may_stay(SpoolClaim *claim)
{
    Spool *spool = claim->spool;
    g_autoptr(GMutexLocker) locker G_GNUC_UNUSED = g_mutex_locker_new(&spool->lock);
    spool_changed(spool);
    return !claim->entry->wanted;
}

void spool_wait(Spool *spool, gint64 due)
{
    g_autoptr(GMutexLocker) locker G_GNUC_UNUSED = g_mutex_locker_new(&spool->lock);
    guint64 *seen = seen_by_me(spool);
    while (*seen == spool->generation) {
        gint64 now = g_get_real_time();
        if (due <= now)
            break;
        if (due == G_MAXINT64) {
            g_cond_wait(&spool->changed, &spool->lock);
            continue;
        }
        /* At most a minute at a time, as the clock may be set. */
        gint64 pause = MIN(due - now, G_TIME_SPAN_MINUTE);
        g_cond_wait_until(&spool->changed, &spool->lock, g_get_monotonic_time() + pause);
    }
    *seen = spool->generation;
}

void spool_wake(Spool *spool)
{
    g_autoptr(GMutexLocker) locker G_GNUC_UNUSED = g_mutex_locker_new(&spool->lock);
    spool_changed_all(spool);
}

/* --- changing a job --- */

Job spool_job_next(const SpoolClaim *claim, JobState state)
{
    Job next = *claim->entry->job;
    next.state = state;
    next.attempts = 0;
    next.not_before = 0;
    next.waiting = NULL;
    return next;
}

static void replace_text(char **old, const char *now)
{
    if (*old == now)
        return;
    g_free(*old);
    *old = g_strdup(now);
}

void spool_job_adopt(SpoolClaim *claim, const Job *next, SpoolSlice *slice)
{
    Spool *spool = claim->spool;
    Job *job = claim->entry->job;
    g_autoptr(GMutexLocker) locker G_GNUC_UNUSED = g_mutex_locker_new(&spool->lock);
    if (job->state < JOB_DONE) {
        spool_room_remove(spool, &job->facts, job->proven, job->bytes);
        if (next->state < JOB_DONE)
            spool_room_add(spool, &job->facts, next->proven, job->bytes);
    }
    job->proven = next->proven;
    replace_text(&job->reference, next->reference);
    replace_text(&job->waiting, next->waiting);
    replace_text(&job->refusal, next->refusal);
    job->state = next->state;
    job->mode = next->mode;
    job->phase = next->phase;
    job->started = next->started;
    job->finished = next->finished;
    job->not_before = next->not_before;
    job->attempts = next->attempts;
    job->rows = next->rows;
    job->slices = next->slices;
    job->slices_done = next->slices_done;
    memcpy(job->counts, next->counts, sizeof job->counts);
    spool_slice_free(claim->entry->slice);
    claim->entry->slice = slice;
    g_clear_pointer(&claim->entry->ahead, spool_slice_free);
    claim->entry->unsettled = spool_job_is_whole(job);
    claim->entry->awaits = false;
    if (claim->calls || next->state == JOB_REPORTING)
        spool_calls_changed(spool);
    g_clear_pointer(&claim->calls, g_ptr_array_unref);
}

bool spool_job_expect(const SpoolClaim *claim, JobState state, GError **error)
{
    const Job *job = claim->entry->job;
    if (job->state == state)
        return true;
    g_set_error(error, SPOOL_ERROR, SPOOL_ERROR_STORE, "job %s is %s, not %s", job->id,
                job_state_name(job->state), job_state_name(state));
    return false;
}

bool spool_job_wait(SpoolClaim *claim, unsigned seconds, const char *why, GError **error)
{
    Spool *spool = claim->spool;
    Job *job = claim->entry->job;
    Job next = *job;
    next.attempts++;
    next.not_before = g_get_real_time() + (gint64)seconds * G_USEC_PER_SEC;
    next.waiting = (char *)why;
    bool well = spool->type->save(spool->store, &next, false, error);
    /* It waits even where that can't be written: else it would be tried at once, for ever. */
    g_autoptr(GMutexLocker) locker G_GNUC_UNUSED = g_mutex_locker_new(&spool->lock);
    replace_text(&job->waiting, why);
    job->attempts = next.attempts;
    job->not_before = next.not_before;
    return well;
}

/* --- RECEIVED --- */

GInputStream *spool_mail_open(SpoolClaim *claim, GError **error)
{
    const char *id = claim->entry->job->id;
    if (!spool_job_expect(claim, JOB_RECEIVED, error))
        return NULL;
    return spool_content_open(claim->spool, SPOOL_MAIL, id, &claim->mail_in_store, error);
}

SpoolRows *spool_rows_new(SpoolClaim *claim, GError **error)
{
    Spool *spool = claim->spool;
    const char *id = claim->entry->job->id;
    if (!spool_job_expect(claim, JOB_RECEIVED, error))
        return NULL;
    SpoolRows *rows = g_new0(SpoolRows, 1);
    rows->spool = spool;
    rows->id = g_strdup(id);
    rows->sink = spool_sink_new(spool, SPOOL_ROWS, id);
    rows->slices = g_ptr_array_new_with_free_func((GDestroyNotify)spool_slice_free);
    return rows;
}

/* Of the rows, that were found. */
static bool read_at(const SpoolClaim *claim, guint8 *data, gsize size, guint64 offset,
                    GError **error)
{
    const char *id = claim->entry->job->id;
    gsize whole = claim->rows ? g_bytes_get_size(claim->rows) : 0;
    if (offset <= whole && size <= whole - offset) {
        memcpy(data, (const guint8 *)g_bytes_get_data(claim->rows, NULL) + offset, size);
        return true;
    }
    while (size > 0) {
        ssize_t got = claim->rows_fd < 0 ? 0 : pread(claim->rows_fd, data, size, (off_t)offset);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0) {
            g_set_error(error, SPOOL_ERROR, SPOOL_ERROR_STORE, "rows/%s can't be read: %s", id,
                        g_strerror(errno));
            return false;
        }
        if (got == 0) {
            g_set_error(error, SPOOL_ERROR, SPOOL_ERROR_KEY, "rows/%s is cut off", id);
            return false;
        }
        data += got;
        size -= (gsize)got;
        offset += (guint64)got;
    }
    return true;
}

static guint32 first_line(GVariant *slice)
{
    guint32 line = 0;
    if (g_variant_n_children(slice) > 0) {
        g_autoptr(GVariant) row = g_variant_get_child_value(slice, 0);
        g_variant_get_child(row, 0, "u", &line);
    }
    return line;
}

bool spool_rows_add(SpoolRows *rows, GVariant *slice, unsigned count, const char *const *domains,
                    GError **error)
{
    g_autoptr(GVariant) held = g_variant_ref_sink(slice);
    g_autofree char *label = spool_slice_label(rows->id, "rows", rows->slices->len);
    g_autoptr(GBytes) sealed = spool_seal_variant(rows->spool, label, held);
    gsize size;
    const guint8 *data = g_bytes_get_data(sealed, &size);
    if (size > G_MAXINT32 || rows->rows + count > G_MAXUINT32) {
        g_set_error_literal(error, SPOOL_ERROR, SPOOL_ERROR_STORE, "too many rows");
        return false;
    }
    guint32 frame = GUINT32_TO_BE((guint32)size);
    GOutputStream *out = G_OUTPUT_STREAM(rows->sink);
    if (!g_output_stream_write_all(out, &frame, FRAME, NULL, NULL, error) ||
        !g_output_stream_write_all(out, data, size, NULL, NULL, error))
        return false;
    SpoolSlice *made = g_new0(SpoolSlice, 1);
    made->offset = rows->offset + FRAME;
    made->size = (guint32)size;
    made->first_line = first_line(held);
    made->count = count;
    made->domains = g_strdupv((char **)domains);
    g_ptr_array_add(rows->slices, made);
    rows->offset += FRAME + size;
    rows->rows += count;
    return true;
}

void spool_rows_share_domains(SpoolRows *rows)
{
    g_autoptr(GHashTable) all = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    for (unsigned i = 0; i < rows->slices->len; i++) {
        const SpoolSlice *slice = g_ptr_array_index(rows->slices, i);
        for (char **domain = slice->domains; domain && *domain; domain++)
            g_hash_table_add(all, g_strdup(*domain));
    }
    g_autofree char **names = (char **)g_hash_table_get_keys_as_array(all, NULL);
    for (unsigned i = 0; i < rows->slices->len; i++) {
        SpoolSlice *slice = g_ptr_array_index(rows->slices, i);
        g_strfreev(slice->domains);
        slice->domains = g_strdupv(names);
    }
}

void spool_rows_note(SpoolRows *rows, const char *note)
{
    g_free(rows->note);
    rows->note = g_strdup(note);
}

void spool_rows_free(SpoolRows *rows)
{
    if (!rows)
        return;
    g_clear_object(&rows->sink);
    g_ptr_array_unref(rows->slices);
    g_free(rows->note);
    g_free(rows->id);
    g_free(rows);
}

bool spool_job_proved(SpoolClaim *claim, const char *reference, Mode mode,
                      const char *const *head_names, SpoolRows *rows, GError **error)
{
    g_autoptr(SpoolRows) owned G_GNUC_UNUSED = rows;
    Spool *spool = claim->spool;
    const char *id = claim->entry->job->id;
    if (!spool_job_expect(claim, JOB_RECEIVED, error))
        return false;
    unsigned slices = rows ? rows->slices->len : 0;
    g_autoptr(GBytes) small = NULL;
    if (slices > 0 &&
        (!spool_sink_finish(rows->sink, &small, error) ||
         !spool_disk_has_room(spool, SPOOL_COMMIT_BYTES + (guint64)slices * SLICE_BYTES, error)))
        return false;
    Job next = spool_job_next(claim, slices > 0 ? JOB_WORKING : JOB_REPORTING);
    next.reference = (char *)reference;
    next.mode = mode;
    next.proven = true;
    next.slices = slices;
    next.rows = rows ? (unsigned)rows->rows : 0;
    g_autoptr(GVariant) names =
        g_variant_ref_sink(g_variant_new("(^asms)", head_names, rows ? rows->note : NULL));
    g_autofree char *label = spool_label(id, "head");
    g_autoptr(GBytes) head = spool_seal_variant(spool, label, names);
    g_autoptr(GPtrArray) none = g_ptr_array_new();
    /* Nothing is told of the verdict before the next commit, and where that is lost the mail is as
     * it was: but not if its file was removed. */
    if (!spool->type->prove(spool->store, &next, head, rows ? rows->slices : none, small,
                            claim->mail_in_store, error))
        return false;
    if (!claim->mail_in_store)
        spool_drop(spool, SPOOL_MAIL, id);
    if (slices > 0)
        spool_sink_keep(rows->sink);
    spool_job_adopt(claim, &next, slices > 0 ? g_ptr_array_steal_index(rows->slices, 0) : NULL);
    return true;
}

/* --- WORKING --- */

/* What must be there by the job's state and is not. */
static bool missing(const char *label, GError **error)
{
    g_set_error(error, SPOOL_ERROR, SPOOL_ERROR_KEY, "%s is missing from the spool", label);
    return false;
}

/* The headline and the note: "(asms)"; "as" of a spool that was made without notes. Caller owns the
 * result. */
static GVariant *load_head(SpoolClaim *claim, GError **error)
{
    Spool *spool = claim->spool;
    const char *id = claim->entry->job->id;
    g_autofree char *label = spool_label(id, "head");
    g_autoptr(GBytes) head = NULL;
    Answer answer = spool->type->head_load(spool->store, id, &head, error);
    if (answer != ANSWER_YES) {
        if (answer == ANSWER_NO)
            missing(label, error);
        return NULL;
    }
    gsize size;
    const void *data = g_bytes_get_data(head, &size);
    GVariant *found = spool_unseal_variant(spool, label, "(asms)", data, size, NULL);
    return found ? found : spool_unseal_variant(spool, label, "as", data, size, error);
}

GStrv spool_head_names(SpoolClaim *claim, GError **error)
{
    g_autoptr(GVariant) head = load_head(claim, error);
    GStrv names = NULL;
    if (head && g_variant_is_of_type(head, G_VARIANT_TYPE_STRING_ARRAY))
        return g_variant_dup_strv(head, NULL);
    if (head)
        g_variant_get(head, "(^asms)", &names, NULL);
    return names;
}

bool spool_note(SpoolClaim *claim, char **note, GError **error)
{
    g_autoptr(GVariant) head = load_head(claim, error);
    *note = NULL;
    if (head && !g_variant_is_of_type(head, G_VARIANT_TYPE_STRING_ARRAY))
        g_variant_get(head, "(asms)", NULL, note);
    return head != NULL;
}

SpoolSlice *spool_slice_find(SpoolClaim *claim, unsigned number, GError **error)
{
    SpoolSlice *slice = NULL;
    const char *id = claim->entry->job->id;
    Answer answer = claim->spool->type->slice_load(claim->spool->store, id, number, &slice, error);
    if (answer == ANSWER_NO) {
        g_autofree char *label = spool_slice_label(id, "rows", number);
        missing(label, error);
    }
    return slice;
}

GVariant *spool_slice_rows(SpoolClaim *claim, unsigned number, GError **error)
{
    Spool *spool = claim->spool;
    const char *id = claim->entry->job->id;
    g_autoptr(SpoolSlice) slice = spool_slice_find(claim, number, error);
    if (!slice)
        return NULL;
    if (!claim->rows && claim->rows_fd < 0 &&
        !spool_content_find(spool, SPOOL_ROWS, id, &claim->rows, &claim->rows_fd, error))
        return NULL;
    g_autofree guint8 *data = g_malloc(slice->size + 1u);
    if (!read_at(claim, data, slice->size, slice->offset, error))
        return NULL;
    g_autofree char *label = spool_slice_label(id, "rows", number);
    return spool_unseal_variant(spool, label, TABLE_ROWS_TYPE, data, slice->size, error);
}

bool spool_job_at_server(SpoolClaim *claim, const char *server, GError **error)
{
    Spool *spool = claim->spool;
    Job *job = claim->entry->job;
    Job next = *job;
    next.server = (char *)server;
    if (g_strcmp0(job->server, server) == 0)
        return true;
    if (job->started && job->server && !spool->type->save(spool->store, &next, false, error))
        return false;
    g_autoptr(GMutexLocker) locker G_GNUC_UNUSED = g_mutex_locker_new(&spool->lock);
    replace_text(&job->server, server);
    return true;
}

bool spool_intent_store_with(SpoolClaim *claim, GVariant *intent, const SpoolEffects *effects,
                             GError **error)
{
    g_autoptr(GVariant) held = g_variant_ref_sink(intent);
    Spool *spool = claim->spool;
    if (!spool_job_expect(claim, JOB_WORKING, error))
        return false;
    Job next = *claim->entry->job;
    if (!next.started)
        next.started = g_get_real_time();
    g_autofree char *label = spool_slice_label(next.id, "intent", next.slices_done);
    g_autoptr(GBytes) sealed = spool_seal_variant(spool, label, held);
    if (!spool_disk_has_room(spool, SPOOL_COMMIT_BYTES + g_bytes_get_size(sealed), error) ||
        !spool->type->intent_store(spool->store, &next, next.slices_done, sealed, effects, error))
        return false;
    g_autoptr(GMutexLocker) locker G_GNUC_UNUSED = g_mutex_locker_new(&spool->lock);
    claim->entry->job->started = next.started;
    claim->entry->unsettled = true;
    return true;
}

bool spool_intent_store(SpoolClaim *claim, GVariant *intent, GError **error)
{
    return spool_intent_store_with(claim, intent, NULL, error);
}

Answer spool_intent_load(SpoolClaim *claim, const char *type, GVariant **intent, GError **error)
{
    Spool *spool = claim->spool;
    const Job *job = claim->entry->job;
    g_autoptr(GBytes) sealed = NULL;
    Answer answer =
        spool->type->intent_load(spool->store, job->id, job->slices_done, &sealed, error);
    if (answer != ANSWER_YES)
        return answer;
    g_autofree char *label = spool_slice_label(job->id, "intent", job->slices_done);
    gsize size;
    const void *data = g_bytes_get_data(sealed, &size);
    *intent = spool_unseal_variant(spool, label, type, data, size, error);
    return *intent ? ANSWER_YES : ANSWER_UNKNOWN;
}

/* How it was proved who asked, as the grant wanted it; static. */
static const char *proof_of(const JobFacts *facts)
{
    g_autoptr(Address) sender = address_parse(facts->requester ? facts->requester : "", NULL, NULL);
    g_autoptr(Grant) grant = facts->grant && sender
                                 ? grant_parse(facts->grant, facts->own_key ? sender : NULL, NULL)
                                 : NULL;
    return grant ? grant_auth_name(grant) : "password";
}

/* Who asked, how it was proved, and from where. */
static SpoolChanges changes_of(const Job *job, GVariant *trail, GVariant *undone,
                               const SpoolClaim *claim)
{
    bool command = spool_is_by_command(&job->facts);
    return (SpoolChanges){
        .time = g_get_real_time(),
        .proof = command ? "command" : proof_of(&job->facts),
        .origin = command || spool_is_by_door(&job->facts) ? job->facts.login : job->facts.client,
        .trail = trail,
        .undone = undone,
        .calls = claim->calls,
    };
}

static bool slice_done(SpoolClaim *claim, GVariant *outcomes, const unsigned counts[RESULT_COUNT],
                       const SpoolEffects *effects, GVariant *trail, GBytes *intent, GError **error)
{
    g_autoptr(GVariant) held = g_variant_ref_sink(outcomes);
    Spool *spool = claim->spool;
    if (!spool_job_expect(claim, JOB_WORKING, error))
        return false;
    Job next = spool_job_next(claim, JOB_WORKING);
    unsigned done = next.slices_done++;
    if (next.phase == PHASE_PART)
        next.phase = PHASE_PLAN;
    if (!next.started)
        next.started = g_get_real_time();
    for (unsigned i = 0; i < RESULT_COUNT; i++)
        next.counts[i] += counts[i];
    g_autoptr(SpoolSlice) slice = NULL;
    if (next.slices_done >= next.slices)
        next.state = JOB_REPORTING;
    else if (!(slice = spool_slice_find(claim, next.slices_done, error)))
        return false;
    g_autofree char *label = spool_slice_label(next.id, "outcomes", done);
    g_autoptr(GBytes) sealed = spool_seal_variant(spool, label, held);
    const SpoolChanges changes = changes_of(&next, trail, NULL, claim);
    /* Where an intent is stored, and this is lost, the rows are settled once more; and nothing is
     * told of them before the next commit. */
    bool later = next.mode == MODE_APPLY && claim->entry->unsettled && !intent;
    if (!spool->type->slice_done(spool->store, &next, done, sealed, effects, &changes, later,
                                 intent, error))
        return false;
    spool_job_adopt(claim, &next, g_steal_pointer(&slice));
    g_autoptr(GMutexLocker) locker G_GNUC_UNUSED = g_mutex_locker_new(&spool->lock);
    claim->entry->unsettled |= intent != NULL;
    return true;
}

bool spool_slice_done(SpoolClaim *claim, GVariant *outcomes, const unsigned counts[RESULT_COUNT],
                      GVariant *trail, GError **error)
{
    return slice_done(claim, outcomes, counts, NULL, trail, NULL, error);
}

bool spool_slice_done_ahead(SpoolClaim *claim, GVariant *outcomes,
                            const unsigned counts[RESULT_COUNT], GVariant *trail, GBytes *intent,
                            GError **error)
{
    return slice_done(claim, outcomes, counts, NULL, trail, intent, error);
}

bool spool_slice_checked(SpoolClaim *claim, GVariant *outcomes, const unsigned counts[RESULT_COUNT],
                         const SpoolEffects *effects, GError **error)
{
    return slice_done(claim, outcomes, counts, effects, NULL, NULL, error);
}

bool spool_slice_step(SpoolClaim *claim, const SpoolStep *step, GError **error)
{
    Spool *spool = claim->spool;
    if (!spool_job_expect(claim, JOB_WORKING, error))
        return false;
    Job next = spool_job_next(claim, step->state);
    unsigned present = next.slices_done;
    next.phase = step->phase;
    next.slices_done = step->slice;
    memcpy(next.counts, step->counts, sizeof next.counts);
    if (!next.started)
        next.started = g_get_real_time();
    g_autoptr(SpoolSlice) slice = NULL;
    if (next.state == JOB_WORKING && !(slice = spool_slice_find(claim, next.slices_done, error)))
        return false;
    g_autofree char *label = spool_slice_label(next.id, "outcomes", present);
    g_autoptr(GBytes) sealed =
        step->outcomes ? spool_seal_variant(spool, label, step->outcomes) : NULL;
    const SpoolChanges changes = changes_of(&next, step->trail, step->undone, claim);
    if (!spool->type->slice_done(spool->store, &next, present, sealed, step->effects, &changes,
                                 false, NULL, error))
        return false;
    spool_job_adopt(claim, &next, g_steal_pointer(&slice));
    return true;
}

bool spool_job_broken_off(SpoolClaim *claim, const char *refusal, GError **error)
{
    Spool *spool = claim->spool;
    const Job *job = claim->entry->job;
    if (job->state != JOB_SENDING && job->state != JOB_REPORTING &&
        !spool_job_expect(claim, JOB_WORKING, error))
        return false;
    Job next = spool_job_next(claim, JOB_REPORTING);
    next.refusal = (char *)refusal;
    if (!spool->type->save(spool->store, &next, true, error))
        return false;
    close_rows(claim);
    spool_drop(spool, SPOOL_ROWS, next.id);
    spool_drop(spool, SPOOL_RESPONSE, next.id);
    spool_job_adopt(claim, &next, NULL);
    return true;
}

/* --- REPORTING --- */

GVariant *spool_slice_outcomes(SpoolClaim *claim, unsigned slice, GError **error)
{
    Spool *spool = claim->spool;
    const char *id = claim->entry->job->id;
    g_autofree char *label = spool_slice_label(id, "outcomes", slice);
    g_autoptr(GBytes) sealed = NULL;
    Answer answer = spool->type->outcomes_load(spool->store, id, slice, &sealed, error);
    if (answer != ANSWER_YES) {
        if (answer == ANSWER_NO)
            missing(label, error);
        return NULL;
    }
    gsize size;
    const void *data = g_bytes_get_data(sealed, &size);
    return spool_unseal_variant(spool, label, SPOOL_OUTCOMES_TYPE, data, size, error);
}

/* In SENDING too: a response that was refused may be built again, smaller. */
GOutputStream *spool_response_create(SpoolClaim *claim, GError **error)
{
    Spool *spool = claim->spool;
    if (claim->entry->job->state != JOB_SENDING && !spool_job_expect(claim, JOB_REPORTING, error))
        return NULL;
    const char *id = claim->entry->job->id;
    g_clear_object(&claim->response);
    g_clear_object(&claim->sink);
    g_autofree char *label = spool_label(id, "response");
    claim->sink = spool_sink_new(spool, SPOOL_RESPONSE, id);
    claim->response = seal_output_stream_new(spool->key, label, G_OUTPUT_STREAM(claim->sink));
    return g_object_ref(claim->response);
}

void spool_response_counts(SpoolClaim *claim, const unsigned counts[RESULT_COUNT])
{
    claim->recounted = true;
    memcpy(claim->counts, counts, sizeof claim->counts);
}

bool spool_response_stored(SpoolClaim *claim, GError **error)
{
    Spool *spool = claim->spool;
    if (claim->entry->job->state != JOB_SENDING && !spool_job_expect(claim, JOB_REPORTING, error))
        return false;
    Job next = spool_job_next(claim, JOB_SENDING);
    if (claim->recounted)
        memcpy(next.counts, claim->counts, sizeof next.counts);
    if (!claim->response || !g_output_stream_is_closed(claim->response)) {
        g_set_error(error, SPOOL_ERROR, SPOOL_ERROR_STORE,
                    "the response of job %s was not written to its end", next.id);
        return false;
    }
    g_autoptr(GBytes) small = NULL;
    if (!spool_sink_finish(claim->sink, &small, error))
        return false;
    /* The name may have been that of the response that is replaced. */
    spool_sink_keep(claim->sink);
    if (!spool_disk_has_room(spool, SPOOL_COMMIT_BYTES, error) ||
        !spool->type->answer(spool->store, &next, small, error))
        return false;
    g_clear_object(&claim->response);
    g_clear_object(&claim->sink);
    if (small)
        spool_drop(spool, SPOOL_RESPONSE, next.id);
    spool_job_adopt(claim, &next, NULL);
    return true;
}

/* --- SENDING --- */

GInputStream *spool_response_open(SpoolClaim *claim, GError **error)
{
    const char *id = claim->entry->job->id;
    if (!spool_job_expect(claim, JOB_SENDING, error))
        return NULL;
    return spool_content_open(claim->spool, SPOOL_RESPONSE, id, NULL, error);
}

void spool_response_handed_over(SpoolClaim *claim)
{
    claim->entry->handed_over = true;
}

bool spool_response_is_handed_over(const SpoolClaim *claim)
{
    return claim->entry->handed_over;
}

static bool end_job(SpoolClaim *claim, JobState state, const char *why, GError **error)
{
    Spool *spool = claim->spool;
    if (!spool_job_expect(claim, JOB_SENDING, error))
        return false;
    Job next = spool_job_next(claim, state);
    next.finished = g_get_real_time();
    next.waiting = (char *)why;
    if (!spool->type->save(spool->store, &next, true, error))
        return false;
    close_rows(claim);
    spool_drop(spool, SPOOL_ROWS, next.id);
    if (state == JOB_DONE)
        spool_drop(spool, SPOOL_RESPONSE, next.id);
    spool_job_adopt(claim, &next, NULL);
    return true;
}

bool spool_job_done(SpoolClaim *claim, GError **error)
{
    return end_job(claim, JOB_DONE, NULL, error);
}

bool spool_job_answer_failed(SpoolClaim *claim, const char *why, GError **error)
{
    return end_job(claim, JOB_ANSWER_FAILED, why, error);
}
