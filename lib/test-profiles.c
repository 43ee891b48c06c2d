/* SPDX-License-Identifier: MIT */
#include "lib/profiles-fixture.h"

#include <string.h>

/* The profiles for directories that sites have already, each against a real directory with such a
 * schema: files, what is told of their rows, and what stands there after them. */
/* --- open-xchange --- */

#define OX(user) "uid=" user ",ou=Users,ou=OxObjects,ou=one.example"
#define OX_HEAD "DOMAIN;USER;TYPE;ACTION;PASSWORD;ALIAS;TARGET;SURNAME;LANGUAGE;TIMEZONE\n"

static const Part open_xchange[] = {
    {OX_HEAD "one.example;anna;FULL;ADD;" SECRET ";an a.n;;Arber;de;Europe/Paris\n"
             "one.example;ben;FULL;ADD;" SECRET ";;;;;\n"
             "one.example;info;ALIAS;ADD;;;ben;;;\n"
             "one.example;an;FULL;ADD;" SECRET ";;;;;\n" /* an alias already */
             "one.example;x;FULL;ADD;" SECRET ";info;;;;\n",
     NULL, "The address an@one.example is taken: there is an alias with it already|line 4", 3, 2,
     ENTRIES(OX("anna"),
             "mail=anna@one.example|alias=an@one.example|alias=a.n@one.example|uid=anna|sn=Arber|"
             "cn=Arber|mailEnabled=OK|mailDomain=one.example|colocRouteAddr=anna@localhost|"
             "imapServer=localhost|smtpServer=localhost|OXTimeZone=Europe/Paris|"
             "OXAppointmentDays=5|OXTaskDays=5|userCountry=DE|preferredLanguage=de|"
             "uidNumber=1000|gidNumber=500|homeDirectory=/home/anna|loginShell=/bin/false|"
             "objectClass=OXUserObject|objectClass=posixAccount|objectClass=shadowAccount|"
             "objectClass=inetOrgPerson|objectClass=batchloadMark",
             OX("ben"), "uidNumber=1001|alias=info@one.example|preferredLanguage=EN", OX("x"), "-",
             OX("an"), "-", "cn=uidNumber", "uidNumber=1002")},
    /* What each gets besides, given otherwise by the row. */
    {"DOMAIN;USER;TYPE;ACTION;@imapServer;@colocRouteAddr;PASSWORD\n"
     "one.example;w;FULL;ADD;imap.one.example;w@host.example;" SECRET "\n"
     "one.example;w;FULL;DELETE;;;\n",
     "Mode: check", NULL, 2, 0, NULL},
    {"DOMAIN;USER;TYPE;ACTION;@imapServer;@colocRouteAddr;PASSWORD\n"
     "one.example;w;FULL;ADD;imap.one.example;w@host.example;" SECRET "\n",
     NULL, NULL, 1, 0,
     ENTRIES(OX("w"), "imapServer=imap.one.example|colocRouteAddr=w@host.example|uidNumber=1002")},
    /* Nothing else than these has a place. */
    {"DOMAIN;USER;TYPE;ACTION;LIST MEMBER;QUOTA;MAILFORWARD;PASSWORD\n"
     "one.example;staff;LIST;ADD;anna;;;\n"
     "one.example;anna;FULL;MODIFY;;7;;" SECRET "\n"
     "one.example;anna;FULL;MODIFY;;;ben@one.example;" SECRET "\n",
     NULL,
     "the profile open-xchange has no type LIST|no place for QUOTA: the profile open-xchange|"
     "no place for MAILFORWARD",
     0, 3, NULL},
    /* Aliases come and go; an address that is free again can be another's in the same file. */
    {OX_HEAD "one.example;anna;FULL;MODIFY;" SECRET ";~an;;;;\n"
             "one.example;an;FULL;ADD;" SECRET ";;;;;\n"
             "one.example;info;ALIAS;DELETE;;;;;;\n"
             "one.example;anna;FULL;MODIFY;" SECRET ";+info;;;;\n"
             "one.example;a.n;ALIAS;ADD;;;ben;;;\n" /* anna's still */
             "one.example;info;FULL;DELETE;;;;;;\n"
             "one.example;admin;ALIAS;DELETE;;;;;;\n",
     NULL, "The address info@one.example is an alias, not a mailbox", 4, 3,
     ENTRIES(OX("anna"), "alias=info@one.example|alias=a.n@one.example|mail=anna@one.example",
             OX("an"), "mail=an@one.example|!alias", OX("ben"), "!alias")},
    {"DOMAIN;USER;TYPE;ACTION\none.example;ben;FULL;SUSPEND\none.example;an;FULL;SUSPEND\n"
     "one.example;an;FULL;RESUME\none.example;info;ALIAS;DELETE\none.example;anna;FULL;DELETE\n",
     NULL, NULL, 5, 0,
     ENTRIES(OX("ben"), "mailEnabled=NO", OX("an"), "mailEnabled=OK", OX("anna"), "-")},
    /* Only checked, over several rows. */
    {OX_HEAD "one.example;y;FULL;ADD;" SECRET ";yy;;;;\n"
             "one.example;yy;FULL;ADD;" SECRET ";;;;;\n"
             "one.example;yy;ALIAS;DELETE;;;;;;\n"
             "one.example;yy;FULL;ADD;" SECRET ";;;;;\n",
     "Mode: check", "nothing was changed", 3, 1,
     ENTRIES(OX("y"), "-", "cn=uidNumber", "uidNumber=1004")},
    /* All or nothing: what was done is taken back, the mark's class with it. */
    {"DOMAIN;USER;TYPE;ACTION;TARGET;PHONE;PASSWORD\n"
     "one.example;z;FULL;ADD;;;" SECRET "\n"
     "one.example;admin2;ALIAS;ADD;ben;;\n"
     "one.example;admin;FULL;RESUME;;;\n"
     "one.example;v;FULL;ADD;;*;" SECRET "\n", /* the directory refuses this one */
     "Mode: atomic", "nothing was changed", 3, 1,
     ENTRIES(OX("z"), "-", OX("ben"), "mailEnabled=NO|!alias")},
};

