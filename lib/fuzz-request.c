/* SPDX-License-Identifier: MIT */
/* The reader as a whole, for the child's place is taken by the fuzzer's bytes. */
#include "lib/request.c"

#include <stdint.h>

/* Any bytes as what the parsing child says, which its mail may have taken over: a request that
 * keeps its limits, a refusal, or a failure; no more of a table than is allowed. Seeds:
 * test-fixtures/child. */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const RequestLimits limits = {
    .message_bytes_max = 1 << 20,
    .attachment_bytes_max = 100,
    .mime_depth_max = 6,
    .mime_parts_max = 30,
    .header_bytes_max = 4000,
    .parser_seconds = 30,
};

static GInputStream *open_some_mail(gpointer data G_GNUC_UNUSED, GError **error G_GNUC_UNUSED)
{
    static const char mail[] = "From: a@example.com\n\nPassword: x\n";
    return g_memory_input_stream_new_from_data(mail, sizeof mail - 1, NULL);
}

/* A reader whose child has said all this and is gone. */
static RequestReader *reader_of(const uint8_t *data, size_t size)
{
    int sockets[2];
    g_assert_cmpint(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sockets), ==, 0);
    while (size > 0) {
        ssize_t sent = send(sockets[1], data, size, MSG_NOSIGNAL | MSG_DONTWAIT);
        if (sent <= 0)
            break;
        data += sent;
        size -= (size_t)sent;
    }
    close(sockets[1]);
    RequestReader *reader = g_new0(RequestReader, 1);
    reader->limits = limits;
    reader->open = open_some_mail;
    reader->fd = sockets[0];
    reader->out = g_malloc(sizeof(guint32) + REQUEST_FRAME_MAX);
    reader->in = g_malloc(HEAD_SIZE + REQUEST_FRAME_MAX);
    g_assert_true(open_mail(reader, NULL));
    return reader;
}

static void check_table(RequestReader *reader)
{
    g_autoptr(GInputStream) table = request_reader_table(reader);
    g_autoptr(GError) error = NULL;
    guint64 bytes = 0;
    char buffer[64];
    gssize got;
    while ((got = g_input_stream_read(table, buffer, sizeof buffer, NULL, &error)) > 0)
        bytes += (guint64)got;
    g_assert_true((got < 0) == (error != NULL));
    g_assert_cmpuint(bytes, <=, limits.attachment_bytes_max);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    g_autoptr(RequestReader) reader = reader_of(data, size);
    g_autofree char *reference = NULL;
    g_autoptr(GError) error = NULL;
    const Request *request = request_reader_request(reader, &reference, &error);
    g_assert_true((request == NULL) == (error != NULL));
    g_assert_nonnull(reference);
    g_assert_true(g_utf8_validate(reference, -1, NULL));
    g_assert_null(strpbrk(reference, "\r\n\t\033"));
    g_assert_cmpuint(strlen(reference), <=, REQUEST_REFERENCE_MAX);
    if (request == NULL) {
        g_assert_true(error->domain == REQUEST_ERROR);
        return 0;
    }
    g_assert_true(*request->password != '\0');
    g_assert_cmpuint(strlen(request->password), <=, REQUEST_PASSWORD_MAX);
    g_assert_true(g_utf8_validate(request->password, -1, NULL));
    check_table(reader);
    return 0;
}
