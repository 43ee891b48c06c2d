/* SPDX-License-Identifier: MIT */
#ifndef BATCHLOAD_SPOOL_H
#define BATCHLOAD_SPOOL_H

#include "lib/answer.h"
#include "lib/audit-type.h"
#include "lib/lockout.h"
#include "lib/mode.h"
#include "lib/outcome.h"
#include "lib/seal.h"
#include "lib/table.h"

/* The job store. What arrives is sealed into a file, file and folder synced; then one short row
 * commit (SQLite, WAL, synced) is the promise. One daemon owns a spool (a lock on the
 * folder); readers (the command line) come beside it. doc/decisions.md tells the states.
 *
 *   RECEIVED ──▶ WORKING ──▶ REPORTING ──▶ SENDING ──▶ DONE
 *       ├──────────(refused)────▲              └─────▶ ANSWER_FAILED
 *       │         └─(broken off)─┘
 *       └──(refused, and the address got enough such responses)──▶ DONE
 *
 * RECEIVED: the sealed mail is there, its proof is unchecked. WORKING: the proof holds, the rows
 * lie in sealed slices. REPORTING: the response is to be built. SENDING: it is stored and to be
 * handed over. DONE, ANSWER_FAILED: contents deleted (ANSWER_FAILED keeps the response), the record
 * stays for the days configured. */
typedef enum {
    JOB_RECEIVED,
    JOB_WORKING,
    JOB_REPORTING,
    JOB_SENDING,
    JOB_DONE,
    JOB_ANSWER_FAILED,
    JOB_STATE_COUNT,
} JobState;

const char *job_state_name(JobState state); /* "received", …, "answer failed"; static */

typedef enum {
    SPOOL_ERROR_UNSAFE, /* links, wrong owner or mode in the spool, newer version: do not start */
    SPOOL_ERROR_LOCKED, /* another daemon has it */
    SPOOL_ERROR_STORE,  /* disk or database failed: 4xx, or the stage is tried again */
    SPOOL_ERROR_KEY,    /* sealed with another key or broken: the job is held and says so */
    SPOOL_ERROR_FULL,   /* a limit on queued jobs or bytes: 4xx */
    SPOOL_ERROR_GONE,   /* no such job */
    SPOOL_ERROR_BUSY,   /* a worker has the job */
} SpoolError;
#define SPOOL_ERROR (spool_error_quark())
GQuark spool_error_quark(void);

/* Version of files and tables; an older one is upgraded at open, a newer one refused. */
#define SPOOL_VERSION 9

typedef struct {
    char *directory;
    char *key_file;
    unsigned jobs_max; /* queued jobs in all */
    guint64 bytes_max; /* bytes of queued mail in all */
    /* The same of one client while their proof is unchecked, and of one requester once it is (and
     * of one requester's name at one client before); 0: no limit of their own. */
    unsigned client_jobs_max, requester_jobs_max;
    guint64 client_bytes_max, requester_bytes_max;
    guint64 free_min; /* bytes of the disk that are left for what is queued: no mail is taken */
    unsigned duplicate_days;
    unsigned keep_days;            /* records of finished jobs; at least duplicate_days */
    unsigned unproven_records_max; /* of those, the ones that proved nothing; the oldest go first,
                                      and what was kept of them; 0: no limit */
    unsigned audit_days;           /* what was changed */
} SpoolSettings;

/* The client of a request that was handed in by the command line: who may do so needs no other
 * proof. No mail has it. */
#define SPOOL_CLIENT_COMMAND "command"
/* The same, of one that is checked only: its response is fetched by the command, not mailed. */
#define SPOOL_CLIENT_CHECK "check"
/* The client of a request that a program of this machine handed in with its requester's password,
 * which is checked as that of a mail; login is "uid N". Its response is fetched, too. */
#define SPOOL_CLIENT_DOOR "door"
/* The client of a call of a panel (lib/panel.h): whoever hands it in needs no other proof, as of
 * SPOOL_CLIENT_COMMAND; its response is fetched. */
#define SPOOL_CLIENT_PANEL "panel"

