/* SPDX-License-Identifier: MIT */
#include "milter/header.h"
#include "milter/mailbox.h"
#include "milter/session.h"
#include <glib/gstdio.h>
#include <gmime/gmime.h>
#include <string.h>
#include <sys/stat.h>

static const char senders[] = "admin@somedomain.com allow\n"
                              "hr@somedomain.com allow envelope=any\n"
                              "auto@somedomain.com allow automatic=yes\n"
                              "gone@somedomain.com discard\n"
                              "bad@somedomain.com reject Go away, 100%\n"
                              "dom.example allow domains=dom.example\n"
                              "xn--bcher-kva.example allow domains=xn--bcher-kva.example\n"
                              "batch_load@ibpmail.com allow\n";

/* A table of the types to come that can't be asked just now. */
static bool table_away;
Answer __real_sender_table_grant(SenderTable *table, const Address *sender, Grant **grant,
                                 bool *own_key, GError **error);
Answer __wrap_sender_table_grant(SenderTable *table, const Address *sender, Grant **grant,
                                 bool *own_key, GError **error);

Answer __wrap_sender_table_grant(SenderTable *table, const Address *sender, Grant **grant,
                                 bool *own_key, GError **error)
{
    if (!table_away)
        return __real_sender_table_grant(table, sender, grant, own_key, error);
    g_set_error_literal(error, MAP_ERROR, MAP_ERROR_FAILED, "nobody answers");
    return ANSWER_UNKNOWN;
}

/* A spool, a sender table and a log of its own. */
typedef struct {
    char *folder, *log;
    Config config;
    SenderTable *senders;
    Spool *spool;
    SessionWorld world;
    gsize logged; /* bytes of the log looked at */
} Fixture;

/* One log for the program: it can be opened once. */
static char *log_folder;
static char *log_path;

static void remove_tree(const char *path)
{
    g_autoptr(GDir) dir = g_dir_open(path, 0, NULL);
    const char *name = NULL;
    while (dir != NULL && (name = g_dir_read_name(dir)) != NULL) {
        g_autofree char *child = g_build_filename(path, name, NULL);
        remove_tree(child);
    }
    g_remove(path);
}

static void open_spool(Fixture *f)
{
    g_autoptr(GError) error = NULL;
    f->spool = spool_open(&f->config.spool, &error);
    g_assert_no_error(error);
    f->world.spool = f->spool;
}

static void set_up(Fixture *f, gconstpointer data)
{
    (void)data;
    static const char *const batch[] = {"batch_load@ibpmail.com", "second@ibpmail.com", NULL};
    g_autoptr(GError) error = NULL;
    f->folder = g_dir_make_tmp("batchload-session-XXXXXX", NULL);
    g_assert_nonnull(f->folder);
    g_autofree char *table = g_build_filename(f->folder, "senders", NULL);
    g_autofree char *spec = g_strconcat("texthash:", table, NULL);
    g_assert_true(g_file_set_contents(table, senders, -1, NULL));
    f->senders = sender_table_open(spec, &error);
    g_assert_no_error(error);
    f->config.batch_addresses = g_strdupv((char **)batch);
    f->config.request.message_bytes_max = 100000;
    f->config.request.header_bytes_max = 20000;
    f->config.spool = (SpoolSettings){
        .directory = g_build_filename(f->folder, "spool", NULL),
        .key_file = g_build_filename(f->folder, "key", NULL),
        .jobs_max = 1000,
        .bytes_max = 100000000,
        .duplicate_days = 3,
        .keep_days = 3,
    };
    g_assert_true(seal_key_create(f->config.spool.key_file, &error));
    f->world = (SessionWorld){&f->config, f->senders, NULL};
    open_spool(f);
    struct stat status;
    f->logged = g_stat(log_path, &status) == 0 ? (gsize)status.st_size : 0;
}

static void tear_down(Fixture *f, gconstpointer data)
{
    (void)data;
    spool_close(f->spool);
    sender_table_free(f->senders);
    g_strfreev(f->config.batch_addresses);
    g_free(f->config.spool.directory);
    g_free(f->config.spool.key_file);
    remove_tree(f->folder);
    g_free(f->folder);
}

/* The lines logged since the last look. */
static char *new_log(Fixture *f)
{
    g_autofree char *text = NULL;
    gsize size = 0;
    if (!g_file_get_contents(log_path, &text, &size, NULL))
        return g_strdup("");
    char *fresh = g_strdup(text + f->logged);
    f->logged = size;
    return fresh;
}

static void count_job(gpointer data, const Job *job)
{
    (void)job;
    (*(unsigned *)data)++;
}

static unsigned count_jobs(Fixture *f)
{
    unsigned count = 0;
    g_autoptr(GError) error = NULL;
    spool_list(f->spool, true, count_job, &count, &error);
    g_assert_no_error(error);
    return count;
}

/* A mail as a table row has it; NULL: the default. */
typedef struct {
    const char *name;
    const char *envelope; /* MAIL FROM */
    const char *to;       /* RCPT arguments, separated by '|' */
    const char *login;
    const char *from;    /* the From header's value; "" for none */
    const char *subject; /* likewise */
    const char *more;    /* more headers, "Name: value" lines */
    bool reject_subject; /* wrong_subject = reject */
    SessionVerdict verdict;
    unsigned jobs;
    const char *action, *reason; /* in the log line */
    const char *reply;
} Case;

