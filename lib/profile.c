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

char *profile_fill(const Profile *profile, const char *text, const Filling *filling)
{
    const Address *address = filling->address;
    GString *out = g_string_sized_new(127); /* most names fit */
    for (const char *at = text; *at != '\0'; at++) {
        const gsize length = strcspn(at, "%");
        const char *value = NULL;
        if (length > 0) {
            g_string_append_len(out, at, (gssize)length);
            at += length - 1;
            continue;
        }
        switch (*++at) {
        case 'b':
            g_string_append(out, profile->base);
            continue;
        case 'd':
            value = filling->domain;
            break;
        case 'a':
            value = address != NULL ? address->full : NULL;
            break;
        case 'l':
            value = address != NULL ? address->local : NULL;
            break;
        case 'm':
            value = filling->mailbox_id;
            break;
        case 'n':
            value = filling->number;
            break;
        default:
            value = "%";
            break;
        }
        if (filling->dn)
            append_value(out, value != NULL ? value : "");
        else
            g_string_append(out, value != NULL ? value : "");
    }
    return g_string_free(out, FALSE);
}

char *profile_domain_dn(const Profile *profile, const char *domain)
{
    return profile_fill(profile, profile->domain_dn, &(Filling){.domain = domain, .dn = true});
}

char *profile_domains_dn(const Profile *profile)
{
    const char *rest = strchr(g_strrstr(profile->domain_dn, "%d"), ',');
    return profile_fill(profile, rest != NULL ? rest + 1 : "%b", &(Filling){.dn = true});
}

char *profile_type_dn(const Profile *profile, ObjectType type, const Address *address)
{
    const char *own = type < TYPE_ENTRY_COUNT ? profile->type[type].dn : NULL;
    return profile_fill(profile, own != NULL ? own : profile->entry_dn,
                        &(Filling){.domain = address->domain, .address = address, .dn = true});
}

char *profile_entry_dn(const Profile *profile, const Address *address)
{
    return profile_type_dn(profile, TYPE_FULL, address);
}

const char *profile_title(const Profile *profile)
{
    return profile->title;
}

bool profile_addresses_vary(const Profile *profile)
{
    return profile->many;
}

unsigned profile_depth(const Profile *profile)
{
    return profile->depth;
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
        if (profile->name[NAME_ALIAS] != NULL)
            append_test(filter, profile->name[NAME_ALIAS], address->full);
    }
    return g_string_free(g_string_append_c(filter, ')'), FALSE);
}

static void append_with(GString *filter, const ProfileType *type)
{
    if (g_str_equal(type->with_value, "*"))
        g_string_append_printf(filter, "(%s=*)", type->with);
    else
        append_test(filter, type->with, type->with_value);
}

/* Of those with the same class each one that has something besides is not the one without. */
void profile_append_type(const Profile *profile, GString *filter, ObjectType type)
{
    const ProfileType *own = &profile->type[type];
    const gsize start = filter->len;
    bool alone = true;
    append_test(filter, "objectClass", own->known_by);
    if (own->with != NULL)
        append_with(filter, own);
    alone = own->with == NULL;
    for (guint i = 0; i < TYPE_ENTRY_COUNT && own->with == NULL; i++) {
        const ProfileType *other = &profile->type[i];
        if (other->known_by == NULL || other->with == NULL ||
            g_ascii_strcasecmp(other->known_by, own->known_by) != 0)
            continue;
        g_string_append(filter, "(!");
        append_with(filter, other);
        g_string_append_c(filter, ')');
        alone = false;
    }
    if (!alone) {
        g_string_insert(filter, (gssize)start, "(&");
        g_string_append_c(filter, ')');
    }
}

char *profile_filter_type(const Profile *profile, ObjectType type)
{
    GString *filter = g_string_new(NULL);
    profile_append_type(profile, filter, type);
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
    /* What somebody has on a list, or sends mail on to, does not make the address another's. */
    if (profile->externals.known_by != NULL || profile->other_class != NULL)
        g_string_prepend(filter, "(&");
    if (profile->externals.known_by != NULL)
        g_string_append_printf(filter, "(!(objectClass=%s))", profile->externals.known_by);
    if (profile->other_class != NULL)
        g_string_append_printf(filter, "(|(objectClass=%s)(!(objectClass=%s)))",
                               profile->type[TYPE_FULL].known_by, profile->other_class);
    if (profile->externals.known_by != NULL || profile->other_class != NULL)
        g_string_append_c(filter, ')');
    return g_string_free(filter, FALSE);
}

