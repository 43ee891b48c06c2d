/* SPDX-License-Identifier: MIT */
#include "lib/plan-private.h"

#include <string.h>

/* Planned rows as values: made, freed, kept in the spool. */

unsigned plan_mark_line(const char *job, const char *mark)
{
    gsize length = strlen(job);
    if (!mark || strncmp(mark, job, length) != 0 || mark[length] != '/')
        return 0;
    guint64 line = 0;
    if (!g_ascii_string_to_unsigned(mark + length + 1, 10, 1, G_MAXUINT, &line, NULL))
        return 0;
    return (unsigned)line;
}

void planned_write_free(PlannedWrite *write)
{
    if (!write)
        return;
    change_free(write->change);
    g_free(write->uuid);
    g_free(write->version);
    g_free(write->mark);
    g_clear_pointer(&write->audit, g_variant_unref);
    g_free(write);
}

PlannedRow *planned_row_new(unsigned line, Outcome *outcome)
{
    PlannedRow *row = g_new0(PlannedRow, 1);
    row->line = line;
    row->outcome = outcome;
    row->writes = g_ptr_array_new_with_free_func((GDestroyNotify)planned_write_free);
    row->needs = g_array_new(FALSE, FALSE, sizeof(unsigned));
    row->trail = g_ptr_array_new_with_free_func((GDestroyNotify)g_variant_unref);
    return row;
}

void planned_row_free(PlannedRow *row)
{
    if (!row)
        return;
    g_clear_pointer(&row->writes, g_ptr_array_unref);
    g_clear_pointer(&row->needs, g_array_unref);
    g_clear_pointer(&row->trail, g_ptr_array_unref);
    outcome_free(row->outcome);
    secret_free(row->hash);
    g_free(row);
}

void planned_row_close(PlannedRow *row)
{
    if (row->writes)
        g_ptr_array_set_size(row->writes, 0);
    if (row->needs)
        g_array_set_size(row->needs, 0);
    g_clear_pointer(&row->hash, secret_free);
}

void planned_row_follow(PlannedRow *row, const PlannedRow *earlier)
{
    for (guint i = 0; earlier->trail && i < earlier->trail->len; i++)
        g_ptr_array_add(row->trail, g_variant_ref(earlier->trail->pdata[i]));
}

static void write_pack(const PlannedWrite *write, Pack *pack)
{
    pack_open(pack, PACK_TUPLE, 1);
    change_pack(write->change, pack);
    pack_byte(pack, write->expect_present);
    pack_maybe_string(pack, write->uuid);
    pack_maybe_string(pack, write->version);
    pack_maybe_string(pack, write->mark);
    pack_maybe_value(pack, write->audit);
    pack_close(pack);
}

static void row_pack(const PlannedRow *row, Pack *pack)
{
    pack_open(pack, PACK_TUPLE, 4);
    pack_uint32(pack, row->line);
    pack_open(pack, PACK_ARRAY, 1);
    for (guint i = 0; row->writes && i < row->writes->len; i++)
        write_pack(row->writes->pdata[i], pack);
    pack_close(pack);
    outcome_pack(row->outcome, pack);
    pack_open(pack, PACK_ARRAY, 4);
    for (guint i = 0; row->needs && i < row->needs->len; i++)
        pack_uint32(pack, g_array_index(row->needs, unsigned, i));
    pack_close(pack);
    pack_maybe_string(pack, row->hash);
    pack_open(pack, PACK_ARRAY, 1);
    for (guint i = 0; row->trail && i < row->trail->len; i++)
        pack_value(pack, row->trail->pdata[i]);
    pack_close(pack);
    pack_close(pack);
}

GVariant *planned_rows_to_variant(GPtrArray *rows)
{
    Pack *pack = pack_new();
    pack_open(pack, PACK_ARRAY, 4);
    for (guint i = 0; i < rows->len; i++)
        row_pack(rows->pdata[i], pack);
    pack_close(pack);
    return pack_end(pack, PLAN_ROWS_TYPE);
}

static PlannedWrite *write_from_variant(GVariant *value)
{
    g_autoptr(PlannedWrite) write = g_new0(PlannedWrite, 1);
    g_autoptr(GVariant) change = NULL;
    gboolean present = FALSE;
    if (g_variant_is_of_type(value, G_VARIANT_TYPE(PLAN_WRITE_TYPE_4)))
        g_variant_get(value, "(@" CHANGE_TYPE "bmsmsms)", &change, &present, &write->uuid,
                      &write->version, &write->mark);
    else
        g_variant_get(value, "(@" CHANGE_TYPE "bmsmsmsm@" AUDIT_CHANGE_TYPE ")", &change, &present,
                      &write->uuid, &write->version, &write->mark, &write->audit);
    write->expect_present = present;
    write->change = change_from_variant(change);
    return write->change ? g_steal_pointer(&write) : NULL;
}

static void add_trail(PlannedRow *row, GVariant *trail)
{
    for (gsize i = 0; i < g_variant_n_children(trail); i++)
        g_ptr_array_add(row->trail, g_variant_get_child_value(trail, i));
}

