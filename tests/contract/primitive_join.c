/* SPDX-FileCopyrightText: The Duet authors */
/* SPDX-License-Identifier: MIT */
#include "tests/support/fibers.h"

/* The join of a task and of a scope, and primitives in tasks. */

#define SECOND UINT64_C(1000000000)

static struct duet_scheduler scheduler;

/* ---- A task that waits for a timer, and ends with its result or another. ---- */

struct sleeper {
	struct duet_coroutine coroutine;
	struct duet_op op;
	uint64_t due_ns;
	int32_t answer;
};

static DUET_COROUTINE(sleep_and_answer)
{
	DUET_BEGIN(struct sleeper, self);
	duet_op_timeout(&self->op, self->due_ns);
	DUET_AWAIT(&self->op);
	DUET_RETURN(DUET_RESULT < 0 ? DUET_RESULT : self->answer);
	DUET_END;
}

static struct sleeper sleeper;
static struct duet_coroutine_task task;

static void sleeper_spawn(uint64_t due_ns, int32_t answer)
{
	ck_assert_int_eq(duet_scheduler_init(&scheduler, stage.loop, NULL), 0);
	duet_op_init(&sleeper.op, NULL, NULL);
	duet_coroutine_init(&sleeper.coroutine, sleep_and_answer);
	sleeper.due_ns = due_ns;
	sleeper.answer = answer;
	duet_coroutine_task_init(&task, &sleeper.coroutine);
	ck_assert_int_eq(duet_task_spawn(&scheduler, NULL, &task.task), 0);
}

static void join_start(struct trial *trial)
{
	trial_init(trial);
	duet_op_join(&trial->op, &task.task);
	trial_start(trial);
}

START_TEST(a_join_ends_with_the_result_of_the_task)
{
	static const int32_t answers[] = { 0, 42, -EIO, -ECANCELED, -EAGAIN };
	struct trial trials[3];

	for (size_t i = 0; i < sizeof(answers) / sizeof(answers[0]); i++) {
		bool failed = answers[i] < 0;

		sleeper_spawn(duet_loop_now_ns(stage.loop) + 100000, answers[i]);
		for (unsigned j = 0; j < 3; j++)
			join_start(&trials[j]);
		turn_until(trials[2].ends);
		for (unsigned j = 0; j < 3; j++)
			expect(&trials[j], answers[i], failed ? DUET_FAILED : DUET_COMPLETED,
				DUET_CAUSE_ITSELF);
		ck_assert_uint_lt(trials[0].rank, trials[1].rank);
		/* It is idle: there is nothing to wait for. */
		join_start(&trials[0]);
		await(&trials[0]);
		ck_assert_int_eq(trials[0].op.result, answers[i]);
	}
}
END_TEST

START_TEST(a_stopped_join_leaves_the_task_as_it_is)
{
	struct trial stopped, timed, whole;

	sleeper_spawn(duet_loop_now_ns(stage.loop) + 2000000, 5);
	join_start(&stopped);
	join_start(&whole);
	trial_init(&timed);
	duet_op_join(&timed.op, &task.task);
	duet_op_deadline(&timed.op, duet_loop_now_ns(stage.loop) + 1000);
	trial_start(&timed);
	trial_cancel(&stopped);
	turn_until(stopped.ends && timed.ends);
	expect(&stopped, -ECANCELED, DUET_UNTOUCHED, DUET_CAUSE_CANCEL);
	expect(&timed, -ETIMEDOUT, DUET_UNTOUCHED, DUET_CAUSE_DEADLINE);
	await(&whole);
	expect(&whole, 5, DUET_COMPLETED, DUET_CAUSE_ITSELF);
}
END_TEST

START_TEST(a_join_hears_of_a_cancelled_task)
{
	struct trial trial;

	sleeper_spawn(DUET_NO_DEADLINE, 5);
	join_start(&trial);
	stage_settle(2);
	duet_task_cancel(&task.task);
	await(&trial);
	expect(&trial, -ECANCELED, DUET_FAILED, DUET_CAUSE_ITSELF);
}
END_TEST

START_TEST(a_join_on_another_loop_is_refused)
{
	struct duet_loop *other;
	struct duet_op op;

	sleeper_spawn(DUET_NO_DEADLINE, 5);
	ck_assert_int_eq(duet_loop_create(&other, stage.arm->backend(), NULL), 0);
	duet_op_init(&op, NULL, NULL);
	duet_op_join(&op, &task.task);
	ck_assert_int_eq(duet_op_start(other, &op), -EINVAL);
	ck_assert_int_eq(duet_loop_destroy(other), 0);
	duet_task_cancel(&task.task);
	turn_until(!scheduler.live);
}
END_TEST

