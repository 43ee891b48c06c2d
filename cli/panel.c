/* SPDX-License-Identifier: MIT */
#include "cli/panel.h"

#include "lib/follow.h"

#include <gio/gio.h>
#include <stdio.h>
#include <string.h>

/* The panel-style calls: lib/panel.h has what each of them is, and what its parameters are. What an
 * add-on is given for one of them is what is taken here. */

/* Where a password is that is none of the parameters. */
#define PASSWORD_VARIABLE "BATCHLOAD_PASSWORD"
#define PASSWORD_FD_VARIABLE "BATCHLOAD_PASSWORD_FD"

/* A folder's longest name, in bytes. */
#define FOLDER_MAX 4096

static void asked_clear(PanelAsked *asked)
{
    for (unsigned i = 0; i < PANEL_PARAMETERS_MAX; i++)
        secret_free(asked->value[i]);
    g_free(asked->domain);
    g_free(asked->user);
    address_free(asked->further);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(PanelAsked, asked_clear)

static void replace(Secret **value, const char *text)
{
    secret_free(*value);
    *value = secret_dup(text);
}

/* --- parameters --- */

static int take_domain(PanelAsked *asked, const PanelParameter *parameter, Secret **value)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *domain = domain_normalise(*value, &error);

    if (domain == NULL)
        return cli_fault(CLI_NO, "%s: %s", parameter->name, error->message);
    replace(value, domain);
    asked->domain = g_steal_pointer(&domain);
    return 0;
}

static int take_user(PanelAsked *asked, const PanelParameter *parameter, Secret **value)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(Address) address = NULL;

    if (strchr(*value, '@') != NULL)
        return cli_fault(CLI_NO, "%s is the part of the address before the @", parameter->name);
    address = address_parse(*value, asked->domain, &error);
    if (address == NULL)
        return cli_fault(CLI_NO, "%s: %s", parameter->name, error->message);
    replace(value, address->local);
    asked->user = g_strdup(address->local);
    return 0;
}

/* Another domain's name, or an address, in the domain where it is a name only. */
static int take_name(PanelAsked *asked, const PanelParameter *parameter, Secret **value)
{
    const bool domain = asked->call->type == TYPE_DOMAINALIAS;
    g_autoptr(GError) error = NULL;
    g_autofree char *name = domain ? domain_normalise(*value, &error) : NULL;

    if (name != NULL)
        asked->further = address_of_domain(name);
    else if (!domain)
        asked->further = address_parse(*value, asked->domain, &error);
    return asked->further != NULL ? 0
                                  : cli_fault(CLI_NO, "%s: %s", parameter->name, error->message);
}

static int take_address(PanelAsked *asked, const PanelParameter *parameter, Secret **value)
{
    /* who is to be of the domain may be named without it */
    const bool own = parameter->field == FIELD_OWNER || parameter->field == FIELD_TARGET;
    g_autoptr(GError) error = NULL;
    g_autoptr(Address) address = NULL;

    if (parameter->field == FIELD_TARGET && strcmp(*value, FOLLOW_CLEARED) == 0)
        return 0;
    address = address_parse(*value, own ? asked->domain : NULL, &error);
    if (address == NULL)
        return cli_fault(CLI_NO, "%s: %s", parameter->name, error->message);
    replace(value, address->full);
    return 0;
}

/* "-": it is somewhere else, where nobody on this machine sees it. */
static int take_password(const PanelParameter *parameter, Secret **value)
{
    g_autoptr(Secret) number = NULL, known = NULL;

    if (strcmp(*value, FOLLOW_PASSWORD) != 0)
        return 0;
    number = door_take_variable(PASSWORD_FD_VARIABLE);
    known = door_take_variable(PASSWORD_VARIABLE);
    if (number != NULL && known != NULL)
        return cli_fault(CLI_NO,
                         PASSWORD_FD_VARIABLE " and " PASSWORD_VARIABLE " can't be given together");
    if (number == NULL && known == NULL)
        return cli_fault(CLI_NO,
                         "%s is \"-\": then " PASSWORD_FD_VARIABLE " names the descriptor of the "
                         "password, or it is in " PASSWORD_VARIABLE,
                         parameter->name);
    g_clear_pointer(value, secret_free);
    if (number != NULL)
        return door_read_descriptor(PASSWORD_FD_VARIABLE, number, value) == 0 ? 0 : CLI_NO;
    *value = g_steal_pointer(&known);
    return 0;
}

