/* SPDX-License-Identifier: MIT */
#include "lib/show-private.h"

#include "lib/password.h"
#include <string.h>

/* --- one entry --- */

void show_row_clear(ShowRow *row)
{
    g_free(row->domain);
    g_free(row->user);
    secret_free(row->password);
    for (unsigned i = 0; i < FIELD_COUNT; i++)
        g_clear_pointer(&row->cell[i], g_ptr_array_unref);
    g_clear_pointer(&row->attributes, g_ptr_array_unref);
}

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

void show_rows_clear(Rows *rows)
{
    g_free(rows->domain);
    g_free(rows->user);
}

/* false: it is none of our types, or has no address. */
bool show_rows_init(Rows *rows, const Profile *profile, const Entry *entry)
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

void show_set_cell(ShowRow *row, Field field, const char *value, gsize length)
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
        show_set_cell(&row, FIELD_LIST_MEMBER, name, length);
        show_set_cell(&row, FIELD_MEMBER_NAME, name + length + 1, strlen(name + length + 1));
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

bool show_give_own(const Rows *rows, bool owner)
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
        show_set_cell(&row, FIELD_TARGET, own, strlen(own));
        more = rows->found(rows->data, &row);
    }
    return more;
}

bool show_give_blocked(const Rows *rows)
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
        show_set_cell(&row, FIELD_FILTER, value + length + 1, strlen(value + length + 1));
        show_set_cell(&row, FIELD_FILTERTYPE, value, length);
        more = rows->found(rows->data, &row);
    }
    return more;
}

/* Who owns a domain is said once the account is there. */
bool show_give_owner(const Rows *rows)
{
    g_auto(ShowRow) row = {0};
    if (rows->type != TYPE_DOMAIN || !is_wanted(rows, TYPE_DOMAIN))
        return true;
    row_begin(&row, rows, TYPE_DOMAIN, ACTION_MODIFY);
    row.cell[FIELD_OWNER] = profile_entry_cell(rows->profile, rows->entry, FIELD_OWNER);
    return row.cell[FIELD_OWNER] == NULL || rows->found(rows->data, &row);
}

/* What a new entry is not: suspended. */
bool show_give_suspended(const Rows *rows)
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
bool show_give_entry(Rows *rows, const Profile *profile, const Entry *entry)
{
    return !show_rows_init(rows, profile, entry) ||
           (show_give_own(rows, true) && give_answer(rows) && give_aliases(rows) &&
            show_give_blocked(rows) && show_give_suspended(rows));
}

bool show_entry(const Profile *profile, const Entry *entry, int type, ShowFound found,
                gpointer data)
{
    g_auto(Rows) rows = {.wanted = type, .found = found, .data = data};
    return show_give_entry(&rows, profile, entry);
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
    show_set_cell(&row, field, address, length);
    for (guint i = 0; names != NULL && i < names->len; i++) {
        const char *name = g_ptr_array_index(names, i);
        if (g_ascii_strncasecmp(name, address, length) == 0 && name[length] == ' ') {
            show_set_cell(&row, FIELD_MEMBER_NAME, name + length + 1, strlen(name + length + 1));
            break;
        }
    }
    return rows->found(rows->data, &row);
}

bool show_give_referrer(const Profile *profile, const Entry *entry, const char *address,
                        ShowFound found, gpointer data)
{
    g_auto(Rows) rows = {.wanted = TYPE_COUNT, .found = found, .data = data};
    if (!show_rows_init(&rows, profile, entry))
        return true;
    return type_is_list(rows.type) || type_is_group(rows.type) ? give_membership(&rows, address)
                                                               : show_give_own(&rows, true);
}
