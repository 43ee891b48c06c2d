/* SPDX-License-Identifier: MIT */
#include "cli/cli.h"

#include "lib/config.h"
#include "policy/sender.h"

#include <stdio.h>
#include <string.h>
#include <sysexits.h>

/* Longest line of keys on standard input, in bytes. */
#define KEY_MAX 4096

/* What is asked: the sender table as the daemon asks it, or one table as it stands. */
typedef struct {
    SenderTable *senders;
    Map *map;
} Asked;

static void asked_clear(Asked *asked)
{
    sender_table_free(asked->senders);
    map_close(asked->map);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Asked, asked_clear)

static int fault(const GError *error)
{
    bool failed = g_error_matches(error, MAP_ERROR, MAP_ERROR_FAILED);
    return cli_fault(failed ? EX_TEMPFAIL : EX_CONFIG, "%s", error->message);
}

static bool open_table(Asked *asked, const CliPlace *place, const char *table, int *code)
{
    g_autoptr(GError) error = NULL;

    if (table != NULL) {
        asked->map = map_open(table, &error);
    } else {
        g_autoptr(Config) config = cli_config(place, code);
        if (config == NULL)
            return false;
        asked->senders = sender_table_open(config->sender_table, &error);
    }
    if (error != NULL)
        *code = fault(error);
    return error == NULL;
}

static Answer ask(const Asked *asked, const char *key, char **value, GError **error)
{
    return asked->map != NULL ? map_lookup(asked->map, key, value, error)
                              : sender_table_value(asked->senders, key, value, error);
}

static int ask_one(const Asked *asked, const char *key)
{
    g_autofree char *value = NULL;
    g_autoptr(GError) error = NULL;

    switch (ask(asked, key, &value, &error)) {
    case ANSWER_YES:
        puts(value);
        return 0;
    case ANSWER_NO:
        return CLI_NO;
    case ANSWER_UNKNOWN:
        break;
    }
    return cli_fault(EX_TEMPFAIL, "%s", error->message);
}

/* A key a line; what is found is printed with its key. */
static int ask_all(const Asked *asked)
{
    char line[KEY_MAX + 2];
    int code = CLI_NO;

    while (fgets(line, sizeof line, stdin) != NULL) {
        g_autofree char *value = NULL;
        g_autoptr(GError) error = NULL;
        if (strlen(line) > KEY_MAX)
            return cli_fault(EX_DATAERR, "a key is longer than %d bytes", KEY_MAX);
        /* A table is asked for the key as it stands, an address may have blanks around it. */
        line[strcspn(line, "\n")] = '\0';
        if (asked->map == NULL && *g_strstrip(line) == '\0')
            continue;
        switch (ask(asked, line, &value, &error)) {
        case ANSWER_YES:
            printf("%s\t%s\n", line, value);
            code = 0;
            break;
        case ANSWER_NO:
            break;
        case ANSWER_UNKNOWN:
            return cli_fault(EX_TEMPFAIL, "%s", error->message);
        }
    }
    return ferror(stdin) ? cli_fault(EX_TEMPFAIL, "the keys could not be read") : code;
}

int cli_policy(const CliPlace *place, int argc, char **argv)
{
    g_autofree char *key = NULL;
    const GOptionEntry entries[] = {
        {"query", 'q', 0, G_OPTION_ARG_STRING, &key, NULL, NULL},
        G_OPTION_ENTRY_NULL,
    };
    static const char usage[] = "batchload [-c FILE] policy -q KEY [TABLE]";
    g_auto(Asked) asked = {0};
    int code = 0;

    if (!cli_options(&argc, &argv, usage,
                     "Asks the sender table what an address may do, as the daemon asks it, or\n"
                     "another table (TYPE:NAME) for a key, as postmap -q does.\n\n"
                     "  -q, --query=KEY  the key; - reads keys from standard input, one a line\n"
                     "  -h, --help       print this\n\n"
                     "Ends with 1 where nothing is found, with 75 where the table can't tell.\n",
                     entries, &code))
        return code;
    if (key == NULL || argc > 2)
        return cli_fault(EX_USAGE, "policy takes -q, a key and at most one table; usage: %s",
                         usage);
    /* A table may have a password in it, and ask the directory. */
    secret_init();
    directory_init();
    if (!open_table(&asked, place, argc == 2 ? argv[1] : NULL, &code))
        return code;
    return strcmp(key, "-") == 0 ? ask_all(&asked) : ask_one(&asked, key);
}
