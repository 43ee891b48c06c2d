/* SPDX-License-Identifier: MIT */
#include "lib/follow.h"

#include "lib/audit-type.h"
#include "lib/panel.h"
#include <string.h>

/* One change, while its calls are made. */
typedef struct {
    const Addon *addon;
    const Operation *operation;
    unsigned line;
    const char *disabled;
    GPtrArray *calls;
    GVariant *fields; /* AUDIT_FIELDS_TYPE */
    const char *address;
    const char *local, *domain; /* of it, as the calls name them */
    const char *object;         /* what the next calls concern */
    bool modify;
    /* of one call */
    const char *item, *item_name; /* a member, a target, a further name; and its name */
    const char *filter_type;
} Change;

/* --- what a column holds --- */

/* The values that go or come in a column; *gone and *come are owned by the caller (the arrays, not
 * their texts). false: it does not change. */
static bool find_field(const Change *change, Field field, const char ***gone, const char ***come)
{
    GVariantIter iter;
    const char *name;
    GVariant *before, *after;
    bool found = false;
    g_variant_iter_init(&iter, change->fields);
    while (!found && g_variant_iter_next(&iter, "(&s@as@as)", &name, &before, &after)) {
        found = strcmp(name, field_name(field)) == 0;
        if (found) {
            *gone = g_variant_get_strv(before, NULL);
            *come = g_variant_get_strv(after, NULL);
        }
        g_variant_unref(before);
        g_variant_unref(after);
    }
    return found;
}

static bool changes(const Change *change, Field field)
{
    g_autofree const char **gone = NULL, **come = NULL;
    return find_field(change, field, &gone, &come);
}

/* A column of one value as a cell has it. Caller owns the result. */
static char *cell_of(const Change *change, Field field, bool is_switch)
{
    g_autofree const char **gone = NULL, **come = NULL;
    if (!find_field(change, field, &gone, &come))
        return g_strdup("");
    if (is_switch) /* without a value it is on */
        return g_strdup(come[0] && g_ascii_strcasecmp(come[0], "FALSE") == 0 ? "0" : "1");
    return g_strdup(come[0] ? come[0] : change->modify ? FOLLOW_CLEARED : "");
}

/* --- one call --- */

/* The password of the row, where it is that of what the call is about. */
static const Secret *password_of(const Change *change)
{
    const Operation *operation = change->operation;
    if (!operation || !operation->password)
        return NULL;
    const Address *whose = operation->type == TYPE_DOMAIN ? operation->owner : operation->address;
    const bool domain = change->address[0] == '@';
    return domain || (whose && strcmp(whose->full, change->address) == 0) ? operation->password
                                                                          : NULL;
}

static char *argument_of(const Change *change, const PanelParameter *parameter, SpoolCall *call)
{
    const Secret *password;
    switch (parameter->meaning) {
    case PANEL_DOMAIN:
        return g_strdup(change->domain);
    case PANEL_USER:
        return g_strdup(change->local);
    case PANEL_CELL:
        if (parameter->field == FIELD_MEMBER_NAME)
            return g_strdup(change->item_name ? change->item_name : "");
        return cell_of(change, parameter->field, false);
    case PANEL_SWITCH:
        return cell_of(change, parameter->field, true);
    case PANEL_PASSWORD:
        password = changes(change, FIELD_PASSWORD) || change->address[0] == '@'
                       ? password_of(change)
                       : NULL;
        call->password = secret_dup(password);
        call->password_hashed = password && change->operation->password_hashed;
        return g_strdup(password ? FOLLOW_PASSWORD : "");
    case PANEL_ADDRESS:
        if (parameter->field == FIELD_OWNER)
            return cell_of(change, FIELD_OWNER, false);
        return g_strdup(change->item ? change->item : "");
    case PANEL_NAME:
    case PANEL_FILTER:
        return g_strdup(change->item ? change->item : "");
    case PANEL_FILTERTYPE:
        return g_strdup(change->filter_type ? change->filter_type : "");
    case PANEL_BLOCKS:
        return g_strdup("0");
    case PANEL_OTHER:
        break;
    }
    return g_strdup("");
}

