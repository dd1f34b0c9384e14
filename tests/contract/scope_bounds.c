/* SPDX-FileCopyrightText: The Duet authors */
/* SPDX-License-Identifier: MIT */
#include <duet/future.h>
#include <duet/scheduler.h>
#include <stdio.h>

#include "tests/support/harness.h"

/* R11, R12, R18 at the bounds: in a full loop, in a shelter, with nobody, and never opened. */

#define MS UINT64_C(1000000)

enum { PLACES = 4, GENERATIONS = 1000 };

static duet_handle pair[2];
static struct duet_scope scope, parent;
static struct duet_member member;
static struct trial trial;
static unsigned joins;

static void joined(struct duet_scope *ended)
{
	(void)ended;
	joins++;
}

static void open_with(struct duet_scope *it, struct duet_scope *in, enum duet_policy policy)
{
	struct duet_scope_options options;

	duet_scope_options_init(&options);
	options.policy = policy;
	ck_assert_int_eq(duet_scope_open(it, stage.loop, in, &options), 0);
}

static void start_for_ever(struct trial *it)
{
	trial_init(it);
	duet_op_timeout(&it->op, DUET_NO_DEADLINE);
	trial_start(it);
}

/* ---- A full loop. ---- */

static struct trial fillers[PLACES], alarm_clock;
static struct duet_op closes[2];

/* Takes every place that there is, and the two that closes have beside them. */
static void fill(struct trial *told)
{
	(void)told;
	for (unsigned i = 0; i < PLACES; i++) {
		trial_init(&fillers[i]);
		duet_op_timeout(&fillers[i].op, DUET_NO_DEADLINE);
		if (duet_op_start(stage.loop, &fillers[i].op) == -ENOBUFS)
			break;
	}
	for (unsigned i = 0; i < 2; i++) {
		duet_op_init(&closes[i], NULL, NULL);
		duet_op_close(&closes[i], pair[i]);
		ck_assert_int_eq(duet_op_start(stage.loop, &closes[i]), 0);
	}
}

static void reopen_small(void)
{
	struct duet_loop_options options;

	duet_loop_options_init(&options);
	options.operations_max = PLACES;
	stage_reopen(&options, NULL);
	pair_open(pair);
	joins = 0;
}

static void stop_fillers(void)
{
	for (unsigned i = 0; i < PLACES; i++)
		duet_op_cancel(&fillers[i].op);
}

static void run_stuck(struct duet_scope *cleaned, struct duet_cleanup *cleanup)
{
	(void)cleanup;
	stop_fillers();
	trial_init(&trial);
	duet_op_timeout(&trial.op, DUET_NO_DEADLINE);
	ck_assert_int_eq(duet_scope_start(cleaned, &member, &trial.op), 0);
}

START_TEST(a_cleanup_has_its_time_limit_also_when_its_loop_is_full)
{
	struct duet_cleanup cleanup = { .run = run_stuck };
	struct duet_scope_options options;

	reopen_small();
	duet_scope_options_init(&options);
	options.cleanup_budget_ns = 3 * MS;
	ck_assert_int_eq(duet_scope_open(&scope, stage.loop, NULL, &options), 0);
	ck_assert_int_eq(duet_scope_defer(&scope, &cleanup), 0);
	start_for_ever(&alarm_clock);
	alarm_clock.then = fill;
	ck_assert_int_eq(duet_scope_join(&scope, joined), 0);
	/* The scope's clock is taken back in this turn, and set anew in the next: after that end. */
	stage_settle(1);
	duet_op_cancel(&alarm_clock.op);
	turn_until(joins);
	expect(&trial, -ETIMEDOUT, DUET_UNTOUCHED, DUET_CAUSE_DEADLINE);
	ck_assert_uint_eq(scope.overran, 1);
	stop_fillers();
	stage_settle(5);
}
END_TEST

static unsigned asked;

static void count_asked(struct duet_member *told, enum duet_cause cause)
{
	(void)told;
	(void)cause;
	asked++;
}

