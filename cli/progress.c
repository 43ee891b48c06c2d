/* SPDX-License-Identifier: MIT */
#include "cli/progress.h"

#include <sysexits.h>

void progress_clear(Progress *progress)
{
    g_clear_pointer(&progress->words, g_free);
}
static bool parse_progress(const char *text, Progress *progress)
{
    unsigned *const numbers[] = {&progress->state,     &progress->refused,   &progress->rows,
                                 &progress->counts[0], &progress->counts[1], &progress->counts[2],
                                 &progress->counts[3], &progress->counts[4]};
    G_STATIC_ASSERT(RESULT_COUNT == 5);
    g_auto(GStrv) words = g_strsplit(text, " ", G_N_ELEMENTS(numbers) + 1);

    if (g_strv_length(words) <= G_N_ELEMENTS(numbers))
        return false;
    for (gsize i = 0; i < G_N_ELEMENTS(numbers); i++) {
        guint64 number;
        if (!g_ascii_string_to_unsigned(words[i], 10, 0, G_MAXUINT, &number, NULL))
            return false;
        *numbers[i] = (unsigned)number;
    }
    g_free(progress->words);
    progress->words = g_strdup(words[G_N_ELEMENTS(numbers)]);
    return true;
}

int progress_look(const CliPlace *place, const char *id, Progress *progress)
{
    g_autofree char *request = g_strdup_printf("state %s", id);
    g_autofree char *text = NULL;
    int code = cli_control_ask(place, request, &text);

    if (code == 0 && !parse_progress(text, progress))
        return cli_fault(EX_TEMPFAIL, "the daemon's answer can't be understood");
    return code;
}

unsigned progress_rows_done(const Progress *progress)
{
    unsigned done = 0;

    for (int i = 0; i < RESULT_COUNT; i++)
        done += progress->counts[i];
    return done;
}
