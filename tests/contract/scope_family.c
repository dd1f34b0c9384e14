/* SPDX-FileCopyrightText: The Duet authors */
/* SPDX-License-Identifier: MIT */
#include <string.h>

#include "tests/support/harness.h"

/* R12, R18: policies over scopes and operations alike; what a request reaches, and what it doesn't. */

#define MS UINT64_C(1000000)

enum { CHILDREN = 3, MEMBERS = 4 };

static duet_handle pair[2];
static unsigned char data[MEMBERS][16];
static struct duet_scope parent, children[CHILDREN];
static struct duet_member members[MEMBERS];
static struct trial trials[MEMBERS];
static unsigned joins, child_joins;

static void joined(struct duet_scope *scope)
{
	(void)scope;
	ck_assert_uint_eq(stage.inside, 0);
	joins++;
}

static void child_joined(struct duet_scope *scope)
{
	(void)scope;
	ck_assert_uint_eq(joins, 0);
	child_joins++;
}

static void family_open(enum duet_policy policy, unsigned count)
{
	struct duet_scope_options options;

	joins = child_joins = 0;
	duet_scope_options_init(&options);
	options.policy = policy;
	ck_assert_int_eq(duet_scope_open(&parent, stage.loop, NULL, &options), 0);
	for (unsigned i = 0; i < count; i++)
		ck_assert_int_eq(duet_scope_open(&children[i], stage.loop, &parent, NULL), 0);
	pair_open(pair);
}

static void family_join(unsigned count)
{
	for (unsigned i = 0; i < count; i++)
		ck_assert_int_eq(duet_scope_join(&children[i], child_joined), 0);
	ck_assert_int_eq(duet_scope_join(&parent, joined), 0);
}

static void start_in(struct duet_scope *scope, unsigned i)
{
	ck_assert_int_eq(duet_scope_start(scope, &members[i], &trials[i].op), 0);
}

/* A receive that nobody has sent to yet. */
static void wait_in(struct duet_scope *scope, unsigned i)
{
	trial_init(&trials[i]);
	duet_op_recv(&trials[i].op, pair[1], data[i], sizeof(data[i]), 0);
	start_in(scope, i);
}

static void nop_in(struct duet_scope *scope, unsigned i)
{
	trial_init(&trials[i]);
	duet_op_nop(&trials[i].op);
	start_in(scope, i);
}

START_TEST(a_race_of_scopes_and_operations_hands_over_what_became_of_each)
{
	family_open(DUET_RACE, 2);
	wait_in(&children[0], 0);
	nop_in(&children[1], 1);
	wait_in(&parent, 2);
	family_join(2);
	turn_until(joins);
	ck_assert_ptr_eq(parent.winner, &children[1].member);
	ck_assert_int_eq(parent.result, 0);
	ck_assert_int_eq(children[1].result, 0);
	ck_assert_int_eq(children[0].result, -ECANCELED);
	ck_assert_uint_eq(children[0].cause, DUET_CAUSE_SCOPE);
	expect(&trials[0], -ECANCELED, DUET_UNTOUCHED, DUET_CAUSE_SCOPE);
	expect(&trials[1], 0, DUET_COMPLETED, DUET_CAUSE_ITSELF);
	expect(&trials[2], -ECANCELED, DUET_UNTOUCHED, DUET_CAUSE_SCOPE);
}
END_TEST

static void leave_at_once(struct duet_member *member, enum duet_cause cause)
{
	(void)cause;
	duet_member_leave(member, 7);
}

/* A loser that has completed all the same is told as such. */
START_TEST(a_scope_that_loses_and_completes_has_completed)
{
	struct duet_member task;

	family_open(DUET_RACE, 1);
	ck_assert_int_eq(duet_scope_enter(&children[0], &task, leave_at_once), 0);
	nop_in(&parent, 0);
	family_join(1);
	turn_until(joins);
	ck_assert_ptr_eq(parent.winner, &members[0]);
	ck_assert_int_eq(children[0].result, 0);
	ck_assert_uint_eq(children[0].cause, DUET_CAUSE_SCOPE);
}
END_TEST

static void never_asked(struct duet_member *member, enum duet_cause cause)
{
	(void)member;
	ck_abort_msg("asked for cause %u", cause);
}

