/* SPDX-License-Identifier: MIT */
#include "lib/job-fixture.h"
#include "lib/spool-files.h"
#include "lib/spool-fixture.h"
#include "lib/stream-fixture.h"
#include <curl/curl.h>
#include <gmime/gmime.h>
#include <signal.h>
#include <string.h>
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
    guint writes; /* until KILL_WRITE */
    guint slices; /* until KILL_AHEAD */
} faults;

static void die_at(KillAt at)
{
    if (faults.at == at)
        kill(getpid(), SIGKILL);
}

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

static void test_whole(void)
{
    static const JobState states[] = {JOB_WORKING, JOB_REPORTING, JOB_SENDING, JOB_DONE};
    g_autoptr(JobFixture) fixture = job_fixture_begin(slapd);
    g_autofree char *id = job_fixture_mail(fixture, JOB_FIXTURE_ADMIN, "allow",
                                           JOB_FIXTURE_PASSWORD, JOB_FIXTURE_ROWS);
    for (gsize i = 0; i < G_N_ELEMENTS(states); i++)
        g_assert_cmpstr(job_state_name(job_fixture_step(fixture)), ==, job_state_name(states[i]));
    job_fixture_assert_done(fixture, id);
    job_fixture_assert_rows(fixture, id);
}

/* R2.17 */
static void test_check(void)
{
    g_autoptr(JobFixture) fixture = job_fixture_begin(slapd);
    g_autofree char *id =
        job_fixture_mail(fixture, JOB_FIXTURE_ADMIN, "allow",
                         JOB_FIXTURE_PASSWORD "\r\nMode: check", JOB_FIXTURE_ROWS);
    job_fixture_run(fixture);
    job_fixture_assert_done(fixture, id);
    g_autoptr(Job) job = job_fixture_job(fixture, id);
    g_assert_cmpint(job->mode, ==, MODE_CHECK);
    g_assert_cmpuint(job->counts[RESULT_CREATED], ==, 3);
    g_assert_cmpuint(job->counts[RESULT_CHANGED], ==, 1);
    g_assert_cmpuint(job->counts[RESULT_DELETED], ==, 1);
    g_assert_cmpuint(job->counts[RESULT_FAILED], ==, 1);
    g_assert_cmpuint(job_fixture_entries(fixture, "anna@one.example"), ==, 0);
    g_assert_cmpuint(job_fixture_entries(fixture, "cleo@one.example"), ==, 1);
    g_autofree char *mail = job_fixture_response(fixture, NULL);
    job_fixture_assert_holds(mail, "Checked only (Mode: check): nothing was changed.");
    g_assert_null(strstr(mail, JOB_FIXTURE_SECRET));
}

/* --- refusals --- */

static const struct {
    const char *name, *requester, *grant, *password, *csv, *words;
} refusals[] = {
    {"wrong-password", JOB_FIXTURE_ADMIN, "allow", "wrong", JOB_FIXTURE_ROWS,
     "The password is not the right one"},
    {"nobody", "nobody@one.example", "allow", JOB_FIXTURE_PASSWORD, JOB_FIXTURE_ROWS,
     "The password is not the right one"},
    {"no-domain", "admin@gone.example", "allow", JOB_FIXTURE_PASSWORD, JOB_FIXTURE_ROWS,
     "The password is not the right one"},
    {"no-password", JOB_FIXTURE_ADMIN, "allow", "", JOB_FIXTURE_ROWS, "The mail has no password"},
    {"no-table", JOB_FIXTURE_ADMIN, "allow", "wrong", NULL, "No file named batchload.csv"},
    {"no-headline", JOB_FIXTURE_ADMIN, "allow", JOB_FIXTURE_PASSWORD,
     "one.example;" JOB_FIXTURE_SECRET "\n", "is no headline"},
    {"password-before-headline", JOB_FIXTURE_ADMIN, "allow", "wrong", "x\n",
     "The password is not the right one"},
    {"unknown-column", JOB_FIXTURE_ADMIN, "allow", JOB_FIXTURE_PASSWORD,
     "DOMAIN;USER;TYPE;ACTION;PASSWORT\na;b;c;d;" JOB_FIXTURE_SECRET "\n", "did you mean PASSWORD"},
    {"rows-of-grant", JOB_FIXTURE_ADMIN, "allow rows=5", JOB_FIXTURE_PASSWORD, JOB_FIXTURE_ROWS,
     "more than 5 rows"},
    {"open-quote-at-the-end", JOB_FIXTURE_ADMIN, "allow", JOB_FIXTURE_PASSWORD,
     JOB_FIXTURE_ROWS "one.example;\"x;;;;;;\n", "ends inside a quoted field"},
};

