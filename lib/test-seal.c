/* SPDX-License-Identifier: MIT */
#include "lib/seal.h"

#include <glib/gstdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define LABEL "20261120-K7M2QP/mail"
#define HEAD (4 + 24) /* magic and the library's header */
#define EXTRA 17      /* around each chunk */

typedef struct {
    char *folder, *path;
    SealKey *key;
} Fixture;

static void setup(Fixture *f, gconstpointer data G_GNUC_UNUSED)
{
    g_autoptr(GError) error = NULL;
    f->folder = g_dir_make_tmp("seal-XXXXXX", &error);
    g_assert_no_error(error);
    f->path = g_build_filename(f->folder, "key", NULL);
    g_assert_true(seal_key_create(f->path, &error));
    g_assert_no_error(error);
    f->key = seal_key_load(f->path, &error);
    g_assert_no_error(error);
}

static void teardown(Fixture *f, gconstpointer data G_GNUC_UNUSED)
{
    seal_key_free(f->key);
    g_unlink(f->path);
    g_rmdir(f->folder);
    g_free(f->path);
    g_free(f->folder);
}

static void refused(const char *path)
{
    g_autoptr(GError) error = NULL;
    g_assert_null(seal_key_load(path, &error));
    g_assert_error(error, SEAL_ERROR, SEAL_ERROR_KEY);
    g_assert_nonnull(strstr(error->message, path));
}

/* The key lies outside the spool, 0400; whatever else it is, is refused. */
static void test_key_file(Fixture *f, gconstpointer data G_GNUC_UNUSED)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *other = g_build_filename(f->folder, "other", NULL);
    struct stat st;

    g_assert_cmpint(stat(f->path, &st), ==, 0);
    g_assert_cmpuint(st.st_mode & 07777, ==, 0400);
    g_assert_cmpint(st.st_size, ==, 32);
    g_assert_false(seal_key_create(f->path, &error));
    g_assert_error(error, G_FILE_ERROR, G_FILE_ERROR_EXIST);
    refused(other); /* missing */
    g_assert_cmpint(symlink(f->path, other), ==, 0);
    refused(other);
    g_unlink(other);
    g_assert_cmpint(mkfifo(other, 0600), ==, 0);
    refused(other);
    g_unlink(other);
    g_assert_true(g_file_set_contents(other, "0123456789012345678901234567890", 31, NULL));
    g_chmod(other, 0400);
    refused(other);
    g_unlink(other);
    g_assert_true(g_file_set_contents(other, "012345678901234567890123456789012", 33, NULL));
    g_chmod(other, 0400);
    refused(other);
    g_unlink(other);
    g_chmod(f->path, 0440);
    refused(f->path);
    g_setenv("CREDENTIALS_DIRECTORY", f->folder, TRUE);
    g_clear_error(&error);
    seal_key_free(seal_key_load(f->path, &error));
    g_assert_no_error(error);
    g_chmod(f->path, 0404);
    refused(f->path);
    g_unsetenv("CREDENTIALS_DIRECTORY");
    g_chmod(f->path, 0600);
    seal_key_free(f->key);
    g_clear_error(&error);
    f->key = seal_key_load(f->path, &error);
    g_assert_no_error(error);
}

