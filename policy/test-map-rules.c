/* SPDX-License-Identifier: MIT */
#include "policy/map-fixture.h"
#include <string.h>

/* Tables of patterns: the same file and key give the same answer as with Postfix's own. */

typedef struct {
    const char *text, *key;
} Row;

/* Rows that are asked for at once. */
#define BATCH 60

/* Asks both for a key; counts what was found, and what could not be told. */
static void compare_one(gpointer asked, const char *spec, const char *key, const char *text,
                        unsigned *found, unsigned *wrong)
{
    g_autoptr(Map) map = map_open(spec, NULL);
    g_auto(MapSaid) theirs = map_fixture_answer(asked);
    g_auto(MapSaid) ours = map_fixture_ours(map, key);
    g_test_message("%s of %s \"%s\": theirs %s%s ours %s%s", key, spec, text, theirs.value,
                   theirs.wrong ? " (wrong)" : "", ours.value, ours.wrong ? " (wrong)" : "");
    g_assert_cmpint(ours.wrong, ==, theirs.wrong);
    g_assert_cmpstr(ours.value, ==, theirs.value);
    *found += theirs.value != NULL;
    *wrong += theirs.wrong;
}

static void compare_batch(const MapFixture *f, const char *type, const Row *rows, gsize count,
                          unsigned *found, unsigned *wrong)
{
    gpointer asked[BATCH];
    char *specs[BATCH];
    for (gsize i = 0; i < count; i++) {
        g_autofree char *path = g_strdup_printf("%s.%u", f->file, (unsigned)i);
        g_assert_true(g_file_set_contents(path, rows[i].text, -1, NULL));
        specs[i] = g_strdup_printf("%s:%s", type, path);
        asked[i] = map_fixture_ask(f, specs[i], rows[i].key);
    }
    for (gsize i = 0; i < count; i++) {
        compare_one(asked[i], specs[i], rows[i].key, rows[i].text, found, wrong);
        g_free(specs[i]);
    }
}

static void compare(const MapFixture *f, const char *type, const Row *rows, gsize count,
                    unsigned *found, unsigned *wrong)
{
    for (gsize i = 0; i < count; i += BATCH)
        compare_batch(f, type, rows + i, MIN(count - i, BATCH), found, wrong);
}

