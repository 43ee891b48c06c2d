/* SPDX-License-Identifier: MIT */
#include "policy/map.h"
#include "tests/fuzz-file.h"

#include <glib/gstdio.h>
#include <stdlib.h>
#include <string.h>

/* Any bytes as the file of an lmdb table: it is no table, or each of its entries can be listed, and
 * is found by its key.
 * Seeds: test-fixtures/lmdb. */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* The descriptor that the table's name leads to. */
#define TABLE_FD 500

static char *folder, *table;

static void clean_up(void)
{
    g_autofree char *path = g_strconcat(table, ".lmdb", NULL);
    g_unlink(path);
    g_rmdir(folder);
    g_free(folder);
    g_free(table);
}

/* A name that ends as such a table's does. */
static void set_up(void)
{
    g_autofree char *target = g_strdup_printf("/proc/self/fd/%d", TABLE_FD), *path = NULL;
    folder = g_dir_make_tmp("fuzz-lmdb-XXXXXX", NULL);
    g_assert_nonnull(folder);
    table = g_build_filename(folder, "table", NULL);
    path = g_strconcat(table, ".lmdb", NULL);
    g_assert_cmpint(symlink(target, path), ==, 0);
    atexit(clean_up);
}

typedef struct {
    Map *map;
    char *last; /* key */
} Listed;

static bool take_pair(gpointer data, const char *key, const char *value, unsigned line,
                      GError **error G_GNUC_UNUSED)
{
    Listed *listed = data;
    g_autofree char *found = NULL;
    g_assert_cmpuint(line, ==, 0);
    g_assert_true(*key != '\0' && *value != '\0');
    g_assert_true(g_utf8_validate(key, -1, NULL) && g_utf8_validate(value, -1, NULL));
    if (listed->last != NULL)
        g_assert_cmpint(strcmp(listed->last, key), <, 0);
    g_free(listed->last);
    listed->last = g_strdup(key);
    /* What is not folded is never looked for. */
    g_autofree char *folded = g_ascii_strdown(key, -1);
    if (g_str_is_ascii(key) && g_str_equal(folded, key)) {
        g_assert_cmpint(map_lookup(listed->map, key, &found, NULL), ==, ANSWER_YES);
        g_assert_cmpstr(found, ==, value);
    }
    return true;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char path[FUZZ_FILE_PATH_MAX];
    if (folder == NULL)
        set_up();
    const int fd = fuzz_file(data, size, path);
    g_assert_cmpint(dup2(fd, TABLE_FD), ==, TABLE_FD);
    g_autofree char *spec = g_strconcat("lmdb:", table, NULL);
    g_autoptr(GError) error = NULL;
    g_autoptr(Map) map = map_open(spec, &error);
    g_assert_no_error(error);
    close(fd);
    Listed listed = {map, NULL};
    const Answer answer = map_each(map, take_pair, &listed, &error);
    g_free(listed.last);
    g_assert_true(answer == (error == NULL ? ANSWER_YES : ANSWER_UNKNOWN));
    if (error != NULL) {
        g_assert_true(error->domain == MAP_ERROR && g_utf8_validate(error->message, -1, NULL));
        g_assert_null(strstr(error->message, "can't be read"));
    }
    g_autofree char *none = NULL;
    map_lookup(map, "some@key.example", &none, NULL);
    close(TABLE_FD);
    return 0;
}
