/* SPDX-License-Identifier: MIT */
#include "cli/cli.h"

#include <errno.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

/* A password that is read never stands in memory that is not wiped. */

Secret *cli_password_take(CliPassword *buffer, gsize size, const char **why)
{
    char *text = buffer->text;
    Secret *password = NULL;

    if (size > 0 && text[size - 1] == '\n')
        size--;
    if (size > 0 && text[size - 1] == '\r')
        size--;
    if (memchr(text, '\0', size) != NULL || memchr(text, '\n', size) != NULL)
        *why = "it is more than one line of text";
    else if (size > CLI_PASSWORD_MAX)
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
static gssize read_all(int fd, CliPassword *buffer)
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

int cli_password_read(int fd, const char *where, Secret **password)
{
    CliPassword buffer;
    const char *why = NULL;
    const gssize got = read_all(fd, &buffer);

    if (got < 0)
        return cli_fault(EX_NOINPUT, "the password can't be read from %s: %s", where,
                         g_strerror(errno));
    *password = cli_password_take(&buffer, (gsize)got, &why);
    return *password != NULL
               ? 0
               : cli_fault(EX_DATAERR, "the password in %s can't be used: %s", where, why);
}
