/* SPDX-License-Identifier: MIT */
#include "lib/spool-fixture.h"
#include <sqlite3.h>

/* Limits on what is queued: whose they are, and who feels nothing of them. */

static const char *const domains[] = {"x.example", NULL};

/* Takes in a mail of a requester from a client (or one who logged in); body says how large. */
static Answer take_in(SpoolFixture *fixture, const char *requester, const char *client,
                      const char *login, gsize size, char **job, GError **error)
{
    static unsigned number;
    g_autofree char *id = g_strdup_printf("<%u@x>", ++number);
    g_autofree char *body = g_strnfill(size, 'x');
    const JobFacts facts = {
        .requester = (char *)requester,
        .grant = (char *)"allow",
        .client = (char *)client,
        .login = (char *)login,
        .message_id = id,
    };
    g_autoptr(SpoolIntake) intake = spool_intake_new(fixture->spool, &facts, error);
    if (!intake || !spool_intake_header(intake, "A: b\r\n\r\n", 8, error) ||
        !spool_intake_body(intake, body, size, error))
        return ANSWER_UNKNOWN;
    return spool_intake_commit(intake, &facts, job, error);
}

static Answer take(SpoolFixture *fixture, const char *requester, const char *client,
                   const char *login, gsize size, GError **error)
{
    g_autofree char *job = NULL;
    return take_in(fixture, requester, client, login, size, &job, error);
}

/* Takes a mail in; a claim on it out of turn. */
static SpoolClaim *claimed(SpoolFixture *fixture, const char *requester, const char *client)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *job = NULL;
    SpoolClaim *claim = NULL;
    g_assert_cmpint(take_in(fixture, requester, client, NULL, 1, &job, &error), ==, ANSWER_YES);
    g_assert_cmpint(spool_claim_this(fixture->spool, job, 0, &claim, &error), ==, ANSWER_YES);
    return claim;
}

static void taken(SpoolFixture *fixture, const char *requester, const char *client,
                  const char *login)
{
    g_autoptr(GError) error = NULL;
    Answer answer = take(fixture, requester, client, login, 1, &error);
    g_assert_no_error(error);
    g_assert_cmpint(answer, ==, ANSWER_YES);
}

static void full(SpoolFixture *fixture, const char *requester, const char *client,
                 const char *login, const char *limit)
{
    g_autoptr(GError) error = NULL;
    g_assert_cmpint(take(fixture, requester, client, login, 1, &error), ==, ANSWER_UNKNOWN);
    g_assert_error(error, SPOOL_ERROR, SPOOL_ERROR_FULL);
    g_assert_nonnull(strstr(error->message, limit));
}

static SpoolFixture *limited(const SpoolSettings *limits)
{
    SpoolFixture *fixture = spool_fixture_new();
    fixture->settings.client_jobs_max = limits->client_jobs_max;
    fixture->settings.client_bytes_max = limits->client_bytes_max;
    fixture->settings.requester_jobs_max = limits->requester_jobs_max;
    fixture->settings.requester_bytes_max = limits->requester_bytes_max;
    spool_fixture_reopen(fixture);
    return fixture;
}

