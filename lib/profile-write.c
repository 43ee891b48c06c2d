/* SPDX-License-Identifier: MIT */
#include "lib/profile-private.h"

#include <string.h>

/* --- a person's names --- */

/* A value as the directory holds it. */
static char *stored(const Profile *profile, Field field, const char *value)
{
    guint64 number = 0;
    if (value == NULL)
        return NULL;
    if (field == FIELD_QUOTA && profile->quota_factor != 1 &&
        g_ascii_string_to_unsigned(value, 10, 0, G_MAXUINT64 / profile->quota_factor, &number,
                                   NULL))
        return g_strdup_printf("%" G_GUINT64_FORMAT, number * profile->quota_factor);
    if (field_kind(field) != VALUE_SWITCH)
        return g_strdup(value);
    if (field == FIELD_ACTIVATED)
        return g_strdup(g_str_equal(value, "yes") ? profile->enabled_on : profile->enabled_off);
    return g_strdup(g_str_equal(value, "yes") ? "TRUE" : "FALSE");
}

static char *common_name(const char *given, const char *surname, const char *user)
{
    if (given != NULL && surname != NULL)
        return g_strconcat(given, " ", surname, NULL);
    return g_strdup(given != NULL ? given : surname != NULL ? surname : user);
}

static bool is_name(Field field)
{
    return field == FIELD_GIVENNAME || field == FIELD_SURNAME;
}

/* --- writing --- */

/* "ADDRESS NAME" of the row's one member. */
static void profile_name_member(const Profile *profile, Change *change, const Operation *operation)
{
    const Address *member = g_ptr_array_index(operation->members, 0);
    g_autofree char *text = g_strconcat(member->full, " ", operation->member_name, NULL);
    change_mod(change, MOD_ADD, profile->name[NAME_MEMBER_NAME], text);
}

static void add_addresses(const Profile *profile, Change *change, ProfileName name,
                          const GPtrArray *addresses)
{
    for (guint i = 0; addresses != NULL && i < addresses->len; i++) {
        const Address *address = g_ptr_array_index(addresses, i);
        if (profile->name[name] != NULL)
            change_mod(change, MOD_ADD, profile->name[name], address->full);
    }
}

void profile_set_mark(const Profile *profile, Change *change, const Entry *entry, const char *mark)
{
    const char *class = profile->mark_class;
    if (class != NULL && (entry == NULL || !entry_has(entry, "objectClass", class, true)))
        change_mod(change, MOD_ADD, "objectClass", class);
    change_mod(change, entry == NULL ? MOD_ADD : MOD_REPLACE, profile->name[NAME_MARK], mark);
}

static void add_names(const Profile *profile, Change *change, const Operation *operation)
{
    const Address *address = operation->address;
    const char *user = *address->local != '\0' ? address->local : address->full;
    const char *given = filled(given_value(operation, FIELD_GIVENNAME));
    const char *surname = filled(given_value(operation, FIELD_SURNAME));
    g_autofree char *name = common_name(given, surname, user);
    change_mod(change, MOD_ADD, profile->name[NAME_COMMON_NAME], name);
    if (!profile->type[operation->type].nameless)
        change_mod(change, MOD_ADD, attribute_of(profile, FIELD_SURNAME),
                   surname != NULL ? surname : user);
}

static void add_value(const Profile *profile, Change *change, Field field, const char *value)
{
    g_autofree char *text = stored(profile, field, value);
    change_mod(change, MOD_ADD, attribute_of(profile, field), text);
}

static void add_values(const Profile *profile, Change *change, const Operation *operation)
{
    for (Field field = FIELD_VALUE_FIRST; field <= FIELD_VALUE_LAST; field++) {
        const char *value = filled(given_value(operation, field));
        if (value != NULL && field != FIELD_SURNAME && field != FIELD_ACTIVATED)
            add_value(profile, change, field, value);
    }
    for (guint i = 0; operation->attributes != NULL && i < operation->attributes->len; i++) {
        const AttributeCell *cell = g_ptr_array_index(operation->attributes, i);
        for (guint k = 0; k < cell->values->len; k++)
            change_mod(change, MOD_ADD, cell->name, g_ptr_array_index(cell->values, k));
    }
}

/* The attribute by which a domain is named. */
static char *domain_naming(const Profile *profile)
{
    const char *template = profile->domain_dn;
    return g_strndup(template, strcspn(template, "="));
}

