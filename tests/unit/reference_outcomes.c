/* SPDX-FileCopyrightText: The Duet authors */
/* SPDX-License-Identifier: MIT */
#include <check.h>
#include <duet/duet.h>
#include <duet/reference.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

/* Every legal pair of a cancel's answer and its target's end, kind by kind, on demand: each is asked
 * for by a knob and seen. So is each error. */

static struct {
	struct duet_loop *loop;
	struct duet_pool *pool;
	duet_handle listener;
	duet_handle dialer;
	duet_handle pair[2];
	duet_handle file;
	struct sockaddr_in address;
	struct duet_op op;
	unsigned ends;
	unsigned turns; /* that it took to its end */
	char data[256];
} world;

static void count(struct duet_op *op)
{
	world.ends += !op->more;
}

static void finish(struct duet_op *op)
{
	for (world.turns = 0; duet_op_pending(op) && world.turns < 5000; world.turns++)
		duet_loop_turn(world.loop, 100000);
	ck_assert(!duet_op_pending(op));
}

static int run(struct duet_op *op)
{
	ck_assert_int_eq(duet_op_start(world.loop, op), 0);
	finish(op);
	return op->result;
}

static void ignore(struct duet_op *op)
{
	(void)op;
}

static duet_handle make_socket(void)
{
	struct duet_op op;

	duet_op_init(&op, ignore, NULL);
	duet_op_socket(&op, AF_INET, SOCK_STREAM, 0);
	ck_assert_int_eq(run(&op), 0);
	return op.made;
}

static void connect_to(struct duet_op *op, duet_handle handle)
{
	duet_op_connect(op, handle, (struct sockaddr *)&world.address, sizeof(world.address));
}

static int accept_one(duet_handle *made)
{
	struct duet_op op;

	duet_op_init(&op, ignore, NULL);
	duet_op_accept(&op, world.listener, 0);
	duet_op_deadline(&op, duet_loop_now_ns(world.loop) + 1000000);
	run(&op);
	*made = op.made;
	return op.result;
}

static void send_bytes(unsigned bytes)
{
	struct duet_op op;

	duet_reference_shelter(world.loop, 1);
	duet_op_init(&op, ignore, NULL);
	duet_op_send(&op, world.pair[0], "abcdefgh", bytes, DUET_WHOLE);
	ck_assert_int_eq(run(&op), (int)bytes);
	duet_reference_shelter(world.loop, 0);
}

/* A connection, a listener, a socket, a file of a hundred bytes, a pool: none of it is struck. */
static void open_world(const char *tuning)
{
	struct duet_loop_options options;
	struct duet_op op;
	socklen_t length;

	memset(&world, 0, sizeof(world));
	duet_loop_options_init(&options);
	options.tuning = tuning;
	ck_assert_msg(duet_loop_create(&world.loop, duet_reference(), &options) == 0, "%s", tuning);
	duet_reference_shelter(world.loop, 1);
	duet_op_init(&op, ignore, NULL);
	world.address = (struct sockaddr_in){ .sin_family = AF_INET };
	world.address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	world.listener = make_socket();
	duet_op_bind(&op, world.listener, (struct sockaddr *)&world.address, sizeof(world.address));
	ck_assert_int_eq(run(&op), 0);
	memcpy(&world.address, duet_op_address(&op, &length), sizeof(world.address));
	duet_op_listen(&op, world.listener, 4);
	ck_assert_int_eq(run(&op), 0);
	world.pair[0] = make_socket();
	connect_to(&op, world.pair[0]);
	ck_assert_int_eq(run(&op), 0);
	ck_assert_int_eq(accept_one(&world.pair[1]), 0);
	world.dialer = make_socket();
	duet_op_open(&op, AT_FDCWD, "file", O_CREAT | O_RDWR, 0600);
	ck_assert_int_eq(run(&op), 0);
	world.file = op.made;
	duet_op_write(&op, world.file, world.data, 100, 0);
	ck_assert_int_eq(run(&op), 100);
	ck_assert_int_eq(duet_pool_create(world.loop, 2, 64, &world.pool), 0);
	duet_op_init(&world.op, count, NULL);
	duet_reference_shelter(world.loop, 0);
}

