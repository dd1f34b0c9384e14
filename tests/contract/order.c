/* SPDX-FileCopyrightText: The Duet authors */
/* SPDX-License-Identifier: MIT */
#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/support/harness.h"

/* R10: streams are first come, first served, and never have a hole. */

static duet_handle pair[2];
static unsigned char out[4096];
static unsigned char in[4096];

static void recv_start(struct trial *trial, void *to, size_t bytes, unsigned flags)
{
	trial_init(trial);
	duet_op_recv(&trial->op, pair[1], to, bytes, flags);
	trial_start(trial);
}

static void send_start(struct trial *trial, const void *data, size_t bytes, unsigned flags)
{
	trial_init(trial);
	duet_op_send(&trial->op, pair[0], data, bytes, flags);
	trial_start(trial);
}

START_TEST(receives_are_served_in_the_order_in_which_they_were_started)
{
	struct trial trials[8];

	pair_open(pair);
	for (unsigned i = 0; i < 8; i++)
		recv_start(&trials[i], in + i * 10, 10, DUET_WHOLE);
	pattern_fill(out, 80, 0);
	stream_send(pair[0], out, 80);
	turn_until(trials[7].ends);
	for (unsigned i = 0; i < 8; i++) {
		expect(&trials[i], 10, DUET_COMPLETED, DUET_CAUSE_ITSELF);
		ck_assert(i == 0 || trials[i].rank > trials[i - 1].rank);
	}
	ck_assert(pattern_holds(in, 80, 0));
}
END_TEST

START_TEST(sends_go_out_in_the_order_in_which_they_were_started)
{
	struct trial trials[32];

	pair_open(pair);
	pattern_fill(out, 3200, 0);
	for (unsigned i = 0; i < 32; i++)
		send_start(&trials[i], out + i * 100, 100, DUET_WHOLE);
	stream_recv(pair[1], in, 3200);
	turn_until(trials[31].ends);
	for (unsigned i = 0; i < 32; i++) {
		expect(&trials[i], 100, DUET_COMPLETED, DUET_CAUSE_ITSELF);
		ck_assert(i == 0 || trials[i].rank > trials[i - 1].rank);
	}
	ck_assert(pattern_holds(in, 3200, 0));
}
END_TEST

/* Plain sends may end short; then those behind them end untouched, in a row. */
START_TEST(what_plain_sends_say_they_sent_is_what_arrives)
{
	for (unsigned round = 0; round < 10; round++) {
		struct trial trials[12];
		size_t sent = 0;
		bool broken = false;

		pair_open(pair);
		pattern_fill(out, 1200, 0);
		for (unsigned i = 0; i < 12; i++)
			send_start(&trials[i], out + i * 100, 100, 0);
		turn_until(trials[11].ends);
		for (unsigned i = 0; i < 12; i++) {
			if (broken) {
				expect(&trials[i], -ECANCELED, DUET_UNTOUCHED, DUET_CAUSE_ORDER);
				continue;
			}
			ck_assert_int_gt(trials[i].op.result, 0);
			sent += trials[i].op.transferred;
			broken = trials[i].op.disposition != DUET_COMPLETED;
		}
		handle_close(pair[0]);
		ck_assert_uint_eq(stream_drain(pair[1], in, sizeof(in)), sent);
		ck_assert(pattern_holds(in, sent, 0));
		handle_close(pair[1]);
	}
}
END_TEST

START_TEST(behind_a_partial_send_nothing_reaches_the_stream)
{
	unsigned char *big = malloc(STUCK_BYTES);
	struct trial stuck;
	struct trial behind[3];
	size_t total = 0;

	pair_open(pair);
	pattern_fill(big, STUCK_BYTES, 0);
	trial_stick(&stuck, pair[0], big);
	for (unsigned i = 0; i < 3; i++)
		send_start(&behind[i], "HOLE", 4, DUET_WHOLE);
	stage_settle(3);
	trial_cancel(&stuck);
	turn_until(stuck.ends && behind[2].ends);
	ck_assert_int_eq(stuck.op.disposition, DUET_PARTIAL);
	for (unsigned i = 0; i < 3; i++) {
		expect(&behind[i], -ECANCELED, DUET_UNTOUCHED, DUET_CAUSE_ORDER);
		ck_assert_uint_gt(behind[i].rank, i ? behind[i - 1].rank : stuck.rank);
	}
	handle_close(pair[0]);
	for (;;) {
		size_t n = stream_drain(pair[1], in, sizeof(in));

		ck_assert(pattern_holds(in, n, total));
		total += n;
		if (n == 0)
			break;
	}
	ck_assert_uint_eq(total, stuck.op.transferred);
	free(big);
}
END_TEST

