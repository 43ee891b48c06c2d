/* SPDX-License-Identifier: MIT */
#include "lib/plan-private.h"

#include <string.h>

/* Rows about a domain as a whole: itself, its further names, whom it takes no mail from. */

/* --- how many mailboxes it has --- */

/* Most that are counted. */
#define ACCOUNTS_MAX 10000000

static bool found_account(gpointer data, const DirectoryQuery *query, Entry *entry)
{
    (void)data;
    (void)query;
    entry_free(entry);
    return true;
}

static Answer count_accounts(const Step *step, const char *domain, gsize *count, GError **error)
{
    static const char *const none[] = {"1.1", NULL};
    const Profile *profile = step->context->profile;
    g_autoptr(GPtrArray) queries = g_ptr_array_new();
    g_autofree char *base = profile_domain_dn(profile, domain);
    g_autofree char *filter = profile_filter_type(profile, TYPE_FULL);
    DirectoryQuery query = {
        .base = base,
        .scope = profile_depth(profile) > 1 ? DIRECTORY_SCOPE_SUB : DIRECTORY_SCOPE_ONE,
        .filter = filter,
        .attributes = none,
        .limit = ACCOUNTS_MAX,
    };
    g_ptr_array_add(queries, &query);
    if (directory_search_many(step->context->directory, queries, found_account, NULL, error) !=
        ANSWER_YES)
        return ANSWER_UNKNOWN;
    if (query.state == QUERY_TOO_MANY || query.state == QUERY_CUT) {
        directory_query_fault(&query, error);
        return ANSWER_UNKNOWN;
    }
    *count = query.found;
    return ANSWER_YES;
}

/* The name of a domain's number of mailboxes among the effects of slices. */
static char *count_name(const char *domain)
{
    return g_strconcat("mailboxes of ", domain, NULL);
}

/* The number after the slices before, which are not carried out. */
static Answer recall_count(const Step *step, const char *domain, gsize *count, GError **error)
{
    const PlanOverlay *overlay = step->context->overlay;
    g_autofree char *name = count_name(domain);
    g_autoptr(GVariant) effect = NULL;
    if (!overlay)
        return ANSWER_NO;
    Answer answer = overlay->find(overlay->data, name, &effect, error);
    if (answer != ANSWER_YES)
        return answer;
    const char *text = NULL;
    guint64 number = 0;
    g_variant_get_child(effect, 2, "m&s", &text);
    if (!text || !g_ascii_string_to_unsigned(text, 10, 0, ACCOUNTS_MAX, &number, NULL))
        return ANSWER_NO;
    *count = number;
    return ANSWER_YES;
}

void plan_count_effects(const Plan *plan, const PlanEffects *effects)
{
    GHashTableIter iter;
    gpointer domain, count;
    g_hash_table_iter_init(&iter, plan->accounts);
    while (g_hash_table_iter_next(&iter, &domain, &count)) {
        g_autofree char *name = count_name(domain);
        g_autofree char *text = g_strdup_printf("%" G_GSIZE_FORMAT, GPOINTER_TO_SIZE(count));
        effects->found(effects->data, name,
                       g_variant_new(PLAN_EFFECT_TYPE, FALSE, "", text, NULL, NULL));
    }
}

/* Counted once, and kept up with by plan_count_accounts(). */
static Answer accounts_of(Step *step, const char *domain, gsize *count, GError **error)
{
    gpointer known = NULL;
    if (g_hash_table_lookup_extended(step->plan->accounts, domain, NULL, &known)) {
        *count = GPOINTER_TO_SIZE(known);
        return ANSWER_YES;
    }
    Answer answer = recall_count(step, domain, count, error);
    if (answer == ANSWER_NO)
        answer = count_accounts(step, domain, count, error);
    if (answer != ANSWER_YES)
        return answer;
    /* Where a limit comes late, earlier rows are not there yet. */
    int moved = GPOINTER_TO_INT(g_hash_table_lookup(step->plan->moved, domain));
    *count = moved < 0 ? *count - MIN(*count, (gsize)-moved) : *count + (gsize)moved;
    g_hash_table_insert(step->plan->accounts, g_strdup(domain), GSIZE_TO_POINTER(*count));
    return ANSWER_YES;
}

