/* SPDX-License-Identifier: MIT */
#include "lib/plan-private.h"

struct PlanAhead {
    const PlanContext *context;
    View *view;
    GPtrArray *operations;
    guint at;   /* the row that is planned now */
    guint read; /* the first one that nothing has been read for */
    guint most; /* addresses of the next step */
};

/* What some rows ask for. */
typedef struct {
    GPtrArray *domains; /* of char * */
    GPtrArray *own;     /* of Address *, as in the others */
    GPtrArray *named;
    GPtrArray *deleted;
    GHashTable *catchalls; /* domain → Address: who gets mail to what is deleted */
} Wanted;

static Wanted wanted_new(void)
{
    return (Wanted){
        g_ptr_array_new(), g_ptr_array_new(), g_ptr_array_new(), g_ptr_array_new(),
        g_hash_table_new_full(g_str_hash, g_str_equal, NULL, (GDestroyNotify)address_free)};
}

static void wanted_clear(Wanted *wanted)
{
    g_hash_table_unref(wanted->catchalls);
    g_ptr_array_unref(wanted->domains);
    g_ptr_array_unref(wanted->own);
    g_ptr_array_unref(wanted->named);
    g_ptr_array_unref(wanted->deleted);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Wanted, wanted_clear)

PlanAhead *plan_ahead_new(const PlanContext *context, View *view, GPtrArray *operations)
{
    PlanAhead *ahead = g_new0(PlanAhead, 1);
    ahead->context = context;
    ahead->view = view;
    ahead->operations = g_ptr_array_ref(operations);
    ahead->most = PLAN_AHEAD_ADDRESSES_MAX;
    return ahead;
}

void plan_ahead_free(PlanAhead *ahead)
{
    if (!ahead)
        return;
    g_ptr_array_unref(ahead->operations);
    g_free(ahead);
}

static void want_deleted(Wanted *wanted, Address *address)
{
    g_ptr_array_add(wanted->deleted, address);
    if (g_hash_table_contains(wanted->catchalls, address->domain))
        return;
    Address *all = address_of_domain(address->domain);
    g_hash_table_insert(wanted->catchalls, all->domain, all);
    g_ptr_array_add(wanted->own, all);
}

static void want(const PlanAhead *ahead, Wanted *wanted, const Operation *operation)
{
    const Grant *grant = ahead->context->grant;
    GPtrArray *named = plan_named(operation), *aliases = operation->aliases.named;
    g_ptr_array_add(wanted->domains, operation->address->domain);
    if (operation->target_domain)
        g_ptr_array_add(wanted->domains, operation->target_domain);
    if (operation->type == TYPE_DOMAIN || operation->type == TYPE_DOMAINALIAS ||
        operation->type == TYPE_SPAMFILTER)
        return;
    g_ptr_array_add(wanted->own, operation->address);
    if (operation->action == ACTION_DELETE && !operation->members && type_has_user(operation->type))
        want_deleted(wanted, operation->address);
    const bool join =
        profile_members_join(ahead->context->profile) && type_is_list(operation->type);
    if (operation->action == ACTION_DELETE && !join)
        return;
    /* What is written to is read whole. */
    for (guint i = 0; named && i < named->len; i++)
        if (grant_covers(grant, ((Address *)named->pdata[i])->domain))
            g_ptr_array_add(join ? wanted->own : wanted->named, named->pdata[i]);
    for (guint i = 0; aliases && i < aliases->len; i++)
        if (grant_covers(grant, ((Address *)aliases->pdata[i])->domain))
            g_ptr_array_add(wanted->own, aliases->pdata[i]);
}

/* As many rows from at on as make a step; returns the first one after them. */
static guint gather(const PlanAhead *ahead, Wanted *wanted)
{
    guint end = ahead->at;
    for (; end < ahead->operations->len && wanted->own->len + wanted->named->len < ahead->most;
         end++) {
        const Operation *operation = ahead->operations->pdata[end];
        if (operation && grant_covers(ahead->context->grant, operation->address->domain))
            want(ahead, wanted, operation);
    }
    return end;
}

