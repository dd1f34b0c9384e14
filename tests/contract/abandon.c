/* SPDX-FileCopyrightText: The Duet authors */
/* SPDX-License-Identifier: MIT */
#include <fcntl.h>
#include <stdio.h>

#include "tests/support/owned.h"

/* R6, R12, R18: what the runtime owns can be given up. Nobody is called back, nothing is lost. */

static duet_handle pair[2];
static unsigned char data[OWNED_BYTES];

static void abandon(struct duet_op *op)
{
	unsigned before = called;

	ck_assert_int_eq(duet_op_abandon(op), 0);
	ck_assert_uint_eq(called, before);
}

/* ---- The bound. ---- */

START_TEST(the_last_one_taken_is_the_bound_until_one_is_back)
{
	struct duet_op *ops[OWNED], *more;

	owned_open();
	pair_open(pair);
	for (unsigned i = 0; i < OWNED; i++) {
		ops[i] = take();
		duet_op_recv(ops[i], pair[i], duet_op_buffer(ops[i]), 16, 0);
		start(ops[i]);
	}
	ck_assert_int_eq(duet_op_take(stage.loop, NULL, NULL, &more), -ENOBUFS);
	stage_settle(2);
	/* Given up, it is still in use until its end. */
	abandon(ops[0]);
	ck_assert_int_eq(duet_op_take(stage.loop, NULL, NULL, &more), -ENOBUFS);
	turn_until(duet_op_take(stage.loop, NULL, NULL, &more) == 0);
	ck_assert_int_eq(duet_op_return(more), 0);
	abandon(ops[1]);
	expect_all_back();
}
END_TEST

START_TEST(an_idle_one_goes_back_at_once)
{
	struct duet_op *op;

	owned_open();
	op = take();
	duet_op_recv(op, DUET_HANDLE_NONE, data, sizeof(data), 0);
	abandon(op);
	ck_assert_int_eq(duet_op_abandon(op), -EINVAL);
	ck_assert_int_eq(duet_op_return(op), -EINVAL);
	ck_assert_int_eq(duet_op_start(stage.loop, op), -EINVAL);
	ck_assert_ptr_null(duet_op_buffer(op));
	expect_all_back();
	ck_assert_uint_eq(stats().abandoned, 0);
}
END_TEST

/* ---- Refused. ---- */

START_TEST(an_operation_of_the_caller_s_is_refused_and_stays_as_it_was)
{
	struct trial trial;

	owned_open();
	pair_open(pair);
	trial_init(&trial);
	ck_assert_int_eq(duet_op_abandon(&trial.op), -EINVAL);
	ck_assert_int_eq(duet_op_return(&trial.op), -EINVAL);
	ck_assert_int_eq(duet_op_copy_through(&trial.op), -EINVAL);
	ck_assert_ptr_null(duet_op_buffer(&trial.op));
	duet_op_recv(&trial.op, pair[1], data, sizeof(data), 0);
	trial_start(&trial);
	ck_assert_int_eq(duet_op_abandon(&trial.op), -EINVAL);
	stage_settle(3);
	ck_assert_uint_eq(trial.ends, 0);
	stream_send(pair[0], "x", 1);
	await(&trial);
	expect(&trial, 1, DUET_COMPLETED, DUET_CAUSE_ITSELF);
}
END_TEST

START_TEST(one_that_lends_the_caller_s_memory_is_refused_and_stays_as_it_was)
{
	struct duet_op *op;

	owned_open();
	pair_open(pair);
	op = take();
	duet_op_recv(op, pair[1], data, sizeof(data), 0);
	start(op);
	ck_assert_int_eq(duet_op_abandon(op), -EINVAL);
	stage_settle(3);
	ck_assert_uint_eq(called, 0);
	stream_send(pair[0], "x", 1);
	turn_until(called);
	ck_assert_int_eq(op->result, 1);
	/* A piece that begins in the buffer, and ends behind it. */
	duet_op_recv(op, pair[1], (char *)duet_op_buffer(op) + 1, OWNED_BYTES, 0);
	start(op);
	ck_assert_int_eq(duet_op_abandon(op), -EINVAL);
	duet_op_cancel(op);
	turn_until(called == 2);
	ck_assert_int_eq(op->result, -ECANCELED);
	ck_assert_int_eq(duet_op_return(op), 0);
	ck_assert_uint_eq(stats().abandoned, 0);
}
END_TEST

