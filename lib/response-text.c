/* SPDX-License-Identifier: MIT */
#include "lib/response.h"

#include <gmime/gmime.h>

static GMimeMessage *parse(GBytes *message)
{
    gsize size;
    const char *data = g_bytes_get_data(message, &size);
    GMimeStream *stream = g_mime_stream_mem_new_with_buffer(data, size);
    GMimeParser *parser = g_mime_parser_new_with_stream(stream);
    GMimeMessage *parsed = g_mime_parser_construct_message(parser, NULL);

    g_object_unref(parser);
    g_object_unref(stream);
    return parsed;
}

char *response_text(GBytes *message)
{
    char *text = NULL;

    g_mime_init();
    GMimeMessage *parsed = parse(message);
    GMimeObject *part = parsed != NULL ? g_mime_message_get_mime_part(parsed) : NULL;
    if (GMIME_IS_MULTIPART(part) && g_mime_multipart_get_count(GMIME_MULTIPART(part)) > 0)
        part = g_mime_multipart_get_part(GMIME_MULTIPART(part), 0);
    if (GMIME_IS_TEXT_PART(part))
        text = g_mime_text_part_get_text(GMIME_TEXT_PART(part));
    g_clear_object(&parsed);
    g_mime_shutdown();
    return text;
}
