/* SPDX-License-Identifier: MIT */
#include "lib/plan-fixture.h"
#include "tests/operations.h"

#include <string.h>

/* Mailboxes, forwards and lists, grants, and what a plan holds. */

#define TWO "allow domains=one.example,two.example"

static const PlanCase cases[] = {
    {"add-full", PLAN_WIDE, {{"ADD FULL carl@one.example PASSWORD=secret", "created 1"}}},
    {"add-full-hashed",
     PLAN_WIDE,
     {{"ADD FULL carl@one.example PASSWORD={CRYPT}$6$a$b", "created 1"}}},
    {"add-full-taken",
     PLAN_WIDE,
     {{"ADD FULL anna@one.example PASSWORD=s", "failed USER taken: there is a mailbox"},
      {"ADD FULL info@one.example PASSWORD=s", "failed USER taken: there is a forward"},
      {"ADD FULL staff@one.example PASSWORD=s", "failed USER taken: there is a list"},
      {"ADD FULL thing@one.example PASSWORD=s", "failed USER thing@one.example is not available"},
      {"ADD FULL elsewhere@one.example PASSWORD=s", "failed USER is not available"},
      {"ADD FULL first@one.example PASSWORD=s", "failed USER is not available"},
      {"ADD FULL second@one.example PASSWORD=s", "failed USER is not available"},
      {"ADD FULL new+tag@one.example PASSWORD=s", "failed USER taken: there is a mailbox"}}},
    {"taken-below-another-domain",
     PLAN_WIDE,
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
     PLAN_WIDE,
     {{"MODIFY FULL anna@one.example PASSWORD=s TITLE=Dr", "changed 1"},
      {"MODIFY FULL nobody@one.example PASSWORD=s", "failed USER There is no mailbox"},
      {"MODIFY FULL info@one.example PASSWORD=s", "failed TYPE is a forward, not a mailbox"},
      {"MODIFY FULL thing@one.example PASSWORD=s", "failed USER is not available"},
      {"MODIFY FULL anna@one.example GIVENNAME=Anna", "unchanged"},
      {"MODIFY FULL anna@one.example TITLE=Dr", "unchanged"}}},
    {"delete-full-takes-it-off-lists",
     PLAN_WIDE,
     {{"DELETE FULL anna@one.example", "deleted 3"},
      {"DELETE FULL anna@one.example", "failed USER There is no mailbox"},
      {"DELETE FULL ben@one.example", "deleted 2"},
      {"DELETE FULL cleo@two.example", "deleted 1"},
      {"DELETE FULL staff@one.example", "failed TYPE is a list"},
      {"DELETE LIST staff@one.example", "deleted 2"},
      {"DELETE FORWARD info@one.example", "deleted 1"},
      {"DELETE FORWARD nothing@one.example", "failed USER There is no forward"}}},
    {"delete-full-sees-earlier-memberships",
     PLAN_WIDE,
     {{"ADD LIST new@two.example LIST_MEMBER=cleo@two.example", "created 1"},
      {"ADD LIST staff@one.example LIST_MEMBER=cleo@two.example", "changed 1"},
      {"DELETE LIST staff@one.example LIST_MEMBER=ben@one.example", "changed 1"},
      {"DELETE FULL cleo@two.example", "deleted 3"},
      {"DELETE FULL ben@one.example", "deleted 1"}}},
    {"delete-only-lists-of-the-grant",
     "allow domains=one.example",
     {{"DELETE FULL anna@one.example", "deleted 2"}}},
    {"add-forward",
     PLAN_WIDE,
     {{"ADD FORWARD f@one.example MAILFORWARD=anna@one.example,x@else.example", "created 1"},
      {"ADD FORWARD f@one.example MAILFORWARD=anna@one.example", "failed USER taken"},
      {"ADD FORWARD g@one.example MAILFORWARD=nobody@one.example",
       "failed MAILFORWARD There is no address nobody@one.example"},
      {"ADD FORWARD g@one.example MAILFORWARD=f@one.example", "created 1"},
      {"ADD FORWARD h@one.example MAILFORWARD=x@three.example",
       "failed MAILFORWARD There is no address x@three.example"},
      {"ADD FORWARD i@one.example MAILFORWARD=thing@one.example", "created 1"}}},
    {"words",
     PLAN_WIDE,
     {{"ADD FORWARD f@one.example MAILFORWARD=anna@one.example", "created 1"},
      {"ADD FORWARD j@one.example MAILFORWARD=n1@one.example,f@one.example,n2@one.example",
       "failed MAILFORWARD not there: n1@one.example, n2@one.example"},
      {"ADD FORWARD j@one.example MAILFORWARD=n1@one.example,n2@one.example,n3@one.example,"
       "n4@one.example,n5@one.example,n6@one.example,n7@one.example",
       "failed MAILFORWARD n5@one.example and 2 more"},
      {"ADD FORWARD f@one.example MAILFORWARD=anna@one.example", "failed USER (see line 2 of"},
      {"DELETE FORWARD n1@one.example", "failed USER There is no forward"}}},
    {"modify-forward",
     PLAN_WIDE,
     {{"MODIFY FORWARD info@one.example MAILFORWARD=ben@one.example", "changed 1"},
      {"MODIFY FORWARD info@one.example MAILFORWARD=ben@one.example", "unchanged"},
      {"MODIFY FORWARD anna@one.example MAILFORWARD=ben@one.example", "failed TYPE is a mailbox"},
      {"MODIFY FORWARD info@one.example MAILFORWARD=no@one.example", "failed MAILFORWARD no addr"},
      {"MODIFY FORWARD no@one.example MAILFORWARD=ben@one.example", "failed USER no forward"}}},
    {"add-list",
     PLAN_WIDE,
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
     PLAN_WIDE,
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
     PLAN_WIDE,
     {{"ADD LIST l@one.example "
       "LIST_MEMBER=a@x.example,b@x.example,c@x.example,d@x.example,e@x.example",
       "failed LIST MEMBER would have 5 members; at most 4"},
      {"ADD LIST three@one.example LIST_MEMBER=d@x.example", "changed 1"},
      {"ADD LIST three@one.example LIST_MEMBER=e@x.example", "failed LIST MEMBER would have 5"}}},
    {"list-white-pages",
     PLAN_WIDE,
     {{"ADD LIST l@one.example DESCRIPTION=Us", "created 1"},
      {"ADD LIST l@one.example DESCRIPTION=Us LIST_MEMBER=ben@one.example", "changed 1"},
      {"ADD LIST l@one.example DESCRIPTION=Them LIST_MEMBER=anna@one.example",
       "failed - other details"},
      {"MODIFY LIST l@one.example DESCRIPTION=Them", "changed 1"},
      {"MODIFY LIST l@one.example DESCRIPTION=Them", "unchanged"},
      {"MODIFY LIST no@one.example DESCRIPTION=Them", "failed USER no list"},
      {"MODIFY LIST anna@one.example DESCRIPTION=Them", "failed TYPE not a list"}}},
    {"delete-members",
     PLAN_WIDE,
     {{"DELETE LIST staff@one.example LIST_MEMBER=anna@one.example,no@one.example", "changed 1"},
      {"DELETE LIST staff@one.example LIST_MEMBER=anna@one.example", "unchanged"},
      {"DELETE LIST staff@one.example LIST_MEMBER=x@else.example", "changed 1"},
      {"DELETE LIST no@one.example LIST_MEMBER=anna@one.example", "failed USER no list"},
      {"DELETE LIST info@one.example LIST_MEMBER=anna@one.example", "failed TYPE a forward"}}},
    {"earlier-rows-are-seen",
     PLAN_WIDE,
     {{"ADD FULL carl@one.example PASSWORD=s", "created 1"},
      {"ADD LIST staff@one.example LIST_MEMBER=carl@one.example", "changed 1"},
      {"DELETE FULL carl@one.example", "deleted 2"},
      {"ADD LIST all@two.example LIST_MEMBER=carl@one.example", "failed LIST MEMBER no address"},
      {"ADD FULL carl@one.example PASSWORD=s", "created 1"},
      {"MODIFY FULL carl@one.example PASSWORD=t", "changed 1"},
      {"ADD FULL carl@one.example PASSWORD=s", "failed USER taken"}}},
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
     PLAN_WIDE,
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
     PLAN_WIDE,
     {{"MODIFY FULL admin@one.example PASSWORD=s TITLE=Dr", "changed 1"},
      {"DELETE FULL admin@one.example", "failed USER Of your own address"},
      {"ADD FULL admin@one.example PASSWORD=s", "failed USER Of your own address"},
      {"MODIFY FORWARD admin@one.example MAILFORWARD=x@else.example", "failed USER Of your own"},
      {"ADD LIST staff@one.example LIST_MEMBER=admin@one.example", "changed 1"}}},
    {"privilege",
     PLAN_WIDE,
     {{"MODIFY FULL boss@one.example PASSWORD=s", "failed USER is an administrator's"},
      {"DELETE FULL boss@one.example", "failed USER is an administrator's"},
      {"ADD FULL boss@one.example PASSWORD=s", "failed USER is an administrator's"}}},
    {"privilege-by-domain",
     "allow domains=two.example",
     {{"ADD FULL w@two.example PASSWORD=s", "failed USER is an administrator's"},
      {"ADD FORWARD w@two.example MAILFORWARD=x@else.example", "created 1"},
      {"ADD FULL x@two.example PASSWORD=s", "created 1"}}},
    {"privilege-by-domain-covered",
     PLAN_WIDE,
     {{"ADD FULL w@two.example PASSWORD=s", "created 1"}}},
    {"privilege-by-domain-granted",
     "allow domains=two.example administrators=yes",
     {{"ADD FULL w@two.example PASSWORD=s", "created 1"}}},
    {"privilege-granted",
     PLAN_WIDE " administrators=yes",
     {{"MODIFY FULL boss@one.example PASSWORD=s", "changed 1"},
      {"DELETE FULL admin@one.example", "failed USER Of your own"}}},
    {"reserved",
     PLAN_WIDE,
     {{"ADD FULL postmaster@one.example PASSWORD=s", "failed USER is reserved"},
      {"DELETE FORWARD abuse@two.example", "failed USER is reserved"},
      {"ADD FULL billing@one.example PASSWORD=s", "failed USER is reserved"},
      {"ADD FULL billing@two.example PASSWORD=s", "created 1"},
      {"ADD FULL batch@one.example PASSWORD=s", "failed USER belongs to this service"},
      {"ADD FULL postmaster2@one.example PASSWORD=s", "created 1"}}},
    {"loops-too-far",
     PLAN_WIDE,
     {{"ADD LIST l@one.example LIST_MEMBER=big@two.example", "failed LIST MEMBER more than 1000"},
      {"ADD FORWARD f@one.example MAILFORWARD=big@two.example", "failed MAILFORWARD more than"}}},
    {"special-characters",
     PLAN_WIDE,
     {{"MODIFY LIST a*b+c=d#e'f@two.example TITLE=x", "changed 1"},
      {"ADD LIST a*b+c=d#e'f@two.example LIST_MEMBER=x@else.example", "changed 1"},
      {"ADD FULL *@one.example PASSWORD=s", "created 1"},
      {"ADD LIST *b@two.example LIST_MEMBER=*@one.example", "created 1"},
      {"DELETE FULL *@two.example", "deleted 2"},
      {"DELETE LIST a*b+c=d#e'f@two.example", "deleted 1"},
      {"DELETE LIST a*@two.example", "failed USER no list"}}},
    {"loops-batch",
     PLAN_WIDE,
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
     PLAN_WIDE,
     {{"ADD FORWARD f@one.example MAILFORWARD=f@one.example", "failed MAILFORWARD back to itself"},
      {"ADD LIST staff@one.example LIST_MEMBER=staff@one.example", "failed LIST MEMBER itself"},
      {"ADD LIST staff@one.example LIST_MEMBER=all@two.example",
       "failed LIST MEMBER all@two.example leads back to staff@one.example"}}},
    {"loops-dangling",
     PLAN_WIDE,
     {{"ADD FORWARD gone@one.example MAILFORWARD=loose@one.example", "failed MAILFORWARD back"},
      {"ADD LIST gone@one.example LIST_MEMBER=loose@one.example", "failed LIST MEMBER back"},
      {"ADD FULL gone@one.example PASSWORD=s", "created 1"}}},
    /* Somebody else's circle, made by hand. */
    {"loops-elsewhere",
     PLAN_WIDE,
     {{"ADD LIST l@one.example LIST_MEMBER=ring@one.example,anna@one.example", "created 1"},
      {"ADD FORWARD f@one.example MAILFORWARD=ring@two.example", "created 1"}}},
    {"loops-through-earlier-rows",
     PLAN_WIDE,
     {{"ADD FORWARD a@one.example MAILFORWARD=anna@one.example", "created 1"},
      {"ADD FORWARD b@two.example MAILFORWARD=a@one.example", "created 1"},
      {"ADD LIST c@one.example LIST_MEMBER=b@two.example", "created 1"},
      {"MODIFY FORWARD a@one.example MAILFORWARD=c@one.example", "failed MAILFORWARD back to a@"},
      {"MODIFY FORWARD b@two.example MAILFORWARD=anna@one.example", "changed 1"},
      {"MODIFY FORWARD a@one.example MAILFORWARD=c@one.example", "changed 1"}}},
};

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

