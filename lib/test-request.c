/* SPDX-License-Identifier: MIT */
#include "lib/request.h"
#include <errno.h>
#include <fcntl.h>
#include <glib/gstdio.h>
#include <signal.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SANITIZED true
#else
#define SANITIZED false
#endif

#define CSV "DOMAIN;USER;TYPE;ACTION;PASSWORD\nexample.com;anna;FULL;ADD;secret"
#define TOP "From: a@example.com\nSubject: PROCESS\nMIME-Version: 1.0\n"
#define MIXED "Content-Type: multipart/mixed; boundary=b\n\n"
#define TEXT "--b\nContent-Type: text/plain\n\nPassword: s3cret\nBatchload: ref-1\n\n"
#define TABLE "Content-Type: text/csv; name=batchload.csv\n"

static const RequestLimits usual = {
    .message_bytes_max = 100 << 20,
    .attachment_bytes_max = 64 << 20,
    .mime_depth_max = 20,
    .mime_parts_max = 200,
    .header_bytes_max = 256 << 10,
    .parser_memory_max = 512 << 20,
    .parser_cpu_seconds = 20,
    .parser_seconds = 60,
};

static char *helper_path(void)
{
    return g_test_build_filename(G_TEST_BUILT, "batchload-parse", NULL);
}

/* --- mails --- */

/* A mail made while it is read: begin, then times × body, then end. */
typedef struct {
    const char *begin;
    const char *body;
    guint64 times;
    const char *end;
} Mail;

typedef struct {
    GInputStream parent;
    const Mail *mail;
    guint64 step;
    gsize at;
} MailStream;
typedef GInputStreamClass MailStreamClass;
GType mail_stream_get_type(void);
G_DEFINE_TYPE(MailStream, mail_stream, G_TYPE_INPUT_STREAM)

static const char *mail_step(const MailStream *stream)
{
    const Mail *mail = stream->mail;
    return stream->step == 0 ? mail->begin : stream->step <= mail->times ? mail->body : mail->end;
}

static gssize mail_read(GInputStream *stream, void *buffer, gsize size,
                        GCancellable *cancellable G_GNUC_UNUSED, GError **error G_GNUC_UNUSED)
{
    MailStream *mail = (MailStream *)stream;
    gsize done = 0;
    while (done < size && mail->step <= mail->mail->times + 1) {
        const char *text = mail_step(mail);
        gsize piece = MIN(strlen(text + mail->at), size - done);
        memcpy((char *)buffer + done, text + mail->at, piece);
        done += piece;
        mail->at += piece;
        if (text[mail->at] == '\0') {
            mail->step++;
            mail->at = 0;
        }
    }
    return (gssize)done;
}

static void mail_stream_class_init(MailStreamClass *class)
{
    class->read_fn = mail_read;
}

static void mail_stream_init(MailStream *stream G_GNUC_UNUSED)
{
}

static GInputStream *open_mail(gpointer data, GError **error G_GNUC_UNUSED)
{
    MailStream *stream = g_object_new(mail_stream_get_type(), NULL);
    stream->mail = data;
    return &stream->parent;
}

static const Mail good_mail = {TOP MIXED TEXT "--b\n" TABLE "\n", CSV, 1, "\n--b--\n"};

/* --- stopped in the middle --- */

/* The first piece of the mail is read when the child is shut in and reads it. */
static gssize stop_read(GInputStream *stream, void *buffer, gsize size, GCancellable *cancellable,
                        GError **error)
{
    MailStream *mail = (MailStream *)stream;
    if (mail->step == 0 && mail->at == 0) {
        kill(0, SIGTERM);
        kill(0, SIGINT);
        kill(0, SIGHUP);
    }
    return mail_read(stream, buffer, MIN(size, 100), cancellable, error);
}

typedef MailStream StopStream;
typedef GInputStreamClass StopStreamClass;
GType stop_stream_get_type(void);
G_DEFINE_TYPE(StopStream, stop_stream, mail_stream_get_type())

static void stop_stream_class_init(StopStreamClass *class)
{
    class->read_fn = stop_read;
}

static void stop_stream_init(StopStream *stream G_GNUC_UNUSED)
{
}

