/* SPDX-License-Identifier: MIT */
#ifndef BATCHLOAD_NETWORK_H
#define BATCHLOAD_NETWORK_H

#include <glib.h>
#include <stdbool.h>

/* Addresses of clients and the networks they belong to. Any thread; the caller owns results. */

/* Most networks of one list. */
#define NETWORK_LIST_MAX 100

typedef enum { NETWORK_ERROR_SYNTAX } NetworkError;
#define NETWORK_ERROR (network_error_quark())
GQuark network_error_quark(void);

/* The network that counts as one client: an IPv4 address itself (also one that is written within
 * IPv6), of an IPv6 address its first 64 bits ("2001:db8::/64"), for who has one such address has
 * them all. What is no address stays as it is. */
char *network_of(const char *client);

/* An address in the one form in which it is compared and stored: IPv6 in lower case and shortest
 * (RFC 5952), one of IPv4 that is written within IPv6 as the former. NULL for anything else. */
char *network_address(const char *text);

/* "192.0.2.0/24,2001:db8::/32": of GInetAddressMask; an address alone is itself. NULL with
 * NETWORK_ERROR_SYNTAX. */
GPtrArray *network_list_parse(const char *text, GError **error);

/* Whether a client's address lies in one of the networks; what is no address never does. */
bool network_list_has(const GPtrArray *list, const char *client);

#endif
