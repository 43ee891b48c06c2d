/* SPDX-License-Identifier: MIT */
#include "lib/grant.h"

#include <string.h>

#define ALL_ACTIONS ((1u << ACTION_COUNT) - 1)
#define ALL_TYPES (((1u << TYPE_COUNT) - 1) & ~(1u << TYPE_DOMAIN | 1u << TYPE_DOMAINALIAS))
#define ALL_EXTERNAL (GRANT_EXTERNAL_FORWARD | GRANT_EXTERNAL_MEMBER)

static const struct {
    const char *text;
    Grant grant;         /* what it gives, but for domains */
    const char *domains; /* joined by commas */
} good[] = {
    {"allow",
     {.actions = ALL_ACTIONS, .types = ALL_TYPES, .external = ALL_EXTERNAL},
     "example.com"},
    {" \tALLOW  domains=A.org,M\xc3\xbcller.de ",
     {.actions = ALL_ACTIONS, .types = ALL_TYPES, .external = ALL_EXTERNAL},
     "a.org,xn--mller-kva.de"},
    {"allow domains=* actions=add,MODIFY types=FULL rows=100",
     {.every_domain = true,
      .actions = 1u << ACTION_ADD | 1u << ACTION_MODIFY,
      .types = 1u << TYPE_FULL,
      .rows = 100,
      .external = ALL_EXTERNAL},
     NULL},
    {"allow external=none administrators=yes automatic=yes envelope=any",
     {.actions = ALL_ACTIONS,
      .types = ALL_TYPES,
      .administrators = true,
      .automatic = true,
      .any_envelope = true},
     "example.com"},
    {"allow external=forward administrators=no automatic=no envelope=same types=LIST,FORWARD",
     {.actions = ALL_ACTIONS,
      .types = 1u << TYPE_FORWARD | 1u << TYPE_LIST,
      .external = GRANT_EXTERNAL_MEMBER},
     "example.com"},
    {"allow external=member actions=DELETE",
     {.actions = 1u << ACTION_DELETE, .types = ALL_TYPES, .external = GRANT_EXTERNAL_FORWARD},
     "example.com"},
    {"allow types=FULL,DOMAIN,DOMAINALIAS create_domains=yes",
     {.actions = ALL_ACTIONS,
      .types = 1u << TYPE_FULL | 1u << TYPE_DOMAIN | 1u << TYPE_DOMAINALIAS,
      .create_domains = true,
      .external = ALL_EXTERNAL},
     "example.com"},
    {"allow external=all",
     {.actions = ALL_ACTIONS, .types = ALL_TYPES, .external = ALL_EXTERNAL},
     "example.com"},
    {"discard", {.verdict = GRANT_DISCARD}, NULL},
    {"reject  Not any more: ask support.",
     {.verdict = GRANT_REJECT, .text = (char *)"Not any more: ask support."},
     NULL},
};

static void test_good(void)
{
    g_autoptr(Address) sender = address_parse("anna@example.com", NULL, NULL);

    for (gsize i = 0; i < G_N_ELEMENTS(good); i++) {
        g_autoptr(GError) error = NULL;
        g_autoptr(Grant) grant = grant_parse(good[i].text, sender, &error);
        g_autofree char *domains = NULL;

        g_test_message("%s", good[i].text);
        g_assert_no_error(error);
        domains = grant->domains != NULL ? g_strjoinv(",", grant->domains) : NULL;
        g_assert_cmpstr(domains, ==, good[i].domains);
        g_assert_cmpstr(grant->source, ==, good[i].text);
        g_assert_cmpstr(grant->text, ==, good[i].grant.text);
        g_assert_cmpint(grant->verdict, ==, good[i].grant.verdict);
        g_assert_cmpint(grant->every_domain, ==, good[i].grant.every_domain);
        g_assert_cmpuint(grant->actions, ==, good[i].grant.actions);
        g_assert_cmpuint(grant->types, ==, good[i].grant.types);
        g_assert_cmpuint(grant->rows, ==, good[i].grant.rows);
        g_assert_cmpuint(grant->external, ==, good[i].grant.external);
        g_assert_cmpint(grant->administrators, ==, good[i].grant.administrators);
        g_assert_cmpint(grant->automatic, ==, good[i].grant.automatic);
        g_assert_cmpint(grant->create_domains, ==, good[i].grant.create_domains);
        g_assert_cmpint(grant->any_envelope, ==, good[i].grant.any_envelope);
    }
}

