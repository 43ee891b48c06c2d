/* SPDX-License-Identifier: MIT */
#include "policy/map-fixture.h"
#include <gio/gio.h>
#include <glib/gstdio.h>
#include <string.h>
#include <utime.h>

void map_fixture_set_up(MapFixture *fixture, gconstpointer data)
{
    (void)data;
    fixture->folder = g_dir_make_tmp("batchload-map-XXXXXX", NULL);
    g_assert_nonnull(fixture->folder);
    fixture->file = g_build_filename(fixture->folder, "table", NULL);
    g_autofree char *main_cf = g_build_filename(fixture->folder, "main.cf", NULL);
    g_assert_true(g_file_set_contents(main_cf,
                                      "compatibility_level = 3.6\nmyhostname = test.example.com\n"
                                      "meta_directory = /etc/postfix\n",
                                      -1, NULL));
    /* Postfix waits until what it reads has not just been written. */
    struct utimbuf long_ago = {1, 1};
    g_assert_cmpint(g_utime(main_cf, &long_ago), ==, 0);
    fixture->postmap = g_find_program_in_path("postmap");
    if (fixture->postmap == NULL && g_file_test("/usr/sbin/postmap", G_FILE_TEST_IS_EXECUTABLE))
        fixture->postmap = g_strdup("/usr/sbin/postmap");
}

void map_fixture_tear_down(MapFixture *fixture, gconstpointer data)
{
    (void)data;
    g_autoptr(GDir) files = g_dir_open(fixture->folder, 0, NULL);
    const char *name;
    while ((name = g_dir_read_name(files)) != NULL) {
        g_autofree char *path = g_build_filename(fixture->folder, name, NULL);
        g_unlink(path);
    }
    g_rmdir(fixture->folder);
    g_free(fixture->folder);
    g_free(fixture->file);
    g_free(fixture->postmap);
}

bool map_fixture_has_postmap(const MapFixture *fixture)
{
    if (fixture->postmap == NULL)
        g_test_skip("postmap is not installed");
    return fixture->postmap != NULL;
}

void map_said_clear(MapSaid *said)
{
    g_clear_pointer(&said->value, g_free);
}

static char *as_text(GBytes *bytes)
{
    gsize size = 0;
    const char *data = g_bytes_get_data(bytes, &size);
    return size > 0 ? g_strndup(data, size) : g_strdup("");
}

gpointer map_fixture_ask(const MapFixture *fixture, const char *spec, const char *key)
{
    g_autoptr(GError) error = NULL;
    GSubprocess *postmap =
        g_subprocess_new(G_SUBPROCESS_FLAGS_STDIN_PIPE | G_SUBPROCESS_FLAGS_STDOUT_PIPE |
                             G_SUBPROCESS_FLAGS_STDERR_PIPE,
                         &error, fixture->postmap, "-c", fixture->folder, "-q", key, spec, NULL);
    g_assert_no_error(error);
    return postmap;
}

/* Standard output; *found whether it ended well, *wrong whether by an error. */
static char *finish(gpointer asked, const char *input, bool *found, bool *wrong)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(GSubprocess) postmap = asked;
    g_autoptr(GBytes) in = g_bytes_new(input, strlen(input)), out = NULL, err = NULL;
    g_assert_true(g_subprocess_communicate(postmap, in, NULL, &out, &err, &error));
    g_assert_no_error(error);
    g_autofree char *words = as_text(err);
    *found = g_subprocess_get_successful(postmap);
    /* It warns of an empty value, and gives it; whoever asks by it for mail calls it an error. */
    *wrong = strstr(words, "fatal:") != NULL || strstr(words, "empty string result") != NULL;
    return as_text(out);
}

MapSaid map_fixture_answer(gpointer asked)
{
    MapSaid said = {NULL, false};
    bool found = false;
    g_autofree char *out = finish(asked, "", &found, &said.wrong);
    if (found && !said.wrong) {
        g_assert_true(g_str_has_suffix(out, "\n"));
        said.value = g_strndup(out, strlen(out) - 1);
    }
    return said;
}

char *map_fixture_postmap_all(const MapFixture *fixture, const char *spec, const char *const *keys,
                              bool *wrong)
{
    g_autofree char *lines = g_strjoinv("\n", (char **)keys);
    g_autofree char *input = g_strconcat(lines, "\n", NULL);
    bool found = false;
    g_autofree char *out = finish(map_fixture_ask(fixture, spec, "-"), input, &found, wrong);
    /* without the empty ones */
    g_auto(GStrv) each = g_strsplit(out, "\n", -1);
    GString *given = g_string_new(NULL);
    for (char **line = each; *line != NULL; line++)
        if (**line != '\0' && !g_str_has_suffix(*line, "\t"))
            g_string_append_printf(given, "%s\n", *line);
    return g_string_free(given, FALSE);
}

MapSaid map_fixture_ours(Map *map, const char *key)
{
    MapSaid said = {NULL, map == NULL};
    g_autoptr(GError) error = NULL;
    if (map == NULL)
        return said;
    Answer answer = map_lookup(map, key, &said.value, &error);
    g_assert_true((answer == ANSWER_UNKNOWN) == (error != NULL));
    g_assert_true((answer == ANSWER_YES) == (said.value != NULL));
    if (error != NULL)
        g_assert_error(error, MAP_ERROR, MAP_ERROR_FAILED);
    said.wrong = answer == ANSWER_UNKNOWN;
    return said;
}

char *map_fixture_ours_all(Map *map, const char *const *keys, bool *wrong)
{
    GString *out = g_string_new(NULL);
    *wrong = map == NULL;
    for (; map != NULL && *keys != NULL; keys++) {
        g_auto(MapSaid) said = map_fixture_ours(map, *keys);
        if (said.wrong)
            *wrong = true;
        if (said.value != NULL)
            g_string_append_printf(out, "%s\t%s\n", *keys, said.value);
    }
    return g_string_free(out, FALSE);
}

void map_fixture_write(const MapFixture *fixture, const char *text, gssize size)
{
    g_assert_true(g_file_set_contents(fixture->file, text, size, NULL));
}
