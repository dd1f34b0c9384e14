/* SPDX-FileCopyrightText: The Duet authors */
/* SPDX-License-Identifier: MIT */
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/support/fibers.h"

/* What goes wrong with fibers. One that needs more stack than it has ends the process at its guard, and is
 * named if that was asked for; misuse is refused where that is possible, and named and stopped in debug
 * builds. In children: nothing comes back from there. */

#ifdef DUET_DEBUG
#define STOPS 1
#else
#define STOPS 0
#endif

static struct duet_fiber fiber;

struct last_words {
	char text[2000];
	int status;
};

/* The loop is the child's own. */
static void play(void (*act)(void), const struct duet_loop_options *options, int words)
{
	const struct rlimit no_core = { 0, 0 };

	setrlimit(RLIMIT_CORE, &no_core);
	dup2(words, 2);
	duet_loop_create(&stage.loop, stage.arm->backend(), options);
	act();
	_exit(0);
}

/* A fork while a worker of the loop's pool begins would leave the child a lock that nobody opens, of
 * AddressSanitizer's: there are none. */
static struct last_words heard(void (*act)(void))
{
	struct last_words words = { .status = 0 };
	size_t had = 0;
	ssize_t n;
	struct duet_loop_options options;
	int ends[2];
	pid_t child;

	duet_loop_options_init(&options);
	options.worker_threads = 0;
	stage_reopen(&options, NULL);
	ck_assert_int_eq(pipe(ends), 0);
	child = fork();
	if (child == 0)
		play(act, &options, ends[1]);
	close(ends[1]);
	while (had < sizeof(words.text) - 1 &&
		(n = read(ends[0], words.text + had, sizeof(words.text) - 1 - had)) > 0)
		had += (size_t)n;
	close(ends[0]);
	ck_assert_int_eq(waitpid(child, &words.status, 0), child);
	return words;
}

static bool died_of(const struct last_words *words, int number)
{
	return WIFSIGNALED(words->status) && WTERMSIG(words->status) == number;
}

/* Each call needs a frame of its own. */
static unsigned sink(unsigned depth)
{
	volatile unsigned char room[512];

	room[depth % sizeof(room)] = (unsigned char)depth;
	if (depth == 0)
		return 0;
	return sink(depth - 1) + room[depth % sizeof(room)];
}

static int fall(struct duet_loop *loop, void *argument)
{
	(void)loop;
	return (int)sink(*(unsigned *)argument);
}

static unsigned depth;

static void spawn(duet_fiber_fn *fn, void *argument)
{
	fibers_open(2);
	duet_fiber_init(&fiber, fn, argument);
	fiber.task.name = "icarus";
	duet_fiber_spawn(&fibers_scheduler, NULL, fibers_stacks, &fiber);
	for (unsigned i = 0; i < 100 && fiber_is_live(&fiber); i++)
		duet_loop_turn(stage.loop, 0);
}

static void overflow_named(void)
{
	depth = 100000;
	duet_overflow_catch(stage.loop);
	spawn(fall, &depth);
}

START_TEST(an_overflow_is_named_and_ends_the_process)
{
	struct last_words words = heard(overflow_named);
	char bytes[40];

	snprintf(bytes, sizeof(bytes), "stack of %u bytes", FIBER_STACK_BYTES);
	ck_assert(died_of(&words, SIGSEGV));
	ck_assert_msg(strstr(words.text, "fiber icarus") != NULL, "said: %s", words.text);
	ck_assert_msg(strstr(words.text, bytes) != NULL, "said: %s", words.text);
	ck_assert_msg(strstr(words.text, "fault/fiber.c:") != NULL, "said: %s", words.text);
}
END_TEST

static int write_to_nobody(struct duet_loop *loop, void *argument)
{
	(void)loop;
	*(volatile int *)argument = 1;
	return 0;
}

static void fault_elsewhere(void)
{
	duet_overflow_catch(stage.loop);
	spawn(write_to_nobody, (void *)(uintptr_t)4096);
}

static void leave(int number)
{
	_exit(number == SIGSEGV ? 42 : 1);
}

static void fault_elsewhere_handled(void)
{
	signal(SIGSEGV, leave);
	fault_elsewhere();
}

START_TEST(another_fault_goes_where_it_would_have_gone)
{
	struct last_words words = heard(fault_elsewhere_handled);

	ck_assert(WIFEXITED(words.status));
	ck_assert_int_eq(WEXITSTATUS(words.status), 42);
	ck_assert_ptr_null(strstr(words.text, "icarus"));
}
END_TEST

/* ---- Other threads. ---- */

static pthread_barrier_t step;