START_TEST(a_path_is_memory_too)
{
	struct duet_op *op;
	const char *path;

	owned_open();
	path = file_path("opened");
	file_make(path, 10);
	op = take();
	duet_op_open(op, AT_FDCWD, path, O_RDONLY, 0);
	start(op);
	ck_assert_int_eq(duet_op_abandon(op), -EINVAL);
	turn_until(called);
	ck_assert_int_eq(op->result, 0);
	handle_close(op->made);
	abandon(op);
}
END_TEST

/* ---- What still comes. ---- */

START_TEST(nobody_is_called_and_bytes_that_came_are_counted)
{
	struct duet_op *op;

	owned_open();
	pair_open(pair);
	op = take();
	duet_op_recv(op, pair[1], duet_op_buffer(op), OWNED_BYTES, 0);
	start(op);
	stage_settle(2);
	stream_send(pair[0], "h", 1);
	/* Where they are now depends on the mechanism; they are counted, or wait for the next. */
	if (called) {
		ck_assert_int_eq(op->result, 1);
		called = 0;
		ck_assert_int_eq(duet_op_return(op), 0);
	} else {
		abandon(op);
		turn_until(duet_loop_pending(stage.loop) == 0);
		stage_settle(2);
		ck_assert_uint_eq(stats().abandoned, 1);
		ck_assert_uint_eq(stats().discarded_bytes + stream_drain(pair[1], data, 5), 1);
	}
	ck_assert_uint_eq(called, 0);
	expect_all_back();
}
END_TEST

START_TEST(part_of_a_whole_receive_is_counted)
{
	struct duet_op *op;

	owned_open();
	pair_open(pair);
	op = take();
	duet_op_recv(op, pair[1], duet_op_buffer(op), 100, DUET_WHOLE);
	start(op);
	stream_send(pair[0], "hello", 5);
	stage_settle(5);
	abandon(op);
	turn_until(duet_loop_pending(stage.loop) == 0);
	stage_settle(2);
	ck_assert_uint_eq(stats().discarded_bytes + stream_drain(pair[1], data, 5), 5);
	ck_assert_uint_eq(called, 0);
	expect_all_back();
}
END_TEST

START_TEST(a_late_connection_is_closed)
{
	struct duet_stats before;
	struct sockaddr_in address;
	duet_handle listener, dialer;
	struct trial trial;
	struct duet_op *op;
	unsigned descriptors;

	owned_open();
	listener_open(&listener, &address);
	trial_init(&trial);
	duet_op_socket(&trial.op, AF_INET, SOCK_STREAM, 0);
	ck_assert_int_eq(trial_run(&trial), 0);
	dialer = trial.op.made;
	descriptors = descriptors_open();
	op = take();
	duet_op_accept(op, listener, 0);
	start(op);
	duet_loop_prepare(stage.loop);
	before = stats();
	duet_op_connect(&trial.op, dialer, (void *)&address, sizeof(address));
	trial.ends = 0;
	trial_start(&trial);
	duet_loop_prepare(stage.loop);
	/* On a plain ring the connection has come by now, and nowhere else. */
	abandon(op);
	turn_until(duet_loop_pending(stage.loop) == 0);
	stage_settle(3);
	ck_assert_uint_eq(called, 0);
	ck_assert_uint_eq(descriptors_open(), descriptors);
	if (strcmp(stage.arm->name, "completion-plain") == 0)
		ck_assert_uint_eq(stats().reclaimed, before.reclaimed + 1);
	expect_all_back();
	handle_close(dialer);
	handle_close(listener);
}
END_TEST

START_TEST(a_late_file_is_closed_and_its_path_need_not_outlive_the_call)
{
	char path[256];
	struct duet_op *op;
	unsigned descriptors;

	owned_open();
	snprintf(path, sizeof(path), "%s", file_path("late"));
	file_make(path, 10);
	descriptors = descriptors_open();
	op = take();
	duet_op_open(op, AT_FDCWD, path, O_RDONLY, 0);
	ck_assert_int_eq(duet_op_copy_through(op), 0);
	memset(path, 'x', sizeof(path));
	start(op);
	duet_loop_prepare(stage.loop);
	abandon(op);
	turn_until(duet_loop_pending(stage.loop) == 0);
	stage_settle(3);
	ck_assert_uint_eq(called, 0);
	ck_assert_uint_eq(descriptors_open(), descriptors);
	expect_all_back();
}
END_TEST

