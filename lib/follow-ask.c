/* SPDX-License-Identifier: MIT */
#include "lib/follow-ask.h"

#include "lib/addon.h"
#include "lib/pack.h"
#include "lib/panel.h"
#include "lib/text.h"
#include <errno.h>
#include <gio/gio.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

/* Beyond twice a call's time, since an earlier call of the add-on may be running still. */
#define GRACE 20
/* How often it is looked whether the daemon is to stop, in milliseconds. */
#define LOOK_MS 250

static bool broken(GError **error, const char *words)
{
    g_set_error(error, G_IO_ERROR, G_IO_ERROR_FAILED, "batchload-follow %s", words);
    return false;
}

/* --- frames --- */

/* Waits until there is something to do at fd. */
static bool await(int fd, short events, gint64 deadline, GError **error)
{
    for (;;) {
        struct pollfd wanted = {.fd = fd, .events = events};
        const gint64 left = deadline - g_get_monotonic_time();
        if (left <= 0)
            return broken(error, "does not answer in time");
        const int ready = poll(&wanted, 1, (int)MIN(left / 1000 + 1, G_MAXINT));
        if (ready > 0)
            return true;
        if (ready < 0 && errno != EINTR)
            return broken(error, g_strerror(errno));
    }
}

static bool write_all(int fd, const guint8 *data, gsize size, gint64 deadline, GError **error)
{
    while (size > 0) {
        if (!await(fd, POLLOUT, deadline, error))
            return false;
        const ssize_t done = send(fd, data, size, MSG_NOSIGNAL | MSG_DONTWAIT);
        if (done < 0 && errno != EINTR && errno != EAGAIN)
            return broken(error, "has ended the connection");
        if (done > 0) {
            data += done;
            size -= (gsize)done;
        }
    }
    return true;
}

static bool read_all(int fd, guint8 *data, gsize size, gint64 deadline, GError **error)
{
    while (size > 0) {
        if (!await(fd, POLLIN, deadline, error))
            return false;
        const ssize_t done = recv(fd, data, size, MSG_DONTWAIT);
        if (done == 0 || (done < 0 && errno != EINTR && errno != EAGAIN))
            return broken(error, "has ended the connection");
        if (done > 0) {
            data += done;
            size -= (gsize)done;
        }
    }
    return true;
}

bool follow_frame_write(int fd, GVariant *value, gint64 deadline, GError **error)
{
    g_autoptr(GVariant) held = g_variant_ref_sink(value);
    const gsize size = g_variant_get_size(held);
    const guint32 length = GUINT32_TO_BE((guint32)size);
    if (size > FOLLOW_FRAME_MAX)
        return broken(error, "can't take so much in one call");
    guint8 *frame = g_malloc(sizeof length + size);
    memcpy(frame, &length, sizeof length);
    g_variant_store(held, frame + sizeof length);
    const bool done = write_all(fd, frame, sizeof length + size, deadline, error);
    secret_wipe(frame, sizeof length + size);
    g_free(frame);
    return done;
}

typedef struct {
    guint8 *data;
    gsize size;
} Frame;

static void frame_free(gpointer data)
{
    Frame *frame = data;
    secret_wipe(frame->data, frame->size);
    g_free(frame->data);
    g_free(frame);
}

GVariant *follow_frame_read(int fd, const char *type, gint64 deadline, GError **error)
{
    guint32 length = 0;
    if (!read_all(fd, (guint8 *)&length, sizeof length, deadline, error))
        return NULL;
    length = GUINT32_FROM_BE(length);
    if (length == 0 || length > FOLLOW_FRAME_MAX) {
        broken(error, "sends what can't be understood");
        return NULL;
    }
    Frame *frame = g_new0(Frame, 1);
    frame->size = length;
    frame->data = g_malloc0(length);
    g_autoptr(GBytes) bytes =
        g_bytes_new_with_free_func(frame->data, frame->size, frame_free, frame);
    if (!read_all(fd, frame->data, frame->size, deadline, error))
        return NULL;
    if (pack_is_normal(type, frame->data, frame->size))
        return g_variant_ref_sink(g_variant_new_from_bytes(G_VARIANT_TYPE(type), bytes, TRUE));
    broken(error, "sends what can't be understood");
    return NULL;
}

/* --- what they say --- */

