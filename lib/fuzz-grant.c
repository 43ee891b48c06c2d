/* SPDX-License-Identifier: MIT */
#include "lib/grant.h"

#include <stddef.h>
#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* A grant says where, what and which, or it is an error; its own source gives it again. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    g_autofree char *text = g_strndup((const char *)data, size);
    g_autoptr(GError) error = NULL;
    g_autoptr(Grant) grant = grant_parse(text, NULL, &error), again = NULL;

    g_assert_true((grant == NULL) == (error != NULL));
    if (grant == NULL)
        return 0;
    if (grant->verdict == GRANT_ALLOW) {
        g_assert_true(grant->every_domain != (grant->domains != NULL));
        g_assert_true(grant->actions != 0 && grant->types != 0);
    }
    again = grant_parse(grant->source, NULL, NULL);
    g_assert_nonnull(again);
    return 0;
}
