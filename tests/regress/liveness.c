/* SPDX-FileCopyrightText: The Duet authors */
/* SPDX-License-Identifier: MIT */
#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

#include "tests/support/harness.h"

/* Operations that others left waiting for ever. */

static duet_handle pair[2];
static struct trial trials[2000];
static unsigned char data[65536];

/* lalinsky/zio#623: thousands of deadlines at once, the queue full, their cancels dropped. */
START_TEST(thousands_of_deadlines_at_once_all_reach_their_end)
{
	struct duet_loop_options options;
	uint64_t due;

	duet_loop_options_init(&options);
	stage_reopen(&options, "entries=16");
	pair_open(pair);
	due = duet_loop_now_ns(stage.loop) + 10000000;
	for (unsigned i = 0; i < 2000; i++) {
		trial_init(&trials[i]);
		duet_op_poll(&trials[i].op, pair[1], POLLIN);
		duet_op_deadline(&trials[i].op, due);
		trial_start(&trials[i]);
	}
	for (unsigned i = 0; i < 2000; i++)
		await(&trials[i]);
	for (unsigned i = 0; i < 2000; i++)
		expect(&trials[i], -ETIMEDOUT, DUET_UNTOUCHED, DUET_CAUSE_DEADLINE);
}
END_TEST

/*
 * dreamlike-ocean/PanamaUring#55, ocaml-multicore/eio#51: "already running" is no ending. File
 * work that runs keeps its buffer, ends by itself, and nothing comes after its end.
 */
START_TEST(work_that_is_already_running_ends_once_and_by_itself)
{
	const char *path = file_path("data");
	struct duet_stats before;
	struct duet_stats after;
	duet_handle file = file_open(path, O_RDWR | O_CREAT);

	duet_loop_stats(stage.loop, &before);
	for (unsigned round = 0; round < 40; round++) {
		struct trial syncing;

		for (unsigned i = 0; i < 8; i++)
			file_write(file, data, sizeof(data), i * sizeof(data));
		trial_init(&syncing);
		duet_op_fsync(&syncing.op, file, 0);
		trial_start(&syncing);
		stage_settle(round % 3);
		clock_pass(clock_ns() + round * 3000);
		trial_cancel(&syncing);
		await(&syncing);
		if (syncing.op.result < 0)
			expect(&syncing, -ECANCELED, DUET_UNTOUCHED, DUET_CAUSE_CANCEL);
		stage_settle(2);
	}
	handle_close(file);
	duet_loop_stats(stage.loop, &after);
	ck_assert_uint_eq(after.stale, before.stale);
	ck_assert_uint_eq(after.ended, after.started);
}
END_TEST

/* axboe/liburing#1375 and #984: a multishot lives on after "not found"; only its own end counts. */
START_TEST(a_cancelled_multishot_ends_although_data_keeps_coming)
{
	struct duet_pool *pool;
	int raw;

	ck_assert_int_eq(duet_pool_create(stage.loop, 64, 64, &pool), 0);
	raw_pair(&pair[1], &raw);
	for (unsigned round = 0; round < 20; round++) {
		struct trial *trial = &trials[round];
		unsigned char in[64];

		trial_init(trial);
		duet_op_recv_pooled(&trial->op, pair[1], pool, DUET_MULTISHOT);
		trial_start(trial);
		stage_settle(2);
		trial_cancel(trial);
		await(trial);
		ck_assert_int_eq(trial->op.cause, DUET_CAUSE_CANCEL);
		raw_send(raw, "x", 1);
		stream_recv(pair[1], in, 1);
		ck_assert_uint_eq(trial->ends, 1);
	}
	close(raw);
}
END_TEST

/* commonwarexyz/monorepo#3284, tokio-rs/tokio-uring#158: a shutdown with cancels still queued. */
START_TEST(a_shutdown_ends_with_accepts_armed_and_cancels_queued)
{
	stage_reopen(NULL, "entries=8");
	pair_open(pair);
	for (unsigned i = 0; i < 500; i++) {
		trial_init(&trials[i]);
		if (i % 5 == 0)
			duet_op_accept(&trials[i].op, stage.listener, DUET_MULTISHOT);
		else
			duet_op_poll(&trials[i].op, pair[i & 1], POLLPRI);
		trial_start(&trials[i]);
	}
	stage_settle(3);
	for (unsigned i = 0; i < 500; i += 2)
		trial_cancel(&trials[i]);
	ck_assert_int_eq(
		duet_loop_shutdown(stage.loop, duet_loop_now_ns(stage.loop) + 2000000000u), 0);
	for (unsigned i = 0; i < 500; i++)
		ck_assert_uint_eq(trials[i].ends, 1);
}
END_TEST

/* axboe/liburing#568: the peer of a handle that is closed under a receive sees the end. */
START_TEST(the_peer_sees_the_end_when_a_handle_is_closed_under_its_receive)
{
	struct trial closing;

	pair_open(pair);
	trial_init(&trials[0]);
	duet_op_recv(&trials[0].op, pair[0], data, 5, 0);
	trial_start(&trials[0]);
	trial_init(&trials[1]);
	duet_op_recv(&trials[1].op, pair[1], data + 10, 5, 0);
	trial_start(&trials[1]);
	stage_settle(3);
	trial_init(&closing);
	duet_op_close(&closing.op, pair[0]);
	trial_start(&closing);
	await(&trials[1]);
	expect(&trials[1], 0, DUET_COMPLETED, DUET_CAUSE_ITSELF);
	await(&closing);
	expect(&trials[0], -ECANCELED, DUET_UNTOUCHED, DUET_CAUSE_CLOSE);
}
END_TEST

/* chriskohlhoff/asio#878, chenshuo/muduo#682: a timer that has expired, its callback not yet run. */
static void cancel_next(struct trial *trial)
{
	duet_op_cancel(&((struct trial *)trial->context)->op);
}

START_TEST(a_timer_cancelled_by_its_neighbour_in_the_same_turn_has_one_end)
{
	uint64_t due = duet_loop_now_ns(stage.loop) + 1000000;

	for (unsigned i = 0; i < 2; i++) {
		trial_init(&trials[i]);
		duet_op_timeout(&trials[i].op, due);
		trial_start(&trials[i]);
	}
	trials[0].then = cancel_next;
	trials[0].context = &trials[1];
	turn_until(trials[0].ends && trials[1].ends);
	stage_settle(3);
	expect(&trials[0], 0, DUET_COMPLETED, DUET_CAUSE_ITSELF);
	ck_assert_uint_eq(trials[1].ends, 1);
	ck_assert(trials[1].op.result == 0 || trials[1].op.result == -ECANCELED);
}
END_TEST

int main(void)
{
	return contract_run("liveness",
		CASES(thousands_of_deadlines_at_once_all_reach_their_end,
			a_shutdown_ends_with_accepts_armed_and_cancels_queued,
			the_peer_sees_the_end_when_a_handle_is_closed_under_its_receive,
			a_timer_cancelled_by_its_neighbour_in_the_same_turn_has_one_end),
		CASES(work_that_is_already_running_ends_once_and_by_itself,
			a_cancelled_multishot_ends_although_data_keeps_coming));
}
