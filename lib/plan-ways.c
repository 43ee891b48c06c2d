/* SPDX-License-Identifier: MIT */
#include "lib/plan-private.h"

#include <string.h>

/* Where a row's mail goes on to. */

/* What the addresses that a row names may be: something that takes mail, or one type alone. */
static unsigned wanted_types(const Operation *operation)
{
    switch (operation->type) {
    case TYPE_ALIAS:
    case TYPE_CATCHALL:
    case TYPE_GROUP:
        return 1u << TYPE_FULL;
    case TYPE_RESOURCEGROUP:
        return 1u << TYPE_RESOURCE;
    default:
        return ~(1u << TYPE_GROUP | 1u << TYPE_RESOURCEGROUP);
    }
}

/* What else stands at an address; it may be of any type where that can't be told. */
static Outcome *wrong_type(const Step *step, const Address *address, const Entry *entry)
{
    const unsigned wanted = wanted_types(step->operation);
    ObjectType type;
    if (!entry || !profile_entry_type(step->context->profile, entry, &type) ||
        (wanted & (1u << type)))
        return NULL;
    return plan_words_unfit(plan_named_field(step->operation), address, type,
                            wanted == 1u << TYPE_FULL       ? TYPE_FULL
                            : wanted == 1u << TYPE_RESOURCE ? TYPE_RESOURCE
                                                            : TYPE_COUNT);
}

/* Addresses inside the grant must be there, where mail gets to them. Adds these to inside. */
static Answer check_exist(Step *step, GPtrArray *addresses, GPtrArray *inside, GError **error)
{
    const Grant *grant = step->context->grant;
    g_autoptr(GPtrArray) missing = g_ptr_array_new();
    for (guint i = 0; i < addresses->len; i++)
        if (grant_covers(grant, ((Address *)addresses->pdata[i])->domain))
            g_ptr_array_add(inside, addresses->pdata[i]);
    if (view_fetch(step->view, inside, false, G_MAXSIZE, error) != ANSWER_YES)
        return ANSWER_UNKNOWN;
    for (guint i = 0; i < inside->len; i++) {
        Place *place = NULL;
        if (step_look(step, inside->pdata[i], false, &place, error) != ANSWER_YES)
            return ANSWER_UNKNOWN;
        if (!place->seen->entry && !place->seen->elsewhere)
            g_ptr_array_add(missing, inside->pdata[i]);
        Outcome *outcome = wrong_type(step, inside->pdata[i], place->seen->entry);
        if (outcome)
            return step_end(step, outcome);
    }
    return missing->len
               ? step_end(step, plan_words_missing(plan_named_field(step->operation), missing))
               : ANSWER_YES;
}

/* --- loops --- */

typedef struct {
    GPtrArray *stack; /* of Place: all known, to be followed */
    guint behind;     /* how many were met behind the row's own */
    char *service;    /* the address of this service that was come to, or NULL */
} Walk;

static void walk_clear(Walk *walk)
{
    g_ptr_array_unref(walk->stack);
    g_free(walk->service);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Walk, walk_clear)

/* Whether it is the first time that this walk comes to a place. */
static bool walk_meets(const Step *step, Place *place)
{
    bool first = place->met != step->plan->walks;
    place->met = step->plan->walks;
    return first;
}

/* Notes where an address leads to. ANSWER_NO: back to the row's own address or to the service, or
 * too far. */
static Answer walk_note(Walk *walk, const Step *step, const GPtrArray *next, GError **error)
{
    if (!next || next->len == 0)
        return ANSWER_YES;
    g_autoptr(GPtrArray) fresh = g_ptr_array_new_with_free_func((GDestroyNotify)address_free);
    for (guint i = 0; i < next->len; i++) {
        g_autoptr(Address) address = address_parse(next->pdata[i], NULL, NULL);
        if (!address)
            continue;
        if (plan_is_batch_address(step->context, address->full))
            walk->service = g_strdup(address->full);
        if (walk->service || g_str_equal(address->full, step->operation->address->full))
            return ANSWER_NO;
        if (!grant_covers(step->context->grant, address->domain))
            continue;
        Place *place = view_place(step->view, address);
        if (!walk_meets(step, place))
            continue;
        if (++walk->behind > PLAN_LOOP_LOOKUPS_MAX)
            return ANSWER_NO;
        g_ptr_array_add(walk->stack, place);
        g_ptr_array_add(fresh, g_steal_pointer(&address));
    }
    return view_fetch(step->view, fresh, false, G_MAXSIZE, error);
}

