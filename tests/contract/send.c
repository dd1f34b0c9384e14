/* SPDX-FileCopyrightText: The Duet authors */
/* SPDX-License-Identifier: MIT */
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/support/harness.h"

static duet_handle pair[2];
static unsigned char *out;
static unsigned char in[65536];

static void send_start(struct trial *trial, const void *data, size_t bytes, unsigned flags)
{
	trial_init(trial);
	duet_op_send(&trial->op, pair[0], data, bytes, flags);
	trial_start(trial);
}

/* Receives as long as the sender lasts, checking the pattern: how many bytes came. */
static size_t drain_while(const struct trial *sender)
{
	struct trial recv;
	size_t total = 0;

	trial_init(&recv);
	while (!sender->ends) {
		duet_op_recv(&recv.op, pair[1], in, sizeof(in), 0);
		duet_op_deadline(&recv.op, duet_loop_now_ns(stage.loop) + 50000000);
		trial_run(&recv);
		ck_assert(pattern_holds(in, recv.op.transferred, total));
		total += recv.op.transferred;
	}
	return total;
}

START_TEST(send_moves_at_least_one_byte_and_says_how_many)
{
	struct trial trial;

	pair_open(pair);
	send_start(&trial, "hello", 5, 0);
	await(&trial);
	ck_assert_int_ge(trial.op.result, 1);
	ck_assert_int_le(trial.op.result, 5);
	ck_assert_int_eq(trial.op.disposition,
		trial.op.result == 5 ? DUET_COMPLETED : DUET_PARTIAL);
	stream_recv(pair[1], in, (size_t)trial.op.result);
	ck_assert_mem_eq(in, "hello", (size_t)trial.op.result);
}
END_TEST

START_TEST(send_all_waits_for_a_slow_reader_and_loses_nothing)
{
	struct trial trial;
	size_t total;

	out = malloc(STUCK_BYTES);
	pattern_fill(out, STUCK_BYTES, 0);
	pair_open(pair);
	trial_init(&trial);
	duet_op_send(&trial.op, pair[0], out, STUCK_BYTES, DUET_WHOLE);
	trial_start(&trial);
	total = drain_while(&trial);
	expect(&trial, (int)STUCK_BYTES, DUET_COMPLETED, DUET_CAUSE_ITSELF);
	while (total < STUCK_BYTES) {
		size_t piece = STUCK_BYTES - total < 65536 ? STUCK_BYTES - total : 65536;

		stream_recv(pair[1], in, piece);
		ck_assert(pattern_holds(in, piece, total));
		total += piece;
	}
	free(out);
}
END_TEST

START_TEST(a_cancelled_send_all_is_partial_and_counts_what_went_out)
{
	struct trial trial;
	uint32_t sent;

	out = malloc(STUCK_BYTES);
	pattern_fill(out, STUCK_BYTES, 0);
	pair_open(pair);
	trial_stick(&trial, pair[0], out);
	trial_cancel(&trial);
	await(&trial);
	sent = trial.op.transferred;
	expect(&trial, (int)sent, DUET_PARTIAL, DUET_CAUSE_CANCEL);
	ck_assert_uint_gt(sent, 0);
	handle_close(pair[0]);
	for (size_t total = 0; total < sent;) {
		size_t piece = sent - total < 65536 ? sent - total : 65536;

		stream_recv(pair[1], in, piece);
		ck_assert(pattern_holds(in, piece, total));
		total += piece;
	}
	trial_init(&trial);
	duet_op_recv(&trial.op, pair[1], in, 1, 0);
	trial_run(&trial);
	expect(&trial, 0, DUET_COMPLETED, DUET_CAUSE_ITSELF);
	free(out);
}
END_TEST

