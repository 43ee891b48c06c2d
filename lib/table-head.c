/* SPDX-License-Identifier: MIT */
#include "lib/table.h"

#include "lib/nearest.h"
#include "lib/secret.h"
#include "lib/text.h"

#include <string.h>

G_DEFINE_QUARK(batchload_table_error, table_error)

/* Longest unknown name that is repeated, in bytes. */
#define NAME_ECHO_MAX 60

/* Most faults of a headline that are told one by one; all have room in one refusal. */
#define FAULTS_TOLD_MAX 4

/* --- no headline --- */

#define MANDATORY                                                                                  \
    "The first line must hold the names of the columns, DOMAIN, USER, TYPE and ACTION among them."

/* How many of the pieces between separators are mandatory names. */
static unsigned count_mandatory(const char *text, const char *separator)
{
    unsigned count = 0;
    for (;;) {
        gsize length = strcspn(text, separator);
        g_autoptr(Secret) piece = secret_ndup(text, length);
        Field field;
        count += field_find(piece, &field) && field_is_mandatory(field);
        if (!text[length])
            return count;
        text += length + 1;
    }
}

/* Whether the line is a headline in one cell: a spreadsheet that has the whole file in its first
 * column writes it so. */
static bool is_one_cell(const char *const *names)
{
    static const char *const separators[] = {";", ",", "\t", "|"};
    if (!names[0] || names[1])
        return false;
    for (unsigned i = 0; i < G_N_ELEMENTS(separators); i++) {
        if (count_mandatory(names[0], separators[i]) > 1)
            return true;
    }
    return false;
}

/* Which column's name is nearly that of the field, from 1; 0: none. */
static unsigned find_nearly(const char *const *names, Field wanted)
{
    for (unsigned i = 0; names[i]; i++) {
        Field field;
        if (!field_find(names[i], &field) &&
            g_strcmp0(field_nearest(names[i]), field_name(wanted)) == 0)
            return i + 1;
    }
    return 0;
}

/* Says which of the mandatory names are missing: in our words, nothing of the line. */
static void set_no_headline(const char *const *names, const bool found[FIELD_COUNT], GError **error)
{
    g_autoptr(GString) missing = g_string_new(NULL), nearly = g_string_new(NULL);
    unsigned count = 0, mandatory = 0;
    for (unsigned i = 0; i < FIELD_COUNT; i++) {
        if (!field_is_mandatory((Field)i))
            continue;
        mandatory++;
        if (found[i])
            continue;
        unsigned column = find_nearly(names, (Field)i);
        g_string_append_printf(missing, "%s%s", count++ ? ", " : "", field_name((Field)i));
        if (column)
            g_string_append_printf(nearly, " Column %u is nearly called %s: correct its name.",
                                   column, field_name((Field)i));
    }
    if (is_one_cell(names))
        g_set_error(error, TABLE_ERROR, TABLE_ERROR_HEADLINE,
                    "Each line of batchload.csv is one single cell, so there is only one "
                    "column. Divide it in your spreadsheet (Excel: Data > Text to Columns), and "
                    "save the file as CSV again.");
    else if (count == mandatory)
        g_set_error(error, TABLE_ERROR, TABLE_ERROR_HEADLINE,
                    "The first line of batchload.csv is no headline: it holds none of the "
                    "mandatory field names (%s). " MANDATORY,
                    missing->str);
    else
        g_set_error(error, TABLE_ERROR, TABLE_ERROR_HEADLINE,
                    "The first line of batchload.csv is no headline: it lacks mandatory field "
                    "names (%s).%s " MANDATORY,
                    /* Of one name alone it may be chance. */
                    missing->str, mandatory - count > 1 ? nearly->str : "");
}

/* --- a headline with faults --- */

/* Faults of single columns, as sentences; what to do about the last one. */
typedef struct {
    GString *told;
    unsigned count;
    char *advice;
} Faults;

static void faults_clear(Faults *faults)
{
    g_string_free(faults->told, TRUE);
    g_free(faults->advice);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Faults, faults_clear)

/* Takes fault over. */
static void add_fault(Faults *faults, char *fault, const char *advice)
{
    if (faults->count++ < FAULTS_TOLD_MAX)
        g_string_append_printf(faults->told, "%s%s", faults->told->len ? " " : "", fault);
    g_free(faults->advice);
    faults->advice = g_strdup(advice);
    g_free(fault);
}

/* The column that is meant by "@name", "@" before an attribute included, or NULL. Caller owns it.
 */
static char *attribute_nearest(const char *name, const TableAttributes *attributes)
{
    for (unsigned i = 0; attributes && i < FIELD_VALUE_COUNT; i++)
        if (attributes->regular[i] && g_ascii_strcasecmp(attributes->regular[i], name) == 0)
            return g_strdup(field_name(FIELD_VALUE_FIRST + i));
    const char *const *allowed = attributes ? attributes->allowed : NULL;
    g_autoptr(GPtrArray) words = g_ptr_array_new_with_free_func(g_free);
    for (unsigned i = 0; allowed && allowed[i]; i++)
        g_ptr_array_add(words, g_ascii_strup(allowed[i], -1));
    const char *word = nearest_word(name, (const char *const *)words->pdata, words->len);
    for (unsigned i = 0; word && allowed && allowed[i]; i++)
        if (words->pdata[i] == word)
            return g_strconcat("@", allowed[i], NULL);
    Field field;
    return field_find(name, &field) ? g_strdup(field_name(field)) : NULL;
}

