/* SPDX-License-Identifier: MIT */
#ifndef BATCHLOAD_WORKERS_H
#define BATCHLOAD_WORKERS_H

#include "lib/job.h"
#include "milter/world.h"

/* The pool: config->workers threads that claim jobs and do one step at a time. */
typedef struct Workers Workers;

/* Starts them. NULL with DIRECTORY_ERROR_SETTINGS: none runs. */
Workers *workers_start(World *world, GError **error);

/* Steps that begin from now on are done with world (of the same spool; the number of threads
 * stays); those that run are finished with what they began with. Does not wait for them. Main
 * thread. false with DIRECTORY_ERROR_SETTINGS: all goes on as before. */
bool workers_change(Workers *workers, World *world, GError **error);

/* Lets running slices and hand-overs finish, then returns; main thread. Frees. */
void workers_stop(Workers *workers);

#endif
