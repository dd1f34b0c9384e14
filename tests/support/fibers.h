/* SPDX-FileCopyrightText: The Duet authors */
/* SPDX-License-Identifier: MIT */
#ifndef TESTS_SUPPORT_FIBERS_H
#define TESTS_SUPPORT_FIBERS_H

#include <duet/fiber.h>

#include "tests/support/harness.h"

/* A scheduler and a pool of stacks on the stage's loop, for the length of a case. */

/* What a function of a test needs at most; instrumented frames are several times as large. */
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
enum { FIBER_STACK_BYTES = 65536 };
#else
enum { FIBER_STACK_BYTES = 16384 };
#endif

extern struct duet_scheduler fibers_scheduler;
extern struct duet_stacks *fibers_stacks;

void fibers_open(uint32_t count);
/* The same with a loop for so many operations. */
void fibers_open_crowd(uint32_t count, uint32_t operations_max);
/* Every stack has come back. */
void fibers_close(void);

/* Initialises and spawns; the case fails if that is refused. */
void fibers_spawn(struct duet_fiber *fiber, duet_fiber_fn *fn, void *argument,
	struct duet_scope *scope);
#define fiber_is_live(fiber) ((fiber)->task.state != DUET_TASK_IDLE)

/* A pool of so many on which Valgrind and ThreadSanitizer, which look at each, take their time. */
uint32_t fibers_many(uint32_t count);

#endif