/* Each is refused, and the message names the word. */
static const struct {
    const char *text, *word;
    GrantError code;
} bad[] = {
    {"", "allow", GRANT_ERROR_SYNTAX},
    {"   ", "allow", GRANT_ERROR_SYNTAX},
    {"permit", "permit", GRANT_ERROR_SYNTAX},
    {"allowed", "allowed", GRANT_ERROR_SYNTAX},
    {"domains=a.org", "domains=a.org", GRANT_ERROR_SYNTAX},
    {"allow domain=a.org", "domain=a.org", GRANT_ERROR_SYNTAX},
    {"allow domains", "domains", GRANT_ERROR_SYNTAX},
    {"allow domains=", "domains", GRANT_ERROR_SYNTAX},
    {"allow domains=a.org domains=b.org", "domains", GRANT_ERROR_SYNTAX},
    {"allow domains=a.org,a.ORG", "a.org", GRANT_ERROR_SYNTAX},
    {"allow domains=a.org,", "domains", GRANT_ERROR_SYNTAX},
    {"allow domains=*,a.org", "*", GRANT_ERROR_SYNTAX},
    {"allow domains=a", "\"a\"", GRANT_ERROR_SYNTAX},
    {"allow domains=a.org, b.org", "domains", GRANT_ERROR_SYNTAX},
    {"allow actions=ADD,REMOVE", "REMOVE", GRANT_ERROR_SYNTAX},
    {"allow actions=ADD,add", "add", GRANT_ERROR_SYNTAX},
    {"allow types=ALIASES", "ALIASES", GRANT_ERROR_SYNTAX},
    {"allow types=", "types", GRANT_ERROR_SYNTAX},
    {"allow rows=0", "1 to 1000000000:", GRANT_ERROR_SYNTAX},
    {"allow rows=-1", "-1", GRANT_ERROR_SYNTAX},
    {"allow rows=10x", "10x", GRANT_ERROR_SYNTAX},
    {"allow rows=99999999999999999999", "9999", GRANT_ERROR_SYNTAX},
    {"allow external=some", "some", GRANT_ERROR_SYNTAX},
    {"allow administrators=maybe", "maybe", GRANT_ERROR_SYNTAX},
    {"allow automatic", "automatic", GRANT_ERROR_SYNTAX},
    {"allow envelope=yes", "yes", GRANT_ERROR_SYNTAX},
    {"allow everything", "everything", GRANT_ERROR_SYNTAX},
    {"allow rows=1\nx", "rows", GRANT_ERROR_SYNTAX},
    {"allow \xff", "UTF-8", GRANT_ERROR_SYNTAX},
    {"discard please", "please", GRANT_ERROR_SYNTAX},
    {"reject", "reject", GRANT_ERROR_SYNTAX},
    {"allow auth=smime", "smime", GRANT_ERROR_NOT_AVAILABLE},
    {"allow auth=password+PGP", "pgp", GRANT_ERROR_NOT_AVAILABLE},
    {"allow auth=", "auth", GRANT_ERROR_SYNTAX},
    {"allow auth=plain", "plain", GRANT_ERROR_SYNTAX},
    {"allow auth=password,sasl", "password,sasl", GRANT_ERROR_SYNTAX},
    {"allow auth=password+", "auth=", GRANT_ERROR_SYNTAX},
    {"allow auth=sasl+sasl", "sasl", GRANT_ERROR_SYNTAX},
    {"allow auth=sasl auth=password", "auth", GRANT_ERROR_SYNTAX},
    /* R7.5: what proves no person. */
    {"allow auth=dkim", "domain_proof=yes", GRANT_ERROR_SYNTAX},
    {"allow auth=tls", "password or sasl", GRANT_ERROR_SYNTAX},
    {"allow auth=tls+client=192.0.2.0/24", "password or sasl", GRANT_ERROR_SYNTAX},
    {"allow auth=tls domain_proof=yes", "domain_proof", GRANT_ERROR_SYNTAX},
    {"allow auth=dkim domain_proof=no", "domain_proof=yes", GRANT_ERROR_SYNTAX},
    {"allow domain_proof=yes", "domain_proof", GRANT_ERROR_SYNTAX},
    {"allow domain_proof", "domain_proof", GRANT_ERROR_SYNTAX},
    {"allow tls=yes", "tls", GRANT_ERROR_SYNTAX},
    {"allow tls auth=sasl+tls", "tls", GRANT_ERROR_SYNTAX},
    {"allow client=10.0.0.0/8 auth=sasl+client=10.0.0.0/8", "client", GRANT_ERROR_SYNTAX},
    {"allow client=", "client", GRANT_ERROR_SYNTAX},
    {"allow client=192.0.2.1/24", "192.0.2.1/24", GRANT_ERROR_SYNTAX},
    {"allow client=192.0.2.0/24,", "client=", GRANT_ERROR_SYNTAX},
    {"allow client=mail.example", "mail.example", GRANT_ERROR_SYNTAX},
};

static void test_bad(void)
{
    g_autoptr(Address) sender = address_parse("anna@example.com", NULL, NULL);

    for (gsize i = 0; i < G_N_ELEMENTS(bad); i++) {
        g_autoptr(GError) error = NULL;
        g_autofree char *shown = g_strescape(bad[i].text, NULL);

        g_test_message("%s", shown);
        g_assert_null(grant_parse(bad[i].text, sender, &error));
        g_assert_error(error, GRANT_ERROR, (int)bad[i].code);
        g_assert_nonnull(strstr(error->message, bad[i].word));
        g_assert_null(strchr(error->message, '\n'));
    }
}

