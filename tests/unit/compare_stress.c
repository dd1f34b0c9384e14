/* SPDX-FileCopyrightText: The Duet authors
 * SPDX-License-Identifier: MIT */

/* The stress tier sees what is wrong, wherever it is put in: a kind is as those of the program, but for
 * one mistake. */
#include <check.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "compare/laboratory/lane.h"
#include "compare/laboratory/mechanism.h"
#include "compare/laboratory/stress.h"
#include "tests/support/recorded.h"

static struct stress_kind planted;
static volatile int interrupted;
static int leaked = -1;

static const struct stress_kind *kind_of(const char *name)
{
	const struct stress_kind *const tables[] = { STRESS_SOCKETS, STRESS_FILES, STRESS_NAMES,
						     STRESS_EVENTS };

	for (int i = 0; i < 4; i++) {
		for (const struct stress_kind *kind = tables[i]; kind->name; kind++) {
			if (!strcmp(kind->name, name))
				return kind;
		}
	}
	ck_abort_msg("no kind %s", name);
}

static json_t *play(const struct stress_kind *kind, uint32_t count)
{
	struct mechanism mechanisms[MECHANISMS_MAX];
	struct stress_plan plan = { .kind = kind, .mechanism = mechanisms, .seed = 7,
				    .count = count, .bound_ns = 20000000000u,
				    .interrupted = &interrupted };
	json_t *cell;

	ck_assert_uint_eq(mechanism_find(MECHANISM_STRESS, "polling", mechanisms), 1);
	cell = stress_run(&plan);
	ck_assert_ptr_nonnull(cell);
	ck_assert_ptr_null(json_object_get(cell, "refused"));
	return cell;
}

static bool finds(const json_t *cell, const char *name)
{
	json_t *violation;
	size_t i;

	json_array_foreach(json_object_get(cell, "violations"), i, violation) {
		if (!strcmp(json_string_value(json_object_get(violation, "name")), name))
			return true;
	}
	return false;
}

static void expect(const char *of, const char *violation)
{
	json_t *cell = play(&planted, 20000);
	char *text = json_dumps(json_object_get(cell, "violations"), 0);

	ck_assert_msg(finds(cell, violation), "%s: no '%s' in %s", of, violation, text);
	free(text);
	json_decref(cell);
}

static void plant(const char *of)
{
	planted = *kind_of(of);
}

/* ---- Mistakes. ---- */

static void take_every_other(struct lane *lane)
{
	if (lane->serial % 2)
		kind_of("recv")->take(lane);
}

static void take_everything_twice(struct lane *lane)
{
	kind_of("recv")->take(lane);
	lane->delivered += lane->op.transferred;
}

static void keep_a_buffer(struct lane *lane)
{
	if (!lane->index && lane->serial == 3 && lane->op.transferred)
		lane->delivered += lane->op.transferred;
	else
		kind_of("recv-pooled")->take(lane);
}

static void leak_a_descriptor(struct lane *lane)
{
	kind_of("accept")->take(lane);
	if (leaked < 0)
		leaked = dup(lane->witness);
}

static void close_unseen(struct lane *lane)
{
	int fd = lane->op.result < 0 ? -1 : duet_handle_release(lane->stress->loop, lane->op.made);

	if (fd >= 0)
		close(fd);
}

/* Into the buffer that it has had the time before. */
static void write_late(struct lane *lane)
{
	uint32_t before = (lane->serial + LANE_BUFFERS - 1) % LANE_BUFFERS;

	kind_of("recv")->take(lane);
	if (lane->serial == 5)
		lane->buffers[before * planted.bytes] = 1;
}

static void write_elsewhere(struct lane *lane)
{
	kind_of("write")->describe(lane);
	if (lane->serial == 9)
		lane->data[17] ^= 1;
}

START_TEST(bytes_that_nobody_takes_are_missed)
{
	plant("recv");
	planted.take = take_every_other;
	expect("recv", "bytes");
	planted.take = take_everything_twice;
	expect("recv", "bytes");
}
END_TEST

START_TEST(a_buffer_that_is_kept_is_missed)
{
	plant("recv-pooled");
	planted.take = keep_a_buffer;
	expect("recv-pooled", "pool");
}
END_TEST

START_TEST(a_descriptor_that_is_left_is_counted)
{
	plant("accept");
	planted.take = leak_a_descriptor;
	expect("accept", "descriptors");
	close(leaked);
}
END_TEST

START_TEST(what_is_written_after_the_end_is_seen)
{
	plant("recv");
	planted.take = write_late;
	expect("recv", "late write");
}
END_TEST

START_TEST(other_bytes_in_a_file_are_seen)
{
	plant("write");
	planted.describe = write_elsewhere;
	expect("write", "data");
}
END_TEST

START_TEST(a_connection_that_is_lost_is_missed)
{
	plant("accept");
	planted.take = close_unseen;
	expect("accept", "connections");
}
END_TEST

START_TEST(without_a_mistake_nothing_is_found)
{
	static const char *const NAMES[] = { "timeout", "recv", "recv-pooled", "recv-copied", "accept",
					     "send-whole", "write", "open" };

	for (size_t i = 0; i < sizeof(NAMES) / sizeof(*NAMES); i++) {
		json_t *cell = play(kind_of(NAMES[i]), 3000);
		json_int_t asked = json_integer_value(json_object_get(cell, "asked"));

		ck_assert_uint_eq(json_array_size(json_object_get(cell, "violations")), 0);
		ck_assert_int_ge(json_integer_value(json_object_get(cell, "operations")), 3000);
		ck_assert_msg(asked > 100, "%s: asked %lld of 3000", NAMES[i], (long long)asked);
		json_decref(cell);
	}
}
END_TEST

START_TEST(the_pattern_of_one_lane_is_not_another_s)
{
	struct lane one = { .index = 1 }, other = { .index = 2 };

	ck_assert(stress_holds(&one, stress_pattern(&one, 70000), 64, 70000));
	ck_assert(!stress_holds(&other, stress_pattern(&one, 70000), 64, 70000));
	ck_assert(!stress_holds(&one, stress_pattern(&one, 70000), 64, 70001));
}
END_TEST

START_TEST(the_page_has_the_recorded_table_as_it_is_printed)
{
	recorded_check_page("docs/stress/6.18.json", "docs/cancellation.md", stress_print);
}
END_TEST

START_TEST(the_table_fits_its_columns)
{
	recorded_check_width("docs/stress/6.18.json", "80", stress_print);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("compare stress");
	TCase *cases = tcase_create("stress");
	SRunner *runner = srunner_create(suite);
	int failed;

	tcase_set_timeout(cases, 60);
	tcase_add_test(cases, bytes_that_nobody_takes_are_missed);
	tcase_add_test(cases, a_buffer_that_is_kept_is_missed);
	tcase_add_test(cases, a_descriptor_that_is_left_is_counted);
	tcase_add_test(cases, what_is_written_after_the_end_is_seen);
	tcase_add_test(cases, other_bytes_in_a_file_are_seen);
	tcase_add_test(cases, a_connection_that_is_lost_is_missed);
	tcase_add_test(cases, without_a_mistake_nothing_is_found);
	tcase_add_test(cases, the_pattern_of_one_lane_is_not_another_s);
	tcase_add_test(cases, the_page_has_the_recorded_table_as_it_is_printed);
	tcase_add_test(cases, the_table_fits_its_columns);
	suite_add_tcase(suite, cases);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed != 0;
}
