/* SPDX-License-Identifier: MIT */
#include "lib/seal.h"

#include <errno.h>
#include <fcntl.h>
#include <sodium.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <glib/gstdio.h>

#define KEY_BYTES 32u
#define SECTION "batchld1" /* crypto_kdf's context: 8 characters */
G_STATIC_ASSERT(crypto_kdf_KEYBYTES == KEY_BYTES);
G_STATIC_ASSERT(crypto_kdf_CONTEXTBYTES == sizeof SECTION - 1);

/* Purposes of derived keys. Stored things depend on the numbers: never change one. */
enum { PURPOSE_BYTES = 1, PURPOSE_STREAM = 2, PURPOSE_HASH = 3 };

/* First bytes of sealed things: what they are and in which version. */
static const unsigned char bytes_magic[4] = {'B', 'L', 'v', 1};
static const unsigned char stream_magic[4] = {'B', 'L', 's', 1};

#define STREAM_EXTRA crypto_secretstream_xchacha20poly1305_ABYTES
#define STREAM_HEAD (sizeof stream_magic + crypto_secretstream_xchacha20poly1305_HEADERBYTES)

struct SealKey {
    unsigned char bytes[KEY_BYTES];
    unsigned char stream[KEY_BYTES];
    unsigned char hash[KEY_BYTES];
};

struct SealHash {
    crypto_generichash_state *state; /* wants an alignment of its own */
    bool streaming;
};

G_DEFINE_QUARK(batchload_seal_error, seal_error)

static bool broken(GError **error)
{
    g_set_error_literal(error, SEAL_ERROR, SEAL_ERROR_BROKEN,
                        "what was sealed is cut off, was changed, or was sealed with another key");
    return false;
}

/* --- the key --- */

static bool key_file_fits(int fd, const char *path, GError **error)
{
    const char *credentials = g_getenv("CREDENTIALS_DIRECTORY");
    mode_t forbidden = S_IRWXG | S_IRWXO;
    struct stat st;

    /* systemd's credentials let our user in by an access list, whose mask shows as group bits */
    if (credentials != NULL && g_str_has_prefix(path, credentials) &&
        path[strlen(credentials)] == '/')
        forbidden &= (mode_t)~S_IRGRP;
    if (fstat(fd, &st) != 0)
        g_set_error(error, SEAL_ERROR, SEAL_ERROR_KEY, "key file %s: %s", path, g_strerror(errno));
    else if (!S_ISREG(st.st_mode))
        g_set_error(error, SEAL_ERROR, SEAL_ERROR_KEY, "key file %s is not a regular file", path);
    else if (st.st_uid != geteuid() && st.st_uid != 0)
        g_set_error(error, SEAL_ERROR, SEAL_ERROR_KEY,
                    "key file %s belongs to another user; it must belong to ours or root", path);
    else if ((st.st_mode & forbidden) != 0)
        g_set_error(error, SEAL_ERROR, SEAL_ERROR_KEY,
                    "key file %s is open to its group or others; its mode must be 0400 or 0600",
                    path);
    else if (st.st_size != KEY_BYTES)
        g_set_error(error, SEAL_ERROR, SEAL_ERROR_KEY,
                    "key file %s has %" G_GINT64_FORMAT " bytes; it must have %u", path,
                    (gint64)st.st_size, KEY_BYTES);
    else
        return true;
    return false;
}

static void key_derive(SealKey *key, const unsigned char *master)
{
    crypto_kdf_derive_from_key(key->bytes, KEY_BYTES, PURPOSE_BYTES, SECTION, master);
    crypto_kdf_derive_from_key(key->stream, KEY_BYTES, PURPOSE_STREAM, SECTION, master);
    crypto_kdf_derive_from_key(key->hash, KEY_BYTES, PURPOSE_HASH, SECTION, master);
}

static void prepare_streams(void);

