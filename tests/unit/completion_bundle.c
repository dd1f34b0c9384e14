/* SPDX-FileCopyrightText: The Duet authors */
/* SPDX-License-Identifier: MIT */
#include "tests/unit/completion_loop.h"

/* Several buffers in one entry: told one by one, in the order of their bytes, whatever has become of
 * their neighbours. */

enum { BUFFERS = 16, BYTES = 64 };

static struct duet_pool *pool;
static duet_handle handle;
static int outside;

static struct duet_buffer held[BUFFERS];
static unsigned held_count;
static unsigned expected; /* the next byte */
static unsigned cancel_at; /* the item in whose callback the receive is cancelled */

static void let_go(unsigned place)
{
	ck_assert_int_eq(duet_buffer_return(loop, &held[place]), 0);
	held[place] = held[--held_count];
}

static void take(struct duet_op *op)
{
	const unsigned char *data = op->buffer.data;

	starved += op->result == -ENOBUFS;
	if (!op->more)
		ends++;
	if (op->result <= 0)
		return;
	items++;
	ck_assert_uint_eq(op->buffer.length_bytes, (unsigned)op->result);
	for (int i = 0; i < op->result; i++)
		ck_assert_uint_eq(data[i], (unsigned char)expected++);
	received_bytes += (unsigned)op->result;
	ck_assert_uint_lt(held_count, BUFFERS);
	held[held_count++] = op->buffer;
	if (items == cancel_at)
		duet_op_cancel(op);
}

static void open_all(int mode, const char *more)
{
	struct duet_pool_options options;

	open_loop(mode, more);
	duet_pool_options_init(&options);
	options.count = BUFFERS;
	options.size_bytes = BYTES;
	options.bursts = true;
	ck_assert_int_eq(duet_pool_create_with(loop, &options, &pool), 0);
	outside = pair_open(SOCK_STREAM, &handle);
	held_count = expected = cancel_at = 0;
}

static void close_all(void)
{
	while (held_count)
		let_go(0);
	ck_assert_uint_eq(duet_pool_free_count(pool), BUFFERS);
	close(outside);
	close_loop();
}

static void begin(struct duet_op *op)
{
	duet_op_init(op, take, NULL);
	duet_op_recv_pooled(op, handle, pool, DUET_MULTISHOT);
	ck_assert_int_eq(duet_op_start(loop, op), 0);
	turns(1);
}

static unsigned sent;

static void send_bytes(unsigned count)
{
	unsigned char bytes[BUFFERS * BYTES];

	for (unsigned i = 0; i < count; i++)
		bytes[i] = (unsigned char)sent++;
	ck_assert_int_eq(write(outside, bytes, count), (ssize_t)count);
}

static void turn_until_received(unsigned count)
{
	for (int i = 0; received_bytes < count; i++) {
		ck_assert_int_lt(i, 500);
		turns(1);
	}
}

static bool shown_here(void)
{
	if (completion_bundles_are_sound())
		return true;
	printf("skipped: no sound bundles on this kernel\n");
	return false;
}

static unsigned entries_of_six_buffers(int mode, const char *more)
{
	struct duet_op op;
	uint64_t before;

	sent = 0;
	open_all(mode, more);
	begin(&op);
	before = stats().events;
	send_bytes(5 * BYTES + 10);
	turn_until_received(5 * BYTES + 10);
	ck_assert_uint_eq(items, 6);
	before = stats().events - before;
	duet_op_cancel(&op);
	turn_until_ended(&op);
	close_all();
	return (unsigned)before;
}

START_TEST(six_buffers_are_fewer_entries)
{
	unsigned bundled = entries_of_six_buffers(_i, "");

	if (_i == 0 && shown_here())
		ck_assert_uint_lt(bundled, 6);
	ck_assert_uint_ge(entries_of_six_buffers(_i, ",without=recv-bundle"), 6);
}
END_TEST

/* They come back in any order, some while their neighbours wait to be told: so the order of the
 * kernel's ring is never again that of their numbers. */
START_TEST(no_byte_is_lost_whatever_order_they_come_back_in)
{
	unsigned seed = 1;
	struct duet_op op;

	sent = 0;
	open_all(_i, "");
	begin(&op);
	for (unsigned round = 0; round < 300; round++) {
		unsigned room = (BUFFERS - held_count) * BYTES;
		unsigned count = room ? 1 + (unsigned)rand_r(&seed) % room : 0;

		send_bytes(count);
		turn_until_received(sent);
		for (unsigned left = (unsigned)rand_r(&seed) % (held_count + 1); left; left--)
			let_go((unsigned)rand_r(&seed) % held_count);
	}
	duet_op_cancel(&op);
	turn_until_ended(&op);
	ck_assert_uint_eq(received_bytes, sent);
	close_all();
}
END_TEST

START_TEST(a_cancel_in_the_midst_of_one_loses_nothing)
{
	for (unsigned at = 1; at <= 6; at++) {
		unsigned char rest[BUFFERS * BYTES];
		struct duet_op op;
		ssize_t left;

		sent = 0;
		open_all(_i, "");
		cancel_at = at;
		begin(&op);
		send_bytes(5 * BYTES + 10);
		turn_until_ended(&op);
		ck_assert_uint_eq(ends, 1);
		left = recv(duet_handle_fd(loop, handle), rest, sizeof(rest), MSG_DONTWAIT);
		ck_assert_uint_eq(received_bytes + (left > 0 ? (unsigned)left : 0), sent);
		close_all();
	}
}
END_TEST

START_TEST(a_pool_that_is_too_small_is_said_and_the_rest_follows)
{
	struct duet_op op;

	sent = 0;
	open_all(_i, "");
	begin(&op);
	send_bytes(BUFFERS * BYTES);
	turn_until_received(BUFFERS * BYTES);
	send_bytes(3 * BYTES);
	while (!starved)
		turns(1);
	ck_assert_uint_eq(received_bytes, BUFFERS * BYTES);
	while (held_count > 2)
		let_go(1);
	turn_until_received((BUFFERS + 3) * BYTES);
	duet_op_cancel(&op);
	turn_until_ended(&op);
	close_all();
}
END_TEST

int main(void)
{
	const TTest *const cases[] = {
		six_buffers_are_fewer_entries, no_byte_is_lost_whatever_order_they_come_back_in,
		a_cancel_in_the_midst_of_one_loses_nothing,
		a_pool_that_is_too_small_is_said_and_the_rest_follows };

	return run_in_both_modes("completion_bundle", cases, sizeof(cases) / sizeof(*cases));
}