/* Nothing is lost, lent or held, whatever happened. */
static void close_world(void)
{
	struct duet_ledger ledger;

	if (world.op.kind == DUET_RECV && world.op.flags & DUET_POOLED && world.op.transferred)
		ck_assert_int_eq(duet_buffer_return(world.loop, &world.op.buffer), 0);
	duet_loop_ledger(world.loop, &ledger);
	ck_assert_uint_eq(ledger.lent_count, 0);
	ck_assert_uint_eq(ledger.held_count, 0);
	ck_assert_uint_eq(duet_pool_free_count(world.pool), 2);
	ck_assert_int_eq(duet_loop_destroy(world.loop), 0);
}

/* ---- What is tried: of each kind one that has its result, and one that waits for it. ---- */

static void say_nop(void)
{
	duet_op_nop(&world.op);
}

static void say_timeout(void)
{
	duet_op_timeout(&world.op, duet_loop_now_ns(world.loop) + 1000000000);
}

static void say_poll(void)
{
	duet_op_poll(&world.op, world.pair[1], POLLOUT);
}

static void say_poll_quiet(void)
{
	duet_op_poll(&world.op, world.pair[1], POLLIN);
}

static void say_accept_quiet(void)
{
	duet_op_accept(&world.op, world.listener, 0);
}

static void say_accept(void)
{
	struct duet_op op;

	duet_reference_shelter(world.loop, 1);
	duet_op_init(&op, ignore, NULL);
	connect_to(&op, world.dialer);
	ck_assert_int_eq(run(&op), 0);
	duet_reference_shelter(world.loop, 0);
	say_accept_quiet();
}

static void say_connect(void)
{
	connect_to(&world.op, world.dialer);
}

static void say_recv_quiet(void)
{
	duet_op_recv(&world.op, world.pair[1], world.data, 4, 0);
}

static void say_recv(void)
{
	send_bytes(4);
	say_recv_quiet();
}

static void say_pooled(void)
{
	send_bytes(4);
	duet_op_recv_pooled(&world.op, world.pair[1], world.pool, 0);
}

static void say_pooled_quiet(void)
{
	duet_op_recv_pooled(&world.op, world.pair[1], world.pool, 0);
}

static void say_send(void)
{
	duet_op_send(&world.op, world.pair[0], world.data, 4, 0);
}

static void say_read(void)
{
	duet_op_read(&world.op, world.file, world.data, 100, 0);
}

static void say_write(void)
{
	duet_op_write(&world.op, world.file, world.data, 100, 0);
}

static void say_open(void)
{
	duet_op_open(&world.op, AT_FDCWD, "file", O_RDONLY, 0);
}

static void say_fsync(void)
{
	duet_op_fsync(&world.op, world.file, 0);
}

static void say_shutdown(void)
{
	duet_op_shutdown(&world.op, world.pair[0], SHUT_WR);
}

static void say_close(void)
{
	duet_op_close(&world.op, world.pair[0]);
}

static void say_socket(void)
{
	duet_op_socket(&world.op, AF_INET, SOCK_STREAM, 0);
}

static void say_bind(void)
{
	struct sockaddr_in any = { .sin_family = AF_INET };

	duet_op_bind(&world.op, world.dialer, (struct sockaddr *)&any, sizeof(any));
}

static void say_listen(void)
{
	duet_op_listen(&world.op, world.dialer, 4);
}

/* ---- Pairs. ---- */

#define LATE "short=0,again=0,late=1000"
#define ONCE "short=0,again=0,late=0,later=0,behind=0"
#define LATER "short=0,again=0,late=0,later=1000,buffer=0"
#define STOP "short=0,again=0,stop=1000"
#define RUN "short=0,again=0,stop=0"

