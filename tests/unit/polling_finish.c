/* SPDX-FileCopyrightText: The Duet authors */
/* SPDX-License-Identifier: MIT */
#include "tests/unit/polling_loop.h"

#include <fcntl.h>
#include <stdlib.h>

/* polling/finish.c: what an attempt says about the next, and a connect that asks itself. */

#define BLOCK 4096u

static struct duet_loop *loop;
static struct duet_op op;
static unsigned ends;

static void ended(struct duet_op *which)
{
	(void)which;
	ends++;
}

static void begin(void)
{
	struct duet_loop_options options;

	duet_loop_options_init(&options);
	options.handles_max = 16;
	options.worker_threads = 1;
	ck_assert_int_eq(duet_loop_create(&loop, duet_polling(), &options), 0);
	duet_op_init(&op, ended, NULL);
}

static void run(void)
{
	unsigned before = ends;

	ck_assert_int_eq(duet_op_start(loop, &op), 0);
	while (ends == before)
		ck_assert_int_ge(duet_loop_turn(loop, 1000000000), 0);
}

static uint32_t knows(duet_handle handle, uint32_t bits)
{
	return slot_of(loop, handle)->ready & bits;
}

/* Its files have no read "without waiting": the kernel says so to the first that asks. */
START_TEST(that_a_file_can_not_be_tried_is_asked_once)
{
	int fd = open("/proc/version", O_RDONLY | O_CLOEXEC);
	duet_handle handle;
	char text[64];

	ck_assert_int_ge(fd, 0);
	begin();
	ck_assert_int_eq(duet_handle_adopt(loop, fd, 0, &handle), 0);
	for (uint64_t i = 1; i <= 3; i++) {
		duet_op_read(&op, handle, text, 8, 0);
		run();
		ck_assert_int_eq(op.result, 8);
		ck_assert_uint_eq(stats_of(loop).wasted, 1);
		ck_assert_uint_eq(stats_of(loop).worker, i);
		ck_assert_uint_ne(knows(handle, FILE_NO_TRY), 0);
	}
	loop_end(loop);
}
END_TEST

/* The block is in no cache and in every cache: the attempt is not made either way. */
START_TEST(a_file_past_the_cache_is_never_tried)
{
	char *block = aligned_alloc(BLOCK, BLOCK);
	const char *path = file_path("data");
	int fd = open(path, O_RDWR | O_CREAT | O_DIRECT | O_CLOEXEC, 0600);
	duet_handle handle;

	ck_assert_int_ge(fd, 0);
	memset(block, 'x', BLOCK);
	ck_assert_int_eq(pwrite(fd, block, BLOCK, 0), BLOCK);
	begin();
	ck_assert_int_eq(duet_handle_adopt(loop, fd, 0, &handle), 0);
	for (uint64_t i = 1; i <= 3; i++) {
		duet_op_read(&op, handle, block, BLOCK, 0);
		run();
		ck_assert_int_eq(op.result, BLOCK);
		ck_assert_uint_eq(stats_of(loop).wasted, 0);
		ck_assert_uint_eq(stats_of(loop).inline_ended, 0);
		ck_assert_uint_eq(stats_of(loop).worker, i);
		ck_assert_uint_ne(knows(handle, FILE_NO_TRY), 0);
	}
	loop_end(loop);
	free(block);
}
END_TEST

START_TEST(a_file_in_the_cache_is_read_without_a_worker)
{
	const char *path = file_path("data");
	int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	duet_handle handle;
	char text[8];

	ck_assert_int_eq(pwrite(fd, "12345678", 8, 0), 8);
	begin();
	ck_assert_int_eq(duet_handle_adopt(loop, fd, 0, &handle), 0);
	for (uint64_t i = 1; i <= 3; i++) {
		duet_op_read(&op, handle, text, 8, 0);
		run();
		ck_assert_int_eq(op.result, 8);
		ck_assert_uint_eq(stats_of(loop).inline_ended, i);
		ck_assert_uint_eq(stats_of(loop).worker, 0);
		ck_assert_uint_eq(knows(handle, FILE_NO_TRY), 0);
	}
	loop_end(loop);
}
END_TEST

/* ---- Connect. ---- */

static struct sockaddr_in address;
static int listener;

static void listen_raw(void)
{
	socklen_t length = sizeof(address);

	address.sin_family = AF_INET;
	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	ck_assert_int_eq(bind(listener, (struct sockaddr *)&address, length), 0);
	ck_assert_int_eq(listen(listener, 4), 0);
	ck_assert_int_eq(getsockname(listener, (struct sockaddr *)&address, &length), 0);
}

/* Started at once, so that nothing looks for the answer before somebody else has taken it. */
START_TEST(a_connect_on_its_way_whose_answer_was_taken_stands)
{
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	duet_handle handle;

	begin();
	listen_raw();
	ck_assert_int_eq(duet_handle_adopt(loop, fd, 0, &handle), 0);
	duet_op_connect(&op, handle, (struct sockaddr *)&address, sizeof(address));
	duet_op_inline(&op);
	ck_assert_int_eq(duet_op_start(loop, &op), 0);
	ck_assert_uint_eq(op.progress, PROGRESS_ARMED);
	ck_assert_int_eq(connect(fd, (struct sockaddr *)&address, sizeof(address)), 0);
	ck_assert_int_eq(duet_loop_turn(loop, 1000000000), 1);
	ck_assert_uint_eq(ends, 1);
	ck_assert_int_eq(op.result, 0);
	ck_assert_int_eq(op.disposition, DUET_COMPLETED);
	/* And one that was connected when it began is told so. */
	duet_op_connect(&op, handle, (struct sockaddr *)&address, sizeof(address));
	run();
	ck_assert_int_eq(op.result, -EISCONN);
	ck_assert_int_eq(op.disposition, DUET_FAILED);
	close(listener);
	loop_end(loop);
}
END_TEST

int main(void)
{
	return plain_run("polling_finish",
		CASES(that_a_file_can_not_be_tried_is_asked_once,
			a_file_past_the_cache_is_never_tried,
			a_file_in_the_cache_is_read_without_a_worker,
			a_connect_on_its_way_whose_answer_was_taken_stands));
}
