/* SPDX-License-Identifier: MIT */
/* Loaded into the daemon (LD_PRELOAD) by tests/harness/faults.py. Its calls that write, sync, make,
 * rename and remove are counted and told, each with where in the program it is made; one of them
 * fails, or is its last. Beside that, what each sync has brought to the disk is kept, so that a
 * power cut can be played: then all else is gone. */
#define _GNU_SOURCE
#undef _FILE_OFFSET_BITS /* open() and open64() are two names here */
#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <execinfo.h>
#include <fcntl.h>
#include <link.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

/* In FOLDER, which the environment names: "plan" is this structure, "calls" gets a line a call,
 * "disk" what was synced below DISK. The harness reads and writes the same structure. */
typedef struct {
    uint32_t armed;  /* calls are counted */
    uint32_t count;  /* calls so far */
    uint32_t action; /* of Action */
    uint32_t error;  /* errno of ACT_FAIL and ACT_BREAK */
    uint32_t number; /* which call, from 1; 0: the first at the site */
    uint32_t struck; /* how often it came to pass */
    uint64_t site;
} Plan;

typedef enum {
    ACT_NONE,
    ACT_KILL,  /* before the call */
    ACT_TEAR,  /* after half of what it would write */
    ACT_FAIL,  /* this call */
    ACT_BREAK, /* this call and all later ones on files and folders */
} Action;

#define FRAMES 64
#define LIBRARY_FRAMES 3 /* innermost ones that tell a site, beside all of the program */
#define LINE 4000
#define HIGH 900 /* our own descriptor is no small number */

static struct {
    Plan *plan;
    pid_t pid;
    int calls, disk;   /* descriptors */
    const char *below; /* what is a disk */
    const void *program;
    pthread_mutex_t lock;
} self = {.calls = -1, .disk = -1, .lock = PTHREAD_MUTEX_INITIALIZER};

static int note_program(struct dl_phdr_info *info, size_t size, void *data)
{
    (void)size, (void)data;
    self.program = (const void *)info->dlpi_addr;
    return 1;
}

static int open_high(int at, const char *name, int flags)
{
    int fd = (int)syscall(SYS_openat, at, name, flags | O_CLOEXEC, 0600);
    int high = fd < 0 ? -1 : fcntl(fd, F_DUPFD_CLOEXEC, HIGH);
    if (fd >= 0)
        syscall(SYS_close, fd);
    return high;
}

__attribute__((constructor)) static void begin(void)
{
    const char *folder = getenv("BATCHLOAD_FAULTS");
    void *frames[4];
    self.below = getenv("BATCHLOAD_FAULTS_DISK");
    int at = folder ? open_high(AT_FDCWD, folder, O_RDONLY | O_DIRECTORY) : -1;
    int fd = at < 0 ? -1 : open_high(at, "plan", O_RDWR);
    self.calls = fd < 0 ? -1 : open_high(at, "calls", O_WRONLY | O_APPEND);
    self.disk = fd < 0 ? -1 : open_high(at, "disk", O_RDONLY | O_DIRECTORY);
    if (self.calls < 0 || self.disk < 0 || !self.below)
        _exit(126);
    /* Its helpers are programs of their own. */
    unsetenv("LD_PRELOAD");
    dl_iterate_phdr(note_program, NULL);
    backtrace(frames, 4); /* loads what it needs */
    self.pid = getpid();
    void *plan = mmap(NULL, sizeof(Plan), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (plan == MAP_FAILED)
        _exit(126);
    __atomic_store_n(&self.plan, plan, __ATOMIC_RELEASE);
}

/* --- where a call is made --- */

typedef struct {
    const char *name;
    size_t offset;
    bool program;
} Frame;

static bool is_wrapper(const char *name)
{
    static const char *const wrappers[] = {"libc.",    "libasan.", "libubsan.", "libtsan.",
                                           "ld-linux", "libclang", "faults.so", "libpthread."};
    for (size_t i = 0; i < sizeof wrappers / sizeof *wrappers; i++)
        if (strncmp(name, wrappers[i], strlen(wrappers[i])) == 0)
            return true;
    return false;
}

static size_t find_frames(Frame *found)
{
    void *frames[FRAMES];
    int count = backtrace(frames, FRAMES);
    size_t kept = 0;
    for (int i = 0; i < count; i++) {
        Dl_info info;
        if (!dladdr(frames[i], &info) || !info.dli_fname)
            continue;
        const char *slash = strrchr(info.dli_fname, '/');
        const char *name = slash ? slash + 1 : info.dli_fname;
        if (!is_wrapper(name))
            found[kept++] =
                (Frame){name, (size_t)((const char *)frames[i] - (const char *)info.dli_fbase),
                        info.dli_fbase == self.program};
    }
    return kept;
}

static uint64_t mix(uint64_t hash, const void *data, size_t size)
{
    for (const unsigned char *at = data; size > 0; at++, size--)
        hash = (hash ^ *at) * 0x100000001b3U;
    return hash;
}

/* The frames of the program, and the innermost of libraries. */
static uint64_t site_of(const char *call, const Frame *frames, size_t count)
{
    uint64_t hash = mix(0xcbf29ce484222325U, call, strlen(call));
    unsigned libraries = 0;
    for (size_t i = 0; i < count; i++)
        if (frames[i].program || libraries++ < LIBRARY_FRAMES) {
            hash = mix(hash, frames[i].name, strlen(frames[i].name));
            hash = mix(hash, &frames[i].offset, sizeof frames[i].offset);
        }
    return hash;
}

/* --- what happens to a call --- */

typedef struct {
    const char *call;
    char kind;     /* of what it is done to, kind_of() */
    int fd;        /* of a connection */
    bool writes;   /* half of it could be done */
    int struck_by; /* errno, or 0 */
    bool torn;
} Call;

/* A connection by TCP, which breaks with the call; another socket. */
static char socket_kind(int fd)
{
    int domain = 0;
    socklen_t size = sizeof domain;
    getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &size);
    return domain == AF_INET || domain == AF_INET6 ? 'c' : 's';
}

