/* SPDX-FileCopyrightText: The Duet authors */
/* SPDX-License-Identifier: MIT */
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/support/harness.h"

/* The rows of docs/parity.md about files: on the ring they are the kernel's, on the reactor a
 * worker thread's. */

static struct trial trial;
static duet_handle handle;
static unsigned char data[4096];

static bool on_ring(void)
{
	return stage.arm->ring;
}

static void cancel_and_await(void)
{
	trial_cancel(&trial);
	await(&trial);
}

static void expect_untouched(void)
{
	expect(&trial, -ECANCELED, DUET_UNTOUCHED, DUET_CAUSE_CANCEL);
}

START_TEST(a_cached_read_cancelled_in_front_of_the_turn)
{
	const char *path = file_path("data");

	file_make(path, sizeof(data));
	handle = file_open(path, O_RDONLY);
	ck_assert_int_eq(file_read(handle, data, sizeof(data), 0), sizeof(data));
	trial_init(&trial);
	duet_op_read(&trial.op, handle, data, sizeof(data), 0);
	trial_start(&trial);
	cancel_and_await();
	if (on_ring())
		expect(&trial, sizeof(data), DUET_COMPLETED, DUET_CAUSE_ITSELF);
	else
		expect_untouched();
}
END_TEST

START_TEST(what_is_native_and_what_needs_worker_threads)
{
	static const enum duet_kind files[] = { DUET_READ, DUET_WRITE, DUET_OPEN, DUET_FSYNC,
		DUET_STATX, DUET_MKDIR, DUET_UNLINK, DUET_RENAME, DUET_LINK, DUET_SYMLINK,
		DUET_ALLOCATE };
	const unsigned count = sizeof(files) / sizeof(*files);
	static const enum duet_kind plain[] = { DUET_BIND, DUET_LISTEN };
	struct duet_loop_options options;

	for (unsigned i = 0; i < count; i++)
		ck_assert_int_eq(duet_loop_capability(stage.loop, files[i]),
			on_ring() ? DUET_NATIVE : DUET_EMULATED);
	/* On the ring since Linux 6.9, and a worker's before. */
	ck_assert_int_ge(duet_loop_capability(stage.loop, DUET_TRUNCATE), DUET_EMULATED);
	for (unsigned i = 0; i < 2; i++)
		ck_assert_int_eq(duet_loop_capability(stage.loop, plain[i]),
			on_ring() ? DUET_EMULATED : DUET_NATIVE);

	duet_loop_options_init(&options);
	options.worker_threads = 0;
	stage_reopen(&options, NULL);
	for (unsigned i = 0; i < count; i++)
		ck_assert_int_eq(duet_loop_capability(stage.loop, files[i]),
			on_ring() ? DUET_NATIVE : DUET_ABSENT);
	trial_init(&trial);
	duet_op_open(&trial.op, AT_FDCWD, "/", O_RDONLY, 0);
	if (!on_ring()) {
		ck_assert_int_eq(trial_try(&trial), -EOPNOTSUPP);
		return;
	}
	trial_run(&trial);
	expect(&trial, 0, DUET_COMPLETED, DUET_CAUSE_ITSELF);
}
END_TEST

