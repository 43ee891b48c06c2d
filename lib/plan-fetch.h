/* SPDX-License-Identifier: MIT */
#ifndef BATCHLOAD_PLAN_FETCH_H
#define BATCHLOAD_PLAN_FETCH_H

#include "lib/plan-view.h"

/* What the sources of the view share: what it holds, and how that is read from the directory. */

struct View {
    const PlanContext *context;
    GHashTable *places;      /* key of the DN → Place */
    GHashTable *addresses;   /* normal form → Place; borrowed from places */
    Place *own;              /* the last one that was asked for whole, a row's own; or NULL */
    GHashTable *lists;       /* those places that have what refers to addresses, read whole */
    GHashTable *containers;  /* domain → key of its DN; kept for good */
    GHashTable *lists_known; /* addresses whose lists have been looked for */
    gsize values;            /* of all entries that may be forgotten again */
    unsigned first;          /* line of the slice's first row; those before are as good as done */
    guint at_once; /* entries that the directory gives in one answer, as far as is known */
};

/* Entries that one search is expected to find at most. Below the limit that servers have by
 * default (500), so that a few which bear an address twice find room. */
#define FETCH_MAX 450
/* Entries besides that may bear one of its addresses. */
#define FETCH_DOUBLES_MAX 10

/* One spelling of a DN for comparison. Caller owns the result. */
char *view_key(const char *dn);
/* The key of the DN below which the addresses of a domain lie; owned by the view. */
const char *view_container(View *view, const char *domain);

/* Counts what is seen anew. */
void view_weigh(View *view, Seen *seen);

/* Notes in the list of an address who is on it, once all who refer to it are known. */
void view_tell(View *view, const Address *address);
/* The same where a change has just made an entry of what it was: lists (of char *) are those that
 * it may be about; was: the addresses by which it was on those in was_on (of char * each). */
void view_retell(View *view, const GPtrArray *lists, const Place *place, const GPtrArray *was_on,
                 GPtrArray *was);
/* Forgets that. */
void view_untell(const View *view, Seen *seen);

/* The place of a domain, nothing of which is read. */
Place *view_domain_place(View *view, const char *domain);

/* The place of a key. */
Place *view_place_at(View *view, const char *key);

/* Lays down what an earlier slice made of a place, which is not known yet, or only in part.
 * ANSWER_NO: nothing. */
Answer view_recall(View *view, Place *place, GError **error);
/* The same of whatever bears an address, whose place it has been so far. */
Answer view_recall_address(View *view, const Address *address, Place *place, GError **error);
/* Leads the addresses that the entry seen at a place bears to it, where they may be several. */
void view_bind(View *view, Place *place);
/* The same with every list that got the address in an earlier slice. ANSWER_YES, or
 * ANSWER_UNKNOWN. */
Answer view_recall_lists(View *view, const Address *address, GError **error);
/* What was read of a place; entry (NULL: nothing stands there) is taken over. part: only its
 * routing attributes were asked for. */
void view_put_read(View *view, Place *place, Entry *entry, bool part);

#endif
