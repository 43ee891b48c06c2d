/* SPDX-License-Identifier: MIT */
#ifndef BATCHLOAD_OPERATION_PRIVATE_H
#define BATCHLOAD_OPERATION_PRIVATE_H

#include "lib/operation.h"

/* What the sources of this room share. */

/* A row while it is checked. The functions below return false with *outcome set where the row is
 * refused. */
typedef struct {
    const TableRow *row;
    const TableHead *head;
    const OperationRules *rules;
    Operation *operation;
    Outcome **outcome;
} Check;

/* The cell of a field; "" where the file has no such column. */
const char *check_cell(const Check *check, Field field);
/* Whether it holds more than blanks. */
bool check_is_given(const Check *check, Field field);

/* Ends the check: always false. */
bool check_refuse(Check *check, Field field, const char *value, const char *advice,
                  const char *reason, ...) G_GNUC_PRINTF(5, 6);

/* The same of one of the file's columns: reason goes on from its name. */
bool check_refuse_column(Check *check, unsigned column, const char *value, const char *advice,
                         const char *reason);

/* That no column is filled in which TYPE and ACTION have no use for. */
bool operation_check_columns(Check *check);
bool operation_check_password(Check *check);
/* The columns that name addresses, domains and senders. */
bool operation_check_names(Check *check);
/* The columns of one value. */
bool operation_check_values(Check *check);

/* The columns "@attribute". */
bool operation_check_attributes(Check *check);

/* Whether a cell can be the value of a field with a form of its own. */
bool operation_value_fits(Field field, const char *cell);

#endif
