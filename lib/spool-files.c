/* SPDX-License-Identifier: MIT */
#include "lib/spool-files.h"
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#define FOLDER_MODE 0700
#define FILE_MODE 0600
/* A daemon that has just ended may have begun to start a program, which holds the lock, too, until
 * it is another program: so it is tried for half a second. */
#define LOCK_STEPS 50
#define LOCK_STEP_USEC 10000

static const char *const folder_names[SPOOL_FOLDER_COUNT] = {
    [SPOOL_MAIL] = "mail",
    [SPOOL_ROWS] = "rows",
    [SPOOL_RESPONSE] = "response",
};

G_GNUC_PRINTF(2, 3) static bool disk_error(GError **error, const char *format, ...)
{
    int number = errno;
    va_list arguments;
    va_start(arguments, format);
    char *what = g_strdup_vprintf(format, arguments);
    va_end(arguments);
    g_set_error(error, SPOOL_ERROR, SPOOL_ERROR_STORE, "%s: %s", what, g_strerror(number));
    g_free(what);
    errno = number;
    return false;
}

/* --- is it safe --- */

static const char *why_unsafe(const struct stat *found, mode_t type)
{
    if (S_ISLNK(found->st_mode))
        return "is a link";
    if ((found->st_mode & S_IFMT) != type)
        return type == S_IFDIR ? "is not a folder" : "is not a plain file";
    if (found->st_uid != geteuid())
        return "belongs to another user";
    if (found->st_mode & 077)
        return "is open to its group or to others";
    if (type == S_IFREG && found->st_nlink != 1)
        return "has a second name";
    return NULL;
}

static bool check_safe(const char *path, const struct stat *found, mode_t type, GError **error)
{
    const char *why = why_unsafe(found, type);
    if (!why)
        return true;
    g_set_error(error, SPOOL_ERROR, SPOOL_ERROR_UNSAFE, "%s %s", path, why);
    return false;
}

/* A name that need not be there. */
static bool check_name(int at, const char *folder, const char *name, mode_t type, GError **error)
{
    g_autofree char *path = g_build_filename(folder, name, NULL);
    struct stat found;
    if (fstatat(at, name, &found, AT_SYMLINK_NOFOLLOW) == 0)
        return check_safe(path, &found, type, error);
    return errno == ENOENT || disk_error(error, "%s can't be looked at", path);
}

typedef bool (*NameFunc)(int at, const char *folder, const char *name, gpointer data,
                         GError **error);

