/* SPDX-FileCopyrightText: The Duet authors */
/* SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <unistd.h>

#include "core/loop.h"
#include "tests/support/harness.h"
#include "tests/support/scripted.h"

/* Steps that hold the loop for too long, by a clock that goes only when it is told to. */

#define LIMIT_NS 5000u

static struct duet_loop *loop;
static struct duet_scheduler scheduler;
static const char file[] = "unit/test_scheduler.c";

/* What was told last. */
static struct told {
	unsigned times;
	const struct duet_task *task;
	struct duet_site from; /* no file: none */
	struct duet_site to;
	uint64_t held_ns;
} told;

static void stalled(struct duet_scheduler *which, const struct duet_task *task,
		    const struct duet_site *from, uint64_t held_ns)
{
	const struct duet_site nowhere = { 0 };

	ck_assert_ptr_eq(which, &scheduler);
	ck_assert_ptr_eq(which->context, &told);
	told = (struct told){ told.times + 1, task, from ? *from : nowhere,
		task->site ? *task->site : nowhere, held_ns };
}

struct slow {
	struct duet_coroutine coroutine; /* first */
	struct duet_coroutine_task task;
	uint64_t first_ns;
	uint64_t second_ns;
	uint64_t third_ns;
};

/* Three steps, of which each takes so long. */
static DUET_COROUTINE(be_slow)
{
	DUET_BEGIN(struct slow, self);
	script.now_ns += self->first_ns;
	DUET_YIELD();
	script.now_ns += self->second_ns;
	DUET_YIELD();
	script.now_ns += self->third_ns;
	DUET_END;
}

static int line_of(const struct duet_site *site)
{
	ck_assert_ptr_nonnull(site->file);
	ck_assert_ptr_nonnull(strstr(site->file, file));
	return site->line;
}

static void open_loop(uint64_t limit_ns, bool tell)
{
	struct duet_scheduler_options options;

	loop = script_open(NULL);
	told = (struct told){ 0 };
	duet_scheduler_options_init(&options);
	options.step_limit_ns = limit_ns;
	options.context = &told;
	if (tell)
		options.stalled = stalled;
	ck_assert_int_eq(duet_scheduler_init(&scheduler, loop, &options), 0);
}

static void spawn(struct slow *slow)
{
	duet_coroutine_init(&slow->coroutine, be_slow);
	duet_coroutine_task_init(&slow->task, &slow->coroutine);
	slow->task.task.name = "slow";
	ck_assert_int_eq(duet_task_spawn(&scheduler, NULL, &slow->task.task), 0);
}

static void close_loop(void)
{
	while (scheduler.live)
		ck_assert_int_ge(duet_loop_turn(loop, 0), 0);
	ck_assert_int_eq(duet_loop_destroy(loop), 0);
}

START_TEST(a_step_as_long_as_the_limit_is_no_stall)
{
	struct slow slow = { .first_ns = LIMIT_NS, .second_ns = 1, .third_ns = LIMIT_NS };

	open_loop(LIMIT_NS, true);
	spawn(&slow);
	close_loop();
	ck_assert_uint_eq(told.times, 0);
	ck_assert_uint_eq(scheduler.stats.stalled, 0);
	ck_assert_uint_eq(scheduler.stats.held_max_ns, LIMIT_NS);
}
END_TEST

START_TEST(a_longer_one_is_told_with_its_task_its_places_and_its_time)
{
	struct slow slow = { .first_ns = LIMIT_NS + 1, .second_ns = 7 * LIMIT_NS,
		.third_ns = 2 * LIMIT_NS };
	int first_line;

	open_loop(LIMIT_NS, true);
	spawn(&slow);
	duet_loop_turn(loop, 0);
	ck_assert_uint_eq(told.times, 1);
	ck_assert_ptr_eq(told.task, &slow.task.task);
	ck_assert_ptr_null(told.from.file);
	ck_assert_uint_eq(told.held_ns, LIMIT_NS + 1);
	first_line = line_of(&told.to);
	duet_loop_turn(loop, 0);
	ck_assert_uint_eq(told.times, 2);
	ck_assert_int_eq(line_of(&told.from), first_line);
	ck_assert_int_eq(line_of(&told.to), first_line + 2);
	ck_assert_uint_eq(told.held_ns, 7 * LIMIT_NS);
	close_loop();
	ck_assert_uint_eq(told.times, 3);
	ck_assert_int_eq(line_of(&told.from), first_line + 2);
	/* It waits nowhere any more. */
	ck_assert_ptr_null(told.to.file);
	ck_assert_uint_eq(scheduler.stats.stalled, 3);
	ck_assert_uint_eq(scheduler.stats.held_max_ns, 7 * LIMIT_NS);
}
END_TEST

