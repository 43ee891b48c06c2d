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

/* Takes a pair of map_each; false with an error refuses it. */
typedef bool (*MapPairFunc)(gpointer data, const char *key, const char *value, unsigned line,
                            GError **error);
/* Takes a right-hand side of map_values; false with an error refuses it. */
typedef bool (*MapValueFunc)(gpointer data, const char *value, bool varies, unsigned line,
                             GError **error);

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
    Answer (*each)(gpointer handle, MapPairFunc each, gpointer data, GError **error);
    /* Of a type whose keys can't be listed, but what they are for can (static, patterns): calls
     * each for every right-hand side in order, as it is written; varies: parts of the key come into
     * it. line 0 where there are no lines; ANSWER_UNKNOWN when a line can't be used or each refused
     * one. NULL where a type can't. */
    Answer (*values)(gpointer handle, MapValueFunc each, gpointer data, GError **error);
    /* What a postmaster should do about a table that works; NULL: nothing. Caller owns it. NULL
     * where there never is anything. */
    char *(*advice)(gpointer handle);
    void (*close)(gpointer handle);
    /* Appends what changes when the source does: as it was when it was read, or as it is now. NULL:
     * never changes. */
    void (*fingerprint)(gpointer handle, bool now, GString *text);
    bool every_key; /* whatever is asked for is found */
    bool patterns;  /* made to be asked for whole keys, never for a part such as a domain */
    bool remote;    /* somebody else is asked at each look-up, who may be away */
} MapType;

extern const MapType map_texthash;  /* texthash(5): file of "key value" lines, first match wins */
extern const MapType map_inline;    /* "{ key=value, { key = text with blanks } }", last one wins */
extern const MapType map_static;    /* "value" or "{ text }", for every key */
extern const MapType map_cidr;      /* cidr_table(5): networks, for addresses of clients */
extern const MapType map_pcre;      /* pcre_table(5): Perl's regular expressions */
extern const MapType map_lmdb;      /* lmdb_table(5): what postmap(1) made of such a file */
extern const MapType map_ldap;      /* ldap_table(5): a directory */
extern const MapType map_socketmap; /* "inet:host:port:name" or "unix:/path:name": a server */
extern const MapType map_fail;      /* "text" or "{ text }", which each look-up fails with */

/* NULL with MAP_ERROR. */
Map *map_open(const char *spec, GError **error);
/* A key that is not UTF-8 is in no table; a value that is empty or not UTF-8 is "could not tell".
 */
Answer map_lookup(Map *map, const char *key, char **value, GError **error);
/* ANSWER_NO: the type can't list its pairs; of a list, not all of them could. */
Answer map_each(Map *map, MapPairFunc each, gpointer data, GError **error);
/* As MapType.values, for a table that is no list; ANSWER_NO: the type can't. */
Answer map_values(Map *map, MapValueFunc each, gpointer data, GError **error);
const char *map_spec(const Map *map);
/* Whether every key is found. Of a list: ask its parts. */
bool map_has_every_key(const Map *map);
/* Whether keys are patterns. Of a list: ask its parts. */
bool map_has_patterns(const Map *map);
/* Whether look-ups ask somebody else. Of a list: ask its parts. */
bool map_is_remote(const Map *map);
/* What should be done about a table, which works, or about the first such one of a list; NULL:
 * nothing. A sentence that names the table. Caller owns it. */
char *map_advice(const Map *map);
/* The tables of a list, in order; one that is no list is its own only part. Borrowed. */
unsigned map_count(const Map *map);
Map *map_part(Map *map, unsigned index);
/* A text that differs as soon as the sources do (device, inode, size and times of files): as they
 * were just before they were read, or as they are now. Caller owns it. */
char *map_fingerprint(const Map *map, bool now);
void map_close(Map *map);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(Map, map_close)

#endif
