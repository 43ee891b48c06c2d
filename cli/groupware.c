/* SPDX-License-Identifier: MIT */
#include "cli/door.h"

#include "lib/address.h"
#include "lib/command.h"
#include "lib/operation.h"

#include <stdio.h>
#include <string.h>
#include <sysexits.h>

/* The groupware server's commands: each is a TYPE and an ACTION, and its options are columns. */

/* What becomes of an option's value. */
typedef enum {
    AS_COLUMN,
    AS_LIST,     /* a column: what commas separate is separated by blanks there */
    AS_NAME,     /* DOMAIN and USER; without a domain, by the name of what is there */
    AS_NEW_NAME, /* the same; without a domain, in the administrator's */
    AS_ACCOUNT,  /* the same; without a domain, --mail is the address */
    AS_MAIL,     /* the address itself */
    AS_ALIASES,  /* as AS_LIST, but for the address itself */
    AS_ROUTE,    /* an attribute, where the profile has it */
    AS_STORES,   /* which of the older system's stores are meant */
} Use;

typedef struct {
    const char *name;
    Use use;
    bool needed;
    Field field;
    const char *value, *text;
} Option;

typedef struct {
    const char *name;
    ObjectType type;
    Action action;
    const char *summary;
    const Option *options; /* ends with one without a name */
    bool others;           /* other columns, and attributes, are options, too */
} Command;

#define PASSWORD "password"
#define ADMIN "adminuser"
#define ADMIN_PASSWORD "adminpasswd"
#define MAIL "mail"
#define ROUTE "colocrouteaddr"

#define NEEDED true
#define END                                                                                        \
    {                                                                                              \
        NULL, AS_COLUMN, false, FIELD_COUNT, NULL, NULL                                            \
    }
#define USERNAME                                                                                   \
    {                                                                                              \
        "username", AS_NAME, NEEDED, FIELD_USER, "NAME",                                           \
            "the account: an address, or a name that is one account's"                             \
    }

static const Option user_options[] = {USERNAME, END};
static const Option add_user_options[] = {
    {"username", AS_ACCOUNT, NEEDED, FIELD_USER, "NAME",
     "the account: its address, or the part of --mail before the @"},
    {PASSWORD, AS_COLUMN, NEEDED, FIELD_PASSWORD, "TEXT", "its password"},
    {"surname", AS_COLUMN, NEEDED, FIELD_SURNAME, "TEXT", "surname"},
    {"alias", AS_ALIASES, NEEDED, FIELD_ALIAS, "ADDRESS,...",
     "its further addresses; its own one may be among them"},
    {MAIL, AS_MAIL, NEEDED, FIELD_COUNT, "ADDRESS", "its own address"},
    {ROUTE, AS_ROUTE, NEEDED, FIELD_COUNT, "ADDRESS",
     "where a profile that has it leads its mail on to"},
    {"givenname", AS_COLUMN, false, FIELD_GIVENNAME, "TEXT", "given name"},
    {"timezone", AS_COLUMN, false, FIELD_TIMEZONE, "NAME", "such as Europe/Berlin"},
    {"language", AS_COLUMN, false, FIELD_LANGUAGE, "NAME", "such as de_DE"},
    {"country", AS_COLUMN, false, FIELD_COUNTRYNAME, "XX", "two letters"},
    {"disable", AS_COLUMN, false, FIELD_DISABLE, "NAME,...", "what a front end does not offer"},
    {"globaladdressbook", AS_COLUMN, false, FIELD_GLOBALADDRESSBOOK, "yes|no",
     "whether it is in the common address book"},
    {"activated", AS_COLUMN, false, FIELD_ACTIVATED, "yes|no",
     "whether it may log in and gets mail"},
    {"changepasswd", AS_COLUMN, false, FIELD_CHANGEPASSWD, "yes|no",
     "whether it may change its password"},
    {"source_only", AS_STORES, false, FIELD_COUNT, "NAME,...",
     "of ldap, groupware, sql, imap; ldap is what there is"},
    END};
static const Option password_options[] = {
    USERNAME, {PASSWORD, AS_COLUMN, NEEDED, FIELD_PASSWORD, "TEXT", "its new password"}, END};
static const Option quota_options[] = {
    USERNAME,
    {"quotasize", AS_COLUMN, NEEDED, FIELD_QUOTA, "MB", "how much it may hold; - for any amount"},
    END};

