/* SPDX-FileCopyrightText: The Duet authors */
/* SPDX-License-Identifier: MIT */
#include "tests/support/harness.h"
#include "tests/support/job.h"

/* What tasks of all models have in common: requests to end, scopes. Deadlines and shields:
 * task_shield.c. */

#define SECOND UINT64_C(1000000000)

static struct duet_scheduler scheduler;
static struct duet_scope scope;
static duet_handle pair[2];
static unsigned char data[64];
static unsigned joins;

static void begin(void)
{
	joins = 0;
	ck_assert_int_eq(duet_scheduler_init(&scheduler, stage.loop, NULL), 0);
}

static int job_spawn(struct job *job, struct duet_scope *in)
{
	return duet_task_spawn(&scheduler, in, &job->task.task);
}

static void recv_byte(struct job *job)
{
	duet_op_recv(&job->op, pair[1], data, 1, 0);
}

static void job_go(struct job *job, void (*prepare)(struct job *))
{
	job_make(job, wait_often);
	job->prepare = prepare;
	ck_assert_int_eq(job_spawn(job, NULL), 0);
}

static void run(void)
{
	turn_until(scheduler.live == 0);
}

/* ---- Spawn. ---- */

static void joined(struct duet_scope *ended)
{
	(void)ended;
	joins++;
}

static void scope_begin(enum duet_policy policy)
{
	struct duet_scope_options options;

	duet_scope_options_init(&options);
	options.policy = policy;
	ck_assert_int_eq(duet_scope_open(&scope, stage.loop, NULL, &options), 0);
}

static void scope_end(void)
{
	ck_assert_int_eq(duet_scope_join(&scope, joined), 0);
	turn_until(joins == 1);
	ck_assert_uint_eq(scheduler.live, 0);
}

START_TEST(a_task_is_spawned_once_until_it_has_ended)
{
	struct job job;

	begin();
	pair_open(pair);
	job_go(&job, recv_byte);
	ck_assert_int_eq(job_spawn(&job, NULL), -EBUSY);
	stage_settle(3);
	ck_assert_int_eq(job_spawn(&job, NULL), -EBUSY);
	stream_send(pair[0], "x", 1);
	run();
	ck_assert_int_eq(job.task.task.result, 1);
	ck_assert_uint_eq(scheduler.stats.spawned, 1);
}
END_TEST

START_TEST(a_scope_that_lets_nobody_in_keeps_a_task_from_beginning)
{
	struct duet_loop *other;
	struct duet_scope strange;
	struct job job;

	begin();
	job_make(&job, wait_often);
	job.prepare = job_at_once;
	ck_assert_int_eq(duet_loop_create(&other, stage.arm->backend(), NULL), 0);
	ck_assert_int_eq(duet_scope_open(&strange, other, NULL, NULL), 0);
	ck_assert_int_eq(job_spawn(&job, &strange), -EINVAL);
	ck_assert_int_eq(duet_scope_join(&strange, joined), 0);
	ck_assert_int_eq(duet_loop_shutdown(other, DUET_NO_DEADLINE), 0);
	ck_assert_int_eq(duet_loop_destroy(other), 0);
	joins = 0;
	scope_begin(DUET_WAIT_ALL);
	duet_scope_cancel(&scope);
	ck_assert_int_eq(job_spawn(&job, &scope), -ECANCELED);
	scope_end();
	ck_assert_int_eq(job_spawn(&job, &scope), -ESHUTDOWN);
	ck_assert_uint_eq(scheduler.stats.spawned, 0);
	ck_assert_int_eq(job_spawn(&job, NULL), 0);
	run();
}
END_TEST

START_TEST(nothing_is_spawned_on_a_loop_that_shuts_down)
{
	struct job job;

	begin();
	job_make(&job, wait_often);
	job.prepare = job_at_once;
	ck_assert_int_eq(duet_loop_shutdown(stage.loop, DUET_NO_DEADLINE), 0);
	ck_assert_int_eq(job_spawn(&job, NULL), -ESHUTDOWN);
	stage_reopen(NULL, NULL);
}
END_TEST

