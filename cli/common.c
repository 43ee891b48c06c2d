/* SPDX-License-Identifier: MIT */
#include "cli/cli.h"

#include <errno.h>
#include <json-glib/json-glib.h>
#include <stdio.h>
#include <sysexits.h>
#include <unistd.h>

int cli_fault(int code, const char *format, ...)
{
    g_autofree char *words = NULL;
    va_list arguments;

    va_start(arguments, format);
    words = g_strdup_vprintf(format, arguments);
    va_end(arguments);
    fprintf(stderr, "%s: %s\n", g_get_prgname(), words);
    return code;
}

void cli_print_summary(const char *command, const char *summary)
{
    printf("  %-13s  %s\n", command, summary);
}

bool cli_options(int *argc, char ***argv, const char *usage, const char *summary,
                 const GOptionEntry *entries, int *code)
{
    gboolean help = FALSE;
    const GOptionEntry own[] = {
        {"help", 'h', 0, G_OPTION_ARG_NONE, &help, "print this", NULL},
        G_OPTION_ENTRY_NULL,
    };
    g_autoptr(GOptionContext) context = g_option_context_new(NULL);
    g_autoptr(GError) error = NULL;

    g_option_context_set_help_enabled(context, FALSE);
    g_option_context_add_main_entries(context, own, NULL);
    if (entries != NULL)
        g_option_context_add_main_entries(context, entries, NULL);
    if (!g_option_context_parse(context, argc, argv, &error)) {
        *code = cli_fault(EX_USAGE, "%s; usage: %s", error->message, usage);
        return false;
    }
    if (help) {
        printf("Usage: %s\n\n%s", usage, summary);
        *code = 0;
        return false;
    }
    if (*argc > 1 && g_str_equal((*argv)[1], "--"))
        ++*argv, --*argc;
    return true;
}

static int fault(const GError *error)
{
    bool settings =
        error->domain == CONFIG_ERROR || g_error_matches(error, SPOOL_ERROR, SPOOL_ERROR_UNSAFE);
    return cli_fault(settings ? EX_CONFIG : EX_TEMPFAIL, "%s", error->message);
}

Config *cli_config(const CliPlace *place, int *code)
{
    g_autoptr(GError) error = NULL;
    Config *config = config_load_file(place->config != NULL ? place->config : CLI_CONFIG, &error);

    if (config == NULL && place->config == NULL && access(CLI_CONFIG, F_OK) != 0)
        *code = cli_fault(EX_CONFIG, "%s; if the configuration is elsewhere, name it with -c FILE",
                          error->message);
    else if (config == NULL)
        *code = fault(error);
    return config;
}

Spool *cli_spool(const CliPlace *place, int *code)
{
    g_autoptr(Config) config = place->spool == NULL ? cli_config(place, code) : NULL;
    const char *directory = config != NULL ? config->spool.directory : place->spool;
    g_autoptr(GError) error = NULL;
    Spool *spool;

    if (directory == NULL)
        return NULL;
    if (access(directory, R_OK | X_OK) != 0) {
        const bool denied = errno == EACCES;
        *code = cli_fault(denied ? EX_NOPERM : EX_NOINPUT, "the spool %s can't be read: %s%s",
                          directory, g_strerror(errno),
                          denied ? "; only root and the daemon's user may do this" : "");
        return NULL;
    }
    spool = spool_open_readonly(directory, &error);
    if (spool == NULL)
        *code = fault(error);
    return spool;
}

char *cli_time(gint64 microseconds)
{
    g_autoptr(GDateTime) time = NULL;

    if (microseconds == 0)
        return g_strdup("-");
    time = g_date_time_new_from_unix_local(microseconds / G_USEC_PER_SEC);
    return time != NULL ? g_date_time_format(time, "%Y-%m-%d %H:%M:%S") : g_strdup("?");
}

unsigned cli_rows_done(const Job *job)
{
    unsigned done = 0;
    for (int i = 0; i < RESULT_COUNT; i++)
        done += job->counts[i];
    return done;
}

static void add_text(JsonBuilder *builder, const char *name, const char *text)
{
    g_autofree char *valid = text != NULL ? g_utf8_make_valid(text, -1) : NULL;

    json_builder_set_member_name(builder, name);
    if (valid != NULL)
        json_builder_add_string_value(builder, valid);
    else
        json_builder_add_null_value(builder);
}

static void add_number(JsonBuilder *builder, const char *name, guint64 number)
{
    json_builder_set_member_name(builder, name);
    json_builder_add_int_value(builder, (gint64)number);
}

static void add_time(JsonBuilder *builder, const char *name, gint64 microseconds)
{
    g_autoptr(GDateTime) time =
        microseconds != 0 ? g_date_time_new_from_unix_utc(microseconds / G_USEC_PER_SEC) : NULL;
    g_autofree char *text = time != NULL ? g_date_time_format(time, "%Y-%m-%dT%H:%M:%SZ") : NULL;

    add_text(builder, name, text);
}

char *cli_job_id(const char *typed)
{
    return g_ascii_strup(typed, -1);
}

char *cli_job_json(const Job *job)
{
    g_autoptr(JsonBuilder) builder = json_builder_new();
    g_autoptr(JsonNode) root = NULL;

    json_builder_begin_object(builder);
    add_text(builder, "id", job->id);
    add_text(builder, "state", job_state_name(job->state));
    add_text(builder, "requester", job->facts.requester);
    add_text(builder, "reference", job->reference);
    add_number(builder, "rows", job->rows);
    add_number(builder, "rows_done", cli_rows_done(job));
    for (int i = 0; i < RESULT_COUNT; i++)
        add_number(builder, result_name((Result)i), job->counts[i]);
    add_number(builder, "slices", job->slices);
    add_number(builder, "slices_done", job->slices_done);
    add_number(builder, "bytes", job->bytes);
    add_number(builder, "attempts", job->attempts);
    add_text(builder, "waiting", job->waiting);
    add_text(builder, "refusal", job->refusal);
    add_time(builder, "received", job->received);
    add_time(builder, "started", job->started);
    add_time(builder, "finished", job->finished);
    add_time(builder, "not_before", job->not_before);
    add_text(builder, "batch_address", job->facts.batch_address);
    add_text(builder, "client", job->facts.client);
    add_text(builder, "login", job->facts.login);
    add_text(builder, "queue_id", job->facts.queue_id);
    add_text(builder, "message_id", job->facts.message_id);
    json_builder_end_object(builder);
    root = json_builder_get_root(builder);
    return json_to_string(root, FALSE);
}

char *cli_lockout_json(const Lockout *lockout)
{
    g_autoptr(JsonBuilder) builder = json_builder_new();
    g_autoptr(JsonNode) root = NULL;
    bool locked = lockout_is_locked(lockout, g_get_real_time());

    json_builder_begin_object(builder);
    add_text(builder, "sender", lockout->sender);
    add_text(builder, "client", lockout->client);
    add_number(builder, "failures", lockout->failures);
    add_time(builder, "last", lockout->last);
    add_time(builder, "pause_until", lockout->until);
    add_time(builder, "locked_until", locked ? lockout->locked_until : 0);
    json_builder_end_object(builder);
    root = json_builder_get_root(builder);
    return json_to_string(root, FALSE);
}
