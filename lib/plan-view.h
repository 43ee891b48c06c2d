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
} Seen;

typedef enum { DOMAIN_MISSING, DOMAIN_DISABLED, DOMAIN_ENABLED } DomainState;

View *view_new(const PlanContext *context);
void view_free(View *view);

/* Forgets what was only read when it has grown beyond PLAN_VALUES_MAX. Invalidates every Seen. */
void view_trim(View *view);

/* Whether view_fetch() would still keep within half of PLAN_VALUES_MAX. */
bool view_has_room(const View *view);

/* Reads the addresses (of Address *) that are not known yet, in few searches. */
Answer view_fetch(View *view, GPtrArray *addresses, GError **error);
/* Finds the lists of the grant on which any of the addresses (of Address *) is. */
Answer view_fetch_lists(View *view, GPtrArray *addresses, GError **error);

/* ANSWER_YES or ANSWER_UNKNOWN; *state or *seen (owned by the view) is set. */
Answer view_domain(View *view, const char *domain, DomainState *state, GError **error);
Answer view_address(View *view, const Address *address, const Seen **seen, GError **error);

/* What is known of a DN, or NULL. */
const Seen *view_seen(const View *view, const char *dn);

/* The lists of the grant that have the address as member, in order of their DNs: an array of
 * Seen * that belong to the view; caller owns the array. ANSWER_NO: on more than PLAN_LISTS_MAX. */
Answer view_lists_with(View *view, const Address *address, GPtrArray **lists, GError **error);

/* The write of a change with what it expects as things are seen now. Takes change over. */
PlannedWrite *view_expect(View *view, Change *change);
/* Lays the change over what is seen from now on. */
void view_lay(View *view, const Change *change, unsigned line);
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
