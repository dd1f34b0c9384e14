/* SPDX-FileCopyrightText: The Duet authors */
/* SPDX-License-Identifier: MIT */

/*
 * What only the ring has: room and overflow, system calls counted, late and foreign entries. Each
 * case runs in both modes. Entries that the kernel posts once in a thousand times, or not at all,
 * are posted here from a second ring (Linux 6.3).
 */
#include <check.h>
#include <duet/completion.h>
#include <duet/duet.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "completion/internal.h"

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

static void done(struct duet_op *op);

/* In place of the library's: a submit that the kernel has no memory for. */
int io_uring_enter2(unsigned int fd, unsigned int submit, unsigned int least, unsigned int flags,
		    sigset_t *arg, size_t size)
{
	long answer;

	if (refused && !(flags & IORING_ENTER_GETEVENTS) && !least) {
		refused--;
		return -EAGAIN;
	}
	answer = syscall(SYS_io_uring_enter, fd, submit, least, flags, arg, size);
	return answer < 0 ? -errno : (int)answer;
}

static void open_loop(int mode, const char *more)
{
	struct duet_loop_options options;
	char tuning[64];

	snprintf(tuning, sizeof(tuning), "%s%s", modes[mode], more);
	duet_loop_options_init(&options);
	options.operations_max = 100001;
	options.tuning = tuning;
	ck_assert_int_eq(duet_loop_create(&loop, duet_completion(), &options), 0);
	ends = items = starved = received_bytes = 0;
}

static struct duet_stats stats(void)
{
	struct duet_stats now;

	duet_loop_stats(loop, &now);
	return now;
}

static void keep(const struct duet_buffer *buffer)
{
	ck_assert_uint_le(received_bytes + buffer->length_bytes, sizeof(received));
	memcpy(received + received_bytes, buffer->data, buffer->length_bytes);
	received_bytes += buffer->length_bytes;
	ck_assert_int_eq(duet_buffer_return(loop, buffer), 0);
}

/* Takes every place of a queue of eight. */
static void fill(void)
{
	for (int i = 0; i < FILLERS; i++) {
		duet_op_init(&fillers[i], done, NULL);
		duet_op_nop(&fillers[i]);
		ck_assert_int_eq(duet_op_start(loop, &fillers[i]), 0);
	}
}

static void done(struct duet_op *op)
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

static void turns(int count)
{
	while (count--)
		ck_assert_int_ge(duet_loop_turn(loop, 2000000), 0);
}

static void turn_until_ended(const struct duet_op *op)
{
	for (int i = 0; duet_op_pending(op); i++) {
		ck_assert_int_lt(i, 500);
		turns(1);
	}
}

/* A stream pair or a datagram pair: one end the loop's, the other plain. */
static int pair_open(int type, duet_handle *handle)
{
	int fds[2];

	ck_assert_int_eq(socketpair(AF_UNIX, type | SOCK_CLOEXEC, 0, fds), 0);
	ck_assert_int_eq(duet_handle_adopt(loop, fds[0], 0, handle), 0);
	return fds[1];
}

static void close_loop(void)
{
	ck_assert_int_eq(duet_loop_shutdown(loop, DUET_NO_DEADLINE), 0);
	ck_assert_int_eq(duet_loop_destroy(loop), 0);
}

/* Posts an entry to the loop's completion queue, as the kernel would. */
static bool post(uint64_t user_data, int result, unsigned flags)
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
	return answer == 0;
}

START_TEST(a_hundred_thousand_nops_pass_a_queue_of_64)
{
	enum { COUNT = 100000 };
	struct duet_op *ops = calloc(COUNT, sizeof(*ops));

	open_loop(_i, ",entries=64");
	for (int i = 0; i < COUNT; i++) {
		duet_op_init(&ops[i], done, NULL);
		duet_op_nop(&ops[i]);
		ck_assert_int_eq(duet_op_start(loop, &ops[i]), 0);
	}
	ck_assert_int_eq(duet_loop_run(loop), 0);
	ck_assert_uint_eq(ends, COUNT);
	ck_assert_uint_eq(stats().events, COUNT);
	ck_assert_uint_eq(stats().submitted, COUNT + 1); /* and the wake's poll */
	ck_assert_uint_gt(stats().queue_full, 0);
	/* All but those that the completion queue of 512 held. */
	ck_assert_uint_ge(stats().overflowed, COUNT - 1024);
	close_loop();
	free(ops);
}
END_TEST

