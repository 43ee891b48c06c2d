/* SPDX-License-Identifier: MIT */
#ifndef BATCHLOAD_DIRECTORY_PRIVATE_H
#define BATCHLOAD_DIRECTORY_PRIVATE_H

#include "lib/directory-window.h"
#include "lib/directory.h"
#include <ldap.h>

/* What the sources of this room share. */

struct Directory {
    const DirectorySettings *settings;
    DirectoryServers *servers;
    DirectoryServers *own;  /* the same, where the settings have none */
    guint at;               /* the server of ld, or where it has to stay */
    bool stays;             /* at this server, until directory_begin() */
    LDAP *ld;               /* NULL: to be connected at the next use */
    gint64 deadline;        /* of answers, monotonic; 0: none */
    bool inside;            /* that server checks no condition beside a change */
    bool sets_passwords;    /* the server of this connection has said so */
    DirectoryWindow window; /* of writes on this connection */
};

G_DEFINE_AUTOPTR_CLEANUP_FUNC(LDAPMessage, ldap_msgfree)
G_DEFINE_AUTOPTR_CLEANUP_FUNC(LDAPURLDesc, ldap_free_urldesc)

/* Why the settings can't be used, or NULL; of several servers it says by its number which of them
 * it is. Caller owns it. */
char *directory_settings_fault(const DirectorySettings *settings);
/* The addresses of a list, separated by blanks or commas. Caller owns it. */
GStrv directory_server_list(const char *uri);

/* --- servers: any thread --- */

/* For one connection alone, without pauses. */
DirectoryServers *directory_servers_alone(const char *uri);
guint directory_servers_count(const DirectoryServers *servers);
const char *directory_servers_uri(const DirectoryServers *servers, guint at);
/* -1: none of them. */
int directory_servers_find(const DirectoryServers *servers, const char *uri);
guint directory_servers_in_use(DirectoryServers *servers);
/* false: it failed a moment ago, with this fault. */
bool directory_servers_may_try(DirectoryServers *servers, guint at, GError **fault);
void directory_servers_failed(DirectoryServers *servers, guint at, const GError *fault);
/* How long one of several is then not tried again, after so many failures in a row (1 …), in µs: up
 * to 1, 2, 4, 4 … seconds, and at least the half of it, by chance: who lost a server together does
 * not come back together. */
gint64 directory_servers_pause(unsigned failures);
/* use: it is the one in use from now on. */
void directory_servers_works(DirectoryServers *servers, guint at, bool use);

/* --- connecting --- */

/* What became of it. */
typedef struct {
    int code;     /* LDAP's; LDAP_PARAM_ERROR: nothing was tried */
    char *text;   /* of the library or the server, or NULL; owned by the caller */
    bool reached; /* there is a server */
    bool late;
} DirectoryTry;
/* A connected handle, not yet bound; NULL: see attempt. Caller owns it. */
LDAP *directory_try(const DirectorySettings *settings, const char *uri, DirectoryTry *attempt);
/* The same. NULL with DIRECTORY_ERROR. */
LDAP *directory_connect(const DirectorySettings *settings, const char *uri, GError **error);
/* Sets DIRECTORY_ERROR_SETTINGS for a handshake that failed: why, as far as can be told. */
void directory_set_tls_fault(const DirectorySettings *settings, const char *uri, GError **error);
/* Sets DIRECTORY_ERROR_COPY for a message that is a referral. */
void directory_set_referral(GError **error, LDAP *ld, LDAPMessage *message);
/* Whether the server of this bound handle takes changes, without making one. false with
 * DIRECTORY_ERROR. */
bool directory_takes_changes(Directory *directory, LDAP *ld, GError **error);
/* Binds (dn NULL: EXTERNAL); LDAP's result code, or a client-side one when there was no answer.
 * *text is the server's, owned by the caller. */
int directory_bind(Directory *directory, LDAP *ld, const char *dn, const Secret *password,
                   char **text);

