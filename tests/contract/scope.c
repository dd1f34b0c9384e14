/* SPDX-FileCopyrightText: The Duet authors */
/* SPDX-License-Identifier: MIT */
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>

#include "tests/support/harness.h"

/* R12: a scope does not end before all that was started in it; cancel goes down, failures go up. */

#define MS UINT64_C(1000000)

enum { MEMBERS = 4 };

static duet_handle pair[2];
static unsigned char data[64];
static struct duet_scope scope;
static struct duet_member members[MEMBERS];
static struct trial trials[MEMBERS];
static unsigned joins;

static void joined(struct duet_scope *ended)
{
	(void)ended;
	ck_assert_uint_eq(stage.inside, 0);
	joins++;
}

static void scope_open(enum duet_policy policy)
{
	struct duet_scope_options options;

	joins = 0;
	duet_scope_options_init(&options);
	options.policy = policy;
	ck_assert_int_eq(duet_scope_open(&scope, stage.loop, NULL, &options), 0);
}

static void scope_open_until(struct duet_scope *it, struct duet_scope *parent, uint64_t deadline_ns,
			     unsigned shield)
{
	struct duet_scope_options options;

	duet_scope_options_init(&options);
	options.deadline_ns = deadline_ns;
	options.shield = shield;
	ck_assert_int_eq(duet_scope_open(it, stage.loop, parent, &options), 0);
}

static void join(void)
{
	stage.inside++;
	ck_assert_int_eq(duet_scope_join(&scope, joined), 0);
	stage.inside--;
	ck_assert_uint_eq(joins, 0);
}

static int enter(struct duet_scope *into, unsigned i)
{
	int answer;

	stage.inside++;
	answer = duet_scope_start(into, &members[i], &trials[i].op);
	stage.inside--;
	return answer;
}

/* A receive that nobody sends to. */
static void wait_in(struct duet_scope *into, unsigned i)
{
	trial_init(&trials[i]);
	duet_op_recv(&trials[i].op, pair[1], trials[i].own, sizeof(trials[i].own), 0);
	ck_assert_int_eq(enter(into, i), 0);
}

static void nop_in(struct duet_scope *into, unsigned i)
{
	trial_init(&trials[i]);
	duet_op_nop(&trials[i].op);
	ck_assert_int_eq(enter(into, i), 0);
}

START_TEST(an_empty_scope_joins_in_a_turn)
{
	scope_open(DUET_WAIT_ALL);
	join();
	turn_until(joins);
	ck_assert_int_eq(scope.result, 0);
	ck_assert_uint_eq(scope.cause, DUET_CAUSE_ITSELF);
	ck_assert_uint_eq(joins, 1);
}
END_TEST

START_TEST(a_join_waits_for_every_member)
{
	pair_open(pair);
	scope_open(DUET_WAIT_ALL);
	nop_in(&scope, 0);
	wait_in(&scope, 1);
	join();
	await(&trials[0]);
	stage_settle(3);
	ck_assert_uint_eq(joins, 0);
	stream_send(pair[0], "x", 1);
	turn_until(joins);
	expect(&trials[1], 1, DUET_COMPLETED, DUET_CAUSE_ITSELF);
	ck_assert_int_eq(scope.result, 0);
}
END_TEST

START_TEST(a_cancel_ends_all_members_and_every_later_start_fails_at_its_entry)
{
	pair_open(pair);
	scope_open(DUET_WAIT_ALL);
	for (unsigned i = 0; i < 3; i++)
		wait_in(&scope, i);
	ck_assert_int_eq(duet_scope_check(&scope), 0);
	duet_scope_cancel(&scope);
	duet_scope_cancel(&scope);
	ck_assert_int_eq(duet_scope_check(&scope), -ECANCELED);
	trial_init(&trials[3]);
	duet_op_nop(&trials[3].op);
	ck_assert_int_eq(enter(&scope, 3), -ECANCELED);
	join();
	turn_until(joins);
	for (unsigned i = 0; i < 3; i++)
		expect(&trials[i], -ECANCELED, DUET_UNTOUCHED, DUET_CAUSE_SCOPE);
	ck_assert_uint_eq(trials[3].ends, 0);
	ck_assert_int_eq(scope.result, -ECANCELED);
	ck_assert_uint_eq(scope.cause, DUET_CAUSE_CANCEL);
	ck_assert_int_eq(enter(&scope, 3), -ESHUTDOWN);
}
END_TEST

