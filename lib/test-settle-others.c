/* SPDX-License-Identifier: MIT */
#include "lib/settle-fixture.h"

#include <signal.h>
#include <string.h>

/* Another writer comes between, and the server dies or is silent. */

/* --- another writer --- */

static void meddle_edit(void)
{
    replace_value(HERE("anna"), "description", "by hand");
    replace_value(HERE("dora"), "title", "by hand");
    replace_value(HERE("staff"), "description", "by hand");
}

static void meddle_delete(void)
{
    apply_change(change_new(CHANGE_DELETE, HERE("anna")));
    apply_change(change_new(CHANGE_DELETE, THERE("all")));
}

static void meddle_add(void)
{
    add_operation("ADD FULL u1@one.example PASSWORD={CRYPT}$6$h$h TITLE=hand");
    add_operation("ADD FORWARD b2@one.example MAILFORWARD=z@else.example");
    add_operation("ADD LIST new@two.example LIST_MEMBER=z@else.example");
}

static void meddle_member(void)
{
    Change *change = change_new(CHANGE_MODIFY, THERE("all"));
    change_mod(change, MOD_ADD, "batchloadMember", "cleo@two.example");
    change_mod(change, MOD_DELETE, "batchloadMember", "x@else.example");
    apply_change(change);
}

/* Somebody edits every entry there is between the crash and the settling: what is done stays done,
 * what is not is planned anew, with the same outcomes and the same hashes. */
static void edit_all(void)
{
    g_autoptr(GPtrArray) entries = all_entries();
    for (guint i = 0; i < entries->len; i++)
        replace_value(((Entry *)entries->pdata[i])->dn, "description", "by hand");
}

static void test_edited_before_settling(void)
{
    g_auto(Run) model = {0};
    model_run(&model, mixed_rows());
    guint writes = faults.sent;
    g_autofree char *wanted = without_what_differs(model.directory_after);
    for (guint budget = 0; budget < writes; budget++) {
        g_auto(Run) run = {0};
        g_autoptr(GError) error = NULL;
        reset();
        run_start(&run, mixed_rows());
        faults.cut = budget % 2 ? CUT_AFTER : CUT_LOST;
        faults.budget = budget;
        g_assert_cmpint(run_attempt(&run, &error), ==, ANSWER_UNKNOWN);
        edit_all();
        run_whole(&run);
        g_autofree char *found = without_what_differs(run.directory_after);
        assert_same_lines(run.outcomes, model.outcomes);
        assert_same_lines(found, wanted);
    }
}

/* The same while a first attempt is under way, before each of its writes. */
static void test_edited_at_any_point(void)
{
    g_auto(Run) model = {0};
    model_run(&model, mixed_rows());
    guint writes = faults.sent;
    g_autofree char *wanted = without_what_differs(model.directory_after);
    for (guint at = 0; at < writes; at++) {
        g_auto(Run) run = {0};
        reset();
        run_start(&run, mixed_rows());
        faults.sent = 0;
        faults.meddle = edit_all;
        faults.meddle_at = at;
        run_whole(&run);
        faults.meddle = NULL;
        g_autofree char *found = without_what_differs(run.directory_after);
        assert_same_lines(run.outcomes, model.outcomes);
        assert_same_lines(found, wanted);
    }
}

/* The account is deleted, the answer lost, and its list made anew by somebody with it on. */
static void test_list_made_anew(void)
{
    static const char *const rows[] = {"DELETE FULL anna@one.example", NULL};
    g_auto(Run) run = {0};
    g_autoptr(GError) error = NULL;
    reset();
    run_start(&run, rows);
    faults.cut = CUT_AFTER;
    faults.budget = 3;
    g_assert_cmpint(run_attempt(&run, &error), ==, ANSWER_UNKNOWN);
    apply_change(change_new(CHANGE_DELETE, THERE("all")));
    apply_change(change_new(CHANGE_DELETE, HERE("staff")));
    add_operation("ADD LIST staff@one.example LIST_MEMBER=anna@one.example,ben@one.example");
    run_whole(&run);
    g_assert_cmpstr(run.outcomes, ==, "2 deleted\n");
    /* R5.5: the entry, by the plan before, and the list that came again. What was done to the lists
     * that are gone can't be seen any more. */
    g_assert_cmpuint(run.changes, ==, 2);
    g_assert_null(strstr(run.directory_after, "batchloadmember: anna@one"));
    g_assert_nonnull(strstr(run.directory_after, HERE("staff") " batchloadmember: ben@one"));
}

static void test_other_writer(gconstpointer data)
{
    void (*meddle)(void) = (void (*)(void))data;
    sweep(mixed_rows(), meddle, 0, 3);
}

typedef struct {
    const char *name;
    void (*meddle)(void);
    const char *rows[8];
    const char *outcomes; /* as many lines as rows */
    const char *holds;    /* a line of the directory afterwards, or NULL */
} Case;

