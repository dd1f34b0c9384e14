/* SPDX-FileCopyrightText: The Duet authors */
/* SPDX-License-Identifier: MIT */
#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/support/harness.h"

/* R7: close is an operation. It asks for the end of what is pending, waits for it, then closes. */

static duet_handle pair[2];
static unsigned char data[64];

static void recv_start(struct trial *trial, duet_handle handle)
{
	trial_init(trial);
	duet_op_recv(&trial->op, handle, trial->own, 5, 0);
	trial_start(trial);
}

static void close_start(struct trial *trial, duet_handle handle)
{
	trial_init(trial);
	duet_op_close(&trial->op, handle);
	trial_start(trial);
}

START_TEST(close_of_an_idle_handle_ends_with_0_and_the_peer_sees_the_end)
{
	struct trial trial;
	struct trial closing;

	pair_open(pair);
	close_start(&closing, pair[0]);
	await(&closing);
	expect(&closing, 0, DUET_COMPLETED, DUET_CAUSE_ITSELF);
	recv_start(&trial, pair[1]);
	await(&trial);
	expect(&trial, 0, DUET_COMPLETED, DUET_CAUSE_ITSELF);
}
END_TEST

START_TEST(what_is_pending_ends_first_with_cause_close)
{
	struct trial receives[4];
	struct trial poll;
	struct trial closing;

	pair_open(pair);
	for (unsigned i = 0; i < 4; i++)
		recv_start(&receives[i], pair[1]);
	trial_init(&poll);
	duet_op_poll(&poll.op, pair[1], 1);
	trial_start(&poll);
	stage_settle(3);
	close_start(&closing, pair[1]);
	await(&closing);
	expect(&closing, 0, DUET_COMPLETED, DUET_CAUSE_ITSELF);
	for (unsigned i = 0; i < 4; i++) {
		expect(&receives[i], -ECANCELED, DUET_UNTOUCHED, DUET_CAUSE_CLOSE);
		ck_assert_uint_lt(receives[i].rank, closing.rank);
	}
	expect(&poll, -ECANCELED, DUET_UNTOUCHED, DUET_CAUSE_CLOSE);
	ck_assert_uint_lt(poll.rank, closing.rank);
}
END_TEST

START_TEST(a_close_in_the_same_turn_as_the_start_drains_too)
{
	struct trial recv;
	struct trial closing;

	pair_open(pair);
	recv_start(&recv, pair[1]);
	close_start(&closing, pair[1]);
	await(&closing);
	expect(&recv, -ECANCELED, DUET_UNTOUCHED, DUET_CAUSE_CLOSE);
	ck_assert_uint_lt(recv.rank, closing.rank);
}
END_TEST

START_TEST(a_stuck_send_says_what_went_out_before_the_close)
{
	unsigned char *big = malloc(STUCK_BYTES);
	struct trial stuck;
	struct trial behind;
	struct trial last;
	struct trial closing;

	pair_open(pair);
	trial_stick(&stuck, pair[0], memset(big, 1, STUCK_BYTES));
	trial_init(&behind);
	duet_op_send(&behind.op, pair[0], "x", 1, 0);
	trial_start(&behind);
	trial_init(&last);
	duet_op_shutdown(&last.op, pair[0], SHUT_WR);
	trial_start(&last);
	close_start(&closing, pair[0]);
	await(&closing);
	ck_assert_int_eq(stuck.op.disposition, DUET_PARTIAL);
	ck_assert_int_eq(stuck.op.cause, DUET_CAUSE_CLOSE);
	expect(&behind, -ECANCELED, DUET_UNTOUCHED, DUET_CAUSE_CLOSE);
	expect(&last, -ECANCELED, DUET_UNTOUCHED, DUET_CAUSE_CLOSE);
	ck_assert_uint_gt(closing.rank, stuck.rank);
	ck_assert_uint_gt(closing.rank, behind.rank);
	free(big);
}
END_TEST

START_TEST(a_closing_handle_accepts_nothing_more)
{
	struct trial recv;
	struct trial closing;
	struct trial late;

	pair_open(pair);
	recv_start(&recv, pair[1]);
	stage_settle(2);
	close_start(&closing, pair[1]);
	trial_init(&late);
	duet_op_recv(&late.op, pair[1], data, 5, 0);
	ck_assert_int_eq(trial_try(&late), -EBADF);
	duet_op_close(&late.op, pair[1]);
	ck_assert_int_eq(trial_try(&late), -EBADF);
	await(&closing);
	duet_op_close(&late.op, pair[1]);
	ck_assert_int_eq(trial_try(&late), -EBADF);
}
END_TEST

