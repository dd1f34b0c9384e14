/*
 * SPDX-FileCopyrightText: The Duet authors
 * SPDX-License-Identifier: MIT
 *
 * Coroutines of C++20 that are resumed time and again, for a bench in C.
 */
#ifndef DUET_BENCH_CXX_RESUME_H
#define DUET_BENCH_CXX_RESUME_H

#include <duet/loop.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

enum { RESUMED = 64 }; /* at once, so that what a turn costs is shared */

/* Each of RESUMED waits so many times for an operation that does nothing. 0, or -EIO. */
int resume_bare(struct duet_loop *loop, uint64_t waits); /* by an awaiter of ten lines, and no task */
int resume_tasks(struct duet_loop *loop, uint64_t waits); /* by <duet/coroutine.hpp> */

/* Each is suspended and resumed so many times by nobody but the bench: no event, no loop. */
int switch_bare(struct duet_loop *loop, uint64_t times);

/* Each calls another so many times, which returns without a wait. */
int call_tasks(struct duet_loop *loop, uint64_t calls);

#ifdef __cplusplus
}
#endif

#endif