START_TEST(a_deadline_of_the_scope_is_that_of_its_members)
{
	pair_open(pair);
	scope_open_until(&scope, NULL, duet_loop_now_ns(stage.loop) + 2 * MS, 0);
	wait_in(&scope, 0);
	join();
	turn_until(joins);
	expect(&trials[0], -ETIMEDOUT, DUET_UNTOUCHED, DUET_CAUSE_DEADLINE);
	ck_assert_int_eq(scope.result, -ETIMEDOUT);
	ck_assert_uint_eq(scope.cause, DUET_CAUSE_DEADLINE);
}
END_TEST

START_TEST(the_first_failure_asks_the_others_to_end)
{
	pair_open(pair);
	scope_open(DUET_FAIL_FAST);
	wait_in(&scope, 0);
	trial_init(&trials[1]);
	duet_op_open(&trials[1].op, AT_FDCWD, file_path("missing"), O_RDONLY, 0);
	ck_assert_int_eq(enter(&scope, 1), 0);
	join();
	turn_until(joins);
	expect(&trials[0], -ECANCELED, DUET_UNTOUCHED, DUET_CAUSE_SCOPE);
	expect(&trials[1], -ENOENT, DUET_FAILED, DUET_CAUSE_ITSELF);
	ck_assert_int_eq(scope.result, -ENOENT);
	ck_assert_uint_eq(scope.cause, DUET_CAUSE_ITSELF);
}
END_TEST

START_TEST(with_wait_all_a_failure_is_named_and_the_others_go_on)
{
	pair_open(pair);
	scope_open(DUET_WAIT_ALL);
	wait_in(&scope, 0);
	trial_init(&trials[1]);
	duet_op_open(&trials[1].op, AT_FDCWD, file_path("missing"), O_RDONLY, 0);
	ck_assert_int_eq(enter(&scope, 1), 0);
	join();
	await(&trials[1]);
	stream_send(pair[0], "x", 1);
	turn_until(joins);
	expect(&trials[0], 1, DUET_COMPLETED, DUET_CAUSE_ITSELF);
	ck_assert_int_eq(scope.result, -ENOENT);
}
END_TEST

START_TEST(a_race_hands_over_the_outcome_of_every_loser)
{
	pair_open(pair);
	scope_open(DUET_RACE);
	wait_in(&scope, 0);
	nop_in(&scope, 1);
	wait_in(&scope, 2);
	join();
	turn_until(joins);
	ck_assert_ptr_eq(scope.winner, &members[1]);
	expect(&trials[0], -ECANCELED, DUET_UNTOUCHED, DUET_CAUSE_SCOPE);
	expect(&trials[2], -ECANCELED, DUET_UNTOUCHED, DUET_CAUSE_SCOPE);
	ck_assert_int_eq(scope.result, 0);
}
END_TEST

START_TEST(a_race_that_all_lose_names_a_failure)
{
	scope_open(DUET_RACE);
	for (unsigned i = 0; i < 2; i++) {
		trial_init(&trials[i]);
		duet_op_open(&trials[i].op, AT_FDCWD, file_path("missing"), O_RDONLY, 0);
		ck_assert_int_eq(enter(&scope, i), 0);
	}
	join();
	turn_until(joins);
	ck_assert_ptr_null(scope.winner);
	ck_assert_int_eq(scope.result, -ENOENT);
}
END_TEST

