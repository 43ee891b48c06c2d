/* SPDX-License-Identifier: MIT */
#include "lib/password.h"

#include <glib.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* The number behind the first of word in cell; 0: none. */
static guint64 number_after(const char *cell, const char *word)
{
    const char *at = strstr(cell, word);
    return at == NULL ? 0 : g_ascii_strtoull(at + strlen(word), NULL, 10);
}

/* What is taken is short, plain UTF-8; a hashed one begins with one of our schemes and costs no
 * more than is allowed; a refused one says why. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    g_autofree char *cell = g_strndup((const char *)data, size);
    const char *reason = NULL, *advice = NULL;
    const PasswordForm form = password_form(cell, ~0u, &reason, &advice);

    g_assert_true((form == PASSWORD_FORM_REFUSED) == (reason != NULL && advice != NULL));
    if (form == PASSWORD_FORM_REFUSED)
        return 0;
    g_assert_cmpuint(strlen(cell), <=, PASSWORD_MAX);
    g_assert_true(g_utf8_validate(cell, -1, NULL));
    for (const char *c = cell; *c != '\0'; c++)
        g_assert_false(g_ascii_iscntrl(*c));
    if (form != PASSWORD_FORM_HASHED)
        return 0;
    if (g_ascii_strncasecmp(cell, "{CRYPT}$6$", 10) == 0)
        g_assert_cmpuint(number_after(cell, "$rounds="), <=, PASSWORD_SHA512_ROUNDS_MAX);
    else if (g_ascii_strncasecmp(cell, "{ARGON2}", 8) == 0)
        g_assert_cmpuint(number_after(cell, "$m="), <=, PASSWORD_ARGON2_KIB_MAX);
    g_assert_true(g_ascii_strncasecmp(cell, "{CRYPT}$", 8) == 0 ||
                  g_ascii_strncasecmp(cell, "{ARGON2}$", 9) == 0 ||
                  g_ascii_strncasecmp(cell, "{SSHA512}", 9) == 0);
    return 0;
}