/* R9.1, R9.2, R9.3, R9.4 */
static void test_open_xchange(void)
{
    run_parts("open-xchange", open_xchange, G_N_ELEMENTS(open_xchange));
}

/* --- iredmail --- */
static const Part iredmail[] = {
    {HEAD ANNA_AND_BEN "one.example;x;FULL;ADD;x1@one.example;;y@else.example;;2;" SECRET "\n"
                       "one.example;sales;FORWARD;ADD;;;anna@one.example y@else.example;;;\n"
                       "one.example;;CATCHALL;ADD;;ben@one.example;;;;\n"
                       "one.example;x1;FORWARD;ADD;;;anna@one.example;;;\n",
     NULL, "The address an@one.example is taken: there is an alias with it already|line 6 of", 6, 2,
     ENTRIES(IRED("anna", "Users"),
             "shadowAddress=an@one.example|accountStatus=active|enabledService=imap|"
             "enabledService=shadowaddress|uid=anna|!mailForwardingAddress|shadowLastChange=0",
             IRED("ben", "Users"), "shadowAddress=info@one.example", IRED("x", "Users"),
             "mailQuota=2097152|mailForwardingAddress=y@else.example|"
             "mailForwardingAddress=x@one.example",
             IRED("sales", "Aliases"),
             "objectClass=mailAlias|mailForwardingAddress=anna@one.example|!sn|cn=sales|"
             "enabledService=deliver|accountStatus=active",
             IRED("", "Users"), "uid=catch-all|mailForwardingAddress=ben@one.example")},
    {HEAD "one.example;sales;FULL;ADD;;;;;;" SECRET "\n"
          "one.example;l;DLIST;ADD;;;;anna@one.example;;\n"
          "one.example;;DOMAIN;SUSPEND;;;;;;\n"
          "one.example;sales;FORWARD;SUSPEND;;;;;;\n"
          "one.example;x;FULL;MODIFY;~x1@one.example;;~y@else.example;;;" SECRET "\n"
          "one.example;sales;FORWARD;DELETE;;;;;;\n"
          "one.example;sales;FULL;ADD;;;x@one.example;;;" SECRET "\n"
          "one.example;x;FULL;MODIFY;;;sales@one.example;;;" SECRET "\n"
          "one.example;ben;FULL;DELETE;;;;;;\n",
     NULL,
     "there is a forward with it already|the profile iredmail has no type DLIST|the profile "
     "iredmail has no SUSPEND for the type DOMAIN|in a circle",
     5, 4,
     ENTRIES(IRED("x", "Users"), "!shadowAddress|!mailForwardingAddress", IRED("sales", "Aliases"),
             "-", IRED("sales", "Users"),
             "mailForwardingAddress=x@one.example|mailForwardingAddress=sales@one.example",
             IRED("ben", "Users"), "-", IRED("", "Users"), "-")},
    /* All or nothing, over two containers. */
    {"DOMAIN;USER;TYPE;ACTION;MAILFORWARD;PHONE;PASSWORD\n"
     "one.example;sales;FULL;DELETE;;;\n"
     "one.example;sales;FORWARD;ADD;anna@one.example;;\n"
     "one.example;anna;FULL;SUSPEND;;;\n"
     "one.example;v;FULL;ADD;;*;" SECRET "\n",
     "Mode: atomic", "nothing was changed", 3, 1,
     ENTRIES(IRED("sales", "Aliases"), "-", IRED("sales", "Users"),
             "mailForwardingAddress=x@one.example", IRED("anna", "Users"), "accountStatus=active")},
};
static const Part to_show = {HEAD ANNA_AND_BEN
                             "one.example;x;FULL;ADD;;;y@else.example;;2;" SECRET "\n"
                             "one.example;sales;FORWARD;ADD;;;anna@one.example;;;\n",
                             NULL,
                             NULL,
                             5,
                             1,
                             NULL};

