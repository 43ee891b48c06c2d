/* SPDX-License-Identifier: MIT */
#include "lib/settle-fixture.h"

#include <string.h>

/* R5.6: rows of one entry go in few requests, and each is told as if it had gone alone. */

static const MixedRow rows[] = {
    {"ADD FULL m1@one.example PASSWORD={CRYPT}$6$x$y", "created"},
    {"ADD LIST staff@one.example LIST_MEMBER=e1@else.example", "changed"},
    {"ADD LIST staff@one.example LIST_MEMBER=m1@one.example", "changed"},
    {"ADD LIST all@two.example LIST_MEMBER=e1@else.example", "changed"},
    {"ADD LIST staff@one.example LIST_MEMBER=e1@else.example", "unchanged"},
    {"ADD LIST staff@one.example LIST_MEMBER=e2@else.example,e3@else.example", "changed"},
    {"MODIFY LIST staff@one.example DESCRIPTION=Staff", "changed"},
    /* The directory refuses the country. */
    {"MODIFY LIST staff@one.example COUNTRYNAME=Germany", "failed"},
    {"ADD LIST staff@one.example LIST_MEMBER=e4@else.example", "changed"},
    {"DELETE LIST staff@one.example LIST_MEMBER=e1@else.example", "changed"},
    {"DELETE LIST staff@one.example LIST_MEMBER=e2@else.example", "changed"},
    {"DELETE FULL anna@one.example", "deleted"},
    {"DELETE FULL ben@one.example", "deleted"},
    {"DELETE FULL m1@one.example", "deleted"},
    {"ADD LIST all@two.example LIST_MEMBER=anna@one.example", "failed"},
    {"ADD FULL anna@one.example PASSWORD={CRYPT}$6$x$y", "created"},
    {"ADD LIST staff@one.example LIST_MEMBER=anna@one.example", "changed"},
    {"ADD LIST staff@one.example LIST_MEMBER=dora@one.example", "changed"},
    {"MODIFY FULL dora@one.example TITLE=Dr", "changed"},
    {"MODIFY FULL dora@one.example PHONE=+493012345", "changed"},
    {"MODIFY FULL dora@one.example COUNTRYNAME=Germany", "failed"},
    {"MODIFY FULL dora@one.example TITLE=Prof", "changed"},
    {"MODIFY FULL dora@one.example GIVENNAME=Dora", "changed"},
    {"MODIFY FULL dora@one.example SURNAME=Dorn", "changed"},
    {"DELETE FULL dora@one.example", "deleted"},
    {"DELETE LIST staff@one.example LIST_MEMBER=e3@else.example", "changed"},
    {"DELETE FULL cleo@two.example", "deleted"},
    {"DELETE LIST all@two.example", "deleted"},
    {"ADD LIST all@two.example LIST_MEMBER=e1@else.example", "created"},
    {"ADD LIST all@two.example LIST_MEMBER=e2@else.example", "changed"},
    {"ADD LIST all@two.example LIST_MEMBER=emma@two.example", "changed"},
    {"DELETE FULL emma@two.example", "deleted"},
};
#define ROWS G_N_ELEMENTS(rows)

static const char *const *texts(void)
{
    static const char *found[ROWS + 1];
    for (guint i = 0; i < ROWS; i++)
        found[i] = rows[i].row;
    return found;
}

/* --- how many requests it takes --- */

#define MANY 200

static char *number_of(const char *pattern, guint number)
{
    g_autofree char *digits = g_strdup_printf("%u", number);
    g_auto(GStrv) parts = g_strsplit(pattern, "%u", -1);
    return g_strjoinv(digits, parts);
}

typedef struct {
    const char *name;
    const char *rows[4];
    guint writes;   /* needed at most */
    guint outcomes; /* rows that are neither failed nor unchanged */
    guint changes;  /* in the trail */
} Count;

