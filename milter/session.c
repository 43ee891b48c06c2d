/* SPDX-License-Identifier: MIT */
#include "milter/session.h"
#include "lib/keyword.h"
#include "lib/network.h"
#include "milter/header.h"
#include "milter/mailbox.h"
#include "policy/authres.h"
#include <string.h>

/* What becomes of a mail: one word of the log line each. Decided at the end of the header; a
 * failing store can still turn RULING_ACCEPT into RULING_DEFER. */
typedef enum {
    RULING_ACCEPT,
    RULING_IGNORE,
    RULING_DISCARD,
    RULING_REJECT,
    RULING_DEFER,
} Ruling;

static const char *ruling_name(Ruling ruling)
{
    switch (ruling) {
    case RULING_ACCEPT:
        return "accept";
    case RULING_IGNORE:
        return "ignore";
    case RULING_DISCARD:
        return "discard";
    case RULING_REJECT:
        return "reject";
    case RULING_DEFER:
        return "defer";
    }
    return "defer";
}

/* Longest text of a rejection that is passed on, in bytes (a reply line has 512). */
#define REPLY_TEXT_MAX 400

/* The headers that decide. */
typedef struct {
    unsigned froms, subjects;
    bool from_long;
    char *from, *subject; /* the first ones, as they came */
    Automatic automatic;  /* the strongest one said */
    bool list, report;
    char *message_id, *references, *date; /* ready for the spool; the first ones */
    unsigned
        authres;   /* Authentication-Results under our own filter's name, or nobody knows whose */
    char *results; /* the first of them */
} Headers;

/* All that belongs to one mail. */
typedef struct {
    SessionWorld world;
    char *envelope; /* as MAIL gave it */
    char *login;
    bool tls;
    char *queue_id;
    GPtrArray *batch;       /* of char *, the exact strings, each once */
    GHashTable *batch_seen; /* the same strings, borrowed */
    char *batch_address;    /* normal form of the first */
    bool others, overflow;
    Headers headers;
    GString *head;     /* the header until it is decided what becomes of it */
    GString *keywords; /* those of its fields that tell a mail from one that is all but alike */
    Ruling ruling;
    char *reason;
    char *reply;
    Address *from;
    Grant *grant;
    bool own_key;
    SpoolIntake *intake;
    guint64 stored;
} Mail;

struct Session {
    char *client;
    Mail mail;
};

static void headers_clear(Headers *headers)
{
    g_free(headers->from);
    g_free(headers->subject);
    g_free(headers->message_id);
    g_free(headers->references);
    g_free(headers->date);
    g_free(headers->results);
}

static void text_free(GString *text)
{
    if (text == NULL)
        return;
    secret_wipe(text->str, text->allocated_len);
    g_string_free(text, TRUE);
}

static void mail_clear(Mail *mail)
{
    g_free(mail->envelope);
    g_free(mail->login);
    g_free(mail->queue_id);
    g_clear_pointer(&mail->batch_seen, g_hash_table_unref);
    g_clear_pointer(&mail->batch, g_ptr_array_unref);
    g_free(mail->batch_address);
    headers_clear(&mail->headers);
    text_free(mail->head);
    text_free(mail->keywords);
    g_free(mail->reason);
    g_free(mail->reply);
    address_free(mail->from);
    grant_free(mail->grant);
    g_clear_pointer(&mail->intake, spool_intake_free);
    *mail = (Mail){0};
}

static void mail_begin(Mail *mail)
{
    mail_clear(mail);
    mail->batch = g_ptr_array_new_with_free_func(g_free);
    mail->batch_seen = g_hash_table_new(g_str_hash, g_str_equal);
    mail->head = g_string_new(NULL);
    mail->keywords = g_string_new(NULL);
}

Session *session_new(const char *client)
{
    Session *session = g_new0(Session, 1);
    session->client = g_strdup(client);
    mail_begin(&session->mail);
    return session;
}

void session_free(Session *session)
{
    if (session == NULL)
        return;
    mail_clear(&session->mail);
    g_free(session->client);
    g_free(session);
}

/* --- envelope --- */

SessionVerdict session_mail(Session *session, const SessionWorld *world, const char *sender,
                            const char *login)
{
    Mail *mail = &session->mail;
    mail_begin(mail);
    mail->world = *world;
    mail->envelope = g_strdup(sender);
    mail->login = login != NULL && *login != '\0' ? g_strdup(login) : NULL;
    return SESSION_CONTINUE;
}

