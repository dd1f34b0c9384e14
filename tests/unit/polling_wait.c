/* SPDX-FileCopyrightText: The Duet authors */
/* SPDX-License-Identifier: MIT */
#include "tests/unit/polling_loop.h"

/* polling/wait.c, on a kernel without epoll_pwait2(2): its timeouts are whole milliseconds. */

static struct duet_loop *loop;
static struct duet_op op;
static unsigned ends;

static void ended(struct duet_op *which)
{
	(void)which;
	ends++;
}

static void coarse_loop(void)
{
	loop = polling_loop(NULL, DUET_TRY_PREDICT, 16);
	polling_of(loop)->coarse = true;
	duet_op_init(&op, ended, NULL);
}

/* Rounded down, the wait would end before the timer is due, with nothing to tell. */
START_TEST(a_wait_in_milliseconds_lasts_until_the_timer_is_due)
{
	coarse_loop();
	for (unsigned i = 1; i <= 20; i++) {
		turns(loop, 1);
		duet_op_timeout(&op, clock_ns() + (i & 1 ? 900000 : 1999999));
		ck_assert_int_eq(duet_op_start(loop, &op), 0);
		ck_assert_int_eq(duet_loop_turn(loop, -1), 1);
		ck_assert_uint_eq(ends, i);
	}
	loop_end(loop);
}
END_TEST

START_TEST(a_wait_in_milliseconds_is_not_shorter_than_asked)
{
	uint64_t began;

	coarse_loop();
	for (unsigned i = 0; i < 10; i++) {
		began = clock_ns();
		ck_assert_int_eq(duet_loop_turn(loop, 1000001), 0);
		ck_assert_uint_ge(clock_ns() - began, 1000001);
	}
	loop_end(loop);
}
END_TEST

int main(void)
{
	return plain_run("polling_wait",
		CASES(a_wait_in_milliseconds_lasts_until_the_timer_is_due,
			a_wait_in_milliseconds_is_not_shorter_than_asked));
}
