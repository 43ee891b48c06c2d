/* SPDX-License-Identifier: MIT */
#include "lib/profile-private.h"

#include "lib/directory.h"
#include <string.h>

/* --- names --- */

const char *profile_base(const Profile *profile)
{
    return profile->base;
}

static void append_value(GString *out, const char *value)
{
    if (directory_is_plain(value)) {
        g_string_append(out, value);
        return;
    }
    g_autofree char *escaped = directory_escape_dn(value);
    g_string_append(out, escaped);
}

/* A domain's template has been found to hold no address, and gets none. */
static char *fill_in(const Profile *profile, const char *text, const char *domain,
                     const Address *address)
{
    const char *full = address ? address->full : "", *local = address ? address->local : "";
    GString *out = g_string_sized_new(127); /* most names fit */
    for (const char *at = text; *at != '\0'; at++) {
        if (*at != '%') {
            const gsize length = strcspn(at, "%");
            g_string_append_len(out, at, (gssize)length);
            at += length - 1;
            continue;
        }
        switch (*++at) {
        case 'b':
            g_string_append(out, profile->base);
            break;
        case 'd':
            append_value(out, domain);
            break;
        case 'a':
            append_value(out, full);
            break;
        case 'l':
            append_value(out, local);
            break;
        default:
            g_string_append_c(out, '%');
            break;
        }
    }
    return g_string_free(out, FALSE);
}

char *profile_domain_dn(const Profile *profile, const char *domain)
{
    return fill_in(profile, profile->domain_dn, domain, NULL);
}

char *profile_domains_dn(const Profile *profile)
{
    const char *rest = strchr(g_strrstr(profile->domain_dn, "%d"), ',');
    return fill_in(profile, rest != NULL ? rest + 1 : "%b", "", NULL);
}

char *profile_entry_dn(const Profile *profile, const Address *address)
{
    return fill_in(profile, profile->entry_dn, address->domain, address);
}

Address *profile_entry_address(const Profile *profile, const Entry *entry)
{
    const char *text = entry_value(entry, profile->name[NAME_ADDRESS]);
    return text == NULL ? NULL : profile_address(text);
}

Address *profile_address(const char *text)
{
    g_autofree char *domain = *text == '@' ? domain_normalise(text + 1, NULL) : NULL;
    if (*text == '@')
        return domain != NULL ? address_of_domain(domain) : NULL;
    return address_parse(text, NULL, NULL);
}

GPtrArray *profile_entry_addresses(const Profile *profile, const Entry *entry)
{
    return entry_values(entry, profile->name[NAME_ADDRESS]);
}

const char *const *profile_attributes(const Profile *profile)
{
    return (const char *const *)profile->attributes->pdata;
}

const char *const *profile_routing_attributes(const Profile *profile)
{
    return (const char *const *)profile->routing->pdata;
}

/* --- filters --- */

static void append_test(GString *filter, const char *attribute, const char *value)
{
    g_autofree char *escaped = directory_is_plain(value) ? NULL : directory_escape_filter(value);
    g_string_append_c(filter, '(');
    g_string_append(filter, attribute);
    g_string_append_c(filter, '=');
    g_string_append(filter, escaped != NULL ? escaped : value);
    g_string_append_c(filter, ')');
}

char *profile_filter_addresses(const Profile *profile, GPtrArray *addresses)
{
    GString *filter = g_string_new("(|");
    for (guint i = 0; i < addresses->len; i++) {
        const Address *address = g_ptr_array_index(addresses, i);
        append_test(filter, profile->name[NAME_ADDRESS], address->full);
    }
    return g_string_free(g_string_append_c(filter, ')'), FALSE);
}

char *profile_filter_type(const Profile *profile, ObjectType type)
{
    GString *filter = g_string_new(NULL);
    append_test(filter, "objectClass", profile->type[type].known_by);
    return g_string_free(filter, FALSE);
}

char *profile_filter_further_names(const Profile *profile, const char *domain)
{
    if (profile->name[NAME_TARGET_DOMAIN] == NULL)
        return NULL;
    GString *filter = g_string_new(NULL);
    append_test(filter, profile->name[NAME_TARGET_DOMAIN], domain);
    return g_string_free(filter, FALSE);
}

char *profile_filter_address_anywhere(const Profile *profile, const Address *address)
{
    GString *filter = g_string_new(NULL);
    append_test(filter, profile->name[NAME_ADDRESS], address->full);
    return g_string_free(filter, FALSE);
}

