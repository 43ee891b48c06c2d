/* SPDX-License-Identifier: MIT */
#include "lib/job-fixture.h"
#include "lib/request.h"
#include "lib/spool-files.h"
#include "lib/spool-fixture.h"
#include "lib/stream-fixture.h"
#include <curl/curl.h>
#include <gmime/gmime.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <sysexits.h>
#include <unistd.h>

static SlapdFixture *slapd;

/* --- faults --- */

typedef enum {
    KILL_NEVER,
    KILL_PROVED, /* after the rows are stored */
    KILL_INTENT, /* after the intent is stored */
    KILL_WRITE,  /* after some writes of the slice */
    KILL_WRITES, /* after all of them, before the outcomes are stored */
    KILL_SLICE,  /* after the outcomes are stored */
    KILL_STORED, /* after the response is stored */
    KILL_AHEAD,  /* after outcomes and the next slice's intent are stored, that many times */
} KillAt;

static struct {
    KillAt at;
    guint writes;      /* until KILL_WRITE */
    guint slices;      /* until KILL_AHEAD */
    unsigned unmarked; /* that many marks of a hand-over fail */
} faults;

static void die_at(KillAt at)
{
    if (faults.at == at)
        kill(getpid(), SIGKILL);
}

bool __real_spool_job_done(SpoolClaim *claim, GError **error);
bool __wrap_spool_job_done(SpoolClaim *claim, GError **error);
bool __real_spool_job_proved(SpoolClaim *claim, const char *reference, Mode mode,
                             const char *const *names, SpoolRows *rows, GError **error);
bool __wrap_spool_job_proved(SpoolClaim *claim, const char *reference, Mode mode,
                             const char *const *names, SpoolRows *rows, GError **error);
bool __real_spool_intent_store(SpoolClaim *claim, GVariant *intent, GError **error);
bool __wrap_spool_intent_store(SpoolClaim *claim, GVariant *intent, GError **error);
bool __real_spool_slice_done(SpoolClaim *claim, GVariant *outcomes,
                             const unsigned counts[RESULT_COUNT], GVariant *trail, GError **error);
bool __wrap_spool_slice_done(SpoolClaim *claim, GVariant *outcomes,
                             const unsigned counts[RESULT_COUNT], GVariant *trail, GError **error);
bool __real_spool_slice_done_ahead(SpoolClaim *claim, GVariant *outcomes,
                                   const unsigned counts[RESULT_COUNT], GVariant *trail,
                                   GBytes *intent, GError **error);
bool __wrap_spool_slice_done_ahead(SpoolClaim *claim, GVariant *outcomes,
                                   const unsigned counts[RESULT_COUNT], GVariant *trail,
                                   GBytes *intent, GError **error);
bool __real_spool_response_stored(SpoolClaim *claim, GError **error);
bool __wrap_spool_response_stored(SpoolClaim *claim, GError **error);

static Pass before(Directory *directory, Write *write, bool idle)
{
    (void)directory;
    (void)write;
    if (faults.at == KILL_WRITE && faults.writes == 0 && !idle)
        return PASS_WAIT;
    if (faults.writes == 0)
        die_at(KILL_WRITE);
    faults.writes -= MIN(1, faults.writes);
    return PASS_ON;
}

StreamFixture stream_fixture = {.before = before};

bool __wrap_spool_job_done(SpoolClaim *claim, GError **error)
{
    if (faults.unmarked == 0)
        return __real_spool_job_done(claim, error);
    faults.unmarked--;
    g_set_error_literal(error, SPOOL_ERROR, SPOOL_ERROR_STORE, "the disk is full");
    return false;
}

bool __wrap_spool_job_proved(SpoolClaim *claim, const char *reference, Mode mode,
                             const char *const *names, SpoolRows *rows, GError **error)
{
    bool well = __real_spool_job_proved(claim, reference, mode, names, rows, error);
    die_at(KILL_PROVED);
    return well;
}

bool __wrap_spool_intent_store(SpoolClaim *claim, GVariant *intent, GError **error)
{
    bool well = __real_spool_intent_store(claim, intent, error);
    die_at(KILL_INTENT);
    return well;
}

bool __wrap_spool_slice_done(SpoolClaim *claim, GVariant *outcomes,
                             const unsigned counts[RESULT_COUNT], GVariant *trail, GError **error)
{
    die_at(KILL_WRITES);
    bool well = __real_spool_slice_done(claim, outcomes, counts, trail, error);
    die_at(KILL_SLICE);
    return well;
}

bool __wrap_spool_slice_done_ahead(SpoolClaim *claim, GVariant *outcomes,
                                   const unsigned counts[RESULT_COUNT], GVariant *trail,
                                   GBytes *intent, GError **error)
{
    bool dies = faults.at == KILL_AHEAD && faults.slices-- == 0;
    bool well = __real_spool_slice_done_ahead(claim, outcomes, counts, trail, intent, error);
    if (dies)
        die_at(KILL_AHEAD);
    return well;
}

bool __wrap_spool_response_stored(SpoolClaim *claim, GError **error)
{
    bool well = __real_spool_response_stored(claim, error);
    die_at(KILL_STORED);
    return well;
}

/* --- one job --- */

#define ADMIN "admin@one.example"
#define OTHER_ADMIN "admin@two.example"

static JobFixture *begin(void)
{
    faults.at = KILL_NEVER;
    faults.unmarked = 0;
    job_fixture_reset(slapd);
    return job_fixture_new(slapd);
}

