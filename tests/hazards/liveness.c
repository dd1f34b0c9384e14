/* SPDX-FileCopyrightText: The Duet authors */
/* SPDX-License-Identifier: MIT */
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/support/wire.h"

/* Operations that others left waiting for ever, and programs that they kept running: hazards 29 to 42. */

#define MS UINT64_C(1000000)

static duet_handle pair[2];
static struct wire wire;
static struct trial trials[2000];
static struct duet_member members[4];
static unsigned char data[65536];

static struct duet_stats stats(void)
{
	struct duet_stats now;

	duet_loop_stats(stage.loop, &now);
	return now;
}

static void count_join(struct duet_scope *scope)
{
	++*(unsigned *)scope->context;
}

/* Opens a scope whose joins are counted in *joins. */
static void scope_open(struct duet_scope *scope, struct duet_scope *parent, uint64_t shield_ns,
		       unsigned *joins)
{
	struct duet_scope_options options;

	duet_scope_options_init(&options);
	options.context = joins;
	options.shield = shield_ns > 0;
	if (shield_ns)
		options.deadline_ns = duet_loop_now_ns(stage.loop) + shield_ns;
	*joins = 0;
	ck_assert_int_eq(duet_scope_open(scope, stage.loop, parent, &options), 0);
}

static void recv_in(struct duet_scope *scope, unsigned i, duet_handle handle)
{
	trial_init(&trials[i]);
	memset(&members[i], 0, sizeof(members[i]));
	duet_op_recv(&trials[i].op, handle, data + i, 1, 0);
	ck_assert_int_eq(duet_scope_start(scope, &members[i], &trials[i].op), 0);
}

