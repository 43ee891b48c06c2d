/* SPDX-License-Identifier: MIT */
#include "lib/config.h"
#include "milter/follow-run.h"
#include "milter/notify.h"
#include "milter/start.h"
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pwd.h>
#include <signal.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <sysexits.h>
#include <unistd.h>

/* batchload-follow(8): runs add-ons for batchload-milter(8), as a user of its own. Each connection
 * is one call and has a process of its own. */

#define PROGRAM "batchload-follow"
#define SUMMARY "Runs add-ons that follow what was changed in the directory."
#define BACKLOG 16
/* Most calls at a time: one an add-on, and as many again that a daemon before left behind. */
#define CALLS_MAX (2 * ADDONS_MAX)

typedef struct {
    const Config *config;
    int listener;
    uid_t daemon; /* who may ask, besides root and who we are */
} Service;

static volatile sig_atomic_t stopping;

static void on_stop(int number)
{
    (void)number;
    stopping = 1;
}

static void on_child(int number)
{
    (void)number; /* only ends a wait */
}

/* --- one call --- */

static bool may_ask(const Service *service, int fd)
{
    struct ucred peer = {.uid = (uid_t)-1};
    socklen_t size = sizeof peer;
    return getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) == 0 &&
           (peer.uid == 0 || peer.uid == service->daemon || peer.uid == geteuid());
}

/* Holds the add-on's registration until this process ends, so that it runs once at a time: a daemon
 * that died may have left a call behind. */
static bool lock_addon(const char *folder, const char *name)
{
    g_autofree char *path = addon_file(folder, name);
    const int fd = open(path, O_RDONLY | O_CLOEXEC);
    return fd >= 0 && flock(fd, LOCK_EX) == 0;
}

static FollowResult make_call(const Config *config, const SpoolCall *call, char **words)
{
    g_autoptr(GError) error = NULL;
    if (!lock_addon(config->addons_folder, call->addon)) {
        *words = g_strdup_printf("the add-on %s is not registered here", call->addon);
        return FOLLOW_LATER;
    }
    g_autoptr(Addon) addon = addon_load(config->addons_folder, call->addon, &error);
    if (!addon) {
        log_line(LOG_LEVEL_ERROR, NULL, "%s", error->message);
        *words = g_strdup_printf("the registration of the add-on %s can't be used", call->addon);
        return FOLLOW_LATER;
    }
    return follow_run(addon, call, words);
}

static void serve(const Service *service, int fd)
{
    const gint64 deadline = g_get_monotonic_time() + FOLLOW_FRAME_SECONDS * G_USEC_PER_SEC;
    g_autoptr(GError) error = NULL;
    g_autoptr(GVariant) value = NULL;
    g_autofree char *words = NULL;
    FollowResult result = FOLLOW_LATER;
    if (!may_ask(service, fd)) {
        words = g_strdup("only the daemon may ask");
        log_line(LOG_LEVEL_WARNING, NULL, "somebody else than the daemon asked");
    } else if (!(value = follow_frame_read(fd, FOLLOW_CALL_TYPE, deadline, &error))) {
        words = g_strdup("the call can't be understood");
    } else {
        g_autoptr(SpoolCall) call = follow_call_from_variant(value);
        if (call)
            result = make_call(service->config, call, &words);
        else
            words = g_strdup("the call can't be understood");
    }
    (void)follow_frame_write(fd, g_variant_new("(ys)", (guint8)result, words),
                             g_get_monotonic_time() + FOLLOW_FRAME_SECONDS * G_USEC_PER_SEC, NULL);
}

/* --- the service --- */

static void set_signals(void)
{
    struct sigaction stop = {.sa_handler = on_stop}, child = {.sa_handler = on_child};
    (void)sigaction(SIGTERM, &stop, NULL);
    (void)sigaction(SIGINT, &stop, NULL);
    (void)sigaction(SIGCHLD, &child, NULL);
    (void)signal(SIGPIPE, SIG_IGN);
    (void)signal(SIGHUP, SIG_IGN);
}

static void reap(unsigned *calls, bool wait)
{
    while (*calls > 0) {
        const pid_t pid = waitpid(-1, NULL, wait ? 0 : WNOHANG);
        if (pid <= 0)
            return;
        (*calls)--;
        wait = false;
    }
}

