/* SPDX-License-Identifier: MIT */
#ifndef BATCHLOAD_OPERATION_H
#define BATCHLOAD_OPERATION_H

#include "lib/address.h"
#include "lib/field.h"
#include "lib/outcome.h"
#include "lib/secret.h"
#include "lib/table.h"

/* A row, typed and checked by itself: everything that can be said of it without grant and
 * directory. doc/requests.md section 3. */

typedef enum { TYPE_FULL, TYPE_FORWARD, TYPE_LIST, TYPE_COUNT } ObjectType;
typedef enum { ACTION_ADD, ACTION_DELETE, ACTION_MODIFY, ACTION_COUNT } Action;

const char *type_name(ObjectType type);             /* "FULL"; static */
const char *action_name(Action action);             /* "ADD"; static */
bool type_find(const char *name, ObjectType *type); /* without case */
bool action_find(const char *name, Action *action); /* without case */

/* Most addresses in one MAILFORWARD or LIST MEMBER cell. */
#define OPERATION_ADDRESSES_MAX 1000

typedef struct {
    unsigned line; /* the row's identity within its job */
    ObjectType type;
    Action action;
    Address *address;
    Secret *password;               /* NULL: none given */
    bool password_hashed;           /* password is a userPassword value already */
    GPtrArray *targets;             /* of Address, in order, no doubles; NULL: none given */
    GPtrArray *members;             /* likewise */
    char *white[FIELD_WHITE_COUNT]; /* index Field - FIELD_WHITE_FIRST; NULL: leave, "": clear */
} Operation;

typedef struct {
    bool modify_requires_password;
    unsigned hash_schemes;  /* PASSWORD_* bits accepted in a file */
    const unsigned *digits; /* of profile_digits(), or NULL */
} OperationRules;

/* The operation of a row, or NULL with *outcome set to the failed outcome that the administrator
 * reads. A cell "-" clears a white page on MODIFY (on ADD it is as empty) and is an error
 * elsewhere. With DELETE, cells that DELETE has no use for (password, white pages, a forward's
 * targets) are not looked at, so that a list of what is there can be sent back. Any thread. Caller
 * owns both. */
Operation *operation_from_row(const TableRow *row, const TableHead *head,
                              const OperationRules *rules, Outcome **outcome);
void operation_free(Operation *operation);

/* Whether a cell may be (a part of) a password that does not stand in its column, so that it must
 * not be repeated: one after the PASSWORD column, where one of those can't stand there (a separator
 * inside the password shifted them); and one from a TYPE or ACTION like no known word up to the
 * PASSWORD column (a cell before it is missing). */
bool operation_cell_is_doubtful(const TableRow *row, const TableHead *head, unsigned column);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(Operation, operation_free)

#endif
