/* SPDX-License-Identifier: MIT */
#include "lib/grant.h"

#include <stddef.h>
#include <stdint.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_domains(char *const *domains)
{
    for (; domains != NULL && *domains != NULL; domains++) {
        g_autofree char *again = domain_normalise(*domains, NULL);
        g_assert_cmpstr(again, ==, *domains);
        g_assert_false(g_strv_contains((const char *const *)domains + 1, *domains));
    }
}

/* A grant says where, what and which, or it is an error, which is one line; its own source gives
 * it again. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    g_autofree char *text = g_strndup((const char *)data, size);
    g_autoptr(GError) error = NULL;
    g_autoptr(Grant) grant = grant_parse(text, NULL, &error), again = NULL;

    g_assert_true((grant == NULL) == (error != NULL));
    if (grant == NULL) {
        g_assert_true(g_utf8_validate(error->message, -1, NULL));
        g_assert_null(strpbrk(error->message, "\r\n"));
        return 0;
    }
    check_domains(grant->domains);
    if (grant->text != NULL) {
        g_assert_cmpuint(strlen(grant->text), <=, GRANT_TEXT_MAX);
        g_assert_null(strpbrk(grant->text, "\r\n"));
    }
    if (grant->verdict == GRANT_ALLOW) {
        g_assert_true(grant->every_domain != (grant->domains != NULL));
        g_assert_true(grant->actions != 0 && grant->types != 0);
    }
    again = grant_parse(grant->source, NULL, NULL);
    g_assert_nonnull(again);
    return 0;
}
