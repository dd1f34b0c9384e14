/* SPDX-FileCopyrightText: The Duet authors */
/* SPDX-License-Identifier: MIT */
#include <pthread.h>

#include "tests/fault/misuse.h"

/* Misuse of what stands above operations: refused where that is free, and named and stopped in debug
 * builds. */

/* ---- Futures. ---- */

static struct duet_event_future waited_for;
static struct duet_child child_of[1];
static struct duet_join_future join;
static struct duet_future_task first_task, second_task;
static struct duet_scheduler executor;

static void hear_nothing(struct duet_waker *waker)
{
	(void)waker;
}

static struct duet_waker deaf = { .wake = hear_nothing };

static void make_join(struct duet_context *context)
{
	*context = context_of(&deaf);
	duet_event_future_init(&waited_for);
	child_of[0].future = &waited_for.future;
	duet_join_future_init(&join, child_of, 1);
}

static void poll_after_ready(void)
{
	struct duet_context context;

	make_join(&context);
	duet_event_future_set(&waited_for, 0);
	for (int i = 0; i < 2; i++)
		if (duet_future_poll(&join.future, &context) != DUET_READY)
			_exit(1);
}

START_TEST(a_future_that_is_polled_after_ready_says_the_same_or_is_stopped)
{
	if (STOPS)
		ck_assert(stopped(poll_after_ready, "polled again"));
	else
		poll_after_ready();
}
END_TEST

static void drop_while_pending(void)
{
	struct duet_context context;

	make_join(&context);
	duet_future_poll(&join.future, &context);
	if (duet_future_drop(&join.future) != -EBUSY)
		_exit(1);
}

START_TEST(a_future_that_is_dropped_while_pending_is_refused_or_stopped)
{
	if (STOPS)
		ck_assert(stopped(drop_while_pending, "dropped while it is pending"));
	else
		drop_while_pending();
}
END_TEST

static struct duet_op_future timer;

static void *wake_elsewhere(void *waker)
{
	duet_waker_wake(waker);
	return NULL;
}

static void wake_from_another_thread(void)
{
	pthread_t thread;

	duet_scheduler_init(&executor, stage.loop, NULL);
	duet_event_future_init(&waited_for);
	duet_future_task_init(&first_task, &waited_for.future);
	duet_task_spawn(&executor, NULL, &first_task.task);
	stage_settle(3);
	if (pthread_create(&thread, NULL, wake_elsewhere, &first_task.task.waker) == 0)
		pthread_join(thread, NULL);
}

START_TEST(a_waker_that_another_thread_wakes_is_named_and_stopped)
{
	if (STOPS)
		ck_assert(stopped(wake_from_another_thread, "duet_shared_waker_wake()"));
}
END_TEST

static void reset_while_pending(void)
{
	struct duet_context context = context_of(&deaf);

	duet_timer_future_init(&timer, DUET_NO_DEADLINE - 1);
	duet_future_poll(&timer.future, &context);
	duet_op_future_reset(&timer);
	if (duet_future_poll(&timer.future, &context) != DUET_PENDING)
		_exit(1);
}

/* What is lent stays so. */
START_TEST(a_future_that_is_reset_while_pending_is_pending_or_stopped)
{
	struct duet_context context = context_of(&deaf);

	if (STOPS) {
		ck_assert(stopped(reset_while_pending, "reset while it is pending"));
		return;
	}
	reset_while_pending();
	while (duet_future_poll_cancel(&timer.future, &context) == DUET_PENDING)
		stage_turn();
}
END_TEST

static void await_twice(void)
{
	duet_scheduler_init(&executor, stage.loop, NULL);
	duet_event_future_init(&waited_for);
	duet_future_task_init(&first_task, &waited_for.future);
	duet_future_task_init(&second_task, &waited_for.future);
}