START_TEST(a_scope_keeps_its_place_in_a_full_loop_when_its_time_has_come)
{
	struct duet_scope_options options;

	reopen_small();
	asked = 0;
	duet_scope_options_init(&options);
	options.deadline_ns = duet_loop_now_ns(stage.loop) + 2 * MS;
	trial_init(&alarm_clock);
	alarm_clock.then = fill;
	duet_op_timeout(&alarm_clock.op, options.deadline_ns);
	trial_start(&alarm_clock);
	ck_assert_int_eq(duet_scope_open(&scope, stage.loop, NULL, &options), 0);
	ck_assert_int_eq(duet_scope_enter(&scope, &member, count_asked), 0);
	turn_until(asked);
	ck_assert_int_eq(duet_loop_shutdown(stage.loop, duet_loop_now_ns(stage.loop) + MS), -EBUSY);
	ck_assert_int_eq(duet_loop_destroy(stage.loop), -EBUSY);
	duet_member_leave(&member, -ETIMEDOUT);
	ck_assert_int_eq(duet_scope_join(&scope, joined), 0);
	ck_assert_int_eq(duet_loop_shutdown(stage.loop, DUET_NO_DEADLINE), 0);
	ck_assert_uint_eq(joins, 1);
	ck_assert_int_eq(scope.result, -ETIMEDOUT);
}
END_TEST

static void run_task(struct duet_scope *cleaned, struct duet_cleanup *cleanup)
{
	(void)cleanup;
	ck_assert_int_eq(duet_scope_enter(cleaned, &member, count_asked), 0);
}

START_TEST(a_loop_waits_for_a_cleanup_that_is_overdue)
{
	struct duet_cleanup cleanup = { .run = run_task };
	struct duet_scope_options options;

	joins = asked = 0;
	duet_scope_options_init(&options);
	options.cleanup_budget_ns = MS;
	ck_assert_int_eq(duet_scope_open(&scope, stage.loop, NULL, &options), 0);
	ck_assert_int_eq(duet_scope_defer(&scope, &cleanup), 0);
	ck_assert_int_eq(duet_scope_join(&scope, joined), 0);
	turn_until(asked);
	ck_assert_int_eq(duet_loop_shutdown(stage.loop, duet_loop_now_ns(stage.loop) + MS), -EBUSY);
	duet_member_leave(&member, -ETIMEDOUT);
	ck_assert_int_eq(duet_loop_shutdown(stage.loop, DUET_NO_DEADLINE), 0);
	ck_assert_uint_eq(joins, 1);
	ck_assert_uint_eq(scope.overran, 1);
}
END_TEST

/* ---- A shelter. ---- */

struct opener {
	struct duet_task task;
	unsigned polls;
};

static enum duet_readiness open_shield_in_poll(struct duet_task *task)
{
	struct opener *opener = (struct opener *)(void *)task;
	struct duet_scope_options options;

	opener->polls++;
	duet_scope_options_init(&options);
	options.shield = 1;
	options.deadline_ns = duet_loop_now_ns(stage.loop) + 3600000 * MS;
	ck_assert_int_eq(duet_scope_open(&scope, stage.loop, NULL, &options), 0);
	trial_init(&trial);
	duet_op_timeout(&trial.op, DUET_NO_DEADLINE);
	ck_assert_int_eq(duet_scope_start(&scope, &member, &trial.op), 0);
	return DUET_READY;
}

static const struct duet_task_model open_shield_in_poll_model = {.name = "future", .step = open_shield_in_poll};

START_TEST(the_deadline_of_a_task_stays_outside_of_the_shield_that_it_opens)
{
	struct opener opener = { .polls = 0 };
	struct duet_scheduler scheduler;
	struct trial later;
	uint64_t due_ns;

	joins = 0;
	duet_scheduler_init(&scheduler, stage.loop, NULL);
	duet_task_init(&opener.task, &open_shield_in_poll_model);
	duet_task_spawn(&scheduler, NULL, &opener.task);
	due_ns = duet_loop_now_ns(stage.loop) + 5 * MS * patience_factor();
	opener.task.deadline_ns = due_ns;
	turn_until(opener.polls);
	trial_init(&later);
	duet_op_timeout(&later.op, due_ns + MS);
	ck_assert_int_eq(trial_run(&later), 0);
	ck_assert_int_eq(duet_scope_check(&scope), 0);
	ck_assert_uint_eq(trial.ends, 0);
	duet_scope_cancel(&scope);
	ck_assert_int_eq(duet_scope_join(&scope, joined), 0);
	turn_until(joins);
	expect(&trial, -ECANCELED, DUET_UNTOUCHED, DUET_CAUSE_SCOPE);
	ck_assert_uint_eq(scope.cause, DUET_CAUSE_CANCEL);
}
END_TEST

