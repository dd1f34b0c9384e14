/* SPDX-FileCopyrightText: The Duet authors
 * SPDX-License-Identifier: MIT */

/* Whom the load connects to: no other port than the one that was written. */
#include <check.h>

#include "compare/load/address.h"

START_TEST(host_and_port_are_read_and_shown)
{
	static const char *const ROWS[][4] = {
		{ "127.0.0.1:80", "127.0.0.1", "80", "127.0.0.1:80" },
		{ "localhost:65535", "localhost", "65535", "localhost:65535" },
		{ "7777", "127.0.0.1", "7777", "127.0.0.1:7777" },
		{ "[::1]:007", "::1", "7", "[::1]:7" },
	};
	const char *const *row = ROWS[_i];
	struct address address;

	ck_assert_int_eq(address_read(row[0], &address), 0);
	ck_assert_str_eq(address.host, row[1]);
	ck_assert_str_eq(address.port, row[2]);
	ck_assert_str_eq(address.shown, row[3]);
}
END_TEST

START_TEST(what_names_no_port_is_refused)
{
	static const char *const WORDS[] = {
		"", ":", ":80", "localhost", "localhost:", "localhost:0", "127.0.0.1:73337",
		"127.0.0.1:99999999999999999999999", "127.0.0.1:http", "127.0.0.1:+80",
		"127.0.0.1: 80", "127.0.0.1:80x", "::1", "::1:80", "[]:80", "[::1]", "[::1:80",
	};
	struct address address;

	for (unsigned int i = 0; i < sizeof(WORDS) / sizeof(*WORDS); i++)
		ck_assert_msg(address_read(WORDS[i], &address) < 0, "'%s' was taken", WORDS[i]);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("compare address");
	TCase *cases = tcase_create("address");
	SRunner *runner = srunner_create(suite);
	int failed;

	tcase_add_loop_test(cases, host_and_port_are_read_and_shown, 0, 4);
	tcase_add_test(cases, what_names_no_port_is_refused);
	suite_add_tcase(suite, cases);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed != 0;
}
