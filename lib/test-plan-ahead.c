/* SPDX-License-Identifier: MIT */
#include "lib/plan-ahead.h"
#include "lib/plan.h"
#include "tests/operations.h"
#include "tests/slapd-fixture.h"

/* How plans read ahead: how many searches that takes, which the server itself counts, and that
 * neither its limits nor large entries change what comes of it. */

#define ROWS 500
#define MEMBERS 5
#define ACCOUNTS (ROWS * MEMBERS)
#define SERVICE_LIMITS "batchload,ou=services,dc=example,dc=org\" size=unlimited"

static SlapdFixture *fixture;
static Address *requester;
static Grant *grant;

/* --- what is there before --- */

static void add_account(GString *ldif, const char *domain, const char *local)
{
    g_string_append_printf(ldif,
                           "dn: mail=%s@%s,ou=%s,ou=domains,dc=example,dc=org\n"
                           "objectClass: inetOrgPerson\nobjectClass: batchloadAccount\n"
                           "cn: A B\nsn: B\ngivenName: A\nmail: %s@%s\n\n",
                           local, domain, domain, local, domain);
}

/* Of so many members of other domains. */
static void add_list(GString *ldif, const char *local, guint members)
{
    g_string_append_printf(ldif,
                           "dn: mail=%s@one.example,ou=one.example,ou=domains,dc=example,dc=org\n"
                           "objectClass: inetOrgPerson\nobjectClass: batchloadList\n"
                           "cn: l\nsn: l\ndescription: Us\nmail: %s@one.example\n",
                           local, local);
    for (guint i = 0; i < members; i++)
        g_string_append_printf(ldif, "batchloadMember: m%u@else.example\n", i);
    g_string_append_c(ldif, '\n');
}

#define LARGE 30
#define LARGE_MEMBERS 6000

static void fill(void)
{
    g_autoptr(GString) ldif = g_string_new(NULL);
    for (guint i = 0; i < ACCOUNTS; i++) {
        g_autofree char *local = g_strdup_printf("user%u", i);
        add_account(ldif, i % 2 ? "two.example" : "one.example", local);
    }
    add_list(ldif, "grown", 900);
    for (guint i = 0; i < LARGE; i++) {
        g_autofree char *local = g_strdup_printf("large%u", i);
        add_list(ldif, local, LARGE_MEMBERS);
    }
    slapd_fixture_ldif(fixture, ldif->str);
}

/* --- a plan of its own connection --- */

typedef struct {
    DirectorySettings settings;
    Directory *directory;
    Directory *counter; /* as rootdn */
    PlanContext context;
    Plan *plan;
} World;

static void world_init(World *world)
{
    world->settings = fixture->settings;
    world->settings.bind_dn = fixture->service_dn;
    world->directory = directory_new(&world->settings, NULL);
    world->counter = directory_new(&fixture->settings, NULL);
    world->context = (PlanContext){
        .job = "20261121-TESTED",
        .requester = requester,
        .grant = grant,
        .profile = fixture->profile,
        .directory = world->directory,
        .list_members_max = 10000,
    };
    world->plan = plan_new(&world->context);
}

