/* SPDX-License-Identifier: MIT */
#ifndef BATCHLOAD_PLAN_PRIVATE_H
#define BATCHLOAD_PLAN_PRIVATE_H

#include "lib/plan-ahead.h"
#include "lib/plan-hash.h"
#include "lib/plan-number.h"
#include "lib/plan-view.h"
#include "lib/plan-words.h"
#include "lib/plan.h"

/* What the sources of this room share. */

struct Plan {
    const PlanContext *context;
    View *view;
    PlanAhead *ahead;    /* NULL: each row looks for itself */
    GHashTable *readers; /* address → GArray of lines: rows that looked at it, or would have, and
                            may be planned anew since they need others */
    GHashTable *idle;    /* address → line of the last row about it, or that names it, that writes
                            nothing and may do so when it is planned anew, since it needs others */
    GPtrArray *joined;   /* of char *: member and name of its list in turn */
    PlanHashes *hashes;  /* that are being made */
    PlanNumbers *numbers; /* that are to be taken */
    GHashTable *accounts; /* domain → how many mailboxes it has, with all that was planned */
    GHashTable *moved;    /* domain that was not counted → how many were planned to come or go */
    GHashTable *list_lines; /* list → line of the last row that changed who is on it, where its
                               members have it; else it is not here */
    unsigned first;         /* line of the slice's first row, where others were planned before it */
    unsigned rows, walks;   /* that were begun */
};

/* One row on its way. The functions below return ANSWER_YES: nothing against it; ANSWER_NO: the
 * row's outcome stands; ANSWER_UNKNOWN: with an error. */
typedef struct {
    const PlanContext *context;
    Plan *plan;
    View *view;
    const Operation *operation;
    PlannedRow *row;
    char *mark;
    const Place *domain; /* that of the row's domain */
    const Place *own;    /* that of the row's address, or the domain's where it has none */
    GPtrArray *looked;   /* of char *: every address that was looked at; the view's */
} Step;

/* Ends the row with an outcome, which is taken over: nothing of it is written. */
Answer step_end(Step *step, Outcome *outcome);
Answer step_unchanged(Step *step, const char *reason);
/* The row relies on what the row of a line made; 0: on nobody's. */
void step_needs(Step *step, unsigned line);
/* What stands at an address, all of it or only what others see of it. */
Answer step_look(Step *step, const Address *address, bool whole, Place **place, GError **error);
/* The same of what is known already. */
void step_looked(Step *step, Place *place);
/* One more write of the row. Takes change over. */
void step_write(Step *step, Change *change);

/* The addresses that the row sends mail on to, or puts together; NULL: none. And their column. */
GPtrArray *plan_named(const Operation *operation);
const char *plan_named_field(const Operation *operation);
bool plan_is_batch_address(const PlanContext *context, const char *address);

/* Scope, rights and privilege, before any look-up in the directory. */
Answer plan_check_grant(Step *step, GError **error);
Answer plan_check_reserved(Step *step, GError **error);
Answer plan_check_privilege(Step *step, GError **error);
Answer plan_check_named(Step *step, GError **error);
/* The domain is there and works, and what the row makes is not switched off for it. */
Answer plan_check_domain(Step *step, GError **error);
/* The same of the domain of a further address, which a column names. */
Answer plan_check_other_domain(Step *step, const Address *address, const char *field,
                               GError **error);

/* What the row names as members may be: looked at whole, where they are to be written to. */
Answer plan_look_members(Step *step, GPtrArray *members, GError **error);
/* Those of the row's members that are on its list (or are not), each once; borrowed. They have been
 * looked at. Caller owns the array. */
GPtrArray *plan_members_on(const Step *step, bool on);
/* Puts them on the list, or takes them off, in their own entries. */
void plan_write_joins(Step *step, const GPtrArray *members, bool join);
/* Why an address can't be on such a list, once it has been looked at; or NULL. */
Outcome *plan_member_fault(const Step *step, const Address *member);
/* A new list of such: nobody is on it but those that the row names. */
Answer plan_write_new_list(Step *step, GError **error);
/* Whether the row's list is one whose members have it. */
bool plan_members_join(const Step *step);

/* What the row sends mail on to, newly: it is there, and leads to no circle. */
Answer plan_check_ways(Step *step, GPtrArray *addresses, GError **error);
/* The second alone. */
Answer plan_check_circles(Step *step, GPtrArray *addresses, GError **error);
/* Without these addresses (of Address *), which a field is about, the catch-all of their domains
 * makes no circle of what still leads to them. */
Answer plan_check_gone(Step *step, const GPtrArray *gone, const char *field, GError **error);

/* Whether a cell of a row takes away an address that is there. */
bool plan_cell_removes(const AddressCell *cell, const Address *address);

/* Addresses that a row takes away, and what refers to them. */
typedef struct Gone Gone;
Gone *gone_new(void);
void gone_free(Gone *gone);
/* Adds an address (NULL: none), a copy. */
void gone_add(Gone *gone, const Address *address);
/* The aliases inside an account's entry: those that a cell removes, or all (NULL). */
void gone_add_aliases(Gone *gone, const Profile *profile, const Entry *entry,
                      const AddressCell *cell);
/* An alias of its own, which goes, and so no longer leads to its target; that is borrowed. */
void gone_add_alias(Gone *gone, const Step *step, const Seen *alias, const Address *target);
/* Finds all that refers to them, and the aliases that go with that. Too much of it is the fault of
 * a field. */
Answer gone_find(Step *step, Gone *gone, const char *field, GError **error);
/* All of them (of Address *). */
const GPtrArray *gone_addresses(const Gone *gone);
/* Takes them off lists and groups, each in one write. Before anything that takes one of them away
 * is written: should the row be planned anew in between, it finds them by what is there. */
Answer gone_write_members(Step *step, const Gone *gone, const char *field);
/* Deletes what leads to them alone, an alias after what leads to that. */
void gone_write_pointers(Step *step, const Gone *gone);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Gone, gone_free)

/* What is to be written; nothing of a row that reads. */
Answer plan_change(Step *step, GError **error);
/* The same of rows about a domain as a whole. */
Answer plan_domain_change(Step *step, GError **error);

/* The next part of a domain that goes with all that is in it. */
Answer plan_clear_domain(Step *step, GError **error);

/* An address that a column names must be free. */
Answer plan_check_free(Step *step, const Address *address, const Place *place, const char *field);
/* The domain may have one mailbox more; also one less is counted. */
Answer plan_check_mailboxes(Step *step, GError **error);
/* One mailbox more, or less, than were counted. */
void plan_count_accounts(Plan *plan, const char *domain, int more);
/* What was counted, for the slices after this one. */
void plan_count_effects(const Plan *plan, const PlanEffects *effects);
/* The write that creates a mailbox, its password hashed. */
Answer plan_write_account(Step *step, const Operation *account, GError **error);
/* The row is this change, or NULL: unchanged, for the reason. Takes change over. */
Answer plan_write_or_unchanged(Step *step, Change *change, const char *reason);

#endif