/* A column for an attribute that nobody allowed, or that has another form. */
static void add_unknown_attribute(Faults *faults, const char *name,
                                  const TableAttributes *attributes)
{
    g_autofree char *shown = text_printable(name, -1, NAME_ECHO_MAX);
    g_autofree char *nearest = attribute_nearest(name + 1, attributes);
    if (nearest)
        add_fault(faults, g_strdup_printf("Unknown column %s; did you mean %s?", shown, nearest),
                  "Correct the headline of batchload.csv.");
    else
        add_fault(faults,
                  g_strdup_printf("The column %s is not one that this service takes.", shown),
                  "Take it out of every line, or ask your service provider for it.");
}

static bool is_allowed(const char *attribute, const TableAttributes *attributes)
{
    for (const char *const *name = attributes ? attributes->allowed : NULL; name && *name; name++)
        if (g_ascii_strcasecmp(*name, attribute) == 0)
            return true;
    return !attributes;
}

/* Whether a column before this one is for the same attribute. */
static bool is_doubled(const TableHead *head, unsigned column)
{
    for (unsigned i = 0; i < column; i++)
        if (head->field[i] == FIELD_ATTRIBUTE &&
            g_ascii_strcasecmp(head->name[i], head->name[column]) == 0)
            return true;
    return false;
}

static void add_unknown(Faults *faults, const char *name, unsigned column)
{
    g_autofree char *shown = text_printable(name, -1, NAME_ECHO_MAX);
    const char *nearest = field_nearest(name);
    if (!*name)
        add_fault(
            faults,
            g_strdup_printf("Column %u of batchload.csv has no name in the headline.", column + 1),
            "Name the column, or take it out of every line.");
    else if (field_is_later(name))
        add_fault(faults, g_strdup_printf("The column %s is not available yet.", shown),
                  "Take it out of every line.");
    else if (nearest)
        add_fault(faults, g_strdup_printf("Unknown column %s; did you mean %s?", shown, nearest),
                  "Correct the headline of batchload.csv.");
    else
        add_fault(faults, g_strdup_printf("Unknown column %s.", shown),
                  "Correct its name in the headline of batchload.csv, or take the column out of "
                  "every line.");
}

static void set_faults(const Faults *faults, GError **error)
{
    const unsigned more = faults->count - MIN(faults->count, FAULTS_TOLD_MAX);
    g_autofree char *rest = more ? g_strdup_printf(" And %u more like that.", more) : g_strdup("");
    g_set_error(error, TABLE_ERROR, TABLE_ERROR_COLUMN, "%s%s %s", faults->told->str, rest,
                faults->count == 1
                    ? faults->advice
                    : "Correct these names in the headline of batchload.csv, or take the columns "
                      "out of every line.");
}

static void add_doubled(Faults *faults, const char *name)
{
    add_fault(
        faults,
        g_strdup_printf("The column %s is given twice in the headline of batchload.csv.", name),
        "Take one of the two out of every line.");
}

/* All mandatory names are there: the rest may be named. */
static TableHead *head_fill(const char *const *names, unsigned columns,
                            const TableAttributes *attributes, GError **error)
{
    g_autoptr(TableHead) head = g_new0(TableHead, 1);
    g_auto(Faults) faults = {.told = g_string_new(NULL)};
    head->columns = columns;
    head->field = g_new0(Field, columns);
    head->name = g_strdupv((char **)names);
    for (unsigned i = 0; i < FIELD_COUNT; i++)
        head->column_of[i] = -1;
    for (unsigned i = 0; i < columns; i++) {
        Field field;
        const bool known = field_find(names[i], &field);
        if (*names[i] == '@' && (!known || !is_allowed(names[i] + 1, attributes))) {
            add_unknown_attribute(&faults, names[i], attributes);
            continue;
        }
        if (!known) {
            add_unknown(&faults, names[i], i);
            continue;
        }
        if (field == FIELD_ATTRIBUTE ? is_doubled(head, i) : head->column_of[field] >= 0)
            add_doubled(&faults, field == FIELD_ATTRIBUTE ? names[i] : field_name(field));
        head->field[i] = field;
        if (field != FIELD_ATTRIBUTE)
            head->column_of[field] = (int)i;
    }
    if (faults.count == 0)
        return g_steal_pointer(&head);
    set_faults(&faults, error);
    return NULL;
}

TableHead *table_head_from_names(const char *const *names, const TableAttributes *attributes,
                                 GError **error)
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
        set_no_headline(names, found, error);
        return NULL;
    }
    return head_fill(names, columns, attributes, error);
}

const char *table_head_name(const TableHead *head, unsigned column)
{
    const Field field = head->field[column];
    return field == FIELD_ATTRIBUTE ? head->name[column] : field_name(field);
}

void table_head_free(TableHead *head)
{
    if (!head)
        return;
    g_free(head->field);
    g_strfreev(head->name);
    g_free(head);
}