static void test_bytes(Fixture *f, gconstpointer data G_GNUC_UNUSED)
{
    static const char clear[] = "canary password";
    g_autoptr(GBytes) sealed = seal_bytes(f->key, LABEL, clear, sizeof clear);
    g_autoptr(GBytes) twice = seal_bytes(f->key, LABEL, clear, sizeof clear);
    g_autoptr(GBytes) empty = seal_bytes(f->key, LABEL, NULL, 0);
    g_autoptr(GBytes) opened = NULL, nothing = NULL;
    g_autoptr(GError) error = NULL;
    gsize size;
    const guchar *bytes = g_bytes_get_data(sealed, &size);

    g_assert_null(memmem(bytes, size, "canary", 6));
    g_assert_false(g_bytes_equal(sealed, twice));
    opened = unseal_bytes(f->key, LABEL, bytes, size, &error);
    g_assert_no_error(error);
    g_assert_cmpmem(g_bytes_get_data(opened, NULL), g_bytes_get_size(opened), clear, sizeof clear);
    nothing =
        unseal_bytes(f->key, LABEL, g_bytes_get_data(empty, NULL), g_bytes_get_size(empty), &error);
    g_assert_no_error(error);
    g_assert_cmpuint(g_bytes_get_size(nothing), ==, 0);
    g_assert_null(unseal_bytes(f->key, "20261120-K7M2QP/rows", bytes, size, &error));
    g_assert_error(error, SEAL_ERROR, SEAL_ERROR_BROKEN);
    for (gsize i = 0; i < size; i++) {
        g_autofree guchar *changed = g_memdup2(bytes, size);
        changed[i] ^= 1;
        g_assert_null(unseal_bytes(f->key, LABEL, changed, size, NULL));
        g_assert_null(unseal_bytes(f->key, LABEL, bytes, i, NULL));
    }
}

static GBytes *pattern(gsize size)
{
    guchar *bytes = g_malloc(size + 1);
    for (gsize i = 0; i < size; i++)
        bytes[i] = (guchar)(i * 31 + i / 251);
    return g_bytes_new_take(bytes, size);
}

/* Sealed in writes of step bytes. */
static GBytes *seal_all(const SealKey *key, GBytes *clear, gsize step)
{
    g_autoptr(GOutputStream) base = g_memory_output_stream_new_resizable();
    g_autoptr(GOutputStream) sealer = seal_output_stream_new(key, LABEL, base);
    g_autoptr(GError) error = NULL;
    gsize size;
    const guchar *bytes = g_bytes_get_data(clear, &size);

    for (gsize at = 0; at < size; at += step) {
        g_assert_true(g_output_stream_write_all(sealer, bytes + at, MIN(step, size - at), NULL,
                                                NULL, &error));
        g_assert_no_error(error);
    }
    g_assert_true(g_output_stream_close(sealer, NULL, &error));
    g_assert_no_error(error);
    g_assert_true(g_output_stream_is_closed(base));
    return g_memory_output_stream_steal_as_bytes(G_MEMORY_OUTPUT_STREAM(base));
}

/* What can be read, all of it; *error tells how it ended. */
static GBytes *unseal_all(const SealKey *key, const char *label, GBytes *sealed, gsize step,
                          GError **error)
{
    g_autoptr(GInputStream) base = g_memory_input_stream_new_from_bytes(sealed);
    g_autoptr(GInputStream) opener = seal_input_stream_new(key, label, base);
    g_autoptr(GByteArray) out = g_byte_array_new();
    g_autofree guchar *buffer = g_malloc(step);
    gssize got;

    while ((got = g_input_stream_read(opener, buffer, step, NULL, error)) > 0)
        g_byte_array_append(out, buffer, (guint)got);
    if (got < 0) /* it stays broken */
        g_assert_cmpint(g_input_stream_read(opener, buffer, step, NULL, NULL), ==, -1);
    return g_byte_array_free_to_bytes(g_steal_pointer(&out));
}

static void test_stream(Fixture *f, gconstpointer data G_GNUC_UNUSED)
{
    static const gsize sizes[] = {0,
                                  1,
                                  1000,
                                  SEAL_CHUNK - 1,
                                  SEAL_CHUNK,
                                  SEAL_CHUNK + 1,
                                  2 * SEAL_CHUNK,
                                  3 * SEAL_CHUNK + 17};
    static const gsize steps[] = {997, SEAL_CHUNK, 1000000};

    for (gsize i = 0; i < G_N_ELEMENTS(sizes); i++) {
        for (gsize j = 0; j < G_N_ELEMENTS(steps); j++) {
            g_autoptr(GBytes) clear = pattern(sizes[i]);
            g_autoptr(GBytes) sealed = seal_all(f->key, clear, steps[j]);
            g_autoptr(GError) error = NULL;
            g_autoptr(GBytes) opened =
                unseal_all(f->key, LABEL, sealed, steps[G_N_ELEMENTS(steps) - 1 - j], &error);
            g_assert_no_error(error);
            g_assert_true(g_bytes_equal(clear, opened));
        }
    }
}