static void assert_holds(const char *text, const char *words)
{
    if (!text || !strstr(text, words))
        g_error("\"%s\" is not in:\n%s", words, text ? text : "(nothing)");
}

static void assert_waits(JobFixture *fixture, const char *id, JobState state, const char *words)
{
    g_autoptr(Job) job = job_fixture_job(fixture, id);
    g_assert_cmpstr(job_state_name(job->state), ==, job_state_name(state));
    assert_holds(job->waiting, words);
    g_assert_cmpint(job->not_before, >, 0);
}

static void assert_done(JobFixture *fixture, const char *id)
{
    g_autoptr(Job) job = job_fixture_job(fixture, id);
    g_assert_cmpstr(job_state_name(job->state), ==, "done");
    g_assert_cmpuint(job_fixture_responses(fixture), ==, 1);
}

/* Lets a waiting job go on at once: waits are kept over a new start, so their end is awaited. */
static void await(JobFixture *fixture, const char *id)
{
    g_autoptr(Job) job = job_fixture_job(fixture, id);
    while (g_get_real_time() < job->not_before)
        g_usleep(10000);
}

#define ROWS                                                                                       \
    JOB_FIXTURE_HEAD                                                                               \
    "one.example;anna;FULL;ADD;" JOB_FIXTURE_SECRET ";;;\n"                                        \
    "one.example;info;FORWARD;ADD;;anna@one.example;;\n"                                           \
    "one.example;staff;LIST;ADD;;;anna ben;\n"                                                     \
    "one.example;ben;FULL;ADD;" JOB_FIXTURE_SECRET ";;;\n"                                         \
    "one.example;cleo;FULL;DELETE;;;;\n"                                                           \
    "one.example;ben;FULL;MODIFY;" JOB_FIXTURE_SECRET ";;;a\n"

static void assert_rows(JobFixture *fixture, const char *id)
{
    static const unsigned expected[RESULT_COUNT] = {
        [RESULT_CREATED] = 3, [RESULT_CHANGED] = 1, [RESULT_DELETED] = 1, [RESULT_FAILED] = 1};
    g_autoptr(Job) job = job_fixture_job(fixture, id);
    for (unsigned i = 0; i < RESULT_COUNT; i++)
        g_assert_cmpuint(job->counts[i], ==, expected[i]);
    g_assert_cmpuint(job->rows, ==, 6);
    g_assert_cmpuint(job_fixture_entries(fixture, "anna@one.example"), ==, 1);
    g_assert_cmpuint(job_fixture_entries(fixture, "info@one.example"), ==, 1);
    g_assert_cmpuint(job_fixture_entries(fixture, "staff@one.example"), ==, 1);
    g_assert_cmpuint(job_fixture_entries(fixture, "cleo@one.example"), ==, 0);
    g_autofree char *mail = job_fixture_response(fixture, id);
    assert_holds(mail, "Subject: Batchload ref-1: processed, 1 of 6 rows failed\n");
    assert_holds(mail, "Line 5: ben@one.example\n");
    g_assert_null(strstr(mail, JOB_FIXTURE_SECRET));
    g_assert_null(strstr(mail, JOB_FIXTURE_PASSWORD));
}

static void test_whole(void)
{
    static const JobState states[] = {JOB_WORKING, JOB_REPORTING, JOB_SENDING, JOB_DONE};
    g_autoptr(JobFixture) fixture = begin();
    g_autofree char *id = job_fixture_mail(fixture, ADMIN, "allow", JOB_FIXTURE_PASSWORD, ROWS);
    for (gsize i = 0; i < G_N_ELEMENTS(states); i++)
        g_assert_cmpstr(job_state_name(job_fixture_step(fixture)), ==, job_state_name(states[i]));
    assert_done(fixture, id);
    assert_rows(fixture, id);
}

/* R2.17 */
static void test_check(void)
{
    g_autoptr(JobFixture) fixture = begin();
    g_autofree char *id =
        job_fixture_mail(fixture, ADMIN, "allow", JOB_FIXTURE_PASSWORD "\r\nMode: check", ROWS);
    job_fixture_run(fixture);
    assert_done(fixture, id);
    g_autoptr(Job) job = job_fixture_job(fixture, id);
    g_assert_cmpint(job->mode, ==, MODE_CHECK);
    g_assert_cmpuint(job->counts[RESULT_CREATED], ==, 3);
    g_assert_cmpuint(job->counts[RESULT_CHANGED], ==, 1);
    g_assert_cmpuint(job->counts[RESULT_DELETED], ==, 1);
    g_assert_cmpuint(job->counts[RESULT_FAILED], ==, 1);
    g_assert_cmpuint(job_fixture_entries(fixture, "anna@one.example"), ==, 0);
    g_assert_cmpuint(job_fixture_entries(fixture, "cleo@one.example"), ==, 1);
    g_autofree char *mail = job_fixture_response(fixture, NULL);
    assert_holds(mail, "Checked only (Mode: check): nothing was changed.");
    g_assert_null(strstr(mail, JOB_FIXTURE_SECRET));
}

/* --- refusals --- */

