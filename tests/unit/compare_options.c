/* SPDX-FileCopyrightText: The Duet authors
 * SPDX-License-Identifier: MIT */

/* The command line: what is read, what is refused, and how an arm is written. */
#include <check.h>
#include <errno.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include <duet/loop.h>

#include "compare/arm.h"
#include "compare/options.h"
#include "compare/say.h"

struct values {
	bool flag;
	const char *text;
	uint32_t number, size;
	uint64_t seed, time_ns;
};

static const struct option_row ROWS[] = {
	{ "flag", OPTION_TOPIC, 0, 0, 0, "", "a word, and no option, of the same name" },
	{ "old", OPTION_GONE, 0, 0, 0, "", "test flag" },
	{ "flag", OPTION_FLAG, offsetof(struct values, flag), 0, 0, "", "" },
	{ "text", OPTION_TEXT, offsetof(struct values, text), 0, 0, "", "" },
	{ "number", OPTION_NUMBER, offsetof(struct values, number), 1, 100, "", "" },
	{ "size", OPTION_SIZE, offsetof(struct values, size), 1, 1 << 20, "", "" },
	{ "seed", OPTION_SEED, offsetof(struct values, seed), 0, UINT64_MAX, "", "" },
	{ "time", OPTION_SECONDS, offsetof(struct values, time_ns), 1000000, 10000000000, "", "" },
	{ 0 },
};
static const struct option_set SET = { "test", "", "", ROWS };

static int read_words(struct values *values, int *operands, int count, ...)
{
	static char copies[16][64];
	char *argv[17] = { copies[0] };
	va_list words;

	snprintf(copies[0], sizeof(copies[0]), "test");
	va_start(words, count);
	for (int i = 1; i <= count; i++) {
		snprintf(copies[i], sizeof(copies[i]), "%s", va_arg(words, const char *));
		argv[i] = copies[i];
	}
	va_end(words);
	memset(values, 0, sizeof(*values));
	return options_read(&SET, count + 1, argv, values, operands);
}

START_TEST(every_kind_is_read_wherever_it_stands)
{
	struct values values;
	int first;

	ck_assert_int_eq(read_words(&values, &first, 8, "echo", "--flag", "--number", "7",
				    "--size=16K", "--time=0.25s", "--seed", "18446744073709551615"),
			 OPTIONS_READ);
	ck_assert_int_eq(first, 8); /* the operand went to the end */
	ck_assert(values.flag);
	ck_assert_uint_eq(values.number, 7);
	ck_assert_uint_eq(values.size, 16384);
	ck_assert_uint_eq(values.seed, UINT64_MAX);
	ck_assert_uint_eq(values.time_ns, 250000000);
	ck_assert_int_eq(read_words(&values, &first, 2, "--text", "-"), OPTIONS_READ);
	ck_assert_str_eq(values.text, "-");
}
END_TEST

START_TEST(what_makes_no_sense_is_refused)
{
	static const char *const WORDS[] = {
		"--unknown", "--number", "--number=", "--number=0", "--number=101", "--number=-1",
		"--number=5x", "--number=99999999999999999999", "--size=2M", "--size=1G",
		"--size=K", "--time=nan", "--time=-1", "--time=1e99", "--time=1m", "--time=",
		"--flag=yes", "-x",
	};
	struct values values;
	int first;

	for (size_t i = 0; i < sizeof(WORDS) / sizeof(*WORDS); i++)
		ck_assert_msg(read_words(&values, &first, 1, WORDS[i]) == SAY_USAGE, "%s was taken",
			      WORDS[i]);
}
END_TEST

START_TEST(an_arm_is_backend_model_and_tuning)
{
	struct arm arm;
	char why[128];

	ck_assert_int_eq(arm_read("completion", &arm, why, sizeof(why)), 0);
	ck_assert_str_eq(arm.backend, "completion");
	ck_assert_str_eq(arm.model, "callback");
	ck_assert_str_eq(arm.tuning, "");
	ck_assert_int_eq(arm_read("polling/future:events=8,eager=yes", &arm, why, sizeof(why)), 0);
	ck_assert_str_eq(arm.text, "polling/future:events=8,eager=yes");
	ck_assert_str_eq(arm.backend, "polling");
	ck_assert_str_eq(arm.model, "future");
	ck_assert_str_eq(arm.tuning, "events=8,eager=yes");
	ck_assert_int_eq(arm.kind, ARM_BACKEND);
	ck_assert_str_eq(arm.name, arm.text);
	/* A tuning is passed on as it is, whatever is in it. */
	ck_assert_int_eq(arm_read("x:a/b:c", &arm, why, sizeof(why)), 0);
	ck_assert_str_eq(arm.backend, "x");
	ck_assert_str_eq(arm.tuning, "a/b:c");
}
END_TEST