/* Holds a handle to its time while it connects and shakes hands with each server. */
typedef struct {
    struct ldap_conncb callbacks;
    unsigned seconds;
    gint64 deadline; /* monotonic; 0: nobody was reached */
} DirectoryGuard;
/* guard stays where it is until the end. false: it could not be set. */
bool directory_guard_begin(DirectoryGuard *guard, LDAP *ld, unsigned seconds);
void directory_guard_end(DirectoryGuard *guard, LDAP *ld);

/* The bound handle, connecting first where needed; owned by the directory. NULL with
 * DIRECTORY_ERROR. */
LDAP *directory_session(Directory *directory, GError **error);
/* Forgets the handle; the next use connects anew. */
void directory_drop(Directory *directory);

/* One message of a request (LDAP_RES_ANY: of any), waiting as long as the settings allow. Its
 * type, or 0: too late, -1: the connection is gone. */
int directory_wait(Directory *directory, LDAP *ld, int id, LDAPMessage **message);

/* LDAP's result code of the handle's last call. */
int directory_code(LDAP *ld);

/* Sets DIRECTORY_ERROR_AWAY; text is the server's, may be NULL. */
void directory_set_away(GError **error, int code, const char *text);

/* --- names of entries, made comparable, to tell what may be in flight together; one thread --- */

typedef struct DirectoryNames DirectoryNames;
typedef struct DirectoryName DirectoryName;

DirectoryNames *directory_names_new(void);
/* Every name has been given back. */
void directory_names_free(DirectoryNames *names);
/* The name of a DN: the same one however the DN is spelled. To be given back, not freed. */
DirectoryName *directory_name_take(DirectoryNames *names, const char *dn);
/* name may be NULL. */
void directory_name_give_back(DirectoryNames *names, DirectoryName *name);
/* Whether a write of it and one that is in flight are of the same entry, or one of an entry above
 * the other's: their order matters, and the server would not keep it. */
bool directory_name_clashes(const DirectoryName *name);
/* A write of it, which does not clash, is in flight from now on, or no more. */
void directory_name_fly(DirectoryName *name, bool in_flight);

/* The critical control (RFC 4528) that lets a write be made only where the filter matches. LDAP's
 * code; its value is the caller's, to be freed by ber_memfree(). What the profile makes is encoded
 * here, at a fourth of what the library's own reader of filters takes; it gets the rest. */
int directory_assertion(LDAP *ld, const char *filter, LDAPControl *control);

/* Whether the server of this bound handle has that control, as its root entry tells. ANSWER_NO is
 * kept for the connection. ANSWER_UNKNOWN: it does not tell, or did not answer. */
Answer directory_asserts(Directory *directory, LDAP *ld);
/* Looks a write's entry up by its assertion, with what change_guarded() needs of it; LDAP's code,
 * the message's number in *id. */
int directory_send_look(LDAP *ld, const Write *write, int *id);
/* Of a message with one entry, which is taken over. Caller owns the result. */
Entry *directory_take_entry(LDAP *ld, LDAPMessage *message);

/* Sends a change's password; LDAP's code, the message's number in *id. */
int directory_send_password(LDAP *ld, const Change *change, int *id);
/* Whether a text repeats a part of the password. */
bool directory_echoes(const char *text, const Secret *password);
/* Fills in the result of a write whose password was answered by message. */
void directory_password_result(LDAP *ld, LDAPMessage *message, Write *write);
/* A password that was refused although it may be set already (Write.again): whether it is.
 * ANSWER_UNKNOWN: it could not be told, and the write's state is WRITE_UNKNOWN. */
Answer directory_doubt_refusal(Directory *directory, Write *write, GError **error);

/* A server's text made harmless for logs and responses, at most 200 bytes; NULL for none. Caller
 * owns the result. */
char *directory_clean_text(const char *text);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(DirectoryNames, directory_names_free)

#endif
