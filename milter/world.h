/* SPDX-License-Identifier: MIT */
#ifndef BATCHLOAD_WORLD_H
#define BATCHLOAD_WORLD_H

#include "lib/config.h"
#include "policy/sender.h"

/* What mails are judged by and jobs are worked on with: one immutable snapshot of configuration
 * and tables. Each mail and each step of a job holds on to the one it began with. Counted
 * references, any thread. */
typedef struct World World;

/* Takes a reference of config, takes senders over (NULL: nobody has a grant, for tests), borrows
 * spool. */
World *world_new(Config *config, SenderTable *senders, Spool *spool);
World *world_ref(World *world);
void world_unref(World *world);
/* Borrowed: what it was made with. */
Config *world_config(const World *world);
SenderTable *world_senders(const World *world);
Spool *world_spool(const World *world);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(World, world_unref)

#endif
