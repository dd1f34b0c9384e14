/* SPDX-FileCopyrightText: The Duet authors */
/* SPDX-License-Identifier: MIT */
#include <pthread.h>

#include "tests/support/harness.h"

/* Actors and their supervisors. */

static struct duet_scheduler scheduler;
static struct duet_scope root;
static unsigned joins;

static void joined(struct duet_scope *scope)
{
	(void)scope;
	joins++;
}

static void root_open(void)
{
	joins = 0;
	ck_assert_int_eq(duet_scheduler_init(&scheduler, stage.loop, NULL), 0);
	ck_assert_int_eq(duet_scope_open(&root, stage.loop, NULL, NULL), 0);
}

static int root_join(void)
{
	ck_assert_int_eq(duet_scope_join(&root, joined), 0);
	turn_until(joins == 1);
	return root.result;
}

/* ---- Actors. ---- */

enum { COUNT_UP, FAIL, STOP, KEEP };

struct counter {
	struct duet_actor actor; /* first */
	int32_t value;
	struct duet_letter *kept;
	unsigned ends;
};

static int count_receive(struct duet_actor *actor, struct duet_letter *letter)
{
	struct counter *counter = (struct counter *)actor;

	switch (letter->kind) {
	case FAIL:
		return -EIO;
	case STOP:
		duet_letter_answer(letter, 0);
		return 1;
	case KEEP:
		counter->kept = letter;
		return 0;
	default:
		duet_letter_answer(letter, ++counter->value);
		return 0;
	}
}

static void counter_ended(struct duet_task *task)
{
	((struct counter *)task)->ends++;
}

static void counter_spawn(struct counter *counter)
{
	*counter = (struct counter){ .value = 0 };
	ck_assert_int_eq(duet_actor_init(&counter->actor, &scheduler, 4, count_receive), 0);
	counter->actor.task.name = "counter";
	counter->actor.task.ended = counter_ended;
	ck_assert_int_eq(duet_task_spawn(&scheduler, &root, &counter->actor.task), 0);
}

static int ask_counter(struct counter *counter, uint32_t kind)
{
	struct duet_letter letter = { .kind = kind };
	struct trial trial;

	trial_init(&trial);
	duet_op_ask(&trial.op, &counter->actor.mailbox, &letter);
	return trial_run(&trial);
}

START_TEST(an_actor_answers_one_letter_after_the_other)
{
	struct counter counter;

	root_open();
	counter_spawn(&counter);
	for (int i = 1; i <= 100; i++)
		ck_assert_int_eq(ask_counter(&counter, COUNT_UP), i);
	duet_mailbox_close(&counter.actor.mailbox);
	ck_assert_int_eq(root_join(), 0);
	ck_assert_uint_eq(counter.ends, 1);
	ck_assert_int_eq(ask_counter(&counter, COUNT_UP), -EPIPE);
}
END_TEST

START_TEST(the_failure_of_an_actor_is_its_scopes_and_nobody_waits_for_an_answer_in_vain)
{
	struct counter counter;
	struct duet_letter letters[2] = { { .kind = KEEP }, { .kind = COUNT_UP } };
	struct trial trials[2];

	root_open();
	counter_spawn(&counter);
	trial_init(&trials[0]);
	duet_op_ask(&trials[0].op, &counter.actor.mailbox, &letters[0]);
	trial_start(&trials[0]);
	turn_until(counter.kept != NULL);
	ck_assert_int_eq(ask_counter(&counter, FAIL), -EPIPE);
	await(&trials[0]);
	ck_assert_int_eq(trials[0].op.result, -EPIPE);
	ck_assert_int_eq(root_join(), -EIO);
	ck_assert_int_eq(counter.actor.task.result, -EIO);
	ck_assert_int_eq(ask_counter(&counter, COUNT_UP), -EPIPE);
}
END_TEST

START_TEST(an_actor_that_has_done_its_work_ends_well)
{
	struct counter counter;

	root_open();
	counter_spawn(&counter);
	ck_assert_int_eq(ask_counter(&counter, STOP), 0);
	ck_assert_int_eq(root_join(), 0);
}
END_TEST