static void *fault_without_a_loop(void *argument)
{
	*(volatile int *)(uintptr_t)4096 = 1;
	return argument;
}

static void fault_in_another_thread(void)
{
	pthread_t thread;

	signal(SIGSEGV, leave);
	duet_overflow_catch(stage.loop);
	pthread_create(&thread, NULL, fault_without_a_loop, NULL);
	pthread_join(thread, NULL);
}

START_TEST(the_fault_of_another_thread_goes_where_it_would_have_gone)
{
	struct last_words words = heard(fault_in_another_thread);

	ck_assert(WIFEXITED(words.status));
	ck_assert_int_eq(WEXITSTATUS(words.status), 42);
}
END_TEST

/* Catches first, and is released while the other still catches. */
static void *catch_elsewhere(void *argument)
{
	struct duet_loop *loop;

	duet_loop_create(&loop, stage.arm->backend(), NULL);
	duet_overflow_catch(loop);
	pthread_barrier_wait(&step);
	pthread_barrier_wait(&step);
	duet_overflow_release(loop);
	duet_loop_destroy(loop);
	return argument;
}

static void catch_beside_another(void)
{
	pthread_t thread;

	pthread_barrier_init(&step, NULL, 2);
	signal(SIGSEGV, leave);
	pthread_create(&thread, NULL, catch_elsewhere, NULL);
	pthread_barrier_wait(&step);
	duet_overflow_catch(stage.loop);
	pthread_barrier_wait(&step);
	pthread_join(thread, NULL);
}

static void overflow_beside_another(void)
{
	depth = 100000;
	catch_beside_another();
	spawn(fall, &depth);
}

static void release_beside_another(void)
{
	struct sigaction now;

	catch_beside_another();
	duet_overflow_release(stage.loop);
	sigaction(SIGSEGV, NULL, &now);
	_exit(now.sa_handler == leave ? 7 : 1);
}

START_TEST(threads_catch_and_are_released_in_any_order)
{
	struct last_words words = heard(overflow_beside_another);

	ck_assert(died_of(&words, SIGSEGV));
	ck_assert_msg(strstr(words.text, "fiber icarus") != NULL, "said: %s", words.text);
	words = heard(release_beside_another);
	ck_assert(WIFEXITED(words.status));
	ck_assert_int_eq(WEXITSTATUS(words.status), 7);
}
END_TEST

static void sink_and_return(void)
{
	depth = 5;
	if (duet_overflow_catch(stage.loop) || duet_overflow_catch(stage.loop) != -EALREADY)
		_exit(1);
	spawn(fall, &depth);
	duet_overflow_release(stage.loop);
	fibers_close();
	_exit(fiber_is_live(&fiber) ? 1 : 7);
}

START_TEST(what_has_room_is_left_alone)
{
	struct last_words words = heard(sink_and_return);

	ck_assert(WIFEXITED(words.status));
	ck_assert_int_eq(WEXITSTATUS(words.status), 7);
}
END_TEST

/* R20: without being asked nothing touches a signal. */
START_TEST(the_disposition_of_signals_is_nobodys_but_the_callers)
{
	struct sigaction before, meanwhile, after;
	stack_t alternate_before, alternate_after;

	sigaction(SIGSEGV, NULL, &before);
	sigaltstack(NULL, &alternate_before);
	fibers_open(1);
	sigaction(SIGSEGV, NULL, &meanwhile);
	ck_assert_ptr_eq((void *)(uintptr_t)meanwhile.sa_handler,
		(void *)(uintptr_t)before.sa_handler);
	ck_assert_int_eq(duet_overflow_catch(stage.loop), 0);
	sigaction(SIGSEGV, NULL, &meanwhile);
	ck_assert_ptr_ne((void *)(uintptr_t)meanwhile.sa_handler,
		(void *)(uintptr_t)before.sa_handler);
	duet_overflow_release(stage.loop);
	sigaction(SIGSEGV, NULL, &after);
	sigaltstack(NULL, &alternate_after);
	ck_assert_ptr_eq((void *)(uintptr_t)after.sa_handler,
		(void *)(uintptr_t)before.sa_handler);
	ck_assert_ptr_eq(alternate_after.ss_sp, alternate_before.ss_sp);
	fibers_close();
}
END_TEST

/* ---- Misuse. ---- */

/* Named and stopped in debug builds, refused in others: there the act says itself whether it was. */
static void expect_stop(void (*act)(void), const char *word)
{
	struct last_words words = heard(act);

	if (!STOPS) {
		ck_assert_msg(WIFEXITED(words.status) && WEXITSTATUS(words.status) == 0,
			"said: %s", words.text);
		return;
	}
	ck_assert(died_of(&words, SIGABRT));
	ck_assert_msg(strstr(words.text, word) != NULL, "said: %s", words.text);
}

