/* SPDX-License-Identifier: MIT */
#include "lib/plan-fetch.h"

#include <string.h>

/* Bytes of a value that count as one. */
#define VALUE_BYTES 64

/* --- DNs --- */

static bool hex_pair(const char *text, guchar *byte)
{
    if (!g_ascii_isxdigit(text[0]) || !g_ascii_isxdigit(text[1]))
        return false;
    *byte = (guchar)(g_ascii_xdigit_value(text[0]) * 16 + g_ascii_xdigit_value(text[1]));
    return true;
}

/* One spelling of a DN for comparison: lower case, no blanks around separators, and one escape
 * (\xx) for every byte of a value that has more than one spelling in RFC 4514. */
char *view_key(const char *dn)
{
    static const char digits[] = "0123456789abcdef";
    char *key = g_malloc(3 * strlen(dn) + 1), *end = key;
    bool value = false;
    for (const char *at = dn; *at; at++) {
        guchar byte = (guchar)*at;
        if (byte == '\\' && at[1]) {
            bool hex = hex_pair(at + 1, &byte);
            if (!hex)
                byte = (guchar)at[1];
            at += hex ? 2 : 1;
        } else if (byte == ',' || byte == '+' || (byte == '=' && !value)) {
            while (end > key && end[-1] == ' ')
                end--;
            value = byte == '=';
            *end++ = *at;
            while (at[1] == ' ')
                at++;
            continue;
        }
        if (g_ascii_isalnum(byte) || byte == '@' || byte == '.' || byte == '-' || byte == '_' ||
            byte == ' ') {
            *end++ = g_ascii_tolower((char)byte);
        } else {
            *end++ = '\\';
            *end++ = digits[byte >> 4];
            *end++ = digits[byte & 15];
        }
    }
    *end = '\0';
    return key;
}

static Place *place_add(View *view, char *key)
{
    Place *place = g_new0(Place, 1);
    place->key = key;
    g_hash_table_insert(view->places, key, place);
    return place;
}

Place *view_place_at(View *view, const char *key)
{
    Place *place = g_hash_table_lookup(view->places, key);
    return place ? place : place_add(view, g_strdup(key));
}

Place *view_place_known(const View *view, const char *address)
{
    return g_hash_table_lookup(view->addresses, address);
}

Place *view_place(View *view, const Address *address)
{
    Place *place = view_place_known(view, address->full);
    if (place)
        return place;
    char *dn = profile_entry_dn(view->context->profile, address);
    g_autofree char *key = view_key(dn);
    place = g_hash_table_lookup(view->places, key);
    if (!place)
        place = place_add(view, g_steal_pointer(&key));
    char *text = g_strdup(address->full);
    g_hash_table_insert(view->addresses, text, place);
    place->address = text;
    g_free(place->dn);
    place->dn = dn;
    return place;
}

/* --- which address stands where --- */

/* Whether the entry stands where the profile puts such a one. */
static bool is_at_home(const View *view, const Place *place, const Entry *entry)
{
    const Profile *profile = view->context->profile;
    g_autoptr(Address) own = profile_entry_address(profile, entry);
    ObjectType type;
    if (!own || !profile_entry_type(profile, entry, &type))
        return false;
    g_autofree char *dn = profile_type_dn(profile, type, own);
    g_autofree char *key = view_key(dn);
    return g_str_equal(key, place->key);
}

/* Whether what is seen there has the address as its own: a further one of another's is less. */
static bool is_own_of(const View *view, const Place *place, const char *address)
{
    ObjectType type;
    return place->seen && place->seen->entry &&
           profile_type_at(view->context->profile, place->seen->entry, address, &type) &&
           type != TYPE_ALIAS;
}

static void bind_one(View *view, const char *text, Place *place)
{
    g_autoptr(Address) address = profile_address(text);
    gpointer name = NULL;
    if (!address)
        return;
    if (!g_hash_table_lookup_extended(view->addresses, address->full, &name, NULL)) {
        name = g_strdup(address->full);
        g_hash_table_insert(view->addresses, name, place);
    }
    Place *before = g_hash_table_lookup(view->addresses, name);
    if (before != place && !is_own_of(view, before, address->full)) {
        g_hash_table_steal(view->addresses, name); /* a place may borrow it: it stays the same */
        g_hash_table_insert(view->addresses, name, place);
    }
    if (!place->address)
        place->address = name;
}

