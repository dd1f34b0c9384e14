/* SPDX-FileCopyrightText: The Duet authors */
/* SPDX-License-Identifier: MIT */
#include <fcntl.h>

#include "tests/support/harness.h"

/* R12: join, race, first and timeouts, over operations in a scope of their own. */

#define MS UINT64_C(1000000)

enum { BRANCHES = 3 };

static duet_handle pair[2];
static unsigned char data[BRANCHES][64];
static struct duet_group group;
static struct duet_branch branches[BRANCHES];
static struct trial trials[BRANCHES];
static unsigned ends, wins;
static struct duet_branch *winners[BRANCHES];

static void ended(struct duet_group *it)
{
	ck_assert_uint_eq(stage.inside, 0);
	ck_assert_ptr_eq(it, &group);
	ends++;
}

static void won(struct duet_group *it)
{
	ck_assert_uint_eq(stage.inside, 0);
	ck_assert_uint_eq(ends, 0);
	ck_assert_ptr_nonnull(it->winner);
	winners[wins++] = it->winner;
}

static void branch_init(unsigned i)
{
	trial_init(&trials[i]);
	branches[i] = (struct duet_branch){ .op = &trials[i].op };
}

/* A receive that nobody sends to. */
static void branch_wait(unsigned i)
{
	branch_init(i);
	duet_op_recv(&trials[i].op, pair[1], data[i], sizeof(data[i]), 0);
}

static void branch_nop(unsigned i)
{
	branch_init(i);
	duet_op_nop(&trials[i].op);
}

static void branch_fail(unsigned i)
{
	branch_init(i);
	duet_op_open(&trials[i].op, AT_FDCWD, file_path("missing"), O_RDONLY, 0);
}

/* Its start is refused. */
static void branch_refused(unsigned i)
{
	branch_init(i);
	duet_op_recv(&trials[i].op, DUET_HANDLE_NONE, data[i], sizeof(data[i]), 0);
}

typedef int group_fn(struct duet_group *, struct duet_loop *, struct duet_scope *,
	const struct duet_scope_options *, struct duet_branch *, unsigned, duet_group_fn *);

static int begin(group_fn *of, const struct duet_scope_options *options, unsigned count)
{
	int answer;

	ends = wins = 0;
	stage.inside++;
	answer = of(&group, stage.loop, NULL, options, branches, count, ended);
	stage.inside--;
	ck_assert_uint_eq(ends, 0);
	return answer;
}

static void first(unsigned count)
{
	ends = wins = 0;
	stage.inside++;
	ck_assert_int_eq(
		duet_first(&group, stage.loop, NULL, NULL, branches, count, won, ended), 0);
	stage.inside--;
	ck_assert_uint_eq(wins, 0);
}

/* ---- Join. ---- */

START_TEST(a_join_ends_when_all_have_and_each_has_its_outcome)
{
	pair_open(pair);
	branch_nop(0);
	branch_wait(1);
	branch_fail(2);
	ck_assert_int_eq(begin(duet_join, NULL, 3), 0);
	turn_until(trials[2].ends);
	stage_settle(3);
	ck_assert_uint_eq(ends, 0);
	stream_send(pair[0], "x", 1);
	turn_until(ends);
	expect(&trials[0], 0, DUET_COMPLETED, DUET_CAUSE_ITSELF);
	expect(&trials[1], 1, DUET_COMPLETED, DUET_CAUSE_ITSELF);
	expect(&trials[2], -ENOENT, DUET_FAILED, DUET_CAUSE_ITSELF);
	ck_assert_int_eq(group.scope.result, -ENOENT);
}
END_TEST

START_TEST(a_join_may_fail_fast)
{
	struct duet_scope_options options;

	pair_open(pair);
	duet_scope_options_init(&options);
	options.policy = DUET_FAIL_FAST;
	options.context = &ends;
	branch_wait(0);
	branch_fail(1);
	ck_assert_int_eq(begin(duet_join, &options, 2), 0);
	turn_until(ends);
	expect(&trials[0], -ECANCELED, DUET_UNTOUCHED, DUET_CAUSE_SCOPE);
	expect(&trials[1], -ENOENT, DUET_FAILED, DUET_CAUSE_ITSELF);
	ck_assert_int_eq(group.scope.result, -ENOENT);
	ck_assert_ptr_eq(group.scope.context, &ends);
}
END_TEST

