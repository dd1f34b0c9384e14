/* SPDX-FileCopyrightText: The Duet authors
 * SPDX-License-Identifier: MIT */

/* The file that `duet serve copy` reads ahead, on the reference backend: reads that end in any order,
 * in part and with errors, blocks that are held for as long as chance has it, a file that is cut. */
#include <check.h>
#include <duet/file.h>
#include <duet/loop.h>
#include <duet/reference.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "compare/copy/ahead.h"

enum { BYTES = 20000, BLOCK = 512, DEPTH = 7, SEEDS = 300 };

struct reader {
	struct ahead ahead; /* first */
	struct duet_loop *loop;
	struct duet_op op;
	struct block blocks[DEPTH];
	unsigned char data[DEPTH * BLOCK];
	bool there[2 * BYTES];
	struct block *held[DEPTH];
	uint32_t held_count, given, fails_at; /* the block at which the user fails; 0: none */
	uint64_t next, chance;
	bool over;
};

static unsigned char byte_at(uint64_t place)
{
	return (unsigned char)(place * 7 + place / 256);
}

static uint32_t draw(struct reader *reader, uint32_t below)
{
	reader->chance = reader->chance * 6364136223846793005u + 1442695040888963407u;
	return (uint32_t)(reader->chance >> 33) % below;
}

static void on_ended(struct duet_op *op)
{
	(void)op;
}

static int step(struct reader *reader)
{
	ck_assert_int_eq(duet_op_start(reader->loop, &reader->op), 0);
	while (duet_op_pending(&reader->op))
		ck_assert_int_ge(duet_loop_turn(reader->loop, -1), 0);
	return reader->op.result;
}

static duet_handle make_file(struct reader *reader)
{
	static unsigned char all[BYTES];
	duet_handle file;

	for (uint64_t i = 0; i < BYTES; i++)
		all[i] = byte_at(i);
	duet_op_open(&reader->op, AT_FDCWD, "from", O_RDWR | O_CREAT, 0600);
	ck_assert_int_eq(step(reader), 0);
	file = reader->op.made;
	duet_op_write(&reader->op, file, all, BYTES, 0);
	ck_assert_int_eq(step(reader), BYTES);
	return file;
}

/* An assertion a byte would take a while. */
static void take(struct reader *reader, const struct block *block)
{
	bool right = true;

	for (uint32_t i = 0; i < block->bytes; i++) {
		right = right && block->data[i] == byte_at(block->offset + i) &&
			!reader->there[block->offset + i];
		reader->there[block->offset + i] = true;
	}
	ck_assert_msg(right, "other bytes at %llu, or twice", (unsigned long long)block->offset);
}

static uint64_t first_missing(const struct reader *reader)
{
	uint64_t place = 0;

	while (reader->there[place])
		place++;
	return place;
}

static void on_filled(struct ahead *ahead, struct block *block)
{
	struct reader *reader = (struct reader *)ahead;

	ck_assert_int_eq(ahead->error, 0);
	ck_assert_uint_gt(block->bytes, 0);
	if (ahead->ordered)
		ck_assert_uint_eq(block->offset, reader->next);
	reader->next += BLOCK;
	if (++reader->given == reader->fails_at) {
		ahead_miss(ahead, block->offset);
		ahead_fail(ahead, -ENOSPC);
		ahead_give(block);
		return;
	}
	take(reader, block);
	if (draw(reader, 2))
		ahead_give(block);
	else
		reader->held[reader->held_count++] = block;
}

static void on_over(struct ahead *ahead)
{
	struct reader *reader = (struct reader *)ahead;

	ck_assert(!reader->over);
	ck_assert_uint_eq(reader->held_count, 0);
	reader->over = true;
}

static struct reader *begin(uint32_t seed, const char *tuning, bool ordered)
{
	struct reader *reader = calloc(1, sizeof(*reader));
	struct duet_loop_options options;
	char text[128];

	snprintf(text, sizeof(text), "seed=%u%s", seed, tuning);
	duet_loop_options_init(&options);
	options.tuning = text;
	ck_assert_int_eq(duet_loop_create(&reader->loop, duet_reference(), &options), 0);
	duet_op_init(&reader->op, on_ended, NULL);
	reader->chance = seed;
	reader->ahead = (struct ahead){ .loop = reader->loop, .blocks = reader->blocks,
					.depth = DEPTH, .block_bytes = BLOCK, .ordered = ordered,
					.filled = on_filled, .over = on_over };
	ahead_init(&reader->ahead, reader->data);
	return reader;
}

