/* SPDX-License-Identifier: MIT */
#include "policy/sender.h"
#include <glib/gstdio.h>
#include <string.h>

typedef struct {
    char *folder, *file, *spec;
} Fixture;

static void set_up(Fixture *f, gconstpointer data)
{
    (void)data;
    f->folder = g_dir_make_tmp("batchload-sender-XXXXXX", NULL);
    g_assert_nonnull(f->folder);
    f->file = g_build_filename(f->folder, "senders", NULL);
    f->spec = g_strconcat("texthash:", f->file, NULL);
}

static void tear_down(Fixture *f, gconstpointer data)
{
    (void)data;
    g_unlink(f->file);
    g_rmdir(f->folder);
    g_free(f->folder);
    g_free(f->file);
    g_free(f->spec);
}

static SenderTable *open_with(Fixture *f, const char *text, GError **error)
{
    g_assert_true(g_file_set_contents(f->file, text, -1, NULL));
    return sender_table_open(f->spec, error);
}

/* R2 authorised: by the full address, then by the domain; no user@, extension or parent domain. */
static void test_grants(Fixture *f, gconstpointer data)
{
    (void)data;
    static const char text[] = "Admin@SomeDomain.com allow\n"
                               "admin@somedomain.com discard\n"
                               "somedomain.com allow domains=somedomain.com rows=7\n"
                               "other.org discard\n"
                               "boss@other.org reject go away\n"
                               "b\xc3\xbc"
                               "cher.example allow domains=b\xc3\xbc"
                               "cher.example\n"
                               "root@b\xc3\xbc"
                               "cher.example allow domains=*\n";
    static const struct {
        const char *sender;
        Answer answer;
        GrantVerdict verdict;
        bool own;
        const char *covers;
    } rows[] = {
        {"admin@somedomain.com", ANSWER_YES, GRANT_ALLOW, true, "somedomain.com"},
        {"ADMIN@somedomain.COM", ANSWER_YES, GRANT_ALLOW, true, "somedomain.com"},
        {"any@somedomain.com", ANSWER_YES, GRANT_ALLOW, false, "somedomain.com"},
        {"admin+x@somedomain.com", ANSWER_YES, GRANT_ALLOW, false, "somedomain.com"},
        {"admin@sub.somedomain.com", ANSWER_NO, 0, false, NULL},
        {"admin@nowhere.com", ANSWER_NO, 0, false, NULL},
        {"x@other.org", ANSWER_YES, GRANT_DISCARD, false, NULL},
        {"boss@other.org", ANSWER_YES, GRANT_REJECT, true, NULL},
        {"a@xn--bcher-kva.example", ANSWER_YES, GRANT_ALLOW, false, "xn--bcher-kva.example"},
        {"root@xn--bcher-kva.example", ANSWER_YES, GRANT_ALLOW, true, "any.thing"},
    };
    g_autoptr(GError) error = NULL;
    g_autoptr(SenderTable) table = open_with(f, text, &error);
    g_assert_no_error(error);
    for (gsize i = 0; i < G_N_ELEMENTS(rows); i++) {
        g_test_message("%s", rows[i].sender);
        g_autoptr(Address) sender = address_parse(rows[i].sender, NULL, &error);
        g_assert_no_error(error);
        g_autoptr(Grant) grant = NULL;
        bool own = false;
        g_assert_cmpint(sender_table_grant(table, sender, &grant, &own, &error), ==,
                        rows[i].answer);
        g_assert_no_error(error);
        g_assert_cmpint(sender_table_has_own(table, sender, NULL, &error), ==,
                        rows[i].own ? ANSWER_YES : ANSWER_NO);
        g_assert_no_error(error);
        if (rows[i].answer == ANSWER_NO) {
            g_assert_null(grant);
            continue;
        }
        g_assert_cmpint(grant->verdict, ==, rows[i].verdict);
        g_assert_cmpint(own, ==, rows[i].own);
        if (rows[i].covers != NULL)
            g_assert_true(grant_covers(grant, rows[i].covers));
    }
}

