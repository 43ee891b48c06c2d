/* SPDX-License-Identifier: MIT */
#ifndef BATCHLOAD_AUDIT_H
#define BATCHLOAD_AUDIT_H

#include "lib/audit-type.h"
#include "lib/profile.h"

/* What a write changes, in the words of the file's columns, for the audit (spool_audit_list()). It
 * is made when the write is planned, since only then what stands there before is known, and goes
 * with the write's intent through a crash. */

/* Most bytes of values that go, or come, of one column; for more of
 * them AUDIT_MORE stands there. */
#define AUDIT_VALUES_BYTES_MAX 1048576

/* What stands in the place of a value of a secret column. */
#define AUDIT_SECRET "changed"

/* before: what stands there as it was seen; NULL: absent, or not known. Of type AUDIT_CHANGE_TYPE,
 * a full reference. Any thread. */
GVariant *audit_change(const Profile *profile, const Change *change, const Entry *before);

#endif