static const Row cidr_rows[] = {
    {"10.0.0.0/8 in\n", "10.1.2.3"},
    {"10.0.0.0/8 in\n", "11.1.2.3"},
    {"10.0.0.0/8\tin  two words \t\n", "10.255.255.255"},
    {"10.1.2.3 one\n", "10.1.2.3"},
    {"10.1.2.3 one\n", "10.1.2.4"},
    {"10.1.2.3/32 one\n", "10.1.2.3"},
    {"0.0.0.0/0 all\n", "192.0.2.1"},
    {"0.0.0.0/0 all\n", "2001:db8::1"},
    {"::/0 all\n", "2001:db8::1"},
    {"::/0 all\n", "192.0.2.1"},
    {"10.0.0.0/8 first\n10.1.0.0/16 second\n", "10.1.2.3"},
    {"10.1.0.0/16 first\n10.0.0.0/8 second\n", "10.1.2.3"},
    {"10.1.0.0/16 first\n10.0.0.0/8 second\n", "10.2.2.3"},
    {"192.0.2.128/25 upper\n192.0.2.0/25 lower\n", "192.0.2.127"},
    {"192.0.2.128/25 upper\n192.0.2.0/25 lower\n", "192.0.2.128"},
    {"192.0.2.4/30 x\n", "192.0.2.7"},
    {"192.0.2.4/30 x\n", "192.0.2.8"},
    /* bits behind the length */
    {"10.0.0.1/8 bad\n10.0.0.0/8 good\n", "10.0.0.1"},
    {"2001:db8::1/32 bad\n::/0 good\n", "2001:db8::1"},
    {"192.0.2.1/31 bad\n", "192.0.2.1"},
    {"192.0.2.1/0 bad\n", "192.0.2.1"},
    /* lengths */
    {"10.0.0.0/33 bad\n10.0.0.0/32 good\n", "10.0.0.0"},
    {"10.0.0.0/ bad\n10.0.0.0/32 good\n", "10.0.0.0"},
    {"10.0.0.0/-8 bad\n", "10.0.0.0"},
    {"10.0.0.0/+8 bad\n", "10.0.0.0"},
    {"10.0.0.0/8x bad\n", "10.0.0.0"},
    {"10.0.0.0/08 octal\n", "10.0.0.0"},
    {"10.0.0.0/8/8 bad\n", "10.0.0.0"},
    {"10.0.0.0/255.0.0.0 bad\n", "10.0.0.0"},
    {"::/128 zero\n", "::"},
    {"::/129 bad\n", "::"},
    /* addresses */
    {"10.0.0/8 bad\n", "10.0.0.0"},
    {"10/8 bad\n", "10.0.0.0"},
    {"010.0.0.0/8 bad\n", "10.0.0.0"},
    {"10.0.0.0 x\n", "010.0.0.0"},
    {"10.0.0.256 bad\n", "10.0.0.256"},
    {"example.com bad\n", "example.com"},
    {"10.0.0.0/8 x\n", "example.com"},
    {"10.0.0.0/8 x\n", ""},
    {"10.0.0.0/8 x\n", "10.0.0.0/8"},
    {"10.0.0.0/8 x\n", " 10.0.0.1"},
    {"2001:db8::/32 six\n", "2001:0DB8:0::1"},
    {"2001:DB8:0:0:0:0:0:1 six\n", "2001:db8::1"},
    {"2001:db8::/32 six\n", "2001:db9::1"},
    {"2001:db8:8000::/33 six\n", "2001:db8:8000::1"},
    {"2001:db8:8000::/33 six\n", "2001:db8:7fff::1"},
    {"fe80::/10 link\n", "fe80::1%lo"},
    {"fe80::1%lo link\n", "fe80::1%lo"},
    {"::ffff:10.0.0.0/104 mapped\n", "::ffff:10.1.2.3"},
    {"10.0.0.0/8 four\n", "::ffff:10.1.2.3"},
    {"::ffff:10.0.0.0/104 mapped\n", "10.1.2.3"},
    /* brackets */
    {"[2001:db8::1] one\n", "2001:db8::1"},
    {"[2001:db8::/32] net\n", "2001:db8::1"},
    {"[2001:db8::]/32 net\n", "2001:db8::1"},
    {"[10.0.0.0]/8 net\n", "10.1.1.1"},
    {"[10.0.0.0/8]/8 bad\n", "10.1.1.1"},
    {"[10.0.0.0/8 bad\n", "10.1.1.1"},
    {"[10.0.0.0]8 bad\n", "10.1.1.1"},
    {"10.0.0.0]/8 bad\n", "10.1.1.1"},
    {"[10.0.0.1] one\n", "[10.0.0.1]"},
    /* negation */
    {"!10.0.0.0/8 out\n", "10.1.1.1"},
    {"!10.0.0.0/8 out\n", "11.1.1.1"},
    {"!10.0.0.0/8 out\n", "2001:db8::1"},
    {"!!10.0.0.0/8 in\n", "10.1.1.1"},
    {"! !\t! 10.0.0.0/8 out\n", "11.1.1.1"},
    {"!10.1.1.1 out\n", "10.1.1.2"},
    {"! \n10.0.0.0/8 in\n", "10.1.1.1"},
    {"!example.com x\n", "10.1.1.1"},
    /* if */
    {"if 10.0.0.0/8\n10.1.0.0/16 inner\nendif\n10.2.0.0/16 outer\n", "10.1.1.1"},
    {"if 10.0.0.0/8\n0.0.0.0/0 inner\nendif\n0.0.0.0/0 outer\n", "11.1.1.1"},
    {"IF !10.0.0.0/8\n0.0.0.0/0 inner\nEndIf\n0.0.0.0/0 outer\n", "11.1.1.1"},
    {"if!10.0.0.0/8\n0.0.0.0/0 inner\nendif\n0.0.0.0/0 outer\n", "10.1.1.1"},
    {"if !10.0.0.0/8\n::/0 inner\nendif\n::/0 outer\n", "2001:db8::1"},
    {"if 10.0.0.0/8\nif 10.1.0.0/16\n10.1.1.0/24 a\nendif\n10.0.0.0/8 b\nendif\n", "10.1.1.1"},
    {"if 10.0.0.0/8\nif 10.1.0.0/16\n10.1.1.0/24 a\nendif\n10.0.0.0/8 b\nendif\n", "10.2.1.1"},
    {"if 10.0.0.0/8\nif 10.1.0.0/16\n10.1.1.0/24 a\nendif\n10.0.0.0/8 b\nendif\n", "11.2.1.1"},
    {"if 10.0.0.0/8\n10.1.0.0/16 inner\n", "10.1.1.1"},
    {"if 10.0.0.0/8\n10.1.0.0/16 inner\n\n11.0.0.0/8 lost\n", "11.1.1.1"},
    {"endif\n10.0.0.0/8 x\n", "10.1.1.1"},
    {"if 10.0.0.0/8\n10.1.0.0/16 a\nendif x\n11.0.0.0/8 lost\n", "11.1.1.1"},
    {"if 10.0.0.0/8 x\n11.0.0.0/8 a\nendif\n", "11.1.1.1"},
    {"if 10.0.0.1/8\n11.0.0.0/8 a\nendif\n", "11.1.1.1"},
    {"if\n11.0.0.0/8 a\nendif\n", "11.1.1.1"},
    {"if 10.0.0.0/8\n  10.1.0.0/16 a\nendif\n10.1.0.0/16 b\n", "10.1.1.1"},
    {"ifx 10.0.0.0/8\n10.0.0.0/8 a\n", "10.1.1.1"},
    {"endifx\n10.0.0.0/8 a\n", "10.1.1.1"},
    {"if [10.0.0.0/8]\n10.0.0.0/8 a\nendif\n", "10.1.1.1"},
    {"endif\tx\n10.0.0.0/8 a\n", "10.1.1.1"},
    /* lines */
    {"# 10.0.0.0/8 comment\n  # another\n\n10.0.0.0/8 x\n", "10.1.1.1"},
    {"10.0.0.0/8 x\n y\n# comment\n\tz\n", "10.1.1.1"},
    {" 10.0.0.0/8 x\n11.0.0.0/8 y\n", "10.1.1.1"},
    {" 10.0.0.0/8 x\n11.0.0.0/8 y\n", "11.1.1.1"},
    {"10.0.0.0/8\n", "10.1.1.1"},
    {"10.0.0.0/8\n10.1.0.0/16 x\n", "10.1.1.1"},
    {"10.0.0.0/8\n x\n", "10.1.1.1"},
    {"10.0.0.0/8 x\r\n", "10.1.1.1"},
    {"10.0.0.0/8\vx\f\n", "10.1.1.1"},
    {"10.0.0.0/8 x # no comment", "10.1.1.1"},
    {"10.0.0.0/8 caf\xc3\xa9\n", "10.1.1.1"},
    {"10.0.0.0/8 latin\xe9\n", "10.1.1.1"},
    {"10.0.0.0/8 latin\xe9\n", "11.1.1.1"},
    {"10.0.0.0/8 x\n", "10.1.1.1\xe9"},
    {"", "10.1.1.1"},
};

