/* SPDX-License-Identifier: MIT */
#include "lib/plan.h"
#include "tests/operations.h"
#include "tests/slapd-fixture.h"

#include <string.h>

/* Circles: what several rows make together, or two requests, and how many searches a row takes,
 * which the server itself counts. */

static SlapdFixture *fixture;
static Directory *directory;
static Address *requester;
static Grant *grant;

static PlanContext context_of(const Grant *of)
{
    return (PlanContext){
        .job = "20261121-TESTED",
        .requester = requester,
        .grant = of,
        .profile = fixture->profile,
        .directory = directory,
        .list_members_max = 1000,
    };
}

static void write_now(const Change *change)
{
    g_autoptr(GPtrArray) writes = g_ptr_array_new_with_free_func((GDestroyNotify)write_free);
    g_ptr_array_add(writes, write_new(change, NULL));
    g_assert_cmpint(directory_apply(directory, writes, NULL), ==, ANSWER_YES);
    g_assert_cmpint(((Write *)writes->pdata[0])->state, ==, WRITE_DONE);
}

/* --- what only several rows make --- */

static const struct {
    const char *row;
    const char *words; /* of the reason, where it is refused */
} steps[] = {
    {"ADD FULL m@one.example PASSWORD=s", NULL},
    {"ADD FORWARD f@two.example MAILFORWARD=m@one.example", NULL},
    {"DELETE FULL m@one.example", NULL},
    /* A new alias, at which something leads that was left behind. */
    {"ADD FULL n@one.example PASSWORD=s ALIAS=m@one.example MAILFORWARD=f@two.example",
     "The address f@two.example leads back to m@one.example, in a circle."},
    {"ADD FULL n@one.example PASSWORD=s MAILFORWARD=f@two.example", NULL},
    {"MODIFY FULL n@one.example ALIAS=+m@one.example",
     "The address f@two.example leads back to m@one.example, in a circle."},
    {"ADD ALIAS m@one.example TARGET=n@one.example", "leads back to m@one.example"},
    {"ADD CATCHALL one.example TARGET=n@one.example", "leads back to @one.example"},
    {"MODIFY FORWARD f@two.example MAILFORWARD=x@else.example", NULL},
    {"MODIFY FULL n@one.example ALIAS=+m@one.example", NULL},
    /* What goes, and is caught. */
    {"ADD FULL q@one.example PASSWORD=s", NULL},
    {"MODIFY FORWARD f@two.example MAILFORWARD=q@one.example", NULL},
    {"ADD CATCHALL one.example TARGET=n@one.example", NULL},
    {"DELETE FULL q@one.example", "Without q@one.example, its mail would go to the catch-all of "
                                  "one.example, and from there back "
                                  "to q@one.example, in a circle."},
    {"MODIFY FORWARD f@two.example MAILFORWARD=m@one.example", "leads back to f@two.example"},
    {"MODIFY FORWARD f@two.example MAILFORWARD=x@else.example", NULL},
    {"DELETE FULL q@one.example", NULL},
    /* What leads to an alias that goes does so no more. */
    {"ADD FULL p@two.example PASSWORD=s ALIAS=p@one.example", NULL},
    {"ADD LIST l@two.example LIST_MEMBER=p@one.example", NULL},
    {"MODIFY FORWARD f@two.example MAILFORWARD=l@two.example", NULL},
    {"DELETE FULL p@two.example", NULL},
};

static void test_steps(void)
{
    const PlanContext context = context_of(grant);
    g_autoptr(Plan) plan = plan_new(&context);
    for (guint i = 0; i < G_N_ELEMENTS(steps); i++) {
        g_autoptr(Operation) operation = test_operation(i + 2, steps[i].row);
        g_autoptr(PlannedRow) row = NULL;
        g_autoptr(GError) error = NULL;
        g_assert_cmpint(plan_row(plan, operation, &row, &error), ==, ANSWER_YES);
        g_assert_no_error(error);
        const char *reason = row->outcome->reason ? row->outcome->reason : "";
        g_test_message("%s: %s", steps[i].row, reason);
        g_assert_true((row->outcome->result == RESULT_FAILED) == (steps[i].words != NULL));
        g_assert_nonnull(strstr(reason, steps[i].words ? steps[i].words : ""));
    }
}

