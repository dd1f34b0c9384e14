/* SPDX-FileCopyrightText: The Duet authors */
/* SPDX-License-Identifier: MIT */
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <unistd.h>

#include "tests/support/harness.h"

/* Steps that are told of while they still hold the loop. No step here ends before that. */

#define LIMIT_NS 1000000u

static struct duet_scheduler scheduler;
static struct duet_watchdog *watchdog;
static atomic_uint tellings;

/* Written by the watchdog's thread before it counts. */
static struct {
	char task[40];
	char model[20];
	char file[100];
	int line;
	uint64_t held_ns;
	pthread_t thread;
} told;

static void held(struct duet_watchdog *which, const struct duet_held *step)
{
	ck_assert_ptr_eq(duet_watchdog_context(which), &told);
	snprintf(told.task, sizeof(told.task), "%s", step->task);
	snprintf(told.model, sizeof(told.model), "%s", step->model);
	snprintf(told.file, sizeof(told.file), "%s", step->from ? step->from->file : "");
	told.line = step->from ? step->from->line : 0;
	told.held_ns = step->held_ns;
	told.thread = pthread_self();
	atomic_fetch_add(&tellings, 1);
}

static struct duet_watchdog_options options(void)
{
	struct duet_watchdog_options made;

	duet_watchdog_options_init(&made);
	made.limit_ns = LIMIT_NS;
	made.held = held;
	made.context = &told;
	return made;
}

static void open_watched(const struct duet_watchdog_options *with)
{
	ck_assert_int_eq(duet_scheduler_init(&scheduler, stage.loop, NULL), 0);
	atomic_store(&tellings, 0);
	ck_assert_int_eq(duet_watchdog_create(&watchdog, &scheduler, with), 0);
}

struct stuck {
	struct duet_coroutine coroutine; /* first */
	struct duet_coroutine_task task;
	unsigned steps;
	unsigned seen[2];
	int line; /* where it went on */
};

/* The first step is short, the others last until they were told of, and a few looks longer. */
static DUET_COROUTINE(get_stuck)
{
	DUET_BEGIN(struct stuck, self);
	DUET_YIELD();
	for (; self->steps < 2; self->steps++) {
		uint64_t looks;

		while (atomic_load(&tellings) == self->steps)
			sched_yield();
		looks = duet_watchdog_looks(watchdog);
		while (duet_watchdog_looks(watchdog) < looks + 3)
			sched_yield();
		self->seen[self->steps] = atomic_load(&tellings);
		self->line = __LINE__ + 1;
		DUET_YIELD();
	}
	DUET_END;
}

static void spawn(struct stuck *stuck, duet_coroutine_fn *body, const char *name)
{
	*stuck = (struct stuck){ 0 };
	duet_coroutine_init(&stuck->coroutine, body);
	duet_coroutine_task_init(&stuck->task, &stuck->coroutine);
	stuck->task.task.name = name;
	ck_assert_int_eq(duet_task_spawn(&scheduler, NULL, &stuck->task.task), 0);
}

START_TEST(a_step_that_lasts_is_told_of_while_it_does_and_once)
{
	const struct duet_watchdog_options with = options();
	struct stuck stuck;

	open_watched(&with);
	spawn(&stuck, get_stuck, "a name that is longer than the watchdog keeps");
	turn_until(scheduler.live == 0);
	ck_assert_uint_eq(stuck.seen[0], 1);
	ck_assert_uint_eq(stuck.seen[1], 2);
	duet_watchdog_destroy(watchdog);
	ck_assert_uint_eq(atomic_load(&tellings), 2);
	ck_assert_str_eq(told.task, "a name that is longer than the ");
	ck_assert_str_eq(told.model, "coroutine");
	ck_assert_ptr_nonnull(strstr(told.file, "contract/watchdog.c"));
	ck_assert_int_eq(told.line, stuck.line);
	ck_assert_uint_gt(told.held_ns, LIMIT_NS);
	ck_assert(!pthread_equal(told.thread, pthread_self()));
}
END_TEST

