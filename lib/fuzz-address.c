/* SPDX-License-Identifier: MIT */
#include "lib/address.h"

#include <stddef.h>
#include <stdint.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Of RFC 5321's dot-string, or of a domain's name. */
static void check_dots(const char *text)
{
    g_assert_true(*text != '.' && !g_str_has_suffix(text, "."));
    g_assert_null(strstr(text, ".."));
}

/* A normal form is plain, in lower case, within its limits, and its own normal form. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    g_autofree char *text = g_strndup((const char *)data, size);
    g_autoptr(Address) address = address_parse(text, "example.com", NULL);
    g_autoptr(Address) again = NULL;

    if (address == NULL)
        return 0;
    g_assert_cmpuint(strlen(address->full), <=, ADDRESS_MAX);
    g_assert_true(g_str_is_ascii(address->full));
    g_assert_null(strpbrk(address->full, " \t\r\n<>(),;:\\\"[]"));
    for (const char *c = address->full; *c != '\0'; c++)
        g_assert_false(g_ascii_isupper(*c));
    check_dots(address->local);
    check_dots(address->domain);
    g_assert_cmpuint(strlen(address->local), <=, ADDRESS_LOCAL_MAX);
    again = address_parse(address->full, NULL, NULL);
    g_assert_nonnull(again);
    g_assert_cmpstr(again->full, ==, address->full);
    g_assert_cmpstr(again->domain, ==, address->domain);
    return 0;
}
