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

/* The columns of one change, while they are told. */
typedef struct {
    Pack *pack;
    const Profile *profile;
    bool was_off; /* what is changed did not work before */
} Columns;

static void add_value(Pack *pack, const char *value)
{
    g_autofree char *valid = g_utf8_validate(value, -1, NULL) ? NULL : g_utf8_make_valid(value, -1);
    pack_string(pack, valid ? valid : value);
}

/* Appends the values but those of other (NULL: none). */
static void add_values(const Columns *columns, Field field, const GPtrArray *values,
                       const GPtrArray *other)
{
    gsize bytes = 0;
    pack_open(columns->pack, PACK_ARRAY, 1);
    for (guint i = 0; values && i < values->len; i++) {
        const char *value = values->pdata[i];
        if (has_value(other, value))
            continue;
        bytes += strlen(value);
        if (bytes > AUDIT_VALUES_BYTES_MAX) {
            pack_string(columns->pack, AUDIT_MORE);
            break;
        }
        g_autofree char *shown = profile_shown_value(columns->profile, field, value);
        add_value(columns->pack, shown);
    }
    pack_close(columns->pack);
}

/* That an entry works which comes, or goes, is no news. */
static bool is_usual(const Columns *columns, const GPtrArray *values, const GPtrArray *other)
{
    return values && values->len == 1 && (!other || other->len == 0) && !columns->was_off &&
           g_ascii_strcasecmp(values->pdata[0], profile_disabled(columns->profile)) != 0;
}

/* One column, where the attribute holds one. gone and come may be NULL. */
static void add_field(const Columns *columns, const char *attribute, const GPtrArray *gone,
                      const GPtrArray *come)
{
    const Field field = profile_column_of_attribute(columns->profile, attribute);
    Pack *pack = columns->pack;
    if (field == FIELD_COUNT || (field == FIELD_ACTIVATED &&
                                 (is_usual(columns, gone, come) || is_usual(columns, come, gone))))
        return;
    pack_open(pack, PACK_TUPLE, 1);
    pack_string(pack, profile_column_name(columns->profile, attribute));
    if (field_is_secret(field)) {
        /* Never a value, whether it goes or comes. */
        add_values(columns, field, NULL, NULL);
        pack_open(pack, PACK_ARRAY, 1);
        pack_string(pack, AUDIT_SECRET);
        pack_close(pack);
    } else {
        add_values(columns, field, gone, come);
        add_values(columns, field, come, gone);
    }
    pack_close(pack);
}

static void add_modified(const Columns *columns, const Change *change, const Entry *before)
{
    for (guint i = 0; i < change->mods->len; i++) {
        const Mod *mod = change->mods->pdata[i];
        const GPtrArray *there = before ? entry_values(before, mod->attribute) : NULL;
        switch (mod->kind) {
        case MOD_ADD:
            add_field(columns, mod->attribute, NULL, mod->values);
            break;
        case MOD_DELETE:
            add_field(columns, mod->attribute, mod->values->len ? mod->values : there, NULL);
            break;
        case MOD_REPLACE:
        case MOD_PASSWORD:
            add_field(columns, mod->attribute, there, mod->values);
            break;
        case MOD_WAS: /* not a change, but what stood there */
            break;
        }
    }
}

/* In the order in which the profile names them. */
static void add_deleted(const Columns *columns, const Entry *before)
{
    const Profile *profile = columns->profile;
    Pack *pack = columns->pack;
    const char *mailbox = before ? profile_entry_mailbox(profile, before) : NULL;
    for (const char *const *name = profile_attributes(profile); before && *name; name++) {
        const GPtrArray *values = entry_values(before, *name);
        if (values)
            add_field(columns, *name, values, NULL);
    }
    if (!mailbox)
        return;
    pack_open(pack, PACK_TUPLE, 1);
    pack_string(pack, AUDIT_MAIL_STORE);
    pack_open(pack, PACK_ARRAY, 1);
    add_value(pack, mailbox);
    pack_close(pack);
    pack_open(pack, PACK_ARRAY, 1);
    pack_close(pack);
    pack_close(pack);
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

/* Of a domain, or a further name of one, "@" and the name. */
static char *address_of(const Profile *profile, const Change *change, const Entry *before,
                        ObjectType type)
{
    const bool add = change->kind == CHANGE_ADD;
    if (type == TYPE_DOMAIN || type == TYPE_DOMAINALIAS) {
        g_autofree char *domain = profile_domain_of(change->dn);
        return g_strconcat("@", domain ? domain : "", NULL);
    }
    g_autoptr(Address) there = !add && before ? profile_entry_address(profile, before) : NULL;
    const char *text = add ? profile_added_address(profile, change) : there ? there->full : NULL;
    return g_strdup(text ? text : "");
}

GVariant *audit_change(const Profile *profile, const Change *change, const Entry *before)
{
    const bool add = change->kind == CHANGE_ADD;
    ObjectType type = TYPE_COUNT;
    bool known = add ? profile_added_type(profile, change, &type)
                     : before && profile_entry_type(profile, before, &type);
    g_autofree char *address = address_of(profile, change, before, type);
    Pack *pack = pack_new();
    const Columns columns = {pack, profile, before && !profile_entry_enabled(profile, before)};
    pack_open(pack, PACK_TUPLE, 1);
    pack_string(pack, address);
    pack_string(pack, known ? type_name(type) : "");
    pack_string(pack, kind_name(change->kind));
    pack_open(pack, PACK_ARRAY, 1);
    if (change->kind == CHANGE_DELETE)
        add_deleted(&columns, before);
    else
        add_modified(&columns, change, before);
    pack_close(pack);
    pack_close(pack);
    return g_variant_ref_sink(pack_end(pack, AUDIT_CHANGE_TYPE));
}
