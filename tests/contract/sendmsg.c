/* SPDX-FileCopyrightText: The Duet authors */
/* SPDX-License-Identifier: MIT */
#include <fcntl.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/support/harness.h"

/* Sends with a header, into streams; datagram.c has the rest of them. */

static duet_handle pair[2];
static struct duet_msghdr header;
static struct duet_msghdr headers[8]; /* of those that wait at the same time */
static unsigned char in[65536];
static unsigned char *out;

static void describe(struct trial *trial, const void *data, size_t bytes, int message_flags)
{
	struct iovec from = { (void *)(uintptr_t)data, bytes };

	trial_init(trial);
	duet_op_sendmsg(&trial->op, pair[0], &from, 1, &header, message_flags);
	memset(&from, 0xff, sizeof(from));
}

static void sendmsg_start(struct trial *trial, const void *data, size_t bytes)
{
	describe(trial, data, bytes, 0);
	trial_start(trial);
}

static void open_empty(void)
{
	pair_open(pair);
	memset(&header, 0, sizeof(header));
}

/* What it said of itself came, and nothing else. */
static void expect_came(const struct trial *trial, const char *data)
{
	stream_recv(pair[1], in, trial->op.transferred);
	ck_assert_mem_eq(in, data, trial->op.transferred);
}

START_TEST(it_moves_at_least_one_byte_and_says_how_many)
{
	struct trial trial;

	open_empty();
	sendmsg_start(&trial, "hello", 5);
	await(&trial);
	ck_assert_int_ge(trial.op.result, 1);
	expect(&trial, (int)trial.op.transferred,
		trial.op.transferred == 5 ? DUET_COMPLETED : DUET_PARTIAL, DUET_CAUSE_ITSELF);
	expect_came(&trial, "hello");
}
END_TEST

START_TEST(its_pieces_go_out_in_order)
{
	struct iovec pieces[4] = { { (char[]){ "one" }, 3 }, { NULL, 0 }, { (char[]){ "three" }, 5 },
		{ (char[]){ "four" }, 4 } };
	struct trial trial;

	open_empty();
	trial_init(&trial);
	duet_op_sendmsg(&trial.op, pair[0], pieces, 4, &header, 0);
	memset(pieces, 0, sizeof(pieces));
	trial_run(&trial);
	ck_assert_int_ge(trial.op.result, 1);
	expect_came(&trial, "onethreefour");
}
END_TEST

/* Each behind the one before it, or, if that was short, not at all: the stream never has a hole. */
START_TEST(sends_with_and_without_a_header_leave_in_one_line)
{
	static const char text[] = "abcdefghijklmnop";
	struct trial trials[8];
	size_t total = 0;
	bool broken = false;

	open_empty();
	for (unsigned i = 0; i < 8; i++) {
		trial_init(&trials[i]);
		if (i % 3 == 1)
			duet_op_sendto(&trials[i].op, pair[0], &text[2 * i], 2, &headers[i]);
		else
			duet_op_send(&trials[i].op, pair[0], &text[2 * i], 2, DUET_WHOLE);
		trial_start(&trials[i]);
	}
	for (unsigned i = 0; i < 8; i++) {
		await(&trials[i]);
		if (broken)
			expect(&trials[i], -ECANCELED, DUET_UNTOUCHED, DUET_CAUSE_ORDER);
		else
			ck_assert_int_ge(trials[i].op.result, 1);
		broken |= trials[i].op.disposition != DUET_COMPLETED;
		total += trials[i].op.transferred;
	}
	stream_recv(pair[1], in, total);
	ck_assert_mem_eq(in, text, total);
}
END_TEST