static bool is_batch_address(const Mail *mail, const Address *address)
{
    return address != NULL &&
           g_strv_contains((const char *const *)mail->world.config->batch_addresses, address->full);
}

/* Takes text over. */
static void add_batch_recipient(Mail *mail, char *text)
{
    if (g_hash_table_contains(mail->batch_seen, text)) {
        g_free(text);
    } else if (mail->batch->len >= SESSION_RECIPIENTS_MAX) {
        mail->overflow = true;
        g_free(text);
    } else {
        g_ptr_array_add(mail->batch, text);
        g_hash_table_add(mail->batch_seen, text);
    }
}

SessionVerdict session_recipient(Session *session, const char *argument)
{
    Mail *mail = &session->mail;
    g_autoptr(Address) address = mailbox_from_path(argument);
    if (!is_batch_address(mail, address)) {
        mail->others = true;
        return SESSION_CONTINUE;
    }
    if (mail->batch_address == NULL)
        mail->batch_address = g_strdup(address->full);
    add_batch_recipient(mail, g_strdup(argument));
    /* Postfix has taken the route off when the recipient is to be deleted; what does not fit does
     * no harm there. */
    char *direct = mailbox_without_route(argument);
    if (direct != NULL)
        add_batch_recipient(mail, direct);
    return SESSION_CONTINUE;
}

void session_queue_id(Session *session, const char *queue_id)
{
    if (queue_id == NULL || *queue_id == '\0')
        return;
    g_free(session->mail.queue_id);
    session->mail.queue_id = g_strdup(queue_id);
}

void session_tls(Session *session, const char *version)
{
    session->mail.tls = version != NULL && *version != '\0';
}

SessionVerdict session_data(Session *session)
{
    return session->mail.batch->len > 0 ? SESSION_CONTINUE : SESSION_ACCEPT;
}

/* --- header --- */

static void keep_first(char **place, char *value)
{
    if (*place == NULL)
        *place = value;
    else
        g_free(value);
}

static void note_header(Headers *headers, const char *name, const char *value)
{
    gsize length = strlen(value);
    /* What is too long is not parsed; it is cut where the beginning tells all. */
    g_autofree char *capped = g_strndup(value, MIN(length, SESSION_HEADER_MAX));
    if (g_ascii_strcasecmp(name, "From") == 0) {
        headers->froms++;
        headers->from_long = headers->from_long || length > SESSION_HEADER_MAX;
        keep_first(&headers->from, g_steal_pointer(&capped));
    } else if (g_ascii_strcasecmp(name, "Subject") == 0) {
        headers->subjects++;
        keep_first(&headers->subject,
                   length > SESSION_HEADER_MAX ? g_strdup("") : g_steal_pointer(&capped));
    } else if (g_ascii_strcasecmp(name, "Auto-Submitted") == 0) {
        headers->automatic = MAX(headers->automatic, header_automatic(capped));
    } else if (g_ascii_strcasecmp(name, "List-Id") == 0) {
        headers->list = true;
    } else if (g_ascii_strcasecmp(name, "Content-Type") == 0) {
        headers->report = headers->report || header_is_report(capped);
    } else if (g_ascii_strcasecmp(name, "Message-ID") == 0) {
        keep_first(&headers->message_id, header_message_id(value));
    } else if (g_ascii_strcasecmp(name, "References") == 0) {
        keep_first(&headers->references, header_references(value));
    } else if (g_ascii_strcasecmp(name, "Date") == 0) {
        keep_first(&headers->date, header_line(value, HEADER_DATE_MAX));
    }
}

/* One whose writer can't be told may be meant to be ours. */
static void note_results(Mail *mail, const char *value)
{
    const char *ours = mail->world.config->authserv_id;
    g_autofree char *server = authres_server(value);
    if (ours == NULL || (server != NULL && g_ascii_strcasecmp(server, ours) != 0))
        return;
    mail->headers.authres++;
    keep_first(&mail->headers.results, g_strdup(value));
}

SessionVerdict session_header(Session *session, const char *name, const char *value)
{
    Mail *mail = &session->mail;
    note_header(&mail->headers, name, value);
    if (g_ascii_strcasecmp(name, "Authentication-Results") == 0)
        note_results(mail, value);
    /* One header beyond the limit is kept, so that the request is found to be over it. */
    if (mail->head->len <= mail->world.config->request.header_bytes_max) {
        header_append(mail->head, name, value);
        if (keyword_is(name))
            header_append(mail->keywords, name, value);
    }
    return SESSION_CONTINUE;
}

