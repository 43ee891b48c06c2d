/* SPDX-License-Identifier: MIT */
#ifndef BATCHLOAD_AUTHRES_H
#define BATCHLOAD_AUTHRES_H

#include <glib.h>
#include <stdbool.h>

/* Authentication-Results headers (RFC 8601): what a filter before us found out. Any thread. */

/* Longest value that is read, in bytes. */
#define AUTHRES_MAX 10000

/* The name of whoever says so (authserv-id), in lower case; NULL where the value does not begin
 * with one, or is too long. Caller owns it. */
char *authres_server(const char *value);

/* Whether the value says that a DKIM signature of exactly this domain (normal form) is good:
 * dkim=pass with one header.d that is the domain. A value that is not what RFC 8601 allows says
 * nothing. */
bool authres_dkim_passes(const char *value, const char *domain);

#endif
