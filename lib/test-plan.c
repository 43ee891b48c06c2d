/* SPDX-License-Identifier: MIT */
#include "lib/plan.h"
#include "tests/operations.h"
#include "tests/slapd-fixture.h"

#include <string.h>

#define ROWS_MAX 16

static SlapdFixture *fixture;
static Directory *directory;

/* --- what is there before; no test changes it --- */

static const char *const before[] = {
    "ADD FULL admin@one.example PASSWORD={CRYPT}$6$x$y",
    "ADD FULL boss@one.example PASSWORD={CRYPT}$6$x$y",
    "ADD FULL anna@one.example PASSWORD={CRYPT}$6$x$y GIVENNAME=Anna",
    "ADD FULL ben@one.example PASSWORD={CRYPT}$6$x$y",
    "ADD FULL cleo@two.example PASSWORD={CRYPT}$6$x$y",
    "ADD FULL new+tag@one.example PASSWORD={CRYPT}$6$x$y",
    "ADD FORWARD info@one.example MAILFORWARD=anna@one.example",
    "ADD FORWARD loose@one.example MAILFORWARD=gone@one.example",
    "ADD FORWARD astray@one.example MAILFORWARD=batch_load@service.example",
    "ADD FORWARD ring@one.example MAILFORWARD=ring@two.example",
    "ADD FORWARD ring@two.example MAILFORWARD=ring@one.example",
    "ADD LIST staff@one.example LIST_MEMBER=anna@one.example,ben@one.example,x@else.example",
    "ADD LIST all@two.example LIST_MEMBER=staff@one.example,anna@one.example",
    "ADD LIST theirs@other.example LIST_MEMBER=anna@one.example",
    "ADD FULL theirs2@other.example PASSWORD={CRYPT}$6$x$y",
    "ADD FULL old@off.example PASSWORD={CRYPT}$6$x$y",
    "ADD FULL *@two.example PASSWORD={CRYPT}$6$x$y",
    "ADD LIST a*b+c=d#e'f@two.example LIST_MEMBER=*@two.example",
    "ADD LIST three@one.example LIST_MEMBER=a@x.example,b@x.example,c@x.example",
    NULL,
};

static const char foreign[] =
    "dn: mail=thing@one.example,ou=one.example,ou=domains,dc=example,dc=org\n"
    "objectClass: inetOrgPerson\n"
    "cn: Thing\nsn: Thing\nmail: thing@one.example\n\n"
    "dn: cn=Other,ou=one.example,ou=domains,dc=example,dc=org\n"
    "objectClass: inetOrgPerson\n"
    "cn: Other\nsn: Other\nmail: elsewhere@one.example\n\n"
    "dn: cn=Two,ou=one.example,ou=domains,dc=example,dc=org\n"
    "objectClass: inetOrgPerson\n"
    "cn: Two\nsn: Two\nmail: first@one.example\nmail: Second@ONE.example\n\n"
    "dn: mail=outside@one.example,ou=other.example,ou=domains,dc=example,dc=org\n"
    "objectClass: inetOrgPerson\n"
    "cn: Outside\nsn: Outside\nmail: outside@one.example\nmail: anna@one.example\n\n"
    "dn: cn=Below,mail=cleo@two.example,ou=two.example,ou=domains,dc=example,dc=org\n"
    "objectClass: inetOrgPerson\n"
    "cn: Below\nsn: Below\nmail: below@two.example\n\n"
    "dn: cn=Service,dc=example,dc=org\n"
    "objectClass: inetOrgPerson\n"
    "cn: Service\nsn: Service\nmail: service@one.example\n\n";

/* Another customer puts an address on more lists than are looked at. */
static void fill_lists(void)
{
    g_autoptr(GString) ldif = g_string_new(NULL);
    for (guint i = 0; i <= PLAN_LISTS_MAX; i++)
        g_string_append_printf(
            ldif,
            "dn: mail=l%u@other.example,ou=other.example,ou=domains,dc=example,dc=org\n"
            "objectClass: inetOrgPerson\nobjectClass: batchloadList\ncn: l\nsn: l\n"
            "mail: l%u@other.example\nbatchloadMember: new+tag@one.example\n\n",
            i, i);
    slapd_fixture_ldif(fixture, ldif->str);
}

static const char *const switches[] = {
    "batchloadMailingLists", "batchloadDistributionLists", "batchloadUserAliases",
    "batchloadForwards",     "batchloadAutoresponders",    "batchloadDomainAliases",
    "batchloadSpamFilters",
};

static void fill(void)
{
    g_autoptr(GPtrArray) operations = test_operations(before);
    g_autoptr(GPtrArray) changes = g_ptr_array_new_with_free_func((GDestroyNotify)change_free);
    g_autoptr(GPtrArray) writes = g_ptr_array_new_with_free_func((GDestroyNotify)write_free);
    g_autoptr(GString) big = g_string_new("ADD LIST big@two.example LIST_MEMBER=m@one.example");
    for (guint i = 0; i < PLAN_LOOP_LOOKUPS_MAX; i++)
        g_string_append_printf(big, ",m%u@one.example", i);
    g_ptr_array_add(operations, test_operation(1, big->str));
    for (guint i = 0; i < operations->len; i++) {
        const Operation *operation = operations->pdata[i];
        g_autofree char *mailbox = g_uuid_string_random();
        Change *change =
            profile_add(fixture->profile, operation, operation->password, mailbox, "before/1");
        g_ptr_array_add(changes, change);
        g_ptr_array_add(writes, write_new(change, NULL));
    }
    g_autofree char *dn = profile_domain_dn(fixture->profile, "off.example");
    Change *off = change_new(CHANGE_MODIFY, dn);
    change_mod(off, MOD_REPLACE, "batchloadEnabled", "FALSE");
    g_ptr_array_add(changes, off);
    g_autofree char *bare_dn = profile_domain_dn(fixture->profile, "bare.example");
    Change *bare = change_new(CHANGE_ADD, bare_dn);
    change_mod(bare, MOD_ADD, "objectClass", "organizationalUnit");
    change_mod(bare, MOD_ADD, "objectClass", "batchloadDomain");
    for (guint i = 0; i < G_N_ELEMENTS(switches); i++)
        change_mod(bare, MOD_ADD, switches[i], "FALSE");
    g_ptr_array_add(changes, bare);
    g_ptr_array_add(writes, write_new(bare, NULL));
    g_ptr_array_add(writes, write_new(off, NULL));
    g_autoptr(GError) error = NULL;
    g_assert_cmpint(directory_apply(directory, writes, &error), ==, ANSWER_YES);
    g_assert_no_error(error);
    for (guint i = 0; i < writes->len; i++)
        g_assert_cmpint(((Write *)writes->pdata[i])->state, ==, WRITE_DONE);
    slapd_fixture_ldif(fixture, foreign);
    fill_lists();
}

