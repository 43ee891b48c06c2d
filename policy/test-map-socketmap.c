/* SPDX-License-Identifier: MIT */
#include "policy/map-fixture.h"
#include "policy/socketmap.h"
#include <gio/gio.h>
#include <glib/gstdio.h>
#include <string.h>

/* Against tests/socketmap-server.py; what postmap(1) says of the same server and key. */

typedef struct {
    MapFixture files; /* its file is the server's table */
    GSubprocess *process;
    char *socket, *spec, *inet_spec;
} Fixture;

static const char table[] =
    "{\"plain\": \"OK value\","
    "\"MiXed@Example.COM\": \"OK as it came\","
    "\"spaces\": \"OK  two  words \","
    "\"empty\": \"OK \","
    "\"lower\": \"ok value\","
    "\"longer\": \"OKAY value\","
    "\"tab\": \"OK\\tvalue\","
    "\"lines\": \"OK one\\ntwo\","
    "\"utf8\": \"OK caf\\u00e9\","
    "\"latin\": [{\"raw\": \"4:OK \\u00e9,\"}],"
    "\"no\": \"NOTFOUND \","
    "\"no, bare\": \"NOTFOUND\","
    "\"no, why\": \"NOTFOUND here\","
    "\"no, longer\": \"NOTFOUNDATALL \","
    "\"no, shorter\": \"NO \","
    "\"temp\": \"TEMP secret words\","
    "\"timeout\": \"TIMEOUT secret words\","
    "\"perm\": \"PERM secret words\","
    "\"perm, bare\": \"PERM\","
    "\"nothing\": \"\","
    "\"blank\": \" \","
    "\"other\": \"MAYBE value\","
    "\"zero first\": [{\"raw\": \"08:OK value,\"}],"
    "\"no number\": [{\"raw\": \":OK value,\"}],"
    "\"blank number\": [{\"raw\": \" 8:OK value,\"}],"
    "\"signed number\": [{\"raw\": \"+8:OK value,\"}],"
    "\"negative number\": [{\"raw\": \"-8:OK value,\"}],"
    "\"hexadecimal\": [{\"raw\": \"0x8:OK value,\"}],"
    "\"no comma\": [{\"raw\": \"8:OK value;\"}],"
    "\"too short\": [{\"raw\": \"7:OK value,\"}],"
    "\"too long\": [{\"raw\": \"9:OK value,\"}, {\"close\": true}],"
    "\"no frame\": [{\"raw\": \"OK value\\n\"}],"
    "\"huge\": [{\"raw\": \"999999999999999:\"}],"
    "\"largest\": [{\"raw\": \"100000:OK \"}, {\"much\": 99997}, {\"raw\": \",\"}],"
    "\"larger\": [{\"raw\": \"100001:OK \"}, {\"much\": 99998}, {\"raw\": \",\"}],"
    "\"pieces\": [{\"slowly\": \"OK in pieces\"}],"
    "\"two at once\": [{\"raw\": \"8:OK value,8:OK other,\"}],"
    "\"closes\": [{\"close\": true}],"
    "\"closes in between\": [{\"raw\": \"8:OK va\"}, {\"close\": true}],"
    "\"closes once\": [{\"first\": [{\"close\": true}]}, {\"reply\": \"OK again\"}],"
    "\"closes behind\": [{\"reply\": \"OK and closes\"}, {\"close\": true}],"
    "\"connections\": [{\"connections\": true}],"
    "\"no value\": \"OK\","
    "\"nul\": [{\"raw\": \"6:OK a\\u0000b,\"}],"
    "\"ten digits\": [{\"raw\": \"0000000008:OK value,\"}]"
    "}";

static const char *const keys[] = {
    "plain",
    "PLAIN",
    "MiXed@Example.COM",
    "mixed@example.com",
    "spaces",
    "empty",
    "lower",
    "longer",
    "tab",
    "lines",
    "utf8",
    "latin",
    "no",
    "no, bare",
    "no, why",
    "no, longer",
    "no, shorter",
    "unknown",
    "temp",
    "timeout",
    "perm",
    "perm, bare",
    "nothing",
    "blank",
    "other",
    "zero first",
    "no number",
    "signed number",
    "negative number",
    "hexadecimal",
    "blank number",
    "no comma",
    "too short",
    "too long",
    "no frame",
    "huge",
    "largest",
    "larger",
    "pieces",
    "two at once",
    "closes",
    "closes in between",
    "closes behind",
    " plain",
    "plain ",
    "caf\xc3\xa9",
    "latin\xe9",
    "a:b,c",
    "*",
    "%s",
};

