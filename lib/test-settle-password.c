/* SPDX-License-Identifier: MIT */
#include "lib/settle-fixture.h"

#include <gio/gio.h>
#include <signal.h>
#include <string.h>

/* password_scheme = server: an entry and its password are two operations, at a directory with rules
 * for passwords. A row is never left half done. */

#define POLICY "pwdCheckQuality: 1\npwdMinLength: 8\npwdInHistory: 3\n"

static const MixedRow rows[] = {
    {"ADD FULL u1@one.example PASSWORD=first-of-u1", "created"},
    {"MODIFY FULL u1@one.example PASSWORD=second-of-u1", "changed"},
    {"MODIFY FULL anna@one.example PASSWORD=new-of-anna TITLE=Prof", "changed"},
    {"ADD LIST staff@one.example LIST_MEMBER=u1@one.example", "changed"},
    {"MODIFY FULL u1@one.example PASSWORD=third-of-u1 TITLE=Dr", "changed"},
    /* Too short: nothing of the row stays, and what relied on it is planned anew. */
    {"ADD FULL bad@one.example PASSWORD=short", "failed"},
    {"ADD LIST staff@one.example LIST_MEMBER=bad@one.example", "failed"},
    {"MODIFY FULL bad@one.example TITLE=Dr", "failed"},
    {"ADD FULL bad@one.example PASSWORD=long-enough", "created"},
    {"ADD LIST staff@one.example LIST_MEMBER=bad@one.example", "changed"},
    {"MODIFY FULL bad@one.example PASSWORD=short TITLE=Dr", "failed"},
    {"MODIFY FULL bad@one.example SURNAME=Bad", "changed"},
    {"MODIFY FULL dora@one.example PASSWORD=short TITLE=Dr SURNAME=Dorn PHONE=-", "failed"},
    {"MODIFY FULL ben@one.example PASSWORD=short", "failed"},
    /* The rest of the row is refused: its password is not set. */
    {"MODIFY FULL emma@two.example PASSWORD=never-of-emma COUNTRYNAME=Germany", "failed"},
    {"ADD FULL never@one.example PASSWORD=never-of-it COUNTRYNAME=Germany", "failed"},
    {"ADD FULL gone@one.example PASSWORD=first-of-gone", "created"},
    {"DELETE FULL gone@one.example", "deleted"},
    {"ADD FULL gone@one.example PASSWORD=second-of-gone", "created"},
    {"DELETE FULL ben@one.example", "deleted"},
    {"ADD FULL ben@one.example PASSWORD=new-of-ben", "created"},
    /* A hashed one is taken as it is. */
    {"ADD FULL hashed@one.example PASSWORD={CRYPT}$6$x$y", "created"},
    {"ADD FORWARD f@one.example MAILFORWARD=u1@one.example", "created"},
    {"ADD FULL last@two.example PASSWORD=first-of-last", "created"},
    {"MODIFY FULL last@two.example TITLE=Dr", "changed"},
};
#define ROWS G_N_ELEMENTS(rows)

static const struct {
    const char *dn;
    const char *password; /* NULL: none */
    const char *others[3];
} logins[] = {
    {HERE("u1"), "third-of-u1", {"first-of-u1", "second-of-u1"}},
    {HERE("anna"), "new-of-anna", {NULL}},
    {HERE("bad"), "long-enough", {"short"}},
    {HERE("dora"), NULL, {"short"}},
    {THERE("emma"), NULL, {"never-of-emma"}},
    {HERE("gone"), "second-of-gone", {"first-of-gone"}},
    {HERE("ben"), "new-of-ben", {"short"}},
    {THERE("last"), "first-of-last", {NULL}},
};

static const char *const *texts(void)
{
    static const char *found[ROWS + 1];
    for (guint i = 0; i < ROWS; i++)
        found[i] = rows[i].row;
    return found;
}

static Answer log_in(const char *dn, const char *password)
{
    g_autoptr(GError) error = NULL;
    Answer answer = directory_check_password(other, dn, password, &error);
    g_assert_no_error(error);
    return answer;
}

