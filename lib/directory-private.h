/* SPDX-License-Identifier: MIT */
#ifndef BATCHLOAD_DIRECTORY_PRIVATE_H
#define BATCHLOAD_DIRECTORY_PRIVATE_H

#include "lib/directory.h"
#include <ldap.h>

/* What the sources of this room share. */

struct Directory {
    const DirectorySettings *settings;
    LDAP *ld;            /* NULL: to be connected at the next use */
    bool sets_passwords; /* the server of this connection has said so */
};

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

/* Sends a change's password; LDAP's code, the message's number in *id. */
int directory_send_password(LDAP *ld, const Change *change, int *id);
/* Whether a text repeats a part of the password. */
bool directory_echoes(const char *text, const Secret *password);
/* Fills in the result of a write whose password was answered by message. */
void directory_password_result(LDAP *ld, LDAPMessage *message, Write *write);
/* Passwords that were refused although they may be set already (Write.again): whether they are.
 * ANSWER_UNKNOWN: it could not be told of one, whose state is WRITE_UNKNOWN then. */
Answer directory_doubt_refusals(Directory *directory, GPtrArray *writes, GError **error);

/* A server's text made harmless for logs and responses, at most 200 bytes; NULL for none. Caller
 * owns the result. */
char *directory_clean_text(const char *text);

#endif
