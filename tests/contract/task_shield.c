/* SPDX-FileCopyrightText: The Duet authors */
/* SPDX-License-Identifier: MIT */
#include "tests/support/harness.h"
#include "tests/support/job.h"

/* What bounds the waits of a task, and what keeps requests out of its cleanup. */

#define SECOND UINT64_C(1000000000)

static struct duet_scheduler scheduler;

static void begin(void)
{
	ck_assert_int_eq(duet_scheduler_init(&scheduler, stage.loop, NULL), 0);
}

static int job_spawn(struct job *job)
{
	return duet_task_spawn(&scheduler, NULL, &job->task.task);
}

static void run(void)
{
	turn_until(scheduler.live == 0);
}

/* ---- Deadlines. ---- */

START_TEST(what_a_task_waits_for_inherits_its_deadline)
{
	struct job job;
	struct trial outside;

	begin();
	job_make(&job, wait_often);
	job.prepare = job_never;
	job.task.task.deadline_ns = duet_loop_now_ns(stage.loop) + 1000000;
	ck_assert_int_eq(job_spawn(&job), 0);
	turn_until(job.task.task.state == DUET_TASK_WAITING);
	/* Between steps nobody inherits it. */
	trial_init(&outside);
	duet_op_timeout(&outside.op, DUET_NO_DEADLINE);
	trial_start(&outside);
	run();
	ck_assert_int_eq(job.results[0], -ETIMEDOUT);
	ck_assert_int_eq(job.op.cause, DUET_CAUSE_DEADLINE);
	ck_assert_uint_ge(duet_loop_now_ns(stage.loop), job.task.task.deadline_ns);
	ck_assert_uint_eq(outside.ends, 0);
	trial_cancel(&outside);
	await(&outside);
}
END_TEST

static void with_one_of_its_own(struct job *job)
{
	uint64_t now_ns = duet_loop_now_ns(stage.loop);

	job_never(job);
	duet_op_deadline(&job->op, now_ns + (job->waits ? 3600 * SECOND : 1000000));
	job->task.task.deadline_ns = now_ns + (job->waits ? 1000000 : 3600 * SECOND);
}

/* Also of one that the task sets in the step that waits. */
START_TEST(the_earliest_deadline_wins)
{
	struct job job;

	begin();
	job_make(&job, wait_often);
	job.prepare = with_one_of_its_own;
	job.times = 2;
	ck_assert_int_eq(job_spawn(&job), 0);
	run();
	ck_assert_int_eq(job.results[0], -ETIMEDOUT);
	ck_assert_int_eq(job.results[1], -ETIMEDOUT);
}
END_TEST

/* ---- Shields. ---- */

static DUET_COROUTINE(clean_up)
{
	DUET_BEGIN(struct job, self);
	self->outer_ns = duet_task_shield(duet_coroutine->task, SECOND);
	self->prepare(self);
	DUET_AWAIT(&self->op);
	self->results[self->waits++] = DUET_RESULT;
	self->prepare(self);
	DUET_AWAIT(&self->op);
	self->results[self->waits++] = DUET_RESULT;
	duet_task_unshield(duet_coroutine->task, self->outer_ns);
	self->prepare(self);
	DUET_AWAIT(&self->op);
	self->results[self->waits++] = DUET_RESULT;
	DUET_END;
}

static void shield_go(struct job *job)
{
	begin();
	job_make(job, clean_up);
	job->prepare = job_in_a_moment;
	ck_assert_int_eq(job_spawn(job), 0);
	turn_until(job->task.task.state == DUET_TASK_WAITING);
}

static void shield_held(struct job *job, int after)
{
	run();
	ck_assert_int_eq(job->results[0], 0);
	ck_assert_int_eq(job->results[1], 0);
	ck_assert_int_eq(job->results[2], after);
}