void plan_count_accounts(Plan *plan, const char *domain, int more)
{
    gpointer known = NULL;
    if (more == 0)
        return;
    if (!g_hash_table_lookup_extended(plan->accounts, domain, NULL, &known)) {
        int moved = GPOINTER_TO_INT(g_hash_table_lookup(plan->moved, domain));
        g_hash_table_insert(plan->moved, g_strdup(domain), GINT_TO_POINTER(moved + more));
        return;
    }
    gsize count = GPOINTER_TO_SIZE(known);
    count = more > 0 ? count + 1 : count - (count > 0);
    g_hash_table_insert(plan->accounts, g_strdup(domain), GSIZE_TO_POINTER(count));
}

static bool most_accounts(const Step *step, const Entry *domain, guint64 *most)
{
    const char *text = profile_entry_value(step->context->profile, domain, FIELD_MAX_MAILBOXES);
    return text && g_ascii_string_to_unsigned(text, 10, 0, G_MAXUINT32, most, NULL);
}

Answer plan_check_mailboxes(Step *step, GError **error)
{
    const Operation *operation = step->operation;
    const char *domain = operation->address->domain;
    guint64 most = 0;
    gsize count = 0;
    if (operation->type != TYPE_FULL || !most_accounts(step, step->domain->seen->entry, &most) ||
        (operation->action != ACTION_ADD && operation->action != ACTION_DELETE))
        return ANSWER_YES;
    /* Also before one is deleted: of what this plan makes nothing may be there yet. */
    Answer answer = accounts_of(step, domain, &count, error);
    if (answer != ANSWER_YES || count < most || operation->action == ACTION_DELETE)
        return answer;
    return step_end(step,
                    outcome_failed("DOMAIN", domain,
                                   "Delete mailboxes that are not needed, or ask your "
                                   "service provider for more.",
                                   "The domain %s may have %" G_GUINT64_FORMAT " %s.", domain, most,
                                   most == 0   ? "mailboxes"
                                   : most == 1 ? "mailbox, and has it"
                                               : "mailboxes, and has them"));
}

/* --- a domain --- */

static Answer check_domain_there(Step *step, ObjectType wanted)
{
    const Entry *entry = step->own->seen->entry;
    const char *domain = step->operation->address->domain;
    ObjectType type = TYPE_COUNT;
    if (!entry)
        return step_end(step, outcome_failed("DOMAIN", domain,
                                             step->operation->action == ACTION_DELETE
                                                 ? "If it should be gone, nothing is left to do."
                                             : step->operation->action == ACTION_MODIFY
                                                 ? "Correct the domain, or use ADD to create it."
                                                 : "Correct the domain.",
                                             "The domain %s is not set up here.", domain));
    (void)profile_entry_type(step->context->profile, entry, &type);
    if (type == wanted)
        return ANSWER_YES;
    if (type == TYPE_DOMAINALIAS)
        return step_end(step,
                        outcome_failed("TYPE", type_name(wanted),
                                       "Correct the domain, or write DOMAINALIAS as its TYPE.",
                                       "The domain %s is only a further name of %s.", domain,
                                       profile_entry_target_domain(step->context->profile, entry)));
    return step_end(step, outcome_failed("TYPE", type_name(wanted),
                                         "Correct the domain, or write DOMAIN as its TYPE.",
                                         "The domain %s is no further name of another.", domain));
}

static Answer check_domain_free(Step *step)
{
    const char *domain = step->operation->address->domain;
    if (!step->own->seen->entry)
        return ANSWER_YES;
    return step_end(step, outcome_failed("DOMAIN", domain,
                                         step->operation->type == TYPE_DOMAIN
                                             ? "Use MODIFY to change what is there, or choose "
                                               "another domain."
                                             : "Choose another domain.",
                                         "The domain %s is there already.", domain));
}

