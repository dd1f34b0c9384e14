/* SPDX-FileCopyrightText: The Duet authors */
/* SPDX-License-Identifier: MIT */
#include <fcntl.h>
#include <linux/falloc.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/support/harness.h"

/* The size of a file, and transfers of several pieces. */

#define PIECE_BYTES 3000u

static unsigned char data[4 * PIECE_BYTES];
static unsigned char parts[DUET_OP_IOVECS][PIECE_BYTES];

static uint64_t size_of(duet_handle file)
{
	struct statx found;
	struct trial trial;

	trial_init(&trial);
	duet_op_statx(&trial.op, duet_handle_fd(stage.loop, file), "", AT_EMPTY_PATH, STATX_SIZE,
		&found);
	trial_run(&trial);
	expect(&trial, 0, DUET_COMPLETED, DUET_CAUSE_ITSELF);
	return found.stx_size;
}

static int result_of(struct trial *trial)
{
	trial_run(trial);
	ck_assert_uint_eq(trial->ends, 1);
	return trial->op.result;
}

static int do_truncate(duet_handle handle, uint64_t bytes)
{
	struct trial trial;

	trial_init(&trial);
	duet_op_truncate(&trial.op, handle, bytes);
	return result_of(&trial);
}

static int do_allocate(duet_handle handle, int mode, uint64_t offset, uint64_t bytes)
{
	struct trial trial;

	trial_init(&trial);
	duet_op_allocate(&trial.op, handle, mode, offset, bytes);
	return result_of(&trial);
}

static duet_handle file_of(size_t bytes)
{
	file_make(file_path("data"), bytes);
	return file_open(file_path("data"), O_RDWR);
}

static bool is_zero(const unsigned char *memory, size_t bytes)
{
	for (size_t i = 0; i < bytes; i++)
		if (memory[i])
			return false;
	return true;
}

/* ---- Truncate and allocate. ---- */

START_TEST(a_truncate_cuts_and_a_longer_one_leaves_a_hole)
{
	duet_handle file = file_of(1000);

	ck_assert_int_eq(do_truncate(file, 300), 0);
	ck_assert_uint_eq(size_of(file), 300);
	ck_assert_int_eq(do_truncate(file, 900), 0);
	ck_assert_uint_eq(size_of(file), 900);
	ck_assert_int_eq(file_read(file, data, sizeof(data), 0), 900);
	ck_assert(pattern_holds(data, 300, 0));
	ck_assert(is_zero(data + 300, 600));
	ck_assert_int_eq(do_truncate(file, 0), 0);
	ck_assert_uint_eq(size_of(file), 0);
	handle_close(file);
}
END_TEST

START_TEST(an_allocate_makes_room_and_holes)
{
	duet_handle file = file_of(1000);

	ck_assert_int_eq(do_allocate(file, 0, 500, 1500), 0);
	ck_assert_uint_eq(size_of(file), 2000);
	ck_assert_int_eq(do_allocate(file, FALLOC_FL_KEEP_SIZE, 2000, 5000), 0);
	ck_assert_uint_eq(size_of(file), 2000);
	ck_assert_int_eq(
		do_allocate(file, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 100, 200), 0);
	ck_assert_int_eq(file_read(file, data, sizeof(data), 0), 2000);
	ck_assert(pattern_holds(data, 100, 0));
	ck_assert(is_zero(data + 100, 200));
	ck_assert(pattern_holds(data + 300, 700, 300));
	ck_assert(is_zero(data + 1000, 1000));
	ck_assert_int_eq(do_allocate(file, FALLOC_FL_PUNCH_HOLE, 0, 1), -EOPNOTSUPP);
	handle_close(file);
}
END_TEST

START_TEST(what_is_no_file_for_writing_has_no_size_to_change)
{
	duet_handle pair[2];
	duet_handle file;

	file_make(file_path("data"), 10);
	file = file_open(file_path("data"), O_RDONLY);
	ck_assert_int_eq(do_truncate(file, 0), -EINVAL);
	ck_assert_int_eq(do_allocate(file, 0, 0, 1), -EBADF);
	handle_close(file);
	pair_open(pair);
	ck_assert_int_eq(do_truncate(pair[0], 0), -EINVAL);
	ck_assert_int_eq(do_allocate(pair[0], 0, 0, 1), -ENODEV);
}
END_TEST

