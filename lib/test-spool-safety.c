/* SPDX-License-Identifier: MIT */
#include "lib/spool-content.h"
#include "lib/spool-fixture.h"
#include <errno.h>
#include <fcntl.h>
#include <glib/gstdio.h>
#include <sched.h>
#include <signal.h>
#include <sqlite3.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

/* What is promised when the spool is tampered with, the disk fails, or the daemon is killed. */

static const char *program;

static char *inside(const SpoolFixture *fixture, const char *name)
{
    return g_build_filename(fixture->settings.directory, name, NULL);
}

/* --- planted things --- */

typedef enum { PLANT_LINK, PLANT_MODE, PLANT_OWNER, PLANT_SECOND_NAME, PLANT_FOLDER } Plant;

typedef struct {
    const char *name;
    Plant plant;
    const char *path; /* "": the spool itself */
} Planted;

static const Planted planted[] = {
    {"the folder a link", PLANT_LINK, ""},
    {"the folder open to others", PLANT_MODE, ""},
    {"the folder another's", PLANT_OWNER, ""},
    {"mail/ a link", PLANT_LINK, "mail"},
    {"rows/ a link", PLANT_LINK, "rows"},
    {"response/ open to others", PLANT_MODE, "response"},
    {"response/ another's", PLANT_OWNER, "response"},
    {"the database a link", PLANT_LINK, "spool.db"},
    {"the database open to others", PLANT_MODE, "spool.db"},
    {"the database another's", PLANT_OWNER, "spool.db"},
    {"the database a folder", PLANT_FOLDER, "spool.db-journal"},
    {"the log a link", PLANT_LINK, "spool.db-wal"},
    {"the index a link", PLANT_LINK, "spool.db-shm"},
    {"the lock a link", PLANT_LINK, "lock"},
    {"the lock open to others", PLANT_MODE, "lock"},
    {"a mail a link", PLANT_LINK, "mail/*"},
    {"a mail open to others", PLANT_MODE, "mail/*"},
    {"a mail another's", PLANT_OWNER, "mail/*"},
    {"a mail with a second name", PLANT_SECOND_NAME, "mail/*"},
    {"a planted link among the rows", PLANT_LINK, "rows/20261120-AAAAAA"},
    {"a planted folder among the responses", PLANT_FOLDER, "response/20261120-AAAAAA"},
    {"a planted link beside them", PLANT_LINK, "other"},
};

static void plant_it(const SpoolFixture *fixture, const Planted *test, const char *path)
{
    g_autofree char *aside = g_build_filename(fixture->top, "aside", NULL);
    switch (test->plant) {
    case PLANT_LINK:
        /* The real thing lies elsewhere, and is just as good. */
        if (g_rename(path, aside) != 0)
            g_assert_true(g_file_set_contents(aside, "", 0, NULL));
        g_assert_cmpint(symlink(aside, path), ==, 0);
        break;
    case PLANT_MODE:
        g_assert_cmpint(chmod(path, test->path[0] == 'r' || !*test->path ? 0750 : 0640), ==, 0);
        break;
    case PLANT_OWNER:
        g_assert_cmpint(chown(path, 65534, (gid_t)-1), ==, 0);
        break;
    case PLANT_SECOND_NAME:
        g_assert_cmpint(link(path, aside), ==, 0);
        break;
    case PLANT_FOLDER:
        g_assert_cmpint(mkdir(path, 0700), ==, 0);
        break;
    }
}

static void test_planted(gconstpointer data)
{
    const Planted *test = data;
    g_autoptr(SpoolFixture) fixture = spool_fixture_new();
    g_autofree char *id = spool_fixture_new_mail(fixture, "a@x.example", "c", "<1@x>");
    g_clear_pointer(&fixture->spool, spool_close);
    g_autofree char *name =
        g_str_has_suffix(test->path, "*") ? g_strconcat("mail/", id, NULL) : g_strdup(test->path);
    g_autofree char *path = *name ? inside(fixture, name) : g_strdup(fixture->settings.directory);
    plant_it(fixture, test, path);
    g_autoptr(GError) error = NULL;
    g_assert_null(spool_open(&fixture->settings, &error));
    g_assert_error(error, SPOOL_ERROR, SPOOL_ERROR_UNSAFE);
    g_assert_nonnull(strstr(error->message, path));
    if (test->plant == PLANT_OWNER)
        g_assert_cmpint(chown(path, geteuid(), (gid_t)-1), ==, 0);
}

