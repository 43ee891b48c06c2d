/* SPDX-License-Identifier: MIT */
#include "lib/submit.h"

#include <curl/curl.h>
#include <glib/gstdio.h>
#include <grp.h>
#include <pwd.h>
#include <signal.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define MASTER "/usr/lib/postfix/sbin/master"
#define SENDMAIL "/usr/sbin/sendmail"
#define SECONDS 20 /* that anything may take */
#define SIZE_LIMIT 100000

static void test_target(void)
{
    static const struct {
        const char *target;
        bool valid;
    } rows[] = {
        {"smtp://127.0.0.1:10026", true},
        {"smtp://mx.example.com", true},
        {"smtp://[::1]:25", true},
        {"sendmail:/usr/sbin/sendmail", true},
        {"", false},
        {"smtp://", false},
        {"smtp:127.0.0.1", false},
        {"smtps://127.0.0.1", false},
        {"http://127.0.0.1", false},
        {"smtp://127.0.0.1:99999", false},
        {"smtp://127.0.0.1:25/x", false},
        {"smtp://127.0.0.1:25?x", false},
        {"smtp://u@127.0.0.1", false},
        {"smtp://u:p@127.0.0.1", false},
        {"sendmail:", false},
        {"sendmail:sendmail", false},
        {"/usr/sbin/sendmail", false},
    };

    for (gsize i = 0; i < G_N_ELEMENTS(rows); i++) {
        g_autoptr(GError) error = NULL;
        g_test_message("%s", rows[i].target);
        g_assert_cmpint(submit_target_valid(rows[i].target, &error), ==, rows[i].valid);
        g_assert_cmpint(error == NULL, ==, rows[i].valid);
    }
}

/* --- a private Postfix --- */

typedef struct {
    char *folder, *mailbox, *smtp, *sendmail;
    char *closed; /* answers 554 to everybody who connects */
    GPid master;
} Postfix;

/* A port of loopback that was free a moment ago, and the socket that has it until it is let go. */
static guint free_port(GSocket **keep)
{
    g_autoptr(GSocket) probe =
        g_socket_new(G_SOCKET_FAMILY_IPV4, G_SOCKET_TYPE_STREAM, G_SOCKET_PROTOCOL_TCP, NULL);
    g_autoptr(GSocketAddress) any = g_inet_socket_address_new_from_string("127.0.0.1", 0);
    g_autoptr(GSocketAddress) bound = NULL;

    g_assert_true(g_socket_bind(probe, any, TRUE, NULL));
    bound = g_socket_get_local_address(probe, NULL);
    if (keep != NULL)
        *keep = g_object_ref(probe);
    return g_inet_socket_address_get_port(G_INET_SOCKET_ADDRESS(bound));
}

static char *make_folder(const char *base, const char *name, mode_t mode, const char *user,
                         const char *group)
{
    char *path = g_build_filename(base, name, NULL);
    struct passwd *owner = getpwnam(user);
    struct group *members = getgrnam(group);

    g_assert_cmpint(g_mkdir_with_parents(path, 0755), ==, 0);
    g_assert_cmpint(chown(path, owner->pw_uid, members->gr_gid), ==, 0);
    g_assert_cmpint(chmod(path, mode), ==, 0);
    return path;
}

static void make_queue(const char *folder)
{
    static const struct {
        const char *name;
        mode_t mode;
        const char *user, *group;
    } rows[] = {
        {"queue", 0755, "root", "root"},
        {"queue/pid", 0755, "root", "root"},
        {"queue/maildrop", 01730, "postfix", "postdrop"},
        {"queue/public", 02710, "postfix", "postdrop"},
        {"queue/private", 0700, "postfix", "root"},
        {"queue/active", 0700, "postfix", "root"},
        {"queue/bounce", 0700, "postfix", "root"},
        {"queue/corrupt", 0700, "postfix", "root"},
        {"queue/defer", 0700, "postfix", "root"},
        {"queue/deferred", 0700, "postfix", "root"},
        {"queue/flush", 0700, "postfix", "root"},
        {"queue/hold", 0700, "postfix", "root"},
        {"queue/incoming", 0700, "postfix", "root"},
        {"queue/saved", 0700, "postfix", "root"},
        {"queue/trace", 0700, "postfix", "root"},
        {"data", 0700, "postfix", "root"},
        {"mail", 0755, "nobody", "nogroup"},
        {"conf", 0755, "root", "root"},
    };

    for (gsize i = 0; i < G_N_ELEMENTS(rows); i++) {
        g_autofree char *path G_GNUC_UNUSED =
            make_folder(folder, rows[i].name, rows[i].mode, rows[i].user, rows[i].group);
    }
}

