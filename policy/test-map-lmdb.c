/* SPDX-License-Identifier: MIT */
#include "policy/map-fixture.h"
#include <fcntl.h>
#include <glib/gstdio.h>
#include <lmdb.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

/* Tables that postmap(1) makes: read as Postfix reads them, and never the end of who reads a broken
 * one. */

static char *binary(const MapFixture *f)
{
    return g_strconcat(f->file, ".lmdb", NULL);
}

static char *spec_of(const MapFixture *f)
{
    return g_strconcat("lmdb:", f->file, NULL);
}

/* Makes the table of the text, with an option of postmap's. */
static void make(const MapFixture *f, const char *option, const char *text)
{
    g_autofree char *spec = spec_of(f), *path = binary(f), *err = NULL;
    const char *argv[] = {f->postmap, "-c", f->folder, option, spec, NULL};
    int status = 0;
    g_unlink(path);
    map_fixture_write(f, text, -1);
    g_assert_true(g_spawn_sync(NULL, (char **)argv, NULL, G_SPAWN_DEFAULT, NULL, NULL, NULL, &err,
                               &status, NULL));
    if (!g_spawn_check_wait_status(status, NULL))
        g_test_message("%s", err);
    g_assert_true(g_spawn_check_wait_status(status, NULL));
}

/* How postmap makes a table if nothing is said. */
#define PLAIN "-w"

static void test_as_postfix(MapFixture *f, gconstpointer data)
{
    static const char text[] = "# a comment\n"
                               "plain value\n"
                               "Upper.Case@EXAMPLE.COM Value\n"
                               "long one\n   two\n# c\n\tthree\n"
                               "twice first\n"
                               "twice second\n"
                               "novalue\n"
                               "crlf value\r\n"
                               "\"john doe\"@example.com quoted\n"
                               "colon: value\n"
                               "caf\xc3\xa9 utf8\n"
                               "STRASSE\xc3\x9f sharp\n"
                               "latin\xe9 value\n"
                               "* star\n"
                               "a@b.example allow domains=*\n"
                               "b.example discard\n"
                               "last line";
    static const char *const keys[] = {
        "plain",
        "PLAIN",
        "upper.case@example.com",
        "Upper.Case@EXAMPLE.COM",
        "long",
        "twice",
        "novalue",
        "crlf",
        "\"john doe\"@example.com",
        "colon:",
        "colon",
        "caf\xc3\xa9",
        "CAF\xc3\x89",
        "strasse\xc3\x9f",
        "latin\xe9",
        "latin",
        "*",
        "a@b.example",
        "A@B.Example",
        "b.example",
        "x.b.example",
        "last",
        "nothing",
        "#",
        "plain ",
        " plain",
        "plai",
        "plainn",
        "value",
        "0",
    };
    const char *option = data;
    if (!map_fixture_has_postmap(f))
        return;
    make(f, option, text);
    g_autofree char *spec = spec_of(f);
    g_autoptr(Map) map = map_open(spec, NULL);
    unsigned found = 0;
    G_STATIC_ASSERT(G_N_ELEMENTS(keys) >= 20);
    for (gsize i = 0; i < G_N_ELEMENTS(keys); i++) {
        g_auto(MapSaid) theirs = map_fixture_answer(map_fixture_ask(f, spec, keys[i]));
        g_auto(MapSaid) ours = map_fixture_ours(map, keys[i]);
        g_test_message("%s: theirs %s%s ours %s%s", keys[i], theirs.value,
                       theirs.wrong ? " (wrong)" : "", ours.value, ours.wrong ? " (wrong)" : "");
        g_assert_cmpint(ours.wrong, ==, theirs.wrong);
        g_assert_cmpstr(ours.value, ==, theirs.value);
        found += theirs.value != NULL;
    }
    g_assert_cmpuint(found, >=, 8);
    /* decisions: Postfix ends by an error where nothing is asked for. */
    g_auto(MapSaid) empty = map_fixture_ours(map, "");
    g_assert_false(empty.wrong);
    g_assert_null(empty.value);
}