static const Case cases[] = {
    {"edited-between-is-planned-anew",
     meddle_edit,
     {"MODIFY FULL anna@one.example TITLE=Dr"},
     "2 changed\n",
     HERE("anna") " description: by hand"},
    {"made-between-is-taken",
     meddle_add,
     {"ADD FULL u1@one.example PASSWORD=s", "MODIFY FULL u1@one.example TITLE=Dr"},
     "2 failed The address u1@one.example is taken: there is a mailbox with it already.\n"
     "3 changed\n",
     HERE("u1") " userpassword: {CRYPT}$6$h$h"},
    {"list-made-between-gets-the-members",
     meddle_add,
     {"ADD LIST new@two.example LIST_MEMBER=anna@one.example"},
     "2 changed\n",
     THERE("new") " batchloadmember: z@else.example"},
    {"deleted-between-is-not-there",
     meddle_delete,
     {"MODIFY FULL anna@one.example TITLE=Dr"},
     "2 failed There is no mailbox with the address anna@one.example.\n",
     NULL},
    {"deleted-between-delete-is-done",
     meddle_delete,
     {"DELETE LIST all@two.example"},
     "2 deleted\n",
     NULL},
    {"list-deleted-between",
     meddle_delete,
     {"DELETE FULL anna@one.example"},
     "2 deleted\n",
     HERE("staff") " batchloadmember: ben@one.example"},
    {"member-put-between",
     meddle_member,
     {"ADD LIST all@two.example LIST_MEMBER=cleo@two.example,ben@one.example",
      "DELETE LIST all@two.example LIST_MEMBER=x@else.example",
      "ADD LIST all@two.example LIST_MEMBER=dora@one.example"},
     "2 changed\n3 unchanged None of these members is on the list.\n4 changed\n",
     THERE("all") " batchloadmember: dora@one.example"},
};

static void test_meddle(gconstpointer data)
{
    const Case *one = data;
    g_auto(Run) run = {0};
    faults.meddle = one->meddle;
    faults.meddle_at = 0;
    model_run(&run, one->rows);
    g_assert_cmpstr(run.outcomes, ==, one->outcomes);
    if (one->holds)
        g_assert_nonnull(strstr(run.directory_after, one->holds));
    sweep(one->rows, one->meddle, 0, 1);
}

/* Somebody writes the entry again each time before we do. */
static void meddle_again(void)
{
    g_autofree char *title = g_strdup_printf("by hand %u", faults.sent);
    replace_value(HERE("anna"), "title", title);
    faults.meddle = meddle_again;
    faults.meddle_at = faults.sent + 1;
}

static void test_chased(void)
{
    static const char *const rows[] = {"MODIFY FULL anna@one.example DESCRIPTION=ours", NULL};
    g_auto(Run) run = {0};
    reset();
    run_start(&run, rows);
    faults.sent = 0;
    faults.meddle = meddle_again;
    faults.meddle_at = 0;
    run_whole(&run);
    faults.meddle = NULL;
    g_assert_cmpstr(run.outcomes, ==,
                    "2 failed This address was changed by somebody else meanwhile.\n");
    g_assert_cmpuint(run.commits, ==, SETTLE_REPLANS_MAX + 1);
    g_assert_null(strstr(run.directory_after, "ours"));
}

/* A new plan that could not be committed is not sent. */
static bool commit_fails(gpointer data, GPtrArray *rows, GError **error)
{
    (void)data;
    (void)rows;
    g_set_error_literal(error, DIRECTORY_ERROR, DIRECTORY_ERROR_AWAY, "the disk is full");
    return false;
}

static void test_uncommitted_is_not_sent(void)
{
    static const char *const texts[] = {"MODIFY FULL anna@one.example DESCRIPTION=ours", NULL};
    g_auto(Run) run = {0};
    g_autoptr(GError) error = NULL;
    reset();
    run_start(&run, texts);
    meddle_edit();
    g_autofree char *before = dump(run.names);
    g_autoptr(GPtrArray) rows = planned_rows_from_variant(run.stored);
    bool deviated = false;
    Settle settle = {&run.context, run.operations, commit_fails, NULL, false, &deviated};
    g_assert_cmpint(settle_rows(&settle, rows, &error), ==, ANSWER_UNKNOWN);
    g_assert_nonnull(error);
    g_autofree char *after = dump(run.names);
    assert_same_lines(after, before);
}

/* --- the server dies, or is silent --- */

static void meddle_kill(void)
{
    slapd_fixture_kill(fixture);
}