void view_bind(View *view, Place *place)
{
    const Seen *seen = place->seen;
    if (!profile_addresses_vary(view->context->profile) || !seen || !seen->entry ||
        !is_at_home(view, place, seen->entry))
        return;
    g_autoptr(GPtrArray) borne = profile_entry_bears(view->context->profile, seen->entry);
    for (guint i = 0; i < borne->len; i++)
        bind_one(view, borne->pdata[i], place);
    if (!place->dn)
        place->dn = g_strdup(seen->entry->dn);
}

/* The addresses that lead to a place, where they may be several; of char *, owned by the array. */
static GPtrArray *bound_to(const View *view, const Place *place)
{
    GPtrArray *names = g_ptr_array_new_with_free_func(g_free);
    if (!profile_addresses_vary(view->context->profile) || !place->seen || !place->seen->entry)
        return names;
    g_autoptr(GPtrArray) borne = profile_entry_bears(view->context->profile, place->seen->entry);
    for (guint i = 0; i < borne->len; i++) {
        g_autoptr(Address) address = profile_address(borne->pdata[i]);
        if (address && view_place_known(view, address->full) == place)
            g_ptr_array_add(names, g_strdup(address->full));
    }
    return names;
}

static void view_put(View *view, Place *place, Seen *seen);

/* The address leads nowhere any more: where a row of this plan took it off what is seen at place,
 * that is known; else it is looked for again. */
static void unbind_one(View *view, const char *text, const Place *place)
{
    g_autoptr(Address) address = profile_address(text);
    gpointer name = NULL;
    if (!address || !g_hash_table_steal_extended(view->addresses, text, &name, NULL))
        return;
    g_autofree char *dn = profile_entry_dn(view->context->profile, address);
    g_autofree char *key = view_key(dn);
    Place *free = view_place_at(view, key);
    g_hash_table_insert(view->addresses, name, free);
    if (!free->address)
        free->address = name;
    if (!free->dn)
        free->dn = g_steal_pointer(&dn);
    if (free == place || !place->seen || !place->seen->line || (free->seen && free->seen->entry))
        return;
    Seen *none = g_new0(Seen, 1);
    none->line = place->seen->line;
    none->kept = true;
    view_put(view, free, none);
}

static void unbind_gone(View *view, const GPtrArray *names, const Place *place)
{
    const Profile *profile = view->context->profile;
    for (guint i = 0; i < names->len; i++) {
        ObjectType type;
        if (place->seen->entry &&
            !profile_type_at(profile, place->seen->entry, names->pdata[i], &type))
            unbind_one(view, names->pdata[i], place);
    }
}

const char *view_container(View *view, const char *domain)
{
    const char *known = g_hash_table_lookup(view->containers, domain);
    if (known)
        return known;
    g_autofree char *dn = profile_domain_dn(view->context->profile, domain);
    char *key = view_key(dn);
    g_hash_table_insert(view->containers, g_strdup(domain), key);
    return key;
}

/* --- the table --- */

static void seen_free(Seen *seen)
{
    if (!seen)
        return;
    entry_free(seen->entry);
    g_free(seen->uuid);
    g_free(seen->version);
    g_free(seen->mark);
    g_free(seen);
}

static void place_free(gpointer data)
{
    Place *place = data;
    seen_free(place->seen);
    g_free(place->key);
    g_free(place->dn);
    g_free(place);
}

View *view_new(const PlanContext *context)
{
    View *view = g_new0(View, 1);
    view->context = context;
    view->at_once = G_MAXUINT;
    view->places = g_hash_table_new_full(g_str_hash, g_str_equal, NULL, place_free);
    view->addresses = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    view->lists = g_hash_table_new(NULL, NULL);
    view->containers = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
    view->lists_known = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    return view;
}

void view_free(View *view)
{
    if (!view)
        return;
    g_hash_table_unref(view->lists);
    g_hash_table_unref(view->addresses);
    g_hash_table_unref(view->places);
    g_hash_table_unref(view->containers);
    g_hash_table_unref(view->lists_known);
    g_free(view);
}

static gsize entry_weight(const Entry *entry)
{
    gsize weight = 1;
    for (guint i = 0; entry && i < entry->attributes->len; i++) {
        const GPtrArray *values = entry_attribute(entry, i)->values;
        for (guint j = 0; j < values->len; j++)
            weight += 1 + strlen(values->pdata[j]) / VALUE_BYTES;
    }
    return weight;
}

