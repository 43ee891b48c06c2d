/* SPDX-License-Identifier: MIT */
#include "lib/confine.h"
#include "lib/secret.h"
#include <errno.h>
#include <fcntl.h>
#include <gio/gio.h>
#include <netinet/in.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static const ConfineLimits limits = {512 << 20, 10};

/* --- what a parser taken over by its mail would try, straight to the kernel --- */

static long try_open(void)
{
    return syscall(SYS_openat, AT_FDCWD, "/etc/passwd", O_RDONLY);
}

static long try_create(void)
{
    return syscall(SYS_openat, AT_FDCWD, "/tmp/batchload-confined", O_WRONLY | O_CREAT, 0600);
}

static long try_unlink(void)
{
    return syscall(SYS_unlinkat, AT_FDCWD, "/tmp/batchload-confined", 0);
}

static long try_stat(void)
{
    struct stat found;
    return syscall(SYS_newfstatat, AT_FDCWD, "/etc/passwd", &found, 0);
}

static long try_socket(void)
{
    return syscall(SYS_socket, AF_INET, SOCK_STREAM, 0);
}

static long try_unix_socket(void)
{
    return syscall(SYS_socket, AF_UNIX, SOCK_STREAM, 0);
}

static long try_connect(void)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(25)};
    return syscall(SYS_connect, 0, &address, sizeof address);
}

static long try_send_descriptor(void)
{
    struct msghdr message = {0};
    return syscall(SYS_sendmsg, 0, &message, 0);
}

static long try_fork(void)
{
    long pid = syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0);
    if (pid == 0)
        _exit(0);
    return pid;
}

static long try_clone3(void)
{
    guint64 arguments[8] = {0, 0, 0, 0, SIGCHLD};
    long pid = syscall(SYS_clone3, arguments, sizeof arguments);
    if (pid == 0)
        _exit(0);
    return pid;
}

static long try_exec(void)
{
    char *const argv[] = {NULL};
    return syscall(SYS_execve, "/bin/true", argv, argv);
}

static long try_kill(void)
{
    return syscall(SYS_kill, getppid(), 0);
}

static long try_tgkill(void)
{
    return syscall(SYS_tgkill, getppid(), getppid(), 0);
}

static long try_ptrace(void)
{
    return syscall(SYS_ptrace, PTRACE_TRACEME, 0, 0, 0);
}

