/* SPDX-FileCopyrightText: The Duet authors
 * SPDX-License-Identifier: MIT */

/* The program in docs/measuring.md, which knows nothing of ours but the JSON, comes to the verdicts
 * that are stored there. */
#include <jansson.h>
#include <stdbool.h>

#include "tests/fault/program.h"

#define MEASURING "docs/measuring.md"

static char script[256], result[256];

static void name_files(void)
{
	const char *folder = getenv("TMPDIR");

	folder = folder ? folder : "/tmp";
	snprintf(script, sizeof(script), "%s/duet-measuring-%d.py", folder, (int)getpid());
	snprintf(result, sizeof(result), "%s/duet-measuring-%d.json", folder, (int)getpid());
}

static void remove_files(void)
{
	unlink(script);
	unlink(result);
}

static void cut_script_out(void)
{
	FILE *page = fopen(MEASURING, "re"), *file = fopen(script, "we");
	bool inside = false;
	int lines = 0;
	char line[512];

	ck_assert_msg(page && file, "%s or %s can't be opened", MEASURING, script);
	while (fgets(line, sizeof(line), page)) {
		if (!strncmp(line, "```", 3)) {
			inside = !strcmp(line, "```python\n");
			continue;
		}
		if (inside && fputs(line, file) >= 0)
			lines++;
	}
	fclose(page);
	ck_assert_int_eq(fclose(file), 0);
	ck_assert_int_gt(lines, 0);
}

static void compare(const char *workload)
{
	struct program *program = calloc(1, sizeof(*program));

	program_begin(program, NULL, "compare %s --rounds 6 --warmup 0.01 --duration 0.05 "
		      "--repeats 0 --quiet --json %s", workload, result);
	program_end(program);
	ck_assert_msg(program->code == 0, "%s", program->complained);
	free(program);
}

static double number(const json_t *comparison, const char *key)
{
	return json_number_value(json_object_get(comparison, key));
}

/* What the script should print of one stored verdict. */
static void format_line(const json_t *cell, const json_t *metric, const json_t *comparison,
			char *line, size_t size)
{
	char numbers[64] = "";

	if (json_object_get(comparison, "ratio_low"))
		snprintf(numbers, sizeof(numbers), "  %.3f [%.3f, %.3f]",
			 number(comparison, "ratio"), number(comparison, "ratio_low"),
			 number(comparison, "ratio_high"));
	snprintf(line, size, "%s %s a / %c: %s%s\n",
		 json_string_value(json_object_get(cell, "workload")),
		 json_string_value(json_object_get(metric, "key")),
		 'a' + (int)json_integer_value(json_object_get(comparison, "b")),
		 json_string_value(json_object_get(comparison, "verdict")), numbers);
}

static void expect_lines(const json_t *cell, const char *said)
{
	json_t *metric, *comparison;
	char line[256];
	size_t i, k;

	json_array_foreach(json_object_get(cell, "metrics"), i, metric) {
		json_array_foreach(json_object_get(metric, "comparisons"), k, comparison) {
			format_line(cell, metric, comparison, line, sizeof(line));
			ck_assert_msg(strstr(said, line) != NULL, "no line %sin\n%s", line, said);
		}
	}
}

static const char *const WORKLOADS[] = { "echo --connections 8", "file --depth 8",
					 "cells --connections 2" };

START_TEST(the_stored_rounds_give_the_stored_verdicts)
{
	char said[8192], command[600];
	json_t *json;
	FILE *python;

	cut_script_out();
	compare(WORKLOADS[_i]);
	snprintf(command, sizeof(command), "python3 '%s' '%s' 2>&1", script, result);
	python = popen(command, "re");
	ck_assert_ptr_nonnull(python);
	said[fread(said, 1, sizeof(said) - 1, python)] = 0;
	ck_assert_msg(pclose(python) == 0, "%s", said);
	json = json_load_file(result, 0, NULL);
	ck_assert_ptr_nonnull(json);
	expect_lines(json_array_get(json_object_get(json, "cells"), 0), said);
	json_decref(json);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("program measuring");
	TCase *cases = tcase_create("measuring");
	SRunner *runner = srunner_create(suite);
	int failed;

	tcase_set_timeout(cases, 60);
	tcase_add_checked_fixture(cases, name_files, remove_files);
	tcase_add_loop_test(cases, the_stored_rounds_give_the_stored_verdicts, 0,
			    sizeof(WORKLOADS) / sizeof(*WORKLOADS));
	suite_add_tcase(suite, cases);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed != 0;
}
