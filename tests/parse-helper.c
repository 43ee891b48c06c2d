/* SPDX-License-Identifier: MIT */
/* Stands in for batchload-parse where a child is to go wrong. What it does is told by its own
 * name: it is started under links of several names. */
#include "lib/parse.h"
#include <signal.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

static void frame(char kind, const void *bytes, guint32 length)
{
    char buffer[4 + 1 + 4096];
    memcpy(buffer, &length, 4);
    buffer[4] = kind;
    memcpy(buffer + 5, bytes, MIN(length, 4096));
    if (write(STDOUT_FILENO, buffer, 5 + MIN(length, 4096)) < 0)
        _exit(3);
}

static void record(guchar reason, const char *reference, guchar mode, const char *password)
{
    GVariant *value =
        g_variant_ref_sink(g_variant_new(REQUEST_RECORD_TYPE, reason, reference, mode, password));
    frame(REQUEST_FRAME_RECORD, g_variant_get_data(value), (guint32)g_variant_get_size(value));
    g_variant_unref(value);
}

/* As without a sanitizer, which would turn it into an exit. */
static void crash(int number)
{
    signal(number, SIG_DFL);
    raise(number);
}

int main(int argc G_GNUC_UNUSED, char **argv)
{
    const char *name = strrchr(argv[0], '/') + 1;
    if (strcmp(name, "early") == 0)
        raise(SIGKILL);
    frame(REQUEST_FRAME_READY, "", 0);
    if (strcmp(name, "killed") == 0)
        raise(SIGKILL);
    if (strcmp(name, "broken-pipe") == 0)
        _exit(EX_IOERR);
    if (strcmp(name, "crash") == 0)
        crash(SIGSEGV);
    if (strcmp(name, "no-memory") == 0)
        crash(SIGABRT);
    if (strcmp(name, "no-time") == 0)
        crash(SIGXCPU);
    if (strcmp(name, "forbidden") == 0)
        crash(SIGSYS);
    if (strcmp(name, "closed") == 0) {
        close(STDIN_FILENO);
        close(STDOUT_FILENO);
        pause();
    }
    if (strcmp(name, "hang") == 0)
        for (;;)
            pause();
    if (strcmp(name, "twice-ready") == 0)
        frame(REQUEST_FRAME_READY, "", 0);
    if (strcmp(name, "no-record") == 0)
        frame(REQUEST_FRAME_END, "", 0);
    if (strcmp(name, "long-frame") == 0)
        frame(REQUEST_FRAME_RECORD, "", REQUEST_FRAME_MAX + 1);
    if (strcmp(name, "bad-record") == 0)
        frame(REQUEST_FRAME_RECORD, "\xff\xff\xff\xff", 4);
    if (strcmp(name, "bad-reason") == 0)
        record(PARSE_REASON_COUNT, "", MODE_APPLY, "");
    if (strcmp(name, "bad-mode") == 0)
        record(PARSE_OK, "", MODE_COUNT, "s3cret");
    if (strcmp(name, "no-mode") == 0)
        record(PARSE_OK, "", 77, "s3cret");
    if (strcmp(name, "bad-password") == 0)
        record(PARSE_OK, "", MODE_APPLY, "");
    if (strcmp(name, "bad-reference") == 0)
        record(PARSE_OK, "a\r\nBcc: b", MODE_APPLY, "s3cret");
    if (strcmp(name, "rewinds") == 0)
        for (int i = 0; i < 20; i++) {
            char left[65536];
            frame(REQUEST_FRAME_REWIND, "", 0);
            if (read(STDIN_FILENO, left, sizeof left) < 0)
                return 3;
        }
    record(PARSE_OK, "", MODE_APPLY, "s3cret");
    frame(REQUEST_FRAME_DATA, "a;b\n", 4);
    if (strcmp(name, "crash-late") == 0)
        crash(SIGSEGV);
    if (strcmp(name, "killed-late") == 0)
        raise(SIGKILL);
    if (strcmp(name, "record-twice") == 0)
        record(PARSE_OK, "", MODE_APPLY, "s3cret");
    if (strcmp(name, "flood") == 0)
        for (char bytes[4096] = ""; true;)
            frame(REQUEST_FRAME_DATA, bytes, sizeof bytes);
    frame(REQUEST_FRAME_END, "", 0);
    return 0;
}
