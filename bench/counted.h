/* SPDX-License-Identifier: MIT */
#ifndef BATCHLOAD_BENCH_COUNTED_H
#define BATCHLOAD_BENCH_COUNTED_H

/* Between these two, valgrind --tool=callgrind --instr-atstart=no counts the instructions of all
 * threads. Nothing happens without it. */
#if __has_include(<valgrind/callgrind.h>)
#include <valgrind/callgrind.h>
#define COUNT_BEGIN CALLGRIND_START_INSTRUMENTATION
#define COUNT_END CALLGRIND_STOP_INSTRUMENTATION
#else
#define COUNT_BEGIN (void)0
#define COUNT_END (void)0
#endif

#endif
