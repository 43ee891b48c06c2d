/* SPDX-License-Identifier: MIT */
#include "lib/panel.h"

#include <string.h>

#define END                                                                                        \
    {                                                                                              \
        NULL, PANEL_OTHER, FIELD_COUNT                                                             \
    }
#define NAMED(name, meaning)                                                                       \
    {                                                                                              \
        name, PANEL_##meaning, FIELD_COUNT                                                         \
    }
#define COLUMN(name, meaning, field)                                                               \
    {                                                                                              \
        name, PANEL_##meaning, FIELD_##field                                                       \
    }

#define DOMAIN_NAME COLUMN("DomainName", DOMAIN, DOMAIN)
#define USER_NAME COLUMN("UserName", USER, USER)
#define LIST_NAME(name) COLUMN(name, USER, USER)
#define MOVED NAMED("MailBoxDirectory", OTHER), NAMED("ExportImportDataLocation", OTHER)

/* The API's own spelling. */
#define DOMAIN_SWITCHES                                                                            \
    COLUMN("EnableMailingLists", SWITCH, ENABLE_MAILINGLISTS),                                     \
        COLUMN("EnableDomainAliases", SWITCH, ENABLE_DOMAINALIASES),                               \
        COLUMN("EnableDistributonLists", SWITCH, ENABLE_DISTRIBUTIONLISTS),                        \
        COLUMN("EnableSpamFilters", SWITCH, ENABLE_SPAMFILTERS),                                   \
        COLUMN("EnableUserAliases", SWITCH, ENABLE_USERALIASES),                                   \
        COLUMN("EnableForwards", SWITCH, ENABLE_FORWARDS),                                         \
        COLUMN("EnableAutoResponders", SWITCH, ENABLE_AUTORESPONDERS),                             \
        COLUMN("EnableWebAccess", SWITCH, ENABLE_WEBACCESS)

#define USER_SWITCHES                                                                              \
    COLUMN("UserEnableForwards", SWITCH, ENABLE_FORWARDS),                                         \
        COLUMN("UserEnableAutoResponders", SWITCH, ENABLE_AUTORESPONDERS),                         \
        COLUMN("UserEnableWebAccess", SWITCH, ENABLE_WEBACCESS)

#define NEW_DOMAIN                                                                                 \
    DOMAIN_NAME, COLUMN("IpAddress", CELL, IP),                                                    \
        COLUMN("MailBoxDirectory", CELL, MAILBOX_DIRECTORY),                                       \
        COLUMN("MaxMailBoxes", CELL, MAX_MAILBOXES), COLUMN("MailDomainOwner", ADDRESS, OWNER),    \
        COLUMN("MailDomainOwnerPassword", PASSWORD, PASSWORD)

#define PERSON                                                                                     \
    DOMAIN_NAME, USER_NAME, COLUMN("Password", PASSWORD, PASSWORD),                                \
        COLUMN("FirstName", CELL, GIVENNAME), COLUMN("MiddleName", CELL, INITIALS),                \
        COLUMN("LastName", CELL, SURNAME)

typedef const PanelParameter Parameters[];

static Parameters no_parameters = {END};
static Parameters domain = {DOMAIN_NAME, END};
static Parameters add_domain = {NEW_DOMAIN, COLUMN("ipsite", SWITCH, IPSITE), DOMAIN_SWITCHES, END};
static Parameters add_domain_older = {NEW_DOMAIN, END};
static Parameters edit_domain = {DOMAIN_NAME, COLUMN("MaxMailBoxes", CELL, MAX_MAILBOXES),
                                 DOMAIN_SWITCHES, END};
static Parameters edit_domain_older = {DOMAIN_NAME, COLUMN("MaxMailBoxes", CELL, MAX_MAILBOXES),
                                       END};
static Parameters domain_ip = {DOMAIN_NAME, COLUMN("IPAddress", CELL, IP), END};
static Parameters domain_alias = {DOMAIN_NAME, NAMED("DomainAlias", NAME), END};
static Parameters domain_alias_older = {NAMED("DomainAlias", NAME), END};
static Parameters domain_moved = {DOMAIN_NAME, MOVED, COLUMN("MailDomainOwner", ADDRESS, OWNER),
                                  DOMAIN_SWITCHES, END};
