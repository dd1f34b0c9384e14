/* SPDX-FileCopyrightText: The Duet authors */
/* SPDX-License-Identifier: MIT */
#include <check.h>
#include <duet/operation.h>
#include <stdlib.h>
#include <string.h>

#include "reference/script.h"
#include "reference/trace.h"
#include "reference/twins/generate.h"

static int read_text(const char *text, struct script *script, char *complaint, size_t size)
{
	FILE *in = fmemopen((void *)text, strlen(text), "r");
	int error = script_read(script, in, complaint, size);

	fclose(in);
	return error;
}

START_TEST(what_is_written_is_read_back)
{
	for (uint64_t seed = 1; seed <= 300; seed++) {
		static struct script first, second;
		char complaint[200] = "", *text[2];
		size_t size;
		FILE *out = open_memstream(&text[0], &size);

		generate(&first, seed);
		script_write(&first, out);
		fclose(out);
		ck_assert_msg(!read_text(text[0], &second, complaint, sizeof(complaint)),
			"seed %d: %s", (int)seed, complaint);
		out = open_memstream(&text[1], &size);
		script_write(&second, out);
		fclose(out);
		ck_assert_str_eq(text[0], text[1]);
		free(text[0]);
		free(text[1]);
	}
}
END_TEST

START_TEST(a_seed_gives_the_same_script_each_time)
{
	static struct script first, second;

	generate(&first, 4711);
	generate(&second, 4711);
	ck_assert_int_eq(memcmp(&first, &second, sizeof(first)), 0);
	generate(&second, 4712);
	ck_assert_int_ne(memcmp(&first, &second, sizeof(first)), 0);
}
END_TEST

static const struct {
	const char *text;
	const char *says;
} wrong[] = {
	{ "hello\n", "line 1: a script begins with" },
	{ "duet-script 1\nfrobnicate\n", "line 2: \"frobnicate\" is no step" },
	{ "duet-script 1\nconnection c0 udp\n", "\"udp\" is neither unix nor tcp" },
	{ "duet-script 1\nstart 0 recv c0a 10\n", "is not declared" },
	{ "duet-script 1\nstart 0 dance c0a\n", "\"dance\" is no kind" },
	{ "duet-script 1\nstart 0 nop\nstart 0 nop\n", "operation 0 is started twice" },
	{ "duet-script 1\nconnection c0 unix\nstart 0 signal c0a\n", "signals are the process's" },
	{ "duet-script 1\nconnection c0 unix\nstart 0 wait-process c0a\n", "in its own time" },
	{ "duet-script 1\nconnection c0 unix\nstart 0 splice c0a\n", "no script has one" },
	{ "duet-script 1\nstart 500 nop\n", "\"500\" is not a number up to 127" },
	{ "duet-script 1\npool p0 3 64\n", "a power of two" },
	{ "duet-script 1\nreturn p0 1\n", "pool p0 is not declared" },
	{ "duet-script 1\nconnection c9 unix\n", "\"9\" is not a number up to 3" },
	{ "duet-script 1\nconnection c0 unix\nstart 0 send c0a 2 pieces 3\n", "has pieces" },
	{ "duet-script 1\nconnection c0 unix\nstart 0 send c0a 9 pieces 5\n", "up to 4" },
	{ "duet-script 1\nstart 0 socket\n", "neither unix nor tcp" },
	{ "duet-script 1\nconnection c0 unix small often\n", "\"often\" is neither small nor" },
	{ "duet-script 1\nfault recv 0 EIO\n", "the first or a later operation" },
	{ "duet-script 1\nfault recv 1 EWHATEVER\n", "\"EWHATEVER\" is no error" },
	{ "duet-script 1\nfault timeout 1 EIO\n", "and no timeout" },
	{ "duet-script 1\nstart 0 nop quickly\n", "\"quickly\" is no option" },
	{ "duet-script 1\nscope s4 race\n", "\"4\" is not a number up to 3" },
	{ "duet-script 1\nscope s0 rcae\n", "\"rcae\" is no option of a scope" },
	{ "duet-script 1\nscope s0 race\nscope s0 race\n", "scope s0 is opened twice" },
	{ "duet-script 1\nscope s0 race shield\n", "has a deadline of its own" },
	{ "duet-script 1\nabandon s0\n", "an operation is abandoned" },
	{ "duet-script 1\njoin 0\n", "a scope is joined" },
	{ "duet-script 1\nconnection c0 unix\nstart 0 close c0a owned\n", "nobody gives up a close" },
	{ "duet-script 1\nstart 0 nop copied\n", "only what moves bytes" },
	{ "duet-script 1\nconnection c0 unix\nstart 0 send c0a 5000 owned\n", "have 4096 bytes" },
};

START_TEST(a_wrong_line_is_named)
{
	char complaint[200] = "";
	static struct script script;

	ck_assert_int_eq(read_text(wrong[_i].text, &script, complaint, sizeof(complaint)), -1);
	ck_assert_msg(strstr(complaint, wrong[_i].says), "it said: %s", complaint);
}
END_TEST

START_TEST(a_trace_is_read_back_as_it_was_written)
{
	static struct trace first, second;
	struct event *event;
	char *text, complaint[200];
	size_t size;
	FILE *file = open_memstream(&text, &size);

	snprintf(first.player, sizeof(first.player), "somebody else's");
	event = trace_add(&first, EVENT_END);
	event->id = 7;
	event->result = -110;
	event->disposition = DUET_TAINTED;
	event->cause = DUET_CAUSE_DEADLINE;
	event->at_ns = 12345678901;
	event = trace_add(&first, EVENT_ITEM);
	event->pool = 1;
	event->index = 0;
	event->hash = UINT64_MAX - 1;
	trace_add(&first, EVENT_DRAINED)->object = (struct object){ OBJECT_END, 3 };
	event = trace_add(&first, EVENT_JOINED);
	event->object = (struct object){ OBJECT_SCOPE, 3 };
	event->cause = DUET_CAUSE_SCOPE;
	event->result = -125;
	trace_add(&first, EVENT_DEFER)->id = 9;
	trace_write(&first, file);
	fclose(file);
	file = fmemopen(text, size, "r");
	ck_assert_int_eq(trace_read(&second, file, complaint, sizeof(complaint)), 0);
	fclose(file);
	ck_assert_str_eq(first.player, second.player);
	ck_assert_uint_eq(second.count, 5);
	ck_assert_int_eq(memcmp(first.events, second.events, 5 * sizeof(*event)), 0);
	free(text);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("reference script");
	TCase *cases = tcase_create("text");
	SRunner *runner = srunner_create(suite);
	int failed;

	suite_add_tcase(suite, cases);
	tcase_add_test(cases, what_is_written_is_read_back);
	tcase_add_test(cases, a_seed_gives_the_same_script_each_time);
	tcase_add_loop_test(cases, a_wrong_line_is_named, 0, sizeof(wrong) / sizeof(wrong[0]));
	tcase_add_test(cases, a_trace_is_read_back_as_it_was_written);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed != 0;
}
