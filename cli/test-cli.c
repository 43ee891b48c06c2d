/* SPDX-License-Identifier: MIT */
#include "lib/spool-fixture.h"
#include "policy/map-fixture.h"

#include <glib/gstdio.h>
#include <json-glib/json-glib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <sysexits.h>
#include <unistd.h>

typedef struct {
    int code;
    char *out, *err;
} Ended;

static void ended_clear(Ended *ended)
{
    g_free(ended->out);
    g_free(ended->err);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Ended, ended_clear)

/* Runs the command with words separated by blanks; @ stands for argument. */
static Ended batchload(const char *words, const char *argument)
{
    g_autofree char *program = g_test_build_filename(G_TEST_BUILT, "batchload", NULL);
    g_auto(GStrv) argv = NULL;
    g_autofree char *line = g_strconcat("@program ", words, NULL);
    g_autoptr(GError) error = NULL;
    Ended ended = {0};
    int status = 0;

    argv = g_strsplit(g_strchomp(line), " ", -1);
    g_free(argv[0]);
    argv[0] = g_strdup(program);
    for (int i = 1; argv[i] != NULL; i++) {
        if (strcmp(argv[i], "@") == 0) {
            g_free(argv[i]);
            argv[i] = g_strdup(argument);
        }
    }
    g_assert_true(g_spawn_sync(NULL, argv, NULL, G_SPAWN_DEFAULT, NULL, NULL, &ended.out,
                               &ended.err, &status, &error));
    g_assert_no_error(error);
    g_assert_true(WIFEXITED(status));
    ended.code = WEXITSTATUS(status);
    return ended;
}