START_TEST(a_turn_is_one_enter_and_none_without_need)
{
	struct duet_op ops[5];
	uint64_t before;

	open_loop(_i, "");
	turns(1);
	before = stats().system_calls;
	for (int i = 0; i < 100; i++)
		ck_assert_int_eq(duet_loop_turn(loop, 0), 0);
	ck_assert_uint_eq(stats().system_calls, before);
	for (int i = 0; i < 5; i++) {
		duet_op_init(&ops[i], done, NULL);
		duet_op_nop(&ops[i]);
		ck_assert_int_eq(duet_op_start(loop, &ops[i]), 0);
	}
	ck_assert_int_eq(duet_loop_turn(loop, -1), 5);
	ck_assert_uint_eq(stats().system_calls, before + 1);
	close_loop();
}
END_TEST

START_TEST(a_short_turn_sends_by_a_plain_call_unless_told_not_to)
{
	static const char *const tunings[] = {"", ",direct=no"};

	for (unsigned i = 0; i < 2; i++) {
		struct duet_op op;
		duet_handle handle;
		char byte;
		int raw;

		open_loop(_i, tunings[i]);
		raw = pair_open(SOCK_STREAM, &handle);
		duet_op_init(&op, done, NULL);
		duet_op_send(&op, handle, "x", 1, 0);
		ck_assert_int_eq(duet_op_start(loop, &op), 0);
		ck_assert_uint_eq(ends, 0);
		turn_until_ended(&op);
		ck_assert_int_eq(op.result, 1);
		ck_assert_uint_eq(stats().inline_ended, i == 0);
		ck_assert_int_eq(recv(raw, &byte, 1, MSG_DONTWAIT), 1);
		close_loop();
		close(raw);
	}
}
END_TEST

/* The kernel ends a multishot receive when the completion queue (64 places here) is full. */
START_TEST(more_arrivals_than_the_queue_holds_all_come_in_order)
{
	enum { COUNT = 200 };
	struct duet_pool *pool;
	struct duet_op op;
	duet_handle handle;
	int room = 1 << 20;
	int raw;

	open_loop(_i, ",entries=8");
	raw = pair_open(SOCK_SEQPACKET, &handle);
	setsockopt(raw, SOL_SOCKET, SO_SNDBUF, &room, sizeof(room));
	ck_assert_int_eq(duet_pool_create(loop, 256, 16, &pool), 0);
	duet_op_init(&op, done, NULL);
	duet_op_recv_pooled(&op, handle, pool, DUET_MULTISHOT);
	ck_assert_int_eq(duet_op_start(loop, &op), 0);
	turns(1);
	for (int i = 0; i < COUNT; i++) {
		unsigned char byte = (unsigned char)i;

		ck_assert_int_eq(send(raw, &byte, 1, MSG_DONTWAIT), 1);
	}
	for (int i = 0; i < 100 && received_bytes < COUNT; i++)
		turns(1);
	ck_assert_uint_eq(received_bytes, COUNT);
	for (int i = 0; i < COUNT; i++)
		ck_assert_uint_eq(received[i], (unsigned char)i);
	ck_assert_uint_eq(ends, 0);
	ck_assert_uint_eq(starved, 0);
	duet_op_cancel(&op);
	turn_until_ended(&op);
	ck_assert_int_eq(op.result, -ECANCELED);
	ck_assert_uint_eq(duet_pool_free_count(pool), 256);
	close_loop();
	close(raw);
}
END_TEST

/* A multishot receive with two buffers, ended by an entry posted here, whose queue is full at that
 * moment: the item before it starts as many nops as there are places. The kernel still has the
 * receive, so that the same one is there twice afterwards. */
