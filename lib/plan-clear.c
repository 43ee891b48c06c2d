/* SPDX-License-Identifier: MIT */
#include "lib/plan-private.h"

/* A domain goes with all that is in it, a part of it in each plan. The first part suspends it, so
 * that nothing comes or is made there any more; the last one, which finds nothing below it, takes
 * its further names and itself. */

static bool found_below(gpointer data, const DirectoryQuery *query, Entry *entry)
{
    (void)query;
    GPtrArray *entries = data;
    if (entries->len == PLAN_PART_MAX) {
        entry_free(entry);
        return false;
    }
    g_ptr_array_add(entries, entry);
    return true;
}

/* At most PLAN_PART_MAX of what a search finds; of Entry. NULL with an error. */
static GPtrArray *find_some(const Step *step, const char *base, DirectoryScope scope,
                            const char *filter, GError **error)
{
    g_autoptr(GPtrArray) entries = g_ptr_array_new_with_free_func((GDestroyNotify)entry_free);
    g_autoptr(GPtrArray) queries = g_ptr_array_new();
    DirectoryQuery query = {
        .base = base,
        .scope = scope,
        .filter = filter,
        .attributes = profile_attributes(step->context->profile),
        .limit = PLAN_PART_MAX + 1,
    };
    g_ptr_array_add(queries, &query);
    if (directory_search_many(step->context->directory, queries, found_below, entries, error) ==
        ANSWER_UNKNOWN)
        return NULL;
    if (query.state == QUERY_CUT && entries->len == 0) {
        directory_query_fault(&query, error);
        return NULL;
    }
    return g_steal_pointer(&entries);
}

static Answer end_unknown(Step *step)
{
    const char *domain = step->operation->address->domain;
    return step_end(step,
                    outcome_failed("DOMAIN", domain, "Ask your service provider to do this.",
                                   "The domain %s holds something that this service does not know.",
                                   domain));
}

/* What may not go: a stranger's entry, an administrator's address. */
static Answer check_entry(Step *step, const Entry *entry, const Address *address, GError **error)
{
    const PlanContext *context = step->context;
    const char *domain = step->operation->address->domain;
    ObjectType type;
    if (profile_entry_is_externals(context->profile, entry))
        return ANSWER_YES;
    if (!address || !profile_entry_type(context->profile, entry, &type))
        return end_unknown(step);
    if (context->grant->administrators || !context->has_grant || !type_has_user(type))
        return ANSWER_YES;
    Answer answer = context->has_grant(context->has_grant_data, address, NULL, error);
    if (answer != ANSWER_YES)
        return answer == ANSWER_NO ? ANSWER_YES : answer;
    return step_end(step, outcome_failed("DOMAIN", domain, "Ask your service provider to do this.",
                                         "The address %s is an administrator's, and you may not "
                                         "change those.",
                                         address->full));
}

/* The addresses of a part, which is known to the view from then on, and what refers to them from
 * other domains. NULL with *answer. */
static Gone *see_part(Step *step, const GPtrArray *entries, Answer *answer, GError **error)
{
    const Profile *profile = step->context->profile;
    g_autoptr(Gone) gone = gone_new();
    for (guint i = 0; i < entries->len; i++) {
        const Entry *entry = entries->pdata[i];
        g_autoptr(Address) address = profile_entry_address(profile, entry);
        *answer = check_entry(step, entry, address, error);
        if (*answer != ANSWER_YES)
            return NULL;
        view_observe(step->view, entry->dn, entry);
        if (profile_entry_is_externals(profile, entry))
            continue;
        gone_add(gone, address);
        gone_add_aliases(gone, profile, entry, NULL);
    }
    *answer = gone_find(step, gone, "DOMAIN", error);
    return *answer == ANSWER_YES ? g_steal_pointer(&gone) : NULL;
}

/* --- parts --- */