/* One row a file that is no table, or none any more: neither tells anything. */
static void test_broken_as_postfix(MapFixture *f, gconstpointer data)
{
    (void)data;
    static const struct {
        const char *what;
        gssize keep;      /* bytes; -1: all */
        gsize at, length; /* zeros in their place */
    } rows[] = {
        {"missing", -1, 0, 0},          {"empty", 0, 0, 0},
        {"short head", 100, 0, 0},      {"one head", 4096, 0, 0},
        {"no second head", 4200, 0, 0}, {"magic", -1, 16, 4},
        {"version", -1, 20, 4},         {"head's flags", -1, 8, 4},
    };
    gpointer asked[G_N_ELEMENTS(rows)];
    char *specs[G_N_ELEMENTS(rows)];
    if (!map_fixture_has_postmap(f))
        return;
    make(f, PLAIN, "a b\n");
    g_autofree char *path = binary(f), *bytes = NULL;
    gsize size = 0;
    g_assert_true(g_file_get_contents(path, &bytes, &size, NULL));
    for (gsize i = 0; i < G_N_ELEMENTS(rows); i++) {
        g_autofree char *copy = g_memdup2(bytes, size);
        g_autofree char *broken = g_strdup_printf("%s.%u.lmdb", f->file, (unsigned)i);
        specs[i] = g_strdup_printf("lmdb:%s.%u", f->file, (unsigned)i);
        memset(copy + rows[i].at, 0, rows[i].length);
        if (i > 0)
            g_assert_true(g_file_set_contents(
                broken, copy, rows[i].keep < 0 ? (gssize)size : rows[i].keep, NULL));
        asked[i] = map_fixture_ask(f, specs[i], "a");
    }
    for (gsize i = 0; i < G_N_ELEMENTS(rows); i++) {
        g_autoptr(Map) map = map_open(specs[i], NULL);
        g_auto(MapSaid) theirs = map_fixture_answer(asked[i]), ours = map_fixture_ours(map, "a");
        g_test_message("%s: theirs %s%s", rows[i].what, theirs.value,
                       theirs.wrong ? " (wrong)" : "");
        g_assert_true(theirs.wrong);
        g_assert_true(ours.wrong);
        g_free(specs[i]);
    }
}

/* --- tables as chance makes them --- */

#define RANDOM_TABLES 25
#define RANDOM_KEYS 60

static GRand *dice;

static void add_text(GString *text, unsigned longest)
{
    static const char *const letters[] = {"a", "b", "B", "@", ".", "\xc3\xa9", "\xc3\x89", "0"};
    for (gint32 count = g_rand_int_range(dice, 1, (gint32)longest); count > 0; count--)
        g_string_append(text, letters[g_rand_int_range(dice, 0, G_N_ELEMENTS(letters))]);
}

static void test_random_as_postfix(MapFixture *f, gconstpointer data)
{
    (void)data;
    static const char *const options[] = {PLAIN, "-n", "-N", "-f"};
    g_autofree char *spec = spec_of(f);
    if (!map_fixture_has_postmap(f))
        return;
    for (unsigned i = 0; i < RANDOM_TABLES; i++) {
        g_autoptr(GString) text = g_string_new(NULL);
        for (gint32 lines = g_rand_int_range(dice, 0, 400); lines > 0; lines--) {
            add_text(text, 5);
            g_string_append_c(text, ' ');
            add_text(text, g_rand_int_range(dice, 0, 30) == 0 ? 6000 : 30);
            g_string_append_c(text, '\n');
        }
        make(f, options[i % G_N_ELEMENTS(options)], text->str);
        char *keys[RANDOM_KEYS + 1] = {NULL};
        for (unsigned k = 0; k < RANDOM_KEYS; k++) {
            GString *key = g_string_new(NULL);
            add_text(key, 4);
            keys[k] = g_string_free(key, FALSE);
        }
        g_autoptr(Map) map = map_open(spec, NULL);
        bool their_fault = false, our_fault = false;
        g_autofree char *theirs =
            map_fixture_postmap_all(f, spec, (const char *const *)keys, &their_fault);
        g_autofree char *ours = map_fixture_ours_all(map, (const char *const *)keys, &our_fault);
        g_assert_cmpint(our_fault, ==, their_fault);
        g_assert_cmpstr(ours, ==, theirs);
        for (unsigned k = 0; k < RANDOM_KEYS; k++)
            g_free(keys[k]);
    }
}

/* --- tables that postmap would not make --- */

typedef struct {
    const char *key;
    gsize key_size;
    const char *value;
    gsize value_size;
} Entry;

static void put(MDB_txn *transaction, MDB_dbi database, const Entry *entry)
{
    MDB_val key = {entry->key_size, (void *)entry->key};
    MDB_val value = {entry->value_size, (void *)entry->value};
    g_assert_cmpint(mdb_put(transaction, database, &key, &value, 0), ==, 0);
}

