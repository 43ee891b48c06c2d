/* SPDX-License-Identifier: MIT */
#ifndef BATCHLOAD_FOLLOWERS_H
#define BATCHLOAD_FOLLOWERS_H

#include "milter/world.h"

/* The threads that hand the calls of add-ons to batchload-follow(8): one an add-on, so that each is
 * called once at a time, and one that hangs holds up no other. */
typedef struct Followers Followers;

/* Main thread, all of them. */
Followers *followers_start(World *world);
/* Other add-ons, or others of the same names, from the next call on. Does not wait. */
void followers_change(Followers *followers, World *world);
/* Waits for what is being called; NULL is allowed. */
void followers_stop(Followers *followers);

#endif