/* decisions 17: the whole table is checked when it is opened, and the line is told. */
static void test_refused(Fixture *f, gconstpointer data)
{
    (void)data;
    static const struct {
        const char *text, *line, *key;
    } rows[] = {
        {"a@b.org allow\n\nadmin@ allow\n", "Line 3", "\"admin@\""},
        {"@b.org allow domains=b.org\n", "Line 1", "\"@b.org\""},
        {"nodomain allow domains=b.org\n", "Line 1", "\"nodomain\""},
        {".b.org allow domains=b.org\n", "Line 1", "\".b.org\""},
        {"a@b@c.org allow\n", "Line 1", "\"a@b@c.org\""},
        {"* discard\n", "Line 1", "\"*\""},
        {"# c\nb.org allow\n", "Line 2", "\"b.org\""},
        {"a@b.org permit\n", "Line 1", "\"a@b.org\""},
        {"a@b.org allow\na@b.org allow rows=many\n", "Line 2", "\"a@b.org\""},
        {"a@b.org allow auth=dkim\n", "Line 1", "\"a@b.org\""},
        {"a@b.org\n", "Line 1", "no value"},
    };
    for (gsize i = 0; i < G_N_ELEMENTS(rows); i++) {
        g_autoptr(GError) error = NULL;
        g_autoptr(SenderTable) table = open_with(f, rows[i].text, &error);
        g_test_message("%s -> %s", rows[i].text, error != NULL ? error->message : "taken");
        g_assert_null(table);
        g_assert_nonnull(error);
        g_assert_nonnull(strstr(error->message, f->spec));
        g_assert_nonnull(strstr(error->message, rows[i].line));
        g_assert_nonnull(strstr(error->message, rows[i].key));
    }
}

/* R2.31: in a list the address is looked for in every table, then the domain; what finds
 * every key is nobody's own, and must name its domains. */
static void test_lists(Fixture *f, gconstpointer data)
{
    (void)data;
    static const char text[] = "anna@one.example allow\n"
                               "one.example reject go away\n"
                               "two.example discard\n";
    g_assert_true(g_file_set_contents(f->file, text, -1, NULL));
    const struct {
        const char *before, *behind, *sender;
        Answer answer;
        GrantVerdict verdict;
        bool own, has_own;
    } rows[] = {
        {"", ", inline:{anna@one.example=discard}", "anna@one.example", ANSWER_YES, GRANT_ALLOW,
         true, true},
        {"inline:{anna@one.example=discard}, ", "", "anna@one.example", ANSWER_YES, GRANT_DISCARD,
         true, true},
        {"inline:{one.example=discard}, ", "", "anna@one.example", ANSWER_YES, GRANT_ALLOW, true,
         true},
        {"", " inline:{ { bob@one.example = allow rows=5 } }", "bob@one.example", ANSWER_YES,
         GRANT_ALLOW, true, true},
        {"", " inline:{bob@one.example=allow}", "carl@one.example", ANSWER_YES, GRANT_REJECT, false,
         false},
        {"", " inline:{Three.Example=discard}", "a@three.example", ANSWER_YES, GRANT_DISCARD, false,
         false},
        {"", " inline:{three.example=discard}", "a@four.example", ANSWER_NO, 0, false, false},
        {"", ", static:{ allow domains=two.example }", "a@four.example", ANSWER_YES, GRANT_ALLOW,
         false, false},
        {"", ", static:{ allow domains=two.example }", "anna@one.example", ANSWER_YES, GRANT_ALLOW,
         true, true},
        /* as in Postfix: it finds the address before anybody looks for the domain */
        {"", ", static:{ allow domains=two.example }", "a@two.example", ANSWER_YES, GRANT_ALLOW,
         false, false},
        {"static:discard,", "", "anna@one.example", ANSWER_YES, GRANT_DISCARD, false, true},
    };
    for (gsize i = 0; i < G_N_ELEMENTS(rows); i++) {
        g_autofree char *spec = g_strconcat(rows[i].before, f->spec, rows[i].behind, NULL);
        g_test_message("%s in %s", rows[i].sender, spec);
        g_autoptr(GError) error = NULL;
        g_autoptr(SenderTable) table = sender_table_open(spec, &error);
        g_assert_no_error(error);
        g_autoptr(Address) sender = address_parse(rows[i].sender, NULL, &error);
        g_autoptr(Grant) grant = NULL;
        bool own = false;
        g_assert_cmpint(sender_table_grant(table, sender, &grant, &own, &error), ==,
                        rows[i].answer);
        g_assert_no_error(error);
        if (grant != NULL)
            g_assert_cmpint(grant->verdict, ==, rows[i].verdict);
        g_assert_cmpint(own, ==, rows[i].own);
        g_assert_cmpint(sender_table_has_own(table, sender, NULL, &error), ==,
                        rows[i].has_own ? ANSWER_YES : ANSWER_NO);
        g_assert_no_error(error);
    }
}