#define US "<batch_load@ibpmail.com>"
#define LOOKALIKE "\xd0\xb0" /* a Cyrillic a */

static void send_lines(Session *session, const char *lines)
{
    g_auto(GStrv) all = g_strsplit(lines, "\r", -1);
    for (gsize i = 0; all[i] != NULL && *all[i] != '\0'; i++) {
        char *colon = strchr(all[i], ':');
        g_assert_nonnull(colon);
        *colon = '\0';
        session_header(session, all[i], colon + 1);
    }
}

static void send_headers(Session *session, const Case *row, const char *message_id)
{
    g_autofree char *id = g_strconcat(" ", message_id, NULL);
    const char *from = row->from != NULL ? row->from : " admin@somedomain.com";
    const char *subject = row->subject != NULL ? row->subject : " PROCESS";
    session_header(session, "Message-ID", id);
    if (*from != '\0')
        session_header(session, "From", from);
    if (*subject != '\0')
        session_header(session, "Subject", subject);
    if (row->more != NULL)
        send_lines(session, row->more);
}

static void send_envelope(Session *session, const Fixture *f, const Case *row)
{
    const char *envelope = row->envelope != NULL ? row->envelope : "<admin@somedomain.com>";
    g_auto(GStrv) to = g_strsplit(row->to != NULL ? row->to : US, "|", -1);
    g_assert_cmpint(session_mail(session, &f->world, envelope, row->login), ==, SESSION_CONTINUE);
    for (gsize i = 0; to[i] != NULL; i++)
        session_recipient(session, to[i]);
    session_queue_id(session, "4Q1");
}

static SessionVerdict send_mail(Session *session, Fixture *f, const Case *row,
                                const char *message_id)
{
    static const char body[] = "Password: canary\r\n\r\nbody\r\n";
    f->config.wrong_subject_reject = row->reject_subject;
    send_envelope(session, f, row);
    SessionVerdict verdict = session_data(session);
    if (verdict != SESSION_CONTINUE)
        return verdict;
    send_headers(session, row, message_id);
    g_assert_cmpint(session_end_of_header(session), ==, SESSION_CONTINUE);
    g_assert_cmpint(session_body(session, body, sizeof(body) - 1), ==, SESSION_CONTINUE);
    return session_end(session);
}

#define IGNORE(WHY) .verdict = SESSION_TAKE, .action = "ignore", .reason = WHY
#define JOB .verdict = SESSION_TAKE, .jobs = 1, .action = "accept", .reason = "accepted"

