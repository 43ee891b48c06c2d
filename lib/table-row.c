/* SPDX-License-Identifier: MIT */
#include "lib/secret.h"
#include "lib/table.h"

#include <string.h>

void table_row_free(TableRow *row)
{
    if (!row)
        return;
    for (unsigned i = 0; row->cell && i < row->columns; i++)
        secret_free(row->cell[i]);
    g_free(row->cell);
    g_free(row);
}

const char *table_row_cell(const TableRow *row, const TableHead *head, Field field)
{
    int column = head->column_of[field];
    return column < 0 || (unsigned)column >= row->columns ? NULL : row->cell[column];
}

GVariant *table_rows_to_variant(GPtrArray *rows)
{
    GVariantBuilder builder;
    g_variant_builder_init(&builder, G_VARIANT_TYPE(TABLE_ROWS_TYPE));
    for (unsigned i = 0; i < rows->len; i++) {
        const TableRow *row = g_ptr_array_index(rows, i);
        GVariantBuilder cells;
        g_variant_builder_init(&cells, G_VARIANT_TYPE_STRING_ARRAY);
        for (unsigned k = 0; k < row->columns; k++)
            g_variant_builder_add_value(&cells, secret_to_variant(row->cell[k]));
        g_variant_builder_add(&builder, "(uuas)", row->line, row->found, &cells);
    }
    return g_variant_builder_end(&builder);
}

GPtrArray *table_rows_from_variant(GVariant *rows, const TableHead *head)
{
    if (!g_variant_is_of_type(rows, G_VARIANT_TYPE(TABLE_ROWS_TYPE)))
        return NULL;
    g_autoptr(GPtrArray) result = g_ptr_array_new_with_free_func((GDestroyNotify)table_row_free);
    GVariantIter iter, *cells;
    guint32 line, found;
    g_variant_iter_init(&iter, rows);
    while (g_variant_iter_next(&iter, "(uuas)", &line, &found, &cells)) {
        g_autoptr(GVariantIter) owned = cells;
        if (g_variant_iter_n_children(owned) != head->columns)
            return NULL;
        TableRow *row = g_new0(TableRow, 1);
        row->line = line;
        row->found = found;
        row->columns = head->columns;
        row->cell = g_new0(char *, head->columns + 1);
        for (unsigned i = 0; g_variant_iter_next(owned, "s", &row->cell[i]); i++)
            ;
        g_ptr_array_add(result, row);
    }
    return g_steal_pointer(&result);
}

static void write_cell(GString *out, char separator, const char *cell)
{
    const char special[] = {'"', '\r', '\n', ' ', '\t', '\'', separator, '\0'};
    bool formula = *cell && strchr("=+-@\t\r", *cell);
    bool quoted = strpbrk(cell, special) != NULL;
    if (quoted)
        g_string_append_c(out, '"');
    if (formula)
        g_string_append_c(out, '\'');
    for (; *cell; cell++) {
        if (*cell == '"')
            g_string_append_c(out, '"');
        g_string_append_c(out, *cell);
    }
    if (quoted)
        g_string_append_c(out, '"');
}

void table_write_line(GString *out, char separator, const char *const *cells, unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        if (i)
            g_string_append_c(out, separator);
        write_cell(out, separator, cells[i]);
    }
    /* A single empty cell would be read as a blank line. */
    if (count == 1 && !*cells[0])
        g_string_append(out, "\"\"");
    g_string_append(out, "\r\n");
}
