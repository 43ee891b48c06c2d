/* SPDX-License-Identifier: MIT */
#include "lib/plan-private.h"

/* What a row writes. */

static bool any_value(const Operation *operation)
{
    for (guint i = 0; i < FIELD_VALUE_COUNT; i++)
        if (operation->value[i])
            return true;
    return operation->attributes != NULL;
}

/* --- what stands there --- */

static Answer not_available(Step *step, const Address *address, const char *field)
{
    return step_end(step, outcome_failed(field, address->full, "Choose another address.",
                                         "The address %s is not available.", address->full));
}

/* Nothing in the directory bears the address. */
static bool is_free(const Place *place)
{
    return !place->seen->entry && !place->seen->elsewhere && !place->seen->outside;
}

/* An address that a column names must be free. */
Answer plan_check_free(Step *step, const Address *address, const Place *place, const char *field)
{
    const Profile *profile = step->context->profile;
    const Seen *seen = place->seen;
    ObjectType type;
    if (is_free(place))
        return ANSWER_YES;
    if (!seen->entry || !profile_type_at(profile, seen->entry, address->full, &type))
        return not_available(step, address, field);
    const char *mark = seen->mark ? seen->mark : profile_entry_mark(profile, seen->entry);
    unsigned line = seen->line ? seen->line : plan_mark_line(step->context->job, mark);
    return step_end(step, plan_words_taken(step->operation, address, field, type, line));
}

static Answer check_own_free(Step *step)
{
    return plan_check_free(step, step->operation->address, step->own,
                           type_has_user(step->operation->type) ? "USER" : "DOMAIN");
}

/* The address must be there, and of a type. */
static Answer check_there_as(Step *step, ObjectType wanted)
{
    const Operation *operation = step->operation;
    ObjectType type;
    if (is_free(step->own))
        return step_end(step, plan_words_absent(operation, wanted));
    if (!step->own->seen->entry || !profile_type_at(step->context->profile, step->own->seen->entry,
                                                    operation->address->full, &type))
        return not_available(step, operation->address, "USER");
    if (type == wanted)
        return ANSWER_YES;
    return step_end(step, plan_words_other_type(operation, type, wanted));
}

static Answer check_there(Step *step)
{
    return check_there_as(step, step->operation->type);
}

/* --- passwords --- */

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

/* --- aliases of a mailbox --- */

/* What the row's mailbox gets as a further address. */
static void write_alias(Step *step, Address *alias)
{
    g_autoptr(GPtrArray) target = g_ptr_array_new();
    g_ptr_array_add(target, step->operation->address);
    const Operation operation = {
        .type = TYPE_ALIAS,
        .address = alias,
        .targets.named = target,
    };
    step_write(step, profile_add(step->context->profile, &operation, NULL, NULL, step->mark));
}

static bool leads_to_own(const Step *step, const Entry *entry)
{
    ObjectType type;
    const GPtrArray *targets = profile_entry_targets(step->context->profile, entry);
    return profile_entry_type(step->context->profile, entry, &type) && type == TYPE_ALIAS &&
           targets && entry_values_have(targets, step->operation->address->full, true);
}

/* The alias is a further address of the row's own entry. */
static bool is_own_alias(const Step *step, const Address *alias, const Place *place)
{
    ObjectType type;
    return place == step->own &&
           profile_type_at(step->context->profile, place->seen->entry, alias->full, &type) &&
           type == TYPE_ALIAS;
}

/* Those of the named aliases that are to be made: they must be free. NULL with *answer. */
static GPtrArray *fresh_aliases(Step *step, Answer *answer, GError **error)
{
    const GPtrArray *named = step->operation->aliases.named;
    g_autoptr(GPtrArray) fresh = g_ptr_array_new();
    for (guint i = 0; named && i < named->len; i++) {
        Address *alias = named->pdata[i];
        Place *place = NULL;
        *answer = plan_check_other_domain(step, alias, "ALIAS", error);
        if (*answer == ANSWER_YES)
            *answer = step_look(step, alias, true, &place, error);
        if (*answer == ANSWER_YES && place->seen->entry &&
            (leads_to_own(step, place->seen->entry) || is_own_alias(step, alias, place)))
            continue;
        if (*answer == ANSWER_YES)
            *answer = plan_check_free(step, alias, place, "ALIAS");
        if (*answer != ANSWER_YES)
            return NULL;
        g_ptr_array_add(fresh, alias);
    }
    *answer = ANSWER_YES;
    return g_steal_pointer(&fresh);
}