/* A folder, or a server's address or name: of nothing that the engine looks at. */
static int check_other(const PanelParameter *parameter, const char *value)
{
    if (g_str_has_suffix(parameter->name, "IP")) {
        g_autoptr(GInetAddress) address = g_inet_address_new_from_string(value);
        return address != NULL ? 0 : cli_fault(CLI_NO, "%s is no IP address", parameter->name);
    }
    if (g_str_has_suffix(parameter->name, "FQDN")) {
        g_autofree char *name = domain_normalise(value, NULL);
        return name != NULL ? 0
                            : cli_fault(CLI_NO, "%s is no whole name of a server", parameter->name);
    }
    for (const char *at = value; *at != '\0'; at++)
        if (g_ascii_iscntrl(*at))
            return cli_fault(CLI_NO, "%s has control characters in it", parameter->name);
    if (!g_path_is_absolute(value) || strlen(value) > FOLDER_MAX)
        return cli_fault(CLI_NO, "%s is no absolute path", parameter->name);
    return 0;
}

/* What leaves as it is what is there; but not all that a call is about. */
static bool may_be_empty(const PanelAsked *asked, const PanelParameter *parameter)
{
    return (parameter->meaning == PANEL_CELL && asked->count > 2) ||
           parameter->meaning == PANEL_SWITCH || parameter->meaning == PANEL_PASSWORD;
}

static int take_value(PanelAsked *asked, const PanelParameter *parameter, Secret **value)
{
    if (!g_utf8_validate(*value, -1, NULL))
        return cli_fault(CLI_NO, "%s is not UTF-8", parameter->name);
    if (**value == '\0')
        return may_be_empty(asked, parameter) ? 0
                                              : cli_fault(CLI_NO, "%s is empty", parameter->name);
    switch (parameter->meaning) {
    case PANEL_DOMAIN:
        return take_domain(asked, parameter, value);
    case PANEL_USER:
        return take_user(asked, parameter, value);
    case PANEL_NAME:
        return take_name(asked, parameter, value);
    case PANEL_ADDRESS:
        return take_address(asked, parameter, value);
    case PANEL_PASSWORD:
        return take_password(parameter, value);
    case PANEL_SWITCH:
        return strcmp(*value, "0") == 0 || strcmp(*value, "1") == 0
                   ? 0
                   : cli_fault(CLI_NO, "%s must be 1 or 0", parameter->name);
    case PANEL_OTHER:
        return check_other(parameter, *value);
    case PANEL_CELL:
        return parameter->field == FIELD_MAILBOX_DIRECTORY ? check_other(parameter, *value) : 0;
    case PANEL_FILTER:
    case PANEL_FILTERTYPE:
    case PANEL_BLOCKS:
        break;
    }
    return 0;
}

static bool has_password(const PanelAsked *asked)
{
    for (unsigned i = 0; i < asked->count; i++)
        if (asked->parameters[i].meaning == PANEL_PASSWORD)
            return true;
    return false;
}

/* Where a password may stand, nobody can read the parameters any more, whatever is wrong with them.
 */
