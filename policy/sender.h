/* SPDX-License-Identifier: MIT */
#ifndef BATCHLOAD_SENDER_H
#define BATCHLOAD_SENDER_H

#include "lib/config.h"
#include "lib/grant.h"
#include "policy/map.h"

/* The sender table: who may ask. Looked up by the full address, then by its domain; no user@
 * keys, no extension stripping, no parent domains. It may be a list of tables: the address is
 * looked for in all of them, then the domain, but for tables of patterns, which are for addresses
 * alone. Immutable; any thread. */
typedef struct SenderTable SenderTable;

/* Opens the table and checks every grant in it. NULL with MAP_ERROR or GRANT_ERROR, key and line
 * in the message. A table whose file can't be read is an error here (at start and at -t). */
SenderTable *sender_table_open(const char *spec, GError **error);
/* The same for a configuration, with its login map; the proofs that grants ask for must be ones
 * that can be told (auth=sasl needs login_map, auth=dkim authserv_id and authserv_trusted). */
SenderTable *sender_table_for(const Config *config, GError **error);
void sender_table_free(SenderTable *table);

/* Whether who logged in under this name owns the address, as the login map says (login → addresses,
 * separated by commas or blanks). A login with a comma or a blank owns nothing: where a table puts
 * it into what it gives, it would be several addresses. ANSWER_UNKNOWN: MAP_ERROR_FAILED, also
 * where there is no map. */
Answer sender_table_owns(SenderTable *table, const char *login, const Address *address,
                         GError **error);

/* A text that differs as soon as a file of the table or the login map does: as it was read, or as
 * it is now. Caller owns it. */
char *sender_table_fingerprint(const SenderTable *table, bool now);

/* Whether those who are asked at each look-up answer now; ANSWER_UNKNOWN: MAP_ERROR_FAILED of the
 * first one that does not. ANSWER_NO: nobody is asked. */
Answer sender_table_reaches(SenderTable *table, GError **error);

/* What should be done about a table or the login map, which work; NULL: nothing. Caller owns it. */
char *sender_table_advice(const SenderTable *table);

/* The grant of a sender. ANSWER_YES: *grant, owned by the caller; *own_key says whether the full
 * address was found. ANSWER_NO: none. ANSWER_UNKNOWN: MAP_ERROR_FAILED, the mail is deferred. */
Answer sender_table_grant(SenderTable *table, const Address *sender, Grant **grant, bool *own_key,
                          GError **error);

/* The right-hand side that decides for key: an address as a sender, else as a domain key. What can
 * be neither is ANSWER_NO. ANSWER_YES: *value, owned by the caller. */
Answer sender_table_value(SenderTable *table, const char *key, char **value, GError **error);

/* A PlanHasGrantFunc with the SenderTable as data. A type that finds every key has none that is an
 * address's own. */
Answer sender_table_has_own(gpointer data, const Address *address, const Grant *than,
                            GError **error);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(SenderTable, sender_table_free)

#endif