struct selfish {
	struct duet_coroutine coroutine;
	struct duet_op op;
};

static DUET_COROUTINE(join_itself)
{
	DUET_BEGIN(struct selfish, self);
	duet_op_join(&self->op, &task.task);
	DUET_AWAIT(&self->op);
	DUET_RETURN(DUET_RESULT);
	DUET_END;
}

START_TEST(a_task_can_t_wait_for_itself)
{
	struct selfish selfish;

	ck_assert_int_eq(duet_scheduler_init(&scheduler, stage.loop, NULL), 0);
	duet_op_init(&selfish.op, NULL, NULL);
	duet_coroutine_init(&selfish.coroutine, join_itself);
	duet_coroutine_task_init(&task, &selfish.coroutine);
	ck_assert_int_eq(duet_task_spawn(&scheduler, NULL, &task.task), 0);
	turn_until(!scheduler.live);
	ck_assert_int_eq(task.task.result, -EDEADLK);
}
END_TEST

/* ---- Scopes. ---- */

static struct duet_scope scope;
static struct duet_member member;
static struct trial child;

static void scope_open(const struct duet_scope_options *options)
{
	ck_assert_int_eq(duet_scope_open(&scope, stage.loop, NULL, options), 0);
}

static void child_start(uint64_t due_ns)
{
	trial_init(&child);
	duet_op_timeout(&child.op, due_ns);
	ck_assert_int_eq(duet_scope_start(&scope, &member, &child.op), 0);
}

static void join_scope_start(struct trial *trial)
{
	trial_init(trial);
	duet_op_join_scope(&trial->op, &scope);
	trial_start(trial);
}

START_TEST(the_join_of_a_scope_ends_when_all_in_it_have)
{
	struct trial trial;

	scope_open(NULL);
	join_scope_start(&trial);
	await(&trial);
	expect(&trial, 0, DUET_COMPLETED, DUET_CAUSE_ITSELF);
	scope_open(NULL);
	child_start(duet_loop_now_ns(stage.loop) + 1000000);
	join_scope_start(&trial);
	await(&trial);
	ck_assert_uint_lt(child.rank, trial.rank);
	expect(&trial, 0, DUET_COMPLETED, DUET_CAUSE_ITSELF);
	expect(&child, 0, DUET_COMPLETED, DUET_CAUSE_ITSELF);
}
END_TEST

static void ask_nothing(struct duet_member *asked, enum duet_cause cause)
{
	(void)asked;
	(void)cause;
}

START_TEST(a_failure_in_the_scope_is_the_result)
{
	struct trial trial;

	scope_open(NULL);
	ck_assert_int_eq(duet_scope_enter(&scope, &member, ask_nothing), 0);
	join_scope_start(&trial);
	stage_settle(2);
	duet_member_leave(&member, -EIO);
	await(&trial);
	expect(&trial, -EIO, DUET_FAILED, DUET_CAUSE_ITSELF);
	ck_assert_int_eq(scope.result, -EIO);
}
END_TEST

/* The member takes its time. */
START_TEST(a_request_goes_on_to_the_scope_and_the_join_never_ends_early)
{
	struct trial trial;

	scope_open(NULL);
	ck_assert_int_eq(duet_scope_enter(&scope, &member, ask_nothing), 0);
	join_scope_start(&trial);
	trial_cancel(&trial);
	ck_assert_int_eq(duet_scope_check(&scope), -ECANCELED);
	ck_assert_uint_eq(scope.cause, DUET_CAUSE_CANCEL);
	stage_settle(4);
	ck_assert_uint_eq(trial.ends, 0);
	duet_member_leave(&member, -ECANCELED);
	await(&trial);
	expect(&trial, -ECANCELED, DUET_TAINTED, DUET_CAUSE_CANCEL);
	scope_open(NULL);
	ck_assert_int_eq(duet_scope_enter(&scope, &member, ask_nothing), 0);
	join_scope_start(&trial);
	trial_cancel(&trial);
	/* It had its effect all the same. */
	duet_member_leave(&member, 0);
	await(&trial);
	expect(&trial, 0, DUET_COMPLETED, DUET_CAUSE_ITSELF);
}
END_TEST