static int take_values(PanelAsked *asked, int argc, char **argv)
{
    const bool counted = argc - 1 == (int)asked->count, secret = has_password(asked);
    int code = 0;

    for (int i = 1; i < argc; i++) {
        if (counted)
            asked->value[i - 1] = secret_dup(argv[i]);
        if (secret && (!counted || asked->parameters[i - 1].meaning == PANEL_PASSWORD))
            secret_wipe(argv[i], strlen(argv[i]));
    }
    if (!counted)
        return cli_fault(CLI_NO, "there must be %u parameters, and here are %d; see %s --help",
                         asked->count, argc - 1, asked->call->name);
    for (unsigned i = 0; code == 0 && i < asked->count; i++)
        code = take_value(asked, &asked->parameters[i], &asked->value[i]);
    return code;
}

/* --- rows --- */

static const char *value_of(const PanelAsked *asked, Field field)
{
    for (unsigned i = 0; i < asked->count; i++)
        if (asked->parameters[i].field == field)
            return asked->value[i];
    return "";
}

static void begin_row(const PanelAsked *asked, DoorTable *table, ObjectType type, Action action)
{
    const Address *further = asked->further;
    const char *user = further != NULL ? further->local : asked->user;

    door_table_begin_row(table);
    door_table_set_field(table, FIELD_DOMAIN, further != NULL ? further->domain : asked->domain);
    door_table_set_field(table, FIELD_USER, type_has_user(type) && user != NULL ? user : "");
    door_table_set_field(table, FIELD_TYPE, type_name(type));
    door_table_set_field(table, FIELD_ACTION, action_name(action));
}

static void set_cell(const PanelAsked *asked, DoorTable *table, unsigned at)
{
    const Field field = asked->parameters[at].field;
    const char *value = asked->value[at];
    g_autofree char *edit = NULL;

    switch (asked->parameters[at].meaning) {
    case PANEL_NAME:
        edit = asked->user != NULL ? g_strconcat(asked->user, "@", asked->domain, NULL)
                                   : g_strdup(asked->domain);
        door_table_set_field(table, FIELD_TARGET, edit);
        break;
    case PANEL_ADDRESS:
        if (field == FIELD_MAILFORWARD) /* one more, or one less */
            edit =
                g_strconcat(strcmp(asked->call->name, "EAddForward") == 0 ? "+" : "~", value, NULL);
        door_table_set_field(table, field, edit != NULL ? edit : value);
        break;
    case PANEL_DOMAIN:
    case PANEL_USER:
    case PANEL_BLOCKS:
    case PANEL_OTHER:
        break;
    default:
        if (*value != '\0')
            door_table_set_field(table, field, value);
    }
}

/* The owner of a new domain gets the mail to its unknown addresses. */
static bool needs_catchall(const PanelCall *call)
{
    return call->type == TYPE_DOMAIN && call->action == ACTION_ADD;
}

static DoorTable *make_table(const PanelAsked *asked)
{
    const PanelCall *call = asked->call;
    const bool clears =
        call->type == TYPE_CATCHALL && strcmp(value_of(asked, FIELD_TARGET), FOLLOW_CLEARED) == 0;
    DoorTable *table = door_table_new();

    begin_row(asked, table, call->type, clears ? ACTION_DELETE : call->action);
    for (unsigned i = 0; !clears && i < asked->count; i++)
        set_cell(asked, table, i);
    if (needs_catchall(call)) {
        begin_row(asked, table, TYPE_CATCHALL, ACTION_ADD);
        door_table_set_field(table, FIELD_TARGET, value_of(asked, FIELD_OWNER));
    }
    return table;
}

/* --- running --- */

/* The parameter that is the column of the row; of a further name's row, DOMAIN and USER are that,
 * and DomainName and UserName are its TARGET. A DoorRequest's name_of. */
static const char *parameter_of(gconstpointer data, Field field)
{
    const PanelAsked *asked = data;
    const bool itself = field == FIELD_DOMAIN || field == FIELD_USER;

    for (unsigned i = 0; i < asked->count; i++) {
        const PanelParameter *parameter = &asked->parameters[i];
        if (asked->further != NULL && itself ? parameter->meaning == PANEL_NAME
                                             : parameter->field == field)
            return parameter->name;
    }
    if (asked->further != NULL && field == FIELD_TARGET)
        return asked->parameters[asked->user != NULL].name;
    return NULL;
}

