/* SPDX-FileCopyrightText: The Duet authors */
/* SPDX-License-Identifier: MIT */
#include <sys/socket.h>
#include <unistd.h>

#include "tests/support/harness.h"

static duet_handle pair[2];
static unsigned char data[65536];

static void recv_start(struct trial *trial, void *to, size_t bytes, unsigned flags)
{
	trial_init(trial);
	duet_op_recv(&trial->op, pair[1], to, bytes, flags);
	trial_start(trial);
}

START_TEST(recv_waits_for_data_and_gives_what_is_there)
{
	struct trial trial;

	pair_open(pair);
	recv_start(&trial, data, sizeof(data), 0);
	stage_settle(10);
	ck_assert_uint_eq(trial.ends, 0);
	stream_send(pair[0], "hello", 5);
	await(&trial);
	ck_assert_int_ge(trial.op.result, 1);
	ck_assert_int_le(trial.op.result, 5);
	ck_assert_int_eq(trial.op.result, (int)trial.op.transferred);
	ck_assert_int_eq(trial.op.disposition, DUET_COMPLETED);
	ck_assert_mem_eq(data, "hello", (size_t)trial.op.result);
}
END_TEST

START_TEST(recv_takes_data_that_was_there_before)
{
	struct trial trial;

	pair_open(pair);
	stream_send(pair[0], "hello", 5);
	recv_start(&trial, data, 5, DUET_WHOLE);
	await(&trial);
	expect(&trial, 5, DUET_COMPLETED, DUET_CAUSE_ITSELF);
	ck_assert_mem_eq(data, "hello", 5);
}
END_TEST

START_TEST(recv_never_gives_more_than_asked_for_and_keeps_the_rest)
{
	struct trial trial;

	pair_open(pair);
	stream_send(pair[0], "hello", 5);
	memset(data, '.', 8);
	recv_start(&trial, data, 3, DUET_WHOLE);
	await(&trial);
	expect(&trial, 3, DUET_COMPLETED, DUET_CAUSE_ITSELF);
	ck_assert_mem_eq(data, "hel.....", 8);
	stream_recv(pair[1], data, 2);
	ck_assert_mem_eq(data, "lo", 2);
}
END_TEST

START_TEST(recv_exactly_gathers_pieces_until_the_buffer_is_full)
{
	struct trial trial;
	unsigned char out[1000];

	pair_open(pair);
	pattern_fill(out, sizeof(out), 0);
	recv_start(&trial, data, sizeof(out), DUET_WHOLE);
	for (unsigned i = 0; i < 10; i++) {
		stage_settle(2);
		ck_assert_uint_eq(trial.ends, 0);
		stream_send(pair[0], out + i * 100, 100);
	}
	await(&trial);
	expect(&trial, 1000, DUET_COMPLETED, DUET_CAUSE_ITSELF);
	ck_assert(pattern_holds(data, 1000, 0));
}
END_TEST

START_TEST(recv_after_the_peer_closed_gives_the_rest_and_then_0)
{
	struct trial trial;

	pair_open(pair);
	stream_send(pair[0], "hello", 5);
	handle_close(pair[0]);
	stream_recv(pair[1], data, 5);
	recv_start(&trial, data, 5, 0);
	await(&trial);
	expect(&trial, 0, DUET_COMPLETED, DUET_CAUSE_ITSELF);
}
END_TEST

START_TEST(a_close_of_the_peer_ends_a_waiting_recv_with_0)
{
	struct trial trial;

	pair_open(pair);
	recv_start(&trial, data, 5, 0);
	stage_settle(3);
	handle_close(pair[0]);
	await(&trial);
	expect(&trial, 0, DUET_COMPLETED, DUET_CAUSE_ITSELF);
}
END_TEST

START_TEST(recv_exactly_at_the_end_of_the_stream_is_partial_and_counts)
{
	struct trial trial;

	pair_open(pair);
	recv_start(&trial, data, 10, DUET_WHOLE);
	stream_send(pair[0], "hello", 5);
	handle_close(pair[0]);
	await(&trial);
	expect(&trial, 5, DUET_PARTIAL, DUET_CAUSE_ITSELF);
	ck_assert_uint_eq(trial.op.transferred, 5);
	ck_assert_mem_eq(data, "hello", 5);
}
END_TEST

