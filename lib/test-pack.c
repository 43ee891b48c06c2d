/* SPDX-License-Identifier: MIT */
#include "lib/entry.h"
#include "lib/outcome.h"
#include "lib/pack.h"

#include <string.h>

/* Whatever GVariant itself makes of a value, the writer makes the same bytes of. */

static unsigned alignment_of(const GVariantType *type)
{
    g_autofree char *text = g_variant_type_dup_string(type);
    return strchr(text, 'u') != NULL ? 4 : 1;
}

static void write_value(Pack *pack, GVariant *value)
{
    g_autoptr(GVariant) inner = NULL;
    switch (g_variant_classify(value)) {
    case G_VARIANT_CLASS_BYTE:
        pack_byte(pack, g_variant_get_byte(value));
        return;
    case G_VARIANT_CLASS_BOOLEAN:
        pack_byte(pack, g_variant_get_boolean(value));
        return;
    case G_VARIANT_CLASS_UINT32:
        pack_uint32(pack, g_variant_get_uint32(value));
        return;
    case G_VARIANT_CLASS_STRING:
        pack_string(pack, g_variant_get_string(value, NULL));
        return;
    case G_VARIANT_CLASS_MAYBE:
        inner = g_variant_get_maybe(value);
        if (g_variant_is_of_type(value, G_VARIANT_TYPE("ms")))
            pack_maybe_string(pack, inner != NULL ? g_variant_get_string(inner, NULL) : NULL);
        else
            pack_maybe_value(pack, inner);
        return;
    default:
        break;
    }
    pack_open(pack, g_variant_classify(value) == G_VARIANT_CLASS_TUPLE ? PACK_TUPLE : PACK_ARRAY,
              alignment_of(g_variant_get_type(value)));
    for (gsize i = 0; i < g_variant_n_children(value); i++) {
        g_autoptr(GVariant) child = g_variant_get_child_value(value, i);
        write_value(pack, child);
    }
    pack_close(pack);
}

static void assert_same_bytes(GVariant *packed, GVariant *wanted)
{
    gsize size = g_variant_get_size(wanted);
    g_autofree guint8 *bytes = g_malloc(size + 1);
    g_variant_store(wanted, bytes);
    g_assert_cmpmem(g_variant_get_data(packed), g_variant_get_size(packed), bytes, size);
}

/* How many members that have no fixed size a tuple has, but for the last member. */
static unsigned sized(GVariant *tuple)
{
    unsigned count = 0;
    for (gsize i = 0; i + 1 < g_variant_n_children(tuple); i++) {
        g_autoptr(GVariant) child = g_variant_get_child_value(tuple, i);
        count += !g_variant_is_of_type(child, G_VARIANT_TYPE_BYTE) &&
                 !g_variant_is_of_type(child, G_VARIANT_TYPE_BOOLEAN) &&
                 !g_variant_is_of_type(child, G_VARIANT_TYPE_UINT32);
    }
    return count;
}

/* What is read is what GVariant itself reads. */
static void read_value(Unpack *unpack, GVariant *wanted)
{
    const unsigned alignment = alignment_of(g_variant_get_type(wanted));
    gsize size;
    switch (g_variant_classify(wanted)) {
    case G_VARIANT_CLASS_BYTE:
        g_assert_cmpuint(unpack_byte(unpack), ==, g_variant_get_byte(wanted));
        return;
    case G_VARIANT_CLASS_BOOLEAN:
        g_assert_cmpuint(unpack_byte(unpack), ==, g_variant_get_boolean(wanted));
        return;
    case G_VARIANT_CLASS_UINT32:
        g_assert_cmpuint(unpack_uint32(unpack), ==, g_variant_get_uint32(wanted));
        return;
    case G_VARIANT_CLASS_STRING:
        g_assert_cmpstr(unpack_string(unpack), ==, g_variant_get_string(wanted, NULL));
        return;
    default:
        break;
    }
    if (g_variant_is_of_type(wanted, G_VARIANT_TYPE("ms"))) {
        g_autofree char *text = NULL;
        g_variant_get(wanted, "ms", &text);
        g_assert_cmpstr(unpack_maybe_string(unpack), ==, text);
        return;
    }
    if (g_variant_is_of_type(wanted, G_VARIANT_TYPE("au")) ||
        g_variant_is_of_type(wanted, G_VARIANT_TYPE_MAYBE)) {
        unpack_bytes(unpack, &size); /* of what it has no function for */
        return;
    }
    if (g_variant_is_of_type(wanted, G_VARIANT_TYPE_TUPLE))
        unpack_open_tuple(unpack, alignment, sized(wanted));
    else
        g_assert_cmpuint(unpack_open_array(unpack, alignment), ==, g_variant_n_children(wanted));
    for (gsize i = 0; i < g_variant_n_children(wanted); i++) {
        g_autoptr(GVariant) child = g_variant_get_child_value(wanted, i);
        read_value(unpack, child);
    }
    unpack_close(unpack);
}

