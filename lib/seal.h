/* SPDX-License-Identifier: MIT */
#ifndef BATCHLOAD_SEAL_H
#define BATCHLOAD_SEAL_H

#include <gio/gio.h>
#include <stdbool.h>

/* Sealing of all that the spool keeps: nothing of a request stands on a disk in clear.
 * A label (the job and the purpose, "20261120-K7M2QP/mail") is bound into what is sealed, so that
 * one sealed thing can't be passed off as another. Keys are derived from the key file's 32 bytes
 * by crypto_kdf (libsodium), one a purpose. All functions: any thread. */
typedef struct SealKey SealKey;

typedef enum {
    SEAL_ERROR_KEY,    /* the key file is missing, has the wrong size, owner or mode */
    SEAL_ERROR_BROKEN, /* not sealed with this key and label, changed, or cut off */
    SEAL_ERROR_READ,   /* reading failed; says nothing about the content */
} SealError;
#define SEAL_ERROR (seal_error_quark())
GQuark seal_error_quark(void);

/* Size of a chunk of a sealed stream, in bytes of content. */
#define SEAL_CHUNK 65536

/* Loads a key file: exactly 32 raw bytes, a regular file (no link) of mode 0400 or 0600 (any mode
 * that gives the group or others nothing; group read is let pass inside systemd's
 * $CREDENTIALS_DIRECTORY) that belongs to our user or root. NULL with SEAL_ERROR_KEY. Caller owns
 * the result; it is wiped when freed. */
SealKey *seal_key_load(const char *path, GError **error);

/* Makes a new key file (O_EXCL, mode 0400, synced with its folder). false with a G_FILE_ERROR. */
bool seal_key_create(const char *path, GError **error);

void seal_key_free(SealKey *key);

/* A small value sealed by itself (XChaCha20-Poly1305, random nonce). Caller owns the result. */
GBytes *seal_bytes(const SealKey *key, const char *label, gconstpointer data, gsize size);

/* The value again, or NULL with SEAL_ERROR_BROKEN. Freed memory is wiped: the GBytes carries its
 * own free function. */
GBytes *unseal_bytes(const SealKey *key, const char *label, gconstpointer data, gsize size,
                     GError **error);

/* A stream that seals what is written to it (crypto_secretstream_xchacha20poly1305, chunks of
 * SEAL_CHUNK) into base. Closing it writes the final tag and closes base unless
 * g_filter_output_stream_set_close_base_stream() said otherwise; a stream not closed is cut off
 * and will not unseal. The caller syncs. key must outlive the stream. */
GOutputStream *seal_output_stream_new(const SealKey *key, const char *label, GOutputStream *base);

/* The reverse. Reads fail with SEAL_ERROR_BROKEN at a changed, foreign or missing chunk, before
 * any byte of that chunk is given out; the end is only reported at the final tag, with nothing
 * after it. SEAL_ERROR_READ where base failed. The first error stays. key must outlive the stream.
 */
GInputStream *seal_input_stream_new(const SealKey *key, const char *label, GInputStream *base);

/* A keyed hash (crypto_generichash, 32 bytes) of a sequence of byte strings, each framed by its
 * length so that parts can't run into each other. _final returns 64 lower-case hex digits, owned
 * by the caller, and frees the state. _update_stream adds bytes of one long last part. */
typedef struct SealHash SealHash;
SealHash *seal_hash_new(const SealKey *key);
void seal_hash_part(SealHash *hash, gconstpointer data, gsize size);
void seal_hash_update_stream(SealHash *hash, gconstpointer data, gsize size);
char *seal_hash_final(SealHash *hash);
void seal_hash_free(SealHash *hash);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(SealKey, seal_key_free)
G_DEFINE_AUTOPTR_CLEANUP_FUNC(SealHash, seal_hash_free)

#endif
