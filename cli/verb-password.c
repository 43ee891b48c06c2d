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

/* What is read of it: one byte more than it may have, a line end, and the NUL. */
typedef struct {
    char text[VERB_PASSWORD_MAX + 4];
} Buffer;

/* Takes the line end off. NULL: there is something wrong with it, *why tells what. */
static Secret *take_password(Buffer *buffer, gsize size, const char **why)
{
    char *text = buffer->text;
    Secret *password = NULL;

    if (size > 0 && text[size - 1] == '\n')
        size--;
    if (size > 0 && text[size - 1] == '\r')
        size--;
    if (memchr(text, '\0', size) != NULL || memchr(text, '\n', size) != NULL)
        *why = "it is more than one line of text";
    else if (size > VERB_PASSWORD_MAX)
        *why = "it is longer than a password may be";
    else if (size == 0)
        *why = "it is empty";
    else if (!g_utf8_validate(text, (gssize)size, NULL))
        *why = "it is not UTF-8";
    else
        password = secret_ndup(text, size);
    secret_wipe(buffer, sizeof *buffer);
    return password;
}

/* To the end, or as much as there is room for. -1 with errno. */
static gssize read_all(int fd, Buffer *buffer)
{
    gsize have = 0;

    while (have < sizeof buffer->text) {
        ssize_t got = read(fd, buffer->text + have, sizeof buffer->text - have);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return -1;
        if (got == 0)
            break;
        have += (gsize)got;
    }
    return (gssize)have;
}

static int read_from(int fd, const char *where, Secret **password)
{
    Buffer buffer;
    const char *why = NULL;
    const gssize got = read_all(fd, &buffer);

    if (got < 0)
        return cli_fault(EX_NOINPUT, "the password can't be read from %s: %s", where,
                         g_strerror(errno));
    *password = take_password(&buffer, (gsize)got, &why);
    return *password != NULL
               ? 0
               : cli_fault(EX_DATAERR, "the password in %s can't be used: %s", where, why);
}

static int read_file(const char *path, Secret **password)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC), code;

    if (fd < 0)
        return cli_fault(EX_NOINPUT, "%s can't be read: %s", path, g_strerror(errno));
    code = read_from(fd, path, password);
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
static gssize await_line(int terminal, int signals, Buffer *buffer, int *number)
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
    Buffer buffer;
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
        password = got >= 0 ? take_password(&buffer, (gsize)got, &why) : NULL;
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
        return read_from(options->password_fd, where, password);
    }
    if (options->password_file != NULL)
        return read_file(options->password_file, password);
    /* Who sits at a terminal and adds a mailbox is asked; elsewhere the row says that it lacks. */
    if (options->password ||
        (verb->type == TYPE_FULL && verb->action == ACTION_ADD && isatty(STDIN_FILENO) == 1))
        return ask_person(password);
    return 0;
}
