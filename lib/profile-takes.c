/* SPDX-License-Identifier: MIT */
#include "lib/profile-private.h"

#include <string.h>

/* --- what it has --- */

bool profile_has_type(const Profile *profile, ObjectType type)
{
    if (type == TYPE_AUTORESPONDER)
        return attribute_of(profile, FIELD_MESSAGE) != NULL;
    if (type == TYPE_SPAMFILTER)
        return profile->name[NAME_BLOCKED] != NULL && profile->type[TYPE_DOMAIN].known_by != NULL;
    if (type == TYPE_DOMAINALIAS && profile->name[NAME_TARGET_DOMAIN] == NULL)
        return false;
    if (type == TYPE_ALIAS && profile->name[NAME_ALIAS] != NULL)
        return true;
    return profile->type[type].known_by != NULL;
}

bool profile_has_action(const Profile *profile, ObjectType type, Action action)
{
    if (!profile_has_type(profile, type) || !type_does(type, action))
        return false;
    if ((action == ACTION_SUSPEND || action == ACTION_RESUME) &&
        profile->name[NAME_ENABLED] == NULL)
        return false;
    if (profile_is_bare(profile, type) &&
        (action == ACTION_MODIFY || action == ACTION_SUSPEND || action == ACTION_RESUME))
        return false;
    return type >= TYPE_ENTRY_COUNT || !profile->type[type].lacks_action[action];
}

/* The attribute that has the column's value, or NULL. */
static const char *place_of(const Profile *profile, ObjectType type, Field field)
{
    switch (field) {
    case FIELD_PASSWORD:
        return profile->name[NAME_PASSWORD];
    case FIELD_MAILFORWARD:
        return profile->name[NAME_TARGET];
    case FIELD_LIST_MEMBER:
        return profile->name[NAME_MEMBER];
    case FIELD_MEMBER:
        return profile->on_member ? NULL : profile->name[NAME_MEMBER];
    case FIELD_MEMBER_NAME:
        return profile->name[NAME_MEMBER_NAME];
    case FIELD_ALIAS:
        return profile_has_type(profile, TYPE_ALIAS) ? profile->name[NAME_ADDRESS] : NULL;
    case FIELD_TARGET:
        return type == TYPE_DOMAINALIAS            ? profile->name[NAME_TARGET_DOMAIN]
               : profile->name[NAME_ALIAS] != NULL ? profile->name[NAME_ALIAS]
                                                   : profile->name[NAME_TARGET];
    case FIELD_FILTER:
    case FIELD_FILTERTYPE:
        return profile->name[NAME_BLOCKED];
    case FIELD_OWNER:
        return profile->name[NAME_OWNER];
    case FIELD_ATTRIBUTE:
        return profile->by_type[type] != NULL ? *profile->by_type[type] : NULL;
    default:
        return attribute_of(profile, field);
    }
}

bool profile_takes(const Profile *profile, ObjectType type, Field field)
{
    const ProfileType *own = type < TYPE_ENTRY_COUNT ? &profile->type[type] : NULL;
    if (!profile_has_type(profile, type) || place_of(profile, type, field) == NULL)
        return false;
    if (own == NULL)
        return true;
    if (own->bare)
        return field == FIELD_LIST_MEMBER;
    if (own->nameless && field >= FIELD_WHITE_FIRST && field <= FIELD_WHITE_LAST &&
        field != FIELD_DESCRIPTION)
        return false;
    return !own->lacks[field];
}

static bool is_given(const Operation *operation, Field field)
{
    switch (field) {
    case FIELD_PASSWORD:
        return operation->password != NULL;
    case FIELD_MAILFORWARD:
        return !type_takes(operation->type, ACTION_ADD, FIELD_TARGET) &&
               operation->targets.named != NULL;
    case FIELD_LIST_MEMBER:
    case FIELD_MEMBER:
        return operation->members != NULL && operation->members->len > 0;
    case FIELD_MEMBER_NAME:
        return operation->member_name != NULL;
    case FIELD_ALIAS:
        return operation->aliases.named != NULL;
    case FIELD_OWNER:
        return operation->owner != NULL;
    default:
        return field >= FIELD_VALUE_FIRST && field <= FIELD_VALUE_LAST &&
               given_value(operation, field) != NULL;
    }
}

Field profile_lacks(const Profile *profile, const Operation *operation)
{
    for (Field field = FIELD_PASSWORD; field <= FIELD_VALUE_LAST; field++)
        if (type_takes(operation->type, operation->action, field) && is_given(operation, field) &&
            !profile_takes(profile, operation->type, field))
            return field;
    return FIELD_COUNT;
}

const char *profile_entry_target_domain(const Profile *profile, const Entry *entry)
{
    return profile->name[NAME_TARGET_DOMAIN] != NULL
               ? entry_value(entry, profile->name[NAME_TARGET_DOMAIN])
               : NULL;
}

bool profile_numbers(const Profile *profile, ObjectType type)
{
    return type < TYPE_ENTRY_COUNT && profile->type[type].numbered;
}

char *profile_counter_dn(const Profile *profile)
{
    return profile_fill(profile, profile->counter_dn, &(Filling){.dn = true});
}

const char *profile_counter(const Profile *profile)
{
    return profile->name[NAME_COUNTER];
}

char *profile_number_place(const char *mark)
{
    return g_strconcat(NUMBER_PLACE, mark, NULL);
}

bool profile_entry_switch(const Profile *profile, const Entry *entry, Field field)
{
    const char *attribute = attribute_of(profile, field);
    const char *value = attribute != NULL ? entry_value(entry, attribute) : NULL;
    if (field == FIELD_ACTIVATED)
        return profile_entry_enabled(profile, entry);
    return value == NULL || g_ascii_strcasecmp(value, "TRUE") == 0;
}

const char *profile_entry_value(const Profile *profile, const Entry *entry, Field field)
{
    const char *attribute = attribute_of(profile, field);
    return attribute != NULL ? entry_value(entry, attribute) : NULL;
}