static void abandon_at_its_end(struct duet_op *op)
{
	called++;
	if (!op->more)
		ck_assert_int_eq(duet_op_abandon(op), 0);
}

START_TEST(it_may_be_given_up_in_its_own_end)
{
	struct duet_op *op;

	owned_open();
	ck_assert_int_eq(duet_op_take(stage.loop, abandon_at_its_end, NULL, &op), 0);
	duet_op_nop(op);
	start(op);
	turn_until(called);
	expect_all_back();
}
END_TEST

/* ---- Multishot and pools. ---- */

static unsigned items;

START_TEST(connections_of_a_multishot_accept_are_closed_from_then_on)
{
	struct duet_op *op;

	owned_open();
	listener_open(&stage.listener, &stage.address);
	op = take();
	duet_op_accept(op, stage.listener, DUET_MULTISHOT);
	start(op);
	stage_settle(2);
	abandon(op);
	expect_all_back();
	/* The listener is everybody's again. */
	pair_open(pair);
	pair_close(pair);
	ck_assert_uint_eq(called, 0);
}
END_TEST

static struct duet_pool *pool;

static size_t told_bytes;

static void return_and_abandon(struct duet_op *op)
{
	items++;
	if (!op->more || op->result <= 0)
		return;
	told_bytes = op->transferred;
	duet_buffer_return(stage.loop, &op->buffer);
	ck_assert_int_eq(duet_op_abandon(op), 0);
}

START_TEST(buffers_of_a_pooled_receive_go_back)
{
	struct duet_op *op;

	owned_open();
	ck_assert_int_eq(duet_pool_create(stage.loop, 4, 8, &pool), 0);
	pair_open(pair);
	items = 0;
	ck_assert_int_eq(duet_op_take(stage.loop, return_and_abandon, NULL, &op), 0);
	duet_op_recv_pooled(op, pair[1], pool, DUET_MULTISHOT);
	start(op);
	stage_settle(2);
	/* Several buffers; the first is told, the others come after it was given up. */
	stream_send(pair[0], "0123456789abcdefghijklmn", 24);
	turn_until(items);
	turn_until(duet_loop_pending(stage.loop) == 0);
	stage_settle(3);
	ck_assert_uint_eq(items, 1);
	ck_assert_uint_eq(duet_pool_free_count(pool), 4);
	ck_assert_uint_eq(told_bytes + stats().discarded_bytes + stream_drain(pair[1], data, 24), 24);
	expect_all_back();
}
END_TEST

START_TEST(a_starved_receive_leaves_the_line_of_its_pool)
{
	struct duet_buffer held;
	struct trial trial;
	struct duet_op *op;

	owned_open();
	ck_assert_int_eq(duet_pool_create(stage.loop, 1, 8, &pool), 0);
	pair_open(pair);
	trial_init(&trial);
	duet_op_recv_pooled(&trial.op, pair[1], pool, 0);
	trial_start(&trial);
	stream_send(pair[0], "12345678", 8);
	await(&trial);
	held = trial.op.buffer;
	op = take();
	duet_op_recv_pooled(op, pair[1], pool, 0);
	start(op);
	stream_send(pair[0], "abcd", 4);
	turn_until(called);
	abandon(op);
	ck_assert_uint_eq(called, 1);
	expect_all_back();
	ck_assert_int_eq(duet_buffer_return(stage.loop, &held), 0);
	ck_assert_uint_eq(stream_drain(pair[1], data, 4), 4);
	ck_assert_uint_eq(duet_pool_free_count(pool), 1);
}
END_TEST

