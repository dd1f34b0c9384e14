/* SPDX-FileCopyrightText: The Duet authors */
/* SPDX-License-Identifier: MIT */
#include "tests/support/harness.h"

/* Whose turn it is: the order of steps, and what each option of a scheduler does to it. */

#define CROWD 1000
#define NAMES_MAX 64

static struct duet_scheduler scheduler;
static duet_handle pair[2];
static unsigned char data[4096];
static char names[NAMES_MAX + 1]; /* of those whose step it was, in order */
static unsigned steps;

static void begin(const struct duet_scheduler_options *options)
{
	memset(names, 0, sizeof(names));
	steps = 0;
	ck_assert_int_eq(duet_scheduler_init(&scheduler, stage.loop, options), 0);
}

static struct duet_scheduler_options options(void)
{
	struct duet_scheduler_options made;

	duet_scheduler_options_init(&made);
	return made;
}

static void note(const struct duet_task *task)
{
	size_t length = strlen(names);

	steps++;
	if (length < NAMES_MAX)
		names[length] = task->name[0];
}

/* ---- Steps that are no coroutine's: parked until woken, unless act() says that it has ended. ---- */

struct actor {
	struct duet_task task; /* first */
	enum duet_readiness (*act)(struct actor *actor);
	struct actor *other;
	unsigned left;
	unsigned count;
};

static enum duet_readiness step(struct duet_task *task)
{
	struct actor *actor = (struct actor *)(void *)task;

	note(task);
	actor->count++;
	return actor->act(actor);
}

static const struct duet_task_model model = { .name = "actor", .step = step };

static void actor_spawn(struct actor *actor, const char *name,
			enum duet_readiness (*act)(struct actor *))
{
	*actor = (struct actor){ .act = act };
	duet_task_init(&actor->task, &model);
	actor->task.name = name;
	ck_assert_int_eq(duet_task_spawn(&scheduler, NULL, &actor->task), 0);
}

static enum duet_readiness end_at_once(struct actor *actor)
{
	(void)actor;
	return DUET_READY;
}

/* Parks once, and ends when it is woken. */
static enum duet_readiness end_when_woken(struct actor *actor)
{
	return actor->left++ ? DUET_READY : DUET_PENDING;
}

static enum duet_readiness yield_left(struct actor *actor)
{
	if (!actor->left)
		return DUET_READY;
	actor->left--;
	duet_task_yield(&actor->task);
	return DUET_PENDING;
}

static enum duet_readiness wake_itself(struct actor *actor)
{
	if (!actor->left)
		return DUET_READY;
	actor->left--;
	duet_waker_wake(&actor->task.waker);
	duet_waker_wake(&actor->task.waker);
	return DUET_PENDING;
}

static void run(void)
{
	turn_until(scheduler.live == 0);
}

/* ---- The line. ---- */

START_TEST(first_come_first_served)
{
	static const char *const letters[] = { "a", "b", "c", "d", "e" };
	struct actor actors[5];

	begin(NULL);
	for (unsigned i = 0; i < 5; i++)
		actor_spawn(&actors[i], letters[i], end_at_once);
	ck_assert_uint_eq(steps, 0);
	run();
	ck_assert_str_eq(names, "abcde");
	ck_assert_uint_eq(scheduler.stats.spawned, 5);
	ck_assert_uint_eq(scheduler.stats.ended, 5);
	ck_assert_uint_eq(scheduler.stats.stepped, 5);
}
END_TEST

START_TEST(who_gives_up_its_turn_is_next_after_all_the_others)
{
	struct actor actors[3];

	begin(NULL);
	actor_spawn(&actors[0], "a", yield_left);
	actor_spawn(&actors[1], "b", yield_left);
	actor_spawn(&actors[2], "c", yield_left);
	for (unsigned i = 0; i < 3; i++)
		actors[i].left = 2;
	run();
	ck_assert_str_eq(names, "abcabcabc");
	ck_assert_uint_eq(scheduler.stats.yielded, 6);
}
END_TEST

/* One step a turn: it keeps neither the loop nor the others. */
START_TEST(who_wakes_itself_has_one_step_a_turn)
{
	struct actor one, other;

	begin(NULL);
	actor_spawn(&one, "a", wake_itself);
	actor_spawn(&other, "b", yield_left);
	one.left = other.left = 3;
	for (unsigned turn = 1; turn <= 4; turn++) {
		ck_assert_int_ge(duet_loop_turn(stage.loop, 0), 0);
		ck_assert_uint_eq(one.count, turn);
		ck_assert_uint_eq(other.count, turn);
	}
	ck_assert_uint_eq(scheduler.live, 0);
	ck_assert_str_eq(names, "abababab");
}
END_TEST