static void add_domain(const Profile *profile, Change *change, const Operation *operation)
{
    g_autofree char *naming = domain_naming(profile);
    change_mod(change, MOD_ADD, naming, operation->address->domain);
    if (operation->target_domain != NULL)
        change_mod(change, MOD_ADD, profile->name[NAME_TARGET_DOMAIN], operation->target_domain);
    if (operation->owner != NULL && profile->name[NAME_OWNER] != NULL)
        change_mod(change, MOD_ADD, profile->name[NAME_OWNER], operation->owner->full);
}

static bool keeps_copy(const Profile *profile, const Operation *operation, gsize targets)
{
    return profile->keep_copy && operation->type == TYPE_FULL && targets > 0;
}

static void add_object(const Profile *profile, Change *change, const Operation *operation,
                       const char *hash, const char *mailbox_id)
{
    const GPtrArray *targets = operation->targets.named;
    change_mod(change, MOD_ADD, profile->name[NAME_ADDRESS], operation->address->full);
    add_names(profile, change, operation);
    add_values(profile, change, operation);
    if (hash != NULL)
        change_mod(change, MOD_ADD, profile->name[NAME_PASSWORD], hash);
    if (mailbox_id != NULL && profile->name[NAME_MAILBOX_ID] != NULL &&
        (operation->type == TYPE_FULL || operation->type == TYPE_RESOURCE))
        change_mod(change, MOD_ADD, profile->name[NAME_MAILBOX_ID], mailbox_id);
    if (profile->own_among_aliases && profile->name[NAME_ALIAS] != NULL)
        change_mod(change, MOD_ADD, profile->name[NAME_ALIAS], operation->address->full);
    add_addresses(profile, change, NAME_ALIAS, operation->aliases.named);
    add_addresses(profile, change, NAME_TARGET, targets);
    if (targets != NULL && keeps_copy(profile, operation, targets->len))
        change_mod(change, MOD_ADD, profile->name[NAME_TARGET], operation->address->full);
    if (!profile->on_member)
        add_addresses(profile, change, NAME_MEMBER, operation->members);
}

/* What each new entry of the type gets, where the row gives nothing else. */
static void add_fixed(const Profile *profile, Change *change, const Operation *operation,
                      const char *mailbox_id, const char *mark)
{
    char *const *fixed = profile->type[operation->type].fixed;
    g_autofree char *number = g_strconcat(NUMBER_PLACE, mark, NULL);
    const Filling filling = {
        .domain = operation->address->domain,
        .address = operation->address,
        .mailbox_id = mailbox_id,
        .number = number,
    };
    g_autoptr(GHashTable) begun = g_hash_table_new(g_str_hash, g_str_equal);
    for (guint i = 0; fixed != NULL && fixed[i] != NULL; i += 2) {
        g_autofree char *value = profile_fill(profile, fixed[i + 1], &filling);
        if (!g_hash_table_contains(begun, fixed[i]) && change_values(change, fixed[i]) != NULL)
            continue;
        g_hash_table_add(begun, fixed[i]);
        change_mod(change, MOD_ADD, fixed[i], value);
    }
}

static void add_enabled(const Profile *profile, Change *change, const Operation *operation)
{
    const char *given = given_value(operation, FIELD_ACTIVATED);
    const bool on = given == NULL || !g_str_equal(given, "no");
    if (profile->name[NAME_ENABLED] != NULL && operation->type != TYPE_DOMAINALIAS &&
        !profile->type[operation->type].lacks_action[ACTION_SUSPEND])
        change_mod(change, MOD_ADD, profile->name[NAME_ENABLED],
                   on ? profile->enabled_on : profile->enabled_off);
}

Change *profile_add(const Profile *profile, const Operation *operation, const char *hash,
                    const char *mailbox_id, const char *mark)
{
    const ProfileType *type = &profile->type[operation->type];
    const bool domain = operation->type == TYPE_DOMAIN || operation->type == TYPE_DOMAINALIAS;
    g_autofree char *dn = domain ? profile_domain_dn(profile, operation->address->domain)
                                 : profile_type_dn(profile, operation->type, operation->address);
    Change *change = change_new(CHANGE_ADD, dn);
    for (guint i = 0; type->classes[i] != NULL; i++)
        change_mod(change, MOD_ADD, "objectClass", type->classes[i]);
    if (profile->mark_class != NULL)
        change_mod(change, MOD_ADD, "objectClass", profile->mark_class);
    if (domain) {
        add_domain(profile, change, operation);
        add_values(profile, change, operation);
    } else {
        add_object(profile, change, operation, hash, mailbox_id);
    }
    profile_member_name(profile, change, operation);
    add_enabled(profile, change, operation);
    add_fixed(profile, change, operation, mailbox_id, mark);
    change_mod(change, MOD_ADD, profile->name[NAME_MARK], mark);
    return change;
}

