/* SPDX-License-Identifier: MIT */
#include "cli/door.h"

#include "lib/secret.h"

#include <locale.h>
#include <stdio.h>
#include <string.h>
#include <sysexits.h>

/* Which configuration, where it is not the installed one: the commands' own options are all taken.
 */
#define CONFIG_VARIABLE "BATCHLOAD_CONFIG"

#define OWN_NAME "batchload-door"

static void print_help(void)
{
    printf("Usage: " OWN_NAME " COMMAND --OPTION=VALUE...\n"
           "       COMMAND --OPTION=VALUE...\n"
           "       CALL PARAMETER...\n\nThe groupware server's commands:\n");
    door_print_groupware();
    printf("\nThe panel's calls:\n");
    door_print_panel();
    printf("\nA command without options prints those that it takes, a call its parameters with\n"
           "--help. The configuration is that of\n"
           "the environment's " CONFIG_VARIABLE ", else " CLI_CONFIG ".\n");
}

static int run(int argc, char **argv)
{
    const CliPlace place = {.config = (char *)g_getenv(CONFIG_VARIABLE)};
    int code = 0;

    g_set_prgname(argv[0]);
    if (door_groupware(&place, argc, argv, &code) || door_panel(&place, argc, argv, &code))
        return code;
    g_set_prgname(OWN_NAME);
    return cli_fault(EX_USAGE, "there is no command of this name; see " OWN_NAME " --help");
}

/* By the name that it was called by; by its own name, the command is the first word. */
static int dispatch(int argc, char **argv)
{
    g_autofree char *name = argc > 0 ? g_path_get_basename(argv[0]) : g_strdup("");

    if (strcmp(name, OWN_NAME) != 0) {
        argv[0] = name;
        return run(argc, argv);
    }
    g_set_prgname(OWN_NAME);
    if (argc > 1 && strcmp(argv[1], "--version") == 0) {
        printf(OWN_NAME " %s\n", PACKAGE_VERSION);
        return 0;
    }
    if (argc > 1 && strcmp(argv[1], "--help") != 0)
        return run(argc - 1, argv + 1);
    print_help();
    return argc > 1 ? 0 : EX_USAGE;
}

int main(int argc, char **argv)
{
    int code;

    secret_init();
    setlocale(LC_ALL, "");
    code = dispatch(argc, argv);
    if (fflush(stdout) != 0 || ferror(stdout))
        return cli_fault(EX_IOERR, "the output could not be written");
    return code;
}
