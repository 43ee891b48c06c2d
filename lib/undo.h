/* SPDX-License-Identifier: MIT */
#ifndef BATCHLOAD_UNDO_H
#define BATCHLOAD_UNDO_H

#include "lib/plan.h"

/* What stood at each entry before a slice of a job in Mode: atomic wrote there, and how it comes
 * back. doc/settling.md tells the rules. One thread. */
typedef struct Undo Undo;

/* For the lines first to last of the job; context is borrowed. */
Undo *undo_new(const PlanContext *context, unsigned first, unsigned last);
void undo_free(Undo *undo);

/* Reads what stands before the writes of rows (of PlannedRow), and keeps it together with what they
 * will change. Again when rows are planned anew: what the slice has written already is kept as it
 * was before. ANSWER_YES or ANSWER_UNKNOWN. */
Answer undo_prepare(Undo *undo, GPtrArray *rows, GError **error);

/* Takes back whatever of it is done, in reverse, each change under an assertion. What somebody else
 * changed meanwhile stays; the lines of such rows are appended to left (of unsigned). Looks at what
 * stands there, so it can be called again after a crash. ANSWER_YES or ANSWER_UNKNOWN. */
Answer undo_run(Undo *undo, GArray *left, GError **error);

/* Takes back what a row in Mode: apply did with one entry, all but the password, which was refused:
 * write->changed. *left: somebody else changed a part of it meanwhile, which stays. ANSWER_YES or
 * ANSWER_UNKNOWN. */
Answer undo_refused(const PlanContext *context, unsigned line, const Change *change, bool *left,
                    GError **error);

/* It holds passwords and their hashes: to be sealed. Floating; _from_variant NULL on other shapes.
 */
#define UNDO_TYPE "a(sba(saay)a(u" CHANGE_TYPE "))"
GVariant *undo_to_variant(const Undo *undo);
Undo *undo_from_variant(const PlanContext *context, unsigned first, unsigned last, GVariant *value);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(Undo, undo_free)

#endif
