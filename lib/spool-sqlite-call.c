/* SPDX-License-Identifier: MIT */
#include "lib/spool-sqlite-private.h"

/* Calls of add-ons. None of it is often enough to be worth a statement that is kept. */

static const char add_sql[] =
    "INSERT INTO call(job, line, addon, domain, object, name, attempts, not_before, made, sealed) "
    "VALUES(?1, ?2, ?3, ?4, ?5, ?6, 0, 0, ?7, ?8)";

static const char undone_sql[] = "DELETE FROM call WHERE job=?1 AND line=?2";

/* Those of one object in order; a domain as a whole waits for all of it, and all of it for that. */
#define BEFORE                                                                                     \
    "e.addon=c.addon AND e.domain=c.domain AND e.number<c.number AND "                             \
    "(e.object=c.object OR e.object='' OR c.object='')"

#define COLUMNS                                                                                    \
    "number, job, line, addon, domain, object, name, attempts, not_before, made, reason, sealed"

/* What a job in Mode: atomic has done may still be taken back as long as it is worked on. */
static const char next_sql[] =
    "SELECT " COLUMNS " FROM call AS c WHERE addon=?1 AND not_before<=?2 AND "
    "NOT EXISTS(SELECT 1 FROM call AS e WHERE " BEFORE ") AND "
    "NOT EXISTS(SELECT 1 FROM job WHERE id=c.job AND state=?3 AND mode=?4) "
    "ORDER BY not_before, number LIMIT 1";

static const char due_sql[] = "SELECT min(not_before) FROM call WHERE addon=?1 AND not_before>?2";

static const char done_sql[] = "DELETE FROM call WHERE number=?1";

static const char after_sql[] =
    "UPDATE call SET attempts=attempts+1, reason=?2, not_before=?3 WHERE number=?1";

static const char open_sql[] =
    "SELECT (SELECT made FROM call WHERE job=?1 ORDER BY line DESC LIMIT 1), EXISTS(SELECT 1 FROM "
    "call AS c WHERE "
    "job=?1 AND attempts<?2 AND NOT EXISTS(SELECT 1 FROM call AS e WHERE " BEFORE
    " AND e.attempts>=?2))";

static const char list_sql[] =
    "SELECT " COLUMNS " FROM call WHERE ?1 IS NULL OR job=?1 ORDER BY number";

static const char hurry_sql[] = "UPDATE call SET not_before=0 WHERE job=?1";

static const char drop_sql[] = "DELETE FROM call WHERE job=?1";

static const char count_sql[] = "SELECT count(*) FROM call";

/* --- with a slice --- */

static bool add_all(SpoolStore *store, const Job *job, const SpoolChanges *changes, GError **error)
{
    g_autoptr(sqlite3_stmt) statement = spool_sqlite_prepare_once(store, add_sql, error);
    for (guint i = 0; statement && i < changes->calls->len; i++) {
        const SpoolCall *call = changes->calls->pdata[i];
        spool_sqlite_bind_text(statement, 1, job->id);
        sqlite3_bind_int64(statement, 2, call->line);
        spool_sqlite_bind_text(statement, 3, call->addon);
        spool_sqlite_bind_text(statement, 4, call->domain);
        spool_sqlite_bind_text(statement, 5, call->object);
        spool_sqlite_bind_text(statement, 6, call->name);
        sqlite3_bind_int64(statement, 7, changes->time);
        spool_sqlite_bind_bytes(statement, 8, call->sealed);
        if (!spool_sqlite_run(store, statement, error))
            return false;
    }
    return statement != NULL;
}

static bool drop_undone(SpoolStore *store, const Job *job, GVariant *undone, GError **error)
{
    g_autoptr(sqlite3_stmt) statement = spool_sqlite_prepare_once(store, undone_sql, error);
    if (!statement)
        return false;
    for (gsize i = 0; i < g_variant_n_children(undone); i++) {
        guint32 line = 0;
        g_variant_get_child(undone, i, "u", &line);
        spool_sqlite_bind_text(statement, 1, job->id);
        sqlite3_bind_int64(statement, 2, line);
        if (!spool_sqlite_run(store, statement, error))
            return false;
    }
    return true;
}

bool spool_sqlite_calls_add(SpoolStore *store, const Job *job, const SpoolChanges *changes,
                            GError **error)
{
    return (!changes->calls || add_all(store, job, changes, error)) &&
           (!changes->undone || drop_undone(store, job, changes->undone, error));
}

/* --- reading --- */

static SpoolCall *column_call(sqlite3_stmt *statement)
{
    SpoolCall *call = g_new0(SpoolCall, 1);
    call->number = sqlite3_column_int64(statement, 0);
    call->job = spool_sqlite_text(statement, 1);
    call->line = (unsigned)sqlite3_column_int64(statement, 2);
    call->addon = spool_sqlite_text(statement, 3);
    call->domain = spool_sqlite_text(statement, 4);
    call->object = spool_sqlite_text(statement, 5);
    call->name = spool_sqlite_text(statement, 6);
    call->attempts = (unsigned)sqlite3_column_int64(statement, 7);
    call->not_before = sqlite3_column_int64(statement, 8);
    call->made = sqlite3_column_int64(statement, 9);
    call->reason = spool_sqlite_text(statement, 10);
    call->sealed = spool_sqlite_bytes(statement, 11);
    return call;
}

