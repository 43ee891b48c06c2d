/* SPDX-License-Identifier: MIT */
#include "lib/job-fixture.h"
#include "lib/show.h"
#include <curl/curl.h>
#include <gmime/gmime.h>
#include <string.h>

/* The profiles for directories that sites have already, each against a real directory with such a
 * schema: files, what is told of their rows, and what stands there after them. */

#define PASSWORD JOB_FIXTURE_PASSWORD
#define ADMIN "admin@one.example"

static const char *const domains[] = {"one.example", "two.example", NULL};

typedef struct {
    const char *csv;
    const char *mode; /* a further line of the mail, or NULL */
    const char *says; /* words of the response, divided by "|"; NULL: none */
    unsigned done;    /* rows that did what they say */
    unsigned failed;  /* rows that did not */
    const char *const
        *entries; /* of "RDN… below the base" and then its attributes as
               "name=value|…" in turn, "!name" is absent, "-" no entry; ends with NULL */
} Part;

/* --- looking --- */

static Entry *read_entry(const JobFixture *fixture, const char *rdn)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(Directory) directory = directory_new(&fixture->slapd->settings, &error);
    g_autofree char *dn = g_strconcat(rdn, ",", fixture->slapd->base, NULL);
    const char *const all[] = {"*", NULL};
    Entry *entry = NULL;
    directory_read(directory, dn, all, &entry, &error);
    g_assert_no_error(error);
    return entry;
}

static void check_attribute(const char *rdn, const Entry *entry, char *text)
{
    char *equals = strchr(text, '=');
    if (*text == '!') {
        if (entry_values(entry, text + 1))
            g_error("%s has %s: %s", rdn, text + 1, entry_value(entry, text + 1));
        return;
    }
    g_assert_nonnull(equals);
    *equals = '\0';
    if (!entry_has(entry, text, equals + 1, false))
        g_error("%s has %s: %s, not %s", rdn, text, entry_value(entry, text), equals + 1);
}

static void check_entry(const JobFixture *fixture, const char *rdn, const char *attributes)
{
    g_autoptr(Entry) entry = read_entry(fixture, rdn);
    if (g_str_equal(attributes, "-")) {
        if (entry)
            g_error("%s is there", rdn);
        return;
    }
    if (!entry)
        g_error("%s is not there", rdn);
    g_auto(GStrv) each = g_strsplit(attributes, "|", -1);
    for (char **one = each; *one; one++)
        check_attribute(rdn, entry, *one);
}

/* Without its line breaks. */
static char *flatten(const char *text)
{
    g_autoptr(GRegex) blanks = g_regex_new("\\s+", 0, 0, NULL);
    return g_regex_replace_literal(blanks, text, -1, 0, " ", 0, NULL);
}

static void run_part(JobFixture *fixture, const Part *part)
{
    g_autofree char *password =
        g_strconcat(PASSWORD, part->mode ? "\r\n" : "", part->mode ? part->mode : "", NULL);
    g_autofree char *id =
        job_fixture_mail(fixture, ADMIN,
                         "allow domains=one.example,two.example,three.example "
                         "create_domains=yes "
                         "types=FULL,FORWARD,LIST,DLIST,ALIAS,CATCHALL,DOMAIN,DOMAINALIAS,GROUP,"
                         "RESOURCE,RESOURCEGROUP,AUTORESPONDER,SPAMFILTER",
                         password, part->csv);
    job_fixture_run(fixture);
    g_autoptr(Job) job = job_fixture_job(fixture, id);
    g_autofree char *response = job_fixture_response(fixture, id);
    g_autofree char *mail = flatten(response);
    g_auto(GStrv) says = g_strsplit(part->says ? part->says : "", "|", -1);
    unsigned done = job->counts[RESULT_CREATED] + job->counts[RESULT_CHANGED] +
                    job->counts[RESULT_DELETED] + job->counts[RESULT_UNCHANGED];
    if (done != part->done || job->counts[RESULT_FAILED] != part->failed)
        g_error("%u done, %u failed:\n%s\n%s", done, job->counts[RESULT_FAILED], part->csv,
                response);
    for (char **words = says; *words; words++)
        if (**words)
            job_fixture_assert_holds(mail, *words);
    for (guint i = 0; part->entries && part->entries[i]; i += 2)
        check_entry(fixture, part->entries[i], part->entries[i + 1]);
}