/* What is held is given back now and then, and when nothing else can go on. */
static void read_all(struct reader *reader, duet_handle file, uint64_t expected_bytes)
{
	ahead_begin(&reader->ahead, file, expected_bytes);
	while (!reader->over) {
		if (reader->held_count && (!duet_loop_pending(reader->loop) || draw(reader, 3) == 0)) {
			uint32_t which = draw(reader, reader->held_count);
			struct block *block = reader->held[which];

			reader->held[which] = reader->held[--reader->held_count];
			ahead_give(block);
		} else {
			ck_assert_int_ge(duet_loop_turn(reader->loop, -1), 0);
		}
	}
}

/* What it says that is there, is, and the next byte is not. */
static void expect_whole(const struct reader *reader, uint64_t bytes)
{
	ck_assert_uint_eq(ahead_whole_bytes(&reader->ahead), bytes);
	ck_assert_uint_eq(first_missing(reader), bytes);
}

static void end(struct reader *reader, duet_handle file)
{
	duet_op_close(&reader->op, file);
	ck_assert_int_eq(step(reader), 0);
	ck_assert_int_eq(duet_loop_destroy(reader->loop), 0);
	free(reader);
}

START_TEST(all_of_a_file_comes_whatever_its_size_is_said_to_be)
{
	for (uint32_t seed = 1; seed <= SEEDS; seed++) {
		static const uint64_t EXPECTED[] = { 0, 1, BYTES - 1, BYTES, BYTES + 1, 2 * BYTES };
		struct reader *reader = begin(seed, "", _i);
		duet_handle file = make_file(reader);

		read_all(reader, file, EXPECTED[seed % 6]);
		ck_assert_int_eq(reader->ahead.error, 0);
		ck_assert_uint_eq(reader->ahead.end_bytes, BYTES);
		expect_whole(reader, BYTES);
		end(reader, file);
	}
}
END_TEST

START_TEST(a_read_that_fails_ends_it_and_the_first_gap_is_known)
{
	uint32_t gaps = 0;

	for (uint32_t seed = 1; seed <= SEEDS; seed++) {
		struct reader *reader = begin(seed, "", _i);
		duet_handle file = make_file(reader);
		uint64_t whole;

		ck_assert_int_eq(duet_reference_fault(reader->loop, DUET_READ, 1 + seed % 40, EIO), 0);
		read_all(reader, file, BYTES);
		ck_assert_int_eq(reader->ahead.error, -EIO);
		whole = ahead_whole_bytes(&reader->ahead);
		ck_assert_uint_lt(whole, BYTES);
		expect_whole(reader, whole);
		gaps += reader->given * BLOCK > whole;
		end(reader, file);
	}
	ck_assert_msg(_i ? !gaps : gaps > 0, "%u copies with gaps", gaps);
}
END_TEST

START_TEST(a_user_that_fails_is_given_nothing_more)
{
	for (uint32_t seed = 1; seed <= SEEDS; seed++) {
		struct reader *reader = begin(seed, "", _i);
		duet_handle file = make_file(reader);

		reader->fails_at = 1 + seed % 30;
		read_all(reader, file, BYTES);
		ck_assert_int_eq(reader->ahead.error, -ENOSPC);
		ck_assert_uint_eq(reader->given, reader->fails_at);
		expect_whole(reader, ahead_whole_bytes(&reader->ahead));
		end(reader, file);
	}
}
END_TEST

START_TEST(a_file_that_is_cut_while_it_is_read_ends_where_it_was_met)
{
	for (uint32_t seed = 1; seed <= SEEDS; seed++) {
		struct reader *reader = begin(seed, "", _i);
		duet_handle file = make_file(reader);
		uint64_t cut = draw(reader, BYTES);

		duet_op_truncate(&reader->op, file, cut);
		ck_assert_int_eq(duet_op_start(reader->loop, &reader->op), 0);
		read_all(reader, file, BYTES);
		while (duet_op_pending(&reader->op))
			ck_assert_int_ge(duet_loop_turn(reader->loop, -1), 0);
		ck_assert_int_eq(reader->ahead.error, 0);
		ck_assert_uint_ge(reader->ahead.end_bytes, cut);
		ck_assert_uint_ge(first_missing(reader), cut);
		end(reader, file);
	}
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("compare copy");
	TCase *cases = tcase_create("ahead");
	SRunner *runner = srunner_create(suite);
	int failed;

	tcase_set_timeout(cases, 20);
	tcase_add_loop_test(cases, all_of_a_file_comes_whatever_its_size_is_said_to_be, 0, 2);
	tcase_add_loop_test(cases, a_read_that_fails_ends_it_and_the_first_gap_is_known, 0, 2);
	tcase_add_loop_test(cases, a_user_that_fails_is_given_nothing_more, 0, 2);
	tcase_add_loop_test(cases, a_file_that_is_cut_while_it_is_read_ends_where_it_was_met, 0, 2);
	suite_add_tcase(suite, cases);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed != 0;
}
