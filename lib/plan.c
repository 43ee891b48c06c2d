/* SPDX-License-Identifier: MIT */
#include "lib/plan.h"
#include "lib/plan-ahead.h"
#include "lib/plan-hash.h"
#include "lib/plan-view.h"
#include "lib/plan-words.h"

struct Plan {
    const PlanContext *context;
    View *view;
    PlanAhead *ahead;     /* NULL: each row looks for itself */
    GHashTable *readers;  /* address → GArray of lines: rows that looked at it, or would have, and
                             may be planned anew since they need others */
    GPtrArray *joined;    /* of char *: member and name of its list in turn */
    PlanHashes *hashes;   /* that are being made */
    unsigned first;       /* line of the slice's first row, where others were planned before it */
    unsigned rows, walks; /* that were begun */
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
    const Place *own;  /* that of the row's address */
    GPtrArray *looked; /* of char *: every address that was looked at; the view's */
} Step;

Plan *plan_new(const PlanContext *context)
{
    Plan *plan = g_new0(Plan, 1);
    plan->context = context;
    plan->view = view_new(context);
    plan->joined = g_ptr_array_new_with_free_func(g_free);
    plan->hashes = plan_hashes_new(context);
    plan->readers =
        g_hash_table_new_full(g_str_hash, g_str_equal, g_free, (GDestroyNotify)g_array_unref);
    return plan;
}

void plan_free(Plan *plan)
{
    if (!plan)
        return;
    plan_ahead_free(plan->ahead);
    view_free(plan->view);
    g_hash_table_unref(plan->readers);
    g_ptr_array_unref(plan->joined);
    plan_hashes_free(plan->hashes);
    g_free(plan);
}

static Answer step_end(Step *step, Outcome *outcome)
{
    step->row->outcome = outcome;
    return ANSWER_NO;
}

static Answer step_unchanged(Step *step, const char *reason)
{
    Outcome *outcome = outcome_new(RESULT_UNCHANGED);
    outcome->reason = g_strdup(reason);
    return step_end(step, outcome);
}

static bool any_white(const Operation *operation)
{
    for (guint i = 0; i < FIELD_WHITE_COUNT; i++)
        if (operation->white[i])
            return true;
    return false;
}

/* --- before any look-up in the directory --- */

static Outcome *foreign_domain(const Grant *grant, const char *domain)
{
    const char *nearest = grant_nearest_domain(grant, domain);
    return outcome_failed("DOMAIN", domain, "Correct the domain, or ask your service provider.",
                          "The domain %s is not one that you manage%s%s%s", domain,
                          nearest ? "; did you mean " : ".", nearest ? nearest : "",
                          nearest ? "?" : "");
}

static Answer check_grant(Step *step, GError **error)
{
    (void)error;
    const Operation *operation = step->operation;
    const Grant *grant = step->context->grant;
    if (!(grant->types & (1u << operation->type)))
        return step_end(step, outcome_failed("TYPE", type_name(operation->type),
                                             "Ask your service provider if you need this.",
                                             "You may not manage addresses of the type %s.",
                                             type_name(operation->type)));
    if (!(grant->actions & (1u << operation->action)))
        return step_end(step, outcome_failed("ACTION", action_name(operation->action),
                                             "Ask your service provider if you need this.",
                                             "You may not use the action %s.",
                                             action_name(operation->action)));
    if (!grant_covers(grant, operation->address->domain))
        return step_end(step, foreign_domain(grant, operation->address->domain));
    return ANSWER_YES;
}

static bool is_batch_address(const Step *step, const char *address)
{
    const char *const *batch = step->context->batch_addresses;
    return batch && g_strv_contains(batch, address);
}

static Answer check_reserved(Step *step, GError **error)
{
    (void)error;
    const Address *address = step->operation->address;
    const char *const *reserved = step->context->reserved_locals;
    if (is_batch_address(step, address->full))
        return step_end(step,
                        outcome_failed("USER", address->full, "Choose another address.",
                                       "The address %s belongs to this service.", address->full));
    if (reserved &&
        (g_strv_contains(reserved, address->local) || g_strv_contains(reserved, address->full)))
        return step_end(step,
                        outcome_failed("USER", address->full,
                                       "Choose another address, or ask your service provider.",
                                       "The address %s is reserved.", address->full));
    return ANSWER_YES;
}

