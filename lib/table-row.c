/* SPDX-License-Identifier: MIT */
#include "lib/pack.h"
#include "lib/secret.h"
#include "lib/table.h"

#include <string.h>

/* The row, its cells and their bytes are one piece. */
TableRow *table_row_new(unsigned line, unsigned columns, const char *cells, gsize bytes)
{
    const gsize head = sizeof(TableRow) + (columns + 1) * sizeof(char *);
    TableRow *row = g_malloc(head + bytes);
    char *at = (char *)row + head, *end = at + bytes;
    *row = (TableRow){line, columns, columns, (char **)(row + 1), bytes};
    if (bytes > 0)
        memcpy(at, cells, bytes);
    for (unsigned i = 0; i < columns; i++) {
        char *nul = memchr(at, '\0', (gsize)(end - at));
        if (!nul) {
            table_row_free(row);
            return NULL;
        }
        row->cell[i] = at;
        at = nul + 1;
    }
    row->cell[columns] = NULL;
    return row;
}

void table_row_free(TableRow *row)
{
    if (!row)
        return;
    secret_wipe((char *)(row->cell + row->columns + 1), row->bytes);
    g_free(row);
}

const char *table_row_cell(const TableRow *row, const TableHead *head, Field field)
{
    int column = head->column_of[field];
    return column < 0 || (unsigned)column >= row->columns ? NULL : row->cell[column];
}

GVariant *table_rows_to_variant(GPtrArray *rows)
{
    Pack *pack = pack_new();
    pack_open(pack, PACK_ARRAY, 4);
    for (unsigned i = 0; i < rows->len; i++) {
        const TableRow *row = g_ptr_array_index(rows, i);
        pack_open(pack, PACK_TUPLE, 4);
        pack_uint32(pack, row->line);
        pack_uint32(pack, row->found);
        pack_open(pack, PACK_ARRAY, 1);
        for (unsigned k = 0; k < row->columns; k++)
            pack_string(pack, row->cell[k]);
        pack_close(pack);
        pack_close(pack);
    }
    pack_close(pack);
    return pack_end(pack, TABLE_ROWS_TYPE);
}

/* NULL: of another number of columns. */
static TableRow *unpack_cells(Unpack *unpack, unsigned line, unsigned columns)
{
    const char *cells = NULL; /* which stand one after the other */
    gsize bytes = 0, size;
    const gsize count = unpack_open_array(unpack, 1);
    for (gsize i = 0; i < count; i++, bytes += size) {
        const char *cell = unpack_bytes(unpack, &size);
        cells = cells ? cells : cell;
    }
    unpack_close(unpack);
    return count == columns ? table_row_new(line, columns, cells, bytes) : NULL;
}

GPtrArray *table_rows_from_variant(GVariant *rows, const TableHead *head)
{
    if (!g_variant_is_of_type(rows, G_VARIANT_TYPE(TABLE_ROWS_TYPE)) ||
        !g_variant_is_normal_form(rows))
        return NULL;
    g_autoptr(GPtrArray) result = g_ptr_array_new_with_free_func((GDestroyNotify)table_row_free);
    Unpack unpack;
    unpack_init(&unpack, rows);
    const gsize count = unpack_open_array(&unpack, 4);
    for (gsize i = 0; i < count; i++) {
        unpack_open_tuple(&unpack, 4, 0);
        const guint32 line = unpack_uint32(&unpack), found = unpack_uint32(&unpack);
        TableRow *row = unpack_cells(&unpack, line, head->columns);
        unpack_close(&unpack);
        if (!row)
            return NULL;
        row->found = found;
        g_ptr_array_add(result, row);
    }
    return g_steal_pointer(&result);
}

static void write_cell(GString *out, char separator, const char *cell, bool guarded)
{
    const char special[] = {'"', '\r', '\n', ' ', '\t', '\'', separator, '\0'};
    /* Also what looks as if it had been guarded: so all that is taken off is what was put there. */
    const char *first = cell + strspn(cell, "'");
    bool formula = guarded && *first && strchr("=+-@\t\r", *first);
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

void table_write_row(GString *out, char separator, const Field *fields, const char *const *cells,
                     unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        if (i)
            g_string_append_c(out, separator);
        write_cell(out, separator, cells[i], !fields || !field_is_secret(fields[i]));
    }
    /* A single empty cell would be read as a blank line. */
    if (count == 1 && !*cells[0])
        g_string_append(out, "\"\"");
    g_string_append(out, "\r\n");
}

void table_write_line(GString *out, char separator, const char *const *cells, unsigned count)
{
    table_write_row(out, separator, NULL, cells, count);
}
