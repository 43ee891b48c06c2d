/* SPDX-License-Identifier: MIT */
#include "cli/panel.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

/* Commands of the configuration: a folder of programs by the names of the calls. They run as
 * whoever calls, who may be root: so nobody but root, and he himself, may write there. */

#define PATH_VARIABLE "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

static bool is_safe(const char *path)
{
    struct stat found;

    return stat(path, &found) == 0 && (found.st_uid == 0 || found.st_uid == geteuid()) &&
           (found.st_mode & (S_IWGRP | S_IWOTH)) == 0;
}

/* Without a shell: the parameters are the program's arguments, and nothing else. */
static int run(const PanelAsked *asked, const char *path)
{
    g_autofree char *name = g_strconcat("BATCHLOAD_CALL=", asked->call->name, NULL);
    char *environment[] = {(char *)PATH_VARIABLE, (char *)"LANG=C.UTF-8", name, NULL};
    g_autoptr(GPtrArray) words = g_ptr_array_new();
    g_autoptr(GError) error = NULL;
    int status = 0;

    g_ptr_array_add(words, (gpointer)path);
    for (unsigned i = 0; i < asked->count; i++)
        g_ptr_array_add(words, asked->value[i]);
    g_ptr_array_add(words, NULL);
    if (!g_spawn_sync("/", (char **)words->pdata, environment,
                      G_SPAWN_CHILD_INHERITS_STDIN | G_SPAWN_CHILD_INHERITS_STDOUT |
                          G_SPAWN_CHILD_INHERITS_STDERR,
                      NULL, NULL, NULL, NULL, &status, &error))
        return cli_fault(CLI_NO, "the command of the configuration can't be run: %s",
                         error->message);
    if (WIFSIGNALED(status))
        return cli_fault(CLI_NO, "the command of the configuration was ended by signal %d",
                         WTERMSIG(status));
    if (WEXITSTATUS(status) != 0)
        return cli_fault(CLI_NO, "the command of the configuration ended with status %d",
                         WEXITSTATUS(status));
    return 0;
}

int panel_command(const PanelAsked *asked, bool needed)
{
    int code = CLI_NO;
    g_autoptr(Config) config = cli_config(asked->place, &code);
    g_autofree char *path =
        config != NULL ? g_build_filename(config->panel_commands, asked->call->name, NULL) : NULL;

    if (path == NULL)
        return code;
    if (access(path, F_OK) != 0 && (errno == ENOENT || errno == ENOTDIR))
        return needed ? cli_fault(CLI_NO, "this call is not supported by this installation: it has "
                                          "no command for it")
                      : 0;
    if (!is_safe(config->panel_commands) || !is_safe(path))
        return cli_fault(CLI_NO, "the command of the configuration is not run: others than root "
                                 "and its owner may change it or its folder");
    return run(asked, path);
}
