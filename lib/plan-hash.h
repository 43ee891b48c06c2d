/* SPDX-License-Identifier: MIT */
#ifndef BATCHLOAD_PLAN_HASH_H
#define BATCHLOAD_PLAN_HASH_H

#include "lib/plan.h"

/* The hashes of a plan's rows, made while further rows are planned. Only lib/plan uses it. One
 * thread. */
typedef struct PlanHashes PlanHashes;

PlanHashes *plan_hashes_new(const PlanContext *context);
/* Those that nobody has begun are not made any more. */
void plan_hashes_free(PlanHashes *hashes);
/* Has a password hashed for a row, which is borrowed until _finish. What is to be written in the
 * place of the hash, owned by the row: where the context has a hasher a word like no other value
 * until _finish puts the hash there, else the hash. NULL with an error. */
const char *plan_hashes_add(PlanHashes *hashes, PlannedRow *row, const Secret *clear,
                            GError **error);
/* plan_finish() */
Answer plan_hashes_finish(PlanHashes *hashes, GError **error);

/* Whether the context's plan has not been dropped, else with an error. */
bool plan_is_wanted(const PlanContext *context, GError **error);

#endif