static bool end_without_room(struct duet_op *op, duet_handle handle)
{
	struct duet_pool *pool;

	ck_assert_int_eq(duet_pool_create(loop, 2, 16, &pool), 0);
	duet_op_init(op, done, NULL);
	duet_op_recv_pooled(op, handle, pool, DUET_MULTISHOT);
	ck_assert_int_eq(duet_op_start(loop, op), 0);
	turns(1);
	if (!post(op->backend, 1, IORING_CQE_F_BUFFER | IORING_CQE_F_MORE))
		return false;
	ck_assert(post(op->backend, 1, IORING_CQE_F_BUFFER | 1 << IORING_CQE_BUFFER_SHIFT));
	fills = true;
	refused = 1;
	ck_assert_int_eq(duet_loop_turn(loop, 0), 2);
	ck_assert_int_eq(refused, 0);
	ck_assert_uint_eq(items, 2);
	ck_assert_uint_eq(op->progress, PLACE_OWED);
	return true;
}

START_TEST(a_multishot_that_the_kernel_ends_goes_on_when_there_is_room)
{
	struct duet_op op;
	duet_handle handle;
	int raw;

	open_loop(_i, ",entries=8");
	raw = pair_open(SOCK_STREAM, &handle);
	if (end_without_room(&op, handle)) {
		turns(2);
		ck_assert_uint_eq(ends, FILLERS);
		ck_assert(duet_op_pending(&op));
		ck_assert_uint_eq(op.progress, PLACE_KERNEL);
		ck_assert_uint_eq(stats().stale, 0);
		duet_op_cancel(&op);
		turn_until_ended(&op);
	}
	close(raw);
	turns(2);
	close_loop();
}
END_TEST

START_TEST(a_multishot_that_waits_for_room_can_be_cancelled)
{
	struct duet_op op;
	duet_handle handle;
	int raw;

	open_loop(_i, ",entries=8");
	raw = pair_open(SOCK_STREAM, &handle);
	if (end_without_room(&op, handle)) {
		duet_op_cancel(&op);
		turns(1);
		ck_assert(!duet_op_pending(&op));
		ck_assert_int_eq(op.result, -ECANCELED);
		ck_assert_uint_eq(ends, FILLERS + 1);
	}
	close(raw);
	turns(2);
	close_loop();
}
END_TEST

static void note_order(struct duet_op *op)
{
	ck_assert_uint_eq(ends, (unsigned)(uintptr_t)op->context);
	ends++;
}

START_TEST(starts_that_find_no_room_keep_their_order)
{
	struct duet_op nops[40];

	open_loop(_i, ",entries=8");
	refused = 20;
	for (uintptr_t i = 0; i < 40; i++) {
		duet_op_init(&nops[i], note_order, (void *)i);
		duet_op_nop(&nops[i]);
		ck_assert_int_eq(duet_op_start(loop, &nops[i]), 0);
	}
	refused = 2;
	ck_assert_int_eq(duet_loop_run(loop), 0);
	ck_assert_uint_eq(ends, 40);
	close_loop();
}
END_TEST

START_TEST(a_cancel_that_finds_no_room_is_asked_again)
{
	struct duet_op op;
	duet_handle handle;
	char data[8];
	int raw;

	open_loop(_i, ",entries=8");
	raw = pair_open(SOCK_STREAM, &handle);
	duet_op_init(&op, done, NULL);
	duet_op_recv(&op, handle, data, sizeof(data), 0);
	ck_assert_int_eq(duet_op_start(loop, &op), 0);
	turns(1);
	fill();
	refused = 2;
	duet_op_cancel(&op);
	ck_assert_uint_eq(stats().cancels, 0);
	turn_until_ended(&op);
	ck_assert_int_eq(op.result, -ECANCELED);
	ck_assert_uint_eq(stats().cancels, 1);
	close_loop();
	close(raw);
}
END_TEST

