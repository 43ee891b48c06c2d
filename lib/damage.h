/* SPDX-License-Identifier: MIT */
#ifndef BATCHLOAD_DAMAGE_H
#define BATCHLOAD_DAMAGE_H

#include "lib/field.h"

/* What spreadsheets and word processors do to cells without a word. Nobody means such a cell, so
 * its row fails and says what happened. */
typedef enum {
    DAMAGE_NONE,
    DAMAGE_ERROR,    /* #REF!, #N/A, #NAME?: a formula that failed */
    DAMAGE_NARROW,   /* ###: a column too narrow to be shown */
    DAMAGE_EXPONENT, /* 4.9E+11: a long number, its last digits lost */
    DAMAGE_QUOTES,   /* a password in typographic quotes */
    DAMAGE_ZERO,     /* fewer digits than the field has: leading zeros lost */
} Damage;

/* What a cell of a field suffered. digits: how many the field has, or 0. Never of RESULT and
 * REASON. */
Damage damage_find(Field field, const char *cell, unsigned digits);

/* A sentence on what happened, and one on what to do; static, without the field's name. */
const char *damage_reason(Damage damage);
const char *damage_advice(Damage damage);

#endif
