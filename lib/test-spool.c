/* SPDX-License-Identifier: MIT */
#include "lib/spool-fixture.h"
#include "lib/spool-private.h"
#include <string.h>

/* A job's states, intake, limits, keys, records, threads. */

static const char *const domains[] = {"example.org", NULL};

static Job *find(Spool *spool, const char *id)
{
    g_autoptr(GError) error = NULL;
    Job *job = NULL;
    g_assert_cmpint(spool_find(spool, id, &job, &error), ==, ANSWER_YES);
    g_assert_no_error(error);
    return job;
}

static void assert_state(SpoolFixture *fixture, const char *id, JobState state)
{
    g_autoptr(Job) job = find(fixture->spool, id);
    g_assert_cmpstr(job_state_name(job->state), ==, job_state_name(state));
}

static void assert_no_claim(SpoolFixture *fixture)
{
    g_autoptr(GError) error = NULL;
    SpoolClaim *claim = NULL;
    gint64 due;
    g_assert_cmpint(spool_claim(fixture->spool, &claim, &due, &error), ==, ANSWER_NO);
    g_assert_no_error(error);
}

/* The whole way, with a new start at each state, and no secret on the disk at any; what is small in
 * the store, what is large in files. */
static void test_states(gconstpointer small)
{
    static const JobState states[] = {JOB_RECEIVED,  JOB_WORKING, JOB_WORKING, JOB_WORKING,
                                      JOB_REPORTING, JOB_SENDING, JOB_DONE};
    static const struct {
        unsigned mail, rows, response;
    } files[JOB_STATE_COUNT] = {
        [JOB_RECEIVED] = {1, 0, 0},
        [JOB_WORKING] = {0, 1, 0},
        [JOB_REPORTING] = {0, 1, 0},
        [JOB_SENDING] = {0, 1, 1},
    };
    g_autoptr(SpoolFixture) fixture = spool_fixture_new();
    fixture->small = GPOINTER_TO_INT(small);
    g_autofree char *id = spool_fixture_new_mail(fixture, "a@example.org", "192.0.2.1", "<1@x>");
    for (unsigned i = 0; i < G_N_ELEMENTS(states); i++) {
        g_autoptr(GError) error = NULL;
        JobState state = states[i];
        spool_fixture_reopen(fixture);
        assert_state(fixture, id, state);
        unsigned mail = files[state].mail, rows = files[state].rows;
        unsigned response = files[state].response, large = !fixture->small;
        g_assert_cmpuint(spool_fixture_files(fixture, "mail"), ==, mail * large);
        g_assert_cmpuint(spool_fixture_files(fixture, "rows"), ==, rows * large);
        g_assert_cmpuint(spool_fixture_files(fixture, "response"), ==, response * large);
        g_assert_cmpuint(spool_fixture_values(fixture->settings.directory, SPOOL_MAIL), ==,
                         mail * !large);
        g_assert_cmpuint(spool_fixture_values(fixture->settings.directory, SPOOL_ROWS), ==,
                         rows * !large);
        g_assert_cmpuint(spool_fixture_values(fixture->settings.directory, SPOOL_RESPONSE), ==,
                         response * !large);
        g_assert_true(spool_fixture_holds(fixture, id));
        g_assert_false(spool_fixture_holds(fixture, FIXTURE_PASSWORD));
        if (state == JOB_DONE)
            break;
        g_autoptr(SpoolClaim) claim = spool_fixture_claim(fixture, id, state);
        assert_no_claim(fixture);
        g_assert_true(spool_fixture_step(claim, &error));
        g_assert_no_error(error);
        g_assert_false(spool_fixture_holds(fixture, FIXTURE_PASSWORD));
    }
    assert_no_claim(fixture);
    g_autoptr(Job) job = find(fixture->spool, id);
    g_assert_cmpuint(job->rows, ==, FIXTURE_SLICES * FIXTURE_SLICE_ROWS);
    g_assert_cmpuint(job->slices, ==, FIXTURE_SLICES);
    g_assert_cmpuint(job->slices_done, ==, FIXTURE_SLICES);
    g_assert_cmpuint(job->counts[RESULT_FAILED], ==, FIXTURE_SLICES * FIXTURE_SLICE_ROWS);
    g_assert_cmpstr(job->reference, ==, "ref");
    g_assert_cmpstr(job->facts.requester, ==, "a@example.org");
    g_assert_cmpstr(job->facts.queue_id, ==, "4Xyz");
    g_assert_cmpint(job->received, <=, job->started);
    g_assert_cmpint(job->started, <=, job->finished);
    g_assert_cmpuint(spool_fixture_count(fixture->spool, false), ==, 0);
    g_assert_cmpuint(spool_fixture_count(fixture->spool, true), ==, 1);
}