static Answer check_privilege(Step *step, GError **error)
{
    const PlanContext *context = step->context;
    const Operation *operation = step->operation;
    const Address *address = operation->address;
    if (g_str_equal(address->full, context->requester->full)) {
        if (operation->action == ACTION_MODIFY && !operation->targets && !operation->members)
            return ANSWER_YES;
        return step_end(
            step,
            outcome_failed("USER", address->full, "Ask your service provider for any other change.",
                           "Of your own address you can only change the password and personal "
                           "details (name, telephone and so on), with MODIFY."));
    }
    if (context->grant->administrators || !context->has_grant)
        return ANSWER_YES;
    /* Who sets a password could ask in the address's name. */
    Answer answer = context->has_grant(context->has_grant_data, address,
                                       operation->password ? context->grant : NULL, error);
    if (answer != ANSWER_YES)
        return answer == ANSWER_NO ? ANSWER_YES : answer;
    return step_end(step,
                    outcome_failed("USER", address->full, "Ask your service provider to do this.",
                                   "The address %s is an administrator's, and you may not "
                                   "change those.",
                                   address->full));
}

/* The addresses that the row sends mail on to. */
static GPtrArray *named(const Operation *operation)
{
    return operation->type == TYPE_LIST ? operation->members : operation->targets;
}

static const char *named_field(const Operation *operation)
{
    return operation->type == TYPE_LIST ? "LIST MEMBER" : "MAILFORWARD";
}

static Answer check_named(Step *step, GError **error)
{
    (void)error;
    const Operation *operation = step->operation;
    const Grant *grant = step->context->grant;
    const char *field = named_field(operation);
    GPtrArray *addresses = named(operation);
    bool list = operation->type == TYPE_LIST;
    unsigned bit = list ? GRANT_EXTERNAL_MEMBER : GRANT_EXTERNAL_FORWARD;
    /* Taking an address off a list makes nothing ours. */
    if (operation->action == ACTION_DELETE)
        return ANSWER_YES;
    for (guint i = 0; addresses && i < addresses->len; i++) {
        const Address *address = addresses->pdata[i];
        if (is_batch_address(step, address->full))
            return step_end(step, outcome_failed(field, address->full, "Take this address out.",
                                                 "Mail must not be sent on to %s, the address of "
                                                 "this service.",
                                                 address->full));
        if (g_str_equal(address->full, operation->address->full))
            return step_end(step, outcome_failed(field, address->full, "Take this address out.",
                                                 "The address %s would lead back to itself.",
                                                 address->full));
        if (!grant_covers(grant, address->domain) && !(grant->external & bit))
            return step_end(
                step,
                outcome_failed(field, address->full, "Use an address of a domain that you manage.",
                               "The address %s lies outside the domains that you "
                               "manage, and you may not %s.",
                               address->full,
                               list ? "put such addresses on lists" : "forward to such addresses"));
    }
    return ANSWER_YES;
}

/* --- the directory --- */

static void step_needs(Step *step, unsigned line)
{
    GArray *needs = step->row->needs;
    if (line < step->plan->first)
        return;
    for (guint i = 0; i < needs->len; i++)
        if (g_array_index(needs, unsigned, i) == line)
            return;
    if (line != 0 && line != step->operation->line)
        g_array_append_val(needs, line);
}

/* The row needs the earlier row that made what is seen there. */
static void step_looked(Step *step, Place *place)
{
    if (place->looked != step->plan->rows)
        g_ptr_array_add(step->looked, (gpointer)place->address);
    place->looked = step->plan->rows;
    step_needs(step, place->seen->line);
}

/* What stands at an address, all of it or only what others see of it. */
static Answer step_look(Step *step, const Address *address, bool whole, Place **place,
                        GError **error)
{
    Answer answer = view_address(step->view, address, whole, place, error);
    if (answer == ANSWER_YES)
        step_looked(step, *place);
    return answer;
}

