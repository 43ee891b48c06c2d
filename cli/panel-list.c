/* SPDX-License-Identifier: MIT */
#include "cli/panel.h"

#include "lib/show.h"
#include "lib/text.h"

#include <stdio.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

/* What is there, looked up as batchload show does. */

/* Longest item that is printed, in bytes. */
#define ITEM_MAX 4096

/* What a listing prints of each row that it is about. */
static const struct {
    const char *call;
    Field field;  /* DOMAIN and USER: the object itself */
    bool of_user; /* of what UserName, or a list's name, is; else of all in the domain */
    bool targets; /* only what leads to DomainName, or to UserName there, from any domain */
} listings[] = {
    {"EGetMailURL", FIELD_WEB_URL, false, false},
    {"EGetDomainAliasList", FIELD_DOMAIN, false, true},
    {"EGetDistributionListList", FIELD_USER, false, false},
    {"EGetDistributionList", FIELD_USER, false, false},
    {"EGetMailingListList", FIELD_USER, false, false},
    {"EGetSpamFilterList", FIELD_FILTER, false, false},
    {"EGetCatchallUser", FIELD_TARGET, false, false},
    {"EGetUserAliasList", FIELD_USER, true, true},
    {"EGetForwardList", FIELD_MAILFORWARD, true, false},
    {"EGetAutoResponder", FIELD_SUBJECT, true, false},
    {"EGetDistributionListMemberList", FIELD_LIST_MEMBER, true, false},
    {"EGetMailingListMemberList", FIELD_LIST_MEMBER, true, false},
};

typedef struct {
    Config *config;
    Directory *directory;
} Look;

static void look_clear(Look *look)
{
    g_clear_pointer(&look->directory, directory_free);
    g_clear_pointer(&look->config, config_unref);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Look, look_clear)

static int look_open(const CliPlace *place, Look *look)
{
    g_autoptr(GError) error = NULL;

    look->config = config_load(place->config != NULL ? place->config : CLI_CONFIG, &error);
    if (look->config == NULL)
        return cli_fault(CLI_NO, "%s%s", error->message,
                         geteuid() != 0 ? "; only root may look into the directory this way" : "");
    directory_init();
    look->directory = directory_new(&look->config->directory, &error);
    return look->directory != NULL ? 0 : cli_fault(CLI_NO, "%s", error->message);
}

static int could_not_tell(const GError *error)
{
    return cli_fault(CLI_NO, "it could not be told just now: %s", error->message);
}

/* Whether the row's TARGET is this. */
static bool leads_to(const ShowRow *row, const char *target)
{
    const GPtrArray *values = row->cell[FIELD_TARGET];

    return values != NULL && values->len > 0 && g_ascii_strcasecmp(values->pdata[0], target) == 0;
}

/* --- one object --- */

typedef struct {
    ObjectType type;
    const char *target; /* or NULL */
    bool found;
} Wanted;

static bool on_wanted(gpointer data, const ShowRow *row)
{
    Wanted *wanted = data;

    wanted->found =
        row->type == wanted->type && (wanted->target == NULL || leads_to(row, wanted->target));
    return !wanted->found;
}

/* 0 where it is there, else the words are told. */
static int need(Look *look, const Address *address, ObjectType type, const char *target,
                const char *missing)
{
    const bool domain = type == TYPE_DOMAINALIAS;
    const ShowScope scope = {
        .domain = address->domain, .user = domain ? NULL : address->local, .type = (int)type};
    Wanted wanted = {.type = type, .target = target};
    g_autoptr(GError) error = NULL;

    if (show_stream(look->directory, look->config->profile, &scope, on_wanted, &wanted, &error) ==
        ANSWER_UNKNOWN)
        return could_not_tell(error);
    return wanted.found
               ? 0
               : cli_fault(CLI_NO, "%s %s", domain ? address->domain : address->full, missing);
}

static int need_domain(Look *look, const char *domain)
{
    g_autofree char *dn = profile_domain_dn(look->config->profile, domain);
    g_autoptr(Entry) entry = NULL;
    g_autoptr(GError) error = NULL;

    switch (directory_read(look->directory, dn, profile_attributes(look->config->profile), &entry,
                           &error)) {
    case ANSWER_YES:
        return 0;
    case ANSWER_NO:
        return cli_fault(CLI_NO, "there is no domain %s", domain);
    case ANSWER_UNKNOWN:
        break;
    }
    return could_not_tell(error);
}

#define NO_USER "is no mailbox"
#define NO_LIST "is no list of this kind"