static const struct {
    const char *name, *requester, *grant, *password, *csv, *words;
} refusals[] = {
    {"wrong-password", ADMIN, "allow", "wrong", ROWS, "The password is not the right one"},
    {"nobody", "nobody@one.example", "allow", JOB_FIXTURE_PASSWORD, ROWS,
     "The password is not the right one"},
    {"no-domain", "admin@gone.example", "allow", JOB_FIXTURE_PASSWORD, ROWS,
     "The password is not the right one"},
    {"no-password", ADMIN, "allow", "", ROWS, "The mail has no password"},
    {"no-table", ADMIN, "allow", "wrong", NULL, "No file named batchload.csv"},
    {"no-headline", ADMIN, "allow", JOB_FIXTURE_PASSWORD, "one.example;" JOB_FIXTURE_SECRET "\n",
     "is no headline"},
    {"password-before-headline", ADMIN, "allow", "wrong", "x\n",
     "The password is not the right one"},
    {"unknown-column", ADMIN, "allow", JOB_FIXTURE_PASSWORD,
     "DOMAIN;USER;TYPE;ACTION;PASSWORT\na;b;c;d;" JOB_FIXTURE_SECRET "\n", "did you mean PASSWORD"},
    {"rows-of-grant", ADMIN, "allow rows=5", JOB_FIXTURE_PASSWORD, ROWS, "more than 5 rows"},
    {"open-quote-at-the-end", ADMIN, "allow", JOB_FIXTURE_PASSWORD, ROWS "one.example;\"x;;;;;;\n",
     "ends inside a quoted field"},
};

/* R4.13, R3.12: nothing is applied, and the response says why. */
static void test_refusal(gconstpointer data)
{
    const char *const *fields = data;
    const char *words = fields[5];
    g_autoptr(JobFixture) fixture = begin();
    fixture->config->slice_rows = 2;
    g_autofree char *id = job_fixture_mail(fixture, fields[1], fields[2], fields[3], fields[4]);
    g_assert_cmpstr(job_state_name(job_fixture_step(fixture)), ==, "reporting");
    g_autoptr(Job) job = job_fixture_job(fixture, id);
    assert_holds(job->refusal, words);
    g_assert_null(strstr(job->refusal, JOB_FIXTURE_SECRET));
    job_fixture_run(fixture);
    assert_done(fixture, id);
    g_autofree char *mail = job_fixture_response(fixture, NULL);
    assert_holds(mail, ": not processed\n");
    g_assert_null(strstr(mail, JOB_FIXTURE_SECRET));
    g_assert_cmpuint(job_fixture_entries(fixture, "anna@one.example"), ==, 0);
    g_assert_cmpuint(job_fixture_entries(fixture, "cleo@one.example"), ==, 1);
}

/* --- could not tell --- */

/* R3.41, house: a directory that is away is nobody's fault; the job waits and says why. */
static void test_directory_away(void)
{
    g_autoptr(JobFixture) fixture = begin();
    g_autofree char *id = job_fixture_mail(fixture, ADMIN, "allow", JOB_FIXTURE_PASSWORD, ROWS);
    slapd_fixture_kill(slapd);
    g_assert_cmpstr(job_state_name(job_fixture_step(fixture)), ==, "received");
    slapd_fixture_restart(slapd);
    assert_waits(fixture, id, JOB_RECEIVED, "The directory is not reachable");
    await(fixture, id);
    g_assert_cmpstr(job_state_name(job_fixture_step(fixture)), ==, "working");
    slapd_fixture_kill(slapd);
    g_assert_cmpstr(job_state_name(job_fixture_step(fixture)), ==, "working");
    slapd_fixture_restart(slapd);
    assert_waits(fixture, id, JOB_WORKING, "The directory is not reachable");
    await(fixture, id);
    job_fixture_run(fixture);
    assert_done(fixture, id);
    assert_rows(fixture, id);
}

/* Not for ever: after proof_wait the request is given up, without a word on the password. */
static void test_proof_wait(void)
{
    g_autoptr(JobFixture) fixture = begin();
    g_autofree char *id = job_fixture_mail(fixture, ADMIN, "allow", JOB_FIXTURE_PASSWORD, ROWS);
    fixture->config->proof_wait = 0;
    slapd_fixture_kill(slapd);
    g_assert_cmpstr(job_state_name(job_fixture_step(fixture)), ==, "reporting");
    slapd_fixture_restart(slapd);
    g_autoptr(Job) job = job_fixture_job(fixture, id);
    assert_holds(job->refusal, "could not be checked because the directory was out of reach");
}

/* An empty directory says nothing of anybody's password. */
static void test_base_missing(void)
{
    g_autoptr(JobFixture) fixture = begin();
    g_autoptr(GError) error = NULL;
    g_autofree char *path =
        g_test_build_filename(G_TEST_DIST, "policy", "profiles", "default.conf", NULL);
    g_autofree char *base = g_strconcat("ou=gone,", slapd->base, NULL);
    Profile *right = fixture->config->profile;
    fixture->config->profile = profile_load(path, base, &error);
    g_assert_no_error(error);
    g_autofree char *id = job_fixture_mail(fixture, ADMIN, "allow", JOB_FIXTURE_PASSWORD, ROWS);
    g_assert_cmpstr(job_state_name(job_fixture_step(fixture)), ==, "received");
    assert_waits(fixture, id, JOB_RECEIVED, "base is missing");
    profile_free(fixture->config->profile);
    fixture->config->profile = right;
    await(fixture, id);
    job_fixture_run(fixture);
    assert_done(fixture, id);
}

