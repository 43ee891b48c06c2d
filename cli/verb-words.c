/* SPDX-License-Identifier: MIT */
#include "cli/verb.h"

#include "lib/show.h"

#include <string.h>

/* What people read of types and columns; what is not here is called by its own name. */

static const struct {
    const char *type, *word, *things;
} types[] = {
    {"FULL", "user", "mailbox accounts"},
    {"FORWARD", NULL, "addresses that only forward"},
    {"LIST", NULL, "mailing lists"},
    {"DLIST", NULL, "distribution lists, of bare addresses"},
    {"ALIAS", NULL, "further addresses of accounts"},
    {"DOMAIN", NULL, "mail domains"},
    {"DOMAINALIAS", NULL, "further names of domains"},
    {"CATCHALL", NULL, "who gets the mail to unknown addresses of a domain"},
    {"AUTORESPONDER", NULL, "automatic answers of accounts"},
    {"SPAMFILTER", NULL, "senders that a domain takes no mail from"},
    {"GROUP", NULL, "groups of users"},
    {"RESOURCE", NULL, "rooms, cars and other things that can be booked"},
    {"RESOURCEGROUP", NULL, "groups of resources"},
};

/* option: where words stand together in the column's name. */
static const struct {
    const char *field, *option, *value, *text;
} columns[] = {
    {"MAILFORWARD", "mail-forward", "ADDRESS",
     "mail is forwarded there; may be given several times"},
    {"LIST MEMBER", NULL, "ADDRESS", "a member; may be given several times"},
    {"MEMBER", NULL, "ADDRESS", "a member; may be given several times"},
    {"MEMBER NAME", NULL, "NAME", "the member's name"},
    {"ALIAS", NULL, "ADDRESS", "a further address; may be given several times"},
    {"TARGET", NULL, "NAME", "what it stands for"},
    {"@attribute", "attribute", "NAME=TEXT", "the column @NAME; may be given several times"},
    {"QUOTA", NULL, "MB", "size of the mailbox at most"},
    {"LANGUAGE", NULL, "CODE", NULL},
    {"TIMEZONE", NULL, "ZONE", NULL},
    {"SUBJECT", NULL, "TEXT", "of the answer"},
    {"MESSAGE", NULL, "TEXT", "the answer itself"},
    {"FILTER", NULL, "SENDER", "an address, a domain or an IP address"},
    {"FILTERTYPE", "filter-type", "WORD", "EMAIL, DOMAIN or IP"},
    {"MAX MAILBOXES", NULL, "NUMBER", "most mailboxes; -1: any number"},
    {"OWNER", NULL, "ADDRESS", "the account that owns the domain"},
    {"ACTIVATED", NULL, "WORD", "yes or no"},
    {"CHANGEPASSWD", "change-passwd", "WORD", "yes or no: may the user change the password"},
    {"GLOBALADDRESSBOOK", "global-address-book", "WORD", "yes or no"},
    {"IP", NULL, "ADDRESS", "of the domain's server"},
    {"IPSITE", "ip-site", "NUMBER", "0 or 1: whether the domain has that address for itself"},
    {"WEB URL", NULL, "URL", NULL},
    {"ENABLE MAILINGLISTS", "enable-mailing-lists", "NUMBER", "0: not allowed, 1: allowed"},
    {"ENABLE DOMAINALIASES", "enable-domain-aliases", "NUMBER", "0: not allowed, 1: allowed"},
    {"ENABLE DISTRIBUTIONLISTS", "enable-distribution-lists", "NUMBER",
     "0: not allowed, 1: allowed"},
    {"ENABLE SPAMFILTERS", "enable-spam-filters", "NUMBER", "0: not allowed, 1: allowed"},
    {"ENABLE USERALIASES", "enable-user-aliases", "NUMBER", "0: not allowed, 1: allowed"},
    {"ENABLE FORWARDS", NULL, "NUMBER", "0: not allowed, 1: allowed"},
    {"ENABLE AUTORESPONDERS", NULL, "NUMBER", "0: not allowed, 1: allowed"},
    {"ENABLE WEBACCESS", "enable-web-access", "NUMBER", "0: not allowed, 1: allowed"},
    {"GIVENNAME", "given-name", NULL, NULL},
    {"POSTALCODE", "postal-code", NULL, NULL},
    {"COUNTRYNAME", "country-name", "CODE", "the country's two letters"},
    {"ORGANIZATIONALUNIT", "organizational-unit", NULL, NULL},
    {"BUSINESSCATEGORY", "business-category", NULL, NULL},
    {"EMPLOYEETYPE", "employee-type", NULL, NULL},
    {"LABELEDURI", "labeled-uri", NULL, NULL},
    {"POBOX", "po-box", NULL, NULL},
    {"POSTALADDRESS", "postal-address", NULL, NULL},
    {"HOMEPOSTALADDRESS", "home-postal-address", NULL, NULL},
    {"REGISTEREDADDRESS", "registered-address", NULL, NULL},
    {"HOMEPHONE", "home-phone", NULL, NULL},
    {"ISDNUMBER", "isd-number", NULL, NULL},
    {"DEPTNO", "dept-no", NULL, NULL},
    {"EMPLOYEENUMBER", "employee-number", NULL, NULL},
    {"ROOMNUMBER", "room-number", NULL, NULL},
    {"CARLICENSE", "car-license", NULL, NULL},
    {"SIPADDRESS", "sip-address", NULL, NULL},
};