START_TEST(a_future_that_is_awaited_twice_is_refused_or_stopped)
{
	if (STOPS) {
		ck_assert(stopped(await_twice, "awaited already"));
		return;
	}
	await_twice();
	ck_assert_int_eq(duet_task_spawn(&executor, NULL, &second_task.task), 0);
	turn_until(executor.live == 0);
	ck_assert_int_eq(second_task.task.result, -EBUSY);
}
END_TEST

static void wake_after_drop(void)
{
	struct duet_scheduler_options options;
	struct duet_shared_waker share;

	duet_scheduler_options_init(&options);
	options.shared_max = 1;
	duet_scheduler_init(&executor, stage.loop, &options);
	duet_waker_share(&executor, &deaf, &share);
	duet_shared_waker_drop(&share);
	duet_shared_waker_wake(&share);
	duet_waker_unshare(&executor, &deaf);
}

START_TEST(a_share_in_a_waker_that_is_used_after_its_drop_is_nothing_or_stopped)
{
	if (STOPS) {
		ck_assert(stopped(wake_after_drop, "was dropped before"));
		return;
	}
	wake_after_drop();
	ck_assert_int_eq(duet_scheduler_fini(&executor), 0);
}
END_TEST

/* ---- Tasks, and their scopes. ---- */

static struct duet_scope left_scope;

static enum duet_readiness leave_a_scope(struct duet_task *task)
{
	duet_task_scope_open(task, &left_scope, NULL);
	return DUET_READY;
}

static void end_before_a_scope(void)
{
	static const struct duet_task_model careless = { .name = "careless", .step = leave_a_scope };
	struct duet_scheduler own;
	struct duet_task task;

	duet_scheduler_init(&own, stage.loop, NULL);
	duet_task_init(&task, &careless);
	task.name = "careless one";
	duet_task_spawn(&own, NULL, &task);
	duet_loop_run(stage.loop);
}

/* In other builds: tests/contract/task_children.c. */
START_TEST(a_task_that_ends_before_its_scopes_is_named_and_stopped)
{
	if (STOPS)
		ck_assert(stopped(end_before_a_scope, "careless one"));
}
END_TEST

static enum duet_readiness unshield(struct duet_task *task)
{
	duet_task_unshield(task, 0);
	return DUET_READY;
}

static enum duet_readiness wait_twice(struct duet_task *task)
{
	static struct duet_op ops[2];
	int32_t result;

	for (unsigned i = 0; i < 2; i++) {
		duet_op_init(&ops[i], NULL, NULL);
		duet_op_timeout(&ops[i], DUET_NO_DEADLINE);
		duet_task_await(task, &ops[i], &result);
	}
	return DUET_PENDING;
}

static void run_task(enum duet_readiness (*act)(struct duet_task *task))
{
	const struct duet_task_model model = { .name = "careless", .step = act };
	struct duet_scheduler scheduler;
	struct duet_task task;

	duet_scheduler_init(&scheduler, stage.loop, NULL);
	duet_task_init(&task, &model);
	duet_task_spawn(&scheduler, NULL, &task);
	duet_loop_run(stage.loop);
}

static void end_no_shield(void)
{
	run_task(unshield);
}

static void wait_for_two(void)
{
	run_task(wait_twice);
}

/* In other builds: tests/contract/task.c. */
START_TEST(what_a_task_does_out_of_turn_is_named_and_stopped)
{
	if (!STOPS)
		return;
	ck_assert(stopped(end_no_shield, "in no shield"));
	ck_assert(stopped(wait_for_two, "duet_task_await()"));
}
END_TEST

/* ---- A coroutine that waits, and goes on as if it did not. ---- */

struct hasty {
	struct duet_coroutine coroutine; /* first */
	struct duet_op op;
};

static DUET_COROUTINE(wait_and_end)
{
	DUET_BEGIN(struct hasty, self);
	duet_op_timeout(&self->op, DUET_NO_DEADLINE);
	duet_coroutine_await(&self->coroutine, &self->op);
	DUET_END;
}

