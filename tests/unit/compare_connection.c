/* SPDX-FileCopyrightText: The Duet authors
 * SPDX-License-Identifier: MIT */

/* One connection of the load generator against an end that a test holds: what is counted, from which
 * moment, and what is found to be wrong. Due times lie in the past by whole seconds, so that nothing
 * hangs on how long a test takes. */
#include <check.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "compare/load/connection.h"
#include "compare/load/pattern.h"
#include "compare/measure/window.h"

enum { SIZE = 64, DEPTH = 16 };
static const uint64_t SECOND_NS = UINT64_C(1000000000);

static struct connection connection;
static struct connection_run *run;
static uint64_t stamps_ns[DEPTH], now_ns;
static int far_end;

static void set_up(void)
{
	int ends[2];

	pattern_make();
	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, ends), 0);
	far_end = ends[1];
	connection = (struct connection){ .fd = ends[0], .stream = 3, .stamps_ns = stamps_ns };
	memset(stamps_ns, 0, sizeof(stamps_ns));
	run = calloc(1, sizeof(*run));
	run->size_bytes = run->answer_bytes = SIZE;
	run->sending = true;
	run->depth = DEPTH;
	now_ns = window_now_ns();
	run->from_ns = now_ns - 100 * SECOND_NS;
	run->until_ns = now_ns + 100 * SECOND_NS;
}

static void tear_down(void)
{
	close(connection.fd);
	close(far_end);
	free(run);
}

/* One message a second, the first a while ago. */
static void open_loop(uint64_t ago_ns)
{
	run->schedule = (struct schedule){ now_ns - ago_ns, 1, 4 };
}

/* Takes what was sent. */
static size_t take_all(unsigned char *data, size_t size)
{
	ssize_t got = recv(far_end, data, size, 0);

	return got < 0 ? 0 : (size_t)got;
}

static void give_back(const unsigned char *data, size_t length)
{
	ck_assert_int_eq(send(far_end, data, length, 0), (ssize_t)length);
	ck_assert_int_eq(connection_receive(&connection, run), 0);
}

/* Sends what may go, and has the first so many bytes of it echoed. */
static size_t echo(size_t length_max)
{
	unsigned char data[DEPTH * SIZE];
	size_t length;

	ck_assert_int_eq(connection_send(&connection, run, now_ns), 0);
	length = take_all(data, sizeof(data));
	give_back(data, length < length_max ? length : length_max);
	return length;
}

/* Stream 3 of 4 connections has messages 3 and 7, due 7 s and 3 s ago; sent is now. */
START_TEST(an_open_loop_counts_from_when_a_message_was_due)
{
	open_loop(10 * SECOND_NS);
	ck_assert_uint_eq(echo(SIZE_MAX), 2 * SIZE);
	ck_assert_uint_eq(run->answered, 2);
	ck_assert_uint_eq(run->latency.count, 2);
	ck_assert_uint_ge(run->latency.min, 3 * SECOND_NS);
	ck_assert_uint_ge(run->latency.max, 7 * SECOND_NS);
	ck_assert_uint_eq(run->service.count, 2);
	ck_assert_uint_lt(run->service.max, 2 * SECOND_NS); /* from when it was sent */
	ck_assert_uint_eq(run->late.count, 2);
	ck_assert_uint_eq(run->late.min, 3 * SECOND_NS);
	ck_assert_uint_eq(run->late.max, 7 * SECOND_NS);
}
END_TEST

/* The window begins between the two due times: answered are both in it, but only one was due. */
START_TEST(an_open_loop_s_latency_is_of_what_was_due_in_the_window)
{
	open_loop(10 * SECOND_NS);
	run->from_ns = now_ns - 5 * SECOND_NS;
	echo(SIZE_MAX);
	ck_assert_uint_eq(run->answered, 2);
	ck_assert_uint_eq(run->latency.count, 1);
	ck_assert_uint_lt(run->latency.max, 7 * SECOND_NS);
	ck_assert_uint_eq(run->late.count, 1);
}
END_TEST

START_TEST(an_answer_after_the_window_is_no_throughput_but_a_latency)
{
	open_loop(10 * SECOND_NS);
	run->until_ns = now_ns - 2 * SECOND_NS;
	echo(SIZE_MAX);
	ck_assert_uint_eq(run->answered, 0);
	ck_assert_uint_eq(run->answered_total, 2);
	ck_assert_uint_eq(run->latency.count, 2);
}
END_TEST