static SpoolCall *call_new(const Change *change, const char *name)
{
    SpoolCall *call = g_new0(SpoolCall, 1);
    call->line = change->line;
    call->addon = g_strdup(change->addon->name);
    call->domain = g_strdup(change->domain);
    call->object = g_strdup(change->object);
    call->name = g_strdup(name);
    call->arguments = g_ptr_array_new_with_free_func(g_free);
    g_ptr_array_add(change->calls, call);
    return call;
}

static void add_call(const Change *change, const char *name)
{
    const PanelCall *known = panel_find(name);
    unsigned count;
    g_return_if_fail(known != NULL);
    const PanelParameter *parameters = panel_parameters(known, change->addon->older, &count);
    if (!addon_takes(change->addon, name))
        return;
    SpoolCall *call = call_new(change, name);
    if (g_strcmp0(change->item, AUDIT_MORE) == 0) {
        g_ptr_array_add(call->arguments, g_strdup(AUDIT_MORE));
        return;
    }
    for (unsigned i = 0; i < count; i++)
        g_ptr_array_add(call->arguments, argument_of(change, &parameters[i], call));
}

/* A call for each value that goes, then for each that comes. name NULL: none. */
static void add_each(Change *change, Field field, const char *gone_name, const char *come_name)
{
    g_autofree const char **gone = NULL, **come = NULL;
    if (!find_field(change, field, &gone, &come))
        return;
    for (const char **each = gone; gone_name && *each; each++) {
        change->item = *each;
        add_call(change, gone_name);
    }
    for (const char **each = come; come_name && *each; each++) {
        change->item = *each;
        add_call(change, come_name);
    }
    change->item = NULL;
}

/* --- by type --- */

static void follow_enabled(const Change *change, const char *suspend, const char *resume)
{
    g_autofree const char **gone = NULL, **come = NULL;
    if (!find_field(change, FIELD_ACTIVATED, &gone, &come))
        return;
    if (come[0] && g_ascii_strcasecmp(come[0], change->disabled) == 0)
        add_call(change, suspend);
    else if (change->modify) /* what is new is enabled */
        add_call(change, resume);
}

static void follow_mail_store(const Change *change)
{
    GVariantIter iter;
    const char *name;
    GVariant *before, *after;
    if (!addon_takes(change->addon, ADDON_MAIL_STORE))
        return;
    g_variant_iter_init(&iter, change->fields);
    while (g_variant_iter_next(&iter, "(&s@as@as)", &name, &before, &after)) {
        g_autofree const char **values = g_variant_get_strv(before, NULL);
        if (strcmp(name, AUDIT_MAIL_STORE) == 0 && values[0]) {
            SpoolCall *call = call_new(change, ADDON_MAIL_STORE);
            g_ptr_array_add(call->arguments, g_strdup(values[0]));
            g_ptr_array_add(call->arguments, g_strdup(change->domain));
            g_ptr_array_add(call->arguments, g_strdup(change->local));
        }
        g_variant_unref(before);
        g_variant_unref(after);
    }
}

/* Whether a column of a call's own parameters changes. */
static bool changes_any(const Change *change, const char *name)
{
    unsigned count;
    const PanelParameter *parameters = panel_parameters(panel_find(name), false, &count);
    for (unsigned i = 0; i < count; i++)
        if (parameters[i].field > FIELD_USER && parameters[i].field != FIELD_COUNT &&
            changes(change, parameters[i].field))
            return true;
    return false;
}

static void follow_answer(const Change *change)
{
    g_autofree const char **gone = NULL, **come = NULL;
    const bool message = find_field(change, FIELD_MESSAGE, &gone, &come);
    if (message && !come[0])
        add_call(change, "EDeleteAutoResponder");
    else if (message || changes(change, FIELD_SUBJECT))
        add_call(change, "ESetAutoResponder");
}