static const char main_cf[] =
    "compatibility_level = 3.6\nqueue_directory = @/queue\ndata_directory = @/data\n"
    "meta_directory = /etc/postfix\ndaemon_directory = /usr/lib/postfix/sbin\n"
    "command_directory = /usr/sbin\nmaillog_file = @/mail.log\n"
    "maillog_file_prefixes = /var,/dev/stdout,/tmp\ninet_interfaces = 127.0.0.1\n"
    "inet_protocols = ipv4\nmynetworks = 127.0.0.0/8\nmyhostname = mx.example.net\n"
    "mydestination =\nsmtp_host_lookup = native\ndisable_dns_lookups = yes\n"
    "smtpd_peername_lookup = no\ndefault_database_type = lmdb\nalias_maps =\nalias_database =\n"
    "local_recipient_maps =\nin_flow_delay = 0\ndefault_transport = error\n"
    "message_size_limit = " G_STRINGIFY(
        SIZE_LIMIT) "\n"
                    "virtual_mailbox_domains = example.com\nvirtual_mailbox_maps = static:box\n"
                    "virtual_mailbox_base = @/mail\nvirtual_uid_maps = static:65534\n"
                    "virtual_gid_maps = static:65534\nvirtual_minimum_uid = 1\n"
                    "smtpd_recipient_restrictions = check_recipient_access "
                    "inline:{{no@example.com = 550 5.1.1 not here}, {later@example.com = 450 4.2.0 "
                    "not now}}, "
                    "permit_mynetworks, reject\n";

static const char master_cf[] =
    "127.0.0.1:%u inet n - n - - smtpd\n"
    "127.0.0.1:%u inet n - n - - smtpd -o smtpd_delay_reject=no -o "
    "smtpd_client_restrictions=reject\n"
    "pickup unix n - n 60 1 pickup\ncleanup unix n - n - 0 cleanup\nqmgr unix n - n 300 1 qmgr\n"
    "rewrite unix - - n - - trivial-rewrite\nbounce unix - - n - 0 bounce\n"
    "defer unix - - n - 0 bounce\ntrace unix - - n - 0 bounce\nproxymap unix - - n - - proxymap\n"
    "error unix - - n - - error\nretry unix - - n - - error\nvirtual unix - n n - - virtual\n"
    "anvil unix - - n - 1 anvil\npostlog unix-dgram n - n - 1 postlogd\n";

static void own_session(gpointer data G_GNUC_UNUSED)
{
    setsid(); /* master(8) kills its process group */
}

static bool answers(guint port)
{
    g_autoptr(GSocketClient) client = g_socket_client_new();
    g_autoptr(GSocketConnection) connection =
        g_socket_client_connect_to_host(client, "127.0.0.1", (guint16)port, NULL, NULL);
    return connection != NULL;
}