/* 29. lalinsky/zio#623: thousands of deadlines at once, the queue full, their cancels dropped. */
START_TEST(thousands_of_deadlines_at_once_all_reach_their_end)
{
	uint64_t due;

	stage_reopen(NULL, "entries=16");
	pair_open(pair);
	due = duet_loop_now_ns(stage.loop) + 10 * MS;
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

/* Work that runs keeps its buffer, ends by itself, and nothing comes after its end. */
static void cancel_running_syncs(duet_handle file)
{
	for (unsigned round = 0; round < 30; round++) {
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
}

/*
 * 30. dreamlike-ocean/PanamaUring#55, ocaml-multicore/eio#51: "it is running already" is taken for an
 * ending. A kernel's worker that is asked to stop just before it begins may never hear of it, so it is
 * asked again. Nobody from outside helps, where a worker can be interrupted.
 */
START_TEST(a_cancel_that_comes_while_a_worker_begins_reaches_its_end)
{
	struct duet_stats before = stats();
	duet_handle file = file_open(file_path("data"), O_RDWR | O_CREAT);
	char path[200];

	cancel_running_syncs(file);
	handle_close(file);
	strcpy(path, file_path("fifo"));
	ck_assert_int_eq(mkfifo(path, 0600), 0);
	for (unsigned round = 0; round < 400 && stage.arm->ring; round++) {
		struct trial trial;
		uint64_t until_ns;

		trial_init(&trial);
		duet_op_open(&trial.op, AT_FDCWD, path, O_RDONLY, 0);
		trial_start(&trial);
		duet_loop_prepare(stage.loop);
		for (until_ns = clock_ns() + round % 40 * 500; clock_ns() < until_ns;)
			continue;
		trial_cancel(&trial);
		await(&trial);
		expect(&trial, -ECANCELED, DUET_UNTOUCHED, DUET_CAUSE_CANCEL);
	}
	ck_assert_uint_eq(stats().stale, before.stale);
	ck_assert_uint_eq(stats().ended, stats().started);
}
END_TEST

/* 30. Likewise where such answers are drawn: in memory one in twenty is no ending. */
START_TEST(a_cancel_whose_answer_is_no_ending_is_made_again)
{
	pair_open(pair);
	for (unsigned i = 0; i < 400; i++) {
		trial_init(&trials[i]);
		duet_op_poll(&trials[i].op, pair[i & 1], POLLPRI);
		trial_start(&trials[i]);
	}
	stage_settle(3);
	for (unsigned i = 0; i < 400; i++)
		trial_cancel(&trials[i]);
	for (unsigned i = 0; i < 400; i++)
		await(&trials[i]);
	for (unsigned i = 0; i < 400; i++)
		expect(&trials[i], -ECANCELED, DUET_UNTOUCHED, DUET_CAUSE_CANCEL);
	if (!stage.arm->kernel)
		ck_assert_uint_gt(stats().cancels_again, 0);
}
END_TEST

/*
 * 31. axboe/liburing#1375, axboe/liburing#984: a multishot lives on after the answer "not found". Only
 * its own end counts, also while data keeps coming.
 */
START_TEST(a_cancelled_multishot_ends_although_data_keeps_coming)
{
	struct duet_pool *pool;
	unsigned char in[64];

	ck_assert_int_eq(duet_pool_create(stage.loop, 64, 64, &pool), 0);
	wire_open(&wire);
	for (unsigned round = 0; round < 20; round++) {
		struct trial *trial = &trials[round];

		trial_init(trial);
		duet_op_recv_pooled(&trial->op, wire.near, pool, DUET_MULTISHOT);
		trial_start(trial);
		stage_settle(2);
		trial_cancel(trial);
		await(trial);
		ck_assert_int_eq(trial->op.cause, DUET_CAUSE_CANCEL);
		wire_say(&wire, "x", 1);
		stream_recv(wire.near, in, 1);
		ck_assert_uint_eq(trial->ends, 1);
	}
	wire_cut(&wire);
}
END_TEST

static void count_end(struct duet_op *op)
{
	++*(unsigned *)op->context;
}

/* The same first operation on a loop of its own: it has the same place and the same name there. */
static void start_on(struct duet_loop *loop, struct duet_op *op, unsigned *ends)
{
	*ends = 0;
	duet_op_init(op, count_end, ends);
	duet_op_timeout(op, duet_loop_now_ns(loop) + 3600000 * MS);
	ck_assert_int_eq(duet_op_start(loop, op), 0);
}

/*
 * 32. ClickHouse/silk#59, axboe/liburing#1252: a cancel under the wrong name, or on the wrong ring.
 * Here an operation is its own name, and knows its loop.
 */
START_TEST(a_cancel_goes_to_the_loop_of_its_operation)
{
	struct duet_loop *loops[2];
	struct duet_op ops[2];
	unsigned ends[2];

	for (unsigned i = 0; i < 2; i++) {
		struct duet_loop_options options;

		duet_loop_options_init(&options);
		options.tuning = stage.arm->tuning;
		ck_assert_int_eq(
			duet_loop_create(&loops[i], stage.arm->backend(), &options), 0);
	}
	for (unsigned round = 0; round < 10; round++) {
		unsigned hit = round & 1;

		start_on(loops[0], &ops[0], &ends[0]);
		start_on(loops[1], &ops[1], &ends[1]);
		for (unsigned i = 0; i < 2 + round % 3; i++)
			duet_loop_turn(loops[i & 1], 0);
		duet_op_cancel(&ops[hit]);
		for (unsigned i = 0; i < 8; i++)
			duet_loop_turn(loops[i & 1], 0);
		ck_assert_uint_eq(ends[hit], 1);
		ck_assert_int_eq(ops[hit].result, -ECANCELED);
		ck_assert_uint_eq(ends[!hit], 0);
		duet_op_cancel(&ops[!hit]);
		ck_assert_int_eq(duet_loop_run(loops[!hit]), 0);
		ck_assert_uint_eq(ends[!hit], 1);
	}
	ck_assert_int_eq(duet_loop_destroy(loops[0]), 0);
	ck_assert_int_eq(duet_loop_destroy(loops[1]), 0);
}
END_TEST

/*
 * 33. commonwarexyz/monorepo#3284, tokio-rs/tokio-uring#158, ocaml-multicore/eio#469: what drains at a
 * shutdown forgets cancels that were not handed over yet.
 */
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
		duet_loop_shutdown(stage.loop, duet_loop_now_ns(stage.loop) + 2000 * MS), 0);
	for (unsigned i = 0; i < 500; i++)
		ck_assert_uint_eq(trials[i].ends, 1);
}
END_TEST

/* 34. axboe/liburing#568: the peer of a handle that is closed under a receive sees no end. */
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

struct wish {
	struct duet_message message;
	struct duet_loop *loop;
	struct trial trial;
};

static void fulfil(struct duet_message *message)
{
	struct wish *wish = (struct wish *)(void *)message;

	trial_init(&wish->trial);
	duet_op_recv(&wish->trial.op, wire.near, data, 4, DUET_WHOLE);
	trial_start(&wish->trial);
}

static void *wish_and_end(void *argument)
{
	struct wish *wish = argument;

	duet_loop_post(wish->loop, &wish->message);
	return NULL;
}

