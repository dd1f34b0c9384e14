/* SPDX-FileCopyrightText: The Duet authors */
/* SPDX-License-Identifier: MIT */
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/support/harness.h"

#define MIB ((size_t)1 << 20)

static unsigned char data[65536];

START_TEST(what_was_written_and_synced_is_read_back)
{
	struct trial trial;
	duet_handle file = file_open(file_path("data"), O_RDWR | O_CREAT);
	unsigned char back[5000];

	pattern_fill(data, 5000, 0);
	file_write(file, data, 5000, 0);
	trial_init(&trial);
	duet_op_fsync(&trial.op, file, 0);
	trial_run(&trial);
	expect(&trial, 0, DUET_COMPLETED, DUET_CAUSE_ITSELF);
	duet_op_fsync(&trial.op, file, DUET_DATA_ONLY);
	trial_run(&trial);
	expect(&trial, 0, DUET_COMPLETED, DUET_CAUSE_ITSELF);
	ck_assert_int_eq(file_read(file, back, 5000, 0), 5000);
	ck_assert_mem_eq(back, data, 5000);
	handle_close(file);
}
END_TEST

START_TEST(reads_and_writes_are_at_their_offset)
{
	duet_handle file = file_open(file_path("data"), O_RDWR | O_CREAT);

	file_write(file, "world", 5, 6);
	file_write(file, "hello ", 6, 0);
	ck_assert_int_eq(file_read(file, data, 11, 0), 11);
	ck_assert_mem_eq(data, "hello world", 11);
	ck_assert_int_eq(file_read(file, data, 3, 7), 3);
	ck_assert_mem_eq(data, "orl", 3);
	handle_close(file);
}
END_TEST

START_TEST(a_read_is_short_only_at_the_end_of_the_file)
{
	duet_handle file = file_open(file_path("data"), O_RDWR | O_CREAT);

	pattern_fill(data, 1000, 0);
	file_write(file, data, 1000, 0);
	ck_assert_int_eq(file_read(file, data, 1000, 900), 100);
	ck_assert(pattern_holds(data, 100, 900));
	ck_assert_int_eq(file_read(file, data, 1000, 1000), 0);
	ck_assert_int_eq(file_read(file, data, 1000, 5000), 0);
	handle_close(file);
}
END_TEST

START_TEST(many_reads_of_one_handle_run_at_once)
{
	static unsigned char parts[32][512];
	struct trial trials[32];
	const char *path = file_path("data");
	duet_handle file;

	file_make(path, sizeof(parts));
	file = file_open(path, O_RDONLY);
	for (unsigned i = 0; i < 32; i++) {
		trial_init(&trials[i]);
		duet_op_read(&trials[i].op, file, parts[31 - i], 512, (31 - i) * 512u);
		trial_start(&trials[i]);
	}
	turn_until(stage.ends >= 32 && duet_loop_pending(stage.loop) == 0);
	for (unsigned i = 0; i < 32; i++)
		expect(&trials[i], 512, DUET_COMPLETED, DUET_CAUSE_ITSELF);
	ck_assert(pattern_holds(parts[0], sizeof(parts), 0));
	handle_close(file);
}
END_TEST

static int open_result(const char *path, int flags)
{
	struct trial trial;

	trial_init(&trial);
	duet_op_open(&trial.op, AT_FDCWD, path, flags, 0600);
	trial_run(&trial);
	if (trial.op.result < 0)
		ck_assert_int_eq(trial.op.disposition, DUET_FAILED);
	return trial.op.result;
}

START_TEST(open_fails_as_the_kernel_says)
{
	file_make(file_path("data"), 1);
	ck_assert_int_eq(open_result(file_path("missing"), O_RDONLY), -ENOENT);
	ck_assert_int_eq(open_result(file_path("data"), O_RDWR | O_CREAT | O_EXCL), -EEXIST);
}
END_TEST

START_TEST(open_without_a_path_is_refused)
{
	struct trial trial;

	trial_init(&trial);
	duet_op_open(&trial.op, AT_FDCWD, NULL, O_RDONLY, 0);
	ck_assert_int_eq(trial_try(&trial), -EINVAL);
}
END_TEST

START_TEST(a_read_of_a_handle_open_for_writing_fails_with_EBADF)
{
	duet_handle file = file_open(file_path("data"), O_WRONLY | O_CREAT);

	ck_assert_int_eq(file_read(file, data, 1, 0), -EBADF);
	handle_close(file);
}
END_TEST

START_TEST(a_closed_file_handle_is_refused)
{
	struct trial trial;
	duet_handle file = file_open(file_path("data"), O_RDWR | O_CREAT);

	handle_close(file);
	trial_init(&trial);
	duet_op_read(&trial.op, file, data, 1, 0);
	ck_assert_int_eq(trial_try(&trial), -EBADF);
}
END_TEST

START_TEST(a_cancelled_read_ends_untouched_or_with_all_its_bytes)
{
	const char *path = file_path("data");
	duet_handle file;

	file_make(path, 16384);
	file = file_open(path, O_RDONLY);
	for (unsigned round = 0; round < 20; round++) {
		struct trial trial;

		trial_init(&trial);
		duet_op_read(&trial.op, file, data, 8192, 4096);
		trial_start(&trial);
		if (round & 1)
			stage_settle(1);
		trial_cancel(&trial);
		await(&trial);
		if (trial.op.result == -ECANCELED) {
			expect(&trial, -ECANCELED, DUET_UNTOUCHED, DUET_CAUSE_CANCEL);
			continue;
		}
		expect(&trial, 8192, DUET_COMPLETED, DUET_CAUSE_ITSELF);
		ck_assert(pattern_holds(data, 8192, 4096));
	}
	handle_close(file);
}
END_TEST