static void postfix_start(Postfix *postfix)
{
    g_autoptr(GSocket) keep = NULL; /* so that the two differ */
    const guint port = free_port(&keep), closed = free_port(NULL);
    const gint64 end = g_get_monotonic_time() + SECONDS * G_USEC_PER_SEC;
    g_autofree char *conf = g_build_filename(postfix->folder, "conf", NULL);
    g_autofree char *main_path = g_build_filename(conf, "main.cf", NULL);
    g_autofree char *master_path = g_build_filename(conf, "master.cf", NULL);
    g_autofree char *services = g_strdup_printf(master_cf, port, closed);
    g_autoptr(GString) settings = g_string_new(main_cf);
    const char *argv[] = {MASTER, "-c", conf, "-d", NULL};
    g_autoptr(GError) error = NULL;

    g_clear_object(&keep);
    make_queue(postfix->folder);
    {
        g_autofree char *base = g_strconcat(" ", postfix->folder, "/", NULL);
        g_string_replace(settings, " @/", base, 0);
    }
    g_assert_true(g_file_set_contents(main_path, settings->str, -1, NULL));
    g_assert_true(g_file_set_contents(master_path, services, -1, NULL));
    g_setenv("MAIL_CONFIG", conf, TRUE);
    postfix->smtp = g_strdup_printf("smtp://127.0.0.1:%u", port);
    postfix->closed = g_strdup_printf("smtp://127.0.0.1:%u", closed);
    postfix->sendmail = g_strdup("sendmail:" SENDMAIL);
    postfix->mailbox = g_build_filename(postfix->folder, "mail", "box", NULL);
    g_assert_true(g_spawn_async(NULL, (char **)argv, NULL, G_SPAWN_DO_NOT_REAP_CHILD, own_session,
                                NULL, &postfix->master, &error));
    g_assert_no_error(error);
    while (!answers(port)) {
        g_assert_cmpint(g_get_monotonic_time(), <, end);
        g_usleep(5000);
    }
}

static void remove_tree(const char *path)
{
    g_autoptr(GDir) dir = NULL;
    const char *name;

    if (!g_file_test(path, G_FILE_TEST_IS_SYMLINK) && g_file_test(path, G_FILE_TEST_IS_DIR))
        dir = g_dir_open(path, 0, NULL);
    while (dir != NULL && (name = g_dir_read_name(dir)) != NULL) {
        g_autofree char *inner = g_build_filename(path, name, NULL);
        remove_tree(inner);
    }
    g_remove(path);
}

static void setup(Postfix *postfix, gconstpointer data G_GNUC_UNUSED)
{
    if (geteuid() != 0 || g_access(MASTER, X_OK) != 0) {
        g_test_skip("needs root and Postfix");
        return;
    }
    postfix->folder = g_build_filename(g_get_tmp_dir(), "blsubXXXXXX", NULL);
    g_assert_nonnull(g_mkdtemp_full(postfix->folder, 0711));
    g_assert_cmpint(chmod(postfix->folder, 0711), ==, 0);
    postfix_start(postfix);
}

static void teardown(Postfix *postfix, gconstpointer data G_GNUC_UNUSED)
{
    if (postfix->folder == NULL)
        return;
    kill(postfix->master, SIGTERM);
    waitpid(postfix->master, NULL, 0);
    remove_tree(postfix->folder);
    g_free(postfix->folder);
    g_free(postfix->mailbox);
    g_free(postfix->smtp);
    g_free(postfix->closed);
    g_free(postfix->sendmail);
    g_unsetenv("MAIL_CONFIG");
}

/* The mailbox, as soon as word stands in it. */
static char *wait_for(const Postfix *postfix, const char *word)
{
    const gint64 end = g_get_monotonic_time() + SECONDS * G_USEC_PER_SEC;
    g_autofree char *log = g_build_filename(postfix->folder, "mail.log", NULL);

    while (g_get_monotonic_time() < end) {
        char *text = NULL;
        if (g_file_get_contents(postfix->mailbox, &text, NULL, NULL) && strstr(text, word) != NULL)
            return text;
        g_free(text);
        g_usleep(10000);
    }
    {
        g_autofree char *lines = NULL;
        g_file_get_contents(log, &lines, NULL, NULL);
        g_test_message("%s", lines);
    }
    g_error("\"%s\" did not reach the mailbox", word);
}

static guint64 announced; /* to the last submit() */

static Answer submit_by(Submission *ahead, const char *target, unsigned seconds,
                        const char *recipient, const char *text, GError **error)
{
    SubmitSettings settings = {(char *)target, (char *)"batch.example.net", seconds};
    g_autoptr(GInputStream) message =
        g_memory_input_stream_new_from_data(text, (gssize)strlen(text), NULL);
    return submit_message(&settings, recipient, ahead, message, &announced, error);
}

