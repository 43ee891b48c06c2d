/* SPDX-License-Identifier: MIT */
#ifndef BATCHLOAD_CONFINE_H
#define BATCHLOAD_CONFINE_H

#include <glib.h>
#include <stdbool.h>

/* A process shuts itself in before it touches what came from outside. Nothing of this can be
 * undone. */

typedef struct {
    guint64 memory_bytes; /* of address space, stacks included; not under a sanitizer, which
                             needs terabytes of it */
    unsigned cpu_seconds;
} ConfineLimits;

/* Resource limits: memory, CPU, no file grows, no core. Descriptors above standard error are
 * closed. false with a G_FILE_ERROR when the system refuses. */
bool confine_limits(const ConfineLimits *limits, GError **error);

/* No further file, process or thread, and from then on, for every thread of the process, only the
 * system calls that reading, writing and memory need. Others answer EPERM; those of them that no
 * library has a reason for (another program, process, socket, a file's name) end the process with
 * SIGSYS. false with a G_FILE_ERROR when the kernel can't. */
bool confine_calls(GError **error);

/* Runs function in a thread with a stack of stack_bytes and waits for it. false with a
 * G_FILE_ERROR when there is no such thread to be had. */
bool confine_run(gsize stack_bytes, void (*function)(gpointer data), gpointer data, GError **error);

#endif
