/* SPDX-License-Identifier: MIT */
#ifndef BATCHLOAD_WORKERS_H
#define BATCHLOAD_WORKERS_H

#include "lib/job.h"

/* The pool: config->workers threads that claim jobs and do one step at a time. */
typedef struct Workers Workers;

/* Starts them. has_grant and data as for job_worker_new(). NULL with an error: none runs. */
Workers *workers_start(Config *config, Spool *spool, PlanHasGrantFunc has_grant, gpointer data,
                       GError **error);

/* Lets running slices and hand-overs finish, then returns; main thread. Frees. */
void workers_stop(Workers *workers);

#endif
