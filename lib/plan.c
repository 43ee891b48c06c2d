/* SPDX-License-Identifier: MIT */
#include "lib/plan-private.h"

Plan *plan_new(const PlanContext *context)
{
    Plan *plan = g_new0(Plan, 1);
    plan->context = context;
    plan->view = view_new(context);
    plan->joined = g_ptr_array_new_with_free_func(g_free);
    plan->hashes = plan_hashes_new(context);
    plan->numbers = plan_numbers_new(context);
    plan->accounts = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    plan->moved = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    plan->readers =
        g_hash_table_new_full(g_str_hash, g_str_equal, g_free, (GDestroyNotify)g_array_unref);
    plan->idle = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    plan->list_lines = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    return plan;
}

void plan_free(Plan *plan)
{
    if (!plan)
        return;
    plan_ahead_free(plan->ahead);
    view_free(plan->view);
    g_hash_table_unref(plan->readers);
    g_hash_table_unref(plan->idle);
    g_hash_table_unref(plan->list_lines);
    g_ptr_array_unref(plan->joined);
    plan_hashes_free(plan->hashes);
    plan_numbers_free(plan->numbers);
    g_hash_table_unref(plan->accounts);
    g_hash_table_unref(plan->moved);
    g_free(plan);
}

Answer step_end(Step *step, Outcome *outcome)
{
    g_ptr_array_set_size(step->row->writes, 0);
    step->row->outcome = outcome;
    return ANSWER_NO;
}

Answer step_unchanged(Step *step, const char *reason)
{
    Outcome *outcome = outcome_new(RESULT_UNCHANGED);
    outcome->reason = g_strdup(reason);
    return step_end(step, outcome);
}

void step_needs(Step *step, unsigned line)
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

/* The last row that changed who is on a list otherwise than by writing to it, or 0. */
static unsigned list_line(const Plan *plan, const char *address)
{
    return GPOINTER_TO_UINT(g_hash_table_lookup(plan->list_lines, address));
}

/* The row needs the earlier row that made what is seen there. */
void step_looked(Step *step, Place *place)
{
    if (place->looked != step->plan->rows)
        g_ptr_array_add(step->looked, (gpointer)place->address);
    place->looked = step->plan->rows;
    step_needs(step, place->seen->line);
    if (g_hash_table_size(step->plan->list_lines) > 0)
        step_needs(step, list_line(step->plan, place->address));
}

Answer step_look(Step *step, const Address *address, bool whole, Place **place, GError **error)
{
    Answer answer = view_address(step->view, address, whole, place, error);
    if (answer == ANSWER_YES)
        step_looked(step, *place);
    return answer;
}

void step_write(Step *step, Change *change)
{
    g_ptr_array_add(step->row->writes, view_expect(step->view, change));
}

/* The address that a write is about, as a key; the domain's name where it is about that. */
static char *address_of(const Step *step, const PlannedWrite *write)
{
    const Change *change = write->change;
    g_autoptr(Address) other = NULL;
    if (step->own && g_str_equal(change->dn, step->own->dn))
        return g_strdup(step->own->address);
    if (change->kind == CHANGE_ADD)
        return g_strdup(profile_added_address(step->context->profile, change));
    const Seen *seen = view_seen(step->view, change->dn);
    if (seen && seen->entry)
        other = profile_entry_address(step->context->profile, seen->entry);
    return g_strdup(other ? other->full : step->operation->address->full);
}

static void heed_readers_of(Step *step, GHashTable *readers, const char *address)
{
    const GArray *lines = g_hash_table_lookup(readers, address);
    for (guint j = 0; lines && j < lines->len; j++)
        step_needs(step, g_array_index(lines, unsigned, j));
    g_hash_table_remove(readers, address);
}

/* Should an earlier row be planned anew that looked at what this one writes, then so must this
 * one: else the earlier would see what came after it. */
static void step_heed_readers(Step *step, GHashTable *readers)
{
    for (guint i = 0; i < step->row->writes->len && g_hash_table_size(readers) > 0; i++) {
        g_autofree char *address = address_of(step, step->row->writes->pdata[i]);
        heed_readers_of(step, readers, address);
    }
}