START_TEST(a_send_that_could_not_begin_is_cancelled_untouched)
{
	struct trial stuck;
	struct trial trial;

	out = malloc(STUCK_BYTES);
	pattern_fill(out, STUCK_BYTES, 0);
	pair_open(pair);
	trial_stick(&stuck, pair[0], out);
	trial_cancel(&stuck);
	await(&stuck);
	send_start(&trial, out, 65536, DUET_WHOLE);
	stage_settle(5);
	trial_cancel(&trial);
	await(&trial);
	if (trial.op.transferred == 0)
		expect(&trial, -ECANCELED, DUET_UNTOUCHED, DUET_CAUSE_CANCEL);
	else
		ck_assert_int_eq(trial.op.disposition,
			trial.op.transferred < 65536 ? DUET_PARTIAL : DUET_COMPLETED);
	free(out);
}
END_TEST

START_TEST(send_vector_sends_the_pieces_in_order)
{
	char four[] = "four";
	struct iovec pieces[4] = { { (char[]){ "one" }, 3 }, { (char[]){ "two" }, 3 },
		{ (char[]){ "three" }, 5 }, { four, 4 } };
	struct trial trial;

	pair_open(pair);
	trial_init(&trial);
	duet_op_send_vector(&trial.op, pair[0], pieces, 4, DUET_WHOLE);
	memset(pieces, 0, sizeof(pieces));
	trial_run(&trial);
	expect(&trial, 15, DUET_COMPLETED, DUET_CAUSE_ITSELF);
	stream_recv(pair[1], in, 15);
	ck_assert_mem_eq(in, "onetwothreefour", 15);
}
END_TEST

START_TEST(more_pieces_than_an_operation_holds_are_refused)
{
	struct iovec pieces[5];
	struct trial trial;

	pair_open(pair);
	for (unsigned i = 0; i < 5; i++)
		pieces[i] = (struct iovec){ in, 1 };
	trial_init(&trial);
	duet_op_send_vector(&trial.op, pair[0], pieces, 5, 0);
	ck_assert_int_eq(trial_try(&trial), -EINVAL);
	duet_op_send_vector(&trial.op, pair[0], pieces, 0, 0);
	ck_assert_int_eq(trial_try(&trial), -EINVAL);
}
END_TEST

START_TEST(pieces_that_are_more_than_one_transfer_are_refused)
{
	struct iovec pieces[3] = { { in, DUET_TRANSFER_MAX }, { in, 1 }, { in, DUET_TRANSFER_MAX } };
	struct trial trial;

	pair_open(pair);
	trial_init(&trial);
	duet_op_send_vector(&trial.op, pair[0], pieces, 2, DUET_WHOLE);
	ck_assert_int_eq(trial_try(&trial), -EINVAL);
	duet_op_send_vector(&trial.op, pair[0], pieces, 3, DUET_WHOLE);
	ck_assert_int_eq(trial_try(&trial), -EINVAL);
	pieces[1].iov_len = SIZE_MAX - DUET_TRANSFER_MAX + 6;
	duet_op_send_vector(&trial.op, pair[0], pieces, 2, DUET_WHOLE);
	ck_assert_int_eq(trial_try(&trial), -EINVAL);
}
END_TEST

START_TEST(a_send_after_the_peer_closed_fails_with_EPIPE_or_ECONNRESET_without_a_signal)
{
	struct trial trial;
	struct sigaction action;

	ck_assert_int_eq(sigaction(SIGPIPE, NULL, &action), 0);
	ck_assert(action.sa_handler == SIG_DFL);
	pair_open(pair);
	handle_close(pair[1]);
	trial_init(&trial);
	for (unsigned i = 0; i < 100; i++) {
		duet_op_send(&trial.op, pair[0], "hello", 5, 0);
		if (trial_run(&trial) < 0)
			break;
	}
	ck_assert_msg(trial.op.result == -EPIPE || trial.op.result == -ECONNRESET, "%s",
		trial_text(&trial));
	ck_assert_int_eq(trial.op.disposition, DUET_FAILED);
}
END_TEST

START_TEST(a_send_after_its_own_shutdown_fails_with_EPIPE)
{
	struct trial trial;

	pair_open(pair);
	trial_init(&trial);
	duet_op_shutdown(&trial.op, pair[0], SHUT_WR);
	trial_run(&trial);
	send_start(&trial, "hello", 5, DUET_WHOLE);
	await(&trial);
	expect(&trial, -EPIPE, DUET_FAILED, DUET_CAUSE_ITSELF);
}
END_TEST

