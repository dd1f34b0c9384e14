/* SPDX-FileCopyrightText: The Duet authors */
/* SPDX-License-Identifier: MIT */
#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/support/harness.h"

/* Socket, bind, listen and shutdown as operations, and the plain call that does three of them. */

static struct trial trial;

static int run_socket(int domain, int type)
{
	trial_init(&trial);
	duet_op_socket(&trial.op, domain, type, 0);
	return trial_run(&trial);
}

START_TEST(socket_makes_a_handle)
{
	ck_assert_int_eq(run_socket(AF_INET, SOCK_STREAM), 0);
	expect(&trial, 0, DUET_COMPLETED, DUET_CAUSE_ITSELF);
	ck_assert_uint_ne(trial.op.made.generation, 0);
	handle_close(trial.op.made);
}
END_TEST

static void expect_not_inherited(duet_handle handle)
{
	ck_assert_msg(fcntl(duet_handle_fd(stage.loop, handle), F_GETFD) == FD_CLOEXEC,
		"on %s: a program that is started inherits it", stage.arm->name);
}

/* By each way in which a backend may make one: as a call of its own, at once, and accepted. */
START_TEST(no_socket_is_inherited_by_a_program_that_is_started)
{
	duet_handle pair[2];

	ck_assert_int_eq(run_socket(AF_INET, SOCK_STREAM), 0);
	expect_not_inherited(trial.op.made);
	trial_init(&trial);
	duet_op_socket(&trial.op, AF_INET, SOCK_STREAM, 0);
	duet_op_inline(&trial.op);
	if (trial_try(&trial) == 0)
		await(&trial);
	ck_assert_int_eq(trial.op.result, 0);
	expect_not_inherited(trial.op.made);
	pair_open(pair);
	expect_not_inherited(pair[0]);
	expect_not_inherited(pair[1]);
	expect_not_inherited(stage.listener);
}
END_TEST

START_TEST(an_address_in_use_is_EADDRINUSE)
{
	struct sockaddr_in address;
	duet_handle listener;

	listener_open(&listener, &address);
	ck_assert_int_eq(run_socket(AF_INET, SOCK_STREAM), 0);
	duet_op_bind(&trial.op, trial.op.made, (struct sockaddr *)&address, sizeof(address));
	trial_run(&trial);
	expect(&trial, -EADDRINUSE, DUET_FAILED, DUET_CAUSE_ITSELF);
}
END_TEST

