/* SPDX-License-Identifier: MIT */
#ifndef BATCHLOAD_CONF_FILE_H
#define BATCHLOAD_CONF_FILE_H

#include <confuse.h>
#include <sys/stat.h>

/* Largest configuration file or profile, in bytes. */
#define CONF_FILE_MAX (1024 * 1024)

/* cfg_parse() with the right line numbers: libconfuse 3.3 counts each '#' comment as three lines; a
 * quote that its line does not close, and a brace that the file does not, are errors with the line
 * where it opens. CFG_SUCCESS, CFG_FILE_ERROR (unreadable, open to be written by everybody, too
 * large, or with a NUL; then *why says which, static) or CFG_PARSE_ERROR. Not two threads at once,
 * from here to cfg_free(): libconfuse has one scanner for the whole process. */
int conf_file_parse(cfg_t *cfg, const char *path, const char **why);

/* Why a file that says what the daemon may do must not be believed, static, or NULL: everybody may
 * write to it. */
const char *conf_file_fault(const struct stat *status);

#endif