START_TEST(a_file_as_a_stream_without_worker_threads)
{
	const int expected = on_ring() ? 10 : -EOPNOTSUPP;
	struct duet_loop_options options;
	struct duet_pool *pool;
	int fd;

	duet_loop_options_init(&options);
	options.worker_threads = 0;
	stage_reopen(&options, NULL);
	fd = open(file_path("data"), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	ck_assert_int_eq(duet_handle_adopt(stage.loop, fd, 0, &handle), 0);
	trial_init(&trial);
	duet_op_send(&trial.op, handle, data, 10, 0);
	ck_assert_int_eq(trial_run(&trial), expected);
	ck_assert_int_eq(ftruncate(fd, 100), 0);
	ck_assert_int_eq(lseek(fd, 0, SEEK_SET), 0);
	trial_init(&trial);
	duet_op_recv(&trial.op, handle, data, 10, 0);
	ck_assert_int_eq(trial_run(&trial), expected);
	ck_assert_int_eq(duet_pool_create(stage.loop, 1, 10, &pool), 0);
	trial_init(&trial);
	duet_op_recv_pooled(&trial.op, handle, pool, 0);
	ck_assert_int_eq(trial_run(&trial), expected);
	if (trial.op.transferred)
		duet_buffer_return(stage.loop, &trial.op.buffer);
	handle_close(handle);
}
END_TEST

/* A kernel before 6.18 has no entry that raises no SIGPIPE: there it is a plain call. */
START_TEST(a_send_to_a_pipe_in_start_with_DUET_INLINE)
{
	int ends[2];

	ck_assert_int_eq(pipe2(ends, O_CLOEXEC), 0);
	ck_assert_int_eq(duet_handle_adopt(stage.loop, ends[1], 0, &handle), 0);
	trial_init(&trial);
	duet_op_send(&trial.op, handle, data, 10, 0);
	duet_op_inline(&trial.op);
	if (trial_try(&trial) == 0) {
		ck_assert(on_ring());
		await(&trial);
	}
	ck_assert_int_eq(trial.op.result, 10);
	close(ends[0]);
}
END_TEST

/* An open that waits: of a FIFO whose other end nobody has. */
static const char *open_stuck(struct trial *opening)
{
	static char path[200];

	snprintf(path, sizeof(path), "%s", file_path("fifo"));
	ck_assert_int_eq(mkfifo(path, 0600), 0);
	trial_init(opening);
	duet_op_open(&opening->op, AT_FDCWD, path, O_WRONLY, 0);
	trial_start(opening);
	for (unsigned i = 0; i < 5; i++)
		stage_turn();
	ck_assert_uint_eq(opening->ends, 0);
	return path;
}

/* Its other end comes. */
static void open_release(struct trial *opening, const char *path)
{
	int reader = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);

	await(opening);
	close(reader);
}

START_TEST(a_cancel_of_an_open_that_waits)
{
	const char *path = open_stuck(&trial);

	trial_cancel(&trial);
	if (on_ring()) {
		await(&trial);
		expect_untouched();
		return;
	}
	for (unsigned i = 0; i < 5; i++)
		stage_turn();
	ck_assert_uint_eq(trial.ends, 0);
	open_release(&trial, path);
	expect(&trial, 0, DUET_COMPLETED, DUET_CAUSE_ITSELF);
}
END_TEST

START_TEST(file_work_behind_a_worker_that_waits)
{
	struct duet_loop_options options;
	struct trial opening;
	const char *path;

	duet_loop_options_init(&options);
	options.worker_threads = 1;
	stage_reopen(&options, NULL);
	handle = file_open(file_path("data"), O_RDWR | O_CREAT);
	path = open_stuck(&opening);
	trial_init(&trial);
	duet_op_write(&trial.op, handle, data, sizeof(data), 0);
	trial_start(&trial);
	if (on_ring()) {
		await(&trial);
		expect(&trial, sizeof(data), DUET_COMPLETED, DUET_CAUSE_ITSELF);
	} else {
		for (unsigned i = 0; i < 5; i++)
			stage_turn();
		ck_assert_uint_eq(trial.ends, 0);
		cancel_and_await();
		expect_untouched();
	}
	open_release(&opening, path);
	expect(&opening, 0, DUET_COMPLETED, DUET_CAUSE_ITSELF);
}
END_TEST

static volatile sig_atomic_t told;

static void be_told(int signal)
{
	(void)signal;
	told = 1;
}

/* Past the page cache, so that the ring makes the attempt on the loop's own thread. */
START_TEST(a_write_beyond_the_process_s_file_size_limit)
{
	struct rlimit before;
	struct rlimit lowered;
	void *block = aligned_alloc(4096, 4096);

	handle = file_open(file_path("data"), O_RDWR | O_CREAT | O_DIRECT);
	memset(block, 0, 4096);
	told = 0;
	signal(SIGXFSZ, be_told);
	ck_assert_int_eq(getrlimit(RLIMIT_FSIZE, &before), 0);
	lowered = before;
	lowered.rlim_cur = 4096;
	ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &lowered), 0);
	trial_init(&trial);
	duet_op_write(&trial.op, handle, block, 4096, 8192);
	trial_run(&trial);
	ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &before), 0);
	signal(SIGXFSZ, SIG_DFL);
	expect(&trial, -EFBIG, DUET_FAILED, DUET_CAUSE_ITSELF);
	ck_assert_int_eq(told, on_ring());
	free(block);
}
END_TEST

int main(void)
{
	return contract_run("parity_files", CASES(NULL),
		CASES(a_cached_read_cancelled_in_front_of_the_turn,
			what_is_native_and_what_needs_worker_threads,
			a_file_as_a_stream_without_worker_threads,
			a_send_to_a_pipe_in_start_with_DUET_INLINE,
			a_cancel_of_an_open_that_waits, file_work_behind_a_worker_that_waits,
			a_write_beyond_the_process_s_file_size_limit));
}
