/* SPDX-License-Identifier: MIT */
#ifndef BATCHLOAD_PLAN_AHEAD_H
#define BATCHLOAD_PLAN_AHEAD_H

#include "lib/plan-view.h"

/* Reads for many rows at once what their plans will ask of the directory: so much as there is room
 * for, and for the rows after that when they are come to. Only lib/plan uses it. One thread. */
typedef struct PlanAhead PlanAhead;

/* Most addresses that are read ahead at a time, but for those of one row more. */
#define PLAN_AHEAD_ADDRESSES_MAX 4000
/* The fewest, where entries are large. */
#define PLAN_AHEAD_ADDRESSES_MIN 50

/* operations (of Operation *, in the order of their lines, NULL members are skipped) are kept with
 * a reference of their own, and must live as long as they are planned. context and view are
 * borrowed. */
PlanAhead *plan_ahead_new(const PlanContext *context, View *view, GPtrArray *operations);
void plan_ahead_free(PlanAhead *ahead);

/* Before the row of a line is planned: sees to it that what it asks for has been read, as far as
 * it is among the operations. Invalidates every Seen. ANSWER_YES or ANSWER_UNKNOWN. */
Answer plan_ahead_reach(PlanAhead *ahead, unsigned line, GError **error);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(PlanAhead, plan_ahead_free)

#endif