/* --- two requests at the same time --- */

static const char ring[] =
    "dn: mail=r@one.example,ou=one.example,ou=domains,dc=example,dc=org\n"
    "objectClass: inetOrgPerson\nobjectClass: batchloadList\ncn: r\nsn: r\nmail: r@one.example\n\n"
    "dn: mail=r@two.example,ou=two.example,ou=domains,dc=example,dc=org\n"
    "objectClass: inetOrgPerson\nobjectClass: batchloadList\ncn: r\nsn: r\nmail: r@two.example\n"
    "batchloadMember: r@three.example\n\n"
    "dn: mail=r@three.example,ou=three.example,ou=domains,dc=example,dc=org\n"
    "objectClass: inetOrgPerson\nobjectClass: batchloadList\ncn: r\nsn: r\n"
    "mail: r@three.example\n\n"
    "dn: mail=r@four.example,ou=four.example,ou=domains,dc=example,dc=org\n"
    "objectClass: inetOrgPerson\nobjectClass: batchloadList\ncn: r\nsn: r\nmail: r@four.example\n"
    "batchloadMember: r@one.example\n\n";

static PlannedRow *plan_half(const Grant *wide, const char *text)
{
    const PlanContext context = context_of(wide);
    g_autoptr(Plan) plan = plan_new(&context);
    g_autoptr(Operation) operation = test_operation(2, text);
    PlannedRow *row = NULL;
    g_assert_cmpint(plan_row(plan, operation, &row, NULL), ==, ANSWER_YES);
    return row;
}

static bool claims_meet(const Grant *wide, const char *const *halves)
{
    g_autoptr(GPtrArray) one = g_ptr_array_new(), other = g_ptr_array_new();
    g_autoptr(Operation) first = test_operation(2, halves[0]);
    g_autoptr(Operation) second = test_operation(2, halves[1]);
    g_ptr_array_add(one, first);
    g_ptr_array_add(other, second);
    g_auto(GStrv) claim = plan_domains(wide, one), beside = plan_domains(wide, other);
    for (guint i = 0; claim[i]; i++)
        if (g_strv_contains((const char *const *)beside, claim[i]))
            return true;
    return false;
}

/* Two rows that name no domain in common, and neither of which sees a circle in what is there, make
 * one together. So their slices must not be in work at the same time; one after the other, the
 * second one sees what the first one made. */
static void test_halves(void)
{
    static const char *const halves[] = {"ADD LIST r@one.example LIST_MEMBER=r@two.example",
                                         "ADD LIST r@three.example LIST_MEMBER=r@four.example"};
    static const char *const grants[] = {
        "allow domains=one.example,two.example,three.example,four.example", "allow domains=*"};
    slapd_fixture_ldif(fixture, ring);
    for (guint i = 0; i < G_N_ELEMENTS(grants); i++) {
        g_autoptr(Grant) wide = grant_parse(grants[i], requester, NULL);
        g_autoptr(PlannedRow) first = plan_half(wide, halves[0]);
        g_autoptr(PlannedRow) second = plan_half(wide, halves[1]);
        g_assert_cmpint(first->outcome->result, ==, RESULT_CHANGED);
        g_assert_cmpint(second->outcome->result, ==, RESULT_CHANGED);
        g_assert_true(claims_meet(wide, halves));
    }
    g_autoptr(Grant) wide = grant_parse(grants[0], requester, NULL);
    g_autoptr(PlannedRow) first = plan_half(wide, halves[0]);
    write_now(((const PlannedWrite *)first->writes->pdata[0])->change);
    g_autoptr(PlannedRow) second = plan_half(wide, halves[1]);
    g_assert_nonnull(strstr(second->outcome->reason, "in a circle"));
}

/* --- what a row costs --- */

#define CHAIN PLAN_LOOP_LEVELS_MAX
#define WIDE 450
#define LAYERS 40
#define HUGE_LISTS 120

