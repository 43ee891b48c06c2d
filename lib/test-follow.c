/* SPDX-License-Identifier: MIT */
#include "lib/follow.h"

#include "lib/audit-type.h"
#include <string.h>

/* One call a line: "NAME[object] argument|argument", with the password that goes beside them. */
static char *text_of(GPtrArray *calls)
{
    GString *text = g_string_new(NULL);
    for (guint i = 0; i < calls->len; i++) {
        const SpoolCall *call = calls->pdata[i];
        g_string_append_printf(text, "%s%s[%s;%s]", i ? "\n" : "", call->name, call->domain,
                               call->object);
        for (guint k = 0; k < call->arguments->len; k++)
            g_string_append_printf(text, "%s%s", k ? "|" : " ",
                                   (const char *)call->arguments->pdata[k]);
        if (call->password)
            g_string_append_printf(text, " <%s%s", call->password_hashed ? "#" : "",
                                   call->password);
    }
    return g_string_free(text, FALSE);
}

static void check(const char *change, const Operation *operation, bool older, const char *expected)
{
    const Addon addon = {.name = (char *)"a",
                         .folder = (char *)"/a",
                         .older = older,
                         .mail_store = (char *)"/a/remove"};
    g_autoptr(GError) error = NULL;
    g_autoptr(GVariant) value =
        g_variant_parse(G_VARIANT_TYPE(AUDIT_CHANGE_TYPE), change, NULL, NULL, &error);
    g_assert_no_error(error);
    g_autoptr(GPtrArray) calls = g_ptr_array_new_with_free_func((GDestroyNotify)spool_call_free);
    follow_calls(&addon, value, operation, 7, "FALSE", calls);
    g_autofree char *text = text_of(calls);
    g_assert_cmpstr(text, ==, expected);
    for (guint i = 0; i < calls->len; i++) {
        const SpoolCall *call = calls->pdata[i];
        const char *last = call->arguments->pdata[call->arguments->len - 1];
        g_assert_cmpuint(call->line, ==, 7);
        g_assert_true(follow_is_cut(call) == (strcmp(last, AUDIT_MORE) == 0));
    }
}

typedef struct {
    const char *change, *expected, *older; /* NULL: the same */
} Case;

