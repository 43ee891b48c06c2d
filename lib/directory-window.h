/* SPDX-License-Identifier: MIT */
#ifndef BATCHLOAD_DIRECTORY_WINDOW_H
#define BATCHLOAD_DIRECTORY_WINDOW_H

#include <glib.h>
#include <stdbool.h>

/* How many writes are in flight on a connection. They are sent several at a time, when half of them
 * are answered, so that the server always has the next one at hand and neither side is woken for
 * each.
 *
 * Whoever else writes there stands in one queue with them. So there are no more than the server can
 * do in 16 ms, by the time from one answer to the next while there is always more to do: fewer
 * where answers slow down because others write, or because the disk is slow. But over a long way as
 * many as keep the server at work: how long a write takes that is alone under way, divided by that
 * time.
 */

/* Most writes in flight, whatever is configured: servers drop connections that have too many. */
#define DIRECTORY_WINDOW_MAX 256
/* The fewest, unless fewer are configured: one on its way while another one is done. */
#define DIRECTORY_WINDOW_MIN 2

/* Times are monotonic, in microseconds. One thread. All zero is a new one. */
typedef struct {
    double alone;       /* how long a write takes that is alone under way; 0: not known */
    double each;        /* from one answer to the next; 0: not known */
    double needed;      /* so many keep the server at work; 0: not known */
    guint limit;        /* how many there may be */
    bool filling;       /* more are sent, until it is full */
    guint in_flight;    /* now */
    gint64 sent;        /* when the one that is alone was sent; 0: none is */
    gint64 alone_since; /* when that was found out last */
    guint together;     /* answers since then */
    bool sure;          /* it was much the same as before */
    gint64 round_since; /* when the round began, in which there was always more to do; 0: none */
    guint answers;      /* of the round */
} DirectoryWindow;

/* Whether one more write may be sent; most: what is configured. */
bool directory_window_is_open(DirectoryWindow *window, guint most, gint64 now);
/* A write was sent. */
void directory_window_sent(DirectoryWindow *window, gint64 now);
/* One was answered. */
void directory_window_answered(DirectoryWindow *window, gint64 now);
/* It is open, and there is nothing to send: what follows tells nothing of the server. */
void directory_window_starved(DirectoryWindow *window);

#endif
