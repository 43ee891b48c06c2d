/* SPDX-License-Identifier: MIT */
#include "lib/address.h"

#include <idn2.h>
#include <string.h>

/* Longest text that is looked at: a Unicode domain takes more bytes than its A-labels. */
#define TEXT_MAX 1024
#define LABEL_MAX 63

G_DEFINE_QUARK(batchload_address_error, address_error)

/* RFC 5322, 3.2.3 */
static bool is_atext(char c)
{
    return g_ascii_isalnum(c) || (c != '\0' && strchr("!#$%&'*+-/=?^_`{|}~", c) != NULL);
}

static void refuse_character(GError **error, AddressError code, const char *part, char c)
{
    if (c == ' ' || c == '\t')
        g_set_error(error, ADDRESS_ERROR, code, "The %s of the address has a space in it.", part);
    else if (g_ascii_isgraph(c))
        g_set_error(error, ADDRESS_ERROR, code,
                    "The %s of the address can't have the character %c in it.", part, c);
    else
        g_set_error(error, ADDRESS_ERROR, code,
                    "The %s of the address has a letter or sign in it that can't stand there, "
                    "such as one with an accent.",
                    part);
}

/* RFC 5321, 4.1.2: Dot-string. Quoted strings and other alphabets are not taken. */
static bool local_check(const char *text, gsize length, GError **error)
{
    if (length == 0) {
        g_set_error_literal(error, ADDRESS_ERROR, ADDRESS_ERROR_EMPTY,
                            "The address has no user part.");
        return false;
    }
    if (length > ADDRESS_LOCAL_MAX) {
        g_set_error(error, ADDRESS_ERROR, ADDRESS_ERROR_LENGTH,
                    "The user part of the address is longer than %d characters.",
                    ADDRESS_LOCAL_MAX);
        return false;
    }
    for (gsize i = 0; i < length; i++) {
        bool dot_fits = i > 0 && i + 1 < length && text[i - 1] != '.';
        if (text[i] == '.' ? !dot_fits : !is_atext(text[i])) {
            refuse_character(error, ADDRESS_ERROR_LOCAL, "user part", text[i]);
            return false;
        }
    }
    return true;
}

/* RFC 1123, 2.1 on a domain in ASCII. */
static bool domain_check(const char *domain, GError **error)
{
    const char *last = NULL; /* label */
    guint count = 0;

    for (const char *c = domain; *c != '\0'; c++) {
        if (!g_ascii_isalnum(*c) && *c != '-' && *c != '.') {
            refuse_character(error, ADDRESS_ERROR_DOMAIN, "domain", *c);
            return false;
        }
    }
    for (const char *label = *domain != '\0' ? domain : NULL; label != NULL; count++) {
        const gsize length = strcspn(label, ".");
        if (length == 0 || length > LABEL_MAX || label[0] == '-' || label[length - 1] == '-') {
            g_set_error_literal(
                error, ADDRESS_ERROR, ADDRESS_ERROR_DOMAIN,
                "The domain is not written as domains are: it must not begin or end with a dot, "
                "have two dots side by side, or have a part between dots that begins or ends with "
                "a hyphen or is longer than 63 characters.");
            return false;
        }
        last = label;
        label = label[length] == '.' ? label + length + 1 : NULL;
    }
    if (count < 2 || strspn(last, "0123456789") == strlen(last)) {
        g_set_error_literal(error, ADDRESS_ERROR, ADDRESS_ERROR_DOMAIN,
                            "The domain is not complete: it needs a form like example.com.");
        return false;
    }
    return true;
}

/* Unicode to A-labels; an A-label that stands for nothing valid is refused too (IDNA2008). */
static char *domain_to_ascii(const char *text, GError **error)
{
    const int flags = IDN2_NFC_INPUT | IDN2_NONTRANSITIONAL;
    char *ascii = NULL, *unicode = NULL, *again = NULL, *result = NULL;

    if (idn2_lookup_u8((const uint8_t *)text, (uint8_t **)&ascii, flags) == IDN2_OK &&
        idn2_to_unicode_8z8z(ascii, &unicode, flags) == IDN2_OK &&
        idn2_lookup_u8((const uint8_t *)unicode, (uint8_t **)&again, flags) == IDN2_OK &&
        g_ascii_strcasecmp(ascii, again) == 0)
        result = g_ascii_strdown(ascii, -1);
    else
        g_set_error_literal(error, ADDRESS_ERROR, ADDRESS_ERROR_DOMAIN,
                            "The domain has characters that can't stand in a domain's name.");
    idn2_free(ascii);
    idn2_free(unicode);
    idn2_free(again);
    return result;
}

