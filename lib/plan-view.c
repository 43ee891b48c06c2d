/* SPDX-License-Identifier: MIT */
#include "lib/plan-view.h"

/* Addresses in one search. */
#define VIEW_CHUNK 100
/* Entries of a domain's container that may bear one address. */
#define VIEW_DOUBLES_MAX 10

struct View {
    const PlanContext *context;
    GHashTable *seen;        /* key of the DN → Seen */
    GHashTable *lists;       /* those of seen that are lists; same keys, borrowed */
    GHashTable *domains;     /* domain → DomainState */
    GHashTable *lists_known; /* addresses whose lists have been looked for */
    gsize values;            /* of all entries that were read */
};

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
static char *dn_key(const char *dn)
{
    GString *key = g_string_sized_new(strlen(dn) + 16);
    bool value = false;
    for (const char *at = dn; *at; at++) {
        guchar byte = (guchar)*at;
        bool escaped = *at == '\\' && at[1];
        if (escaped) {
            bool hex = hex_pair(at + 1, &byte);
            if (!hex)
                byte = (guchar)at[1];
            at += hex ? 2 : 1;
        } else if (*at == ',' || *at == '+' || (*at == '=' && !value)) {
            while (key->len && key->str[key->len - 1] == ' ')
                g_string_truncate(key, key->len - 1);
            value = *at == '=';
            g_string_append_c(key, *at);
            while (at[1] == ' ')
                at++;
            continue;
        }
        if (g_ascii_isalnum(byte) || strchr("@._- ", byte))
            g_string_append_c(key, g_ascii_tolower((char)byte));
        else
            g_string_append_printf(key, "\\%02x", byte);
    }
    return g_string_free(key, FALSE);
}

/* --- the table --- */

static void seen_free(gpointer data)
{
    Seen *seen = data;
    entry_free(seen->entry);
    g_free(seen->uuid);
    g_free(seen->version);
    g_free(seen->mark);
    g_free(seen);
}

View *view_new(const PlanContext *context)
{
    View *view = g_new0(View, 1);
    view->context = context;
    view->seen = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, seen_free);
    view->lists = g_hash_table_new(g_str_hash, g_str_equal);
    view->domains = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    view->lists_known = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    return view;
}

void view_free(View *view)
{
    if (!view)
        return;
    g_hash_table_unref(view->lists);
    g_hash_table_unref(view->seen);
    g_hash_table_unref(view->domains);
    g_hash_table_unref(view->lists_known);
    g_free(view);
}

static gsize entry_weight(const Entry *entry)
{
    gsize weight = 1;
    for (guint i = 0; entry && i < entry->attributes->len; i++)
        weight += entry_attribute(entry, i)->values->len;
    return weight;
}

static bool is_list(const View *view, const Entry *entry)
{
    ObjectType type;
    return entry && profile_entry_type(view->context->profile, entry, &type) && type == TYPE_LIST;
}

/* Stores what stands at key from now on. Takes seen over, and returns it. */
static Seen *view_put(View *view, const char *key, Seen *seen)
{
    char *own = g_strdup(key);
    g_hash_table_remove(view->lists, key);
    g_hash_table_replace(view->seen, own, seen);
    if (is_list(view, seen->entry))
        g_hash_table_insert(view->lists, own, seen);
    view->values += entry_weight(seen->entry);
    return seen;
}

/* What was read at key; entry is taken over. */
static Seen *view_put_read(View *view, const char *key, Entry *entry)
{
    Seen *seen = g_new0(Seen, 1);
    seen->entry = entry;
    if (entry) {
        seen->uuid = g_strdup(profile_entry_uuid(view->context->profile, entry));
        seen->version = g_strdup(profile_entry_version(view->context->profile, entry));
    }
    return view_put(view, key, seen);
}

/* What an earlier slice made of key. */
static Answer view_put_effect(View *view, const char *key, GVariant *effect, GError **error)
{
    Seen *seen = seen_from_variant(effect);
    if (seen) {
        view_put(view, key, seen);
        return ANSWER_YES;
    }
    g_set_error_literal(error, DIRECTORY_ERROR, DIRECTORY_ERROR_SETTINGS,
                        "what was kept of the rows before has a wrong shape");
    return ANSWER_UNKNOWN;
}