static Answer submit(const char *target, unsigned seconds, const char *recipient, const char *text,
                     GError **error)
{
    return submit_by(NULL, target, seconds, recipient, text, error);
}

static Submission *begin(const char *target, unsigned seconds, const char *recipient)
{
    SubmitSettings settings = {(char *)target, (char *)"batch.example.net", seconds};
    return submission_begin(&settings, recipient);
}

#define HEAD "Subject: test\r\nMessage-ID: <1@example.net>\r\n\r\n"

/* Lines arrive as they were, from the null sender. */
static void deliver(const Postfix *postfix, const char *target)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *box = NULL, *filler = g_strnfill(60000, 'x');
    g_autoptr(GString) text = g_string_new(HEAD "first\r\n.\r\n..two dots\r\n");

    for (int i = 0; i < 600; i++)
        g_string_append_printf(text, "%.*s\r\n", 100, filler);
    g_string_append(text, "last-line\r\n");
    g_assert_cmpint(submit(target, SECONDS, "Anna@Example.com", text->str, &error), ==, ANSWER_YES);
    g_assert_no_error(error);
    box = wait_for(postfix, "last-line");
    g_assert_nonnull(strstr(box, "Return-Path: <>\n"));
    g_assert_nonnull(strstr(box, "To: anna@example.com\n")); /* Delivered-To */
    g_assert_nonnull(strstr(box, "\nfirst\n.\n..two dots\nxxx"));
    g_assert_null(strchr(box, '\r'));
}

static void test_smtp(Postfix *postfix, gconstpointer data G_GNUC_UNUSED)
{
    g_autofree char *box = NULL;
    if (postfix->folder == NULL)
        return;
    deliver(postfix, postfix->smtp);
    box = wait_for(postfix, "batch.example.net"); /* our name, in Received */
}

static void test_sendmail(Postfix *postfix, gconstpointer data G_GNUC_UNUSED)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(GString) big = g_string_new(HEAD);

    if (postfix->folder == NULL)
        return;
    deliver(postfix, postfix->sendmail);
    while (big->len < 2 * SIZE_LIMIT)
        g_string_append(big, "too much of it\r\n");
    g_assert_cmpint(submit(postfix->sendmail, SECONDS, "anna@example.com", big->str, &error), !=,
                    ANSWER_YES);
    g_assert_nonnull(error);
    g_test_message("%s", error->message);
}

/* What a 5xx or 4xx is, and when. */
static void test_refused(Postfix *postfix, gconstpointer data G_GNUC_UNUSED)
{
    g_autoptr(GString) big = g_string_new(HEAD);
    g_autoptr(GError) error = NULL;

    if (postfix->folder == NULL)
        return;
    g_assert_cmpint(submit(postfix->smtp, SECONDS, "no@example.com", HEAD, &error), ==, ANSWER_NO);
    g_assert_error(error, SUBMIT_ERROR, SUBMIT_ERROR_REFUSED);
    g_assert_nonnull(strstr(error->message, "550 5.1.1"));
    g_assert_nonnull(strstr(error->message, "not here"));
    g_clear_error(&error);
    g_assert_cmpint(submit(postfix->smtp, SECONDS, "later@example.com", HEAD, &error), ==,
                    ANSWER_UNKNOWN);
    g_assert_error(error, SUBMIT_ERROR, SUBMIT_ERROR_AWAY);
    g_assert_nonnull(strstr(error->message, "not now"));
    g_clear_error(&error);
    /* a server that takes nothing from us says nothing of the message */
    g_assert_cmpint(submit(postfix->closed, SECONDS, "anna@example.com", HEAD, &error), ==,
                    ANSWER_UNKNOWN);
    g_assert_error(error, SUBMIT_ERROR, SUBMIT_ERROR_AWAY);
    g_assert_nonnull(strstr(error->message, "554"));
    g_clear_error(&error);
    while (big->len < 2 * SIZE_LIMIT)
        g_string_append(big, "too much of it\r\n");
    g_assert_cmpint(submit(postfix->smtp, SECONDS, "anna@example.com", big->str, &error), ==,
                    ANSWER_NO);
    g_assert_error(error, SUBMIT_ERROR, SUBMIT_ERROR_TOO_LARGE);
    g_assert_cmpuint(announced, ==, SIZE_LIMIT);
    g_assert_nonnull(strstr(error->message, "552"));
}

