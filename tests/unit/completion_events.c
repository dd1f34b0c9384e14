/* SPDX-FileCopyrightText: The Duet authors */
/* SPDX-License-Identifier: MIT */
#include <duet/process.h>
#include <fcntl.h>
#include <sys/eventfd.h>
#include <sys/wait.h>

#include "tests/unit/completion_loop.h"

/* What only the ring has of polls that go on, and of processes: a kernel that ends the one, and one that
 * can't wait for the other. */

/* The kernel still has the poll, so that it is there twice afterwards: enough to see that it goes on. */
START_TEST(a_multishot_poll_that_the_kernel_ends_without_an_error_goes_on)
{
	duet_handle handle;
	struct duet_op op;
	uint64_t one = 1;
	int fd = eventfd(0, EFD_CLOEXEC);

	open_loop(_i, "");
	ck_assert_int_eq(duet_handle_adopt(loop, fd, 0, &handle), 0);
	duet_op_init(&op, done, NULL);
	duet_op_poll_multishot(&op, handle, POLLIN);
	ck_assert_int_eq(duet_op_start(loop, &op), 0);
	turns(1);
	if (post(op.backend, POLLIN, 0)) {
		handed.wanted = true;
		turns(2);
		ck_assert_uint_eq(items, 1);
		ck_assert_uint_eq(ends, 0);
		/* With the question whether it makes sense, and its end, in front of it. */
		ck_assert_uint_eq(handed.count, 3);
		ck_assert_uint_eq(handed.user_data[2], op.backend);
		ck_assert_int_eq(write(fd, &one, sizeof(one)), sizeof(one));
		turns(2);
		ck_assert_uint_gt(items, 1);
	}
	duet_op_cancel(&op);
	turn_until_ended(&op);
	ck_assert_int_eq(op.result, -ECANCELED);
	close_loop();
}
END_TEST

/* Without room it is armed again later, and can be cancelled until then. */
START_TEST(without_room_it_is_armed_again_later)
{
	for (int cancels = 0; cancels < 2; cancels++) {
		duet_handle handle;
		struct duet_op op;
		int fd = eventfd(0, EFD_CLOEXEC);

		open_loop(_i, ",entries=8");
		ck_assert_int_eq(duet_handle_adopt(loop, fd, 0, &handle), 0);
		duet_op_init(&op, done, NULL);
		duet_op_poll_multishot(&op, handle, POLLIN);
		ck_assert_int_eq(duet_op_start(loop, &op), 0);
		turns(1);
		if (!post(op.backend, POLLIN, 0))
			break;
		fill();
		refused = 1000;
		turns(1);
		if (cancels)
			duet_op_cancel(&op);
		refused = 0;
		turns(3);
		ck_assert_int_eq(duet_op_pending(&op), !cancels);
		duet_op_cancel(&op);
		turn_until_ended(&op);
		ck_assert_int_eq(op.result, -ECANCELED);
		close_loop();
	}
}
END_TEST

START_TEST(events_of_one_that_is_gone_are_stale)
{
	duet_handle handle;
	struct duet_op op;
	uint64_t late;

	open_loop(_i, "");
	ck_assert_int_eq(duet_handle_adopt(loop, eventfd(0, EFD_CLOEXEC), 0, &handle), 0);
	duet_op_init(&op, done, NULL);
	duet_op_poll_multishot(&op, handle, POLLIN);
	ck_assert_int_eq(duet_op_start(loop, &op), 0);
	turns(1);
	late = op.backend;
	duet_op_cancel(&op);
	turn_until_ended(&op);
	if (post(late, POLLIN, IORING_CQE_F_MORE)) {
		turns(2);
		ck_assert_uint_eq(items, 0);
		ck_assert_uint_eq(stats().stale, 1);
	}
	close_loop();
}
END_TEST

/* ---- Before Linux 6.7. ---- */

static siginfo_t into;
static int leash;