static void spawn_again(struct duet_task *task)
{
	struct job *job = (struct job *)(void *)((char *)task - offsetof(struct job, task));
	unsigned ends = job->ends + 1;

	ck_assert_int_eq(task->state, DUET_TASK_IDLE);
	if (ends < 5) {
		job_make(job, wait_often);
		job->prepare = job_at_once;
		job->task.task.ended = spawn_again;
		ck_assert_int_eq(job_spawn(job, &scope), 0);
	}
	job->ends = ends;
}

START_TEST(ended_may_spawn_the_same_task_again)
{
	struct job job;

	begin();
	scope_begin(DUET_WAIT_ALL);
	job_make(&job, wait_often);
	job.prepare = job_at_once;
	job.task.task.ended = spawn_again;
	ck_assert_int_eq(job_spawn(&job, &scope), 0);
	scope_end();
	ck_assert_uint_eq(job.ends, 5);
	ck_assert_uint_eq(scheduler.stats.ended, 5);
}
END_TEST

static void free_job(struct duet_task *task)
{
	free((char *)task - offsetof(struct job, task));
	joins++;
}

/* From the line, and resumed. */
START_TEST(ended_may_free_the_task)
{
	begin();
	for (unsigned i = 0; i < 2; i++) {
		struct job *job = malloc(sizeof(*job));

		job_make(job, wait_often);
		job->prepare = i ? job_refused : job_at_once;
		job->task.task.ended = free_job;
		ck_assert_int_eq(job_spawn(job, NULL), 0);
	}
	run();
	ck_assert_uint_eq(joins, 2);
}
END_TEST

/* ---- Cancel, in each state. ---- */

static void ended_by_cancel(const struct job *job)
{
	ck_assert_int_eq(job->results[0], -ECANCELED);
	ck_assert_int_eq(job->task.task.result, -ECANCELED);
	ck_assert_int_eq(job->op.disposition, DUET_UNTOUCHED);
	ck_assert_int_eq(job->op.cause, DUET_CAUSE_CANCEL);
	ck_assert_int_eq(job->task.task.asked, DUET_CAUSE_CANCEL);
	ck_assert_uint_eq(duet_loop_pending(stage.loop), 0);
}

START_TEST(idle_it_hears_nothing)
{
	struct job job;

	begin();
	job_make(&job, wait_often);
	job.prepare = job_at_once;
	duet_task_cancel(&job.task.task);
	ck_assert_int_eq(job_spawn(&job, NULL), 0);
	run();
	ck_assert_int_eq(job.results[0], 0);
	duet_task_cancel(&job.task.task);
	ck_assert_int_eq(duet_task_check(&job.task.task), 0);
}
END_TEST

START_TEST(runnable_its_first_wait_fails_at_its_entry)
{
	struct job job;

	begin();
	job_go(&job, job_never);
	duet_task_cancel(&job.task.task);
	ck_assert_uint_eq(job.waits, 0);
	run();
	ended_by_cancel(&job);
}
END_TEST

START_TEST(waiting_its_operation_is_asked_and_every_further_wait_fails)
{
	struct job job;

	begin();
	job_go(&job, job_never);
	job.times = 3;
	turn_until(job.task.task.state == DUET_TASK_WAITING);
	duet_task_cancel(&job.task.task);
	duet_task_cancel(&job.task.task);
	ck_assert_uint_eq(job.waits, 0);
	run();
	ended_by_cancel(&job);
	ck_assert_int_eq(job.results[1], -ECANCELED);
	ck_assert_int_eq(job.results[2], -ECANCELED);
}
END_TEST

static void cancel_itself(struct job *job)
{
	duet_task_cancel(&job->task.task);
	job_never(job);
}

START_TEST(running_its_next_wait_fails)
{
	struct job job;

	begin();
	job_go(&job, cancel_itself);
	run();
	ended_by_cancel(&job);
}
END_TEST

/* What has come is handed over, cancel or not. */
START_TEST(a_result_that_is_there_beats_the_request)
{
	struct job job;

	begin();
	pair_open(pair);
	job_go(&job, recv_byte);
	job.times = 2;
	turn_until(job.task.task.state == DUET_TASK_WAITING);
	stream_send(pair[0], "x", 1);
	turn_until(job.waits == 1 || job.task.task.state == DUET_TASK_WAITING);
	duet_task_cancel(&job.task.task);
	run();
	if (job.results[0] == 1)
		ck_assert_int_eq(job.results[1], -ECANCELED);
	else
		stream_recv(pair[1], data, 1);
}
END_TEST

