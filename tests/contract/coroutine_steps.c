/* SPDX-FileCopyrightText: The Duet authors */
/* SPDX-License-Identifier: MIT */
#include "tests/support/harness.h"
#include "tests/support/job.h"

/* A step that the end of an operation begins, and one whose operation ends in its start: all that holds for
 * any other step holds for them. */

#define MS UINT64_C(1000000)
#define HOUR (3600 * 1000 * MS)

static struct duet_scheduler scheduler;

static void begin(const struct duet_scheduler_options *options)
{
	ck_assert_int_eq(duet_scheduler_init(&scheduler, stage.loop, options), 0);
}

static void run(void)
{
	turn_until(scheduler.live == 0);
}

/* ---- In a shelter. ---- */

static struct duet_scope shelter;
static bool joined;

static void note_joined(struct duet_scope *scope)
{
	(void)scope;
	joined = true;
}

static void shelter_open(void)
{
	struct duet_scope_options options;

	begin(NULL);
	joined = false;
	duet_scope_options_init(&options);
	options.shield = 1;
	options.deadline_ns = duet_loop_now_ns(stage.loop) + HOUR;
	ck_assert_int_eq(duet_scope_open(&shelter, stage.loop, NULL, &options), 0);
}

/* The loop shuts down while the task waits; it goes on to the end. */
static void shelter_outlasts(struct duet_task *task)
{
	ck_assert_int_eq(duet_scope_join(&shelter, note_joined), 0);
	ck_assert_int_eq(duet_loop_shutdown(stage.loop, DUET_NO_DEADLINE), 0);
	turn_until(joined && scheduler.live == 0);
	ck_assert_int_eq(task->result, 0);
}

/* Long enough to be found under way on a slow machine. */
static void wait_a_while(struct job *job)
{
	duet_op_timeout(&job->op, duet_loop_now_ns(stage.loop) + 300 * MS);
}

static void wait_a_while_and_not(struct job *job)
{
	if (job->waits == 0)
		wait_a_while(job);
	else
		job_at_once(job);
}

START_TEST(a_shutdown_neither_ends_nor_refuses_the_waits_of_a_coroutine)
{
	struct job job;

	shelter_open();
	job_make(&job, wait_often);
	job.prepare = wait_a_while_and_not;
	job.times = 2;
	ck_assert_int_eq(duet_task_spawn(&scheduler, &shelter, &job.task.task), 0);
	turn_until(job.task.task.state == DUET_TASK_WAITING);
	shelter_outlasts(&job.task.task);
	ck_assert_int_eq(job.results[0], 0);
	ck_assert_int_eq(job.results[1], 0);
	stage_reopen(NULL, NULL);
}
END_TEST

/* Two operations, one behind the other. */
struct twice {
	struct duet_future future;
	struct duet_op_future leaf;
	unsigned ends;
};

static enum duet_readiness poll_twice(struct duet_future *future, struct duet_context *context)
{
	struct twice *twice = (struct twice *)(void *)future;

	while (duet_op_future_poll(&twice->leaf, context) == DUET_READY) {
		if (twice->leaf.future.result || ++twice->ends == 2)
			return duet_future_is_ready(future, twice->leaf.future.result);
		duet_op_future_reset(&twice->leaf);
		duet_op_timeout(&twice->leaf.op, 0);
	}
	return duet_future_is_pending(future);
}

START_TEST(nor_those_of_a_future)
{
	static const struct duet_future_table table = { "twice", poll_twice, poll_twice };
	struct duet_future_task task;
	struct twice twice = { .ends = 0 };

	shelter_open();
	duet_future_init(&twice.future, &table);
	duet_timer_future_init(&twice.leaf, duet_loop_now_ns(stage.loop) + 300 * MS);
	duet_future_task_init(&task, &twice.future);
	ck_assert_int_eq(duet_task_spawn(&scheduler, &shelter, &task.task), 0);
	turn_until(duet_op_pending(&twice.leaf.op));
	shelter_outlasts(&task.task);
	ck_assert_uint_eq(twice.ends, 2);
	stage_reopen(NULL, NULL);
}
END_TEST

/* ---- Deadlines, and the watch. ---- */

/* In its second step it starts one that it doesn't wait for, by itself. */
struct starter {
	struct duet_coroutine coroutine; /* first */
	struct duet_coroutine_task task;
	struct duet_op op;
	struct trial other;
};

static DUET_COROUTINE(start_another)
{
	DUET_BEGIN(struct starter, self);
	duet_op_nop(&self->op);
	DUET_AWAIT(&self->op);
	duet_op_timeout(&self->other.op, DUET_NO_DEADLINE);
	if (duet_op_start(stage.loop, &self->other.op))
		DUET_RETURN(-EIO);
	DUET_END;
}

START_TEST(what_such_a_step_starts_by_itself_inherits_the_deadline)
{
	struct duet_scheduler_options options;
	struct starter starter;

	duet_scheduler_options_init(&options);
	options.inline_max = 0;
	begin(&options);
	trial_init(&starter.other);
	duet_op_init(&starter.op, NULL, NULL);
	duet_coroutine_init(&starter.coroutine, start_another);
	duet_coroutine_task_init(&starter.task, &starter.coroutine);
	starter.task.task.deadline_ns = duet_loop_now_ns(stage.loop) + 50 * MS;
	ck_assert_int_eq(duet_task_spawn(&scheduler, NULL, &starter.task.task), 0);
	run();
	/* A deadline that is over on a slow machine has ended the nop. */
	if (starter.op.disposition != DUET_COMPLETED)
		return;
	ck_assert_int_eq(starter.task.task.result, 0);
	await(&starter.other);
	expect(&starter.other, -ETIMEDOUT, DUET_UNTOUCHED, DUET_CAUSE_DEADLINE);
}
END_TEST

