/* SPDX-FileCopyrightText: The Duet authors */
/* SPDX-License-Identifier: MIT */
#include "tests/support/harness.h"

/* What is particular to each primitive: whose turn it is, who has it, what is kept. */

#ifdef DUET_DEBUG
#define STOPS 1
#else
#define STOPS 0
#endif

static struct duet_semaphore semaphore;
static struct duet_mutex mutex;
static struct duet_notify notify;
static struct duet_barrier barrier;
static struct duet_wait_group group;

/* Names of owners; nobody follows them. */
static const char holder, owners[2];

/* ---- Semaphore. ---- */

static void acquire_start(struct trial *trial, uint32_t permits)
{
	trial_init(trial);
	duet_op_acquire(&trial->op, &semaphore, permits);
	trial_start(trial);
}

START_TEST(permits_go_to_the_first_in_line_and_nobody_overtakes)
{
	struct trial many, few;

	duet_semaphore_init(&semaphore, stage.loop, 2);
	acquire_start(&many, 3);
	acquire_start(&few, 1);
	ck_assert_int_eq(duet_semaphore_try_acquire(&semaphore, 1), -EAGAIN);
	stage_settle(2);
	ck_assert_uint_eq(few.ends, 0);
	ck_assert_int_eq(duet_semaphore_release(&semaphore, 1), 0);
	await(&many);
	ck_assert_uint_eq(few.ends, 0);
	ck_assert_uint_eq(semaphore.permits, 0);
	ck_assert_int_eq(duet_semaphore_release(&semaphore, 3), 0);
	await(&few);
	ck_assert_uint_eq(semaphore.permits, 2);
	ck_assert_int_eq(duet_semaphore_fini(&semaphore), 0);
}
END_TEST

/* It was the only one who couldn't be served. */
START_TEST(when_the_first_in_line_gives_up_those_behind_it_are_served)
{
	struct trial many, few[2];

	duet_semaphore_init(&semaphore, stage.loop, 2);
	acquire_start(&many, 3);
	acquire_start(&few[0], 1);
	acquire_start(&few[1], 1);
	trial_cancel(&many);
	turn_until(few[1].ends);
	expect(&many, -ECANCELED, DUET_UNTOUCHED, DUET_CAUSE_CANCEL);
	ck_assert_uint_lt(few[0].rank, few[1].rank);
	ck_assert_uint_eq(semaphore.permits, 0);
	ck_assert_int_eq(duet_semaphore_fini(&semaphore), 0);
}
END_TEST

START_TEST(an_inline_acquire_behind_another_waits)
{
	struct trial many, few;

	duet_semaphore_init(&semaphore, stage.loop, 2);
	acquire_start(&many, 3);
	trial_init(&few);
	duet_op_acquire(&few.op, &semaphore, 1);
	duet_op_inline(&few.op);
	ck_assert_int_eq(trial_try(&few), 0);
	stage_settle(2);
	ck_assert_uint_eq(few.ends, 0);
	ck_assert_int_eq(duet_semaphore_release(&semaphore, 2), 0);
	turn_until(few.ends);
	ck_assert_int_eq(duet_semaphore_fini(&semaphore), 0);
}
END_TEST

START_TEST(permits_out_of_range_are_refused)
{
	struct trial trial;

	duet_semaphore_init(&semaphore, stage.loop, UINT32_MAX - 1);
	ck_assert_int_eq(duet_semaphore_release(&semaphore, 2), -EOVERFLOW);
	ck_assert_int_eq(duet_semaphore_release(&semaphore, 0), -EINVAL);
	ck_assert_int_eq(duet_semaphore_try_acquire(&semaphore, 0), -EINVAL);
	trial_init(&trial);
	duet_op_acquire(&trial.op, &semaphore, 0);
	ck_assert_int_eq(trial_try(&trial), -EINVAL);
	duet_op_release(&trial.op, &semaphore, 2);
	ck_assert_int_eq(trial_run(&trial), -EOVERFLOW);
	expect(&trial, -EOVERFLOW, DUET_FAILED, DUET_CAUSE_ITSELF);
	duet_op_release(&trial.op, &semaphore, 1);
	ck_assert_int_eq(trial_run(&trial), 0);
	ck_assert_uint_eq(semaphore.permits, UINT32_MAX);
	duet_op_acquire(&trial.op, NULL, 1);
	ck_assert_int_eq(trial_try(&trial), -EINVAL);
	ck_assert_int_eq(duet_semaphore_fini(&semaphore), 0);
}
END_TEST