#define MEMBERS                                                                                    \
    {                                                                                              \
        "members", AS_LIST, NEEDED, FIELD_MEMBER, "NAME,...",                                      \
            "addresses, or names in the same domain"                                               \
    }
/* What is made, what is there, and what is there with members, of a name's option. */
#define OPTIONS_OF(made, there, changed, option, thing)                                            \
    static const Option made[] = {{option, AS_NEW_NAME, NEEDED, FIELD_USER, "NAME",                \
                                   "the new " thing                                                \
                                   ": an address, or a name in the administrator's domain"},       \
                                  MEMBERS,                                                         \
                                  END};                                                            \
    static const Option there[] = {{option, AS_NAME, NEEDED, FIELD_USER, "NAME",                   \
                                    "the " thing ": an address, or a name that is one " thing      \
                                    "'s"},                                                         \
                                   END};                                                           \
    static const Option changed[] = {{option, AS_NAME, NEEDED, FIELD_USER, "NAME",                 \
                                      "the " thing ": an address, or a name that is one " thing    \
                                      "'s"},                                                       \
                                     MEMBERS,                                                      \
                                     END}
OPTIONS_OF(new_group_options, group_options, group_member_options, "groupname", "group");
OPTIONS_OF(new_resgroup_options, resgroup_options, resgroup_member_options, "resourcegroupname",
           "group");
static const Option new_resource_options[] = {
    {"resourcename", AS_NEW_NAME, NEEDED, FIELD_USER, "NAME",
     "the new resource: an address, or a name in the administrator's domain"},
    END};
static const Option resource_options[] = {
    {"resourcename", AS_NAME, NEEDED, FIELD_USER, "NAME",
     "the resource: an address, or a name that is one resource's"},
    END};

static const Command commands[] = {
    {"adduser", TYPE_FULL, ACTION_ADD, "creates an account", add_user_options, true},
    {"deluser", TYPE_FULL, ACTION_DELETE, "deletes an account", user_options, false},
    {"changepasswd", TYPE_FULL, ACTION_MODIFY, "sets an account's password", password_options,
     false},
    {"setquota", TYPE_FULL, ACTION_MODIFY, "sets how much an account may hold", quota_options,
     false},
    {"addgroup", TYPE_GROUP, ACTION_ADD, "creates a group of accounts", new_group_options, true},
    {"delgroup", TYPE_GROUP, ACTION_DELETE, "deletes a group of accounts", group_options, false},
    {"addmembers2group", TYPE_GROUP, ACTION_ADD, "adds accounts to a group", group_member_options,
     false},
    {"delmembersfromgroup", TYPE_GROUP, ACTION_DELETE, "takes accounts out of a group",
     group_member_options, false},
    {"addresource", TYPE_RESOURCE, ACTION_ADD, "creates a resource", new_resource_options, true},
    {"delresource", TYPE_RESOURCE, ACTION_DELETE, "deletes a resource", resource_options, false},
    {"addresourcegroup", TYPE_RESOURCEGROUP, ACTION_ADD, "creates a group of resources",
     new_resgroup_options, true},
    {"delresourcegroup", TYPE_RESOURCEGROUP, ACTION_DELETE, "deletes a group of resources",
     resgroup_options, false},
    {"addmembers2resgroup", TYPE_RESOURCEGROUP, ACTION_ADD, "adds resources to a group",
     resgroup_member_options, false},
    {"delmembersfromresgroup", TYPE_RESOURCEGROUP, ACTION_DELETE, "takes resources out of a group",
     resgroup_member_options, false},
};

/* --- help --- */

static void print_option(const char *name, const char *value, const char *text)
{
    g_autofree char *head = g_strdup_printf("--%s=%s", name, value);

    printf("  %-28s  %s\n", head, text);
}

static void print_help(const Command *command)
{
    printf("Usage: %s --OPTION=VALUE...\n\nIt %s: TYPE %s, ACTION %s.\n\nNeeded:\n", command->name,
           command->summary, type_name(command->type), action_name(command->action));
    print_option(ADMIN, "ADDRESS", "who asks: the grant of this address counts");
    print_option(ADMIN_PASSWORD, "TEXT", "the password of that; better by one of the next two");
    print_option(ADMIN_PASSWORD "-fd", "N", "read it from this file descriptor");
    printf("  BATCHLOAD_ADMINPASSWD         or it stands in the environment\n");
    for (const Option *option = command->options; option->name != NULL; option++) {
        if (option->needed)
            print_option(option->name, option->value, option->text);
        if (option->field == FIELD_PASSWORD) {
            print_option(PASSWORD "-fd", "N", "read it from this file descriptor");
            printf("  BATCHLOAD_PASSWORD            or it stands in the environment\n");
        }
    }
    printf("\nOthers:\n");
    for (const Option *option = command->options; option->name != NULL; option++)
        if (!option->needed)
            print_option(option->name, option->value, option->text);
    if (command->others)
        print_option("ANYNAME", "VALUE", "a column of batchload-csv(5), or an attribute");
    printf("  --help                        print this\n");
}