static void test_killed(void)
{
    g_auto(Run) model = {0};
    model_run(&model, mixed_rows());
    guint writes = faults.sent;
    for (guint at = 0; at < writes; at += 3) {
        g_auto(Run) run = {0};
        g_autoptr(GError) error = NULL;
        reset();
        run_start(&run, mixed_rows());
        faults.sent = 0;
        faults.meddle = meddle_kill;
        faults.meddle_at = at;
        g_assert_cmpint(run_attempt(&run, &error), ==, ANSWER_UNKNOWN);
        g_assert_nonnull(error);
        g_clear_error(&error);
        g_assert_cmpint(run_attempt(&run, &error), ==, ANSWER_UNKNOWN);
        slapd_fixture_restart(fixture);
        run_whole(&run);
        assert_same(&run, &model);
    }
}

/* Many writes in flight when the server is killed: what is answered stays, the rest is found
 * out. */
#define MANY 300
static const char *const *many_rows(void)
{
    static char *rows[MANY + 1];
    for (guint i = 0; i < MANY && !rows[MANY - 1]; i++)
        rows[i] = i % 3 == 0 ? g_strdup_printf("ADD FULL m%u@one.example PASSWORD={CRYPT}$6$x$y", i)
                  : i % 3 == 1
                      ? g_strdup_printf("MODIFY FULL m%u@one.example TITLE=T%u", i - 1, i)
                      : g_strdup_printf(i % 2 ? "DELETE FULL m%u@one.example"
                                              : "ADD FULL m%u@one.example PASSWORD={CRYPT}$6$x$z",
                                        i - 2);
    return (const char *const *)rows;
}

static gpointer kill_later(gpointer data)
{
    g_usleep(GPOINTER_TO_UINT(data));
    kill(fixture->pid, SIGKILL);
    return NULL;
}

static void test_killed_in_flight(void)
{
    g_auto(Run) model = {0};
    model_run(&model, many_rows());
    for (guint round = 0; round < 12; round++) {
        g_auto(Run) run = {0};
        g_autoptr(GError) error = NULL;
        reset();
        run_start(&run, many_rows());
        faults.sent = 0;
        /* Not to wait for anything: the fault comes at some moment of the writing. */
        GThread *killer = g_thread_new("killer", kill_later, GUINT_TO_POINTER(2000 + round * 4000));
        /* The kill may come after the last write: nothing else may ask the server before it. */
        Answer answer = run_settle(&run, &error);
        g_thread_join(killer);
        g_test_message("round %u: %s", round, answer == ANSWER_YES ? "was done" : error->message);
        slapd_fixture_kill(fixture);
        slapd_fixture_restart(fixture);
        run_whole(&run);
        assert_same(&run, &model);
    }
}

static void meddle_stop(void)
{
    kill(fixture->pid, SIGSTOP);
}

/* The server says nothing for longer than we wait, and goes on with what it was sent. */
static void test_silent(void)
{
    unsigned seconds = fixture->settings.answer_seconds;
    g_auto(Run) model = {0};
    model_run(&model, mixed_rows());
    static const guint at[] = {0, 5, 30};
    for (guint i = 0; i < G_N_ELEMENTS(at); i++) {
        g_auto(Run) run = {0};
        g_autoptr(GError) error = NULL;
        reset();
        fixture->settings.answer_seconds = 1;
        run_start(&run, mixed_rows());
        faults.sent = 0;
        faults.meddle = meddle_stop;
        faults.meddle_at = at[i];
        Answer answer = run_attempt(&run, &error);
        kill(fixture->pid, SIGCONT);
        fixture->settings.answer_seconds = seconds;
        g_assert_cmpint(answer, ==, ANSWER_UNKNOWN);
        run_whole(&run);
        assert_same(&run, &model);
    }
}

int main(int argc, char **argv)
{
    settle_begin(&argc, &argv, settle_slapd);
    for (guint i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autofree char *path = g_strdup_printf("/settle/between/%s", cases[i].name);
        g_test_add_data_func(path, &cases[i], test_meddle);
    }
    g_test_add_data_func("/settle/sweep-edited", (gconstpointer)meddle_edit, test_other_writer);
    g_test_add_data_func("/settle/sweep-added", (gconstpointer)meddle_add, test_other_writer);
    g_test_add_data_func("/settle/sweep-member", (gconstpointer)meddle_member, test_other_writer);
    g_test_add_func("/settle/edited-before-settling", test_edited_before_settling);
    g_test_add_func("/settle/edited-at-any-point", test_edited_at_any_point);
    g_test_add_func("/settle/list-made-anew", test_list_made_anew);
    g_test_add_func("/settle/chased", test_chased);
    g_test_add_func("/settle/uncommitted-is-not-sent", test_uncommitted_is_not_sent);
    g_test_add_func("/settle/killed", test_killed);
    g_test_add_func("/settle/killed-in-flight", test_killed_in_flight);
    g_test_add_func("/settle/silent", test_silent);
    return settle_end();
}