/* R9.61, R9.66: what the API has words for, in its order; the older parameters. */
static void test_changes(void)
{
    static const Case cases[] = {
        {"('bob@d.example', 'FULL', 'ADD', [('GIVENNAME', [], ['Bob']), ('SURNAME', [], ['B']), "
         "('QUOTA', [], ['5']), ('ENABLE FORWARDS', [], ['FALSE']), "
         "('MAILFORWARD', [], ['x@y.example', 'z@y.example'])])",
         "EAddUser[d.example;bob@d.example] d.example|bob||Bob||B|0||\n"
         "EAddForward[d.example;bob@d.example] d.example|bob|x@y.example\n"
         "EAddForward[d.example;bob@d.example] d.example|bob|z@y.example",
         "EAddUser[d.example;bob@d.example] d.example|bob||Bob||B\n"
         "EAddForward[d.example;bob@d.example] d.example|bob|x@y.example\n"
         "EAddForward[d.example;bob@d.example] d.example|bob|z@y.example"},
        {"('bob@d.example', 'FULL', 'MODIFY', [('GIVENNAME', ['Bob'], []), "
         "('ENABLE WEBACCESS', ['FALSE'], ['TRUE'])])",
         "EEditUser[d.example;bob@d.example] d.example|bob||-|||||1",
         "EEditUser[d.example;bob@d.example] d.example|bob||-||"},
        {"('bob@d.example', 'FULL', 'MODIFY', [('QUOTA', ['1'], ['5']), ('PHONE', [], ['1'])])", "",
         NULL},
        {"('bob@d.example', 'FULL', 'MODIFY', [('MAILFORWARD', ['a@y.example'], "
         "['b@y.example'])])",
         "EDeleteForward[d.example;bob@d.example] d.example|bob|a@y.example\n"
         "EAddForward[d.example;bob@d.example] d.example|bob|b@y.example",
         NULL},
        {"('bob@d.example', 'FULL', 'MODIFY', [('ACTIVATED', ['TRUE'], ['FALSE'])])",
         "ESuspendUser[d.example;bob@d.example] d.example|bob", NULL},
        {"('bob@d.example', 'FULL', 'MODIFY', [('ACTIVATED', ['FALSE'], ['TRUE'])])",
         "EResumeUser[d.example;bob@d.example] d.example|bob", NULL},
        {"('bob@d.example', 'FULL', 'MODIFY', [('SUBJECT', [], ['Away']), "
         "('MESSAGE', [], ['Back\\nsoon'])])",
         "ESetAutoResponder[d.example;bob@d.example] d.example|bob|Away|Back\nsoon", NULL},
        {"('bob@d.example', 'FULL', 'MODIFY', [('SUBJECT', ['Away'], []), "
         "('MESSAGE', ['Back'], [])])",
         "EDeleteAutoResponder[d.example;bob@d.example] d.example|bob", NULL},
        {"('bob@d.example', 'FULL', 'MODIFY', [('ALIAS', ['a@d.example'], ['b@e.example'])])",
         "EDeleteUserAlias[d.example;bob@d.example] d.example|bob|a\n"
         "EAddUserAlias[d.example;bob@d.example] d.example|bob|b@e.example",
         NULL},
        {"('bob@d.example', 'FULL', 'ADD', [('ACTIVATED', [], ['OK'])])",
         "EAddUser[d.example;bob@d.example] d.example|bob|||||||",
         "EAddUser[d.example;bob@d.example] d.example|bob||||"},
        {"('bob@d.example', 'FULL', 'ADD', [('ACTIVATED', [], ['FALSE'])])",
         "EAddUser[d.example;bob@d.example] d.example|bob|||||||\n"
         "ESuspendUser[d.example;bob@d.example] d.example|bob",
         "EAddUser[d.example;bob@d.example] d.example|bob||||\n"
         "ESuspendUser[d.example;bob@d.example] d.example|bob"},
        {"('bob@d.example', 'FULL', 'DELETE', [('SURNAME', ['B'], []), "
         "('MAIL STORE', ['1234-5678'], [])])",
         "EDeleteUser[d.example;bob@d.example] d.example|bob\n"
         "RemoveMailStore[d.example;bob@d.example] 1234-5678|d.example|bob",
         NULL},
        {"('room@d.example', 'RESOURCE', 'DELETE', [('MAIL STORE', ['12'], [])])",
         "RemoveMailStore[d.example;room@d.example] 12|d.example|room", NULL},
        {"('f@d.example', 'FORWARD', 'ADD', [('MAILFORWARD', [], ['x@y.example'])])",
         "EAddForward[d.example;f@d.example] d.example|f|x@y.example", NULL},
        {"('f@d.example', 'FORWARD', 'DELETE', [('MAILFORWARD', ['x@y.example'], [])])",
         "EDeleteForward[d.example;f@d.example] d.example|f|x@y.example", NULL},
        {"('l@d.example', 'LIST', 'ADD', [('LIST MEMBER', [], ['a@x.example', 'b@x.example']), "
         "('MEMBER NAME', [], ['b@x.example Bea B'])])",
         "EAddMailingList[d.example;l@d.example] d.example|l\n"
         "EAddMailingListMember[d.example;l@d.example] d.example|l||a@x.example\n"
         "EAddMailingListMember[d.example;l@d.example] d.example|l|Bea B|b@x.example",
         NULL},
        {"('l@d.example', 'LIST', 'MODIFY', [('LIST MEMBER', ['a@x.example'], [])])",
         "EDeleteMailingListMember[d.example;l@d.example] d.example|l|a@x.example", NULL},
        {"('l@d.example', 'LIST', 'DELETE', [('LIST MEMBER', ['a@x.example'], [])])",
         "EDeleteMailingList[d.example;l@d.example] d.example|l", NULL},
        {"('l@d.example', 'DLIST', 'ADD', [('LIST MEMBER', [], ['a@x.example'])])",
         "EAddDistributionList[d.example;l@d.example] d.example|l\n"
         "EAddDistributionListMember[d.example;l@d.example] d.example|l|a@x.example",
         NULL},
        {"('al@d.example', 'ALIAS', 'ADD', [('MAILFORWARD', [], ['bob@d.example'])])",
         "EAddUserAlias[d.example;bob@d.example] d.example|bob|al", NULL},
        {"('al@e.example', 'ALIAS', 'DELETE', [('MAILFORWARD', ['bob@d.example'], [])])",
         "EDeleteUserAlias[d.example;bob@d.example] d.example|bob|al@e.example", NULL},
        {"('@d.example', 'CATCHALL', 'ADD', [('MAILFORWARD', [], ['bob@d.example'])])",
         "ESetCatchallUser[d.example;@d.example] d.example|bob@d.example", NULL},
        {"('@d.example', 'CATCHALL', 'DELETE', [('MAILFORWARD', ['bob@d.example'], [])])",
         "ESetCatchallUser[d.example;@d.example] d.example|-", NULL},
        {"('@d.example', 'DOMAIN', 'ADD', [('MAX MAILBOXES', [], ['-1']), "
         "('IP', [], ['192.0.2.1']), ('IPSITE', [], ['TRUE']), ('OWNER', [], ['o@d.example'])])",
         "EAddDomain[d.example;] d.example|192.0.2.1||-1|o@d.example||1||||||||",
         "EAddDomain[d.example;] d.example|192.0.2.1||-1|o@d.example|"},
        {"('@d.example', 'DOMAIN', 'MODIFY', [('MAX MAILBOXES', ['5'], ['9']), "
         "('ENABLE SPAMFILTERS', [], ['FALSE']), ('IP', [], ['::1'])])",
         "EEditDomain[d.example;] d.example|9||||0||||\n"
         "EChangeDomainIP[d.example;] d.example|::1",
         "EEditDomain[d.example;] d.example|9\nEChangeDomainIP[d.example;] d.example|::1"},
        {"('@d.example', 'DOMAIN', 'MODIFY', [('ACTIVATED', [], ['FALSE'])])",
         "ESuspendDomain[d.example;] d.example", NULL},
        {"('@d.example', 'DOMAIN', 'MODIFY', [('FILTER', ['IP:192.0.2.1'], "
         "['EMAIL:s@x.example'])])",
         "EDeleteSpamFilter[d.example;@d.example] d.example|192.0.2.1\n"
         "EAddSpamFilter[d.example;@d.example] d.example|s@x.example|EMAIL",
         "EDeleteSpamFilter[d.example;@d.example] d.example|0|IP|192.0.2.1\n"
         "EAddSpamFilter[d.example;@d.example] d.example|0|EMAIL|s@x.example"},
        {"('@d.example', 'DOMAIN', 'DELETE', [('OWNER', ['o@d.example'], [])])",
         "EDeleteDomain[d.example;] d.example", NULL},
        {"('@n.example', 'DOMAINALIAS', 'ADD', [('TARGET', [], ['d.example'])])",
         "EAddDomainAlias[d.example;@n.example] d.example|n.example", NULL},
        {"('@n.example', 'DOMAINALIAS', 'DELETE', [('TARGET', ['d.example'], [])])",
         "EDeleteDomainAlias[d.example;@n.example] d.example|n.example",
         "EDeleteDomainAlias[d.example;@n.example] n.example"},
        {"('bob@d.example', 'FULL', 'MODIFY', [('MAILFORWARD', ['a@y.example', '…'], "
         "['b@y.example'])])",
         "EDeleteForward[d.example;bob@d.example] d.example|bob|a@y.example\n"
         "EDeleteForward[d.example;bob@d.example] …\n"
         "EAddForward[d.example;bob@d.example] d.example|bob|b@y.example",
         NULL},
        {"('bob@d.example', 'FULL', 'MODIFY', [('ALIAS', ['…'], [])])",
         "EDeleteUserAlias[d.example;bob@d.example] …", NULL},
        {"('l@d.example', 'LIST', 'ADD', [('LIST MEMBER', [], ['a@x.example', '…'])])",
         "EAddMailingList[d.example;l@d.example] d.example|l\n"
         "EAddMailingListMember[d.example;l@d.example] d.example|l||a@x.example\n"
         "EAddMailingListMember[d.example;l@d.example] …",
         NULL},
        {"('@d.example', 'DOMAIN', 'MODIFY', [('FILTER', ['IP:192.0.2.1', '…'], ['…'])])",
         "EDeleteSpamFilter[d.example;@d.example] d.example|192.0.2.1\n"
         "EDeleteSpamFilter[d.example;@d.example] …\n"
         "EAddSpamFilter[d.example;@d.example] …",
         "EDeleteSpamFilter[d.example;@d.example] d.example|0|IP|192.0.2.1\n"
         "EDeleteSpamFilter[d.example;@d.example] …\n"
         "EAddSpamFilter[d.example;@d.example] …"},
        {"('g@d.example', 'GROUP', 'ADD', [('MEMBER', [], ['bob@d.example'])])", "", NULL},
        {"('x', '', 'MODIFY', [])", "", NULL},
    };
    for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
        check(cases[i].change, NULL, false, cases[i].expected);
        check(cases[i].change, NULL, true, cases[i].older ? cases[i].older : cases[i].expected);
    }
}