static void test_modes(void)
{
    static const char *const names[] = {"mail",         "rows",         "response", "spool.db",
                                        "spool.db-wal", "spool.db-shm", "lock",     ""};
    mode_t mask = umask(0);
    g_autoptr(SpoolFixture) fixture = spool_fixture_new();
    g_autofree char *id = spool_fixture_new_mail(fixture, "a@x.example", "c", "<1@x>");
    umask(mask);
    for (unsigned i = 0; i < G_N_ELEMENTS(names); i++) {
        g_autofree char *path = inside(fixture, names[i]);
        struct stat found;
        g_assert_cmpint(lstat(path, &found), ==, 0);
        g_assert_cmpuint(found.st_mode & 0777, ==, S_ISDIR(found.st_mode) ? 0700 : 0600);
    }
    g_autofree char *folder = inside(fixture, "mail");
    g_autofree char *mail = g_build_filename(folder, id, NULL);
    struct stat found;
    g_assert_cmpint(lstat(mail, &found), ==, 0);
    g_assert_cmpuint(found.st_mode & 0777, ==, 0600);
}

static void test_leftovers(void)
{
    static const char *const names[] = {"mail/20261120-AAAAAA", "rows/20261120-AAAAAA",
                                        "response/20261120-AAAAAA", "response/x.tmp"};
    g_autoptr(SpoolFixture) fixture = spool_fixture_new();
    g_free(spool_fixture_new_mail(fixture, "a@x.example", "c", "<1@x>"));
    for (unsigned i = 0; i < G_N_ELEMENTS(names); i++) {
        g_autofree char *path = inside(fixture, names[i]);
        g_assert_true(g_file_set_contents_full(path, "x", 1, G_FILE_SET_CONTENTS_NONE, 0600, NULL));
    }
    spool_fixture_reopen(fixture);
    g_assert_cmpuint(spool_fixture_files(fixture, "mail"), ==, 1);
    g_assert_cmpuint(spool_fixture_files(fixture, "rows"), ==, 0);
    g_assert_cmpuint(spool_fixture_files(fixture, "response"), ==, 0);
}

static void test_locked(void)
{
    g_autoptr(SpoolFixture) fixture = spool_fixture_new();
    g_autoptr(GError) error = NULL;
    g_assert_null(spool_open(&fixture->settings, &error));
    g_assert_error(error, SPOOL_ERROR, SPOOL_ERROR_LOCKED);
}

/* A program that the daemon before has begun to start lets go of it. */
static void test_locked_briefly(void)
{
    g_autoptr(SpoolFixture) fixture = spool_fixture_new();
    pid_t child = fork();
    g_assert_cmpint(child, >=, 0);
    if (child == 0) {
        usleep(50000);
        _exit(0);
    }
    spool_fixture_reopen(fixture);
    g_assert_cmpint(waitpid(child, NULL, 0), ==, child);
}

static void test_newer(void)
{
    g_autoptr(SpoolFixture) fixture = spool_fixture_new();
    g_autoptr(GError) error = NULL;
    g_free(spool_fixture_new_mail(fixture, "a@x.example", "c", "<1@x>"));
    g_clear_pointer(&fixture->spool, spool_close);
    g_autofree char *path = inside(fixture, "spool.db");
    sqlite3 *db = NULL;
    g_assert_cmpint(sqlite3_open(path, &db), ==, SQLITE_OK);
    g_assert_cmpint(sqlite3_exec(db, "PRAGMA user_version=9999", NULL, NULL, NULL), ==, SQLITE_OK);
    sqlite3_close(db);
    g_assert_null(spool_open(&fixture->settings, &error));
    g_assert_error(error, SPOOL_ERROR, SPOOL_ERROR_UNSAFE);
    g_clear_error(&error);
    g_assert_null(spool_open_readonly(fixture->settings.directory, &error));
    g_assert_error(error, SPOOL_ERROR, SPOOL_ERROR_UNSAFE);
    g_assert_cmpuint(spool_fixture_files(fixture, "mail"), ==, 1);
}

