/* SPDX-FileCopyrightText: The Duet authors */
/* SPDX-License-Identifier: MIT */
#include <check.h>
#include <string.h>

#include "reference/acceptor.h"

/* Scripts and traces by hand: good ones, and the same with one thing wrong. */

#define STREAM "duet-script 1\nracy\nconnection c0 unix\n"
#define SEND "start 0 send c0a 4\n"
#define RECV "start 1 recv c0b 4\n"
/* FNV-1a of the first four bytes that operation 0 and 2 send. */
static char hash_of_0[32], hash_of_2[32];

static const struct {
	const char *script;
	const char *trace; /* ; ends a line, %0 and %2 are those hashes */
	const char *says;  /* NULL: accepted */
} rulings[] = {
	{ STREAM SEND RECV, "start id=0;start id=1;"
		"end id=0 result=4 moved=4 disposition=completed cause=itself;"
		"end id=1 result=4 moved=4 hash=%0 disposition=completed cause=itself", NULL },
	/* One end. */
	{ STREAM SEND, "start id=0", "never ended" },
	{ STREAM SEND, "end id=0 result=4 moved=4 disposition=completed cause=itself",
		"before it was started" },
	{ "duet-script 1\nstart 0 nop\n", "start id=0;end id=0 disposition=completed cause=itself;"
		"end id=0 disposition=completed cause=itself", "again after its end" },
	{ "duet-script 1\nstart 0 nop\n", "start id=0;item id=0", "is no multishot" },
	{ "duet-script 1\nstart 0 nop\n", "start id=9", "not in the script" },
	{ "duet-script 1\nstart 0 nop\n", "refuse id=0 result=-105", "refused with ENOBUFS" },
	/* Legal ends. */
	{ STREAM RECV, "start id=1;end id=1 result=-125 disposition=untouched cause=cancel",
		"nobody asked" },
	{ STREAM RECV, "start id=1;cancel id=1;"
		"end id=1 result=-125 disposition=untouched cause=cancel", NULL },
	{ STREAM RECV, "start id=1;cancel id=1;"
		"end id=1 result=-125 disposition=failed cause=itself", "nothing in the script" },
	{ STREAM RECV, "start id=1;cancel id=1;"
		"end id=1 result=-125 disposition=tainted cause=cancel", "only a connect taints" },
	{ STREAM RECV, "start id=1;end id=1 disposition=completed cause=itself",
		"the other end is open" },
	{ STREAM "start 1 recv c0b 4 deadline 100\n", "start id=1 at=5 due=100;"
		"end id=1 at=99 result=-110 disposition=untouched cause=deadline", "nobody asked" },
	{ STREAM "start 1 recv c0b 4 deadline 100\n", "start id=1 at=5 due=100;"
		"end id=1 at=100 result=-110 disposition=untouched cause=deadline", NULL },
	{ STREAM SEND, "start id=0;end id=0 result=3 moved=3 disposition=completed cause=itself",
		"not all bytes" },
	{ STREAM "start 0 send c0a 4 whole\n", "start id=0;"
		"end id=0 result=3 moved=3 disposition=partial cause=itself", "without an error" },
	/* Bytes. */
	{ STREAM SEND RECV, "start id=0;start id=1;"
		"end id=0 result=4 moved=4 disposition=completed cause=itself;"
		"end id=1 result=4 moved=4 hash=1 disposition=completed cause=itself",
		"not those that were sent" },
	{ STREAM SEND, "start id=0;end id=0 result=4 moved=4 disposition=completed cause=itself",
		"4 bytes were sent to c0b, 0 were received or left" },
	{ STREAM SEND, "start id=0;end id=0 result=4 moved=4 disposition=completed cause=itself;"
		"drained object=c0b moved=4 hash=%0", NULL },
	{ STREAM SEND, "start id=0;cancel id=0;"
		"end id=0 result=-125 disposition=untouched cause=cancel;"
		"drained object=c0b moved=4 hash=%0", "more than was sent" },
	/* Order. */
	{ STREAM SEND "start 2 send c0a 4\n", "start id=0;start id=2;"
		"end id=2 result=4 moved=4 disposition=completed cause=itself;"
		"end id=0 result=4 moved=4 disposition=completed cause=itself", "on the same line" },
	{ STREAM SEND "start 2 send c0a 4\n", "start id=0;start id=2;"
		"end id=0 result=1 moved=1 disposition=partial cause=itself;"
		"end id=2 result=4 moved=4 disposition=completed cause=itself", "has a hole" },
	{ STREAM SEND "start 2 send c0a 4\n", "start id=0;start id=2;cancel id=0;"
		"end id=0 result=-125 disposition=untouched cause=cancel;"
		"end id=2 result=4 moved=4 disposition=completed cause=itself;"
		"drained object=c0b moved=4 hash=%2", NULL },
	{ STREAM SEND "start 2 send c0a 4\n", "start id=0;start id=2;"
		"end id=0 result=4 moved=4 disposition=completed cause=itself;"
		"end id=2 result=-125 disposition=untouched cause=order", "nobody asked" },
	{ "duet-script 1\nstart 0 timeout 2\nstart 1 timeout 2\n", "start id=0 at=1 due=9;"
		"start id=1 at=1 due=9;end id=1 at=9 disposition=completed cause=itself;"
		"end id=0 at=9 disposition=completed cause=itself", "fired after timeout" },
	{ STREAM RECV "start 3 close c0b\n", "start id=1;start id=3;"
		"end id=3 disposition=completed cause=itself;"
		"end id=1 result=-125 disposition=untouched cause=close", "close 3 ended before" },
	{ STREAM RECV "start 3 close c0b\n", "start id=1;cancel id=1;start id=3;"
		"end id=1 result=-125 disposition=untouched cause=close;"
		"end id=3 disposition=completed cause=itself", "nobody asked" },
	/* The account. */
	{ STREAM, "lent result=1 moved=100", "loans" },
	{ STREAM, "open result=1", "1 descriptors open" },
	{ STREAM, "busy moved=2", "with 2 operations pending" },
	{ STREAM "pool p0 4 64\n", "free pool=0 moved=3", "3 of 4 buffers" },
	{ STREAM "pool p0 4 64\n", "return pool=0 buffer=1", "was answered 0" },
	{ STREAM "pool p0 4 64\nstart 0 recv c0b pool p0 multishot\n", "start id=0;"
		"item id=0 result=4 moved=4 pool=0 buffer=2;item id=0 result=4 moved=4 pool=0 "
		"buffer=2", "still held" },
	{ "duet-script 1\nlistener l0 unix\ndialer d0 unix\nstart 0 connect d0 l0\n",
		"start id=0;end id=0 disposition=completed cause=itself", "1 connections to l0" },
};