static void start(Fixture *f)
{
    g_autofree char *program =
        g_test_build_filename(G_TEST_DIST, "tests", "socketmap-server.py", NULL);
    g_autoptr(GError) error = NULL;
    f->process = g_subprocess_new(G_SUBPROCESS_FLAGS_STDOUT_PIPE, &error, "python3", "-B", program,
                                  f->socket, f->files.file, NULL);
    g_assert_no_error(error);
    g_autoptr(GDataInputStream) out =
        g_data_input_stream_new(g_subprocess_get_stdout_pipe(f->process));
    g_autofree char *port = g_data_input_stream_read_line(out, NULL, NULL, &error);
    g_assert_no_error(error);
    g_assert_nonnull(port);
    f->inet_spec = g_strdup_printf("socketmap:inet:127.0.0.1:%s:table", port);
}

static void stop(Fixture *f)
{
    g_subprocess_force_exit(f->process);
    g_subprocess_wait(f->process, NULL, NULL);
    g_clear_object(&f->process);
    g_clear_pointer(&f->inet_spec, g_free);
}

static void set_up(Fixture *f, gconstpointer data)
{
    map_fixture_set_up(&f->files, data);
    map_fixture_write(&f->files, table, -1);
    f->socket = g_build_filename(f->files.folder, "socket", NULL);
    f->spec = g_strdup_printf("socketmap:unix:%s:table", f->socket);
    start(f);
}

static void tear_down(Fixture *f, gconstpointer data)
{
    stop(f);
    map_fixture_tear_down(&f->files, data);
    g_free(f->socket);
    g_free(f->spec);
}

/* A value, "-" for no, or the error's words behind "table: ". Caller owns it. */
static char *ask(Map *map, const char *key)
{
    g_autoptr(GError) error = NULL;
    char *value = NULL;
    Answer answer = map_lookup(map, key, &value, &error);
    g_assert_true((answer == ANSWER_UNKNOWN) == (error != NULL));
    if (answer != ANSWER_UNKNOWN)
        return answer == ANSWER_YES ? value : g_strdup("-");
    g_assert_error(error, MAP_ERROR, MAP_ERROR_FAILED);
    g_autofree char *prefix = g_strdup_printf("The table %s could not be asked: ", map_spec(map));
    g_assert_true(g_str_has_prefix(error->message, prefix));
    return g_strdup(error->message + strlen(prefix));
}

static void assert_said(Map *map, const char *key, const char *said)
{
    g_autofree char *words = ask(map, key);
    g_assert_cmpstr(words, ==, said);
}

/* decisions 17: the same server and key, the same answer, or the same want of one. */
static void compare(const Fixture *f, const char *spec, unsigned *found, unsigned *wrong)
{
    g_autoptr(Map) map = map_open(spec, NULL);
    gpointer asked[G_N_ELEMENTS(keys)];
    for (gsize i = 0; i < G_N_ELEMENTS(keys); i++)
        asked[i] = map_fixture_ask(&f->files, spec, keys[i]);
    for (gsize i = 0; i < G_N_ELEMENTS(keys); i++) {
        g_auto(MapSaid) theirs = map_fixture_answer(asked[i]);
        g_auto(MapSaid) ours = map_fixture_ours(map, keys[i]);
        g_test_message("%s: theirs %.40s%s ours %.40s%s", keys[i], theirs.value,
                       theirs.wrong ? " (wrong)" : "", ours.value, ours.wrong ? " (wrong)" : "");
        g_assert_cmpint(ours.wrong, ==, theirs.wrong);
        g_assert_cmpstr(ours.value, ==, theirs.value);
        *found += theirs.value != NULL;
        *wrong += theirs.wrong;
    }
}

static void test_as_postfix(Fixture *f, gconstpointer data)
{
    (void)data;
    unsigned found = 0, wrong = 0;
    if (!map_fixture_has_postmap(&f->files))
        return;
    compare(f, f->spec, &found, &wrong);
    compare(f, f->inet_spec, &found, &wrong);
    g_assert_cmpuint(found, >=, 20);
    g_assert_cmpuint(wrong, >=, 40);
}

/* What Postfix takes, and we don't: a reply that may be another than the one that was meant. */
static void test_stricter(Fixture *f, gconstpointer data)
{
    (void)data;
    static const struct {
        const char *key, *said;
    } rows[] = {
        {"nul", "the value holds a NUL byte"},
        {"ten digits", "what it sent is no reply"},
    };
    g_autoptr(Map) map = map_open(f->spec, NULL);
    for (gsize i = 0; i < G_N_ELEMENTS(rows); i++)
        assert_said(map, rows[i].key, rows[i].said);
    g_auto(MapSaid) bare = map_fixture_ours(map, "no value");
    g_assert_true(bare.wrong);
}

