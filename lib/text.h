/* SPDX-License-Identifier: MIT */
#ifndef BATCHLOAD_TEXT_H
#define BATCHLOAD_TEXT_H

#include <glib.h>

/* text (length bytes, -1: NUL-terminated) as one printable line of valid UTF-8: control and format
 * characters, line separators and broken bytes become '?'; what is longer than max bytes is cut
 * between characters and ends in "…", which fits in max too. Any thread. Caller owns the result. */
char *text_printable(const char *text, gssize length, gsize max);

#endif
