/* SPDX-FileCopyrightText: The Duet authors */
/* SPDX-License-Identifier: MIT */
#include <stdio.h>

#include "tests/support/harness.h"

/* R15: any operation as a future; wakes are precise. */

#define CHILDREN 100

static duet_handle pair[2];
static unsigned char data[4096];

struct bell {
	struct duet_waker waker;
	unsigned rings;
};

static void ring(struct duet_waker *waker)
{
	((struct bell *)waker)->rings++;
}

static struct bell bell(void)
{
	return (struct bell){ .waker.wake = ring };
}

static void recv_future(struct duet_op_future *future)
{
	duet_op_future_init(future);
	duet_op_recv(&future->op, pair[1], data, 5, DUET_WHOLE);
}

START_TEST(a_future_is_cold_until_its_first_poll)
{
	struct duet_op_future future;

	pair_open(pair);
	recv_future(&future);
	stream_send(pair[0], "hello", 5);
	stage_settle(5);
	ck_assert(!duet_op_pending(&future.op));
	ck_assert_uint_eq(duet_loop_pending(stage.loop), 0);
	stream_recv(pair[1], data, 5);
}
END_TEST

START_TEST(pending_rings_the_waker_once_when_asking_again_says_more)
{
	struct duet_op_future future;
	struct bell one = bell();

	pair_open(pair);
	recv_future(&future);
	ck_assert_int_eq(future_poll(&future, &one.waker), DUET_PENDING);
	stage_settle(5);
	ck_assert_uint_eq(one.rings, 0);
	stream_send(pair[0], "hello", 5);
	turn_until(one.rings > 0);
	ck_assert_int_eq(future_poll(&future, &one.waker), DUET_READY);
	ck_assert_int_eq(future_poll(&future, &one.waker), DUET_READY);
	ck_assert_int_eq(future.op.result, 5);
	stage_settle(3);
	ck_assert_uint_eq(one.rings, 1);
}
END_TEST

START_TEST(only_the_waker_given_last_is_rung)
{
	struct duet_op_future future;
	struct bell one = bell();
	struct bell two = bell();

	pair_open(pair);
	recv_future(&future);
	future_poll(&future, &one.waker);
	future_poll(&future, &two.waker);
	stream_send(pair[0], "hello", 5);
	turn_until(two.rings == 1);
	ck_assert_uint_eq(one.rings, 0);
	ck_assert_int_eq(future_poll(&future, &one.waker), DUET_READY);
}
END_TEST

START_TEST(what_can_end_at_once_is_ready_at_the_first_poll_or_rings)
{
	struct duet_op_future future;
	struct bell one = bell();

	duet_op_future_init(&future);
	duet_op_nop(&future.op);
	if (future_poll(&future, &one.waker) == DUET_PENDING)
		turn_until(one.rings == 1);
	ck_assert_int_eq(future_poll(&future, &one.waker), DUET_READY);
	ck_assert_int_eq(future.op.result, 0);
}
END_TEST

START_TEST(a_refused_start_is_ready_with_the_refusal)
{
	struct duet_op_future future;
	struct bell one = bell();
	duet_handle none = DUET_HANDLE_NONE;

	duet_op_future_init(&future);
	duet_op_recv(&future.op, none, data, 5, 0);
	ck_assert_int_eq(future_poll(&future, &one.waker), DUET_READY);
	ck_assert_int_eq(future.op.result, -EBADF);
	ck_assert_uint_eq(one.rings, 0);
}
END_TEST

START_TEST(a_future_is_used_again_after_a_reset)
{
	struct duet_op_future future;
	struct bell one = bell();

	pair_open(pair);
	recv_future(&future);
	for (unsigned i = 0; i < 5; i++) {
		stream_send(pair[0], "hello", 5);
		if (future_poll(&future, &one.waker) == DUET_PENDING)
			turn_until(future_poll(&future, &one.waker) == DUET_READY);
		ck_assert_int_eq(future.op.result, 5);
		duet_op_future_reset(&future);
		duet_op_recv(&future.op, pair[1], data, 5, DUET_WHOLE);
	}
}
END_TEST

