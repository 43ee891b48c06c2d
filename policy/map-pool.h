/* SPDX-License-Identifier: MIT */
#ifndef BATCHLOAD_MAP_POOL_H
#define BATCHLOAD_MAP_POOL_H

#include "lib/answer.h"
#include <glib.h>

/* The connections of a table that somebody else answers. Each has a thread of its own, so that who
 * asks waits no longer than agreed, whatever a library does: resolve a name, connect, shake hands.
 * Threads and connections are made when they are needed, and end when nobody needs them. */
typedef struct MapPool MapPool;

/* Most connections of one table. */
#define MAP_POOL_CONNECTIONS 8
/* How long one that nobody needs stays. */
#define MAP_POOL_IDLE_SECONDS 30

/* Longest key that is asked for, in bytes. */
#define MAP_POOL_KEY_MAX 10000

/* What a connection is. All calls for one come from one thread. */
typedef struct {
    gpointer (*open)(gpointer table); /* does not connect yet; never NULL */
    /* As map_lookup() does it, connecting first where needed. Is over soon after deadline, in
     * monotonic time. */
    Answer (*ask)(gpointer connection, const char *key, gint64 deadline, char **value,
                  GError **error);
    void (*close)(gpointer connection);
} MapPoolType;

/* table is what open() is given, immutable. It is freed when its last connection has ended. */
MapPool *map_pool_new(const MapPoolType *type, gpointer table, GDestroyNotify table_free);

/* Asks key on one of the connections; any thread. Without an
 * answer in so many seconds it is ANSWER_UNKNOWN with MAP_ERROR_FAILED; the connection gets as long
 * again, and serves the next one then. After that one thread at a time waits for an answer, and the
 * others get ANSWER_UNKNOWN at once, until there was one in time. */
Answer map_pool_ask(MapPool *pool, const char *key, unsigned seconds, char **value, GError **error);

/* Waits for the connections to end, but not for those that still wait for an answer which nobody
 * wants any more. Nobody may be asking. */
void map_pool_free(MapPool *pool);

#endif