/* R4.13, R3.12: nothing is applied, and the response says why. */
static void test_refusal(gconstpointer data)
{
    const char *const *fields = data;
    const char *words = fields[5];
    g_autoptr(JobFixture) fixture = job_fixture_begin(slapd);
    fixture->config->slice_rows = 2;
    g_autofree char *id = job_fixture_mail(fixture, fields[1], fields[2], fields[3], fields[4]);
    g_assert_cmpstr(job_state_name(job_fixture_step(fixture)), ==, "reporting");
    g_autoptr(Job) job = job_fixture_job(fixture, id);
    job_fixture_assert_holds(job->refusal, words);
    g_assert_null(strstr(job->refusal, JOB_FIXTURE_SECRET));
    job_fixture_run(fixture);
    job_fixture_assert_done(fixture, id);
    g_autofree char *mail = job_fixture_response(fixture, NULL);
    job_fixture_assert_holds(mail, ": not processed\n");
    g_assert_null(strstr(mail, JOB_FIXTURE_SECRET));
    g_assert_cmpuint(job_fixture_entries(fixture, "anna@one.example"), ==, 0);
    g_assert_cmpuint(job_fixture_entries(fixture, "cleo@one.example"), ==, 1);
}

/* --- could not tell --- */

/* R3.41, house: a directory that is away is nobody's fault; the job waits and says why. */
static void test_directory_away(void)
{
    g_autoptr(JobFixture) fixture = job_fixture_begin(slapd);
    g_autofree char *id = job_fixture_mail(fixture, JOB_FIXTURE_ADMIN, "allow",
                                           JOB_FIXTURE_PASSWORD, JOB_FIXTURE_ROWS);
    slapd_fixture_kill(slapd);
    g_assert_cmpstr(job_state_name(job_fixture_step(fixture)), ==, "received");
    slapd_fixture_restart(slapd);
    job_fixture_assert_waits(fixture, id, JOB_RECEIVED, "The directory is not reachable");
    job_fixture_await(fixture, id);
    g_assert_cmpstr(job_state_name(job_fixture_step(fixture)), ==, "working");
    slapd_fixture_kill(slapd);
    g_assert_cmpstr(job_state_name(job_fixture_step(fixture)), ==, "working");
    slapd_fixture_restart(slapd);
    job_fixture_assert_waits(fixture, id, JOB_WORKING, "The directory is not reachable");
    job_fixture_await(fixture, id);
    job_fixture_run(fixture);
    job_fixture_assert_done(fixture, id);
    job_fixture_assert_rows(fixture, id);
}

/* Not for ever: after proof_wait the request is given up, without a word on the password. */
static void test_proof_wait(void)
{
    g_autoptr(JobFixture) fixture = job_fixture_begin(slapd);
    g_autofree char *id = job_fixture_mail(fixture, JOB_FIXTURE_ADMIN, "allow",
                                           JOB_FIXTURE_PASSWORD, JOB_FIXTURE_ROWS);
    fixture->config->proof_wait = 0;
    slapd_fixture_kill(slapd);
    g_assert_cmpstr(job_state_name(job_fixture_step(fixture)), ==, "reporting");
    slapd_fixture_restart(slapd);
    g_autoptr(Job) job = job_fixture_job(fixture, id);
    job_fixture_assert_holds(job->refusal,
                             "could not be checked because the directory was out of reach");
}

