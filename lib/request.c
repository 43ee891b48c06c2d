/* SPDX-License-Identifier: MIT */
#include "lib/request.h"
#include "lib/parse.h"
#include "lib/seal.h"
#include "lib/text.h"
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sodium.h>
#include <spawn.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <sysexits.h>
#include <unistd.h>

G_DEFINE_QUARK(batchload_request_error, request_error)

#define HEAD_SIZE (sizeof(guint32) + 1)

/* What a child that has closed its end has to be gone. */
#define CHILD_END_MS 1000

typedef enum {
    STAGE_STARTED, /* the child has not said that it is READY */
    STAGE_READING, /* its RECORD is to come */
    STAGE_RECORD,  /* it came; DATA and END may follow */
    STAGE_END,
} Stage;

struct RequestReader {
    RequestLimits limits;
    RequestOpenFunc open;
    gpointer data;
    GInputStream *mail;
    pid_t pid;
    int fd; /* one socket for both directions; -1 when closed */
    Stage stage;
    gint64 waited;   /* microseconds in poll(2) */
    int ended_by;    /* the signal that ended the child; 0: none is known */
    GError *failure; /* what ended it; told again to whoever asks again */
    /* to the child */
    guint8 *out;
    gsize out_size;
    gsize out_done;
    bool out_end; /* the end of the mail was sent */
    bool rewind;  /* is wanted */
    unsigned rewinds;
    /* from the child */
    guint8 *in;
    gsize in_size;
    bool in_whole; /* a whole frame is there */
    /* results */
    Request request;
    char *reference;
    bool table_given;
    gsize table_done; /* of the DATA frame in in */
    guint64 table_bytes;
};

/* --- words --- */

#define SPLIT "Split the request into smaller ones."
#define PLAIN "Attach batchload.csv to a new mail; do not forward an old one."

static RequestError reason_code(ParseReason reason)
{
    if (reason <= PARSE_ATTACHMENT_BYTES)
        return REQUEST_ERROR_TOO_LARGE;
    if (reason <= PARSE_UUENCODE)
        return REQUEST_ERROR_UNREADABLE;
    if (reason <= PARSE_WINMAIL)
        return REQUEST_ERROR_NO_TABLE;
    if (reason == PARSE_SEVERAL_TABLES)
        return REQUEST_ERROR_SEVERAL_TABLES;
    return reason >= PARSE_NO_PASSWORD ? REQUEST_ERROR_NO_PASSWORD : REQUEST_ERROR_KEYWORD;
}

static char *size_words(const char *what, guint64 bytes, const char *limit, const char *advice)
{
    g_autofree char *size = text_size(bytes);
    return g_strdup_printf("%s is larger than %s (limit %s). %s", what, size, limit, advice);
}

static char *limit_words(ParseReason reason, const RequestLimits *limits)
{
    switch (reason) {
    case PARSE_MESSAGE_BYTES:
        return size_words("The mail", limits->message_bytes_max, "message_bytes_max", SPLIT);
    case PARSE_HEADER_BYTES:
        return size_words("The header of the mail, or of a part of it,", limits->header_bytes_max,
                          "header_bytes_max", PLAIN);
    case PARSE_MIME_DEPTH:
        return g_strdup_printf("The parts of the mail are nested more than %u deep (limit "
                               "mime_depth_max). " PLAIN,
                               limits->mime_depth_max);
    case PARSE_MIME_PARTS:
        return g_strdup_printf("The mail has more than %u parts (limit mime_parts_max). " PLAIN,
                               limits->mime_parts_max);
    case PARSE_ATTACHMENT_BYTES:
        return size_words("batchload.csv", limits->attachment_bytes_max, "attachment_bytes_max",
                          SPLIT);
    default:
        return NULL;
    }
}

