/* SPDX-License-Identifier: MIT */
#include "lib/spool-fixture.h"
#include "lib/spool-content.h"
#include <glib/gstdio.h>
#include <sqlite3.h>
#include <string.h>

SpoolFixture *spool_fixture_at(const char *top)
{
    SpoolFixture *fixture = g_new0(SpoolFixture, 1);
    fixture->top = g_strdup(top);
    fixture->settings = (SpoolSettings){
        .directory = g_build_filename(top, "spool", NULL),
        .key_file = g_build_filename(top, "key", NULL),
        .jobs_max = 10000,
        .bytes_max = 1000000000,
        .duplicate_days = 7,
        .keep_days = 30,
    };
    return fixture;
}

SpoolFixture *spool_fixture_new(void)
{
    g_autofree char *top = g_dir_make_tmp("spool-XXXXXX", NULL);
    g_assert_nonnull(top);
    SpoolFixture *fixture = spool_fixture_at(top);
    g_autoptr(GError) error = NULL;
    seal_key_create(fixture->settings.key_file, &error);
    g_assert_no_error(error);
    fixture->spool = spool_open(&fixture->settings, &error);
    g_assert_no_error(error);
    return fixture;
}

static void remove_tree(const char *path)
{
    g_autoptr(GDir) folder =
        g_file_test(path, G_FILE_TEST_IS_SYMLINK) ? NULL : g_dir_open(path, 0, NULL);
    const char *name;
    while (folder && (name = g_dir_read_name(folder))) {
        g_autofree char *inner = g_build_filename(path, name, NULL);
        remove_tree(inner);
    }
    g_remove(path);
}

void spool_fixture_free(SpoolFixture *fixture)
{
    if (!fixture)
        return;
    spool_close(fixture->spool);
    remove_tree(fixture->top);
    g_free(fixture->top);
    g_free(fixture->settings.directory);
    g_free(fixture->settings.key_file);
    g_free(fixture);
}

void spool_fixture_reopen(SpoolFixture *fixture)
{
    g_autoptr(GError) error = NULL;
    g_clear_pointer(&fixture->spool, spool_close);
    fixture->spool = spool_open(&fixture->settings, &error);
    g_assert_no_error(error);
}

Answer spool_fixture_mail(Spool *spool, const char *requester, const char *client,
                          const char *message_id, const char *body, char **id, GError **error)
{
    static const char header[] = "Subject: PROCESS\r\nPassword: " FIXTURE_PASSWORD "\r\n\r\n";
    JobFacts facts = {
        .requester = (char *)requester,
        .batch_address = (char *)"batch@example.net",
        .grant = (char *)"allow",
        .own_key = !g_str_has_suffix(requester, "@all.example"),
        .client = (char *)client,
        .queue_id = (char *)"4Xyz",
        .message_id = (char *)message_id,
        .subject = (char *)"PROCESS",
        .date = (char *)"Fri, 20 Nov 2026 10:00:00 +0000",
    };
    *id = NULL;
    g_autoptr(SpoolIntake) intake = spool_intake_new(spool, &facts, error);
    if (!intake || !spool_intake_header(intake, header, strlen(header), error) ||
        !spool_intake_body(intake, body, strlen(body), error))
        return ANSWER_UNKNOWN;
    return spool_intake_commit(intake, &facts, id, error);
}

/* What makes anything large. Owned by the caller. */
static char *padding(bool large)
{
    return g_strnfill(large ? SPOOL_SMALL_MAX : 0, 'x');
}

static bool is_large(const SpoolClaim *claim)
{
    return spool_claim_job(claim)->bytes > SPOOL_SMALL_MAX;
}

char *spool_fixture_new_mail(SpoolFixture *fixture, const char *requester, const char *client,
                             const char *message_id)
{
    g_autoptr(GError) error = NULL;
    char *id = NULL;
    g_autofree char *rest = padding(!fixture->small);
    g_autofree char *body = g_strconcat("body " FIXTURE_PASSWORD, rest, NULL);
    Answer answer =
        spool_fixture_mail(fixture->spool, requester, client, message_id, body, &id, &error);
    g_assert_no_error(error);
    g_assert_cmpint(answer, ==, ANSWER_YES);
    g_assert_nonnull(id);
    return id;
}