static const struct {
	const char *kind;
	void (*say)(void);
	const char *tuning;
	int result;
	enum duet_disposition disposition;
} pairs[] = {
	{ "nop", say_nop, LATE, 0, DUET_COMPLETED },
	{ "nop", say_nop, ONCE, -ECANCELED, DUET_UNTOUCHED },
	{ "nop", say_nop, LATER, -ECANCELED, DUET_UNTOUCHED },
	{ "timeout", say_timeout, ONCE, -ECANCELED, DUET_UNTOUCHED },
	{ "poll", say_poll, LATE, POLLOUT, DUET_COMPLETED },
	{ "poll", say_poll, ONCE, -ECANCELED, DUET_UNTOUCHED },
	{ "poll", say_poll, LATER, -ECANCELED, DUET_UNTOUCHED },
	{ "poll", say_poll_quiet, LATE, -ECANCELED, DUET_UNTOUCHED },
	{ "accept", say_accept, LATE, 0, DUET_COMPLETED },
	{ "accept", say_accept, ONCE, -ECANCELED, DUET_UNTOUCHED },
	{ "accept", say_accept, LATER, -ECANCELED, DUET_UNTOUCHED },
	{ "accept", say_accept_quiet, LATE, -ECANCELED, DUET_UNTOUCHED },
	{ "connect", say_connect, LATE, 0, DUET_COMPLETED },
	{ "connect", say_connect, ONCE, -ECANCELED, DUET_TAINTED },
	{ "connect", say_connect, LATER, -ECANCELED, DUET_TAINTED },
	{ "recv", say_recv, LATE, 4, DUET_COMPLETED },
	{ "recv", say_recv, ONCE, -ECANCELED, DUET_UNTOUCHED },
	{ "recv", say_recv, LATER, -ECANCELED, DUET_UNTOUCHED },
	{ "recv", say_recv_quiet, LATE, -ECANCELED, DUET_UNTOUCHED },
	{ "recv", say_pooled, LATE, 4, DUET_COMPLETED },
	{ "recv", say_pooled, ONCE, -ECANCELED, DUET_UNTOUCHED },
	{ "recv", say_pooled, LATER, -ECANCELED, DUET_UNTOUCHED },
	{ "send", say_send, LATE, 4, DUET_COMPLETED },
	{ "send", say_send, ONCE, -ECANCELED, DUET_UNTOUCHED },
	{ "send", say_send, LATER, -ECANCELED, DUET_UNTOUCHED },
	{ "read", say_read, RUN, 100, DUET_COMPLETED },
	{ "read", say_read, STOP, -ECANCELED, DUET_UNTOUCHED },
	{ "write", say_write, RUN, 100, DUET_COMPLETED },
	{ "write", say_write, STOP, -ECANCELED, DUET_UNTOUCHED },
	{ "open", say_open, RUN, 0, DUET_COMPLETED },
	{ "open", say_open, STOP, -ECANCELED, DUET_UNTOUCHED },
	{ "fsync", say_fsync, RUN, 0, DUET_COMPLETED },
	{ "fsync", say_fsync, STOP, -ECANCELED, DUET_UNTOUCHED },
	{ "shutdown", say_shutdown, RUN, 0, DUET_COMPLETED },
	{ "shutdown", say_shutdown, STOP, -ECANCELED, DUET_UNTOUCHED },
	{ "close", say_close, RUN, 0, DUET_COMPLETED },
	{ "close", say_close, STOP, 0, DUET_COMPLETED },
	{ "socket", say_socket, RUN, 0, DUET_COMPLETED },
	{ "socket", say_socket, STOP, -ECANCELED, DUET_UNTOUCHED },
	{ "bind", say_bind, RUN, 0, DUET_COMPLETED },
	{ "bind", say_bind, STOP, -ECANCELED, DUET_UNTOUCHED },
	{ "listen", say_listen, RUN, 0, DUET_COMPLETED },
	{ "listen", say_listen, STOP, -ECANCELED, DUET_UNTOUCHED },
};

#define PAIRS (sizeof(pairs) / sizeof(pairs[0]))

/* The end, and that it is the only one. */
static void expect(const char *kind, const char *tuning, int result,
		   enum duet_disposition disposition, enum duet_cause cause)
{
	finish(&world.op);
	ck_assert_uint_eq(world.ends, 1);
	ck_assert_msg(world.op.result == result && world.op.disposition == (uint8_t)disposition &&
			      world.op.cause == (uint8_t)cause,
		"%s with %s: %d, %s, cause %s", kind, tuning, world.op.result,
		duet_disposition_name((enum duet_disposition)world.op.disposition),
		duet_cause_name((enum duet_cause)world.op.cause));
}