START_TEST(a_deadline_on_the_join_is_the_scope_s)
{
	struct trial trial;

	scope_open(NULL);
	child_start(DUET_NO_DEADLINE);
	trial_init(&trial);
	duet_op_join_scope(&trial.op, &scope);
	duet_op_deadline(&trial.op, duet_loop_now_ns(stage.loop) + 100000);
	trial_start(&trial);
	await(&trial);
	expect(&child, -ETIMEDOUT, DUET_UNTOUCHED, DUET_CAUSE_DEADLINE);
	expect(&trial, -ETIMEDOUT, DUET_TAINTED, DUET_CAUSE_DEADLINE);
	ck_assert_uint_eq(scope.cause, DUET_CAUSE_DEADLINE);
}
END_TEST

START_TEST(a_shutdown_ends_the_scope_and_its_join)
{
	struct trial trial;

	scope_open(NULL);
	child_start(DUET_NO_DEADLINE);
	join_scope_start(&trial);
	ck_assert_int_eq(duet_loop_shutdown(stage.loop, DUET_NO_DEADLINE), 0);
	expect(&child, -ECANCELED, DUET_UNTOUCHED, DUET_CAUSE_SHUTDOWN);
	expect(&trial, -ECANCELED, DUET_TAINTED, DUET_CAUSE_SHUTDOWN);
}
END_TEST

START_TEST(a_shield_holds_against_the_outside_of_its_join)
{
	struct duet_scope_options options;
	struct duet_scope outer;
	struct duet_member joining;
	struct trial trial;

	duet_scope_options_init(&options);
	options.shield = 1;
	options.deadline_ns = duet_loop_now_ns(stage.loop) + 3600 * SECOND;
	ck_assert_int_eq(duet_scope_open(&outer, stage.loop, NULL, NULL), 0);
	ck_assert_int_eq(duet_scope_open(&scope, stage.loop, &outer, &options), 0);
	ck_assert_int_eq(duet_scope_enter(&scope, &member, ask_nothing), 0);
	trial_init(&trial);
	duet_op_join_scope(&trial.op, &scope);
	ck_assert_int_eq(duet_scope_start(&outer, &joining, &trial.op), 0);
	duet_scope_cancel(&outer);
	ck_assert_int_eq(duet_scope_check(&scope), 0);
	stage_settle(2);
	ck_assert_uint_eq(trial.ends, 0);
	duet_member_leave(&member, 0);
	await(&trial);
	expect(&trial, 0, DUET_COMPLETED, DUET_CAUSE_ITSELF);
	trial_init(&trial);
	duet_op_join_scope(&trial.op, &outer);
	ck_assert_int_eq(trial_run(&trial), 0);
}
END_TEST

START_TEST(what_can_t_be_joined_is_refused)
{
	struct duet_scope closed = { .state = 0 };
	struct trial first, second;

	trial_init(&second);
	duet_op_join_scope(&second.op, &closed);
	ck_assert_int_eq(trial_try(&second), -ESHUTDOWN);
	duet_op_join_scope(&second.op, NULL);
	ck_assert_int_eq(trial_try(&second), -EINVAL);
	duet_op_join(&second.op, NULL);
	ck_assert_int_eq(trial_try(&second), -EINVAL);
	scope_open(NULL);
	child_start(duet_loop_now_ns(stage.loop) + 100000);
	join_scope_start(&first);
	duet_op_join_scope(&second.op, &scope);
	ck_assert_int_eq(trial_try(&second), -EALREADY);
	await(&first);
	duet_op_join_scope(&second.op, &scope);
	ck_assert_int_eq(trial_try(&second), -ESHUTDOWN);
}
END_TEST

/* ---- Scopes that tasks have opened. ---- */

/* Its one child is a timer, so that nothing but its first step comes from the line. */
static int join_a_timer(struct duet_loop *loop, void *argument)
{
	(void)argument;
	ck_assert_int_eq(duet_fiber_open(loop, &scope, NULL), 0);
	child_start(duet_loop_now_ns(loop) + 100000);
	ck_assert_int_eq(duet_fiber_join(&scope), 0);
	return duet_fiber_join(&scope);
}

struct joiner {
	struct duet_coroutine coroutine;
	struct duet_op op;
};

static DUET_COROUTINE(join_a_timer_likewise)
{
	DUET_BEGIN(struct joiner, self);
	ck_assert_int_eq(duet_task_scope_open(self->coroutine.task, &scope, NULL), 0);
	child_start(duet_loop_now_ns(stage.loop) + 100000);
	duet_op_join_scope(&self->op, &scope);
	DUET_AWAIT(&self->op);
	DUET_RETURN(DUET_RESULT);
	DUET_END;
}

