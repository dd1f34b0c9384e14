/* SPDX-FileCopyrightText: The Duet authors */
/* SPDX-License-Identifier: MIT */
#include <unistd.h>

#include "tests/support/harness.h"

/* What callbacks may ask of the loop in the middle of a turn, and why operations then ended. */

static duet_handle pair[2];
static unsigned char data[64];

/* Each receive has memory of its own. */
static unsigned char *room_of_its_own(void)
{
	static unsigned char rooms[16][64];
	static unsigned next;

	return rooms[next++ % 16];
}

static void recv_start(struct trial *trial, size_t bytes, unsigned flags)
{
	trial_init(trial);
	duet_op_recv(&trial->op, pair[1], room_of_its_own(), bytes, flags);
	trial_start(trial);
}

/* ---- Between the items of one turn. ---- */

#define PEERS 4

static duet_handle made[PEERS];
static unsigned made_count;

static void turn_inside(struct trial *trial)
{
	ck_assert_int_eq(duet_loop_turn(stage.loop, 0), -EBUSY);
	ck_assert_int_eq(duet_loop_run(stage.loop), -EBUSY);
	ck_assert_int_eq(duet_loop_destroy(stage.loop), -EBUSY);
	if (!trial->op.more)
		return;
	for (unsigned i = 0; i < made_count; i++)
		ck_assert_uint_ne(made[i].slot, trial->op.made.slot);
	made[made_count++] = trial->op.made;
}

START_TEST(a_turn_between_the_connections_of_a_turn_is_refused)
{
	struct trial accepting;
	int raw[PEERS];

	listener_open(&stage.listener, &stage.address);
	trial_init(&accepting);
	accepting.then = turn_inside;
	duet_op_accept(&accepting.op, stage.listener, DUET_MULTISHOT);
	trial_start(&accepting);
	stage_settle(3);
	for (unsigned i = 0; i < PEERS; i++)
		raw[i] = raw_connect();
	turn_until(made_count == PEERS);
	trial_cancel(&accepting);
	await(&accepting);
	expect(&accepting, -ECANCELED, DUET_UNTOUCHED, DUET_CAUSE_CANCEL);
	for (unsigned i = 0; i < PEERS; i++)
		close(raw[i]);
}
END_TEST

static struct duet_buffer held[PEERS];
static unsigned held_count;
static unsigned bytes;

static void keep_and_shut_down(struct trial *trial)
{
	const struct duet_buffer *buffer = &trial->op.buffer;

	if (trial->op.transferred) {
		for (unsigned i = 0; i < held_count; i++)
			ck_assert_uint_ne(held[i].index, buffer->index);
		ck_assert_uint_lt(held_count, PEERS);
		bytes += buffer->length_bytes;
		held[held_count++] = *buffer;
	}
	ck_assert_int_eq(duet_loop_shutdown(stage.loop, DUET_NO_DEADLINE), -EBUSY);
}

/* Nothing that came is told twice, or dropped. */
START_TEST(a_shutdown_between_the_arrivals_of_a_turn_hands_each_over_once)
{
	struct trial receives[PEERS];
	struct duet_pool *pool;
	duet_handle handle;
	size_t left = 0;
	int raw[PEERS];

	ck_assert_int_eq(duet_pool_create(stage.loop, 16, 64, &pool), 0);
	for (unsigned i = 0; i < PEERS; i++) {
		raw_unix(SOCK_STREAM, &handle, &raw[i]);
		trial_init(&receives[i]);
		receives[i].then = keep_and_shut_down;
		duet_op_recv_pooled(&receives[i].op, handle, pool, DUET_MULTISHOT);
		trial_start(&receives[i]);
	}
	stage_settle(3);
	for (unsigned i = 0; i < PEERS; i++)
		raw_send(raw[i], "hello", 5);
	turn_until(duet_loop_pending(stage.loop) == 0);
	stage_settle(2);
	for (unsigned i = 0; i < PEERS; i++) {
		bool told = receives[i].items || receives[i].op.transferred;
		int fd = duet_handle_fd(stage.loop, receives[i].op.handle);

		if (receives[i].op.transferred == 0)
			expect(&receives[i], -ECANCELED, DUET_UNTOUCHED, DUET_CAUSE_SHUTDOWN);
		ck_assert_uint_eq(receives[i].ends, 1);
		ck_assert_int_eq(recv(fd, data, sizeof(data), MSG_DONTWAIT), told ? -1 : 5);
		left += told ? 0 : 5;
		close(raw[i]);
	}
	ck_assert_uint_eq(bytes + left, PEERS * 5);
	for (unsigned i = 0; i < held_count; i++)
		ck_assert_int_eq(duet_buffer_return(stage.loop, &held[i]), 0);
	ck_assert_uint_eq(duet_pool_free_count(pool), 16);
}
END_TEST

static struct trial behind;
static size_t arrived;

static void cancel_in_front(struct trial *trial)
{
	trial_cancel(trial->context);
}

static void cancel_behind(struct trial *trial)
{
	if (trial->op.transferred == 0)
		return;
	arrived += trial->op.transferred;
	ck_assert_int_eq(duet_buffer_return(stage.loop, &trial->op.buffer), 0);
	trial_cancel(&behind);
}

