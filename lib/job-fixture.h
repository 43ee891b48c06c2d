/* SPDX-License-Identifier: MIT */
#ifndef BATCHLOAD_JOB_FIXTURE_H
#define BATCHLOAD_JOB_FIXTURE_H

#include "lib/job.h"
#include "tests/slapd-fixture.h"

/* For tests: a configuration, a spool, a worker and an MTA that keeps what it is given, around a
 * slapd in which two administrators have JOB_FIXTURE_PASSWORD. */
#define JOB_FIXTURE_ADMIN "admin@one.example"
#define JOB_FIXTURE_OTHER_ADMIN "admin@two.example"
#define JOB_FIXTURE_PASSWORD "Canary-3f9Qz-Admin"
#define JOB_FIXTURE_SECRET "Canary-7tRw2-User"
#define JOB_FIXTURE_HEAD "DOMAIN;USER;TYPE;ACTION;PASSWORD;MAILFORWARD;LIST MEMBER;DESCRIPTION\n"
/* Six rows of all kinds, one of which fails: job_fixture_assert_rows(). */
#define JOB_FIXTURE_ROWS                                                                           \
    JOB_FIXTURE_HEAD                                                                               \
    "one.example;anna;FULL;ADD;" JOB_FIXTURE_SECRET ";;;\n"                                        \
    "one.example;info;FORWARD;ADD;;anna@one.example;;\n"                                           \
    "one.example;staff;LIST;ADD;;;anna ben;\n"                                                     \
    "one.example;ben;FULL;ADD;" JOB_FIXTURE_SECRET ";;;\n"                                         \
    "one.example;cleo;FULL;DELETE;;;;\n"                                                           \
    "one.example;ben;FULL;MODIFY;" JOB_FIXTURE_SECRET ";;;a\n"

typedef struct {
    char *folder; /* removed at the end */
    SlapdFixture *slapd;
    Config *config;
    Spool *spool;
    Hasher *hasher;
    JobWorker *worker;
} JobFixture;

/* The slapd for job_fixture_new(), with domains one.example and two.example; policy: of
 * slapd_fixture_with_policy(), or NULL. */
SlapdFixture *job_fixture_slapd(const char *policy);
/* Every other entry than the administrators' goes; ben@ and cleo@one.example come. */
void job_fixture_reset(SlapdFixture *slapd);

/* Not two threads at once: it reads a configuration. The rest: one thread at a time. */
JobFixture *job_fixture_new(SlapdFixture *slapd);
/* After job_fixture_reset(). */
JobFixture *job_fixture_begin(SlapdFixture *slapd);
void job_fixture_free(JobFixture *fixture);
/* Spool and worker only. */
void job_fixture_close(JobFixture *fixture);
void job_fixture_open(JobFixture *fixture);

/* Takes in a mail of a requester under a grant; csv NULL: without attachment. The id, owned by the
 * caller. */
char *job_fixture_mail(JobFixture *fixture, const char *requester, const char *grant,
                       const char *password, const char *csv);

/* The same by a door of this machine, from user 4711. */
char *job_fixture_door(JobFixture *fixture, const char *requester, const char *grant,
                       const char *password, const char *csv);

/* The same as a panel's call, whose requester proves nothing. */
char *job_fixture_panel(JobFixture *fixture, const char *requester, const char *grant,
                        const char *csv);

/* The next step; asserts that there is one. The state after it. */
JobState job_fixture_step(JobFixture *fixture);
/* Until nothing is ready. */
void job_fixture_run(JobFixture *fixture);
Job *job_fixture_job(JobFixture *fixture, const char *id);

/* How the MTA ends from now on (sysexits). */
void job_fixture_mta(JobFixture *fixture, int code);
/* It refuses larger messages (EX_DATAERR). */
void job_fixture_mta_size(JobFixture *fixture, int bytes);
/* What it has taken: number, and the text of one of them (NULL: none), owned by the caller. */
unsigned job_fixture_responses(const JobFixture *fixture);
/* One of them, of the job id; NULL: of any. */
char *job_fixture_response(const JobFixture *fixture, const char *id);

/* The audit as text, without what differs from run to run: "LINE RESULT ACTION TYPE ADDRESS FIELD
 * -GONE +COME …", a line each, ordered by line; owned by the caller. */
char *job_fixture_audit(JobFixture *fixture);

/* Entries that bear an address below the base. */
unsigned job_fixture_entries(const JobFixture *fixture, const char *address);

/* Lets a waiting job go on at once: waits are kept over a new start, so their end is awaited. */
void job_fixture_await(JobFixture *fixture, const char *id);
/* The job waits so many seconds, or (0) not any more. */
void job_fixture_put_off(JobFixture *fixture, const char *id, unsigned seconds);
/* Works in a child until a response is to be handed over; whether it was killed before that. */
bool job_fixture_dies(JobFixture *fixture);

/* Some text has these words in it. */
void job_fixture_assert_holds(const char *text, const char *words);
/* The job waits in this state, and its reason has these words in it. */
void job_fixture_assert_waits(JobFixture *fixture, const char *id, JobState state,
                              const char *words);
/* It is done, with one response in all. */
void job_fixture_assert_done(JobFixture *fixture, const char *id);
/* JOB_FIXTURE_ROWS were carried out, and the response says so. */
void job_fixture_assert_rows(JobFixture *fixture, const char *id);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(JobFixture, job_fixture_free)

#endif
