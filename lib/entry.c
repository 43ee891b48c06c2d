/* SPDX-License-Identifier: MIT */
#include "lib/entry.h"
#include "lib/secret.h"

#include <string.h>

/* --- values: any of them may be a password's hash, so all are wiped --- */

static GPtrArray *values_new(void)
{
    return g_ptr_array_new_with_free_func((GDestroyNotify)secret_free);
}

static bool values_find(const GPtrArray *values, const char *value, bool without_case, guint *index)
{
    for (guint i = 0; i < values->len; i++) {
        const char *other = g_ptr_array_index(values, i);
        if (without_case ? g_ascii_strcasecmp(other, value) == 0 : strcmp(other, value) == 0) {
            if (index != NULL)
                *index = i;
            return true;
        }
    }
    return false;
}

static GPtrArray *values_copy(const GPtrArray *values)
{
    GPtrArray *copy = values_new();
    for (guint i = 0; i < values->len; i++)
        g_ptr_array_add(copy, secret_dup(g_ptr_array_index(values, i)));
    return copy;
}

/* Whether two attributes' names are the same. Many begin alike, few have one length and end alike.
 */
static bool name_is(const char *name, gsize length, const char *other, gsize other_length)
{
    return length == other_length && length > 0 &&
           ((name[length - 1] ^ other[length - 1]) & ~0x20) == 0 &&
           g_ascii_strcasecmp(name, other) == 0;
}

/* --- entries --- */

static void attribute_clear(gpointer data)
{
    Attribute *attribute = data;
    if (!attribute->kept)
        g_free(attribute->name);
    g_ptr_array_unref(attribute->values);
}

Entry *entry_new(const char *dn)
{
    Entry *entry = g_new0(Entry, 1);
    entry->dn = g_strdup(dn);
    entry->attributes = g_array_sized_new(FALSE, FALSE, sizeof(Attribute), 16);
    g_array_set_clear_func(entry->attributes, attribute_clear);
    return entry;
}

/* What is kept with an entry and its copies: counted. */
typedef struct {
    gpointer memory;
    GDestroyNotify free;
} Kept;

static void kept_clear(gpointer data)
{
    const Kept *kept = data;
    kept->free(kept->memory);
}

Entry *entry_new_in(const char *dn, gpointer memory, GDestroyNotify free)
{
    Entry *entry = entry_new(dn);
    Kept *kept = g_atomic_rc_box_new(Kept);
    *kept = (Kept){memory, free};
    entry->memory = kept;
    return entry;
}

const Attribute *entry_attribute(const Entry *entry, guint index)
{
    return &g_array_index(entry->attributes, Attribute, index);
}

/* Both are taken over. */
static void entry_append(Entry *entry, char *name, GPtrArray *values, bool shared)
{
    const Attribute attribute = {name, strlen(name), values, shared, false};
    g_array_append_val(entry->attributes, attribute);
}

Entry *entry_copy(const Entry *entry)
{
    Entry *copy = entry_new(entry->dn);
    if (entry->memory != NULL)
        copy->memory = g_atomic_rc_box_acquire(entry->memory);
    for (guint i = 0; i < entry->attributes->len; i++) {
        Attribute *attribute = &g_array_index(entry->attributes, Attribute, i);
        attribute->shared = true;
        Attribute same = *attribute;
        same.name = same.kept ? same.name : g_strdup(same.name);
        g_ptr_array_ref(same.values);
        g_array_append_val(copy->attributes, same);
    }
    return copy;
}

void entry_free(Entry *entry)
{
    if (entry == NULL)
        return;
    g_free(entry->dn);
    g_array_unref(entry->attributes);
    if (entry->memory != NULL)
        g_atomic_rc_box_release_full(entry->memory, kept_clear);
    g_free(entry);
}

