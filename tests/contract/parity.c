/* SPDX-FileCopyrightText: The Duet authors */
/* SPDX-License-Identifier: MIT */
#include <fcntl.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/un.h>
#include <unistd.h>

#include "tests/support/harness.h"

/* The rows of docs/parity.md, except those of files and of arrivals: what the twins do differently, arm
 * by arm. The other suites say what they do alike. */

static struct trial trial;
static duet_handle handle;
static int raw;
static unsigned char data[4096];

static bool on_ring(void)
{
	return stage.arm->ring;
}

/* Completions appear at any time, not only when the loop asks. */
static bool on_plain_ring(void)
{
	return on_ring() && stage.arm->tuning;
}

static bool readable(int fd)
{
	struct pollfd asked = { .fd = fd, .events = POLLIN };

	return poll(&asked, 1, 0) == 1;
}

/* The peer's end is told of a close: the other end is gone. */
static bool hung_up(int fd)
{
	struct pollfd asked = { .fd = fd, .events = POLLRDHUP };

	return poll(&asked, 1, 50) == 1;
}

static void cancel_and_await(void)
{
	trial_cancel(&trial);
	await(&trial);
}

static void expect_untouched(void)
{
	expect(&trial, -ECANCELED, DUET_UNTOUCHED, DUET_CAUSE_CANCEL);
}

/* ---- A listener of our own: its backlog is in our hand, connecting to it needn't wait. ---- */

static struct sockaddr_un name;
static socklen_t name_length;

static int unix_listener(int backlog)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	memset(&name, 0, sizeof(name));
	name.sun_family = AF_UNIX;
	name_length = sizeof(sa_family_t);
	ck_assert_int_eq(bind(fd, (struct sockaddr *)&name, name_length), 0);
	name_length = sizeof(name);
	ck_assert_int_eq(getsockname(fd, (struct sockaddr *)&name, &name_length), 0);
	ck_assert_int_eq(listen(fd, backlog), 0);
	return fd;
}

static int unix_connect(void)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	ck_assert_int_eq(connect(fd, (struct sockaddr *)&name, name_length), 0);
	return fd;
}

static void connect_init(void)
{
	trial_init(&trial);
	duet_op_socket(&trial.op, AF_UNIX, SOCK_STREAM, 0);
	trial_run(&trial);
	expect(&trial, 0, DUET_COMPLETED, DUET_CAUSE_ITSELF);
	handle = trial.op.made;
	trial_init(&trial);
	duet_op_connect(&trial.op, handle, (struct sockaddr *)&name, name_length);
}

/* ---- A cancel, and when the system call is made. ---- */

/* A receive and a send are as those with a header. */
static struct duet_msghdr header;

static void describe_recv(bool headed)
{
	trial_init(&trial);
	if (headed)
		duet_op_recvfrom(&trial.op, handle, data, 5, &header);
	else
		duet_op_recv(&trial.op, handle, data, 5, 0);
}

static void describe_send(bool headed)
{
	trial_init(&trial);
	if (headed)
		duet_op_sendto(&trial.op, handle, "hello", 5, &header);
	else
		duet_op_send(&trial.op, handle, "hello", 5, 0);
}

START_TEST(a_cancel_behind_the_hand_over_meets_bytes)
{
	for (unsigned headed = 0; headed < 2; headed++) {
		raw_unix(SOCK_STREAM, &handle, &raw);
		describe_recv(headed);
		trial_start(&trial);
		duet_loop_prepare(stage.loop);
		raw_send(raw, "hello", 5);
		cancel_and_await();
		if (on_plain_ring()) {
			expect(&trial, 5, DUET_COMPLETED, DUET_CAUSE_ITSELF);
		} else {
			expect_untouched();
			stream_recv(handle, data, 5);
		}
		ck_assert_mem_eq(data, "hello", 5);
		close(raw);
	}
}
END_TEST

