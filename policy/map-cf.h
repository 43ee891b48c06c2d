/* SPDX-License-Identifier: MIT */
#ifndef BATCHLOAD_MAP_CF_H
#define BATCHLOAD_MAP_CF_H

#include "lib/secret.h"
#include <glib.h>
#include <stdbool.h>

/* The "name = value" files by which Postfix is told of tables in other systems (postconf(5),
 * without $name). All values are held as secrets, for one of them may be a password. */

/* Largest such file, in bytes. */
#define MAP_CF_FILE_MAX (64 * 1024)

typedef struct {
    Secret *name;  /* of a line gone wrong it may be a part of a password, too */
    Secret *value; /* without blanks around it; may be empty */
    unsigned line;
} MapCfSetting;

/* What a line is about is told by its number, never by what stands in it: it may be a part of a
 * password. NULL with MAP_ERROR_SYNTAX: a line that is no setting, or one given twice. Settings in
 * order; the caller owns the array, which frees them. */
GPtrArray *map_cf_parse(const char *text, gsize size, GError **error);

#endif