START_TEST(a_cancelled_future_is_polled_on_until_ready)
{
	struct duet_op_future future;
	struct bell one = bell();

	pair_open(pair);
	recv_future(&future);
	future_poll(&future, &one.waker);
	duet_op_cancel(&future.op);
	ck_assert_uint_eq(one.rings, 0);
	turn_until(one.rings == 1);
	ck_assert_int_eq(future_poll(&future, &one.waker), DUET_READY);
	ck_assert_int_eq(future.op.result, -ECANCELED);
	ck_assert_int_eq(future.op.disposition, DUET_UNTOUCHED);
}
END_TEST

/* ---- Sets. ---- */

static struct duet_child *set_next(struct duet_future_set *set, struct duet_waker *waker)
{
	struct duet_context context = context_of(waker);

	return duet_future_set_next(set, &context);
}

struct hundred {
	struct duet_op_future futures[CHILDREN];
	struct duet_child children[CHILDREN];
	struct duet_future_set set;
	struct bell bell;
};

static void hundred_open(struct hundred *hundred)
{
	uint64_t far = duet_loop_now_ns(stage.loop) + 3600000000000u;

	hundred->bell = bell();
	duet_future_set_init(&hundred->set);
	for (unsigned i = 0; i < CHILDREN; i++) {
		duet_op_future_init(&hundred->futures[i]);
		duet_op_timeout(&hundred->futures[i].op, far + i);
		duet_future_set_add(&hundred->set, &hundred->children[i], &hundred->futures[i].future);
	}
	/* So many that it takes more than one turn. */
	while (hundred->set.children.polls < CHILDREN)
		ck_assert_ptr_null(set_next(&hundred->set, &hundred->bell.waker));
	ck_assert_uint_eq(hundred->set.children.polls, CHILDREN);
	ck_assert_uint_eq(hundred->bell.rings, (CHILDREN - 1) / DUET_CHILD_POLLS_MAX);
	hundred->bell.rings = 0;
}

START_TEST(a_set_polls_only_the_children_that_were_woken)
{
	static struct hundred hundred;

	hundred_open(&hundred);
	for (unsigned i = 0; i < CHILDREN; i++) {
		unsigned which = i * 37 % CHILDREN;
		uint64_t before = hundred.set.children.polls;
		struct duet_child *child;

		duet_op_cancel(&hundred.futures[which].op);
		turn_until(hundred.bell.rings == i + 1);
		child = set_next(&hundred.set, &hundred.bell.waker);
		ck_assert_ptr_eq(child, &hundred.children[which]);
		ck_assert_uint_eq(hundred.set.children.polls, before + 1);
		ck_assert_uint_eq(hundred.set.children.count, CHILDREN - i - 1);
		ck_assert_ptr_null(set_next(&hundred.set, &hundred.bell.waker));
		ck_assert_uint_eq(hundred.set.children.polls, before + 1);
	}
}
END_TEST

START_TEST(children_that_are_ready_together_are_all_given_for_one_ring)
{
	static struct hundred hundred;
	unsigned given = 0;

	hundred_open(&hundred);
	for (unsigned i = 0; i < CHILDREN; i++)
		duet_op_cancel(&hundred.futures[i].op);
	turn_until(hundred.bell.rings >= 1);
	turn_until(duet_loop_pending(stage.loop) == 0);
	stage_settle(2);
	while (set_next(&hundred.set, &hundred.bell.waker))
		given++;
	ck_assert_uint_eq(given, CHILDREN);
	ck_assert_uint_eq(hundred.bell.rings, 1);
	ck_assert_uint_eq(hundred.set.children.polls, 2 * CHILDREN);
}
END_TEST

/* ---- A single pooled receive: its buffer comes with the result, however it ends. ---- */