START_TEST(a_request_ends_an_actor_between_two_letters)
{
	struct counter counter;

	root_open();
	counter_spawn(&counter);
	ck_assert_int_eq(ask_counter(&counter, COUNT_UP), 1);
	duet_scope_cancel(&root);
	ck_assert_int_eq(root_join(), -ECANCELED);
	ck_assert_uint_eq(counter.ends, 1);
	ck_assert_int_eq(ask_counter(&counter, COUNT_UP), -EPIPE);
}
END_TEST

/* ---- Supervisors. ---- */

enum { WORKERS = 3 };

struct worker {
	struct duet_supervised child; /* first */
	struct counter counter;
	unsigned prepared;
	int refuses; /* what prepare() says the next time */
};

static struct duet_supervisor supervisor;
static struct worker workers[WORKERS];

static int prepare(struct duet_supervised *child)
{
	struct worker *worker = (struct worker *)child;
	struct counter *counter = &worker->counter;

	worker->prepared++;
	if (worker->refuses)
		return worker->refuses;
	*counter = (struct counter){ .value = 0 };
	child->task = &counter->actor.task;
	return duet_actor_init(&counter->actor, &scheduler, 4, count_receive);
}

static void supervise(enum duet_strategy strategy)
{
	struct duet_supervisor_options options;

	root_open();
	duet_supervisor_options_init(&options);
	options.strategy = strategy;
	options.restarts_max = 3;
	options.within_ns = UINT64_C(1000000000000);
	ck_assert_int_eq(duet_supervisor_open(&supervisor, &scheduler, &root, &options), 0);
	memset(workers, 0, sizeof(workers));
	for (unsigned i = 0; i < WORKERS; i++) {
		workers[i].child.prepare = prepare;
		ck_assert_int_eq(duet_supervisor_add(&supervisor, &workers[i].child), 0);
	}
}

static int supervisor_join(void)
{
	struct trial trial;

	trial_init(&trial);
	duet_op_join_scope(&trial.op, &supervisor.scope);
	return trial_run(&trial);
}

static void expect_prepared(unsigned first, unsigned others)
{
	for (unsigned i = 0; i < WORKERS; i++)
		ck_assert_uint_eq(workers[i].prepared, i ? others : first);
}

START_TEST(who_fails_is_started_again_and_the_others_go_on)
{
	supervise(DUET_ONE_FOR_ONE);
	for (unsigned i = 1; i <= 3; i++) {
		ck_assert_int_eq(ask_counter(&workers[0].counter, FAIL), -EPIPE);
		turn_until(workers[0].prepared == i + 1);
		ck_assert_int_eq(ask_counter(&workers[1].counter, COUNT_UP), (int)i);
	}
	expect_prepared(4, 1);
	ck_assert_uint_eq(supervisor.restarts, 3);
	/* The memory of before is gone. */
	ck_assert_int_eq(ask_counter(&workers[0].counter, COUNT_UP), 1);
	for (unsigned i = 0; i < WORKERS; i++)
		ck_assert_int_eq(ask_counter(&workers[i].counter, STOP), 0);
	ck_assert_int_eq(supervisor_join(), 0);
	ck_assert_int_eq(root_join(), 0);
}
END_TEST

/* Counted from a failure on, for so long: then from the next. */
START_TEST(failures_that_lie_apart_are_all_mended)
{
	supervise(DUET_ONE_FOR_ONE);
	supervisor.within_ns = 1;
	for (unsigned i = 1; i <= 10; i++) {
		struct trial pause;

		ck_assert_int_eq(ask_counter(&workers[0].counter, FAIL), -EPIPE);
		turn_until(workers[0].prepared == i + 1);
		trial_init(&pause);
		duet_op_timeout(&pause.op, duet_loop_now_ns(stage.loop) + 1000);
		trial_run(&pause);
	}
	expect_prepared(11, 1);
	duet_scope_cancel(&root);
	ck_assert_int_eq(supervisor_join(), -ECANCELED);
	root_join();
}
END_TEST

