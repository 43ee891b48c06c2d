/* SPDX-License-Identifier: MIT */
#include "lib/job-fixture.h"
#include "lib/request.h"
#include "lib/stream-fixture.h"
#include <curl/curl.h>
#include <gmime/gmime.h>
#include <string.h>

/* A slice is planned while the one before it is settled: when that counts, and when not. */

/* Longest wait for what must come. */
#define WAIT_USEC (60 * G_USEC_PER_SEC)

#define DN(address, domain) "mail=" address ",ou=" domain ",ou=domains,dc=example,dc=org"

static SlapdFixture *slapd;

/* What happens while the first slice is written, once the second one is planned. */
typedef enum {
    MEANWHILE_NOTHING,
    MEANWHILE_REFUSED, /* the first row of the slice is refused */
    MEANWHILE_CHANGED, /* somebody else changes what the slice changes */
    MEANWHILE_NEXT,    /* and what the next one changes */
    MEANWHILE_REQUEST, /* another administrator's request comes in */
    MEANWHILE_DOMAINS, /* another request on the next one's domain becomes ready */
    MEANWHILE_STOP,    /* the worker is to stop, or to make place for another one */
    MEANWHILE_RETIRE,
} Meanwhile;

static struct {
    GMutex lock;
    GCond planned_one;
    unsigned planned; /* slices ahead whose intent was sealed */
    unsigned hashed;
    unsigned written, intents, done, done_ahead, with_intent; /* calls */
    Meanwhile meanwhile;
    JobFixture *fixture;
    const char *other; /* a job that is held off until then */
} seen;

GBytes *__real_spool_ahead_intent(const SpoolClaim *claim, GVariant *intent);
GBytes *__wrap_spool_ahead_intent(const SpoolClaim *claim, GVariant *intent);
Secret *__real_password_hash(const Secret *clear, PasswordScheme scheme);
Secret *__wrap_password_hash(const Secret *clear, PasswordScheme scheme);
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

GBytes *__wrap_spool_ahead_intent(const SpoolClaim *claim, GVariant *intent)
{
    GBytes *sealed = __real_spool_ahead_intent(claim, intent);
    g_mutex_lock(&seen.lock);
    seen.planned++;
    g_cond_broadcast(&seen.planned_one);
    g_mutex_unlock(&seen.lock);
    return sealed;
}

Secret *__wrap_password_hash(const Secret *clear, PasswordScheme scheme)
{
    g_mutex_lock(&seen.lock);
    seen.hashed++;
    g_mutex_unlock(&seen.lock);
    return __real_password_hash(clear, scheme);
}

bool __wrap_spool_intent_store(SpoolClaim *claim, GVariant *intent, GError **error)
{
    seen.intents++;
    return __real_spool_intent_store(claim, intent, error);
}

bool __wrap_spool_slice_done(SpoolClaim *claim, GVariant *outcomes,
                             const unsigned counts[RESULT_COUNT], GVariant *trail, GError **error)
{
    seen.done++;
    return __real_spool_slice_done(claim, outcomes, counts, trail, error);
}

bool __wrap_spool_slice_done_ahead(SpoolClaim *claim, GVariant *outcomes,
                                   const unsigned counts[RESULT_COUNT], GVariant *trail,
                                   GBytes *intent, GError **error)
{
    seen.done_ahead++;
    seen.with_intent += intent != NULL;
    return __real_spool_slice_done_ahead(claim, outcomes, counts, trail, intent, error);
}

/* --- meanwhile --- */

static void await_plan(void)
{
    gint64 end = g_get_monotonic_time() + WAIT_USEC;
    g_mutex_lock(&seen.lock);
    while (seen.planned == 0)
        g_assert_true(g_cond_wait_until(&seen.planned_one, &seen.lock, end));
    g_mutex_unlock(&seen.lock);
}

/* Nothing is ready: what waits is in the way of the slices here. */
static void assert_held(void)
{
    g_autoptr(SpoolClaim) claim = NULL;
    g_autoptr(GError) error = NULL;
    gint64 due;
    g_assert_cmpint(spool_claim(seen.fixture->spool, &claim, &due, &error), ==, ANSWER_NO);
    g_assert_no_error(error);
}