bool view_has_room(const View *view)
{
    return view->values < PLAN_VALUES_MAX / 2;
}

void view_trim(View *view)
{
    if (view->values < PLAN_VALUES_MAX)
        return;
    GHashTableIter iter;
    gpointer key, value;
    gsize kept = 0;
    g_hash_table_iter_init(&iter, view->seen);
    while (g_hash_table_iter_next(&iter, &key, &value)) {
        const Seen *seen = value;
        if (seen->line) {
            kept += entry_weight(seen->entry);
            continue;
        }
        g_hash_table_remove(view->lists, key);
        g_hash_table_iter_remove(&iter);
    }
    g_hash_table_remove_all(view->lists_known);
    view->values = kept;
}

/* --- reading --- */

/* Brings the DN of an entry that was read into the spelling in which we would write it, so that
 * one entry has one spelling in all writes. Returns its key; *address what it bears, or NULL. */
static char *entry_settle_dn(const View *view, Entry *entry, Address **address)
{
    g_autofree char *key = dn_key(entry->dn);
    *address = profile_entry_address(view->context->profile, entry);
    if (*address) {
        g_autofree char *ours = profile_entry_dn(view->context->profile, *address);
        g_autofree char *our_key = dn_key(ours);
        if (g_str_equal(key, our_key)) {
            g_free(entry->dn);
            entry->dn = g_steal_pointer(&ours);
        }
    }
    return g_steal_pointer(&key);
}

static bool check_readable(const View *view, const Entry *entry, GError **error)
{
    const Profile *profile = view->context->profile;
    if (profile_entry_uuid(profile, entry) && profile_entry_version(profile, entry))
        return true;
    g_set_error_literal(error, DIRECTORY_ERROR, DIRECTORY_ERROR_SETTINGS,
                        "the directory does not let the service read the unique identifier and "
                        "the version of entries");
    return false;
}

/* Lays down what an earlier slice made of key, which is not known yet. ANSWER_NO: nothing. */
static Answer view_recall(View *view, const char *key, GError **error)
{
    const PlanOverlay *overlay = view->context->overlay;
    if (!overlay)
        return ANSWER_NO;
    g_autoptr(GVariant) effect = NULL;
    Answer answer = overlay->find(overlay->data, key, &effect, error);
    if (answer != ANSWER_YES)
        return answer;
    return view_put_effect(view, key, effect, error);
}

/* What stands at key, which is not known yet: what an earlier slice made of it, else entry (taken
 * over). *seen belongs to the view. */
static Answer view_settle(View *view, const char *key, Entry *entry, Seen **seen, GError **error)
{
    Answer answer = view_recall(view, key, error);
    if (answer == ANSWER_NO) {
        *seen = view_put_read(view, key, entry);
        return ANSWER_YES;
    }
    entry_free(entry);
    *seen = g_hash_table_lookup(view->seen, key);
    return answer;
}

/* Every address that an entry bears: by hand it may have got several. */
static void add_borne(const View *view, const Entry *entry, GHashTable *borne)
{
    const GPtrArray *values = profile_entry_addresses(view->context->profile, entry);
    for (guint i = 0; values && i < values->len; i++) {
        g_autoptr(Address) address = address_parse(values->pdata[i], NULL, NULL);
        if (address)
            g_hash_table_add(borne, g_strdup(address->full));
    }
}

/* Whether an entry lies directly below the container; both as keys. */
static bool is_below(const char *key, const char *container)
{
    const char *comma = strchr(key, ',');
    return comma && g_str_equal(comma + 1, container);
}

/* Takes up what a search found: what lies in the domain's container is seen, of all else only the
 * addresses are of interest. Both tables take text over. */
static Answer take_found(View *view, const char *container, GPtrArray *entries, GHashTable *borne,
                         GHashTable *outside, GError **error)
{
    for (guint i = 0; entries && i < entries->len; i++) {
        Entry *entry = entries->pdata[i];
        g_autoptr(Address) address = NULL;
        if (!check_readable(view, entry, error))
            return ANSWER_UNKNOWN;
        g_autofree char *key = entry_settle_dn(view, entry, &address);
        if (!is_below(key, container)) {
            add_borne(view, entry, outside);
            continue;
        }
        Seen *seen = g_hash_table_lookup(view->seen, key);
        if (!seen && view_settle(view, key, entry_copy(entry), &seen, error) != ANSWER_YES)
            return ANSWER_UNKNOWN;
        if (seen->entry || seen->line)
            add_borne(view, entry, borne);
    }
    return ANSWER_YES;
}

