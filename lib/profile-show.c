/* SPDX-License-Identifier: MIT */
#include "lib/profile-private.h"

#include "lib/directory.h"
#include <string.h>

/* The way back: what a column's cell would hold to make an entry what it is. */

static GPtrArray *values_new(void)
{
    return g_ptr_array_new_with_free_func(g_free);
}

static void add_all(GPtrArray *cell, const GPtrArray *values)
{
    for (guint i = 0; values != NULL && i < values->len; i++)
        g_ptr_array_add(cell, g_utf8_make_valid(g_ptr_array_index(values, i), -1));
}

GPtrArray *profile_entry_cell(const Profile *profile, const Entry *entry, Field field)
{
    g_autoptr(GPtrArray) cell = values_new();
    if (field_is_secret(field))
        return NULL;
    if (field == FIELD_SURNAME) {
        const char *surname = profile_entry_surname(profile, entry);
        if (surname != NULL)
            g_ptr_array_add(cell, g_utf8_make_valid(surname, -1));
    } else if (field == FIELD_MAILFORWARD) {
        add_all(cell, profile_entry_targets(profile, entry));
    } else if (field == FIELD_LIST_MEMBER) {
        add_all(cell, profile_entry_members(profile, entry));
    } else if (field >= FIELD_WHITE_FIRST && field <= FIELD_WHITE_LAST) {
        add_all(cell, entry_values(entry, profile->field[field - FIELD_WHITE_FIRST]));
    }
    return cell->len > 0 ? g_steal_pointer(&cell) : NULL;
}

static void append_types(const Profile *profile, GString *filter, int type)
{
    g_string_append(filter, "(|");
    for (guint i = 0; i < G_N_ELEMENTS(profile->type); i++)
        if (profile->type[i].known_by != NULL && (type == (int)i || type == TYPE_COUNT))
            g_string_append_printf(filter, "(objectClass=%s)", profile->type[i].known_by);
    g_string_append_c(filter, ')');
}

char *profile_filter_shown(const Profile *profile, int type, bool leading)
{
    GString *filter = g_string_new("(&");
    append_types(profile, filter, type);
    g_string_append_printf(filter, leading ? "(|(%s=*)(%s=*))" : "(!(|(%s=*)(%s=*)))",
                           profile->name[NAME_TARGET], profile->name[NAME_MEMBER]);
    return g_string_free(g_string_append_c(filter, ')'), FALSE);
}

const char *profile_address_attribute(const Profile *profile)
{
    return profile->name[NAME_ADDRESS];
}