static unsigned firsts;

static void count_first(struct duet_scope *told)
{
	ck_assert_ptr_eq(told->winner, &members[1]);
	ck_assert_uint_eq(stage.inside, 0);
	firsts++;
}

START_TEST(the_first_is_told_at_once_and_the_others_go_on)
{
	struct duet_scope_options options;

	pair_open(pair);
	joins = firsts = 0;
	duet_scope_options_init(&options);
	options.policy = DUET_FIRST;
	options.first = count_first;
	ck_assert_int_eq(duet_scope_open(&scope, stage.loop, NULL, &options), 0);
	wait_in(&scope, 0);
	nop_in(&scope, 1);
	turn_until(firsts);
	stage_settle(3);
	ck_assert_uint_eq(trials[0].ends, 0);
	ck_assert_int_eq(duet_scope_check(&scope), 0);
	join();
	stream_send(pair[0], "x", 1);
	turn_until(joins);
	expect(&trials[0], 1, DUET_COMPLETED, DUET_CAUSE_ITSELF);
	ck_assert_uint_eq(firsts, 1);
}
END_TEST

static unsigned child_joins;

static void child_joined(struct duet_scope *child)
{
	(void)child;
	ck_assert_uint_eq(joins, 0);
	child_joins++;
}

START_TEST(a_cancel_goes_down_to_every_generation)
{
	struct duet_scope child;
	struct duet_scope grandchild;

	pair_open(pair);
	child_joins = 0;
	scope_open(DUET_WAIT_ALL);
	scope_open_until(&child, &scope, DUET_NO_DEADLINE, 0);
	scope_open_until(&grandchild, &child, DUET_NO_DEADLINE, 0);
	wait_in(&grandchild, 0);
	wait_in(&child, 1);
	ck_assert_int_eq(duet_scope_join(&grandchild, child_joined), 0);
	ck_assert_int_eq(duet_scope_join(&child, child_joined), 0);
	join();
	stage_settle(3);
	ck_assert_uint_eq(child_joins, 0);
	duet_scope_cancel(&scope);
	ck_assert_int_eq(duet_scope_check(&grandchild), -ECANCELED);
	turn_until(joins);
	ck_assert_uint_eq(child_joins, 2);
	expect(&trials[0], -ECANCELED, DUET_UNTOUCHED, DUET_CAUSE_SCOPE);
	ck_assert_int_eq(scope.result, -ECANCELED);
	ck_assert_uint_eq(child.cause, DUET_CAUSE_SCOPE);
}
END_TEST

START_TEST(nothing_opens_in_a_scope_that_was_asked_to_end)
{
	struct duet_scope child;

	scope_open(DUET_WAIT_ALL);
	duet_scope_cancel(&scope);
	ck_assert_int_eq(duet_scope_open(&child, stage.loop, &scope, NULL), -ECANCELED);
	join();
	turn_until(joins);
}
END_TEST

START_TEST(a_request_does_not_come_into_a_shield_but_its_own_deadline_does)
{
	struct duet_scope shield;

	pair_open(pair);
	child_joins = 0;
	scope_open(DUET_WAIT_ALL);
	scope_open_until(&shield, &scope, duet_loop_now_ns(stage.loop) + 5 * MS, 1);
	wait_in(&shield, 0);
	ck_assert_int_eq(duet_scope_join(&shield, child_joined), 0);
	join();
	duet_scope_cancel(&scope);
	ck_assert_int_eq(duet_scope_check(&shield), 0);
	ck_assert_int_eq(duet_scope_check(&scope), -ECANCELED);
	turn_until(joins);
	expect(&trials[0], -ETIMEDOUT, DUET_UNTOUCHED, DUET_CAUSE_DEADLINE);
	ck_assert_uint_eq(shield.cause, DUET_CAUSE_DEADLINE);
}
END_TEST

