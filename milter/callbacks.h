/* SPDX-License-Identifier: MIT */
#ifndef BATCHLOAD_CALLBACKS_H
#define BATCHLOAD_CALLBACKS_H

#include "milter/world.h"

/* Thin adapters from libmilter to session; the only file that includes libmilter/mfapi.h. */

/* The snapshot for mails that begin from now on; keeps a reference of its own. NULL: none, mails
 * are deferred. Any thread. libmilter hands no data to its callbacks, so this one pointer is
 * theirs. */
void callbacks_set_world(World *world);

/* The snapshot that was set last, with a reference for the caller, or NULL. Any thread. */
World *callbacks_world(void);

typedef enum { CALLBACKS_ERROR_LIBRARY, CALLBACKS_ERROR_SOCKET } CallbacksError;
#define CALLBACKS_ERROR (callbacks_error_quark())
GQuark callbacks_error_quark(void);

/* Registers with libmilter and opens the socket ("unix:/path", "inet:port@host"). Main thread,
 * once, before callbacks_run(). false with CALLBACKS_ERROR. */
bool callbacks_listen(const char *socket, GError **error);

/* Serves until callbacks_stop(), or TERM or INT (then up to 5 s more); false when libmilter gave
 * up. SIGTERM and SIGINT must be blocked in every thread: libmilter waits for them in one of its
 * own, and for SIGHUP; so that a HUP does not end the daemon, call this outside the main thread and
 * let the main thread ignore HUP without blocking it. When it has returned no callback touches the
 * spool or a snapshot any more, although connections may still be open. */
bool callbacks_run(void);

/* Makes callbacks_run() return, within milliseconds; any thread but that one. */
void callbacks_stop(void);

#endif
