/* SPDX-License-Identifier: MIT */
#include "lib/address.h"

#include <string.h>

#define L60 "aaaaaaaaaabbbbbbbbbbccccccccccddddddddddeeeeeeeeeeffffffffff"
#define OK -1

static const struct {
    const char *text, *default_domain;
    int code; /* OK or AddressError */
    const char *full;
} cases[] = {
    {"anna@example.com", NULL, OK, "anna@example.com"},
    {"Anna.Smith+x@EXAMPLE.Com", NULL, OK, "anna.smith+x@example.com"},
    {"!#$%&'*+-/=?^_`{|}~@example.com", NULL, OK, "!#$%&'*+-/=?^_`{|}~@example.com"},
    {"-rf@example.com", NULL, OK, "-rf@example.com"},
    {"anna@m\xc3\xbcller.de", NULL, OK, "anna@xn--mller-kva.de"},
    {"anna@M\xc3\x9cLLER.de", NULL, OK, "anna@xn--mller-kva.de"},
    {"anna@mu\xcc\x88ller.de", NULL, OK, "anna@xn--mller-kva.de"}, /* decomposed */
    {"anna@XN--MLLER-KVA.de", NULL, OK, "anna@xn--mller-kva.de"},
    {"anna@stra\xc3\x9f"
     "e.de",
     NULL, OK, "anna@xn--strae-oqa.de"},                              /* non-transitional */
    {"anna@ex\xd0\xb0mple.com", NULL, OK, "anna@xn--exmple-4nf.com"}, /* look-alike */
    {"anna", "example.com", OK, "anna@example.com"},
    {"Anna", "example.com", OK, "anna@example.com"},
    {"anna@other.org", "example.com", OK, "anna@other.org"},
    {L60 "abcd@example.com", NULL, OK, L60 "abcd@example.com"},
    {"", NULL, ADDRESS_ERROR_EMPTY, NULL},
    {"", "example.com", ADDRESS_ERROR_EMPTY, NULL},
    {"@example.com", NULL, ADDRESS_ERROR_EMPTY, NULL},
    {"anna@", NULL, ADDRESS_ERROR_EMPTY, NULL},
    {"anna", NULL, ADDRESS_ERROR_DOMAIN, NULL},
    {" anna@example.com", NULL, ADDRESS_ERROR_LOCAL, NULL},
    {"anna@example.com ", NULL, ADDRESS_ERROR_DOMAIN, NULL},
    {"an na@example.com", NULL, ADDRESS_ERROR_LOCAL, NULL},
    {"a..b@example.com", NULL, ADDRESS_ERROR_LOCAL, NULL},
    {".a@example.com", NULL, ADDRESS_ERROR_LOCAL, NULL},
    {"a.@example.com", NULL, ADDRESS_ERROR_LOCAL, NULL},
    {"a@b@example.com", NULL, ADDRESS_ERROR_LOCAL, NULL},
    {"\"a b\"@example.com", NULL, ADDRESS_ERROR_LOCAL, NULL},
    {"a(c)@example.com", NULL, ADDRESS_ERROR_LOCAL, NULL},
    {"a,b@example.com", NULL, ADDRESS_ERROR_LOCAL, NULL},
    {"<a@example.com>", NULL, ADDRESS_ERROR_LOCAL, NULL},
    {"a\r\nb@example.com", NULL, ADDRESS_ERROR_LOCAL, NULL},
    {"j\xc3\xb6rg@example.com", NULL, ADDRESS_ERROR_LOCAL, NULL},
    {"a@example.com.", NULL, ADDRESS_ERROR_DOMAIN, NULL},
    {"a@.example.com", NULL, ADDRESS_ERROR_DOMAIN, NULL},
    {"a@example..com", NULL, ADDRESS_ERROR_DOMAIN, NULL},
    {"a@localhost", NULL, ADDRESS_ERROR_DOMAIN, NULL},
    {"a@[127.0.0.1]", NULL, ADDRESS_ERROR_DOMAIN, NULL},
    {"a@127.0.0.1", NULL, ADDRESS_ERROR_DOMAIN, NULL},
    {"a@-example.com", NULL, ADDRESS_ERROR_DOMAIN, NULL},
    {"a@example-.com", NULL, ADDRESS_ERROR_DOMAIN, NULL},
    {"a@exa_mple.com", NULL, ADDRESS_ERROR_DOMAIN, NULL},
    {"a@exam,ple.com", NULL, ADDRESS_ERROR_DOMAIN, NULL},
    {"a@exam\nple.com", NULL, ADDRESS_ERROR_DOMAIN, NULL},
    {"a@m\xfcller.de", NULL, ADDRESS_ERROR_DOMAIN, NULL}, /* not UTF-8 */
    {"a@xn--a.com", NULL, ADDRESS_ERROR_DOMAIN, NULL},    /* not an A-label */
    {"a@ex\xe2\x80\x8b"
     "ample.com\xe2\x80\xae",
     NULL, ADDRESS_ERROR_DOMAIN, NULL},
    {L60 "abcde@example.com", NULL, ADDRESS_ERROR_LENGTH, NULL},
    {"a@" L60 "abcd.com", NULL, ADDRESS_ERROR_DOMAIN, NULL}, /* label of 64 */
    {"a@" L60 "." L60 "." L60 "." L60 ".abcdefgh.com", NULL, ADDRESS_ERROR_LENGTH, NULL},
    {"abcdefg@" L60 "." L60 "." L60 "." L60 ".com", NULL, ADDRESS_ERROR_LENGTH, NULL},
};