/* ---- Cleanup. ---- */

struct step {
	struct duet_cleanup cleanup;
	unsigned place; /* the how-many-th to run */
	int answer;     /* of its start */
};

static struct step steps[3];
static unsigned ran;

static void run_step(struct duet_scope *cleaned, struct duet_cleanup *cleanup)
{
	struct step *step = (struct step *)(void *)cleanup;
	unsigned i = (unsigned)(step - steps);

	ck_assert_uint_eq(stage.inside, 0);
	step->place = ++ran;
	trial_init(&trials[i]);
	duet_op_nop(&trials[i].op);
	step->answer = enter(cleaned, i);
}

static void defer_steps(void (*run)(struct duet_scope *, struct duet_cleanup *))
{
	ran = 0;
	for (unsigned i = 0; i < 3; i++) {
		steps[i] = (struct step){.cleanup.run = run};
		ck_assert_int_eq(duet_scope_defer(&scope, &steps[i].cleanup), 0);
	}
}

START_TEST(cleanup_runs_last_in_first_out_when_no_member_is_left_and_may_do_work)
{
	pair_open(pair);
	scope_open(DUET_WAIT_ALL);
	defer_steps(run_step);
	wait_in(&scope, 3);
	join();
	stage_settle(3);
	ck_assert_uint_eq(ran, 0);
	duet_scope_cancel(&scope);
	turn_until(joins);
	for (unsigned i = 0; i < 3; i++) {
		ck_assert_uint_eq(steps[i].place, 3 - i);
		ck_assert_int_eq(steps[i].answer, 0);
		expect(&trials[i], 0, DUET_COMPLETED, DUET_CAUSE_ITSELF);
		ck_assert_uint_gt(trials[i].rank, trials[3].rank);
	}
	ck_assert_uint_gt(trials[0].rank, trials[1].rank);
	ck_assert(!scope.overran);
	ck_assert_int_eq(duet_scope_defer(&scope, &steps[0].cleanup), -ESHUTDOWN);
}
END_TEST

/* Says goodbye to nobody: it would wait for ever. */
static void run_stuck(struct duet_scope *cleaned, struct duet_cleanup *cleanup)
{
	struct step *step = (struct step *)(void *)cleanup;
	unsigned i = (unsigned)(step - steps);

	step->place = ++ran;
	trial_init(&trials[i]);
	duet_op_recv(&trials[i].op, pair[1], data, sizeof(data), 0);
	step->answer = enter(cleaned, i);
}

START_TEST(when_the_budget_is_used_up_the_least_is_still_done_and_that_is_said)
{
	struct duet_scope_options options;
	struct duet_closing closing;

	pair_open(pair);
	joins = 0;
	duet_scope_options_init(&options);
	options.cleanup_budget_ns = 3 * MS;
	ck_assert_int_eq(duet_scope_open(&scope, stage.loop, NULL, &options), 0);
	ck_assert_int_eq(duet_scope_defer_close(&scope, &closing, pair[0]), 0);
	defer_steps(run_stuck);
	join();
	turn_until(joins);
	ck_assert_uint_eq(scope.overran, 1);
	ck_assert_uint_eq(ran, 3);
	ck_assert_int_eq(steps[2].answer, 0);
	expect(&trials[2], -ETIMEDOUT, DUET_UNTOUCHED, DUET_CAUSE_DEADLINE);
	ck_assert_int_eq(steps[1].answer, -ETIMEDOUT);
	ck_assert_int_eq(steps[0].answer, -ETIMEDOUT);
	ck_assert_int_eq(duet_handle_fd(stage.loop, pair[0]), -EBADF);
}
END_TEST

