/* SPDX-FileCopyrightText: The Duet authors */
/* SPDX-License-Identifier: MIT */
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/support/harness.h"

/* Misuse: refused where that is free, and named and stopped in debug builds. */

#ifdef DUET_DEBUG
#define STOPS 1
#else
#define STOPS 0
#endif

static struct duet_loop *target;

/* For who forks: a child may wait for ever for a lock that a thread of its parent's held just then,
 * of the sanitizer's, say. */
static struct duet_loop_options without_workers(void)
{
	struct duet_loop_options options;

	duet_loop_options_init(&options);
	options.worker_threads = 0;
	return options;
}

static void *start_elsewhere(void *argument)
{
	duet_op_start(target, argument);
	return NULL;
}

static void wrong_thread(void)
{
	struct duet_op op;
	pthread_t thread;

	target = stage.loop;
	duet_op_init(&op, NULL, NULL);
	duet_op_nop(&op);
	if (pthread_create(&thread, NULL, start_elsewhere, &op) == 0)
		pthread_join(thread, NULL);
}

/* Runs misuse() in a child and says whether it was stopped with a line that holds word. */
static bool stopped(void (*misuse)(void), const char *word)
{
	const struct duet_loop_options options = without_workers();
	char text[600] = "";
	size_t had = 0;
	ssize_t n;
	int ends[2];
	int status;
	pid_t child;

	stage_reopen(&options, NULL);
	ck_assert_int_eq(pipe(ends), 0);
	child = fork();
	if (child == 0) {
		/* Its own loop: the parent's is not a child's to use. */
		dup2(ends[1], 2);
		duet_loop_create(&stage.loop, stage.arm->backend(), &options);
		misuse();
		_exit(0);
	}
	close(ends[1]);
	while (had < sizeof(text) - 1 &&
		(n = read(ends[0], text + had, sizeof(text) - 1 - had)) > 0)
		had += (size_t)n;
	close(ends[0]);
	ck_assert_int_eq(waitpid(child, &status, 0), child);
	return WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT && strstr(text, word);
}

START_TEST(a_call_from_a_thread_that_does_not_own_the_loop_is_named_and_stopped)
{
	if (STOPS)
		ck_assert(stopped(wrong_thread, "thread"));
}
END_TEST

static void return_a_stranger(void)
{
	struct duet_buffer foreign = { NULL, 1, 0, 0, 0 };
	struct duet_pool *pool;

	duet_pool_create(stage.loop, 2, 64, &pool);
	if (duet_buffer_return(stage.loop, &foreign) != -EINVAL)
		_exit(1);
}

START_TEST(a_buffer_that_is_not_held_is_refused_or_stopped)
{
	if (STOPS)
		ck_assert(stopped(return_a_stranger, "buffer"));
	else
		return_a_stranger();
}
END_TEST

static struct duet_scope scope;
static struct duet_member member;
static struct duet_cleanup step;

static void ask_nothing(struct duet_member *asked, enum duet_cause cause)
{
	(void)asked;
	(void)cause;
}

static void leave_twice(void)
{
	duet_scope_open(&scope, stage.loop, NULL, NULL);
	duet_scope_enter(&scope, &member, ask_nothing);
	duet_member_leave(&member, 0);
	duet_member_leave(&member, 0);
}

static void joined(struct duet_scope *ended)
{
	(void)ended;
}

START_TEST(a_member_that_leaves_twice_has_left_once_or_is_stopped)
{
	if (STOPS) {
		ck_assert(stopped(leave_twice, "member"));
		return;
	}
	leave_twice();
	ck_assert_int_eq(duet_scope_join(&scope, joined), 0);
	ck_assert_int_eq(duet_loop_shutdown(stage.loop, DUET_NO_DEADLINE), 0);
	ck_assert_int_eq(scope.result, 0);
}
END_TEST

static void register_twice(void)
{
	struct duet_cleanup behind;

	duet_scope_open(&scope, stage.loop, NULL, NULL);
	duet_scope_defer(&scope, &step);
	duet_scope_defer(&scope, &behind);
	duet_scope_defer(&scope, &step);
}

