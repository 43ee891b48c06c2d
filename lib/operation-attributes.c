/* SPDX-License-Identifier: MIT */
#include "lib/operation-private.h"

#include "lib/text.h"
#include <string.h>

/* The columns "@attribute": which there are, and for which types, is the profile's to say. */

static void attribute_cell_free(gpointer data)
{
    AttributeCell *cell = data;
    g_free(cell->name);
    g_ptr_array_unref(cell->values);
    g_free(cell);
}

GPtrArray *attribute_cells_new(void)
{
    return g_ptr_array_new_with_free_func(attribute_cell_free);
}

void attribute_cells_add(GPtrArray *cells, const char *name, GPtrArray *values)
{
    AttributeCell *cell = g_new(AttributeCell, 1);
    *cell = (AttributeCell){g_strdup(name), values};
    g_ptr_array_add(cells, cell);
}

const AttributeCell *attribute_cells_find(const GPtrArray *cells, const char *name)
{
    for (guint i = 0; cells && i < cells->len; i++) {
        const AttributeCell *cell = cells->pdata[i];
        if (g_ascii_strcasecmp(cell->name, name) == 0)
            return cell;
    }
    return NULL;
}

/* The attribute as the profile writes it, or NULL where the row's type does not have it. */
static const char *find_allowed(const Check *check, const char *name)
{
    const char *const *const *attributes = check->rules->attributes;
    const char *const *allowed = attributes ? attributes[check->operation->type] : NULL;
    for (; allowed && *allowed; allowed++)
        if (g_ascii_strcasecmp(*allowed, name) == 0)
            return *allowed;
    return NULL;
}

static bool refuse_type(Check *check, unsigned column)
{
    const char *name = table_head_name(check->head, column);
    g_autofree char *advice = g_strdup_printf("Leave %s empty.", name);
    *check->outcome = outcome_failed(name, check->row->cell[column], advice, "TYPE %s takes no %s.",
                                     type_name(check->operation->type), name);
    return false;
}

/* As a directory compares most texts: two that differ in letter case or blanks alone are one. */
static char *folded(const char *value)
{
    g_autofree char *normal = g_utf8_normalize(value, -1, G_NORMALIZE_ALL);
    g_autofree char *lower = g_utf8_casefold(normal ? normal : value, -1);
    g_auto(GStrv) words = g_strsplit_set(lower, " ", -1);
    GString *out = g_string_new(NULL);
    for (char **word = words; *word; word++)
        if (**word)
            g_string_append_printf(out, " %s", *word);
    return g_string_free(out, FALSE);
}

static bool check_line(Check *check, unsigned column, const char *line, GHashTable *seen)
{
    const char *cell = check->row->cell[column];
    if (strcmp(line, "-") == 0)
        return check_refuse_column(check, column, cell,
                                   "Write - alone to empty it, or take the line with - out.",
                                   "has a lone - beside other values.");
    if (strlen(line) > field_bytes_max(FIELD_WHITE_FIRST)) {
        g_autofree char *reason =
            g_strdup_printf("has a value longer than the limit of %" G_GSIZE_FORMAT " bytes.",
                            field_bytes_max(FIELD_WHITE_FIRST));
        return check_refuse_column(check, column, line, "Shorten it.", reason);
    }
    if (text_has_control(line, ""))
        return check_refuse_column(check, column, cell, "Write it without tabs.",
                                   "has a tab or the like in it.");
    if (!g_hash_table_add(seen, folded(line)))
        return check_refuse_column(check, column, line, "Take one of the two out.",
                                   "has the same value twice.");
    return true;
}

/* A value a line; blanks around one do not count. */
static bool take_lines(Check *check, unsigned column, GPtrArray *values)
{
    g_auto(GStrv) lines = g_strsplit_set(check->row->cell[column], "\r\n", -1);
    g_autoptr(GHashTable) seen = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    for (char **line = lines; *line; line++) {
        g_strstrip(*line);
        if (!**line)
            continue;
        if (values->len == OPERATION_ATTRIBUTE_VALUES_MAX)
            return check_refuse_column(
                check, column, NULL, "Write fewer lines into the cell.",
                "has more than " G_STRINGIFY(OPERATION_ATTRIBUTE_VALUES_MAX) " values.");
        if (!check_line(check, column, *line, seen))
            return false;
        g_ptr_array_add(values, g_strdup(*line));
    }
    return true;
}

static bool check_cell_of(Check *check, unsigned column)
{
    Operation *operation = check->operation;
    const char *name = find_allowed(check, check->head->name[column] + 1);
    const bool clear = strcmp(check->row->cell[column], "-") == 0;
    if (!name)
        return refuse_type(check, column);
    g_autoptr(GPtrArray) values = g_ptr_array_new_with_free_func(g_free);
    if (!clear && !take_lines(check, column, values))
        return false;
    /* Nothing is cleared of what is only created. */
    if (values->len == 0 && !(clear && operation->action == ACTION_MODIFY))
        return true;
    if (!operation->attributes)
        operation->attributes = attribute_cells_new();
    attribute_cells_add(operation->attributes, name, g_steal_pointer(&values));
    return true;
}

bool operation_check_attributes(Check *check)
{
    const Operation *operation = check->operation;
    if (operation->action != ACTION_ADD && operation->action != ACTION_MODIFY)
        return true;
    for (unsigned i = 0; i < check->head->columns; i++) {
        const char *cell = check->row->cell[i];
        if (check->head->field[i] == FIELD_ATTRIBUTE && cell[strspn(cell, " \t\r\n")] &&
            !check_cell_of(check, i))
            return false;
    }
    return true;
}