/* --- overlay --- */

static GVariant *new_effect(const char *text)
{
    return g_variant_new("(s)", text);
}

static void assert_effect(SpoolClaim *claim, const char *name, const char *text)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(GVariant) effect = NULL;
    Answer answer = spool_effect_load(claim, name, "(s)", &effect, &error);
    g_assert_no_error(error);
    g_assert_cmpint(answer, ==, text ? ANSWER_YES : ANSWER_NO);
    if (text) {
        g_autoptr(GVariant) expected = g_variant_ref_sink(new_effect(text));
        g_assert_true(g_variant_equal(effect, expected));
    }
}

static bool check_slice(SpoolClaim *claim, const SpoolEffects *effects)
{
    static const unsigned counts[RESULT_COUNT] = {0};
    g_autoptr(GError) error = NULL;
    g_autoptr(GVariant) none =
        g_variant_ref_sink(g_variant_new_array(G_VARIANT_TYPE("(u" OUTCOME_TYPE ")"), NULL, 0));
    bool well = spool_slice_checked(claim, none, counts, effects, &error);
    g_assert_no_error(error);
    return well;
}

/* R2.17: what slices of a checked job would have made is kept, sealed, as long as the job works. */
static void test_overlay(void)
{
    g_autoptr(SpoolFixture) fixture = spool_fixture_new();
    g_autoptr(GError) error = NULL;
    g_autofree char *id = spool_fixture_new_mail(fixture, "a@example.org", "192.0.2.1", "<1@x>");
    {
        g_autoptr(SpoolClaim) claim = spool_fixture_claim(fixture, id, JOB_RECEIVED);
        g_assert_true(spool_fixture_step(claim, &error));
    }
    {
        g_autoptr(SpoolClaim) claim = spool_fixture_claim(fixture, id, JOB_WORKING);
        g_autoptr(SpoolEffects) effects = spool_effects_new(claim);
        spool_effects_add(effects, "one", new_effect(FIXTURE_PASSWORD));
        spool_effects_add(effects, "two", new_effect("old"));
        spool_effects_join(effects, "member@canary.example", "one");
        spool_effects_join(effects, "member@canary.example", "two");
        spool_effects_join(effects, "member@canary.example", "three");
        assert_effect(claim, "one", NULL);
        g_assert_true(check_slice(claim, effects));
    }
    g_assert_false(spool_fixture_holds(fixture, FIXTURE_PASSWORD));
    g_assert_false(spool_fixture_holds(fixture, "member@canary.example"));
    spool_fixture_reopen(fixture);
    g_autoptr(SpoolClaim) claim = spool_fixture_claim(fixture, id, JOB_WORKING);
    g_autoptr(SpoolEffects) effects = spool_effects_new(claim);
    assert_effect(claim, "one", FIXTURE_PASSWORD);
    spool_effects_add(effects, "two", new_effect("new"));
    spool_effects_join(effects, "member@canary.example", "two");
    g_assert_true(check_slice(claim, effects));
    assert_effect(claim, "two", "new");
    assert_effect(claim, "three", NULL);
    g_autoptr(GPtrArray) with = spool_effects_with(claim, "member@canary.example", "(s)", &error);
    g_assert_no_error(error);
    g_assert_cmpuint(with->len, ==, 2);
    g_autoptr(GPtrArray) without = spool_effects_with(claim, "one", "(s)", &error);
    g_assert_no_error(error);
    g_assert_cmpuint(without->len, ==, 0);

    g_autofree char *other = spool_fixture_new_mail(fixture, "b@example.org", "192.0.2.2", "<2@x>");
    g_autoptr(SpoolClaim) second = spool_fixture_claim(fixture, other, JOB_RECEIVED);
    assert_effect(second, "one", NULL);
}

static void test_mail_again(void)
{
    g_autoptr(SpoolFixture) fixture = spool_fixture_new();
    g_autoptr(GError) error = NULL;
    g_autofree char *body = g_strnfill(200000, 'b');
    g_autofree char *id = NULL;
    g_assert_cmpint(
        spool_fixture_mail(fixture->spool, "a@b.example", "local", NULL, body, &id, &error), ==,
        ANSWER_YES);
    g_autoptr(SpoolClaim) claim = spool_fixture_claim(fixture, id, JOB_RECEIVED);
    g_autoptr(GInputStream) mail = spool_mail_open(claim, &error);
    g_assert_no_error(error);
    g_autofree char *text = g_malloc0(300000);
    gsize size = 0;
    g_assert_true(g_input_stream_read_all(mail, text, 300000, &size, NULL, &error));
    g_assert_cmpuint(size, ==, spool_claim_job(claim)->bytes);
    g_assert_true(g_str_has_prefix(text, "Subject: PROCESS\r\n"));
    g_assert_true(g_str_has_suffix(text, body));
}

