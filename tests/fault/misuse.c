/* SPDX-FileCopyrightText: The Duet authors */
/* SPDX-License-Identifier: MIT */
#include <pthread.h>
#include <signal.h>
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
	static const struct duet_task_model careless = { "careless", leave_a_scope };
	struct duet_scheduler scheduler;
	struct duet_task task;

	duet_scheduler_init(&scheduler, stage.loop, NULL);
	duet_task_init(&task, &careless);
	task.name = "careless one";
	duet_task_spawn(&scheduler, NULL, &task);
	duet_loop_run(stage.loop);
}

/* In other builds: tests/contract/task_children.c. */
START_TEST(a_task_that_ends_before_its_scopes_is_named_and_stopped)
{
	if (STOPS)
		ck_assert(stopped(end_before_a_scope, "careless one"));
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
			a_buffer_that_is_not_held_is_refused_or_stopped,
			a_member_that_leaves_twice_has_left_once_or_is_stopped,
			a_step_that_is_registered_twice_is_named_and_stopped,
			a_task_that_ends_before_its_scopes_is_named_and_stopped,
			an_operation_that_was_never_initialised_is_not_started));
}
