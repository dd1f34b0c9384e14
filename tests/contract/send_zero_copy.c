/* SPDX-FileCopyrightText: The Duet authors */
/* SPDX-License-Identifier: MIT */
#include <sys/socket.h>
#include <unistd.h>

#include "tests/support/harness.h"

/* A send whose result comes before its memory: two completions, the same on every backend. */

static duet_handle pair[2];
static unsigned char *out;
static unsigned char in[65536];

/* What the result of each said: its end says the same. */
struct told {
	int32_t result;
	uint32_t transferred;
	uint8_t disposition;
	uint8_t cause;
};

enum { TOLDS = 64 };

static struct told tolds[TOLDS];
static unsigned inits;

static struct duet_ledger ledger(void)
{
	struct duet_ledger now;

	duet_loop_ledger(stage.loop, &now);
	return now;
}

static struct duet_stats stats(void)
{
	struct duet_stats now;

	duet_loop_stats(stage.loop, &now);
	return now;
}

/* Where memory is kept as long as can be. */
static void open_holding(void)
{
	struct duet_loop_options options;

	duet_loop_options_init(&options);
	if (!stage.arm->kernel)
		options.tuning = "hold=1000";
	stage_reopen(&options, NULL);
	pair_open(pair);
}

/* Its result, and then its memory. */
static void two_ends(struct trial *trial)
{
	const struct duet_op *op = &trial->op;
	struct told *told = trial->context;

	if (op->more) {
		*told = (struct told){ op->result, op->transferred, op->disposition, op->cause };
		ck_assert_uint_gt(op->transferred, 0);
		ck_assert_uint_ge(ledger().lent_count, 1);
		return;
	}
	if (!op->transferred) {
		ck_assert_uint_eq(trial->items, 0);
		return;
	}
	ck_assert_uint_eq(trial->items, 1);
	ck_assert_int_eq(op->result, told->result);
	ck_assert_uint_eq(op->transferred, told->transferred);
	ck_assert_uint_eq(op->disposition, told->disposition);
	ck_assert_uint_eq(op->cause, told->cause);
	ck_assert_int_le(duet_op_copied(op), 1);
}

static void zero_copy_init(struct trial *trial, const void *data, size_t bytes, unsigned flags)
{
	trial_init(trial);
	trial->then = two_ends;
	trial->context = &tolds[inits++ % TOLDS];
	duet_op_send_zero_copy(&trial->op, pair[0], data, bytes, flags);
}

static void zero_copy_start(struct trial *trial, const void *data, size_t bytes, unsigned flags)
{
	zero_copy_init(trial, data, bytes, flags);
	trial_start(trial);
}

static void out_make(void)
{
	out = malloc(STUCK_BYTES);
	ck_assert_ptr_nonnull(out);
	pattern_fill(out, STUCK_BYTES, 0);
}

/* So many bytes of the pattern are at the other end, or come. */
static void receive_pattern(size_t bytes, size_t place)
{
	while (bytes) {
		size_t piece = bytes < sizeof(in) ? bytes : sizeof(in);

		stream_recv(pair[1], in, piece);
		ck_assert(pattern_holds(in, piece, place));
		place += piece;
		bytes -= piece;
	}
}

START_TEST(the_result_is_told_first_and_the_memory_is_back_with_the_end)
{
	struct trial trial;

	open_holding();
	zero_copy_start(&trial, "hello", 5, DUET_WHOLE);
	ck_assert_uint_eq(ledger().lent_bytes, 5);
	await(&trial);
	expect(&trial, 5, DUET_COMPLETED, DUET_CAUSE_ITSELF);
	ck_assert_uint_eq(trial.items, 1);
	ck_assert_uint_eq(ledger().lent_count, 0);
	stream_recv(pair[1], in, 5);
	ck_assert_mem_eq(in, "hello", 5);
}
END_TEST

