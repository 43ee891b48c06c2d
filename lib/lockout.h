/* SPDX-License-Identifier: MIT */
#ifndef BATCHLOAD_LOCKOUT_H
#define BATCHLOAD_LOCKOUT_H

#include <glib.h>
#include <stdbool.h>

/* Wrong passwords, counted by the pair of the sender that they were for and the client that they
 * came from (spool_client_key()), never by the sender alone: who guesses, or forges an address,
 * slows and locks himself. Times are microseconds since 1970. Any thread. */

/* How they are counted. */
typedef struct {
    unsigned after;     /* so many wrong ones lock the pair */
    unsigned seconds;   /* for so long; wrong ones are forgotten after that time without another */
    unsigned pause;     /* seconds before the pair's next request is opened; doubled by each */
    unsigned pairs_max; /* pairs that are remembered; the oldest ones go first */
} LockoutRules;

/* Longest pause, in seconds, but for a first one that is longer. */
#define LOCKOUT_PAUSE_MAX 300

typedef struct {
    char *sender;
    char *client;
    unsigned failures;
    gint64 last;         /* when the last one was wrong */
    gint64 until;        /* the pair's next request is not opened before */
    gint64 locked_until; /* 0: not locked */
} Lockout;

void lockout_clear(Lockout *lockout);

/* Whether the pair is locked: its requests are refused without a look at the password. */
bool lockout_is_locked(const Lockout *lockout, gint64 now);

/* Counts a wrong password, or a request of a pair that is locked (which does not lengthen the
 * lock). */
void lockout_count(Lockout *lockout, const LockoutRules *rules, gint64 now);

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Lockout, lockout_clear)

#endif