/* What an action does with the things of a type; members: where they can be given. */
static const struct {
    const char *action, *text, *members;
} actions[] = {
    {"ADD", "Makes", "What is there already gets the members that are given."},
    {"DELETE", "Removes", "With members given, only these are taken off."},
    {"MODIFY", "Changes", NULL},
    {"SUSPEND", "Stops", NULL},
    {"RESUME", "Lets work again", NULL},
};

char *verb_word(ObjectType type)
{
    for (gsize i = 0; i < G_N_ELEMENTS(types); i++)
        if (types[i].word != NULL && strcmp(types[i].type, type_name(type)) == 0)
            return g_strdup(types[i].word);
    return g_ascii_strdown(type_name(type), -1);
}

bool verb_type(const char *word, ObjectType *type)
{
    for (int i = 0; i < TYPE_COUNT; i++) {
        g_autofree char *own = verb_word((ObjectType)i);
        g_autofree char *name = g_ascii_strdown(type_name((ObjectType)i), -1);
        if (strcmp(word, own) != 0 && strcmp(word, name) != 0)
            continue;
        *type = (ObjectType)i;
        return true;
    }
    return false;
}

const char *verb_things(ObjectType type)
{
    for (gsize i = 0; i < G_N_ELEMENTS(types); i++)
        if (strcmp(types[i].type, type_name(type)) == 0)
            return types[i].things;
    return type_name(type);
}

const char *verb_names(ObjectType type)
{
    return type_has_user(type) ? "ADDRESS" : "DOMAIN";
}

bool verb_takes(const Verb *verb, Field field)
{
    return !verb->show && !field_is_mandatory(field) && type_takes(verb->type, verb->action, field);
}

char *verb_option(Field field)
{
    for (gsize i = 0; i < G_N_ELEMENTS(columns); i++)
        if (columns[i].option != NULL && strcmp(columns[i].field, field_name(field)) == 0)
            return g_strdup(columns[i].option);
    return g_strdelimit(g_ascii_strdown(field_name(field), -1), " _", '-');
}

/* --- help --- */

G_GNUC_PRINTF(3, 4)
static void add_line(GString *out, const char *head, const char *format, ...)
{
    va_list arguments;

    g_string_append_printf(out, "  %-26s  ", head);
    va_start(arguments, format);
    g_string_append_vprintf(out, format, arguments);
    va_end(arguments);
    g_string_append_c(out, '\n');
}

static void add_column(GString *out, Field field)
{
    const char *value = NULL, *text = NULL;
    g_autofree char *option = verb_option(field);
    g_autofree char *head = NULL;

    for (gsize i = 0; i < G_N_ELEMENTS(columns); i++) {
        if (strcmp(columns[i].field, field_name(field)) != 0)
            continue;
        value = columns[i].value;
        text = columns[i].text;
    }
    head = g_strdup_printf("--%s=%s", option, value != NULL ? value : "TEXT");
    if (text != NULL)
        add_line(out, head, "%s", text);
    else
        add_line(out, head, "the column %s", field_name(field));
}

static bool has_members(const Verb *verb)
{
    for (Field field = 0; field < FIELD_COUNT; field++)
        if (strstr(field_name(field), "MEMBER") != NULL && verb_takes(verb, field))
            return true;
    return false;
}