static void meanwhile(void)
{
    switch (seen.meanwhile) {
    case MEANWHILE_NOTHING:
    case MEANWHILE_REFUSED:
        break;
    case MEANWHILE_CHANGED:
        slapd_fixture_ldif(
            slapd, "dn: " DN("ben@one.example",
                             "one.example") "\n"
                                            "changetype: modify\nreplace: title\ntitle: other\n\n");
        break;
    case MEANWHILE_NEXT:
        slapd_fixture_ldif(slapd,
                           "dn: " DN("cleo@one.example", "one.example") "\n"
                                                                        "changetype: delete\n\n");
        break;
    case MEANWHILE_REQUEST:
        g_free(job_fixture_mail(seen.fixture, JOB_FIXTURE_OTHER_ADMIN, "allow domains=two.example",
                                JOB_FIXTURE_PASSWORD, JOB_FIXTURE_HEAD));
        break;
    case MEANWHILE_DOMAINS:
        job_fixture_put_off(seen.fixture, seen.other, 0);
        assert_held();
        break;
    case MEANWHILE_STOP:
        job_worker_stop(seen.fixture->worker);
        break;
    case MEANWHILE_RETIRE:
        job_worker_retire(seen.fixture->worker);
        break;
    }
}

static Pass before(Directory *directory G_GNUC_UNUSED, Write *write, bool idle G_GNUC_UNUSED)
{
    /* fixtures write, too */
    if (!seen.fixture || seen.written++ > 0 || seen.meanwhile == MEANWHILE_NOTHING)
        return PASS_ON;
    await_plan();
    meanwhile();
    if (seen.meanwhile != MEANWHILE_REFUSED)
        return PASS_ON;
    write->state = WRITE_REFUSED;
    write->words = g_strdup("The directory does not allow this change.");
    return PASS_STOP;
}

static Answer stopped_well(bool stopped, Answer answer, GError **error G_GNUC_UNUSED)
{
    return stopped ? ANSWER_YES : answer;
}

StreamFixture stream_fixture = {.before = before, .end = stopped_well};

static JobFixture *begin(unsigned slice_rows, Meanwhile what)
{
    seen.fixture = NULL;
    JobFixture *fixture = job_fixture_begin(slapd);
    fixture->config->slice_rows = slice_rows;
    seen.planned = seen.hashed = seen.written = 0;
    seen.intents = seen.done = seen.done_ahead = seen.with_intent = 0;
    seen.meanwhile = what;
    seen.fixture = fixture;
    return fixture;
}

static void end(JobFixture *fixture)
{
    seen.fixture = NULL;
    job_fixture_free(fixture);
}

/* --- one job --- */

/* Three slices of two rows. The second relies on the first, the third on both. */
#define ROWS                                                                                       \
    JOB_FIXTURE_HEAD                                                                               \
    "one.example;anna;FULL;ADD;" JOB_FIXTURE_SECRET ";;;\n"                                        \
    "one.example;ben;FULL;MODIFY;" JOB_FIXTURE_SECRET ";;;a\n"                                     \
    "one.example;staff;LIST;ADD;;;anna;\n"                                                         \
    "one.example;cleo;FULL;MODIFY;" JOB_FIXTURE_SECRET ";;;b\n"                                    \
    "one.example;ben;FULL;MODIFY;" JOB_FIXTURE_SECRET ";;;c\n"                                     \
    "one.example;staff;LIST;ADD;;;ben;\n"

/* Rows by result in the end; slices done by the first step; commits of outcomes with the next
 * slice's intent, and those without after which it went on; intents for themselves; passwords
 * hashed, 0: any number. */
static const struct {
    const char *name;
    Meanwhile what;
    unsigned created, changed, failed;
    unsigned slices, with_intent, without, intents, hashed;
} cases[] = {
    {"as-planned", MEANWHILE_NOTHING, 2, 4, 0, 3, 2, 0, 1, 4},
    /* anna is not made, so the list can't be made, nor can it grow, but for what it is made of by
     * the last row */
    {"refused", MEANWHILE_REFUSED, 1, 3, 2, 3, 1, 1, 2, 4},
    {"changed", MEANWHILE_CHANGED, 2, 4, 0, 3, 1, 1, 3, 4},
    /* the third one is planned ahead upon what the second did not do, so it is planned again */
    {"next-changed", MEANWHILE_NEXT, 2, 3, 1, 3, 1, 1, 3, 4},
    {"other-request", MEANWHILE_REQUEST, 2, 4, 0, 1, 0, 0, 1, 0},
    {"stopped", MEANWHILE_STOP, 2, 4, 0, 1, 0, 0, 1, 0},
    {"retired", MEANWHILE_RETIRE, 2, 4, 0, 1, 0, 0, 1, 0},
};

