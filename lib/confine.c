/* SPDX-License-Identifier: MIT */
#include "lib/confine.h"
#include <errno.h>
#include <gio/gio.h>
#include <pthread.h>
#include <seccomp.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

#if defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define CONFINE_SANITIZER 1
#endif
#endif
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define CONFINE_SANITIZER 1
#endif
#ifndef CONFINE_SANITIZER
#define CONFINE_SANITIZER 0
#endif

static bool fail(GError **error, int code, const char *what)
{
    g_set_error(error, G_FILE_ERROR, (int)g_file_error_from_errno(code), "%s: %s", what,
                g_strerror(code));
    return false;
}

static bool limit(__rlimit_resource_t resource, rlim_t soft, rlim_t hard, const char *name,
                  GError **error)
{
    struct rlimit old;
    if (getrlimit(resource, &old) != 0)
        return fail(error, errno, name);
    /* A limit that is narrower already stays: only root could widen it. */
    struct rlimit new = {MIN(soft, old.rlim_max), MIN(hard, old.rlim_max)};
    return setrlimit(resource, &new) == 0 || fail(error, errno, name);
}

bool confine_limits(const ConfineLimits *limits, GError **error)
{
    if (close_range(STDERR_FILENO + 1, ~0U, 0) != 0)
        return fail(error, errno, "close_range");
    rlim_t memory = (rlim_t)limits->memory_bytes;
    rlim_t cpu = limits->cpu_seconds;
    return (CONFINE_SANITIZER || limit(RLIMIT_AS, memory, memory, "RLIMIT_AS", error)) &&
           limit(RLIMIT_CPU, cpu, cpu + 1, "RLIMIT_CPU", error) &&
           limit(RLIMIT_FSIZE, 0, 0, "RLIMIT_FSIZE", error) &&
           limit(RLIMIT_CORE, 0, 0, "RLIMIT_CORE", error);
}

static const int calls[] = {
    SCMP_SYS(read),         SCMP_SYS(write),
    SCMP_SYS(writev),       SCMP_SYS(close),
    SCMP_SYS(brk),          SCMP_SYS(munmap),
    SCMP_SYS(mremap),       SCMP_SYS(madvise),
    SCMP_SYS(futex),        SCMP_SYS(clock_gettime),
    SCMP_SYS(gettimeofday), SCMP_SYS(getrandom),
    SCMP_SYS(getpid),       SCMP_SYS(gettid),
    SCMP_SYS(sched_yield),  SCMP_SYS(restart_syscall),
    SCMP_SYS(rt_sigaction), SCMP_SYS(rt_sigprocmask),
    SCMP_SYS(rt_sigreturn), SCMP_SYS(exit),
    SCMP_SYS(exit_group),
#if CONFINE_SANITIZER
    SCMP_SYS(sigaltstack),  SCMP_SYS(sched_getaffinity),
    SCMP_SYS(getrlimit),    SCMP_SYS(set_robust_list),
    SCMP_SYS(nanosleep),    SCMP_SYS(rseq),
#endif
};

/* What no library has a reason to call here: whoever does was taken over, and ends. (Libraries look
 * for files of character sets and the like, and must be told no.) */
static const int deadly[] = {
    SCMP_SYS(execve),
    SCMP_SYS(execveat),
    SCMP_SYS(fork),
    SCMP_SYS(vfork),
    SCMP_SYS(clone),
    SCMP_SYS(clone3),
    SCMP_SYS(socket),
    SCMP_SYS(socketpair),
    SCMP_SYS(connect),
    SCMP_SYS(bind),
    SCMP_SYS(sendmsg),
    SCMP_SYS(recvmsg),
    SCMP_SYS(ptrace),
    SCMP_SYS(process_vm_readv),
    SCMP_SYS(process_vm_writev),
    SCMP_SYS(kill),
    SCMP_SYS(pidfd_open),
    SCMP_SYS(pidfd_getfd),
    SCMP_SYS(mount),
    SCMP_SYS(umount2),
    SCMP_SYS(unshare),
    SCMP_SYS(setns),
    SCMP_SYS(chroot),
    SCMP_SYS(bpf),
    SCMP_SYS(io_uring_setup),
    SCMP_SYS(userfaultfd),
    SCMP_SYS(perf_event_open),
    SCMP_SYS(keyctl),
    SCMP_SYS(add_key),
    SCMP_SYS(request_key),
    SCMP_SYS(init_module),
    SCMP_SYS(finit_module),
    SCMP_SYS(personality),
    SCMP_SYS(unlink),
    SCMP_SYS(unlinkat),
    SCMP_SYS(rename),
    SCMP_SYS(renameat),
    SCMP_SYS(renameat2),
    SCMP_SYS(link),
    SCMP_SYS(linkat),
    SCMP_SYS(symlink),
    SCMP_SYS(symlinkat),
};

static int add_rules(scmp_filter_ctx filter)
{
    int failed = 0;
    for (gsize i = 0; i < G_N_ELEMENTS(calls) && failed == 0; i++)
        failed = seccomp_rule_add(filter, SCMP_ACT_ALLOW, calls[i], 0);
    for (gsize i = 0; i < G_N_ELEMENTS(deadly) && failed == 0; i++)
        failed = seccomp_rule_add(filter, SCMP_ACT_KILL_PROCESS, deadly[i], 0);
    /* Memory, but none that can be run. */
    const int maps[] = {SCMP_SYS(mmap), SCMP_SYS(mprotect)};
    for (gsize i = 0; i < G_N_ELEMENTS(maps) && failed == 0; i++)
        failed = seccomp_rule_add(filter, SCMP_ACT_ALLOW, maps[i], 1,
                                  SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0));
    /* abort() signals the thread itself. */
    if (failed == 0)
        failed = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(tgkill), 1,
                                  SCMP_A0(SCMP_CMP_EQ, (scmp_datum_t)getpid(), 0));
    return failed;
}

bool confine_calls(GError **error)
{
    if (!limit(RLIMIT_NOFILE, 0, 0, "RLIMIT_NOFILE", error) ||
        !limit(RLIMIT_NPROC, 0, 0, "RLIMIT_NPROC", error))
        return false;
    scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ERRNO(EPERM));
    if (filter == NULL)
        return fail(error, ENOMEM, "seccomp");
    int failed = seccomp_attr_set(filter, SCMP_FLTATR_CTL_TSYNC, 1);
    if (failed == 0)
        failed = add_rules(filter);
    if (failed == 0)
        failed = seccomp_load(filter);
    seccomp_release(filter);
    return failed == 0 || fail(error, -failed, "seccomp");
}

typedef struct {
    void (*function)(gpointer data);
    gpointer data;
} Run;

static void *run(void *data)
{
    Run *what = data;
    what->function(what->data);
    return NULL;
}

bool confine_run(gsize stack_bytes, void (*function)(gpointer data), gpointer data, GError **error)
{
    pthread_attr_t attributes;
    pthread_t thread;
    Run what = {function, data};
    int failed = pthread_attr_init(&attributes);
    if (failed != 0)
        return fail(error, failed, "thread");
    failed = pthread_attr_setstacksize(&attributes, stack_bytes);
    if (failed == 0)
        failed = pthread_create(&thread, &attributes, run, &what);
    pthread_attr_destroy(&attributes);
    if (failed == 0)
        failed = pthread_join(thread, NULL);
    return failed == 0 || fail(error, failed, "thread");
}
