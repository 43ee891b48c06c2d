/* SPDX-License-Identifier: MIT */
#ifndef BATCHLOAD_SPOOL_SQLITE_PRIVATE_H
#define BATCHLOAD_SPOOL_SQLITE_PRIVATE_H

#include "lib/spool-store.h"
#include <sqlite3.h>

typedef enum {
    SQL_BEGIN,
    SQL_COMMIT,
    SQL_ROLLBACK,
    SQL_CANARY_LOAD,
    SQL_CANARY_STORE,
    SQL_FIRST,
    SQL_ADD,
    SQL_SAVE,
    SQL_CONTENT_STORE,
    SQL_CONTENT_LOAD,
    SQL_CONTENT_DELETE,
    SQL_HEAD_STORE,
    SQL_HEAD_LOAD,
    SQL_SLICE_STORE,
    SQL_SLICE_LOAD,
    SQL_INTENT_STORE,
    SQL_INTENT_LOAD,
    SQL_OUTCOMES_STORE,
    SQL_OUTCOMES_LOAD,
    SQL_INTENT_DELETE,
    SQL_OUTCOMES_DELETE,
    SQL_SLICES_DELETE,
    SQL_HEAD_DELETE,
    SQL_OVERLAY_DELETE,
    SQL_MEMBERS_DELETE,
    SQL_EFFECT_STORE,
    SQL_EFFECT_LOAD,
    SQL_MEMBER_STORE,
    SQL_MEMBER_LOAD,
    SQL_REFUSALS,
    SQL_REFUSAL_STORE,
    SQL_REFUSALS_EXPIRE,
    SQL_LOCKOUT_STORE,
    SQL_LOCKOUT_LOAD,
    SQL_LOCKOUT_LIST,
    SQL_LOCKOUT_DELETE,
    SQL_LOCKOUTS_DELETE,
    SQL_LOCKOUTS_TRIM,
    SQL_LOCKOUTS_EXPIRE,
    SQL_LIST,
    SQL_FIND,
    SQL_KEYS_EXPIRE,
    SQL_EXPIRED,
    SQL_EXPIRE,
    SQL_UNPROVEN,
    SQL_UNPROVEN_EXPIRE,
    SQL_COUNT,
} Sql;

/* Finished jobs (from JOB_DONE on) that proved nothing; the words of an index. */
#define SPOOL_SQLITE_UNPROVEN "proven=0 AND state>=4"
G_STATIC_ASSERT(JOB_DONE == 4 && JOB_ANSWER_FAILED > JOB_DONE);

/* The write-ahead log, which is synced apart from the commits: while it is, others commit, and the
 * next sync is for all of them. */
typedef struct {
    int fd; /* -1: none */
    GMutex lock;
    GCond synced_more;
    guint64 written; /* commits so far */
    guint64 synced;  /* so many of them are on the disk */
    bool syncing;    /* a thread does it */
    bool failed;     /* nothing is known any more */
} SpoolLog;

struct SpoolStore {
    GMutex lock;
    sqlite3 *db; /* NULL once failed */
    int failed;  /* atomic: asked without waiting for a commit */
    bool later;  /* the transaction under way is not synced */
    sqlite3_stmt *statements[SQL_COUNT];
    sqlite3_stmt *audit_add; /* of lib/spool-sqlite-audit.c; NULL: not yet prepared */
    SpoolLog log;
};

/* Plumbing. The caller of all but _begin, and of what is a function of the store, holds the lock;
 * _begin takes it, _end gives it back. */

/* Tells the database's last error, and closes a handle of which nothing is known any more; false.
 */
bool spool_sqlite_error(SpoolStore *store, GError **error);
/* A prepared statement, or NULL with SPOOL_ERROR_STORE. */
sqlite3_stmt *spool_sqlite_prepare(SpoolStore *store, Sql sql, GError **error);
/* The same of what is not often enough to be kept; the caller's. */
sqlite3_stmt *spool_sqlite_prepare_once(SpoolStore *store, const char *sql, GError **error);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(sqlite3_stmt, sqlite3_finalize)
void spool_sqlite_bind_text(sqlite3_stmt *statement, int at, const char *text);
void spool_sqlite_bind_bytes(sqlite3_stmt *statement, int at, GBytes *bytes);
/* Runs a bound statement to its end. */
bool spool_sqlite_run(SpoolStore *store, sqlite3_stmt *statement, GError **error);
/* Steps a bound query: ANSWER_YES: a row. The caller ends with spool_sqlite_finish(). */
Answer spool_sqlite_step(SpoolStore *store, sqlite3_stmt *statement, GError **error);
void spool_sqlite_finish(SpoolStore *store, sqlite3_stmt *statement);
/* A column, owned by the caller. */
char *spool_sqlite_text(sqlite3_stmt *statement, int at);
GBytes *spool_sqlite_bytes(sqlite3_stmt *statement, int at);
/* A transaction; _end commits where all went well, else rolls back, and says which. */
bool spool_sqlite_begin(SpoolStore *store, GError **error);
/* The same, not synced by itself: the next one that is syncs it, too (they lie in one log, in this
 * order). The end of the machine may undo it; the end of the process does not. */