static Answer check_domain(Step *step, GError **error)
{
    const char *domain = step->operation->address->domain;
    DomainState state = DOMAIN_MISSING;
    if (view_domain(step->view, domain, &state, error) != ANSWER_YES)
        return ANSWER_UNKNOWN;
    if (state == DOMAIN_MISSING)
        return step_end(step,
                        outcome_failed("DOMAIN", domain,
                                       "Correct the domain, or ask your service provider to set "
                                       "it up.",
                                       "The domain %s is not set up here.", domain));
    if (state == DOMAIN_DISABLED)
        return step_end(step,
                        outcome_failed("DOMAIN", domain, "Ask your service provider about it.",
                                       "The domain %s is switched off.", domain));
    Place *own = NULL;
    Answer answer = step_look(step, step->operation->address, true, &own, error);
    step->own = own;
    return answer;
}

static Answer not_available(Step *step)
{
    const Address *address = step->operation->address;
    return step_end(step, outcome_failed("USER", address->full, "Choose another address.",
                                         "The address %s is not available.", address->full));
}

/* Nothing in the directory bears the row's address. */
static bool is_free(const Step *step)
{
    return !step->own->seen->entry && !step->own->seen->elsewhere && !step->own->seen->outside;
}

/* The address must be free. */
static Answer check_free(Step *step)
{
    ObjectType type;
    if (is_free(step))
        return ANSWER_YES;
    if (!step->own->seen->entry ||
        !profile_entry_type(step->context->profile, step->own->seen->entry, &type))
        return not_available(step);
    const char *mark = step->own->seen->mark
                           ? step->own->seen->mark
                           : profile_entry_mark(step->context->profile, step->own->seen->entry);
    unsigned line = plan_mark_line(step->context->job, mark);
    return step_end(step, plan_words_taken(step->operation, type,
                                           step->own->seen->line ? step->own->seen->line : line));
}

/* The address must be there, and of the row's type. */
static Answer check_there(Step *step)
{
    const Operation *operation = step->operation;
    ObjectType type;
    if (is_free(step))
        return step_end(step, plan_words_absent(operation));
    if (!step->own->seen->entry ||
        !profile_entry_type(step->context->profile, step->own->seen->entry, &type))
        return not_available(step);
    if (type == operation->type)
        return ANSWER_YES;
    return step_end(step, plan_words_other_type(operation, type));
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
    }
    return missing->len ? step_end(step, plan_words_missing(named_field(step->operation), missing))
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
        if (is_batch_address(step, address->full))
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