/* R9.6 */
static void test_shown(void)
{
    SlapdFixture *slapd = slapd_fixture_of_profile("iredmail", profile_domains, PASSWORD);
    g_autoptr(JobFixture) fixture = job_fixture_new(slapd);
    run_part(fixture, &to_show);
    g_autofree char *all = shown(fixture, NULL), *one = shown(fixture, "x");
    g_autofree char *other = shown(fixture, "sales");
    static const char *const lines[] = {"FULL anna\n", "ALIAS an TARGET=anna@one.example\n",
                                        "ALIAS info TARGET=ben@one.example\n",
                                        "FULL x MAILFORWARD=y@else.example QUOTA=2\n",
                                        "FORWARD sales MAILFORWARD=anna@one.example\n"};
    for (guint i = 0; i < G_N_ELEMENTS(lines); i++)
        job_fixture_assert_holds(all, lines[i]);
    g_assert_cmpstr(one, ==, lines[3]);
    g_assert_cmpstr(other, ==, lines[4]);
    g_clear_pointer(&fixture, job_fixture_free);
    slapd_fixture_free(slapd);
}

/* R9.1, R9.2, R9.3, R9.4 */
static void test_iredmail(void)
{
    run_parts("iredmail", iredmail, G_N_ELEMENTS(iredmail));
}
/* --- qmail-ldap --- */

#define QMAIL(user) "uid=" user "@one.example,ou=one.example"