START_TEST(a_failure_too_many_is_the_scopes_and_ends_all)
{
	supervise(DUET_ONE_FOR_ONE);
	for (unsigned i = 1; i <= 4; i++) {
		ck_assert_int_eq(ask_counter(&workers[0].counter, FAIL), -EPIPE);
		turn_until(i == 4 || workers[0].prepared == i + 1);
	}
	ck_assert_int_eq(supervisor_join(), -EIO);
	expect_prepared(4, 1);
	ck_assert_int_eq(workers[1].counter.actor.task.result, -ECANCELED);
	ck_assert_int_eq(duet_supervisor_add(&supervisor, &workers[0].child), -ESHUTDOWN);
	ck_assert_int_eq(root_join(), -EIO);
}
END_TEST

START_TEST(one_for_all_starts_all_again_but_who_has_done_its_work)
{
	supervise(DUET_ONE_FOR_ALL);
	ck_assert_int_eq(ask_counter(&workers[2].counter, STOP), 0);
	ck_assert_int_eq(ask_counter(&workers[1].counter, COUNT_UP), 1);
	ck_assert_int_eq(ask_counter(&workers[0].counter, FAIL), -EPIPE);
	turn_until(workers[1].prepared == 2);
	ck_assert_int_eq(ask_counter(&workers[1].counter, COUNT_UP), 1);
	ck_assert_uint_eq(workers[0].prepared, 2);
	ck_assert_uint_eq(workers[2].prepared, 1);
	duet_scope_cancel(&root);
	ck_assert_int_eq(supervisor_join(), -ECANCELED);
	ck_assert_int_eq(root_join(), -ECANCELED);
}
END_TEST

#define for_each_strategy(strategy)                                                                \
	for (enum duet_strategy strategy = 0; strategy < DUET_STRATEGY_COUNT; strategy++)

START_TEST(who_is_asked_to_end_is_not_started_again)
{
	for_each_strategy(strategy) {
		supervise(strategy);
		stage_settle(2);
		duet_scope_cancel(&supervisor.scope);
		ck_assert_int_eq(supervisor_join(), -ECANCELED);
		expect_prepared(1, 1);
		/* Not a request of its own: somebody inside was stopped. */
		ck_assert_int_eq(root_join(), -ECANCELED);
	}
}
END_TEST

START_TEST(what_cannot_be_started_again_is_a_failure)
{
	for_each_strategy(strategy) {
		supervise(strategy);
		workers[0].refuses = -ENOMEM;
		ck_assert_int_eq(ask_counter(&workers[0].counter, FAIL), -EPIPE);
		ck_assert_int_eq(supervisor_join(), -ENOMEM);
		ck_assert_int_eq(root_join(), -ENOMEM);
	}
}
END_TEST

START_TEST(a_shutdown_ends_the_supervisor_and_its_tasks)
{
	for_each_strategy(strategy) {
		supervise(strategy);
		stage_settle(2);
		ck_assert_int_eq(duet_scope_join(&supervisor.scope, NULL), 0);
		ck_assert_int_eq(duet_scope_join(&root, joined), 0);
		ck_assert_int_eq(duet_loop_shutdown(stage.loop, duet_loop_now_ns(stage.loop) +
					UINT64_C(3000000000) * patience_factor()), 0);
		ck_assert_uint_eq(joins, 1);
		expect_prepared(1, 1);
		stage_reopen(NULL, NULL);
	}
}
END_TEST

/* ---- Supervised tasks that end well when they are asked to. ---- */

struct graceful {
	struct duet_supervised child; /* first */
	struct duet_task task;
	unsigned prepared;
	int refuses;
	bool fails; /* in its first life */
};

static struct graceful graceful[WORKERS];

static enum duet_readiness graceful_step(struct duet_task *task)
{
	struct graceful *self = (struct graceful *)((char *)task - offsetof(struct graceful, task));

	if (self->fails && self->prepared == 1) {
		task->result = -EIO;
		return DUET_READY;
	}
	return duet_task_check(task) ? DUET_READY : DUET_PENDING;
}

static const struct duet_task_model graceful_model = { .name = "graceful", .step = graceful_step };

static int graceful_prepare(struct duet_supervised *child)
{
	struct graceful *self = (struct graceful *)child;

	if (self->refuses)
		return self->refuses;
	self->prepared++;
	duet_task_init(&self->task, &graceful_model);
	child->task = &self->task;
	return 0;
}