START_TEST(the_first_scope_that_fails_asks_the_others_to_end)
{
	struct duet_member task;

	family_open(DUET_FAIL_FAST, 2);
	ck_assert_int_eq(duet_scope_enter(&children[0], &task, never_asked), 0);
	wait_in(&children[1], 0);
	wait_in(&parent, 1);
	family_join(2);
	stage_settle(3);
	ck_assert_uint_eq(trials[0].ends + trials[1].ends, 0);
	duet_member_leave(&task, -EIO);
	turn_until(joins);
	ck_assert_int_eq(children[0].result, -EIO);
	ck_assert_int_eq(children[1].result, -ECANCELED);
	ck_assert_int_eq(parent.result, -EIO);
	expect(&trials[0], -ECANCELED, DUET_UNTOUCHED, DUET_CAUSE_SCOPE);
	expect(&trials[1], -ECANCELED, DUET_UNTOUCHED, DUET_CAUSE_SCOPE);
}
END_TEST

START_TEST(with_wait_all_scopes_and_operations_are_waited_for_alike)
{
	struct duet_member task;

	family_open(DUET_WAIT_ALL, 2);
	ck_assert_int_eq(duet_scope_enter(&children[0], &task, never_asked), 0);
	wait_in(&children[1], 0);
	nop_in(&parent, 1);
	family_join(2);
	duet_member_leave(&task, -EIO);
	turn_until(child_joins == 1);
	stage_settle(3);
	ck_assert_uint_eq(trials[0].ends, 0);
	ck_assert_uint_eq(joins, 0);
	stream_send(pair[0], "x", 1);
	turn_until(joins);
	expect(&trials[0], 1, DUET_COMPLETED, DUET_CAUSE_ITSELF);
	ck_assert_int_eq(children[1].result, 0);
	ck_assert_int_eq(parent.result, -EIO);
}
END_TEST

/* Of the scope's own list, and of nothing else of the loop's. */
START_TEST(a_cancel_touches_nothing_outside)
{
	struct trial outside;

	family_open(DUET_WAIT_ALL, 2);
	trial_init(&outside);
	duet_op_recv(&outside.op, pair[0], data[3], 1, 0);
	trial_start(&outside);
	wait_in(&children[0], 0);
	wait_in(&children[1], 1);
	family_join(2);
	duet_scope_cancel(&children[0]);
	turn_until(child_joins == 1);
	stage_settle(3);
	expect(&trials[0], -ECANCELED, DUET_UNTOUCHED, DUET_CAUSE_SCOPE);
	ck_assert_uint_eq(trials[1].ends + outside.ends, 0);
	ck_assert_int_eq(duet_scope_check(&children[1]) + duet_scope_check(&parent), 0);
	stream_send(pair[1], "x", 1);
	await(&outside);
	expect(&outside, 1, DUET_COMPLETED, DUET_CAUSE_ITSELF);
	stream_send(pair[0], "x", 1);
	turn_until(joins);
	expect(&trials[1], 1, DUET_COMPLETED, DUET_CAUSE_ITSELF);
}
END_TEST

/* ---- Cleanup, and the end of the loop. ---- */

static unsigned cleaned;

static void count_cleanup(struct duet_scope *scope, struct duet_cleanup *cleanup)
{
	(void)scope;
	(void)cleanup;
	cleaned++;
}

/* Whoever has acquired something just before it heard of the request still gives it back. */
START_TEST(a_step_is_registered_also_after_the_request)
{
	struct duet_cleanup steps[2] = { { .run = count_cleanup }, { .run = count_cleanup } };

	cleaned = 0;
	family_open(DUET_WAIT_ALL, 0);
	wait_in(&parent, 0);
	duet_scope_cancel(&parent);
	ck_assert_int_eq(duet_scope_defer(&parent, &steps[0]), 0);
	family_join(0);
	ck_assert_int_eq(duet_scope_defer(&parent, &steps[1]), 0);
	ck_assert_uint_eq(cleaned, 0);
	turn_until(joins);
	ck_assert_uint_eq(cleaned, 2);
}
END_TEST

/* A request holds until the scope is over, also when it only waits for its own end. */
START_TEST(nothing_comes_in_from_outside_when_the_members_have_ended)
{
	struct duet_cleanup step = { .run = count_cleanup };

	cleaned = 0;
	family_open(DUET_WAIT_ALL, 0);
	ck_assert_int_eq(duet_scope_defer(&parent, &step), 0);
	wait_in(&parent, 0);
	duet_scope_cancel(&parent);
	family_join(0);
	trial_init(&trials[1]);
	while (!joins) {
		struct duet_scope child;

		duet_op_nop(&trials[1].op);
		ck_assert_int_eq(duet_scope_start(&parent, &members[1], &trials[1].op), -ECANCELED);
		ck_assert_int_eq(duet_scope_open(&child, stage.loop, &parent, NULL), -ECANCELED);
		stage_turn();
	}
	ck_assert_uint_eq(cleaned, 1);
	ck_assert_uint_eq(trials[1].ends, 0);
	ck_assert_int_eq(duet_scope_start(&parent, &members[1], &trials[1].op), -ESHUTDOWN);
}
END_TEST