/* The key: requester, Message-ID or else Date, Subject, body. */
static void test_duplicates(void)
{
    static const struct {
        const char *requester, *message_id, *body;
        int first; /* which row's job it is; -1: a new one */
    } rows[] = {
        {"a@x.example", "<1@x>", "body", -1},  {"a@x.example", "<1@x>", "body", 0},
        {"a@x.example", "<1@x>", "other", -1}, {"a@x.example", "<2@x>", "body", -1},
        {"b@x.example", "<1@x>", "body", -1},  {"a@x.example", NULL, "body", -1},
        {"a@x.example", NULL, "body", 5},      {"a@x.example", "", "body", 5},
        {"a@x.example", NULL, "other", -1},    {"a@x.example", "<1@x>", "other", 2},
    };
    g_autoptr(SpoolFixture) fixture = spool_fixture_new();
    g_autoptr(GPtrArray) ids = g_ptr_array_new_with_free_func(g_free);
    unsigned jobs = 0;
    for (unsigned i = 0; i < G_N_ELEMENTS(rows); i++) {
        g_autoptr(GError) error = NULL;
        char *id = NULL;
        Answer answer = spool_fixture_mail(fixture->spool, rows[i].requester, "192.0.2.1",
                                           rows[i].message_id, rows[i].body, &id, &error);
        g_assert_no_error(error);
        g_ptr_array_add(ids, id);
        g_assert_cmpint(answer, ==, rows[i].first < 0 ? ANSWER_YES : ANSWER_NO);
        if (rows[i].first >= 0)
            g_assert_cmpstr(id, ==, g_ptr_array_index(ids, rows[i].first));
        jobs += rows[i].first < 0;
        g_assert_cmpuint(spool_fixture_values(fixture->settings.directory, SPOOL_MAIL), ==, jobs);
        g_assert_cmpuint(spool_fixture_count(fixture->spool, true), ==, jobs);
        if (i == 5)
            spool_fixture_reopen(fixture);
    }
}

/* A done job is known still; past its days it is a new one. */
static void test_expire(void)
{
    g_autoptr(SpoolFixture) fixture = spool_fixture_new();
    g_autoptr(GError) error = NULL;
    fixture->small = true;
    g_autofree char *id = spool_fixture_new_mail(fixture, "a@x.example", "c", "<1@x>");
    g_free(spool_fixture_new_mail(fixture, "b@x.example", "d", "<1@x>"));
    g_free(spool_fixture_new_mail(fixture, "f@x.example", "d", "<1@x>"));
    g_assert_true(spool_fixture_drive(fixture->spool, &error));
    g_free(spool_fixture_new_mail(fixture, "w@x.example", "d", "<1@x>"));
    g_assert_true(spool_expire(fixture->spool, &error));
    g_assert_cmpuint(spool_fixture_count(fixture->spool, true), ==, 4);
    char *again = NULL;
    g_assert_cmpint(spool_fixture_mail(fixture->spool, "a@x.example", "c", "<1@x>",
                                       "body " FIXTURE_PASSWORD, &again, &error),
                    ==, ANSWER_NO);
    g_assert_cmpstr(again, ==, id);
    g_free(again);
    /* The same with no days at all: keys go, records go, unfinished jobs stay. */
    fixture->settings.duplicate_days = 0;
    spool_fixture_reopen(fixture);
    g_assert_true(spool_expire(fixture->spool, &error));
    g_assert_cmpuint(spool_fixture_count(fixture->spool, true), ==, 4);
    g_assert_cmpint(spool_fixture_mail(fixture->spool, "a@x.example", "c", "<1@x>",
                                       "body " FIXTURE_PASSWORD, &again, &error),
                    ==, ANSWER_YES);
    g_free(again);
    g_assert_cmpint(spool_fixture_mail(fixture->spool, "w@x.example", "d", "<1@x>",
                                       "body " FIXTURE_PASSWORD, &again, &error),
                    ==, ANSWER_NO);
    g_free(again);
    fixture->settings.keep_days = 0;
    spool_fixture_reopen(fixture);
    g_assert_true(spool_expire(fixture->spool, &error));
    g_assert_no_error(error);
    g_assert_cmpuint(spool_fixture_count(fixture->spool, true), ==, 2);
    g_autofree char *wal = g_build_filename(fixture->settings.directory, "spool.db-wal", NULL);
    g_autofree char *content = NULL;
    gsize size = 1;
    g_assert_true(g_file_get_contents(wal, &content, &size, NULL));
    g_assert_cmpuint(size, ==, 0);
}

