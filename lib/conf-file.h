/* SPDX-License-Identifier: MIT */
#ifndef BATCHLOAD_CONF_FILE_H
#define BATCHLOAD_CONF_FILE_H

#include <confuse.h>

/* Largest configuration file or profile, in bytes. */
#define CONF_FILE_MAX (1024 * 1024)

/* cfg_parse() with the right line numbers: libconfuse 3.3 counts each '#' comment as three lines.
 * CFG_SUCCESS, CFG_FILE_ERROR (unreadable, too large, or with a NUL) or CFG_PARSE_ERROR. */
int conf_file_parse(cfg_t *cfg, const char *path);

#endif