START_TEST(a_start_that_is_refused_is_a_failure_of_that_branch)
{
	pair_open(pair);
	branch_nop(0);
	branch_refused(1);
	branch_nop(2);
	ck_assert_int_eq(begin(duet_join, NULL, 3), 0);
	turn_until(ends);
	ck_assert_uint_eq(trials[1].ends, 0);
	ck_assert_int_eq(trials[1].op.result, -EBADF);
	ck_assert_uint_eq(trials[1].op.disposition, DUET_FAILED);
	expect(&trials[2], 0, DUET_COMPLETED, DUET_CAUSE_ITSELF);
	ck_assert_int_eq(group.scope.result, -EBADF);
}
END_TEST

START_TEST(behind_a_refusal_a_join_that_fails_fast_starts_nothing)
{
	struct duet_scope_options options;

	duet_scope_options_init(&options);
	options.policy = DUET_FAIL_FAST;
	branch_refused(0);
	branch_nop(1);
	ck_assert_int_eq(begin(duet_join, &options, 2), 0);
	turn_until(ends);
	ck_assert_uint_eq(trials[1].ends, 0);
	ck_assert_int_eq(trials[1].op.result, -ECANCELED);
	ck_assert_uint_eq(trials[1].op.disposition, DUET_UNTOUCHED);
	ck_assert_uint_eq(trials[1].op.cause, DUET_CAUSE_SCOPE);
	ck_assert_int_eq(group.scope.result, -EBADF);
}
END_TEST

START_TEST(a_join_of_none_ends_in_a_turn)
{
	ck_assert_int_eq(begin(duet_join, NULL, 0), 0);
	turn_until(ends);
	ck_assert_int_eq(group.scope.result, 0);
}
END_TEST

START_TEST(a_cancel_of_the_group_ends_all_of_it)
{
	pair_open(pair);
	branch_wait(0);
	branch_wait(1);
	ck_assert_int_eq(begin(duet_join, NULL, 2), 0);
	stage_settle(2);
	duet_scope_cancel(&group.scope);
	turn_until(ends);
	expect(&trials[0], -ECANCELED, DUET_UNTOUCHED, DUET_CAUSE_SCOPE);
	expect(&trials[1], -ECANCELED, DUET_UNTOUCHED, DUET_CAUSE_SCOPE);
	ck_assert_int_eq(group.scope.result, -ECANCELED);
}
END_TEST

START_TEST(what_can_t_begin_starts_nothing)
{
	struct duet_scope_options options;

	pair_open(pair);
	duet_scope_options_init(&options);
	options.policy = DUET_RACE;
	branch_wait(0);
	branch_nop(1);
	ck_assert_int_eq(begin(duet_join, &options, 2), -EINVAL);
	ck_assert_int_eq(begin(duet_race, NULL, 0), -EINVAL);
	ck_assert_int_eq(duet_first(&group, stage.loop, NULL, NULL, branches, 2, NULL, ended),
		-EINVAL);
	trial_start(&trials[1]);
	ck_assert_int_eq(begin(duet_race, NULL, 2), -EBUSY);
	await(&trials[1]);
	stage_settle(2);
	ck_assert_uint_eq(trials[0].ends, 0);
	ck_assert_uint_eq(duet_loop_pending(stage.loop), 0);
}
END_TEST

/* ---- Race. ---- */

START_TEST(a_race_names_the_winner_and_hands_over_every_loser)
{
	pair_open(pair);
	branch_wait(0);
	branch_nop(1);
	branch_fail(2);
	ck_assert_int_eq(begin(duet_race, NULL, 3), 0);
	turn_until(ends);
	ck_assert_ptr_eq(group.winner, &branches[1]);
	ck_assert_int_eq(group.scope.result, 0);
	expect(&trials[0], -ECANCELED, DUET_UNTOUCHED, DUET_CAUSE_SCOPE);
	expect(&trials[1], 0, DUET_COMPLETED, DUET_CAUSE_ITSELF);
	ck_assert_uint_eq(trials[2].ends, 1);
}
END_TEST

/* The bytes of a loser that came all the same are there. */
START_TEST(a_loser_that_completed_all_the_same_hands_over_what_it_has)
{
	size_t got = 0;

	pair_open(pair);
	branch_nop(0);
	branch_wait(1);
	ck_assert_int_eq(begin(duet_race, NULL, 2), 0);
	duet_loop_prepare(stage.loop);
	stream_send(pair[0], "late", 4);
	turn_until(ends);
	if (trials[1].op.result > 0)
		got = (size_t)trials[1].op.result;
	ck_assert_uint_eq(got + stream_drain(pair[1], data[2], 4), 4);
	ck_assert_ptr_nonnull(group.winner);
}
END_TEST

