/* SPDX-License-Identifier: MIT */
#ifndef BATCHLOAD_ENTRY_H
#define BATCHLOAD_ENTRY_H

#include "lib/pack.h"
#include <stdbool.h>

/* Directory entries and changes as values, without LDAP. Attribute names are compared without
 * case (RFC 4512, 2.5); values are strings of bytes held as NUL-terminated char * (values with a
 * NUL are never written and make the read entry's attribute be left out). */

typedef struct {
    char *name;        /* lower case */
    gsize length;      /* of the name */
    GPtrArray *values; /* of char *, freed by wiping unless they lie in memory that is kept */
    bool shared;       /* with another entry, or a change, or they lie in memory that is kept */
    bool kept;         /* the name lies there */
} Attribute;

typedef struct {
    char *dn;
    GArray *attributes; /* of Attribute, in the order in which they came */
    bool left_out;      /* of what was read an attribute was left out, for a NUL */
    gpointer memory;    /* that is kept with the entry and its copies, or NULL */
} Entry;

Entry *entry_new(const char *dn);
/* Names and values may lie in memory, which is given to free with the last copy of the entry. */
Entry *entry_new_in(const char *dn, gpointer memory, GDestroyNotify free);
/* Both share their values until one of them is changed; so neither is changed or copied by another
 * thread meanwhile. */
Entry *entry_copy(const Entry *entry);
void entry_free(Entry *entry);
void entry_add(Entry *entry, const char *attribute, const char *value);
/* All values of an attribute. They lie in the entry's memory, as does the name, which is brought to
 * lower case there; the array, which frees none of them, is taken over. */
void entry_add_here(Entry *entry, char *attribute, GPtrArray *values);
/* The values, or NULL where the attribute is absent; owned by the entry. */
GPtrArray *entry_values(const Entry *entry, const char *attribute);
/* The first value or NULL; owned by the entry. */
const char *entry_value(const Entry *entry, const char *attribute);
/* One of its attributes; owned by the entry. */
const Attribute *entry_attribute(const Entry *entry, guint index);
/* Whether the attribute has this value; without_case folds ASCII. */
bool entry_has(const Entry *entry, const char *attribute, const char *value, bool without_case);
/* The same of values that were had before. */
bool entry_values_have(const GPtrArray *values, const char *value, bool without_case);

typedef enum { CHANGE_ADD, CHANGE_MODIFY, CHANGE_DELETE } ChangeKind;
typedef enum {
    MOD_ADD,
    MOD_DELETE,
    MOD_REPLACE,
    /* Not in the same request as the others: */
    MOD_PASSWORD, /* one value, a password in clear, which the directory hashes (Password Modify)
                     once the rest is done */
    MOD_WAS,      /* the values before (none: absent), to take the rest back with should the
                     password be refused */
} ModKind;

typedef struct {
    ModKind kind;      /* of a CHANGE_ADD MOD_ADD, and at most one MOD_PASSWORD */
    GPtrArray *values; /* of char *; empty with MOD_DELETE or MOD_REPLACE: the whole attribute */
    char *attribute;   /* in one piece of memory with the mod */
    gsize length;      /* of its name */
} Mod;

typedef struct {
    ChangeKind kind;
    char *dn;
    GPtrArray *mods; /* of Mod; empty for CHANGE_DELETE */
} Change;

Change *change_new(ChangeKind kind, const char *dn);
Change *change_copy(const Change *change);
void change_free(Change *change);
/* Appends a mod with one value (NULL: none); a following call with the same kind and attribute
 * adds its value to that mod. */
void change_mod(Change *change, ModKind kind, const char *attribute, const char *value);

/* The values that a CHANGE_ADD gives an attribute, or NULL; owned by the change. */
GPtrArray *change_values(const Change *change, const char *attribute);

/* Puts now in the place of every value that is equal to was. */
void change_fill(Change *change, const char *was, const char *now);

/* The mod that has a password in clear, or NULL; owned by the change. */
const Mod *change_password(const Change *change);
/* What of it is one request: without its password, and the values before. Caller owns the result.
 */
Change *change_alone(const Change *change);
/* A CHANGE_MODIFY as one request that fails where what it replaces is not as in entry any more: the
 * values there are taken off by name, and the new ones given. (A further value that somebody adds
 * meanwhile to an attribute of several stays unseen.) A class that entry has is not given again.
 * Replaced as before are passwords, what entry leaves out, and the attributes of plain (of char *;
 * may be NULL). Caller owns the result. */
Change *change_guarded(const Change *change, const Entry *entry, GPtrArray *plain);
/* Whether that looks at what entry has of the mod's attribute. */
bool change_guards(const Mod *mod);
/* Adds to a CHANGE_MODIFY what another one does after it, of the same entry. own: the attribute
 * that each change replaces, so that the last one's value counts. false, and nothing is added,
 * where both as one request could end otherwise than one after the other: not every other attribute
 * is touched by one of them alone, or given values by both, or has values taken off by both. */
bool change_join(Change *change, const Change *later, const char *own);
/* Whether a change does nothing but take off values, and replace own. */
bool change_only_removes(const Change *change, const char *own);
/* How many bytes its attributes' names and values have. */
gsize change_size(const Change *change);
/* What stood there, as far as MOD_WAS tells: an entry with these attributes alone, or NULL for a
 * CHANGE_ADD. Caller owns the result. */
Entry *change_before(const Change *change);

/* What the change makes of an entry (NULL: absent), which is taken over: NULL when it would be
 * absent. Used as the overlay of a slice's earlier rows; MOD_PASSWORD is not seen there. It may
 * share values with the change, which is not added to any more. Caller owns the result. */
Entry *change_effect(const Change *change, Entry *entry);

/* As one value, for the sealed intent record. Floating; _from_variant NULL on other shapes.
 * change_pack() appends it. */
#define CHANGE_TYPE "(ysa(ysas))"
void change_pack(const Change *change, Pack *pack);
GVariant *change_to_variant(const Change *change);
Change *change_from_variant(GVariant *value);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(Entry, entry_free)
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Change, change_free)

#endif
