/* SPDX-License-Identifier: MIT */
#include "policy/map-fixture.h"
#include <glib/gstdio.h>
#include <string.h>
#include <unistd.h>

/* What Postfix's own texthash is asked, too: the same answers for the same file. */
static const char table[] = "# a comment\n"
                            "\n"
                            "plain value\n"
                            "tabs\t\tvalue with  blanks inside \t\n"
                            "Upper.Case@EXAMPLE.COM Value\n"
                            "long one\n"
                            "   two\n"
                            "# a comment between\n"
                            "\n"
                            "   \t# an indented one\n"
                            "\tthree\n"
                            "twice first\n"
                            "twice second\n"
                            "hash value # no comment\n"
                            "novalue\n"
                            "crlf value\r\n"
                            "\"john doe\"@example.com quoted\n"
                            "\"open quote value\n"
                            "back\\ slash value\n"
                            "colon: value\n"
                            "#commented value\n"
                            "caf\xc3\xa9 utf8\n"
                            "latin\xe9 value\n"
                            "* star\n"
                            "last   line without end";

static const char *const keys[] = {
    "plain",        "PLAIN",
    "tabs",         "upper.case@example.com",
    "long",         "twice",
    "hash",         "novalue",
    "crlf",         "\"john doe\"@example.com",
    "\"open",       "\"open quote value",
    "back\\ slash", "back\\",
    "colon:",       "colon",
    "commented",    "#commented",
    "caf\xc3\xa9",  "CAF\xc3\x89",
    "latin\xe9",    "*",
    "anything",     "last",
    "john",         "two",
    "value",        "#",
    "one",
};

typedef struct {
    MapFixture map;
    const char *file; /* of map */
    char *spec;
} Fixture;

static void set_up(Fixture *f, gconstpointer text)
{
    map_fixture_set_up(&f->map, NULL);
    f->file = f->map.file;
    f->spec = g_strconcat("texthash:", f->file, NULL);
    if (text != NULL)
        map_fixture_write(&f->map, text, -1);
}

static void tear_down(Fixture *f, gconstpointer text)
{
    map_fixture_tear_down(&f->map, text);
    g_free(f->spec);
}

static char *look_up(Map *map, const char *key)
{
    g_autoptr(GError) error = NULL;
    char *value = NULL;
    Answer answer = map_lookup(map, key, &value, &error);
    g_assert_no_error(error);
    g_assert_cmpint(answer, ==, value != NULL ? ANSWER_YES : ANSWER_NO);
    return value;
}

