/* SPDX-License-Identifier: MIT */
#ifndef BATCHLOAD_SPOOL_PRIVATE_H
#define BATCHLOAD_SPOOL_PRIVATE_H

#include "lib/spool-content.h"
#include "lib/spool-queue.h"
#include "lib/spool-store.h"

/* What the spool's sources share. lock guards queue, jobs, bytes, loads, generation and seen; the
 * store has a mutex of its own and is never called with lock held. */
struct Spool {
    unsigned jobs_max, client_jobs_max, requester_jobs_max;
    guint64 bytes_max, client_bytes_max, requester_bytes_max, free_min;
    unsigned duplicate_days, keep_days, audit_days, unproven_records_max;
    SealKey *key;      /* NULL: read only, as are files and queue */
    SpoolFiles *files; /* holds the lock on the folder */
    const SpoolStoreType *type;
    SpoolStore *store;

    GMutex lock;
    GCond changed;  /* who waits for something to do */
    GCond released; /* who waits for one job */
    SpoolQueue *queue;
    unsigned jobs;      /* unfinished, with those that are coming in */
    guint64 bytes;      /* of them */
    GHashTable *loads;  /* the same by whom they count against; lib/spool-room.c */
    unsigned refused;   /* since records of unproven jobs were last counted */
    guint64 generation; /* grows with each change that may make something claimable */
    GHashTable *seen;   /* GThread → generation of its last look, owned */
    GCond called;       /* who waits for calls of add-ons */
    guint64 calls;      /* grows with each change that may make one due */
};

struct SpoolClaim {
    Spool *spool;
    SpoolEntry *entry;
    bool mail_in_store;      /* the mail is small: no file is removed when it goes */
    GBytes *rows;            /* for reading; NULL: not yet, or a file */
    int rows_fd;             /* likewise; -1: not yet, or none */
    SpoolSink *sink;         /* of the response; NULL: none */
    GOutputStream *response; /* being written into sink */
    bool recounted;          /* counts go with the response */
    unsigned counts[RESULT_COUNT];
    GPtrArray *calls; /* of SpoolCall, sealed: for the next commit of a slice; or NULL */
};

/* A claim on an entry that was taken; the caller holds the lock. */
SpoolClaim *spool_claim_new(Spool *spool, SpoolEntry *entry);
/* Whether the spool has not failed, else SPOOL_ERROR_STORE. */
bool spool_usable(Spool *spool, GError **error);

/* Nothing is known of the disk any more: the database is closed. */
void spool_fail(Spool *spool);
/* Removes a file, unless the spool failed: then the row decides at the next start. */
void spool_drop(Spool *spool, SpoolFolder folder, const char *name);
/* Something may be claimable: wakes one who waits, and it the next where there is more to do, so
 * that not all look for what one of them does. The caller holds the lock. */
void spool_changed(Spool *spool);
/* All are to look again: a job is free, or the spool has failed. The caller holds the lock. */
void spool_changed_all(Spool *spool);

/* Calls may be due that were not. The caller holds the lock. */
void spool_calls_changed(Spool *spool);

/* Room; the caller holds the lock. _take: for one job that comes in; _grow: for bytes more of it;
 * false with SPOOL_ERROR_FULL. _add and _remove: of a job that is there, or is no more. */
bool spool_room_take(Spool *spool, const JobFacts *facts, GError **error);
bool spool_room_grow(Spool *spool, const JobFacts *facts, guint64 bytes, GError **error);
void spool_room_add(Spool *spool, const JobFacts *facts, bool proven, guint64 bytes);
void spool_room_remove(Spool *spool, const JobFacts *facts, bool proven, guint64 bytes);

/* Bytes on the disk beside the sealed ones themselves that a commit takes. */
#define SPOOL_COMMIT_BYTES 65536u

/* The slice of a number, with an error where it is not there. Caller owns it. */
SpoolSlice *spool_slice_find(SpoolClaim *claim, unsigned number, GError **error);

/* Whether there is room on the disk for a commit of so many bytes, else SPOOL_ERROR_STORE: large
 * ones ask, so that what is kept for small ones (spool_sqlite_reserve()) lasts while the disk is
 * full. */
bool spool_disk_has_room(const Spool *spool, guint64 bytes, GError **error);

/* Changing a claimed job: a copy to change and commit, whose strings are still the job's own; a
 * committed copy is taken over (slice, taken over, is the next one of a job in WORKING); whether
 * the job is in this state. */
Job spool_job_next(const SpoolClaim *claim, JobState state);
void spool_job_adopt(SpoolClaim *claim, const Job *next, SpoolSlice *slice);
bool spool_job_expect(const SpoolClaim *claim, JobState state, GError **error);

/* Removes records of unproven jobs beyond their limit. */
bool spool_trim_unproven(Spool *spool, GError **error);
/* The pauses after wrong passwords that the store knows, for the queue. */
bool spool_pauses_load(Spool *spool, GError **error);

/* A job that keeps its domains from its first slice to its last. */
bool spool_job_is_whole(const Job *job);
Spool *spool_claim_spool(const SpoolClaim *claim);

/* "ID/purpose" or, for a slice, "ID/purpose/N"; owned by the caller. */
char *spool_label(const char *id, const char *purpose);
char *spool_slice_label(const char *id, const char *purpose, unsigned slice);
GBytes *spool_seal_variant(const Spool *spool, const char *label, GVariant *value);
/* A full reference, or NULL with SPOOL_ERROR_KEY. */
GVariant *spool_unseal_variant(const Spool *spool, const char *label, const char *type,
                               gconstpointer data, gsize size, GError **error);

#endif