/* NOLINTNEXTLINE(readability-function-size): a list of words */
static const char *plain_words(ParseReason reason)
{
    switch (reason) {
    case PARSE_HEADER:
        return "The mail can't be read: a header line is damaged, or stands there twice. " PLAIN;
    case PARSE_PARAMETER:
        return "The mail can't be read: a part of it has two names, or says something else about "
               "itself twice. " PLAIN;
    case PARSE_BOUNDARY:
        return "The mail can't be read: the borders between its parts are damaged. " PLAIN;
    case PARSE_TRUNCATED:
        return "The mail can't be read: its end is missing. Send it again.";
    case PARSE_NUL:
        return "The mail can't be read: it contains a NUL byte, which no text may have. Save "
               "batchload.csv as CSV UTF-8 and attach it to a new mail.";
    case PARSE_PARTIAL:
        return "The mail is only a piece of a larger one (message/partial). Switch the splitting "
               "of large mails off in your mail program, or send several smaller requests.";
    case PARSE_UUENCODE:
        return "The mail can't be read: batchload.csv is uuencoded in it, and its end is missing "
               "or a line of it is damaged. Attach the file to a new mail.";
    case PARSE_WINMAIL:
        return "Your mail program has wrapped the attached files in one named winmail.dat, which "
               "only Outlook can open. Set the format of the mail to plain text or HTML (not rich "
               "text), and send it again with batchload.csv attached.";
    case PARSE_NO_TABLE:
        return "No file named batchload.csv is attached to the mail. Attach the list under exactly "
               "this name: batchload (1).csv or batchload.csv.txt do not count. (Windows may hide "
               "the end of a file's name.)";
    case PARSE_WORKBOOK:
        return "No file named batchload.csv is attached to the mail, but a workbook (such as "
               "xlsx). "
               "Open it in your spreadsheet program, save it there as CSV UTF-8 under the name "
               "batchload, and attach that file.";
    case PARSE_SEVERAL_TABLES:
        return "More than one file named batchload.csv is attached to the mail. Attach only "
               "one.";
    case PARSE_PASSWORD_TWICE:
        return "The keyword Password: stands in the mail twice, with different values. Write it "
               "once.";
    case PARSE_PASSWORD_LONG:
        return "The value of Password: is too long to be a password. Correct it.";
    case PARSE_REFERENCE_TWICE:
        return "The keyword Batchload: stands in the mail twice, with different values. Write it "
               "once.";
    case PARSE_REFERENCE_LONG:
        return "The reference after Batchload: is longer than " G_STRINGIFY(
            REQUEST_REFERENCE_MAX) " bytes. Shorten it.";
    case PARSE_MODE_TWICE:
        return "The keyword Mode: stands in the mail twice, with different values. Write it once.";
    case PARSE_MODE_UNKNOWN:
        return "Mode: takes apply, check or atomic, and nothing else. Correct that line, or leave "
               "it "
               "out.";
    case PARSE_NO_PASSWORD:
        return "The mail has no password. Begin its text with a line that consists of "
               "\"Password:\" and, behind it, your own password.";
    case PARSE_PASSWORD_LATE:
        return "The mail has no password where it is looked for: a line with \"Password:\" stands "
               "below other words in its text. Make that the first line; a greeting can follow it.";
    case PARSE_OK:
    case PARSE_MESSAGE_BYTES:
    case PARSE_HEADER_BYTES:
    case PARSE_MIME_DEPTH:
    case PARSE_MIME_PARTS:
    case PARSE_ATTACHMENT_BYTES:
    case PARSE_REASON_COUNT:
        break;
    }
    return NULL;
}

static GError *refusal(const RequestLimits *limits, ParseReason reason)
{
    g_autofree char *words = limit_words(reason, limits);
    return g_error_new_literal(REQUEST_ERROR, (int)reason_code(reason),
                               words != NULL ? words : plain_words(reason));
}

/* --- the child --- */

/* Nothing is handed down but the socket; the child's errors go nowhere, for what it prints might
 * be the mail's. */