static void test_refused(void)
{
    g_autoptr(SpoolFixture) fixture = spool_fixture_new();
    g_autoptr(GError) error = NULL;
    g_autofree char *id = spool_fixture_new_mail(fixture, "a@x.example", "c", "<1@x>");
    g_autofree char *next = spool_fixture_new_mail(fixture, "a@x.example", "c", "<2@x>");
    SpoolClaim *claim = spool_fixture_claim(fixture, id, JOB_RECEIVED);
    const SpoolRefusal refusal = {.sentence = "Your password is wrong.", .pause = 3600};
    g_assert_true(spool_job_refused(claim, &refusal, &error));
    g_assert_no_error(error);
    spool_claim_release(claim);
    g_assert_cmpuint(spool_fixture_files(fixture, "mail"), ==, 1);
    spool_fixture_reopen(fixture);
    g_autoptr(Job) job = find(fixture->spool, id);
    g_assert_cmpint(job->state, ==, JOB_REPORTING);
    g_assert_cmpstr(job->refusal, ==, "Your password is wrong.");
    g_assert_cmpint(job->not_before, >, g_get_real_time() + 50 * G_TIME_SPAN_MINUTE);
    claim = spool_fixture_claim(fixture, next, JOB_RECEIVED);
    assert_no_claim(fixture);
    spool_claim_release(claim);
}

/* A wait survives a new start; attempts count within a stage. */
static void test_wait(void)
{
    g_autoptr(SpoolFixture) fixture = spool_fixture_new();
    g_autoptr(GError) error = NULL;
    g_autofree char *id = spool_fixture_new_mail(fixture, "a@x.example", "c", "<1@x>");
    for (unsigned i = 1; i <= 2; i++) {
        SpoolClaim *claim = spool_fixture_claim(fixture, id, JOB_RECEIVED);
        g_assert_true(spool_job_wait(claim, 0, "the directory is away", &error));
        g_assert_cmpuint(spool_claim_job(claim)->attempts, ==, i);
        spool_claim_release(claim);
        spool_fixture_reopen(fixture);
    }
    SpoolClaim *claim = spool_fixture_claim(fixture, id, JOB_RECEIVED);
    g_assert_cmpstr(spool_claim_job(claim)->waiting, ==, "the directory is away");
    g_assert_true(spool_fixture_step(claim, &error));
    g_assert_cmpuint(spool_claim_job(claim)->attempts, ==, 0);
    g_assert_null(spool_claim_job(claim)->waiting);
    g_assert_true(spool_job_wait(claim, 3600, "the directory is away", &error));
    spool_claim_release(claim);
    claim = NULL;
    gint64 due = 0;
    g_assert_cmpint(spool_claim(fixture->spool, &claim, &due, &error), ==, ANSWER_NO);
    g_assert_cmpint(due, >, g_get_real_time() + 50 * G_TIME_SPAN_MINUTE);
    spool_wait(fixture->spool, g_get_real_time() + 1000);
}

/* --- by hand --- */

typedef struct {
    SpoolClaim *claim;
    Spool *spool;
    SpoolClaim *next; /* what a worker got after it gave the claim back */
} Worker;

static bool is_wanted(Worker *worker)
{
    g_autoptr(GMutexLocker) locker G_GNUC_UNUSED = g_mutex_locker_new(&worker->spool->lock);
    return worker->claim->entry->wanted;
}

static gpointer give_back_and_take(gpointer data)
{
    Worker *worker = data;
    gint64 due;
    /* Not before the other one waits for it. */
    while (!is_wanted(worker))
        g_usleep(1000);
    spool_claim_release(worker->claim);
    g_assert_cmpint(spool_claim(worker->spool, &worker->next, &due, NULL), ==, ANSWER_NO);
    return NULL;
}

/* One job is taken out of turn; the worker that has it finishes its step, and gets no other. */
static void test_by_hand(void)
{
    g_autoptr(SpoolFixture) fixture = spool_fixture_new();
    g_autoptr(GError) error = NULL;
    g_autofree char *id = spool_fixture_new_mail(fixture, "a@x.example", "c", "<1@x>");
    SpoolClaim *claim = NULL;
    g_assert_cmpint(spool_claim_this(fixture->spool, "20261120-ZZZZZZ", 0, &claim, &error), ==,
                    ANSWER_NO);
    g_assert_no_error(error);
    Worker worker = {.spool = fixture->spool,
                     .claim = spool_fixture_claim(fixture, id, JOB_RECEIVED)};
    g_assert_cmpint(spool_claim_this(fixture->spool, id, 0, &claim, &error), ==, ANSWER_UNKNOWN);
    g_assert_error(error, SPOOL_ERROR, SPOOL_ERROR_BUSY);
    g_clear_error(&error);
    GThread *thread = g_thread_new("worker", give_back_and_take, &worker);
    g_assert_cmpint(spool_claim_this(fixture->spool, id, 60, &claim, &error), ==, ANSWER_YES);
    g_thread_join(thread);
    assert_no_claim(fixture);
    /* A wait is ended. */
    g_assert_true(spool_job_wait(claim, 3600, "the directory is away", &error));
    g_assert_true(spool_job_hurry(claim, &error));
    g_assert_cmpuint(spool_claim_job(claim)->attempts, ==, 0);
    g_assert_false(spool_claim_is_unsettled(claim));
    spool_claim_release(claim);
    spool_fixture_reopen(fixture);
    claim = spool_fixture_claim(fixture, id, JOB_RECEIVED);
    g_assert_null(spool_claim_job(claim)->waiting);
    spool_claim_release(claim);
}