static void supervise_nobody(enum duet_strategy strategy)
{
	struct duet_supervisor_options options;

	root_open();
	duet_supervisor_options_init(&options);
	options.strategy = strategy;
	ck_assert_int_eq(duet_supervisor_open(&supervisor, &scheduler, &root, &options), 0);
	memset(graceful, 0, sizeof(graceful));
	for (unsigned i = 0; i < WORKERS; i++)
		graceful[i].child.prepare = graceful_prepare;
}

START_TEST(one_for_all_starts_again_who_ended_well_because_it_was_asked)
{
	supervise_nobody(DUET_ONE_FOR_ALL);
	graceful[1].fails = true;
	for (unsigned i = 0; i < WORKERS; i++)
		ck_assert_int_eq(duet_supervisor_add(&supervisor, &graceful[i].child), 0);
	turn_until(graceful[1].prepared == 2);
	for (unsigned i = 0; i < WORKERS; i++)
		ck_assert_uint_eq(graceful[i].prepared, 2);
	duet_scope_cancel(&root);
	ck_assert_int_eq(supervisor_join(), 0);
	for (unsigned i = 0; i < WORKERS; i++)
		ck_assert_uint_eq(graceful[i].prepared, 2);
	root_join();
}
END_TEST

START_TEST(a_supervisor_of_nobody_has_nothing_to_wait_for)
{
	supervise_nobody(DUET_ONE_FOR_ONE);
	graceful[0].refuses = -ENOMEM;
	ck_assert_int_eq(duet_supervisor_add(&supervisor, &graceful[0].child), -ENOMEM);
	ck_assert_int_eq(supervisor_join(), 0);
	ck_assert_int_eq(duet_supervisor_add(&supervisor, &graceful[1].child), -ESHUTDOWN);
	ck_assert_int_eq(root_join(), 0);
}
END_TEST

START_TEST(when_the_last_has_ended_nothing_can_be_added)
{
	supervise_nobody(DUET_ONE_FOR_ONE);
	ck_assert_int_eq(duet_supervisor_add(&supervisor, &graceful[0].child), 0);
	stage_settle(2);
	duet_task_cancel(&graceful[0].task);
	turn_until(!graceful[0].child.alive);
	ck_assert_int_eq(duet_supervisor_add(&supervisor, &graceful[1].child), -ESHUTDOWN);
	ck_assert_uint_eq(graceful[1].prepared, 0);
	ck_assert_int_eq(supervisor_join(), 0);
	ck_assert_int_eq(root_join(), 0);
}
END_TEST

/* ---- Placement: the actor here, who asks on another loop. ---- */

enum { ASKED = 200 };

struct elsewhere {
	const struct arm *arm;
	struct duet_mailbox *mailbox;
	int fails_each; /* so many letters make the actor fail; 0: none */
	_Atomic unsigned answers;
	_Atomic unsigned refusals;
	_Atomic bool over;
	int error;
};

static void ask_from(struct elsewhere *elsewhere, struct duet_loop *loop)
{
	for (int i = 0; i < ASKED; i++) {
		const int each = elsewhere->fails_each;
		struct duet_letter letter = { .kind = each && i % each == 0 ? FAIL : COUNT_UP };
		struct duet_op op;

		duet_op_init(&op, NULL, NULL);
		duet_op_ask(&op, elsewhere->mailbox, &letter);
		if (duet_op_start(loop, &op) < 0 || duet_loop_run(loop) < 0)
			elsewhere->error = 1;
		elsewhere->answers += op.result > 0;
		elsewhere->refusals += op.result == -EPIPE;
	}
}

static void *live_elsewhere(void *argument)
{
	struct elsewhere *elsewhere = argument;
	struct duet_loop_options options;
	struct duet_loop *loop;

	duet_loop_options_init(&options);
	options.tuning = elsewhere->arm->tuning;
	if (duet_loop_create(&loop, elsewhere->arm->backend(), &options)) {
		elsewhere->error = 1;
	} else {
		ask_from(elsewhere, loop);
		elsewhere->error |= duet_loop_destroy(loop);
	}
	elsewhere->over = true;
	duet_loop_wake(stage.loop);
	return NULL;
}

