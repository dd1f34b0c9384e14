/* SPDX-FileCopyrightText: The Duet authors */
/* SPDX-License-Identifier: MIT */
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
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

/* ---- Who writes where. ---- */

/* A debug build stops who reads what is to be filled. */
#ifdef DUET_DEBUG
#define READABLE 0
#else
#define READABLE 100
#endif

START_TEST(two_operations_do_not_write_to_the_same_memory)
{
	struct trial first;
	struct trial second;
	duet_handle other[2];

	pair_open(pair);
	pair_open(other);
	trial_init(&first);
	duet_op_recv(&first.op, pair[1], data + 100, 100, 0);
	trial_start(&first);
	trial_init(&second);
	for (unsigned i = 0; i < 4; i++) {
		static const unsigned from[] = { 100, 199, 50, 120 }, bytes[] = { 100, 10, 51, 10 };

		duet_op_recv(&second.op, other[1], data + from[i], bytes[i], 0);
		ck_assert_int_eq(trial_try(&second), -EBUSY);
	}
	ck_assert_uint_eq(ledger().lent_count, 1);
	ck_assert_uint_eq(ledger().lent_bytes, 100);
	/* Beside it, and for reading in it. */
	duet_op_recv(&second.op, other[1], data + 200, 10, 0);
	trial_start(&second);
	trial_cancel(&second);
	await(&second);
	trial_init(&second);
	duet_op_send(&second.op, other[0], data + READABLE, 50, 0);
	ck_assert_int_eq(trial_run(&second), 50);
	trial_cancel(&first);
	await(&first);
	/* It is over, and the memory is anybody's. */
	duet_op_recv(&second.op, other[1], data + 150, 50, DUET_WHOLE);
	ck_assert_int_eq(trial_run(&second), 50);
}
END_TEST

/* Each piece of a vectored read is written to, and all are free again with its end. */
START_TEST(the_pieces_of_a_read_are_written_to_by_nobody_else)
{
	const struct iovec pieces[] = { { data, 10 }, { data + 100, 10 }, { data + 200, 10 } };
	duet_handle file = file_open(file_path("pieces"), O_RDWR | O_CREAT);
	struct trial first, second;

	trial_init(&first);
	duet_op_write(&first.op, file, data + 300, 40, 0);
	ck_assert_int_eq(trial_run(&first), 40);
	trial_init(&second);
	for (unsigned times = 0; times < 2; times++) {
		duet_op_read_vector(&first.op, file, pieces, 3, 0);
		trial_start(&first);
		ck_assert_uint_eq(ledger().lent_bytes, 30);
		for (unsigned i = 0; i < 3; i++) {
			duet_op_read(&second.op, file, data + 100 * i + 9, 10, 0);
			ck_assert_int_eq(trial_try(&second), -EBUSY);
		}
		duet_op_read(&second.op, file, data + 110, 90, 0);
		trial_start(&second);
		turn_until(!duet_op_pending(&first.op) && !duet_op_pending(&second.op));
		ck_assert_int_eq(first.op.result, 30);
		ck_assert_int_eq(second.op.result, 40);
	}
	for (unsigned i = 0; i < 3; i++) {
		duet_op_read(&second.op, file, data + 100 * i + 9, 10, 0);
		ck_assert_int_eq(trial_run(&second), 10);
	}
	handle_close(file);
}
END_TEST

/* What is told of a signal is written to memory, too. */
START_TEST(the_memory_of_a_signal_is_lent)
{
	static struct signalfd_siginfo into;
	struct trial first, second;
	duet_handle signals;
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGUSR2);
	pthread_sigmask(SIG_BLOCK, &set, NULL);
	ck_assert_int_eq(duet_handle_signals(stage.loop, &set, &signals), 0);
	pair_open(pair);
	trial_init(&first);
	duet_op_signal(&first.op, signals, &into);
	trial_start(&first);
	ck_assert_uint_eq(ledger().lent_bytes, sizeof(into));
	trial_init(&second);
	duet_op_recv(&second.op, pair[1], (unsigned char *)&into + 4, 4, 0);
	ck_assert_int_eq(trial_try(&second), -EBUSY);
	trial_cancel(&first);
	await(&first);
	duet_op_recv(&second.op, pair[1], (unsigned char *)&into + 4, 4, 0);
	trial_start(&second);
	trial_cancel(&second);
	await(&second);
	ck_assert_uint_eq(ledger().lent_bytes, 0);
	handle_close(signals);
}
END_TEST