START_TEST(a_task_stands_in_line_once_however_often_it_is_woken)
{
	struct actor one;

	begin(NULL);
	actor_spawn(&one, "a", end_when_woken);
	duet_waker_wake(&one.task.waker);
	stage_settle(2);
	ck_assert_uint_eq(one.count, 1);
	ck_assert_int_eq(one.task.state, DUET_TASK_PARKED);
	for (unsigned i = 0; i < 3; i++)
		duet_waker_wake(&one.task.waker);
	run();
	ck_assert_uint_eq(one.count, 2);
	/* Nor does it hear anything when it has ended. */
	duet_waker_wake(&one.task.waker);
	stage_settle(2);
	ck_assert_uint_eq(one.count, 2);
}
END_TEST

START_TEST(a_loop_with_runnable_tasks_is_busy_and_runs_them_all)
{
	struct actor one;

	begin(NULL);
	actor_spawn(&one, "a", yield_left);
	one.left = 100;
	ck_assert_int_eq(duet_loop_destroy(stage.loop), -EBUSY);
	ck_assert_int_eq(duet_loop_run(stage.loop), 0);
	ck_assert_uint_eq(one.count, 101);
	ck_assert_uint_eq(scheduler.live, 0);
}
END_TEST

/* ---- steps_max. ---- */

struct reader {
	struct duet_coroutine coroutine; /* first */
	struct duet_coroutine_task task;
	struct duet_op op;
	unsigned left;
	unsigned steps_before;
	unsigned longest; /* reads without a step of anybody else's in between */
	unsigned in_a_row;
	unsigned seen;
};

static DUET_COROUTINE(wait_for_time)
{
	DUET_BEGIN(struct reader, self);
	duet_op_timeout(&self->op, duet_loop_now_ns(stage.loop));
	DUET_AWAIT(&self->op);
	self->steps_before = steps;
	DUET_END;
}

static DUET_COROUTINE(wait_for_data)
{
	DUET_BEGIN(struct reader, self);
	duet_op_recv(&self->op, pair[1], data, 1, 0);
	DUET_AWAIT(&self->op);
	self->steps_before = steps;
	DUET_END;
}

static void reader_spawn(struct reader *reader, duet_coroutine_fn *body)
{
	*reader = (struct reader){ 0 };
	duet_op_init(&reader->op, NULL, NULL);
	duet_coroutine_init(&reader->coroutine, body);
	duet_coroutine_task_init(&reader->task, &reader->coroutine);
	reader->task.task.name = "reader";
	ck_assert_int_eq(duet_task_spawn(&scheduler, NULL, &reader->task.task), 0);
}

static enum duet_readiness yield_until_told(struct actor *actor)
{
	if (actor->other)
		return DUET_READY;
	duet_task_yield(&actor->task);
	return DUET_PENDING;
}

/* How many steps a runnable crowd gets before somebody is served who begins to wait in front of it. */
static unsigned served_after(uint32_t steps_max, duet_coroutine_fn *body)
{
	static struct actor crowd[CROWD];
	struct duet_scheduler_options with = options();
	struct reader reader;

	with.steps_max = steps_max;
	with.inline_max = 0;
	begin(&with);
	reader_spawn(&reader, body);
	for (unsigned i = 0; i < CROWD; i++)
		actor_spawn(&crowd[i], "crowd", yield_until_told);
	turn_until(scheduler.live == CROWD);
	for (unsigned i = 0; i < CROWD; i++)
		crowd[i].other = &crowd[i];
	run();
	return reader.steps_before;
}

START_TEST(a_crowd_keeps_a_timer_waiting_for_no_more_steps_than_a_turn_has)
{
	ck_assert_uint_eq(served_after(10, wait_for_time), 9);
	ck_assert_uint_eq(served_after(1, wait_for_time), 0);
	ck_assert_uint_eq(served_after(65535, wait_for_time), CROWD);
}
END_TEST

