/* SPDX-License-Identifier: MIT */
#include "tests/operations.h"

static GPtrArray *addresses_of(const char *text)
{
    g_auto(GStrv) words = g_strsplit(text, ",", -1);
    GPtrArray *addresses = g_ptr_array_new_with_free_func((GDestroyNotify)address_free);
    for (guint i = 0; words[i]; i++) {
        Address *address = address_parse(words[i], NULL, NULL);
        g_assert_nonnull(address);
        g_ptr_array_add(addresses, address);
    }
    return addresses;
}

/* '+' before it: these are added; '~': removed. */
static void set_cell(AddressCell *cell, const char *text)
{
    bool removes = *text == '~';
    cell->edit = removes || *text == '+';
    GPtrArray *addresses = addresses_of(text + cell->edit);
    if (cell->edit)
        cell->removed = removes ? addresses : g_ptr_array_new();
    cell->named = removes ? g_ptr_array_new() : addresses;
}

static void set_field(Operation *operation, const char *word)
{
    g_auto(GStrv) pair = g_strsplit(word, "=", 2);
    Field field = FIELD_DOMAIN;
    g_assert_true(pair[0] && pair[1] && field_find(pair[0], &field));
    if (field == FIELD_PASSWORD) {
        operation->password = secret_dup(pair[1]);
        operation->password_hashed = pair[1][0] == '{';
    } else if (field == FIELD_MAILFORWARD) {
        set_cell(&operation->targets, pair[1]);
    } else if (field == FIELD_LIST_MEMBER || field == FIELD_MEMBER) {
        operation->members = addresses_of(pair[1]);
    } else if (field == FIELD_TARGET && operation->type == TYPE_DOMAINALIAS) {
        operation->target_domain = g_strdup(pair[1]);
    } else if (field == FIELD_OWNER) {
        operation->owner = address_parse(pair[1], NULL, NULL);
    } else if (field == FIELD_FILTER) {
        operation->filter = g_strdup(pair[1]);
    } else if (field == FIELD_TARGET) {
        operation->targets.named = addresses_of(pair[1]);
    } else if (field == FIELD_ALIAS) {
        set_cell(&operation->aliases, pair[1]);
    } else if (field == FIELD_ATTRIBUTE) {
        GPtrArray *values = g_ptr_array_new_with_free_func(g_free);
        g_auto(GStrv) words = g_strsplit(pair[1], ",", -1);
        for (guint i = 0; words[i] && !g_str_equal(pair[1], "-"); i++)
            g_ptr_array_add(values, g_strdelimit(g_strdup(words[i]), "_", ' '));
        if (!operation->attributes)
            operation->attributes = attribute_cells_new();
        attribute_cells_add(operation->attributes, pair[0] + 1, values);
    } else {
        g_assert_true(field >= FIELD_VALUE_FIRST && field <= FIELD_VALUE_LAST);
        operation->value[field - FIELD_VALUE_FIRST] =
            g_str_equal(pair[1], "-") ? g_strdup("") : g_strdelimit(g_strdup(pair[1]), "_", ' ');
    }
}

Operation *test_operation(unsigned line, const char *text)
{
    g_auto(GStrv) words = g_strsplit(text, " ", -1);
    Operation *operation = g_new0(Operation, 1);
    operation->line = line;
    g_assert_true(action_find(words[0], &operation->action));
    g_assert_true(type_find(words[1], &operation->type));
    operation->address = type_has_user(operation->type) ? address_parse(words[2], NULL, NULL)
                                                        : address_of_domain(words[2]);
    g_assert_nonnull(operation->address);
    for (guint i = 3; words[i]; i++)
        set_field(operation, words[i]);
    return operation;
}

GPtrArray *test_operations(const char *const *texts)
{
    GPtrArray *operations = g_ptr_array_new_with_free_func((GDestroyNotify)operation_free);
    for (guint i = 0; texts[i]; i++)
        g_ptr_array_add(operations, test_operation(i + 2, texts[i]));
    return operations;
}
