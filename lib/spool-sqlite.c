/* SPDX-License-Identifier: MIT */
#include "lib/spool-sqlite-private.h"
#include <string.h>

/* The store in SQLite: one connection, one mutex, and a WAL which is synced before a commit
 * returns, outside the mutex: one sync for all that committed meanwhile. A failed write or sync
 * closes the handle: what the disk holds then is only known after the log has been read anew, at
 * the next start. */

/* How long a commit waits for a reader that holds the log, in milliseconds. */
#define BUSY_MS 10000

/* What can change of a job comes first, in the order of bind_changing(). */
#define CHANGING                                                                                   \
    "state, reference, started, finished, not_before, attempts, waiting, refusal, row_count, "     \
    "slices, slices_done, created, changed, deleted, unchanged, failed, mode, phase, proven, "     \
    "server"
#define CHANGING_COUNT 20
#define FIXED                                                                                      \
    "id, requester, batch_address, sender_grant, own_key, client, queue_id, message_id, refs, "    \
    "subject, sent, received, bytes, login"
#define FIXED_COUNT 14

static const char *const sql_text[SQL_COUNT] = {
    [SQL_BEGIN] = "BEGIN IMMEDIATE",
    [SQL_COMMIT] = "COMMIT",
    [SQL_ROLLBACK] = "ROLLBACK",
    [SQL_CANARY_LOAD] = "SELECT value FROM meta WHERE name='canary'",
    [SQL_CANARY_STORE] = "INSERT OR REPLACE INTO meta(name, value) VALUES('canary', ?1)",
    [SQL_FIRST] = "SELECT id FROM job WHERE key=?1",
    [SQL_ADD] = "INSERT INTO job(" CHANGING ", " FIXED ", key) VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, "
                "?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18, ?19, ?20, ?21, ?22, ?23, "
                "?24, ?25, ?26, ?27, ?28, ?29, ?30, ?31, ?32, ?33, ?34, ?35)",
    [SQL_SAVE] = "UPDATE job SET state=?1, reference=?2, started=?3, finished=?4, not_before=?5, "
                 "attempts=?6, waiting=?7, refusal=?8, row_count=?9, slices=?10, slices_done=?11, "
                 "created=?12, changed=?13, deleted=?14, unchanged=?15, failed=?16, mode=?17, "
                 "phase=?18, proven=?19, server=?20 WHERE id=?21",
    [SQL_CONTENT_STORE] = "INSERT OR REPLACE INTO content(job, kind, sealed) VALUES(?1, ?2, ?3)",
    [SQL_CONTENT_LOAD] = "SELECT sealed FROM content WHERE job=?1 AND kind=?2",
    [SQL_CONTENT_DELETE] = "DELETE FROM content WHERE job=?1 AND kind BETWEEN ?2 AND ?3",
    [SQL_HEAD_STORE] = "INSERT OR REPLACE INTO head(job, sealed) VALUES(?1, ?2)",
    [SQL_HEAD_LOAD] = "SELECT sealed FROM head WHERE job=?1",
    [SQL_SLICE_STORE] = "INSERT OR REPLACE INTO slice(job, number, offset, size, first_line, "
                        "row_count, domains) VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7)",
    [SQL_SLICE_LOAD] = "SELECT offset, size, first_line, row_count, domains FROM slice "
                       "WHERE job=?1 AND number=?2",
    [SQL_INTENT_STORE] = "INSERT OR REPLACE INTO intent(job, number, sealed) VALUES(?1, ?2, ?3)",
    [SQL_INTENT_LOAD] = "SELECT sealed FROM intent WHERE job=?1 AND number=?2",
    [SQL_OUTCOMES_STORE] = "INSERT OR REPLACE INTO outcomes(job, number, sealed) "
                           "VALUES(?1, ?2, ?3)",
    [SQL_OUTCOMES_LOAD] = "SELECT sealed FROM outcomes WHERE job=?1 AND number=?2",
    [SQL_INTENT_DELETE] = "DELETE FROM intent WHERE job=?1",
    [SQL_OUTCOMES_DELETE] = "DELETE FROM outcomes WHERE job=?1",
    [SQL_SLICES_DELETE] = "DELETE FROM slice WHERE job=?1",
    [SQL_HEAD_DELETE] = "DELETE FROM head WHERE job=?1",
    [SQL_OVERLAY_DELETE] = "DELETE FROM overlay WHERE job=?1",
    [SQL_MEMBERS_DELETE] = "DELETE FROM overlay_member WHERE job=?1",
    [SQL_EFFECT_STORE] = "INSERT OR REPLACE INTO overlay(job, name, sealed) VALUES(?1, ?2, ?3)",
    [SQL_EFFECT_LOAD] = "SELECT sealed FROM overlay WHERE job=?1 AND name=?2",
    [SQL_MEMBER_STORE] = "INSERT OR IGNORE INTO overlay_member(job, member, name) "
                         "VALUES(?1, ?2, ?3)",
    [SQL_MEMBER_LOAD] = "SELECT name, sealed FROM overlay_member JOIN overlay USING(job, name) "
                        "WHERE job=?1 AND member=?2",
    [SQL_REFUSALS] = "SELECT count(*) FROM refusal WHERE address=?1 AND at>?2 AND at<=?3",
    [SQL_REFUSAL_STORE] = "INSERT INTO refusal(address, at) VALUES(?1, ?2)",
    [SQL_REFUSALS_EXPIRE] = "DELETE FROM refusal WHERE at<=?1 OR at>?2",
    [SQL_LOCKOUT_STORE] = "INSERT OR REPLACE INTO lockout(sender, client, failures, last, until, "
                          "locked_until) VALUES(?1, ?2, ?3, ?4, ?5, ?6)",
    [SQL_LOCKOUT_LOAD] = "SELECT sender, client, failures, last, until, locked_until FROM lockout "
                         "WHERE sender=?1 AND client=?2",
    [SQL_LOCKOUT_LIST] = "SELECT sender, client, failures, last, until, locked_until FROM lockout "
                         "ORDER BY sender, client",
    [SQL_LOCKOUT_DELETE] = "DELETE FROM lockout WHERE sender=?1 AND client=?2",
    [SQL_LOCKOUTS_DELETE] = "DELETE FROM lockout WHERE sender=?1",
    [SQL_LOCKOUTS_TRIM] = "DELETE FROM lockout WHERE (sender, client) IN (SELECT sender, client "
                          "FROM lockout ORDER BY last LIMIT "
                          "max(0, (SELECT count(*) FROM lockout)-?1))",
    [SQL_LOCKOUTS_EXPIRE] = "DELETE FROM lockout WHERE last<=?1 AND locked_until<=?2",
    [SQL_LIST] = "SELECT " CHANGING ", " FIXED " FROM job WHERE state<?1 ORDER BY seq",
    [SQL_FIND] = "SELECT " CHANGING ", " FIXED " FROM job WHERE id=?1",
    [SQL_KEYS_EXPIRE] = "UPDATE job SET key=NULL WHERE key IS NOT NULL AND state>=?1 AND "
                        "received<?2",
    [SQL_EXPIRED] = "SELECT id FROM job WHERE state>=?1 AND finished<?2",
    [SQL_EXPIRE] = "DELETE FROM job WHERE state>=?1 AND finished<?2",
    [SQL_UNPROVEN] =
        "SELECT id FROM job WHERE " SPOOL_SQLITE_UNPROVEN " ORDER BY seq DESC LIMIT -1 OFFSET ?1",
    [SQL_UNPROVEN_EXPIRE] = "DELETE FROM job WHERE seq IN (SELECT seq FROM job "
                            "WHERE " SPOOL_SQLITE_UNPROVEN " ORDER BY seq DESC LIMIT -1 OFFSET ?1)",
};