/* R7.4: an unproven job counts against its client's network, or who logged in there. */
static void test_client(void)
{
    g_autoptr(SpoolFixture) fixture = limited(&(SpoolSettings){.client_jobs_max = 2});
    for (unsigned i = 0; i < 2; i++) {
        taken(fixture, "a@x.example", "192.0.2.1", NULL);
        taken(fixture, "a@x.example", "2001:db8::1", NULL);
        taken(fixture, "a@x.example", "192.0.2.1", "somebody");
    }
    /* Also after a new start, and whatever requester they name. */
    for (unsigned i = 0; i < 2; i++) {
        full(fixture, "a@x.example", "192.0.2.1", NULL, "client_jobs_max");
        full(fixture, "b@x.example", "192.0.2.1", NULL, "client_jobs_max");
        full(fixture, "b@x.example", "2001:db8::2:1", NULL, "client_jobs_max");
        full(fixture, "b@x.example", "192.0.2.77", "somebody", "client_jobs_max");
        spool_fixture_reopen(fixture);
    }
    taken(fixture, "a@x.example", "192.0.2.2", NULL);
    taken(fixture, "a@x.example", "2001:db8:0:1::1", NULL);
    taken(fixture, "a@x.example", "192.0.2.1", "somebody else");
    /* R9.29: a user of this machine is a client of his own, whom no login has the name of. */
    taken(fixture, "a@x.example", SPOOL_CLIENT_DOOR, "somebody");
    taken(fixture, "a@x.example", SPOOL_CLIENT_DOOR, "somebody");
    full(fixture, "b@x.example", SPOOL_CLIENT_DOOR, "somebody", "client_jobs_max");
    /* Who may use the command may fill it, by a panel's calls, too. */
    for (unsigned i = 0; i < 3; i++) {
        taken(fixture, "a@x.example", SPOOL_CLIENT_COMMAND, NULL);
        taken(fixture, "a@x.example", SPOOL_CLIENT_PANEL, "uid 0");
    }
}

/* R7.8: what others send in a requester's name takes nothing of the requester's room, and of the
 * room at the requester's own client only its own share. */
static void test_name(void)
{
    g_autoptr(SpoolFixture) fixture =
        limited(&(SpoolSettings){.client_jobs_max = 3, .requester_jobs_max = 2});
    for (unsigned i = 0; i < 2; i++)
        taken(fixture, "a@x.example", "192.0.2.66", NULL);
    full(fixture, "a@x.example", "192.0.2.66", NULL, "requester_jobs_max");
    taken(fixture, "b@x.example", "192.0.2.66", NULL);
    full(fixture, "c@x.example", "192.0.2.66", NULL, "client_jobs_max");
    taken(fixture, "a@x.example", "192.0.2.1", NULL);
}

/* R7.8: a proven job leaves its client's room and takes the requester's, until it is done. */
static void test_proven(void)
{
    g_autoptr(SpoolFixture) fixture =
        limited(&(SpoolSettings){.client_jobs_max = 1, .requester_jobs_max = 2});
    g_autoptr(GError) error = NULL;
    for (unsigned i = 0; i < 2; i++) {
        SpoolClaim *claim = claimed(fixture, "a@x.example", "192.0.2.1");
        full(fixture, "b@x.example", "192.0.2.1", NULL, "client_jobs_max");
        g_assert_true(spool_fixture_prove(claim, 1, domains, &error));
        spool_claim_release(claim);
    }
    for (unsigned i = 0; i < 2; i++) {
        full(fixture, "a@x.example", "192.0.2.1", NULL, "requester_jobs_max");
        full(fixture, "a@x.example", "192.0.2.2", NULL, "requester_jobs_max");
        spool_fixture_reopen(fixture);
    }
    taken(fixture, "b@x.example", "192.0.2.1", NULL);
    g_assert_true(spool_fixture_drive(fixture->spool, &error));
    taken(fixture, "a@x.example", "192.0.2.1", NULL);
}

/* Bytes count as jobs do, from the first one that comes in. */
static void test_bytes(void)
{
    g_autoptr(SpoolFixture) fixture =
        limited(&(SpoolSettings){.client_bytes_max = 1000, .requester_bytes_max = 600});
    g_autoptr(GError) error = NULL;
    g_assert_cmpint(take(fixture, "a@x.example", "192.0.2.1", NULL, 500, &error), ==, ANSWER_YES);
    g_assert_cmpint(take(fixture, "a@x.example", "192.0.2.1", NULL, 200, &error), ==,
                    ANSWER_UNKNOWN);
    g_assert_error(error, SPOOL_ERROR, SPOOL_ERROR_FULL);
    g_assert_nonnull(strstr(error->message, "requester_bytes_max"));
    g_clear_error(&error);
    g_assert_cmpint(take(fixture, "b@x.example", "192.0.2.1", NULL, 500, &error), ==,
                    ANSWER_UNKNOWN);
    g_assert_nonnull(strstr(error->message, "client_bytes_max"));
    g_clear_error(&error);
    /* What was not taken gave its room back. */
    g_assert_cmpint(take(fixture, "b@x.example", "192.0.2.1", NULL, 400, &error), ==, ANSWER_YES);
}

