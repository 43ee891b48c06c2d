/* SPDX-License-Identifier: MIT */
#include "cli/verb.h"

#include "lib/show.h"
#include "lib/text.h"

#include <errno.h>
#include <fcntl.h>
#include <json-glib/json-glib.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sysexits.h>
#include <unistd.h>

/* Longest value in a line for people, in bytes. */
#define SHOWN_MAX 4096

/* What a line of a file is made in, so that no copy of a hash stays behind: room for the longest.
 */
#define LINE_BYTES 262144

typedef struct {
    const VerbShow *how;
    FILE *out;
    GString *line;
    bool headed;
    unsigned bare; /* mailboxes without a hash that was to be there */
    const Profile *profile;
    int type; /* of the file's rows, TYPE_COUNT: any */
} Printer;

static void printer_clear(Printer *printer)
{
    if (printer->line == NULL)
        return;
    secret_wipe(printer->line->str, printer->line->allocated_len);
    g_string_free(printer->line, TRUE);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Printer, printer_clear)

/* --- a file --- */

/* A file has one value where the directory may have several. */
static void tell_lost(const ShowRow *row, Field field)
{
    fprintf(stderr, "batchload: %s%s%s: %s has %u values, of which a file takes the first\n",
            row->user, *row->user != '\0' ? "@" : "", row->domain, field_name(field),
            row->cell[field]->len);
}

static void tell_bare(Printer *printer, const ShowRow *row)
{
    if (!printer->how->hashes || row->type != TYPE_FULL || row->action != ACTION_ADD ||
        row->password != NULL)
        return;
    printer->bare++;
    fprintf(stderr,
            "batchload: %s@%s: no hash that a request takes (hash_schemes), or none that the "
            "service may read\n",
            row->user, row->domain);
}

static void print_csv(Printer *printer, const ShowRow *row)
{
    g_string_truncate(printer->line, 0);
    if (!printer->headed)
        show_file_head(printer->line, printer->profile, printer->type);
    printer->headed = true;
    tell_bare(printer, row);
    if (show_file_row(printer->line, printer->profile, printer->type, row) > 0)
        for (Field field = 0; field < FIELD_COUNT; field++)
            if (show_file_loses(row, field))
                tell_lost(row, field);
    fwrite(printer->line->str, 1, printer->line->len, printer->out);
}

/* --- JSON --- */

static void add_values(JsonBuilder *builder, const GPtrArray *values)
{
    json_builder_begin_array(builder);
    for (guint i = 0; i < values->len; i++)
        json_builder_add_string_value(builder, values->pdata[i]);
    json_builder_end_array(builder);
}

static void print_json(const Printer *printer, const ShowRow *row)
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
    fprintf(printer->out, "%s\n", line);
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

    if (printer->how->csv)
        print_csv(printer, row);
    else if (printer->how->json)
        print_json(printer, row);
    else
        print_text(printer, row);
    return !ferror(printer->out);
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

/* type: as in ShowScope. */
static int show_none(int type, const char *name)
{
    const bool address = strchr(name, '@') != NULL;
    g_autofree char *word = type < TYPE_COUNT ? verb_word((ObjectType)type) : g_strdup("entry");

    if (!address && (type == TYPE_COUNT || type == TYPE_DOMAIN))
        return cli_fault(CLI_NO, "there is no domain %s", name);
    return cli_fault(CLI_NO, "there is no %s %s %s", word,
                     address ? "with the address" : "in the domain", name);
}

static int show_one(const Config *config, Directory *directory, Printer *printer, int type,
                    const char *name)
{
    const char *at = strrchr(name, '@');
    g_autofree char *user = at != NULL ? g_ascii_strdown(name, at - name) : NULL;
    g_autoptr(GError) error = NULL;
    g_autofree char *domain = domain_normalise(at != NULL ? at + 1 : name, &error);
    static const char *const nowhere[] = {NULL};
    ShowScope scope = {.domain = domain, .user = user, .type = type};

    if (domain == NULL)
        return cli_fault(EX_USAGE, "%s: %s", name, error->message);
    if (type == TYPE_COUNT) {
        scope.around = nowhere;
        scope.everywhere = true;
    }
    if (printer->how->hashes)
        scope.hash_schemes = config->rules.hash_schemes;
    switch (show_stream(directory, config->profile, &scope, on_row, printer, &error)) {
    case ANSWER_YES:
        return 0;
    case ANSWER_NO:
        return show_none(type, name);
    case ANSWER_UNKNOWN:
        break;
    }
    return cli_fault(EX_TEMPFAIL, "%s", error->message);
}

/* --- whereto --- */

/* Hashes are for who runs the service: root, or the spool's owner, as whom the daemon runs. */
static int check_operator(const Config *config)
{
    struct stat spool;
    if (config->rules.hash_schemes == 0)
        return cli_fault(EX_CONFIG, "hash_schemes says that no request takes hashed passwords");
    if (geteuid() == 0 || (stat(config->spool.directory, &spool) == 0 && spool.st_uid == geteuid()))
        return 0;
    return cli_fault(EX_NOPERM, "--with-hashes is for root and the service's own user");
}

