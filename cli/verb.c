/* SPDX-License-Identifier: MIT */
#include "cli/verb.h"

#include "lib/address.h"
#include "lib/nearest.h"
#include "lib/show.h"

#include <stdio.h>
#include <string.h>
#include <sysexits.h>

/* A verb makes rows of what was typed and hands them in as batchload apply does a file: the rules
 * are those of every request. */

/* Columns of a verb's rows; those that every row has come first. */
#define COLUMNS_MAX (FIELD_COUNT + PROFILE_ALLOWED_MAX)
typedef struct {
    Field field[COLUMNS_MAX];
    char *name[COLUMNS_MAX]; /* of FIELD_ATTRIBUTE, else NULL */
    char *cell[COLUMNS_MAX]; /* of every row; NULL for those of the address */
    unsigned count;
} Columns;

static void columns_clear(Columns *columns)
{
    for (unsigned i = 0; i < columns->count; i++) {
        secret_free(columns->cell[i]);
        g_free(columns->name[i]);
    }
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Columns, columns_clear)

/* Takes cell over. */
static void add_column(Columns *columns, Field field, char *cell)
{
    columns->field[columns->count] = field;
    columns->cell[columns->count++] = cell;
}

static const char *column_name(const Columns *columns, unsigned column)
{
    const char *name = columns->name[column];
    return name != NULL ? name : field_name(columns->field[column]);
}

/* One "NAME=TEXT"; several of a name are lines of its cell. false: there are too many names. */
static bool add_attribute(Columns *columns, const char *given)
{
    const char *value = strchr(given, '=') + 1;
    g_autofree char *name = g_strdup_printf("@%.*s", (int)(value - 1 - given), given);

    for (unsigned i = 0; i < columns->count; i++) {
        g_autofree char *before = NULL;
        if (columns->name[i] == NULL || g_ascii_strcasecmp(columns->name[i], name) != 0)
            continue;
        before = columns->cell[i];
        columns->cell[i] = g_strconcat(before, "\n", value, NULL);
        return true;
    }
    if (columns->count == COLUMNS_MAX)
        return false;
    columns->name[columns->count] = g_steal_pointer(&name);
    add_column(columns, FIELD_ATTRIBUTE, g_strdup(value));
    return true;
}

static int add_attributes(Columns *columns, char **given)
{
    for (; given != NULL && *given != NULL; given++) {
        const char *equals = strchr(*given, '=');
        g_autofree char *name = g_strndup(*given, equals != NULL ? (gsize)(equals - *given) : 0);
        if (!field_is_attribute(name))
            return cli_fault(EX_USAGE, "--attribute takes NAME=TEXT, such as "
                                       "--attribute=displayName='Jo Doe'");
        if (!add_attribute(columns, *given))
            return cli_fault(EX_USAGE, "--attribute names more than %d attributes",
                             PROFILE_ALLOWED_MAX);
    }
    return 0;
}

/* password is taken over. */
static void make_columns(Columns *columns, const Verb *verb, const VerbOptions *options,
                         Secret *password)
{
    add_column(columns, FIELD_DOMAIN, NULL);
    add_column(columns, FIELD_USER, NULL);
    add_column(columns, FIELD_TYPE, g_strdup(type_name(verb->type)));
    add_column(columns, FIELD_ACTION, g_strdup(action_name(verb->action)));
    for (Field field = 0; field < FIELD_COUNT; field++)
        if (options->cell[field] != NULL && field != FIELD_ATTRIBUTE)
            add_column(columns, field, g_strjoinv(" ", options->cell[field]));
    if (password != NULL)
        add_column(columns, FIELD_PASSWORD, password);
}

/* As large as it gets: what was a password must not be left behind. */
static gsize size_of(const Columns *columns, char **names)
{
    gsize cells = 0, size = 0;

    for (unsigned i = 0; i < columns->count; i++) {
        cells += 2 * (columns->cell[i] != NULL ? strlen(columns->cell[i]) : 0) + 4;
        size += 2 * strlen(column_name(columns, i)) + 4;
    }
    for (; *names != NULL; names++)
        size += cells + 2 * strlen(*names) + 4;
    return size;
}

static void write_head(GString *out, const Columns *columns)
{
    const char *names[COLUMNS_MAX];

    for (unsigned i = 0; i < columns->count; i++)
        names[i] = column_name(columns, i);
    table_write_line(out, ';', names, columns->count);
}

/* What stands before the last @ is the user; a domain has none. */
static void write_row(GString *out, const Columns *columns, const char *name)
{
    const char *cells[COLUMNS_MAX], *at = strrchr(name, '@');
    g_autofree char *user = at != NULL ? g_strndup(name, (gsize)(at - name)) : g_strdup("");

    for (unsigned i = 0; i < columns->count; i++)
        cells[i] = columns->field[i] == FIELD_DOMAIN ? (at != NULL ? at + 1 : name)
                   : columns->field[i] == FIELD_USER ? user
                                                     : columns->cell[i];
    table_write_row(out, ';', columns->field, cells, columns->count);
}

/* --- handing in --- */

/* Whether all rows are good; where not, it is told why. */
static int check_rows(const CliPlace *place, const CliFile *file, const char *as)
{
    g_autoptr(Address) address = NULL;
    g_autofree char *id = NULL;
    int code = cli_hand_in(place, "check", file, as, "", &address, &id);

    return code != 0 ? code : cli_follow_check(place, id, true);
}

