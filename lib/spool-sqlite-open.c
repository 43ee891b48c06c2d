/* SPDX-License-Identifier: MIT */
#include "lib/spool-sqlite-private.h"
#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

/* A database's tables, by version, and how it is written. */

/* The tables of version 1; upgrades[n] makes version n + 1 of version n. */
static const char schema[] =
    "CREATE TABLE meta(name TEXT PRIMARY KEY, value BLOB NOT NULL) WITHOUT ROWID;"
    "CREATE TABLE job(seq INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE,"
    " key TEXT UNIQUE, state INTEGER NOT NULL, requester TEXT, batch_address TEXT,"
    " sender_grant TEXT, own_key INTEGER NOT NULL, client TEXT, queue_id TEXT, message_id TEXT,"
    " refs TEXT, subject TEXT, sent TEXT, reference TEXT, received INTEGER NOT NULL,"
    " started INTEGER NOT NULL, finished INTEGER NOT NULL, not_before INTEGER NOT NULL,"
    " attempts INTEGER NOT NULL, waiting TEXT, refusal TEXT, bytes INTEGER NOT NULL,"
    " row_count INTEGER NOT NULL, slices INTEGER NOT NULL, slices_done INTEGER NOT NULL,"
    " created INTEGER NOT NULL, changed INTEGER NOT NULL, deleted INTEGER NOT NULL,"
    " unchanged INTEGER NOT NULL, failed INTEGER NOT NULL);"
    "CREATE INDEX job_state ON job(state, finished);"
    "CREATE TABLE head(job TEXT PRIMARY KEY REFERENCES job(id) ON DELETE CASCADE,"
    " sealed BLOB NOT NULL) WITHOUT ROWID;"
    "CREATE TABLE slice(job TEXT NOT NULL REFERENCES job(id) ON DELETE CASCADE,"
    " number INTEGER NOT NULL, offset INTEGER NOT NULL, size INTEGER NOT NULL,"
    " first_line INTEGER NOT NULL, row_count INTEGER NOT NULL, domains TEXT NOT NULL,"
    " PRIMARY KEY(job, number)) WITHOUT ROWID;"
    "CREATE TABLE intent(job TEXT PRIMARY KEY REFERENCES job(id) ON DELETE CASCADE,"
    " number INTEGER NOT NULL, sealed BLOB NOT NULL);"
    "CREATE TABLE outcomes(job TEXT NOT NULL REFERENCES job(id) ON DELETE CASCADE,"
    " number INTEGER NOT NULL, sealed BLOB NOT NULL, PRIMARY KEY(job, number));";

static const char *const upgrades[SPOOL_VERSION] = {
    schema,
    "ALTER TABLE job ADD COLUMN mode INTEGER NOT NULL DEFAULT 0;"
    "CREATE TABLE overlay(job TEXT NOT NULL REFERENCES job(id) ON DELETE CASCADE,"
    " name TEXT NOT NULL, sealed BLOB NOT NULL, PRIMARY KEY(job, name));"
    "CREATE TABLE overlay_member(job TEXT NOT NULL REFERENCES job(id) ON DELETE CASCADE,"
    " member TEXT NOT NULL, name TEXT NOT NULL, PRIMARY KEY(job, member, name)) WITHOUT ROWID;",
    "ALTER TABLE job ADD COLUMN phase INTEGER NOT NULL DEFAULT 0;",
    /* Of version 3 a job that was begun is proven, unless it was refused. */
    "ALTER TABLE job ADD COLUMN proven INTEGER NOT NULL DEFAULT 0;"
    "ALTER TABLE job ADD COLUMN login TEXT;"
    "UPDATE job SET proven=1 WHERE state>0 AND refusal IS NULL;"
    "CREATE TABLE refusal(address TEXT NOT NULL, at INTEGER NOT NULL);"
    "CREATE INDEX refusal_address ON refusal(address, at);"
    "CREATE TABLE lockout(sender TEXT NOT NULL, client TEXT NOT NULL, failures INTEGER NOT NULL,"
    " last INTEGER NOT NULL, until INTEGER NOT NULL, locked_until INTEGER NOT NULL,"
    " PRIMARY KEY(sender, client)) WITHOUT ROWID;"
    "CREATE INDEX lockout_last ON lockout(last);",
    /* No reference to the job, which goes earlier. Lines are added and, when they are old, removed,
     * never changed. An index of addresses would make a slice eight times as slow to add when there
     * are a million of them. */
    "CREATE TABLE audit(number INTEGER PRIMARY KEY AUTOINCREMENT, time INTEGER NOT NULL,"
    " job TEXT NOT NULL, line INTEGER NOT NULL, requester TEXT, proof TEXT, origin TEXT,"
    " address TEXT NOT NULL, type TEXT NOT NULL, action TEXT NOT NULL, result TEXT NOT NULL,"
    " fields BLOB NOT NULL);"
    "CREATE INDEX audit_job ON audit(job, line);"
    "CREATE TRIGGER audit_stays BEFORE UPDATE ON audit BEGIN"
    " SELECT RAISE(ABORT, 'the audit is only added to'); END;",
    "CREATE INDEX job_unproven ON job(seq) WHERE " SPOOL_SQLITE_UNPROVEN ";",
    /* kind is a SpoolFolder; what earlier versions have stored lies in files. */
    "CREATE TABLE content(job TEXT NOT NULL REFERENCES job(id) ON DELETE CASCADE,"
    " kind INTEGER NOT NULL, sealed BLOB NOT NULL, PRIMARY KEY(job, kind));",
    "ALTER TABLE job ADD COLUMN server TEXT;",
    /* No reference to the job, which may be forgotten earlier. */
    "CREATE TABLE call(number INTEGER PRIMARY KEY AUTOINCREMENT, job TEXT NOT NULL,"
    " line INTEGER NOT NULL, addon TEXT NOT NULL, domain TEXT NOT NULL, object TEXT NOT NULL,"
    " name TEXT NOT NULL, attempts INTEGER NOT NULL, not_before INTEGER NOT NULL,"
    " made INTEGER NOT NULL, reason TEXT, sealed BLOB NOT NULL);"
    "CREATE INDEX call_object ON call(addon, domain, object, number);"
    "CREATE INDEX call_due ON call(addon, not_before, number);"
    "CREATE INDEX call_job ON call(job, line);",
};

