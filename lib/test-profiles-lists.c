/* SPDX-License-Identifier: MIT */
#include "lib/profiles-fixture.h"

#include <string.h>

/* Lists that their members have, and the domains of such a directory (iredmail, postfix-book). */

#define THREE "domainName=three.example,o=domains"

/* Domains, with what their entries lie below. */
static const Part iredmail_domains[] = {
    {HEAD "three.example;;DOMAIN;ADD;;;;;;\n"
          "three.example;anna;FULL;ADD;an@three.example;;;;;" SECRET "\n"
          "three.example;sales;FORWARD;ADD;;;anna@three.example;;;\n"
          "three.example;l;LIST;ADD;;;;anna@three.example sales@three.example e@else.example;;\n"
          "one.example;l;LIST;ADD;;;;anna@three.example admin@one.example;;\n"
          "three.example;m;LIST;ADD;;;;admin@one.example l@three.example;;\n"
          "three.example;;CATCHALL;ADD;;anna@three.example;;;;\n"
          "three.example;;DOMAIN;ADD;;;;;;\n"
          "three.example;;DOMAIN;SUSPEND;;;;;;\n"
          "three.example;;DOMAIN;MODIFY;;;;;;\n",
     NULL,
     "The domain three.example is there already|no SUSPEND for the type DOMAIN|no MODIFY for "
     "the type DOMAIN",
     7, 3,
     ENTRIES(THREE,
             "objectClass=mailDomain|accountStatus=active|enabledService=mail|"
             "mtaTransport=dovecot|objectClass=batchloadMark",
             "ou=Users," THREE, "objectClass=organizationalUnit", "ou=Externals," THREE,
             "ou=Externals", "mail=anna@three.example,ou=Users," THREE,
             "memberOfGroup=l@three.example|memberOfGroup=l@one.example", IRED("admin", "Users"),
             "memberOfGroup=m@three.example|memberOfGroup=l@one.example")},
    {HEAD "three.example;;DOMAIN;DELETE;;;;;;\n"
          "three.example;x;FULL;ADD;;;;;;" SECRET "\n",
     "Mode: check", "The domain three.example is not set up", 1, 1,
     ENTRIES(THREE, "domainName=three.example")},
    {HEAD "three.example;;DOMAIN;DELETE;;;;;;\n", "Mode: atomic",
     "nothing was changed|without Mode: atomic", 0, 1, ENTRIES(THREE, "domainName=three.example")},
    {HEAD "three.example;;DOMAIN;DELETE;;;;;;\n"
          "three.example;x;FULL;ADD;;;;;;" SECRET "\n",
     NULL, "The domain three.example is not set up", 1, 1,
     ENTRIES(THREE, "-", IRED("admin", "Users"), "memberOfGroup=l@one.example", "o=domains",
             "o=domains")},
    {"DOMAIN;USER;TYPE;ACTION;MAX MAILBOXES;OWNER;PASSWORD\n"
     "three.example;;DOMAIN;ADD;5;;\n"
     "three.example;;DOMAIN;ADD;;anna;" SECRET "\n",
     NULL, "no place for MAX MAILBOXES: the profile iredmail|no place for", 0, 2,
     ENTRIES(THREE, "-")},
    /* With nothing in it, and all or nothing. */
    {HEAD "three.example;;DOMAIN;ADD;;;;;;\n"
          "three.example;;DOMAIN;DELETE;;;;;;\n",
     NULL, NULL, 2, 0, ENTRIES(THREE, "-")},
    {"DOMAIN;USER;TYPE;ACTION;PHONE;PASSWORD\n"
     "three.example;;DOMAIN;ADD;;\n"
     "three.example;x;FULL;ADD;;" SECRET "\n"
     "three.example;v;FULL;ADD;*;" SECRET "\n",
     "Mode: atomic", "nothing was changed", 2, 1, ENTRIES(THREE, "-")},
};
/* --- lists that their members have --- */