static const Count counts[] = {
    {"members", {"ADD LIST staff@one.example LIST_MEMBER=e%u@else.example"}, 1, MANY, MANY},
    {"members-of-two",
     {"ADD LIST staff@one.example LIST_MEMBER=e%u@else.example",
      "ADD LIST all@two.example LIST_MEMBER=e%u@else.example"},
     2,
     2 * MANY,
     2 * MANY},
    {"new-members",
     {"ADD FULL n%u@one.example PASSWORD={CRYPT}$6$x$y",
      "ADD LIST staff@one.example LIST_MEMBER=n%u@one.example"},
     MANY + 1,
     2 * MANY,
     2 * MANY},
    {"new-list-and-members",
     {"ADD LIST new@one.example LIST_MEMBER=e%u@else.example"},
     2,
     MANY,
     MANY},
    {"put-on-and-taken-off",
     {"ADD LIST staff@one.example LIST_MEMBER=e%u@else.example",
      "DELETE LIST staff@one.example LIST_MEMBER=e%u@else.example"},
     2 * MANY,
     2 * MANY,
     2 * MANY},
    {"one-account",
     {"MODIFY FULL anna@one.example TITLE=T%u", "MODIFY FULL anna@one.example DESCRIPTION=D%u",
      "MODIFY FULL anna@one.example PHONE=%u"},
     MANY,
     3 * MANY,
     3 * MANY},
    {"accounts-in-turn",
     {"MODIFY FULL anna@one.example TITLE=T%u", "MODIFY FULL ben@one.example TITLE=T%u",
      "MODIFY FULL anna@one.example PHONE=%u", "MODIFY FULL ben@one.example PHONE=%u"},
     2 * MANY,
     4 * MANY,
     4 * MANY},
};

static void test_count(gconstpointer data)
{
    const Count *one = data;
    g_autoptr(GPtrArray) many = g_ptr_array_new_with_free_func(g_free);
    g_auto(Run) run = {0};
    for (guint i = 0; i < MANY; i++)
        for (guint j = 0; j < G_N_ELEMENTS(one->rows) && one->rows[j]; j++)
            g_ptr_array_add(many, number_of(one->rows[j], i));
    g_ptr_array_add(many, NULL);
    model_run(&run, (const char *const *)many->pdata);
    g_test_message("%u rows, %u requests", many->len - 1, faults.sent);
    g_auto(GStrv) lines = g_strsplit(run.outcomes, "\n", -1);
    guint good = 0;
    for (guint i = 0; lines[i]; i++)
        good += g_str_has_suffix(lines[i], "ed") && !g_str_has_suffix(lines[i], "unchanged");
    g_assert_cmpuint(good, ==, one->outcomes);
    g_assert_cmpuint(run.changes, ==, one->changes);
    g_assert_cmpuint(run.commits, ==, 0);
    g_assert_cmpuint(faults.sent, <=, one->writes);
}

/* Many accounts that are all on the same two lists. */
static void test_delete_members(void)
{
    g_autoptr(GPtrArray) many = g_ptr_array_new_with_free_func(g_free);
    g_auto(Run) run = {0};
    g_autoptr(GString) members = g_string_new("x@else.example");
    reset();
    for (guint i = 0; i < MANY; i++) {
        g_autofree char *row =
            g_strdup_printf("ADD FULL n%u@one.example PASSWORD={CRYPT}$6$x$y", i);
        add_operation(row);
        g_string_append_printf(members, ",n%u@one.example", i);
        g_ptr_array_add(many, g_strdup_printf("DELETE FULL n%u@one.example", i));
    }
    g_ptr_array_add(many, NULL);
    g_autofree char *first =
        g_strdup_printf("ADD LIST l1@one.example LIST_MEMBER=%s", members->str);
    g_autofree char *second =
        g_strdup_printf("ADD LIST l2@two.example LIST_MEMBER=%s", members->str);
    add_operation(first);
    add_operation(second);
    faults.sent = 0;
    run_start(&run, (const char *const *)many->pdata);
    run_whole(&run);
    g_assert_null(strstr(run.outcomes, "failed"));
    g_assert_cmpuint(run.changes, ==, 3 * MANY);
    g_assert_cmpuint(faults.sent, ==, 2 + MANY);
    g_assert_null(strstr(run.directory_after, "n7@one.example"));
    g_assert_nonnull(strstr(run.directory_after, HERE("l1") " batchloadmember: x@else.example"));
}