START_TEST(memory_that_was_received_into_is_free_in_the_completion)
{
	struct trial trials[2];

	pair_open(pair);
	for (unsigned i = 0; i < 20; i++) {
		struct trial *trial = &trials[i % 2];

		trial_init(trial);
		duet_op_recv(&trial->op, pair[1], data, 1 + 400 * i % 4000, 0);
		trial_start(trial);
		stream_send(pair[0], "x", 1);
		await(trial);
	}
}
END_TEST

/* ---- Every loan there is. ---- */

struct seen {
	struct duet_loan loans[8];
	unsigned count;
};

static void see(void *context, const struct duet_loan *loan)
{
	struct seen *seen = context;

	ck_assert_uint_lt(seen->count, 8);
	seen->loans[seen->count++] = *loan;
}

static struct seen look(void)
{
	struct seen seen = { .count = 0 };

	duet_loop_loans(stage.loop, see, &seen);
	return seen;
}

static struct duet_pool *moved_pool(void)
{
	struct duet_pool_options options;
	struct duet_pool *pool;

	duet_pool_options_init(&options);
	options.count = 2;
	options.size_bytes = 256;
	options.regime = DUET_REGIME_MOVED;
	ck_assert_int_eq(duet_pool_create_with(stage.loop, &options, &pool), 0);
	return pool;
}

START_TEST(every_loan_is_listed_with_its_range_its_regime_and_its_turn)
{
	struct duet_pool *pool = moved_pool();
	struct duet_buffer held;
	struct duet_buffer given;
	struct duet_stats stats;
	struct trial lent;
	struct trial moved;
	struct seen seen;

	pair_open(pair);
	ck_assert_uint_eq(look().count, 0);
	stage_settle(3);
	ck_assert_int_eq(duet_buffer_take(pool, &held), 0);
	ck_assert_int_eq(duet_buffer_take(pool, &given), 0);
	duet_loop_stats(stage.loop, &stats);
	trial_init(&lent);
	duet_op_recv(&lent.op, pair[1], data, 100, 0);
	trial_start(&lent);
	trial_init(&moved);
	given.length_bytes = 200;
	duet_op_recv_buffer(&moved.op, pair[0], given, 0);
	trial_start(&moved);
	stage_settle(3);
	seen = look();
	ck_assert_uint_eq(seen.count, 3);
	for (unsigned i = 0; i < 3; i++) {
		const struct duet_loan *loan = &seen.loans[i];

		ck_assert_uint_eq(loan->turn, (uint32_t)stats.turns);
		if (loan->op == &lent.op) {
			ck_assert_ptr_eq(loan->data, data);
			ck_assert_uint_eq(loan->length_bytes, 100);
			ck_assert_int_eq(loan->regime, DUET_REGIME_LENT);
			ck_assert(loan->writes);
		} else if (loan->op) {
			ck_assert_ptr_eq(loan->op, &moved.op);
			ck_assert_ptr_eq(loan->data, given.data);
			ck_assert_uint_eq(loan->length_bytes, 200);
			ck_assert_int_eq(loan->regime, DUET_REGIME_MOVED);
		} else {
			ck_assert_ptr_eq(loan->data, held.data);
			ck_assert_uint_eq(loan->length_bytes, 256);
			ck_assert_int_eq(loan->regime, DUET_REGIME_MOVED);
		}
	}
	trial_cancel(&lent);
	trial_cancel(&moved);
	await(&lent);
	await(&moved);
	ck_assert_uint_eq(look().count, 2);
	ck_assert_int_eq(duet_buffer_return(stage.loop, &held), 0);
	ck_assert_int_eq(duet_buffer_return(stage.loop, &moved.op.buffer), 0);
	ck_assert_uint_eq(look().count, 0);
}
END_TEST

