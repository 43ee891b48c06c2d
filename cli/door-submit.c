/* SPDX-License-Identifier: MIT */
#include "cli/door.h"
#include "cli/progress.h"

#include "lib/command.h"
#include "lib/mode.h"
#include "lib/response.h"
#include "lib/text.h"

#include <stdio.h>
#include <string.h>
#include <sysexits.h>

/* A command's row, handed to the daemon and followed to its end. */

/* How soon the daemon is asked how far it is, at first and later. */
#define LOOK_FIRST_USEC 10000
#define LOOK_USEC 250000
/* How long a command waits for what does not come on: a directory that is away, say, or the pause
 * after wrong passwords. Then it takes the request back. */
#define PATIENCE_SECONDS 15
/* Longest address that is taken, in a request's line. */
#define LINE_ROOM 100

static int hand_in(const CliPlace *place, const DoorRequest *request, char **id)
{
    const Secret *password = request->password;
    const gsize length = password != NULL ? strlen(password) : 0;
    GString *text = door_table_text(request->table);
    g_autofree char *line =
        password != NULL ? g_strdup_printf("prove %s %zu %zu \n", request->admin, length, text->len)
                         : g_strdup_printf("panel %s %zu %s\n", request->admin, text->len,
                                           mode_name(request->atomic ? MODE_ATOMIC : MODE_APPLY));
    const CliPiece pieces[] = {{line, strlen(line)}, {password, length}, {text->str, text->len}};
    int code;

    if (strlen(line) > COMMAND_LINE_MAX - LINE_ROOM || length > CLI_PASSWORD_MAX ||
        text->len > COMMAND_DOOR_MAX)
        code = cli_fault(EX_DATAERR, "what was given is longer than a command may be");
    else
        code = cli_control_ask_with(place, pieces, G_N_ELEMENTS(pieces), id);
    secret_wipe(text->str, text->allocated_len);
    g_string_free(text, TRUE);
    return code;
}

/* --- following --- */

/* Whether it waits for something that may never come. */
static bool is_held_up(const Progress *progress)
{
    return progress->state == JOB_RECEIVED ||
           (progress->state == JOB_WORKING && *progress->words != '\0');
}

static bool is_done(const Progress *progress)
{
    return progress->state >= JOB_SENDING;
}

/* Takes the request back; where it is too late for that, it goes on without the command. */
static int give_up(const CliPlace *place, const char *id, Progress *progress)
{
    g_autofree char *request = g_strdup_printf("cancel %s", id);
    g_autofree char *text = NULL;
    int ignored = 0;

    if (cli_control_ask(place, request, &text) == 0) {
        g_bytes_unref(cli_control_response(place, id, &ignored));
        return cli_fault(EX_TEMPFAIL, "it could not be told in time whether this can be done, "
                                      "since the service waits for something, such as the "
                                      "directory; nothing was changed");
    }
    if (progress_look(place, id, progress) == 0 && is_done(progress))
        return 0;
    return cli_fault(EX_TEMPFAIL,
                     "it is not told yet what became of this; it goes on as job %s, "
                     "whose response is mailed to the administrator",
                     id);
}

static int follow(const CliPlace *place, const char *id, Progress *progress)
{
    gint64 held = 0;

    for (gulong pause = LOOK_FIRST_USEC;; pause = MIN(2 * pause, LOOK_USEC)) {
        int code = progress_look(place, id, progress);
        if (code != 0 || is_done(progress))
            return code;
        if (!is_held_up(progress))
            held = 0;
        else if (held == 0)
            held = g_get_monotonic_time();
        else if (g_get_monotonic_time() - held > (gint64)PATIENCE_SECONDS * G_USEC_PER_SEC)
            return give_up(place, id, progress);
        g_usleep(pause);
    }
}

/* --- the result --- */

/* What a response's text says of the first row that failed, without the row's line. The whole text
 * where it tells of none. Caller owns the result. */
static char *about_row(const char *text)
{
    static const char line[] = "Line ";
    g_auto(GStrv) lines = g_strsplit(text, "\r\n", -1);
    g_autofree char *all = g_strjoinv("\n", lines);
    g_auto(GStrv) paragraphs = g_strsplit(all, "\n\n", -1);

    for (char **each = paragraphs; *each != NULL; each++) {
        const char *behind = g_str_has_prefix(*each, line) ? strstr(*each, ": ") : NULL;
        if (behind != NULL)
            return g_strdup(behind + strlen(": "));
    }
    return g_steal_pointer(&all);
}

/* Beside the column that is wrong, its name here. Caller owns the result. */
static char *with_own_name(const DoorRequest *request, const char *told)
{
    static const char label[] = "\n  Field:  ";
    const char *at = strstr(told, label);
    const char *column = at != NULL ? at + strlen(label) : "";
    const gsize length = strcspn(column, "\n");
    g_autofree char *name = g_strndup(column, length);
    const char *own = NULL;
    Field field;

    if (request->name_of != NULL && *name != '\0' && field_find(name, &field))
        own = request->name_of(request->data, field);
    if (own == NULL)
        return g_strdup(told);
    return g_strdup_printf("%.*s%s (%s)%s", (int)(column - told), told, own, name, column + length);
}

/* What is fetched is mailed to nobody. */
static int tell_failure(const CliPlace *place, const DoorRequest *request, const char *id)
{
    int code = 0;
    g_autoptr(GBytes) message = cli_control_response(place, id, &code);
    g_autofree char *text = message != NULL ? response_text(message) : NULL;
    g_autofree char *row = text != NULL ? about_row(text) : NULL;
    g_autofree char *told = row != NULL ? with_own_name(request, row) : NULL;

    if (message == NULL)
        return code;
    if (told == NULL)
        return cli_fault(EX_TEMPFAIL, "the response of job %s can't be read", id);
    return cli_fault(CLI_NO, "%s", told);
}

static void print_results(const DoorRequest *request, const Progress *progress)
{
    g_autofree char *what = text_printable(request->what, -1, ADDRESS_MAX);

    for (int i = 0; i < RESULT_COUNT; i++)
        if (progress->counts[i] > 0)
            printf("%s: %s\n", what, result_name((Result)i));
}

static int tell(const CliPlace *place, const DoorRequest *request, const char *id,
                const Progress *progress, unsigned counts[RESULT_COUNT])
{
    int ignored = 0;

    if (progress->refused == 0 && progress->counts[RESULT_FAILED] > 0)
        return tell_failure(place, request, id);
    if (progress->state == JOB_SENDING)
        g_bytes_unref(cli_control_response(place, id, &ignored));
    if (progress->refused != 0)
        return cli_fault(CLI_NO, "%s", progress->words);
    if (counts != NULL)
        memcpy(counts, progress->counts, sizeof progress->counts);
    else
        print_results(request, progress);
    return 0;
}

int door_submit(const CliPlace *place, const DoorRequest *request, unsigned counts[RESULT_COUNT])
{
    g_auto(Progress) progress = {0};
    g_autofree char *id = NULL;
    int code = hand_in(place, request, &id);

    if (code == 0)
        code = follow(place, id, &progress);
    return code != 0 ? code : tell(place, request, id, &progress, counts);
}