/* "With a domain key or static, the grant must write out its domains=." */
static void test_domain_key(void)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(Grant) grant = NULL, discard = NULL;

    g_assert_null(grant_parse("allow rows=5", NULL, &error));
    g_assert_error(error, GRANT_ERROR, GRANT_ERROR_SYNTAX);
    g_assert_nonnull(strstr(error->message, "domains="));
    g_clear_error(&error);
    grant = grant_parse("allow domains=a.org", NULL, &error);
    g_assert_no_error(error);
    discard = grant_parse("discard", NULL, &error);
    g_assert_no_error(error);
    g_assert_false(grant_covers(discard, "a.org"));
}

static void test_covers(void)
{
    g_autoptr(Grant) two = grant_parse("allow domains=a.org,b.org", NULL, NULL);
    g_autoptr(Grant) every = grant_parse("allow domains=*", NULL, NULL);

    g_assert_true(grant_covers(two, "a.org"));
    g_assert_true(grant_covers(two, "b.org"));
    g_assert_false(grant_covers(two, "x.a.org"));
    g_assert_false(grant_covers(two, "org"));
    g_assert_false(grant_covers(two, ""));
    g_assert_true(grant_covers(every, "x.a.org"));
}

/* R3.54 */
static void test_nearest(void)
{
    const struct {
        const char *grant, *domain, *nearest;
    } cases[] = {
        {"allow domains=one.example,two.example", "on.example", "one.example"},
        {"allow domains=one.example,two.example", "tow.example", "two.example"},
        {"allow domains=one.example,two.example", "three.example", NULL},
        {"allow domains=xn--mller-kva.de", "xn--mler-kva.de", "xn--mller-kva.de"},
        {"allow domains=*", "on.example", NULL},
        {"discard", "on.example", NULL},
    };
    for (unsigned i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autoptr(Grant) grant = grant_parse(cases[i].grant, NULL, NULL);
        g_assert_cmpstr(grant_nearest_domain(grant, cases[i].domain), ==, cases[i].nearest);
    }
}

/* R7.5, R7.9: each combination of proofs, and what narrows them. */
static void test_auth(void)
{
    enum { P = GRANT_AUTH_PASSWORD, S = GRANT_AUTH_SASL, D = GRANT_AUTH_DKIM };
    static const struct {
        const char *words;
        unsigned auth;
        bool domain_proof, tls, client;
    } rows[] = {
        {"", P, false, false, false},
        {"auth=password", P, false, false, false},
        {"auth=SASL", S, false, false, false},
        {"auth=password+sasl", P | S, false, false, false},
        {"auth=password+dkim", P | D, false, false, false},
        {"auth=dkim+sasl", S | D, false, false, false},
        {"auth=password+sasl+dkim", P | S | D, false, false, false},
        {"auth=dkim domain_proof=yes", D, true, false, false},
        {"auth=password+dkim domain_proof=yes", P | D, true, false, false},
        {"tls", P, false, true, false},
        {"client=192.0.2.0/24,2001:db8::/32", P, false, false, true},
        {"auth=sasl TLS client=192.0.2.0/24", S, false, true, true},
        {"auth=sasl+tls", S, false, true, false},
        {"auth=tls+client=192.0.2.0/24,10.0.0.0/8+sasl", S, false, true, true},
        {"auth=password+client=192.0.2.7", P, false, false, true},
        {"auth=dkim+tls domain_proof=yes client=192.0.2.7", D, true, true, true},
    };
    g_autoptr(Address) sender = address_parse("anna@example.com", NULL, NULL);
    for (gsize i = 0; i < G_N_ELEMENTS(rows); i++) {
        g_autofree char *text = g_strconcat("allow ", rows[i].words, NULL);
        g_autoptr(GError) error = NULL;
        g_autoptr(Grant) grant = grant_parse(text, sender, &error);
        g_test_message("%s", text);
        g_assert_no_error(error);
        g_assert_cmpuint(grant->auth, ==, rows[i].auth);
        g_auto(GStrv) names = g_strsplit(grant_auth_name(grant), "+", -1);
        unsigned named = 0;
        for (char **name = names; *name != NULL; name++)
            named |= g_str_equal(*name, "password") ? P : g_str_equal(*name, "sasl") ? S : D;
        g_assert_cmpuint(named, ==, rows[i].auth);
        g_assert_cmpint(grant->domain_proof, ==, rows[i].domain_proof);
        g_assert_cmpint(grant->tls, ==, rows[i].tls);
        g_assert_cmpint(grant->clients != NULL, ==, rows[i].client);
    }
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/grant/good", test_good);
    g_test_add_func("/grant/bad", test_bad);
    g_test_add_func("/grant/domain-key", test_domain_key);
    g_test_add_func("/grant/covers", test_covers);
    g_test_add_func("/grant/nearest domain (R3.54)", test_nearest);
    g_test_add_func("/grant/R7.5/auth", test_auth);
    return g_test_run();
}