START_TEST(behind_a_short_one_nothing_reaches_the_stream)
{
	struct trial trial, behind;
	size_t total = 0;

	open_empty();
	out = malloc(STUCK_BYTES);
	pattern_fill(out, STUCK_BYTES, 0);
	sendmsg_start(&trial, out, STUCK_BYTES);
	trial_init(&behind);
	duet_op_sendto(&behind.op, pair[0], "behind", 6, &headers[0]);
	trial_start(&behind);
	await(&trial);
	await(&behind);
	expect(&trial, (int)trial.op.transferred, DUET_PARTIAL, DUET_CAUSE_ITSELF);
	expect(&behind, -ECANCELED, DUET_UNTOUCHED, DUET_CAUSE_ORDER);
	handle_close(pair[0]);
	for (size_t n; (n = stream_drain(pair[1], in, sizeof(in))) > 0; total += n)
		ck_assert(pattern_holds(in, n, total));
	ck_assert_uint_eq(total, trial.op.transferred);
	free(out);
}
END_TEST

/* ---- One that waits. ---- */

/* Fills the stream until a send with a header waits. How many bytes went out before it. */
static size_t stick(struct trial *trial)
{
	struct trial stuck;

	open_empty();
	out = malloc(STUCK_BYTES);
	pattern_fill(out, STUCK_BYTES, 0);
	trial_stick(&stuck, pair[0], out);
	trial_cancel(&stuck);
	await(&stuck);
	for (size_t sent = stuck.op.transferred;; sent += trial->op.transferred) {
		sendmsg_start(trial, out + sent, 4096);
		stage_settle(20);
		if (!trial->ends)
			return sent;
	}
}

/* What came is what all of them said. */
static void expect_stream(size_t bytes)
{
	size_t total = 0;

	handle_close(pair[0]);
	for (size_t n; (n = stream_drain(pair[1], in, sizeof(in))) > 0; total += n)
		ck_assert(pattern_holds(in, n, total));
	ck_assert_uint_eq(total, bytes);
	free(out);
}

START_TEST(it_waits_for_a_slow_reader)
{
	struct trial trial;
	size_t sent = stick(&trial);
	size_t total = 0;

	while (!trial.ends) {
		struct trial receiving;

		trial_init(&receiving);
		duet_op_recv(&receiving.op, pair[1], in, sizeof(in), 0);
		trial_run(&receiving);
		ck_assert(pattern_holds(in, receiving.op.transferred, total));
		total += receiving.op.transferred;
	}
	ck_assert_int_ge(trial.op.result, 1);
	while (total < sent + trial.op.transferred) {
		size_t n = sent + trial.op.transferred - total;

		n = n < sizeof(in) ? n : sizeof(in);
		stream_recv(pair[1], in, n);
		ck_assert(pattern_holds(in, n, total));
		total += n;
	}
	free(out);
}
END_TEST

START_TEST(cancelled_while_it_waits_it_has_sent_nothing)
{
	struct trial trial, behind;
	size_t sent = stick(&trial);

	trial_init(&behind);
	duet_op_sendto(&behind.op, pair[0], "x", 1, &headers[0]);
	trial_start(&behind);
	trial_cancel(&behind);
	await(&behind);
	expect(&behind, -ECANCELED, DUET_UNTOUCHED, DUET_CAUSE_CANCEL);
	trial_cancel(&trial);
	await(&trial);
	expect(&trial, -ECANCELED, DUET_UNTOUCHED, DUET_CAUSE_CANCEL);
	expect_stream(sent);
}
END_TEST

START_TEST(a_deadline_ends_one_that_waits)
{
	struct trial trial;
	size_t sent = stick(&trial);

	trial_cancel(&trial);
	await(&trial);
	describe(&trial, out + sent, 10, 0);
	duet_op_deadline(&trial.op, duet_loop_now_ns(stage.loop) + 2000000);
	trial_run(&trial);
	if (trial.op.transferred)
		sent += trial.op.transferred;
	else
		expect(&trial, -ETIMEDOUT, DUET_UNTOUCHED, DUET_CAUSE_DEADLINE);
	expect_stream(sent);
}
END_TEST

START_TEST(a_close_under_one_that_waits_ends_it_first)
{
	struct trial trial, closing;

	stick(&trial);
	trial_init(&closing);
	duet_op_close(&closing.op, pair[0]);
	trial_start(&closing);
	await(&closing);
	expect(&trial, -ECANCELED, DUET_UNTOUCHED, DUET_CAUSE_CLOSE);
	ck_assert_uint_lt(trial.rank, closing.rank);
	describe(&trial, out, 10, 0);
	ck_assert_int_eq(trial_try(&trial), -EBADF);
	free(out);
}
END_TEST