/* A spool of version 1 keeps its jobs; a reader does not look at it before the daemon did. */
static void test_older(void)
{
    g_autoptr(SpoolFixture) fixture = spool_fixture_new();
    g_autoptr(GError) error = NULL;
    g_autofree char *id = spool_fixture_new_mail(fixture, "a@x.example", "c", "<1@x>");
    g_clear_pointer(&fixture->spool, spool_close);
    g_autofree char *path = inside(fixture, "spool.db");
    sqlite3 *db = NULL;
    g_assert_cmpint(sqlite3_open(path, &db), ==, SQLITE_OK);
    g_assert_cmpint(sqlite3_exec(db,
                                 "DROP INDEX job_unproven;"
                                 "ALTER TABLE job DROP COLUMN mode; ALTER TABLE job DROP COLUMN "
                                 "phase; ALTER TABLE job DROP COLUMN proven; ALTER TABLE job DROP "
                                 "COLUMN login; DROP TABLE refusal; DROP TABLE lockout; DROP TABLE "
                                 "audit; DROP TABLE content;"
                                 "DROP TABLE overlay;"
                                 "DROP TABLE overlay_member; ALTER TABLE job DROP COLUMN server;"
                                 "DROP TABLE call;"
                                 "PRAGMA user_version=1",
                                 NULL, NULL, NULL),
                    ==, SQLITE_OK);
    sqlite3_close(db);
    g_assert_null(spool_open_readonly(fixture->settings.directory, &error));
    g_assert_error(error, SPOOL_ERROR, SPOOL_ERROR_STORE);
    spool_fixture_reopen(fixture);
    g_autoptr(SpoolClaim) claim = spool_fixture_claim(fixture, id, JOB_RECEIVED);
    g_assert_cmpint(spool_claim_job(claim)->mode, ==, MODE_APPLY);
}

/* --- keys and damage --- */

static void test_other_key(void)
{
    g_autoptr(SpoolFixture) fixture = spool_fixture_new();
    g_autoptr(GError) error = NULL;
    g_autofree char *other = g_build_filename(fixture->top, "other", NULL);
    g_autofree char *own = g_strdup(fixture->settings.key_file);
    g_free(spool_fixture_new_mail(fixture, "a@x.example", "c", "<1@x>"));
    g_assert_true(seal_key_create(other, &error));
    g_clear_pointer(&fixture->spool, spool_close);
    /* Held, and nothing lost. */
    g_free(fixture->settings.key_file);
    fixture->settings.key_file = g_strdup(other);
    g_assert_null(spool_open(&fixture->settings, &error));
    g_assert_error(error, SPOOL_ERROR, SPOOL_ERROR_KEY);
    g_clear_error(&error);
    g_free(fixture->settings.key_file);
    fixture->settings.key_file = g_strdup(own);
    spool_fixture_reopen(fixture);
    g_assert_true(spool_fixture_drive(fixture->spool, &error));
    g_assert_no_error(error);
    /* With no job left the new key is taken, and the old one is the other. */
    g_free(fixture->settings.key_file);
    fixture->settings.key_file = g_strdup(other);
    spool_fixture_reopen(fixture);
    g_free(spool_fixture_new_mail(fixture, "a@x.example", "c", "<2@x>"));
    g_clear_pointer(&fixture->spool, spool_close);
    g_free(fixture->settings.key_file);
    fixture->settings.key_file = g_strdup(own);
    g_assert_null(spool_open(&fixture->settings, &error));
    g_assert_error(error, SPOOL_ERROR, SPOOL_ERROR_KEY);
    g_clear_error(&error);
    g_remove(own);
    g_assert_null(spool_open(&fixture->settings, &error));
    g_assert_error(error, SEAL_ERROR, SEAL_ERROR_KEY);
}

static void damage(const SpoolFixture *fixture, const char *folder, const char *id, bool cut)
{
    g_autofree char *path = g_build_filename(fixture->settings.directory, folder, id, NULL);
    g_autofree char *content = NULL;
    gsize size = 0;
    g_assert_true(g_file_get_contents(path, &content, &size, NULL));
    content[size / 2] ^= 1;
    int fd = open(path, O_WRONLY | O_TRUNC);
    g_assert_cmpint(fd, >=, 0);
    g_assert_cmpint(write(fd, content, cut ? size / 2 : size), >, 0);
    close(fd);
}