START_TEST(the_totals_are_told_by_regime)
{
	struct duet_pool *pool = moved_pool();
	struct duet_buffer given;
	struct duet_ledger now;
	struct trial lent;
	struct trial moved;
	struct trial timer;

	pair_open(pair);
	ck_assert_int_eq(duet_buffer_take(pool, &given), 0);
	trial_init(&moved);
	duet_op_recv_buffer(&moved.op, pair[0], given, 0);
	trial_start(&moved);
	trial_init(&lent);
	duet_op_recv(&lent.op, pair[1], data, 1000, 0);
	trial_start(&lent);
	trial_init(&timer);
	duet_op_timeout(&timer.op, duet_loop_now_ns(stage.loop) + 20000000);
	trial_run(&timer);
	now = ledger();
	ck_assert_uint_eq(now.lent_bytes, 1256);
	ck_assert_uint_eq(now.regimes[DUET_REGIME_LENT].lent_bytes, 1000);
	ck_assert_uint_eq(now.regimes[DUET_REGIME_LENT].lent_peak_bytes, 1000);
	ck_assert_uint_eq(now.regimes[DUET_REGIME_MOVED].lent_bytes, 256);
	ck_assert_uint_eq(now.regimes[DUET_REGIME_MOVED].held_count, 0);
	trial_cancel(&moved);
	await(&moved);
	trial_cancel(&lent);
	await(&lent);
	now = ledger();
	ck_assert_uint_eq(now.lent_peak_bytes, 1256);
	ck_assert_uint_eq(now.regimes[DUET_REGIME_MOVED].lent_peak_bytes, 256);
	ck_assert_uint_eq(now.regimes[DUET_REGIME_MOVED].lent_count, 0);
	ck_assert_uint_eq(now.regimes[DUET_REGIME_MOVED].held_bytes, 256);
	ck_assert_double_ge(now.regimes[DUET_REGIME_MOVED].lent_byte_seconds, 256 * 0.019);
	ck_assert_double_ge(now.regimes[DUET_REGIME_LENT].lent_byte_seconds, 1000 * 0.019);
	ck_assert_double_ge(now.regimes[DUET_REGIME_MOVED].lent_seconds, 0.019);
	ck_assert_double_ge(now.regimes[DUET_REGIME_LENT].lent_seconds, 0.019);
	ck_assert_double_ge(now.lent_seconds, now.regimes[DUET_REGIME_LENT].lent_seconds + 0.019);
	ck_assert_double_le(now.regimes[DUET_REGIME_LENT].lent_byte_seconds +
			now.regimes[DUET_REGIME_MOVED].lent_byte_seconds,
		now.lent_byte_seconds * 1.001);
	ck_assert_int_eq(duet_buffer_return(stage.loop, &moved.op.buffer), 0);
}
END_TEST

static void count_line(void *context, const char *text)
{
	unsigned *held = context;

	*held += strstr(text, "held by the caller") && strstr(text, "moved");
}

START_TEST(what_the_caller_still_holds_is_in_the_dump)
{
	struct duet_pool *pool = moved_pool();
	struct duet_buffer buffer;
	unsigned held = 0;

	duet_loop_dump(stage.loop, count_line, &held);
	ck_assert_uint_eq(held, 0);
	ck_assert_int_eq(duet_buffer_take(pool, &buffer), 0);
	duet_loop_dump(stage.loop, count_line, &held);
	ck_assert_uint_eq(held, 1);
	ck_assert_int_eq(duet_buffer_return(stage.loop, &buffer), 0);
}
END_TEST

/* ---- From start to end. ---- */

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

/* Whatever they hold: two loans for a time are twice that time. */
START_TEST(the_time_of_each_loan_is_counted)
{
	struct trial trials[2], timer;
	struct duet_ledger before, now;
	duet_handle other[2];
	double passed;

	pair_open(pair);
	pair_open(other);
	before = ledger();
	for (int i = 0; i < 2; i++) {
		trial_init(&trials[i]);
		duet_op_recv(&trials[i].op, i ? other[1] : pair[1], data + 1000 * i, i ? 1 : 1000, 0);
		trial_start(&trials[i]);
	}
	trial_init(&timer);
	duet_op_timeout(&timer.op, duet_loop_now_ns(stage.loop) + 20000000);
	trial_run(&timer);
	for (int i = 0; i < 2; i++)
		trial_cancel(&trials[i]);
	for (int i = 0; i < 2; i++)
		await(&trials[i]);
	now = ledger();
	passed = (now.lent_byte_seconds - before.lent_byte_seconds) / 1001;
	ck_assert_double_ge(now.lent_seconds - before.lent_seconds, 2 * 0.019);
	ck_assert_double_le(now.lent_seconds - before.lent_seconds, 2 * passed + 5);
	stage_settle(3);
	ck_assert_double_eq_tol(ledger().lent_seconds, now.lent_seconds, 1e-9);
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
			the_time_of_each_loan_is_counted,
			a_pool_buffer_is_held_from_its_completion_to_its_return,
			arrays_of_the_caller_s_stack_may_go_after_start,
			two_operations_do_not_write_to_the_same_memory,
			the_pieces_of_a_read_are_written_to_by_nobody_else,
			the_memory_of_a_signal_is_lent,
			memory_that_was_received_into_is_free_in_the_completion,
			every_loan_is_listed_with_its_range_its_regime_and_its_turn,
			the_totals_are_told_by_regime, what_the_caller_still_holds_is_in_the_dump),
		CASES(nothing_is_written_into_a_buffer_after_its_end));
}
