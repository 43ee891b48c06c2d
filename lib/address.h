/* SPDX-License-Identifier: MIT */
#ifndef BATCHLOAD_ADDRESS_H
#define BATCHLOAD_ADDRESS_H

#include <glib.h>
#include <stdbool.h>

/* Longest parts that are taken, in bytes (RFC 5321, 4.5.3.1). */
#define ADDRESS_LOCAL_MAX 64
#define ADDRESS_DOMAIN_MAX 255
#define ADDRESS_MAX 254

typedef enum {
    ADDRESS_ERROR_EMPTY,
    ADDRESS_ERROR_LOCAL,  /* the local part can't be used; the message says why */
    ADDRESS_ERROR_DOMAIN, /* the domain can't be used; the message says why */
    ADDRESS_ERROR_LENGTH,
} AddressError;
#define ADDRESS_ERROR (address_error_quark())
GQuark address_error_quark(void);

/* A mail address in the one form in which it is compared and stored: local part (RFC 5321
 * Dot-string, ASCII) and domain in lower case, the domain as A-labels (RFC 5890), no trailing dot.
 */
typedef struct {
    char *local;
    char *domain;
    char *full; /* local@domain */
} Address;

/* Normalises text, "local@domain" or, where default_domain (already normal) is not NULL, a bare
 * "local" which it completes. Blanks around are not taken off. Unicode domains become A-labels
 * (libidn2, IDNA2008 non-transitional). NULL with ADDRESS_ERROR; messages are sentences for an
 * administrator and quote at most the offending character. Any thread. Caller owns the result. */
Address *address_parse(const char *text, const char *default_domain, GError **error);

/* As address_parse() for parts that stand in two cells. */
Address *address_from_parts(const char *local, const char *domain, GError **error);

/* What stands for a domain as a whole: its local part is "", full is "@domain". domain: in normal
 * form. Caller owns the result. */
Address *address_of_domain(const char *domain);

Address *address_copy(const Address *address);
void address_free(Address *address);

/* The normal form of a domain alone, or NULL with ADDRESS_ERROR. Needs at least two labels.
 * Caller owns the result. */
char *domain_normalise(const char *text, GError **error);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(Address, address_free)

#endif