/* R3.36: an address whose domain's grant reaches further than the requester's is an
 * administrator's. */
static void test_beyond(Fixture *f, gconstpointer data)
{
    (void)data;
    static const char text[] = "boss@staff.example allow\n"
                               "staff.example allow domains=staff.example,shop.example\n"
                               "all.example allow domains=*\n"
                               "gone.example discard\n"
                               "old.example reject go\n";
    static const struct {
        const char *address, *than;
        Answer answer;
    } rows[] = {
        {"x@staff.example", "allow domains=staff.example", ANSWER_YES},
        {"x@staff.example", "allow domains=shop.example", ANSWER_YES},
        {"x@staff.example", "allow domains=shop.example,more.example,staff.example", ANSWER_NO},
        {"x@staff.example", "allow domains=*", ANSWER_NO},
        {"x@staff.example", NULL, ANSWER_NO},
        {"boss@staff.example", "allow domains=*", ANSWER_YES},
        {"boss@staff.example", NULL, ANSWER_YES},
        {"x@all.example", "allow domains=all.example", ANSWER_YES},
        {"x@all.example", "allow domains=*", ANSWER_NO},
        {"x@gone.example", "allow domains=gone.example", ANSWER_NO},
        {"x@old.example", "allow domains=old.example", ANSWER_NO},
        {"x@sub.staff.example", "allow domains=a.example", ANSWER_NO},
    };
    g_autoptr(GError) error = NULL;
    g_autoptr(SenderTable) table = open_with(f, text, &error);
    g_assert_no_error(error);
    for (gsize i = 0; i < G_N_ELEMENTS(rows); i++) {
        g_autoptr(Address) address = address_parse(rows[i].address, NULL, &error);
        g_autoptr(Grant) than =
            rows[i].than != NULL ? grant_parse(rows[i].than, NULL, &error) : NULL;
        g_test_message("%s, %s", rows[i].address, rows[i].than);
        g_assert_no_error(error);
        g_assert_cmpint(sender_table_has_own(table, address, than, &error), ==, rows[i].answer);
        g_assert_no_error(error);
    }
}

/* The table of the list that is wrong is named; one that can't be read fails the whole. */
static void test_lists_refused(Fixture *f, gconstpointer data)
{
    (void)data;
    g_assert_true(g_file_set_contents(f->file, "a@b.example allow\nb@ allow\n", -1, NULL));
    g_autofree char *broken = g_strconcat("static:discard, ", f->spec, NULL);
    const struct {
        const char *spec, *table, *words;
    } rows[] = {
        {broken, f->spec, ": Line 2, key \"b@\": "},
        {"inline:{a@b.example=allow}, inline:{b@=allow}", "inline:{b@=allow}", ": Key \"b@\": "},
        {"inline:{a@b.example=permit}", "inline:{a@b.example=permit}", "Key \"a@b.example\": "},
        {"inline:{b.example=allow}", "inline:{b.example=allow}", "Key \"b.example\": "},
        {"static:allow", "static:allow", "domains="},
        {"static:permit", "static:permit", "permit"},
        {"static:discard, texthash:/nowhere/senders", "texthash:/nowhere/senders", "can't be read"},
    };
    for (gsize i = 0; i < G_N_ELEMENTS(rows); i++) {
        g_autoptr(GError) error = NULL;
        g_autoptr(SenderTable) table = sender_table_open(rows[i].spec, &error);
        g_test_message("%s -> %s", rows[i].spec, error != NULL ? error->message : "taken");
        g_assert_null(table);
        g_autofree char *begin = g_strconcat("Sender table ", rows[i].table, ": ", NULL);
        g_assert_true(g_str_has_prefix(error->message, begin));
        g_assert_nonnull(strstr(error->message, rows[i].words));
    }
}

/* R2.33: who is found by a pattern has a grant of the own; domains are not looked for in patterns,
 * and a pattern puts nothing of the address into the grant. */
