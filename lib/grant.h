/* SPDX-License-Identifier: MIT */
#ifndef BATCHLOAD_GRANT_H
#define BATCHLOAD_GRANT_H

#include "lib/address.h"
#include "lib/operation.h"

/* What the sender table's right-hand side says a sender may do:
 *
 *   allow [domains=a,b,…|*] [actions=ADD,DELETE,MODIFY,…] [types=FULL,FORWARD,LIST,…] [rows=N]
 *         [external=all|none|forward|member] [administrators=yes|no] [create_domains=yes|no]
 *         [automatic=yes|no]
 *         [envelope=same|any] [auth=PROOF[+PROOF…]] [domain_proof=yes|no] [tls] [client=CIDR,…]
 *   discard
 *   reject TEXT
 *
 * Words are separated by blanks and compared without case, lists by commas, nothing is said twice.
 */
/* Of auth= a PROOF is password (the default alone), sasl or dkim, all of which must hold; tls and
 * client=CIDR,… may stand there, too. One of the first two is needed, unless domain_proof=yes says
 * that dkim, which proves a domain and no person, is enough.
 */
/* Longest text of reject, in bytes. */
#define GRANT_TEXT_MAX 400

typedef enum { GRANT_ALLOW, GRANT_DISCARD, GRANT_REJECT } GrantVerdict;

/* Bits of Grant.external: which addresses outside the grant may be named. external=forward
 * forbids external forwards (it allows members only), external=member forbids external members. */
enum { GRANT_EXTERNAL_FORWARD = 1, GRANT_EXTERNAL_MEMBER = 2 };

/* Bits of Grant.auth. */
enum {
    GRANT_AUTH_PASSWORD = 1, /* the mail has the sender's password */
    GRANT_AUTH_SASL = 2,     /* who logged in owns the sender's address */
    GRANT_AUTH_DKIM = 4,     /* our own filter says that the sender's domain signed */
};

typedef struct {
    GrantVerdict verdict;
    char *text;          /* of reject; else NULL */
    char *source;        /* the right-hand side as it was written */
    bool every_domain;   /* domains=* */
    GStrv domains;       /* normal form; never NULL for allow unless every_domain */
    unsigned actions;    /* bits 1u << Action */
    unsigned types;      /* bits 1u << ObjectType */
    unsigned rows;       /* most rows of one request; 0: the configuration's limit */
    unsigned external;   /* bits above that are allowed */
    bool administrators; /* may change addresses that have a grant of their own */
    bool create_domains; /* may create and delete domains, where types has DOMAIN */
    bool automatic;      /* Auto-Submitted: auto-generated is taken */
    bool any_envelope;   /* the envelope sender may differ from From */
    unsigned auth;       /* bits above that must hold */
    bool domain_proof;   /* dkim alone is enough */
    bool tls;            /* the mail came encrypted */
    GPtrArray *clients;  /* a client lies in one of them (lib/network.h); NULL: any will do */
} Grant;

typedef enum { GRANT_ERROR_SYNTAX, GRANT_ERROR_NOT_AVAILABLE } GrantError;
#define GRANT_ERROR (grant_error_quark())
GQuark grant_error_quark(void);

/* Parses a right-hand side. sender is whom it is for: without domains= the grant covers the
 * sender's own domain; sender NULL (a domain key or a static table) makes domains= mandatory.
 * NULL with GRANT_ERROR_SYNTAX, whose message names the word, or GRANT_ERROR_NOT_AVAILABLE for
 * smime and pgp, which this version does not have. Any thread. Caller owns the result. */
Grant *grant_parse(const char *text, const Address *sender, GError **error);
void grant_free(Grant *grant);

/* What was asked for as a proof, "password+sasl" for example; static. */
const char *grant_auth_name(const Grant *grant);

/* Whether a domain in normal form lies inside the grant; exact match, no parent domains. */
bool grant_covers(const Grant *grant, const char *domain);

/* Whether a grant covers a domain that another one does not. */
bool grant_reaches_beyond(const Grant *grant, const Grant *other);

/* The domain of the grant that a mistyped one was meant to be; owned by the grant. NULL: none. */
const char *grant_nearest_domain(const Grant *grant, const char *domain);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(Grant, grant_free)

#endif
