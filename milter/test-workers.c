/* SPDX-License-Identifier: MIT */
#include "lib/job-fixture.h"
#include "milter/workers.h"
#include <curl/curl.h>
#include <gmime/gmime.h>

/* Longest wait for what must come, and step of looking for it. */
#define WAIT_USEC (60 * G_USEC_PER_SEC)
#define STEP_USEC 5000
#define JOBS 6

static SlapdFixture *slapd;

/* What became of workers: which were told to stop, and how many were freed without. */
static struct {
    GMutex lock;
    GHashTable *stopped;
    unsigned freed_running;
} hands;

void __real_job_worker_stop(JobWorker *worker);
void __wrap_job_worker_stop(JobWorker *worker);
void __real_job_worker_free(JobWorker *worker);
void __wrap_job_worker_free(JobWorker *worker);

void __wrap_job_worker_stop(JobWorker *worker)
{
    g_mutex_lock(&hands.lock);
    g_hash_table_add(hands.stopped, worker);
    g_mutex_unlock(&hands.lock);
    __real_job_worker_stop(worker);
}

void __wrap_job_worker_free(JobWorker *worker)
{
    g_mutex_lock(&hands.lock);
    if (!g_hash_table_remove(hands.stopped, worker))
        hands.freed_running++;
    g_mutex_unlock(&hands.lock);
    __real_job_worker_free(worker);
}

static Workers *start(JobFixture *fixture)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(World) world = world_new(fixture->config, NULL, fixture->spool);
    Workers *workers = workers_start(world, &error);
    g_assert_no_error(error);
    g_assert_nonnull(workers);
    return workers;
}

/* Queues jobs of two administrators in turn; each creates forwards of its own. */
static void queue(JobFixture *fixture, char *ids[JOBS], unsigned rows)
{
    static const char *const domains[] = {"one.example", "two.example"};
    for (unsigned i = 0; i < JOBS; i++) {
        g_autofree char *admin = g_strconcat("admin@", domains[i % 2], NULL);
        g_autoptr(GString) csv = g_string_new(JOB_FIXTURE_HEAD);
        for (unsigned row = 0; row < rows; row++)
            g_string_append_printf(csv, "%s;f%u-%u;FORWARD;ADD;;x@else.example;;\n", domains[i % 2],
                                   i, row);
        ids[i] = job_fixture_mail(fixture, admin, "allow", JOB_FIXTURE_PASSWORD, csv->str);
    }
}

static unsigned in_state(JobFixture *fixture, char *ids[JOBS], JobState state)
{
    unsigned count = 0;
    for (unsigned i = 0; i < JOBS; i++) {
        g_autoptr(Job) job = job_fixture_job(fixture, ids[i]);
        count += job->state == state;
    }
    return count;
}

static void wait_for(JobFixture *fixture, char *ids[JOBS], JobState state, unsigned count)
{
    gint64 end = g_get_monotonic_time() + WAIT_USEC;
    while (in_state(fixture, ids, state) < count) {
        g_assert_cmpint(g_get_monotonic_time(), <, end);
        g_usleep(STEP_USEC);
    }
}

static void assert_all(JobFixture *fixture, char *ids[JOBS], unsigned rows)
{
    g_assert_cmpuint(job_fixture_responses(fixture), ==, JOBS);
    for (unsigned i = 0; i < JOBS; i++) {
        g_autoptr(Job) job = job_fixture_job(fixture, ids[i]);
        g_assert_cmpstr(job_state_name(job->state), ==, "done");
        g_assert_cmpuint(job->counts[RESULT_CREATED], ==, rows);
        g_free(ids[i]);
    }
}

static void test_idle(void)
{
    g_autoptr(JobFixture) fixture = job_fixture_new(slapd);
    gint64 before = g_get_monotonic_time();
    unsigned running = hands.freed_running;
    workers_stop(start(fixture));
    g_assert_cmpuint(hands.freed_running, ==, running);
    g_assert_cmpint(g_get_monotonic_time() - before, <, 10 * G_USEC_PER_SEC);
    workers_stop(NULL);
}