/* ---- Parked: a model that polls. ---- */

struct poller {
	struct duet_task task; /* first */
	unsigned steps;
	uint64_t outer_ns;
	bool shielded;
};

static enum duet_readiness poll(struct duet_task *task)
{
	struct poller *poller = (struct poller *)(void *)task;
	int error = duet_task_check(task);

	poller->steps++;
	if (error)
		task->result = error;
	else if (poller->shielded && poller->steps == 1)
		poller->outer_ns = duet_task_shield(task, SECOND);
	else if (poller->shielded && poller->steps == 2)
		duet_task_unshield(task, poller->outer_ns);
	return error ? DUET_READY : DUET_PENDING;
}

static const struct duet_task_model polled = { .name = "poller", .step = poll };

static void poller_spawn(struct poller *poller, bool shielded)
{
	*poller = (struct poller){ .shielded = shielded };
	duet_task_init(&poller->task, &polled);
	ck_assert_int_eq(duet_task_spawn(&scheduler, NULL, &poller->task), 0);
	turn_until(poller->task.state == DUET_TASK_PARKED);
}

START_TEST(parked_it_is_woken)
{
	struct poller poller;

	begin();
	poller_spawn(&poller, false);
	duet_task_cancel(&poller.task);
	ck_assert_uint_eq(poller.steps, 1);
	run();
	ck_assert_int_eq(poller.task.result, -ECANCELED);
	ck_assert_uint_eq(poller.steps, 2);
}
END_TEST

/* It has looked before the shield was over. */
START_TEST(what_was_asked_in_a_shield_is_found_by_who_polls)
{
	struct poller poller;

	begin();
	poller_spawn(&poller, true);
	duet_task_cancel(&poller.task);
	stage_settle(2);
	ck_assert_uint_eq(poller.steps, 1);
	duet_waker_wake(&poller.task.waker);
	run();
	ck_assert_int_eq(poller.task.result, -ECANCELED);
	ck_assert_uint_eq(poller.steps, 3);
}
END_TEST

/* ---- Out of turn. ---- */

/* Debug builds stop there: tests/fault/misuse.c. */
#ifndef DUET_DEBUG

static DUET_COROUTINE(wait_twice)
{
	DUET_BEGIN(struct job, self);
	job_never(self);
	if (!duet_coroutine_await(duet_coroutine, &self->op)) {
		struct trial other;
		int32_t result = 0;

		trial_init(&other);
		duet_op_timeout(&other.op, 0);
		ck_assert_int_eq(duet_task_await(duet_coroutine->task, &other.op, &result), 0);
		ck_assert_int_eq(result, -EBUSY);
		ck_assert(!duet_op_pending(&other.op));
		duet_task_yield(duet_coroutine->task);
		duet_task_shield(duet_coroutine->task, 1);
		self->waits++;
		DUET_SUSPEND_UNLESS(0);
	}
	self->results[0] = self->op.result;
	DUET_END;
}

START_TEST(who_waits_already_can_do_nothing_more)
{
	struct job job;

	begin();
	job_make(&job, wait_twice);
	ck_assert_int_eq(job_spawn(&job, NULL), 0);
	turn_until(job.waits == 1);
	ck_assert_int_eq(job.task.task.state, DUET_TASK_WAITING);
	ck_assert_uint_eq(job.task.task.shields, 0);
	duet_task_cancel(&job.task.task);
	run();
	ck_assert_int_eq(job.results[0], -ECANCELED);
}
END_TEST

START_TEST(a_shield_that_never_began_does_not_end)
{
	struct job job;

	begin();
	job_make(&job, wait_often);
	job.prepare = job_at_once;
	ck_assert_int_eq(job_spawn(&job, NULL), 0);
	duet_task_unshield(&job.task.task, 7);
	ck_assert_uint_eq(job.task.task.shields, 0);
	run();
	ck_assert_int_eq(job.results[0], 0);
}
END_TEST

#define OUT_OF_TURN who_waits_already_can_do_nothing_more, a_shield_that_never_began_does_not_end,
#else
#define OUT_OF_TURN
#endif

/* ---- Scopes. ---- */

