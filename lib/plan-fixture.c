/* SPDX-License-Identifier: MIT */
#include "lib/plan-fixture.h"
#include "tests/operations.h"

#include <string.h>

/* The one of this program. */
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

void plan_world_init(PlanWorld *world, const char *grant)
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

void plan_world_clear(PlanWorld *world)
{
    plan_free(world->plan);
    grant_free(world->grant);
    address_free(world->requester);
}
/* --- some rows a case --- */

static void check_outcome(const PlanCase *one, guint number, const PlannedRow *row)
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
    const char *reason = outcome->reason ? outcome->reason : "";
    g_assert_cmpuint(row->writes->len, ==, 0);
    g_assert_true(g_str_has_prefix(words[1], field));
    g_assert_nonnull(outcome->advice);
    g_auto(GStrv) parts = g_strsplit(words[1] + strlen(field) + 1, " ", -1);
    for (guint i = 0; parts[i]; i++)
        g_assert_nonnull(strstr(reason, parts[i]));
}

static void run_case(const PlanCase *one, bool prefetch)
{
    g_auto(PlanWorld) world = {0};
    g_autoptr(GPtrArray) operations =
        g_ptr_array_new_with_free_func((GDestroyNotify)operation_free);
    g_autoptr(GError) error = NULL;
    plan_world_init(&world, one->grant);
    for (guint i = 0; i < PLAN_CASE_ROWS_MAX && one->rows[i].row; i++)
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

void plan_cases_add(const char *prefix, const PlanCase *cases, guint count)
{
    for (guint i = 0; i < count; i++) {
        g_autofree char *path = g_strdup_printf("%s/%s", prefix, cases[i].name);
        g_test_add_data_func(path, &cases[i], test_case);
    }
}

/* --- begin and end --- */

void plan_fixture_begin(void)
{
    static const char *const domains[] = {"one.example", "two.example", "other.example",
                                          "off.example", NULL};
    g_autoptr(GError) error = NULL;
    directory_init();
    fixture = slapd_fixture_new(domains);
    directory = directory_new(&fixture->settings, &error);
    g_assert_no_error(error);
    fill();
}

void plan_fixture_end(void)
{
    directory_free(directory);
    slapd_fixture_free(fixture);
}

const SlapdFixture *plan_fixture_slapd(void)
{
    return fixture;
}