static void run_hasty(void)
{
	struct duet_coroutine_task task;
	struct duet_scheduler scheduler;
	struct hasty hasty;

	duet_scheduler_init(&scheduler, stage.loop, NULL);
	duet_op_init(&hasty.op, NULL, NULL);
	duet_coroutine_init(&hasty.coroutine, wait_and_end);
	duet_coroutine_task_init(&task, &hasty.coroutine);
	duet_task_spawn(&scheduler, NULL, &task.task);
	duet_loop_run(stage.loop);
}

START_TEST(a_coroutine_that_ends_while_it_waits_is_stopped)
{
	ck_assert(stopped(run_hasty, "is no legal move"));
}
END_TEST

/* ---- Letters. ---- */

static unsigned answers;

static void count_answer(struct duet_letter *letter)
{
	(void)letter;
	answers++;
}

static void answer_twice(void)
{
	struct duet_letter letter = { .answered = count_answer };
	struct duet_letter *taken;
	struct duet_mailbox mailbox;

	answers = 0;
	duet_mailbox_init(&mailbox, stage.loop, 1);
	duet_mailbox_try_tell(&mailbox, &letter);
	duet_mailbox_try_take(&mailbox, &taken);
	duet_letter_answer(taken, 1);
	duet_letter_answer(taken, 2);
	if (answers != 1 || letter.answer != 1)
		_exit(1);
}

static void answer_in_the_box(void)
{
	struct duet_letter letter = { .answered = count_answer };
	struct duet_mailbox mailbox;

	answers = 0;
	duet_mailbox_init(&mailbox, stage.loop, 1);
	duet_mailbox_try_tell(&mailbox, &letter);
	duet_letter_answer(&letter, 1);
	if (answers != 0 || mailbox.count != 1)
		_exit(1);
	duet_mailbox_refuse(&mailbox, -EPIPE);
}

START_TEST(a_letter_is_answered_once_when_it_was_taken)
{
	if (STOPS) {
		ck_assert(stopped(answer_twice, "isn't taken"));
		ck_assert(stopped(answer_in_the_box, "isn't taken"));
	} else {
		answer_twice();
		answer_in_the_box();
	}
}
END_TEST

/* ---- Coroutines. ---- */

static struct duet_scheduler scheduler;

struct broken {
	struct duet_coroutine coroutine;
	struct duet_op *op;
	bool beyond; /* the return that must not be */
};

static DUET_COROUTINE(wait_for_what_is_lent)
{
	DUET_BEGIN(struct broken, self);
	DUET_AWAIT(self->op);
	DUET_RETURN(DUET_RESULT);
	DUET_END;
}

static DUET_COROUTINE(return_after_all)
{
	DUET_BEGIN(struct broken, self);
	DUET_RETURN(1);
	DUET_FINALLY(1000000);
	DUET_RETURN(2);
	self->beyond = true;
	DUET_END_FINALLY;
}

/* Calls a frame that isn't free: its own. */
static DUET_COROUTINE(call_itself)
{
	DUET_BEGIN(struct broken, self);
	if (self->beyond)
		DUET_RETURN(1);
	self->beyond = true;
	DUET_CALL(&self->coroutine);
	DUET_RETURN(DUET_RESULT);
	DUET_END;
}

static int32_t play(struct broken *frame, duet_coroutine_fn *body)
{
	struct duet_coroutine_task task;

	duet_scheduler_init(&scheduler, stage.loop, NULL);
	duet_coroutine_init(&frame->coroutine, body);
	duet_coroutine_task_init(&task, &frame->coroutine);
	duet_task_spawn(&scheduler, NULL, &task.task);
	for (unsigned turns = 0; scheduler.live && turns < 100; turns++)
		duet_loop_turn(stage.loop, 0);
	return task.task.result;
}

static void await_an_operation_twice(void)
{
	struct duet_op op;
	struct broken frame = { .op = &op };

	duet_op_init(&op, NULL, NULL);
	duet_op_timeout(&op, DUET_NO_DEADLINE - 1);
	duet_op_start(stage.loop, &op);
	play(&frame, wait_for_what_is_lent);
}

