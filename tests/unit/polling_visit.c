/* SPDX-FileCopyrightText: The Duet authors */
/* SPDX-License-Identifier: MIT */
#include "tests/unit/polling_loop.h"

/*
 * polling/visit.c: the usual visit, of a multishot receive and of the send that its callback
 * starts, where the send can't be carried out whole; and the choice between two directions.
 */

static struct duet_loop *loop;
static struct duet_pool *pool;
static struct duet_op receiving;
static struct duet_op sending;
static duet_handle handle;
static int raw;
static char big[1 << 20];
static char in[1 << 16];

static unsigned arrivals;
static unsigned sends;
static void (*at_third)(void);

static void sent(struct duet_op *op)
{
	(void)op;
	sends++;
}

/* Two arrivals show that the receive goes on; the third one takes the usual way. */
static void arrived(struct duet_op *op)
{
	if (!op->more)
		return;
	ck_assert_int_eq(duet_buffer_return(loop, &op->buffer), 0);
	if (++arrivals == 3)
		at_third();
}

static void send_start(size_t bytes)
{
	duet_op_send(&sending, handle, big, bytes, 0);
	ck_assert_int_eq(duet_op_start(loop, &sending), 0);
}

static void say_and_turn(void)
{
	say(raw, "x");
	ck_assert_int_ge(duet_loop_turn(loop, 1000000000), 1);
}

/* Up to the third arrival. */
static void converse(void (*then)(void))
{
	const int bytes = 8192;

	loop = polling_loop(NULL, DUET_TRY_PREDICT, 16);
	handle = connection(loop, AF_INET, 0, &raw);
	ck_assert_int_eq(setsockopt(duet_handle_fd(loop, handle), SOL_SOCKET, SO_SNDBUF, &bytes,
				 sizeof(bytes)), 0);
	ck_assert_int_eq(duet_pool_create(loop, 4, 64, &pool), 0);
	duet_op_init(&receiving, arrived, NULL);
	duet_op_init(&sending, sent, NULL);
	at_third = then;
	duet_op_recv_pooled(&receiving, handle, pool, DUET_MULTISHOT);
	ck_assert_int_eq(duet_op_start(loop, &receiving), 0);
	turns(loop, 1);
	for (int i = 0; i < 3; i++)
		say_and_turn();
	ck_assert_uint_eq(arrivals, 3);
}

static size_t drain(void)
{
	size_t total = 0;
	ssize_t n;

	while ((n = recv(raw, in, sizeof(in), MSG_DONTWAIT)) > 0)
		total += (size_t)n;
	return total;
}

static void finish(void)
{
	close(raw);
	loop_end(loop);
}

static uint32_t writing(uint32_t bits)
{
	return slot_of(loop, handle)->ready & polling_bits(bits, DIRECTION_WRITE);
}

static void send_too_much(void)
{
	send_start(sizeof(big));
}

START_TEST(a_send_that_stops_short_says_what_went_out_and_that_no_more_fits)
{
	size_t there;

	converse(send_too_much);
	ck_assert_uint_eq(sends, 1);
	ck_assert_int_gt(sending.result, 0);
	ck_assert_int_lt(sending.result, (int)sizeof(big));
	ck_assert_int_eq(sending.disposition, DUET_PARTIAL);
	ck_assert_uint_eq(sending.transferred, (uint32_t)sending.result);
	ck_assert_uint_ne(writing(EMPTY), 0);
	ck_assert_uint_eq(writing(HELD), 0);
	/* What the kernel still has in hand comes as the peer makes room. */
	there = drain();
	while (there < sending.transferred) {
		turns(loop, 1);
		there += drain();
	}
	ck_assert_uint_eq(there, sending.transferred);
	finish();
}
END_TEST

static size_t filled;

static void fill(void)
{
	ssize_t n;

	while ((n = send(duet_handle_fd(loop, handle), big, sizeof(big), MSG_DONTWAIT)) > 0)
		filled += (size_t)n;
	ck_assert_int_eq(errno, EAGAIN);
}

static void fill_and_send(void)
{
	fill();
	send_start(5);
}