static void check(GVariant *floating)
{
    g_autoptr(GVariant) wanted = g_variant_ref_sink(floating);
    Pack *pack = pack_new();
    write_value(pack, wanted);
    g_autoptr(GVariant) packed =
        g_variant_ref_sink(pack_end(pack, g_variant_get_type_string(wanted)));
    assert_same_bytes(packed, wanted);
    g_assert_true(g_variant_equal(packed, wanted));
    Unpack unpack;
    unpack_init(&unpack, packed);
    read_value(&unpack, wanted);
    g_assert_true(unpack.at == unpack.end);
}

static const char *const values[] = {
    "''",
    "'a'",
    "@as []",
    "['']",
    "['', 'a', 'bc']",
    "@au []",
    "[uint32 7]",
    "[uint32 1, 2, 4294967295]",
    "(byte 0x01, 'x')",
    "('x', byte 0x01)",
    "('x', byte 0x01, 'y', true)",
    "('x', 'y', uint32 9)",
    "('x', uint32 9, @as [])",
    "('x', uint32 9, @as [], byte 0x02, @ms nothing)",
    "(byte 0x01, @ms nothing, @ms 'a', @ms '', @ms nothing)",
    "(@m(sas) nothing, @m(sas) ('x', ['y']))",
    "@a(uuas) []",
    "[(uint32 1, uint32 2, ['a', '']), (3, 4, []), (5, 6, ['abcdef'])]",
    "[(uint32 1, [('x', @au [2, 3], @ms 'h')], 'y'), (4, [], ''), (5, [('', [], nothing)], '')]",
    "[[['a'], []], [], [['b', 'c']]]",
};

static void test_values(void)
{
    for (guint i = 0; i < G_N_ELEMENTS(values); i++) {
        g_autoptr(GError) error = NULL;
        GVariant *value = g_variant_parse(NULL, values[i], NULL, NULL, &error);
        g_assert_no_error(error);
        check(value);
    }
}

/* A container of some strings, and a tuple of them, whose size comes past what its ends take one,
 * two and four bytes each for. */
static void test_sizes(void)
{
    const gsize around[] = {0, 0xff, 0x1ff, 0xffff, 0x1ffff};
    for (guint i = 0; i < G_N_ELEMENTS(around); i++) {
        for (gsize size = MAX(around[i], 12) - 12; size < around[i] + 12; size++) {
            g_autofree char *text = g_strnfill(size, 'x');
            const char *const strings[] = {"", text, "ab", NULL};
            check(g_variant_new_strv(strings, -1));
            check(g_variant_new("(sms^asu)", text, "c", strings, 7));
            check(g_variant_new("(us@as)", 7, "c", g_variant_new_strv(strings, -1)));
        }
    }
}

static void test_many(void)
{
    GVariantBuilder builder;
    g_variant_builder_init(&builder, G_VARIANT_TYPE("a(usau)"));
    for (guint i = 0; i < 20000; i++) {
        g_autofree char *text = g_strdup_printf("%u", i);
        g_variant_builder_add(
            &builder, "(us@au)", i, text,
            g_variant_new_fixed_array(G_VARIANT_TYPE_UINT32, &i, i % 3 ? 1 : 0, sizeof i));
    }
    check(g_variant_builder_end(&builder));
}