/* Entries of any of the types that have one of the values. */
static void append_types_with(const Profile *profile, GString *filter, unsigned types,
                              const char *attribute, GPtrArray *values)
{
    g_string_append(filter, "(&(|");
    for (guint i = 0; i < TYPE_ENTRY_COUNT; i++)
        if ((types & (1u << i)) != 0 && profile->type[i].known_by != NULL)
            append_test(filter, "objectClass", profile->type[i].known_by);
    g_string_append(filter, ")(|");
    for (guint i = 0; i < values->len; i++)
        append_test(filter, attribute, g_ptr_array_index(values, i));
    g_string_append(filter, "))");
}

char *profile_filter_referrers(const Profile *profile, GPtrArray *addresses)
{
    GString *filter = g_string_new("(|");
    append_types_with(profile, filter, PROFILE_WITH_MEMBERS, profile->name[NAME_MEMBER], addresses);
    if (profile->type[TYPE_ALIAS].known_by != NULL || profile->type[TYPE_CATCHALL].known_by != NULL)
        append_types_with(profile, filter, PROFILE_POINTERS, profile->name[NAME_TARGET], addresses);
    return g_string_free(g_string_append_c(filter, ')'), FALSE);
}

char *profile_assertion(const Profile *profile, const char *uuid, const char *version,
                        const char *mark)
{
    GString *filter;
    if (uuid == NULL && version == NULL && mark == NULL)
        return NULL;
    filter = g_string_new("(&");
    if (uuid != NULL)
        append_test(filter, profile->name[NAME_UNIQUE_ID], uuid);
    if (version != NULL)
        append_test(filter, profile->name[NAME_VERSION], version);
    if (mark != NULL)
        append_test(filter, profile->name[NAME_MARK], mark);
    return g_string_free(g_string_append_c(filter, ')'), FALSE);
}

/* --- reading an entry --- */

static bool type_of(const Profile *profile, const GPtrArray *classes, ObjectType *type)
{
    guint found = 0;
    for (guint i = 0; i < TYPE_ENTRY_COUNT && classes != NULL; i++) {
        if (profile->type[i].known_by == NULL ||
            !entry_values_have(classes, profile->type[i].known_by, true))
            continue;
        *type = i;
        found++;
    }
    return found == 1;
}

bool profile_entry_type(const Profile *profile, const Entry *entry, ObjectType *type)
{
    return type_of(profile, entry_values(entry, "objectClass"), type);
}

bool profile_added_type(const Profile *profile, const Change *add, ObjectType *type)
{
    return type_of(profile, change_values(add, "objectClass"), type);
}

const char *profile_added_address(const Profile *profile, const Change *add)
{
    const GPtrArray *values = change_values(add, profile->name[NAME_ADDRESS]);
    return values == NULL || values->len == 0 ? NULL : g_ptr_array_index(values, 0);
}

bool profile_entry_enabled(const Profile *profile, const Entry *entry)
{
    const char *value = entry_value(entry, profile->name[NAME_ENABLED]);
    return value == NULL || g_ascii_strcasecmp(value, "TRUE") == 0;
}

bool profile_domain_enabled(const Profile *profile, const Entry *domain)
{
    return profile_entry_enabled(profile, domain);
}

GPtrArray *profile_entry_members(const Profile *profile, const Entry *entry)
{
    return entry_values(entry, profile->name[NAME_MEMBER]);
}

GPtrArray *profile_entry_targets(const Profile *profile, const Entry *entry)
{
    return entry_values(entry, profile->name[NAME_TARGET]);
}

bool profile_entry_has_member(const Profile *profile, const Entry *entry, const char *member)
{
    return entry_has(entry, profile->name[NAME_MEMBER], member, true);
}

bool profile_entry_refers(const Profile *profile, const Entry *entry, const char *address)
{
    ObjectType type;
    if (!profile_entry_type(profile, entry, &type))
        return false;
    if (PROFILE_POINTERS & (1u << type))
        return entry_has(entry, profile->name[NAME_TARGET], address, true);
    return (PROFILE_WITH_MEMBERS & (1u << type)) &&
           profile_entry_has_member(profile, entry, address);
}

const char *profile_entry_mark(const Profile *profile, const Entry *entry)
{
    return entry_value(entry, profile->name[NAME_MARK]);
}

const char *profile_entry_uuid(const Profile *profile, const Entry *entry)
{
    return entry_value(entry, profile->name[NAME_UNIQUE_ID]);
}