SpoolClaim *spool_fixture_claim(SpoolFixture *fixture, const char *expected, JobState state)
{
    g_autoptr(GError) error = NULL;
    SpoolClaim *claim = NULL;
    gint64 due;
    Answer answer = spool_claim(fixture->spool, &claim, &due, &error);
    g_assert_no_error(error);
    g_assert_cmpint(answer, ==, ANSWER_YES);
    if (expected)
        g_assert_cmpstr(spool_claim_job(claim)->id, ==, expected);
    g_assert_cmpstr(job_state_name(spool_claim_job(claim)->state), ==, job_state_name(state));
    return claim;
}

/* --- steps --- */

static GVariant *make_rows(unsigned slice, bool large)
{
    GVariantBuilder builder;
    g_autofree char *name = padding(large);
    g_variant_builder_init(&builder, G_VARIANT_TYPE(TABLE_ROWS_TYPE));
    for (unsigned i = 0; i < FIXTURE_SLICE_ROWS; i++) {
        const char *cells[] = {"example.org", i == 0 ? name : "joe", FIXTURE_PASSWORD, NULL};
        g_variant_builder_add(&builder, "(uu^as)", 2 + slice * FIXTURE_SLICE_ROWS + i, 3, cells);
    }
    return g_variant_ref_sink(g_variant_builder_end(&builder));
}

bool spool_fixture_prove(SpoolClaim *claim, unsigned slices, const char *const *domains,
                         GError **error)
{
    static const char *const names[] = {"DOMAIN", "USER", "PASSWORD", NULL};
    g_autoptr(SpoolRows) rows = spool_rows_new(claim, error);
    for (unsigned i = 0; rows && i < slices; i++) {
        g_autoptr(GVariant) slice = make_rows(i, is_large(claim));
        if (!spool_rows_add(rows, slice, FIXTURE_SLICE_ROWS, domains, error))
            return false;
    }
    return rows && spool_job_proved(claim, "ref", MODE_APPLY, names, g_steal_pointer(&rows), error);
}

bool spool_fixture_slice(SpoolClaim *claim, GError **error)
{
    unsigned number = spool_claim_job(claim)->slices_done;
    g_autoptr(GVariant) rows = spool_slice_rows(claim, number, error);
    if (!rows)
        return false;
    g_autoptr(GVariant) expected = make_rows(number, is_large(claim));
    g_assert_true(g_variant_equal(rows, expected));
    g_autoptr(GVariant) intent =
        g_variant_ref_sink(g_variant_new("(us)", number, FIXTURE_PASSWORD));
    if (!spool_intent_store(claim, intent, error))
        return false;
    g_autoptr(GVariant) loaded = NULL;
    if (spool_intent_load(claim, "(us)", &loaded, error) != ANSWER_YES)
        return false;
    g_assert_true(g_variant_equal(loaded, intent));
    GVariantBuilder builder;
    g_variant_builder_init(&builder, G_VARIANT_TYPE(SPOOL_OUTCOMES_TYPE));
    for (unsigned i = 0; i < FIXTURE_SLICE_ROWS; i++)
        g_variant_builder_add(&builder, "(u(ymsmsmsms))", 2 + number * FIXTURE_SLICE_ROWS + i,
                              RESULT_FAILED, NULL, FIXTURE_PASSWORD, "a reason", NULL);
    g_autoptr(GVariant) outcomes = g_variant_ref_sink(g_variant_builder_end(&builder));
    const unsigned counts[RESULT_COUNT] = {[RESULT_FAILED] = FIXTURE_SLICE_ROWS};
    return spool_slice_done(claim, outcomes, counts, NULL, error);
}

static char *response_of(const SpoolClaim *claim)
{
    g_autofree char *rest = padding(is_large(claim));
    return g_strdup_printf("response of %s%s", spool_claim_job(claim)->id, rest);
}

bool spool_fixture_report(SpoolClaim *claim, GError **error)
{
    for (unsigned i = 0; i < spool_claim_job(claim)->slices; i++) {
        g_autoptr(GVariant) outcomes = spool_slice_outcomes(claim, i, error);
        if (!outcomes)
            return false;
        g_assert_cmpuint(g_variant_n_children(outcomes), ==, FIXTURE_SLICE_ROWS);
    }
    g_autoptr(GOutputStream) out = spool_response_create(claim, error);
    g_autofree char *text = response_of(claim);
    return out && g_output_stream_write_all(out, text, strlen(text), NULL, NULL, error) &&
           g_output_stream_close(out, NULL, error) && spool_response_stored(claim, error);
}

