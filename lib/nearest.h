/* SPDX-License-Identifier: MIT */
#ifndef BATCHLOAD_NEAREST_H
#define BATCHLOAD_NEAREST_H

#include <glib.h>

/* Which known word a mistyped one was meant to be. */

/* Longest word that is compared, in bytes; a longer one is near to nothing. */
#define NEAREST_WORD_MAX 64

/* The one of the count words (upper case ASCII) nearest to word, compared without case and by the
 * letters inserted, left out, changed or swapped: at most one in four of them, and at most three.
 * Owned by the caller's array; NULL when none is near enough to be meant. */
const char *nearest_word(const char *word, const char *const *words, unsigned count);

/* The one of the words (a NULL-terminated list) that is near, or else the one that is called so
 * elsewhere: FULL for "user", ADD for "create". Only for what is told: such a word means nothing.
 */
const char *nearest_meant(const char *word, const char *const *words);

#endif