static void add_fresh(const PlanAhead *ahead, GPtrArray *fresh, GHashTable *met, GPtrArray *texts)
{
    for (guint i = 0; texts && i < texts->len && fresh->len < ahead->most; i++) {
        g_autoptr(Address) address = address_parse(texts->pdata[i], NULL, NULL);
        if (address && grant_covers(ahead->context->grant, address->domain) &&
            !g_hash_table_contains(met, address->full)) {
            g_hash_table_add(met, address->full);
            g_ptr_array_add(fresh, g_steal_pointer(&address));
        }
    }
}

/* Where mail to the addresses goes on to: an array of Address *, without those in met. */
static GPtrArray *behind(const PlanAhead *ahead, GPtrArray *addresses, GHashTable *met)
{
    const Profile *profile = ahead->context->profile;
    GPtrArray *fresh = g_ptr_array_new_with_free_func((GDestroyNotify)address_free);
    for (guint i = 0; i < addresses->len; i++) {
        const Seen *seen = view_known(ahead->view, addresses->pdata[i]);
        if (!seen || !seen->entry)
            continue;
        add_fresh(ahead, fresh, met, profile_entry_targets(profile, seen->entry));
        add_fresh(ahead, fresh, met, profile_entry_members(profile, seen->entry));
    }
    return fresh;
}

/* What loops are searched for in, level by level. */
static Answer read_behind(const PlanAhead *ahead, GPtrArray *named, GError **error)
{
    g_autoptr(GHashTable) met = g_hash_table_new(g_str_hash, g_str_equal);
    g_autoptr(GPtrArray) levels = g_ptr_array_new_with_free_func((GDestroyNotify)g_ptr_array_unref);
    Answer answer = ANSWER_YES;
    GPtrArray *level = behind(ahead, named, met);
    g_ptr_array_add(levels, level);
    while (answer == ANSWER_YES && level->len > 0 && g_hash_table_size(met) < ahead->most) {
        answer = view_fetch(ahead->view, level, false, PLAN_VALUES_MAX, error);
        level = behind(ahead, level, met);
        g_ptr_array_add(levels, level);
    }
    return answer;
}

/* ANSWER_NO: there was not room for all. */
static Answer read_wanted(const PlanAhead *ahead, const Wanted *wanted, GError **error)
{
    View *view = ahead->view;
    Answer answer = view_fetch_domains(view, wanted->domains, error);
    if (answer == ANSWER_YES)
        answer = view_fetch(view, wanted->own, true, PLAN_VALUES_MAX, error);
    if (answer == ANSWER_YES)
        answer = view_fetch(view, wanted->named, false, PLAN_VALUES_MAX, error);
    if (answer == ANSWER_YES)
        answer = view_fetch_lists(view, wanted->deleted, PLAN_VALUES_MAX, error);
    return answer == ANSWER_YES ? read_behind(ahead, wanted->named, error) : answer;
}

Answer plan_ahead_reach(PlanAhead *ahead, unsigned line, GError **error)
{
    GPtrArray *operations = ahead->operations;
    while (ahead->at < operations->len &&
           (!operations->pdata[ahead->at] ||
            ((const Operation *)operations->pdata[ahead->at])->line < line))
        ahead->at++;
    bool full = view_values(ahead->view) >= PLAN_VALUES_MAX;
    if (ahead->at < ahead->read && !full)
        return ANSWER_YES;
    if (full || view_values(ahead->view) >= PLAN_VALUES_MAX / 2)
        view_forget(ahead->view);
    if (ahead->at >= operations->len)
        return ANSWER_YES;
    g_auto(Wanted) wanted = wanted_new();
    ahead->read = gather(ahead, &wanted);
    Answer answer = read_wanted(ahead, &wanted, error);
    if (answer == ANSWER_NO) {
        /* The row itself looks for what it does not find, and the next one begins a smaller step.
         */
        ahead->most = MAX(ahead->most / 2, PLAN_AHEAD_ADDRESSES_MIN);
        ahead->read = ahead->at + 1;
        return ANSWER_YES;
    }
    ahead->most = MIN(ahead->most * 2, PLAN_AHEAD_ADDRESSES_MAX);
    return answer;
}