int panel_check(const PanelAsked *asked, bool *nothing)
{
    const PanelCall *call = asked->call;
    const bool goes = call->action == ACTION_DELETE && asked->further != NULL;
    const bool comes = call->action == ACTION_ADD && type_is_list(call->type) && asked->count > 2;
    const bool rests = call->type == TYPE_DOMAIN &&
                       (call->action == ACTION_SUSPEND || call->action == ACTION_RESUME);
    g_auto(Look) look = {NULL, NULL};
    g_autoptr(Address) own = NULL;
    int code;

    *nothing = false;
    if (!goes && !comes && !rests)
        return 0;
    code = look_open(asked->place, &look);
    if (code != 0)
        return code;
    *nothing = rests && !profile_has_action(look.config->profile, call->type, call->action);
    if (rests)
        return need_domain(&look, asked->domain);
    own = asked->user != NULL ? address_from_parts(asked->user, asked->domain, NULL) : NULL;
    if (comes)
        return need(&look, own, call->type, NULL, NO_LIST);
    return need(&look, asked->further, call->type, own != NULL ? own->full : asked->domain,
                call->type == TYPE_DOMAINALIAS ? "is no further name of this domain"
                                               : "is no alias of this mailbox");
}

/* --- listings --- */

typedef struct {
    ObjectType type;
    Field field;
    const char *domain, *target;
    GString *out;
} Listing;

static void add_item(Listing *listing, const char *item)
{
    g_autofree char *line = text_printable(item, -1, ITEM_MAX);

    g_string_append_printf(listing->out, "%s\n", line);
}

/* The name of what lies in the domain that is asked about, the address of what does not: either is
 * what the calls take. */
static void add_name(Listing *listing, const ShowRow *row)
{
    g_autofree char *full = g_strconcat(row->user, "@", row->domain, NULL);

    add_item(listing, strcmp(row->domain, listing->domain) == 0 ? row->user : full);
}

/* The subject on its line, and the message as it is. */
static void add_answer(Listing *listing, const ShowRow *row)
{
    g_autofree char *subject = show_row_cell(row, FIELD_SUBJECT);
    g_autofree char *message = show_row_cell(row, FIELD_MESSAGE);

    add_item(listing, subject);
    g_string_append(listing->out, message);
    if (!g_str_has_suffix(message, "\n"))
        g_string_append_c(listing->out, '\n');
}

/* Of one object with much in it, several rows; those that suspend or own it say nothing new. */
static bool on_listed(gpointer data, const ShowRow *row)
{
    Listing *listing = data;
    const GPtrArray *values = row->cell[listing->field];

    if (row->action != ACTION_ADD || row->type != listing->type ||
        (listing->target != NULL && !leads_to(row, listing->target)))
        return true;
    if (row->type == TYPE_AUTORESPONDER)
        add_answer(listing, row);
    else if (listing->field == FIELD_DOMAIN)
        add_item(listing, row->domain);
    else if (listing->field == FIELD_USER)
        add_name(listing, row);
    for (guint i = 0; row->type != TYPE_AUTORESPONDER && values != NULL && i < values->len; i++)
        add_item(listing, values->pdata[i]);
    return true;
}

/* That it is there of which something is asked. */
static int need_owner(Look *look, const PanelAsked *asked, const Address *own)
{
    const ObjectType type = type_is_list(asked->call->type) ? asked->call->type : TYPE_FULL;
    int code = need_domain(look, asked->domain);

    if (code != 0 || own == NULL)
        return code;
    return need(look, own, type, NULL, type == TYPE_FULL ? NO_USER : NO_LIST);
}

int panel_list(const PanelAsked *asked)
{
    static const char *const nowhere[] = {NULL};
    g_auto(Look) look = {NULL, NULL};
    g_autoptr(GError) error = NULL;
    g_autoptr(GString) out = g_string_new(NULL);
    g_autoptr(Address) own =
        asked->user != NULL ? address_from_parts(asked->user, asked->domain, NULL) : NULL;
    gsize which = 0;
    int code = look_open(asked->place, &look);

    while (strcmp(listings[which].call, asked->call->name) != 0)
        which++;
    if (code == 0)
        code = need_owner(&look, asked, own);
    if (code != 0)
        return code;
    /* the API's forwards are those of a mailbox */
    const ObjectType type = asked->call->type == TYPE_FORWARD ? TYPE_FULL : asked->call->type;
    ShowScope scope = {.domain = asked->domain,
                       .user = listings[which].of_user ? asked->user : NULL,
                       .type = (int)type};
    Listing listing = {
        .type = type, .field = listings[which].field, .domain = asked->domain, .out = out};
    if (listings[which].targets)
        listing.target = own != NULL ? own->full : asked->domain;
    if (listings[which].of_user && listings[which].targets) {
        scope.type = TYPE_COUNT;
        scope.around = nowhere;
        scope.everywhere = true;
    }
    if (show_stream(look.directory, look.config->profile, &scope, on_listed, &listing, &error) ==
        ANSWER_UNKNOWN)
        return could_not_tell(error);
    fwrite(out->str, 1, out->len, stdout);
    return 0;
}
