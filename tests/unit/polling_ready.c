/* SPDX-FileCopyrightText: The Duet authors */
/* SPDX-License-Identifier: MIT */
#include "tests/unit/polling_loop.h"

/* What is known of a direction, and what changes it. */

static char data[64];
static char also[64];

static unsigned ends;
static int result;

static void ended(struct duet_op *op)
{
	ends++;
	result = op->result;
}

static void recv_start(struct duet_loop *loop, struct duet_op *op, duet_handle handle, size_t bytes)
{
	duet_op_init(op, ended, NULL);
	duet_op_recv(op, handle, data, bytes, 0);
	ck_assert_int_eq(duet_op_start(loop, op), 0);
}

START_TEST(a_short_receive_says_empty_only_where_nothing_else_stops_it)
{
	static const struct {
		enum core_class slot_class;
		unsigned flags;
		uint32_t ready;
		size_t n;
		bool empty;
	} rows[] = {
		{ CLASS_TCP, 0, READY, 5, true },
		{ CLASS_TCP, 0, READY, 64, false },
		{ CLASS_TCP, 0, READY | LASTING, 5, false },
		{ CLASS_TCP, DUET_HANDLE_TRY_ALWAYS, READY, 5, false },
		{ CLASS_UNIX_STREAM, 0, READY, 5, false },
		{ CLASS_UNIX_STREAM, DUET_HANDLE_NO_ANCILLARY, READY, 5, true },
		{ CLASS_UNIX_STREAM, DUET_HANDLE_NO_ANCILLARY, READY | LASTING, 5, false },
		{ CLASS_DATAGRAM, DUET_HANDLE_NO_ANCILLARY, READY, 5, false },
		{ CLASS_OTHER, DUET_HANDLE_NO_ANCILLARY, READY, 5, false },
	};
	struct duet_loop loop = { .try_first = DUET_TRY_PREDICT };

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct duet_slot slot = { .slot_class = (uint8_t)rows[i].slot_class,
			.flags = (uint8_t)rows[i].flags,
			.ready = rows[i].ready };

		polling_note_received(&loop, &slot, rows[i].n, 64);
		ck_assert_msg(!!(slot.ready & EMPTY) == rows[i].empty, "row %zu", i);
		ck_assert_msg(!!(slot.ready & READY) == !rows[i].empty, "row %zu", i);
	}
}
END_TEST

START_TEST(an_attempt_is_due_while_held_and_not_empty)
{
	struct duet_slot slot = { .ready = 0 };

	ck_assert_uint_eq(polling_dues(&slot), 0);
	slot.ready = HELD;
	ck_assert_uint_eq(polling_dues(&slot), HELD);
	slot.ready = HELD | EMPTY | HELD << DIRECTION_WRITE;
	ck_assert_uint_eq(polling_dues(&slot), HELD << DIRECTION_WRITE);
	polling_note_ready(&slot, DIRECTION_READ);
	ck_assert_uint_eq(polling_dues(&slot), HELD | HELD << DIRECTION_WRITE);
	polling_note_empty(&slot, DIRECTION_WRITE);
	ck_assert_uint_eq(polling_dues(&slot), HELD);
}
END_TEST

START_TEST(a_handle_is_registered_once_and_not_before_it_waits)
{
	struct duet_loop *loop = polling_loop(NULL, DUET_TRY_PREDICT, 16);
	struct duet_op op;
	int raw;
	duet_handle handle = connection(loop, AF_INET, 0, &raw);

	say(raw, "here");
	recv_start(loop, &op, handle, 64);
	turns(loop, 1);
	ck_assert_uint_eq(ends, 1);
	ck_assert_uint_eq(stats_of(loop).registrations, 0);
	for (int i = 0; i < 10; i++) {
		recv_start(loop, &op, handle, 64);
		turns(loop, 1);
		say(raw, "more");
		turns(loop, 2);
	}
	ck_assert_uint_eq(ends, 11);
	ck_assert_uint_eq(stats_of(loop).registrations, 1);
	ck_assert_uint_eq(stats_of(loop).wasted, 0);
	close(raw);
	loop_end(loop);
}
END_TEST

START_TEST(a_receive_that_filled_its_memory_is_followed_by_an_attempt)
{
	struct duet_loop *loop = polling_loop(NULL, DUET_TRY_PREDICT, 16);
	struct duet_op op;
	int raw;
	duet_handle handle = connection(loop, AF_INET, 0, &raw);

	say(raw, "onetwo");
	recv_start(loop, &op, handle, 3);
	turns(loop, 1);
	ck_assert(!(slot_of(loop, handle)->ready & EMPTY));
	recv_start(loop, &op, handle, 3);
	turns(loop, 1);
	ck_assert_uint_eq(ends, 2);
	recv_start(loop, &op, handle, 3);
	turns(loop, 1);
	ck_assert(slot_of(loop, handle)->ready & EMPTY);
	ck_assert_uint_eq(stats_of(loop).wasted, 1);
	duet_op_cancel(&op);
	turns(loop, 1);
	close(raw);
	loop_end(loop);
}
END_TEST

