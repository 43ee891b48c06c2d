/* SPDX-License-Identifier: MIT */
#include "lib/submit-sendmail.h"

#include <errno.h>
#include <gio/gunixoutputstream.h>
#include <poll.h>
#include <signal.h>
#include <sysexits.h>
#include <unistd.h>

#include <glib-unix.h>

#define CHUNK 16384

static bool away(GError **error, const char *words, const char *why)
{
    g_set_error(error, SUBMIT_ERROR, SUBMIT_ERROR_AWAY, "%s%s%s", words, why ? ": " : "",
                why ? why : "");
    return false;
}

/* In the child: worker threads block all signals, and a mask is inherited. */
static void child_setup(gpointer data G_GNUC_UNUSED)
{
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    signal(SIGPIPE, SIG_DFL);
}

static GSubprocess *start(const char *path, const char *recipient, GError **error)
{
    /* -i: a lone dot is no end; no shell, and nothing after "--" is an option */
    const char *argv[] = {path, "-i", "-f", "<>", "--", recipient, NULL};
    g_autoptr(GSubprocessLauncher) launcher = g_subprocess_launcher_new(
        G_SUBPROCESS_FLAGS_STDIN_PIPE | G_SUBPROCESS_FLAGS_STDOUT_SILENCE |
        G_SUBPROCESS_FLAGS_STDERR_SILENCE);
    g_autoptr(GError) cause = NULL;
    GSubprocess *process;

    g_subprocess_launcher_set_child_setup(launcher, child_setup, NULL, NULL);
    process = g_subprocess_launcher_spawnv(launcher, argv, &cause);
    if (process == NULL)
        away(error, "sendmail can't be started", cause->message);
    return process;
}

static bool wait_writable(int fd, gint64 deadline, GError **error)
{
    const gint64 left = deadline - g_get_monotonic_time();
    struct pollfd wanted = {.fd = fd, .events = POLLOUT};

    if (left <= 0)
        return away(error, "sendmail takes too long", NULL);
    if (poll(&wanted, 1, (int)MIN(left / 1000 + 1, G_MAXINT)) < 0 && errno != EINTR)
        return away(error, "sendmail can't be written to", g_strerror(errno));
    return true;
}

/* false when sendmail has gone (no error set: its exit status tells) or takes too long. */
static bool write_all(int fd, const char *data, gsize size, gint64 deadline, GError **error)
{
    while (size > 0) {
        gssize put = write(fd, data, size);
        if (put >= 0) {
            data += put;
            size -= (gsize)put;
        } else if (errno == EAGAIN) {
            if (!wait_writable(fd, deadline, error))
                return false;
        } else if (errno == EPIPE) {
            return false;
        } else if (errno != EINTR) {
            return away(error, "sendmail can't be written to", g_strerror(errno));
        }
    }
    return true;
}

/* sendmail(1) takes lines as this system writes them: CR before LF is left out. */
static gsize strip_cr(char *data, gsize size, bool *held)
{
    gsize kept = 0;
    /* the caller leaves data[0] free for a CR held back from the chunk before */
    for (gsize i = *held ? 0 : 1; i <= size; i++) {
        if (data[i] == '\r' && i == size) {
            *held = true;
            return kept;
        }
        if (!(data[i] == '\r' && data[i + 1] == '\n'))
            data[kept++] = data[i];
    }
    *held = false;
    return kept;
}

static bool feed(GSubprocess *process, GInputStream *message, gint64 deadline, GError **error)
{
    GOutputStream *input = g_subprocess_get_stdin_pipe(process);
    const int fd = g_unix_output_stream_get_fd(G_UNIX_OUTPUT_STREAM(input));
    char buffer[CHUNK + 1];
    g_autoptr(GError) cause = NULL;
    bool held = false;

    if (!g_unix_set_fd_nonblocking(fd, TRUE, &cause))
        return away(error, "sendmail can't be written to", cause->message);
    for (;;) {
        gssize got = g_input_stream_read(message, buffer + 1, CHUNK, NULL, &cause);
        gsize size;
        if (got < 0) {
            submit_unreadable(cause, error);
            return false;
        }
        if (got == 0)
            break;
        buffer[0] = '\r';
        size = strip_cr(buffer, (gsize)got, &held);
        if (!write_all(fd, buffer, size, deadline, error))
            return false;
    }
    if (held && !write_all(fd, "\r", 1, deadline, error))
        return false;
    g_output_stream_close(input, NULL, NULL);
    return true;
}

