/* SPDX-FileCopyrightText: The Duet authors */
/* SPDX-License-Identifier: MIT */
#include <duet/future.h>
#include <duet/scheduler.h>

#include "tests/support/harness.h"

/* R12 at awkward moments: at the end of a cleanup, in an interim completion, in a task's poll. */

#define MS UINT64_C(1000000)

static duet_handle pair[2];
static unsigned char data[64];
static struct duet_scope scope;
static struct duet_member member;
static struct trial trial;
static unsigned joins, ran;

/* The memory is the caller's: whatever the loop still did with it would be seen. */
static void joined(struct duet_scope *ended)
{
	joins++;
	memset(ended, 0, sizeof(*ended));
}

static void joined_plainly(struct duet_scope *ended)
{
	(void)ended;
	joins++;
}

static void scope_open(uint64_t deadline_ns, unsigned shield, uint64_t budget_ns)
{
	struct duet_scope_options options;

	joins = ran = 0;
	duet_scope_options_init(&options);
	options.deadline_ns = deadline_ns;
	options.shield = shield;
	options.cleanup_budget_ns = budget_ns;
	ck_assert_int_eq(duet_scope_open(&scope, stage.loop, NULL, &options), 0);
}

static void run_nothing(struct duet_scope *cleaned, struct duet_cleanup *cleanup)
{
	(void)cleaned;
	(void)cleanup;
	ran++;
}

/* A receive that nobody sends to. */
static void run_stuck(struct duet_scope *cleaned, struct duet_cleanup *cleanup)
{
	(void)cleanup;
	ran++;
	trial_init(&trial);
	duet_op_recv(&trial.op, pair[1], data, sizeof(data), 0);
	ck_assert_int_eq(duet_scope_start(cleaned, &member, &trial.op), 0);
}

START_TEST(a_step_that_is_registered_at_the_end_of_the_cleanup_has_the_same_budget)
{
	struct duet_cleanup first = { .run = run_nothing }, late = { .run = run_stuck };

	pair_open(pair);
	scope_open(DUET_NO_DEADLINE, 0, 5 * MS);
	ck_assert_int_eq(duet_scope_defer(&scope, &first), 0);
	ck_assert_int_eq(duet_scope_join(&scope, joined_plainly), 0);
	turn_until(ran);
	ck_assert_uint_eq(joins, 0);
	ck_assert_int_eq(duet_scope_defer(&scope, &late), 0);
	turn_until(joins);
	ck_assert_uint_eq(ran, 2);
	expect(&trial, -ETIMEDOUT, DUET_UNTOUCHED, DUET_CAUSE_DEADLINE);
	ck_assert_uint_eq(scope.overran, 1);
}
END_TEST

static struct duet_member closing_member;
static struct duet_op closing;

static void run_close(struct duet_scope *cleaned, struct duet_cleanup *cleanup)
{
	(void)cleanup;
	ran++;
	duet_op_init(&closing, NULL, NULL);
	duet_op_close(&closing, pair[0]);
	duet_op_inline(&closing);
	ck_assert_int_ge(duet_scope_start(cleaned, &closing_member, &closing), 0);
}

START_TEST(after_joined_the_loop_has_no_part_of_the_scope_also_when_its_last_step_ends_at_once)
{
	struct duet_cleanup close = { .run = run_close }, stuck = { .run = run_stuck };
	static const struct duet_scope zero;

	pair_open(pair);
	scope_open(DUET_NO_DEADLINE, 0, 3 * MS);
	ck_assert_int_eq(duet_scope_defer(&scope, &close), 0);
	ck_assert_int_eq(duet_scope_defer(&scope, &stuck), 0);
	ck_assert_int_eq(duet_scope_join(&scope, joined), 0);
	turn_until(joins);
	stage_settle(3);
	ck_assert_uint_eq(ran, 2);
	ck_assert_uint_eq(joins, 1);
	ck_assert_mem_eq(&scope, &zero, sizeof(scope));
	ck_assert_int_eq(closing.result, 0);
}
END_TEST

static void shut_down(struct trial *told)
{
	if (!told->op.more)
		return;
	told->then = NULL;
	ck_assert_int_eq(duet_loop_shutdown(stage.loop, 0), -EBUSY);
}

