/* SPDX-FileCopyrightText: The Duet authors */
/* SPDX-License-Identifier: MIT */
#include <fcntl.h>
#include <stdio.h>
#include <sys/eventfd.h>
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

/* Both ways to end: with a callback, and inside the start. Nothing is left to wait for. */
START_TEST(a_read_that_ends_before_its_deadline_disarms_it)
{
	duet_handle file = file_open(file_path("data"), O_RDWR | O_CREAT);
	uint64_t late_ns = duet_loop_now_ns(stage.loop) + 3600000000000u;
	struct trial trial;

	file_write(file, "hello", 5, 0);
	for (unsigned in_start = 0; in_start < 2; in_start++) {
		trial_init(&trial);
		duet_op_read(&trial.op, file, data, 5, 0);
		duet_op_deadline(&trial.op, late_ns);
		if (in_start)
			duet_op_inline(&trial.op);
		stage.inside++;
		trial.ends = duet_op_start(stage.loop, &trial.op) == 1;
		stage.inside--;
		if (!trial.ends)
			await(&trial);
		expect(&trial, 5, DUET_COMPLETED, DUET_CAUSE_ITSELF);
		ck_assert_uint_eq(trial.op.timer, 0);
		ck_assert_int_lt(duet_loop_prepare(stage.loop), 1);
	}
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

/* Reads in between end in their start, where the backend can; the close waits for those that have not
 * ended, and none of them is lost or told twice. */
START_TEST(reads_that_end_in_their_start_leave_the_others_where_they_are)
{
	static unsigned char parts[8][512];
	struct trial trials[8];
	struct trial closing;
	bool inlined[8] = {false};
	duet_handle file;

	file_make(file_path("data"), sizeof(parts));
	file = file_open(file_path("data"), O_RDONLY);
	for (unsigned i = 0; i < 8; i++) {
		trial_init(&trials[i]);
		duet_op_read(&trials[i].op, file, parts[i], 512, i * 512u);
		if (i % 2)
			duet_op_inline(&trials[i].op);
		inlined[i] = trial_try(&trials[i]) == 1;
		ck_assert_int_eq(duet_op_pending(&trials[i].op), !inlined[i]);
	}
	trial_init(&closing);
	duet_op_close(&closing.op, file);
	trial_run(&closing);
	expect(&closing, 0, DUET_COMPLETED, DUET_CAUSE_ITSELF);
	for (unsigned i = 0; i < 8; i++) {
		if (trials[i].op.disposition == DUET_COMPLETED)
			ck_assert(pattern_holds(parts[i], 512, i * 512u));
		else
			ck_assert_int_eq(trials[i].op.cause, DUET_CAUSE_CLOSE);
		ck_assert(!duet_op_pending(&trials[i].op));
		ck_assert_uint_eq(trials[i].ends, inlined[i] ? 0 : 1);
	}
}
END_TEST

/* What the usual way of a read doesn't ask for, is still asked. */
START_TEST(a_read_is_refused_as_any_other_start)
{
	struct trial trial;
	duet_handle file;

	file_make(file_path("data"), 512);
	file = file_open(file_path("data"), O_RDONLY);
	trial_init(&trial);
	duet_op_read(&trial.op, file, data, 0, 0);
	ck_assert_int_eq(trial_try(&trial), -EINVAL);
	duet_op_read(&trial.op, file, data, (size_t)DUET_TRANSFER_MAX + 1, 0);
	ck_assert_int_eq(trial_try(&trial), -EINVAL);
	duet_op_read(&trial.op, file, data, 512, (uint64_t)INT64_MAX + 1);
	ck_assert_int_eq(trial_try(&trial), -EINVAL);
	duet_op_read(&trial.op, file, data, 512, 0);
	trial.op.flags |= DUET_WHOLE;
	ck_assert_int_eq(trial_try(&trial), -EINVAL);
	duet_op_read(&trial.op, file, data, 512, 0);
	trial_run(&trial);
	expect(&trial, 512, DUET_COMPLETED, DUET_CAUSE_ITSELF);
	handle_close(file);
	duet_op_read(&trial.op, file, data, 512, 0);
	ck_assert_int_eq(trial_try(&trial), -EBADF);
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

/* The caller takes an end inside start: what the cache has is no end. */
START_TEST(a_short_count_from_the_cache_is_no_end_inside_start_either)
{
	const char *path = file_path("data");
	unsigned char *all = malloc(4 * MIB);
	duet_handle file;

	file_make(path, 4 * MIB);
	file = file_open(path, O_RDONLY);
	for (unsigned round = 0; round < 4; round++) {
		struct trial trial;

		memset(all, 0, 4 * MIB);
		drop_cache(path);
		warm(path, 4096u << round);
		trial_init(&trial);
		duet_op_read(&trial.op, file, all, 4 * MIB, 0);
		duet_op_inline(&trial.op);
		if (trial_try(&trial) == 0)
			await(&trial);
		ck_assert_msg(trial.op.result == (int)(4 * MIB), "on %s: %s", stage.arm->name,
			trial_text(&trial));
		ck_assert(pattern_holds(all, 4 * MIB, 0));
	}
	handle_close(file);
	free(all);
}
END_TEST

static bool holds_only(const unsigned char *memory, size_t bytes, unsigned char what)
{
	for (size_t i = 0; i < bytes; i++) {
		if (memory[i] != what)
			return false;
	}
	return true;
}

/* Keeps the only worker busy until the other end of a fifo is opened. */
static void occupy_worker(struct trial *trial, const char *path)
{
	ck_assert_int_eq(mkfifo(path, 0600), 0);
	trial_init(trial);
	duet_op_open(&trial->op, AT_FDCWD, path, O_RDONLY, 0);
	trial_start(trial);
	stage_settle(2);
}

/* A beginning that is in its memory already is an effect, and never forgotten. */
START_TEST(a_cancelled_read_that_has_bytes_is_no_untouched_one)
{
	const char *path = file_path("data");
	const char *fifo = file_path("fifo");
	unsigned char *all = malloc(4 * MIB);
	struct duet_loop_options options;
	struct trial opening;
	struct trial trial;
	duet_handle file;
	int other;

	duet_loop_options_init(&options);
	options.worker_threads = 1;
	stage_reopen(&options, NULL);
	file_make(path, 4 * MIB);
	file = file_open(path, O_RDONLY);
	drop_cache(path);
	warm(path, 16384);
	memset(all, 0xee, 4 * MIB);
	occupy_worker(&opening, fifo);
	trial_init(&trial);
	duet_op_read(&trial.op, file, all, 4 * MIB, 0);
	trial_start(&trial);
	stage_settle(2);
	trial_cancel(&trial);
	stage_settle(2);
	other = open(fifo, O_WRONLY | O_CLOEXEC);
	ck_assert_int_ge(other, 0);
	turn_until(opening.ends && trial.ends);
	ck_assert(pattern_holds(all, trial.op.transferred, 0));
	if (trial.op.disposition == DUET_UNTOUCHED)
		ck_assert(holds_only(all, 4 * MIB, 0xee));
	else
		expect(&trial, 4 * MIB, DUET_COMPLETED, DUET_CAUSE_ITSELF);
	handle_close(opening.op.made);
	handle_close(file);
	close(other);
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

/* lseek(2) succeeds on an eventfd; reading it at an offset doesn't, and takes nothing. */
START_TEST(what_has_no_offsets_is_ESPIPE)
{
	uint64_t one = 1;
	struct trial trial;
	duet_handle handle;
	int fd = eventfd(1, EFD_CLOEXEC | EFD_NONBLOCK);

	ck_assert_int_eq(duet_handle_adopt(stage.loop, fd, 0, &handle), 0);
	trial_init(&trial);
	duet_op_read(&trial.op, handle, &one, sizeof(one), 0);
	trial_run(&trial);
	expect(&trial, -ESPIPE, DUET_FAILED, DUET_CAUSE_ITSELF);
	trial_init(&trial);
	duet_op_write(&trial.op, handle, &one, sizeof(one), 0);
	trial_run(&trial);
	expect(&trial, -ESPIPE, DUET_FAILED, DUET_CAUSE_ITSELF);
	ck_assert_int_eq(read(fd, &one, sizeof(one)), sizeof(one));
	ck_assert_uint_eq(one, 1);
}
END_TEST

/* As open(2) does, in both directions. */
START_TEST(an_open_of_a_fifo_waits_for_the_other_end)
{
	char path[200];
	struct trial reading;
	struct trial writing;

	snprintf(path, sizeof(path), "%s", file_path("fifo"));
	ck_assert_int_eq(mkfifo(path, 0600), 0);
	for (unsigned round = 0; round < 2; round++) {
		struct trial *first = round ? &writing : &reading;

		trial_init(&reading);
		duet_op_open(&reading.op, AT_FDCWD, path, O_RDONLY, 0);
		trial_init(&writing);
		duet_op_open(&writing.op, AT_FDCWD, path, O_WRONLY, 0);
		trial_start(first);
		for (unsigned i = 0; i < 3; i++)
			stage_turn();
		ck_assert_uint_eq(first->ends, 0);
		trial_start(round ? &reading : &writing);
		turn_until(reading.ends && writing.ends);
		expect(&reading, 0, DUET_COMPLETED, DUET_CAUSE_ITSELF);
		expect(&writing, 0, DUET_COMPLETED, DUET_CAUSE_ITSELF);
		handle_close(reading.op.made);
		handle_close(writing.op.made);
	}
}
END_TEST

/* Whatever is to come first, the attempt or readiness, and whatever an earlier one has said. */
START_TEST(what_is_for_sockets_is_ENOTSOCK_on_a_file)
{
	static const enum duet_try policies[] = { DUET_TRY_PREDICT, DUET_TRY_NEVER, DUET_TRY_ALWAYS };
	char path[200];

	snprintf(path, sizeof(path), "%s", file_path("data"));
	for (unsigned round = 0; round < 6; round++) {
		struct duet_loop_options options;
		struct trial trial;
		duet_handle handle;

		duet_loop_options_init(&options);
		options.try_first = policies[round / 2];
		stage_reopen(&options, NULL);
		handle = file_open(path, O_RDWR | O_CREAT);
		for (unsigned attempt = 0; attempt < 2; attempt++) {
			trial_init(&trial);
			if (round % 2)
				duet_op_accept(&trial.op, handle, 0);
			else
				duet_op_shutdown(&trial.op, handle, SHUT_RDWR);
			trial_run(&trial);
			expect(&trial, -ENOTSOCK, DUET_FAILED, DUET_CAUSE_ITSELF);
		}
	}
}
END_TEST

int main(void)
{
	return contract_run("file",
		CASES(what_was_written_and_synced_is_read_back, reads_and_writes_are_at_their_offset,
			a_read_is_short_only_at_the_end_of_the_file,
			a_read_that_ends_before_its_deadline_disarms_it,
			many_reads_of_one_handle_run_at_once,
			reads_that_end_in_their_start_leave_the_others_where_they_are,
			a_read_is_refused_as_any_other_start, open_fails_as_the_kernel_says,
			open_without_a_path_is_refused,
			a_read_of_a_handle_open_for_writing_fails_with_EBADF,
			a_closed_file_handle_is_refused,
			a_cancelled_read_ends_untouched_or_with_all_its_bytes,
			a_cancelled_open_made_a_handle_or_had_no_effect,
			a_cancelled_fsync_ran_or_did_not),
		CASES(a_short_count_from_the_cache_is_not_the_end_of_the_file,
			a_short_count_from_the_cache_is_no_end_inside_start_either,
			a_cancelled_read_that_has_bytes_is_no_untouched_one,
			a_cold_read_gives_all_bytes, O_DIRECT_reads_and_writes_past_the_cache,
			a_directory_can_be_the_base_of_an_open, what_has_no_offsets_is_ESPIPE,
			an_open_of_a_fifo_waits_for_the_other_end,
			what_is_for_sockets_is_ENOTSOCK_on_a_file));
}
