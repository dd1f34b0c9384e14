/* SPDX-FileCopyrightText: The Duet authors */
/* SPDX-License-Identifier: MIT */
#include "tests/support/harness.h"

/* R15: a stream of buffers, asked again when its waker rings. */

static duet_handle pair[2];
static unsigned char data[4096];

struct bell {
	struct duet_waker waker;
	unsigned rings;
};

static void ring(struct duet_waker *waker)
{
	((struct bell *)waker)->rings++;
}

static struct bell bell(void)
{
	return (struct bell){ .waker.wake = ring };
}

START_TEST(a_stream_gives_all_bytes_in_order_and_then_the_end)
{
	struct duet_pool *pool;
	struct duet_stream stream;
	struct duet_buffer buffer;
	struct bell one = bell();
	size_t total = 0;

	ck_assert_int_eq(duet_pool_create(stage.loop, 8, 64, &pool), 0);
	pair_open(pair);
	pattern_fill(data, 2000, 0);
	duet_stream_init(&stream, pair[1], pool);
	ck_assert_int_eq(duet_stream_next(stage.loop, &stream, &one.waker, &buffer), DUET_PENDING);
	for (unsigned i = 0; i < 4; i++)
		stream_send(pair[0], data + i * 500, 500);
	handle_close(pair[0]);
	for (;;) {
		turn_until(duet_stream_next(stage.loop, &stream, &one.waker, &buffer) == DUET_READY);
		if (buffer.length_bytes == 0)
			break;
		ck_assert(pattern_holds(buffer.data, buffer.length_bytes, total));
		total += buffer.length_bytes;
		ck_assert_int_eq(duet_buffer_return(stage.loop, &buffer), 0);
	}
	ck_assert_uint_eq(total, 2000);
	ck_assert_int_eq(stream.op.result, 0);
	ck_assert_uint_eq(duet_pool_free_count(pool), 8);
}
END_TEST

START_TEST(a_cancelled_stream_gives_what_came_and_then_its_end)
{
	struct duet_pool *pool;
	struct duet_stream stream;
	struct duet_buffer buffer;
	struct bell one = bell();
	size_t total = 0;

	ck_assert_int_eq(duet_pool_create(stage.loop, 8, 64, &pool), 0);
	pair_open(pair);
	duet_stream_init(&stream, pair[1], pool);
	duet_stream_next(stage.loop, &stream, &one.waker, &buffer);
	stream_send(pair[0], "hello", 5);
	duet_op_cancel(&stream.op);
	for (;;) {
		turn_until(duet_stream_next(stage.loop, &stream, &one.waker, &buffer) == DUET_READY);
		if (buffer.length_bytes == 0)
			break;
		total += buffer.length_bytes;
		ck_assert_int_eq(duet_buffer_return(stage.loop, &buffer), 0);
	}
	ck_assert_int_eq(stream.op.result, -ECANCELED);
	if (total < 5)
		stream_recv(pair[1], data, 5 - total);
}
END_TEST

START_TEST(a_stream_whose_start_is_refused_has_ended_with_the_refusal)
{
	struct duet_buffer buffer = { .length_bytes = 1 };
	struct duet_pool *pool;
	struct duet_stream stream;
	struct bell one = bell();
	duet_handle none = DUET_HANDLE_NONE;

	ck_assert_int_eq(duet_pool_create(stage.loop, 8, 64, &pool), 0);
	duet_stream_init(&stream, none, pool);
	for (unsigned i = 0; i < 3; i++) {
		ck_assert_int_eq(duet_stream_next(stage.loop, &stream, &one.waker, &buffer),
			DUET_READY);
		ck_assert_uint_eq(buffer.length_bytes, 0);
		ck_assert_int_eq(stream.op.result, -EBADF);
		ck_assert_int_eq(stream.op.disposition, DUET_FAILED);
		stage_settle(1);
	}
	ck_assert_uint_eq(one.rings, 0);
}
END_TEST

/* ---- A stream whose reader is slower than its peer. ---- */

#define MESSAGE_BYTES 10

struct sleeper {
	struct duet_stream stream;
	struct duet_pool *pool;
	struct bell bell;
	size_t sent;
	size_t read;
};

static void sleeper_open(struct sleeper *sleeper)
{
	struct duet_buffer buffer;

	*sleeper = (struct sleeper){ .bell = bell() };
	ck_assert_int_eq(duet_pool_create(stage.loop, 64, 64, &sleeper->pool), 0);
	pair_open(pair);
	duet_stream_init(&sleeper->stream, pair[1], sleeper->pool);
	ck_assert_int_eq(duet_stream_next(stage.loop, &sleeper->stream, &sleeper->bell.waker,
				 &buffer), DUET_PENDING);
}

