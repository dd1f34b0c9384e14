/* SPDX-FileCopyrightText: The Duet authors */
/* SPDX-License-Identifier: MIT */
#include <stdlib.h>
#include <string.h>

#include "core/operation.h"
#include "core/scope.h"
#include "reference/explore/choices.h"
#include "reference/explore/coverage.h"
#include "reference/explore/search.h"
#include "tests/support/harness.h"

/* The explorer, not very deep: what it says of the library, and that what it says can be relied on.
 * `make mutants` shows that it isn't blind. */

enum { DEPTH = 5 };

static struct search search;
static struct core_moves seen;

static void explore(const struct cast *cast)
{
	int answer = search_run(cast, DEPTH, &search);

	ck_assert_msg(answer == 0, "%s: %s: --replay '%s'", cast->name, search.violation,
		search.sequence);
	ck_assert_uint_gt(search.edges, search.states);
	coverage_add(&seen, &search.moves);
}

START_TEST(no_sequence_breaks_a_rule)
{
	for (const struct cast *cast = casts; cast->name; cast++)
		explore(cast);
#ifdef DUET_MOVES
	for (unsigned from = 0; from < SCOPE_STATE_COUNT; from++)
		for (unsigned to = 0; to < SCOPE_STATE_COUNT; to++)
			ck_assert_msg(!core_scope_may(from, to) == !seen.scope[from][to],
				"scope: %s -> %s",
				core_scope_state_name((enum core_scope_state)from),
				core_scope_state_name((enum core_scope_state)to));
	for (unsigned from = 0; from < STATE_COUNT; from++)
		for (unsigned to = 0; to < STATE_COUNT; to++)
			ck_assert_msg(!core_state_may(from, to) == !seen.operation[from][to],
				"operation: %s -> %s", core_state_name((enum core_state)from),
				core_state_name((enum core_state)to));
#endif
}
END_TEST

START_TEST(what_is_found_twice_is_one_state_and_the_sum_is_the_same_each_time)
{
	struct search again;

	ck_assert_int_eq(search_run(cast_find("answers"), 7, &search), 0);
	ck_assert_int_eq(search_run(cast_find("answers"), 7, &again), 0);
	ck_assert_uint_eq(search.states, again.states);
	ck_assert_uint_eq(search.edges, again.edges);
	ck_assert(search.sequences == again.sequences);
	ck_assert(search.sequences > (double)search.edges);
}
END_TEST

START_TEST(a_sequence_can_be_replayed_and_a_wrong_one_is_told)
{
	const struct cast *cast = cast_find("members");

	ck_assert_int_eq(
		search_replay(cast, "start.a join.R cancel.R:1 turn:0 settle.2", &search), 0);
	ck_assert_uint_eq(search.depth, 5);
	ck_assert_int_eq(search_replay(cast, "start.a start.a", &search), -EINVAL);
	ck_assert(strstr(search.violation, "start.a"));
	ck_assert_int_eq(search_replay(cast, "turn:!", &search), -EINVAL);
	ck_assert_int_eq(search_replay(cast, "jump.R", &search), -EINVAL);
	ck_assert_int_eq(search_replay(cast, "leave.t", &search), -EINVAL);
}
END_TEST

/* Two choices of three and two, the second only after the first was 1 or 2. */
static unsigned run(const struct choices *given)
{
	unsigned first;

	choices_begin(given, CHOOSING_FIRST);
	first = choices_choose(3);
	choices_choose(1);
	return first ? first * 10 + choices_choose(2) : 0;
}

START_TEST(every_way_to_choose_comes_once)
{
	static const unsigned ways[] = { 0, 10, 11, 20, 21 };
	struct choices given = { 0 };
	unsigned count = 0;

	do {
		ck_assert_uint_lt(count, 5);
		ck_assert_uint_eq(run(&given), ways[count++]);
	} while (choices_next(&given));
	ck_assert_uint_eq(count, 5);
}
END_TEST

START_TEST(what_programs_note_adds_up)
{
	static struct coverage sum;
	char text[] = "moves polling o2 s56\nmoves scripted o1\nmoves polling o2\nmoves reference\n";
	FILE *file = fmemopen(text, strlen(text), "r");

	ck_assert_int_eq(coverage_read(&sum, file), 0);
	fclose(file);
	ck_assert_uint_eq(sum.moves[1].operation[STATE_IDLE][STATE_ISSUED], 2);
	ck_assert_uint_eq(sum.moves[1].scope[SCOPE_ENDED][SCOPE_IDLE], 1);
	ck_assert_uint_eq(sum.moves[1].scope[SCOPE_IDLE][SCOPE_OPEN], 0);
	ck_assert(sum.played[0] && sum.played[1] && !sum.played[2]);
	ck_assert_uint_eq(sum.moves[0].operation[STATE_IDLE][STATE_WAITING], 0);
}
END_TEST

static const struct {
	const char *text;
	const char *says;
	unsigned missing;
} suites[] = {
	{ "moves completion o2 s1\n", "not seen: operation idle -> waiting", 29 },
	{ "moves completion o2 s1\n", "not seen: scope ended -> idle", 29 },
	{ "moves reference o2 s1\nmoves completion\n", "on completion:", 60 },
	{ "moves polling o2 s1\n", "operation: 2 of 7 states, 1 of 13 edges", 22 },
	{ "moves polling o2 o19 s1\n", "seen, and can't be: operation issued -> stopping", 23 },
	{ "moves reference s2\n", "seen, and can't be: scope idle -> asked", 32 },
};

static void judge_suite(const char *lines, const char *says, unsigned missing)
{
	static struct coverage sum;
	char text[100], *said;
	size_t size;
	FILE *file;

	sum = (struct coverage){ 0 };
	snprintf(text, sizeof(text), "%s", lines);
	file = fmemopen(text, strlen(text), "r");
	ck_assert_int_eq(coverage_read(&sum, file), 0);
	fclose(file);
	file = open_memstream(&said, &size);
	ck_assert_uint_eq(coverage_write_suite(&sum, file), missing);
	fclose(file);
	ck_assert_msg(strstr(said, says), "%s", said);
	free(said);
}

START_TEST(what_was_never_seen_is_named_and_counted)
{
	for (size_t i = 0; i < sizeof(suites) / sizeof(suites[0]); i++)
		judge_suite(suites[i].text, suites[i].says, suites[i].missing);
}
END_TEST

int main(void)
{
	return plain_run("explore", CASES(no_sequence_breaks_a_rule,
		what_is_found_twice_is_one_state_and_the_sum_is_the_same_each_time,
		a_sequence_can_be_replayed_and_a_wrong_one_is_told,
		every_way_to_choose_comes_once, what_programs_note_adds_up,
		what_was_never_seen_is_named_and_counted));
}