static void assert_logins(void)
{
    for (guint i = 0; i < G_N_ELEMENTS(logins); i++) {
        if (logins[i].password)
            g_assert_cmpint(log_in(logins[i].dn, logins[i].password), ==, ANSWER_YES);
        for (guint j = 0; logins[i].others[j]; j++)
            g_assert_cmpint(log_in(logins[i].dn, logins[i].others[j]), ==, ANSWER_NO);
    }
}

/* What must come out of the rows, whatever happens on the way. */
static void assert_end(const Run *run, const Run *model)
{
    assert_same(run, model);
    assert_logins();
}

/* R3.50 */
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
    assert_logins();
    g_assert_nonnull(strstr(lines[5], "too short"));
    g_assert_nonnull(
        strstr(lines[5], "(the directory says: Password fails quality checking policy)."));
    g_assert_nonnull(strstr(lines[7], "There is no mailbox"));
    g_assert_nonnull(strstr(run.directory_after, HERE("u1") " userpassword: hash of the server"));
    g_assert_nonnull(strstr(run.directory_after, HERE("hashed") " userpassword: {CRYPT}$6$x$y\n"));
    g_assert_nonnull(strstr(run.directory_after, HERE("dora") " userpassword: {CRYPT}$6$x$y\n"));
    g_assert_nonnull(strstr(run.directory_after, HERE("dora") " batchloadchange: before/1\n"));
    g_assert_nonnull(strstr(run.directory_after, HERE("dora") " sn: dora\n"));
    g_assert_null(strstr(run.directory_after, HERE("dora") " title"));
    g_assert_null(strstr(run.directory_after, HERE("bad") " title"));
    g_assert_null(strstr(run.directory_after, "never@"));
}

static void test_all_done(void)
{
    g_auto(Run) run = {0};
    model_run(&run, texts());
    g_autofree char *outcomes = g_strdup(run.outcomes);
    g_autofree char *after = g_strdup(run.directory_after);
    run_whole(&run);
    assert_same_lines(run.outcomes, outcomes);
    assert_same_lines(run.directory_after, after);
    assert_logins();
}

/* R3.50: cut off anywhere, also between an entry and its password. */
static void test_sweep(void)
{
    sweep(texts(), NULL, 0, 1);
    assert_logins();
}

static void test_sweep_repeatedly(void)
{
    sweep(texts(), NULL, 15, 2);
    assert_logins();
}

/* Cut off again and again, each attempt comes further than the one before. */
static void test_progress(void)
{
    g_autoptr(GPtrArray) many = g_ptr_array_new_with_free_func(g_free);
    g_auto(Run) run = {0};
    g_autoptr(GError) error = NULL;
    for (guint i = 0; i < 40; i++)
        g_ptr_array_add(many,
                        g_strdup_printf("ADD FULL p%u@one.example PASSWORD=password-%u", i, i));
    /* Refused, and tried again by each attempt until it is told. */
    g_ptr_array_insert(many, 0, g_strdup("ADD FULL bad@one.example PASSWORD=short"));
    g_ptr_array_add(many, NULL);
    reset();
    run_start(&run, (const char *const *)many->pdata);
    guint attempts = 0;
    do {
        g_clear_error(&error);
        g_assert_cmpuint(++attempts, <, 20);
        faults.cut = CUT_AFTER;
        faults.budget = 10;
    } while (run_settle(&run, &error) != ANSWER_YES);
    faults.cut = CUT_NONE;
    g_assert_cmpuint(attempts, >, 3);
    g_assert_cmpint(log_in(HERE("p39"), "password-39"), ==, ANSWER_YES);
    g_assert_true(g_str_has_prefix(run.outcomes, "2 failed "));
}

/* --- the server dies between two operations --- */

static void meddle_kill(void)
{
    slapd_fixture_kill(fixture);
}