static GInputStream *open_stopping(gpointer data, GError **error G_GNUC_UNUSED)
{
    MailStream *stream = g_object_new(stop_stream_get_type(), NULL);
    stream->mail = data;
    return &stream->parent;
}

/* A stop is sent to all processes of a service: the mail in work is no damaged one by that. */
static void test_stopped(void)
{
    if (!g_test_subprocess()) {
        g_test_trap_subprocess(NULL, 0, G_TEST_SUBPROCESS_INHERIT_STDERR);
        g_test_trap_assert_passed();
        return;
    }
    setpgid(0, 0);
    signal(SIGTERM, SIG_IGN);
    signal(SIGINT, SIG_IGN);
    signal(SIGHUP, SIG_IGN);
    g_autoptr(GError) error = NULL;
    g_autofree char *helper = helper_path();
    g_autoptr(RequestReader) reader =
        request_reader_new(helper, &usual, open_stopping, (gpointer)&good_mail, &error);
    g_assert_no_error(error);
    g_assert_nonnull(request_reader_request(reader, NULL, &error));
    g_assert_no_error(error);
}

/* --- the way through --- */

static GString *read_all(GInputStream *stream, GError **error)
{
    GString *all = g_string_new(NULL);
    char piece[1000];
    gssize got;
    while ((got = g_input_stream_read(stream, piece, sizeof piece, NULL, error)) > 0)
        g_string_append_len(all, piece, got);
    if (got == 0)
        return all;
    g_string_free(all, TRUE);
    return NULL;
}

static void test_good(void)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *helper = helper_path();
    g_autoptr(RequestReader) reader =
        request_reader_new(helper, &usual, open_mail, (gpointer)&good_mail, &error);
    g_assert_no_error(error);
    g_autofree char *reference = NULL;
    const Request *request = request_reader_request(reader, &reference, &error);
    g_assert_no_error(error);
    g_assert_cmpstr(request->password, ==, "s3cret");
    g_assert_cmpstr(request->reference, ==, "ref-1");
    g_assert_cmpstr(reference, ==, "ref-1");
    g_assert_cmpint(request->mode, ==, MODE_APPLY);
    g_assert_true(request_reader_request(reader, NULL, NULL) == request);
    g_autoptr(GInputStream) table = request_reader_table(reader);
    GString *csv = read_all(table, &error);
    g_assert_no_error(error);
    g_assert_cmpstr(csv->str, ==, CSV);
    g_string_free(csv, TRUE);
}

/* R2.15: where the grant asks for none, a mail without password is a request; one that is there is
 * handed on. */
static void test_password_optional(void)
{
    static const Mail without = {TOP TABLE "\n", CSV, 1, "\n"};
    g_autofree char *helper = helper_path();
    RequestLimits limits = usual;
    limits.password_optional = true;
    for (unsigned i = 0; i < 2; i++) {
        g_autoptr(GError) error = NULL;
        const Mail *mail = i == 0 ? &without : &good_mail;
        g_autoptr(RequestReader) reader =
            request_reader_new(helper, &limits, open_mail, (gpointer)mail, &error);
        g_assert_no_error(error);
        const Request *request = request_reader_request(reader, NULL, &error);
        g_assert_no_error(error);
        g_assert_cmpstr(request->password, ==, i == 0 ? "" : "s3cret");
        g_autoptr(GInputStream) table = request_reader_table(reader);
        GString *csv = read_all(table, &error);
        g_assert_no_error(error);
        g_assert_nonnull(strstr(csv->str, CSV));
        g_string_free(csv, TRUE);
    }
}

/* Reading stops, wherever it is, without a trace. */
/* Only the child of a reader that was started ahead: there, and shut in, before there is a mail. */
static pid_t only_child(void)
{
    g_autofree char *text = NULL;
    g_autofree char *path =
        g_strdup_printf("/proc/self/task/%d/children", (int)syscall(SYS_gettid));
    g_assert_true(g_file_get_contents(path, &text, NULL, NULL));
    return (pid_t)g_ascii_strtoll(text, NULL, 10);
}