char *profile_filter_local_part(const Profile *profile, const char *local)
{
    g_autofree char *escaped = directory_escape_filter(local);
    return g_strdup_printf("(%s=%s@*)", profile->name[NAME_ADDRESS], escaped);
}

/* Entries of any of the types that have one of the values. */
static void append_types_with(const Profile *profile, GString *filter, unsigned types,
                              const char *attribute, GPtrArray *values)
{
    g_string_append(filter, "(&(|");
    for (guint i = 0; i < TYPE_ENTRY_COUNT; i++)
        if ((types & (1u << i)) != 0 && profile->type[i].known_by != NULL && !profile->type[i].bare)
            profile_append_type(profile, filter, i);
    g_string_append(filter, ")(|");
    for (guint i = 0; attribute != NULL && i < values->len; i++)
        append_test(filter, attribute, g_ptr_array_index(values, i));
    g_string_append(filter, "))");
}

void profile_append_members(const Profile *profile, GString *filter, GPtrArray *values)
{
    const gsize start = filter->len;
    unsigned types = profile->on_member ? 0 : PROFILE_WITH_MEMBERS;
    for (guint i = 0; profile->on_member && i < TYPE_ENTRY_COUNT; i++)
        types |= profile->type[i].joins ? 1u << i : 0;
    append_types_with(profile, filter, types, profile->name[NAME_MEMBER], values);
    if (profile->externals.known_by == NULL)
        return;
    /* One of the classes is enough. */
    GString *class = g_string_new(NULL);
    append_test(class, "objectClass", profile->externals.known_by);
    g_string_insert(filter, (gssize)(start + strlen("(&(|")), class->str);
    g_string_free(class, TRUE);
}

static void append_pointers(const Profile *profile, GString *filter, GPtrArray *addresses)
{
    if (profile->type[TYPE_ALIAS].known_by != NULL || profile->type[TYPE_CATCHALL].known_by != NULL)
        append_types_with(profile, filter, PROFILE_POINTERS, profile->name[NAME_TARGET], addresses);
}

/* Those that lists have as members of other domains. */
static void append_externals(const Profile *profile, GString *filter, GPtrArray *addresses)
{
    if (profile->externals.known_by == NULL)
        return;
    g_string_append(filter, "(&");
    append_test(filter, "objectClass", profile->externals.known_by);
    g_string_append(filter, "(|");
    for (guint i = 0; i < addresses->len; i++)
        append_test(filter, profile->name[NAME_ADDRESS], g_ptr_array_index(addresses, i));
    g_string_append(filter, "))");
}

char *profile_filter_referrers(const Profile *profile, GPtrArray *addresses)
{
    GString *filter = g_string_new("(|");
    profile_append_members(profile, filter, addresses);
    append_pointers(profile, filter, addresses);
    append_externals(profile, filter, addresses);
    return g_string_free(g_string_append_c(filter, ')'), FALSE);
}