/* How far a job in Mode: atomic is. slices_done counts up while it is planned, again while it is
 * applied, and down while it is undone. _LEFT: something could not be taken back. PHASE_PART is for
 * Mode: apply: of the next slice's one row a part is done. Stored by number. */
typedef enum {
    PHASE_PLAN,
    PHASE_APPLY,
    PHASE_UNDO,
    PHASE_UNDO_LEFT,
    PHASE_UNDONE,
    PHASE_UNDONE_LEFT,
    PHASE_PART,
    PHASE_COUNT,
} JobPhase;

/* What the session knows of a mail. All strings; NULL where unknown. */
typedef struct {
    char *requester;     /* normal form */
    char *batch_address; /* normal form; the response's From */
    char *grant;         /* right-hand side of the sender table at acceptance */
    bool own_key;        /* found by the full address, not by the domain */
    char *client;        /* client address, "local" for sendmail(1), or SPOOL_CLIENT_… */
    char *login;         /* who logged in to send it, "uid N" of who handed it in, or NULL */
    bool proven;         /* nothing that the grant asks for is left to be checked */
    char *queue_id;
    char *message_id; /* with <>, at most 998 bytes */
    char *references; /* at most 2,000 bytes */
    char *subject;    /* decoded */
    char *date;
} JobFacts;
void job_facts_clear(JobFacts *facts);

/* Who counts as one client: "login:NAME" where somebody logged in ("door:uid N" of
 * SPOOL_CLIENT_DOOR), else the network of the client's address (lib/network.h), "local", or
 * SPOOL_CLIENT_…. Owned by the caller. */
char *spool_client_key(const JobFacts *facts);
/* Whether a request was handed in by the command line. */
bool spool_is_by_command(const JobFacts *facts);
/* Whether it came by a door, with a password to be checked. */
bool spool_is_by_door(const JobFacts *facts);
/* Whether it is one of an older system's commands, by whatever proof: what its rows must say is
 * what these have words for. */
bool spool_is_by_program(const JobFacts *facts);
/* Whether its response is fetched by whoever handed it in. */
bool spool_is_fetched(const JobFacts *facts);

typedef struct {
    char *id; /* "20261120-K7M2QP": date and 6 random characters of base 32 */
    JobState state;
    JobFacts facts;
    char *reference;   /* known from WORKING or a refusal on */
    Mode mode;         /* likewise */
    bool proven;       /* the proof held: it counts against its requester, not its client */
    JobPhase phase;    /* of MODE_ATOMIC */
    gint64 received;   /* times are microseconds since 1970 (g_get_real_time) */
    gint64 started;    /* 0: not yet */
    gint64 finished;   /* 0: not yet */
    gint64 not_before; /* waits until then; 0: ready */
    unsigned attempts; /* of the present stage that ended in a wait */
    char *waiting;     /* why it waits, plain words, or NULL */
    char *refusal;     /* whole-request error, the sentence for the administrator, or NULL */
    guint64 bytes;     /* of the mail */
    unsigned rows, slices, slices_done;
    unsigned counts[RESULT_COUNT];
    char *server; /* of the directory, where it was begun, or NULL */
} Job;
void job_free(Job *job);

/* What waiting begins with where what is stored of the job is damaged or missing: it waits for
 * ever, unless the file is put back or the job is ended by hand. */
#define JOB_DAMAGED "damaged: "
bool job_is_damaged(const Job *job);

typedef struct Spool Spool;

/* Opens (and makes, mode 0700) the spool, takes its lock, checks it against planted links and
 * foreign owners, removes files without a row and half-written ones. Main thread. NULL with
 * SPOOL_ERROR or SEAL_ERROR_KEY. A spool with unfinished jobs that was made with another key:
 * SPOOL_ERROR_KEY; an idle one takes the new key. */
Spool *spool_open(const SpoolSettings *settings, GError **error);
/* For readers: no lock, no key, nothing is written; only spool_list and spool_find work. */
Spool *spool_open_readonly(const char *directory, GError **error);
void spool_close(Spool *spool);