static void add_summary(GString *out, const Verb *verb)
{
    for (gsize i = 0; i < G_N_ELEMENTS(actions); i++) {
        if (strcmp(actions[i].action, action_name(verb->action)) != 0)
            continue;
        g_string_append_printf(out, "%s %s: a request of TYPE %s, ACTION %s.", actions[i].text,
                               verb_things(verb->type), type_name(verb->type),
                               action_name(verb->action));
        if (actions[i].members != NULL && has_members(verb))
            g_string_append_printf(out, "\n%s", actions[i].members);
    }
    g_string_append_printf(
        out, "\nFirst it is looked whether all of it can be done; where not, it is told why and\n"
             "nothing is changed. The response goes to the ADDRESS of --as.\n\n");
}

static void add_options(GString *out, const Verb *verb)
{
    add_line(out, "--as=ADDRESS", "whose request it is: its grant counts; else BATCHLOAD_AS");
    if (verb_takes(verb, FIELD_PASSWORD)) {
        add_line(out, "--password", "ask for the password on the terminal");
        add_line(out, "--password-fd=N", "read the password from this file descriptor");
        add_line(out, "--password-file=FILE", "read the password from this file");
    }
    for (Field field = 0; field < FIELD_COUNT; field++)
        if (!field_is_secret(field) && verb_takes(verb, field))
            add_column(out, field);
    add_line(out, "--check", "only tell what would happen");
    add_line(out, "--reference=TEXT", "repeated in the response, at most 200 bytes");
    add_line(out, "--no-wait", "end when the daemon has taken it; nothing is told before");
}

static char *show_help(const Verb *verb)
{
    GString *out = g_string_new(NULL);

    g_string_append_printf(out,
                           "Shows %s: those that are named, or all of a domain.\n"
                           "Passwords are never shown. For root.\n\n",
                           verb_things(verb->type));
    add_line(out, "--csv", "as a file that can be sent back");
    add_line(out, "-j, --json", "one line of JSON for each row");
    add_line(out, "-h, --help", "print this");
    g_string_append(out, "\nEnds with 1 where there is none.\n");
    return g_string_free(out, FALSE);
}

char *verb_help(const Verb *verb)
{
    GString *out;

    if (verb->show)
        return show_help(verb);
    out = g_string_new(NULL);
    add_summary(out, verb);
    add_options(out, verb);
    add_line(out, "-h, --help", "print this");
    g_string_append(out, "\nHyphens in the names of columns may be left out. Ends with 0 where "
                         "all is done,\nwith 1 where something was refused.\n");
    return g_string_free(out, FALSE);
}

char *verb_usage(const Verb *verb)
{
    g_autofree char *word = verb_word(verb->type);
    g_autofree char *action = g_ascii_strdown(action_name(verb->action), -1);
    const char *names = verb_names(verb->type);

    if (verb->show && type_has_user(verb->type))
        return g_strdup_printf("batchload [-c FILE] %s show ADDRESS... | DOMAIN... "
                               "[--csv | -j]",
                               word);
    if (verb->show)
        return g_strdup_printf("batchload [-c FILE] %s show DOMAIN... [--csv | -j]", word);
    return g_strdup_printf("batchload [-c FILE | --spool DIR] %s %s %s... --as=ADDRESS "
                           "[OPTION...]",
                           word, action, names);
}

char *verb_actions(ObjectType type)
{
    GString *out = g_string_new(NULL);

    for (int i = 0; i < ACTION_COUNT; i++) {
        g_autofree char *name = g_ascii_strdown(action_name((Action)i), -1);
        if (type_does(type, (Action)i) && !action_reads((Action)i))
            g_string_append_printf(out, "%s%s", out->len > 0 ? ", " : "", name);
    }
    g_string_append(out, " and show");
    return g_string_free(out, FALSE);
}

char *verb_type_help(ObjectType type)
{
    g_autofree char *word = verb_word(type);
    GString *out = g_string_new(NULL);

    g_string_append_printf(out,
                           "Usage: batchload [-c FILE | --spool DIR] %s ACTION %s... "
                           "[OPTION...]\n\nActions on %s:\n",
                           word, verb_names(type), verb_things(type));
    for (int i = 0; i < ACTION_COUNT; i++) {
        g_autofree char *name = g_ascii_strdown(action_name((Action)i), -1);
        if (type_does(type, (Action)i) && !action_reads((Action)i))
            g_string_append_printf(out, "  %-8s  a request of TYPE %s, ACTION %s\n", name,
                                   type_name(type), action_name((Action)i));
    }
    g_string_append(out, "  show      what is there: text, CSV or JSON\n\nOptions:\n"
                         "  -h, --help  print this; after an action: its own options\n");
    return g_string_free(out, FALSE);
}
