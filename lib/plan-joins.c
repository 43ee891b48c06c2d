/* SPDX-License-Identifier: MIT */
#include "lib/plan-private.h"

/* Lists whose members have them: a row about such a list writes to its members. Those of other
 * domains, whose entries are not the grant's, are in one entry of the list's domain, where the
 * profile has such. */

bool plan_members_join(const Step *step)
{
    return type_is_list(step->operation->type) && profile_members_join(step->context->profile);
}

/* --- who may be on it --- */

/* What is seen of the member's own entry, where that may have lists; or NULL. */
static const Seen *entry_of(const Step *step, const Address *member)
{
    const Profile *profile = step->context->profile;
    ObjectType type;
    if (!grant_covers(step->context->grant, member->domain))
        return NULL;
    const Seen *seen = view_known(step->view, member);
    return seen && seen->entry && profile_entry_type(profile, seen->entry, &type) &&
                   profile_joins(profile, type)
               ? seen
               : NULL;
}

Answer plan_look_members(Step *step, GPtrArray *members, GError **error)
{
    g_autoptr(GPtrArray) inside = g_ptr_array_new();
    Answer answer = ANSWER_YES;
    for (guint i = 0; members && i < members->len; i++)
        if (grant_covers(step->context->grant, ((Address *)members->pdata[i])->domain))
            g_ptr_array_add(inside, members->pdata[i]);
    if (view_fetch(step->view, inside, true, G_MAXSIZE, error) != ANSWER_YES)
        return ANSWER_UNKNOWN;
    for (guint i = 0; i < inside->len && answer == ANSWER_YES; i++) {
        Place *place = NULL;
        answer = step_look(step, inside->pdata[i], true, &place, error);
    }
    return answer;
}

Outcome *plan_member_fault(const Step *step, const Address *member)
{
    const Profile *profile = step->context->profile;
    ObjectType type = TYPE_COUNT;
    if (!grant_covers(step->context->grant, member->domain))
        return profile_has_externals(profile) ? NULL
                                              : plan_words_no_member(profile, member, TYPE_COUNT);
    const Seen *seen = view_known(step->view, member);
    if (entry_of(step, member))
        return NULL;
    if (seen->entry)
        (void)profile_entry_type(profile, seen->entry, &type);
    return plan_words_no_member(profile, member, type);
}

/* --- who is on it --- */

GPtrArray *plan_members_on(const Step *step, bool on)
{
    const Profile *profile = step->context->profile;
    const Operation *operation = step->operation;
    const Entry *list = step->own->seen->entry;
    GPtrArray *found = g_ptr_array_new();
    g_autoptr(GHashTable) met = g_hash_table_new(NULL, NULL);
    for (guint i = 0; operation->members && i < operation->members->len; i++) {
        const Address *member = operation->members->pdata[i];
        const Seen *own = plan_members_join(step) ? entry_of(step, member) : NULL;
        if (own && !g_hash_table_add(met, (gpointer)own))
            continue; /* by another of its addresses */
        const bool is = profile_entry_has_member(profile, list, member->full) ||
                        (own && profile_entry_names(profile, own->entry, operation->address->full));
        if (is == on)
            g_ptr_array_add(found, operation->members->pdata[i]);
    }
    return found;
}

/* --- writing --- */

/* What there will be of those of other domains. */
static GPtrArray *others_after(const Step *step, const Entry *entry, const GPtrArray *members,
                               bool join)
{
    GPtrArray *after = g_ptr_array_new();
    g_autoptr(GPtrArray) there =
        entry ? profile_entry_stands_for(step->context->profile, entry) : g_ptr_array_new();
    for (guint i = 0; i < there->len; i++)
        if (join || !entry_values_have(members, there->pdata[i], true))
            g_ptr_array_add(after, there->pdata[i]);
    for (guint i = 0; join && i < members->len; i++)
        if (!entry_values_have(there, members->pdata[i], true))
            g_ptr_array_add(after, members->pdata[i]);
    return after;
}

static const Seen *seen_externals(const Step *step)
{
    if (!profile_has_externals(step->context->profile))
        return NULL;
    g_autofree char *dn = profile_externals_dn(step->context->profile, step->operation->address);
    return view_seen(step->view, dn);
}

/* members: of char *. fresh: whoever was there is not meant. */
static void write_externals(Step *step, GPtrArray *members, bool join, bool fresh)
{
    const Profile *profile = step->context->profile;
    if (!profile_has_externals(profile))
        return;
    const Seen *seen = seen_externals(step);
    const Entry *entry = seen ? seen->entry : NULL;
    if (members->len == 0 && !(fresh && entry))
        return;
    g_autoptr(GPtrArray) after =
        fresh ? g_ptr_array_ref(members) : others_after(step, entry, members, join);
    if (seen)
        step_needs(step, seen->line);
    Change *change = profile_externals(profile, entry, step->operation->address, after, step->mark);
    if (change)
        step_write(step, change);
}

static void write_joins(Step *step, const GPtrArray *members, bool join, bool fresh)
{
    const Profile *profile = step->context->profile;
    const char *list = step->operation->address->full;
    g_autoptr(GPtrArray) lists = g_ptr_array_new(), others = g_ptr_array_new();
    g_autoptr(GHashTable) met = g_hash_table_new(NULL, NULL);
    g_ptr_array_add(lists, (gpointer)list);
    for (guint i = 0; members && i < members->len; i++) {
        const Address *member = members->pdata[i];
        const Seen *own = entry_of(step, member);
        const bool is = own && profile_entry_names(profile, own->entry, list);
        if (own && !g_hash_table_add(met, (gpointer)own))
            continue;
        if (own && is != join)
            step_write(step, profile_members(profile, own->entry, join ? lists : NULL,
                                             join ? NULL : lists, step->mark));
        else if (!own || !join)
            g_ptr_array_add(others, member->full);
    }
    write_externals(step, others, join, fresh);
}

void plan_write_joins(Step *step, const GPtrArray *members, bool join)
{
    write_joins(step, members, join, false);
}

/* Whether one of the row's members has this entry. */
static bool is_named(const Step *step, const Seen *seen)
{
    const GPtrArray *members = step->operation->members;
    for (guint i = 0; members && i < members->len; i++)
        if (entry_of(step, members->pdata[i]) == seen)
            return true;
    return false;
}

Answer plan_write_new_list(Step *step, GError **error)
{
    const Profile *profile = step->context->profile;
    const Address *list = step->operation->address;
    g_autoptr(GPtrArray) found = NULL, lists = g_ptr_array_new();
    Answer answer = view_lists_with(step->view, list, &found, error);
    if (answer == ANSWER_NO)
        return step_end(step, plan_words_many_members(list));
    if (answer != ANSWER_YES)
        return answer;
    g_ptr_array_add(lists, list->full);
    /* A list of the same address went, and its members were not told. */
    for (guint i = 0; i < found->len; i++) {
        const Seen *seen = found->pdata[i];
        if (!profile_entry_names(profile, seen->entry, list->full) || is_named(step, seen) ||
            seen == seen_externals(step))
            continue;
        step_needs(step, seen->line);
        step_write(step, profile_leave(profile, seen->entry, lists, step->mark));
    }
    write_joins(step, step->operation->members, true, true);
    return ANSWER_YES;
}