START_TEST(a_half_closed_peer_still_receives)
{
	struct trial trial;

	pair_open(pair);
	trial_init(&trial);
	duet_op_shutdown(&trial.op, pair[0], SHUT_WR);
	trial_run(&trial);
	expect(&trial, 0, DUET_COMPLETED, DUET_CAUSE_ITSELF);
	recv_start(&trial, data, 1, 0);
	await(&trial);
	expect(&trial, 0, DUET_COMPLETED, DUET_CAUSE_ITSELF);
	stream_send(pair[1], "back", 4);
	stream_recv(pair[0], data, 4);
	ck_assert_mem_eq(data, "back", 4);
}
END_TEST

START_TEST(a_cancelled_recv_ends_untouched_and_the_data_goes_to_the_next)
{
	struct trial trial;

	pair_open(pair);
	recv_start(&trial, data, 5, 0);
	stage_settle(3);
	trial_cancel(&trial);
	await(&trial);
	expect(&trial, -ECANCELED, DUET_UNTOUCHED, DUET_CAUSE_CANCEL);
	stream_send(pair[0], "hello", 5);
	stream_recv(pair[1], data, 5);
	ck_assert_mem_eq(data, "hello", 5);
}
END_TEST

START_TEST(a_cancelled_recv_exactly_hands_over_the_part_that_came)
{
	struct trial trial;

	pair_open(pair);
	recv_start(&trial, data, 10, DUET_WHOLE);
	stage_settle(2);
	stream_send(pair[0], "hello", 5);
	stage_settle(20);
	trial_cancel(&trial);
	await(&trial);
	if (trial.op.result == 5) {
		expect(&trial, 5, DUET_PARTIAL, DUET_CAUSE_CANCEL);
		ck_assert_mem_eq(data, "hello", 5);
	} else {
		/* The bytes may still be on their way; then they wait for the next. */
		size_t had = trial.op.transferred;

		if (had < 5)
			stream_recv(pair[1], data + had, 5 - had);
		ck_assert_mem_eq(data, "hello", 5);
	}
	stream_send(pair[0], "again", 5);
	stream_recv(pair[1], data, 5);
	ck_assert_mem_eq(data, "again", 5);
}
END_TEST

/* Whoever wins the race between data and cancel, every byte is with one of the receives. */
START_TEST(no_byte_is_lost_between_a_cancel_and_a_result)
{
	unsigned char all[400];
	size_t total = 0;

	pair_open(pair);
	pattern_fill(data, 400, 0);
	for (unsigned round = 0; round < 40; round++) {
		struct trial recv;
		struct trial send;

		trial_init(&recv);
		duet_op_recv(&recv.op, pair[1], all + total, 10, round & 4 ? DUET_WHOLE : 0);
		trial_start(&recv);
		if (round & 1)
			stage_settle(2);
		trial_init(&send);
		duet_op_send(&send.op, pair[0], data + round * 10, 10, DUET_WHOLE);
		trial_start(&send);
		if (round & 2)
			stage_settle(1);
		trial_cancel(&recv);
		turn_until(recv.ends && send.ends);
		total += recv.op.transferred;
		ck_assert(recv.op.transferred > 0 || recv.op.result == -ECANCELED);
		if (total < (round + 1) * 10)
			stream_recv(pair[1], all + total, (round + 1) * 10 - total);
		total = (round + 1) * 10;
	}
	ck_assert(pattern_holds(all, total, 0));
}
END_TEST

START_TEST(a_recv_of_no_bytes_or_too_many_is_refused)
{
	struct trial trial;

	pair_open(pair);
	trial_init(&trial);
	duet_op_recv(&trial.op, pair[1], data, 0, 0);
	ck_assert_int_eq(trial_try(&trial), -EINVAL);
	duet_op_recv(&trial.op, pair[1], data, (size_t)DUET_TRANSFER_MAX + 1, 0);
	ck_assert_int_eq(trial_try(&trial), -EINVAL);
	duet_op_recv(&trial.op, pair[1], data, 1, DUET_MULTISHOT);
	ck_assert_int_eq(trial_try(&trial), -EINVAL);
	ck_assert(!duet_op_pending(&trial.op));
}
END_TEST