START_TEST(a_step_that_is_registered_twice_is_named_and_stopped)
{
	if (STOPS)
		ck_assert(stopped(register_twice, "registered already"));
}
END_TEST

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

/* On a loop of the child's own, which goes as it came. */
static bool starts_garbage(const struct duet_loop_options *options)
{
	struct duet_loop *loop;
	struct duet_op op;
	bool refused;

	memset(&op, 0xff, sizeof(op));
	if (duet_loop_create(&loop, stage.arm->backend(), options))
		return true;
	refused = duet_op_start(loop, &op) == -EBUSY;
	return duet_loop_destroy(loop) || !refused;
}

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

static struct duet_op waiting;

/* Of whatever primitive: what it says is common to all. */
static void end_under_a_waiter(void)
{
	struct duet_notify notify;

	duet_notify_init(&notify, stage.loop);
	duet_op_init(&waiting, NULL, NULL);
	duet_op_notified(&waiting, &notify);
	duet_op_start(stage.loop, &waiting);
	duet_notify_fini(&notify);
}

/* Which hasn't come yet. */
static void end_under_a_visitor(void)
{
	struct duet_notify notify;
	struct duet_loop *home;

	duet_loop_create(&home, stage.arm->backend(), NULL);
	duet_notify_init(&notify, stage.loop);
	duet_op_init(&waiting, NULL, NULL);
	duet_op_notified(&waiting, &notify);
	duet_op_start(home, &waiting);
	duet_notify_fini(&notify);
}

/* In other builds, here and below: tests/contract/primitive.c, primitive_turns.c, primitive_loops.c. */
START_TEST(a_primitive_that_ends_while_somebody_waits_is_named_and_stopped)
{
	if (!STOPS)
		return;
	ck_assert(stopped(end_under_a_waiter, "(notified)"));
	ck_assert(stopped(end_under_a_visitor, "1 operations of other loops"));
}
END_TEST

static void wake_by_nothing(void)
{
	struct duet_notify notify = { 0 };

	duet_notify_one(&notify);
}

static void give_back_after_the_end(void)
{
	struct duet_semaphore semaphore;

	duet_semaphore_init(&semaphore, stage.loop, 0);
	duet_semaphore_fini(&semaphore);
	duet_semaphore_release(&semaphore, 1);
}

START_TEST(a_primitive_that_is_used_outside_of_its_life_is_named_and_stopped)
{
	if (!STOPS)
		return;
	ck_assert(stopped(wake_by_nothing, "a primitive that was never initialised"));
	ck_assert(stopped(give_back_after_the_end, "or has ended"));
}
END_TEST

static void unlock_another_s(void)
{
	struct duet_mutex mutex;

	duet_mutex_init(&mutex, stage.loop);
	duet_mutex_try_lock(&mutex, &scope);
	duet_mutex_unlock(&mutex, &member);
}

static void unlock_nobody_s(void)
{
	struct duet_mutex mutex;

	duet_mutex_init(&mutex, stage.loop);
	duet_mutex_unlock(&mutex, &member);
}

static void end_while_locked(void)
{
	struct duet_mutex mutex;

	duet_mutex_init(&mutex, stage.loop);
	duet_mutex_try_lock(&mutex, &scope);
	duet_mutex_fini(&mutex);
}

START_TEST(an_unlock_by_another_names_the_owner_and_is_stopped)
{
	char owner[32];

	snprintf(owner, sizeof(owner), "is locked by %p", (void *)&scope);
	if (STOPS)
		ck_assert(stopped(unlock_another_s, owner));
	if (STOPS)
		ck_assert(stopped(end_while_locked, owner));
	if (STOPS)
		ck_assert(stopped(unlock_nobody_s, "isn't locked"));
}
END_TEST

static void do_more_than_there_is(void)
{
	struct duet_wait_group group;

	duet_wait_group_init(&group, stage.loop);
	duet_wait_group_add(&group, 1);
	duet_wait_group_done(&group);
	duet_wait_group_done(&group);
}