/* One fails, one succeeds, one would wait for ever. */
static void family(struct job jobs[3], enum duet_policy policy, bool one_fails)
{
	begin();
	scope_begin(policy);
	for (unsigned i = 0; i < 3; i++)
		job_make(&jobs[i], wait_often);
	jobs[0].prepare = job_never;
	jobs[1].prepare = one_fails ? job_refused : job_at_once;
	jobs[2].prepare = job_never;
	for (unsigned i = 0; i < 3; i++)
		ck_assert_int_eq(job_spawn(&jobs[i], &scope), 0);
}

START_TEST(wait_for_all_goes_on_when_one_has_failed)
{
	struct job jobs[3];

	family(jobs, DUET_WAIT_ALL, true);
	turn_until(scheduler.live == 2);
	stage_settle(3);
	ck_assert_uint_eq(scheduler.live, 2);
	duet_scope_cancel(&scope);
	scope_end();
	ck_assert_int_eq(scope.result, -EBADF);
	ck_assert_int_eq(jobs[0].op.cause, DUET_CAUSE_SCOPE);
	ck_assert_int_eq(jobs[0].results[0], -ECANCELED);
}
END_TEST

START_TEST(fail_fast_asks_the_others_to_end)
{
	struct job jobs[3];

	family(jobs, DUET_FAIL_FAST, true);
	scope_end();
	ck_assert_int_eq(scope.result, -EBADF);
	ck_assert_int_eq(jobs[0].results[0], -ECANCELED);
	ck_assert_int_eq(jobs[2].results[0], -ECANCELED);
}
END_TEST

START_TEST(a_race_is_won_by_a_task)
{
	struct job jobs[3];

	family(jobs, DUET_RACE, false);
	scope_end();
	ck_assert_int_eq(scope.result, 0);
	ck_assert_ptr_eq(scope.winner, &jobs[1].task.task.member);
	ck_assert_int_eq(jobs[0].results[0], -ECANCELED);
	ck_assert_int_eq(jobs[2].task.task.asked, DUET_CAUSE_SCOPE);
}
END_TEST

START_TEST(the_deadline_of_a_scope_reaches_its_tasks)
{
	struct job jobs[3];

	family(jobs, DUET_WAIT_ALL, false);
	turn_until(scheduler.live == 2);
	ck_assert_int_eq(duet_scope_deadline(&scope, duet_loop_now_ns(stage.loop) + 1000000), 0);
	scope_end();
	ck_assert_int_eq(scope.result, -ETIMEDOUT);
	ck_assert_int_eq(jobs[1].results[0], 0);
	ck_assert_int_eq(jobs[0].results[0], -ETIMEDOUT);
	ck_assert_int_eq(jobs[0].task.task.asked, DUET_CAUSE_DEADLINE);
}
END_TEST

START_TEST(a_shutdown_reaches_the_tasks_of_scopes)
{
	struct job jobs[3];

	family(jobs, DUET_WAIT_ALL, false);
	ck_assert_int_eq(duet_scope_join(&scope, joined), 0);
	ck_assert_int_eq(duet_loop_shutdown(stage.loop, DUET_NO_DEADLINE), 0);
	ck_assert_uint_eq(joins, 1);
	ck_assert_uint_eq(scheduler.live, 0);
	stage_reopen(NULL, NULL);
}
END_TEST

int main(void)
{
	return contract_run("task",
		CASES(a_task_is_spawned_once_until_it_has_ended,
			a_scope_that_lets_nobody_in_keeps_a_task_from_beginning,
			nothing_is_spawned_on_a_loop_that_shuts_down,
			ended_may_spawn_the_same_task_again, ended_may_free_the_task,
			idle_it_hears_nothing, runnable_its_first_wait_fails_at_its_entry,
			waiting_its_operation_is_asked_and_every_further_wait_fails,
			running_its_next_wait_fails, a_result_that_is_there_beats_the_request,
			parked_it_is_woken, what_was_asked_in_a_shield_is_found_by_who_polls,
			OUT_OF_TURN wait_for_all_goes_on_when_one_has_failed, fail_fast_asks_the_others_to_end,
			a_race_is_won_by_a_task, the_deadline_of_a_scope_reaches_its_tasks,
			a_shutdown_reaches_the_tasks_of_scopes),
		NULL);
}
