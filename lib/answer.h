/* SPDX-License-Identifier: MIT */
#ifndef BATCHLOAD_ANSWER_H
#define BATCHLOAD_ANSWER_H

/* The three results of every question the product asks: of a lookup table, the directory, the
 * spool. "No" and "could not tell" are never the same: what could not be told is retried or
 * deferred. A function that returns ANSWER_UNKNOWN has set its GError; with ANSWER_NO no error
 * is set. */
typedef enum {
    ANSWER_NO = 0,
    ANSWER_YES = 1,
    ANSWER_UNKNOWN = -1,
} Answer;

#endif