bool spool_sqlite_begin_later(SpoolStore *store, GError **error);
bool spool_sqlite_end(SpoolStore *store, bool well, GError **error);
/* Deletes the small contents of the job of these kinds, first to last; within a transaction. */
bool spool_sqlite_content_delete(SpoolStore *store, const char *id, SpoolFolder first,
                                 SpoolFolder last, GError **error);
/* Everything of the job that can change. */
bool spool_sqlite_save(SpoolStore *store, const Job *job, GError **error);

/* Refusals and wrong passwords (lib/spool-sqlite-proof.c). _forget, within a transaction: the job's
 * proof held. The others are functions of the store. */
bool spool_sqlite_forget(SpoolStore *store, const Job *job, GError **error);
Answer spool_sqlite_refuse(SpoolStore *store, const SpoolRefused *refused, GError **error);
bool spool_sqlite_trim_unproven(SpoolStore *store, unsigned max, GPtrArray *gone, GError **error);
Answer spool_sqlite_lockout_load(SpoolStore *store, const char *sender, const char *client,
                                 Lockout *lockout, GError **error);
bool spool_sqlite_lockouts(SpoolStore *store, SpoolLockoutFunc found, gpointer data,
                           GError **error);
bool spool_sqlite_lockout_release(SpoolStore *store, const char *sender, const char *client,
                                  unsigned *count, GError **error);

/* The overlay (lib/spool-sqlite-overlay.c): what is added within a transaction, and functions of
 * the store. */
bool spool_sqlite_effects_add(SpoolStore *store, const char *id, const SpoolEffects *effects,
                              GError **error);
Answer spool_sqlite_effect_load(SpoolStore *store, const char *id, const char *name,
                                GBytes **effect, GError **error);
bool spool_sqlite_effects_with(SpoolStore *store, const char *id, const char *member,
                               GPtrArray *names, GPtrArray *effects, GError **error);

/* Checks the version of a database just opened; where it is to be written, makes or upgrades its
 * tables and sets how it is written. path is for messages. */
bool spool_sqlite_set_up(sqlite3 *db, const char *path, bool readonly, GError **error);

/* The log of an open database that is to be written; _clear also of one that was never opened, all
 * of it zero but lock and synced_more. _written: one commit more was made; its number. _sync:
 * returns when commits up to this number, 0: all so far, are on the disk; false with an error once
 * a sync has failed. No lock of the store is held by the caller of _sync. */
bool spool_sqlite_log_open(SpoolLog *log, sqlite3 *db, GError **error);
void spool_sqlite_log_clear(SpoolLog *log);
guint64 spool_sqlite_log_written(SpoolLog *log);
bool spool_sqlite_log_sync(SpoolLog *log, guint64 number, GError **error);

/* Keeps room on the disk for the log, so that what is small can be committed while the disk is
 * full: why a job waits, that a response was handed over. As far as the file system can. */
void spool_sqlite_reserve(sqlite3 *db);

/* Calls of add-ons (lib/spool-sqlite-call.c): what is added, and goes with lines that were taken
 * back, within a transaction; and functions of the store. */
bool spool_sqlite_calls_add(SpoolStore *store, const Job *job, const SpoolChanges *changes,
                            GError **error);
Answer spool_sqlite_calls_have_room(SpoolStore *store, unsigned max, GError **error);
Answer spool_sqlite_call_next(SpoolStore *store, const char *addon, gint64 now, SpoolCall **call,
                              gint64 *due, GError **error);
bool spool_sqlite_call_done(SpoolStore *store, gint64 number, GError **error);
bool spool_sqlite_call_after(SpoolStore *store, gint64 number, const char *reason,
                             gint64 not_before, GError **error);
Answer spool_sqlite_calls_open(SpoolStore *store, const char *job, gint64 *last, GError **error);
bool spool_sqlite_calls_list(SpoolStore *store, const char *job, SpoolCallFunc found, gpointer data,
                             GError **error);
bool spool_sqlite_calls_change(SpoolStore *store, const char *job, bool drop, unsigned *count,
                               GError **error);

/* The audit: functions of the store's table, and what is added within a transaction. */
bool spool_sqlite_audit_add(SpoolStore *store, const Job *job, const SpoolChanges *changes,
                            GError **error);
bool spool_sqlite_audit_list(SpoolStore *store, const AuditFilter *filter, unsigned limit,
                             gint64 *after, bool *more, SpoolAuditFunc found, gpointer data,
                             GError **error);
bool spool_sqlite_audit_expire(SpoolStore *store, gint64 before, unsigned limit, bool *more,
                               GError **error);

#endif