static long try_code(void)
{
    void *map =
        mmap(NULL, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    return map == MAP_FAILED ? -1 : 0;
}

static long try_ioctl(void)
{
    return syscall(SYS_ioctl, 0, 0x5401, 0);
}

static long try_dumpable(void)
{
    return syscall(SYS_prctl, 4, 1, 0, 0, 0);
}

static long try_memory(void)
{
    return syscall(SYS_process_vm_readv, getppid(), NULL, 0, NULL, 0, 0);
}

static long try_namespace(void)
{
    return syscall(SYS_unshare, CLONE_NEWUSER);
}

typedef struct {
    const char *name;
    long (*call)(void);
} Try;

/* Refused (EPERM). */
static const Try tries[] = {
    {"open", try_open}, {"create", try_create}, {"stat", try_stat},         {"tgkill", try_tgkill},
    {"code", try_code}, {"ioctl", try_ioctl},   {"dumpable", try_dumpable},
};

/* The end. */
static const Try deadly[] = {
    {"unlink", try_unlink},
    {"socket", try_socket},
    {"unix-socket", try_unix_socket},
    {"connect", try_connect},
    {"send-descriptor", try_send_descriptor},
    {"fork", try_fork},
    {"clone3", try_clone3},
    {"exec", try_exec},
    {"kill", try_kill},
    {"ptrace", try_ptrace},
    {"memory-of-others", try_memory},
    {"namespace", try_namespace},
};

static void say(const char *name, const char *what)
{
    char line[100];
    int length = snprintf(line, sizeof line, "%s %s\n", name, what);
    if (write(STDOUT_FILENO, line, (gsize)length) < 0)
        _exit(3);
}

static void try_all(gpointer data)
{
    bool confined = data != NULL;
    if (confined && !confine_calls(NULL))
        _exit(2);
    for (gsize i = 0; i < G_N_ELEMENTS(tries); i++) {
        errno = 0;
        bool refused = tries[i].call() < 0 && errno == EPERM;
        say(tries[i].name, refused ? "refused" : "done");
    }
    /* What is needed still works. */
    char *memory = malloc(8 << 20);
    memset(memory, 1, 8 << 20);
    say("memory", memory[77] == 1 ? "done" : "lost");
    free(memory);
    _exit(0);
}

static void test_calls(void)
{
    if (g_test_subprocess()) {
        if (!confine_limits(&limits, NULL))
            _exit(4);
        confine_run(1 << 20, try_all, (gpointer)1, NULL);
        _exit(5);
    }
    g_test_trap_subprocess(NULL, 0, 0);
    g_test_trap_assert_passed();
    for (gsize i = 0; i < G_N_ELEMENTS(tries); i++) {
        g_autofree char *line = g_strdup_printf("*%s refused*", tries[i].name);
        g_test_trap_assert_stdout(line);
    }
    g_test_trap_assert_stdout("*memory done*");
    g_assert_false(g_file_test("/tmp/batchload-confined", G_FILE_TEST_EXISTS));
}

static void try_one(gpointer data)
{
    const Try *one = data;
    if (!confine_calls(NULL))
        _exit(2);
    one->call();
    _exit(0);
}

static void test_deadly(gconstpointer data)
{
    pid_t child = fork();
    g_assert_cmpint(child, >=, 0);
    if (child == 0) {
        if (confine_limits(&limits, NULL))
            confine_run(1 << 20, try_one, (gpointer)data, NULL);
        _exit(5);
    }
    int status = 0;
    g_assert_cmpint(waitpid(child, &status, 0), ==, child);
    g_assert_true(WIFSIGNALED(status));
    g_assert_cmpint(WTERMSIG(status), ==, SIGSYS);
}

/* The thread that was there before is confined too. */
static void confine(gpointer data G_GNUC_UNUSED)
{
    if (!confine_calls(NULL))
        _exit(2);
}

static void test_other_thread(void)
{
    if (g_test_subprocess()) {
        if (!confine_limits(&limits, NULL) || !confine_run(1 << 20, confine, NULL, NULL))
            _exit(4);
        _exit(try_open() < 0 && errno == EPERM ? 0 : 1);
    }
    g_test_trap_subprocess(NULL, 0, 0);
    g_test_trap_assert_passed();
}

/* Without the confinement these calls do not answer EPERM, or the test above shows nothing. */
static void test_calls_unconfined(void)
{
    long file = try_open();
    g_assert_cmpint(file, >=, 0);
    close((int)file);
    g_assert_cmpint(try_socket(), >=, 0);
    g_assert_cmpint(try_kill(), ==, 0);
    g_assert_cmpint(try_code(), ==, 0);
    int status = 0;
    pid_t child = (pid_t)try_fork();
    g_assert_cmpint(waitpid(child, &status, 0), ==, child);
    g_assert_cmpint(status, ==, 0);
}

static void test_limits(void)
{
    if (g_test_subprocess()) {
        int extra = open("/dev/null", O_RDONLY);
        if (!confine_limits(&limits, NULL))
            _exit(4);
        struct rlimit cpu, size, core;
        getrlimit(RLIMIT_CPU, &cpu);
        getrlimit(RLIMIT_FSIZE, &size);
        getrlimit(RLIMIT_CORE, &core);
        bool good = cpu.rlim_cur == 10 && size.rlim_max == 0 && core.rlim_max == 0 &&
                    fcntl(extra, F_GETFD) < 0;
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
        void *large = mmap(NULL, 600 << 20, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        good = good && large == MAP_FAILED;
#endif
        _exit(good ? 0 : 1);
    }
    g_test_trap_subprocess(NULL, 0, 0);
    g_test_trap_assert_passed();
}

static void test_cpu(void)
{
    if (g_test_subprocess()) {
        const ConfineLimits little = {512 << 20, 1};
        if (confine_limits(&little, NULL))
            for (volatile unsigned i = 0; true; i++)
                ;
        _exit(0);
    }
    g_test_trap_subprocess(NULL, 0, 0);
    g_test_trap_assert_failed();
}

/* A megabyte of stack in one go. */
static void use_stack(gpointer data)
{
    volatile char bytes[1 << 20];
    for (gsize i = 0; i < sizeof bytes; i += 1024)
        bytes[i] = 1;
    *(bool *)data = bytes[1024] == 1;
}

static void test_stack(void)
{
    bool used = false;
    g_autoptr(GError) error = NULL;
    g_assert_true(confine_run(4 << 20, use_stack, &used, &error));
    g_assert_true(used);
    g_assert_false(confine_run(1, use_stack, &used, &error));
    g_assert_nonnull(error);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/confine/calls", test_calls);
    for (gsize i = 0; i < G_N_ELEMENTS(deadly); i++) {
        g_autofree char *path = g_strconcat("/confine/deadly/", deadly[i].name, NULL);
        g_test_add_data_func(path, &deadly[i], test_deadly);
    }
    g_test_add_func("/confine/other-thread", test_other_thread);
    g_test_add_func("/confine/calls-unconfined", test_calls_unconfined);
    g_test_add_func("/confine/limits", test_limits);
    g_test_add_func("/confine/cpu", test_cpu);
    g_test_add_func("/confine/stack", test_stack);
    return g_test_run();
}
