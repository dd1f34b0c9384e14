/* SPDX-FileCopyrightText: The Duet authors */
/* SPDX-License-Identifier: MIT */
#include <check.h>
#include <duet/buffer.h>
#include <stdlib.h>
#include <string.h>

#include "reference/acceptor.h"
#include "reference/twins/generate.h"
#include "reference/twins/play.h"

/* The regimes of a buffer in scripts and traces: all are there, and who has a buffer is judged. */

#define HEAD "duet-script 1\ncalm\nconnection c0 unix\npool p0 2 64 moved\npool p1 1 64 registered\n"
#define DISK "duet-script 1\nfile f0 100\npool p0 2 64 moved\npool p1 2 64\n"

static int read_text(const char *text, struct script *script, char *complaint, size_t size)
{
	FILE *in = fmemopen((void *)(uintptr_t)text, strlen(text), "r");
	int error = script_read(script, in, complaint, size);

	fclose(in);
	return error;
}

/* ---- Scripts. ---- */

static const struct {
	const char *text;
	const char *says;
} wrong[] = {
	{ HEAD "start 0 recv c0a 4 given p2\n", "pool p2 is not declared" },
	{ HEAD "start 0 recv c0a 65 given p0\n", "the buffers of pool p0 have 64 bytes" },
	{ HEAD "start 0 recv c0a 65 through p1\n", "the buffers of pool p1 have 64 bytes" },
	{ HEAD "start 0 recv c0a pool p0\n", "pool p0 is not received into" },
	{ HEAD "start 0 recvmsg c0a 4 through p0\n", "a message's header" },
	{ HEAD "start 0 send-zero-copy c0a 4 given p0\n", "operation 0 can't have a buffer" },
	{ HEAD "start 0 send c0a 4 pieces 2 given p0\n", "operation 0 can't have a buffer" },
	{ HEAD "start 0 nop given p0\n", "operation 0 can't have a buffer" },
	{ HEAD "start 0 send c0a 4 given f0\n", "\"f0\" should be p0 to p2" },
	{ DISK "start 0 read f0 4 at 0 given p1\n", "pool p1 is only received into" },
	{ "duet-script 1\npool p0 2 64 lent\n", "\"lent\" is no regime of a pool" },
};

START_TEST(a_wrong_line_is_named)
{
	char complaint[200] = "";
	static struct script script;

	ck_assert_int_eq(read_text(wrong[_i].text, &script, complaint, sizeof(complaint)), -1);
	ck_assert_msg(strstr(complaint, wrong[_i].says), "it said: %s", complaint);
}
END_TEST

/* A kind of operation that gets another regime has it in scripts, too. */
START_TEST(every_regime_of_every_kind_is_in_scripts)
{
	static unsigned seen[DUET_IO_KIND_COUNT];
	static struct script script;

	for (uint64_t seed = 1; seed <= 3000; seed++) {
		generate(&script, seed);
		for (uint32_t i = 0; i < script.step_count; i++) {
			const struct step *step = &script.steps[i];

			if (step->what == STEP_START)
				seen[step->kind] |= 1u << script_regime(&script, step);
		}
	}
	for (unsigned kind = 0; kind < DUET_IO_KIND_COUNT; kind++) {
		unsigned regimes = duet_kind_regimes((enum duet_kind)kind);

		/* Only a receive has the pool pick: others are given what was received. */
		if (kind != DUET_RECV)
			regimes &= ~(1u << DUET_REGIME_POOLED);
		if (script_unplayable((uint8_t)kind))
			continue;
		ck_assert_msg((seen[kind] & regimes) == regimes,
			"%s: regimes %#x, of which %#x are in no script", duet_kind_name(kind), regimes,
			regimes & ~seen[kind]);
	}
}
END_TEST

/* ---- What is judged: a trace that was played, with one thing in it changed. ---- */

static const char scene[] = HEAD
	"start 0 recv c0a 4 given p0\n"
	"start 1 recv c0b 4 through p0\n"
	"start 2 recv c0b 4 given p0\n"
	"start 3 send c0b 4 given p1\n"
	"settle\n"
	"return p1 1\n"
	"start 4 send c0a 4 through p1\n"
	"settle\n"
	"return p0 1\n";

static void replace(char *text, size_t size, const char *what, const char *by)
{
	char *at = strstr(text, what);
	size_t tail;

	ck_assert_msg(at, "no \"%s\" in:\n%s", what, text);
	tail = strlen(at + strlen(what)) + 1;
	ck_assert_uint_lt(strlen(text) + strlen(by), size);
	memmove(at + strlen(by), at + strlen(what), tail);
	memcpy(at, by, strlen(by));
}

