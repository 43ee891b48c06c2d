/* SPDX-License-Identifier: MIT */
#ifndef BATCHLOAD_SPOOL_QUEUE_H
#define BATCHLOAD_SPOOL_QUEUE_H

#include "lib/spool-store.h"

/* The unfinished jobs in memory, and who is next. The caller guards it with one mutex.
 *
 * Order. Proven jobs (WORKING) of one requester are applied one after the other, in order of
 * arrival; one that was begun is finished first. Unproven ones (RECEIVED) stand in the queue of
 * their client, out of the requester's, so that forged mail can't delay anyone: each client's are
 * opened one at a time, requesters taking turns, of each in order of arrival. One that waits lets
 * its client's others pass, but for those of the same requester: of one requester and client
 * nothing overtakes. A later job may be opened, but not applied, while an earlier one is applied.
 * REPORTING and SENDING hold up nothing.
 *
 * Turns. Of the queues with something ready the one served longest ago is next (a turn counts from
 * its end: a slice may take long, and a short report meanwhile is no second turn); an opening comes
 * after proven work where the last turn was an opening. Slices that share a domain are never out
 * together; one that is held up only so is not passed by younger turns on its domains. A slice
 * whose intent is stored may be half applied: it holds its domains until it is settled, also while
 * it waits, for nobody plans against what nobody knows. */
typedef struct SpoolParty SpoolParty; /* somebody who takes turns */

typedef struct {
    Job *job;
    SpoolSlice *slice; /* WORKING: the next one */
    SpoolSlice
        *ahead; /* the one after it, while its claim holds that one's domains, too; or NULL */
    bool claimed;
    bool wanted;      /* somebody waits for it by hand: it is not taken */
    bool unsettled;   /* the slice has an intent, or the job holds its domains to its end */
    bool awaits;      /* REPORTING: until one of its calls ends */
    bool handed_over; /* SENDING: the MTA has the response, only the mark is missing */
    guint64 order;
    guint64 since;                         /* turns that were taken when it came */
    SpoolParty *requester, *client, *pair; /* pair: requester and client */
    SpoolParty *turn_of;                   /* whose turn the claim is */
} SpoolEntry;

typedef struct SpoolQueue SpoolQueue;

SpoolQueue *spool_queue_new(void);
void spool_queue_free(SpoolQueue *queue);

/* Appends; job and slice are taken over. The entry is the queue's. */
SpoolEntry *spool_queue_add(SpoolQueue *queue, Job *job, SpoolSlice *slice);

/* No job of this sender that came from this client (spool_client_key()) is opened before until; 0
 * ends that. client NULL, with 0 only: all of the sender. */
void spool_queue_pause(SpoolQueue *queue, const char *sender, const char *client, gint64 until);

/* The next entry to be worked on, marked as claimed, or NULL; then *due is when the next wait
 * ends. */
SpoolEntry *spool_queue_take(SpoolQueue *queue, gint64 now, gint64 *due);

/* Whether the last take had another one to choose from (which may wait for the domains of the one
 * that was taken). */
bool spool_queue_has_more(const SpoolQueue *queue);

/* Whether a claimed entry would be the next one, with slice ahead, if it was given back now and
 * nobody else took one. If so, and keep, it is as if that had happened: it stays claimed. */
bool spool_queue_again(SpoolQueue *queue, SpoolEntry *entry, SpoolSlice *ahead, bool keep,
                       gint64 now);

/* The entry of a job, or NULL. */
SpoolEntry *spool_queue_find(const SpoolQueue *queue, const char *id);
/* Claims an entry that is not claimed, out of turn. */
void spool_queue_take_this(SpoolEntry *entry);

/* Ends a claim. A finished job's entry is freed. */
void spool_queue_give_back(SpoolQueue *queue, SpoolEntry *entry);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(SpoolQueue, spool_queue_free)

#endif