static void assert_broken(const SealKey *key, const char *label, GBytes *sealed, gsize readable)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(GBytes) opened = unseal_all(key, label, sealed, 5000, &error);

    g_assert_error(error, SEAL_ERROR, SEAL_ERROR_BROKEN);
    g_assert_cmpuint(g_bytes_get_size(opened), ==, readable);
}

/* Cut off at any place of note, changed, reordered, repeated, added to, foreign: never complete. */
static void test_stream_broken(Fixture *f, gconstpointer data G_GNUC_UNUSED)
{
    const gsize frame = SEAL_CHUNK + EXTRA;
    g_autoptr(GBytes) clear = pattern(2 * SEAL_CHUNK + 100);
    g_autoptr(GBytes) sealed = seal_all(f->key, clear, SEAL_CHUNK);
    gsize size;
    const guchar *bytes = g_bytes_get_data(sealed, &size);
    const struct {
        gsize size, readable;
    } cuts[] = {{0, 0},
                {3, 0},
                {HEAD - 1, 0},
                {HEAD, 0},
                {HEAD + 5, 0},
                {HEAD + frame - 1, 0},
                {HEAD + frame, SEAL_CHUNK},
                {HEAD + 2 * frame, 2 * SEAL_CHUNK},
                {HEAD + 2 * frame + 50, 2 * SEAL_CHUNK},
                {size - 1, 2 * SEAL_CHUNK}};

    g_assert_cmpuint(size, ==, HEAD + 2 * frame + 100 + EXTRA);
    for (gsize i = 0; i < G_N_ELEMENTS(cuts); i++) {
        g_autoptr(GBytes) part = g_bytes_new(bytes, cuts[i].size);
        assert_broken(f->key, LABEL, part, cuts[i].readable);
    }
    for (gsize at = 0; at < size; at += 4999) {
        g_autofree guchar *changed = g_memdup2(bytes, size);
        g_autoptr(GBytes) whole = NULL;
        changed[at] ^= 0x80;
        whole = g_bytes_new(changed, size);
        assert_broken(f->key, LABEL, whole, at < HEAD ? 0 : (at - HEAD) / frame * SEAL_CHUNK);
    }
    {
        g_autoptr(GByteArray) swapped = g_byte_array_new();
        g_autoptr(GBytes) whole = NULL;
        g_byte_array_append(swapped, bytes, HEAD);
        g_byte_array_append(swapped, bytes + HEAD + frame, (guint)frame);
        g_byte_array_append(swapped, bytes + HEAD, (guint)frame);
        g_byte_array_append(swapped, bytes + HEAD + 2 * frame, 100 + EXTRA);
        whole = g_bytes_new(swapped->data, swapped->len);
        assert_broken(f->key, LABEL, whole, 0);
    }
    {
        g_autoptr(GByteArray) longer = g_byte_array_new();
        g_autoptr(GBytes) whole = NULL;
        g_byte_array_append(longer, bytes, (guint)size);
        g_byte_array_append(longer, (const guint8 *)"x", 1);
        whole = g_bytes_new(longer->data, longer->len);
        assert_broken(f->key, LABEL, whole, 2 * SEAL_CHUNK);
    }
    assert_broken(f->key, "20261120-K7M2QQ/mail", sealed, 0);
    assert_broken(f->key, "", sealed, 0);
}