START_TEST(a_late_result_reaches_no_successor)
{
	struct duet_op op;
	duet_handle handle;
	char data[8];
	uint64_t late;
	int raw;

	open_loop(_i, "");
	raw = pair_open(SOCK_STREAM, &handle);
	duet_op_init(&op, done, NULL);
	duet_op_nop(&op);
	ck_assert_int_eq(duet_op_start(loop, &op), 0);
	turn_until_ended(&op);
	late = op.identity;
	duet_op_recv(&op, handle, data, sizeof(data), 0);
	ck_assert_int_eq(duet_op_start(loop, &op), 0);
	if (post(late | TAG_PLAIN, 0, 0)) {
		turns(2);
		ck_assert_uint_eq(ends, 1);
		ck_assert_uint_eq(stats().stale, 1);
	}
	close_loop();
	close(raw);
}
END_TEST

START_TEST(a_late_descriptor_is_closed)
{
	int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);

	open_loop(_i, "");
	turns(1);
	if (post(UINT64_C(77) << 32 | TAG_DESCRIPTOR, fd, 0)) {
		turns(1);
		ck_assert_int_eq(fcntl(fd, F_GETFD), -1);
		ck_assert_uint_eq(stats().stale, 1);
		ck_assert_uint_eq(stats().reclaimed, 1);
	}
	close_loop();
}
END_TEST

static void recv_pooled(struct duet_op *op, duet_handle handle, struct duet_pool *pool)
{
	duet_op_init(op, done, NULL);
	duet_op_recv_pooled(op, handle, pool, 0);
	ck_assert_int_eq(duet_op_start(loop, op), 0);
}

/* A buffer that the kernel gave away in an entry which nobody waits for: from then on it has it
 * twice, and two receives find one. */
START_TEST(a_late_buffer_goes_back_to_the_kernel)
{
	struct duet_op ops[2];
	struct duet_pool *pool;
	duet_handle handles[2];
	int raw[2];

	open_loop(_i, "");
	ck_assert_int_eq(duet_pool_create(loop, 1, 16, &pool), 0);
	turns(1);
	if (!post(UINT64_C(77) << 32 | TAG_POOL, 5, IORING_CQE_F_BUFFER)) {
		close_loop();
		return;
	}
	turns(1);
	ck_assert_uint_eq(stats().reclaimed, 1);
	for (int i = 0; i < 2; i++) {
		raw[i] = pair_open(SOCK_STREAM, &handles[i]);
		ck_assert_int_eq(send(raw[i], "abc", 3, 0), 3);
		recv_pooled(&ops[i], handles[i], pool);
	}
	turns(2);
	ck_assert_uint_eq(ends, 2);
	ck_assert_uint_eq(starved, 0);
	close_loop();
	close(raw[0]);
	close(raw[1]);
}
END_TEST

START_TEST(a_buffer_inside_a_failed_completion_goes_back)
{
	struct duet_pool *pool;
	struct duet_op op;
	duet_handle handle;
	int raw;

	open_loop(_i, "");
	raw = pair_open(SOCK_STREAM, &handle);
	ck_assert_int_eq(duet_pool_create(loop, 2, 16, &pool), 0);
	recv_pooled(&op, handle, pool);
	turns(1);
	if (post(op.backend, -ECONNRESET, IORING_CQE_F_BUFFER)) {
		turn_until_ended(&op);
		ck_assert_int_eq(op.result, -ECONNRESET);
		ck_assert_ptr_null(op.buffer.data);
		ck_assert_uint_eq(duet_pool_free_count(pool), 2);
		ck_assert_uint_eq(stats().reclaimed, 1);
	}
	close_loop();
	close(raw);
}
END_TEST

/* The answer comes first, as if the target had been about to run in a worker. */
START_TEST(an_answer_of_EALREADY_is_no_ending_and_asks_again)
{
	struct duet_op op;
	duet_handle handle;
	char data[8];
	int raw;

	open_loop(_i, "");
	raw = pair_open(SOCK_STREAM, &handle);
	duet_op_init(&op, done, NULL);
	duet_op_recv(&op, handle, data, sizeof(data), 0);
	ck_assert_int_eq(duet_op_start(loop, &op), 0);
	turns(1);
	if (post(op.identity | TAG_CANCEL, -EALREADY, 0)) {
		duet_op_cancel(&op);
		turn_until_ended(&op);
		turns(3);
		ck_assert_uint_eq(ends, 1);
		ck_assert_uint_eq(stats().cancels_again, 1);
		ck_assert_uint_eq(stats().stale, 0);
	}
	close_loop();
	close(raw);
}
END_TEST

