/* SPDX-License-Identifier: MIT */
#include "lib/spool-content.h"
#include "lib/spool-private.h"
#include <errno.h>
#include <gio/gunixinputstream.h>
#include <unistd.h>

struct _SpoolSink {
    GOutputStream parent;
    Spool *spool;
    SpoolFolder kind;
    char *id;
    char *unfinished;  /* the file's name until it is whole */
    GByteArray *small; /* NULL once it is a file, or finished */
    int fd;
    bool named; /* the file has its own name */
    bool kept;
};
G_DEFINE_FINAL_TYPE(SpoolSink, spool_sink, G_TYPE_OUTPUT_STREAM)

static const char *const labels[SPOOL_FOLDER_COUNT] = {
    [SPOOL_MAIL] = "mail",
    [SPOOL_ROWS] = "rows",
    [SPOOL_RESPONSE] = "response",
};

static bool write_all(const SpoolSink *sink, const guint8 *data, gsize size, GError **error)
{
    while (size > 0) {
        ssize_t wrote = write(sink->fd, data, size);
        if (wrote < 0 && errno == EINTR)
            continue;
        if (wrote <= 0) {
            g_set_error(error, SPOOL_ERROR, SPOOL_ERROR_STORE, "%s/%s can't be written: %s",
                        labels[sink->kind], sink->id, g_strerror(wrote < 0 ? errno : ENOSPC));
            return false;
        }
        data += wrote;
        size -= (gsize)wrote;
    }
    return true;
}

/* It has become too large for the store. */
static bool spill(SpoolSink *sink, GError **error)
{
    const SpoolFiles *files = sink->spool->files;
    /* Of an earlier attempt; no other job has the name. */
    spool_files_remove(files, sink->kind, sink->unfinished);
    sink->fd = spool_files_create(files, sink->kind, sink->unfinished, error);
    if (sink->fd < 0 || !write_all(sink, sink->small->data, sink->small->len, error))
        return false;
    g_clear_pointer(&sink->small, g_byte_array_unref);
    return true;
}

static gssize sink_write(GOutputStream *stream, const void *data, gsize size,
                         GCancellable *cancel G_GNUC_UNUSED, GError **error)
{
    SpoolSink *sink = SPOOL_SINK(stream);
    if (sink->small && size <= SPOOL_SMALL_MAX - sink->small->len) {
        g_byte_array_append(sink->small, data, (guint)size);
        return (gssize)size;
    }
    if (sink->small && !spill(sink, error))
        return -1;
    return write_all(sink, data, size, error) ? (gssize)size : -1;
}

static void sink_finalize(GObject *object)
{
    SpoolSink *sink = SPOOL_SINK(object);
    if (sink->fd >= 0) {
        close(sink->fd);
        if (!sink->kept)
            spool_drop(sink->spool, sink->kind, sink->named ? sink->id : sink->unfinished);
    }
    g_clear_pointer(&sink->small, g_byte_array_unref);
    g_free(sink->unfinished);
    g_free(sink->id);
    G_OBJECT_CLASS(spool_sink_parent_class)->finalize(object);
}

static void spool_sink_class_init(SpoolSinkClass *class)
{
    G_OBJECT_CLASS(class)->finalize = sink_finalize;
    G_OUTPUT_STREAM_CLASS(class)->write_fn = sink_write;
}

static void spool_sink_init(SpoolSink *sink)
{
    sink->small = g_byte_array_new();
    sink->fd = -1;
}

SpoolSink *spool_sink_new(Spool *spool, SpoolFolder kind, const char *id)
{
    SpoolSink *sink = g_object_new(SPOOL_TYPE_SINK, NULL);
    sink->spool = spool;
    sink->kind = kind;
    sink->id = g_strdup(id);
    sink->unfinished = g_strconcat(id, ".tmp", NULL);
    return sink;
}

/* The file, then its name. *fatal: what the disk holds is not known. */
static bool sync_file(SpoolSink *sink, bool *fatal, GError **error)
{
    const SpoolFiles *files = sink->spool->files;
    if (!spool_files_sync(sink->fd, fatal, error) ||
        !spool_files_rename(files, sink->kind, sink->unfinished, sink->id, error))
        return false;
    sink->named = true;
    return spool_files_sync_folder(files, sink->kind, fatal, error);
}

bool spool_sink_finish(SpoolSink *sink, GBytes **small, GError **error)
{
    bool fatal = false;
    *small = NULL;
    if (sink->small) {
        *small = g_byte_array_free_to_bytes(g_steal_pointer(&sink->small));
        return true;
    }
    bool synced = sync_file(sink, &fatal, error);
    if (fatal)
        spool_fail(sink->spool);
    return synced;
}

void spool_sink_keep(SpoolSink *sink)
{
    sink->kept = true;
}

/* --- reading --- */

bool spool_content_find(Spool *spool, SpoolFolder kind, const char *id, GBytes **small, int *fd,
                        GError **error)
{
    *small = NULL;
    *fd = -1;
    Answer answer = spool->type->content_load(spool->store, id, kind, small, error);
    if (answer != ANSWER_NO)
        return answer == ANSWER_YES;
    *fd = spool_files_read(spool->files, kind, id, error);
    return *fd >= 0;
}

GInputStream *spool_content_open(Spool *spool, SpoolFolder kind, const char *id, bool *in_store,
                                 GError **error)
{
    g_autoptr(GBytes) small = NULL;
    int fd = -1;
    if (!spool_content_find(spool, kind, id, &small, &fd, error))
        return NULL;
    if (in_store)
        *in_store = small != NULL;
    g_autofree char *label = spool_label(id, labels[kind]);
    g_autoptr(GInputStream) sealed =
        small ? g_memory_input_stream_new_from_bytes(small) : g_unix_input_stream_new(fd, TRUE);
    return seal_input_stream_new(spool->key, label, sealed);
}