START_TEST(a_request_waits_for_the_end_of_a_shield)
{
	struct job job;

	shield_go(&job);
	duet_task_cancel(&job.task.task);
	ck_assert_int_eq(duet_task_check(&job.task.task), 0);
	shield_held(&job, -ECANCELED);
	ck_assert_int_eq(duet_task_check(&job.task.task), -ECANCELED);
}
END_TEST

START_TEST(so_does_the_task_s_own_deadline)
{
	struct job job;

	shield_go(&job);
	job.task.task.deadline_ns = 1;
	shield_held(&job, -ETIMEDOUT);
}
END_TEST

START_TEST(a_shutdown_waits_for_a_shield_in_which_waits_still_begin)
{
	struct job job;

	shield_go(&job);
	ck_assert_int_eq(duet_loop_shutdown(stage.loop, DUET_NO_DEADLINE), 0);
	shield_held(&job, -ESHUTDOWN);
	stage_reopen(NULL, NULL);
}
END_TEST

static DUET_COROUTINE(overrun)
{
	DUET_BEGIN(struct job, self);
	self->outer_ns = duet_task_shield(duet_coroutine->task, 3600 * SECOND);
	/* The inner one ends earlier; then one that would end later, but for the outer's end. */
	self->inner_ns = duet_task_shield(duet_coroutine->task, 1000000);
	job_never(self);
	DUET_AWAIT(&self->op);
	self->results[0] = DUET_RESULT;
	duet_task_unshield(duet_coroutine->task, self->inner_ns);
	duet_task_unshield(duet_coroutine->task, self->outer_ns);
	self->outer_ns = duet_task_shield(duet_coroutine->task, 1000000);
	self->inner_ns = duet_task_shield(duet_coroutine->task, 3600 * SECOND);
	job_never(self);
	DUET_AWAIT(&self->op);
	self->results[1] = DUET_RESULT;
	duet_task_unshield(duet_coroutine->task, self->inner_ns);
	/* Used up: a further wait has no time. */
	job_never(self);
	DUET_AWAIT(&self->op);
	self->results[2] = DUET_RESULT;
	duet_task_unshield(duet_coroutine->task, self->outer_ns);
	job_at_once(self);
	DUET_AWAIT(&self->op);
	self->results[3] = DUET_RESULT;
	DUET_END;
}

START_TEST(shields_nest_and_the_earlier_end_counts)
{
	struct job job;

	begin();
	job_make(&job, overrun);
	ck_assert_int_eq(job_spawn(&job), 0);
	run();
	for (unsigned i = 0; i < 3; i++)
		ck_assert_int_eq(job.results[i], -ETIMEDOUT);
	ck_assert_int_eq(job.results[3], 0);
}
END_TEST

/* A task that ends in its shield leaves none to its next life. */
static unsigned lives;

static enum duet_readiness end_in_a_shield(struct duet_task *task)
{
	if (++lives == 1)
		duet_task_shield(task, 3600 * SECOND);
	else
		task->result = duet_task_check(task);
	return DUET_READY;
}

static const struct duet_task_model careless_model = { .name = "careless",
						       .step = end_in_a_shield };

START_TEST(a_shield_ends_with_the_task)
{
	struct duet_task task;

	begin();
	lives = 0;
	duet_task_init(&task, &careless_model);
	for (int life = 0; life < 2; life++) {
		ck_assert_int_eq(duet_task_spawn(&scheduler, NULL, &task), 0);
		duet_task_cancel(&task);
		run();
	}
	ck_assert_int_eq(task.result, -ECANCELED);
}
END_TEST

int main(void)
{
	return contract_run("task_shield",
		CASES(what_a_task_waits_for_inherits_its_deadline, the_earliest_deadline_wins,
			a_request_waits_for_the_end_of_a_shield, so_does_the_task_s_own_deadline,
			a_shutdown_waits_for_a_shield_in_which_waits_still_begin,
			shields_nest_and_the_earlier_end_counts, a_shield_ends_with_the_task),
		NULL);
}