#define LISTS "two.example;x;FULL;ADD;;;;;;" SECRET "\n"

static const Part iredmail_lists[] = {
    {HEAD ANNA_AND_BEN LISTS
     "one.example;sales;FORWARD;ADD;;;anna@one.example;;;\n"
     "one.example;l;LIST;ADD;;;;anna@one.example ben@one.example;;\n"
     "one.example;l;LIST;ADD;;;;sales@one.example ext@else.example x@two.example;;\n"
     "one.example;l;LIST;ADD;;;;an@one.example;;\n" /* she is on it already */
     "one.example;m;LIST;ADD;;;;l@one.example an@one.example anna@one.example;;\n"
     "one.example;l;LIST;ADD;;;;m@one.example;;\n"
     "one.example;anna;FULL;MODIFY;;;m@one.example;;;" SECRET "\n"
     "one.example;l;LIST;ADD;;;;nobody@one.example;;\n"
     "one.example;l;LIST;SUSPEND;;;;;;\n"
     "one.example;l;FULL;ADD;;;;;;" SECRET "\n"
     "one.example;an;LIST;ADD;;;;anna@one.example;;\n",
     NULL,
     "m@one.example leads back to l@one.example, in a circle|m@one.example leads back to "
     "anna@one.example, in a circle|no address nobody@one.example|the profile iredmail has no "
     "SUSPEND for the type LIST|l@one.example is taken: there is a list with it already|"
     "an@one.example is taken: there is an alias",
     9, 7,
     ENTRIES(IRED("l", "Groups"),
             "objectClass=mailList|objectClass=batchloadMark|accountStatus=active|"
             "enabledService=deliver|memberOfGroup=m@one.example|cn=l",
             IRED("m", "Groups"), "!memberOfGroup", IRED("anna", "Users"),
             "memberOfGroup=l@one.example|memberOfGroup=m@one.example", IRED("ben", "Users"),
             "memberOfGroup=l@one.example", IRED("sales", "Aliases"),
             "memberOfGroup=l@one.example|objectClass=batchloadMark",
             "mail=x@two.example,ou=Users,domainName=two.example,o=domains",
             "memberOfGroup=l@one.example",
             "memberOfGroup=l@one.example,ou=Externals,domainName=one.example,o=domains",
             "objectClass=mailExternalUser|mail=ext@else.example|accountStatus=active|"
             "enabledService=mail")},
    /* Only checked: what goes in one row is gone for those behind it. */
    {HEAD "one.example;l;LIST;DELETE;;;;an@one.example ext@else.example;;\n"
          "one.example;l;LIST;DELETE;;;;anna@one.example;;\n"
          "one.example;anna;FULL;MODIFY;;;ben@one.example;;;" SECRET "\n"
          "one.example;m;LIST;DELETE;;;;anna@one.example;;\n"
          "one.example;ben;FULL;MODIFY;;;m@one.example;;;" SECRET "\n"
          "one.example;ben;FULL;DELETE;;;;;;\n"
          "one.example;l;LIST;ADD;;;;ben@one.example;;\n"
          "one.example;m;LIST;DELETE;;;;;;\n"
          "one.example;m;FULL;ADD;;;;;;" SECRET "\n"
          "one.example;l;LIST;ADD;;;;m@one.example;;\n"
          "one.example;m;LIST;ADD;;;;sales@one.example;;\n"
          "one.example;k;LIST;ADD;;;;sales@one.example;;\n"
          "one.example;anna;FULL;MODIFY;;;k@one.example;;;" SECRET "\n",
     "Mode: check",
     "ben@one.example, in a circle|no address ben@one.example|m@one.example is taken: there is a "
     "mailbox with it|k@one.example leads back to anna@one.example, in a circle",
     9, 4,
     ENTRIES(IRED("anna", "Users"), "memberOfGroup=l@one.example|!mailForwardingAddress",
             IRED("m", "Groups"), "mail=m@one.example")},
    {HEAD "one.example;l;LIST;ADD;;;;ext2@else.example an@one.example;;\n"
          "one.example;l;LIST;DELETE;;;;an@one.example ext@else.example;;\n"
          "one.example;l;LIST;DELETE;;;;anna@one.example;;\n"
          "one.example;l;LIST;MODIFY;;;;;;\n"
          "one.example;sales;FORWARD;DELETE;;;;;;\n",
     NULL, NULL, 5, 0,
     ENTRIES(IRED("anna", "Users"), "memberOfGroup=m@one.example",
             "memberOfGroup=l@one.example,ou=Externals,domainName=one.example,o=domains",
             "mail=ext2@else.example", IRED("sales", "Aliases"), "-")},
    /* All or nothing. */
    {"DOMAIN;USER;TYPE;ACTION;LIST MEMBER;PHONE;PASSWORD\n"
     "one.example;l;LIST;DELETE;;;\n"
     "one.example;l;LIST;ADD;anna@one.example ext3@else.example;;\n"
     "one.example;v;FULL;ADD;;*;" SECRET "\n",
     "Mode: atomic", "nothing was changed", 2, 1,
     ENTRIES(IRED("l", "Groups"), "memberOfGroup=m@one.example", IRED("anna", "Users"),
             "memberOfGroup=m@one.example", IRED("ben", "Users"), "memberOfGroup=l@one.example",
             "memberOfGroup=l@one.example,ou=Externals,domainName=one.example,o=domains",
             "mail=ext2@else.example")},
    /* A list that goes leaves nothing behind. */
    {HEAD "one.example;l;LIST;DELETE;;;;;;\n"
          "one.example;anna;FULL;DELETE;;;;;;\n",
     NULL, NULL, 2, 0,
     ENTRIES(IRED("l", "Groups"), "-", IRED("ben", "Users"), "!memberOfGroup",
             "mail=x@two.example,ou=Users,domainName=two.example,o=domains", "!memberOfGroup",
             "memberOfGroup=l@one.example,ou=Externals,domainName=one.example,o=domains", "-",
             IRED("m", "Groups"), "!memberOfGroup")},
};