/* Stored rows that can't be read hold the job, and it says so. */
static void test_broken(void)
{
    g_autoptr(JobFixture) fixture = begin();
    g_autofree char *id = job_fixture_mail(fixture, ADMIN, "allow", JOB_FIXTURE_PASSWORD, ROWS);
    g_assert_cmpstr(job_state_name(job_fixture_step(fixture)), ==, "working");
    spool_fixture_sql(fixture->config->spool.directory,
                      "UPDATE content SET sealed=substr(sealed, 1, 20)");
    g_assert_cmpstr(job_state_name(job_fixture_step(fixture)), ==, "working");
    assert_waits(fixture, id, JOB_WORKING, "is cut off");
    g_assert_cmpuint(job_fixture_entries(fixture, "anna@one.example"), ==, 0);
}

static void assert_refused(JobFixture *fixture, const char *password)
{
    g_autofree char *id = job_fixture_mail(fixture, ADMIN, "allow", password, ROWS);
    g_assert_cmpstr(job_state_name(job_fixture_step(fixture)), ==, "reporting");
    g_autoptr(Job) job = job_fixture_job(fixture, id);
    assert_holds(job->refusal, "The password is not the right one for your address, or");
    job_fixture_run(fixture);
}

/* R7.7: where the pair is locked the right password gets the words of a wrong one, and the
 * directory is not asked; what is released goes on as ever. */
static void test_locked(void)
{
    g_autoptr(JobFixture) fixture = begin();
    g_autoptr(GError) error = NULL;
    unsigned count = 0;
    fixture->config->lockout = (LockoutRules){.after = 2, .seconds = 3600, .pairs_max = 10};
    assert_refused(fixture, "wrong");
    /* A right one forgets it. */
    g_autofree char *first = job_fixture_mail(fixture, ADMIN, "allow", JOB_FIXTURE_PASSWORD, ROWS);
    job_fixture_run(fixture);
    assert_rows(fixture, first);
    assert_refused(fixture, "wrong");
    assert_refused(fixture, "wrong");
    slapd_fixture_kill(slapd);
    assert_refused(fixture, JOB_FIXTURE_PASSWORD);
    slapd_fixture_restart(slapd);
    job_fixture_close(fixture);
    job_fixture_open(fixture);
    assert_refused(fixture, JOB_FIXTURE_PASSWORD);
    g_assert_true(spool_lockout_release(fixture->spool, ADMIN, NULL, &count, &error));
    g_assert_cmpuint(count, ==, 1);
    g_autofree char *last = job_fixture_mail(fixture, ADMIN, "allow", JOB_FIXTURE_PASSWORD, ROWS);
    g_assert_cmpstr(job_state_name(job_fixture_step(fixture)), ==, "working");
    g_assert_nonnull(last);
}

/* R7.3: the proof is checked once, and what it was is forgotten: neither a new password in the
 * directory nor a new start is a reason to ask again. */
static void test_proved_once(void)
{
    g_autoptr(JobFixture) fixture = begin();
    fixture->config->slice_rows = 2;
    g_autofree char *id = job_fixture_mail(fixture, ADMIN, "allow", JOB_FIXTURE_PASSWORD, ROWS);
    const char *spool = fixture->config->spool.directory;
    g_assert_cmpuint(spool_fixture_values(spool, SPOOL_MAIL), ==, 1);
    g_assert_cmpstr(job_state_name(job_fixture_step(fixture)), ==, "working");
    g_assert_cmpuint(spool_fixture_values(spool, SPOOL_MAIL), ==, 0);
    slapd_fixture_ldif(slapd, "dn: mail=" ADMIN ",ou=one.example,ou=domains,dc=example,dc=org\n"
                              "changetype: modify\nreplace: userPassword\nuserPassword: new\n\n");
    job_fixture_close(fixture);
    job_fixture_open(fixture);
    job_fixture_run(fixture);
    assert_done(fixture, id);
    assert_rows(fixture, id);
    g_autofree char *late = job_fixture_mail(fixture, ADMIN, "allow", JOB_FIXTURE_PASSWORD, ROWS);
    g_assert_cmpstr(job_state_name(job_fixture_step(fixture)), ==, "reporting");
    g_autoptr(Job) job = job_fixture_job(fixture, late);
    assert_holds(job->refusal, "The password is not the right one");
    slapd_fixture_ldif(slapd, "dn: mail=" ADMIN ",ou=one.example,ou=domains,dc=example,dc=org\n"
                              "changetype: modify\nreplace: userPassword\n"
                              "userPassword: " JOB_FIXTURE_PASSWORD "\n\n");
}

/* --- slices --- */

static char *many_rows(guint count, gsize bytes)
{
    g_autofree char *cell = g_strnfill(bytes, 'x');
    GString *csv = g_string_new(JOB_FIXTURE_HEAD);
    for (guint i = 0; i < count; i++)
        g_string_append_printf(csv, "one.example;u%u;FORWARD;DELETE;;;;%s\n", i, cell);
    return g_string_free(csv, FALSE);
}

