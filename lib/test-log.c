/* SPDX-License-Identifier: MIT */
#include "lib/log.h"

#include <glib/gstdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static void test_value(void)
{
    static const struct {
        const char *text, *value;
    } rows[] = {
        {NULL, "-"},
        {"-", "\"-\""},
        {"", "\"\""},
        {"anna@example.com", "anna@example.com"},
        {"a=b", "a=b"},
        {"a b", "\"a b\""},
        {"a\"b", "\"a\\\"b\""},
        {"a\\b", "\"a\\\\b\""},
        {"a\r\nNov 21 forged", "\"a??Nov 21 forged\""},
        {"M\xc3\xbcller", "M\xc3\xbcller"},
        {"a\xff", "a?"},
    };
    g_autofree char *big = g_strnfill(100000, 'a'), *cut = log_value(big);

    for (gsize i = 0; i < G_N_ELEMENTS(rows); i++) {
        g_autofree char *value = log_value(rows[i].text);
        g_assert_cmpstr(value, ==, rows[i].value);
    }
    g_assert_cmpuint(strlen(cut), ==, 200);
}

/* The lines of a child that logs to where: its standard error or the file. */
static void child(const char *path)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *big = g_strnfill(10000, 'b');

    g_assert_true(
        log_open(path != NULL ? LOG_TO_FILE : LOG_TO_STDERR, "batchload-milter", path, &error));
    g_assert_no_error(error);
    log_line(LOG_LEVEL_INFO, "4ABC", "job=%s rows=%d", "1", 7);
    log_line(LOG_LEVEL_WARNING, NULL, "a\r\nb\tc\xff");
    log_line(LOG_LEVEL_ERROR, "4ABD", "%s", big);
    log_line(LOG_LEVEL_DEBUG, NULL, "never");
}

static void check_lines(const char *text, const char *head)
{
    g_auto(GStrv) lines = g_strsplit(text, "\n", -1);
    const char *expected[] = {"4ABC: job=1 rows=7", "warning: a??b?c?", "4ABD: error: bbbb"};

    g_assert_cmpuint(g_strv_length(lines), ==, 4);
    g_assert_cmpstr(lines[3], ==, "");
    for (int i = 0; i < 3; i++) {
        g_autofree char *pattern =
            g_strdup_printf("^%sbatchload-milter\\[[0-9]+\\]: %s", head, expected[i]);
        g_autofree char *escaped = g_strdelimit(g_strdup(pattern), "?", '.');
        g_test_message("%s", lines[i]);
        g_assert_true(g_regex_match_simple(escaped, lines[i], 0, 0));
    }
    g_assert_cmpuint(strlen(lines[2]), >=, LOG_LINE_MAX);
    g_assert_cmpuint(strlen(lines[2]), <=, LOG_LINE_MAX + 300);
}

/* Postfix's shape, one line whatever the value is. */
static void test_stderr(void)
{
    g_autofree char *program = g_test_build_filename(G_TEST_BUILT, "test-log", NULL);
    const char *argv[] = {program, "-child", NULL};
    g_autofree char *text = NULL;
    g_autoptr(GError) error = NULL;

    g_assert_true(g_spawn_sync(NULL, (char **)argv, NULL, G_SPAWN_STDOUT_TO_DEV_NULL, NULL, NULL,
                               NULL, &text, NULL, &error));
    g_assert_no_error(error);
    check_lines(text, "");
}

static void test_file(void)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *folder = g_dir_make_tmp("log-XXXXXX", &error);
    g_autofree char *path = g_build_filename(folder, "log", NULL);
    g_autofree char *text = NULL;
    GStatBuf st;

    child(path);
    g_assert_true(g_file_get_contents(path, &text, NULL, &error));
    check_lines(text, "[A-Z][a-z]{2} [ 0-9]\\d \\d\\d:\\d\\d:\\d\\d \\S+ ");
    g_assert_cmpint(g_stat(path, &st), ==, 0);
    g_assert_cmpuint(st.st_mode & 0007, ==, 0);
    g_unlink(path);
    g_rmdir(folder);
    g_assert_false(log_open(LOG_TO_FILE, "x", path, &error));
    g_assert_error(error, G_FILE_ERROR, G_FILE_ERROR_NOENT);
}

static unsigned lines_of(const char *path)
{
    g_autofree char *text = NULL;
    if (!g_file_get_contents(path, &text, NULL, NULL))
        return 0;
    unsigned count = 0;
    for (const char *at = text; *at != '\0'; at++)
        count += *at == '\n';
    return count;
}

static int mode_of(const char *path)
{
    struct stat status;
    g_assert_cmpint(stat(path, &status), ==, 0);
    return status.st_mode & 0777;
}

static gpointer write_lines(gpointer data G_GNUC_UNUSED)
{
    for (unsigned i = 0; i < 1000; i++)
        log_line(LOG_LEVEL_INFO, NULL, "line %u", i);
    return NULL;
}

/* Renamed files are left behind, without a lost line; a file that is in its place stays, and one
 * that can't be opened leaves the old one in use. */
static void test_reopen(void)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *folder = g_dir_make_tmp("log-XXXXXX", &error);
    g_autofree char *path = g_build_filename(folder, "sub", "log", NULL);
    g_autofree char *sub = g_path_get_dirname(path);
    g_autofree char *old = g_strconcat(path, ".1", NULL), *gone = g_strconcat(sub, ".1", NULL);
    g_assert_cmpint(g_mkdir(sub, 0700), ==, 0);
    g_assert_true(log_open(LOG_TO_FILE, "test-log", path, &error));
    g_assert_true(log_reopen(&error));
    GThread *thread = g_thread_new("writer", write_lines, NULL);
    g_assert_cmpint(g_rename(path, old), ==, 0);
    mode_t mask = umask(077); /* as a daemon has it by then */
    g_assert_true(log_reopen(&error));
    umask(mask);
    g_assert_no_error(error);
    g_thread_join(thread);
    g_assert_cmpuint(lines_of(old) + lines_of(path), ==, 1000);
    log_line(LOG_LEVEL_INFO, NULL, "the last one");
    g_assert_cmpuint(lines_of(old) + lines_of(path), ==, 1001);
    g_assert_cmpuint(lines_of(path), >=, 1);
    g_assert_cmpint(mode_of(path), ==, mode_of(old));

    g_assert_cmpint(g_rename(sub, gone), ==, 0);
    g_assert_false(log_reopen(&error));
    g_assert_error(error, G_FILE_ERROR, G_FILE_ERROR_NOENT);
    g_autofree char *moved = g_build_filename(gone, "log", NULL);
    g_autofree char *moved_old = g_build_filename(gone, "log.1", NULL);
    unsigned before = lines_of(moved);
    log_line(LOG_LEVEL_INFO, NULL, "still here");
    g_assert_cmpuint(lines_of(moved), ==, before + 1);
    g_unlink(moved);
    g_unlink(moved_old);
    g_rmdir(gone);
    g_rmdir(folder);
    g_assert_true(log_open(LOG_TO_STDERR, "test-log", NULL, NULL));
    g_assert_true(log_reopen(NULL));
}

int main(int argc, char **argv)
{
    if (argc > 1 && strcmp(argv[1], "-child") == 0) {
        child(NULL);
        return 0;
    }
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/log/value", test_value);
    g_test_add_func("/log/stderr", test_stderr);
    g_test_add_func("/log/file", test_file);
    g_test_add_func("/log/reopen", test_reopen);
    return g_test_run();
}
