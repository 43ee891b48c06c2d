/* SPDX-License-Identifier: MIT */
#include "lib/entry.h"

#include <string.h>

/* An entry written as "name=value|name=value", names sorted by the writer of the case. */
static Entry *entry_of(const char *text)
{
    g_auto(GStrv) pairs = g_strsplit(text, "|", -1);
    Entry *entry = entry_new("cn=x");
    for (char **pair = pairs; *pair != NULL && **pair != '\0'; pair++) {
        char *equals = strchr(*pair, '=');
        *equals = '\0';
        entry_add(entry, *pair, equals + 1);
    }
    return entry;
}

static char *text_of(const Entry *entry)
{
    g_autoptr(GList) names = NULL;
    GString *text = g_string_new(NULL);
    if (entry == NULL)
        return g_string_free(g_string_assign(text, "absent"), FALSE);
    for (guint i = 0; i < entry->attributes->len; i++)
        names = g_list_prepend(names, entry_attribute(entry, i)->name);
    names = g_list_sort(names, (GCompareFunc)strcmp);
    for (GList *at = names; at != NULL; at = at->next) {
        GPtrArray *values = entry_values(entry, at->data);
        for (guint i = 0; i < values->len; i++)
            g_string_append_printf(text, "%s%s=%s", text->len > 0 ? "|" : "", (char *)at->data,
                                   (char *)g_ptr_array_index(values, i));
    }
    return g_string_free(text, FALSE);
}

/* A change written as "+name=value", "-name=value", "-name", "=name=value", "=name". */
static Change *change_of(ChangeKind kind, const char *text)
{
    g_auto(GStrv) mods = g_strsplit(text, "|", -1);
    Change *change = change_new(kind, "cn=x");
    for (char **mod = mods; *mod != NULL && **mod != '\0'; mod++) {
        char *equals = strchr(*mod + 1, '=');
        ModKind how = **mod == '+' ? MOD_ADD : **mod == '-' ? MOD_DELETE : MOD_REPLACE;
        if (equals != NULL)
            *equals = '\0';
        change_mod(change, how, *mod + 1, equals == NULL ? NULL : equals + 1);
    }
    return change;
}

static const struct {
    const char *name;
    ChangeKind kind;
    const char *before; /* NULL: absent */
    const char *mods;
    const char *after;
} effects[] = {
    {"add", CHANGE_ADD, NULL, "+cn=x|+Mail=a|+mail=b", "cn=x|mail=a|mail=b"},
    {"delete", CHANGE_DELETE, "cn=x", "", "absent"},
    {"modify-of-nothing", CHANGE_MODIFY, NULL, "+cn=x", "absent"},
    {"add-value", CHANGE_MODIFY, "m=a", "+M=b", "m=a|m=b"},
    {"add-value-twice", CHANGE_MODIFY, "m=a", "+m=a", "m=a"},
    {"remove-value", CHANGE_MODIFY, "m=a|m=b", "-m=A", "m=b"},
    {"remove-exact-first", CHANGE_MODIFY, "m=A|m=a", "-m=a", "m=A"},
    {"remove-last-value", CHANGE_MODIFY, "c=x|m=a", "-m=a", "c=x"},
    {"remove-attribute", CHANGE_MODIFY, "c=x|m=a|m=b", "-M", "c=x"},
    {"remove-missing", CHANGE_MODIFY, "c=x", "-m=a|-n", "c=x"},
    {"replace", CHANGE_MODIFY, "m=a|m=b", "=m=c|=m=d", "m=c|m=d"},
    {"replace-by-nothing", CHANGE_MODIFY, "c=x|m=a", "=m", "c=x"},
    {"in-order", CHANGE_MODIFY, "m=a", "+m=b|-m=b|+m=b|=c=x", "c=x|m=a|m=b"},
};

static void test_effect(gconstpointer data)
{
    const __typeof__(effects[0]) *one = data;
    g_autoptr(Entry) before = one->before == NULL ? NULL : entry_of(one->before);
    g_autoptr(Change) change = change_of(one->kind, one->mods);
    g_autoptr(GVariant) value = g_variant_ref_sink(change_to_variant(change));
    g_autoptr(Change) again = change_from_variant(value);
    g_autoptr(Entry) after = change_effect(change, before ? entry_copy(before) : NULL);
    g_autofree char *text = text_of(after);
    g_assert_cmpstr(text, ==, one->after);
    if (before != NULL) { /* what it was copied from is untouched */
        g_autoptr(Entry) same = entry_of(one->before);
        g_autofree char *left = text_of(before);
        g_autofree char *right = text_of(same);
        g_assert_cmpstr(left, ==, right);
    }
    /* The stored form does the same. */
    g_assert_nonnull(again);
    g_autoptr(Entry) after_again = change_effect(again, g_steal_pointer(&before));
    g_autofree char *text_again = text_of(after_again);
    g_assert_cmpstr(text_again, ==, one->after);
    g_assert_cmpstr(again->dn, ==, "cn=x");
}

