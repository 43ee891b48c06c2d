/* SPDX-License-Identifier: MIT */
#include "cli/door.h"

#include "lib/table.h"

#include <gio/gio.h>
#include <stdint.h>
#include <string.h>

/* Any words as the options of a door's command, a NUL behind each. What may be a password is gone
 * from the command line, whatever becomes of the rest, and nothing but names of options is told.
 * What is taken is in UTF-8, none of it twice; as cells of a row it is read again as it was given,
 * and makes no other row. Seeds: test-fixtures/door. */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define WORDS_MAX 60

/* In the place of those that print and read; of a password, that it was asked for. */
int cli_fault(int code, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    g_autofree char *text = g_strdup_vprintf(format, arguments);
    va_end(arguments);
    g_assert_true(text[strspn(text, G_CSET_a_2_z G_CSET_A_2_Z G_CSET_DIGITS "-_.;@ ='")] == '\0');
    g_assert_cmpint(code, !=, 0);
    return code;
}

int cli_password_read(int fd, const char *where, Secret **password)
{
    (void)fd;
    g_assert_true(g_str_has_prefix(where, "descriptor "));
    *password = secret_dup("read");
    return 0;
}

static bool is_secret(const char *word)
{
    g_autofree char *name = g_ascii_strdown(word, (gssize)strcspn(word, "="));
    return strstr(name, "pass") != NULL && !g_str_has_suffix(name, "-fd");
}

/* The words as they were given and as they are now. */
static void check_wiped(char **given, char **now)
{
    for (unsigned at = 1; given[at] != NULL; at++) {
        const gsize name = strcspn(given[at], "=");
        const bool alone = given[at][name] == '\0';
        if (name < 3 || !g_str_has_prefix(given[at], "--") || (alone && given[at + 1] == NULL))
            continue;
        if (is_secret(given[at])) {
            const gsize begin = alone ? 0 : name + 1;
            const char *value = given[at + alone] + begin;
            for (gsize i = 0; i < strlen(value); i++)
                g_assert_true(now[at + alone][begin + i] == '\0');
        }
        at += alone;
    }
}

static void check_options(const GPtrArray *options)
{
    for (guint i = 0; i < options->len; i++) {
        const DoorOption *option = options->pdata[i];
        g_assert_true(g_utf8_validate(option->value, -1, NULL));
        g_assert_true(door_option(options, option->name) == option->value);
    }
}

static TableRow *read_row(TableReader *reader)
{
    g_autoptr(GError) error = NULL;
    TableRow *row = NULL;
    const Answer answer = table_reader_next(reader, &row, &error);
    g_assert_no_error(error);
    g_assert_true((answer == ANSWER_YES) == (row != NULL));
    return row;
}

/* The values as the columns' cells, in their order. */
static void check_table(const GPtrArray *options)
{
    static const TableLimits wide = {10, FIELD_ATTRIBUTE, 1000000, 10000000, NULL};
    g_autoptr(DoorTable) table = door_table_new();
    const unsigned count = MIN(options->len, FIELD_ATTRIBUTE);
    door_table_begin_row(table);
    for (Field field = 0; field < FIELD_ATTRIBUTE; field++)
        door_table_set_field(
            table, field, field < count ? ((DoorOption *)options->pdata[field])->value : "filled");
    g_autoptr(GString) text = door_table_text(table);
    g_autoptr(GInputStream) stream =
        g_memory_input_stream_new_from_data(text->str, (gssize)text->len, NULL);
    g_autoptr(TableReader) reader = table_reader_new(stream, &wide);
    g_autoptr(TableRow) row = read_row(reader);
    g_assert_nonnull(row);
    g_assert_cmpuint(row->found, ==, FIELD_ATTRIBUTE);
    for (Field field = 0; field < count; field++)
        g_assert_cmpstr(row->cell[field], ==, ((DoorOption *)options->pdata[field])->value);
    g_autoptr(TableRow) none = read_row(reader);
    g_assert_null(none);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    g_autoptr(GPtrArray) given = g_ptr_array_new_with_free_func(g_free);
    g_autoptr(GPtrArray) now = g_ptr_array_new_with_free_func(g_free);
    g_autoptr(Secret) password = NULL;
    int code = -1;
    g_ptr_array_add(given, g_strdup("command"));
    for (size_t at = 0; at < size && given->len < WORDS_MAX;) {
        char *word = g_strndup((const char *)data + at, size - at);
        g_ptr_array_add(given, word);
        at += strlen(word) + 1;
    }
    for (guint i = 0; i < given->len; i++)
        g_ptr_array_add(now, g_strdup(given->pdata[i]));
    g_ptr_array_add(given, NULL);
    g_ptr_array_add(now, NULL);
    g_autoptr(GPtrArray) options = door_options((int)now->len - 1, (char **)now->pdata, &code);
    g_assert_true((options == NULL) == (code != 0));
    check_wiped((char **)given->pdata, (char **)now->pdata);
    if (options == NULL)
        return 0;
    check_options(options);
    (void)door_password(options, "password", "BATCHLOAD_FUZZ", &password);
    check_table(options);
    return 0;
}