/* --- decision --- */

static void decide(Mail *mail, Ruling ruling, const char *format, ...) G_GNUC_PRINTF(3, 4);

static void decide(Mail *mail, Ruling ruling, const char *format, ...)
{
    va_list values;
    va_start(values, format);
    g_free(mail->reason);
    mail->reason = g_strdup_vprintf(format, values);
    va_end(values);
    mail->ruling = ruling;
}

/* A rejection only where nobody else would lose the mail; else it is dropped for us alone. */
static void decide_reject(Mail *mail, const char *reason, const char *text)
{
    if (mail->others) {
        decide(mail, RULING_IGNORE, "%s; not rejected, since others get the mail", reason);
        return;
    }
    g_autoptr(GString) reply = g_string_new("5.7.1 ");
    for (const char *p = text; *p != '\0' && reply->len < REPLY_TEXT_MAX; p++)
        g_string_append_c(reply, g_ascii_isprint(*p) ? *p : '?');
    mail->reply = g_strdup(reply->str);
    decide(mail, RULING_REJECT, "%s", reason);
}

/* R2.6: who asks. */
static bool decide_from(Mail *mail)
{
    Headers *headers = &mail->headers;
    const char *reason = NULL;
    if (headers->froms == 0)
        reason = "there is no From header";
    else if (headers->froms > 1)
        reason = "there are several From headers";
    else if (headers->from_long)
        reason = "From is too long";
    else
        mail->from = mailbox_from_header(headers->from, &reason);
    if (mail->from != NULL)
        return true;
    decide(mail, RULING_IGNORE, "%s", reason);
    return false;
}

/* R2.10: mail that no person sent, but for what only the grant can tell. */
static bool decide_automatic(Mail *mail)
{
    const Headers *headers = &mail->headers;
    const char *reason = NULL;
    if (headers->automatic == AUTOMATIC_OTHER)
        reason = "automatic answer (Auto-Submitted)";
    else if (headers->list)
        reason = "mail of a mailing list (List-Id)";
    else if (headers->report)
        reason = "delivery report (multipart/report)";
    else if (is_batch_address(mail, mail->from))
        reason = "mail from a batch address";
    else if (headers->message_id != NULL && header_is_ours(headers->message_id))
        reason = "our own response came back";
    if (reason == NULL)
        return true;
    decide(mail, RULING_IGNORE, "%s", reason);
    return false;
}

/* R2.8, R2.9, R2.12: what the sender may do. */
static bool decide_grant(Mail *mail)
{
    g_autoptr(GError) error = NULL;
    switch (
        sender_table_grant(mail->world.senders, mail->from, &mail->grant, &mail->own_key, &error)) {
    case ANSWER_YES:
        return true;
    case ANSWER_NO:
        decide(mail, RULING_IGNORE, "the sender has no grant");
        return false;
    case ANSWER_UNKNOWN:
        break;
    }
    decide(mail, RULING_DEFER, "the sender table could not be asked: %s", error->message);
    return false;
}

/* R2.7, R2.11: the envelope, and what the grant says of this kind of mail. */
static bool decide_allowed(Mail *mail)
{
    g_autoptr(Address) envelope = mailbox_from_path(mail->envelope);
    bool same = envelope != NULL && g_str_equal(envelope->full, mail->from->full);
    const Grant *grant = mail->grant;
    if (!same && !grant->any_envelope) {
        decide(mail, RULING_IGNORE, "the envelope sender %s is not the one in From",
               mail->envelope);
    } else if (mail->headers.automatic == AUTOMATIC_GENERATED && !grant->automatic) {
        decide(mail, RULING_IGNORE, "automatic mail without automatic=yes in the grant");
    } else if (grant->verdict == GRANT_DISCARD) {
        decide(mail, RULING_DISCARD, "the sender table says discard");
    } else if (grant->verdict == GRANT_REJECT) {
        decide_reject(mail, "the sender table says reject", grant->text);
    } else {
        return true;
    }
    return false;
}

