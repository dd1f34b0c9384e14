/* SPDX-FileCopyrightText: The Duet authors */
/* SPDX-License-Identifier: MIT */
#include <unistd.h>

#include "tests/support/harness.h"

/* R2: what is lent is in the ledger from start to the terminal completion, and then back. */

static duet_handle pair[2];
static unsigned char data[4096];

static struct duet_ledger ledger(void)
{
	struct duet_ledger now;

	duet_loop_ledger(stage.loop, &now);
	return now;
}

static void nothing_lent(struct trial *trial)
{
	(void)trial;
	ck_assert_uint_eq(ledger().lent_count, 0);
	ck_assert_uint_eq(ledger().lent_bytes, 0);
}

START_TEST(a_buffer_is_on_loan_from_start_until_its_end_is_told)
{
	struct trial trial;

	pair_open(pair);
	trial_init(&trial);
	trial.then = nothing_lent;
	duet_op_recv(&trial.op, pair[1], data, 1000, 0);
	trial_start(&trial);
	ck_assert_uint_eq(ledger().lent_count, 1);
	ck_assert_uint_eq(ledger().lent_bytes, 1000);
	ck_assert_uint_ge(ledger().lent_peak_bytes, 1000);
	stage_settle(3);
	ck_assert_uint_eq(ledger().lent_bytes, 1000);
	trial_cancel(&trial);
	await(&trial);
	ck_assert_uint_eq(ledger().lent_count, 0);
	ck_assert_uint_ge(ledger().lent_peak_bytes, 1000);
}
END_TEST

START_TEST(a_send_lends_all_its_pieces)
{
	struct iovec pieces[3] = { { data, 10 }, { data + 10, 20 }, { data + 30, 30 } };
	struct trial trial;

	pair_open(pair);
	trial_init(&trial);
	duet_op_send_vector(&trial.op, pair[0], pieces, 3, DUET_WHOLE);
	trial_start(&trial);
	ck_assert_uint_le(ledger().lent_bytes, 60);
	await(&trial);
	ck_assert_uint_eq(ledger().lent_bytes, 0);
	ck_assert_uint_ge(ledger().lent_peak_bytes, 60);
	stream_recv(pair[1], data, 60);
}
END_TEST

START_TEST(a_refused_start_lends_nothing)
{
	struct trial trial;

	trial_init(&trial);
	duet_op_recv(&trial.op, DUET_HANDLE_NONE, data, 1000, 0);
	ck_assert_int_eq(trial_try(&trial), -EBADF);
	ck_assert_uint_eq(ledger().lent_count, 0);
	ck_assert_uint_eq(ledger().lent_peak_bytes, 0);
}
END_TEST

START_TEST(memory_parked_for_a_time_is_counted_in_byte_seconds)
{
	struct trial trial;
	struct trial timer;
	double before;

	pair_open(pair);
	before = ledger().lent_byte_seconds;
	trial_init(&trial);
	duet_op_recv(&trial.op, pair[1], data, 1000, 0);
	trial_start(&trial);
	trial_init(&timer);
	duet_op_timeout(&timer.op, duet_loop_now_ns(stage.loop) + 20000000);
	trial_run(&timer);
	trial_cancel(&trial);
	await(&trial);
	ck_assert_double_ge(ledger().lent_byte_seconds - before, 1000 * 0.019);
	ck_assert_double_le(ledger().lent_byte_seconds - before, 1000 * 20.0);
}
END_TEST

START_TEST(a_pool_buffer_is_held_from_its_completion_to_its_return)
{
	struct duet_pool *pool;
	struct trial trial;

	ck_assert_int_eq(duet_pool_create(stage.loop, 2, 256, &pool), 0);
	pair_open(pair);
	trial_init(&trial);
	duet_op_recv_pooled(&trial.op, pair[1], pool, 0);
	trial_start(&trial);
	ck_assert_uint_eq(ledger().lent_bytes, 0);
	stream_send(pair[0], "x", 1);
	await(&trial);
	ck_assert_uint_eq(ledger().held_count, 1);
	ck_assert_uint_ge(ledger().held_bytes, 1);
	ck_assert_uint_le(ledger().held_bytes, 256);
	ck_assert_int_eq(duet_buffer_return(stage.loop, &trial.op.buffer), 0);
	ck_assert_uint_eq(ledger().held_count, 0);
	ck_assert_uint_ge(ledger().held_peak_bytes, 1);
}
END_TEST

/* The caller's stack frame may go after start: addresses and arrays live in the operation. */
__attribute__((noinline)) static void start_from_a_frame(struct trial *trial)
{
	struct iovec pieces[2] = { { data, 5 }, { data + 5, 5 } };

	duet_op_send_vector(&trial->op, pair[0], pieces, 2, DUET_WHOLE);
	trial_start(trial);
	memset(pieces, 0xff, sizeof(pieces));
}

START_TEST(arrays_of_the_caller_s_stack_may_go_after_start)
{
	struct trial trial;

	pair_open(pair);
	memcpy(data, "helloworld", 10);
	trial_init(&trial);
	start_from_a_frame(&trial);
	await(&trial);
	stream_recv(pair[1], data + 100, 10);
	ck_assert_mem_eq(data + 100, "helloworld", 10);
}
END_TEST

/* Until the terminal completion the memory is not the caller's: nothing may come after it. */
START_TEST(nothing_is_written_into_a_buffer_after_its_end)
{
	int raw;

	raw_pair(&pair[1], &raw);
	for (unsigned round = 0; round < 10; round++) {
		struct trial trial;
		size_t had;

		trial_init(&trial);
		duet_op_recv(&trial.op, pair[1], data, 100, 0);
		trial_start(&trial);
		stage_settle(2);
		trial_cancel(&trial);
		if (round & 1)
			raw_send(raw, "before", 6);
		await(&trial);
		had = trial.op.transferred;
		memset(data, 0xa5, 100);
		if (!(round & 1))
			raw_send(raw, "before", 6);
		stage_settle(3);
		for (unsigned i = 0; i < 100; i++)
			ck_assert_uint_eq(data[i], 0xa5);
		if (had < 6)
			stream_recv(pair[1], data + 200, 6 - had);
	}
	close(raw);
}
END_TEST

int main(void)
{
	return contract_run("ledger",
		CASES(a_buffer_is_on_loan_from_start_until_its_end_is_told,
			a_send_lends_all_its_pieces, a_refused_start_lends_nothing,
			memory_parked_for_a_time_is_counted_in_byte_seconds,
			a_pool_buffer_is_held_from_its_completion_to_its_return,
			arrays_of_the_caller_s_stack_may_go_after_start),
		CASES(nothing_is_written_into_a_buffer_after_its_end));
}