/* The data is there, and is found in one of the next turns: before the crowd has gone round, or not. */
START_TEST(a_crowd_keeps_data_waiting_by_the_steps_of_a_turn)
{
	unsigned few, many;

	pair_open(pair);
	stream_send(pair[0], "ab", 2);
	few = served_after(10, wait_for_data);
	ck_assert_uint_lt(few, CROWD);
	ck_assert_uint_eq(few % 10, 9);
	many = served_after(65535, wait_for_data);
	ck_assert_uint_eq(many % CROWD, 0);
}
END_TEST

START_TEST(a_turn_has_no_more_steps_than_the_option_says)
{
	struct duet_scheduler_options with = options();
	struct actor crowd[50];

	with.steps_max = 7;
	begin(&with);
	for (unsigned i = 0; i < 50; i++) {
		actor_spawn(&crowd[i], "c", yield_left);
		crowd[i].left = 3;
	}
	while (scheduler.live) {
		unsigned before = steps;

		ck_assert_int_ge(duet_loop_turn(stage.loop, 0), 0);
		ck_assert_uint_le(steps - before, 7);
		ck_assert_uint_gt(steps, before);
	}
	ck_assert_uint_eq(steps, 50 * 4);
}
END_TEST

/* ---- inline_max. ---- */

static void note_read(struct reader *self)
{
	self->in_a_row = steps == self->seen ? self->in_a_row + 1 : 1;
	self->seen = steps;
	if (self->in_a_row > self->longest)
		self->longest = self->in_a_row;
}

static DUET_COROUTINE(read_bytes)
{
	DUET_BEGIN(struct reader, self);
	for (self->left = 400; self->left; self->left--) {
		duet_op_recv(&self->op, pair[1], data, 1, 0);
		DUET_AWAIT(&self->op);
		ck_assert_int_eq(DUET_RESULT, 1);
		note_read(self);
	}
	DUET_END;
}

/* Refused at once, on every backend. */
static DUET_COROUTINE(be_refused)
{
	DUET_BEGIN(struct reader, self);
	for (self->left = 400; self->left; self->left--) {
		duet_op_recv(&self->op, DUET_HANDLE_NONE, data, 1, 0);
		DUET_AWAIT(&self->op);
		ck_assert_int_eq(DUET_RESULT, -EBADF);
		note_read(self);
	}
	DUET_END;
}

/* The longest that one who never has to wait went on beside one who gives up each of its turns. */
static unsigned longest_with(uint32_t inline_max, duet_coroutine_fn *body)
{
	struct duet_scheduler_options with = options();
	struct reader reader;
	struct actor other;

	with.inline_max = inline_max;
	begin(&with);
	actor_spawn(&other, "other", yield_until_told);
	reader_spawn(&reader, body);
	turn_until(scheduler.live == 1);
	other.other = &other;
	run();
	return reader.longest;
}

START_TEST(who_is_always_answered_at_once_waits_its_turn_after_so_many)
{
	ck_assert_uint_eq(longest_with(0, be_refused), 1);
	ck_assert_uint_eq(longest_with(1, be_refused), 2);
	ck_assert_uint_eq(longest_with(16, be_refused), 17);
	ck_assert_uint_eq(scheduler.stats.inlined, 400 - 400 / 17);
	ck_assert_uint_eq(longest_with(1000, be_refused), 400);
}
END_TEST

START_TEST(who_always_finds_data_waits_its_turn_after_so_many)
{
	struct duet_loop_options one_each;
	unsigned few, many;

	duet_loop_options_init(&one_each);
	one_each.burst_max = 1;
	stage_reopen(&one_each, NULL);
	pair_open(pair);
	memset(data, 'x', sizeof(data));
	stream_send(pair[0], data, 1200);
	few = longest_with(0, read_bytes);
	ck_assert_uint_eq(scheduler.stats.inlined, 0);
	ck_assert_uint_le(few, 2);
	/* Twice: once from the line, and once resumed in the turn after it. */
	ck_assert_uint_le(longest_with(4, read_bytes), 2 * (4 + 1));
	many = longest_with(1000, read_bytes);
	ck_assert_uint_gt(many, few);
	ck_assert_uint_gt(scheduler.stats.inlined, 0);
}
END_TEST

/* ---- newest_max. ---- */

static struct actor woken[2];

static enum duet_readiness wake_both(struct actor *actor)
{
	(void)actor;
	duet_waker_wake(&woken[0].task.waker);
	duet_waker_wake(&woken[1].task.waker);
	return DUET_READY;
}

