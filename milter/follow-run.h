/* SPDX-License-Identifier: MIT */
#ifndef BATCHLOAD_FOLLOW_RUN_H
#define BATCHLOAD_FOLLOW_RUN_H

#include "lib/addon.h"
#include "lib/follow-ask.h"

/* Runs one call of an add-on: without a shell, in a session of its own, with nothing of ours but
 * the password, which is on a descriptor, never among the arguments or in the environment. What it
 * leaves behind is ended with it. The process has one thread and no other children. */

/* Bytes of output that are read; more is thrown away. */
#define FOLLOW_OUTPUT_MAX 65536

/* The variables that tell of a password: the number of its descriptor, and "clear" or "hash". */
#define FOLLOW_PASSWORD_FD "BATCHLOAD_PASSWORD_FD"
#define FOLLOW_PASSWORD_KIND "BATCHLOAD_PASSWORD_KIND"

/* call: addon, name, arguments, password. *words, owned by the caller: what is to be told of it,
 * one line. */
FollowResult follow_run(const Addon *addon, const SpoolCall *call, char **words);

#endif