START_TEST(without_whole_it_moves_at_least_one_byte)
{
	struct trial trial;

	pair_open(pair);
	for (unsigned i = 0; i < 20; i++) {
		zero_copy_start(&trial, "hello", 5, 0);
		await(&trial);
		ck_assert_int_ge(trial.op.result, 1);
		ck_assert_int_eq(trial.op.disposition,
			trial.op.result == 5 ? DUET_COMPLETED : DUET_PARTIAL);
		stream_recv(pair[1], in, (size_t)trial.op.result);
		ck_assert_mem_eq(in, "hello", (size_t)trial.op.result);
	}
}
END_TEST

START_TEST(a_whole_one_waits_for_its_reader_and_tells_once)
{
	struct trial trial;

	out_make();
	pair_open(pair);
	zero_copy_start(&trial, out, STUCK_BYTES, DUET_WHOLE);
	receive_pattern(STUCK_BYTES, 0);
	await(&trial);
	expect(&trial, (int)STUCK_BYTES, DUET_COMPLETED, DUET_CAUSE_ITSELF);
	free(out);
}
END_TEST

/* Stuck halfway, it has moved what it says, and nobody sends the rest. */
START_TEST(a_cancelled_one_says_what_went_out_and_lends_until_it_is_there)
{
	struct trial trial;

	out_make();
	open_holding();
	zero_copy_start(&trial, out, STUCK_BYTES, DUET_WHOLE);
	stage_settle(50);
	trial_cancel(&trial);
	turn_until(trial.items);
	ck_assert_int_eq(trial.op.disposition, DUET_PARTIAL);
	ck_assert_int_eq(trial.op.cause, DUET_CAUSE_CANCEL);
	receive_pattern(trial.op.transferred, 0);
	await(&trial);
	handle_close(pair[0]);
	ck_assert_uint_eq(stream_drain(pair[1], in, sizeof(in)), 0);
	free(out);
}
END_TEST

START_TEST(without_bytes_there_is_one_end)
{
	struct trial stuck;
	struct trial behind;
	struct trial beyond;

	out_make();
	open_holding();
	trial_stick(&stuck, pair[0], out);
	zero_copy_start(&behind, out, 1000, 0);
	zero_copy_init(&beyond, out, 1000, 0);
	duet_op_deadline(&beyond.op, duet_loop_now_ns(stage.loop) + 2000000);
	trial_start(&beyond);
	stage_settle(3);
	trial_cancel(&behind);
	turn_until(behind.ends && beyond.ends);
	expect(&behind, -ECANCELED, DUET_UNTOUCHED, DUET_CAUSE_CANCEL);
	expect(&beyond, -ETIMEDOUT, DUET_UNTOUCHED, DUET_CAUSE_DEADLINE);
	ck_assert_uint_eq(behind.items + beyond.items, 0);
	zero_copy_start(&behind, out, 1000, 0);
	trial_cancel(&stuck);
	turn_until(stuck.ends && behind.ends);
	expect(&behind, -ECANCELED, DUET_UNTOUCHED, DUET_CAUSE_ORDER);
	ck_assert_uint_eq(behind.items, 0);
	/* Nobody stands before it, and there is no room. */
	zero_copy_start(&behind, out, 65536, 0);
	stage_settle(5);
	trial_cancel(&behind);
	turn_until(behind.items || behind.ends);
	if (behind.op.transferred == 0)
		expect(&behind, -ECANCELED, DUET_UNTOUCHED, DUET_CAUSE_CANCEL);
	/* Or else there was, and they are to be received. */
	while (!behind.ends)
		stream_drain(pair[1], in, sizeof(in));
	free(out);
}
END_TEST

START_TEST(to_a_peer_that_has_gone_it_fails_with_one_end)
{
	struct trial trial;
	int error;

	open_holding();
	handle_close(pair[1]);
	do {
		zero_copy_start(&trial, "hello", 5, DUET_WHOLE);
		await(&trial);
		error = trial.op.result;
	} while (error > 0);
	ck_assert(error == -EPIPE || error == -ECONNRESET);
	ck_assert_int_eq(trial.op.disposition, DUET_FAILED);
	ck_assert_uint_eq(trial.items, 0);
}
END_TEST