static void pooled_future_receives(bool there_already)
{
	struct duet_op_future future;
	struct duet_pool *pool;
	struct bell one = bell();

	ck_assert_int_eq(duet_pool_create(stage.loop, 2, 64, &pool), 0);
	pair_open(pair);
	duet_op_future_init(&future);
	duet_op_recv_pooled(&future.op, pair[1], pool, 0);
	if (!there_already)
		future_poll(&future, &one.waker);
	stream_send(pair[0], "h", 1);
	stage_settle(3);
	turn_until(future_poll(&future, &one.waker) == DUET_READY);
	ck_assert_int_eq(future.op.result, 1);
	ck_assert_uint_eq(future.op.buffer.length_bytes, 1);
	ck_assert_ptr_nonnull(future.op.buffer.data);
	ck_assert_int_eq(*future.op.buffer.data, 'h');
	ck_assert_uint_eq(duet_pool_free_count(pool), 1);
	ck_assert_int_eq(duet_buffer_return(stage.loop, &future.op.buffer), 0);
	ck_assert_uint_eq(duet_pool_free_count(pool), 2);
}

#define SEEDS 8

/* What the reference draws at a start differs from seed to seed; the twins have none. */
START_TEST(a_pooled_future_brings_its_buffer_whatever_the_seed)
{
	static struct arm seeded;
	static char tuning[32];

	seeded = *stage.arm;
	for (unsigned seed = 1; seed <= (stage.arm->kernel ? 1 : SEEDS); seed++) {
		snprintf(tuning, sizeof(tuning), "seed=%u", seed);
		if (!stage.arm->kernel) {
			seeded.tuning = tuning;
			stage.arm = &seeded;
			stage_reopen(NULL, NULL);
		}
		pooled_future_receives(true);
		pair_close(pair);
		pooled_future_receives(false);
		pair_close(pair);
	}
}
END_TEST

/* ---- Tasks. ---- */

struct counter {
	struct duet_task task;
	struct duet_op_future future;
	unsigned polls;
	unsigned rounds;
	bool ended;
};

static enum duet_readiness count_to_ten(struct duet_task *task)
{
	struct counter *counter = (struct counter *)task;

	counter->polls++;
	while (counter->rounds < 10) {
		if (future_poll(&counter->future, &task->waker) == DUET_PENDING)
			return DUET_PENDING;
		counter->rounds++;
		duet_op_future_reset(&counter->future);
		duet_op_timeout(&counter->future.op, duet_loop_now_ns(stage.loop) + 1000);
	}
	return DUET_READY;
}

static const struct duet_task_model count_to_ten_model = {.name = "future", .step = count_to_ten};

static void counted(struct duet_task *task)
{
	((struct counter *)task)->ended = true;
}

START_TEST(a_task_is_polled_once_for_each_wake_and_never_inside_spawn)
{
	struct duet_scheduler scheduler;
	struct counter counters[20];

	duet_scheduler_init(&scheduler, stage.loop, NULL);
	for (unsigned i = 0; i < 20; i++) {
		memset(&counters[i], 0, sizeof(counters[i]));
		duet_op_future_init(&counters[i].future);
		duet_op_timeout(&counters[i].future.op, duet_loop_now_ns(stage.loop) + 1000);
		duet_task_init(&counters[i].task, &count_to_ten_model);
		counters[i].task.ended = counted;
		duet_task_spawn(&scheduler, NULL, &counters[i].task);
		ck_assert_uint_eq(counters[i].polls, 0);
	}
	ck_assert_uint_eq(scheduler.live, 20);
	turn_until(scheduler.live == 0);
	for (unsigned i = 0; i < 20; i++) {
		ck_assert(counters[i].ended);
		ck_assert_uint_eq(counters[i].rounds, 10);
		ck_assert_uint_le(counters[i].polls, 11);
	}
}
END_TEST

static enum duet_readiness wake_itself(struct duet_task *task)
{
	struct counter *counter = (struct counter *)task;

	if (++counter->polls == 1000)
		return DUET_READY;
	duet_waker_wake(&task->waker);
	return DUET_PENDING;
}

static const struct duet_task_model wake_itself_model = {.name = "future", .step = wake_itself};

