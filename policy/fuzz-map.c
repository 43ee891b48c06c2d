/* SPDX-License-Identifier: MIT */
#include "policy/map.h"
#include "tests/fuzz-file.h"

#include <string.h>

/* Any bytes as the file of a texthash table: what each() tells is text, a look-up gives the first
 * pair of its key, and where each() finds fault it says so with a sentence. The same bytes as a
 * list of tables, and as the pairs of an inline one: they are refused with a sentence, or every
 * pair is found. Seeds: test-fixtures/map. */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

typedef struct {
    GPtrArray *pairs; /* of char *: key, value, key, … */
    unsigned line;
} Found;

static bool take_pair(gpointer data, const char *key, const char *value, unsigned line,
                      GError **error G_GNUC_UNUSED)
{
    Found *found = data;
    g_assert_cmpuint(line, >, found->line);
    found->line = line;
    g_assert_true(*key != '\0' && !g_ascii_isspace(*key) && *value != '\0');
    g_assert_true(g_utf8_validate(key, -1, NULL) && g_utf8_validate(value, -1, NULL));
    g_assert_null(strpbrk(key, "\n"));
    g_ptr_array_add(found->pairs, g_strdup(key));
    g_ptr_array_add(found->pairs, g_strdup(value));
    return true;
}

/* The first pair with this key, as a plain search finds it. Other letters than ASCII's have more
 * cases than that. */
static const char *first_value(const Found *found, const char *key)
{
    for (guint i = 0; i < found->pairs->len; i += 2)
        if (g_ascii_strcasecmp(g_ptr_array_index(found->pairs, i), key) == 0)
            return g_ptr_array_index(found->pairs, i + 1);
    return NULL;
}

static void check_lookups(Map *map, const Found *found)
{
    for (guint i = 0; i < found->pairs->len && i < 40; i += 2) {
        g_autofree char *value = NULL;
        g_autoptr(GError) error = NULL;
        const char *key = g_ptr_array_index(found->pairs, i);
        const Answer answer = map_lookup(map, key, &value, &error);
        g_assert_no_error(error);
        g_assert_cmpint(answer, ==, ANSWER_YES);
        if (g_str_is_ascii(key))
            g_assert_cmpstr(value, ==, first_value(found, key));
    }
}

static bool has_pair(gpointer data, const char *key, const char *value, unsigned line G_GNUC_UNUSED,
                     GError **error G_GNUC_UNUSED)
{
    g_autofree char *found = NULL;
    g_assert_cmpint(map_lookup(data, key, &found, NULL), ==, ANSWER_YES);
    g_assert_cmpstr(found, ==, value);
    g_assert_true(*key != '\0' && *value != '\0');
    return true;
}

/* No file and no server of this machine. */
static bool reaches_out(const char *spec)
{
    static const char *const types[] = {
        "texthash:", "cidr:", "pcre:", "lmdb:", "ldap:", "socketmap:"};
    bool found = false;
    for (gsize i = 0; i < G_N_ELEMENTS(types); i++)
        found = found || strstr(spec, types[i]) != NULL;
    return found;
}

static void check_spec(const char *spec)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(Map) map = reaches_out(spec) ? NULL : map_open(spec, &error);
    if (error != NULL)
        g_assert_true(error->domain == MAP_ERROR && g_utf8_validate(error->message, -1, NULL));
    for (unsigned i = 0; map != NULL && i < map_count(map); i++) {
        Map *part = map_part(map, i);
        g_autofree char *value = NULL;
        if (g_str_has_prefix(map_spec(part), "fail:")) {
            g_assert_cmpint(map_lookup(part, "", &value, NULL), ==, ANSWER_UNKNOWN);
            continue;
        }
        g_assert_true(map_each(part, has_pair, part, &error) == ANSWER_YES ||
                      map_has_every_key(part));
        g_assert_no_error(error);
        g_assert_cmpint(map_lookup(part, "", &value, NULL), ==,
                        map_has_every_key(part) ? ANSWER_YES : ANSWER_NO);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char path[FUZZ_FILE_PATH_MAX];
    const int fd = fuzz_file(data, size, path);
    g_autofree char *spec = g_strconcat("texthash:", path, NULL);
    g_autoptr(GError) error = NULL;
    g_autoptr(Map) map = map_open(spec, &error);
    close(fd);
    g_assert_no_error(error);
    g_autoptr(GPtrArray) pairs = g_ptr_array_new_with_free_func(g_free);
    Found found = {pairs, 0};
    const Answer answer = map_each(map, take_pair, &found, &error);
    g_assert_true(answer == (error == NULL ? ANSWER_YES : ANSWER_UNKNOWN));
    if (error != NULL) {
        g_assert_true(g_error_matches(error, MAP_ERROR, MAP_ERROR_SYNTAX));
        g_assert_true(g_utf8_validate(error->message, -1, NULL));
    }
    check_lookups(map, &found);
    g_autofree char *none = NULL;
    g_assert_cmpint(map_lookup(map, "", &none, NULL), ==, ANSWER_NO);
    g_autofree char *text = g_strndup((const char *)data, size);
    g_autofree char *pairs_only = g_strdup_printf("inline:{%s}", text);
    check_spec(text);
    check_spec(pairs_only);
    return 0;
}