bool spool_fixture_send(SpoolClaim *claim, GError **error)
{
    g_autofree char *expected = response_of(claim);
    g_autoptr(GInputStream) in = spool_response_open(claim, error);
    char text[SPOOL_SMALL_MAX + 200] = "";
    gsize size = 0;
    if (!in || !g_input_stream_read_all(in, text, sizeof text - 1, &size, NULL, error))
        return false;
    g_assert_cmpstr(text, ==, expected);
    return spool_job_done(claim, error);
}

bool spool_fixture_step(SpoolClaim *claim, GError **error)
{
    static const char *const domains[] = {"example.org", NULL};
    switch (spool_claim_job(claim)->state) {
    case JOB_RECEIVED:
        return spool_fixture_prove(claim, FIXTURE_SLICES, domains, error);
    case JOB_WORKING:
        return spool_fixture_slice(claim, error);
    case JOB_REPORTING:
        return spool_fixture_report(claim, error);
    case JOB_SENDING:
        return spool_fixture_send(claim, error);
    default:
        g_assert_not_reached();
    }
}

bool spool_fixture_drive(Spool *spool, GError **error)
{
    for (;;) {
        g_autoptr(SpoolClaim) claim = NULL;
        gint64 due;
        Answer answer = spool_claim(spool, &claim, &due, error);
        if (answer != ANSWER_YES)
            return answer == ANSWER_NO;
        if (!spool_fixture_step(claim, error))
            return false;
    }
}

/* --- looking --- */

static void count_one(gpointer data, const Job *job)
{
    g_assert_nonnull(job->id);
    ++*(unsigned *)data;
}

unsigned spool_fixture_count(Spool *spool, bool all)
{
    g_autoptr(GError) error = NULL;
    unsigned count = 0;
    g_assert_true(spool_list(spool, all, count_one, &count, &error));
    g_assert_no_error(error);
    return count;
}

static bool holds(const char *path, const char *bytes)
{
    g_autoptr(GDir) folder = g_dir_open(path, 0, NULL);
    if (!folder) {
        g_autofree char *content = NULL;
        gsize size = 0;
        return g_file_get_contents(path, &content, &size, NULL) &&
               memmem(content, size, bytes, strlen(bytes));
    }
    const char *name;
    bool found = false;
    while (!found && (name = g_dir_read_name(folder))) {
        g_autofree char *inner = g_build_filename(path, name, NULL);
        found = holds(inner, bytes);
    }
    return found;
}

bool spool_fixture_holds(const SpoolFixture *fixture, const char *bytes)
{
    return holds(fixture->settings.directory, bytes);
}

unsigned spool_fixture_files(const SpoolFixture *fixture, const char *name)
{
    g_autofree char *path = g_build_filename(fixture->settings.directory, name, NULL);
    g_autoptr(GDir) folder = g_dir_open(path, 0, NULL);
    unsigned count = 0;
    while (folder && g_dir_read_name(folder))
        count++;
    return count;
}

static sqlite3 *open_database(const char *directory)
{
    g_autofree char *path = g_build_filename(directory, "spool.db", NULL);
    sqlite3 *db = NULL;
    g_assert_cmpint(sqlite3_open(path, &db), ==, SQLITE_OK);
    return db;
}

unsigned spool_fixture_values(const char *directory, int kind)
{
    sqlite3 *db = open_database(directory);
    sqlite3_stmt *statement = NULL;
    g_assert_cmpint(
        sqlite3_prepare_v2(db, "SELECT count(*) FROM content WHERE kind=?1", -1, &statement, NULL),
        ==, SQLITE_OK);
    sqlite3_bind_int(statement, 1, kind);
    g_assert_cmpint(sqlite3_step(statement), ==, SQLITE_ROW);
    unsigned count = (unsigned)sqlite3_column_int(statement, 0);
    sqlite3_finalize(statement);
    sqlite3_close(db);
    return count;
}

void spool_fixture_sql(const char *directory, const char *script)
{
    sqlite3 *db = open_database(directory);
    g_assert_cmpint(sqlite3_exec(db, script, NULL, NULL, NULL), ==, SQLITE_OK);
    sqlite3_close(db);
}