/* A server that says what a row has it say: the first reply greets, the others answer commands. */
typedef struct {
    const char *ehlo;  /* lines of the answer to EHLO, "|" between them */
    const char *after; /* the answer to the message */
    SubmitError error;
    guint64 announced;
    bool cut;    /* the connection, behind that answer */
    bool silent; /* to QUIT */
} Server;

static gpointer serve(gpointer data)
{
    gpointer *both = data;
    const Server *row = both[1];
    g_autoptr(GSocket) client = g_socket_accept(both[0], NULL, NULL);
    g_autoptr(GSocketConnection) connection = g_socket_connection_factory_create_connection(client);
    g_autoptr(GDataInputStream) in =
        g_data_input_stream_new(g_io_stream_get_input_stream(G_IO_STREAM(connection)));
    GOutputStream *out = g_io_stream_get_output_stream(G_IO_STREAM(connection));
    g_autofree char *ehlo = g_strconcat("250-x|", row->ehlo, NULL), *line = NULL;
    g_autoptr(GString) lines = g_string_new(ehlo);
    bool in_data = false;

    g_string_replace(lines, "|", "\r\n", 0);
    g_string_append(lines, "\r\n");
    g_data_input_stream_set_newline_type(in, G_DATA_STREAM_NEWLINE_TYPE_CR_LF);
    g_output_stream_write_all(out, "220 x\r\n", 7, NULL, NULL, NULL);
    while ((line = g_data_input_stream_read_line(in, NULL, NULL, NULL)) != NULL) {
        const char *reply = "250 ok\r\n";
        if (g_str_has_prefix(line, "EHLO"))
            reply = lines->str;
        else if (g_str_equal(line, "DATA"))
            reply = "354 go on\r\n";
        else if (in_data)
            reply = g_str_equal(line, ".") ? row->after : "";
        else if (g_str_equal(line, "QUIT") && row->silent)
            reply = "";
        in_data = (in_data || g_str_equal(line, "DATA")) && !g_str_equal(line, ".");
        g_output_stream_write_all(out, reply, strlen(reply), NULL, NULL, NULL);
        if (reply == row->after && row->cut)
            break;
        g_clear_pointer(&line, g_free);
    }
    return NULL;
}

static Answer submit_to(const Server *row, GError **error)
{
    g_autoptr(GSocket) listener = NULL;
    g_autofree char *target = g_strdup_printf("smtp://127.0.0.1:%u", free_port(&listener));
    gpointer both[] = {listener, (gpointer)row};
    g_assert_true(g_socket_listen(listener, NULL));
    GThread *server = g_thread_new("server", serve, both);
    g_test_message("%s, %s", row->ehlo, row->after);
    Answer answer = submit(target, SECONDS, "anna@example.com", HEAD "some text\r\n", error);
    g_thread_join(server);
    return answer;
}

/* Begun before the message is there: one copy of it arrives, and of what is dropped nothing; what
 * the server said meanwhile is what counts. */
static void test_ahead(Postfix *postfix, gconstpointer data G_GNUC_UNUSED)
{
    g_autoptr(GError) error = NULL;
    if (postfix->folder == NULL)
        return;
    Submission *ahead = begin(postfix->smtp, SECONDS, "anna@example.com");
    g_assert_nonnull(ahead);
    submission_free(begin(postfix->smtp, SECONDS, "anna@example.com"));
    g_assert_cmpint(
        submit_by(ahead, postfix->smtp, SECONDS, "anna@example.com", HEAD "by-ahead\r\n", &error),
        ==, ANSWER_YES);
    g_assert_no_error(error);
    g_assert_cmpint(submit(postfix->smtp, SECONDS, "anna@example.com", HEAD "fence\r\n", &error),
                    ==, ANSWER_YES);
    g_free(wait_for(postfix, "fence"));
    g_autofree char *box = wait_for(postfix, "by-ahead");
    g_auto(GStrv) mails = g_strsplit(box, "Return-Path: <>\n", -1);
    g_assert_cmpuint(g_strv_length(mails), ==, 3); /* before the first nothing */

    ahead = begin(postfix->smtp, SECONDS, "no@example.com");
    g_assert_cmpint(submit_by(ahead, postfix->smtp, SECONDS, "no@example.com", HEAD, &error), ==,
                    ANSWER_NO);
    g_assert_error(error, SUBMIT_ERROR, SUBMIT_ERROR_REFUSED);
    g_assert_nonnull(strstr(error->message, "not here"));
    g_assert_null(begin(postfix->sendmail, SECONDS, "anna@example.com"));
    g_assert_null(begin(postfix->smtp, SECONDS, "anna"));
}

