/* SPDX-FileCopyrightText: The Duet authors */
/* SPDX-License-Identifier: MIT */
#include <check.h>
#include <string.h>

#include "reference/twins/campaign.h"

/* Scripts that the twins' player has found trouble with, each as short as it could be made. */

static const struct {
	const char *was;
	const char *text;
} scripts[] = {
	{ "the end of a follower issued a starved receive a second time",
		"duet-script 1\nracy\nconnection c0 tcp\npool p0 2 128\n"
		"start 7 send c0a 796 whole\nstart 8 recv c0b pool p0 multishot\n"
		"start 15 recv c0b 9606 whole deadline 300\n" },
	{ "a member of a gather in the kernel's hands was ended as untouched",
		"duet-script 1\nracy\nconnection c1 tcp small\n"
		"start 12 send c1a 2736\nstart 13 send c1a 200000 whole\nturn 1\n"
		"start 23 close c1a\n" },
	{ "a poll for room was ended by the end of the stream, with no event",
		"duet-script 1\nracy\nconnection c0 unix small\n"
		"start 5 shutdown c0a\nstart 7 send c0b 200000 whole\nstart 8 poll c0b out\n" },
	{ "a receive's bytes came before the end of the one in front of it",
		"duet-script 1\nracy\nconnection c1 unix\npool p0 1 64\n"
		"start 0 send c1b 374\nstart 1 recv c1a 14725 whole\ncancel 1 after 0\n"
		"start 2 recv c1a pool p0 multishot\n" },
	{ "a multishot receive that polls first never heard of the end behind the bytes",
		"duet-script 1\ncalm\nconnection c0 unix\npool p0 8 512\n"
		"start 2 send c0b 45\nstart 6 shutdown c0b\nsettle\n"
		"start 8 recv c0a pool p0 multishot\n" },
	{ "a cancel for which there was no room twice was no legal move",
		"duet-script 1\nseed 499\nracy\nlistener l0 unix\n"
		"start 0 accept l0\nstart 1 accept l0\ncancel 0\ncancel 1\nturn 3\n" },
};

START_TEST(what_was_found_stays_away)
{
	char complaint[200] = "";
	static struct script script;
	FILE *in = fmemopen((void *)scripts[_i].text, strlen(scripts[_i].text), "r");
	struct finding finding;
	struct cast cast;

	ck_assert_msg(!script_read(&script, in, complaint, sizeof(complaint)), "%s", complaint);
	fclose(in);
	campaign_cast(&cast);
	/* Another seed is another course of events on the reference. */
	for (script.seed = 1; script.seed <= 20; script.seed++) {
		examine(&script, &cast, &finding);
		ck_assert_msg(!finding.found, "%s: %s", scripts[_i].was, finding.text);
	}
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("scripts");
	TCase *cases = tcase_create("found");
	SRunner *runner = srunner_create(suite);
	int failed;

	suite_add_tcase(suite, cases);
	tcase_add_loop_test(cases, what_was_found_stays_away, 0,
		sizeof(scripts) / sizeof(scripts[0]));
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed != 0;
}
