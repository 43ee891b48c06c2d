/* SPDX-License-Identifier: MIT */
#include "milter/start.h"
#include "lib/log.h"
#include "lib/secret.h"
#include <errno.h>
#include <fcntl.h>
#include <glib/gstdio.h>
#include <grp.h>
#include <linux/capability.h>
#include <pwd.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <unistd.h>

/* How often, and with which pause in microseconds, a socket that answers is asked again. */
#define PROBE_TRIES 10
#define PROBE_PAUSE 100000

#define DEFAULT_CONFIG SYSCONFDIR "/batchload/batchload.conf"

G_DEFINE_QUARK(batchload_start_error, start_error)

static bool fail(GError **error, StartError code, const char *format, ...) G_GNUC_PRINTF(3, 4);

static bool fail(GError **error, StartError code, const char *format, ...)
{
    va_list values;
    va_start(values, format);
    if (error != NULL)
        *error = g_error_new_valist(START_ERROR, (int)code, format, values);
    va_end(values);
    return false;
}

bool start_options(int *argc, char ***argv, const char *summary, StartOptions *options)
{
    const GOptionEntry entries[] = {
        {"config", 'c', 0, G_OPTION_ARG_FILENAME, &options->config,
         "Configuration (default " DEFAULT_CONFIG ")", "FILE"},
        {"version", 'V', 0, G_OPTION_ARG_NONE, &options->version, "Print the version, and stop",
         NULL},
        {0},
    };
    g_autoptr(GOptionContext) context = g_option_context_new(NULL);
    g_autoptr(GError) error = NULL;
    g_option_context_set_summary(context, summary);
    g_option_context_add_main_entries(context, entries, NULL);
    if (!g_option_context_parse(context, argc, argv, &error))
        log_line(LOG_LEVEL_ERROR, NULL, "%s", error->message);
    else if (*argc > 1)
        log_line(LOG_LEVEL_ERROR, NULL, "\"%s\" is not understood; see --help.", (*argv)[1]);
    if (error != NULL || *argc > 1)
        return false;
    if (options->config == NULL)
        options->config = g_strdup(DEFAULT_CONFIG);
    return true;
}

bool start_user_find(const char *name, StartUser *user, GError **error)
{
    *user = (StartUser){.uid = geteuid(), .gid = getegid()};
    if (name == NULL)
        return true;
    const struct passwd *entry = getpwnam(name);
    if (entry == NULL)
        return fail(error, START_ERROR_USER, "There is no user \"%s\" to run as (user).", name);
    if (geteuid() != 0 && entry->pw_uid != geteuid())
        return fail(error, START_ERROR_USER,
                    "This was started by the user with the number %u, but is to run as \"%s\" "
                    "(user): start it by root or by that user.",
                    (unsigned)geteuid(), name);
    if (geteuid() != 0)
        return true;
    *user = (StartUser){.name = g_strdup(name), .uid = entry->pw_uid, .gid = entry->pw_gid};
    return true;
}

void start_user_clear(StartUser *user)
{
    g_clear_pointer(&user->name, g_free);
}

bool start_give_file(const char *path, const StartUser *user, GError **error)
{
    if (user->name == NULL || lchown(path, user->uid, user->gid) == 0)
        return true;
    return fail(error, START_ERROR_FOLDER, "%s can't be given to user %s: %s.", path, user->name,
                g_strerror(errno));
}

bool start_make_file(const char *path, const StartUser *user, GError **error)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0640);
    if (fd < 0 && errno == EEXIST)
        return true;
    bool done = fd >= 0 && (user->name == NULL || fchown(fd, user->uid, user->gid) == 0);
    if (!done)
        fail(error, START_ERROR_FOLDER, "%s can't be made: %s.", path, g_strerror(errno));
    if (fd >= 0)
        close(fd);
    return done;
}

bool start_rights_lend(const StartUser *user, GError **error)
{
    if (user->name == NULL || (initgroups(user->name, user->gid) == 0 && setegid(user->gid) == 0 &&
                               seteuid(user->uid) == 0))
        return true;
    return fail(error, START_ERROR_RIGHTS, "Could not become user %s: %s.", user->name,
                g_strerror(errno));
}

bool start_rights_return(const StartUser *user, GError **error)
{
    if (user->name == NULL || (seteuid(0) == 0 && setegid(getgid()) == 0))
        return true;
    return fail(error, START_ERROR_RIGHTS, "Could not become root again: %s.", g_strerror(errno));
}

bool start_make_folder(const char *path, const StartUser *user, GError **error)
{
    if (g_file_test(path, G_FILE_TEST_EXISTS))
        return true;
    g_autofree char *parent = g_path_get_dirname(path);
    if (g_mkdir_with_parents(parent, 0755) != 0 || g_mkdir(path, 0700) != 0)
        return fail(error, START_ERROR_FOLDER, "The folder %s can't be made: %s.", path,
                    g_strerror(errno));
    return start_give_file(path, user, error);
}

/* The path of a unix socket, or NULL. */
static const char *unix_path(const char *socket)
{
    static const char *const prefixes[] = {"unix:", "local:"};
    for (gsize i = 0; i < G_N_ELEMENTS(prefixes); i++)
        if (g_str_has_prefix(socket, prefixes[i]))
            return socket + strlen(prefixes[i]);
    return *socket == '/' ? socket : NULL;
}

