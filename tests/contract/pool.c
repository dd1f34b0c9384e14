/* SPDX-FileCopyrightText: The Duet authors */
/* SPDX-License-Identifier: MIT */
#include <unistd.h>

#include "tests/support/harness.h"

/* Pooled receives: a buffer is taken when data comes, and is the caller's until returned. */

static duet_handle pair[2];
static struct duet_pool *pool;
static unsigned char out[65536];

/* What a multishot receive brought. */
struct basket {
	struct duet_buffer held[64];
	unsigned count;
	size_t bytes; /* checked against the pattern */
	unsigned starved;
	bool give_back;
};

static void collect(struct trial *trial)
{
	struct basket *basket = trial->context;
	struct duet_buffer *buffer = &trial->op.buffer;

	if (trial->op.more && trial->op.result == -ENOBUFS) {
		basket->starved++;
		return;
	}
	if (trial->op.transferred == 0)
		return;
	ck_assert_int_eq(trial->op.result, (int)buffer->length_bytes);
	ck_assert(pattern_holds(buffer->data, buffer->length_bytes, basket->bytes));
	basket->bytes += buffer->length_bytes;
	if (basket->give_back)
		ck_assert_int_eq(duet_buffer_return(stage.loop, buffer), 0);
	else
		basket->held[basket->count++] = *buffer;
}

static void stream_start(struct trial *trial, struct basket *basket, unsigned flags)
{
	memset(basket, 0, sizeof(*basket));
	trial_init(trial);
	trial->then = collect;
	trial->context = basket;
	duet_op_recv_pooled(&trial->op, pair[1], pool, flags);
	trial_start(trial);
}

static void basket_return(struct basket *basket)
{
	for (unsigned i = 0; i < basket->count; i++)
		ck_assert_int_eq(duet_buffer_return(stage.loop, &basket->held[i]), 0);
	basket->count = 0;
}

static void pool_open(uint32_t count, uint32_t size)
{
	struct duet_pool_options options;

	/* Whether several come at once or not, they are told one by one. */
	duet_pool_options_init(&options);
	options.count = count;
	options.size_bytes = size;
	options.bursts = true;
	ck_assert_int_eq(duet_pool_create_with(stage.loop, &options, &pool), 0);
	pair_open(pair);
	pattern_fill(out, sizeof(out), 0);
}

START_TEST(a_pooled_receive_names_its_buffer)
{
	struct basket basket;
	struct trial trial;

	pool_open(4, 1024);
	stream_start(&trial, &basket, 0);
	stage_settle(3);
	ck_assert_uint_eq(duet_pool_free_count(pool), 4);
	stream_send(pair[0], out, 100);
	await(&trial);
	ck_assert_int_eq(trial.op.disposition, DUET_COMPLETED);
	ck_assert_uint_eq(basket.count, 1);
	ck_assert_uint_eq(duet_pool_free_count(pool), 3);
	basket_return(&basket);
	ck_assert_uint_eq(duet_pool_free_count(pool), 4);
	stream_drain(pair[1], out, 100 - basket.bytes);
}
END_TEST

START_TEST(a_multishot_receive_brings_every_byte_in_order_until_the_end)
{
	struct basket basket;
	struct trial trial;

	pool_open(8, 512);
	stream_start(&trial, &basket, DUET_MULTISHOT);
	basket.give_back = true;
	for (unsigned i = 0; i < 16; i++)
		stream_send(pair[0], out + i * 1000, 1000);
	turn_until(basket.bytes == 16000);
	ck_assert_uint_eq(trial.ends, 0);
	handle_close(pair[0]);
	await(&trial);
	expect(&trial, 0, DUET_COMPLETED, DUET_CAUSE_ITSELF);
	ck_assert_uint_eq(trial.op.transferred, 0);
	ck_assert_uint_eq(duet_pool_free_count(pool), 8);
}
END_TEST