static void add_list(GString *ldif, const char *name, const char *members, ...) G_GNUC_PRINTF(3, 4);

/* One more list of two.example, of these members. */
static void add_list(GString *ldif, const char *name, const char *members, ...)
{
    va_list rest;
    va_start(rest, members);
    g_autofree char *text = g_strdup_vprintf(members, rest);
    va_end(rest);
    g_auto(GStrv) each = g_strsplit(text, " ", -1);
    g_string_append_printf(ldif,
                           "dn: mail=%s@two.example,ou=two.example,ou=domains,dc=example,dc=org\n"
                           "objectClass: inetOrgPerson\nobjectClass: batchloadList\n"
                           "cn: l\nsn: l\nmail: %s@two.example\n",
                           name, name);
    for (guint i = 0; each[i] && *each[i]; i++)
        g_string_append_printf(ldif, "batchloadMember: %s\n", each[i]);
    g_string_append_c(ldif, '\n');
}

static void add_numbered(GString *ldif, const char *word, guint number, const char *members)
{
    g_autofree char *name = g_strdup_printf("%s%u", word, number);
    add_list(ldif, name, "%s", members);
}

/* chain0 leads to nothing, chain1 to that, and so on; wide is of many lists; each of two in a layer
 * leads to both of the one below. */
static void fill_shapes(void)
{
    g_autoptr(GString) ldif = g_string_new(NULL), wide = g_string_new(NULL);
    add_list(ldif, "own", "x@else.example");
    add_list(ldif, "chain0", "own@two.example");
    for (guint i = 1; i <= CHAIN; i++) {
        g_autofree char *below = g_strdup_printf("chain%u@two.example", i - 1);
        add_numbered(ldif, "chain", i, below);
    }
    for (guint i = 0; i < WIDE; i++) {
        g_autofree char *member = g_strdup_printf("member%u@two.example", i);
        add_numbered(ldif, "wide", i, member);
        g_string_append_printf(wide, "%swide%u@two.example", i ? " " : "", i);
    }
    add_list(ldif, "wide", "%s", wide->str);
    add_list(ldif, "wider", "wide@two.example layer79@two.example chain%d@two.example", CHAIN - 1);
    for (guint i = 0; i < 2 * LAYERS; i++) {
        guint below = i / 2 * 2 - 2;
        g_autofree char *both =
            i < 2 ? g_strdup("x@else.example")
                  : g_strdup_printf("layer%u@two.example layer%u@two.example", below, below + 1);
        add_numbered(ldif, "layer", i, both);
    }
    slapd_fixture_ldif(fixture, ldif->str);
}

/* A list of lists, of which one row reads no more than a part. */
static void fill_huge(void)
{
    g_autoptr(GString) ldif = g_string_new(NULL), members = g_string_new("x@else.example");
    g_autoptr(GString) lists = g_string_new(NULL);
    for (guint i = 1; i < 1000; i++)
        g_string_append_printf(members, " member%u@else.example", i);
    for (guint i = 0; i < HUGE_LISTS; i++) {
        add_numbered(ldif, "huge", i, members->str);
        g_string_append_printf(lists, "%shuge%u@two.example", i ? " " : "", i);
    }
    add_list(ldif, "huge", "%s", lists->str);
    slapd_fixture_ldif(fixture, ldif->str);
}

/* More lists, that lead to each other. */
static void fill_others(guint lists)
{
    g_autoptr(GString) ldif = g_string_new(NULL);
    for (guint i = 0; i < lists; i++) {
        g_autofree char *both =
            g_strdup_printf("other%u@two.example other%u@two.example", i / 2, i / 3);
        add_numbered(ldif, "other", i, i < 4 ? "x@else.example" : both);
    }
    slapd_fixture_ldif(fixture, ldif->str);
}

/* What the server has been asked until now. */
static guint64 searches(void)
{
    static const char *const asked[] = {"monitorOpInitiated", NULL};
    g_autoptr(Entry) entry = NULL;
    g_assert_cmpint(
        directory_read(directory, "cn=Search,cn=Operations,cn=Monitor", asked, &entry, NULL), ==,
        ANSWER_YES);
    return g_ascii_strtoull(entry_value(entry, "monitorOpInitiated"), NULL, 10);
}

