/* SPDX-FileCopyrightText: The Duet authors
 * SPDX-License-Identifier: MIT */

#include <check.h>

#include "compare/report/title.h"

static const struct {
	const char *cell, *title;
} CELLS[] = {
	{ "{\"workload\": \"echo\", \"parameters\": {\"connections\": 1, \"size_bytes\": 64, "
	  "\"depth\": 2}}", "echo, 1 connection, 64 bytes, depth 2" },
	{ "{\"workload\": \"echo\", \"parameters\": {\"connections\": 64, \"size_bytes\": 1, "
	  "\"rate_per_s\": 20000}}", "echo, 64 connections, 1 byte, rate 20000" },
	/* In a list of cells nothing else tells it from the one on bare loopback. */
	{ "{\"workload\": \"echo\", \"parameters\": {\"connections\": 4, \"size_bytes\": 64, "
	  "\"depth\": 1, \"delay_ns\": 1500000}}",
	  "echo, 4 connections, 64 bytes, depth 1, delay 1.5 ms" },
	{ "{\"workload\": \"http\", \"parameters\": {\"connections\": 64, \"size_bytes\": 1024, "
	  "\"depth\": 1}}", "http, 64 connections, 1024 bytes, depth 1" },
	{ "{\"workload\": \"kv\", \"parameters\": {\"connections\": 1, \"size_bytes\": 64, "
	  "\"depth\": 16}}", "kv, 1 connection, 64 bytes, depth 16" },
	{ "{\"workload\": \"udp\", \"parameters\": {\"connections\": 2, \"size_bytes\": 64}}",
	  "udp, 2 connections, 64 bytes" },
	{ "{\"workload\": \"file\", \"parameters\": {\"block_bytes\": 4096, \"depth\": 32, "
	  "\"direct\": true}}", "file, blocks of 4096 bytes, depth 32, direct" },
	{ "{\"workload\": \"rockets\", \"parameters\": {\"items\": 48, \"connections\": 1, "
	  "\"latency_ns\": 0}}", "rockets, 48 in the list, 1 connection" },
	{ "{\"workload\": \"rockets\", \"parameters\": {\"items\": 9, \"connections\": 16, "
	  "\"latency_ns\": 2500000}}", "rockets, 9 in the list, 16 connections, latency 2.5 ms" },
	{ "{\"workload\": \"cancel\", \"parameters\": {\"method\": \"scope\", \"operations\": 100, "
	  "\"pending\": 10000}}", "cancel by scope, 100 operations of 10000" },
	{ "{\"workload\": \"cancel\", \"parameters\": {\"method\": \"deadline\", \"operations\": 500, "
	  "\"pending\": 500, \"storm\": true}}", "cancel by deadline, 500 operations, storm" },
	{ "{\"workload\": \"cancel\", \"parameters\": {\"method\": \"never\", \"operations\": 1, "
	  "\"pending\": 20}}", "cancel, never: 20 pending, each answered" },
	{ "{}", "?, blocks of 0 bytes, depth 0" },
};

START_TEST(a_cell_is_called_by_all_that_tells_it_from_others)
{
	json_t *cell = json_loads(CELLS[_i].cell, 0, NULL);
	char title[128];

	ck_assert_ptr_nonnull(cell);
	title_cell(cell, title, sizeof(title));
	ck_assert_str_eq(title, CELLS[_i].title);
	title_cell(cell, title, 8);
	ck_assert_int_eq(title[7], 0);
	json_decref(cell);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("compare title");
	TCase *cases = tcase_create("title");
	SRunner *runner = srunner_create(suite);
	int failed;

	tcase_add_loop_test(cases, a_cell_is_called_by_all_that_tells_it_from_others, 0,
			    sizeof(CELLS) / sizeof(*CELLS));
	suite_add_tcase(suite, cases);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed != 0;
}
