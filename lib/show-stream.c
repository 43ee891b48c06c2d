/* SPDX-License-Identifier: MIT */
#include "lib/show-private.h"

#include <string.h>

/* Searches, and what they find as rows: an address with what hangs on it, a domain with all that is
 * in it. */

typedef struct {
    const Profile *profile;
    int type;
    unsigned hash_schemes;
    const char *const *attributes;
    const char *address; /* what the entries found hang on */
    const ShowScope *scope;
    ShowFound found;
    gpointer data;
    bool any;            /* something was shown */
    GHashTable *waiting; /* addresses that lead on, and were not shown yet */
    GPtrArray *kept;     /* of Entry, which name some of them */
    gsize values;        /* of those */
    bool too_much;       /* they are more than have room, and can't be shown at once */
    Entry *list;         /* whose members are being looked for */
    const char *domain;  /* whose lists are */
    GHashTable *lists;   /* normal form → itself: those found */
} Stream;

static void stream_clear(Stream *stream)
{
    g_clear_pointer(&stream->waiting, g_hash_table_unref);
    g_clear_pointer(&stream->kept, g_ptr_array_unref);
    g_clear_pointer(&stream->lists, g_hash_table_unref);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Stream, stream_clear)

static bool on_row(gpointer data, const ShowRow *row)
{
    Stream *stream = data;
    stream->any = true;
    return stream->found(stream->data, row);
}

static bool give(Stream *stream, const Entry *entry)
{
    g_autoptr(Address) address = profile_entry_address(stream->profile, entry);
    if (address != NULL)
        g_hash_table_remove(stream->waiting, address->full);
    g_auto(Rows) rows = {.wanted = stream->type,
                         .hash_schemes = stream->hash_schemes,
                         .found = on_row,
                         .data = stream};
    return show_give_entry(&rows, stream->profile, entry);
}

static bool found_plain(gpointer data, const DirectoryQuery *query, Entry *entry)
{
    g_autoptr(Entry) owned = entry;
    (void)query;
    return give(data, owned);
}

static bool found_name(gpointer data, const DirectoryQuery *query, Entry *entry)
{
    g_autoptr(Entry) owned = entry;
    Stream *stream = data;
    g_autoptr(Address) address = profile_entry_address(stream->profile, owned);
    (void)query;
    if (address != NULL && g_hash_table_size(stream->waiting) < SHOW_WAITING_MAX)
        g_hash_table_add(stream->waiting, g_strdup(address->full));
    return true;
}

static bool names_waiting(const Stream *stream, const GPtrArray *values)
{
    for (guint i = 0; values != NULL && i < values->len; i++) {
        g_autofree char *folded = g_ascii_strdown(g_ptr_array_index(values, i), -1);
        if (g_hash_table_contains(stream->waiting, folded))
            return true;
    }
    return false;
}

/* Whether the entry leads on to something that is still to come. */
static bool must_wait(const Stream *stream, const Entry *entry)
{
    return names_waiting(stream, profile_entry_targets(stream->profile, entry)) ||
           names_waiting(stream, profile_entry_members(stream->profile, entry));
}

static gsize count_values(const Profile *profile, const Entry *entry)
{
    const GPtrArray *targets = profile_entry_targets(profile, entry);
    const GPtrArray *members = profile_entry_members(profile, entry);
    return 1 + (targets != NULL ? targets->len : 0) + (members != NULL ? members->len : 0);
}

/* A list whose members have it: they are looked for when the search that found it is over. */
static bool is_untold(const Profile *profile, const Entry *entry)
{
    ObjectType type;
    return profile_members_join(profile) && profile_entry_type(profile, entry, &type) &&
           type_is_list(type);
}

static bool keep_untold(Stream *stream, Entry *entry)
{
    stream->too_much = ++stream->values > SHOW_KEPT_VALUES_MAX;
    g_ptr_array_add(stream->kept, entry);
    return !stream->too_much;
}