/* Nothing has said that the socket is full: the send's own attempt finds out. */
START_TEST(a_send_that_finds_no_room_waits_for_it)
{
	uint64_t before;
	size_t there = 0;

	converse(fill_and_send);
	before = stats_of(loop).wasted;
	ck_assert_uint_eq(sends, 0);
	ck_assert_uint_eq(before, 2); /* this one, and the receive's first */
	ck_assert_uint_ne(writing(EMPTY), 0);
	ck_assert_uint_ne(writing(HELD), 0);
	while (there < filled + 5) {
		there += drain();
		turns(loop, 1);
	}
	ck_assert_uint_eq(there, filled + 5);
	ck_assert_uint_eq(sends, 1);
	ck_assert_int_eq(sending.result, 5);
	ck_assert_int_eq(sending.disposition, DUET_COMPLETED);
	ck_assert_uint_eq(stats_of(loop).wasted, before);
	finish();
}
END_TEST

static void shut_and_send(void)
{
	ck_assert_int_eq(shutdown(duet_handle_fd(loop, handle), SHUT_WR), 0);
	send_start(5);
}

START_TEST(a_send_that_fails_says_its_own_error)
{
	converse(shut_and_send);
	ck_assert_uint_eq(sends, 1);
	ck_assert_int_eq(sending.result, -EPIPE);
	ck_assert_int_eq(sending.disposition, DUET_FAILED);
	ck_assert_uint_eq(writing(HELD), 0);
	finish();
}
END_TEST

static struct duet_op other;
static unsigned sends_before_other;

static void other_ended(struct duet_op *op)
{
	ck_assert_int_eq(op->result, -ECANCELED);
	sends_before_other = sends + 1;
}

/* Its end is known at once, and waits to be told. */
static void cancel_and_send(void)
{
	duet_op_cancel(&other);
	send_start(5);
}

static void begin_other(struct duet_op *op)
{
	arrived(op);
	if (arrivals != 1)
		return;
	duet_op_init(&other, other_ended, NULL);
	duet_op_recv(&other, handle, in, 1, 0);
	ck_assert_int_eq(duet_op_start(loop, &other), 0);
}

START_TEST(a_send_is_told_behind_an_end_that_waits_to_be_told)
{
	loop = polling_loop(NULL, DUET_TRY_PREDICT, 16);
	handle = connection(loop, AF_INET, 0, &raw);
	ck_assert_int_eq(duet_pool_create(loop, 4, 64, &pool), 0);
	duet_op_init(&receiving, begin_other, NULL);
	duet_op_init(&sending, sent, NULL);
	at_third = cancel_and_send;
	duet_op_recv_pooled(&receiving, handle, pool, DUET_MULTISHOT);
	ck_assert_int_eq(duet_op_start(loop, &receiving), 0);
	turns(loop, 1);
	for (int i = 0; i < 3; i++)
		say_and_turn();
	turns(loop, 1);
	ck_assert_uint_eq(sends, 1);
	ck_assert_uint_eq(sends_before_other, 1);
	finish();
}
END_TEST

/* ---- Two directions. ---- */

static unsigned received;

static void receive_again(struct duet_op *op)
{
	received++;
	duet_op_recv(op, handle, in, 1, 0);
	if (op->result > 0)
		ck_assert_int_eq(duet_op_start(loop, op), 0);
}

static void send_again(struct duet_op *op)
{
	sends++;
	if (op->result > 0)
		send_start(1);
}

/* Each start goes on for ever, and a visit is one burst. */
START_TEST(of_two_directions_that_are_due_each_has_its_turn)
{
	loop = polling_loop(NULL, DUET_TRY_PREDICT, 8);
	handle = connection(loop, AF_INET, 0, &raw);
	for (int i = 0; i < 8; i++)
		say(raw, "abcdefgh");
	duet_op_init(&receiving, receive_again, NULL);
	duet_op_init(&sending, send_again, NULL);
	duet_op_recv(&receiving, handle, in, 1, 0);
	ck_assert_int_eq(duet_op_start(loop, &receiving), 0);
	send_start(1);
	turns(loop, 1);
	ck_assert_uint_eq(received, 4);
	ck_assert_uint_eq(sends, 4);
	turns(loop, 1);
	ck_assert_uint_eq(received, 8);
	ck_assert_uint_eq(sends, 8);
	finish();
}
END_TEST

int main(void)
{
	return plain_run("polling_visit",
		CASES(a_send_that_stops_short_says_what_went_out_and_that_no_more_fits,
			a_send_that_finds_no_room_waits_for_it,
			a_send_that_fails_says_its_own_error,
			a_send_is_told_behind_an_end_that_waits_to_be_told,
			of_two_directions_that_are_due_each_has_its_turn));
}
