/* SPDX-FileCopyrightText: The Duet authors */
/* SPDX-License-Identifier: MIT */
#include "tests/support/harness.h"

/* A pool of frames: what goes out is distinct, what comes back is used again, and nothing else comes back. */

enum { COUNT = 5, SIZE = 100 };

static struct duet_frame_pool *pool;

static struct duet_frame_stats stats(void)
{
	struct duet_frame_stats now;

	duet_frame_pool_stats(pool, &now);
	return now;
}

START_TEST(as_many_as_it_has_each_its_own)
{
	unsigned char *frames[COUNT];

	ck_assert_int_eq(duet_frame_pool_create(&pool, COUNT, SIZE), 0);
	ck_assert_uint_eq(stats().size_bytes, 112);
	for (unsigned i = 0; i < COUNT; i++) {
		frames[i] = duet_frame_take(pool, SIZE);
		ck_assert_ptr_nonnull(frames[i]);
		ck_assert_uint_eq((uintptr_t)frames[i] % 16, 0);
		memset(frames[i], (int)i, 112);
	}
	ck_assert_ptr_null(duet_frame_take(pool, SIZE));
	ck_assert_uint_eq(stats().refused, 1);
	for (unsigned i = 0; i < COUNT; i++) {
		ck_assert_uint_eq(frames[i][0], i);
		ck_assert_uint_eq(frames[i][111], i);
		ck_assert_int_eq(duet_frame_return(pool, frames[i]), 0);
	}
	ck_assert_uint_eq(stats().used, 0);
	ck_assert_uint_eq(stats().used_max, COUNT);
	ck_assert_ptr_eq(duet_frame_take(pool, SIZE), frames[COUNT - 1]);
	ck_assert_int_eq(duet_frame_return(pool, frames[COUNT - 1]), 0);
	ck_assert_int_eq(duet_frame_pool_destroy(pool), 0);
}
END_TEST

START_TEST(what_is_larger_is_refused_and_remembered)
{
	ck_assert_int_eq(duet_frame_pool_create(&pool, COUNT, SIZE), 0);
	ck_assert_ptr_null(duet_frame_take(pool, 113));
	ck_assert_uint_eq(stats().wanted_max_bytes, 113);
	ck_assert_uint_eq(stats().used, 0);
	ck_assert_int_eq(duet_frame_pool_destroy(pool), 0);
}
END_TEST

START_TEST(a_pool_with_frames_out_is_busy)
{
	void *frame;

	ck_assert_int_eq(duet_frame_pool_create(&pool, 1, SIZE), 0);
	frame = duet_frame_take(pool, 1);
	ck_assert_int_eq(duet_frame_pool_destroy(pool), -EBUSY);
	ck_assert_int_eq(duet_frame_return(pool, frame), 0);
	ck_assert_int_eq(duet_frame_pool_destroy(pool), 0);
	ck_assert_int_eq(duet_frame_pool_destroy(NULL), 0);
}
END_TEST

START_TEST(what_is_not_out_does_not_come_back)
{
#ifndef DUET_DEBUG
	unsigned char *frame;
	unsigned char strange;

	ck_assert_int_eq(duet_frame_pool_create(&pool, COUNT, SIZE), 0);
	frame = duet_frame_take(pool, SIZE);
	ck_assert_int_eq(duet_frame_return(pool, &strange), -EINVAL);
	ck_assert_int_eq(duet_frame_return(pool, frame + 16), -EINVAL);
	ck_assert_int_eq(duet_frame_return(pool, frame + 112), -EINVAL);
	ck_assert_int_eq(duet_frame_return(pool, frame + COUNT * 112), -EINVAL);
	ck_assert_int_eq(duet_frame_return(pool, frame), 0);
	ck_assert_int_eq(duet_frame_return(pool, frame), -EINVAL);
	ck_assert_uint_eq(stats().used, 0);
	ck_assert_int_eq(duet_frame_pool_destroy(pool), 0);
#endif
}
END_TEST

START_TEST(sizes_out_of_range_are_refused)
{
	static const uint32_t rows[][2] = { { 0, 1 }, { (1 << 24) + 1, 1 }, { 1, 0 },
		{ 1, (1 << 20) + 1 } };

	for (unsigned i = 0; i < 4; i++) {
		ck_assert_int_eq(duet_frame_pool_create(&pool, rows[i][0], rows[i][1]), -EINVAL);
		ck_assert_ptr_null(pool);
	}
}
END_TEST

int main(void)
{
	return plain_run("frame",
		CASES(as_many_as_it_has_each_its_own, what_is_larger_is_refused_and_remembered,
			a_pool_with_frames_out_is_busy, what_is_not_out_does_not_come_back,
			sizes_out_of_range_are_refused));
}
