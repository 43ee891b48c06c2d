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
    if (!entry || !profile_type_at(step->context->profile, entry, address->full, &type) ||
        (wanted & (1u << type)))
        return NULL;
    return plan_words_unfit(plan_named_field(step->operation), address, type,
                            wanted == 1u << TYPE_FULL       ? TYPE_FULL
                            : wanted == 1u << TYPE_RESOURCE ? TYPE_RESOURCE
                                                            : TYPE_COUNT);
}

/* What can't be on the row's list, where members have that. */
static Answer check_joins(Step *step, const GPtrArray *addresses)
{
    for (guint i = 0; plan_members_join(step) && i < addresses->len; i++) {
        Outcome *outcome = plan_member_fault(step, addresses->pdata[i]);
        if (outcome)
            return step_end(step, outcome);
    }
    return ANSWER_YES;
}

/* Addresses inside the grant must be there, where mail gets to them. */
static Answer check_exist(Step *step, GPtrArray *addresses, GError **error)
{
    const Grant *grant = step->context->grant;
    g_autoptr(GPtrArray) inside = g_ptr_array_new();
    g_autoptr(GPtrArray) missing = g_ptr_array_new();
    for (guint i = 0; i < addresses->len; i++)
        if (grant_covers(grant, ((Address *)addresses->pdata[i])->domain))
            g_ptr_array_add(inside, addresses->pdata[i]);
    const bool whole = plan_members_join(step);
    if (view_fetch(step->view, inside, whole, G_MAXSIZE, error) != ANSWER_YES)
        return ANSWER_UNKNOWN;
    for (guint i = 0; i < inside->len; i++) {
        Place *place = NULL;
        if (step_look(step, inside->pdata[i], whole, &place, error) != ANSWER_YES)
            return ANSWER_UNKNOWN;
        if (!place->seen->entry && !place->seen->elsewhere)
            g_ptr_array_add(missing, inside->pdata[i]);
        Outcome *outcome = wrong_type(step, inside->pdata[i], place->seen->entry);
        if (outcome)
            return step_end(step, outcome);
    }
    return missing->len
               ? step_end(step, plan_words_missing(plan_named_field(step->operation), missing))
               : check_joins(step, addresses);
}

/* --- circles --- */

/* An address that mail comes to, and by way of which of those where the walk began. */
typedef struct {
    Address *address;
    char *way;
} Stop;

static void stop_free(gpointer data)
{
    Stop *stop = data;
    address_free(stop->address);
    g_free(stop->way);
    g_free(stop);
}

/* From some addresses on to all that mail to them comes to, level by level: a look for each. */
typedef struct {
    Step *step;
    GPtrArray *level;       /* of Stop *: those to be followed next */
    GPtrArray *next;        /* of Stop *: those behind them */
    const GPtrArray *ends;  /* of Address *: what must not be come to */
    const GPtrArray *gone;  /* of Address *: what the row takes away, or NULL */
    guint behind, levels;   /* addresses that were met on the way, and how far it is */
    char *way;              /* the address by which it came to where it must not, or too far */
    char *end;              /* what it came to */
    bool service, too_many; /* that is an address of this service; it is too many instead */
} Walk;

static Walk walk_new(Step *step, const GPtrArray *ends, const GPtrArray *gone)
{
    step->plan->walks++;
    return (Walk){
        .step = step,
        .level = g_ptr_array_new_with_free_func(stop_free),
        .next = g_ptr_array_new_with_free_func(stop_free),
        .ends = ends,
        .gone = gone,
    };
}

static void walk_clear(Walk *walk)
{
    g_ptr_array_unref(walk->level);
    g_ptr_array_unref(walk->next);
    g_free(walk->way);
    g_free(walk->end);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Walk, walk_clear)

/* It ends here. */
static Answer walk_stop(Walk *walk, const char *way, const char *end)
{
    walk->way = g_strdup(way);
    walk->end = g_strdup(end);
    return ANSWER_NO;
}

/* Takes the address over. Met before, it is let be. */
static void walk_add(Walk *walk, GPtrArray *level, Address *address, const char *way)
{
    g_autoptr(Address) taken = address;
    Place *place = view_place(walk->step->view, taken);
    if (place->met == walk->step->plan->walks)
        return;
    place->met = walk->step->plan->walks;
    Stop *stop = g_new(Stop, 1);
    stop->way = g_strdup(way ? way : taken->full);
    stop->address = g_steal_pointer(&taken);
    g_ptr_array_add(level, stop);
}