START_TEST(a_held_buffer_that_it_sends_goes_back_with_it)
{
	unsigned char *bytes = calloc(1, STUCK_BYTES);
	struct trial stuck, trial;
	struct duet_op *op, *twin;
	struct duet_buffer held;

	owned_open();
	ck_assert_int_eq(duet_pool_create(stage.loop, 1, 64, &pool), 0);
	pair_open(pair);
	trial_init(&trial);
	duet_op_recv_pooled(&trial.op, pair[0], pool, 0);
	trial_start(&trial);
	stream_send(pair[1], "echo", 4);
	await(&trial);
	held = trial.op.buffer;
	trial_stick(&stuck, pair[0], bytes);
	op = take();
	duet_op_send(op, pair[0], held.data, held.length_bytes, DUET_WHOLE);
	start(op);
	twin = take();
	duet_op_send(twin, pair[0], held.data, held.length_bytes, DUET_WHOLE);
	start(twin);
	abandon(op);
	/* It is not the caller's any more. */
	ck_assert_int_eq(duet_op_abandon(twin), -EINVAL);
	ck_assert_uint_eq(duet_pool_free_count(pool), 0);
	duet_op_cancel(twin);
	trial_cancel(&stuck);
	turn_until(stuck.ends && called == 1);
	ck_assert_int_eq(duet_op_return(twin), 0);
	expect_all_back();
	ck_assert_uint_eq(duet_pool_free_count(pool), 1);
	free(bytes);
}
END_TEST

START_TEST(memory_that_is_copied_through_is_free_when_it_is_abandoned)
{
	static unsigned char target[64];
	struct trial trial;
	struct duet_op *op;

	owned_open();
	pair_open(pair);
	memset(target, 0, sizeof(target));
	op = take();
	duet_op_recv(op, pair[1], target, sizeof(target), 0);
	ck_assert_int_eq(duet_op_copy_through(op), 0);
	start(op);
	duet_loop_prepare(stage.loop);
	trial_init(&trial);
	duet_op_send(&trial.op, pair[0], "late", 4, DUET_WHOLE);
	trial_start(&trial);
	duet_loop_prepare(stage.loop);
	/* On a plain ring the bytes are in the buffer by now. */
	abandon(op);
	turn_until(duet_loop_pending(stage.loop) == 0);
	stage_settle(2);
	ck_assert_uint_eq(called, 0);
	for (size_t i = 0; i < sizeof(target); i++)
		ck_assert_uint_eq(target[i], 0);
	ck_assert_uint_eq(stats().discarded_bytes + stream_drain(pair[1], data, 4), 4);
	expect_all_back();
}
END_TEST

/* ---- What can't be stopped. ---- */

START_TEST(a_read_that_goes_on_keeps_its_memory_until_its_end)
{
	struct duet_op *op;
	duet_handle file;

	owned_open();
	file_make(file_path("slow"), OWNED_BYTES);
	file = file_open(file_path("slow"), O_RDONLY);
	for (unsigned round = 0; round < 20; round++) {
		uint64_t before = stats().discarded_bytes;

		op = take();
		duet_op_read(op, file, duet_op_buffer(op), OWNED_BYTES, 0);
		start(op);
		if (round % 2)
			duet_loop_prepare(stage.loop);
		abandon(op);
		turn_until(duet_loop_pending(stage.loop) == 0);
		stage_settle(1);
		/* All of it, or it had not begun. */
		ck_assert_uint_eq((stats().discarded_bytes - before) % OWNED_BYTES, 0);
	}
	ck_assert_uint_eq(called, 0);
	ck_assert_uint_eq(stats().abandoned, 20);
	expect_all_back();
	handle_close(file);
}
END_TEST

static char said[200];

static void note_line(void *context, const char *text)
{
	(void)context;
	if (strstr(text, "abandoned"))
		snprintf(said, sizeof(said), "%s", text);
}

START_TEST(a_shutdown_waits_for_it)
{
	struct duet_op *op;
	duet_handle file;

	owned_open();
	file_make(file_path("shut"), OWNED_BYTES);
	file = file_open(file_path("shut"), O_RDONLY);
	op = take();
	duet_op_read(op, file, duet_op_buffer(op), OWNED_BYTES, 0);
	start(op);
	abandon(op);
	said[0] = 0;
	duet_loop_dump(stage.loop, note_line, NULL);
	ck_assert_str_ne(said, "");
	ck_assert_int_eq(duet_loop_destroy(stage.loop), -EBUSY);
	ck_assert_int_eq(duet_loop_shutdown(stage.loop, DUET_NO_DEADLINE), 0);
	ck_assert_uint_eq(called, 0);
}
END_TEST

START_TEST(one_that_has_ended_and_was_not_told_can_be_given_up)
{
	struct duet_op *op;

	owned_open();
	op = take();
	duet_op_socket(op, AF_INET, SOCK_STREAM, 0);
	start(op);
	duet_op_cancel(op);
	abandon(op);
	turn_until(duet_loop_pending(stage.loop) == 0);
	stage_settle(2);
	ck_assert_uint_eq(called, 0);
	expect_all_back();
}
END_TEST