static Operation *operation_of(ObjectType type, const char *address, const char *password)
{
    Operation *operation = g_new0(Operation, 1);
    operation->type = type;
    operation->address = address_parse(address, NULL, NULL);
    operation->password = secret_dup(password);
    return operation;
}

/* R9.63: the password is beside the arguments, and only where the call is about its account. */
static void test_passwords(void)
{
    static const char add[] = "('bob@d.example', 'FULL', 'ADD', [('PASSWORD', [], ['changed'])])";
    g_autoptr(Operation) full = operation_of(TYPE_FULL, "bob@d.example", "Canary");
    check(add, full, false, "EAddUser[d.example;bob@d.example] d.example|bob|-|||||| <Canary");
    check("('bob@d.example', 'FULL', 'MODIFY', [('PASSWORD', [], ['changed'])])", full, true,
          "EEditUser[d.example;bob@d.example] d.example|bob|-||| <Canary");
    check("('bob@d.example', 'FULL', 'MODIFY', [('SURNAME', [], ['B'])])", full, true,
          "EEditUser[d.example;bob@d.example] d.example|bob||||B");
    full->password_hashed = true;
    check(add, full, false, "EAddUser[d.example;bob@d.example] d.example|bob|-|||||| <#Canary");
    g_autoptr(Operation) other = operation_of(TYPE_FULL, "eve@d.example", "Canary");
    check(add, other, false, "EAddUser[d.example;bob@d.example] d.example|bob|||||||");
    g_autoptr(Operation) domain = operation_of(TYPE_DOMAIN, "bob@d.example", "Canary");
    domain->owner = address_parse("bob@d.example", NULL, NULL);
    check("('@d.example', 'DOMAIN', 'ADD', [('OWNER', [], ['bob@d.example'])])", domain, true,
          "EAddDomain[d.example;] d.example||||bob@d.example|- <Canary");
    check(add, domain, true, "EAddUser[d.example;bob@d.example] d.example|bob|-||| <Canary");
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/follow/R9.61 R9.66 changes", test_changes);
    g_test_add_func("/follow/R9.63 passwords", test_passwords);
    return g_test_run();
}
