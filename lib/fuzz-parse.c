/* SPDX-License-Identifier: MIT */
#include "lib/parse.h"
#include <gmime/gmime.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

typedef struct {
    const uint8_t *bytes;
    gsize size;
    gsize at;
    unsigned rewinds;
} Memory;

static gssize memory_read(gpointer data, void *buffer, gsize size)
{
    Memory *memory = data;
    size = MIN(size, memory->size - memory->at);
    if (size > 0)
        memcpy(buffer, memory->bytes + memory->at, size);
    memory->at += size;
    return (gssize)size;
}

static bool memory_rewind(gpointer data)
{
    Memory *memory = data;
    memory->at = 0;
    memory->rewinds++;
    return true;
}

static bool count(gpointer data, const void *bytes G_GNUC_UNUSED, gsize size)
{
    g_assert_cmpuint(size, >, 0);
    g_assert_cmpuint(size, <=, REQUEST_FRAME_MAX);
    *(gsize *)data += size;
    return true;
}

/* Whatever the mail: a record that the parent takes, a table within its limit. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const RequestLimits limits = {
        .message_bytes_max = 1 << 20,
        .attachment_bytes_max = 2000,
        .mime_depth_max = 6,
        .mime_parts_max = 30,
        .header_bytes_max = 4000,
    };
    static gsize started = 0;
    if (g_once_init_enter(&started)) {
        g_mime_init();
        g_once_init_leave(&started, 1);
    }
    Memory memory = {.bytes = data, .size = size};
    ParseSource source = {memory_read, memory_rewind, &memory};
    g_autoptr(Parse) parse = parse_new(&source, &limits);
    const ParseRecord *record = parse_record(parse);
    g_assert_nonnull(record);
    g_assert_cmpint(record->reason, <, PARSE_REASON_COUNT);
    g_assert_cmpuint(strlen(record->reference), <=, REQUEST_REFERENCE_MAX);
    g_assert_true(g_utf8_validate(record->reference, -1, NULL));
    g_assert_null(strpbrk(record->reference, "\r\n"));
    g_assert_true(g_utf8_validate(record->password, -1, NULL));
    g_assert_cmpuint(strlen(record->password), <=, REQUEST_PASSWORD_MAX);
    g_assert_true((record->reason == PARSE_OK) == (*record->password != '\0'));
    if (record->reason == PARSE_OK) {
        gsize bytes = 0;
        g_assert_cmpint(record->mode, <=, MODE_ATOMIC);
        g_assert_true(parse_table(parse, count, &bytes));
        g_assert_cmpuint(bytes, <=, limits.attachment_bytes_max);
    }
    g_assert_cmpuint(memory.rewinds, <=, REQUEST_REWINDS_MAX);
    return 0;
}
