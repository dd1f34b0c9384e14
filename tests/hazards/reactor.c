/* SPDX-FileCopyrightText: The Duet authors */
/* SPDX-License-Identifier: MIT */
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/support/wire.h"

/* What reactors got wrong, stale events, lost edges, numbers taken for identities: hazards 43 to 48. */

static unsigned char data[256];

/*
 * 43. creytiv/re#266, joyent/libuv#968, redis/redis#4877, wxWidgets/wxWidgets#26924,
 * moonbitlang/async#571, libuv/libuv#4323, tokio-rs/tokio-core#172: an event of a closed descriptor, which
 * a duplicate keeps alive, reads the bytes of the connection that got its number.
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

/* Whose number and whose place in the table go to a stranger while its event is on the way. */
struct change {
	duet_handle leaving;
	duet_handle stranger;
	int end; /* the stranger's descriptor, until it has the number */
	struct trial recv;
};

static void change_hands(struct trial *trial)
{
	struct change *change = trial->context;
	int number = duet_handle_release(stage.loop, change->leaving);

	ck_assert_int_ge(number, 0);
	ck_assert_int_eq(dup2(change->end, number), number);
	close(change->end);
	ck_assert_int_eq(duet_handle_adopt(stage.loop, number, 0, &change->stranger), 0);
	ck_assert_uint_eq(change->stranger.slot, change->leaving.slot);
	trial_init(&change->recv);
	duet_op_recv(&change->recv.op, change->stranger, data + 20, 10, 0);
	trial_start(&change->recv);
}

static void hear_and_forget(duet_handle handle)
{
	struct trial trial;

	trial_init(&trial);
	duet_op_recv(&trial.op, handle, data, 10, 0);
	trial_start(&trial);
	stage_settle(2);
	trial_cancel(&trial);
	await(&trial);
}

/*
 * 43. redis/redis#4877, tokio-rs/tokio-core#172: two are ready in one batch; the callback of the first
 * gives the other's number, and its place, to a stranger.
 */
START_TEST(an_event_of_who_left_in_the_same_batch_reaches_nobody)
{
	struct duet_stats before, after;

	for (unsigned round = 0; round < 10; round++) {
		struct change change;
		struct trial first;
		duet_handle handle;
		int raw[2], ends[2];

		raw_unix(SOCK_STREAM, &handle, &raw[0]);
		raw_unix(SOCK_STREAM, &change.leaving, &raw[1]);
		ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
		change.end = ends[0];
		hear_and_forget(change.leaving);
		trial_init(&first);
		first.then = change_hands;
		first.context = &change;
		duet_op_recv(&first.op, handle, data, 10, 0);
		trial_start(&first);
		stage_settle(2);
		duet_loop_stats(stage.loop, &before);
		raw_send(raw[0], "go", 2);
		raw_send(raw[1], "old", 3);
		await(&first);
		stage_settle(3);
		duet_loop_stats(stage.loop, &after);
		ck_assert_uint_eq(change.recv.ends, 0);
		/* Where idle handles are watched, it really was on the way. */
		ck_assert_uint_eq(after.stale - before.stale, !stage.arm->ring);
		raw_send(ends[1], "new", 3);
		await(&change.recv);
		expect(&change.recv, 3, DUET_COMPLETED, DUET_CAUSE_ITSELF);
		ck_assert_mem_eq(data + 20, "new", 3);
		pair_close((duet_handle[2]){ handle, change.stranger });
		close(raw[0]);
		close(raw[1]);
		close(ends[1]);
	}
}
END_TEST

/* 44. pjsip/pjproject#3018, pjsip/pjproject#3158: a waiter is cancelled after the edge, nobody re-arms. */
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

/* 44. ponylang/ponyc#1564: one direction's event disarms the other. */
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

/*
 * 47. socketry/io-event#71, nanovms/nanos#1178, sysprog21/elfuse#78: what is registered is remembered by
 * its number, and the number comes again.
 */
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

/* 45. netty/netty-incubator-transport-io_uring#194: a late removal hits the number's new owner. */
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

enum { CONNECTS = 12, FILLERS = 8 };

/* Every connection that came about, whatever was told of it, is at its end. */
static void expect_ends(void)
{
	struct pollfd waiting = { .fd = duet_handle_fd(stage.loop, stage.listener),
		.events = POLLIN };
	struct trial trial;

	trial_init(&trial);
	while (poll(&waiting, 1, 0) == 1) {
		duet_op_accept(&trial.op, stage.listener, 0);
		trial_run(&trial);
		expect(&trial, 0, DUET_COMPLETED, DUET_CAUSE_ITSELF);
		duet_op_recv(&trial.op, trial.op.made, data, 1, 0);
		trial_run(&trial);
		ck_assert(trial.op.result == 0 || trial.op.result == -ECONNRESET);
		handle_close(trial.op.handle);
	}
}

