/* SPDX-FileCopyrightText: The Duet authors */
/* SPDX-License-Identifier: MIT */
#include "tests/unit/polling_loop.h"

/* Events and bytes that outlive what they were meant for. */

static struct duet_loop *loop;
static duet_handle second;
static struct duet_op ops[2];
static struct duet_op shut;
static char data[2][64];
static unsigned heard;

static void ended(struct duet_op *op)
{
	(void)op;
	heard++;
}

static void recv_start(struct duet_op *op, duet_handle handle, duet_done_fn *done)
{
	duet_op_init(op, done, NULL);
	duet_op_recv(op, handle, data[op - ops], 64, 0);
	ck_assert_int_eq(duet_op_start(loop, op), 0);
}

START_TEST(nothing_is_heard_of_a_closed_handle_whose_duplicate_lives)
{
	int raw, duplicate;
	duet_handle handle;
	uint64_t events;

	loop = polling_loop(NULL, DUET_TRY_PREDICT, 16);
	handle = connection(loop, AF_INET, 0, &raw);
	duplicate = dup(duet_handle_fd(loop, handle));
	recv_start(&ops[0], handle, ended);
	turns(loop, 1);
	duet_op_init(&shut, NULL, NULL);
	duet_op_close(&shut, handle);
	ck_assert_int_eq(duet_op_start(loop, &shut), 0);
	turns(loop, 2);
	ck_assert_int_eq(ops[0].result, -ECANCELED);
	events = stats_of(loop).events;
	say(raw, "late");
	turns(loop, 3);
	ck_assert_uint_eq(stats_of(loop).events, events);
	ck_assert_uint_eq(stats_of(loop).stale, 0);
	ck_assert_int_eq(recv(duplicate, data[0], 64, MSG_DONTWAIT), 4);
	close(duplicate);
	close(raw);
	loop_end(loop);
}
END_TEST

static int successor_fd;
static duet_handle successor;

/* The handle behind the next event of this batch goes, and another takes its place in the table. */
static void replace_second(struct duet_op *op)
{
	int fd;

	ended(op);
	fd = duet_handle_release(loop, second);
	ck_assert_int_ge(fd, 0);
	close(fd);
	ck_assert_int_eq(duet_handle_adopt(loop, successor_fd, DUET_HANDLE_TRY_NEVER, &successor),
		0);
	ck_assert_uint_eq(successor.slot, second.slot);
}

START_TEST(an_event_of_a_handle_that_went_in_the_same_batch_is_dropped)
{
	int raws[2], ends[2];
	duet_handle first;

	loop = polling_loop(NULL, DUET_TRY_PREDICT, 16);
	first = connection(loop, AF_INET, 0, &raws[0]);
	second = connection(loop, AF_INET, 0, &raws[1]);
	tcp_pair(ends);
	successor_fd = ends[0];
	recv_start(&ops[0], first, replace_second);
	recv_start(&ops[1], second, ended);
	turns(loop, 2);
	duet_op_cancel(&ops[1]);
	turns(loop, 1);
	ck_assert_uint_eq(heard, 1);
	say(raws[0], "one");
	say(raws[1], "two");
	turns(loop, 1);
	ck_assert_uint_eq(heard, 2);
	ck_assert_uint_eq(stats_of(loop).stale, 1);
	ck_assert_uint_eq(slot_of(loop, successor)->ready & READY, 0);
	close(raws[0]);
	close(raws[1]);
	close(ends[1]);
	loop_end(loop);
}
END_TEST

static void cancel_other(struct duet_op *op)
{
	ended(op);
	duet_op_cancel(&ops[op == &ops[0]]);
}

/* The hazard of completion, on purpose: the bytes were taken before anybody could hear of them. */
START_TEST(the_eager_arm_hands_over_bytes_that_came_before_the_cancel)
{
	int raws[2];
	duet_handle handles[2];
	uint64_t wasted;

	loop = polling_loop("eager=yes", DUET_TRY_PREDICT, 16);
	for (int i = 0; i < 2; i++) {
		handles[i] = connection(loop, AF_INET, 0, &raws[i]);
		recv_start(&ops[i], handles[i], cancel_other);
	}
	turns(loop, 2);
	wasted = stats_of(loop).wasted;
	say(raws[0], "one");
	say(raws[1], "two");
	turns(loop, 1);
	ck_assert_uint_eq(heard, 2);
	ck_assert_uint_eq(stats_of(loop).wasted, wasted);
	for (int i = 0; i < 2; i++) {
		ck_assert_int_eq(ops[i].result, 3);
		ck_assert_int_eq(ops[i].disposition, DUET_COMPLETED);
		close(raws[i]);
	}
	loop_end(loop);
}
END_TEST

static struct duet_pool *pool;
static unsigned items;
static int last;

static void streamed(struct duet_op *op)
{
	last = op->result;
	if (!op->more)
		return;
	items++;
	ck_assert_int_eq(duet_buffer_return(loop, &op->buffer), 0);
}

static void stop_stream(struct duet_op *op)
{
	ended(op);
	duet_op_cancel(&ops[1]);
}

START_TEST(an_eager_stream_gives_its_piece_before_it_ends)
{
	int raws[2];

	loop = polling_loop("eager=yes", DUET_TRY_PREDICT, 16);
	ck_assert_int_eq(duet_pool_create(loop, 4, 64, &pool), 0);
	recv_start(&ops[0], connection(loop, AF_INET, 0, &raws[0]), stop_stream);
	duet_op_init(&ops[1], streamed, NULL);
	duet_op_recv_pooled(&ops[1], connection(loop, AF_INET, 0, &raws[1]), pool, DUET_MULTISHOT);
	ck_assert_int_eq(duet_op_start(loop, &ops[1]), 0);
	turns(loop, 2);
	say(raws[0], "one");
	say(raws[1], "two");
	turns(loop, 1);
	ck_assert_uint_eq(items, 1);
	ck_assert_int_eq(last, -ECANCELED);
	ck_assert(!duet_op_pending(&ops[1]));
	ck_assert_uint_eq(duet_pool_free_count(pool), 4);
	close(raws[0]);
	close(raws[1]);
	loop_end(loop);
}
END_TEST

int main(void)
{
	return plain_run("polling_stale",
		CASES(nothing_is_heard_of_a_closed_handle_whose_duplicate_lives,
			an_event_of_a_handle_that_went_in_the_same_batch_is_dropped,
			the_eager_arm_hands_over_bytes_that_came_before_the_cancel,
			an_eager_stream_gives_its_piece_before_it_ends));
}