static bool is_in(const GPtrArray *addresses, const char *text)
{
    for (guint i = 0; addresses && i < addresses->len; i++)
        if (g_str_equal(((const Address *)addresses->pdata[i])->full, text))
            return true;
    return false;
}

/* Those of an account's targets that the row does not name: a new alias must not be behind them. */
static Answer check_other_targets(Step *step, const GPtrArray *fresh, GError **error)
{
    const AddressCell *cell = &step->operation->targets;
    const GPtrArray *there = profile_entry_targets(step->context->profile, step->own->seen->entry);
    g_autoptr(GPtrArray) others = g_ptr_array_new_with_free_func((GDestroyNotify)address_free);
    if (fresh->len == 0 || (cell->named && !cell->edit))
        return ANSWER_YES;
    for (guint i = 0; there && i < there->len; i++) {
        Address *target = address_parse(there->pdata[i], NULL, NULL);
        if (target && !is_in(cell->removed, target->full))
            g_ptr_array_add(others, target);
        else
            address_free(target);
    }
    return plan_check_circles(step, others, error);
}

bool plan_cell_removes(const AddressCell *cell, const Address *address)
{
    return cell->named &&
           is_in(cell->edit ? cell->removed : cell->named, address->full) == cell->edit;
}

/* The aliases of its own that the account has and the row takes away. */
static Answer add_gone_aliases(Step *step, Gone *gone, GError **error)
{
    const Profile *profile = step->context->profile;
    const Address *own = step->operation->address;
    g_autoptr(GPtrArray) referrers = NULL;
    Answer answer = view_lists_with(step->view, own, &referrers, error);
    if (answer == ANSWER_NO)
        return step_end(step, plan_words_many("USER", own));
    for (guint i = 0; answer == ANSWER_YES && i < referrers->len; i++) {
        const Seen *seen = referrers->pdata[i];
        g_autoptr(Address) address = profile_entry_address(profile, seen->entry);
        if (address && leads_to_own(step, seen->entry) &&
            plan_cell_removes(&step->operation->aliases, address))
            gone_add_alias(gone, step, seen, own);
    }
    return answer;
}

/* The aliases that a row takes away, with what refers to them. NULL with *answer. */
static Gone *gone_aliases(Step *step, Answer *answer, GError **error)
{
    const Profile *profile = step->context->profile;
    const AddressCell *cell = &step->operation->aliases;
    g_autoptr(Gone) gone = gone_new();
    *answer = ANSWER_YES;
    if (!cell->named || (cell->edit && cell->removed->len == 0))
        return g_steal_pointer(&gone);
    if (profile_aliases_inside(profile))
        gone_add_aliases(gone, profile, step->own->seen->entry, cell);
    else
        *answer = add_gone_aliases(step, gone, error);
    if (*answer == ANSWER_YES)
        *answer = gone_find(step, gone, "ALIAS", error);
    if (*answer == ANSWER_YES)
        *answer = plan_check_gone(step, gone_addresses(gone), "ALIAS", error);
    return *answer == ANSWER_YES ? g_steal_pointer(&gone) : NULL;
}

/* Where they are a part of the account's entry, they are a part of its own change. */
static void write_aliases(Step *step, GPtrArray *fresh)
{
    if (profile_aliases_inside(step->context->profile))
        return;
    for (guint i = 0; i < fresh->len; i++)
        write_alias(step, fresh->pdata[i]);
}

/* --- where its mail goes on to --- */

/* How many targets there will be, a mailbox's own copy among them. */
static guint count_targets(const Step *step)
{
    const AddressCell *cell = &step->operation->targets;
    const Entry *entry = cell->edit ? step->own->seen->entry : NULL;
    const GPtrArray *there = entry ? profile_entry_targets(step->context->profile, entry) : NULL;
    guint count =
        cell->named->len + (there ? there->len : 0) + (step->operation->type == TYPE_FULL ? 1 : 0);
    for (guint i = 0; there && i < cell->named->len; i++)
        count -= entry_values_have(there, ((Address *)cell->named->pdata[i])->full, true);
    for (guint i = 0; there && i < cell->removed->len; i++)
        count -= entry_values_have(there, ((Address *)cell->removed->pdata[i])->full, true);
    return count;
}