static void test_mods_merge(void)
{
    g_autoptr(Change) change = change_of(CHANGE_MODIFY, "+m=a|+c=x|+M=b|-m=a|+m=a");
    const guint counts[] = {2, 1, 1, 1};
    g_assert_cmpuint(change->mods->len, ==, G_N_ELEMENTS(counts));
    for (guint i = 0; i < change->mods->len; i++) {
        const Mod *mod = g_ptr_array_index(change->mods, i);
        g_assert_cmpuint(mod->values->len, ==, counts[i]);
    }
}

static void test_values(void)
{
    g_autoptr(Entry) entry = entry_of("objectClass=Top|OBJECTCLASS=person|mail=a@b");
    g_autoptr(Entry) copy = entry_copy(entry);
    entry_add(entry, "mail", "later");
    g_autoptr(Change) change = change_of(CHANGE_ADD, "+mail=a@b");
    g_autoptr(Entry) made = change_effect(change, NULL);
    entry_add(made, "mail", "later");
    g_assert_cmpuint(change_values(change, "mail")->len, ==, 1);
    g_assert_cmpstr(copy->dn, ==, "cn=x");
    g_assert_cmpuint(entry_values(copy, "objectclass")->len, ==, 2);
    g_assert_cmpuint(entry_values(copy, "mail")->len, ==, 1);
    g_assert_cmpstr(entry_value(copy, "Mail"), ==, "a@b");
    g_assert_null(entry_value(copy, "cn"));
    g_assert_null(entry_values(copy, "cn"));
    g_assert_true(entry_has(copy, "objectClass", "top", true));
    g_assert_false(entry_has(copy, "objectClass", "top", false));
    g_assert_false(entry_has(copy, "cn", "x", true));
}

/* A stored value of another shape is refused, not believed. */
/* Memory in which an entry lies, and whether it was given back. */
typedef struct {
    char name[8], one[4], two[4], other[8], three[8];
    guint freed;
} Memory;

static void count_free(gpointer data)
{
    ((Memory *)data)->freed++;
}

static Entry *entry_in(Memory *memory)
{
    Entry *entry = entry_new_in("cn=x", memory, count_free);
    GPtrArray *values = g_ptr_array_new(), *others = g_ptr_array_new();
    g_ptr_array_add(values, memory->one);
    g_ptr_array_add(values, memory->two);
    entry_add_here(entry, memory->name, values);
    g_ptr_array_add(others, memory->three);
    entry_add_here(entry, memory->other, others);
    return entry;
}

/* What lies in memory is never changed, nor gone as long as a copy of the entry is there. */
static void test_kept(void)
{
    Memory memory = {"Mail", "a", "b", "mAIL", "c", 0};
    Entry *entry = entry_in(&memory);
    g_autofree char *both = text_of(entry);
    g_assert_cmpstr(both, ==, "mail=a|mail=b|mail=c"); /* told twice */
    entry_free(entry);
    g_assert_cmpuint(memory.freed, ==, 1);

    g_strlcpy(memory.other, "L", sizeof memory.other);
    Entry *first = entry_in(&memory), *copy = entry_copy(first);
    g_autoptr(Change) change = change_new(CHANGE_MODIFY, "cn=x");
    change_mod(change, MOD_ADD, "mail", "d");
    change_mod(change, MOD_DELETE, "l", "c");
    Entry *changed = change_effect(change, first); /* taken over */
    g_autofree char *same = text_of(copy), *other = text_of(changed);
    g_assert_cmpstr(same, ==, "l=c|mail=a|mail=b");
    g_assert_cmpstr(other, ==, "mail=a|mail=b|mail=d");
    g_assert_cmpstr(memory.one, ==, "a");
    g_assert_cmpstr(memory.three, ==, "c");
    entry_free(changed);
    g_assert_cmpuint(memory.freed, ==, 1);
    entry_free(copy);
    g_assert_cmpuint(memory.freed, ==, 2);
}