/* Those that were there, and those that come while the workers sleep. */
static void test_queued(void)
{
    char *ids[JOBS], *late[JOBS];
    g_autoptr(JobFixture) fixture = job_fixture_begin(slapd);
    queue(fixture, ids, 3);
    Workers *workers = start(fixture);
    wait_for(fixture, ids, JOB_DONE, JOBS);
    assert_all(fixture, ids, 3);
    job_fixture_reset(slapd);
    queue(fixture, late, 2);
    wait_for(fixture, late, JOB_DONE, JOBS);
    workers_stop(workers);
    g_assert_cmpuint(job_fixture_responses(fixture), ==, 2 * JOBS);
    for (unsigned i = 0; i < JOBS; i++)
        g_free(late[i]);
}

/* Stopped in the middle: running steps finish, nothing is lost or done twice. */
static void test_stopped(void)
{
    char *ids[JOBS];
    g_autoptr(JobFixture) fixture = job_fixture_begin(slapd);
    fixture->config->slice_rows = 2;
    queue(fixture, ids, 20);
    Workers *workers = start(fixture);
    wait_for(fixture, ids, JOB_WORKING, 1);
    workers_stop(workers);
    unsigned done = in_state(fixture, ids, JOB_DONE);
    g_test_message("%u of %u jobs were done when the workers stopped", done, JOBS);
    g_assert_cmpuint(done, <, JOBS);
    job_fixture_close(fixture);
    job_fixture_open(fixture);
    workers = start(fixture);
    wait_for(fixture, ids, JOB_DONE, JOBS);
    workers_stop(workers);
    assert_all(fixture, ids, 20);
}

/* R2.32: a new snapshot while jobs are worked on: what runs goes on, nothing is lost or done
 * twice. */
static void test_changed(void)
{
    char *ids[JOBS];
    g_autoptr(JobFixture) fixture = job_fixture_begin(slapd);
    g_autoptr(GError) error = NULL;
    fixture->config->slice_rows = 2;
    queue(fixture, ids, 20);
    Workers *workers = start(fixture);
    unsigned changes = 0, done = 0;
    for (gint64 end = g_get_monotonic_time() + WAIT_USEC; done < JOBS; changes++) {
        g_autoptr(World) world = world_new(fixture->config, NULL, fixture->spool);
        g_assert_true(workers_change(workers, world, &error));
        g_assert_no_error(error);
        g_assert_cmpint(g_get_monotonic_time(), <, end);
        done = in_state(fixture, ids, JOB_DONE);
    }
    g_test_message("%u changes", changes);
    g_assert_cmpuint(changes, >, 1);
    /* One that can't be used changes nothing. */
    char *right = fixture->config->directory.uri;
    g_autoptr(World) world = world_new(fixture->config, NULL, fixture->spool);
    fixture->config->directory.uri = (char *)"ldap://192.0.2.1";
    g_assert_false(workers_change(workers, world, &error));
    g_assert_error(error, DIRECTORY_ERROR, DIRECTORY_ERROR_SETTINGS);
    fixture->config->directory.uri = right;
    g_clear_error(&error);
    g_assert_true(workers_change(workers, world, &error));
    workers_stop(workers);
    g_assert_cmpuint(g_hash_table_size(hands.stopped), ==, 0);
    assert_all(fixture, ids, 20);
}

static void test_settings(void)
{
    g_autoptr(JobFixture) fixture = job_fixture_new(slapd);
    g_autoptr(GError) error = NULL;
    char *right = fixture->config->directory.uri;
    fixture->config->directory.uri = (char *)"ldap://192.0.2.1";
    g_autoptr(World) world = world_new(fixture->config, NULL, fixture->spool);
    g_assert_null(workers_start(world, &error));
    g_assert_error(error, DIRECTORY_ERROR, DIRECTORY_ERROR_SETTINGS);
    fixture->config->directory.uri = right;
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    secret_init();
    directory_init();
    curl_global_init(CURL_GLOBAL_DEFAULT);
    g_mime_init();
    slapd = job_fixture_slapd(NULL);
    g_test_add_func("/workers/idle", test_idle);
    g_test_add_func("/workers/queued", test_queued);
    g_test_add_func("/workers/stopped", test_stopped);
    g_test_add_func("/workers/changed", test_changed);
    g_test_add_func("/workers/settings", test_settings);
    hands.stopped = g_hash_table_new(NULL, NULL);
    int status = g_test_run();
    g_hash_table_unref(hands.stopped);
    slapd_fixture_free(slapd);
    return status;
}