/* --- the context --- */

static Answer has_grant(gpointer data, const Address *address, const Grant *than, GError **error)
{
    (void)data;
    /* By its domain. */
    if (than && g_str_equal(address->domain, "two.example") &&
        g_str_has_prefix(address->local, "w"))
        return grant_covers(than, "three.example") ? ANSWER_NO : ANSWER_YES;
    if (g_str_equal(address->full, "unsure@one.example")) {
        g_set_error_literal(error, DIRECTORY_ERROR, DIRECTORY_ERROR_AWAY,
                            "the table can't be read");
        return ANSWER_UNKNOWN;
    }
    return g_str_equal(address->full, "boss@one.example") ||
                   g_str_equal(address->full, "admin@one.example")
               ? ANSWER_YES
               : ANSWER_NO;
}

typedef struct {
    PlanContext context;
    Address *requester;
    Grant *grant;
    Plan *plan;
} World;

static void world_init(World *world, const char *grant)
{
    static const char *const batch[] = {"batch_load@service.example", "batch@one.example", NULL};
    static const char *const reserved[] = {"postmaster", "abuse", "root", "billing@one.example",
                                           NULL};
    g_autoptr(GError) error = NULL;
    world->requester = address_parse("admin@one.example", NULL, NULL);
    world->grant = grant_parse(grant, world->requester, &error);
    g_assert_no_error(error);
    world->context = (PlanContext){
        .job = "20261120-TESTED",
        .requester = world->requester,
        .grant = world->grant,
        .profile = fixture->profile,
        .directory = directory,
        .has_grant = has_grant,
        .batch_addresses = batch,
        .reserved_locals = reserved,
        .list_members_max = 4,
    };
    world->plan = plan_new(&world->context);
}