/* Writes a file by the library alone; name and flags are those of its database. */
static void write_entries(const MapFixture *f, const char *name, unsigned flags,
                          const Entry *entries, gsize count)
{
    g_autofree char *path = binary(f);
    MDB_env *env;
    MDB_txn *transaction;
    MDB_dbi database;
    g_unlink(path);
    g_assert_cmpint(mdb_env_create(&env), ==, 0);
    g_assert_cmpint(mdb_env_set_mapsize(env, 48 * 1024 * 1024), ==, 0);
    g_assert_cmpint(mdb_env_set_maxdbs(env, 2), ==, 0);
    g_assert_cmpint(mdb_env_open(env, path, MDB_NOSUBDIR | MDB_NOLOCK | MDB_NOSYNC, 0600), ==, 0);
    g_assert_cmpint(mdb_txn_begin(env, NULL, 0, &transaction), ==, 0);
    g_assert_cmpint(mdb_dbi_open(transaction, name, flags, &database), ==, 0);
    for (gsize i = 0; i < count; i++)
        put(transaction, database, &entries[i]);
    g_assert_cmpint(mdb_txn_commit(transaction), ==, 0);
    mdb_env_close(env);
}

static bool collect(gpointer data, const char *key, const char *value, unsigned line,
                    GError **error)
{
    g_assert_cmpuint(line, ==, 0);
    if (g_str_equal(key, "refused")) {
        g_set_error(error, MAP_ERROR, MAP_ERROR_SYNTAX, "refused");
        return false;
    }
    g_string_append_printf(data, "%s=%s;", key, value);
    return true;
}

/* One row: entries, what map_each gives of them, and how a look-up of "k" ends. */
static void test_entries(MapFixture *f, gconstpointer data)
{
    (void)data;
    static const struct {
        Entry entries[2];
        const char *seen, *fault;
        const char *value; /* NULL: none; "!": can't tell */
    } rows[] = {
        {{{"k", 2, "v", 2}, {"l", 2, "w", 2}}, "k=v;l=w;", NULL, "v"},
        {{{"k", 1, "v", 1}, {"l", 1, "w", 1}}, "k=v;l=w;", NULL, "v"},
        /* Postfix looks for it with a NUL first. */
        {{{"k", 1, "v", 1}, {"k", 2, "w", 2}}, "k=w;", NULL, "w"},
        {{{"k", 1, "v", 2}, {"l", 2, "w", 1}}, "k=v;l=w;", NULL, "v"},
        {{{"K", 2, "v", 2}, {"l", 2, "w", 2}}, "K=v;l=w;", NULL, NULL},
        {{{"k", 2, "", 1}, {"l", 2, "w", 2}}, "", "can't be used", "!"},
        {{{"k", 2, "", 0}, {"l", 2, "w", 2}}, "", "can't be used", "!"},
        {{{"k", 2, "\xe9", 2}, {"l", 2, "w", 2}}, "", "can't be used", "!"},
        {{{"a\0k", 4, "v", 2}, {"k", 2, "w", 2}}, "", "can't be used", "w"},
        {{{"\xe9", 2, "v", 2}, {"k", 2, "w", 2}}, "k=w;", "can't be used", "w"},
        {{{"", 1, "v", 2}, {"k", 2, "w", 2}}, "", "can't be used", "w"},
        {{{"k", 2, "v\0x", 4}, {"l", 2, "w", 2}}, "", "can't be used", "v"},
        {{{"k", 2, "v", 2}, {"refused", 8, "w", 2}}, "k=v;", "refused", "v"},
    };
    g_autofree char *spec = spec_of(f);
    for (gsize i = 0; i < G_N_ELEMENTS(rows); i++) {
        write_entries(f, NULL, 0, rows[i].entries, G_N_ELEMENTS(rows[i].entries));
        g_autoptr(Map) map = map_open(spec, NULL);
        g_autoptr(GString) seen = g_string_new(NULL);
        g_autoptr(GError) error = NULL;
        Answer answer = map_each(map, collect, seen, &error);
        g_auto(MapSaid) said = map_fixture_ours(map, "k");
        g_test_message("%u: %s %s", (unsigned)i, seen->str, error != NULL ? error->message : "");
        g_assert_cmpstr(seen->str, ==, rows[i].seen);
        g_assert_cmpint(answer, ==, rows[i].fault == NULL ? ANSWER_YES : ANSWER_UNKNOWN);
        if (rows[i].fault != NULL) {
            g_assert_error(error, MAP_ERROR, MAP_ERROR_SYNTAX);
            g_assert_nonnull(strstr(error->message, rows[i].fault));
        }
        bool wrong = g_strcmp0(rows[i].value, "!") == 0;
        g_assert_cmpint(said.wrong, ==, wrong);
        g_assert_cmpstr(said.value, ==, wrong ? NULL : rows[i].value);
    }
}

