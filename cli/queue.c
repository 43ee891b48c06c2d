/* SPDX-License-Identifier: MIT */
#include "cli/cli.h"

#include "lib/address.h"
#include "lib/spool-call.h"
#include "lib/text.h"

#include <json-glib/json-glib.h>
#include <stdio.h>
#include <sysexits.h>

/* Longest texts of other people in a line, in bytes. */
#define SHOWN_MAX 60
#define WAITING_MAX 120

typedef struct {
    bool all; /* done ones too */
    bool json;
    unsigned count;
    unsigned calls;
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

/* --- calls of add-ons --- */

static void print_call(const SpoolCall *call, bool first)
{
    const char *object = *call->object != '\0' ? call->object : call->domain;
    g_autofree char *whom = shown(object, ADDRESS_MAX);
    g_autofree char *reason = shown(call->reason, WAITING_MAX);
    g_autofree char *again = cli_time(call->not_before);

    if (first)
        printf("\nCalls of add-ons that wait:\n");
    printf("%-16s line %u, %s: %s of %s\n", call->job, call->line, call->addon, call->name, whom);
    if (call->attempts > 0)
        printf("%-16s failed %u time%s, is tried again at %s: %s\n", "", call->attempts,
               call->attempts == 1 ? "" : "s", again, reason);
}

static void add_text(JsonBuilder *builder, const char *name, const char *value)
{
    json_builder_set_member_name(builder, name);
    if (value != NULL)
        json_builder_add_string_value(builder, value);
    else
        json_builder_add_null_value(builder);
}

static void print_call_json(const SpoolCall *call)
{
    g_autoptr(JsonBuilder) builder = json_builder_new();
    g_autoptr(JsonNode) root = NULL;
    g_autofree char *line = NULL;

    json_builder_begin_object(builder);
    add_text(builder, "call", call->name);
    add_text(builder, "addon", call->addon);
    add_text(builder, "job", call->job);
    json_builder_set_member_name(builder, "line");
    json_builder_add_int_value(builder, call->line);
    add_text(builder, "domain", call->domain);
    add_text(builder, "object", call->object);
    json_builder_set_member_name(builder, "attempts");
    json_builder_add_int_value(builder, call->attempts);
    add_text(builder, "reason", call->reason);
    json_builder_end_object(builder);
    root = json_builder_get_root(builder);
    line = json_to_string(root, FALSE);
    puts(line);
}

static void on_call(gpointer data, const SpoolCall *call)
{
    Listing *listing = data;

    if (listing->json)
        print_call_json(call);
    else
        print_call(call, listing->calls == 0);
    listing->calls++;
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
                     "was refused; then the calls of add-ons that wait.\n\n"
                     "  -a, --all   done ones too\n"
                     "  -j, --json  one line of JSON for each job and each call\n"
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
    if (!spool_calls_list(spool, NULL, on_call, &listing, &error))
        return cli_fault(EX_TEMPFAIL, "%s", error->message);
    return 0;
}
