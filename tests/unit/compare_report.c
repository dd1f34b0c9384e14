/* SPDX-FileCopyrightText: The Duet authors
 * SPDX-License-Identifier: MIT */

/* From rounds to statements, to a file and back, and to a table of 80 columns or fewer. */
#include <check.h>
#include <fcntl.h>
#include <jansson.h>
#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "compare/report/conclude.h"
#include "compare/report/environment.h"
#include "compare/report/slot.h"
#include "compare/report/store.h"
#include "compare/report/text.h"
#include "compare/say.h"

enum { ROUNDS = 15 };

/* An arm that takes cpu_ns an operation, 1000 operations in a millisecond: few enough that p99.9
 * isn't shown. */
static json_t *make_slot(int arm, double cpu_ns, json_int_t wait_ns)
{
	return json_pack("{s:i, s:i, s:i, s:i, s:I, s:i, s:{s:f, s:f, s:n}, s:{s:i, s:i, s:i, s:f, "
			 "s:i}, s:{s:I, s:i, s:I, s:i, s:i}}", "arm", arm, "operations", 1000,
			 "operations_total", 2000, "elapsed_ns", 1000000, "cpu_ns",
			 (json_int_t)(cpu_ns * 1000), "load_cpu_ns", 500000, "latency", "p50_ns",
			 10 * cpu_ns, "p99_ns", 20 * cpu_ns, "p999_ns", "counters", "system_calls",
			 4000, "ended", 2000, "waits", 500, "lent_byte_seconds", 0.5, "life_ns",
			 1000000000, "noise", "wait_ns", wait_ns, "steal_ns", 0, "others_cpu_ns",
			 (json_int_t)1000000, "voluntary_switches", 30, "involuntary_switches", 20);
}

static json_t *make_cell(double b_cpu_ns, json_int_t wait_ns, int rounds)
{
	json_t *list = json_array();

	for (int i = 0; i < rounds; i++) {
		double wobble = 1 + 0.001 * ((i * 7) % 15 - 7);
		json_t *round = json_pack("{s:i, s:b, s:[o, o, o]}", "round", i, "kept", 1, "slots",
					  make_slot(0, 2000 * wobble, wait_ns),
					  make_slot(1, b_cpu_ns, 0), make_slot(0, 2000, 0));
		const char *cause = conclude_disturbance(round);

		json_object_set_new(round, "disturbed_by",
				    cause ? json_string(cause) : json_null());
		json_array_append_new(list, round);
	}
	return json_pack("{s:s, s:{s:i, s:i, s:i}, s:I, s:[{s:s, s:s}, {s:s, s:s}], s:o, s:b}",
			 "workload", "echo", "parameters", "connections", 64, "size_bytes", 64,
			 "depth", 1, "duration_ns",
			 (json_int_t)1000000, "arms", "name", "completion", "shape",
			 "single issuer, deferred task work", "name", "polling", "shape", "edge",
			 "rounds", list, "correct", 1);
}

static const json_t *comparison_of(const json_t *cell, size_t metric)
{
	const json_t *one = json_array_get(json_object_get(cell, "metrics"), metric);

	return json_array_get(json_object_get(one, "comparisons"), 0);
}

static const char *verdict_of(const json_t *cell, size_t metric)
{
	return json_string_value(json_object_get(comparison_of(cell, metric), "verdict"));
}

START_TEST(a_difference_is_concluded_with_its_ratio)
{
	json_t *cell = make_cell(4000, 0, ROUNDS);
	double ratio;

	conclude_cell(cell);
	ratio = json_number_value(json_object_get(comparison_of(cell, 0), "ratio"));
	ck_assert_double_eq_tol(ratio, 0.5, 1e-3);
	ck_assert_str_eq(verdict_of(cell, 0), "a lower");       /* CPU */
	ck_assert_str_eq(verdict_of(cell, 1), "a lower");       /* median latency */
	ck_assert_str_eq(verdict_of(cell, 2), "no difference shown"); /* throughput */
	ck_assert_str_eq(verdict_of(cell, 4), "not measured");  /* p99.9 */
	json_decref(cell);
}
END_TEST

