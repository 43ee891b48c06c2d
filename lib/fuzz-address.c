/* SPDX-License-Identifier: MIT */
#include "lib/address.h"

#include <stddef.h>
#include <stdint.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* A normal form is plain, within its limits, and its own normal form. */
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
    again = address_parse(address->full, NULL, NULL);
    g_assert_nonnull(again);
    g_assert_cmpstr(again->full, ==, address->full);
    g_assert_cmpstr(again->domain, ==, address->domain);
    return 0;
}