SealKey *seal_key_load(const char *path, GError **error)
{
    unsigned char master[KEY_BYTES];
    SealKey *key = NULL;
    int fd;

    if (sodium_init() < 0) {
        g_set_error_literal(error, SEAL_ERROR, SEAL_ERROR_KEY, "libsodium can't be started");
        return NULL;
    }
    /* not blocking: a planted FIFO must not hold us up */
    fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    if (fd < 0) {
        g_set_error(error, SEAL_ERROR, SEAL_ERROR_KEY, "key file %s: %s", path,
                    errno == ELOOP ? "it is a link" : g_strerror(errno));
        return NULL;
    }
    if (key_file_fits(fd, path, error)) {
        if (read(fd, master, KEY_BYTES) == KEY_BYTES) {
            prepare_streams();
            key = g_new0(SealKey, 1);
            key_derive(key, master);
        } else {
            g_set_error(error, SEAL_ERROR, SEAL_ERROR_KEY, "key file %s can't be read", path);
        }
        sodium_memzero(master, sizeof master);
    }
    close(fd);
    return key;
}

static bool sync_folder(const char *path)
{
    g_autofree char *folder = g_path_get_dirname(path);
    int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    bool done;

    if (fd < 0)
        return false;
    done = fsync(fd) == 0;
    close(fd);
    return done;
}

bool seal_key_create(const char *path, GError **error)
{
    unsigned char master[KEY_BYTES];
    bool done;
    int fd, saved;

    if (sodium_init() < 0) {
        g_set_error_literal(error, G_FILE_ERROR, G_FILE_ERROR_FAILED, "libsodium can't be started");
        return false;
    }
    fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, S_IRUSR);
    if (fd < 0) {
        saved = errno;
        g_set_error(error, G_FILE_ERROR, (int)g_file_error_from_errno(saved), "new key file %s: %s",
                    path, g_strerror(saved));
        return false;
    }
    randombytes_buf(master, sizeof master);
    done = write(fd, master, sizeof master) == (gssize)sizeof master && fsync(fd) == 0 &&
           sync_folder(path);
    saved = errno;
    sodium_memzero(master, sizeof master);
    close(fd);
    if (!done) {
        g_unlink(path);
        g_set_error(error, G_FILE_ERROR, (int)g_file_error_from_errno(saved), "new key file %s: %s",
                    path, g_strerror(saved));
    }
    return done;
}

void seal_key_free(SealKey *key)
{
    if (key == NULL)
        return;
    sodium_memzero(key, sizeof *key);
    g_free(key);
}

/* --- small values --- */

#define NONCE crypto_aead_xchacha20poly1305_ietf_NPUBBYTES
#define TAG crypto_aead_xchacha20poly1305_ietf_ABYTES

GBytes *seal_bytes(const SealKey *key, const char *label, gconstpointer data, gsize size)
{
    const gsize head = sizeof bytes_magic + NONCE;
    unsigned char *sealed = g_malloc(head + size + TAG);
    unsigned char *nonce = sealed + sizeof bytes_magic;

    memcpy(sealed, bytes_magic, sizeof bytes_magic);
    randombytes_buf(nonce, NONCE);
    crypto_aead_xchacha20poly1305_ietf_encrypt(sealed + head, NULL, data, size,
                                               (const unsigned char *)label, strlen(label), NULL,
                                               nonce, key->bytes);
    return g_bytes_new_take(sealed, head + size + TAG);
}

typedef struct {
    gsize size;
    unsigned char data[];
} Wiped;

static void wiped_free(gpointer data)
{
    Wiped *wiped = data;
    sodium_memzero(wiped->data, wiped->size);
    g_free(wiped);
}

GBytes *unseal_bytes(const SealKey *key, const char *label, gconstpointer data, gsize size,
                     GError **error)
{
    const gsize head = sizeof bytes_magic + NONCE;
    const unsigned char *sealed = data;
    Wiped *wiped;

    if (size < head + TAG || memcmp(sealed, bytes_magic, sizeof bytes_magic) != 0) {
        broken(error);
        return NULL;
    }
    wiped = g_malloc(sizeof *wiped + size - head - TAG + 1);
    wiped->size = size - head - TAG;
    if (crypto_aead_xchacha20poly1305_ietf_decrypt(
            wiped->data, NULL, NULL, sealed + head, size - head, (const unsigned char *)label,
            strlen(label), sealed + sizeof bytes_magic, key->bytes) != 0) {
        wiped_free(wiped);
        broken(error);
        return NULL;
    }
    return g_bytes_new_with_free_func(wiped->data, wiped->size, wiped_free, wiped);
}