START_TEST(the_loop_s_own_keys_are_not_the_backend_s)
{
	struct duet_loop_options options;
	struct arm arm;
	char why[128];

	ck_assert_int_eq(arm_read("polling:try=never,events=8,spin_us=50,burst=3,eager=yes", &arm,
				  why, sizeof(why)), 0);
	ck_assert_str_eq(arm.tuning, "events=8,eager=yes");
	duet_loop_options_init(&options);
	arm_tune(&arm, &options);
	ck_assert_uint_eq(options.try_first, DUET_TRY_NEVER);
	ck_assert_uint_eq(options.spin_ns, 50000);
	ck_assert_uint_eq(options.burst_max, 3);
	ck_assert_str_eq(options.tuning, "events=8,eager=yes");
	ck_assert_int_eq(arm_read("polling:spin_us=", &arm, why, sizeof(why)), -EINVAL);
	ck_assert_int_eq(arm_read("polling:spin_us=-1", &arm, why, sizeof(why)), -EINVAL);
	ck_assert_int_eq(arm_read("polling:burst=65536", &arm, why, sizeof(why)), -EINVAL);
}
END_TEST

START_TEST(an_arm_may_have_a_name_of_its_own)
{
	struct arm arm;
	char why[128];

	ck_assert_int_eq(arm_read("libuv=exec:./server --fast=yes {port}", &arm, why,
				  sizeof(why)), 0);
	ck_assert_str_eq(arm.name, "libuv");
	ck_assert_int_eq(arm.kind, ARM_EXTERNAL);
	ck_assert_str_eq(arm.command, "./server --fast=yes {port}");
	ck_assert_int_eq(arm_read("never=polling:try=never", &arm, why, sizeof(why)), 0);
	ck_assert_str_eq(arm.name, "never");
	ck_assert_int_eq(arm_read("Boost.Asio=exec:./server {port}", &arm, why, sizeof(why)), 0);
	ck_assert_str_eq(arm.name, "Boost.Asio");
	ck_assert_int_eq(arm.kind, ARM_EXTERNAL);
	ck_assert_int_eq(arm_read("never=polling:try=never", &arm, why, sizeof(why)), 0);
	ck_assert_str_eq(arm.backend, "polling");
	ck_assert_uint_eq(arm.try_first, 1);
	ck_assert_int_eq(arm_read("floor-uring", &arm, why, sizeof(why)), 0);
	ck_assert_int_eq(arm.kind, ARM_FLOOR);
}
END_TEST

START_TEST(what_is_wrong_with_a_long_command_is_said_to_the_end)
{
	static const char begins[] = "exec:", ends[] = "as in 'exec:./server {port}'";
	char text[ARM_TEXT_MAX], why[ARM_WHY_MAX];
	struct arm arm;

	memset(text, 'x', sizeof(text) - 1);
	text[sizeof(text) - 1] = 0;
	memcpy(text, begins, sizeof(begins) - 1);
	ck_assert_int_eq(arm_read(text, &arm, why, sizeof(why)), -EINVAL);
	ck_assert_str_eq(why + strlen(why) - strlen(ends), ends);
}
END_TEST

START_TEST(an_arm_without_a_backend_is_refused)
{
	struct arm arm;
	char why[128], text[ARM_TEXT_MAX + 1];

	ck_assert_int_eq(arm_read("", &arm, why, sizeof(why)), -EINVAL);
	ck_assert_int_eq(arm_read(":mode=plain", &arm, why, sizeof(why)), -EINVAL);
	memset(text, 'x', sizeof(text) - 1);
	text[sizeof(text) - 1] = 0;
	ck_assert_int_eq(arm_read(text, &arm, why, sizeof(why)), -EINVAL);
}
END_TEST

START_TEST(a_topic_is_an_operand_and_what_is_gone_says_what_to_type)
{
	struct values values;
	int first;

	ck_assert_int_eq(read_words(&values, &first, 2, "flag", "--flag"), OPTIONS_READ);
	ck_assert(values.flag);
	ck_assert_int_eq(first, 2);
	ck_assert_int_eq(read_words(&values, &first, 1, "--old"), SAY_USAGE);
	ck_assert_int_eq(read_words(&values, &first, 1, "--old=3"), SAY_USAGE);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("compare options");
	TCase *cases = tcase_create("options");
	SRunner *runner = srunner_create(suite);
	int failed;

	tcase_add_test(cases, a_topic_is_an_operand_and_what_is_gone_says_what_to_type);
	tcase_add_test(cases, every_kind_is_read_wherever_it_stands);
	tcase_add_test(cases, what_makes_no_sense_is_refused);
	tcase_add_test(cases, an_arm_is_backend_model_and_tuning);
	tcase_add_test(cases, the_loop_s_own_keys_are_not_the_backend_s);
	tcase_add_test(cases, an_arm_may_have_a_name_of_its_own);
	tcase_add_test(cases, what_is_wrong_with_a_long_command_is_said_to_the_end);
	tcase_add_test(cases, an_arm_without_a_backend_is_refused);
	suite_add_tcase(suite, cases);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed != 0;
}