/* One row a case: what stands in the configuration is found, or refused, as Postfix does it. */
static void test_inline_as_postfix(Fixture *f, gconstpointer data)
{
    (void)data;
    static const struct {
        const char *spec, *key;
    } rows[] = {
        {"inline:{a=b}", "a"},
        {"inline:{a=b}", "A"},
        {"inline:{a=b}", "b"},
        {"inline:{A=b}", "a"},
        {"inline:{a=b,c=d e=f}", "c"},
        {"inline:{a=b,c=d e=f}", "e"},
        {"inline:{a=b\nc=d}", "c"},
        {"inline:{ a=b , { c = d e } }", "c"},
        {"inline:{{c = d, e }}", "c"},
        {"inline:{{a = b} {c= d}}", "c"},
        {"inline:{ {  a=b } }", "a"},
        {"inline:{ {\"x y\" = z} }", "\"x y\""},
        {"inline:{ {\"x y\" = z} }", "x y"},
        {"inline:{ {x y = z} }", "x"},
        {"inline:{a = b}", "a"},
        {"inline:{a=}", "a"},
        {"inline:{ {a = } }", "a"},
        {"inline:{}", "a"},
        {"inline:{ }", "a"},
        {"inline:a=b", "a"},
        {"inline:{a=b}x", "a"},
        {"inline:{a=b", "a"},
        {"inline:{a}", "a"},
        {"inline:{a=1,a=2}", "a"},
        {"inline:{a=1,A=2}", "a"},
        {"inline:{a={b}}", "a"},
        {"inline:{a={b c}}", "a"},
        {"inline:{ {a=b}c }", "a"},
        {"inline:{ {a = {b} c} }", "a"},
        {"inline:{a=b=c}", "a"},
        {"inline:{caf\xc3\xa9=x}", "CAF\xc3\x89"},
        {"inline:{a\\=b=c}", "a\\=b"},
        {"inline:{a\\=b=c}", "a"},
        {"inline:{a=b;c=d}", "a"},
        {"inline:{a@x.example=allow,{ x.example = reject go away, please }}", "x.example"},
        {"static:x", "a"},
        {"static:X", ""},
        {"static:{ x  y }", "a"},
        {"static:{x", "a"},
        {"static:{x}y", "a"},
        {"static:{}", "a"},
        {"static:{ }", "a"},
        {"static:{{x}}", "a"},
        {"static:{x {y} }", "a"},
        {"static:", "a"},
    };
    gpointer asked[G_N_ELEMENTS(rows)];
    if (!map_fixture_has_postmap(&f->map))
        return;
    for (gsize i = 0; i < G_N_ELEMENTS(rows); i++)
        asked[i] = map_fixture_ask(&f->map, rows[i].spec, rows[i].key);
    for (gsize i = 0; i < G_N_ELEMENTS(rows); i++) {
        g_auto(MapSaid) theirs = map_fixture_answer(asked[i]);
        g_autoptr(GError) error = NULL;
        g_autoptr(Map) map = map_open(rows[i].spec, &error);
        g_autofree char *ours = map != NULL ? look_up(map, rows[i].key) : NULL;
        g_test_message("%s of %s: theirs %s%s ours %s%s", rows[i].key, rows[i].spec, theirs.value,
                       theirs.wrong ? " (wrong)" : "", ours, error != NULL ? error->message : "");
        g_assert_cmpint(theirs.wrong, ==, map == NULL);
        g_assert_cmpstr(ours, ==, theirs.value);
    }
}

/* decisions: stricter than Postfix, which has an entry with an empty key for this one. */
static void test_inline_empty_key(void)
{
    g_autoptr(GError) error = NULL;
    g_assert_null(map_open("inline:{=b}", &error));
    g_assert_error(error, MAP_ERROR, MAP_ERROR_SYNTAX);
}

/* R2.31: of a list the first match wins; a failing table is never skipped. */
static void test_list(Fixture *f, gconstpointer data)
{
    (void)data;
    g_autofree char *away = g_strconcat(f->spec, ".away", NULL);
    const struct {
        const char *before, *file, *behind, *key;
        const char *value; /* NULL: none; "!": can't tell */
    } rows[] = {
        {"", f->spec, " inline:{plain=second,new=third}", "plain", "value"},
        {"", f->spec, ",inline:{plain=second,new=third}", "new", "third"},
        {"", f->spec, "\t,\n inline:{plain=second,new=third} , ", "neither", NULL},
        {"inline:{ { plain = one, two } }, ", f->spec, "", "plain", "one, two"},
        {"inline:{a=b} ", f->spec, ",static:{ the rest, all }", "tabs",
         "value with  blanks inside"},
        {"inline:{a=b} ", f->spec, ",static:{ the rest, all }", "neither", "the rest, all"},
        {"static:x, ", f->spec, "", "plain", "x"},
        {"", away, ", inline:{plain=second}", "plain", "!"},
        {"", away, ", static:x", "plain", "!"},
        {"inline:{plain=first}, ", away, "", "plain", "first"},
        {"inline:{plain=first}, ", away, "", "tabs", "!"},
    };
    for (gsize i = 0; i < G_N_ELEMENTS(rows); i++) {
        g_autofree char *spec = g_strconcat(rows[i].before, rows[i].file, rows[i].behind, NULL);
        g_autoptr(GError) error = NULL;
        g_autoptr(Map) map = map_open(spec, &error);
        g_test_message("%s of %s", rows[i].key, spec);
        g_assert_no_error(error);
        g_assert_cmpuint(map_count(map), >, 1);
        g_assert_cmpstr(map_spec(map), ==, spec);
        g_autofree char *value = NULL;
        Answer answer = map_lookup(map, rows[i].key, &value, &error);
        if (g_strcmp0(rows[i].value, "!") == 0) {
            g_assert_cmpint(answer, ==, ANSWER_UNKNOWN);
            g_assert_error(error, MAP_ERROR, MAP_ERROR_FAILED);
        } else {
            g_assert_cmpint(answer, ==, rows[i].value != NULL ? ANSWER_YES : ANSWER_NO);
            g_assert_cmpstr(value, ==, rows[i].value);
        }
    }
}