/* What is written with hashes in it nobody else may read. */
static int check_stdout(void)
{
    struct stat found;
    if (fstat(STDOUT_FILENO, &found) != 0 || !S_ISREG(found.st_mode) ||
        (found.st_mode & (S_IRWXG | S_IRWXO)) == 0)
        return 0;
    return cli_fault(EX_NOPERM, "standard output is a file that others can read; use --output");
}

static int open_output(Printer *printer)
{
    const char *path = printer->how->output;
    int fd;
    printer->out = stdout;
    if (path == NULL)
        return printer->how->hashes ? check_stdout() : 0;
    fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, S_IRUSR | S_IWUSR);
    printer->out = fd >= 0 ? fdopen(fd, "w") : NULL;
    if (printer->out != NULL)
        return 0;
    if (fd >= 0)
        close(fd);
    return cli_fault(EX_CANTCREAT, "%s: %s", path,
                     errno == EEXIST ? "it exists already; give a new file" : g_strerror(errno));
}

/* A file that is not whole is of no use to anybody. */
static int close_output(const Printer *printer, int code)
{
    const bool well = fflush(printer->out) == 0 && !ferror(printer->out);
    if (printer->how->output == NULL)
        return code;
    if (fclose(printer->out) != 0 || !well)
        code = cli_fault(EX_IOERR, "%s could not be written", printer->how->output);
    if (code != 0 && code != CLI_NO)
        unlink(printer->how->output);
    return code;
}

static int show_all(const Config *config, Directory *directory, Printer *printer, char **names)
{
    int code = open_output(printer), worst = 0;
    if (code != 0)
        return code;
    for (; *names != NULL && worst != EX_TEMPFAIL; names++) {
        code = show_one(config, directory, printer, printer->type, *names);
        worst = MAX(worst, code);
    }
    if (printer->bare > 0)
        worst = MAX(worst, CLI_NO);
    return close_output(printer, worst);
}

int verb_show(const CliPlace *place, int type, char **names, const VerbShow *how)
{
    g_auto(Printer) printer = {.how = how, .type = type};
    g_autoptr(Config) config = NULL;
    g_autoptr(Directory) directory = NULL;
    g_autoptr(GError) error = NULL;
    int code = 0;

    if (how->csv && how->json)
        return cli_fault(EX_USAGE, "--csv and --json can't be given together");
    if (how->hashes && !how->csv)
        return cli_fault(EX_USAGE, "--with-hashes is for a file; it can't be given with --json");
    if (place->spool != NULL)
        return cli_fault(EX_USAGE, "what is there stands in the directory, which the configuration "
                                   "names: give -c, not --spool");
    config = load(place, &code);
    if (config == NULL)
        return code;
    code = how->hashes ? check_operator(config) : 0;
    if (code != 0)
        return code;
    directory_init();
    directory = directory_new(&config->directory, &error);
    if (directory == NULL)
        return cli_fault(EX_CONFIG, "%s", error->message);
    printer.profile = config->profile;
    printer.line = g_string_sized_new(LINE_BYTES);
    return show_all(config, directory, &printer, names);
}

int cli_export(const CliPlace *place, int argc, char **argv)
{
    gboolean json = FALSE, hashes = FALSE;
    g_autofree char *output = NULL;
    const GOptionEntry entries[] = {
        {"json", 'j', 0, G_OPTION_ARG_NONE, &json, NULL, NULL},
        {"with-hashes", 0, 0, G_OPTION_ARG_NONE, &hashes, NULL, NULL},
        {"output", 0, 0, G_OPTION_ARG_FILENAME, &output, NULL, NULL},
        G_OPTION_ENTRY_NULL,
    };
    static const char usage[] =
        "batchload [-c FILE] export DOMAIN|ADDRESS... [-j] [--with-hashes] [--output=FILE]";
    int code = 0;

    if (!cli_options(
            &argc, &argv, usage,
            "Prints all that is in a domain, or hangs on an account, as a file that can\n"
            "be sent back: the columns are those of a request, passwords are empty. For\n"
            "root.\n\n"
            "  -j, --json     one line of JSON for each row\n"
            "  --with-hashes  with the passwords' hashes; for root and the service's user\n"
            "  --output=FILE  to a new file, which nobody else may read\n"
            "  -h, --help     print this\n\n"
            "Ends with 1 where there is nothing, or a mailbox has no hash that a request\n"
            "takes.\n",
            entries, &code))
        return code;
    if (argc < 2)
        return cli_fault(EX_USAGE, "export takes domains and addresses; usage: %s", usage);
    return verb_show(place, TYPE_COUNT, argv + 1,
                     &(VerbShow){.csv = !json, .json = json, .hashes = hashes, .output = output});
}