static bool found_leading(gpointer data, const DirectoryQuery *query, Entry *entry)
{
    g_autoptr(Entry) owned = entry;
    Stream *stream = data;
    const gsize values = count_values(stream->profile, owned);
    (void)query;
    if (is_untold(stream->profile, owned))
        return keep_untold(stream, g_steal_pointer(&owned));
    if (stream->values + values > SHOW_KEPT_VALUES_MAX || !must_wait(stream, owned))
        return give(stream, owned);
    stream->values += values;
    g_ptr_array_add(stream->kept, g_steal_pointer(&owned));
    return true;
}

/* What waits, each once what it names has come; what waits for itself in the end. */
static bool give_kept(Stream *stream)
{
    GPtrArray *kept = stream->kept;
    for (bool moved = true; moved && kept->len > 0;) {
        moved = false;
        for (guint i = 0; i < kept->len;) {
            if (must_wait(stream, g_ptr_array_index(kept, i))) {
                i++;
                continue;
            }
            g_autoptr(Entry) entry = g_ptr_array_steal_index(kept, i);
            moved = true;
            if (!give(stream, entry))
                return false;
        }
    }
    for (guint i = 0; i < kept->len; i++)
        if (!give(stream, g_ptr_array_index(kept, i)))
            return false;
    return true;
}

/* One search, page by page. ANSWER_NO: enough, or no domain. */
static Answer search_below(Directory *directory, const char *base, DirectoryScope scope,
                           const char *filter, const char *const *attributes, DirectoryFound found,
                           Stream *stream, GError **error)
{
    DirectoryQuery query = {.base = base,
                            .scope = scope,
                            .filter = filter,
                            .attributes = attributes,
                            .limit = G_MAXINT - 1};
    g_autoptr(GPtrArray) queries = g_ptr_array_new();
    g_ptr_array_add(queries, &query);
    const Answer answer = directory_search_many(directory, queries, found, stream, error);
    if (answer != ANSWER_YES || query.state == QUERY_DONE)
        return answer;
    if (query.state == QUERY_NO_BASE)
        return ANSWER_NO;
    directory_query_fault(&query, error);
    return ANSWER_UNKNOWN;
}

static Answer search(Directory *directory, const char *base, const char *filter,
                     const char *const *attributes, DirectoryFound found, Stream *stream,
                     GError **error)
{
    return search_below(directory, base,
                        profile_depth(stream->profile) > 1 ? DIRECTORY_SCOPE_SUB
                                                           : DIRECTORY_SCOPE_ONE,
                        filter, attributes, found, stream, error);
}

/* --- lists whose members have them --- */

static bool found_member(gpointer data, const DirectoryQuery *query, Entry *entry)
{
    g_autoptr(Entry) owned = entry;
    Stream *stream = data;
    g_autoptr(GPtrArray) by = profile_entry_stands_for(stream->profile, owned);
    (void)query;
    profile_note_members(stream->profile, stream->list, by);
    stream->values += by->len;
    stream->too_much = stream->values > SHOW_KEPT_VALUES_MAX;
    return !stream->too_much;
}

static Answer fault_too_much(GError **error)
{
    g_set_error_literal(error, DIRECTORY_ERROR, DIRECTORY_ERROR_SIZE,
                        "the lists of this domain have too many members");
    return ANSWER_UNKNOWN;
}

/* Who is on the kept ones, wherever that is. */
static Answer tell_lists(Directory *directory, Stream *stream, GError **error)
{
    const Profile *profile = stream->profile;
    g_autofree char *base = profile_domains_dn(profile);
    Answer answer = stream->too_much ? fault_too_much(error) : ANSWER_YES;
    for (guint i = 0; i < stream->kept->len && answer == ANSWER_YES; i++) {
        stream->list = g_ptr_array_index(stream->kept, i);
        g_autoptr(Address) address = profile_entry_address(profile, stream->list);
        if (address == NULL || !is_untold(profile, stream->list))
            continue;
        g_autofree char *filter = profile_filter_members_of(profile, address->full);
        answer = search_below(directory, base, DIRECTORY_SCOPE_SUB, filter, stream->attributes,
                              found_member, stream, error);
        if (stream->too_much)
            answer = fault_too_much(error);
    }
    return answer;
}