void door_print_groupware(void)
{
    for (gsize i = 0; i < G_N_ELEMENTS(commands); i++)
        printf("  %-22s  %s\n", commands[i].name, commands[i].summary);
}

/* --- the row --- */

typedef struct {
    const Command *command;
    const GPtrArray *options;
    const char *admin;
    Secret *password; /* of --password, or NULL */
    char *address;    /* what the row is about: an address, or a name alone */
    DoorTable *table;
} Row;

static void row_clear(Row *row)
{
    secret_free(row->password);
    g_free(row->address);
    door_table_free(row->table);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Row, row_clear)

static void add_column(Row *row, Field field, const char *cell)
{
    door_table_set_field(row->table, field, cell);
}

/* Whether both are one address, in any spelling. */
static bool is_same(const char *one, const char *other)
{
    g_autoptr(Address) first = address_parse(one, NULL, NULL);
    g_autoptr(Address) second = address_parse(other, NULL, NULL);

    return first != NULL && second != NULL && strcmp(first->full, second->full) == 0;
}

/* What commas separate, separated by blanks; without the address itself where it is given. */
static char *split_list(const char *text, const char *without)
{
    g_auto(GStrv) words = g_strsplit(text, ",", -1);
    GString *out = g_string_new(NULL);

    for (char **word = words; *word != NULL; word++) {
        if (*g_strstrip(*word) == '\0' || (without != NULL && is_same(*word, without)))
            continue;
        g_string_append_printf(out, "%s%s", out->len > 0 ? " " : "", *word);
    }
    return g_string_free(out, FALSE);
}

/* The new account's address, in row->address. */
static int find_account(Row *row, const char *name)
{
    const char *given = door_option(row->options, MAIL);
    const char *mail = given != NULL ? given : "";
    const gsize local = strcspn(mail, "@");

    row->address = g_strdup(strchr(name, '@') != NULL ? name : mail);
    if (strchr(row->address, '@') == NULL)
        return cli_fault(EX_USAGE, "--" MAIL " is no address");
    if (strchr(name, '@') != NULL
            ? !is_same(name, mail)
            : strlen(name) != local || g_ascii_strncasecmp(name, mail, local) != 0)
        return cli_fault(EX_USAGE,
                         "--username and --" MAIL " are not of the same account: its name "
                         "is its address, or the part of it before the @; further "
                         "addresses are given by --alias");
    return 0;
}

static int find_address(Row *row, const Option *option, const char *value)
{
    g_autoptr(Address) admin = NULL;

    if (*value == '\0')
        return cli_fault(EX_USAGE, "--%s is empty", option->name);
    if (option->use == AS_ACCOUNT)
        return find_account(row, value);
    if (option->use == AS_NEW_NAME && strchr(value, '@') == NULL) {
        admin = address_parse(row->admin, NULL, NULL); /* checked before */
        row->address = g_strconcat(value, "@", admin->domain, NULL);
    } else {
        row->address = g_strdup(value);
    }
    return 0;
}

static void add_address(Row *row)
{
    const char *address = row->address != NULL ? row->address : "";
    const char *at = strrchr(address, '@');
    g_autofree char *user =
        at != NULL ? g_strndup(address, (gsize)(at - address)) : g_strdup(address);

    add_column(row, FIELD_DOMAIN, at != NULL ? at + 1 : "");
    add_column(row, FIELD_USER, user);
    add_column(row, FIELD_TYPE, type_name(row->command->type));
    add_column(row, FIELD_ACTION, action_name(row->command->action));
}

static void add_option(Row *row, const Option *option, const char *value)
{
    g_autofree char *list = NULL;

    switch (option->use) {
    case AS_COLUMN:
        add_column(row, option->field, value);
        break;
    case AS_LIST:
    case AS_ALIASES:
        list = split_list(value, option->use == AS_ALIASES ? row->address : NULL);
        add_column(row, option->field, list);
        break;
    default:
        break;
    }
}