/* Started ahead: for one mail, and only with the limits it was started with. */
static void test_prepared(void)
{
    g_autofree char *helper = helper_path();
    g_autoptr(GError) error = NULL;
    RequestLimits other = usual;
    other.password_optional = true;
    g_autoptr(RequestReader) reader = request_reader_prepare(helper, &usual, &error);
    g_assert_no_error(error);
    g_assert_true(request_reader_waits(reader, &usual));
    g_assert_false(request_reader_waits(reader, &other));
    g_assert_true(request_reader_begin(reader, open_mail, (gpointer)&good_mail, &error));
    g_assert_false(request_reader_waits(reader, &usual));
    const Request *request = request_reader_request(reader, NULL, &error);
    g_assert_no_error(error);
    g_assert_cmpstr(request->reference, ==, "ref-1");
    g_assert_false(request_reader_waits(reader, &usual));
    g_clear_pointer(&reader, request_reader_free);
    /* Ended by somebody while it waits. */
    reader = request_reader_prepare(helper, &usual, &error);
    g_assert_true(request_reader_waits(reader, &usual));
    g_assert_cmpint(kill(only_child(), SIGKILL), ==, 0);
    while (request_reader_waits(reader, &usual))
        g_usleep(1000);
}

static void test_abandoned(void)
{
    g_autofree char *helper = helper_path();
    for (int stage = 0; stage < 3; stage++) {
        g_autoptr(RequestReader) reader =
            request_reader_new(helper, &usual, open_mail, (gpointer)&good_mail, NULL);
        if (stage >= 1)
            g_assert_nonnull(request_reader_request(reader, NULL, NULL));
        if (stage >= 2)
            g_object_unref(request_reader_table(reader));
    }
}

static void check_ended(const RequestReader *reader, const char *ended)
{
    const char *words = request_reader_ended(reader);
    if (ended == NULL)
        g_assert_null(words);
    else if (*ended == '\0')
        g_test_message("%s", words != NULL ? words : "it ended by itself");
    else if (words == NULL || strstr(words, ended) == NULL)
        g_error("%s is not in: %s", ended, words);
}

/* ended: what the log is to say of the child's end; NULL: nothing; "": anything. */
static void expect_end(const char *helper, const RequestLimits *limits, const Mail *mail, int code,
                       const char *word, const char *ended)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *reference = NULL;
    g_autoptr(RequestReader) reader =
        request_reader_new(helper, limits, open_mail, (gpointer)mail, &error);
    GString *csv = NULL;
    if (reader != NULL && request_reader_request(reader, &reference, &error) != NULL) {
        g_autoptr(GInputStream) table = request_reader_table(reader);
        csv = read_all(table, &error);
    }
    g_assert_null(csv);
    g_assert_error(error, REQUEST_ERROR, code);
    if (word != NULL && strstr(error->message, word) == NULL)
        g_error("%s is not in: %s", word, error->message);
    g_assert_null(strstr(error->message, "s3cret"));
    if (reader == NULL)
        return;
    check_ended(reader, ended);
    g_assert_nonnull(reference);
    g_autoptr(GError) again = NULL;
    g_assert_null(request_reader_request(reader, NULL, &again));
    g_assert_error(again, REQUEST_ERROR, code);
}

static void expect(const char *helper, const RequestLimits *limits, const Mail *mail, int code,
                   const char *word)
{
    expect_end(helper, limits, mail, code, word, NULL);
}

/* --- refusals and their words --- */

typedef struct {
    const char *name;
    Mail mail;
    RequestError code;
    const char *word;
} Refusal;