START_TEST(noise_takes_the_wall_clock_s_verdicts_and_leaves_the_others)
{
	json_t *cell = make_cell(4000, 900000, ROUNDS);

	conclude_cell(cell);
	ck_assert_str_eq(verdict_of(cell, 0), "a lower");
	ck_assert_str_eq(verdict_of(cell, 1), "a lower");
	ck_assert_str_eq(verdict_of(cell, 2), "too noisy");
	ck_assert_str_eq(verdict_of(cell, 3), "too noisy");
	ck_assert_int_eq(json_integer_value(json_object_get(json_object_get(cell, "noise"),
							    "rounds_disturbed")), ROUNDS);
	json_decref(cell);
}
END_TEST

START_TEST(a_round_that_was_repeated_does_not_count)
{
	json_t *cell = make_cell(4000, 0, 8);
	json_t *rounds = json_object_get(cell, "rounds");

	for (size_t i = 0; i < 3; i++)
		json_object_set_new(json_array_get(rounds, i), "kept", json_false());
	conclude_cell(cell);
	ck_assert_str_eq(verdict_of(cell, 0), "too few rounds");
	json_decref(cell);
}
END_TEST

/* Makes some rounds unable to show p99, as if b had been put aside in them. */
static json_t *make_halting_cell(int halts)
{
	json_t *cell = make_cell(4000, 0, ROUNDS), *rounds = json_object_get(cell, "rounds");

	for (int i = 0; i < halts; i++) {
		json_t *round = json_array_get(rounds, (size_t)i);
		json_t *slot = json_array_get(json_object_get(round, "slots"), 1);

		json_object_set_new(json_object_get(slot, "latency"), "p99_ns", json_null());
		if (i % 2)
			json_object_set_new(round, "disturbed_by", json_string("a neighbour"));
	}
	conclude_cell(cell);
	return cell;
}

static char *print(const json_t *cell)
{
	size_t length;
	char *text = NULL;
	FILE *out = open_memstream(&text, &length);

	text_cell(cell, out);
	fclose(out);
	return text;
}

START_TEST(rounds_that_cannot_show_a_metric_are_left_out_of_it)
{
	json_t *cell = make_halting_cell(3);
	const json_t *p99 = comparison_of(cell, 3);
	char *text = print(cell);

	ck_assert_str_eq(verdict_of(cell, 3), "a lower");
	ck_assert_int_eq(json_integer_value(json_object_get(p99, "rounds")), ROUNDS - 3);
	ck_assert_int_eq(json_integer_value(json_object_get(p99, "rounds_left_out")), 3);
	ck_assert_str_eq(json_string_value(json_object_get(p99, "left_out_disturbed_by")),
			 "a neighbour");
	ck_assert_int_eq(json_integer_value(json_object_get(comparison_of(cell, 0), "rounds")),
			 ROUNDS);
	ck_assert_ptr_nonnull(strstr(text, "(3 of 15 rounds left out: too few operations in them; a "
				     "neighbour)"));
	free(text);
	json_decref(cell);
}
END_TEST

START_TEST(where_fewer_than_six_rounds_remain_nothing_was_measured)
{
	for (int halts = ROUNDS - 6; halts <= ROUNDS; halts++) {
		json_t *cell = make_halting_cell(halts);
		bool enough = halts == ROUNDS - 6;
		const json_t *p99 = json_array_get(json_object_get(cell, "metrics"), 3);
		const json_t *medians = json_object_get(p99, "medians");
		char *text = print(cell);

		ck_assert_str_eq(verdict_of(cell, 3), enough ? "a lower" : "not measured");
		ck_assert(json_is_number(json_array_get(medians, 0)));
		ck_assert(json_is_number(json_array_get(medians, 1)) == enough);
		if (halts == 12)
			ck_assert_ptr_nonnull(strstr(text, "p99 latency: not measured (too few operations "
						     "in 12 of 15 rounds;"));
		free(text);
		json_decref(cell);
	}
}
END_TEST

static void set_speed(json_t *cell, size_t round, size_t slot, int cpu_ns)
{
	json_t *slots = json_object_get(json_array_get(json_object_get(cell, "rounds"), round),
					"slots");

	json_object_set_new(json_array_get(slots, slot), "cpu_ns", json_integer(cpu_ns * 1000));
}

/* Two speeds: six rounds at one, six at the other, and three in which only b was fast. The ratio of
 * most rounds is 1, and yet a's median is slow and b's is fast. */