/* A full last chunk with something behind it. */
static void test_stream_added(Fixture *f, gconstpointer data G_GNUC_UNUSED)
{
    g_autoptr(GBytes) clear = pattern(SEAL_CHUNK);
    g_autoptr(GBytes) sealed = seal_all(f->key, clear, SEAL_CHUNK);
    g_autoptr(GByteArray) twice = g_byte_array_new();
    g_autoptr(GBytes) whole = NULL;
    gsize size;
    const guchar *bytes = g_bytes_get_data(sealed, &size);

    g_byte_array_append(twice, bytes, (guint)size);
    g_byte_array_append(twice, bytes, (guint)size);
    whole = g_bytes_new(twice->data, twice->len);
    assert_broken(f->key, LABEL, whole, 0);
}

static void test_foreign_key(Fixture *f, gconstpointer data G_GNUC_UNUSED)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *path = g_build_filename(f->folder, "second", NULL);
    g_autoptr(GBytes) clear = pattern(100);
    g_autoptr(GBytes) sealed = seal_all(f->key, clear, 100);
    g_autoptr(SealKey) second = NULL;

    g_assert_true(seal_key_create(path, &error));
    second = seal_key_load(path, &error);
    g_assert_no_error(error);
    assert_broken(second, LABEL, sealed, 0);
    g_unlink(path);
}

/* A stream that was let go of without being closed is cut off. */
static void test_not_closed(Fixture *f, gconstpointer data G_GNUC_UNUSED)
{
    g_autoptr(GOutputStream) base = g_memory_output_stream_new_resizable();
    GOutputStream *sealer = seal_output_stream_new(f->key, LABEL, base);
    g_autoptr(GBytes) clear = pattern(SEAL_CHUNK + 10), written = NULL;

    g_assert_true(g_output_stream_write_all(sealer, g_bytes_get_data(clear, NULL), SEAL_CHUNK + 10,
                                            NULL, NULL, NULL));
    g_object_unref(sealer);
    g_output_stream_close(base, NULL, NULL);
    written = g_memory_output_stream_steal_as_bytes(G_MEMORY_OUTPUT_STREAM(base));
    g_assert_cmpuint(g_bytes_get_size(written), ==, HEAD + SEAL_CHUNK + EXTRA);
    assert_broken(f->key, LABEL, written, SEAL_CHUNK);
}

/* After a write has failed closing fails too: what is there must not look complete. */
static void test_write_fails(Fixture *f, gconstpointer data G_GNUC_UNUSED)
{
    guchar room[100000];
    g_autoptr(GOutputStream) base = g_memory_output_stream_new(room, sizeof room, NULL, NULL);
    g_autoptr(GOutputStream) sealer = seal_output_stream_new(f->key, LABEL, base);
    g_autoptr(GBytes) clear = pattern(4 * SEAL_CHUNK);
    g_autoptr(GError) error = NULL;

    g_assert_false(g_output_stream_write_all(sealer, g_bytes_get_data(clear, NULL), 4 * SEAL_CHUNK,
                                             NULL, NULL, &error));
    g_assert_error(error, G_IO_ERROR, G_IO_ERROR_NO_SPACE);
    g_clear_error(&error);
    g_assert_false(g_output_stream_close(sealer, NULL, &error));
    g_assert_nonnull(error);
}

/* Closing may leave the base open, for its sync; skipping skips content. */
static void test_base_and_skip(Fixture *f, gconstpointer data G_GNUC_UNUSED)
{
    g_autoptr(GOutputStream) base = g_memory_output_stream_new_resizable();
    g_autoptr(GOutputStream) sealer = seal_output_stream_new(f->key, LABEL, base);
    g_autoptr(GInputStream) input = NULL, opener = NULL;
    g_autoptr(GBytes) sealed = NULL;
    g_autoptr(GError) error = NULL;
    char rest[10];

    g_filter_output_stream_set_close_base_stream(G_FILTER_OUTPUT_STREAM(sealer), FALSE);
    g_assert_true(g_output_stream_write_all(sealer, "0123456789", 10, NULL, NULL, &error));
    g_assert_true(g_output_stream_close(sealer, NULL, &error));
    g_assert_false(g_output_stream_is_closed(base));
    g_assert_true(g_output_stream_close(base, NULL, &error));
    sealed = g_memory_output_stream_steal_as_bytes(G_MEMORY_OUTPUT_STREAM(base));
    input = g_memory_input_stream_new_from_bytes(sealed);
    opener = seal_input_stream_new(f->key, LABEL, input);
    g_assert_cmpint(g_input_stream_skip(opener, 7, NULL, &error), ==, 7);
    g_assert_cmpint(g_input_stream_read(opener, rest, sizeof rest, NULL, &error), ==, 3);
    g_assert_cmpmem(rest, 3, "789", 3);
    g_assert_cmpint(g_input_stream_read(opener, rest, sizeof rest, NULL, &error), ==, 0);
    g_assert_no_error(error);
}