static bool found_list(gpointer data, const DirectoryQuery *query, Entry *entry)
{
    g_autoptr(Entry) owned = entry;
    Stream *stream = data;
    const GPtrArray *lists = profile_entry_lists(stream->profile, owned);
    (void)query;
    for (guint i = 0; lists != NULL && i < lists->len; i++) {
        g_autoptr(Address) list = profile_address(g_ptr_array_index(lists, i));
        if (list != NULL && g_str_equal(list->domain, stream->domain) &&
            !g_hash_table_contains(stream->lists, list->full))
            g_hash_table_add(stream->lists, g_strdup(list->full));
    }
    stream->too_much = g_hash_table_size(stream->lists) > SHOW_WAITING_MAX;
    return !stream->too_much;
}

static int compare_texts(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* The domain's lists that are nowhere but in their members: they are kept as if they had entries.
 */
static Answer keep_bare(Directory *directory, const ShowScope *scope, Stream *stream,
                        GError **error)
{
    const Profile *profile = stream->profile;
    if (!profile_is_bare(profile, TYPE_LIST) ||
        (scope->type != TYPE_COUNT && scope->type != TYPE_LIST))
        return ANSWER_YES;
    g_autofree char *base = profile_domains_dn(profile);
    g_autofree char *filter = profile_filter_any_list(profile);
    stream->domain = scope->domain;
    stream->lists = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    Answer answer = search_below(directory, base, DIRECTORY_SCOPE_SUB, filter, stream->attributes,
                                 found_list, stream, error);
    if (answer != ANSWER_YES)
        return stream->too_much ? fault_too_much(error) : answer;
    guint count = 0;
    g_autofree gpointer *names = g_hash_table_get_keys_as_array(stream->lists, &count);
    qsort(names, count, sizeof *names, compare_texts);
    for (guint i = 0; i < count; i++) {
        g_autoptr(Address) list = profile_address(names[i]);
        g_hash_table_add(stream->waiting, g_strdup(list->full));
        if (!keep_untold(stream, profile_bare_list(profile, list)))
            return fault_too_much(error);
    }
    return ANSWER_YES;
}

/* What lies below the domain. */
static Answer show_inside(Directory *directory, const ShowScope *scope, Stream *stream,
                          GError **error)
{
    const Profile *profile = stream->profile;
    const char *const *all = stream->attributes;
    const char *const some[] = {profile_address_attribute(profile), NULL};
    g_autofree char *base = profile_domain_dn(profile, scope->domain);
    g_autofree char *plain = profile_filter_shown(profile, scope->type, false);
    g_autofree char *leading = profile_filter_shown(profile, scope->type, true);
    Answer answer = search(directory, base, leading, some, found_name, stream, error);
    if (answer == ANSWER_YES)
        answer = keep_bare(directory, scope, stream, error);
    if (answer == ANSWER_YES)
        answer = search(directory, base, plain, all, found_plain, stream, error);
    if (answer == ANSWER_YES)
        answer = search(directory, base, leading, all, found_leading, stream, error);
    if (answer == ANSWER_YES || stream->too_much)
        answer = tell_lists(directory, stream, error);
    if (answer == ANSWER_YES && !give_kept(stream))
        answer = ANSWER_NO;
    return answer;
}

/* Its further names. */
static Answer show_names(Directory *directory, const ShowScope *scope, Stream *stream,
                         GError **error)
{
    const Profile *profile = stream->profile;
    g_autofree char *base = profile_domains_dn(profile);
    g_autofree char *filter = profile_filter_names_of(profile, scope->domain);
    if (filter == NULL)
        return ANSWER_YES;
    return search(directory, base, filter, stream->attributes, found_plain, stream, error);
}

/* The whole of it: the domain itself, its names, what lies below; and in the end what can be said
 * only then. */
static Answer show_whole(Directory *directory, const ShowScope *scope, const Rows *rows,
                         Stream *stream, GError **error)
{
    Answer answer = show_give_own(rows, false) && show_give_blocked(rows) ? ANSWER_YES : ANSWER_NO;
    if (answer == ANSWER_YES)
        answer = show_names(directory, scope, stream, error);
    if (answer == ANSWER_YES)
        answer = show_inside(directory, scope, stream, error);
    if (answer == ANSWER_YES)
        answer = show_give_owner(rows) && show_give_suspended(rows) ? ANSWER_YES : ANSWER_NO;
    return answer;
}

static Answer show_domain(Directory *directory, const ShowScope *scope, Stream *stream,
                          GError **error)
{
    const Profile *profile = stream->profile;
    g_autofree char *dn = profile_domain_dn(profile, scope->domain);
    g_autoptr(Entry) domain = NULL;
    g_auto(Rows) rows = {.wanted = scope->type, .found = on_row, .data = stream};
    Answer answer = directory_read(directory, dn, stream->attributes, &domain, error);
    if (answer != ANSWER_YES)
        return answer;
    const bool known = show_rows_init(&rows, profile, domain);
    switch (scope->type) {
    case TYPE_COUNT:
        return known ? show_whole(directory, scope, &rows, stream, error)
                     : show_inside(directory, scope, stream, error);
    case TYPE_DOMAINALIAS:
        if (!known || rows.type != TYPE_DOMAINALIAS)
            return show_names(directory, scope, stream, error);
        G_GNUC_FALLTHROUGH;
    case TYPE_DOMAIN:
    case TYPE_SPAMFILTER:
        give(stream, domain);
        return ANSWER_YES;
    default:
        return show_inside(directory, scope, stream, error);
    }
}

static bool found_bearer(gpointer data, const DirectoryQuery *query, Entry *entry)
{
    Stream *stream = data;
    return is_untold(stream->profile, entry) ? keep_untold(stream, entry)
                                             : found_plain(data, query, entry);
}

/* What bears an address, wherever it lies in its domain. */
static Answer show_bearer(Directory *directory, const Address *address, Stream *stream,
                          GError **error)
{
    const Profile *profile = stream->profile;
    const bool bare = profile_is_bare(profile, TYPE_LIST);
    g_autoptr(GPtrArray) one = g_ptr_array_new();
    g_ptr_array_add(one, (gpointer)address);
    g_autofree char *base = profile_domain_dn(profile, address->domain);
    g_autofree char *filter = profile_filter_addresses(profile, one);
    Answer answer =
        search(directory, base, filter, stream->attributes, found_bearer, stream, error);
    if (answer == ANSWER_YES && bare && !stream->any)
        keep_untold(stream, profile_bare_list(profile, address));
    if (answer == ANSWER_YES)
        answer = tell_lists(directory, stream, error);
    for (guint i = 0; i < stream->kept->len && answer == ANSWER_YES; i++) {
        const Entry *list = g_ptr_array_index(stream->kept, i);
        if ((!bare || profile_entry_members(profile, list) != NULL) && !give(stream, list))
            answer = ANSWER_NO;
    }
    return answer;
}

static bool is_around(const ShowScope *scope, const char *domain)
{
    return scope->everywhere || g_strv_contains(scope->around, domain);
}

/* The lists that the address's own entry says it is on. */
static bool found_joined(gpointer data, const DirectoryQuery *query, Entry *entry)
{
    g_autoptr(Entry) owned = entry;
    Stream *stream = data;
    const GPtrArray *lists = profile_entry_lists(stream->profile, owned);
    bool more = true;
    (void)query;
    if (profile_entry_is_externals(stream->profile, owned))
        return true;
    for (guint i = 0; more && lists != NULL && i < lists->len; i++) {
        g_autoptr(Address) list = profile_address(g_ptr_array_index(lists, i));
        g_auto(ShowRow) row = {.type = TYPE_LIST, .action = ACTION_ADD};
        if (list == NULL || !is_around(stream->scope, list->domain))
            continue;
        row.domain = g_strdup(list->domain);
        row.user = g_strdup(list->local);
        show_set_cell(&row, FIELD_LIST_MEMBER, stream->address, strlen(stream->address));
        more = on_row(stream, &row);
    }
    return more;
}

static bool found_referrer(gpointer data, const DirectoryQuery *query, Entry *entry)
{
    g_autoptr(Entry) owned = entry;
    Stream *stream = data;
    (void)query;
    return show_give_referrer(stream->profile, owned, stream->address, on_row, stream);
}

/* ANSWER_NO: enough. */
static Answer show_around(Directory *directory, const ShowScope *scope, const Address *address,
                          Stream *stream, GError **error)
{
    const Profile *profile = stream->profile;
    g_autoptr(GPtrArray) addresses = g_ptr_array_new();
    g_autoptr(GPtrArray) bases = g_ptr_array_new_with_free_func(g_free);
    Answer answer = ANSWER_YES;
    g_ptr_array_add(addresses, address->full);
    g_autofree char *filter = profile_filter_around(profile, addresses);
    stream->address = address->full;
    if (scope->everywhere)
        g_ptr_array_add(bases, profile_domains_dn(profile));
    for (const char *const *domain = scope->around; !scope->everywhere && *domain; domain++)
        g_ptr_array_add(bases, profile_domain_dn(profile, *domain));
    if (profile_members_join(profile)) {
        g_autoptr(GPtrArray) one = g_ptr_array_new();
        g_ptr_array_add(one, (gpointer)address);
        g_autofree char *base = profile_domain_dn(profile, address->domain);
        g_autofree char *bearer = profile_filter_addresses(profile, one);
        answer = search(directory, base, bearer, stream->attributes, found_joined, stream, error);
    }
    for (guint i = 0; answer == ANSWER_YES && i < bases->len; i++) {
        DirectoryQuery query = {
            .base = bases->pdata[i],
            .scope = scope->everywhere ? DIRECTORY_SCOPE_SUB : DIRECTORY_SCOPE_ONE,
            .filter = filter,
            .attributes = stream->attributes,
            .limit = SHOW_AROUND_MAX,
        };
        g_autoptr(GPtrArray) queries = g_ptr_array_new();
        g_ptr_array_add(queries, &query);
        answer = directory_search_many(directory, queries, found_referrer, stream, error);
        if (answer == ANSWER_YES && query.state != QUERY_DONE && query.state != QUERY_NO_BASE) {
            directory_query_fault(&query, error);
            answer = ANSWER_UNKNOWN;
        }
    }
    return answer;
}

static Answer show_address(Directory *directory, const ShowScope *scope, Stream *stream,
                           GError **error)
{
    const Profile *profile = stream->profile;
    g_autoptr(Address) address = address_from_parts(scope->user, scope->domain, NULL);
    g_autoptr(Entry) entry = NULL;
    if (address == NULL)
        return ANSWER_NO;
    Answer answer;
    if (profile_addresses_vary(profile)) {
        answer = show_bearer(directory, address, stream, error);
    } else {
        g_autofree char *dn = profile_entry_dn(profile, address);
        answer = directory_read(directory, dn, stream->attributes, &entry, error);
        if (answer == ANSWER_YES)
            give(stream, entry);
    }
    return answer == ANSWER_YES && stream->any && scope->around != NULL
               ? show_around(directory, scope, address, stream, error)
               : answer;
}

/* Caller frees the array alone. */
static const char **attributes_of(const Profile *profile, bool passwords)
{
    const char *const *all = profile_attributes(profile);
    const guint count = g_strv_length((char **)all);
    const char **attributes = g_new0(const char *, count + 2);
    for (guint i = 0; i < count; i++)
        attributes[i] = all[i];
    if (passwords)
        attributes[count] = profile_password_attribute(profile);
    return attributes;
}

Answer show_stream(Directory *directory, const Profile *profile, const ShowScope *scope,
                   ShowFound found, gpointer data, GError **error)
{
    g_auto(Stream) stream = {.profile = profile,
                             .scope = scope,
                             .type = scope->type,
                             .hash_schemes = scope->hash_schemes,
                             .found = found,
                             .data = data};
    stream.waiting = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    stream.kept = g_ptr_array_new_with_free_func((GDestroyNotify)entry_free);
    g_autofree const char **attributes = attributes_of(profile, scope->hash_schemes != 0);
    stream.attributes = attributes;
    const Answer answer = scope->user != NULL ? show_address(directory, scope, &stream, error)
                                              : show_domain(directory, scope, &stream, error);
    if (answer == ANSWER_UNKNOWN)
        return answer;
    return stream.any ? ANSWER_YES : ANSWER_NO;
}