static void test_cidr(MapFixture *f, gconstpointer data)
{
    (void)data;
    unsigned found = 0, wrong = 0;
    if (!map_fixture_has_postmap(f))
        return;
    G_STATIC_ASSERT(G_N_ELEMENTS(cidr_rows) >= 60);
    compare(f, "cidr", cidr_rows, G_N_ELEMENTS(cidr_rows), &found, &wrong);
    g_assert_cmpuint(found, >=, 40);
    g_assert_cmpuint(wrong, >=, 1);
}

static const Row pcre_rows[] = {
    {"/^admin@/ yes\n", "admin@example.com"},
    {"/^admin@/ yes\n", "ADMIN@example.com"},
    {"/^admin@/ yes\n", "badmin@example.com"},
    {"/^ADMIN@/ yes\n", "admin@example.com"},
    {"/a/ first\n/b/ second\n", "ab"},
    {"/b/ first\n/a/ second\n", "ab"},
    {"/x/ first\n/a/ second\n", "ab"},
    {"/a b/ with  blanks \t\n", "a b"},
    {"//  empty pattern\n", "a"},
    {"// empty pattern\n", ""},
    {"/^$/ empty key\n", ""},
    /* delimiters */
    {"#a# comment\n", "a"},
    {"%a% percent\n", "a"},
    {"~a/b~ tilde\n", "a/b"},
    {"/a\\/b/ slash\n", "a/b"},
    {"|a\\|b| bar\n", "a|b"},
    {"|a\\|b| bar\n", "a"},
    {"\"a\" quotes\n", "a"},
    {"{a{ brace\n", "a"},
    {"\\a\\ backslash\n", "a"},
    {"-a- minus\n", "a"},
    {"\xc3"
     "a\xc3 byte\n",
     "a"},
    {"xax letter\n", "a"},
    {"1a1 digit\n", "a"},
    {"!xax negated letter\n", "b"},
    {"!!xax twice\n", "a"},
    {"/a open\n/b/ closed\n", "b"},
    {"/a\\/ open\n", "a"},
    {"/a\\", "a"},
    {"/\n", "a"},
    /* flags */
    {"/A/i sensitive\n", "a"},
    {"/A/i sensitive\n", "A"},
    {"/A/ii twice\n", "a"},
    {"/a.b/ dot\n", "a\nb"},
    {"/^b/m many\n", "a\nb"},
    {"/^b/ one\n", "a\nb"},
    {"/a b # c/x extended\n", "ab"},
    {"/a b/x extended\n", "a b"},
    {"/b/A anchored\n", "ab"},
    {"/b/A anchored\n", "ba"},
    {"/b$/E end only\n", "ab"},
    {"/^(a+)(a*)$/U ${1}-${2}\n", "aaa"},
    {"/^(a+)(a*)$/ ${1}-${2}\n", "aaa"},
    {"/^(a+?)(a*)$/ ${1}-${2}\n", "aaa"},
    {"/\\y/X extra\n", "y"},
    {"/\\y/ no extra\n", "y"},
    {"/a/X extra\n", "a"},
    {"/a/imsxAEUX all\n", "a"},
    {"/a/g global\n", "a"},
    {"/a/I large\n", "a"},
    {"/a/i\tsensitive\n", "a"},
    {"/a/value\n", "a"},
    {"/a/x\n", "a"},
    /* values */
    {"/^(.*)@(.*)$/ $2 $1\n", "a@b"},
    {"/^(.*)@(.*)$/ ${2}x$(1)\n", "a@b"},
    {"/^(.*)@(.*)$/ $1@$2.x\n", "a@b"},
    {"/^(.*)@(.*)$/ $1_x\n", "a@b"},
    {"/^(.*)@(.*)$/ $12\n", "a@b"},
    {"/^(.*)@(.*)$/ ${01}\n", "a@b"},
    {"/^(.*)@(.*)$/ $1$1$1\n", "a@b"},
    {"/a/ $$1 $$$$\n", "a"},
    {"/(a)/ $$1 $1\n", "a"},
    {"/(a)/ $$$1\n", "a"},
    {"/(a)/ costs 5$\n/a/ second\n", "a"},
    {"/(a)/ costs $ 5\n/a/ second\n", "a"},
    {"/(a)/ $0\n/a/ second\n", "a"},
    {"/(a)/ $2\n/a/ second\n", "a"},
    {"/(a)/ $1 $2\n/a/ second\n", "a"},
    {"/a/ $1\n/a/ second\n", "a"},
    {"/(?<name>a)/ $name\n/a/ second\n", "a"},
    {"/(?<name>a)/ $1\n", "a"},
    {"/(?:a)(b)/ $1\n", "ab"},
    {"/(a)/ ${1\n/a/ second\n", "a"},
    {"/(a)/ ${}\n/a/ second\n", "a"},
    {"/(a)/ ${1?x}\n/a/ second\n", "a"},
    {"/(a)/ ${{1}}\n/a/ second\n", "a"},
    {"/(a)/ $(1}\n/a/ second\n", "a"},
    {"/(a)/ $(1)}\n", "a"},
    {"/(a)|(b)/ x$1-$2\n", "a"},
    {"/(a)|(b)/ x$1-$2\n", "b"},
    {"/(a)|(b)/ $2\n/a/ second\n", "a"},
    {"/(x*)a/ $1\n", "a"},
    {"/a()/ x$1\n", "a"},
    {"/a(?=(b))/ x$1\n", "ab"},
    {"/(a)\\K(b)/ $1$2\n", "ab"},
    {"/a/\n/a/ second\n", "a"},
    {"/a/   \n/b/ second\n", "b"},
    {"/a/ \\1 & %s\n", "a"},
    /* negation */
    {"!/a/ none\n", "b"},
    {"!/a/ none\n", "a"},
    {"!/(a)/ $1\n/b/ second\n", "b"},
    {"! ! /a/ twice\n", "a"},
    {"!\n/a/ x\n", "a"},
    {"!/a none\n/b/ x\n", "b"},
    /* if */
    {"if /@one/\n/^a/ inner\nendif\n/./ outer\n", "a@one"},
    {"if /@one/\n/^a/ inner\nendif\n/./ outer\n", "b@one"},
    {"if /@one/\n/^a/ inner\nendif\n/./ outer\n", "a@two"},
    {"IF !/@one/i\n/^a/ inner\nEndif\n/./ outer\n", "a@two"},
    {"if!/@one/\n/^a/ inner\nendif\n/./ outer\n", "a@one"},
    {"if /a/\nif /b/\n/c/ abc\nendif\n/./ a\nendif\n/./ none\n", "abc"},
    {"if /a/\nif /b/\n/c/ abc\nendif\n/./ a\nendif\n/./ none\n", "ac"},
    {"if /a/\nif /b/\n/c/ abc\nendif\n/./ a\nendif\n/./ none\n", "bc"},
    {"if /a/\n/b/ inner\n/c/ lost\n", "c"},
    {"if /a/\n/b/ inner\n/c/ lost\n", "ac"},
    {"if /a/ text\n/b/ inner\nendif\n/c/ c\n", "ab"},
    {"if /a/ text\n/b/ inner\nendif\n/c/ c\n", "c"},
    {"if /a/\n/b/ inner\nendif text\n/c/ c\n", "c"},
    {"endif\n/a/ x\n", "a"},
    {"endif text\n/a/ x\n", "a"},
    {"if /(/\n/a/ inner\nendif\n/b/ x\n", "a"},
    {"if\n/a/ x\nendif\n", "a"},
    {"if xax\n/a/ x\nendif\n", "a"},
    {"ifx /a/\n/a/ x\n", "a"},
    {"if /(a)/\n/(b)/ $1\nendif\n", "ab"},
    {"if /a/\n  /b/ x\nendif\n/b/ outer\n", "ab"},
    /* patterns that are wrong */
    {"/(/ x\n/a/ second\n", "a"},
    {"/[/ x\n/a/ second\n", "a"},
    {"/*a/ x\n/a/ second\n", "a"},
    {"/a{2,1}/ x\n/a/ second\n", "a"},
    {"/(?<n>a)(?<n>b)/ x\n/a/ second\n", "ab"},
    {"/\\/ x\n/a/ second\n", "a"},
    {"/(?Z)/ x\n/a/ second\n", "a"},
    {"/(a))/ x\n/a/ second\n", "a"},
    /* letters beyond ASCII */
    {"/caf\xc3\xa9/ x\n", "caf\xc3\xa9"},
    {"/CAF\xc3\x89/ x\n", "caf\xc3\xa9"},
    {"/(*UTF)CAF\xc3\x89/ x\n", "caf\xc3\xa9"},
    {"/^caf.$/ x\n", "caf\xc3\xa9"},
    {"/^caf(.)/ x$1\n", "caf\xc3\xa9"},
    {"/^caf(..)/ x$1\n", "caf\xc3\xa9"},
    {"/(*UTF)^caf(.)/ x$1\n", "caf\xc3\xa9"},
    {"/a/ latin\xe9\n", "a"},
    {"/\xe9/ x\n/a/ y\n", "a"},
    {"/./ x\n", "latin\xe9"},
    {"!/a/ x\n", "latin\xe9"},
    /* what patterns can do */
    {"/^(?!owner-)(.*)-outgoing@(.*)/ 550 Use ${1}@${2} instead\n", "list-outgoing@a.b"},
    {"/^(?!owner-)(.*)-outgoing@(.*)/ 550 Use ${1}@${2} instead\n", "owner-outgoing@a.b"},
    {"/^(.)(.).?\\2\\1$/ palindrome\n", "abcba"},
    {"/^(a(?1)?b)$/ balanced\n", "aaabbb"},
    {"/^(a(?1)?b)$/ balanced\n", "aaabb"},
    {"/(?i:A)b/i part\n", "ab"},
    {"/(?i:A)b/i part\n", "aB"},
    {"/(?-i)A/ part\n", "a"},
    {"/^[[:alnum:]]+$/ word\n", "a1"},
    {"/\\d{3,}/ digits\n", "a1234"},
    {"/a(?#comment)b/ x\n", "ab"},
    {"/(*LIMIT_MATCH=1000000)a/ x\n", "a"},
    {"/(?C1)a/ callout\n", "a"},
    {"/a(*COMMIT)b|ac/ x\n/a/ second\n", "ac"},
    /* lines */
    {"# /a/ x\n\n  # y\n/a/ z\n", "a"},
    {"/a/ x\n y\n# c\n\tz\n", "a"},
    {"/a\n b/ x\n", "a b"},
    {" /a/ x\n/b/ y\n", "a"},
    {" /a/ x\n/b/ y\n", "b"},
    {"/a/ x\r\n", "a"},
    {"/a/\vx\f\n", "a"},
    {"/a/ last", "a"},
    {"", "a"},
};