/* An empty directory says nothing of anybody's password. */
static void test_base_missing(void)
{
    g_autoptr(JobFixture) fixture = job_fixture_begin(slapd);
    g_autoptr(GError) error = NULL;
    g_autofree char *path =
        g_test_build_filename(G_TEST_DIST, "policy", "profiles", "default.conf", NULL);
    g_autofree char *base = g_strconcat("ou=gone,", slapd->base, NULL);
    Profile *right = fixture->config->profile;
    fixture->config->profile = profile_load(path, base, &error);
    g_assert_no_error(error);
    g_autofree char *id = job_fixture_mail(fixture, JOB_FIXTURE_ADMIN, "allow",
                                           JOB_FIXTURE_PASSWORD, JOB_FIXTURE_ROWS);
    g_assert_cmpstr(job_state_name(job_fixture_step(fixture)), ==, "received");
    job_fixture_assert_waits(fixture, id, JOB_RECEIVED, "base is missing");
    profile_free(fixture->config->profile);
    fixture->config->profile = right;
    job_fixture_await(fixture, id);
    job_fixture_run(fixture);
    job_fixture_assert_done(fixture, id);
}

/* Stored rows that can't be read hold the job, and it says so. */
static void test_broken(void)
{
    g_autoptr(JobFixture) fixture = job_fixture_begin(slapd);
    g_autofree char *id = job_fixture_mail(fixture, JOB_FIXTURE_ADMIN, "allow",
                                           JOB_FIXTURE_PASSWORD, JOB_FIXTURE_ROWS);
    g_assert_cmpstr(job_state_name(job_fixture_step(fixture)), ==, "working");
    spool_fixture_sql(fixture->config->spool.directory,
                      "UPDATE content SET sealed=substr(sealed, 1, 20)");
    g_assert_cmpstr(job_state_name(job_fixture_step(fixture)), ==, "working");
    job_fixture_assert_waits(fixture, id, JOB_WORKING, "is cut off");
    g_assert_cmpuint(job_fixture_entries(fixture, "anna@one.example"), ==, 0);
}

static void assert_refused(JobFixture *fixture, const char *password)
{
    g_autofree char *id =
        job_fixture_mail(fixture, JOB_FIXTURE_ADMIN, "allow", password, JOB_FIXTURE_ROWS);
    g_assert_cmpstr(job_state_name(job_fixture_step(fixture)), ==, "reporting");
    g_autoptr(Job) job = job_fixture_job(fixture, id);
    job_fixture_assert_holds(job->refusal,
                             "The password is not the right one for your address, or");
    job_fixture_run(fixture);
}

/* R7.7: where the pair is locked the right password gets the words of a wrong one, and the
 * directory is not asked; what is released goes on as ever. */
static void test_locked(void)
{
    g_autoptr(JobFixture) fixture = job_fixture_begin(slapd);
    g_autoptr(GError) error = NULL;
    unsigned count = 0;
    fixture->config->lockout = (LockoutRules){.after = 2, .seconds = 3600, .pairs_max = 10};
    assert_refused(fixture, "wrong");
    /* A right one forgets it. */
    g_autofree char *first = job_fixture_mail(fixture, JOB_FIXTURE_ADMIN, "allow",
                                              JOB_FIXTURE_PASSWORD, JOB_FIXTURE_ROWS);
    job_fixture_run(fixture);
    job_fixture_assert_rows(fixture, first);
    assert_refused(fixture, "wrong");
    assert_refused(fixture, "wrong");
    slapd_fixture_kill(slapd);
    assert_refused(fixture, JOB_FIXTURE_PASSWORD);
    slapd_fixture_restart(slapd);
    job_fixture_close(fixture);
    job_fixture_open(fixture);
    assert_refused(fixture, JOB_FIXTURE_PASSWORD);
    g_assert_true(spool_lockout_release(fixture->spool, JOB_FIXTURE_ADMIN, NULL, &count, &error));
    g_assert_cmpuint(count, ==, 1);
    g_autofree char *last = job_fixture_mail(fixture, JOB_FIXTURE_ADMIN, "allow",
                                             JOB_FIXTURE_PASSWORD, JOB_FIXTURE_ROWS);
    g_assert_cmpstr(job_state_name(job_fixture_step(fixture)), ==, "working");
    g_assert_nonnull(last);
}