START_TEST(medians_that_belie_the_ratio_are_marked)
{
	json_t *cell = make_cell(2000, 0, ROUNDS);
	const json_t *medians;
	char *text;

	for (size_t round = 0; round < ROUNDS; round++) {
		set_speed(cell, round, 0, round < 9 ? 2500 : 2000);
		set_speed(cell, round, 1, round < 6 ? 2500 : 2000);
		set_speed(cell, round, 2, round < 9 ? 2500 : 2000);
	}
	conclude_cell(cell);
	medians = json_object_get(json_array_get(json_object_get(cell, "metrics"), 0), "medians");
	ck_assert_double_eq_tol(json_number_value(json_array_get(medians, 0)), 2500, 1e-6);
	ck_assert_double_eq_tol(json_number_value(json_array_get(medians, 1)), 2000, 1e-6);
	ck_assert_double_eq_tol(json_number_value(json_object_get(comparison_of(cell, 0), "ratio")),
				1, 1e-6);
	text = print(cell);
	ck_assert_ptr_nonnull(strstr(text, "(speeds changed during the run)"));
	free(text);
	json_decref(cell);
}
END_TEST

/* The two plays of a differ and b stands with their mean: as the ratio has it, so has the median. */
START_TEST(a_median_is_that_of_the_rounds_figures)
{
	json_t *cell = make_cell(2000, 0, ROUNDS);
	const json_t *medians;
	char *text;

	for (size_t round = 0; round < ROUNDS; round++) {
		set_speed(cell, round, 0, 1000);
		set_speed(cell, round, 2, 4000);
	}
	conclude_cell(cell);
	medians = json_object_get(json_array_get(json_object_get(cell, "metrics"), 0), "medians");
	ck_assert_double_eq_tol(json_number_value(json_array_get(medians, 0)), 2000, 1e-6);
	text = print(cell);
	ck_assert_ptr_null(strstr(text, "speeds changed"));
	free(text);
	json_decref(cell);
}
END_TEST

START_TEST(counters_are_given_per_operation)
{
	json_t *cell = make_cell(4000, 0, ROUNDS), *counters, *calls;

	conclude_cell(cell);
	counters = json_object_get(cell, "counters");
	calls = json_object_get(json_array_get(counters, 0), "medians");
	ck_assert_double_eq(json_number_value(json_array_get(calls, 1)), 2.0);
	json_decref(cell);
}
END_TEST

/* All that is stored is enough to have it again. */
START_TEST(a_histogram_survives_the_journey)
{
	struct histogram *before = calloc(1, sizeof(*before)), *after = calloc(1, sizeof(*after));
	json_t *json, *pair;
	size_t k;

	for (uint64_t i = 1; i < 5000; i++)
		histogram_record(before, i * i);
	json = slot_histogram_json(before);
	after->count = (uint64_t)json_integer_value(json_object_get(json, "count"));
	after->min = (uint64_t)json_integer_value(json_object_get(json, "min_ns"));
	after->max = (uint64_t)json_integer_value(json_object_get(json, "max_ns"));
	json_array_foreach(json_object_get(json, "buckets"), k, pair) {
		json_int_t lower = json_integer_value(json_array_get(pair, 0));

		after->buckets[histogram_index((uint64_t)lower)] =
			(uint64_t)json_integer_value(json_array_get(pair, 1));
	}
	ck_assert_mem_eq(before, after, sizeof(*before));
	json_decref(json);
	free(before);
	free(after);
}
END_TEST

static json_t *make_result(void)
{
	json_t *cell = make_cell(4000, 0, ROUNDS);

	conclude_cell(cell);
	return json_pack("{s:i, s:o, s:{s:s}, s:o, s:[o], s:b}", "schema", STORE_SCHEMA, "tool",
			 environment_tool_json(), "run", "repeat", "duet compare --seed 1",
			 "environment", environment_json(), "cells", cell, "complete", 0);
}

/* The whole report of a result, at a width. */
static char *render(const json_t *result, const char *columns)
{
	char *text = NULL;
	size_t length;
	FILE *out = open_memstream(&text, &length);

	ck_assert_int_eq(setenv("COLUMNS", columns, 1), 0);
	text_head(result, out);
	text_cell(json_array_get(json_object_get(result, "cells"), 0), out);
	text_foot(result, out);
	fclose(out);
	unsetenv("COLUMNS");
	return text;
}

static const struct {
	const char *columns;
	size_t width;
} WIDTHS[] = { { "80", 80 }, { "200", 80 }, { "60", 60 }, { "40", 40 }, { "10", 40 }, { "x", 80 } };