static void test_pcre(MapFixture *f, gconstpointer data)
{
    (void)data;
    unsigned found = 0, wrong = 0;
    if (!map_fixture_has_postmap(f))
        return;
    G_STATIC_ASSERT(G_N_ELEMENTS(pcre_rows) >= 60);
    compare(f, "pcre", pcre_rows, G_N_ELEMENTS(pcre_rows), &found, &wrong);
    g_assert_cmpuint(found, >=, 60);
    g_assert_cmpuint(wrong, >=, 6);
}

/* One row a table that is written where its name would be, or can't be asked. */
static void test_names(MapFixture *f, gconstpointer data)
{
    (void)data;
    const struct {
        const char *spec, *key;
    } rows[] = {
        {"cidr:{ { 10.0.0.0/8 in } }", "10.1.1.1"},
        {"cidr:{{10.0.0.0/8 in}}", "10.1.1.1"},
        {"cidr:{ { 10.0.0.0/8 in, two }, { 11.0.0.0/8 other } }", "10.1.1.1"},
        {"cidr:{ { 10.0.0.0/8 in }, { 11.0.0.0/8 {braced} } }", "11.1.1.1"},
        {"cidr:{{!10.0.0.0/8 out} {10.0.0.0/8 in}}", "10.1.1.1"},
        {"cidr:{ {if 10.0.0.0/8} { 10.1.0.0/16 in }, , {endif} {11.0.0.0/8 out} }", "11.1.1.1"},
        {"cidr:{ {#10.0.0.0/8 in} }", "10.1.1.1"},
        {"cidr:{ {10.0.0.1/8 in} }", "10.0.0.1"},
        {"cidr:{}", "10.1.1.1"},
        {"cidr:{ , }", "10.1.1.1"},
        {"cidr:{ 10.0.0.0/8 in }", "10.1.1.1"},
        {"cidr:{ {10.0.0.0/8 in }", "10.1.1.1"},
        {"cidr:{ {10.0.0.0/8 in} }x", "10.1.1.1"},
        {"cidr:{ {10.0.0.0/8 in}x }", "10.1.1.1"},
        {"cidr:/nonexistent/table", "10.1.1.1"},
        {"pcre:{ { /^(a+)b/ $1, $$ }, { /c{2}/ two } }", "aab"},
        {"pcre:{ { /^(a+)b/ $1, $$ }, { /c{2}/ two } }", "cc"},
        {"pcre:{ { /^(a+)b/ $1, $$ }, { /c{2}/ two } }", "c"},
        {"pcre:{{if /a/},{/b/ x},{endif},{!/b/ y}}", "ab"},
        {"pcre:{/a/ x}", "a"},
        {"pcre:{ { /a}/ x } }", "a}"},
        {"pcre:/nonexistent/table", "a"},
        {"cidr:/", "10.1.1.1"},
        {"fail:away", "key"},
        {"fail:away", ""},
        {"fail:/etc/batchload/senders", "a@b.example"},
        {"fail:{ away for an hour }", "key"},
        {"fail:{away}", "KEY"},
        {"fail:a:b", "a"},
        {"fail:static:x", "a"},
        {"fail:0", "0"},
        {"fail:caf\xc3\xa9", "caf\xc3\xa9"},
        {"fail:temporary", "10.1.1.1"},
        {"fail:temporary", "10.1.1.1/8"},
        {"fail:temporary", "!"},
        {"fail:temporary", "*"},
        {"fail:temporary", "user@example.com"},
        {"fail:temporary", "example.com"},
        {"fail:temporary", "a b c"},
        {"fail:temporary", "caf\xc3\xa9"},
        {"fail:temporary", "latin\xe9"},
        {"fail:$1", "x"},
        {"fail:%s", "x"},
        {"fail:", "x"},
    };
    unsigned found = 0, wrong = 0;
    if (!map_fixture_has_postmap(f))
        return;
    gpointer asked[G_N_ELEMENTS(rows)];
    for (gsize i = 0; i < G_N_ELEMENTS(rows); i++)
        asked[i] = map_fixture_ask(f, rows[i].spec, rows[i].key);
    for (gsize i = 0; i < G_N_ELEMENTS(rows); i++)
        compare_one(asked[i], rows[i].spec, rows[i].key, "", &found, &wrong);
    g_assert_cmpuint(found, >=, 4);
    g_assert_cmpuint(wrong, >=, 20);
}

