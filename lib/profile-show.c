/* SPDX-License-Identifier: MIT */
#include "lib/profile-private.h"

#include "lib/directory.h"
#include <string.h>

/* The way back: what a column's cell would hold to make an entry what it is. */

static void add_valid(GPtrArray *cell, const char *value)
{
    if (value != NULL)
        g_ptr_array_add(cell, g_utf8_make_valid(value, -1));
}

static void add_all(GPtrArray *cell, const GPtrArray *values)
{
    for (guint i = 0; values != NULL && i < values->len; i++)
        add_valid(cell, g_ptr_array_index(values, i));
}

/* As the contract writes the switch of this column. */
static const char *switch_word(Field field, bool on)
{
    const bool number = field == FIELD_IPSITE || g_str_has_prefix(field_name(field), "ENABLE");
    return number ? (on ? "1" : "0") : on ? "yes" : "no";
}

char *profile_shown_value(const Profile *profile, Field field, const char *value)
{
    guint64 number = 0;
    if (field != FIELD_QUOTA || profile->quota_factor == 1 ||
        !g_ascii_string_to_unsigned(value, 10, 0, G_MAXUINT64, &number, NULL))
        return g_strdup(value);
    /* What is stored may be less than one, or no whole number of them. */
    return g_strdup_printf("%" G_GUINT64_FORMAT,
                           number > 0 ? MAX(number / profile->quota_factor, 1) : 0);
}

/* One of nothing is none. */
static void add_quota(const Profile *profile, GPtrArray *cell, const char *value)
{
    g_autofree char *shown = profile_shown_value(profile, FIELD_QUOTA, value);
    if (!g_str_equal(shown, "0"))
        add_valid(cell, shown);
}

static void add_values(const Profile *profile, GPtrArray *cell, const Entry *entry, Field field)
{
    const char *attribute = profile->field[field - FIELD_VALUE_FIRST];
    const GPtrArray *values = attribute != NULL ? entry_values(entry, attribute) : NULL;
    /* What works is not said: a new entry works. */
    if (values == NULL || (field == FIELD_ACTIVATED && profile_entry_enabled(profile, entry)))
        return;
    if (field == FIELD_SURNAME)
        add_valid(cell, profile_entry_surname(profile, entry));
    else if (field == FIELD_QUOTA && profile->quota_factor != 1)
        add_quota(profile, cell, g_ptr_array_index(values, 0));
    else if (field_kind(field) == VALUE_SWITCH)
        add_valid(cell, switch_word(field, profile_entry_switch(profile, entry, field)));
    else
        add_all(cell, values);
}

static const char *named(const Profile *profile, const Entry *entry, ProfileName name)
{
    return profile->name[name] != NULL ? entry_value(entry, profile->name[name]) : NULL;
}

/* Where an account's mail goes on to, but for the copy that it keeps. */
static void add_forward(const Profile *profile, GPtrArray *cell, const Entry *entry)
{
    const GPtrArray *targets = profile_entry_targets(profile, entry);
    for (guint i = 0; targets != NULL && i < targets->len; i++)
        if (!profile->keep_copy ||
            !entry_has(entry, profile->name[NAME_ADDRESS], g_ptr_array_index(targets, i), true))
            add_valid(cell, g_ptr_array_index(targets, i));
}

static void add_target(const Profile *profile, GPtrArray *cell, const Entry *entry)
{
    const char *domain = profile_entry_target_domain(profile, entry);
    if (domain != NULL)
        add_valid(cell, domain);
    else
        add_all(cell, profile_entry_targets(profile, entry));
}

GPtrArray *profile_entry_cell(const Profile *profile, const Entry *entry, Field field)
{
    g_autoptr(GPtrArray) cell = g_ptr_array_new_with_free_func(g_free);
    if (field >= FIELD_VALUE_FIRST && field <= FIELD_VALUE_LAST)
        add_values(profile, cell, entry, field);
    else if (field == FIELD_MAILFORWARD)
        add_forward(profile, cell, entry);
    else if (field == FIELD_LIST_MEMBER || field == FIELD_MEMBER)
        add_all(cell, profile_entry_members(profile, entry));
    else if (field == FIELD_TARGET)
        add_target(profile, cell, entry);
    else if (field == FIELD_OWNER)
        add_valid(cell, named(profile, entry, NAME_OWNER));
    return cell->len > 0 ? g_steal_pointer(&cell) : NULL;
}

const GPtrArray *profile_entry_member_names(const Profile *profile, const Entry *entry)
{
    const char *attribute = profile->name[NAME_MEMBER_NAME];
    return attribute != NULL ? entry_values(entry, attribute) : NULL;
}

const GPtrArray *profile_entry_blocked(const Profile *profile, const Entry *entry)
{
    const char *attribute = profile->name[NAME_BLOCKED];
    return attribute != NULL ? entry_values(entry, attribute) : NULL;
}

const GPtrArray *profile_entry_passwords(const Profile *profile, const Entry *entry)
{
    return entry_values(entry, profile->name[NAME_PASSWORD]);
}

const char *profile_password_attribute(const Profile *profile)
{
    return profile->name[NAME_PASSWORD];
}

char *profile_domain_of(const char *dn)
{
    const char *name = dn + strcspn(dn, "=");
    g_autofree char *value = *name == '=' ? g_strndup(name + 1, strcspn(name + 1, ",")) : NULL;
    return value != NULL ? domain_normalise(value, NULL) : NULL;
}

/* --- what is asked for --- */

/* Which entries have rows of the type: those of another one where it is a part of them. */
static bool bears(const Profile *profile, int entry, int type)
{
    if (type == TYPE_COUNT)
        return true;
    if (type == TYPE_AUTORESPONDER || (type == TYPE_ALIAS && profile->name[NAME_ALIAS] != NULL))
        return entry == TYPE_FULL;
    return entry == type;
}

char *profile_filter_shown(const Profile *profile, int type, bool leading)
{
    /* A list leads on whatever it has, where its members say so. */
    const bool lists = profile->on_member && profile->type[TYPE_LIST].known_by != NULL &&
                       !profile->type[TYPE_LIST].bare;
    const ProfileName leads[] = {NAME_TARGET, profile->on_member ? NAME_COUNT : NAME_MEMBER};
    GString *filter = g_string_new("(&(|");
    for (guint i = 0; i < G_N_ELEMENTS(profile->type); i++)
        if (profile->type[i].known_by != NULL && !profile->type[i].bare &&
            bears(profile, (int)i, type))
            profile_append_type(profile, filter, i);
    /* The empty condition "or" is never true. */
    g_string_append(filter, leading ? ")(|" : ")(!(|");
    for (guint i = 0; i < G_N_ELEMENTS(leads); i++)
        if (leads[i] != NAME_COUNT && profile->name[leads[i]] != NULL)
            g_string_append_printf(filter, "(%s=*)", profile->name[leads[i]]);
    if (lists)
        profile_append_type(profile, filter, TYPE_LIST);
    g_string_append(filter, leading ? "))" : ")))");
    return g_string_free(filter, FALSE);
}

char *profile_filter_names_of(const Profile *profile, const char *domain)
{
    g_autofree char *escaped = directory_escape_filter(domain);
    return profile->name[NAME_TARGET_DOMAIN] == NULL
               ? NULL
               : g_strdup_printf("(%s=%s)", profile->name[NAME_TARGET_DOMAIN], escaped);
}

const char *profile_address_attribute(const Profile *profile)
{
    return profile->name[NAME_ADDRESS];
}