/* As a list's members: mail for more would wait for ever. */
static Answer check_targets(Step *step, GError **error)
{
    const Operation *operation = step->operation;
    const unsigned most = step->context->list_members_max;
    if (!operation->targets.named)
        return ANSWER_YES;
    Answer answer = plan_check_ways(step, operation->targets.named, error);
    const guint count = count_targets(step);
    if (answer != ANSWER_YES || count <= most)
        return answer;
    return step_end(step, outcome_failed(plan_named_field(operation), NULL,
                                         "Name fewer, or a list of them.",
                                         "Mail to %s would go to %u addresses; at most %u are "
                                         "possible.",
                                         operation->address->full, count, most));
}

/* --- entries --- */

Answer plan_write_account(Step *step, const Operation *account, GError **error)
{
    const Profile *profile = step->context->profile;
    const char *hash = NULL;
    Answer answer = step_hash(step, &hash, error);
    if (answer != ANSWER_YES)
        return answer;
    bool mailbox = account->type == TYPE_FULL || account->type == TYPE_RESOURCE;
    g_autofree char *id = mailbox ? g_uuid_string_random() : NULL;
    Change *change = profile_add(profile, account, hash, id, step->mark);
    if (is_for_server(step))
        change = profile_with_password(profile, change, NULL, account->password, step->mark);
    step_write(step, change);
    if (profile_numbers(profile, account->type) && !step->context->unwritten)
        plan_numbers_add(step->plan->numbers, step->row);
    return ANSWER_YES;
}

/* A further address of the account that the row names, which has been looked at. */
static Answer write_inside(Step *step)
{
    const Address *account = step->operation->targets.named->pdata[0];
    const Seen *seen = view_known(step->view, account);
    step_write(step, profile_alias(step->context->profile, seen->entry,
                                   step->operation->address->full, true, step->mark));
    return ANSWER_YES;
}

/* Something stands where the row's own entry would be that has another address. */
static Answer check_place_free(Step *step)
{
    const Operation *operation = step->operation;
    if (!profile_addresses_vary(step->context->profile))
        return ANSWER_YES;
    g_autofree char *dn =
        profile_type_dn(step->context->profile, operation->type, operation->address);
    const Seen *seen = view_seen(step->view, dn);
    return seen && seen->entry ? not_available(step, operation->address, "USER") : ANSWER_YES;
}

/* The entry, unless there is none, and what its members have of it. */
static Answer write_whole(Step *step, GError **error)
{
    const Operation *operation = step->operation;
    Answer answer = ANSWER_YES;
    if (!profile_is_bare(step->context->profile, operation->type))
        answer = plan_write_account(step, operation, error);
    return answer == ANSWER_YES && plan_members_join(step) ? plan_write_new_list(step, error)
                                                           : answer;
}

static Answer plan_new_entry(Step *step, GError **error)
{
    const Operation *operation = step->operation;
    g_autoptr(GPtrArray) aliases = NULL;
    Answer answer = check_own_free(step);
    if (answer == ANSWER_YES)
        answer = plan_check_mailboxes(step, error);
    if (answer == ANSWER_YES && operation->members)
        answer = plan_check_ways(step, operation->members, error);
    if (answer == ANSWER_YES)
        answer = check_targets(step, error);
    if (answer == ANSWER_YES)
        aliases = fresh_aliases(step, &answer, error);
    const bool inside =
        operation->type == TYPE_ALIAS && profile_aliases_inside(step->context->profile);
    if (answer == ANSWER_YES && !inside)
        answer = check_place_free(step);
    if (answer == ANSWER_YES)
        answer = inside ? write_inside(step) : write_whole(step, error);
    if (answer != ANSWER_YES)
        return answer;
    write_aliases(step, aliases);
    step->row->outcome = outcome_new(RESULT_CREATED);
    return ANSWER_YES;
}

/* Changes what is there as operation says, which is the row's own or stands for it. */
static Answer write_modified(Step *step, const Operation *operation, const char *hash)
{
    const Profile *profile = step->context->profile;
    const Entry *entry = step->own->seen->entry;
    Change *change = profile_modify(profile, operation, hash, entry, step->mark);
    if (is_for_server(step))
        change = profile_with_password(profile, change, entry, operation->password, step->mark);
    if (change)
        step_write(step, change);
    return ANSWER_YES;
}