static unsigned told;

static void count_stall(struct duet_scheduler *which, const struct duet_task *task,
			const struct duet_site *from, uint64_t held_ns)
{
	(void)which;
	(void)task;
	(void)held_ns;
	told += from != NULL;
}

static DUET_COROUTINE(hold_the_loop)
{
	DUET_BEGIN(struct starter, self);
	duet_op_nop(&self->op);
	DUET_AWAIT(&self->op);
	clock_pass(clock_ns() + 2 * MS);
	DUET_END;
}

START_TEST(such_a_step_is_watched)
{
	struct duet_scheduler_options options;
	struct starter starter;

	duet_scheduler_options_init(&options);
	options.inline_max = 0;
	options.step_limit_ns = MS;
	options.stalled = count_stall;
	begin(&options);
	told = 0;
	duet_op_init(&starter.op, NULL, NULL);
	duet_coroutine_init(&starter.coroutine, hold_the_loop);
	duet_coroutine_task_init(&starter.task, &starter.coroutine);
	ck_assert_int_eq(duet_task_spawn(&scheduler, NULL, &starter.task.task), 0);
	run();
	ck_assert_uint_eq(told, 1);
}
END_TEST

/* ---- Results. ---- */

struct taker {
	struct duet_coroutine coroutine; /* first */
	struct duet_coroutine_task task;
	struct duet_op *op;
	struct duet_pool *pool;
	duet_handle from;
	char byte;
	struct answer {
		struct duet_coroutine coroutine;
	} answer;
	int32_t results[2];
};

static void taker_spawn(struct taker *taker, duet_coroutine_fn *body)
{
	begin(NULL);
	taker->op = malloc(sizeof(*taker->op));
	ck_assert_ptr_nonnull(taker->op);
	duet_op_init(taker->op, NULL, NULL);
	duet_coroutine_init(&taker->coroutine, body);
	duet_coroutine_task_init(&taker->task, &taker->coroutine);
	ck_assert_int_eq(duet_task_spawn(&scheduler, NULL, &taker->task.task), 0);
}

static DUET_COROUTINE(return_seven)
{
	DUET_BEGIN(struct answer, self);
	(void)self;
	DUET_RETURN(7);
	DUET_END;
}

static DUET_COROUTINE(take_and_forget)
{
	DUET_BEGIN(struct taker, self);
	duet_op_recv(self->op, self->from, &self->byte, 1, 0);
	DUET_AWAIT(self->op);
	self->results[0] = DUET_RESULT;
	free(self->op);
	duet_coroutine_init(&self->answer.coroutine, return_seven);
	DUET_CALL(&self->answer.coroutine);
	DUET_YIELD();
	self->results[1] = DUET_RESULT;
	DUET_END;
}

START_TEST(an_operation_that_ended_at_once_is_forgotten_with_its_result)
{
	struct taker taker;
	duet_handle pair[2];

	pair_open(pair);
	stream_send(pair[0], "x", 1);
	taker.from = pair[1];
	taker_spawn(&taker, take_and_forget);
	run();
	ck_assert_int_eq(taker.results[0], 1);
	ck_assert_int_eq(taker.results[1], 7);
	pair_close(pair);
}
END_TEST

static DUET_COROUTINE(take_pooled)
{
	DUET_BEGIN(struct taker, self);
	duet_op_recv_pooled(self->op, self->from, self->pool, 0);
	DUET_AWAIT(self->op);
	self->results[0] = DUET_RESULT;
	DUET_END;
}

START_TEST(that_a_pool_is_empty_resumes_nobody)
{
	struct duet_stats stats;
	struct trial first;
	struct taker taker;
	duet_handle pair[2];

	pair_open(pair);
	taker.pool = NULL;
	ck_assert_int_eq(duet_pool_create(stage.loop, 1, 64, &taker.pool), 0);
	stream_send(pair[0], "x", 1);
	trial_init(&first);
	duet_op_recv_pooled(&first.op, pair[1], taker.pool, 0);
	ck_assert_int_eq(trial_run(&first), 1);
	taker.from = pair[1];
	taker.results[0] = 0;
	taker_spawn(&taker, take_pooled);
	stream_send(pair[0], "y", 1);
	turn_until((duet_loop_stats(stage.loop, &stats), stats.starved > 0));
	stage_settle(10);
	ck_assert_uint_eq(scheduler.live, 1);
	ck_assert_int_eq(duet_buffer_return(stage.loop, &first.op.buffer), 0);
	run();
	ck_assert_int_eq(taker.results[0], 1);
	ck_assert_int_eq(duet_buffer_return(stage.loop, &taker.op->buffer), 0);
	free(taker.op);
	pair_close(pair);
}
END_TEST

int main(void)
{
	return contract_run("coroutine_steps",
		CASES(a_shutdown_neither_ends_nor_refuses_the_waits_of_a_coroutine,
			nor_those_of_a_future,
			what_such_a_step_starts_by_itself_inherits_the_deadline,
			an_operation_that_ended_at_once_is_forgotten_with_its_result,
			that_a_pool_is_empty_resumes_nobody),
		CASES(such_a_step_is_watched));
}
