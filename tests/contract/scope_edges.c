/* SPDX-FileCopyrightText: The Duet authors */
/* SPDX-License-Identifier: MIT */
#include <poll.h>

#include "tests/support/harness.h"

/* R11, R12: where a scope meets interim completions, pools that are empty, and tasks with a deadline. */

#define MS UINT64_C(1000000)

static duet_handle pair[2];
static struct duet_scope scope;
static struct duet_member member;
static struct trial trial;
static unsigned joins;

static void joined(struct duet_scope *ended)
{
	(void)ended;
	joins++;
}

static void join(void)
{
	joins = 0;
	ck_assert_int_eq(duet_scope_join(&scope, joined), 0);
}

START_TEST(a_member_without_a_callback_may_meet_an_empty_pool)
{
	struct duet_pool *pool;
	struct duet_buffer held;
	struct duet_op op;

	ck_assert_int_eq(duet_pool_create(stage.loop, 1, 4, &pool), 0);
	pair_open(pair);
	trial_init(&trial);
	duet_op_recv_pooled(&trial.op, pair[1], pool, 0);
	trial_start(&trial);
	stream_send(pair[0], "1", 1);
	await(&trial);
	held = trial.op.buffer;
	ck_assert_int_eq(duet_scope_open(&scope, stage.loop, NULL, NULL), 0);
	duet_op_init(&op, NULL, NULL);
	duet_op_recv_pooled(&op, pair[1], pool, 0);
	ck_assert_int_eq(duet_scope_start(&scope, &member, &op), 0);
	join();
	stream_send(pair[0], "2", 1);
	stage_settle(5);
	ck_assert_uint_eq(joins, 0);
	ck_assert_int_eq(duet_buffer_return(stage.loop, &held), 0);
	turn_until(joins);
	ck_assert_int_eq(op.result, 1);
	ck_assert_uint_eq(op.buffer.data[0], '2');
	ck_assert_int_eq(duet_buffer_return(stage.loop, &op.buffer), 0);
}
END_TEST

static duet_handle accepted;

static void shut_down_inside(struct trial *told)
{
	if (!told->op.more)
		return;
	accepted = told->op.made;
	ck_assert_int_eq(duet_loop_shutdown(stage.loop, DUET_NO_DEADLINE), -EBUSY);
}

/* Also while a member is being told of an interim completion it is a member. */
START_TEST(a_shutdown_inside_an_interim_completion_spares_who_is_sheltered)
{
	struct duet_scope_options options;
	struct sockaddr_in address;
	duet_handle listener;
	struct trial dial;

	listener_open(&listener, &address);
	trial_init(&dial);
	duet_op_socket(&dial.op, AF_INET, SOCK_STREAM, 0);
	ck_assert_int_eq(trial_run(&dial), 0);
	duet_scope_options_init(&options);
	options.shield = 1;
	options.deadline_ns = duet_loop_now_ns(stage.loop) + 50 * MS * patience_factor();
	ck_assert_int_eq(duet_scope_open(&scope, stage.loop, NULL, &options), 0);
	trial_init(&trial);
	trial.then = shut_down_inside;
	duet_op_accept(&trial.op, listener, DUET_MULTISHOT);
	ck_assert_int_eq(duet_scope_start(&scope, &member, &trial.op), 0);
	join();
	duet_op_connect(&dial.op, dial.op.made, (void *)&address, sizeof(address));
	dial.ends = 0;
	trial_start(&dial);
	turn_until(joins);
	ck_assert_uint_eq(trial.items, 1);
	expect(&trial, -ETIMEDOUT, DUET_UNTOUCHED, DUET_CAUSE_DEADLINE);
	ck_assert_uint_eq(scope.cause, DUET_CAUSE_DEADLINE);
	ck_assert_int_eq(duet_loop_shutdown(stage.loop, DUET_NO_DEADLINE), 0);
}
END_TEST

struct opener {
	struct duet_task task;
	unsigned polls;
};

static enum duet_readiness open_in_poll(struct duet_task *task)
{
	struct opener *opener = (struct opener *)(void *)task;

	opener->polls++;
	ck_assert_int_eq(duet_scope_open(&scope, stage.loop, NULL, NULL), 0);
	return DUET_READY;
}