static bool db_error(sqlite3 *db, GError **error)
{
    g_set_error(error, SPOOL_ERROR, SPOOL_ERROR_STORE, "the spool's database failed: %s (%d)",
                sqlite3_errmsg(db), sqlite3_extended_errcode(db));
    return false;
}

static bool read_version(sqlite3 *db, int *version, GError **error)
{
    sqlite3_stmt *statement = NULL;
    if (sqlite3_prepare_v2(db, "PRAGMA user_version", -1, &statement, NULL) != SQLITE_OK ||
        sqlite3_step(statement) != SQLITE_ROW) {
        db_error(db, error);
        sqlite3_finalize(statement);
        return false;
    }
    *version = sqlite3_column_int(statement, 0);
    sqlite3_finalize(statement);
    return true;
}

static bool run_script(sqlite3 *db, const char *script, GError **error)
{
    return sqlite3_exec(db, script, NULL, NULL, NULL) == SQLITE_OK || db_error(db, error);
}

static bool check_version(const char *path, int version, bool readonly, GError **error)
{
    if (version > SPOOL_VERSION || version < 0) {
        g_set_error(error, SPOOL_ERROR, SPOOL_ERROR_UNSAFE,
                    "%s has version %d, this program knows versions up to %d", path, version,
                    SPOOL_VERSION);
        return false;
    }
    if (version == 0 && readonly) {
        g_set_error(error, SPOOL_ERROR, SPOOL_ERROR_STORE, "%s is not set up yet", path);
        return false;
    }
    if (version < SPOOL_VERSION && readonly) {
        g_set_error(error, SPOOL_ERROR, SPOOL_ERROR_STORE,
                    "%s is of an earlier version; start the daemon, which brings it up to date",
                    path);
        return false;
    }
    return true;
}

static int note_mode(void *wal, int columns, char **values, char **names)
{
    (void)names;
    *(bool *)wal = columns == 1 && g_strcmp0(values[0], "wal") == 0;
    return 0;
}

/* The file system may refuse the log quietly; without it no commit is what is promised. */
static bool set_wal(sqlite3 *db, GError **error)
{
    bool wal = false;
    if (sqlite3_exec(db, "PRAGMA journal_mode=WAL", note_mode, &wal, NULL) != SQLITE_OK)
        return db_error(db, error);
    if (wal)
        return true;
    g_set_error_literal(error, SPOOL_ERROR, SPOOL_ERROR_STORE,
                        "the spool's file system can't hold a write-ahead log");
    return false;
}