/* There are few, so that comparing is cheaper than hashing a folded copy. */
static bool entry_find(const Entry *entry, const char *attribute, guint *index)
{
    const gsize length = strlen(attribute);
    for (*index = 0; *index < entry->attributes->len; (*index)++) {
        const Attribute *found = entry_attribute(entry, *index);
        if (name_is(found->name, found->length, attribute, length))
            return true;
    }
    return false;
}

static void entry_remove(Entry *entry, const char *attribute)
{
    guint index;
    if (entry_find(entry, attribute, &index))
        g_array_remove_index(entry->attributes, index);
}

/* The attribute's values as ones that may be changed; NULL where it is absent. */
static GPtrArray *entry_own_values(Entry *entry, const char *attribute)
{
    guint index;
    if (!entry_find(entry, attribute, &index))
        return NULL;
    Attribute *found = &g_array_index(entry->attributes, Attribute, index);
    if (found->shared) {
        GPtrArray *own = values_copy(found->values);
        g_ptr_array_unref(found->values);
        found->values = own;
        found->shared = false;
    }
    return found->values;
}

void entry_add(Entry *entry, const char *attribute, const char *value)
{
    GPtrArray *values = entry_own_values(entry, attribute);
    if (values == NULL) {
        values = values_new();
        entry_append(entry, g_ascii_strdown(attribute, -1), values, false);
    }
    g_ptr_array_add(values, secret_dup(value));
}

void entry_add_here(Entry *entry, char *attribute, GPtrArray *values)
{
    guint index;
    if (entry_find(entry, attribute, &index)) { /* no server tells one twice */
        for (guint i = 0; i < values->len; i++)
            entry_add(entry, attribute, g_ptr_array_index(values, i));
        g_ptr_array_unref(values);
        return;
    }
    const Attribute here = {attribute, strlen(attribute), values, true, true};
    for (char *c = attribute; *c != '\0'; c++)
        *c = g_ascii_tolower(*c);
    g_array_append_val(entry->attributes, here);
}

GPtrArray *entry_values(const Entry *entry, const char *attribute)
{
    guint index;
    return entry_find(entry, attribute, &index) ? entry_attribute(entry, index)->values : NULL;
}

const char *entry_value(const Entry *entry, const char *attribute)
{
    const GPtrArray *values = entry_values(entry, attribute);
    return values == NULL || values->len == 0 ? NULL : g_ptr_array_index(values, 0);
}

bool entry_has(const Entry *entry, const char *attribute, const char *value, bool without_case)
{
    const GPtrArray *values = entry_values(entry, attribute);
    return values != NULL && values_find(values, value, without_case, NULL);
}

bool entry_values_have(const GPtrArray *values, const char *value, bool without_case)
{
    return values_find(values, value, without_case, NULL);
}

/* --- changes --- */

static Mod *mod_new(ModKind kind, const char *attribute)
{
    const gsize length = strlen(attribute);
    Mod *mod = g_malloc(sizeof *mod + length + 1);
    mod->kind = kind;
    mod->values = values_new();
    mod->attribute = memcpy(mod + 1, attribute, length + 1);
    mod->length = length;
    return mod;
}

static void mod_free(Mod *mod)
{
    g_ptr_array_unref(mod->values);
    g_free(mod);
}

Change *change_new(ChangeKind kind, const char *dn)
{
    Change *change = g_new0(Change, 1);
    change->kind = kind;
    change->dn = g_strdup(dn);
    change->mods = g_ptr_array_new_with_free_func((GDestroyNotify)mod_free);
    return change;
}

void change_free(Change *change)
{
    if (change == NULL)
        return;
    g_free(change->dn);
    g_ptr_array_unref(change->mods);
    g_free(change);
}

/* The last mod of an attribute: only that one may grow, or the order of mods would change. */
static Mod *change_last_mod(const Change *change, const char *attribute)
{
    const gsize length = strlen(attribute);
    for (guint i = change->mods->len; i > 0; i--) {
        Mod *mod = g_ptr_array_index(change->mods, i - 1);
        if (name_is(mod->attribute, mod->length, attribute, length))
            return mod;
    }
    return NULL;
}