START_TEST(idle_receives_hold_no_buffer)
{
	struct duet_ledger ledger;
	struct basket basket;
	struct trial trial;

	pool_open(2, 512);
	stream_start(&trial, &basket, DUET_MULTISHOT);
	stage_settle(5);
	duet_loop_ledger(stage.loop, &ledger);
	ck_assert_uint_eq(ledger.held_count, 0);
	ck_assert_uint_eq(ledger.lent_bytes, 0);
	ck_assert_uint_eq(duet_pool_free_count(pool), 2);
	trial_cancel(&trial);
	await(&trial);
	expect(&trial, -ECANCELED, DUET_UNTOUCHED, DUET_CAUSE_CANCEL);
}
END_TEST

START_TEST(an_empty_pool_is_told_once_and_the_receive_goes_on_when_a_buffer_returns)
{
	struct basket basket;
	struct trial trial;

	pool_open(2, 64);
	stream_start(&trial, &basket, DUET_MULTISHOT);
	stream_send(pair[0], out, 640);
	turn_until(basket.starved);
	stage_settle(10);
	ck_assert_uint_eq(basket.starved, 1);
	ck_assert_uint_eq(basket.count, 2);
	ck_assert_uint_eq(trial.ends, 0);
	while (basket.bytes < 640) {
		size_t before = basket.bytes;

		basket_return(&basket);
		turn_until(basket.bytes > before);
	}
	ck_assert_uint_eq(trial.ends, 0);
	basket_return(&basket);
	trial_cancel(&trial);
	await(&trial);
	basket_return(&basket);
	ck_assert_uint_eq(duet_pool_free_count(pool), 2);
}
END_TEST

/* One byte each, so that nobody comes back for a second piece. */
START_TEST(starved_receives_are_served_first_come_first_one_for_each_buffer)
{
	duet_handle pairs[3][2];
	struct basket baskets[3];
	struct basket first;
	struct trial trials[3];
	struct trial trial;

	pool_open(1, 64);
	stream_start(&trial, &first, 0);
	stream_send(pair[0], out, 1);
	await(&trial);
	for (unsigned i = 0; i < 3; i++) {
		pair_open(pairs[i]);
		pair[1] = pairs[i][1];
		stream_start(&trials[i], &baskets[i], DUET_MULTISHOT);
		stream_send(pairs[i][0], out, 1);
		turn_until(baskets[i].starved);
	}
	for (unsigned i = 0; i < 3; i++) {
		ck_assert_uint_eq(baskets[i].count, 0);
		basket_return(i ? &baskets[i - 1] : &first);
		turn_until(baskets[i].count == 1);
		for (unsigned j = i + 1; j < 3; j++)
			ck_assert_uint_eq(baskets[j].count, 0);
	}
	basket_return(&baskets[2]);
	for (unsigned i = 0; i < 3; i++) {
		baskets[i].give_back = true;
		trial_cancel(&trials[i]);
		await(&trials[i]);
	}
	ck_assert_uint_eq(duet_pool_free_count(pool), 1);
}
END_TEST

/* A receive behind a starved one is no buffer's: when it goes, the one in front of it still waits for
 * the same turn. */