/* R7.10: who logged in owns the sender's address. */
static bool decide_login(Mail *mail)
{
    g_autoptr(GError) error = NULL;
    if (mail->login == NULL) {
        decide(mail, RULING_IGNORE, "nobody logged in to send it (auth=sasl)");
        return false;
    }
    switch (sender_table_owns(mail->world.senders, mail->login, mail->from, &error)) {
    case ANSWER_YES:
        return true;
    case ANSWER_NO:
        decide(mail, RULING_IGNORE, "the login %s does not own the sender's address (auth=sasl)",
               mail->login);
        return false;
    case ANSWER_UNKNOWN:
        break;
    }
    decide(mail, RULING_DEFER, "the login map could not be asked: %s", error->message);
    return false;
}

/* R7.11: our own filter says that the sender's domain signed. */
static bool decide_signature(Mail *mail)
{
    const Headers *headers = &mail->headers;
    if (!mail->world.config->authserv_trusted)
        decide(mail, RULING_DEFER, "auth=dkim needs authserv_id and authserv_trusted");
    else if (headers->authres == 0)
        decide(mail, RULING_IGNORE, "our filter has left no Authentication-Results (auth=dkim)");
    else if (headers->authres > 1)
        decide(mail, RULING_IGNORE,
               "several Authentication-Results under our filter's name (auth=dkim)");
    else if (!authres_dkim_passes(headers->results, mail->from->domain))
        decide(mail, RULING_IGNORE,
               "our filter does not say that the sender's domain signed it (auth=dkim)");
    else
        return true;
    return false;
}

/* R7.5, R7.9: all of the proof but the password. */
static bool decide_proof(Session *session)
{
    Mail *mail = &session->mail;
    const Grant *grant = mail->grant;
    if (grant->tls && !mail->tls)
        decide(mail, RULING_IGNORE, "it did not come encrypted (tls)");
    else if (grant->clients != NULL && !network_list_has(grant->clients, session->client))
        decide(mail, RULING_IGNORE, "its client is none of the grant's (client)");
    else
        return ((grant->auth & GRANT_AUTH_SASL) == 0 || decide_login(mail)) &&
               ((grant->auth & GRANT_AUTH_DKIM) == 0 || decide_signature(mail));
    return false;
}

/* R2.13, R2.14. */
static bool decide_subject(Mail *mail)
{
    const Headers *headers = &mail->headers;
    if (headers->subjects > 1) {
        decide(mail, RULING_IGNORE, "there are several Subject headers");
        return false;
    }
    g_autofree char *subject = headers->subjects == 1 ? header_subject(headers->subject) : NULL;
    if (subject != NULL && g_ascii_strcasecmp(subject, "PROCESS") == 0)
        return true;
    const char *reason = subject != NULL ? "the subject is not PROCESS" : "there is no subject";
    if (mail->world.config->wrong_subject_reject && mail->login != NULL && !mail->others)
        decide_reject(mail, reason, "The subject must be PROCESS.");
    else
        decide(mail, RULING_IGNORE, "%s", reason);
    return false;
}

/* --- storing --- */

static void store_failed(Mail *mail, const GError *error)
{
    g_clear_pointer(&mail->intake, spool_intake_free);
    decide(mail, RULING_DEFER, "the mail could not be stored: %s", error->message);
}

/* One byte more than is allowed is kept, so that the request is found to be too large. */
static gsize room_for(const Mail *mail, gsize size)
{
    guint64 max = mail->world.config->request.message_bytes_max + 1;
    return mail->stored >= max ? 0 : (gsize)MIN((guint64)size, max - mail->stored);
}

/* What the spool is told of the mail; cleared by the caller. */
static JobFacts facts_of(const Session *session)
{
    const Mail *mail = &session->mail;
    const Headers *headers = &mail->headers;
    return (JobFacts){
        .requester = g_strdup(mail->from->full),
        .batch_address = g_strdup(mail->batch_address),
        .grant = g_strdup(mail->grant->source),
        .own_key = mail->own_key,
        .proven = (mail->grant->auth & GRANT_AUTH_PASSWORD) == 0,
        .client = g_strdup(session->client != NULL ? session->client : "local"),
        .login = g_strdup(mail->login),
        .queue_id = g_strdup(mail->queue_id),
        .message_id = g_strdup(headers->message_id),
        .references = g_strdup(headers->references),
        .subject = header_subject(headers->subject),
        .date = g_strdup(headers->date),
    };
}