START_TEST(a_send_cancelled_in_line_leaves_no_hole)
{
	unsigned char *big = malloc(STUCK_BYTES);
	unsigned char *part = malloc(STUCK_BYTES / 8);
	struct trial stuck;
	struct trial second;
	struct trial third;

	pair_open(pair);
	pattern_fill(big, STUCK_BYTES, 0);
	trial_stick(&stuck, pair[0], big);
	send_start(&second, "second", 6, DUET_WHOLE);
	send_start(&third, "third", 5, DUET_WHOLE);
	trial_cancel(&second);
	await(&second);
	expect(&second, -ECANCELED, DUET_UNTOUCHED, DUET_CAUSE_CANCEL);
	ck_assert_uint_eq(stuck.ends + third.ends, 0);
	for (size_t total = 0; total < STUCK_BYTES; total += STUCK_BYTES / 8)
		stream_recv(pair[1], part, STUCK_BYTES / 8);
	stream_recv(pair[1], in, 5);
	ck_assert_mem_eq(in, "third", 5);
	turn_until(stuck.ends && third.ends);
	expect(&third, 5, DUET_COMPLETED, DUET_CAUSE_ITSELF);
	free(part);
	free(big);
}
END_TEST

START_TEST(a_shutdown_comes_after_the_sends_started_before_it)
{
	struct trial sends[4];
	struct trial shut;

	pair_open(pair);
	pattern_fill(out, 400, 0);
	for (unsigned i = 0; i < 4; i++)
		send_start(&sends[i], out + i * 100, 100, DUET_WHOLE);
	trial_init(&shut);
	duet_op_shutdown(&shut.op, pair[0], SHUT_WR);
	trial_start(&shut);
	await(&shut);
	for (unsigned i = 0; i < 4; i++) {
		expect(&sends[i], 100, DUET_COMPLETED, DUET_CAUSE_ITSELF);
		ck_assert_uint_lt(sends[i].rank, shut.rank);
	}
	stream_recv(pair[1], in, 400);
	ck_assert(pattern_holds(in, 400, 0));
	recv_start(&shut, in, 1, 0);
	await(&shut);
	expect(&shut, 0, DUET_COMPLETED, DUET_CAUSE_ITSELF);
}
END_TEST

START_TEST(a_shutdown_behind_a_partial_send_ends_untouched)
{
	unsigned char *big = malloc(STUCK_BYTES);
	struct trial stuck;
	struct trial shut;

	pair_open(pair);
	trial_stick(&stuck, pair[0], memset(big, 0, STUCK_BYTES));
	trial_init(&shut);
	duet_op_shutdown(&shut.op, pair[0], SHUT_WR);
	trial_start(&shut);
	trial_cancel(&stuck);
	turn_until(stuck.ends && shut.ends);
	expect(&shut, -ECANCELED, DUET_UNTOUCHED, DUET_CAUSE_ORDER);
	free(big);
}
END_TEST

/* Sends that were started before the connection stands wait for it. */
START_TEST(a_send_behind_a_connect_goes_out_when_it_stands)
{
	struct trial connecting;
	struct trial accepting;

	listener_open(&stage.listener, &stage.address);
	trial_init(&connecting);
	duet_op_socket(&connecting.op, AF_INET, SOCK_STREAM, 0);
	trial_run(&connecting);
	pair[0] = connecting.op.made;
	duet_op_connect(&connecting.op, pair[0], (struct sockaddr *)&stage.address,
		sizeof(stage.address));
	connecting.ends = 0;
	trial_start(&connecting);
	struct trial send;
	send_start(&send, "hello", 5, DUET_WHOLE);
	trial_init(&accepting);
	duet_op_accept(&accepting.op, stage.listener, 0);
	trial_run(&accepting);
	stream_recv(accepting.op.made, in, 5);
	turn_until(send.ends);
	ck_assert_uint_gt(send.rank, connecting.rank);
	expect(&send, 5, DUET_COMPLETED, DUET_CAUSE_ITSELF);
}
END_TEST

START_TEST(a_receive_behind_a_cancelled_one_is_not_starved)
{
	struct trial first;
	struct trial second;

	pair_open(pair);
	recv_start(&first, in, 5, DUET_WHOLE);
	recv_start(&second, in + 5, 5, DUET_WHOLE);
	stage_settle(3);
	trial_cancel(&first);
	await(&first);
	expect(&first, -ECANCELED, DUET_UNTOUCHED, DUET_CAUSE_CANCEL);
	stream_send(pair[0], "hello", 5);
	await(&second);
	expect(&second, 5, DUET_COMPLETED, DUET_CAUSE_ITSELF);
}
END_TEST

/* The edge has come and gone when the first is cancelled: the second must still see it. */
START_TEST(a_receive_behind_one_cancelled_after_the_data_came_is_not_starved)
{
	struct trial first;
	struct trial second;
	int raw;

	raw_pair(&pair[1], &raw);
	for (unsigned round = 0; round < 4; round++) {
		size_t had;

		recv_start(&first, in, 5, 0);
		recv_start(&second, in + 8, 5, 0);
		stage_settle(round);
		raw_send(raw, "hello", 5);
		trial_cancel(&first);
		await(&first);
		had = first.op.transferred;
		if (had < 5) {
			await(&second);
			ck_assert_int_eq(second.op.result, 5);
		} else {
			trial_cancel(&second);
			await(&second);
		}
	}
	close(raw);
}
END_TEST