/* With SIGPIPE held off in this thread: sendmail may end before it has read everything. */
static bool feed_safely(GSubprocess *process, GInputStream *message, gint64 deadline,
                        GError **error)
{
    const struct timespec now = {0, 0};
    sigset_t pipe_set, before, pending;
    bool fed, was_pending;

    sigemptyset(&pipe_set);
    sigaddset(&pipe_set, SIGPIPE);
    sigpending(&pending);
    was_pending = sigismember(&pending, SIGPIPE) == 1;
    pthread_sigmask(SIG_BLOCK, &pipe_set, &before);
    fed = feed(process, message, deadline, error);
    while (!was_pending && sigtimedwait(&pipe_set, NULL, &now) < 0 && errno == EINTR)
        ;
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return fed;
}

static void on_end(GObject *process G_GNUC_UNUSED, GAsyncResult *result G_GNUC_UNUSED,
                   gpointer data)
{
    *(bool *)data = true;
}

static gboolean on_late(gpointer data)
{
    *(bool *)data = true;
    return G_SOURCE_REMOVE;
}

/* Waits for the end, and kills at the deadline. false when it was killed. */
static bool reap(GSubprocess *process, gint64 deadline)
{
    g_autoptr(GMainContext) context = g_main_context_new();
    const gint64 left = MAX(deadline - g_get_monotonic_time(), 0) / 1000;
    g_autoptr(GSource) timer = g_timeout_source_new((guint)MIN(left, G_MAXINT));
    bool ended = false, late = false;

    g_main_context_push_thread_default(context);
    g_source_set_callback(timer, on_late, &late, NULL);
    g_source_attach(timer, context);
    g_subprocess_wait_async(process, NULL, on_end, &ended);
    while (!ended && !late)
        g_main_context_iteration(context, TRUE);
    if (!ended)
        g_subprocess_force_exit(process);
    while (!ended)
        g_main_context_iteration(context, TRUE);
    g_source_destroy(timer);
    g_main_context_pop_thread_default(context);
    return !late;
}

static Answer conclude(GSubprocess *process, GError **error)
{
    const int code =
        g_subprocess_get_if_exited(process) ? g_subprocess_get_exit_status(process) : -1;
    g_autofree char *why = NULL;

    switch (code) {
    case EX_OK:
        return ANSWER_YES;
    case EX_DATAERR:
    case EX_NOUSER:
    case EX_NOHOST:
        g_set_error(error, SUBMIT_ERROR, SUBMIT_ERROR_REFUSED,
                    "sendmail refuses the message with exit code %d", code);
        return ANSWER_NO;
    default:
        why = code < 0 ? g_strdup("it was killed") : g_strdup_printf("exit code %d", code);
        away(error, "sendmail does not take the message", why);
        return ANSWER_UNKNOWN;
    }
}

Answer submit_sendmail(const char *path, unsigned seconds, const char *recipient,
                       GInputStream *message, GError **error)
{
    const gint64 deadline = g_get_monotonic_time() + (gint64)seconds * G_USEC_PER_SEC;
    g_autoptr(GSubprocess) process = start(path, recipient, error);
    g_autoptr(GError) fault = NULL;
    bool fed;

    if (process == NULL)
        return ANSWER_UNKNOWN;
    fed = feed_safely(process, message, deadline, &fault);
    if (!fed && fault != NULL) {
        /* closing its input would make half a message a whole one */
        g_subprocess_force_exit(process);
        reap(process, G_MAXINT64);
        g_propagate_error(error, g_steal_pointer(&fault));
        return ANSWER_UNKNOWN;
    }
    if (!reap(process, deadline)) {
        away(error, "sendmail takes too long", NULL);
        return ANSWER_UNKNOWN;
    }
    if (!fed && g_subprocess_get_if_exited(process) &&
        g_subprocess_get_exit_status(process) == EX_OK) {
        away(error, "sendmail ended before it had read the message", NULL);
        return ANSWER_UNKNOWN;
    }
    return conclude(process, error);
}