/* R7.3: the proof is checked once, and what it was is forgotten: neither a new password in the
 * directory nor a new start is a reason to ask again. */
static void test_proved_once(void)
{
    g_autoptr(JobFixture) fixture = job_fixture_begin(slapd);
    fixture->config->slice_rows = 2;
    g_autofree char *id = job_fixture_mail(fixture, JOB_FIXTURE_ADMIN, "allow",
                                           JOB_FIXTURE_PASSWORD, JOB_FIXTURE_ROWS);
    const char *spool = fixture->config->spool.directory;
    g_assert_cmpuint(spool_fixture_values(spool, SPOOL_MAIL), ==, 1);
    g_assert_cmpstr(job_state_name(job_fixture_step(fixture)), ==, "working");
    g_assert_cmpuint(spool_fixture_values(spool, SPOOL_MAIL), ==, 0);
    slapd_fixture_ldif(slapd, "dn: mail=" JOB_FIXTURE_ADMIN
                              ",ou=one.example,ou=domains,dc=example,dc=org\n"
                              "changetype: modify\nreplace: userPassword\nuserPassword: new\n\n");
    job_fixture_close(fixture);
    job_fixture_open(fixture);
    job_fixture_run(fixture);
    job_fixture_assert_done(fixture, id);
    job_fixture_assert_rows(fixture, id);
    g_autofree char *late = job_fixture_mail(fixture, JOB_FIXTURE_ADMIN, "allow",
                                             JOB_FIXTURE_PASSWORD, JOB_FIXTURE_ROWS);
    g_assert_cmpstr(job_state_name(job_fixture_step(fixture)), ==, "reporting");
    g_autoptr(Job) job = job_fixture_job(fixture, late);
    job_fixture_assert_holds(job->refusal, "The password is not the right one");
    slapd_fixture_ldif(slapd, "dn: mail=" JOB_FIXTURE_ADMIN
                              ",ou=one.example,ou=domains,dc=example,dc=org\n"
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
        g_autoptr(JobFixture) fixture = job_fixture_begin(slapd);
        g_autofree char *csv = many_rows(rows[i].rows, rows[i].bytes);
        g_autofree char *id =
            job_fixture_mail(fixture, JOB_FIXTURE_ADMIN, "allow", JOB_FIXTURE_PASSWORD, csv);
        JobState state = job_fixture_step(fixture);
        g_assert_cmpint(state, ==, rows[i].rows ? JOB_WORKING : JOB_REPORTING);
        g_autoptr(Job) job = job_fixture_job(fixture, id);
        g_assert_cmpuint(job->rows, ==, rows[i].rows);
        g_assert_cmpuint(job->slices, ==, rows[i].slices);
        if (rows[i].slices > 0)
            state = job_fixture_step(fixture);
        g_assert_cmpint(state, ==, JOB_REPORTING);
        job_fixture_run(fixture);
        job_fixture_assert_done(fixture, id);
        g_autoptr(Job) after = job_fixture_job(fixture, id);
        g_assert_cmpuint(after->counts[RESULT_FAILED], ==, rows[i].rows);
    }
}

/* --- the process is killed --- */

/* Works in a child that is killed at a point; false where it came to its end. */
static bool work_and_die(JobFixture *fixture, KillAt at, guint writes)
{
    faults.at = at;
    faults.writes = faults.slices = writes;
    const bool died = job_fixture_dies(fixture);
    faults.at = KILL_NEVER;
    return died;
}

