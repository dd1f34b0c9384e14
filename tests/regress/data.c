/* SPDX-FileCopyrightText: The Duet authors */
/* SPDX-License-Identifier: MIT */
#include <unistd.h>

#include "tests/support/harness.h"

/* Bytes that others lost between a cancel, a timeout and a result. */

static duet_handle pair[2];
static unsigned char data[65536];
static unsigned char all[65536];

/*
 * ClickHouse/silk#55, axboe/liburing#1422 and #1252: the result is there, the cancel or the timeout
 * comes before anybody looked, and the bytes are dropped. Sent = delivered + still readable.
 */
static void conserve(unsigned phase)
{
	size_t got = 0;
	int raw;

	raw_pair(&pair[1], &raw);
	pattern_fill(data, 4000, 0);
	for (size_t round = 0; round < 40; round++) {
		struct trial trial;

		trial_init(&trial);
		duet_op_recv(&trial.op, pair[1], all + got, sizeof(all) - got, 0);
		if (phase & 4)
			duet_op_deadline(&trial.op, duet_loop_now_ns(stage.loop) + 200000);
		trial_start(&trial);
		if (phase & 1)
			stage_settle(2);
		raw_send(raw, data + round * 100, 100);
		if (phase & 2)
			stage_settle(1);
		if (phase & 4)
			clock_pass(duet_loop_now_ns(stage.loop) + 250000);
		else
			trial_cancel(&trial);
		await(&trial);
		got += trial.op.transferred;
		if (trial.op.transferred)
			ck_assert_int_eq(trial.op.result, (int)trial.op.transferred);
	}
	if (got < 4000)
		stream_recv(pair[1], all + got, 4000 - got);
	ck_assert(pattern_holds(all, 4000, 0));
	close(raw);
}

START_TEST(data_in_the_gap_between_result_and_cancel_is_not_lost)
{
	for (unsigned phase = 0; phase < 4; phase++) {
		conserve(phase);
		handle_close(pair[1]);
	}
}
END_TEST

START_TEST(a_timeout_does_not_mean_that_nothing_happened)
{
	for (unsigned phase = 4; phase < 8; phase++) {
		conserve(phase);
		handle_close(pair[1]);
	}
}
END_TEST

/*
 * tokio-rs/tokio#3900, google/comprehensive-rust#713, n0-computer/iroh-car#55: an exact read
 * that is cancelled and begun anew loses its part. Here the part is counted: go on behind it.
 */
START_TEST(a_frame_is_received_in_step_although_every_read_is_cancelled_once)
{
	pair_open(pair);
	pattern_fill(data, 3000, 0);
	for (size_t frame = 0; frame < 30; frame++) {
		bool second = false;
		size_t had = 0;

		stream_send(pair[0], data + frame * 100, 40);
		for (unsigned attempt = 0; had < 100; attempt++) {
			struct trial trial;

			trial_init(&trial);
			duet_op_recv(&trial.op, pair[1], all + frame * 100 + had, 100 - had,
				DUET_WHOLE);
			trial_start(&trial);
			stage_settle((unsigned)(frame + attempt) & 3);
			trial_cancel(&trial);
			await(&trial);
			had += trial.op.transferred;
			if (had >= 40 && !second)
				stream_send(pair[0], data + frame * 100 + 40, 60);
			second = second || had >= 40;
		}
	}
	ck_assert(pattern_holds(all, 3000, 0));
}
END_TEST

/*
 * thomhurst/Dekaf#1562, dotnet/corefx#35118, chriskohlhoff/asio#1263: a frame torn by a cancelled
 * write. Going on at the count that came back gives the bytes that were meant.
 */
START_TEST(a_cancelled_write_goes_on_from_its_count)
{
	const size_t total = STUCK_BYTES;
	unsigned char *out = malloc(total);
	unsigned char *in = malloc(total);
	struct trial send;
	struct trial recv;
	size_t sent = 0;
	unsigned cancels = 0;

	pattern_fill(out, total, 0);
	pair_open(pair);
	trial_init(&recv);
	duet_op_recv(&recv.op, pair[1], in, total, DUET_WHOLE);
	trial_start(&recv);
	while (sent < total) {
		trial_init(&send);
		duet_op_send(&send.op, pair[0], out + sent, total - sent, DUET_WHOLE);
		trial_start(&send);
		if (cancels++ < 30) {
			stage_settle(cancels % 4);
			trial_cancel(&send);
		}
		await(&send);
		ck_assert(send.op.result == -ECANCELED ||
			  send.op.result == (int)send.op.transferred);
		sent += send.op.transferred;
	}
	await(&recv);
	expect(&recv, (int)total, DUET_COMPLETED, DUET_CAUSE_ITSELF);
	ck_assert(pattern_holds(in, total, 0));
	free(out);
	free(in);
}
END_TEST

/* python/cpython#86296 and #84849: exactly one of result and request, never both, never neither. */
START_TEST(an_end_is_either_a_result_or_a_request)
{
	pair_open(pair);
	for (unsigned round = 0; round < 40; round++) {
		struct trial recv;
		struct trial send;

		trial_init(&recv);
		duet_op_recv(&recv.op, pair[1], data, 1, 0);
		trial_start(&recv);
		trial_init(&send);
		duet_op_send(&send.op, pair[0], "x", 1, 0);
		trial_start(&send);
		stage_settle(round % 3);
		trial_cancel(&recv);
		turn_until(recv.ends && send.ends);
		if (recv.op.result == 1) {
			expect(&recv, 1, DUET_COMPLETED, DUET_CAUSE_ITSELF);
		} else {
			expect(&recv, -ECANCELED, DUET_UNTOUCHED, DUET_CAUSE_CANCEL);
			stream_recv(pair[1], data, 1);
		}
	}
}
END_TEST

int main(void)
{
	return contract_run("data",
		CASES(a_frame_is_received_in_step_although_every_read_is_cancelled_once,
			a_cancelled_write_goes_on_from_its_count,
			an_end_is_either_a_result_or_a_request),
		CASES(data_in_the_gap_between_result_and_cancel_is_not_lost,
			a_timeout_does_not_mean_that_nothing_happened));
}
