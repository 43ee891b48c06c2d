/* SPDX-License-Identifier: MIT */
#ifndef BATCHLOAD_MAP_FIXTURE_H
#define BATCHLOAD_MAP_FIXTURE_H

#include "policy/map.h"

/* Tables beside Postfix's own, for tests: what postmap(1) says of the same file and key. */

/* A folder with the main.cf that postmap is run by, and the path of a table in it. */
typedef struct {
    char *folder, *file;
    char *postmap; /* NULL: not installed */
} MapFixture;

void map_fixture_set_up(MapFixture *fixture, gconstpointer data);
void map_fixture_tear_down(MapFixture *fixture, gconstpointer data);

/* Whether postmap is there; else the test is marked as skipped. */
bool map_fixture_has_postmap(const MapFixture *fixture);

/* What is said of a key: a value, NULL for none; wrong: it could not be told, or the table is
 * refused. */
typedef struct {
    char *value;
    bool wrong;
} MapSaid;
void map_said_clear(MapSaid *said);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(MapSaid, map_said_clear)

/* By postmap -q: the question, which is asked meanwhile (postmap waits a second before it ends by
 * an error, so ask many at once), and its answer, once. */
gpointer map_fixture_ask(const MapFixture *fixture, const char *spec, const char *key);
MapSaid map_fixture_answer(gpointer asked);
/* By postmap -q -, for many keys; each is NULL-terminated. Returns what it printed, and whether it
 * ended by an error. Caller owns the text. */
char *map_fixture_postmap_all(const MapFixture *fixture, const char *spec, const char *const *keys,
                              bool *wrong);
/* By ours; map may be NULL for one that can't be opened. */
MapSaid map_fixture_ours(Map *map, const char *key);
/* As map_fixture_postmap_all, by ours. */
char *map_fixture_ours_all(Map *map, const char *const *keys, bool *wrong);

/* Writes the table's file, as it stands. */
void map_fixture_write(const MapFixture *fixture, const char *text, gssize size);

#endif