/* The same of the lists that it changes by writing to their members. */
static void step_heed_lists(Step *step)
{
    Plan *plan = step->plan;
    if (!profile_members_join(step->context->profile))
        return;
    for (guint i = 0; i < step->row->writes->len; i++) {
        const PlannedWrite *write = step->row->writes->pdata[i];
        g_autoptr(GPtrArray) lists = view_change_lists(plan->view, write->change);
        for (guint j = 0; j < lists->len; j++) {
            heed_readers_of(step, plan->readers, lists->pdata[j]);
            step_needs(step, list_line(plan, lists->pdata[j]));
        }
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
    GPtrArray *addresses = plan_named(step->operation);
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

/* Should an earlier row be planned anew and then write what this one looked at, then so must this
 * one: else it would not see it. */
static void step_heed_idle(Step *step, GHashTable *idle)
{
    for (guint i = 0; i < step->looked->len && g_hash_table_size(idle) > 0; i++) {
        gpointer line = g_hash_table_lookup(idle, step->looked->pdata[i]);
        step_needs(step, GPOINTER_TO_UINT(line));
    }
}

static void note_idle(GHashTable *idle, const GPtrArray *addresses, unsigned line)
{
    for (guint i = 0; addresses && i < addresses->len; i++)
        g_hash_table_insert(idle, g_strdup(((const Address *)addresses->pdata[i])->full),
                            GUINT_TO_POINTER(line));
}

static void step_note_idle(Step *step, GHashTable *idle)
{
    const Operation *operation = step->operation;
    if (step->row->needs->len == 0 || step->row->writes->len > 0)
        return;
    g_hash_table_insert(idle, g_strdup(operation->address->full),
                        GUINT_TO_POINTER(operation->line));
    note_idle(idle, plan_named(operation), operation->line);
    note_idle(idle, operation->aliases.named, operation->line);
}

static void note_one(Plan *plan, const char *member, const Change *change)
{
    g_ptr_array_add(plan->joined, g_strdup(member));
    g_ptr_array_add(plan->joined, view_name(change->dn));
}

/* A later slice looks for what refers to an address, and asks the directory in vain for these. */
static void note_joined(Plan *plan, const Operation *operation, const PlannedRow *row)
{
    const bool join = profile_members_join(plan->context->profile) && type_is_list(operation->type);
    const bool refers =
        !join && (PROFILE_WITH_MEMBERS | PROFILE_POINTERS) & (1u << operation->type);
    const GPtrArray *members = refers ? plan_named(operation) : NULL;
    if (!plan->context->overlay || row->writes->len == 0 || operation->action == ACTION_DELETE)
        return;
    for (guint i = 0; join && i < row->writes->len; i++)
        note_one(plan, operation->address->full,
                 ((const PlannedWrite *)row->writes->pdata[i])->change);
    const PlannedWrite *write = row->writes->pdata[0];
    for (guint i = 0; members && i < members->len; i++)
        note_one(plan, ((Address *)members->pdata[i])->full, write->change);
    for (guint i = 0; operation->aliases.named && i < row->writes->len; i++) {
        const Change *change = ((const PlannedWrite *)row->writes->pdata[i])->change;
        ObjectType type;
        if (change->kind == CHANGE_ADD &&
            profile_added_type(plan->context->profile, change, &type) && type == TYPE_ALIAS)
            note_one(plan, operation->address->full, change);
    }
    if (!profile_aliases_inside(plan->context->profile))
        return;
    write = row->writes->pdata[row->writes->len - 1]; /* the account's */
    for (guint i = 0; operation->aliases.named && i < operation->aliases.named->len; i++)
        note_one(plan, ((Address *)operation->aliases.named->pdata[i])->full, write->change);
    if (operation->type == TYPE_ALIAS)
        note_one(plan, operation->address->full, write->change);
}

void plan_effects(const Plan *plan, const PlanEffects *effects)
{
    view_effects(plan->view, effects->found, effects->data);
    plan_count_effects(plan, effects);
    for (guint i = 0; i + 1 < plan->joined->len; i += 2)
        effects->joined(effects->data, plan->joined->pdata[i], plan->joined->pdata[i + 1]);
}

/* Before the row's effect is laid over what is seen. */
static void count_accounts(Plan *plan, const Operation *operation, const PlannedRow *row)
{
    if (row->writes->len == 0)
        return;
    if (operation->type == TYPE_DOMAIN && operation->action == ACTION_ADD)
        g_hash_table_insert(plan->accounts, g_strdup(operation->address->domain),
                            GSIZE_TO_POINTER(operation->owner ? 1 : 0));
    if (operation->type == TYPE_FULL)
        plan_count_accounts(plan, operation->address->domain,
                            operation->action == ACTION_ADD      ? 1
                            : operation->action == ACTION_DELETE ? -1
                                                                 : 0);
}

Answer plan_row(Plan *plan, const Operation *operation, PlannedRow **row, GError **error)
{
    static Answer (*const checks[])(Step *, GError **) = {
        plan_check_grant, plan_check_reserved, plan_check_privilege,
        plan_check_named, plan_check_domain,   plan_change,
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
    step_heed_lists(&step);
    step_heed_idle(&step, plan->idle);
    step_note_reads(&step, plan->readers);
    step_note_idle(&step, plan->idle);
    count_accounts(plan, operation, planned);
    plan_assume(plan, planned);
    note_joined(plan, operation, planned);
    *row = g_steal_pointer(&planned);
    return ANSWER_YES;
}

Answer plan_finish(Plan *plan, GError **error)
{
    Answer answer = plan_hashes_finish(plan->hashes, error);
    return answer == ANSWER_YES ? plan_numbers_finish(plan->numbers, error) : answer;
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
    g_hash_table_remove_all(plan->idle);
    g_hash_table_remove_all(plan->list_lines);
    view_go_on(plan->view, done, first);
    plan->first = first;
}

void plan_assume(Plan *plan, const PlannedRow *row)
{
    for (guint i = 0; row->writes && i < row->writes->len; i++) {
        const PlannedWrite *write = row->writes->pdata[i];
        g_autoptr(GPtrArray) lists = view_change_lists(plan->view, write->change);
        for (guint j = 0; j < lists->len; j++)
            g_hash_table_replace(plan->list_lines, g_strdup(lists->pdata[j]),
                                 GUINT_TO_POINTER(row->line));
        view_lay(plan->view, write->change, row->line);
    }
}
