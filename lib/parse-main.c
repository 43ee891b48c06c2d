/* SPDX-License-Identifier: MIT */
/* batchload-parse: one mail, parsed out of harm's way. lib/request.h says what it reads and
 * writes. It is started by the daemon, never by people. */
#include "lib/confine.h"
#include "lib/parse.h"
#include "lib/secret.h"
#include <gmime/gmime.h>
#include <iconv.h>
#include <malloc.h>
#include <string.h>
#include <sys/uio.h>
#include <sysexits.h>
#include <unistd.h>

/* GMime takes some 200 bytes of stack for two bytes of nested groups in an address header. */
#define STACK_BYTES_MAX (256u << 20)

/* Of a mail that is no larger the bytes are kept, so that its second reading needs no second
 * sending: as most requests are. */
#define KEEP_BYTES (64u << 10)

typedef struct {
    RequestLimits limits;
    guint32 left; /* of the frame being read */
    bool end;     /* of the mail */
    guint8 kept[KEEP_BYTES];
    gsize came; /* bytes of the mail so far; more than are kept: none is */
    gsize at;   /* of those kept, where the next reading goes on */
    bool again; /* what is kept is read */
} Child;

/* --- frames --- */

static bool read_all(void *buffer, gsize size)
{
    for (char *at = buffer; size > 0;) {
        ssize_t got = read(STDIN_FILENO, at, size);
        if (got <= 0)
            return false;
        at += got;
        size -= (gsize)got;
    }
    return true;
}

static bool write_all(const void *buffer, gsize size)
{
    for (const char *at = buffer; size > 0;) {
        ssize_t put = write(STDOUT_FILENO, at, size);
        if (put <= 0)
            return false;
        at += put;
        size -= (gsize)put;
    }
    return true;
}

static bool write_frame(char kind, const void *bytes, gsize size)
{
    guint32 length = (guint32)size;
    char head[sizeof length + 1];
    memcpy(head, &length, sizeof length);
    head[sizeof length] = kind;
    return write_all(head, sizeof head) && write_all(bytes, size);
}

static bool write_data(gpointer data G_GNUC_UNUSED, const void *bytes, gsize size)
{
    return write_frame(REQUEST_FRAME_DATA, bytes, size);
}

static void keep(Child *child, const void *bytes, gsize size)
{
    if (child->came + size <= KEEP_BYTES)
        memcpy(child->kept + child->came, bytes, size);
    child->came = MIN(child->came + size, KEEP_BYTES + 1);
}

static gssize read_kept(Child *child, void *buffer, gsize size)
{
    gsize piece = MIN(size, child->came - child->at);
    memcpy(buffer, child->kept + child->at, piece);
    child->at += piece;
    return (gssize)piece;
}

static gssize mail_read(gpointer data, void *buffer, gsize size)
{
    Child *child = data;
    if (child->again)
        return read_kept(child, buffer, size);
    if (child->left == 0 && !child->end) {
        if (!read_all(&child->left, sizeof child->left) || child->left > REQUEST_FRAME_MAX)
            return -1;
        child->end = child->left == 0;
    }
    if (child->end)
        return 0;
    ssize_t got = read(STDIN_FILENO, buffer, MIN(size, child->left));
    if (got <= 0)
        return -1;
    child->left -= (guint32)got;
    keep(child, buffer, (gsize)got);
    return got;
}

static bool mail_rewind(gpointer data)
{
    Child *child = data;
    char dropped[8192];
    if (child->end && child->came <= KEEP_BYTES) {
        child->again = true;
        child->at = 0;
        return true;
    }
    child->came = 0;
    if (!write_frame(REQUEST_FRAME_REWIND, NULL, 0))
        return false;
    for (;;) {
        while (child->left > 0) {
            gsize piece = MIN(child->left, sizeof dropped);
            if (!read_all(dropped, piece))
                return false;
            child->left -= (guint32)piece;
        }
        guint32 length;
        if (!read_all(&length, sizeof length))
            return false;
        if (length == REQUEST_FRAME_REWOUND)
            break;
        if (length > REQUEST_FRAME_MAX)
            return false;
        child->left = length;
    }
    child->end = false;
    return true;
}