/*
 * 35. axboe/liburing#1595, neondatabase/neon#11446: what a thread has handed over is cancelled when the
 * thread ends. Here only the loop's own thread hands over: others ask it to, and may end.
 */
START_TEST(what_a_thread_asked_for_outlives_the_thread)
{
	wire_open(&wire);
	for (unsigned round = 0; round < 10; round++) {
		struct wish wish = { .message.fn = fulfil, .loop = stage.loop };
		pthread_t thread;

		ck_assert_int_eq(pthread_create(&thread, NULL, wish_and_end, &wish), 0);
		if (round & 1)
			ck_assert_int_eq(pthread_join(thread, NULL), 0);
		turn_until(wish.trial.op.done && duet_op_pending(&wish.trial.op));
		if (!(round & 1))
			ck_assert_int_eq(pthread_join(thread, NULL), 0);
		stage_settle(3);
		ck_assert_uint_eq(wish.trial.ends, 0);
		wire_say(&wire, "data", 4);
		await(&wish.trial);
		expect(&wish.trial, 4, DUET_COMPLETED, DUET_CAUSE_ITSELF);
	}
	wire_cut(&wire);
}
END_TEST

/*
 * 36. agronholm/anyio#695, agronholm/anyio#1138: a request that stays, and a shield that keeps it out,
 * make the loop run in circles until the shield ends.
 */
START_TEST(a_request_that_meets_a_shield_costs_no_turns)
{
	struct duet_scope outer, inner;
	struct duet_stats before;
	unsigned outer_joins, inner_joins;

	wire_open(&wire);
	scope_open(&outer, NULL, 0, &outer_joins);
	scope_open(&inner, &outer, 60 * MS, &inner_joins);
	recv_in(&inner, 0, wire.near);
	ck_assert_int_eq(duet_scope_join(&inner, count_join), 0);
	ck_assert_int_eq(duet_scope_join(&outer, count_join), 0);
	stage_settle(2);
	before = stats();
	for (unsigned i = 0; i < 5; i++)
		duet_scope_cancel(&outer);
	turn_until(outer_joins);
	ck_assert_uint_eq(inner_joins, 1);
	expect(&trials[0], -ETIMEDOUT, DUET_UNTOUCHED, DUET_CAUSE_DEADLINE);
	/* A turn here waits for 20 ms at the most: 3 for the shield's time, and a few for its end. */
	ck_assert_uint_le(stats().turns - before.turns, 10);
	ck_assert_uint_le(stats().waits - before.waits, 10);
	/* The one that its own deadline brought, and its repetitions in memory. */
	ck_assert_uint_ge(stats().cancels - before.cancels, 1);
	ck_assert_uint_le(stats().cancels - before.cancels, 4);
	wire_cut(&wire);
}
END_TEST

/*
 * 37. python-trio/trio#1175, agronholm/anyio#642, agronholm/anyio#371: a scope that was not cancelled
 * swallows the request of its parent; a shield shields its sibling, too. `make explore` goes through
 * every tree of scopes up to its depth; this is the one of the reports.
 */
START_TEST(a_shield_shields_what_is_in_it_and_nothing_else)
{
	struct duet_scope root, shield, sibling, inside;
	unsigned joins[4];

	wire_open(&wire);
	for (unsigned order = 0; order < 2; order++) {
		scope_open(&root, NULL, 0, &joins[0]);
		if (order)
			scope_open(&sibling, &root, 0, &joins[2]);
		scope_open(&shield, &root, 500 * MS, &joins[1]);
		scope_open(&inside, &shield, 0, &joins[3]);
		if (!order)
			scope_open(&sibling, &root, 0, &joins[2]);
		recv_in(&inside, 0, wire.near);
		recv_in(&sibling, 1, wire.near);
		ck_assert_int_eq(duet_scope_join(&inside, count_join), 0);
		ck_assert_int_eq(duet_scope_join(&shield, count_join), 0);
		ck_assert_int_eq(duet_scope_join(&sibling, count_join), 0);
		ck_assert_int_eq(duet_scope_join(&root, count_join), 0);
		duet_scope_cancel(&root);
		ck_assert_int_eq(duet_scope_check(&inside), 0);
		ck_assert_int_eq(duet_scope_check(&sibling), -ECANCELED);
		turn_until(joins[2]);
		/* The sibling wasn't asked by itself, and yet it was stopped. */
		ck_assert_int_eq(sibling.result, -ECANCELED);
		expect(&trials[1], -ECANCELED, DUET_UNTOUCHED, DUET_CAUSE_SCOPE);
		stage_settle(3);
		ck_assert_uint_eq(trials[0].ends + joins[0] + joins[1] + joins[3], 0);
		wire_say(&wire, "x", 1);
		turn_until(joins[0]);
		expect(&trials[0], 1, DUET_COMPLETED, DUET_CAUSE_ITSELF);
		ck_assert_int_eq(inside.result + shield.result, 0);
		ck_assert_int_eq(root.result, -ECANCELED);
	}
	wire_cut(&wire);
}
END_TEST