static void test_killed(void)
{
    g_auto(Run) model = {0};
    model_run(&model, texts());
    guint writes = faults.sent;
    for (guint at = 0; at < writes; at += 3) {
        g_auto(Run) run = {0};
        g_autoptr(GError) error = NULL;
        reset();
        run_start(&run, texts());
        faults.sent = 0;
        faults.meddle = meddle_kill;
        faults.meddle_at = at;
        g_assert_cmpint(run_settle(&run, &error), ==, ANSWER_UNKNOWN);
        slapd_fixture_restart(fixture);
        run_on(&run);
        assert_end(&run, &model);
    }
}

/* --- a way to the server that is cut when an operation of one kind comes by --- */

typedef struct {
    GSocketListener *listener;
    GCancellable *stop;
    GThread *thread;
    char *uri;
    guint8 operation; /* tag of the answer or request at which the way is cut */
    bool answer;      /* of an answer: it does not come; else the request does not go */
    gint left;        /* so many of them pass before */
} Cutter;
#define EXTENDED_REQUEST 0x77
#define EXTENDED_RESPONSE 0x78

static bool read_bytes(GInputStream *from, guint8 *bytes, gsize count)
{
    gsize got = 0;
    return g_input_stream_read_all(from, bytes, count, &got, NULL, NULL) && got == count;
}

/* One message as LDAP frames them; *tag: what it is. Caller owns it. */
static GByteArray *read_message(GInputStream *from, guint8 *tag)
{
    g_autoptr(GByteArray) message = g_byte_array_new();
    guint8 head[2], more[4] = {0};
    gsize length, count = 0;
    if (!read_bytes(from, head, 2))
        return NULL;
    g_byte_array_append(message, head, 2);
    length = head[1];
    if (head[1] & 0x80) {
        count = head[1] & 0x7f;
        length = 0;
        if (count > sizeof more || !read_bytes(from, more, count))
            return NULL;
        g_byte_array_append(message, more, (guint)count);
        for (gsize i = 0; i < count; i++)
            length = length << 8 | more[i];
    }
    g_byte_array_set_size(message, (guint)(2 + count + length));
    if (!read_bytes(from, message->data + 2 + count, length))
        return NULL;
    *tag = message->data[2 + count + 2 + message->data[2 + count + 1]];
    return g_steal_pointer(&message);
}

/* One message from one side to the other. false: the way is closed, or cut. */
static bool pass_on(Cutter *cutter, GIOStream *from, GIOStream *to, bool answer)
{
    guint8 tag = 0;
    g_autoptr(GByteArray) message = read_message(g_io_stream_get_input_stream(from), &tag);
    if (!message || (answer == cutter->answer && tag == cutter->operation &&
                     g_atomic_int_add(&cutter->left, -1) == 0))
        return false;
    return g_output_stream_write_all(g_io_stream_get_output_stream(to), message->data, message->len,
                                     NULL, NULL, NULL);
}

static bool has_input(GSocketConnection *connection)
{
    return g_socket_condition_check(g_socket_connection_get_socket(connection), G_IO_IN) != 0;
}

/* Whole messages arrive at once on such a machine, and none is read half. */
static void serve(Cutter *cutter, GSocketConnection *client)
{
    g_autoptr(GSocketClient) connector = g_socket_client_new();
    const char *at = fixture->tcp_uri + strlen("ldap://");
    g_autoptr(GSocketConnection) server =
        g_socket_client_connect_to_host(connector, at, 389, NULL, NULL);
    GPollFD fds[2];
    g_assert_nonnull(server);
    fds[0].fd = g_socket_get_fd(g_socket_connection_get_socket(client));
    fds[1].fd = g_socket_get_fd(g_socket_connection_get_socket(server));
    fds[0].events = fds[1].events = G_IO_IN | G_IO_HUP;
    for (bool open = true; open && !g_cancellable_is_cancelled(cutter->stop);) {
        g_poll(fds, 2, 50);
        if (has_input(client))
            open = pass_on(cutter, G_IO_STREAM(client), G_IO_STREAM(server), false);
        if (open && has_input(server))
            open = pass_on(cutter, G_IO_STREAM(server), G_IO_STREAM(client), true);
    }
}