/* Mail to what is not there goes to the catch-all of its domain. */
static Answer walk_catchall(Walk *walk, const Step *step, const char *text, GError **error)
{
    const char *at = text ? strrchr(text, '@') : NULL;
    if (!at || at == text)
        return ANSWER_YES;
    g_autoptr(Address) all = address_of_domain(at + 1);
    g_autoptr(GPtrArray) one = g_ptr_array_new();
    if (g_str_equal(all->full, step->operation->address->full))
        return ANSWER_NO;
    Place *place = view_place(step->view, all);
    if (!walk_meets(step, place))
        return ANSWER_YES;
    g_ptr_array_add(walk->stack, place);
    g_ptr_array_add(one, all);
    return view_fetch(step->view, one, false, G_MAXSIZE, error);
}

/* Follows everything on the stack, depth first. */
static Answer walk_on(Walk *walk, Step *step, GError **error)
{
    const Profile *profile = step->context->profile;
    while (walk->stack->len) {
        Place *place = g_ptr_array_steal_index(walk->stack, walk->stack->len - 1);
        const Entry *entry = place->seen->entry;
        step_looked(step, place);
        if (!entry) {
            Answer caught = walk_catchall(walk, step, place->address, error);
            if (caught != ANSWER_YES)
                return caught;
            continue;
        }
        Answer answer = walk_note(walk, step, profile_entry_targets(profile, entry), error);
        if (answer == ANSWER_YES)
            answer = walk_note(walk, step, profile_entry_members(profile, entry), error);
        if (answer != ANSWER_YES)
            return answer;
    }
    return ANSWER_YES;
}

static Outcome *loop_outcome(const Step *step, const char *address, const Walk *walk)
{
    const char *field = plan_named_field(step->operation);
    if (walk->behind > PLAN_LOOP_LOOKUPS_MAX)
        return outcome_failed(field, address, "Name fewer lists in it.",
                              "The address %s leads to more than %d others.", address,
                              PLAN_LOOP_LOOKUPS_MAX);
    if (walk->service)
        return outcome_failed(field, address, "Take this address out, or change where it leads to.",
                              "The address %s leads on to %s, the address of this service.",
                              address, walk->service);
    return outcome_failed(field, address, "Take this address out, or change where it leads to.",
                          "The address %s leads back to %s, in a circle.", address,
                          step->operation->address->full);
}

/* Whether mail to the row's address would come back to it, or to this service; inside: those of its
 * targets or members within the grant, which have been looked at. */
static Answer check_loops(Step *step, GPtrArray *inside, GError **error)
{
    g_auto(Walk) walk = {.stack = g_ptr_array_new()};
    step->plan->walks++;
    for (guint i = 0; i < inside->len; i++) {
        const Address *address = inside->pdata[i];
        Place *place = view_place(step->view, address);
        if (!walk_meets(step, place))
            continue;
        g_ptr_array_add(walk.stack, place);
        Answer answer = walk_on(&walk, step, error);
        if (answer == ANSWER_NO)
            return step_end(step, loop_outcome(step, address->full, &walk));
        if (answer != ANSWER_YES)
            return answer;
    }
    return ANSWER_YES;
}

Answer plan_check_ways(Step *step, GPtrArray *addresses, GError **error)
{
    g_autoptr(GPtrArray) inside = g_ptr_array_new();
    Answer answer = check_exist(step, addresses, inside, error);
    return answer == ANSWER_YES ? check_loops(step, inside, error) : answer;
}
