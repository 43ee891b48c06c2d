/* SPDX-License-Identifier: MIT */
#include "lib/spool-sqlite-private.h"

/* Refusals and wrong passwords in SQLite. */

/* --- refusals --- */

/* Responses that went to those of a key within the hour before now. */
static bool count_refusals(SpoolStore *store, const char *key, gint64 now, unsigned *count,
                           GError **error)
{
    sqlite3_stmt *statement = spool_sqlite_prepare(store, SQL_REFUSALS, error);
    if (!statement)
        return false;
    spool_sqlite_bind_text(statement, 1, key);
    sqlite3_bind_int64(statement, 2, now - G_TIME_SPAN_HOUR);
    sqlite3_bind_int64(statement, 3, now);
    Answer answer = spool_sqlite_step(store, statement, error);
    if (answer == ANSWER_YES)
        *count = (unsigned)sqlite3_column_int64(statement, 0);
    spool_sqlite_finish(store, statement);
    return answer == ANSWER_YES;
}

/* Whether one more response may go. */
static bool may_answer(SpoolStore *store, const SpoolRefused *refused, bool *answered,
                       GError **error)
{
    g_auto(GStrv) keys = spool_refusal_keys(&refused->answered->facts);
    guint64 max = refused->answers_max;
    unsigned one = 0, all = 0;
    if (!count_refusals(store, keys[0], refused->now, &one, error) ||
        !count_refusals(store, keys[1], refused->now, &all, error))
        return false;
    *answered = one < max && all < max * SPOOL_REFUSALS_OF_DOMAIN;
    return true;
}

static bool note_refusal(SpoolStore *store, const SpoolRefused *refused, GError **error)
{
    g_auto(GStrv) keys = spool_refusal_keys(&refused->answered->facts);
    for (char **key = keys; *key; key++) {
        sqlite3_stmt *statement = spool_sqlite_prepare(store, SQL_REFUSAL_STORE, error);
        if (!statement)
            return false;
        spool_sqlite_bind_text(statement, 1, *key);
        sqlite3_bind_int64(statement, 2, refused->now);
        if (!spool_sqlite_run(store, statement, error))
            return false;
    }
    /* What is too old, or was noted by a clock that has been set back since. */
    sqlite3_stmt *statement = spool_sqlite_prepare(store, SQL_REFUSALS_EXPIRE, error);
    if (!statement)
        return false;
    sqlite3_bind_int64(statement, 1, refused->now - G_TIME_SPAN_HOUR);
    sqlite3_bind_int64(statement, 2, refused->now + G_TIME_SPAN_HOUR);
    return spool_sqlite_run(store, statement, error);
}

bool spool_sqlite_trim_unproven(SpoolStore *store, unsigned max, GPtrArray *gone, GError **error)
{
    if (!spool_sqlite_begin(store, error))
        return false;
    sqlite3_stmt *statement = spool_sqlite_prepare(store, SQL_UNPROVEN, error);
    Answer answer = statement ? ANSWER_YES : ANSWER_UNKNOWN;
    if (statement)
        sqlite3_bind_int64(statement, 1, max);
    while (answer == ANSWER_YES) {
        answer = spool_sqlite_step(store, statement, error);
        if (answer == ANSWER_YES)
            g_ptr_array_add(gone, spool_sqlite_text(statement, 0));
    }
    if (statement)
        spool_sqlite_finish(store, statement);
    statement =
        answer == ANSWER_NO ? spool_sqlite_prepare(store, SQL_UNPROVEN_EXPIRE, error) : NULL;
    if (statement)
        sqlite3_bind_int64(statement, 1, max);
    bool well = statement && spool_sqlite_run(store, statement, error);
    return spool_sqlite_end(store, well, error);
}

/* --- wrong passwords --- */

/* Runs a statement with up to two numbers. */
static bool run_numbers(SpoolStore *store, Sql sql, gint64 first, gint64 second, GError **error)
{
    sqlite3_stmt *statement = spool_sqlite_prepare(store, sql, error);
    if (!statement)
        return false;
    sqlite3_bind_int64(statement, 1, first);
    if (sqlite3_bind_parameter_count(statement) > 1)
        sqlite3_bind_int64(statement, 2, second);
    return spool_sqlite_run(store, statement, error);
}