void view_weigh(View *view, Seen *seen)
{
    view->values -= seen->weight;
    seen->weight = seen->kept ? 0 : entry_weight(seen->entry);
    view->values += seen->weight;
}

static bool is_referrer(const View *view, const Entry *entry)
{
    ObjectType type;
    return entry && ((profile_entry_type(view->context->profile, entry, &type) &&
                      ((PROFILE_WITH_MEMBERS | PROFILE_POINTERS) & (1u << type))) ||
                     profile_entry_lists(view->context->profile, entry));
}

/* What is seen at a place from now on. Takes seen over. */
static void view_put(View *view, Place *place, Seen *seen)
{
    g_autoptr(GPtrArray) names = bound_to(view, place);
    seen->weight = seen->kept ? 0 : entry_weight(seen->entry);
    view->values = view->values - (place->seen ? place->seen->weight : 0) + seen->weight;
    seen_free(place->seen);
    place->seen = seen;
    if (!seen->part && is_referrer(view, seen->entry))
        g_hash_table_add(view->lists, place);
    else
        g_hash_table_remove(view->lists, place);
    view_bind(view, place);
    unbind_gone(view, names, place);
}

static Seen *seen_read(const View *view, Entry *entry, bool kept)
{
    Seen *seen = g_new0(Seen, 1);
    seen->entry = entry;
    seen->kept = kept;
    if (entry) {
        seen->uuid = g_strdup(profile_entry_uuid(view->context->profile, entry));
        seen->version = g_strdup(profile_entry_version(view->context->profile, entry));
    }
    return seen;
}

void view_put_read(View *view, Place *place, Entry *entry, bool part)
{
    const Profile *profile = view->context->profile;
    const Seen *before = place->seen;
    Seen *seen = seen_read(view, entry, false);
    seen->part = part;
    if (before && before->told && before->entry && entry) {
        GPtrArray *members = profile_entry_members(profile, before->entry);
        if (members)
            profile_note_members(profile, entry, members);
        seen->told = true;
    }
    view_put(view, place, seen);
}

/* What an earlier slice made of a place. */
static Answer view_put_effect(View *view, Place *place, GVariant *effect, GError **error)
{
    Seen *seen = seen_from_variant(effect);
    if (seen) {
        view_put(view, place, seen);
        return ANSWER_YES;
    }
    g_set_error_literal(error, DIRECTORY_ERROR, DIRECTORY_ERROR_SETTINGS,
                        "what was kept of the rows before has a wrong shape");
    return ANSWER_UNKNOWN;
}

gsize view_values(const View *view)
{
    return view->values;
}

void view_forget(View *view)
{
    GHashTableIter iter;
    gpointer value;
    g_hash_table_iter_init(&iter, view->places);
    while (g_hash_table_iter_next(&iter, NULL, &value)) {
        Place *place = value;
        place->address = NULL;
        if (place->seen && place->seen->kept) {
            view_untell(view, place->seen);
            continue;
        }
        g_hash_table_remove(view->lists, place);
        g_hash_table_iter_remove(&iter);
    }
    g_hash_table_remove_all(view->lists_known);
    g_hash_table_remove_all(view->addresses);
    view->own = NULL;
    view->values = 0;
    /* What rows have made is found by its addresses again. */
    g_hash_table_iter_init(&iter, view->places);
    while (g_hash_table_iter_next(&iter, NULL, &value))
        view_bind(view, value);
}

void view_go_on(View *view, unsigned done, unsigned first)
{
    GHashTableIter iter;
    gpointer value;
    g_hash_table_iter_init(&iter, view->places);
    while (g_hash_table_iter_next(&iter, NULL, &value)) {
        Seen *seen = ((Place *)value)->seen;
        if (seen)
            seen->kept = seen->kept && seen->line >= done;
    }
    view_forget(view);
    view->first = first;
}

/* --- what earlier slices made --- */

Answer view_recall(View *view, Place *place, GError **error)
{
    const PlanOverlay *overlay = view->context->overlay;
    if (!overlay)
        return ANSWER_NO;
    g_autoptr(GVariant) effect = NULL;
    Answer answer = overlay->find(overlay->data, place->key, &effect, error);
    return answer == ANSWER_YES ? view_put_effect(view, place, effect, error) : answer;
}