/* A changed, replaced, removed or new file is seen; what did not change stays the same. */
static void test_fingerprint(Fixture *f, gconstpointer data)
{
    (void)data;
    g_autofree char *spec = g_strconcat("static:x, ", f->spec, NULL);
    g_autoptr(Map) map = map_open(spec, NULL);
    g_autofree char *first = map_fingerprint(map, false), *same = map_fingerprint(map, true);
    g_assert_cmpstr(first, ==, same);
    g_assert_true(g_file_set_contents(f->file, "a changed table\n", -1, NULL));
    g_autofree char *as_read = map_fingerprint(map, false);
    g_assert_cmpstr(first, ==, as_read);
    g_autofree char *replaced = map_fingerprint(map, true);
    g_assert_cmpstr(first, !=, replaced);
    g_assert_cmpint(truncate(f->file, 3), ==, 0);
    g_autofree char *shorter = map_fingerprint(map, true);
    g_assert_cmpstr(replaced, !=, shorter);
    g_unlink(f->file);
    g_autofree char *gone = map_fingerprint(map, true);
    g_assert_cmpstr(shorter, !=, gone);
    g_autoptr(Map) fixed = map_open("inline:{a=b}, static:x", NULL);
    g_autofree char *nothing = map_fingerprint(fixed, true);
    g_assert_cmpstr(nothing, ==, "");
}

/* decisions 17: maps look and behave as Postfix tables do. */
static void test_as_postfix(Fixture *f, gconstpointer data)
{
    (void)data;
    if (!map_fixture_has_postmap(&f->map))
        return;
    g_autoptr(Map) map = map_open(f->spec, NULL);
    g_assert_nonnull(map);
    unsigned found = 0;
    for (gsize i = 0; i < G_N_ELEMENTS(keys); i++) {
        g_auto(MapSaid) theirs = map_fixture_answer(map_fixture_ask(&f->map, f->spec, keys[i]));
        g_autofree char *ours = look_up(map, keys[i]);
        g_test_message("%s: theirs %s ours %s", keys[i], theirs.value, ours);
        g_assert_false(theirs.wrong);
        g_assert_cmpstr(ours, ==, theirs.value);
        found += theirs.value != NULL;
    }
    g_assert_cmpuint(found, >=, 10);
}

static void test_values(Fixture *f, gconstpointer data)
{
    (void)data;
    static const struct {
        const char *key, *value;
    } rows[] = {
        {"plain", "value"},
        {"upper.case@example.com", "Value"},
        {"long", "one   two\tthree"},
        {"twice", "first"},
        {"hash", "value # no comment"},
        {"tabs", "value with  blanks inside"},
        {"novalue", NULL},
        {"last", "line without end"},
        {"", NULL},
    };
    g_autoptr(Map) map = map_open(f->spec, NULL);
    for (gsize i = 0; i < G_N_ELEMENTS(rows); i++) {
        g_autofree char *value = look_up(map, rows[i].key);
        g_assert_cmpstr(value, ==, rows[i].value);
    }
    g_assert_cmpstr(map_spec(map), ==, f->spec);
}

static bool collect(gpointer data, const char *key, const char *value, unsigned line,
                    GError **error)
{
    if (g_str_equal(key, "bad")) {
        g_set_error(error, MAP_ERROR, MAP_ERROR_SYNTAX, "bad at %u", line);
        return false;
    }
    g_string_append_printf(data, "%u:%s=%s;", line, key, value);
    return true;
}