/* --- streams ---
 * stream_magic, the library's header, then chunks of SEAL_CHUNK bytes of content each with
 * STREAM_EXTRA bytes around; the last, which may be shorter or empty, has the final tag. */

typedef crypto_secretstream_xchacha20poly1305_state StreamState;

#define SEAL_TYPE_OUTPUT (seal_output_get_type())
G_DECLARE_FINAL_TYPE(SealOutput, seal_output, SEAL, OUTPUT, GFilterOutputStream)
struct _SealOutput {
    GFilterOutputStream parent;
    StreamState state;
    unsigned char head[STREAM_HEAD];
    bool begun;  /* head is written */
    bool failed; /* a write failed: never to be completed */
    char *label;
    unsigned char *content; /* SEAL_CHUNK */
    gsize filled;
    unsigned char *sealed; /* SEAL_CHUNK + STREAM_EXTRA */
};
G_DEFINE_FINAL_TYPE(SealOutput, seal_output, G_TYPE_FILTER_OUTPUT_STREAM)

static bool output_push(SealOutput *self, unsigned char tag, GCancellable *cancel, GError **error)
{
    GOutputStream *base = g_filter_output_stream_get_base_stream(&self->parent);
    unsigned long long size = 0;

    if (self->failed) {
        g_set_error_literal(error, G_IO_ERROR, G_IO_ERROR_CLOSED, "an earlier write has failed");
        return false;
    }
    self->failed = true;
    if (!self->begun &&
        !g_output_stream_write_all(base, self->head, STREAM_HEAD, NULL, cancel, error))
        return false;
    self->begun = true;
    crypto_secretstream_xchacha20poly1305_push(&self->state, self->sealed, &size, self->content,
                                               self->filled, (const unsigned char *)self->label,
                                               strlen(self->label), tag);
    if (!g_output_stream_write_all(base, self->sealed, (gsize)size, NULL, cancel, error))
        return false;
    self->filled = 0;
    self->failed = false;
    return true;
}

static gssize output_write(GOutputStream *stream, const void *data, gsize size,
                           GCancellable *cancel, GError **error)
{
    SealOutput *self = SEAL_OUTPUT(stream);
    gsize taken;

    /* A full chunk is kept until more comes: it may be the last. */
    if (self->filled == SEAL_CHUNK &&
        !output_push(self, crypto_secretstream_xchacha20poly1305_TAG_MESSAGE, cancel, error))
        return -1;
    taken = MIN(size, SEAL_CHUNK - self->filled);
    memcpy(self->content + self->filled, data, taken);
    self->filled += taken;
    return (gssize)taken;
}

static gboolean output_close(GOutputStream *stream, GCancellable *cancel, GError **error)
{
    SealOutput *self = SEAL_OUTPUT(stream);
    GOutputStreamClass *parent = G_OUTPUT_STREAM_CLASS(seal_output_parent_class);
    bool done = output_push(self, crypto_secretstream_xchacha20poly1305_TAG_FINAL, cancel, error);

    return parent->close_fn(stream, cancel, done ? error : NULL) && done;
}

static void output_dispose(GObject *object)
{
    /* GIO closes a stream that is let go of; what nobody closed must not look complete. */
    if (!g_output_stream_is_closed(G_OUTPUT_STREAM(object)))
        SEAL_OUTPUT(object)->failed = true;
    G_OBJECT_CLASS(seal_output_parent_class)->dispose(object);
}

static void output_finalize(GObject *object)
{
    SealOutput *self = SEAL_OUTPUT(object);

    sodium_memzero(&self->state, sizeof self->state);
    sodium_memzero(self->content, SEAL_CHUNK);
    g_free(self->content);
    g_free(self->sealed);
    g_free(self->label);
    G_OBJECT_CLASS(seal_output_parent_class)->finalize(object);
}

