/* SPDX-License-Identifier: MIT */
#include "cli/verb.h"

#include "lib/show.h"
#include "lib/text.h"

#include <errno.h>
#include <json-glib/json-glib.h>
#include <stdio.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

/* Longest value in a line for people, in bytes. */
#define SHOWN_MAX 4096

typedef struct {
    bool csv, json, headed;
    const Profile *profile;
    int type; /* of the file's rows, TYPE_COUNT: any */
} Printer;

/* --- a file --- */

/* A file has one value where the directory may have several. */
static void tell_lost(const ShowRow *row, Field field)
{
    fprintf(stderr, "batchload: %s%s%s: %s has %u values, of which a file takes the first\n",
            row->user, *row->user != '\0' ? "@" : "", row->domain, field_name(field),
            row->cell[field]->len);
}

static void print_csv(Printer *printer, const ShowRow *row)
{
    g_autoptr(GString) line = g_string_new(NULL);

    if (!printer->headed)
        show_file_head(line, printer->profile, printer->type);
    printer->headed = true;
    for (Field field = 0; field < FIELD_COUNT; field++)
        if (show_file_loses(row, field))
            tell_lost(row, field);
    show_file_row(line, printer->profile, printer->type, row);
    fwrite(line->str, 1, line->len, stdout);
}

/* --- JSON --- */

static void add_values(JsonBuilder *builder, const GPtrArray *values)
{
    json_builder_begin_array(builder);
    for (guint i = 0; i < values->len; i++)
        json_builder_add_string_value(builder, values->pdata[i]);
    json_builder_end_array(builder);
}

static void print_json(const ShowRow *row)
{
    g_autoptr(JsonBuilder) builder = json_builder_new();
    g_autoptr(JsonNode) root = NULL;
    g_autofree char *line = NULL;

    json_builder_begin_object(builder);
    for (Field field = 0; field < FIELD_COUNT; field++) {
        g_autofree char *cell = show_row_cell(row, field);
        const GPtrArray *values = row->cell[field];
        if (*cell == '\0' && !field_is_mandatory(field))
            continue;
        json_builder_set_member_name(builder, field_name(field));
        if (values != NULL && (values->len > 1 || show_takes_several(field)))
            add_values(builder, values);
        else
            json_builder_add_string_value(builder, cell);
    }
    for (guint i = 0; row->attributes != NULL && i < row->attributes->len; i++) {
        const AttributeCell *cell = row->attributes->pdata[i];
        g_autofree char *name = g_strconcat("@", cell->name, NULL);
        json_builder_set_member_name(builder, name);
        add_values(builder, cell->values);
    }
    json_builder_end_object(builder);
    root = json_builder_get_root(builder);
    line = json_to_string(root, FALSE);
    puts(line);
}

/* --- people --- */

/* values: of one column, NULL where there are none. */
static void print_values(const char *name, const GPtrArray *values)
{
    for (guint i = 0; values != NULL && i < values->len; i++) {
        g_autofree char *shown = text_printable(values->pdata[i], -1, SHOWN_MAX);
        printf("  %-20s %s\n", i == 0 ? name : "", shown);
    }
}

static void print_text(Printer *printer, const ShowRow *row)
{
    g_autofree char *word = verb_word(row->type);

    if (printer->headed)
        putchar('\n');
    printer->headed = true;
    printf("%s %s%s%s", word, row->user, *row->user != '\0' ? "@" : "", row->domain);
    if (row->action != ACTION_ADD) {
        g_autofree char *action = g_ascii_strdown(action_name(row->action), -1);
        printf(" (%s)", action);
    }
    putchar('\n');
    for (Field field = 0; field < FIELD_COUNT; field++)
        print_values(field_name(field), row->cell[field]);
    for (guint i = 0; row->attributes != NULL && i < row->attributes->len; i++) {
        const AttributeCell *cell = row->attributes->pdata[i];
        g_autofree char *name = g_strconcat("@", cell->name, NULL);
        print_values(name, cell->values);
    }
}