START_TEST(policies_differ_in_attempts_that_find_nothing)
{
	static const uint64_t wasted[] = { [DUET_TRY_PREDICT] = 1, [DUET_TRY_NEVER] = 0,
		[DUET_TRY_ALWAYS] = 3 };

	for (enum duet_try policy = DUET_TRY_PREDICT; policy <= DUET_TRY_ALWAYS; policy++) {
		struct duet_loop *loop = polling_loop(NULL, policy, 16);
		struct duet_op op;
		int raw;
		duet_handle handle = connection(loop, AF_INET, 0, &raw);

		for (int i = 0; i < 3; i++) {
			recv_start(loop, &op, handle, 64);
			turns(loop, 2);
			duet_op_cancel(&op);
			turns(loop, 1);
			ck_assert_int_eq(result, -ECANCELED);
		}
		ck_assert_uint_eq(stats_of(loop).wasted, wasted[policy]);
		recv_start(loop, &op, handle, 64);
		turns(loop, 1);
		say(raw, "here");
		turns(loop, 2);
		ck_assert_int_eq(result, 4);
		close(raw);
		loop_end(loop);
	}
}
END_TEST

/* The kernel tells of an edge once. */
START_TEST(a_woken_waiter_that_is_cancelled_leaves_the_edge)
{
	struct duet_loop *loop = polling_loop(NULL, DUET_TRY_NEVER, 16);
	struct duet_op first, second;
	int raw;
	duet_handle handle = connection(loop, AF_INET, 0, &raw);

	recv_start(loop, &first, handle, 64);
	turns(loop, 1);
	duet_op_cancel(&first);
	turns(loop, 1);
	say(raw, "edge");
	turns(loop, 1);
	ck_assert(slot_of(loop, handle)->ready & READY);
	recv_start(loop, &first, handle, 64);
	duet_op_init(&second, ended, NULL);
	duet_op_recv(&second, handle, also, 64, 0);
	ck_assert_int_eq(duet_op_start(loop, &second), 0);
	duet_op_cancel(&first);
	turns(loop, 1);
	ck_assert_int_eq(second.result, 4);
	ck_assert_uint_eq(ends, 3);
	close(raw);
	loop_end(loop);
}
END_TEST

START_TEST(a_cancel_before_the_turn_finds_that_nothing_was_attempted)
{
	struct duet_loop *loop = polling_loop(NULL, DUET_TRY_PREDICT, 16);
	struct duet_op op;
	int raw;
	duet_handle handle = connection(loop, AF_INET, 0, &raw);
	uint64_t calls;

	say(raw, "here");
	calls = stats_of(loop).system_calls;
	recv_start(loop, &op, handle, 64);
	duet_op_cancel(&op);
	ck_assert_uint_eq(stats_of(loop).system_calls, calls);
	turns(loop, 1);
	ck_assert_int_eq(result, -ECANCELED);
	ck_assert_int_eq(recv(duet_handle_fd(loop, handle), data, 64, MSG_DONTWAIT), 4);
	close(raw);
	loop_end(loop);
}
END_TEST

START_TEST(an_end_of_stream_behind_a_short_receive_is_found)
{
	struct duet_loop *loop = polling_loop(NULL, DUET_TRY_PREDICT, 16);
	struct duet_op op;
	int raw;
	duet_handle handle = connection(loop, AF_INET, 0, &raw);

	recv_start(loop, &op, handle, 64);
	turns(loop, 1);
	say(raw, "last");
	close(raw);
	turns(loop, 2);
	ck_assert_int_eq(result, 4);
	ck_assert(slot_of(loop, handle)->ready & LASTING);
	recv_start(loop, &op, handle, 64);
	turns(loop, 1);
	ck_assert_uint_eq(ends, 2);
	ck_assert_int_eq(result, 0);
	loop_end(loop);
}
END_TEST

int main(void)
{
	return plain_run("polling_ready",
		CASES(a_short_receive_says_empty_only_where_nothing_else_stops_it,
			an_attempt_is_due_while_held_and_not_empty,
			a_handle_is_registered_once_and_not_before_it_waits,
			a_receive_that_filled_its_memory_is_followed_by_an_attempt,
			policies_differ_in_attempts_that_find_nothing,
			a_woken_waiter_that_is_cancelled_leaves_the_edge,
			a_cancel_before_the_turn_finds_that_nothing_was_attempted,
			an_end_of_stream_behind_a_short_receive_is_found));
}
