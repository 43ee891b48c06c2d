/* SPDX-License-Identifier: MIT */
#ifndef BATCHLOAD_MAILBOX_H
#define BATCHLOAD_MAILBOX_H

#include "lib/address.h"

/* Addresses as they stand in an envelope and in a From header. Any thread, the
 * caller owns the result; only what is plainly one address is taken. */

/* The argument of MAIL or RCPT: "<addr>", "<@route:addr>" (the route is passed over), a quoted
 * local part, parameters behind, or a bare address from sendmail(1). NULL: no address of the form
 * that we compare. */
Address *mailbox_from_path(const char *argument);

/* "<@route:addr>" as "<addr>", all else as it stands; NULL where there is no route. Caller owns it.
 */
char *mailbox_without_route(const char *argument);

/* Whether the argument of MAIL is the null sender. */
bool mailbox_is_null(const char *argument);

/* The one address of a From header. GMime parses it, and a scan of our own must come to the same
 * address: the parser repairs what it meets, so that "<a@x\>@y>" would be a@x. NULL with *reason
 * (static) for no, several or doubtful addresses: groups, routes, encoded words, warnings of the
 * parser. g_mime_init() came before. */
Address *mailbox_from_header(const char *value, const char **reason);

#endif