START_TEST(the_end_of_who_stands_behind_does_not_start_a_starved_receive_again)
{
	struct basket baskets[3];
	struct basket first;
	struct trial trials[3];
	struct trial trial;
	struct duet_stats stats;

	pool_open(1, 64);
	stream_start(&trial, &first, 0);
	stream_send(pair[0], out, 1);
	await(&trial);
	stream_send(pair[0], out + 1, 1);
	for (unsigned i = 0; i < 3; i++)
		stream_start(&trials[i], &baskets[i], 0);
	for (unsigned i = 0; i < 3; i++)
		baskets[i].bytes = i + 1;
	turn_until((duet_loop_stats(stage.loop, &stats), stats.starved > 0));
	for (unsigned i = 1; i < 3; i++) {
		trial_cancel(&trials[i]);
		await(&trials[i]);
		expect(&trials[i], -ECANCELED, DUET_UNTOUCHED, DUET_CAUSE_CANCEL);
		stage_settle(3);
	}
	ck_assert_uint_eq(trials[0].ends, 0);
	duet_loop_stats(stage.loop, &stats);
	ck_assert_uint_eq(stats.starved, 1);
	basket_return(&first);
	await(&trials[0]);
	expect(&trials[0], 1, DUET_COMPLETED, DUET_CAUSE_ITSELF);
	basket_return(&baskets[0]);
	stage_settle(3);
	ck_assert_uint_eq(trials[0].ends, 1);
	ck_assert_uint_eq(duet_pool_free_count(pool), 1);
}
END_TEST

/* Sixteen want what four hold, and each buffer comes back at once: whoever starves has its next
 * turn when there is a buffer for it, and not whenever any is. */
START_TEST(the_word_that_a_pool_is_empty_comes_once_for_each_buffer_at_most)
{
	static struct basket baskets[16];
	static struct trial trials[16];
	duet_handle pairs[16][2];
	unsigned starved = 0;

	pool_open(4, 64);
	for (unsigned i = 0; i < 16; i++) {
		pair_open(pairs[i]);
		stream_send(pairs[i][0], out, 64 * 20);
	}
	for (unsigned i = 0; i < 16; i++) {
		pair[1] = pairs[i][1];
		stream_start(&trials[i], &baskets[i], DUET_MULTISHOT);
		baskets[i].give_back = true;
	}
	for (unsigned i = 0; i < 16; i++)
		turn_until(baskets[i].bytes == 64 * 20);
	for (unsigned i = 0; i < 16; i++)
		starved += baskets[i].starved;
	ck_assert_uint_le(starved, 16 * 20 + 16);
	for (unsigned i = 0; i < 16; i++) {
		trial_cancel(&trials[i]);
		await(&trials[i]);
	}
	ck_assert_uint_eq(duet_pool_free_count(pool), 4);
}
END_TEST

/* The first in line has nothing to receive, and leaves the buffer to the second. */
START_TEST(a_starved_receive_gets_its_turn_also_in_a_loop_that_never_sleeps)
{
	struct basket kept, idle, waiting;
	struct trial keeper, first, second;
	duet_handle pairs[2][2];

	pool_open(1, 64);
	stream_start(&keeper, &kept, 0);
	stream_send(pair[0], out, 1);
	await(&keeper);
	pair_open(pairs[0]);
	pair_open(pairs[1]);
	pair[1] = pairs[0][1];
	stream_start(&first, &idle, DUET_MULTISHOT);
	stage_settle(2);
	pair[1] = pairs[1][1];
	stream_start(&second, &waiting, DUET_MULTISHOT);
	stream_send(pairs[1][0], out, 5);
	stage_settle(3);
	basket_return(&kept);
	for (unsigned turns = 0; turns < 100000 && !waiting.bytes; turns++)
		ck_assert_int_ge(duet_loop_turn(stage.loop, 0), 0);
	ck_assert_uint_eq(waiting.bytes, 5);
	basket_return(&waiting);
	trial_cancel(&first);
	await(&first);
	trial_cancel(&second);
	await(&second);
}
END_TEST

START_TEST(a_starved_receive_can_be_cancelled)
{
	struct basket basket;
	struct trial trial;

	pool_open(1, 64);
	stream_start(&trial, &basket, DUET_MULTISHOT);
	stream_send(pair[0], out, 640);
	turn_until(basket.starved);
	trial_cancel(&trial);
	await(&trial);
	expect(&trial, -ECANCELED, DUET_UNTOUCHED, DUET_CAUSE_CANCEL);
	basket_return(&basket);
	stage_settle(5);
	ck_assert_uint_eq(duet_pool_free_count(pool), 1);
}
END_TEST