static void begin_call(const Service *service, int fd, unsigned *calls)
{
    const pid_t pid = fork();
    if (pid == 0) {
        close(service->listener);
        (void)signal(SIGCHLD, SIG_DFL);
        (void)signal(SIGTERM, SIG_IGN); /* what has begun is finished */
        serve(service, fd);
        _exit(EX_OK);
    }
    if (pid > 0)
        (*calls)++;
    else
        log_line(LOG_LEVEL_ERROR, NULL, "no process could be made: %s", g_strerror(errno));
}

static int serve_until_stopped(const Service *service)
{
    unsigned calls = 0;
    notify(NOTIFY_READY, "serving");
    log_line(LOG_LEVEL_INFO, NULL, "started, version %s", PACKAGE_VERSION);
    while (!stopping) {
        struct pollfd wanted = {.fd = service->listener, .events = POLLIN};
        const bool more = poll(&wanted, 1, 1000) > 0;
        reap(&calls, calls >= CALLS_MAX);
        if (!more || stopping)
            continue;
        const int fd = accept4(service->listener, NULL, NULL, SOCK_CLOEXEC);
        if (fd < 0)
            continue;
        begin_call(service, fd, &calls);
        close(fd);
    }
    notify(NOTIFY_STOPPING, NULL);
    log_line(LOG_LEVEL_INFO, NULL, "stopped");
    return EX_OK;
}

/* Anybody may connect; who it is decides. */
static int open_socket(const char *target, GError **error)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    if (!start_socket_prepare(target, 0666, NULL, error))
        return -1;
    g_strlcpy(address.sun_path, target + strlen("unix:"), sizeof address.sun_path);
    const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd >= 0 && bind(fd, (const struct sockaddr *)&address, sizeof address) == 0 &&
        listen(fd, BACKLOG) == 0)
        return start_socket_opened(target, NULL, error) ? fd : -1;
    g_set_error(error, START_ERROR, START_ERROR_SOCKET, "%s can't be opened: %s.", target,
                g_strerror(errno));
    return -1;
}

static int fail(int status, const char *message)
{
    log_line(LOG_LEVEL_ERROR, NULL, "not started: %s", message);
    return status;
}

static int run(Config *config)
{
    g_auto(StartUser) user = {0};
    g_autoptr(GError) error = NULL;
    Service service = {.config = config, .daemon = (uid_t)-1};
    const struct passwd *daemon = config->user ? getpwnam(config->user) : NULL;
    if (config->user && !daemon)
        return fail(EX_CONFIG, "there is no user of the name that the setting user has");
    service.daemon = daemon ? daemon->pw_uid : 0;
    if (geteuid() == 0 && !config->addon_user)
        return fail(EX_CONFIG, "this runs programs of others, and does not do so as root: set "
                               "addon_user in the configuration");
    if (!start_user_find(config->addon_user, &user, &error))
        return fail(EX_CONFIG, error->message);
    service.listener = open_socket(config->addon_socket, &error);
    if (service.listener < 0)
        return fail(EX_UNAVAILABLE, error->message);
    /* An add-on may need a program that gives rights; the unit says whether it gets them. */
    if (!start_drop_rights(&user, true, &error))
        return fail(EX_NOPERM, error->message);
    set_signals();
    return serve_until_stopped(&service);
}

static int start(const StartOptions *options)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(Config) config = config_load_file(options->config, &error);
    if (config == NULL)
        return fail(EX_CONFIG, error->message);
    if (config->log != LOG_TO_STDERR)
        (void)log_open(LOG_TO_SYSLOG, PROGRAM, NULL, NULL); /* the log file is the daemon's */
    return run(config);
}

int main(int argc, char **argv)
{
    secret_init();
    StartOptions options = {0};
    int status = EX_USAGE;
    (void)log_open(LOG_TO_STDERR, PROGRAM, NULL, NULL);
    if (start_options(&argc, &argv, SUMMARY, &options)) {
        if (options.version) {
            g_print(PROGRAM " %s\n", PACKAGE_VERSION);
            status = EX_OK;
        } else {
            status = start(&options);
        }
    }
    g_free(options.config);
    return status;
}