static const struct duet_task_model open_in_poll_model = {.name = "future", .step = open_in_poll};

START_TEST(a_scope_inherits_the_deadline_of_the_task_that_opens_it)
{
	struct duet_scheduler scheduler;
	struct opener opener = { .polls = 0 };

	pair_open(pair);
	duet_scheduler_init(&scheduler, stage.loop, NULL);
	duet_task_init(&opener.task, &open_in_poll_model);
	duet_task_spawn(&scheduler, NULL, &opener.task);
	opener.task.deadline_ns = duet_loop_now_ns(stage.loop) + 20 * MS * patience_factor();
	turn_until(opener.polls);
	trial_init(&trial);
	duet_op_poll(&trial.op, pair[1], POLLIN);
	ck_assert_int_eq(duet_scope_start(&scope, &member, &trial.op), 0);
	/* A later one of its own doesn't put it off. */
	ck_assert_int_eq(duet_scope_within(&scope, 3600000 * MS), 0);
	join();
	turn_until(joins);
	expect(&trial, -ETIMEDOUT, DUET_UNTOUCHED, DUET_CAUSE_DEADLINE);
	ck_assert_uint_eq(scope.cause, DUET_CAUSE_DEADLINE);
}
END_TEST

/* Nobody asked a scope, and nothing in it failed: its end is none either, for a parent that ends all at
 * the first failure. */
START_TEST(a_member_that_was_cancelled_alone_is_no_failure_of_its_scope)
{
	struct duet_scope_options options;
	struct duet_scope parent;
	struct duet_member other_member;
	struct trial other;

	pair_open(pair);
	duet_scope_options_init(&options);
	options.policy = DUET_FAIL_FAST;
	ck_assert_int_eq(duet_scope_open(&parent, stage.loop, NULL, &options), 0);
	ck_assert_int_eq(duet_scope_open(&scope, stage.loop, &parent, NULL), 0);
	trial_init(&other);
	duet_op_poll(&other.op, pair[0], POLLIN);
	ck_assert_int_eq(duet_scope_start(&parent, &other_member, &other.op), 0);
	trial_init(&trial);
	duet_op_poll(&trial.op, pair[1], POLLIN);
	ck_assert_int_eq(duet_scope_start(&scope, &member, &trial.op), 0);
	join();
	trial_cancel(&trial);
	turn_until(joins);
	ck_assert_int_eq(scope.result, -ECANCELED);
	stage_settle(3);
	ck_assert_uint_eq(other.ends, 0);
	ck_assert_int_eq(duet_scope_check(&parent), 0);
	joins = 0;
	ck_assert_int_eq(duet_scope_join(&parent, joined), 0);
	duet_scope_cancel(&parent);
	turn_until(joins);
}
END_TEST

/* In the order in which they would have gone on it would be the other way round: the first to be asked
 * would make room for the second, which then is begun for nothing. */
START_TEST(who_waits_in_line_ends_before_the_one_in_front_of_it)
{
	struct duet_member members[3];
	struct trial trials[3];

	pair_open(pair);
	ck_assert_int_eq(duet_scope_open(&scope, stage.loop, NULL, NULL), 0);
	for (unsigned i = 0; i < 3; i++) {
		trial_init(&trials[i]);
		duet_op_recv(&trials[i].op, pair[1], trials[i].own, sizeof(trials[i].own), 0);
		ck_assert_int_eq(duet_scope_start(&scope, &members[i], &trials[i].op), 0);
	}
	join();
	stage_settle(3);
	duet_scope_cancel(&scope);
	turn_until(joins);
	for (unsigned i = 0; i < 3; i++) {
		expect(&trials[i], -ECANCELED, DUET_UNTOUCHED, DUET_CAUSE_SCOPE);
		ck_assert_uint_eq(trials[i].rank - trials[2].rank, 2 - i);
	}
}
END_TEST

int main(void)
{
	return contract_run("scope_edges",
		CASES(a_member_without_a_callback_may_meet_an_empty_pool,
			a_shutdown_inside_an_interim_completion_spares_who_is_sheltered,
			a_scope_inherits_the_deadline_of_the_task_that_opens_it,
			a_member_that_was_cancelled_alone_is_no_failure_of_its_scope,
			who_waits_in_line_ends_before_the_one_in_front_of_it),
		NULL);
}