/* Further addresses that stand in the account's own entry. */
static void follow_addresses(Change *change)
{
    g_autofree const char **gone = NULL, **come = NULL;
    if (!find_field(change, FIELD_ALIAS, &gone, &come))
        return;
    for (unsigned added = 0; added < 2; added++)
        for (const char **each = added ? come : gone; *each; each++) {
            const char *at = strrchr(*each, '@');
            const bool here = at && strcmp(at + 1, change->domain) == 0;
            g_autofree char *name = g_strndup(*each, here ? (gsize)(at - *each) : strlen(*each));
            change->item = name;
            add_call(change, added ? "EAddUserAlias" : "EDeleteUserAlias");
        }
    change->item = NULL;
}

static void follow_full(Change *change, Action action)
{
    switch (action) {
    case ACTION_ADD:
        add_call(change, "EAddUser");
        break;
    case ACTION_MODIFY:
        if (changes_any(change, "EEditUser"))
            add_call(change, "EEditUser");
        break;
    default:
        add_call(change, "EDeleteUser");
        follow_mail_store(change);
        return;
    }
    follow_addresses(change);
    add_each(change, FIELD_MAILFORWARD, "EDeleteForward", "EAddForward");
    follow_answer(change);
    follow_enabled(change, "ESuspendUser", "EResumeUser");
}

/* The names of members that come stand in a column of their own: "ADDRESS NAME". */
static const char *name_of_member(const char *const *names, const char *member)
{
    const gsize length = strlen(member);
    for (; names && *names; names++)
        if (strncmp(*names, member, length) == 0 && (*names)[length] == ' ')
            return *names + length + 1;
    return NULL;
}

static void follow_members(Change *change, const char *gone_name, const char *come_name)
{
    g_autofree const char **gone = NULL, **come = NULL, **no_names = NULL, **names = NULL;
    (void)find_field(change, FIELD_MEMBER_NAME, &no_names, &names);
    if (!find_field(change, FIELD_LIST_MEMBER, &gone, &come))
        return;
    for (const char **each = gone; *each; each++) {
        change->item = *each;
        add_call(change, gone_name);
    }
    for (const char **each = come; *each; each++) {
        change->item = *each;
        change->item_name = name_of_member(names, *each);
        add_call(change, come_name);
    }
    change->item = change->item_name = NULL;
}

static void follow_list(Change *change, Action action, bool names)
{
    if (action == ACTION_DELETE) {
        add_call(change, names ? "EDeleteMailingList" : "EDeleteDistributionList");
        return;
    }
    if (action == ACTION_ADD)
        add_call(change, names ? "EAddMailingList" : "EAddDistributionList");
    follow_members(change, names ? "EDeleteMailingListMember" : "EDeleteDistributionListMember",
                   names ? "EAddMailingListMember" : "EAddDistributionListMember");
}

/* The account that the alias leads to, or led to. */
static void follow_alias(Change *change, Action action)
{
    g_autofree const char **gone = NULL, **come = NULL;
    if (!find_field(change, FIELD_TARGET, &gone, &come) &&
        !find_field(change, FIELD_MAILFORWARD, &gone, &come))
        return;
    const char *target = action == ACTION_DELETE ? gone[0] : come[0];
    g_autoptr(Address) account = target ? address_parse(target, NULL, NULL) : NULL;
    if (!account)
        return;
    Change alias = *change;
    alias.item = strcmp(account->domain, change->domain) == 0 ? change->local : change->address;
    alias.local = account->local;
    alias.domain = account->domain;
    alias.object = account->full;
    add_call(&alias, action == ACTION_DELETE ? "EDeleteUserAlias" : "EAddUserAlias");
}

static void follow_catchall(Change *change)
{
    g_autofree const char **gone = NULL, **come = NULL;
    if (!find_field(change, FIELD_TARGET, &gone, &come) &&
        !find_field(change, FIELD_MAILFORWARD, &gone, &come))
        return;
    change->item = come[0] ? come[0] : FOLLOW_CLEARED;
    add_call(change, "ESetCatchallUser");
}

