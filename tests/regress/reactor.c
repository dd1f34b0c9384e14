/* SPDX-FileCopyrightText: The Duet authors */
/* SPDX-License-Identifier: MIT */
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/support/harness.h"

/* What reactors got wrong: stale events, lost edges, numbers taken for identities. */

static unsigned char data[256];

/*
 * creytiv/re#266, joyent/libuv#968, redis/redis#4877, libuv/libuv#4323, tokio-rs/tokio-core#172:
 * an event of a closed descriptor reads the bytes of the connection that got its number.
 */
START_TEST(tagged_bytes_never_cross_connections_although_numbers_are_reused)
{
	for (unsigned round = 0; round < 30; round++) {
		struct trial old;
		struct trial next;
		duet_handle first;
		duet_handle second;
		int raw_first;
		int raw_second;
		int duplicate;
		int number;

		raw_unix(SOCK_STREAM, &first, &raw_first);
		number = duet_handle_fd(stage.loop, first);
		duplicate = dup(number);
		trial_init(&old);
		duet_op_recv(&old.op, first, data, 10, 0);
		trial_start(&old);
		stage_settle(2);
		raw_send(raw_first, "old", 3);
		handle_close(first);
		raw_unix(SOCK_STREAM, &second, &raw_second);
		raw_send(raw_second, "new", 3);
		trial_init(&next);
		duet_op_recv(&next.op, second, data + 20, 10, 0);
		trial_run(&next);
		expect(&next, 3, DUET_COMPLETED, DUET_CAUSE_ITSELF);
		ck_assert_mem_eq(data + 20, "new", 3);
		ck_assert_uint_eq(old.ends, 1);
		if (old.op.result > 0)
			ck_assert_mem_eq(data, "old", 3);
		handle_close(second);
		close(duplicate);
		close(raw_first);
		close(raw_second);
	}
}
END_TEST

/* pjsip/pjproject#3018 and #3158: a waiter cancelled after the edge, and nobody re-arms. */
START_TEST(an_edge_whose_waiter_was_cancelled_is_not_lost)
{
	duet_handle handle;
	int raw;

	raw_unix(SOCK_STREAM, &handle, &raw);
	for (unsigned round = 0; round < 12; round++) {
		struct trial poll;
		struct trial recv;
		size_t had;

		trial_init(&recv);
		duet_op_recv(&recv.op, handle, data, 3, 0);
		trial_start(&recv);
		trial_init(&poll);
		duet_op_poll(&poll.op, handle, POLLIN);
		trial_start(&poll);
		stage_settle(round % 3);
		raw_send(raw, "abc", 3);
		trial_cancel(&recv);
		turn_until(recv.ends);
		had = recv.op.transferred;
		if (had < 3) {
			await(&poll);
			ck_assert_int_eq(poll.op.result & POLLIN, POLLIN);
			stream_recv(handle, data + had, 3 - had);
		} else {
			trial_cancel(&poll);
			await(&poll);
		}
		ck_assert_mem_eq(data, "abc", 3);
	}
	close(raw);
}
END_TEST

/* ponylang/ponyc#1564: one direction's event disarms the other. */
START_TEST(the_directions_of_a_handle_do_not_disarm_each_other)
{
	unsigned char *out = malloc(STUCK_BYTES);
	unsigned char *in = malloc(STUCK_BYTES);
	duet_handle pair[2];
	struct trial stuck;
	struct trial recv;

	pair_open(pair);
	pattern_fill(out, STUCK_BYTES, 0);
	trial_init(&recv);
	duet_op_recv(&recv.op, pair[0], data, 5, DUET_WHOLE);
	trial_start(&recv);
	trial_stick(&stuck, pair[0], out);
	for (unsigned i = 0; i < 5; i++)
		stream_send(pair[1], "h", 1);
	await(&recv);
	expect(&recv, 5, DUET_COMPLETED, DUET_CAUSE_ITSELF);
	stream_recv(pair[1], in, STUCK_BYTES);
	await(&stuck);
	expect(&stuck, (int)STUCK_BYTES, DUET_COMPLETED, DUET_CAUSE_ITSELF);
	ck_assert(pattern_holds(in, STUCK_BYTES, 0));
	free(out);
	free(in);
}
END_TEST

/* socketry/io-event#71, nanovms/nanos#1178: registered by number, and the number comes again. */
START_TEST(a_number_that_was_closed_can_be_given_to_the_loop_again)
{
	int number = -1;

	for (unsigned round = 0; round < 50; round++) {
		struct trial recv;
		duet_handle handle;
		int raw;

		raw_unix(SOCK_STREAM, &handle, &raw);
		if (number >= 0)
			ck_assert_int_eq(duet_handle_fd(stage.loop, handle), number);
		number = duet_handle_fd(stage.loop, handle);
		trial_init(&recv);
		duet_op_recv(&recv.op, handle, data, 1, 0);
		trial_start(&recv);
		stage_settle(1);
		raw_send(raw, "x", 1);
		await(&recv);
		expect(&recv, 1, DUET_COMPLETED, DUET_CAUSE_ITSELF);
		if (round & 1) {
			ck_assert_int_eq(duet_handle_release(stage.loop, handle), number);
			close(number);
		} else {
			handle_close(handle);
		}
		close(raw);
	}
}
END_TEST

/* netty/netty-incubator-transport-io_uring#194: a late removal hits the number's new owner. */
START_TEST(a_released_descriptor_can_be_adopted_again_at_once)
{
	duet_handle handle;
	int raw;

	raw_unix(SOCK_STREAM, &handle, &raw);
	for (unsigned round = 0; round < 20; round++) {
		struct trial recv;
		int fd;

		trial_init(&recv);
		duet_op_recv(&recv.op, handle, data, 1, 0);
		trial_start(&recv);
		stage_settle(2);
		trial_cancel(&recv);
		await(&recv);
		fd = duet_handle_release(stage.loop, handle);
		ck_assert_int_ge(fd, 0);
		ck_assert_int_eq(duet_handle_adopt(stage.loop, fd, 0, &handle), 0);
		trial_init(&recv);
		duet_op_recv(&recv.op, handle, data, 1, 0);
		trial_start(&recv);
		stage_settle(2);
		raw_send(raw, "x", 1);
		await(&recv);
		expect(&recv, 1, DUET_COMPLETED, DUET_CAUSE_ITSELF);
	}
	close(raw);
}
END_TEST

int main(void)
{
	return contract_run("reactor", CASES(the_directions_of_a_handle_do_not_disarm_each_other),
		CASES(tagged_bytes_never_cross_connections_although_numbers_are_reused,
			an_edge_whose_waiter_was_cancelled_is_not_lost,
			a_number_that_was_closed_can_be_given_to_the_loop_again,
			a_released_descriptor_can_be_adopted_again_at_once));
}