START_TEST(a_buffer_returned_twice_is_refused)
{
	struct duet_buffer stale;
	struct basket basket;
	struct trial trial;

	pool_open(2, 64);
	stream_start(&trial, &basket, 0);
	stream_send(pair[0], out, 1);
	await(&trial);
	stale = basket.held[0];
	ck_assert_int_eq(duet_buffer_return(stage.loop, &stale), 0);
#ifndef DUET_DEBUG
	ck_assert_int_eq(duet_buffer_return(stage.loop, &stale), -EINVAL);
#endif
	ck_assert_uint_eq(duet_pool_free_count(pool), 2);
}
END_TEST

START_TEST(a_buffer_that_was_never_received_is_refused)
{
#ifndef DUET_DEBUG
	struct duet_buffer foreign = { .length_bytes = 1 };

	pool_open(2, 64);
	ck_assert_int_eq(duet_buffer_return(stage.loop, &foreign), -EINVAL);
	foreign.index = 2;
	ck_assert_int_eq(duet_buffer_return(stage.loop, &foreign), -EINVAL);
	foreign.pool = DUET_POOLS_MAX;
	ck_assert_int_eq(duet_buffer_return(stage.loop, &foreign), -EINVAL);
	ck_assert_uint_eq(duet_pool_free_count(pool), 2);
#endif
}
END_TEST

/* However often it is cancelled, and whoever wins: no buffer goes missing, no byte either. */
START_TEST(cancelled_pooled_receives_cost_no_buffer_and_no_byte)
{
	size_t total = 0;

	pool_open(4, 256);
	for (unsigned round = 0; round < 60; round++) {
		struct basket basket;
		struct trial trial;
		struct trial send;

		stream_start(&trial, &basket, round & 1 ? DUET_MULTISHOT : 0);
		basket.give_back = true;
		basket.bytes = total;
		if (round & 2)
			stage_settle(2);
		trial_init(&send);
		duet_op_send(&send.op, pair[0], out + round * 100, 100, DUET_WHOLE);
		trial_start(&send);
		if (round & 4)
			stage_settle(1);
		trial_cancel(&trial);
		turn_until(trial.ends && send.ends);
		total = basket.bytes;
		while (total < (round + 1) * 100) {
			stream_start(&trial, &basket, 0);
			basket.give_back = true;
			basket.bytes = total;
			await(&trial);
			total = basket.bytes;
		}
		ck_assert_uint_eq(duet_pool_free_count(pool), 4);
	}
}
END_TEST

START_TEST(a_receive_may_return_buffers_and_cancel_itself_in_its_own_callback)
{
	struct basket basket;
	struct trial trial;

	pool_open(2, 64);
	stream_start(&trial, &basket, DUET_MULTISHOT);
	basket.give_back = true;
	stream_send(pair[0], out, 1000);
	turn_until(basket.bytes > 0);
	trial_cancel(&trial);
	await(&trial);
	ck_assert_int_eq(trial.op.cause, DUET_CAUSE_CANCEL);
	ck_assert_uint_eq(duet_pool_free_count(pool), 2);
}
END_TEST

START_TEST(a_buffer_that_nobody_hears_of_goes_back_to_the_pool)
{
	struct duet_op op;

	pool_open(1, 64);
	duet_op_init(&op, NULL, NULL);
	duet_op_recv_pooled(&op, pair[1], pool, 0);
	ck_assert_int_eq(duet_op_start(stage.loop, &op), 0);
	stream_send(pair[0], out, 1);
	turn_until(!duet_op_pending(&op));
	ck_assert_uint_eq(duet_pool_free_count(pool), 1);
}
END_TEST