static bool on_shown(gpointer data, const ShowRow *row)
{
    static const Field fields[] = {FIELD_TARGET, FIELD_MAILFORWARD, FIELD_QUOTA, FIELD_ALIAS,
                                   FIELD_LIST_MEMBER};
    GString *text = data;
    g_string_append_printf(text, "%s %s", type_name(row->type), row->user);
    for (guint i = 0; i < G_N_ELEMENTS(fields); i++) {
        g_autofree char *cell = show_row_cell(row, fields[i]);
        if (*cell)
            g_string_append_printf(text, " %s=%s", field_name(fields[i]), cell);
    }
    g_string_append_c(text, '\n');
    return true;
}

/* What is shown of an address, or (NULL) of the domain. */
static char *shown_with(const JobFixture *fixture, const char *user, const char *const *around)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(Directory) directory = directory_new(&fixture->slapd->settings, &error);
    const ShowScope scope = {
        .domain = "one.example", .user = user, .type = TYPE_COUNT, .around = around};
    GString *text = g_string_new(NULL);
    show_stream(directory, fixture->slapd->profile, &scope, on_shown, text, &error);
    g_assert_no_error(error);
    return g_string_free(text, FALSE);
}

static char *shown(const JobFixture *fixture, const char *user)
{
    return shown_with(fixture, user, NULL);
}

static void run_parts(const char *profile, const Part *parts, gsize count)
{
    SlapdFixture *slapd = slapd_fixture_of_profile(profile, domains, PASSWORD);
    g_autoptr(JobFixture) fixture = job_fixture_new(slapd);
    for (gsize i = 0; i < count; i++)
        run_part(fixture, &parts[i]);
    g_clear_pointer(&fixture, job_fixture_free);
    slapd_fixture_free(slapd);
}

#define ENTRIES(...)                                                                               \
    (const char *const[])                                                                          \
    {                                                                                              \
        __VA_ARGS__, NULL                                                                          \
    }

/* --- open-xchange --- */

#define OX(user) "uid=" user ",ou=Users,ou=OxObjects,ou=one.example"
#define OX_HEAD "DOMAIN;USER;TYPE;ACTION;PASSWORD;ALIAS;TARGET;SURNAME;LANGUAGE;TIMEZONE\n"
#define SECRET JOB_FIXTURE_SECRET

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

#define HEAD "DOMAIN;USER;TYPE;ACTION;ALIAS;TARGET;MAILFORWARD;LIST MEMBER;QUOTA;PASSWORD\n"
#define IRED(user, below) "mail=" user "@one.example,ou=" below ",domainName=one.example,o=domains"

/* Rows whose words are the same in each profile. */
#define ANNA_AND_BEN                                                                               \
    "one.example;anna;FULL;ADD;an@one.example;;;;;" SECRET "\n"                                    \
    "one.example;ben;FULL;ADD;;;;;;" SECRET "\n"                                                   \
    "one.example;info;ALIAS;ADD;;ben@one.example;;;;\n"                                            \
    "one.example;an;FULL;ADD;;;;;;" SECRET "\n"

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
    SlapdFixture *slapd = slapd_fixture_of_profile("iredmail", domains, PASSWORD);
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
        SlapdFixture *slapd = slapd_fixture_of_profile(profile, domains, PASSWORD);
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
    SlapdFixture *slapd = slapd_fixture_of_profile("iredmail", domains, PASSWORD);
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
    SlapdFixture *slapd = slapd_fixture_of_profile(profile, domains, PASSWORD);
    g_autoptr(JobFixture) fixture = job_fixture_new(slapd);
    run_part(fixture, &lists_to_show);
    g_autofree char *all = shown(fixture, NULL), *one = shown(fixture, "z");
    g_autofree char *none = shown(fixture, "nobody");
    g_autofree char *anna = shown_with(fixture, "anna", domains);
    g_autofree char *list = shown_with(fixture, "z", domains);
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
    SlapdFixture *slapd = slapd_fixture_of_profile("iredmail", domains, PASSWORD);
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