/* Follows everything on the stack, depth first. */
static Answer walk_on(Walk *walk, Step *step, GError **error)
{
    const Profile *profile = step->context->profile;
    while (walk->stack->len) {
        Place *place = g_ptr_array_steal_index(walk->stack, walk->stack->len - 1);
        const Entry *entry = place->seen->entry;
        step_looked(step, place);
        if (!entry)
            continue;
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
    const char *field = named_field(step->operation);
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

/* What the row sends mail on to, newly. */
static Answer check_ways(Step *step, GPtrArray *addresses, GError **error)
{
    g_autoptr(GPtrArray) inside = g_ptr_array_new();
    Answer answer = check_exist(step, addresses, inside, error);
    return answer == ANSWER_YES ? check_loops(step, inside, error) : answer;
}

/* --- what is to be written --- */

static void step_write(Step *step, Change *change)
{
    g_ptr_array_add(step->row->writes, view_expect(step->view, change));
}

/* Whether the directory is to hash the row's password. */
static bool is_for_server(const Step *step)
{
    return step->operation->password && !step->operation->password_hashed &&
           !step->context->unwritten && step->context->password_scheme == PASSWORD_SCHEME_SERVER;
}

/* The userPassword value of the row, made only now that all else is fine: a row that asks for one
 * is written. None where the directory makes it. */
static Answer step_hash(Step *step, const char **hash, GError **error)
{
    const Operation *operation = step->operation;
    *hash = is_for_server(step) ? NULL : operation->password;
    if (is_for_server(step))
        return directory_sets_passwords(step->context->directory, error);
    if (!operation->password || operation->password_hashed)
        return ANSWER_YES;
    /* The mark is like no other row's, as a salted hash is. */
    if (step->context->unwritten) {
        *hash = step->mark;
        return ANSWER_YES;
    }
    *hash = plan_hashes_add(step->plan->hashes, step->row, operation->password, error);
    return *hash ? ANSWER_YES : ANSWER_UNKNOWN;
}

static Answer plan_new_entry(Step *step, GError **error)
{
    const Operation *operation = step->operation;
    GPtrArray *addresses = named(operation);
    const char *hash = NULL;
    Answer answer = check_free(step);
    if (answer == ANSWER_YES && addresses)
        answer = check_ways(step, addresses, error);
    if (answer == ANSWER_YES)
        answer = step_hash(step, &hash, error);
    if (answer != ANSWER_YES)
        return answer;
    g_autofree char *mailbox = operation->type == TYPE_FULL ? g_uuid_string_random() : NULL;
    const Profile *profile = step->context->profile;
    Change *change = profile_add(profile, operation, hash, mailbox, step->mark);
    if (is_for_server(step))
        change = profile_with_password(profile, change, NULL, operation->password, step->mark);
    step_write(step, change);
    step->row->outcome = outcome_new(RESULT_CREATED);
    return ANSWER_YES;
}

static Answer plan_modify(Step *step, GError **error)
{
    const Operation *operation = step->operation;
    const char *hash = NULL;
    Answer answer = check_there(step);
    if (answer == ANSWER_YES && operation->targets)
        answer = check_ways(step, operation->targets, error);
    if (answer == ANSWER_YES)
        answer = step_hash(step, &hash, error);
    if (answer != ANSWER_YES)
        return answer;
    const Profile *profile = step->context->profile;
    const Entry *entry = step->own->seen->entry;
    Change *change = profile_modify(profile, operation, hash, entry, step->mark);
    if (is_for_server(step))
        change = profile_with_password(profile, change, entry, operation->password, step->mark);
    if (!change)
        return step_unchanged(step, "Everything is already as this row says.");
    step_write(step, change);
    step->row->outcome = outcome_new(RESULT_CHANGED);
    return ANSWER_YES;
}

static Answer plan_delete(Step *step, GError **error)
{
    const PlanContext *context = step->context;
    const Address *address = step->operation->address;
    g_autoptr(GPtrArray) lists = NULL;
    Answer answer = check_there(step);
    if (answer != ANSWER_YES)
        return answer;
    answer = view_lists_with(step->view, address, &lists, error);
    if (answer == ANSWER_NO)
        return step_end(step,
                        outcome_failed("USER", address->full, "Take it off some of them first.",
                                       "The address %s is on more than %d lists.", address->full,
                                       PLAN_LISTS_MAX));
    if (answer != ANSWER_YES)
        return answer;
    g_autoptr(GPtrArray) gone = g_ptr_array_new();
    g_ptr_array_add(gone, address->full);
    for (guint i = 0; i < lists->len; i++) {
        const Seen *list = lists->pdata[i];
        step_needs(step, list->line);
        step_write(step, profile_members(context->profile, list->entry, NULL, gone, step->mark));
    }
    step_write(step, profile_delete(context->profile, step->own->seen->entry));
    step->row->outcome = outcome_new(RESULT_DELETED);
    return ANSWER_YES;
}

static Answer check_members_max(Step *step, guint count)
{
    unsigned most = step->context->list_members_max;
    if (count <= most)
        return ANSWER_YES;
    return step_end(step, outcome_failed("LIST MEMBER", NULL, "Divide it into several lists.",
                                         "The list %s would have %u members; at most %u are "
                                         "possible.",
                                         step->operation->address->full, count, most));
}

/* The members that are (or are not) on the list already. The array borrows them. */
static GPtrArray *members_on(const Step *step, bool on)
{
    GPtrArray *members = step->operation->members, *found = g_ptr_array_new();
    for (guint i = 0; members && i < members->len; i++) {
        const Address *member = members->pdata[i];
        if (profile_entry_has_member(step->context->profile, step->own->seen->entry,
                                     member->full) == on)
            g_ptr_array_add(found, members->pdata[i]);
    }
    return found;
}

static GPtrArray *as_text(GPtrArray *addresses)
{
    GPtrArray *text = g_ptr_array_new();
    for (guint i = 0; i < addresses->len; i++)
        g_ptr_array_add(text, ((Address *)addresses->pdata[i])->full);
    return text;
}

static Answer plan_list_grow(Step *step, GError **error)
{
    const Profile *profile = step->context->profile;
    const Operation *operation = step->operation;
    ObjectType type;
    if (!profile_entry_type(profile, step->own->seen->entry, &type) || type != TYPE_LIST)
        return check_free(step);
    /* A list's white pages are what MODIFY is for; the same ones again are no change. */
    if (any_white(operation)) {
        g_autoptr(Change) other =
            profile_modify(profile, operation, NULL, step->own->seen->entry, step->mark);
        if (other)
            return step_end(
                step,
                outcome_failed(
                    NULL, operation->address->full,
                    "Use MODIFY for these details, and ADD with LIST MEMBER alone for members.",
                    "The list %s is there already, and this row "
                    "gives other details (DESCRIPTION and so on) than it has.",
                    operation->address->full));
    }
    if (!operation->members || operation->members->len == 0)
        return step_unchanged(step, "The list is there already.");
    g_autoptr(GPtrArray) added = members_on(step, false);
    if (added->len == 0)
        return step_unchanged(step, "All of these members are on the list already.");
    GPtrArray *present = profile_entry_members(profile, step->own->seen->entry);
    Answer answer = check_members_max(step, added->len + (present ? present->len : 0));
    if (answer == ANSWER_YES)
        answer = check_ways(step, added, error);
    if (answer != ANSWER_YES)
        return answer;
    g_autoptr(GPtrArray) text = as_text(added);
    step_write(step, profile_members(profile, step->own->seen->entry, text, NULL, step->mark));
    step->row->outcome = outcome_new(RESULT_CHANGED);
    return ANSWER_YES;
}

static Answer plan_list_shrink(Step *step)
{
    Answer answer = check_there(step);
    if (answer != ANSWER_YES)
        return answer;
    g_autoptr(GPtrArray) removed = members_on(step, true);
    if (removed->len == 0)
        return step_unchanged(step, "None of these members is on the list.");
    g_autoptr(GPtrArray) text = as_text(removed);
    step_write(step, profile_members(step->context->profile, step->own->seen->entry, NULL, text,
                                     step->mark));
    step->row->outcome = outcome_new(RESULT_CHANGED);
    return ANSWER_YES;
}

static Answer plan_list_add(Step *step, GError **error)
{
    if (step->own->seen->entry)
        return plan_list_grow(step, error);
    GPtrArray *members = step->operation->members;
    Answer answer = check_members_max(step, members ? members->len : 0);
    return answer == ANSWER_YES ? plan_new_entry(step, error) : answer;
}

static Answer plan_change(Step *step, GError **error)
{
    const Operation *operation = step->operation;
    bool list = operation->type == TYPE_LIST;
    switch (operation->action) {
    case ACTION_ADD:
        return list ? plan_list_add(step, error) : plan_new_entry(step, error);
    case ACTION_MODIFY:
        return plan_modify(step, error);
    case ACTION_DELETE:
        return list && operation->members && operation->members->len ? plan_list_shrink(step)
                                                                     : plan_delete(step, error);
    case ACTION_COUNT:
        break;
    }
    g_assert_not_reached();
}

/* The address that a write is about, as a key. */
static char *address_of(const Step *step, const PlannedWrite *write)
{
    const Address *own = step->operation->address;
    g_autoptr(Address) other = NULL;
    if (write->change->kind == CHANGE_ADD ||
        (step->own && g_str_equal(write->change->dn, step->own->dn)))
        return g_strdup(own->full);
    const Seen *seen = view_seen(step->view, write->change->dn);
    if (seen && seen->entry)
        other = profile_entry_address(step->context->profile, seen->entry);
    return g_strdup(other ? other->full : own->full);
}

/* Should an earlier row be planned anew that looked at what this one writes, then so must this
 * one: else the earlier would see what came after it. */
static void step_heed_readers(Step *step, GHashTable *readers)
{
    for (guint i = 0; i < step->row->writes->len && g_hash_table_size(readers) > 0; i++) {
        g_autofree char *address = address_of(step, step->row->writes->pdata[i]);
        const GArray *lines = g_hash_table_lookup(readers, address);
        for (guint j = 0; lines && j < lines->len; j++)
            step_needs(step, g_array_index(lines, unsigned, j));
        g_hash_table_remove(readers, address);
    }
}

static void note_reader(GHashTable *readers, const char *address, unsigned line)
{
    GArray *lines = g_hash_table_lookup(readers, address);
    if (!lines) {
        lines = g_array_new(FALSE, FALSE, sizeof(unsigned));
        g_hash_table_insert(readers, g_strdup(address), lines);
    }
    g_array_append_val(lines, line);
}

/* Only a row that needs others can be planned anew without anybody else's doing. */
static void step_note_reads(Step *step, GHashTable *readers)
{
    GPtrArray *addresses = named(step->operation);
    if (step->row->needs->len == 0)
        return;
    for (guint i = 0; i < step->looked->len; i++)
        note_reader(readers, step->looked->pdata[i], step->operation->line);
    for (guint i = 0; addresses && i < addresses->len; i++) {
        const Address *address = addresses->pdata[i];
        const Place *place = view_place_known(step->view, address->full);
        if (!place || place->looked != step->plan->rows)
            note_reader(readers, address->full, step->operation->line);
    }
}

/* A later slice looks for the lists of a member, and asks the directory in vain for these. */
static void note_joined(Plan *plan, const Operation *operation, const PlannedRow *row)
{
    if (!plan->context->overlay || operation->type != TYPE_LIST ||
        operation->action != ACTION_ADD || row->writes->len == 0)
        return;
    const PlannedWrite *write = row->writes->pdata[0];
    for (guint i = 0; operation->members && i < operation->members->len; i++) {
        g_ptr_array_add(plan->joined, g_strdup(((Address *)operation->members->pdata[i])->full));
        g_ptr_array_add(plan->joined, view_name(write->change->dn));
    }
}

void plan_effects(const Plan *plan, const PlanEffects *effects)
{
    view_effects(plan->view, effects->found, effects->data);
    for (guint i = 0; i + 1 < plan->joined->len; i += 2)
        effects->joined(effects->data, plan->joined->pdata[i], plan->joined->pdata[i + 1]);
}

Answer plan_row(Plan *plan, const Operation *operation, PlannedRow **row, GError **error)
{
    static Answer (*const checks[])(Step *, GError **) = {
        check_grant, check_reserved, check_privilege, check_named, check_domain, plan_change,
    };
    g_autofree char *mark = g_strdup_printf("%s/%u", plan->context->job, operation->line);
    g_autoptr(PlannedRow) planned = planned_row_new(operation->line, NULL);
    g_autoptr(GPtrArray) looked = g_ptr_array_new();
    Step step = {
        .context = plan->context,
        .plan = plan,
        .view = plan->view,
        .operation = operation,
        .row = planned,
        .mark = mark,
        .looked = looked,
    };
    plan->rows++;
    Answer answer = plan_is_wanted(plan->context, error) ? ANSWER_YES : ANSWER_UNKNOWN;
    if (answer == ANSWER_YES && plan->ahead)
        answer = plan_ahead_reach(plan->ahead, operation->line, error);
    for (guint i = 0; i < G_N_ELEMENTS(checks) && answer == ANSWER_YES; i++)
        answer = checks[i](&step, error);
    if (answer == ANSWER_UNKNOWN)
        return answer;
    step_heed_readers(&step, plan->readers);
    step_note_reads(&step, plan->readers);
    plan_assume(plan, planned);
    note_joined(plan, operation, planned);
    *row = g_steal_pointer(&planned);
    return ANSWER_YES;
}

Answer plan_finish(Plan *plan, GError **error)
{
    return plan_hashes_finish(plan->hashes, error);
}

/* --- reading ahead, and being told --- */

Answer plan_prefetch(Plan *plan, GPtrArray *operations, GError **error)
{
    plan_ahead_free(plan->ahead);
    plan->ahead = plan_ahead_new(plan->context, plan->view, operations);
    return plan_ahead_reach(plan->ahead, 0, error);
}

void plan_observe(Plan *plan, const char *dn, const Entry *entry)
{
    view_observe(plan->view, dn, entry);
}

void plan_go_on(Plan *plan, unsigned done, unsigned first)
{
    g_hash_table_remove_all(plan->readers);
    view_go_on(plan->view, done, first);
    plan->first = first;
}

void plan_assume(Plan *plan, const PlannedRow *row)
{
    for (guint i = 0; row->writes && i < row->writes->len; i++) {
        const PlannedWrite *write = row->writes->pdata[i];
        view_lay(plan->view, write->change, row->line);
    }
}