static void assert_no_table(const MapFixture *f, const char *words)
{
    g_autofree char *spec = spec_of(f), *path = binary(f);
    g_autoptr(GError) error = NULL;
    g_autoptr(Map) map = map_open(spec, &error);
    char *value = NULL;
    g_assert_no_error(error);
    g_assert_cmpint(map_lookup(map, "k", &value, &error), ==, ANSWER_UNKNOWN);
    g_assert_error(error, MAP_ERROR, MAP_ERROR_FAILED);
    g_assert_nonnull(strstr(error->message, words));
    g_assert_nonnull(strstr(error->message, path));
    g_clear_error(&error);
    g_assert_cmpint(map_each(map, collect, NULL, &error), ==, ANSWER_UNKNOWN);
    g_assert_error(error, MAP_ERROR, MAP_ERROR_FAILED);
    g_autofree char *advice = map_advice(map);
    g_assert_null(advice);
}

/* Of files of the library's those are taken that postmap could have made. */
static void test_other_databases(MapFixture *f, gconstpointer data)
{
    (void)data;
    static const Entry entries[] = {{"k", 2, "v", 2}, {"k", 2, "w", 2}};
    write_entries(f, NULL, MDB_DUPSORT, entries, 2);
    assert_no_table(f, "none that postmap has made");
    write_entries(f, NULL, MDB_REVERSEKEY, entries, 1);
    assert_no_table(f, "none that postmap has made");
    write_entries(f, "name", MDB_CREATE, entries, 1);
    assert_no_table(f, "none that postmap has made");
    g_autofree char *path = binary(f);
    g_unlink(path);
    assert_no_table(f, "No such file");
    g_assert_cmpint(g_mkdir(path, 0700), ==, 0);
    assert_no_table(f, "no regular file");
    g_rmdir(path);
    /* A hole of the largest size, and one more. */
    int fd = g_open(path, O_CREAT | O_WRONLY, 0600);
    g_assert_cmpint(ftruncate(fd, 64 * 1024 * 1024 + 1), ==, 0);
    assert_no_table(f, "no regular file of at most 67108864 bytes");
    g_assert_cmpint(ftruncate(fd, 64 * 1024 * 1024), ==, 0);
    assert_no_table(f, "none that postmap has made");
    close(fd);
}

/* --- sizes and damage --- */

static bool count(gpointer data, const char *key, const char *value G_GNUC_UNUSED,
                  unsigned line G_GNUC_UNUSED, GError **error G_GNUC_UNUSED)
{
    unsigned *found = data;
    g_assert_cmpuint(strlen(key), >, 0);
    ++*found;
    return true;
}

/* A table with so many keys; every eighth value is longer than a page. */
static void write_many(const MapFixture *f, unsigned keys)
{
    g_autoptr(GArray) entries = g_array_new(FALSE, FALSE, sizeof(Entry));
    g_autoptr(GPtrArray) texts = g_ptr_array_new_with_free_func(g_free);
    g_autofree char *large = g_strnfill(5000, 'x');
    for (unsigned i = 0; i < keys; i++) {
        char *key = g_strdup_printf("user%u@some-domain.example", i);
        Entry entry = {key, strlen(key) + 1, large, i % 8 == 0 ? 5001 : 20};
        g_ptr_array_add(texts, key);
        g_array_append_val(entries, entry);
    }
    write_entries(f, NULL, 0, (const Entry *)entries->data, keys);
}