START_TEST(a_handle_is_closed_at_the_end_of_its_scope)
{
	struct duet_closing closing[2];

	pair_open(pair);
	scope_open(DUET_WAIT_ALL);
	ck_assert_int_eq(duet_scope_defer_close(&scope, &closing[0], pair[0]), 0);
	ck_assert_int_eq(duet_scope_defer_close(&scope, &closing[1], pair[1]), 0);
	wait_in(&scope, 0);
	duet_scope_cancel(&scope);
	join();
	turn_until(joins);
	expect(&trials[0], -ECANCELED, DUET_UNTOUCHED, DUET_CAUSE_SCOPE);
	ck_assert_int_eq(closing[0].op.result, 0);
	ck_assert_int_eq(duet_handle_fd(stage.loop, pair[0]), -EBADF);
	ck_assert_int_eq(duet_handle_fd(stage.loop, pair[1]), -EBADF);
}
END_TEST

/* ---- Shutdown, threads. ---- */

START_TEST(a_shutdown_asks_the_scopes_and_their_cleanup_still_runs)
{
	struct duet_closing closing;

	pair_open(pair);
	scope_open(DUET_WAIT_ALL);
	ck_assert_int_eq(duet_scope_defer_close(&scope, &closing, pair[0]), 0);
	defer_steps(run_step);
	wait_in(&scope, 3);
	join();
	ck_assert_int_eq(duet_loop_destroy(stage.loop), -EBUSY);
	ck_assert_int_eq(duet_loop_shutdown(stage.loop, duet_loop_now_ns(stage.loop) +
							1000 * MS * patience_factor()), 0);
	ck_assert_uint_eq(joins, 1);
	expect(&trials[3], -ECANCELED, DUET_UNTOUCHED, DUET_CAUSE_SHUTDOWN);
	expect(&trials[0], 0, DUET_COMPLETED, DUET_CAUSE_ITSELF);
	ck_assert_uint_eq(ran, 3);
	ck_assert_uint_eq(scope.cause, DUET_CAUSE_SHUTDOWN);
	ck_assert_int_eq(closing.op.result, 0);
}
END_TEST

START_TEST(a_scope_that_is_not_joined_keeps_its_loop_busy)
{
	scope_open(DUET_WAIT_ALL);
	ck_assert_int_eq(duet_loop_destroy(stage.loop), -EBUSY);
	ck_assert_int_eq(duet_loop_shutdown(stage.loop, duet_loop_now_ns(stage.loop) + MS), -EBUSY);
	ck_assert_int_eq(duet_scope_check(&scope), -ECANCELED);
	join();
	ck_assert_int_eq(duet_loop_shutdown(stage.loop, duet_loop_now_ns(stage.loop) +
							1000 * MS * patience_factor()), 0);
	ck_assert_uint_eq(joins, 1);
}
END_TEST

static struct duet_scope_request request;

static void *cancel_elsewhere(void *context)
{
	duet_scope_post_cancel(context, &request);
	/* Only the loop's thread says so. */
	while (!duet_scope_request_taken(&request))
		sched_yield();
	memset(&request, 0xA5, sizeof(request));
	return NULL;
}

START_TEST(a_cancel_from_another_thread_is_a_message)
{
	pthread_t thread;

	pair_open(pair);
	scope_open(DUET_WAIT_ALL);
	wait_in(&scope, 0);
	join();
	ck_assert_int_eq(pthread_create(&thread, NULL, cancel_elsewhere, &scope), 0);
	turn_until(joins);
	pthread_join(thread, NULL);
	expect(&trials[0], -ECANCELED, DUET_UNTOUCHED, DUET_CAUSE_SCOPE);
}
END_TEST

/* ---- Members. ---- */

static void start_again(struct trial *trial)
{
	trial->then = NULL;
	trial->ends = 0;
	duet_op_nop(&trial->op);
	ck_assert_int_eq(enter(&scope, (unsigned)(trial - trials)), 0);
}

