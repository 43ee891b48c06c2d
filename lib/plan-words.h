/* SPDX-License-Identifier: MIT */
#ifndef BATCHLOAD_PLAN_WORDS_H
#define BATCHLOAD_PLAN_WORDS_H

#include "lib/address.h"
#include "lib/operation.h"
#include "lib/outcome.h"
#include "lib/profile.h"

/* Outcomes of lib/plan that take more than a sentence to make. */

/* Most addresses that one outcome names. */
#define PLAN_WORDS_NAMED_MAX 5

/* Of a row for whose address, or a further one that the field names, something of a type is there
 * already; line: where in the same file that was made or changed last, 0: not there. Callers own
 * the results. */
Outcome *plan_words_taken(const Operation *operation, const Address *address, const char *field,
                          ObjectType type, unsigned line);
/* Of a row whose address bears nothing, or something of another type than is wanted. */
Outcome *plan_words_absent(const Operation *operation, ObjectType wanted);
Outcome *plan_words_other_type(const Operation *operation, ObjectType type, ObjectType wanted);
/* Of a row that names an address of a type which is not wanted there; TYPE_COUNT: all are but some.
 */
Outcome *plan_words_unfit(const char *field, const Address *address, ObjectType type,
                          ObjectType wanted);
/* Of an address that more refers to than one row can take away. */
Outcome *plan_words_many(const char *field, const Address *address);
/* Of a member that can't go, alone or with its domain, since a group would be without members;
 * group may be NULL. */
Outcome *plan_words_last_member(const Operation *operation, const char *field, const char *member,
                                const Address *group);

/* That the profile has no such type, or NULL where it has. Caller owns it. */
char *plan_words_no_type(const Profile *profile, ObjectType type);
/* Of a row that the profile can't express, or NULL. */
Outcome *plan_words_lacks(const Profile *profile, const Operation *operation);

/* A row that names addresses (of Address *, at least one) which are not there. Caller owns the
 * result. */
/* The directory has no way to tell that the address is on a list; type: what it is, TYPE_COUNT
 * where that is not known, as of other domains. */
Outcome *plan_words_no_member(const Profile *profile, const Address *address, ObjectType type);
/* A list whose members have it has too many of them; and is none without one. */
Outcome *plan_words_many_members(const Address *list);
Outcome *plan_words_no_members(const Profile *profile, const Address *list);
Outcome *plan_words_missing(const char *field, GPtrArray *addresses);

#endif