START_TEST(a_race_that_all_lose_has_no_winner)
{
	branch_fail(0);
	branch_refused(1);
	ck_assert_int_eq(begin(duet_race, NULL, 2), 0);
	turn_until(ends);
	ck_assert_ptr_null(group.winner);
	ck_assert_int_eq(group.scope.result, -ENOENT);
}
END_TEST

START_TEST(an_end_inside_start_wins_and_what_is_behind_it_is_not_started)
{
	pair_open(pair);
	branch_init(0);
	duet_op_socket(&trials[0].op, AF_INET, SOCK_STREAM, 0);
	duet_op_inline(&trials[0].op);
	branch_wait(1);
	ck_assert_int_eq(begin(duet_race, NULL, 2), 0);
	turn_until(ends);
	ck_assert_ptr_eq(group.winner, &branches[0]);
	ck_assert_int_eq(trials[1].op.result, -ECANCELED);
	ck_assert_uint_eq(trials[1].op.disposition, DUET_UNTOUCHED);
	ck_assert_uint_eq(trials[1].ends, 0);
	handle_close(trials[0].op.made);
}
END_TEST

START_TEST(a_shutdown_ends_a_race)
{
	pair_open(pair);
	branch_wait(0);
	branch_wait(1);
	ck_assert_int_eq(begin(duet_race, NULL, 2), 0);
	ck_assert_int_eq(duet_loop_shutdown(stage.loop, DUET_NO_DEADLINE), 0);
	ck_assert_uint_eq(ends, 1);
	ck_assert_ptr_null(group.winner);
	expect(&trials[0], -ECANCELED, DUET_UNTOUCHED, DUET_CAUSE_SHUTDOWN);
}
END_TEST

/* ---- First: the losers go on. ---- */

START_TEST(the_losers_of_a_first_go_on_and_the_next_can_be_asked_for)
{
	pair_open(pair);
	branch_nop(0);
	branch_wait(1);
	branch_fail(2);
	first(3);
	turn_until(wins == 1);
	ck_assert_ptr_eq(winners[0], &branches[0]);
	turn_until(trials[2].ends);
	stage_settle(3);
	ck_assert_uint_eq(trials[1].ends, 0);
	stream_send(pair[0], "x", 1);
	await(&trials[1]);
	ck_assert_uint_eq(wins, 1);
	turn_until(ends);
	ck_assert_int_eq(group.scope.result, 0);
	ck_assert_ptr_null(group.winner);
}
END_TEST

static void won_and_next(struct duet_group *it)
{
	won(it);
	duet_first_next(it);
}

START_TEST(all_that_complete_are_told_in_their_order_if_asked_for)
{
	ends = wins = 0;
	for (unsigned i = 0; i < 3; i++) {
		branch_init(i);
		duet_op_timeout(&trials[i].op, duet_loop_now_ns(stage.loop) + (3 - i) * MS);
	}
	ck_assert_int_eq(duet_first(&group, stage.loop, NULL, NULL, branches, 3, won_and_next,
				 ended),
		0);
	turn_until(ends);
	ck_assert_uint_eq(wins, 3);
	for (unsigned i = 0; i < 3; i++)
		ck_assert_ptr_eq(winners[i], &branches[2 - i]);
}
END_TEST

START_TEST(all_that_complete_at_once_are_told_before_the_end)
{
	ends = wins = 0;
	for (unsigned i = 0; i < 3; i++)
		branch_nop(i);
	ck_assert_int_eq(duet_first(&group, stage.loop, NULL, NULL, branches, 3, won_and_next,
				 ended),
		0);
	turn_until(ends);
	ck_assert_uint_eq(wins, 3);
	ck_assert_uint_eq(ends, 1);
}
END_TEST

START_TEST(one_that_completed_before_it_was_asked_for_is_kept)
{
	pair_open(pair);
	branch_nop(0);
	branch_nop(1);
	branch_wait(2);
	first(3);
	turn_until(wins == 1 && trials[0].ends && trials[1].ends);
	stage_settle(3);
	ck_assert_uint_eq(wins, 1);
	duet_first_next(&group);
	ck_assert_uint_eq(wins, 1);
	turn_until(wins == 2);
	ck_assert_ptr_eq(winners[trials[0].rank > trials[1].rank], &branches[0]);
	ck_assert_ptr_eq(winners[trials[1].rank > trials[0].rank], &branches[1]);
	/* Nobody is left who could bring another. */
	duet_first_next(&group);
	duet_op_cancel(&trials[2].op);
	turn_until(ends);
	ck_assert_uint_eq(wins, 2);
	expect(&trials[2], -ECANCELED, DUET_UNTOUCHED, DUET_CAUSE_CANCEL);
}
END_TEST

