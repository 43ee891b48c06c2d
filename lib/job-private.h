/* SPDX-License-Identifier: MIT */
#ifndef BATCHLOAD_JOB_PRIVATE_H
#define BATCHLOAD_JOB_PRIVATE_H

#include "lib/job.h"
#include "lib/request.h"
#include "lib/submit.h"

/* Shared by the files of the room lib/job. Each stage does one bounded step of a claimed job.
 * true: the step ended and its commit stands. false with an error: it could not be told; the job
 * waits and the same step comes again. */

struct JobWorker {
    Config *config;
    Spool *spool;
    Directory *directory;
    Directory *reader;      /* reads ahead, on a thread of its own, while directory writes */
    RequestReader *spare;   /* waits for the next mail; NULL: none was started */
    GThread *starter;       /* starts one that becomes spare; NULL: none is being started */
    Submission *submission; /* was begun for the response to submission_job; or NULL */
    char *submission_job;
    bool spare_without_password; /* what the last mail needed none of */
    PlanHasGrantFunc has_grant;
    gpointer has_grant_data;
    Hasher *hasher;
    int stopping; /* atomic, as the next one */
    int retired;
};

/* Most bytes of cells in one slice: a slice of wide rows ends before slice_rows. */
#define JOB_SLICE_BYTES_MAX (4u * 1024 * 1024)

/* What is said of a row that ends early, of which a part is done (PHASE_PART). */
#define JOB_PART_GONE                                                                              \
    "A part of what was in the domain is deleted already, and the domain is suspended."

bool job_open(JobWorker *worker, SpoolClaim *claim, GError **error);   /* RECEIVED */
bool job_slice(JobWorker *worker, SpoolClaim *claim, GError **error);  /* WORKING */
bool job_report(JobWorker *worker, SpoolClaim *claim, GError **error); /* REPORTING */
bool job_send(JobWorker *worker, SpoolClaim *claim, GError **error);   /* SENDING */

/* A reader that has done its work is let go of and the next one started, on a thread of its own.
 * old, which is taken over, may be NULL. */
void job_start_spare(JobWorker *worker, RequestReader *old);

/* The way to the mail server is made while the last rows are worked on, for a job of one slice: its
 * response comes soon. _take: what was begun for this job, or NULL; owned by the caller. */
void job_begin_submission(JobWorker *worker, SpoolClaim *claim);
Submission *job_take_submission(JobWorker *worker, const Job *job);
void job_drop_submission(JobWorker *worker);

/* The slice as typed operations; where a row is none, NULL stands in its place and its outcome in
 * outcomes. */
typedef struct {
    GPtrArray *rows;       /* of TableRow */
    GPtrArray *operations; /* of Operation or NULL */
    GPtrArray *outcomes;   /* of Outcome or NULL */
    GPtrArray *hashes;     /* of Secret or NULL: of passwords that were hashed for a plan which was
                              thrown away; NULL: none */
} Slice;
void job_slice_clear(Slice *slice);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Slice, job_slice_clear)

/* By which a job's rows become operations. Who comes by a door has a command of its own for the
 * password. */
OperationRules job_rules(const JobWorker *worker, const Job *job);

/* A row of a door's request whose DOMAIN is empty gets the one domain of the grant in which there
 * is something of its TYPE and of the name in USER; *row is replaced then. false: JOB_ERROR_NAME,
 * or it could not be told. */
bool job_name_row(JobWorker *worker, const Grant *grant, const TableHead *head, TableRow **row,
                  GError **error);

/* Reads the slice of a number into an empty one. */
bool job_slice_load(JobWorker *worker, SpoolClaim *claim, unsigned number, Slice *slice,
                    GError **error);

/* Plans every row of a fresh slice (of PlannedRow). NULL with an error: could not tell. */
GPtrArray *job_slice_plan(Plan *plan, const Slice *slice, GError **error);
bool job_writes_anything(GPtrArray *planned);
/* Whether rows of the slice ask to see something. */
bool job_slice_reads(const Slice *slice);
/* Reads what those of the planned rows that did not fail ask to see, gives them their outcomes, and
 * adds to effects, which are committed with these, what is to be shown; where the job is only
 * checked, only how much it would be. false with an error: could not tell. */
bool job_show(JobWorker *worker, const PlanContext *context, SpoolClaim *claim, const Slice *slice,
              GPtrArray *planned, SpoolEffects *effects, GError **error);
