/* SPDX-FileCopyrightText: The Duet authors */
/* SPDX-License-Identifier: MIT */
#include <pthread.h>
#include <stdatomic.h>

#include "tests/support/future.h"

/* R14: a waker that other threads wake, clone and drop, also after the end of what it woke. */

#define SLOTS 4
#define THREADS 3
#define ROUNDS 500

static struct solo solo;
static struct duet_shared_stats stats;

/* A future that is ready when what other threads have counted has reached `wanted`. */
struct inbox {
	struct duet_future future;
	struct duet_shared_waker shared;
	atomic_uint count;
	unsigned wanted;
	unsigned polls;
};

static struct inbox inbox;

static enum duet_readiness inbox_poll(struct duet_future *future, struct duet_context *context)
{
	struct inbox *self = (struct inbox *)(void *)future;

	self->polls++;
	if (!self->shared.scheduler)
		ck_assert_int_eq(duet_waker_share(context->scheduler, context->waker, &self->shared),
				 0);
	if (atomic_load_explicit(&self->count, memory_order_relaxed) < self->wanted)
		return duet_future_is_pending(future);
	return duet_future_is_ready(future, (int32_t)self->wanted);
}

static enum duet_readiness inbox_cancel(struct duet_future *future, struct duet_context *context)
{
	(void)context;
	return duet_future_is_ready(future, -ECANCELED);
}

static const struct duet_future_table inbox_table = { .name = "inbox", .poll = inbox_poll,
						      .poll_cancel = inbox_cancel };

static void start(unsigned wanted)
{
	struct duet_scheduler_options options;

	duet_scheduler_options_init(&options);
	options.shared_max = SLOTS;
	ck_assert_int_eq(duet_scheduler_init(&solo.scheduler, stage.loop, &options), 0);
	duet_future_init(&inbox.future, &inbox_table);
	inbox.shared = (struct duet_shared_waker){ .scheduler = NULL };
	inbox.wanted = wanted;
	inbox.polls = 0;
	atomic_store(&inbox.count, 0);
	duet_future_task_init(&solo.task, &inbox.future);
	ck_assert_int_eq(duet_task_spawn(&solo.scheduler, NULL, &solo.task.task), 0);
	turn_until(inbox.polls == 1);
}

static void finish(void)
{
	duet_shared_waker_stats(&solo.scheduler, &stats);
	ck_assert_uint_eq(stats.used, 0);
	ck_assert_int_eq(duet_scheduler_fini(&solo.scheduler), 0);
}

/* ---- On one thread. ---- */

START_TEST(a_share_wakes_the_task_in_a_turn_and_many_wakes_are_one)
{
	start(1);
	duet_shared_waker_wake(&inbox.shared);
	duet_shared_waker_wake(&inbox.shared);
	ck_assert_uint_eq(inbox.polls, 1);
	stage_settle(3);
	ck_assert_uint_eq(inbox.polls, 2);
	atomic_store(&inbox.count, 1);
	duet_shared_waker_wake(&inbox.shared);
	ck_assert_int_eq(solo_end(&solo), 1);
	duet_shared_waker_drop(&inbox.shared);
	finish();
	ck_assert_uint_eq(stats.delivered, 2);
	ck_assert_uint_eq(stats.late, 0);
}
END_TEST

START_TEST(a_wake_after_the_end_does_nothing_and_is_counted)
{
	struct duet_shared_waker clone;

	start(1);
	clone = duet_shared_waker_clone(&inbox.shared);
	duet_task_cancel(&solo.task.task);
	ck_assert_int_eq(solo_end(&solo), -ECANCELED);
	duet_shared_waker_wake(&clone);
	stage_settle(3);
	ck_assert_int_eq(duet_scheduler_fini(&solo.scheduler), -EBUSY);
	/* A new task at the same place isn't meant. */
	duet_future_release(&inbox.future);
	duet_future_init(&inbox.future, &inbox_table);
	duet_future_task_init(&solo.task, &inbox.future);
	ck_assert_int_eq(duet_task_spawn(&solo.scheduler, NULL, &solo.task.task), 0);
	inbox.polls = 0;
	turn_until(inbox.polls == 1);
	duet_shared_waker_wake(&clone);
	stage_settle(3);
	ck_assert_uint_eq(inbox.polls, 1);
	duet_task_cancel(&solo.task.task);
	solo_end(&solo);
	duet_shared_waker_drop(&clone);
	duet_shared_waker_drop(&inbox.shared);
	finish();
	ck_assert_uint_eq(stats.late, 2);
}
END_TEST

