/* SPDX-FileCopyrightText: The Duet authors */
/* SPDX-License-Identifier: MIT */
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/support/harness.h"

/* A full disk, a file bound, a file that shrinks, a device that says no. */

static unsigned char data[65536];

static struct trial *write_run(duet_handle file, size_t bytes, uint64_t offset)
{
	static struct trial trial;

	trial_init(&trial);
	duet_op_write(&trial.op, file, data, bytes, offset);
	trial_run(&trial);
	return &trial;
}

START_TEST(a_full_device_is_ENOSPC)
{
	duet_handle full = file_open("/dev/full", O_WRONLY);
	struct trial *trial = write_run(full, 100, 0);

	expect(trial, -ENOSPC, DUET_FAILED, DUET_CAUSE_ITSELF);
	handle_close(full);
}
END_TEST

/* In a mount namespace of its own; without the right to one, /dev/full has to do. */
START_TEST(a_disk_that_fills_up_says_what_went_in_and_then_ENOSPC)
{
	const char *path = file_path("small");
	char place[200];
	struct trial *trial = NULL;
	duet_handle file;
	uint64_t written = 0;

	strcpy(place, path);
	ck_assert_int_eq(mkdir(place, 0700), 0);
	if (unshare(CLONE_NEWNS) || mount("none", "/", "none", MS_REC | MS_PRIVATE, NULL) ||
		mount("none", place, "tmpfs", 0, "size=100k")) {
		printf("skipped: a disk of one's own takes privileges\n");
		return;
	}
	strcat(place, "/data");
	stage_reopen(NULL, NULL);
	file = file_open(place, O_RDWR | O_CREAT);
	for (unsigned i = 0; i < 10; i++) {
		trial = write_run(file, sizeof(data), written);
		written += trial->op.transferred;
		if (trial->op.result < 0)
			break;
		ck_assert_int_eq(trial->op.disposition,
			trial->op.transferred == sizeof(data) ? DUET_COMPLETED : DUET_PARTIAL);
	}
	expect(trial, -ENOSPC, DUET_FAILED, DUET_CAUSE_ITSELF);
	ck_assert_uint_ge(written, 65536);
	ck_assert_uint_le(written, 102400);
	handle_close(file);
	*strrchr(place, '/') = '\0';
	ck_assert_int_eq(umount(place), 0);
}
END_TEST

/* The pieces that fitted are there, the one in which the room ended in part. */
START_TEST(a_full_disk_says_so_to_pieces_streams_and_allocations)
{
	struct iovec pieces[3] = { { data, 40000 }, { data, 40000 }, { data, 40000 } };
	const char *path = file_path("little");
	char place[200];
	struct trial trial;
	duet_handle file;

	strcpy(place, path);
	ck_assert_int_eq(mkdir(place, 0700), 0);
	if (unshare(CLONE_NEWNS) || mount("none", "/", "none", MS_REC | MS_PRIVATE, NULL) ||
		mount("none", place, "tmpfs", 0, "size=96k")) {
		printf("skipped: a disk of one's own takes privileges\n");
		return;
	}
	strcat(place, "/data");
	stage_reopen(NULL, NULL);
	file = file_open(place, O_RDWR | O_CREAT);
	trial_init(&trial);
	duet_op_allocate(&trial.op, file, 0, 0, 1 << 20);
	trial_run(&trial);
	expect(&trial, -ENOSPC, DUET_FAILED, DUET_CAUSE_ITSELF);
	trial_init(&trial);
	duet_op_write_vector(&trial.op, file, pieces, 3, 0);
	trial_run(&trial);
	ck_assert_int_eq(trial.op.disposition, DUET_PARTIAL);
	ck_assert_int_ge(trial.op.result, 80000);
	ck_assert_int_le(trial.op.result, 98304);
	trial_init(&trial);
	duet_op_truncate(&trial.op, file, 0);
	trial_run(&trial);
	expect(&trial, 0, DUET_COMPLETED, DUET_CAUSE_ITSELF);
	trial_init(&trial);
	duet_op_send_vector(&trial.op, file, pieces, 3, DUET_WHOLE);
	trial_run(&trial);
	expect(&trial, -ENOSPC, DUET_PARTIAL, DUET_CAUSE_ITSELF);
	ck_assert_uint_ge(trial.op.transferred, 80000);
	trial_init(&trial);
	duet_op_send(&trial.op, file, data, 40000, 0);
	trial_run(&trial);
	expect(&trial, -ENOSPC, DUET_FAILED, DUET_CAUSE_ITSELF);
	handle_close(file);
	*strrchr(place, '/') = '\0';
	ck_assert_int_eq(umount(place), 0);
}
END_TEST