static const Part qmail_ldap[] = {
    {HEAD ANNA_AND_BEN "one.example;x;FULL;ADD;;;y@else.example;;2;" SECRET "\n"
                       "one.example;sales;FORWARD;ADD;;;anna@one.example y@else.example;;;\n"
                       "one.example;l;LIST;ADD;;;;anna@one.example sales@one.example;;\n"
                       "one.example;l;LIST;ADD;;;;ben@one.example;;\n"
                       "one.example;;CATCHALL;ADD;;ben@one.example;;;;\n",
     NULL,
     "The address an@one.example is taken: there is an alias with it already|the profile "
     "qmail-ldap has no type CATCHALL",
     7, 2,
     ENTRIES(QMAIL("anna"), "mailAlternateAddress=an@one.example|accountStatus=active",
             QMAIL("ben"), "mailAlternateAddress=info@one.example|!deliveryMode", QMAIL("x"),
             "mailQuotaSize=2097152|mailForwardingAddress=y@else.example|!deliveryMode",
             QMAIL("sales"),
             "deliveryMode=forwardonly|mailForwardingAddress=anna@one.example|"
             "mailForwardingAddress=y@else.example",
             QMAIL("l"),
             "objectClass=qmailGroup|rfc822member=anna@one.example|rfc822member=ben@one.example|"
             "rfc822member=sales@one.example")},
    {HEAD "one.example;sales;FULL;MODIFY;;;;;;" SECRET "\n"
          "one.example;l;FORWARD;DELETE;;;;;;\n"
          "one.example;anna;FULL;DELETE;;;;;;\n"
          "one.example;l;LIST;SUSPEND;;;;;;\n"
          "one.example;sales;FORWARD;DELETE;;;;;;\n"
          "one.example;sales;FULL;ADD;;;;;;" SECRET "\n"
          "one.example;f;FORWARD;ADD;;;info@one.example;;;\n" /* ben's alias */
          "one.example;ben;FULL;MODIFY;;;f@one.example;;;" SECRET "\n"
          "one.example;ben;FULL;MODIFY;~info@one.example;;f@one.example;;;" SECRET "\n",
     NULL, "is a forward, not a mailbox|is a list, not a forward|in a circle", 6, 3,
     ENTRIES(QMAIL("anna"), "-", QMAIL("l"), "accountStatus=disabled|rfc822member=ben@one.example",
             QMAIL("sales"), "!deliveryMode|!mailForwardingAddress")},
    /* What lists have of aliases goes with them. */
    {HEAD "one.example;b;FULL;ADD;b1@one.example b2@one.example b3@one.example;;;;;" SECRET "\n"
          "one.example;k;LIST;ADD;;;;b1@one.example b2@one.example b3@one.example b@one.example;;\n"
          "one.example;m;LIST;ADD;;;;b1@one.example;;\n"
          "one.example;b;FULL;MODIFY;~b1@one.example;;;;;" SECRET "\n"
          "one.example;b2;ALIAS;DELETE;;;;;;\n",
     NULL, NULL, 5, 0,
     ENTRIES(QMAIL("b"), "mailAlternateAddress=b3@one.example", QMAIL("m"), "!rfc822member",
             QMAIL("k"), "rfc822member=b3@one.example|rfc822member=b@one.example")},
    {HEAD "one.example;m;LIST;ADD;;;;b3@one.example;;\n"
          "one.example;b;FULL;MODIFY;b4@one.example;;;;;" SECRET "\n"
          "one.example;k;LIST;ADD;;;;b4@one.example;;\n",
     NULL, NULL, 3, 0,
     ENTRIES(QMAIL("m"), "!rfc822member", QMAIL("k"),
             "rfc822member=b4@one.example|rfc822member=b@one.example")},
    {HEAD "one.example;b;FULL;DELETE;;;;;;\n", NULL, NULL, 1, 0,
     ENTRIES(QMAIL("b"), "-", QMAIL("k"), "!rfc822member")},
};

/* R9.1, R9.2, R9.3 */
static void test_qmail_ldap(void)
{
    run_parts("qmail-ldap", qmail_ldap, G_N_ELEMENTS(qmail_ldap));
}

