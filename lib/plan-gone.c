/* SPDX-License-Identifier: MIT */
#include "lib/plan-private.h"

/* Addresses that go, and what refers to them: they are taken off lists and groups, and what leads
 * to them alone goes, too. An alias among that is one more address that goes. */

/* An entry, and what of the addresses it refers to. */
typedef struct {
    const Seen *seen;
    GPtrArray *to; /* of char *, borrowed from the addresses */
} Referrer;

struct Gone {
    GPtrArray *addresses; /* of Address * */
    GPtrArray *referrers; /* of Referrer *, in the order in which they were found */
    GHashTable *known;    /* Seen → Referrer */
};

static void referrer_free(gpointer data)
{
    Referrer *referrer = data;
    g_ptr_array_unref(referrer->to);
    g_free(referrer);
}

Gone *gone_new(void)
{
    Gone *gone = g_new0(Gone, 1);
    gone->addresses = g_ptr_array_new_with_free_func((GDestroyNotify)address_free);
    gone->referrers = g_ptr_array_new_with_free_func(referrer_free);
    gone->known = g_hash_table_new(NULL, NULL);
    return gone;
}

void gone_free(Gone *gone)
{
    if (!gone)
        return;
    g_hash_table_unref(gone->known);
    g_ptr_array_unref(gone->referrers);
    g_ptr_array_unref(gone->addresses);
    g_free(gone);
}

static bool is_gone(const Gone *gone, const Address *address)
{
    for (guint i = 0; i < gone->addresses->len; i++)
        if (g_str_equal(((const Address *)gone->addresses->pdata[i])->full, address->full))
            return true;
    return false;
}

void gone_add(Gone *gone, const Address *address)
{
    if (address && !is_gone(gone, address))
        g_ptr_array_add(gone->addresses, address_copy(address));
}

void gone_add_aliases(Gone *gone, const Profile *profile, const Entry *entry,
                      const AddressCell *cell)
{
    const GPtrArray *aliases = profile_entry_aliases(profile, entry);
    g_autoptr(Address) own = profile_entry_address(profile, entry);
    for (guint i = 0; aliases && i < aliases->len; i++) {
        g_autoptr(Address) alias = address_parse(aliases->pdata[i], NULL, NULL);
        /* A site may have the account's own address among them. */
        if (alias && !(own && g_str_equal(alias->full, own->full)) &&
            (!cell || plan_cell_removes(cell, alias)))
            gone_add(gone, alias);
    }
}

const GPtrArray *gone_addresses(const Gone *gone)
{
    return gone->addresses;
}

/* One write on each entry, whatever it refers to. */
static void note_referrer(Gone *gone, const Seen *seen, const Address *address)
{
    Referrer *referrer = g_hash_table_lookup(gone->known, seen);
    if (!referrer) {
        referrer = g_new0(Referrer, 1);
        referrer->seen = seen;
        referrer->to = g_ptr_array_new();
        g_hash_table_insert(gone->known, (gpointer)seen, referrer);
        g_ptr_array_add(gone->referrers, referrer);
    }
    g_ptr_array_add(referrer->to, address->full);
}

static ObjectType type_of(const Step *step, const Seen *seen)
{
    ObjectType type = TYPE_COUNT;
    (void)profile_entry_type(step->context->profile, seen->entry, &type);
    return type;
}

/* An alias that goes with what it leads to. */
void gone_add_alias(Gone *gone, const Step *step, const Seen *alias, const Address *target)
{
    g_autoptr(Address) address = profile_entry_address(step->context->profile, alias->entry);
    note_referrer(gone, alias, target);
    gone_add(gone, address);
}

/* Of what goes with a whole domain nothing is written on its own. */
static bool goes_anyway(const Step *step, const Seen *seen)
{
    if (step->operation->type != TYPE_DOMAIN)
        return false;
    const Profile *profile = step->context->profile;
    const GPtrArray *lists = profile_entry_is_externals(profile, seen->entry)
                                 ? profile_entry_lists(profile, seen->entry)
                                 : NULL;
    g_autoptr(Address) address = lists ? address_parse(lists->pdata[0], NULL, NULL)
                                       : profile_entry_address(profile, seen->entry);
    return address && g_str_equal(address->domain, step->operation->address->domain);
}

static Answer find_one(Step *step, Gone *gone, const Address *address, const char *field,
                       GError **error)
{
    g_autoptr(GPtrArray) found = NULL;
    Answer answer = view_lists_with(step->view, address, &found, error);
    if (answer == ANSWER_NO)
        return step_end(step, plan_words_many(field, address));
    for (guint i = 0; answer == ANSWER_YES && i < found->len; i++) {
        if (goes_anyway(step, found->pdata[i]))
            continue;
        if (type_of(step, found->pdata[i]) == TYPE_ALIAS)
            gone_add_alias(gone, step, found->pdata[i], address);
        else
            note_referrer(gone, found->pdata[i], address);
    }
    return answer;
}

Answer gone_find(Step *step, Gone *gone, const char *field, GError **error)
{
    const bool bounded = step->operation->type != TYPE_DOMAIN; /* that goes in parts */
    Answer answer = ANSWER_YES;
    for (guint at = 0; at < gone->addresses->len && answer == ANSWER_YES;) {
        const guint end = gone->addresses->len;
        if (view_fetch_lists(step->view, gone->addresses, G_MAXSIZE, error) == ANSWER_UNKNOWN)
            return ANSWER_UNKNOWN;
        for (; at < end && answer == ANSWER_YES; at++) {
            const Address *address = gone->addresses->pdata[at];
            answer = find_one(step, gone, address, field, error);
            if (answer == ANSWER_YES && bounded && gone->referrers->len > PLAN_LISTS_MAX)
                return step_end(step, plan_words_many(field, address));
        }
    }
    return answer;
}

static bool leads_alone(ObjectType type)
{
    return type != TYPE_COUNT && (PROFILE_POINTERS & (1u << type));
}

static Answer write_member(Step *step, const Referrer *referrer, const char *field)
{
    const Profile *profile = step->context->profile;
    const Entry *entry = referrer->seen->entry;
    const GPtrArray *members = profile_entry_members(profile, entry);
    const ObjectType type = type_of(step, referrer->seen);
    if (leads_alone(type))
        return ANSWER_YES;
    step_needs(step, referrer->seen->line);
    if (type != TYPE_COUNT && type_is_group(type) && members && members->len <= referrer->to->len) {
        g_autoptr(Address) group = profile_entry_address(profile, entry);
        return step_end(
            step, plan_words_last_member(step->operation, field, referrer->to->pdata[0], group));
    }
    step_write(step, profile_leave(profile, entry, referrer->to, step->mark));
    return ANSWER_YES;
}

Answer gone_write_members(Step *step, const Gone *gone, const char *field)
{
    Answer answer = ANSWER_YES;
    for (guint i = 0; i < gone->referrers->len && answer == ANSWER_YES; i++)
        answer = write_member(step, gone->referrers->pdata[i], field);
    return answer;
}

void gone_write_pointers(Step *step, const Gone *gone)
{
    for (guint i = gone->referrers->len; i-- > 0;) {
        const Referrer *referrer = gone->referrers->pdata[i];
        if (!leads_alone(type_of(step, referrer->seen)))
            continue;
        step_needs(step, referrer->seen->line);
        step_write(step, profile_delete(step->context->profile, referrer->seen->entry));
    }
}
