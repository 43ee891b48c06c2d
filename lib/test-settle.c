/* SPDX-License-Identifier: MIT */
#include "lib/settle-fixture.h"

#include <string.h>

/* Slices cut off anywhere, and carried out in any order that one connection allows. */

static void test_uninterrupted(void)
{
    g_auto(Run) run = {0};
    model_run(&run, mixed_rows());
    g_auto(GStrv) lines = g_strsplit(run.outcomes, "\n", -1);
    for (guint i = 0; i < MIXED; i++) {
        g_auto(GStrv) words = g_strsplit(lines[i], " ", 3);
        g_test_message("%s: %s", mixed[i].row, lines[i]);
        g_assert_cmpstr(words[1], ==, mixed[i].expected);
    }
    g_assert_nonnull(strstr(run.outcomes, "There is no address bad@one.example"));
    g_assert_nonnull(
        strstr(run.directory_after, HERE("u1") " batchloadmailboxid: mailbox of row 6"));
    g_assert_nonnull(strstr(run.directory_after, HERE("u1") " userpassword: hash of row 6"));
    g_assert_nonnull(strstr(run.directory_after, HERE("anna") " userpassword: hash of row 24"));
    g_assert_nonnull(strstr(run.directory_after, THERE("emma") " userpassword: hash of row 44"));
    g_assert_null(strstr(run.directory_after, "ben@one.example"));
}

/* Settling what is done all through does nothing, and tells the same. */
static void test_settle_all_done(void)
{
    g_auto(Run) run = {0};
    model_run(&run, mixed_rows());
    g_autofree char *outcomes = g_strdup(run.outcomes);
    g_autofree char *after = g_strdup(run.directory_after);
    run_whole(&run);
    assert_same_lines(run.outcomes, outcomes);
    assert_same_lines(run.directory_after, after);
}

static void test_sweep(void)
{
    sweep(mixed_rows(), NULL, 0, 1);
}

/* Crashes again and again, a few writes further each time. */
static void test_sweep_repeatedly(void)
{
    sweep(mixed_rows(), NULL, 7, 3);
}

static void test_any_subset(void)
{
    any_subset(mixed_rows(), 40);
}

/* --- slices of any rows, cut off anywhere --- */

static char *random_row(void)
{
    static const char *const users[] = {"anna@one.example", "ben@one.example",   "u1@one.example",
                                        "info@one.example", "staff@one.example", "all@two.example",
                                        "new@two.example"};
    static const char *const rows[] = {
        "ADD FULL %s PASSWORD={CRYPT}$6$x$y",
        "ADD FULL %s PASSWORD={CRYPT}$6$x$y COUNTRYNAME=Germany",
        "MODIFY FULL %s TITLE=T%s",
        "MODIFY FULL %s COUNTRYNAME=Germany",
        "DELETE FULL %s",
        "DELETE FULL %s",
        "ADD FORWARD %s MAILFORWARD=%s",
        "MODIFY FORWARD %s MAILFORWARD=%s",
        "DELETE FORWARD %s",
        "ADD LIST %s LIST_MEMBER=%s",
        "ADD LIST %s LIST_MEMBER=%s",
        "DELETE LIST %s LIST_MEMBER=%s",
        "DELETE LIST %s",
    };
    const char *row = rows[g_test_rand_int_range(0, G_N_ELEMENTS(rows))];
    const char *own = users[g_test_rand_int_range(0, G_N_ELEMENTS(users))];
    const char *named = users[g_test_rand_int_range(0, G_N_ELEMENTS(users))];
    g_auto(GStrv) parts = g_strsplit(row, "%s", -1);
    return g_strconcat(parts[0], own, parts[1], parts[2] ? named : NULL, NULL);
}

static void test_random_slices(void)
{
    random_slices(random_row, g_test_thorough() ? 2000 : 60);
}

/* --- rows that rely on one another --- */

/* 40 rows on one list, and as many on one address that is refused each time. */
static void test_many_on_one(void)
{
    g_autoptr(GPtrArray) texts = g_ptr_array_new_with_free_func(g_free);
    for (guint i = 0; i < 40; i++) {
        g_ptr_array_add(
            texts, g_strdup_printf("ADD LIST staff@one.example LIST_MEMBER=e%u@else.example", i));
        g_ptr_array_add(texts, g_strdup("ADD FULL bad@one.example PASSWORD={CRYPT}$6$x$y "
                                        "COUNTRYNAME=Germany"));
    }
    g_ptr_array_add(texts, NULL);
    g_auto(Run) run = {0};
    model_run(&run, (const char *const *)texts->pdata);
    g_auto(GStrv) lines = g_strsplit(run.outcomes, "\n", -1);
    for (guint i = 0; i < 80; i++) {
        g_assert_nonnull(strstr(lines[i], i % 2 ? " failed " : " changed"));
        g_assert_null(strstr(lines[i], "meanwhile"));
        g_assert_null(strstr(lines[i], "taken"));
    }
}

/* The directory refuses the third line's value, so the rows that counted on it end otherwise than
 * they were planned: a forward that failed is made. What became of it counts for the last row, too.
 */
static void test_on_the_failed(void)
{
    static const char *const texts[] = {
        "ADD FULL u1@one.example PASSWORD={CRYPT}$6$x$y",
        "ADD FULL new@two.example PASSWORD={CRYPT}$6$x$y COUNTRYNAME=Germany",
        "DELETE FULL u1@one.example",
        "ADD FORWARD new@two.example MAILFORWARD=all@two.example",
        "DELETE FULL new@two.example",
        "ADD FORWARD u1@one.example MAILFORWARD=new@two.example",
        "DELETE FORWARD u1@one.example",
        NULL,
    };
    g_auto(Run) run = {0};
    model_run(&run, texts);
    g_auto(GStrv) lines = g_strsplit(run.outcomes, "\n", -1);
    g_assert_cmpstr(lines[5], ==, "7 created");
    g_assert_cmpstr(lines[6], ==, "8 deleted");
}

int main(int argc, char **argv)
{
    settle_begin(&argc, &argv, settle_slapd);
    g_test_add_func("/settle/uninterrupted", test_uninterrupted);
    g_test_add_func("/settle/all-done", test_settle_all_done);
    g_test_add_func("/settle/sweep", test_sweep);
    g_test_add_func("/settle/sweep-repeatedly", test_sweep_repeatedly);
    g_test_add_func("/settle/any-subset", test_any_subset);
    g_test_add_func("/settle/random-slices", test_random_slices);
    g_test_add_func("/settle/many-on-one", test_many_on_one);
    g_test_add_func("/settle/on-the-failed", test_on_the_failed);
    return settle_end();
}