static const Case cases[] = {
    /* R2.1 to R2.5: recipients */
    {"R2.1 plain", JOB},
    {"R2.1 case", .to = "<Batch_LOAD@IBPmail.COM>", JOB},
    {"R2.1 parameters", .to = US " NOTIFY=NEVER ORCPT=rfc822;x@y.org", JOB},
    {"R2.1 route", .to = "<@relay.org,@b.org:batch_load@ibpmail.com>", JOB},
    {"R2.1 quoted", .to = "<\"batch_load\"@ibpmail.com>", JOB},
    {"R2.1 quoted pair", .to = "<\"batch\\_load\"@ibpmail.com>", JOB},
    {"R2.1 sendmail", .to = "batch_load@ibpmail.com", JOB},
    {"R2.1 not ours", .to = "<user@ibpmail.com>", .verdict = SESSION_ACCEPT},
    {"R2.1 other domain", .to = "<batch_load@other.com>", .verdict = SESSION_ACCEPT},
    {"R2.1 sub-domain", .to = "<batch_load@x.ibpmail.com>", .verdict = SESSION_ACCEPT},
    {"R2.1 extension", .to = "<batch_load+x@ibpmail.com>", .verdict = SESSION_ACCEPT},
    {"R2.1 trailing dot", .to = "<batch_load@ibpmail.com.>", .verdict = SESSION_ACCEPT},
    {"R2.1 no domain", .to = "<batch_load>", .verdict = SESSION_ACCEPT},
    {"R2.1 in a parameter", .to = "<x@y.org> ORCPT=rfc822;batch_load@ibpmail.com",
     .verdict = SESSION_ACCEPT},
    {"R2.1 in quotes", .to = "<\"batch_load@ibpmail.com\"@y.org>", .verdict = SESSION_ACCEPT},
    {"R2.1 look-alike", .to = "<b" LOOKALIKE "tch_load@ibpmail.com>", .verdict = SESSION_ACCEPT},
    {"R2.1 broken", .to = "<batch_load@ibpmail.com", .verdict = SESSION_ACCEPT},
    {"R2.3 several", .to = US "|<second@ibpmail.com>|<BATCH_load@ibpmail.com>", JOB},
    {"R2.4 others too", .to = "<x@y.org>|" US, JOB},

    /* R2.6: From */
    {"R2.6 display name", .from = " Ann Admin <admin@somedomain.com>", JOB},
    {"R2.6 encoded display name",
     .from = " =?utf-8?q?J=C3=B6rg_boss=40other=2Eorg?= <admin@somedomain.com>", JOB},
    {"R2.6 quoted display name", .from = " \"boss@other.org, x\" <admin@somedomain.com>", JOB},
    {"R2.6 raw 8-bit display name", .from = " J\xf6rg <admin@somedomain.com>", JOB},
    {"R2.6 comment", .from = " admin@somedomain.com (boss@other.org (nested))", JOB},
    {"R2.6 folded", .from = " Ann\n Admin\n\t<admin@somedomain.com>", JOB},
    {"R2.6 case", .from = " ADMIN@SomeDomain.COM", JOB},
    {"R2.6 quoted local part", .from = " \"admin\"@somedomain.com", JOB},
    {"R2.6 Unicode domain is its A-label",
     .from = " a@b\xc3\xbc"
             "cher.example",
     .envelope = "<a@xn--bcher-kva.example>", JOB},
    {"R2.6 by the domain", .from = " x@dom.example", .envelope = "<x@dom.example>", JOB},
    {"R2.6 none", .from = "", IGNORE("there is no From header")},
    {"R2.6 empty", .from = " ", IGNORE("From holds no address")},
    {"R2.6 two headers", .more = "From: admin@somedomain.com", IGNORE("several From headers")},
    {"R2.6 two addresses", .from = " admin@somedomain.com, x@y.org", IGNORE("several addresses")},
    {"R2.6 the same twice", .from = " admin@somedomain.com, admin@somedomain.com",
     IGNORE("several addresses")},
    {"R2.6 comma at the end", .from = " admin@somedomain.com,", IGNORE("several addresses")},
    {"R2.6 no comma", .from = " admin@somedomain.com x@y.org", IGNORE("From can't be read")},
    {"R2.6 angle and more", .from = " <admin@somedomain.com> x", IGNORE("behind the address")},
    {"R2.6 two angles", .from = " <admin@somedomain.com> <x@y.org>", IGNORE("several addresses")},
    {"R2.6 address before angle", .from = " x@y.org <admin@somedomain.com>",
     IGNORE("several addresses")},
    {"R2.6 group", .from = " g: admin@somedomain.com;", IGNORE("From is a group")},
    {"R2.6 empty group", .from = " g:;", IGNORE("From is a group")},
    {"R2.6 route", .from = " <@y.org:admin@somedomain.com>", IGNORE("From holds a route")},
    {"R2.6 encoded address",
     .from = " =?utf-8?q?admin=40somedomain=2Ecom?=", IGNORE("encoded word")},
    {"R2.6 encoded address in angles", .from = " <=?utf-8?q?admin?=@somedomain.com>",
     IGNORE("encoded word")},
    {"R2.6 backslash", .from = " <admin@somedomain.com\\>@y.org>", IGNORE("From can't be read")},
    {"R2.6 open angle", .from = " <admin@somedomain.com", IGNORE("From can't be read")},
    {"R2.6 open quote", .from = " \"x <admin@somedomain.com>", IGNORE("From can't be read")},
    {"R2.6 open comment", .from = " admin@somedomain.com (x", IGNORE("From can't be read")},
    {"R2.6 control character", .from = " admin@somedomain.com\x01", IGNORE("control character")},
    {"R2.6 spaces within", .from = " admin @somedomain.com", IGNORE("From can't be read")},
    {"R2.6 comment within", .from = " admin(x)@somedomain.com", IGNORE("From can't be read")},
    {"R2.6 domain literal", .from = " admin@[127.0.0.1]", IGNORE("From can't be read")},
    {"R2.6 no domain", .from = " admin", IGNORE("From can't be read")},
    {"R2.6 trailing dot", .from = " admin@somedomain.com.", IGNORE("From can't be read")},
    {"R2.6 look-alike",
     .from = " admin@som\xd0\xb5"
             "domain.com",
     IGNORE("no grant")},
    {"R2.6 Reply-To and Sender never count", .from = " x@y.org",
     .more = "Reply-To: admin@somedomain.com\rSender: admin@somedomain.com", IGNORE("no grant")},

    /* R2.7: envelope */
    {"R2.7 another", .envelope = "<x@y.org>", IGNORE("is not the one in From")},
    {"R2.7 case", .envelope = "<ADMIN@SOMEDOMAIN.COM> SIZE=1000", JOB},
    {"R2.7 same domain", .envelope = "<x@somedomain.com>", IGNORE("is not the one in From")},
    {"R2.7 quoted", .envelope = "<\"admin\"@somedomain.com>", JOB},
    {"R2.7 sendmail", .envelope = "admin@somedomain.com", JOB},
    {"R2.7 envelope=any", .envelope = "<x@y.org>", .from = " hr@somedomain.com", JOB},
    {"R2.7 look-alike", .envelope = "<" LOOKALIKE "dmin@somedomain.com>",
     IGNORE("is not the one in From")},

    /* R2.8, R2.9: the grant */
    {"R2.9 no grant", .from = " x@y.org", .envelope = "<x@y.org>", IGNORE("no grant")},
    {"R2.8 sub-domain", .from = " x@sub.dom.example", .envelope = "<x@sub.dom.example>",
     IGNORE("no grant")},
    {"R2.9 no grant is not rejected", .from = " x@y.org", .envelope = "<x@y.org>",
     .subject = " hello", .login = "x", .reject_subject = true, IGNORE("no grant")},
    {"discard", .from = " gone@somedomain.com", .envelope = "<gone@somedomain.com>",
     .verdict = SESSION_TAKE, .action = "discard", .reason = "says discard"},
    {"reject", .from = " bad@somedomain.com", .envelope = "<bad@somedomain.com>",
     .verdict = SESSION_REJECT, .action = "reject", .reason = "says reject",
     .reply = "5.7.1 Go away, 100%"},
    {"reject with others", .from = " bad@somedomain.com", .envelope = "<bad@somedomain.com>",
     .to = US "|<x@y.org>", IGNORE("not rejected, since others")},
    {"reject is for the real one", .from = " bad@somedomain.com", .envelope = "<x@y.org>",
     IGNORE("is not the one in From")},

    /* R2.10, R2.11: automatic mail */
    {"R2.10 null sender", .envelope = "<>", IGNORE("envelope sender is empty")},
    {"R2.10 null sender, envelope=any", .envelope = "<> SIZE=9", .from = " hr@somedomain.com",
     IGNORE("envelope sender is empty")},
    {"R2.10 auto-replied", .more = "Auto-Submitted: auto-replied", IGNORE("Auto-Submitted")},
    {"R2.10 auto-notified", .more = "auto-submitted: Auto-Notified; x=y", IGNORE("Auto-Submitted")},
    {"R2.10 unknown word", .more = "Auto-Submitted: yes", IGNORE("Auto-Submitted")},
    {"R2.10 empty word", .more = "Auto-Submitted: ", IGNORE("Auto-Submitted")},
    {"R2.10 no", .more = "Auto-Submitted: No (comment)", JOB},
    {"R2.10 one says no", .more = "Auto-Submitted: no\rAuto-Submitted: auto-replied",
     IGNORE("Auto-Submitted")},
    {"R2.10 the last one says no", .more = "Auto-Submitted: auto-replied\rAuto-Submitted: no",
     IGNORE("Auto-Submitted")},
    {"R2.10 replied, automatic=yes", .from = " auto@somedomain.com",
     .envelope = "<auto@somedomain.com>", .more = "Auto-Submitted: auto-replied",
     IGNORE("Auto-Submitted")},
    {"R2.11 auto-generated", .more = "Auto-Submitted: auto-generated",
     IGNORE("without automatic=yes")},
    {"R2.11 automatic=yes", .from = " auto@somedomain.com", .envelope = "<auto@somedomain.com>",
     .more = "Auto-Submitted: auto-generated; type=x", JOB},
    {"R2.10 List-Id", .more = "List-ID: <l.y.org>", IGNORE("List-Id")},
    {"R2.10 report",
     .more = "Content-Type: multipart/report; report-type=delivery-status; boundary=x",
     IGNORE("multipart/report")},
    {"R2.10 report, folded", .more = "content-type:\n MULTIPART/Report;\n boundary=x",
     IGNORE("multipart/report")},
    {"R2.10 mixed", .more = "Content-Type: multipart/mixed; boundary=report", JOB},
    {"R2.10 from a batch address", .from = " Batch_Load@ibpmail.com",
     .envelope = "<batch_load@ibpmail.com>", IGNORE("from a batch address")},

    /* R2.13, R2.14: the subject */
    {"R2.13 case and space", .subject = "  \tprocess \t", JOB},
    {"R2.13 encoded", .subject = " =?utf-8?B?UFJPQ0VTUw==?=", JOB},
    {"R2.13 encoded in two", .subject = " =?utf-8?q?PRO?=\n =?us-ascii?q?CESS?=", JOB},
    {"R2.13 missing", .subject = "", IGNORE("there is no subject")},
    {"R2.13 other", .subject = " Re: PROCESS", IGNORE("the subject is not PROCESS")},
    {"R2.13 more", .subject = " PROCESS now", IGNORE("the subject is not PROCESS")},
    {"R2.13 empty", .subject = " ", IGNORE("the subject is not PROCESS")},
    {"R2.13 two", .more = "Subject: PROCESS", IGNORE("several Subject headers")},
    {"R2.14 off", .subject = " hello", .login = "admin", IGNORE("the subject is not PROCESS")},
    {"R2.14 logged in", .subject = " hello", .login = "admin", .reject_subject = true,
     .verdict = SESSION_REJECT, .action = "reject", .reason = "the subject is not PROCESS",
     .reply = "5.7.1 The subject must be PROCESS."},
    {"R2.14 no login", .subject = " hello", .reject_subject = true,
     IGNORE("the subject is not PROCESS")},
    {"R2.14 empty login", .subject = " hello", .login = "", .reject_subject = true,
     IGNORE("the subject is not PROCESS")},
    {"R2.14 others too", .subject = " hello", .login = "admin", .reject_subject = true,
     .to = US "|<x@y.org>", IGNORE("the subject is not PROCESS")},
};

