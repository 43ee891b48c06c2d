/* SPDX-License-Identifier: MIT */
#include "lib/spool-sqlite-private.h"

#include <string.h>

/* The audit lies in the spool's database, so that a change comes into it in the very commit that
 * makes the slice done: a crash leaves both or neither. */

#define COLUMNS "time, job, line, requester, proof, origin, address, type, action, result, fields"

static const char add_sql[] =
    "INSERT INTO audit(" COLUMNS ") VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)";

/* What a line of the job has done, once more as taken back. */
static const char undo_sql[] =
    "INSERT INTO audit(" COLUMNS ") SELECT ?1, job, line, requester, proof, origin, address, type, "
    "action, 'undone', fields FROM audit WHERE job=?2 AND line=?3 AND result<>'undone' "
    "ORDER BY number DESC";

static const char list_sql[] =
    "SELECT number, " COLUMNS " FROM audit WHERE number>?1 AND (?2 IS NULL OR job=?2) AND "
    "(?3 IS NULL OR address=?3) AND (?4 IS NULL OR requester=?4) AND time>=?5 AND "
    "(?6=0 OR time<?6) ORDER BY number LIMIT ?7";

/* The planner can't know that the job counts. */
static const char list_job_sql[] =
    "SELECT number, " COLUMNS " FROM audit WHERE number>?1 AND job=?2 AND "
    "(?3 IS NULL OR address=?3) AND (?4 IS NULL OR requester=?4) "
    "AND time>=?5 AND (?6=0 OR time<?6) ORDER BY number LIMIT ?7";
static const char expire_sql[] =
    "DELETE FROM audit WHERE number IN (SELECT number FROM (SELECT number, time FROM audit "
    "ORDER BY number LIMIT ?2) WHERE time<?1)";

G_DEFINE_AUTOPTR_CLEANUP_FUNC(sqlite3_stmt, sqlite3_finalize)

static sqlite3_stmt *prepare(SpoolStore *store, const char *sql, GError **error)
{
    sqlite3_stmt *statement = NULL;
    if (!store->db || sqlite3_prepare_v2(store->db, sql, -1, &statement, NULL) != SQLITE_OK) {
        spool_sqlite_error(store, error);
        return NULL;
    }
    return statement;
}

static bool run(SpoolStore *store, sqlite3_stmt *statement, GError **error)
{
    bool well = sqlite3_step(statement) == SQLITE_DONE;
    if (well)
        sqlite3_reset(statement);
    return well || spool_sqlite_error(store, error);
}

/* --- adding --- */

/* The next of SPOOL_TRAIL_TYPE. What is bound belongs to it, and is done with when this returns. */
static bool add_one(SpoolStore *store, sqlite3_stmt *statement, Unpack *trail, GError **error)
{
    gsize size;
    unpack_open_tuple(trail, 4, 1);
    sqlite3_bind_int64(statement, 3, unpack_uint32(trail));
    spool_sqlite_bind_text(statement, 10, unpack_string(trail));
    unpack_open_tuple(trail, 1, 3);
    spool_sqlite_bind_text(statement, 7, unpack_string(trail));
    spool_sqlite_bind_text(statement, 8, unpack_string(trail));
    spool_sqlite_bind_text(statement, 9, unpack_string(trail));
    const void *fields = unpack_bytes(trail, &size);
    /* NULL would be no value at all. */
    sqlite3_bind_blob64(statement, 11, size > 0 ? fields : "", size, SQLITE_STATIC);
    unpack_close(trail);
    unpack_close(trail);
    return run(store, statement, error);
}

static bool add_trail(SpoolStore *store, const Job *job, const SpoolChanges *changes,
                      GError **error)
{
    g_autoptr(sqlite3_stmt) statement = prepare(store, add_sql, error);
    if (!statement)
        return false;
    sqlite3_bind_int64(statement, 1, changes->time);
    spool_sqlite_bind_text(statement, 2, job->id);
    spool_sqlite_bind_text(statement, 4, job->facts.requester);
    spool_sqlite_bind_text(statement, 5, changes->proof);
    spool_sqlite_bind_text(statement, 6, changes->origin);
    Unpack trail;
    unpack_init(&trail, changes->trail);
    const gsize count = unpack_open_array(&trail, 4);
    for (gsize i = 0; i < count; i++)
        if (!add_one(store, statement, &trail, error))
            return false;
    return true;
}