char *profile_filter_around(const Profile *profile, GPtrArray *addresses)
{
    GString *filter = g_string_new("(|");
    if (!profile->on_member)
        profile_append_members(profile, filter, addresses);
    append_pointers(profile, filter, addresses);
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

/* values tells those of an attribute of what is asked about. */
static bool type_of(const Profile *profile, gconstpointer what,
                    GPtrArray *(*values)(gconstpointer what, const char *attribute),
                    ObjectType *type)
{
    const GPtrArray *classes = values(what, "objectClass");
    guint found = 0, besides = 0;
    for (guint i = 0; i < TYPE_ENTRY_COUNT && classes != NULL; i++) {
        const ProfileType *one = &profile->type[i];
        if (one->known_by == NULL || !entry_values_have(classes, one->known_by, true))
            continue;
        const GPtrArray *more = one->with != NULL ? values(what, one->with) : NULL;
        const bool has = more != NULL && (g_str_equal(one->with_value, "*") ||
                                          entry_values_have(more, one->with_value, true));
        if ((one->with != NULL && !has) || (one->with == NULL && besides > 0))
            continue;
        found = has && besides == 0 ? 1 : found + 1;
        besides += has;
        *type = i;
    }
    return found == 1;
}

static GPtrArray *entry_has_values(gconstpointer entry, const char *attribute)
{
    return entry_values(entry, attribute);
}

static GPtrArray *change_has_values(gconstpointer change, const char *attribute)
{
    return change_values(change, attribute);
}

bool profile_entry_type(const Profile *profile, const Entry *entry, ObjectType *type)
{
    return type_of(profile, entry, entry_has_values, type);
}

bool profile_type_at(const Profile *profile, const Entry *entry, const char *address,
                     ObjectType *type)
{
    if (!profile_entry_type(profile, entry, type))
        return false;
    if (profile->name[NAME_ALIAS] == NULL ||
        entry_has(entry, profile->name[NAME_ADDRESS], address, true))
        return true;
    *type = TYPE_ALIAS;
    return entry_has(entry, profile->name[NAME_ALIAS], address, true);
}

/* A site's own forwards, say: an address of theirs is a further one, and what stands in the place
 * of the address is where they lead to. */
static bool has_others(const Profile *profile, const Entry *entry)
{
    ObjectType type;
    return profile->other_class != NULL &&
           entry_has(entry, "objectClass", profile->other_class, true) &&
           !profile_entry_type(profile, entry, &type);
}

GPtrArray *profile_entry_bears(const Profile *profile, const Entry *entry)
{
    GPtrArray *all = g_ptr_array_new();
    const GPtrArray *own =
        has_others(profile, entry) ? NULL : values_of(profile, entry, NAME_ADDRESS);
    const GPtrArray *further = values_of(profile, entry, NAME_ALIAS);
    for (guint i = 0; own != NULL && i < own->len; i++)
        g_ptr_array_add(all, g_ptr_array_index(own, i));
    for (guint i = 0; further != NULL && i < further->len; i++)
        g_ptr_array_add(all, g_ptr_array_index(further, i));
    return all;
}

GPtrArray *profile_entry_aliases(const Profile *profile, const Entry *entry)
{
    return values_of(profile, entry, NAME_ALIAS);
}

bool profile_aliases_inside(const Profile *profile)
{
    return profile->name[NAME_ALIAS] != NULL;
}

bool profile_added_type(const Profile *profile, const Change *add, ObjectType *type)
{
    return type_of(profile, add, change_has_values, type);
}

const char *profile_added_address(const Profile *profile, const Change *add)
{
    const GPtrArray *values = change_values(add, profile->name[NAME_ADDRESS]);
    return values == NULL || values->len == 0 ? NULL : g_ptr_array_index(values, 0);
}

bool profile_entry_enabled(const Profile *profile, const Entry *entry)
{
    const GPtrArray *values = values_of(profile, entry, NAME_ENABLED);
    if (profile->name[NAME_ENABLED] == NULL)
        return true;
    if (values == NULL || values->len == 0)
        return profile->enabled_absent;
    return g_ascii_strcasecmp(g_ptr_array_index(values, 0), profile->enabled_on) == 0;
}

const char *profile_disabled(const Profile *profile)
{
    return profile->enabled_off;
}

bool profile_domain_enabled(const Profile *profile, const Entry *domain)
{
    /* Where domains are no objects, what is there works. */
    return profile->type[TYPE_DOMAIN].known_by == NULL || profile_entry_enabled(profile, domain);
}

GPtrArray *profile_entry_targets(const Profile *profile, const Entry *entry)
{
    return values_of(profile, entry, NAME_TARGET);
}

bool profile_entry_refers(const Profile *profile, const Entry *entry, const char *address)
{
    ObjectType type;
    const GPtrArray *lists = profile_entry_lists(profile, entry);
    if (lists != NULL && entry_values_have(lists, address, true))
        return true;
    if (profile_entry_is_externals(profile, entry))
        return entry_has(entry, profile->name[NAME_ADDRESS], address, true);
    if (!profile_entry_type(profile, entry, &type))
        return false;
    if (PROFILE_POINTERS & (1u << type)) {
        const GPtrArray *targets = values_of(profile, entry, NAME_TARGET);
        return targets != NULL && entry_values_have(targets, address, true);
    }
    return !profile->on_member && (PROFILE_WITH_MEMBERS & (1u << type)) &&
           profile_entry_has_member(profile, entry, address);
}

const char *profile_entry_mailbox(const Profile *profile, const Entry *entry)
{
    const char *attribute = profile->name[NAME_MAILBOX_ID];
    return attribute ? entry_value(entry, attribute) : NULL;
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
        {NAME_TARGET_DOMAIN, FIELD_TARGET},  {NAME_ALIAS, FIELD_ALIAS},
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
    for (guint i = 0; profile->allowed->pdata[i] != NULL; i++)
        if (g_ascii_strcasecmp(attribute, profile->allowed->pdata[i]) == 0)
            return FIELD_ATTRIBUTE;
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