static void check_log(Fixture *f, const Case *row)
{
    g_autofree char *log = new_log(f);
    g_test_message("%s: %s", row->name, log);
    if (row->action == NULL) {
        g_assert_cmpstr(log, ==, "");
        return;
    }
    char *newline = strchr(log, '\n');
    g_assert_nonnull(newline);
    g_assert_cmpstr(newline, ==, "\n"); /* one line */
    g_autofree char *action = g_strdup_printf(" action=%s from=", row->action);
    g_assert_nonnull(strstr(log, " 4Q1: job="));
    g_assert_nonnull(strstr(log, action));
    g_assert_nonnull(strstr(log, " client=192.0.2.1 "));
    g_assert_nonnull(strstr(strstr(log, " reason="), row->reason));
    g_assert_null(strstr(log, "canary"));
    g_assert_cmpint(strstr(log, "job=-") == NULL, ==, row->jobs > 0);
}

static void test_mails(Fixture *f, gconstpointer data)
{
    (void)data;
    unsigned jobs = 0;
    g_autoptr(Session) session = session_new("192.0.2.1"); /* all in one, as a client may */
    for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
        const Case *row = &cases[i];
        g_autofree char *id = g_strdup_printf("<%zu@test>", i);
        SessionVerdict verdict = send_mail(session, f, row, id);
        check_log(f, row);
        g_assert_cmpint(verdict, ==, row->verdict);
        jobs += row->jobs;
        g_assert_cmpuint(count_jobs(f), ==, jobs);
        if (verdict == SESSION_REJECT)
            g_assert_cmpstr(session_reply(session), ==, row->reply);
        if (verdict != SESSION_TAKE)
            continue;
        g_assert_cmpint(session_all_ours(session), ==,
                        row->to == NULL || strstr(row->to, "x@y.org>") == NULL);
        g_assert_cmpuint(session_batch_recipients(session)->len, >, 0);
    }
}