static void refused_unless(int condition)
{
	if (!condition)
		_exit(1);
}

static void wait_in_callback(struct duet_op *op)
{
	struct duet_op other;

	(void)op;
	refused_unless(duet_fiber_sleep_until(stage.loop, 0) == -EDEADLK);
	refused_unless(duet_fiber_yield(stage.loop) == -EDEADLK);
	refused_unless(duet_fiber_park(stage.loop) == -EDEADLK);
	duet_op_init(&other, NULL, NULL);
	duet_op_nop(&other);
	refused_unless(duet_fiber_await(stage.loop, &other) == -EDEADLK);
	refused_unless(other.disposition == DUET_FAILED && !duet_op_pending(&other));
}

static void block_a_turn(void)
{
	struct duet_op op;

	duet_op_init(&op, wait_in_callback, NULL);
	duet_op_nop(&op);
	refused_unless(duet_op_start(stage.loop, &op) == 0);
	duet_loop_turn(stage.loop, 0);
	refused_unless(!duet_op_pending(&op));
}

START_TEST(a_wait_in_a_callback_is_refused_or_stopped)
{
	expect_stop(block_a_turn, "the turn that it waits for");
}
END_TEST

static struct duet_scope scope;

static int join_what_is_not_its_own(struct duet_loop *loop, void *argument)
{
	(void)loop;
	(void)argument;
	return duet_fiber_join(&scope);
}

static void join_as_a_stranger(void)
{
	refused_unless(duet_fiber_open(stage.loop, &scope, NULL) == 0);
	spawn(join_what_is_not_its_own, NULL);
	refused_unless(fiber.task.result == -EINVAL);
	refused_unless(duet_fiber_join(&scope) == 0);
	refused_unless(duet_fiber_join(&scope) == -ESHUTDOWN);
}

START_TEST(only_who_has_opened_a_scope_joins_it)
{
	expect_stop(join_as_a_stranger, "opened it");
}
END_TEST

static int leave_open(struct duet_loop *loop, void *argument)
{
	struct duet_scope own;

	return duet_fiber_open(loop, argument ? argument : &own, NULL);
}

static void leave_open_on_the_stack(void)
{
	spawn(leave_open, NULL);
}

/* Nobody can wait for it: its memory is no more. */
START_TEST(who_returns_with_a_scope_open_on_its_stack_is_stopped)
{
	struct last_words words = heard(leave_open_on_the_stack);

	ck_assert(died_of(&words, SIGABRT));
	ck_assert_msg(strstr(words.text, "fiber icarus returns") != NULL, "said: %s", words.text);
}
END_TEST

static void leave_open_elsewhere(void)
{
	spawn(leave_open, &scope);
	refused_unless(!fiber_is_live(&fiber) && fiber.task.result == -EBUSY);
	refused_unless(duet_loop_pending(stage.loop) == 0);
}

START_TEST(a_scope_left_open_elsewhere_is_ended_with_the_fiber)
{
	expect_stop(leave_open_elsewhere, "icarus");
}
END_TEST

static int await_twice(struct duet_loop *loop, void *argument)
{
	struct duet_op *op = argument;

	return duet_fiber_await(loop, op);
}

static void await_what_is_pending(void)
{
	struct duet_op op;

	duet_op_init(&op, NULL, NULL);
	duet_op_timeout(&op, DUET_NO_DEADLINE);
	refused_unless(duet_op_start(stage.loop, &op) == 0);
	spawn(await_twice, &op);
	refused_unless(fiber.task.result == -EBUSY && duet_op_pending(&op));
	refused_unless(duet_fiber_await(stage.loop, &op) == -EBUSY);
}

START_TEST(what_is_pending_cannot_be_awaited)
{
	expect_stop(await_what_is_pending, "pending already");
}
END_TEST

int main(void)
{
	return contract_run("fiber_faults",
		CASES(an_overflow_is_named_and_ends_the_process,
			another_fault_goes_where_it_would_have_gone,
			the_fault_of_another_thread_goes_where_it_would_have_gone,
			threads_catch_and_are_released_in_any_order, what_has_room_is_left_alone,
			the_disposition_of_signals_is_nobodys_but_the_callers,
			a_wait_in_a_callback_is_refused_or_stopped,
			only_who_has_opened_a_scope_joins_it,
			who_returns_with_a_scope_open_on_its_stack_is_stopped,
			a_scope_left_open_elsewhere_is_ended_with_the_fiber,
			what_is_pending_cannot_be_awaited), NULL);
}
