/* SPDX-License-Identifier: MIT */
#include "milter/follow-run.h"

#include "lib/log.h"
#include "lib/text.h"
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#define PATH_VARIABLE "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
/* The descriptor on which an add-on finds a password. */
#define PASSWORD_FD 3
/* How a child ends that could not become the program. */
#define EXIT_NO_PROGRAM 127
/* Rounds in which what was left behind is looked for, at most. */
#define ROUNDS_MAX 100
/* How often it is looked whether the program has ended, though something holds its output. */
#define LOOK_MS 50

/* --- the child --- */

/* Everything it needs, made before the fork. */
typedef struct {
    char **command, **environment;
    int output, password; /* -1: none */
} Child;

static void child_fail(int output)
{
    const char *words = strerror(errno); /* NOLINT(concurrency-mt-unsafe): one thread */
    (void)!write(output, words, strlen(words));
    _exit(EXIT_NO_PROGRAM);
}

/* The password's descriptor may be one of those that are replaced. */
static void become(const Child *child)
{
    struct sigaction normal = {.sa_handler = SIG_DFL};
    sigset_t none;
    const int output = fcntl(child->output, F_DUPFD, PASSWORD_FD + 1);
    const int password =
        child->password >= 0 ? fcntl(child->password, F_DUPFD, PASSWORD_FD + 1) : -1;
    const int input = open("/dev/null", O_RDONLY);
    sigemptyset(&none);
    for (int number = 1; number < NSIG; number++)
        (void)sigaction(number, &normal, NULL);
    (void)sigprocmask(SIG_SETMASK, &none, NULL);
    if (output < 0 || setsid() < 0 || input < 0 || dup2(input, STDIN_FILENO) < 0 ||
        dup2(output, STDOUT_FILENO) < 0 || dup2(output, STDERR_FILENO) < 0 ||
        (password >= 0 && dup2(password, PASSWORD_FD) < 0) || chdir("/") != 0)
        child_fail(child->output);
    if (close_range(password >= 0 ? PASSWORD_FD + 1 : PASSWORD_FD, ~0u, 0) != 0)
        child_fail(STDOUT_FILENO);
    execve(child->command[0], child->command, child->environment);
    child_fail(STDOUT_FILENO);
}

/* --- what it leaves --- */

/* Processes that lost their parent become ours. */
static void end_all(void)
{
    g_autofree char *path = g_strdup_printf("/proc/self/task/%d/children", (int)getpid());
    for (unsigned round = 0; round < ROUNDS_MAX; round++) {
        g_autofree char *text = NULL;
        bool any = false;
        if (!g_file_get_contents(path, &text, NULL, NULL))
            return;
        g_auto(GStrv) pids = g_strsplit(text, " ", -1);
        for (char **each = pids; *each; each++) {
            const int pid = (int)g_ascii_strtoll(*each, NULL, 10);
            any |= pid > 0;
            if (pid > 0)
                (void)kill(pid, SIGKILL);
        }
        if (!any)
            return;
        while (waitpid(-1, NULL, 0) > 0)
            ;
    }
}

/* --- the parent --- */

typedef struct {
    pid_t pid;
    int output;
    gint64 deadline;
    GString *said; /* the first bytes of its output */
    int status;
    bool late;
} Running;

/* Reads what there is. false at the end. */
static bool read_some(Running *running)
{
    char buffer[4096];
    const ssize_t got = read(running->output, buffer, sizeof buffer);
    if (got > 0 && running->said->len < FOLLOW_OUTPUT_MAX)
        g_string_append_len(running->said, buffer, got);
    secret_wipe(buffer, sizeof buffer);
    return got > 0 || (got < 0 && (errno == EAGAIN || errno == EINTR));
}

/* Until it has ended, whoever still holds its output; or its time has come. */
static void attend(Running *running)
{
    bool open = true, ended = false;
    while (!ended && !running->late) {
        struct pollfd wanted = {.fd = open ? running->output : -1, .events = POLLIN};
        (void)poll(&wanted, 1, LOOK_MS);
        if (wanted.revents != 0)
            open = read_some(running);
        ended = waitpid(running->pid, &running->status, WNOHANG) == running->pid;
        running->late = !ended && g_get_monotonic_time() >= running->deadline;
    }
    if (running->late) {
        (void)kill(-running->pid, SIGKILL);
        (void)waitpid(running->pid, &running->status, 0);
    }
    /* What it said before its end. */
    while (open && poll(&(struct pollfd){.fd = running->output, .events = POLLIN}, 1, 0) > 0 &&
           running->said->len < FOLLOW_OUTPUT_MAX)
        open = read_some(running);
    (void)kill(-running->pid, SIGKILL);
    end_all();
}

/* The first line that has anything in it, without what may not be told. */
static char *first_line(const Running *running, const SpoolCall *call)
{
    g_auto(GStrv) lines = g_strsplit_set(running->said->str, "\r\n", -1);
    char *told = NULL;
    for (char **line = lines; *line && !told; line++) {
        g_strstrip(*line);
        if (**line && (!call->password || !strstr(*line, call->password)))
            told = text_printable(*line, -1, SPOOL_CALL_REASON_MAX);
    }
    for (char **line = lines; *line; line++)
        secret_wipe(*line, strlen(*line));
    return told;
}

