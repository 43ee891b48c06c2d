/* SPDX-License-Identifier: MIT */
#ifndef BATCHLOAD_SPOOL_STORE_H
#define BATCHLOAD_SPOOL_STORE_H

#include "lib/spool-call.h"
#include "lib/spool-files.h"

/* The table of functions behind which the spool's rows lie. What it is given is sealed already.
 * Every function is one short transaction and may be called by any thread; they are serialised
 * inside. Only lib/spool*.c includes this. Errors are SPOOL_ERROR_STORE unless said otherwise. */

typedef struct SpoolStore SpoolStore;

/* Where a slice lies in the job's rows, and what it touches. */
typedef struct {
    guint64 offset; /* of the sealed bytes */
    guint32 size;
    guint32 first_line;
    guint32 count;
    GStrv domains; /* "*": all */
} SpoolSlice;
void spool_slice_free(SpoolSlice *slice);

/* What is added to the overlay of a job. */
struct SpoolEffects {
    Spool *spool;
    char *job;
    GPtrArray *names;   /* of char *: keyed hashes */
    GPtrArray *sealed;  /* of GBytes: one for each name */
    GPtrArray *members; /* of char *: keyed hashes */
    GPtrArray *joined;  /* of char *: the name for each member */
};

/* What comes into the audit. */
typedef struct {
    gint64 time;
    const char *proof, *origin;
    GVariant *trail;  /* SPOOL_TRAIL_TYPE or NULL */
    GVariant *undone; /* "au" or NULL */
    GPtrArray *calls; /* of SpoolCall, sealed, or NULL */
} SpoolChanges;

typedef void (*SpoolAuditFunc)(gpointer data, const AuditLine *line);
typedef void (*SpoolFoundFunc)(gpointer data, const Job *job);

/* An unproven job that is refused: answered, or ended without, where the address got answers_max
 * within the hour before now (0: no limit, and the answer does not count). */
typedef struct {
    const Job *answered, *ended;
    unsigned answers_max;
    gint64 now;
    const Lockout *lockout; /* to be stored, or NULL */
    const LockoutRules *rules;
} SpoolRefused;

/* Under what a refusal of an unproven job counts: first the address, or the domain ("@domain")
 * where the grant is the domain's; then all of the domain ("*@domain"), for which the limit is
 * SPOOL_REFUSALS_OF_DOMAIN times as high: a pattern may give many an address a grant of its own.
 * Owned by the caller. */
#define SPOOL_REFUSALS_OF_DOMAIN 10
GStrv spool_refusal_keys(const JobFacts *facts);

typedef void (*SpoolLockoutFunc)(gpointer data, const Lockout *lockout);

