/* SPDX-License-Identifier: MIT */
#ifndef BATCHLOAD_HAND_IN_H
#define BATCHLOAD_HAND_IN_H

#include "milter/callbacks.h"

/* A batchload.csv that did not come by mail: one is made around it, so that there is one way for
 * all requests. Its proof is who handed it in. */

/* Where the file's bytes come from: how many were read into buffer, 0: too few came. */
typedef gssize (*HandInReadFunc)(gpointer data, char *buffer, gsize size);

/* Stores size bytes, handed in by that user of this machine, as the request of the sender address,
 * under the grant that the sender table gives it; check: with "Mode: check", and a response for
 * whoever handed it in. ANSWER_YES: *text is the job's number; ANSWER_NO: *text says why not; owned
 * by the caller. ANSWER_UNKNOWN: not stored, again later. Any thread. */
Answer hand_in(const World *world, uid_t user, const char *address, bool check,
               const char *reference, guint64 size, HandInReadFunc read, gpointer data, char **text,
               GError **error);

#endif