static void run_again(JobFixture *fixture)
{
    job_fixture_close(fixture);
    job_fixture_open(fixture);
    job_fixture_run(fixture);
}

static void test_case(gconstpointer data)
{
    gsize number = GPOINTER_TO_SIZE(data);
    JobFixture *fixture = begin(2, cases[number].what);
    g_autofree char *id =
        job_fixture_mail(fixture, JOB_FIXTURE_ADMIN, "allow", JOB_FIXTURE_PASSWORD, ROWS);
    g_assert_cmpint(job_fixture_step(fixture), ==, JOB_WORKING);
    seen.hashed = 0;
    job_fixture_step(fixture);
    g_autoptr(Job) first = job_fixture_job(fixture, id);
    g_assert_cmpuint(first->slices_done, ==, cases[number].slices);
    g_assert_cmpuint(seen.with_intent, ==, cases[number].with_intent);
    g_assert_cmpuint(seen.done_ahead - seen.with_intent, ==, cases[number].without);
    g_assert_cmpuint(seen.done, ==, 1);
    g_assert_cmpuint(seen.intents, ==, cases[number].intents);
    if (cases[number].hashed)
        g_assert_cmpuint(seen.hashed, ==, cases[number].hashed);
    run_again(fixture);
    g_autoptr(Job) job = job_fixture_job(fixture, id);
    g_assert_cmpstr(job_state_name(job->state), ==, "done");
    g_assert_cmpuint(job->counts[RESULT_CREATED], ==, cases[number].created);
    g_assert_cmpuint(job->counts[RESULT_CHANGED], ==, cases[number].changed);
    g_assert_cmpuint(job->counts[RESULT_FAILED], ==, cases[number].failed);
    g_assert_cmpuint(job_fixture_entries(fixture, "staff@one.example"), ==, 1);
    end(fixture);
}

/* The domains of the slice ahead are claimed before it is planned: another job on them neither runs
 * beside it nor is held up by it for longer than the present slice. */
static void test_domains(void)
{
    static const char far[] = JOB_FIXTURE_HEAD "one.example;x;FORWARD;ADD;;admin@one.example;;\n"
                                               "two.example;y;FORWARD;ADD;;admin@two.example;;\n"
                                               "two.example;z;FORWARD;ADD;;admin@two.example;;\n";
    static const char theirs[] =
        JOB_FIXTURE_HEAD "two.example;y;FORWARD;ADD;;admin@two.example;;\n";
    JobFixture *fixture = begin(1, MEANWHILE_DOMAINS);
    g_autofree char *other =
        job_fixture_mail(fixture, JOB_FIXTURE_OTHER_ADMIN, "allow domains=two.example",
                         JOB_FIXTURE_PASSWORD, theirs);
    g_assert_cmpint(job_fixture_step(fixture), ==, JOB_WORKING);
    seen.other = other;
    job_fixture_put_off(fixture, other, 3600);
    g_autofree char *id =
        job_fixture_mail(fixture, JOB_FIXTURE_ADMIN, "allow domains=one.example,two.example",
                         JOB_FIXTURE_PASSWORD, far);
    g_assert_cmpint(job_fixture_step(fixture), ==, JOB_WORKING);
    job_fixture_step(fixture);
    g_autoptr(Job) first = job_fixture_job(fixture, id);
    g_assert_cmpuint(first->slices_done, ==, 1);
    g_assert_cmpuint(seen.done_ahead, ==, 0);
    job_fixture_run(fixture);
    g_autoptr(Job) mine = job_fixture_job(fixture, id);
    g_autoptr(Job) second = job_fixture_job(fixture, other);
    g_assert_cmpuint(second->counts[RESULT_CREATED], ==, 1);
    g_assert_cmpuint(mine->counts[RESULT_CREATED], ==, 2);
    g_assert_cmpuint(mine->counts[RESULT_FAILED], ==, 1);
    end(fixture);
}