/* Rows on entries that only earlier rows make. */
static void check_made(GPtrArray *rows)
{
    const PlannedWrite *write = write_of(rows, 0, 0);
    g_assert_false(write->expect_present);
    write = write_of(rows, 1, 0);
    g_assert_true(write->expect_present && !write->uuid && !write->version);
    g_assert_cmpstr(write->mark, ==, "20261120-TESTED/2");
    g_assert_cmpstr(write_of(rows, 4, 0)->mark, ==, "20261120-TESTED/3");
    g_assert_false(write_of(rows, 5, 0)->expect_present);
}

/* Rows on an entry that was read. */
static void check_read(GPtrArray *rows)
{
    const PlannedWrite *write = write_of(rows, 2, 0);
    g_assert_true(write->uuid && write->version && !write->mark);
    g_autofree char *uuid = g_strdup(write->uuid);
    write = write_of(rows, 3, 0);
    g_assert_cmpstr(write->uuid, ==, uuid);
    g_assert_null(write->version);
    g_assert_cmpstr(write->mark, ==, "20261120-TESTED/4");
}

static void test_expectations(void)
{
    g_auto(PlanWorld) world = {0};
    plan_world_init(&world, PLAN_WIDE);
    g_autoptr(GPtrArray) operations = test_operations(chain);
    g_autoptr(GPtrArray) rows = plan_all(world.plan, operations);
    check_made(rows);
    check_read(rows);
    const PlannedRow *last = rows->pdata[6];
    g_assert_cmpuint(last->needs->len, ==, 1);
    g_assert_cmpuint(g_array_index(last->needs, unsigned, 0), ==, 7);
}