static void cancel_result(struct trial *trial)
{
	two_ends(trial);
	if (trial->op.more)
		duet_op_cancel(&trial->op);
}

START_TEST(what_has_its_result_hears_no_request)
{
	struct trial trial;

	out_make();
	open_holding();
	for (unsigned i = 0; i < 10; i++) {
		zero_copy_init(&trial, out, 4000, DUET_WHOLE);
		trial.then = cancel_result;
		duet_op_deadline(&trial.op, duet_loop_now_ns(stage.loop) + 1000000000);
		trial_start(&trial);
		turn_until(trial.items);
		trial_cancel(&trial);
		await(&trial);
		expect(&trial, 4000, DUET_COMPLETED, DUET_CAUSE_ITSELF);
		receive_pattern(4000, 0);
	}
	free(out);
}
END_TEST

static struct trial follower;

static void follow(struct trial *trial)
{
	two_ends(trial);
	if (!trial->op.more)
		return;
	trial_init(&follower);
	duet_op_send(&follower.op, pair[0], out + 4000, 1000, DUET_WHOLE);
	trial_start(&follower);
}

START_TEST(who_stands_behind_goes_out_behind_it)
{
	struct trial first;
	struct trial second;
	struct trial third;

	out_make();
	open_holding();
	zero_copy_start(&first, out, 2000, DUET_WHOLE);
	trial_init(&second);
	duet_op_send(&second.op, pair[0], out + 2000, 1000, DUET_WHOLE);
	trial_start(&second);
	zero_copy_init(&third, out + 3000, 1000, DUET_WHOLE);
	third.then = follow;
	trial_start(&third);
	receive_pattern(5000, 0);
	turn_until(first.ends && second.ends && third.ends && follower.ends);
	expect(&first, 2000, DUET_COMPLETED, DUET_CAUSE_ITSELF);
	expect(&second, 1000, DUET_COMPLETED, DUET_CAUSE_ITSELF);
	expect(&third, 1000, DUET_COMPLETED, DUET_CAUSE_ITSELF);
	expect(&follower, 1000, DUET_COMPLETED, DUET_CAUSE_ITSELF);
	free(out);
}
END_TEST

/* After a short one its caller knows before anything is sent behind it. */
START_TEST(behind_a_short_one_there_is_no_hole)
{
	struct trial trial;
	struct trial behind;

	out_make();
	open_holding();
	zero_copy_start(&trial, out, STUCK_BYTES, DUET_WHOLE);
	zero_copy_start(&behind, out, 100, DUET_WHOLE);
	stage_settle(50);
	trial_cancel(&trial);
	turn_until(trial.items && behind.ends);
	expect(&behind, -ECANCELED, DUET_UNTOUCHED, DUET_CAUSE_ORDER);
	zero_copy_start(&behind, out + trial.op.transferred, 100, DUET_WHOLE);
	receive_pattern(trial.op.transferred + 100, 0);
	turn_until(trial.ends && behind.ends);
	expect(&behind, 100, DUET_COMPLETED, DUET_CAUSE_ITSELF);
	free(out);
}
END_TEST

START_TEST(pieces_go_out_in_order)
{
	char four[] = "four";
	struct iovec pieces[5] = { { (char[]){ "one" }, 3 }, { (char[]){ "two" }, 3 },
		{ (char[]){ "three" }, 5 }, { four, 4 }, { four, 4 } };
	struct trial trial;

	open_holding();
	zero_copy_init(&trial, "", 1, 0);
	duet_op_send_zero_copy_vector(&trial.op, pair[0], pieces, 5, DUET_WHOLE);
	ck_assert_int_eq(trial_try(&trial), -EINVAL);
	duet_op_send_zero_copy_vector(&trial.op, pair[0], pieces, 4, DUET_WHOLE);
	memset(pieces, 0, sizeof(pieces));
	trial_run(&trial);
	expect(&trial, 15, DUET_COMPLETED, DUET_CAUSE_ITSELF);
	stream_recv(pair[1], in, 15);
	ck_assert_mem_eq(in, "onetwothreefour", 15);
}
END_TEST