/* Words are printable and short; nothing but an error has them. */
static void test_words(Fixture *f, gconstpointer data)
{
    (void)data;
    g_autofree char *much = g_strnfill(1000, 'x');
    g_autofree char *text = g_strdup_printf("{\"long\": \"TEMP %s\", \"control\": \"PERM a\\u0007b"
                                            "\\nc\", \"utf8\": \"TIMEOUT \\u00e9\"}",
                                            much);
    static const struct {
        const char *key, *said;
    } rows[] = {
        {"control", "it says that this can't be asked: a?b?c"},
        {"utf8", "it got no answer in time itself: \xc3\xa9"},
    };
    g_autoptr(Map) map = map_open(f->spec, NULL);
    map_fixture_write(&f->files, text, -1);
    for (gsize i = 0; i < G_N_ELEMENTS(rows); i++)
        assert_said(map, rows[i].key, rows[i].said);
    g_autofree char *cut = ask(map, "long");
    g_assert_true(g_str_has_prefix(cut, "it can't tell now: xxx"));
    g_assert_cmpuint(strlen(cut), <, 300);
}

/* One connection serves all, until something goes wrong on it. */
static void test_connection(Fixture *f, gconstpointer data)
{
    (void)data;
    static const struct {
        const char *key, *said;
    } rows[] = {
        {"connections", "OK 1"},
        {"plain", "value"},
        {"no", "-"},
        {"temp", "it can't tell now: secret words"},
        {"connections", "1"},
        {"closes behind", "and closes"},
        {"connections", "2"},
        {"closes once", "again"},
        {"connections", "3"},
        {"closes", "it closed the connection without a whole reply"},
        {"connections", "5"},
        {"no comma", "what it sent is no reply"},
        {"connections", "6"},
        {"two at once", "value"},
        {"connections", "7"},
        {"plain", "value"},
    };
    g_autoptr(Map) map = map_open(f->spec, NULL);
    for (gsize i = 1; i < G_N_ELEMENTS(rows); i++) {
        g_test_message("%s", rows[i].key);
        assert_said(map, rows[i].key, rows[i].said);
    }
}

/* What came without being asked for is not the reply to the next key. */
static void test_unasked(Fixture *f, gconstpointer data)
{
    (void)data;
    g_autofree char *gate = g_build_filename(f->files.folder, "gate", NULL);
    g_autofree char *sent = g_build_filename(f->files.folder, "sent", NULL);
    g_autofree char *text = g_strdup_printf(
        "{\"first\": [{\"reply\": \"OK mine\"}, {\"wait\": \"%s\"},"
        " {\"reply\": \"OK not asked for\"}, {\"touch\": \"%s\"}], \"next\": \"OK next\"}",
        gate, sent);
    map_fixture_write(&f->files, text, -1);
    g_autoptr(Map) map = map_open(f->spec, NULL);
    assert_said(map, "first", "mine");
    g_assert_true(g_file_set_contents(gate, "", 0, NULL));
    while (!g_file_test(sent, G_FILE_TEST_EXISTS))
        g_usleep(1000);
    assert_said(map, "next", "next");
    assert_said(map, "next", "next");
}

/* A server that is started anew is found again; while it is away nothing can be told. */
static void test_away(Fixture *f, gconstpointer data)
{
    (void)data;
    g_autoptr(Map) map = map_open(f->spec, NULL);
    assert_said(map, "plain", "value");
    stop(f);
    for (unsigned i = 0; i < 3; i++) {
        g_auto(MapSaid) said = map_fixture_ours(map, "plain");
        g_assert_true(said.wrong);
    }
    start(f);
    assert_said(map, "plain", "value");
    g_assert_true(map_is_remote(map));
    g_autofree char *fingerprint = map_fingerprint(map, true);
    g_assert_cmpstr(fingerprint, ==, "");
}

static gpointer ask_often(gpointer map)
{
    for (unsigned i = 0; i < 200; i++) {
        g_autofree char *key = g_strdup_printf("echo %p %u", (void *)g_thread_self(), i);
        assert_said(map, i % 2 == 0 ? "plain" : key, i % 2 == 0 ? "value" : "-");
    }
    return NULL;
}

static void test_threads(Fixture *f, gconstpointer data)
{
    (void)data;
    g_autoptr(Map) map = map_open(f->inet_spec, NULL);
    GThread *threads[20];
    for (unsigned i = 0; i < G_N_ELEMENTS(threads); i++)
        threads[i] = g_thread_new("ask", ask_often, map);
    for (unsigned i = 0; i < G_N_ELEMENTS(threads); i++)
        g_thread_join(threads[i]);
    g_autofree char *connections = ask(map, "connections");
    g_assert_cmpint(atoi(connections), <=, 8);
}

