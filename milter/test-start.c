/* SPDX-License-Identifier: MIT */
#include "milter/start.h"
#include <fcntl.h>
#include <glib/gstdio.h>
#include <grp.h>
#include <linux/capability.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

int __real_setuid(uid_t uid); // NOLINT(bugprone-reserved-identifier)
int __wrap_setuid(uid_t uid); // NOLINT(bugprone-reserved-identifier)

/* As the kernel does where fs.suid_dumpable is not 0: with the user it forgets what was forbidden.
 */
int __wrap_setuid(uid_t uid)
{
    int result = __real_setuid(uid);
    prctl(PR_SET_DUMPABLE, 1, 0, 0, 0);
    return result;
}

typedef struct {
    char *folder, *path, *socket;
} Fixture;

static void set_up(Fixture *f, gconstpointer data)
{
    (void)data;
    f->folder = g_dir_make_tmp("batchload-start-XXXXXX", NULL);
    g_assert_nonnull(f->folder);
    f->path = g_build_filename(f->folder, "socket", NULL);
    f->socket = g_strconcat("unix:", f->path, NULL);
}

static void tear_down(Fixture *f, gconstpointer data)
{
    (void)data;
    g_remove(f->path);
    g_rmdir(f->folder);
    g_free(f->folder);
    g_free(f->path);
    g_free(f->socket);
}

static int listen_at(const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    g_strlcpy(address.sun_path, path, sizeof(address.sun_path));
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    g_assert_cmpint(bind(fd, (struct sockaddr *)&address, sizeof(address)), ==, 0);
    g_assert_cmpint(listen(fd, 1), ==, 0);
    return fd;
}

static void test_stale(Fixture *f, gconstpointer data)
{
    (void)data;
    mode_t old = umask(022);
    g_autoptr(GError) error = NULL;
    int fd = listen_at(f->path);
    g_assert_false(start_socket_prepare(f->socket, 0660, NULL, &error));
    g_assert_error(error, START_ERROR, START_ERROR_SOCKET);
    g_assert_true(g_file_test(f->path, G_FILE_TEST_EXISTS));
    g_clear_error(&error);
    close(fd); /* as if it had been killed: the path stays */
    g_assert_true(start_socket_prepare(f->socket, 0660, NULL, &error));
    g_assert_no_error(error);
    g_assert_false(g_file_test(f->path, G_FILE_TEST_EXISTS));
    umask(old);
}

static void test_in_the_way(Fixture *f, gconstpointer data)
{
    (void)data;
    g_autoptr(GError) error = NULL;
    g_assert_true(g_file_set_contents(f->path, "precious", -1, NULL));
    g_assert_false(start_socket_prepare(f->socket, 0660, NULL, &error));
    g_assert_error(error, START_ERROR, START_ERROR_SOCKET);
    g_assert_true(g_file_test(f->path, G_FILE_TEST_EXISTS));
    g_clear_error(&error);
    g_unlink(f->path);
    g_assert_cmpint(symlink("/etc/passwd", f->path), ==, 0);
    g_assert_false(start_socket_prepare(f->socket, 0660, NULL, &error));
    g_assert_error(error, START_ERROR, START_ERROR_SOCKET);
    g_clear_error(&error);
    g_autofree char *deep = g_strnfill(200, 'x');
    g_autofree char *spec = g_strconcat("unix:", f->folder, "/", deep, NULL);
    g_assert_false(start_socket_prepare(spec, 0660, NULL, &error));
    g_assert_error(error, START_ERROR, START_ERROR_SOCKET);
    g_clear_error(&error);
    g_assert_true(start_socket_prepare("inet:1@127.0.0.1", 0660, "no-such-group", &error));
    g_assert_no_error(error);
    g_unlink(f->path);
    g_assert_false(start_socket_prepare(f->socket, 0660, "no-such-group", &error));
    g_assert_error(error, START_ERROR, START_ERROR_USER);
}

static void test_socket_folder(Fixture *f, gconstpointer data)
{
    (void)data;
    mode_t old = umask(077);
    g_autoptr(GError) error = NULL;
    g_autofree char *folder = g_build_filename(f->folder, "run", NULL);
    g_autofree char *spec = g_strconcat("unix:", folder, "/socket", NULL);
    g_assert_true(start_socket_prepare(spec, 0660, NULL, &error));
    g_assert_no_error(error);
    struct stat status;
    g_assert_cmpint(g_lstat(folder, &status), ==, 0);
    g_assert_cmpuint(status.st_mode & 07777, ==, 0755);
    g_rmdir(folder);
    umask(old);
}

