/* SPDX-License-Identifier: MIT */
#include "milter/start.h"
#include <glib/gstdio.h>
#include <grp.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

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

/* In a child, since there is no way back. */
static void test_rights(void)
{
    if (geteuid() != 0) {
        g_test_skip("needs root");
        return;
    }
    g_autoptr(GError) error = NULL;
    g_auto(StartUser) user = {0};
    g_assert_false(start_user_find("no-such-user", &user, &error));
    g_assert_error(error, START_ERROR, START_ERROR_USER);
    g_clear_error(&error);
    g_assert_true(start_user_find("nobody", &user, &error));
    pid_t child = fork();
    g_assert_cmpint(child, >=, 0);
    if (child == 0) {
        gid_t groups[64];
        bool dropped = start_drop_rights(&user, NULL);
        bool as_root = setuid(0) == 0 || setgid(0) == 0 || access("/etc/shadow", R_OK) == 0;
        bool right = getuid() == user.uid && getegid() == user.gid;
        for (int i = 0, n = getgroups(64, groups); i < n; i++)
            right = right && groups[i] != 0;
        _exit(dropped && right && !as_root ? 0 : 1);
    }
    int status = -1;
    g_assert_cmpint(waitpid(child, &status, 0), ==, child);
    g_assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add("/start/stale-socket", Fixture, NULL, set_up, test_stale, tear_down);
    g_test_add("/start/in-the-way", Fixture, NULL, set_up, test_in_the_way, tear_down);
    g_test_add("/start/socket-folder", Fixture, NULL, set_up, test_socket_folder, tear_down);
    g_test_add("/start/mode-and-group", Fixture, NULL, set_up, test_mode_and_group, tear_down);
    g_test_add("/start/folder", Fixture, NULL, set_up, test_folder, tear_down);
    g_test_add_func("/start/rights", test_rights);
    return g_test_run();
}