static void cancel_pair(int which, const char *tuning)
{
	open_world(tuning);
	pairs[which].say();
	ck_assert_int_eq(duet_op_start(world.loop, &world.op), 0);
	duet_op_cancel(&world.op);
	expect(pairs[which].kind, tuning, pairs[which].result, pairs[which].disposition,
		pairs[which].disposition == DUET_COMPLETED ? DUET_CAUSE_ITSELF : DUET_CAUSE_CANCEL);
}

START_TEST(a_cancel_and_its_target_meet_as_demanded)
{
	for (unsigned seed = 1; seed <= 5; seed++) {
		char tuning[100];

		snprintf(tuning, sizeof(tuning), "seed=%u,room=0,%s", seed, pairs[_i].tuning);
		cancel_pair(_i, tuning);
		close_world();
	}
}
END_TEST

/* Put off three times, for want of room: then it is answered as ever, or it came too late. */
START_TEST(a_cancel_without_room_is_asked_again)
{
	struct duet_stats stats;
	char tuning[100];

	snprintf(tuning, sizeof(tuning), "%s,room=1000", pairs[_i].tuning);
	open_world(tuning);
	pairs[_i].say();
	ck_assert_int_eq(duet_op_start(world.loop, &world.op), 0);
	duet_op_cancel(&world.op);
	duet_loop_stats(world.loop, &stats);
	ck_assert_uint_eq(stats.queue_full,
		world.op.kind != DUET_TIMEOUT && world.op.kind != DUET_CLOSE);
	finish(&world.op);
	ck_assert_uint_eq(world.ends, 1);
	close_world();
}
END_TEST

/* ---- What only one kind can have. ---- */

static struct duet_stats stats_of(void)
{
	struct duet_stats stats;

	duet_loop_stats(world.loop, &stats);
	return stats;
}

START_TEST(not_stopped_ask_again_is_asked_again)
{
	open_world("short=0,again=1000,room=0,late=0,later=1000");
	say_recv_quiet();
	ck_assert_int_eq(duet_op_start(world.loop, &world.op), 0);
	duet_op_cancel(&world.op);
	expect("recv", "again", -ECANCELED, DUET_UNTOUCHED, DUET_CAUSE_CANCEL);
	ck_assert_uint_eq(stats_of().cancels_again, 3);
	close_world();
}
END_TEST

START_TEST(a_buffer_of_a_stopped_receive_is_taken_back)
{
	for (unsigned with = 0; with < 2; with++) {
		open_world(with ? "again=0,room=0,late=0,later=1000,buffer=1000" :
				  "again=0,room=0,late=0,later=1000,buffer=0");
		say_pooled_quiet();
		ck_assert_int_eq(duet_op_start(world.loop, &world.op), 0);
		duet_op_cancel(&world.op);
		expect("recv", "buffer", -ECANCELED, DUET_UNTOUCHED, DUET_CAUSE_CANCEL);
		ck_assert_uint_eq(stats_of().reclaimed, with);
		close_world();
	}
}
END_TEST

START_TEST(a_stopped_connect_may_go_on_behind_the_back)
{
	for (unsigned behind = 0; behind < 2; behind++) {
		duet_handle made;

		open_world(behind ? "again=0,room=0,late=0,later=0,behind=1000" : "room=0," ONCE);
		say_connect();
		ck_assert_int_eq(duet_op_start(world.loop, &world.op), 0);
		duet_op_cancel(&world.op);
		expect("connect", "behind", -ECANCELED, DUET_TAINTED, DUET_CAUSE_CANCEL);
		ck_assert_int_eq(accept_one(&made), behind ? 0 : -ETIMEDOUT);
		close_world();
	}
}
END_TEST

START_TEST(a_whole_transfer_is_stopped_half_way)
{
	open_world("room=0," ONCE);
	send_bytes(4);
	duet_op_recv(&world.op, world.pair[1], world.data, 8, DUET_WHOLE);
	ck_assert_int_eq(duet_op_start(world.loop, &world.op), 0);
	for (unsigned i = 0; i < 5; i++)
		duet_loop_turn(world.loop, 0);
	duet_op_cancel(&world.op);
	expect("recv", "whole", 4, DUET_PARTIAL, DUET_CAUSE_CANCEL);
	ck_assert_mem_eq(world.data, "abcd", 4);
	close_world();
}
END_TEST