/* New limits and days; what they say holds from now on. Folder and key stay. Any thread. */
void spool_change_limits(Spool *spool, const SpoolSettings *settings);

/* Whether a write or sync failed so that nothing is known of the disk: the database is closed and
 * everything answers SPOOL_ERROR_STORE from then on. Answer 4xx, end, and start again. */
bool spool_failed(Spool *spool);

/* --- intake: any thread, one SpoolIntake per thread at a time --- */

typedef struct SpoolIntake SpoolIntake;

/* Begins a mail. Of facts requester, client, login and proven say whose room it takes. NULL with
 * SPOOL_ERROR_STORE or SPOOL_ERROR_FULL (which the next calls may end with, too). */
SpoolIntake *spool_intake_new(Spool *spool, const JobFacts *facts, GError **error);
/* Headers and the blank line; then the body, whose bytes go into the job's key. */
bool spool_intake_header(SpoolIntake *intake, gconstpointer data, gsize size, GError **error);
bool spool_intake_body(SpoolIntake *intake, gconstpointer data, gsize size, GError **error);
/* What of the header goes into the job's key, too; before the commit. */
void spool_intake_key(SpoolIntake *intake, gconstpointer data, gsize size);
/* The promise: sealed, synced, committed. facts are complete now, what was told before is the same.
 * ANSWER_YES: a new job; ANSWER_NO: this mail is a job
 * already (the key: keyed hash of requester, Message-ID or else Date, Subject, what
 * spool_intake_key() was given, body); *id, owned by the caller, names it in both cases.
 * ANSWER_UNKNOWN: not stored, say 4xx. */
Answer spool_intake_commit(SpoolIntake *intake, const JobFacts *facts, char **id, GError **error);
/* Without a commit, what was written is removed. */
void spool_intake_free(SpoolIntake *intake);

/* --- work: any thread --- */

/* A job in one worker's hands. Claims live in memory: a crash frees them all. */
typedef struct SpoolClaim SpoolClaim;

/* The next job to be worked on, its stage being its state; one step, then release. Proven jobs
 * (WORKING) of one requester are applied in order of arrival, one that was begun first; unproven
 * ones queue by client address, apart from every requester's, and are opened in order, one at a
 * time. A waiting unproven job lets its client's others pass, but nothing of the same requester
 * and client. A later job may be opened, not applied, while an earlier one is applied; REPORTING
 * and SENDING hold up nothing. The queue served longest ago is next (an opening after an opening
 * only where no proven work is ready); a WORKING job only when no claimed slice has one of its
 * next slice's domains, nor one that was left with an intent stored. ANSWER_NO: nothing ready; *due
 * is when to ask again at the latest (G_MAXINT64: when something changes). ANSWER_UNKNOWN:
 * SPOOL_ERROR_STORE. */
Answer spool_claim(Spool *spool, SpoolClaim **claim, gint64 *due, GError **error);
/* The job as it stands; owned by the claim, changes with the calls below. */
const Job *spool_claim_job(const SpoolClaim *claim);
/* The job, in REPORTING or SENDING, is to stay with the worker for its next step: false where
 * somebody waits for it by hand. What it held up before is free: wakes spool_wait(). */
bool spool_claim_may_stay(SpoolClaim *claim);
/* Gives the job back; wakes spool_wait(). */
void spool_claim_release(SpoolClaim *claim);

/* Blocks until something changed since this thread's last spool_claim(), due (g_get_real_time) has
 * come, or spool_wake(): no change between the two calls is missed. May return early. */
void spool_wait(Spool *spool, gint64 due);
void spool_wake(Spool *spool);

/* The job waits for seconds, state unchanged; why is for people (no secrets). It waits even where
 * that can't be written. */
bool spool_job_wait(SpoolClaim *claim, unsigned seconds, const char *why, GError **error);

/* By hand. One job out of turn, whatever it waits for; no worker takes it meanwhile. A worker that
 * has it is waited for, at most seconds (then SPOOL_ERROR_BUSY). ANSWER_NO: no unfinished job has
 * this id. */
