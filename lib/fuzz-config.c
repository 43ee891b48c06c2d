/* SPDX-License-Identifier: MIT */
#include "lib/config.h"
#include "tests/fuzz-file.h"

#include <string.h>

/* Any bytes as batchload.conf, and no other file is opened: one sentence on one line, or values
 * within their ranges. Seeds: test-fixtures/config. */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_values(const Config *config)
{
    g_assert_cmpuint(config->workers, >=, 1);
    g_assert_cmpuint(config->workers, <=, 64);
    g_assert_cmpuint(config->slice_rows, >=, 1);
    g_assert_cmpuint(config->slice_rows, <=, 5000);
    g_assert_cmpuint(config->socket_mode, <=, 0777);
    g_assert_cmpuint(config->table.columns_max, >=, 4);
    g_assert_cmpuint(config->table.field_bytes_max, >=, 64);
    g_assert_cmpuint(config->request.mime_depth_max, >=, 1);
    g_assert_cmpuint(config->request.mime_depth_max, <=, 500);
    g_assert_cmpuint(config->request.parser_seconds, >=, 1);
    g_assert_cmpuint(config->directory.window, >=, 1);
    g_assert_true(config->socket != NULL && config->sender_table != NULL);
    for (gsize i = 0; config->batch_addresses != NULL && config->batch_addresses[i]; i++) {
        g_autoptr(Address) address = address_parse(config->batch_addresses[i], NULL, NULL);
        g_assert_nonnull(address);
        g_assert_cmpstr(address->full, ==, config->batch_addresses[i]);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char path[FUZZ_FILE_PATH_MAX];
    const int fd = fuzz_file(data, size, path);
    g_autoptr(GError) error = NULL;
    g_autoptr(Config) config = config_load_file(path, &error);
    close(fd);
    g_assert_true((config == NULL) == (error != NULL));
    if (error != NULL) {
        g_assert_true(g_utf8_validate(error->message, -1, NULL));
        g_assert_null(strpbrk(error->message, "\r\n"));
        return 0;
    }
    check_values(config);
    g_autoptr(Config) second = config_ref(config);
    g_assert_true(second == config);
    return 0;
}
