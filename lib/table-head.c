/* SPDX-License-Identifier: MIT */
#include "lib/table.h"

#include "lib/text.h"

G_DEFINE_QUARK(batchload_table_error, table_error)

/* Longest unknown name that is repeated, in bytes. */
#define NAME_ECHO_MAX 60

/* Says which of the mandatory names are missing: in our words, nothing of the line. */
static void set_no_headline(const bool found[FIELD_COUNT], GError **error)
{
    g_autoptr(GString) missing = g_string_new(NULL);
    unsigned count = 0, mandatory = 0;
    for (unsigned i = 0; i < FIELD_COUNT; i++) {
        if (!field_is_mandatory((Field)i))
            continue;
        mandatory++;
        if (found[i])
            continue;
        g_string_append_printf(missing, "%s%s", count++ ? ", " : "", field_name((Field)i));
    }
    const char *what = count == mandatory ? "it holds none of the mandatory field names"
                                          : "it lacks mandatory field names";
    g_set_error(error, TABLE_ERROR, TABLE_ERROR_HEADLINE,
                "The first line of batchload.csv is no headline: %s (%s). The first line must "
                "hold the names of the columns, DOMAIN, USER, TYPE and ACTION among them.",
                what, missing->str);
}

static void set_unknown(const char *name, unsigned column, GError **error)
{
    g_autofree char *shown = text_printable(name, -1, NAME_ECHO_MAX);
    const char *nearest = field_nearest(name);
    if (!*name)
        g_set_error(error, TABLE_ERROR, TABLE_ERROR_COLUMN,
                    "Column %u of batchload.csv has no name in the headline. Name the column, or "
                    "take it out of every line.",
                    column + 1);
    else if (field_is_later(name))
        g_set_error(error, TABLE_ERROR, TABLE_ERROR_COLUMN,
                    "The column %s is not available yet. Take it out of every line.", shown);
    else if (nearest)
        g_set_error(error, TABLE_ERROR, TABLE_ERROR_COLUMN,
                    "Unknown column %s; did you mean %s? Correct the headline of batchload.csv.",
                    shown, nearest);
    else
        g_set_error(error, TABLE_ERROR, TABLE_ERROR_COLUMN,
                    "Unknown column %s. Correct its name in the headline of batchload.csv, or take "
                    "the column out of every line.",
                    shown);
}

/* All mandatory names are there: the rest may be named. */
static TableHead *head_fill(const char *const *names, unsigned columns, GError **error)
{
    g_autoptr(TableHead) head = g_new0(TableHead, 1);
    head->columns = columns;
    head->field = g_new0(Field, columns);
    head->name = g_strdupv((char **)names);
    for (unsigned i = 0; i < FIELD_COUNT; i++)
        head->column_of[i] = -1;
    for (unsigned i = 0; i < columns; i++) {
        Field field;
        if (!field_find(names[i], &field)) {
            set_unknown(names[i], i, error);
            return NULL;
        }
        if (head->column_of[field] >= 0) {
            g_set_error(error, TABLE_ERROR, TABLE_ERROR_COLUMN,
                        "The column %s is given twice in the headline of batchload.csv. Take one "
                        "of the two out of every line.",
                        field_name(field));
            return NULL;
        }
        head->field[i] = field;
        head->column_of[field] = (int)i;
    }
    return g_steal_pointer(&head);
}

TableHead *table_head_from_names(const char *const *names, GError **error)
{
    bool found[FIELD_COUNT] = {false}, complete = true;
    unsigned columns = 0;
    for (; names[columns]; columns++) {
        Field field;
        if (field_find(names[columns], &field))
            found[field] = true;
    }
    for (unsigned i = 0; i < FIELD_COUNT; i++)
        complete = complete && (found[i] || !field_is_mandatory((Field)i));
    if (!complete) {
        set_no_headline(found, error);
        return NULL;
    }
    return head_fill(names, columns, error);
}

TableHead *table_head_copy(const TableHead *head)
{
    TableHead *copy = g_new(TableHead, 1);
    *copy = *head;
    copy->field = g_memdup2(head->field, head->columns * sizeof *head->field);
    copy->name = g_strdupv(head->name);
    return copy;
}

void table_head_free(TableHead *head)
{
    if (!head)
        return;
    g_free(head->field);
    g_strfreev(head->name);
    g_free(head);
}
