/* SPDX-License-Identifier: MIT */
#ifndef BATCHLOAD_OPERATION_H
#define BATCHLOAD_OPERATION_H

#include "lib/address.h"
#include "lib/outcome.h"
#include "lib/secret.h"
#include "lib/table.h"
#include "lib/vocabulary.h"

/* A row, typed and checked by itself: everything that can be said of it without grant and
 * directory. doc/requests.md section 3. */

/* Most addresses in one cell. */
#define OPERATION_ADDRESSES_MAX 1000

/* Addresses as a cell names them. A plain list replaces what is there; or some are added (+) and
 * others removed (~). */
typedef struct {
    GPtrArray *named;   /* of Address, in order, no doubles; NULL: none given */
    GPtrArray *removed; /* likewise; NULL unless edit */
    bool edit;          /* named are added to what is there */
} AddressCell;

/* Most values that a cell of a column "@attribute" has, a line each. */
#define OPERATION_ATTRIBUTE_VALUES_MAX 100

/* The values that an attribute is to have. */
typedef struct {
    char *name;        /* as the profile writes it, without "@" */
    GPtrArray *values; /* of char *, in order, no doubles; none: clear */
} AttributeCell;

/* Of AttributeCell, owned by the array. _add takes values over; _find compares without case, and
 * returns NULL where there is none, as in no array. */
GPtrArray *attribute_cells_new(void);
void attribute_cells_add(GPtrArray *cells, const char *name, GPtrArray *values);
const AttributeCell *attribute_cells_find(const GPtrArray *cells, const char *name);

typedef struct {
    unsigned line; /* the row's identity within its job */
    ObjectType type;
    Action action;
    Address *address;               /* of a type without USER: "@domain", its local part empty */
    Secret *password;               /* NULL: none given */
    bool password_hashed;           /* password is a userPassword value already */
    AddressCell targets;            /* where mail goes on to; of an alias or a catch-all one */
    AddressCell aliases;            /* of FULL */
    GPtrArray *members;             /* of Address, in order, no doubles; NULL: none given */
    char *member_name;              /* of the one member, or NULL */
    char *target_domain;            /* of DOMAINALIAS, normal form */
    char *filter;                   /* of SPAMFILTER: "EMAIL:", "DOMAIN:" or "IP:" and its normal
                                       form */
    Address *owner;                 /* of DOMAIN, or NULL */
    char *value[FIELD_VALUE_COUNT]; /* index Field - FIELD_VALUE_FIRST; NULL: leave, "": clear; a
                                       switch is "yes" or "no" */
    GPtrArray *attributes;          /* of AttributeCell, no doubles; NULL: none given */
} Operation;

typedef struct {
    bool modify_requires_password;
    unsigned hash_schemes;                /* PASSWORD_* bits accepted in a file */
    const unsigned *digits;               /* of profile_digits(), or NULL */
    const char *const *const *attributes; /* of profile_allowed(), or NULL: none */
} OperationRules;

/* The operation of a row, or NULL with *outcome set to the failed outcome that the administrator
 * reads. A cell "-" clears a value that may be absent on MODIFY (on ADD it is as empty) and is an
 * error elsewhere. Cells that DELETE, SUSPEND and RESUME have no use for are not looked at, so that
 * a list of what is there can be sent back. Any thread. Caller
 * owns both. */
Operation *operation_from_row(const TableRow *row, const TableHead *head,
                              const OperationRules *rules, Outcome **outcome);
void operation_free(Operation *operation);

/* What a row is worked on together with: of the rows in one slice all have the same kind. */
typedef enum {
    ROW_WRITES,
    ROW_READS, /* looks at what is there once everything before is done */
    ROW_ALONE, /* one that deletes a domain: it may take more than one plan */
} RowKind;
RowKind operation_row_kind(const TableRow *row, const TableHead *head);
RowKind operation_kind(const Operation *operation);

/* Whether a cell may be (a part of) a password that does not stand in its column, so that it must
 * not be repeated: one after the PASSWORD column, where one of those can't stand there (a separator
 * inside the password shifted them); and one from a TYPE or ACTION like no known word up to the
 * PASSWORD column (a cell before it is missing). */
bool operation_cell_is_doubtful(const TableRow *row, const TableHead *head, unsigned column);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(Operation, operation_free)

#endif