static void run_lists(const char *profile, const Part *parts, gsize count)
{
    static const unsigned slice_rows[] = {500, 1, 3};
    for (guint i = 0; i < G_N_ELEMENTS(slice_rows); i++) {
        SlapdFixture *slapd = slapd_fixture_of_profile(profile, profile_domains, PASSWORD);
        g_autoptr(JobFixture) fixture = job_fixture_new(slapd);
        fixture->config->slice_rows = slice_rows[i];
        for (gsize j = 0; j < count; j++)
            run_part(fixture, &parts[j]);
        g_clear_pointer(&fixture, job_fixture_free);
        slapd_fixture_free(slapd);
    }
}

static const Part strange = {HEAD "three.example;;DOMAIN;ADD;;;;;;\n",  NULL, NULL, 1, 0,
                             ENTRIES(THREE, "domainName=three.example")};
static const Part not_gone = {
    HEAD "three.example;;DOMAIN;DELETE;;;;;;\n",
    NULL,
    "holds something that this service does not know",
    0,
    1,
    ENTRIES("ou=Contacts," THREE, "ou=Contacts", "ou=Users," THREE, "ou=Users")};

/* R9.10 */
static void test_iredmail_domains(void)
{
    SlapdFixture *slapd = slapd_fixture_of_profile("iredmail", profile_domains, PASSWORD);
    g_autoptr(JobFixture) fixture = job_fixture_new(slapd);
    run_part(fixture, &strange);
    slapd_fixture_ldif(slapd, "dn: ou=Contacts," THREE ",dc=example,dc=org\n"
                              "objectClass: organizationalUnit\nou: Contacts\n\n");
    run_part(fixture, &not_gone);
    g_clear_pointer(&fixture, job_fixture_free);
    slapd_fixture_free(slapd);
    run_lists("iredmail", iredmail_domains, G_N_ELEMENTS(iredmail_domains));
}

