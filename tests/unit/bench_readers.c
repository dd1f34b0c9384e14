/* SPDX-FileCopyrightText: The Duet authors
 * SPDX-License-Identifier: MIT */

/* The file readers of the benches: each reads what it should, and notices when that isn't there. */
#include <check.h>
#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "bench/floors/floor_pool.h"
#include "bench/floors/floor_pread.h"
#include "bench/floors/floor_ring.h"
#include "bench/support/file_reader.h"

enum { BLOCK_BYTES = 4096, BLOCKS = 64, READS = 1000, READERS = 7 };

static const struct file_engine *const readers[READERS] = {
	&floor_pread_engine, &floor_nowait_engine, &floor_pool_engine, &floor_ring_engine,
	&twin_polling_reader, &twin_polling_called_reader, &twin_completion_reader,
};

/* So many blocks; the one called wrong, if there is such a one, has its neighbour's content. */
static int make_file(uint32_t blocks, uint32_t wrong)
{
	char path[] = "/tmp/duet-blocks-XXXXXX";
	uint64_t block[BLOCK_BYTES / sizeof(uint64_t)];
	int fd = mkstemp(path);

	ck_assert_int_ge(fd, 0);
	unlink(path);
	for (uint32_t index = 0; index < blocks; index++) {
		for (size_t word = 0; word < sizeof(block) / sizeof(block[0]); word++)
			block[word] = file_block_word(index == wrong ? index + 1 : index);
		ck_assert_int_eq(write(fd, block, sizeof(block)), sizeof(block));
	}
	return fd;
}

/* What becomes of READS reads; 1 if this reader can't be had here. */
static int read_file(const struct file_engine *reader, int fd, uint32_t depth)
{
	struct file_shape shape = {
		.fd = fd, .block_bytes = BLOCK_BYTES, .block_count = BLOCKS, .depth = depth,
		.threads = 2,
	};
	void *self = reader->create(&shape);
	int rc;

	if (!self)
		return 1;
	rc = reader->read(self, READS);
	if (rc == 0)
		rc = reader->read(self, READS);
	reader->destroy(self);
	close(fd);
	return rc;
}

START_TEST(every_block_is_read_at_any_depth)
{
	int rc = read_file(readers[_i], make_file(BLOCKS, BLOCKS), 1);

	if (rc == 1)
		return;
	ck_assert_int_eq(rc, 0);
	ck_assert_int_eq(read_file(readers[_i], make_file(BLOCKS, BLOCKS), 32), 0);
}
END_TEST

START_TEST(a_block_with_anothers_content_is_noticed)
{
	int rc = read_file(readers[_i], make_file(BLOCKS, 7), 8);

	ck_assert(rc == 1 || rc == -EBADMSG);
}
END_TEST

START_TEST(a_file_that_is_too_short_is_noticed)
{
	int rc = read_file(readers[_i], make_file(BLOCKS / 2, BLOCKS), 8);

	ck_assert(rc == 1 || rc == -EIO);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("bench readers");
	TCase *cases = tcase_create("readers");
	SRunner *runner = srunner_create(suite);
	int failed;

	tcase_add_loop_test(cases, every_block_is_read_at_any_depth, 0, READERS);
	tcase_add_loop_test(cases, a_block_with_anothers_content_is_noticed, 0, READERS);
	tcase_add_loop_test(cases, a_file_that_is_too_short_is_noticed, 0, READERS);
	suite_add_tcase(suite, cases);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed != 0;
}