static pid_t child_begin(duet_handle *handle)
{
	int ends_of[2];
	char byte;
	pid_t child;

	ck_assert_int_eq(pipe(ends_of), 0);
	child = fork();
	if (!child) {
		close(ends_of[1]);
		(void)!read(ends_of[0], &byte, 1);
		_exit(42);
	}
	close(ends_of[0]);
	leash = ends_of[1];
	ck_assert_int_eq(duet_handle_process(loop, child, handle), 0);
	return child;
}

static void wait_start(struct duet_op *op, duet_handle handle, int options)
{
	completion_of(loop)->steps[STEP_WAITID] = STEP_OFF;
	duet_op_init(op, done, NULL);
	duet_op_wait_process(op, handle, &into, options);
	ck_assert_int_eq(duet_op_start(loop, op), 0);
}

START_TEST(without_the_opcode_a_process_is_waited_for_by_its_descriptor)
{
	duet_handle handle;
	struct duet_op op, second;
	siginfo_t other;
	pid_t child;

	open_loop(_i, "");
	child = child_begin(&handle);
	wait_start(&op, handle, WNOWAIT);
	turns(2);
	ck_assert_uint_eq(ends, 0);
	close(leash);
	turn_until_ended(&op);
	ck_assert_int_eq(op.result, 0);
	ck_assert_int_eq(into.si_pid, child);
	/* It is there already; and then it is nobody's. */
	wait_start(&op, handle, 0);
	duet_op_init(&second, done, NULL);
	duet_op_wait_process(&second, handle, &other, 0);
	ck_assert_int_eq(duet_op_start(loop, &second), 0);
	ck_assert_uint_eq(ends, 1);
	turn_until_ended(&second);
	ck_assert_int_eq(op.result, 0);
	ck_assert_int_eq(into.si_status, 42);
	ck_assert_int_eq(second.result, -ECHILD);
	close_loop();
}
END_TEST

START_TEST(without_the_opcode_a_cancel_leaves_the_process_as_well)
{
	duet_handle handle;
	struct duet_op op;
	pid_t child;

	open_loop(_i, "");
	child = child_begin(&handle);
	for (int count = 0; count < 3; count++) {
		wait_start(&op, handle, 0);
		turns(count);
		duet_op_cancel(&op);
		turn_until_ended(&op);
		ck_assert_int_eq(op.result, -ECANCELED);
		ck_assert_uint_eq(op.disposition, DUET_UNTOUCHED);
	}
	close(leash);
	ck_assert_int_eq(waitpid(child, NULL, 0), child);
	close_loop();
}
END_TEST

/* An event that comes too early, as of a descriptor that is readable and whose process is none yet to be
 * waited for: it is armed again, and stays to be cancelled. */
START_TEST(an_early_event_is_no_end)
{
	duet_handle handle;
	struct duet_op op;
	pid_t child;

	open_loop(_i, "");
	child = child_begin(&handle);
	wait_start(&op, handle, 0);
	turns(1);
	if (post(op.backend, POLLIN, 0)) {
		handed.wanted = true;
		turns(2);
		ck_assert_uint_eq(ends, 0);
		ck_assert_uint_eq(handed.count, 1);
	}
	close(leash);
	turn_until_ended(&op);
	ck_assert_int_eq(op.result, 0);
	ck_assert_int_eq(into.si_pid, child);
	close_loop();
}
END_TEST

int main(void)
{
	const TTest *const cases[] = {
		a_multishot_poll_that_the_kernel_ends_without_an_error_goes_on,
		without_room_it_is_armed_again_later,
		events_of_one_that_is_gone_are_stale,
		without_the_opcode_a_process_is_waited_for_by_its_descriptor,
		without_the_opcode_a_cancel_leaves_the_process_as_well,
		an_early_event_is_no_end,
	};

	return run_in_both_modes("completion events", cases, sizeof(cases) / sizeof(*cases));
}
