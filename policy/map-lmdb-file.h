/* SPDX-License-Identifier: MIT */
#ifndef BATCHLOAD_MAP_LMDB_FILE_H
#define BATCHLOAD_MAP_LMDB_FILE_H

#include <glib.h>
#include <stdbool.h>

/* liblmdb believes what it reads: a page number, a length or an offset that is wrong leads it
 * beyond the file, and the process ends. So its files are looked at before: every page that can be
 * reached from the newest of the two heads must lie within the file, hold what such a page may
 * hold, and have its keys in order. Only what postmap(1) makes is taken: one
 * unnamed database of plain keys. */

/* Whether liblmdb can read the file, whose bytes are given. *needed is the size that the file must
 * be brought to, with zeros, before it is opened: pages at its end that hold nothing need not have
 * been written. At most max. Any thread. */
bool map_lmdb_file_is_sound(const void *bytes, gsize size, gsize max, gsize *needed);

#endif