START_TEST(a_receive_cancelled_in_front_of_the_turn)
{
	for (unsigned headed = 0; headed < 2; headed++) {
		raw_unix(SOCK_STREAM, &handle, &raw);
		raw_send(raw, "hello", 5);
		describe_recv(headed);
		trial_start(&trial);
		cancel_and_await();
		if (on_ring()) {
			expect(&trial, 5, DUET_COMPLETED, DUET_CAUSE_ITSELF);
		} else {
			expect_untouched();
			stream_recv(handle, data, 5);
		}
		ck_assert_mem_eq(data, "hello", 5);
		close(raw);
	}
}
END_TEST

START_TEST(a_receive_closed_under_in_front_of_the_turn)
{
	for (unsigned headed = 0; headed < 2; headed++) {
		raw_unix(SOCK_STREAM, &handle, &raw);
		raw_send(raw, "hello", 5);
		describe_recv(headed);
		trial_start(&trial);
		handle_close(handle);
		if (on_ring())
			expect(&trial, 5, DUET_COMPLETED, DUET_CAUSE_ITSELF);
		else
			expect(&trial, -ECANCELED, DUET_UNTOUCHED, DUET_CAUSE_CLOSE);
		close(raw);
	}
}
END_TEST

START_TEST(a_send_cancelled_in_front_of_the_turn)
{
	for (unsigned headed = 0; headed < 2; headed++) {
		raw_unix(SOCK_STREAM, &handle, &raw);
		describe_send(headed);
		trial_start(&trial);
		cancel_and_await();
		if (on_ring())
			expect(&trial, 5, DUET_COMPLETED, DUET_CAUSE_ITSELF);
		else
			expect_untouched();
		ck_assert_int_eq(readable(raw), on_ring());
		close(raw);
	}
}
END_TEST

START_TEST(an_accept_cancelled_in_front_of_the_turn)
{
	int listener = unix_listener(4);

	raw = unix_connect();
	ck_assert_int_eq(duet_handle_adopt(stage.loop, listener, 0, &handle), 0);
	trial_init(&trial);
	duet_op_accept(&trial.op, handle, 0);
	trial_start(&trial);
	cancel_and_await();
	if (on_ring())
		expect(&trial, 0, DUET_COMPLETED, DUET_CAUSE_ITSELF);
	else
		expect_untouched();
	ck_assert_int_eq(readable(listener), !on_ring());
	close(raw);
}
END_TEST

START_TEST(a_connect_cancelled_in_front_of_the_turn)
{
	int listener = unix_listener(4);

	connect_init();
	trial_start(&trial);
	cancel_and_await();
	if (on_ring())
		expect(&trial, 0, DUET_COMPLETED, DUET_CAUSE_ITSELF);
	else
		expect(&trial, -ECANCELED, DUET_UNTOUCHED, DUET_CAUSE_CANCEL);
	ck_assert_int_eq(readable(listener), on_ring());
	close(listener);
}
END_TEST

START_TEST(a_nop_or_a_poll_cancelled_in_front_of_the_turn)
{
	raw_unix(SOCK_STREAM, &handle, &raw);
	for (unsigned round = 0; round < 2; round++) {
		trial_init(&trial);
		if (round)
			duet_op_poll(&trial.op, handle, POLLOUT);
		else
			duet_op_nop(&trial.op);
		trial_start(&trial);
		cancel_and_await();
		if (on_ring())
			expect(&trial, round ? POLLOUT : 0, DUET_COMPLETED, DUET_CAUSE_ITSELF);
		else
			expect_untouched();
	}
	close(raw);
}
END_TEST

/* A shutdown is one of the kernel's workers' on the ring: the cancel may or may not be too late. */
START_TEST(a_shutdown_cancelled_in_front_of_the_turn)
{
	raw_unix(SOCK_STREAM, &handle, &raw);
	trial_init(&trial);
	duet_op_shutdown(&trial.op, handle, SHUT_WR);
	trial_start(&trial);
	ck_assert_int_eq(readable(raw), !on_ring());
	cancel_and_await();
	if (on_ring() && trial.op.result < 0)
		expect_untouched();
	else
		expect(&trial, 0, DUET_COMPLETED, DUET_CAUSE_ITSELF);
	ck_assert_int_eq(readable(raw), trial.op.result == 0);
	close(raw);
}
END_TEST