START_TEST(a_cancel_finds_room_in_a_full_queue)
{
	struct duet_op op;
	duet_handle handle;
	char data[8];
	int raw;

	open_loop(_i, ",entries=8");
	raw = pair_open(SOCK_STREAM, &handle);
	duet_op_init(&op, done, NULL);
	duet_op_recv(&op, handle, data, sizeof(data), 0);
	ck_assert_int_eq(duet_op_start(loop, &op), 0);
	turns(1);
	fill();
	duet_op_cancel(&op);
	turn_until_ended(&op);
	ck_assert_int_eq(op.result, -ECANCELED);
	ck_assert_uint_eq(stats().queue_full, 1);
	ck_assert_uint_eq(ends, 9);
	close_loop();
	close(raw);
}
END_TEST

START_TEST(after_the_end_of_a_cancelled_recv_its_memory_is_left_alone)
{
	struct duet_op op;
	duet_handle handle;
	char data[8] = "before";
	char left;
	int raw;

	open_loop(_i, "");
	raw = pair_open(SOCK_STREAM, &handle);
	duet_op_init(&op, done, NULL);
	duet_op_recv(&op, handle, data, sizeof(data), 0);
	ck_assert_int_eq(duet_op_start(loop, &op), 0);
	turns(1);
	duet_op_cancel(&op);
	turn_until_ended(&op);
	ck_assert_int_eq(send(raw, "after", 5, 0), 5);
	turns(3);
	ck_assert_str_eq(data, "before");
	ck_assert_int_eq(recv(duet_handle_fd(loop, handle), &left, 1, MSG_DONTWAIT), 1);
	close_loop();
	close(raw);
}
END_TEST

/* A poll for room that is left to a watch, since the peer's half-close is reported unasked. */
static int watch_for_room(struct duet_op *op)
{
	duet_handle handle;
	int raw = pair_open(SOCK_STREAM, &handle);

	while (send(duet_handle_fd(loop, handle), received, sizeof(received), MSG_DONTWAIT) > 0)
		;
	ck_assert_int_eq(shutdown(raw, SHUT_WR), 0);
	duet_op_init(op, done, NULL);
	duet_op_poll(op, handle, POLLOUT);
	ck_assert_int_eq(duet_op_start(loop, op), 0);
	turns(3);
	ck_assert(duet_op_pending(op));
	return raw;
}

/* There is no room to take it away: the completion in front of what it sees fills the queue. Until
 * there is, it goes on, and sees the same again. */
START_TEST(a_watch_that_finds_no_room_to_end_is_told_once)
{
	struct duet_op watch, first;
	duet_handle handle;
	char byte;
	int watched, raw;

	open_loop(_i, ",entries=8");
	watched = watch_for_room(&watch);
	raw = pair_open(SOCK_STREAM, &handle);
	duet_op_init(&first, done, NULL);
	duet_op_recv(&first, handle, &byte, 1, 0);
	ck_assert_int_eq(duet_op_start(loop, &first), 0);
	turns(1);
	if (post(first.backend, -ENODATA, 0)) {
		ck_assert(post(watch.backend, POLLOUT, IORING_CQE_F_MORE));
		ck_assert(post(watch.backend, POLLOUT, IORING_CQE_F_MORE));
		fills = true;
		refused = 2;
		ck_assert_int_eq(duet_loop_turn(loop, 0), 1);
		refused = 0;
		ck_assert_uint_eq(watch.progress, PLACE_HELD);
		turns(2);
		ck_assert_uint_eq(ends, 1 + FILLERS + 1);
		ck_assert_int_eq(watch.result, POLLOUT);
	}
	close(watched);
	close(raw);
	turns(2);
	close_loop();
}
END_TEST

static void *wake(void *context)
{
	usleep(5000);
	duet_loop_wake(context);
	return NULL;
}