/* File, directory (or a name in it), connection, socket, pipe; others are let alone. */
static char kind_of(int fd)
{
    struct stat found;
    if (fstat(fd, &found) != 0)
        return '?';
    return S_ISREG(found.st_mode)    ? 'f'
           : S_ISDIR(found.st_mode)  ? 'd'
           : S_ISSOCK(found.st_mode) ? socket_kind(fd)
           : S_ISFIFO(found.st_mode) ? 'p'
                                     : '?';
}

static void die(void)
{
    syscall(SYS_kill, self.pid, SIGKILL);
    for (;;)
        pause();
}

static void tell(const Call *call, uint32_t number, uint64_t site, const Frame *frames,
                 size_t count)
{
    char line[LINE];
    int length = snprintf(line, sizeof line, "%u %s %c %016lx", number, call->call, call->kind,
                          (unsigned long)site);
    for (size_t i = 0; i < count && length < LINE - 200; i++)
        length += snprintf(line + length, sizeof line - (size_t)length, " %.100s+0x%zx",
                           frames[i].name, frames[i].offset);
    line[length++] = '\n';
    syscall(SYS_write, self.calls, line, (size_t)length);
}

static void strike(Call *call, Plan *plan)
{
    plan->struck++;
    if (plan->action == ACT_KILL || (plan->action == ACT_TEAR && !call->writes))
        die();
    call->torn = plan->action == ACT_TEAR;
    if (!call->torn)
        call->struck_by = call->kind == 'c' ? ECONNRESET : (int)plan->error;
    if (!call->torn && call->kind == 'c')
        shutdown(call->fd, SHUT_RDWR);
}

/* Before each call, with the lock. */
static void look(Call *call)
{
    Plan *plan = self.plan;
    Frame frames[FRAMES];
    bool on_disk = call->kind == 'f' || call->kind == 'd';
    size_t count = find_frames(frames);
    uint64_t site = site_of(call->call, frames, count);
    uint32_t number = ++plan->count;
    if (plan->action == ACT_NONE)
        tell(call, number, site, frames, count);
    else if (plan->struck == 0 && (plan->number ? number == plan->number : site == plan->site))
        strike(call, plan);
    else if (plan->struck > 0 && plan->action == ACT_BREAK && on_disk)
        strike(call, plan);
}

/* Whether the call is to fail; errno is set then. */
static bool fails(Call *call)
{
    int saved = errno;
    const Plan *plan = __atomic_load_n(&self.plan, __ATOMIC_ACQUIRE);
    if (!plan || !plan->armed || call->kind == '?' || getpid() != self.pid)
        return false;
    pthread_mutex_lock(&self.lock);
    look(call);
    pthread_mutex_unlock(&self.lock);
    errno = call->struck_by ? call->struck_by : saved;
    return call->struck_by != 0;
}

/* --- what a sync has brought to the disk --- */

