/* SPDX-FileCopyrightText: The Duet authors */
/* SPDX-License-Identifier: MIT */
#include <duet/stack.h>
#include <sys/mman.h>
#include <unistd.h>

#include "core/tasks/stack.h"
#include "tests/support/harness.h"

/* The pool of stacks by itself. */

enum { COUNT = 4, STACK_BYTES = 40000, GUARD_BYTES = 5000 };

static struct duet_stacks *stacks;
static struct duet_fiber fiber;
static size_t page_bytes;

static void pool_open(void)
{
	struct duet_stacks_options options;

	page_bytes = (size_t)sysconf(_SC_PAGESIZE);
	duet_stacks_options_init(&options);
	options.count = COUNT;
	options.stack_bytes = STACK_BYTES;
	options.guard_bytes = GUARD_BYTES;
	ck_assert_int_eq(duet_stacks_create(&stacks, &options), 0);
}

static struct duet_stack *take(void)
{
	return core_stack_take(stacks, &fiber, NULL);
}

START_TEST(sizes_are_rounded_up_to_pages_and_told)
{
	struct duet_stack_stats stats;
	struct duet_stack *stack;

	pool_open();
	stack = take();
	duet_stacks_stats(stacks, &stats);
	ck_assert_uint_eq(stats.count, COUNT);
	ck_assert_uint_ge(stats.stack_bytes, STACK_BYTES);
	ck_assert_uint_lt(stats.stack_bytes, STACK_BYTES + page_bytes);
	ck_assert_uint_eq(stats.stack_bytes % page_bytes, 0);
	ck_assert_uint_eq(core_stack_bytes(stack), stats.stack_bytes);
	ck_assert_uint_ge(core_stack_guard_bytes(stack), GUARD_BYTES);
	ck_assert_uint_eq((uintptr_t)core_stack_bottom(stack) % page_bytes, 0);
	core_stack_give(stack);
	ck_assert_int_eq(duet_stacks_destroy(stacks), 0);
}
END_TEST

START_TEST(the_one_that_came_back_last_is_handed_out_next)
{
	struct duet_stack *first, *second, *third;
	struct duet_stack_stats stats;

	pool_open();
	first = take();
	second = take();
	third = take();
	core_stack_give(first);
	core_stack_give(third);
	core_stack_give(second);
	ck_assert_ptr_eq(take(), second);
	ck_assert_ptr_eq(take(), third);
	ck_assert_ptr_eq(take(), first);
	duet_stacks_stats(stacks, &stats);
	/* The fourth has never been needed. */
	ck_assert_uint_eq(stats.used, 3);
	ck_assert_uint_eq(stats.live_max, 3);
	ck_assert_uint_eq(stats.handed_out, 6);
	core_stack_give(first);
	core_stack_give(second);
	core_stack_give(third);
	ck_assert_int_eq(duet_stacks_destroy(stacks), 0);
}
END_TEST

START_TEST(there_are_so_many_and_no_more)
{
	struct duet_stack *all[COUNT];
	struct duet_stack_stats stats;

	pool_open();
	for (unsigned i = 0; i < COUNT; i++)
		ck_assert_ptr_nonnull(all[i] = take());
	ck_assert_ptr_null(take());
	duet_stacks_stats(stacks, &stats);
	ck_assert_uint_eq(stats.live, COUNT);
	ck_assert_uint_eq(stats.refused, 1);
	ck_assert_int_eq(duet_stacks_destroy(stacks), -EBUSY);
	for (unsigned i = 0; i < COUNT; i++)
		core_stack_give(all[i]);
	ck_assert_int_eq(duet_stacks_destroy(stacks), 0);
	ck_assert_int_eq(duet_stacks_destroy(NULL), 0);
}
END_TEST

/* What a fiber would write to, from its top down. */
static void touch(const struct duet_stack *stack, size_t bytes)
{
	volatile unsigned char *top = core_stack_bottom(stack) + core_stack_bytes(stack);

	for (size_t at = 1; at <= bytes; at++)
		top[-(ptrdiff_t)at] = 1;
}

