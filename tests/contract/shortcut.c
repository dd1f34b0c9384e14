/* SPDX-FileCopyrightText: The Duet authors */
/* SPDX-License-Identifier: MIT */
#include "tests/support/fibers.h"

/* What may end with its start goes a shorter way than the rest. That is no difference to who waits:
 * whatever the way, deadline, shutdown, order and bounds are the same. */

#define MS UINT64_C(1000000)
#define HOUR (3600000 * MS)

static struct duet_fiber fiber;
static duet_handle pair[2];
static unsigned char byte;

/* ---- Waits that find nothing. ---- */

static struct duet_semaphore semaphore;
static struct duet_mutex mutex;
static struct duet_channel channel;
static struct duet_notify notify;
static struct duet_wait_group group;
static struct duet_mailbox mailbox;
static struct duet_letter *letter;
static const char holder, other;

static void stage_fill(void)
{
	pair_open(pair);
	duet_semaphore_init(&semaphore, stage.loop, 0);
	duet_mutex_init(&mutex, stage.loop);
	ck_assert_int_eq(duet_mutex_try_lock(&mutex, &holder), 0);
	ck_assert_int_eq(duet_channel_init(&channel, stage.loop, NULL, 0, 1), 0);
	duet_notify_init(&notify, stage.loop);
	duet_wait_group_init(&group, stage.loop);
	ck_assert_int_eq(duet_wait_group_add(&group, 1), 0);
	ck_assert_int_eq(duet_mailbox_init(&mailbox, stage.loop, 1), 0);
}

/* Nobody stands in line any more, and nothing was taken. */
static void stage_clear(void)
{
	ck_assert_int_eq(duet_semaphore_fini(&semaphore), 0);
	ck_assert_int_eq(duet_mutex_unlock(&mutex, &holder), 0);
	ck_assert_int_eq(duet_mutex_fini(&mutex), 0);
	ck_assert_int_eq(duet_channel_fini(&channel), 0);
	ck_assert_int_eq(duet_notify_fini(&notify), 0);
	ck_assert_int_eq(duet_wait_group_fini(&group), 0);
	ck_assert_int_eq(duet_mailbox_fini(&mailbox), 0);
	fibers_close();
}

enum { WAITS = 8 };

static void say(struct duet_op *op, unsigned which)
{
	duet_op_init(op, NULL, NULL);
	switch (which) {
	case 0:
		duet_op_recv(op, pair[1], &byte, 1, 0);
		return;
	case 1:
		duet_op_acquire(op, &semaphore, 1);
		return;
	case 2:
		duet_op_lock(op, &mutex, &other);
		return;
	case 3:
		duet_op_channel_send(op, &channel, &byte);
		return;
	case 4:
		duet_op_channel_recv(op, &channel, &byte);
		return;
	case 5:
		duet_op_notified(op, &notify);
		return;
	case 6:
		duet_op_wait_group(op, &group);
		return;
	default:
		duet_op_take_letter(op, &mailbox, &letter);
	}
}

static int wait_in_vain(struct duet_loop *loop, void *argument)
{
	struct duet_op op;

	say(&op, *(unsigned *)argument);
	(void)duet_fiber_await(loop, &op);
	ck_assert_uint_eq(op.disposition, DUET_UNTOUCHED);
	ck_assert_uint_eq(op.transferred, 0);
	ck_assert_uint_eq(op.cause, op.result == -ETIMEDOUT ? DUET_CAUSE_DEADLINE
							    : DUET_CAUSE_SHUTDOWN);
	return op.result;
}

static void wait_spawn(unsigned *which, uint64_t deadline_ns)
{
	duet_fiber_init(&fiber, wait_in_vain, which);
	fiber.task.deadline_ns = deadline_ns;
	ck_assert_int_eq(duet_fiber_spawn(&fibers_scheduler, NULL, fibers_stacks, &fiber), 0);
}

START_TEST(what_is_not_there_is_waited_for_until_the_deadline_of_the_task)
{
	fibers_open(1);
	stage_fill();
	for (unsigned which = 0; which < WAITS; which++) {
		uint64_t deadline_ns = duet_loop_now_ns(stage.loop) + MS;

		wait_spawn(&which, deadline_ns);
		turn_until(!fiber_is_live(&fiber));
		ck_assert_int_eq(fiber.task.result, -ETIMEDOUT);
		ck_assert_uint_ge(duet_loop_now_ns(stage.loop), deadline_ns);
	}
	stage_clear();
}
END_TEST

START_TEST(a_shutdown_finds_the_waits_of_tasks)
{
	for (unsigned which = 0; which < WAITS; which++) {
		stage_reopen(NULL, NULL);
		fibers_open(1);
		stage_fill();
		wait_spawn(&which, DUET_NO_DEADLINE);
		stage_settle(3);
		ck_assert(fiber_is_live(&fiber));
		ck_assert_int_eq(duet_loop_shutdown(stage.loop, DUET_NO_DEADLINE), 0);
		ck_assert_int_eq(fiber.task.result, -ECANCELED);
		stage_clear();
	}
}
END_TEST