/* R2.4: the exact strings, each once; and a new mail begins with nothing of the old. */
static void test_recipients(Fixture *f, gconstpointer data)
{
    (void)data;
    const Case row = {.to = "<x@y.org>|<BATCH_load@ibpmail.com>|" US "|" US
                            "|<\"second\"@IBPMAIL.com>|<@relay.org:batch_LOAD@ibpmail.com>"
                            "|@relay.org:second@ibpmail.com"};
    g_autoptr(Session) session = session_new(NULL);
    g_assert_cmpint(send_mail(session, f, &row, "<r@test>"), ==, SESSION_TAKE);
    GPtrArray *exact = session_batch_recipients(session);
    g_assert_cmpuint(exact->len, ==, 7);
    g_assert_cmpstr(g_ptr_array_index(exact, 0), ==, "<BATCH_load@ibpmail.com>");
    g_assert_cmpstr(g_ptr_array_index(exact, 1), ==, US);
    g_assert_cmpstr(g_ptr_array_index(exact, 2), ==, "<\"second\"@IBPMAIL.com>");
    g_assert_cmpstr(g_ptr_array_index(exact, 3), ==, "<@relay.org:batch_LOAD@ibpmail.com>");
    g_assert_cmpstr(g_ptr_array_index(exact, 4), ==, "<batch_LOAD@ibpmail.com>");
    g_assert_cmpstr(g_ptr_array_index(exact, 5), ==, "@relay.org:second@ibpmail.com");
    g_assert_cmpstr(g_ptr_array_index(exact, 6), ==, "second@ibpmail.com");
    g_assert_false(session_all_ours(session));
    const Case next = {.to = "<second@ibpmail.com>"};
    g_assert_cmpint(send_mail(session, f, &next, "<s@test>"), ==, SESSION_TAKE);
    g_assert_true(session_all_ours(session));
    g_assert_cmpuint(session_batch_recipients(session)->len, ==, 1);
    g_assert_cmpuint(count_jobs(f), ==, 2);
}

static char *read_all(GInputStream *stream)
{
    g_autoptr(GOutputStream) memory = g_memory_output_stream_new_resizable();
    g_autoptr(GError) error = NULL;
    g_output_stream_splice(memory, stream, G_OUTPUT_STREAM_SPLICE_CLOSE_SOURCE, NULL, &error);
    g_assert_no_error(error);
    g_assert_true(g_output_stream_write_all(memory, "", 1, NULL, NULL, NULL));
    g_assert_true(g_output_stream_close(memory, NULL, NULL));
    return g_memory_output_stream_steal_data(G_MEMORY_OUTPUT_STREAM(memory));
}

/* The next job's mail; the claim is the caller's. */
static char *stored_mail(Fixture *f, SpoolClaim **claim)
{
    g_autoptr(GError) error = NULL;
    gint64 due = 0;
    g_assert_cmpint(spool_claim(f->spool, claim, &due, &error), ==, ANSWER_YES);
    g_autoptr(GInputStream) stream = spool_mail_open(*claim, &error);
    g_assert_no_error(error);
    return read_all(stream);
}