/* Removes what a daemon that was killed has left. */
/* Why connecting fails, as an errno; 0: somebody listens. */
static int probe_socket(const struct sockaddr_un *address)
{
    int probe = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    int failed = probe < 0 ? errno : 0;
    if (probe >= 0 && connect(probe, (const struct sockaddr *)address, sizeof(*address)) != 0)
        failed = errno;
    if (probe >= 0)
        close(probe);
    /* Its queue is full, but it is there. */
    return failed == EAGAIN ? 0 : failed;
}

/* A helper that a killed daemon was just starting has the socket open for a moment more: only who
 * goes on listening is another daemon. */
static int probe_patiently(const struct sockaddr_un *address)
{
    int failed = probe_socket(address);
    for (unsigned tries = 1; failed == 0 && tries < PROBE_TRIES; tries++) {
        g_usleep(PROBE_PAUSE);
        failed = probe_socket(address);
    }
    return failed;
}

static bool remove_stale(const char *path, GError **error)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    struct stat status;
    if (g_strlcpy(address.sun_path, path, sizeof(address.sun_path)) >= sizeof(address.sun_path))
        return fail(error, START_ERROR_SOCKET, "The socket's path %s is too long.", path);
    if (lstat(path, &status) != 0) {
        if (errno == ENOENT)
            return true;
        return fail(error, START_ERROR_SOCKET, "The socket %s can't be used: %s.", path,
                    g_strerror(errno));
    }
    if (!S_ISSOCK(status.st_mode))
        return fail(error, START_ERROR_SOCKET, "%s is in the way: it is not a socket.", path);
    int failed = probe_patiently(&address);
    if (failed == 0)
        return fail(error, START_ERROR_SOCKET, "Another daemon answers at the socket %s.", path);
    if (failed != ECONNREFUSED || g_unlink(path) != 0)
        return fail(error, START_ERROR_SOCKET, "The socket %s can't be used: %s.", path,
                    g_strerror(failed != ECONNREFUSED ? failed : errno));
    return true;
}

static bool find_group(const char *name, gid_t *gid, GError **error)
{
    const struct group *entry = getgrnam(name);
    if (entry == NULL)
        return fail(error, START_ERROR_USER,
                    "There is no group \"%s\" for the socket (socket_group).", name);
    *gid = entry->gr_gid;
    return true;
}

bool start_socket_check(const char *socket, const char *group, GError **error)
{
    gid_t gid;
    return unix_path(socket) == NULL || group == NULL || find_group(group, &gid, error);
}

bool start_socket_prepare(const char *socket, unsigned mode, const char *group, GError **error)
{
    const char *path = unix_path(socket);
    gid_t gid = 0;
    if (path == NULL)
        return true;
    /* /run is empty after a boot. */
    g_autofree char *folder = g_path_get_dirname(path);
    umask(022);
    if (g_mkdir_with_parents(folder, 0755) != 0)
        return fail(error, START_ERROR_SOCKET, "The socket's folder %s can't be made: %s.", folder,
                    g_strerror(errno));
    if (!remove_stale(path, error) || (group != NULL && !find_group(group, &gid, error)))
        return false;
    /* Made by root, the socket is born with its group: a chown by path could be led astray. */
    if (group != NULL && geteuid() == 0 && setegid(gid) != 0)
        return fail(error, START_ERROR_SOCKET, "The socket can't be given to the group %s: %s.",
                    group, g_strerror(errno));
    umask(~mode & 0777);
    return true;
}

bool start_socket_opened(const char *socket, const char *group, GError **error)
{
    const char *path = unix_path(socket);
    gid_t gid = 0;
    umask(077);
    if (path == NULL || group == NULL)
        return true;
    if (geteuid() == 0) {
        if (setegid(getgid()) == 0)
            return true;
    } else if (find_group(group, &gid, error)) {
        if (lchown(path, (uid_t)-1, gid) == 0)
            return true;
    } else {
        return false;
    }
    return fail(error, START_ERROR_SOCKET, "The socket can't be given to the group %s: %s.", group,
                g_strerror(errno));
}

/* The bounding set can be emptied by root alone, and not by each (a container's may lack the
 * right); where it can't, no_new_privs keeps what is in it out of reach. The others end with root,
 * but for those that were handed down to be inherited. */
static bool drop_capabilities(void)
{
    struct __user_cap_header_struct head = {.version = _LINUX_CAPABILITY_VERSION_3};
    const struct __user_cap_data_struct none[_LINUX_CAPABILITY_U32S_3] = {0};
    return syscall(SYS_capset, &head, none) == 0;
}

static void empty_bounding_set(void)
{
    for (unsigned long each = 0; prctl(PR_CAPBSET_READ, each, 0, 0, 0) >= 0; each++)
        (void)prctl(PR_CAPBSET_DROP, each, 0, 0, 0);
}

static bool become(const StartUser *user, GError **error)
{
    if (user->uid != 0)
        empty_bounding_set();
    if (initgroups(user->name, user->gid) != 0 || setgid(user->gid) != 0 || setuid(user->uid) != 0)
        return fail(error, START_ERROR_RIGHTS, "Could not become user %s: %s.", user->name,
                    g_strerror(errno));
    if (user->uid != 0 && (!drop_capabilities() || setuid(0) == 0 || seteuid(0) == 0))
        return fail(error, START_ERROR_RIGHTS, "Root's rights were not given up for good.");
    return true;
}

bool start_drop_rights(const StartUser *user, bool runs_program, GError **error)
{
    if (user->name != NULL && !become(user, error))
        return false;
    if ((runs_program || prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0) && secret_forbid_dump())
        return true;
    return fail(error, START_ERROR_RIGHTS, "New rights and core dumps can't be forbidden: %s.",
                g_strerror(errno));
}