START_TEST(what_makes_no_sense_is_refused)
{
	struct trial trial;

	pair_open(pair);
	zero_copy_init(&trial, "hello", 0, 0);
	ck_assert_int_eq(trial_try(&trial), -EINVAL);
	zero_copy_init(&trial, "hello", 5, DUET_POOLED);
	ck_assert_int_eq(trial_try(&trial), -EINVAL);
	zero_copy_init(&trial, "hello", 5, DUET_MULTISHOT);
	ck_assert_int_eq(trial_try(&trial), -EINVAL);
	handle_close(pair[0]);
	zero_copy_init(&trial, "hello", 5, 0);
	ck_assert_int_eq(trial_try(&trial), -EBADF);
	ck_assert_uint_eq(ledger().lent_count, 0);
}
END_TEST

START_TEST(ended_in_its_start_nothing_is_called)
{
	struct trial trial;
	int answer;

	pair_open(pair);
	for (unsigned i = 0; i < 20; i++) {
		zero_copy_init(&trial, "hello", 5, DUET_WHOLE);
		duet_op_inline(&trial.op);
		answer = trial_try(&trial);
		ck_assert_int_ge(answer, 0);
		if (answer == 0)
			await(&trial);
		stage_settle(5);
		ck_assert_uint_eq(trial.ends, answer == 0);
		ck_assert_uint_eq(trial.items, answer == 0);
		ck_assert_int_eq(trial.op.result, 5);
		ck_assert(answer == 0 || duet_op_copied(&trial.op) == 1);
		ck_assert_uint_eq(ledger().lent_count, 0);
		stream_recv(pair[1], in, 5);
	}
}
END_TEST

START_TEST(what_was_copied_after_all_is_said_and_counted)
{
	struct trial trial;
	uint64_t copied = 0;

	pair_open(pair);
	for (unsigned i = 0; i < 20; i++) {
		zero_copy_start(&trial, "hello", 5, DUET_WHOLE);
		await(&trial);
		copied += duet_op_copied(&trial.op) > 0;
		stream_recv(pair[1], in, 5);
	}
	ck_assert_uint_eq(stats().copied, copied);
	/* It is on loopback. */
	if (duet_loop_capability(stage.loop, DUET_SEND_ZERO_COPY) == DUET_EMULATED)
		ck_assert_uint_eq(copied, 20);
}
END_TEST

static unsigned joins;

static void joined(struct duet_scope *scope)
{
	(void)scope;
	joins++;
}

static void unheard(struct duet_waker *waker)
{
	(void)waker;
}

static void not_joined_yet(struct trial *trial)
{
	two_ends(trial);
	ck_assert_uint_eq(joins, 0);
}

START_TEST(a_scope_and_a_future_wait_for_the_memory)
{
	struct duet_scope scope;
	struct duet_member member = { 0 };
	struct duet_op_future future;
	struct duet_waker waker = { .wake = unheard };
	struct trial trial;

	joins = 0;
	open_holding();
	ck_assert_int_eq(duet_scope_open(&scope, stage.loop, NULL, NULL), 0);
	zero_copy_init(&trial, "hello", 5, DUET_WHOLE);
	trial.then = not_joined_yet;
	ck_assert_int_eq(duet_scope_start(&scope, &member, &trial.op), 0);
	ck_assert_int_eq(duet_scope_join(&scope, joined), 0);
	turn_until(joins);
	expect(&trial, 5, DUET_COMPLETED, DUET_CAUSE_ITSELF);
	ck_assert_uint_eq(trial.items, 1);
	duet_op_future_init(&future);
	duet_op_send_zero_copy(&future.op, pair[0], "again", 5, DUET_WHOLE);
	turn_until(future_poll(&future, &waker) == DUET_READY);
	ck_assert_int_eq(future.op.result, 5);
	ck_assert_uint_eq(ledger().lent_count, 0);
	stream_recv(pair[1], in, 10);
	ck_assert_mem_eq(in, "helloagain", 10);
}
END_TEST