/* Who asks, and the service itself, must not cut off the branch that they sit on. */
static Answer check_not_own(Step *step)
{
    const char *domain = step->operation->address->domain;
    const char *const *batch = step->context->batch_addresses;
    bool own = g_str_equal(domain, step->context->requester->domain);
    for (; batch && *batch; batch++)
        own |= g_str_equal(strrchr(*batch, '@') + 1, domain);
    if (!own)
        return ANSWER_YES;
    return step_end(step, outcome_failed("DOMAIN", domain, "Ask your service provider to do this.",
                                         "The domain %s is your own, or this service's.", domain));
}

static Operation owner_operation(const Operation *operation)
{
    return (Operation){
        .line = operation->line,
        .type = TYPE_FULL,
        .action = ACTION_ADD,
        .address = operation->owner,
        .password = operation->password,
        .password_hashed = operation->password_hashed,
    };
}

static Answer check_room_for_owner(Step *step)
{
    const char *most = step->operation->value[FIELD_MAX_MAILBOXES - FIELD_VALUE_FIRST];
    if (!step->operation->owner || g_strcmp0(most, "0") != 0)
        return ANSWER_YES;
    return step_end(step, outcome_failed("MAX MAILBOXES", most, "Give at least 1, or no OWNER.",
                                         "The owner has a mailbox, too."));
}

static void write_containers(Step *step)
{
    g_autoptr(GPtrArray) changes = profile_add_containers(
        step->context->profile, step->operation->address->domain, step->mark);
    for (guint i = 0; i < changes->len; i++)
        step_write(step, changes->pdata[i]);
}

static Answer add_domain(Step *step, GError **error)
{
    const Operation *operation = step->operation;
    Place *owner = NULL;
    Answer answer = check_domain_free(step);
    if (answer == ANSWER_YES)
        answer = check_room_for_owner(step);
    if (answer == ANSWER_YES && operation->owner)
        answer = step_look(step, operation->owner, true, &owner, error);
    if (answer == ANSWER_YES && owner)
        answer = plan_check_free(step, operation->owner, owner, "OWNER");
    if (answer != ANSWER_YES)
        return answer;
    step_write(step, profile_add(step->context->profile, operation, NULL, NULL, step->mark));
    write_containers(step);
    if (operation->owner) {
        const Operation account = owner_operation(operation);
        answer = plan_write_account(step, &account, error);
    }
    step->row->outcome = outcome_new(RESULT_CREATED);
    return answer;
}

static Answer check_new_limit(Step *step, GError **error)
{
    const char *text = step->operation->value[FIELD_MAX_MAILBOXES - FIELD_VALUE_FIRST];
    guint64 most = 0;
    gsize count = 0;
    if (!text || !*text || !g_ascii_string_to_unsigned(text, 10, 0, G_MAXUINT32, &most, NULL))
        return ANSWER_YES;
    Answer answer = accounts_of(step, step->operation->address->domain, &count, error);
    if (answer != ANSWER_YES || count <= most)
        return answer;
    return step_end(step, outcome_failed("MAX MAILBOXES", text,
                                         "Give at least as many, or delete mailboxes first.",
                                         "The domain %s has %" G_GSIZE_FORMAT " %s already.",
                                         step->operation->address->domain, count,
                                         count == 1 ? "mailbox" : "mailboxes"));
}

static Answer check_owner(Step *step, GError **error)
{
    const Address *owner = step->operation->owner;
    Place *place = NULL;
    ObjectType type;
    if (!owner)
        return ANSWER_YES;
    if (step_look(step, owner, false, &place, error) != ANSWER_YES)
        return ANSWER_UNKNOWN;
    if (place->seen->entry &&
        profile_entry_type(step->context->profile, place->seen->entry, &type) && type == TYPE_FULL)
        return ANSWER_YES;
    return step_end(step, outcome_failed("OWNER", owner->full, "Name a mailbox of the domain.",
                                         "There is no mailbox with the address %s.", owner->full));
}

