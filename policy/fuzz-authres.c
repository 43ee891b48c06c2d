/* SPDX-License-Identifier: MIT */
#include "policy/authres.h"

#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* Any bytes as an Authentication-Results header: what passes has a server, and the words
 * somewhere. Seeds: test-fixtures/authres. */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool holds(const char *text, const char *word)
{
    g_autofree char *lower = g_ascii_strdown(text, -1);
    return strstr(lower, word) != NULL;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    g_autofree char *value = g_strndup((const char *)data, size);
    g_autofree char *server = authres_server(value);
    bool passes = authres_dkim_passes(value, "a.example");

    g_assert_true(server == NULL || *server != '\0');
    if (!passes)
        return 0;
    g_assert_nonnull(server);
    g_assert_cmpuint(strlen(value), <=, AUTHRES_MAX);
    g_assert_true(holds(value, "dkim") && holds(value, "pass"));
    return 0;
}