/* More than one request may have. */
static void test_size(void)
{
    g_autoptr(GPtrArray) many = g_ptr_array_new_with_free_func(g_free);
    g_auto(Run) run = {0};
    g_autofree char *label = g_strnfill(60, 'x');
    for (guint i = 0; i < 900; i++)
        g_ptr_array_add(
            many, g_strdup_printf("ADD LIST staff@one.example LIST_MEMBER=e%u@%s.%s.%s.example", i,
                                  label, label, label));
    g_ptr_array_add(many, NULL);
    model_run(&run, (const char *const *)many->pdata);
    g_assert_null(strstr(run.outcomes, "failed"));
    g_test_message("%u requests", faults.sent);
    g_assert_cmpuint(faults.sent, >=, 2);
    g_assert_cmpuint(faults.sent, <=, 4);
}

/* --- a row among them that the directory refuses --- */

/* Its outcome is its own, whatever goes with it. */
static void test_refused_alone(void)
{
    g_autoptr(GPtrArray) many = g_ptr_array_new_with_free_func(g_free);
    g_auto(Run) run = {0};
    for (guint i = 0; i < MANY; i++)
        g_ptr_array_add(
            many, i == 77 ? g_strdup("MODIFY LIST staff@one.example COUNTRYNAME=Germany")
                          : g_strdup_printf(
                                "ADD LIST staff@one.example LIST_MEMBER=e%u@else.example", i));
    g_ptr_array_add(many, NULL);
    model_run(&run, (const char *const *)many->pdata);
    g_auto(GStrv) lines = g_strsplit(run.outcomes, "\n", -1);
    for (guint i = 0; i < MANY; i++) {
        g_autofree char *good = g_strdup_printf("%u changed", i + 2);
        if (i == 77)
            g_assert_nonnull(strstr(lines[i], "79 failed The value "));
        else
            g_assert_cmpstr(lines[i], ==, good);
    }
    g_assert_cmpuint(run.changes, ==, MANY - 1);
    g_test_message("%u requests", faults.sent);
    g_assert_cmpuint(faults.sent, <=, 20);
}

/* What hangs on an entry keeps it from being deleted. */
static void hang_on(const char *dn)
{
    g_autofree char *below = g_strconcat("ou=below,", dn, NULL);
    Change *child = change_new(CHANGE_ADD, below);
    change_mod(child, MOD_ADD, "objectClass", "organizationalUnit");
    change_mod(child, MOD_ADD, "ou", "below");
    apply_change(child);
}

static void let_go(const char *dn)
{
    g_autofree char *below = g_strconcat("ou=below,", dn, NULL);
    apply_change(change_new(CHANGE_DELETE, below));
}

static void put_on(const char *list, const char *member)
{
    Change *change = change_new(CHANGE_MODIFY, list);
    change_mod(change, MOD_ADD, "batchloadMember", member);
    apply_change(change);
}

#define HANGS_ON                                                                                   \
    "failed Other things in the directory hang on this address, so it cannot be removed (the "     \
    "directory says: subordinate objects must be deleted first). It was taken off its lists "      \
    "before that.\n"

/* An address that can't be deleted is taken off its list together with others, which are. */
static void test_deletion_refused(void)
{
    static const char *const texts[] = {
        "DELETE FULL anna@one.example", "DELETE FULL ben@one.example",
        "DELETE FULL dora@one.example", "ADD LIST staff@one.example LIST_MEMBER=x@else.example",
        "DELETE FULL cleo@two.example", NULL};
    g_auto(Run) run = {0};
    reset();
    hang_on(HERE("ben"));
    put_on(HERE("staff"), "dora@one.example");
    put_on(HERE("staff"), "cleo@two.example");
    run_start(&run, texts);
    run_whole(&run);
    let_go(HERE("ben"));
    g_assert_cmpstr(run.outcomes, ==, "2 deleted\n3 " HANGS_ON "4 deleted\n5 changed\n6 deleted\n");
    g_assert_null(strstr(run.directory_after, HERE("anna")));
    g_assert_nonnull(strstr(run.directory_after, HERE("ben") " mail: ben@one.example"));
    g_assert_null(strstr(run.directory_after, "batchloadmember: ben@"));
    g_assert_null(strstr(run.directory_after, "batchloadmember: dora@"));
    g_assert_null(strstr(run.directory_after, HERE("dora")));
}