static void test_names(void)
{
    static const struct {
        const char *name;
        bool good;
    } rows[] = {
        {"inet:127.0.0.1:1:table", true},
        {"inet:localhost:65535:table", true},
        {"inet:[::1]:1:table", true},
        {"unix:/a:table", true},
        {"unix:/a:b:table", true},
        {"", false},
        {"inet:127.0.0.1:1", false},
        {"inet:127.0.0.1:1:", false},
        {"inet:127.0.0.1:0:table", false},
        {"inet:127.0.0.1:65536:table", false},
        {"inet:127.0.0.1:smtp:table", false},
        {"inet:127.0.0.1:+1:table", false},
        {"inet::1:table", false},
        {"inet:1:table", false},
        {"inet:::1:1:table", false},
        {"inet:[]:1:table", false},
        {"inet:[::1:1:table", false},
        {"unix:/a", false},
        {"unix:/a:", false},
        {"unix:a:table", false},
        {"unix::table", false},
        {"unix:/"
         "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"
         "x"
         "xxxxxxxxxxxxxxxxxx:table",
         false},
        {"tcp:127.0.0.1:1:table", false},
        {"table", false},
    };
    for (gsize i = 0; i < G_N_ELEMENTS(rows); i++) {
        g_autofree char *spec = g_strconcat("socketmap:", rows[i].name, NULL);
        g_autoptr(GError) error = NULL;
        g_autoptr(Map) map = map_open(spec, &error);
        g_test_message("%s", spec);
        g_assert_true((map != NULL) == rows[i].good);
        if (!rows[i].good)
            g_assert_error(error, MAP_ERROR, MAP_ERROR_SYNTAX);
    }
    g_autoptr(GError) error = NULL;
    g_assert_null(map_open("socketmap:{unix:/a:b c}", &error));
    g_assert_error(error, MAP_ERROR, MAP_ERROR_SYNTAX);
}

/* Whole only when all of it is there, and bad as soon as it can be told. */
static void test_frame(void)
{
    static const char good[] = "10:OK a,b:1,2,";
    static const struct {
        const char *bytes;
        gsize size; /* from which on it is bad */
    } rows[] = {
        {"x", 1},           {":", 1},           {"1x", 2},    {"100001", 6},
        {"000000001x", 10}, {"0000000010", 10}, {"2:ab:", 5}, {"0:x", 3},
    };
    const char *text = NULL;
    gsize length = 0, used = 0;
    for (gsize size = 0; size < strlen(good); size++)
        g_assert_cmpint(socketmap_frame(good, size, &text, &length, &used), ==, SOCKETMAP_MORE);
    g_assert_cmpint(socketmap_frame(good, strlen(good) + 1, &text, &length, &used), ==,
                    SOCKETMAP_WHOLE);
    g_assert_cmpuint(used, ==, strlen(good));
    g_assert_cmpmem(text, length, "OK a,b:1,2", 10);
    for (gsize i = 0; i < G_N_ELEMENTS(rows); i++) {
        for (gsize size = 0; size < rows[i].size; size++)
            g_assert_cmpint(socketmap_frame(rows[i].bytes, size, &text, &length, &used), ==,
                            SOCKETMAP_MORE);
        g_assert_cmpint(socketmap_frame(rows[i].bytes, rows[i].size, &text, &length, &used), ==,
                        SOCKETMAP_BAD);
    }
    g_autofree char *request = socketmap_request("a", "b c");
    g_assert_cmpstr(request, ==, "5:a b c,");
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add("/map-socketmap/as-postfix", Fixture, NULL, set_up, test_as_postfix, tear_down);
    g_test_add("/map-socketmap/stricter", Fixture, NULL, set_up, test_stricter, tear_down);
    g_test_add("/map-socketmap/words", Fixture, NULL, set_up, test_words, tear_down);
    g_test_add("/map-socketmap/connection", Fixture, NULL, set_up, test_connection, tear_down);
    g_test_add("/map-socketmap/unasked", Fixture, NULL, set_up, test_unasked, tear_down);
    g_test_add("/map-socketmap/away", Fixture, NULL, set_up, test_away, tear_down);
    g_test_add("/map-socketmap/threads", Fixture, NULL, set_up, test_threads, tear_down);
    g_test_add_func("/map-socketmap/names", test_names);
    g_test_add_func("/map-socketmap/frame", test_frame);
    return g_test_run();
}
