/* SPDX-License-Identifier: MIT */
#include "lib/follow-ask.h"

#include "lib/addon.h"
#include <gio/gio.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* Any bytes as what comes over the socket between the daemon and batchload-follow(8), with their
 * length before them and as they are. What is taken for a call runs a program in the add-on's
 * folder, and is the same once it has gone over the socket again. Of an answer nothing but one
 * printable line is told. Seeds: test-fixtures/follow. */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Bytes that have room in a socket's buffer. */
#define INPUT_MAX 65536
#define SECONDS 10 /* never waited for: the other end is closed */

static gint64 deadline(void)
{
    return g_get_monotonic_time() + SECONDS * G_USEC_PER_SEC;
}

static void send_bytes(int fd, const void *data, size_t size)
{
    if (size > 0)
        g_assert_cmpint(send(fd, data, size, MSG_DONTWAIT | MSG_NOSIGNAL), ==, (ssize_t)size);
}

/* What is read of the bytes; framed: with their length before them. */
static GVariant *read_frame(const uint8_t *data, size_t size, bool framed, const char *type)
{
    const guint32 length = GUINT32_TO_BE((guint32)size);
    g_autoptr(GError) error = NULL;
    int ends[2];
    g_assert_cmpint(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), ==, 0);
    if (framed)
        send_bytes(ends[0], &length, sizeof length);
    send_bytes(ends[0], data, size);
    close(ends[0]);
    GVariant *value = follow_frame_read(ends[1], type, deadline(), &error);
    close(ends[1]);
    g_assert_true((value == NULL) == (error != NULL));
    return value;
}

/* The value as it is when it has gone over a socket. */
static GVariant *over_socket(GVariant *value, const char *type)
{
    g_autoptr(GError) error = NULL;
    int ends[2];
    g_assert_cmpint(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), ==, 0);
    g_assert_true(follow_frame_write(ends[0], value, deadline(), &error));
    close(ends[0]);
    GVariant *again = follow_frame_read(ends[1], type, deadline(), &error);
    close(ends[1]);
    g_assert_no_error(error);
    return again;
}

static void check_command(const SpoolCall *call)
{
    const Addon addon = {.name = call->addon,
                         .folder = (char *)"/a",
                         .extension = (char *)"sh",
                         .mail_store = (char *)"/a/remove"};
    unsigned program = 0;
    g_autoptr(GPtrArray) command = addon_command(&addon, call->name, &program);
    g_assert_nonnull(command);
    g_autofree char *folder = g_path_get_dirname(command->pdata[program]);
    g_assert_cmpstr(folder, ==, "/a");
    g_autofree char *file = addon_file("/b", call->addon);
    g_autofree char *registrations = g_path_get_dirname(file);
    g_assert_cmpstr(registrations, ==, "/b");
}

static void check_call(GVariant *value)
{
    g_autoptr(SpoolCall) call = follow_call_from_variant(value);
    if (call == NULL)
        return;
    check_command(call);
    g_autoptr(GVariant) again = over_socket(follow_call_to_variant(call), FOLLOW_CALL_TYPE);
    g_assert_true(g_variant_equal(value, again));
}

static void check_answer(GVariant *value)
{
    g_autofree char *reason = NULL;
    g_autoptr(GError) error = NULL;
    const Answer answer = follow_answer_from_variant(value, &reason, &error);
    g_assert_true((answer == ANSWER_NO) == (reason != NULL));
    g_assert_true((answer == ANSWER_UNKNOWN) == (error != NULL));
    const char *words = reason != NULL ? reason : error != NULL ? error->message : "";
    g_assert_true(g_utf8_validate(words, -1, NULL));
    g_assert_cmpuint(strlen(words), <=, SPOOL_CALL_REASON_MAX + strlen("batchload-follow: "));
    for (const char *at = words; *at != '\0'; at = g_utf8_next_char(at))
        g_assert_true(g_unichar_isprint(g_utf8_get_char(at)));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct {
        const char *type;
        void (*check)(GVariant *value);
    } kinds[] = {{FOLLOW_CALL_TYPE, check_call}, {FOLLOW_ANSWER_TYPE, check_answer}};
    const size_t taken = MIN(size, INPUT_MAX);
    for (gsize i = 0; i < 2 * G_N_ELEMENTS(kinds); i++) {
        const bool framed = i % 2 != 0;
        g_autoptr(GVariant) value = read_frame(data, taken, framed, kinds[i / 2].type);
        if (value != NULL)
            kinds[i / 2].check(value);
    }
    return 0;
}
