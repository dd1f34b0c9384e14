/* SPDX-FileCopyrightText: The Duet authors */
/* SPDX-License-Identifier: MIT */
#include "tests/support/harness.h"

/* A parked task is resumed by what it waits for, as by the end of an operation; any other is not. */

struct sleeper {
	struct duet_coroutine coroutine;
	struct duet_coroutine_task task;
	struct duet_op op;
	duet_handle from;
	char byte;
	int there;
	unsigned steps;
};

static struct duet_scheduler scheduler;
static struct sleeper sleeper;
static unsigned heard; /* steps that the sleeper had made when the arrival's call came back */

static DUET_COROUTINE(sleep_until_there)
{
	DUET_BEGIN(struct sleeper, self);
	self->steps++;
	while (!self->there) {
		DUET_SUSPEND_UNLESS(0);
		self->steps++;
	}
	DUET_RETURN(self->there);
	DUET_END;
}

static DUET_COROUTINE(receive)
{
	DUET_BEGIN(struct sleeper, self);
	duet_op_recv(&self->op, self->from, &self->byte, 1, 0);
	DUET_AWAIT(&self->op);
	self->steps++;
	DUET_RETURN(DUET_RESULT);
	DUET_END;
}

static void spawn(duet_coroutine_fn *body)
{
	ck_assert_int_eq(duet_scheduler_init(&scheduler, stage.loop, NULL), 0);
	duet_op_init(&sleeper.op, NULL, NULL);
	duet_coroutine_init(&sleeper.coroutine, body);
	duet_coroutine_task_init(&sleeper.task, &sleeper.coroutine);
	sleeper.there = 0;
	sleeper.steps = 0;
	heard = 0;
	ck_assert_int_eq(duet_task_spawn(&scheduler, NULL, &sleeper.task.task), 0);
}

static void arrive(struct trial *trial)
{
	(void)trial;
	sleeper.there = 7;
	duet_task_resume(&sleeper.task.task);
	heard = sleeper.steps;
}

START_TEST(its_step_is_inside_the_call)
{
	struct trial trial;

	spawn(sleep_until_there);
	stage_settle(3);
	ck_assert_uint_eq(sleeper.steps, 1);
	trial_init(&trial);
	trial.then = arrive;
	duet_op_nop(&trial.op);
	trial_run(&trial);
	ck_assert_uint_eq(heard, 2);
	ck_assert_int_eq(sleeper.task.task.result, 7);
	ck_assert_uint_eq(scheduler.live, 0);
	ck_assert_uint_eq(scheduler.stats.resumed, 1);
	ck_assert_uint_eq(scheduler.stats.stepped, 1);
}
END_TEST

START_TEST(one_that_stands_in_line_keeps_its_place)
{
	struct trial trial;

	trial_init(&trial);
	trial.then = arrive;
	spawn(sleep_until_there);
	stage_settle(3);
	duet_waker_wake(&sleeper.task.task.waker);
	duet_task_resume(&sleeper.task.task);
	ck_assert_uint_eq(sleeper.steps, 1);
	stage_settle(3);
	ck_assert_uint_eq(sleeper.steps, 2);
	duet_op_nop(&trial.op);
	trial_run(&trial);
	/* Idle again: nobody is there. */
	ck_assert_uint_eq(scheduler.live, 0);
	duet_task_resume(&sleeper.task.task);
	ck_assert_uint_eq(sleeper.steps, 3);
}
END_TEST

START_TEST(one_that_waits_for_an_operation_goes_on_waiting)
{
	duet_handle pair[2];

	pair_open(pair);
	sleeper.from = pair[1];
	spawn(receive);
	stage_settle(3);
	duet_task_resume(&sleeper.task.task);
	ck_assert_uint_eq(sleeper.steps, 0);
	stream_send(pair[0], "x", 1);
	turn_until(!scheduler.live);
	ck_assert_int_eq(sleeper.task.task.result, 1);
	ck_assert_uint_eq(sleeper.steps, 1);
}
END_TEST

int main(void)
{
	return contract_run("resume",
		CASES(its_step_is_inside_the_call, one_that_stands_in_line_keeps_its_place,
			one_that_waits_for_an_operation_goes_on_waiting),
		NULL);
}