/* --- what is told of a table as a whole --- */

static bool collect(gpointer data, const char *value, bool varies, unsigned line, GError **error)
{
    if (g_str_equal(value, "refused")) {
        g_set_error(error, MAP_ERROR, MAP_ERROR_SYNTAX, "refused at %u", line);
        return false;
    }
    g_string_append_printf(data, "%u:%s%s;", line, value, varies ? "(varies)" : "");
    return true;
}

typedef struct {
    const char *text, *seen, *error;
} Checked;

static void check_values(const MapFixture *f, const char *type, const Checked *rows, gsize count)
{
    g_autofree char *spec = g_strdup_printf("%s:%s", type, f->file);
    for (gsize i = 0; i < count; i++) {
        map_fixture_write(f, rows[i].text, -1);
        g_autoptr(Map) map = map_open(spec, NULL);
        g_autoptr(GString) seen = g_string_new(NULL);
        g_autoptr(GError) error = NULL;
        Answer answer = map_values(map, collect, seen, &error);
        g_test_message("\"%s\": %s%s", rows[i].text, seen->str,
                       error != NULL ? error->message : "");
        g_assert_cmpstr(seen->str, ==, rows[i].seen);
        g_assert_cmpint(answer, ==, rows[i].error == NULL ? ANSWER_YES : ANSWER_UNKNOWN);
        if (rows[i].error == NULL)
            g_assert_no_error(error);
        else
            g_assert_true(error != NULL && strstr(error->message, rows[i].error) != NULL);
        g_assert_cmpint(map_each(map, NULL, NULL, NULL), ==, ANSWER_NO);
    }
}

