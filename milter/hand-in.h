/* SPDX-License-Identifier: MIT */
#ifndef BATCHLOAD_HAND_IN_H
#define BATCHLOAD_HAND_IN_H

#include "milter/callbacks.h"

/* A batchload.csv that did not come by mail: one is made around it, so that there is one way for
 * all requests. Its proof is who handed it in, or, where it came by a door, the password that is in
 * it. */

typedef struct {
    uid_t user;             /* of this machine, who hands it in */
    const char *address;    /* the requester's */
    const Secret *password; /* the requester's own, by a door; else NULL */
    bool panel;             /* as a call of a panel */
    Mode mode;
    const char *reference;
    guint64 size; /* of the file */
} HandIn;

/* Where the file's bytes come from: how many were read into buffer, 0: too few came. */
typedef gssize (*HandInReadFunc)(gpointer data, char *buffer, gsize size);

/* Stores the file as the request of the sender address, under the grant that the sender table gives
 * it. The response is for whoever handed it in where it is checked only, came by a door, or is a
 * call of a panel. ANSWER_YES: *text is the job's number; ANSWER_NO: *text says why not; owned by
 * the caller. ANSWER_UNKNOWN: not stored, again later. Any thread. */
Answer hand_in(const World *world, const HandIn *what, HandInReadFunc read, gpointer data,
               char **text, GError **error);

#endif
