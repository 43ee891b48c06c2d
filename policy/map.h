/* SPDX-License-Identifier: MIT */
#ifndef BATCHLOAD_MAP_H
#define BATCHLOAD_MAP_H

#include "lib/answer.h"
#include <glib.h>
#include <stdbool.h>

/* Lookup tables that look and behave as Postfix's do (DATABASE_README): "type:name", or a list of
 * such, separated by commas or blanks but for those within braces. Not found and failed are
 * different results. A table whose source can't be read opens all the same, and fails each look-up
 * with its reason. Of a list the first match wins; a table of it that fails is never skipped: the
 * look-up fails. An open table is immutable; any thread may look up. */
typedef struct Map Map;

typedef enum {
    MAP_ERROR_TYPE,   /* no type, unknown type, or a type that is not available yet */
    MAP_ERROR_SYNTAX, /* bad name; of map_each: a line that is no pair, or one it refused */
    MAP_ERROR_FAILED, /* could not tell */
} MapError;
#define MAP_ERROR (map_error_quark())
GQuark map_error_quark(void);

/* Driver of one type, a row of the registry in map.c. */
typedef struct {
    const char *type;
    /* Opens name; NULL with error only for a name that can never work. */
    gpointer (*open)(const char *name, GError **error);
    /* ANSWER_YES: *value, owned by the caller. Key is given as it is to be compared. */
    Answer (*lookup)(gpointer handle, const char *key, char **value, GError **error);
    /* Calls each for every pair in order, keys as written, for checks of the whole table;
     * line 0 where there are no lines; ANSWER_UNKNOWN when a line is no pair or each refused one.
     * NULL where a type can't. */
    Answer (*each)(gpointer handle,
                   bool (*each)(gpointer data, const char *key, const char *value, unsigned line,
                                GError **error),
                   gpointer data, GError **error);
    void (*close)(gpointer handle);
    /* Appends what changes when the source does: as it was when it was read, or as it is now. NULL:
     * never changes. */
    void (*fingerprint)(gpointer handle, bool now, GString *text);
    bool every_key; /* whatever is asked for is found */
} MapType;

extern const MapType map_texthash; /* texthash(5): file of "key value" lines, first match wins */
extern const MapType map_inline;   /* "{ key=value, { key = text with blanks } }", last one wins */
extern const MapType map_static;   /* "value" or "{ text }", for every key */

/* NULL with MAP_ERROR. */
Map *map_open(const char *spec, GError **error);
Answer map_lookup(Map *map, const char *key, char **value, GError **error);
/* ANSWER_NO: the type can't list its pairs; of a list, not all of them could. */
Answer map_each(Map *map,
                bool (*each)(gpointer data, const char *key, const char *value, unsigned line,
                             GError **error),
                gpointer data, GError **error);
const char *map_spec(const Map *map);
/* Whether every key is found. Of a list: ask its parts. */
bool map_has_every_key(const Map *map);
/* The tables of a list, in order; one that is no list is its own only part. Borrowed. */
unsigned map_count(const Map *map);
Map *map_part(Map *map, unsigned index);
/* A text that differs as soon as the sources do (device, inode, size and times of files): as they
 * were just before they were read, or as they are now. Caller owns it. */
char *map_fingerprint(const Map *map, bool now);
void map_close(Map *map);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(Map, map_close)

#endif