/* A list that can't be deleted has its members still: one that is deleted is taken off it, though
 * both were taken off another one together. */
static void test_list_deletion_refused(void)
{
    static const char *const texts[] = {"DELETE LIST staff@one.example",
                                        "DELETE FULL anna@one.example", NULL};
    g_auto(Run) run = {0};
    reset();
    hang_on(HERE("staff"));
    run_start(&run, texts);
    run_whole(&run);
    let_go(HERE("staff"));
    g_assert_cmpstr(run.outcomes, ==, "2 " HANGS_ON "3 deleted\n");
    g_assert_null(strstr(run.directory_after, "batchloadmember: anna@"));
    g_assert_nonnull(strstr(run.directory_after, HERE("staff") " batchloadmember: ben@"));
}

static void change_anna(void)
{
    replace_value(HERE("anna"), "title", "by hand");
}

/* That the rows are done which were taken along says nothing of a deletion that another writer came
 * before. */
static void test_deletion_disturbed(void)
{
    static const char *const texts[] = {
        "DELETE FULL anna@one.example", "DELETE LIST staff@one.example LIST_MEMBER=ben@one.example",
        "DELETE LIST all@two.example LIST_MEMBER=x@else.example", NULL};
    g_auto(Run) run = {0};
    reset();
    run_start(&run, texts);
    faults.sent = 0;
    faults.meddle = change_anna;
    faults.meddle_at = 2;
    run_whole(&run);
    g_assert_cmpstr(run.outcomes, ==, "2 deleted\n3 changed\n4 changed\n");
    g_assert_null(strstr(run.directory_after, HERE("anna")));
}

static void take_ben_off(void)
{
    Change *change = change_new(CHANGE_MODIFY, HERE("staff"));
    change_mod(change, MOD_DELETE, "batchloadMember", "ben@one.example");
    apply_change(change);
}

/* What was done of a row before it was planned anew is told, too. */
static void test_deletion_refused_anew(void)
{
    static const char *const texts[] = {"DELETE FULL ben@one.example", NULL};
    g_auto(Run) run = {0};
    reset();
    hang_on(HERE("ben"));
    put_on(THERE("all"), "ben@one.example");
    run_start(&run, texts);
    faults.sent = 0;
    faults.meddle = take_ben_off;
    faults.meddle_at = 1;
    run_whole(&run);
    let_go(HERE("ben"));
    g_assert_cmpstr(run.outcomes, ==, "2 " HANGS_ON);
    g_assert_cmpuint(run.changes, ==, 1);
}

/* --- what leads to an address --- */

static void add_alias(const char *dn, const char *address)
{
    Change *change = change_new(CHANGE_ADD, dn);
    change_mod(change, MOD_ADD, "objectClass", "inetOrgPerson");
    change_mod(change, MOD_ADD, "objectClass", "batchloadAlias");
    change_mod(change, MOD_ADD, "cn", "alias");
    change_mod(change, MOD_ADD, "sn", "alias");
    change_mod(change, MOD_ADD, "mail", address);
    change_mod(change, MOD_ADD, "batchloadTarget", "ben@one.example");
    apply_change(change);
}

static void delete_ben(void)
{
    apply_change(change_new(CHANGE_DELETE, HERE("ben")));
    replace_value(HERE("b2"), "title", "by hand");
    replace_value(HERE("staff"), "title", "by hand");
}

/* Somebody else deletes the account, and changes what leads to it: that goes all the same. */
static void test_aliases_renewed(void)
{
    static const char *const texts[] = {"DELETE FULL ben@one.example", NULL};
    g_auto(Run) run = {0};
    reset();
    add_alias(HERE("b2"), "b2@one.example");
    put_on(HERE("staff"), "b2@one.example");
    run_start(&run, texts);
    faults.sent = 0;
    faults.meddle = delete_ben;
    faults.meddle_at = 0;
    run_whole(&run);
    g_assert_cmpstr(run.outcomes, ==, "2 deleted\n");
    g_assert_null(strstr(run.directory_after, HERE("b2")));
    g_assert_null(strstr(run.directory_after, "batchloadmember: ben@"));
    g_assert_null(strstr(run.directory_after, "batchloadmember: b2@"));
}

