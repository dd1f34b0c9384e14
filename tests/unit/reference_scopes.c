/* SPDX-FileCopyrightText: The Duet authors */
/* SPDX-License-Identifier: MIT */
#include <check.h>
#include <stdio.h>
#include <string.h>

#include "reference/acceptor.h"

/* Scopes, and what is given up: scripts and traces by hand, good ones, and the same with one thing
 * wrong. */

#define S "duet-script 1\nracy\n"
#define OPEN "scope s0 wait-all\n"
#define TWO OPEN "start 0 timeout 9000 in s0\nstart 1 timeout 9000 in s0\n"
#define OPENED "scope object=s0 at=1\n"
#define STARTED OPENED "start id=0 at=1 due=9000001\nstart id=1 at=1 due=9000001\n"
#define STOPPED(id, cause) "end id=" #id " result=-125 disposition=untouched cause=" cause " at=2\n"
#define ENDED(id) "end id=" #id " disposition=completed cause=itself at=2\n"
#define JOINED(result, cause) "joined object=s0 result=" result " cause=" cause " at=3\n"
#define JOIN "join object=s0 at=1\n"
#define ASK "ask object=s0 at=1\n"
#define TURN "turn at=4\n"

#define SHIELD OPEN "scope s1 wait-all shield in s0 deadline 5000\nstart 0 timeout 9000 in s1\n"
#define SHIELDED OPENED "scope object=s1 at=1 due=5000001\nstart id=0 at=1 due=9000001\n"
#define CLEANUPS OPEN "start 0 nop cleanup s0\nstart 1 nop cleanup s0\njoin s0\n"
#define DEFERRED OPENED "defer id=0\ndefer id=1\n" JOIN
#define CLEANED(id) "cleanup id=" #id "\nstart id=" #id " at=2\n" ENDED(id)
#define FIRST "scope s0 first\nstart 0 nop in s0\nstart 1 timeout 9000 in s0\njoin s0\n"
#define FIRST_STARTED "start id=0 at=1\nstart id=1 at=1 due=9000001\n" JOIN ENDED(0)
#define STREAM S "connection c0 unix\n"
#define LEFT(end, moved) "drained object=" end moved "\n"