/* --- options --- */

static const Option *find_option(const Command *command, const char *name)
{
    for (const Option *option = command->options; option->name != NULL; option++)
        if (strcmp(option->name, name) == 0)
            return option;
    return NULL;
}

/* Those that all commands have, or that are another way to give a password. */
static bool is_own(const Command *command, const char *name)
{
    return strcmp(name, ADMIN) == 0 || strcmp(name, ADMIN_PASSWORD) == 0 ||
           strcmp(name, ADMIN_PASSWORD "-fd") == 0 ||
           (strcmp(name, PASSWORD "-fd") == 0 && find_option(command, PASSWORD) != NULL);
}

/* One that the command's own table does not have: a column, or an attribute. */
static int add_other(Row *row, const DoorOption *given)
{
    const Command *command = row->command;
    const char *nearest;
    g_autofree char *attribute = g_strconcat("@", given->given, NULL);
    Field field;

    if (field_find(given->given, &field)) {
        if (field_is_mandatory(field) || field_is_secret(field) ||
            !type_takes(command->type, command->action, field))
            return cli_fault(EX_USAGE, "--%s can't be given here; see %s --help", given->given,
                             command->name);
        add_column(row, field, given->value);
        return 0;
    }
    nearest = field_nearest(given->given);
    if (nearest != NULL || !field_is_attribute(given->given))
        return cli_fault(EX_USAGE, "there is no option --%s%s%s; see %s --help", given->given,
                         nearest != NULL ? "; did you mean the column " : "",
                         nearest != NULL ? nearest : "", command->name);
    door_table_set(row->table, attribute, given->value);
    return 0;
}

static int add_given(Row *row)
{
    for (guint i = 0; i < row->options->len; i++) {
        const DoorOption *given = row->options->pdata[i];
        const Option *option = find_option(row->command, given->name);
        int code = 0;
        if (is_own(row->command, given->name) ||
            (option != NULL && option->field == FIELD_PASSWORD))
            continue;
        if (option == NULL)
            code = add_other(row, given);
        else
            add_option(row, option, given->value);
        if (code != 0)
            return code;
    }
    if (row->password != NULL)
        add_column(row, FIELD_PASSWORD, row->password);
    return 0;
}

/* Of a command that takes only what its table has: what is mistyped is not told as missing. */
static int check_known(const Row *row)
{
    for (guint i = 0; !row->command->others && i < row->options->len; i++) {
        const DoorOption *given = row->options->pdata[i];
        if (!is_own(row->command, given->name) && find_option(row->command, given->name) == NULL)
            return cli_fault(EX_USAGE, "there is no option --%s; see %s --help", given->given,
                             row->command->name);
    }
    return 0;
}

/* Names all that is missing at once. */
static int check_needed(const Row *row)
{
    g_autoptr(GString) missing = g_string_new(NULL);

    if (row->admin == NULL)
        g_string_append(missing, " --" ADMIN);
    for (const Option *option = row->command->options; option->name != NULL; option++)
        if (option->needed &&
            (option->field == FIELD_PASSWORD ? row->password == NULL
                                             : door_option(row->options, option->name) == NULL))
            g_string_append_printf(missing, " --%s", option->name);
    if (missing->len == 0)
        return 0;
    return cli_fault(EX_USAGE, "these options are missing:%s; see %s --help", missing->str,
                     row->command->name);
}

/* The daemon would refuse it, too, but can't name the option. */
static int check_admin(const Row *row)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(Address) admin = address_parse(row->admin, NULL, &error);

    if (admin != NULL)
        return 0;
    if (strchr(row->admin, '@') == NULL)
        return cli_fault(EX_USAGE, "--" ADMIN " needs the administrator's whole address, with "
                                   "the @ and the domain");
    return cli_fault(EX_USAGE, "--" ADMIN ": %s", error->message);
}

/* Which stores are meant: *ours, whether what is kept by us is among them. */
static int check_stores(const Row *row, bool *ours)
{
    static const char *const known[] = {"ldap", "groupware", "sql", "imap", NULL};
    const char *value = door_option(row->options, "source_only");
    g_auto(GStrv) words = value != NULL ? g_strsplit(value, ",", -1) : NULL;

    *ours = value == NULL;
    for (char **word = words; word != NULL && *word != NULL; word++) {
        if (!g_strv_contains(known, g_strstrip(*word)))
            return cli_fault(EX_USAGE, "--source_only takes ldap, groupware, sql and imap, with "
                                       "commas between them");
        *ours = *ours || strcmp(*word, "ldap") == 0;
    }
    return 0;
}