static bool write_record(const ParseRecord *record)
{
    GVariant *value = g_variant_ref_sink(g_variant_new(REQUEST_RECORD_TYPE, (guchar)record->reason,
                                                       record->reference, (guchar)record->mode,
                                                       record->password));
    bool written =
        write_frame(REQUEST_FRAME_RECORD, g_variant_get_data(value), g_variant_get_size(value));
    g_variant_unref(value);
    return written;
}

/* --- the process --- */

/* The work. It ends the process by itself: what an orderly end would do needs more than is left. */
static void work(gpointer data)
{
    Child *child = data;
    ParseSource source = {mail_read, mail_rewind, child};
    if (!confine_calls(NULL) || !write_frame(REQUEST_FRAME_READY, NULL, 0))
        _exit(EX_OSERR);
    Parse *parse = parse_new(&source, &child->limits);
    const ParseRecord *record = parse_record(parse);
    if (record == NULL || !write_record(record))
        _exit(EX_IOERR);
    if (record->reason == PARSE_OK && !parse_table(parse, write_data, NULL))
        _exit(EX_IOERR);
    _exit(write_frame(REQUEST_FRAME_END, NULL, 0) ? EX_OK : EX_IOERR);
}

/* Character sets are files, and later none can be opened: those that mails in the service's part
 * of the world are written in are loaded now, and stay so. */
static void load_charsets(void)
{
    static const char *const names[] = {"ISO-8859-1",   "ISO-8859-2",   "ISO-8859-9",
                                        "ISO-8859-15",  "WINDOWS-1250", "WINDOWS-1251",
                                        "WINDOWS-1252", "KOI8-R",       "UTF-16"};
    for (gsize i = 0; i < G_N_ELEMENTS(names); i++)
        (void)iconv_open("UTF-8", names[i]);
}

static void be_silent(const char *domain G_GNUC_UNUSED, GLogLevelFlags level G_GNUC_UNUSED,
                      const char *message G_GNUC_UNUSED, gpointer data G_GNUC_UNUSED)
{
}

static bool read_limits(char **arguments, RequestLimits *limits)
{
    guint64 number[7];
    for (gsize i = 0; i < G_N_ELEMENTS(number); i++)
        if (!g_ascii_string_to_unsigned(arguments[i], 10, 1, G_MAXINT64, &number[i], NULL))
            return false;
    *limits = (RequestLimits){
        .message_bytes_max = number[0],
        .attachment_bytes_max = number[1],
        .mime_depth_max = (unsigned)MIN(number[2], G_MAXINT),
        .mime_parts_max = (unsigned)MIN(number[3], G_MAXINT),
        .header_bytes_max = number[4],
        .parser_memory_max = number[5],
        .parser_cpu_seconds = (unsigned)MIN(number[6], G_MAXINT),
    };
    return true;
}

int main(int argc, char **argv)
{
    Child child = {0};
    if (argc < 8 || argc > 9 || !read_limits(argv + 1, &child.limits))
        return EX_USAGE;
    child.limits.password_optional = argc == 9 && strcmp(argv[8], REQUEST_PASSWORD_OPTIONAL) == 0;
    /* One arena: each reserves much of the address space. */
    mallopt(M_ARENA_MAX, 1);
    secret_init();
    g_log_set_default_handler(be_silent, NULL);
    ConfineLimits limits = {child.limits.parser_memory_max, child.limits.parser_cpu_seconds};
    if (!confine_limits(&limits, NULL))
        return EX_OSERR;
    load_charsets();
    g_mime_init();
    gsize stack = (gsize)MIN(STACK_BYTES_MAX, child.limits.parser_memory_max / 2);
    confine_run(stack, work, &child, NULL);
    return EX_OSERR;
}
