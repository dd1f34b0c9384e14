/* SPDX-FileCopyrightText: The Duet authors */
/* SPDX-License-Identifier: MIT */
#include "tests/support/fibers.h"

/* One line in which every model waits: a callback, a coroutine, a future and a fiber, for permits of their
 * own loop's semaphore or of another's. Of C++: tests/cxx/sync.cpp. */

enum model { CALLBACK, COROUTINE, FUTURE, FIBER, MODELS };

static const char *const names[MODELS] = { "callback", "coroutine", "future", "fiber" };

struct waiting {
	struct duet_coroutine coroutine; /* first */
	struct duet_coroutine_task task;
	struct duet_op op;
};

static struct waiting coroutine;
static struct duet_op_future future;
static struct duet_future_task future_task;
static struct duet_fiber fiber;
static struct duet_op callback;

/* What each was told, and the how-many-th it was; 0: nothing yet. */
static struct {
	int32_t result;
	unsigned rank;
} told[MODELS];
static unsigned ends;

static struct duet_loop *other;
static struct duet_semaphore semaphore;

static void tell(enum model model, int32_t result)
{
	told[model].result = result;
	told[model].rank = ++ends;
}

static void called_back(struct duet_op *op)
{
	tell(CALLBACK, op->result);
}

static void ended(struct duet_task *task)
{
	tell(task == &coroutine.task.task ? COROUTINE : task == &fiber.task ? FIBER : FUTURE,
		task->result);
}

static DUET_COROUTINE(acquire_one)
{
	DUET_BEGIN(struct waiting, self);
	duet_op_acquire(&self->op, &semaphore, 1);
	DUET_AWAIT(&self->op);
	DUET_RETURN(DUET_RESULT);
	DUET_END;
}

static int acquire_by_fiber(struct duet_loop *loop, void *argument)
{
	struct duet_op op;

	(void)argument;
	duet_op_init(&op, NULL, NULL);
	duet_op_acquire(&op, &semaphore, 1);
	return duet_fiber_await(loop, &op);
}

static struct duet_task *task_of(enum model model)
{
	return model == COROUTINE ? &coroutine.task.task
	       : model == FUTURE  ? &future_task.task
				  : &fiber.task;
}

static void make_task(enum model model)
{
	if (model == COROUTINE) {
		duet_op_init(&coroutine.op, NULL, NULL);
		duet_coroutine_init(&coroutine.coroutine, acquire_one);
		duet_coroutine_task_init(&coroutine.task, &coroutine.coroutine);
	} else if (model == FUTURE) {
		duet_op_future_init(&future);
		duet_op_acquire(&future.op, &semaphore, 1);
		duet_future_task_init(&future_task, &future.future);
	} else {
		duet_fiber_init(&fiber, acquire_by_fiber, NULL);
	}
	task_of(model)->ended = ended;
}

static void start(enum model model)
{
	int error;

	if (model == CALLBACK) {
		duet_op_init(&callback, called_back, NULL);
		duet_op_acquire(&callback, &semaphore, 1);
		error = duet_op_start(stage.loop, &callback);
	} else {
		make_task(model);
		error = model == FIBER
				? duet_fiber_spawn(&fibers_scheduler, NULL, fibers_stacks, &fiber)
				: duet_task_spawn(&fibers_scheduler, NULL, task_of(model));
	}
	ck_assert_int_eq(error, 0);
}

static void stop(enum model model)
{
	if (model == CALLBACK)
		duet_op_cancel(&callback);
	else
		duet_task_cancel(task_of(model));
}

/* Until everybody has heard everything. */
static void settle(void)
{
	for (unsigned i = 0; i < 4; i++) {
		if (other)
			ck_assert_int_ge(duet_loop_turn(other, 0), 0);
		stage_settle(1);
	}
}

/* All stand in line, from the first model on and round. */
static void line_up(unsigned first)
{
	memset(told, 0, sizeof(told));
	ends = 0;
	duet_semaphore_init(&semaphore, other ? other : stage.loop, 0);
	for (unsigned i = 0; i < MODELS; i++) {
		start((first + i) % MODELS);
		settle();
	}
	ck_assert_uint_eq(ends, 0);
}

static void expect_told(enum model model, int32_t result, unsigned rank)
{
	ck_assert_msg(told[model].result == result && (!rank || told[model].rank == rank),
		"on %s, %s: a %s was told %d as number %u, not %d as number %u", stage.arm->name,
		other ? "another's" : "its own", names[model], told[model].result,
		told[model].rank, result, rank);
}

static void disperse(void)
{
	settle();
	ck_assert_uint_eq(ends, MODELS);
	ck_assert_uint_eq(semaphore.permits, 0);
	ck_assert_int_eq(duet_semaphore_fini(&semaphore), 0);
}

static void release(uint32_t permits)
{
	ck_assert_int_eq(duet_semaphore_release(&semaphore, permits), 0);
}

/* play() with the semaphore on the loop where they wait, and on another. */
static void play_on_both(void (*play)(unsigned first))
{
	for (unsigned on_another = 0; on_another < 2; on_another++) {
		fibers_open(1);
		other = NULL;
		if (on_another)
			ck_assert_int_eq(duet_loop_create(&other, stage.arm->backend(), NULL), 0);
		for (unsigned first = 0; first < MODELS; first++)
			play(first);
		fibers_close();
		ck_assert_int_eq(duet_loop_destroy(other), 0);
	}
}

static void play_order(unsigned first)
{
	line_up(first);
	for (unsigned i = 0; i < MODELS; i++) {
		release(1);
		settle();
		expect_told((first + i) % MODELS, 0, i + 1);
	}
	disperse();
}

START_TEST(all_models_are_served_in_the_order_in_which_they_came)
{
	play_on_both(play_order);
}
END_TEST

/* It is the first in line: the next gets what would have been its own. */
static void play_stop(unsigned first)
{
	line_up(first);
	stop(first);
	settle();
	expect_told(first, -ECANCELED, 1);
	for (unsigned i = 1; i < MODELS; i++) {
		release(1);
		settle();
		expect_told((first + i) % MODELS, 0, i + 1);
	}
	disperse();
}

START_TEST(who_is_stopped_has_taken_nothing_whatever_its_model)
{
	play_on_both(play_stop);
}
END_TEST

static void play_meeting(unsigned first)
{
	line_up(first);
	release(MODELS);
	for (unsigned i = 0; i < MODELS; i++)
		stop(i);
	settle();
	for (unsigned i = 0; i < MODELS; i++)
		expect_told(i, 0, 0);
	disperse();
}

START_TEST(what_was_granted_before_the_request_is_handed_over_whatever_its_model)
{
	play_on_both(play_meeting);
}
END_TEST

int main(void)
{
	return contract_run("primitive_models",
		CASES(all_models_are_served_in_the_order_in_which_they_came,
			who_is_stopped_has_taken_nothing_whatever_its_model,
			what_was_granted_before_the_request_is_handed_over_whatever_its_model),
		NULL);
}