/* Between steps it is nobody's time. */
START_TEST(a_loop_without_a_step_is_not_told_of)
{
	const struct duet_watchdog_options with = options();
	struct trial trial;
	uint64_t until_ns;

	open_watched(&with);
	trial_init(&trial);
	duet_op_timeout(&trial.op, duet_loop_now_ns(stage.loop) + 1000);
	ck_assert_int_eq(trial_run(&trial), 0);
	until_ns = duet_watchdog_looks(watchdog) + 8;
	while (duet_watchdog_looks(watchdog) < until_ns)
		sched_yield();
	ck_assert_uint_eq(duet_watchdog_tellings(watchdog), 0);
	duet_watchdog_destroy(watchdog);
}
END_TEST

static DUET_COROUTINE(end_the_watch)
{
	struct duet_watchdog_options with = options();

	DUET_BEGIN(struct stuck, self);
	DUET_YIELD();
	duet_watchdog_destroy(watchdog);
	DUET_YIELD();
	ck_assert_int_eq(duet_watchdog_create(&watchdog, &scheduler, &with), 0);
	ck_assert_int_eq(duet_watchdog_create(&watchdog, &scheduler, &with), -EBUSY);
	ck_assert_ptr_null(watchdog);
	watchdog = scheduler.watchdog;
	DUET_YIELD();
	self->steps++;
	DUET_END;
}

START_TEST(it_may_come_and_go_within_a_step)
{
	const struct duet_watchdog_options with = options();
	struct stuck stuck;

	open_watched(&with);
	spawn(&stuck, end_the_watch, NULL);
	turn_until(scheduler.live == 0);
	ck_assert_uint_eq(stuck.steps, 1);
	duet_watchdog_destroy(watchdog);
	duet_watchdog_destroy(NULL);
}
END_TEST

START_TEST(options_out_of_range_are_refused)
{
	struct duet_watchdog_options with = options();

	ck_assert_int_eq(duet_scheduler_init(&scheduler, stage.loop, NULL), 0);
	with.limit_ns = 99999;
	ck_assert_int_eq(duet_watchdog_create(&watchdog, &scheduler, &with), -EINVAL);
	with.limit_ns = UINT64_C(1000000000001);
	ck_assert_int_eq(duet_watchdog_create(&watchdog, &scheduler, &with), -EINVAL);
	with = options();
	with.held = NULL;
	ck_assert_int_eq(duet_watchdog_create(&watchdog, &scheduler, &with), -EINVAL);
	with = options();
	with.size++;
	ck_assert_int_eq(duet_watchdog_create(&watchdog, &scheduler, &with), -EINVAL);
	ck_assert_uint_eq(scheduler.watched, 0);
}
END_TEST

/* ---- The line that is printed if nobody listens. ---- */

static DUET_COROUTINE(hold_until_told)
{
	DUET_BEGIN(struct stuck, self);
	DUET_YIELD();
	self->steps++;
	while (duet_watchdog_tellings(watchdog) == 0)
		sched_yield();
	DUET_END;
}

START_TEST(by_default_a_line_names_the_task_and_where_it_went_on)
{
	struct duet_watchdog_options with;
	int ends[2], kept = dup(2);
	char text[500];
	struct stuck stuck;
	ssize_t n;

	duet_watchdog_options_init(&with);
	with.limit_ns = LIMIT_NS;
	ck_assert_int_eq(pipe(ends), 0);
	fflush(stderr);
	dup2(ends[1], 2);
	open_watched(&with);
	spawn(&stuck, hold_until_told, "slow");
	turn_until(scheduler.live == 0);
	duet_watchdog_destroy(watchdog);
	dup2(kept, 2);
	close(kept);
	close(ends[1]);
	n = read(ends[0], text, sizeof(text) - 1);
	close(ends[0]);
	text[n < 0 ? 0 : n] = 0;
	ck_assert_msg(strstr(text, "duet: task slow (coroutine) holds its loop, ") == text, "%s", text);
	ck_assert_ptr_nonnull(strstr(text, " us so far, more than 1000, since it went on at "));
	ck_assert_ptr_nonnull(strstr(text, "contract/watchdog.c:"));
	ck_assert_ptr_eq(strchr(text, '\n') + 1, text + strlen(text));
}
END_TEST

int main(void)
{
	return contract_run("watchdog",
		CASES(a_step_that_lasts_is_told_of_while_it_does_and_once,
			a_loop_without_a_step_is_not_told_of, it_may_come_and_go_within_a_step,
			options_out_of_range_are_refused,
			by_default_a_line_names_the_task_and_where_it_went_on),
		NULL);
}