static void test_patterns(Fixture *f, gconstpointer data)
{
    (void)data;
    static const char text[] = "/^(admin|boss)@(.*\\.)?one\\.example$/ allow rows=3\n"
                               "if /@two\\.example$/\n"
                               "!/^admin@/ reject only $$admin here\n"
                               "endif\n"
                               "!/@.*example$/ discard\n"
                               "/^[^@]*$/ discard\n"
                               "/^three\\.example$/ discard\n";
    static const struct {
        const char *sender;
        Answer answer;
        GrantVerdict verdict;
        bool own;
        const char *covers;
    } rows[] = {
        {"admin@one.example", ANSWER_YES, GRANT_ALLOW, true, "one.example"},
        {"Boss@Sub.One.Example", ANSWER_YES, GRANT_ALLOW, true, "sub.one.example"},
        {"anna@one.example", ANSWER_NO, 0, false, NULL},
        {"admin@none.example", ANSWER_NO, 0, false, NULL},
        {"anna@two.example", ANSWER_YES, GRANT_REJECT, true, NULL},
        {"admin@two.example", ANSWER_NO, 0, false, NULL},
        {"anna@three.example", ANSWER_NO, 0, false, NULL},
        {"anna@one.test", ANSWER_YES, GRANT_DISCARD, true, NULL},
    };
    g_autofree char *spec = g_strconcat("pcre:", f->file, NULL);
    g_autoptr(GError) error = NULL;
    g_assert_true(g_file_set_contents(f->file, text, -1, NULL));
    g_autoptr(SenderTable) table = sender_table_open(spec, &error);
    g_assert_no_error(error);
    for (gsize i = 0; i < G_N_ELEMENTS(rows); i++) {
        g_autoptr(Address) sender = address_parse(rows[i].sender, NULL, NULL);
        g_autoptr(Grant) grant = NULL;
        bool own = false;
        g_test_message("%s", rows[i].sender);
        g_assert_cmpint(sender_table_grant(table, sender, &grant, &own, &error), ==,
                        rows[i].answer);
        g_assert_no_error(error);
        g_assert_cmpint(own, ==, rows[i].own);
        g_assert_cmpint(sender_table_has_own(table, sender, NULL, NULL), ==,
                        rows[i].own ? ANSWER_YES : ANSWER_NO);
        if (grant == NULL)
            continue;
        g_assert_cmpint(grant->verdict, ==, rows[i].verdict);
        g_assert_true(rows[i].covers == NULL || grant_covers(grant, rows[i].covers));
        g_assert_false(grant_covers(grant, "none.example"));
    }
}

/* R2.33: a pattern, or a grant behind one, that is wrong refuses the whole table. */
static void test_patterns_refused(Fixture *f, gconstpointer data)
{
    (void)data;
    static const struct {
        const char *text, *words;
    } rows[] = {
        {"/a/ allow\n/b(/ allow\n", "Line 2 can't be used: the pattern is wrong"},
        {"/a/ allow\n/b/ alow\n", "Line 2: "},
        {"/@(.*)$/ allow domains=$1\n", "Line 1: A grant may have no part of the sender's address"},
        {"/(.*)@/ reject Not you, $1.\n", "Line 1: A grant may have no part of"},
        {"/a/ allow rows=many\n", "Line 1: "},
        {"if /a/\n/a/ allow\n", "Line 1 can't be used: there is no endif"},
        {"/a/\n", "Line 1 can't be used: it has a pattern and no value."},
        {"admin@one.example allow\n", "Line 1 can't be used: a pattern begins with a delimiter"},
    };
    g_autofree char *spec = g_strconcat("pcre:", f->file, NULL);
    for (gsize i = 0; i < G_N_ELEMENTS(rows); i++) {
        g_autoptr(GError) error = NULL;
        g_assert_true(g_file_set_contents(f->file, rows[i].text, -1, NULL));
        g_autoptr(SenderTable) table = sender_table_open(spec, &error);
        g_test_message("%s -> %s", rows[i].text, error != NULL ? error->message : "taken");
        g_assert_null(table);
        g_assert_nonnull(strstr(error->message, spec));
        g_assert_nonnull(strstr(error->message, rows[i].words));
    }
}