/* The path of what is open, relative to the disk; false where it lies elsewhere. */
static bool path_of(int fd, char *path, size_t size)
{
    char link[64], whole[4096];
    size_t skip = strlen(self.below);
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t length = readlink(link, whole, sizeof whole - 1);
    whole[length < 0 ? 0 : length] = '\0';
    snprintf(path, size, "%s", length < (ssize_t)skip ? "" : whole + skip);
    return strncmp(whole, self.below, skip) == 0;
}

/* A file by what stays when it is renamed, and is not used again. */
static void name_file(const struct statx *found, char *name, size_t size)
{
    snprintf(name, size, "file %llu.%lld.%u", (unsigned long long)found->stx_ino,
             (long long)found->stx_btime.tv_sec, found->stx_btime.tv_nsec);
}

static void keep_file(int fd, int out)
{
    char link[64], buffer[65536];
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    /* It may be open for writing only. */
    int in = (int)syscall(SYS_openat, AT_FDCWD, link, O_RDONLY | O_CLOEXEC);
    ssize_t got;
    while (in >= 0 && (got = syscall(SYS_read, in, buffer, sizeof buffer)) > 0)
        syscall(SYS_write, out, buffer, (size_t)got);
    if (in < 0)
        _exit(126);
    syscall(SYS_close, in);
}