START_TEST(marks_tell_what_was_touched_and_trim_gives_back_what_is_free)
{
	struct duet_stacks_use use;
	struct duet_stack *first, *second;

	pool_open();
	ck_assert_int_eq(duet_stacks_measure(stacks, &use), 0);
	ck_assert_uint_eq(use.touched_bytes, 0);
	first = take();
	second = take();
	ck_assert_int_eq(duet_stacks_measure(stacks, &use), 0);
	ck_assert_uint_eq(use.deepest_bytes, 0);
	touch(first, 1);
	touch(second, 2 * page_bytes + 1);
	ck_assert_int_eq(duet_stacks_measure(stacks, &use), 0);
	ck_assert_uint_eq(use.deepest_bytes, 3 * page_bytes);
	ck_assert_uint_eq(use.touched_bytes, 4 * page_bytes);
	core_stack_give(second);
	ck_assert_int_eq(duet_stacks_trim(stacks), 0);
	ck_assert_int_eq(duet_stacks_measure(stacks, &use), 0);
	ck_assert_uint_eq(use.deepest_bytes, page_bytes);
	ck_assert_uint_eq(use.touched_bytes, page_bytes);
	core_stack_give(first);
	ck_assert_int_eq(duet_stacks_destroy(stacks), 0);
}
END_TEST

/* A page that is stepped over is no depth less. */
START_TEST(the_depth_is_that_of_the_lowest_page)
{
	struct duet_stacks_use use;
	struct duet_stack *stack;

	pool_open();
	stack = take();
	*(volatile unsigned char *)core_stack_bottom(stack) = 1;
	ck_assert_int_eq(duet_stacks_measure(stacks, &use), 0);
	ck_assert_uint_eq(use.deepest_bytes, core_stack_bytes(stack));
	ck_assert_uint_eq(use.touched_bytes, page_bytes);
	core_stack_give(stack);
	ck_assert_int_eq(duet_stacks_destroy(stacks), 0);
}
END_TEST

/* Asked of the kernel, so that nobody has to fault: a write from memory that isn't there is refused. */
static bool readable(const unsigned char *at)
{
	bool answer;
	int ends[2];

	ck_assert_int_eq(pipe(ends), 0);
	answer = write(ends[1], at, 1) == 1;
	close(ends[0]);
	close(ends[1]);
	return answer;
}

START_TEST(below_and_above_each_there_is_a_guard)
{
	struct duet_stack *stack, *next;
	unsigned char *bottom;

	pool_open();
	stack = take();
	next = take();
	bottom = core_stack_bottom(stack);
	ck_assert(readable(bottom));
	ck_assert(readable(bottom + core_stack_bytes(stack) - 1));
	ck_assert(!readable(bottom - 1));
	ck_assert(!readable(bottom - core_stack_guard_bytes(stack)));
	ck_assert(!readable(bottom + core_stack_bytes(stack)));
	ck_assert(core_stack_bottom(next) ==
		bottom + core_stack_bytes(stack) + core_stack_guard_bytes(next));
	core_stack_give(stack);
	core_stack_give(next);
	ck_assert_int_eq(duet_stacks_destroy(stacks), 0);
}
END_TEST

static int create_with(uint32_t count, uint32_t stack_bytes, uint32_t guard_bytes)
{
	struct duet_stacks_options options;
	int answer;

	duet_stacks_options_init(&options);
	options.count = count;
	options.stack_bytes = stack_bytes;
	options.guard_bytes = guard_bytes;
	answer = duet_stacks_create(&stacks, &options);
	ck_assert((answer == 0) == (stacks != NULL));
	ck_assert_int_eq(duet_stacks_destroy(stacks), 0);
	return answer;
}

START_TEST(options_out_of_range_are_refused)
{
	struct duet_stacks_options options;

	ck_assert_int_eq(create_with(1, 8192, 1), 0);
	ck_assert_int_eq(create_with(0, 65536, 4096), -EINVAL);
	ck_assert_int_eq(create_with((1 << 20) + 1, 65536, 4096), -EINVAL);
	ck_assert_int_eq(create_with(1, 8191, 4096), -EINVAL);
	ck_assert_int_eq(create_with(1, (1u << 30) + 1, 4096), -EINVAL);
	ck_assert_int_eq(create_with(1, 65536, 0), -EINVAL);
	ck_assert_int_eq(create_with(1, 65536, (1 << 20) + 1), -EINVAL);
	/* More than any address space has. */
	ck_assert_int_eq(create_with(1 << 20, 1u << 30, 1 << 20), -ENOMEM);
	duet_stacks_options_init(&options);
	options.size--;
	ck_assert_int_eq(duet_stacks_create(&stacks, &options), -EINVAL);
}
END_TEST

int main(void)
{
	return plain_run("test_stack",
		CASES(sizes_are_rounded_up_to_pages_and_told,
			the_one_that_came_back_last_is_handed_out_next, there_are_so_many_and_no_more,
			marks_tell_what_was_touched_and_trim_gives_back_what_is_free,
			the_depth_is_that_of_the_lowest_page, below_and_above_each_there_is_a_guard,
			options_out_of_range_are_refused));
}
