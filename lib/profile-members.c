/* SPDX-License-Identifier: MIT */
#include "lib/profile-private.h"

#include <string.h>

/* Who is on a list: told by the list, or, where the profile says so, by each member's own entry. */

bool profile_members_join(const Profile *profile)
{
    return profile->on_member;
}

bool profile_joins(const Profile *profile, ObjectType type)
{
    return type < TYPE_ENTRY_COUNT && profile->type[type].joins;
}

bool profile_is_bare(const Profile *profile, ObjectType type)
{
    return type < TYPE_ENTRY_COUNT && profile->type[type].bare;
}

bool profile_has_externals(const Profile *profile)
{
    return profile->externals.known_by != NULL;
}

/* --- what entries say --- */

GPtrArray *profile_entry_members(const Profile *profile, const Entry *entry)
{
    return profile->on_member ? entry_values(entry, MEMBERS_FOUND)
                              : values_of(profile, entry, NAME_MEMBER);
}

bool profile_entry_has_member(const Profile *profile, const Entry *entry, const char *member)
{
    const GPtrArray *members = profile_entry_members(profile, entry);
    return members != NULL && entry_values_have(members, member, true);
}

bool profile_entry_names(const Profile *profile, const Entry *entry, const char *other)
{
    const GPtrArray *values = values_of(profile, entry, NAME_MEMBER);
    return values != NULL && entry_values_have(values, other, true);
}

bool profile_entry_is_externals(const Profile *profile, const Entry *entry)
{
    return profile->externals.known_by != NULL &&
           entry_has(entry, "objectClass", profile->externals.known_by, true);
}

GPtrArray *profile_entry_lists(const Profile *profile, const Entry *entry)
{
    ObjectType type;
    if (!profile->on_member)
        return NULL;
    if (!profile_entry_is_externals(profile, entry) &&
        (!profile_entry_type(profile, entry, &type) || !profile->type[type].joins))
        return NULL;
    return values_of(profile, entry, NAME_MEMBER);
}

GPtrArray *profile_entry_stands_for(const Profile *profile, const Entry *entry)
{
    GPtrArray *all = g_ptr_array_new();
    const GPtrArray *own = values_of(profile, entry, NAME_ADDRESS);
    const guint count = own == NULL ? 0 : profile_entry_is_externals(profile, entry) ? own->len : 1;
    for (guint i = 0; i < count; i++)
        g_ptr_array_add(all, g_ptr_array_index(own, i));
    return all;
}

/* --- what is noted in a list that was read --- */

void profile_note_members(const Profile *profile, Entry *list, GPtrArray *members)
{
    (void)profile;
    for (guint i = 0; i < members->len; i++)
        if (!entry_has(list, MEMBERS_FOUND, g_ptr_array_index(members, i), true))
            entry_add(list, MEMBERS_FOUND, g_ptr_array_index(members, i));
}

void profile_drop_members(const Profile *profile, Entry *list, GPtrArray *members)
{
    g_autoptr(Change) change = change_new(CHANGE_MODIFY, list->dn);
    (void)profile;
    change_mod(change, MOD_DELETE, MEMBERS_FOUND, NULL);
    for (guint i = 0; members != NULL && i < members->len; i++)
        change_mod(change, MOD_DELETE, MEMBERS_FOUND, g_ptr_array_index(members, i));
    if (members == NULL || members->len > 0)
        (void)change_effect(change, list);
}

Entry *profile_bare_list(const Profile *profile, const Address *address)
{
    g_autofree char *dn = profile_type_dn(profile, TYPE_LIST, address);
    Entry *entry = entry_new(dn);
    entry_add(entry, "objectClass", BARE_CLASS);
    entry_add(entry, profile->name[NAME_ADDRESS], address->full);
    return entry;
}

/* --- which lists a change is about --- */

static void add_lists(GPtrArray *lists, const GPtrArray *values)
{
    for (guint i = 0; values != NULL && i < values->len; i++) {
        g_autoptr(Address) address = address_parse(g_ptr_array_index(values, i), NULL, NULL);
        bool known = address == NULL;
        for (guint k = 0; !known && k < lists->len; k++)
            known = g_str_equal(g_ptr_array_index(lists, k), address->full);
        if (!known)
            g_ptr_array_add(lists, g_strdup(address->full));
    }
}

/* What an entry bears may change with its members; all its lists are concerned then. */
static bool concerns_lists(const Profile *profile, const Mod *mod)
{
    return g_ascii_strcasecmp(mod->attribute, profile->name[NAME_MEMBER]) == 0 ||
           g_ascii_strcasecmp(mod->attribute, profile->name[NAME_ADDRESS]) == 0;
}

GPtrArray *profile_change_lists(const Profile *profile, const Change *change, const Entry *before)
{
    GPtrArray *lists = g_ptr_array_new_with_free_func(g_free);
    bool all = change->kind == CHANGE_DELETE;
    if (!profile->on_member)
        return lists;
    for (guint i = 0; i < change->mods->len; i++) {
        const Mod *mod = g_ptr_array_index(change->mods, i);
        if (!concerns_lists(profile, mod))
            continue;
        all = true;
        if (g_ascii_strcasecmp(mod->attribute, profile->name[NAME_MEMBER]) == 0)
            add_lists(lists, mod->values);
    }
    if (all && before != NULL)
        add_lists(lists, profile_entry_lists(profile, before));
    return lists;
}

