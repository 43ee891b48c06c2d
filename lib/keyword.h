/* SPDX-License-Identifier: MIT */
#ifndef BATCHLOAD_KEYWORD_H
#define BATCHLOAD_KEYWORD_H

#include "lib/secret.h"
#include <stdbool.h>

/* The keywords of a request, wherever they stand. doc/requests.md R2.15 to R2.19. */
typedef enum { KEYWORD_PASSWORD, KEYWORD_BATCHLOAD, KEYWORD_MODE, KEYWORD_COUNT } Keyword;

/* Begins as all zero. */
typedef struct {
    Secret *value[KEYWORD_COUNT]; /* UTF-8 without blanks around; NULL where it never stood */
    bool twice[KEYWORD_COUNT];    /* stood with different values; value is the first */
    bool late[KEYWORD_COUNT];     /* stood below other text, where it does not count */
} Keywords;

/* Whether name, of a header field or in a line, is a keyword's. */
bool keyword_is(const char *name);

/* Takes name's value if it is a keyword; false if it is none. */
bool keywords_add(Keywords *keywords, const char *name, const char *value);

/* Takes the keyword lines at the beginning of a text (UTF-8), up to the first line that is
 * neither blank nor a keyword line; of those below it is only noted that they stand there. */
void keywords_add_text(Keywords *keywords, const char *text);

/* A text of the format "flowed" (RFC 3676) with its long lines whole again: one that ends in a
 * blank goes on in the next, unless that is blank or begins with a keyword. delsp: that blank was
 * added. Caller owns the result, and wipes it. */
Secret *keyword_text_of_flowed(const char *text, bool delsp);

/* Wipes. */
void keywords_clear(Keywords *keywords);

/* HTML with its tags taken off: blocks begin a line, the cells of a table's row share one, entities
 * that stand for a character are that character, script and style are left out. It is no parser of
 * HTML, and good enough for a few lines at the top of a mail. Caller owns the result, and wipes it.
 */
Secret *keyword_text_of_html(const char *html);

#endif
