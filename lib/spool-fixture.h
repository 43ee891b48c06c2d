/* SPDX-License-Identifier: MIT */
#ifndef BATCHLOAD_SPOOL_FIXTURE_H
#define BATCHLOAD_SPOOL_FIXTURE_H

#include "lib/spool.h"

/* For tests: a spool in a new folder, and the shortest way of a job through its states. */
#define FIXTURE_PASSWORD "Canary-3f9Qz-Passw0rd"
#define FIXTURE_SLICES 3
#define FIXTURE_SLICE_ROWS 4

typedef struct {
    char *top; /* removed at the end */
    SpoolSettings settings;
    Spool *spool;
    bool small; /* mails of spool_fixture_new_mail() lie in the store, with what is made of them;
                   else they are files, with what is made of them */
} SpoolFixture;

SpoolFixture *spool_fixture_new(void);
/* Below an existing folder, with key and all; not opened. */
SpoolFixture *spool_fixture_at(const char *top);
void spool_fixture_free(SpoolFixture *fixture);
void spool_fixture_reopen(SpoolFixture *fixture);

/* Takes a mail in; NULL message_id: by its Date. Requesters of all.example have the grant of their
 * domain, others one of their own. */
Answer spool_fixture_mail(Spool *spool, const char *requester, const char *client,
                          const char *message_id, const char *body, char **id, GError **error);
/* The same, asserted to be new; the id, owned by the caller. */
char *spool_fixture_new_mail(SpoolFixture *fixture, const char *requester, const char *client,
                             const char *message_id);

/* The next claim, asserted; expected may be NULL. */
SpoolClaim *spool_fixture_claim(SpoolFixture *fixture, const char *expected, JobState state);

/* One step of a claimed job to its next state or slice. */
bool spool_fixture_prove(SpoolClaim *claim, unsigned slices, const char *const *domains,
                         GError **error);
bool spool_fixture_slice(SpoolClaim *claim, GError **error);
bool spool_fixture_report(SpoolClaim *claim, GError **error);
bool spool_fixture_send(SpoolClaim *claim, GError **error);
bool spool_fixture_step(SpoolClaim *claim, GError **error);
/* All jobs that are ready, to their end. */
bool spool_fixture_drive(Spool *spool, GError **error);

/* Number of jobs, all or unfinished. */
unsigned spool_fixture_count(Spool *spool, bool all);
/* Whether some file below the spool holds these bytes. */
bool spool_fixture_holds(const SpoolFixture *fixture, const char *bytes);
/* Files in one folder of the spool. */
unsigned spool_fixture_files(const SpoolFixture *fixture, const char *name);
/* Values in the store instead; kind is a SpoolFolder. */
unsigned spool_fixture_values(const char *directory, int kind);
/* Runs statements on the database. */
void spool_fixture_sql(const char *directory, const char *script);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(SpoolFixture, spool_fixture_free)

#endif