Answer spool_claim_this(Spool *spool, const char *id, unsigned seconds, SpoolClaim **claim,
                        GError **error);
/* Whether the next slice has an intent: it may be half applied. */
bool spool_claim_is_unsettled(const SpoolClaim *claim);
/* The wait ends now, and the pauses begin anew; a response that waits to be fetched is mailed. */
bool spool_job_hurry(SpoolClaim *claim, GError **error);
/* ANSWER_FAILED → SENDING: the response that was kept is handed over once more. ANSWER_NO: no job
 * of this id is ANSWER_FAILED. */
Answer spool_job_send_again(Spool *spool, const char *id, GError **error);

/* RECEIVED. The mail again, unsealed; reads fail with SEAL_ERROR. A file that is gone:
 * SPOOL_ERROR_KEY. */
GInputStream *spool_mail_open(SpoolClaim *claim, GError **error);
/* Slices are stored one after the other (sealed, not yet synced) … */
typedef struct SpoolRows SpoolRows;
SpoolRows *spool_rows_new(SpoolClaim *claim, GError **error);
bool spool_rows_add(SpoolRows *rows, GVariant *slice /* TABLE_ROWS_TYPE */, unsigned count,
                    const char *const *domains, GError **error);
/* Every slice claims the domains of all: for a job that is done as a whole. */
void spool_rows_share_domains(SpoolRows *rows);
/* What is to be told about the file as a whole, kept with the headline; NULL: nothing. */
void spool_rows_note(SpoolRows *rows, const char *note);
void spool_rows_free(SpoolRows *rows);
/* … and made the job's in the commit of the verdict: RECEIVED → WORKING (no rows: → REPORTING).
 * The mail, and with it the administrator's password, is deleted by this commit. head_names: the
 * headline. Takes rows over in any case. */
bool spool_job_proved(SpoolClaim *claim, const char *reference, Mode mode,
                      const char *const *head_names, SpoolRows *rows, GError **error);
/* A whole-request error. */
typedef struct {
    const char *reference; /* or NULL */
    const char *sentence;  /* for the administrator */
    unsigned pause;        /* seconds in which the response is not built */
    bool proven;           /* the proof held before */
    /* Most responses to unproven requests that one address gets in an hour (all of a domain
     * together, where the grant is the domain's); 0: this one goes in any case, and does not count.
     */
    unsigned answers_max;
    const Lockout *lockout; /* the pair's count from now on, or NULL */
    const LockoutRules *rules;
} SpoolRefusal;
/* RECEIVED → REPORTING, or → DONE without a response where the address got as many as it may;
 * waiting then says so. Deletes the mail. */
bool spool_job_refused(SpoolClaim *claim, const SpoolRefusal *refusal, GError **error);
/* What is counted against the job's requester at its client; cleared by the caller. */
bool spool_job_lockout(SpoolClaim *claim, Lockout *lockout, GError **error);

/* WORKING: at which server of the directory the job goes on. Stored with the next commit (with its
 * first intent), or before this returns where it was another one before. */
bool spool_job_at_server(SpoolClaim *claim, const char *server, GError **error);

/* WORKING: the slice at slices_done. */
GStrv spool_head_names(SpoolClaim *claim, GError **error);
GVariant *spool_slice_rows(SpoolClaim *claim, unsigned number, GError **error);
/* The intent: committed before the first write; replaced when rows are planned anew. _load:
 * ANSWER_NO where none is stored. */
bool spool_intent_store(SpoolClaim *claim, GVariant *intent, GError **error);
Answer spool_intent_load(SpoolClaim *claim, const char *type, GVariant **intent, GError **error);
/* Outcomes (a(u(ymsmsmsms)): line, outcome) and position in one commit; the intent goes, and so do
 * the slice's secrets at the end of the job. The last slice: WORKING → REPORTING. started is set
 * with the first intent or slice. */
#define SPOOL_OUTCOMES_TYPE "a(u" OUTCOME_TYPE ")"
/* What a slice has changed in the directory: line, the row's result, and the change. It goes into
 * the audit with the outcomes' commit, so that it is there once, or not yet. NULL: nothing. */
