/* SPDX-FileCopyrightText: The Duet authors
 * SPDX-License-Identifier: MIT */

/* What every byte has to be, and that a byte which isn't is seen. */
#include <check.h>
#include <string.h>

#include "compare/load/pattern.h"

enum { PIECE = 64 };

static void copy(unsigned char *to, uint32_t stream, uint64_t position, size_t length)
{
	while (length) {
		size_t available;
		const unsigned char *from = pattern_at(stream, position, &available);

		if (available > length)
			available = length;
		memcpy(to, from, available);
		to += available;
		position += available;
		length -= available;
	}
}

static void set_up(void)
{
	pattern_make();
}

START_TEST(what_was_sent_is_right_wherever_it_is_cut)
{
	static unsigned char data[200000];

	copy(data, 3, 12345, sizeof(data));
	ck_assert_uint_eq(pattern_wrong(3, 12345, data, sizeof(data)), 0);
	for (size_t from = 0; from < sizeof(data); from += 7777)
		ck_assert_uint_eq(pattern_wrong(3, 12345 + from, data + from,
						sizeof(data) - from), 0);
}
END_TEST

START_TEST(one_changed_byte_is_one_wrong_byte)
{
	unsigned char data[PIECE];

	for (size_t i = 0; i < sizeof(data); i++) {
		copy(data, 0, 640, sizeof(data));
		data[i] ^= 0x40;
		ck_assert_uint_eq(pattern_wrong(0, 640, data, sizeof(data)), 1);
	}
}
END_TEST

START_TEST(a_lost_a_doubled_and_a_stranger_s_message_are_wrong)
{
	unsigned char data[PIECE];

	copy(data, 0, PIECE, sizeof(data)); /* the one before it was lost */
	ck_assert_uint_gt(pattern_wrong(0, 0, data, sizeof(data)), PIECE / 2);
	copy(data, 0, 0, sizeof(data)); /* again, where the next should be */
	ck_assert_uint_gt(pattern_wrong(0, PIECE, data, sizeof(data)), PIECE / 2);
	for (uint32_t stranger = 1; stranger < 1000; stranger++) {
		copy(data, stranger, 0, sizeof(data));
		ck_assert_uint_gt(pattern_wrong(0, 0, data, sizeof(data)), PIECE / 2);
	}
}
END_TEST

START_TEST(a_block_belongs_to_its_offset)
{
	uint64_t block[512];

	pattern_block_fill(block, sizeof(block), 8192);
	ck_assert_uint_eq(pattern_block_wrong(block, sizeof(block), 8192), 0);
	ck_assert_uint_eq(pattern_block_wrong(block, sizeof(block), 4096), sizeof(block));
	for (size_t i = 0; i < 512; i++) {
		block[i] ^= 1;
		ck_assert_uint_eq(pattern_block_wrong(block, sizeof(block), 8192), 8);
		block[i] ^= 1;
	}
}
END_TEST

START_TEST(a_sum_sees_a_changed_word_and_two_that_changed_places)
{
	uint64_t block[512], sum, kept;

	pattern_block_fill(block, sizeof(block), 0);
	sum = pattern_block_sum(block, sizeof(block));
	block[7] ^= UINT64_C(1) << 63;
	ck_assert_uint_ne(pattern_block_sum(block, sizeof(block)), sum);
	block[7] ^= UINT64_C(1) << 63;
	kept = block[3];
	block[3] = block[300];
	block[300] = kept;
	ck_assert_uint_ne(pattern_block_sum(block, sizeof(block)), sum);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("compare pattern");
	TCase *cases = tcase_create("pattern");
	SRunner *runner = srunner_create(suite);
	int failed;

	tcase_add_checked_fixture(cases, set_up, NULL);
	tcase_add_test(cases, what_was_sent_is_right_wherever_it_is_cut);
	tcase_add_test(cases, one_changed_byte_is_one_wrong_byte);
	tcase_add_test(cases, a_lost_a_doubled_and_a_stranger_s_message_are_wrong);
	tcase_add_test(cases, a_block_belongs_to_its_offset);
	tcase_add_test(cases, a_sum_sees_a_changed_word_and_two_that_changed_places);
	suite_add_tcase(suite, cases);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed != 0;
}