static void hash_text(char *text, uint16_t id)
{
	uint64_t hash = HASH_BEGIN;

	for (unsigned i = 0; i < 4; i++)
		hash = hash_byte(hash, pattern_sent(id, i));
	snprintf(text, 32, "%016llx", (unsigned long long)hash);
}

static void expand(const char *from, char *to)
{
	hash_text(hash_of_0, 0);
	hash_text(hash_of_2, 2);
	to += sprintf(to, "duet-trace 1\nplayer hand\n");
	for (; *from; from++) {
		if (*from == '%')
			to += sprintf(to, "%s", *++from == '0' ? hash_of_0 : hash_of_2);
		else
			*to++ = *from == ';' ? '\n' : *from;
	}
	strcpy(to, "\n");
}

static void load(int which, struct script *script, struct trace *trace)
{
	char text[2000], complaint[200] = "";
	FILE *in = fmemopen((void *)rulings[which].script, strlen(rulings[which].script), "r");

	ck_assert_msg(!script_read(script, in, complaint, sizeof(complaint)), "%s", complaint);
	fclose(in);
	expand(rulings[which].trace, text);
	in = fmemopen(text, strlen(text), "r");
	ck_assert_msg(!trace_read(trace, in, complaint, sizeof(complaint)), "%s", complaint);
	fclose(in);
}

START_TEST(a_trace_is_ruled_on)
{
	static struct script script;
	static struct trace trace;
	char complaint[400] = "";
	int verdict;

	load(_i, &script, &trace);
	verdict = acceptor_judge(&script, &trace, complaint, sizeof(complaint));
	if (!rulings[_i].says)
		ck_assert_msg(verdict == 0, "refused: %s", complaint);
	else
		ck_assert_msg(verdict && strstr(complaint, rulings[_i].says),
			"it said \"%s\", and not \"%s\"", complaint, rulings[_i].says);
}
END_TEST

START_TEST(players_of_a_calm_script_must_agree)
{
	static struct script script;
	static struct trace one, other;
	char complaint[400];

	load(0, &script, &one);
	load(0, &script, &other);
	ck_assert_int_eq(acceptor_compare(&script, &one, &other, complaint, sizeof(complaint)), 0);
	other.events[3].moved = 3;
	ck_assert_int_eq(acceptor_compare(&script, &one, &other, complaint, sizeof(complaint)), -1);
	ck_assert_ptr_nonnull(strstr(complaint, "operation 1: completed by itself, 4 bytes"));
	other.count = 3;
	ck_assert_int_eq(acceptor_compare(&script, &one, &other, complaint, sizeof(complaint)), -1);
	ck_assert_ptr_nonnull(strstr(complaint, "not ended"));
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("reference acceptor");
	TCase *cases = tcase_create("rules");
	SRunner *runner = srunner_create(suite);
	int failed;

	suite_add_tcase(suite, cases);
	tcase_add_loop_test(cases, a_trace_is_ruled_on, 0, sizeof(rulings) / sizeof(rulings[0]));
	tcase_add_test(cases, players_of_a_calm_script_must_agree);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed != 0;
}
