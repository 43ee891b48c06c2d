/* SPDX-License-Identifier: MIT */
#include "cli/cli.h"

#include "lib/address.h"
#include "lib/text.h"

#include <stdio.h>
#include <sysexits.h>

/* Longest texts of other people in a line, in bytes. */
#define SHOWN_MAX 60
#define WAITING_MAX 120

typedef struct {
    bool all; /* done ones too */
    bool json;
    unsigned count;
} Listing;

static char *shown(const char *text, gsize max)
{
    return text != NULL && *text != '\0' ? text_printable(text, -1, max) : g_strdup("-");
}

static void print_line(const Job *job, bool first)
{
    g_autofree char *requester = shown(job->facts.requester, ADDRESS_MAX);
    g_autofree char *reference = shown(job->reference, SHOWN_MAX);
    g_autofree char *received = cli_time(job->received);
    g_autofree char *waiting = shown(job->waiting, WAITING_MAX);
    g_autofree char *progress = job->state == JOB_RECEIVED
                                    ? g_strdup("-")
                                    : g_strdup_printf("%u of %u", cli_rows_done(job), job->rows);

    if (first)
        printf("%-16s %-14s %-19s %-18s %s\n", "JOB", "STATE", "RECEIVED", "ROWS DONE",
               "REQUESTER, REFERENCE");
    printf("%-16s %-14s %-19s %-18s %s, %s\n", job->id, job_state_name(job->state), received,
           progress, requester, reference);
    if (job->waiting != NULL && job->not_before != 0) {
        g_autofree char *until = cli_time(job->not_before);
        printf("%-16s waits until %s: %s\n", "", until, waiting);
    } else if (job->waiting != NULL) {
        printf("%-16s %s\n", "", waiting);
    }
}

static void on_job(gpointer data, const Job *job)
{
    Listing *listing = data;

    if (job->state == JOB_DONE && !listing->all)
        return;
    if (listing->json) {
        g_autofree char *line = cli_job_json(job);
        puts(line);
    } else {
        print_line(job, listing->count == 0);
    }
    listing->count++;
}

int cli_queue(const CliPlace *place, int argc, char **argv)
{
    gboolean all = FALSE, json = FALSE;
    const GOptionEntry entries[] = {
        {"all", 'a', 0, G_OPTION_ARG_NONE, &all, NULL, NULL},
        {"json", 'j', 0, G_OPTION_ARG_NONE, &json, NULL, NULL},
        G_OPTION_ENTRY_NULL,
    };
    static const char usage[] = "batchload [-c FILE | --spool DIR] queue [-a] [-j]";
    g_autoptr(Spool) spool = NULL;
    g_autoptr(GError) error = NULL;
    Listing listing = {0};
    int code = 0;

    if (!cli_options(&argc, &argv, usage,
                     "Lists the jobs that wait or run, oldest first, and those whose response\n"
                     "was refused.\n\n"
                     "  -a, --all   done ones too\n"
                     "  -j, --json  one line of JSON for each job\n"
                     "  -h, --help  print this\n",
                     entries, &code))
        return code;
    if (argc > 1)
        return cli_fault(EX_USAGE, "queue takes no \"%s\"; usage: %s", argv[1], usage);
    spool = cli_spool(place, &code);
    if (spool == NULL)
        return code;
    listing.all = all;
    listing.json = json;
    if (!spool_list(spool, true, on_job, &listing, &error))
        return cli_fault(EX_TEMPFAIL, "%s", error->message);
    if (listing.count == 0 && !json)
        printf(all ? "There are no jobs.\n" : "No job waits.\n");
    return 0;
}
