/* SPDX-FileCopyrightText: The Duet authors */
/* SPDX-License-Identifier: MIT */
#include "tests/unit/polling_loop.h"

/* The native dialect: tries, readiness waits, cancel by dropping. */

static struct duet_loop *loop;
static unsigned called;
static char data[64];

static void ready(struct duet_wait *wait)
{
	(void)wait;
	called++;
}

static struct duet_wait wait_for(duet_handle handle, enum duet_direction direction)
{
	return (struct duet_wait){ .ready = ready, .handle = handle,
		.direction = (uint8_t)direction };
}

static duet_handle begin(int *raw)
{
	loop = polling_loop(NULL, DUET_TRY_PREDICT, 16);
	return connection(loop, AF_INET, 0, raw);
}

static void finish(int raw)
{
	close(raw);
	loop_end(loop);
}

START_TEST(a_try_moves_what_is_there_and_borrows_only_for_the_call)
{
	int raw;
	duet_handle handle = begin(&raw);

	ck_assert_int_eq(duet_polling_try_recv(loop, handle, data, 64), -EAGAIN);
	say(raw, "hello");
	ck_assert_int_eq(duet_polling_try_recv(loop, handle, data, 64), 5);
	ck_assert_mem_eq(data, "hello", 5);
	ck_assert_int_eq(duet_polling_try_send(loop, handle, "back", 4), 4);
	ck_assert_int_eq(recv(raw, data, 64, MSG_DONTWAIT), 4);
	shutdown(raw, SHUT_WR);
	ck_assert_int_eq(duet_polling_try_recv(loop, handle, data, 64), 0);
	ck_assert_int_eq(duet_polling_try_recv(loop, (duet_handle){ 9, 9 }, data, 64), -EBADF);
	finish(raw);
}
END_TEST

START_TEST(a_wait_is_called_back_once_when_the_direction_is_ready)
{
	int raw;
	duet_handle handle = begin(&raw);
	struct duet_wait wait = wait_for(handle, DUET_READABLE);

	ck_assert_int_eq(duet_polling_wait(loop, &wait), 0);
	ck_assert_int_eq(duet_polling_wait(loop, &wait), -EBUSY);
	turns(loop, 3);
	ck_assert_uint_eq(called, 0);
	say(raw, "hello");
	ck_assert_int_eq(duet_loop_turn(loop, 1000000000), 1);
	ck_assert_uint_eq(called, 1);
	say(raw, "again");
	turns(loop, 3);
	ck_assert_uint_eq(called, 1);
	ck_assert_uint_eq(wait.armed, 0);
	finish(raw);
}
END_TEST

START_TEST(what_was_not_drained_wakes_the_next_wait_at_once)
{
	int raw;
	duet_handle handle = begin(&raw);
	struct duet_wait wait = wait_for(handle, DUET_READABLE);

	ck_assert_int_eq(duet_polling_wait(loop, &wait), 0);
	say(raw, "hello");
	turns(loop, 1);
	ck_assert_int_eq(duet_polling_wait(loop, &wait), 0);
	turns(loop, 1);
	ck_assert_uint_eq(called, 2);
	ck_assert_int_eq(duet_polling_try_recv(loop, handle, data, 64), 5);
	ck_assert_int_eq(duet_polling_wait(loop, &wait), 0);
	turns(loop, 3);
	ck_assert_uint_eq(called, 2);
	duet_polling_forget(loop, &wait);
	finish(raw);
}
END_TEST

START_TEST(to_cancel_is_to_forget_and_loses_nothing)
{
	int raw;
	duet_handle handle = begin(&raw);
	struct duet_wait first = wait_for(handle, DUET_READABLE);
	struct duet_wait second = wait_for(handle, DUET_READABLE);

	ck_assert_int_eq(duet_polling_wait(loop, &first), 0);
	turns(loop, 1);
	say(raw, "edge");
	duet_polling_forget(loop, &first);
	duet_polling_forget(loop, &first);
	turns(loop, 2);
	ck_assert_uint_eq(called, 0);
	ck_assert_int_eq(duet_polling_wait(loop, &second), 0);
	turns(loop, 1);
	ck_assert_uint_eq(called, 1);
	ck_assert_int_eq(duet_polling_try_recv(loop, handle, data, 64), 4);
	finish(raw);
}
END_TEST

START_TEST(a_direction_with_operations_takes_no_wait)
{
	int raw;
	duet_handle handle = begin(&raw);
	struct duet_wait readable = wait_for(handle, DUET_READABLE);
	struct duet_wait writable = wait_for(handle, DUET_WRITABLE);
	struct duet_op op;

	duet_op_init(&op, NULL, NULL);
	duet_op_recv(&op, handle, data, 64, 0);
	ck_assert_int_eq(duet_op_start(loop, &op), 0);
	ck_assert_int_eq(duet_polling_wait(loop, &readable), -EBUSY);
	ck_assert_int_eq(duet_polling_wait(loop, &writable), 0);
	turns(loop, 2);
	ck_assert_uint_eq(called, 1);
	finish(raw);
}
END_TEST