START_TEST(what_prepare_has_done_by_itself)
{
	raw_unix(SOCK_STREAM, &handle, &raw);
	trial_init(&trial);
	duet_op_send(&trial.op, handle, "hello", 5, 0);
	trial_start(&trial);
	duet_loop_prepare(stage.loop);
	ck_assert_int_eq(readable(raw), on_ring());
	await(&trial);
	expect(&trial, 5, DUET_COMPLETED, DUET_CAUSE_ITSELF);
	close(raw);
}
END_TEST

/* ---- What ends inside start, if that is permitted. ---- */

#define start_inline(polling_, ring_)                                                              \
	do {                                                                                       \
		int answer_;                                                                       \
		duet_op_inline(&trial.op);                                                         \
		answer_ = trial_try(&trial);                                                       \
		ck_assert_msg(answer_ == (on_ring() ? (ring_) : (polling_)), "on %s: %s: %d",      \
			stage.arm->name, duet_kind_name(trial.op.kind), answer_);                  \
		if (!answer_)                                                                      \
			await(&trial);                                                             \
	} while (0)

START_TEST(what_ends_in_start_with_DUET_INLINE)
{
	struct sockaddr_in any = { .sin_family = AF_INET };
	int listener = unix_listener(4);
	duet_handle made;
	int ends[2];

	trial_init(&trial);
	duet_op_nop(&trial.op);
	start_inline(1, 0);

	trial_init(&trial);
	duet_op_socket(&trial.op, AF_INET, SOCK_STREAM, 0);
	start_inline(1, 1);
	made = trial.op.made;
	trial_init(&trial);
	duet_op_bind(&trial.op, made, (struct sockaddr *)&any, sizeof(any));
	start_inline(1, 1);
	trial_init(&trial);
	duet_op_listen(&trial.op, made, 4);
	start_inline(1, 1);
	trial_init(&trial);
	duet_op_close(&trial.op, made);
	start_inline(1, 0);

	connect_init();
	start_inline(1, 0);
	trial_init(&trial);
	ck_assert_int_eq(duet_handle_adopt(stage.loop, listener, 0, &made), 0);
	duet_op_accept(&trial.op, made, 0);
	start_inline(1, 0);

	raw_unix(SOCK_STREAM, &handle, &raw);
	raw_send(raw, "hello", 5);
	trial_init(&trial);
	duet_op_poll(&trial.op, handle, POLLIN);
	start_inline(1, 0);
	describe_recv(false);
	start_inline(1, 1);
	raw_send(raw, "hello", 5);
	describe_recv(true);
	start_inline(1, 1);
	trial_init(&trial);
	duet_op_shutdown(&trial.op, handle, SHUT_WR);
	start_inline(1, 0);
	close(raw);

	ck_assert_int_eq(pipe2(ends, O_CLOEXEC), 0);
	ck_assert_int_eq(duet_handle_adopt(stage.loop, ends[0], 0, &handle), 0);
	ck_assert_int_eq(write(ends[1], "hello", 5), 5);
	trial_init(&trial);
	duet_op_recv(&trial.op, handle, data, 5, 0);
	start_inline(1, 0);
	close(ends[1]);
}
END_TEST

START_TEST(a_send_in_start_with_DUET_INLINE)
{
	for (unsigned round = 0; round < 4; round++) {
		bool direct = round % 2;

		stage_reopen(NULL, direct ? NULL : "direct=no");
		raw_unix(SOCK_STREAM, &handle, &raw);
		stage_settle(1);
		describe_send(round / 2);
		start_inline(1, direct ? 1 : 0);
		close(raw);
	}
}
END_TEST

/* ---- Bounds. ---- */