static void seal_output_class_init(SealOutputClass *class)
{
    G_OBJECT_CLASS(class)->dispose = output_dispose;
    G_OBJECT_CLASS(class)->finalize = output_finalize;
    G_OUTPUT_STREAM_CLASS(class)->write_fn = output_write;
    G_OUTPUT_STREAM_CLASS(class)->close_fn = output_close;
}

static void seal_output_init(SealOutput *self)
{
    self->content = g_malloc(SEAL_CHUNK);
    self->sealed = g_malloc(SEAL_CHUNK + STREAM_EXTRA);
}

GOutputStream *seal_output_stream_new(const SealKey *key, const char *label, GOutputStream *base)
{
    SealOutput *self = g_object_new(SEAL_TYPE_OUTPUT, "base-stream", base, NULL);

    self->label = g_strdup(label);
    memcpy(self->head, stream_magic, sizeof stream_magic);
    crypto_secretstream_xchacha20poly1305_init_push(&self->state, self->head + sizeof stream_magic,
                                                    key->stream);
    return G_OUTPUT_STREAM(self);
}

#define SEAL_TYPE_INPUT (seal_input_get_type())
G_DECLARE_FINAL_TYPE(SealInput, seal_input, SEAL, INPUT, GFilterInputStream)
struct _SealInput {
    GFilterInputStream parent;
    const SealKey *key;
    StreamState state;
    bool begun, ended;
    GError *fault; /* of the first failed read: the state can't go back, so it stays */
    char *label;
    unsigned char *sealed; /* SEAL_CHUNK + STREAM_EXTRA */
    unsigned char *content;
    gsize filled, taken;
};
G_DEFINE_FINAL_TYPE(SealInput, seal_input, G_TYPE_FILTER_INPUT_STREAM)

/* Reads size bytes or up to the end of base. */
static bool input_fetch(SealInput *self, void *buffer, gsize size, gsize *got, GCancellable *cancel,
                        GError **error)
{
    GInputStream *base = g_filter_input_stream_get_base_stream(&self->parent);
    g_autoptr(GError) cause = NULL;

    if (g_input_stream_read_all(base, buffer, size, got, cancel, &cause))
        return true;
    g_set_error(error, SEAL_ERROR, SEAL_ERROR_READ, "reading failed: %s", cause->message);
    return false;
}

static bool input_begin(SealInput *self, GCancellable *cancel, GError **error)
{
    unsigned char head[STREAM_HEAD];
    gsize got = 0;

    if (!input_fetch(self, head, STREAM_HEAD, &got, cancel, error))
        return false;
    if (got != STREAM_HEAD || memcmp(head, stream_magic, sizeof stream_magic) != 0 ||
        crypto_secretstream_xchacha20poly1305_init_pull(&self->state, head + sizeof stream_magic,
                                                        self->key->stream) != 0)
        return broken(error);
    self->begun = true;
    return true;
}

/* The next chunk; what comes after the final one makes all of it broken. */
static bool input_pull(SealInput *self, GCancellable *cancel, GError **error)
{
    gsize got = 0, more = 0;
    unsigned long long size = 0;
    unsigned char tag = 0, extra;

    if (!self->begun && !input_begin(self, cancel, error))
        return false;
    if (!input_fetch(self, self->sealed, SEAL_CHUNK + STREAM_EXTRA, &got, cancel, error))
        return false;
    if (got < STREAM_EXTRA || crypto_secretstream_xchacha20poly1305_pull(
                                  &self->state, self->content, &size, &tag, self->sealed, got,
                                  (const unsigned char *)self->label, strlen(self->label)) != 0)
        return broken(error);
    self->ended = tag == crypto_secretstream_xchacha20poly1305_TAG_FINAL;
    if (self->ended && !input_fetch(self, &extra, 1, &more, cancel, error))
        return false;
    if (more != 0 || (!self->ended && size != SEAL_CHUNK)) {
        sodium_memzero(self->content, SEAL_CHUNK);
        return broken(error);
    }
    self->filled = (gsize)size;
    self->taken = 0;
    return true;
}

