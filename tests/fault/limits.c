/* SPDX-FileCopyrightText: The Duet authors */
/* SPDX-License-Identifier: MIT */
#include <fcntl.h>
#include <sched.h>
#include <sys/resource.h>
#include <unistd.h>

#include "tests/support/harness.h"

/* Too many open files, and a machine with one core. Limits are lowered in the case's own process. */

static struct rlimit limit;

/* From here on no descriptor can be made. */
static void descriptors_exhaust(void)
{
	struct rlimit low;
	int lowest = dup(0);

	ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &limit), 0);
	low = limit;
	low.rlim_cur = (rlim_t)lowest;
	close(lowest);
	ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &low), 0);
}

static void descriptors_allow(void)
{
	ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &limit), 0);
}

START_TEST(accept_without_a_descriptor_is_EMFILE_and_the_connection_waits)
{
	struct trial trial;
	int raw;

	listener_open(&stage.listener, &stage.address);
	raw = raw_connect();
	descriptors_exhaust();
	trial_init(&trial);
	duet_op_accept(&trial.op, stage.listener, 0);
	trial_run(&trial);
	expect(&trial, -EMFILE, DUET_FAILED, DUET_CAUSE_ITSELF);
	descriptors_allow();
	duet_op_accept(&trial.op, stage.listener, 0);
	trial_run(&trial);
	expect(&trial, 0, DUET_COMPLETED, DUET_CAUSE_ITSELF);
	close(raw);
}
END_TEST

START_TEST(a_multishot_accept_without_a_descriptor_ends_with_EMFILE)
{
	struct trial trial;
	int raw;

	listener_open(&stage.listener, &stage.address);
	raw = raw_connect();
	descriptors_exhaust();
	trial_init(&trial);
	duet_op_accept(&trial.op, stage.listener, DUET_MULTISHOT);
	trial_run(&trial);
	expect(&trial, -EMFILE, DUET_FAILED, DUET_CAUSE_ITSELF);
	descriptors_allow();
	duet_op_accept(&trial.op, stage.listener, 0);
	trial_run(&trial);
	expect(&trial, 0, DUET_COMPLETED, DUET_CAUSE_ITSELF);
	close(raw);
}
END_TEST

/* The bytes came: they are not lost with what couldn't be. */
START_TEST(passed_descriptors_beyond_the_bound_are_closed_and_the_header_says_so)
{
	_Alignas(struct cmsghdr) unsigned char control[CMSG_SPACE(sizeof(int))];
	struct duet_msghdr header = { .control = control, .control_room_bytes = sizeof(control) };
	struct iovec piece = { (char[]){ "x" }, 1 };
	struct trial trial;
	duet_handle handle;
	int raw, fd = 0;
	char byte;

	raw_unix(SOCK_STREAM, &handle, &raw);
	ck_assert_int_eq(duet_msghdr_put_descriptors(&header, &fd, 1), 0);
	ck_assert_int_eq(sendmsg(raw, &(struct msghdr){ .msg_iov = &piece, .msg_iovlen = 1,
					      .msg_control = control,
					      .msg_controllen = sizeof(control) }, 0), 1);
	descriptors_exhaust();
	trial_init(&trial);
	duet_op_recvfrom(&trial.op, handle, &byte, 1, &header);
	trial_run(&trial);
	expect(&trial, 1, DUET_COMPLETED, DUET_CAUSE_ITSELF);
	ck_assert_int_eq(header.flags & MSG_CTRUNC, MSG_CTRUNC);
	ck_assert_ptr_null(duet_msghdr_descriptors(&header, &(unsigned){ 0 }));
	descriptors_allow();
	close(raw);
}
END_TEST

START_TEST(socket_and_open_without_a_descriptor_are_EMFILE)
{
	struct trial trial;

	descriptors_exhaust();
	trial_init(&trial);
	duet_op_socket(&trial.op, AF_INET, SOCK_STREAM, 0);
	trial_run(&trial);
	expect(&trial, -EMFILE, DUET_FAILED, DUET_CAUSE_ITSELF);
	duet_op_open(&trial.op, AT_FDCWD, "/dev/null", O_RDONLY, 0);
	trial_run(&trial);
	expect(&trial, -EMFILE, DUET_FAILED, DUET_CAUSE_ITSELF);
	descriptors_allow();
}
END_TEST

/* A pipe that has room for one end is none. */
START_TEST(pipes_signals_and_processes_without_a_descriptor_are_EMFILE)
{
	duet_handle ends[2];
	sigset_t set;
	int spare;

	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	sigprocmask(SIG_BLOCK, &set, NULL);
	spare = dup(0);
	descriptors_exhaust();
	ck_assert_int_eq(duet_handle_pipe(stage.loop, ends, 0), -EMFILE);
	ck_assert_int_eq(duet_handle_signals(stage.loop, &set, &ends[0]), -EMFILE);
	ck_assert_int_eq(duet_handle_process(stage.loop, getpid(), &ends[0]), -EMFILE);
	ck_assert_uint_eq(ends[0].generation, 0);
	close(spare);
	ck_assert_int_eq(duet_handle_pipe(stage.loop, ends, 0), -EMFILE);
	ck_assert_int_eq(duet_handle_signals(stage.loop, &set, &ends[0]), 0);
	descriptors_allow();
	handle_close(ends[0]);
}
END_TEST

START_TEST(a_loop_without_a_descriptor_is_refused_with_EMFILE_and_a_reason)
{
	struct duet_probe probe;
	struct duet_loop *loop;
	unsigned before = descriptors_open();

	descriptors_exhaust();
	ck_assert_int_eq(duet_loop_create(&loop, stage.arm->backend(), NULL), -EMFILE);
	ck_assert_ptr_null(loop);
	ck_assert_int_eq(duet_backend_probe(stage.arm->backend(), NULL, &probe), -EMFILE);
	descriptors_allow();
	ck_assert_ptr_nonnull(strstr(probe.reason, "ulimit -n"));
	ck_assert_uint_eq(descriptors_open(), before);
}
END_TEST

START_TEST(on_one_core_everything_still_moves)
{
	const char *path = file_path("data");
	unsigned char data[4096];
	duet_handle pair[2];
	duet_handle file;
	cpu_set_t one;

	CPU_ZERO(&one);
	CPU_SET((size_t)sched_getcpu(), &one);
	ck_assert_int_eq(sched_setaffinity(0, sizeof(one), &one), 0);
	stage_reopen(NULL, NULL);
	pair_open(pair);
	pattern_fill(data, sizeof(data), 0);
	for (unsigned i = 0; i < 50; i++) {
		stream_send(pair[0], data, sizeof(data));
		stream_recv(pair[1], data, sizeof(data));
	}
	ck_assert(pattern_holds(data, sizeof(data), 0));
	file_make(path, 4096);
	file = file_open(path, O_RDONLY);
	ck_assert_int_eq(file_read(file, data, 4096, 0), 4096);
	handle_close(file);
}
END_TEST

int main(void)
{
	return contract_run("limits", NULL,
		CASES(accept_without_a_descriptor_is_EMFILE_and_the_connection_waits,
			a_multishot_accept_without_a_descriptor_ends_with_EMFILE,
			passed_descriptors_beyond_the_bound_are_closed_and_the_header_says_so,
			socket_and_open_without_a_descriptor_are_EMFILE,
			pipes_signals_and_processes_without_a_descriptor_are_EMFILE,
			a_loop_without_a_descriptor_is_refused_with_EMFILE_and_a_reason,
			on_one_core_everything_still_moves));
}