START_TEST(close_cannot_be_cancelled)
{
	struct trial recv;
	struct trial closing;

	pair_open(pair);
	recv_start(&recv, pair[1]);
	close_start(&closing, pair[1]);
	trial_cancel(&closing);
	stage_settle(1);
	trial_cancel(&closing);
	await(&closing);
	expect(&closing, 0, DUET_COMPLETED, DUET_CAUSE_ITSELF);
}
END_TEST

START_TEST(the_earliest_request_is_the_cause)
{
	struct trial recv;
	struct trial closing;

	pair_open(pair);
	recv_start(&recv, pair[1]);
	stage_settle(2);
	trial_cancel(&recv);
	close_start(&closing, pair[1]);
	await(&closing);
	expect(&recv, -ECANCELED, DUET_UNTOUCHED, DUET_CAUSE_CANCEL);
}
END_TEST

START_TEST(bytes_that_came_before_the_close_are_handed_over_or_gone_with_the_handle)
{
	struct trial recv;
	struct trial send;
	struct trial closing;

	for (unsigned round = 0; round < 10; round++) {
		pair_open(pair);
		recv_start(&recv, pair[1]);
		stage_settle(round & 1);
		trial_init(&send);
		duet_op_send(&send.op, pair[0], "hello", 5, DUET_WHOLE);
		trial_start(&send);
		stage_settle(round & 2);
		close_start(&closing, pair[1]);
		turn_until(closing.ends && send.ends);
		ck_assert_uint_eq(recv.ends, 1);
		if (recv.op.result < 0)
			expect(&recv, -ECANCELED, DUET_UNTOUCHED, DUET_CAUSE_CLOSE);
		else
			ck_assert_mem_eq(recv.own, "hello", recv.op.transferred);
		handle_close(pair[0]);
	}
}
END_TEST

static void close_own(struct trial *trial)
{
	close_start(trial->context, trial->op.handle);
}

START_TEST(a_handle_may_be_closed_in_the_callback_of_its_own_receive)
{
	struct trial closing = { .ends = 0 };
	struct trial recv;

	pair_open(pair);
	recv_start(&recv, pair[1]);
	recv.then = close_own;
	recv.context = &closing;
	stream_send(pair[0], "hello", 5);
	await(&closing);
	expect(&closing, 0, DUET_COMPLETED, DUET_CAUSE_ITSELF);
}
END_TEST

START_TEST(a_listener_closes_under_its_accepts)
{
	struct trial single;
	struct trial closing;
	duet_handle listener;
	struct sockaddr_in address;

	listener_open(&listener, &address);
	trial_init(&single);
	duet_op_accept(&single.op, listener, DUET_MULTISHOT);
	trial_start(&single);
	stage_settle(3);
	close_start(&closing, listener);
	await(&closing);
	expect(&single, -ECANCELED, DUET_UNTOUCHED, DUET_CAUSE_CLOSE);
	listener_open(&listener, &address);
	handle_close(listener);
}
END_TEST

/* A loop without room for another operation must still get rid of its handles. */
START_TEST(a_full_loop_can_close)
{
	struct duet_loop_options options;
	struct trial polls[8];
	struct trial closings[2];
	struct trial extra;

	duet_loop_options_init(&options);
	options.operations_max = 8;
	stage_reopen(&options, NULL);
	pair_open(pair);
	for (unsigned i = 0; i < 8; i++) {
		trial_init(&polls[i]);
		duet_op_poll(&polls[i].op, pair[i & 1], 1);
		trial_start(&polls[i]);
	}
	trial_init(&extra);
	duet_op_nop(&extra.op);
	ck_assert_int_eq(trial_try(&extra), -ENOBUFS);
	close_start(&closings[0], pair[0]);
	close_start(&closings[1], pair[1]);
	turn_until(closings[0].ends && closings[1].ends);
	for (unsigned i = 0; i < 8; i++)
		ck_assert_uint_eq(polls[i].ends, 1);
	for (unsigned i = 0; i < 2; i++)
		expect(&closings[i], 0, DUET_COMPLETED, DUET_CAUSE_ITSELF);
	trial_run(&extra);
	expect(&extra, 0, DUET_COMPLETED, DUET_CAUSE_ITSELF);
}
END_TEST