/* x and y are parked; a wakes both, and b stands behind it. */
static void play_waking(uint32_t newest_max)
{
	struct duet_scheduler_options with = options();
	struct actor waking, behind;

	with.newest_max = newest_max;
	begin(&with);
	actor_spawn(&woken[0], "x", end_when_woken);
	actor_spawn(&woken[1], "y", end_when_woken);
	stage_settle(2);
	actor_spawn(&waking, "a", wake_both);
	actor_spawn(&behind, "b", end_at_once);
	run();
}

START_TEST(without_it_the_newest_waits_behind_all)
{
	play_waking(0);
	ck_assert_str_eq(names, "xyabxy");
	ck_assert_uint_eq(scheduler.stats.newest, 0);
}
END_TEST

START_TEST(with_it_the_newest_is_next)
{
	play_waking(1);
	ck_assert_str_eq(names, "xyaybx");
	ck_assert_uint_eq(scheduler.stats.newest, 1);
}
END_TEST

/* Parks first; then each step wakes the other. */
static enum duet_readiness wake_other(struct actor *actor)
{
	if (actor->count == 1)
		return DUET_PENDING;
	duet_waker_wake(&actor->other->task.waker);
	return actor->left-- ? DUET_PENDING : DUET_READY;
}

/* How many steps two that wake each other have before one in line. */
static unsigned steps_before_line(uint32_t newest_max)
{
	struct duet_scheduler_options with = options();
	struct actor behind;

	with.newest_max = newest_max;
	begin(&with);
	actor_spawn(&woken[0], "x", wake_other);
	actor_spawn(&woken[1], "y", wake_other);
	stage_settle(2);
	for (unsigned i = 0; i < 2; i++) {
		woken[i].other = &woken[1 - i];
		woken[i].left = 10;
	}
	duet_waker_wake(&woken[0].task.waker);
	actor_spawn(&behind, "b", end_at_once);
	run();
	return (unsigned)(strchr(names, 'b') - names) - 2;
}

START_TEST(two_that_wake_each_other_keep_the_line_waiting_for_so_many_steps)
{
	ck_assert_uint_eq(steps_before_line(0), 1);
	ck_assert_uint_eq(steps_before_line(1), 2);
	ck_assert_uint_eq(steps_before_line(5), 6);
	ck_assert_uint_eq(scheduler.stats.ended, 3);
}
END_TEST

START_TEST(options_out_of_range_are_refused)
{
	struct duet_scheduler_options with = options();

	with.steps_max = 0;
	ck_assert_int_eq(duet_scheduler_init(&scheduler, stage.loop, &with), -EINVAL);
	with.steps_max = 65536;
	ck_assert_int_eq(duet_scheduler_init(&scheduler, stage.loop, &with), -EINVAL);
	with = options();
	with.inline_max = 65536;
	ck_assert_int_eq(duet_scheduler_init(&scheduler, stage.loop, &with), -EINVAL);
	with = options();
	with.newest_max = 65536;
	ck_assert_int_eq(duet_scheduler_init(&scheduler, stage.loop, &with), -EINVAL);
	with = options();
	with.size--;
	ck_assert_int_eq(duet_scheduler_init(&scheduler, stage.loop, &with), -EINVAL);
	with = options();
	with.stalled = NULL;
	ck_assert_int_eq(duet_scheduler_init(&scheduler, stage.loop, &with), -EINVAL);
}
END_TEST

int main(void)
{
	return contract_run("scheduler",
		CASES(first_come_first_served, who_gives_up_its_turn_is_next_after_all_the_others,
			who_wakes_itself_has_one_step_a_turn,
			a_task_stands_in_line_once_however_often_it_is_woken,
			a_loop_with_runnable_tasks_is_busy_and_runs_them_all,
			a_crowd_keeps_a_timer_waiting_for_no_more_steps_than_a_turn_has,
			a_crowd_keeps_data_waiting_by_the_steps_of_a_turn,
			a_turn_has_no_more_steps_than_the_option_says,
			who_is_always_answered_at_once_waits_its_turn_after_so_many,
			who_always_finds_data_waits_its_turn_after_so_many,
			without_it_the_newest_waits_behind_all, with_it_the_newest_is_next,
			two_that_wake_each_other_keep_the_line_waiting_for_so_many_steps,
			options_out_of_range_are_refused),
		NULL);
}