static void step_again(struct trial *trial)
{
	unsigned *left = trial->context;

	if (!(*left)--)
		return;
	duet_op_nop(&trial->op);
	start_in(&parent, 0);
}

static void step_on_and_on(struct duet_scope *scope, struct duet_cleanup *cleanup)
{
	static unsigned left;

	(void)cleanup;
	left = 3;
	trial_init(&trials[0]);
	trials[0].then = step_again;
	trials[0].context = &left;
	duet_op_nop(&trials[0].op);
	start_in(scope, 0);
}

/* What a step has started may start more in its own end. */
START_TEST(a_step_of_the_cleanup_goes_on_in_its_callbacks)
{
	struct duet_cleanup step = { .run = step_on_and_on };

	family_open(DUET_WAIT_ALL, 0);
	ck_assert_int_eq(duet_scope_defer(&parent, &step), 0);
	duet_scope_cancel(&parent);
	family_join(0);
	turn_until(joins);
	ck_assert_uint_eq(trials[0].ends, 4);
}
END_TEST

static void wait_for_a_word(struct duet_scope *scope, struct duet_cleanup *cleanup)
{
	(void)cleanup;
	cleaned++;
	wait_in(scope, 3);
}

static void family_clean(unsigned count, struct duet_cleanup *step)
{
	struct duet_scope *scope = count ? &children[0] : &parent;

	cleaned = 0;
	family_open(DUET_WAIT_ALL, count);
	step->run = wait_for_a_word;
	ck_assert_int_eq(duet_scope_defer(scope, step), 0);
	family_join(count);
	turn_until(cleaned);
}

START_TEST(no_request_comes_into_a_cleanup)
{
	struct duet_cleanup step;

	family_clean(1, &step);
	duet_scope_cancel(&children[0]);
	duet_scope_cancel(&parent);
	stage_settle(3);
	ck_assert_uint_eq(trials[3].ends + child_joins, 0);
	stream_send(pair[0], "x", 1);
	turn_until(joins);
	expect(&trials[3], 1, DUET_COMPLETED, DUET_CAUSE_ITSELF);
	ck_assert(!children[0].overran);
}
END_TEST

static void keep_line(void *context, const char *text)
{
	char *all = context;

	strncat(all, text, 999 - strlen(all));
	strncat(all, "\n", 999 - strlen(all));
}

START_TEST(a_shutdown_that_is_busy_lists_what_remains_and_keeps_its_memory)
{
	struct duet_cleanup step;
	struct duet_ledger ledger;
	char lines[1000] = "";

	family_clean(0, &step);
	ck_assert_int_eq(duet_loop_shutdown(stage.loop, duet_loop_now_ns(stage.loop) + MS), -EBUSY);
	ck_assert_int_eq(duet_loop_destroy(stage.loop), -EBUSY);
	duet_loop_dump(stage.loop, keep_line, lines);
	ck_assert_msg(strstr(lines, "recv") != NULL, "it lists: %s", lines);
	duet_loop_ledger(stage.loop, &ledger);
	ck_assert_uint_eq(ledger.lent_count, 1);
	ck_assert_uint_eq(ledger.lent_bytes, sizeof(data[3]));
	ck_assert_uint_eq(trials[3].ends + joins, 0);
	/* It takes nothing new, and what it has goes on. */
	ck_assert_int_eq(duet_scope_open(&children[0], stage.loop, NULL, NULL), -ESHUTDOWN);
	ck_assert_int_eq(duet_loop_shutdown(stage.loop, duet_loop_now_ns(stage.loop) +
							3000 * MS * patience_factor()), 0);
	ck_assert_uint_eq(joins, 1);
	ck_assert_uint_eq(duet_loop_pending(stage.loop), 0);
}
END_TEST

int main(void)
{
	return contract_run("scope_family",
		CASES(a_race_of_scopes_and_operations_hands_over_what_became_of_each,
			a_scope_that_loses_and_completes_has_completed,
			the_first_scope_that_fails_asks_the_others_to_end,
			with_wait_all_scopes_and_operations_are_waited_for_alike,
			a_cancel_touches_nothing_outside, a_step_is_registered_also_after_the_request,
			nothing_comes_in_from_outside_when_the_members_have_ended,
			a_step_of_the_cleanup_goes_on_in_its_callbacks, no_request_comes_into_a_cleanup,
			a_shutdown_that_is_busy_lists_what_remains_and_keeps_its_memory),
		NULL);
}
