/* SPDX-License-Identifier: MIT */
#ifndef BATCHLOAD_PLAN_AHEAD_H
#define BATCHLOAD_PLAN_AHEAD_H

#include "lib/plan-view.h"

/* Reads for many rows at once what their plans will ask of the directory: so much as there is room
 * for, and for the rows after that when they are come to. Only lib/plan uses it. One thread. */
typedef struct Ahead Ahead;

/* Most addresses that are read ahead at a time, but for those of one row more. */
#define AHEAD_ADDRESSES_MAX 4000
/* The fewest, where entries are large. */
#define AHEAD_ADDRESSES_MIN 50

/* operations (of Operation *, in the order of their lines, NULL members are skipped) are kept with
 * a reference of their own, and must live as long as they are planned. context and view are
 * borrowed. */
Ahead *ahead_new(const PlanContext *context, View *view, GPtrArray *operations);
void ahead_free(Ahead *ahead);

/* Before the row of a line is planned: sees to it that what it asks for has been read, as far as
 * it is among the operations. Invalidates every Seen. ANSWER_YES or ANSWER_UNKNOWN. */
Answer ahead_reach(Ahead *ahead, unsigned line, GError **error);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(Ahead, ahead_free)

#endif