/* --- postfix-book --- */
static const Part postfix_book[] = {
    {HEAD ANNA_AND_BEN "one.example;x;FULL;ADD;;;;;2;" SECRET "\n"
                       "one.example;sales;FORWARD;ADD;;;anna@one.example;;;\n"
                       "one.example;ben;FULL;SUSPEND;;;;;;\n",
     NULL,
     "The address an@one.example is taken: there is an alias with it already|the profile "
     "postfix-book has no type FORWARD",
     5, 2,
     ENTRIES(BOOK("anna"),
             "mailAlias=an@one.example|mailEnabled=TRUE|mailUidNumber=5000|mailGidNumber=5000",
             BOOK("ben"), "mailAlias=info@one.example|mailEnabled=FALSE", BOOK("x"),
             "mailQuota=2048")},
    {HEAD "one.example;info;ALIAS;DELETE;;;;;;\n"
          "one.example;info;FULL;ADD;;;;;;" SECRET "\n"
          "one.example;ben;FULL;RESUME;;;;;;\n"
          "one.example;anna;FULL;MODIFY;~an@one.example;;;;;" SECRET "\n",
     NULL, NULL, 4, 0,
     ENTRIES(BOOK("anna"), "!mailAlias", BOOK("ben"), "!mailAlias|mailEnabled=TRUE", BOOK("info"),
             "mailEnabled=TRUE|uid=info@one.example")},
};

/* R9.1, R9.2, R9.3 */
static void test_postfix_book(void)
{
    run_parts("postfix-book", postfix_book, G_N_ELEMENTS(postfix_book));
}
static const Part beside_forwards = {
    HEAD "one.example;anna;FULL;ADD;;;;;;" SECRET "\n"
         "one.example;info;FULL;ADD;;;;;;" SECRET "\n"
         "one.example;ben;FULL;ADD;info@one.example;;;;;" SECRET "\n",
    NULL,
    "info@one.example is not available",
    1,
    2,
    ENTRIES(BOOK("anna"), "mailEnabled=TRUE", BOOK("info"), "-", BOOK("ben"), "-")};

/* R9.3: a site's forward takes up its address, and not those that it leads to, the requester's
 * among them. */
static void test_beside_forwards(void)
{
    SlapdFixture *slapd = slapd_fixture_of_profile("postfix-book", profile_domains, PASSWORD);
    g_autoptr(JobFixture) fixture = job_fixture_new(slapd);
    slapd_fixture_ldif(slapd, "dn: cn=info,ou=one.example,dc=example,dc=org\n"
                              "objectClass: inetOrgPerson\nobjectClass: PostfixBookMailForward\n"
                              "cn: info\nsn: info\nmailAlias: info@one.example\n"
                              "mail: " ADMIN "\nmail: anna@one.example\n\n");
    run_part(fixture, &beside_forwards);
    g_clear_pointer(&fixture, job_fixture_free);
    slapd_fixture_free(slapd);
}

/* --- inetlocal --- */

static const Part inetlocal[] = {
    {HEAD ANNA_AND_BEN "one.example;sales;FORWARD;ADD;;;anna@one.example;;;\n"
                       "one.example;two;FORWARD;ADD;;;anna@one.example ben@one.example;;;\n"
                       "one.example;ben;FULL;SUSPEND;;;;;;\n"
                       "one.example;ben;FULL;MODIFY;;;anna@one.example;;;" SECRET "\n",
     NULL,
     "The address an@one.example is taken: there is an alias with it already|the profile "
     "inetlocal has no SUSPEND|no place for MAILFORWARD: the profile inetlocal",
     4, 4,
     ENTRIES(BOOK("anna"),
             "mailLocalAddress=an@one.example|mailLocalAddress=anna@one.example|"
             "mailHost=mail.one.example|!mailRoutingAddress",
             BOOK("sales"),
             "mailRoutingAddress=anna@one.example|mailLocalAddress=sales@one.example|!mailHost",
             BOOK("two"), "-")},
    {HEAD "one.example;anna;FULL;MODIFY;~an@one.example +a2@one.example;;;;;" SECRET "\n"
          "one.example;sales;FULL;DELETE;;;;;;\n"
          "one.example;sales;FORWARD;MODIFY;;;ben@one.example;;;\n"
          "one.example;info;ALIAS;DELETE;;;;;;\n",
     NULL, "is a forward, not a mailbox", 3, 1,
     ENTRIES(BOOK("anna"), "mailLocalAddress=a2@one.example|mailLocalAddress=anna@one.example",
             BOOK("ben"), "mailLocalAddress=ben@one.example", BOOK("sales"),
             "mailRoutingAddress=ben@one.example")},
};

