/* SPDX-License-Identifier: MIT */
#include "lib/spool-sqlite-private.h"

#include <string.h>

/* The audit lies in the spool's database, so that a change comes into it in the very commit that
 * makes the slice done: a crash leaves both or neither. */

#define COLUMNS "time, job, line, requester, proof, origin, address, type, action, result, fields"

/* Lines that one statement adds: each statement looks up and writes the table's last number. */
#define ADD_LINES 25
/* What all lines have in common is bound once, as ?1 to ?5. */
#define COMMON 5

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

/* --- adding --- */

/* What a line has of its own, from a parameter on. */
enum { OWN_LINE, OWN_ADDRESS, OWN_TYPE, OWN_ACTION, OWN_RESULT, OWN_FIELDS, OWN_COUNT };

static sqlite3_stmt *prepare_add(SpoolStore *store, guint lines, GError **error)
{
    g_autoptr(GString) sql = g_string_new("INSERT INTO audit(" COLUMNS ") VALUES");
    for (guint i = 0; i < lines; i++) {
        guint own = COMMON + 1 + i * OWN_COUNT;
        g_string_append_printf(sql, "%s(?1, ?2, ?%u, ?3, ?4, ?5", i > 0 ? ", " : "", own);
        for (guint k = 1; k < OWN_COUNT; k++)
            g_string_append_printf(sql, ", ?%u", own + k);
        g_string_append_c(sql, ')');
    }
    return spool_sqlite_prepare_once(store, sql->str, error);
}

static void bind_common(sqlite3_stmt *statement, const Job *job, const SpoolChanges *changes)
{
    sqlite3_bind_int64(statement, 1, changes->time);
    spool_sqlite_bind_text(statement, 2, job->id);
    spool_sqlite_bind_text(statement, 3, job->facts.requester);
    spool_sqlite_bind_text(statement, 4, changes->proof);
    spool_sqlite_bind_text(statement, 5, changes->origin);
}

/* The next of SPOOL_TRAIL_TYPE. What is bound belongs to it. */
static void bind_line(sqlite3_stmt *statement, int own, Unpack *trail)
{
    gsize size;
    unpack_open_tuple(trail, 4, 1);
    sqlite3_bind_int64(statement, own + OWN_LINE, unpack_uint32(trail));
    spool_sqlite_bind_text(statement, own + OWN_RESULT, unpack_string(trail));
    unpack_open_tuple(trail, 1, 3);
    spool_sqlite_bind_text(statement, own + OWN_ADDRESS, unpack_string(trail));
    spool_sqlite_bind_text(statement, own + OWN_TYPE, unpack_string(trail));
    spool_sqlite_bind_text(statement, own + OWN_ACTION, unpack_string(trail));
    const void *fields = unpack_bytes(trail, &size);
    /* NULL would be no value at all. */
    sqlite3_bind_blob64(statement, own + OWN_FIELDS, size > 0 ? fields : "", size, SQLITE_STATIC);
    unpack_close(trail);
    unpack_close(trail);
}

static bool add_lines(SpoolStore *store, sqlite3_stmt *statement, guint lines, const Job *job,
                      const SpoolChanges *changes, Unpack *trail, GError **error)
{
    if (!statement)
        return false;
    bind_common(statement, job, changes);
    for (guint i = 0; i < lines; i++)
        bind_line(statement, COMMON + 1 + (int)i * OWN_COUNT, trail);
    return spool_sqlite_run(store, statement, error);
}

static bool add_trail(SpoolStore *store, const Job *job, const SpoolChanges *changes,
                      GError **error)
{
    Unpack trail;
    unpack_init(&trail, changes->trail);
    gsize left = unpack_open_array(&trail, 4);
    for (; left >= ADD_LINES; left -= ADD_LINES) {
        if (!store->audit_add)
            store->audit_add = prepare_add(store, ADD_LINES, error);
        if (!add_lines(store, store->audit_add, ADD_LINES, job, changes, &trail, error))
            return false;
    }
    if (left == 0)
        return true;
    g_autoptr(sqlite3_stmt) rest = prepare_add(store, (guint)left, error);
    return add_lines(store, rest, (guint)left, job, changes, &trail, error);
}

static bool add_undone(SpoolStore *store, const Job *job, const SpoolChanges *changes,
                       GError **error)
{
    g_autoptr(sqlite3_stmt) statement = spool_sqlite_prepare_once(store, undo_sql, error);
    if (!statement)
        return false;
    for (gsize i = 0; i < g_variant_n_children(changes->undone); i++) {
        guint32 line = 0;
        g_variant_get_child(changes->undone, i, "u", &line);
        sqlite3_bind_int64(statement, 1, changes->time);
        spool_sqlite_bind_text(statement, 2, job->id);
        sqlite3_bind_int64(statement, 3, line);
        if (!spool_sqlite_run(store, statement, error))
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
        spool_sqlite_prepare_once(store, filter->job ? list_job_sql : list_sql, error);
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
    g_autoptr(sqlite3_stmt) statement = spool_sqlite_prepare_once(store, expire_sql, error);
    bool well = statement != NULL;
    if (well) {
        sqlite3_bind_int64(statement, 1, before);
        sqlite3_bind_int64(statement, 2, limit);
        well = spool_sqlite_run(store, statement, error);
    }
    g_clear_pointer(&statement, sqlite3_finalize);
    *more = well && (unsigned)sqlite3_changes(store->db) == limit;
    return spool_sqlite_end(store, well, error);
}
