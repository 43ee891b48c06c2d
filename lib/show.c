/* SPDX-License-Identifier: MIT */
#include "lib/show.h"

#include <string.h>

/* --- columns --- */

bool show_has_action(ObjectType type, Action action)
{
    (void)type;
    (void)action;
    return true;
}

bool show_has_user(ObjectType type)
{
    (void)type;
    return true;
}

bool show_takes(ObjectType type, Action action, Field field)
{
    switch (field) {
    case FIELD_PASSWORD:
        return type == TYPE_FULL && action != ACTION_DELETE;
    case FIELD_MAILFORWARD:
        return type == TYPE_FORWARD && action != ACTION_DELETE;
    case FIELD_LIST_MEMBER:
        return type == TYPE_LIST && action != ACTION_MODIFY;
    default:
        return field >= FIELD_WHITE_FIRST && field <= FIELD_WHITE_LAST && action != ACTION_DELETE;
    }
}

bool show_has_column(int type, Field field)
{
    if (field_is_mandatory(field))
        return true;
    for (int i = 0; i < TYPE_COUNT; i++)
        if ((type == i || type == TYPE_COUNT) && show_takes((ObjectType)i, ACTION_ADD, field))
            return true;
    return false;
}

bool show_takes_several(Field field)
{
    return field == FIELD_MAILFORWARD || field == FIELD_LIST_MEMBER;
}

static char *joined(const GPtrArray *values)
{
    GString *text = g_string_new(NULL);
    for (guint i = 0; i < values->len; i++)
        g_string_append_printf(text, "%s%s", i > 0 ? " " : "",
                               (char *)g_ptr_array_index(values, i));
    return g_string_free(text, FALSE);
}

char *show_row_cell(const ShowRow *row, Field field)
{
    const GPtrArray *values = row->cell[field];
    switch (field) {
    case FIELD_DOMAIN:
        return g_strdup(row->domain);
    case FIELD_USER:
        return g_strdup(row->user);
    case FIELD_TYPE:
        return g_strdup(type_name(row->type));
    case FIELD_ACTION:
        return g_strdup(action_name(row->action));
    default:
        break;
    }
    if (values == NULL || values->len == 0)
        return g_strdup("");
    return show_takes_several(field) ? joined(values) : g_strdup(g_ptr_array_index(values, 0));
}

/* --- one entry --- */

