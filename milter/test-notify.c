/* SPDX-License-Identifier: MIT */
#include "milter/notify.h"
#include <glib/gstdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

/* A supervisor's socket at name ('@': abstract). */
static int listen_at(const char *name)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    memcpy(address.sun_path, name, strlen(name));
    if (*name == '@')
        address.sun_path[0] = '\0';
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    g_assert_cmpint(fd, >=, 0);
    g_assert_cmpint(bind(fd, (const struct sockaddr *)&address,
                         (socklen_t)(offsetof(struct sockaddr_un, sun_path) + strlen(name))),
                    ==, 0);
    return fd;
}

static void assert_heard(int fd, const char *pattern)
{
    char text[1000] = "";
    gssize size = recv(fd, text, sizeof text - 1, MSG_DONTWAIT);
    g_assert_cmpint(size, >, 0);
    g_test_message("%s", text);
    g_assert_true(g_regex_match_simple(pattern, text, G_REGEX_DOLLAR_ENDONLY, 0));
}

static void test_states(gconstpointer abstract)
{
    g_autofree char *folder = g_dir_make_tmp("notify-XXXXXX", NULL);
    g_autofree char *path = g_build_filename(folder, "socket", NULL);
    g_autofree char *name = abstract ? g_strconcat("@", path, NULL) : g_strdup(path);
    int fd = listen_at(name);
    g_setenv("NOTIFY_SOCKET", name, TRUE);
    notify(NOTIFY_READY, "serving\nSTOPPING=1");
    assert_heard(fd, "^READY=1\nSTATUS=serving STOPPING=1\n$");
    notify(NOTIFY_RELOADING, NULL);
    assert_heard(fd, "^RELOADING=1\nMONOTONIC_USEC=[0-9]+\n$");
    notify(NOTIFY_STOPPING, NULL);
    assert_heard(fd, "^STOPPING=1\n$");
    notify(NOTIFY_WATCHDOG, NULL);
    assert_heard(fd, "^WATCHDOG=1\n$");
    close(fd);
    /* Nobody listens any more. */
    notify(NOTIFY_READY, NULL);
    g_unlink(path);
    g_rmdir(folder);
    g_unsetenv("NOTIFY_SOCKET");
}

static void test_nobody(void)
{
    static const char *const names[] = {"", "@", "/", "relative", "/nowhere/socket"};
    g_autofree char *longest = g_strnfill(300, '/');
    for (gsize i = 0; i < G_N_ELEMENTS(names); i++) {
        g_setenv("NOTIFY_SOCKET", names[i], TRUE);
        notify(NOTIFY_READY, NULL);
    }
    g_setenv("NOTIFY_SOCKET", longest, TRUE);
    notify(NOTIFY_READY, NULL);
    g_unsetenv("NOTIFY_SOCKET");
    notify(NOTIFY_READY, NULL);
}

static void test_watchdog(void)
{
    g_autofree char *own = g_strdup_printf("%d", (int)getpid());
    const struct {
        const char *microseconds, *pid;
        bool watched;
    } rows[] = {
        {NULL, NULL, false},      {"30000000", NULL, true}, {"30000000", own, true},
        {"30000000", "1", false}, {"", own, false},         {"0", own, false},
        {"30s", own, false},      {"30000000", "x", false},
    };
    for (gsize i = 0; i < G_N_ELEMENTS(rows); i++) {
        gint64 microseconds = 0;
        g_unsetenv("WATCHDOG_USEC");
        g_unsetenv("WATCHDOG_PID");
        if (rows[i].microseconds)
            g_setenv("WATCHDOG_USEC", rows[i].microseconds, TRUE);
        if (rows[i].pid)
            g_setenv("WATCHDOG_PID", rows[i].pid, TRUE);
        g_assert_cmpint(notify_watched(&microseconds), ==, rows[i].watched);
        g_assert_cmpint(microseconds, ==, rows[i].watched ? 30000000 : 0);
    }
    g_unsetenv("WATCHDOG_USEC");
    g_unsetenv("WATCHDOG_PID");
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_data_func("/notify/states/path", NULL, test_states);
    g_test_add_data_func("/notify/states/abstract", "", test_states);
    g_test_add_func("/notify/nobody", test_nobody);
    g_test_add_func("/notify/watchdog", test_watchdog);
    return g_test_run();
}