START_TEST(a_reset_amid_send_all_says_what_went_out)
{
	struct trial trial;
	int raw;

	out = malloc(STUCK_BYTES);
	pattern_fill(out, STUCK_BYTES, 0);
	raw_pair(&pair[0], &raw);
	trial_stick(&trial, pair[0], out);
	raw_reset(raw);
	await(&trial);
	ck_assert_msg(trial.op.result == -ECONNRESET || trial.op.result == -EPIPE, "%s",
		trial_text(&trial));
	ck_assert_int_eq(trial.op.disposition, DUET_PARTIAL);
	ck_assert_uint_gt(trial.op.transferred, 0);
	free(out);
}
END_TEST

START_TEST(a_send_into_a_closed_unix_stream_raises_no_signal)
{
	struct trial trial;
	int raw;

	raw_unix(SOCK_STREAM, &pair[0], &raw);
	close(raw);
	send_start(&trial, "hello", 5, 0);
	await(&trial);
	expect(&trial, -EPIPE, DUET_FAILED, DUET_CAUSE_ITSELF);
}
END_TEST

#define MANY 80

static void send_pieces_start(struct trial *trial, duet_handle handle, const char *first,
	const char *second)
{
	struct iovec pieces[2] = { { (char *)(uintptr_t)first, strlen(first) },
		{ (char *)(uintptr_t)second, strlen(second) } };

	trial_init(trial);
	duet_op_send_vector(&trial->op, handle, pieces, 2, DUET_WHOLE);
	trial_start(trial);
}

/* A datagram socket whose peer takes no more, and on it a send of two pieces. */
static void stick_datagram(struct trial *trial, int *raw)
{
	duet_handle handle;

	raw_unix(SOCK_DGRAM, &handle, raw);
	while (send(duet_handle_fd(stage.loop, handle), "x", 1, MSG_DONTWAIT) == 1)
		;
	send_pieces_start(trial, handle, "one", "two");
}

START_TEST(however_many_wait_the_pieces_of_a_datagram_go_out_in_one)
{
	static struct trial stuck[MANY];
	struct trial trial;
	int raws[MANY];
	int raw;

	stage_reopen(NULL, "direct=no");
	for (unsigned i = 0; i < MANY; i++)
		stick_datagram(&stuck[i], &raws[i]);
	stage_settle(3);
	raw_unix(SOCK_DGRAM, &pair[0], &raw);
	send_pieces_start(&trial, pair[0], "hello", " world");
	await(&trial);
	expect(&trial, 11, DUET_COMPLETED, DUET_CAUSE_ITSELF);
	ck_assert_int_eq(recv(raw, in, sizeof(in), MSG_DONTWAIT), 11);
	ck_assert_mem_eq(in, "hello world", 11);
	ck_assert_int_eq(recv(raw, in, sizeof(in), MSG_DONTWAIT), -1);
	close(raw);

	raw_unix(SOCK_STREAM, &pair[0], &raw);
	send_pieces_start(&trial, pair[0], "", "data");
	await(&trial);
	expect(&trial, 4, DUET_COMPLETED, DUET_CAUSE_ITSELF);
	raw_recv(raw, in, 4);
	close(raw);
	for (unsigned i = 0; i < MANY; i++) {
		ck_assert_uint_eq(stuck[i].ends, 0);
		trial_cancel(&stuck[i]);
	}
	for (unsigned i = 0; i < MANY; i++) {
		await(&stuck[i]);
		expect(&stuck[i], -ECANCELED, DUET_UNTOUCHED, DUET_CAUSE_CANCEL);
		close(raws[i]);
	}
}
END_TEST

/* ---- A send that the callback of a receive has started: the backends have a short way for it. ---- */

static struct duet_pool *pool;
static struct trial receiving;
static struct trial answer;
static unsigned asked;
static void (*at_third)(void);

static void take_question(struct trial *trial)
{
	if (trial->op.transferred == 0)
		return;
	ck_assert_int_eq(duet_buffer_return(stage.loop, &trial->op.buffer), 0);
	if (++asked == 3)
		at_third();
}