void change_mod(Change *change, ModKind kind, const char *attribute, const char *value)
{
    Mod *mod = change_last_mod(change, attribute);
    if (mod == NULL || mod->kind != kind) {
        mod = mod_new(kind, attribute);
        g_ptr_array_add(change->mods, mod);
    }
    if (value != NULL)
        g_ptr_array_add(mod->values, secret_dup(value));
}

GPtrArray *change_values(const Change *change, const char *attribute)
{
    const Mod *mod = change_last_mod(change, attribute);
    return mod != NULL && mod->kind == MOD_ADD ? mod->values : NULL;
}

void change_fill(Change *change, const char *was, const char *now)
{
    for (guint i = 0; i < change->mods->len; i++) {
        const Mod *mod = g_ptr_array_index(change->mods, i);
        for (guint j = 0; j < mod->values->len; j++) {
            gpointer *value = &g_ptr_array_index(mod->values, j);
            if (strcmp(*value, was) != 0)
                continue;
            secret_free(*value);
            *value = secret_dup(now);
        }
    }
}

const Mod *change_password(const Change *change)
{
    for (guint i = 0; i < change->mods->len; i++) {
        const Mod *mod = g_ptr_array_index(change->mods, i);
        if (mod->kind == MOD_PASSWORD && mod->values->len > 0)
            return mod;
    }
    return NULL;
}

static Mod *mod_copy(const Mod *mod)
{
    Mod *copy = mod_new(mod->kind, mod->attribute);
    for (guint i = 0; i < mod->values->len; i++)
        g_ptr_array_add(copy->values, secret_dup(g_ptr_array_index(mod->values, i)));
    return copy;
}

Change *change_copy(const Change *change)
{
    Change *copy = change_new(change->kind, change->dn);
    for (guint i = 0; i < change->mods->len; i++)
        g_ptr_array_add(copy->mods, mod_copy(g_ptr_array_index(change->mods, i)));
    return copy;
}

Change *change_alone(const Change *change)
{
    Change *alone = change_new(change->kind, change->dn);
    for (guint i = 0; i < change->mods->len; i++) {
        const Mod *mod = g_ptr_array_index(change->mods, i);
        if (mod->kind != MOD_PASSWORD && mod->kind != MOD_WAS)
            g_ptr_array_add(alone->mods, mod_copy(mod));
    }
    return alone;
}

/* --- a change on its condition --- */

/* A server compares a password in ways of its own. */
static bool replaces(const Mod *mod)
{
    return (mod->kind == MOD_REPLACE || (mod->kind == MOD_DELETE && mod->values->len == 0)) &&
           g_ascii_strcasecmp(mod->attribute, "userPassword") != 0;
}

static bool gives_class(const Mod *mod)
{
    return mod->kind == MOD_ADD && mod->values->len == 1 &&
           g_ascii_strcasecmp(mod->attribute, "objectClass") == 0;
}

bool change_guards(const Mod *mod)
{
    return replaces(mod) || gives_class(mod);
}

static void guard_mod(Change *guarded, const Mod *mod, const Entry *entry)
{
    const GPtrArray *there = entry_values(entry, mod->attribute);
    if (there == NULL && mod->values->len == 0)
        g_ptr_array_add(guarded->mods, mod_copy(mod));
    for (guint i = 0; there != NULL && i < there->len; i++)
        change_mod(guarded, MOD_DELETE, mod->attribute, g_ptr_array_index(there, i));
    for (guint i = 0; i < mod->values->len; i++)
        change_mod(guarded, MOD_ADD, mod->attribute, g_ptr_array_index(mod->values, i));
}

