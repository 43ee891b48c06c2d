/* SPDX-License-Identifier: MIT */
#include "lib/outcome.h"
#include "lib/plan.h"
#include "lib/table.h"

#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* Any bytes as what the spool unsealed: planned rows, rows of a table, an outcome. The first byte
 * says which. What is taken is whole, and written it is read again as the same. Seeds:
 * test-fixtures/record. */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* As the spool makes them of a file: untrusted, in memory of their own. */
static GVariant *untrusted(const char *type, const uint8_t *data, size_t size)
{
    g_autoptr(GBytes) bytes = g_bytes_new(data, size);
    return g_variant_ref_sink(g_variant_new_from_bytes(G_VARIANT_TYPE(type), bytes, FALSE));
}

static void check_outcome(const Outcome *outcome)
{
    g_assert_nonnull(outcome);
    g_assert_cmpint(outcome->result, <, RESULT_COUNT);
    g_assert_cmpstr(result_name(outcome->result), !=, "unknown");
    const char *const texts[] = {outcome->field, outcome->value, outcome->reason, outcome->advice};
    for (gsize i = 0; i < G_N_ELEMENTS(texts); i++)
        g_assert_true(texts[i] == NULL || g_utf8_validate(texts[i], -1, NULL));
}

static void check_write(const PlannedWrite *write)
{
    g_assert_nonnull(write->change);
    g_assert_nonnull(write->change->dn);
    g_assert_cmpint(write->change->kind, <=, CHANGE_DELETE);
    for (guint i = 0; i < write->change->mods->len; i++) {
        const Mod *mod = g_ptr_array_index(write->change->mods, i);
        g_assert_cmpint(mod->kind, <=, MOD_WAS);
        g_assert_nonnull(mod->attribute);
        for (guint k = 0; k < mod->values->len; k++)
            g_assert_nonnull(g_ptr_array_index(mod->values, k));
    }
    const Mod *password = change_password(write->change);
    g_assert_true(password == NULL || password->kind == MOD_PASSWORD);
    g_autoptr(Entry) before = change_before(write->change);
    g_assert_true((before == NULL) == (write->change->kind == CHANGE_ADD));
    /* Of nothing, too, it has an effect or none. */
    Entry *after = change_effect(write->change, NULL);
    if (after != NULL)
        entry_free(after);
}

static void check_plan(GVariant *value)
{
    g_autoptr(GPtrArray) rows = planned_rows_from_variant(value);
    if (rows == NULL)
        return;
    g_assert_cmpuint(rows->len, ==, g_variant_n_children(value));
    for (guint i = 0; i < rows->len; i++) {
        const PlannedRow *row = g_ptr_array_index(rows, i);
        check_outcome(row->outcome);
        for (guint k = 0; k < row->writes->len; k++)
            check_write(g_ptr_array_index(row->writes, k));
    }
    g_autoptr(GVariant) written = g_variant_ref_sink(planned_rows_to_variant(rows));
    g_autoptr(GPtrArray) again = planned_rows_from_variant(written);
    g_assert_nonnull(again);
    g_assert_cmpuint(again->len, ==, rows->len);
    g_autoptr(GVariant) twice = g_variant_ref_sink(planned_rows_to_variant(again));
    g_assert_true(g_variant_equal(written, twice));
}

static void check_table(GVariant *value, unsigned columns)
{
    TableHead head = {.columns = columns};
    g_autoptr(GPtrArray) rows = table_rows_from_variant(value, &head);
    if (rows == NULL)
        return;
    g_assert_cmpuint(rows->len, ==, g_variant_n_children(value));
    for (guint i = 0; i < rows->len; i++) {
        const TableRow *row = g_ptr_array_index(rows, i);
        g_assert_cmpuint(row->columns, ==, columns);
        for (unsigned k = 0; k < columns; k++)
            g_assert_true(g_utf8_validate(row->cell[k], -1, NULL));
    }
    g_autoptr(GVariant) written = g_variant_ref_sink(table_rows_to_variant(rows));
    g_autoptr(GVariant) normal = g_variant_get_normal_form(value);
    g_assert_true(g_variant_equal(written, normal));
}

static void check_one(GVariant *value)
{
    g_autoptr(Outcome) outcome = outcome_from_variant(value);
    if (outcome == NULL)
        return;
    check_outcome(outcome);
    g_autoptr(GVariant) written = g_variant_ref_sink(outcome_to_variant(outcome));
    g_autoptr(Outcome) again = outcome_from_variant(written);
    g_assert_nonnull(again);
    g_assert_cmpint(again->result, ==, outcome->result);
    g_assert_cmpstr(again->reason, ==, outcome->reason);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char *const types[] = {PLAN_ROWS_TYPE_4, TABLE_ROWS_TYPE, OUTCOME_TYPE};
    if (size == 0)
        return 0;
    const unsigned kind = data[0] % G_N_ELEMENTS(types);
    const bool audited = kind == 0 && data[0] >= 128; /* as this version stores them */
    g_autoptr(GVariant) value =
        untrusted(audited ? PLAN_ROWS_TYPE : types[kind], data + 1, size - 1);
    if (kind == 0)
        check_plan(value);
    else if (kind == 1)
        check_table(value, data[0] / G_N_ELEMENTS(types) % 8);
    else
        check_one(value);
    /* Another shape is none at all. */
    g_autoptr(GVariant) other = g_variant_ref_sink(g_variant_new_boolean(TRUE));
    const TableHead head = {.columns = 1};
    g_assert_null(planned_rows_from_variant(other));
    g_assert_null(table_rows_from_variant(other, &head));
    g_assert_null(outcome_from_variant(other));
    return 0;
}