START_TEST(given_up_with_its_memory_it_is_the_loop_s_until_that_is_back)
{
	struct duet_loop_options options;
	struct duet_op *op;

	duet_loop_options_init(&options);
	options.owned_max = 2;
	options.owned_bytes = 64;
	if (!stage.arm->kernel)
		options.tuning = "hold=1000";
	stage_reopen(&options, NULL);
	pair_open(pair);
	for (unsigned turns = 0; turns < 4; turns++) {
		ck_assert_int_eq(duet_op_take(stage.loop, NULL, NULL, &op), 0);
		memcpy(duet_op_buffer(op), "hello", 5);
		duet_op_send_zero_copy(op, pair[0], duet_op_buffer(op), 5, DUET_WHOLE);
		ck_assert_int_eq(duet_op_start(stage.loop, op), 0);
		stage_settle(turns);
		ck_assert_int_eq(duet_op_abandon(op), 0);
		turn_until(duet_loop_pending(stage.loop) == 0);
		ck_assert_uint_eq(ledger().lent_count, 0);
	}
}
END_TEST

/* ---- With a peer outside of the loop, which doesn't receive. ---- */

static bool is_held(const struct trial *trial)
{
	return trial->items && !trial->ends;
}

static void outside_open(int *raw)
{
	out_make();
	raw_pair(&pair[0], raw);
}

static void keep_loan(void *context, const struct duet_loan *loan)
{
	struct duet_loan *kept = context;

	ck_assert_ptr_null(kept->op);
	*kept = *loan;
}

static struct duet_loan only_loan(void)
{
	struct duet_loan loan = { .op = NULL };

	duet_loop_loans(stage.loop, keep_loan, &loan);
	return loan;
}

static void outside_receive(int raw, size_t bytes)
{
	for (size_t place = 0; place < bytes;) {
		size_t piece = bytes - place < sizeof(in) ? bytes - place : sizeof(in);

		raw_recv(raw, in, piece);
		ck_assert(pattern_holds(in, piece, place));
		place += piece;
	}
}

/* Whatever is done to the memory once it is back, the peer has what was sent; and where the kernel reads it
 * later than that, it isn't back before. */
START_TEST(the_memory_is_not_back_before_the_kernel_has_done_with_it)
{
	bool native = duet_loop_capability(stage.loop, DUET_SEND_ZERO_COPY) == DUET_NATIVE;
	struct trial trial;
	uint32_t sent;
	int raw;

	outside_open(&raw);
	zero_copy_start(&trial, out, 2 << 20, 0);
	turn_until(trial.items);
	sent = trial.op.transferred;
	stage_settle(20);
	ck_assert(is_held(&trial) == native);
	ck_assert_uint_eq(ledger().lent_count, native);
	ck_assert_ptr_eq(only_loan().op, native ? &trial.op : NULL);
	ck_assert_ptr_eq(only_loan().data, native ? out : NULL);
	ck_assert_uint_eq(only_loan().length_bytes, native ? 2 << 20 : 0);
	if (trial.ends)
		memset(out, 0, STUCK_BYTES);
	outside_receive(raw, sent);
	await(&trial);
	memset(out, 0, STUCK_BYTES);
	free(out);
	close(raw);
}
END_TEST

START_TEST(a_close_does_not_wait_for_the_memory)
{
	bool native = duet_loop_capability(stage.loop, DUET_SEND_ZERO_COPY) == DUET_NATIVE;
	struct trial trial;
	int raw;

	outside_open(&raw);
	zero_copy_start(&trial, out, 2 << 20, 0);
	turn_until(trial.items);
	handle_close(pair[0]);
	ck_assert(is_held(&trial) == native);
	if (native)
		ck_assert_int_eq(duet_loop_shutdown(stage.loop, duet_loop_now_ns(stage.loop)), -EBUSY);
	outside_receive(raw, trial.op.transferred);
	await(&trial);
	free(out);
	close(raw);
}
END_TEST

