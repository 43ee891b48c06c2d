/* SPDX-License-Identifier: MIT */
#ifndef BATCHLOAD_SESSION_H
#define BATCHLOAD_SESSION_H

#include "lib/config.h"
#include "policy/sender.h"

/* One SMTP session as the filter sees it, without libmilter: the callbacks hand in what came, and
 * do what the verdict says. doc/requests.md section 2. One thread at a time; nothing in it waits
 * for more than a sync. */
typedef struct Session Session;

/* Longest value of a deciding header that is parsed, in bytes. */
#define SESSION_HEADER_MAX 2000
/* Most recipients kept of one mail. */
#define SESSION_RECIPIENTS_MAX 10000

typedef enum {
    SESSION_CONTINUE,
    SESSION_ACCEPT, /* not ours: let go of the message */
    SESSION_DEFER,  /* 4xx */
    SESSION_REJECT, /* 5xx with session_reply() */
    SESSION_TAKE,   /* at the end: take session_batch_recipients() off; discard if all_ours */
} SessionVerdict;

/* Borrowed for the life of the session: spool; config and senders until the mail ends. */
typedef struct {
    Config *config;
    SenderTable *senders;
    Spool *spool;
} SessionWorld;

/* client: textual address of the client, or NULL for a mail handed in locally. */
Session *session_new(const char *client);
void session_free(Session *session);

/* A new mail. world is what it is judged by from now on. sender as MAIL FROM gave it (with <>);
 * login: {auth_authen}, or NULL. */
SessionVerdict session_mail(Session *session, const SessionWorld *world, const char *sender,
                            const char *login);
/* argument: the RCPT argument exactly as it came. */
SessionVerdict session_recipient(Session *session, const char *argument);
/* queue_id as soon as the MTA gave it; may be called often. */
void session_queue_id(Session *session, const char *queue_id);
/* The mail comes encrypted; version as {tls_version} gives it, NULL or "": it does not. */
void session_tls(Session *session, const char *version);
SessionVerdict session_data(Session *session); /* SESSION_ACCEPT: no recipient is ours */
SessionVerdict session_header(Session *session, const char *name, const char *value);
SessionVerdict session_end_of_header(Session *session);
SessionVerdict session_body(Session *session, gconstpointer data, gsize size);
/* SESSION_TAKE after a job was committed, or a mail is to be dropped; SESSION_DEFER when it could
 * not be stored or decided; SESSION_REJECT; SESSION_ACCEPT is not returned. */
SessionVerdict session_end(Session *session);
void session_abort(Session *session);

/* Exact RCPT strings of the batch recipients, those with a route also without it; owned by the
 * session. */
GPtrArray *session_batch_recipients(const Session *session);
bool session_all_ours(const Session *session);
/* Text of SESSION_REJECT ("5.7.1 …", no CR LF, '%' doubled by the caller); owned by the session. */
const char *session_reply(const Session *session);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(Session, session_free)

#endif
