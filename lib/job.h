/* SPDX-License-Identifier: MIT */
#ifndef BATCHLOAD_JOB_H
#define BATCHLOAD_JOB_H

#include "lib/config.h"
#include "lib/plan.h"
#include "lib/spool.h"

/* One job through its stages, one bounded step at a time. */

/* One worker's hands: its directory connection. One thread at a time. */
typedef struct JobWorker JobWorker;

/* config and spool are kept (a reference; borrowed), as is hasher, which all workers share (NULL:
 * each hashes by itself). has_grant asks the sender table. NULL with DIRECTORY_ERROR_SETTINGS. */
JobWorker *job_worker_new(Config *config, Spool *spool, Hasher *hasher, PlanHasGrantFunc has_grant,
                          gpointer data, GError **error);
void job_worker_free(JobWorker *worker);

/* Does the next step of a claimed job: opens it (parse, proof, rows), applies one slice (and those
 * after it while nobody else waits for a turn), builds the response, or hands it over. Whatever
 * could not be told becomes a wait with a growing pause. Never fails as a whole: what goes wrong is
 * logged with the job's queue id and kept in the job. */
void job_step(JobWorker *worker, SpoolClaim *claim);

/* Whether the worker is to go on with the job's next step at once, since its rows, of one slice,
 * are done, and only the response is to be built or handed over: what was prepared for that is not
 * thrown away, and nobody waits for a turn much longer. */
bool job_is_to_be_answered(JobWorker *worker, SpoolClaim *claim);

/* While there is nothing to do: starts what reads the next mail, so that it need not be waited for.
 * What fails is told when it is needed. */
void job_worker_prepare(JobWorker *worker);

/* Long steps (opening a job, building its response) end without a result, and are done again after
 * the next start; a slice is finished. Any thread; for good. */
void job_worker_stop(JobWorker *worker);

/* Nothing is begun any more but what job_step() is called for: a running step ends with its present
 * slice. Any thread; for good. */
void job_worker_retire(JobWorker *worker);

/* The claimed job is ended by hand: its rows that have no outcome yet are reported as not done, or
 * the whole request where it was not opened, or where what is stored of it is damaged
 * (job_is_damaged()). false with JOB_ERROR_LATE where it can't be ended any
 * more, or not now; with another error where that could not be written (the job then goes on). */
bool job_cancel(SpoolClaim *claim, GError **error);

typedef enum {
    JOB_ERROR_BROKEN,  /* what the spool gave back has a shape that was never stored */
    JOB_ERROR_STOPPED, /* the worker is to stop: nothing is wrong with the job */
    JOB_ERROR_LATE,    /* the job is past that, or not so far; the message is for people */
    JOB_ERROR_NAME,    /* a name without its domain is not that of one object; the message is the
                          sentence that the administrator reads */
} JobError;
#define JOB_ERROR (job_error_quark())
GQuark job_error_quark(void);

/* What a door says of a wrong password, and of an administrator that there is not. */
#define JOB_DOOR_REFUSED                                                                           \
    "The password is not the right one for this administrator, or this administrator can't be "    \
    "used here. If it is right, ask your service provider."

/* Pause before attempt n + 1, in seconds: 1, 2, 4, … 300. */
unsigned job_pause(unsigned attempts);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(JobWorker, job_worker_free)

#endif
