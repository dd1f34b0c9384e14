/* SPDX-FileCopyrightText: The Duet authors */
/* SPDX-License-Identifier: MIT */
#include <poll.h>
#include <unistd.h>

#include "tests/support/harness.h"

/* R11: deadlines are absolute, the earliest wins, and a result in the same turn is kept. */

#define MS 1000000u

static duet_handle pair[2];
static unsigned char data[64];

static uint64_t soon(void)
{
	return duet_loop_now_ns(stage.loop) + (uint64_t)2 * MS * patience_factor();
}

/* Starts it and hands it over well before its deadline; once more if this machine was too busy. */
static void start_in_time(struct trial *trial)
{
	struct duet_op op = trial->op;

	for (;;) {
		trial_init(trial);
		op.done = trial->op.done;
		op.context = trial;
		trial->op = op;
		duet_op_deadline(&trial->op,
			duet_loop_now_ns(stage.loop) + (uint64_t)8 * MS * patience_factor());
		trial_start(trial);
		stage_settle(1);
		if (duet_loop_now_ns(stage.loop) < trial->op.deadline_ns)
			return;
		await(trial);
	}
}

static void expect_expired(struct trial *trial)
{
	uint64_t due = trial->op.deadline_ns;

	trial_run(trial);
	ck_assert_uint_ge(duet_loop_now_ns(stage.loop), due);
	expect(trial, -ETIMEDOUT, DUET_UNTOUCHED, DUET_CAUSE_DEADLINE);
}

START_TEST(a_deadline_ends_each_kind_that_waits)
{
	struct trial trial;

	pair_open(pair);
	trial_init(&trial);
	duet_op_recv(&trial.op, pair[1], data, 5, 0);
	duet_op_deadline(&trial.op, soon());
	expect_expired(&trial);
	duet_op_recv(&trial.op, pair[1], data, 5, DUET_WHOLE);
	duet_op_deadline(&trial.op, soon());
	expect_expired(&trial);
	duet_op_accept(&trial.op, stage.listener, 0);
	duet_op_deadline(&trial.op, soon());
	expect_expired(&trial);
	duet_op_accept(&trial.op, stage.listener, DUET_MULTISHOT);
	duet_op_deadline(&trial.op, soon());
	expect_expired(&trial);
	duet_op_poll(&trial.op, pair[1], POLLIN);
	duet_op_deadline(&trial.op, soon());
	expect_expired(&trial);
}
END_TEST

START_TEST(a_deadline_of_a_stuck_send_counts_what_went_out)
{
	unsigned char *big = malloc(STUCK_BYTES);
	struct trial trial;

	memset(big, 1, STUCK_BYTES);
	pair_open(pair);
	if (stage.arm->kernel)
		raw_shrink(duet_handle_fd(stage.loop, pair[0]));
	trial_init(&trial);
	duet_op_send(&trial.op, pair[0], big, STUCK_BYTES, DUET_WHOLE);
	duet_op_deadline(&trial.op, duet_loop_now_ns(stage.loop) + 20 * MS);
	trial_run(&trial);
	ck_assert_int_gt(trial.op.result, 0);
	expect(&trial, trial.op.result, DUET_PARTIAL, DUET_CAUSE_DEADLINE);
	free(big);
}
END_TEST

START_TEST(a_deadline_of_a_pooled_receive_takes_no_buffer)
{
	struct duet_pool *pool;
	struct trial trial;

	ck_assert_int_eq(duet_pool_create(stage.loop, 2, 64, &pool), 0);
	pair_open(pair);
	trial_init(&trial);
	duet_op_recv_pooled(&trial.op, pair[1], pool, DUET_MULTISHOT);
	duet_op_deadline(&trial.op, soon());
	expect_expired(&trial);
	ck_assert_uint_eq(duet_pool_free_count(pool), 2);
}
END_TEST

START_TEST(a_deadline_that_has_passed_ends_what_would_wait)
{
	struct trial trial;

	pair_open(pair);
	trial_init(&trial);
	duet_op_recv(&trial.op, pair[1], data, 5, 0);
	duet_op_deadline(&trial.op, 1);
	trial_run(&trial);
	expect(&trial, -ETIMEDOUT, DUET_UNTOUCHED, DUET_CAUSE_DEADLINE);
}
END_TEST

START_TEST(the_part_that_came_before_a_deadline_is_handed_over)
{
	struct trial trial;

	pair_open(pair);
	trial_init(&trial);
	duet_op_recv(&trial.op, pair[1], data, 10, DUET_WHOLE);
	duet_op_deadline(&trial.op, duet_loop_now_ns(stage.loop) + 50 * MS);
	trial_start(&trial);
	stream_send(pair[0], "hello", 5);
	await(&trial);
	expect(&trial, 5, DUET_PARTIAL, DUET_CAUSE_DEADLINE);
	ck_assert_mem_eq(data, "hello", 5);
}
END_TEST