static void test_slices(void)
{
    static const struct {
        guint rows;
        gsize bytes;
        unsigned slices;
    } rows[] = {{0, 1, 0}, {1, 1, 1}, {500, 1, 1}, {501, 1, 2}, {1000, 1, 2}, {80, 60000, 2}};
    for (gsize i = 0; i < G_N_ELEMENTS(rows); i++) {
        g_autoptr(JobFixture) fixture = begin();
        g_autofree char *csv = many_rows(rows[i].rows, rows[i].bytes);
        g_autofree char *id = job_fixture_mail(fixture, ADMIN, "allow", JOB_FIXTURE_PASSWORD, csv);
        JobState state = job_fixture_step(fixture);
        g_assert_cmpint(state, ==, rows[i].rows ? JOB_WORKING : JOB_REPORTING);
        g_autoptr(Job) job = job_fixture_job(fixture, id);
        g_assert_cmpuint(job->rows, ==, rows[i].rows);
        g_assert_cmpuint(job->slices, ==, rows[i].slices);
        if (rows[i].slices > 0)
            state = job_fixture_step(fixture);
        g_assert_cmpint(state, ==, JOB_REPORTING);
        job_fixture_run(fixture);
        assert_done(fixture, id);
        g_autoptr(Job) after = job_fixture_job(fixture, id);
        g_assert_cmpuint(after->counts[RESULT_FAILED], ==, rows[i].rows);
    }
}

/* --- the process is killed --- */

/* Works in a child that is killed at a point; false where it came to its end. */
static bool work_and_die(JobFixture *fixture, KillAt at, guint writes)
{
    int status = 0;
    job_fixture_close(fixture);
    pid_t child = fork();
    g_assert_cmpint(child, >=, 0);
    if (child == 0) {
        faults.at = at;
        faults.writes = faults.slices = writes;
        job_fixture_open(fixture);
        /* Not further: other programs can't be started by a forked GLib. */
        while (job_fixture_step(fixture) != JOB_SENDING)
            ;
        _exit(EX_OK);
    }
    g_assert_cmpint(waitpid(child, &status, 0), ==, child);
    job_fixture_open(fixture);
    return WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL;
}

/* Each row ends as in a run without a kill, and there is one response. */
static char *audit_unkilled(void)
{
    g_autoptr(JobFixture) fixture = begin();
    g_free(job_fixture_mail(fixture, ADMIN, "allow", JOB_FIXTURE_PASSWORD, ROWS));
    job_fixture_run(fixture);
    char *audit = job_fixture_audit(fixture);
    g_assert_cmpstr(audit, ==,
                    "000002 created ADD FULL anna@one.example "
                    "[('SURNAME', [], ['anna']), ('PASSWORD', [], ['changed'])]\n"
                    "000003 created ADD FORWARD info@one.example "
                    "[('SURNAME', [], ['info']), ('MAILFORWARD', [], ['anna@one.example'])]\n"
                    "000004 created ADD LIST staff@one.example "
                    "[('SURNAME', [], ['staff']), ('LIST MEMBER', [], ['anna@one.example', "
                    "'ben@one.example'])]\n"
                    "000006 deleted DELETE FULL cleo@one.example [('SURNAME', ['cleo'], [])]\n"
                    "000007 changed MODIFY FULL ben@one.example "
                    "[('PASSWORD', [], ['changed']), ('DESCRIPTION', [], ['a'])]\n");
    return audit;
}

static void test_killed(void)
{
    guint last = 0;
    g_autofree char *expected = audit_unkilled();
    for (guint point = 0;; point++) {
        KillAt at = point < KILL_STORED ? (KillAt)(point + 1) : KILL_WRITE;
        guint writes = point < KILL_STORED ? 0 : point - KILL_STORED + 1;
        g_autoptr(JobFixture) fixture = begin();
        g_autofree char *id = job_fixture_mail(fixture, ADMIN, "allow", JOB_FIXTURE_PASSWORD, ROWS);
        g_test_message("killed at %u, after %u writes", at, writes);
        if (!work_and_die(fixture, at, writes))
            break;
        job_fixture_run(fixture);
        assert_done(fixture, id);
        assert_rows(fixture, id);
        /* R5.5: each change once. */
        g_autofree char *audit = job_fixture_audit(fixture);
        g_assert_cmpstr(audit, ==, expected);
        last = writes;
    }
    g_assert_cmpuint(last, >=, 4); /* the last of 5 writes and none after it */
}

/* The same with slices that are planned ahead: between the commit of an intent and its first write,
 * and after each write of all of them. */
static void test_killed_ahead(void)
{
    static const struct {
        KillAt at;
        guint points;
    } kinds[] = {{KILL_AHEAD, 2}, {KILL_WRITE, 5}};
    g_autofree char *expected = audit_unkilled();
    for (gsize i = 0; i < G_N_ELEMENTS(kinds); i++) {
        guint point = 0;
        for (;; point++) {
            g_autoptr(JobFixture) fixture = begin();
            fixture->config->slice_rows = 2;
            g_autofree char *id =
                job_fixture_mail(fixture, ADMIN, "allow", JOB_FIXTURE_PASSWORD, ROWS);
            if (!work_and_die(fixture, kinds[i].at, point))
                break;
            g_test_message("killed at %u, %u", kinds[i].at, point);
            job_fixture_run(fixture);
            assert_done(fixture, id);
            assert_rows(fixture, id);
            g_autofree char *audit = job_fixture_audit(fixture);
            g_assert_cmpstr(audit, ==, expected);
        }
        g_assert_cmpuint(point, >=, kinds[i].points);
    }
}

/* The job waits so many seconds, or (0) not any more. */
static void put_off(JobFixture *fixture, const char *id, unsigned seconds)
{
    g_autoptr(SpoolClaim) claim = NULL;
    g_autoptr(GError) error = NULL;
    g_assert_cmpint(spool_claim_this(fixture->spool, id, 0, &claim, &error), ==, ANSWER_YES);
    g_assert_true(seconds ? spool_job_wait(claim, seconds, "a while", &error)
                          : spool_job_hurry(claim, &error));
}