/* ---- Callbacks, and what they wait for. ---- */

struct visit {
	struct duet_message message;
	struct duet_scope_request request;
	struct duet_loop *loop;
	struct duet_scope *scope; /* to be cancelled, or NULL */
	unsigned calls;
};

static void count_visit(struct duet_message *message)
{
	((struct visit *)(void *)message)->calls++;
}

static void *visit_the_loop(void *argument)
{
	struct visit *visit = argument;

	duet_loop_wake(visit->loop);
	duet_loop_post(visit->loop, &visit->message);
	if (visit->scope)
		duet_scope_post_cancel(visit->scope, &visit->request);
	return NULL;
}

/* In a callback: another thread does all that it may, and is waited for. Under a lock that would be the
 * end. */
static void visited(struct visit *visit)
{
	pthread_t thread;

	visit->message.fn = count_visit;
	visit->loop = stage.loop;
	ck_assert_int_eq(pthread_create(&thread, NULL, visit_the_loop, visit), 0);
	ck_assert_int_eq(pthread_join(thread, NULL), 0);
}

static struct visit visits[4];

static void visit_in_done(struct trial *trial)
{
	visited(&visits[0]);
	/* And the other way: what is asked of the loop itself. */
	if (trial->context)
		duet_op_cancel(&((struct trial *)trial->context)->op);
}

static void visit_in_ask(struct duet_member *member, enum duet_cause cause)
{
	(void)cause;
	visited(&visits[1]);
	duet_member_leave(member, -ECANCELED);
}

static void visit_in_message(struct duet_message *message)
{
	(void)message;
	visited(&visits[2]);
}

static void visit_in_joined(struct duet_scope *scope)
{
	visited(&visits[3]);
	count_join(scope);
}

/*
 * 39. facebookexperimental/libunifex#670, apple/swift-nio#2558: a callback is called, or taken off its
 * list, under a lock that it needs itself. No callback of the loop's is called under one.
 */
START_TEST(no_callback_is_called_under_a_lock)
{
	struct duet_message message = { visit_in_message, NULL };
	duet_handle file = file_open(file_path("data"), O_RDWR | O_CREAT);
	struct duet_scope scope;
	unsigned joins;

	wire_open(&wire);
	file_write(file, data, 4096, 0);
	scope_open(&scope, NULL, 0, &joins);
	recv_in(&scope, 0, wire.near);
	/* What comes from a worker, where there are workers. */
	trial_init(&trials[1]);
	trials[1].then = visit_in_done;
	duet_op_fsync(&trials[1].op, file, 0);
	visits[0].scope = &scope;
	memset(&members[1], 0, sizeof(members[1]));
	memset(&members[2], 0, sizeof(members[2]));
	ck_assert_int_eq(duet_scope_start(&scope, &members[1], &trials[1].op), 0);
	ck_assert_int_eq(duet_scope_enter(&scope, &members[2], visit_in_ask), 0);
	duet_loop_post(stage.loop, &message);
	ck_assert_int_eq(duet_scope_join(&scope, visit_in_joined), 0);
	turn_until(joins && visits[3].calls);
	for (unsigned i = 0; i < 4; i++)
		ck_assert_uint_eq(visits[i].calls, 1);
	expect(&trials[0], -ECANCELED, DUET_UNTOUCHED, DUET_CAUSE_SCOPE);
	handle_close(file);
	wire_cut(&wire);
}
END_TEST

struct bell {
	struct duet_waker waker;
	unsigned rings;
};

static void ring(struct duet_waker *waker)
{
	((struct bell *)(void *)waker)->rings++;
}

/*
 * 40. Oxide RFD 609, oxidecomputer/omicron#9259: what was started and is no longer asked keeps what its
 * owner waits for (a futurelock). An operation goes on, and leaves its line, whether or not anybody asks.
 */