void spool_slice_free(SpoolSlice *slice)
{
    if (!slice)
        return;
    g_strfreev(slice->domains);
    g_free(slice);
}

/* --- plumbing; the caller holds the lock --- */

static void store_shut(SpoolStore *store)
{
    if (!store->db)
        return;
    for (unsigned i = 0; i < SQL_COUNT; i++)
        g_clear_pointer(&store->statements[i], sqlite3_finalize);
    g_clear_pointer(&store->audit_add, sqlite3_finalize);
    sqlite3_close_v2(store->db);
    store->db = NULL;
}

/* After a failed write nothing more is written, not even by closing. */
static void store_fail(SpoolStore *store)
{
    g_atomic_int_set(&store->failed, 1);
    if (store->db)
        sqlite3_db_config(store->db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
    store_shut(store);
}

/* Whether the disk's state is unknown after this result. A full disk is not fatal (the transaction
 * was rolled back), nor is a busy log. */
static bool is_fatal(int result)
{
    switch (result & 0xff) {
    case SQLITE_FULL:
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
    case SQLITE_NOMEM:
    case SQLITE_INTERRUPT:
    case SQLITE_CONSTRAINT:
        return false;
    default:
        return true;
    }
}

bool spool_sqlite_error(SpoolStore *store, GError **error)
{
    int result = store->db ? sqlite3_extended_errcode(store->db) : SQLITE_IOERR;
    g_set_error(error, SPOOL_ERROR, SPOOL_ERROR_STORE, "the spool's database failed: %s (%d)",
                store->db ? sqlite3_errmsg(store->db) : "closed after an earlier failure", result);
    if (is_fatal(result))
        store_fail(store);
    return false;
}

sqlite3_stmt *spool_sqlite_prepare(SpoolStore *store, Sql sql, GError **error)
{
    if (!store->db) {
        spool_sqlite_error(store, error);
        return NULL;
    }
    sqlite3_stmt *statement = store->statements[sql];
    if (!statement) {
        if (sqlite3_prepare_v3(store->db, sql_text[sql], -1, SQLITE_PREPARE_PERSISTENT, &statement,
                               NULL) != SQLITE_OK) {
            spool_sqlite_error(store, error);
            return NULL;
        }
        store->statements[sql] = statement;
    }
    return statement;
}

sqlite3_stmt *spool_sqlite_prepare_once(SpoolStore *store, const char *sql, GError **error)
{
    sqlite3_stmt *statement = NULL;
    if (store->db && sqlite3_prepare_v2(store->db, sql, -1, &statement, NULL) == SQLITE_OK)
        return statement;
    spool_sqlite_error(store, error);
    return NULL;
}

void spool_sqlite_finish(SpoolStore *store, sqlite3_stmt *statement)
{
    if (!store->db)
        return;
    sqlite3_reset(statement);
    sqlite3_clear_bindings(statement);
}

/* Runs a bound statement to its end. */
bool spool_sqlite_run(SpoolStore *store, sqlite3_stmt *statement, GError **error)
{
    bool done = sqlite3_step(statement) == SQLITE_DONE || spool_sqlite_error(store, error);
    spool_sqlite_finish(store, statement);
    return done;
}

static bool run_plain(SpoolStore *store, Sql sql, GError **error)
{
    sqlite3_stmt *statement = spool_sqlite_prepare(store, sql, error);
    return statement && spool_sqlite_run(store, statement, error);
}

bool spool_sqlite_begin(SpoolStore *store, GError **error)
{
    g_mutex_lock(&store->lock);
    if (run_plain(store, SQL_BEGIN, error))
        return true;
    g_mutex_unlock(&store->lock);
    return false;
}

bool spool_sqlite_begin_later(SpoolStore *store, GError **error)
{
    if (!spool_sqlite_begin(store, error))
        return false;
    store->later = true;
    return true;
}

/* All that was committed until now, or until this one (0: all), is on the disk. */
static bool store_sync(SpoolStore *store, guint64 number, GError **error)
{
    if (spool_sqlite_log_sync(&store->log, number, error))
        return true;
    g_autoptr(GMutexLocker) locker G_GNUC_UNUSED = g_mutex_locker_new(&store->lock);
    store_fail(store);
    return false;
}

/* Ends a transaction: commits where all went well, else rolls back. */
bool spool_sqlite_end(SpoolStore *store, bool well, GError **error)
{
    const bool later = store->later;
    store->later = false;
    if (well)
        well = run_plain(store, SQL_COMMIT, error);
    if (!well && store->db && !sqlite3_get_autocommit(store->db) &&
        !run_plain(store, SQL_ROLLBACK, NULL))
        store_fail(store);
    const guint64 number = well ? spool_sqlite_log_written(&store->log) : 0;
    g_mutex_unlock(&store->lock);
    return well && (later || store_sync(store, number, error));
}

void spool_sqlite_bind_text(sqlite3_stmt *statement, int at, const char *text)
{
    sqlite3_bind_text(statement, at, text, -1, SQLITE_STATIC);
}

void spool_sqlite_bind_bytes(sqlite3_stmt *statement, int at, GBytes *bytes)
{
    gsize size;
    const void *data = g_bytes_get_data(bytes, &size);
    sqlite3_bind_blob64(statement, at, data, size, SQLITE_STATIC);
}

GBytes *spool_sqlite_bytes(sqlite3_stmt *statement, int at)
{
    const void *data = sqlite3_column_blob(statement, at);
    return g_bytes_new(data, (gsize)sqlite3_column_bytes(statement, at));
}

/* Deletes or changes what belongs to one job. */
static bool run_for(SpoolStore *store, Sql sql, const char *id, GError **error)
{
    sqlite3_stmt *statement = spool_sqlite_prepare(store, sql, error);
    if (!statement)
        return false;
    spool_sqlite_bind_text(statement, 1, id);
    return spool_sqlite_run(store, statement, error);
}

/* --- jobs --- */

static void bind_changing(sqlite3_stmt *statement, const Job *job)
{
    sqlite3_bind_int(statement, 1, job->state);
    spool_sqlite_bind_text(statement, 2, job->reference);
    sqlite3_bind_int64(statement, 3, job->started);
    sqlite3_bind_int64(statement, 4, job->finished);
    sqlite3_bind_int64(statement, 5, job->not_before);
    sqlite3_bind_int64(statement, 6, job->attempts);
    spool_sqlite_bind_text(statement, 7, job->waiting);
    spool_sqlite_bind_text(statement, 8, job->refusal);
    sqlite3_bind_int64(statement, 9, job->rows);
    sqlite3_bind_int64(statement, 10, job->slices);
    sqlite3_bind_int64(statement, 11, job->slices_done);
    for (int i = 0; i < RESULT_COUNT; i++)
        sqlite3_bind_int64(statement, 12 + i, job->counts[i]);
    sqlite3_bind_int(statement, 12 + RESULT_COUNT, job->mode);
    sqlite3_bind_int(statement, 13 + RESULT_COUNT, job->phase);
    sqlite3_bind_int(statement, 14 + RESULT_COUNT, job->proven);
    spool_sqlite_bind_text(statement, 15 + RESULT_COUNT, job->server);
}

G_STATIC_ASSERT(15 + RESULT_COUNT == CHANGING_COUNT);

static void bind_fixed(sqlite3_stmt *statement, const Job *job)
{
    const JobFacts *facts = &job->facts;
    int at = CHANGING_COUNT;
    spool_sqlite_bind_text(statement, ++at, job->id);
    spool_sqlite_bind_text(statement, ++at, facts->requester);
    spool_sqlite_bind_text(statement, ++at, facts->batch_address);
    spool_sqlite_bind_text(statement, ++at, facts->grant);
    sqlite3_bind_int(statement, ++at, facts->own_key);
    spool_sqlite_bind_text(statement, ++at, facts->client);
    spool_sqlite_bind_text(statement, ++at, facts->queue_id);
    spool_sqlite_bind_text(statement, ++at, facts->message_id);
    spool_sqlite_bind_text(statement, ++at, facts->references);
    spool_sqlite_bind_text(statement, ++at, facts->subject);
    spool_sqlite_bind_text(statement, ++at, facts->date);
    sqlite3_bind_int64(statement, ++at, job->received);
    sqlite3_bind_int64(statement, ++at, (sqlite3_int64)job->bytes);
    spool_sqlite_bind_text(statement, ++at, facts->login);
}

char *spool_sqlite_text(sqlite3_stmt *statement, int at)
{
    return g_strdup((const char *)sqlite3_column_text(statement, at));
}

static Job *column_job(sqlite3_stmt *statement)
{
    Job *job = g_new0(Job, 1);
    JobFacts *facts = &job->facts;
    int state = sqlite3_column_int(statement, 0);
    job->state = state >= 0 && state < JOB_STATE_COUNT ? (JobState)state : JOB_ANSWER_FAILED;
    job->reference = spool_sqlite_text(statement, 1);
    job->started = sqlite3_column_int64(statement, 2);
    job->finished = sqlite3_column_int64(statement, 3);
    job->not_before = sqlite3_column_int64(statement, 4);
    job->attempts = (unsigned)sqlite3_column_int64(statement, 5);
    job->waiting = spool_sqlite_text(statement, 6);
    job->refusal = spool_sqlite_text(statement, 7);
    job->rows = (unsigned)sqlite3_column_int64(statement, 8);
    job->slices = (unsigned)sqlite3_column_int64(statement, 9);
    job->slices_done = (unsigned)sqlite3_column_int64(statement, 10);
    for (int i = 0; i < RESULT_COUNT; i++)
        job->counts[i] = (unsigned)sqlite3_column_int64(statement, 11 + i);
    int mode = sqlite3_column_int(statement, 11 + RESULT_COUNT);
    job->mode = mode >= 0 && mode < MODE_COUNT ? (Mode)mode : MODE_APPLY;
    int phase = sqlite3_column_int(statement, 12 + RESULT_COUNT);
    job->phase = phase >= 0 && phase < PHASE_COUNT ? (JobPhase)phase : PHASE_UNDONE_LEFT;
    job->proven = sqlite3_column_int(statement, 13 + RESULT_COUNT);
    job->server = spool_sqlite_text(statement, 14 + RESULT_COUNT);
    int at = CHANGING_COUNT;
    job->id = spool_sqlite_text(statement, at++);
    facts->requester = spool_sqlite_text(statement, at++);
    facts->batch_address = spool_sqlite_text(statement, at++);
    facts->grant = spool_sqlite_text(statement, at++);
    facts->own_key = sqlite3_column_int(statement, at++);
    facts->client = spool_sqlite_text(statement, at++);
    facts->queue_id = spool_sqlite_text(statement, at++);
    facts->message_id = spool_sqlite_text(statement, at++);
    facts->references = spool_sqlite_text(statement, at++);
    facts->subject = spool_sqlite_text(statement, at++);
    facts->date = spool_sqlite_text(statement, at++);
    job->received = sqlite3_column_int64(statement, at++);
    job->bytes = (guint64)sqlite3_column_int64(statement, at++);
    facts->login = spool_sqlite_text(statement, at++);
    facts->proven = job->proven;
    return job;
}

/* The id of the job with this key; the caller holds the lock. */
static Answer find_key(SpoolStore *store, const char *key, char **id, GError **error)
{
    sqlite3_stmt *statement = spool_sqlite_prepare(store, SQL_FIRST, error);
    if (!statement)
        return ANSWER_UNKNOWN;
    spool_sqlite_bind_text(statement, 1, key);
    Answer answer = ANSWER_NO;
    int result = sqlite3_step(statement);
    if (result == SQLITE_ROW) {
        *id = spool_sqlite_text(statement, 0);
        answer = ANSWER_YES;
    } else if (result != SQLITE_DONE) {
        spool_sqlite_error(store, error);
        answer = ANSWER_UNKNOWN;
    }
    spool_sqlite_finish(store, statement);
    return answer;
}

static bool put_blob(SpoolStore *store, Sql sql, const char *id, unsigned slice, GBytes *blob,
                     GError **error)
{
    sqlite3_stmt *statement = spool_sqlite_prepare(store, sql, error);
    if (!statement)
        return false;
    spool_sqlite_bind_text(statement, 1, id);
    sqlite3_bind_int64(statement, 2, slice);
    spool_sqlite_bind_bytes(statement, 3, blob);
    return spool_sqlite_run(store, statement, error);
}

bool spool_sqlite_content_delete(SpoolStore *store, const char *id, SpoolFolder first,
                                 SpoolFolder last, GError **error)
{
    sqlite3_stmt *statement = spool_sqlite_prepare(store, SQL_CONTENT_DELETE, error);
    if (!statement)
        return false;
    spool_sqlite_bind_text(statement, 1, id);
    sqlite3_bind_int(statement, 2, first);
    sqlite3_bind_int(statement, 3, last);
    return spool_sqlite_run(store, statement, error);
}

static Answer sqlite_add(SpoolStore *store, const Job *job, const char *key, GBytes *mail,
                         char **first, GError **error)
{
    if (!spool_sqlite_begin(store, error))
        return ANSWER_UNKNOWN;
    Answer found = find_key(store, key, first, error);
    bool well = found == ANSWER_NO;
    sqlite3_stmt *statement = well ? spool_sqlite_prepare(store, SQL_ADD, error) : NULL;
    well = well && statement;
    if (well) {
        bind_changing(statement, job);
        bind_fixed(statement, job);
        spool_sqlite_bind_text(statement, CHANGING_COUNT + FIXED_COUNT + 1, key);
        well = spool_sqlite_run(store, statement, error) &&
               (!mail || put_blob(store, SQL_CONTENT_STORE, job->id, SPOOL_MAIL, mail, error));
    }
    well = spool_sqlite_end(store, well, error);
    /* What is promised of the other one may not be on the disk yet. */
    if (found == ANSWER_YES)
        return store_sync(store, 0, error) ? ANSWER_NO : ANSWER_UNKNOWN;
    return well ? ANSWER_YES : ANSWER_UNKNOWN;
}

bool spool_sqlite_save(SpoolStore *store, const Job *job, GError **error)
{
    sqlite3_stmt *statement = spool_sqlite_prepare(store, SQL_SAVE, error);
    if (!statement)
        return false;
    bind_changing(statement, job);
    spool_sqlite_bind_text(statement, CHANGING_COUNT + 1, job->id);
    if (!spool_sqlite_run(store, statement, error))
        return false;
    if (sqlite3_changes(store->db) == 1)
        return true;
    g_set_error(error, SPOOL_ERROR, SPOOL_ERROR_GONE, "there is no job %s", job->id);
    return false;
}

static bool sqlite_save(SpoolStore *store, const Job *job, bool contents, GError **error)
{
    if (!spool_sqlite_begin(store, error))
        return false;
    bool well = spool_sqlite_save(store, job, error);
    const SpoolFolder last = job->state == JOB_ANSWER_FAILED ? SPOOL_ROWS : SPOOL_RESPONSE;
    if (contents)
        well = well && spool_sqlite_content_delete(store, job->id, SPOOL_MAIL, last, error) &&
               run_for(store, SQL_INTENT_DELETE, job->id, error) &&
               run_for(store, SQL_OUTCOMES_DELETE, job->id, error) &&
               run_for(store, SQL_SLICES_DELETE, job->id, error) &&
               run_for(store, SQL_HEAD_DELETE, job->id, error) &&
               run_for(store, SQL_MEMBERS_DELETE, job->id, error) &&
               run_for(store, SQL_OVERLAY_DELETE, job->id, error);
    return spool_sqlite_end(store, well, error);
}

static bool add_slice(SpoolStore *store, const char *id, unsigned number, const SpoolSlice *slice,
                      GError **error)
{
    sqlite3_stmt *statement = spool_sqlite_prepare(store, SQL_SLICE_STORE, error);
    if (!statement)
        return false;
    g_autofree char *domains = g_strjoinv("\n", slice->domains);
    spool_sqlite_bind_text(statement, 1, id);
    sqlite3_bind_int64(statement, 2, number);
    sqlite3_bind_int64(statement, 3, (sqlite3_int64)slice->offset);
    sqlite3_bind_int64(statement, 4, slice->size);
    sqlite3_bind_int64(statement, 5, slice->first_line);
    sqlite3_bind_int64(statement, 6, slice->count);
    spool_sqlite_bind_text(statement, 7, domains);
    return spool_sqlite_run(store, statement, error);
}

static bool sqlite_prove(SpoolStore *store, const Job *job, GBytes *head, GPtrArray *slices,
                         GBytes *rows, bool later, GError **error)
{
    if (!(later ? spool_sqlite_begin_later : spool_sqlite_begin)(store, error))
        return false;
    bool well = spool_sqlite_save(store, job, error);
    sqlite3_stmt *statement = well ? spool_sqlite_prepare(store, SQL_HEAD_STORE, error) : NULL;
    well = well && statement;
    if (well) {
        spool_sqlite_bind_text(statement, 1, job->id);
        spool_sqlite_bind_bytes(statement, 2, head);
        well = spool_sqlite_run(store, statement, error);
    }
    well = well && spool_sqlite_forget(store, job, error) &&
           spool_sqlite_content_delete(store, job->id, SPOOL_MAIL, SPOOL_MAIL, error) &&
           (!rows || put_blob(store, SQL_CONTENT_STORE, job->id, SPOOL_ROWS, rows, error));
    for (unsigned i = 0; well && i < slices->len; i++)
        well = add_slice(store, job->id, i, g_ptr_array_index(slices, i), error);
    return spool_sqlite_end(store, well, error);
}

static bool sqlite_answer(SpoolStore *store, const Job *job, GBytes *response, GError **error)
{
    if (!spool_sqlite_begin(store, error))
        return false;
    bool well =
        spool_sqlite_save(store, job, error) &&
        (response
             ? put_blob(store, SQL_CONTENT_STORE, job->id, SPOOL_RESPONSE, response, error)
             : spool_sqlite_content_delete(store, job->id, SPOOL_RESPONSE, SPOOL_RESPONSE, error));
    return spool_sqlite_end(store, well, error);
}

static bool sqlite_intent_store(SpoolStore *store, const Job *job, unsigned slice, GBytes *intent,
                                const SpoolEffects *effects, GError **error)
{
    if (!spool_sqlite_begin(store, error))
        return false;
    bool well = spool_sqlite_save(store, job, error) &&
                put_blob(store, SQL_INTENT_STORE, job->id, slice, intent, error) &&
                (!effects || spool_sqlite_effects_add(store, job->id, effects, error));
    return spool_sqlite_end(store, well, error);
}

static bool sqlite_slice_done(SpoolStore *store, const Job *job, unsigned slice, GBytes *outcomes,
                              const SpoolEffects *effects, const SpoolChanges *changes, bool later,
                              GBytes *intent, GError **error)
{
    if (!(later ? spool_sqlite_begin_later : spool_sqlite_begin)(store, error))
        return false;
    bool well =
        spool_sqlite_save(store, job, error) &&
        spool_sqlite_audit_add(store, job, changes, error) &&
        spool_sqlite_calls_add(store, job, changes, error) &&
        (!outcomes || put_blob(store, SQL_OUTCOMES_STORE, job->id, slice, outcomes, error)) &&
        (!effects || spool_sqlite_effects_add(store, job->id, effects, error)) &&
        run_for(store, SQL_INTENT_DELETE, job->id, error) &&
        (!intent || put_blob(store, SQL_INTENT_STORE, job->id, job->slices_done, intent, error));
    return spool_sqlite_end(store, well, error);
}

/* --- reading --- */

/* Steps a bound one-row query. The caller ends with spool_sqlite_finish() and unlocks. */
Answer spool_sqlite_step(SpoolStore *store, sqlite3_stmt *statement, GError **error)
{
    switch (sqlite3_step(statement)) {
    case SQLITE_ROW:
        return ANSWER_YES;
    case SQLITE_DONE:
        return ANSWER_NO;
    default:
        spool_sqlite_error(store, error);
        return ANSWER_UNKNOWN;
    }
}

static Answer load_blob(SpoolStore *store, Sql sql, const char *id, unsigned slice, GBytes **blob,
                        GError **error)
{
    g_autoptr(GMutexLocker) locker G_GNUC_UNUSED = g_mutex_locker_new(&store->lock);
    sqlite3_stmt *statement = spool_sqlite_prepare(store, sql, error);
    if (!statement)
        return ANSWER_UNKNOWN;
    if (id) {
        spool_sqlite_bind_text(statement, 1, id);
        if (sqlite3_bind_parameter_count(statement) > 1)
            sqlite3_bind_int64(statement, 2, slice);
    }
    Answer answer = spool_sqlite_step(store, statement, error);
    if (answer == ANSWER_YES)
        *blob = spool_sqlite_bytes(statement, 0);
    spool_sqlite_finish(store, statement);
    return answer;
}

static Answer sqlite_content_load(SpoolStore *store, const char *id, SpoolFolder kind,
                                  GBytes **content, GError **error)
{
    return load_blob(store, SQL_CONTENT_LOAD, id, kind, content, error);
}

static Answer sqlite_head_load(SpoolStore *store, const char *id, GBytes **head, GError **error)
{
    return load_blob(store, SQL_HEAD_LOAD, id, 0, head, error);
}

static Answer sqlite_intent_load(SpoolStore *store, const char *id, unsigned slice, GBytes **intent,
                                 GError **error)
{
    return load_blob(store, SQL_INTENT_LOAD, id, slice, intent, error);
}

static Answer sqlite_outcomes_load(SpoolStore *store, const char *id, unsigned slice,
                                   GBytes **outcomes, GError **error)
{
    return load_blob(store, SQL_OUTCOMES_LOAD, id, slice, outcomes, error);
}

static Answer sqlite_canary_load(SpoolStore *store, GBytes **value, GError **error)
{
    return load_blob(store, SQL_CANARY_LOAD, NULL, 0, value, error);
}

static bool sqlite_canary_store(SpoolStore *store, GBytes *value, GError **error)
{
    if (!spool_sqlite_begin(store, error))
        return false;
    sqlite3_stmt *statement = spool_sqlite_prepare(store, SQL_CANARY_STORE, error);
    bool well = statement;
    if (well) {
        spool_sqlite_bind_bytes(statement, 1, value);
        well = spool_sqlite_run(store, statement, error);
    }
    return spool_sqlite_end(store, well, error);
}

static Answer sqlite_slice_load(SpoolStore *store, const char *id, unsigned number,
                                SpoolSlice **found, GError **error)
{
    g_autoptr(GMutexLocker) locker G_GNUC_UNUSED = g_mutex_locker_new(&store->lock);
    sqlite3_stmt *statement = spool_sqlite_prepare(store, SQL_SLICE_LOAD, error);
    if (!statement)
        return ANSWER_UNKNOWN;
    spool_sqlite_bind_text(statement, 1, id);
    sqlite3_bind_int64(statement, 2, number);
    Answer answer = spool_sqlite_step(store, statement, error);
    if (answer == ANSWER_YES) {
        SpoolSlice *slice = g_new0(SpoolSlice, 1);
        slice->offset = (guint64)sqlite3_column_int64(statement, 0);
        slice->size = (guint32)sqlite3_column_int64(statement, 1);
        slice->first_line = (guint32)sqlite3_column_int64(statement, 2);
        slice->count = (guint32)sqlite3_column_int64(statement, 3);
        const char *domains = (const char *)sqlite3_column_text(statement, 4);
        slice->domains = g_strsplit(domains ? domains : "", "\n", -1);
        *found = slice;
    }
    spool_sqlite_finish(store, statement);
    return answer;
}

static bool sqlite_list(SpoolStore *store, bool all, SpoolFoundFunc found, gpointer data,
                        GError **error)
{
    g_autoptr(GMutexLocker) locker G_GNUC_UNUSED = g_mutex_locker_new(&store->lock);
    sqlite3_stmt *statement = spool_sqlite_prepare(store, SQL_LIST, error);
    if (!statement)
        return false;
    sqlite3_bind_int(statement, 1, all ? JOB_STATE_COUNT : JOB_DONE);
    Answer answer;
    while ((answer = spool_sqlite_step(store, statement, error)) == ANSWER_YES) {
        g_autoptr(Job) job = column_job(statement);
        found(data, job);
    }
    spool_sqlite_finish(store, statement);
    return answer == ANSWER_NO;
}

static Answer sqlite_find(SpoolStore *store, const char *id, Job **job, GError **error)
{
    g_autoptr(GMutexLocker) locker G_GNUC_UNUSED = g_mutex_locker_new(&store->lock);
    sqlite3_stmt *statement = spool_sqlite_prepare(store, SQL_FIND, error);
    if (!statement)
        return ANSWER_UNKNOWN;
    spool_sqlite_bind_text(statement, 1, id);
    Answer answer = spool_sqlite_step(store, statement, error);
    if (answer == ANSWER_YES)
        *job = column_job(statement);
    spool_sqlite_finish(store, statement);
    return answer;
}

/* --- old records --- */

static bool run_before(SpoolStore *store, Sql sql, gint64 before, GPtrArray *gone, GError **error)
{
    sqlite3_stmt *statement = spool_sqlite_prepare(store, sql, error);
    if (!statement)
        return false;
    sqlite3_bind_int(statement, 1, JOB_DONE);
    sqlite3_bind_int64(statement, 2, before);
    Answer answer;
    while ((answer = spool_sqlite_step(store, statement, error)) == ANSWER_YES)
        g_ptr_array_add(gone, spool_sqlite_text(statement, 0));
    spool_sqlite_finish(store, statement);
    return answer == ANSWER_NO;
}

static bool sqlite_expire(SpoolStore *store, gint64 keys_before, gint64 records_before,
                          GPtrArray *gone, GError **error)
{
    if (!spool_sqlite_begin(store, error))
        return false;
    bool well = run_before(store, SQL_KEYS_EXPIRE, keys_before, gone, error) &&
                run_before(store, SQL_EXPIRED, records_before, gone, error) &&
                run_before(store, SQL_EXPIRE, records_before, gone, error);
    if (!spool_sqlite_end(store, well, error))
        return false;
    g_autoptr(GMutexLocker) locker G_GNUC_UNUSED = g_mutex_locker_new(&store->lock);
    if (!store->db)
        return spool_sqlite_error(store, error);
    /* A reader in the way is no failure, nor waited for: the log is cut another time. */
    sqlite3_busy_timeout(store->db, 0);
    int result = sqlite3_wal_checkpoint_v2(store->db, NULL, SQLITE_CHECKPOINT_TRUNCATE, NULL, NULL);
    sqlite3_busy_timeout(store->db, BUSY_MS);
    spool_sqlite_reserve(store->db);
    return result == SQLITE_OK || (result & 0xff) == SQLITE_BUSY ||
           (result & 0xff) == SQLITE_LOCKED || spool_sqlite_error(store, error);
}

/* --- opening --- */

static void sqlite_close(SpoolStore *store)
{
    if (!store)
        return;
    store_shut(store);
    spool_sqlite_log_clear(&store->log);
    g_mutex_clear(&store->lock);
    g_free(store);
}

static SpoolStore *sqlite_open(const char *directory, bool readonly, GError **error)
{
    g_autofree char *path = g_build_filename(directory, "spool.db", NULL);
    SpoolStore *store = g_new0(SpoolStore, 1);
    g_mutex_init(&store->lock);
    g_mutex_init(&store->log.lock);
    g_cond_init(&store->log.synced_more);
    store->log.fd = -1;
    int flags = readonly ? SQLITE_OPEN_READONLY : SQLITE_OPEN_READWRITE;
    if (sqlite3_open_v2(path, &store->db, flags | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_NOFOLLOW,
                        NULL) != SQLITE_OK) {
        g_set_error(error, SPOOL_ERROR, SPOOL_ERROR_STORE, "%s can't be opened: %s", path,
                    sqlite3_errmsg(store->db));
        sqlite_close(store);
        return NULL;
    }
    sqlite3_extended_result_codes(store->db, 1);
    sqlite3_busy_timeout(store->db, BUSY_MS);
    if (!spool_sqlite_set_up(store->db, path, readonly, error) ||
        (!readonly && !spool_sqlite_log_open(&store->log, store->db, error))) {
        store_fail(store);
        sqlite_close(store);
        return NULL;
    }
    return store;
}

static void sqlite_fail(SpoolStore *store)
{
    g_autoptr(GMutexLocker) locker G_GNUC_UNUSED = g_mutex_locker_new(&store->lock);
    store_fail(store);
}

static bool sqlite_failed(SpoolStore *store)
{
    return g_atomic_int_get(&store->failed);
}

const SpoolStoreType spool_store_sqlite = {
    .name = "sqlite",
    .open = sqlite_open,
    .close = sqlite_close,
    .fail = sqlite_fail,
    .failed = sqlite_failed,
    .canary_load = sqlite_canary_load,
    .canary_store = sqlite_canary_store,
    .add = sqlite_add,
    .save = sqlite_save,
    .prove = sqlite_prove,
    .intent_store = sqlite_intent_store,
    .slice_done = sqlite_slice_done,
    .answer = sqlite_answer,
    .content_load = sqlite_content_load,
    .head_load = sqlite_head_load,
    .slice_load = sqlite_slice_load,
    .intent_load = sqlite_intent_load,
    .outcomes_load = sqlite_outcomes_load,
    .effect_load = spool_sqlite_effect_load,
    .effects_with = spool_sqlite_effects_with,
    .list = sqlite_list,
    .find = sqlite_find,
    .refuse = spool_sqlite_refuse,
    .trim_unproven = spool_sqlite_trim_unproven,
    .lockout_load = spool_sqlite_lockout_load,
    .lockouts = spool_sqlite_lockouts,
    .lockout_release = spool_sqlite_lockout_release,
    .calls_have_room = spool_sqlite_calls_have_room,
    .call_next = spool_sqlite_call_next,
    .call_done = spool_sqlite_call_done,
    .call_after = spool_sqlite_call_after,
    .calls_open = spool_sqlite_calls_open,
    .calls_list = spool_sqlite_calls_list,
    .calls_change = spool_sqlite_calls_change,
    .audit_list = spool_sqlite_audit_list,
    .audit_expire = spool_sqlite_audit_expire,
    .expire = sqlite_expire,
};