static void test_cidr_values(MapFixture *f, gconstpointer data)
{
    (void)data;
    static const Checked rows[] = {
        {"", "", NULL},
        {"# c\n10.0.0.0/8 a\n  b\n!::/0 c\n", "2:a  b;4:c;", NULL},
        {"if 10.0.0.0/8\n10.0.0.0/8 a\nendif\n", "2:a;", NULL},
        {"10.0.0.0/8 a\n10.0.0.0/8 refused\n", "1:a;", "refused at 2"},
        {"10.0.0.0/8 a\n\n10.0.0.1/8 b\n", "1:a;",
         "Line 3 can't be used: there must be zeros behind the length, as in 10.0.0.0/8."},
        {"10.0.0.0/33 b\n", "", "Line 1 can't be used: the length behind / is no number up to 32."},
        {"::/129 b\n", "", "up to 128."},
        {"a@b.example allow\n", "", "Line 1 can't be used: it begins with no address"},
        {"10.0.0.0/8\n", "", "Line 1 can't be used: it has a pattern and no value."},
        {"!\n", "", "Line 1 can't be used: it has no pattern."},
        {"if\n", "", "Line 1 can't be used: it has no pattern."},
        {"[10.0.0.0/8 x\n", "", "square brackets"},
        {"endif\n", "", "Line 1 can't be used: there is no if for this endif."},
        {"if 10.0.0.0/8\nendif x\n", "", "Line 1 can't be used: there is no endif for this if."},
        {"if 10.0.0.0/8\n10.0.0.0/8 a\n", "", "Line 1 can't be used: there is no endif for"},
        {" 10.0.0.0/8 x\n", "", "Line 1 can't be used: it begins with white space"},
        {"10.0.0.0/8 \xe9\n", "", "Line 1 can't be used: it is not UTF-8."},
    };
    check_values(f, "cidr", rows, G_N_ELEMENTS(rows));
    static const char nul[] = "10.0.0.0/8 x\0y\n";
    g_autofree char *spec = g_strconcat("cidr:", f->file, NULL);
    map_fixture_write(f, nul, sizeof nul - 1);
    g_autoptr(Map) map = map_open(spec, NULL);
    g_autoptr(GError) error = NULL;
    g_assert_cmpint(map_values(map, collect, NULL, &error), ==, ANSWER_UNKNOWN);
    g_assert_nonnull(strstr(error->message, "NUL"));
    g_auto(MapSaid) said = map_fixture_ours(map, "10.1.1.1");
    g_assert_false(said.wrong);
    g_assert_null(said.value);
}