static void test_mode_and_group(Fixture *f, gconstpointer data)
{
    (void)data;
    static const unsigned modes[] = {0660, 0600, 0666};
    const struct group *entry = getgrnam("daemon");
    const char *group = geteuid() == 0 && entry != NULL ? "daemon" : NULL;
    gid_t gid = group != NULL ? entry->gr_gid : getegid();
    for (gsize i = 0; i < G_N_ELEMENTS(modes); i++) {
        g_autoptr(GError) error = NULL;
        g_assert_true(start_socket_prepare(f->socket, modes[i], group, &error));
        g_assert_no_error(error);
        int fd = listen_at(f->path);
        g_assert_true(start_socket_opened(f->socket, group, &error));
        g_assert_no_error(error);
        struct stat status;
        g_assert_cmpint(g_lstat(f->path, &status), ==, 0);
        g_assert_cmpuint(status.st_mode & 0777, ==, modes[i]);
        g_assert_cmpuint(status.st_gid, ==, gid);
        g_assert_cmpuint(getegid(), ==, getgid());
        g_assert_cmpuint(umask(022), ==, 077);
        close(fd);
    }
}

static void test_folder(Fixture *f, gconstpointer data)
{
    (void)data;
    g_autoptr(GError) error = NULL;
    g_auto(StartUser) user = {0};
    g_assert_true(start_user_find(geteuid() == 0 ? "nobody" : NULL, &user, &error));
    g_assert_no_error(error);
    g_autofree char *parent = g_build_filename(f->folder, "lib", NULL);
    g_autofree char *path = g_build_filename(parent, "spool", NULL);
    for (unsigned twice = 0; twice < 2; twice++) {
        g_assert_true(start_make_folder(path, &user, &error));
        g_assert_no_error(error);
    }
    struct stat status;
    g_assert_cmpint(g_lstat(path, &status), ==, 0);
    g_assert_cmpuint(status.st_mode & 07777, ==, 0700);
    g_assert_cmpuint(status.st_uid, ==, user.uid);
    g_rmdir(path);
    g_rmdir(parent);
    g_assert_false(start_make_folder("/proc/nothing/spool", &user, &error));
    g_assert_error(error, START_ERROR, START_ERROR_FOLDER);
}

/* What a log file or the like is made of. */
static void test_make_file(Fixture *f, gconstpointer data)
{
    (void)data;
    g_autoptr(GError) error = NULL;
    g_auto(StartUser) user = {0};
    g_assert_true(start_user_find(geteuid() == 0 ? "nobody" : NULL, &user, &error));
    mode_t old = umask(022);
    for (unsigned twice = 0; twice < 2; twice++) {
        g_assert_true(start_make_file(f->path, &user, &error));
        g_assert_no_error(error);
    }
    umask(old);
    struct stat status;
    g_assert_cmpint(g_lstat(f->path, &status), ==, 0);
    g_assert_cmpuint(status.st_mode & 07777, ==, 0640);
    g_assert_cmpuint(status.st_uid, ==, user.uid);
    /* A planted link that leads to nothing: nothing comes to be there. */
    g_autofree char *target = g_build_filename(f->folder, "target", NULL);
    g_unlink(f->path);
    g_assert_cmpint(symlink(target, f->path), ==, 0);
    g_assert_true(start_make_file(f->path, &user, &error));
    g_assert_false(g_file_test(target, G_FILE_TEST_EXISTS));
    g_assert_cmpint(g_lstat(target, &status), !=, 0);
    g_assert_false(start_make_file("/proc/nothing/log", &user, &error));
    g_assert_error(error, START_ERROR, START_ERROR_FOLDER);
}

/* Root opens nothing for the user that the user could not open: a planted link leads nowhere. */
static void test_lend(void)
{
    if (geteuid() != 0) {
        g_test_skip("needs root");
        return;
    }
    g_autoptr(GError) error = NULL;
    g_auto(StartUser) user = {0};
    g_assert_true(start_user_find("nobody", &user, &error));
    pid_t child = fork();
    if (child == 0) {
        bool lent = start_rights_lend(&user, NULL);
        bool theirs = open("/etc/shadow", O_WRONLY | O_APPEND | O_CLOEXEC) < 0;
        bool back = start_rights_return(&user, NULL);
        bool ours = geteuid() == 0 && getegid() == getgid() && access("/etc/shadow", W_OK) == 0;
        _exit(lent && theirs && back && ours ? 0 : 1);
    }
    int status = -1;
    g_assert_cmpint(waitpid(child, &status, 0), ==, child);
    g_assert_cmpint(status, ==, 0);
}

static bool capabilities_are(guint32 effective, guint32 inheritable)
{
    struct __user_cap_header_struct head = {.version = _LINUX_CAPABILITY_VERSION_3};
    struct __user_cap_data_struct now[_LINUX_CAPABILITY_U32S_3] = {0};
    return syscall(SYS_capget, &head, now) == 0 && (now[0].effective != 0) == (effective != 0) &&
           (now[0].permitted != 0) == (effective != 0) && now[0].inheritable == inheritable;
}