START_TEST(a_shield_holds_also_while_an_interim_completion_is_heard)
{
	struct duet_pool *pool;
	struct duet_buffer buffer;

	pair_open(pair);
	ck_assert_int_eq(duet_pool_create(stage.loop, 4, 16, &pool), 0);
	scope_open(duet_loop_now_ns(stage.loop) + 30 * MS * patience_factor(), 1, MS);
	trial_init(&trial);
	trial.then = shut_down;
	duet_op_recv_pooled(&trial.op, pair[1], pool, DUET_MULTISHOT);
	ck_assert_int_eq(duet_scope_start(&scope, &member, &trial.op), 0);
	ck_assert_int_eq(duet_scope_join(&scope, joined_plainly), 0);
	stream_send(pair[0], "x", 1);
	turn_until(trial.items);
	buffer = trial.op.buffer;
	turn_until(joins);
	expect(&trial, -ETIMEDOUT, DUET_UNTOUCHED, DUET_CAUSE_DEADLINE);
	ck_assert_uint_eq(scope.cause, DUET_CAUSE_DEADLINE);
	ck_assert_int_eq(duet_buffer_return(stage.loop, &buffer), 0);
}
END_TEST

START_TEST(a_starved_receive_without_a_callback_goes_on)
{
	struct duet_pool *pool;
	struct duet_op op;
	struct trial hog;

	pair_open(pair);
	ck_assert_int_eq(duet_pool_create(stage.loop, 1, 16, &pool), 0);
	stream_send(pair[0], "a", 1);
	trial_init(&hog);
	duet_op_recv_pooled(&hog.op, pair[1], pool, 0);
	ck_assert_int_eq(trial_run(&hog), 1);
	scope_open(DUET_NO_DEADLINE, 0, MS);
	duet_op_init(&op, NULL, NULL);
	duet_op_recv_pooled(&op, pair[1], pool, 0);
	ck_assert_int_eq(duet_scope_start(&scope, &member, &op), 0);
	ck_assert_int_eq(duet_scope_join(&scope, joined_plainly), 0);
	stream_send(pair[0], "b", 1);
	stage_settle(5);
	ck_assert_uint_eq(joins, 0);
	ck_assert_int_eq(duet_buffer_return(stage.loop, &hog.op.buffer), 0);
	turn_until(joins);
	ck_assert_int_eq(op.result, 1);
	ck_assert_int_eq(duet_buffer_return(stage.loop, &op.buffer), 0);
}
END_TEST

static enum duet_readiness open_in_poll(struct duet_task *task)
{
	if (task->deadline_ns == DUET_NO_DEADLINE) {
		task->deadline_ns = duet_loop_now_ns(stage.loop) + 3 * MS;
		duet_waker_wake(&task->waker);
		return DUET_PENDING;
	}
	scope_open(DUET_NO_DEADLINE, 0, MS);
	return DUET_READY;
}

static const struct duet_task_model open_in_poll_model = {.name = "future", .step = open_in_poll};

/* A member that inherits nothing: it was started outside of the poll. */
START_TEST(a_scope_that_a_task_opens_has_the_task_s_deadline)
{
	struct duet_scheduler scheduler;
	struct duet_task task;

	pair_open(pair);
	joins = 0;
	scope.loop = NULL;
	duet_scheduler_init(&scheduler, stage.loop, NULL);
	duet_task_init(&task, &open_in_poll_model);
	duet_task_spawn(&scheduler, NULL, &task);
	turn_until(scheduler.live == 0);
	trial_init(&trial);
	duet_op_recv(&trial.op, pair[1], data, sizeof(data), 0);
	ck_assert_int_eq(duet_scope_start(&scope, &member, &trial.op), 0);
	ck_assert_int_eq(duet_scope_join(&scope, joined_plainly), 0);
	turn_until(joins);
	expect(&trial, -ETIMEDOUT, DUET_UNTOUCHED, DUET_CAUSE_DEADLINE);
	ck_assert_uint_eq(scope.cause, DUET_CAUSE_DEADLINE);
	ck_assert_int_eq(scope.result, -ETIMEDOUT);
}
END_TEST

int main(void)
{
	return contract_run("scope moments",
		CASES(a_step_that_is_registered_at_the_end_of_the_cleanup_has_the_same_budget,
			after_joined_the_loop_has_no_part_of_the_scope_also_when_its_last_step_ends_at_once,
			a_shield_holds_also_while_an_interim_completion_is_heard,
			a_starved_receive_without_a_callback_goes_on,
			a_scope_that_a_task_opens_has_the_task_s_deadline),
		NULL);
}