static int spawn_child(RequestReader *reader, const char *helper, int socket)
{
    const RequestLimits *limits = &reader->limits;
    g_auto(GStrv) argv = g_new0(char *, 10);
    guint64 numbers[] = {limits->message_bytes_max, limits->attachment_bytes_max,
                         limits->mime_depth_max,    limits->mime_parts_max,
                         limits->header_bytes_max,  limits->parser_memory_max,
                         limits->parser_cpu_seconds};
    argv[0] = g_strdup(helper);
    for (gsize i = 0; i < G_N_ELEMENTS(numbers); i++)
        argv[1 + i] = g_strdup_printf("%" G_GUINT64_FORMAT, numbers[i]);
    if (limits->password_optional)
        argv[1 + G_N_ELEMENTS(numbers)] = g_strdup(REQUEST_PASSWORD_OPTIONAL);
    char locale[] = "LC_ALL=C";
    char *environment[] = {locale, NULL};

    posix_spawn_file_actions_t files;
    posix_spawnattr_t attributes;
    sigset_t held, all;
    /* What stops the daemon may be sent to its whole group: the child ends with its parent's work,
     * or a mail would be taken for a damaged one. */
    sigemptyset(&held);
    sigaddset(&held, SIGTERM);
    sigaddset(&held, SIGINT);
    sigaddset(&held, SIGHUP);
    sigfillset(&all);
    posix_spawn_file_actions_init(&files);
    posix_spawnattr_init(&attributes);
    posix_spawnattr_setsigmask(&attributes, &held);
    posix_spawnattr_setsigdefault(&attributes, &all);
    posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
    posix_spawn_file_actions_adddup2(&files, socket, STDIN_FILENO);
    posix_spawn_file_actions_adddup2(&files, STDIN_FILENO, STDOUT_FILENO);
    posix_spawn_file_actions_addopen(&files, STDERR_FILENO, "/dev/null", O_WRONLY, 0);
    posix_spawn_file_actions_addclosefrom_np(&files, STDERR_FILENO + 1);
    int failed = posix_spawn(&reader->pid, helper, &files, &attributes, argv, environment);
    posix_spawn_file_actions_destroy(&files);
    posix_spawnattr_destroy(&attributes);
    if (failed != 0)
        reader->pid = 0;
    return failed;
}

static void end_child(RequestReader *reader)
{
    if (reader->fd >= 0)
        close(reader->fd);
    reader->fd = -1;
    if (reader->pid > 0) {
        kill(reader->pid, SIGKILL);
        while (waitpid(reader->pid, NULL, 0) < 0 && errno == EINTR)
            ;
    }
    reader->pid = 0;
}

/* Ends it all with an error that is told from now on. Returns false. */
static bool fail(RequestReader *reader, GError *failure, GError **error)
{
    end_child(reader);
    if (reader->failure == NULL)
        reader->failure = failure;
    else
        g_error_free(failure);
    g_propagate_error(error, g_error_copy(reader->failure));
    return false;
}

static bool fail_words(RequestReader *reader, RequestError code, const char *words, GError **error)
{
    return fail(reader, g_error_new_literal(REQUEST_ERROR, (int)code, words), error);
}

/* Whether somebody else ended the child, or its own reading and writing failed: then it tells
 * nothing about the mail. What a mail can do ends it by other signals: a crash, or its limits of
 * memory (SIGABRT) and time (SIGXCPU). Called once nothing more comes from it; what lives on is
 * ended by us. */
static bool ended_from_outside(RequestReader *reader)
{
    if (reader->pid <= 0)
        return false;
    int status = 0, handle = pidfd_open(reader->pid, 0);
    struct pollfd wait = {handle, POLLIN, 0};
    if (handle >= 0) {
        (void)poll(&wait, 1, CHILD_END_MS);
        close(handle);
    }
    if (waitpid(reader->pid, &status, WNOHANG) != reader->pid)
        return false;
    reader->pid = 0;
    reader->ended_by = WIFSIGNALED(status) ? WTERMSIG(status) : 0;
    return reader->ended_by == SIGKILL || (WIFEXITED(status) && WEXITSTATUS(status) == EX_IOERR);
}