/* One message, and time for it to arrive by itself. */
static void sleeper_send(struct sleeper *sleeper)
{
	pattern_fill(data, MESSAGE_BYTES, sleeper->sent);
	stream_send(pair[0], data, MESSAGE_BYTES);
	sleeper->sent += MESSAGE_BYTES;
	stage_settle(2);
}

static void sleeper_pause(struct sleeper *sleeper)
{
	for (unsigned i = 0; i < 3 * DUET_STREAM_UNREAD_MAX; i++)
		sleeper_send(sleeper);
	ck_assert_uint_eq(sleeper->stream.unread, DUET_STREAM_UNREAD_MAX);
	ck_assert(duet_op_pending(&sleeper->stream.op));
}

/* Reads to the end of the stream: how it ended. */
static int sleeper_wake(struct sleeper *sleeper)
{
	struct duet_stream *stream = &sleeper->stream;
	struct duet_buffer buffer;

	for (;;) {
		turn_until(duet_stream_next(stage.loop, stream, &sleeper->bell.waker, &buffer) ==
			   DUET_READY);
		if (buffer.length_bytes == 0)
			break;
		ck_assert(pattern_holds(buffer.data, buffer.length_bytes, sleeper->read));
		sleeper->read += buffer.length_bytes;
		ck_assert_int_eq(duet_buffer_return(stage.loop, &buffer), 0);
	}
	ck_assert(!duet_op_pending(&stream->op));
	ck_assert_uint_eq(duet_pool_free_count(sleeper->pool), 64);
	return stream->op.result;
}

static void expect_stopped(const struct sleeper *sleeper, int result, enum duet_cause cause)
{
	ck_assert_int_eq(sleeper->stream.op.result, result);
	ck_assert_int_eq(sleeper->stream.op.disposition, DUET_UNTOUCHED);
	ck_assert_str_eq(duet_cause_name(sleeper->stream.op.cause), duet_cause_name(cause));
}

START_TEST(a_stream_waits_for_a_reader_that_sleeps_and_loses_nothing)
{
	struct sleeper sleeper;

	sleeper_open(&sleeper);
	for (unsigned i = 0; i < 100; i++) {
		sleeper_send(&sleeper);
		ck_assert_uint_le(64 - duet_pool_free_count(sleeper.pool), DUET_STREAM_UNREAD_MAX);
	}
	handle_close(pair[0]);
	ck_assert_int_eq(sleeper_wake(&sleeper), 0);
	ck_assert_uint_eq(sleeper.read, 100 * MESSAGE_BYTES);
}
END_TEST

START_TEST(a_stream_goes_on_however_often_its_reader_sleeps)
{
	struct sleeper sleeper;
	struct duet_buffer buffer;

	sleeper_open(&sleeper);
	for (unsigned round = 0; round < 10; round++) {
		for (unsigned i = 0; i < 20; i++)
			sleeper_send(&sleeper);
		for (unsigned i = 0; i < round; i++) {
			turn_until(duet_stream_next(stage.loop, &sleeper.stream, &sleeper.bell.waker,
					   &buffer) == DUET_READY);
			ck_assert(pattern_holds(buffer.data, buffer.length_bytes, sleeper.read));
			sleeper.read += buffer.length_bytes;
			ck_assert_int_eq(duet_buffer_return(stage.loop, &buffer), 0);
		}
	}
	handle_close(pair[0]);
	ck_assert_int_eq(sleeper_wake(&sleeper), 0);
	ck_assert_uint_eq(sleeper.read, 200 * MESSAGE_BYTES);
}
END_TEST

/* All is there when the stream begins: the kernel of a ring doesn't hear of the stop at once. */
START_TEST(a_stream_that_stops_in_a_burst)
{
	struct sleeper sleeper = { .bell = bell(), .sent = 40 * 64 };
	struct duet_buffer buffer;

	ck_assert_int_eq(duet_pool_create(stage.loop, 64, 64, &sleeper.pool), 0);
	pair_open(pair);
	pattern_fill(data, sleeper.sent, 0);
	stream_send(pair[0], data, sleeper.sent);
	stage_settle(3);
	duet_stream_init(&sleeper.stream, pair[1], sleeper.pool);
	duet_stream_next(stage.loop, &sleeper.stream, &sleeper.bell.waker, &buffer);
	turn_until(sleeper.stream.unread >= DUET_STREAM_UNREAD_MAX);
	stage_settle(5);
	if (!stage.arm->ring)
		ck_assert_uint_eq(sleeper.stream.unread, DUET_STREAM_UNREAD_MAX);
	handle_close(pair[0]);
	ck_assert_int_eq(sleeper_wake(&sleeper), 0);
	ck_assert_uint_eq(sleeper.read, sleeper.sent);
}
END_TEST