START_TEST(the_plain_listen_binds_and_says_the_port)
{
	struct sockaddr_in address = { .sin_family = AF_INET,
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	struct trial connecting;
	duet_handle listener;
	duet_handle second;
	int error;

	error = duet_handle_listen(stage.loop, (struct sockaddr *)&address, sizeof(address), 8,
		&listener);
	ck_assert_msg(error == 0, "on %s: %s", stage.arm->name, duet_error_name(error));
	ck_assert_uint_ne(address.sin_port, 0);
	ck_assert_int_eq(duet_handle_listen(stage.loop, (struct sockaddr *)&address,
				 sizeof(address), 8, &second),
		-EADDRINUSE);
	ck_assert_int_eq(run_socket(AF_INET, SOCK_STREAM), 0);
	connecting = trial;
	trial_init(&connecting);
	duet_op_connect(&connecting.op, trial.op.made, (struct sockaddr *)&address,
		sizeof(address));
	trial_run(&connecting);
	expect(&connecting, 0, DUET_COMPLETED, DUET_CAUSE_ITSELF);
}
END_TEST

START_TEST(shutdown_of_what_is_not_connected_is_ENOTCONN)
{
	ck_assert_int_eq(run_socket(AF_INET, SOCK_STREAM), 0);
	duet_op_shutdown(&trial.op, trial.op.made, SHUT_WR);
	trial_run(&trial);
	expect(&trial, -ENOTCONN, DUET_FAILED, DUET_CAUSE_ITSELF);
}
END_TEST

START_TEST(shutdown_for_reading_ends_a_waiting_receive_with_0)
{
	struct trial recv;
	duet_handle pair[2];
	char byte;

	pair_open(pair);
	trial_init(&recv);
	duet_op_recv(&recv.op, pair[1], &byte, 1, 0);
	trial_start(&recv);
	stage_settle(3);
	trial_init(&trial);
	duet_op_shutdown(&trial.op, pair[1], SHUT_RD);
	trial_run(&trial);
	expect(&trial, 0, DUET_COMPLETED, DUET_CAUSE_ITSELF);
	await(&recv);
	expect(&recv, 0, DUET_COMPLETED, DUET_CAUSE_ITSELF);
}
END_TEST

START_TEST(an_unknown_protocol_family_fails_as_the_kernel_says)
{
	ck_assert_int_eq(run_socket(9999, SOCK_STREAM), -EAFNOSUPPORT);
	expect(&trial, -EAFNOSUPPORT, DUET_FAILED, DUET_CAUSE_ITSELF);
}
END_TEST

START_TEST(the_plain_listen_needs_room_for_an_operation)
{
	struct sockaddr_in address = { .sin_family = AF_INET,
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	struct duet_loop_options options;
	duet_handle listener;

	duet_loop_options_init(&options);
	options.operations_max = 1;
	stage_reopen(&options, NULL);
	trial_init(&trial);
	duet_op_nop(&trial.op);
	trial_start(&trial);
	ck_assert_int_eq(duet_handle_listen(stage.loop, (struct sockaddr *)&address,
				 sizeof(address), 8, &listener),
		-ENOBUFS);
	await(&trial);
	ck_assert_int_eq(duet_handle_listen(stage.loop, (struct sockaddr *)&address,
				 sizeof(address), 8, &listener),
		0);
}
END_TEST

/* ---- Bind and listen, directly. ---- */

static int run_bind(struct sockaddr_in *address)
{
	socklen_t length;
	int error;

	memset(address, 0, sizeof(*address));
	address->sin_family = AF_INET;
	address->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	duet_op_bind(&trial.op, trial.op.made, (struct sockaddr *)address, sizeof(*address));
	error = trial_run(&trial);
	memcpy(address, duet_op_address(&trial.op, &length), sizeof(*address));
	return error;
}

static void connect_to(struct trial *connecting, const struct sockaddr_in *address)
{
	trial_init(connecting);
	duet_op_socket(&connecting->op, AF_INET, SOCK_STREAM, 0);
	trial_run(connecting);
	expect(connecting, 0, DUET_COMPLETED, DUET_CAUSE_ITSELF);
	duet_op_connect(&connecting->op, connecting->op.made, (const struct sockaddr *)address,
		sizeof(*address));
	trial_run(connecting);
}

START_TEST(connections_come_from_listen_on_and_not_before)
{
	struct sockaddr_in address;
	struct trial connecting;
	struct trial accepting;
	duet_handle listener;

	ck_assert_int_eq(run_socket(AF_INET, SOCK_STREAM), 0);
	listener = trial.op.made;
	ck_assert_int_eq(run_bind(&address), 0);
	connect_to(&connecting, &address);
	expect(&connecting, -ECONNREFUSED, DUET_FAILED, DUET_CAUSE_ITSELF);
	duet_op_listen(&trial.op, listener, 4);
	trial_run(&trial);
	expect(&trial, 0, DUET_COMPLETED, DUET_CAUSE_ITSELF);
	connect_to(&connecting, &address);
	expect(&connecting, 0, DUET_COMPLETED, DUET_CAUSE_ITSELF);
	/* Again, to change the backlog: what came is still there. */
	duet_op_listen(&trial.op, listener, 8);
	trial_run(&trial);
	expect(&trial, 0, DUET_COMPLETED, DUET_CAUSE_ITSELF);
	trial_init(&accepting);
	duet_op_accept(&accepting.op, listener, 0);
	trial_run(&accepting);
	expect(&accepting, 0, DUET_COMPLETED, DUET_CAUSE_ITSELF);
}
END_TEST

START_TEST(a_listen_asked_to_end_inside_start_does)
{
	struct sockaddr_in address;

	ck_assert_int_eq(run_socket(AF_INET, SOCK_STREAM), 0);
	ck_assert_int_eq(run_bind(&address), 0);
	trial.ends = 0;
	duet_op_listen(&trial.op, trial.op.handle, 4);
	duet_op_inline(&trial.op);
	ck_assert_int_eq(trial_try(&trial), 1);
	ck_assert_int_eq(trial.op.result, 0);
	ck_assert_int_eq(trial.op.disposition, DUET_COMPLETED);
	stage_settle(2);
	ck_assert_uint_eq(trial.ends, 0);
}
END_TEST

START_TEST(a_listen_on_no_handle_or_with_flags_is_refused)
{
	struct sockaddr_in address;
	duet_handle handle;

	ck_assert_int_eq(run_socket(AF_INET, SOCK_STREAM), 0);
	handle = trial.op.made;
	ck_assert_int_eq(run_bind(&address), 0);
	duet_op_listen(&trial.op, handle, 4);
	trial.op.flags = DUET_MULTISHOT;
	ck_assert_int_eq(trial_try(&trial), -EINVAL);
	handle_close(handle);
	duet_op_listen(&trial.op, handle, 4);
	ck_assert_int_eq(trial_try(&trial), -EBADF);
}
END_TEST

/* What cannot listen, and a descriptor that is no socket. */
START_TEST(a_listen_fails_as_the_kernel_says)
{
	duet_handle handle;
	int ends[2];
	int raw;

	raw_pair(&handle, &raw);
	trial_init(&trial);
	duet_op_listen(&trial.op, handle, 4);
	trial_run(&trial);
	expect(&trial, -EINVAL, DUET_FAILED, DUET_CAUSE_ITSELF);
	close(raw);
	raw_unix(SOCK_DGRAM, &handle, &raw);
	trial_init(&trial);
	duet_op_listen(&trial.op, handle, 4);
	trial_run(&trial);
	expect(&trial, -EOPNOTSUPP, DUET_FAILED, DUET_CAUSE_ITSELF);
	close(raw);
	ck_assert_int_eq(pipe2(ends, O_CLOEXEC), 0);
	ck_assert_int_eq(duet_handle_adopt(stage.loop, ends[0], 0, &handle), 0);
	trial_init(&trial);
	duet_op_listen(&trial.op, handle, 4);
	trial_run(&trial);
	expect(&trial, -ENOTSOCK, DUET_FAILED, DUET_CAUSE_ITSELF);
	close(ends[1]);
}
END_TEST

/* ---- Descriptors. ---- */

static bool is_kept_from_children(duet_handle handle)
{
	int flags = fcntl(duet_handle_fd(stage.loop, handle), F_GETFD);

	ck_assert_int_ge(flags, 0);
	return flags & FD_CLOEXEC;
}

START_TEST(whatever_the_loop_makes_is_closed_on_exec)
{
	struct sockaddr_in address = { .sin_family = AF_INET,
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	duet_handle handle;
	int raw;

	for (int asked_inline = 0; asked_inline < 2; asked_inline++) {
		trial_init(&trial);
		duet_op_socket(&trial.op, AF_INET, SOCK_STREAM, 0);
		if (asked_inline)
			duet_op_inline(&trial.op);
		if (trial_try(&trial) == 0)
			await(&trial);
		ck_assert_int_eq(trial.op.result, 0);
		ck_assert(is_kept_from_children(trial.op.made));
	}
	ck_assert_int_eq(duet_handle_listen(stage.loop, (struct sockaddr *)&address,
				 sizeof(address), 8, &handle), 0);
	ck_assert(is_kept_from_children(handle));
	raw_pair(&handle, &raw);
	ck_assert(is_kept_from_children(handle));
	close(raw);
	handle = file_open(file_path("data"), O_RDWR | O_CREAT);
	ck_assert(is_kept_from_children(handle));
}
END_TEST

/* A pipe's end, or the first of a pair of sockets, with or without O_NONBLOCK. */
static void open_ends(int ends[2], bool socket, bool nonblocking)
{
	if (socket)
		ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
	else
		ck_assert_int_eq(pipe2(ends, O_CLOEXEC), 0);
	if (nonblocking)
		ck_assert_int_eq(fcntl(ends[0], F_SETFL, O_NONBLOCK), 0);
}

/* Whatever a receive with nothing there, an arrival and a cancel made of its flags. */
START_TEST(a_descriptor_waits_or_not_as_before_when_it_is_given_back)
{
	for (unsigned i = 0; i < 4; i++) {
		duet_handle handle;
		char byte = 0;
		int ends[2];
		int flags;

		open_ends(ends, i & 1, i & 2);
		flags = fcntl(ends[0], F_GETFL);
		ck_assert_int_eq(!!(flags & O_NONBLOCK), i >> 1);
		ck_assert_int_eq(duet_handle_adopt(stage.loop, ends[0], 0, &handle), 0);
		trial_init(&trial);
		duet_op_recv(&trial.op, handle, &byte, 1, 0);
		trial_start(&trial);
		stage_settle(3);
		ck_assert_uint_eq(trial.ends, 0);
		ck_assert_int_eq(write(ends[1], "x", 1), 1);
		await(&trial);
		expect(&trial, 1, DUET_COMPLETED, DUET_CAUSE_ITSELF);
		ck_assert_int_eq(byte, 'x');
		ck_assert_int_eq(duet_handle_release(stage.loop, handle), ends[0]);
		ck_assert_int_eq(fcntl(ends[0], F_GETFL), flags);
		close(ends[0]);
		close(ends[1]);
	}
}
END_TEST

START_TEST(a_listener_waits_or_not_as_before_when_it_is_given_back)
{
	for (int nonblocking = 0; nonblocking < 2; nonblocking++) {
		int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
		duet_handle handle;
		int flags;

		ck_assert_int_eq(listen(fd, 4), 0);
		ck_assert_int_eq(fcntl(fd, F_SETFL, nonblocking ? O_NONBLOCK : 0), 0);
		flags = fcntl(fd, F_GETFL);
		ck_assert_int_eq(duet_handle_adopt(stage.loop, fd, 0, &handle), 0);
		trial_init(&trial);
		duet_op_accept(&trial.op, handle, 0);
		trial_start(&trial);
		stage_settle(3);
		trial_cancel(&trial);
		await(&trial);
		expect(&trial, -ECANCELED, DUET_UNTOUCHED, DUET_CAUSE_CANCEL);
		ck_assert_int_eq(duet_handle_release(stage.loop, handle), fd);
		ck_assert_int_eq(fcntl(fd, F_GETFL), flags);
		close(fd);
	}
}
END_TEST

START_TEST(adopted_descriptors_are_given_back_open)
{
	duet_handle handle;
	duet_handle stale;
	int ends[2];

	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
	ck_assert_int_eq(duet_handle_adopt(stage.loop, ends[0], 0, &handle), 0);
	ck_assert_int_eq(duet_handle_fd(stage.loop, handle), ends[0]);
	ck_assert_int_eq(duet_handle_adopt(stage.loop, ends[1], 1u << 20, &stale), -EINVAL);
	trial_init(&trial);
	duet_op_recv(&trial.op, handle, (char[1]){ 0 }, 1, 0);
	trial_start(&trial);
	ck_assert_int_eq(duet_handle_release(stage.loop, handle), -EBUSY);
	trial_cancel(&trial);
	await(&trial);
	ck_assert_int_eq(duet_handle_release(stage.loop, handle), ends[0]);
	ck_assert_int_eq(duet_handle_release(stage.loop, handle), -EBADF);
	ck_assert_int_eq(duet_handle_fd(stage.loop, handle), -EBADF);
	ck_assert_int_eq(write(ends[1], "x", 1), 1);
	ck_assert_int_eq(read(ends[0], (char[1]){ 0 }, 1), 1);
	close(ends[0]);
	close(ends[1]);
}
END_TEST

START_TEST(made_descriptors_are_given_back_as_they_were_asked_for)
{
	const char *path = file_path("file");
	int fd;

	for (unsigned round = 0; round < 2; round++) {
		trial_init(&trial);
		duet_op_socket(&trial.op, AF_INET, SOCK_STREAM | (round ? SOCK_NONBLOCK : 0), 0);
		trial_run(&trial);
		fd = duet_handle_release(stage.loop, trial.op.made);
		ck_assert_int_eq(!!(fcntl(fd, F_GETFL) & O_NONBLOCK), round);
		close(fd);
		trial_init(&trial);
		duet_op_open(&trial.op, AT_FDCWD, path,
			O_RDWR | O_CREAT | (round ? O_NONBLOCK : 0), 0600);
		trial_run(&trial);
		fd = duet_handle_release(stage.loop, trial.op.made);
		ck_assert_int_eq(!!(fcntl(fd, F_GETFL) & O_NONBLOCK), round);
		close(fd);
	}
}
END_TEST

START_TEST(a_bad_descriptor_is_not_adopted_and_a_full_table_says_ENFILE)
{
	struct duet_loop_options options;
	duet_handle handle;
	int ends[2];

	ck_assert_int_eq(duet_handle_adopt(stage.loop, 4000, 0, &handle), -EBADF);
	ck_assert_int_eq(duet_handle_adopt(stage.loop, -1, 0, &handle), -EBADF);
	duet_loop_options_init(&options);
	options.handles_max = 1;
	stage_reopen(&options, NULL);
	ck_assert_int_eq(pipe(ends), 0);
	ck_assert_int_eq(duet_handle_adopt(stage.loop, ends[0], 0, &handle), 0);
	ck_assert_int_eq(duet_handle_adopt(stage.loop, ends[1], 0, &handle), -ENFILE);
	close(ends[1]);
}
END_TEST

int main(void)
{
	return contract_run("socket",
		CASES(socket_makes_a_handle, an_address_in_use_is_EADDRINUSE,
			the_plain_listen_binds_and_says_the_port,
			the_plain_listen_needs_room_for_an_operation,
			shutdown_of_what_is_not_connected_is_ENOTCONN,
			shutdown_for_reading_ends_a_waiting_receive_with_0,
			an_unknown_protocol_family_fails_as_the_kernel_says,
			connections_come_from_listen_on_and_not_before,
			a_listen_asked_to_end_inside_start_does,
			a_listen_on_no_handle_or_with_flags_is_refused),
		CASES(no_socket_is_inherited_by_a_program_that_is_started, a_listen_fails_as_the_kernel_says, whatever_the_loop_makes_is_closed_on_exec,
			a_descriptor_waits_or_not_as_before_when_it_is_given_back,
			a_listener_waits_or_not_as_before_when_it_is_given_back,
			adopted_descriptors_are_given_back_open,
			made_descriptors_are_given_back_as_they_were_asked_for,
			a_bad_descriptor_is_not_adopted_and_a_full_table_says_ENFILE));
}