START_TEST(a_size_that_cannot_be_is_refused)
{
	duet_handle file = file_of(10);
	struct trial trial;

	trial_init(&trial);
	duet_op_truncate(&trial.op, file, (uint64_t)INT64_MAX + 1);
	ck_assert_int_eq(trial_try(&trial), -EINVAL);
	duet_op_allocate(&trial.op, file, 0, 0, 0);
	ck_assert_int_eq(trial_try(&trial), -EINVAL);
	duet_op_allocate(&trial.op, file, 0, (uint64_t)INT64_MAX + 1, 1);
	ck_assert_int_eq(trial_try(&trial), -EINVAL);
	duet_op_allocate(&trial.op, file, 0, 0, (uint64_t)INT64_MAX + 1);
	ck_assert_int_eq(trial_try(&trial), -EINVAL);
	ck_assert_int_eq(do_truncate(file, INT64_MAX), -EFBIG);
	handle_close(file);
	duet_op_truncate(&trial.op, file, 0);
	ck_assert_int_eq(trial_try(&trial), -EBADF);
}
END_TEST

START_TEST(a_truncate_that_was_asked_to_end_is_done_or_was_never_begun)
{
	for (unsigned round = 0; round < 18; round++) {
		duet_handle file = file_of(1000);
		struct trial trial;

		trial_init(&trial);
		duet_op_truncate(&trial.op, file, 10);
		if (round % 3 == 2)
			duet_op_deadline(&trial.op, duet_loop_now_ns(stage.loop) + 1);
		trial_start(&trial);
		if (round % 3 == 1)
			stage_settle(1);
		if (round % 3 < 2)
			trial_cancel(&trial);
		await(&trial);
		if (trial.op.result == 0)
			expect(&trial, 0, DUET_COMPLETED, DUET_CAUSE_ITSELF);
		else
			ck_assert_int_eq(trial.op.disposition, DUET_UNTOUCHED);
		ck_assert_uint_eq(size_of(file), trial.op.result == 0 ? 10 : 1000);
		handle_close(file);
	}
}
END_TEST

/* Each has its end, and the close comes behind all of them. */
START_TEST(a_close_waits_for_what_works_on_the_size)
{
	duet_handle file = file_of(1000);
	struct trial trials[8];
	struct trial closing;

	for (unsigned i = 0; i < 8; i++) {
		trial_init(&trials[i]);
		if (i % 2)
			duet_op_truncate(&trials[i].op, file, i);
		else
			duet_op_allocate(&trials[i].op, file, 0, 0, 100);
		trial_start(&trials[i]);
	}
	trial_init(&closing);
	duet_op_close(&closing.op, file);
	trial_run(&closing);
	expect(&closing, 0, DUET_COMPLETED, DUET_CAUSE_ITSELF);
	for (unsigned i = 0; i < 8; i++) {
		ck_assert_uint_eq(trials[i].ends, 1);
		ck_assert_uint_lt(trials[i].rank, closing.rank);
		if (trials[i].op.result)
			expect(&trials[i], -ECANCELED, DUET_UNTOUCHED, DUET_CAUSE_CLOSE);
	}
}
END_TEST

/* ---- Several pieces. ---- */

/* Of different lengths, one of them empty. */
static unsigned pieces_make(struct iovec *pieces, unsigned count)
{
	unsigned bytes = 0;

	for (unsigned i = 0; i < count; i++) {
		size_t length = i == 1 ? 0 : PIECE_BYTES - i;

		pieces[i] = (struct iovec){ parts[i], length };
		bytes += (unsigned)length;
	}
	return bytes;
}