START_TEST(a_task_that_wakes_itself_does_not_keep_the_turn)
{
	struct duet_scheduler scheduler;
	struct counter counter = { .polls = 0 };
	struct trial timer;

	duet_scheduler_init(&scheduler, stage.loop, NULL);
	duet_task_init(&counter.task, &wake_itself_model);
	duet_task_spawn(&scheduler, NULL, &counter.task);
	trial_init(&timer);
	duet_op_timeout(&timer.op, 0);
	trial_run(&timer);
	ck_assert_uint_lt(counter.polls, 1000);
	turn_until(scheduler.live == 0);
	ck_assert_uint_eq(counter.polls, 1000);
}
END_TEST

static enum duet_readiness wake_itself_and_end(struct duet_task *task)
{
	struct counter *counter = (struct counter *)task;

	counter->polls++;
	duet_waker_wake(&task->waker);
	return DUET_READY;
}

static const struct duet_task_model wake_itself_and_end_model = {.name = "future",
	.step = wake_itself_and_end};

static void count_end(struct duet_task *task)
{
	((struct counter *)task)->rounds++;
}

/* Its memory is its owner's from its end on: also if it was woken again, alone or among others. */
START_TEST(a_task_that_has_ended_is_not_polled_again)
{
	struct duet_scheduler scheduler;
	struct counter counters[5];

	duet_scheduler_init(&scheduler, stage.loop, NULL);
	memset(counters, 0, sizeof(counters));
	for (unsigned i = 0; i < 5; i++) {
		duet_task_init(&counters[i].task,
			i & 1 ? &wake_itself_model : &wake_itself_and_end_model);
		counters[i].task.ended = count_end;
		duet_task_spawn(&scheduler, NULL, &counters[i].task);
	}
	stage_settle(5);
	for (unsigned i = 0; i < 5; i += 2) {
		ck_assert_uint_eq(counters[i].polls, 1);
		ck_assert_uint_eq(counters[i].rounds, 1);
	}
	turn_until(scheduler.live == 0);
	for (unsigned i = 1; i < 5; i += 2) {
		ck_assert_uint_eq(counters[i].polls, 1000);
		ck_assert_uint_eq(counters[i].rounds, 1);
	}
}
END_TEST

static unsigned polled;

static enum duet_readiness take_a_number(struct duet_task *task)
{
	struct counter *counter = (struct counter *)task;

	counter->rounds = ++polled;
	return counter->polls++ ? DUET_READY : DUET_PENDING;
}

static const struct duet_task_model take_a_number_model = {.name = "future", .step = take_a_number};

START_TEST(tasks_are_polled_in_the_order_in_which_they_were_woken)
{
	struct duet_scheduler scheduler;
	struct counter counters[5];

	duet_scheduler_init(&scheduler, stage.loop, NULL);
	memset(counters, 0, sizeof(counters));
	for (unsigned i = 0; i < 5; i++) {
		duet_task_init(&counters[i].task, &take_a_number_model);
		duet_task_spawn(&scheduler, NULL, &counters[i].task);
	}
	turn_until(polled == 5);
	for (unsigned i = 0; i < 5; i++)
		ck_assert_uint_eq(counters[i].rounds, i + 1);
	for (unsigned i = 0; i < 5; i++)
		duet_waker_wake(&counters[i * 3 % 5].task.waker);
	turn_until(scheduler.live == 0);
	for (unsigned i = 0; i < 5; i++)
		ck_assert_uint_eq(counters[i * 3 % 5].rounds, i + 6);
}
END_TEST

int main(void)
{
	return contract_run("future",
		CASES(a_future_is_cold_until_its_first_poll,
			pending_rings_the_waker_once_when_asking_again_says_more,
			only_the_waker_given_last_is_rung,
			what_can_end_at_once_is_ready_at_the_first_poll_or_rings,
			a_refused_start_is_ready_with_the_refusal,
			a_future_is_used_again_after_a_reset, a_cancelled_future_is_polled_on_until_ready,
			a_set_polls_only_the_children_that_were_woken,
			children_that_are_ready_together_are_all_given_for_one_ring,
			a_pooled_future_brings_its_buffer_whatever_the_seed,
			a_task_is_polled_once_for_each_wake_and_never_inside_spawn,
			a_task_that_wakes_itself_does_not_keep_the_turn,
			a_task_that_has_ended_is_not_polled_again,
			tasks_are_polled_in_the_order_in_which_they_were_woken),
		NULL);
}