/* How much is shown in all, in rows and bytes, and whether there was no room for all; and the lines
 * of one slice ("s"; owned by the caller). ANSWER_NO: nothing is. */
Answer job_shown(SpoolClaim *claim, unsigned *rows, unsigned *bytes, bool *full, GError **error);
Answer job_shown_part(SpoolClaim *claim, unsigned slice, GVariant **part, GError **error);
/* SPOOL_OUTCOMES_TYPE, a full reference; adds to counts. */
GVariant *job_slice_outcomes(GPtrArray *planned, unsigned counts[RESULT_COUNT]);
/* SPOOL_TRAIL_TYPE, a full reference: what the rows have changed. */
GVariant *job_slice_trail(GPtrArray *planned);
/* What the rows have changed becomes calls of the add-ons, which go with the claim's next commit.
 * operations: of the rows, or NULL where a row has none. */
void job_put_calls(JobWorker *worker, SpoolClaim *claim, GPtrArray *operations, GPtrArray *planned);
/* Whether the add-ons keep up with what waits for them. false with an error: the job's next slice
 * waits. Nobody is called for an atomic job before its end: once it has begun to change anything,
 * it would wait for itself. */
bool job_addons_keep_up(JobWorker *worker, const Job *job, GError **error);
/* REPORTING: ANSWER_YES: the response waits a while for calls of the job's rows. */
Answer job_awaits_calls(JobWorker *worker, SpoolClaim *claim, GError **error);
/* What is told of rows with calls that did not succeed: line → Outcome; owned by the caller. NULL
 * with an error. */
GHashTable *job_calls_left(JobWorker *worker, const Job *job, GError **error);
/* spool_intent_load(), also of one that an earlier version has stored. */
Answer job_intent_load(SpoolClaim *claim, GVariant **intent, GError **error);
/* What the job's slices before would have made, as the spool keeps it, and what this one would. */
PlanOverlay job_overlay(SpoolClaim *claim);
SpoolEffects *job_slice_effects(SpoolClaim *claim, const Plan *plan);
/* The next step of a job in MODE_ATOMIC with its present slice. */
bool job_atomic(JobWorker *worker, PlanContext *context, SpoolClaim *claim, const Slice *slice,
                GError **error);

/* The slice after the one that is settled, planned meanwhile by a thread of its own. All but the
 * slice's number is that thread's between _begin and _end. */
typedef struct {
    JobWorker *worker;
    SpoolClaim *claim;
    PlanContext context;
    Plan *plan; /* of the slices before it; NULL: nothing can be planned ahead */
    GThread *thread;
    int dropped;   /* atomic */
    unsigned done; /* line up to which all has ended when the plan begins */
    unsigned number;
    Slice slice;
    GPtrArray *planned; /* NULL: the slice is to be planned anew */
    GBytes *intent;     /* NULL: it writes nothing */
} JobAhead;

/* context is copied; its plans read by the worker's second connection. */
void job_ahead_init(JobAhead *ahead, JobWorker *worker, SpoolClaim *claim,
                    const PlanContext *context);
void job_ahead_clear(JobAhead *ahead);
/* Begins to plan the slice after this one, whose intent is committed, if the queue allows. */
void job_ahead_begin(JobAhead *ahead, const Slice *slice);
/* Waits for the plan's end. deviated: the slice before did not end as planned, so only hashes are
 * kept. Whether the worker goes on with the slice ahead: then the next commit is
 * spool_slice_done_ahead() with its intent, and then job_ahead_take(). */
bool job_ahead_end(JobAhead *ahead, bool deviated);
/* Its rows (of PlannedRow; NULL: to be planned) and, in place of the one before, the slice. */
GPtrArray *job_ahead_take(JobAhead *ahead, Slice *slice);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(JobAhead, job_ahead_clear)
/* Has the directory stay at the server where the job was begun, or notes the one where it begins:
 * what was done at one server others may not know yet. Where that server is no longer named in the
 * settings, any of them is as good. */
bool job_stay(JobWorker *worker, SpoolClaim *claim, GError **error);

/* Asked now and then by long steps: false with JOB_ERROR_STOPPED. */
bool job_goes_on(JobWorker *worker, GError **error);

/* The grant the job was accepted under. NULL with GRANT_ERROR. Caller owns it. */
Grant *job_grant(const Job *job, GError **error);

/* One log line of a job: "QUEUEID: job=… " and the text. */
void job_log(const Job *job, LogLevel level, const char *format, ...) G_GNUC_PRINTF(3, 4);

#endif
