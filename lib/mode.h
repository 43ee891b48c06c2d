/* SPDX-License-Identifier: MIT */
#ifndef BATCHLOAD_MODE_H
#define BATCHLOAD_MODE_H

/* How a request wants its rows carried out. Stored in the spool by number. */
typedef enum {
    MODE_APPLY,  /* each row by itself */
    MODE_CHECK,  /* change nothing, report what would happen */
    MODE_ATOMIC, /* all rows or none */
    MODE_COUNT,
} Mode;

const char *mode_name(Mode mode); /* "apply", …; static */

#endif
