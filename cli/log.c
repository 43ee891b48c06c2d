/* SPDX-License-Identifier: MIT */
#include "cli/cli.h"

#include "lib/address.h"
#include "lib/text.h"

#include <json-glib/json-glib.h>
#include <stdio.h>
#include <string.h>
#include <sysexits.h>

/* Changes that are read at a time, so that nobody waits for a slow reader of ours. */
#define PAGE 1000
/* Longest list of values in a line of text, in bytes. */
#define SHOWN_MAX 300

typedef struct {
    bool json;
    guint64 count;
} Listing;

/* --- text --- */

static char *shown_values(GVariant *values)
{
    g_autofree const char **list = g_variant_get_strv(values, NULL);
    g_autofree char *joined = g_strjoinv(" ", (char **)list);

    return *list != NULL ? text_printable(joined, -1, SHOWN_MAX) : g_strdup("-");
}

static void print_field(GVariant *field)
{
    const char *name;
    g_autoptr(GVariant) gone = NULL, come = NULL;
    g_autofree char *before = NULL, *after = NULL, *shown = NULL;

    g_variant_get(field, "(&s@as@as)", &name, &gone, &come);
    shown = text_printable(name, -1, SHOWN_MAX);
    before = shown_values(gone);
    after = shown_values(come);
    if (g_variant_n_children(gone) == 0)
        printf("; %s: %s", shown, after);
    else
        printf("; %s: %s -> %s", shown, before, after);
}

static void print_line(const AuditLine *line)
{
    g_autofree char *time = cli_time(line->time);
    const char *const texts[] = {line->requester, line->proof,   line->origin, line->action,
                                 line->type,      line->address, line->result};
    g_autoptr(GPtrArray) shown = g_ptr_array_new_with_free_func(g_free);

    for (gsize i = 0; i < G_N_ELEMENTS(texts); i++)
        g_ptr_array_add(shown, text_printable(texts[i], -1, ADDRESS_MAX + 1));
    printf("%s %s/%u %s (%s, %s) %s %s %s: %s", time, line->job, line->line,
           (char *)shown->pdata[0], (char *)shown->pdata[1], (char *)shown->pdata[2],
           (char *)shown->pdata[3], (char *)shown->pdata[4], (char *)shown->pdata[5],
           (char *)shown->pdata[6]);
    for (gsize i = 0; i < g_variant_n_children(line->fields); i++) {
        g_autoptr(GVariant) field = g_variant_get_child_value(line->fields, i);
        print_field(field);
    }
    putchar('\n');
}

/* --- JSON --- */

static void add_text(JsonBuilder *builder, const char *name, const char *text)
{
    g_autofree char *valid = g_utf8_make_valid(text, -1);

    json_builder_set_member_name(builder, name);
    json_builder_add_string_value(builder, valid);
}

static void add_values(JsonBuilder *builder, const char *name, GVariant *values)
{
    g_autofree const char **list = g_variant_get_strv(values, NULL);

    json_builder_set_member_name(builder, name);
    json_builder_begin_array(builder);
    for (gsize i = 0; list[i] != NULL; i++)
        json_builder_add_string_value(builder, list[i]);
    json_builder_end_array(builder);
}

static void add_fields(JsonBuilder *builder, GVariant *fields)
{
    json_builder_set_member_name(builder, "fields");
    json_builder_begin_array(builder);
    for (gsize i = 0; i < g_variant_n_children(fields); i++) {
        const char *name;
        g_autoptr(GVariant) gone = NULL, come = NULL;
        g_variant_get_child(fields, i, "(&s@as@as)", &name, &gone, &come);
        json_builder_begin_object(builder);
        add_text(builder, "field", name);
        add_values(builder, "before", gone);
        add_values(builder, "after", come);
        json_builder_end_object(builder);
    }
    json_builder_end_array(builder);
}

static void print_json(const AuditLine *line)
{
    const struct {
        const char *name, *text;
    } texts[] = {{"job", line->job},       {"requester", line->requester}, {"proof", line->proof},
                 {"origin", line->origin}, {"address", line->address},     {"type", line->type},
                 {"action", line->action}, {"result", line->result}};
    g_autoptr(GDateTime) time = g_date_time_new_from_unix_utc(line->time / G_USEC_PER_SEC);
    g_autofree char *when =
        time != NULL ? g_date_time_format(time, "%Y-%m-%dT%H:%M:%SZ") : g_strdup("?");
    g_autoptr(JsonBuilder) builder = json_builder_new();
    g_autoptr(JsonNode) root = NULL;
    g_autofree char *out = NULL;

    json_builder_begin_object(builder);
    json_builder_set_member_name(builder, "number");
    json_builder_add_int_value(builder, line->number);
    add_text(builder, "time", when);
    json_builder_set_member_name(builder, "line");
    json_builder_add_int_value(builder, line->line);
    for (gsize i = 0; i < G_N_ELEMENTS(texts); i++)
        add_text(builder, texts[i].name, texts[i].text);
    add_fields(builder, line->fields);
    json_builder_end_object(builder);
    root = json_builder_get_root(builder);
    out = json_to_string(root, FALSE);
    puts(out);
}