static void row_clear(ShowRow *row)
{
    g_free(row->domain);
    g_free(row->user);
    for (unsigned i = 0; i < FIELD_COUNT; i++)
        g_clear_pointer(&row->cell[i], g_ptr_array_unref);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(ShowRow, row_clear)

/* How many of the values from at on have room in one cell: at least one. */
static guint count_fitting(const GPtrArray *values, guint at)
{
    gsize bytes = 0;
    guint count = 0;
    while (at + count < values->len && count < SHOW_ADDRESSES_MAX) {
        bytes += strlen(g_ptr_array_index(values, at + count)) + 1;
        if (count > 0 && bytes > SHOW_CELL_BYTES_MAX)
            break;
        count++;
    }
    return count;
}

/* Takes from at on as many values as have room. */
static GPtrArray *take_part(const GPtrArray *values, guint *at)
{
    GPtrArray *part = g_ptr_array_new_with_free_func(g_free);
    for (guint left = count_fitting(values, *at); left > 0; left--, ++*at)
        g_ptr_array_add(part, g_strdup(g_ptr_array_index(values, *at)));
    return part;
}

/* A list's members, several rows of them where one has no room. */
static bool give_members(ShowRow *row, Field field, ShowFound found, gpointer data)
{
    g_autoptr(GPtrArray) all = g_steal_pointer(&row->cell[field]);
    guint at = 0;
    row->cell[field] = take_part(all, &at);
    if (!found(data, row))
        return false;
    while (at < all->len) {
        g_auto(ShowRow) more = {.type = row->type, .action = row->action};
        more.domain = g_strdup(row->domain);
        more.user = g_strdup(row->user);
        more.cell[field] = take_part(all, &at);
        if (!found(data, &more))
            return false;
    }
    return true;
}

bool show_entry(const Profile *profile, const Entry *entry, int type, ShowFound found,
                gpointer data)
{
    g_auto(ShowRow) row = {.action = ACTION_ADD};
    g_autoptr(Address) address = profile_entry_address(profile, entry);
    if (address == NULL || !profile_entry_type(profile, entry, &row.type) ||
        (type != TYPE_COUNT && (int)row.type != type))
        return true;
    row.domain = g_strdup(address->domain);
    row.user = g_strdup(address->local);
    for (Field field = 0; field < FIELD_COUNT; field++)
        if (!field_is_mandatory(field) && show_has_column((int)row.type, field))
            row.cell[field] = profile_entry_cell(profile, entry, field);
    if (row.cell[FIELD_LIST_MEMBER] != NULL)
        return give_members(&row, FIELD_LIST_MEMBER, found, data);
    return found(data, &row);
}

/* --- many --- */

typedef struct {
    const Profile *profile;
    int type;
    ShowFound found;
    gpointer data;
    bool any;            /* something was shown */
    GHashTable *waiting; /* addresses that lead on, and were not shown yet */
    GPtrArray *kept;     /* of Entry, which name some of them */
    gsize values;        /* of those */
} Stream;

static void stream_clear(Stream *stream)
{
    g_clear_pointer(&stream->waiting, g_hash_table_unref);
    g_clear_pointer(&stream->kept, g_ptr_array_unref);
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
    return show_entry(stream->profile, entry, stream->type, on_row, stream);
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

static bool found_leading(gpointer data, const DirectoryQuery *query, Entry *entry)
{
    g_autoptr(Entry) owned = entry;
    Stream *stream = data;
    const gsize values = count_values(stream->profile, owned);
    (void)query;
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
static Answer search(Directory *directory, const char *base, const char *filter,
                     const char *const *attributes, DirectoryFound found, Stream *stream,
                     GError **error)
{
    DirectoryQuery query = {.base = base,
                            .scope = DIRECTORY_SCOPE_ONE,
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

static Answer show_domain(Directory *directory, const ShowScope *scope, Stream *stream,
                          GError **error)
{
    const Profile *profile = stream->profile;
    const char *const *all = profile_attributes(profile);
    const char *const some[] = {profile_address_attribute(profile), NULL};
    g_autofree char *base = profile_domain_dn(profile, scope->domain);
    g_autofree char *plain = profile_filter_shown(profile, scope->type, false);
    g_autofree char *leading = profile_filter_shown(profile, scope->type, true);
    Answer answer = search(directory, base, leading, some, found_name, stream, error);
    if (answer == ANSWER_YES)
        answer = search(directory, base, plain, all, found_plain, stream, error);
    if (answer == ANSWER_YES)
        answer = search(directory, base, leading, all, found_leading, stream, error);
    if (answer == ANSWER_YES)
        give_kept(stream);
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
    g_autofree char *dn = profile_entry_dn(profile, address);
    const Answer answer = directory_read(directory, dn, profile_attributes(profile), &entry, error);
    if (answer == ANSWER_YES)
        give(stream, entry);
    return answer;
}

Answer show_stream(Directory *directory, const Profile *profile, const ShowScope *scope,
                   ShowFound found, gpointer data, GError **error)
{
    g_auto(Stream) stream = {.profile = profile, .type = scope->type, .found = found, .data = data};
    stream.waiting = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    stream.kept = g_ptr_array_new_with_free_func((GDestroyNotify)entry_free);
    const Answer answer = scope->user != NULL ? show_address(directory, scope, &stream, error)
                                              : show_domain(directory, scope, &stream, error);
    if (answer == ANSWER_UNKNOWN)
        return answer;
    return stream.any ? ANSWER_YES : ANSWER_NO;
}