START_TEST(a_closed_loop_counts_what_was_answered_in_the_window)
{
	run->depth = 1;
	ck_assert_uint_eq(echo(SIZE_MAX), SIZE);
	ck_assert_uint_eq(run->latency.count, 1);
	ck_assert_uint_eq(run->answered, 1);
	run->until_ns = now_ns - 1;
	ck_assert_uint_eq(echo(SIZE_MAX), SIZE);
	ck_assert_uint_eq(run->latency.count, 1);
	ck_assert_uint_eq(run->answered, 1);
	ck_assert_uint_eq(run->answered_total, 2);
	ck_assert_uint_eq(run->service.count, 0);
}
END_TEST

/* Only 16 may be unanswered. Those that had to wait for an answer are the server's lateness. */
START_TEST(what_is_held_is_counted_and_not_called_late)
{
	open_loop(100 * SECOND_NS); /* 25 of this connection */
	run->from_ns = now_ns - 200 * SECOND_NS;
	ck_assert_uint_eq(echo(4 * SIZE), DEPTH * SIZE);
	ck_assert(connection.held);
	ck_assert_uint_eq(run->held, 0);
	ck_assert_uint_eq(run->late.count, DEPTH);
	ck_assert_int_eq(connection_send(&connection, run, now_ns), 0);
	ck_assert_uint_eq(run->held, 4);
	ck_assert_uint_eq(run->late.count, DEPTH);
	ck_assert(connection.held);
}
END_TEST

START_TEST(every_wrong_byte_is_counted)
{
	unsigned char data[DEPTH * SIZE];

	run->depth = 2;
	ck_assert_int_eq(connection_send(&connection, run, now_ns), 0);
	ck_assert_uint_eq(take_all(data, sizeof(data)), 2 * SIZE);
	data[5] ^= 1;
	data[SIZE] ^= 0x80;
	give_back(data, 2 * SIZE);
	ck_assert_uint_eq(run->wrong_bytes, 2);
}
END_TEST

/* Also where the bytes are those that a later message would have. */
START_TEST(what_was_never_sent_is_wrong_whatever_it_says)
{
	const unsigned char *right;
	size_t length;

	run->depth = 1;
	ck_assert_uint_eq(echo(SIZE), SIZE);
	right = pattern_at(3, SIZE, &length);
	ck_assert_uint_ge(length, SIZE);
	give_back(right, SIZE);
	ck_assert_uint_eq(run->wrong_bytes, SIZE);
	ck_assert_uint_eq(run->answered_total, 1);
}
END_TEST

START_TEST(a_doubled_message_is_wrong)
{
	unsigned char data[DEPTH * SIZE];

	run->depth = 4;
	ck_assert_int_eq(connection_send(&connection, run, now_ns), 0);
	ck_assert_uint_eq(take_all(data, sizeof(data)), 4 * SIZE);
	memmove(data + SIZE, data, 3 * SIZE);
	give_back(data, 4 * SIZE);
	ck_assert_uint_gt(run->wrong_bytes, 2 * SIZE);
}
END_TEST

START_TEST(an_end_is_noticed_and_what_is_missing_stays_open)
{
	unsigned char data[DEPTH * SIZE];

	run->depth = 2;
	ck_assert_int_eq(connection_send(&connection, run, now_ns), 0);
	take_all(data, sizeof(data));
	give_back(data, SIZE + 1);
	shutdown(far_end, SHUT_WR);
	ck_assert_int_eq(connection_receive(&connection, run), 0);
	ck_assert(connection.ended);
	ck_assert_uint_eq(connection_open_messages(&connection, run), 1);
	ck_assert_uint_eq(connection.sent_bytes - connection.received_bytes, SIZE - 1);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("compare connection");
	TCase *cases = tcase_create("connection");
	SRunner *runner = srunner_create(suite);
	int failed;

	tcase_add_checked_fixture(cases, set_up, tear_down);
	tcase_add_test(cases, an_open_loop_counts_from_when_a_message_was_due);
	tcase_add_test(cases, an_open_loop_s_latency_is_of_what_was_due_in_the_window);
	tcase_add_test(cases, an_answer_after_the_window_is_no_throughput_but_a_latency);
	tcase_add_test(cases, a_closed_loop_counts_what_was_answered_in_the_window);
	tcase_add_test(cases, what_is_held_is_counted_and_not_called_late);
	tcase_add_test(cases, every_wrong_byte_is_counted);
	tcase_add_test(cases, what_was_never_sent_is_wrong_whatever_it_says);
	tcase_add_test(cases, a_doubled_message_is_wrong);
	tcase_add_test(cases, an_end_is_noticed_and_what_is_missing_stays_open);
	suite_add_tcase(suite, cases);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed != 0;
}