/* It waits only so long for the message, which then goes by a connection of its own. */
static void test_ahead_too_long(void)
{
    static const Server row = {"250 HELP", "250 taken\r\n", .cut = false};
    g_autoptr(GSocket) listener = NULL;
    g_autoptr(GError) error = NULL;
    g_autofree char *target = g_strdup_printf("smtp://127.0.0.1:%u", free_port(&listener));
    gpointer both[] = {listener, (gpointer)&row};
    g_assert_true(g_socket_listen(listener, NULL));
    GThread *server = g_thread_new("server", serve, both);
    Submission *ahead = begin(target, 1, "anna@example.com");
    g_thread_join(server); /* the connection has ended */
    server = g_thread_new("server", serve, both);
    g_assert_cmpint(
        submit_by(ahead, target, SECONDS, "anna@example.com", HEAD "some text\r\n", &error), ==,
        ANSWER_YES);
    g_assert_no_error(error);
    g_thread_join(server);
}

/* SIZE in the answer to EHLO, in all its forms. */
static void test_announced(void)
{
    static const Server rows[] = {
        {"250-SIZE 10|250 HELP", "554 no\r\n", SUBMIT_ERROR_TOO_LARGE, .announced = 10},
        {"250 size 100000", "552 no\r\n", SUBMIT_ERROR_TOO_LARGE, .announced = 100000},
        {"250-SIZE 100000|250 HELP", "554 no\r\n", SUBMIT_ERROR_REFUSED, .announced = 100000},
        {"250-SIZE 10|250 HELP", "451 no\r\n", SUBMIT_ERROR_AWAY, .announced = 10},
        {"250 SIZE", "552 no\r\n", SUBMIT_ERROR_REFUSED, .announced = 0},
        {"250 SIZE 0", "552 no\r\n", SUBMIT_ERROR_REFUSED, .announced = 0},
        {"250 SIZE 1x", "552 no\r\n", SUBMIT_ERROR_REFUSED, .announced = 0},
        {"250 SIZE 99999999999999999999999", "552 no\r\n", SUBMIT_ERROR_REFUSED, .announced = 0},
        {"250 SIZES 10", "552 no\r\n", SUBMIT_ERROR_REFUSED, .announced = 0},
    };
    for (gsize i = 0; i < G_N_ELEMENTS(rows); i++) {
        g_autoptr(GError) error = NULL;
        submit_to(&rows[i], &error);
        g_assert_error(error, SUBMIT_ERROR, (int)rows[i].error);
        g_assert_cmpuint(announced, ==, rows[i].announced);
    }
}

/* What is said in half is not said. */
static void test_half(void)
{
    static const Server rows[] = {
        {"250 HELP", "550-no\r\n", SUBMIT_ERROR_AWAY, .cut = true},
        {"250 HELP", "550-no\r\n550-never\r\n", SUBMIT_ERROR_AWAY, .cut = true},
        {"250 HELP", "550-no\r\n55", SUBMIT_ERROR_AWAY, .cut = true},
        {"250 SIZE 10", "552-no\r\n", SUBMIT_ERROR_AWAY, .cut = true},
        {"250 HELP", "250-taken\r\n", SUBMIT_ERROR_AWAY, .cut = true},
        {"250 HELP", "", SUBMIT_ERROR_AWAY, .cut = true},
        {"250 HELP", "550-no\r\n550 never\r\n", SUBMIT_ERROR_REFUSED, .cut = true},
        {"250 HELP", "550 no\r\n", SUBMIT_ERROR_REFUSED, .cut = true},
        {"250 HELP", "550\r\n", SUBMIT_ERROR_REFUSED, .cut = true},
    };
    for (gsize i = 0; i < G_N_ELEMENTS(rows); i++) {
        g_autoptr(GError) error = NULL;
        Answer answer = submit_to(&rows[i], &error);
        g_assert_error(error, SUBMIT_ERROR, (int)rows[i].error);
        g_assert_cmpint(answer, ==,
                        rows[i].error == SUBMIT_ERROR_AWAY ? ANSWER_UNKNOWN : ANSWER_NO);
    }
}