/* ---- In a scope. ---- */

static struct duet_scope scope;
static unsigned joins;

static void joined(struct duet_scope *ended)
{
	(void)ended;
	joins++;
}

START_TEST(a_member_leaves_its_scope_at_once_and_the_loop_still_waits)
{
	struct duet_member member;
	struct duet_op *op;

	owned_open();
	joins = 0;
	file_make(file_path("member"), OWNED_BYTES);
	pair_open(pair);
	ck_assert_int_eq(duet_scope_open(&scope, stage.loop, NULL, NULL), 0);
	op = take();
	duet_op_recv(op, pair[1], duet_op_buffer(op), 16, 0);
	ck_assert_int_eq(duet_scope_start(&scope, &member, op), 0);
	ck_assert_int_eq(duet_scope_join(&scope, joined), 0);
	stage_settle(2);
	ck_assert_uint_eq(joins, 0);
	abandon(op);
	memset(&member, 0xff, sizeof(member));
	ck_assert_int_eq(duet_loop_destroy(stage.loop), -EBUSY);
	turn_until(joins);
	ck_assert_int_eq(scope.result, 0);
	ck_assert_uint_eq(called, 0);
	expect_all_back();
}
END_TEST

static struct duet_member multishot;
static duet_handle accepted;

static void abandon_in_between(struct duet_op *op)
{
	called++;
	ck_assert_uint_eq(op->more, 1);
	accepted = op->made;
	ck_assert_int_eq(duet_op_abandon(op), 0);
	memset(&multishot, 0xff, sizeof(multishot));
}

START_TEST(a_multishot_member_may_be_given_up_in_an_interim_completion)
{
	struct sockaddr_in address;
	duet_handle listener, dialer;
	struct trial trial;
	struct duet_op *op;

	owned_open();
	joins = 0;
	listener_open(&listener, &address);
	ck_assert_int_eq(duet_scope_open(&scope, stage.loop, NULL, NULL), 0);
	ck_assert_int_eq(duet_op_take(stage.loop, abandon_in_between, NULL, &op), 0);
	duet_op_accept(op, listener, DUET_MULTISHOT);
	ck_assert_int_eq(duet_scope_start(&scope, &multishot, op), 0);
	ck_assert_int_eq(duet_scope_join(&scope, joined), 0);
	trial_init(&trial);
	duet_op_socket(&trial.op, AF_INET, SOCK_STREAM, 0);
	ck_assert_int_eq(trial_run(&trial), 0);
	dialer = trial.op.made;
	duet_op_connect(&trial.op, dialer, (void *)&address, sizeof(address));
	trial.ends = 0;
	trial_start(&trial);
	turn_until(joins && trial.ends);
	ck_assert_uint_eq(called, 1);
	ck_assert_int_eq(scope.result, 0);
	expect_all_back();
	handle_close(accepted);
	handle_close(dialer);
	handle_close(listener);
}
END_TEST

int main(void)
{
	return contract_run("abandon",
		CASES(the_last_one_taken_is_the_bound_until_one_is_back,
			an_idle_one_goes_back_at_once,
			an_operation_of_the_caller_s_is_refused_and_stays_as_it_was,
			one_that_lends_the_caller_s_memory_is_refused_and_stays_as_it_was,
			a_path_is_memory_too, nobody_is_called_and_bytes_that_came_are_counted,
			part_of_a_whole_receive_is_counted, a_late_connection_is_closed,
			a_late_file_is_closed_and_its_path_need_not_outlive_the_call,
			it_may_be_given_up_in_its_own_end,
			connections_of_a_multishot_accept_are_closed_from_then_on,
			buffers_of_a_pooled_receive_go_back,
			a_starved_receive_leaves_the_line_of_its_pool,
			a_held_buffer_that_it_sends_goes_back_with_it,
			memory_that_is_copied_through_is_free_when_it_is_abandoned,
			a_read_that_goes_on_keeps_its_memory_until_its_end, a_shutdown_waits_for_it,
			one_that_has_ended_and_was_not_told_can_be_given_up,
			a_member_leaves_its_scope_at_once_and_the_loop_still_waits,
			a_multishot_member_may_be_given_up_in_an_interim_completion),
		NULL);
}