/* Takes keys out again, here and there, so that pages are joined. */
static void remove_most(const MapFixture *f, unsigned keys)
{
    g_autofree char *path = binary(f);
    MDB_env *env;
    MDB_txn *transaction;
    MDB_dbi database;
    g_assert_cmpint(mdb_env_create(&env), ==, 0);
    g_assert_cmpint(mdb_env_set_mapsize(env, 48 * 1024 * 1024), ==, 0);
    g_assert_cmpint(mdb_env_open(env, path, MDB_NOSUBDIR | MDB_NOLOCK | MDB_NOSYNC, 0600), ==, 0);
    g_assert_cmpint(mdb_txn_begin(env, NULL, 0, &transaction), ==, 0);
    g_assert_cmpint(mdb_dbi_open(transaction, NULL, 0, &database), ==, 0);
    for (unsigned i = 0; i < keys; i++) {
        g_autofree char *name = g_strdup_printf("user%u@some-domain.example", i);
        MDB_val key = {strlen(name) + 1, name};
        if (i % 10 != 0)
            g_assert_cmpint(mdb_del(transaction, database, &key, NULL), ==, 0);
    }
    g_assert_cmpint(mdb_txn_commit(transaction), ==, 0);
    mdb_env_close(env);
}

static void test_many(MapFixture *f, gconstpointer data)
{
    (void)data;
    g_autofree char *spec = spec_of(f);
    write_many(f, 30000);
    g_autoptr(Map) map = map_open(spec, NULL);
    unsigned found = 0;
    g_assert_cmpint(map_each(map, count, &found, NULL), ==, ANSWER_YES);
    g_assert_cmpuint(found, ==, 30000);
    for (unsigned i = 0; i < 30100; i += 50) {
        g_autofree char *key = g_strdup_printf("USER%u@some-domain.example", i);
        g_auto(MapSaid) said = map_fixture_ours(map, key);
        g_assert_false(said.wrong);
        g_assert_cmpuint(said.value != NULL ? strlen(said.value) : 0, ==,
                         i >= 30000   ? 0
                         : i % 8 == 0 ? 5000
                                      : 20);
    }
    remove_most(f, 30000);
    g_autoptr(Map) rest = map_open(spec, NULL);
    found = 0;
    g_assert_cmpint(map_each(rest, count, &found, NULL), ==, ANSWER_YES);
    g_assert_cmpuint(found, ==, 3000);
}

/* Opens what is there and asks for all it can: who survives has passed. Whether it was taken. */
static bool survive(const char *spec)
{
    g_autoptr(Map) map = map_open(spec, NULL);
    g_autoptr(GError) error = NULL;
    unsigned found = 0;
    Answer answer = map_each(map, count, &found, &error);
    g_assert_true((answer == ANSWER_YES) == (error == NULL));
    for (unsigned i = 0; i < 200; i += 40) {
        g_autofree char *key = g_strdup_printf("user%u@some-domain.example", i), *value = NULL;
        map_lookup(map, key, &value, NULL);
    }
    return answer == ANSWER_YES;
}

/* R2.34: a file that lost its end, wherever that was, and one with a byte that is another. */
static void test_damage(MapFixture *f, gconstpointer data)
{
    (void)data;
    enum { PAGE = 4096, CHANGES = 20000 };
    g_autofree char *spec = spec_of(f), *path = binary(f), *bytes = NULL;
    gsize size = 0;
    unsigned taken = 0, refused = 0;
    write_many(f, 200);
    g_assert_true(g_file_get_contents(path, &bytes, &size, NULL));
    g_assert_true(survive(spec));
    for (gsize keep = 0; keep < size; keep += PAGE / 4) {
        g_assert_cmpint(truncate(path, (off_t)keep), ==, 0);
        g_assert_false(survive(spec));
        g_assert_true(g_file_set_contents(path, bytes, (gssize)size, NULL));
    }
    int fd = g_open(path, O_WRONLY, 0);
    for (unsigned i = 0; i < CHANGES; i++) {
        /* Mostly where pages say what is in them. */
        gsize page = (gsize)g_rand_int_range(dice, 0, (gint32)(size / PAGE)) * PAGE;
        gsize at = page + (gsize)g_rand_int_range(dice, 0, i % 4 != 0 ? 160 : PAGE);
        char byte = (char)(g_rand_boolean(dice) ? 1 << g_rand_int_range(dice, 0, 8)
                                                : g_rand_int_range(dice, 0, 256));
        byte = (char)(bytes[at] ^ byte);
        g_assert_cmpint(pwrite(fd, &byte, 1, (off_t)at), ==, 1);
        *(survive(spec) ? &taken : &refused) += 1;
        g_assert_cmpint(pwrite(fd, bytes + at, 1, (off_t)at), ==, 1);
    }
    close(fd);
    g_test_message("%u changes: %u taken, %u refused", CHANGES, taken, refused);
    g_assert_cmpuint(refused, >, CHANGES / 10);
    g_assert_cmpuint(taken, >, CHANGES / 10);
}