/* What was taken is taken, and nobody waits long for the good-bye. */
static void test_no_goodbye(void)
{
    static const Server row = {"250 HELP", "250 taken\r\n", .silent = true};
    g_autoptr(GError) error = NULL;
    gint64 start = g_get_monotonic_time();
    g_assert_cmpint(submit_to(&row, &error), ==, ANSWER_YES);
    g_assert_no_error(error);
    g_assert_cmpint(g_get_monotonic_time() - start, <, SECONDS * G_USEC_PER_SEC);
}

/* A message that can't be read to its end is not delivered in part. */
static void broken_message(Postfix *postfix, const char *target)
{
    g_autofree char *half = g_strdup(HEAD "half-a-message\r\n"), *box = NULL;
    SubmitSettings settings = {(char *)target, NULL, SECONDS};
    g_autoptr(GError) error = NULL;

    {
        g_autoptr(GInputStream) first =
            g_memory_input_stream_new_from_data(half, (gssize)strlen(half), NULL);
        g_autoptr(GInputStream) message = g_buffered_input_stream_new(first);
        char byte;
        /* the base is closed behind its back after the first block */
        g_assert_cmpint(g_input_stream_read(message, &byte, 1, NULL, NULL), ==, 1);
        g_input_stream_close(first, NULL, NULL);
        g_assert_cmpint(
            submit_message(&settings, "anna@example.com", NULL, message, &announced, &error), ==,
            ANSWER_UNKNOWN);
        g_assert_error(error, SUBMIT_ERROR, SUBMIT_ERROR_AWAY);
        g_assert_nonnull(strstr(error->message, "can't be read"));
    }
    g_clear_error(&error);
    g_assert_cmpint(submit(target, SECONDS, "anna@example.com", HEAD "the-fence\r\n", &error), ==,
                    ANSWER_YES);
    box = wait_for(postfix, "the-fence");
    g_assert_null(strstr(box, "half-a-message"));
    g_remove(postfix->mailbox);
}

static void test_broken_message(Postfix *postfix, gconstpointer data G_GNUC_UNUSED)
{
    if (postfix->folder == NULL)
        return;
    broken_message(postfix, postfix->smtp);
    broken_message(postfix, postfix->sendmail);
}

/* --- without a mail server --- */

static void test_nobody_there(void)
{
    g_autoptr(GSocket) keep = NULL;
    g_autofree char *target = g_strdup_printf("smtp://127.0.0.1:%u", free_port(&keep));
    g_autoptr(GError) error = NULL;
    gint64 start;

    /* bound, not listening: refused */
    g_assert_cmpint(submit(target, SECONDS, "anna@example.com", HEAD, &error), ==, ANSWER_UNKNOWN);
    g_assert_error(error, SUBMIT_ERROR, SUBMIT_ERROR_AWAY);
    g_clear_error(&error);
    /* listening, silent: the bound holds */
    g_assert_true(g_socket_listen(keep, NULL));
    start = g_get_monotonic_time();
    g_assert_cmpint(submit(target, 1, "anna@example.com", HEAD, &error), ==, ANSWER_UNKNOWN);
    g_assert_error(error, SUBMIT_ERROR, SUBMIT_ERROR_AWAY);
    g_assert_cmpint(g_get_monotonic_time() - start, <, SECONDS * G_USEC_PER_SEC);
}