/* Cut off or changed: no byte of it is believed, the job stays. */
static void test_damage(gconstpointer data)
{
    bool cut = GPOINTER_TO_INT(data);
    static const char *const domains[] = {"x.example", NULL};
    g_autoptr(SpoolFixture) fixture = spool_fixture_new();
    g_autoptr(GError) error = NULL;
    char text[100];
    gsize size;
    g_autofree char *id = spool_fixture_new_mail(fixture, "a@x.example", "c", "<1@x>");
    damage(fixture, "mail", id, cut);
    SpoolClaim *claim = spool_fixture_claim(fixture, id, JOB_RECEIVED);
    g_autoptr(GInputStream) mail = spool_mail_open(claim, &error);
    g_assert_no_error(error);
    g_assert_false(g_input_stream_read_all(mail, text, sizeof text, &size, NULL, &error));
    g_assert_error(error, SEAL_ERROR, SEAL_ERROR_BROKEN);
    g_clear_error(&error);
    g_assert_true(spool_fixture_prove(claim, 1, domains, &error));
    damage(fixture, "rows", id, cut);
    g_assert_null(spool_slice_rows(claim, 0, &error));
    g_assert_error(error, SPOOL_ERROR, SPOOL_ERROR_KEY);
    g_assert_cmpint(spool_claim_job(claim)->state, ==, JOB_WORKING);
    spool_claim_release(claim);
    g_assert_false(spool_failed(fixture->spool));
}

/* The same of what lies in the store. */
static void test_damage_in_store(void)
{
    static const char *const domains[] = {"x.example", NULL};
    static const char cut[] = "UPDATE content SET sealed=substr(sealed, 1, 60)";
    g_autoptr(SpoolFixture) fixture = spool_fixture_new();
    g_autoptr(GError) error = NULL;
    char text[100];
    gsize size;
    fixture->small = true;
    g_autofree char *id = spool_fixture_new_mail(fixture, "a@x.example", "c", "<1@x>");
    spool_fixture_sql(fixture->settings.directory, cut);
    g_autoptr(SpoolClaim) claim = spool_fixture_claim(fixture, id, JOB_RECEIVED);
    g_autoptr(GInputStream) mail = spool_mail_open(claim, &error);
    g_assert_no_error(error);
    g_assert_false(g_input_stream_read_all(mail, text, sizeof text, &size, NULL, &error));
    g_assert_error(error, SEAL_ERROR, SEAL_ERROR_BROKEN);
    g_clear_error(&error);
    g_assert_true(spool_fixture_prove(claim, 1, domains, &error));
    spool_fixture_sql(fixture->settings.directory, cut);
    g_assert_null(spool_slice_rows(claim, 0, &error));
    g_assert_error(error, SPOOL_ERROR, SPOOL_ERROR_KEY);
    g_clear_error(&error);
    spool_fixture_sql(fixture->settings.directory, "DELETE FROM content");
    g_clear_pointer(&claim, spool_claim_release);
    claim = spool_fixture_claim(fixture, id, JOB_WORKING);
    g_assert_null(spool_slice_rows(claim, 0, &error));
    g_assert_error(error, SPOOL_ERROR, SPOOL_ERROR_KEY);
}

static void test_gone(void)
{
    g_autoptr(SpoolFixture) fixture = spool_fixture_new();
    g_autoptr(GError) error = NULL;
    g_autofree char *id = spool_fixture_new_mail(fixture, "a@x.example", "c", "<1@x>");
    g_autofree char *path = g_build_filename(fixture->settings.directory, "mail", id, NULL);
    g_remove(path);
    spool_fixture_reopen(fixture);
    g_autoptr(SpoolClaim) claim = spool_fixture_claim(fixture, id, JOB_RECEIVED);
    g_assert_null(spool_mail_open(claim, &error));
    g_assert_error(error, SPOOL_ERROR, SPOOL_ERROR_KEY);
}

/* --- killed, and disks that fail --- */

#define LIFE_FAILED 75 /* the spool failed, or could not be opened */
#define LIFE_WAITED 76 /* something could not be done, the spool is well */
#define LIFE_WRONG 99

/* Whether a failed spool still takes anything. */
static bool promises(Spool *spool)
{
    g_autofree char *id = NULL;
    SpoolClaim *claim = NULL;
    gint64 due;
    return spool_fixture_mail(spool, "z@x.example", "c", "<9@x>", "body", &id, NULL) !=
               ANSWER_UNKNOWN ||
           spool_claim(spool, &claim, &due, NULL) != ANSWER_UNKNOWN;
}

/* size: of what is kept of a job, "small" (in the store), "large" (files), or "twice": small, and
 * the mail comes a second time while the first one is still synced. */
static char *body_of(const char *size)
{
    return g_strnfill(g_str_equal(size, "large") ? SPOOL_SMALL_MAX + 1 : 4000, 'x');
}

static void count_one(gpointer data, const Job *job G_GNUC_UNUSED)
{
    ++*(unsigned *)data;
}

