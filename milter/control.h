/* SPDX-License-Identifier: MIT */
#ifndef BATCHLOAD_CONTROL_H
#define BATCHLOAD_CONTROL_H

#include "lib/command.h"
#include "milter/callbacks.h"

/* The daemon's ear for batchload(1); lib/command.h has the words and who may say them. */
typedef struct Control Control;

/* Listens. world gives the configuration and the senders for each request that is handed in (with a
 * reference; NULL: not now). NULL with START_ERROR_SOCKET: somebody else has the address. Main
 * thread. */
Control *control_start(const char *spool_folder, Spool *spool, World *(*world)(void),
                       GError **error);
/* Waits for the request that is being answered. Frees. */
void control_stop(Control *control);

#endif