START_TEST(the_table_fits_its_columns_and_has_no_control_characters)
{
	json_t *result = make_result();
	char *text = render(result, WIDTHS[_i].columns), *line;

	ck_assert_ptr_nonnull(strstr(text, "a lower"));
	ck_assert_ptr_nonnull(strstr(text, "not measured"));
	ck_assert_ptr_nonnull(strstr(text, "Incomplete"));
	for (line = strtok(text, "\n"); line; line = strtok(NULL, "\n")) {
		ck_assert_msg(strlen(line) <= WIDTHS[_i].width, "too long: %s", line);
		ck_assert_msg(line[strlen(line) - 1] != ' ', "ends with a blank: %s", line);
		ck_assert_ptr_null(strchr(line, '\033'));
	}
	free(text);
	json_decref(result);
}
END_TEST

/* Blanks and line ends apart, the narrow table says the same figures. */
START_TEST(no_figure_is_lost_or_cut_on_40_columns)
{
	static const char *const FIGURES[] = {
		"4.00 us", "2.00 us", "0.500  [0.499, 0.501]", "a against itself: within 0.4 %",
		"a 2.000  b 2.000", "a 0.5000  b 0.5000", "a 0.0500  b 0.0500",
	};
	json_t *result = make_result();
	char *text = render(result, "40");

	for (size_t i = 0; i < sizeof(FIGURES) / sizeof(*FIGURES); i++)
		ck_assert_msg(strstr(text, FIGURES[i]) != NULL, "no %s in:\n%s", FIGURES[i], text);
	free(text);
	json_decref(result);
}
END_TEST

START_TEST(five_arms_fit_40_columns)
{
	json_t *result = make_result(), *cell = json_array_get(json_object_get(result, "cells"), 0);
	json_t *counter = json_array_get(json_object_get(cell, "counters"), 0);
	char *text, *line;

	json_object_set_new(counter, "medians", json_pack("[f, f, f, f, f]", 0.1234, 12345678.0,
							  0.1234, 12345678.0, 0.1234));
	text = render(result, "40");
	ck_assert_ptr_nonnull(strstr(text, "a 0.1234  b 1.23e+07  c 0.1234\n    d 1.23e+07  e "));
	for (line = strtok(text, "\n"); line; line = strtok(NULL, "\n"))
		ck_assert_msg(strlen(line) <= 40, "too long: %s", line);
	free(text);
	json_decref(result);
}
END_TEST

static char path[256];

static void name_file(void)
{
	const char *folder = getenv("TMPDIR");

	snprintf(path, sizeof(path), "%s/duet-report-%d.json", folder ? folder : "/tmp",
		 (int)getpid());
}

static void remove_file(void)
{
	unlink(path);
}

static void write_text(const char *text)
{
	FILE *file = fopen(path, "w");

	ck_assert_ptr_nonnull(file);
	fputs(text, file);
	fclose(file);
}

START_TEST(what_was_written_is_read_back)
{
	json_t *result = make_result(), *again;

	ck_assert_int_eq(store_write(result, path), SAY_OK);
	ck_assert_int_eq(store_read(path, &again), SAY_OK);
	ck_assert(json_equal(json_object_get(result, "run"), json_object_get(again, "run")));
	json_decref(result);
	json_decref(again);
}
END_TEST

START_TEST(truncated_foreign_and_future_files_are_refused)
{
	static const char *const TEXTS[] = {
		"", "{\"schema\": 1, \"cells\": [", "[1, 2]", "42", "{\"a\": 1}",
		"{\"schema\": \"1\", \"cells\": []}", "{\"schema\": 2, \"cells\": [], \"run\": {}}",
		"{\"schema\": 1, \"cells\": [], \"run\": {}}",
		"{\"schema\": 1}", "{\"schema\": 1, \"cells\": {}}", ("\x7f" "ELF"),
	};
	json_t *json;

	for (size_t i = 0; i < sizeof(TEXTS) / sizeof(*TEXTS); i++) {
		write_text(TEXTS[i]);
		ck_assert_msg(store_read(path, &json) == SAY_USAGE, "taken: %s", TEXTS[i]);
		ck_assert_ptr_null(json);
	}
	ck_assert_int_eq(store_read("/nonexistent/x", &json), SAY_USAGE);
	ck_assert_int_eq(store_read("/", &json), SAY_USAGE);
}
END_TEST

/* How a cell begins that show takes. */
#define PARAMETERS "\"connections\": 1, \"size_bytes\": 1, \"depth\": 1"
#define ECHO "\"workload\": \"echo\", \"parameters\": {" PARAMETERS "}, \"rounds\": [], "

