/* SPDX-License-Identifier: MIT */
#include "cli/door.h"

#include "lib/field.h"
#include "lib/table.h"

#include <string.h>

struct DoorTable {
    GPtrArray *names; /* of char *: the columns, in the order of their first use */
    GPtrArray *rows; /* of GPtrArray of Secret *; one may end before the columns do, or have NULL */
};

DoorTable *door_table_new(void)
{
    DoorTable *table = g_new0(DoorTable, 1);

    table->names = g_ptr_array_new_with_free_func(g_free);
    table->rows = g_ptr_array_new_with_free_func((GDestroyNotify)g_ptr_array_unref);
    return table;
}

void door_table_free(DoorTable *table)
{
    if (table == NULL)
        return;
    g_ptr_array_unref(table->names);
    g_ptr_array_unref(table->rows);
    g_free(table);
}

void door_table_begin_row(DoorTable *table)
{
    g_ptr_array_add(table->rows, g_ptr_array_new_with_free_func((GDestroyNotify)secret_free));
}

static guint column_of(DoorTable *table, const char *name)
{
    for (guint i = 0; i < table->names->len; i++)
        if (g_ascii_strcasecmp(table->names->pdata[i], name) == 0)
            return i;
    g_ptr_array_add(table->names, g_strdup(name));
    return table->names->len - 1;
}

void door_table_set(DoorTable *table, const char *name, const char *cell)
{
    GPtrArray *row = table->rows->pdata[table->rows->len - 1];
    const guint column = column_of(table, name);

    if (row->len <= column)
        g_ptr_array_set_size(row, (gint)column + 1);
    secret_free(row->pdata[column]);
    row->pdata[column] = secret_dup(cell);
}

void door_table_set_field(DoorTable *table, Field field, const char *cell)
{
    door_table_set(table, field_name(field), cell);
}

static const char *cell_of(const GPtrArray *row, guint column)
{
    const char *cell = column < row->len ? row->pdata[column] : NULL;
    return cell != NULL ? cell : "";
}

GString *door_table_text(const DoorTable *table)
{
    const guint count = table->names->len;
    Field *fields = g_new(Field, count);
    const char **cells = g_new(const char *, count);
    gsize room = 8;
    GString *out;

    for (guint i = 0; i < count; i++) {
        if (!field_find(table->names->pdata[i], &fields[i]))
            fields[i] = FIELD_DESCRIPTION; /* an attribute is no secret */
        room += 2 * strlen(table->names->pdata[i]) + 4;
        for (guint row = 0; row < table->rows->len; row++)
            room += 2 * strlen(cell_of(table->rows->pdata[row], i)) + 8;
    }
    /* as large as it gets: what was a password must not be left behind */
    out = g_string_sized_new(room);
    table_write_line(out, ';', (const char *const *)table->names->pdata, count);
    for (guint row = 0; row < table->rows->len; row++) {
        for (guint i = 0; i < count; i++)
            cells[i] = cell_of(table->rows->pdata[row], i);
        table_write_row(out, ';', fields, cells, count);
    }
    g_free(cells);
    g_free(fields);
    return out;
}