static gssize input_read(GInputStream *stream, void *buffer, gsize size, GCancellable *cancel,
                         GError **error)
{
    SealInput *self = SEAL_INPUT(stream);
    gsize given;

    while (self->taken == self->filled && !self->ended && self->fault == NULL)
        input_pull(self, cancel, &self->fault);
    if (self->fault != NULL) {
        g_propagate_error(error, g_error_copy(self->fault));
        return -1;
    }
    given = MIN(size, self->filled - self->taken);
    memcpy(buffer, self->content + self->taken, given);
    self->taken += given;
    return (gssize)given;
}

/* The parent class would skip sealed bytes. */
static gssize input_skip(GInputStream *stream, gsize size, GCancellable *cancel, GError **error)
{
    unsigned char scratch[1024];
    gssize got = input_read(stream, scratch, MIN(size, sizeof scratch), cancel, error);

    sodium_memzero(scratch, sizeof scratch);
    return got;
}

static void input_finalize(GObject *object)
{
    SealInput *self = SEAL_INPUT(object);

    sodium_memzero(&self->state, sizeof self->state);
    sodium_memzero(self->content, SEAL_CHUNK);
    g_free(self->content);
    g_free(self->sealed);
    g_free(self->label);
    g_clear_error(&self->fault);
    G_OBJECT_CLASS(seal_input_parent_class)->finalize(object);
}

static void seal_input_class_init(SealInputClass *class)
{
    G_OBJECT_CLASS(class)->finalize = input_finalize;
    G_INPUT_STREAM_CLASS(class)->read_fn = input_read;
    G_INPUT_STREAM_CLASS(class)->skip = input_skip;
}

static void seal_input_init(SealInput *self)
{
    self->content = g_malloc(SEAL_CHUNK);
    self->sealed = g_malloc(SEAL_CHUNK + STREAM_EXTRA);
}

GInputStream *seal_input_stream_new(const SealKey *key, const char *label, GInputStream *base)
{
    SealInput *self = g_object_new(SEAL_TYPE_INPUT, "base-stream", base, NULL);

    self->key = key;
    self->label = g_strdup(label);
    return G_INPUT_STREAM(self);
}

/* --- the keyed hash --- */

SealHash *seal_hash_new(const SealKey *key)
{
    SealHash *hash = g_new0(SealHash, 1);

    hash->state = g_aligned_alloc(1, sizeof *hash->state, 64);
    crypto_generichash_init(hash->state, key->hash, KEY_BYTES, crypto_generichash_BYTES);
    return hash;
}

void seal_hash_part(SealHash *hash, gconstpointer data, gsize size)
{
    unsigned char frame[9] = {'P'};

    g_return_if_fail(!hash->streaming);
    for (int i = 0; i < 8; i++)
        frame[i + 1] = (unsigned char)((guint64)size >> (8 * i));
    crypto_generichash_update(hash->state, frame, sizeof frame);
    crypto_generichash_update(hash->state, data, size);
}

void seal_hash_update_stream(SealHash *hash, gconstpointer data, gsize size)
{
    if (!hash->streaming)
        crypto_generichash_update(hash->state, (const unsigned char *)"S", 1);
    hash->streaming = true;
    crypto_generichash_update(hash->state, data, size);
}

char *seal_hash_final(SealHash *hash)
{
    unsigned char sum[crypto_generichash_BYTES];
    char *hex = g_malloc(2 * sizeof sum + 1);

    crypto_generichash_final(hash->state, sum, sizeof sum);
    sodium_bin2hex(hex, 2 * sizeof sum + 1, sum, sizeof sum);
    seal_hash_free(hash);
    return hex;
}

void seal_hash_free(SealHash *hash)
{
    if (hash == NULL)
        return;
    sodium_memzero(hash->state, sizeof *hash->state);
    g_aligned_free(hash->state);
    g_free(hash);
}

/* GObject makes a class with its first instance; while the key is read there is one thread. */
static void prepare_streams(void)
{
    g_type_class_unref(g_type_class_ref(SEAL_TYPE_INPUT));
    g_type_class_unref(g_type_class_ref(SEAL_TYPE_OUTPUT));
}