static void test_stored(Fixture *f, gconstpointer data)
{
    (void)data;
    const Case row = {
        .to = "<second@ibpmail.com>|" US,
        .from = " Ann\n <Admin@SomeDomain.com>",
        .subject = " =?utf-8?q?process?=",
        .more = "Date: Fri, 20 Nov 2026\n 12:00:00 +0000\rReferences: <a@b>\n\t<c@d>\r"
                "X-Odd:a\nBcc: injected\rX-None:",
    };
    g_autoptr(Session) session = session_new(NULL);
    g_assert_cmpint(send_mail(session, f, &row, "<stored@test>"), ==, SESSION_TAKE);
    SpoolClaim *claim = NULL;
    g_autofree char *text = stored_mail(f, &claim);
    g_assert_cmpstr(text, ==,
                    "Message-ID: <stored@test>\r\n"
                    "From: Ann\r\n <Admin@SomeDomain.com>\r\n"
                    "Subject: =?utf-8?q?process?=\r\n"
                    "Date: Fri, 20 Nov 2026\r\n 12:00:00 +0000\r\n"
                    "References: <a@b>\r\n\t<c@d>\r\n"
                    "X-Odd:a\r\n Bcc: injected\r\n"
                    "X-None:\r\n"
                    "\r\n"
                    "Password: canary\r\n\r\nbody\r\n");
    const JobFacts *facts = &spool_claim_job(claim)->facts;
    g_assert_cmpstr(facts->requester, ==, "admin@somedomain.com");
    g_assert_cmpstr(facts->batch_address, ==, "second@ibpmail.com");
    g_assert_cmpstr(facts->grant, ==, "allow");
    g_assert_true(facts->own_key);
    g_assert_cmpstr(facts->client, ==, "local");
    g_assert_cmpstr(facts->queue_id, ==, "4Q1");
    g_assert_cmpstr(facts->message_id, ==, "<stored@test>");
    g_assert_cmpstr(facts->references, ==, "<a@b> <c@d>");
    g_assert_cmpstr(facts->subject, ==, "process");
    g_assert_cmpstr(facts->date, ==, "Fri, 20 Nov 2026 12:00:00 +0000");
    spool_claim_release(claim);
}

/* R2.28: the same mail again is the same job; another Message-ID is another. */
static void test_twice(Fixture *f, gconstpointer data)
{
    (void)data;
    const Case row = {0};
    g_autoptr(Session) session = session_new("192.0.2.1");
    for (unsigned i = 0; i < 2; i++)
        g_assert_cmpint(send_mail(session, f, &row, "<same@test>"), ==, SESSION_TAKE);
    g_assert_cmpuint(count_jobs(f), ==, 1);
    g_autofree char *log = new_log(f);
    g_assert_nonnull(strstr(log, "action=ignore"));
    g_assert_nonnull(strstr(log, "came before"));
    g_assert_cmpint(send_mail(session, f, &row, "<other@test>"), ==, SESSION_TAKE);
    g_assert_cmpuint(count_jobs(f), ==, 2);
}

/* R2.28: keywords of the header count as those of the text do, other fields don't. */
static void test_twice_but_keywords(Fixture *f, gconstpointer data)
{
    (void)data;
    static const char *const more[] = {
        NULL,
        "Password: a",
        "password: b",
        "Password: b\rMode: check",
        "Password: b\rmode: atomic",
        "Password: b\rBatchload: x",
    };
    g_autoptr(Session) session = session_new("192.0.2.1");
    for (unsigned i = 0; i < G_N_ELEMENTS(more); i++) {
        g_autofree char *relayed =
            g_strconcat("Received: from a\rX-Spam: no\r", more[i] != NULL ? more[i] : "", NULL);
        g_assert_cmpint(send_mail(session, f, &(Case){.more = more[i]}, "<same@test>"), ==,
                        SESSION_TAKE);
        g_assert_cmpuint(count_jobs(f), ==, i + 1);
        g_assert_cmpint(send_mail(session, f, &(Case){.more = relayed}, "<same@test>"), ==,
                        SESSION_TAKE);
        g_assert_cmpuint(count_jobs(f), ==, i + 1);
    }
}

/* R2.25: what is over a limit is kept just so far that the request is found to be. */
static void test_limits(Fixture *f, gconstpointer data)
{
    (void)data;
    const Case row = {0};
    const RequestLimits *limits = &f->config.request;
    static const char chunk[] =
        "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcd\r\n";
    g_autoptr(Session) session = session_new("192.0.2.1");
    send_envelope(session, f, &row);
    send_headers(session, &row, "<large@test>");
    session_end_of_header(session);
    for (unsigned i = 0; i < 4000; i++)
        session_body(session, chunk, sizeof(chunk) - 1);
    g_assert_cmpint(session_end(session), ==, SESSION_TAKE);
    SpoolClaim *claim = NULL;
    g_autofree char *body = stored_mail(f, &claim);
    g_assert_cmpuint(strlen(body), ==, limits->message_bytes_max + 1);
    spool_claim_release(claim);
}

static void test_header_limit(Fixture *f, gconstpointer data)
{
    (void)data;
    const Case row = {0};
    const RequestLimits *limits = &f->config.request;
    g_autoptr(Session) session = session_new("192.0.2.1");
    send_envelope(session, f, &row);
    send_headers(session, &row, "<heads@test>");
    for (unsigned i = 0; i < 4000; i++)
        session_header(session, "X-Many", " 0123456789abcdef");
    session_end_of_header(session);
    session_body(session, "x", 1);
    g_assert_cmpint(session_end(session), ==, SESSION_TAKE);
    SpoolClaim *claim = NULL;
    g_autofree char *text = stored_mail(f, &claim);
    gsize head = (gsize)(strstr(text, "\r\n\r\n") - text);
    g_assert_cmpuint(head, >, limits->header_bytes_max);
    g_assert_cmpuint(head, <, limits->header_bytes_max + 100);
    spool_claim_release(claim);
}