bool profile_has_containers(const Profile *profile)
{
    return profile->type[TYPE_DOMAIN].containers != NULL;
}

#define CONTAINER_CLASS "organizationalUnit"

GPtrArray *profile_add_containers(const Profile *profile, const char *domain, const char *mark)
{
    GPtrArray *changes = g_ptr_array_new();
    g_autofree char *below = profile_domain_dn(profile, domain);
    char *const *name = profile->type[TYPE_DOMAIN].containers;
    for (; name != NULL && *name != NULL; name++) {
        g_autofree char *dn = g_strdup_printf("ou=%s,%s", *name, below);
        Change *change = change_new(CHANGE_ADD, dn);
        change_mod(change, MOD_ADD, "objectClass", CONTAINER_CLASS);
        change_mod(change, MOD_ADD, "ou", *name);
        profile_set_mark(profile, change, NULL, mark);
        g_ptr_array_add(changes, change);
    }
    return changes;
}

char *profile_filter_contents(const Profile *profile)
{
    return g_strdup_printf("(!(|(objectClass=%s)(objectClass=" CONTAINER_CLASS ")))",
                           profile->type[TYPE_DOMAIN].known_by);
}

Change *profile_alias(const Profile *profile, const Entry *account, const char *alias, bool add,
                      const char *mark)
{
    Change *change = change_new(CHANGE_MODIFY, account->dn);
    change_mod(change, add ? MOD_ADD : MOD_DELETE, profile->name[NAME_ALIAS], alias);
    profile_set_mark(profile, change, account, mark);
    return change;
}

/* Replaces an attribute by one value (NULL: by none) unless it is so already. */
static void replace(Change *change, const Entry *entry, const char *attribute, const char *value)
{
    const GPtrArray *values = entry_values(entry, attribute);
    const guint wanted = value != NULL ? 1 : 0;
    const guint there = values != NULL ? values->len : 0;
    if (there == wanted && (wanted == 0 || strcmp(g_ptr_array_index(values, 0), value) == 0))
        return;
    change_mod(change, MOD_REPLACE, attribute, value);
}

/* The surname an entry has, or NULL where its sn is only the user's local part because the schema
 * demands one. */
static const char *surname_there(const Profile *profile, const Entry *entry, const char *user)
{
    const char *surname = filled(entry_value(entry, attribute_of(profile, FIELD_SURNAME)));
    const char *name = entry_value(entry, profile->name[NAME_COMMON_NAME]);
    g_autofree char *end = g_strconcat(" ", user, NULL);
    if (surname == NULL || strcmp(surname, user) != 0)
        return surname;
    return name != NULL && g_str_has_suffix(name, end) ? surname : NULL;
}

/* The whole name from what is given and what is there. */
static void replace_names(const Profile *profile, Change *change, const Operation *operation,
                          const Entry *entry)
{
    const char *user = operation->address->local;
    const char *given = given_value(operation, FIELD_GIVENNAME);
    const char *surname = given_value(operation, FIELD_SURNAME);
    g_autofree char *name = NULL;
    if (given == NULL && surname == NULL)
        return;
    if (given == NULL)
        given = entry_value(entry, attribute_of(profile, FIELD_GIVENNAME));
    if (surname == NULL)
        surname = surname_there(profile, entry, user);
    given = filled(given);
    surname = filled(surname);
    name = common_name(given, surname, user);
    replace(change, entry, profile->name[NAME_COMMON_NAME], name);
    if (given_value(operation, FIELD_GIVENNAME) != NULL)
        replace(change, entry, attribute_of(profile, FIELD_GIVENNAME), given);
    if (given_value(operation, FIELD_SURNAME) != NULL)
        replace(change, entry, attribute_of(profile, FIELD_SURNAME),
                surname != NULL ? surname : user);
}

/* What an address cell makes of what is there (of char *, maybe NULL); an array of what it borrows
 * from both. */
static GPtrArray *edited(const AddressCell *cell, const GPtrArray *there)
{
    GPtrArray *after = g_ptr_array_new();
    g_autoptr(GHashTable) known = g_hash_table_new(g_str_hash, g_str_equal);
    for (guint i = 0; cell->removed != NULL && i < cell->removed->len; i++)
        g_hash_table_add(known, ((Address *)g_ptr_array_index(cell->removed, i))->full);
    for (guint i = 0; cell->edit && there != NULL && i < there->len; i++)
        if (g_hash_table_add(known, g_ptr_array_index(there, i)))
            g_ptr_array_add(after, g_ptr_array_index(there, i));
    for (guint i = 0; i < cell->named->len; i++) {
        char *address = ((Address *)g_ptr_array_index(cell->named, i))->full;
        if (g_hash_table_add(known, address))
            g_ptr_array_add(after, address);
    }
    return after;
}