/* R2.34: keys out of their order, which a search would miss, in whatever page. */
static void test_order(MapFixture *f, gconstpointer data)
{
    (void)data;
    enum { PAGE = 4096, HEADER = 16, LEAF = 2 };
    g_autofree char *path = binary(f), *bytes = NULL;
    gsize size = 0;
    unsigned leaves = 0;
    write_many(f, 200);
    g_assert_true(g_file_get_contents(path, &bytes, &size, NULL));
    for (gsize at = 2 * PAGE; at < size; at += PAGE) {
        guint16 kind, places[2], swapped[2];
        memcpy(&kind, bytes + at + 10, sizeof kind);
        memcpy(places, bytes + at + HEADER, sizeof places);
        if (kind != LEAF)
            continue;
        swapped[0] = places[1];
        swapped[1] = places[0];
        memcpy(bytes + at + HEADER, swapped, sizeof swapped);
        g_assert_true(g_file_set_contents(path, bytes, (gssize)size, NULL));
        assert_no_table(f, "it is damaged");
        memcpy(bytes + at + HEADER, places, sizeof places);
        leaves++;
    }
    g_assert_cmpuint(leaves, >=, 2);
}

/* R2.34: a value of its own pages that says to be longer than these. */
static void test_lengths(MapFixture *f, gconstpointer data)
{
    (void)data;
    enum { PAGE = 4096, HEADER = 16, LEAF = 2, LENGTH = 2, FLAGS = 4, BIG = 1 };
    g_autofree char *path = binary(f), *bytes = NULL;
    gsize size = 0;
    unsigned tried = 0;
    write_many(f, 60);
    g_assert_true(g_file_get_contents(path, &bytes, &size, NULL));
    for (gsize at = 2 * PAGE; at < size; at += PAGE) {
        guint16 kind, end, place, flags;
        memcpy(&kind, bytes + at + 10, sizeof kind);
        memcpy(&end, bytes + at + 12, sizeof end);
        for (gsize i = HEADER; kind == LEAF && i < end; i += sizeof place) {
            memcpy(&place, bytes + at + i, sizeof place);
            memcpy(&flags, bytes + at + place + FLAGS, sizeof flags);
            if (flags != BIG)
                continue;
            bytes[at + place + LENGTH] = 1;
            g_assert_true(g_file_set_contents(path, bytes, (gssize)size, NULL));
            assert_no_table(f, "it is damaged");
            bytes[at + place + LENGTH] = 0;
            tried++;
        }
    }
    g_assert_cmpuint(tried, ==, 8);
}

/* R2.34 R2.32: what is in use stays as it was read: a shorter, an emptied, an overwritten file, and
 * one that is another. */
static void test_snapshot(MapFixture *f, gconstpointer data)
{
    (void)data;
    static const Entry old = {"k", 2, "old", 4}, new = {"k", 2, "new", 4};
    g_autofree char *spec = spec_of(f), *path = binary(f), *junk = g_strnfill(8192, 'j');
    write_entries(f, NULL, 0, &old, 1);
    g_autoptr(Map) map = map_open(spec, NULL);
    g_autofree char *as_read = map_fingerprint(map, false), *now = map_fingerprint(map, true);
    g_assert_cmpstr(as_read, ==, now);
    for (unsigned i = 0; i < 5; i++) {
        int fd = g_open(path, O_WRONLY | O_CREAT, 0600);
        if (i < 2)
            g_assert_cmpint(ftruncate(fd, i == 0 ? 8192 : 0), ==, 0);
        else if (i == 2)
            g_assert_cmpint(pwrite(fd, junk, 8192, 0), ==, 8192);
        else if (i == 3)
            g_unlink(path);
        else
            write_entries(f, NULL, 0, &new, 1);
        close(fd);
        g_auto(MapSaid) said = map_fixture_ours(map, "k");
        g_assert_cmpstr(said.value, ==, "old");
        g_autofree char *later = map_fingerprint(map, true), *same = map_fingerprint(map, false);
        g_assert_cmpstr(later, !=, as_read);
        g_assert_cmpstr(same, ==, as_read);
        g_autoptr(Map) again = map_open(spec, NULL);
        g_auto(MapSaid) then = map_fixture_ours(again, "k");
        g_assert_cmpint(then.wrong, ==, i < 4);
        g_assert_cmpstr(then.value, ==, i < 4 ? NULL : "new");
    }
}