/* A base that can't be read says nothing about the content. */
static void test_read_fails(Fixture *f, gconstpointer data G_GNUC_UNUSED)
{
    g_autoptr(GInputStream) base = g_memory_input_stream_new();
    g_autoptr(GInputStream) opener = seal_input_stream_new(f->key, LABEL, base);
    g_autoptr(GError) error = NULL;
    char byte;

    g_input_stream_close(base, NULL, NULL);
    for (int i = 0; i < 2; i++) {
        g_assert_cmpint(g_input_stream_read(opener, &byte, 1, NULL, &error), ==, -1);
        g_assert_error(error, SEAL_ERROR, SEAL_ERROR_READ);
        g_clear_error(&error);
    }
}

/* Parts joined by '|'; a last part after '>' is streamed, '~' cuts it into updates. */
static char *hash_of(const SealKey *key, const char *text)
{
    SealHash *hash = seal_hash_new(key);
    g_auto(GStrv) both = g_strsplit(text, ">", 2);
    g_auto(GStrv) parts = g_strsplit(both[0], "|", -1);

    for (int i = 0; parts[i] != NULL; i++)
        seal_hash_part(hash, parts[i], strlen(parts[i]));
    if (both[1] != NULL) {
        g_auto(GStrv) updates = g_strsplit(both[1], "~", -1);
        for (int i = 0; updates[i] != NULL; i++)
            seal_hash_update_stream(hash, updates[i], strlen(updates[i]));
    }
    return seal_hash_final(hash);
}

static void test_hash(Fixture *f, gconstpointer data G_GNUC_UNUSED)
{
    static const struct {
        const char *a, *b;
        bool same;
    } rows[] = {
        {"a|b", "a|b", true},    {"a|b", "ab|", false},    {"ab|c", "a|bc", false},
        {"a|b", "b|a", false},   {"a>bc", "a>b~c", true},  {"a>bc", "a>bd", false},
        {"a|bc", "a>bc", false}, {"a|b>c", "a>bc", false}, {"a", "a|b", false},
    };

    for (gsize i = 0; i < G_N_ELEMENTS(rows); i++) {
        g_autofree char *a = hash_of(f->key, rows[i].a), *b = hash_of(f->key, rows[i].b);
        g_assert_cmpuint(strlen(a), ==, 64);
        g_assert_cmpuint(strspn(a, "0123456789abcdef"), ==, 64);
        g_assert_cmpint(strcmp(a, b) == 0, ==, rows[i].same);
    }
    seal_hash_free(seal_hash_new(f->key));
}

#define ADD(name, func) g_test_add("/seal/" name, Fixture, NULL, setup, func, teardown)

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    ADD("key-file", test_key_file);
    ADD("bytes", test_bytes);
    ADD("stream", test_stream);
    ADD("stream-broken", test_stream_broken);
    ADD("stream-added", test_stream_added);
    ADD("foreign-key", test_foreign_key);
    ADD("not-closed", test_not_closed);
    ADD("write-fails", test_write_fails);
    ADD("base-and-skip", test_base_and_skip);
    ADD("read-fails", test_read_fails);
    ADD("hash", test_hash);
    return g_test_run();
}