/* House rule 9: an address that is made again gets another mailbox. */
static void test_fresh_mailbox(void)
{
    g_auto(PlanWorld) world = {0};
    plan_world_init(&world, PLAN_WIDE);
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
    g_auto(PlanWorld) world = {0};
    plan_world_init(&world, PLAN_WIDE);
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

static void test_unknown_changes_nothing(void)
{
    g_auto(PlanWorld) world = {0};
    g_autoptr(GError) error = NULL;
    g_autoptr(PlannedRow) row = NULL;
    plan_world_init(&world, PLAN_WIDE);
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
    DirectorySettings settings = plan_fixture_slapd()->settings;
    settings.uri = (char *)"ldapi://%2Fnonexistent%2Fsocket";
    g_autoptr(GError) error = NULL;
    g_autoptr(Directory) away = directory_new(&settings, &error);
    g_assert_no_error(error);
    g_auto(PlanWorld) world = {0};
    plan_world_init(&world, "allow domains=one.example external=none");
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
        {PLAN_WIDE, "ADD FULL a@one.example PASSWORD=s", "one.example"},
        {PLAN_WIDE, "ADD FULL a@other.example PASSWORD=s", ""},
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
    g_test_init(&argc, &argv, NULL);
    plan_fixture_begin();
    plan_cases_add("/plan/R3", cases, G_N_ELEMENTS(cases));
    g_test_add_func("/plan/expectations", test_expectations);
    g_test_add_func("/plan/fresh-mailbox", test_fresh_mailbox);
    g_test_add_func("/plan/stored", test_stored);
    g_test_add_func("/plan/unknown", test_unknown_changes_nothing);
    g_test_add_func("/plan/before-any-lookup", test_before_any_lookup);
    g_test_add_func("/plan/domains", test_domains);
    int status = g_test_run();
    plan_fixture_end();
    return status;
}