START_TEST(an_operation_beside_a_wait_is_carried_out_and_both_hear)
{
	static const unsigned policies[] = { 0, DUET_HANDLE_TRY_NEVER };

	for (unsigned i = 0; i < 2; i++) {
		int raw;
		duet_handle handle = begin(&raw);
		struct duet_wait wait = wait_for(handle, DUET_READABLE);
		struct duet_op op;

		called = 0;
		ck_assert_int_eq(duet_handle_set_flags(loop, handle, policies[i]), 0);
		ck_assert_int_eq(duet_polling_wait(loop, &wait), 0);
		duet_op_init(&op, NULL, NULL);
		duet_op_recv(&op, handle, data, 64, 0);
		ck_assert_int_eq(duet_op_start(loop, &op), 0);
		turns(loop, 2);
		ck_assert_uint_eq(called, 0);
		say(raw, "hello");
		turns(loop, 2);
		ck_assert_uint_eq(called, 1);
		ck_assert_int_eq(op.result, 5);
		finish(raw);
	}
}
END_TEST

START_TEST(a_handle_that_goes_drops_its_waits)
{
	int raw;
	duet_handle handle = begin(&raw);
	struct duet_wait wait = wait_for(handle, DUET_READABLE);
	int fd;

	ck_assert_int_eq(duet_polling_wait(loop, &wait), 0);
	say(raw, "hello");
	fd = duet_handle_release(loop, handle);
	ck_assert_int_ge(fd, 0);
	ck_assert_uint_eq(wait.armed, 0);
	turns(loop, 2);
	ck_assert_uint_eq(called, 0);
	ck_assert_int_eq(duet_polling_wait(loop, &wait), -EBADF);
	duet_polling_forget(loop, &wait);
	close(fd);
	finish(raw);
}
END_TEST

