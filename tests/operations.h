/* SPDX-License-Identifier: MIT */
#ifndef BATCHLOAD_TESTS_OPERATIONS_H
#define BATCHLOAD_TESTS_OPERATIONS_H

#include "lib/operation.h"

/* An operation in one line, for tests:
 *
 *   ADD FULL anna@one.example PASSWORD=secret GIVENNAME=Anna
 *   ADD FORWARD info@one.example MAILFORWARD=anna@one.example,ben@one.example
 *   MODIFY LIST staff@one.example DESCRIPTION=All_of_us
 *   MODIFY FULL anna@one.example MAILFORWARD=+ben@one.example,x@else.example ALIAS=~a@one.example
 *
 * Fields are named as in the file without blanks; '_' in a value is a blank, '-' alone clears; a
 * PASSWORD that begins with '{' is a hashed one. Aborts on anything else. Caller owns the result.
 */
Operation *test_operation(unsigned line, const char *text);

/* A whole slice of them, NULL-terminated; lines from 2 on. */
GPtrArray *test_operations(const char *const *texts);

#endif
