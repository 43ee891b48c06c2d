/* SPDX-License-Identifier: MIT */
#ifndef BATCHLOAD_SETTLE_H
#define BATCHLOAD_SETTLE_H

#include "lib/plan.h"

/* Carries a committed intent out: applies the planned writes of a slice, exactly once each, and
 * finds out what became of those whose answer was lost. doc/settling.md tells the rules.
 *
 * The first attempt sends; every later one (after a crash, a lost answer, a conflict) settles
 * first: in order, each write's DN is read. As it was expected: send it. A deletion, and our mark
 * of this very line: send it, on that mark. Our mark of this or a later line: done. Absent, or
 * another unique id, and this or a later row deletes it: done. Anything else: another writer came
 * between; that row, and those that rely on it, are planned anew, the new plan committed, and sent.
 */

/* Commits the intent of the slice again after rows were planned anew. false with any error: the
 * writes of the new plan are not sent. */
typedef bool (*SettleCommitFunc)(gpointer data, GPtrArray *rows, GError **error);

/* How often a row is planned anew before it fails as "changed by somebody else meanwhile". */
#define SETTLE_REPLANS_MAX 5

typedef struct {
    PlanContext *context;
    GPtrArray *operations; /* of Operation, by row; NULL where the row had none; for planning anew.
                              Same length and order as rows */
    SettleCommitFunc commit;
    gpointer data;
    bool again;     /* an earlier attempt may have sent some of it: settle first */
    bool *deviated; /* set to true where not every row ended as it was planned */
} Settle;

/* rows (of PlannedRow, the committed intent, by line) are applied; on success each row's outcome
 * stands in it and is final, its writes are gone, and what was done of them is its trail. On
 * ANSWER_UNKNOWN rows must not be used again: only what was committed counts. ANSWER_UNKNOWN with
 * an error: the directory could not tell; call again later with again = true and the last committed
 * intent. The password hash of a row planned anew is the one of its stored intent. */
Answer settle_rows(const Settle *settle, GPtrArray *rows, GError **error);

#endif