START_TEST(a_pooled_receive_without_a_pool_or_with_whole_is_refused)
{
	struct trial trial;

	pool_open(2, 64);
	trial_init(&trial);
	duet_op_recv_pooled(&trial.op, pair[1], NULL, 0);
	ck_assert_int_eq(trial_try(&trial), -EINVAL);
	duet_op_recv_pooled(&trial.op, pair[1], pool, DUET_WHOLE);
	ck_assert_int_eq(trial_try(&trial), -EINVAL);
	/* The pool of what the operation did before is no longer meant. */
	duet_op_recv_pooled(&trial.op, pair[1], pool, 0);
	duet_op_recv(&trial.op, pair[1], out, 8, DUET_POOLED);
	ck_assert_int_eq(trial_try(&trial), -EINVAL);
	memset(&trial.op.args, 0xa5, sizeof(trial.op.args));
	duet_op_recv(&trial.op, pair[1], out, 8, DUET_POOLED | DUET_MULTISHOT);
	ck_assert_int_eq(trial_try(&trial), -EINVAL);
}
END_TEST

START_TEST(the_pool_of_another_loop_is_refused)
{
	struct duet_loop *second;
	struct duet_pool *foreign;
	struct trial trial;

	pool_open(2, 64);
	ck_assert_int_eq(duet_loop_create(&second, stage.arm->backend(), NULL), 0);
	ck_assert_int_eq(duet_pool_create(second, 2, 64, &foreign), 0);
	trial_init(&trial);
	duet_op_recv_pooled(&trial.op, pair[1], foreign, 0);
	ck_assert_int_eq(trial_try(&trial), -EINVAL);
	duet_op_recv_pooled(&trial.op, pair[1], foreign, DUET_MULTISHOT);
	ck_assert_int_eq(trial_try(&trial), -EINVAL);
	ck_assert_int_eq(duet_loop_destroy(second), 0);
}
END_TEST

/* Others took the buffers; when one comes back, the first in line has nothing to receive. */
static void serve_behind_the_idle(bool idle_received_before)
{
	duet_handle quiet[2];
	struct basket baskets[3];
	struct trial trials[3];

	pool_open(1, 64);
	quiet[0] = pair[0];
	quiet[1] = pair[1];
	stream_start(&trials[0], &baskets[0], DUET_MULTISHOT);
	if (idle_received_before)
		stage_settle(3);
	stream_send(quiet[0], out, idle_received_before ? 64 : 10);
	turn_until(baskets[0].count == 1);
	stage_settle(3);
	for (unsigned i = 1; i < 3; i++) {
		pair_open(pair);
		stream_start(&trials[i], &baskets[i], DUET_MULTISHOT);
		if (i == 2)
			stream_send(pair[0], out, 20);
		stage_settle(3);
	}
	turn_until(baskets[2].starved);
	for (unsigned i = 0; i < 3; i++)
		baskets[i].give_back = true;
	basket_return(&baskets[0]);
	turn_until(baskets[2].bytes == 20);
	for (unsigned i = 0; i < 3; i++) {
		trial_cancel(&trials[i]);
		await(&trials[i]);
	}
	ck_assert_uint_eq(duet_pool_free_count(pool), 1);
}

START_TEST(a_starved_receive_goes_on_when_one_before_it_has_nothing_to_receive)
{
	serve_behind_the_idle(false);
}
END_TEST

START_TEST(a_starved_receive_goes_on_when_one_before_it_has_received_all)
{
	serve_behind_the_idle(true);
}
END_TEST