static void world_clear(World *world)
{
    plan_free(world->plan);
    directory_free(world->directory);
    directory_free(world->counter);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(World, world_clear)

/* What the server has been asked until now. */
static guint64 searches(const World *world)
{
    static const char *const asked[] = {"monitorOpCompleted", NULL};
    g_autoptr(Entry) entry = NULL;
    g_assert_cmpint(
        directory_read(world->counter, "cn=Search,cn=Operations,cn=Monitor", asked, &entry, NULL),
        ==, ANSWER_YES);
    return g_ascii_strtoull(entry_value(entry, "monitorOpCompleted"), NULL, 10);
}

/* Plans them all, reading ahead; how many searches that takes. */
static guint plan_all(World *world, GPtrArray *operations, Result expected)
{
    g_autoptr(GError) error = NULL;
    guint64 begin = searches(world);
    g_assert_cmpint(plan_prefetch(world->plan, operations, &error), ==, ANSWER_YES);
    g_assert_no_error(error);
    for (guint i = 0; i < operations->len; i++) {
        g_autoptr(PlannedRow) row = NULL;
        g_assert_cmpint(plan_row(world->plan, operations->pdata[i], &row, &error), ==, ANSWER_YES);
        g_assert_no_error(error);
        if (row->outcome->result != expected)
            g_error("line %u: %s", row->line, row->outcome->reason);
    }
    guint took = (guint)(searches(world) - begin) - 1;
    g_test_message("%u searches for %u rows", took, operations->len);
    return took;
}

static GPtrArray *operations_new(void)
{
    return g_ptr_array_new_with_free_func((GDestroyNotify)operation_free);
}

static void add_operation(GPtrArray *operations, const char *text)
{
    g_ptr_array_add(operations, test_operation(operations->len + 2, text));
}

/* New lists, each of some accounts of both domains. */
static GPtrArray *new_lists(void)
{
    GPtrArray *operations = operations_new();
    for (guint i = 0; i < ROWS; i++) {
        g_autoptr(GString) row = g_string_new(NULL);
        g_string_printf(row, "ADD LIST list%u@%s LIST_MEMBER=", i,
                        i % 2 ? "two.example" : "one.example");
        for (guint j = 0; j < MEMBERS; j++)
            g_string_append_printf(row, "%suser%u@%s", j ? "," : "", i * MEMBERS + j,
                                   (i * MEMBERS + j) % 2 ? "two.example" : "one.example");
        add_operation(operations, row->str);
    }
    return operations;
}

/* --- how many searches --- */

/* 500 own addresses, 2,500 of members, two domains. */
static void test_new_lists(void)
{
    g_auto(World) world = {0};
    world_init(&world);
    g_autoptr(GPtrArray) operations = new_lists();
    g_assert_cmpuint(plan_all(&world, operations, RESULT_CREATED), <=, 10);
}

/* More addresses than one step reads: those of the next one are read ahead, too. */
static void test_steps(void)
{
    g_auto(World) world = {0};
    world_init(&world);
    g_autoptr(GPtrArray) operations = operations_new();
    for (guint i = 0; i < PLAN_AHEAD_ADDRESSES_MAX + ROWS; i++) {
        g_autofree char *row =
            g_strdup_printf("ADD FORWARD f%u@one.example MAILFORWARD=x@else.example", i);
        add_operation(operations, row);
    }
    g_assert_cmpuint(plan_all(&world, operations, RESULT_CREATED), <=, 20);
}

/* One list, and it becomes larger with each row: what was read ahead for the others stays. */
static void test_grown_list(void)
{
    g_auto(World) world = {0};
    world_init(&world);
    g_autoptr(GPtrArray) operations = operations_new();
    for (guint i = 0; i < ROWS; i++) {
        g_autofree char *row = g_strdup_printf("ADD LIST grown@one.example LIST_MEMBER=user%u@%s",
                                               i, i % 2 ? "two.example" : "one.example");
        add_operation(operations, row);
    }
    g_assert_cmpuint(plan_all(&world, operations, RESULT_CHANGED), <=, 6);
}

/* Deleted addresses, and the lists that they are on; lists of lists. */
static void test_deleted(void)
{
    g_auto(World) world = {0};
    world_init(&world);
    g_autoptr(GPtrArray) operations = operations_new();
    for (guint i = 0; i < ROWS; i++) {
        g_autofree char *row =
            g_strdup_printf("DELETE FULL user%u@%s", i, i % 2 ? "two.example" : "one.example");
        add_operation(operations, row);
    }
    g_assert_cmpuint(plan_all(&world, operations, RESULT_DELETED), <=, 8);
}

/* Four levels, each row's own. */
static void test_behind(void)
{
    g_auto(World) world = {0};
    g_autoptr(GString) ldif = g_string_new(NULL);
    g_autoptr(GPtrArray) operations = operations_new();
    world_init(&world);
    for (guint i = 0; i < 100; i++) {
        g_autofree char *row =
            g_strdup_printf("ADD FORWARD f%u@one.example MAILFORWARD=l%u-0@one.example", i, i);
        for (guint level = 0; level < 4; level++)
            g_string_append_printf(
                ldif,
                "dn: mail=l%u-%u@one.example,ou=one.example,ou=domains,dc=example,dc=org\n"
                "objectClass: inetOrgPerson\nobjectClass: batchloadList\ncn: l\nsn: l\n"
                "mail: l%u-%u@one.example\nbatchloadMember: l%u-%u@one.example\n\n",
                i, level, i, level, i, level + 1);
        add_operation(operations, row);
    }
    slapd_fixture_ldif(fixture, ldif->str);
    /* One more for the domain's catch-all, since the last level leads to nowhere. */
    g_assert_cmpuint(plan_all(&world, operations, RESULT_CREATED), <=, 8);
}

/* --- limits of the server --- */

static void test_limits(void)
{
    static const struct {
        const char *limits;
        guint most;
    } rows[] = {
        {"size=500", 10},
        {"size=50", 100},
        {"size.soft=50 size.hard=50", 100},
        {"size.soft=10 size.hard=1000", 10},
    };
    for (guint i = 0; i < G_N_ELEMENTS(rows); i++) {
        g_autofree char *limits =
            g_strdup_printf("batchload,ou=services,dc=example,dc=org\" %s", rows[i].limits);
        g_auto(World) world = {0};
        slapd_fixture_configure(fixture, SERVICE_LIMITS, limits);
        world_init(&world);
        g_test_message("%s", rows[i].limits);
        g_autoptr(GPtrArray) operations = new_lists();
        g_assert_cmpuint(plan_all(&world, operations, RESULT_CREATED), <=, rows[i].most);
        slapd_fixture_configure(fixture, limits, SERVICE_LIMITS);
    }
}

/* --- what the view keeps --- */

static void test_replaced(void)
{
    g_auto(World) world = {0};
    world_init(&world);
    g_autoptr(View) view = view_new(&world.context);
    g_autoptr(Address) grown = address_parse("grown@one.example", NULL, NULL);
    g_autoptr(Address) other = address_parse("user0@one.example", NULL, NULL);
    Place *place = NULL;
    g_assert_cmpint(view_address(view, other, true, &place, NULL), ==, ANSWER_YES);
    gsize one = view_values(view);
    g_assert_cmpint(view_address(view, grown, true, &place, NULL), ==, ANSWER_YES);
    g_assert_cmpuint(view_values(view), >, one + 900);
    for (guint i = 0; i < 500; i++) {
        g_autofree char *member = g_strdup_printf("n%u@else.example", i);
        g_autoptr(GPtrArray) added = g_ptr_array_new();
        g_ptr_array_add(added, member);
        g_autoptr(Change) change = profile_members(fixture->profile, view_known(view, grown)->entry,
                                                   added, NULL, "20261121-TESTED/2");
        view_lay(view, change, 2 + i);
        /* What is changed is not forgotten, and so takes no room of what may be. */
        g_assert_cmpuint(view_values(view), ==, one);
    }
    /* The last place that was asked for is among what is forgotten. */
    g_assert_cmpint(view_address(view, other, true, &place, NULL), ==, ANSWER_YES);
    view_forget(view);
    view_observe(view, "cn=x", NULL);
    g_assert_cmpuint(view_values(view), ==, 0);
    g_assert_null(view_known(view, other));
    g_assert_cmpuint(profile_entry_members(fixture->profile, view_known(view, grown)->entry)->len,
                     ==, 1400);
}

/* What was found where another writer came between stays, too. */
static void test_observed(void)
{
    g_auto(World) world = {0};
    world_init(&world);
    g_autoptr(View) view = view_new(&world.context);
    g_autoptr(Address) address = address_parse("user0@one.example", NULL, NULL);
    g_autofree char *dn = profile_entry_dn(fixture->profile, address);
    view_observe(view, dn, NULL);
    view_forget(view);
    g_assert_nonnull(view_known(view, address));
    g_assert_null(view_known(view, address)->entry);
}

/* Far more than there is room for: each row still finds its list, and never is more kept than the
 * room and what was on its way. */
static void test_room(void)
{
    g_auto(World) world = {0};
    g_autoptr(GPtrArray) operations = operations_new();
    world_init(&world);
    g_autoptr(View) view = view_new(&world.context);
    for (guint i = 0; i < LARGE; i++) {
        g_autofree char *row = g_strdup_printf("MODIFY LIST large%u@one.example TITLE=x", i);
        add_operation(operations, row);
    }
    g_autoptr(PlanAhead) ahead = plan_ahead_new(&world.context, view, operations);
    guint64 begin = searches(&world);
    for (guint i = 0; i < operations->len; i++) {
        const Operation *operation = operations->pdata[i];
        Place *place = NULL;
        g_assert_cmpint(plan_ahead_reach(ahead, operation->line, NULL), ==, ANSWER_YES);
        g_assert_cmpuint(view_values(view), <, PLAN_VALUES_MAX + LARGE_MEMBERS + 20);
        g_assert_cmpint(view_address(view, operation->address, true, &place, NULL), ==, ANSWER_YES);
        g_assert_cmpuint(profile_entry_members(fixture->profile, place->seen->entry)->len, ==,
                         LARGE_MEMBERS);
    }
    g_test_message("%u searches", (guint)(searches(&world) - begin));
    g_autoptr(GPtrArray) again = operations_new();
    for (guint i = 0; i < LARGE; i++) {
        g_autofree char *row = g_strdup_printf(
            "ADD LIST large%u@one.example LIST_MEMBER=user%u@one.example", i, 2 * i);
        add_operation(again, row);
    }
    plan_all(&world, again, RESULT_CHANGED);
}

/* --- what was read in part --- */

static PlannedRow *plan_one(const World *world, unsigned line, const char *text, Result expected)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(Operation) operation = test_operation(line, text);
    PlannedRow *row = NULL;
    g_assert_cmpint(plan_row(world->plan, operation, &row, &error), ==, ANSWER_YES);
    g_assert_no_error(error);
    g_test_message("%s: %s", text, row->outcome->reason ? row->outcome->reason : "-");
    g_assert_cmpint(row->outcome->result, ==, expected);
    return row;
}