/* One search for addresses of a domain, below all domains: what bears an address elsewhere would
 * get its mail, too, or make it ambiguous. */
static Answer fetch_chunk(View *view, const char *domain, GPtrArray *addresses, GError **error)
{
    const PlanContext *context = view->context;
    g_autofree char *base = profile_domains_dn(context->profile);
    g_autofree char *filter = profile_filter_addresses(context->profile, addresses);
    g_autoptr(GPtrArray) entries = NULL;
    Answer answer = directory_search(context->directory, base, DIRECTORY_SCOPE_SUB, filter,
                                     profile_attributes(context->profile),
                                     VIEW_DOUBLES_MAX * (addresses->len + 1), &entries, error);
    if (answer == ANSWER_UNKNOWN)
        return answer;

    g_autofree char *container_dn = profile_domain_dn(context->profile, domain);
    g_autofree char *container = dn_key(container_dn);
    g_autoptr(GHashTable) borne = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    g_autoptr(GHashTable) outside = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    if (take_found(view, container, entries, borne, outside, error) != ANSWER_YES)
        return ANSWER_UNKNOWN;
    for (guint i = 0; i < addresses->len; i++) {
        const Address *address = addresses->pdata[i];
        g_autofree char *dn = profile_entry_dn(context->profile, address);
        g_autofree char *key = dn_key(dn);
        if (g_hash_table_contains(view->seen, key))
            continue;
        Seen *seen = NULL;
        if (view_settle(view, key, NULL, &seen, error) != ANSWER_YES)
            return ANSWER_UNKNOWN;
        seen->elsewhere = !seen->entry && g_hash_table_contains(borne, address->full);
        seen->outside = !seen->entry && g_hash_table_contains(outside, address->full);
    }
    return ANSWER_YES;
}

Answer view_fetch(View *view, GPtrArray *addresses, GError **error)
{
    g_autoptr(GHashTable) asked = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    g_autoptr(GHashTable) by_domain =
        g_hash_table_new_full(g_str_hash, g_str_equal, NULL, (GDestroyNotify)g_ptr_array_unref);
    for (guint i = 0; i < addresses->len; i++) {
        Address *address = addresses->pdata[i];
        g_autofree char *dn = profile_entry_dn(view->context->profile, address);
        char *key = dn_key(dn);
        if (g_hash_table_contains(view->seen, key) || g_hash_table_contains(asked, key)) {
            g_free(key);
            continue;
        }
        g_hash_table_add(asked, key);
        GPtrArray *chunk = g_hash_table_lookup(by_domain, address->domain);
        if (!chunk) {
            chunk = g_ptr_array_new();
            g_hash_table_insert(by_domain, address->domain, chunk);
        }
        g_ptr_array_add(chunk, address);
        if (chunk->len < VIEW_CHUNK)
            continue;
        if (fetch_chunk(view, address->domain, chunk, error) != ANSWER_YES)
            return ANSWER_UNKNOWN;
        g_ptr_array_set_size(chunk, 0);
    }

    GHashTableIter iter;
    gpointer domain, chunk;
    g_hash_table_iter_init(&iter, by_domain);
    while (g_hash_table_iter_next(&iter, &domain, &chunk))
        if (((GPtrArray *)chunk)->len && fetch_chunk(view, domain, chunk, error) != ANSWER_YES)
            return ANSWER_UNKNOWN;
    return ANSWER_YES;
}

Answer view_address(View *view, const Address *address, const Seen **seen, GError **error)
{
    g_autofree char *dn = profile_entry_dn(view->context->profile, address);
    g_autofree char *key = dn_key(dn);
    *seen = g_hash_table_lookup(view->seen, key);
    if (*seen)
        return ANSWER_YES;
    g_autoptr(GPtrArray) one = g_ptr_array_new();
    g_ptr_array_add(one, (gpointer)address);
    if (fetch_chunk(view, address->domain, one, error) != ANSWER_YES)
        return ANSWER_UNKNOWN;
    *seen = g_hash_table_lookup(view->seen, key);
    return ANSWER_YES;
}

