/* SPDX-License-Identifier: MIT */
#ifndef BATCHLOAD_ENTRY_H
#define BATCHLOAD_ENTRY_H

#include <glib.h>
#include <stdbool.h>

/* Directory entries and changes as values, without LDAP. Attribute names are compared without
 * case (RFC 4512, 2.5); values are strings of bytes held as NUL-terminated char * (values with a
 * NUL are never written and make the read entry's attribute be left out). */

typedef struct {
    char *dn;
    GHashTable *attributes; /* lower-case name → GPtrArray of char *, freed by wiping */
} Entry;

Entry *entry_new(const char *dn);
Entry *entry_copy(const Entry *entry);
void entry_free(Entry *entry);
void entry_add(Entry *entry, const char *attribute, const char *value);
/* The values, or NULL where the attribute is absent; owned by the entry. */
GPtrArray *entry_values(const Entry *entry, const char *attribute);
/* The first value or NULL; owned by the entry. */
const char *entry_value(const Entry *entry, const char *attribute);
/* Whether the attribute has this value; without_case folds ASCII. */
bool entry_has(const Entry *entry, const char *attribute, const char *value, bool without_case);

typedef enum { CHANGE_ADD, CHANGE_MODIFY, CHANGE_DELETE } ChangeKind;
typedef enum { MOD_ADD, MOD_DELETE, MOD_REPLACE } ModKind;

typedef struct {
    ModKind kind; /* of a CHANGE_ADD always MOD_ADD */
    char *attribute;
    GPtrArray *values; /* of char *; empty with MOD_DELETE or MOD_REPLACE: the whole attribute */
} Mod;

typedef struct {
    ChangeKind kind;
    char *dn;
    GPtrArray *mods; /* of Mod; empty for CHANGE_DELETE */
} Change;

Change *change_new(ChangeKind kind, const char *dn);
void change_free(Change *change);
/* Appends a mod with one value (NULL: none); a following call with the same kind and attribute
 * adds its value to that mod. */
void change_mod(Change *change, ModKind kind, const char *attribute, const char *value);

/* What the change would make of an entry (NULL: absent): a new entry, or NULL when it would be
 * absent. Used as the overlay of a slice's earlier rows. Caller owns the result. */
Entry *change_effect(const Change *change, const Entry *before);

/* As one value, for the sealed intent record. Floating; _from_variant NULL on other shapes. */
#define CHANGE_TYPE "(ysa(ysas))"
GVariant *change_to_variant(const Change *change);
Change *change_from_variant(GVariant *value);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(Entry, entry_free)
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Change, change_free)

#endif
