/* SPDX-License-Identifier: MIT */
#include "policy/map.h"
#include "policy/socketmap.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

/* Any bytes as what a socketmap server sends: the more of them have come, the more is known, and
 * nothing that was known changes. Any bytes as a reply: yes only for what begins so, and words only
 * printable. Seeds: test-fixtures/socketmap. */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Most prefixes that are tried one by one. */
#define PREFIXES_MAX 300

/* Whether the length that stands at the beginning is too much, as far as it has come. */
static bool says_too_much(const char *bytes, gsize size)
{
    guint64 said = 0;
    for (gsize i = 0; i < size && i < SOCKETMAP_DIGITS_MAX && g_ascii_isdigit(bytes[i]); i++)
        said = said * 10 + (guint64)(bytes[i] - '0');
    return said > SOCKETMAP_REPLY_MAX;
}

static void check_frames(const char *bytes, gsize size)
{
    const char *text = NULL, *first_text = NULL;
    gsize length = 0, used = 0, first_used = 0;
    SocketmapState before = SOCKETMAP_MORE;
    for (gsize i = size > PREFIXES_MAX ? size - PREFIXES_MAX : 0; i <= size; i++) {
        const SocketmapState state = socketmap_frame(bytes, i, &text, &length, &used);
        g_assert_true(before == SOCKETMAP_MORE || state == before);
        g_assert_true(state == SOCKETMAP_BAD || !says_too_much(bytes, i));
        if (state == SOCKETMAP_WHOLE) {
            g_assert_cmpuint(length, <=, SOCKETMAP_REPLY_MAX);
            g_assert_true(used <= i && text > bytes && text + length == bytes + used - 1);
            g_assert_true(bytes[used - 1] == ',' && text[-1] == ':');
            g_assert_true(first_text == NULL || (first_text == text && first_used == used));
            first_text = text;
            first_used = used;
        }
        before = state;
    }
}

static void check_words(const char *words)
{
    g_assert_true(g_utf8_validate(words, -1, NULL));
    g_assert_cmpuint(strlen(words), <, 300);
    for (const char *at = words; *at != '\0'; at = g_utf8_next_char(at))
        g_assert_true(g_unichar_isprint(g_utf8_get_char(at)));
}

static void check_reply(const char *text, gsize length)
{
    g_autofree char *value = NULL;
    g_autoptr(GError) error = NULL;
    const Answer answer = socketmap_reply(text, length, &value, &error);
    g_assert_true((answer == ANSWER_UNKNOWN) == (error != NULL));
    g_assert_true((answer == ANSWER_YES) == (value != NULL));
    if (answer == ANSWER_YES) {
        g_assert_true(length >= 2 && memcmp(text, "OK", 2) == 0);
        g_assert_true((length == 2 && *value == '\0') ||
                      (text[2] == ' ' && strlen(value) == length - 3 &&
                       memcmp(text + 3, value, length - 3) == 0));
    } else if (answer == ANSWER_NO) {
        const gsize word = strlen("NOTFOUND");
        g_assert_true(length >= word && memcmp(text, "NOTFOUND", word) == 0);
        g_assert_true(length == word || text[word] == ' ');
    } else {
        g_assert_error(error, MAP_ERROR, MAP_ERROR_FAILED);
        check_words(error->message);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const char *bytes = (const char *)data, *text = NULL;
    gsize length = 0, used = 0;
    check_frames(bytes, size);
    check_reply(bytes, size);
    if (socketmap_frame(bytes, size, &text, &length, &used) == SOCKETMAP_WHOLE)
        check_reply(text, length);
    return 0;
}