const Seen *view_seen(const View *view, const char *dn)
{
    g_autofree char *key = dn_key(dn);
    return g_hash_table_lookup(view->seen, key);
}

Answer view_domain(View *view, const char *domain, DomainState *state, GError **error)
{
    gpointer known;
    if (g_hash_table_lookup_extended(view->domains, domain, NULL, &known)) {
        *state = (DomainState)GPOINTER_TO_INT(known);
        return ANSWER_YES;
    }
    const PlanContext *context = view->context;
    g_autofree char *dn = profile_domain_dn(context->profile, domain);
    g_autoptr(Entry) entry = NULL;
    Answer answer =
        directory_read(context->directory, dn, profile_attributes(context->profile), &entry, error);
    if (answer == ANSWER_UNKNOWN)
        return answer;
    *state = answer == ANSWER_NO                               ? DOMAIN_MISSING
             : profile_domain_enabled(context->profile, entry) ? DOMAIN_ENABLED
                                                               : DOMAIN_DISABLED;
    g_hash_table_insert(view->domains, g_strdup(domain), GINT_TO_POINTER(*state));
    return ANSWER_YES;
}

/* --- lists --- */

/* The lists that got any of the addresses in earlier slices. */
static Answer recall_lists(View *view, GPtrArray *addresses, GError **error)
{
    const PlanOverlay *overlay = view->context->overlay;
    for (guint i = 0; overlay && i < addresses->len; i++) {
        const Address *address = addresses->pdata[i];
        g_autoptr(GPtrArray) effects = overlay->with_member(overlay->data, address->full, error);
        if (!effects)
            return ANSWER_UNKNOWN;
        for (guint j = 0; j < effects->len; j++) {
            const char *dn = "";
            g_variant_get_child(effects->pdata[j], 1, "&s", &dn);
            g_autofree char *key = dn_key(dn);
            /* One that was deleted since has no DN, and is met by its name only. */
            if (*dn && !g_hash_table_contains(view->seen, key) &&
                view_put_effect(view, key, effects->pdata[j], error) != ANSWER_YES)
                return ANSWER_UNKNOWN;
        }
    }
    return ANSWER_YES;
}

/* One search for lists. ANSWER_NO: too many of them. */
static Answer search_lists(View *view, const char *base, DirectoryScope scope, const char *filter,
                           GError **error)
{
    const PlanContext *context = view->context;
    g_autoptr(GPtrArray) entries = NULL;
    g_autoptr(GError) fault = NULL;
    Answer answer =
        directory_search(context->directory, base, scope, filter,
                         profile_attributes(context->profile), PLAN_LISTS_MAX, &entries, &fault);
    if (answer == ANSWER_UNKNOWN) {
        if (g_error_matches(fault, DIRECTORY_ERROR, DIRECTORY_ERROR_SIZE))
            return ANSWER_NO;
        g_propagate_error(error, g_steal_pointer(&fault));
        return answer;
    }
    for (guint i = 0; entries && i < entries->len; i++) {
        Entry *entry = entries->pdata[i];
        g_autoptr(Address) address = NULL;
        g_autofree char *key = entry_settle_dn(view, entry, &address);
        if (!address || !grant_covers(context->grant, address->domain) ||
            g_hash_table_contains(view->seen, key))
            continue;
        if (!check_readable(view, entry, error))
            return ANSWER_UNKNOWN;
        Seen *seen = NULL;
        if (view_settle(view, key, entry_copy(entry), &seen, error) != ANSWER_YES)
            return ANSWER_UNKNOWN;
    }
    return ANSWER_YES;
}

/* The same in all that the grant covers, and nowhere else: how many lists of others an address is
 * on must not matter. */
static Answer search_lists_of_grant(View *view, const char *filter, GError **error)
{
    const PlanContext *context = view->context;
    if (context->grant->every_domain)
        return search_lists(view, profile_base(context->profile), DIRECTORY_SCOPE_SUB, filter,
                            error);
    for (char **domain = context->grant->domains; *domain; domain++) {
        g_autofree char *base = profile_domain_dn(context->profile, *domain);
        Answer answer = search_lists(view, base, DIRECTORY_SCOPE_ONE, filter, error);
        if (answer != ANSWER_YES)
            return answer;
    }
    return ANSWER_YES;
}