/* A response that was refused for good is handed over once more when people say so. */
static void test_send_again(void)
{
    g_autoptr(SpoolFixture) fixture = spool_fixture_new();
    g_autoptr(GError) error = NULL;
    g_autofree char *id = spool_fixture_new_mail(fixture, "a@x.example", "c", "<1@x>");
    SpoolClaim *claim = spool_fixture_claim(fixture, id, JOB_RECEIVED);
    g_assert_cmpint(spool_job_send_again(fixture->spool, id, &error), ==, ANSWER_NO);
    g_assert_cmpint(spool_job_send_again(fixture->spool, "20261120-ZZZZZZ", &error), ==, ANSWER_NO);
    g_assert_true(spool_fixture_prove(claim, 0, domains, &error));
    g_assert_true(spool_fixture_report(claim, &error));
    g_auto(GStrv) names = spool_head_names(claim, &error);
    g_assert_nonnull(names);
    g_assert_true(spool_job_answer_failed(claim, "it was refused", &error));
    spool_claim_release(claim);
    assert_no_claim(fixture);
    g_assert_cmpint(spool_job_send_again(fixture->spool, id, &error), ==, ANSWER_YES);
    g_assert_no_error(error);
    g_assert_cmpuint(spool_fixture_count(fixture->spool, false), ==, 1);
    spool_fixture_reopen(fixture);
    claim = spool_fixture_claim(fixture, id, JOB_SENDING);
    g_assert_cmpint(spool_claim_job(claim)->finished, ==, 0);
    g_assert_null(spool_head_names(claim, &error));
    g_assert_error(error, SPOOL_ERROR, SPOOL_ERROR_KEY);
    g_clear_error(&error);
    g_assert_true(spool_fixture_send(claim, &error));
    spool_claim_release(claim);
    assert_state(fixture, id, JOB_DONE);
    g_assert_cmpuint(spool_fixture_files(fixture, "response"), ==, 0);
    g_assert_cmpuint(spool_fixture_count(fixture->spool, false), ==, 0);
}

static void test_no_rows(void)
{
    g_autoptr(SpoolFixture) fixture = spool_fixture_new();
    g_autoptr(GError) error = NULL;
    g_autofree char *id = spool_fixture_new_mail(fixture, "a@x.example", "c", "<1@x>");
    SpoolClaim *claim = spool_fixture_claim(fixture, id, JOB_RECEIVED);
    g_assert_true(spool_fixture_prove(claim, 0, domains, &error));
    g_assert_cmpint(spool_claim_job(claim)->state, ==, JOB_REPORTING);
    g_auto(GStrv) names = spool_head_names(claim, &error);
    g_assert_no_error(error);
    g_assert_cmpstr(names[0], ==, "DOMAIN");
    g_assert_cmpuint(g_strv_length(names), ==, 3);
    char *note = NULL;
    g_assert_true(spool_note(claim, &note, &error));
    g_assert_null(note);
    g_assert_cmpuint(spool_fixture_files(fixture, "mail"), ==, 0);
    g_assert_cmpuint(spool_fixture_files(fixture, "rows"), ==, 0);
    spool_claim_release(claim);
}

/* Rows stored before a proof that could not be told are made anew. */
static void test_rows_anew(void)
{
    g_autoptr(SpoolFixture) fixture = spool_fixture_new();
    g_autoptr(GError) error = NULL;
    g_autofree char *id = spool_fixture_new_mail(fixture, "a@x.example", "c", "<1@x>");
    g_autofree char *large = g_strnfill(SPOOL_SMALL_MAX, 'x');
    SpoolClaim *claim = spool_fixture_claim(fixture, id, JOB_RECEIVED);
    SpoolRows *rows = spool_rows_new(claim, &error);
    g_assert_nonnull(rows);
    const char *cell[] = {large, NULL};
    for (unsigned i = 0; i < 2; i++) {
        GVariantBuilder builder;
        g_variant_builder_init(&builder, G_VARIANT_TYPE(TABLE_ROWS_TYPE));
        g_variant_builder_add(&builder, "(uu^as)", 2 + i, 1, cell);
        g_assert_true(spool_rows_add(rows, g_variant_builder_end(&builder), 1, domains, &error));
        g_assert_cmpuint(spool_fixture_files(fixture, "rows"), ==, 1);
    }
    spool_rows_free(rows);
    g_assert_cmpuint(spool_fixture_files(fixture, "rows"), ==, 0);
    g_assert_true(spool_fixture_prove(claim, 1, domains, &error));
    spool_claim_release(claim);
    claim = spool_fixture_claim(fixture, id, JOB_WORKING);
    g_assert_true(spool_fixture_slice(claim, &error));
    g_assert_cmpint(spool_claim_job(claim)->state, ==, JOB_REPORTING);
    spool_claim_release(claim);
}

