/* SPDX-FileCopyrightText: The Duet authors */
/* SPDX-License-Identifier: MIT */
#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "tests/support/harness.h"

/* Pipes by a plain call; and what there is to tell another loop with. */

static duet_handle ends[2];

static void pipe_open(void)
{
	ck_assert_int_eq(duet_handle_pipe(stage.loop, ends, 0), 0);
}

static struct trial poll_on(duet_handle handle, uint32_t events)
{
	struct trial trial;

	trial_init(&trial);
	duet_op_poll(&trial.op, handle, events);
	trial_run(&trial);
	return trial;
}

START_TEST(a_pipe_has_an_end_to_read_and_one_to_write)
{
	struct trial trial;
	char byte;

	pipe_open();
	trial = poll_on(ends[1], POLLOUT);
	expect(&trial, POLLOUT, DUET_COMPLETED, DUET_CAUSE_ITSELF);
	trial_init(&trial);
	duet_op_recv(&trial.op, ends[0], &byte, 1, 0);
	trial_start(&trial);
	stage_settle(3);
	ck_assert_uint_eq(trial.ends, 0);
	trial_cancel(&trial);
	await(&trial);
	expect(&trial, -ECANCELED, DUET_UNTOUCHED, DUET_CAUSE_CANCEL);
	trial_init(&trial);
	duet_op_recv(&trial.op, ends[1], &byte, 1, 0);
	trial_run(&trial);
	expect(&trial, -EBADF, DUET_FAILED, DUET_CAUSE_ITSELF);
	handle_close(ends[0]);
	handle_close(ends[1]);
}
END_TEST

START_TEST(it_ends_when_its_writing_end_is_closed)
{
	struct trial trial;
	char byte;

	pipe_open();
	trial_init(&trial);
	duet_op_recv(&trial.op, ends[0], &byte, 1, 0);
	trial_start(&trial);
	stage_settle(3);
	handle_close(ends[1]);
	await(&trial);
	expect(&trial, 0, DUET_COMPLETED, DUET_CAUSE_ITSELF);
	trial = poll_on(ends[0], POLLIN);
	expect(&trial, POLLHUP, DUET_COMPLETED, DUET_CAUSE_ITSELF);
	handle_close(ends[0]);
}
END_TEST

START_TEST(an_error_is_told_when_its_reading_end_is_closed)
{
	struct trial trial;

	pipe_open();
	handle_close(ends[0]);
	trial = poll_on(ends[1], POLLOUT);
	expect(&trial, POLLOUT | POLLERR, DUET_COMPLETED, DUET_CAUSE_ITSELF);
	handle_close(ends[1]);
}
END_TEST

START_TEST(unknown_flags_and_a_full_table_are_refused_with_nothing_left)
{
	struct duet_loop_options options;

	ck_assert_int_eq(duet_handle_pipe(stage.loop, ends, 1u << 30), -EINVAL);
	duet_loop_options_init(&options);
	options.handles_max = 3;
	stage_reopen(&options, NULL);
	pipe_open();
	for (unsigned round = 0; round < 3; round++) {
		duet_handle more[2] = { ends[0], ends[1] };

		ck_assert_int_eq(duet_handle_pipe(stage.loop, more, 0), -ENFILE);
		ck_assert_uint_eq(more[0].generation | more[1].generation, 0);
	}
	handle_close(ends[0]);
	handle_close(ends[1]);
	pipe_open();
	handle_close(ends[0]);
	handle_close(ends[1]);
}
END_TEST

/* ---- Where there is a kernel. ---- */

START_TEST(bytes_go_through_it)
{
	unsigned char data[300], there[300];
	struct trial trial;

	pipe_open();
	pattern_fill(data, sizeof(data), 0);
	trial_init(&trial);
	duet_op_recv(&trial.op, ends[0], there, sizeof(there), DUET_WHOLE);
	trial_start(&trial);
	stage_settle(2);
	ck_assert_int_eq(write(duet_handle_fd(stage.loop, ends[1]), data, sizeof(data)),
		sizeof(data));
	await(&trial);
	expect(&trial, sizeof(data), DUET_COMPLETED, DUET_CAUSE_ITSELF);
	ck_assert(pattern_holds(there, sizeof(there), 0));
	handle_close(ends[0]);
	handle_close(ends[1]);
}
END_TEST

/* Two loops on one thread tell each other by an eventfd that each has adopted. */
START_TEST(an_adopted_eventfd_tells_another_loop)
{
	struct duet_loop *here = stage.loop, *there;
	struct trial trial;
	duet_handle handle;
	uint64_t one = 1, count = 0;
	int fd = eventfd(0, EFD_CLOEXEC);

	ck_assert_int_eq(duet_loop_create(&there, stage.arm->backend(), NULL), 0);
	ck_assert_int_eq(duet_handle_adopt(here, fd, 0, &handle), 0);
	trial_init(&trial);
	duet_op_recv(&trial.op, handle, &count, sizeof(count), 0);
	trial_start(&trial);
	stage_settle(2);
	for (unsigned i = 0; i < 3; i++)
		ck_assert_int_eq(write(fd, &one, sizeof(one)), sizeof(one));
	ck_assert_int_eq(duet_loop_turn(there, 0), 0);
	await(&trial);
	expect(&trial, sizeof(count), DUET_COMPLETED, DUET_CAUSE_ITSELF);
	ck_assert_uint_ge(count, 1);
	ck_assert_int_eq(duet_loop_destroy(there), 0);
}
END_TEST

int main(void)
{
	return contract_run("pipe",
		CASES(a_pipe_has_an_end_to_read_and_one_to_write,
			it_ends_when_its_writing_end_is_closed,
			an_error_is_told_when_its_reading_end_is_closed,
			unknown_flags_and_a_full_table_are_refused_with_nothing_left),
		CASES(bytes_go_through_it, an_adopted_eventfd_tells_another_loop));
}