static Parameters distribution_list = {DOMAIN_NAME, LIST_NAME("DistributionListName"), END};
static Parameters mailing_list = {DOMAIN_NAME, LIST_NAME("MailingListName"), END};
static Parameters spam_filter = {DOMAIN_NAME, COLUMN("SpamFilterAddress", FILTER, FILTER),
                                 COLUMN("TypeOfSpamFilter", FILTERTYPE, FILTERTYPE), END};
static Parameters no_spam_filter = {DOMAIN_NAME, COLUMN("SpamFilterAddress", FILTER, FILTER), END};
static Parameters spam_filter_older = {DOMAIN_NAME, NAMED("bAllow", BLOCKS),
                                       COLUMN("SpamFilterType", FILTERTYPE, FILTERTYPE),
                                       COLUMN("SpamFilter", FILTER, FILTER), END};
static Parameters network = {NAMED("OldServerIP", OTHER), NAMED("OldServerFQDN", OTHER),
                             NAMED("NewServerIP", OTHER), NAMED("NewServerFQDN", OTHER), END};
static Parameters person = {PERSON, USER_SWITCHES, END};
static Parameters person_older = {PERSON, END};
static Parameters user = {DOMAIN_NAME, USER_NAME, END};
static Parameters user_moved = {DOMAIN_NAME, USER_NAME, MOVED, USER_SWITCHES, END};
static Parameters user_alias = {DOMAIN_NAME, USER_NAME, NAMED("UserAlias", NAME), END};
static Parameters forward = {DOMAIN_NAME, USER_NAME, COLUMN("UserForward", ADDRESS, MAILFORWARD),
                             END};
static Parameters distribution_list_member = {
    DOMAIN_NAME, LIST_NAME("DistributionListName"),
    COLUMN("DistributionListMemberEmailAddress", ADDRESS, LIST_MEMBER), END};
static Parameters add_mailing_list_member = {
    DOMAIN_NAME, LIST_NAME("MailingListName"), COLUMN("MailingListMemberName", CELL, MEMBER_NAME),
    COLUMN("MailingListMemberEmailAddress", ADDRESS, LIST_MEMBER), END};
static Parameters mailing_list_member = {
    DOMAIN_NAME, LIST_NAME("MailingListName"),
    COLUMN("MailingListMemberEmailAddress", ADDRESS, LIST_MEMBER), END};
static Parameters catchall = {DOMAIN_NAME, COLUMN("CatchallUserEmailAddress", ADDRESS, TARGET),
                              END};
static Parameters answer = {DOMAIN_NAME, USER_NAME, COLUMN("Subject", CELL, SUBJECT),
                            COLUMN("Message", CELL, MESSAGE), END};
static Parameters registration = {
    NAMED("VendorName", OTHER),         NAMED("MailServerName", OTHER),
    NAMED("MailServerVersion", OTHER),  NAMED("MailAPIExtension", OTHER),
    NAMED("MailAPIInterpreter", OTHER), NAMED("MailAPIInterpreterParams", OTHER),
    NAMED("3.XCompliantAPI", OTHER),    END};

#define CHANGE(type, action) PANEL_CHANGE, TYPE_##type, ACTION_##action
#define LISTING(type) PANEL_LISTING, TYPE_##type, ACTION_COUNT
#define COMMAND PANEL_COMMAND, TYPE_COUNT, ACTION_COUNT

