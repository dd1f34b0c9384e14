/* SPDX-FileCopyrightText: The Duet authors */
/* SPDX-License-Identifier: MIT */
#include <fcntl.h>

#include "tests/support/owned.h"

/* Operations of the loop's own: taken, used as any other, with a buffer that memory is moved into or
 * copied through. */

static duet_handle pair[2];
static unsigned char data[OWNED_BYTES];
static struct duet_pool *pool;

START_TEST(a_taken_operation_is_used_as_any_other)
{
	struct duet_op *op;

	owned_open();
	pair_open(pair);
	op = take();
	for (unsigned round = 1; round <= 2; round++) {
		duet_op_recv(op, pair[1], duet_op_buffer(op), 5, DUET_WHOLE);
		start(op);
		ck_assert_int_eq(duet_op_return(op), -EBUSY);
		stream_send(pair[0], "moved", 5);
		turn_until(called == round);
		ck_assert_int_eq(op->result, 5);
		ck_assert_mem_eq(duet_op_buffer(op), "moved", 5);
	}
	ck_assert_int_eq(duet_op_return(op), 0);
	expect_all_back();
	ck_assert_uint_eq(stats().abandoned, 0);
}
END_TEST

START_TEST(a_loop_owns_none_unless_it_is_told_to)
{
	struct duet_op *op = (struct duet_op *)data;

	ck_assert_int_eq(duet_op_take(stage.loop, NULL, NULL, &op), -ENOBUFS);
	ck_assert_ptr_null(op);
}
END_TEST

START_TEST(options_out_of_range_are_refused)
{
	struct duet_loop_options options;
	struct duet_loop *loop;

	duet_loop_options_init(&options);
	options.tuning = stage.arm->tuning;
	options.owned_max = 65537;
	ck_assert_int_eq(duet_loop_create(&loop, stage.arm->backend(), &options), -EINVAL);
	options.owned_max = 1;
	options.owned_bytes = (1 << 20) + 1;
	ck_assert_int_eq(duet_loop_create(&loop, stage.arm->backend(), &options), -EINVAL);
}
END_TEST

START_TEST(what_goes_out_is_copied_at_once)
{
	char text[] = "copied";
	struct iovec pieces[2] = { { text, 3 }, { text + 3, 3 } };
	struct duet_op *op;

	owned_open();
	pair_open(pair);
	op = take();
	duet_op_send_vector(op, pair[0], pieces, 2, DUET_WHOLE);
	ck_assert_int_eq(duet_op_copy_through(op), 0);
	memset(text, 'x', sizeof(text));
	start(op);
	turn_until(called);
	ck_assert_int_eq(op->result, 6);
	stream_recv(pair[1], data, 6);
	ck_assert_mem_eq(data, "copied", 6);
	ck_assert_uint_eq(stats().copied_bytes, 6);
	ck_assert_int_eq(duet_op_return(op), 0);
}
END_TEST

START_TEST(what_comes_in_is_copied_before_it_is_told)
{
	struct duet_op *op;

	owned_open();
	pair_open(pair);
	op = take();
	for (unsigned bytes = 1; bytes <= 4; bytes += 3) {
		memset(data, 0, sizeof(data));
		called = 0;
		duet_op_recv(op, pair[1], data, bytes, bytes > 1 ? DUET_WHOLE : 0);
		ck_assert_int_eq(duet_op_copy_through(op), 0);
		start(op);
		stream_send(pair[0], "abcd", bytes);
		turn_until(called);
		ck_assert_int_eq(op->result, (int)bytes);
		ck_assert_mem_eq(data, "abcd", bytes);
		ck_assert_uint_eq(data[bytes], 0);
	}
	ck_assert_uint_eq(stats().copied_bytes, 5);
	ck_assert_int_eq(duet_op_return(op), 0);
}
END_TEST

START_TEST(a_file_is_read_and_written_through_a_copy)
{
	struct duet_op *op;
	duet_handle file;

	owned_open();
	file_make(file_path("through"), 4096);
	file = file_open(file_path("through"), O_RDWR);
	op = take();
	duet_op_read(op, file, data, 1000, 96);
	ck_assert_int_eq(duet_op_copy_through(op), 0);
	start(op);
	turn_until(called == 1);
	ck_assert_int_eq(op->result, 1000);
	ck_assert(pattern_holds(data, 1000, 96));
	duet_op_write(op, file, data, 1000, 8000);
	ck_assert_int_eq(duet_op_copy_through(op), 0);
	memset(data, 0, 1000);
	start(op);
	turn_until(called == 2);
	ck_assert_int_eq(file_read(file, data, 1000, 8000), 1000);
	ck_assert(pattern_holds(data, 1000, 96));
	ck_assert_int_eq(duet_op_return(op), 0);
	handle_close(file);
}
END_TEST

START_TEST(what_can_t_be_copied_through_is_refused)
{
	struct duet_op *op;

	owned_open();
	ck_assert_int_eq(duet_pool_create(stage.loop, 1, 8, &pool), 0);
	pair_open(pair);
	op = take();
	duet_op_recv(op, pair[1], data, OWNED_BYTES + 1, 0);
	ck_assert_int_eq(duet_op_copy_through(op), -EMSGSIZE);
	duet_op_recv(op, pair[1], data, 0, 0);
	ck_assert_int_eq(duet_op_copy_through(op), -EINVAL);
	duet_op_recv_pooled(op, pair[1], pool, 0);
	ck_assert_int_eq(duet_op_copy_through(op), -EINVAL);
	duet_op_nop(op);
	ck_assert_int_eq(duet_op_copy_through(op), -EINVAL);
	/* The mark of a copy is not the caller's to set. */
	duet_op_recv(op, pair[1], data, 8, 1u << 15);
	ck_assert_int_eq(duet_op_start(stage.loop, op), -EINVAL);
	ck_assert_int_eq(duet_op_return(op), 0);
}
END_TEST

int main(void)
{
	return contract_run("owned",
		CASES(a_taken_operation_is_used_as_any_other, a_loop_owns_none_unless_it_is_told_to,
			options_out_of_range_are_refused, what_goes_out_is_copied_at_once,
			what_comes_in_is_copied_before_it_is_told,
			a_file_is_read_and_written_through_a_copy,
			what_can_t_be_copied_through_is_refused),
		NULL);
}