START_TEST(the_descriptor_is_closed_when_the_close_ends)
{
	struct trial closing;
	int raw;
	int fd;

	raw_pair(&pair[1], &raw);
	fd = duet_handle_fd(stage.loop, pair[1]);
	close_start(&closing, pair[1]);
	await(&closing);
	ck_assert_int_eq(close(fd), -1);
	ck_assert_int_eq(errno, EBADF);
	ck_assert_int_eq(duet_handle_fd(stage.loop, pair[1]), -EBADF);
	ck_assert_int_eq(recv(raw, data, 1, 0), 0);
	close(raw);
}
END_TEST

/* ---- Who is closed under still finds the descriptor open. ---- */

static int peer;

static bool hung_up(void)
{
	struct pollfd asked = { .fd = peer, .events = POLLRDHUP };

	return poll(&asked, 1, 0) == 1;
}

static void look_at_descriptor(struct trial *trial)
{
	int *fd = trial->context;

	ck_assert_int_eq(trial->op.cause, DUET_CAUSE_CLOSE);
	ck_assert_int_eq(duet_handle_fd(stage.loop, trial->op.handle), *fd);
	ck_assert_int_ge(fcntl(*fd, F_GETFD), 0);
	ck_assert(!hung_up());
}

static void close_inside(struct trial *trial)
{
	close_start(trial->context, pair[1]);
}

/* From outside of a turn, and out of a callback; with DUET_INLINE as well. */
START_TEST(a_close_is_carried_out_when_those_it_ended_were_told)
{
	for (unsigned round = 0; round < 4; round++) {
		struct trial recv, closing, nop;
		int fd;

		raw_unix(SOCK_STREAM, &pair[1], &peer);
		fd = duet_handle_fd(stage.loop, pair[1]);
		recv_start(&recv, pair[1]);
		recv.then = look_at_descriptor;
		recv.context = &fd;
		stage_settle(2);
		if (round & 1) {
			trial_init(&nop);
			nop.then = close_inside;
			nop.context = &closing;
			duet_op_nop(&nop.op);
			trial_start(&nop);
			await(&nop);
		} else {
			trial_init(&closing);
			duet_op_close(&closing.op, pair[1]);
			if (round & 2)
				duet_op_inline(&closing.op);
			ck_assert_int_eq(trial_try(&closing), 0);
			ck_assert(!hung_up());
		}
		await(&closing);
		expect(&closing, 0, DUET_COMPLETED, DUET_CAUSE_ITSELF);
		ck_assert_uint_eq(recv.ends, 1);
		ck_assert(hung_up());
		close(peer);
	}
}
END_TEST

START_TEST(a_handle_is_released_when_its_operations_were_told)
{
	struct trial recv;
	int raw;
	int fd;

	raw_unix(SOCK_STREAM, &pair[1], &raw);
	fd = duet_handle_fd(stage.loop, pair[1]);
	recv_start(&recv, pair[1]);
	stage_settle(2);
	trial_cancel(&recv);
	ck_assert_int_eq(duet_op_pending(&recv.op), 1);
	ck_assert_int_eq(duet_handle_release(stage.loop, pair[1]), -EBUSY);
	await(&recv);
	ck_assert_int_eq(duet_handle_release(stage.loop, pair[1]), fd);
	close(fd);
	close(raw);
}
END_TEST

int main(void)
{
	return contract_run("close",
		CASES(close_of_an_idle_handle_ends_with_0_and_the_peer_sees_the_end,
			what_is_pending_ends_first_with_cause_close,
			a_close_in_the_same_turn_as_the_start_drains_too,
			a_stuck_send_says_what_went_out_before_the_close,
			a_closing_handle_accepts_nothing_more, close_cannot_be_cancelled,
			the_earliest_request_is_the_cause,
			bytes_that_came_before_the_close_are_handed_over_or_gone_with_the_handle,
			a_handle_may_be_closed_in_the_callback_of_its_own_receive,
			a_listener_closes_under_its_accepts, a_full_loop_can_close),
		CASES(the_descriptor_is_closed_when_the_close_ends,
			a_close_is_carried_out_when_those_it_ended_were_told,
			a_handle_is_released_when_its_operations_were_told));
}