static bool needs_idn(const char *text)
{
    bool label = true; /* one begins here */

    for (const char *c = text; *c != '\0'; label = *c++ == '.') {
        if ((guchar)*c >= 0x80 || (label && g_ascii_strncasecmp(c, "xn--", 4) == 0))
            return true;
    }
    return false;
}

char *domain_normalise(const char *text, GError **error)
{
    g_autofree char *domain = NULL;

    if (*text == '\0') {
        g_set_error_literal(error, ADDRESS_ERROR, ADDRESS_ERROR_EMPTY,
                            "The address has no domain.");
        return NULL;
    }
    if (strlen(text) > TEXT_MAX)
        goto too_long;
    /* Before the library: it would take blanks and dots of other alphabets for something else. */
    for (const char *c = text; *c != '\0'; c++) {
        if (g_ascii_iscntrl(*c) || *c == ' ' || *c == '@') {
            refuse_character(error, ADDRESS_ERROR_DOMAIN, "domain", *c);
            return NULL;
        }
    }
    if (!needs_idn(text))
        domain = g_ascii_strdown(text, -1);
    else if (!g_utf8_validate(text, -1, NULL))
        refuse_character(error, ADDRESS_ERROR_DOMAIN, "domain", '\x7f');
    else
        domain = domain_to_ascii(text, error);
    if (domain == NULL || !domain_check(domain, error))
        return NULL;
    if (strlen(domain) > ADDRESS_DOMAIN_MAX)
        goto too_long;
    return g_steal_pointer(&domain);

too_long:
    g_set_error(error, ADDRESS_ERROR, ADDRESS_ERROR_LENGTH,
                "The domain of the address is longer than %d characters.", ADDRESS_DOMAIN_MAX);
    return NULL;
}

/* All in one piece of memory; the domain is in normal form, the local part has been checked. */
static Address *address_new(const char *local, gsize length, const char *domain)
{
    const gsize domain_size = strlen(domain) + 1;
    Address *address = g_malloc(sizeof *address + length + 1 + domain_size + length + 1);
    address->full = (char *)(address + 1);
    address->domain = address->full + length + 1;
    address->local = address->domain + domain_size;
    for (gsize i = 0; i < length; i++)
        address->full[i] = g_ascii_tolower(local[i]);
    address->full[length] = '@';
    memcpy(address->domain, domain, domain_size);
    memcpy(address->local, address->full, length);
    address->local[length] = '\0';
    return address;
}

/* domain: NULL, and the other is taken, which is in normal form. */
static Address *address_make(const char *local, gsize length, const char *domain,
                             const char *normal_domain, GError **error)
{
    g_autofree char *made = NULL;

    if (!local_check(local, length, error))
        return NULL;
    if (domain != NULL) {
        made = domain_normalise(domain, error);
        normal_domain = made;
    }
    if (normal_domain == NULL)
        return NULL;
    if (length + 1 + strlen(normal_domain) > ADDRESS_MAX) {
        g_set_error(error, ADDRESS_ERROR, ADDRESS_ERROR_LENGTH,
                    "The address is longer than %d characters.", ADDRESS_MAX);
        return NULL;
    }
    return address_new(local, length, normal_domain);
}

Address *address_from_parts(const char *local, const char *domain, GError **error)
{
    return address_make(local, strlen(local), domain, NULL, error);
}

Address *address_parse(const char *text, const char *default_domain, GError **error)
{
    const char *at = strrchr(text, '@');

    if (*text == '\0') {
        g_set_error_literal(error, ADDRESS_ERROR, ADDRESS_ERROR_EMPTY, "The address is empty.");
        return NULL;
    }
    if (at == NULL && default_domain == NULL) {
        g_set_error_literal(error, ADDRESS_ERROR, ADDRESS_ERROR_DOMAIN,
                            "The address has no @ and no domain.");
        return NULL;
    }
    if (at == NULL)
        return address_make(text, strlen(text), NULL, default_domain, error);
    return address_make(text, (gsize)(at - text), at + 1, NULL, error);
}

Address *address_of_domain(const char *domain)
{
    return address_new("", 0, domain);
}

Address *address_copy(const Address *address)
{
    return address_new(address->local, strlen(address->local), address->domain);
}

void address_free(Address *address)
{
    g_free(address);
}