START_TEST(a_result_before_its_deadline_disarms_it)
{
	struct trial trial;

	pair_open(pair);
	trial_init(&trial);
	duet_op_recv(&trial.op, pair[1], data, 5, DUET_WHOLE);
	duet_op_deadline(&trial.op, duet_loop_now_ns(stage.loop) + 3600000ull * MS);
	trial_start(&trial);
	stream_send(pair[0], "hello", 5);
	await(&trial);
	expect(&trial, 5, DUET_COMPLETED, DUET_CAUSE_ITSELF);
	ck_assert_int_lt(duet_loop_prepare(stage.loop), 1);
}
END_TEST

START_TEST(saying_what_it_is_to_do_clears_the_deadline)
{
	struct trial trial;

	trial_init(&trial);
	duet_op_nop(&trial.op);
	duet_op_deadline(&trial.op, 1);
	duet_op_timeout(&trial.op, soon());
	trial_run(&trial);
	expect(&trial, 0, DUET_COMPLETED, DUET_CAUSE_ITSELF);
}
END_TEST

static void not_before_its_deadline(struct trial *trial)
{
	ck_assert_uint_ge(duet_loop_now_ns(stage.loop), trial->op.deadline_ns);
}

/* In which order they end is the backend's: a deadline only asks. */
START_TEST(no_deadline_ends_its_operation_early)
{
	struct trial trials[16];
	uint64_t now = duet_loop_now_ns(stage.loop);

	pair_open(pair);
	for (unsigned i = 0; i < 16; i++) {
		trial_init(&trials[i]);
		trials[i].then = not_before_its_deadline;
		duet_op_poll(&trials[i].op, pair[1], POLLIN);
		duet_op_deadline(&trials[i].op, now + 20 * MS + (15 - i) / 4 * MS);
		trial_start(&trials[i]);
	}
	for (unsigned i = 0; i < 16; i++)
		await(&trials[i]);
	for (unsigned i = 0; i < 16; i++)
		expect(&trials[i], -ETIMEDOUT, DUET_UNTOUCHED, DUET_CAUSE_DEADLINE);
}
END_TEST

START_TEST(a_cancel_before_the_deadline_is_the_cause)
{
	struct trial trial;

	pair_open(pair);
	trial_init(&trial);
	duet_op_recv(&trial.op, pair[1], data, 5, 0);
	start_in_time(&trial);
	trial_cancel(&trial);
	if (stage.arm->kernel)
		clock_pass(trial.op.deadline_ns + MS);
	await(&trial);
	expect(&trial, -ECANCELED, DUET_UNTOUCHED, DUET_CAUSE_CANCEL);
}
END_TEST

START_TEST(a_follower_in_line_has_a_deadline_of_its_own)
{
	struct trial first;
	struct trial second;

	pair_open(pair);
	trial_init(&first);
	duet_op_recv(&first.op, pair[1], data, 5, 0);
	trial_start(&first);
	trial_init(&second);
	duet_op_recv(&second.op, pair[1], second.own, 5, 0);
	duet_op_deadline(&second.op, soon());
	expect_expired(&second);
	ck_assert_uint_eq(first.ends, 0);
	trial_cancel(&first);
	await(&first);
}
END_TEST

/* ---- The task's deadline. ---- */

struct worker {
	struct duet_task task;
	struct duet_op_future first;
	struct duet_op_future second;
	unsigned step;
};

static enum duet_readiness work(struct duet_task *task)
{
	struct worker *worker = (struct worker *)task;

	if (worker->step == 0) {
		if (future_poll(&worker->first, &task->waker) == DUET_PENDING)
			return DUET_PENDING;
		worker->step = 1;
	}
	return future_poll(&worker->second, &task->waker);
}

static const struct duet_task_model work_model = {.name = "future", .step = work};

START_TEST(operations_inherit_the_deadline_of_their_task_and_the_earliest_wins)
{
	struct duet_scheduler scheduler;
	struct worker worker = { .step = 0 };
	uint64_t now = duet_loop_now_ns(stage.loop);

	pair_open(pair);
	duet_scheduler_init(&scheduler, stage.loop, NULL);
	duet_op_future_init(&worker.first);
	duet_op_recv(&worker.first.op, pair[1], data, 5, 0);
	duet_op_deadline(&worker.first.op, now + 10 * MS);
	duet_op_future_init(&worker.second);
	duet_op_recv(&worker.second.op, pair[1], data, 5, 0);
	duet_op_deadline(&worker.second.op, now + 3600000ull * MS);
	duet_task_init(&worker.task, &work_model);
	duet_task_spawn(&scheduler, NULL, &worker.task);
	worker.task.deadline_ns = now + 20 * MS;
	turn_until(scheduler.live == 0);
	ck_assert_int_eq(worker.first.op.result, -ETIMEDOUT);
	ck_assert_uint_eq(worker.first.op.deadline_ns, now + 10 * MS);
	ck_assert_int_eq(worker.second.op.result, -ETIMEDOUT);
	ck_assert_int_eq(worker.second.op.cause, DUET_CAUSE_DEADLINE);
	ck_assert_uint_lt(duet_loop_now_ns(stage.loop), now + 3600000ull * MS);
}
END_TEST