START_TEST(a_loser_may_be_abandoned)
{
	struct duet_loop_options options;
	struct duet_op *op;

	duet_loop_options_init(&options);
	options.owned_max = 1;
	options.owned_bytes = 64;
	stage_reopen(&options, NULL);
	pair_open(pair);
	ck_assert_int_eq(duet_op_take(stage.loop, NULL, NULL, &op), 0);
	duet_op_recv(op, pair[1], duet_op_buffer(op), 64, 0);
	branches[0] = (struct duet_branch){ .op = op };
	branch_nop(1);
	first(2);
	turn_until(wins == 1);
	duet_first_next(&group);
	ck_assert_int_eq(duet_op_abandon(op), 0);
	turn_until(ends);
	ck_assert_int_eq(group.scope.result, 0);
	turn_until(duet_loop_pending(stage.loop) == 0);
}
END_TEST

/* ---- Not longer than that. ---- */

START_TEST(an_operation_ends_within_its_time)
{
	pair_open(pair);
	branch_wait(0);
	duet_op_within(&trials[0].op, stage.loop, 2 * MS);
	duet_op_within(&trials[0].op, stage.loop, 3600000 * MS);
	duet_op_within(&trials[0].op, stage.loop, UINT64_MAX);
	ck_assert_int_eq(begin(duet_join, NULL, 1), 0);
	turn_until(ends);
	expect(&trials[0], -ETIMEDOUT, DUET_UNTOUCHED, DUET_CAUSE_DEADLINE);
	ck_assert_int_eq(group.scope.result, -ETIMEDOUT);
	ck_assert_uint_eq(group.scope.cause, DUET_CAUSE_ITSELF);
}
END_TEST

START_TEST(an_open_scope_ends_within_its_time)
{
	pair_open(pair);
	branch_wait(0);
	branch_wait(1);
	ck_assert_int_eq(begin(duet_join, NULL, 2), 0);
	stage_settle(2);
	ck_assert_int_eq(duet_scope_within(&group.scope, 2 * MS), 0);
	/* The earliest wins. */
	ck_assert_int_eq(duet_scope_within(&group.scope, 3600000 * MS), 0);
	turn_until(ends);
	expect(&trials[0], -ETIMEDOUT, DUET_UNTOUCHED, DUET_CAUSE_DEADLINE);
	expect(&trials[1], -ETIMEDOUT, DUET_UNTOUCHED, DUET_CAUSE_DEADLINE);
	ck_assert_int_eq(group.scope.result, -ETIMEDOUT);
	ck_assert_uint_eq(group.scope.cause, DUET_CAUSE_DEADLINE);
	ck_assert_int_eq(duet_scope_within(&group.scope, MS), -ESHUTDOWN);
}
END_TEST

START_TEST(a_deadline_that_comes_late_does_not_put_an_earlier_one_off)
{
	struct duet_scope_options options;

	pair_open(pair);
	duet_scope_options_init(&options);
	options.deadline_ns = duet_loop_now_ns(stage.loop) + 2 * MS;
	branch_wait(0);
	ck_assert_int_eq(begin(duet_join, &options, 1), 0);
	ck_assert_int_eq(duet_scope_deadline(&group.scope, options.deadline_ns + 3600000 * MS), 0);
	turn_until(ends);
	ck_assert_uint_eq(group.scope.cause, DUET_CAUSE_DEADLINE);
}
END_TEST

int main(void)
{
	return contract_run("group",
		CASES(a_join_ends_when_all_have_and_each_has_its_outcome, a_join_may_fail_fast,
			a_start_that_is_refused_is_a_failure_of_that_branch,
			behind_a_refusal_a_join_that_fails_fast_starts_nothing,
			a_join_of_none_ends_in_a_turn, a_cancel_of_the_group_ends_all_of_it,
			what_can_t_begin_starts_nothing,
			a_race_names_the_winner_and_hands_over_every_loser,
			a_loser_that_completed_all_the_same_hands_over_what_it_has,
			a_race_that_all_lose_has_no_winner,
			an_end_inside_start_wins_and_what_is_behind_it_is_not_started,
			a_shutdown_ends_a_race,
			the_losers_of_a_first_go_on_and_the_next_can_be_asked_for,
			all_that_complete_are_told_in_their_order_if_asked_for,
			all_that_complete_at_once_are_told_before_the_end,
			one_that_completed_before_it_was_asked_for_is_kept,
			a_loser_may_be_abandoned, an_operation_ends_within_its_time,
			an_open_scope_ends_within_its_time,
			a_deadline_that_comes_late_does_not_put_an_earlier_one_off),
		NULL);
}
