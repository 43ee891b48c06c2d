/* SPDX-License-Identifier: MIT */
#include "cli/verb.h"

#include "lib/nearest.h"

#include <locale.h>
#include <stdio.h>
#include <string.h>
#include <sysexits.h>

static const struct {
    const char *name;
    int (*run)(const CliPlace *place, int argc, char **argv); /* NULL: planned */
    const char *summary;
} commands[] = {
    {"queue", cli_queue, "what waits and runs, and how far it is"},
    {"show", cli_show, "all about one job"},
    {"log", cli_log, "what was changed, by whom, and how it was before"},
    {"retry", cli_retry, "lets a job that waits go on now"},
    {"cancel", cli_cancel, "ends a job: rows that are not done yet are left"},
    {"check", cli_check, "tells what a file would change, and changes nothing"},
    {"apply", cli_apply, "hands a file in as if an administrator had sent it"},
    {"lockout", cli_lockout, "who guessed passwords, and for whom; releases the locked"},
    {"policy", cli_policy, "what the sender table, or another table, says of a key"},
    {"profile", cli_profile, "which profile of the directory can express what"},
    {"doctor", cli_doctor, "what is wrong with this installation"},
    {"sample", cli_sample, "a sample of the file that is attached to a request"},
    {"export", cli_export, "a whole domain as a file that can be sent back"},
    {"import", NULL, NULL},
};

static void print_help(void)
{
    printf("Usage: batchload [-c FILE | --spool DIR] COMMAND [OPTION...]\n\nCommands:\n");
    for (gsize i = 0; i < G_N_ELEMENTS(commands); i++)
        if (commands[i].run != NULL)
            cli_print_summary(commands[i].name, commands[i].summary);
    cli_print_verbs();
    printf("\nOptions:\n"
           "  -c, --config=FILE  the configuration (default: " SYSCONFDIR
           "/batchload/batchload.conf)\n"
           "  --spool=DIR        the spool itself; no configuration is read\n"
           "  --version          print the version\n"
           "  -h, --help         print this; after a command: its own options\n");
}

static int tell_unknown(const char *word)
{
    g_autoptr(GPtrArray) names = g_ptr_array_new_with_free_func(g_free);
    g_autofree char *name = NULL;
    const char *meant;
    ObjectType type;

    for (gsize i = 0; i < G_N_ELEMENTS(commands); i++)
        if (commands[i].run != NULL)
            g_ptr_array_add(names, g_ascii_strup(commands[i].name, -1));
    for (int i = 0; i < TYPE_COUNT; i++) {
        name = verb_word((ObjectType)i);
        g_ptr_array_add(names, g_ascii_strup(name, -1));
        g_ptr_array_add(names, g_strdup(type_name((ObjectType)i)));
        g_clear_pointer(&name, g_free);
    }
    g_ptr_array_add(names, NULL);
    meant = nearest_meant(word, (const char *const *)names->pdata);
    if (meant == NULL)
        return cli_fault(EX_USAGE, "there is no command %s; see batchload --help", word);
    name = type_find(meant, &type) ? verb_word(type) : g_ascii_strdown(meant, -1);
    return cli_fault(EX_USAGE, "there is no command %s; did you mean %s? See batchload --help",
                     word, name);
}

static int run_command(const CliPlace *place, int argc, char **argv)
{
    ObjectType type;

    if (argc == 0)
        return cli_fault(EX_USAGE, "a command is missing; see batchload --help");
    for (gsize i = 0; i < G_N_ELEMENTS(commands); i++) {
        if (strcmp(commands[i].name, argv[0]) != 0)
            continue;
        if (commands[i].run == NULL)
            return cli_fault(EX_UNAVAILABLE, "%s is not available yet", argv[0]);
        return commands[i].run(place, argc, argv);
    }
    return verb_type(argv[0], &type) ? cli_verb(place, argc, argv) : tell_unknown(argv[0]);
}

int main(int argc, char **argv)
{
    g_autofree char *config = NULL, *spool = NULL;
    gboolean version = FALSE, help = FALSE;
    const GOptionEntry entries[] = {
        {"config", 'c', 0, G_OPTION_ARG_FILENAME, &config, NULL, NULL},
        {"spool", 0, 0, G_OPTION_ARG_FILENAME, &spool, NULL, NULL},
        {"version", 0, 0, G_OPTION_ARG_NONE, &version, NULL, NULL},
        {"help", 'h', 0, G_OPTION_ARG_NONE, &help, NULL, NULL},
        G_OPTION_ENTRY_NULL,
    };
    g_autoptr(GOptionContext) context = g_option_context_new(NULL);
    g_autoptr(GError) error = NULL;
    int code = 0;

    g_set_prgname("batchload");
    secret_init(); /* files with passwords are read */
    setlocale(LC_ALL, "");
    g_option_context_add_main_entries(context, entries, NULL);
    g_option_context_set_help_enabled(context, FALSE);
    g_option_context_set_strict_posix(context, TRUE); /* the rest is the command's */
    if (!g_option_context_parse(context, &argc, &argv, &error))
        return cli_fault(EX_USAGE, "%s; see batchload --help", error->message);
    if (argc > 1 && strcmp(argv[1], "--") == 0)
        argc--, argv++;
    if (help)
        print_help();
    else if (version)
        printf("batchload %s\n", PACKAGE_VERSION);
    else if (config != NULL && spool != NULL)
        code = cli_fault(EX_USAGE, "-c and --spool can't be given together");
    else
        code = run_command(&(CliPlace){config, spool}, argc - 1, argv + 1);
    if (fflush(stdout) != 0 || ferror(stdout))
        return cli_fault(EX_IOERR, "the output could not be written");
    return code;
}