static gpointer cutter_run(gpointer data)
{
    Cutter *cutter = data;
    for (;;) {
        g_autoptr(GSocketConnection) client =
            g_socket_listener_accept(cutter->listener, NULL, cutter->stop, NULL);
        if (!client)
            return NULL;
        serve(cutter, client);
    }
}

static void cutter_start(Cutter *cutter)
{
    g_autoptr(GError) error = NULL;
    guint16 port;
    cutter->listener = g_socket_listener_new();
    cutter->stop = g_cancellable_new();
    port = g_socket_listener_add_any_inet_port(cutter->listener, NULL, &error);
    g_assert_no_error(error);
    cutter->uri = g_strdup_printf("ldap://127.0.0.1:%u", port);
    cutter->thread = g_thread_new("cutter", cutter_run, cutter);
}

static void cutter_end(Cutter *cutter)
{
    g_cancellable_cancel(cutter->stop);
    g_thread_join(cutter->thread);
    g_object_unref(cutter->listener);
    g_object_unref(cutter->stop);
    g_free(cutter->uri);
}

/* R3.50: the answer to a password that was set is lost (answer), or the password on its way. */
static void test_cut(gconstpointer data)
{
    bool answer = GPOINTER_TO_UINT(data);
    g_auto(Run) model = {0};
    model_run(&model, texts());
    char *direct = fixture->settings.uri;
    for (gint passed = 0;; passed++) {
        g_auto(Run) run = {0};
        g_autoptr(GError) error = NULL;
        Cutter cutter = {.operation = answer ? EXTENDED_RESPONSE : EXTENDED_REQUEST,
                         .answer = answer,
                         .left = passed};
        reset();
        cutter_start(&cutter);
        fixture->settings.uri = cutter.uri;
        run_start(&run, texts());
        Answer first = run_settle(&run, &error);
        fixture->settings.uri = direct;
        directory_free(run.directory);
        run.directory = run.context.directory = directory_new(&fixture->settings, NULL);
        cutter_end(&cutter);
        g_test_message("%d passed: %s", passed, error ? error->message : "done");
        /* The server may still be at what came before the cut: two passwords set for one entry at
         * the same moment are refused by its own rules, which is no answer. */
        run_on(&run);
        assert_end(&run, &model);
        if (first == ANSWER_YES) {
            g_assert_cmpint(passed, >, 10);
            return;
        }
    }
}

/* --- somebody else between an entry and its password --- */

typedef struct {
    const char *name;
    void (*meddle)(void);
    const char *row;
    const char *outcome;
    const char *holds; /* a line of the directory afterwards, or NULL */
    const char *login; /* of u1@, or NULL */
} Case;

static void edit_u1(void)
{
    replace_value(HERE("u1"), "description", "by hand");
}

static void delete_u1(void)
{
    apply_change(change_new(CHANGE_DELETE, HERE("u1")));
}

static void edit_anna(void)
{
    replace_value(HERE("anna"), "title", "by hand");
}

static const Case cases[] = {
    {"edited-gets-its-password", edit_u1, "ADD FULL u1@one.example PASSWORD=first-of-u1",
     "2 created\n", HERE("u1") " description: by hand", "first-of-u1"},
    {"deleted-is-made-again", delete_u1, "ADD FULL u1@one.example PASSWORD=first-of-u1",
     "2 created\n", HERE("u1") " mail: u1@one.example", "first-of-u1"},
    {"edited-is-taken-back-where-refused", edit_u1, "ADD FULL u1@one.example PASSWORD=short",
     "2 failed The directory does not take this password: it is too short (the directory says: "
     "Password fails quality checking policy).\n",
     NULL, NULL},
    {"what-is-theirs-stays-where-refused", edit_anna,
     "MODIFY FULL anna@one.example PASSWORD=short TITLE=Dr SURNAME=New",
     "2 failed The directory does not take this password: it is too short (the directory says: "
     "Password fails quality checking policy). The rest of the row was done before that, and not "
     "all of it could be taken "
     "back; look at this address.\n",
     HERE("anna") " title: by hand", NULL},
};

