/* SPDX-FileCopyrightText: The Duet authors */
/* SPDX-License-Identifier: MIT */
#include <poll.h>

#include "tests/support/harness.h"

/* R5 and R19: nothing that was asked for is lost when a queue is full. */

/* Tools that make everything slow (and don't know the ring) get a twentieth. */
#define MANY 100000u
#define ROUND 2000u

static struct trial *trials;
static duet_handle pair[2];

static void open_small_queue(void)
{
	struct duet_loop_options options;

	duet_loop_options_init(&options);
	options.operations_max = MANY + 16;
	stage_reopen(&options, "entries=64");
	trials = calloc(MANY, sizeof(*trials));
	ck_assert_ptr_nonnull(trials);
}

START_TEST(a_hundred_thousand_starts_on_a_small_queue_all_end_once)
{
	unsigned many = MANY / (patience_factor() > 8 ? 20 : 1);

	open_small_queue();
	for (unsigned i = 0; i < many; i++) {
		trial_init(&trials[i]);
		duet_op_nop(&trials[i].op);
		trial_start(&trials[i]);
	}
	turn_until(stage.ends == many);
	for (unsigned i = 0; i < many; i++)
		expect(&trials[i], 0, DUET_COMPLETED, DUET_CAUSE_ITSELF);
	free(trials);
}
END_TEST

static void polls_start(unsigned count)
{
	for (unsigned i = 0; i < count; i++) {
		trial_init(&trials[i]);
		duet_op_poll(&trials[i].op, pair[1], POLLIN);
		trial_start(&trials[i]);
	}
}

static void expect_cancelled(unsigned count)
{
	for (unsigned i = 0; i < count; i++)
		expect(&trials[i], -ECANCELED, DUET_UNTOUCHED, DUET_CAUSE_CANCEL);
}

START_TEST(a_hundred_thousand_cancels_on_a_small_queue_all_reach_their_end)
{
	unsigned rounds = MANY / ROUND / (patience_factor() > 8 ? 20 : 1);
	unsigned before;

	open_small_queue();
	pair_open(pair);
	/* In rounds: a kernel finds what to cancel in a table whose size is that of its queue. */
	for (unsigned round = 0; round < rounds; round++) {
		before = stage.ends;
		polls_start(ROUND);
		for (unsigned i = 0; i < ROUND; i++)
			trial_cancel(&trials[i]);
		turn_until(stage.ends == before + ROUND);
		expect_cancelled(ROUND);
	}
	free(trials);
}
END_TEST

START_TEST(cancels_of_what_is_in_flight_are_not_dropped_when_the_queue_is_full)
{
	unsigned before;

	open_small_queue();
	pair_open(pair);
	before = stage.ends;
	polls_start(3000);
	stage_settle(100);
	ck_assert_uint_eq(stage.ends, before);
	for (unsigned i = 3000; i-- > 0;)
		trial_cancel(&trials[i]);
	turn_until(stage.ends == before + 3000);
	expect_cancelled(3000);
	free(trials);
}
END_TEST

START_TEST(a_close_under_more_than_the_queue_holds_reaches_its_end)
{
	struct trial closing;

	open_small_queue();
	pair_open(pair);
	polls_start(1000);
	stage_settle(30);
	trial_init(&closing);
	duet_op_close(&closing.op, pair[1]);
	trial_run(&closing);
	expect(&closing, 0, DUET_COMPLETED, DUET_CAUSE_ITSELF);
	for (unsigned i = 0; i < 1000; i++)
		expect(&trials[i], -ECANCELED, DUET_UNTOUCHED, DUET_CAUSE_CLOSE);
	free(trials);
}
END_TEST

START_TEST(a_thousand_deadlines_at_once_on_a_small_queue_all_end)
{
	uint64_t due;

	open_small_queue();
	pair_open(pair);
	due = duet_loop_now_ns(stage.loop) + 5000000;
	for (unsigned i = 0; i < 1000; i++) {
		trial_init(&trials[i]);
		duet_op_poll(&trials[i].op, pair[1], POLLIN);
		duet_op_deadline(&trials[i].op, due);
		trial_start(&trials[i]);
	}
	for (unsigned i = 0; i < 1000; i++)
		await(&trials[i]);
	for (unsigned i = 0; i < 1000; i++)
		expect(&trials[i], -ETIMEDOUT, DUET_UNTOUCHED, DUET_CAUSE_DEADLINE);
	free(trials);
}
END_TEST

START_TEST(a_full_queue_keeps_the_order_of_sends)
{
	static unsigned char out[20000];
	static unsigned char in[20000];

	open_small_queue();
	pair_open(pair);
	polls_start(500);
	pattern_fill(out, sizeof(out), 0);
	for (unsigned i = 0; i < 200; i++) {
		trial_init(&trials[500 + i]);
		duet_op_send(&trials[500 + i].op, pair[0], out + i * 100, 100, DUET_WHOLE);
		trial_start(&trials[500 + i]);
	}
	stream_recv(pair[1], in, sizeof(in));
	ck_assert(pattern_holds(in, sizeof(in), 0));
	turn_until(trials[699].ends);
	for (unsigned i = 1; i < 200; i++)
		ck_assert_uint_gt(trials[500 + i].rank, trials[500 + i - 1].rank);
	handle_close(pair[1]);
	free(trials);
}
END_TEST

/* More completions at once than the kernel's queue holds: it keeps them back, none is lost. */
START_TEST(a_flood_of_completions_is_delivered_whole)
{
	unsigned before;

	open_small_queue();
	pair_open(pair);
	before = stage.ends;
	polls_start(5000);
	stage_settle(100);
	stream_send(pair[0], "x", 1);
	turn_until(stage.ends == before + 5001);
	for (unsigned i = 0; i < 5000; i++)
		expect(&trials[i], POLLIN, DUET_COMPLETED, DUET_CAUSE_ITSELF);
	free(trials);
}
END_TEST

int main(void)
{
	return contract_run("volume",
		CASES(a_hundred_thousand_starts_on_a_small_queue_all_end_once,
			a_hundred_thousand_cancels_on_a_small_queue_all_reach_their_end,
			cancels_of_what_is_in_flight_are_not_dropped_when_the_queue_is_full,
			a_close_under_more_than_the_queue_holds_reaches_its_end,
			a_thousand_deadlines_at_once_on_a_small_queue_all_end,
			a_full_queue_keeps_the_order_of_sends,
			a_flood_of_completions_is_delivered_whole),
		NULL);
}