/* Whose request it is. NULL: the reason was printed. */
static char *find_requester(const CliPlace *place)
{
    const char *named = g_getenv("BATCHLOAD_AS");
    int code = 0;
    g_autoptr(Config) config = named == NULL ? cli_config(place, &code) : NULL;
    g_autoptr(GError) error = NULL;
    g_autoptr(Address) address = NULL;

    if (named == NULL && config != NULL && config->panel_requester != NULL)
        return g_strdup(config->panel_requester);
    if (named == NULL && config != NULL)
        cli_fault(CLI_NO, "whose request it is must be said, by panel_requester in the "
                          "configuration or by BATCHLOAD_AS");
    if (named == NULL)
        return NULL;
    address = address_parse(named, NULL, &error);
    if (address == NULL)
        cli_fault(CLI_NO, "BATCHLOAD_AS: %s", error->message);
    return address != NULL ? g_strdup(address->full) : NULL;
}

/* What is added as a whole was not there. */
static int check_counts(const PanelAsked *asked, const unsigned counts[RESULT_COUNT])
{
    const bool whole =
        asked->call->action == ACTION_ADD && type_is_list(asked->call->type) && asked->count == 2;

    if (whole && counts[RESULT_UNCHANGED] > 0)
        return cli_fault(CLI_NO, "a list of this name is there already");
    return 0;
}

static int change(const PanelAsked *asked)
{
    g_autofree char *requester = NULL;
    g_autoptr(DoorTable) table = make_table(asked);
    unsigned counts[RESULT_COUNT] = {0};
    bool nothing = false;
    int code = panel_check(asked, &nothing);

    if (code != 0 || nothing)
        return code;
    requester = find_requester(asked->place);
    if (requester == NULL)
        return CLI_NO;
    const DoorRequest request = {.admin = requester,
                                 .atomic = needs_catchall(asked->call),
                                 .table = table,
                                 .what = asked->call->name,
                                 .name_of = parameter_of,
                                 .data = asked};
    code = door_submit(asked->place, &request, counts);
    if (code == 0)
        code = check_counts(asked, counts);
    if (code == 0 && strcmp(asked->call->name, "EChangeDomainIP") == 0)
        code = panel_command(asked, false);
    return code;
}

static int run(PanelAsked *asked, int argc, char **argv)
{
    int code = take_values(asked, argc, argv);

    if (code != 0)
        return code;
    switch (asked->call->kind) {
    case PANEL_CHANGE:
        return change(asked);
    case PANEL_LISTING:
        return panel_list(asked);
    case PANEL_COMMAND:
    case PANEL_REGISTER:
        break;
    }
    return panel_command(asked, true);
}

static void print_usage(const PanelAsked *asked)
{
    printf("Usage: %s", asked->call->name);
    for (unsigned i = 0; i < asked->count; i++)
        printf(" %s", asked->parameters[i].name);
    putchar('\n');
}

void door_print_panel(void)
{
    for (const PanelCall *call = panel_calls; call->name != NULL; call++)
        printf("  %s\n", call->name);
}

bool door_panel(const CliPlace *place, int argc, char **argv, int *code)
{
    g_auto(PanelAsked) asked = {.place = place, .call = panel_find(argv[0])};

    if (asked.call == NULL)
        return false;
    asked.parameters = panel_parameters(asked.call, false, &asked.count);
    *code = 0;
    if (argc == 2 && strcmp(argv[1], "--help") == 0)
        print_usage(&asked);
    else if (asked.call->kind == PANEL_REGISTER)
        *code = cli_register_addon(place, argc, argv);
    else
        *code = run(&asked, argc, argv) == 0 ? 0 : CLI_NO;
    return true;
}