/* ---- Portions. ---- */

START_TEST(transfers_are_short_on_demand)
{
	open_world("short=1000");
	say_recv();
	ck_assert_int_gt(run(&world.op), 0);
	ck_assert_int_lt(world.op.result, 4);
	close_world();
	open_world("short=0");
	say_recv();
	ck_assert_int_eq(run(&world.op), 4);
	close_world();
}
END_TEST

/* A read or write is whole all the same, and once it has begun no cancel stops it. */
START_TEST(files_move_in_portions_and_are_whole)
{
	static void (*const says[])(void) = { say_read, say_write };

	for (unsigned i = 0; i < 4; i++) {
		open_world(i < 2 ? "short=1000,stop=1000,room=0" : "short=0,stop=1000,room=0");
		memset(world.data, 'x', 100);
		says[i % 2]();
		ck_assert_int_eq(duet_op_start(world.loop, &world.op), 0);
		for (unsigned k = 0; k < 3 && i < 2; k++)
			duet_loop_turn(world.loop, 0);
		ck_assert_int_eq(duet_op_pending(&world.op), 1);
		if (i < 2)
			duet_op_cancel(&world.op);
		expect("file", "short", 100, DUET_COMPLETED, DUET_CAUSE_ITSELF);
		ck_assert_int_eq(world.data[0], i % 2 ? 'x' : 0);
		ck_assert_int_eq(world.data[99], i % 2 ? 'x' : 0);
		close_world();
	}
}
END_TEST

START_TEST(the_end_of_a_file_and_of_the_disk_end_a_transfer_short)
{
	open_world("short=1000");
	duet_op_read(&world.op, world.file, world.data, 200, 40);
	ck_assert_int_eq(run(&world.op), 60);
	duet_op_write(&world.op, world.file, world.data, 200, (1 << 20) - 30);
	ck_assert_int_eq(run(&world.op), 30);
	ck_assert_int_eq(world.op.disposition, DUET_PARTIAL);
	close_world();
}
END_TEST

/* ---- Errors. ---- */

static const struct {
	const char *kind;
	void (*say)(void);
	int error;
	unsigned drawn; /* by fault=1000 there are so many different ones */
} errors[] = {
	{ "nop", say_nop, EIO, 0 }, { "poll", say_poll, ENOMEM, 1 },
	{ "accept", say_accept, EMFILE, 3 }, { "connect", say_connect, EHOSTUNREACH, 4 },
	{ "recv", say_recv, ETIMEDOUT, 2 }, { "recv", say_pooled, ECONNRESET, 2 },
	{ "send", say_send, ECONNRESET, 3 }, { "read", say_read, EIO, 1 },
	{ "write", say_write, EDQUOT, 4 }, { "open", say_open, ENFILE, 4 },
	{ "fsync", say_fsync, ENOSPC, 2 }, { "shutdown", say_shutdown, ENOTCONN, 1 },
	{ "close", say_close, EIO, 1 }, { "socket", say_socket, EMFILE, 3 },
	{ "bind", say_bind, EADDRINUSE, 2 }, { "listen", say_listen, EADDRINUSE, 1 },
};

static void expect_error(int which, const char *tuning)
{
	open_world(tuning);
	errors[which].say();
	ck_assert_int_eq(duet_op_start(world.loop, &world.op), 0);
	expect(errors[which].kind, tuning, -errors[which].error, DUET_FAILED, DUET_CAUSE_ITSELF);
	close_world();
}

START_TEST(an_error_is_demanded_of_one_operation)
{
	char tuning[100];

	snprintf(tuning, sizeof(tuning), "short=0,fault-%s=1:%s", errors[_i].kind,
		duet_error_name(errors[_i].error));
	expect_error(_i, tuning);
	/* Of the second, so that the first goes well. */
	snprintf(tuning, sizeof(tuning), "short=0,fault-%s=2:%s", errors[_i].kind,
		duet_error_name(errors[_i].error));
	open_world(tuning);
	errors[_i].say();
	ck_assert_int_ge(run(&world.op), 0);
	close_world();
}
END_TEST

