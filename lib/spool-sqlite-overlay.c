/* SPDX-License-Identifier: MIT */
#include "lib/spool-sqlite-private.h"

/* What the earlier slices of a job would have made, in SQLite. */

/* Three texts, or two and a blob, into a row. */
static bool put_three(SpoolStore *store, Sql sql, const char *id, const char *second,
                      const char *text, GBytes *blob, GError **error)
{
    sqlite3_stmt *statement = spool_sqlite_prepare(store, sql, error);
    if (!statement)
        return false;
    spool_sqlite_bind_text(statement, 1, id);
    spool_sqlite_bind_text(statement, 2, second);
    if (blob)
        spool_sqlite_bind_bytes(statement, 3, blob);
    else
        spool_sqlite_bind_text(statement, 3, text);
    return spool_sqlite_run(store, statement, error);
}

bool spool_sqlite_effects_add(SpoolStore *store, const char *id, const SpoolEffects *effects,
                              GError **error)
{
    bool well = true;
    for (unsigned i = 0; well && i < effects->names->len; i++)
        well = put_three(store, SQL_EFFECT_STORE, id, effects->names->pdata[i], NULL,
                         effects->sealed->pdata[i], error);
    for (unsigned i = 0; well && i < effects->members->len; i++)
        well = put_three(store, SQL_MEMBER_STORE, id, effects->members->pdata[i],
                         effects->joined->pdata[i], NULL, error);
    return well;
}

Answer spool_sqlite_effect_load(SpoolStore *store, const char *id, const char *name,
                                GBytes **effect, GError **error)
{
    g_autoptr(GMutexLocker) locker G_GNUC_UNUSED = g_mutex_locker_new(&store->lock);
    sqlite3_stmt *statement = spool_sqlite_prepare(store, SQL_EFFECT_LOAD, error);
    if (!statement)
        return ANSWER_UNKNOWN;
    spool_sqlite_bind_text(statement, 1, id);
    spool_sqlite_bind_text(statement, 2, name);
    Answer answer = spool_sqlite_step(store, statement, error);
    if (answer == ANSWER_YES)
        *effect = spool_sqlite_bytes(statement, 0);
    spool_sqlite_finish(store, statement);
    return answer;
}

bool spool_sqlite_effects_with(SpoolStore *store, const char *id, const char *member,
                               GPtrArray *names, GPtrArray *effects, GError **error)
{
    g_autoptr(GMutexLocker) locker G_GNUC_UNUSED = g_mutex_locker_new(&store->lock);
    sqlite3_stmt *statement = spool_sqlite_prepare(store, SQL_MEMBER_LOAD, error);
    if (!statement)
        return false;
    spool_sqlite_bind_text(statement, 1, id);
    spool_sqlite_bind_text(statement, 2, member);
    Answer answer;
    while ((answer = spool_sqlite_step(store, statement, error)) == ANSWER_YES) {
        g_ptr_array_add(names, spool_sqlite_text(statement, 0));
        g_ptr_array_add(effects, spool_sqlite_bytes(statement, 1));
    }
    spool_sqlite_finish(store, statement);
    return answer == ANSWER_NO;
}