/* ---- Mutex. ---- */

static void lock_start(struct trial *trial, unsigned who)
{
	trial_init(trial);
	duet_op_lock(&trial->op, &mutex, &owners[who]);
	trial_start(trial);
}

START_TEST(a_mutex_is_handed_over_in_order_and_knows_its_owner)
{
	struct trial trials[2];

	duet_mutex_init(&mutex, stage.loop);
	ck_assert_int_eq(duet_mutex_try_lock(&mutex, NULL), -EINVAL);
	ck_assert_int_eq(duet_mutex_try_lock(&mutex, &holder), 0);
	ck_assert_int_eq(duet_mutex_try_lock(&mutex, &holder), -EDEADLK);
	trial_init(&trials[0]);
	duet_op_lock(&trials[0].op, &mutex, &holder);
	ck_assert_int_eq(trial_try(&trials[0]), -EDEADLK);
	duet_op_lock(&trials[0].op, &mutex, NULL);
	ck_assert_int_eq(trial_try(&trials[0]), -EINVAL);
	lock_start(&trials[0], 0);
	lock_start(&trials[1], 1);
	ck_assert_int_eq(duet_mutex_unlock(&mutex, &holder), 0);
	/* It was never free in between. */
	ck_assert_ptr_eq(mutex.owner, &owners[0]);
	ck_assert_int_eq(duet_mutex_try_lock(&mutex, &holder), -EAGAIN);
	await(&trials[0]);
	ck_assert_uint_eq(trials[1].ends, 0);
	if (!STOPS) {
		ck_assert_int_eq(duet_mutex_unlock(&mutex, &owners[1]), -EPERM);
		ck_assert_int_eq(duet_mutex_unlock(&mutex, NULL), -EPERM);
	}
	ck_assert_int_eq(duet_mutex_unlock(&mutex, &owners[0]), 0);
	await(&trials[1]);
	if (!STOPS)
		ck_assert_int_eq(duet_mutex_fini(&mutex), -EBUSY);
	ck_assert_int_eq(duet_mutex_unlock(&mutex, &owners[1]), 0);
	ck_assert_ptr_null(mutex.owner);
	ck_assert_int_eq(duet_mutex_fini(&mutex), 0);
}
END_TEST

/* ---- Notify. ---- */

static void notified_start(struct trial *trial)
{
	trial_init(trial);
	duet_op_notified(&trial->op, &notify);
	trial_start(trial);
}

START_TEST(one_wake_is_kept_and_a_wake_of_all_is_not)
{
	struct trial trials[3];

	duet_notify_init(&notify, stage.loop);
	duet_notify_one(&notify);
	duet_notify_one(&notify);
	notified_start(&trials[0]);
	await(&trials[0]);
	duet_notify_all(&notify);
	for (unsigned i = 0; i < 3; i++)
		notified_start(&trials[i]);
	stage_settle(2);
	ck_assert_uint_eq(trials[0].ends, 0);
	duet_notify_one(&notify);
	await(&trials[0]);
	ck_assert_uint_eq(trials[1].ends + trials[2].ends, 0);
	duet_notify_all(&notify);
	turn_until(trials[1].ends && trials[2].ends);
	ck_assert_uint_lt(trials[1].rank, trials[2].rank);
	ck_assert_uint_eq(notify.kept, 0);
	trial_init(&trials[0]);
	duet_op_notify_one(&trials[0].op, &notify);
	ck_assert_int_eq(trial_run(&trials[0]), 0);
	ck_assert_uint_eq(notify.kept, 1);
	duet_op_notify_all(&trials[0].op, &notify);
	ck_assert_int_eq(trial_run(&trials[0]), 0);
	ck_assert_int_eq(duet_notify_fini(&notify), 0);
}
END_TEST

/* ---- Barrier. ---- */

static void barrier_start(struct trial *trial)
{
	trial_init(trial);
	duet_op_barrier(&trial->op, &barrier);
	trial_start(trial);
}