START_TEST(without_a_limit_the_clock_is_not_read)
{
	struct slow slow = { .first_ns = 1 };
	unsigned turns, reads;

	open_loop(0, true);
	reads = script.clock_reads;
	spawn(&slow);
	for (turns = 0; scheduler.live; turns++)
		duet_loop_turn(loop, 0);
	ck_assert_uint_eq(script.clock_reads, reads);
	ck_assert_uint_eq(told.times, 0);
	ck_assert_uint_eq(scheduler.stats.held_max_ns, 0);
	close_loop();
}
END_TEST

/* ---- The line that is printed if nobody listens. ---- */

static const char *printed(void (*play)(void))
{
	static char text[1000];
	int ends[2], kept = dup(2);
	ssize_t n;

	ck_assert_int_eq(pipe(ends), 0);
	fflush(stderr);
	dup2(ends[1], 2);
	play();
	fflush(stderr);
	dup2(kept, 2);
	close(ends[1]);
	close(kept);
	n = read(ends[0], text, sizeof(text) - 1);
	close(ends[0]);
	text[n < 0 ? 0 : n] = 0;
	return text;
}

static struct slow printing;

static void play_printing(void)
{
	open_loop(LIMIT_NS, false);
	spawn(&printing);
	close_loop();
}

START_TEST(by_default_a_line_names_the_task_and_from_where_to_where)
{
	char expected[200];
	const char *text;
	const char *at;

	printing = (struct slow){ .first_ns = 6000, .second_ns = 123456 };
	text = printed(play_printing);
	ck_assert_msg(strstr(text, "duet: task slow (coroutine) held its loop for 6 us, more than 5: "
				   "from its beginning to ") == text, "%s", text);
	at = strchr(text, '\n') + 1;
	ck_assert_msg(strstr(at, "duet: task slow (coroutine) held its loop for 123 us") == at, "%s",
		at);
	snprintf(expected, sizeof(expected), "%s:", file);
	ck_assert_ptr_nonnull(strstr(strstr(at, " from "), expected));
	ck_assert_ptr_nonnull(strstr(strstr(at, " to "), expected));
	ck_assert_ptr_eq(strchr(at, '\n') + 1, text + strlen(text));
}
END_TEST

START_TEST(of_the_last_step_the_end_is_named)
{
	printing = (struct slow){ .third_ns = 6000 };
	ck_assert_ptr_nonnull(strstr(printed(play_printing), " to its end\n"));
}
END_TEST

static enum duet_readiness step_slowly(struct duet_task *task)
{
	script.now_ns += 6000;
	task->result = 0;
	return DUET_READY;
}

static void play_without_sites(void)
{
	static const struct duet_task_model model = { .name = "odd", .step = step_slowly };
	struct duet_task task;

	open_loop(LIMIT_NS, false);
	duet_task_init(&task, &model);
	ck_assert_int_eq(duet_task_spawn(&scheduler, NULL, &task), 0);
	close_loop();
}

START_TEST(of_a_model_that_knows_no_places_none_are_named)
{
	ck_assert_str_eq(printed(play_without_sites),
		"duet: task unnamed (odd) held its loop for 6 us, more than 5: in one step\n");
}
END_TEST

int main(void)
{
	return plain_run("scheduler",
		CASES(a_step_as_long_as_the_limit_is_no_stall,
			a_longer_one_is_told_with_its_task_its_places_and_its_time,
			without_a_limit_the_clock_is_not_read,
			by_default_a_line_names_the_task_and_from_where_to_where,
			of_the_last_step_the_end_is_named,
			of_a_model_that_knows_no_places_none_are_named));
}