/* Unless these values are there already, in whatever order. */
static void replace_all(Change *change, const char *attribute, const GPtrArray *after,
                        const Entry *entry, bool without_case)
{
    const GPtrArray *there = entry_values(entry, attribute);
    bool same = (there != NULL ? there->len : 0) == after->len;
    for (guint i = 0; same && i < after->len; i++)
        same = entry_has(entry, attribute, g_ptr_array_index(after, i), without_case);
    if (same)
        return;
    for (guint i = 0; i < after->len; i++)
        change_mod(change, MOD_REPLACE, attribute, g_ptr_array_index(after, i));
    if (after->len == 0)
        change_mod(change, MOD_REPLACE, attribute, NULL);
}

static void replace_targets(const Profile *profile, Change *change, const Operation *operation,
                            const Entry *entry)
{
    char *own = operation->address->full;
    if (operation->targets.named == NULL || profile->name[NAME_TARGET] == NULL)
        return;
    g_autoptr(GPtrArray) after =
        edited(&operation->targets, values_of(profile, entry, NAME_TARGET));
    for (guint i = after->len; profile->keep_copy && i-- > 0;)
        if (g_ascii_strcasecmp(g_ptr_array_index(after, i), own) == 0)
            g_ptr_array_remove_index(after, i);
    if (keeps_copy(profile, operation, after->len))
        g_ptr_array_add(after, own);
    replace_all(change, profile->name[NAME_TARGET], after, entry, true);
}

static void replace_aliases(const Profile *profile, Change *change, const Operation *operation,
                            const Entry *entry)
{
    const AddressCell *aliases = &operation->aliases;
    char *own = operation->address->full;
    if (aliases->named == NULL || profile->name[NAME_ALIAS] == NULL)
        return;
    g_autoptr(GPtrArray) after = edited(aliases, values_of(profile, entry, NAME_ALIAS));
    for (guint i = after->len; profile->own_among_aliases && i-- > 0;)
        if (g_ascii_strcasecmp(g_ptr_array_index(after, i), own) == 0)
            g_ptr_array_remove_index(after, i);
    if (profile->own_among_aliases)
        g_ptr_array_add(after, own);
    replace_all(change, profile->name[NAME_ALIAS], after, entry, true);
}

Change *profile_modify(const Profile *profile, const Operation *operation, const char *hash,
                       const Entry *entry, const char *mark)
{
    g_autoptr(Change) change = change_new(CHANGE_MODIFY, entry->dn);
    if (operation->type == TYPE_FULL && hash != NULL)
        replace(change, entry, profile->name[NAME_PASSWORD], hash);
    replace_targets(profile, change, operation, entry);
    replace_aliases(profile, change, operation, entry);
    if (operation->owner != NULL && profile->name[NAME_OWNER] != NULL)
        replace(change, entry, profile->name[NAME_OWNER], operation->owner->full);
    replace_names(profile, change, operation, entry);
    for (Field field = FIELD_VALUE_FIRST; field <= FIELD_VALUE_LAST; field++) {
        const char *value = given_value(operation, field);
        g_autofree char *text = stored(profile, field, filled(value));
        if (value != NULL && !is_name(field))
            replace(change, entry, attribute_of(profile, field), text);
    }
    for (guint i = 0; operation->attributes != NULL && i < operation->attributes->len; i++) {
        const AttributeCell *cell = g_ptr_array_index(operation->attributes, i);
        replace_all(change, cell->name, cell->values, entry, false);
    }
    if (change->mods->len == 0)
        return NULL;
    profile_set_mark(profile, change, entry, mark);
    return g_steal_pointer(&change);
}

Change *profile_enable(const Profile *profile, const Entry *entry, bool enabled, const char *mark)
{
    if (profile_entry_enabled(profile, entry) == enabled)
        return NULL;
    Change *change = change_new(CHANGE_MODIFY, entry->dn);
    change_mod(change, MOD_REPLACE, profile->name[NAME_ENABLED],
               enabled ? profile->enabled_on : profile->enabled_off);
    profile_set_mark(profile, change, entry, mark);
    return change;
}

