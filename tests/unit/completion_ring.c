/* SPDX-FileCopyrightText: The Duet authors */
/* SPDX-License-Identifier: MIT */
#include <fcntl.h>
#include <pthread.h>
#include <sys/un.h>
#include <sys/wait.h>

#include "tests/unit/completion_loop.h"

/* What only the ring has: system calls counted, late and foreign entries. */

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

/* The kernel still has the accept, so that it is there twice afterwards: enough to see that it has
 * not ended. */
START_TEST(a_multishot_accept_that_the_kernel_ends_without_an_error_goes_on)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	int spare = open("/dev/null", O_RDONLY | O_CLOEXEC);
	duet_handle listener;
	struct duet_op op;

	open_loop(_i, "");
	/* Bound to a name of the kernel's choice, which is no file's. */
	ck_assert_int_eq(bind(fd, (struct sockaddr *)&address, sizeof(sa_family_t)), 0);
	ck_assert_int_eq(listen(fd, 8), 0);
	ck_assert_int_eq(duet_handle_adopt(loop, fd, 0, &listener), 0);
	duet_op_init(&op, done, NULL);
	duet_op_accept(&op, listener, DUET_MULTISHOT);
	ck_assert_int_eq(duet_op_start(loop, &op), 0);
	turns(1);
	if (post(op.backend, spare, 0)) {
		handed.wanted = true;
		turns(2);
		ck_assert_uint_eq(items, 1);
		ck_assert_uint_eq(ends, 0);
		ck_assert(duet_op_pending(&op));
		ck_assert_uint_eq(handed.count, 1);
		ck_assert_uint_eq(handed.user_data[0], op.backend);
	} else {
		close(spare);
	}
	close_loop();
}
END_TEST

/* Whether more is there is the kernel's word with each receive; an attempt at once follows it. */
START_TEST(what_a_receive_left_behind_is_attempted_at_once_and_nothing_else)
{
	struct duet_op op;
	duet_handle handle;
	char data[8];
	int raw;

	open_loop(_i, "");
	raw = pair_open(SOCK_STREAM, &handle);
	ck_assert_int_eq(send(raw, "abcdef", 6, 0), 6);
	duet_op_init(&op, done, NULL);
	duet_op_recv(&op, handle, data, 4, 0);
	ck_assert_int_eq(duet_op_start(loop, &op), 0);
	turn_until_ended(&op);
	ck_assert_int_eq(op.result, 4);
	duet_op_recv(&op, handle, data, sizeof(data), DUET_INLINE);
	ck_assert_int_eq(duet_op_start(loop, &op), 1);
	ck_assert_int_eq(op.result, 2);
	ck_assert_int_eq(send(raw, "gh", 2, 0), 2);
	duet_op_recv(&op, handle, data, sizeof(data), 0);
	ck_assert_int_eq(duet_op_start(loop, &op), 0);
	turn_until_ended(&op);
	ck_assert_int_eq(op.result, 2);
	duet_op_recv(&op, handle, data, sizeof(data), DUET_INLINE);
	ck_assert_int_eq(duet_op_start(loop, &op), 0);
	ck_assert_uint_eq(stats().wasted, 0);
	duet_op_cancel(&op);
	turn_until_ended(&op);
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

/* Neither does it say that the target has ended: it may stand where the kernel can't find it. */
START_TEST(an_answer_of_ENOENT_is_no_ending_and_asks_again)
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
	if (post(op.identity | TAG_CANCEL, -ENOENT, 0)) {
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
		a_turn_is_one_enter_and_none_without_need,
		a_short_turn_sends_by_a_plain_call_unless_told_not_to,
		a_multishot_accept_that_the_kernel_ends_without_an_error_goes_on,
		what_a_receive_left_behind_is_attempted_at_once_and_nothing_else,
		a_late_result_reaches_no_successor,
		a_late_descriptor_is_closed,
		a_late_buffer_goes_back_to_the_kernel,
		a_buffer_inside_a_failed_completion_goes_back,
		an_answer_of_EALREADY_is_no_ending_and_asks_again,
		an_answer_of_ENOENT_is_no_ending_and_asks_again,
		after_the_end_of_a_cancelled_recv_its_memory_is_left_alone,
		a_wake_ends_the_wait_also_when_its_poll_was_ended,
		the_descriptor_is_readable_when_a_turn_would_find_something,
		a_forked_child_destroys_its_copy_and_the_parent_goes_on,
	};

	return run_in_both_modes("completion_ring", cases, sizeof(cases) / sizeof(*cases));
}