typedef struct {
    Spool *spool;
    const char *body;
    GError *error;
    int done; /* atomic */
} Taking;

static gpointer take_one(gpointer data)
{
    Taking *taking = data;
    g_autofree char *id = NULL;
    Answer answer = spool_fixture_mail(taking->spool, "a@x.example", "c", "<1@x>", taking->body,
                                       &id, &taking->error);
    g_atomic_int_set(&taking->done, 1);
    return GINT_TO_POINTER(answer != ANSWER_UNKNOWN);
}

/* Whether the mail was promised. */
static bool take(Spool *spool, const char *size, GError **error)
{
    g_autofree char *body = body_of(size);
    Taking first = {.spool = spool, .body = body}, second = first;
    unsigned jobs = 0;
    if (!g_str_equal(size, "twice")) {
        bool taken = GPOINTER_TO_INT(take_one(&first));
        if (!taken)
            g_propagate_error(error, first.error);
        return taken;
    }
    GThread *thread = g_thread_new("first", take_one, &first);
    while (!g_atomic_int_get(&first.done) && jobs == 0 &&
           spool_list(spool, true, count_one, &jobs, NULL))
        g_thread_yield();
    bool again = GPOINTER_TO_INT(take_one(&second));
    bool taken = GPOINTER_TO_INT(g_thread_join(thread));
    if (again != taken)
        _exit(LIFE_WRONG);
    if (!taken)
        g_propagate_error(error, first.error);
    return taken;
}

/* One life of a daemon: opens the spool, takes one mail in (the file "accepted" says that it was
 * promised) and does what there is to do. */
static int live(const char *top, const char *size)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(SpoolFixture) fixture = spool_fixture_at(top);
    fixture->spool = spool_open(&fixture->settings, &error);
    g_autofree char *accepted = g_build_filename(top, "accepted", NULL);
    bool well = fixture->spool;
    if (well) {
        well = take(fixture->spool, size, &error);
        if (well)
            close(open(accepted, O_WRONLY | O_CREAT, 0600));
        well = well && spool_fixture_drive(fixture->spool, &error);
    }
    if (well)
        _exit(0);
    bool failed = !fixture->spool || spool_failed(fixture->spool);
    if (fixture->spool && failed && promises(fixture->spool))
        _exit(LIFE_WRONG);
    /* Ends as a killed one would: nothing is tidied up. */
    _exit(!error ? LIFE_WRONG : failed ? LIFE_FAILED : LIFE_WAITED);
}

static void assert_one_done(gpointer data, const Job *job)
{
    ++*(unsigned *)data;
    g_assert_cmpint(job->state, ==, JOB_DONE);
    g_assert_cmpuint(job->rows, ==, FIXTURE_SLICES * FIXTURE_SLICE_ROWS);
    g_assert_cmpuint(job->counts[RESULT_FAILED], ==, FIXTURE_SLICES * FIXTURE_SLICE_ROWS);
}

/* After whatever happened: start again, the MTA sends again; one job, done once. */
static void assert_promise(SpoolFixture *fixture, const char *size)
{
    g_autofree char *body = body_of(size);
    g_autoptr(GError) error = NULL;
    g_autofree char *accepted = g_build_filename(fixture->top, "accepted", NULL);
    g_autofree char *id = NULL;
    bool promised = g_file_test(accepted, G_FILE_TEST_EXISTS);
    spool_fixture_reopen(fixture);
    g_assert_false(spool_fixture_holds(fixture, FIXTURE_PASSWORD));
    unsigned before = spool_fixture_count(fixture->spool, true);
    g_assert_cmpuint(before, <=, 1);
    if (promised)
        g_assert_cmpuint(before, ==, 1);
    Answer answer =
        spool_fixture_mail(fixture->spool, "a@x.example", "c", "<1@x>", body, &id, &error);
    g_assert_no_error(error);
    g_assert_cmpint(answer, ==, before ? ANSWER_NO : ANSWER_YES);
    g_assert_true(spool_fixture_drive(fixture->spool, &error));
    g_assert_no_error(error);
    unsigned jobs = 0;
    g_assert_true(spool_list(fixture->spool, true, assert_one_done, &jobs, &error));
    g_assert_cmpuint(jobs, ==, 1);
    spool_fixture_reopen(fixture);
    g_assert_cmpuint(spool_fixture_files(fixture, "mail"), ==, 0);
    g_assert_cmpuint(spool_fixture_files(fixture, "rows"), ==, 0);
    g_assert_cmpuint(spool_fixture_files(fixture, "response"), ==, 0);
    for (int kind = 0; kind < SPOOL_FOLDER_COUNT; kind++)
        g_assert_cmpuint(spool_fixture_values(fixture->settings.directory, kind), ==, 0);
}

