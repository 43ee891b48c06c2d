/* SPDX-License-Identifier: MIT */
#ifndef BATCHLOAD_SPOOL_SQLITE_PRIVATE_H
#define BATCHLOAD_SPOOL_SQLITE_PRIVATE_H

#include "lib/spool-store.h"
#include <sqlite3.h>

/* Checks the version of a database just opened; where it is to be written, makes or upgrades its
 * tables and sets how it is written. path is for messages. */
bool spool_sqlite_set_up(sqlite3 *db, const char *path, bool readonly, GError **error);

#endif