/* R9.9 */
static void test_iredmail_lists(void)
{
    run_lists("iredmail", iredmail_lists, G_N_ELEMENTS(iredmail_lists));
}

/* What is shown before the lists, behind which come others that lead on. */
static const Part lists_to_show = {HEAD
                                   "one.example;anna;FULL;ADD;an@one.example;;;;;" SECRET "\n" LISTS
                                   "one.example;ben;FULL;ADD;;;;;;" SECRET "\n"
                                   "one.example;z;LIST;ADD;;;;x@two.example anna@one.example;;\n"
                                   "two.example;y;LIST;ADD;;;;anna@one.example;;\n"
                                   "one.example;b;LIST;ADD;;;;ben@one.example;;\n",
                                   NULL,
                                   NULL,
                                   6,
                                   0,
                                   NULL};

/* The line of the list has these members, in any order. */
static void check_members(const char *text, const char *line, const char *const *members)
{
    const char *at = strstr(text, line);
    g_assert_nonnull(at);
    g_autofree char *whole = g_strndup(at, strcspn(at, "\n"));
    g_assert_cmpuint(strlen(whole), ==, strlen(line) + strlen(members[0]) + 1 + strlen(members[1]));
    job_fixture_assert_holds(whole, members[0]);
    job_fixture_assert_holds(whole, members[1]);
}

static void show_lists(const char *profile, const Part *more)
{
    static const char *const line = "LIST z LIST MEMBER=";
    static const char *const members[] = {"anna@one.example", "x@two.example"};
    SlapdFixture *slapd = slapd_fixture_of_profile(profile, profile_domains, PASSWORD);
    g_autoptr(JobFixture) fixture = job_fixture_new(slapd);
    run_part(fixture, &lists_to_show);
    g_autofree char *all = shown(fixture, NULL), *one = shown(fixture, "z");
    g_autofree char *none = shown(fixture, "nobody");
    g_autofree char *anna = shown_with(fixture, "anna", profile_domains);
    g_autofree char *list = shown_with(fixture, "z", profile_domains);
    check_members(all, line, members);
    check_members(one, line, members);
    g_assert_cmpstr(list, ==, one);
    g_assert_cmpstr(none, ==, "");
    job_fixture_assert_holds(all, "LIST b LIST MEMBER=ben@one.example\n");
    job_fixture_assert_holds(anna, "LIST z LIST MEMBER=anna@one.example\n");
    job_fixture_assert_holds(anna, "LIST y LIST MEMBER=anna@one.example\n");
    g_assert_null(strstr(all, "LIST y"));
    g_assert_true(strstr(all, "FULL ben") < strstr(all, "LIST b"));
    g_assert_true(strstr(all, "FULL anna") < strstr(all, line));
    if (more) {
        run_part(fixture, more);
        g_autofree char *after = shown(fixture, NULL);
        job_fixture_assert_holds(after, "LIST n LIST MEMBER=b@one.example e@else.example\n");
        job_fixture_assert_holds(after, "LIST e\n");
        g_assert_true(strstr(after, "LIST b") < strstr(after, "LIST n"));
    }
    g_clear_pointer(&fixture, job_fixture_free);
    slapd_fixture_free(slapd);
}

static const Part nested = {HEAD "one.example;n;LIST;ADD;;;;b@one.example e@else.example;;\n"
                                 "one.example;e;LIST;ADD;;;;;;\n",
                            NULL,
                            NULL,
                            2,
                            0,
                            NULL};

/* R9.6, R9.9 */
static void test_shown_lists(void)
{
    show_lists("iredmail", &nested);
    show_lists("postfix-book", NULL);
}

