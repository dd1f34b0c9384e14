/* SPDX-FileCopyrightText: The Duet authors */
/* SPDX-License-Identifier: MIT */
#include "tests/unit/polling_loop.h"

/* The list of handles to attempt, and the list of operations that are due. */

enum { COUNT = 4 };

static struct duet_loop *loop;
static struct duet_op ops[COUNT];
static duet_handle handles[COUNT];
static int raws[COUNT];
static char data[COUNT][64];
static unsigned order[64];
static unsigned heard;

static void ended(struct duet_op *op)
{
	ck_assert_uint_lt(heard, 64);
	order[heard++] = (unsigned)(op - ops);
}

static void begin(uint32_t burst_max)
{
	loop = polling_loop(NULL, DUET_TRY_PREDICT, burst_max);
	for (int i = 0; i < COUNT; i++) {
		handles[i] = connection(loop, AF_INET, 0, &raws[i]);
		say(raws[i], "abcdefgh");
		duet_op_init(&ops[i], ended, NULL);
	}
}

static void finish(void)
{
	loop_end(loop);
	for (int i = 0; i < COUNT; i++)
		close(raws[i]);
}

static void start(int i, size_t bytes)
{
	duet_op_recv(&ops[i], handles[i], data[i], bytes, 0);
	ck_assert_int_eq(duet_op_start(loop, &ops[i]), 0);
}

static uint32_t queued(void)
{
	return polling_of(loop)->attempts_count;
}

START_TEST(handles_are_attempted_in_the_order_of_their_starts)
{
	begin(16);
	start(2, 64);
	start(0, 64);
	start(3, 64);
	ck_assert_uint_eq(queued(), 3);
	ck_assert_int_eq(polling_prepare(loop), 1);
	turns(loop, 1);
	ck_assert_uint_eq(heard, 3);
	ck_assert_uint_eq(order[0], 2);
	ck_assert_uint_eq(order[1], 0);
	ck_assert_uint_eq(order[2], 3);
	ck_assert_uint_eq(queued(), 0);
	ck_assert_int_eq(polling_prepare(loop), 0);
	finish();
}
END_TEST

/* Each place on the list once: first, middle, last. */
START_TEST(a_handle_that_goes_leaves_the_list_whole)
{
	for (int gone = 0; gone < 3; gone++) {
		struct duet_op closing;

		begin(16);
		heard = 0;
		for (int i = 0; i < 3; i++)
			start(i, 64);
		ck_assert_uint_eq(queued(), 3);
		duet_op_init(&closing, NULL, NULL);
		duet_op_close(&closing, handles[gone]);
		ck_assert_int_eq(duet_op_start(loop, &closing), 0);
		ck_assert_uint_eq(queued(), 2);
		start(3, 64);
		turns(loop, 2);
		ck_assert_uint_eq(heard, 4);
		ck_assert_uint_eq(order[0], (unsigned)gone);
		ck_assert_uint_eq(order[3], 3);
		finish();
	}
}
END_TEST

static void again(struct duet_op *op)
{
	unsigned i = (unsigned)(op - ops);

	ended(op);
	if (op->result > 0 && heard < 32)
		start((int)i, 1);
}

START_TEST(a_burst_puts_a_handle_behind_the_others)
{
	begin(2);
	ops[0].done = again;
	start(0, 1);
	start(1, 64);
	turns(loop, 1);
	/* Two of the busy one, then the other; and the busy one keeps its place. */
	ck_assert_uint_eq(heard, 3);
	ck_assert_uint_eq(order[2], 1);
	ck_assert_uint_eq(queued(), 1);
	ck_assert_int_eq(polling_prepare(loop), 1);
	turns(loop, 8);
	ck_assert_uint_eq(heard, 9);
	finish();
}
END_TEST

static void stop_first(struct duet_op *op)
{
	ended(op);
	duet_op_cancel(&ops[0]);
	duet_op_cancel(&ops[2]);
}

/* Polls and reads wait on the due list, from which any of them may be taken. */
START_TEST(what_is_due_can_be_cancelled_from_any_place)
{
	begin(16);
	for (int i = 0; i < COUNT; i++) {
		duet_op_poll(&ops[i], handles[i], EPOLLIN);
		ck_assert_int_eq(duet_op_start(loop, &ops[i]), 0);
	}
	duet_op_cancel(&ops[3]);
	ck_assert_uint_eq(polling_of(loop)->due_count, 3);
	ops[1].done = stop_first;
	turns(loop, 2);
	ck_assert_uint_eq(heard, COUNT);
	ck_assert_int_eq(ops[3].result, -ECANCELED);
	ck_assert_int_eq(ops[2].result, -ECANCELED);
	ck_assert_int_eq(ops[0].result & EPOLLIN, EPOLLIN);
	ck_assert_uint_eq(polling_of(loop)->due_count, 0);
	finish();
}
END_TEST

static struct duet_op echo;

static void echo_received(struct duet_op *op)
{
	ended(op);
	duet_op_send(&echo, op->handle, data[0], 8, 0);
	ck_assert_int_eq(duet_op_start(loop, &echo), 0);
}

/* One look for events, one receive, one send: what epoll can do at best. */
START_TEST(an_echo_is_three_system_calls_and_one_turn)
{
	uint64_t calls;
	char back[8];

	begin(16);
	duet_op_init(&echo, NULL, NULL);
	start(0, 64);
	turns(loop, 2);
	ops[0].done = echo_received;
	start(0, 64);
	turns(loop, 1);
	calls = stats_of(loop).system_calls;
	say(raws[0], "abcdefgh");
	ck_assert_int_eq(duet_loop_turn(loop, 1000000000), 2);
	ck_assert_uint_eq(stats_of(loop).system_calls - calls, 3);
	ck_assert_int_eq(recv(raws[0], back, 8, MSG_DONTWAIT), 8);
	finish();
}
END_TEST

int main(void)
{
	return plain_run("polling_attempts",
		CASES(handles_are_attempted_in_the_order_of_their_starts,
			a_handle_that_goes_leaves_the_list_whole,
			a_burst_puts_a_handle_behind_the_others,
			what_is_due_can_be_cancelled_from_any_place,
			an_echo_is_three_system_calls_and_one_turn));
}