Change *change_guarded(const Change *change, const Entry *entry, GPtrArray *plain)
{
    Change *guarded = change_new(change->kind, change->dn);
    for (guint i = 0; i < change->mods->len; i++) {
        const Mod *mod = g_ptr_array_index(change->mods, i);
        if (mod->kind > MOD_REPLACE)
            continue;
        const bool left_out = entry->left_out && entry_values(entry, mod->attribute) == NULL;
        const bool named = plain != NULL && values_find(plain, mod->attribute, true, NULL);
        if (replaces(mod) && !left_out && !named)
            guard_mod(guarded, mod, entry);
        else if (!gives_class(mod) ||
                 !entry_has(entry, mod->attribute, g_ptr_array_index(mod->values, 0), true))
            g_ptr_array_add(guarded->mods, mod_copy(mod));
    }
    return guarded;
}

/* --- two changes as one --- */

static bool is_own(const Mod *mod, const char *own)
{
    return mod->kind == MOD_REPLACE && g_ascii_strcasecmp(mod->attribute, own) == 0;
}

/* It is one request, whatever comes of it. */
static bool is_plain(const Change *change)
{
    for (guint i = 0; i < change->mods->len; i++)
        if (((const Mod *)g_ptr_array_index(change->mods, i))->kind > MOD_REPLACE)
            return false;
    return change->kind == CHANGE_MODIFY;
}

/* Whether the order of the change's mods and of this later one makes no difference. */
static bool mod_joins(const Change *change, const Mod *later)
{
    for (guint i = 0; i < change->mods->len; i++) {
        const Mod *mod = g_ptr_array_index(change->mods, i);
        if (g_ascii_strcasecmp(mod->attribute, later->attribute) == 0 &&
            (mod->kind != later->kind || mod->kind == MOD_REPLACE || mod->values->len == 0 ||
             later->values->len == 0))
            return false;
    }
    return true;
}

bool change_join(Change *change, const Change *later, const char *own)
{
    if (!is_plain(change) || !is_plain(later))
        return false;
    for (guint i = 0; i < later->mods->len; i++) {
        const Mod *mod = g_ptr_array_index(later->mods, i);
        if (!is_own(mod, own) && !mod_joins(change, mod))
            return false;
    }
    for (guint i = 0; i < later->mods->len; i++) {
        const Mod *mod = g_ptr_array_index(later->mods, i);
        Mod *last = change_last_mod(change, mod->attribute);
        if (last != NULL && is_own(mod, own))
            g_ptr_array_set_size(last->values, 0);
        if (last == NULL)
            change_mod(change, mod->kind, mod->attribute, NULL);
        for (guint j = 0; j < mod->values->len; j++)
            change_mod(change, mod->kind, mod->attribute, g_ptr_array_index(mod->values, j));
    }
    return true;
}

bool change_only_removes(const Change *change, const char *own)
{
    for (guint i = 0; i < change->mods->len; i++) {
        const Mod *mod = g_ptr_array_index(change->mods, i);
        if (!is_own(mod, own) && (mod->kind != MOD_DELETE || mod->values->len == 0))
            return false;
    }
    return change->kind == CHANGE_MODIFY;
}

gsize change_size(const Change *change)
{
    gsize size = 0;
    for (guint i = 0; i < change->mods->len; i++) {
        const Mod *mod = g_ptr_array_index(change->mods, i);
        size += strlen(mod->attribute);
        for (guint j = 0; j < mod->values->len; j++)
            size += strlen(g_ptr_array_index(mod->values, j));
    }
    return size;
}

Entry *change_before(const Change *change)
{
    Entry *before;
    if (change->kind == CHANGE_ADD)
        return NULL;
    before = entry_new(change->dn);
    for (guint i = 0; i < change->mods->len; i++) {
        const Mod *mod = g_ptr_array_index(change->mods, i);
        for (guint j = 0; mod->kind == MOD_WAS && j < mod->values->len; j++)
            entry_add(before, mod->attribute, g_ptr_array_index(mod->values, j));
    }
    return before;
}

/* --- what a change makes of an entry --- */