START_TEST(errors_are_drawn_of_what_a_kind_may_answer)
{
	int seen[8] = { 0 };
	unsigned different = 0;

	for (unsigned seed = 1; seed <= 60; seed++) {
		unsigned i = 0;
		char tuning[100];

		snprintf(tuning, sizeof(tuning), "seed=%u,short=0,fault=1000", seed);
		open_world(tuning);
		errors[_i].say();
		ck_assert_int_eq(run(&world.op) < 0, errors[_i].drawn > 0);
		while (i < different && seen[i] != world.op.result)
			i++;
		if (i == different && world.op.result < 0)
			seen[different++] = world.op.result;
		close_world();
	}
	ck_assert_uint_eq(different, errors[_i].drawn);
}
END_TEST

START_TEST(a_disk_that_fills_up_has_taken_what_fitted)
{
	open_world("short=1000,fault-write=1:ENOSPC");
	say_write();
	ck_assert_int_eq(duet_op_start(world.loop, &world.op), 0);
	finish(&world.op);
	ck_assert_int_gt(world.op.result, 0);
	ck_assert_int_lt(world.op.result, 100);
	ck_assert_int_eq(world.op.disposition, DUET_PARTIAL);
	ck_assert_int_eq(world.op.cause, DUET_CAUSE_ITSELF);
	close_world();
}
END_TEST

START_TEST(a_reset_breaks_the_connection_for_both)
{
	open_world("short=0,fault-send=1:ECONNRESET");
	say_send();
	ck_assert_int_eq(run(&world.op), -ECONNRESET);
	say_recv_quiet();
	ck_assert_int_eq(run(&world.op), -ECONNRESET);
	say_send();
	ck_assert_int_eq(run(&world.op), -EPIPE);
	close_world();
}
END_TEST

START_TEST(what_cannot_be_demanded_is_refused)
{
	open_world("");
	ck_assert_int_eq(duet_reference_fault(world.loop, DUET_TIMEOUT, 1, EIO), -EINVAL);
	ck_assert_int_eq(duet_reference_fault(world.loop, DUET_RECV, 0, EIO), -EINVAL);
	ck_assert_int_eq(duet_reference_fault(world.loop, DUET_RECV, 1, 0), -EINVAL);
	ck_assert_int_eq(duet_reference_fault(world.loop, DUET_RECV, 1, EAGAIN), -EINVAL);
	for (unsigned i = 0; i < 16; i++)
		ck_assert_int_eq(duet_reference_fault(world.loop, DUET_RECV, 9, EIO), 0);
	ck_assert_int_eq(duet_reference_fault(world.loop, DUET_RECV, 9, EIO), -ENOSPC);
	close_world();
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("reference outcomes");
	TCase *cases = tcase_create("on demand");
	SRunner *runner = srunner_create(suite);
	int failed;

	suite_add_tcase(suite, cases);
	tcase_add_loop_test(cases, a_cancel_and_its_target_meet_as_demanded, 0, PAIRS);
	tcase_add_loop_test(cases, a_cancel_without_room_is_asked_again, 0, PAIRS);
	tcase_add_test(cases, not_stopped_ask_again_is_asked_again);
	tcase_add_test(cases, a_buffer_of_a_stopped_receive_is_taken_back);
	tcase_add_test(cases, a_stopped_connect_may_go_on_behind_the_back);
	tcase_add_test(cases, a_whole_transfer_is_stopped_half_way);
	tcase_add_test(cases, transfers_are_short_on_demand);
	tcase_add_test(cases, files_move_in_portions_and_are_whole);
	tcase_add_test(cases, the_end_of_a_file_and_of_the_disk_end_a_transfer_short);
	tcase_add_loop_test(cases, an_error_is_demanded_of_one_operation, 0,
		sizeof(errors) / sizeof(errors[0]));
	tcase_add_loop_test(cases, errors_are_drawn_of_what_a_kind_may_answer, 0,
		sizeof(errors) / sizeof(errors[0]));
	tcase_add_test(cases, a_disk_that_fills_up_has_taken_what_fitted);
	tcase_add_test(cases, a_reset_breaks_the_connection_for_both);
	tcase_add_test(cases, what_cannot_be_demanded_is_refused);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed != 0;
}