START_TEST(a_wake_ends_the_wait_also_when_its_poll_was_ended)
{
	pthread_t thread;

	open_loop(_i, "");
	turns(1);
	for (int i = 0; i < 3; i++) {
		ck_assert_int_eq(pthread_create(&thread, NULL, wake, loop), 0);
		ck_assert_int_eq(duet_loop_turn(loop, -1), 0);
		ck_assert_int_eq(pthread_join(thread, NULL), 0);
		ck_assert_uint_eq(stats().wakes, (unsigned)i + 1);
		if (i == 1)
			post(TAG_WAKE, 1, 0);
		turns(2);
	}
	ck_assert_int_eq(duet_loop_destroy(loop), 0);
}
END_TEST

START_TEST(the_descriptor_is_readable_when_a_turn_would_find_something)
{
	struct pollfd descriptor;
	struct duet_op op;
	duet_handle handle;
	char data[8];
	int raw;

	open_loop(_i, "");
	raw = pair_open(SOCK_STREAM, &handle);
	descriptor = (struct pollfd){.fd = duet_loop_fd(loop), .events = POLLIN};
	duet_op_init(&op, done, NULL);
	duet_op_recv(&op, handle, data, sizeof(data), 0);
	ck_assert_int_eq(duet_op_start(loop, &op), 0);
	ck_assert_int_eq((int)duet_loop_prepare(loop), -1);
	ck_assert_int_eq(poll(&descriptor, 1, 5), 0);
	ck_assert_int_eq(send(raw, "abc", 3, 0), 3);
	ck_assert_int_eq(poll(&descriptor, 1, 1000), 1);
	ck_assert_int_eq(duet_loop_turn(loop, 0), 1);
	ck_assert_int_eq(op.result, 3);
	close_loop();
	close(raw);
}
END_TEST

START_TEST(a_forked_child_destroys_its_copy_and_the_parent_goes_on)
{
	struct duet_pool *pool;
	struct duet_op op;
	duet_handle handle;
	int status;
	int raw;
	pid_t child;

	open_loop(_i, "");
	raw = pair_open(SOCK_STREAM, &handle);
	ck_assert_int_eq(duet_pool_create(loop, 2, 16, &pool), 0);
	recv_pooled(&op, handle, pool);
	turns(1);
	child = fork();
	if (child == 0)
		_exit(duet_loop_destroy(loop) == 0 ? 0 : 1);
	ck_assert_int_eq(waitpid(child, &status, 0), child);
	ck_assert_int_eq(status, 0);
	ck_assert_int_eq(send(raw, "abc", 3, 0), 3);
	turn_until_ended(&op);
	ck_assert_int_eq(op.result, 3);
	ck_assert_mem_eq(received, "abc", 3);
	close_loop();
	close(raw);
}
END_TEST

int main(void)
{
	const TTest *const cases[] = {
		a_hundred_thousand_nops_pass_a_queue_of_64,
		a_turn_is_one_enter_and_none_without_need,
		a_short_turn_sends_by_a_plain_call_unless_told_not_to,
		more_arrivals_than_the_queue_holds_all_come_in_order,
		a_multishot_that_the_kernel_ends_goes_on_when_there_is_room,
		a_multishot_that_waits_for_room_can_be_cancelled,
		starts_that_find_no_room_keep_their_order,
		a_cancel_that_finds_no_room_is_asked_again,
		a_late_result_reaches_no_successor,
		a_late_descriptor_is_closed,
		a_late_buffer_goes_back_to_the_kernel,
		a_buffer_inside_a_failed_completion_goes_back,
		an_answer_of_EALREADY_is_no_ending_and_asks_again,
		a_cancel_finds_room_in_a_full_queue,
		after_the_end_of_a_cancelled_recv_its_memory_is_left_alone,
		a_watch_that_finds_no_room_to_end_is_told_once,
		a_wake_ends_the_wait_also_when_its_poll_was_ended,
		the_descriptor_is_readable_when_a_turn_would_find_something,
		a_forked_child_destroys_its_copy_and_the_parent_goes_on,
	};
	Suite *suite = suite_create("completion_ring");
	TCase *tcase = tcase_create("both modes");
	SRunner *runner;
	int failed;

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++)
		tcase_add_loop_test(tcase, cases[i], 0, 2);
	suite_add_tcase(suite, tcase);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