typedef struct {
    const char *size, *call, *fault;
    unsigned stride; /* of a quick run */
    int ends[2];     /* how a life may end that was struck */
} Sweep;

/* Runs a life under strace with one fault. Whether the fault struck; *ended: how the life did. */
static bool run_with_fault(const SpoolFixture *fixture, const Sweep *sweep, unsigned when,
                           int *ended)
{
    const char *call = sweep->call, *fault = sweep->fault;
    g_autoptr(GError) error = NULL;
    g_autofree char *inject = g_strdup_printf("inject=%s:%s:when=%u", call, fault, when);
    g_autofree char *trace = g_strdup_printf("trace=%s", call);
    g_autofree char *log = g_build_filename(fixture->top, "strace", NULL);
    const char *const arguments[] = {"strace", "-f",         "-qq",       "-o",   log,
                                     "-e",     trace,        "-e",        inject, program,
                                     "--live", fixture->top, sweep->size, NULL};
    g_auto(GStrv) environment =
        g_environ_setenv(g_get_environ(), "ASAN_OPTIONS", "detect_leaks=0", TRUE);
    int status = 0;
    g_assert_true(g_spawn_sync(NULL, (char **)arguments, environment, G_SPAWN_SEARCH_PATH, NULL,
                               NULL, NULL, NULL, &status, &error));
    g_assert_no_error(error);
    g_autofree char *text = NULL;
    g_assert_true(g_file_get_contents(log, &text, NULL, NULL));
    bool struck = strstr(text, "(INJECTED)") || strstr(text, "+++ killed");
    *ended = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
    return struck;
}

#define KILLED (128 + SIGKILL)
static const Sweep sweeps[] = {
    {"large", "fsync", "error=EIO", 1, {LIFE_FAILED}},
    {"large", "fdatasync", "error=EIO", 1, {LIFE_FAILED}},
    {"large", "write", "error=EIO", 3, {LIFE_WAITED}},
    {"large", "pwrite64", "error=EIO", 7, {LIFE_FAILED}},
    {"large", "write", "error=ENOSPC", 3, {LIFE_WAITED}},
    {"large", "pwrite64", "error=ENOSPC", 7, {LIFE_WAITED, LIFE_FAILED}},
    {"large", "renameat", "error=EIO", 1, {LIFE_WAITED}},
    {"large", "fsync", "signal=KILL", 1, {KILLED}},
    {"large", "fdatasync", "signal=KILL", 1, {KILLED}},
    {"large", "write", "signal=KILL", 3, {KILLED}},
    {"large", "pwrite64", "signal=KILL", 7, {KILLED}},
    {"large", "unlinkat", "signal=KILL", 1, {KILLED}},
    {"large", "renameat", "signal=KILL", 1, {KILLED}},
    {"small", "fsync", "error=EIO", 1, {LIFE_FAILED}},
    {"small", "fdatasync", "error=EIO", 1, {LIFE_FAILED}},
    {"small", "pwrite64", "error=EIO", 7, {LIFE_FAILED}},
    {"small", "pwrite64", "error=ENOSPC", 7, {LIFE_WAITED, LIFE_FAILED}},
    {"small", "fdatasync", "signal=KILL", 1, {KILLED}},
    {"twice", "fdatasync", "error=EIO:delay_enter=100000", 1, {LIFE_FAILED}},
    {"small", "pwrite64", "signal=KILL", 7, {KILLED}},
    {"small", "unlinkat", "signal=KILL", 1, {KILLED}},
};

/* The Nth call fails or kills, for N = 1, 2, 3 … (with -m slow, else in strides) until a whole run
 * passes untouched. */
static void test_sweep(gconstpointer data)
{
    const Sweep *sweep = data;
    unsigned when = 1, faults = 0, stride = g_test_slow() ? 1 : sweep->stride;
    for (bool struck = true; struck; when += stride) {
        g_autoptr(SpoolFixture) fixture = spool_fixture_new();
        g_clear_pointer(&fixture->spool, spool_close);
        int ended = 0;
        struck = run_with_fault(fixture, sweep, when, &ended);
        if (struck && ended != sweep->ends[0] && ended != sweep->ends[1])
            g_test_fail_printf("fault %u ended with %d", when, ended);
        if (!struck)
            g_assert_cmpint(ended, ==, 0);
        faults += struck;
        assert_promise(fixture, sweep->size);
        g_assert_cmpuint(when, <, 500);
    }
    g_test_message("%u faults", faults);
    g_assert_cmpuint(faults, >, 0);
}