/* A receive that goes on; the first two arrivals find it in its stride, the third is answered. */
static void question_start(void (*then)(void))
{
	ck_assert_int_eq(duet_pool_create(stage.loop, 4, 64, &pool), 0);
	out = malloc(STUCK_BYTES);
	pattern_fill(out, STUCK_BYTES, 0);
	at_third = then;
	trial_init(&answer);
	trial_init(&receiving);
	receiving.then = take_question;
	duet_op_recv_pooled(&receiving.op, pair[0], pool, DUET_MULTISHOT);
	trial_start(&receiving);
	stage_settle(3);
}

static void question_end(void)
{
	trial_cancel(&receiving);
	await(&receiving);
	free(out);
}

static void answer_too_much(void)
{
	send_start(&answer, out, STUCK_BYTES, 0);
}

START_TEST(an_answer_that_stops_short_says_what_went_out)
{
	size_t total = 0;

	pair_open(pair);
	question_start(answer_too_much);
	for (unsigned i = 1; i <= 3; i++) {
		stream_send(pair[1], "?", 1);
		turn_until(asked == i);
	}
	await(&answer);
	ck_assert_int_gt(answer.op.result, 0);
	ck_assert_uint_eq(answer.op.transferred, (uint32_t)answer.op.result);
	ck_assert_int_eq(answer.op.disposition,
		answer.op.result == (int)STUCK_BYTES ? DUET_COMPLETED : DUET_PARTIAL);
	question_end();
	handle_close(pair[0]);
	for (size_t n; (n = stream_drain(pair[1], in, sizeof(in))) > 0; total += n)
		ck_assert(pattern_holds(in, n, total));
	ck_assert_uint_eq(total, answer.op.transferred);
}
END_TEST

static size_t filled;

static void answer_into_full(void)
{
	int fd = duet_handle_fd(stage.loop, pair[0]);
	ssize_t n;

	while ((n = send(fd, out + filled, 4096, MSG_DONTWAIT)) > 0)
		filled += (size_t)n;
	send_start(&answer, out + filled, 5, 0);
}

START_TEST(an_answer_that_finds_no_room_waits_for_it)
{
	size_t total = 0;
	int raw;

	raw_pair(&pair[0], &raw);
	raw_shrink(duet_handle_fd(stage.loop, pair[0]));
	question_start(answer_into_full);
	for (unsigned i = 1; i <= 3; i++) {
		raw_send(raw, "?", 1);
		turn_until(asked == i);
	}
	stage_settle(5);
	ck_assert(answer.ends == 0 || answer.op.result > 0);
	while (total < filled) {
		size_t piece = filled - total < sizeof(in) ? filled - total : sizeof(in);

		raw_recv(raw, in, piece);
		ck_assert(pattern_holds(in, piece, total));
		total += piece;
	}
	await(&answer);
	expect(&answer, 5, DUET_COMPLETED, DUET_CAUSE_ITSELF);
	raw_recv(raw, in, 5);
	ck_assert(pattern_holds(in, 5, total));
	question_end();
	close(raw);
}
END_TEST

int main(void)
{
	return contract_run("send",
		CASES(send_moves_at_least_one_byte_and_says_how_many,
			send_all_waits_for_a_slow_reader_and_loses_nothing,
			a_cancelled_send_all_is_partial_and_counts_what_went_out,
			a_send_that_could_not_begin_is_cancelled_untouched,
			send_vector_sends_the_pieces_in_order,
			more_pieces_than_an_operation_holds_are_refused,
			pieces_that_are_more_than_one_transfer_are_refused,
			a_send_after_the_peer_closed_fails_with_EPIPE_or_ECONNRESET_without_a_signal,
			a_send_after_its_own_shutdown_fails_with_EPIPE,
			an_answer_that_stops_short_says_what_went_out),
		CASES(a_reset_amid_send_all_says_what_went_out,
			a_send_into_a_closed_unix_stream_raises_no_signal,
			however_many_wait_the_pieces_of_a_datagram_go_out_in_one,
			an_answer_that_finds_no_room_waits_for_it));
}