/* R9.1, R9.2, R9.3 */
static void test_inetlocal(void)
{
    run_parts("inetlocal", inetlocal, G_N_ELEMENTS(inetlocal));
}
/* --- numbers --- */

static guint meddles; /* how often somebody else takes numbers just before we do */
static guint meddled;
Answer __real_directory_apply(Directory *directory, GPtrArray *writes, GError **error);
Answer __wrap_directory_apply(Directory *directory, GPtrArray *writes, GError **error);
Answer __wrap_directory_apply(Directory *directory, GPtrArray *writes, GError **error)
{
    for (guint i = 0; i < writes->len; i++) {
        const Change *change = ((Write *)writes->pdata[i])->change;
        if (writes->len == 1 && meddles && g_str_has_prefix(change->dn, "cn=uidNumber,")) {
            g_autofree char *number = g_strdup_printf("%u", 2000 + meddled++);
            const guint left = meddles - 1;
            meddles = 0; /* that is no change of ours */
            replace_value(directory, change->dn, "uidNumber", number);
            meddles = left;
        }
    }
    return __real_directory_apply(directory, writes, error);
}
static const Part two_accounts = {OX_HEAD "one.example;anna;FULL;ADD;" SECRET ";;;;;\n"
                                          "one.example;ben;FULL;ADD;" SECRET ";;;;;\n",
                                  NULL,
                                  NULL,
                                  2,
                                  0,
                                  ENTRIES(OX("anna"), "uidNumber=2002", OX("ben"), "uidNumber=2003",
                                          "cn=uidNumber", "uidNumber=2004")};

/* R9.5: others that take numbers between our look and our change. */
static void test_taken_numbers(void)
{
    meddles = 3;
    run_parts("open-xchange", &two_accounts, 1);
    g_assert_cmpuint(meddled, ==, 3);
}

/* --- what no such schema has a place for --- */

static const char no_place[] =
    "DOMAIN;USER;TYPE;ACTION;LIST MEMBER;MEMBER;SUBJECT;MESSAGE;TARGET;FILTER;FILTERTYPE\n"
    "one.example;d;DLIST;ADD;admin;;;;;;\n"
    "one.example;g;GROUP;ADD;;admin;;;;;\n"
    "one.example;r;RESOURCE;ADD;;;;;;;\n"
    "one.example;rs;RESOURCEGROUP;ADD;;r;;;;;\n"
    "one.example;admin;AUTORESPONDER;ADD;;;Away;Back on Monday;;;\n"
    "three.example;;DOMAINALIAS;ADD;;;;;one.example;;\n"
    "one.example;;SPAMFILTER;ADD;;;;;;x@else.example;EMAIL\n";

/* R9.3 */
static void test_no_place(gconstpointer profile)
{
    static const ObjectType types[] = {TYPE_DLIST,         TYPE_GROUP,         TYPE_RESOURCE,
                                       TYPE_RESOURCEGROUP, TYPE_AUTORESPONDER, TYPE_DOMAINALIAS,
                                       TYPE_SPAMFILTER};
    g_autoptr(GString) says = g_string_new(NULL);
    for (guint i = 0; i < G_N_ELEMENTS(types); i++)
        g_string_append_printf(says, "the profile %s has no type %s.|", (const char *)profile,
                               type_name(types[i]));
    const Part part = {no_place, NULL, says->str, 0, G_N_ELEMENTS(types), NULL};
    run_parts(profile, &part, 1);
}
#define JOBS 8
#define ROWS 3