static bool add_undone(SpoolStore *store, const Job *job, const SpoolChanges *changes,
                       GError **error)
{
    g_autoptr(sqlite3_stmt) statement = prepare(store, undo_sql, error);
    if (!statement)
        return false;
    sqlite3_bind_int64(statement, 1, changes->time);
    spool_sqlite_bind_text(statement, 2, job->id);
    for (gsize i = 0; i < g_variant_n_children(changes->undone); i++) {
        guint32 line = 0;
        g_variant_get_child(changes->undone, i, "u", &line);
        sqlite3_bind_int64(statement, 3, line);
        if (!run(store, statement, error))
            return false;
    }
    return true;
}

bool spool_sqlite_audit_add(SpoolStore *store, const Job *job, const SpoolChanges *changes,
                            GError **error)
{
    return (!changes->trail || add_trail(store, job, changes, error)) &&
           (!changes->undone || add_undone(store, job, changes, error));
}

/* --- reading --- */

static const char *text_at(sqlite3_stmt *statement, int at)
{
    const char *text = (const char *)sqlite3_column_text(statement, at);
    return text ? text : "";
}

static void tell(sqlite3_stmt *statement, SpoolAuditFunc found, gpointer data)
{
    gsize size = (gsize)sqlite3_column_bytes(statement, 11);
    g_autoptr(GBytes) bytes = g_bytes_new(sqlite3_column_blob(statement, 11), size);
    g_autoptr(GVariant) fields = g_variant_ref_sink(
        g_variant_new_from_bytes(G_VARIANT_TYPE(AUDIT_FIELDS_TYPE), bytes, FALSE));
    const AuditLine line = {
        .number = sqlite3_column_int64(statement, 0),
        .time = sqlite3_column_int64(statement, 1),
        .job = text_at(statement, 2),
        .line = (unsigned)sqlite3_column_int64(statement, 3),
        .requester = text_at(statement, 4),
        .proof = text_at(statement, 5),
        .origin = text_at(statement, 6),
        .address = text_at(statement, 7),
        .type = text_at(statement, 8),
        .action = text_at(statement, 9),
        .result = text_at(statement, 10),
        .fields = fields,
    };
    found(data, &line);
}

bool spool_sqlite_audit_list(SpoolStore *store, const AuditFilter *filter, unsigned limit,
                             gint64 *after, bool *more, SpoolAuditFunc found, gpointer data,
                             GError **error)
{
    g_mutex_lock(&store->lock);
    g_autoptr(sqlite3_stmt) statement =
        prepare(store, filter->job ? list_job_sql : list_sql, error);
    bool well = statement != NULL;
    unsigned count = 0;
    if (well) {
        sqlite3_bind_int64(statement, 1, *after);
        spool_sqlite_bind_text(statement, 2, filter->job);
        spool_sqlite_bind_text(statement, 3, filter->address);
        spool_sqlite_bind_text(statement, 4, filter->requester);
        sqlite3_bind_int64(statement, 5, filter->since);
        sqlite3_bind_int64(statement, 6, filter->until);
        sqlite3_bind_int64(statement, 7, limit);
    }
    int result = SQLITE_DONE;
    while (well && (result = sqlite3_step(statement)) == SQLITE_ROW) {
        *after = sqlite3_column_int64(statement, 0);
        tell(statement, found, data);
        count++;
    }
    *more = count >= limit;
    well = well && (result == SQLITE_DONE || spool_sqlite_error(store, error));
    g_clear_pointer(&statement, sqlite3_finalize);
    g_mutex_unlock(&store->lock);
    return well;
}

/* --- old ones --- */

bool spool_sqlite_audit_expire(SpoolStore *store, gint64 before, unsigned limit, bool *more,
                               GError **error)
{
    if (!spool_sqlite_begin(store, error))
        return false;
    g_autoptr(sqlite3_stmt) statement = prepare(store, expire_sql, error);
    bool well = statement != NULL;
    if (well) {
        sqlite3_bind_int64(statement, 1, before);
        sqlite3_bind_int64(statement, 2, limit);
        well = run(store, statement, error);
    }
    g_clear_pointer(&statement, sqlite3_finalize);
    *more = well && (unsigned)sqlite3_changes(store->db) == limit;
    return spool_sqlite_end(store, well, error);
}