static void world_clear(World *world)
{
    plan_free(world->plan);
    grant_free(world->grant);
    address_free(world->requester);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(World, world_clear)

/* --- one row a case --- */

#define WIDE "allow domains=one.example,two.example,three.example,off.example,bare.example"

#define TWO "allow domains=one.example,two.example"

#define DOMAINS                                                                                    \
    "allow domains=one.example,two.example,bare.example,four.example,no.example "                  \
    "types=FULL,LIST,DOMAIN,DOMAINALIAS,SPAMFILTER create_domains=yes"

typedef struct {
    const char *name;
    const char *grant;
    struct {
        const char *row;
        const char *expected; /* "result", or "failed FIELD words of the reason" */
    } rows[ROWS_MAX];
} Case;

static const Case cases[] = {
    {"add-full", WIDE, {{"ADD FULL carl@one.example PASSWORD=secret", "created 1"}}},
    {"add-full-hashed", WIDE, {{"ADD FULL carl@one.example PASSWORD={CRYPT}$6$a$b", "created 1"}}},
    {"add-full-taken",
     WIDE,
     {{"ADD FULL anna@one.example PASSWORD=s", "failed USER taken: there is a mailbox"},
      {"ADD FULL info@one.example PASSWORD=s", "failed USER taken: there is a forward"},
      {"ADD FULL staff@one.example PASSWORD=s", "failed USER taken: there is a list"},
      {"ADD FULL thing@one.example PASSWORD=s", "failed USER thing@one.example is not available"},
      {"ADD FULL elsewhere@one.example PASSWORD=s", "failed USER is not available"},
      {"ADD FULL first@one.example PASSWORD=s", "failed USER is not available"},
      {"ADD FULL second@one.example PASSWORD=s", "failed USER is not available"},
      {"ADD FULL new+tag@one.example PASSWORD=s", "failed USER taken: there is a mailbox"}}},
    {"taken-below-another-domain",
     WIDE,
     {{"ADD FULL outside@one.example PASSWORD=s", "failed USER is not available"},
      {"ADD LIST outside@one.example LIST_MEMBER=anna@one.example", "failed USER not available"},
      {"MODIFY FULL outside@one.example PASSWORD=s", "failed USER is not available"},
      {"DELETE FORWARD outside@one.example", "failed USER is not available"},
      {"ADD FORWARD f@one.example MAILFORWARD=outside@one.example",
       "failed MAILFORWARD There is no address"},
      {"ADD FULL below@two.example PASSWORD=s", "failed USER is not available"},
      {"MODIFY FULL anna@one.example TITLE=Dr", "changed 1"},
      {"ADD FULL service@one.example PASSWORD=s", "created 1"}}},
    {"on-too-many-lists-of-others",
     "allow domains=one.example",
     {{"DELETE FULL new+tag@one.example", "deleted 1"}}},
    {"on-too-many-lists",
     "allow domains=*",
     {{"DELETE FULL new+tag@one.example", "failed USER is on more than 2000 lists"},
      {"MODIFY FULL new+tag@one.example TITLE=Dr ALIAS=nt@one.example",
       "failed USER is on more than 2000 lists"}}},
    {"modify-full",
     WIDE,
     {{"MODIFY FULL anna@one.example PASSWORD=s TITLE=Dr", "changed 1"},
      {"MODIFY FULL nobody@one.example PASSWORD=s", "failed USER There is no mailbox"},
      {"MODIFY FULL info@one.example PASSWORD=s", "failed TYPE is a forward, not a mailbox"},
      {"MODIFY FULL thing@one.example PASSWORD=s", "failed USER is not available"},
      {"MODIFY FULL anna@one.example GIVENNAME=Anna", "unchanged"},
      {"MODIFY FULL anna@one.example TITLE=Dr", "unchanged"}}},
    {"delete-full-takes-it-off-lists",
     WIDE,
     {{"DELETE FULL anna@one.example", "deleted 3"},
      {"DELETE FULL anna@one.example", "failed USER There is no mailbox"},
      {"DELETE FULL ben@one.example", "deleted 2"},
      {"DELETE FULL cleo@two.example", "deleted 1"},
      {"DELETE FULL staff@one.example", "failed TYPE is a list"},
      {"DELETE LIST staff@one.example", "deleted 2"},
      {"DELETE FORWARD info@one.example", "deleted 1"},
      {"DELETE FORWARD nothing@one.example", "failed USER There is no forward"}}},
    {"delete-full-sees-earlier-memberships",
     WIDE,
     {{"ADD LIST new@two.example LIST_MEMBER=cleo@two.example", "created 1"},
      {"ADD LIST staff@one.example LIST_MEMBER=cleo@two.example", "changed 1"},
      {"DELETE LIST staff@one.example LIST_MEMBER=ben@one.example", "changed 1"},
      {"DELETE FULL cleo@two.example", "deleted 3"},
      {"DELETE FULL ben@one.example", "deleted 1"}}},
    {"delete-only-lists-of-the-grant",
     "allow domains=one.example",
     {{"DELETE FULL anna@one.example", "deleted 2"}}},
    {"add-forward",
     WIDE,
     {{"ADD FORWARD f@one.example MAILFORWARD=anna@one.example,x@else.example", "created 1"},
      {"ADD FORWARD f@one.example MAILFORWARD=anna@one.example", "failed USER taken"},
      {"ADD FORWARD g@one.example MAILFORWARD=nobody@one.example",
       "failed MAILFORWARD There is no address nobody@one.example"},
      {"ADD FORWARD g@one.example MAILFORWARD=f@one.example", "created 1"},
      {"ADD FORWARD h@one.example MAILFORWARD=x@three.example",
       "failed MAILFORWARD There is no address x@three.example"},
      {"ADD FORWARD i@one.example MAILFORWARD=thing@one.example", "created 1"}}},
    {"words",
     WIDE,
     {{"ADD FORWARD f@one.example MAILFORWARD=anna@one.example", "created 1"},
      {"ADD FORWARD j@one.example MAILFORWARD=n1@one.example,f@one.example,n2@one.example",
       "failed MAILFORWARD not there: n1@one.example, n2@one.example"},
      {"ADD FORWARD j@one.example MAILFORWARD=n1@one.example,n2@one.example,n3@one.example,"
       "n4@one.example,n5@one.example,n6@one.example,n7@one.example",
       "failed MAILFORWARD n5@one.example and 2 more"},
      {"ADD FORWARD f@one.example MAILFORWARD=anna@one.example", "failed USER (see line 2 of"},
      {"DELETE FORWARD n1@one.example", "failed USER There is no forward"}}},
    {"modify-forward",
     WIDE,
     {{"MODIFY FORWARD info@one.example MAILFORWARD=ben@one.example", "changed 1"},
      {"MODIFY FORWARD info@one.example MAILFORWARD=ben@one.example", "unchanged"},
      {"MODIFY FORWARD anna@one.example MAILFORWARD=ben@one.example", "failed TYPE is a mailbox"},
      {"MODIFY FORWARD info@one.example MAILFORWARD=no@one.example", "failed MAILFORWARD no addr"},
      {"MODIFY FORWARD no@one.example MAILFORWARD=ben@one.example", "failed USER no forward"}}},
    {"add-list",
     WIDE,
     {{"ADD LIST l@one.example LIST_MEMBER=anna@one.example,x@else.example", "created 1"},
      {"ADD LIST l@one.example LIST_MEMBER=anna@one.example,ben@one.example", "changed 1"},
      {"ADD LIST l@one.example LIST_MEMBER=ben@one.example", "unchanged"},
      {"ADD LIST empty@one.example", "created 1"},
      {"ADD LIST empty@one.example", "unchanged"},
      {"ADD LIST anna@one.example LIST_MEMBER=ben@one.example",
       "failed USER is taken: there is a mailbox"},
      {"ADD LIST l@one.example LIST_MEMBER=no@one.example", "failed LIST MEMBER no@one.example"},
      {"ADD LIST thing@one.example LIST_MEMBER=ben@one.example", "failed USER not available"}}},
    {"R3.45-targets",
     WIDE,
     {{"ADD FORWARD f@one.example MAILFORWARD=a@x.example,b@x.example,c@x.example,d@x.example",
       "created 1"},
      {"ADD FORWARD g@one.example "
       "MAILFORWARD=a@x.example,b@x.example,c@x.example,d@x.example,e@x.example",
       "failed MAILFORWARD would go to 5 addresses; at most 4"},
      {"MODIFY FULL anna@one.example MAILFORWARD=a@x.example,b@x.example,c@x.example", "changed 1"},
      {"MODIFY FULL anna@one.example MAILFORWARD=a@x.example,b@x.example,c@x.example,d@x.example",
       "failed MAILFORWARD would go to 5 addresses"},
      {"MODIFY FULL anna@one.example MAILFORWARD=+d@x.example",
       "failed MAILFORWARD would go to 5 addresses"},
      {"MODIFY FULL anna@one.example MAILFORWARD=+c@x.example", "unchanged"}}},
    {"list-size",
     WIDE,
     {{"ADD LIST l@one.example "
       "LIST_MEMBER=a@x.example,b@x.example,c@x.example,d@x.example,e@x.example",
       "failed LIST MEMBER would have 5 members; at most 4"},
      {"ADD LIST three@one.example LIST_MEMBER=d@x.example", "changed 1"},
      {"ADD LIST three@one.example LIST_MEMBER=e@x.example", "failed LIST MEMBER would have 5"}}},
    {"list-white-pages",
     WIDE,
     {{"ADD LIST l@one.example DESCRIPTION=Us", "created 1"},
      {"ADD LIST l@one.example DESCRIPTION=Us LIST_MEMBER=ben@one.example", "changed 1"},
      {"ADD LIST l@one.example DESCRIPTION=Them LIST_MEMBER=anna@one.example",
       "failed - other details"},
      {"MODIFY LIST l@one.example DESCRIPTION=Them", "changed 1"},
      {"MODIFY LIST l@one.example DESCRIPTION=Them", "unchanged"},
      {"MODIFY LIST no@one.example DESCRIPTION=Them", "failed USER no list"},
      {"MODIFY LIST anna@one.example DESCRIPTION=Them", "failed TYPE not a list"}}},
    {"delete-members",
     WIDE,
     {{"DELETE LIST staff@one.example LIST_MEMBER=anna@one.example,no@one.example", "changed 1"},
      {"DELETE LIST staff@one.example LIST_MEMBER=anna@one.example", "unchanged"},
      {"DELETE LIST staff@one.example LIST_MEMBER=x@else.example", "changed 1"},
      {"DELETE LIST no@one.example LIST_MEMBER=anna@one.example", "failed USER no list"},
      {"DELETE LIST info@one.example LIST_MEMBER=anna@one.example", "failed TYPE a forward"}}},
    {"earlier-rows-are-seen",
     WIDE,
     {{"ADD FULL carl@one.example PASSWORD=s", "created 1"},
      {"ADD LIST staff@one.example LIST_MEMBER=carl@one.example", "changed 1"},
      {"DELETE FULL carl@one.example", "deleted 2"},
      {"ADD LIST all@two.example LIST_MEMBER=carl@one.example", "failed LIST MEMBER no address"},
      {"ADD FULL carl@one.example PASSWORD=s", "created 1"},
      {"MODIFY FULL carl@one.example PASSWORD=t", "changed 1"},
      {"ADD FULL carl@one.example PASSWORD=s", "failed USER taken"}}},
    {"R8.5-R8.12-copies-and-aliases",
     WIDE,
     {{"ADD FULL carl@one.example PASSWORD=s ALIAS=c@one.example,carl@two.example "
       "MAILFORWARD=ben@one.example,x@else.example",
       "created 3"},
      {"ADD FULL c@one.example PASSWORD=s", "failed USER taken: there is an alias with it"},
      {"ADD ALIAS d@one.example TARGET=carl@one.example", "created 1"},
      {"MODIFY FULL carl@one.example ALIAS=d@one.example", "changed 2"},
      {"MODIFY FULL carl@one.example ALIAS=d@one.example", "unchanged"},
      {"MODIFY FULL carl@one.example ALIAS=staff@one.example",
       "failed ALIAS taken: there is a list"},
      {"MODIFY FULL carl@one.example ALIAS=x@else.example", "failed ALIAS outside the domains"},
      {"MODIFY FULL carl@one.example ALIAS=x@off.example", "failed ALIAS is switched off"},
      {"MODIFY FULL carl@one.example ALIAS=postmaster@one.example", "failed ALIAS is reserved"},
      {"MODIFY FULL carl@one.example ALIAS=boss@one.example", "failed ALIAS an administrator's"},
      {"MODIFY FULL ben@one.example MAILFORWARD=carl@one.example",
       "failed MAILFORWARD in a circle"},
      {"MODIFY FULL ben@one.example MAILFORWARD=d@one.example", "failed MAILFORWARD in a circle"},
      {"DELETE FULL carl@one.example", "deleted 2"},
      {"DELETE ALIAS d@one.example", "failed USER no alias"}}},
    {"R8.6-alias",
     WIDE,
     {{"ADD ALIAS a1@one.example TARGET=anna@one.example", "created 1"},
      {"ADD ALIAS a1@one.example TARGET=ben@one.example", "failed USER taken: there is an alias"},
      {"ADD ALIAS anna@one.example TARGET=ben@one.example",
       "failed USER taken: there is a mailbox"},
      {"ADD ALIAS a2@one.example TARGET=info@one.example",
       "failed TARGET a forward, not a mailbox"},
      {"ADD ALIAS a2@one.example TARGET=a1@one.example", "failed TARGET an alias, not a mailbox"},
      {"ADD ALIAS a2@one.example TARGET=x@else.example", "failed TARGET outside the domains"},
      {"ADD ALIAS a2@one.example TARGET=no@one.example", "failed TARGET no address"},
      {"ADD LIST l@one.example LIST_MEMBER=a1@one.example", "created 1"},
      {"DELETE FULL a1@one.example", "failed TYPE is an alias, not a mailbox"},
      {"DELETE ALIAS a1@one.example", "deleted 2"}}},
    {"R8.7-catchall",
     WIDE,
     {{"MODIFY CATCHALL one.example TARGET=ben@one.example", "failed DOMAIN has no catch-all"},
      {"ADD CATCHALL one.example TARGET=ben@one.example", "created 1"},
      {"ADD CATCHALL one.example TARGET=cleo@two.example", "changed 1"},
      {"ADD CATCHALL one.example TARGET=cleo@two.example", "unchanged"},
      {"MODIFY CATCHALL one.example TARGET=staff@one.example",
       "failed TARGET a list, not a mailbox"},
      {"MODIFY CATCHALL one.example TARGET=ben@one.example", "changed 1"},
      {"ADD FORWARD f@two.example MAILFORWARD=loose@one.example", "created 1"},
      {"MODIFY FULL ben@one.example MAILFORWARD=f@two.example", "failed MAILFORWARD in a circle"},
      {"DELETE FULL ben@one.example", "deleted 3"},
      {"DELETE CATCHALL one.example", "failed DOMAIN has no catch-all"}}},
    {"R8.8-groups",
     WIDE,
     {{"ADD GROUP g@one.example MEMBER=anna@one.example,cleo@two.example", "created 1"},
      {"ADD GROUP g@one.example MEMBER=anna@one.example", "unchanged"},
      {"ADD GROUP g@one.example MEMBER=info@one.example", "failed MEMBER a forward, not a mailbox"},
      {"ADD GROUP g@one.example MEMBER=x@else.example", "failed MEMBER outside the domains"},
      {"ADD LIST l@one.example LIST_MEMBER=g@one.example", "failed LIST MEMBER is a group, not"},
      {"DELETE GROUP g@one.example MEMBER=cleo@two.example", "changed 1"},
      {"DELETE GROUP g@one.example MEMBER=anna@one.example", "failed MEMBER never without members"},
      {"DELETE FULL anna@one.example", "failed USER is the last one of g@one.example"},
      {"DELETE GROUP g@one.example", "deleted 1"},
      {"ADD RESOURCE car@one.example DESCRIPTION=Red", "created 1"},
      {"ADD RESOURCEGROUP cars@one.example MEMBER=car@one.example", "created 1"},
      {"ADD RESOURCEGROUP cars@one.example MEMBER=ben@one.example",
       "failed MEMBER a mailbox, not a resource"},
      {"DELETE RESOURCE car@one.example", "failed USER is the last one of cars@one.example"}}},
    {"R8.10-answer",
     WIDE,
     {{"MODIFY AUTORESPONDER anna@one.example MESSAGE=Away", "failed USER has no automatic answer"},
      {"ADD AUTORESPONDER anna@one.example SUBJECT=Away MESSAGE=Till_May", "created 1"},
      {"ADD AUTORESPONDER anna@one.example MESSAGE=Till_May", "changed 1"}, /* its subject goes */
      {"ADD AUTORESPONDER anna@one.example MESSAGE=Till_May", "unchanged"},
      {"ADD AUTORESPONDER anna@one.example MESSAGE=Till_June", "changed 1"},
      {"MODIFY AUTORESPONDER anna@one.example MESSAGE=Till_June", "unchanged"},
      {"ADD AUTORESPONDER info@one.example MESSAGE=Away",
       "failed USER is a forward, not a mailbox"},
      {"DELETE AUTORESPONDER anna@one.example", "deleted 1"},
      {"DELETE AUTORESPONDER anna@one.example", "failed USER has no automatic answer"}}},
    {"R8.11-suspend",
     WIDE,
     {{"RESUME FULL anna@one.example", "unchanged"},
      {"SUSPEND FULL anna@one.example", "changed 1"},
      {"SUSPEND FULL anna@one.example", "unchanged"},
      {"RESUME FULL anna@one.example", "changed 1"},
      {"MODIFY FULL anna@one.example ACTIVATED=no", "changed 1"},
      {"SUSPEND FULL anna@one.example", "unchanged"},
      {"SUSPEND LIST staff@one.example", "changed 1"},
      {"SUSPEND FORWARD info@one.example", "changed 1"},
      {"SUSPEND FULL no@one.example", "failed USER no mailbox"},
      {"SUSPEND FULL boss@one.example", "failed USER an administrator's"},
      {"SUSPEND FULL admin@one.example", "failed USER only change the password"}}},
    {"own-address-and-quota",
     WIDE,
     {{"MODIFY FULL admin@one.example QUOTA=9999", "failed USER only change the password"}}},
    {"R8.13-switches",
     WIDE,
     {{"ADD LIST l@bare.example", "failed TYPE Lists are switched off for the domain bare.example"},
      {"ADD DLIST l@bare.example", "failed TYPE Distribution lists are switched off"},
      {"ADD FULL u@bare.example PASSWORD=s", "created 1"},
      {"MODIFY FULL u@bare.example MAILFORWARD=anna@one.example",
       "failed TYPE Forwarding is switched"},
      {"MODIFY FULL u@bare.example ALIAS=v@bare.example", "failed TYPE Aliases are switched off"},
      {"ADD ALIAS v@bare.example TARGET=u@bare.example", "failed TYPE Aliases are switched off"},
      {"ADD FORWARD f@bare.example MAILFORWARD=anna@one.example",
       "failed TYPE Forwarding is switched"},
      {"ADD AUTORESPONDER u@bare.example MESSAGE=Away",
       "failed TYPE Automatic answers are switched"},
      {"DELETE FULL u@bare.example", "deleted 1"}}},
    {"R8.14-domains",
     WIDE " types=FULL,LIST",
     {{"ADD DOMAIN three.example", "failed TYPE objects of the type DOMAIN"},
      {"ADD ALIAS a@one.example TARGET=anna@one.example",
       "failed TYPE objects of the type ALIAS"}}},
    {"R8.14-domains-by-default",
     WIDE,
     {{"ADD DOMAIN three.example", "failed TYPE objects of the type DOMAIN"},
      {"ADD DOMAINALIAS three.example TARGET=one.example", "failed TYPE of the type DOMAINALIAS"}}},
    {"R8.14-domains-to-be-made",
     WIDE " types=DOMAIN,DOMAINALIAS",
     {{"ADD DOMAIN three.example", "failed ACTION may not create and delete domains"},
      {"DELETE DOMAIN two.example", "failed ACTION may not create and delete domains"}}},
    {"R8.20-domain",
     DOMAINS,
     {{"ADD DOMAIN one.example", "failed DOMAIN is there already"},
      {"MODIFY DOMAIN four.example MAXMAILBOXES=1", "failed DOMAIN is not set up here"},
      {"ADD DOMAIN four.example MAXMAILBOXES=0 OWNER=boss@four.example PASSWORD=s",
       "failed MAX MAILBOXES The owner has a mailbox"},
      {"ADD DOMAIN four.example MAXMAILBOXES=2 OWNER=boss@four.example PASSWORD=s", "created 2"},
      {"ADD FULL a@four.example PASSWORD=s", "created 1"},
      {"ADD FULL b@four.example PASSWORD=s", "failed DOMAIN may have 2 mailboxes, and has them"},
      {"MODIFY DOMAIN four.example MAXMAILBOXES=1", "failed MAX MAILBOXES has 2 mailboxes already"},
      {"DELETE FULL a@four.example", "deleted 1"},
      {"MODIFY DOMAIN four.example MAXMAILBOXES=1", "changed 1"},
      {"MODIFY DOMAIN four.example MAXMAILBOXES=1", "unchanged"},
      {"MODIFY DOMAIN four.example OWNER=no@four.example", "failed OWNER no mailbox"},
      {"SUSPEND DOMAIN four.example", "changed 1"},
      {"ADD FULL a@four.example PASSWORD=s", "failed DOMAIN is switched off"},
      {"SUSPEND DOMAIN four.example", "unchanged"},
      {"RESUME DOMAIN four.example", "changed 1"}}},
    {"R8.20-domain-limits",
     DOMAINS,
     {{"MODIFY DOMAIN two.example MAXMAILBOXES=1", "failed MAX MAILBOXES has 2 mailboxes already"},
      {"MODIFY DOMAIN two.example MAXMAILBOXES=2", "changed 1"},
      {"ADD FULL c@two.example PASSWORD=s", "failed DOMAIN may have 2 mailboxes"},
      {"MODIFY DOMAIN two.example MAXMAILBOXES=-", "changed 1"},
      {"ADD FULL c@two.example PASSWORD=s", "created 1"}}},
    {"R8.23-domain-gone",
     DOMAINS,
     {{"DELETE DOMAIN one.example", "failed DOMAIN is your own"},
      {"SUSPEND DOMAIN one.example", "failed DOMAIN is your own"},
      {"DELETE DOMAIN two.example", "deleted 7"},
      {"DELETE DOMAIN four.example", "failed DOMAIN is not set up here"},
      {"DELETE DOMAIN bare.example", "deleted 1"},
      {"ADD FULL u@bare.example PASSWORD=s", "failed DOMAIN is not set up here"},
      {"ADD DOMAIN bare.example", "created 1"}}},
    {"R8.21-further-names",
     DOMAINS,
     {{"ADD DOMAINALIAS four.example TARGET=no.example", "failed TARGET There is no domain"},
      {"ADD DOMAINALIAS two.example TARGET=one.example", "failed DOMAIN is there already"},
      {"ADD DOMAINALIAS four.example TARGET=one.example", "created 1"},
      {"ADD DOMAINALIAS no.example TARGET=four.example",
       "failed TARGET is only a further name of one.example"},
      {"ADD FULL u@four.example PASSWORD=s", "failed DOMAIN is only a further name of one.example"},
      {"DELETE DOMAIN four.example", "failed TYPE is only a further name"},
      {"DELETE DOMAINALIAS two.example", "failed TYPE is no further name"},
      {"ADD DOMAINALIAS no.example TARGET=bare.example",
       "failed TYPE Further names are switched off"},
      {"DELETE DOMAINALIAS four.example", "deleted 1"},
      {"ADD DOMAINALIAS four.example TARGET=x@y", "failed TARGET not one that you manage"}}},
    {"R8.22-spam-filters",
     DOMAINS,
     {{"ADD SPAMFILTER two.example FILTER=EMAIL:bad@x.example", "created 1"},
      {"ADD SPAMFILTER two.example FILTER=EMAIL:bad@x.example", "unchanged"},
      {"ADD SPAMFILTER two.example FILTER=IP:192.0.2.1", "created 1"},
      {"DELETE SPAMFILTER two.example FILTER=EMAIL:bad@x.example", "deleted 1"},
      {"DELETE SPAMFILTER two.example FILTER=EMAIL:bad@x.example", "failed FILTER no such spam"},
      {"ADD SPAMFILTER bare.example FILTER=IP:192.0.2.1", "failed TYPE Spam filters are switched"},
      {"ADD SPAMFILTER four.example FILTER=IP:192.0.2.1", "failed DOMAIN is not set up"}}},
    {"grant-types-actions",
     "allow types=FULL,LIST actions=ADD,MODIFY",
     {{"ADD FORWARD f@one.example MAILFORWARD=anna@one.example", "failed TYPE not manage"},
      {"DELETE FULL anna@one.example", "failed ACTION may not use the action DELETE"},
      {"MODIFY FULL anna@one.example TITLE=Dr", "changed 1"}}},
    {"scope",
     "allow domains=one.example",
     {{"ADD FULL carl@two.example PASSWORD=s", "failed DOMAIN not one that you manage"},
      {"MODIFY FULL cleo@two.example PASSWORD=s", "failed DOMAIN not one that you manage"},
      {"DELETE FULL x@sub.one.example", "failed DOMAIN not one that you manage"},
      {"DELETE FULL x@on.example",
       "failed DOMAIN not one that you manage; did you mean one.example?"},
      {"ADD FULL postmaster@two.example PASSWORD=s", "failed DOMAIN not one that you manage"}}},
    {"domains",
     WIDE,
     {{"ADD FULL carl@three.example PASSWORD=s", "failed DOMAIN three.example is not set up here"},
      {"ADD FULL carl@off.example PASSWORD=s", "failed DOMAIN off.example is switched off"},
      {"DELETE FULL old@off.example", "failed DOMAIN off.example is switched off"}}},
    {"every-domain", "allow domains=*", {{"DELETE FULL anna@one.example", "deleted 4"}}},
    {"external-same-words",
     "allow domains=one.example external=none",
     {{"ADD FORWARD f@one.example MAILFORWARD=theirs2@other.example", "failed MAILFORWARD outside"},
      {"ADD FORWARD f@one.example MAILFORWARD=x@else.example", "failed MAILFORWARD outside"},
      {"MODIFY FORWARD info@one.example MAILFORWARD=x@else.example", "failed MAILFORWARD outside"},
      {"ADD LIST l@one.example LIST_MEMBER=theirs2@other.example", "failed LIST MEMBER outside"},
      {"ADD LIST l@one.example LIST_MEMBER=nobody@other.example", "failed LIST MEMBER outside"},
      {"DELETE LIST staff@one.example LIST_MEMBER=x@else.example", "changed 1"}}},
    {"external-forward-only",
     "allow domains=one.example external=member",
     {{"ADD FORWARD f@one.example MAILFORWARD=x@else.example", "created 1"},
      {"ADD LIST l@one.example LIST_MEMBER=x@else.example", "failed LIST MEMBER outside"}}},
    {"external-is-not-looked-up",
     "allow domains=one.example",
     {{"ADD FORWARD f@one.example MAILFORWARD=nobody@other.example", "created 1"}}},
    {"own-address",
     WIDE,
     {{"MODIFY FULL admin@one.example PASSWORD=s TITLE=Dr", "changed 1"},
      {"DELETE FULL admin@one.example", "failed USER Of your own address"},
      {"ADD FULL admin@one.example PASSWORD=s", "failed USER Of your own address"},
      {"MODIFY FORWARD admin@one.example MAILFORWARD=x@else.example", "failed USER Of your own"},
      {"ADD LIST staff@one.example LIST_MEMBER=admin@one.example", "changed 1"}}},
    {"privilege",
     WIDE,
     {{"MODIFY FULL boss@one.example PASSWORD=s", "failed USER is an administrator's"},
      {"DELETE FULL boss@one.example", "failed USER is an administrator's"},
      {"ADD FULL boss@one.example PASSWORD=s", "failed USER is an administrator's"}}},
    {"privilege-by-domain",
     "allow domains=two.example",
     {{"ADD FULL w@two.example PASSWORD=s", "failed USER is an administrator's"},
      {"ADD FORWARD w@two.example MAILFORWARD=x@else.example", "created 1"},
      {"ADD FULL x@two.example PASSWORD=s", "created 1"}}},
    {"privilege-by-domain-covered", WIDE, {{"ADD FULL w@two.example PASSWORD=s", "created 1"}}},
    {"privilege-by-domain-granted",
     "allow domains=two.example administrators=yes",
     {{"ADD FULL w@two.example PASSWORD=s", "created 1"}}},
    {"privilege-granted",
     WIDE " administrators=yes",
     {{"MODIFY FULL boss@one.example PASSWORD=s", "changed 1"},
      {"DELETE FULL admin@one.example", "failed USER Of your own"}}},
    {"reserved",
     WIDE,
     {{"ADD FULL postmaster@one.example PASSWORD=s", "failed USER is reserved"},
      {"DELETE FORWARD abuse@two.example", "failed USER is reserved"},
      {"ADD FULL billing@one.example PASSWORD=s", "failed USER is reserved"},
      {"ADD FULL billing@two.example PASSWORD=s", "created 1"},
      {"ADD FULL batch@one.example PASSWORD=s", "failed USER belongs to this service"},
      {"ADD FULL postmaster2@one.example PASSWORD=s", "created 1"}}},
    {"loops-too-far",
     WIDE,
     {{"ADD LIST l@one.example LIST_MEMBER=big@two.example", "failed LIST MEMBER more than 1000"},
      {"ADD FORWARD f@one.example MAILFORWARD=big@two.example", "failed MAILFORWARD more than"}}},
    {"special-characters",
     WIDE,
     {{"MODIFY LIST a*b+c=d#e'f@two.example TITLE=x", "changed 1"},
      {"ADD LIST a*b+c=d#e'f@two.example LIST_MEMBER=x@else.example", "changed 1"},
      {"ADD FULL *@one.example PASSWORD=s", "created 1"},
      {"ADD LIST *b@two.example LIST_MEMBER=*@one.example", "created 1"},
      {"DELETE FULL *@two.example", "deleted 2"},
      {"DELETE LIST a*b+c=d#e'f@two.example", "deleted 1"},
      {"DELETE LIST a*@two.example", "failed USER no list"}}},
    {"loops-batch",
     WIDE,
     {{"ADD FORWARD f@one.example MAILFORWARD=batch_load@service.example",
       "failed MAILFORWARD the address of this service"},
      {"MODIFY FORWARD info@one.example MAILFORWARD=batch@one.example", "failed MAILFORWARD this"},
      {"ADD LIST l@one.example LIST_MEMBER=batch@one.example", "failed LIST MEMBER this service"},
      {"ADD FORWARD f@one.example MAILFORWARD=astray@one.example",
       "failed MAILFORWARD leads on to batch_load@service.example, the address of this service"},
      {"ADD LIST staff@one.example LIST_MEMBER=astray@one.example",
       "failed LIST MEMBER leads on to"},
      {"DELETE LIST staff@one.example LIST_MEMBER=batch@one.example", "unchanged"}}},
    {"loops-self",
     WIDE,
     {{"ADD FORWARD f@one.example MAILFORWARD=f@one.example", "failed MAILFORWARD back to itself"},
      {"ADD LIST staff@one.example LIST_MEMBER=staff@one.example", "failed LIST MEMBER itself"},
      {"ADD LIST staff@one.example LIST_MEMBER=all@two.example",
       "failed LIST MEMBER all@two.example leads back to staff@one.example"}}},
    {"loops-dangling",
     WIDE,
     {{"ADD FORWARD gone@one.example MAILFORWARD=loose@one.example", "failed MAILFORWARD back"},
      {"ADD LIST gone@one.example LIST_MEMBER=loose@one.example", "failed LIST MEMBER back"},
      {"ADD FULL gone@one.example PASSWORD=s", "created 1"}}},
    /* Somebody else's circle, made by hand. */
    {"loops-elsewhere",
     WIDE,
     {{"ADD LIST l@one.example LIST_MEMBER=ring@one.example,anna@one.example", "created 1"},
      {"ADD FORWARD f@one.example MAILFORWARD=ring@two.example", "created 1"}}},
    {"loops-through-earlier-rows",
     WIDE,
     {{"ADD FORWARD a@one.example MAILFORWARD=anna@one.example", "created 1"},
      {"ADD FORWARD b@two.example MAILFORWARD=a@one.example", "created 1"},
      {"ADD LIST c@one.example LIST_MEMBER=b@two.example", "created 1"},
      {"MODIFY FORWARD a@one.example MAILFORWARD=c@one.example", "failed MAILFORWARD back to a@"},
      {"MODIFY FORWARD b@two.example MAILFORWARD=anna@one.example", "changed 1"},
      {"MODIFY FORWARD a@one.example MAILFORWARD=c@one.example", "changed 1"}}},
};

static void check_outcome(const Case *one, guint number, const PlannedRow *row)
{
    g_auto(GStrv) words = g_strsplit(one->rows[number].expected, " ", 2);
    const Outcome *outcome = row->outcome;
    g_test_message("%s: %s %s %s", one->rows[number].row, result_name(outcome->result),
                   outcome->field ? outcome->field : "-", outcome->reason ? outcome->reason : "");
    g_assert_cmpstr(result_name(outcome->result), ==, words[0]);
    g_assert_cmpuint(row->line, ==, number + 2);
    if (outcome->result != RESULT_FAILED) {
        g_assert_cmpuint(row->writes->len, ==, words[1] ? g_ascii_strtoull(words[1], NULL, 10) : 0);
        g_assert_true((outcome->result == RESULT_UNCHANGED || planned_row_is_part(row)) ==
                      (outcome->reason != NULL));
        return;
    }
    const char *field = outcome->field ? outcome->field : "-";
    g_assert_cmpuint(row->writes->len, ==, 0);
    g_assert_true(g_str_has_prefix(words[1], field));
    g_assert_nonnull(outcome->advice);
    g_auto(GStrv) parts = g_strsplit(words[1] + strlen(field) + 1, " ", -1);
    for (guint i = 0; parts[i]; i++)
        g_assert_nonnull(strstr(outcome->reason, parts[i]));
}

static void run_case(const Case *one, bool prefetch)
{
    g_auto(World) world = {0};
    g_autoptr(GPtrArray) operations =
        g_ptr_array_new_with_free_func((GDestroyNotify)operation_free);
    g_autoptr(GError) error = NULL;
    world_init(&world, one->grant);
    for (guint i = 0; i < ROWS_MAX && one->rows[i].row; i++)
        g_ptr_array_add(operations, test_operation(i + 2, one->rows[i].row));
    g_ptr_array_add(operations, NULL);
    if (prefetch)
        g_assert_cmpint(plan_prefetch(world.plan, operations, &error), ==, ANSWER_YES);
    for (guint i = 0; i + 1 < operations->len; i++) {
        g_autoptr(PlannedRow) row = NULL;
        g_assert_cmpint(plan_row(world.plan, operations->pdata[i], &row, &error), ==, ANSWER_YES);
        g_assert_no_error(error);
        check_outcome(one, i, row);
    }
}

static void test_case(gconstpointer data)
{
    run_case(data, false);
    run_case(data, true);
}

/* --- what the plan holds --- */

static GPtrArray *plan_all(Plan *plan, GPtrArray *operations)
{
    g_autoptr(GError) error = NULL;
    GPtrArray *rows = g_ptr_array_new_with_free_func((GDestroyNotify)planned_row_free);
    for (guint i = 0; i < operations->len; i++) {
        PlannedRow *row = NULL;
        g_assert_cmpint(plan_row(plan, operations->pdata[i], &row, &error), ==, ANSWER_YES);
        g_assert_no_error(error);
        g_ptr_array_add(rows, row);
    }
    return rows;
}

static PlannedWrite *write_of(GPtrArray *rows, guint row, guint number)
{
    return ((PlannedRow *)rows->pdata[row])->writes->pdata[number];
}

static const char *const chain[] = {
    "ADD FULL carl@one.example PASSWORD=clear-secret",
    "MODIFY FULL carl@one.example TITLE=Dr",
    "MODIFY FULL anna@one.example TITLE=Dr",
    "MODIFY FULL anna@one.example TITLE=Prof",
    "DELETE FULL carl@one.example",
    "ADD FULL carl@one.example PASSWORD=clear-secret",
    "ADD LIST staff@one.example LIST_MEMBER=carl@one.example",
    NULL,
};

static void test_expectations(void)
{
    g_auto(World) world = {0};
    world_init(&world, WIDE);
    g_autoptr(GPtrArray) operations = test_operations(chain);
    g_autoptr(GPtrArray) rows = plan_all(world.plan, operations);
    const PlannedWrite *write = write_of(rows, 0, 0);
    g_assert_false(write->expect_present);
    write = write_of(rows, 1, 0);
    g_assert_true(write->expect_present && !write->uuid && !write->version);
    g_assert_cmpstr(write->mark, ==, "20261120-TESTED/2");
    write = write_of(rows, 2, 0);
    g_assert_true(write->uuid && write->version && !write->mark);
    g_autofree char *uuid = g_strdup(write->uuid);
    write = write_of(rows, 3, 0);
    g_assert_cmpstr(write->uuid, ==, uuid);
    g_assert_null(write->version);
    g_assert_cmpstr(write->mark, ==, "20261120-TESTED/4");
    g_assert_cmpstr(write_of(rows, 4, 0)->mark, ==, "20261120-TESTED/3");
    g_assert_false(write_of(rows, 5, 0)->expect_present);

    const PlannedRow *last = rows->pdata[6];
    g_assert_cmpuint(last->needs->len, ==, 1);
    g_assert_cmpuint(g_array_index(last->needs, unsigned, 0), ==, 7);
}

/* House rule 9: an address that is made again gets another mailbox. */
static void test_fresh_mailbox(void)
{
    g_auto(World) world = {0};
    world_init(&world, WIDE);
    g_autoptr(GPtrArray) operations = test_operations(chain);
    g_autoptr(GPtrArray) rows = plan_all(world.plan, operations);
    g_autoptr(Entry) one = change_effect(write_of(rows, 0, 0)->change, NULL);
    g_autoptr(Entry) two = change_effect(write_of(rows, 5, 0)->change, NULL);
    g_assert_nonnull(entry_value(one, "batchloadMailboxId"));
    g_assert_cmpstr(entry_value(one, "batchloadMailboxId"), !=,
                    entry_value(two, "batchloadMailboxId"));
}

static void test_stored(void)
{
    g_auto(World) world = {0};
    world_init(&world, WIDE);
    g_autoptr(GPtrArray) operations = test_operations(chain);
    g_autoptr(GPtrArray) rows = plan_all(world.plan, operations);
    g_autoptr(GVariant) value = g_variant_ref_sink(planned_rows_to_variant(rows));
    g_autofree char *text = g_variant_print(value, FALSE);
    g_assert_null(strstr(text, "clear-secret"));
    g_assert_nonnull(strstr(text, "{CRYPT}$6$"));
    g_autoptr(GPtrArray) again = planned_rows_from_variant(value);
    g_assert_nonnull(again);
    g_autoptr(GVariant) second = g_variant_ref_sink(planned_rows_to_variant(again));
    g_assert_true(g_variant_equal(value, second));

    g_autoptr(GVariant) other = g_variant_ref_sink(g_variant_new_string("x"));
    g_assert_null(planned_rows_from_variant(other));
}

/* The last member goes, and the list stays. */
static void test_unknown_changes_nothing(void)
{
    g_auto(World) world = {0};
    g_autoptr(GError) error = NULL;
    g_autoptr(PlannedRow) row = NULL;
    world_init(&world, WIDE);
    g_autoptr(Operation) operation = test_operation(2, "ADD FULL unsure@one.example PASSWORD=s");
    g_assert_cmpint(plan_row(world.plan, operation, &row, &error), ==, ANSWER_UNKNOWN);
    g_assert_nonnull(error);
    g_assert_null(row);
}

/* Scope and privilege are told without a look at the directory: with none there, they still are. */
static void test_before_any_lookup(void)
{
    static const char *const rows[] = {
        "ADD FULL carl@other.example PASSWORD=s",
        "ADD FULL postmaster@one.example PASSWORD=s",
        "MODIFY FULL boss@one.example PASSWORD=s",
        "ADD FORWARD f@one.example MAILFORWARD=x@other.example",
        "ADD LIST l@one.example LIST_MEMBER=batch@one.example",
        NULL,
    };
    DirectorySettings settings = fixture->settings;
    settings.uri = (char *)"ldapi://%2Fnonexistent%2Fsocket";
    g_autoptr(GError) error = NULL;
    g_autoptr(Directory) away = directory_new(&settings, &error);
    g_assert_no_error(error);
    g_auto(World) world = {0};
    world_init(&world, "allow domains=one.example external=none");
    world.context.directory = away;
    g_autoptr(GPtrArray) operations = test_operations(rows);
    g_autoptr(GPtrArray) planned = plan_all(world.plan, operations);
    for (guint i = 0; i < planned->len; i++)
        g_assert_cmpint(((PlannedRow *)planned->pdata[i])->outcome->result, ==, RESULT_FAILED);

    g_autoptr(PlannedRow) row = NULL;
    g_autoptr(Operation) good = test_operation(9, "ADD FULL carl@one.example PASSWORD=s");
    g_assert_cmpint(plan_row(world.plan, good, &row, &error), ==, ANSWER_UNKNOWN);
    g_assert_error(error, DIRECTORY_ERROR, DIRECTORY_ERROR_AWAY);
}

static void test_domains(void)
{
    static const struct {
        const char *grant;
        const char *row;
        const char *expected;
    } table[] = {
        {WIDE, "ADD FULL a@one.example PASSWORD=s", "one.example"},
        {WIDE, "ADD FULL a@other.example PASSWORD=s", ""},
        {"allow domains=two.example,one.example", "DELETE FULL a@one.example",
         "one.example,two.example"},
        {TWO, "ADD LIST a@one.example LIST_MEMBER=b@one.example,c@else.example",
         "one.example,two.example"},
        {TWO, "ADD FORWARD a@two.example MAILFORWARD=b@two.example", "one.example,two.example"},
        {TWO, "ADD LIST a@one.example LIST_MEMBER=c@else.example", "one.example"},
        {TWO, "ADD GROUP a@one.example MEMBER=b@one.example", "one.example"},
        {"allow domains=*", "ADD FORWARD a@one.example MAILFORWARD=b@one.example", "*"},
        {"allow domains=*", "DELETE FULL a@one.example", "*"},
        {"allow domains=*", "ADD FULL a@one.example PASSWORD=s", "one.example"},
    };
    for (guint i = 0; i < G_N_ELEMENTS(table); i++) {
        g_autoptr(Address) requester = address_parse("admin@one.example", NULL, NULL);
        g_autoptr(Grant) grant = grant_parse(table[i].grant, requester, NULL);
        g_autoptr(GPtrArray) operations = g_ptr_array_new();
        g_autoptr(Operation) operation = test_operation(2, table[i].row);
        g_ptr_array_add(operations, operation);
        g_ptr_array_add(operations, NULL);
        g_auto(GStrv) domains = plan_domains(grant, operations);
        g_autofree char *joined = g_strjoinv(",", domains);
        g_assert_cmpstr(joined, ==, table[i].expected);
    }
}

int main(int argc, char **argv)
{
    static const char *const domains[] = {"one.example", "two.example", "other.example",
                                          "off.example", NULL};
    g_autoptr(GError) error = NULL;
    g_test_init(&argc, &argv, NULL);
    directory_init();
    fixture = slapd_fixture_new(domains);
    directory = directory_new(&fixture->settings, &error);
    g_assert_no_error(error);
    fill();
    for (guint i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autofree char *path = g_strdup_printf("/plan/R3/%s", cases[i].name);
        g_test_add_data_func(path, &cases[i], test_case);
    }
    g_test_add_func("/plan/expectations", test_expectations);
    g_test_add_func("/plan/fresh-mailbox", test_fresh_mailbox);
    g_test_add_func("/plan/stored", test_stored);
    g_test_add_func("/plan/unknown", test_unknown_changes_nothing);
    g_test_add_func("/plan/before-any-lookup", test_before_any_lookup);
    g_test_add_func("/plan/domains", test_domains);
    int status = g_test_run();
    directory_free(directory);
    slapd_fixture_free(fixture);
    return status;
}
