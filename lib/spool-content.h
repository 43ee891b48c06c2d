/* SPDX-License-Identifier: MIT */
#ifndef BATCHLOAD_SPOOL_CONTENT_H
#define BATCHLOAD_SPOOL_CONTENT_H

#include "lib/spool-files.h"
#include <gio/gio.h>

/* The sealed bytes of a job: its mail, its rows, its response. What is small lies in the store, put
 * there by the commit that makes it the job's; what is larger is a file of its own, synced before.
 * A new file takes two syncs, each of which waits for the file system's journal; a value in the
 * store takes none but the commit's. */

/* Most sealed bytes that lie in the store. */
#define SPOOL_SMALL_MAX 16384u

#define SPOOL_TYPE_SINK (spool_sink_get_type())
G_DECLARE_FINAL_TYPE(SpoolSink, spool_sink, SPOOL, SINK, GOutputStream)

/* Where sealed bytes are written to; writes fail with SPOOL_ERROR_STORE. A file is made once it
 * takes one, and under another name until it is whole. spool is borrowed. One thread at a time. */
SpoolSink *spool_sink_new(Spool *spool, SpoolFolder kind, const char *id);
/* All is written: *small, owned by the caller, is for the commit; or the file is synced, under its
 * name, and *small is NULL. What is not kept afterwards is removed when the sink is let go. */
bool spool_sink_finish(SpoolSink *sink, GBytes **small, GError **error);
void spool_sink_keep(SpoolSink *sink);

/* The bytes again: *small, owned by the caller, or a descriptor in *fd, owned by the caller, the
 * other one being NULL or -1. false with SPOOL_ERROR_KEY where they are missing. */
bool spool_content_find(Spool *spool, SpoolFolder kind, const char *id, GBytes **small, int *fd,
                        GError **error);
/* As a stream, unsealed; reads fail with SEAL_ERROR. *in_store, where not NULL: whether they lie
 * there. */
GInputStream *spool_content_open(Spool *spool, SpoolFolder kind, const char *id, bool *in_store,
                                 GError **error);

#endif