/* postmap holds a lock for a moment; who never lets go is not waited for. */
static void test_locked(MapFixture *f, gconstpointer data)
{
    (void)data;
    static const Entry entry = {"k", 2, "v", 2};
    g_autofree char *path = binary(f);
    int ready[2], over[2];
    char byte;
    write_entries(f, NULL, 0, &entry, 1);
    g_assert_cmpint(pipe(ready), ==, 0);
    g_assert_cmpint(pipe(over), ==, 0);
    pid_t child = fork();
    if (child == 0) {
        struct flock whole = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
        int fd = open(path, O_RDWR);
        if (fcntl(fd, F_SETLK, &whole) != 0 || write(ready[1], "", 1) != 1)
            _exit(1);
        /* It ends with this test, however that does. */
        close(over[1]);
        _exit(read(over[0], &byte, 1) != 0);
    }
    g_assert_cmpint(child, >, 0);
    g_assert_cmpint(read(ready[0], &byte, 1), ==, 1);
    assert_no_table(f, "it is being written");
    close(over[1]);
    close(over[0]);
    g_assert_cmpint(waitpid(child, NULL, 0), ==, child);
    close(ready[0]);
    close(ready[1]);
    g_autofree char *spec = spec_of(f);
    g_autoptr(Map) map = map_open(spec, NULL);
    g_auto(MapSaid) said = map_fixture_ours(map, "k");
    g_assert_cmpstr(said.value, ==, "v");
}

static void test_advice(MapFixture *f, gconstpointer data)
{
    (void)data;
    static const Entry entry = {"k", 2, "v", 2};
    g_autofree char *spec = spec_of(f), *list = g_strconcat("static:x, ", spec, NULL);
    write_entries(f, NULL, 0, &entry, 1);
    g_autoptr(Map) map = map_open(list, NULL);
    g_autofree char *without = map_advice(map);
    g_assert_null(without);
    map_fixture_write(f, "k w\n", -1);
    struct timespec times[2] = {{.tv_nsec = UTIME_OMIT}, {.tv_sec = 1}};
    g_assert_cmpint(utimensat(AT_FDCWD, f->file, times, 0), ==, 0);
    g_autofree char *older = map_advice(map);
    g_assert_null(older);
    times[1].tv_sec = g_get_real_time() / G_USEC_PER_SEC + 1000;
    g_assert_cmpint(utimensat(AT_FDCWD, f->file, times, 0), ==, 0);
    g_autofree char *newer = map_advice(map), *words = g_strdup_printf("\"postmap %s\"", spec);
    g_assert_nonnull(newer);
    g_assert_nonnull(strstr(newer, words));
}

#define ADD(path, function, data)                                                                  \
    g_test_add(path, MapFixture, data, map_fixture_set_up, function, map_fixture_tear_down)

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    const char *seed = g_getenv("BATCHLOAD_SEED");
    dice = g_rand_new_with_seed(seed != NULL ? (guint32)g_ascii_strtoull(seed, NULL, 10) : 2026);
    ADD("/map/lmdb/as-postfix", test_as_postfix, PLAIN);
    ADD("/map/lmdb/as-postfix-without-nul", test_as_postfix, "-n");
    ADD("/map/lmdb/as-postfix-with-nul", test_as_postfix, "-N");
    ADD("/map/lmdb/as-postfix-unfolded", test_as_postfix, "-f");
    ADD("/map/lmdb/broken-as-postfix", test_broken_as_postfix, NULL);
    ADD("/map/lmdb/random-as-postfix", test_random_as_postfix, NULL);
    ADD("/map/lmdb/entries", test_entries, NULL);
    ADD("/map/lmdb/other-databases", test_other_databases, NULL);
    ADD("/map/lmdb/many", test_many, NULL);
    ADD("/map/lmdb/damage", test_damage, NULL);
    ADD("/map/lmdb/order", test_order, NULL);
    ADD("/map/lmdb/lengths", test_lengths, NULL);
    ADD("/map/lmdb/snapshot", test_snapshot, NULL);
    ADD("/map/lmdb/locked", test_locked, NULL);
    ADD("/map/lmdb/advice", test_advice, NULL);
    int failed = g_test_run();
    g_rand_free(dice);
    return failed;
}