static PlannedRow *row_from_variant(GVariant *value)
{
    g_autoptr(GVariant) writes = g_variant_get_child_value(value, 1);
    g_autoptr(GVariant) outcome = g_variant_get_child_value(value, 2);
    g_autoptr(GVariant) needs = g_variant_get_child_value(value, 3);
    g_autoptr(PlannedRow) row = planned_row_new(0, NULL);
    g_variant_get_child(value, 0, "u", &row->line);
    g_variant_get_child(value, 4, "ms", &row->hash);
    if (g_variant_n_children(value) > 5) {
        g_autoptr(GVariant) trail = g_variant_get_child_value(value, 5);
        add_trail(row, trail);
    }
    row->outcome = outcome_from_variant(outcome);
    if (!row->outcome)
        return NULL;
    for (gsize i = 0; i < g_variant_n_children(writes); i++) {
        g_autoptr(GVariant) child = g_variant_get_child_value(writes, i);
        PlannedWrite *write = write_from_variant(child);
        if (!write)
            return NULL;
        g_ptr_array_add(row->writes, write);
    }
    gsize count = 0;
    const guint32 *lines = g_variant_get_fixed_array(needs, &count, sizeof(guint32));
    if (count)
        g_array_append_vals(row->needs, lines, (guint)count);
    return g_steal_pointer(&row);
}

GPtrArray *planned_rows_from_variant(GVariant *value)
{
    if (!value ||
        (!g_variant_is_of_type(value, G_VARIANT_TYPE(PLAN_ROWS_TYPE)) &&
         !g_variant_is_of_type(value, G_VARIANT_TYPE(PLAN_ROWS_TYPE_4))) ||
        !g_variant_is_normal_form(value))
        return NULL;
    g_autoptr(GPtrArray) rows = g_ptr_array_new_with_free_func((GDestroyNotify)planned_row_free);
    for (gsize i = 0; i < g_variant_n_children(value); i++) {
        g_autoptr(GVariant) child = g_variant_get_child_value(value, i);
        PlannedRow *row = row_from_variant(child);
        if (!row)
            return NULL;
        g_ptr_array_add(rows, row);
    }
    return g_steal_pointer(&rows);
}

/* --- what a slice may touch --- */

static void add_domains(GHashTable *domains, const Grant *grant, GPtrArray *addresses)
{
    for (guint i = 0; addresses && i < addresses->len; i++) {
        const Address *address = addresses->pdata[i];
        if (grant_covers(grant, address->domain) &&
            !g_hash_table_contains(domains, address->domain))
            g_hash_table_add(domains, g_strdup(address->domain));
    }
}

static gint compare_names(gconstpointer a, gconstpointer b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* Whether it is to be found out where mail that the row leads on to goes from there. */
static bool leads_on(const Grant *grant, const Operation *operation)
{
    const GPtrArray *named = plan_named(operation);
    if (type_is_group(operation->type))
        return false;
    for (guint i = 0; named && i < named->len; i++)
        if (grant_covers(grant, ((const Address *)named->pdata[i])->domain))
            return true;
    return false;
}

/* Whether more is looked at, and relied on, than what stands in the domains that a row names: a
 * deleted address leaves the lists of all of the grant's, an account's aliases may be in each, and
 * a circle may lead through all of them. Were that not claimed, two requests could each make one
 * half of a circle. */
static bool looks_everywhere(const Grant *grant, const Operation *operation)
{
    return operation->action == ACTION_DELETE ||
           (operation->aliases.named && operation->action == ACTION_MODIFY) ||
           leads_on(grant, operation);
}

GStrv plan_domains(const Grant *grant, GPtrArray *operations)
{
    g_autoptr(GHashTable) domains = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    bool everywhere = false;
    for (guint i = 0; i < operations->len; i++) {
        const Operation *operation = operations->pdata[i];
        if (!operation)
            continue;
        if (grant_covers(grant, operation->address->domain))
            g_hash_table_add(domains, g_strdup(operation->address->domain));
        add_domains(domains, grant, operation->aliases.named);
        if (operation->target_domain && grant_covers(grant, operation->target_domain))
            g_hash_table_add(domains, g_strdup(operation->target_domain));
        add_domains(domains, grant, plan_named(operation));
        everywhere |= looks_everywhere(grant, operation);
    }
    if (everywhere && grant->every_domain) {
        g_hash_table_remove_all(domains);
        g_hash_table_add(domains, g_strdup("*"));
    }
    for (guint i = 0; everywhere && grant->domains && grant->domains[i]; i++)
        g_hash_table_add(domains, g_strdup(grant->domains[i]));

    GPtrArray *names = g_ptr_array_new();
    GHashTableIter iter;
    gpointer name;
    g_hash_table_iter_init(&iter, domains);
    while (g_hash_table_iter_next(&iter, &name, NULL))
        g_ptr_array_add(names, g_strdup(name));
    g_ptr_array_sort(names, compare_names);
    g_ptr_array_add(names, NULL);
    return (GStrv)g_ptr_array_free(names, FALSE);
}