static void test_each(Fixture *f, gconstpointer data)
{
    (void)data;
    static const struct {
        const char *text, *seen, *error;
    } rows[] = {
        {"# c\nA 1\n  2\n\nb 3\na 4\n", "2:A=1  2;5:b=3;6:a=4;", NULL},
        {"", "", NULL},
        {"a 1\nb\n", "1:a=1;", "Line 2 *no value*"},
        {" a 1\nb 2\n", "", "Line 1 *white space*"},
        {"a 1\n\"b 2\n", "1:a=1;", "Line 2 *quote*"},
        {"a \xff\n", "", "Line 1 *UTF-8*"},
        {"a 1\nbad 2\nc 3\n", "1:a=1;", "bad at 2"},
    };
    for (gsize i = 0; i < G_N_ELEMENTS(rows); i++) {
        g_assert_true(g_file_set_contents(f->file, rows[i].text, -1, NULL));
        g_autoptr(Map) map = map_open(f->spec, NULL);
        g_autoptr(GString) seen = g_string_new(NULL);
        g_autoptr(GError) error = NULL;
        Answer answer = map_each(map, collect, seen, &error);
        g_assert_cmpstr(seen->str, ==, rows[i].seen);
        if (rows[i].error == NULL) {
            g_assert_no_error(error);
            g_assert_cmpint(answer, ==, ANSWER_YES);
        } else {
            g_assert_error(error, MAP_ERROR, MAP_ERROR_SYNTAX);
            g_assert_cmpint(answer, ==, ANSWER_UNKNOWN);
            g_assert_true(g_pattern_match_simple(rows[i].error, error->message) ||
                          g_str_equal(rows[i].error, error->message));
        }
    }
    static const char nul[] = "a 1\nb x\0y\n";
    g_assert_true(g_file_set_contents(f->file, nul, sizeof(nul) - 1, NULL));
    g_autoptr(Map) map = map_open(f->spec, NULL);
    g_autoptr(GString) seen = g_string_new(NULL);
    g_assert_cmpint(map_each(map, collect, seen, NULL), ==, ANSWER_UNKNOWN);
    g_autofree char *value = look_up(map, "b");
    g_assert_null(value);
}

/* decisions 17: not found and failed are different. */
static void test_failed(Fixture *f, gconstpointer data)
{
    (void)data;
    const char *const specs[] = {f->spec, "texthash:/", "texthash:/dev/null"};
    for (gsize i = 0; i < G_N_ELEMENTS(specs); i++) {
        g_autoptr(GError) error = NULL;
        g_autoptr(Map) map = map_open(specs[i], &error);
        g_assert_no_error(error);
        char *value = NULL;
        g_assert_cmpint(map_lookup(map, "a", &value, &error), ==, ANSWER_UNKNOWN);
        g_assert_error(error, MAP_ERROR, MAP_ERROR_FAILED);
        g_assert_nonnull(strstr(error->message, specs[i] + strlen("texthash:")));
        g_clear_error(&error);
        g_assert_cmpint(map_each(map, collect, NULL, &error), ==, ANSWER_UNKNOWN);
        g_assert_error(error, MAP_ERROR, MAP_ERROR_FAILED);
    }
}

/* What everybody may write to gives nobody a right. */
static void test_writable_by_all(Fixture *f, gconstpointer data)
{
    (void)data;
    for (unsigned good = 0; good < 2; good++) {
        g_autoptr(GError) error = NULL;
        g_assert_cmpint(g_chmod(f->file, good ? 0664 : 0646), ==, 0);
        g_autoptr(Map) map = map_open(f->spec, &error);
        g_assert_no_error(error);
        g_autofree char *value = NULL;
        Answer answer = map_lookup(map, "plain", &value, &error);
        g_assert_cmpint(answer, ==, good ? ANSWER_YES : ANSWER_UNKNOWN);
        if (!good) {
            g_assert_error(error, MAP_ERROR, MAP_ERROR_FAILED);
            g_assert_nonnull(strstr(error->message, "everybody may write to it"));
        }
    }
}

static void test_snapshot(Fixture *f, gconstpointer data)
{
    (void)data;
    g_autoptr(Map) map = map_open(f->spec, NULL);
    g_assert_true(g_file_set_contents(f->file, "plain changed\n", -1, NULL));
    g_autofree char *value = look_up(map, "plain");
    g_assert_cmpstr(value, ==, "value");
}

