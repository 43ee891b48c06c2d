/* SPDX-License-Identifier: MIT */
#include "lib/show.h"

#include "lib/password.h"
#include <string.h>

/* --- one entry --- */

static void row_clear(ShowRow *row)
{
    g_free(row->domain);
    g_free(row->user);
    secret_free(row->password);
    for (unsigned i = 0; i < FIELD_COUNT; i++)
        g_clear_pointer(&row->cell[i], g_ptr_array_unref);
    g_clear_pointer(&row->attributes, g_ptr_array_unref);
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

/* What the rows of one entry are made of, and go to. */
typedef struct {
    const Profile *profile;
    const Entry *entry;
    ObjectType type; /* the entry's own */
    char *domain, *user;
    int wanted; /* the type of rows, TYPE_COUNT: any */
    unsigned hash_schemes;
    ShowFound found;
    gpointer data;
} Rows;

static void rows_clear(Rows *rows)
{
    g_free(rows->domain);
    g_free(rows->user);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Rows, rows_clear)

/* false: it is none of our types, or has no address. */
static bool rows_init(Rows *rows, const Profile *profile, const Entry *entry)
{
    g_autoptr(Address) address = profile_entry_address(profile, entry);
    rows->profile = profile;
    rows->entry = entry;
    if (!profile_entry_type(profile, entry, &rows->type))
        return false;
    if (rows->type == TYPE_DOMAIN || rows->type == TYPE_DOMAINALIAS) {
        rows->domain = profile_domain_of(entry->dn);
        rows->user = g_strdup("");
        return rows->domain != NULL;
    }
    rows->domain = address != NULL ? g_strdup(address->domain) : NULL;
    rows->user = address != NULL ? g_strdup(address->local) : NULL;
    return address != NULL;
}

static void row_begin(ShowRow *row, const Rows *rows, ObjectType type, Action action)
{
    *row = (ShowRow){.type = type, .action = action};
    row->domain = g_strdup(rows->domain);
    row->user = g_strdup(rows->user);
}

static bool is_wanted(const Rows *rows, ObjectType type)
{
    return rows->wanted == TYPE_COUNT || rows->wanted == (int)type;
}

static void set_cell(ShowRow *row, Field field, const char *value, gsize length)
{
    g_autofree char *text = g_strndup(value, length);
    row->cell[field] = g_ptr_array_new_with_free_func(g_free);
    g_ptr_array_add(row->cell[field], g_utf8_make_valid(text, -1));
}

/* Whether a list has a name of the member: then it has a row of its own. */
static bool is_named(const GPtrArray *names, const char *member)
{
    const gsize length = strlen(member);
    for (guint i = 0; names != NULL && i < names->len; i++) {
        const char *name = g_ptr_array_index(names, i);
        if (g_ascii_strncasecmp(name, member, length) == 0 && name[length] == ' ')
            return true;
    }
    return false;
}

static GPtrArray *unnamed(const GPtrArray *members, const GPtrArray *names)
{
    GPtrArray *some = g_ptr_array_new();
    for (guint i = 0; i < members->len; i++)
        if (!is_named(names, g_ptr_array_index(members, i)))
            g_ptr_array_add(some, g_ptr_array_index(members, i));
    return some;
}

static bool give_named(const Rows *rows, const GPtrArray *names)
{
    bool more = true;
    for (guint i = 0; more && names != NULL && i < names->len; i++) {
        const char *name = g_ptr_array_index(names, i);
        const gsize length = strcspn(name, " ");
        g_auto(ShowRow) row = {0};
        if (name[length] == '\0')
            continue;
        row_begin(&row, rows, rows->type, ACTION_ADD);
        set_cell(&row, FIELD_LIST_MEMBER, name, length);
        set_cell(&row, FIELD_MEMBER_NAME, name + length + 1, strlen(name + length + 1));
        more = rows->found(rows->data, &row);
    }
    return more;
}

/* A row with members, several where one cell has no room for all. */
static bool give_members(const Rows *rows, ShowRow *row, Field field)
{
    const GPtrArray *names = profile_entry_member_names(rows->profile, rows->entry);
    g_autoptr(GPtrArray) all = g_steal_pointer(&row->cell[field]);
    g_autoptr(GPtrArray) some = unnamed(all, names);
    guint at = 0;
    row->cell[field] = take_part(some, &at);
    if (!rows->found(rows->data, row))
        return false;
    while (at < some->len) {
        g_auto(ShowRow) more = {0};
        row_begin(&more, rows, rows->type, ACTION_ADD);
        more.cell[field] = take_part(some, &at);
        if (!rows->found(rows->data, &more))
            return false;
    }
    return give_named(rows, names);
}

/* The columns of one type that are there. */
static void fill_row(const Rows *rows, ShowRow *row, bool owner)
{
    for (Field field = 0; field < FIELD_COUNT; field++)
        if (!field_is_mandatory(field) && !field_is_secret(field) &&
            type_takes(row->type, row->action, field) && (owner || field != FIELD_OWNER))
            row->cell[field] = profile_entry_cell(rows->profile, rows->entry, field);
    if (type_takes(row->type, row->action, FIELD_ATTRIBUTE))
        row->attributes = profile_entry_attributes(rows->profile, rows->entry, row->type);
}

/* The first password that a request takes as it is. */
static Secret *find_hash(const Rows *rows)
{
    const GPtrArray *values = profile_entry_passwords(rows->profile, rows->entry);
    const char *reason, *advice;
    for (guint i = 0; values != NULL && i < values->len; i++)
        if (password_form(values->pdata[i], rows->hash_schemes, &reason, &advice) ==
            PASSWORD_FORM_HASHED)
            return secret_dup(values->pdata[i]);
    return NULL;
}

static bool give_own(const Rows *rows, bool owner)
{
    g_auto(ShowRow) row = {0};
    if (!is_wanted(rows, rows->type))
        return true;
    row_begin(&row, rows, rows->type, ACTION_ADD);
    fill_row(rows, &row, owner);
    if (rows->type == TYPE_FULL && rows->hash_schemes != 0)
        row.password = find_hash(rows);
    if (row.cell[FIELD_LIST_MEMBER] != NULL)
        return give_members(rows, &row, FIELD_LIST_MEMBER);
    if (row.cell[FIELD_MEMBER] != NULL)
        return give_members(rows, &row, FIELD_MEMBER);
    return rows->found(rows->data, &row);
}

static bool give_answer(const Rows *rows)
{
    g_auto(ShowRow) row = {0};
    if (rows->type != TYPE_FULL || !is_wanted(rows, TYPE_AUTORESPONDER))
        return true;
    row_begin(&row, rows, TYPE_AUTORESPONDER, ACTION_ADD);
    fill_row(rows, &row, true);
    return row.cell[FIELD_MESSAGE] == NULL || rows->found(rows->data, &row);
}

/* Further addresses of an account, which a file has as rows of their own. */
static bool give_aliases(const Rows *rows)
{
    const GPtrArray *aliases = profile_entry_aliases(rows->profile, rows->entry);
    g_autofree char *own = g_strconcat(rows->user, "@", rows->domain, NULL);
    bool more = true;
    if (rows->type != TYPE_FULL || !is_wanted(rows, TYPE_ALIAS))
        return true;
    for (guint i = 0; more && aliases != NULL && i < aliases->len; i++) {
        g_autoptr(Address) alias = profile_address(g_ptr_array_index(aliases, i));
        g_auto(ShowRow) row = {0};
        if (alias == NULL || g_str_equal(alias->full, own))
            continue;
        row = (ShowRow){.type = TYPE_ALIAS, .action = ACTION_ADD};
        row.domain = g_strdup(alias->domain);
        row.user = g_strdup(alias->local);
        set_cell(&row, FIELD_TARGET, own, strlen(own));
        more = rows->found(rows->data, &row);
    }
    return more;
}

static bool give_blocked(const Rows *rows)
{
    const GPtrArray *blocked = profile_entry_blocked(rows->profile, rows->entry);
    bool more = true;
    if (rows->type != TYPE_DOMAIN || !is_wanted(rows, TYPE_SPAMFILTER))
        return true;
    for (guint i = 0; more && blocked != NULL && i < blocked->len; i++) {
        const char *value = g_ptr_array_index(blocked, i);
        const gsize length = strcspn(value, ":");
        g_auto(ShowRow) row = {0};
        if (value[length] == '\0')
            continue;
        row_begin(&row, rows, TYPE_SPAMFILTER, ACTION_ADD);
        set_cell(&row, FIELD_FILTER, value + length + 1, strlen(value + length + 1));
        set_cell(&row, FIELD_FILTERTYPE, value, length);
        more = rows->found(rows->data, &row);
    }
    return more;
}

/* Who owns a domain is said once the account is there. */
static bool give_owner(const Rows *rows)
{
    g_auto(ShowRow) row = {0};
    if (rows->type != TYPE_DOMAIN || !is_wanted(rows, TYPE_DOMAIN))
        return true;
    row_begin(&row, rows, TYPE_DOMAIN, ACTION_MODIFY);
    row.cell[FIELD_OWNER] = profile_entry_cell(rows->profile, rows->entry, FIELD_OWNER);
    return row.cell[FIELD_OWNER] == NULL || rows->found(rows->data, &row);
}

/* What a new entry is not: suspended. */
static bool give_suspended(const Rows *rows)
{
    g_auto(ShowRow) row = {0};
    if (!is_wanted(rows, rows->type) || !type_does(rows->type, ACTION_SUSPEND) ||
        type_takes(rows->type, ACTION_ADD, FIELD_ACTIVATED) ||
        profile_entry_enabled(rows->profile, rows->entry))
        return true;
    row_begin(&row, rows, rows->type, ACTION_SUSPEND);
    return rows->found(rows->data, &row);
}

/* All of them. rows has what init leaves as it is. */
static bool give_entry(Rows *rows, const Profile *profile, const Entry *entry)
{
    return !rows_init(rows, profile, entry) ||
           (give_own(rows, true) && give_answer(rows) && give_aliases(rows) && give_blocked(rows) &&
            give_suspended(rows));
}

bool show_entry(const Profile *profile, const Entry *entry, int type, ShowFound found,
                gpointer data)
{
    g_auto(Rows) rows = {.wanted = type, .found = found, .data = data};
    return give_entry(&rows, profile, entry);
}

/* --- what hangs on one address --- */

/* The row by which a list or group gets the address back. */
static bool give_membership(const Rows *rows, const char *address)
{
    const Field field = type_is_group(rows->type) ? FIELD_MEMBER : FIELD_LIST_MEMBER;
    const GPtrArray *names = profile_entry_member_names(rows->profile, rows->entry);
    const gsize length = strlen(address);
    g_auto(ShowRow) row = {0};
    row_begin(&row, rows, rows->type, ACTION_ADD);
    set_cell(&row, field, address, length);
    for (guint i = 0; names != NULL && i < names->len; i++) {
        const char *name = g_ptr_array_index(names, i);
        if (g_ascii_strncasecmp(name, address, length) == 0 && name[length] == ' ') {
            set_cell(&row, FIELD_MEMBER_NAME, name + length + 1, strlen(name + length + 1));
            break;
        }
    }
    return rows->found(rows->data, &row);
}

static bool give_referrer(const Profile *profile, const Entry *entry, const char *address,
                          ShowFound found, gpointer data)
{
    g_auto(Rows) rows = {.wanted = TYPE_COUNT, .found = found, .data = data};
    if (!rows_init(&rows, profile, entry))
        return true;
    return type_is_list(rows.type) || type_is_group(rows.type) ? give_membership(&rows, address)
                                                               : give_own(&rows, true);
}

/* --- many --- */

typedef struct {
    const Profile *profile;
    int type;
    unsigned hash_schemes;
    const char *const *attributes;
    const char *address; /* what the entries found hang on */
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
    g_auto(Rows) rows = {.wanted = stream->type,
                         .hash_schemes = stream->hash_schemes,
                         .found = on_row,
                         .data = stream};
    return give_entry(&rows, stream->profile, entry);
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
                            .scope = profile_depth(stream->profile) > 1 ? DIRECTORY_SCOPE_SUB
                                                                        : DIRECTORY_SCOPE_ONE,
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
        answer = search(directory, base, plain, all, found_plain, stream, error);
    if (answer == ANSWER_YES)
        answer = search(directory, base, leading, all, found_leading, stream, error);
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
    Answer answer = give_own(rows, false) && give_blocked(rows) ? ANSWER_YES : ANSWER_NO;
    if (answer == ANSWER_YES)
        answer = show_names(directory, scope, stream, error);
    if (answer == ANSWER_YES)
        answer = show_inside(directory, scope, stream, error);
    if (answer == ANSWER_YES)
        answer = give_owner(rows) && give_suspended(rows) ? ANSWER_YES : ANSWER_NO;
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
    const bool known = rows_init(&rows, profile, domain);
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

/* What bears an address, wherever it lies in its domain. */
static Answer show_bearer(Directory *directory, const Address *address, Stream *stream,
                          GError **error)
{
    g_autoptr(GPtrArray) one = g_ptr_array_new();
    g_ptr_array_add(one, (gpointer)address);
    g_autofree char *base = profile_domain_dn(stream->profile, address->domain);
    g_autofree char *filter = profile_filter_addresses(stream->profile, one);
    return search(directory, base, filter, stream->attributes, found_plain, stream, error);
}

static bool found_referrer(gpointer data, const DirectoryQuery *query, Entry *entry)
{
    g_autoptr(Entry) owned = entry;
    Stream *stream = data;
    (void)query;
    return give_referrer(stream->profile, owned, stream->address, on_row, stream);
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
    g_autofree char *filter = profile_filter_referrers(profile, addresses);
    stream->address = address->full;
    if (scope->everywhere)
        g_ptr_array_add(bases, profile_domains_dn(profile));
    for (const char *const *domain = scope->around; !scope->everywhere && *domain; domain++)
        g_ptr_array_add(bases, profile_domain_dn(profile, *domain));
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