START_TEST(more_that_is_done_than_was_added_is_named_and_stopped)
{
	if (STOPS)
		ck_assert(stopped(do_more_than_there_is, "wait group"));
}
END_TEST

static void end_a_mailbox_with_a_letter(void)
{
	struct duet_mailbox mailbox;
	struct duet_letter letter = { .kind = 0 };

	duet_mailbox_init(&mailbox, stage.loop, 1);
	duet_mailbox_try_tell(&mailbox, &letter);
	duet_mailbox_fini(&mailbox);
}

START_TEST(a_mailbox_that_ends_with_letters_is_named_and_stopped)
{
	if (STOPS)
		ck_assert(stopped(end_a_mailbox_with_a_letter, "1 letters"));
}
END_TEST

static struct duet_shard_message last_words;

static void post_to_itself(struct duet_shard *shard)
{
	duet_shard_post(shard, &last_words);
}

/* Otherwise nothing happens. */
static void post_when_all_is_over(void)
{
	const struct duet_backend *backend = stage.arm->backend();
	struct duet_shards_options options;
	struct duet_shards *shards;

	duet_shards_options_init(&options);
	options.count = 2;
	options.backends = &backend;
	options.backend_count = 1;
	options.end = post_to_itself;
	if (duet_shards_create(&shards, &options) == 0)
		duet_shards_join(shards, NULL);
}

START_TEST(a_message_to_who_is_over_is_named_and_stopped)
{
	if (STOPS)
		ck_assert(stopped(post_when_all_is_over, "when all of them are over"));
	else
		post_when_all_is_over();
}
END_TEST

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

START_TEST(an_operation_that_was_never_initialised_is_not_started)
{
	const struct duet_loop_options options = without_workers();
	int status;
	pid_t child;

	stage_reopen(&options, NULL);
	child = fork();
	if (child == 0)
		_exit(starts_garbage(&options));
	ck_assert_int_eq(waitpid(child, &status, 0), child);
	ck_assert_int_eq(status, 0);
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
	return contract_run("misuse", NULL,
		CASES(a_call_from_a_thread_that_does_not_own_the_loop_is_named_and_stopped,
			a_buffer_that_is_not_held_is_refused_or_stopped,
			a_member_that_leaves_twice_has_left_once_or_is_stopped,
			a_step_that_is_registered_twice_is_named_and_stopped,
			an_operation_that_is_awaited_twice_is_named_and_stopped,
			a_return_in_a_finally_section_ends_at_once_or_is_stopped,
			a_frame_that_is_returned_twice_is_refused_or_stopped,
			a_frame_that_is_under_way_begins_nowhere_else_or_is_stopped,
			a_task_that_ends_before_its_scopes_is_named_and_stopped,
			what_a_task_does_out_of_turn_is_named_and_stopped,
			a_coroutine_that_ends_while_it_waits_is_stopped,
			a_primitive_that_ends_while_somebody_waits_is_named_and_stopped,
			a_primitive_that_is_used_outside_of_its_life_is_named_and_stopped,
			an_unlock_by_another_names_the_owner_and_is_stopped,
			more_that_is_done_than_was_added_is_named_and_stopped,
			a_mailbox_that_ends_with_letters_is_named_and_stopped,
			a_message_to_who_is_over_is_named_and_stopped,
			a_letter_is_answered_once_when_it_was_taken,
			an_operation_that_was_never_initialised_is_not_started,
			a_future_that_is_polled_after_ready_says_the_same_or_is_stopped,
			a_future_that_is_dropped_while_pending_is_refused_or_stopped,
			a_future_that_is_reset_while_pending_is_pending_or_stopped,
			a_waker_that_another_thread_wakes_is_named_and_stopped,
			a_future_that_is_awaited_twice_is_refused_or_stopped,
			a_share_in_a_waker_that_is_used_after_its_drop_is_nothing_or_stopped));
}