/* ---- With a raw peer. ---- */

START_TEST(data_that_came_before_the_cancel_is_handed_over_or_left_in_the_socket)
{
	int raw;

	raw_pair(&pair[1], &raw);
	for (unsigned round = 0; round < 20; round++) {
		struct trial trial;
		size_t had;

		recv_start(&trial, data, 5, 0);
		stage_settle(2);
		raw_send(raw, "hello", 5);
		trial_cancel(&trial);
		await(&trial);
		had = trial.op.transferred;
		if (had == 0)
			expect(&trial, -ECANCELED, DUET_UNTOUCHED, DUET_CAUSE_CANCEL);
		if (had < 5)
			stream_recv(pair[1], data + had, 5 - had);
		ck_assert_mem_eq(data, "hello", 5);
	}
	close(raw);
}
END_TEST

START_TEST(a_reset_of_the_peer_is_ECONNRESET)
{
	struct trial trial;
	int raw;

	raw_pair(&pair[1], &raw);
	recv_start(&trial, data, 5, 0);
	stage_settle(2);
	raw_reset(raw);
	await(&trial);
	expect(&trial, -ECONNRESET, DUET_FAILED, DUET_CAUSE_ITSELF);
}
END_TEST

START_TEST(a_reset_amid_recv_exactly_hands_over_the_part_that_came)
{
	struct trial trial;
	int raw;

	raw_pair(&pair[1], &raw);
	recv_start(&trial, data, 10, DUET_WHOLE);
	stage_settle(2);
	raw_send(raw, "hello", 5);
	stage_settle(5);
	raw_reset(raw);
	await(&trial);
	ck_assert_int_eq(trial.op.result, -ECONNRESET);
	expect(&trial, -ECONNRESET, DUET_PARTIAL, DUET_CAUSE_ITSELF);
	ck_assert_uint_eq(trial.op.transferred, 5);
	ck_assert_mem_eq(data, "hello", 5);
}
END_TEST

/* A receive stops at the urgent mark: short, and yet there is more. */
START_TEST(a_short_read_before_urgent_data_is_not_taken_for_empty)
{
	struct trial trial;
	int raw;

	raw_pair(&pair[1], &raw);
	recv_start(&trial, data, 1, 0);
	stage_settle(2);
	raw_send(raw, "abc", 3);
	ck_assert_int_eq(send(raw, "!", 1, MSG_OOB), 1);
	raw_send(raw, "def", 3);
	await(&trial);
	for (size_t had = trial.op.transferred; had < 6; had += trial.op.transferred) {
		ck_assert_int_gt(trial.op.result, 0);
		recv_start(&trial, data + had, 100, 0);
		await(&trial);
	}
	ck_assert_mem_eq(data, "abcdef", 6);
	close(raw);
}
END_TEST

/* A message with a descriptor ends a read of a unix stream: short, and yet there is more. */
START_TEST(a_short_read_before_ancillary_data_is_not_taken_for_empty)
{
	char control[CMSG_SPACE(sizeof(int))] = { 0 };
	struct iovec piece = { (char[]){ "def" }, 3 };
	struct msghdr message = { .msg_iov = &piece, .msg_iovlen = 1, .msg_control = control,
		.msg_controllen = sizeof(control) };
	struct cmsghdr *header = CMSG_FIRSTHDR(&message);
	struct trial trial;
	int raw;

	raw_unix(SOCK_STREAM, &pair[1], &raw);
	header->cmsg_level = SOL_SOCKET;
	header->cmsg_type = SCM_RIGHTS;
	header->cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(header), &raw, sizeof(int));
	raw_send(raw, "abc", 3);
	ck_assert_int_eq(sendmsg(raw, &message, 0), 3);
	raw_send(raw, "ghi", 3);
	recv_start(&trial, data, 100, 0);
	await(&trial);
	for (size_t had = trial.op.transferred; had < 9; had += trial.op.transferred) {
		ck_assert_int_gt(trial.op.result, 0);
		recv_start(&trial, data + had, 100, 0);
		await(&trial);
	}
	ck_assert_mem_eq(data, "abcdefghi", 9);
	close(raw);
}
END_TEST