static void pieces_fill(const struct iovec *pieces, unsigned count)
{
	size_t place = 0;

	for (unsigned i = 0; i < count; i++) {
		pattern_fill(pieces[i].iov_base, pieces[i].iov_len, place);
		place += pieces[i].iov_len;
	}
}

static bool pieces_hold(const struct iovec *pieces, unsigned count, size_t bytes, size_t place)
{
	for (unsigned i = 0; i < count && bytes; i++) {
		size_t part = pieces[i].iov_len < bytes ? pieces[i].iov_len : bytes;

		if (!pattern_holds(pieces[i].iov_base, part, place))
			return false;
		place += part;
		bytes -= part;
	}
	return true;
}

START_TEST(several_pieces_are_written_and_read_in_their_order)
{
	for (unsigned count = 1; count <= DUET_OP_IOVECS; count++) {
		duet_handle file = file_open(file_path("data"), O_RDWR | O_CREAT | O_TRUNC);
		struct iovec pieces[DUET_OP_IOVECS];
		unsigned bytes = pieces_make(pieces, count);
		struct trial trial;

		pieces_fill(pieces, count);
		trial_init(&trial);
		duet_op_write_vector(&trial.op, file, pieces, count, 100);
		trial_run(&trial);
		expect(&trial, (int)bytes, DUET_COMPLETED, DUET_CAUSE_ITSELF);
		ck_assert_int_eq(file_read(file, data, sizeof(data), 100), (int)bytes);
		ck_assert(pattern_holds(data, bytes, 0));
		memset(parts, 0, sizeof(parts));
		trial_init(&trial);
		duet_op_read_vector(&trial.op, file, pieces, count, 100);
		trial_run(&trial);
		expect(&trial, (int)bytes, DUET_COMPLETED, DUET_CAUSE_ITSELF);
		ck_assert_uint_eq(trial.op.transferred, bytes);
		ck_assert(pieces_hold(pieces, count, bytes, 0));
		handle_close(file);
	}
}
END_TEST

START_TEST(a_read_of_several_pieces_is_short_only_at_the_end_of_the_file)
{
	struct iovec pieces[DUET_OP_IOVECS];
	unsigned bytes = pieces_make(pieces, DUET_OP_IOVECS);
	duet_handle file = file_of(bytes);

	for (unsigned left = 0; left < bytes; left += 700) {
		struct trial trial;

		trial_init(&trial);
		memset(parts, 0, sizeof(parts));
		duet_op_read_vector(&trial.op, file, pieces, DUET_OP_IOVECS, bytes - left);
		if (left % 1400 == 0)
			duet_op_inline(&trial.op);
		if (trial_try(&trial) == 0)
			await(&trial);
		ck_assert_int_eq(trial.op.result, (int)left);
		ck_assert(pieces_hold(pieces, DUET_OP_IOVECS, left, bytes - left));
	}
	handle_close(file);
}
END_TEST

START_TEST(pieces_that_cannot_be_are_refused)
{
	struct iovec pieces[DUET_OP_IOVECS + 1] = { { data, 1 }, { data, 1 }, { data, 1 }, { data, 1 },
		{ data, 1 } };
	duet_handle file = file_of(10);
	struct trial trial;

	trial_init(&trial);
	duet_op_read_vector(&trial.op, file, pieces, DUET_OP_IOVECS + 1, 0);
	ck_assert_int_eq(trial_try(&trial), -EINVAL);
	duet_op_write_vector(&trial.op, file, pieces, 0, 0);
	ck_assert_int_eq(trial_try(&trial), -EINVAL);
	pieces[0].iov_len = pieces[1].iov_len = 0;
	duet_op_read_vector(&trial.op, file, pieces, 2, 0);
	ck_assert_int_eq(trial_try(&trial), -EINVAL);
	pieces[0].iov_len = DUET_TRANSFER_MAX;
	pieces[1].iov_len = 1;
	duet_op_read_vector(&trial.op, file, pieces, 2, 0);
	ck_assert_int_eq(trial_try(&trial), -EINVAL);
	duet_op_read_vector(&trial.op, file, pieces + 1, 2, (uint64_t)INT64_MAX + 1);
	ck_assert_int_eq(trial_try(&trial), -EINVAL);
	handle_close(file);
}
END_TEST