/* As if a careless supervisor had handed one down. */
static void inherit_one(void)
{
    struct __user_cap_header_struct head = {.version = _LINUX_CAPABILITY_VERSION_3};
    struct __user_cap_data_struct now[_LINUX_CAPABILITY_U32S_3] = {0};
    if (syscall(SYS_capget, &head, now) != 0)
        _exit(2);
    now[0].inheritable = 1U << CAP_CHOWN;
    if (syscall(SYS_capset, &head, now) != 0 || !capabilities_are(1, 1U << CAP_CHOWN) ||
        prctl(PR_CAPBSET_READ, CAP_CHOWN, 0, 0, 0) != 1)
        _exit(3);
}

static bool nothing_is_left(const StartUser *user)
{
    gid_t groups[64];
    struct rlimit core;
    bool right = getuid() == user->uid && getegid() == user->gid && capabilities_are(0, 0) &&
                 setuid(0) != 0 && setgid(0) != 0 && access("/etc/shadow", R_OK) != 0;
    for (int i = 0, n = getgroups(64, groups); i < n; i++)
        right = right && groups[i] != 0;
    for (unsigned long each = 0; right && prctl(PR_CAPBSET_READ, each, 0, 0, 0) >= 0; each++)
        right = prctl(PR_CAPBSET_READ, each, 0, 0, 0) == 0;
    return right && getrlimit(RLIMIT_CORE, &core) == 0 && core.rlim_max == 0;
}

/* In a child, since there is no way back. */
static void test_rights(gconstpointer runs_program)
{
    if (geteuid() != 0) {
        g_test_skip("needs root");
        return;
    }
    g_autoptr(GError) error = NULL;
    g_auto(StartUser) user = {0};
    g_assert_true(start_user_find("nobody", &user, &error));
    pid_t child = fork();
    g_assert_cmpint(child, >=, 0);
    if (child == 0) {
        inherit_one();
        bool dropped = start_drop_rights(&user, runs_program != NULL, NULL);
        bool dumpable = prctl(PR_GET_DUMPABLE, 0, 0, 0, 0) != 0;
        bool gains = prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 0;
        _exit(dropped && !dumpable && gains == (runs_program != NULL) && nothing_is_left(&user)
                  ? 0
                  : 1);
    }
    int status = -1;
    g_assert_cmpint(waitpid(child, &status, 0), ==, child);
    g_assert_cmpint(status, ==, 0);
}

/* Started by somebody who is neither root nor the one to become. */
static void test_users(void)
{
    if (geteuid() != 0) {
        g_test_skip("needs root");
        return;
    }
    g_autoptr(GError) error = NULL;
    g_auto(StartUser) user = {0};
    g_assert_false(start_user_find("no-such-user", &user, &error));
    g_assert_error(error, START_ERROR, START_ERROR_USER);
    pid_t child = fork();
    g_assert_cmpint(child, >=, 0);
    if (child == 0) {
        g_autoptr(GError) refused = NULL;
        if (!start_user_find("nobody", &user, NULL) || setgid(user.gid) != 0 ||
            setuid(user.uid) != 0)
            _exit(2);
        StartUser other = {0}, same = {0}, none = {0};
        bool right = !start_user_find("daemon", &other, &refused) &&
                     strstr(refused->message, "\"daemon\"") != NULL &&
                     start_user_find("nobody", &same, NULL) && same.name == NULL &&
                     start_user_find(NULL, &none, NULL) && start_drop_rights(&same, false, NULL) &&
                     prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1 &&
                     prctl(PR_GET_DUMPABLE, 0, 0, 0, 0) == 0;
        _exit(right ? 0 : 1);
    }
    int status = -1;
    g_assert_cmpint(waitpid(child, &status, 0), ==, child);
    g_assert_cmpint(status, ==, 0);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add("/start/stale-socket", Fixture, NULL, set_up, test_stale, tear_down);
    g_test_add("/start/in-the-way", Fixture, NULL, set_up, test_in_the_way, tear_down);
    g_test_add("/start/socket-folder", Fixture, NULL, set_up, test_socket_folder, tear_down);
    g_test_add("/start/mode-and-group", Fixture, NULL, set_up, test_mode_and_group, tear_down);
    g_test_add("/start/folder", Fixture, NULL, set_up, test_folder, tear_down);
    g_test_add("/start/make-file", Fixture, NULL, set_up, test_make_file, tear_down);
    g_test_add_func("/start/lend", test_lend);
    g_test_add_data_func("/start/rights", NULL, test_rights);
    g_test_add_data_func("/start/rights-with-a-program", GINT_TO_POINTER(1), test_rights);
    g_test_add_func("/start/users", test_users);
    return g_test_run();
}
