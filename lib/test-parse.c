/* SPDX-License-Identifier: MIT */
#include "lib/keyword.h"
#include "lib/parse.h"
#include <gmime/gmime.h>
#include <string.h>

#define CSV "DOMAIN;USER;TYPE;ACTION;PASSWORD\nexample.com;anna;FULL;ADD;secret"

static const RequestLimits roomy = {
    .message_bytes_max = 64 << 20,
    .attachment_bytes_max = 32 << 20,
    .mime_depth_max = 8,
    .mime_parts_max = 50,
    .header_bytes_max = 65536,
};

/* --- a mail in memory, handed out in small pieces --- */

typedef struct {
    const char *bytes;
    gsize size;
    gsize at;
    gsize piece;
    gsize fail_at; /* 0: never */
    unsigned rewinds;
} Memory;

static gssize memory_read(gpointer data, void *buffer, gsize size)
{
    Memory *memory = data;
    if (memory->fail_at > 0 && memory->at >= memory->fail_at)
        return -1;
    size = MIN(MIN(size, memory->piece), memory->size - memory->at);
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

static bool append(gpointer data, const void *bytes, gsize size)
{
    g_assert_cmpuint(size, <=, REQUEST_FRAME_MAX);
    g_string_append_len(data, bytes, (gssize)size);
    return true;
}

typedef struct {
    ParseReason reason;
    char *reference;
    char *password;
    Mode mode;
    GString *table;
    unsigned rewinds;
} Result;

static void result_clear(Result *result)
{
    g_free(result->reference);
    g_free(result->password);
    g_string_free(result->table, TRUE);
}

static Result parse_bytes(const char *bytes, gsize size, gsize piece, const RequestLimits *limits)
{
    Memory memory = {.bytes = bytes, .size = size, .piece = piece};
    ParseSource source = {memory_read, memory_rewind, &memory};
    g_autoptr(Parse) parse = parse_new(&source, limits);
    const ParseRecord *record = parse_record(parse);
    g_assert_nonnull(record);
    Result result = {
        .reason = record->reason,
        .reference = g_strdup(record->reference),
        .password = g_strdup(record->password),
        .mode = record->mode,
        .table = g_string_new(NULL),
    };
    if (record->reason == PARSE_OK)
        g_assert_true(parse_table(parse, append, result.table));
    g_assert_cmpuint(memory.rewinds, <=, REQUEST_REWINDS_MAX);
    result.rewinds = memory.rewinds;
    return result;
}

/* --- one mail a row --- */

typedef struct {
    const char *rule;
    const char *mail;
    ParseReason reason;
    const char *reference;
    const char *password; /* NULL: s3cret */
} Case;

#define LONG                                                                                       \
    "the list of the new colleagues of the southern branches, as agreed with Mrs Müller on the "  \
    "phone"

static const Case cases[] = {
    {"R2.18", "plain", PARSE_OK, "ref-1", NULL},
    {"R2.18", "plain-crlf", PARSE_OK, "ref-1", NULL},
    {"R2.24", "base64", PARSE_OK, "ref-1", NULL},
    {"R2.24", "quoted-printable", PARSE_OK, "ref-1", NULL},
    {"R2.24", "uuencode", PARSE_OK, "ref-1", NULL},
    {"R2.18", "header-keywords", PARSE_OK, "ref-ä", NULL},
    {"R2.18", "keyword-order", PARSE_OK, "ref-1", NULL},
    {"R2.18", "keyword-late", PARSE_PASSWORD_LATE, "", NULL},
    {"R2.18", "keyword-late-html", PARSE_PASSWORD_LATE, "ref-1", NULL},
    {"R2.18", "keyword-late-second", PARSE_OK, "ref-1", NULL},
    {"R2.19", "keyword-same-twice", PARSE_OK, "ref-1", NULL},
    {"R2.19", "password-twice", PARSE_PASSWORD_TWICE, "ref-1", NULL},
    {"R2.19", "password-twice-case", PARSE_PASSWORD_TWICE, "ref-1", NULL},
    {"R2.19", "reference-twice", PARSE_REFERENCE_TWICE, "ref-1", NULL},
    {"R2.19", "mode-twice", PARSE_MODE_TWICE, "ref-1", NULL},
    {"R2.19", "mode-same-twice", PARSE_OK, "ref-1", NULL},
    {"R2.17", "mode-check", PARSE_OK, "ref-1", NULL},
    {"R2.17", "mode-atomic", PARSE_OK, "ref-1", NULL},
    {"R2.17", "mode-unknown", PARSE_MODE_UNKNOWN, "ref-1", NULL},
    {"R2.16", "reference-long", PARSE_REFERENCE_LONG, NULL, NULL},
    {"R2.16", "reference-200", PARSE_OK, NULL, NULL},
    {"R2.16", "reference-control", PARSE_OK, "a?b?c?[2J", NULL},
    {"R2.16", "reference-encoded-newline", PARSE_OK, NULL, NULL},
    {"R2.15", "password-long", PARSE_PASSWORD_LONG, "", NULL},
    {"R2.15", "no-password", PARSE_NO_PASSWORD, "ref-1", NULL},
    {"R2.15", "empty-password", PARSE_NO_PASSWORD, "ref-1", NULL},
    {"R2.15", "no-text", PARSE_NO_PASSWORD, "", NULL},
    {"R2.15", "password-utf8", PARSE_OK, "ref-1", "pässwörd ≠"},
    {"R2.15", "password-latin1", PARSE_OK, "ref-1", "pässwörd"},
    {"R2.15", "password-1252", PARSE_OK, "ref-1", "p€„"},
    {"R2.15", "password-unknown-charset", PARSE_OK, "ref-1", "pässwörd"},
    {"R2.15", "password-utf16", PARSE_OK, "ref-1", "pässwörd"},
    {"R2.15", "password-inner-blanks", PARSE_OK, "", "a  b: c;=?x"},
    {"R2.18", "html", PARSE_OK, "ref-1", "s3&cret"},
    {"R2.18", "alternative", PARSE_OK, "ref-1", NULL},
    {"R2.18", "csv-is-no-text", PARSE_OK, "ref-1", NULL},
    {"R2.20", "inline", PARSE_OK, "ref-1", NULL},
    {"R2.20", "name-only", PARSE_OK, "ref-1", NULL},
    {"R2.20", "name-both", PARSE_OK, "ref-1", NULL},
    {"R2.20", "name-2231", PARSE_OK, "ref-1", NULL},
    {"R2.20", "name-2231-split", PARSE_OK, "ref-1", NULL},
    {"R2.20", "name-2047", PARSE_OK, "ref-1", NULL},
    {"R2.21", "name-path", PARSE_NO_TABLE, "ref-1", NULL},
    {"R2.21", "name-path-windows", PARSE_NO_TABLE, "ref-1", NULL},
    {"R2.20", "name-blank", PARSE_NO_TABLE, "ref-1", NULL},
    {"R2.20", "name-other", PARSE_NO_TABLE, "ref-1", NULL},
    {"R2.20", "name-mixed", PARSE_PARAMETER, "ref-1", NULL},
    {"R2.20", "name-twice", PARSE_PARAMETER, "ref-1", NULL},
    {"R2.20", "name-conflict", PARSE_PARAMETER, "ref-1", NULL},
    {"R2.20", "name-nul", PARSE_NUL, "ref-1", NULL},
    {"R2.24", "bad-type", PARSE_OK, "ref-1", NULL},
    {"R2.22", "only-part", PARSE_OK, "ref-1", NULL},
    {"R2.23", "two-tables", PARSE_SEVERAL_TABLES, "ref-1", NULL},
    {"R2.21", "other-files", PARSE_OK, "ref-1", NULL},
    {"R2.23", "no-table-workbook", PARSE_WORKBOOK, "ref-1", NULL},
    {"R2.23", "no-table", PARSE_NO_TABLE, "ref-1", NULL},
    {"R2.22", "in-attached-mail", PARSE_NO_TABLE, "ref-1", NULL},
    {"R2.22", "beside-attached-mail", PARSE_OK, "ref-1", NULL},
    {"R2.22", "deep", PARSE_OK, "ref-1", NULL},
    {"R2.18", "html-outlook", PARSE_OK, "ref-1", "päss<w&rt>ß"},
    {"R2.18", "html-outlook-table", PARSE_OK, "ref-1", NULL},
    {"R2.18", "html-table-around", PARSE_OK, "ref-1", NULL},
    {"R2.18", "html-gmail", PARSE_OK, "ref-1", NULL},
    {"R2.18", "html-apple", PARSE_OK, "ref-1", "sécret€"},
    {"R2.18", "html-entities", PARSE_OK, "ref-1", "s3ä&#xd800;&#x110000;&#0;€"},
    {"R2.18", "html-unknown-charset", PARSE_OK, "ref-1", "päss"},
    {"R2.18", "html-utf16", PARSE_OK, "ref-1", "päss"},
    {"R2.18", "alternative-apple", PARSE_OK, "ref-1", NULL},
    {"R2.18", "related-outlook", PARSE_OK, "ref-1", NULL},
    {"R2.22", "signed", PARSE_OK, "ref-1", NULL},
    {"R2.18", "qp-soft-breaks", PARSE_OK, "ref-1", NULL},
    {"R2.18", "flowed", PARSE_OK, LONG, NULL},
    {"R2.18", "mode-check-flowed", PARSE_OK, LONG, NULL},
    {"R2.18", "flowed-delsp", PARSE_OK, "a-reference-that-is-cut-in-two", NULL},
    {"R2.15", "password-signs", PARSE_OK, "ref-1", "<ä&amp;\"'> =?x?="},
    {"R2.15", "text-base64-latin1", PARSE_OK, "ref-1", "pässwörd"},
    {"R2.15", "password-at-the-end", PARSE_OK, "ref-1", "gehäm"},
    {"R2.19", "password-header-and-text", PARSE_PASSWORD_TWICE, "ref-1", NULL},
    {"R2.19", "keyword-header-and-text", PARSE_OK, "ref-1", NULL},
    {"R2.20", "name-upper", PARSE_OK, "ref-1", NULL},
    {"R2.20", "name-2231-charset", PARSE_OK, "ref-1", NULL},
    {"R2.20", "name-2231-charset-split", PARSE_OK, "ref-1", NULL},
    {"R2.20", "name-2047-b", PARSE_OK, "ref-1", NULL},
    {"R2.20", "name-only-octets", PARSE_OK, "ref-1", NULL},
    {"R2.20", "name-look-alike", PARSE_NO_TABLE, "ref-1", NULL},
    {"R2.21", "name-path-encoded", PARSE_NO_TABLE, "ref-1", NULL},
    {"R2.20", "name-empty", PARSE_NO_TABLE, "ref-1", NULL},
    {"R2.29", "winmail", PARSE_WINMAIL, "ref-1", NULL},
    {"R2.29", "winmail-octets", PARSE_WINMAIL, "ref-1", NULL},
    {"R2.29", "winmail-beside", PARSE_OK, "ref-1", NULL},
    {"R2.24", "uuencode-crlf", PARSE_OK, "ref-1", NULL},
    {"R2.24", "uuencode-spaces", PARSE_OK, "ref-1", NULL},
    {"R2.24", "uuencode-other-name", PARSE_OK, "ref-1", NULL},
    {"R2.24", "uuencode-no-end", PARSE_UUENCODE, "ref-1", NULL},
    {"R2.24", "uuencode-no-begin", PARSE_UUENCODE, "ref-1", NULL},
    {"R2.24", "uuencode-two-files", PARSE_UUENCODE, "ref-1", NULL},
    {"R2.30", "uu-text", PARSE_OK, "ref-1", NULL},
    {"R2.30", "uu-text-crlf", PARSE_OK, "ref-1", NULL},
    {"R2.30", "uu-text-spaces", PARSE_OK, "ref-1", NULL},
    {"R2.30", "uu-text-no-mime", PARSE_OK, "ref-1", NULL},
    {"R2.30", "uu-text-base64", PARSE_OK, "ref-1", NULL},
    {"R2.30", "uu-text-flowed", PARSE_OK, "ref-1", NULL},
    {"R2.30", "uu-in-multipart", PARSE_OK, "ref-1", NULL},
    {"R2.30", "uu-empty", PARSE_OK, "ref-1", NULL},
    {"R2.30", "uu-other-file", PARSE_NO_TABLE, "ref-1", NULL},
    {"R2.30", "uu-path", PARSE_NO_TABLE, "ref-1", NULL},
    {"R2.30", "uu-quoted", PARSE_NO_TABLE, "ref-1", NULL},
    {"R2.30", "uu-in-attached-mail", PARSE_NO_TABLE, "ref-1", NULL},
    {"R2.30", "uu-in-named-text", PARSE_NO_TABLE, "ref-1", NULL},
    {"R2.30", "uu-twice", PARSE_SEVERAL_TABLES, "ref-1", NULL},
    {"R2.30", "uu-and-attached", PARSE_SEVERAL_TABLES, "ref-1", NULL},
    {"R2.30", "uu-attached-first", PARSE_SEVERAL_TABLES, "ref-1", NULL},
    {"R2.30", "uu-no-end", PARSE_UUENCODE, "ref-1", NULL},
    {"R2.30", "uu-cut-off", PARSE_UUENCODE, "ref-1", NULL},
    {"R2.30", "uu-damaged", PARSE_UUENCODE, "ref-1", NULL},
    {"R2.30", "uu-line-long", PARSE_UUENCODE, "ref-1", NULL},
    {"R2.30", "uu-line-endless", PARSE_UUENCODE, "ref-1", NULL},
    {"R2.30", "uu-begins-inside", PARSE_UUENCODE, "ref-1", NULL},
    {"R2.30", "uu-behind-last", PARSE_UUENCODE, "ref-1", NULL},
    {"unreadable", "partial", PARSE_PARTIAL, "ref-1", NULL},
    {"unreadable", "partial-inside", PARSE_PARTIAL, "ref-1", NULL},
    {"unreadable", "truncated", PARSE_TRUNCATED, "ref-1", NULL},
    {"unreadable", "truncated-header", PARSE_TRUNCATED, "", NULL},
    {"unreadable", "nul-body", PARSE_NUL, "ref-1", NULL},
    {"unreadable", "nul-header", PARSE_NUL, "ref-1", NULL},
    {"unreadable", "two-boundaries", PARSE_PARAMETER, NULL, NULL},
    {"unreadable", "no-boundary", PARSE_BOUNDARY, "ref-1", NULL},
    {"unreadable", "no-parts", PARSE_BOUNDARY, "", NULL},
    {"unreadable", "two-content-types", PARSE_HEADER, NULL, NULL},
    {"unreadable", "two-same-content-types", PARSE_HEADER, "ref-1", NULL},
    {"unreadable", "two-encodings", PARSE_HEADER, "ref-1", NULL},
    {"unreadable", "two-froms", PARSE_HEADER, "ref-1", NULL},
    {"unreadable", "bad-header-name", PARSE_HEADER, "ref-1", NULL},
    {"unreadable", "bad-first-line", PARSE_HEADER, "", NULL},
    {"unreadable", "empty", PARSE_HEADER, "", NULL},
    {"unreadable", "body-only", PARSE_NO_TABLE, "ref-1", NULL},
    {"unreadable", "outer-close", PARSE_BOUNDARY, "", NULL},
    {"R2.22", "epilogue", PARSE_OK, "ref-1", NULL},
    {"R2.22", "nested-groups", PARSE_OK, "ref-1", NULL},
};

static void check_case(const Case *row, const char *bytes, gsize size, gsize piece)
{
    Result result = parse_bytes(bytes, size, piece, &roomy);
    g_assert_cmpint(result.reason, ==, row->reason);
    if (row->reference != NULL)
        g_assert_cmpstr(result.reference, ==, row->reference);
    /* R2.16, and the promise that no value becomes a line of its own. */
    g_assert_cmpuint(strlen(result.reference), <=, REQUEST_REFERENCE_MAX);
    g_assert_true(g_utf8_validate(result.reference, -1, NULL));
    for (const char *at = result.reference; *at != '\0'; at++)
        g_assert_true((guchar)*at >= ' ' && *at != 0x7f);
    if (row->reason == PARSE_OK) {
        g_assert_cmpstr(result.password, ==, row->password ? row->password : "s3cret");
        g_assert_cmpint(result.mode, ==,
                        g_str_has_prefix(row->mail, "mode-check") ? MODE_CHECK
                        : g_str_equal(row->mail, "mode-atomic")   ? MODE_ATOMIC
                                                                  : MODE_APPLY);
        g_string_replace(result.table, "\r\n", "\n", 0);
        if (strcmp(row->mail, "uu-empty") == 0)
            g_assert_cmpuint(result.table->len, ==, 0);
        else if (strcmp(row->mail, "csv-is-no-text") != 0)
            g_assert_true(g_str_has_prefix(result.table->str, CSV));
    } else {
        g_assert_cmpstr(result.password, ==, "");
        g_assert_cmpuint(result.table->len, ==, 0);
    }
    result_clear(&result);
}

static void test_case(gconstpointer data)
{
    const Case *row = data;
    g_autofree char *name = g_strconcat(row->mail, ".eml", NULL);
    g_autofree char *path = g_test_build_filename(G_TEST_DIST, "test-fixtures", "mail", name, NULL);
    g_autofree char *bytes = NULL;
    gsize size;
    g_assert_true(g_file_get_contents(path, &bytes, &size, NULL));
    check_case(row, bytes, size, 65536);
    /* However the bytes arrive, they say the same. */
    check_case(row, bytes, size, 1);
}

/* --- limits --- */

#define TOP "From: a@example.com\nSubject: PROCESS\nMIME-Version: 1.0\n"
#define TEXT "Content-Type: text/plain\n\nPassword: s3cret\nBatchload: ref-1\n\n"
#define TABLE "Content-Type: text/csv; name=batchload.csv\n"

static void repeat(GString *mail, const char *text, unsigned times)
{
    while (times-- > 0)
        g_string_append(mail, text);
}

static GString *parts_mail(unsigned more, const char *part)
{
    GString *mail = g_string_new(TOP "Content-Type: multipart/mixed; boundary=b\n\n--b\n" TEXT);
    repeat(mail, part, more);
    g_string_append(mail, "--b\n" TABLE "\n" CSV "\n--b--\n");
    return mail;
}

static GString *deep_mail(unsigned depth)
{
    GString *mail = g_string_new(TOP);
    for (unsigned i = 0; i < depth; i++)
        g_string_append_printf(mail, "Content-Type: multipart/mixed; boundary=b%u\n\n--b%u\n", i,
                               i);
    g_string_append(mail, TABLE "\n" CSV "\n");
    while (depth-- > 0)
        g_string_append_printf(mail, "--b%u--\n", depth);
    return mail;
}

static GString *header_mail(unsigned bytes, bool in_part, bool one_line)
{
    GString *mail = g_string_new(TOP);
    if (in_part)
        g_string_append(mail, "Content-Type: multipart/mixed; boundary=b\n\n--b\n" TEXT "--b\n");
    if (one_line) {
        g_string_append(mail, "X-Long:");
        repeat(mail, " 123456789", bytes / 10);
        g_string_append_c(mail, '\n');
    } else {
        repeat(mail, "X-Trace: 0123456789012345678901\n", in_part ? 0 : bytes / 32);
        for (unsigned i = 0; in_part && i < bytes / 20; i++)
            g_string_append_printf(mail, "X-T%07u: 1234567\n", i);
    }
    g_string_append(mail, TABLE "Password: s3cret\n\n" CSV "\n");
    if (in_part)
        g_string_append(mail, "--b--\n");
    return mail;
}

static void check_mail(GString *mail, const RequestLimits *limits, ParseReason reason)
{
    Result result = parse_bytes(mail->str, mail->len, 65536, limits);
    g_assert_cmpint(result.reason, ==, reason);
    result_clear(&result);
    g_string_free(mail, TRUE);
}

static void test_parts(void)
{
    /* The multipart, the text and the table are parts too. */
    check_mail(parts_mail(47, "--b\nContent-Type: a/b\n\nx\n"), &roomy, PARSE_OK);
    check_mail(parts_mail(48, "--b\nContent-Type: a/b\n\nx\n"), &roomy, PARSE_MIME_PARTS);
    check_mail(parts_mail(100000, "--b\nContent-Type: a/b\n\nx\n"), &roomy, PARSE_MIME_PARTS);
    check_mail(parts_mail(600000, "--b\n\n"), &roomy, PARSE_MIME_PARTS);
    check_mail(parts_mail(600000, "--b\n"), &roomy, PARSE_HEADER);
}

static void test_depth(void)
{
    RequestLimits limits = roomy;
    limits.mime_parts_max = 1000000;
    check_mail(deep_mail(8), &limits, PARSE_NO_PASSWORD);
    check_mail(deep_mail(9), &limits, PARSE_MIME_DEPTH);
    check_mail(deep_mail(2000), &limits, PARSE_MIME_DEPTH);
    check_mail(deep_mail(100000), &limits, PARSE_MIME_DEPTH);
    limits.mime_depth_max = 5000;
    check_mail(deep_mail(2000), &limits, PARSE_MIME_DEPTH);
}

static void test_headers(void)
{
    check_mail(header_mail(60000, false, true), &roomy, PARSE_OK);
    check_mail(header_mail(60000, false, false), &roomy, PARSE_OK);
    check_mail(header_mail(66000, false, true), &roomy, PARSE_HEADER_BYTES);
    check_mail(header_mail(66000, false, false), &roomy, PARSE_HEADER_BYTES);
    check_mail(header_mail(60000, true, true), &roomy, PARSE_OK);
    check_mail(header_mail(60000, true, false), &roomy, PARSE_OK);
    check_mail(header_mail(66000, true, true), &roomy, PARSE_HEADER_BYTES);
    check_mail(header_mail(66000, true, false), &roomy, PARSE_HEADER_BYTES);
    check_mail(header_mail(4 << 20, false, true), &roomy, PARSE_HEADER_BYTES);
    check_mail(header_mail(4 << 20, false, false), &roomy, PARSE_HEADER_BYTES);
    check_mail(header_mail(1 << 20, true, true), &roomy, PARSE_HEADER_BYTES);
    check_mail(header_mail(4 << 20, true, false), &roomy, PARSE_HEADER_BYTES);
}

static void test_sizes(void)
{
    RequestLimits limits = roomy;
    GString *mail = parts_mail(0, "");
    limits.message_bytes_max = mail->len;
    limits.attachment_bytes_max = strlen(CSV);
    check_mail(mail, &limits, PARSE_OK);
    limits.attachment_bytes_max--;
    check_mail(parts_mail(0, ""), &limits, PARSE_ATTACHMENT_BYTES);
    limits.message_bytes_max--;
    check_mail(parts_mail(0, ""), &limits, PARSE_MESSAGE_BYTES);

    /* The encoded table is over the limit, the decoded one is not. */
    limits = roomy;
    limits.attachment_bytes_max = 6000;
    g_autofree char *encoded = g_malloc(8001);
    memset(encoded, 'A', 8000);
    encoded[8000] = '\0';
    mail = g_string_new(TOP "Password: s3cret\nContent-Transfer-Encoding: base64\n" TABLE "\n");
    g_string_append(mail, encoded);
    check_mail(mail, &limits, PARSE_OK);
}

/* What is uuencoded counts as it is decoded. */
static void test_uuencoded_sizes(void)
{
    static const char *const tops[] = {
        TOP TEXT,
        TOP "Password: s3cret\nContent-Transfer-Encoding: x-uuencode\n" TABLE "\n",
    };
    RequestLimits limits = roomy;
    limits.attachment_bytes_max = 45 * 1000;
    for (gsize i = 0; i < G_N_ELEMENTS(tops); i++)
        for (unsigned lines = 1000; lines <= 1001; lines++) {
            GString *mail = g_string_new(tops[i]);
            g_string_append(mail, "begin 644 batchload.csv\n");
            repeat(mail, "M````````````````````````````````````````````````````````````\n", lines);
            g_string_append(mail, "`\nend\n");
            check_mail(mail, &limits, lines > 1000 ? PARSE_ATTACHMENT_BYTES : PARSE_OK);
        }
}

/* Blanks stand for zeros where '`' does not, and are lost at the end of a line on the way. */
static void test_uuencoded_blanks(void)
{
    static const char mail[] = TOP TEXT "begin 644 batchload.csv\r\nM\r\n#86)C\r\n\r\nend\r\n";
    Result result = parse_bytes(mail, strlen(mail), 65536, &roomy);
    g_assert_cmpint(result.reason, ==, PARSE_OK);
    g_assert_cmpuint(result.table->len, ==, 48);
    g_assert_cmpmem(result.table->str, 45, (char[45]){0}, 45);
    g_assert_cmpstr(result.table->str + 45, ==, "abc");
    result_clear(&result);
}

/* The order of the errors: a mail with all of them is too large. */
static void test_order(void)
{
    RequestLimits limits = roomy;
    limits.mime_parts_max = 3;
    check_mail(parts_mail(3, "--b\n" TABLE "X: 1\nX: 2\n\n\n"), &limits, PARSE_MIME_PARTS);
    check_mail(parts_mail(3, "--b\n" TABLE "X: 1\nX: 2\n\n\n"), &roomy, PARSE_HEADER);
    check_mail(parts_mail(3, "--b\n" TABLE "\n\n"), &roomy, PARSE_SEVERAL_TABLES);
}

/* The reference is had, whatever is refused. */
static void test_reference_of_refused(void)
{
    RequestLimits limits = roomy;
    limits.mime_parts_max = 3;
    GString *mail = parts_mail(3, "--b\nContent-Type: a/b\n\nx\n");
    Result result = parse_bytes(mail->str, mail->len, 65536, &limits);
    g_assert_cmpint(result.reason, ==, PARSE_MIME_PARTS);
    g_assert_cmpstr(result.reference, ==, "ref-1");
    result_clear(&result);
    g_string_free(mail, TRUE);
}

/* --- the source --- */

static void test_source_fails(void)
{
    GString *mail = parts_mail(0, "");
    Memory memory = {.bytes = mail->str, .size = mail->len, .piece = 10, .fail_at = 100};
    ParseSource source = {memory_read, memory_rewind, &memory};
    g_autoptr(Parse) parse = parse_new(&source, &roomy);
    g_assert_null(parse_record(parse));
    g_string_free(mail, TRUE);
}

static bool refuse(gpointer data G_GNUC_UNUSED, const void *bytes G_GNUC_UNUSED,
                   gsize size G_GNUC_UNUSED)
{
    return false;
}

static void test_sink_fails(void)
{
    GString *mail = parts_mail(0, "");
    Memory memory = {.bytes = mail->str, .size = mail->len, .piece = 65536};
    ParseSource source = {memory_read, memory_rewind, &memory};
    g_autoptr(Parse) parse = parse_new(&source, &roomy);
    g_assert_cmpint(parse_record(parse)->reason, ==, PARSE_OK);
    g_assert_false(parse_table(parse, refuse, NULL));
    g_string_free(mail, TRUE);
}

/* Texts before and behind a large table are all read with few rewinds. */
static void test_rewinds(void)
{
    for (int behind = 0; behind < 2; behind++) {
        GString *mail = g_string_new(TOP "Content-Type: multipart/mixed; boundary=b\n\n--b\n");
        if (!behind)
            g_string_append(mail, TEXT "--b\n");
        g_string_append(mail, TABLE "\n");
        repeat(mail, "example.com;anna;FULL;ADD;secret\n", 50000);
        g_string_append(mail, behind ? "\n--b\n" TEXT "--b--\n" : "\n--b--\n");
        Result result = parse_bytes(mail->str, mail->len, 5000, &roomy);
        g_assert_cmpint(result.reason, ==, PARSE_OK);
        g_assert_cmpuint(result.table->len, ==, 50000 * 33);
        g_assert_cmpuint(result.rewinds, <=, 2);
        result_clear(&result);
        g_string_free(mail, TRUE);
    }
}

/* --- HTML --- */

static void test_html(void)
{
    static const struct {
        const char *html;
        const char *text;
    } rows[] = {
        {"a<br>b", "a\nb"},
        {"<tr><td><p>a</p>\n</td><td>\n<p> b</p><p>c</p></td></tr>d", "\n\ta\t  b\n\nc\t\nd"},
        {"<td>&nbsp;<br>a", "\t\xc2\xa0\na"},
        {"&auml;&szlig;&yuml;&nbsp;&euro;&hellip;&Auml", "äßÿ\xc2\xa0€…&Auml"},
        {"<p title=\"x>y\">a</p>b", "\na\nb"},
        {"a &lt;b&gt; &#65;&#x42; &amp;amp; &none; &", "a <b> AB &amp; &none; &"},
        {"a<script>b<br>c</script>d", "ad"},
        {"a<!-- <br> -->b", "ab"},
        {"a\r\nb", "a  b"},
        {"1 < 2", "1 < 2"},
        {"a<b", "a"},
        {"a<style>b", "a"},
        {"&#0;&#xd800;&#99999999;", "&#0;&#xd800;&#99999999;"},
    };
    for (gsize i = 0; i < G_N_ELEMENTS(rows); i++) {
        g_autoptr(Secret) text = keyword_text_of_html(rows[i].html);
        g_assert_cmpstr(text, ==, rows[i].text);
    }
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_mime_init();
    for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autofree char *path = g_strdup_printf("/parse/%s/%s", cases[i].rule, cases[i].mail);
        g_test_add_data_func(path, &cases[i], test_case);
    }
    g_test_add_func("/parse/R2.25/parts", test_parts);
    g_test_add_func("/parse/R2.25/depth", test_depth);
    g_test_add_func("/parse/R2.25/headers", test_headers);
    g_test_add_func("/parse/R2.25/sizes", test_sizes);
    g_test_add_func("/parse/R2.30/uuencoded-sizes", test_uuencoded_sizes);
    g_test_add_func("/parse/R2.30/uuencoded-blanks", test_uuencoded_blanks);
    g_test_add_func("/parse/order", test_order);
    g_test_add_func("/parse/reference-of-refused", test_reference_of_refused);
    g_test_add_func("/parse/source-fails", test_source_fails);
    g_test_add_func("/parse/sink-fails", test_sink_fails);
    g_test_add_func("/parse/rewinds", test_rewinds);
    g_test_add_func("/parse/R2.18/html-text", test_html);
    return g_test_run();
}
