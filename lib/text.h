/* SPDX-License-Identifier: MIT */
#ifndef BATCHLOAD_TEXT_H
#define BATCHLOAD_TEXT_H

#include <glib.h>
#include <stdbool.h>

/* text (length bytes, -1: NUL-terminated) as one printable line of valid UTF-8: control and format
 * characters, line separators and broken bytes become '?'; what is longer than max bytes is cut
 * between characters and ends in "…", which fits in max too. Any thread. Caller owns the result. */
char *text_printable(const char *text, gssize length, gsize max);

/* Whether text (valid UTF-8) has a control character that is not among but (ASCII). Any thread. */
bool text_has_control(const char *text, const char *but);

/* "48 MB", "64 kB" (of 1024) or "700 bytes". Any thread. Caller owns the result. */
char *text_size(guint64 bytes);

/* Most characters of a line of text_wrap, but for a word that is longer. */
#define TEXT_COLUMNS 74

/* Appends label and text to out as lines, broken at blanks; the lines after the first are indented
 * as far as label is long. text is one line of valid UTF-8, label is ASCII. Any thread. */
void text_wrap(GString *out, const char *label, const char *text);

#endif