const char *profile_entry_version(const Profile *profile, const Entry *entry)
{
    return entry_value(entry, profile->name[NAME_VERSION]);
}

/* --- a person's names --- */

static const char *given_value(const Operation *operation, Field field)
{
    return operation->value[field - FIELD_VALUE_FIRST];
}

static const char *attribute_of(const Profile *profile, Field field)
{
    return profile->field[field - FIELD_VALUE_FIRST];
}

/* A value as the directory holds it. */
static const char *stored(Field field, const char *value)
{
    if (value == NULL || field_kind(field) != VALUE_SWITCH)
        return value;
    return g_str_equal(value, "yes") ? "TRUE" : "FALSE";
}

/* NULL where there is none. */
static const char *filled(const char *text)
{
    return text == NULL || *text == '\0' ? NULL : text;
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

static void add_addresses(Change *change, ModKind kind, const char *attribute,
                          const GPtrArray *addresses)
{
    for (guint i = 0; addresses != NULL && i < addresses->len; i++) {
        const Address *address = g_ptr_array_index(addresses, i);
        change_mod(change, kind, attribute, address->full);
    }
}

static void add_names(const Profile *profile, Change *change, const Operation *operation)
{
    const Address *address = operation->address;
    const char *user = *address->local != '\0' ? address->local : address->full;
    const char *given = filled(given_value(operation, FIELD_GIVENNAME));
    const char *surname = filled(given_value(operation, FIELD_SURNAME));
    g_autofree char *name = common_name(given, surname, user);
    change_mod(change, MOD_ADD, profile->name[NAME_COMMON_NAME], name);
    change_mod(change, MOD_ADD, attribute_of(profile, FIELD_SURNAME),
               surname != NULL ? surname : user);
}

static void add_values(const Profile *profile, Change *change, const Operation *operation)
{
    for (Field field = FIELD_VALUE_FIRST; field <= FIELD_VALUE_LAST; field++) {
        const char *value = filled(given_value(operation, field));
        if (value != NULL && field != FIELD_SURNAME && field != FIELD_ACTIVATED)
            change_mod(change, MOD_ADD, attribute_of(profile, field), stored(field, value));
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

static void add_object(const Profile *profile, Change *change, const Operation *operation,
                       const char *hash, const char *mailbox_id)
{
    change_mod(change, MOD_ADD, profile->name[NAME_ADDRESS], operation->address->full);
    add_names(profile, change, operation);
    add_values(profile, change, operation);
    if (hash != NULL)
        change_mod(change, MOD_ADD, profile->name[NAME_PASSWORD], hash);
    if (mailbox_id != NULL && (operation->type == TYPE_FULL || operation->type == TYPE_RESOURCE))
        change_mod(change, MOD_ADD, profile->name[NAME_MAILBOX_ID], mailbox_id);
    add_addresses(change, MOD_ADD, profile->name[NAME_TARGET], operation->targets.named);
    add_addresses(change, MOD_ADD, profile->name[NAME_MEMBER], operation->members);
}

Change *profile_add(const Profile *profile, const Operation *operation, const char *hash,
                    const char *mailbox_id, const char *mark)
{
    const ProfileType *type = &profile->type[operation->type];
    const bool domain = operation->type == TYPE_DOMAIN || operation->type == TYPE_DOMAINALIAS;
    const char *enabled = stored(FIELD_ACTIVATED, given_value(operation, FIELD_ACTIVATED));
    g_autofree char *dn = domain ? profile_domain_dn(profile, operation->address->domain)
                                 : profile_entry_dn(profile, operation->address);
    Change *change = change_new(CHANGE_ADD, dn);
    for (guint i = 0; type->classes[i] != NULL; i++)
        change_mod(change, MOD_ADD, "objectClass", type->classes[i]);
    if (domain) {
        add_domain(profile, change, operation);
        add_values(profile, change, operation);
    } else {
        add_object(profile, change, operation, hash, mailbox_id);
    }
    profile_member_name(profile, change, operation);
    if (operation->type != TYPE_DOMAINALIAS)
        change_mod(change, MOD_ADD, profile->name[NAME_ENABLED],
                   enabled != NULL ? enabled : "TRUE");
    change_mod(change, MOD_ADD, profile->name[NAME_MARK], mark);
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

static void replace_targets(const Profile *profile, Change *change, const AddressCell *targets,
                            const Entry *entry)
{
    const char *attribute = profile->name[NAME_TARGET];
    const GPtrArray *there = entry_values(entry, attribute);
    if (targets->named == NULL)
        return;
    g_autoptr(GPtrArray) after = edited(targets, there);
    bool same = (there != NULL ? there->len : 0) == after->len;
    for (guint i = 0; same && i < after->len; i++)
        same = entry_has(entry, attribute, g_ptr_array_index(after, i), true);
    if (same)
        return;
    for (guint i = 0; i < after->len; i++)
        change_mod(change, MOD_REPLACE, attribute, g_ptr_array_index(after, i));
    if (after->len == 0)
        change_mod(change, MOD_REPLACE, attribute, NULL);
}

Change *profile_modify(const Profile *profile, const Operation *operation, const char *hash,
                       const Entry *entry, const char *mark)
{
    g_autoptr(Change) change = change_new(CHANGE_MODIFY, entry->dn);
    if (operation->type == TYPE_FULL && hash != NULL)
        replace(change, entry, profile->name[NAME_PASSWORD], hash);
    replace_targets(profile, change, &operation->targets, entry);
    if (operation->owner != NULL && profile->name[NAME_OWNER] != NULL)
        replace(change, entry, profile->name[NAME_OWNER], operation->owner->full);
    replace_names(profile, change, operation, entry);
    for (Field field = FIELD_VALUE_FIRST; field <= FIELD_VALUE_LAST; field++) {
        const char *value = given_value(operation, field);
        if (value != NULL && !is_name(field))
            replace(change, entry, attribute_of(profile, field), stored(field, filled(value)));
    }
    if (change->mods->len == 0)
        return NULL;
    change_mod(change, MOD_REPLACE, profile->name[NAME_MARK], mark);
    return g_steal_pointer(&change);
}

Change *profile_enable(const Profile *profile, const Entry *entry, bool enabled, const char *mark)
{
    if (profile_entry_enabled(profile, entry) == enabled)
        return NULL;
    Change *change = change_new(CHANGE_MODIFY, entry->dn);
    change_mod(change, MOD_REPLACE, profile->name[NAME_ENABLED], enabled ? "TRUE" : "FALSE");
    change_mod(change, MOD_REPLACE, profile->name[NAME_MARK], mark);
    return change;
}

Change *profile_with_password(const Profile *profile, Change *change, const Entry *entry,
                              const Secret *password, const char *mark)
{
    if (change == NULL) {
        change = change_new(CHANGE_MODIFY, entry->dn);
        change_mod(change, MOD_REPLACE, profile->name[NAME_MARK], mark);
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

Change *profile_members(const Profile *profile, const Entry *list, GPtrArray *added,
                        GPtrArray *removed, const char *mark)
{
    const char *attribute = profile->name[NAME_MEMBER];
    Change *change = change_new(CHANGE_MODIFY, list->dn);
    for (guint i = 0; removed != NULL && i < removed->len; i++)
        change_mod(change, MOD_DELETE, attribute, g_ptr_array_index(removed, i));
    for (guint i = 0; removed != NULL && i < removed->len; i++)
        drop_member_names(profile, change, list, g_ptr_array_index(removed, i));
    for (guint i = 0; added != NULL && i < added->len; i++)
        change_mod(change, MOD_ADD, attribute, g_ptr_array_index(added, i));
    change_mod(change, MOD_REPLACE, profile->name[NAME_MARK], mark);
    return change;
}

void profile_member_name(const Profile *profile, Change *change, const Operation *operation)
{
    if (operation->member_name != NULL && profile->name[NAME_MEMBER_NAME] != NULL)
        profile_name_member(profile, change, operation);
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

/* --- complaints --- */

Field profile_field_of_attribute(const Profile *profile, const char *attribute)
{
    static const struct {
        ProfileName name;
        Field field;
    } others[] = {
        {NAME_COMMON_NAME, FIELD_GIVENNAME}, {NAME_ADDRESS, FIELD_USER},
        {NAME_PASSWORD, FIELD_PASSWORD},     {NAME_TARGET, FIELD_MAILFORWARD},
        {NAME_MEMBER, FIELD_LIST_MEMBER},    {NAME_MEMBER_NAME, FIELD_MEMBER_NAME},
        {NAME_BLOCKED, FIELD_FILTER},        {NAME_OWNER, FIELD_OWNER},
        {NAME_TARGET_DOMAIN, FIELD_TARGET},
    };
    if (attribute == NULL)
        return FIELD_COUNT;
    for (Field field = FIELD_VALUE_FIRST; field <= FIELD_VALUE_LAST; field++) {
        if (attribute_of(profile, field) != NULL &&
            g_ascii_strcasecmp(attribute, attribute_of(profile, field)) == 0)
            return field;
    }
    for (guint i = 0; i < G_N_ELEMENTS(others); i++) {
        if (profile->name[others[i].name] != NULL &&
            g_ascii_strcasecmp(attribute, profile->name[others[i].name]) == 0)
            return others[i].field;
    }
    return FIELD_COUNT;
}

Field profile_column_of_attribute(const Profile *profile, const char *attribute)
{
    gpointer known;
    if (g_hash_table_lookup_extended(profile->columns, attribute, NULL, &known))
        return (Field)GPOINTER_TO_INT(known);
    if (g_ascii_strcasecmp(attribute, profile->name[NAME_COMMON_NAME]) == 0 ||
        g_ascii_strcasecmp(attribute, profile->name[NAME_ADDRESS]) == 0)
        return FIELD_COUNT;
    return profile_field_of_attribute(profile, attribute);
}

const unsigned *profile_digits(const Profile *profile)
{
    return profile->digits;
}

/* --- who may not send mail to a domain --- */

Change *profile_block(const Profile *profile, const Entry *domain, const char *sender, bool add,
                      const char *mark)
{
    Change *change = change_new(CHANGE_MODIFY, domain->dn);
    change_mod(change, add ? MOD_ADD : MOD_DELETE, profile->name[NAME_BLOCKED], sender);
    change_mod(change, MOD_REPLACE, profile->name[NAME_MARK], mark);
    return change;
}

char *profile_filter_blocked(const Profile *profile, GPtrArray *senders)
{
    const char *works = attribute_of(profile, FIELD_ENABLE_SPAMFILTERS);
    GString *filter = g_string_new("(|(&");
    if (works != NULL)
        g_string_append_printf(filter, "(!(%s=FALSE))", works);
    g_string_append(filter, "(|");
    for (guint i = 0; profile->name[NAME_BLOCKED] != NULL && i < senders->len; i++)
        append_test(filter, profile->name[NAME_BLOCKED], g_ptr_array_index(senders, i));
    g_string_append(filter, "))");
    if (profile->name[NAME_TARGET_DOMAIN] != NULL)
        g_string_append_printf(filter, "(%s=*)", profile->name[NAME_TARGET_DOMAIN]);
    return g_string_free(g_string_append_c(filter, ')'), FALSE);
}

const char *const *profile_other_domain_attributes(const Profile *profile)
{
    return profile->other_domain;
}

const char *profile_other_domain(const Profile *profile, const Entry *entry)
{
    return profile_entry_target_domain(profile, entry);
}

/* --- what it has --- */

bool profile_has_type(const Profile *profile, ObjectType type)
{
    if (type == TYPE_AUTORESPONDER)
        return attribute_of(profile, FIELD_MESSAGE) != NULL;
    if (type == TYPE_SPAMFILTER)
        return profile->name[NAME_BLOCKED] != NULL;
    if (type == TYPE_DOMAINALIAS && profile->name[NAME_TARGET_DOMAIN] == NULL)
        return false;
    return profile->type[type].known_by != NULL;
}

Field profile_lacks(const Profile *profile, const Operation *operation)
{
    for (Field field = FIELD_WHITE_LAST + 1; field <= FIELD_VALUE_LAST; field++)
        if (given_value(operation, field) != NULL && attribute_of(profile, field) == NULL)
            return field;
    if (operation->member_name != NULL && profile->name[NAME_MEMBER_NAME] == NULL)
        return FIELD_MEMBER_NAME;
    if (operation->owner != NULL && profile->name[NAME_OWNER] == NULL)
        return FIELD_OWNER;
    return FIELD_COUNT;
}

const char *profile_entry_target_domain(const Profile *profile, const Entry *entry)
{
    return profile->name[NAME_TARGET_DOMAIN] != NULL
               ? entry_value(entry, profile->name[NAME_TARGET_DOMAIN])
               : NULL;
}

bool profile_entry_switch(const Profile *profile, const Entry *entry, Field field)
{
    const char *attribute = attribute_of(profile, field);
    const char *value = attribute != NULL ? entry_value(entry, attribute) : NULL;
    return value == NULL || g_ascii_strcasecmp(value, "TRUE") == 0;
}

const char *profile_entry_value(const Profile *profile, const Entry *entry, Field field)
{
    const char *attribute = attribute_of(profile, field);
    return attribute != NULL ? entry_value(entry, attribute) : NULL;
}