/* The arrival that is next in the same turn must not become the end's outcome. */
START_TEST(an_end_between_the_arrivals_of_a_turn_keeps_its_outcome)
{
	struct duet_pool *pool;
	struct trial trial;

	pair_open(pair);
	ck_assert_int_eq(duet_pool_create(stage.loop, 16, 8, &pool), 0);
	trial_init(&trial);
	trial.then = cancel_behind;
	duet_op_recv_pooled(&trial.op, pair[1], pool, DUET_MULTISHOT);
	trial_start(&trial);
	recv_start(&behind, 1, 0);
	behind.then = cancel_in_front;
	behind.context = &trial;
	stage_settle(3);
	stream_send(pair[0], "arrivals of one turn", 20);
	turn_until(behind.ends && trial.ends);
	ck_assert_uint_lt(behind.rank, trial.rank);
	expect(&behind, -ECANCELED, DUET_UNTOUCHED, DUET_CAUSE_CANCEL);
	if (trial.op.transferred == 0)
		expect(&trial, -ECANCELED, DUET_UNTOUCHED, DUET_CAUSE_CANCEL);
	else
		ck_assert_int_eq(trial.op.result, (int)trial.op.transferred);
	ck_assert_uint_eq(arrived + stream_drain(pair[1], data, sizeof(data)), 20);
}
END_TEST

/* ---- Causes. ---- */

/* Of a line some were asked to end before: theirs is the earlier request. */
START_TEST(a_close_leaves_earlier_requests_their_cause)
{
	struct trial receives[3];
	struct trial closing;

	pair_open(pair);
	recv_start(&receives[0], 10, DUET_WHOLE);
	recv_start(&receives[1], 5, 0);
	recv_start(&receives[2], 5, DUET_WHOLE);
	stream_send(pair[0], "hello", 5);
	turn_until(receives[0].op.transferred == 5);
	trial_cancel(&receives[0]);
	trial_cancel(&receives[1]);
	trial_init(&closing);
	duet_op_close(&closing.op, pair[1]);
	trial_run(&closing);
	expect(&receives[0], 5, DUET_PARTIAL, DUET_CAUSE_CANCEL);
	expect(&receives[1], -ECANCELED, DUET_UNTOUCHED, DUET_CAUSE_CANCEL);
	expect(&receives[2], -ECANCELED, DUET_UNTOUCHED, DUET_CAUSE_CLOSE);
}
END_TEST

/* ---- Futures and tasks. ---- */

static void wake_nobody(struct duet_waker *waker)
{
	(void)waker;
}

START_TEST(a_future_has_one_result_so_a_multishot_is_refused)
{
	struct duet_waker waker = { .wake = wake_nobody };
	struct duet_op_future future;
	struct duet_pool *pool;

	pair_open(pair);
	ck_assert_int_eq(duet_pool_create(stage.loop, 2, 64, &pool), 0);
	duet_op_future_init(&future);
	duet_op_accept(&future.op, stage.listener, DUET_MULTISHOT);
	ck_assert_int_eq(future_poll(&future, &waker), DUET_READY);
	ck_assert_int_eq(future.op.result, -EINVAL);
	duet_op_future_reset(&future);
	duet_op_recv_pooled(&future.op, pair[1], pool, DUET_MULTISHOT);
	ck_assert_int_eq(future_poll(&future, &waker), DUET_READY);
	ck_assert_int_eq(future.op.result, -EINVAL);
	ck_assert_uint_eq(duet_loop_pending(stage.loop), 0);
}
END_TEST

static struct trial plain;

static enum duet_readiness start_plainly(struct duet_task *task)
{
	(void)task;
	recv_start(&plain, 5, 0);
	return DUET_READY;
}

static const struct duet_task_model start_plainly_model = {.name = "future", .step = start_plainly};

/* Also the shortest way to start a receive asks for it; what starts outside has none. */
START_TEST(what_a_task_starts_has_its_deadline)
{
	struct duet_scheduler scheduler;
	struct duet_task task;
	struct trial other;

	pair_open(pair);
	duet_scheduler_init(&scheduler, stage.loop, NULL);
	duet_task_init(&task, &start_plainly_model);
	duet_task_spawn(&scheduler, NULL, &task);
	task.deadline_ns = duet_loop_now_ns(stage.loop) + 5000000;
	turn_until(scheduler.live == 0);
	recv_start(&other, 5, 0);
	await(&plain);
	expect(&plain, -ETIMEDOUT, DUET_UNTOUCHED, DUET_CAUSE_DEADLINE);
	stage_settle(2);
	ck_assert_uint_eq(other.ends, 0);
	trial_cancel(&other);
	await(&other);
}
END_TEST

int main(void)
{
	return contract_run("review_turn",
		CASES(a_close_leaves_earlier_requests_their_cause,
			a_future_has_one_result_so_a_multishot_is_refused,
			what_a_task_starts_has_its_deadline,
			an_end_between_the_arrivals_of_a_turn_keeps_its_outcome),
		CASES(a_turn_between_the_connections_of_a_turn_is_refused,
			a_shutdown_between_the_arrivals_of_a_turn_hands_each_over_once));
}