START_TEST(a_shutdown_of_the_loop_ends_one_that_waits)
{
	struct trial trial;

	stick(&trial);
	ck_assert_int_eq(duet_loop_shutdown(stage.loop,
				 duet_loop_now_ns(stage.loop) + 2000000000), 0);
	expect(&trial, -ECANCELED, DUET_UNTOUCHED, DUET_CAUSE_SHUTDOWN);
	free(out);
}
END_TEST

/* ---- At once, empty, wrong. ---- */

START_TEST(it_may_end_inside_its_start)
{
	struct trial trial;
	int answer;

	open_empty();
	for (unsigned i = 0; i < 5; i++) {
		describe(&trial, "hello", 5, 0);
		duet_op_inline(&trial.op);
		answer = trial_try(&trial);
		ck_assert_int_ge(answer, 0);
		if (!answer)
			await(&trial);
		ck_assert_int_ge(trial.op.result, 1);
		expect_came(&trial, "hello");
	}
}
END_TEST

START_TEST(an_empty_one_moves_nothing_on_a_stream)
{
	struct trial trial;

	open_empty();
	sendmsg_start(&trial, "", 0);
	await(&trial);
	expect(&trial, 0, DUET_COMPLETED, DUET_CAUSE_ITSELF);
	trial_init(&trial);
	duet_op_sendmsg(&trial.op, pair[0], NULL, 0, &header, 0);
	trial_run(&trial);
	expect(&trial, 0, DUET_COMPLETED, DUET_CAUSE_ITSELF);
	sendmsg_start(&trial, "x", 1);
	await(&trial);
	expect_came(&trial, "x");
}
END_TEST

START_TEST(what_is_asked_wrongly_is_refused)
{
	static const int wrong[] = { MSG_DONTWAIT, MSG_NOSIGNAL, MSG_PEEK, MSG_ZEROCOPY,
		MSG_FASTOPEN, MSG_WAITALL };
	struct iovec pieces[5] = { { in, 1 }, { in, 1 }, { in, 1 }, { in, 1 }, { in, 1 } };
	struct trial trial;

	open_empty();
	trial_init(&trial);
	duet_op_sendmsg(&trial.op, pair[0], pieces, 1, NULL, 0);
	ck_assert_int_eq(trial_try(&trial), -EINVAL);
	duet_op_sendmsg(&trial.op, pair[0], pieces, 5, &header, 0);
	ck_assert_int_eq(trial_try(&trial), -EINVAL);
	for (unsigned i = 0; i < sizeof(wrong) / sizeof(*wrong); i++) {
		describe(&trial, "x", 1, wrong[i]);
		ck_assert_int_eq(trial_try(&trial), -EINVAL);
	}
	header.address_bytes = sizeof(header.address) + 1;
	describe(&trial, "x", 1, 0);
	ck_assert_int_eq(trial_try(&trial), -EINVAL);
	header.address_bytes = 0;
	header.control_bytes = 16;
	describe(&trial, "x", 1, 0);
	ck_assert_int_eq(trial_try(&trial), -EINVAL);
	header.control_bytes = 0;
	describe(&trial, "x", 1, 0);
	trial.op.flags = DUET_WHOLE;
	ck_assert_int_eq(trial_try(&trial), -EINVAL);
}
END_TEST

static const unsigned policies[] = { 0, DUET_HANDLE_TRY_NEVER, DUET_HANDLE_TRY_ALWAYS };

START_TEST(into_a_file_it_is_ENOTSOCK)
{
	struct trial trial;

	memset(&header, 0, sizeof(header));
	file_make(file_path("plain"), 100);
	pair[0] = file_open(file_path("plain"), O_RDWR);
	for (unsigned i = 0; i < 3; i++) {
		ck_assert_int_eq(duet_handle_set_flags(stage.loop, pair[0], policies[i]), 0);
		sendmsg_start(&trial, "x", 1);
		await(&trial);
		expect(&trial, -ENOTSOCK, DUET_FAILED, DUET_CAUSE_ITSELF);
	}
}
END_TEST

