/* SPDX-License-Identifier: MIT */
#ifndef BATCHLOAD_FOLLOW_H
#define BATCHLOAD_FOLLOW_H

#include "lib/addon.h"
#include "lib/operation.h"
#include "lib/spool-call.h"

/* What was changed in the directory becomes calls of an add-on: of each change that a row's writes
 * have made (AUDIT_CHANGE_TYPE, in the words of the columns) what the panel's API has words for.
 * An empty parameter is one that the row leaves as it is, or that it does not give; "-" is one that
 * was cleared, and, for a password, that it is on a descriptor. */

#define FOLLOW_PASSWORD "-"
#define FOLLOW_CLEARED "-"

/* Why a call can't be made that stands for the values of a column of which no more is kept
 * (AUDIT_MORE). */
#define FOLLOW_CUT                                                                                 \
    "more was changed at once than is kept of one change; it must be brought up to date by hand"

/* Appends the calls (of SpoolCall) of one change for an add-on. operation: the row's, for its
 * password; or NULL. disabled: what stands in the column ACTIVATED of what is (profile_disabled()).
 * Any thread. */
void follow_calls(const Addon *addon, GVariant *change, const Operation *operation, unsigned line,
                  const char *disabled, GPtrArray *calls);

/* Whether it is one that can't be made: FOLLOW_CUT. Any thread. */
bool follow_is_cut(const SpoolCall *call);

#endif
