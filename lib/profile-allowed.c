/* SPDX-License-Identifier: MIT */
#include "lib/profile-private.h"

#include <string.h>

/* The attributes that columns "@attribute" may name: the profile's own list decides, and of what
 * would undo the service's own work, hold a secret, or be no text, nothing can be on it. */

/* --- what can't be listed --- */

/* What the directory itself keeps, or makes an entry what it is. */
static const char *const kept[] = {
    "aci",
    "aliasedEntryName",
    "aliasedObjectName",
    "authTimestamp",
    "collectiveAttributeSubentries",
    "collectiveExclusions",
    "contextCSN",
    "createTimestamp",
    "creatorsName",
    "entry",
    "entryCSN",
    "entryDN",
    "entryTtl",
    "entryUUID",
    "governingStructureRule",
    "hasSubordinates",
    "memberOf",
    "modifiersName",
    "modifyTimestamp",
    "nsRole",
    "nsRoleDN",
    "nsUniqueId",
    "numSubordinates",
    "objectClass",
    "OpenLDAPaci",
    "pwdPolicySubentry",
    "ref",
    "structuralObjectClass",
    "subordinateCount",
    "subschemaSubentry",
};

/* Secrets that are not called so; see is_secret(). */
static const char *const secrets[] = {
    "dBCSPwd", "krb5Key", "krbExtraData", "krbPrincipalKey", "oathHOTPToken", "userPKCS12",
};

static const char *const binary[] = {
    "audio",
    "authorityRevocationList",
    "cACertificate",
    "certificateRevocationList",
    "crossCertificatePair",
    "deltaRevocationList",
    "jpegLogo",
    "jpegPhoto",
    "objectGUID",
    "objectSid",
    "personalSignature",
    "photo",
    "supportedAlgorithms",
    "thumbnailLogo",
    "thumbnailPhoto",
    "userCertificate",
    "userSMIMECertificate",
    "x500UniqueIdentifier",
};

static bool is_among(const char *const *names, gsize count, const char *name)
{
    for (gsize i = 0; i < count; i++)
        if (g_ascii_strcasecmp(names[i], name) == 0)
            return true;
    return false;
}

/* By its name: password, passwd, pwd…, secret. */
static bool is_secret(const char *name)
{
    g_autofree char *folded = g_ascii_strdown(name, -1);
    return is_among(secrets, G_N_ELEMENTS(secrets), name) || strstr(folded, "passw") != NULL ||
           strstr(folded, "pwd") != NULL || strstr(folded, "secret") != NULL;
}

static bool is_naming(const char *template, const char *name)
{
    const gsize length = strcspn(template, "=");
    return strlen(name) == length && g_ascii_strncasecmp(template, name, length) == 0;
}

/* Why the attribute can't be listed, or NULL. Caller owns the result. */
static char *fault_of(const Profile *profile, const char *name)
{
    if (!field_is_attribute(name))
        return g_strdup("an attribute's name has letters, digits and hyphens only, 64 at most");
    for (guint i = 0; i < FIELD_VALUE_COUNT; i++)
        if (profile->field[i] != NULL && g_ascii_strcasecmp(profile->field[i], name) == 0)
            return g_strdup_printf("it has a column of its own, %s",
                                   field_name(FIELD_VALUE_FIRST + i));
    for (guint i = 0; i < NAME_COUNT; i++)
        if (profile->name[i] != NULL && g_ascii_strcasecmp(profile->name[i], name) == 0)
            return g_strdup("batchload itself keeps it");
    if (g_ascii_strncasecmp(name, "batchload", strlen("batchload")) == 0 ||
        is_naming(profile->entry_dn, name) || is_naming(profile->domain_dn, name))
        return g_strdup("batchload itself keeps it");
    for (guint i = 0; i < TYPE_ENTRY_COUNT; i++)
        if ((profile->type[i].with != NULL &&
             g_ascii_strcasecmp(profile->type[i].with, name) == 0) ||
            (profile->type[i].dn != NULL && is_naming(profile->type[i].dn, name)))
            return g_strdup("batchload itself keeps it");
    if (is_among(kept, G_N_ELEMENTS(kept), name))
        return g_strdup("the directory itself keeps it");
    if (is_secret(name))
        return g_strdup("what it holds is a secret, and would be seen in files and responses");
    if (is_among(binary, G_N_ELEMENTS(binary), name))
        return g_strdup("its values are not text");
    return NULL;
}

/* --- taking the lists --- */

