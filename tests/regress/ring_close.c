/* SPDX-FileCopyrightText: The Duet authors */
/* SPDX-License-Identifier: MIT */
#include <duet/completion.h>
#include <sys/eventfd.h>

#include "completion/internal.h"
#include "tests/support/harness.h"

static unsigned ends;

static void count(struct duet_op *op)
{
	(void)op;
	ends++;
}

/* An entry for the loop's completion queue, as the kernel would post it, from a second ring (Linux
 * 6.0). The answer of the kernel. */
static int post(const struct duet_loop *loop, uint64_t user_data, int result)
{
	struct io_uring ring;
	struct io_uring_cqe *cqe;
	struct io_uring_sqe *sqe;
	int answer;

	ck_assert_int_eq(io_uring_queue_init(2, &ring, 0), 0);
	sqe = io_uring_get_sqe(&ring);
	io_uring_prep_msg_ring(sqe, completion_of(loop)->ring.ring_fd, (unsigned)result, user_data,
			       0);
	ck_assert_int_eq(io_uring_submit(&ring), 1);
	ck_assert_int_eq(io_uring_wait_cqe(&ring, &cqe), 0);
	answer = cqe->res;
	io_uring_queue_exit(&ring);
	return answer;
}

/*
 * A file system that is interrupted while it flushes answers -EINTR, and the number is gone: taken
 * for a stop, the caller closes it again, and with it a stranger's. In plain mode, where what is
 * posted comes before the close that isn't handed over yet.
 */
START_TEST(an_interrupted_close_has_closed)
{
	struct duet_loop_options options;
	struct duet_loop *loop;
	duet_handle handle;
	struct duet_op op;

	duet_loop_options_init(&options);
	options.tuning = "mode=plain";
	ck_assert_int_eq(duet_loop_create(&loop, duet_completion(), &options), 0);
	ck_assert_int_eq(duet_handle_adopt(loop, eventfd(0, EFD_CLOEXEC), 0, &handle), 0);
	duet_op_init(&op, count, NULL);
	duet_op_close(&op, handle);
	ck_assert_int_eq(duet_op_start(loop, &op), 0);
	if (post(loop, op.backend, -EINTR) == 0) {
		ck_assert_int_ge(duet_loop_turn(loop, 0), 0);
		ck_assert_uint_eq(ends, 1);
		ck_assert_int_eq(op.result, 0);
		ck_assert_int_eq(op.disposition, DUET_COMPLETED);
		ck_assert_int_ge(duet_loop_turn(loop, 0), 0);
	}
	ck_assert_int_eq(duet_loop_shutdown(loop, DUET_NO_DEADLINE), 0);
	ck_assert_uint_eq(ends, 1);
	ck_assert_int_eq(duet_loop_destroy(loop), 0);
}
END_TEST

int main(void)
{
	return plain_run("ring_close", CASES(an_interrupted_close_has_closed));
}