static Answer modify_domain(Step *step, GError **error)
{
    Answer answer = check_domain_there(step, TYPE_DOMAIN);
    if (answer == ANSWER_YES)
        answer = check_new_limit(step, error);
    if (answer == ANSWER_YES)
        answer = check_owner(step, error);
    if (answer != ANSWER_YES)
        return answer;
    Change *change = profile_modify(step->context->profile, step->operation, NULL,
                                    step->own->seen->entry, step->mark);
    return plan_write_or_unchanged(step, change, "Everything is already as this row says.");
}

static Answer enable_domain(Step *step, bool enabled)
{
    Answer answer = check_domain_there(step, TYPE_DOMAIN);
    if (answer == ANSWER_YES && !enabled)
        answer = check_not_own(step);
    if (answer != ANSWER_YES)
        return answer;
    Change *change =
        profile_enable(step->context->profile, step->own->seen->entry, enabled, step->mark);
    return plan_write_or_unchanged(step, change,
                                   enabled ? "It is not suspended." : "It is suspended already.");
}

/* Whether something lies below it, or stands for it. */
static Answer is_used(const Step *step, GError **error)
{
    static const char *const none[] = {"1.1", NULL};
    const Profile *profile = step->context->profile;
    g_autofree char *base = profile_domains_dn(profile);
    g_autofree char *names =
        profile_filter_further_names(profile, step->operation->address->domain);
    g_autoptr(GPtrArray) queries = g_ptr_array_new();
    DirectoryQuery below = {step->own->dn, DIRECTORY_SCOPE_ONE, "(objectClass=*)", none, 1, 0, 0};
    DirectoryQuery other = {base, DIRECTORY_SCOPE_ONE, names, none, 1, 0, 0};
    g_ptr_array_add(queries, &below);
    if (names)
        g_ptr_array_add(queries, &other);
    if (directory_search_many(step->context->directory, queries, found_account, NULL, error) !=
        ANSWER_YES)
        return ANSWER_UNKNOWN;
    /* What the server keeps back is there, too. */
    bool cut = below.state == QUERY_CUT || other.state == QUERY_CUT;
    return below.found || other.found || cut ? ANSWER_YES : ANSWER_NO;
}

static Answer delete_domain(Step *step, GError **error)
{
    const char *domain = step->operation->address->domain;
    Answer answer = check_domain_there(step, TYPE_DOMAIN);
    if (answer == ANSWER_YES)
        answer = check_not_own(step);
    if (answer != ANSWER_YES)
        return answer;
    /* What is only planned does not look at what is in it. */
    bool atomic = step->context->overlay && !step->context->unwritten;
    if (!step->context->overlay)
        return plan_clear_domain(step, error);
    if (atomic && profile_has_containers(step->context->profile))
        answer = ANSWER_YES; /* it is never empty */
    else
        answer = atomic ? is_used(step, error) : ANSWER_NO;
    if (answer == ANSWER_YES)
        return step_end(step,
                        outcome_failed("DOMAIN", domain, "Send this row without Mode: atomic.",
                                       "The domain %s has addresses or further names, and "
                                       "with Mode: atomic only an empty one can be deleted.",
                                       domain));
    if (answer == ANSWER_UNKNOWN)
        return answer;
    step_write(step, profile_delete(step->context->profile, step->own->seen->entry));
    step->row->outcome = outcome_new(RESULT_DELETED);
    return ANSWER_YES;
}

/* --- a further name --- */