/* What was only named by a row is known as a whole when a later row changes it, or a list of it. */
static void test_part(void)
{
    static const struct {
        const char *row;
        Result result;
        guint writes;
    } rows[] = {
        {"ADD FORWARD in@one.example MAILFORWARD=part@one.example,user8@one.example",
         RESULT_CREATED, 1},
        {"MODIFY FULL user8@one.example GIVENNAME=A SURNAME=B", RESULT_UNCHANGED, 0},
        {"DELETE FULL user10@one.example", RESULT_DELETED, 2},
        {"MODIFY LIST part@one.example DESCRIPTION=Us", RESULT_UNCHANGED, 0},
        {"ADD LIST part@one.example DESCRIPTION=Us LIST_MEMBER=user12@one.example", RESULT_CHANGED,
         1},
    };
    g_auto(World) world = {0};
    g_autoptr(GString) ldif = g_string_new(NULL);
    world_init(&world);
    add_list(ldif, "part", 3);
    g_string_truncate(ldif, ldif->len - 1);
    g_string_append(ldif, "batchloadMember: user10@one.example\n\n");
    slapd_fixture_ldif(fixture, ldif->str);
    for (guint i = 0; i < G_N_ELEMENTS(rows); i++) {
        g_autoptr(PlannedRow) row = plan_one(&world, i + 2, rows[i].row, rows[i].result);
        g_assert_cmpuint(row->writes->len, ==, rows[i].writes);
    }
}

