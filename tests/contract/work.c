/* SPDX-FileCopyrightText: The Duet authors */
/* SPDX-License-Identifier: MIT */
#include <fcntl.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdatomic.h>

#include "tests/support/harness.h"

/* Calls that block, on the loop's pool. */

struct call {
	int result;
	atomic_uint times;
	_Atomic(pthread_t) thread; /* that of the last one */
};

static sem_t begun;
static sem_t may_end;
static struct call call;

static int work(void *context)
{
	struct call *mine = context;

	mine->thread = pthread_self();
	atomic_fetch_add(&mine->times, 1);
	return mine->result;
}

/* Says that it has begun, and ends when it may. */
static int work_long(void *context)
{
	sem_post(&begun);
	sem_wait(&may_end);
	return work(context);
}

/* What resolvers and decoders do without asking; a sanitizer has some of it, too. */
static int work_deep(void *context)
{
	volatile char frame[160 * 1024];

	for (size_t at = 0; at < sizeof(frame); at += 4096)
		frame[at] = 1;
	return work(context);
}

static void open_with(uint32_t work_threads)
{
	struct duet_loop_options options;

	duet_loop_options_init(&options);
	options.worker_threads = 0;
	options.work_threads = work_threads;
	stage_reopen(&options, NULL);
	sem_init(&begun, 0, 0);
	sem_init(&may_end, 0, 0);
	memset(&call, 0, sizeof(call));
}

static void start(struct trial *trial, duet_work_fn *fn)
{
	trial_init(trial);
	duet_op_work(&trial->op, fn, &call);
	trial_start(trial);
}

/* ---- Everywhere. ---- */

START_TEST(what_it_returns_is_the_result)
{
	struct trial trial;

	open_with(1);
	call.result = 42;
	start(&trial, work);
	ck_assert_uint_eq(trial.ends, 0);
	await(&trial);
	expect(&trial, 42, DUET_COMPLETED, DUET_CAUSE_ITSELF);
	ck_assert_uint_eq(trial.op.transferred, 0);
	ck_assert_uint_eq(call.times, 1);
	/* Only a loop whose time is its own does it itself. */
	ck_assert_int_eq(!pthread_equal(call.thread, pthread_self()), stage.arm->kernel);
}
END_TEST

START_TEST(an_error_that_it_returns_is_its_own)
{
	static const int errors[] = { -EIO, -ECANCELED, -ETIMEDOUT };
	struct trial trial;

	open_with(1);
	for (unsigned i = 0; i < 3; i++) {
		call.result = errors[i];
		start(&trial, work);
		await(&trial);
		expect(&trial, errors[i], DUET_FAILED, DUET_CAUSE_ITSELF);
	}
	ck_assert_uint_eq(call.times, 3);
}
END_TEST

START_TEST(it_has_a_stack_to_speak_of)
{
	struct trial trial;

	open_with(1);
	start(&trial, work_deep);
	await(&trial);
	expect(&trial, 0, DUET_COMPLETED, DUET_CAUSE_ITSELF);
}
END_TEST

/* It is inline nowhere: not for the caller who would have it so, either. */
START_TEST(it_never_ends_in_its_start)
{
	struct trial trial;

	open_with(1);
	trial_init(&trial);
	duet_op_work(&trial.op, work, &call);
	duet_op_inline(&trial.op);
	ck_assert_int_eq(trial_try(&trial), 0);
	await(&trial);
	expect(&trial, 0, DUET_COMPLETED, DUET_CAUSE_ITSELF);
}
END_TEST

START_TEST(without_threads_for_it_it_is_absent)
{
	struct trial trial;

	open_with(0);
	ck_assert_int_eq(duet_loop_capability(stage.loop, DUET_WORK), DUET_ABSENT);
	trial_init(&trial);
	duet_op_work(&trial.op, work, &call);
	ck_assert_int_eq(trial_try(&trial), -EOPNOTSUPP);
	open_with(1);
	ck_assert_int_eq(duet_loop_capability(stage.loop, DUET_WORK), DUET_EMULATED);
	duet_op_work(&trial.op, NULL, &call);
	ck_assert_int_eq(trial_try(&trial), -EINVAL);
	ck_assert_uint_eq(call.times, 0);
}
END_TEST

START_TEST(more_threads_than_a_pool_may_have_are_refused)
{
	struct duet_loop_options options;
	struct duet_loop *loop;

	duet_loop_options_init(&options);
	options.work_threads = 65;
	ck_assert_int_eq(duet_loop_create(&loop, stage.arm->backend(), &options), -EINVAL);
	ck_assert_ptr_null(loop);
}
END_TEST

/* Either no worker had begun it, or it has run to its end. */
static void stopped_or_done(const struct trial *trial, int error, enum duet_cause cause)
{
	if (atomic_load(&call.times))
		expect(trial, 0, DUET_COMPLETED, DUET_CAUSE_ITSELF);
	else
		expect(trial, error, DUET_UNTOUCHED, cause);
}