/* R7.10 by patterns: a login that would be several addresses owns none. */
static void test_login_patterns(Fixture *f, gconstpointer data)
{
    (void)data;
    static const struct {
        const char *login, *address;
        Answer answer;
    } rows[] = {
        {"jane", "jane@one.example", ANSWER_YES},
        {"JANE", "jane@one.example", ANSWER_YES},
        {"jane", "info@one.example", ANSWER_YES},
        {"jane", "joe@one.example", ANSWER_NO},
        {"", "@one.example", ANSWER_NO},
        {"joe@one.example,x", "joe@one.example", ANSWER_NO},
        {"joe@one.example x", "joe@one.example", ANSWER_NO},
        {"joe@one.example\tx", "joe@one.example", ANSWER_NO},
        {"latin\xe9", "latin@one.example", ANSWER_NO},
    };
    g_autofree char *logins = g_strconcat("pcre:", f->file, NULL);
    Config config = {.sender_table = (char *)"static:{ allow domains=one.example auth=sasl }",
                     .login_map = logins};
    g_autoptr(GError) error = NULL;
    g_assert_true(
        g_file_set_contents(f->file, "/^(.+)$/ $1@one.example, info@one.example\n", -1, NULL));
    g_autoptr(SenderTable) table = sender_table_for(&config, &error);
    g_assert_no_error(error);
    for (gsize i = 0; i < G_N_ELEMENTS(rows); i++) {
        Address address = {.full = (char *)rows[i].address};
        g_test_message("%s and %s", rows[i].login, rows[i].address);
        g_assert_cmpint(sender_table_owns(table, rows[i].login, &address, &error), ==,
                        rows[i].answer);
        g_assert_no_error(error);
    }
    g_assert_true(
        g_file_set_contents(f->file, "/^jane$/ jane@one.example\n/x/ nobody\n", -1, NULL));
    g_assert_null(sender_table_for(&config, &error));
    g_assert_nonnull(strstr(error->message, "login_map: Line 2: \"nobody\" is no address"));
}

static void test_unreadable(Fixture *f, gconstpointer data)
{
    (void)data;
    g_autoptr(GError) error = NULL;
    g_assert_null(sender_table_open(f->spec, &error));
    g_assert_error(error, MAP_ERROR, MAP_ERROR_FAILED);
    g_clear_error(&error);
    g_assert_null(sender_table_open("mysql:/etc/x.cf", &error));
    g_assert_error(error, MAP_ERROR, MAP_ERROR_TYPE);
}

/* The sample that is installed opens as it is, and with every example line taken in. */
static void test_sample(Fixture *f, gconstpointer data)
{
    (void)data;
    g_autofree char *sample = NULL;
    g_autofree char *path = g_test_build_filename(G_TEST_DIST, "policy", "senders", NULL);
    g_autoptr(GError) error = NULL;
    g_assert_true(g_file_get_contents(path, &sample, NULL, &error));
    g_autoptr(SenderTable) plain = open_with(f, sample, &error);
    g_assert_no_error(error);
    g_assert_nonnull(plain);

    /* Example lines are those behind "#" without a blank. */
    g_auto(GStrv) lines = g_strsplit(sample, "\n", -1);
    g_autoptr(GString) examples = g_string_new(NULL);
    unsigned count = 0;
    for (gsize i = 0; lines[i] != NULL; i++) {
        if (lines[i][0] != '#' || lines[i][1] == '\0' || lines[i][1] == ' ')
            continue;
        g_string_append_printf(examples, "%s\n", lines[i] + 1);
        count++;
    }
    g_assert_cmpuint(count, >=, 5);
    g_autoptr(SenderTable) table = open_with(f, examples->str, &error);
    g_assert_no_error(error);
    g_assert_nonnull(table);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add("/sender/grants", Fixture, NULL, set_up, test_grants, tear_down);
    g_test_add("/sender/refused-with-line", Fixture, NULL, set_up, test_refused, tear_down);
    g_test_add("/sender/beyond", Fixture, NULL, set_up, test_beyond, tear_down);
    g_test_add("/sender/lists", Fixture, NULL, set_up, test_lists, tear_down);
    g_test_add("/sender/lists-refused", Fixture, NULL, set_up, test_lists_refused, tear_down);
    g_test_add("/sender/patterns", Fixture, NULL, set_up, test_patterns, tear_down);
    g_test_add("/sender/patterns-refused", Fixture, NULL, set_up, test_patterns_refused, tear_down);
    g_test_add("/sender/login-patterns", Fixture, NULL, set_up, test_login_patterns, tear_down);
    g_test_add("/sender/unreadable", Fixture, NULL, set_up, test_unreadable, tear_down);
    g_test_add("/sender/sample", Fixture, NULL, set_up, test_sample, tear_down);
    return g_test_run();
}