static void test_command_line(void)
{
    static const struct {
        const char *words;
        int code;
        const char *said; /* in the output of code 0, else in the errors */
    } rows[] = {
        {"--help", 0, "queue"},
        {"-h", 0, "--spool"},
        {"--version", 0, "batchload " PACKAGE_VERSION},
        {"queue --help", 0, "queue [-a] [-j]"},
        {"show -h", 0, "show JOB"},
        {"", EX_USAGE, "a command is missing"},
        {"frobnicate", EX_USAGE, "no command frobnicate"},
        {"--frob queue", EX_USAGE, "--frob"},
        {"queue --frob", EX_USAGE, "--frob"},
        {"queue extra", EX_USAGE, "extra"},
        {"show", EX_USAGE, "one job"},
        {"show a b", EX_USAGE, "one job"},
        {"-c /a --spool /b queue", EX_USAGE, "together"},
        {"check", EX_USAGE, "one file, and --as or BATCHLOAD_AS"},
        {"check /nonexistent --as a@b.example", EX_NOINPUT, "/nonexistent"},
        {"check --help", 0, "changes nothing"},
        {"apply", EX_USAGE, "one file, and --as or BATCHLOAD_AS"},
        {"apply file", EX_USAGE, "one file, and --as or BATCHLOAD_AS"},
        {"apply /nonexistent --as nobody", EX_USAGE, "--as nobody"},
        {"apply /nonexistent --as a@b.example", EX_NOINPUT, "/nonexistent"},
        {"apply --reference a\nb /nonexistent --as a@b.example", EX_USAGE, "one line"},
        {"apply --help", 0, "--as=ADDRESS"},
        {"retry", EX_USAGE, "one job"},
        {"--spool /nonexistent retry x", EX_NOINPUT, "/nonexistent"},
        {"--spool / cancel x", EX_TEMPFAIL, "does it run?"},
        {"cancel a b", EX_USAGE, "one job"},
        {"policy", EX_USAGE, "policy takes -q"},
        {"policy -q a b c", EX_USAGE, "policy takes -q"},
        {"policy -q a /no/type", EX_CONFIG, "has no type"},
        {"policy -q a texthash:/nonexistent/x", EX_TEMPFAIL, "/nonexistent/x"},
        {"policy -q a pcre:/nonexistent/x", EX_TEMPFAIL, "/nonexistent/x"},
        {"policy -q 192.0.2.1 cidr:/nonexistent/x", EX_TEMPFAIL, "/nonexistent/x"},
        {"policy -q a lmdb:/nonexistent/x", EX_TEMPFAIL, "/nonexistent/x.lmdb"},
        {"policy -q a fail:away", EX_TEMPFAIL, "The table of type fail says: away"},
        {"policy -q a pcre:{{/a/}}", EX_TEMPFAIL, "is empty"},
        {"policy -q a pcre:{/a/b}", EX_CONFIG, "braces"},
        {"-c /nonexistent/x policy -q a", EX_CONFIG, "/nonexistent/x"},
        {"sample", 0, "DOMAIN;USER;TYPE;ACTION;"},
        {"sample Example.ORG", 0, "\nexample.org;info;FORWARD;ADD;;;;;erika.muster@example.org;\n"},
        {"sample nowhere", EX_USAGE, "domain"},
        {"sample a.example b", EX_USAGE, "one domain"},
        {"profile", EX_USAGE, "takes --table"},
        {"profile --table x", EX_USAGE, "takes --table"},
        {"profile --help", 0, "not all of them have"},
        {"doctor x", EX_USAGE, "whole installation"},
        {"--spool / doctor", EX_USAGE, "whole installation"},
        {"doctor --help", 0, "--postfix=FOLDER"},
        {"export", EX_USAGE, "export takes domains and addresses"},
        {"export --help", 0, "sent back"},
        {"--spool / export a.example", EX_USAGE, "give -c"},
        {"-c /nonexistent/x export a.example", EX_CONFIG, "/nonexistent/x"},
        {"user", EX_USAGE, "lacks an action"},
        {"user frobnicate", EX_USAGE,
         "does not know that action, but add, delete, modify, suspend, resume and show"},
        {"alias modify a@b.example", EX_USAGE, "but add, delete and show"},
        {"user ADD", EX_USAGE, "does not know that action"},
        {"user create", EX_USAGE, "resume and show; did you mean add?"},
        {"user ad", EX_USAGE, "; did you mean add?"},
        {"alias change", EX_USAGE, "but add, delete and show: see"},
        {"usr add", EX_USAGE, "there is no command usr; did you mean user?"},
        {"mailbox", EX_USAGE, "did you mean user?"},
        {"queu", EX_USAGE, "did you mean queue?"},
        {"frobnicate", EX_USAGE, "there is no command frobnicate; see"},
        {"user --help", 0, "  delete "},
        {"full --help", 0, "Usage: batchload [-c FILE | --spool DIR] user ACTION"},
        {"user add", EX_USAGE, "nothing is named"},
        {"user add --help", 0, "--given-name=TEXT"},
        {"user delete --help", 0, "ACTION DELETE"},
        {"list add --help", 0, "--list-member=ADDRESS"},
        {"user add a@b.example", EX_USAGE, "BATCHLOAD_AS"},
        {"user add Sommer-Regen-42", EX_USAGE, "word 1 behind the verb is neither"},
        {"user add a@b.example --password=Sommer", EX_USAGE, "does not stand on the command line"},
        {"user add a@b.example --pass-word=Sommer", EX_USAGE, "does not stand on the command line"},
        {"user add a@b.example --giveName x", EX_USAGE, "did you mean --given-name?"},
        {"user delete a@b.example --phone 1", EX_USAGE, "--phone can't be given here"},
        {"user add a@b.example --list-member x", EX_USAGE, "--list-member can't be given here"},
        {"user add a@b.example --user x", EX_USAGE, "--user"},
        {"user add a@b.example --phone 1 --phone 2", EX_USAGE, "--phone can be given once"},
        {"user add a@b.example --as x", EX_USAGE, "--as x"},
        {"user add a@b.example --as a@b.example --reference a\nb", EX_USAGE, "one line"},
        {"user add a@b.example --as a@b.example --password-fd 99", EX_NOINPUT, "descriptor 99"},
        {"user add a@b.example --as a@b.example --password-file /nonexistent", EX_NOINPUT,
         "/nonexistent"},
        {"user add a@b.example --as a@b.example --password-file /dev/null", EX_DATAERR, "empty"},
        {"user add a@b.example --as a@b.example --password-file /dev/zero", EX_DATAERR,
         "can't be used"},
        {"user add a@b.example --as a@b.example --password-fd 0 --password", EX_USAGE, "one place"},
        {"--spool /nonexistent user delete a@b.example --as a@b.example", EX_NOINPUT,
         "/nonexistent"},
        {"user show", EX_USAGE, "nothing is named"},
        {"user show a@b.example --csv -j", EX_USAGE, "together"},
        {"user show a@b.example --phone 1", EX_USAGE, "--phone"},
        {"--spool / user show a@b.example", EX_USAGE, "give -c"},
        {"-c /nonexistent/x user show a@b.example", EX_CONFIG, "/nonexistent/x"},
        {"import", EX_UNAVAILABLE, "not available yet"},
        {"-c /nonexistent/x queue", EX_CONFIG, "/nonexistent/x"},
        {"--spool /nonexistent/x queue", EX_NOINPUT, "/nonexistent/x"},
        {"--spool /nonexistent/x show y", EX_NOINPUT, "/nonexistent/x"},
    };

    for (gsize i = 0; i < G_N_ELEMENTS(rows); i++) {
        g_auto(Ended) ended = batchload(rows[i].words, NULL);
        g_test_message("%s: %d %s%s", rows[i].words, ended.code, ended.out, ended.err);
        g_assert_cmpint(ended.code, ==, rows[i].code);
        g_assert_nonnull(strstr(ended.code == 0 ? ended.out : ended.err, rows[i].said));
        g_assert_cmpstr(ended.code == 0 ? ended.err : ended.out, ==, "");
    }
}