static int judge_changed(const char *what, const char *by, char *complaint, size_t size)
{
	static struct script script;
	static struct trace trace;
	static char text[8192];
	FILE *file;

	ck_assert_msg(!read_text(scene, &script, complaint, size), "%s", complaint);
	ck_assert_int_eq(play(&script, arm_find("reference"), NULL, &trace, complaint, size), 0);
	memset(text, 0, sizeof(text));
	file = fmemopen(text, sizeof(text), "w");
	trace_write(&trace, file);
	fclose(file);
	if (what)
		replace(text, sizeof(text), what, by);
	file = fmemopen(text, strlen(text), "r");
	ck_assert_msg(!trace_read(&trace, file, complaint, size), "%s", complaint);
	fclose(file);
	return acceptor_judge(&script, &trace, complaint, size);
}

static const struct {
	const char *what, *by, *says;
} changes[] = {
	{ "end id=0 pool=0 buffer=0", "end id=0", "didn't bring back the buffer" },
	{ "end id=0 pool=0 buffer=0", "end id=0 pool=0 buffer=1", "didn't bring back the buffer" },
	{ "end id=3 pool=1 buffer=0", "end id=3", "didn't bring back the buffer" },
	{ "start id=3 pool=1 buffer=0", "start id=3", "which wasn't free" },
	{ "start id=0 pool=0 buffer=0", "start id=0 pool=0 buffer=7", "which wasn't free" },
	{ "end id=1 ", "end id=1 pool=0 buffer=0 ", "kept the buffer that was copied through" },
	{ "end id=4 ", "end id=4 pool=1 buffer=0 ", "kept the buffer that was copied through" },
	{ "refuse id=2 result=-105", "start id=2 pool=0 buffer=0", "of which none was left" },
	{ "start id=3 pool=1 buffer=0", "refuse id=3 result=-105", "found pool 1 empty, of which 0" },
	{ "refuse id=2 result=-105", "refuse id=2 result=-16", "refused with EBUSY" },
	{ "return pool=1 buffer=0", "return pool=1 buffer=0 result=-22", "was answered -22" },
};

START_TEST(who_has_a_buffer_is_judged)
{
	char complaint[400] = "";

	ck_assert_msg(!judge_changed(NULL, NULL, complaint, sizeof(complaint)), "%s", complaint);
	ck_assert_int_eq(judge_changed(changes[_i].what, changes[_i].by, complaint,
				 sizeof(complaint)), -1);
	ck_assert_msg(strstr(complaint, changes[_i].says), "it said: %s", complaint);
}
END_TEST

static bool is_handed_over(const struct script *script, const struct event *event)
{
	return event->what == EVENT_END && event->index != TRACE_NO_BUFFER &&
	       script_start(script, event->id)->memory == MEMORY_THROUGH;
}

/* Bytes that came for memory which a cancel had freed: a few of the scripts have it, and it is judged. */
START_TEST(what_a_cancel_has_freed_is_not_filled)
{
	static struct script script;
	static struct trace trace;
	char complaint[400];
	unsigned handed = 0;

	for (uint64_t seed = 1; seed <= 6000 && handed < 3; seed += 2) {
		generate(&script, seed);
		ck_assert_int_eq(play(&script, arm_find("reference"), NULL, &trace, complaint, 400),
			0);
		for (uint32_t i = 0; i < trace.count; i++) {
			if (!is_handed_over(&script, &trace.events[i]))
				continue;
			handed++;
			trace.events[i].index = TRACE_NO_BUFFER;
			ck_assert(acceptor_judge(&script, &trace, complaint, 400));
			ck_assert_msg(strstr(complaint, "that a cancel has freed"), "seed %d: %s",
				(int)seed, complaint);
			break;
		}
	}
	ck_assert_uint_gt(handed, 0);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("reference regimes");
	TCase *cases = tcase_create("regimes");
	SRunner *runner = srunner_create(suite);
	int failed;

	suite_add_tcase(suite, cases);
	tcase_add_loop_test(cases, a_wrong_line_is_named, 0, sizeof(wrong) / sizeof(wrong[0]));
	tcase_add_test(cases, every_regime_of_every_kind_is_in_scripts);
	tcase_add_loop_test(cases, who_has_a_buffer_is_judged, 0,
		sizeof(changes) / sizeof(changes[0]));
	tcase_add_test(cases, what_a_cancel_has_freed_is_not_filled);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed != 0;
}
