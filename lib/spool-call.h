/* SPDX-License-Identifier: MIT */
#ifndef BATCHLOAD_SPOOL_CALL_H
#define BATCHLOAD_SPOOL_CALL_H

#include "lib/secret.h"
#include "lib/spool.h"

/* Calls of add-ons: what must happen elsewhere after the directory has changed. They are stored in
 * the commit of the slice that changed it, outlive its job, and stay until they are done or dropped
 * by hand. What a call says is sealed; its password goes with it. */

/* Most calls that wait: with more, no further slice is worked on. */
#define SPOOL_CALLS_MAX 100000
/* So many times a call is tried before its row is told as failed. */
#define SPOOL_CALL_TRIES 3
/* Longest reason that is kept of a failed call, in bytes. */
#define SPOOL_CALL_REASON_MAX 300

typedef struct {
    gint64 number; /* grows; 0: not stored yet */
    char *job;
    unsigned line;
    char *addon;
    char *domain, *object; /* whom it concerns; object "": the domain as a whole */
    char *name;            /* of the call */
    GPtrArray *arguments;  /* of char *; NULL in a list */
    Secret *password;      /* or NULL */
    bool password_hashed;
    unsigned attempts;
    gint64 not_before, made;
    char *reason;   /* why it failed last, or NULL */
    GBytes *sealed; /* the spool's own: what it says */
} SpoolCall;
void spool_call_free(SpoolCall *call);

/* Goes with the claim's next commit of a slice. Takes calls over (of SpoolCall, with a free
 * function). */
void spool_calls_put(SpoolClaim *claim, GPtrArray *calls);
/* Whether there is room for more; ANSWER_NO: not now. */
Answer spool_calls_have_room(Spool *spool, GError **error);

/* The next call of an add-on that is due: one for which no earlier one of the same object, or of
 * the domain as a whole, waits (that of a domain as a whole waits for all of it), and whose job is
 * not one that may still be taken back. ANSWER_NO: none; *due as with spool_claim(). One thread an
 * add-on. Caller owns *call. What can't be unsealed: ANSWER_UNKNOWN, and it waits. */
Answer spool_call_next(Spool *spool, const char *addon, SpoolCall **call, gint64 *due,
                       GError **error);
/* It is done, and forgotten; or it failed, and is tried again after so many seconds. */
bool spool_call_done(Spool *spool, const SpoolCall *call, GError **error);
bool spool_call_failed(Spool *spool, const SpoolCall *call, const char *reason, unsigned seconds,
                       GError **error);

/* Blocks until calls came, or were hurried, since spool_calls_seen() gave that number, until due,
 * or spool_calls_wake(); several threads. May return early. */
guint64 spool_calls_seen(Spool *spool);
void spool_calls_wait(Spool *spool, guint64 seen, gint64 due);
void spool_calls_wake(Spool *spool);

/* Of a job: ANSWER_YES while one of its calls may still succeed soon: it was not tried
 * SPOOL_CALL_TRIES times, nor is one before it that it waits for; and less than seconds have passed
 * since the last one was stored. */
Answer spool_calls_open(SpoolClaim *claim, unsigned seconds, GError **error);
/* The claimed job, in REPORTING, is not taken before until, unless one of its calls ends. In memory
 * only. */
void spool_job_await(SpoolClaim *claim, gint64 until);

/* Calls found for each call that waits, of a job (NULL: of all), in order, without what it says. It
 * must not call the spool. Also read-only. */
typedef void (*SpoolCallFunc)(gpointer data, const SpoolCall *call);
bool spool_calls_list(Spool *spool, const char *job, SpoolCallFunc found, gpointer data,
                      GError **error);
/* By hand, of a job: they are tried at once, or dropped. *count: how many. */
bool spool_calls_hurry(Spool *spool, const char *job, unsigned *count, GError **error);
bool spool_calls_drop(Spool *spool, const char *job, unsigned *count, GError **error);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(SpoolCall, spool_call_free)

#endif
