/* SPDX-License-Identifier: MIT */
#include "lib/directory-private.h"

#include <ldap_schema.h>
#include <string.h>

/* What the server says of attributes and classes: RFC 4512, section 4.2. */

#define SUBSCHEMA "cn=Subschema"
/* Most steps from one to what it is derived of; a server's schema has no circles, but who knows. */
#define SUPERIORS_MAX 20

struct DirectorySchema {
    GHashTable *attributes; /* name in lower case, owned → LDAPAttributeType in all_attributes */
    GHashTable *classes;    /* likewise → LDAPObjectClass */
    GPtrArray *all_attributes, *all_classes;
};

void directory_schema_free(DirectorySchema *schema)
{
    if (schema == NULL)
        return;
    g_hash_table_unref(schema->attributes);
    g_hash_table_unref(schema->classes);
    g_ptr_array_unref(schema->all_attributes);
    g_ptr_array_unref(schema->all_classes);
    g_free(schema);
}

/* Under each of its names, and its number. */
static void add(GHashTable *table, char **names, const char *oid, gpointer what)
{
    for (; names != NULL && *names != NULL; names++)
        g_hash_table_insert(table, g_ascii_strdown(*names, -1), what);
    if (oid != NULL)
        g_hash_table_insert(table, g_ascii_strdown(oid, -1), what);
}

static gpointer find(GHashTable *table, const char *name)
{
    g_autofree char *folded = g_ascii_strdown(name, -1);
    return g_hash_table_lookup(table, folded);
}

/* What can't be parsed is as if it were not there. */
static DirectorySchema *schema_of(const GPtrArray *attributes, const GPtrArray *classes)
{
    DirectorySchema *schema = g_new0(DirectorySchema, 1);
    schema->attributes = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    schema->classes = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    schema->all_attributes =
        g_ptr_array_new_with_free_func((GDestroyNotify)ldap_attributetype_free);
    schema->all_classes = g_ptr_array_new_with_free_func((GDestroyNotify)ldap_objectclass_free);
    for (guint i = 0; i < attributes->len; i++) {
        const char *why;
        int code;
        LDAPAttributeType *one =
            ldap_str2attributetype(attributes->pdata[i], &code, &why, LDAP_SCHEMA_ALLOW_ALL);
        if (one == NULL)
            continue;
        g_ptr_array_add(schema->all_attributes, one);
        add(schema->attributes, one->at_names, one->at_oid, one);
    }
    for (guint i = 0; classes != NULL && i < classes->len; i++) {
        const char *why;
        int code;
        LDAPObjectClass *one =
            ldap_str2objectclass(classes->pdata[i], &code, &why, LDAP_SCHEMA_ALLOW_ALL);
        if (one == NULL)
            continue;
        g_ptr_array_add(schema->all_classes, one);
        add(schema->classes, one->oc_names, one->oc_oid, one);
    }
    return schema;
}

Answer directory_schema_read(Directory *directory, DirectorySchema **schema, GError **error)
{
    static const char *const asked[] = {"attributeTypes", "objectClasses", NULL};
    g_autoptr(Entry) entry = NULL;
    const Answer answer = directory_read(directory, SUBSCHEMA, asked, &entry, error);
    const GPtrArray *attributes =
        answer == ANSWER_YES ? entry_values(entry, "attributetypes") : NULL;
    if (answer == ANSWER_UNKNOWN || attributes == NULL)
        return answer == ANSWER_UNKNOWN ? answer : ANSWER_NO;
    *schema = schema_of(attributes, entry_values(entry, "objectclasses"));
    return ANSWER_YES;
}

/* --- attributes --- */

/* Syntaxes of what is no text, behind 1.3.6.1.4.1.1466.115.121.1: audio, binary, certificates and
 * their lists and pairs, fax, JPEG, octets, supported algorithms. A password is of octets, too. */
static bool is_text(const char *syntax)
{
    static const char prefix[] = "1.3.6.1.4.1.1466.115.121.1.";
    static const char *const others[] = {"4", "5", "8", "9", "10", "23", "28", "40", "49", NULL};
    if (syntax == NULL || !g_str_has_prefix(syntax, prefix))
        return syntax == NULL || !g_str_has_prefix(syntax, "1.3.6.1.4.1.4203.1.1.2");
    return !g_strv_contains(others, syntax + strlen(prefix));
}

SchemaAttribute directory_schema_attribute(const DirectorySchema *schema, const char *name)
{
    const LDAPAttributeType *one = find(schema->attributes, name);
    if (one == NULL)
        return SCHEMA_UNKNOWN;
    if (one->at_no_user_mod || one->at_usage != LDAP_SCHEMA_USER_APPLICATIONS)
        return SCHEMA_KEPT;
    for (guint steps = 0; one->at_syntax_oid == NULL && one->at_sup_oid != NULL; steps++) {
        const LDAPAttributeType *superior = find(schema->attributes, one->at_sup_oid);
        if (superior == NULL || steps == SUPERIORS_MAX)
            break;
        one = superior;
    }
    return is_text(one->at_syntax_oid) ? SCHEMA_TEXT : SCHEMA_NOT_TEXT;
}

/* --- classes --- */

/* Whether one of the names, or numbers, is the attribute's. */
static bool names_attribute(const DirectorySchema *schema, char **names,
                            const LDAPAttributeType *attribute)
{
    for (; names != NULL && *names != NULL; names++)
        if (find(schema->attributes, *names) == attribute)
            return true;
    return false;
}

static bool class_allows(const DirectorySchema *schema, const char *name,
                         const LDAPAttributeType *attribute, guint steps)
{
    const LDAPObjectClass *class = find(schema->classes, name);
    if (class == NULL || steps == SUPERIORS_MAX)
        return false;
    if (names_attribute(schema, class->oc_at_oids_must, attribute) ||
        names_attribute(schema, class->oc_at_oids_may, attribute))
        return true;
    for (char **superior = class->oc_sup_oids; superior != NULL && *superior != NULL; superior++)
        if (class_allows(schema, *superior, attribute, steps + 1))
            return true;
    return false;
}

bool directory_schema_allows(const DirectorySchema *schema, const char *const *classes,
                             const char *name)
{
    const LDAPAttributeType *attribute = find(schema->attributes, name);
    for (; attribute != NULL && *classes != NULL; classes++)
        if (g_ascii_strcasecmp(*classes, "extensibleObject") == 0 ||
            class_allows(schema, *classes, attribute, 0))
            return true;
    return false;
}
