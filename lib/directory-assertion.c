/* SPDX-License-Identifier: MIT */
#include "lib/directory-private.h"

#include <lber.h>
#include <string.h>

/* Letters of an attribute that are neither an option nor a kind of test. */
static gsize plain_name(const char *text)
{
    gsize length = 0;
    while (g_ascii_isalnum(text[length]) || text[length] == '-')
        length++;
    return length;
}

/* "(&(attribute=value)…)", of values that are as they stand there: all that the profile makes, but
 * for rare characters. false: something else, or no memory. */
static bool put_plain(BerElement *ber, const char *filter)
{
    const char *at = filter + 2;
    if (strncmp(filter, "(&(", 3) != 0 || ber_printf(ber, "t{", LDAP_FILTER_AND) == -1)
        return false;
    while (*at == '(') {
        const char *name = at + 1;
        const gsize name_length = plain_name(name);
        const char *value = name + name_length + 1;
        if (name_length == 0 || value[-1] != '=')
            return false;
        const gsize length = strcspn(value, "()\\*");
        if (length == 0 || value[length] != ')' ||
            ber_printf(ber, "t{oo}", LDAP_FILTER_EQUALITY, name, (ber_len_t)name_length, value,
                       (ber_len_t)length) == -1)
            return false;
        at = value + length + 1;
    }
    return strcmp(at, ")") == 0 && ber_printf(ber, "}") != -1;
}

int directory_assertion(LDAP *ld, const char *filter, LDAPControl *control)
{
    BerElement *ber = ber_alloc_t(LBER_USE_DER);
    struct berval value = {0};
    int code = LDAP_SUCCESS;
    if (ber == NULL || !put_plain(ber, filter) || ber_flatten2(ber, &value, 1) != 0)
        code = ldap_create_assertion_control_value(ld, (char *)filter, &value);
    ber_free(ber, 1);
    *control = (LDAPControl){(char *)LDAP_CONTROL_ASSERT, value, 1};
    return code;
}