static JsonObject *parse(const char *line, JsonParser *parser)
{
    g_autoptr(GError) error = NULL;
    g_assert_true(json_parser_load_from_data(parser, line, -1, &error));
    g_assert_no_error(error);
    return json_node_get_object(json_parser_get_root(parser));
}

/* What waits and runs, and how far: a job in each state, looked at while the daemon has the spool.
 */
static void test_queue(void)
{
    static const char *const domains[] = {"example.org", NULL};
    g_autoptr(SpoolFixture) fixture = spool_fixture_new();
    const char *place = fixture->settings.directory;
    g_autoptr(GError) error = NULL;
    g_autofree char *done = NULL, *working = NULL, *waiting = NULL;

    {
        g_auto(Ended) empty = batchload("--spool @ queue", place);
        g_auto(Ended) json = batchload("--spool @ queue -j", place);
        g_assert_cmpstr(empty.out, ==, "No job waits.\n");
        g_assert_cmpint(empty.code, ==, 0);
        g_assert_cmpstr(json.out, ==, "");
    }
    done = spool_fixture_new_mail(fixture, "a@example.org", "192.0.2.1", "<1@x>");
    g_assert_true(spool_fixture_drive(fixture->spool, &error));
    working = spool_fixture_new_mail(fixture, "b@example.org", "192.0.2.2", "<2@x>");
    {
        g_autoptr(SpoolClaim) claim = spool_fixture_claim(fixture, working, JOB_RECEIVED);
        g_assert_true(spool_fixture_prove(claim, FIXTURE_SLICES, domains, &error));
    }
    {
        g_autoptr(SpoolClaim) claim = spool_fixture_claim(fixture, working, JOB_WORKING);
        g_assert_true(spool_fixture_slice(claim, &error));
    }
    waiting = spool_fixture_new_mail(fixture, "c@example.org", "192.0.2.3", "<3@x>");
    {
        g_autoptr(SpoolClaim) claim = spool_fixture_claim(fixture, waiting, JOB_RECEIVED);
        g_assert_true(spool_job_wait(claim, 3600, "the directory\nis away", &error));
    }
    g_assert_no_error(error);
    {
        g_auto(Ended) text = batchload("--spool @ queue", place);
        g_auto(Ended) all = batchload("--spool @ queue --all", place);
        const char *first = strstr(text.out, working), *second = strstr(text.out, waiting);
        g_test_message("%s", all.out);
        g_assert_cmpint(text.code, ==, 0);
        g_assert_true(first != NULL && second != NULL && first < second);
        g_assert_null(strstr(text.out, done));
        g_assert_nonnull(strstr(all.out, done));
        g_assert_nonnull(strstr(text.out, "4 of 12"));
        g_assert_nonnull(strstr(text.out, "b@example.org"));
        g_assert_nonnull(strstr(text.out, ": the directory?is away\n"));
        g_assert_cmpstr(text.err, ==, "");
    }
    {
        g_auto(Ended) json = batchload("--spool @ queue -a -j", place);
        g_auto(GStrv) lines = g_strsplit(json.out, "\n", -1);
        const char *ids[] = {done, working, waiting};
        const char *states[] = {"done", "working", "received"};
        g_assert_cmpuint(g_strv_length(lines), ==, 4);
        for (int i = 0; i < 3; i++) {
            g_autoptr(JsonParser) parser = json_parser_new();
            JsonObject *job = parse(lines[i], parser);
            g_assert_cmpstr(json_object_get_string_member(job, "id"), ==, ids[i]);
            g_assert_cmpstr(json_object_get_string_member(job, "state"), ==, states[i]);
            g_assert_cmpint(json_object_get_null_member(job, "waiting"), ==, i != 2);
        }
        {
            g_autoptr(JsonParser) parser = json_parser_new();
            JsonObject *job = parse(lines[1], parser);
            g_assert_cmpint(json_object_get_int_member(job, "rows"), ==, 12);
            g_assert_cmpint(json_object_get_int_member(job, "rows_done"), ==, 4);
            g_assert_cmpint(json_object_get_int_member(job, "slices_done"), ==, 1);
        }
    }
}