static Answer check_target_domain(Step *step, GError **error)
{
    const Profile *profile = step->context->profile;
    const char *target = step->operation->target_domain;
    Place *place = NULL;
    ObjectType type;
    if (view_domain(step->view, target, &place, error) != ANSWER_YES)
        return ANSWER_UNKNOWN;
    step_looked(step, place);
    bool there = place->seen->entry && profile_entry_type(profile, place->seen->entry, &type);
    if (there && type == TYPE_DOMAINALIAS)
        return step_end(step,
                        outcome_failed("TARGET", target, "Name that domain.",
                                       "The domain %s is only a further name of %s.", target,
                                       profile_entry_target_domain(profile, place->seen->entry)));
    if (!there || type != TYPE_DOMAIN)
        return step_end(step, outcome_failed("TARGET", target, "Correct the domain.",
                                             "There is no domain %s.", target));
    if (!profile_entry_switch(profile, place->seen->entry, FIELD_ENABLE_DOMAINALIASES))
        return step_end(
            step, outcome_failed("TYPE", NULL, "Ask your service provider if you need this.",
                                 "Further names are switched off for the domain %s.", target));
    return ANSWER_YES;
}

static Answer plan_domain_alias(Step *step, GError **error)
{
    const Profile *profile = step->context->profile;
    Answer answer;
    if (step->operation->action == ACTION_DELETE) {
        answer = check_domain_there(step, TYPE_DOMAINALIAS);
        if (answer != ANSWER_YES)
            return answer;
        step_write(step, profile_delete(profile, step->own->seen->entry));
        step->row->outcome = outcome_new(RESULT_DELETED);
        return ANSWER_YES;
    }
    answer = check_domain_free(step);
    if (answer == ANSWER_YES)
        answer = check_target_domain(step, error);
    if (answer != ANSWER_YES)
        return answer;
    step_write(step, profile_add(profile, step->operation, NULL, NULL, step->mark));
    step->row->outcome = outcome_new(RESULT_CREATED);
    return ANSWER_YES;
}

/* --- blocked senders --- */

static Answer plan_filter(Step *step)
{
    const Profile *profile = step->context->profile;
    const Operation *operation = step->operation;
    const Entry *entry = step->own->seen->entry;
    const GPtrArray *blocked = profile_entry_blocked(profile, entry);
    const char *shown = strchr(operation->filter, ':') + 1;
    bool there = blocked && entry_values_have(blocked, operation->filter, true);
    bool add = operation->action == ACTION_ADD;
    if (add && there)
        return step_unchanged(step, "It is blocked already.");
    if (!add && !there)
        return step_end(step, outcome_failed("FILTER", shown,
                                             "If it should be gone, nothing is left to do.",
                                             "The domain %s has no such spam filter.",
                                             operation->address->domain));
    if (add && blocked && blocked->len >= PLAN_FILTERS_MAX)
        return step_end(step, outcome_failed("FILTER", shown, "Delete some first.",
                                             "The domain %s has as many spam filters as are "
                                             "possible, %d.",
                                             operation->address->domain, PLAN_FILTERS_MAX));
    step_write(step, profile_block(profile, entry, operation->filter, add, step->mark));
    step->row->outcome = outcome_new(add ? RESULT_CREATED : RESULT_DELETED);
    return ANSWER_YES;
}

static Answer read_domain(Step *step)
{
    Answer answer = check_domain_there(step, TYPE_DOMAIN);
    if (answer == ANSWER_YES)
        step->row->outcome = outcome_new(RESULT_UNCHANGED);
    return answer;
}

Answer plan_domain_change(Step *step, GError **error)
{
    const Operation *operation = step->operation;
    if (operation->type == TYPE_SPAMFILTER)
        return plan_filter(step);
    if (operation->type == TYPE_DOMAINALIAS)
        return plan_domain_alias(step, error);
    switch (operation->action) {
    case ACTION_ADD:
        return add_domain(step, error);
    case ACTION_MODIFY:
        return modify_domain(step, error);
    case ACTION_DELETE:
        return delete_domain(step, error);
    case ACTION_SUSPEND:
    case ACTION_RESUME:
        return enable_domain(step, operation->action == ACTION_RESUME);
    case ACTION_SHOW:
    case ACTION_EXPORT:
        return read_domain(step);
    case ACTION_COUNT:
        break;
    }
    g_assert_not_reached();
}
