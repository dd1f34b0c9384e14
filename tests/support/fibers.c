/* SPDX-FileCopyrightText: The Duet authors */
/* SPDX-License-Identifier: MIT */
#include "tests/support/fibers.h"

struct duet_scheduler fibers_scheduler;
struct duet_stacks *fibers_stacks;

void fibers_open(uint32_t count)
{
	struct duet_stacks_options options;

	duet_stacks_options_init(&options);
	options.count = count;
	options.stack_bytes = FIBER_STACK_BYTES;
	ck_assert_int_eq(duet_stacks_create(&fibers_stacks, &options), 0);
	ck_assert_int_eq(duet_scheduler_init(&fibers_scheduler, stage.loop, NULL), 0);
}

void fibers_open_crowd(uint32_t count, uint32_t operations_max)
{
	struct duet_loop_options options;

	duet_loop_options_init(&options);
	options.operations_max = operations_max;
	stage_reopen(&options, NULL);
	fibers_open(count);
}

void fibers_close(void)
{
	ck_assert_int_eq(duet_stacks_destroy(fibers_stacks), 0);
	fibers_stacks = NULL;
}

void fibers_spawn(struct duet_fiber *fiber, duet_fiber_fn *fn, void *argument,
	struct duet_scope *scope)
{
	duet_fiber_init(fiber, fn, argument);
	ck_assert_int_eq(duet_fiber_spawn(&fibers_scheduler, scope, fibers_stacks, fiber), 0);
}

uint32_t fibers_many(uint32_t count)
{
#ifdef __SANITIZE_THREAD__
	return count < 500 ? count : 500;
#else
	return patience_factor() > 8 && count > 500 ? 500 : count;
#endif
}