static FollowResult conclude(const Running *running, const Addon *addon, const SpoolCall *call,
                             char **words)
{
    g_autofree char *line = first_line(running, call);
    const int status = running->status;
    if (running->late)
        *words = g_strdup_printf("It took more than %u seconds.", addon->seconds);
    else if (WIFSIGNALED(status))
        *words = g_strdup_printf("It was ended by signal %d.", WTERMSIG(status));
    else if (WEXITSTATUS(status) == EXIT_SUCCESS)
        *words = g_strdup("");
    else if (line)
        *words = g_steal_pointer(&line);
    else
        *words = g_strdup_printf("It ended with status %d.", WEXITSTATUS(status));
    return !running->late && WIFEXITED(status) && WEXITSTATUS(status) == EXIT_SUCCESS
               ? FOLLOW_DONE
               : FOLLOW_FAILED;
}

/* A descriptor from which the password can be read once, to its end: a pipe holds more than the
 * longest one. -1: none. */
static int password_pipe(const Secret *password)
{
    int ends[2];
    if (!password || pipe2(ends, O_CLOEXEC | O_NONBLOCK) != 0)
        return -1;
    const bool written = write(ends[1], password, strlen(password)) == (ssize_t)strlen(password);
    (void)fcntl(ends[0], F_SETFL, 0);
    close(ends[1]);
    if (written)
        return ends[0];
    close(ends[0]);
    return -1;
}

static char **environment_of(const Addon *addon, const SpoolCall *call)
{
    GPtrArray *list = g_ptr_array_new();
    g_ptr_array_add(list, g_strdup(PATH_VARIABLE));
    g_ptr_array_add(list, g_strdup("LANG=C.UTF-8"));
    g_ptr_array_add(list, g_strdup("HOME=/"));
    g_ptr_array_add(list, g_strconcat("BATCHLOAD_ADDON=", addon->name, NULL));
    g_ptr_array_add(list, g_strconcat("BATCHLOAD_CALL=", call->name, NULL));
    if (call->password) {
        g_ptr_array_add(list, g_strdup_printf(FOLLOW_PASSWORD_FD "=%d", PASSWORD_FD));
        g_ptr_array_add(list, g_strconcat(FOLLOW_PASSWORD_KIND "=",
                                          call->password_hashed ? "hash" : "clear", NULL));
    }
    g_ptr_array_add(list, NULL);
    return (char **)g_ptr_array_free(list, FALSE);
}

static FollowResult run(const Child *child, const Addon *addon, const SpoolCall *call, int output,
                        char **words)
{
    Running running = {
        .output = output,
        .deadline = g_get_monotonic_time() + (gint64)addon->seconds * G_USEC_PER_SEC,
        .said = g_string_sized_new(FOLLOW_OUTPUT_MAX + 4096),
    };
    FollowResult result = FOLLOW_LATER;
    running.pid = fork();
    if (running.pid == 0)
        become(child);
    close(child->output);
    if (running.pid > 0) {
        attend(&running);
        result = conclude(&running, addon, call, words);
    } else {
        *words = g_strdup_printf("no process could be made: %s", g_strerror(errno));
    }
    secret_wipe(running.said->str, running.said->allocated_len);
    g_string_free(running.said, TRUE);
    return result;
}

FollowResult follow_run(const Addon *addon, const SpoolCall *call, char **words)
{
    unsigned program;
    g_autoptr(GPtrArray) command = addon_command(addon, call->name, &program);
    if (!command || access(command->pdata[program], F_OK) != 0) {
        *words = g_strdup_printf("It has no %s%s.", call->name,
                                 addon->older ? ", which the older API may not have had" : "");
        return FOLLOW_FAILED;
    }
    if (access(command->pdata[0], X_OK) != 0) {
        *words = g_strdup_printf("Its %s can't be run: %s.",
                                 program > 0 ? "interpreter" : "program", g_strerror(errno));
        return FOLLOW_FAILED;
    }
    for (guint i = 0; i < call->arguments->len; i++)
        g_ptr_array_add(command, g_strdup(call->arguments->pdata[i]));
    g_ptr_array_add(command, NULL);
    g_auto(GStrv) environment = environment_of(addon, call);
    int output[2];
    if (prctl(PR_SET_CHILD_SUBREAPER, 1) != 0 || pipe2(output, O_CLOEXEC | O_NONBLOCK) != 0) {
        *words = g_strdup_printf("no pipe could be made: %s", g_strerror(errno));
        return FOLLOW_LATER;
    }
    (void)fcntl(output[1], F_SETFL, 0);
    const Child child = {(char **)command->pdata, environment, output[1],
                         password_pipe(call->password)};
    FollowResult result = FOLLOW_LATER;
    if (call->password && child.password < 0) {
        close(output[1]);
        *words = g_strdup("the password could not be handed on");
    } else {
        result = run(&child, addon, call, output[0], words);
    }
    close(output[0]);
    if (child.password >= 0)
        close(child.password);
    return result;
}