/* House 3: nobody plans against what may be half applied, though he came first. */
static void test_half_applied(void)
{
    static const char theirs[] =
        JOB_FIXTURE_HEAD "one.example;anna;FULL;DELETE;;;;\none.example;info;FORWARD;DELETE;;;;\n";
    g_autoptr(JobFixture) fixture = begin();
    fixture->config->slice_rows = 500;
    g_autofree char *other = job_fixture_mail(fixture, OTHER_ADMIN, "allow domains=one.example",
                                              JOB_FIXTURE_PASSWORD, theirs);
    g_assert_cmpstr(job_state_name(job_fixture_step(fixture)), ==, "working");
    /* It waits, so that the one that came later is begun. */
    put_off(fixture, other, 3600);
    g_autofree char *id = job_fixture_mail(fixture, ADMIN, "allow", JOB_FIXTURE_PASSWORD, ROWS);
    g_assert_true(work_and_die(fixture, KILL_WRITE, 2));
    put_off(fixture, other, 0);
    job_fixture_run(fixture);
    g_autoptr(Job) first = job_fixture_job(fixture, id);
    g_autoptr(Job) second = job_fixture_job(fixture, other);
    g_assert_cmpuint(first->counts[RESULT_CREATED], ==, 3);
    g_assert_cmpuint(second->counts[RESULT_DELETED], ==, 2);
    g_assert_cmpuint(job_fixture_entries(fixture, "anna@one.example"), ==, 0);
    g_assert_cmpuint(job_fixture_responses(fixture), ==, 2);
}

/* A row that was planned under other rules, and would have to be planned anew, ends in its words.
 */
static void test_rules_changed(void)
{
    g_autoptr(JobFixture) fixture = begin();
    fixture->config->rules.modify_requires_password = false;
    g_autofree char *id =
        job_fixture_mail(fixture, ADMIN, "allow", JOB_FIXTURE_PASSWORD,
                         JOB_FIXTURE_HEAD "one.example;ben;FULL;MODIFY;;;;text\n");
    g_assert_true(work_and_die(fixture, KILL_INTENT, 0));
    slapd_fixture_ldif(slapd,
                       "dn: mail=ben@one.example,ou=one.example,ou=domains,dc=example,dc=org\n"
                       "changetype: modify\nreplace: title\ntitle: other\n\n");
    fixture->config->rules.modify_requires_password = true;
    job_fixture_run(fixture);
    assert_done(fixture, id);
    g_autofree char *mail = job_fixture_response(fixture, NULL);
    assert_holds(mail, "rules changed while the row was worked on");
}

/* A stop does not wait for 300,000 rows to be read or told, and is no fault of the job. */
static void test_stopped(void)
{
    static const JobState states[] = {JOB_RECEIVED, JOB_REPORTING};
    g_autoptr(JobFixture) fixture = begin();
    g_autofree char *id = job_fixture_mail(fixture, ADMIN, "allow", JOB_FIXTURE_PASSWORD, ROWS);
    for (gsize i = 0; i < G_N_ELEMENTS(states); i++) {
        g_autoptr(Job) before = job_fixture_job(fixture, id);
        while (before->state != states[i]) {
            job_fixture_step(fixture);
            job_free(before);
            before = job_fixture_job(fixture, id);
        }
        job_worker_stop(fixture->worker);
        g_assert_cmpint(job_fixture_step(fixture), ==, states[i]);
        g_autoptr(Job) after = job_fixture_job(fixture, id);
        g_assert_cmpuint(after->attempts, ==, 0);
        g_assert_null(after->waiting);
        job_fixture_close(fixture);
        job_fixture_open(fixture);
    }
    job_fixture_run(fixture);
    assert_done(fixture, id);
    assert_rows(fixture, id);
}

/* --- the response --- */

/* R4.1: what the MTA has taken is not sent again because its mark can't be written. */
static void test_mark_fails(void)
{
    g_autoptr(JobFixture) fixture = begin();
    g_autofree char *id = job_fixture_mail(fixture, ADMIN, "allow", JOB_FIXTURE_PASSWORD, ROWS);
    faults.unmarked = 1;
    job_fixture_run(fixture);
    assert_waits(fixture, id, JOB_SENDING, "the disk is full");
    g_assert_cmpuint(job_fixture_responses(fixture), ==, 1);
    await(fixture, id);
    job_fixture_run(fixture);
    assert_done(fixture, id);
}

static void test_mta_away(void)
{
    g_autoptr(JobFixture) fixture = begin();
    g_autofree char *id = job_fixture_mail(fixture, ADMIN, "allow", JOB_FIXTURE_PASSWORD, ROWS);
    job_fixture_mta(fixture, EX_TEMPFAIL);
    job_fixture_run(fixture);
    assert_waits(fixture, id, JOB_SENDING, "sendmail does not take the message");
    g_assert_cmpuint(job_fixture_responses(fixture), ==, 0);
    job_fixture_mta(fixture, 0);
    await(fixture, id);
    job_fixture_run(fixture);
    assert_done(fixture, id);
}

