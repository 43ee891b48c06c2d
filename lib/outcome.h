/* SPDX-License-Identifier: MIT */
#ifndef BATCHLOAD_OUTCOME_H
#define BATCHLOAD_OUTCOME_H

#include "lib/pack.h"

/* What became of one row. */
typedef enum {
    RESULT_CREATED,
    RESULT_CHANGED,
    RESULT_DELETED,
    RESULT_UNCHANGED,
    RESULT_FAILED,
    RESULT_COUNT,
} Result;

/* Longest offending value that is repeated, in bytes; longer ones are cut with "…". */
#define OUTCOME_VALUE_MAX 100

typedef struct {
    Result result;
    char *field;  /* the column's name, or NULL when it is the row as a whole */
    char *value;  /* the offending value, one printable line, never a secret; or NULL */
    char *reason; /* plain words, a sentence; NULL unless failed or unchanged */
    char *advice; /* what to do, a sentence; may be NULL */
    bool done;    /* failed, but what it asks for is done: it is not to be sent again. Not stored */
} Outcome;

/* "created", "changed", …; static. */
const char *result_name(Result result);

Outcome *outcome_new(Result result);

/* A failed row. field, value and advice may be NULL; value is made printable and cut. */
Outcome *outcome_failed(const char *field, const char *value, const char *advice,
                        const char *reason, ...) G_GNUC_PRINTF(4, 5);
Outcome *outcome_copy(const Outcome *outcome);
void outcome_free(Outcome *outcome);

/* As one value of type (ymsmsmsms), for the spool. Floating; _from_variant NULL on other shapes,
 * and where it is not in normal form. outcome_pack() appends it, outcome_unpack() reads the next
 * member. */
#define OUTCOME_TYPE "(ymsmsmsms)"
void outcome_pack(const Outcome *outcome, Pack *pack);
void outcome_pack(const Outcome *outcome, Pack *pack);
GVariant *outcome_to_variant(const Outcome *outcome);
Outcome *outcome_unpack(Unpack *unpack);
Outcome *outcome_from_variant(GVariant *value);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(Outcome, outcome_free)

#endif
