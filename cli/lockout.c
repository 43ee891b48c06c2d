/* SPDX-License-Identifier: MIT */
#include "cli/cli.h"

#include "lib/command.h"
#include "lib/text.h"

#include <stdio.h>
#include <string.h>
#include <sysexits.h>

/* Longest texts of other people in a line, in bytes. */
#define SHOWN_MAX 320

typedef struct {
    bool json;
    unsigned count;
} Listing;

static void print_line(const Lockout *lockout, bool first)
{
    g_autofree char *sender = text_printable(lockout->sender, -1, SHOWN_MAX);
    g_autofree char *client = text_printable(lockout->client, -1, SHOWN_MAX);
    g_autofree char *last = cli_time(lockout->last);
    g_autofree char *until =
        cli_time(lockout_is_locked(lockout, g_get_real_time()) ? lockout->locked_until : (gint64)0);

    if (first)
        printf("%-6s %-19s %-19s %s\n", "WRONG", "LAST", "LOCKED UNTIL", "SENDER, CLIENT");
    printf("%-6u %-19s %-19s %s, %s\n", lockout->failures, last, until, sender, client);
}

static void on_lockout(gpointer data, const Lockout *lockout)
{
    Listing *listing = data;

    if (listing->json) {
        g_autofree char *line = cli_lockout_json(lockout);
        puts(line);
    } else {
        print_line(lockout, listing->count == 0);
    }
    listing->count++;
}

static int list(const CliPlace *place, bool json)
{
    Listing listing = {.json = json};
    g_autoptr(GError) error = NULL;
    int code = 0;
    g_autoptr(Spool) spool = cli_spool(place, &code);

    if (spool == NULL)
        return code;
    if (!spool_lockouts(spool, on_lockout, &listing, &error))
        return cli_fault(EX_TEMPFAIL, "%s", error->message);
    if (listing.count == 0 && !json)
        puts("No wrong passwords are counted.");
    return 0;
}

/* client NULL: whatever it came from. */
static int release(const CliPlace *place, const char *sender, const char *client)
{
    g_autofree char *request =
        g_strdup_printf("release %s %s", sender, client != NULL ? client : "");
    g_autofree char *text = NULL;
    int code;

    if (strpbrk(request, "\r\n") != NULL || strchr(sender, ' ') != NULL ||
        strlen(request) >= COMMAND_LINE_MAX)
        return cli_fault(EX_USAGE, "\"%s\" is no sender of a request", sender);
    code = cli_control_ask(place, request, &text);
    if (code == 0)
        puts(text);
    return code;
}

int cli_lockout(const CliPlace *place, int argc, char **argv)
{
    gboolean json = FALSE;
    const GOptionEntry entries[] = {
        {"json", 'j', 0, G_OPTION_ARG_NONE, &json, NULL, NULL},
        G_OPTION_ENTRY_NULL,
    };
    static const char usage[] =
        "batchload [-c FILE | --spool DIR] lockout [list [-j] | release SENDER [CLIENT]]";
    int code = 0;

    if (!cli_options(&argc, &argv, usage,
                     "Lists the senders, each with the client that wrong passwords for it came\n"
                     "from, or forgets what was counted, so that the sender's requests from this\n"
                     "client (without CLIENT: from every one) are looked at again.\n\n"
                     "  -j, --json  one line of JSON for each pair\n"
                     "  -h, --help  print this\n\n"
                     "release ends with 1 where nothing was counted.\n",
                     entries, &code))
        return code;
    if (argc == 1 || (argc == 2 && strcmp(argv[1], "list") == 0))
        return list(place, json);
    if ((argc == 3 || argc == 4) && strcmp(argv[1], "release") == 0)
        return release(place, argv[2], argv[3]);
    return cli_fault(EX_USAGE, "lockout can't be used so; usage: %s", usage);
}