static void effect_remove(Entry *entry, const Mod *mod)
{
    GPtrArray *values = entry_own_values(entry, mod->attribute);
    if (values == NULL)
        return;
    for (guint i = 0; i < mod->values->len; i++) {
        guint at;
        if (values_find(values, g_ptr_array_index(mod->values, i), false, &at) ||
            values_find(values, g_ptr_array_index(mod->values, i), true, &at))
            g_ptr_array_remove_index(values, at);
    }
    if (mod->values->len == 0 || values->len == 0)
        entry_remove(entry, mod->attribute);
}

static void effect_of_mod(Entry *entry, const Mod *mod)
{
    if (mod->kind == MOD_PASSWORD || mod->kind == MOD_WAS)
        return;
    if (mod->kind == MOD_DELETE) {
        effect_remove(entry, mod);
        return;
    }
    if (mod->kind == MOD_REPLACE)
        entry_remove(entry, mod->attribute);
    if (mod->values->len > 0 && entry_values(entry, mod->attribute) == NULL) {
        entry_append(entry, g_ascii_strdown(mod->attribute, -1), g_ptr_array_ref(mod->values),
                     true);
        return;
    }
    for (guint i = 0; i < mod->values->len; i++) {
        const char *value = g_ptr_array_index(mod->values, i);
        if (!entry_has(entry, mod->attribute, value, false))
            entry_add(entry, mod->attribute, value);
    }
}

Entry *change_effect(const Change *change, Entry *entry)
{
    if (change->kind != CHANGE_MODIFY)
        g_clear_pointer(&entry, entry_free);
    if (change->kind == CHANGE_ADD)
        entry = entry_new(change->dn);
    for (guint i = 0; entry != NULL && i < change->mods->len; i++)
        effect_of_mod(entry, g_ptr_array_index(change->mods, i));
    return entry;
}

/* --- as one value --- */

static void mod_pack(const Mod *mod, Pack *pack)
{
    pack_open(pack, PACK_TUPLE, 1);
    pack_byte(pack, (guint8)mod->kind);
    pack_string(pack, mod->attribute);
    pack_open(pack, PACK_ARRAY, 1);
    for (guint i = 0; i < mod->values->len; i++)
        pack_string(pack, g_ptr_array_index(mod->values, i));
    pack_close(pack);
    pack_close(pack);
}

void change_pack(const Change *change, Pack *pack)
{
    pack_open(pack, PACK_TUPLE, 1);
    pack_byte(pack, (guint8)change->kind);
    pack_string(pack, change->dn);
    pack_open(pack, PACK_ARRAY, 1);
    for (guint i = 0; i < change->mods->len; i++)
        mod_pack(g_ptr_array_index(change->mods, i), pack);
    pack_close(pack);
    pack_close(pack);
}

GVariant *change_to_variant(const Change *change)
{
    Pack *pack = pack_new();
    change_pack(change, pack);
    return pack_end(pack, CHANGE_TYPE);
}

Change *change_from_variant(GVariant *value)
{
    g_autoptr(GVariantIter) mods = NULL;
    g_autoptr(Change) change = NULL;
    GVariantIter *values;
    guchar kind;
    const char *text;
    if (!g_variant_is_of_type(value, G_VARIANT_TYPE(CHANGE_TYPE)))
        return NULL;
    g_variant_get(value, "(y&sa(ysas))", &kind, &text, &mods);
    if (kind > CHANGE_DELETE)
        return NULL;
    change = change_new(kind, text);
    while (g_variant_iter_next(mods, "(y&sas)", &kind, &text, &values)) {
        g_autoptr(GVariantIter) owned = values;
        Mod *mod = mod_new(kind, text);
        const char *one;
        g_ptr_array_add(change->mods, mod);
        if (kind > MOD_WAS)
            return NULL;
        while (g_variant_iter_next(owned, "&s", &one))
            g_ptr_array_add(mod->values, secret_dup(one));
    }
    return g_steal_pointer(&change);
}