Change *profile_with_password(const Profile *profile, Change *change, const Entry *entry,
                              const Secret *password, const char *mark)
{
    if (change == NULL) {
        change = change_new(CHANGE_MODIFY, entry->dn);
        profile_set_mark(profile, change, entry, mark);
    }
    const guint count = entry != NULL ? change->mods->len : 0;
    for (guint i = 0; i < count; i++) {
        const Mod *mod = g_ptr_array_index(change->mods, i);
        const GPtrArray *values = entry_values(entry, mod->attribute);
        change_mod(change, MOD_WAS, mod->attribute, NULL);
        for (guint j = 0; values != NULL && j < values->len; j++)
            if (g_utf8_validate(g_ptr_array_index(values, j), -1, NULL)) /* so it can be stored */
                change_mod(change, MOD_WAS, mod->attribute, g_ptr_array_index(values, j));
    }
    change_mod(change, MOD_PASSWORD, profile->name[NAME_PASSWORD], password);
    return change;
}

/* The names that a list keeps of a member. */
static void drop_member_names(const Profile *profile, Change *change, const Entry *list,
                              const char *member)
{
    const char *attribute = profile->name[NAME_MEMBER_NAME];
    const GPtrArray *names = attribute != NULL ? entry_values(list, attribute) : NULL;
    const gsize length = strlen(member);
    for (guint i = 0; names != NULL && i < names->len; i++) {
        const char *name = g_ptr_array_index(names, i);
        if (g_ascii_strncasecmp(name, member, length) == 0 && name[length] == ' ')
            change_mod(change, MOD_DELETE, attribute, name);
    }
}

Change *profile_members(const Profile *profile, const Entry *entry, GPtrArray *added,
                        GPtrArray *removed, const char *mark)
{
    const char *attribute = profile->name[NAME_MEMBER];
    Change *change = change_new(CHANGE_MODIFY, entry->dn);
    for (guint i = 0; removed != NULL && i < removed->len; i++)
        change_mod(change, MOD_DELETE, attribute, g_ptr_array_index(removed, i));
    for (guint i = 0; removed != NULL && i < removed->len; i++)
        drop_member_names(profile, change, entry, g_ptr_array_index(removed, i));
    for (guint i = 0; added != NULL && i < added->len; i++)
        change_mod(change, MOD_ADD, attribute, g_ptr_array_index(added, i));
    profile_set_mark(profile, change, entry, mark);
    return change;
}

void profile_member_name(const Profile *profile, Change *change, const Operation *operation)
{
    if (operation->member_name != NULL && profile->name[NAME_MEMBER_NAME] != NULL)
        profile_name_member(profile, change, operation);
}

Change *profile_block(const Profile *profile, const Entry *domain, const char *sender, bool add,
                      const char *mark)
{
    Change *change = change_new(CHANGE_MODIFY, domain->dn);
    change_mod(change, add ? MOD_ADD : MOD_DELETE, profile->name[NAME_BLOCKED], sender);
    profile_set_mark(profile, change, domain, mark);
    return change;
}

Change *profile_delete(const Profile *profile, const Entry *entry)
{
    (void)profile;
    return change_new(CHANGE_DELETE, entry->dn);
}

Change *profile_restore(const Profile *profile, const Entry *entry, bool with_uuid)
{
    Change *change = change_new(CHANGE_ADD, entry->dn);
    for (guint k = 0; k < entry->attributes->len; k++) {
        const char *name = entry_attribute(entry, k)->name;
        const GPtrArray *values = entry_attribute(entry, k)->values;
        if (g_ascii_strcasecmp(name, profile->name[NAME_VERSION]) == 0 ||
            (!with_uuid && g_ascii_strcasecmp(name, profile->name[NAME_UNIQUE_ID]) == 0))
            continue;
        for (guint i = 0; i < values->len; i++)
            change_mod(change, MOD_ADD, name, g_ptr_array_index(values, i));
    }
    return change;
}

Change *profile_claim(const Profile *profile, const char *dn, const char *mark)
{
    Change *change = change_new(CHANGE_MODIFY, dn);
    if (profile->mark_class != NULL)
        change_mod(change, MOD_ADD, "objectClass", profile->mark_class);
    change_mod(change, MOD_REPLACE, profile->name[NAME_MARK], mark);
    return change;
}

bool profile_entry_has_password(const Profile *profile, const Entry *entry)
{
    return entry_value(entry, profile->name[NAME_PASSWORD]) != NULL;
}

const char *profile_entry_surname(const Profile *profile, const Entry *entry)
{
    g_autoptr(Address) address = profile_entry_address(profile, entry);
    return address != NULL ? surname_there(profile, entry, address->local) : NULL;
}

const char *profile_mark_attribute(const Profile *profile)
{
    return profile->name[NAME_MARK];
}