START_TEST(an_accept_is_tried_and_waited_for)
{
	struct sockaddr_in address = { .sin_family = AF_INET,
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	duet_handle listener, accepted;
	struct duet_wait wait;
	int raw = socket(AF_INET, SOCK_STREAM, 0);

	loop = polling_loop(NULL, DUET_TRY_PREDICT, 16);
	ck_assert_int_eq(duet_handle_listen(loop, (struct sockaddr *)&address, sizeof(address), 8,
				 &listener), 0);
	ck_assert_int_eq(duet_polling_try_accept(loop, listener, &accepted), -EAGAIN);
	wait = wait_for(listener, DUET_READABLE);
	ck_assert_int_eq(duet_polling_wait(loop, &wait), 0);
	ck_assert_int_eq(connect(raw, (struct sockaddr *)&address, sizeof(address)), 0);
	ck_assert_int_eq(duet_loop_turn(loop, 1000000000), 1);
	ck_assert_int_eq(duet_polling_try_accept(loop, listener, &accepted), 0);
	ck_assert_int_eq(slot_of(loop, accepted)->slot_class, CLASS_TCP);
	say(raw, "hello");
	ck_assert_int_eq(duet_polling_try_recv(loop, accepted, data, 64), 5);
	ck_assert_int_eq(duet_polling_try_accept(loop, accepted, &accepted), -EINVAL);
	finish(raw);
}
END_TEST

/* A connection that can't be handed over is not taken: it stays for a later try. */
START_TEST(an_accept_into_a_full_table_takes_nothing)
{
	struct sockaddr_in address = { .sin_family = AF_INET,
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	duet_handle listener, accepted, others[15];
	int raw = socket(AF_INET, SOCK_STREAM, 0);
	unsigned descriptors;
	int fd;

	loop = polling_loop(NULL, DUET_TRY_PREDICT, 16);
	ck_assert_int_eq(duet_handle_listen(loop, (struct sockaddr *)&address, sizeof(address), 8,
				 &listener), 0);
	for (unsigned i = 0; i < 15; i++)
		ck_assert_int_eq(duet_handle_adopt(loop, socket(AF_INET, SOCK_STREAM, 0), 0,
					 &others[i]), 0);
	ck_assert_int_eq(connect(raw, (struct sockaddr *)&address, sizeof(address)), 0);
	descriptors = descriptors_open();
	for (unsigned i = 0; i < 3; i++)
		ck_assert_int_eq(duet_polling_try_accept(loop, listener, &accepted), -ENFILE);
	ck_assert_uint_eq(descriptors_open(), descriptors);
	fd = duet_handle_release(loop, others[7]);
	ck_assert_int_ge(fd, 0);
	close(fd);
	say(raw, "hello");
	ck_assert_int_eq(duet_polling_try_accept(loop, listener, &accepted), 0);
	ck_assert_int_eq(duet_polling_try_recv(loop, accepted, data, 64), 5);
	finish(raw);
}
END_TEST

static void echo(struct duet_wait *wait)
{
	ssize_t n = duet_polling_try_recv(loop, wait->handle, data, sizeof(data));

	called++;
	if (n > 0)
		ck_assert_int_eq(duet_polling_try_send(loop, wait->handle, data, (size_t)n), n);
	ck_assert_int_eq(duet_polling_wait(loop, wait), 0);
}

START_TEST(an_echo_in_the_dialect_is_three_system_calls)
{
	int raw;
	duet_handle handle = begin(&raw);
	struct duet_wait wait = wait_for(handle, DUET_READABLE);
	uint64_t calls;

	wait.ready = echo;
	ck_assert_int_eq(duet_polling_wait(loop, &wait), 0);
	turns(loop, 1);
	calls = stats_of(loop).system_calls;
	for (int i = 0; i < 10; i++) {
		say(raw, "hello");
		ck_assert_int_eq(duet_loop_turn(loop, 1000000000), 1);
		ck_assert_int_eq(recv(raw, data, 64, MSG_DONTWAIT), 5);
	}
	ck_assert_uint_eq(stats_of(loop).system_calls - calls, 30);
	ck_assert_uint_eq(stats_of(loop).registrations, 1);
	duet_polling_forget(loop, &wait);
	finish(raw);
}
END_TEST

static void ring(struct duet_waker *waker)
{
	(void)waker;
	called++;
}

START_TEST(a_wait_as_a_future_is_asked_afresh)
{
	int raw;
	duet_handle handle = begin(&raw);
	struct duet_waker bell = { .wake = ring };
	struct duet_context context = { .loop = loop, .waker = &bell };
	struct duet_polling_future future;

	duet_polling_future_init(&future, handle, DUET_READABLE);
	ck_assert_int_eq(duet_future_poll(&future.future, &context), DUET_PENDING);
	turns(loop, 3);
	ck_assert_uint_eq(called, 0);
	for (unsigned i = 1; i <= 3; i++) {
		say(raw, "hello");
		turns(loop, 2);
		ck_assert_uint_eq(called, i);
		ck_assert_int_eq(duet_future_poll(&future.future, &context), DUET_READY);
		ck_assert_int_eq(future.future.result, 0);
		ck_assert_int_eq(duet_polling_try_recv(loop, handle, data, 64), 5);
		ck_assert_int_eq(duet_polling_try_recv(loop, handle, data, 64), -EAGAIN);
		ck_assert_int_eq(duet_future_poll(&future.future, &context), DUET_PENDING);
	}
	ck_assert_uint_eq(duet_loop_pending(loop), 0);
	duet_polling_future_drop(loop, &future);
	finish(raw);
}
END_TEST

START_TEST(a_wait_as_a_future_is_dropped_at_once_and_loses_nothing)
{
	int raw;
	duet_handle handle = begin(&raw);
	struct duet_waker bell = { .wake = ring };
	struct duet_context context = { .loop = loop, .waker = &bell };
	struct duet_polling_future *future = malloc(sizeof(*future));
	struct duet_polling_future none;
	struct duet_stats before = stats_of(loop);

	ck_assert_ptr_nonnull(future);
	duet_polling_future_init(future, handle, DUET_READABLE);
	ck_assert_int_eq(duet_future_poll(&future->future, &context), DUET_PENDING);
	ck_assert_int_eq(duet_future_poll_cancel(&future->future, &context), DUET_READY);
	ck_assert_int_eq(future->future.result, -ECANCELED);
	free(future);
	say(raw, "hello");
	turns(loop, 3);
	ck_assert_uint_eq(called, 0);
	ck_assert_uint_eq(stats_of(loop).started, before.started);
	ck_assert_int_eq(duet_polling_try_recv(loop, handle, data, 64), 5);
	duet_polling_future_init(&none, (duet_handle){ 9, 9 }, DUET_READABLE);
	ck_assert_int_eq(duet_future_poll(&none.future, &context), DUET_READY);
	ck_assert_int_eq(none.future.result, -EBADF);
	finish(raw);
}
END_TEST

int main(void)
{
	return plain_run("polling_native",
		CASES(a_try_moves_what_is_there_and_borrows_only_for_the_call,
			a_wait_is_called_back_once_when_the_direction_is_ready,
			what_was_not_drained_wakes_the_next_wait_at_once,
			to_cancel_is_to_forget_and_loses_nothing,
			a_direction_with_operations_takes_no_wait,
			an_operation_beside_a_wait_is_carried_out_and_both_hear,
			a_handle_that_goes_drops_its_waits, an_accept_is_tried_and_waited_for,
			an_accept_into_a_full_table_takes_nothing,
			an_echo_in_the_dialect_is_three_system_calls,
			a_wait_as_a_future_is_asked_afresh,
			a_wait_as_a_future_is_dropped_at_once_and_loses_nothing));
}
