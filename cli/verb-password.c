/* SPDX-License-Identifier: MIT */
#include "cli/verb.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sysexits.h>
#include <termios.h>
#include <unistd.h>

/* Where a password comes from: a descriptor, a file, or a person at a terminal. It never stands in
 * memory that is not wiped. */

static int read_file(const char *path, Secret **password)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC), code;

    if (fd < 0)
        return cli_fault(EX_NOINPUT, "%s can't be read: %s", path, g_strerror(errno));
    code = cli_password_read(fd, path, password);
    close(fd);
    return code;
}

/* --- a person --- */

/* Signals that must not end the command while the terminal does not show what is typed. */
static void set_of_ends(sigset_t *set)
{
    sigemptyset(set);
    sigaddset(set, SIGINT);
    sigaddset(set, SIGTERM);
    sigaddset(set, SIGHUP);
    sigaddset(set, SIGQUIT);
}

/* A line of the terminal, or -1: *number is the signal that came, 0 where the terminal failed. */
static gssize await_line(int terminal, int signals, CliPassword *buffer, int *number)
{
    struct pollfd watched[] = {{.fd = signals, .events = POLLIN},
                               {.fd = terminal, .events = POLLIN}};
    struct signalfd_siginfo what;

    *number = 0;
    while (poll(watched, G_N_ELEMENTS(watched), -1) < 0)
        if (errno != EINTR)
            return -1;
    if (watched[0].revents == 0)
        return read(terminal, buffer->text, sizeof buffer->text);
    if (read(signals, &what, sizeof what) == (ssize_t)sizeof what)
        *number = (int)what.ssi_signo;
    return -1;
}

/* Asks once. NULL: *code says with what to end; where a signal came, it comes now. */
static Secret *ask(int terminal, const char *words, int *code)
{
    struct termios before, silent;
    sigset_t ends, blocked, old;
    CliPassword buffer;
    const char *why = NULL;
    Secret *password = NULL;
    int number = 0, signals;
    gssize got;

    set_of_ends(&ends);
    blocked = ends;
    sigaddset(&blocked, SIGTSTP);
    sigprocmask(SIG_BLOCK, &blocked, &old);
    signals = signalfd(-1, &ends, SFD_CLOEXEC);
    if (tcgetattr(terminal, &before) == 0) {
        silent = before;
        silent.c_lflag &= ~(tcflag_t)ECHO;
        tcsetattr(terminal, TCSAFLUSH, &silent);
        dprintf(terminal, "%s", words);
        got = await_line(terminal, signals, &buffer, &number);
        tcsetattr(terminal, TCSAFLUSH, &before);
        dprintf(terminal, "\n");
        password = got >= 0 ? cli_password_take(&buffer, (gsize)got, &why) : NULL;
    }
    close(signals);
    if (number != 0)
        raise(number); /* which is blocked: it comes with the next line */
    sigprocmask(SIG_SETMASK, &old, NULL);
    if (password == NULL)
        *code = cli_fault(EX_DATAERR, "there is no password: %s",
                          why != NULL ? why : "the terminal can't be read");
    return password;
}

static int ask_twice(int terminal, Secret **password)
{
    int code = 0;
    g_autoptr(Secret) first = ask(terminal, "New password: ", &code);
    g_autoptr(Secret) second = first != NULL ? ask(terminal, "The same again: ", &code) : NULL;

    if (second == NULL)
        return code;
    if (strcmp(first, second) != 0)
        return cli_fault(EX_DATAERR, "the two passwords are not the same");
    *password = g_steal_pointer(&first);
    return 0;
}

static int ask_person(Secret **password)
{
    int terminal = open("/dev/tty", O_RDWR | O_CLOEXEC | O_NOCTTY), code;

    if (terminal < 0)
        return cli_fault(EX_USAGE, "there is no terminal to ask for the password: give "
                                   "--password-fd or --password-file");
    code = ask_twice(terminal, password);
    close(terminal);
    return code;
}

int verb_password(const Verb *verb, const VerbOptions *options, Secret **password)
{
    const int given =
        options->password + (options->password_fd >= 0) + (options->password_file != NULL);

    if (!verb_takes(verb, FIELD_PASSWORD))
        return 0;
    if (given > 1)
        return cli_fault(EX_USAGE, "the password comes from one place: --password, --password-fd "
                                   "or --password-file");
    if (options->password_fd >= 0) {
        g_autofree char *where = g_strdup_printf("descriptor %d", options->password_fd);
        return cli_password_read(options->password_fd, where, password);
    }
    if (options->password_file != NULL)
        return read_file(options->password_file, password);
    /* Who sits at a terminal and adds a mailbox is asked; elsewhere the row says that it lacks. */
    if (options->password ||
        (verb->type == TYPE_FULL && verb->action == ACTION_ADD && isatty(STDIN_FILENO) == 1))
        return ask_person(password);
    return 0;
}
