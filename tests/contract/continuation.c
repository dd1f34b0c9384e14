/* SPDX-FileCopyrightText: The Duet authors */
/* SPDX-License-Identifier: MIT */
#include "tests/support/harness.h"

/* The three steps of a C++ awaiter, over any operation. */

static duet_handle pair[2];
static unsigned char data[64];

struct waiter {
	struct duet_continuation continuation;
	struct duet_op *op;
	unsigned resumed;
};

static void resumed(struct duet_continuation *continuation, struct duet_op *op)
{
	struct waiter *waiter = (struct waiter *)continuation;

	ck_assert_uint_eq(stage.inside, 0);
	waiter->op = op;
	waiter->resumed++;
}

/* One await from start to result; says whether it was suspended. */
static bool await_one(struct waiter *waiter, struct duet_op *op)
{
	int ready;

	*waiter = (struct waiter){ { resumed }, NULL, 0 };
	stage.inside++;
	ready = duet_await_ready(stage.loop, op);
	stage.inside--;
	if (ready)
		return false;
	duet_await_suspend(op, &waiter->continuation);
	turn_until(waiter->resumed > 0);
	ck_assert_ptr_eq(waiter->op, op);
	return true;
}

START_TEST(what_has_to_wait_suspends_and_is_resumed_once)
{
	struct waiter waiter;
	struct duet_op op;

	pair_open(pair);
	duet_op_init(&op, NULL, NULL);
	duet_op_recv(&op, pair[1], data, 5, DUET_WHOLE);
	ck_assert_int_eq(duet_await_ready(stage.loop, &op), 0);
	waiter = (struct waiter){ { resumed }, NULL, 0 };
	duet_await_suspend(&op, &waiter.continuation);
	stage_settle(3);
	ck_assert_uint_eq(waiter.resumed, 0);
	stream_send(pair[0], "hello", 5);
	turn_until(waiter.resumed > 0);
	stage_settle(3);
	ck_assert_uint_eq(waiter.resumed, 1);
	ck_assert_int_eq(duet_await_resume(&op), 5);
	ck_assert_mem_eq(data, "hello", 5);
}
END_TEST

START_TEST(what_is_there_already_gives_its_result_either_way)
{
	struct waiter waiter;
	struct duet_op op;

	pair_open(pair);
	duet_op_init(&op, NULL, NULL);
	for (unsigned i = 0; i < 10; i++) {
		bool suspended;

		stream_send(pair[0], "hello", 5);
		duet_op_recv(&op, pair[1], data, 5, DUET_WHOLE);
		suspended = await_one(&waiter, &op);
		ck_assert_int_eq(duet_await_resume(&op), 5);
		stage_settle(2);
		ck_assert_uint_eq(waiter.resumed, suspended);
	}
}
END_TEST

START_TEST(a_refused_start_is_ready_with_the_refusal)
{
	struct duet_op op;
	duet_handle none = DUET_HANDLE_NONE;

	duet_op_init(&op, NULL, NULL);
	duet_op_recv(&op, none, data, 5, 0);
	ck_assert_int_eq(duet_await_ready(stage.loop, &op), 1);
	ck_assert_int_eq(duet_await_resume(&op), -EBADF);
}
END_TEST

START_TEST(a_cancelled_await_is_resumed_with_the_outcome)
{
	struct waiter waiter = { { resumed }, NULL, 0 };
	struct duet_op op;

	pair_open(pair);
	duet_op_init(&op, NULL, NULL);
	duet_op_recv(&op, pair[1], data, 5, 0);
	ck_assert_int_eq(duet_await_ready(stage.loop, &op), 0);
	duet_await_suspend(&op, &waiter.continuation);
	duet_op_cancel(&op);
	ck_assert_uint_eq(waiter.resumed, 0);
	turn_until(waiter.resumed == 1);
	ck_assert_int_eq(duet_await_resume(&op), -ECANCELED);
	ck_assert_int_eq(op.disposition, DUET_UNTOUCHED);
}
END_TEST

START_TEST(an_accept_in_an_await_makes_its_handle)
{
	struct waiter waiter;
	struct trial connecting;
	struct duet_op op;

	listener_open(&stage.listener, &stage.address);
	trial_init(&connecting);
	duet_op_socket(&connecting.op, AF_INET, SOCK_STREAM, 0);
	trial_run(&connecting);
	duet_op_connect(&connecting.op, connecting.op.made, (struct sockaddr *)&stage.address,
		sizeof(stage.address));
	connecting.ends = 0;
	trial_start(&connecting);
	duet_op_init(&op, NULL, NULL);
	duet_op_accept(&op, stage.listener, 0);
	await_one(&waiter, &op);
	ck_assert_int_eq(duet_await_resume(&op), 0);
	await(&connecting);
	handle_close(op.made);
}
END_TEST

int main(void)
{
	return contract_run("continuation",
		CASES(what_has_to_wait_suspends_and_is_resumed_once,
			what_is_there_already_gives_its_result_either_way,
			a_refused_start_is_ready_with_the_refusal,
			a_cancelled_await_is_resumed_with_the_outcome,
			an_accept_in_an_await_makes_its_handle),
		NULL);
}
