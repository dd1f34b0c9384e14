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

START_TEST(adopted_descriptors_are_given_back_as_they_were)
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
	/* Blocking again: a read with nothing there would wait. */
	ck_assert_int_eq(recv(ends[0], (char[1]){ 0 }, 1, MSG_DONTWAIT), -1);
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
			an_unknown_protocol_family_fails_as_the_kernel_says),
		CASES(no_socket_is_inherited_by_a_program_that_is_started,
			adopted_descriptors_are_given_back_as_they_were,
			made_descriptors_are_given_back_as_they_were_asked_for,
			a_bad_descriptor_is_not_adopted_and_a_full_table_says_ENFILE));
}