typedef struct {
    const char *name;

    /* Opens (and makes or upgrades) the store in a folder that was found safe. A newer version:
     * SPOOL_ERROR_UNSAFE. readonly writes nothing. */
    SpoolStore *(*open)(const char *directory, bool readonly, GError **error);
    void (*close)(SpoolStore *store);

    /* Closes the handle for good: every later call fails. Called by the store itself when a write
     * or sync failed and what is on the disk is not known. */
    void (*fail)(SpoolStore *store);
    bool (*failed)(SpoolStore *store);

    /* A small value of the spool as a whole; NULL as value reads. ANSWER_NO: none. */
    Answer (*canary_load)(SpoolStore *store, GBytes **value, GError **error);
    bool (*canary_store)(SpoolStore *store, GBytes *value, GError **error);

    /* A new job, and its mail where that is small (lib/spool-content.h), or NULL. ANSWER_NO: the
     * key is another job's, *first names it, owned by the caller. */
    Answer (*add)(SpoolStore *store, const Job *job, const char *key, GBytes *mail, char **first,
                  GError **error);
    /* Everything of the job that can change. contents: intent, outcomes, slices, headline and
     * overlay, mail, rows and response are deleted in the same transaction (in JOB_ANSWER_FAILED
     * not the response). */
    bool (*save)(SpoolStore *store, const Job *job, bool contents, GError **error);
    /* save() with the headline, the index of all slices (of SpoolSlice) and the rows where they are
     * small, or NULL; the mail is deleted, wrong passwords of the pair are forgotten. later: the
     * disk may have it later, but not after the next commit that is not so. */
    bool (*prove)(SpoolStore *store, const Job *job, GBytes *head, GPtrArray *slices, GBytes *rows,
                  bool later, GError **error);
    bool (*intent_store)(SpoolStore *store, const Job *job, unsigned slice, GBytes *intent,
                         const SpoolEffects *effects, GError **error);
    /* save() with the slice's outcomes, effects and changes (each may be NULL); the intent is
     * deleted, and in its place comes that of the job's next slice (or NULL). later as with
     * prove(). */
    bool (*slice_done)(SpoolStore *store, const Job *job, unsigned slice, GBytes *outcomes,
                       const SpoolEffects *effects, const SpoolChanges *changes, bool later,
                       GBytes *intent, GError **error);
    /* save() with the response where it is small; NULL: it is a file. */
    bool (*answer)(SpoolStore *store, const Job *job, GBytes *response, GError **error);

    /* ANSWER_NO: none stored. Results are owned by the caller. */
    Answer (*content_load)(SpoolStore *store, const char *id, SpoolFolder kind, GBytes **content,
                           GError **error);
    Answer (*head_load)(SpoolStore *store, const char *id, GBytes **head, GError **error);
    Answer (*slice_load)(SpoolStore *store, const char *id, unsigned slice, SpoolSlice **found,
                         GError **error);
    Answer (*intent_load)(SpoolStore *store, const char *id, unsigned slice, GBytes **intent,
                          GError **error);
    Answer (*outcomes_load)(SpoolStore *store, const char *id, unsigned slice, GBytes **outcomes,
                            GError **error);

    Answer (*effect_load)(SpoolStore *store, const char *id, const char *name, GBytes **effect,
                          GError **error);
    /* Appends names (of char *) and their effects (of GBytes); both arrays own what they get. */
    bool (*effects_with)(SpoolStore *store, const char *id, const char *member, GPtrArray *names,
                         GPtrArray *effects, GError **error);

    bool (*list)(SpoolStore *store, bool all, SpoolFoundFunc found, gpointer data, GError **error);
    Answer (*find)(SpoolStore *store, const char *id, Job **job, GError **error);

    /* ANSWER_YES: answered was saved, ANSWER_NO: ended. The mail is deleted. Wrong passwords are
     * forgotten if the job is proven. */
    Answer (*refuse)(SpoolStore *store, const SpoolRefused *refused, GError **error);
    /* Of one pair; lockout is filled where there is one. */
    Answer (*lockout_load)(SpoolStore *store, const char *sender, const char *client,
                           Lockout *lockout, GError **error);
    bool (*lockouts)(SpoolStore *store, SpoolLockoutFunc found, gpointer data, GError **error);
    /* client NULL: all of the sender. */
    bool (*lockout_release)(SpoolStore *store, const char *sender, const char *client,
                            unsigned *count, GError **error);
    bool (*audit_list)(SpoolStore *store, const AuditFilter *filter, unsigned limit, gint64 *after,
                       bool *more, SpoolAuditFunc found, gpointer data, GError **error);
    /* Forgets changes made before then, of the limit oldest. *more: so many went. */
    bool (*audit_expire)(SpoolStore *store, gint64 before, unsigned limit, bool *more,
                         GError **error);

    /* Calls of add-ons (lib/spool-call.h). _next: sealed; *due where there is none. _after: failed,
     * with reason, to be tried again not before then. _open: *last is when the last one was stored.
     * _change: hurried or dropped. */
    Answer (*calls_have_room)(SpoolStore *store, unsigned max, GError **error);
    Answer (*call_next)(SpoolStore *store, const char *addon, gint64 now, SpoolCall **call,
                        gint64 *due, GError **error);
    bool (*call_done)(SpoolStore *store, gint64 number, GError **error);
    bool (*call_after)(SpoolStore *store, gint64 number, const char *reason, gint64 not_before,
                       GError **error);
    Answer (*calls_open)(SpoolStore *store, const char *job, gint64 *last, GError **error);
    bool (*calls_list)(SpoolStore *store, const char *job, SpoolCallFunc found, gpointer data,
                       GError **error);
    bool (*calls_change)(SpoolStore *store, const char *job, bool drop, unsigned *count,
                         GError **error);

    /* Forgets finished jobs that proved nothing, but for the youngest max; their ids are added to
     * gone (of char *). */
    bool (*trim_unproven)(SpoolStore *store, unsigned max, GPtrArray *gone, GError **error);
    /* Forgets the keys of finished jobs received before keys_before and the records of jobs
     * finished before records_before; their ids are added to gone (of char *). Cuts the log. */
    bool (*expire)(SpoolStore *store, gint64 keys_before, gint64 records_before, GPtrArray *gone,
                   GError **error);
} SpoolStoreType;

extern const SpoolStoreType spool_store_sqlite;

G_DEFINE_AUTOPTR_CLEANUP_FUNC(SpoolSlice, spool_slice_free)

#endif
