/* SPDX-FileCopyrightText: The Duet authors
 * SPDX-License-Identifier: MIT */

/* The passes of a crowd, over an engine that carries nothing out: what is asked of it, and that no end
 * is taken for another. */
#include <check.h>
#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "compare/models/crowd.h"

enum { PENDING = 12, GROUP = 4 };

static struct {
	struct cancel_shape shape;
	int fds[PENDING];
	int result; /* that a cancel gives */
	uint32_t started, loose, requests, cancels, closes, adopted, asked[PENDING];
} fake;

static struct crowd_result result;

static void *create(const struct cancel_shape *shape)
{
	fake.shape = *shape;
	return &fake;
}

static int adopt(void *self, uint32_t index, int fd)
{
	(void)self;
	fake.fds[index] = fd;
	fake.adopted++;
	return 0;
}

static int start(void *self, uint32_t index, char *byte, uint64_t deadline_ns, bool loose)
{
	(void)self;
	(void)index;
	ck_assert_ptr_nonnull(byte);
	ck_assert_uint_eq(deadline_ns, 0);
	fake.started++;
	fake.loose += loose;
	return 0;
}

static int request(void *self, uint32_t first)
{
	(void)self;
	fake.requests++;
	ck_assert_uint_eq(first % GROUP, 0);
	for (uint32_t i = first; i < first + GROUP; i++) {
		fake.asked[i]++;
		fake.shape.ended(fake.shape.context, i, fake.result);
	}
	return 0;
}

static int cancel(void *self, uint32_t index)
{
	(void)self;
	fake.cancels++;
	fake.shape.ended(fake.shape.context, index, -ECANCELED);
	return 0;
}

static int close_one(void *self, uint32_t index)
{
	(void)self;
	fake.closes++;
	close(fake.fds[index]);
	fake.shape.closed(fake.shape.context, index);
	return 0;
}

static int turn(void *self, int64_t timeout_ns)
{
	(void)self;
	ck_assert_msg(timeout_ns == 0, "it waits for an end that nobody owes");
	return 0;
}

static void destroy(void *self)
{
	(void)self;
	for (int i = 0; i < PENDING; i++)
		close(fake.fds[i]);
}

static const struct cancel_engine ENGINE = {
	.name = "fake", .create = create, .adopt = adopt, .start = start, .request = request,
	.cancel = cancel, .close = close_one, .turn = turn, .destroy = destroy,
};

static void play(int gives)
{
	const struct crowd_options options = { .engine = &ENGINE, .method = CANCEL_SCOPE,
					       .pending = PENDING, .group = GROUP, .seed = 1 };
	struct crowd *crowd;

	fake.result = gives;
	ck_assert_int_eq(crowd_create(&crowd, &options), 0);
	ck_assert_int_eq(crowd_play(crowd, &result), 0);
	crowd_destroy(crowd);
}

START_TEST(each_kind_of_pass_ends_all_and_records_its_own_moment)
{
	play(-ECANCELED);
	ck_assert_uint_eq(result.wrong, 0);
	ck_assert_uint_eq(result.operations, PENDING);
	ck_assert_uint_eq(result.operations_total, 4 * PENDING);
	ck_assert_uint_eq(result.ended.count, PENDING);
	ck_assert_uint_eq(result.memory.count, PENDING);
	ck_assert_uint_eq(result.closed.count, PENDING);
	for (int i = 0; i < PENDING; i++)
		ck_assert_uint_eq(fake.asked[i], 4);
}
END_TEST

START_TEST(what_was_started_again_is_ended_and_what_was_closed_is_made_again)
{
	play(-ECANCELED);
	ck_assert_uint_eq(fake.requests, 4 * PENDING / GROUP);
	ck_assert_uint_eq(fake.loose, PENDING);
	ck_assert_uint_eq(fake.started, 5 * PENDING);
	ck_assert_uint_eq(fake.cancels, PENDING);
	ck_assert_uint_eq(fake.closes, PENDING);
	ck_assert_uint_eq(fake.adopted, 2 * PENDING);
}
END_TEST

START_TEST(an_end_with_another_result_is_counted)
{
	play(1);
	ck_assert_uint_eq(result.wrong, 4 * PENDING);
	play(-ETIMEDOUT);
	ck_assert_uint_eq(result.wrong, 8 * PENDING);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("compare crowd");
	TCase *cases = tcase_create("crowd");
	SRunner *runner = srunner_create(suite);
	int failed;

	tcase_add_test(cases, each_kind_of_pass_ends_all_and_records_its_own_moment);
	tcase_add_test(cases, what_was_started_again_is_ended_and_what_was_closed_is_made_again);
	tcase_add_test(cases, an_end_with_another_result_is_counted);
	suite_add_tcase(suite, cases);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed != 0;
}