START_TEST(a_member_may_start_again_when_it_has_ended)
{
	scope_open(DUET_WAIT_ALL);
	trial_init(&trials[0]);
	trials[0].then = start_again;
	duet_op_nop(&trials[0].op);
	ck_assert_int_eq(enter(&scope, 0), 0);
	join();
	turn_until(joins);
	expect(&trials[0], 0, DUET_COMPLETED, DUET_CAUSE_ITSELF);
	ck_assert_uint_eq(trials[0].rank, 2);
}
END_TEST

START_TEST(the_result_of_a_member_without_a_callback_stands_in_it)
{
	struct duet_op op;

	pair_open(pair);
	scope_open(DUET_WAIT_ALL);
	duet_op_init(&op, NULL, NULL);
	duet_op_recv(&op, pair[1], data, 2, DUET_WHOLE);
	ck_assert_int_eq(duet_scope_start(&scope, &members[0], &op), 0);
	join();
	stream_send(pair[0], "ab", 2);
	turn_until(joins);
	ck_assert_int_eq(op.result, 2);
	ck_assert_uint_eq(op.disposition, DUET_COMPLETED);
	ck_assert_ptr_null(op.context);
}
END_TEST

START_TEST(an_end_inside_start_counts)
{
	struct duet_op op;

	pair_open(pair);
	scope_open(DUET_RACE);
	wait_in(&scope, 0);
	duet_op_init(&op, NULL, NULL);
	duet_op_socket(&op, AF_INET, SOCK_STREAM, 0);
	duet_op_inline(&op);
	ck_assert_int_eq(duet_scope_start(&scope, &members[1], &op), 1);
	join();
	turn_until(joins);
	expect(&trials[0], -ECANCELED, DUET_UNTOUCHED, DUET_CAUSE_SCOPE);
	ck_assert_ptr_eq(scope.winner, &members[1]);
	handle_close(op.made);
}
END_TEST

START_TEST(a_multishot_needs_a_callback)
{
	struct duet_op op;

	pair_open(pair);
	scope_open(DUET_WAIT_ALL);
	duet_op_init(&op, NULL, NULL);
	duet_op_accept(&op, stage.listener, DUET_MULTISHOT);
	ck_assert_int_eq(duet_scope_start(&scope, &members[0], &op), -EINVAL);
	trial_init(&trials[0]);
	duet_op_accept(&trials[0].op, stage.listener, DUET_MULTISHOT);
	ck_assert_int_eq(enter(&scope, 0), 0);
	ck_assert_int_eq(enter(&scope, 0), -EBUSY);
	duet_scope_cancel(&scope);
	join();
	turn_until(joins);
	expect(&trials[0], -ECANCELED, DUET_UNTOUCHED, DUET_CAUSE_SCOPE);
}
END_TEST

static unsigned asked;

/* A task that ends when it is asked, and one that takes another along. */
static void leave_at_once(struct duet_member *member, enum duet_cause cause)
{
	ck_assert_int_eq(cause, DUET_CAUSE_SCOPE);
	asked++;
	duet_member_leave(member, -ECANCELED);
}

static void leave_with_the_one_before(struct duet_member *member, enum duet_cause cause)
{
	(void)cause;
	asked++;
	duet_member_leave(member - 1, -ECANCELED);
	duet_member_leave(member, -ECANCELED);
}

START_TEST(a_task_is_asked_once_and_may_leave_and_take_others_along)
{
	asked = 0;
	scope_open(DUET_WAIT_ALL);
	ck_assert_int_eq(duet_scope_enter(&scope, &members[0], leave_at_once), 0);
	ck_assert_int_eq(duet_scope_enter(&scope, &members[1], leave_at_once), 0);
	ck_assert_int_eq(duet_scope_enter(&scope, &members[2], leave_with_the_one_before), 0);
	join();
	stage_settle(3);
	duet_scope_cancel(&scope);
	ck_assert_uint_eq(asked, 2);
	turn_until(joins);
	ck_assert_int_eq(scope.result, -ECANCELED);
}
END_TEST