const char *request_reader_ended(const RequestReader *reader)
{
    switch (reader->ended_by) {
    case 0:
    case SIGKILL: /* not over its mail */
        return NULL;
    case SIGSYS:
        return "it did what it must not (SIGSYS): the mail may be an attack";
    case SIGXCPU:
        return "its processor time was up (SIGXCPU)";
    case SIGABRT:
    case SIGTRAP: /* as GLib ends a process */
        return "it had no more memory, or gave up (SIGABRT)";
    case SIGSEGV:
        return "it crashed (SIGSEGV)";
    default:
        return "it was ended by another signal";
    }
}

/* The child is gone, or does not keep to what was agreed. That is the mail's doing, if the child
 * had come as far as to read it. */
static bool child_failed(RequestReader *reader, GError **error)
{
    if (reader->stage == STAGE_STARTED)
        return fail_words(reader, REQUEST_ERROR_CHILD,
                          "the mail parser could not be started or could not shut itself in "
                          "(parser_memory_max may be too small for it)",
                          error);
    return fail_words(reader, REQUEST_ERROR_UNREADABLE,
                      "The mail can't be read: it is damaged, or needs more memory or time than a "
                      "mail may take (limits parser_memory_max, parser_cpu_seconds). " PLAIN,
                      error);
}

static bool child_gone(RequestReader *reader, GError **error)
{
    if (reader->stage != STAGE_STARTED && ended_from_outside(reader))
        return fail_words(reader, REQUEST_ERROR_CUT, "the mail parser was ended by somebody else",
                          error);
    return child_failed(reader, error);
}

static bool child_late(RequestReader *reader, GError **error)
{
    if (reader->stage == STAGE_STARTED)
        return child_failed(reader, error);
    return fail_words(reader, REQUEST_ERROR_UNREADABLE,
                      "The mail takes too long to be read (limit parser_seconds). " PLAIN, error);
}

/* --- feeding the mail --- */

static void put_length(RequestReader *reader, guint32 length)
{
    memcpy(reader->out, &length, sizeof length);
    reader->out_size = sizeof length;
    reader->out_done = 0;
}

static RequestError code_of(const GError *cause)
{
    return g_error_matches(cause, SEAL_ERROR, SEAL_ERROR_BROKEN) ? REQUEST_ERROR_DAMAGED
                                                                 : REQUEST_ERROR_CHILD;
}

static bool open_mail(RequestReader *reader, GError **error)
{
    g_clear_object(&reader->mail);
    g_autoptr(GError) cause = NULL;
    reader->mail = reader->open(reader->data, &cause);
    if (reader->mail != NULL)
        return true;
    g_autofree char *words = g_strdup_printf("the stored mail can't be opened: %s",
                                             cause != NULL ? cause->message : "no reason known");
    return fail_words(reader, code_of(cause), words, error);
}

/* Has the next frame for the child ready to be sent, if there is one. */
static bool fill_out(RequestReader *reader, GError **error)
{
    if (reader->out_done < reader->out_size)
        return true;
    if (reader->rewind) {
        if (!open_mail(reader, error))
            return false;
        reader->rewind = false;
        reader->out_end = false;
        put_length(reader, REQUEST_FRAME_REWOUND);
        return true;
    }
    if (reader->out_end || reader->stage == STAGE_STARTED)
        return true;
    g_autoptr(GError) cause = NULL;
    gssize got = g_input_stream_read(reader->mail, reader->out + sizeof(guint32), REQUEST_FRAME_MAX,
                                     NULL, &cause);
    if (got < 0) {
        g_autofree char *words =
            g_strdup_printf("the stored mail can't be read: %s", cause->message);
        return fail_words(reader, code_of(cause), words, error);
    }
    put_length(reader, (guint32)got);
    reader->out_size += (gsize)got;
    reader->out_end = got == 0;
    return true;
}

/* The socket failed, and not because of the child: this tells nothing about the mail. */
static bool socket_failed(RequestReader *reader, GError **error)
{
    g_autofree char *words =
        g_strdup_printf("the mail parser can't be talked to: %s", g_strerror(errno));
    return fail_words(reader, REQUEST_ERROR_CHILD, words, error);
}