static void test_response(void)
{
    g_autoptr(SpoolFixture) fixture = spool_fixture_new();
    g_autoptr(GError) error = NULL;
    g_autofree char *id = spool_fixture_new_mail(fixture, "a@x.example", "c", "<1@x>");
    SpoolClaim *claim = spool_fixture_claim(fixture, id, JOB_RECEIVED);
    g_assert_true(spool_fixture_prove(claim, 0, domains, &error));
    /* Not closed: not stored. */
    GOutputStream *out = spool_response_create(claim, &error);
    g_assert_nonnull(out);
    g_assert_false(spool_response_stored(claim, &error));
    g_assert_error(error, SPOOL_ERROR, SPOOL_ERROR_STORE);
    g_clear_error(&error);
    g_object_unref(out);
    g_assert_true(spool_fixture_report(claim, &error));
    /* Refused by the MTA: built again. */
    g_assert_cmpint(spool_claim_job(claim)->state, ==, JOB_SENDING);
    g_assert_true(spool_fixture_report(claim, &error));
    g_assert_true(spool_job_answer_failed(claim, "it was refused", &error));
    spool_claim_release(claim);
    g_assert_cmpuint(spool_fixture_files(fixture, "response"), ==, 1);
    spool_fixture_reopen(fixture);
    assert_state(fixture, id, JOB_ANSWER_FAILED);
    g_assert_cmpuint(spool_fixture_files(fixture, "response"), ==, 1);
    fixture->settings.duplicate_days = fixture->settings.keep_days = 0;
    spool_fixture_reopen(fixture);
    g_assert_true(spool_expire(fixture->spool, &error));
    g_assert_cmpuint(spool_fixture_files(fixture, "response"), ==, 0);
}

static void test_full(void)
{
    static const struct {
        unsigned jobs;
        guint64 bytes;
    } limits[] = {{2, 1000000}, {100, 170}};
    for (unsigned i = 0; i < G_N_ELEMENTS(limits); i++) {
        g_autoptr(SpoolFixture) fixture = spool_fixture_new();
        g_autoptr(GError) error = NULL;
        char *id = NULL;
        fixture->small = true;
        fixture->settings.jobs_max = limits[i].jobs;
        fixture->settings.bytes_max = limits[i].bytes;
        spool_fixture_reopen(fixture);
        g_free(spool_fixture_new_mail(fixture, "a@x.example", "c", "<1@x>"));
        g_free(spool_fixture_new_mail(fixture, "a@x.example", "c", "<2@x>"));
        spool_fixture_reopen(fixture);
        g_assert_cmpint(
            spool_fixture_mail(fixture->spool, "b@x.example", "d", "<3@x>", "body", &id, &error),
            ==, ANSWER_UNKNOWN);
        g_assert_error(error, SPOOL_ERROR, SPOOL_ERROR_FULL);
        g_clear_error(&error);
        g_assert_null(id);
        g_assert_cmpuint(spool_fixture_values(fixture->settings.directory, SPOOL_MAIL), ==, 2);
        g_assert_false(spool_failed(fixture->spool));
        /* Room again when a job is done. */
        g_assert_true(spool_fixture_drive(fixture->spool, &error));
        g_free(spool_fixture_new_mail(fixture, "b@x.example", "d", "<3@x>"));
    }
}

/* An intake that is not committed leaves nothing. */
static void test_abandoned(void)
{
    g_autoptr(SpoolFixture) fixture = spool_fixture_new();
    g_autoptr(GError) error = NULL;
    const JobFacts facts = {.requester = (char *)"a@x.example", .client = (char *)"c"};
    SpoolIntake *intake = spool_intake_new(fixture->spool, &facts, &error);
    g_assert_true(spool_intake_header(intake, "Subject: x\r\n", 12, &error));
    spool_intake_free(intake);
    g_assert_cmpuint(spool_fixture_files(fixture, "mail"), ==, 0);
    g_assert_cmpuint(spool_fixture_count(fixture->spool, true), ==, 0);
}