START_TEST(what_is_not_asked_any_more_keeps_nobody_waiting)
{
	struct duet_op_future forgotten, wanted;
	struct bell deaf = { .waker.wake = ring };
	struct bell bell = { .waker.wake = ring };

	wire_open(&wire);
	for (unsigned round = 0; round < 6; round++) {
		bell.rings = 0;
		duet_op_future_init(&forgotten);
		duet_op_recv(&forgotten.op, wire.near, data, 3, DUET_WHOLE);
		ck_assert_int_eq(
			future_poll(&forgotten, &deaf.waker), DUET_PENDING);
		duet_op_future_init(&wanted);
		duet_op_recv(&wanted.op, wire.near, data + 10, 3, DUET_WHOLE);
		ck_assert_int_eq(
			future_poll(&wanted, &bell.waker), DUET_PENDING);
		stage_settle(round % 3);
		/* Given up rather than served, it leaves as well. */
		if (round & 1) {
			duet_op_cancel(&forgotten.op);
			turn_until(!duet_op_pending(&forgotten.op));
		}
		wire_say(&wire, round & 1 ? "def" : "abcdef", round & 1 ? 3 : 6);
		turn_until(bell.rings);
		ck_assert_int_eq(
			future_poll(&wanted, &bell.waker), DUET_READY);
		ck_assert_int_eq(wanted.op.result, 3);
		ck_assert_mem_eq(data + 10, "def", 3);
		ck_assert_int_eq(
			future_poll(&forgotten, &deaf.waker), DUET_READY);
	}
	wire_cut(&wire);
}
END_TEST

static void cancel_next(struct trial *trial)
{
	duet_op_cancel(&((struct trial *)trial->context)->op);
}

/*
 * 41. chriskohlhoff/asio#878, chenshuo/muduo#682, Metaswitch/sprout#2008: a timer has expired, its
 * callback is not yet run, and it is cancelled. It ends once, with its result or with the cancel.
 */
START_TEST(a_timer_cancelled_by_its_neighbour_in_the_same_turn_has_one_end)
{
	uint64_t due = duet_loop_now_ns(stage.loop) + MS;

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

/*
 * 42. libuv/libuv#5227, libuv/libuv#5229: a cancel that answers says 0 of what it didn't stop. Here it
 * answers nothing, and what the operation says of itself is so: a file is there, or it is not.
 */
START_TEST(what_says_that_it_was_not_done_was_not_done)
{
	/* A world in memory has few files, and no way to remove one. */
	unsigned rounds = stage.arm->kernel ? 60 : 6;
	char path[200];

	for (unsigned round = 0; round < rounds; round++) {
		struct trial making;
		struct trial looking;

		snprintf(path, sizeof(path), "%s%u", file_path("made"), round);
		trial_init(&making);
		duet_op_open(&making.op, AT_FDCWD, path, O_CREAT | O_EXCL | O_RDWR, 0600);
		trial_start(&making);
		stage_settle(round % 2);
		trial_cancel(&making);
		await(&making);
		trial_init(&looking);
		duet_op_open(&looking.op, AT_FDCWD, path, O_RDONLY, 0);
		trial_run(&looking);
		if (making.op.result == 0) {
			expect(&making, 0, DUET_COMPLETED, DUET_CAUSE_ITSELF);
			expect(&looking, 0, DUET_COMPLETED, DUET_CAUSE_ITSELF);
			handle_close(making.op.made);
			handle_close(looking.op.made);
		} else {
			expect(&making, -ECANCELED, DUET_UNTOUCHED, DUET_CAUSE_CANCEL);
			expect(&looking, -ENOENT, DUET_FAILED, DUET_CAUSE_ITSELF);
		}
	}
}
END_TEST

int main(void)
{
	return hazards_run("liveness",
		CASES(thousands_of_deadlines_at_once_all_reach_their_end,
			a_cancel_whose_answer_is_no_ending_is_made_again,
			a_cancelled_multishot_ends_although_data_keeps_coming,
			a_cancel_goes_to_the_loop_of_its_operation,
			a_shutdown_ends_with_accepts_armed_and_cancels_queued,
			the_peer_sees_the_end_when_a_handle_is_closed_under_its_receive,
			what_a_thread_asked_for_outlives_the_thread,
			a_request_that_meets_a_shield_costs_no_turns,
			a_shield_shields_what_is_in_it_and_nothing_else,
			no_callback_is_called_under_a_lock,
			what_is_not_asked_any_more_keeps_nobody_waiting,
			a_timer_cancelled_by_its_neighbour_in_the_same_turn_has_one_end,
			what_says_that_it_was_not_done_was_not_done),
		CASES(a_cancel_that_comes_while_a_worker_begins_reaches_its_end), NULL);
}