static void walk_begin_at(Walk *walk, const Address *address)
{
    walk_add(walk, walk->level, address_copy(address), NULL);
}

static bool is_among(const GPtrArray *addresses, const char *address)
{
    for (guint i = 0; addresses && i < addresses->len; i++)
        if (g_str_equal(((const Address *)addresses->pdata[i])->full, address))
            return true;
    return false;
}

/* Whether what leads to an address no longer does so after the row: what it deletes leaves its
 * lists, and its catch-alls and aliases go with it. */
static bool leaves_with(const Walk *walk, const Address *address, ObjectType type)
{
    return type != TYPE_FORWARD && type != TYPE_FULL && is_among(walk->gone, address->full);
}

/* Mail comes to an address, which is taken over, from what is of a type. ANSWER_NO: it must not. */
static Answer walk_to(Walk *walk, Address *address, const Stop *from, ObjectType type)
{
    g_autoptr(Address) taken = address;
    const PlanContext *context = walk->step->context;
    bool end = is_among(walk->ends, taken->full);
    if (leaves_with(walk, taken, type))
        return ANSWER_YES;
    walk->service = !end && !walk->gone && plan_is_batch_address(context, taken->full);
    if (end || walk->service)
        return walk_stop(walk, from->way, taken->full);
    if (!grant_covers(context->grant, taken->domain))
        return ANSWER_YES;
    walk_add(walk, walk->next, g_steal_pointer(&taken), from->way);
    walk->too_many = walk->behind + walk->next->len > PLAN_LOOP_LOOKUPS_MAX;
    return walk->too_many ? walk_stop(walk, from->way, NULL) : ANSWER_YES;
}

static Answer walk_to_all(Walk *walk, const GPtrArray *addresses, const Stop *from, ObjectType type)
{
    Answer answer = ANSWER_YES;
    for (guint i = 0; addresses && i < addresses->len && answer == ANSWER_YES; i++) {
        Address *address = address_parse(addresses->pdata[i], NULL, NULL);
        if (address)
            answer = walk_to(walk, address, from, type);
    }
    return answer;
}

/* A further name of a domain takes mail for the addresses that are there, or will be. */
static Answer walk_to_same(Walk *walk, const char *local, const char *domain, const Stop *from,
                           GError **error)
{
    g_autofree char *text = g_strconcat(local, "@", domain, NULL);
    g_autoptr(Address) same = address_parse(text, NULL, NULL);
    Place *place = NULL;
    if (!same || !grant_covers(walk->step->context->grant, same->domain) ||
        is_among(walk->gone, same->full))
        return ANSWER_YES;
    if (step_look(walk->step, same, false, &place, error) != ANSWER_YES)
        return ANSWER_UNKNOWN;
    if (!place->seen->entry && !is_among(walk->ends, same->full))
        return ANSWER_YES;
    return walk_to(walk, g_steal_pointer(&same), from, TYPE_COUNT);
}

/* Mail to what is not there goes to the same address of the domain that its own is a further name
 * of, or else to the catch-all. */
static Answer walk_past(Walk *walk, const Stop *stop, GError **error)
{
    const Profile *profile = walk->step->context->profile;
    const Address *address = stop->address;
    Place *domain = NULL;
    if (address->full[0] == '@')
        return ANSWER_YES;
    if (view_domain(walk->step->view, address->domain, &domain, error) != ANSWER_YES)
        return ANSWER_UNKNOWN;
    step_looked(walk->step, domain);
    const char *other =
        domain->seen->entry ? profile_entry_target_domain(profile, domain->seen->entry) : NULL;
    return other ? walk_to_same(walk, address->local, other, stop, error)
                 : walk_to(walk, address_of_domain(address->domain), stop, TYPE_COUNT);
}

static Answer walk_through(Walk *walk, const Stop *stop, const Entry *entry)
{
    const Profile *profile = walk->step->context->profile;
    ObjectType type = TYPE_COUNT;
    (void)profile_type_at(profile, entry, stop->address->full, &type);
    Answer answer = walk_to_all(walk, profile_entry_targets(profile, entry), stop, type);
    return answer == ANSWER_YES
               ? walk_to_all(walk, profile_entry_members(profile, entry), stop, type)
               : answer;
}

