/* SPDX-License-Identifier: MIT */
#include "lib/parse-stream.h"
#include <errno.h>
#include <string.h>

/* --- the input --- */

typedef struct {
    GMimeStream parent;
    ParseInput *input;
    bool end;
} MailStream;
typedef GMimeStreamClass MailStreamClass;

GType mail_stream_get_type(void);
G_DEFINE_TYPE(MailStream, mail_stream, GMIME_TYPE_STREAM)

static void scan_first_header(ParseInput *input, const char *bytes, gsize size)
{
    for (gsize i = 0; i < size && !input->first_header_end; i++) {
        input->first_header++;
        if (bytes[i] == '\n')
            input->first_header_end = ++input->newlines == 2;
        else if (bytes[i] != '\r')
            input->newlines = 0;
    }
}

/* Looks at what was read, as far as it is new. */
static void look(ParseInput *input, const char *bytes, gsize size)
{
    gint64 end = input->position + (gint64)size;
    if (end <= input->seen)
        return;
    gsize known = (gsize)(MAX(input->seen, input->position) - input->position);
    bytes += known;
    size -= known;
    input->seen = end;
    input->nul = input->nul || memchr(bytes, 0, size) != NULL;
    if (!input->first_header_end)
        scan_first_header(input, bytes, size);
    if (input->check != NULL)
        input->check(input->data);
}

static gssize input_read(ParseInput *input, char *buffer, gsize size)
{
    gssize got = input->failed ? -1 : input->source.read(input->source.data, buffer, size);
    if (got < 0) {
        input->failed = true;
        return -1;
    }
    look(input, buffer, (gsize)got);
    input->position += got;
    return got;
}

/* Brings the source to a position. */
static bool input_seek(ParseInput *input, gint64 position)
{
    if (input->failed)
        return false;
    if (position < input->position) {
        if (!input->source.rewind(input->source.data)) {
            input->failed = true;
            return false;
        }
        input->position = 0;
    }
    char dropped[8192];
    while (input->position < position) {
        gsize size = (gsize)MIN(position - input->position, (gint64)sizeof dropped);
        gssize got = input_read(input, dropped, size);
        if (got <= 0) {
            /* Shorter than it was the first time. */
            input->failed = true;
            return false;
        }
    }
    return true;
}

static ssize_t mail_read(GMimeStream *stream, char *buffer, size_t size)
{
    MailStream *mail = (MailStream *)stream;
    if (stream->bound_end != -1)
        size = (size_t)MIN(MAX(stream->bound_end - stream->position, 0), (gint64)size);
    if (size == 0 || mail->input->stopped || !input_seek(mail->input, stream->position)) {
        mail->end = true;
        return mail->input->failed ? -1 : 0;
    }
    gssize got = input_read(mail->input, buffer, size);
    if (got > 0)
        stream->position += got;
    else
        mail->end = true;
    return got;
}

static ssize_t mail_write(GMimeStream *stream G_GNUC_UNUSED, const char *buffer G_GNUC_UNUSED,
                          size_t size G_GNUC_UNUSED)
{
    errno = EBADF;
    return -1;
}

static int mail_nothing(GMimeStream *stream G_GNUC_UNUSED)
{
    return 0;
}

static gboolean mail_eos(GMimeStream *stream)
{
    return ((MailStream *)stream)->end;
}

static int mail_reset(GMimeStream *stream)
{
    ((MailStream *)stream)->end = false;
    return 0;
}

static gint64 mail_seek(GMimeStream *stream, gint64 offset, GMimeSeekWhence whence)
{
    gint64 base = whence == GMIME_STREAM_SEEK_SET   ? 0
                  : whence == GMIME_STREAM_SEEK_CUR ? stream->position
                                                    : stream->bound_end;
    gint64 position = base + offset;
    if (base < 0 || position < stream->bound_start ||
        (stream->bound_end != -1 && position > stream->bound_end)) {
        errno = EINVAL;
        return -1;
    }
    ((MailStream *)stream)->end = false;
    return stream->position = position;
}

static gint64 mail_tell(GMimeStream *stream)
{
    return stream->position;
}

static gint64 mail_length(GMimeStream *stream)
{
    return stream->bound_end == -1 ? -1 : stream->bound_end - stream->bound_start;
}

static GMimeStream *mail_new(ParseInput *input, gint64 start, gint64 end)
{
    MailStream *mail = g_object_new(mail_stream_get_type(), NULL);
    g_mime_stream_construct(&mail->parent, start, end);
    mail->input = input;
    return &mail->parent;
}

/* The parser asks for one when it has seen a part to its end. */
static GMimeStream *mail_substream(GMimeStream *stream, gint64 start, gint64 end)
{
    ParseInput *input = ((MailStream *)stream)->input;
    input->leaves++;
    if (input->check != NULL)
        input->check(input->data);
    return mail_new(input, start, end);
}

static void mail_stream_class_init(MailStreamClass *class)
{
    class->read = mail_read;
    class->write = mail_write;
    class->flush = mail_nothing;
    class->close = mail_nothing;
    class->eos = mail_eos;
    class->reset = mail_reset;
    class->seek = mail_seek;
    class->tell = mail_tell;
    class->length = mail_length;
    class->substream = mail_substream;
}

static void mail_stream_init(MailStream *mail G_GNUC_UNUSED)
{
}

GMimeStream *parse_input_stream(ParseInput *input)
{
    return mail_new(input, 0, -1);
}

/* --- the sink --- */

typedef struct {
    GMimeStream parent;
    bool (*write)(gpointer data, const void *bytes, gsize size);
    gpointer data;
} SinkStream;
typedef GMimeStreamClass SinkStreamClass;

GType sink_stream_get_type(void);
G_DEFINE_TYPE(SinkStream, sink_stream, GMIME_TYPE_STREAM)

static ssize_t sink_write(GMimeStream *stream, const char *buffer, size_t size)
{
    SinkStream *sink = (SinkStream *)stream;
    if (!sink->write(sink->data, buffer, size))
        return -1;
    stream->position += (gint64)size;
    return (ssize_t)size;
}

static void sink_stream_class_init(SinkStreamClass *class)
{
    class->write = sink_write;
    class->flush = mail_nothing;
    class->close = mail_nothing;
    class->reset = mail_nothing;
    class->tell = mail_tell;
}

static void sink_stream_init(SinkStream *sink G_GNUC_UNUSED)
{
}

GMimeStream *parse_sink_new(bool (*write)(gpointer data, const void *bytes, gsize size),
                            gpointer data)
{
    SinkStream *sink = g_object_new(sink_stream_get_type(), NULL);
    g_mime_stream_construct(&sink->parent, 0, -1);
    sink->write = write;
    sink->data = data;
    return &sink->parent;
}