START_TEST(an_operation_that_is_awaited_twice_is_named_and_stopped)
{
	if (STOPS)
		ck_assert(stopped(await_an_operation_twice, "nobody else can wait"));
}
END_TEST

static void call_what_is_under_way(void)
{
	struct broken frame = { .beyond = false };

	if (play(&frame, call_itself) != -EBUSY)
		_exit(1);
}

/* One frame in two tasks. */
static void spawn_what_is_under_way(void)
{
	struct duet_coroutine_task tasks[2];
	struct duet_op op;
	struct broken frame = { .op = &op };

	duet_op_init(&op, NULL, NULL);
	duet_op_timeout(&op, DUET_NO_DEADLINE - 1);
	duet_scheduler_init(&scheduler, stage.loop, NULL);
	duet_coroutine_init(&frame.coroutine, wait_for_what_is_lent);
	for (int i = 0; i < 2; i++) {
		duet_coroutine_task_init(&tasks[i], &frame.coroutine);
		duet_task_spawn(&scheduler, NULL, &tasks[i].task);
		stage_settle(3);
	}
	duet_op_cancel(&op);
	turn_until(scheduler.live == 0);
	if (tasks[0].task.result != -ECANCELED || tasks[1].task.result != -EBUSY)
		_exit(1);
}

START_TEST(a_frame_that_is_under_way_begins_nowhere_else_or_is_stopped)
{
	if (STOPS) {
		ck_assert(stopped(call_what_is_under_way, "under way"));
		ck_assert(stopped(spawn_what_is_under_way, "under way"));
	} else {
		call_what_is_under_way();
		spawn_what_is_under_way();
	}
}
END_TEST

static void return_in_a_finally_section(void)
{
	struct broken frame = { .beyond = false };

	if (play(&frame, return_after_all) != 2 || frame.beyond)
		_exit(1);
}

START_TEST(a_return_in_a_finally_section_ends_at_once_or_is_stopped)
{
	if (STOPS)
		ck_assert(stopped(return_in_a_finally_section, "finally section"));
	else
		return_in_a_finally_section();
}
END_TEST

static void return_a_frame_twice(void)
{
	struct duet_frame_pool *pool;
	void *frame;

	duet_frame_pool_create(&pool, 1, 64);
	frame = duet_frame_take(pool, 64);
	duet_frame_return(pool, frame);
	if (duet_frame_return(pool, frame) != -EINVAL || duet_frame_pool_destroy(pool))
		_exit(1);
}

START_TEST(a_frame_that_is_returned_twice_is_refused_or_stopped)
{
	if (STOPS)
		ck_assert(stopped(return_a_frame_twice, "isn't out of pool"));
	else
		return_a_frame_twice();
}
END_TEST

int main(void)
{
	return contract_run("misuse of tasks", NULL,
		CASES(an_operation_that_is_awaited_twice_is_named_and_stopped,
			a_return_in_a_finally_section_ends_at_once_or_is_stopped,
			a_frame_that_is_returned_twice_is_refused_or_stopped,
			a_frame_that_is_under_way_begins_nowhere_else_or_is_stopped,
			a_task_that_ends_before_its_scopes_is_named_and_stopped,
			what_a_task_does_out_of_turn_is_named_and_stopped,
			a_coroutine_that_ends_while_it_waits_is_stopped,
			a_letter_is_answered_once_when_it_was_taken,
			a_future_that_is_polled_after_ready_says_the_same_or_is_stopped,
			a_future_that_is_dropped_while_pending_is_refused_or_stopped,
			a_future_that_is_reset_while_pending_is_pending_or_stopped,
			a_waker_that_another_thread_wakes_is_named_and_stopped,
			a_future_that_is_awaited_twice_is_refused_or_stopped,
			a_share_in_a_waker_that_is_used_after_its_drop_is_nothing_or_stopped));
}