static const struct {
	const char *script;
	const char *trace;
	const char *says; /* NULL: accepted */
} rulings[] = {
	/* A request, and what comes of it. */
	{ S TWO "cancel s0\njoin s0\n", STARTED ASK JOIN STOPPED(0, "scope") STOPPED(1, "scope")
		JOINED("-125", "cancel") TURN, NULL },
	{ S TWO "join s0\n", STARTED JOIN STOPPED(0, "scope"), "nobody asked for its end" },
	{ S TWO "cancel s0\njoin s0\n", STARTED ASK JOIN STOPPED(0, "scope")
		JOINED("-125", "cancel") TURN, "1 of its members are alive" },
	{ S TWO "cancel s0\njoin s0\n", STARTED ASK JOIN STOPPED(0, "cancel"), "nobody asked" },
	{ S TWO "cancel s0\ncancel 0\njoin s0\n", STARTED ASK "cancel id=0 at=1\n" JOIN
		STOPPED(0, "cancel"), "nobody asked for its end" },
	{ S TWO "cancel 0\ncancel s0\njoin s0\n", STARTED "cancel id=0 at=1\n" ASK JOIN
		STOPPED(0, "scope"), "nobody asked for its end" },
	{ S TWO "cancel s0\njoin s0\n", STARTED ASK JOIN STOPPED(0, "scope") STOPPED(1, "scope")
		JOINED("-125", "itself") TURN, "with cause itself" },
	{ S TWO "cancel s0\njoin s0\n", STARTED ASK JOIN STOPPED(0, "scope") STOPPED(1, "scope")
		JOINED("0", "cancel") TURN, "joined with 0: 0 of 2 members completed" },
	{ S TWO "cancel s0\njoin s0\n", STARTED ASK JOIN STOPPED(0, "scope") STOPPED(1, "scope")
		JOINED("-110", "cancel") TURN, "joined with -110" },
	/* Level-triggered. */
	{ S OPEN "cancel s0\nstart 0 nop in s0\njoin s0\n", OPENED ASK "refuse id=0 result=-125 at=1\n"
		JOIN JOINED("0", "cancel") TURN, NULL },
	{ S OPEN "cancel s0\nstart 0 nop in s0\njoin s0\n", OPENED ASK "start id=0 at=1\n",
		"which had been asked to end" },
	{ S OPEN "start 0 nop in s0\n", OPENED "refuse id=0 result=-125 at=1\n", "refused by scope s0" },
	{ S OPEN "start 0 nop in s0\n", OPENED "refuse id=0 result=-110 at=1\n", "refused by scope s0" },
	{ S OPEN "start 0 nop in s0\n", OPENED "refuse id=0 result=-108 at=1\n", "refused by scope s0" },
	{ S "start 0 nop in s0\n", "refuse id=0 result=-108 at=1\n" TURN, NULL },
	{ S "start 0 nop in s0\n", "start id=0 at=1\n", "which isn't open" },
	{ S OPEN "cancel s0\nscope s1 race in s0\n", OPENED ASK "scope object=s1 at=1\n",
		"was opened in scope s0, which had been asked" },
	{ S "scope s0 race\n", "scope object=s0 at=1 result=-125\n", "couldn't be opened" },
	/* Deadlines. */
	{ S "scope s0 wait-all deadline 1\nstart 0 timeout 9000 in s0\njoin s0\n",
		"scope object=s0 at=1 due=1001\nstart id=0 at=1 due=9000001\n" JOIN
		"end id=0 result=-110 disposition=untouched cause=deadline at=1001\n"
		"joined object=s0 result=-110 cause=deadline at=1001\nturn at=1001\n", NULL },
	{ S "scope s0 wait-all deadline 1\nstart 0 timeout 9000 in s0\njoin s0\n",
		"scope object=s0 at=1 due=1001\nstart id=0 at=1 due=9000001\n" JOIN
		"end id=0 result=-110 disposition=untouched cause=deadline at=1000\n",
		"nobody asked for its end" },
	{ S "scope s0 wait-all deadline 1\n", "scope object=s0 at=1 due=1002\n",
		"another deadline than the script says" },
	{ S OPEN "deadline s0 7\n", OPENED "deadline object=s0 at=1 due=7001 result=-108\n",
		"the deadline of scope s0 was refused" },
	/* A shield. */
	{ S SHIELD "cancel s0\n", SHIELDED ASK STOPPED(0, "scope"), "nobody asked for its end" },
	{ S SHIELD "cancel s0\nstart 1 nop in s1\n", SHIELDED ASK "refuse id=1 result=-125 at=1\n",
		"refused by scope s1" },
	{ S SHIELD "cancel s0\njoin s0\njoin s1\ncancel s1\n", SHIELDED ASK JOIN
		"join object=s1 at=1\nask object=s1 at=1\n" STOPPED(0, "scope")
		"joined object=s1 result=-125 cause=cancel at=3\n" JOINED("-125", "cancel") TURN, NULL },
	{ S SHIELD "join s0\njoin s1\n", SHIELDED JOIN "join object=s1 at=1\n" JOINED("0", "itself"),
		"1 of its members are alive" },
	/* Policies. */
	{ S "scope s0 race\nstart 0 nop in s0\nstart 1 timeout 9000 in s0\njoin s0\n",
		OPENED "start id=0 at=1\nstart id=1 at=1 due=9000001\n" JOIN ENDED(0) STOPPED(1, "scope")
		JOINED("0", "itself") TURN, NULL },
	{ S "scope s0 race\nstart 0 nop in s0\nstart 1 timeout 9000 in s0\njoin s0\n",
		OPENED "start id=0 at=1\nstart id=1 at=1 due=9000001\n" JOIN STOPPED(1, "scope"),
		"nobody asked for its end" },
	{ S "scope s0 race\nstart 0 nop in s0\njoin s0\n", OPENED "start id=0 at=1\n" JOIN ENDED(0)
		JOINED("-125", "itself") TURN, "joined with -125: 1 of 1 members completed" },
	{ S "scope s0 fail-fast\nstart 0 open nowhere in s0\nstart 1 timeout 9000 in s0\njoin s0\n",
		OPENED "start id=0 at=1\nstart id=1 at=1 due=9000001\n" JOIN
		"end id=0 result=-2 disposition=failed cause=itself at=2\n" STOPPED(1, "scope")
		JOINED("-2", "itself") TURN, NULL },
	{ S "scope s0 fail-fast\nstart 0 open nowhere in s0\nstart 1 timeout 9000 in s0\njoin s0\n",
		OPENED "start id=0 at=1\nstart id=1 at=1 due=9000001\n" JOIN
		"end id=0 result=-2 disposition=failed cause=itself at=2\n" STOPPED(1, "scope")
		JOINED("-125", "itself") TURN, "joined with -125" },
	/* Of a first the others go on. */
	{ S FIRST, OPENED FIRST_STARTED "first object=s0 at=2\n" STOPPED(1, "scope"),
		"nobody asked for its end" },
	{ S FIRST "cancel s0\n", OPENED FIRST_STARTED ASK "first object=s0 at=2\n" STOPPED(1, "scope")
		JOINED("0", "cancel") TURN, "the script has" },
	{ S FIRST, OPENED FIRST_STARTED "first object=s0 at=2\nfirst object=s0 at=2\n", "told before" },
	{ S FIRST, OPENED "start id=0 at=1\nstart id=1 at=1 due=9000001\n" JOIN
		"first object=s0 at=2\n", "nobody has completed" },
	{ S "scope s0 first\nstart 0 nop in s0\njoin s0\n", OPENED "start id=0 at=1\n" JOIN ENDED(0)
		JOINED("0", "itself") TURN, "never told who was first" },
	{ S "scope s0 first\nstart 0 nop in s0\njoin s0\n", OPENED "start id=0 at=1\n" JOIN ENDED(0)
		"first object=s0 at=2\n" JOINED("0", "itself") TURN, NULL },
	/* Joins. */
	{ S OPEN "join s0\njoin s0\n", OPENED JOIN JOIN, "was answered 0" },
	{ S OPEN "join s0\n", OPENED JOIN JOINED("0", "itself") JOINED("0", "itself"),
		"joined a second time" },
	{ S OPEN, OPENED JOINED("0", "itself"), "before anybody asked it to" },
	{ S OPEN, OPENED TURN, "has never joined" },
	{ S OPEN, OPENED ASK JOIN JOINED("0", "cancel") TURN,
		"the script has \"turn 0\" here" },
	/* Cleanup. */
	{ S CLEANUPS, DEFERRED CLEANED(1) CLEANED(0) JOINED("0", "itself") TURN, NULL },
	{ S CLEANUPS, DEFERRED CLEANED(0), "it wasn't the last that was registered" },
	{ S CLEANUPS, DEFERRED CLEANED(1) JOINED("0", "itself") TURN, "cleanup has not run" },
	{ S CLEANUPS, DEFERRED "cleanup id=1\nstart id=1 at=2\ncleanup id=0\n", "with 1 members alive" },
	{ S CLEANUPS, OPENED "defer id=0 result=-108\n", "was answered -108" },
	{ S CLEANUPS "cancel s0\n", DEFERRED "cleanup id=1\nstart id=1 at=2\n" ASK STOPPED(1, "scope"),
		"nobody asked for its end" },
	{ S CLEANUPS, OPENED "cleanup id=1\n", "began with 0 members alive, and before the join" },
	/* What is given up is the runtime's, and is never heard of again. */
	{ S "start 0 timeout 9000 owned\nabandon 0\n", "start id=0 at=1 due=9000001\n"
		"abandon id=0 at=1\n" TURN, NULL },
	{ S "start 0 timeout 9000\nabandon 0\n", "start id=0 at=1 due=9000001\nabandon id=0 at=1\n",
		"the player's own" },
	{ S "start 0 timeout 9000 owned\nabandon 0\n", "start id=0 at=1 due=9000001\n"
		"abandon id=0 at=1 result=-22\n", "the runtime's" },
	{ S "start 0 timeout 9000 owned\nabandon 0\n", "start id=0 at=1 due=9000001\n"
		"abandon id=0 at=1\n" STOPPED(0, "cancel"), "completed before it was started" },
	{ S OPEN "start 0 timeout 9000 owned in s0\nabandon 0\njoin s0\n", OPENED
		"start id=0 at=1 due=9000001\nabandon id=0 at=1\n" JOIN JOINED("0", "itself") TURN, NULL },
	{ STREAM "start 0 send c0a 4\nstart 1 recv c0b 4 owned\nabandon 1\n",
		"start id=0 at=1\nstart id=1 at=1\nabandon id=1 at=1\n"
		"end id=0 result=4 moved=4 disposition=completed cause=itself at=2\n" TURN
		LEFT("c0a", "") LEFT("c0b", "") "discarded moved=4\n", NULL },
	{ STREAM "start 0 send c0a 4\nstart 1 recv c0b 4 owned\nabandon 1\n",
		"start id=0 at=1\nstart id=1 at=1\nabandon id=1 at=1\n"
		"end id=0 result=4 moved=4 disposition=completed cause=itself at=2\n" TURN
		LEFT("c0a", "") LEFT("c0b", "") "discarded moved=3\n", "4 bytes are missing" },
	{ STREAM "start 0 send c0a 4 owned\nabandon 0\n", "start id=0 at=1\nabandon id=0 at=1\n" TURN
		LEFT("c0a", "") LEFT("c0b", " moved=5 hash=1"), "c0b received 5 bytes, 4 were sent to it" },
	{ S, TURN "discarded moved=1\n", "nothing that brings any was abandoned" },
};