static void ask_from_two(struct elsewhere *elsewhere, struct counter *counter, int fails_each)
{
	pthread_t threads[2];

	for (int i = 0; i < 2; i++) {
		elsewhere[i] = (struct elsewhere){ .arm = stage.arm,
						   .mailbox = &counter->actor.mailbox,
						   .fails_each = fails_each };
		ck_assert_int_eq(pthread_create(&threads[i], NULL, live_elsewhere,
					&elsewhere[i]), 0);
	}
	/* They wake us: how many turns that takes nobody knows. */
	while (!elsewhere[0].over || !elsewhere[1].over)
		ck_assert_int_ge(duet_loop_turn(stage.loop, -1), 0);
	for (int i = 0; i < 2; i++) {
		pthread_join(threads[i], NULL);
		ck_assert_int_eq(elsewhere[i].error, 0);
		ck_assert_uint_eq(elsewhere[i].answers + elsewhere[i].refusals, ASKED);
	}
}

static int prepare_again(struct duet_supervised *child)
{
	struct worker *worker = (struct worker *)child;

	child->task = &worker->counter.actor.task;
	if (worker->prepared++ == 0)
		return duet_actor_init(&worker->counter.actor, &scheduler, 4, count_receive);
	duet_actor_reset(&worker->counter.actor);
	return 0;
}

/* Its mailbox is the same all the time: they need not know, nor wait. */
START_TEST(an_actor_that_is_started_again_is_asked_from_other_loops)
{
	struct duet_supervisor_options options;
	struct elsewhere elsewhere[2];
	struct worker *worker = &workers[0];

	root_open();
	duet_supervisor_options_init(&options);
	options.restarts_max = 2 * ASKED;
	ck_assert_int_eq(duet_supervisor_open(&supervisor, &scheduler, &root, &options), 0);
	*worker = (struct worker){ .child.prepare = prepare_again };
	ck_assert_int_eq(duet_supervisor_add(&supervisor, &worker->child), 0);
	ask_from_two(elsewhere, &worker->counter, 5);
	/* The last failure may have been just now. */
	turn_until(!worker->counter.actor.mailbox.closed);
	ck_assert_uint_gt(worker->prepared, 1);
	ck_assert_uint_eq(supervisor.restarts, worker->prepared - 1);
	ck_assert_int_eq(worker->counter.value, (int)(elsewhere[0].answers + elsewhere[1].answers));
	ck_assert_int_eq(ask_counter(&worker->counter, STOP), 0);
	ck_assert_int_eq(supervisor_join(), 0);
	ck_assert_int_eq(root_join(), 0);
}
END_TEST

START_TEST(an_actor_is_asked_from_other_loops)
{
	struct elsewhere elsewhere[2];
	struct counter counter;

	root_open();
	counter_spawn(&counter);
	ask_from_two(elsewhere, &counter, 0);
	ck_assert_int_eq(counter.value, 2 * ASKED);
	duet_mailbox_close(&counter.actor.mailbox);
	ck_assert_int_eq(root_join(), 0);
}
END_TEST

int main(void)
{
	return contract_run("actor",
		CASES(an_actor_answers_one_letter_after_the_other,
			the_failure_of_an_actor_is_its_scopes_and_nobody_waits_for_an_answer_in_vain,
			an_actor_that_has_done_its_work_ends_well,
			a_request_ends_an_actor_between_two_letters,
			who_fails_is_started_again_and_the_others_go_on,
			failures_that_lie_apart_are_all_mended,
			a_failure_too_many_is_the_scopes_and_ends_all,
			one_for_all_starts_all_again_but_who_has_done_its_work,
			who_is_asked_to_end_is_not_started_again,
			what_cannot_be_started_again_is_a_failure,
			a_shutdown_ends_the_supervisor_and_its_tasks,
			one_for_all_starts_again_who_ended_well_because_it_was_asked,
			a_supervisor_of_nobody_has_nothing_to_wait_for,
			when_the_last_has_ended_nothing_can_be_added,
			an_actor_is_asked_from_other_loops,
			an_actor_that_is_started_again_is_asked_from_other_loops),
		NULL);
}