static bool on_row(gpointer data, const ShowRow *row)
{
    Printer *printer = data;

    if (printer->csv)
        print_csv(printer, row);
    else if (printer->json)
        print_json(row);
    else
        print_text(printer, row);
    return !ferror(stdout);
}

/* --- what is asked --- */

/* The whole configuration, with the directory's password. */
static Config *load(const CliPlace *place, int *code)
{
    const char *path = place->config != NULL ? place->config : CLI_CONFIG;
    g_autoptr(GError) error = NULL;
    Config *config = config_load(path, &error);

    if (config == NULL && geteuid() != 0)
        *code = cli_fault(EX_NOPERM, "%s; only root may look into the directory this way",
                          error->message);
    else if (config == NULL)
        *code = cli_fault(EX_CONFIG, "%s", error->message);
    return config;
}

static int show_one(const Config *config, Directory *directory, Printer *printer, int type,
                    const char *name)
{
    const char *at = strrchr(name, '@');
    g_autofree char *user = at != NULL ? g_ascii_strdown(name, at - name) : NULL;
    g_autoptr(GError) error = NULL;
    g_autofree char *domain = domain_normalise(at != NULL ? at + 1 : name, &error);
    const ShowScope scope = {.domain = domain, .user = user, .type = type};

    if (domain == NULL)
        return cli_fault(EX_USAGE, "%s: %s", name, error->message);
    switch (show_stream(directory, config->profile, &scope, on_row, printer, &error)) {
    case ANSWER_YES:
        return 0;
    case ANSWER_NO:
        return cli_fault(CLI_NO, "there is nothing of that kind at %s", name);
    case ANSWER_UNKNOWN:
        break;
    }
    return cli_fault(EX_TEMPFAIL, "%s", error->message);
}

int verb_show(const CliPlace *place, int type, char **names, bool csv, bool json)
{
    Printer printer = {.csv = csv, .json = json, .type = type};
    g_autoptr(Config) config = NULL;
    g_autoptr(Directory) directory = NULL;
    g_autoptr(GError) error = NULL;
    int code = 0, worst = 0;

    if (csv && json)
        return cli_fault(EX_USAGE, "--csv and --json can't be given together");
    if (place->spool != NULL)
        return cli_fault(EX_USAGE, "what is there stands in the directory, which the configuration "
                                   "names: give -c, not --spool");
    config = load(place, &code);
    if (config == NULL)
        return code;
    directory_init();
    directory = directory_new(&config->directory, &error);
    if (directory == NULL)
        return cli_fault(EX_CONFIG, "%s", error->message);
    printer.profile = config->profile;
    for (; *names != NULL && worst != EX_TEMPFAIL; names++) {
        code = show_one(config, directory, &printer, type, *names);
        worst = MAX(worst, code);
    }
    return worst;
}

int cli_export(const CliPlace *place, int argc, char **argv)
{
    gboolean json = FALSE;
    const GOptionEntry entries[] = {
        {"json", 'j', 0, G_OPTION_ARG_NONE, &json, NULL, NULL},
        G_OPTION_ENTRY_NULL,
    };
    static const char usage[] = "batchload [-c FILE] export DOMAIN... [-j]";
    int code = 0;

    if (!cli_options(&argc, &argv, usage,
                     "Prints all that is in a domain as a file that can be sent back: the columns\n"
                     "are those of a request, passwords are empty. For root.\n\n"
                     "  -j, --json  one line of JSON for each row\n"
                     "  -h, --help  print this\n\n"
                     "Ends with 1 where there is nothing.\n",
                     entries, &code))
        return code;
    if (argc < 2)
        return cli_fault(EX_USAGE, "export takes domains; usage: %s", usage);
    return verb_show(place, TYPE_COUNT, argv + 1, !json, json);
}