static void connect_and_stop(struct trial *trial, unsigned turns)
{
	trial_init(trial);
	duet_op_socket(&trial->op, AF_INET, SOCK_STREAM, 0);
	trial_run(trial);
	trial->ends = 0;
	duet_op_connect(&trial->op, trial->op.made, (struct sockaddr *)&stage.address,
		sizeof(stage.address));
	trial_start(trial);
	stage_settle(turns);
	trial_cancel(trial);
	await(trial);
}

/* A listener whose backlog is full, so that connecting takes its time. */
static int listener_full(int fill[FILLERS])
{
	int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	socklen_t length = sizeof(stage.address);

	stage.address.sin_family = AF_INET;
	stage.address.sin_port = 0;
	ck_assert_int_eq(bind(listener, (struct sockaddr *)&stage.address, length), 0);
	ck_assert_int_eq(listen(listener, 0), 0);
	ck_assert_int_eq(getsockname(listener, (struct sockaddr *)&stage.address, &length), 0);
	for (unsigned i = 0; i < FILLERS; i++) {
		fill[i] = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
		if (connect(fill[i], (struct sockaddr *)&stage.address, length) < 0)
			ck_assert_int_eq(errno, EINPROGRESS);
	}
	return listener;
}

/* Stopped on its way and closed, it leaves nobody to be connected. */
static void stop_on_the_way(void)
{
	struct sockaddr_in local;
	socklen_t length = sizeof(local);
	struct sockaddr_in remote;
	struct trial trial;
	int fill[FILLERS];
	int listener = listener_full(fill);
	int accepted;

	connect_and_stop(&trial, 3);
	expect(&trial, -ECANCELED, DUET_TAINTED, DUET_CAUSE_CANCEL);
	ck_assert_int_eq(getsockname(duet_handle_fd(stage.loop, trial.op.handle),
				 (struct sockaddr *)&local, &length), 0);
	handle_close(trial.op.handle);
	for (struct pollfd waiting = { .fd = listener, .events = POLLIN };
		poll(&waiting, 1, 0) == 1; close(accepted)) {
		length = sizeof(remote);
		accepted = accept4(listener, (struct sockaddr *)&remote, &length, SOCK_CLOEXEC);
		ck_assert_int_ge(accepted, 0);
		ck_assert_uint_ne(remote.sin_port, local.sin_port);
	}
	for (unsigned i = 0; i < FILLERS; i++)
		close(fill[i]);
	close(listener);
}

/*
 * 48. an-tao/trantor#230, mirage/mirage-tcpip#363: a connect that was stopped goes on and is connected
 * after all; its descriptor is kept by nobody. Closed, it ends the connection, if there is one.
 */
START_TEST(a_stopped_connect_leaves_no_connection_behind)
{
	struct trial trial;

	listener_open(&stage.listener, &stage.address);
	for (unsigned i = 0; i < CONNECTS; i++) {
		/* A reactor has made no call in the batch of its start. */
		bool untried = stage.arm->kernel && !stage.arm->ring && i % 2 == 0;

		connect_and_stop(&trial, i % 2);
		stage_settle(2);
		if (untried)
			expect(&trial, -ECANCELED, DUET_UNTOUCHED, DUET_CAUSE_CANCEL);
		else if (trial.op.result == 0)
			expect(&trial, 0, DUET_COMPLETED, DUET_CAUSE_ITSELF);
		else
			expect(&trial, -ECANCELED, DUET_TAINTED, DUET_CAUSE_CANCEL);
		handle_close(trial.op.handle);
	}
	if (!stage.arm->kernel)
		return;
	expect_ends();
	for (unsigned i = 0; i < 3; i++)
		stop_on_the_way();
}
END_TEST

int main(void)
{
	return hazards_run("reactor",
		CASES(the_directions_of_a_handle_do_not_disarm_each_other,
			a_stopped_connect_leaves_no_connection_behind),
		CASES(tagged_bytes_never_cross_connections_although_numbers_are_reused,
			an_event_of_who_left_in_the_same_batch_reaches_nobody,
			an_edge_whose_waiter_was_cancelled_is_not_lost,
			a_number_that_was_closed_can_be_given_to_the_loop_again,
			a_released_descriptor_can_be_adopted_again_at_once),
		NULL);
}