static const Refusal refusals[] = {
    {"R2.25/message",
     {TOP MIXED TEXT "--b\n" TABLE "\n", CSV, 2 << 20, "\n--b--\n"},
     REQUEST_ERROR_TOO_LARGE,
     "message_bytes_max"},
    {"R2.25/parts",
     {TOP MIXED TEXT, "--b\n\n", 600000, "--b--\n"},
     REQUEST_ERROR_TOO_LARGE,
     "mime_parts_max"},
    {"R2.25/parts-100000",
     {TOP MIXED TEXT, "--b\nContent-Type: a/b\n\nx\n", 100000, "--b--\n"},
     REQUEST_ERROR_TOO_LARGE,
     "mime_parts_max"},
    {"R2.25/depth",
     {TOP, "Content-Type: multipart/mixed; boundary=b\n\n--b\n", 100000, "\n"},
     REQUEST_ERROR_TOO_LARGE,
     "mime_depth_max"},
    {"R2.25/endless-header",
     {TOP "X-Long:", " 0123456789", 6 << 20, "\n\n"},
     REQUEST_ERROR_TOO_LARGE,
     "header_bytes_max"},
    {"R2.25/endless-headers",
     {TOP, "X-Long: 0123456789\n", 4 << 20, "\n\n"},
     REQUEST_ERROR_TOO_LARGE,
     "header_bytes_max"},
    {"R2.25/endless-header-in-part",
     {TOP MIXED TEXT "--b\nX-Long:", " 0123456789", 1 << 16, "\n\n"},
     REQUEST_ERROR_TOO_LARGE,
     "header_bytes_max"},
    {"R2.29/winmail",
     {TOP MIXED TEXT "--b\nContent-Type: application/ms-tnef\n\nx\n--b--\n", "", 0, ""},
     REQUEST_ERROR_NO_TABLE,
     "winmail.dat"},
    {"R2.30/uuencoded",
     {TOP MIXED TEXT "--b\nContent-Type: text/plain\n\nbegin 644 batchload.csv\n--b--\n", "", 0,
      ""},
     REQUEST_ERROR_UNREADABLE,
     "uuencoded"},
    {"R2.23/none", {TOP MIXED TEXT "--b--\n", "", 0, ""}, REQUEST_ERROR_NO_TABLE, "batchload.csv"},
    {"R2.23/two",
     {TOP MIXED TEXT, "--b\n" TABLE "\n\n", 2, "--b--\n"},
     REQUEST_ERROR_SEVERAL_TABLES,
     "batchload.csv"},
    {"R2.17/unknown",
     {TOP "Mode: try\n" MIXED TEXT "--b\n" TABLE "\n", CSV, 1, "\n--b--\n"},
     REQUEST_ERROR_KEYWORD,
     "apply, check or atomic"},
    {"R2.19/password",
     {TOP "Password: x\n" MIXED TEXT "--b\n" TABLE "\n", CSV, 1, "\n--b--\n"},
     REQUEST_ERROR_KEYWORD,
     "Password:"},
    {"R2.15/none", {TOP TABLE "\n", CSV, 1, "\n"}, REQUEST_ERROR_NO_PASSWORD, "Password:"},
    {"unreadable/nul-free-truncated",
     {TOP MIXED TEXT "--b\n" TABLE "\n", CSV, 1, "\n"},
     REQUEST_ERROR_UNREADABLE,
     "end is missing"},
    {"unreadable/partial",
     {TOP "Content-Type: message/partial; id=x\n\n", "x", 1, "\n"},
     REQUEST_ERROR_UNREADABLE,
     "message/partial"},
    {"unreadable/two-types",
     {TOP "Content-Type: a/b\n" TABLE "\n", CSV, 1, "\n"},
     REQUEST_ERROR_UNREADABLE,
     "header"},
    {"unreadable/two-boundaries",
     {TOP "Content-Type: multipart/mixed; boundary=a; boundary=b\n\n"
          "--a\n\nx\n--a--\n",
      "", 0, ""},
     REQUEST_ERROR_UNREADABLE,
     "twice"},
};

static void test_refusal(gconstpointer data)
{
    const Refusal *row = data;
    g_autofree char *helper = helper_path();
    expect(helper, &usual, &row->mail, (int)row->code, row->word);
}

static void test_attachment(void)
{
    RequestLimits limits = usual;
    g_autofree char *helper = helper_path();
    limits.attachment_bytes_max = strlen(CSV) - 1;
    expect(helper, &limits, &good_mail, REQUEST_ERROR_TOO_LARGE, "attachment_bytes_max");
}

/* --- hostile mails --- */

static const char groups_begin[] = TOP MIXED "--b\nContent-Type: message/rfc822\n\n"
                                             "From: a@example.com\nTo: ";

