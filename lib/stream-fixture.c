/* SPDX-License-Identifier: MIT */
#include "lib/stream-fixture.h"

Answer __real_directory_stream(Directory *directory, const WriteStream *stream, GError **error);
Answer __wrap_directory_stream(Directory *directory, const WriteStream *stream, GError **error);
Answer __wrap_directory_apply(Directory *directory, GPtrArray *writes, GError **error);

typedef struct {
    Directory *directory;
    const WriteStream *inner;
    Write *write; /* the next one */
    guint flying;
    bool stopped;
} Passage;

static void passage_end(const Passage *passage, Write *write)
{
    passage->inner->ended(passage->inner->data, write);
}

static Write *passage_next(gpointer data)
{
    Passage *passage = data;
    if (passage->stopped)
        return NULL;
    if (!passage->write && (passage->write = passage->inner->next(passage->inner->data)))
        passage->write->state = WRITE_UNSENT;
    if (!passage->write)
        return NULL;
    switch (stream_fixture.before(passage->directory, passage->write, passage->flying == 0)) {
    case PASS_WAIT:
        return NULL;
    case PASS_STOP:
        passage->stopped = true;
        passage_end(passage, g_steal_pointer(&passage->write));
        return NULL;
    case PASS_ON:
        break;
    }
    passage->flying++;
    return g_steal_pointer(&passage->write);
}

static void passage_ended(gpointer data, Write *write)
{
    Passage *passage = data;
    passage->flying--;
    if (stream_fixture.after)
        stream_fixture.after(write);
    passage_end(passage, write);
}

Answer __wrap_directory_stream(Directory *directory, const WriteStream *stream, GError **error)
{
    Passage passage = {.directory = directory, .inner = stream};
    const WriteStream through = {passage_next, passage_ended, &passage};
    Answer answer = __real_directory_stream(directory, &through, error);
    if (passage.write) /* the directory has gone meanwhile */
        passage_end(&passage, passage.write);
    return stream_fixture.end ? stream_fixture.end(passage.stopped, answer, error) : answer;
}

typedef struct {
    GPtrArray *writes;
    guint next;
} Queue;

static Write *queue_next(gpointer data)
{
    Queue *queue = data;
    return queue->next < queue->writes->len ? queue->writes->pdata[queue->next++] : NULL;
}

static void queue_ended(gpointer data, Write *write)
{
    (void)data;
    (void)write;
}

Answer __wrap_directory_apply(Directory *directory, GPtrArray *writes, GError **error)
{
    Queue queue = {writes, 0};
    const WriteStream stream = {queue_next, queue_ended, &queue};
    for (guint i = 0; i < writes->len; i++)
        ((Write *)writes->pdata[i])->state = WRITE_UNSENT;
    return __wrap_directory_stream(directory, &stream, error);
}