static void listen_in_a_full_table(unsigned places)
{
	struct duet_loop_options options;

	duet_loop_options_init(&options);
	options.handles_max = places;
	stage_reopen(&options, NULL);
	ck_assert_int_eq(duet_handle_adopt(stage.loop, unix_listener(8), 0, &handle), 0);
}

/* The second round finds the first one's connection in the backlog as well: nobody took it. */
START_TEST(an_accept_without_a_place_for_its_handle)
{
	struct duet_stats stats;

	listen_in_a_full_table(1);
	for (unsigned round = 0; round < 2; round++) {
		raw = unix_connect();
		trial_init(&trial);
		duet_op_accept(&trial.op, handle, round ? DUET_MULTISHOT : 0);
		trial_start(&trial);
		await(&trial);
		expect(&trial, -ENFILE, DUET_FAILED, DUET_CAUSE_ITSELF);
		ck_assert_int_eq(hung_up(raw), round && on_ring());
		duet_loop_stats(stage.loop, &stats);
		ck_assert_uint_eq(stats.reclaimed, round && on_ring() ? 2 : 0);
		ck_assert_int_eq(readable(duet_handle_fd(stage.loop, handle)), !(round && on_ring()));
		close(raw);
	}
}
END_TEST

START_TEST(a_multishot_accept_that_runs_out_of_places)
{
	int peers[3];

	listen_in_a_full_table(2);
	for (unsigned i = 0; i < 3; i++)
		peers[i] = unix_connect();
	trial_init(&trial);
	duet_op_accept(&trial.op, handle, DUET_MULTISHOT);
	trial_start(&trial);
	await(&trial);
	expect(&trial, -ENFILE, DUET_FAILED, DUET_CAUSE_ITSELF);
	ck_assert_uint_eq(trial.items, 1);
	ck_assert(!hung_up(peers[0]));
	ck_assert_int_eq(hung_up(peers[1]), on_ring());
	ck_assert_int_eq(hung_up(peers[2]), on_ring());
	for (unsigned i = 0; i < 3; i++)
		close(peers[i]);
}
END_TEST

START_TEST(a_connect_to_a_unix_listener_whose_backlog_is_full)
{
	int listener = unix_listener(0);
	int first = unix_connect();

	connect_init();
	trial_start(&trial);
	stage_settle(5);
	if (on_ring()) {
		ck_assert_uint_eq(trial.ends, 0);
		close(accept(listener, NULL, NULL));
		await(&trial);
		expect(&trial, 0, DUET_COMPLETED, DUET_CAUSE_ITSELF);
	} else {
		expect(&trial, -EAGAIN, DUET_FAILED, DUET_CAUSE_ITSELF);
	}
	close(first);
	close(listener);
}
END_TEST

/* ---- Traces left elsewhere. ---- */

static bool nonblocking(duet_handle of)
{
	return fcntl(duet_handle_fd(stage.loop, of), F_GETFL) & O_NONBLOCK;
}

START_TEST(which_descriptors_stop_waiting_for_everybody)
{
	int listener = unix_listener(4);
	int ends[2];

	connect_init();
	trial_start(&trial);
	await(&trial);
	ck_assert_int_eq(nonblocking(handle), !on_ring());

	ck_assert_int_eq(duet_handle_adopt(stage.loop, listener, 0, &handle), 0);
	trial_init(&trial);
	duet_op_accept(&trial.op, handle, 0);
	trial_run(&trial);
	ck_assert_int_eq(nonblocking(handle), !on_ring());

	ck_assert_int_eq(pipe2(ends, O_CLOEXEC), 0);
	ck_assert_int_eq(write(ends[1], "x", 1), 1);
	ck_assert_int_eq(duet_handle_adopt(stage.loop, ends[0], 0, &handle), 0);
	trial_init(&trial);
	duet_op_recv(&trial.op, handle, data, 1, 0);
	trial_run(&trial);
	ck_assert_int_eq(nonblocking(handle), !on_ring());
	close(ends[1]);

	raw_unix(SOCK_STREAM, &handle, &raw);
	raw_send(raw, "x", 1);
	stream_recv(handle, data, 1);
	ck_assert(!nonblocking(handle));
	close(raw);
}
END_TEST

