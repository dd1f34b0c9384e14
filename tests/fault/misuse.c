/* SPDX-FileCopyrightText: The Duet authors */
/* SPDX-License-Identifier: MIT */
#include <pthread.h>
#include <stdio.h>

#include "tests/fault/misuse.h"

/* Misuse: refused where that is free, and named and stopped in debug builds. */

static struct duet_loop *target;

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

START_TEST(a_call_from_a_thread_that_does_not_own_the_loop_is_named_and_stopped)
{
	if (STOPS)
		ck_assert(stopped(wrong_thread, "thread"));
}
END_TEST

static void *move_elsewhere(void *argument)
{
	duet_op_timeout_update(argument, 0);
	return NULL;
}

static void moved_by_another_thread(void)
{
	struct duet_op op;
	pthread_t thread;

	duet_op_init(&op, NULL, NULL);
	duet_op_timeout(&op, UINT64_MAX);
	duet_op_start(stage.loop, &op);
	if (pthread_create(&thread, NULL, move_elsewhere, &op) == 0)
		pthread_join(thread, NULL);
}

START_TEST(a_timeout_that_another_thread_moves_is_named_and_stopped)
{
	if (STOPS)
		ck_assert(stopped(moved_by_another_thread, "thread"));
}
END_TEST

static void return_a_stranger(void)
{
	struct duet_buffer foreign = { .length_bytes = 1 };
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

int main(void)
{
	return contract_run("misuse", NULL,
		CASES(a_call_from_a_thread_that_does_not_own_the_loop_is_named_and_stopped,
			a_timeout_that_another_thread_moves_is_named_and_stopped,
			a_buffer_that_is_not_held_is_refused_or_stopped,
			a_member_that_leaves_twice_has_left_once_or_is_stopped,
			a_step_that_is_registered_twice_is_named_and_stopped,
			a_primitive_that_ends_while_somebody_waits_is_named_and_stopped,
			a_primitive_that_is_used_outside_of_its_life_is_named_and_stopped,
			an_unlock_by_another_names_the_owner_and_is_stopped,
			more_that_is_done_than_was_added_is_named_and_stopped,
			a_mailbox_that_ends_with_letters_is_named_and_stopped,
			a_message_to_who_is_over_is_named_and_stopped,
			an_operation_that_was_never_initialised_is_not_started));
}