static const Part with_strays = {
    HEAD "one.example;anna;FULL;ADD;;;;;;" SECRET "\n"
         "one.example;ghost;LIST;ADD;;;;anna@one.example;;\n"
         "one.example;other;LIST;ADD;;;;anna@one.example e@else.example;;\n"
         "one.example;third;LIST;DELETE;;;;anna@one.example;;\n"
         "two.example;x;FULL;ADD;;;;;;" SECRET "\n"
         "two.example;x;FULL;DELETE;;;;;;\n",
    NULL,
    NULL,
    6,
    0,
    ENTRIES("memberOfGroup=fourth@one.example,ou=Externals,domainName=one.example,o=domains",
            "mail=keep@else.example",
            "memberOfGroup=third@one.example,ou=Externals,domainName=one.example,o=domains", "-",
            IRED("stray", "Users"), "!memberOfGroup", IRED("anna", "Users"),
            "memberOfGroup=ghost@one.example|"
            "memberOfGroup=other@one.example",
            "memberOfGroup=ghost@one.example,ou=Externals,domainName="
            "one.example,o=domains",
            "-",
            "memberOfGroup=other@one.example,ou=Externals,domainName="
            "one.example,o=domains",
            "mail=e@else.example|!description")};

/* A list that somebody else took away without telling its members is nobody's when it is made anew.
 */