START_TEST(which_counters_of_the_path_move)
{
	struct duet_stats stats;
	duet_handle pair[2];

	pair_open(pair);
	trial_init(&trial);
	duet_op_recv(&trial.op, pair[1], data, 5, DUET_WHOLE);
	trial_start(&trial);
	stage_settle(3);
	stream_send(pair[0], "hello", 5);
	await(&trial);
	file_make(file_path("data"), 10);
	duet_loop_stats(stage.loop, &stats);
	ck_assert_int_eq(stats.submitted > 0, on_ring());
	ck_assert_int_eq(stats.registrations > 0, !on_ring());
	ck_assert_int_eq(stats.worker > 0, !on_ring());
}
END_TEST

/* The kernel wakes a poll for both at once, and the ring passes on what it was woken with. */
START_TEST(a_poll_for_data_when_only_an_urgent_byte_comes)
{
	raw_pair(&handle, &raw);
	trial_init(&trial);
	duet_op_poll(&trial.op, handle, POLLIN);
	trial_start(&trial);
	stage_settle(3);
	ck_assert_int_eq(send(raw, "!", 1, MSG_OOB), 1);
	for (unsigned i = 0; i < 5; i++)
		stage_turn();
	if (on_ring()) {
		expect(&trial, POLLIN, DUET_COMPLETED, DUET_CAUSE_ITSELF);
	} else {
		ck_assert_uint_eq(trial.ends, 0);
		cancel_and_await();
		expect_untouched();
	}
	close(raw);
}
END_TEST

static int epoll_with(int event)
{
	struct epoll_event wanted = { .events = EPOLLIN };
	int fd = epoll_create1(EPOLL_CLOEXEC);

	ck_assert_int_eq(epoll_ctl(fd, EPOLL_CTL_ADD, event, &wanted), 0);
	return fd;
}

/* The ring looks for a way to read only when the descriptor is ready. */
START_TEST(a_receive_from_what_becomes_ready_but_cannot_be_read)
{
	int event = eventfd(0, EFD_CLOEXEC);

	ck_assert_int_eq(duet_handle_adopt(stage.loop, epoll_with(event), 0, &handle), 0);
	trial_init(&trial);
	duet_op_recv(&trial.op, handle, data, 1, 0);
	trial_start(&trial);
	stage_settle(5);
	ck_assert_uint_eq(trial.ends, !on_ring());
	ck_assert_int_eq(eventfd_write(event, 1), 0);
	await(&trial);
	expect(&trial, -EINVAL, DUET_FAILED, DUET_CAUSE_ITSELF);
	close(event);
}
END_TEST

int main(void)
{
	return contract_run("parity", CASES(NULL),
		CASES(a_cancel_behind_the_hand_over_meets_bytes,
			a_receive_cancelled_in_front_of_the_turn,
			a_receive_closed_under_in_front_of_the_turn,
			a_send_cancelled_in_front_of_the_turn,
			an_accept_cancelled_in_front_of_the_turn,
			a_connect_cancelled_in_front_of_the_turn,
			a_nop_or_a_poll_cancelled_in_front_of_the_turn,
			a_shutdown_cancelled_in_front_of_the_turn, what_prepare_has_done_by_itself,
			what_ends_in_start_with_DUET_INLINE, a_send_in_start_with_DUET_INLINE,
			an_accept_without_a_place_for_its_handle,
			a_multishot_accept_that_runs_out_of_places,
			a_connect_to_a_unix_listener_whose_backlog_is_full,
			which_descriptors_stop_waiting_for_everybody,
			which_counters_of_the_path_move,
			a_poll_for_data_when_only_an_urgent_byte_comes,
			a_receive_from_what_becomes_ready_but_cannot_be_read));
}