/* A child that is gone is noticed where its answer is missing. Nothing else may leave out a piece
 * of the mail. */
static bool send_out(RequestReader *reader, GError **error)
{
    ssize_t sent = send(reader->fd, reader->out + reader->out_done,
                        reader->out_size - reader->out_done, MSG_NOSIGNAL | MSG_DONTWAIT);
    if (sent > 0)
        reader->out_done += (gsize)sent;
    else if (sent < 0 && (errno == EPIPE || errno == ECONNRESET))
        reader->out_done = reader->out_size;
    else if (sent < 0 && errno != EAGAIN && errno != EINTR)
        return socket_failed(reader, error);
    return true;
}

/* --- taking frames --- */

static guint32 frame_length(const RequestReader *reader)
{
    guint32 length;
    memcpy(&length, reader->in, sizeof length);
    return length;
}

static char frame_kind(const RequestReader *reader)
{
    return (char)reader->in[sizeof(guint32)];
}

/* Some bytes of the frame that is under way. */
static bool receive_in(RequestReader *reader, GError **error)
{
    gsize whole = HEAD_SIZE;
    if (reader->in_size >= HEAD_SIZE)
        whole += frame_length(reader);
    ssize_t got =
        recv(reader->fd, reader->in + reader->in_size, whole - reader->in_size, MSG_DONTWAIT);
    if (got < 0 && (errno == EAGAIN || errno == EINTR))
        return true;
    if (got < 0 && errno != ECONNRESET)
        return socket_failed(reader, error);
    if (got <= 0)
        return child_gone(reader, error);
    reader->in_size += (gsize)got;
    if (reader->in_size < HEAD_SIZE)
        return true;
    if (frame_length(reader) > REQUEST_FRAME_MAX)
        return child_gone(reader, error);
    reader->in_whole = reader->in_size == HEAD_SIZE + frame_length(reader);
    return true;
}

/* One wait, and what it brings. */
static bool exchange(RequestReader *reader, GError **error)
{
    if (!fill_out(reader, error))
        return false;
    bool sending = reader->out_done < reader->out_size;
    gint64 left = (gint64)reader->limits.parser_seconds * G_USEC_PER_SEC - reader->waited;
    if (left <= 0)
        return child_late(reader, error);
    struct pollfd wait = {reader->fd, (short)(POLLIN | (sending ? POLLOUT : 0)), 0};
    gint64 before = g_get_monotonic_time();
    int ready = poll(&wait, 1, (int)MIN(left / 1000 + 1, G_MAXINT));
    reader->waited += g_get_monotonic_time() - before;
    if (ready <= 0)
        return true;
    if (wait.revents & (POLLIN | POLLHUP | POLLERR) && !receive_in(reader, error))
        return false;
    return !(wait.revents & POLLOUT) || send_out(reader, error);
}

/* What is agreed on for every stage; REWIND and READY end here. */
static bool take_control(RequestReader *reader, GError **error)
{
    bool rewind = frame_kind(reader) == REQUEST_FRAME_REWIND;
    if (frame_length(reader) != 0 ||
        (rewind && (reader->stage == STAGE_STARTED || reader->rewind ||
                    reader->rewinds++ >= REQUEST_REWINDS_MAX)) ||
        (!rewind && reader->stage != STAGE_STARTED))
        return child_failed(reader, error);
    if (rewind)
        reader->rewind = true;
    else
        reader->stage = STAGE_READING;
    reader->in_size = 0;
    reader->in_whole = false;
    return true;
}

/* The next frame that is a result lies in reader->in. */
static bool next_frame(RequestReader *reader, GError **error)
{
    if (reader->failure != NULL) {
        g_propagate_error(error, g_error_copy(reader->failure));
        return false;
    }
    reader->in_size = 0;
    reader->in_whole = false;
    for (;;) {
        while (!reader->in_whole)
            if (!exchange(reader, error))
                return false;
        char kind = frame_kind(reader);
        if (kind != REQUEST_FRAME_READY && kind != REQUEST_FRAME_REWIND)
            return true;
        if (!take_control(reader, error))
            return false;
    }
}