/* "EMAIL:someone@example.net" and so on. */
static void follow_filters(Change *change)
{
    g_autofree const char **gone = NULL, **come = NULL;
    if (!find_field(change, FIELD_FILTER, &gone, &come))
        return;
    for (unsigned added = 0; added < 2; added++)
        for (const char **each = added ? come : gone; *each; each++) {
            const char *colon = strchr(*each, ':');
            const bool more = strcmp(*each, AUDIT_MORE) == 0;
            if (!colon && !more)
                continue;
            g_autofree char *type = colon ? g_strndup(*each, (gsize)(colon - *each)) : NULL;
            change->filter_type = type;
            change->item = colon ? colon + 1 : *each;
            add_call(change, added ? "EAddSpamFilter" : "EDeleteSpamFilter");
        }
    change->filter_type = change->item = NULL;
}

static void follow_domain(Change *change, Action action)
{
    const char *parts = change->object;
    change->object = ""; /* the domain as a whole */
    if (action == ACTION_DELETE) {
        add_call(change, "EDeleteDomain");
        return;
    }
    if (action == ACTION_ADD)
        add_call(change, "EAddDomain");
    else if (changes_any(change, "EEditDomain"))
        add_call(change, "EEditDomain");
    if (action == ACTION_MODIFY && changes(change, FIELD_IP))
        add_call(change, "EChangeDomainIP");
    follow_enabled(change, "ESuspendDomain", "EResumeDomain");
    change->object = parts;
    follow_filters(change);
}

static void follow_domain_alias(const Change *change, Action action)
{
    g_autofree const char **gone = NULL, **come = NULL;
    if (!find_field(change, FIELD_TARGET, &gone, &come))
        return;
    Change alias = *change;
    alias.domain = action == ACTION_DELETE ? gone[0] : come[0];
    alias.item = change->domain;
    if (alias.domain)
        add_call(&alias, action == ACTION_DELETE ? "EDeleteDomainAlias" : "EAddDomainAlias");
}

static void follow_type(Change *change, ObjectType type, Action action)
{
    switch (type) {
    case TYPE_FULL:
        follow_full(change, action);
        break;
    case TYPE_FORWARD:
        add_each(change, FIELD_MAILFORWARD, "EDeleteForward", "EAddForward");
        break;
    case TYPE_LIST:
    case TYPE_DLIST:
        follow_list(change, action, type == TYPE_LIST);
        break;
    case TYPE_ALIAS:
        follow_alias(change, action);
        break;
    case TYPE_CATCHALL:
        follow_catchall(change);
        break;
    case TYPE_DOMAIN:
        follow_domain(change, action);
        break;
    case TYPE_DOMAINALIAS:
        follow_domain_alias(change, action);
        break;
    case TYPE_RESOURCE: /* the API has no words for these; but its mailbox goes with it */
        if (action == ACTION_DELETE)
            follow_mail_store(change);
        break;
    case TYPE_GROUP:
    case TYPE_RESOURCEGROUP:
    case TYPE_AUTORESPONDER: /* parts of other entries */
    case TYPE_SPAMFILTER:
    case TYPE_COUNT:
        break;
    }
}

bool follow_is_cut(const SpoolCall *call)
{
    return call->arguments->len == 1 && strcmp(call->arguments->pdata[0], AUDIT_MORE) == 0;
}

void follow_calls(const Addon *addon, GVariant *change, const Operation *operation, unsigned line,
                  const char *disabled, GPtrArray *calls)
{
    const char *address, *type_text, *action_text;
    g_autoptr(GVariant) fields = NULL;
    ObjectType type;
    Action action;
    g_variant_get(change, "(&s&s&s@" AUDIT_FIELDS_TYPE ")", &address, &type_text, &action_text,
                  &fields);
    const char *at = strrchr(address, '@');
    if (!at || !type_find(type_text, &type) || !action_find(action_text, &action))
        return; /* none of ours */
    g_autofree char *local = g_strndup(address, (gsize)(at - address));
    Change made = {
        .addon = addon,
        .operation = operation,
        .line = line,
        .disabled = disabled,
        .calls = calls,
        .fields = fields,
        .address = address,
        .local = local,
        .domain = at + 1,
        .object = address,
        .modify = action == ACTION_MODIFY,
    };
    follow_type(&made, type, action);
}