static void test_recipient(void)
{
    static const char *const bad[] = {"", "anna", "a@b.c\r\nDATA", "<a@b.c>", "a@b.c b@b.c"};

    for (gsize i = 0; i < G_N_ELEMENTS(bad); i++) {
        g_autoptr(GError) error = NULL;
        g_assert_cmpint(submit("sendmail:/nonexistent", 1, bad[i], HEAD, &error), ==, ANSWER_NO);
        g_assert_error(error, SUBMIT_ERROR, SUBMIT_ERROR_REFUSED);
    }
}

/* sendmail(1) by its exit code; a script stands in for it. */
static void test_exit_codes(void)
{
    static const struct {
        const char *script;
        Answer answer;
    } rows[] = {
        {"cat >/dev/null; exit 0", ANSWER_YES},
        {"cat >/dev/null; exit 65", ANSWER_NO},
        {"exit 67", ANSWER_NO},
        {"cat >/dev/null; exit 68", ANSWER_NO},
        {"cat >/dev/null; exit 75", ANSWER_UNKNOWN},
        {"cat >/dev/null; exit 64", ANSWER_UNKNOWN},
        {"cat >/dev/null; exit 1", ANSWER_UNKNOWN},
        {"exit 0", ANSWER_UNKNOWN}, /* without having read it */
        {"kill -9 $$", ANSWER_UNKNOWN},
        {"cat >/dev/null; exec sleep 1000", ANSWER_UNKNOWN},
        {"exec sleep 1000", ANSWER_UNKNOWN},
        /* its arguments: no shell, null sender, the recipient last */
        {"cat >/dev/null; test \"$*\" = '-i -f <> -- -x@example.com' && test $# = 5", ANSWER_YES},
    };
    g_autofree char *folder = g_dir_make_tmp("submit-XXXXXX", NULL);
    g_autofree char *path = g_build_filename(folder, "sendmail", NULL);
    g_autofree char *target = g_strconcat("sendmail:", path, NULL);
    g_autoptr(GString) big = g_string_new(HEAD);

    while (big->len < 1 << 20)
        g_string_append(big, "more than a pipe holds\r\n");
    for (gsize i = 0; i < G_N_ELEMENTS(rows); i++) {
        g_autofree char *script = g_strconcat("#!/bin/sh\n", rows[i].script, "\n", NULL);
        g_autoptr(GError) error = NULL;
        const unsigned seconds = strstr(script, "sleep") != NULL ? 1 : SECONDS;
        g_test_message("%s", rows[i].script);
        g_assert_true(g_file_set_contents(path, script, -1, NULL));
        g_assert_cmpint(g_chmod(path, 0755), ==, 0);
        g_assert_cmpint(submit(target, seconds, "-x@example.com", big->str, &error), ==,
                        rows[i].answer);
        g_assert_cmpint(error == NULL, ==, rows[i].answer == ANSWER_YES);
    }
    g_unlink(path);
    g_rmdir(folder);
    {
        g_autoptr(GError) error = NULL;
        g_assert_cmpint(submit(target, 1, "a@example.com", HEAD, &error), ==, ANSWER_UNKNOWN);
        g_assert_error(error, SUBMIT_ERROR, SUBMIT_ERROR_AWAY);
    }
}

#define ADD(name, func) g_test_add("/submit/" name, Postfix, NULL, setup, func, teardown)

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    curl_global_init(CURL_GLOBAL_DEFAULT);
    g_test_add_func("/submit/target", test_target);
    g_test_add_func("/submit/recipient", test_recipient);
    g_test_add_func("/submit/nobody-there", test_nobody_there);
    g_test_add_func("/submit/exit-codes", test_exit_codes);
    g_test_add_func("/submit/R4.9/announced", test_announced);
    g_test_add_func("/submit/R4.10/half", test_half);
    g_test_add_func("/submit/no-goodbye", test_no_goodbye);
    g_test_add_func("/submit/ahead-too-long", test_ahead_too_long);
    ADD("smtp", test_smtp);
    ADD("ahead", test_ahead);
    ADD("sendmail", test_sendmail);
    ADD("refused", test_refused);
    ADD("broken-message", test_broken_message);
    return g_test_run();
}