/* --- the record --- */

static bool record_is_good(ParseReason reason, const char *reference, Mode mode,
                           const char *password, bool optional)
{
    if (reason >= PARSE_REASON_COUNT || mode >= MODE_COUNT ||
        strlen(reference) > REQUEST_REFERENCE_MAX || strlen(password) > REQUEST_PASSWORD_MAX)
        return false;
    g_autofree char *clean = text_printable(reference, -1, REQUEST_REFERENCE_MAX);
    if (strcmp(clean, reference) != 0)
        return false;
    return *password != '\0' ? reason == PARSE_OK : reason != PARSE_OK || optional;
}

/* Believes nothing of what a child says that was taken over by its mail. */
static bool take_record(RequestReader *reader, GError **error)
{
    GVariant *record = g_variant_ref_sink(
        g_variant_new_from_data(G_VARIANT_TYPE(REQUEST_RECORD_TYPE), reader->in + HEAD_SIZE,
                                frame_length(reader), FALSE, NULL, NULL));
    bool good = g_variant_is_normal_form(record);
    guchar reason = 0, mode = 0;
    const char *reference = "", *password = "";
    if (good) {
        g_variant_get(record, "(y&sy&s)", &reason, &reference, &mode, &password);
        good = record_is_good(reason, reference, mode, password, reader->limits.password_optional);
    }
    if (good) {
        reader->reference = g_strdup(reference);
        reader->request.reference = reader->reference;
        reader->request.mode = mode;
        reader->request.password = secret_dup(password);
    }
    g_variant_unref(record);
    sodium_memzero(reader->in, HEAD_SIZE + REQUEST_FRAME_MAX);
    if (!good)
        return child_failed(reader, error);
    reader->stage = STAGE_RECORD;
    if (reason != PARSE_OK)
        return fail(reader, refusal(&reader->limits, reason), error);
    return true;
}

const Request *request_reader_request(RequestReader *reader, char **reference, GError **error)
{
    if (reference != NULL)
        *reference = NULL;
    bool good = true;
    if (reader->stage < STAGE_RECORD || reader->failure != NULL) {
        good = next_frame(reader, error);
        if (good)
            good = reader->stage == STAGE_READING && frame_kind(reader) == REQUEST_FRAME_RECORD
                       ? take_record(reader, error)
                       : child_failed(reader, error);
    }
    if (reference != NULL)
        *reference = g_strdup(reader->reference != NULL ? reader->reference : "");
    return good ? &reader->request : NULL;
}

/* --- the table --- */

typedef struct {
    GInputStream parent;
    RequestReader *reader;
} RequestTable;
typedef GInputStreamClass RequestTableClass;

GType request_table_get_type(void);
G_DEFINE_TYPE(RequestTable, request_table, G_TYPE_INPUT_STREAM)

static gssize table_read(GInputStream *stream, void *buffer, gsize size,
                         GCancellable *cancellable G_GNUC_UNUSED, GError **error)
{
    RequestReader *reader = ((RequestTable *)stream)->reader;
    if (reader->stage == STAGE_END)
        return 0;
    if (!reader->in_whole || reader->table_done == frame_length(reader)) {
        if (!next_frame(reader, error))
            return -1;
        reader->table_done = 0;
        reader->table_bytes += frame_length(reader);
        if (frame_kind(reader) == REQUEST_FRAME_END && frame_length(reader) == 0) {
            reader->stage = STAGE_END;
            return 0;
        }
        if (frame_kind(reader) != REQUEST_FRAME_DATA || frame_length(reader) == 0)
            return child_failed(reader, error) ? 0 : -1;
        if (reader->table_bytes > reader->limits.attachment_bytes_max) {
            GError *failure = refusal(&reader->limits, PARSE_ATTACHMENT_BYTES);
            return fail(reader, failure, error) ? 0 : -1;
        }
    }
    gsize piece = MIN(size, frame_length(reader) - reader->table_done);
    memcpy(buffer, reader->in + HEAD_SIZE + reader->table_done, piece);
    reader->table_done += piece;
    return (gssize)piece;
}