/* --- any rows --- */

#define RANDOM_ROWS 30
#define RANDOM_RUNS 12

static char *random_rows(guint32 seed)
{
    static const char *const names[] = {"a", "b", "c"}, *const lists[] = {"l", "m"};
    g_autoptr(GRand) rand = g_rand_new_with_seed(seed);
    GString *csv = g_string_new(JOB_FIXTURE_HEAD);
    for (unsigned i = 0; i < RANDOM_ROWS; i++) {
        const char *name = names[g_rand_int_range(rand, 0, G_N_ELEMENTS(names))];
        const char *other = names[g_rand_int_range(rand, 0, G_N_ELEMENTS(names))];
        const char *list = lists[g_rand_int_range(rand, 0, G_N_ELEMENTS(lists))];
        switch (g_rand_int_range(rand, 0, 7)) {
        case 0:
        case 1:
            g_string_append_printf(csv, "one.example;%s;FORWARD;ADD;;x%u@else.example;;\n", name,
                                   i);
            break;
        case 2:
            g_string_append_printf(csv, "one.example;%s;FORWARD;MODIFY;;%s@one.example;;t%u\n",
                                   name, other, i);
            break;
        case 3:
            g_string_append_printf(csv, "one.example;%s;FORWARD;DELETE;;;;\n", name);
            break;
        case 4:
        case 5:
            g_string_append_printf(csv, "one.example;%s;LIST;ADD;;;%s %s;\n", list, name, other);
            break;
        default:
            g_string_append_printf(csv, "one.example;%s;LIST;DELETE;;;%s;\n", list,
                                   g_rand_boolean(rand) ? name : "");
            break;
        }
    }
    return g_string_free(csv, FALSE);
}

/* Carries rows out; the audit and all entries as text, without what differs from run to run. */
static char *carried_out(const char *csv, unsigned slice_rows, bool ahead)
{
    JobFixture *fixture = begin(slice_rows, MEANWHILE_NOTHING);
    g_autofree char *id =
        job_fixture_mail(fixture, JOB_FIXTURE_ADMIN, "allow", JOB_FIXTURE_PASSWORD, csv);
    if (!ahead)
        job_worker_retire(fixture->worker);
    job_fixture_run(fixture);
    g_assert_true(ahead == (seen.with_intent > 0));
    g_autoptr(Job) job = job_fixture_job(fixture, id);
    g_autofree char *audit = job_fixture_audit(fixture);
    GString *text = g_string_new(audit);
    for (unsigned i = 0; i < RESULT_COUNT; i++)
        g_string_append_printf(text, "%u ", job->counts[i]);
    for (const char *name = "abclm"; *name; name++) {
        g_autofree char *address = g_strdup_printf("%c@one.example", *name);
        g_string_append_printf(text, "%c%u ", *name, job_fixture_entries(fixture, address));
    }
    end(fixture);
    return g_string_free(text, FALSE);
}

/* Whatever rows do to each other: planned ahead they end as without. */
static void test_random(void)
{
    for (guint32 seed = 1; seed <= RANDOM_RUNS; seed++) {
        g_autofree char *csv = random_rows(seed);
        g_autofree char *without = carried_out(csv, 1 + seed % 4, false);
        g_autofree char *with = carried_out(csv, 1 + seed % 4, true);
        g_test_message("seed %u", seed);
        g_assert_cmpstr(with, ==, without);
    }
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    secret_init();
    directory_init();
    curl_global_init(CURL_GLOBAL_DEFAULT);
    g_mime_init();
    slapd = job_fixture_slapd(NULL);
    for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autofree char *path = g_strconcat("/ahead/", cases[i].name, NULL);
        g_test_add_data_func(path, GSIZE_TO_POINTER(i), test_case);
    }
    g_test_add_func("/ahead/domains", test_domains);
    g_test_add_func("/ahead/random", test_random);
    int status = g_test_run();
    slapd_fixture_free(slapd);
    return status;
}
