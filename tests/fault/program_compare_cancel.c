/* SPDX-FileCopyrightText: The Duet authors
 * SPDX-License-Identifier: MIT */

/* The workload cancel, short: what a slot of it holds, and what can't be played. */
#include <jansson.h>
#include <sys/resource.h>

#include "tests/fault/program.h"

#define PENDING 40

/* One slot, by the process that compare would start for it. */
static json_t *play(struct program *program, const char *words)
{
	json_t *slot;

	program_begin(program, NULL, "play-cancel --warmup 0 --duration 0.001 %s", words);
	program_end(program);
	ck_assert_msg(program->code == 0, "%s: exit code %d: %s", words, program->code,
		      program->complained);
	slot = json_loads(program->said, 0, NULL);
	ck_assert_msg(slot != NULL, "%s", program->said);
	return slot;
}

static json_int_t number(const json_t *object, const char *key)
{
	return json_integer_value(json_object_get(object, key));
}

static json_int_t count_of(const json_t *slot, const char *histogram)
{
	return number(json_object_get(slot, histogram), "count");
}

static const char *const BACKENDS[] = {
	"completion", "completion:mode=plain", "polling", "polling:eager=yes", "floor-uring",
	"floor-epoll",
};

static const struct {
	const char *words;
	int ended, memory, closed; /* of one round of passes: as many as there were rounds of them */
} WAYS[] = {
	{ "--method scope --operations 1", PENDING, PENDING, PENDING },
	{ "--method scope --operations 8", PENDING, PENDING, PENDING },
	{ "--method scope --operations 40", PENDING, PENDING, PENDING },
	{ "--method user-data --operations 1", PENDING, PENDING, PENDING },
	{ "--method user-data --operations 20", PENDING, PENDING, PENDING },
	{ "--method descriptor --operations 1", PENDING, 0, PENDING },
	{ "--method descriptor --operations 40", PENDING, 0, PENDING },
	{ "--method deadline --operations 40", PENDING, PENDING, PENDING },
	{ "--method never --operations 1", PENDING, 0, 0 },
	{ "--method never --operations 1 --timed", PENDING, 0, 0 },
};

enum { WAYS_COUNT = sizeof(WAYS) / sizeof(*WAYS) };

START_TEST(every_way_of_ending_is_measured_on_every_mechanism)
{
	struct program *program = calloc(1, sizeof(*program));

	for (size_t i = 0; i < sizeof(BACKENDS) / sizeof(*BACKENDS); i++) {
		char words[256];
		json_t *slot;
		json_int_t rounds;

		snprintf(words, sizeof(words), "--backend %s --pending %d %s", BACKENDS[i], PENDING,
			 WAYS[_i].words);
		slot = play(program, words);
		rounds = number(slot, "operations") / PENDING;
		ck_assert_int_ge(rounds, 1);
		ck_assert_int_eq(number(slot, "operations"), rounds * PENDING);
		ck_assert_int_gt(number(slot, "cpu_ns"), 0);
		ck_assert_int_eq(number(slot, "lost_operations"), 0);
		ck_assert_int_eq(count_of(slot, "latency"), rounds * WAYS[_i].ended);
		ck_assert_int_eq(count_of(slot, "buffer"), rounds * WAYS[_i].memory);
		ck_assert_int_eq(count_of(slot, "descriptor"), rounds * WAYS[_i].closed);
		json_decref(slot);
	}
	free(program);
}
END_TEST

START_TEST(in_a_storm_one_of_a_hundred_is_answered)
{
	struct program *program = calloc(1, sizeof(*program));

	for (size_t i = 0; i < sizeof(BACKENDS) / sizeof(*BACKENDS); i++) {
		char words[256];
		json_t *slot;
		json_int_t rounds;

		snprintf(words, sizeof(words), "--backend %s --pending 200 --operations 200 --storm "
			 "--method deadline", BACKENDS[i]);
		slot = play(program, words);
		rounds = number(slot, "operations") / 200;
		ck_assert_int_ge(rounds, 1);
		ck_assert_int_eq(number(slot, "lost_operations"), 0);
		ck_assert_int_eq(count_of(slot, "latency"), rounds * 198);
		ck_assert_int_eq(count_of(slot, "descriptor"), rounds * 198);
		json_decref(slot);
	}
	free(program);
}
END_TEST

START_TEST(the_ring_s_own_timeouts_are_a_floor)
{
	struct program *program = calloc(1, sizeof(*program));
	json_t *slot = play(program, "--backend floor-link --pending 40 --operations 40 "
				     "--method deadline");

	ck_assert_int_gt(count_of(slot, "latency"), 0);
	ck_assert_int_eq(number(slot, "lost_operations"), 0);
	json_decref(slot);
	slot = play(program, "--backend floor-link --pending 40 --operations 1 --method never");
	ck_assert_int_eq(number(slot, "lost_operations"), 0);
	json_decref(slot);
	free(program);
}
END_TEST

static void allow_few_files(void)
{
	struct rlimit limit = { 100, 100 };

	setrlimit(RLIMIT_NOFILE, &limit);
}

START_TEST(more_receives_than_descriptors_are_refused_with_numbers)
{
	struct program *program = calloc(1, sizeof(*program));

	program_begin(program, allow_few_files, "compare cancel --operations 90");
	program_end(program);
	program_expect(program, 3, "9990 receives at once");
	program_begin(program, allow_few_files, "compare cancel --operations 5 --pending 90");
	program_end(program);
	program_expect(program, 3, "the limit is 100");
	free(program);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("program compare cancel");
	TCase *cases = tcase_create("cancel");
	SRunner *runner = srunner_create(suite);
	int failed;

	tcase_set_timeout(cases, 60);
	tcase_add_loop_test(cases, every_way_of_ending_is_measured_on_every_mechanism, 0, WAYS_COUNT);
	tcase_add_test(cases, in_a_storm_one_of_a_hundred_is_answered);
	tcase_add_test(cases, the_ring_s_own_timeouts_are_a_floor);
	tcase_add_test(cases, more_receives_than_descriptors_are_refused_with_numbers);
	suite_add_tcase(suite, cases);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed != 0;
}
