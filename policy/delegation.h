/* SPDX-License-Identifier: MIT */
#ifndef BATCHLOAD_DELEGATION_H
#define BATCHLOAD_DELEGATION_H

#include <glib.h>
#include <stdbool.h>

/* The requests of Postfix's policy delegation (SMTPD_POLICY_README): lines "name=value", ended by
 * an empty one, one request behind the other on a connection. Asks nobody. One thread. */
typedef struct DelegationReader DelegationReader;

/* Largest request, in bytes, all lines and line ends counted: Postfix's own have some 1,000. */
#define DELEGATION_REQUEST_MAX 65536

/* What matters of a request. Texts are the reader's, until it is asked again. */
typedef struct {
    bool at_recipient;                       /* it is asked at RCPT; else the others may be NULL */
    const char *sender, *recipient, *client; /* as they were sent; an empty sender is nobody */
    const char *queue_id;                    /* NULL: none yet */
} DelegationRequest;

typedef enum {
    DELEGATION_MORE,    /* no whole request is there */
    DELEGATION_WHOLE,   /* a request */
    DELEGATION_BAD,     /* one that can't be understood; the next one can be read */
    DELEGATION_ENDLESS, /* one that is too large: nothing more can be read */
} DelegationState;

DelegationReader *delegation_reader_new(void);
void delegation_reader_free(DelegationReader *reader);

/* Where the next bytes of the connection go, *size at most: never 0 after DELEGATION_MORE. */
char *delegation_room(DelegationReader *reader, gsize *size);
/* So many bytes have come there. */
void delegation_filled(DelegationReader *reader, gsize size);

/* The next request of those that have come. *fault (static) says what is wrong with one that is
 * DELEGATION_BAD or _ENDLESS, in words that repeat nothing of it. */
DelegationState delegation_next(DelegationReader *reader, DelegationRequest *request,
                                const char **fault);
/* Whether a request has begun and is not whole: the end of the connection would come too early. */
bool delegation_is_inside(const DelegationReader *reader);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(DelegationReader, delegation_reader_free)

#endif