/* Each row ends as in a run without a kill, and there is one response. */
static char *audit_unkilled(void)
{
    g_autoptr(JobFixture) fixture = job_fixture_begin(slapd);
    g_free(job_fixture_mail(fixture, JOB_FIXTURE_ADMIN, "allow", JOB_FIXTURE_PASSWORD,
                            JOB_FIXTURE_ROWS));
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
        g_autoptr(JobFixture) fixture = job_fixture_begin(slapd);
        g_autofree char *id = job_fixture_mail(fixture, JOB_FIXTURE_ADMIN, "allow",
                                               JOB_FIXTURE_PASSWORD, JOB_FIXTURE_ROWS);
        g_test_message("killed at %u, after %u writes", at, writes);
        if (!work_and_die(fixture, at, writes))
            break;
        job_fixture_run(fixture);
        job_fixture_assert_done(fixture, id);
        job_fixture_assert_rows(fixture, id);
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
            g_autoptr(JobFixture) fixture = job_fixture_begin(slapd);
            fixture->config->slice_rows = 2;
            g_autofree char *id = job_fixture_mail(fixture, JOB_FIXTURE_ADMIN, "allow",
                                                   JOB_FIXTURE_PASSWORD, JOB_FIXTURE_ROWS);
            if (!work_and_die(fixture, kinds[i].at, point))
                break;
            g_test_message("killed at %u, %u", kinds[i].at, point);
            job_fixture_run(fixture);
            job_fixture_assert_done(fixture, id);
            job_fixture_assert_rows(fixture, id);
            g_autofree char *audit = job_fixture_audit(fixture);
            g_assert_cmpstr(audit, ==, expected);
        }
        g_assert_cmpuint(point, >=, kinds[i].points);
    }
}

/* House 3: nobody plans against what may be half applied, though he came first. */
static void test_half_applied(void)
{
    static const char theirs[] =
        JOB_FIXTURE_HEAD "one.example;anna;FULL;DELETE;;;;\none.example;info;FORWARD;DELETE;;;;\n";
    g_autoptr(JobFixture) fixture = job_fixture_begin(slapd);
    fixture->config->slice_rows = 500;
    g_autofree char *other =
        job_fixture_mail(fixture, JOB_FIXTURE_OTHER_ADMIN, "allow domains=one.example",
                         JOB_FIXTURE_PASSWORD, theirs);
    g_assert_cmpstr(job_state_name(job_fixture_step(fixture)), ==, "working");
    /* It waits, so that the one that came later is begun. */
    job_fixture_put_off(fixture, other, 3600);
    g_autofree char *id = job_fixture_mail(fixture, JOB_FIXTURE_ADMIN, "allow",
                                           JOB_FIXTURE_PASSWORD, JOB_FIXTURE_ROWS);
    g_assert_true(work_and_die(fixture, KILL_WRITE, 2));
    job_fixture_put_off(fixture, other, 0);
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
    g_autoptr(JobFixture) fixture = job_fixture_begin(slapd);
    fixture->config->rules.modify_requires_password = false;
    g_autofree char *id =
        job_fixture_mail(fixture, JOB_FIXTURE_ADMIN, "allow", JOB_FIXTURE_PASSWORD,
                         JOB_FIXTURE_HEAD "one.example;ben;FULL;MODIFY;;;;text\n");
    g_assert_true(work_and_die(fixture, KILL_INTENT, 0));
    slapd_fixture_ldif(slapd,
                       "dn: mail=ben@one.example,ou=one.example,ou=domains,dc=example,dc=org\n"
                       "changetype: modify\nreplace: title\ntitle: other\n\n");
    fixture->config->rules.modify_requires_password = true;
    job_fixture_run(fixture);
    job_fixture_assert_done(fixture, id);
    g_autofree char *mail = job_fixture_response(fixture, NULL);
    job_fixture_assert_holds(mail, "rules changed while the row was worked on");
}