#define SPOOL_TRAIL_TYPE "a(us" AUDIT_CHANGE_TYPE ")"
bool spool_slice_done(SpoolClaim *claim, GVariant *outcomes, const unsigned counts[RESULT_COUNT],
                      GVariant *trail, GError **error);

/* The slice ahead: the one after the present one, planned while that one is settled, so that its
 * intent can be committed with the present one's outcomes, and the worker goes on at once.
 *
 * _claim: ANSWER_YES where the queue would hand this job out again if it was given back now; from
 * then on the claim holds the domains of the slice ahead, too. ANSWER_NO: others come first, or
 * there is none. _keep: the same is asked once more, at the end of the present slice, and whether
 * there is room for the intent (NULL: none); false: the slice ahead is let go. _intent: sealed, to
 * be handed to spool_slice_done_ahead(), which is spool_slice_done() with the intent of the slice
 * ahead (NULL: it writes nothing) in the same commit. Any thread may call _intent and
 * spool_slice_rows(), one at a time, while another settles. */
Answer spool_ahead_claim(SpoolClaim *claim, GError **error);
GBytes *spool_ahead_intent(const SpoolClaim *claim, GVariant *intent);
bool spool_ahead_keep(SpoolClaim *claim, GBytes *intent);
void spool_ahead_drop(SpoolClaim *claim);
bool spool_slice_done_ahead(SpoolClaim *claim, GVariant *outcomes,
                            const unsigned counts[RESULT_COUNT], GVariant *trail, GBytes *intent,
                            GError **error);

/* What a job that is only checked, or still planned, would have changed so far, and what else it
 * must not forget, kept until it ends: effects by name (a later one replaces an earlier one), and
 * which of them may have a member. Names and members are
 * stored as keyed hashes, effects sealed. */
typedef struct SpoolEffects SpoolEffects;
SpoolEffects *spool_effects_new(SpoolClaim *claim);
void spool_effects_add(SpoolEffects *effects, const char *name, GVariant *effect);
void spool_effects_join(SpoolEffects *effects, const char *member, const char *name);
void spool_effects_free(SpoolEffects *effects);
/* spool_intent_store() with effects in the same commit. */
bool spool_intent_store_with(SpoolClaim *claim, GVariant *intent, const SpoolEffects *effects,
                             GError **error);
/* One step of a job in MODE_ATOMIC, or of a slice that takes several: all in one commit, in which
 * the intent goes. */
typedef struct {
    JobState state; /* WORKING, or REPORTING at its end */
    JobPhase phase;
    unsigned slice;                /* the next one */
    GVariant *outcomes;            /* of the present slice, replacing others; NULL: as they are */
    const SpoolEffects *effects;   /* or NULL */
    GVariant *trail;               /* SPOOL_TRAIL_TYPE or NULL */
    GVariant *undone;              /* "au" or NULL: lines whose changes have been taken back */
    unsigned counts[RESULT_COUNT]; /* of the whole job from now on */
} SpoolStep;
bool spool_slice_step(SpoolClaim *claim, const SpoolStep *step, GError **error);
/* spool_slice_done() with the effects of the slice in the same commit. */
bool spool_slice_checked(SpoolClaim *claim, GVariant *outcomes, const unsigned counts[RESULT_COUNT],
                         const SpoolEffects *effects, GError **error);
/* ANSWER_NO: there is none of that name. */
Answer spool_effect_load(SpoolClaim *claim, const char *name, const char *type, GVariant **effect,
                         GError **error);
/* All effects that were joined with the member (of GVariant); owned by the caller. */
GPtrArray *spool_effects_with(SpoolClaim *claim, const char *member, const char *type,
                              GError **error);

/* REPORTING: what is told. The note of spool_rows_note(), or NULL; owned by the caller. */
bool spool_note(SpoolClaim *claim, char **note, GError **error);
GVariant *spool_slice_outcomes(SpoolClaim *claim, unsigned slice, GError **error);
/* A sealed stream for the response; closing it writes it to its end, and _stored() syncs it and
 * commits REPORTING → SENDING. A second _create starts anew; in SENDING it replaces the response
 * that was refused. */
