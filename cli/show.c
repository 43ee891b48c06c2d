/* SPDX-License-Identifier: MIT */
#include "cli/cli.h"

#include "lib/text.h"

#include <stdio.h>
#include <sysexits.h>

/* Longest text of other people in a line, in bytes. */
#define SHOWN_MAX 1000

static void print_text(const char *name, const char *text)
{
    g_autofree char *shown = NULL;

    if (text == NULL || *text == '\0')
        return;
    shown = text_printable(text, -1, SHOWN_MAX);
    printf("%-14s %s\n", name, shown);
}

static void print_time(const char *name, gint64 time)
{
    g_autofree char *text = cli_time(time);
    if (time != 0)
        print_text(name, text);
}

/* What the reason is one of. */
static const char *waiting_name(const Job *job)
{
    if (job->state == JOB_ANSWER_FAILED)
        return "failed";
    return job->state == JOB_DONE ? "no response" : "waiting";
}

static void print_job(const Job *job)
{
    print_text("job", job->id);
    print_text("state", job_state_name(job->state));
    print_text("requester", job->facts.requester);
    print_text("reference", job->reference);
    print_time("received", job->received);
    print_time("started", job->started);
    print_time("finished", job->finished);
    print_text(waiting_name(job), job->waiting);
    if (job->waiting != NULL)
        print_time("waits until", job->not_before);
    if (job->attempts > 0)
        printf("%-14s %u\n", "attempts", job->attempts);
    print_text("refused", job->refusal);
    printf("%-14s %u of %u\n", "rows done", cli_rows_done(job), job->rows);
    for (int i = 0; i < RESULT_COUNT; i++)
        printf("%-14s %u\n", result_name((Result)i), job->counts[i]);
    printf("%-14s %u of %u\n", "slices done", job->slices_done, job->slices);
    printf("%-14s %" G_GUINT64_FORMAT "\n", "bytes", job->bytes);
    print_text("batch address", job->facts.batch_address);
    print_text("grant", job->facts.grant);
    print_text("client", job->facts.client);
    print_text("login", job->facts.login);
    print_text("queue id", job->facts.queue_id);
    print_text("message id", job->facts.message_id);
}

int cli_show(const CliPlace *place, int argc, char **argv)
{
    gboolean json = FALSE;
    const GOptionEntry entries[] = {
        {"json", 'j', 0, G_OPTION_ARG_NONE, &json, NULL, NULL},
        G_OPTION_ENTRY_NULL,
    };
    static const char usage[] = "batchload [-c FILE | --spool DIR] show JOB [-j]";
    g_autoptr(Spool) spool = NULL;
    g_autoptr(Job) job = NULL;
    g_autoptr(GError) error = NULL;
    g_autofree char *id = NULL;
    int code = 0;

    if (!cli_options(&argc, &argv, usage,
                     "Shows all about one job; its number is in the response and in the log.\n\n"
                     "  -j, --json  as one line of JSON\n"
                     "  -h, --help  print this\n\n"
                     "Ends with 1 where there is no such job.\n",
                     entries, &code))
        return code;
    if (argc != 2)
        return cli_fault(EX_USAGE, "show takes the number of one job; usage: %s", usage);
    spool = cli_spool(place, &code);
    if (spool == NULL)
        return code;
    id = cli_job_id(argv[1]);
    switch (spool_find(spool, id, &job, &error)) {
    case ANSWER_YES:
        break;
    case ANSWER_NO:
        return cli_fault(CLI_NO, "there is no job %s", argv[1]);
    case ANSWER_UNKNOWN:
        return cli_fault(EX_TEMPFAIL, "%s", error->message);
    }
    if (json) {
        g_autofree char *line = cli_job_json(job);
        puts(line);
    } else {
        print_job(job);
    }
    return 0;
}