/* What an earlier slice made of what bears the address: by each DN that it could have, and, since
 * it may be a further one of another's, by the index of members. */
Answer view_recall_address(View *view, const Address *address, Place *place, GError **error)
{
    const Profile *profile = view->context->profile;
    Answer answer = view_recall(view, place, error);
    if (!view->context->overlay || !profile_addresses_vary(profile) || answer == ANSWER_UNKNOWN)
        return answer;
    for (ObjectType type = 0; type < TYPE_ENTRY_COUNT; type++) {
        g_autofree char *dn = profile_type_dn(profile, type, address);
        g_autofree char *key = view_key(dn);
        Place *other = view_place_at(view, key);
        if (!other->seen && view_recall(view, other, error) == ANSWER_UNKNOWN)
            return ANSWER_UNKNOWN;
    }
    if (profile_aliases_inside(profile) && view_recall_lists(view, address, error) != ANSWER_YES)
        return ANSWER_UNKNOWN;
    return place->seen ? ANSWER_YES : answer;
}

Answer view_recall_lists(View *view, const Address *address, GError **error)
{
    const PlanOverlay *overlay = view->context->overlay;
    if (!overlay)
        return ANSWER_YES;
    g_autoptr(GPtrArray) effects = overlay->with_member(overlay->data, address->full, error);
    if (!effects)
        return ANSWER_UNKNOWN;
    for (guint i = 0; i < effects->len; i++) {
        const char *dn = "";
        g_variant_get_child(effects->pdata[i], 1, "&s", &dn);
        g_autofree char *key = view_key(dn);
        Place *place = view_place_at(view, key);
        /* One that was deleted since has no DN, and is met by its name only. */
        if (*dn && !place->seen &&
            view_put_effect(view, place, effects->pdata[i], error) != ANSWER_YES)
            return ANSWER_UNKNOWN;
    }
    return ANSWER_YES;
}

/* --- one of a kind --- */

Answer view_address(View *view, const Address *address, bool whole, Place **place, GError **error)
{
    *place = view_place(view, address);
    if (whole)
        view->own = *place;
    if ((*place)->seen && !(whole && (*place)->seen->part) && view_is_told(view, *place))
        return ANSWER_YES;
    g_autoptr(GPtrArray) one = g_ptr_array_new();
    g_ptr_array_add(one, (gpointer)address);
    return view_fetch(view, one, whole, G_MAXSIZE, error) == ANSWER_YES ? ANSWER_YES
                                                                        : ANSWER_UNKNOWN;
}

/* The place of a DN, which is a row's own as a rule. */
static Place *place_of(View *view, const char *dn)
{
    if (view->own && g_str_equal(dn, view->own->dn))
        return view->own;
    g_autofree char *key = view_key(dn);
    return view_place_at(view, key);
}

const Seen *view_seen(View *view, const char *dn)
{
    return place_of(view, dn)->seen;
}

const Seen *view_known(View *view, const Address *address)
{
    return view_place(view, address)->seen;
}

Place *view_domain_place(View *view, const char *domain)
{
    Place *place = view_place_at(view, view_container(view, domain));
    gpointer name = NULL;
    (void)g_hash_table_lookup_extended(view->containers, domain, &name, NULL);
    place->address = name;
    if (!place->dn)
        place->dn = profile_domain_dn(view->context->profile, domain);
    return place;
}

Answer view_domain(View *view, const char *domain, Place **place, GError **error)
{
    g_autoptr(GPtrArray) one = g_ptr_array_new();
    *place = view_domain_place(view, domain);
    if ((*place)->seen)
        return ANSWER_YES;
    g_ptr_array_add(one, (gpointer)domain);
    return view_fetch_domains(view, one, error);
}

/* --- lists --- */

static gint compare_dns(gconstpointer a, gconstpointer b)
{
    const Seen *const *left = a, *const *right = b;
    return g_strcmp0((*left)->entry->dn, (*right)->entry->dn);
}