static void test_show(void)
{
    g_autoptr(SpoolFixture) fixture = spool_fixture_new();
    g_autofree char *id = spool_fixture_new_mail(fixture, "a@example.org", "192.0.2.1", "<1@x>");
    g_autofree char *conf = g_build_filename(fixture->top, "batchload.conf", NULL);
    g_autofree char *settings = g_strdup_printf(
        "spool {\n directory = \"%s\"\n}\ndirectory {\n bind_password_file = \"/not/ours\"\n}\n",
        fixture->settings.directory);
    g_autofree char *words = g_strdup_printf("-c @ show %s", id);
    g_autofree char *json_words = g_strdup_printf("-c @ show --json %s", id);

    g_assert_true(g_file_set_contents(conf, settings, -1, NULL));
    {
        g_auto(Ended) text = batchload(words, conf);
        g_auto(Ended) json = batchload(json_words, conf);
        g_auto(Ended) none = batchload("-c @ show 20261120-ZZZZZZ", conf);
        g_auto(Ended) odd = batchload("-c @ show ../../etc/passwd", conf);
        g_autoptr(JsonParser) parser = json_parser_new();

        g_test_message("%s%s", text.out, text.err);
        g_assert_cmpint(text.code, ==, 0);
        g_assert_nonnull(strstr(text.out, id));
        g_assert_nonnull(strstr(text.out, "a@example.org"));
        g_assert_nonnull(strstr(text.out, "192.0.2.1"));
        g_assert_null(strstr(text.out, FIXTURE_PASSWORD));
        g_assert_cmpstr(json_object_get_string_member(parse(json.out, parser), "client"), ==,
                        "192.0.2.1");
        g_assert_cmpint(none.code, ==, 1);
        g_assert_nonnull(strstr(none.err, "there is no job 20261120-ZZZZZZ"));
        g_assert_cmpint(odd.code, ==, 1);
    }
    g_unlink(conf);
}

