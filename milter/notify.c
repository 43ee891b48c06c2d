/* SPDX-License-Identifier: MIT */
#include "milter/notify.h"
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define PATIENCE_SECONDS 5

/* The socket's address; an '@' in front stands for the abstract ones. 0: none. */
static socklen_t find_address(struct sockaddr_un *address)
{
    const char *name = g_getenv("NOTIFY_SOCKET");
    *address = (struct sockaddr_un){.sun_family = AF_UNIX};
    gsize length = name != NULL ? strlen(name) : 0;
    if (length < 2 || length >= sizeof address->sun_path || (*name != '/' && *name != '@'))
        return 0;
    memcpy(address->sun_path, name, length);
    if (*name == '@')
        address->sun_path[0] = '\0';
    return (socklen_t)(offsetof(struct sockaddr_un, sun_path) + length);
}

static void send_text(const char *text)
{
    struct sockaddr_un address;
    socklen_t length = find_address(&address);
    if (length == 0)
        return;
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return;
    /* Its queue may be full for a moment, and it would wait for READY=1 in vain; one that does not
     * listen is its own trouble. */
    const struct timeval patience = {.tv_sec = PATIENCE_SECONDS};
    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
    (void)!sendto(fd, text, strlen(text), MSG_NOSIGNAL, (const struct sockaddr *)&address, length);
    close(fd);
}

static const char *state_word(Notify state)
{
    switch (state) {
    case NOTIFY_READY:
        return "READY=1\n";
    case NOTIFY_RELOADING:
        return "RELOADING=1\n";
    case NOTIFY_STOPPING:
        return "STOPPING=1\n";
    case NOTIFY_WATCHDOG:
        return "WATCHDOG=1\n";
    }
    return "";
}

void notify(Notify state, const char *status)
{
    g_autoptr(GString) text = g_string_new(state_word(state));
    if (state == NOTIFY_RELOADING)
        g_string_append_printf(text, "MONOTONIC_USEC=%" G_GINT64_FORMAT "\n",
                               g_get_monotonic_time());
    if (status != NULL) {
        g_autofree char *line = g_strdelimit(g_strdup(status), "\r\n", ' ');
        g_string_append_printf(text, "STATUS=%s\n", line);
    }
    send_text(text->str);
}

bool notify_watched(gint64 *microseconds)
{
    const char *wanted = g_getenv("WATCHDOG_USEC"), *pid = g_getenv("WATCHDOG_PID");
    guint64 number = 0, whose = 0;
    if (wanted == NULL || !g_ascii_string_to_unsigned(wanted, 10, 1, G_MAXINT64, &number, NULL))
        return false;
    if (pid != NULL && (!g_ascii_string_to_unsigned(pid, 10, 1, G_MAXINT64, &whose, NULL) ||
                        whose != (guint64)getpid()))
        return false;
    *microseconds = (gint64)number;
    return true;
}
