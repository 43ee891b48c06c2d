/* SPDX-License-Identifier: MIT */
#ifndef BATCHLOAD_NOTIFY_H
#define BATCHLOAD_NOTIFY_H

#include <glib.h>
#include <stdbool.h>

/* Tells the supervisor how things stand: the protocol of sd_notify(3), so that a unit of
 * Type=notify works whatever a build found. Nothing happens where no supervisor listens
 * ($NOTIFY_SOCKET), and one that does not read is waited for 5 seconds. Main thread. */

typedef enum {
    NOTIFY_READY,
    NOTIFY_RELOADING, /* NOTIFY_READY follows */
    NOTIFY_STOPPING,
    NOTIFY_WATCHDOG, /* still alive */
} Notify;

/* status: a word for the postmaster, or NULL for none. */
void notify(Notify state, const char *status);

/* Whether the supervisor wants to hear NOTIFY_WATCHDOG from this process ($WATCHDOG_USEC), at least
 * every *microseconds. */
bool notify_watched(gint64 *microseconds);

#endif
