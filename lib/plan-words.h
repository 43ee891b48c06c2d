/* SPDX-License-Identifier: MIT */
#ifndef BATCHLOAD_PLAN_WORDS_H
#define BATCHLOAD_PLAN_WORDS_H

#include "lib/address.h"
#include "lib/operation.h"
#include "lib/outcome.h"

/* Outcomes of lib/plan that take more than a sentence to make. */

/* Most addresses that one outcome names. */
#define PLAN_WORDS_NAMED_MAX 5

/* Of a row whose address bears something of a type already; line: where in the same file that was
 * made or changed last, 0: not there. Callers own the results. */
Outcome *plan_words_taken(const Operation *operation, ObjectType type, unsigned line);
/* Of a row whose address bears nothing, or something of another type. */
Outcome *plan_words_absent(const Operation *operation);
Outcome *plan_words_other_type(const Operation *operation, ObjectType type);

/* A row that names addresses (of Address *, at least one) which are not there. Caller owns the
 * result. */
Outcome *plan_words_missing(const char *field, GPtrArray *addresses);

#endif