START_TEST(a_cancel_leaves_it_undone_or_has_it_done)
{
	struct trial trial;

	for (unsigned i = 0; i < 20; i++) {
		open_with(1);
		start(&trial, work);
		for (unsigned turns = i % 4; turns; turns--)
			stage_settle(1);
		trial_cancel(&trial);
		trial_cancel(&trial);
		await(&trial);
		stopped_or_done(&trial, -ECANCELED, DUET_CAUSE_CANCEL);
		ck_assert_uint_le(atomic_load(&call.times), 1);
	}
}
END_TEST

START_TEST(so_does_a_deadline)
{
	struct trial trial;

	open_with(1);
	trial_init(&trial);
	duet_op_work(&trial.op, work, &call);
	duet_op_deadline(&trial.op, 1);
	trial_start(&trial);
	await(&trial);
	stopped_or_done(&trial, -ETIMEDOUT, DUET_CAUSE_DEADLINE);
}
END_TEST

static struct duet_scope scope;
static unsigned joins;

static void joined(struct duet_scope *ended)
{
	(void)ended;
	joins++;
}

START_TEST(it_is_a_member_of_a_scope_as_any_other)
{
	struct duet_member member = { 0 };
	struct trial trial;

	open_with(1);
	joins = 0;
	call.result = -EDOM;
	ck_assert_int_eq(duet_scope_open(&scope, stage.loop, NULL, NULL), 0);
	trial_init(&trial);
	duet_op_work(&trial.op, work, &call);
	ck_assert_int_eq(duet_scope_start(&scope, &member, &trial.op), 0);
	ck_assert_int_eq(duet_scope_join(&scope, joined), 0);
	turn_until(joins == 1);
	expect(&trial, -EDOM, DUET_FAILED, DUET_CAUSE_ITSELF);
	ck_assert_int_eq(scope.result, -EDOM);
}
END_TEST

struct worker {
	struct duet_coroutine coroutine; /* first */
	struct duet_coroutine_task task;
	struct duet_op op;
	unsigned done;
};

static DUET_COROUTINE(work_often)
{
	DUET_BEGIN(struct worker, self);
	for (; self->done < 10; self->done++) {
		duet_op_work(&self->op, work, &call);
		DUET_AWAIT(&self->op);
		if (DUET_RESULT < 0)
			DUET_RETURN(DUET_RESULT);
	}
	DUET_END;
}

START_TEST(a_task_waits_for_it)
{
	struct worker workers[3] = { 0 };
	struct duet_scheduler scheduler;
	struct duet_stats stats;

	open_with(2);
	ck_assert_int_eq(duet_scheduler_init(&scheduler, stage.loop, NULL), 0);
	for (unsigned i = 0; i < 3; i++) {
		duet_op_init(&workers[i].op, NULL, NULL);
		duet_coroutine_init(&workers[i].coroutine, work_often);
		duet_coroutine_task_init(&workers[i].task, &workers[i].coroutine);
		ck_assert_int_eq(duet_task_spawn(&scheduler, NULL, &workers[i].task.task), 0);
	}
	turn_until(scheduler.live == 0);
	ck_assert_uint_eq(call.times, 30);
	duet_loop_stats(stage.loop, &stats);
	ck_assert_uint_eq(stats.worker, 30);
}
END_TEST

START_TEST(a_loop_goes_only_when_all_is_done)
{
	struct trial trials[3];

	open_with(1);
	for (unsigned i = 0; i < 3; i++)
		start(&trials[i], work);
	ck_assert_int_eq(duet_loop_destroy(stage.loop), -EBUSY);
	ck_assert_int_eq(duet_loop_shutdown(stage.loop, DUET_NO_DEADLINE), 0);
	for (unsigned i = 0; i < 3; i++) {
		ck_assert_uint_eq(trials[i].ends, 1);
		ck_assert(trials[i].op.result == 0 || trials[i].op.cause == DUET_CAUSE_SHUTDOWN);
	}
	stage_reopen(NULL, NULL);
}
END_TEST

/* ---- With real threads. ---- */

START_TEST(once_begun_it_runs_to_its_end)
{
	struct trial trial;

	open_with(1);
	start(&trial, work_long);
	sem_wait(&begun);
	trial_cancel(&trial);
	stage_settle(3);
	ck_assert_uint_eq(trial.ends, 0);
	sem_post(&may_end);
	await(&trial);
	expect(&trial, 0, DUET_COMPLETED, DUET_CAUSE_ITSELF);
	ck_assert_uint_eq(call.times, 1);
}
END_TEST

START_TEST(what_it_returns_then_is_no_stop_whatever_it_is)
{
	struct trial trial;

	open_with(1);
	call.result = -ECANCELED;
	start(&trial, work_long);
	sem_wait(&begun);
	trial_cancel(&trial);
	sem_post(&may_end);
	await(&trial);
	expect(&trial, -ECANCELED, DUET_FAILED, DUET_CAUSE_ITSELF);
}
END_TEST