/* ---- Nobody. ---- */

START_TEST(a_race_that_had_nobody_is_not_won)
{
	struct trial other;

	joins = 0;
	open_with(&parent, NULL, DUET_RACE);
	open_with(&scope, &parent, DUET_RACE);
	trial_init(&other);
	duet_op_timeout(&other.op, DUET_NO_DEADLINE);
	ck_assert_int_eq(duet_scope_start(&parent, &member, &other.op), 0);
	ck_assert_int_eq(duet_scope_join(&scope, joined), 0);
	turn_until(joins);
	ck_assert_int_eq(scope.result, -ECANCELED);
	ck_assert_ptr_null(scope.winner);
	stage_settle(3);
	/* So it has decided nothing outside. */
	ck_assert_int_eq(duet_scope_check(&parent), 0);
	ck_assert_ptr_null(parent.winner);
	trial_cancel(&other);
	ck_assert_int_eq(duet_scope_join(&parent, joined), 0);
	turn_until(joins == 2);
	ck_assert_int_eq(parent.result, -ECANCELED);
}
END_TEST

START_TEST(a_race_whose_only_one_is_abandoned_is_not_won)
{
	struct duet_loop_options options;
	struct duet_op *op;

	duet_loop_options_init(&options);
	options.owned_max = 1;
	stage_reopen(&options, NULL);
	joins = 0;
	open_with(&scope, NULL, DUET_FIRST);
	ck_assert_int_eq(duet_op_take(stage.loop, NULL, NULL, &op), 0);
	duet_op_timeout(op, DUET_NO_DEADLINE);
	ck_assert_int_eq(duet_scope_start(&scope, &member, op), 0);
	ck_assert_int_eq(duet_op_abandon(op), 0);
	ck_assert_int_eq(duet_scope_join(&scope, joined), 0);
	turn_until(joins);
	ck_assert_int_eq(scope.result, -ECANCELED);
	ck_assert_ptr_null(scope.winner);
}
END_TEST

static unsigned firsts;

static void first(struct duet_scope *decided)
{
	(void)decided;
	firsts++;
}

START_TEST(only_a_first_is_told_of_its_first)
{
	struct duet_scope_options options;

	firsts = joins = 0;
	duet_scope_options_init(&options);
	options.policy = DUET_RACE;
	options.first = first;
	ck_assert_int_eq(duet_scope_open(&scope, stage.loop, NULL, &options), 0);
	trial_init(&trial);
	duet_op_nop(&trial.op);
	ck_assert_int_eq(duet_scope_start(&scope, &member, &trial.op), 0);
	ck_assert_int_eq(duet_scope_join(&scope, joined), 0);
	turn_until(joins);
	ck_assert_ptr_eq(scope.winner, &member);
	ck_assert_uint_eq(firsts, 0);
}
END_TEST

static void run_never(struct duet_scope *cleaned, struct duet_cleanup *cleanup)
{
	(void)cleaned;
	(void)cleanup;
	ck_abort();
}

START_TEST(what_was_never_opened_refuses_everything)
{
	static struct duet_scope never;
	struct duet_cleanup cleanup = { .run = run_never };

	trial_init(&trial);
	duet_op_nop(&trial.op);
	ck_assert_int_eq(duet_scope_check(&never), -ESHUTDOWN);
	ck_assert_int_eq(duet_scope_start(&never, &member, &trial.op), -ESHUTDOWN);
	ck_assert_int_eq(duet_scope_enter(&never, &member, count_asked), -ESHUTDOWN);
	ck_assert_int_eq(duet_scope_open(&scope, stage.loop, &never, NULL), -ESHUTDOWN);
	ck_assert_int_eq(duet_scope_deadline(&never, 1), -ESHUTDOWN);
	ck_assert_int_eq(duet_scope_within(&never, 1), -ESHUTDOWN);
	ck_assert_int_eq(duet_scope_defer(&never, &cleanup), -ESHUTDOWN);
	ck_assert_int_eq(duet_scope_join(&never, joined), -ESHUTDOWN);
	duet_scope_cancel(&never);
	ck_assert_uint_eq(duet_loop_pending(stage.loop), 0);
}
END_TEST