/* R4.10 */
static void test_mta_refuses(void)
{
    g_autoptr(JobFixture) fixture = begin();
    g_autofree char *id = job_fixture_mail(fixture, ADMIN, "allow", JOB_FIXTURE_PASSWORD, ROWS);
    job_fixture_mta(fixture, EX_NOUSER);
    job_fixture_run(fixture);
    g_autoptr(Job) job = job_fixture_job(fixture, id);
    g_assert_cmpstr(job_state_name(job->state), ==, "answer failed");
    assert_holds(job->waiting, "refuses the message");
}

/* R4.10: sent again by hand, the response is refused once more, or taken as it was. */
static void test_send_again(void)
{
    g_autoptr(JobFixture) fixture = begin();
    g_autoptr(GError) error = NULL;
    g_autofree char *id = job_fixture_mail(fixture, ADMIN, "allow", JOB_FIXTURE_PASSWORD, ROWS);
    job_fixture_mta(fixture, EX_NOUSER);
    job_fixture_run(fixture);
    for (int i = 0; i < 2; i++) {
        g_autoptr(Job) job = job_fixture_job(fixture, id);
        g_assert_cmpstr(job_state_name(job->state), ==, "answer failed");
        g_assert_cmpint(spool_job_send_again(fixture->spool, id, &error), ==, ANSWER_YES);
        if (i == 1)
            job_fixture_mta(fixture, 0);
        job_fixture_run(fixture);
    }
    assert_done(fixture, id);
    assert_rows(fixture, id);
}

/* --- ended by hand --- */

static SpoolClaim *take(JobFixture *fixture, const char *id)
{
    g_autoptr(GError) error = NULL;
    SpoolClaim *claim = NULL;
    g_assert_cmpint(spool_claim_this(fixture->spool, id, 0, &claim, &error), ==, ANSWER_YES);
    g_assert_no_error(error);
    return claim;
}

static void cancel(JobFixture *fixture, const char *id)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(SpoolClaim) claim = take(fixture, id);
    g_assert_true(job_cancel(claim, &error));
    g_assert_no_error(error);
}

static void assert_late(JobFixture *fixture, const char *id, const char *why)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(SpoolClaim) claim = take(fixture, id);
    g_assert_false(job_cancel(claim, &error));
    g_assert_error(error, JOB_ERROR, JOB_ERROR_LATE);
    assert_holds(error->message, why);
}

/* R5.3: before it was opened nothing of it is done, and the response says so. */
static void test_cancel_received(void)
{
    g_autoptr(JobFixture) fixture = begin();
    g_autofree char *id = job_fixture_mail(fixture, ADMIN, "allow", JOB_FIXTURE_PASSWORD, ROWS);
    cancel(fixture, id);
    assert_late(fixture, id, "only its response");
    job_fixture_run(fixture);
    assert_done(fixture, id);
    g_autoptr(Job) job = job_fixture_job(fixture, id);
    assert_holds(job->refusal, "cancelled");
    g_autofree char *response = job_fixture_response(fixture, NULL);
    assert_holds(response, ": not processed");
    assert_holds(response, "cancelled by your service provider");
    g_assert_cmpuint(job_fixture_entries(fixture, "anna@one.example"), ==, 0);
}

/* R5.3: rows that were not reached are reported as not done; those before stay as they are. */
static void test_cancel_between(void)
{
    g_autoptr(JobFixture) fixture = begin();
    fixture->config->slice_rows = 1;
    g_autofree char *id = job_fixture_mail(fixture, ADMIN, "allow", JOB_FIXTURE_PASSWORD, ROWS);
    job_fixture_step(fixture);
    job_worker_retire(fixture->worker);
    g_assert_cmpint(job_fixture_step(fixture), ==, JOB_WORKING);
    cancel(fixture, id);
    job_fixture_run(fixture);
    assert_done(fixture, id);
    g_autoptr(Job) job = job_fixture_job(fixture, id);
    g_assert_cmpuint(job->counts[RESULT_CREATED], ==, 1);
    g_assert_cmpuint(job->counts[RESULT_FAILED], ==, job->rows - 1);
    g_assert_null(job->refusal);
    g_autofree char *response = job_fixture_response(fixture, NULL);
    assert_holds(response, "cancelled by your service provider");
    fixture->config->slice_rows = 500;
}

/* What may be half applied is finished first. */
static void test_cancel_half(void)
{
    g_autoptr(JobFixture) fixture = begin();
    g_autofree char *id = job_fixture_mail(fixture, ADMIN, "allow", JOB_FIXTURE_PASSWORD, ROWS);
    g_assert_true(work_and_die(fixture, KILL_WRITE, 2));
    assert_late(fixture, id, "half done");
    job_fixture_run(fixture);
    assert_done(fixture, id);
    assert_rows(fixture, id);
}

/* The text of a request of so many lists, each with a line that no one can compress, and one bad
 * row. */
static char *wide_rows(unsigned count, unsigned width)
{
    g_autoptr(GRand) rand = g_rand_new_with_seed(7);
    GString *csv = g_string_new(JOB_FIXTURE_HEAD "one.example;bad;FULLL;ADD;;;;\n");
    for (unsigned i = 0; i < count; i++) {
        g_string_append_printf(csv, "one.example;big%u;LIST;ADD;;;;", i);
        for (unsigned j = 0; j < width; j++)
            g_string_append_c(csv, (char)('a' + g_rand_int_range(rand, 0, 26)));
        g_string_append_c(csv, '\n');
    }
    return g_string_free(csv, FALSE);
}