START_TEST(after_the_peer_closed_it_fails_without_a_signal)
{
	struct trial trial;

	open_empty();
	handle_close(pair[1]);
	for (unsigned i = 0; i < 100; i++) {
		sendmsg_start(&trial, "hello", 5);
		await(&trial);
		if (trial.op.result < 0)
			break;
	}
	ck_assert_msg(trial.op.result == -EPIPE || trial.op.result == -ECONNRESET, "%s",
		trial_text(&trial));
	ck_assert_int_eq(trial.op.disposition, DUET_FAILED);
}
END_TEST

/* ---- Control data. ---- */

static _Alignas(struct cmsghdr) unsigned char control[CMSG_SPACE(2 * sizeof(int))];

/* The writing ends of two pipes, which stay the sender's. */
static void put_pipes(int reading[2], int writing[2])
{
	int ends[2];

	for (unsigned i = 0; i < 2; i++) {
		ck_assert_int_eq(pipe2(ends, O_CLOEXEC), 0);
		reading[i] = ends[0];
		writing[i] = ends[1];
	}
	header = (struct duet_msghdr){ .control = control, .control_room_bytes = sizeof(control) };
	ck_assert_int_eq(duet_msghdr_put_descriptors(&header, writing, 3), -ENOSPC);
	ck_assert_int_eq(duet_msghdr_put_descriptors(&header, writing, 0), -ENOSPC);
	ck_assert_int_eq(duet_msghdr_put_descriptors(&header, writing, 2), 0);
}

/* Both handles of one loop: sent, received, and written into at the other end. */
static void pass_over(int type)
{
	_Alignas(struct cmsghdr) unsigned char room[CMSG_SPACE(2 * sizeof(int))];
	struct duet_msghdr received = { .control = room, .control_room_bytes = sizeof(room) };
	struct trial sending, receiving;
	int reading[2], writing[2], raw;
	unsigned count;
	const int *came;
	char byte;

	raw_unix(type, &pair[0], &raw);
	ck_assert_int_eq(duet_handle_adopt(stage.loop, raw, 0, &pair[1]), 0);
	put_pipes(reading, writing);
	trial_init(&receiving);
	duet_op_recvfrom(&receiving.op, pair[1], in, 8, &received);
	trial_start(&receiving);
	sendmsg_start(&sending, "fds", 3);
	turn_until(sending.ends && receiving.ends);
	expect(&sending, 3, DUET_COMPLETED, DUET_CAUSE_ITSELF);
	expect(&receiving, 3, DUET_COMPLETED, DUET_CAUSE_ITSELF);
	came = duet_msghdr_descriptors(&received, &count);
	ck_assert_uint_eq(count, 2);
	for (unsigned i = 0; i < 2; i++) {
		close(writing[i]);
		ck_assert_int_eq(write(came[i], &"ab"[i], 1), 1);
		close(came[i]);
		ck_assert_int_eq(read(reading[i], &byte, 1), 1);
		ck_assert_int_eq(byte, "ab"[i]);
		ck_assert_int_eq(read(reading[i], &byte, 1), 0);
		close(reading[i]);
	}
}

START_TEST(descriptors_are_passed_to_another_handle)
{
	pass_over(SOCK_STREAM);
	pass_over(SOCK_DGRAM);
	pass_over(SOCK_SEQPACKET);
}
END_TEST