static Ended batchload_input(const char *words, const char *input)
{
    g_autofree char *program = g_test_build_filename(G_TEST_BUILT, "batchload", NULL);
    g_autofree char *line = g_strdup_printf("printf '%%b' '%s' | '%s' %s", input, program, words);
    const char *argv[] = {"/bin/sh", "-c", line, NULL};
    Ended ended = {0};
    int status = 0;

    g_assert_true(g_spawn_sync(NULL, (char **)argv, NULL, G_SPAWN_DEFAULT, NULL, NULL, &ended.out,
                               &ended.err, &status, NULL));
    ended.code = WEXITSTATUS(status);
    return ended;
}

/* As postmap -q: 0 found, 1 not found, 75 could not tell. */
static void test_policy(void)
{
    static const struct {
        const char *key;
        const char *value; /* NULL: not found */
    } rows[] = {
        {"admin@one.example", "allow actions=ADD"},
        {"Admin@ONE.example", "allow actions=ADD"},
        {"admin+x@one.example", "discard"}, /* the domain's, as for any other of it */
        {"one.example", "discard"},
        {"admin@two.example", NULL},
        {"a@sub.one.example", NULL},
        {"admin@m\xc3\xbcller.example", "allow rows=7"},
        {"admin@", NULL},
        {"@one.example", NULL},
        {"not an address", NULL},
    };
    g_autoptr(SpoolFixture) fixture = spool_fixture_new();
    g_autofree char *conf = g_build_filename(fixture->top, "batchload.conf", NULL);
    g_autofree char *table = g_build_filename(fixture->top, "senders", NULL);
    g_autofree char *settings = g_strdup_printf("sender_table = \"texthash:%s\"\n", table);

    g_assert_true(g_file_set_contents(conf, settings, -1, NULL));
    g_assert_true(g_file_set_contents(table,
                                      "admin@one.example allow actions=ADD\none.example discard\n"
                                      "admin@xn--mller-kva.example allow rows=7\n",
                                      -1, NULL));
    for (gsize i = 0; i < G_N_ELEMENTS(rows); i++) {
        g_autofree char *quoted = g_shell_quote(rows[i].key);
        g_autofree char *words = g_strdup_printf("-c %s policy -q %s", conf, quoted);
        g_autofree char *line = g_strdup_printf("%s\n", rows[i].value);
        g_auto(Ended) ended = batchload_input(words, "");
        g_test_message("%s: %d %s%s", rows[i].key, ended.code, ended.out, ended.err);
        g_assert_cmpstr(ended.err, ==, "");
        g_assert_cmpint(ended.code, ==, rows[i].value != NULL ? 0 : 1);
        g_assert_cmpstr(ended.out, ==, rows[i].value != NULL ? line : "");
    }
    {
        g_autofree char *words = g_strdup_printf("-c %s policy -q -", conf);
        g_auto(Ended) some = batchload_input(words, "x@two.example\\n\\nadmin@one.example\\n");
        g_auto(Ended) none = batchload_input(words, "x@two.example\\n");
        g_assert_cmpstr(some.out, ==, "admin@one.example\tallow actions=ADD\n");
        g_assert_cmpint(some.code, ==, 0);
        g_assert_cmpint(none.code, ==, 1);
    }
    {
        /* a table as it stands: no domain is asked for an address */
        g_autofree char *words = g_strdup_printf("policy -q x@one.example texthash:%s", table);
        g_autofree char *own = g_strdup_printf("policy -q ADMIN@one.example texthash:%s", table);
        g_auto(Ended) none = batchload_input(words, ""), found = batchload_input(own, "");
        g_assert_cmpint(none.code, ==, 1);
        g_assert_cmpstr(found.out, ==, "allow actions=ADD\n");
    }
    {
        g_autofree char *words = g_strdup_printf("-c %s policy -q a@b.example", conf);
        g_assert_true(g_file_set_contents(table, "a@b.example alow\n", -1, NULL));
        g_auto(Ended) bad = batchload_input(words, "");
        g_unlink(table);
        g_auto(Ended) away = batchload_input(words, "");
        g_assert_cmpint(bad.code, ==, EX_CONFIG);
        g_assert_nonnull(strstr(bad.err, "Line 1"));
        g_assert_cmpint(away.code, ==, EX_TEMPFAIL);
    }
    g_unlink(conf);
}