/* Plans one row by itself; how many searches that takes. */
static guint plan_alone(const char *text, const char *words)
{
    const PlanContext context = context_of(grant);
    g_autoptr(Plan) plan = plan_new(&context);
    g_autoptr(Operation) operation = test_operation(2, text);
    g_autoptr(PlannedRow) row = NULL;
    g_autoptr(GError) error = NULL;
    guint64 begin = searches();
    g_assert_cmpint(plan_row(plan, operation, &row, &error), ==, ANSWER_YES);
    g_assert_no_error(error);
    guint took = (guint)(searches() - begin) - 1;
    const char *reason = row->outcome->reason ? row->outcome->reason : "";
    g_test_message("%s: %u searches: %s", text, took, reason);
    g_assert_true((row->outcome->result == RESULT_FAILED) == (words != NULL));
    if (words)
        g_assert_nonnull(strstr(reason, words));
    return took;
}

/* The domain, the own entry, what is named, a search for each step, and one for each 450 more. */
static const struct {
    const char *row;
    const char *words; /* of the reason, where it is refused */
    guint most;
} costs[] = {
    {"ADD LIST own@two.example LIST_MEMBER=y@else.example", NULL, 2},
    {"ADD LIST new@two.example LIST_MEMBER=chain0@two.example", NULL, 5},
    {"ADD LIST new@two.example LIST_MEMBER=chain98@two.example", NULL, 102},
    {"ADD LIST new@two.example LIST_MEMBER=chain100@two.example", "more than 100 times in a row",
     103},
    {"ADD LIST own@two.example LIST_MEMBER=chain99@two.example", "in a circle", 103},
    {"ADD LIST new@two.example LIST_MEMBER=wide@two.example", NULL, 6},
    {"ADD LIST own@two.example LIST_MEMBER=wide@two.example", NULL, 6},
    {"ADD LIST new@two.example LIST_MEMBER=wider@two.example", "more than 1000 other addresses",
     106},
    {"ADD LIST new@two.example LIST_MEMBER=huge@two.example", "more than 1000 other addresses", 4},
    {"ADD LIST new@two.example LIST_MEMBER=layer79@two.example", NULL, 43},
    {"ADD LIST layer0@two.example LIST_MEMBER=layer79@two.example", "in a circle", 43},
};

static void test_costs(void)
{
    guint before[G_N_ELEMENTS(costs)];
    fill_shapes();
    fill_huge();
    for (guint i = 0; i < G_N_ELEMENTS(costs); i++) {
        before[i] = plan_alone(costs[i].row, costs[i].words);
        g_assert_cmpuint(before[i], <=, costs[i].most);
    }
    fill_others(2000);
    for (guint i = 0; i < G_N_ELEMENTS(costs); i++)
        g_assert_cmpuint(plan_alone(costs[i].row, costs[i].words), ==, before[i]);
}

int main(int argc, char **argv)
{
    static const char *const domains[] = {"one.example", "two.example", "three.example",
                                          "four.example", NULL};
    g_test_init(&argc, &argv, NULL);
    directory_init();
    fixture = slapd_fixture_new(domains);
    slapd_fixture_configure(fixture, "moduleload back_mdb\n",
                            "moduleload back_mdb\nmoduleload back_monitor\n");
    slapd_fixture_configure(fixture, "dbnosync\n",
                            "dbnosync\n\ndatabase monitor\naccess to * by * read\n");
    directory = directory_new(&fixture->settings, NULL);
    requester = address_parse("admin@one.example", NULL, NULL);
    grant = grant_parse("allow domains=one.example,two.example", requester, NULL);
    g_test_add_func("/plan/R3.39/steps", test_steps);
    g_test_add_func("/plan/R3.39/halves", test_halves);
    g_test_add_func("/plan/R3.39/costs", test_costs);
    int status = g_test_run();
    grant_free(grant);
    address_free(requester);
    directory_free(directory);
    slapd_fixture_free(fixture);
    return status;
}
