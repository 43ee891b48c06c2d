/* SPDX-License-Identifier: MIT */
#ifndef BATCHLOAD_SETTLE_PRIVATE_H
#define BATCHLOAD_SETTLE_PRIVATE_H

#include "lib/settle.h"

/* What the sources of this room share. */

typedef enum {
    VERDICT_NONE,   /* nothing to do: done, or its outcome stands */
    VERDICT_SEND,   /* some of its writes are to be sent */
    VERDICT_REPLAN, /* to be planned anew */
    VERDICT_RENEW,  /* its entry is deleted, only removals from lists are to be made anew */
} Verdict;

typedef enum { STAGE_OPEN, STAGE_QUEUED, STAGE_HELD, STAGE_STUCK, STAGE_DONE } Stage;

/* How far a write is. */
typedef enum {
    PART_OPEN,
    PART_PASSWORD, /* done but for its password, which may be set, too */
    PART_CLAIMED,  /* a deletion: the entry has its mark, and is there still */
    PART_DONE,
} Part;

/* A write among those on the same entry. before and after are those that it follows, or that follow
 * it, without a need for more than that the one before is done, or is done by the same request. */
typedef struct Link {
    guint at;     /* index of its row */
    guint number; /* which of the row's writes it is */
    struct Link *before, *after;
} Link;

/* How far a row is. */
typedef struct {
    Stage stage;
    Verdict verdict;
    Part *parts;         /* per write */
    Link *links;         /* per write */
    guint follower;      /* the last row (index + 1) of which links_stamp() was told to follow it */
    bool conflict;       /* a write met another state since the row was planned */
    bool mismatch;       /* what stands there is not what the plan expects */
    bool proven;         /* a row that needs it is done, so it is */
    bool disturbed;      /* its effect is not what the rows that need it were planned on */
    PlannedRow *refused; /* as it was planned, until those that need it are planned anew; or NULL */
    unsigned replans;    /* for its own sake, not for an earlier row's */
} Track;

typedef struct {
    const Settle *settle;
    GPtrArray *rows;
    Track *tracks;
    GHashTable *index;   /* line → index + 1 */
    GHashTable *deletes; /* DN → line of the last row that deletes it; DNs borrowed */
    GHashTable *states;  /* DN → State */
    bool passwords;      /* some have been sent */
} Work;

static inline PlannedRow *row_at(const Work *work, guint at)
{
    return work->rows->pdata[at];
}

static inline guint writes_of(const PlannedRow *row)
{
    return row->writes ? row->writes->len : 0;
}

static inline const Operation *operation_at(const Work *work, guint at)
{
    return work->settle->operations->pdata[at];
}

/* The index + 1 of the row that a row needs, or 0. */
static inline guint need_at(const Work *work, const PlannedRow *row, guint number)
{
    unsigned line = g_array_index(row->needs, unsigned, number);
    return GPOINTER_TO_UINT(g_hash_table_lookup(work->index, GUINT_TO_POINTER(line)));
}

/* What is done of the row's plan, and of those before it, goes into the trail of to. */
void settle_follow_up(const Work *work, guint at, PlannedRow *to);

/* Finds which writes follow one another, for all rows that are not done. */
void links_find(Work *work);
/* Sets follower in the tracks of all rows that a row's writes follow. */
void links_stamp(Work *work, guint at);

/* Sends the rows before end that are to be sent. ANSWER_YES: every write that was sent has a sure
 * end. */
Answer settle_send(Work *work, guint end, GError **error);

#endif