START_TEST(who_joins_its_scope_is_resumed_by_its_end_and_stands_in_no_line)
{
	struct duet_coroutine_task joining;
	struct duet_fiber fiber;
	struct joiner joiner;

	fibers_open(1);
	fibers_spawn(&fiber, join_a_timer, NULL, NULL);
	turn_until(!fiber_is_live(&fiber));
	ck_assert_int_eq(fiber.task.result, -ESHUTDOWN);
	ck_assert_uint_eq(fibers_scheduler.stats.stepped, 1);
	ck_assert_uint_eq(fibers_scheduler.stats.resumed, 1);
	duet_op_init(&joiner.op, NULL, NULL);
	duet_coroutine_init(&joiner.coroutine, join_a_timer_likewise);
	duet_coroutine_task_init(&joining, &joiner.coroutine);
	ck_assert_int_eq(duet_task_spawn(&fibers_scheduler, NULL, &joining.task), 0);
	turn_until(!fibers_scheduler.live);
	ck_assert_uint_eq(fibers_scheduler.stats.stepped, 2);
	ck_assert_uint_eq(fibers_scheduler.stats.resumed, 2);
	fibers_close();
}
END_TEST

/* What a task's deadline does to a scope that it has opened before. */
struct timing {
	struct duet_scope_options options;
	uint64_t child_ns; /* how long it takes; a result in the turn of its deadline would be kept */
	int32_t expected;
};

static int join_in_time(struct duet_loop *loop, void *argument)
{
	const struct timing *timing = argument;

	ck_assert_int_eq(duet_fiber_open(loop, &scope, &timing->options), 0);
	child_start(duet_loop_now_ns(loop) + timing->child_ns);
	duet_fiber_self(loop)->task.deadline_ns = duet_loop_now_ns(loop) + 1000000;
	return duet_fiber_join(&scope);
}

struct timed {
	struct duet_coroutine coroutine;
	struct duet_op op;
	const struct timing *timing;
};

static DUET_COROUTINE(join_in_time_likewise)
{
	DUET_BEGIN(struct timed, self);
	ck_assert_int_eq(duet_task_scope_open(self->coroutine.task, &scope,
				 &self->timing->options), 0);
	child_start(duet_loop_now_ns(stage.loop) + self->timing->child_ns);
	self->coroutine.task->deadline_ns = duet_loop_now_ns(stage.loop) + 1000000;
	duet_op_join_scope(&self->op, &scope);
	DUET_AWAIT(&self->op);
	DUET_RETURN(DUET_RESULT);
	DUET_END;
}

/* Its deadline is the scope's, but for a shield, in every model. */
START_TEST(a_task_s_deadline_is_that_of_the_scope_it_joins_but_for_a_shield)
{
	struct timing timing = { .child_ns = 3600 * SECOND, .expected = -ETIMEDOUT };
	struct duet_coroutine_task joining;
	struct duet_fiber fiber;
	struct timed timed;

	fibers_open(1);
	duet_scope_options_init(&timing.options);
	for (unsigned shielded = 0; shielded < 2; shielded++) {
		fibers_spawn(&fiber, join_in_time, &timing, NULL);
		turn_until(!fiber_is_live(&fiber));
		ck_assert_int_eq(fiber.task.result, timing.expected);
		timed.timing = &timing;
		duet_op_init(&timed.op, NULL, NULL);
		duet_coroutine_init(&timed.coroutine, join_in_time_likewise);
		duet_coroutine_task_init(&joining, &timed.coroutine);
		ck_assert_int_eq(duet_task_spawn(&fibers_scheduler, NULL, &joining.task), 0);
		turn_until(!fibers_scheduler.live);
		ck_assert_int_eq(joining.task.result, timing.expected);
		timing.options.shield = 1;
		timing.options.deadline_ns = duet_loop_now_ns(stage.loop) + 3600 * SECOND;
		timing.child_ns = 4000000;
		timing.expected = 0;
	}
	fibers_close();
}
END_TEST

static int open_and_park(struct duet_loop *loop, void *argument)
{
	(void)argument;
	ck_assert_int_eq(duet_fiber_open(loop, &scope, NULL), 0);
	return duet_fiber_park(loop);
}

START_TEST(the_end_of_a_scope_is_told_to_who_waits_for_it_and_to_nobody_else)
{
	struct duet_fiber fiber;
	struct trial trial;

	fibers_open(1);
	fibers_spawn(&fiber, open_and_park, NULL, NULL);
	stage_settle(2);
	join_scope_start(&trial);
	await(&trial);
	stage_settle(2);
	ck_assert_uint_eq(fibers_scheduler.stats.stepped, 1);
	ck_assert(fiber_is_live(&fiber));
	duet_waker_wake(&fiber.task.waker);
	turn_until(!fiber_is_live(&fiber));
	fibers_close();
}
END_TEST