/* An array of a value of its own, as it was stored before there was this writer. */
static void test_stored_before(void)
{
    g_autoptr(Change) change = change_new(CHANGE_MODIFY, "cn=x");
    change_mod(change, MOD_ADD, "m", "a");
    change_mod(change, MOD_ADD, "m", "b");
    change_mod(change, MOD_DELETE, "c", NULL);
    g_autoptr(GVariant) packed = g_variant_ref_sink(change_to_variant(change));
    g_autoptr(GVariant) built = g_variant_ref_sink(g_variant_new_parsed(
        "(byte 0x01, 'cn=x', [(byte 0x00, 'm', ['a', 'b']), (0x01, 'c', [])])"));
    assert_same_bytes(packed, built);
    g_autoptr(Outcome) outcome = outcome_failed("F", NULL, "Do.", "No.");
    g_autoptr(GVariant) told = g_variant_ref_sink(outcome_to_variant(outcome));
    g_autoptr(GVariant) wanted = g_variant_ref_sink(
        g_variant_new_parsed("(byte 0x04, @ms 'F', @ms nothing, @ms 'No.', @ms 'Do.')"));
    assert_same_bytes(told, wanted);
}

/* Whether both tell the same of size bytes. */
static bool check_normal(const char *type, gconstpointer data, gsize size)
{
    g_autoptr(GBytes) bytes = g_bytes_new(data, size);
    g_autoptr(GVariant) value =
        g_variant_ref_sink(g_variant_new_from_bytes(G_VARIANT_TYPE(type), bytes, FALSE));
    const bool normal = g_variant_is_normal_form(value);
    g_assert_cmpint(pack_is_normal(type, g_bytes_get_data(bytes, NULL), size), ==, normal);
    return normal;
}

/* Each byte of what is right, with others in its place, and cut short, and longer. (Of no bytes at
 * all GVariant makes a tuple of nothing, which it would not write so.) */
static guint check_damaged(const char *type, guint8 *bytes, gsize size)
{
    static const guint8 others[] = {0, 1, 2, 3, 4, 5, 7, 8, 16, 'a', 0x7f, 0x80, 0xc3, 0xff};
    guint normal = 0;
    g_assert_true(check_normal(type, bytes, size));
    for (gsize i = 0; i < size; i++) {
        const guint8 was = bytes[i];
        for (guint j = 0; j < G_N_ELEMENTS(others); j++) {
            bytes[i] = others[j];
            normal += check_normal(type, bytes, size);
        }
        bytes[i] = was;
        normal += i > 0 && check_normal(type, bytes, i);
    }
    bytes[size] = 0;
    return normal + check_normal(type, bytes, size + 1);
}

static void test_normal(void)
{
    guint normal = 0;
    for (guint i = 0; i < G_N_ELEMENTS(values); i++) {
        g_autoptr(GVariant) value =
            g_variant_ref_sink(g_variant_parse(NULL, values[i], NULL, NULL, NULL));
        const gsize size = g_variant_get_size(value);
        g_autofree guint8 *bytes = g_malloc(size + 1);
        g_variant_store(value, bytes);
        normal += check_damaged(g_variant_get_type_string(value), bytes, size);
    }
    g_assert_cmpuint(normal, >, 0); /* another letter in a text is right, too */
}

/* What has a size where the ends become wider, and a text that is not ASCII. */
static void test_normal_sizes(void)
{
    for (gsize size = 0xf0; size < 0x110; size++) {
        g_autofree char *text = g_strnfill(size, 'x');
        const char *const strings[] = {"", text, "gr\303\274n und \303\244hnlich", NULL};
        g_autoptr(GVariant) value =
            g_variant_ref_sink(g_variant_new("(u^asmsb)", 7, strings, "c", TRUE));
        const gsize length = g_variant_get_size(value);
        g_autofree guint8 *bytes = g_malloc(length + 1);
        g_variant_store(value, bytes);
        check_damaged(g_variant_get_type_string(value), bytes, length);
    }
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/pack/values", test_values);
    g_test_add_func("/pack/sizes", test_sizes);
    g_test_add_func("/pack/many", test_many);
    g_test_add_func("/pack/stored-before", test_stored_before);
    g_test_add_func("/pack/normal", test_normal);
    g_test_add_func("/pack/normal-sizes", test_normal_sizes);
    return g_test_run();
}