static void test_strays(void)
{
    SlapdFixture *slapd = slapd_fixture_of_profile("iredmail", profile_domains, PASSWORD);
    g_autoptr(JobFixture) fixture = job_fixture_new(slapd);
    slapd_fixture_ldif(
        slapd, "dn: mail=stray@one.example,ou=Users,domainName=one.example,o=domains,"
               "dc=example,dc=org\nobjectClass: inetOrgPerson\nobjectClass: mailUser\n"
               "uid: stray\ncn: stray\nsn: stray\nmail: stray@one.example\n"
               "memberOfGroup: ghost@one.example\n\n"
               "dn: memberOfGroup=ghost@one.example,ou=Externals,domainName=one.example,o=domains,"
               "dc=example,dc=org\nobjectClass: mailExternalUser\n"
               "memberOfGroup: ghost@one.example\nmail: old@else.example\n\n"
               "dn: memberOfGroup=other@one.example,ou=Externals,domainName=one.example,o=domains,"
               "dc=example,dc=org\nobjectClass: mailExternalUser\n"
               "memberOfGroup: other@one.example\nmail: old@else.example\nmail: " ADMIN "\n\n"
               "dn: mail=third@one.example,ou=Groups,domainName=one.example,o=domains,"
               "dc=example,dc=org\nobjectClass: mailList\nmail: third@one.example\n\n"
               "dn: memberOfGroup=third@one.example,ou=Externals,domainName=one.example,o=domains,"
               "dc=example,dc=org\nobjectClass: mailExternalUser\n"
               "memberOfGroup: third@one.example\nmail: anna@one.example\n\n"
               "dn: memberOfGroup=fourth@one.example,ou=Externals,domainName=one.example,"
               "o=domains,dc=example,dc=org\nobjectClass: mailExternalUser\n"
               "memberOfGroup: fourth@one.example\nmail: x@two.example\n"
               "mail: keep@else.example\n\n");
    run_part(fixture, &with_strays);
    g_autoptr(Entry) others = read_entry(
        fixture, "memberOfGroup=other@one.example,ou=Externals,domainName=one.example,o=domains");
    g_assert_cmpuint(entry_values(others, "mail")->len, ==, 1);
    g_autoptr(Entry) fourth = read_entry(
        fixture, "memberOfGroup=fourth@one.example,ou=Externals,domainName=one.example,o=domains");
    g_assert_cmpuint(entry_values(fourth, "mail")->len, ==, 1);
    g_clear_pointer(&fixture, job_fixture_free);
    slapd_fixture_free(slapd);
}
static const Part postfix_book_lists[] = {
    {HEAD ANNA_AND_BEN LISTS
     "one.example;l;LIST;ADD;;;;;;\n"
     "one.example;l;LIST;ADD;;;;anna@one.example ben@one.example;;\n"
     "one.example;l;LIST;ADD;;;;x@two.example;;\n"
     "one.example;l;LIST;ADD;;;;an@one.example;;\n"
     "one.example;l;LIST;ADD;;;;ext@else.example;;\n"
     "one.example;m;LIST;ADD;;;;l@one.example;;\n" /* no entry, no place for that */
     "one.example;l;FULL;ADD;;;;;;" SECRET "\n"
     "one.example;c;FULL;ADD;l@one.example;;;;;" SECRET "\n"
     "one.example;l;LIST;MODIFY;;;;;;\n"
     "one.example;l;LIST;SUSPEND;;;;;;\n"
     "one.example;ben;LIST;ADD;;;;anna@one.example;;\n"
     "one.example;l;LIST;ADD;;;;;;\n",
     NULL,
     "a list without members: the profile postfix-book|have ext@else.example on a list: the "
     "profile postfix-book has no place for addresses of other domains there|have l@one.example "
     "on a list: the profile postfix-book has no place for a list there|l@one.example is taken: "
     "there is a list with it already|postfix-book has no MODIFY for the type LIST|"
     "ben@one.example is taken: there is a mailbox",
     8, 9,
     ENTRIES(BOOK("anna"), "mailGroupMember=l@one.example|objectClass=batchloadMark", BOOK("ben"),
             "mailGroupMember=l@one.example", BOOK("l"), "-", BOOK("c"), "-",
             "mail=x@two.example,ou=two.example", "mailGroupMember=l@one.example")},
    /* The last one takes the list along; then its address is free. */
    {HEAD "one.example;l;LIST;DELETE;;;;an@one.example;;\n"
          "one.example;anna;FULL;DELETE;;;;;;\n"
          "one.example;l;LIST;DELETE;;;;x@two.example;;\n"
          "one.example;l;FULL;ADD;;;;;;" SECRET "\n"
          "one.example;ben;FULL;DELETE;;;;;;\n"
          "one.example;l;LIST;DELETE;;;;;;\n"
          "one.example;l;FULL;ADD;;;;;;" SECRET "\n"
          "one.example;l;FULL;DELETE;;;;;;\n",
     "Mode: check",
     "l@one.example is taken: there is a list with it|no list with the address "
     "l@one.example",
     6, 2, ENTRIES(BOOK("anna"), "mailGroupMember=l@one.example")},
    {HEAD "one.example;l;LIST;DELETE;;;;an@one.example;;\n"
          "one.example;anna;FULL;DELETE;;;;;;\n"
          "one.example;l;LIST;DELETE;;;;x@two.example;;\n"
          "one.example;l;FULL;ADD;;;;;;" SECRET "\n"
          "one.example;m;LIST;ADD;;;;ben@one.example x@two.example;;\n"
          "one.example;l;LIST;DELETE;;;;;;\n"
          "one.example;l;FULL;ADD;;;;;;" SECRET "\n"
          "one.example;m;LIST;ADD;;;;l@one.example;;\n",
     NULL, "l@one.example is taken: there is a list with it", 7, 1,
     ENTRIES(BOOK("ben"), "mailGroupMember=m@one.example", BOOK("l"),
             "mailGroupMember=m@one.example", BOOK("anna"), "-")},
    {HEAD "one.example;l;FULL;DELETE;;;;;;\n"
          "one.example;m;LIST;DELETE;;;;;;\n"
          "one.example;m;LIST;DELETE;;;;;;\n",
     NULL, "no list with the address m@one.example", 2, 1,
     ENTRIES(BOOK("ben"), "!mailGroupMember", BOOK("l"), "-", "mail=x@two.example,ou=two.example",
             "!mailGroupMember")},
};

