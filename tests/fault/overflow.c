/* SPDX-FileCopyrightText: The Duet authors */
/* SPDX-License-Identifier: MIT */
#include <signal.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/support/fibers.h"

/* A fiber that needs more stack than it has ends the process at its guard, and is named if that was asked
 * for. In children: nothing comes back from there. */

static struct duet_fiber fiber;

struct last_words {
	char text[2000];
	int status;
};

/* The loop is the child's own. */
static void play(void (*act)(void), int words)
{
	const struct rlimit no_core = { 0, 0 };
	struct duet_loop_options options;

	setrlimit(RLIMIT_CORE, &no_core);
	dup2(words, 2);
	duet_loop_options_init(&options);
	options.worker_threads = 0;
	duet_loop_create(&stage.loop, stage.arm->backend(), &options);
	act();
	_exit(0);
}

static struct last_words heard(void (*act)(void))
{
	struct last_words words = { .status = 0 };
	size_t had = 0;
	ssize_t n;
	int ends[2];
	pid_t child;

	ck_assert_int_eq(pipe(ends), 0);
	child = fork();
	if (child == 0)
		play(act, ends[1]);
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
	ck_assert_msg(strstr(words.text, "fault/overflow.c:") != NULL, "said: %s", words.text);
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

int main(void)
{
	return contract_run("overflow",
		CASES(an_overflow_is_named_and_ends_the_process,
			another_fault_goes_where_it_would_have_gone, what_has_room_is_left_alone,
			the_disposition_of_signals_is_nobodys_but_the_callers), NULL);
}
