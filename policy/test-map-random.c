/* SPDX-License-Identifier: MIT */
#include "policy/map-fixture.h"

/* Tables of patterns as chance makes them: the same answers as Postfix's own give. */

#define RANDOM_TABLES 150
#define RANDOM_KEYS 40

/* The same in every run, unless BATCHLOAD_SEED says otherwise. */
static GRand *dice;

static int chance(int from, int below)
{
    return g_rand_int_range(dice, from, below);
}

static char *random_address(bool is_key)
{
    /* Few different ones, so that they meet. */
    if (chance(0, 4) == 0)
        return g_strdup_printf("2001:db8:%x::%x", (unsigned)chance(0, 4) << 14,
                               (unsigned)chance(0, 3));
    if (chance(0, 30) == 0)
        return g_strdup(is_key ? "example" : "10.0.0.");
    return g_strdup_printf("10.%d.%d.%d", chance(0, 3), chance(0, 3) * 64, chance(0, 3));
}

/* Mostly with zeros behind the length. */
static char *random_network(void)
{
    static const char *const networks[] = {
        "10.0.0.0/8",  "10.1.0.0/16",     "10.0.0.0/15",   "10.2.64.0/18",  "10.1.128.0/17",
        "0.0.0.0/0",   "10.0.64.0/24",    "2001:db8::/32", "2001:db8::/33", "2001:db8:8000::/33",
        "::/0",        "[2001:db8::]/34", "[10.0.0.0/9]",  "10.1.0.0/7",    "2001:db8:4000::/34",
        "10.0.0.0/30",
    };
    if (chance(0, 3) == 0)
        return random_address(false);
    return g_strdup(networks[chance(0, G_N_ELEMENTS(networks))]);
}

static void add_blank(GString *text)
{
    static const char *const blanks[] = {" ", "\t", "  ", "\n ", "\n# c\n\t", " \t"};
    g_string_append(text, blanks[chance(0, G_N_ELEMENTS(blanks))]);
}

static char *random_cidr(void)
{
    GString *text = g_string_new(NULL);
    for (int lines = chance(1, 14), i = 0; i < lines; i++) {
        g_autofree char *network = random_network();
        int what = chance(0, 12);
        if (what < 3)
            g_string_append(text, what == 2 ? "IF" : "if");
        if (what < 3 && chance(0, 2))
            add_blank(text);
        if (what < 3 || what > 4)
            g_string_append_printf(text, "%s%s", chance(0, 3) ? "" : "!", network);
        else
            g_string_append(text, what == 3 ? "endif" : "endif ");
        if (what > 4 && chance(0, 20))
            add_blank(text);
        if (what > 4 && chance(0, 20))
            g_string_append_printf(text, "value %d", i);
        g_string_append(text, chance(0, 20) ? "\n" : "\r\n\n");
    }
    return g_string_free(text, FALSE);
}

/* Asks both for all keys at once. */
static unsigned compare_random(const MapFixture *f, const char *spec, const char *text,
                               const char *const *keys)
{
    map_fixture_write(f, text, -1);
    g_autoptr(Map) map = map_open(spec, NULL);
    bool their_fault = false, our_fault = false;
    g_autofree char *theirs = map_fixture_postmap_all(f, spec, keys, &their_fault);
    g_autofree char *ours = map_fixture_ours_all(map, keys, &our_fault);
    if (!g_str_equal(theirs, ours) || their_fault != our_fault)
        g_test_message("table:\n%stheirs%s:\n%sours%s:\n%s", text, their_fault ? " (wrong)" : "",
                       theirs, our_fault ? " (wrong)" : "", ours);
    g_assert_cmpint(our_fault, ==, their_fault);
    g_assert_cmpstr(ours, ==, theirs);
    return *theirs != '\0';
}

static void test_cidr_random(MapFixture *f, gconstpointer data)
{
    (void)data;
    g_autofree char *spec = g_strconcat("cidr:", f->file, NULL);
    unsigned found = 0;
    if (!map_fixture_has_postmap(f))
        return;
    for (unsigned i = 0; i < RANDOM_TABLES; i++) {
        g_autofree char *text = random_cidr();
        char *keys[RANDOM_KEYS + 1] = {NULL};
        for (unsigned k = 0; k < RANDOM_KEYS; k++)
            keys[k] = random_address(true);
        found += compare_random(f, spec, text, (const char *const *)keys);
        for (unsigned k = 0; k < RANDOM_KEYS; k++)
            g_free(keys[k]);
    }
    g_test_message("%u of %u tables found something", found, RANDOM_TABLES);
    g_assert_cmpuint(found, >, RANDOM_TABLES / 2);
}