/* Somebody else deletes what was read in part, before all of it is wanted. */
static void test_part_gone(void)
{
    g_auto(World) world = {0};
    g_autoptr(GString) ldif = g_string_new(NULL);
    world_init(&world);
    add_account(ldif, "one.example", "gone");
    slapd_fixture_ldif(fixture, ldif->str);
    g_autoptr(PlannedRow) first = plan_one(
        &world, 2, "ADD FORWARD to@one.example MAILFORWARD=gone@one.example", RESULT_CREATED);
    g_autoptr(Address) gone = address_parse("gone@one.example", NULL, NULL);
    g_autofree char *dn = profile_entry_dn(fixture->profile, gone);
    g_autoptr(Change) change = change_new(CHANGE_DELETE, dn);
    g_autoptr(GPtrArray) writes = g_ptr_array_new_with_free_func((GDestroyNotify)write_free);
    g_ptr_array_add(writes, write_new(change, NULL));
    g_assert_cmpint(directory_apply(world.counter, writes, NULL), ==, ANSWER_YES);
    g_autoptr(PlannedRow) second =
        plan_one(&world, 3, "MODIFY FULL gone@one.example TITLE=x", RESULT_FAILED);
    g_assert_cmpuint(first->writes->len + second->writes->len, ==, 1);
}

int main(int argc, char **argv)
{
    static const char *const domains[] = {"one.example", "two.example", NULL};
    g_test_init(&argc, &argv, NULL);
    directory_init();
    fixture = slapd_fixture_new(domains);
    slapd_fixture_configure(fixture, "moduleload back_mdb\n",
                            "moduleload back_mdb\nmoduleload back_monitor\n");
    slapd_fixture_configure(fixture, "dbnosync\n",
                            "dbnosync\n\ndatabase monitor\naccess to * by * read\n");
    requester = address_parse("admin@one.example", NULL, NULL);
    grant = grant_parse("allow domains=one.example,two.example", requester, NULL);
    fill();
    g_test_add_func("/plan/ahead/new-lists", test_new_lists);
    g_test_add_func("/plan/ahead/steps", test_steps);
    g_test_add_func("/plan/ahead/grown-list", test_grown_list);
    g_test_add_func("/plan/ahead/deleted", test_deleted);
    g_test_add_func("/plan/ahead/behind", test_behind);
    g_test_add_func("/plan/ahead/limits", test_limits);
    g_test_add_func("/plan/ahead/replaced", test_replaced);
    g_test_add_func("/plan/ahead/observed", test_observed);
    g_test_add_func("/plan/ahead/room", test_room);
    g_test_add_func("/plan/ahead/part", test_part);
    g_test_add_func("/plan/ahead/part-gone", test_part_gone);
    int status = g_test_run();
    grant_free(grant);
    address_free(requester);
    slapd_fixture_free(fixture);
    return status;
}