/* An open whose cancel came too late hands over its handle; nothing leaks either way. */
START_TEST(a_cancelled_open_made_a_handle_or_had_no_effect)
{
	const char *path = file_path("data");

	file_make(path, 1);
	for (unsigned round = 0; round < 20; round++) {
		struct trial trial;

		trial_init(&trial);
		duet_op_open(&trial.op, AT_FDCWD, path, O_RDONLY, 0);
		trial_start(&trial);
		if (round & 1)
			stage_settle(1);
		trial_cancel(&trial);
		await(&trial);
		if (trial.op.result == 0)
			handle_close(trial.op.made);
		else
			expect(&trial, -ECANCELED, DUET_UNTOUCHED, DUET_CAUSE_CANCEL);
	}
}
END_TEST

START_TEST(a_cancelled_fsync_ran_or_did_not)
{
	duet_handle file = file_open(file_path("data"), O_RDWR | O_CREAT);

	for (unsigned round = 0; round < 6; round++) {
		struct trial trial;

		file_write(file, data, sizeof(data), 0);
		trial_init(&trial);
		duet_op_fsync(&trial.op, file, 0);
		trial_start(&trial);
		if (round & 1)
			stage_settle(1);
		trial_cancel(&trial);
		trial_cancel(&trial);
		await(&trial);
		if (trial.op.result == 0)
			expect(&trial, 0, DUET_COMPLETED, DUET_CAUSE_ITSELF);
		else
			expect(&trial, -ECANCELED, DUET_UNTOUCHED, DUET_CAUSE_CANCEL);
	}
	handle_close(file);
}
END_TEST

/* ---- With a page cache and a disk. ---- */

static void drop_cache(const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(fsync(fd), 0);
	ck_assert_int_eq(posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED), 0);
	close(fd);
}

/* Reads a little of a file directly, so that only this much is in the cache. */
static void warm(const char *path, size_t bytes)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(posix_fadvise(fd, 0, 0, POSIX_FADV_RANDOM), 0);
	ck_assert_int_eq(pread(fd, data, bytes, 0), (ssize_t)bytes);
	close(fd);
}

START_TEST(a_short_count_from_the_cache_is_not_the_end_of_the_file)
{
	const char *path = file_path("data");
	unsigned char *all = malloc(4 * MIB);
	duet_handle file;

	file_make(path, 4 * MIB);
	file = file_open(path, O_RDONLY);
	for (unsigned round = 0; round < 4; round++) {
		memset(all, 0, 4 * MIB);
		drop_cache(path);
		warm(path, 4096u << round);
		ck_assert_int_eq(file_read(file, all, 4 * MIB, 0), 4 * MIB);
		ck_assert(pattern_holds(all, 4 * MIB, 0));
	}
	handle_close(file);
	free(all);
}
END_TEST

START_TEST(a_cold_read_gives_all_bytes)
{
	const char *path = file_path("data");
	unsigned char *all = malloc(MIB);
	duet_handle file;

	file_make(path, MIB);
	drop_cache(path);
	file = file_open(path, O_RDONLY);
	ck_assert_int_eq(file_read(file, all, MIB, 0), MIB);
	ck_assert(pattern_holds(all, MIB, 0));
	handle_close(file);
	free(all);
}
END_TEST

START_TEST(O_DIRECT_reads_and_writes_past_the_cache)
{
	const char *path = file_path("data");
	unsigned char *block = aligned_alloc(4096, MIB);
	duet_handle file = file_open(path, O_RDWR | O_CREAT | O_DIRECT);

	pattern_fill(block, MIB, 0);
	file_write(file, block, MIB, 0);
	memset(block, 0, MIB);
	ck_assert_int_eq(file_read(file, block, MIB, 0), MIB);
	ck_assert(pattern_holds(block, MIB, 0));
	ck_assert_int_eq(file_read(file, block, 100, 1), -EINVAL);
	handle_close(file);
	free(block);
}
END_TEST

START_TEST(a_directory_can_be_the_base_of_an_open)
{
	struct trial trial;
	struct stat status;
	char path[200];
	int directory;

	file_make(file_path("data"), 10);
	strcpy(path, file_path("data"));
	*strrchr(path, '/') = '\0';
	directory = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	trial_init(&trial);
	duet_op_open(&trial.op, directory, "data", O_RDONLY, 0);
	trial_run(&trial);
	expect(&trial, 0, DUET_COMPLETED, DUET_CAUSE_ITSELF);
	ck_assert_int_eq(fstat(duet_handle_fd(stage.loop, trial.op.made), &status), 0);
	ck_assert_int_eq(status.st_size, 10);
	ck_assert_int_eq(fcntl(duet_handle_fd(stage.loop, trial.op.made), F_GETFD), FD_CLOEXEC);
	close(directory);
}
END_TEST

int main(void)
{
	return contract_run("file",
		CASES(what_was_written_and_synced_is_read_back, reads_and_writes_are_at_their_offset,
			a_read_is_short_only_at_the_end_of_the_file,
			many_reads_of_one_handle_run_at_once, open_fails_as_the_kernel_says,
			open_without_a_path_is_refused,
			a_read_of_a_handle_open_for_writing_fails_with_EBADF,
			a_closed_file_handle_is_refused,
			a_cancelled_read_ends_untouched_or_with_all_its_bytes,
			a_cancelled_open_made_a_handle_or_had_no_effect,
			a_cancelled_fsync_ran_or_did_not),
		CASES(a_short_count_from_the_cache_is_not_the_end_of_the_file,
			a_cold_read_gives_all_bytes, O_DIRECT_reads_and_writes_past_the_cache,
			a_directory_can_be_the_base_of_an_open));
}