START_TEST(a_task_s_failure_is_the_scope_s_by_its_policy)
{
	pair_open(pair);
	scope_open(DUET_FAIL_FAST);
	wait_in(&scope, 0);
	ck_assert_int_eq(duet_scope_enter(&scope, &members[1], leave_at_once), 0);
	duet_member_leave(&members[1], -EPROTO);
	join();
	turn_until(joins);
	expect(&trials[0], -ECANCELED, DUET_UNTOUCHED, DUET_CAUSE_SCOPE);
	ck_assert_int_eq(scope.result, -EPROTO);
}
END_TEST

/* Who completed has completed, asked to end or not. */
START_TEST(what_completed_before_the_request_took_effect_has_completed)
{
	pair_open(pair);
	scope_open(DUET_WAIT_ALL);
	nop_in(&scope, 0);
	turn_until(trials[0].ends);
	duet_scope_cancel(&scope);
	join();
	turn_until(joins);
	ck_assert_int_eq(scope.result, 0);
	ck_assert_uint_eq(scope.cause, DUET_CAUSE_CANCEL);
}
END_TEST

START_TEST(options_out_of_range_are_refused)
{
	struct duet_scope_options options;

	duet_scope_options_init(&options);
	options.shield = 1;
	ck_assert_int_eq(duet_scope_open(&scope, stage.loop, NULL, &options), -EINVAL);
	duet_scope_options_init(&options);
	options.cleanup_budget_ns = 0;
	ck_assert_int_eq(duet_scope_open(&scope, stage.loop, NULL, &options), -EINVAL);
	options.cleanup_budget_ns = UINT64_C(1000000000001);
	ck_assert_int_eq(duet_scope_open(&scope, stage.loop, NULL, &options), -EINVAL);
	duet_scope_options_init(&options);
	options.policy = DUET_POLICY_COUNT;
	ck_assert_int_eq(duet_scope_open(&scope, stage.loop, NULL, &options), -EINVAL);
	scope_open(DUET_WAIT_ALL);
	join();
	ck_assert_int_eq(duet_scope_join(&scope, joined), -EALREADY);
	turn_until(joins);
	ck_assert_int_eq(duet_scope_join(&scope, joined), -ESHUTDOWN);
}
END_TEST

int main(void)
{
	return contract_run("scope",
		CASES(an_empty_scope_joins_in_a_turn, a_join_waits_for_every_member,
			a_cancel_ends_all_members_and_every_later_start_fails_at_its_entry,
			a_deadline_of_the_scope_is_that_of_its_members,
			the_first_failure_asks_the_others_to_end,
			with_wait_all_a_failure_is_named_and_the_others_go_on,
			a_race_hands_over_the_outcome_of_every_loser,
			a_race_that_all_lose_names_a_failure,
			the_first_is_told_at_once_and_the_others_go_on,
			a_cancel_goes_down_to_every_generation,
			nothing_opens_in_a_scope_that_was_asked_to_end,
			a_request_does_not_come_into_a_shield_but_its_own_deadline_does,
			cleanup_runs_last_in_first_out_when_no_member_is_left_and_may_do_work,
			when_the_budget_is_used_up_the_least_is_still_done_and_that_is_said,
			a_handle_is_closed_at_the_end_of_its_scope,
			a_shutdown_asks_the_scopes_and_their_cleanup_still_runs,
			a_scope_that_is_not_joined_keeps_its_loop_busy,
			a_cancel_from_another_thread_is_a_message,
			a_member_may_start_again_when_it_has_ended,
			the_result_of_a_member_without_a_callback_stands_in_it,
			an_end_inside_start_counts, a_multishot_needs_a_callback,
			a_task_is_asked_once_and_may_leave_and_take_others_along,
			a_task_s_failure_is_the_scope_s_by_its_policy,
			what_completed_before_the_request_took_effect_has_completed,
			options_out_of_range_are_refused),
		NULL);
}