Answer view_lists_with(View *view, const Address *address, GPtrArray **lists, GError **error)
{
    if (!g_hash_table_contains(view->lists_known, address->full)) {
        g_autoptr(GPtrArray) one = g_ptr_array_new();
        g_ptr_array_add(one, (gpointer)address);
        if (view_fetch_lists(view, one, G_MAXSIZE, error) != ANSWER_YES)
            return ANSWER_UNKNOWN;
        if (!g_hash_table_contains(view->lists_known, address->full))
            return ANSWER_NO;
    }
    const Place *own = view_place(view, address);
    g_autoptr(GPtrArray) found = g_ptr_array_new();
    GHashTableIter iter;
    gpointer value;
    g_hash_table_iter_init(&iter, view->lists);
    while (g_hash_table_iter_next(&iter, &value, NULL)) {
        const Place *place = value;
        if (place != own &&
            profile_entry_refers(view->context->profile, place->seen->entry, address->full))
            g_ptr_array_add(found, place->seen);
    }
    g_ptr_array_sort(found, compare_dns);
    *lists = g_steal_pointer(&found);
    return (*lists)->len > PLAN_LISTS_MAX ? ANSWER_NO : ANSWER_YES;
}

/* --- effects --- */

PlannedWrite *view_expect(View *view, Change *change)
{
    const Seen *seen = view_seen(view, change->dn);
    PlannedWrite *write = g_new0(PlannedWrite, 1);
    write->change = change;
    if (!view->context->unwritten)
        write->audit = audit_change(view->context->profile, change, seen ? seen->entry : NULL);
    if (seen && seen->entry) {
        write->expect_present = true;
        write->uuid = g_strdup(seen->uuid);
        write->version = g_strdup(seen->version);
        write->mark = g_strdup(seen->mark);
    }
    return write;
}

/* What lists the entry was on, and by which addresses; of char *, owned by the arrays. */
static void note_lists(const View *view, const Seen *seen, GPtrArray *was_on, GPtrArray *was)
{
    const Profile *profile = view->context->profile;
    const GPtrArray *lists = seen && seen->entry ? profile_entry_lists(profile, seen->entry) : NULL;
    for (guint i = 0; lists && i < lists->len; i++)
        g_ptr_array_add(was_on, g_strdup(lists->pdata[i]));
    if (!lists)
        return;
    g_autoptr(GPtrArray) by = profile_entry_stands_for(profile, seen->entry);
    for (guint i = 0; i < by->len; i++)
        g_ptr_array_add(was, g_strdup(by->pdata[i]));
}

void view_lay(View *view, const Change *change, unsigned line)
{
    Place *place = place_of(view, change->dn);
    Seen *before = place->seen;
    g_autoptr(GPtrArray) was_on = g_ptr_array_new_with_free_func(g_free);
    g_autoptr(GPtrArray) was = g_ptr_array_new_with_free_func(g_free);
    g_autoptr(GPtrArray) lists = view_change_lists(view, change);
    Seen *seen = g_new0(Seen, 1);
    g_autoptr(GPtrArray) names = bound_to(view, place);
    if (lists->len > 0)
        note_lists(view, before, was_on, was);
    /* What it was is not asked for any more: a large list is not copied for each member. */
    seen->entry = change_effect(change, before ? g_steal_pointer(&before->entry) : NULL);
    seen->line = line;
    seen->kept = true;
    seen->told = before && before->told && change->kind == CHANGE_MODIFY;
    if (seen->entry) {
        seen->mark = g_strdup_printf("%s/%u", view->context->job, line);
        if (change->kind == CHANGE_MODIFY && before)
            seen->uuid = g_strdup(before->uuid);
    }
    view_put(view, place, seen);
    unbind_gone(view, names, place);
    view_retell(view, lists, place, was_on, was);
}

GPtrArray *view_change_lists(View *view, const Change *change)
{
    const Seen *seen = view_seen(view, change->dn);
    return profile_change_lists(view->context->profile, change, seen ? seen->entry : NULL);
}

void view_effects(const View *view,
                  void (*found)(gpointer data, const char *name, GVariant *effect), gpointer data)
{
    GHashTableIter iter;
    gpointer value;
    g_hash_table_iter_init(&iter, view->places);
    while (g_hash_table_iter_next(&iter, NULL, &value)) {
        const Place *place = value;
        if (place->seen && place->seen->line)
            found(data, place->key, seen_to_variant(view->context->profile, place->seen));
    }
}

char *view_name(const char *dn)
{
    return view_key(dn);
}

void view_observe(View *view, const char *dn, const Entry *entry)
{
    Entry *copy = entry ? entry_copy(entry) : NULL;
    if (copy) {
        g_free(copy->dn);
        copy->dn = g_strdup(dn);
    }
    view_put(view, place_of(view, dn), seen_read(view, copy, true));
}