static void check_order(gpointer data, const Job *job)
{
    GPtrArray *seen = data;
    g_assert_cmpuint(job->bytes, >, 0);
    g_ptr_array_add(seen, g_strdup(job->id));
}

static gpointer write_mails(gpointer data)
{
    SpoolFixture *fixture = data;
    for (unsigned i = 0; i < 40; i++) {
        g_autofree char *message_id = g_strdup_printf("<%u@x>", i);
        g_free(spool_fixture_new_mail(fixture, "a@x.example", "c", message_id));
    }
    return NULL;
}

/* A reader beside a live writer sees whole jobs, in order, and writes nothing. */
static void test_reader(void)
{
    g_autoptr(SpoolFixture) fixture = spool_fixture_new();
    g_autoptr(GError) error = NULL;
    GThread *writer = g_thread_new("writer", write_mails, fixture);
    unsigned last = 0;
    while (last < 40) {
        g_autoptr(Spool) reader = spool_open_readonly(fixture->settings.directory, &error);
        g_assert_no_error(error);
        g_autoptr(GPtrArray) seen = g_ptr_array_new_with_free_func(g_free);
        g_assert_true(spool_list(reader, false, check_order, seen, &error));
        g_assert_cmpuint(seen->len, >=, last);
        last = seen->len;
    }
    g_thread_join(writer);
    /* And beside none. */
    g_clear_pointer(&fixture->spool, spool_close);
    g_autoptr(Spool) reader = spool_open_readonly(fixture->settings.directory, &error);
    g_assert_no_error(error);
    g_assert_cmpuint(spool_fixture_count(reader, true), ==, 40);
    g_autoptr(Job) job = NULL;
    g_assert_cmpint(spool_find(reader, "20000101-AAAAAA", &job, &error), ==, ANSWER_NO);
    spool_fixture_reopen(fixture);
}

/* --- threads --- */

typedef struct {
    SpoolFixture *fixture;
    GMutex lock;
    GHashTable *done; /* "job/slice" */
    GHashTable *out;  /* domains of claimed slices */
    unsigned jobs, finished;
} Crew;

static void note_slice(Crew *crew, const Job *job, bool begin)
{
    const char *domain = strrchr(job->facts.requester, '@') + 1;
    g_autoptr(GMutexLocker) locker G_GNUC_UNUSED = g_mutex_locker_new(&crew->lock);
    if (begin) {
        char *name = g_strdup_printf("%s/%u", job->id, job->slices_done);
        g_assert_true(g_hash_table_add(crew->done, name));
        g_assert_true(g_hash_table_add(crew->out, (char *)g_intern_string(domain)));
    } else {
        g_assert_true(g_hash_table_remove(crew->out, domain));
    }
}

/* The domains are the claim's until its slice is done; what follows may then begin elsewhere. */
static void hold_slice(Crew *crew, SpoolClaim *claim)
{
    g_autoptr(GError) error = NULL;
    const Job *job = spool_claim_job(claim);
    note_slice(crew, job, true);
    g_assert_true(spool_intent_store(claim, g_variant_new("(us)", 0, "first"), &error));
    g_assert_no_error(error);
    note_slice(crew, job, false);
}

static void crew_step(Crew *crew, SpoolClaim *claim)
{
    g_autoptr(GError) error = NULL;
    const Job *job = spool_claim_job(claim);
    JobState state = job->state;
    bool well;
    if (state == JOB_RECEIVED) {
        const char *const own[] = {strrchr(job->facts.requester, '@') + 1, NULL};
        well = spool_fixture_prove(claim, 2, own, &error);
    } else {
        if (state == JOB_WORKING)
            hold_slice(crew, claim);
        well = spool_fixture_step(claim, &error);
    }
    g_assert_no_error(error);
    g_assert_true(well);
    if (job->state == JOB_DONE)
        g_atomic_int_inc((gint *)&crew->finished);
}

static gpointer work(gpointer data)
{
    Crew *crew = data;
    Spool *spool = crew->fixture->spool;
    while ((unsigned)g_atomic_int_get((gint *)&crew->finished) < crew->jobs) {
        g_autoptr(GError) error = NULL;
        g_autoptr(SpoolClaim) claim = NULL;
        gint64 due;
        Answer answer = spool_claim(spool, &claim, &due, &error);
        g_assert_no_error(error);
        if (answer == ANSWER_YES)
            crew_step(crew, claim);
        else
            spool_wait(spool, due);
    }
    spool_wake(spool);
    return NULL;
}

/* Eight threads, 200 jobs of ten requesters in two domains, taken in meanwhile: every slice once,
 * and no two of a domain at a time. */