START_TEST(a_cancel_ends_a_paused_stream)
{
	struct sleeper sleeper;

	sleeper_open(&sleeper);
	sleeper_pause(&sleeper);
	duet_op_cancel(&sleeper.stream.op);
	sleeper_wake(&sleeper);
	expect_stopped(&sleeper, -ECANCELED, DUET_CAUSE_CANCEL);
	ck_assert_uint_ge(sleeper.read, DUET_STREAM_UNREAD_MAX);
}
END_TEST

/* As the one before, from the moment at which the stream asked for its pause. */
START_TEST(a_cancel_ends_a_stream_that_is_about_to_pause)
{
	struct sleeper sleeper;

	sleeper_open(&sleeper);
	for (unsigned i = 1; i < DUET_STREAM_UNREAD_MAX; i++)
		sleeper_send(&sleeper);
	pattern_fill(data, MESSAGE_BYTES, sleeper.sent);
	stream_send(pair[0], data, MESSAGE_BYTES);
	turn_until(sleeper.stream.unread == DUET_STREAM_UNREAD_MAX);
	duet_op_cancel(&sleeper.stream.op);
	sleeper_wake(&sleeper);
	expect_stopped(&sleeper, -ECANCELED, DUET_CAUSE_CANCEL);
	ck_assert_uint_ge(sleeper.read, DUET_STREAM_UNREAD_MAX);
}
END_TEST

static void cancel_from_the_waker(struct duet_waker *waker)
{
	struct sleeper *sleeper = (void *)((char *)waker - offsetof(struct sleeper, bell));

	sleeper->stream.waker = waker;
	if (sleeper->stream.unread == DUET_STREAM_UNREAD_MAX)
		duet_op_cancel(&sleeper->stream.op);
}

START_TEST(a_cancel_from_the_waker_of_the_last_arrival_ends_the_stream)
{
	struct sleeper sleeper;

	sleeper_open(&sleeper);
	sleeper.bell.waker.wake = cancel_from_the_waker;
	for (unsigned i = 0; i < DUET_STREAM_UNREAD_MAX; i++)
		sleeper_send(&sleeper);
	turn_until(!duet_op_pending(&sleeper.stream.op));
	sleeper.bell = bell();
	sleeper_wake(&sleeper);
	expect_stopped(&sleeper, -ECANCELED, DUET_CAUSE_CANCEL);
}
END_TEST

START_TEST(the_close_of_its_handle_ends_a_paused_stream_first)
{
	struct sleeper sleeper;

	sleeper_open(&sleeper);
	sleeper_pause(&sleeper);
	handle_close(pair[1]);
	ck_assert(!duet_op_pending(&sleeper.stream.op));
	sleeper_wake(&sleeper);
	expect_stopped(&sleeper, -ECANCELED, DUET_CAUSE_CLOSE);
	ck_assert_uint_ge(sleeper.read, DUET_STREAM_UNREAD_MAX);
}
END_TEST

START_TEST(the_deadline_of_a_stream_holds_through_its_pauses)
{
	struct sleeper sleeper;
	struct duet_buffer buffer;
	struct duet_pool *pool;

	ck_assert_int_eq(duet_pool_create(stage.loop, 64, 64, &pool), 0);
	pair_open(pair);
	sleeper = (struct sleeper){ .bell = bell(), .pool = pool };
	duet_stream_init(&sleeper.stream, pair[1], pool);
	duet_op_deadline(&sleeper.stream.op, duet_loop_now_ns(stage.loop) + 200000000);
	duet_stream_next(stage.loop, &sleeper.stream, &sleeper.bell.waker, &buffer);
	sleeper_pause(&sleeper);
	turn_until(!duet_op_pending(&sleeper.stream.op));
	sleeper_wake(&sleeper);
	expect_stopped(&sleeper, -ETIMEDOUT, DUET_CAUSE_DEADLINE);
}
END_TEST

int main(void)
{
	return contract_run("stream",
		CASES(a_stream_gives_all_bytes_in_order_and_then_the_end,
			a_cancelled_stream_gives_what_came_and_then_its_end,
			a_stream_whose_start_is_refused_has_ended_with_the_refusal,
			a_stream_waits_for_a_reader_that_sleeps_and_loses_nothing,
			a_stream_goes_on_however_often_its_reader_sleeps,
			a_stream_that_stops_in_a_burst,
			a_cancel_ends_a_paused_stream,
			a_cancel_ends_a_stream_that_is_about_to_pause,
			a_cancel_from_the_waker_of_the_last_arrival_ends_the_stream,
			the_close_of_its_handle_ends_a_paused_stream_first,
			the_deadline_of_a_stream_holds_through_its_pauses),
		NULL);
}
