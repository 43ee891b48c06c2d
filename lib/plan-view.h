/* SPDX-License-Identifier: MIT */
#ifndef BATCHLOAD_PLAN_VIEW_H
#define BATCHLOAD_PLAN_VIEW_H

#include "lib/plan.h"

/* What a plan sees: the directory as it was read, and over it the effects of the slice's earlier
 * rows. Only lib/plan uses it. One thread. */
typedef struct View View;

typedef struct {
    Entry *entry; /* NULL: absent */
    /* An object bears the address in another place of its domain's container, or outside of that:
     * below another domain. */
    bool elsewhere, outside;
    char *uuid; /* what the next write on it expects, see PlannedWrite */
    char *version;
    char *mark;
    unsigned line; /* the row of this plan that changed it last; 0: as read */
    bool part;     /* of the entry only the routing attributes were read */
    bool kept;     /* not to be forgotten: it is another than what a look would find */
    bool told;     /* a list's members are noted in its entry, where they have it and not it them */
    gsize weight;  /* values that it counts for, unless it is kept */
} Seen;

/* Where something stands or would: a DN, and what is seen there. It belongs to the view, until that
 * forgets what was only read. */
typedef struct {
    char *key;           /* the DN in one spelling */
    char *dn;            /* in the one in which we write it; NULL: not asked for by an address */
    const char *address; /* what it is asked for by (normal form), or NULL */
    Seen *seen;          /* NULL: not known */
    unsigned looked;     /* the last row that looked at it, of those that the plan has begun */
    unsigned met;        /* the last walk that came to it */
    bool asked, borne, outside; /* while it is being read: see Fetch */
} Place;

View *view_new(const PlanContext *context);
void view_free(View *view);

/* Forgets what was only read. Invalidates every Place and Seen. */
void view_forget(View *view);
/* plan_go_on(). Invalidates every Place and Seen. */
void view_go_on(View *view, unsigned done, unsigned first);

/* Values of what was only read: a long one counts for several. */
gsize view_values(const View *view);

/* Reads the addresses (of Address *) that are not known yet, in few searches; whole: all that a
 * plan may ask of them, else only what they are and where mail to them goes on to. ANSWER_NO: not
 * all of them, view_values() has come to room; G_MAXSIZE: as many as there are. */
Answer view_fetch(View *view, GPtrArray *addresses, bool whole, gsize room, GError **error);
/* Finds what in the grant's domains refers to any of the addresses (of Address *): lists and groups
 * that they are members of, aliases and catch-alls that lead to them. The same. */
Answer view_fetch_lists(View *view, GPtrArray *addresses, gsize room, GError **error);
/* Whether it is known who is on the list that stands at a place, or what stands there is none.
 * Asked for, it is not where more are on it than PLAN_LISTS_MAX. */
bool view_is_told(const View *view, const Place *place);
/* Reads the domains (of char *) that are not known yet. ANSWER_YES or ANSWER_UNKNOWN. */
Answer view_fetch_domains(View *view, GPtrArray *domains, GError **error);

/* ANSWER_YES or ANSWER_UNKNOWN; of the place is known what is seen there. A Seen of a part is
 * replaced when the whole is wanted. A domain's place has the domain as its address. */
Answer view_domain(View *view, const char *domain, Place **place, GError **error);
Answer view_address(View *view, const Address *address, bool whole, Place **place, GError **error);

/* Where an address stands or would; nothing is read. */
Place *view_place(View *view, const Address *address);
/* The same of one that is known already, by its normal form; or NULL. */
Place *view_place_known(const View *view, const char *address);
/* What is known of a DN or an address, or NULL. */
const Seen *view_seen(View *view, const char *dn);
const Seen *view_known(View *view, const Address *address);

/* What of that refers to the address, in order of their DNs: an array of Seen * that belong to the
 * view; caller owns the array. ANSWER_NO: more than PLAN_LISTS_MAX. */
Answer view_lists_with(View *view, const Address *address, GPtrArray **lists, GError **error);

/* The write of a change with what it expects as things are seen now. Takes change over. */
PlannedWrite *view_expect(View *view, Change *change);
/* Lays the change over what is seen from now on. */
void view_lay(View *view, const Change *change, unsigned line);
/* The lists (of char *, normal form) that the change is or may be about, where members have those.
 * Caller owns the result. */
GPtrArray *view_change_lists(View *view, const Change *change);
void view_observe(View *view, const char *dn, const Entry *entry);

/* Calls found for everything that rows of this plan made otherwise. */
void view_effects(const View *view,
                  void (*found)(gpointer data, const char *name, GVariant *effect), gpointer data);
/* The name of a DN in effects; owned by the caller. */
char *view_name(const char *dn);

/* PLAN_EFFECT_TYPE; floating. _from_variant NULL on other shapes. */
GVariant *seen_to_variant(const Profile *profile, const Seen *seen);
Seen *seen_from_variant(GVariant *value);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(View, view_free)

#endif