START_TEST(also_beyond_its_deadline)
{
	struct trial trial;

	open_with(1);
	trial_init(&trial);
	duet_op_work(&trial.op, work_long, &call);
	duet_op_deadline(&trial.op, duet_loop_now_ns(stage.loop) + 1000000);
	trial_start(&trial);
	sem_wait(&begun);
	turn_until(duet_loop_now_ns(stage.loop) > trial.op.deadline_ns);
	stage_settle(2);
	ck_assert_uint_eq(trial.ends, 0);
	sem_post(&may_end);
	await(&trial);
	expect(&trial, 0, DUET_COMPLETED, DUET_CAUSE_ITSELF);
}
END_TEST

START_TEST(what_waits_for_a_worker_is_taken_out_of_the_line)
{
	struct trial busy[2], cancelled, late, last;

	open_with(2);
	for (unsigned i = 0; i < 2; i++) {
		start(&busy[i], work_long);
		sem_wait(&begun);
	}
	start(&cancelled, work);
	trial_init(&late);
	duet_op_work(&late.op, work, &call);
	duet_op_deadline(&late.op, duet_loop_now_ns(stage.loop) + 1000000);
	trial_start(&late);
	start(&last, work);
	trial_cancel(&cancelled);
	await(&cancelled);
	expect(&cancelled, -ECANCELED, DUET_UNTOUCHED, DUET_CAUSE_CANCEL);
	await(&late);
	expect(&late, -ETIMEDOUT, DUET_UNTOUCHED, DUET_CAUSE_DEADLINE);
	ck_assert_uint_eq(call.times, 0);
	sem_post(&may_end);
	await(&last);
	expect(&last, 0, DUET_COMPLETED, DUET_CAUSE_ITSELF);
	sem_post(&may_end);
	await(&busy[0]);
	await(&busy[1]);
	ck_assert_uint_eq(call.times, 3);
}
END_TEST

START_TEST(a_shutdown_waits_for_what_has_begun)
{
	struct trial running, waiting;

	open_with(1);
	start(&running, work_long);
	sem_wait(&begun);
	start(&waiting, work);
	ck_assert_int_eq(duet_loop_shutdown(stage.loop, duet_loop_now_ns(stage.loop) + 1000000),
		-EBUSY);
	ck_assert_int_eq(duet_loop_destroy(stage.loop), -EBUSY);
	expect(&waiting, -ECANCELED, DUET_UNTOUCHED, DUET_CAUSE_SHUTDOWN);
	ck_assert_uint_eq(running.ends, 0);
	sem_post(&may_end);
	ck_assert_int_eq(duet_loop_shutdown(stage.loop, DUET_NO_DEADLINE), 0);
	expect(&running, 0, DUET_COMPLETED, DUET_CAUSE_ITSELF);
	stage_reopen(NULL, NULL);
}
END_TEST

START_TEST(as_many_at_once_as_there_are_threads)
{
	struct trial trials[6];
	int more;

	open_with(3);
	for (unsigned i = 0; i < 6; i++)
		start(&trials[i], work_long);
	for (unsigned i = 0; i < 3; i++)
		sem_wait(&begun);
	sem_getvalue(&begun, &more);
	ck_assert_int_eq(more, 0);
	for (unsigned i = 0; i < 6; i++)
		sem_post(&may_end);
	for (unsigned i = 0; i < 6; i++)
		await(&trials[i]);
	ck_assert_uint_eq(call.times, 6);
}
END_TEST

/* A pool for work doesn't change what files are to this backend. */
START_TEST(files_go_where_they_went)
{
	static const enum duet_kind files[] = { DUET_READ, DUET_WRITE, DUET_OPEN, DUET_FSYNC };
	enum duet_capability before[4];
	struct duet_stats stats;
	struct trial trial;

	open_with(0);
	for (unsigned i = 0; i < 4; i++)
		before[i] = duet_loop_capability(stage.loop, files[i]);
	open_with(2);
	for (unsigned i = 0; i < 4; i++)
		ck_assert_int_eq(duet_loop_capability(stage.loop, files[i]), before[i]);
	trial_init(&trial);
	duet_op_open(&trial.op, AT_FDCWD, "/", O_RDONLY, 0);
	if (before[2] == DUET_ABSENT) {
		ck_assert_int_eq(trial_try(&trial), -EOPNOTSUPP);
		return;
	}
	ck_assert_int_eq(trial_run(&trial), 0);
	handle_close(trial.op.made);
	duet_loop_stats(stage.loop, &stats);
	ck_assert_uint_eq(stats.worker, 0);
}
END_TEST

int main(void)
{
	return contract_run("work",
		CASES(what_it_returns_is_the_result, an_error_that_it_returns_is_its_own,
			it_has_a_stack_to_speak_of,
			it_never_ends_in_its_start, without_threads_for_it_it_is_absent,
			more_threads_than_a_pool_may_have_are_refused,
			a_cancel_leaves_it_undone_or_has_it_done, so_does_a_deadline,
			it_is_a_member_of_a_scope_as_any_other, a_task_waits_for_it,
			a_loop_goes_only_when_all_is_done),
		CASES(once_begun_it_runs_to_its_end, what_it_returns_then_is_no_stop_whatever_it_is,
			also_beyond_its_deadline,
			what_waits_for_a_worker_is_taken_out_of_the_line,
			a_shutdown_waits_for_what_has_begun, as_many_at_once_as_there_are_threads,
			files_go_where_they_went));
}