/* A stream that was full when it was started: the descriptors go with its first byte, once. */
START_TEST(descriptors_of_a_send_that_waited_come_once)
{
	int reading[2], writing[2], raw, n, came = 0;
	_Alignas(struct cmsghdr) unsigned char room[64];
	struct trial trial;

	raw_unix(SOCK_STREAM, &pair[0], &raw);
	raw_shrink(duet_handle_fd(stage.loop, pair[0]));
	while (send(duet_handle_fd(stage.loop, pair[0]), in, 512, MSG_DONTWAIT) > 0)
		;
	put_pipes(reading, writing);
	sendmsg_start(&trial, "fds", 3);
	stage_settle(5);
	ck_assert_uint_eq(trial.ends, 0);
	for (;;) {
		struct iovec into = { in, sizeof(in) };
		struct msghdr message = { .msg_iov = &into, .msg_iovlen = 1, .msg_control = room,
			.msg_controllen = sizeof(room) };

		n = (int)recvmsg(raw, &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
		if (n < 0 && trial.ends)
			break;
		stage_settle(1);
		if (n < 0 || !message.msg_controllen)
			continue;
		came += 2;
		close(((int *)(void *)CMSG_DATA(CMSG_FIRSTHDR(&message)))[0]);
		close(((int *)(void *)CMSG_DATA(CMSG_FIRSTHDR(&message)))[1]);
	}
	expect(&trial, 3, DUET_COMPLETED, DUET_CAUSE_ITSELF);
	ck_assert_int_eq(came, 2);
	for (unsigned i = 0; i < 2; i++) {
		close(reading[i]);
		close(writing[i]);
	}
	close(raw);
}
END_TEST

START_TEST(urgent_data_goes_out_beside_the_stream)
{
	struct trial trial;
	char byte = 0;
	int raw;

	raw_pair(&pair[0], &raw);
	memset(&header, 0, sizeof(header));
	describe(&trial, "!", 1, MSG_OOB);
	trial_run(&trial);
	expect(&trial, 1, DUET_COMPLETED, DUET_CAUSE_ITSELF);
	sendmsg_start(&trial, "x", 1);
	await(&trial);
	ck_assert_int_eq(recv(raw, &byte, 1, MSG_OOB), 1);
	ck_assert_int_eq(byte, '!');
	raw_recv(raw, in, 1);
	ck_assert_int_eq(in[0], 'x');
	close(raw);
}
END_TEST

START_TEST(into_a_pipe_or_a_closed_stream_it_fails_whatever_the_policy)
{
	struct trial trial;
	int pipes[2], raw;

	memset(&header, 0, sizeof(header));
	for (unsigned i = 0; i < 3; i++) {
		ck_assert_int_eq(pipe2(pipes, O_CLOEXEC), 0);
		ck_assert_int_eq(duet_handle_adopt(stage.loop, pipes[1], policies[i], &pair[0]), 0);
		sendmsg_start(&trial, "x", 1);
		await(&trial);
		expect(&trial, -ENOTSOCK, DUET_FAILED, DUET_CAUSE_ITSELF);
		handle_close(pair[0]);
		close(pipes[0]);
		raw_unix(SOCK_STREAM, &pair[0], &raw);
		ck_assert_int_eq(duet_handle_set_flags(stage.loop, pair[0], policies[i]), 0);
		close(raw);
		sendmsg_start(&trial, "x", 1);
		await(&trial);
		expect(&trial, -EPIPE, DUET_FAILED, DUET_CAUSE_ITSELF);
	}
}
END_TEST

int main(void)
{
	return contract_run("sendmsg",
		CASES(it_moves_at_least_one_byte_and_says_how_many, its_pieces_go_out_in_order,
			sends_with_and_without_a_header_leave_in_one_line,
			behind_a_short_one_nothing_reaches_the_stream, it_waits_for_a_slow_reader,
			cancelled_while_it_waits_it_has_sent_nothing, a_deadline_ends_one_that_waits,
			a_close_under_one_that_waits_ends_it_first,
			a_shutdown_of_the_loop_ends_one_that_waits, it_may_end_inside_its_start,
			an_empty_one_moves_nothing_on_a_stream, what_is_asked_wrongly_is_refused,
			into_a_file_it_is_ENOTSOCK, after_the_peer_closed_it_fails_without_a_signal),
		CASES(descriptors_are_passed_to_another_handle,
			descriptors_of_a_send_that_waited_come_once,
			urgent_data_goes_out_beside_the_stream,
			into_a_pipe_or_a_closed_stream_it_fails_whatever_the_policy));
}