/* R4.9: compressed when the response would be larger than compress_above, then left out when it
 * would be larger than the MTA takes. */
static void test_response_size(void)
{
    const struct {
        unsigned rows, width;
        guint64 above;
        const char *holds, *lacks;
    } cases[] = {{1000, 500, G_MAXUINT64, "filename=result.csv", ".gz"},
                 {1000, 1000, G_MAXUINT64, "filename=result.csv.gz", "left out"},
                 {600, 3000, G_MAXUINT64, "filename=batchload.csv.gz", "filename=result"},
                 {20, 500, 60000, "filename=result.csv", ".gz"},
                 {20, 500, 10000, "filename=result.csv.gz", "left out"},
                 {1, 1, 0, "filename=result.csv.gz", "left out"}};
    for (unsigned i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autoptr(JobFixture) fixture = begin();
        fixture->config->compress_above = cases[i].above;
        g_autofree char *csv = wide_rows(cases[i].rows, cases[i].width);
        g_autofree char *id = job_fixture_mail(fixture, ADMIN, "allow", JOB_FIXTURE_PASSWORD, csv);
        job_fixture_run(fixture);
        assert_done(fixture, id);
        g_autofree char *response = job_fixture_response(fixture, NULL);
        assert_holds(response, cases[i].holds);
        assert_holds(response, "1 of ");
        g_assert_null(strstr(response, cases[i].lacks));
        g_assert_cmpuint(strlen(response), <=, 1048576 - 4096);
    }
}

/* R4.10: refused with attachments, taken without. */
static void test_mta_refuses_size(void)
{
    g_autoptr(JobFixture) fixture = begin();
    g_autofree char *csv = wide_rows(20, 500);
    g_autofree char *id = job_fixture_mail(fixture, ADMIN, "allow", JOB_FIXTURE_PASSWORD, csv);
    job_fixture_mta_size(fixture, 8000);
    job_fixture_run(fixture);
    assert_done(fixture, id);
    g_autofree char *response = job_fixture_response(fixture, NULL);
    assert_holds(response, "result.csv is left out");
    assert_holds(response, "1 of 21 rows failed");
}

/* R3.4: what is said of the file as a whole outlives the daemon. */
static void test_note(void)
{
    g_autoptr(JobFixture) fixture = begin();
    const char *csv = JOB_FIXTURE_HEAD "one.example;team;LIST;ADD;;;;M\xfcller\n";
    g_autofree char *id = job_fixture_mail(fixture, ADMIN, "allow", JOB_FIXTURE_PASSWORD, csv);
    g_assert_cmpint(job_fixture_step(fixture), ==, JOB_WORKING);
    job_fixture_close(fixture);
    job_fixture_open(fixture);
    job_fixture_run(fixture);
    assert_done(fixture, id);
    g_autofree char *response = job_fixture_response(fixture, NULL);
    assert_holds(response, "(line 2 is the first");
}

static void test_pause(void)
{
    static const unsigned pauses[] = {1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300};
    for (unsigned i = 0; i < G_N_ELEMENTS(pauses); i++)
        g_assert_cmpuint(job_pause(i), ==, pauses[i]);
    g_assert_cmpuint(job_pause(G_MAXUINT), ==, 300);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    secret_init();
    directory_init();
    curl_global_init(CURL_GLOBAL_DEFAULT);
    g_mime_init();
    slapd = job_fixture_slapd(NULL);
    g_test_add_func("/job/whole", test_whole);
    g_test_add_func("/job/R2.17 check", test_check);
    for (gsize i = 0; i < G_N_ELEMENTS(refusals); i++) {
        g_autofree char *path = g_strconcat("/job/refused/", refusals[i].name, NULL);
        g_test_add_data_func(path, &refusals[i], test_refusal);
    }
    g_test_add_func("/job/R3.41/directory-away", test_directory_away);
    g_test_add_func("/job/R7.3/proved-once", test_proved_once);
    g_test_add_func("/job/R7.7/locked", test_locked);
    g_test_add_func("/job/proof-wait", test_proof_wait);
    g_test_add_func("/job/base-missing", test_base_missing);
    g_test_add_func("/job/broken", test_broken);
    g_test_add_func("/job/slices", test_slices);
    g_test_add_func("/job/killed", test_killed);
    g_test_add_func("/job/killed-ahead", test_killed_ahead);
    g_test_add_func("/job/half-applied", test_half_applied);
    g_test_add_func("/job/rules-changed", test_rules_changed);
    g_test_add_func("/job/stopped", test_stopped);
    g_test_add_func("/job/R4.1/mark-fails", test_mark_fails);
    g_test_add_func("/job/mta-away", test_mta_away);
    g_test_add_func("/job/R4.10/mta-refuses", test_mta_refuses);
    g_test_add_func("/job/R4.10/send-again", test_send_again);
    g_test_add_func("/job/R5.3/cancel-received", test_cancel_received);
    g_test_add_func("/job/R5.3/cancel-between", test_cancel_between);
    g_test_add_func("/job/R5.3/cancel-half-applied", test_cancel_half);
    g_test_add_func("/job/R4.10/mta-refuses-size", test_mta_refuses_size);
    g_test_add_func("/job/R4.9/response-size", test_response_size);
    g_test_add_func("/job/R3.4/note", test_note);
    g_test_add_func("/job/pause", test_pause);
    int status = g_test_run();
    slapd_fixture_free(slapd);
    return status;
}