static void delete_alias(void)
{
    apply_change(change_new(CHANGE_DELETE, HERE("b3")));
    replace_value(HERE("ben"), "description", "by hand");
}

/* An alias that is gone by somebody else's doing says nothing of the account's own change. */
static void test_modified_with_aliases(void)
{
    static const char *const texts[] = {"MODIFY FULL ben@one.example TITLE=Dr ALIAS=b2@one.example",
                                        NULL};
    g_auto(Run) run = {0};
    reset();
    add_alias(HERE("b2"), "b2@one.example");
    add_alias(HERE("b3"), "b3@one.example");
    run_start(&run, texts);
    faults.sent = 0;
    faults.meddle = delete_alias;
    faults.meddle_at = 0;
    run_whole(&run);
    g_assert_cmpstr(run.outcomes, ==, "2 changed\n");
    g_assert_nonnull(strstr(run.directory_after, HERE("ben") " title: Dr"));
    g_assert_nonnull(strstr(run.directory_after, HERE("b2")));
    g_assert_null(strstr(run.directory_after, HERE("b3")));
}

static void change_lists(void)
{
    replace_value(HERE("staff"), "title", "by hand");
    replace_value(THERE("all"), "title", "by hand");
    replace_value(HERE("ben"), "description", "by hand");
}

/* Before each write of a row that takes aliases away somebody else changes the account and the
 * lists that they are on: the aliases leave none behind. */
static void test_memberships_of_aliases(void)
{
    static const char *const texts[][2] = {
        {"DELETE FULL ben@one.example", NULL},
        {"MODIFY FULL ben@one.example TITLE=Dr ALIAS=~b2@one.example,b3@one.example", NULL},
        {"MODIFY FULL ben@one.example ALIAS=b4@one.example", NULL}};
    /* Beyond the last write there is none. */
    for (guint i = 0; i < 8 * G_N_ELEMENTS(texts); i++) {
        g_auto(Run) run = {0};
        reset();
        add_alias(HERE("b2"), "b2@one.example");
        add_alias(HERE("b3"), "b3@one.example");
        put_on(HERE("staff"), "b2@one.example");
        put_on(HERE("staff"), "b3@one.example");
        put_on(THERE("all"), "b3@one.example");
        run_start(&run, texts[i / 8]);
        faults.sent = 0;
        faults.meddle = change_lists;
        faults.meddle_at = i % 8;
        run_whole(&run);
        g_test_message("%s at %u: %s", texts[i / 8][0], i % 8, run.outcomes);
        g_assert_null(strstr(run.directory_after, HERE("b2")));
        g_assert_null(strstr(run.directory_after, "batchloadmember: b3@"));
        g_assert_null(strstr(run.directory_after, "batchloadmember: b2@"));
    }
}

/* --- cut off, and meddled with --- */

static void test_uninterrupted(void)
{
    g_auto(Run) run = {0};
    model_run(&run, texts());
    g_auto(GStrv) lines = g_strsplit(run.outcomes, "\n", -1);
    for (guint i = 0; i < ROWS; i++) {
        g_auto(GStrv) words = g_strsplit(lines[i], " ", 3);
        g_test_message("%s: %s", rows[i].row, lines[i]);
        g_assert_cmpstr(words[1], ==, rows[i].expected);
    }
    assert_as_one_by_one(&run, (char **)texts());
}

static void test_sweep(void)
{
    sweep(texts(), NULL, 0, 1);
}

static void test_sweep_repeatedly(void)
{
    sweep(texts(), NULL, 5, 2);
}

static void test_any_subset(void)
{
    any_subset(texts(), 40);
}

static void meddle(void)
{
    replace_value(HERE("staff"), "description", "by hand");
    replace_value(HERE("dora"), "description", "by hand");
    apply_change(change_new(CHANGE_DELETE, THERE("all")));
}

