/* SPDX-License-Identifier: MIT */
#ifndef BATCHLOAD_PLAN_NUMBER_H
#define BATCHLOAD_PLAN_NUMBER_H

#include "lib/plan.h"

/* Numbers that are given out once, for a plan's rows: taken all at once from the entry that counts
 * them, when the plan is finished. One that is not used in the end is a gap. Only lib/plan uses it.
 * One thread. */
typedef struct PlanNumbers PlanNumbers;

PlanNumbers *plan_numbers_new(const PlanContext *context);
void plan_numbers_free(PlanNumbers *numbers);
/* A write of the row, which is borrowed until _finish, has the place of a number. */
void plan_numbers_add(PlanNumbers *numbers, PlannedRow *row);
/* plan_finish() */
Answer plan_numbers_finish(PlanNumbers *numbers, GError **error);

#endif