START_TEST(a_wake_on_its_way_when_the_last_share_goes_arrives_nowhere)
{
	start(1);
	duet_shared_waker_wake(&inbox.shared);
	duet_shared_waker_drop(&inbox.shared);
	duet_waker_unshare(&solo.scheduler, &solo.task.task.waker);
	duet_shared_waker_stats(&solo.scheduler, &stats);
	ck_assert_uint_eq(stats.used, 1);
	stage_settle(3);
	ck_assert_uint_eq(inbox.polls, 1);
	duet_task_cancel(&solo.task.task);
	solo_end(&solo);
	finish();
	ck_assert_uint_eq(stats.late, 1);
}
END_TEST

START_TEST(all_slots_in_use_refuses_and_a_drop_makes_room)
{
	struct duet_waker wakers[SLOTS + 1];
	struct duet_shared_waker shares[SLOTS + 1];

	start(1);
	for (int i = 0; i < SLOTS + 1; i++)
		wakers[i] = (struct duet_waker){ .wake = hear_nothing };
	for (int i = 0; i < SLOTS - 1; i++)
		ck_assert_int_eq(duet_waker_share(&solo.scheduler, &wakers[i], &shares[i]), 0);
	ck_assert_int_eq(duet_waker_share(&solo.scheduler, &wakers[SLOTS], &shares[SLOTS]),
			 -ENOBUFS);
	ck_assert_uint_eq(shares[SLOTS].generation, 0);
	/* The waker goes, then its last share. */
	duet_waker_unshare(&solo.scheduler, &wakers[0]);
	duet_shared_waker_drop(&shares[0]);
	ck_assert_int_eq(duet_waker_share(&solo.scheduler, &wakers[SLOTS], &shares[SLOTS]), 0);
	duet_shared_waker_drop(&shares[SLOTS]);
	for (int i = 1; i < SLOTS - 1; i++) {
		duet_shared_waker_drop(&shares[i]);
		duet_waker_unshare(&solo.scheduler, &wakers[i]);
	}
	duet_waker_unshare(&solo.scheduler, &wakers[SLOTS]);
	duet_task_cancel(&solo.task.task);
	solo_end(&solo);
	duet_shared_waker_drop(&inbox.shared);
	finish();
}
END_TEST

START_TEST(a_scheduler_without_slots_shares_nothing)
{
	struct duet_waker waker = { .wake = hear_nothing };
	struct duet_shared_waker shared;

	ck_assert_int_eq(duet_scheduler_init(&solo.scheduler, stage.loop, NULL), 0);
	ck_assert_int_eq(duet_waker_share(&solo.scheduler, &waker, &shared), -ENOBUFS);
	ck_assert_int_eq(duet_scheduler_fini(&solo.scheduler), 0);
}
END_TEST

START_TEST(a_wake_of_an_awake_loop_makes_no_system_call)
{
	struct duet_stats before, after;

	start(1);
	stage_settle(3);
	duet_loop_stats(stage.loop, &before);
	for (int i = 0; i < 100; i++)
		duet_shared_waker_wake(&inbox.shared);
	duet_loop_stats(stage.loop, &after);
	ck_assert_uint_eq(after.system_calls, before.system_calls);
	atomic_store(&inbox.count, 1);
	ck_assert_int_eq(solo_end(&solo), 1);
	ck_assert_uint_eq(inbox.polls, 2);
	duet_shared_waker_drop(&inbox.shared);
	finish();
}
END_TEST