/* ANSWER_NO: what is there is too much to be read for one row. */
static Answer walk_look(Walk *walk, GError **error)
{
    View *view = walk->step->view;
    g_autoptr(GPtrArray) addresses = g_ptr_array_new();
    for (guint i = 0; i < walk->level->len; i++)
        g_ptr_array_add(addresses, ((Stop *)walk->level->pdata[i])->address);
    Answer answer = view_fetch(view, addresses, false, view_values(view) + PLAN_VALUES_MAX, error);
    if (answer != ANSWER_NO)
        return answer;
    walk->too_many = true;
    return walk_stop(walk, ((Stop *)walk->level->pdata[0])->way, NULL);
}

static Answer walk_level(Walk *walk, GError **error)
{
    Answer answer = walk_look(walk, error);
    for (guint i = 0; i < walk->level->len && answer == ANSWER_YES; i++) {
        const Stop *stop = walk->level->pdata[i];
        Place *place = view_place(walk->step->view, stop->address);
        walk->too_many = !view_is_told(walk->step->view, place);
        if (walk->too_many)
            return walk_stop(walk, stop->way, NULL);
        bool there = place->seen->entry && !is_among(walk->gone, stop->address->full);
        step_looked(walk->step, place);
        answer =
            there ? walk_through(walk, stop, place->seen->entry) : walk_past(walk, stop, error);
    }
    return answer;
}

/* ANSWER_NO: it came to where it must not, or too far. */
static Answer walk_on(Walk *walk, GError **error)
{
    while (walk->level->len > 0) {
        Answer answer = walk_level(walk, error);
        if (answer != ANSWER_YES)
            return answer;
        GPtrArray *done = walk->level;
        walk->level = walk->next;
        walk->next = done;
        g_ptr_array_set_size(done, 0);
        walk->behind += walk->level->len;
        if (walk->level->len > 0 && ++walk->levels > PLAN_LOOP_LEVELS_MAX)
            return walk_stop(walk, ((Stop *)walk->level->pdata[0])->way, NULL);
    }
    return ANSWER_YES;
}

static Outcome *too_far_outcome(const Walk *walk, const char *field)
{
    const char *own = walk->step->operation->address->full;
    if (walk->too_many)
        return outcome_failed(field, walk->way, "Name fewer lists in it.",
                              "Mail to %s would go on to more than %d other addresses.", own,
                              PLAN_LOOP_LOOKUPS_MAX);
    return outcome_failed(field, walk->way, "Name what lies behind it instead.",
                          "The address %s leads on to others more than %d times in a row.",
                          walk->way, PLAN_LOOP_LEVELS_MAX);
}

static Outcome *circle_outcome(const Walk *walk)
{
    const Operation *operation = walk->step->operation;
    const char *advice = "Take this address out, or change where it leads to.";
    const char *field = plan_named_field(operation);
    if (!walk->end)
        return too_far_outcome(walk, field);
    if (walk->service)
        return outcome_failed(field, walk->way, advice,
                              "The address %s leads on to %s, the address of this service.",
                              walk->way, walk->end);
    if (g_str_equal(walk->end, walk->way))
        return outcome_failed("ALIAS", walk->end, advice,
                              "As an alias of %s, the address %s would lead back to itself, in a "
                              "circle.",
                              operation->address->full, walk->end);
    return outcome_failed(g_str_equal(walk->end, operation->address->full) ? field : "ALIAS",
                          walk->way, advice, "The address %s leads back to %s, in a circle.",
                          walk->way, walk->end);
}

/* The aliases that the row's account has, where they are a part of its entry, and keeps. */
static void add_kept_aliases(const Step *step, GPtrArray *own)
{
    const Profile *profile = step->context->profile;
    const AddressCell *cell = &step->operation->aliases;
    const Entry *entry = step->own->seen->entry;
    const GPtrArray *aliases =
        entry && step->operation->type == TYPE_FULL ? profile_entry_aliases(profile, entry) : NULL;
    for (guint i = 0; aliases && i < aliases->len; i++) {
        g_autoptr(Address) alias = address_parse(aliases->pdata[i], NULL, NULL);
        bool gone = cell->named && (!cell->edit || (alias && is_among(cell->removed, alias->full)));
        if (alias && !gone && !is_among(own, alias->full))
            g_ptr_array_add(own, g_steal_pointer(&alias));
    }
}