static Answer find_next(SpoolStore *store, const char *addon, gint64 now, SpoolCall **call,
                        GError **error)
{
    g_autoptr(sqlite3_stmt) statement = spool_sqlite_prepare_once(store, next_sql, error);
    if (!statement)
        return ANSWER_UNKNOWN;
    spool_sqlite_bind_text(statement, 1, addon);
    sqlite3_bind_int64(statement, 2, now);
    sqlite3_bind_int(statement, 3, JOB_WORKING);
    sqlite3_bind_int(statement, 4, MODE_ATOMIC);
    Answer answer = spool_sqlite_step(store, statement, error);
    if (answer == ANSWER_YES)
        *call = column_call(statement);
    return answer;
}

static Answer find_due(SpoolStore *store, const char *addon, gint64 now, gint64 *due,
                       GError **error)
{
    g_autoptr(sqlite3_stmt) statement = spool_sqlite_prepare_once(store, due_sql, error);
    if (!statement)
        return ANSWER_UNKNOWN;
    spool_sqlite_bind_text(statement, 1, addon);
    sqlite3_bind_int64(statement, 2, now);
    if (spool_sqlite_step(store, statement, error) != ANSWER_YES)
        return ANSWER_UNKNOWN;
    if (sqlite3_column_type(statement, 0) != SQLITE_NULL)
        *due = sqlite3_column_int64(statement, 0);
    return ANSWER_NO;
}

Answer spool_sqlite_call_next(SpoolStore *store, const char *addon, gint64 now, SpoolCall **call,
                              gint64 *due, GError **error)
{
    g_autoptr(GMutexLocker) locker G_GNUC_UNUSED = g_mutex_locker_new(&store->lock);
    Answer answer = find_next(store, addon, now, call, error);
    return answer == ANSWER_NO ? find_due(store, addon, now, due, error) : answer;
}

Answer spool_sqlite_calls_open(SpoolStore *store, const char *job, gint64 *last, GError **error)
{
    g_autoptr(GMutexLocker) locker G_GNUC_UNUSED = g_mutex_locker_new(&store->lock);
    g_autoptr(sqlite3_stmt) statement = spool_sqlite_prepare_once(store, open_sql, error);
    if (!statement)
        return ANSWER_UNKNOWN;
    spool_sqlite_bind_text(statement, 1, job);
    sqlite3_bind_int(statement, 2, SPOOL_CALL_TRIES);
    if (spool_sqlite_step(store, statement, error) != ANSWER_YES)
        return ANSWER_UNKNOWN;
    *last = sqlite3_column_int64(statement, 0);
    return sqlite3_column_int(statement, 1) ? ANSWER_YES : ANSWER_NO;
}

bool spool_sqlite_calls_list(SpoolStore *store, const char *job, SpoolCallFunc found, gpointer data,
                             GError **error)
{
    g_autoptr(GMutexLocker) locker G_GNUC_UNUSED = g_mutex_locker_new(&store->lock);
    g_autoptr(sqlite3_stmt) statement = spool_sqlite_prepare_once(store, list_sql, error);
    if (!statement)
        return false;
    spool_sqlite_bind_text(statement, 1, job);
    Answer answer;
    while ((answer = spool_sqlite_step(store, statement, error)) == ANSWER_YES) {
        g_autoptr(SpoolCall) call = column_call(statement);
        found(data, call);
    }
    return answer == ANSWER_NO;
}

Answer spool_sqlite_calls_have_room(SpoolStore *store, unsigned max, GError **error)
{
    g_autoptr(GMutexLocker) locker G_GNUC_UNUSED = g_mutex_locker_new(&store->lock);
    g_autoptr(sqlite3_stmt) statement = spool_sqlite_prepare_once(store, count_sql, error);
    if (!statement || spool_sqlite_step(store, statement, error) != ANSWER_YES)
        return ANSWER_UNKNOWN;
    return sqlite3_column_int64(statement, 0) < max ? ANSWER_YES : ANSWER_NO;
}

/* --- changing --- */

/* Not synced by itself: should it be lost with the machine, a call is made once more. */
bool spool_sqlite_call_done(SpoolStore *store, gint64 number, GError **error)
{
    if (!spool_sqlite_begin_later(store, error))
        return false;
    g_autoptr(sqlite3_stmt) statement = spool_sqlite_prepare_once(store, done_sql, error);
    bool well = statement != NULL;
    if (well) {
        sqlite3_bind_int64(statement, 1, number);
        well = spool_sqlite_run(store, statement, error);
    }
    g_clear_pointer(&statement, sqlite3_finalize);
    return spool_sqlite_end(store, well, error);
}

bool spool_sqlite_call_after(SpoolStore *store, gint64 number, const char *reason,
                             gint64 not_before, GError **error)
{
    if (!spool_sqlite_begin_later(store, error))
        return false;
    g_autoptr(sqlite3_stmt) statement = spool_sqlite_prepare_once(store, after_sql, error);
    bool well = statement != NULL;
    if (well) {
        sqlite3_bind_int64(statement, 1, number);
        spool_sqlite_bind_text(statement, 2, reason);
        sqlite3_bind_int64(statement, 3, not_before);
        well = spool_sqlite_run(store, statement, error);
    }
    g_clear_pointer(&statement, sqlite3_finalize);
    return spool_sqlite_end(store, well, error);
}

bool spool_sqlite_calls_change(SpoolStore *store, const char *job, bool drop, unsigned *count,
                               GError **error)
{
    *count = 0;
    if (!spool_sqlite_begin(store, error))
        return false;
    g_autoptr(sqlite3_stmt) statement =
        spool_sqlite_prepare_once(store, drop ? drop_sql : hurry_sql, error);
    bool well = statement != NULL;
    if (well) {
        spool_sqlite_bind_text(statement, 1, job);
        well = spool_sqlite_run(store, statement, error);
    }
    if (well)
        *count = (unsigned)sqlite3_changes(store->db);
    g_clear_pointer(&statement, sqlite3_finalize);
    return spool_sqlite_end(store, well, error);
}