static void test_threads(void)
{
    g_autoptr(SpoolFixture) fixture = spool_fixture_new();
    Crew crew = {.fixture = fixture, .jobs = 200};
    g_mutex_init(&crew.lock);
    crew.done = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    crew.out = g_hash_table_new(g_str_hash, g_str_equal);
    GThread *threads[8];
    for (unsigned i = 0; i < G_N_ELEMENTS(threads); i++)
        threads[i] = g_thread_new("worker", work, &crew);
    for (unsigned i = 0; i < crew.jobs; i++) {
        g_autofree char *requester = g_strdup_printf("a%u@d%u.example", i % 10, i % 2);
        g_autofree char *client = g_strdup_printf("192.0.2.%u", i % 7);
        g_autofree char *message_id = g_strdup_printf("<%u@x>", i);
        g_free(spool_fixture_new_mail(fixture, requester, client, message_id));
    }
    for (unsigned i = 0; i < G_N_ELEMENTS(threads); i++)
        g_thread_join(threads[i]);
    g_assert_cmpuint(g_hash_table_size(crew.done), ==, 400);
    g_assert_cmpuint(crew.finished, ==, 200);
    g_assert_cmpuint(spool_fixture_count(fixture->spool, false), ==, 0);
    g_assert_cmpuint(spool_fixture_files(fixture, "rows"), ==, 0);
    g_hash_table_unref(crew.done);
    g_hash_table_unref(crew.out);
    g_mutex_clear(&crew.lock);
}

/* --- figures --- */

static gint compare_times(gconstpointer left, gconstpointer right)
{
    gint64 a = *(const gint64 *)left, b = *(const gint64 *)right;
    return (a > b) - (a < b);
}

static void test_intake_time(void)
{
    g_autoptr(SpoolFixture) fixture = spool_fixture_new();
    g_autoptr(GArray) times = g_array_new(FALSE, FALSE, sizeof(gint64));
    for (unsigned i = 0; i < 100; i++) {
        g_autofree char *message_id = g_strdup_printf("<%u@x>", i);
        gint64 begin = g_get_monotonic_time();
        g_free(spool_fixture_new_mail(fixture, "a@x.example", "c", message_id));
        gint64 took = g_get_monotonic_time() - begin;
        g_array_append_val(times, took);
    }
    g_array_sort(times, compare_times);
    g_test_message("an intake takes %.2f ms (median), %.2f ms (slowest of 100)",
                   (double)g_array_index(times, gint64, 50) / 1000,
                   (double)g_array_index(times, gint64, 99) / 1000);
}

/* 600 slices of 500 rows: one transaction, and memory that does not grow with them. */
static void test_many_slices(void)
{
    g_autoptr(SpoolFixture) fixture = spool_fixture_new();
    g_autoptr(GError) error = NULL;
    g_autofree char *id = spool_fixture_new_mail(fixture, "a@x.example", "c", "<1@x>");
    SpoolClaim *claim = spool_fixture_claim(fixture, id, JOB_RECEIVED);
    gint64 begin = g_get_monotonic_time();
    g_assert_true(spool_fixture_prove(claim, 600, domains, &error));
    g_assert_no_error(error);
    g_test_message("600 slices took %.1f ms", (double)(g_get_monotonic_time() - begin) / 1000);
    spool_claim_release(claim);
    for (unsigned i = 0; i < 5; i++) {
        claim = spool_fixture_claim(fixture, id, JOB_WORKING);
        g_assert_true(spool_fixture_slice(claim, &error));
        spool_claim_release(claim);
    }
    g_autoptr(Job) job = find(fixture->spool, id);
    g_assert_cmpuint(job->slices_done, ==, 5);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_data_func("/spool/states/files", GINT_TO_POINTER(false), test_states);
    g_test_add_data_func("/spool/states/small", GINT_TO_POINTER(true), test_states);
    g_test_add_func("/spool/overlay", test_overlay);
    g_test_add_func("/spool/mail", test_mail_again);
    g_test_add_func("/spool/R6 the same mail again is no second job", test_duplicates);
    g_test_add_func("/spool/records and keys expire", test_expire);
    g_test_add_func("/spool/refused", test_refused);
    g_test_add_func("/spool/wait", test_wait);
    g_test_add_func("/spool/by hand", test_by_hand);
    g_test_add_func("/spool/a response is sent again", test_send_again);
    g_test_add_func("/spool/no rows", test_no_rows);
    g_test_add_func("/spool/rows are made anew", test_rows_anew);
    g_test_add_func("/spool/response", test_response);
    g_test_add_func("/spool/full", test_full);
    g_test_add_func("/spool/abandoned intake", test_abandoned);
    g_test_add_func("/spool/reader", test_reader);
    g_test_add_func("/spool/threads", test_threads);
    g_test_add_func("/spool/intake time", test_intake_time);
    g_test_add_func("/spool/many slices", test_many_slices);
    return g_test_run();
}