/* A stop does not wait for 300,000 rows to be read or told, and is no fault of the job. */
static void test_stopped(void)
{
    static const JobState states[] = {JOB_RECEIVED, JOB_REPORTING};
    g_autoptr(JobFixture) fixture = job_fixture_begin(slapd);
    g_autofree char *id = job_fixture_mail(fixture, JOB_FIXTURE_ADMIN, "allow",
                                           JOB_FIXTURE_PASSWORD, JOB_FIXTURE_ROWS);
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
    job_fixture_assert_done(fixture, id);
    job_fixture_assert_rows(fixture, id);
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
    job_fixture_assert_holds(error->message, why);
}

/* R5.3: before it was opened nothing of it is done, and the response says so. */
static void test_cancel_received(void)
{
    g_autoptr(JobFixture) fixture = job_fixture_begin(slapd);
    g_autofree char *id = job_fixture_mail(fixture, JOB_FIXTURE_ADMIN, "allow",
                                           JOB_FIXTURE_PASSWORD, JOB_FIXTURE_ROWS);
    cancel(fixture, id);
    assert_late(fixture, id, "only its response");
    job_fixture_run(fixture);
    job_fixture_assert_done(fixture, id);
    g_autoptr(Job) job = job_fixture_job(fixture, id);
    job_fixture_assert_holds(job->refusal, "cancelled");
    g_autofree char *response = job_fixture_response(fixture, NULL);
    job_fixture_assert_holds(response, ": not processed");
    job_fixture_assert_holds(response, "cancelled by your service provider");
    g_assert_cmpuint(job_fixture_entries(fixture, "anna@one.example"), ==, 0);
}

/* R5.3: rows that were not reached are reported as not done; those before stay as they are. */
static void test_cancel_between(void)
{
    g_autoptr(JobFixture) fixture = job_fixture_begin(slapd);
    fixture->config->slice_rows = 1;
    g_autofree char *id = job_fixture_mail(fixture, JOB_FIXTURE_ADMIN, "allow",
                                           JOB_FIXTURE_PASSWORD, JOB_FIXTURE_ROWS);
    job_fixture_step(fixture);
    job_worker_retire(fixture->worker);
    g_assert_cmpint(job_fixture_step(fixture), ==, JOB_WORKING);
    cancel(fixture, id);
    job_fixture_run(fixture);
    job_fixture_assert_done(fixture, id);
    g_autoptr(Job) job = job_fixture_job(fixture, id);
    g_assert_cmpuint(job->counts[RESULT_CREATED], ==, 1);
    g_assert_cmpuint(job->counts[RESULT_FAILED], ==, job->rows - 1);
    g_assert_null(job->refusal);
    g_autofree char *response = job_fixture_response(fixture, NULL);
    job_fixture_assert_holds(response, "cancelled by your service provider");
    fixture->config->slice_rows = 500;
}

#define PARTS_GRANT "allow domains=one.example,big.example types=DOMAIN create_domains=yes"
#define PARTS_ROWS JOB_FIXTURE_HEAD "big.example;;DOMAIN;DELETE;;;;\n"

/* A domain of two parts, with its deletion asked for, which has come to its second part. */
static char *job_between_parts(JobFixture *fixture)
{
    const char *base = fixture->slapd->base;
    g_autoptr(GString) ldif = g_string_new(NULL);
    g_string_append_printf(ldif,
                           "dn: ou=big.example,ou=domains,%s\nobjectClass: organizationalUnit\n"
                           "objectClass: batchloadDomain\nou: big.example\n\n",
                           base);
    for (unsigned i = 0; i < PLAN_PART_MAX + 5; i++)
        g_string_append_printf(ldif,
                               "dn: mail=u%u@big.example,ou=big.example,ou=domains,%s\n"
                               "objectClass: inetOrgPerson\nobjectClass: batchloadAccount\n"
                               "cn: u\nsn: u\nmail: u%u@big.example\nbatchloadMailboxId: %u\n\n",
                               i, base, i, i);
    slapd_fixture_ldif(fixture->slapd, ldif->str);
    char *id =
        job_fixture_mail(fixture, JOB_FIXTURE_ADMIN, PARTS_GRANT, JOB_FIXTURE_PASSWORD, PARTS_ROWS);
    job_fixture_step(fixture);
    job_worker_retire(fixture->worker);
    g_assert_cmpint(job_fixture_step(fixture), ==, JOB_WORKING);
    return id;
}