/* --- the members of other domains --- */

char *profile_externals_dn(const Profile *profile, const Address *list)
{
    return profile_fill(profile, profile->externals.dn,
                        &(Filling){.domain = list->domain, .address = list, .dn = true});
}

static void add_classes(const Profile *profile, Change *change)
{
    for (char **class = profile->externals.classes; *class != NULL; class ++)
        change_mod(change, MOD_ADD, "objectClass", *class);
    if (profile->mark_class != NULL)
        change_mod(change, MOD_ADD, "objectClass", profile->mark_class);
}

static Change *new_externals(const Profile *profile, const Address *list, GPtrArray *members,
                             const char *mark)
{
    g_autofree char *dn = profile_externals_dn(profile, list);
    const Filling filling = {.domain = list->domain, .address = list};
    Change *change = change_new(CHANGE_ADD, dn);
    add_classes(profile, change);
    change_mod(change, MOD_ADD, profile->name[NAME_MEMBER], list->full);
    for (guint i = 0; i < members->len; i++)
        change_mod(change, MOD_ADD, profile->name[NAME_ADDRESS], g_ptr_array_index(members, i));
    for (char **fixed = profile->externals.fixed; *fixed != NULL; fixed += 2) {
        g_autofree char *value = profile_fill(profile, fixed[1], &filling);
        change_mod(change, MOD_ADD, fixed[0], value);
    }
    change_mod(change, MOD_ADD, profile->name[NAME_MARK], mark);
    return change;
}

/* None is left without any. */
static Change *change_externals(const Profile *profile, const Entry *entry, GPtrArray *members,
                                const char *mark)
{
    const char *attribute = profile->name[NAME_ADDRESS];
    const GPtrArray *there = entry_values(entry, attribute);
    if (members->len == 0)
        return profile_delete(profile, entry);
    Change *change = change_new(CHANGE_MODIFY, entry->dn);
    for (guint i = 0; there != NULL && i < there->len; i++)
        if (!entry_values_have(members, g_ptr_array_index(there, i), true))
            change_mod(change, MOD_DELETE, attribute, g_ptr_array_index(there, i));
    for (guint i = 0; i < members->len; i++)
        if (there == NULL || !entry_values_have(there, g_ptr_array_index(members, i), true))
            change_mod(change, MOD_ADD, attribute, g_ptr_array_index(members, i));
    profile_set_mark(profile, change, entry, mark);
    return change;
}

Change *profile_externals(const Profile *profile, const Entry *entry, const Address *list,
                          GPtrArray *members, const char *mark)
{
    if (entry != NULL)
        return change_externals(profile, entry, members, mark);
    return members->len > 0 ? new_externals(profile, list, members, mark) : NULL;
}

Change *profile_leave(const Profile *profile, const Entry *entry, GPtrArray *others,
                      const char *mark)
{
    if (!profile_entry_is_externals(profile, entry))
        return profile_members(profile, entry, NULL, others, mark);
    g_autoptr(GPtrArray) after = g_ptr_array_new();
    g_autoptr(GPtrArray) there = profile_entry_stands_for(profile, entry);
    for (guint i = 0; i < others->len; i++)
        if (profile_entry_names(profile, entry, g_ptr_array_index(others, i)))
            return profile_delete(profile, entry); /* it is about its list alone */
    for (guint i = 0; i < there->len; i++)
        if (!entry_values_have(others, g_ptr_array_index(there, i), true))
            g_ptr_array_add(after, g_ptr_array_index(there, i));
    return change_externals(profile, entry, after, mark);
}

GPtrArray *profile_removed_members(const Profile *profile, const Change *change)
{
    GPtrArray *removed = g_ptr_array_new();
    for (guint i = 0; i < change->mods->len; i++) {
        const Mod *mod = g_ptr_array_index(change->mods, i);
        const bool member = g_strcmp0(mod->attribute, profile->name[NAME_MEMBER]) == 0 ||
                            (profile_has_externals(profile) &&
                             g_str_equal(mod->attribute, profile->name[NAME_ADDRESS]));
        if (mod->kind == MOD_DELETE && member)
            g_ptr_array_extend(removed, mod->values, NULL, NULL);
    }
    return removed;
}

/* --- filters --- */

char *profile_filter_members_of(const Profile *profile, const char *list)
{
    g_autoptr(GPtrArray) one = g_ptr_array_new();
    g_ptr_array_add(one, (gpointer)list);
    GString *filter = g_string_new(NULL);
    profile_append_members(profile, filter, one);
    return g_string_free(filter, FALSE);
}

char *profile_filter_any_list(const Profile *profile)
{
    return g_strdup_printf("(%s=*)", profile->name[NAME_MEMBER]);
}