static void store_head(Session *session)
{
    Mail *mail = &session->mail;
    g_auto(JobFacts) facts = facts_of(session);
    g_autoptr(GError) error = NULL;
    g_string_append(mail->head, "\r\n");
    gsize size = room_for(mail, mail->head->len);
    mail->intake = spool_intake_new(mail->world.spool, &facts, &error);
    if (mail->intake == NULL || !spool_intake_header(mail->intake, mail->head->str, size, &error)) {
        store_failed(mail, error);
        return;
    }
    /* Else who knows all of a request but its password could send it first, with a wrong one. */
    if (mail->keywords->len > 0)
        spool_intake_key(mail->intake, mail->keywords->str, mail->keywords->len);
    mail->stored = size;
}

SessionVerdict session_end_of_header(Session *session)
{
    Mail *mail = &session->mail;
    decide(mail, RULING_ACCEPT, "accepted");
    if (mail->overflow)
        decide(mail, RULING_DEFER, "more than %d batch recipients", SESSION_RECIPIENTS_MAX);
    else if (mailbox_is_null(mail->envelope))
        decide(mail, RULING_IGNORE, "the envelope sender is empty");
    else if (decide_from(mail) && decide_automatic(mail) && decide_grant(mail) &&
             decide_allowed(mail) && decide_proof(session) && decide_subject(mail))
        store_head(session);
    g_string_truncate(mail->head, 0);
    return SESSION_CONTINUE;
}

SessionVerdict session_body(Session *session, gconstpointer data, gsize size)
{
    Mail *mail = &session->mail;
    g_autoptr(GError) error = NULL;
    size = room_for(mail, size);
    if (mail->intake == NULL || size == 0)
        return SESSION_CONTINUE;
    if (spool_intake_body(mail->intake, data, size, &error))
        mail->stored += size;
    else
        store_failed(mail, error);
    return SESSION_CONTINUE;
}

/* The promise. The job's number, also that of the job which the mail was before; owned by the
 * caller. */
static char *commit(Session *session)
{
    Mail *mail = &session->mail;
    g_auto(JobFacts) facts = facts_of(session);
    g_autoptr(GError) error = NULL;
    char *id = NULL;
    switch (spool_intake_commit(mail->intake, &facts, &id, &error)) {
    case ANSWER_YES:
        g_clear_pointer(&mail->intake, spool_intake_free);
        break;
    case ANSWER_NO:
        g_clear_pointer(&mail->intake, spool_intake_free);
        decide(mail, RULING_IGNORE, "the same mail came before and is this job already");
        break;
    case ANSWER_UNKNOWN:
        store_failed(mail, error);
        break;
    }
    return id;
}

static void log_verdict(const Session *session, const char *id)
{
    const Mail *mail = &session->mail;
    LogLevel level = mail->ruling == RULING_DEFER ? LOG_LEVEL_WARNING : LOG_LEVEL_INFO;
    const char *written = mail->headers.from;
    if (mail->from != NULL)
        written = mail->from->full;
    else if (written != NULL)
        written += strspn(written, " \t");
    g_autofree char *from = log_value(written);
    g_autofree char *client = log_value(session->client != NULL ? session->client : "local");
    g_autofree char *reason = log_value(mail->reason);
    log_line(level, mail->queue_id, "job=%s action=%s from=%s client=%s reason=%s",
             id != NULL ? id : "-", ruling_name(mail->ruling), from, client, reason);
}

SessionVerdict session_end(Session *session)
{
    Mail *mail = &session->mail;
    g_autofree char *id = NULL;
    if (mail->reason == NULL)
        decide(mail, RULING_DEFER, "the end came before the end of the header");
    else if (mail->intake != NULL)
        id = commit(session);
    log_verdict(session, id);
    switch (mail->ruling) {
    case RULING_ACCEPT:
    case RULING_IGNORE:
    case RULING_DISCARD:
        return SESSION_TAKE;
    case RULING_REJECT:
        return SESSION_REJECT;
    case RULING_DEFER:
        break;
    }
    return SESSION_DEFER;
}

void session_abort(Session *session)
{
    mail_begin(&session->mail);
}

GPtrArray *session_batch_recipients(const Session *session)
{
    return session->mail.batch;
}

bool session_all_ours(const Session *session)
{
    return !session->mail.others;
}

const char *session_reply(const Session *session)
{
    return session->mail.reply;
}
