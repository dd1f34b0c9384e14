/* SPDX-FileCopyrightText: The Duet authors */
/* SPDX-License-Identifier: MIT */
#include <fcntl.h>
#include <unistd.h>

#include "tests/support/harness.h"
#include "tests/support/scripted.h"

/* The table of handles, and the pools: core/handle.c and core/buffer.c. */

static struct duet_loop *loop;

START_TEST(a_slot_is_reused_with_another_generation_and_the_old_handle_is_stale)
{
	duet_handle first;
	duet_handle second;
	uint64_t identity;
	int fd;

	loop = script_open(NULL);
	first = script_handle(loop);
	ck_assert_uint_ne(first.generation, 0);
	identity = duet_core_slot_identity(loop, duet_core_slot_of(loop, first));
	ck_assert_ptr_nonnull(duet_core_slot(loop, identity));
	fd = duet_handle_release(loop, first);
	ck_assert_int_ge(fd, 0);
	close(fd);
	second = script_handle(loop);
	ck_assert_uint_eq(second.slot, first.slot);
	ck_assert_uint_ne(second.generation, first.generation);
	ck_assert_ptr_null(duet_core_slot_of(loop, first));
	ck_assert_ptr_null(duet_core_slot(loop, identity));
	ck_assert_int_eq(duet_handle_fd(loop, first), -EBADF);
	ck_assert_int_eq(duet_loop_destroy(loop), 0);
}
END_TEST

START_TEST(a_generation_never_becomes_that_of_no_handle)
{
	duet_handle handle;

	loop = script_open(NULL);
	loop->slots[0].generation = UINT32_MAX - 1;
	handle = script_handle(loop);
	ck_assert_uint_eq(handle.generation, UINT32_MAX - 1);
	close(duet_handle_release(loop, handle));
	handle = script_handle(loop);
	ck_assert_uint_eq(handle.generation, 1);
	ck_assert_int_eq(duet_loop_destroy(loop), 0);
}
END_TEST

START_TEST(the_table_has_handles_max_places)
{
	struct duet_loop_options options;
	duet_handle handles[4];
	duet_handle handle;
	int fd = dup(0);

	duet_loop_options_init(&options);
	options.handles_max = 4;
	loop = script_open(&options);
	for (unsigned i = 0; i < 4; i++)
		handles[i] = script_handle(loop);
	ck_assert_int_eq(duet_handle_adopt(loop, fd, 0, &handle), -ENFILE);
	close(duet_handle_release(loop, handles[2]));
	ck_assert_int_eq(duet_handle_adopt(loop, fd, 0, &handle), 0);
	ck_assert_uint_eq(handle.slot, handles[2].slot);
	ck_assert_int_eq(duet_loop_destroy(loop), 0);
	ck_assert_int_eq(fcntl(fd, F_GETFD), -1);
}
END_TEST

START_TEST(flags_are_checked_and_replaced)
{
	duet_handle handle;

	loop = script_open(NULL);
	handle = script_handle(loop);
	ck_assert_int_eq(duet_handle_set_flags(loop, handle, DUET_HANDLE_TRY_NEVER), 0);
	ck_assert_int_eq(duet_core_try(loop, duet_core_slot_of(loop, handle)), DUET_TRY_NEVER);
	ck_assert_int_eq(duet_handle_set_flags(loop, handle, DUET_HANDLE_TRY_ALWAYS), 0);
	ck_assert_int_eq(duet_core_try(loop, duet_core_slot_of(loop, handle)), DUET_TRY_ALWAYS);
	ck_assert_int_eq(duet_handle_set_flags(loop, handle, 0), 0);
	ck_assert_int_eq(duet_core_try(loop, duet_core_slot_of(loop, handle)), DUET_TRY_PREDICT);
	ck_assert_int_eq(duet_handle_set_flags(loop, handle, 1u << 9), -EINVAL);
	ck_assert_int_eq(duet_loop_destroy(loop), 0);
}
END_TEST