START_TEST(a_datagram_is_one_receive_whatever_its_length)
{
	struct trial trial;
	int raw;

	raw_unix(SOCK_DGRAM, &pair[1], &raw);
	for (size_t i = 1; i <= 5; i++)
		raw_send(raw, "12345", i);
	for (int i = 1; i <= 5; i++) {
		recv_start(&trial, data, 100, 0);
		await(&trial);
		expect(&trial, i, DUET_COMPLETED, DUET_CAUSE_ITSELF);
	}
	close(raw);
}
END_TEST

START_TEST(recv_works_on_a_pipe)
{
	struct trial trial;
	int ends[2];

	ck_assert_int_eq(pipe(ends), 0);
	ck_assert_int_eq(duet_handle_adopt(stage.loop, ends[0], 0, &pair[1]), 0);
	recv_start(&trial, data, 100, 0);
	stage_settle(2);
	ck_assert_int_eq(write(ends[1], "hello", 5), 5);
	await(&trial);
	expect(&trial, 5, DUET_COMPLETED, DUET_CAUSE_ITSELF);
	close(ends[1]);
	recv_start(&trial, data, 100, 0);
	await(&trial);
	expect(&trial, 0, DUET_COMPLETED, DUET_CAUSE_ITSELF);
}
END_TEST

/* There is nothing to wait for, whatever the policy, and whatever an accept has found. */
START_TEST(a_listener_refuses_receives_at_once)
{
	static const unsigned policies[] = { 0, DUET_HANDLE_TRY_NEVER, DUET_HANDLE_TRY_ALWAYS };
	struct sockaddr_in address;
	struct duet_pool *pool;
	struct trial trial;
	duet_handle listener;

	ck_assert_int_eq(duet_pool_create(stage.loop, 4, 64, &pool), 0);
	listener_open(&listener, &address);
	for (unsigned i = 0; i < 9; i++) {
		ck_assert_int_eq(duet_handle_set_flags(stage.loop, listener, policies[i / 3]), 0);
		trial_init(&trial);
		duet_op_accept(&trial.op, listener, 0);
		trial_start(&trial);
		stage_settle(2);
		trial_cancel(&trial);
		await(&trial);
		trial_init(&trial);
		if (i % 3)
			duet_op_recv_pooled(&trial.op, listener, pool,
				i % 3 == 2 ? DUET_MULTISHOT : 0);
		else
			duet_op_recv(&trial.op, listener, data, 1, 0);
		trial_run(&trial);
		expect(&trial, -ENOTCONN, DUET_FAILED, DUET_CAUSE_ITSELF);
	}
}
END_TEST

int main(void)
{
	return contract_run("recv",
		CASES(recv_waits_for_data_and_gives_what_is_there,
			recv_takes_data_that_was_there_before,
			recv_never_gives_more_than_asked_for_and_keeps_the_rest,
			recv_exactly_gathers_pieces_until_the_buffer_is_full,
			recv_after_the_peer_closed_gives_the_rest_and_then_0,
			a_close_of_the_peer_ends_a_waiting_recv_with_0,
			recv_exactly_at_the_end_of_the_stream_is_partial_and_counts,
			a_half_closed_peer_still_receives,
			a_cancelled_recv_ends_untouched_and_the_data_goes_to_the_next,
			a_cancelled_recv_exactly_hands_over_the_part_that_came,
			no_byte_is_lost_between_a_cancel_and_a_result,
			a_recv_of_no_bytes_or_too_many_is_refused,
			a_listener_refuses_receives_at_once),
		CASES(data_that_came_before_the_cancel_is_handed_over_or_left_in_the_socket,
			a_reset_of_the_peer_is_ECONNRESET,
			a_reset_amid_recv_exactly_hands_over_the_part_that_came,
			a_short_read_before_urgent_data_is_not_taken_for_empty,
			a_short_read_before_ancillary_data_is_not_taken_for_empty,
			a_datagram_is_one_receive_whatever_its_length, recv_works_on_a_pipe));
}