/* R2.26: what can't be stored is deferred, and nothing of it stays. */
static void test_deferred(Fixture *f, gconstpointer data)
{
    (void)data;
    const Case row = {0};
    g_autoptr(Session) session = session_new("192.0.2.1");
    spool_close(f->spool);
    f->config.spool.jobs_max = 1;
    open_spool(f);
    g_assert_cmpint(send_mail(session, f, &row, "<1@test>"), ==, SESSION_TAKE);
    g_free(new_log(f));
    g_assert_cmpint(send_mail(session, f, &row, "<2@test>"), ==, SESSION_DEFER);
    g_assert_cmpuint(count_jobs(f), ==, 1);
    g_autofree char *log = new_log(f);
    g_assert_nonnull(strstr(log, "job=- action=defer from=admin@somedomain.com"));
    g_assert_nonnull(strstr(log, "could not be stored"));

    /* Many recipients are not silently cut. */
    session_mail(session, &f->world, "<admin@somedomain.com>", NULL);
    for (unsigned i = 0; i <= SESSION_RECIPIENTS_MAX; i++) {
        g_autofree char *to = g_strdup_printf("%s X=%u", US, i);
        session_recipient(session, to);
    }
    send_headers(session, &row, "<3@test>");
    session_end_of_header(session);
    g_assert_cmpint(session_end(session), ==, SESSION_DEFER);
    g_assert_cmpuint(session_batch_recipients(session)->len, ==, SESSION_RECIPIENTS_MAX);
}

/* R2.12: "could not tell" is never "no grant", nor a refusal. */
static void test_table_away(Fixture *f, gconstpointer data)
{
    (void)data;
    static const Case rows[] = {{0}, {.from = " nobody@nowhere.example"}};
    g_autoptr(Session) session = session_new("192.0.2.1");
    table_away = true;
    for (gsize i = 0; i < G_N_ELEMENTS(rows); i++) {
        g_assert_cmpint(send_mail(session, f, &rows[i], "<1@test>"), ==, SESSION_DEFER);
        g_autofree char *log = new_log(f);
        g_assert_nonnull(strstr(log, "job=- action=defer from="));
        g_assert_nonnull(strstr(log, "nobody answers"));
        g_assert_cmpuint(count_jobs(f), ==, 0);
    }
    table_away = false;
    g_assert_cmpint(send_mail(session, f, &rows[0], "<1@test>"), ==, SESSION_TAKE);
    g_assert_cmpuint(count_jobs(f), ==, 1);
}

static unsigned count_files(const char *path)
{
    unsigned count = 0;
    g_autoptr(GDir) dir = g_dir_open(path, 0, NULL);
    for (const char *name = NULL; dir != NULL && (name = g_dir_read_name(dir)) != NULL;) {
        g_autofree char *child = g_build_filename(path, name, NULL);
        count += g_file_test(child, G_FILE_TEST_IS_DIR) ? count_files(child) : 1;
    }
    return count;
}

/* A mail broken off, and one that is dropped, leave nothing in the spool. */
static void test_aborted(Fixture *f, gconstpointer data)
{
    (void)data;
    const Case good = {0}, dropped = {.subject = " hello"};
    g_autoptr(Session) session = session_new("192.0.2.1");
    unsigned before = count_files(f->config.spool.directory);
    send_envelope(session, f, &good);
    send_headers(session, &good, "<a@test>");
    session_end_of_header(session);
    session_body(session, "x", 1);
    session_abort(session);
    g_assert_cmpuint(count_files(f->config.spool.directory), ==, before);
    send_envelope(session, f, &dropped);
    send_headers(session, &dropped, "<b@test>");
    session_end_of_header(session);
    session_body(session, "x", 1);
    g_assert_cmpuint(count_files(f->config.spool.directory), ==, before);
    session_end(session);
    /* Without the end of the header there is no decision, so there is no yes. */
    send_envelope(session, f, &good);
    g_assert_cmpint(session_end(session), ==, SESSION_DEFER);
    g_assert_cmpuint(count_jobs(f), ==, 0);
}

/* Nothing from outside begins a line or a word of its own in the log. */
static void test_log_values(Fixture *f, gconstpointer data)
{
    (void)data;
    const Case row = {.envelope = "<x\" action=accept@y.org>",
                      .from = " x\n action=accept, y\x01"
                              "@y.org"};
    g_autoptr(Session) session = session_new("192.0.2.1");
    g_assert_cmpint(send_mail(session, f, &row, "<l@test>"), ==, SESSION_TAKE);
    g_autofree char *log = new_log(f);
    g_assert_cmpstr(strchr(log, '\n'), ==, "\n");
    g_assert_nonnull(strstr(log, "action=ignore from=\""));
    const Case other = {.envelope = "<\"x\\\" action=accept\"@y.org>"};
    g_assert_cmpint(send_mail(session, f, &other, "<m@test>"), ==, SESSION_TAKE);
    g_autofree char *more = new_log(f);
    g_assert_nonnull(strstr(more, "action=ignore from=admin@somedomain.com"));
    g_assert_nonnull(strstr(more, "x\\\\\\\" action=accept"));
}

