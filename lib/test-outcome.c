/* SPDX-License-Identifier: MIT */
#include "lib/outcome.h"
#include "lib/text.h"

#include <string.h>

static void test_names(void)
{
    g_assert_cmpstr(result_name(RESULT_CREATED), ==, "created");
    g_assert_cmpstr(result_name(RESULT_CHANGED), ==, "changed");
    g_assert_cmpstr(result_name(RESULT_DELETED), ==, "deleted");
    g_assert_cmpstr(result_name(RESULT_UNCHANGED), ==, "unchanged");
    g_assert_cmpstr(result_name(RESULT_FAILED), ==, "failed");
}

static void assert_same(const Outcome *a, const Outcome *b)
{
    g_assert_cmpint(a->result, ==, b->result);
    g_assert_cmpstr(a->field, ==, b->field);
    g_assert_cmpstr(a->value, ==, b->value);
    g_assert_cmpstr(a->reason, ==, b->reason);
    g_assert_cmpstr(a->advice, ==, b->advice);
}

static void test_variant(void)
{
    g_autoptr(Outcome) failed =
        outcome_failed("USER", "x\xff\ny", NULL, "The user %s is \xff there.", "x");
    g_autoptr(Outcome) plain = outcome_new(RESULT_DELETED);
    const Outcome *all[] = {failed, plain};

    g_assert_cmpstr(failed->value, ==, "x??y");
    g_assert_true(g_utf8_validate(failed->reason, -1, NULL));
    for (gsize i = 0; i < G_N_ELEMENTS(all); i++) {
        g_autoptr(GVariant) value = g_variant_ref_sink(outcome_to_variant(all[i]));
        g_autoptr(Outcome) again = outcome_from_variant(value);
        g_autoptr(Outcome) copy = outcome_copy(all[i]);
        g_assert_nonnull(again);
        assert_same(all[i], again);
        assert_same(all[i], copy);
    }
}

static void test_variant_refused(void)
{
    g_autoptr(GVariant) shape = g_variant_ref_sink(g_variant_new("(ys)", 1, "x"));
    g_autoptr(GVariant) range =
        g_variant_ref_sink(g_variant_new(OUTCOME_TYPE, RESULT_COUNT, NULL, NULL, NULL, NULL));

    g_assert_null(outcome_from_variant(shape));
    g_assert_null(outcome_from_variant(range));
}

static const struct {
    const char *text;
    gssize length;
    gsize max;
    const char *shown;
} lines[] = {
    {"plain", -1, 100, "plain"},
    {"", -1, 100, ""},
    {"a\r\nb\tc\x7f", -1, 100, "a??b?c?"},
    {"a\0b", 3, 100, "a?b"},
    {"M\xc3\xbcller", -1, 100, "M\xc3\xbcller"},
    {"M\xc3", -1, 100, "M?"},
    {"a\xe2\x80\xa8z", -1, 100, "a?z"}, /* line separator */
    {"a\xe2\x80\xaez", -1, 100, "a?z"}, /* right-to-left override */
    {"12345", -1, 5, "12345"},
    {"123456", -1, 5, "12\xe2\x80\xa6"},
    {"1\xc3\xbc\xc3\xbc\xc3\xbc", -1, 6, "1\xc3\xbc\xe2\x80\xa6"},
};

/* A value of the request can never become a line of its own. */
static void test_printable(void)
{
    g_autofree char *big = g_strnfill(100000, 'a');
    g_autoptr(Outcome) outcome = outcome_failed(NULL, big, NULL, "Too long.");

    for (gsize i = 0; i < G_N_ELEMENTS(lines); i++) {
        g_autofree char *shown = text_printable(lines[i].text, lines[i].length, lines[i].max);
        g_assert_cmpstr(shown, ==, lines[i].shown);
    }
    g_assert_cmpuint(strlen(outcome->value), ==, OUTCOME_VALUE_MAX);
    g_assert_true(g_str_has_suffix(outcome->value, "a\xe2\x80\xa6"));
}

/* --- sizes and lines --- */

static void sizes(void)
{
    static const struct {
        guint64 bytes;
        const char *text;
    } sizes[] = {
        {0, "0 bytes"},
        {1023, "1023 bytes"},
        {1024, "1 kB"},
        {65536, "64 kB"},
        {48 * 1048576ull, "48 MB"},
        {10240000, "10000 kB"},
        {1048577, "1048577 bytes"},
    };

    for (gsize i = 0; i < G_N_ELEMENTS(sizes); i++) {
        g_autofree char *text = text_size(sizes[i].bytes);
        g_assert_cmpstr(text, ==, sizes[i].text);
    }
}

static void wraps(void)
{
    static const struct {
        const char *label, *text, *lines;
    } texts[] = {
        {"", "", "\n"},
        {"To do: ", "Nothing.", "To do: Nothing.\n"},
        /* 74 characters stay, 75 do not; characters are counted, not bytes. */
        {"", "0123456789 0123456789 0123456789 0123456789 0123456789 0123456789 \303\244123456 z",
         "0123456789 0123456789 0123456789 0123456789 0123456789 0123456789 \303\244123456\nz\n"},
        {"", "0123456789 0123456789 0123456789 0123456789 0123456789 0123456789 \303\2441234567 z",
         "0123456789 0123456789 0123456789 0123456789 0123456789 0123456789 \303\2441234567\nz\n"},
        {"", "0123456789 0123456789 0123456789 0123456789 0123456789 0123456789 \303\24412345678",
         "0123456789 0123456789 0123456789 0123456789 0123456789 0123456789\n\303\24412345678\n"},
        {"  Reason: ", "0123456789 0123456789 0123456789 0123456789 0123456789 012345678 end",
         "  Reason: 0123456789 0123456789 0123456789 0123456789 0123456789 012345678\n"
         "          end\n"},
        /* A long word has a line of its own, and the first one does not leave its label. */
        {"A: ", "0123456789012345678901234567890123456789012345678901234567890123456789012345 b",
         "A: 0123456789012345678901234567890123456789012345678901234567890123456789012345\n   b\n"},
    };

    for (gsize i = 0; i < G_N_ELEMENTS(texts); i++) {
        g_autoptr(GString) out = g_string_new(NULL);
        text_wrap(out, texts[i].label, texts[i].text);
        g_assert_cmpstr(out->str, ==, texts[i].lines);
    }
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/outcome/names", test_names);
    g_test_add_func("/outcome/variant", test_variant);
    g_test_add_func("/outcome/variant-refused", test_variant_refused);
    g_test_add_func("/outcome/printable", test_printable);
    g_test_add_func("/text/sizes", sizes);
    g_test_add_func("/text/wraps", wraps);
    return g_test_run();
}