/* Keys from standard input: the same words and class of exit as postmap -q -, key by key as they
 * stand. */
static void test_policy_as_postfix(MapFixture *f, gconstpointer data G_GNUC_UNUSED)
{
    static const char *const specs[] = {
        "pcre:{{/^(a+)b/i x$1},{!/[a-z]/ none}}",
        "cidr:{{10.0.0.0/8 ten},{!::/0 four}}",
        "inline:{{ab = c d} aab=d}",
        "static:{ x y }",
        "fail:away",
        "pcre:/nonexistent/x",
    };
    static const char *const keys[] = {"aab", "AB ", " aab",     "b", "10.1.1.1", "10.1.1.1 ",
                                       "",    "::1", "11.1.1.1", "a", NULL};
    if (!map_fixture_has_postmap(f))
        return;
    for (gsize i = 0; i < G_N_ELEMENTS(specs); i++) {
        bool wrong = false;
        g_autofree char *theirs = map_fixture_postmap_all(f, specs[i], keys, &wrong);
        g_autofree char *words = g_strdup_printf("policy -q - '%s'", specs[i]);
        g_autofree char *input = g_strjoinv("\\n", (char **)keys);
        g_auto(Ended) ours = batchload_input(words, input);
        g_test_message("%s: %d %s%s", specs[i], ours.code, ours.out, ours.err);
        g_assert_cmpstr(ours.out, ==, theirs);
        g_assert_cmpint(ours.code, ==, wrong ? EX_TEMPFAIL : *theirs != '\0' ? 0 : 1);
    }
}

/* R9.7: the table of the README is the one that the profiles make themselves. */
static void test_profiles(void)
{
    g_autofree char *folder = g_test_build_filename(G_TEST_DIST, "policy", "profiles", NULL);
    g_autofree char *readme = g_test_build_filename(G_TEST_DIST, "README.md", NULL);
    g_autofree char *text = NULL;
    g_auto(Ended) ended = batchload("profile --table --folder @", folder);
    g_assert_cmpint(ended.code, ==, 0);
    g_assert_cmpstr(ended.err, ==, "");
    g_assert_true(g_file_get_contents(readme, &text, NULL, NULL));
    if (!strstr(text, ended.out))
        g_error("README.md does not have this table:\n%s", ended.out);
    g_assert_nonnull(strstr(ended.out, "| LIST "));
    g_auto(Ended) nowhere = batchload("profile --table --folder /nonexistent", NULL);
    g_assert_cmpint(nowhere.code, ==, EX_CONFIG);
}

/* Output that can't be written is a failure. */
static void test_output(void)
{
    g_autofree char *program = g_test_build_filename(G_TEST_BUILT, "batchload", NULL);
    const char *argv[] = {"/bin/sh", "-c", "\"$0\" --help >/dev/full", program, NULL};
    int status = 0;

    g_assert_true(g_spawn_sync(NULL, (char **)argv, NULL, G_SPAWN_STDERR_TO_DEV_NULL, NULL, NULL,
                               NULL, NULL, &status, NULL));
    g_assert_cmpint(WEXITSTATUS(status), ==, EX_IOERR);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/cli/command-line", test_command_line);
    g_test_add_func("/cli/queue", test_queue);
    g_test_add_func("/cli/show", test_show);
    g_test_add_func("/cli/policy", test_policy);
    g_test_add("/cli/policy-as-postfix", MapFixture, NULL, map_fixture_set_up,
               test_policy_as_postfix, map_fixture_tear_down);
    g_test_add_func("/cli/R9.7/profiles", test_profiles);
    g_test_add_func("/cli/output", test_output);
    return g_test_run();
}