START_TEST(what_a_descriptor_is_decides_its_class)
{
	static const struct {
		int domain, type;
		enum core_class class_of;
	} sockets[] = {
		{ AF_INET, SOCK_STREAM, CLASS_TCP },
		{ AF_INET, SOCK_DGRAM, CLASS_DATAGRAM },
		{ AF_UNIX, SOCK_STREAM, CLASS_UNIX_STREAM },
		{ AF_UNIX, SOCK_SEQPACKET, CLASS_DATAGRAM },
	};
	duet_handle handle;
	int ends[2];
	int fd;

	loop = script_open(NULL);
	for (unsigned i = 0; i < 4; i++) {
		fd = socket(sockets[i].domain, sockets[i].type | SOCK_CLOEXEC, 0);
		ck_assert_int_eq(duet_handle_adopt(loop, fd, 0, &handle), 0);
		ck_assert_int_eq(duet_core_slot_of(loop, handle)->slot_class,
			sockets[i].class_of);
	}
	ck_assert_int_eq(pipe(ends), 0);
	ck_assert_int_eq(duet_handle_adopt(loop, ends[0], 0, &handle), 0);
	ck_assert_int_eq(duet_core_slot_of(loop, handle)->slot_class, CLASS_OTHER);
	close(ends[1]);
	fd = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
	ck_assert_int_eq(duet_handle_adopt(loop, fd, 0, &handle), 0);
	ck_assert_int_eq(duet_core_slot_of(loop, handle)->slot_class, CLASS_FILE);
	fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	ck_assert_int_eq(listen(fd, 1), 0);
	ck_assert_int_eq(duet_handle_adopt(loop, fd, 0, &handle), 0);
	ck_assert_int_eq(duet_core_slot_of(loop, handle)->slot_class, CLASS_LISTENER);
	ck_assert_int_eq(duet_loop_destroy(loop), 0);
}
END_TEST

/* By the kinds asked for here, not by what the kernel says. */
START_TEST(what_a_socket_was_asked_for_decides_its_class)
{
	static const struct {
		int domain, type;
		enum core_class class_of;
	} sockets[] = {
		{ AF_INET, SOCK_STREAM | SOCK_NONBLOCK, CLASS_TCP },
		{ AF_INET, SOCK_DGRAM, CLASS_DATAGRAM },
		{ AF_UNIX, SOCK_STREAM, CLASS_UNIX_STREAM },
		{ AF_UNIX, SOCK_RAW, CLASS_DATAGRAM },
		{ AF_INET, SOCK_RAW, CLASS_DATAGRAM },
		{ AF_PACKET, SOCK_RAW, CLASS_DATAGRAM },
	};
	struct duet_op op;

	loop = script_open(NULL);
	script.ends_at_once = true;
	for (unsigned i = 0; i < 6; i++) {
		script.result = dup(0);
		duet_op_init(&op, NULL, NULL);
		duet_op_socket(&op, sockets[i].domain, sockets[i].type, 0);
		duet_op_inline(&op);
		ck_assert_int_eq(duet_op_start(loop, &op), 1);
		ck_assert_int_eq(duet_core_slot_of(loop, op.made)->slot_class,
			sockets[i].class_of);
	}
	ck_assert_int_eq(duet_loop_destroy(loop), 0);
}
END_TEST

START_TEST(taken_buffers_come_back_and_none_is_given_twice)
{
	struct duet_pool *pool;
	bool seen[8] = { false };

	loop = script_open(NULL);
	ck_assert_int_eq(duet_pool_create(loop, 5, 64, &pool), 0);
	ck_assert_uint_eq(duet_pool_free_count(pool), 8);
	for (unsigned i = 0; i < 8; i++) {
		int index = duet_core_buffer_take(pool);

		ck_assert_int_ge(index, 0);
		ck_assert(!seen[index]);
		seen[index] = true;
		ck_assert_ptr_eq(duet_core_buffer_data(pool, (uint16_t)index),
			pool->memory + index * 64);
	}
	ck_assert_int_eq(duet_core_buffer_take(pool), -ENOBUFS);
	duet_core_buffer_untake(pool, 3);
	ck_assert_int_eq(duet_core_buffer_take(pool), 3);
	ck_assert_int_eq(duet_core_buffer_take(pool), -ENOBUFS);
	ck_assert_int_eq(duet_loop_destroy(loop), 0);
}
END_TEST

int main(void)
{
	return plain_run("handle",
		CASES(a_slot_is_reused_with_another_generation_and_the_old_handle_is_stale,
			a_generation_never_becomes_that_of_no_handle, the_table_has_handles_max_places,
			flags_are_checked_and_replaced, what_a_descriptor_is_decides_its_class,
			what_a_socket_was_asked_for_decides_its_class,
			taken_buffers_come_back_and_none_is_given_twice));
}