static void assert_deleted(JobFixture *fixture, const char *id)
{
    job_fixture_run(fixture);
    g_autoptr(Job) job = job_fixture_job(fixture, id);
    g_assert_cmpint(job->state, ==, JOB_DONE);
    g_assert_cmpuint(job->counts[RESULT_DELETED], ==, 1);
    g_assert_cmpuint(job_fixture_entries(fixture, "u*@big.example"), ==, 0);
}

/* R5.3, R8.23: the response says what is gone; a second request deletes the rest. */
static void test_cancel_part(void)
{
    g_autoptr(JobFixture) fixture = job_fixture_begin(slapd);
    g_autofree char *id = job_between_parts(fixture);
    cancel(fixture, id);
    job_fixture_run(fixture);
    job_fixture_assert_done(fixture, id);
    g_autofree char *response = job_fixture_response(fixture, id);
    job_fixture_assert_holds(response, "row was done to its end");
    job_fixture_assert_holds(response, "suspended.");
    g_assert_cmpuint(job_fixture_entries(fixture, "u*@big.example"), ==, 5);
    g_autofree char *again =
        job_fixture_mail(fixture, JOB_FIXTURE_ADMIN, PARTS_GRANT, JOB_FIXTURE_PASSWORD, PARTS_ROWS);
    job_fixture_close(fixture);
    job_fixture_open(fixture);
    assert_deleted(fixture, again);
}

/* R8.23: where a later part can't go, the row says that one is gone. */
static void test_part_refused(void)
{
    g_autoptr(JobFixture) fixture = job_fixture_begin(slapd);
    g_autofree char *id = job_between_parts(fixture);
    g_autofree char *ldif = g_strdup_printf("dn: cn=printer,ou=big.example,ou=domains,%s\n"
                                            "objectClass: device\ncn: printer\n",
                                            slapd->base);
    slapd_fixture_ldif(slapd, ldif);
    job_fixture_close(fixture);
    job_fixture_open(fixture);
    job_fixture_run(fixture);
    job_fixture_assert_done(fixture, id);
    g_autofree char *response = job_fixture_response(fixture, id);
    job_fixture_assert_holds(response, "big.example holds something");
    job_fixture_assert_holds(response, "suspended.");
    g_autofree char *gone = g_strdup_printf("dn: cn=printer,ou=big.example,ou=domains,%s\n"
                                            "changetype: delete\n",
                                            slapd->base);
    slapd_fixture_ldif(slapd, gone);
    g_autofree char *again =
        job_fixture_mail(fixture, JOB_FIXTURE_ADMIN, PARTS_GRANT, JOB_FIXTURE_PASSWORD, PARTS_ROWS);
    assert_deleted(fixture, again);
}

/* What may be half applied is finished first. */
static void test_cancel_half(void)
{
    g_autoptr(JobFixture) fixture = job_fixture_begin(slapd);
    g_autofree char *id = job_fixture_mail(fixture, JOB_FIXTURE_ADMIN, "allow",
                                           JOB_FIXTURE_PASSWORD, JOB_FIXTURE_ROWS);
    g_assert_true(work_and_die(fixture, KILL_WRITE, 2));
    assert_late(fixture, id, "half done");
    job_fixture_run(fixture);
    job_fixture_assert_done(fixture, id);
    job_fixture_assert_rows(fixture, id);
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
    g_test_add_func("/job/R5.3/cancel-received", test_cancel_received);
    g_test_add_func("/job/R5.3/cancel-between", test_cancel_between);
    g_test_add_func("/job/R5.3/cancel-half-applied", test_cancel_half);
    g_test_add_func("/job/R5.3/cancel-between-parts", test_cancel_part);
    g_test_add_func("/job/R8.23/part-refused", test_part_refused);
    g_test_add_func("/job/pause", test_pause);
    int status = g_test_run();
    slapd_fixture_free(slapd);
    return status;
}