static Answer end_modified(Step *step)
{
    if (step->row->writes->len == 0)
        return step_unchanged(step, "Everything is already as this row says.");
    step->row->outcome = outcome_new(RESULT_CHANGED);
    return ANSWER_YES;
}

/* A password or value that the directory refuses is best refused before anything else is done. But
 * where the change takes aliases away itself, they are taken off their lists before that. */
static Answer write_with_aliases(Step *step, GPtrArray *fresh, const Gone *gone, const char *hash)
{
    const bool inside = profile_aliases_inside(step->context->profile);
    Answer answer = ANSWER_YES;
    if (!inside)
        answer = write_modified(step, step->operation, hash);
    if (answer == ANSWER_YES)
        answer = gone_write_members(step, gone, "ALIAS");
    if (answer != ANSWER_YES)
        return answer;
    gone_write_pointers(step, gone);
    write_aliases(step, fresh);
    return inside ? write_modified(step, step->operation, hash) : ANSWER_YES;
}

static Answer plan_modify(Step *step, GError **error)
{
    g_autoptr(GPtrArray) aliases = NULL;
    g_autoptr(Gone) gone = NULL;
    const char *hash = NULL;
    Answer answer = check_there(step);
    if (answer == ANSWER_YES)
        answer = check_targets(step, error);
    if (answer == ANSWER_YES)
        aliases = fresh_aliases(step, &answer, error);
    if (answer == ANSWER_YES)
        answer = check_other_targets(step, aliases, error);
    if (answer == ANSWER_YES)
        gone = gone_aliases(step, &answer, error);
    if (answer == ANSWER_YES)
        answer = step_hash(step, &hash, error);
    if (answer == ANSWER_YES)
        answer = write_with_aliases(step, aliases, gone, hash);
    return answer == ANSWER_YES ? end_modified(step) : answer;
}

Answer plan_write_or_unchanged(Step *step, Change *change, const char *reason)
{
    if (!change)
        return step_unchanged(step, reason);
    step_write(step, change);
    step->row->outcome = outcome_new(RESULT_CHANGED);
    return ANSWER_YES;
}

static Answer plan_enable(Step *step, bool enabled)
{
    Answer answer = check_there(step);
    if (answer != ANSWER_YES)
        return answer;
    Change *change =
        profile_enable(step->context->profile, step->own->seen->entry, enabled, step->mark);
    return plan_write_or_unchanged(step, change,
                                   enabled ? "It is not suspended." : "It is suspended already.");
}

/* It is there. What it is, is read once everything before is done. */
static Answer plan_read(Step *step)
{
    Answer answer = check_there(step);
    if (answer == ANSWER_YES)
        step->row->outcome = outcome_new(RESULT_UNCHANGED);
    return answer;
}

/* The row's address with its aliases, as far as something refers to them. */
static Answer write_all_gone(Step *step, GError **error)
{
    const Profile *profile = step->context->profile;
    const Operation *operation = step->operation;
    g_autoptr(Gone) gone = gone_new();
    gone_add(gone, operation->address);
    if (operation->type != TYPE_ALIAS)
        gone_add_aliases(gone, profile, step->own->seen->entry, NULL);
    Answer answer = gone_find(step, gone, "USER", error);
    if (answer == ANSWER_YES)
        answer = plan_check_gone(step, gone_addresses(gone), "USER", error);
    if (answer == ANSWER_YES)
        answer = gone_write_members(step, gone, "USER");
    if (answer == ANSWER_YES)
        gone_write_pointers(step, gone);
    return answer;
}

static Answer plan_delete(Step *step, GError **error)
{
    Answer answer = check_there(step);
    if (answer == ANSWER_YES)
        answer = plan_check_mailboxes(step, error);
    if (answer == ANSWER_YES && type_has_user(step->operation->type))
        answer = write_all_gone(step, error);
    if (answer != ANSWER_YES)
        return answer;
    const bool inside =
        step->operation->type == TYPE_ALIAS && profile_aliases_inside(step->context->profile);
    if (!profile_is_bare(step->context->profile, step->operation->type))
        step_write(step, inside ? profile_alias(step->context->profile, step->own->seen->entry,
                                                step->operation->address->full, false, step->mark)
                                : profile_delete(step->context->profile, step->own->seen->entry));
    step->row->outcome = outcome_new(RESULT_DELETED);
    return ANSWER_YES;
}