static void test_pcre_values(MapFixture *f, gconstpointer data)
{
    (void)data;
    static const Checked rows[] = {
        {"/a/ x\n!/b/ y $$\n/(c)/ z $1 $$\n", "1:x;2:y $;3:z $1 $$(varies);", NULL},
        {"if /a/\n/b/ x\nendif\n", "2:x;", NULL},
        {"/a/X x\n", "1:x;", NULL},
        {"/a/ x\n/b/ refused\n", "1:x;", "refused at 2"},
        {"a x\n", "", "Line 1 can't be used: a pattern begins with a delimiter such as /."},
        {"admin@example.com allow\n", "", "a pattern begins with a delimiter such as /."},
        {"/a/ x\n/b y\n", "1:x;", "Line 2 can't be used: the pattern does not end with"},
        {"/a/y x\n", "", "none of the flags imsxAEUX."},
        {"/a(/ x\n", "", "the pattern is wrong at its character 3: missing closing parenthesis."},
        {"/\\C/ x\n", "", "the pattern is wrong at its character 3: "},
        {"/a/\n", "", "Line 1 can't be used: it has a pattern and no value."},
        {"/(a)/ $2\n", "", "that of no group of the pattern."},
        {"/(a)/ $99999999999999999999\n", "", "is no number"},
        {"/(a)/ $4294967297\n", "", "that of no group of the pattern."},
        {"/(a)/ $x\n", "", "is no number; write $$ for a $."},
        {"/(a)/ 5$\n", "", "no number or no end; write $$ for a $."},
        {"/(a)/ ${1\n", "", "no number or no end"},
        {"!/(a)/ $1\n", "", "behind ! the pattern has matched nothing"},
        {"if /a/ x\nendif\n", "", "Line 1 can't be used: there is text behind the pattern of if."},
        {"if /a/\nendif x\n", "", "Line 2 can't be used: there is text behind endif."},
        {"if /a/\n", "", "Line 1 can't be used: there is no endif for this if."},
        {"endif\n", "", "there is no if for this endif."},
        {"/\xe9/ x\n", "", "Line 1 can't be used: it is not UTF-8."},
        {" /a/ x\n", "", "Line 1 can't be used: it begins with white space"},
    };
    check_values(f, "pcre", rows, G_N_ELEMENTS(rows));
}

/* decisions: a table over a limit is one that can't be asked, for what is left out may matter. */
static void check_limit(const MapFixture *f, const char *type, const char *text, const char *words)
{
    g_autofree char *spec = g_strdup_printf("%s:%s", type, f->file);
    map_fixture_write(f, text, -1);
    g_autoptr(Map) map = map_open(spec, NULL);
    g_autoptr(GError) error = NULL;
    char *value = NULL;
    Answer answer = map_lookup(map, "10.1.1.1", &value, &error);
    if (words == NULL) {
        g_assert_no_error(error);
        g_assert_cmpstr(value, ==, "x");
        g_free(value);
        return;
    }
    g_assert_cmpint(answer, ==, ANSWER_UNKNOWN);
    g_assert_error(error, MAP_ERROR, MAP_ERROR_FAILED);
    g_test_message("%s", error->message);
    g_assert_nonnull(strstr(error->message, words));
    g_assert_nonnull(strstr(error->message, f->file));
    g_clear_error(&error);
    g_assert_cmpint(map_values(map, collect, NULL, &error), ==, ANSWER_UNKNOWN);
    g_assert_error(error, MAP_ERROR, MAP_ERROR_FAILED);
}

static char *repeat(const char *before, const char *text, unsigned times, const char *behind)
{
    GString *all = g_string_new(before);
    for (unsigned i = 0; i < times; i++)
        g_string_append(all, text);
    return g_string_free(g_string_append(all, behind), FALSE);
}