START_TEST(a_reset_brings_the_memory_back)
{
	const struct linger reset = { .l_onoff = 1 };
	struct trial trial;
	int raw;

	outside_open(&raw);
	zero_copy_start(&trial, out, 2 << 20, 0);
	turn_until(trial.items);
	ck_assert_int_eq(setsockopt(duet_handle_fd(stage.loop, pair[0]), SOL_SOCKET, SO_LINGER,
				 &reset, sizeof(reset)), 0);
	handle_close(pair[0]);
	await(&trial);
	free(out);
	close(raw);
}
END_TEST

static void send_on(int type)
{
	struct trial trial;
	int raw;

	raw_unix(type, &pair[0], &raw);
	for (unsigned i = 0; i < 3; i++) {
		zero_copy_start(&trial, "hello", 5, DUET_WHOLE);
		await(&trial);
		expect(&trial, 5, DUET_COMPLETED, DUET_CAUSE_ITSELF);
		ck_assert_uint_eq(trial.items, 1);
		ck_assert_int_eq(duet_op_copied(&trial.op), 1);
		raw_recv(raw, in, 5);
		ck_assert_mem_eq(in, "hello", 5);
	}
	close(raw);
	zero_copy_start(&trial, "hello", 5, DUET_WHOLE);
	await(&trial);
	ck_assert_int_lt(trial.op.result, 0);
	ck_assert_uint_eq(trial.items, 0);
	handle_close(pair[0]);
}

START_TEST(a_socket_without_it_copies)
{
	send_on(SOCK_STREAM);
	send_on(SOCK_DGRAM);
	send_on(SOCK_SEQPACKET);
}
END_TEST

/* Asked to send again, as a copy, it may be asked to end meanwhile, and find no room for it. */
START_TEST(a_cancel_meets_a_copy_at_any_moment)
{
	struct trial trials[40];
	unsigned received = 0;
	int raw;

	raw_unix(SOCK_DGRAM, &pair[0], &raw);
	for (unsigned i = 0; i < 40; i++) {
		zero_copy_start(&trials[i], "hello", 5, 0);
		stage_settle(i % 3);
		trial_cancel(&trials[i]);
		await(&trials[i]);
		received += trials[i].op.result == 5;
		if (trials[i].op.result == 5)
			raw_recv(raw, in, 5);
		else
			expect(&trials[i], -ECANCELED, DUET_UNTOUCHED, DUET_CAUSE_CANCEL);
	}
	ck_assert_uint_le(received, 40);
	ck_assert_int_eq(recv(raw, in, 5, MSG_DONTWAIT), -1);
	close(raw);
}
END_TEST

int main(void)
{
	return contract_run("send-zero-copy",
		CASES(the_result_is_told_first_and_the_memory_is_back_with_the_end,
			without_whole_it_moves_at_least_one_byte,
			a_whole_one_waits_for_its_reader_and_tells_once,
			a_cancelled_one_says_what_went_out_and_lends_until_it_is_there,
			without_bytes_there_is_one_end, to_a_peer_that_has_gone_it_fails_with_one_end,
			what_has_its_result_hears_no_request, who_stands_behind_goes_out_behind_it,
			behind_a_short_one_there_is_no_hole, pieces_go_out_in_order,
			what_makes_no_sense_is_refused, ended_in_its_start_nothing_is_called,
			what_was_copied_after_all_is_said_and_counted,
			a_scope_and_a_future_wait_for_the_memory,
			given_up_with_its_memory_it_is_the_loop_s_until_that_is_back),
		CASES(the_memory_is_not_back_before_the_kernel_has_done_with_it,
			a_close_does_not_wait_for_the_memory, a_reset_brings_the_memory_back,
			a_socket_without_it_copies, a_cancel_meets_a_copy_at_any_moment));
}