GOutputStream *spool_response_create(SpoolClaim *claim, GError **error);
/* What the response tells of the rows goes into the job's record with it: some of them, done as
 * they are, are told as failed. */
void spool_response_counts(SpoolClaim *claim, const unsigned counts[RESULT_COUNT]);
bool spool_response_stored(SpoolClaim *claim, GError **error);

/* SENDING. */
GInputStream *spool_response_open(SpoolClaim *claim, GError **error);
/* The MTA has taken the response. Known until the daemon ends, so that a mark that can't be written
 * (a full disk) does not send it again. */
void spool_response_handed_over(SpoolClaim *claim);
bool spool_response_is_handed_over(const SpoolClaim *claim);
/* WORKING, REPORTING, SENDING → REPORTING with a whole-request error, of a job that can't go on
 * since what is stored of it is damaged (job_is_damaged()). Contents are deleted, half done rows
 * stay as they are. */
bool spool_job_broken_off(SpoolClaim *claim, const char *refusal, GError **error);
/* SENDING → DONE; contents are deleted. */
bool spool_job_done(SpoolClaim *claim, GError **error);
/* SENDING → ANSWER_FAILED; why (then in waiting) is for people. Rows are deleted, the response is
 * kept. */
bool spool_job_answer_failed(SpoolClaim *claim, const char *why, GError **error);

/* Records and contents past their days are removed; a WAL grown long is cut. Now and then. */
bool spool_expire(Spool *spool, GError **error);

/* --- looking: any thread, also read-only --- */

/* Calls found for each job, oldest first; finished ones only where all. It must not call the spool.
 */
bool spool_list(Spool *spool, bool all, void (*found)(gpointer data, const Job *job), gpointer data,
                GError **error);
/* One change of the audit. It outlives the job. */
typedef struct {
    gint64 number; /* grows */
    gint64 time;   /* of the commit */
    const char *job;
    unsigned line;
    const char *requester;
    const char *proof; /* "password", "sasl", "password+dkim", …, or "command": by who may use the
                          command */
    const char *origin; /* client address, or "uid N" of who used the command */
    const char *address, *type, *action;
    const char *result; /* of the row; "undone": the change was taken back */
    GVariant *fields;   /* AUDIT_FIELDS_TYPE */
} AuditLine;
/* NULL or 0: any. */
typedef struct {
    const char *job, *address, *requester;
    gint64 since, until; /* from and before, microseconds since 1970 */
} AuditFilter;
/* Calls found for the changes after number *after (0: from the first on), at most limit of them,
 * and sets *after to the last that was looked at. *more: not all were seen. found must not call the
 * spool. */
bool spool_audit_list(Spool *spool, const AuditFilter *filter, unsigned limit, gint64 *after,
                      bool *more, void (*found)(gpointer data, const AuditLine *line),
                      gpointer data, GError **error);
/* ANSWER_YES: *job, owned by the caller. */
Answer spool_find(Spool *spool, const char *id, Job **job, GError **error);

/* Calls found for each pair that wrong passwords are counted for, by sender. It must not call the
 * spool. */
bool spool_lockouts(Spool *spool, void (*found)(gpointer data, const Lockout *lockout),
                    gpointer data, GError **error);
/* Forgets the count of a pair, or of all of a sender's pairs (client NULL), and wakes what waited
 * for it; not read-only. *count: pairs. */
bool spool_lockout_release(Spool *spool, const char *sender, const char *client, unsigned *count,
                           GError **error);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(Job, job_free)
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Spool, spool_close)
G_DEFINE_AUTOPTR_CLEANUP_FUNC(SpoolIntake, spool_intake_free)
G_DEFINE_AUTOPTR_CLEANUP_FUNC(SpoolClaim, spool_claim_release)
G_DEFINE_AUTOPTR_CLEANUP_FUNC(SpoolRows, spool_rows_free)
G_DEFINE_AUTOPTR_CLEANUP_FUNC(SpoolEffects, spool_effects_free)
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(JobFacts, job_facts_clear)

#endif