/* ---- Real time. ---- */

START_TEST(a_result_in_the_same_turn_as_its_deadline_is_kept)
{
	int raw;

	raw_pair(&pair[1], &raw);
	for (unsigned round = 0; round < 5; round++) {
		struct trial trial;

		trial_init(&trial);
		duet_op_recv(&trial.op, pair[1], data, 5, 0);
		start_in_time(&trial);
		ck_assert_uint_eq(trial.ends, 0);
		raw_send(raw, "hello", 5);
		clock_pass(trial.op.deadline_ns);
		await(&trial);
		expect(&trial, 5, DUET_COMPLETED, DUET_CAUSE_ITSELF);
	}
	close(raw);
}
END_TEST

START_TEST(a_connection_in_the_same_turn_as_the_deadline_of_its_accept_is_kept)
{
	struct trial trial;
	int raw;

	listener_open(&stage.listener, &stage.address);
	trial_init(&trial);
	duet_op_accept(&trial.op, stage.listener, 0);
	start_in_time(&trial);
	raw = raw_connect();
	clock_pass(trial.op.deadline_ns);
	await(&trial);
	expect(&trial, 0, DUET_COMPLETED, DUET_CAUSE_ITSELF);
	close(raw);
}
END_TEST

/* A callback that sends to a receive, in time, and comes back when its deadline has passed. */
struct visitor {
	struct duet_message message;
	struct trial trial;
	uint64_t deadline_ns;
	int raw;
	bool in_time;
};

static void linger(struct visitor *visitor)
{
	raw_send(visitor->raw, "hello", 5);
	visitor->in_time = clock_ns() < visitor->deadline_ns;
	clock_pass(visitor->deadline_ns + MS);
}

static void linger_in_message(struct duet_message *message)
{
	linger((struct visitor *)message);
}

static void linger_in_end(struct trial *trial)
{
	linger(trial->context);
}

static const char *const ways[] = { "nop", "send", "timeout", "message", "deferred" };

static void visit(struct visitor *visitor, unsigned way)
{
	struct trial *trial = &visitor->trial;

	trial_init(trial);
	trial->then = linger_in_end;
	trial->context = visitor;
	visitor->message.fn = linger_in_message;
	if (way == 0)
		duet_op_nop(&trial->op);
	else if (way == 1)
		duet_op_send(&trial->op, pair[1], "x", 1, 0);
	else if (way == 2)
		duet_op_timeout(&trial->op, 1);
	else if (way == 3)
		duet_loop_post(stage.loop, &visitor->message);
	else
		duet_loop_defer(stage.loop, &visitor->message);
	if (way < 3)
		trial_start(trial);
}

START_TEST(bytes_that_are_there_beat_a_deadline_that_passes_in_a_callback)
{
	for (unsigned round = 0; round < 15; round++) {
		struct visitor visitor = { .in_time = false };
		unsigned way = round % 5;
		struct trial trial;

		raw_pair(&pair[1], &visitor.raw);
		trial_init(&trial);
		duet_op_recv(&trial.op, pair[1], data, 5, 0);
		start_in_time(&trial);
		visitor.deadline_ns = trial.op.deadline_ns;
		visit(&visitor, way);
		await(&trial);
		turn_until(way > 2 || visitor.trial.ends);
		ck_assert_msg(!visitor.in_time ||
				      trial_is(&trial, 5, DUET_COMPLETED, DUET_CAUSE_ITSELF),
			"on %s, round %u, %s: %s", stage.arm->name, round, ways[way],
			trial_text(&trial));
		stage_settle(2);
		close(visitor.raw);
	}
}
END_TEST

int main(void)
{
	return contract_run("deadline",
		CASES(a_deadline_ends_each_kind_that_waits,
			a_deadline_of_a_stuck_send_counts_what_went_out,
			a_deadline_of_a_pooled_receive_takes_no_buffer,
			a_deadline_that_has_passed_ends_what_would_wait,
			the_part_that_came_before_a_deadline_is_handed_over,
			a_result_before_its_deadline_disarms_it,
			saying_what_it_is_to_do_clears_the_deadline,
			no_deadline_ends_its_operation_early,
			a_cancel_before_the_deadline_is_the_cause,
			a_follower_in_line_has_a_deadline_of_its_own,
			operations_inherit_the_deadline_of_their_task_and_the_earliest_wins),
		CASES(a_result_in_the_same_turn_as_its_deadline_is_kept,
			a_connection_in_the_same_turn_as_the_deadline_of_its_accept_is_kept,
			bytes_that_are_there_beat_a_deadline_that_passes_in_a_callback));
}