GVariant *follow_call_to_variant(const SpoolCall *call)
{
    return g_variant_new(
        "(ss@as@mayb)", call->addon, call->name,
        g_variant_new_strv((const char *const *)call->arguments->pdata, call->arguments->len),
        g_variant_new_maybe(G_VARIANT_TYPE_BYTESTRING,
                            call->password ? secret_to_bytes_variant(call->password) : NULL),
        call->password_hashed);
}

/* The password that is known, if any: one with its NUL at the end and none before. */
static bool take_password(GVariant *known, SpoolCall *call)
{
    const gsize size = known ? g_variant_get_size(known) : 0;
    const char *text = known ? g_variant_get_data(known) : NULL;
    if (known && (!size || memchr(text, '\0', size) != text + size - 1))
        return false;
    call->password = secret_dup(text);
    return true;
}

SpoolCall *follow_call_from_variant(GVariant *value)
{
    g_autoptr(SpoolCall) call = g_new0(SpoolCall, 1);
    g_auto(GStrv) arguments = NULL;
    g_autoptr(GVariant) password = NULL;
    gboolean hashed = FALSE;
    g_variant_get(value, "(ss^as@mayb)", &call->addon, &call->name, &arguments, &password, &hashed);
    g_autoptr(GVariant) known = g_variant_get_maybe(password);
    call->arguments = g_ptr_array_new_with_free_func(g_free);
    for (char **each = arguments; *each; each++)
        g_ptr_array_add(call->arguments, g_strdup(*each));
    call->password_hashed = hashed;
    /* Both become parts of a path. */
    const bool good = addon_name_is_good(call->addon) &&
                      (panel_find(call->name) || strcmp(call->name, ADDON_MAIL_STORE) == 0);
    return good && take_password(known, call) ? g_steal_pointer(&call) : NULL;
}

Answer follow_answer_from_variant(GVariant *value, char **reason, GError **error)
{
    guint8 result = FOLLOW_LATER;
    const char *words = NULL;
    g_variant_get(value, "(y&s)", &result, &words);
    g_autofree char *shown = text_printable(words, -1, SPOOL_CALL_REASON_MAX);
    if (result == FOLLOW_DONE)
        return ANSWER_YES;
    if (result == FOLLOW_FAILED) {
        *reason = g_steal_pointer(&shown);
        return ANSWER_NO;
    }
    g_set_error(error, G_IO_ERROR, G_IO_ERROR_FAILED, "batchload-follow: %s", shown);
    return ANSWER_UNKNOWN;
}

/* --- asking --- */

static int connect_to(const char *target, GError **error)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    const char *path = target + strlen("unix:");
    const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (strlen(path) < sizeof address.sun_path)
        g_strlcpy(address.sun_path, path, sizeof address.sun_path);
    if (fd >= 0 && connect(fd, (const struct sockaddr *)&address, sizeof address) == 0)
        return fd;
    g_set_error(error, G_IO_ERROR, G_IO_ERROR_FAILED, "batchload-follow can't be reached: %s",
                g_strerror(errno));
    if (fd >= 0)
        close(fd);
    return -1;
}

/* Waits for the answer: not to its end where the daemon stops. */
static bool await_answer(int fd, gint64 end, const int *stopping, GError **error)
{
    for (;;) {
        struct pollfd wanted = {.fd = fd, .events = POLLIN};
        if (g_atomic_int_get(stopping))
            end = MIN(end, g_get_monotonic_time() + FOLLOW_STOP_SECONDS * G_USEC_PER_SEC);
        if (g_get_monotonic_time() >= end)
            return broken(error, "does not answer in time");
        if (g_atomic_int_get(stopping))
            return await(fd, POLLIN, end, error);
        if (poll(&wanted, 1, LOOK_MS) > 0)
            return true;
    }
}

Answer follow_ask(const char *socket, const SpoolCall *call, unsigned seconds, const int *stopping,
                  char **reason, GError **error)
{
    const int fd = connect_to(socket, error);
    if (fd < 0)
        return ANSWER_UNKNOWN;
    const gint64 now = g_get_monotonic_time();
    const gint64 end = now + (2 * (gint64)seconds + GRACE) * G_USEC_PER_SEC;
    g_autoptr(GVariant) answer = NULL;
    if (follow_frame_write(fd, follow_call_to_variant(call),
                           now + FOLLOW_FRAME_SECONDS * G_USEC_PER_SEC, error) &&
        await_answer(fd, end, stopping, error))
        answer = follow_frame_read(fd, FOLLOW_ANSWER_TYPE, end, error);
    close(fd);
    return answer ? follow_answer_from_variant(answer, reason, error) : ANSWER_UNKNOWN;
}