/* --- a full disk --- */

/* R7.13: what is small can be stored while the disk is full, so that a reader sees why a job waits.
 */
static void wait_on_full_disk(SpoolFixture *fixture)
{
    g_autoptr(GError) error = NULL;
    SpoolClaim *claim = NULL;
    gint64 due = 0;
    g_assert_cmpint(spool_claim(fixture->spool, &claim, &due, &error), ==, ANSWER_YES);
    g_autofree char *id = g_strdup(spool_claim_job(claim)->id);
    for (unsigned i = 0; i < 20; i++) {
        g_autofree char *why = g_strdup_printf("reason %u", i);
        g_assert_true(spool_job_wait(claim, 0, why, &error));
        g_assert_no_error(error);
    }
    spool_claim_release(claim);
    g_autoptr(Job) job = NULL;
    g_assert_cmpint(spool_find(fixture->spool, id, &job, &error), ==, ANSWER_YES);
    g_assert_cmpstr(job->waiting, ==, "reason 19");
}

/* In a mount namespace of its own: fills a small disk with mails until they are refused, then
 * makes room. */
static void fill_disk(const char *top, const char *size)
{
    g_autoptr(GError) error = NULL;
    g_assert_cmpint(unshare(CLONE_NEWNS), ==, 0);
    /* In a chroot "/" is no mount point. */
    if (mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0)
        g_assert_cmpint(errno, ==, EINVAL);
    g_assert_cmpint(mount("none", top, "tmpfs", 0, "size=8m,mode=0700"), ==, 0);
    g_autoptr(SpoolFixture) fixture = spool_fixture_at(top);
    g_assert_true(seal_key_create(fixture->settings.key_file, &error));
    spool_fixture_reopen(fixture);
    g_autofree char *body = body_of(size);
    bool small = strlen(body) < SPOOL_SMALL_MAX;
    unsigned taken = 0, count = small ? 5000 : 200;
    for (unsigned i = 0; i < count; i++) {
        g_autofree char *message_id = g_strdup_printf("<%u@x>", i);
        g_autofree char *id = NULL;
        Answer answer =
            spool_fixture_mail(fixture->spool, "a@x.example", "c", message_id, body, &id, &error);
        g_assert_cmpint(answer, !=, ANSWER_NO);
        taken += answer == ANSWER_YES;
        if (answer == ANSWER_UNKNOWN)
            g_assert_error(error, SPOOL_ERROR, SPOOL_ERROR_STORE);
        g_clear_error(&error);
    }
    g_assert_cmpuint(taken, >, 3);
    g_assert_cmpuint(taken, <, count * 9 / 10);
    wait_on_full_disk(fixture);
    spool_fixture_reopen(fixture);
    g_assert_cmpuint(spool_fixture_count(fixture->spool, true), ==, taken);
    g_assert_cmpuint(spool_fixture_files(fixture, "mail"), ==, small ? 0 : taken);
    g_assert_cmpint(mount("none", top, "tmpfs", MS_REMOUNT, "size=24m,mode=0700"), ==, 0);
    g_assert_true(spool_fixture_drive(fixture->spool, &error));
    g_assert_no_error(error);
    g_assert_cmpuint(spool_fixture_count(fixture->spool, false), ==, 0);
    spool_close(fixture->spool);
    g_assert_cmpint(umount2(top, MNT_DETACH), ==, 0);
    _exit(0);
}

static void test_full_disk(gconstpointer size)
{
    g_autofree char *top = g_dir_make_tmp("spool-XXXXXX", NULL);
    pid_t child = fork();
    if (child == 0)
        fill_disk(top, size);
    int status = 0;
    g_assert_cmpint(waitpid(child, &status, 0), ==, child);
    g_rmdir(top);
    g_assert_true(WIFEXITED(status));
    g_assert_cmpint(WEXITSTATUS(status), ==, 0);
}

/* --- store or file --- */

/* What is small goes into the store, to the byte, in whatever pieces it comes; and what is larger
 * is whole in its file. */