static void request_table_class_init(RequestTableClass *class)
{
    class->read_fn = table_read;
}

static void request_table_init(RequestTable *table G_GNUC_UNUSED)
{
}

GInputStream *request_reader_table(RequestReader *reader)
{
    g_return_val_if_fail(reader->stage == STAGE_RECORD && !reader->table_given, NULL);
    reader->table_given = true;
    reader->in_whole = false;
    RequestTable *table = g_object_new(request_table_get_type(), NULL);
    table->reader = reader;
    return &table->parent;
}

/* --- the reader --- */

RequestReader *request_reader_prepare(const char *helper, const RequestLimits *limits,
                                      GError **error)
{
    int sockets[2];
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sockets) != 0) {
        g_set_error(error, REQUEST_ERROR, REQUEST_ERROR_CHILD, "no socket for the mail parser: %s",
                    g_strerror(errno));
        return NULL;
    }
    g_autoptr(RequestReader) reader = g_new0(RequestReader, 1);
    reader->limits = *limits;
    reader->fd = sockets[0];
    reader->out = g_malloc(sizeof(guint32) + REQUEST_FRAME_MAX);
    reader->in = g_malloc(HEAD_SIZE + REQUEST_FRAME_MAX);
    int failed = spawn_child(reader, helper, sockets[1]);
    close(sockets[1]);
    if (failed != 0) {
        g_set_error(error, REQUEST_ERROR, REQUEST_ERROR_CHILD, "%s can't be started: %s", helper,
                    g_strerror(failed));
        return NULL;
    }
    return g_steal_pointer(&reader);
}

static bool same_limits(const RequestLimits *a, const RequestLimits *b)
{
    return a->message_bytes_max == b->message_bytes_max &&
           a->attachment_bytes_max == b->attachment_bytes_max &&
           a->mime_depth_max == b->mime_depth_max && a->mime_parts_max == b->mime_parts_max &&
           a->header_bytes_max == b->header_bytes_max &&
           a->parser_memory_max == b->parser_memory_max &&
           a->parser_cpu_seconds == b->parser_cpu_seconds &&
           a->parser_seconds == b->parser_seconds && a->password_optional == b->password_optional;
}

bool request_reader_waits(const RequestReader *reader, const RequestLimits *limits)
{
    struct pollfd look = {reader->fd, POLLIN, 0};
    return reader->fd >= 0 && reader->open == NULL && same_limits(&reader->limits, limits) &&
           poll(&look, 1, 0) >= 0 && (look.revents & (POLLHUP | POLLERR | POLLNVAL)) == 0;
}

bool request_reader_begin(RequestReader *reader, RequestOpenFunc open, gpointer data,
                          GError **error)
{
    g_return_val_if_fail(reader->open == NULL, false);
    reader->open = open;
    reader->data = data;
    return open_mail(reader, error);
}

RequestReader *request_reader_new(const char *helper, const RequestLimits *limits,
                                  RequestOpenFunc open, gpointer data, GError **error)
{
    g_autoptr(RequestReader) reader = request_reader_prepare(helper, limits, error);
    if (reader == NULL || !request_reader_begin(reader, open, data, error))
        return NULL;
    return g_steal_pointer(&reader);
}

void request_reader_free(RequestReader *reader)
{
    if (reader == NULL)
        return;
    end_child(reader);
    g_clear_object(&reader->mail);
    g_clear_error(&reader->failure);
    /* Both held passwords: the mail's, and those of the file. */
    sodium_memzero(reader->out, sizeof(guint32) + REQUEST_FRAME_MAX);
    sodium_memzero(reader->in, HEAD_SIZE + REQUEST_FRAME_MAX);
    g_free(reader->out);
    g_free(reader->in);
    g_free(reader->reference);
    secret_free(reader->request.password);
    g_free(reader);
}