/* --- members --- */

static Answer check_members_max(Step *step, guint count)
{
    unsigned most = step->context->list_members_max;
    if (count <= most)
        return ANSWER_YES;
    return step_end(step, outcome_failed(plan_named_field(step->operation), NULL,
                                         type_is_list(step->operation->type)
                                             ? "Divide it into several lists."
                                             : "Divide it into several groups.",
                                         "The %s %s would have %u members; at most %u are "
                                         "possible.",
                                         type_noun(step->operation->type),
                                         step->operation->address->full, count, most));
}

static GPtrArray *as_text(GPtrArray *addresses)
{
    GPtrArray *text = g_ptr_array_new();
    for (guint i = 0; i < addresses->len; i++)
        g_ptr_array_add(text, ((Address *)addresses->pdata[i])->full);
    return text;
}

/* A list's white pages are what MODIFY is for; the same ones again are no change. */
static Answer check_same_details(Step *step)
{
    const Operation *operation = step->operation;
    const ObjectType type = operation->type;
    if (!any_value(operation))
        return ANSWER_YES;
    g_autoptr(Change) other =
        profile_modify(step->context->profile, operation, NULL, step->own->seen->entry, step->mark);
    if (!other)
        return ANSWER_YES;
    return step_end(step,
                    outcome_failed(NULL, operation->address->full,
                                   type_is_list(type)
                                       ? "Use MODIFY for these details, and ADD with LIST MEMBER "
                                         "alone for members."
                                       : "Use MODIFY for these details, and ADD with MEMBER alone "
                                         "for members.",
                                   "The %s %s is there already, and this row gives other details "
                                   "(DESCRIPTION and so on) than it has.",
                                   type_noun(type), operation->address->full));
}

static Answer write_members(Step *step, GPtrArray *added)
{
    const Profile *profile = step->context->profile;
    g_autoptr(GPtrArray) text = as_text(added);
    step->row->outcome = outcome_new(RESULT_CHANGED);
    if (plan_members_join(step)) {
        plan_write_joins(step, added, true);
        return ANSWER_YES;
    }
    Change *change = profile_members(profile, step->own->seen->entry, text, NULL, step->mark);
    profile_member_name(profile, change, step->operation);
    step_write(step, change);
    return ANSWER_YES;
}

static Answer plan_list_grow(Step *step, GError **error)
{
    const Profile *profile = step->context->profile;
    const Operation *operation = step->operation;
    ObjectType type;
    if (!profile_type_at(profile, step->own->seen->entry, operation->address->full, &type) ||
        type != operation->type)
        return check_own_free(step);
    Answer answer = check_same_details(step);
    if (answer != ANSWER_YES)
        return answer;
    if (!operation->members || operation->members->len == 0)
        return step_unchanged(step, type == TYPE_LIST ? "The list is there already."
                                                      : "The distribution list is there already.");
    if (plan_members_join(step) && plan_look_members(step, operation->members, error) != ANSWER_YES)
        return ANSWER_UNKNOWN;
    g_autoptr(GPtrArray) added = plan_members_on(step, false);
    if (added->len == 0)
        return step_unchanged(step, type_is_list(type)
                                        ? "All of these members are on the list already."
                                        : "All of these members are in the group already.");
    GPtrArray *present = profile_entry_members(profile, step->own->seen->entry);
    answer = check_members_max(step, added->len + (present ? present->len : 0));
    if (answer == ANSWER_YES)
        answer = plan_check_ways(step, added, error);
    return answer == ANSWER_YES ? write_members(step, added) : answer;
}

static void write_removed(Step *step, GPtrArray *removed)
{
    g_autoptr(GPtrArray) text = as_text(removed);
    if (plan_members_join(step))
        plan_write_joins(step, removed, false);
    else
        step_write(step, profile_members(step->context->profile, step->own->seen->entry, NULL, text,
                                         step->mark));
    step->row->outcome = outcome_new(RESULT_CHANGED);
}