static FILE *text_file(char *text)
{
	return fmemopen(text, strlen(text), "r");
}

START_TEST(a_trace_is_ruled_on)
{
	static struct script script;
	static struct trace trace;
	char text[3000], complaint[400] = "";
	FILE *in;
	int verdict;

	snprintf(text, sizeof(text), "%s", rulings[_i].script);
	in = text_file(text);
	ck_assert_msg(!script_read(&script, in, complaint, sizeof(complaint)), "%s", complaint);
	fclose(in);
	/* After the script's own turns come those that follow the last step. */
	snprintf(text, sizeof(text), "duet-trace 1\nplayer hand\n%slent\nheld\nopen\npending\ndestroy\n",
		rulings[_i].trace);
	in = text_file(text);
	ck_assert_msg(!trace_read(&trace, in, complaint, sizeof(complaint)), "%s", complaint);
	fclose(in);
	verdict = acceptor_judge(&script, &trace, complaint, sizeof(complaint));
	if (!rulings[_i].says)
		ck_assert_msg(verdict == 0, "refused: %s", complaint);
	else
		ck_assert_msg(verdict && strstr(complaint, rulings[_i].says),
			"it said \"%s\", and not \"%s\"", complaint, rulings[_i].says);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("reference scopes");
	TCase *cases = tcase_create("rules");
	SRunner *runner = srunner_create(suite);
	int failed;

	suite_add_tcase(suite, cases);
	tcase_add_loop_test(cases, a_trace_is_ruled_on, 0, sizeof(rulings) / sizeof(rulings[0]));
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed != 0;
}