/* The lists with any of the addresses. ANSWER_NO: too many of them. */
static Answer fetch_lists_chunk(View *view, GPtrArray *addresses, GError **error)
{
    g_autoptr(GPtrArray) members = g_ptr_array_new();
    for (guint i = 0; i < addresses->len; i++)
        g_ptr_array_add(members, ((Address *)addresses->pdata[i])->full);
    g_autofree char *filter = profile_filter_lists_with(view->context->profile, members);
    Answer answer = search_lists_of_grant(view, filter, error);
    if (answer != ANSWER_YES)
        return answer;
    if (recall_lists(view, addresses, error) != ANSWER_YES)
        return ANSWER_UNKNOWN;
    for (guint i = 0; i < addresses->len; i++)
        g_hash_table_add(view->lists_known, g_strdup(((Address *)addresses->pdata[i])->full));
    return ANSWER_YES;
}

Answer view_fetch_lists(View *view, GPtrArray *addresses, GError **error)
{
    g_autoptr(GPtrArray) chunk = g_ptr_array_new();
    for (guint i = 0; i < addresses->len; i++) {
        g_ptr_array_add(chunk, addresses->pdata[i]);
        if (chunk->len < VIEW_CHUNK && i + 1 < addresses->len)
            continue;
        /* Too many for one search: each row will look for its own. */
        if (fetch_lists_chunk(view, chunk, error) == ANSWER_UNKNOWN)
            return ANSWER_UNKNOWN;
        g_ptr_array_set_size(chunk, 0);
    }
    return ANSWER_YES;
}

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
        Answer answer = fetch_lists_chunk(view, one, error);
        if (answer != ANSWER_YES)
            return answer;
    }
    g_autofree char *dn = profile_entry_dn(view->context->profile, address);
    g_autofree char *own = dn_key(dn);
    g_autoptr(GPtrArray) found = g_ptr_array_new();
    GHashTableIter iter;
    gpointer key, value;
    g_hash_table_iter_init(&iter, view->lists);
    while (g_hash_table_iter_next(&iter, &key, &value)) {
        const Seen *seen = value;
        if (!g_str_equal(key, own) &&
            profile_entry_has_member(view->context->profile, seen->entry, address->full))
            g_ptr_array_add(found, value);
    }
    g_ptr_array_sort(found, compare_dns);
    *lists = g_steal_pointer(&found);
    return (*lists)->len > PLAN_LISTS_MAX ? ANSWER_NO : ANSWER_YES;
}

/* --- effects --- */

PlannedWrite *view_expect(View *view, Change *change)
{
    g_autofree char *key = dn_key(change->dn);
    const Seen *seen = g_hash_table_lookup(view->seen, key);
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

void view_lay(View *view, const Change *change, unsigned line)
{
    g_autofree char *key = dn_key(change->dn);
    const Seen *before = g_hash_table_lookup(view->seen, key);
    Seen *seen = g_new0(Seen, 1);
    seen->entry = change_effect(change, before ? before->entry : NULL);
    seen->line = line;
    if (seen->entry) {
        seen->mark = g_strdup_printf("%s/%u", view->context->job, line);
        if (change->kind == CHANGE_MODIFY && before)
            seen->uuid = g_strdup(before->uuid);
    }
    view_put(view, key, seen);
}

void view_effects(const View *view,
                  void (*found)(gpointer data, const char *name, GVariant *effect), gpointer data)
{
    GHashTableIter iter;
    gpointer key, value;
    g_hash_table_iter_init(&iter, view->seen);
    while (g_hash_table_iter_next(&iter, &key, &value))
        if (((Seen *)value)->line)
            found(data, key, seen_to_variant(view->context->profile, value));
}

char *view_name(const char *dn)
{
    return dn_key(dn);
}

void view_observe(View *view, const char *dn, const Entry *entry)
{
    g_autofree char *key = dn_key(dn);
    Entry *copy = entry ? entry_copy(entry) : NULL;
    if (copy) {
        g_free(copy->dn);
        copy->dn = g_strdup(dn);
    }
    view_put_read(view, key, copy);
}
