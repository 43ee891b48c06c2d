/* SPDX-License-Identifier: MIT */
#include "lib/panel.h"

#include <string.h>

/* "DomainName UserName …" */
static char *names_of(const PanelCall *call, bool older)
{
    GString *names = g_string_new(NULL);
    unsigned count;
    const PanelParameter *parameters = panel_parameters(call, older, &count);
    for (unsigned i = 0; i < count; i++)
        g_string_append_printf(names, "%s%s", i ? " " : "", parameters[i].name);
    return g_string_free(names, FALSE);
}

/* R9.60: the contract's list, in its own words. */
static void test_parameters(void)
{
#define SWITCHES                                                                                   \
    "EnableMailingLists EnableDomainAliases EnableDistributonLists EnableSpamFilters "             \
    "EnableUserAliases EnableForwards EnableAutoResponders EnableWebAccess"
#define PERSON "DomainName UserName Password FirstName MiddleName LastName"
    static const char *const cases[][3] = {
        {"EAddDomain",
         "DomainName IpAddress MailBoxDirectory MaxMailBoxes MailDomainOwner "
         "MailDomainOwnerPassword ipsite " SWITCHES,
         "DomainName IpAddress MailBoxDirectory MaxMailBoxes MailDomainOwner "
         "MailDomainOwnerPassword"},
        {"EEditDomain", "DomainName MaxMailBoxes " SWITCHES, "DomainName MaxMailBoxes"},
        {"EChangeDomainIP", "DomainName IPAddress", NULL},
        {"EAddDomainAlias", "DomainName DomainAlias", NULL},
        {"EDeleteDomainAlias", "DomainName DomainAlias", "DomainAlias"},
        {"EPreExportDomain",
         "DomainName MailBoxDirectory ExportImportDataLocation MailDomainOwner " SWITCHES, NULL},
        {"EAddDistributionList", "DomainName DistributionListName", NULL},
        {"EAddMailingList", "DomainName MailingListName", NULL},
        {"EAddSpamFilter", "DomainName SpamFilterAddress TypeOfSpamFilter",
         "DomainName bAllow SpamFilterType SpamFilter"},
        {"EDeleteSpamFilter", "DomainName SpamFilterAddress",
         "DomainName bAllow SpamFilterType SpamFilter"},
        {"EStartMailServer", "", NULL},
        {"EChangeNetworkSettings", "OldServerIP OldServerFQDN NewServerIP NewServerFQDN", NULL},
        {"EAddUser", PERSON " UserEnableForwards UserEnableAutoResponders UserEnableWebAccess",
         PERSON},
        {"EEditUser", PERSON " UserEnableForwards UserEnableAutoResponders UserEnableWebAccess",
         PERSON},
        {"EPostImportUser",
         "DomainName UserName MailBoxDirectory ExportImportDataLocation UserEnableForwards "
         "UserEnableAutoResponders UserEnableWebAccess",
         NULL},
        {"EAddUserAlias", "DomainName UserName UserAlias", NULL},
        {"EDeleteForward", "DomainName UserName UserForward", NULL},
        {"EAddDistributionListMember",
         "DomainName DistributionListName DistributionListMemberEmailAddress", NULL},
        {"EAddMailingListMember",
         "DomainName MailingListName MailingListMemberName MailingListMemberEmailAddress", NULL},
        {"EDeleteMailingListMember", "DomainName MailingListName MailingListMemberEmailAddress",
         NULL},
        {"ESetCatchallUser", "DomainName CatchallUserEmailAddress", NULL},
        {"ESetAutoResponder", "DomainName UserName Subject Message", NULL},
        {"EDeleteAutoResponder", "DomainName UserName", NULL},
        {"RegisterMailAddon",
         "VendorName MailServerName MailServerVersion MailAPIExtension MailAPIInterpreter "
         "MailAPIInterpreterParams 3.XCompliantAPI",
         NULL},
    };
    for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
        const PanelCall *call = panel_find(cases[i][0]);
        g_assert_nonnull(call);
        g_autofree char *now = names_of(call, false), *older = names_of(call, true);
        g_assert_cmpstr(now, ==, cases[i][1]);
        g_assert_cmpstr(older, ==, cases[i][2] ? cases[i][2] : cases[i][1]);
    }
    g_assert_null(panel_find("EAddNothing"));
    g_assert_null(panel_find("eadddomain"));
}

/* R9.60: each call stands there once, is of one kind, and a change is one that a row can ask for,
 * with columns that its row takes. */
static void test_kinds(void)
{
    unsigned calls = 0;
    for (const PanelCall *call = panel_calls; call->name; call++, calls++) {
        unsigned count;
        const PanelParameter *parameters = panel_parameters(call, false, &count);
        g_assert_true(panel_find(call->name) == call);
        g_assert_cmpuint(count, <=, PANEL_PARAMETERS_MAX);
        if (call->kind != PANEL_CHANGE)
            continue;
        g_assert_true(type_does(call->type, call->action));
        for (unsigned i = 0; i < count; i++) {
            Field field = parameters[i].field;
            if (field > FIELD_USER && field != FIELD_COUNT && call->type != TYPE_SPAMFILTER &&
                call->action != ACTION_DELETE && !type_takes(call->type, call->action, field))
                g_error("%s: %s", call->name, parameters[i].name);
        }
    }
    g_assert_cmpuint(calls, ==, 54);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/panel/R9.60 parameters, new and older", test_parameters);
    g_test_add_func("/panel/R9.60 kinds", test_kinds);
    return g_test_run();
}