/* R9.9 */
static void test_postfix_book_lists(void)
{
    run_lists("postfix-book", postfix_book_lists, G_N_ELEMENTS(postfix_book_lists));
}
/* --- somebody else between our look and our change --- */
static guint disturbs; /* how often somebody else changes this just before we do */
static const char *disturbed_dn;

Answer __real_directory_stream(Directory *directory, const WriteStream *stream, GError **error);
Answer __wrap_directory_stream(Directory *directory, const WriteStream *stream, GError **error);

Answer __wrap_directory_stream(Directory *directory, const WriteStream *stream, GError **error)
{
    if (disturbs) {
        g_autofree char *number = g_strdup_printf("%u", 100 + disturbs--);
        replace_value(directory, disturbed_dn, "telephoneNumber", number);
    }
    return __real_directory_stream(directory, stream, error);
}
static const Part disturbed[] = {
    {HEAD "one.example;anna;FULL;ADD;;;;;;" SECRET "\n"
          "one.example;ben;FULL;ADD;;;;;;" SECRET "\n",
     NULL, NULL, 2, 0, NULL},
    {HEAD "one.example;l;LIST;ADD;;;;anna@one.example ben@one.example;;\n", NULL, NULL, 1, 0, NULL},
    {HEAD "one.example;m;LIST;ADD;;;;ben@one.example;;\n"
          "one.example;m;LIST;ADD;;;;anna@one.example;;\n"
          "one.example;l;LIST;DELETE;;;;anna@one.example;;\n"
          "one.example;l;LIST;ADD;;;;anna@one.example;;\n",
     NULL, NULL, 4, 0, NULL},
    {HEAD "one.example;l;LIST;DELETE;;;;;;\n", NULL, NULL, 1, 0, NULL},
};

static void check_lists(const JobFixture *fixture, const char *rdn, const char *attribute,
                        const char *wanted)
{
    g_autoptr(Entry) entry = read_entry(fixture, rdn);
    g_autoptr(GString) text = g_string_new(NULL);
    const GPtrArray *values = entry_values(entry, attribute);
    for (guint i = 0; values && i < values->len; i++)
        g_string_append_printf(text, "%s%.1s", i ? " " : "", (const char *)values->pdata[i]);
    g_assert_cmpstr(text->str, ==, wanted);
}

static void run_disturbed(const char *profile, const char *anna, const char *attribute)
{
    static const char *const wanted[] = {"", "l", "m l", "m"};
    SlapdFixture *slapd = slapd_fixture_of_profile(profile, profile_domains, PASSWORD);
    g_autoptr(JobFixture) fixture = job_fixture_new(slapd);
    g_autofree char *dn = g_strconcat(anna, ",", slapd->base, NULL);
    disturbed_dn = dn;
    for (guint i = 0; i < G_N_ELEMENTS(disturbed); i++) {
        disturbs = i ? 2 : 0;
        run_part(fixture, &disturbed[i]);
        check_lists(fixture, anna, attribute, wanted[i]);
        g_assert_cmpuint(disturbs, ==, 0);
    }
    g_clear_pointer(&fixture, job_fixture_free);
    slapd_fixture_free(slapd);
}

/* R9.9 */
static void test_disturbed(void)
{
    run_disturbed("iredmail", IRED("anna", "Users"), "memberOfGroup");
    run_disturbed("postfix-book", BOOK("anna"), "mailGroupMember");
}
int main(int argc, char **argv)
{
    profiles_begin(&argc, &argv);
    g_test_add_func("/profiles-lists/R9.9/iredmail", test_iredmail_lists);
    g_test_add_func("/profiles-lists/R9.9/shown", test_shown_lists);
    g_test_add_func("/profiles-lists/R9.10/iredmail", test_iredmail_domains);
    g_test_add_func("/profiles-lists/R9.9/strays", test_strays);
    g_test_add_func("/profiles-lists/R9.9/postfix-book", test_postfix_book_lists);
    g_test_add_func("/profiles-lists/R9.9/disturbed", test_disturbed);
    return g_test_run();
}