/* The addresses that the row is about. */
static GPtrArray *own_addresses(const Step *step)
{
    const GPtrArray *aliases = step->operation->aliases.named;
    GPtrArray *own = g_ptr_array_new_with_free_func((GDestroyNotify)address_free);
    g_ptr_array_add(own, address_copy(step->operation->address));
    for (guint i = 0; aliases && i < aliases->len; i++)
        g_ptr_array_add(own, address_copy(aliases->pdata[i]));
    add_kept_aliases(step, own);
    return own;
}

/* What is there keeps its mail, as far as it is known already. */
static bool leads_nowhere(Step *step, const Address *address)
{
    const Profile *profile = step->context->profile;
    Place *place = view_place(step->view, address);
    const Entry *entry = place->seen ? place->seen->entry : NULL;
    if (!entry || !view_is_told(step->view, place) || profile_entry_targets(profile, entry) ||
        profile_entry_members(profile, entry))
        return false;
    step_looked(step, place);
    return true;
}

Answer plan_check_circles(Step *step, GPtrArray *addresses, GError **error)
{
    g_autoptr(GPtrArray) own = own_addresses(step);
    g_auto(Walk) walk = walk_new(step, own, NULL);
    for (guint i = 0; i < addresses->len && !walk.end; i++) {
        const Address *address = addresses->pdata[i];
        if (is_among(own, address->full))
            walk_stop(&walk, address->full, address->full);
        else if (grant_covers(step->context->grant, address->domain) &&
                 !leads_nowhere(step, address))
            walk_begin_at(&walk, address);
    }
    Answer answer = walk.end ? ANSWER_NO : walk_on(&walk, error);
    return answer == ANSWER_NO ? step_end(step, circle_outcome(&walk)) : answer;
}

/* Those that lie in the domain of one of them; NULL where an earlier one of them does, too. */
static GPtrArray *gone_beside(const GPtrArray *gone, guint number)
{
    const char *domain = ((const Address *)gone->pdata[number])->domain;
    g_autoptr(GPtrArray) beside = g_ptr_array_new();
    for (guint i = 0; i < gone->len; i++) {
        if (!g_str_equal(((const Address *)gone->pdata[i])->domain, domain))
            continue;
        if (i < number)
            return NULL;
        g_ptr_array_add(beside, gone->pdata[i]);
    }
    return g_steal_pointer(&beside);
}

/* The addresses of one domain. */
static Answer check_gone_of(Step *step, const GPtrArray *ends, const GPtrArray *gone,
                            const char *field, GError **error)
{
    const char *domain = ((const Address *)ends->pdata[0])->domain;
    g_autoptr(Address) all = address_of_domain(domain);
    Place *place = NULL;
    if (step_look(step, all, false, &place, error) != ANSWER_YES)
        return ANSWER_UNKNOWN;
    if (!place->seen->entry)
        return ANSWER_YES;
    g_auto(Walk) walk = walk_new(step, ends, gone);
    walk_begin_at(&walk, all);
    Answer answer = walk_on(&walk, error);
    if (answer != ANSWER_NO)
        return answer;
    if (!walk.end)
        return step_end(step, too_far_outcome(&walk, field));
    return step_end(step, outcome_failed(field, walk.end,
                                         "Change first what still leads to it, or the catch-all.",
                                         "Without %s, its mail would go to the catch-all of %s, "
                                         "and from there back to %s, in a circle.",
                                         walk.end, domain, walk.end));
}

Answer plan_check_gone(Step *step, const GPtrArray *gone, const char *field, GError **error)
{
    Answer answer = ANSWER_YES;
    for (guint i = 0; i < gone->len && answer == ANSWER_YES; i++) {
        g_autoptr(GPtrArray) ends = gone_beside(gone, i);
        if (ends)
            answer = check_gone_of(step, ends, gone, field, error);
    }
    return answer;
}

Answer plan_check_ways(Step *step, GPtrArray *addresses, GError **error)
{
    Answer answer = check_exist(step, addresses, error);
    return answer == ANSWER_YES ? plan_check_circles(step, addresses, error) : answer;
}