START_TEST(a_barrier_opens_for_all_and_tells_the_last_round_after_round)
{
	struct trial trials[3], alone;

	ck_assert_int_eq(duet_barrier_init(&barrier, stage.loop, 0), -EINVAL);
	ck_assert_int_eq(duet_barrier_init(&barrier, stage.loop, 3), 0);
	for (unsigned round = 0; round < 3; round++) {
		for (unsigned i = 0; i < 3; i++) {
			stage_settle(1);
			ck_assert_uint_eq(barrier.arrived, i);
			barrier_start(&trials[i]);
		}
		turn_until(trials[2].ends);
		for (unsigned i = 0; i < 3; i++)
			expect(&trials[i], i == 2, DUET_COMPLETED, DUET_CAUSE_ITSELF);
		ck_assert_uint_lt(trials[0].rank, trials[1].rank);
		ck_assert_uint_lt(trials[1].rank, trials[2].rank);
	}
	ck_assert_int_eq(duet_barrier_fini(&barrier), 0);
	ck_assert_int_eq(duet_barrier_init(&barrier, stage.loop, 1), 0);
	trial_init(&alone);
	duet_op_barrier(&alone.op, &barrier);
	duet_op_inline(&alone.op);
	ck_assert_int_eq(trial_try(&alone), 1);
	ck_assert_int_eq(alone.op.result, 1);
}
END_TEST

START_TEST(who_is_stopped_at_a_barrier_has_not_arrived)
{
	struct trial stopped, first, last;

	ck_assert_int_eq(duet_barrier_init(&barrier, stage.loop, 2), 0);
	barrier_start(&stopped);
	trial_cancel(&stopped);
	ck_assert_uint_eq(barrier.arrived, 0);
	barrier_start(&first);
	stage_settle(3);
	expect(&stopped, -ECANCELED, DUET_UNTOUCHED, DUET_CAUSE_CANCEL);
	ck_assert_uint_eq(first.ends, 0);
	if (!STOPS)
		ck_assert_int_eq(duet_barrier_fini(&barrier), -EBUSY);
	barrier_start(&last);
	/* Both have arrived: it is too late to give up. */
	trial_cancel(&first);
	turn_until(first.ends && last.ends);
	expect(&first, 0, DUET_COMPLETED, DUET_CAUSE_ITSELF);
	expect(&last, 1, DUET_COMPLETED, DUET_CAUSE_ITSELF);
	ck_assert_int_eq(duet_barrier_fini(&barrier), 0);
}
END_TEST

/* ---- Wait group. ---- */

static void group_start(struct trial *trial)
{
	trial_init(trial);
	duet_op_wait_group(&trial->op, &group);
	trial_start(trial);
}

START_TEST(a_wait_group_ends_all_waits_when_the_last_is_done)
{
	struct trial trials[2];

	duet_wait_group_init(&group, stage.loop);
	ck_assert_int_eq(duet_wait_group_add(&group, 1), 0);
	ck_assert_int_eq(duet_wait_group_add(&group, UINT32_MAX), -EOVERFLOW);
	ck_assert_int_eq(duet_wait_group_add(&group, 1), 0);
	group_start(&trials[0]);
	group_start(&trials[1]);
	ck_assert_int_eq(duet_wait_group_done(&group), 0);
	stage_settle(2);
	ck_assert_uint_eq(trials[0].ends, 0);
	ck_assert_int_eq(duet_wait_group_done(&group), 0);
	turn_until(trials[0].ends && trials[1].ends);
	if (!STOPS)
		ck_assert_int_eq(duet_wait_group_done(&group), -ERANGE);
	ck_assert_int_eq(duet_wait_group_fini(&group), 0);
}
END_TEST

int main(void)
{
	return contract_run("primitive_turns",
		CASES(permits_go_to_the_first_in_line_and_nobody_overtakes,
			when_the_first_in_line_gives_up_those_behind_it_are_served,
			an_inline_acquire_behind_another_waits,
			permits_out_of_range_are_refused,
			a_mutex_is_handed_over_in_order_and_knows_its_owner,
			one_wake_is_kept_and_a_wake_of_all_is_not,
			a_barrier_opens_for_all_and_tells_the_last_round_after_round,
			who_is_stopped_at_a_barrier_has_not_arrived,
			a_wait_group_ends_all_waits_when_the_last_is_done),
		NULL);
}
