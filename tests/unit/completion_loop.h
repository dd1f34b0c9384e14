/* SPDX-FileCopyrightText: The Duet authors */
/* SPDX-License-Identifier: MIT */
#ifndef TESTS_UNIT_COMPLETION_LOOP_H
#define TESTS_UNIT_COMPLETION_LOOP_H

#include <check.h>
#include <duet/completion.h>
#include <duet/duet.h>
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "completion/internal.h"

/*
 * A loop on the ring, for what no other backend has. Entries that the kernel posts once in a
 * thousand times, or not at all, are posted here from a second ring (Linux 6.3), and a hand-over
 * that it has no memory for is answered here.
 */

#ifndef IORING_MSG_RING_FLAGS_PASS
#define IORING_MSG_RING_FLAGS_PASS (1U << 1)
#endif

static const char *const modes[] = {"mode=deferred", "mode=plain"};

static struct duet_loop *loop;
static unsigned ends;
static unsigned items;
static unsigned starved;
static unsigned char received[4096];
static unsigned received_bytes;

enum { FILLERS = 8 };

static struct duet_op fillers[FILLERS];
static bool fills; /* the next completion fills the queue */
static int refused; /* so many calls that only hand over are to be answered with -EAGAIN */

/* What is handed over while somebody asks for it, in order. */
static struct {
	bool wanted;
	uint64_t user_data[64];
	unsigned count;
} handed;

static inline void done(struct duet_op *op);

static inline void note_handed(unsigned count)
{
	const struct io_uring_sq *sq = &completion_of(loop)->ring.sq;

	for (unsigned i = 0; i < count; i++) {
		ck_assert_uint_lt(handed.count, 64);
		handed.user_data[handed.count++] =
			sq->sqes[(*sq->khead + i) & sq->ring_mask].user_data;
	}
}

/* In place of the library's: a submit that the kernel has no memory for. */
int io_uring_enter2(unsigned int fd, unsigned int submit, unsigned int least, unsigned int flags,
		    sigset_t *arg, size_t size)
{
	long answer;

	/* Those that only make room, by a hand-over or by ends; a turn waits for one at most. */
	if (refused && (least > 1 || (!(flags & IORING_ENTER_GETEVENTS) && !least))) {
		refused--;
		return -EAGAIN;
	}
	if (handed.wanted)
		note_handed(submit);
	answer = syscall(SYS_io_uring_enter, fd, submit, least, flags, arg, size);
	return answer < 0 ? -errno : (int)answer;
}

static inline void open_loop(int mode, const char *more)
{
	struct duet_loop_options options;
	char tuning[64];

	snprintf(tuning, sizeof(tuning), "%s%s", modes[mode], more);
	duet_loop_options_init(&options);
	options.operations_max = 100001;
	options.tuning = tuning;
	ck_assert_int_eq(duet_loop_create(&loop, duet_completion(), &options), 0);
	ends = items = starved = received_bytes = 0;
	handed.wanted = false;
	handed.count = 0;
}

static inline struct duet_stats stats(void)
{
	struct duet_stats now;

	duet_loop_stats(loop, &now);
	return now;
}

static inline void keep(const struct duet_buffer *buffer)
{
	ck_assert_uint_le(received_bytes + buffer->length_bytes, sizeof(received));
	memcpy(received + received_bytes, buffer->data, buffer->length_bytes);
	received_bytes += buffer->length_bytes;
	ck_assert_int_eq(duet_buffer_return(loop, buffer), 0);
}

/* Takes every place of a queue of eight. */
static inline void fill(void)
{
	for (int i = 0; i < FILLERS; i++) {
		duet_op_init(&fillers[i], done, NULL);
		duet_op_nop(&fillers[i]);
		ck_assert_int_eq(duet_op_start(loop, &fillers[i]), 0);
	}
}

static inline void done(struct duet_op *op)
{
	if (fills) {
		fills = false;
		fill();
	}
	if (op->kind == DUET_RECV && op->flags & DUET_POOLED && op->result > 0)
		keep(&op->buffer);
	starved += op->result == -ENOBUFS;
	if (op->more)
		items++;
	else
		ends++;
}

static inline void turns(int count)
{
	while (count--)
		ck_assert_int_ge(duet_loop_turn(loop, 2000000), 0);
}

static inline void turn_until_ended(const struct duet_op *op)
{
	for (int i = 0; duet_op_pending(op); i++) {
		ck_assert_int_lt(i, 500);
		turns(1);
	}
}

/* A stream pair or a datagram pair: one end the loop's, the other plain. */
static inline int pair_open(int type, duet_handle *handle)
{
	int fds[2];

	ck_assert_int_eq(socketpair(AF_UNIX, type | SOCK_CLOEXEC, 0, fds), 0);
	ck_assert_int_eq(duet_handle_adopt(loop, fds[0], 0, handle), 0);
	return fds[1];
}

static inline void close_loop(void)
{
	ck_assert_int_eq(duet_loop_shutdown(loop, DUET_NO_DEADLINE), 0);
	ck_assert_int_eq(duet_loop_destroy(loop), 0);
}

/* Posts an entry to the loop's completion queue, as the kernel would. */
static inline bool post(uint64_t user_data, int result, unsigned flags)
{
	struct io_uring ring;
	struct io_uring_cqe *cqe;
	struct io_uring_sqe *sqe;
	int answer;

	ck_assert_int_eq(io_uring_queue_init(2, &ring, 0), 0);
	sqe = io_uring_get_sqe(&ring);
	io_uring_prep_msg_ring(sqe, completion_of(loop)->ring.ring_fd, (unsigned)result, user_data,
			       IORING_MSG_RING_FLAGS_PASS);
	sqe->file_index = flags;
	ck_assert_int_eq(io_uring_submit(&ring), 1);
	ck_assert_int_eq(io_uring_wait_cqe(&ring, &cqe), 0);
	answer = cqe->res;
	io_uring_queue_exit(&ring);
	ck_assert(answer == 0 || answer == -EINVAL);
	if (answer)
		printf("skipped: this kernel posts nothing into another ring with flags\n");
	return answer == 0;
}

/* Runs each case in both modes. The exit status for main(). */
static inline int run_in_both_modes(const char *name, const TTest *const *cases, size_t count)
{
	Suite *suite = suite_create(name);
	TCase *tcase = tcase_create("both modes");
	SRunner *runner;
	int failed;

	for (size_t i = 0; i < count; i++)
		tcase_add_loop_test(tcase, cases[i], 0, 2);
	suite_add_tcase(suite, tcase);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}

#endif