START_TEST(gathered_sends_that_end_short_share_out_what_moved)
{
	struct trial trials[64];
	unsigned char *big = malloc(64 * 65536);
	size_t total = 0;
	int raw;

	raw_pair(&pair[0], &raw);
	raw_shrink(duet_handle_fd(stage.loop, pair[0]));
	pattern_fill(big, 64 * 65536, 0);
	for (unsigned i = 0; i < 64; i++)
		send_start(&trials[i], big + i * 65536, 65536, 0);
	stage_settle(5);
	handle_close(pair[0]);
	for (unsigned i = 0; i < 64; i++) {
		ck_assert_uint_eq(trials[i].ends, 1);
		total += trials[i].op.transferred;
	}
	for (size_t got = 0;;) {
		ssize_t n = recv(raw, in, sizeof(in), 0);

		ck_assert_int_ge(n, 0);
		if (n == 0) {
			ck_assert_uint_eq(got, total);
			break;
		}
		ck_assert(pattern_holds(in, (size_t)n, got));
		got += (size_t)n;
	}
	close(raw);
	free(big);
}
END_TEST

/* ---- Ends that are known in the middle of a receive's callback. ---- */

static struct duet_pool *pool;
static struct trial behind;
static struct trial answer;
static unsigned asked;

/* The end of what stood behind is known at once, and waits to be told; then comes a send. */
static void stop_and_answer(struct trial *trial)
{
	if (trial->op.transferred == 0)
		return;
	ck_assert_int_eq(duet_buffer_return(stage.loop, &trial->op.buffer), 0);
	if (++asked != 3)
		return;
	trial_cancel(&behind);
	trial_init(&answer);
	duet_op_send(&answer.op, pair[1], "!", 1, 0);
	trial_start(&answer);
}

START_TEST(an_end_that_waits_to_be_told_is_told_before_that_of_a_later_send)
{
	struct trial receiving;

	pair_open(pair);
	ck_assert_int_eq(duet_pool_create(stage.loop, 4, 64, &pool), 0);
	trial_init(&receiving);
	receiving.then = stop_and_answer;
	duet_op_recv_pooled(&receiving.op, pair[1], pool, DUET_MULTISHOT);
	trial_start(&receiving);
	recv_start(&behind, in, 1, 0);
	stage_settle(3);
	for (unsigned i = 1; i <= 3; i++) {
		stream_send(pair[0], "?", 1);
		turn_until(asked == i);
	}
	turn_until(behind.ends && answer.ends);
	expect(&behind, -ECANCELED, DUET_UNTOUCHED, DUET_CAUSE_CANCEL);
	expect(&answer, 1, DUET_COMPLETED, DUET_CAUSE_ITSELF);
	ck_assert_uint_lt(behind.rank, answer.rank);
	trial_cancel(&receiving);
	await(&receiving);
}
END_TEST

/* The first of the reads that is told cancels a timer, which has ended thereby: it is told next. */

static struct trial timer;

static void stop_timer(struct trial *trial)
{
	(void)trial;
	trial_cancel(&timer);
}

START_TEST(an_end_that_waits_to_be_told_is_told_before_that_of_a_later_read)
{
	enum { READS = 8 };
	struct trial reads[READS];
	duet_handle file;
	unsigned first = 0;

	file_make(file_path("data"), READS * 512);
	file = file_open(file_path("data"), O_RDONLY);
	trial_init(&timer);
	duet_op_timeout(&timer.op, DUET_NO_DEADLINE);
	trial_start(&timer);
	for (unsigned i = 0; i < READS; i++) {
		trial_init(&reads[i]);
		reads[i].then = stop_timer;
		duet_op_read(&reads[i].op, file, in + i * 512, 512, i * 512u);
		trial_start(&reads[i]);
	}
	turn_until(stage.ends >= READS && duet_loop_pending(stage.loop) == 0);
	for (unsigned i = 0; i < READS; i++) {
		expect(&reads[i], 512, DUET_COMPLETED, DUET_CAUSE_ITSELF);
		if (reads[i].rank < reads[first].rank)
			first = i;
	}
	expect(&timer, -ECANCELED, DUET_UNTOUCHED, DUET_CAUSE_CANCEL);
	ck_assert_uint_eq(timer.rank, reads[first].rank + 1);
	handle_close(file);
}
END_TEST

int main(void)
{
	return contract_run("order",
		CASES(receives_are_served_in_the_order_in_which_they_were_started,
			sends_go_out_in_the_order_in_which_they_were_started,
			what_plain_sends_say_they_sent_is_what_arrives,
			behind_a_partial_send_nothing_reaches_the_stream,
			a_send_cancelled_in_line_leaves_no_hole,
			a_shutdown_comes_after_the_sends_started_before_it,
			a_shutdown_behind_a_partial_send_ends_untouched,
			a_send_behind_a_connect_goes_out_when_it_stands,
			a_receive_behind_a_cancelled_one_is_not_starved,
			an_end_that_waits_to_be_told_is_told_before_that_of_a_later_send,
			an_end_that_waits_to_be_told_is_told_before_that_of_a_later_read),
		CASES(a_receive_behind_one_cancelled_after_the_data_came_is_not_starved,
			gathered_sends_that_end_short_share_out_what_moved));
}
