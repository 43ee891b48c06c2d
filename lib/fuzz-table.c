/* SPDX-License-Identifier: MIT */
#include "lib/operation.h"
#include "lib/password.h"

#include <stdint.h>
#include <string.h>

/* Any bytes as a batchload.csv: every row becomes an operation or an outcome, and what is written
 * of a row is read again as the same row. Seeds: test-fixtures/table. */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const TableLimits limits = {100, 20, 1000, 20000, NULL};

static void check_operation(const TableRow *row, const TableHead *head)
{
    static const char *const names[] = {"displayName", "uid", NULL};
    static const char *const *const attributes[TYPE_COUNT] = {
        [TYPE_FULL] = names, [TYPE_LIST] = names};
    const OperationRules rules = {true, PASSWORD_CRYPT_SHA512 | PASSWORD_ARGON2, NULL, attributes};
    g_autoptr(Outcome) outcome = NULL;
    g_autoptr(Operation) operation = operation_from_row(row, head, &rules, &outcome);
    g_assert_true((operation == NULL) != (outcome == NULL));
    g_assert_true(!outcome || g_utf8_validate(outcome->reason, -1, NULL));
}

/* A leading ' before a formula is the one thing that is taken off. */
static bool same_cell(const char *a, const char *b)
{
    return strcmp(a, b) == 0 || (*a == '\'' && strcmp(a + 1, b) == 0);
}

static void check_written(const TableRow *row, const TableHead *head)
{
    g_autoptr(GString) out = g_string_new(NULL);
    table_write_line(out, ';', (const char *const *)head->name, head->columns);
    table_write_line(out, ';', (const char *const *)row->cell, row->columns);
    g_autoptr(GInputStream) stream =
        g_memory_input_stream_new_from_data(out->str, (gssize)out->len, NULL);
    const TableLimits wide = {100, 20, 3000, 100000, NULL};
    g_autoptr(TableReader) reader = table_reader_new(stream, &wide);
    g_autoptr(GError) error = NULL;
    TableRow *next = NULL;
    Answer answer = table_reader_next(reader, &next, &error);
    g_autoptr(TableRow) again = next;
    g_assert_no_error(error);
    if (answer == ANSWER_NO) /* nothing but empty cells: of a ragged row */
        return;
    g_assert_cmpuint(again->columns, ==, row->columns);
    g_assert_cmpuint(again->found, ==, row->columns);
    for (unsigned i = 0; i < row->columns; i++)
        g_assert_true(field_is_secret(head->field[i]) || same_cell(row->cell[i], again->cell[i]));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    g_autoptr(GInputStream) stream = g_memory_input_stream_new_from_data(data, (gssize)size, NULL);
    g_autoptr(TableReader) reader = table_reader_new(stream, &limits);
    TableRow *next = NULL;
    unsigned line = 0;
    while (table_reader_next(reader, &next, NULL) == ANSWER_YES) {
        g_autoptr(TableRow) row = next;
        const TableHead *head = table_reader_head(reader, NULL);
        g_assert_cmpuint(row->line, >, line);
        g_assert_cmpuint(row->columns, ==, head->columns);
        for (unsigned i = 0; i < row->columns; i++)
            g_assert_true(g_utf8_validate(row->cell[i], -1, NULL));
        line = row->line;
        check_operation(row, head);
        check_written(row, head);
    }
    return 0;
}