static void on_line(gpointer data, const AuditLine *line)
{
    Listing *listing = data;

    if (listing->json)
        print_json(line);
    else
        print_line(line);
    listing->count++;
}

/* --- what is asked --- */

/* "2026-11-21", "2026-11-21 10:00" or with seconds, local time unless it says otherwise ("Z"). */
static bool parse_time(const char *name, const char *text, gint64 *time, int *code)
{
    g_autoptr(GTimeZone) here = g_time_zone_new_local();
    const gsize length = text != NULL ? strlen(text) : 0;
    const char *end = length == strlen("2026-11-21")         ? " 00:00:00"
                      : length == strlen("2026-11-21 10:00") ? ":00"
                                                             : "";
    g_autofree char *whole = g_strconcat(text != NULL ? text : "", end, NULL);
    g_autoptr(GDateTime) parsed = NULL;

    if (text == NULL)
        return true;
    parsed = g_date_time_new_from_iso8601(whole, here);
    if (parsed == NULL) {
        *code = cli_fault(EX_USAGE,
                          "--%s %s: a time as 2026-11-21 or \"2026-11-21 10:00\" is "
                          "expected",
                          name, text);
        return false;
    }
    *time = g_date_time_to_unix(parsed) * G_USEC_PER_SEC;
    return true;
}

/* As it is stored; owned by the caller. NULL stays NULL. */
static bool parse_address(const char *name, const char *text, char **full, int *code)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(Address) address = NULL;

    if (text == NULL)
        return true;
    address = address_parse(text, NULL, &error);
    if (address == NULL) {
        *code = cli_fault(EX_USAGE, "--%s %s: %s", name, text, error->message);
        return false;
    }
    *full = g_strdup(address->full);
    return true;
}

static int list(const CliPlace *place, const AuditFilter *filter, bool json)
{
    Listing listing = {.json = json};
    gint64 after = 0;
    bool more = true;
    int code = 0;
    g_autoptr(GError) error = NULL;
    g_autoptr(Spool) spool = cli_spool(place, &code);

    if (spool == NULL)
        return code;
    while (more && !ferror(stdout))
        if (!spool_audit_list(spool, filter, PAGE, &after, &more, on_line, &listing, &error))
            return cli_fault(EX_TEMPFAIL, "%s", error->message);
    return listing.count > 0 ? 0 : cli_fault(CLI_NO, "no such change is known");
}

int cli_log(const CliPlace *place, int argc, char **argv)
{
    g_autofree char *job = NULL, *id = NULL, *address = NULL, *by = NULL, *since = NULL,
                    *until = NULL;
    g_autofree char *full = NULL, *requester = NULL;
    gboolean json = FALSE;
    const GOptionEntry entries[] = {
        {"job", 0, 0, G_OPTION_ARG_STRING, &job, NULL, NULL},
        {"address", 0, 0, G_OPTION_ARG_STRING, &address, NULL, NULL},
        {"by", 0, 0, G_OPTION_ARG_STRING, &by, NULL, NULL},
        {"since", 0, 0, G_OPTION_ARG_STRING, &since, NULL, NULL},
        {"until", 0, 0, G_OPTION_ARG_STRING, &until, NULL, NULL},
        {"json", 'j', 0, G_OPTION_ARG_NONE, &json, NULL, NULL},
        G_OPTION_ENTRY_NULL,
    };
    static const char usage[] = "batchload [-c FILE | --spool DIR] log [--job=JOB] "
                                "[--address=ADDRESS] [--by=ADDRESS] [--since=TIME] "
                                "[--until=TIME] [-j]";
    AuditFilter filter = {0};
    int code = 0;

    if (!cli_options(
            &argc, &argv, usage,
            "Tells what was changed, by whom, and how it was before: the audit, oldest\n"
            "first. A password is told as \"changed\".\n\n"
            "  --job=JOB          only what this job has changed\n"
            "  --address=ADDRESS  only what was changed of this address\n"
            "  --by=ADDRESS       only what this administrator's requests have changed\n"
            "  --since=TIME       only from then on, as 2026-11-21 or \"2026-11-21 10:00\"\n"
            "  --until=TIME       only before then\n"
            "  -j, --json         one line of JSON for each change\n"
            "  -h, --help         print this\n\n"
            "Ends with 1 where there is no such change.\n",
            entries, &code))
        return code;
    if (argc > 1)
        return cli_fault(EX_USAGE, "log takes no \"%s\"; usage: %s", argv[1], usage);
    if (!parse_address("address", address, &full, &code) ||
        !parse_address("by", by, &requester, &code) ||
        !parse_time("since", since, &filter.since, &code) ||
        !parse_time("until", until, &filter.until, &code))
        return code;
    id = job != NULL ? cli_job_id(job) : NULL;
    filter.job = id;
    filter.address = full;
    filter.requester = requester;
    return list(place, &filter, json);
}