/* One transaction: a crash leaves the old version or the new one. */
static bool upgrade(sqlite3 *db, int version, GError **error)
{
    g_autoptr(GString) script = g_string_new("BEGIN IMMEDIATE;");
    if (version == SPOOL_VERSION)
        return true;
    for (int i = version; i < SPOOL_VERSION; i++)
        g_string_append(script, upgrades[i]);
    g_string_append_printf(script, "PRAGMA user_version=%d; COMMIT;", SPOOL_VERSION);
    return run_script(db, script->str, error);
}

/* The log is copied back to the database after 1000 pages of 4 kB (the library's default), and what
 * is committed until that could be done takes a little more. The database grows by pieces. */
#define LOG_BYTES (5 << 20)
#define PIECE_BYTES (256 << 10)

static int open_log(sqlite3 *db)
{
    const char *path = sqlite3_filename_wal(sqlite3_db_filename(db, "main"));
    return open(path, O_RDWR | O_NOFOLLOW | O_CLOEXEC);
}

void spool_sqlite_reserve(sqlite3 *db)
{
    int fd = open_log(db);
    if (fd < 0)
        return;
    /* Beyond its end: its size is the library's to know. */
    (void)fallocate(fd, FALLOC_FL_KEEP_SIZE, 0, LOG_BYTES);
    close(fd);
}

/* From the end of this on commits are synced by spool_sqlite_log_sync() alone; the library does it
 * before it copies the log back, and where it begins it anew.
 * The log stays when the last connection closes, so that a reader never has to make it. */
bool spool_sqlite_set_up(sqlite3 *db, const char *path, bool readonly, GError **error)
{
    int on = 1, version = 0, piece = PIECE_BYTES;
    if (!read_version(db, &version, error) || !check_version(path, version, readonly, error))
        return false;
    sqlite3_file_control(db, "main", SQLITE_FCNTL_PERSIST_WAL, &on);
    if (readonly) {
        sqlite3_db_config(db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
        return true;
    }
    sqlite3_file_control(db, "main", SQLITE_FCNTL_CHUNK_SIZE, &piece);
    if (!set_wal(db, error) ||
        !run_script(db,
                    "PRAGMA synchronous=FULL; PRAGMA foreign_keys=ON;"
                    "PRAGMA secure_delete=ON; PRAGMA temp_store=MEMORY;"
                    "PRAGMA trusted_schema=OFF; PRAGMA cache_size=-4000;",
                    error) ||
        !upgrade(db, version, error) || !run_script(db, "PRAGMA synchronous=NORMAL", error))
        return false;
    spool_sqlite_reserve(db);
    return true;
}

/* --- syncing the log --- */

bool spool_sqlite_log_open(SpoolLog *log, sqlite3 *db, GError **error)
{
    log->fd = open_log(db);
    if (log->fd < 0)
        g_set_error(error, SPOOL_ERROR, SPOOL_ERROR_STORE, "the spool's log can't be opened: %s",
                    g_strerror(errno));
    return log->fd >= 0;
}

void spool_sqlite_log_clear(SpoolLog *log)
{
    if (log->fd >= 0)
        close(log->fd);
    g_mutex_clear(&log->lock);
    g_cond_clear(&log->synced_more);
}

guint64 spool_sqlite_log_written(SpoolLog *log)
{
    g_autoptr(GMutexLocker) locker G_GNUC_UNUSED = g_mutex_locker_new(&log->lock);
    return ++log->written;
}

/* For all that have committed by now; the caller holds the log's lock, but not meanwhile. */
static void sync_once(SpoolLog *log)
{
    const guint64 written = log->written;
    log->syncing = true;
    g_mutex_unlock(&log->lock);
    bool done = fdatasync(log->fd) == 0;
    g_mutex_lock(&log->lock);
    log->syncing = false;
    log->failed |= !done;
    if (done)
        log->synced = written;
    g_cond_broadcast(&log->synced_more);
}

bool spool_sqlite_log_sync(SpoolLog *log, guint64 number, GError **error)
{
    g_autoptr(GMutexLocker) locker G_GNUC_UNUSED = g_mutex_locker_new(&log->lock);
    const guint64 wanted = number ? number : log->written;
    while (log->synced < wanted && !log->failed) {
        if (log->syncing)
            g_cond_wait(&log->synced_more, &log->lock);
        else
            sync_once(log);
    }
    if (log->synced >= wanted)
        return true;
    g_set_error_literal(error, SPOOL_ERROR, SPOOL_ERROR_STORE,
                        "the spool's log could not be written to the disk");
    return false;
}
