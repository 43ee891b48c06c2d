/* SPDX-License-Identifier: MIT */
#include "lib/command.h"

#include "lib/request.h"
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

/* What stands behind a word; the parts are separated by one blank each. */
typedef enum {
    FORM_NAME,  /* NAME, which may have blanks */
    FORM_PAIR,  /* NAME REST; REST may be missing */
    FORM_FILE,  /* NAME SIZE REST */
    FORM_MODE,  /* NAME SIZE MODE */
    FORM_PROVE, /* NAME LENGTH SIZE REST */
} Form;

static const struct {
    const char *word;
    Form form;
} forms[COMMAND_COUNT] = {
    [COMMAND_RETRY] = {"retry", FORM_NAME},       [COMMAND_CANCEL] = {"cancel", FORM_NAME},
    [COMMAND_STATE] = {"state", FORM_NAME},       [COMMAND_APPLY] = {"apply", FORM_FILE},
    [COMMAND_CHECK] = {"check", FORM_FILE},       [COMMAND_PANEL] = {"panel", FORM_MODE},
    [COMMAND_RESPONSE] = {"response", FORM_NAME}, [COMMAND_PROVE] = {"prove", FORM_PROVE},
    [COMMAND_RELEASE] = {"release", FORM_PAIR},   [COMMAND_TAKES] = {"takes", FORM_PAIR},
};

const char *command_word(CommandWord word)
{
    return forms[word].word;
}

void command_request_clear(CommandRequest *command)
{
    g_clear_pointer(&command->name, g_free);
    g_clear_pointer(&command->rest, g_free);
}

static bool parse_size(const char *text, guint64 least, guint64 most, guint64 *size)
{
    return g_ascii_string_to_unsigned(text, 10, least, most, size, NULL);
}

static bool parse_mode(const char *text, Mode *mode)
{
    static const Mode modes[] = {MODE_APPLY, MODE_ATOMIC};
    for (gsize i = 0; i < G_N_ELEMENTS(modes); i++)
        if (strcmp(text, mode_name(modes[i])) == 0) {
            *mode = modes[i];
            return true;
        }
    return false;
}

static bool parse_form(Form form, CommandRequest *command)
{
    static const int most[] = {
        [FORM_NAME] = 1, [FORM_PAIR] = 2, [FORM_FILE] = 3, [FORM_MODE] = 3, [FORM_PROVE] = 4};
    g_auto(GStrv) parts = g_strsplit(command->argument, " ", most[form]);
    const int count = (int)g_strv_length(parts);
    command->name = g_strdup(count > 0 ? parts[0] : "");
    command->rest = g_strdup(count > 1 && form != FORM_MODE ? parts[count - 1] : "");
    switch (form) {
    case FORM_NAME:
    case FORM_PAIR:
        return true;
    case FORM_FILE:
        return count == 3 && parse_size(parts[1], 0, G_MAXINT64, &command->size);
    case FORM_MODE:
        return count == 3 && parse_size(parts[1], 0, COMMAND_DOOR_MAX, &command->size) &&
               parse_mode(parts[2], &command->mode);
    case FORM_PROVE:
        return count == 4 &&
               parse_size(parts[1], 1, REQUEST_PASSWORD_MAX, &command->password_size) &&
               parse_size(parts[2], 0, COMMAND_DOOR_MAX, &command->size);
    }
    return false;
}

bool command_parse(const char *line, CommandRequest *command)
{
    for (unsigned i = 0; i < COMMAND_COUNT; i++) {
        const gsize length = strlen(forms[i].word);
        if (!g_str_has_prefix(line, forms[i].word) || line[length] != ' ')
            continue;
        command->word = (CommandWord)i;
        command->argument = line + length + 1;
        command->good =
            parse_form(forms[i].form, command) && strpbrk(command->argument, "\r\n") == NULL;
        return true;
    }
    return false;
}

socklen_t command_address(const char *spool_folder, struct sockaddr_un *address)
{
    char *real = realpath(spool_folder, NULL);
    g_autofree char *path =
        real != NULL ? g_strdup(real) : g_canonicalize_filename(spool_folder, NULL);
    g_autofree char *sum = g_compute_checksum_for_string(G_CHECKSUM_SHA256, path, -1);
    g_autofree char *name = g_strconcat("batchload/", sum, NULL);

    free(real);
    memset(address, 0, sizeof *address);
    address->sun_family = AF_UNIX;
    /* the first byte stays NUL */
    memcpy(address->sun_path + 1, name, strlen(name));
    return (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + strlen(name));
}
