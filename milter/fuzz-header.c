/* SPDX-License-Identifier: MIT */
#include "milter/header.h"
#include "milter/mailbox.h"
#include <gmime/gmime.h>
#include <stdint.h>
#include <string.h>

/* Any text as the value of each deciding header and as an argument of MAIL and RCPT. Seeds:
 * test-fixtures/header. */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define VALUE_MAX 2000 /* what a session parses at most */

/* An address in the normal form is its own normal form, in an envelope and in a header. */
static void check_address(const Address *address)
{
    g_autofree char *path = g_strdup_printf("<%s>", address->full);
    g_autoptr(Address) again = mailbox_from_path(path);
    g_assert_nonnull(again);
    g_assert_cmpstr(again->full, ==, address->full);
    g_assert_null(strpbrk(address->full, " \t\r\n<>()\"\\,;:"));
}

static void check_from(const char *value)
{
    const char *reason = NULL;
    g_autoptr(Address) address = mailbox_from_header(value, &reason);
    g_assert_true((address == NULL) == (reason != NULL));
    if (address != NULL)
        check_address(address);
}

static void check_path(const char *value)
{
    g_autoptr(Address) address = mailbox_from_path(value);
    if (address != NULL)
        check_address(address);
    (void)mailbox_is_null(value);
}

/* Nothing becomes a header of its own. */
static void check_append(const char *value)
{
    g_autoptr(GString) head = g_string_new(NULL);
    header_append(head, "X", value);
    g_auto(GStrv) lines = g_strsplit(head->str, "\r\n", -1);
    const guint count = g_strv_length(lines);
    g_assert_cmpuint(count, >=, 2);
    g_assert_cmpstr(lines[count - 1], ==, "");
    for (guint i = 0; i + 1 < count; i++) {
        g_assert_null(strpbrk(lines[i], "\r\n"));
        g_assert_true(i == 0 || lines[i][0] == ' ' || lines[i][0] == '\t');
    }
}

static void check_line(char *line, gsize max)
{
    g_assert_true(line == NULL || (*line != '\0' && strlen(line) <= max));
    for (const char *c = line; c != NULL && *c != '\0'; c++)
        g_assert_false(g_ascii_iscntrl(*c));
    g_free(line);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static gsize started = 0;
    if (g_once_init_enter(&started)) {
        g_mime_init();
        g_once_init_leave(&started, 1);
    }
    g_autofree char *value = g_strndup((const char *)data, MIN(size, VALUE_MAX));
    check_from(value);
    check_path(value);
    check_append(value);
    check_line(header_message_id(value), HEADER_MESSAGE_ID_MAX);
    check_line(header_references(value), HEADER_REFERENCES_MAX);
    check_line(header_line(value, HEADER_DATE_MAX), HEADER_DATE_MAX);
    g_free(header_subject(value));
    (void)header_automatic(value);
    (void)header_is_report(value);
    (void)header_is_ours(value);
    return 0;
}