static Answer plan_list_shrink(Step *step, GError **error)
{
    Answer answer = check_there(step);
    if (answer == ANSWER_YES && plan_members_join(step))
        answer = plan_look_members(step, step->operation->members, error);
    if (answer != ANSWER_YES)
        return answer;
    g_autoptr(GPtrArray) removed = plan_members_on(step, true);
    if (removed->len == 0)
        return step_unchanged(step, type_is_list(step->operation->type)
                                        ? "None of these members is on the list."
                                        : "None of these members is in the group.");
    GPtrArray *present = profile_entry_members(step->context->profile, step->own->seen->entry);
    if (type_is_group(step->operation->type) && present && present->len == removed->len)
        return step_end(step, outcome_failed("MEMBER", NULL,
                                             "Leave one in it, or delete the group: DELETE without "
                                             "MEMBER.",
                                             "A group is never without members, and %s has no "
                                             "others.",
                                             step->operation->address->full));
    write_removed(step, removed);
    return ANSWER_YES;
}

static Answer plan_list_add(Step *step, GError **error)
{
    if (step->own->seen->entry)
        return plan_list_grow(step, error);
    GPtrArray *members = step->operation->members;
    if (profile_is_bare(step->context->profile, step->operation->type) &&
        (!members || members->len == 0))
        return step_end(step,
                        plan_words_no_members(step->context->profile, step->operation->address));
    Answer answer = check_members_max(step, members ? members->len : 0);
    return answer == ANSWER_YES ? plan_new_entry(step, error) : answer;
}

/* --- parts of other entries --- */

/* Who gets the mail to unknown addresses: set, whoever it was before. */
static Answer plan_catchall(Step *step, GError **error)
{
    if (!step->own->seen->entry)
        return plan_new_entry(step, error);
    return plan_modify(step, error);
}

static Answer plan_answer(Step *step)
{
    const Operation *operation = step->operation;
    const Profile *profile = step->context->profile;
    Answer answer = check_there_as(step, TYPE_FULL);
    if (answer != ANSWER_YES)
        return answer;
    bool there = profile_entry_value(profile, step->own->seen->entry, FIELD_MESSAGE) != NULL;
    if (!there && operation->action != ACTION_ADD)
        return step_end(step, outcome_failed("USER", operation->address->full,
                                             operation->action == ACTION_DELETE
                                                 ? "If there should be none, nothing is left to do."
                                                 : "Use ADD to set one.",
                                             "The mailbox %s has no automatic answer.",
                                             operation->address->full));
    Operation none = {.type = operation->type, .address = operation->address};
    none.value[FIELD_SUBJECT - FIELD_VALUE_FIRST] = (char *)"";
    none.value[FIELD_MESSAGE - FIELD_VALUE_FIRST] = (char *)"";
    bool gone = operation->action == ACTION_DELETE;
    /* What is set is all of it. */
    Operation whole = *operation;
    char **subject = &whole.value[FIELD_SUBJECT - FIELD_VALUE_FIRST];
    if (operation->action == ACTION_ADD && !*subject)
        *subject = (char *)"";
    answer = write_modified(step, gone ? &none : &whole, NULL);
    answer = answer == ANSWER_YES ? end_modified(step) : answer;
    if (answer == ANSWER_YES && (gone || !there))
        step->row->outcome->result = gone ? RESULT_DELETED : RESULT_CREATED;
    return answer;
}

static Answer plan_add(Step *step, GError **error)
{
    const ObjectType type = step->operation->type;
    if (type_is_list(type) || type_is_group(type))
        return plan_list_add(step, error);
    return type == TYPE_CATCHALL ? plan_catchall(step, error) : plan_new_entry(step, error);
}

Answer plan_change(Step *step, GError **error)
{
    const Operation *operation = step->operation;
    if (operation->type == TYPE_AUTORESPONDER)
        return plan_answer(step);
    if (operation->type == TYPE_DOMAIN || operation->type == TYPE_DOMAINALIAS ||
        operation->type == TYPE_SPAMFILTER)
        return plan_domain_change(step, error);
    if (!view_is_told(step->view, step->own))
        return step_end(step, plan_words_many_members(operation->address));
    switch (operation->action) {
    case ACTION_ADD:
        return plan_add(step, error);
    case ACTION_MODIFY:
        return plan_modify(step, error);
    case ACTION_DELETE:
        return operation->members && operation->members->len ? plan_list_shrink(step, error)
                                                             : plan_delete(step, error);
    case ACTION_SUSPEND:
    case ACTION_RESUME:
        return plan_enable(step, operation->action == ACTION_RESUME);
    case ACTION_SHOW:
    case ACTION_EXPORT:
        return plan_read(step);
    case ACTION_COUNT:
        break;
    }
    g_assert_not_reached();
}