static int check_route(const Row *row)
{
    const char *value = door_option(row->options, ROUTE);

    if (value == NULL || find_option(row->command, ROUTE) == NULL)
        return 0;
    if (strchr(value, '@') == NULL || strpbrk(value, " \t\r\n,;<>") != NULL)
        return cli_fault(EX_USAGE, "--" ROUTE " is no address");
    return 0;
}

/* --- running --- */

/* The route is stored where the profile has it. */
static int add_route(const CliPlace *place, Row *row)
{
    const char *value = door_option(row->options, ROUTE);
    g_autofree char *request = g_strdup_printf("takes %s colocRouteAddr", type_name(TYPE_FULL));
    g_autofree char *text = NULL;
    int code;

    if (value == NULL || find_option(row->command, ROUTE) == NULL)
        return 0;
    code = cli_control_ask(place, request, &text);
    if (code == 0 && strcmp(text, COMMAND_TAKEN) == 0)
        door_table_set(row->table, "@colocRouteAddr", value);
    return code;
}

/* A DoorRequest's name_of. */
static const char *option_of(gconstpointer data, Field field)
{
    const Row *row = data;

    for (const Option *option = row->command->options; option->name != NULL; option++)
        if (option->field == field && door_option(row->options, option->name) != NULL)
            return option->name;
    return NULL;
}

static int submit(const CliPlace *place, Row *row, const Secret *password)
{
    const DoorRequest request = {.admin = row->admin,
                                 .password = password,
                                 .table = row->table,
                                 .what = row->address,
                                 .name_of = option_of,
                                 .data = row};
    int code = add_route(place, row);

    return code != 0 ? code : door_submit(place, &request, NULL);
}

/* All that can be said without the daemon; then the row is complete. */
static int make_row(Row *row, bool *ours)
{
    int code = check_known(row);

    if (code == 0)
        code = check_needed(row);
    if (code == 0)
        code = check_admin(row);
    if (code == 0)
        code = check_stores(row, ours);
    if (code == 0)
        code = check_route(row);
    for (const Option *option = row->command->options; code == 0 && option->name != NULL; option++)
        if (option->use == AS_NAME || option->use == AS_NEW_NAME || option->use == AS_ACCOUNT)
            code = find_address(row, option, door_option(row->options, option->name));
    if (code != 0)
        return code;
    door_table_begin_row(row->table);
    add_address(row);
    return add_given(row);
}

static int run(const CliPlace *place, const Command *command, const GPtrArray *options)
{
    g_auto(Row) row = {.command = command,
                       .options = options,
                       .admin = door_option(options, ADMIN),
                       .table = door_table_new()};
    g_autoptr(Secret) password = NULL;
    bool ours = false;
    int code = door_password(options, ADMIN_PASSWORD, "BATCHLOAD_ADMINPASSWD", &password);

    if (code == 0 && find_option(command, PASSWORD) != NULL)
        code = door_password(options, PASSWORD, "BATCHLOAD_PASSWORD", &row.password);
    if (code == 0)
        code = make_row(&row, &ours);
    if (code != 0)
        return code;
    if (password == NULL || *password == '\0')
        return cli_fault(EX_USAGE, "the administrator's password is missing: --" ADMIN_PASSWORD
                                   "-fd, BATCHLOAD_ADMINPASSWD or --" ADMIN_PASSWORD);
    if (!ours) {
        puts(
            "Nothing was done: this service keeps all in ldap, which --source_only does not name.");
        return 0;
    }
    return submit(place, &row, password);
}

bool door_groupware(const CliPlace *place, int argc, char **argv, int *code)
{
    g_autoptr(GPtrArray) options = NULL;
    const Command *command = NULL;

    for (gsize i = 0; i < G_N_ELEMENTS(commands); i++)
        if (strcmp(commands[i].name, argv[0]) == 0)
            command = &commands[i];
    if (command == NULL)
        return false;
    if (argc == 1 || (argc == 2 && strcmp(argv[1], "--help") == 0)) {
        print_help(command);
        *code = argc == 1 ? EX_USAGE : 0;
        return true;
    }
    options = door_options(argc, argv, code);
    if (options != NULL)
        *code = run(place, command, options);
    return true;
}