/* ---- Primitives in tasks. ---- */

enum { TASKS = 20, ROUNDS = 10 };

struct worker {
	struct duet_coroutine coroutine;
	struct duet_op op;
	struct duet_coroutine_task task;
	unsigned round;
	bool locked;
};

static struct duet_mutex mutex;
static struct duet_wait_group group;
static unsigned inside, sections;

/* Holds the mutex across a wait, and gives it back on every way out. */
static DUET_COROUTINE(take_turns)
{
	DUET_BEGIN(struct worker, self);
	for (self->round = 0; self->round < ROUNDS; self->round++) {
		duet_op_lock(&self->op, &mutex, self);
		DUET_AWAIT(&self->op);
		if (DUET_RESULT < 0)
			DUET_RETURN(DUET_RESULT);
		self->locked = true;
		ck_assert_uint_eq(inside++, 0);
		duet_op_nop(&self->op);
		DUET_AWAIT(&self->op);
		sections++;
		self->locked = false;
		inside--;
		ck_assert_int_eq(duet_mutex_unlock(&mutex, self), 0);
	}
	DUET_FINALLY(SECOND);
	if (self->locked) {
		inside--;
		ck_assert_int_eq(duet_mutex_unlock(&mutex, self), 0);
	}
	ck_assert_int_eq(duet_wait_group_done(&group), 0);
	DUET_END_FINALLY;
}

static struct worker workers[TASKS];

static void workers_spawn(struct duet_scope *in)
{
	ck_assert_int_eq(duet_scheduler_init(&scheduler, stage.loop, NULL), 0);
	duet_mutex_init(&mutex, stage.loop);
	duet_wait_group_init(&group, stage.loop);
	ck_assert_int_eq(duet_wait_group_add(&group, TASKS), 0);
	inside = sections = 0;
	for (unsigned i = 0; i < TASKS; i++) {
		workers[i].locked = false;
		duet_op_init(&workers[i].op, NULL, NULL);
		duet_coroutine_init(&workers[i].coroutine, take_turns);
		duet_coroutine_task_init(&workers[i].task, &workers[i].coroutine);
		ck_assert_int_eq(duet_task_spawn(&scheduler, in, &workers[i].task.task), 0);
	}
}

START_TEST(tasks_take_turns_under_a_mutex_that_they_hold_across_waits)
{
	struct trial trial;

	workers_spawn(NULL);
	trial_init(&trial);
	duet_op_wait_group(&trial.op, &group);
	trial_start(&trial);
	await(&trial);
	ck_assert_uint_eq(sections, TASKS * ROUNDS);
	turn_until(!scheduler.live);
	ck_assert_int_eq(duet_mutex_fini(&mutex), 0);
	ck_assert_int_eq(duet_wait_group_fini(&group), 0);
}
END_TEST

START_TEST(tasks_that_are_asked_to_end_leave_the_mutex_unlocked)
{
	struct trial trial;

	for (unsigned turns = 0; turns < 12; turns++) {
		scope_open(NULL);
		workers_spawn(&scope);
		stage_settle(turns);
		duet_scope_cancel(&scope);
		join_scope_start(&trial);
		await(&trial);
		ck_assert_ptr_null(mutex.owner);
		ck_assert_uint_eq(inside, 0);
		ck_assert_uint_eq(group.count, 0);
		ck_assert_int_eq(duet_mutex_fini(&mutex), 0);
	}
}
END_TEST

int main(void)
{
	return contract_run("primitive_join",
		CASES(a_join_ends_with_the_result_of_the_task,
			a_stopped_join_leaves_the_task_as_it_is, a_join_hears_of_a_cancelled_task,
			a_join_on_another_loop_is_refused, a_task_can_t_wait_for_itself,
			the_join_of_a_scope_ends_when_all_in_it_have,
			a_failure_in_the_scope_is_the_result,
			a_request_goes_on_to_the_scope_and_the_join_never_ends_early,
			a_deadline_on_the_join_is_the_scope_s, a_shutdown_ends_the_scope_and_its_join,
			a_shield_holds_against_the_outside_of_its_join,
			what_can_t_be_joined_is_refused,
			who_joins_its_scope_is_resumed_by_its_end_and_stands_in_no_line,
			the_end_of_a_scope_is_told_to_who_waits_for_it_and_to_nobody_else,
			a_task_s_deadline_is_that_of_the_scope_it_joins_but_for_a_shield,
			tasks_take_turns_under_a_mutex_that_they_hold_across_waits,
			tasks_that_are_asked_to_end_leave_the_mutex_unlocked),
		NULL);
}