static int send_rows(const CliPlace *place, const CliFile *file, const VerbOptions *options,
                     const char *as)
{
    g_autoptr(Address) address = NULL;
    g_autofree char *id = NULL;
    const char *reference = options->reference != NULL ? options->reference : "";
    int code = options->no_wait ? 0 : check_rows(place, file, as);

    if (code != 0)
        return code;
    code = cli_hand_in(place, "apply", file, as, reference, &address, &id);
    if (code != 0)
        return code;
    if (options->no_wait)
        printf("job %s\n", id);
    return options->no_wait ? 0 : cli_follow_apply(place, id, address->full);
}

static int hand_in(const CliPlace *place, const VerbOptions *options, const char *as,
                   const Columns *columns, char **names)
{
    const gsize size = size_of(columns, names);
    GString *text = g_string_sized_new(size);
    int code;

    write_head(text, columns);
    for (; *names != NULL; names++)
        write_row(text, columns, *names);
    const CliFile file = {.fd = -1, .bytes = text->str, .size = text->len};
    if (options->check) {
        g_autoptr(Address) address = NULL;
        g_autofree char *id = NULL;
        code = cli_hand_in(place, "check", &file, as, "", &address, &id);
        code = code != 0 ? code : cli_follow_check(place, id, false);
    } else {
        code = send_rows(place, &file, options, as);
    }
    secret_wipe(text->str, text->allocated_len);
    g_string_free(text, TRUE);
    return code;
}

/* --- what was typed --- */

/* Addresses and domains; what is neither may be a password that stands in the wrong place, and is
 * not repeated. */
static int check_names(char **names, const char *usage)
{
    for (unsigned i = 0; names[i] != NULL; i++)
        if (strpbrk(names[i], "@.") == NULL)
            return cli_fault(EX_USAGE,
                             "word %u behind the verb is neither an address nor a "
                             "domain; usage: %s",
                             i + 1, usage);
    return *names != NULL ? 0 : cli_fault(EX_USAGE, "nothing is named; usage: %s", usage);
}

static int run_action(const CliPlace *place, const Verb *verb, const VerbOptions *options,
                      char **names)
{
    const char *as = options->as != NULL ? options->as : g_getenv("BATCHLOAD_AS");
    g_autofree char *usage = verb_usage(verb);
    g_auto(Columns) columns = {0};
    Secret *password = NULL;
    int code;

    if (as == NULL)
        return cli_fault(EX_USAGE,
                         "whose request it is must be said, by --as or in BATCHLOAD_AS; usage: %s",
                         usage);
    if (options->reference != NULL && !cli_is_reference(options->reference))
        return cli_fault(EX_USAGE, CLI_REFERENCE_FAULT);
    code = verb_password(verb, options, &password);
    if (code != 0)
        return code;
    make_columns(&columns, verb, options, password);
    code = add_attributes(&columns, options->cell[FIELD_ATTRIBUTE]);
    if (code != 0)
        return code;
    return hand_in(place, options, as, &columns, names);
}

static int run(const CliPlace *place, const Verb *verb, int argc, char **argv)
{
    g_auto(VerbOptions) options = {.password_fd = -1};
    g_autofree char *usage = verb_usage(verb);
    int code = 0;

    if (!verb_parse(verb, &argc, &argv, &options, &code))
        return code;
    code = check_names(argv + 1, usage);
    if (code != 0)
        return code;
    if (verb->show)
        return verb_show(place, (int)verb->type, argv + 1,
                         &(VerbShow){.csv = options.csv, .json = options.json});
    return run_action(place, verb, &options, argv + 1);
}

static bool find_action(const char *word, Verb *verb)
{
    g_autofree char *name = NULL;

    verb->show = strcmp(word, "show") == 0;
    if (verb->show)
        return true;
    if (!action_find(word, &verb->action) || action_reads(verb->action) ||
        !type_does(verb->type, verb->action))
        return false;
    name = g_ascii_strdown(word, -1);
    return strcmp(name, word) == 0;
}

/* "; did you mean add?", or "". Caller owns it. */
static char *nearest_action(const char *word, Verb *verb)
{
    const char *meant = nearest_meant(word, action_names());
    g_autofree char *name = g_ascii_strdown(meant != NULL ? meant : "", -1);

    return find_action(name, verb) ? g_strdup_printf("; did you mean %s?", name) : g_strdup("");
}

void cli_print_verbs(void)
{
    for (int i = 0; i < TYPE_COUNT; i++) {
        g_autofree char *word = verb_word((ObjectType)i);
        cli_print_summary(word, verb_things((ObjectType)i));
    }
}

int cli_verb(const CliPlace *place, int argc, char **argv)
{
    Verb verb = {0};
    g_autofree char *help = NULL, *actions = NULL, *near = NULL;

    g_return_val_if_fail(verb_type(argv[0], &verb.type), EX_USAGE);
    if (argc > 1 && find_action(argv[1], &verb))
        return run(place, &verb, argc - 1, argv + 1);
    help = verb_type_help(verb.type);
    if (argc > 1 && (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0)) {
        fputs(help, stdout);
        return 0;
    }
    actions = verb_actions(verb.type);
    near = argc > 1 ? nearest_action(argv[1], &verb) : g_strdup("");
    return cli_fault(EX_USAGE, "%s %s %s%s: see batchload %s --help", argv[0],
                     argc > 1 ? "does not know that action, but" : "lacks an action:", actions,
                     near, argv[0]);
}
