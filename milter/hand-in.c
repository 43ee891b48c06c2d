/* SPDX-License-Identifier: MIT */
#include "milter/hand-in.h"
#include "lib/job.h"
#include <gio/gio.h>
#include <sodium.h>
#include <string.h>

/* Bytes of a line of base64 (RFC 2045, 6.8), and lines that are read at a time. */
#define LINE 57
#define LINES 512
#define LINE_TEXT (LINE / 3 * 4 + 2)
/* Bytes of the keywords' part beside their values. */
#define KEYWORDS_ROOM 1024

static bool write_text(SpoolIntake *intake, const char *text, GError **error)
{
    return spool_intake_body(intake, text, strlen(text), error);
}

static bool write_head(SpoolIntake *intake, const Config *config, const Address *sender,
                       const char *boundary, GError **error)
{
    g_autofree char *head =
        g_strdup_printf("From: %s\r\nTo: %s\r\nSubject: PROCESS\r\nMIME-Version: 1.0\r\n"
                        "Content-Type: multipart/mixed; boundary=\"%s\"\r\n\r\n",
                        sender->full, config->batch_addresses[0], boundary);
    return spool_intake_header(intake, head, strlen(head), error);
}

/* Without a door the password is a word that nobody looks at: a request has one. */
static bool write_keywords(SpoolIntake *intake, const HandIn *what, const char *boundary,
                           GError **error)
{
    const char *password = what->password != NULL ? what->password : "none";
    /* as large as it gets: it holds a password and must not be copied */
    GString *text = g_string_sized_new(strlen(password) + strlen(what->reference) + KEYWORDS_ROOM);
    g_string_printf(text,
                    "--%s\r\nContent-Type: text/plain; charset=utf-8\r\n"
                    "Content-Transfer-Encoding: 8bit\r\n\r\nPassword: %s\r\n",
                    boundary, password);
    if (what->mode != MODE_APPLY)
        g_string_append_printf(text, "Mode: %s\r\n", mode_name(what->mode));
    if (*what->reference != '\0')
        g_string_append_printf(text, "Batchload: %s\r\n", what->reference);
    g_string_append_printf(text,
                           "\r\n--%s\r\nContent-Type: text/csv\r\n"
                           "Content-Disposition: attachment; filename=\"batchload.csv\"\r\n"
                           "Content-Transfer-Encoding: base64\r\n\r\n",
                           boundary);
    const bool well = write_text(intake, text->str, error);
    sodium_memzero(text->str, text->allocated_len);
    g_string_free(text, TRUE);
    return well;
}

static bool fill(char *buffer, gsize size, HandInReadFunc read, gpointer data, GError **error)
{
    while (size > 0) {
        gssize got = read(data, buffer, size);
        if (got <= 0) {
            g_set_error_literal(error, G_IO_ERROR, G_IO_ERROR_PARTIAL_INPUT,
                                "the file did not come to its end");
            return false;
        }
        buffer += got;
        size -= (gsize)got;
    }
    return true;
}

static bool write_file(SpoolIntake *intake, guint64 size, HandInReadFunc read, gpointer data,
                       GError **error)
{
    char *piece = g_malloc(LINE * LINES);
    bool well = true;
    while (well && size > 0) {
        gsize now = (gsize)MIN(size, LINE * LINES);
        g_autoptr(GString) lines = g_string_sized_new(LINES * LINE_TEXT);
        well = fill(piece, now, read, data, error);
        for (gsize at = 0; well && at < now; at += LINE) {
            Secret *line = g_base64_encode((const guchar *)piece + at, MIN(LINE, now - at));
            g_string_append(lines, line);
            g_string_append(lines, "\r\n");
            secret_free(line);
        }
        well = well && write_text(intake, lines->str, error);
        sodium_memzero(lines->str, lines->allocated_len);
        size -= now;
    }
    sodium_memzero(piece, LINE * LINES);
    g_free(piece);
    return well;
}

static bool write_mail(SpoolIntake *intake, const Config *config, const Address *sender,
                       const HandIn *what, HandInReadFunc read, gpointer data, GError **error)
{
    g_autofree char *boundary = g_uuid_string_random(); /* has '-', which base64 has not */
    g_autofree char *end = g_strdup_printf("--%s--\r\n", boundary);
    return write_head(intake, config, sender, boundary, error) &&
           write_keywords(intake, what, boundary, error) &&
           write_file(intake, what->size, read, data, error) && write_text(intake, end, error);
}

static Answer no(char **text, char *why)
{
    *text = why;
    return ANSWER_NO;
}

/* By a door there is the password alone: a mail's other proofs, and the networks that it may come
 * from, can't be seen of it. Nothing of it has gone over a network. */
static bool may_use_door(const Grant *grant)
{
    return grant->auth == GRANT_AUTH_PASSWORD && grant->clients == NULL;
}

static const char *client_of(const HandIn *what)
{
    if (what->password != NULL)
        return SPOOL_CLIENT_DOOR;
    if (what->panel)
        return SPOOL_CLIENT_PANEL;
    return what->mode == MODE_CHECK ? SPOOL_CLIENT_CHECK : SPOOL_CLIENT_COMMAND;
}

/* ANSWER_NO with the words for whoever handed it in: a door tells nobody who has a grant. */
static Answer find_grant(const World *world, const HandIn *what, const Address *sender,
                         Grant **grant, bool *own_key, char **text, GError **error)
{
    Answer found = sender_table_grant(world_senders(world), sender, grant, own_key, error);
    if (found == ANSWER_UNKNOWN)
        return found;
    const bool allowed = found == ANSWER_YES && (*grant)->verdict == GRANT_ALLOW;
    if (what->password == NULL)
        return allowed
                   ? ANSWER_YES
                   : no(text, g_strdup_printf("the sender table does not allow %s to send requests",
                                              sender->full));
    if (allowed && may_use_door(*grant))
        return ANSWER_YES;
    log_line(LOG_LEVEL_INFO, NULL, "control: door uid=%u from=%s reason=\"%s\"",
             (unsigned)what->user, sender->full,
             allowed ? "the grant asks for a proof other than the password"
                     : "the sender has no grant");
    return no(text, g_strdup(JOB_DOOR_REFUSED));
}

Answer hand_in(const World *world, const HandIn *what, HandInReadFunc read, gpointer data,
               char **text, GError **error)
{
    const Config *config = world_config(world);
    g_autoptr(GError) why = NULL;
    g_autoptr(Address) sender = address_parse(what->address, NULL, &why);
    g_autoptr(Grant) grant = NULL;
    bool own_key = false;
    if (sender == NULL)
        return no(text, g_strdup(why->message));
    Answer found = find_grant(world, what, sender, &grant, &own_key, text, error);
    if (found != ANSWER_YES)
        return found;
    g_autofree char *login = g_strdup_printf("uid %u", (unsigned)what->user);
    g_autofree char *unique = g_uuid_string_random(); /* each is a request of its own */
    const JobFacts facts = {
        .requester = sender->full,
        .batch_address = config->batch_addresses[0],
        .grant = grant->source,
        .own_key = own_key,
        .client = (char *)client_of(what),
        .login = login,
        .subject = (char *)"PROCESS",
        .date = unique,
    };
    g_autoptr(SpoolIntake) intake = spool_intake_new(world_spool(world), &facts, error);
    if (intake == NULL || !write_mail(intake, config, sender, what, read, data, error))
        return ANSWER_UNKNOWN;
    return spool_intake_commit(intake, &facts, text, error);
}