static void test_sweep_meddled(void)
{
    sweep(texts(), meddle, 0, 2);
}

static char *random_row(void)
{
    static const char *const users[] = {"anna@one.example", "ben@one.example", "dora@one.example",
                                        "emma@two.example"};
    static const char *const lists[] = {"staff@one.example", "staff@one.example", "all@two.example",
                                        "new@two.example"};
    static const char *const members[] = {"e1@else.example", "e2@else.example", "e3@else.example",
                                          "e4@else.example"};
    guint user = (guint)g_test_rand_int_range(0, 4), list = (guint)g_test_rand_int_range(0, 4),
          member = (guint)g_test_rand_int_range(0, 4);
    switch (g_test_rand_int_range(0, 14)) {
    case 0:
        return g_strdup_printf("ADD FULL %s PASSWORD={CRYPT}$6$x$y", users[user]);
    case 1:
    case 2:
        return g_strdup_printf("DELETE FULL %s", users[user]);
    case 3:
        return g_strdup_printf("MODIFY FULL %s TITLE=T%u", users[user], member);
    case 4:
        return g_strdup_printf("MODIFY FULL %s PHONE=12345%u", users[user], member);
    case 5:
        return g_strdup_printf("MODIFY FULL %s COUNTRYNAME=Germany", users[user]);
    case 6:
        return g_strdup_printf("MODIFY LIST %s DESCRIPTION=D%u", lists[list], member);
    case 7:
        return g_strdup_printf("MODIFY LIST %s COUNTRYNAME=Germany", lists[list]);
    case 8:
        return member == 3 ? g_strdup_printf("DELETE LIST %s", lists[list])
                           : g_strdup_printf("ADD LIST %s", lists[list]);
    case 9:
    case 10:
        return g_strdup_printf("DELETE LIST %s LIST_MEMBER=%s", lists[list], members[member]);
    case 11:
        return g_strdup_printf("ADD LIST %s LIST_MEMBER=%s", lists[list], users[user]);
    default:
        return g_strdup_printf("ADD LIST %s LIST_MEMBER=%s", lists[list], members[member]);
    }
}

/* What leads to accounts, and belongs to them. */
static char *random_other(void)
{
    static const char *const users[] = {"anna@one.example", "ben@one.example", "dora@one.example",
                                        "emma@two.example"};
    static const char *const others[] = {"o1@one.example", "o2@one.example", "o3@two.example",
                                         "staff@one.example"};
    guint user = (guint)g_test_rand_int_range(0, 4), which = (guint)g_test_rand_int_range(0, 4),
          third = (guint)g_test_rand_int_range(0, 4);
    switch (g_test_rand_int_range(0, 20)) {
    case 18:
    case 19:
        return g_strdup_printf("ADD LIST staff@one.example LIST_MEMBER=%s", others[which]);
    case 0:
        return g_strdup_printf("ADD FULL %s PASSWORD={CRYPT}$6$x$y ALIAS=%s", users[user],
                               others[which]);
    case 1:
    case 2:
        return g_strdup_printf("DELETE FULL %s", users[user]);
    case 3:
        return g_strdup_printf("MODIFY FULL %s TITLE=T%u ALIAS=%s,%s", users[user], third,
                               others[which], others[(which + 1) % 4]);
    case 4:
        return g_strdup_printf("MODIFY FULL %s ALIAS=%s", users[user], others[which]);
    case 5:
        return g_strdup_printf("MODIFY FULL %s MAILFORWARD=%s QUOTA=%u", users[user], others[which],
                               third + 1);
    case 6:
    case 7:
        return g_strdup_printf("ADD ALIAS %s TARGET=%s", others[which], users[user]);
    case 8:
        return g_strdup_printf("DELETE ALIAS %s", others[which]);
    case 9:
        return g_strdup_printf("ADD CATCHALL one.example TARGET=%s", users[user]);
    case 10:
        return g_strdup("DELETE CATCHALL one.example");
    case 11:
        return g_strdup_printf("ADD GROUP g@one.example MEMBER=%s,%s", users[user],
                               users[(user + 1) % 4]);
    case 12:
        return g_strdup_printf("DELETE GROUP g@one.example MEMBER=%s", users[user]);
    case 13:
        return g_strdup_printf("ADD DLIST d@two.example LIST_MEMBER=%s", others[which]);
    case 14:
        return third == 3 ? g_strdup("DELETE GROUP g@one.example")
                          : g_strdup_printf("ADD AUTORESPONDER %s MESSAGE=M%u", users[user], third);
    case 15:
        return g_strdup_printf("%s FULL %s", third > 1 ? "SUSPEND" : "RESUME", users[user]);
    case 16:
        return g_strdup_printf("%s SPAMFILTER two.example FILTER=DOMAIN:x%u.example",
                               third > 1 ? "ADD" : "DELETE", which);
    default:
        return g_strdup_printf("DELETE AUTORESPONDER %s", users[user]);
    }
}

