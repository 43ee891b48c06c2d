/* SPDX-License-Identifier: MIT */
#include "lib/audit.h"

#include <string.h>

static bool has_value(const GPtrArray *values, const char *value)
{
    for (guint i = 0; values && i < values->len; i++)
        if (strcmp(values->pdata[i], value) == 0)
            return true;
    return false;
}

/* Appends the values but those of other (NULL: none). */
static void add_values(GVariantBuilder *builder, const GPtrArray *values, const GPtrArray *other)
{
    gsize bytes = 0;
    g_variant_builder_open(builder, G_VARIANT_TYPE_STRING_ARRAY);
    for (guint i = 0; values && i < values->len; i++) {
        const char *value = values->pdata[i];
        if (has_value(other, value))
            continue;
        bytes += strlen(value);
        if (bytes > AUDIT_VALUES_BYTES_MAX) {
            g_variant_builder_add(builder, "s", "…");
            break;
        }
        g_variant_builder_add_value(builder,
                                    g_variant_new_take_string(g_utf8_make_valid(value, -1)));
    }
    g_variant_builder_close(builder);
}

/* One column, where the attribute holds one. gone and come may be NULL. */
static void add_field(GVariantBuilder *builder, const Profile *profile, const char *attribute,
                      const GPtrArray *gone, const GPtrArray *come)
{
    const char *name = profile_column_of_attribute(profile, attribute);
    const char *const secret[] = {AUDIT_SECRET, NULL};
    Field field = FIELD_COUNT;
    if (!name)
        return;
    g_variant_builder_open(builder, G_VARIANT_TYPE("(sasas)"));
    g_variant_builder_add(builder, "s", name);
    if (!field_find(name, &field) || field_is_secret(field)) {
        /* Never a value, whether it goes or comes. */
        g_variant_builder_add_value(builder, g_variant_new_strv(NULL, 0));
        g_variant_builder_add_value(builder, g_variant_new_strv(secret, -1));
    } else {
        add_values(builder, gone, come);
        add_values(builder, come, gone);
    }
    g_variant_builder_close(builder);
}

static void add_modified(GVariantBuilder *builder, const Profile *profile, const Change *change,
                         const Entry *before)
{
    for (guint i = 0; i < change->mods->len; i++) {
        const Mod *mod = change->mods->pdata[i];
        const GPtrArray *there = before ? entry_values(before, mod->attribute) : NULL;
        switch (mod->kind) {
        case MOD_ADD:
            add_field(builder, profile, mod->attribute, NULL, mod->values);
            break;
        case MOD_DELETE:
            add_field(builder, profile, mod->attribute, mod->values->len ? mod->values : there,
                      NULL);
            break;
        case MOD_REPLACE:
        case MOD_PASSWORD:
            add_field(builder, profile, mod->attribute, there, mod->values);
            break;
        case MOD_WAS: /* not a change, but what stood there */
            break;
        }
    }
}

/* In the order in which the profile names them. */
static void add_deleted(GVariantBuilder *builder, const Profile *profile, const Entry *before)
{
    for (const char *const *name = profile_attributes(profile); before && *name; name++) {
        const GPtrArray *values = entry_values(before, *name);
        if (values)
            add_field(builder, profile, *name, values, NULL);
    }
}

static const char *kind_name(ChangeKind kind)
{
    switch (kind) {
    case CHANGE_ADD:
        return action_name(ACTION_ADD);
    case CHANGE_MODIFY:
        return action_name(ACTION_MODIFY);
    case CHANGE_DELETE:
        break;
    }
    return action_name(ACTION_DELETE);
}

GVariant *audit_change(const Profile *profile, const Change *change, const Entry *before)
{
    g_autoptr(Entry) made = change->kind == CHANGE_ADD ? change_effect(change, NULL) : NULL;
    const Entry *entry = made ? made : before;
    g_autoptr(Address) address = entry ? profile_entry_address(profile, entry) : NULL;
    ObjectType type;
    GVariantBuilder builder;
    bool known = entry && profile_entry_type(profile, entry, &type);
    g_variant_builder_init(&builder, G_VARIANT_TYPE(AUDIT_FIELDS_TYPE));
    if (change->kind == CHANGE_DELETE)
        add_deleted(&builder, profile, before);
    else
        add_modified(&builder, profile, change, before);
    return g_variant_ref_sink(
        g_variant_new("(sss" AUDIT_FIELDS_TYPE ")", address ? address->full : "",
                      known ? type_name(type) : "", kind_name(change->kind), &builder));
}
