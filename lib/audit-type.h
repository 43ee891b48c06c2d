/* SPDX-License-Identifier: MIT */
#ifndef BATCHLOAD_AUDIT_TYPE_H
#define BATCHLOAD_AUDIT_TYPE_H

/* A change as the audit keeps it, for those who need not know how it is made. Address and type ("":
 * none of ours) of the entry, "ADD", "MODIFY" or "DELETE", and of each column that changes its
 * name, the values that go, and those that come. */
#define AUDIT_FIELDS_TYPE "a(sasas)"
#define AUDIT_CHANGE_TYPE "(sss" AUDIT_FIELDS_TYPE ")"

/* Stands behind the values of a column where more of them went, or came, than are kept. */
#define AUDIT_MORE "\xe2\x80\xa6"

/* Stands among the columns of an account that is deleted: the identifier of its mailbox, by which
 * its mail can be found. */
#define AUDIT_MAIL_STORE "MAIL STORE"

#endif