#define BOOK(user) "mail=" user "@one.example,ou=one.example"

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
    SlapdFixture *slapd = slapd_fixture_of_profile("postfix-book", domains, PASSWORD);
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
static guint disturbs; /* how often somebody else changes this just before we do */
static const char *disturbed_dn;

Answer __real_directory_apply(Directory *directory, GPtrArray *writes, GError **error);
Answer __wrap_directory_apply(Directory *directory, GPtrArray *writes, GError **error);

static void replace_value(Directory *directory, const char *dn, const char *attribute,
                          const char *value)
{
    g_autoptr(GPtrArray) others = g_ptr_array_new_with_free_func((GDestroyNotify)write_free);
    g_autoptr(Change) other = change_new(CHANGE_MODIFY, dn);
    g_autoptr(GError) error = NULL;
    change_mod(other, MOD_REPLACE, attribute, value);
    g_ptr_array_add(others, write_new(other, NULL));
    g_assert_cmpint(__real_directory_apply(directory, others, &error), ==, ANSWER_YES);
    g_assert_no_error(error);
}

Answer __wrap_directory_apply(Directory *directory, GPtrArray *writes, GError **error)
{
    for (guint i = 0; i < writes->len; i++) {
        const Change *change = ((Write *)writes->pdata[i])->change;
        if (writes->len == 1 && meddles && g_str_has_prefix(change->dn, "cn=uidNumber,")) {
            g_autofree char *number = g_strdup_printf("%u", 2000 + meddled++);
            meddles--;
            replace_value(directory, change->dn, "uidNumber", number);
        }
    }
    return __real_directory_apply(directory, writes, error);
}

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

/* --- somebody else between our look and our change --- */

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
    SlapdFixture *slapd = slapd_fixture_of_profile(profile, domains, PASSWORD);
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
    SlapdFixture *slapd = slapd_fixture_of_profile("open-xchange", domains, PASSWORD);
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
    g_test_init(&argc, &argv, NULL);
    secret_init();
    curl_global_init(CURL_GLOBAL_DEFAULT);
    g_mime_init();
    directory_init();
    g_test_add_func("/profiles/R9.1-R9.4/open-xchange", test_open_xchange);
    g_test_add_func("/profiles/R9.1-R9.4/iredmail", test_iredmail);
    g_test_add_func("/profiles/R9.6/shown", test_shown);
    g_test_add_func("/profiles/R9.9/iredmail", test_iredmail_lists);
    g_test_add_func("/profiles/R9.9/shown", test_shown_lists);
    g_test_add_func("/profiles/R9.10/iredmail", test_iredmail_domains);
    g_test_add_func("/profiles/R9.9/strays", test_strays);
    g_test_add_func("/profiles/R9.9/postfix-book", test_postfix_book_lists);
    g_test_add_func("/profiles/R9.1-R9.3/qmail-ldap", test_qmail_ldap);
    g_test_add_func("/profiles/R9.1-R9.3/postfix-book", test_postfix_book);
    g_test_add_func("/profiles/R9.1-R9.3/inetlocal", test_inetlocal);
    g_test_add_func("/profiles/R9.3/beside-forwards", test_beside_forwards);
    g_test_add_func("/profiles/R9.5/numbers", test_numbers);
    g_test_add_func("/profiles/R9.5/taken-numbers", test_taken_numbers);
    g_test_add_func("/profiles/R9.9/disturbed", test_disturbed);
    for (guint i = 0; i < G_N_ELEMENTS(profiles); i++) {
        g_autofree char *path = g_strconcat("/profiles/R9.3/no-place/", profiles[i], NULL);
        g_test_add_data_func(path, profiles[i], test_no_place);
    }
    return g_test_run();
}