START_TEST(pieces_asked_to_end_are_whole_or_untouched)
{
	struct iovec pieces[DUET_OP_IOVECS];
	unsigned bytes = pieces_make(pieces, DUET_OP_IOVECS);
	duet_handle file = file_of(bytes);

	for (unsigned round = 0; round < 20; round++) {
		struct duet_ledger ledger;
		struct trial trial;

		memset(parts, 0, sizeof(parts));
		trial_init(&trial);
		duet_op_read_vector(&trial.op, file, pieces, DUET_OP_IOVECS, 0);
		trial_start(&trial);
		duet_loop_ledger(stage.loop, &ledger);
		ck_assert_uint_eq(ledger.lent_bytes, bytes);
		if (round & 1)
			stage_settle(1);
		trial_cancel(&trial);
		await(&trial);
		if (trial.op.result > 0) {
			expect(&trial, (int)bytes, DUET_COMPLETED, DUET_CAUSE_ITSELF);
			ck_assert(pieces_hold(pieces, DUET_OP_IOVECS, bytes, 0));
		} else {
			expect(&trial, -ECANCELED, DUET_UNTOUCHED, DUET_CAUSE_CANCEL);
			ck_assert(is_zero(parts[0], sizeof(parts)));
		}
	}
	handle_close(file);
}
END_TEST

/* ---- With a page cache. ---- */

#define LARGE_BYTES ((size_t)1 << 20)

/* The cache has the beginning only, which ends inside one of the pieces. */
START_TEST(a_short_count_from_the_cache_goes_on_in_the_piece_where_it_stopped)
{
	unsigned char *all = malloc(4 * LARGE_BYTES);
	const char *path = file_path("data");
	struct iovec pieces[DUET_OP_IOVECS];

	file_make(path, 4 * LARGE_BYTES);
	for (unsigned i = 0; i < DUET_OP_IOVECS; i++)
		pieces[i] = (struct iovec){ all + i * LARGE_BYTES, LARGE_BYTES };
	for (unsigned round = 0; round < 4; round++) {
		duet_handle file = file_open(path, O_RDONLY);
		int fd = duet_handle_fd(stage.loop, file);
		size_t warm = LARGE_BYTES / 2 * (round + 1);
		struct trial trial;

		ck_assert_int_eq(fsync(fd), 0);
		ck_assert_int_eq(posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED), 0);
		ck_assert_int_eq(posix_fadvise(fd, 0, 0, POSIX_FADV_RANDOM), 0);
		ck_assert_int_eq(pread(fd, all, warm, 0), (ssize_t)warm);
		memset(all, 0, 4 * LARGE_BYTES);
		trial_init(&trial);
		duet_op_read_vector(&trial.op, file, pieces, DUET_OP_IOVECS, 0);
		trial_run(&trial);
		expect(&trial, (int)(4 * LARGE_BYTES), DUET_COMPLETED, DUET_CAUSE_ITSELF);
		ck_assert(pattern_holds(all, 4 * LARGE_BYTES, 0));
		handle_close(file);
	}
	free(all);
}
END_TEST

int main(void)
{
	return contract_run("file_size",
		CASES(a_truncate_cuts_and_a_longer_one_leaves_a_hole,
			an_allocate_makes_room_and_holes,
			what_is_no_file_for_writing_has_no_size_to_change,
			a_size_that_cannot_be_is_refused,
			a_truncate_that_was_asked_to_end_is_done_or_was_never_begun,
			a_close_waits_for_what_works_on_the_size,
			several_pieces_are_written_and_read_in_their_order,
			a_read_of_several_pieces_is_short_only_at_the_end_of_the_file,
			pieces_that_cannot_be_are_refused, pieces_asked_to_end_are_whole_or_untouched),
		CASES(a_short_count_from_the_cache_goes_on_in_the_piece_where_it_stopped));
}