static void test_types(void)
{
    static const struct {
        const char *spec;
        MapError code;
        const char *words;
    } rows[] = {
        {"", MAP_ERROR_TYPE, "no type"},
        {"/etc/batchload/senders", MAP_ERROR_TYPE, "no type"},
        {":/etc/x", MAP_ERROR_TYPE, "no type"},
        {"texthsh:/etc/x", MAP_ERROR_TYPE,
         "There is no table type \"texthsh\"; did you mean texthash?"},
        {"ldpa:/etc/x", MAP_ERROR_TYPE, "There is no table type \"ldpa\"; did you mean ldap?"},
        {"sokcetmap:unix:/x:y", MAP_ERROR_TYPE, "did you mean socketmap?"},
        {"nosuch:/etc/x", MAP_ERROR_TYPE, "\"nosuch\"; use texthash:/path/to/file"},
        {"TEXTHASH:/etc/x", MAP_ERROR_TYPE, "There is no table type"},
        {"text:/etc/x", MAP_ERROR_TYPE, "There is no table type"},
        {"hash:/etc/x", MAP_ERROR_TYPE, "not available yet"},
        {"lmdb:etc/x", MAP_ERROR_SYNTAX, "full path, such as lmdb:/"},
        {"mysql:/etc/x", MAP_ERROR_TYPE, "not available yet"},
        {"static:allow domains=a.b", MAP_ERROR_TYPE, "\"domains=a.b\" has no type"},
        {"inline:{a=b}, mysql:/etc/x", MAP_ERROR_TYPE, "not available yet"},
        {"ldap:etc/x", MAP_ERROR_SYNTAX, "full path"},
        {"inline:{a=b}, /etc/x", MAP_ERROR_TYPE, "no type"},
        {" , ", MAP_ERROR_TYPE, "no type"},
        {"cidr:etc/x", MAP_ERROR_SYNTAX, "full path, such as cidr:/"},
        {"cidr:{ 10.0.0.0/8 }", MAP_ERROR_SYNTAX, "braces"},
        {"fail:", MAP_ERROR_SYNTAX, "fail:{ text }"},
        {"pcre:etc/x", MAP_ERROR_SYNTAX, "full path, such as pcre:/"},
        {"socketmap:unix:/x", MAP_ERROR_SYNTAX, "written as socketmap:"},
        {"inline:{a\xe9=b}", MAP_ERROR_SYNTAX, "is not UTF-8"},
        {"static:\xe9", MAP_ERROR_SYNTAX, "is not UTF-8"},
        {"texthash:senders", MAP_ERROR_SYNTAX, "full path"},
        {"texthash:", MAP_ERROR_SYNTAX, "full path"},
    };
    for (gsize i = 0; i < G_N_ELEMENTS(rows); i++) {
        g_autoptr(GError) error = NULL;
        g_assert_null(map_open(rows[i].spec, &error));
        g_assert_error(error, MAP_ERROR, (int)rows[i].code);
        g_assert_nonnull(strstr(error->message, rows[i].words));
    }
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add("/map/texthash/as-postfix", Fixture, table, set_up, test_as_postfix, tear_down);
    g_test_add("/map/texthash/values", Fixture, table, set_up, test_values, tear_down);
    g_test_add("/map/texthash/each", Fixture, NULL, set_up, test_each, tear_down);
    g_test_add("/map/texthash/failed-is-not-no", Fixture, NULL, set_up, test_failed, tear_down);
    g_test_add("/map/texthash/writable-by-all", Fixture, table, set_up, test_writable_by_all,
               tear_down);
    g_test_add("/map/texthash/snapshot", Fixture, table, set_up, test_snapshot, tear_down);
    g_test_add("/map/inline/as-postfix", Fixture, NULL, set_up, test_inline_as_postfix, tear_down);
    g_test_add_func("/map/inline/empty-key", test_inline_empty_key);
    g_test_add("/map/list/first-match-never-skipped", Fixture, table, set_up, test_list, tear_down);
    g_test_add("/map/fingerprint", Fixture, table, set_up, test_fingerprint, tear_down);
    g_test_add_func("/map/types", test_types);
    return g_test_run();
}
