/* SPDX-License-Identifier: MIT */
#include "lib/network.h"

/* R7.4: what counts as one client. */
static void test_network(void)
{
    static const struct {
        const char *client, *network;
    } cases[] = {
        {"192.0.2.7", "192.0.2.7"},
        {"::ffff:192.0.2.7", "192.0.2.7"},
        {"2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"},
        {"2001:db8:1:2:ffff::", "2001:db8:1:2::/64"},
        {"2001:db8:1:3::1", "2001:db8:1:3::/64"},
        {"::1", "::/64"},
        {"local", "local"},
        {"192.0.2.7/24", "192.0.2.7/24"},
        {"", ""},
        {NULL, NULL},
    };
    for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autofree char *network = network_of(cases[i].client);
        g_assert_cmpstr(network, ==, cases[i].network);
    }
}

/* Which clients a list of networks takes. */
static void test_list(void)
{
    static const struct {
        const char *list, *client;
        bool inside;
    } cases[] = {
        {"192.0.2.0/24", "192.0.2.255", true},
        {"192.0.2.0/24", "192.0.3.0", false},
        {"192.0.2.7", "192.0.2.7", true},
        {"192.0.2.7", "192.0.2.8", false},
        {"192.0.2.0/24", "::ffff:192.0.2.9", true},
        {"2001:db8::/32,10.0.0.0/8", "10.255.0.1", true},
        {"2001:db8::/32,10.0.0.0/8", "2001:db8:ffff::1", true},
        {"2001:db8::/32,10.0.0.0/8", "2001:db9::1", false},
        {"0.0.0.0/0", "8.8.8.8", true},
        {"0.0.0.0/0", "2001:db8::1", false},
        {"0.0.0.0/0,::/0", "local", false},
        {"0.0.0.0/0,::/0", "", false},
        {"0.0.0.0/0,::/0", NULL, false},
    };
    for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autoptr(GError) error = NULL;
        g_autoptr(GPtrArray) list = network_list_parse(cases[i].list, &error);
        g_assert_no_error(error);
        g_assert_true(network_list_has(list, cases[i].client) == cases[i].inside);
    }
}

static void test_bad(void)
{
    static const char *const bad[] = {"",          ",",       "192.0.2.0/33",  "192.0.2.1/24",
                                      "a.example", "192.0.2", "192.0.2.0/24,", "10.0.0.0/8, ::1",
                                      "10.0.0.0/", "::/129"};
    for (gsize i = 0; i < G_N_ELEMENTS(bad); i++) {
        g_autoptr(GError) error = NULL;
        g_assert_null(network_list_parse(bad[i], &error));
        g_assert_error(error, NETWORK_ERROR, NETWORK_ERROR_SYNTAX);
    }
    g_autoptr(GString) many = g_string_new("10.0.0.1");
    for (unsigned i = 1; i < NETWORK_LIST_MAX; i++)
        g_string_append(many, ",10.0.0.1");
    g_autoptr(GPtrArray) list = network_list_parse(many->str, NULL);
    g_assert_cmpuint(list->len, ==, NETWORK_LIST_MAX);
    g_string_append(many, ",10.0.0.1");
    g_autoptr(GError) error = NULL;
    g_assert_null(network_list_parse(many->str, &error));
    g_assert_error(error, NETWORK_ERROR, NETWORK_ERROR_SYNTAX);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/network/R7.4/one client", test_network);
    g_test_add_func("/network/list", test_list);
    g_test_add_func("/network/bad list", test_bad);
    return g_test_run();
}
