/* SPDX-License-Identifier: MIT */
#ifndef BATCHLOAD_HASHER_H
#define BATCHLOAD_HASHER_H

#include "lib/password.h"

/* Threads that hash passwords, for all who plan. What is to be hashed comes in batches, which take
 * turns password by password: ten of one administrator do not wait for the thousands of another.
 * The threads give way to all else on the machine, as with nice(1). */
typedef struct Hasher Hasher;
typedef struct HashBatch HashBatch;

#define HASHER_THREADS_MAX 64
/* Most passwords of one batch that wait; who adds more waits, too. */
#define HASH_BATCH_MAX 1000

/* threads: 1 … HASHER_THREADS_MAX; more are fewer. 0: as many as there are processors. They are
 * started with the first password. Any thread. */
Hasher *hasher_new(unsigned threads);
/* No batch is left. */
void hasher_free(Hasher *hasher);

/* One thread at a time for each batch. */
HashBatch *hash_batch_new(Hasher *hasher, PasswordScheme scheme);
/* Takes a copy. Passwords are numbered from 0 on. */
void hash_batch_add(HashBatch *batch, const Secret *clear);
/* Waits for the hash, once each; NULL as with password_hash(). Caller owns it. */
Secret *hash_batch_take(HashBatch *batch, unsigned number);
/* Those that nobody has begun are not hashed any more, the others are waited for; wipes all. */
void hash_batch_free(HashBatch *batch);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(Hasher, hasher_free)
G_DEFINE_AUTOPTR_CLEANUP_FUNC(HashBatch, hash_batch_free)

#endif
