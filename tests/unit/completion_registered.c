/* SPDX-FileCopyrightText: The Duet authors */
/* SPDX-License-Identifier: MIT */
#include <duet/completion.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "completion/internal.h"
#include "tests/support/harness.h"

/* Memory that the kernel knows: which entries use it, and what becomes of a pool that it won't pin. */

static struct duet_loop *loop;

static int pool_open(enum duet_regime regime, uint32_t count, uint32_t bytes, const char **reason,
		     struct duet_pool **pool)
{
	struct duet_pool_options options;

	duet_pool_options_init(&options);
	options.count = count;
	options.size_bytes = bytes;
	options.regime = regime;
	options.reason = reason;
	return duet_pool_create_with(loop, &options, pool);
}

static const struct io_uring_sqe *newest_entry(void)
{
	const struct io_uring_sq *sq = &completion_of(loop)->ring.sq;

	return &sq->sqes[(sq->sqe_tail - 1) & sq->ring_mask];
}

static void run_until_idle(void)
{
	while (duet_loop_pending(loop))
		ck_assert_int_ge(duet_loop_turn(loop, -1), 0);
}

static void expect_entry(struct duet_op *op, uint8_t opcode, const struct duet_pool *pool)
{
	ck_assert_int_eq(duet_op_start(loop, op), 0);
	ck_assert_uint_eq(newest_entry()->opcode, opcode);
	if (opcode == IORING_OP_READ_FIXED || opcode == IORING_OP_WRITE_FIXED)
		ck_assert_uint_eq(newest_entry()->buf_index, pool->id);
	run_until_idle();
	ck_assert_int_eq(op->result, (int)op->args.io.length_bytes);
}

/* Writes and reads the same bytes, which take these opcodes. */
static void round_trip(duet_handle file, struct duet_pool *pool, uint32_t bytes, uint8_t write,
		       uint8_t read)
{
	struct duet_buffer buffer;
	struct duet_op op;

	duet_op_init(&op, NULL, NULL);
	ck_assert_int_eq(duet_buffer_take(pool, &buffer), 0);
	buffer.length_bytes = bytes;
	pattern_fill(buffer.data, bytes, 1);
	duet_op_write_buffer(&op, file, buffer, 0);
	expect_entry(&op, write, pool);
	memset(buffer.data, 0, bytes);
	duet_op_read_buffer(&op, file, buffer, 0);
	expect_entry(&op, read, pool);
	ck_assert(pattern_holds(buffer.data, bytes, 1));
	ck_assert_int_eq(duet_buffer_return(loop, &op.buffer), 0);
}

START_TEST(what_pays_through_registered_memory_says_so)
{
	unsigned char own[4];
	struct duet_pool *known;
	struct duet_pool *moved;
	struct duet_op op;
	duet_handle file;
	int fd = memfd_create("registered", MFD_CLOEXEC);

	ck_assert_int_eq(duet_loop_create(&loop, duet_completion(), NULL), 0);
	ck_assert_int_eq(duet_handle_adopt(loop, fd, 0, &file), 0);
	ck_assert_int_eq(pool_open(DUET_REGIME_MOVED, 4, 65536, NULL, &moved), 0);
	ck_assert_int_eq(pool_open(DUET_REGIME_REGISTERED, 4, 65536, NULL, &known), 0);
	round_trip(file, moved, 4096, IORING_OP_WRITE, IORING_OP_READ);
	round_trip(file, known, 4096, IORING_OP_WRITE, IORING_OP_READ_FIXED);
	round_trip(file, known, 65536, IORING_OP_WRITE, IORING_OP_READ);
	/* What stands in for copied memory is as good. */
	duet_op_init(&op, NULL, NULL);
	duet_op_read_buffer(&op, file, duet_buffer_copied(own, 4, known), 0);
	expect_entry(&op, IORING_OP_READ_FIXED, known);
	ck_assert(pattern_holds(own, 4, 1));
	ck_assert_int_eq(duet_loop_destroy(loop), 0);
}
END_TEST