static void test_variant_shapes(void)
{
    static const char *const texts[] = {
        "(byte 9, 'cn=x', @a(ysas) [])",
        "(byte 1, 'cn=x', [(byte 7, 'm', ['a'])])",
        "(1, 'cn=x', @a(ysas) [])",
        "'cn=x'",
    };
    for (guint i = 0; i < G_N_ELEMENTS(texts); i++) {
        g_autoptr(GVariant) value = g_variant_parse(NULL, texts[i], NULL, NULL, NULL);
        g_assert_nonnull(value);
        g_assert_null(change_from_variant(value));
    }
}

/* What a change is sent as whose conditions go inside of it. */
static const struct {
    const char *name;
    const char *now;
    const char *mods;
    const char *plain; /* one attribute, or NULL */
    const char *sent;
} guards[] = {
    {"replaced", "m=a|m=b", "=m=c", NULL, "-m=a|-m=b|+m=c"},
    {"none-before", "c=x", "=m=c", NULL, "+m=c"},
    {"none-after", "m=a", "=m", NULL, "-m=a"},
    {"none-at-all", "c=x", "=m", NULL, "=m"},
    {"taken-off-whole", "m=a", "-m", NULL, "-m=a"},
    {"values", "m=a|m=b", "-m=a|+m=c", NULL, "-m=a|+m=c"},
    {"same-again", "m=a", "=m=a", NULL, "-m=a|+m=a"},
    {"password", "userPassword=a|m=a", "=userPassword=b|=m=b", NULL, "=userPassword=b|-m=a|+m=b"},
    {"not-comparable", "m=a|n=a", "=m=b|=n=b", "M", "=m=b|-n=a|+n=b"},
    {"class-there", "objectClass=X|m=a", "+objectClass=x|=m=b", NULL, "-m=a|+m=b"},
    {"class-new", "objectClass=y", "+objectClass=x", NULL, "+objectClass=x"},
};

static char *text_of_change(const Change *change)
{
    GString *text = g_string_new(NULL);
    for (guint i = 0; i < change->mods->len; i++) {
        const Mod *mod = g_ptr_array_index(change->mods, i);
        const char how = "+-="[mod->kind];
        if (mod->values->len == 0)
            g_string_append_printf(text, "|%c%s", how, mod->attribute);
        for (guint j = 0; j < mod->values->len; j++)
            g_string_append_printf(text, "|%c%s=%s", how, mod->attribute,
                                   (char *)g_ptr_array_index(mod->values, j));
    }
    if (text->len > 0)
        g_string_erase(text, 0, 1);
    return g_string_free(text, FALSE);
}

static void test_guarded(gconstpointer data)
{
    const __typeof__(guards[0]) *one = data;
    g_autoptr(Entry) now = entry_of(one->now);
    g_autoptr(Change) change = change_of(CHANGE_MODIFY, one->mods);
    g_autoptr(GPtrArray) plain = g_ptr_array_new();
    if (one->plain != NULL)
        g_ptr_array_add(plain, (gpointer)one->plain);
    change_mod(change, MOD_WAS, "m", "a"); /* never sent */
    g_autoptr(Change) guarded = change_guarded(change, now, plain);
    g_autofree char *text = text_of_change(guarded);
    g_assert_cmpstr(text, ==, one->sent);
    g_assert_cmpstr(guarded->dn, ==, "cn=x");
}

/* What could not be read is replaced whatever it is. */
static void test_guarded_left_out(void)
{
    g_autoptr(Entry) now = entry_of("m=a");
    g_autoptr(Change) change = change_of(CHANGE_MODIFY, "=m=b|=n=b");
    g_autoptr(GPtrArray) plain = g_ptr_array_new();
    now->left_out = true;
    g_autoptr(Change) guarded = change_guarded(change, now, plain);
    g_autofree char *text = text_of_change(guarded);
    g_assert_cmpstr(text, ==, "-m=a|+m=b|=n=b");
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    for (guint i = 0; i < G_N_ELEMENTS(effects); i++) {
        g_autofree char *path = g_strconcat("/entry/effect/", effects[i].name, NULL);
        g_test_add_data_func(path, &effects[i], test_effect);
    }
    for (guint i = 0; i < G_N_ELEMENTS(guards); i++) {
        g_autofree char *path = g_strconcat("/entry/guarded/", guards[i].name, NULL);
        g_test_add_data_func(path, &guards[i], test_guarded);
    }
    g_test_add_func("/entry/guarded-left-out", test_guarded_left_out);
    g_test_add_func("/entry/mods-merge", test_mods_merge);
    g_test_add_func("/entry/values", test_values);
    g_test_add_func("/entry/kept", test_kept);
    g_test_add_func("/entry/variant-shapes", test_variant_shapes);
    return g_test_run();
}