static bool each_name(int at, const char *folder, NameFunc function, gpointer data, GError **error)
{
    int fd = openat(at, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *stream = fd < 0 ? NULL : fdopendir(fd);
    if (!stream) {
        disk_error(error, "%s can't be read", folder);
        if (fd >= 0)
            close(fd);
        return false;
    }
    bool well = true;
    struct dirent *entry;
    while (well && (errno = 0, entry = readdir(stream)))
        if (!g_str_equal(entry->d_name, ".") && !g_str_equal(entry->d_name, ".."))
            well = function(at, folder, entry->d_name, data, error);
    if (well && errno)
        well = disk_error(error, "%s can't be read", folder);
    closedir(stream);
    return well;
}

/* Files that are not ours may lie in the folder, but a link or another's file may not. */
static bool check_root_name(int at, const char *folder, const char *name, gpointer data,
                            GError **error)
{
    (void)data;
    struct stat found;
    g_autofree char *path = g_build_filename(folder, name, NULL);
    if (fstatat(at, name, &found, AT_SYMLINK_NOFOLLOW) != 0)
        return errno == ENOENT || disk_error(error, "%s can't be looked at", path);
    return check_safe(path, &found, S_ISDIR(found.st_mode) ? S_IFDIR : S_IFREG, error);
}

static bool check_file_name(int at, const char *folder, const char *name, gpointer data,
                            GError **error)
{
    (void)data;
    return check_name(at, folder, name, S_IFREG, error);
}

/* --- opening --- */

static int open_folder(int at, const char *name, const char *path, GError **error)
{
    if (mkdirat(at, name, FOLDER_MODE) != 0 && errno != EEXIST) {
        disk_error(error, "%s can't be made", path);
        return -1;
    }
    struct stat found;
    int fd = openat(at, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0 && (errno == ELOOP || errno == ENOTDIR)) {
        g_set_error(error, SPOOL_ERROR, SPOOL_ERROR_UNSAFE, "%s is a link or not a folder", path);
        return -1;
    }
    if (fd < 0 || fstat(fd, &found) != 0) {
        disk_error(error, "%s can't be opened", path);
    } else if (check_safe(path, &found, S_IFDIR, error)) {
        return fd;
    }
    if (fd >= 0)
        close(fd);
    return -1;
}

/* A file of the folder itself, made where it is missing. */
static int open_own(const SpoolFiles *files, const char *name, GError **error)
{
    if (!check_name(files->root, files->path, name, S_IFREG, error))
        return -1;
    int fd = openat(files->root, name, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, FILE_MODE);
    if (fd < 0)
        disk_error(error, "%s/%s can't be opened", files->path, name);
    return fd;
}

static bool take_lock(SpoolFiles *files, GError **error)
{
    files->lock = open_own(files, "lock", error);
    if (files->lock < 0)
        return false;
    int step = 1;
    while (flock(files->lock, LOCK_EX | LOCK_NB) != 0) {
        if (errno != EWOULDBLOCK)
            return disk_error(error, "%s/lock can't be locked", files->path);
        if (step++ == LOCK_STEPS) {
            g_set_error(error, SPOOL_ERROR, SPOOL_ERROR_LOCKED, "%s is in use by another daemon",
                        files->path);
            return false;
        }
        g_usleep(LOCK_STEP_USEC);
    }
    return true;
}

/* The database's files exist and are ours before the library opens them by name. */
static bool make_database(SpoolFiles *files, GError **error)
{
    static const char *const names[] = {"spool.db-wal", "spool.db-shm", "spool.db-journal"};
    for (unsigned i = 0; i < G_N_ELEMENTS(names); i++)
        if (!check_name(files->root, files->path, names[i], S_IFREG, error))
            return false;
    int fd = open_own(files, "spool.db", error);
    if (fd < 0)
        return false;
    close(fd);
    return true;
}

static bool open_folders(SpoolFiles *files, GError **error)
{
    for (unsigned i = 0; i < SPOOL_FOLDER_COUNT; i++) {
        g_autofree char *path = g_build_filename(files->path, folder_names[i], NULL);
        files->folder[i] = open_folder(files->root, folder_names[i], path, error);
        if (files->folder[i] < 0 ||
            !each_name(files->folder[i], path, check_file_name, NULL, error))
            return false;
    }
    return true;
}

/* A folder above that we may not read is somebody else's to sync. */
bool spool_files_sync_names(const SpoolFiles *files, GError **error)
{
    if (fsync(files->root) != 0)
        return disk_error(error, "%s can't be synced", files->path);
    int fd = openat(files->root, "..", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return errno == EACCES ||
               disk_error(error, "the folder above %s can't be opened", files->path);
    bool synced =
        fsync(fd) == 0 || disk_error(error, "the folder above %s can't be synced", files->path);
    close(fd);
    return synced;
}

SpoolFiles *spool_files_open(const char *directory, GError **error)
{
    g_autoptr(SpoolFiles) files = g_new(SpoolFiles, 1);
    files->path = NULL;
    files->lock = -1;
    for (unsigned i = 0; i < SPOOL_FOLDER_COUNT; i++)
        files->folder[i] = -1;
    files->root = open_folder(AT_FDCWD, directory, directory, error);
    if (files->root < 0)
        return NULL;
    char *real = realpath(directory, NULL);
    if (!real) {
        disk_error(error, "%s can't be opened", directory);
        return NULL;
    }
    files->path = g_strdup(real);
    free(real);
    if (!each_name(files->root, files->path, check_root_name, NULL, error) ||
        !take_lock(files, error) || !make_database(files, error) || !open_folders(files, error))
        return NULL;
    return g_steal_pointer(&files);
}

void spool_files_close(SpoolFiles *files)
{
    if (!files)
        return;
    for (unsigned i = 0; i < SPOOL_FOLDER_COUNT; i++)
        if (files->folder[i] >= 0)
            close(files->folder[i]);
    if (files->root >= 0)
        close(files->root);
    /* Last: it is the lock. */
    if (files->lock >= 0)
        close(files->lock);
    g_free(files->path);
    g_free(files);
}

char *spool_files_look(const char *directory, GError **error)
{
    char *real = realpath(directory, NULL);
    if (!real) {
        disk_error(error, "%s can't be opened", directory);
        return NULL;
    }
    g_autofree char *folder = g_strdup(real);
    free(real);
    g_autofree char *path = g_build_filename(folder, "spool.db", NULL);
    struct stat found;
    if (lstat(path, &found) != 0) {
        disk_error(error, "%s can't be opened", path);
        return NULL;
    }
    if (!S_ISREG(found.st_mode)) {
        g_set_error(error, SPOOL_ERROR, SPOOL_ERROR_UNSAFE, "%s is not a plain file", path);
        return NULL;
    }
    return g_steal_pointer(&folder);
}

/* --- files --- */

int spool_files_create(const SpoolFiles *files, SpoolFolder folder, const char *name,
                       GError **error)
{
    int fd = openat(files->folder[folder], name,
                    O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, FILE_MODE);
    if (fd < 0)
        disk_error(error, "%s/%s can't be made", folder_names[folder], name);
    return fd;
}

int spool_files_read(const SpoolFiles *files, SpoolFolder folder, const char *name, GError **error)
{
    int fd = openat(files->folder[folder], name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
    if (fd >= 0)
        return fd;
    if (errno == ENOENT || errno == ELOOP) {
        g_set_error(error, SPOOL_ERROR, SPOOL_ERROR_KEY, "%s/%s is missing from the spool",
                    folder_names[folder], name);
        return -1;
    }
    disk_error(error, "%s/%s can't be opened", folder_names[folder], name);
    return -1;
}

guint64 spool_files_room(const SpoolFiles *files)
{
    struct statvfs found;
    if (fstatvfs(files->root, &found) != 0)
        return G_MAXUINT64;
    return (guint64)found.f_bavail * found.f_frsize;
}

static bool sync_one(int fd, const char *what, bool *fatal, GError **error)
{
    if (fsync(fd) == 0)
        return true;
    *fatal = errno != ENOSPC && errno != EDQUOT;
    return disk_error(error, "%s can't be synced", what);
}

bool spool_files_sync(int fd, bool *fatal, GError **error)
{
    return sync_one(fd, "a file of the spool", fatal, error);
}

bool spool_files_sync_folder(const SpoolFiles *files, SpoolFolder folder, bool *fatal,
                             GError **error)
{
    return sync_one(files->folder[folder], folder_names[folder], fatal, error);
}

bool spool_files_rename(const SpoolFiles *files, SpoolFolder folder, const char *from,
                        const char *to, GError **error)
{
    int at = files->folder[folder];
    return renameat(at, from, at, to) == 0 ||
           disk_error(error, "%s/%s can't be renamed", folder_names[folder], from);
}

void spool_files_remove(const SpoolFiles *files, SpoolFolder folder, const char *name)
{
    unlinkat(files->folder[folder], name, 0);
}

static bool sweep_name(int at, const char *folder, const char *name, gpointer keep, GError **error)
{
    if (g_hash_table_contains(keep, name) || unlinkat(at, name, 0) == 0)
        return true;
    return disk_error(error, "%s/%s can't be removed", folder, name);
}

bool spool_files_sweep(const SpoolFiles *files, SpoolFolder folder, GHashTable *keep,
                       GError **error)
{
    return each_name(files->folder[folder], folder_names[folder], sweep_name, keep, error);
}