/* Stores a count; those that are forgotten, and the oldest beyond the limit, go. */
static bool put_lockout(SpoolStore *store, const SpoolRefused *refused, GError **error)
{
    const Lockout *lockout = refused->lockout;
    const LockoutRules *rules = refused->rules;
    sqlite3_stmt *statement = spool_sqlite_prepare(store, SQL_LOCKOUT_STORE, error);
    if (!statement)
        return false;
    spool_sqlite_bind_text(statement, 1, lockout->sender);
    spool_sqlite_bind_text(statement, 2, lockout->client);
    sqlite3_bind_int64(statement, 3, lockout->failures);
    sqlite3_bind_int64(statement, 4, lockout->last);
    sqlite3_bind_int64(statement, 5, lockout->until);
    sqlite3_bind_int64(statement, 6, lockout->locked_until);
    return spool_sqlite_run(store, statement, error) &&
           run_numbers(store, SQL_LOCKOUTS_EXPIRE,
                       refused->now - (gint64)rules->seconds * G_USEC_PER_SEC, refused->now,
                       error) &&
           run_numbers(store, SQL_LOCKOUTS_TRIM, rules->pairs_max, 0, error);
}

/* client NULL: of the sender. */
static bool delete_lockouts(SpoolStore *store, const char *sender, const char *client,
                            unsigned *count, GError **error)
{
    sqlite3_stmt *statement =
        spool_sqlite_prepare(store, client ? SQL_LOCKOUT_DELETE : SQL_LOCKOUTS_DELETE, error);
    if (!statement)
        return false;
    spool_sqlite_bind_text(statement, 1, sender);
    if (client)
        spool_sqlite_bind_text(statement, 2, client);
    if (!spool_sqlite_run(store, statement, error))
        return false;
    *count = (unsigned)sqlite3_changes(store->db);
    return true;
}

bool spool_sqlite_forget(SpoolStore *store, const Job *job, GError **error)
{
    g_autofree char *client = spool_client_key(&job->facts);
    unsigned count;
    return delete_lockouts(store, job->facts.requester, client, &count, error);
}

Answer spool_sqlite_refuse(SpoolStore *store, const SpoolRefused *refused, GError **error)
{
    unsigned max = refused->answers_max;
    bool answered = true;
    if (!spool_sqlite_begin(store, error))
        return ANSWER_UNKNOWN;
    bool well = max == 0 || may_answer(store, refused, &answered, error);
    well =
        well && spool_sqlite_save(store, answered ? refused->answered : refused->ended, error) &&
        spool_sqlite_content_delete(store, refused->answered->id, SPOOL_MAIL, SPOOL_ROWS, error) &&
        (max == 0 || !answered || note_refusal(store, refused, error)) &&
        (!refused->lockout || put_lockout(store, refused, error)) &&
        (!refused->answered->proven || spool_sqlite_forget(store, refused->answered, error));
    if (!spool_sqlite_end(store, well, error))
        return ANSWER_UNKNOWN;
    return answered ? ANSWER_YES : ANSWER_NO;
}

/* --- looking --- */

static void column_lockout(sqlite3_stmt *statement, Lockout *lockout)
{
    *lockout = (Lockout){
        .sender = spool_sqlite_text(statement, 0),
        .client = spool_sqlite_text(statement, 1),
        .failures = (unsigned)sqlite3_column_int64(statement, 2),
        .last = sqlite3_column_int64(statement, 3),
        .until = sqlite3_column_int64(statement, 4),
        .locked_until = sqlite3_column_int64(statement, 5),
    };
}

Answer spool_sqlite_lockout_load(SpoolStore *store, const char *sender, const char *client,
                                 Lockout *lockout, GError **error)
{
    g_autoptr(GMutexLocker) locker G_GNUC_UNUSED = g_mutex_locker_new(&store->lock);
    sqlite3_stmt *statement = spool_sqlite_prepare(store, SQL_LOCKOUT_LOAD, error);
    if (!statement)
        return ANSWER_UNKNOWN;
    spool_sqlite_bind_text(statement, 1, sender);
    spool_sqlite_bind_text(statement, 2, client);
    Answer answer = spool_sqlite_step(store, statement, error);
    if (answer == ANSWER_YES)
        column_lockout(statement, lockout);
    spool_sqlite_finish(store, statement);
    return answer;
}

bool spool_sqlite_lockouts(SpoolStore *store, SpoolLockoutFunc found, gpointer data, GError **error)
{
    g_autoptr(GMutexLocker) locker G_GNUC_UNUSED = g_mutex_locker_new(&store->lock);
    sqlite3_stmt *statement = spool_sqlite_prepare(store, SQL_LOCKOUT_LIST, error);
    if (!statement)
        return false;
    Answer answer;
    while ((answer = spool_sqlite_step(store, statement, error)) == ANSWER_YES) {
        g_auto(Lockout) lockout = {0};
        column_lockout(statement, &lockout);
        found(data, &lockout);
    }
    spool_sqlite_finish(store, statement);
    return answer == ANSWER_NO;
}

bool spool_sqlite_lockout_release(SpoolStore *store, const char *sender, const char *client,
                                  unsigned *count, GError **error)
{
    if (!spool_sqlite_begin(store, error))
        return false;
    bool well = delete_lockouts(store, sender, client, count, error);
    return spool_sqlite_end(store, well, error);
}