/* 60,000 groups in each other in an attached mail's header: the stack holds them. */
static void test_groups(void)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *helper = helper_path();
    Mail mail = {groups_begin, "g:", 60000, "\n\nx\n" TEXT "--b\n" TABLE "\n\n--b--\n"};
    g_autoptr(RequestReader) reader = request_reader_new(helper, &usual, open_mail, &mail, &error);
    const Request *request = request_reader_request(reader, NULL, &error);
    g_assert_no_error(error);
    g_assert_cmpstr(request->password, ==, "s3cret");
}

/* So many that no stack holds them, where the limits let them come so far: the child dies of its
 * mail, and the next one is read. */
static void test_endless_groups(void)
{
    RequestLimits limits = usual;
    limits.header_bytes_max = 64 << 20;
    if (SANITIZED)
        limits.parser_cpu_seconds = 3; /* whose stack is the larger one: its time is up first */
    g_autofree char *helper = helper_path();
    const Mail mail = {groups_begin, "g:", 8 << 20, "\n\nx\n--b--\n"};
    expect_end(helper, &limits, &mail, REQUEST_ERROR_UNREADABLE, NULL, "");
    test_good();
}

/* Memory without end, where the limits let it. */
static void test_memory(void)
{
    RequestLimits limits = usual;
    limits.mime_parts_max = 100000000;
    limits.parser_memory_max = 300 << 20;
    limits.parser_cpu_seconds = SANITIZED ? 2 : 60; /* which has no limit of memory */
    g_autofree char *helper = helper_path();
    const Mail mail = {TOP MIXED TEXT, "--b\n\n", 15 << 20, "--b--\n"};
    expect_end(helper, &limits, &mail, REQUEST_ERROR_UNREADABLE, "parser_memory_max",
               SANITIZED ? "SIGXCPU" : "no more memory");
}

/* Processor time without end. */
static void test_processor(void)
{
    RequestLimits limits = usual;
    limits.mime_parts_max = 100000000;
    limits.parser_memory_max = 8ULL << 30;
    limits.parser_cpu_seconds = 1;
    g_autofree char *helper = helper_path();
    const Mail mail = {TOP MIXED TEXT, "--b\n\n", 15 << 20, "--b--\n"};
    expect_end(helper, &limits, &mail, REQUEST_ERROR_UNREADABLE, "parser_cpu_seconds", "SIGXCPU");
}

static guint64 resident_peak(void)
{
    struct rusage usage;
    getrusage(RUSAGE_CHILDREN, &usage);
    return (guint64)usage.ru_maxrss * 1024;
}

/* 60 MB of base64 pass through; the children of this process took little memory before, and take
 * little now. It runs in a process of its own, for the peak is that of all children. */
static void test_large_inside(void)
{
    static const char line[] =
        "QUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFB\r\n";
    g_autofree char *helper = helper_path();
    g_autoptr(GError) error = NULL;
    test_good();
    guint64 small = resident_peak();
    Mail mail = {TOP MIXED TEXT "--b\nContent-Transfer-Encoding: base64\n" TABLE "\n", line,
                 60000000 / strlen(line), "\n--b--\n"};
    g_autoptr(RequestReader) reader = request_reader_new(helper, &usual, open_mail, &mail, &error);
    g_assert_nonnull(request_reader_request(reader, NULL, &error));
    g_autoptr(GInputStream) table = request_reader_table(reader);
    guint64 bytes = 0;
    char piece[65536];
    gssize got;
    while ((got = g_input_stream_read(table, piece, sizeof piece, NULL, &error)) > 0)
        bytes += (guint64)got;
    g_assert_no_error(error);
    g_assert_cmpuint(bytes, ==, mail.times * 57);
    g_clear_object(&table);
    g_clear_pointer(&reader, request_reader_free);
    guint64 large = resident_peak();
    g_test_message("peak of a small mail %" G_GUINT64_FORMAT " kB, of 60 MB %" G_GUINT64_FORMAT
                   " kB",
                   small / 1024, large / 1024);
    g_assert_cmpuint(large, <=, small + (4 << 20));
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
    g_assert_cmpuint(large, <, 25 << 20);
#endif
}