static void test_small(void)
{
    static const struct {
        gsize pieces[3];
        bool small;
    } cases[] = {
        {{0}, true},
        {{SPOOL_SMALL_MAX - 1}, true},
        {{SPOOL_SMALL_MAX}, true},
        {{SPOOL_SMALL_MAX + 1}, false},
        {{SPOOL_SMALL_MAX - 1, 1}, true},
        {{1, SPOOL_SMALL_MAX - 1}, true},
        {{SPOOL_SMALL_MAX, 1}, false},
        {{1, SPOOL_SMALL_MAX}, false},
        {{SPOOL_SMALL_MAX - 1, 1, 1}, false},
        {{SPOOL_SMALL_MAX + 1, 1, 1}, false},
    };
    g_autoptr(SpoolFixture) fixture = spool_fixture_new();
    g_autofree char *bytes = g_malloc(2 * SPOOL_SMALL_MAX);
    for (gsize i = 0; i < 2 * SPOOL_SMALL_MAX; i++)
        bytes[i] = (char)(i % 251);
    for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autoptr(SpoolSink) sink = spool_sink_new(fixture->spool, SPOOL_ROWS, "20261120-SMALLS");
        g_autoptr(GBytes) small = NULL, expected = NULL;
        g_autoptr(GError) error = NULL;
        gsize size = 0;
        for (gsize k = 0; k < G_N_ELEMENTS(cases[i].pieces); k++) {
            g_assert_true(g_output_stream_write_all(G_OUTPUT_STREAM(sink), bytes + size,
                                                    cases[i].pieces[k], NULL, NULL, &error));
            size += cases[i].pieces[k];
        }
        g_test_message("%" G_GSIZE_FORMAT " bytes", size);
        g_assert_true(spool_sink_finish(sink, &small, &error));
        g_assert_no_error(error);
        g_assert_true((small != NULL) == cases[i].small);
        g_assert_cmpuint(spool_fixture_files(fixture, "rows"), ==, cases[i].small ? 0 : 1);
        if (!small) {
            int fd = -1;
            g_assert_true(spool_content_find(fixture->spool, SPOOL_ROWS, "20261120-SMALLS", &small,
                                             &fd, &error));
            g_autofree char *found = g_malloc(2 * SPOOL_SMALL_MAX);
            gssize got = read(fd, found, 2 * SPOOL_SMALL_MAX);
            g_assert_cmpint(close(fd), ==, 0);
            small = g_bytes_new_take(g_steal_pointer(&found), (gsize)got);
        }
        expected = g_bytes_new_static(bytes, size);
        g_assert_true(g_bytes_equal(small, expected));
    }
    /* Nobody has kept them. */
    g_assert_cmpuint(spool_fixture_files(fixture, "rows"), ==, 0);
}

int main(int argc, char **argv)
{
    if (argc == 4 && g_str_equal(argv[1], "--live"))
        return live(argv[2], argv[3]);
    g_test_init(&argc, &argv, NULL);
    program = argv[0];
    for (unsigned i = 0; i < G_N_ELEMENTS(planted); i++) {
        g_autofree char *path = g_strconcat("/spool-safety/planted/", planted[i].name, NULL);
        g_test_add_data_func(path, &planted[i], test_planted);
    }
    g_test_add_func("/spool-safety/modes", test_modes);
    g_test_add_func("/spool-safety/small-or-file", test_small);
    g_test_add_func("/spool-safety/leftovers", test_leftovers);
    g_test_add_func("/spool-safety/locked", test_locked);
    g_test_add_func("/spool-safety/locked-briefly", test_locked_briefly);
    g_test_add_func("/spool-safety/newer version", test_newer);
    g_test_add_func("/spool/older version", test_older);
    g_test_add_func("/spool-safety/other key", test_other_key);
    g_test_add_data_func("/spool-safety/cut off", GINT_TO_POINTER(true), test_damage);
    g_test_add_data_func("/spool-safety/changed", GINT_TO_POINTER(false), test_damage);
    g_test_add_func("/spool-safety/damage in store", test_damage_in_store);
    g_test_add_func("/spool-safety/file gone", test_gone);
    for (unsigned i = 0; i < G_N_ELEMENTS(sweeps); i++) {
        g_autofree char *path = g_strconcat("/spool-safety/sweep/", sweeps[i].size, " ",
                                            sweeps[i].call, " ", sweeps[i].fault, NULL);
        g_test_add_data_func(path, &sweeps[i], test_sweep);
    }
    g_test_add_data_func("/spool-safety/full disk/large", "large", test_full_disk);
    g_test_add_data_func("/spool-safety/full disk/small", "small", test_full_disk);
    return g_test_run();
}