/* ---- Told, and asked. ---- */

struct lines {
	unsigned count;
	char text[1024];
};

static void keep_line(void *context, const char *text)
{
	struct lines *lines = context;
	size_t used = strlen(lines->text);

	lines->count++;
	snprintf(lines->text + used, sizeof(lines->text) - used, "%s\n", text);
}

START_TEST(a_loop_that_is_busy_names_its_scopes)
{
	struct lines lines = { .count = 0 };
	char expected[64];

	joins = 0;
	open_with(&parent, NULL, DUET_WAIT_ALL);
	open_with(&scope, &parent, DUET_WAIT_ALL);
	ck_assert_int_eq(duet_scope_join(&parent, joined), 0);
	duet_loop_dump(stage.loop, keep_line, &lines);
	ck_assert_uint_eq(lines.count, 2);
	snprintf(expected, sizeof(expected), "scope %p open, 0 members, not joined, ", (void *)&scope);
	ck_assert_ptr_nonnull(strstr(lines.text, expected));
	snprintf(expected, sizeof(expected), "scope %p joining, 1 member, ", (void *)&parent);
	ck_assert_ptr_nonnull(strstr(lines.text, expected));
	ck_assert_int_eq(duet_loop_shutdown(stage.loop, 0), -EBUSY);
	lines = (struct lines){ .count = 0 };
	duet_loop_dump(stage.loop, keep_line, &lines);
	ck_assert_ptr_nonnull(strstr(lines.text, "asked, 0 members, not joined, asked to end by shutdown"));
	ck_assert_int_eq(duet_scope_join(&scope, joined), 0);
	turn_until(joins == 2);
}
END_TEST

static char *called_at;
static ptrdiff_t stack_bytes;

static void measure(struct duet_member *told, enum duet_cause cause)
{
	(void)cause;
	stack_bytes = called_at - (char *)__builtin_frame_address(0);
	duet_member_leave(told, -ECANCELED);
}

START_TEST(a_request_needs_no_stack_for_the_generations_that_it_goes_down)
{
	struct duet_scope *scopes = calloc(GENERATIONS, sizeof(*scopes));

	joins = 0;
	for (unsigned i = 0; i < GENERATIONS; i++)
		open_with(&scopes[i], i ? &scopes[i - 1] : NULL, DUET_WAIT_ALL);
	ck_assert_int_eq(duet_scope_enter(&scopes[GENERATIONS - 1], &member, measure), 0);
	for (unsigned i = 0; i < GENERATIONS; i++)
		ck_assert_int_eq(duet_scope_join(&scopes[i], joined), 0);
	called_at = __builtin_frame_address(0);
	stack_bytes = 0;
	duet_scope_cancel(&scopes[0]);
	ck_assert_int_gt(stack_bytes, 0);
	ck_assert_int_lt(stack_bytes, 4096);
	turn_until(joins == GENERATIONS);
	for (unsigned i = 0; i < GENERATIONS; i++)
		ck_assert_int_eq(scopes[i].result, -ECANCELED);
	free(scopes);
}
END_TEST

int main(void)
{
	return contract_run("scope bounds",
		CASES(a_cleanup_has_its_time_limit_also_when_its_loop_is_full,
			a_scope_keeps_its_place_in_a_full_loop_when_its_time_has_come,
			a_loop_waits_for_a_cleanup_that_is_overdue,
			the_deadline_of_a_task_stays_outside_of_the_shield_that_it_opens,
			a_race_that_had_nobody_is_not_won,
			a_race_whose_only_one_is_abandoned_is_not_won,
			only_a_first_is_told_of_its_first,
			what_was_never_opened_refuses_everything,
			a_loop_that_is_busy_names_its_scopes,
			a_request_needs_no_stack_for_the_generations_that_it_goes_down),
		NULL);
}
