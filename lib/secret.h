/* SPDX-License-Identifier: MIT */
#ifndef BATCHLOAD_SECRET_H
#define BATCHLOAD_SECRET_H

#include <glib.h>
#include <stdbool.h>

/* A NUL-terminated string in clear that must not outlive its use: a password. Allocated with
 * g_malloc; secret_free() wipes it (sodium_memzero) before it is freed. Never print, log or
 * g_strdup one: use secret_dup(). Any thread. */
typedef char Secret;

/* A copy of text (NULL gives NULL). Caller owns it. */
Secret *secret_dup(const char *text);

/* A copy of the first length bytes of text, which need not be terminated. Caller owns it. */
Secret *secret_ndup(const char *text, gsize length);

/* Wipes and frees; NULL is allowed. */
void secret_free(Secret *secret);

/* Wipes memory that held secrets among other things. */
void secret_wipe(gpointer memory, gsize size);

/* Overwrites what functions that have returned left on the calling thread's stack: spilled
 * registers, and those that the dynamic linker keeps there while it finds a function that is called
 * for the first time. Called by a thread that rests after it had secrets. */
void secret_clear_stack(void);

/* text as a byte string ("ay", with its NUL), in any encoding; floating. Its own copy of text is
 * wiped with it. One that holds it serialised has another copy: store such a one where you can wipe
 * it (g_variant_store). */
GVariant *secret_to_bytes_variant(const char *text);

/* Core dumps off (secret_forbid_dump) and libsodium started: called once, first thing in main() of
 * every program that sees a secret. */
void secret_init(void);

/* No core of this process is written (RLIMIT_CORE 0), nor may another of the same user look into it
 * (PR_SET_DUMPABLE 0). The kernel forgets the latter when a process changes its user or group:
 * called again after that. false with errno where it can't be had. */
bool secret_forbid_dump(void);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(Secret, secret_free)

#endif