typedef struct {
    JobFixture *fixture;
    const char *domain;
} Side;

static gpointer add_many(gpointer data)
{
    const Side *side = data;
    g_autofree char *admin = g_strconcat("admin@", side->domain, NULL);
    for (unsigned i = 0; i < JOBS; i++) {
        g_autoptr(GString) csv = g_string_new(OX_HEAD);
        for (unsigned j = 0; j < ROWS; j++)
            g_string_append_printf(csv, "%s;u%u;FULL;ADD;" SECRET ";;;;;\n", side->domain,
                                   i * ROWS + j);
        g_autofree char *id = job_fixture_mail(side->fixture, admin, "allow", PASSWORD, csv->str);
        job_fixture_run(side->fixture);
        g_autoptr(Job) job = job_fixture_job(side->fixture, id);
        g_assert_cmpuint(job->counts[RESULT_CREATED], ==, ROWS);
    }
    return NULL;
}

/* R9.5: two services at once, and no number is given out twice. */
static void test_numbers(void)
{
    SlapdFixture *slapd = slapd_fixture_of_profile("open-xchange", profile_domains, PASSWORD);
    /* Here, not in the threads: files are read by one thread at a time. */
    Side sides[] = {{job_fixture_new(slapd), "one.example"},
                    {job_fixture_new(slapd), "two.example"}};
    GThread *other = g_thread_new("other", add_many, &sides[1]);
    const char *const number[] = {"uidNumber", NULL};
    g_autoptr(GError) error = NULL;
    g_autoptr(GPtrArray) entries = NULL;
    add_many(&sides[0]);
    g_thread_join(other);
    g_autoptr(Directory) directory = directory_new(&slapd->settings, &error);
    g_assert_cmpint(directory_search(directory, slapd->base, DIRECTORY_SCOPE_SUB, "(uid=u*)",
                                     number, 1000, &entries, &error),
                    ==, ANSWER_YES);
    g_assert_cmpuint(entries->len, ==, 2 * JOBS * ROWS);
    g_autoptr(GHashTable) met = g_hash_table_new(g_str_hash, g_str_equal);
    for (guint i = 0; i < entries->len; i++)
        g_assert_true(g_hash_table_add(met, (char *)entry_value(entries->pdata[i], "uidNumber")));
    g_clear_pointer(&directory, directory_free);
    for (guint i = 0; i < G_N_ELEMENTS(sides); i++)
        job_fixture_free(sides[i].fixture);
    slapd_fixture_free(slapd);
}
int main(int argc, char **argv)
{
    static const char *const profiles[] = {"inetlocal", "iredmail", "open-xchange", "postfix-book",
                                           "qmail-ldap"};
    profiles_begin(&argc, &argv);
    g_test_add_func("/profiles/R9.1-R9.4/open-xchange", test_open_xchange);
    g_test_add_func("/profiles/R9.1-R9.4/iredmail", test_iredmail);
    g_test_add_func("/profiles/R9.6/shown", test_shown);
    g_test_add_func("/profiles/R9.1-R9.3/qmail-ldap", test_qmail_ldap);
    g_test_add_func("/profiles/R9.1-R9.3/postfix-book", test_postfix_book);
    g_test_add_func("/profiles/R9.1-R9.3/inetlocal", test_inetlocal);
    g_test_add_func("/profiles/R9.3/beside-forwards", test_beside_forwards);
    g_test_add_func("/profiles/R9.5/numbers", test_numbers);
    g_test_add_func("/profiles/R9.5/taken-numbers", test_taken_numbers);
    for (guint i = 0; i < G_N_ELEMENTS(profiles); i++) {
        g_autofree char *path = g_strconcat("/profiles/R9.3/no-place/", profiles[i], NULL);
        g_test_add_data_func(path, profiles[i], test_no_place);
    }
    return g_test_run();
}