/* What is missing or of another type inside a result must not bring the table down. */
START_TEST(a_result_with_odd_contents_is_still_printed)
{
	static const char TEXT[] =
		"{\"schema\": 1, \"run\": {}, \"cells\": [{" ECHO "\"arms\": [{}]}, {" ECHO
		"\"arms\": [{}, 2], \"metrics\": [{\"medians\": [{}, true], \"comparisons\":"
		"[{\"a\": 0, \"b\": 1, \"verdict\": \"too noisy\"}]}],"
		"\"counters\": [{\"medians\": [null, \"x\"]}]}]}";
	FILE *out = fopen("/dev/null", "w");
	json_t *json, *cell;
	size_t i;

	write_text(TEXT);
	ck_assert_int_eq(store_read(path, &json), SAY_OK);
	text_head(json, out);
	json_array_foreach(json_object_get(json, "cells"), i, cell)
		text_cell(cell, out);
	text_foot(json, out);
	fclose(out);
	json_decref(json);
}
END_TEST

#define ARMS ECHO "\"arms\": [{}, {}], \"metrics\": [{\"medians\": [1, 2], \"comparisons\": "

START_TEST(a_cell_that_compare_cannot_have_written_is_refused)
{
	static const char *const CELLS[] = {
		"1", "{}", "{" ECHO "\"arms\": []}", "{" ECHO "\"arms\": [1, 2, 3, 4, 5, 6]}",
		"{\"arms\": [{}], \"rounds\": [], \"parameters\": {" PARAMETERS "}}",
		"{\"arms\": [{}], \"rounds\": [], \"workload\": \"opera\", \"parameters\": {"
			PARAMETERS "}}",
		"{\"arms\": [{}], \"rounds\": [], \"workload\": \"echo\"}",
		"{\"arms\": [{}], \"rounds\": [], \"workload\": \"file\", \"parameters\": {"
			"\"block_bytes\": 4096, \"depth\": 1e9}}",
		"{\"arms\": [{}], \"rounds\": [], \"workload\": \"file\", \"parameters\": {"
			"\"block_bytes\": 4294967296, \"depth\": 1}}",
		"{\"arms\": [{}], \"workload\": \"echo\", \"parameters\": {" PARAMETERS "}}",
		"{" ARMS "[]}]}", "{" ARMS "[{\"a\": 0, \"b\": 2, \"verdict\": \"b lower\"}]}]}",
		"{" ARMS "[{\"a\": -1, \"b\": 1, \"verdict\": \"a lower\"}]}]}",
		"{" ARMS "[{\"a\": 0, \"b\": 1, \"verdict\": \"much lower\"}]}]}",
		"{" ARMS "[{\"a\": 0, \"b\": 1}]}]}",
		"{" ECHO "\"arms\": [{}, {}], \"counters\": [{\"medians\": [1, 2, 3]}]}",
	};
	char text[1024];
	json_t *json;

	for (size_t i = 0; i < sizeof(CELLS) / sizeof(*CELLS); i++) {
		snprintf(text, sizeof(text), "{\"schema\": 1, \"run\": {}, \"cells\": [%s]}",
			 CELLS[i]);
		write_text(text);
		ck_assert_msg(store_read(path, &json) == SAY_USAGE, "taken: %s", CELLS[i]);
	}
}
END_TEST

/* Every number and every word of a table, replaced by what no machine can have measured. */
static void exaggerate(json_t *json, double number)
{
	const char *key;
	json_t *value;
	size_t i;
	void *next;

	json_array_foreach(json, i, value) {
		if (json_is_real(value))
			json_array_set_new(json, i, json_real(number));
		exaggerate(value, number);
	}
	json_object_foreach_safe(json, next, key, value) {
		if (json_is_real(value) || !strcmp(key, "duration_ns"))
			json_object_set_new(json, key, json_real(number));
		if (!strcmp(key, "title") || !strcmp(key, "better") || !strcmp(key, "cpu_model"))
			json_object_set_new(json, key, json_sprintf("%0500d", 7));
		exaggerate(value, number);
	}
}

START_TEST(absurd_figures_take_no_more_room_than_others)
{
	static const double NUMBERS[] = { 1e300, -1e300, 1e6, 999999.4 };
	json_t *result = make_result();
	char *text = NULL, *line;
	size_t length;
	FILE *out = open_memstream(&text, &length);

	exaggerate(result, NUMBERS[_i]);
	text_whole(result, out);
	fclose(out);
	for (line = strtok(text, "\n"); line; line = strtok(NULL, "\n"))
		ck_assert_msg(strlen(line) <= 110, "too long: %s", line);
	free(text);
	json_decref(result);
}
END_TEST