/* Of a ring that lacks an entry the memory is as any other for that. */
START_TEST(without_its_entry_registered_memory_goes_as_any_other)
{
	static const struct {
		const char *tuning;
		enum duet_capability regime;
		uint8_t read;
	} rings[] = {
		{ "without=write-fixed", DUET_NATIVE, IORING_OP_READ_FIXED },
		{ "without=read-fixed", DUET_NATIVE, IORING_OP_READ },
		{ "without=read-fixed+write-fixed", DUET_EMULATED, IORING_OP_READ },
		{ "refuse=read-fixed+write-fixed", DUET_EMULATED, IORING_OP_READ },
	};

	for (size_t i = 0; i < sizeof(rings) / sizeof(*rings); i++) {
		struct duet_loop_options options;
		struct duet_pool *known;
		duet_handle file;

		duet_loop_options_init(&options);
		options.tuning = rings[i].tuning;
		ck_assert_int_eq(duet_loop_create(&loop, duet_completion(), &options), 0);
		ck_assert_int_eq(duet_loop_regime(loop, DUET_REGIME_REGISTERED), rings[i].regime);
		ck_assert_int_eq(
			duet_handle_adopt(loop, memfd_create("registered", MFD_CLOEXEC), 0, &file),
			0);
		ck_assert_int_eq(pool_open(DUET_REGIME_REGISTERED, 4, 4096, NULL, &known), 0);
		round_trip(file, known, 4096, IORING_OP_WRITE, rings[i].read);
		ck_assert_int_eq(duet_loop_destroy(loop), 0);
	}
}
END_TEST

/* Past the page cache it always pays; there, too, what the kernel does is told by the bytes. */
START_TEST(a_file_past_the_cache_uses_registered_memory_at_any_length)
{
	struct duet_pool *known;
	duet_handle file;
	int fd = open("/var/tmp", O_TMPFILE | O_RDWR | O_DIRECT | O_CLOEXEC, 0600);

	if (fd < 0) {
		printf("skipped: no file past the cache in /var/tmp: %s\n", strerror(errno));
		return;
	}
	ck_assert_int_eq(duet_loop_create(&loop, duet_completion(), NULL), 0);
	ck_assert_int_eq(duet_handle_adopt(loop, fd, 0, &file), 0);
	ck_assert_int_eq(pool_open(DUET_REGIME_REGISTERED, 2, 65536, NULL, &known), 0);
	round_trip(file, known, 65536, IORING_OP_WRITE_FIXED, IORING_OP_READ_FIXED);
	ck_assert_int_eq(duet_loop_destroy(loop), 0);
}
END_TEST

/* More than one pool: each has its own entry of the one table. */
START_TEST(the_pools_of_a_loop_share_one_table)
{
	struct duet_pool *pools[DUET_POOLS_MAX];
	struct duet_pool *more;

	ck_assert_int_eq(duet_loop_create(&loop, duet_completion(), NULL), 0);
	for (unsigned i = 0; i < DUET_POOLS_MAX; i++)
		ck_assert_int_eq(pool_open(DUET_REGIME_REGISTERED, 1, 4096, NULL, &pools[i]), 0);
	ck_assert_int_eq(pool_open(DUET_REGIME_REGISTERED, 1, 4096, NULL, &more), -ENOSPC);
	ck_assert_int_eq(duet_loop_destroy(loop), 0);
}
END_TEST

/* Only the unprivileged have a limit. */
static int be_refused(void)
{
	struct rlimit limit = { 8 << 20, 8 << 20 };
	struct duet_pool *pool;
	const char *reason;

	if (setrlimit(RLIMIT_MEMLOCK, &limit) || (!geteuid() && (setgid(65534) || setuid(65534))) ||
	    duet_loop_create(&loop, duet_completion(), NULL))
		return 77;
	if (pool_open(DUET_REGIME_REGISTERED, 64, 1 << 20, &reason, &pool) != -ENOMEM)
		return 1;
	if (pool || !reason || !strstr(reason, "RLIMIT_MEMLOCK"))
		return 2;
	/* Without the kernel's help there is no limit; and a small one is had. */
	if (pool_open(DUET_REGIME_MOVED, 64, 1 << 20, &reason, &pool) || reason)
		return 3;
	if (pool_open(DUET_REGIME_REGISTERED, 4, 4096, &reason, &pool) || reason)
		return 4;
	return duet_loop_destroy(loop) ? 5 : 0;
}

START_TEST(memory_that_the_kernel_does_not_pin_is_refused_at_once_with_its_reason)
{
	int status;
	pid_t child = fork();

	if (!child)
		_exit(be_refused());
	ck_assert_int_eq(waitpid(child, &status, 0), child);
	ck_assert(WIFEXITED(status));
	if (WEXITSTATUS(status) == 77)
		printf("skipped: no ring for the unprivileged, or no right to become that\n");
	else
		ck_assert_int_eq(WEXITSTATUS(status), 0);
}
END_TEST

int main(void)
{
	return plain_run("registered",
		CASES(what_pays_through_registered_memory_says_so,
			without_its_entry_registered_memory_goes_as_any_other,
			a_file_past_the_cache_uses_registered_memory_at_any_length,
			the_pools_of_a_loop_share_one_table,
			memory_that_the_kernel_does_not_pin_is_refused_at_once_with_its_reason));
}
