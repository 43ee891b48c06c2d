/* SPDX-License-Identifier: MIT */
#ifndef BATCHLOAD_RELOAD_H
#define BATCHLOAD_RELOAD_H

#include "milter/followers.h"
#include "milter/workers.h"
#include "milter/world.h"

/* Takes up a changed configuration or sender table while the daemon runs: all of it, or nothing,
 * with one log line either way. Mails and steps of jobs that have begun end with what they began
 * with. One thread. */
typedef struct Reload Reload;

/* path: the configuration's. Keeps a reference of world, which is in use; borrows workers. */
Reload *reload_new(const char *path, World *world, Workers *workers, Followers *followers);
void reload_free(Reload *reload);

/* Reads the configuration and every file it names anew, and opens a log file that was renamed.
 * false: what is in use stays. A setting that can't change while the daemon runs keeps all others
 * from being taken up, too. */
bool reload_all(Reload *reload);

/* Looks whether the sender table's files have changed, at most once in RELOAD_SECONDS, and takes
 * the table up when they have been left alone for that long: so a file that is still being written
 * is not read by halves. A table that can't be used leaves the old one in use, and is told once. */
#define RELOAD_SECONDS 1
void reload_look(Reload *reload);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(Reload, reload_free)

#endif