START_TEST(text_that_is_no_utf8_is_stored_all_the_same)
{
	json_t *plain = store_string("caf\xc3\xa9"), *broken = store_string("caf\xe9.bin");

	ck_assert_str_eq(json_string_value(plain), "caf\xc3\xa9");
	ck_assert_str_eq(json_string_value(broken), "caf?.bin");
	json_decref(plain);
	json_decref(broken);
}
END_TEST

START_TEST(control_characters_never_reach_the_terminal)
{
	json_t *json;

	write_text("{\"schema\": 1, \"cells\": [{" ECHO "\"arms\": [{}]}], \"run\": {\"repeat\": "
		   "\"a\\u001b[2J\\u0007b\\u009bc\\u007f\\u00e9\"}}");
	ck_assert_int_eq(store_read(path, &json), SAY_OK);
	ck_assert_str_eq(json_string_value(json_object_get(json_object_get(json, "run"), "repeat")),
			 "a?[2J?b??c?\xc3\xa9");
	json_decref(json);
}
END_TEST

START_TEST(a_full_disk_leaves_the_old_file_and_nothing_else)
{
	struct rlimit limit, before;
	json_t *result = make_result();
	struct stat what;
	char beside[300];
	int code;

	write_text("old");
	signal(SIGXFSZ, SIG_IGN);
	getrlimit(RLIMIT_FSIZE, &before);
	limit = before;
	limit.rlim_cur = 100;
	setrlimit(RLIMIT_FSIZE, &limit); /* no assertion until it is lifted: they write, too */
	code = store_write(result, path);
	setrlimit(RLIMIT_FSIZE, &before);
	ck_assert_int_eq(code, SAY_UNMEASURED);
	ck_assert_int_eq(stat(path, &what), 0);
	ck_assert_int_eq(what.st_size, 3);
	snprintf(beside, sizeof(beside), "%s.%d.part", path, (int)getpid());
	ck_assert_int_ne(stat(beside, &what), 0);
	ck_assert_int_eq(store_write(result, "/dev/full"), SAY_UNMEASURED);
	ck_assert_int_eq(store_write(result, "/nonexistent/x.json"), SAY_UNMEASURED);
	json_decref(result);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("compare report");
	TCase *cases = tcase_create("report");
	SRunner *runner = srunner_create(suite);
	int failed;

	tcase_add_checked_fixture(cases, name_file, remove_file);
	tcase_add_test(cases, a_difference_is_concluded_with_its_ratio);
	tcase_add_test(cases, noise_takes_the_wall_clock_s_verdicts_and_leaves_the_others);
	tcase_add_test(cases, a_round_that_was_repeated_does_not_count);
	tcase_add_test(cases, rounds_that_cannot_show_a_metric_are_left_out_of_it);
	tcase_add_test(cases, where_fewer_than_six_rounds_remain_nothing_was_measured);
	tcase_add_test(cases, medians_that_belie_the_ratio_are_marked);
	tcase_add_test(cases, a_median_is_that_of_the_rounds_figures);
	tcase_add_test(cases, counters_are_given_per_operation);
	tcase_add_test(cases, a_histogram_survives_the_journey);
	tcase_add_loop_test(cases, the_table_fits_its_columns_and_has_no_control_characters, 0,
			    sizeof(WIDTHS) / sizeof(*WIDTHS));
	tcase_add_test(cases, no_figure_is_lost_or_cut_on_40_columns);
	tcase_add_test(cases, five_arms_fit_40_columns);
	tcase_add_test(cases, what_was_written_is_read_back);
	tcase_add_test(cases, truncated_foreign_and_future_files_are_refused);
	tcase_add_test(cases, a_result_with_odd_contents_is_still_printed);
	tcase_add_test(cases, a_cell_that_compare_cannot_have_written_is_refused);
	tcase_add_loop_test(cases, absurd_figures_take_no_more_room_than_others, 0, 4);
	tcase_add_test(cases, text_that_is_no_utf8_is_stored_all_the_same);
	tcase_add_test(cases, control_characters_never_reach_the_terminal);
	tcase_add_test(cases, a_full_disk_leaves_the_old_file_and_nothing_else);
	suite_add_tcase(suite, cases);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed != 0;
}