static void test_large(void)
{
    if (g_test_subprocess()) {
        test_large_inside();
        return;
    }
    g_test_trap_subprocess(NULL, 0,
                           G_TEST_SUBPROCESS_INHERIT_STDERR | G_TEST_SUBPROCESS_INHERIT_STDOUT);
    g_test_trap_assert_passed();
}

/* --- children that go wrong --- */

typedef struct {
    const char *name;
    RequestError code;
    const char *word;
    const char *ended; /* as the log has it */
} Wrong;

static const Wrong wrongs[] = {
    {"early", REQUEST_ERROR_CHILD, NULL, NULL},
    {"killed", REQUEST_ERROR_CUT, NULL, NULL},
    {"killed-late", REQUEST_ERROR_CUT, NULL, NULL},
    {"broken-pipe", REQUEST_ERROR_CUT, NULL, NULL},
    {"crash", REQUEST_ERROR_UNREADABLE, NULL, "SIGSEGV"},
    {"no-memory", REQUEST_ERROR_UNREADABLE, NULL, "no more memory"},
    {"no-time", REQUEST_ERROR_UNREADABLE, NULL, "SIGXCPU"},
    {"forbidden", REQUEST_ERROR_UNREADABLE, NULL, "SIGSYS"},
    {"closed", REQUEST_ERROR_UNREADABLE, NULL, NULL},
    {"hang", REQUEST_ERROR_UNREADABLE, "parser_seconds", NULL},
    {"twice-ready", REQUEST_ERROR_UNREADABLE, NULL, NULL},
    {"no-record", REQUEST_ERROR_UNREADABLE, NULL, NULL},
    {"long-frame", REQUEST_ERROR_UNREADABLE, NULL, NULL},
    {"bad-record", REQUEST_ERROR_UNREADABLE, NULL, NULL},
    {"bad-reason", REQUEST_ERROR_UNREADABLE, NULL, NULL},
    {"bad-mode", REQUEST_ERROR_UNREADABLE, NULL, NULL},
    {"no-mode", REQUEST_ERROR_UNREADABLE, NULL, NULL},
    {"bad-password", REQUEST_ERROR_UNREADABLE, NULL, NULL},
    {"bad-reference", REQUEST_ERROR_UNREADABLE, NULL, NULL},
    {"rewinds", REQUEST_ERROR_UNREADABLE, NULL, NULL},
    {"crash-late", REQUEST_ERROR_UNREADABLE, NULL, "SIGSEGV"},
    {"record-twice", REQUEST_ERROR_UNREADABLE, NULL, NULL},
    {"flood", REQUEST_ERROR_TOO_LARGE, "attachment_bytes_max", NULL},
};

static void test_wrong(gconstpointer data)
{
    const Wrong *row = data;
    g_autofree char *folder = g_dir_make_tmp("batchload-XXXXXX", NULL);
    g_autofree char *helper = g_build_filename(folder, row->name, NULL);
    g_autofree char *program = g_test_build_filename(G_TEST_BUILT, "parse-helper", NULL);
    g_autofree char *target = g_canonicalize_filename(program, NULL);
    g_assert_cmpint(symlink(target, helper), ==, 0);
    RequestLimits limits = usual;
    limits.parser_seconds = strcmp(row->name, "hang") == 0 ? 1 : 60;
    limits.attachment_bytes_max = 1 << 20;
    expect_end(helper, &limits, &good_mail, (int)row->code, row->word, row->ended);
    g_unlink(helper);
    g_rmdir(folder);
}

static void test_no_helper(void)
{
    expect("/nonexistent/batchload-parse", &usual, &good_mail, REQUEST_ERROR_CHILD, NULL);
    expect("/dev/null", &usual, &good_mail, REQUEST_ERROR_CHILD, NULL);
    /* A program that ends without a word. */
    expect("/bin/false", &usual, &good_mail, REQUEST_ERROR_CHILD, NULL);
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
    /* No memory to begin with is a setting, not the mail. */
    RequestLimits limits = usual;
    limits.parser_memory_max = 1 << 20;
    g_autofree char *helper = helper_path();
    expect(helper, &limits, &good_mail, REQUEST_ERROR_CHILD, NULL);
#endif
}