/* Mails that are still coming in count, too. */
static void test_coming(void)
{
    g_autoptr(SpoolFixture) fixture = limited(&(SpoolSettings){.client_jobs_max = 1});
    const JobFacts facts = {.requester = (char *)"a@x.example", .client = (char *)"192.0.2.1"};
    g_autoptr(GError) error = NULL;
    SpoolIntake *intake = spool_intake_new(fixture->spool, &facts, &error);
    g_assert_no_error(error);
    full(fixture, "b@x.example", "192.0.2.1", NULL, "client_jobs_max");
    spool_intake_free(intake);
    taken(fixture, "b@x.example", "192.0.2.1", NULL);
}

/* A spool of version 3: what was begun there counts as proven. */
static void test_upgrade(void)
{
    g_autoptr(SpoolFixture) fixture = limited(&(SpoolSettings){.requester_jobs_max = 1});
    g_autoptr(GError) error = NULL;
    SpoolClaim *claim = claimed(fixture, "a@x.example", "192.0.2.1");
    g_assert_true(spool_fixture_prove(claim, 1, domains, &error));
    g_autofree char *proven = g_strdup(spool_claim_job(claim)->id);
    spool_claim_release(claim);
    spool_claim_release(claimed(fixture, "b@x.example", "192.0.2.1"));
    g_clear_pointer(&fixture->spool, spool_close);
    g_autofree char *path = g_build_filename(fixture->settings.directory, "spool.db", NULL);
    sqlite3 *db = NULL;
    g_assert_cmpint(sqlite3_open(path, &db), ==, SQLITE_OK);
    g_assert_cmpint(
        sqlite3_exec(db,
                     "DROP INDEX job_unproven; ALTER TABLE job DROP COLUMN proven;"
                     "ALTER TABLE job DROP COLUMN login; DROP TABLE refusal;"
                     "DROP TABLE lockout; DROP TABLE audit; DROP TABLE content;"
                     "DROP TABLE call; ALTER TABLE job DROP COLUMN server; PRAGMA user_version=3",
                     NULL, NULL, NULL),
        ==, SQLITE_OK);
    sqlite3_close(db);
    spool_fixture_reopen(fixture);
    g_autoptr(Job) job = NULL;
    g_assert_cmpint(spool_find(fixture->spool, proven, &job, &error), ==, ANSWER_YES);
    g_assert_true(job->proven);
    full(fixture, "a@x.example", "192.0.2.9", NULL, "requester_jobs_max");
    full(fixture, "b@x.example", "192.0.2.1", NULL, "requester_jobs_max");
    taken(fixture, "b@x.example", "192.0.2.9", NULL);
}

/* R7.13: part of the disk is left for what waits. */
static void test_disk(void)
{
    g_autoptr(SpoolFixture) fixture = spool_fixture_new();
    taken(fixture, "a@x.example", "192.0.2.1", NULL);
    fixture->settings.free_min = G_MAXUINT64 / 2;
    spool_change_limits(fixture->spool, &fixture->settings);
    full(fixture, "a@x.example", "192.0.2.1", NULL, "free_min");
    full(fixture, "a@x.example", SPOOL_CLIENT_COMMAND, NULL, "free_min");
    fixture->settings.free_min = 1;
    spool_change_limits(fixture->spool, &fixture->settings);
    taken(fixture, "a@x.example", "192.0.2.1", NULL);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/spool-room/R7.4/client", test_client);
    g_test_add_func("/spool-room/R7.8/in another's name", test_name);
    g_test_add_func("/spool-room/R7.8/proven", test_proven);
    g_test_add_func("/spool-room/R7.8/bytes", test_bytes);
    g_test_add_func("/spool-room/coming in", test_coming);
    g_test_add_func("/spool-room/R7.13/disk", test_disk);
    g_test_add_func("/spool-room/upgrade", test_upgrade);
    return g_test_run();
}
