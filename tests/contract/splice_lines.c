/* SPDX-FileCopyrightText: The Duet authors */
/* SPDX-License-Identifier: MIT */
#include <unistd.h>

#include "tests/support/splice.h"

/* A splice stands in two lines: that of the receives of its input, and that of the sends of its output. */

static unsigned char in[65536];

START_TEST(it_leaves_between_the_sends_around_it)
{
	struct trial before, trial, after;

	all_open();
	splice_start(&trial, 0, one[0], pair[0], 5, DUET_WHOLE);
	trial_init(&after);
	duet_op_send(&after.op, pair[0], "after", 5, DUET_WHOLE);
	trial_start(&after);
	stage_settle(5);
	ck_assert_uint_eq(after.ends, 0);
	stream_send(one[1], "bytes", 5);
	await(&after);
	trial_init(&before);
	duet_op_send(&before.op, pair[0], "before", 6, DUET_WHOLE);
	trial_start(&before);
	stream_send(one[1], "again", 5);
	splice_run(&trial, one[0], pair[0], 5, DUET_WHOLE);
	expect_came(pair[1], "bytesafterbeforeagain", 21);
	ck_assert_uint_eq(before.ends, 1);
}
END_TEST

START_TEST(it_takes_between_the_receives_around_it)
{
	struct trial before, trial, after;
	char early[5], late[4];

	all_open();
	trial_init(&before);
	duet_op_recv(&before.op, one[0], early, 5, DUET_WHOLE);
	trial_start(&before);
	splice_start(&trial, 0, one[0], pair[0], 6, DUET_WHOLE);
	trial_init(&after);
	duet_op_recv(&after.op, one[0], late, 4, DUET_WHOLE);
	trial_start(&after);
	stage_settle(3);
	stream_send(one[1], "earlymiddlelate", 15);
	await(&before);
	await(&trial);
	await(&after);
	ck_assert_mem_eq(early, "early", 5);
	ck_assert_mem_eq(late, "late", 4);
	expect_came(pair[1], "middle", 6);
}
END_TEST

/* The second is first in the line of its output and not in that of its input, the third the other way
 * round. */
START_TEST(it_has_its_turn_when_it_is_first_in_both)
{
	struct trial trials[3];

	all_open();
	splice_start(&trials[0], 0, one[0], pair[0], 2, DUET_WHOLE);
	splice_start(&trials[1], 1, one[0], other[1], 2, DUET_WHOLE);
	splice_start(&trials[2], 2, other[0], pair[0], 2, DUET_WHOLE);
	stage_settle(5);
	stream_send(one[1], "abcd", 4);
	for (unsigned i = 0; i < 3; i++) {
		await(&trials[i]);
		expect(&trials[i], 2, DUET_COMPLETED, DUET_CAUSE_ITSELF);
	}
	expect_came(pair[1], "abcd", 4);
}
END_TEST

START_TEST(both_lines_go_on_when_it_is_cancelled)
{
	struct trial trials[2], send, receive;
	char byte;

	for (unsigned victim = 0; victim < 2; victim++) {
		all_open();
		for (unsigned i = 0; i < 2; i++)
			splice_start(&trials[i], i, one[0], pair[0], 1, 0);
		trial_init(&send);
		duet_op_send(&send.op, pair[0], "s", 1, 0);
		trial_start(&send);
		trial_init(&receive);
		duet_op_recv(&receive.op, one[0], &byte, 1, 0);
		trial_start(&receive);
		stage_settle(2);
		trial_cancel(&trials[victim]);
		await(&trials[victim]);
		expect(&trials[victim], -ECANCELED, DUET_UNTOUCHED, DUET_CAUSE_CANCEL);
		stage_settle(5);
		ck_assert_uint_eq(send.ends + receive.ends, 0);
		stream_send(one[1], "12", 2);
		await(&send);
		await(&receive);
		ck_assert_int_eq(byte, '2');
		expect_came(pair[1], "1s", 2);
	}
}
END_TEST

/* Partial, it takes along what stands behind it in the line of its output, which is also behind it in
 * that of the input which is closed: each once. */
START_TEST(a_close_ends_all_that_stand_in_its_line)
{
	struct trial trials[4], receive, closing;
	char byte;

	splice_stick(&trials[0]);
	trial_init(&receive);
	duet_op_recv(&receive.op, one[0], &byte, 1, 0);
	trial_start(&receive);
	splice_start(&trials[1], 1, one[0], pair[0], 1, 0);
	splice_start(&trials[2], 2, one[0], other[1], 1, 0);
	splice_start(&trials[3], 3, pair[1], other[1], 1, 0);
	trial_init(&closing);
	duet_op_close(&closing.op, one[0]);
	trial_run(&closing);
	expect(&closing, 0, DUET_COMPLETED, DUET_CAUSE_ITSELF);
	expect(&trials[0], (int)trials[0].op.transferred, DUET_PARTIAL, DUET_CAUSE_CLOSE);
	expect(&receive, -ECANCELED, DUET_UNTOUCHED, DUET_CAUSE_CLOSE);
	for (unsigned i = 1; i < 3; i++)
		expect(&trials[i], -ECANCELED, DUET_UNTOUCHED, DUET_CAUSE_CLOSE);
	expect(&trials[3], -ECANCELED, DUET_UNTOUCHED, DUET_CAUSE_ORDER);
}
END_TEST

