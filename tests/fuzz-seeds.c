/* SPDX-License-Identifier: MIT */
/* Runs a fuzz target over its seeds, the files of the folder SEEDS below the source, as a test: in
 * every build, and without libFuzzer. */
#include <glib.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void run_seed(gconstpointer data)
{
    g_autofree char *bytes = NULL;
    gsize size;
    g_assert_true(g_file_get_contents(data, &bytes, &size, NULL));
    /* Cut off anywhere it must be survived too; the copy has no byte behind its end, but is never
     * NULL, as libFuzzer has it. */
    for (gsize length = size;; length = length * 2 / 3) {
        g_autofree uint8_t *copy = g_malloc(MAX(length, 1));
        memcpy(copy, bytes, length);
        LLVMFuzzerTestOneInput(copy, length);
        if (length == 0)
            break;
    }
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_autofree char *folder = g_test_build_filename(G_TEST_DIST, SEEDS, NULL);
    g_autoptr(GDir) files = g_dir_open(folder, 0, NULL);
    g_assert_nonnull(files);
    const char *name;
    unsigned seeds = 0;
    while ((name = g_dir_read_name(files)) != NULL) {
        char *path = g_build_filename(folder, name, NULL);
        g_autofree char *test = g_strdup_printf("/seeds/%s", name);
        if (g_file_test(path, G_FILE_TEST_IS_REGULAR)) {
            g_test_add_data_func_full(test, path, run_seed, g_free);
            seeds++;
        } else {
            g_free(path);
        }
    }
    g_assert_cmpuint(seeds, >, 0);
    return g_test_run();
}