static void keep_names(int fd, int out)
{
    int in = openat(fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *stream = in < 0 ? NULL : fdopendir(in);
    const struct dirent *entry;
    while (stream && (entry = readdir(stream))) {
        char name[100] = "folder", line[400];
        struct statx found;
        if (entry->d_name[0] == '.' || statx(in, entry->d_name, AT_SYMLINK_NOFOLLOW,
                                             STATX_INO | STATX_BTIME | STATX_TYPE, &found) != 0)
            continue;
        if (!S_ISDIR(found.stx_mode))
            name_file(&found, name, sizeof name);
        int length = snprintf(line, sizeof line, "%s\t%s\n", entry->d_name, name);
        syscall(SYS_write, out, line, (size_t)length);
    }
    if (!stream)
        _exit(126);
    closedir(stream);
}

#define UNFINISHED "unfinished"

static void keep(int fd, const char *path)
{
    char name[4200];
    struct statx found;
    if (statx(fd, "", AT_EMPTY_PATH, STATX_INO | STATX_BTIME | STATX_TYPE, &found) != 0)
        _exit(126);
    if (S_ISDIR(found.stx_mode))
        snprintf(name, sizeof name, "folder%s", path);
    else
        name_file(&found, name, sizeof name);
    for (char *at = name; (at = strchr(at, '/'));)
        *at = '+';
    int out = (int)syscall(SYS_openat, self.disk, UNFINISHED,
                           O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (out < 0)
        _exit(126);
    if (S_ISDIR(found.stx_mode))
        keep_names(fd, out);
    else
        keep_file(fd, out);
    syscall(SYS_close, out);
    /* The program may be killed meanwhile; then what was kept before stays. */
    if (syscall(SYS_renameat, self.disk, UNFINISHED, self.disk, name) != 0)
        _exit(126);
}

/* 0, as of a sync that went well. */
static int synced(int fd)
{
    int saved = errno;
    char path[4096];
    if (self.plan && getpid() == self.pid && path_of(fd, path, sizeof path)) {
        pthread_mutex_lock(&self.lock);
        keep(fd, path);
        pthread_mutex_unlock(&self.lock);
    }
    errno = saved;
    return 0;
}

/* --- the calls --- */

/* The next definition of the function in which it stands. */
#define NEXT(type, name, ...)                                                                      \
    static type (*next)(__VA_ARGS__);                                                              \
    if (!next)                                                                                     \
    next = (type(*)(__VA_ARGS__))dlsym(RTLD_NEXT, name)

/* What was torn ends here: half of it is written. */
#define HALF(call, size) ((call).torn ? (size) / 2 : (size))

static ssize_t ended(const Call *call, ssize_t result)
{
    if (call->torn)
        die();
    return result;
}

ssize_t write(int fd, const void *data, size_t size)
{
    NEXT(ssize_t, "write", int, const void *, size_t);
    Call call = {.call = "write", .kind = kind_of(fd), .fd = fd, .writes = true};
    return fails(&call) ? -1 : ended(&call, next(fd, data, HALF(call, size)));
}

ssize_t writev(int fd, const struct iovec *parts, int count)
{
    NEXT(ssize_t, "writev", int, const struct iovec *, int);
    Call call = {.call = "writev", .kind = kind_of(fd), .fd = fd, .writes = count > 1};
    return fails(&call) ? -1 : ended(&call, next(fd, parts, HALF(call, count)));
}

ssize_t pwrite64(int fd, const void *data, size_t size, off64_t offset)
{
    NEXT(ssize_t, "pwrite64", int, const void *, size_t, off64_t);
    Call call = {.call = "pwrite", .kind = kind_of(fd), .fd = fd, .writes = true};
    return fails(&call) ? -1 : ended(&call, next(fd, data, HALF(call, size), offset));
}

ssize_t pwrite(int fd, const void *data, size_t size, off_t offset)
{
    return pwrite64(fd, data, size, offset);
}

ssize_t send(int fd, const void *data, size_t size, int flags)
{
    NEXT(ssize_t, "send", int, const void *, size_t, int);
    Call call = {.call = "send", .kind = kind_of(fd), .fd = fd, .writes = true};
    return fails(&call) ? -1 : ended(&call, next(fd, data, HALF(call, size), flags));
}

int fsync(int fd)
{
    NEXT(int, "fsync", int);
    Call call = {.call = "fsync", .kind = kind_of(fd)};
    return fails(&call) || next(fd) != 0 ? -1 : synced(fd);
}

int fdatasync(int fd)
{
    NEXT(int, "fdatasync", int);
    Call call = {.call = "fdatasync", .kind = kind_of(fd)};
    return fails(&call) || next(fd) != 0 ? -1 : synced(fd);
}

int ftruncate64(int fd, off64_t size)
{
    NEXT(int, "ftruncate64", int, off64_t);
    Call call = {.call = "ftruncate", .kind = kind_of(fd)};
    return fails(&call) ? -1 : next(fd, size);
}

int ftruncate(int fd, off_t size)
{
    return ftruncate64(fd, size);
}

int rename(const char *from, const char *to)
{
    NEXT(int, "rename", const char *, const char *);
    Call call = {.call = "rename", .kind = 'd'};
    return fails(&call) ? -1 : next(from, to);
}

int renameat(int at, const char *from, int to_at, const char *to)
{
    NEXT(int, "renameat", int, const char *, int, const char *);
    Call call = {.call = "rename", .kind = 'd'};
    return fails(&call) ? -1 : next(at, from, to_at, to);
}

int unlink(const char *path)
{
    NEXT(int, "unlink", const char *);
    Call call = {.call = "unlink", .kind = 'd'};
    return fails(&call) ? -1 : next(path);
}

int unlinkat(int at, const char *path, int flags)
{
    NEXT(int, "unlinkat", int, const char *, int);
    Call call = {.call = "unlink", .kind = 'd'};
    return fails(&call) ? -1 : next(at, path, flags);
}

int mkdir(const char *path, mode_t mode)
{
    NEXT(int, "mkdir", const char *, mode_t);
    Call call = {.call = "mkdir", .kind = 'd'};
    return fails(&call) ? -1 : next(path, mode);
}

int mkdirat(int at, const char *path, mode_t mode)
{
    NEXT(int, "mkdirat", int, const char *, mode_t);
    Call call = {.call = "mkdir", .kind = 'd'};
    return fails(&call) ? -1 : next(at, path, mode);
}

/* Only where it may make a file. */
static int open_at(int at, const char *path, int flags, mode_t mode)
{
    NEXT(int, "openat64", int, const char *, int, ...);
    Call call = {.call = "create", .kind = (flags & O_CREAT) ? 'd' : '?'};
    return fails(&call) ? -1 : next(at, path, flags, mode);
}

#define MODE(flags, mode)                                                                          \
    do {                                                                                           \
        va_list arguments;                                                                         \
        va_start(arguments, flags);                                                                \
        mode = (flags) & (O_CREAT | __O_TMPFILE) ? va_arg(arguments, mode_t) : 0;                  \
        va_end(arguments);                                                                         \
    } while (0)

int open(const char *path, int flags, ...)
{
    mode_t mode;
    MODE(flags, mode);
    return open_at(AT_FDCWD, path, flags, mode);
}

int open64(const char *path, int flags, ...)
{
    mode_t mode;
    MODE(flags, mode);
    return open_at(AT_FDCWD, path, flags, mode);
}

int openat(int at, const char *path, int flags, ...)
{
    mode_t mode;
    MODE(flags, mode);
    return open_at(at, path, flags, mode);
}

int openat64(int at, const char *path, int flags, ...)
{
    mode_t mode;
    MODE(flags, mode);
    return open_at(at, path, flags, mode);
}
