/* SPDX-License-Identifier: MIT */
#include "lib/command.h"

#include "lib/request.h"
#include <stdint.h>
#include <string.h>

/* Any line as what is asked of the daemon. What is understood of it says the same when it is
 * written anew, has no more behind it than there may be, and nothing in it ends a line of a mail.
 * Seeds: test-fixtures/command. */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define SIZE "%" G_GUINT64_FORMAT

static char *write_anew(const CommandRequest *command)
{
    const char *word = command_word(command->word);
    switch (command->word) {
    case COMMAND_APPLY:
    case COMMAND_CHECK:
        return g_strdup_printf("%s %s " SIZE " %s", word, command->name, command->size,
                               command->rest);
    case COMMAND_PROVE:
        return g_strdup_printf("%s %s " SIZE " " SIZE " %s", word, command->name,
                               command->password_size, command->size, command->rest);
    case COMMAND_PANEL:
        return g_strdup_printf("%s %s " SIZE " %s", word, command->name, command->size,
                               mode_name(command->mode));
    case COMMAND_RELEASE:
    case COMMAND_TAKES:
        return g_strdup_printf("%s %s %s", word, command->name, command->rest);
    default:
        return g_strdup_printf("%s %s", word, command->name);
    }
}

static void check_parts(const CommandRequest *command)
{
    const bool file = command->word == COMMAND_PROVE || command->word == COMMAND_PANEL;
    g_assert_null(strpbrk(command->name, "\r\n"));
    g_assert_null(strpbrk(command->rest, "\r\n"));
    g_assert_cmpuint(command->password_size, <=, REQUEST_PASSWORD_MAX);
    g_assert_true((command->password_size > 0) == (command->word == COMMAND_PROVE));
    g_assert_cmpuint(command->size, <=, file ? COMMAND_DOOR_MAX : (guint64)G_MAXINT64);
    g_assert_true(command->mode < MODE_COUNT);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const uint8_t *end = size > 0 ? memchr(data, '\n', size) : NULL;
    g_autofree char *line = g_strndup((const char *)data, end != NULL ? (gsize)(end - data) : size);
    g_auto(CommandRequest) command = {0};
    if (!command_parse(line, &command))
        return 0;
    g_assert_true(g_str_has_prefix(line, command_word(command.word)));
    g_assert_true(g_str_has_suffix(line, command.argument));
    if (!command.good)
        return 0;
    check_parts(&command);
    g_auto(CommandRequest) again = {0};
    g_autofree char *anew = write_anew(&command);
    g_assert_true(command_parse(anew, &again) && again.good);
    g_assert_true(again.word == command.word && again.size == command.size &&
                  again.password_size == command.password_size && again.mode == command.mode);
    g_assert_cmpstr(again.name, ==, command.name);
    g_assert_cmpstr(again.rest, ==, command.rest);
    return 0;
}
