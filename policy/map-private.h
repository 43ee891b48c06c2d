/* SPDX-License-Identifier: MIT */
#ifndef BATCHLOAD_MAP_PRIVATE_H
#define BATCHLOAD_MAP_PRIVATE_H

#include "policy/map.h"

/* Shared by the types of tables. */

/* key in the form in which Postfix compares it: without case. Caller owns it. */
char *map_fold(const char *key);

/* Length of the text in braces with which text begins, braces included; 0 where the last one is
 * missing or it begins otherwise. */
gsize map_braces(const char *text);

/* "{ text }" without braces and the blanks beside them; NULL with MAP_ERROR_SYNTAX where it is
 * not that alone. Caller owns it. */
char *map_unbrace(const char *text, GError **error);

/* The next word of a list, or NULL; separators (comma, white space) within braces are part of it.
 * *rest moves on. Caller owns it. */
char *map_next_word(const char **rest);

#endif