/* --- the spool goes wrong --- */

static GInputStream *open_nothing(gpointer data G_GNUC_UNUSED, GError **error)
{
    g_set_error_literal(error, G_IO_ERROR, G_IO_ERROR_NOT_FOUND, "gone");
    return NULL;
}

typedef struct {
    const Mail *mail;
    unsigned times;
} Once;

static GInputStream *open_once(gpointer data, GError **error)
{
    Once *once = data;
    return once->times++ == 0 ? open_mail((gpointer)once->mail, error) : open_nothing(NULL, error);
}

static void test_opener(void)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *helper = helper_path();
    g_assert_null(request_reader_new(helper, &usual, open_nothing, NULL, &error));
    g_assert_error(error, REQUEST_ERROR, REQUEST_ERROR_CHILD);
    g_clear_error(&error);
    /* A small mail is sent once; one of more than 64 kB is opened again. */
    const Mail large = {TOP MIXED TEXT "--b\n" TABLE "\n", CSV, (70 << 10) / strlen(CSV),
                        "\n--b--\n"};
    Once once = {&good_mail, 0}, twice = {&large, 0};
    g_autoptr(RequestReader) small = request_reader_new(helper, &usual, open_once, &once, &error);
    g_assert_no_error(error);
    g_assert_nonnull(request_reader_request(small, NULL, &error));
    g_assert_cmpuint(once.times, ==, 1);
    g_autoptr(RequestReader) reader = request_reader_new(helper, &usual, open_once, &twice, &error);
    g_assert_no_error(error);
    g_assert_null(request_reader_request(reader, NULL, &error));
    g_assert_error(error, REQUEST_ERROR, REQUEST_ERROR_CHILD);
    g_assert_cmpuint(twice.times, ==, 2);
}

/* --- what the child is given --- */

/* A descriptor of this process that is not close-on-exec does not reach the child: it would keep
 * the pipe open after both ends were closed here. */
static void test_descriptors(void)
{
    int ends[2];
    g_assert_cmpint(pipe(ends), ==, 0);
    g_autofree char *helper = helper_path();
    g_autoptr(RequestReader) reader =
        request_reader_new(helper, &usual, open_mail, (gpointer)&good_mail, NULL);
    g_assert_nonnull(request_reader_request(reader, NULL, NULL));
    close(ends[1]);
    char byte;
    g_assert_cmpint(read(ends[0], &byte, 1), ==, 0);
    close(ends[0]);
}

static void test_time(void)
{
    const unsigned count = 50;
    gint64 before = g_get_monotonic_time();
    for (unsigned i = 0; i < count; i++)
        test_good();
    g_test_message("a small mail takes %.2f ms",
                   (double)(g_get_monotonic_time() - before) / 1000 / count);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/request/good", test_good);
    g_test_add_func("/request/stopped", test_stopped);
    g_test_add_func("/request/R2.15/optional", test_password_optional);
    g_test_add_func("/request/prepared", test_prepared);
    g_test_add_func("/request/abandoned", test_abandoned);
    for (gsize i = 0; i < G_N_ELEMENTS(refusals); i++) {
        g_autofree char *path = g_strdup_printf("/request/%s", refusals[i].name);
        g_test_add_data_func(path, &refusals[i], test_refusal);
    }
    g_test_add_func("/request/R2.25/attachment", test_attachment);
    g_test_add_func("/request/hostile/groups", test_groups);
    g_test_add_func("/request/hostile/endless-groups", test_endless_groups);
    g_test_add_func("/request/hostile/memory", test_memory);
    g_test_add_func("/request/hostile/processor", test_processor);
    g_test_add_func("/request/large", test_large);
    for (gsize i = 0; i < G_N_ELEMENTS(wrongs); i++) {
        g_autofree char *path = g_strdup_printf("/request/child/%s", wrongs[i].name);
        g_test_add_data_func(path, &wrongs[i], test_wrong);
    }
    g_test_add_func("/request/child/none", test_no_helper);
    g_test_add_func("/request/opener", test_opener);
    g_test_add_func("/request/descriptors", test_descriptors);
    g_test_add_func("/request/time", test_time);
    return g_test_run();
}
