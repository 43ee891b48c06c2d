/* SPDX-License-Identifier: MIT */
#include "policy/authres.h"

#define OURS "mx.hoster.example"
#define DOMAIN "somedomain.example"

static void test_server(void)
{
    static const struct {
        const char *value, *server;
    } cases[] = {
        {" mx.hoster.example; none", OURS},
        {"MX.Hoster.Example 1; dkim=pass", OURS},
        {"\r\n\t(a (nested) \\) comment) mx.hoster.example(x);none", OURS},
        {"\"mx.hoster.example\"; none", OURS},
        {"mx.hoster.example", OURS},
        {"mx.hoster.example.evil.example; none", "mx.hoster.example.evil.example"},
        {"", NULL},
        {"  ", NULL},
        {"; dkim=pass", NULL},
        {"(mx.hoster.example", NULL},
        {"\"mx.hoster.example", NULL},
        {"\"\"; none", NULL},
    };
    for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autofree char *server = authres_server(cases[i].value);
        g_assert_cmpstr(server, ==, cases[i].server);
    }
    g_autofree char *blanks = g_strnfill(AUTHRES_MAX, ' ');
    g_autofree char *late = g_strconcat(blanks, OURS, NULL);
    g_assert_null(authres_server(late));
}

/* R7.11: what says that the domain signed, and what does not. */
static void test_dkim(void)
{
    static const struct {
        const char *value;
        bool passes;
    } cases[] = {
        {OURS "; dkim=pass header.d=" DOMAIN, true},
        {OURS " 1; dkim=pass header.d=" DOMAIN ";", true},
        {OURS "; DKIM = PASS (good) header . d = SomeDomain.Example", true},
        {OURS "; dkim/1=pass reason=\"2048-bit key\" header.d=\"" DOMAIN "\" header.s=mail", true},
        {OURS ";\r\n\tdkim=pass (2048-bit key; x) header.d=" DOMAIN "\r\n\theader.i=@" DOMAIN
              " header.b=\"aB/c+d=\" header.b=aB/c+d=",
         true},
        {OURS "; spf=fail smtp.mailfrom=x@y.example; dkim=pass header.d=" DOMAIN "; dmarc=none",
         true},
        {OURS "; dkim=fail header.d=" DOMAIN "; dkim=pass header.d=" DOMAIN, true},
        {OURS "; dkim=pass header.d=other.example; dkim=pass header.d=" DOMAIN, true},

        {OURS "; none", false},
        {OURS, false},
        {OURS ";", false},
        {OURS "; dkim=pass", false},
        {OURS "; dkim=none header.d=" DOMAIN, false},
        {OURS "; dkim=fail header.d=" DOMAIN, false},
        {OURS "; dkim=passed header.d=" DOMAIN, false},
        {OURS "; xdkim=pass header.d=" DOMAIN, false},
        {OURS "; spf=pass header.d=" DOMAIN, false},
        {OURS "; dkim=pass header.i=@" DOMAIN, false},
        {OURS "; dkim=pass header.from=" DOMAIN, false},
        {OURS "; dkim=pass smtp.d=" DOMAIN, false},
        {OURS "; dkim=pass header.d.x=" DOMAIN, false},
        /* Exactly: no parent, no part, no look-alike. */
        {OURS "; dkim=pass header.d=sub." DOMAIN, false},
        {OURS "; dkim=pass header.d=example", false},
        {OURS "; dkim=pass header.d=" DOMAIN ".evil.example", false},
        {OURS "; dkim=pass header.d=evil" DOMAIN, false},
        {OURS "; dkim=pass header.d=" DOMAIN ".", false},
        {OURS "; dkim=pass header.d=x@" DOMAIN, false},
        /* The words of one result are not those of another. */
        {OURS "; dkim=pass header.d=other.example; dkim=fail header.d=" DOMAIN, false},
        {OURS "; dkim=pass header.d=other.example header.d=" DOMAIN, false},
        {OURS "; dkim=pass header.d=" DOMAIN " header.d=other.example", false},
        /* Nothing within a comment or a text counts. */
        {OURS "; dkim=fail (dkim=pass header.d=" DOMAIN ")", false},
        {OURS "; none (; dkim=pass header.d=" DOMAIN ")", false},
        {OURS "; dkim=fail reason=\"; dkim=pass header.d=" DOMAIN "\"", false},
        {OURS "; dkim=fail header.b=\"x\\\"; dkim=pass header.d=" DOMAIN "\"", false},
        /* What is broken anywhere says nothing. */
        {OURS " dkim=pass header.d=" DOMAIN, false},
        {"; dkim=pass header.d=" DOMAIN, false},
        {OURS "; dkim=pass header.d=" DOMAIN "; spf", false},
        {OURS "; dkim=pass header.d=" DOMAIN "; (open", false},
        {OURS "; dkim=pass header.d=" DOMAIN " (open", false},
        {OURS "; dkim=pass header.d=" DOMAIN "; dkim=fail header.d=x.example (open", false},
        {OURS "; dkim=pass header.d=" DOMAIN " header.b=\"open", false},
        {OURS "; dkim=pass header.d=" DOMAIN " header.b=", false},
        {OURS "; dkim=pass header.d=" DOMAIN " )", false},
        {OURS "; dkim/=pass header.d=" DOMAIN, false},
        {OURS "; dkim= header.d=" DOMAIN, false},
    };
    for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_test_message("%s", cases[i].value);
        g_assert_true(authres_dkim_passes(cases[i].value, DOMAIN) == cases[i].passes);
    }
    g_autoptr(GString) longest = g_string_new(OURS "; dkim=pass header.d=" DOMAIN);
    while (longest->len < AUTHRES_MAX)
        g_string_append_c(longest, ' ');
    g_assert_true(authres_dkim_passes(longest->str, DOMAIN));
    g_string_append_c(longest, ' ');
    g_assert_false(authres_dkim_passes(longest->str, DOMAIN));
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/authres/server", test_server);
    g_test_add_func("/authres/R7.11/dkim", test_dkim);
    return g_test_run();
}