const PanelCall panel_calls[] = {
    {"EAddDomain", CHANGE(DOMAIN, ADD), add_domain, add_domain_older},
    {"EEditDomain", CHANGE(DOMAIN, MODIFY), edit_domain, edit_domain_older},
    {"ESuspendDomain", CHANGE(DOMAIN, SUSPEND), domain, NULL},
    {"EResumeDomain", CHANGE(DOMAIN, RESUME), domain, NULL},
    {"EDeleteDomain", CHANGE(DOMAIN, DELETE), domain, NULL},
    {"EGetMailURL", LISTING(DOMAIN), domain, NULL},
    {"EChangeDomainIP", CHANGE(DOMAIN, MODIFY), domain_ip, NULL},
    {"EAddDomainAlias", CHANGE(DOMAINALIAS, ADD), domain_alias, NULL},
    {"EDeleteDomainAlias", CHANGE(DOMAINALIAS, DELETE), domain_alias, domain_alias_older},
    {"EGetDomainAliasList", LISTING(DOMAINALIAS), domain, NULL},
    {"EGetDistributionListList", LISTING(DLIST), domain, NULL},
    {"EGetDistributionList", LISTING(DLIST), domain, NULL},
    {"EGetMailingListList", LISTING(LIST), domain, NULL},
    {"EGetSpamFilterList", LISTING(SPAMFILTER), domain, NULL},
    {"EGetCatchallUser", LISTING(CATCHALL), domain, NULL},
    {"EPreExportDomain", COMMAND, domain_moved, NULL},
    {"EPostExportDomain", COMMAND, domain_moved, NULL},
    {"EPreImportDomain", COMMAND, domain_moved, NULL},
    {"EPostImportDomain", COMMAND, domain_moved, NULL},
    {"EAddDistributionList", CHANGE(DLIST, ADD), distribution_list, NULL},
    {"EDeleteDistributionList", CHANGE(DLIST, DELETE), distribution_list, NULL},
    {"EAddMailingList", CHANGE(LIST, ADD), mailing_list, NULL},
    {"EDeleteMailingList", CHANGE(LIST, DELETE), mailing_list, NULL},
    {"EAddSpamFilter", CHANGE(SPAMFILTER, ADD), spam_filter, spam_filter_older},
    {"EDeleteSpamFilter", CHANGE(SPAMFILTER, DELETE), no_spam_filter, spam_filter_older},
    {"EStartMailServer", COMMAND, no_parameters, NULL},
    {"EStopMailServer", COMMAND, no_parameters, NULL},
    {"EChangeNetworkSettings", COMMAND, network, NULL},
    {"EAddUser", CHANGE(FULL, ADD), person, person_older},
    {"EEditUser", CHANGE(FULL, MODIFY), person, person_older},
    {"ESuspendUser", CHANGE(FULL, SUSPEND), user, NULL},
    {"EResumeUser", CHANGE(FULL, RESUME), user, NULL},
    {"EDeleteUser", CHANGE(FULL, DELETE), user, NULL},
    {"EPreExportUser", COMMAND, user_moved, NULL},
    {"EPostExportUser", COMMAND, user_moved, NULL},
    {"EPreImportUser", COMMAND, user_moved, NULL},
    {"EPostImportUser", COMMAND, user_moved, NULL},
    {"EAddUserAlias", CHANGE(ALIAS, ADD), user_alias, NULL},
    {"EDeleteUserAlias", CHANGE(ALIAS, DELETE), user_alias, NULL},
    {"EGetUserAliasList", LISTING(ALIAS), user, NULL},
    {"EGetForwardList", LISTING(FORWARD), user, NULL},
    {"EGetAutoResponder", LISTING(AUTORESPONDER), user, NULL},
    {"EDeleteAutoResponder", CHANGE(AUTORESPONDER, DELETE), user, NULL},
    {"EAddForward", CHANGE(FULL, MODIFY), forward, NULL},
    {"EDeleteForward", CHANGE(FULL, MODIFY), forward, NULL},
    {"EAddDistributionListMember", CHANGE(DLIST, ADD), distribution_list_member, NULL},
    {"EDeleteDistributionListMember", CHANGE(DLIST, DELETE), distribution_list_member, NULL},
    {"EGetDistributionListMemberList", LISTING(DLIST), distribution_list, NULL},
    {"EAddMailingListMember", CHANGE(LIST, ADD), add_mailing_list_member, NULL},
    {"EDeleteMailingListMember", CHANGE(LIST, DELETE), mailing_list_member, NULL},
    {"EGetMailingListMemberList", LISTING(LIST), mailing_list, NULL},
    {"ESetCatchallUser", CHANGE(CATCHALL, ADD), catchall, NULL},
    {"ESetAutoResponder", CHANGE(AUTORESPONDER, ADD), answer, NULL},
    {"RegisterMailAddon", PANEL_REGISTER, TYPE_COUNT, ACTION_COUNT, registration, NULL},
    {NULL, COMMAND, NULL, NULL},
};

const PanelCall *panel_find(const char *name)
{
    for (const PanelCall *call = panel_calls; call->name; call++)
        if (strcmp(call->name, name) == 0)
            return call;
    return NULL;
}

const PanelParameter *panel_parameters(const PanelCall *call, bool older, unsigned *count)
{
    const PanelParameter *parameters = older && call->older ? call->older : call->parameters;
    *count = 0;
    while (parameters[*count].name)
        (*count)++;
    return parameters;
}