START_TEST(behind_a_failed_one_nothing_is_written)
{
	struct trial trial, behind[2];

	all_open();
	splice_start(&trial, 0, one[0], other[1], 5, 0);
	trial_init(&behind[0]);
	duet_op_send(&behind[0].op, other[1], "x", 1, 0);
	trial_start(&behind[0]);
	splice_start(&behind[1], 1, pair[1], other[1], 1, 0);
	handle_close(other[0]);
	stream_send(one[1], "hello", 5);
	await(&trial);
	await(&behind[0]);
	await(&behind[1]);
	expect(&trial, -EPIPE, DUET_FAILED, DUET_CAUSE_ITSELF);
	for (unsigned i = 0; i < 2; i++)
		expect(&behind[i], -ECANCELED, DUET_UNTOUCHED, DUET_CAUSE_ORDER);
	expect_came(one[0], "hello", 5);
}
END_TEST

/* Each moves what the one before it has moved. */
START_TEST(a_chain_of_pipes_carries_every_byte_in_order)
{
	static unsigned char data[3000];
	struct trial trials[3];

	all_open();
	pattern_fill(data, sizeof(data), 0);
	for (unsigned round = 0; round < 5; round++) {
		splice_start(&trials[0], 0, pair[1], one[1], sizeof(data), DUET_WHOLE);
		splice_start(&trials[1], 1, one[0], other[1], sizeof(data), DUET_WHOLE);
		splice_start(&trials[2], 2, other[0], pair[1], sizeof(data), DUET_WHOLE);
		stream_send(pair[0], data, sizeof(data));
		stream_recv(pair[0], in, sizeof(data));
		ck_assert(pattern_holds(in, sizeof(data), 0));
		for (unsigned i = 0; i < 3; i++) {
			await(&trials[i]);
			expect(&trials[i], sizeof(data), DUET_COMPLETED, DUET_CAUSE_ITSELF);
		}
	}
}
END_TEST

/* Its lines are left when it ends, and its caller has yet to hear so. */
START_TEST(neither_handle_is_released_before_it_was_told)
{
	struct trial trial;
	int fd;

	all_open();
	splice_start(&trial, 0, one[0], other[1], 1, 0);
	stage_settle(2);
	ck_assert_int_eq(duet_handle_release(stage.loop, one[0]), -EBUSY);
	trial_cancel(&trial);
	turn_until(trial.ends || duet_handle_release(stage.loop, one[0]) != -EBUSY);
	ck_assert_uint_eq(trial.ends, 1);
	fd = duet_handle_release(stage.loop, one[0]);
	if (stage.arm->kernel) {
		ck_assert_int_ge(fd, 0);
		close(fd);
	}
}
END_TEST

/* ---- A crowd, by chance. ---- */

enum { HOPS = 3, TRIALS = 4, STEPS = 60, CROWD_BYTES = 6000 };

static uint32_t chance;

static uint32_t below(uint32_t bound)
{
	chance = chance * 1664525u + 1013904223u;
	return (chance >> 8) % bound;
}

static void start_hop(struct trial *trial, unsigned place)
{
	const duet_handle from[HOPS] = { pair[1], one[0], other[0] };
	const duet_handle to[HOPS] = { one[1], other[1], pair[1] };
	unsigned hop = below(HOPS);

	splice_start(trial, place, from[hop], to[hop], 1 + below(3000), below(2) ? DUET_WHOLE : 0);
}

/* One that was started: on its way, or anew. */
static void step(struct trial trials[TRIALS], bool started[TRIALS])
{
	unsigned i = below(TRIALS);

	if (!started[i] || trials[i].ends)
		start_hop(&trials[i], i);
	else if (below(2))
		trial_cancel(&trials[i]);
	started[i] = true;
	stage_settle(below(3));
}

static size_t take_all(duet_handle handle, size_t place)
{
	for (size_t n; (n = stream_drain(handle, in, sizeof(in))) > 0; place += n)
		ck_assert(pattern_holds(in, n, place));
	return place;
}

/* Whatever was stopped: in the order of their way all that was sent is there, once. */
START_TEST(a_crowd_with_cancels_loses_no_byte_and_no_order)
{
	static unsigned char data[CROWD_BYTES];
	struct trial trials[TRIALS];
	size_t place = 0;

	pattern_fill(data, sizeof(data), 0);
	for (uint32_t seed = 1; seed <= 5; seed++) {
		bool started[TRIALS] = { false };

		chance = seed;
		all_open();
		stream_send(pair[0], data, sizeof(data));
		for (unsigned i = 0; i < STEPS; i++)
			step(trials, started);
		for (unsigned i = 0; i < TRIALS; i++) {
			if (!started[i])
				continue;
			trial_cancel(&trials[i]);
			await(&trials[i]);
			ck_assert_uint_eq(trials[i].ends, 1);
		}
		place = take_all(pair[0], 0);
		place = take_all(other[0], place);
		place = take_all(one[0], place);
		place = take_all(pair[1], place);
		ck_assert_msg(place == CROWD_BYTES, "on %s, seed %u: %zu bytes", stage.arm->name, seed,
			place);
	}
}
END_TEST

int main(void)
{
	return contract_run("splice_lines",
		CASES(it_leaves_between_the_sends_around_it,
			it_takes_between_the_receives_around_it,
			it_has_its_turn_when_it_is_first_in_both,
			both_lines_go_on_when_it_is_cancelled,
			a_close_ends_all_that_stand_in_its_line,
			behind_a_failed_one_nothing_is_written,
			a_chain_of_pipes_carries_every_byte_in_order,
			neither_handle_is_released_before_it_was_told,
			a_crowd_with_cancels_loses_no_byte_and_no_order),
		NULL);
}