START_TEST(pools_have_bounds_and_say_which)
{
	struct duet_pool *pools[DUET_POOLS_MAX];

	ck_assert_int_eq(duet_pool_create(stage.loop, 0, 64, &pool), -EINVAL);
	ck_assert_int_eq(duet_pool_create(stage.loop, 32769, 64, &pool), -EINVAL);
	ck_assert_int_eq(duet_pool_create(stage.loop, 1, 0, &pool), -EINVAL);
	ck_assert_int_eq(duet_pool_create(stage.loop, 1, (1 << 20) + 1, &pool), -EINVAL);
	for (unsigned i = 0; i < DUET_POOLS_MAX; i++) {
		ck_assert_int_eq(duet_pool_create(stage.loop, i + 1, 64, &pools[i]), 0);
		ck_assert_uint_ge(duet_pool_free_count(pools[i]), i + 1);
	}
	ck_assert_uint_eq(duet_pool_free_count(pools[2]), 4);
	ck_assert_int_eq(duet_pool_create(stage.loop, 1, 64, &pool), -ENOSPC);
}
END_TEST

/* The kernel may have chosen a buffer before the cancel: it comes back with the failure. */
START_TEST(a_buffer_inside_a_failed_completion_comes_back)
{
	int raw;

	ck_assert_int_eq(duet_pool_create(stage.loop, 4, 64, &pool), 0);
	for (unsigned round = 0; round < 12; round++) {
		struct basket basket;
		struct trial trial;

		raw_pair(&pair[1], &raw);
		stream_start(&trial, &basket, round & 1 ? DUET_MULTISHOT : 0);
		stage_settle(2);
		if (round & 2)
			trial_cancel(&trial);
		raw_reset(raw);
		await(&trial);
		ck_assert_int_lt(trial.op.result, 0);
		handle_close(pair[1]);
		ck_assert_uint_eq(duet_pool_free_count(pool), 4);
	}
}
END_TEST

START_TEST(arrivals_before_a_cancel_are_all_handed_over)
{
	int raw;

	pattern_fill(out, sizeof(out), 0);
	ck_assert_int_eq(duet_pool_create(stage.loop, 8, 64, &pool), 0);
	raw_pair(&pair[1], &raw);
	for (size_t round = 0; round < 10; round++) {
		struct basket basket;
		struct trial trial;

		stream_start(&trial, &basket, DUET_MULTISHOT);
		basket.bytes = round * 30;
		stage_settle(2);
		for (unsigned i = 0; i < 3; i++)
			raw_send(raw, out + round * 30 + i * 10, 10);
		trial_cancel(&trial);
		await(&trial);
		basket_return(&basket);
		while (basket.bytes < (round + 1) * 30) {
			size_t had = basket.bytes;

			stream_start(&trial, &basket, 0);
			basket.bytes = had;
			await(&trial);
			basket_return(&basket);
		}
	}
	close(raw);
}
END_TEST

int main(void)
{
	return contract_run("pool",
		CASES(a_pooled_receive_names_its_buffer,
			a_multishot_receive_brings_every_byte_in_order_until_the_end,
			idle_receives_hold_no_buffer,
			an_empty_pool_is_told_once_and_the_receive_goes_on_when_a_buffer_returns,
			starved_receives_are_served_first_come_first_one_for_each_buffer,
			the_end_of_who_stands_behind_does_not_start_a_starved_receive_again,
			the_word_that_a_pool_is_empty_comes_once_for_each_buffer_at_most,
			a_starved_receive_gets_its_turn_also_in_a_loop_that_never_sleeps,
			a_starved_receive_goes_on_when_one_before_it_has_nothing_to_receive,
			a_starved_receive_goes_on_when_one_before_it_has_received_all,
			the_pool_of_another_loop_is_refused,
			a_starved_receive_can_be_cancelled, a_buffer_returned_twice_is_refused,
			a_buffer_that_was_never_received_is_refused,
			cancelled_pooled_receives_cost_no_buffer_and_no_byte,
			a_receive_may_return_buffers_and_cancel_itself_in_its_own_callback,
			a_buffer_that_nobody_hears_of_goes_back_to_the_pool,
			a_pooled_receive_without_a_pool_or_with_whole_is_refused,
			pools_have_bounds_and_say_which),
		CASES(a_buffer_inside_a_failed_completion_comes_back,
			arrivals_before_a_cancel_are_all_handed_over));
}