static void test_filter_sweep(void)
{
    static const char *const texts[] = {
        "ADD SPAMFILTER two.example FILTER=DOMAIN:x3.example", "DELETE FULL emma@two.example",
        "DELETE SPAMFILTER two.example FILTER=DOMAIN:x3.example", NULL};
    sweep(texts, NULL, 0, 1);
    sweep(texts, NULL, 1, 1);
}

/* Who follows on a common list does not come before what the row before takes away. */
static void test_memberships_swept(void)
{
    static const char *const texts[] = {
        "MODIFY FULL ben@one.example ALIAS=b5@one.example,b6@one.example",
        "ADD LIST staff@one.example LIST_MEMBER=b5@one.example,b6@one.example",
        "MODIFY FULL ben@one.example ALIAS=b6@one.example", "DELETE FULL ben@one.example", NULL};
    sweep(texts, NULL, 0, 1);
    sweep(texts, NULL, 1, 1);
}

static void test_random_others(void)
{
    random_slices(random_other, g_test_thorough() ? 2000 : 60);
}

static void test_random(void)
{
    random_slices(random_row, g_test_thorough() ? 2000 : 60);
}

int main(int argc, char **argv)
{
    settle_begin(&argc, &argv, settle_slapd);
    for (guint i = 0; i < G_N_ELEMENTS(counts); i++) {
        g_autofree char *path = g_strdup_printf("/settle/R5.6/requests/%s", counts[i].name);
        g_test_add_data_func(path, &counts[i], test_count);
    }
    g_test_add_func("/settle/R5.6/requests/deleted-members", test_delete_members);
    g_test_add_func("/settle/R5.6/requests/size", test_size);
    g_test_add_func("/settle/R5.6/refused-alone", test_refused_alone);
    g_test_add_func("/settle/R5.6/deletion-refused", test_deletion_refused);
    g_test_add_func("/settle/R5.6/list-deletion-refused", test_list_deletion_refused);
    g_test_add_func("/settle/R5.6/deletion-disturbed", test_deletion_disturbed);
    g_test_add_func("/settle/R5.6/deletion-refused-anew", test_deletion_refused_anew);
    g_test_add_func("/settle/R8.12/aliases-renewed", test_aliases_renewed);
    g_test_add_func("/settle/R8.5/modified-with-aliases", test_modified_with_aliases);
    g_test_add_func("/settle/R8.12/memberships-of-aliases", test_memberships_of_aliases);
    g_test_add_func("/settle/R8.12/memberships-swept", test_memberships_swept);
    g_test_add_func("/settle/R5.6/uninterrupted", test_uninterrupted);
    g_test_add_func("/settle/R5.6/sweep", test_sweep);
    g_test_add_func("/settle/R5.6/sweep-repeatedly", test_sweep_repeatedly);
    g_test_add_func("/settle/R5.6/sweep-meddled", test_sweep_meddled);
    g_test_add_func("/settle/R5.6/any-subset", test_any_subset);
    g_test_add_func("/settle/R5.6/random", test_random);
    g_test_add_func("/settle/R8.22/sweep", test_filter_sweep);
    g_test_add_func("/settle/R8.1/random-others", test_random_others);
    return settle_end();
}