static bool refuse(const char *path, const char *type, const char *name, GHashTable *lines,
                   const char *why, GError **error)
{
    g_autofree char *folded = g_ascii_strdown(name, -1);
    g_autofree char *key = g_strconcat(type, " ", folded, NULL);
    g_set_error(error, PROFILE_ERROR, PROFILE_ERROR_SYNTAX, "%s:%d: attributes of %s: \"%s\": %s",
                path, GPOINTER_TO_INT(g_hash_table_lookup(lines, key)), type, name, why);
    return false;
}

static bool take_list(Profile *profile, cfg_t *section, ObjectType type, const char *option,
                      GHashTable *lines, const char *path, GError **error)
{
    const guint count = cfg_size(section, "attributes");
    g_auto(GStrv) names = g_new0(char *, count + 1);
    for (guint i = 0; i < count; i++) {
        const char *name = cfg_getnstr(section, "attributes", i);
        g_autofree char *fault = fault_of(profile, name);
        if (fault != NULL)
            return refuse(path, option, name, lines, fault, error);
        if (!type_takes(type, ACTION_ADD, FIELD_ATTRIBUTE))
            return refuse(path, option, name, lines, "this type has no such attributes", error);
        if (profile->type[type].known_by == NULL)
            return refuse(path, option, name, lines, "this type has no known_by", error);
        if (is_among((const char *const *)names, i, name))
            return refuse(path, option, name, lines, "it is listed twice", error);
        if (i == PROFILE_ALLOWED_MAX)
            return refuse(path, option, name, lines,
                          "a type has at most " G_STRINGIFY(PROFILE_ALLOWED_MAX) " of them", error);
        names[i] = g_strdup(name);
    }
    profile->type[type].attributes = g_steal_pointer(&names);
    return true;
}

bool profile_take_allowed(Profile *profile, cfg_t *cfg, const char *const *types, GHashTable *lines,
                          const char *path, GError **error)
{
    for (guint i = 0; i < TYPE_ENTRY_COUNT; i++)
        if (!take_list(profile, cfg_getsec(cfg, types[i]), i, types[i], lines, path, error))
            return false;
    return true;
}

static void list_one(Profile *profile, char *name)
{
    if (is_among((const char *const *)profile->allowed->pdata, profile->allowed->len, name))
        return;
    g_ptr_array_add(profile->allowed, name);
    g_ptr_array_add(profile->allowed_columns, g_strconcat("@", name, NULL));
}

void profile_list_allowed(Profile *profile)
{
    profile->allowed = g_ptr_array_new();
    profile->allowed_columns = g_ptr_array_new_with_free_func(g_free);
    for (guint i = 0; i < TYPE_ENTRY_COUNT; i++) {
        for (char **name = profile->type[i].attributes; name != NULL && *name != NULL; name++)
            list_one(profile, *name);
        profile->by_type[i] = (const char *const *)profile->type[i].attributes;
    }
    g_ptr_array_add(profile->allowed, NULL);
    g_ptr_array_add(profile->allowed_columns, NULL);
    profile->table.allowed = (const char *const *)profile->allowed->pdata;
    profile->table.regular = (const char *const *)profile->field;
}

/* --- asking --- */

GPtrArray *profile_entry_attributes(const Profile *profile, const Entry *entry, ObjectType type)
{
    const char *const *name = profile->by_type[type];
    g_autoptr(GPtrArray) cells = attribute_cells_new();
    for (; name != NULL && *name != NULL; name++) {
        const GPtrArray *there = entry_values(entry, *name);
        if (there == NULL)
            continue;
        GPtrArray *values = g_ptr_array_new_with_free_func(g_free);
        for (guint i = 0; i < there->len; i++)
            g_ptr_array_add(values, g_strdelimit(g_utf8_make_valid(g_ptr_array_index(there, i), -1),
                                                 "\r\n", ' '));
        attribute_cells_add(cells, *name, values);
    }
    return cells->len > 0 ? g_steal_pointer(&cells) : NULL;
}

const TableAttributes *profile_table_attributes(const Profile *profile)
{
    return &profile->table;
}

const char *const *profile_classes(const Profile *profile, ObjectType type)
{
    return (const char *const *)profile->type[type].classes;
}

const char *const *const *profile_allowed(const Profile *profile)
{
    return profile->by_type;
}

const char *profile_column_name(const Profile *profile, const char *attribute)
{
    const Field field = profile_column_of_attribute(profile, attribute);
    if (field != FIELD_ATTRIBUTE)
        return field != FIELD_COUNT ? field_name(field) : NULL;
    for (guint i = 0; profile->allowed->pdata[i] != NULL; i++)
        if (g_ascii_strcasecmp(profile->allowed->pdata[i], attribute) == 0)
            return profile->allowed_columns->pdata[i];
    return NULL;
}