static void test_meddle(gconstpointer data)
{
    const Case *one = data;
    const char *const text[] = {one->row, NULL};
    g_auto(Run) run = {0};
    g_autoptr(GError) error = NULL;
    reset();
    run_start(&run, text);
    faults.cut = CUT_WITHIN;
    faults.budget = 0;
    g_assert_cmpint(run_settle(&run, &error), ==, ANSWER_UNKNOWN);
    one->meddle();
    run_whole(&run);
    g_assert_cmpstr(run.outcomes, ==, one->outcome);
    if (one->holds)
        g_assert_nonnull(strstr(run.directory_after, one->holds));
    else
        g_assert_null(strstr(run.directory_after, "u1@one.example"));
    if (one->login)
        g_assert_cmpint(log_in(HERE("u1"), one->login), ==, ANSWER_YES);
    g_assert_null(strstr(run.directory_after, HERE("anna") " sn: New"));
}

/* --- the directory does not say that it can --- */

static void test_not_offered(void)
{
    g_autoptr(SlapdFixture) silent = settle_slapd();
    g_autoptr(GError) error = NULL;
    slapd_fixture_configure(silent, "\nmoduleload back_mdb\n",
                            "\nmoduleload back_mdb\n"
                            "access to dn.base=\"\" attrs=supportedExtension by * none\n"
                            "access to * by * read\n");
    g_autoptr(Directory) directory = directory_new(&silent->settings, &error);
    g_autoptr(Address) requester = address_parse("admin@one.example", NULL, NULL);
    g_autoptr(Grant) grant = grant_parse("allow domains=one.example", requester, &error);
    g_autoptr(Operation) operation =
        test_operation(2, "ADD FULL u1@one.example PASSWORD=first-of-u1");
    PlanContext context = {
        .job = JOB,
        .requester = requester,
        .grant = grant,
        .profile = silent->profile,
        .directory = directory,
        .list_members_max = 1000,
        .password_scheme = PASSWORD_SCHEME_SERVER,
    };
    g_autoptr(Plan) plan = plan_new(&context);
    g_autoptr(PlannedRow) row = NULL;
    g_assert_cmpint(plan_row(plan, operation, &row, &error), ==, ANSWER_UNKNOWN);
    g_assert_error(error, DIRECTORY_ERROR, DIRECTORY_ERROR_SETTINGS);
    g_assert_nonnull(strstr(error->message, "password_scheme"));
    g_assert_null(row);
}

static SlapdFixture *make(void)
{
    static const char *const domains[] = {"one.example", "two.example", NULL};
    return slapd_fixture_with_policy(domains, POLICY);
}

int main(int argc, char **argv)
{
    settle_scheme = PASSWORD_SCHEME_SERVER;
    settle_begin(&argc, &argv, make);
    g_test_add_func("/settle/password/R3.50/uninterrupted", test_uninterrupted);
    g_test_add_func("/settle/password/all-done", test_all_done);
    g_test_add_func("/settle/password/R3.50/sweep", test_sweep);
    g_test_add_func("/settle/password/sweep-repeatedly", test_sweep_repeatedly);
    g_test_add_func("/settle/password/progress", test_progress);
    g_test_add_func("/settle/password/killed", test_killed);
    g_test_add_data_func("/settle/password/answer-lost", GUINT_TO_POINTER(1), test_cut);
    g_test_add_data_func("/settle/password/request-lost", GUINT_TO_POINTER(0), test_cut);
    for (guint i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autofree char *path = g_strdup_printf("/settle/password/between/%s", cases[i].name);
        g_test_add_data_func(path, &cases[i], test_meddle);
    }
    g_test_add_func("/settle/password/not-offered", test_not_offered);
    return settle_end();
}