static void add_atom(GString *text)
{
    static const char *const atoms[] = {
        "a",   "b", "c",  "@",           ".",    "[ab]",  "[^a]", "(a)",   "(b|c)",   "(a)?",
        "^",   "$", "a*", "b+?",         "(.*)", "(?:a)", "\\.",  "(?=b)", "\\1",     "(?i)",
        "a|b", "(", ")",  "[[:alpha:]]", "c{2}", "(?!c)", "\\/",  " ",     "(?<n>c)", "\\b",
    };
    g_string_append(text, atoms[chance(0, G_N_ELEMENTS(atoms))]);
}

static void add_pattern(GString *text)
{
    static const char *const flags[] = {"",  "",  "",  "",   "i", "m", "s",
                                        "x", "A", "U", "iU", "X", "y"};
    if (chance(0, 5) == 0)
        g_string_append(text, chance(0, 2) ? "!" : "! ");
    g_string_append_c(text, '/');
    for (int atoms = chance(0, 5); atoms > 0; atoms--)
        add_atom(text);
    if (chance(0, 30))
        g_string_append_c(text, '/');
    g_string_append(text, flags[chance(0, G_N_ELEMENTS(flags))]);
}

static char *random_pcre(void)
{
    static const char *const parts[] = {"$1", "${1}", "$(2)", "$$", "x",
                                        " ",  "$2.",  "v",    "$",  "\xc3\xa9"};
    GString *text = g_string_new(NULL);
    for (int lines = chance(1, 12); lines > 0; lines--) {
        int what = chance(0, 12);
        if (what < 2)
            g_string_append(text, "if ");
        if (what == 2)
            g_string_append(text, "endif");
        else
            add_pattern(text);
        if (what > 2 && chance(0, 20))
            add_blank(text);
        for (int count = chance(0, 4); what > 2 && count > 0; count--)
            g_string_append(text, parts[chance(0, G_N_ELEMENTS(parts))]);
        g_string_append(text, what > 2 && chance(0, 8) ? "w\n" : "\n");
    }
    return g_string_free(text, FALSE);
}

static char *random_key(void)
{
    GString *text = g_string_new(NULL);
    for (int letters = chance(1, 7); letters > 0; letters--)
        g_string_append_c(text, "abcABC@. /"[chance(0, 10)]);
    return g_string_free(text, FALSE);
}

static void test_pcre_random(MapFixture *f, gconstpointer data)
{
    (void)data;
    g_autofree char *spec = g_strconcat("pcre:", f->file, NULL);
    unsigned found = 0;
    if (!map_fixture_has_postmap(f))
        return;
    for (unsigned i = 0; i < RANDOM_TABLES; i++) {
        g_autofree char *text = random_pcre();
        char *keys[RANDOM_KEYS + 1] = {NULL};
        for (unsigned k = 0; k < RANDOM_KEYS; k++)
            keys[k] = random_key();
        found += compare_random(f, spec, text, (const char *const *)keys);
        for (unsigned k = 0; k < RANDOM_KEYS; k++)
            g_free(keys[k]);
    }
    g_test_message("%u of %u tables found something", found, RANDOM_TABLES);
    g_assert_cmpuint(found, >, RANDOM_TABLES / 2);
}

#define ADD(path, function)                                                                        \
    g_test_add(path, MapFixture, NULL, map_fixture_set_up, function, map_fixture_tear_down)

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    const char *seed = g_getenv("BATCHLOAD_SEED");
    dice = g_rand_new_with_seed(seed != NULL ? (guint32)g_ascii_strtoull(seed, NULL, 10) : 2026);
    ADD("/map/cidr/random-as-postfix", test_cidr_random);
    ADD("/map/pcre/random-as-postfix", test_pcre_random);
    int failed = g_test_run();
    g_rand_free(dice);
    return failed;
}