START_TEST(the_bound_of_a_file_s_size_is_a_short_write_and_then_EFBIG)
{
	struct rlimit bound = { 10000, 10000 };
	struct trial *trial;
	duet_handle file;

	signal(SIGXFSZ, SIG_IGN);
	ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &bound), 0);
	stage_reopen(NULL, NULL);
	file = file_open(file_path("data"), O_RDWR | O_CREAT);
	trial = write_run(file, 20000, 0);
	expect(trial, 10000, DUET_PARTIAL, DUET_CAUSE_ITSELF);
	trial = write_run(file, 20000, 10000);
	expect(trial, -EFBIG, DUET_FAILED, DUET_CAUSE_ITSELF);
	handle_close(file);
}
END_TEST

START_TEST(a_file_that_shrinks_gives_what_is_left)
{
	const char *path = file_path("data");
	duet_handle file;

	file_make(path, sizeof(data));
	file = file_open(path, O_RDONLY);
	ck_assert_int_eq(file_read(file, data, sizeof(data), 0), sizeof(data));
	ck_assert_int_eq(truncate(path, 1000), 0);
	memset(data, 0, sizeof(data));
	ck_assert_int_eq(file_read(file, data, sizeof(data), 0), 1000);
	ck_assert(pattern_holds(data, 1000, 0));
	ck_assert_int_eq(file_read(file, data, sizeof(data), 4096), 0);
	handle_close(file);
}
END_TEST

START_TEST(a_file_that_shrinks_under_its_reads_ends_each_of_them)
{
	const char *path = file_path("data");
	static struct trial trials[16];
	duet_handle file;

	file_make(path, sizeof(data));
	file = file_open(path, O_RDONLY);
	for (unsigned i = 0; i < 16; i++) {
		trial_init(&trials[i]);
		duet_op_read(&trials[i].op, file, data + i * 4096, 4096, i * 4096u);
		trial_start(&trials[i]);
	}
	ck_assert_int_eq(truncate(path, 10), 0);
	for (unsigned i = 0; i < 16; i++) {
		await(&trials[i]);
		ck_assert_int_ge(trials[i].op.result, 0);
		ck_assert(pattern_holds(data + i * 4096, (size_t)trials[i].op.result, i * 4096u));
	}
	handle_close(file);
}
END_TEST

START_TEST(a_file_removed_while_open_is_still_read)
{
	const char *path = file_path("data");
	duet_handle file;

	file_make(path, 4096);
	file = file_open(path, O_RDONLY);
	ck_assert_int_eq(unlink(path), 0);
	ck_assert_int_eq(file_read(file, data, 4096, 0), 4096);
	ck_assert(pattern_holds(data, 4096, 0));
	handle_close(file);
}
END_TEST

START_TEST(a_directory_is_EISDIR_to_read)
{
	duet_handle directory = file_open("/", O_RDONLY | O_DIRECTORY);

	ck_assert_int_eq(file_read(directory, data, 100, 0), -EISDIR);
	handle_close(directory);
}
END_TEST

int main(void)
{
	return contract_run("disk", NULL,
		CASES(a_full_device_is_ENOSPC, a_disk_that_fills_up_says_what_went_in_and_then_ENOSPC,
			a_full_disk_says_so_to_pieces_streams_and_allocations,
			the_bound_of_a_file_s_size_is_a_short_write_and_then_EFBIG,
			a_file_that_shrinks_gives_what_is_left,
			a_file_that_shrinks_under_its_reads_ends_each_of_them,
			a_file_removed_while_open_is_still_read, a_directory_is_EISDIR_to_read));
}