/* ---- Waits that find what they wait for. ---- */

/* The result is how many were had without a suspension. */
static int take_what_there_is(struct duet_loop *loop, void *argument)
{
	const uint64_t before = fibers_scheduler.stats.inlined;
	struct duet_op op;

	(void)argument;
	duet_op_init(&op, NULL, NULL);
	for (unsigned i = 0; i < 4; i++) {
		duet_op_recv(&op, pair[1], &byte, 1, 0);
		ck_assert_int_eq(duet_fiber_await(loop, &op), 1);
		duet_op_acquire(&op, &semaphore, 1);
		ck_assert_int_eq(duet_fiber_await(loop, &op), 0);
	}
	return (int)(fibers_scheduler.stats.inlined - before);
}

/* A reference world decides by its seed which receive ends with its start. */
START_TEST(a_deadline_costs_no_suspension)
{
	int had[2];

	pair_open(pair);
	fibers_open(1);
	for (unsigned timed = 0; timed < 2; timed++) {
		duet_semaphore_init(&semaphore, stage.loop, 4);
		stream_send(pair[0], "abcd", 4);
		stage_settle(2);
		duet_fiber_init(&fiber, take_what_there_is, NULL);
		if (timed)
			fiber.task.deadline_ns = duet_loop_now_ns(stage.loop) + HOUR;
		ck_assert_int_eq(
			duet_fiber_spawn(&fibers_scheduler, NULL, fibers_stacks, &fiber), 0);
		turn_until(!fiber_is_live(&fiber));
		ck_assert_int_ge(fiber.task.result, 4);
		had[timed] = fiber.task.result;
		ck_assert_uint_eq(semaphore.permits, 0);
	}
	ck_assert_int_eq(had[0], had[1]);
	fibers_close();
}
END_TEST

static int acquire_late(struct duet_loop *loop, void *argument)
{
	struct duet_op op;

	(void)argument;
	duet_op_init(&op, NULL, NULL);
	duet_op_acquire(&op, &semaphore, 1);
	return duet_fiber_await(loop, &op);
}

START_TEST(what_is_there_is_had_although_the_deadline_has_passed)
{
	fibers_open(1);
	duet_semaphore_init(&semaphore, stage.loop, 1);
	duet_fiber_init(&fiber, acquire_late, NULL);
	fiber.task.deadline_ns = 1;
	ck_assert_int_eq(duet_fiber_spawn(&fibers_scheduler, NULL, fibers_stacks, &fiber), 0);
	turn_until(!fiber_is_live(&fiber));
	ck_assert_int_eq(fiber.task.result, 0);
	ck_assert_uint_eq(semaphore.permits, 0);
	fibers_close();
}
END_TEST

static void acquire_say(struct trial *trial)
{
	trial_init(trial);
	duet_op_acquire(&trial->op, &semaphore, 1);
}

/* R10. */
START_TEST(who_was_served_before_is_told_before)
{
	struct trial first, second;

	duet_semaphore_init(&semaphore, stage.loop, 3);
	acquire_say(&first);
	trial_start(&first);
	acquire_say(&second);
	duet_op_inline(&second.op);
	ck_assert_int_eq(trial_try(&second), 0);
	await(&second);
	ck_assert_uint_eq(first.ends, 1);
	ck_assert_uint_lt(first.rank, second.rank);
	/* Nobody is left. */
	acquire_say(&first);
	duet_op_inline(&first.op);
	ck_assert_int_eq(trial_try(&first), 1);
	ck_assert_uint_eq(duet_loop_pending(stage.loop), 0);
}
END_TEST

/* R19. */
START_TEST(a_full_loop_has_no_place_for_who_needs_none_either)
{
	struct duet_loop_options options;
	struct trial waits, refused;

	duet_loop_options_init(&options);
	options.operations_max = 1;
	stage_reopen(&options, NULL);
	duet_semaphore_init(&semaphore, stage.loop, 1);
	duet_notify_init(&notify, stage.loop);
	trial_init(&waits);
	duet_op_notified(&waits.op, &notify);
	trial_start(&waits);
	acquire_say(&refused);
	duet_op_inline(&refused.op);
	ck_assert_int_eq(trial_try(&refused), -ENOBUFS);
	ck_assert_uint_eq(semaphore.permits, 1);
	duet_notify_one(&notify);
	await(&waits);
	ck_assert_int_eq(trial_try(&refused), 1);
}
END_TEST

int main(void)
{
	return contract_run("shortcut",
		CASES(what_is_not_there_is_waited_for_until_the_deadline_of_the_task,
			a_shutdown_finds_the_waits_of_tasks,
			what_is_there_is_had_although_the_deadline_has_passed,
			who_was_served_before_is_told_before,
			a_full_loop_has_no_place_for_who_needs_none_either),
		CASES(a_deadline_costs_no_suspension));
}