/* "Domains and local parts are compared and stored in lower case. A domain may be given in Unicode
 * and is stored as its A-label." */
static void test_parse(void)
{
    for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autoptr(GError) error = NULL;
        g_autoptr(Address) address = address_parse(cases[i].text, cases[i].default_domain, &error);
        g_autofree char *shown = g_strescape(cases[i].text, NULL);
        g_test_message("case %" G_GSIZE_FORMAT ": %s", i, shown);
        if (cases[i].code == OK) {
            g_autofree char *joined = NULL;
            g_assert_no_error(error);
            g_assert_cmpstr(address->full, ==, cases[i].full);
            joined = g_strconcat(address->local, "@", address->domain, NULL);
            g_assert_cmpstr(joined, ==, cases[i].full);
        } else {
            g_assert_null(address);
            g_assert_error(error, ADDRESS_ERROR, cases[i].code);
            g_assert_true(g_str_has_suffix(error->message, "."));
            g_assert_null(strchr(error->message, '\n'));
        }
    }
}

static void test_parts(void)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(Address) address = address_from_parts("Anna", "Example.COM", &error);
    g_autoptr(Address) copy = NULL;

    g_assert_no_error(error);
    copy = address_copy(address);
    g_assert_cmpstr(copy->full, ==, "anna@example.com");
    g_assert_cmpstr(copy->local, ==, "anna");
    g_assert_cmpstr(copy->domain, ==, "example.com");
    g_assert_null(address_from_parts("anna@example.com", "example.com", &error));
    g_assert_error(error, ADDRESS_ERROR, ADDRESS_ERROR_LOCAL);
    g_clear_error(&error);
    g_assert_null(address_from_parts("anna", "", &error));
    g_assert_error(error, ADDRESS_ERROR, ADDRESS_ERROR_EMPTY);
}

/* A very long text is refused without work. */
static void test_long(void)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *domain = g_strnfill(1000000, 'a');

    g_assert_null(domain_normalise(domain, &error));
    g_assert_error(error, ADDRESS_ERROR, ADDRESS_ERROR_LENGTH);
    g_clear_error(&error);
    g_assert_null(address_from_parts(domain, "example.com", &error));
    g_assert_error(error, ADDRESS_ERROR, ADDRESS_ERROR_LENGTH);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/address/parse", test_parse);
    g_test_add_func("/address/parts", test_parts);
    g_test_add_func("/address/long", test_long);
    return g_test_run();
}