static void test_headers(void)
{
    static const struct {
        const char *value, *id;
    } ids[] = {
        {" <a@b>", "<a@b>"},  {"\n <a@b> ", "<a@b>"}, {" a@b", NULL},      {" <a@b> <c@d>", NULL},
        {" <a b@c>", NULL},   {" <>", NULL},          {"", NULL},          {" <a@b", NULL},
        {" <a\x01@b>", NULL}, {" x <a@b>", NULL},     {" <\xff@b>", NULL},
    };
    for (gsize i = 0; i < G_N_ELEMENTS(ids); i++) {
        g_autofree char *id = header_message_id(ids[i].value);
        g_assert_cmpstr(id, ==, ids[i].id);
    }
    g_assert_true(header_is_ours("<20261120-K7M2QP.batchload@ibpmail.com>"));
    g_assert_false(header_is_ours("<20261120-K7M2QP.batchloads@ibpmail.com>"));
    g_assert_false(header_is_ours("<2026112-K7M2QP.batchload@ibpmail.com>"));
    g_assert_false(header_is_ours("<20261120-K7M2"));
    g_assert_false(header_is_ours(""));
    g_autoptr(GString) many = g_string_new(NULL);
    for (unsigned i = 0; i < 500; i++)
        g_string_append_printf(many, " <%u@x>\n", i);
    g_autofree char *references = header_references(many->str);
    g_assert_cmpuint(strlen(references), <=, HEADER_REFERENCES_MAX);
    g_assert_true(g_str_has_prefix(references, "<"));
    g_assert_true(g_str_has_suffix(references, " <499@x>"));
}

/* R2.10: what we answer has our own shape of message id. */
static void test_own_response(Fixture *f, gconstpointer data)
{
    (void)data;
    const Case row = {0};
    g_autoptr(Session) session = session_new("192.0.2.1");
    g_assert_cmpint(send_mail(session, f, &row, "<20261120-K7M2QP.batchload@ibpmail.com>"), ==,
                    SESSION_TAKE);
    g_assert_cmpuint(count_jobs(f), ==, 0);
    g_autofree char *log = new_log(f);
    g_assert_nonnull(strstr(log, "our own response"));
}

/* Deep nesting as far as the cap lets it come to the parser, and beyond. */
static void test_deep(void)
{
    static const gsize sizes[] = {SESSION_HEADER_MAX, 100};
    static const char *const pieces[] = {"g:", "(", "\"", "<", "\\", "@a,", "[", "=?utf-8?q?"};
    for (gsize i = 0; i < G_N_ELEMENTS(sizes); i++) {
        for (gsize k = 0; k < G_N_ELEMENTS(pieces); k++) {
            g_autoptr(GString) value = g_string_new(" ");
            while (value->len + strlen(pieces[k]) < sizes[i])
                g_string_append(value, pieces[k]);
            const char *reason = NULL;
            g_assert_null(mailbox_from_header(value->str, &reason));
            g_assert_nonnull(reason);
            g_free(header_subject(value->str));
            (void)header_is_report(value->str);
        }
    }
}

static void test_long(Fixture *f, gconstpointer data)
{
    (void)data;
    g_autofree char *name = g_strnfill(SESSION_HEADER_MAX, 'x');
    g_autofree char *from = g_strdup_printf(" %s <admin@somedomain.com>", name);
    g_autofree char *subject = g_strdup_printf(" PROCESS%*s", SESSION_HEADER_MAX, "");
    const Case long_from = {.name = "long From", .from = from, IGNORE("From is too long")};
    const Case long_subject = {
        .name = "long Subject", .subject = subject, IGNORE("the subject is not PROCESS")};
    g_autoptr(Session) session = session_new("192.0.2.1");
    g_assert_cmpint(send_mail(session, f, &long_from, "<f@test>"), ==, SESSION_TAKE);
    check_log(f, &long_from);
    g_assert_cmpint(send_mail(session, f, &long_subject, "<s@test>"), ==, SESSION_TAKE);
    check_log(f, &long_subject);
    g_assert_cmpuint(count_jobs(f), ==, 0);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    secret_init();
    g_mime_init();
    log_folder = g_dir_make_tmp("batchload-log-XXXXXX", NULL);
    log_path = g_build_filename(log_folder, "log", NULL);
    g_assert_true(log_open(LOG_TO_FILE, "test-session", log_path, NULL));
    static const struct {
        const char *name;
        void (*test)(Fixture *f, gconstpointer data);
    } tests[] = {
        {"/session/mails", test_mails},
        {"/session/R2.4-exact-recipients", test_recipients},
        {"/session/stored", test_stored},
        {"/session/R2.28-twice", test_twice},
        {"/session/R2.28-twice-but-keywords", test_twice_but_keywords},
        {"/session/R2.25-limits", test_limits},
        {"/session/R2.25-header-limit", test_header_limit},
        {"/session/R2.26-deferred", test_deferred},
        {"/session/R2.12-table-away", test_table_away},
        {"/session/aborted", test_aborted},
        {"/session/log-values", test_log_values},
        {"/session/R2.10-own-response", test_own_response},
        {"/session/long-headers", test_long},
    };
    for (gsize i = 0; i < G_N_ELEMENTS(tests); i++)
        g_test_add(tests[i].name, Fixture, NULL, set_up, tests[i].test, tear_down);
    g_test_add_func("/session/headers", test_headers);
    g_test_add_func("/session/deep-headers", test_deep);
    int status = g_test_run();
    remove_tree(log_folder);
    g_free(log_folder);
    g_free(log_path);
    g_mime_shutdown();
    return status;
}