/* Debug builds stop there: see tests/fault/misuse.c. */
#ifdef DUET_DEBUG
#define STOPS true
#else
#define STOPS false
#endif

START_TEST(a_share_is_nothing_after_its_drop)
{
	struct duet_shared_waker copy;

	if (STOPS)
		return;
	start(1);
	copy = inbox.shared;
	duet_task_cancel(&solo.task.task);
	solo_end(&solo);
	duet_shared_waker_drop(&inbox.shared);
	finish();
	start(1);
	copy.generation--;
	duet_shared_waker_wake(&copy);
	copy = duet_shared_waker_clone(&copy);
	ck_assert_uint_eq(copy.generation, 0);
	duet_shared_waker_wake(&copy);
	stage_settle(3);
	ck_assert_uint_eq(inbox.polls, 1);
	duet_task_cancel(&solo.task.task);
	solo_end(&solo);
	duet_shared_waker_drop(&inbox.shared);
	finish();
	ck_assert_uint_eq(stats.stale, 2);
}
END_TEST

/* ---- From other threads. ---- */

struct sender {
	pthread_t thread;
	struct duet_shared_waker shared;
	unsigned rounds;
};

/* Each wake by a clone of its own, which is dropped behind it. */
static void *send_all(void *argument)
{
	struct sender *sender = argument;

	for (unsigned i = 0; i < sender->rounds; i++) {
		struct duet_shared_waker clone = duet_shared_waker_clone(&sender->shared);

		atomic_fetch_add_explicit(&inbox.count, 1, memory_order_relaxed);
		duet_shared_waker_wake(&clone);
		duet_shared_waker_drop(&clone);
	}
	duet_shared_waker_drop(&sender->shared);
	return NULL;
}

static struct sender senders[THREADS];

static void senders_start(unsigned rounds)
{
	for (int i = 0; i < THREADS; i++) {
		senders[i].shared = duet_shared_waker_clone(&inbox.shared);
		senders[i].rounds = rounds;
		ck_assert_int_eq(pthread_create(&senders[i].thread, NULL, send_all, &senders[i]), 0);
	}
	duet_shared_waker_drop(&inbox.shared);
}

static void senders_join(void)
{
	for (int i = 0; i < THREADS; i++)
		pthread_join(senders[i].thread, NULL);
}

/* The last wake is never lost: what was written before it is seen. */
START_TEST(threads_wake_a_task_until_all_has_come)
{
	start(THREADS * ROUNDS);
	senders_start(ROUNDS);
	ck_assert_int_eq(solo_end(&solo), THREADS * ROUNDS);
	senders_join();
	stage_settle(3);
	finish();
	ck_assert_uint_eq(stats.stale, 0);
	ck_assert_uint_le(inbox.polls, THREADS * ROUNDS + 1);
}
END_TEST

START_TEST(a_task_that_ends_among_its_wakes_is_not_woken_again)
{
	for (unsigned round = 1; round <= 20; round++) {
		start(UINT32_MAX);
		senders_start(ROUNDS / 10);
		turn_until(atomic_load(&inbox.count) >= round);
		duet_task_cancel(&solo.task.task);
		ck_assert_int_eq(solo_end(&solo), -ECANCELED);
		senders_join();
		stage_settle(3);
		finish();
	}
}
END_TEST

int main(void)
{
	return contract_run("shared waker",
		CASES(a_share_wakes_the_task_in_a_turn_and_many_wakes_are_one,
			a_wake_after_the_end_does_nothing_and_is_counted,
			a_wake_on_its_way_when_the_last_share_goes_arrives_nowhere,
			all_slots_in_use_refuses_and_a_drop_makes_room,
			a_scheduler_without_slots_shares_nothing,
			a_wake_of_an_awake_loop_makes_no_system_call,
			a_share_is_nothing_after_its_drop,
			threads_wake_a_task_until_all_has_come,
			a_task_that_ends_among_its_wakes_is_not_woken_again),
		NULL);
}