static void test_limits(MapFixture *f, gconstpointer data)
{
    (void)data;
    static const char rule[] = "10.0.0.0/8 x\n";
    g_autofree char *long_value = repeat("11.0.0.0/8 ", "y", 65536 - 11, "\n10.0.0.0/8 x\n");
    g_autofree char *too_long = repeat("11.0.0.0/8 ", "y", 65537 - 11, "\n10.0.0.0/8 x\n");
    g_autofree char *deep = repeat("", "if 10.0.0.0/8\n", 100, rule);
    g_autofree char *too_deep = repeat("", "if 10.0.0.0/8\n", 101, rule);
    g_autofree char *many = repeat("", "11.1.1.1 y\n", 99999, rule);
    g_autofree char *too_many = repeat("", "11.1.1.1 y\n", 100000, rule);
    check_limit(f, "cidr", long_value, NULL);
    check_limit(f, "cidr", too_long, "line 1 has more than 65536 bytes");
    check_limit(f, "cidr", deep, NULL);
    check_limit(f, "cidr", too_deep, "line 101 is an if within 100 others");
    check_limit(f, "cidr", many, NULL);
    check_limit(f, "cidr", too_many, "line 100001 is one rule more than the 100000");
}

/* A pattern holds nobody up: past the limits nothing is said of the key. */
static void test_pcre_limits(MapFixture *f, gconstpointer data)
{
    (void)data;
    static const char rule[] = "/./ x\n";
    g_autofree char *many = repeat("", "/y/ y\n", 9999, rule);
    g_autofree char *too_many = repeat("", "/y/ y\n", 10000, rule);
    g_autofree char *large = repeat("", "/(ab|c){2000}/ y\n", 2500, rule);
    check_limit(f, "pcre", many, NULL);
    check_limit(f, "pcre", too_many, "line 10001 is one rule more than the 10000");
    check_limit(f, "pcre", large, "those of a table may take 67108864 bytes");
    static const struct {
        const char *text;
        unsigned letters; /* of the key, "a" each */
        const char *words;
    } rows[] = {
        {"/^(a+)+$/ x\n/./ y\n", 20, NULL},
        {"/^(a|a){0,16}[bc]/ x\n/./ y\n", 40, NULL},
        {"/^(a|a){0,20}[bc]/ x\n/./ y\n", 40, "its line 1 matches: match limit exceeded."},
        {"/^(a|a)+[bc]/ x\n/./ y\n", 4000, "its line 1 matches: match limit exceeded."},
        {"!/^(a|a)+[bc]/ x\n", 4000, "its line 1 matches: match limit exceeded."},
        {"/b/ x\nif /^(a|a)+[bc]/\n/./ y\nendif\n", 4000,
         "its line 2 matches: match limit exceeded"},
        {"/./ x\n", 4096, NULL},
        {"/./ x\n", 4097, "can't be asked for keys of more than 4096 bytes."},
        {"/(a+)/ $1$1$1$1$1$1$1$1$1$1$1$1$1$1$1$1\n", 4096, NULL},
        {"/(a+)/ $1$1$1$1$1$1$1$1$1$1$1$1$1$1$1$1.\n", 4096, "longer than 65536 bytes"},
    };
    g_autofree char *spec = g_strconcat("pcre:", f->file, NULL);
    for (gsize i = 0; i < G_N_ELEMENTS(rows); i++) {
        g_autofree char *key = repeat("", "a", rows[i].letters, "");
        g_autofree char *value = NULL;
        g_autoptr(GError) error = NULL;
        map_fixture_write(f, rows[i].text, -1);
        g_autoptr(Map) map = map_open(spec, NULL);
        Answer answer = map_lookup(map, key, &value, &error);
        g_test_message("%s: %d %s", rows[i].text, answer, error != NULL ? error->message : "");
        g_assert_cmpint(answer, ==, rows[i].words == NULL ? ANSWER_YES : ANSWER_UNKNOWN);
        g_assert_true(rows[i].words == NULL ||
                      (error != NULL && strstr(error->message, rows[i].words) != NULL));
    }
}

/* Many patterns that stay below the limit of one are too many for one look-up. */
static void test_pcre_time(MapFixture *f, gconstpointer data)
{
    (void)data;
    g_autofree char *text = repeat("", "/^(a|a){0,17}[bd]/ x\n", 5000, "/./ y\n");
    g_autofree char *spec = g_strconcat("pcre:", f->file, NULL);
    g_autofree char *value = NULL;
    g_autoptr(GError) error = NULL;
    map_fixture_write(f, text, -1);
    g_autoptr(Map) map = map_open(spec, NULL);
    g_assert_cmpint(map_lookup(map, "aaaaaaaaaaaaaaaaaaaaaaaaac", &value, &error), ==,
                    ANSWER_UNKNOWN);
    g_assert_nonnull(strstr(error->message, "those before it have taken too long"));
}

#define ADD(path, function)                                                                        \
    g_test_add(path, MapFixture, NULL, map_fixture_set_up, function, map_fixture_tear_down)

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    ADD("/map/cidr/as-postfix", test_cidr);
    ADD("/map/cidr/values", test_cidr_values);
    ADD("/map/pcre/as-postfix", test_pcre);
    ADD("/map/pcre/values", test_pcre_values);
    ADD("/map/pcre/limits", test_pcre_limits);
    ADD("/map/pcre/time", test_pcre_time);
    ADD("/map/rules/names-as-postfix", test_names);
    ADD("/map/rules/limits", test_limits);
    return g_test_run();
}