static Answer clear_part(Step *step, GPtrArray *entries, GError **error)
{
    const Profile *profile = step->context->profile;
    Answer answer = ANSWER_YES;
    g_autoptr(Gone) gone = see_part(step, entries, &answer, error);
    if (answer != ANSWER_YES)
        return answer;
    Change *off = profile_enable(profile, step->own->seen->entry, false, step->mark);
    if (off)
        step_write(step, off);
    answer = gone_write_members(step, gone, "DOMAIN");
    if (answer != ANSWER_YES)
        return answer;
    gone_write_pointers(step, gone);
    for (guint i = 0; i < entries->len; i++)
        step_write(step, profile_delete(profile, entries->pdata[i]));
    step->row->outcome = outcome_new(RESULT_DELETED);
    step->row->outcome->reason = g_strdup(PLAN_PART);
    return ANSWER_YES;
}

static Answer write_further_names(Step *step, bool *more, GError **error)
{
    const Profile *profile = step->context->profile;
    g_autofree char *filter =
        profile_filter_further_names(profile, step->operation->address->domain);
    g_autofree char *base = profile_domains_dn(profile);
    if (!filter)
        return ANSWER_YES;
    g_autoptr(GPtrArray) names = find_some(step, base, DIRECTORY_SCOPE_ONE, filter, error);
    if (!names)
        return ANSWER_UNKNOWN;
    for (guint i = 0; i < names->len; i++) {
        const Entry *entry = names->pdata[i];
        view_observe(step->view, entry->dn, entry);
        step_write(step, profile_delete(profile, entry));
    }
    *more = names->len == PLAN_PART_MAX;
    return ANSWER_YES;
}

/* The keys of what a domain has for its entries to lie below. */
static GHashTable *container_keys(const Step *step)
{
    GHashTable *keys = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    g_autoptr(GPtrArray) changes = profile_add_containers(
        step->context->profile, step->operation->address->domain, step->mark);
    for (guint i = 0; i < changes->len; i++) {
        g_autoptr(Change) change = changes->pdata[i];
        g_hash_table_add(keys, view_name(change->dn));
    }
    return keys;
}

/* What its entries lay below goes last. */
static Answer write_containers_gone(Step *step, bool *more, GError **error)
{
    g_autoptr(GPtrArray) left =
        find_some(step, step->own->dn, DIRECTORY_SCOPE_ONE, "(objectClass=*)", error);
    g_autoptr(GHashTable) ours = container_keys(step);
    if (!left)
        return ANSWER_UNKNOWN;
    for (guint i = 0; i < left->len; i++) {
        const Entry *entry = left->pdata[i];
        g_autofree char *key = view_name(entry->dn);
        if (!g_hash_table_contains(ours, key))
            return end_unknown(step);
        view_observe(step->view, entry->dn, entry);
        step_write(step, profile_delete(step->context->profile, entry));
    }
    *more |= left->len == PLAN_PART_MAX;
    return ANSWER_YES;
}

static GPtrArray *find_contents(const Step *step, GError **error)
{
    if (!profile_has_containers(step->context->profile))
        return find_some(step, step->own->dn, DIRECTORY_SCOPE_ONE, "(objectClass=*)", error);
    g_autofree char *filter = profile_filter_contents(step->context->profile);
    return find_some(step, step->own->dn, DIRECTORY_SCOPE_SUB, filter, error);
}

Answer plan_clear_domain(Step *step, GError **error)
{
    g_autoptr(GPtrArray) entries = find_contents(step, error);
    bool more = false;
    if (!entries)
        return ANSWER_UNKNOWN;
    if (entries->len > 0)
        return clear_part(step, entries, error);
    Answer answer = write_further_names(step, &more, error);
    if (answer == ANSWER_YES && profile_has_containers(step->context->profile))
        answer = write_containers_gone(step, &more, error);
    if (answer != ANSWER_YES)
        return answer;
    if (!more)
        step_write(step, profile_delete(step->context->profile, step->own->seen->entry));
    step->row->outcome = outcome_new(RESULT_DELETED);
    step->row->outcome->reason = more ? g_strdup(PLAN_PART) : NULL;
    return ANSWER_YES;
}

bool planned_row_is_part(const PlannedRow *row)
{
    return row->outcome && row->outcome->result == RESULT_DELETED &&
           g_strcmp0(row->outcome->reason, PLAN_PART) == 0;
}
