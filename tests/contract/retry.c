/* SPDX-FileCopyrightText: The Duet authors */
/* SPDX-License-Identifier: MIT */
#include <fcntl.h>

#include "tests/support/harness.h"

/* R11, R12: again until it works, for as long as there is time. */

#define MS UINT64_C(1000000)

static struct duet_retry retry;
static struct duet_retry_options options;
static struct trial trial;
static struct duet_member member;
static duet_handle pair[2];
static unsigned char data[16];
static unsigned ends, cleaned;
static unsigned works_at; /* the how-many-th attempt does */
static uint64_t begun_ns[8];

static void ended(struct duet_retry *it)
{
	ck_assert_uint_eq(stage.inside, 0);
	ck_assert_ptr_eq(it, &retry);
	ck_assert_int_eq(it->result, it->scope.result);
	ends++;
}

static int begin_in(struct duet_scope *parent, duet_attempt_fn *attempt)
{
	int answer;

	ends = 0;
	stage.inside++;
	answer = duet_retry_start(&retry, stage.loop, parent, &options, attempt, ended);
	stage.inside--;
	ck_assert_uint_eq(retry.attempts, 0);
	return answer;
}

static void begin(duet_attempt_fn *attempt)
{
	ck_assert_int_eq(begin_in(NULL, attempt), 0);
}

static void prepare(unsigned attempts_max)
{
	duet_retry_options_init(&options);
	options.attempts_max = attempts_max;
	options.backoff_ns = MS;
	options.backoff_max_ns = 3 * MS;
	works_at = 0;
	cleaned = 0;
}

static int start_in(struct duet_scope *scope)
{
	int answer;

	stage.inside++;
	answer = duet_scope_start(scope, &member, &trial.op);
	stage.inside--;
	return answer;
}

/* Opens what isn't there, but for the one that works. */
static int open_missing(struct duet_retry *it, struct duet_scope *scope)
{
	ck_assert_uint_eq(stage.inside, 0);
	ck_assert_uint_le(it->attempts, 8);
	begun_ns[it->attempts - 1] = duet_loop_now_ns(stage.loop);
	trial_init(&trial);
	if (it->attempts == works_at)
		duet_op_nop(&trial.op);
	else
		duet_op_open(&trial.op, AT_FDCWD, file_path("missing"), 0, 0);
	return start_in(scope);
}

static int wait_for_nobody(struct duet_retry *it, struct duet_scope *scope)
{
	(void)it;
	trial_init(&trial);
	duet_op_recv(&trial.op, pair[1], data, sizeof(data), 0);
	return start_in(scope);
}

START_TEST(the_first_attempt_that_works_ends_it)
{
	prepare(5);
	works_at = 3;
	begin(open_missing);
	turn_until(ends);
	ck_assert_int_eq(retry.result, 0);
	ck_assert_uint_eq(retry.attempts, 3);
	ck_assert_uint_eq(retry.scope.cause, DUET_CAUSE_ITSELF);
}
END_TEST

static void joined_against_the_rule(struct duet_scope *scope)
{
	(void)scope;
	ck_abort();
}

static int join_it(struct duet_retry *it, struct duet_scope *scope)
{
	int answer = open_missing(it, scope);

	ck_assert_int_eq(duet_scope_join(scope, joined_against_the_rule), 0);
	return answer;
}

START_TEST(an_attempt_that_joins_its_scope_is_heard_of_all_the_same)
{
	prepare(5);
	works_at = 2;
	begin(join_it);
	turn_until(ends);
	ck_assert_int_eq(retry.result, 0);
	ck_assert_uint_eq(retry.attempts, 2);
}
END_TEST

START_TEST(the_last_failure_is_its_result_and_pauses_grow_up_to_their_bound)
{
	prepare(4);
	begin(open_missing);
	turn_until(ends);
	ck_assert_int_eq(retry.result, -ENOENT);
	ck_assert_uint_eq(retry.attempts, 4);
	ck_assert_uint_ge(begun_ns[1] - begun_ns[0], MS);
	ck_assert_uint_ge(begun_ns[2] - begun_ns[1], 2 * MS);
	ck_assert_uint_ge(begun_ns[3] - begun_ns[2], 3 * MS);
}
END_TEST

START_TEST(an_attempt_has_its_own_time)
{
	pair_open(pair);
	prepare(2);
	options.attempt_ns = 2 * MS;
	begin(wait_for_nobody);
	turn_until(ends);
	ck_assert_int_eq(retry.result, -ETIMEDOUT);
	ck_assert_uint_eq(retry.attempts, 2);
	ck_assert_uint_eq(retry.scope.cause, DUET_CAUSE_ITSELF);
	expect(&trial, -ETIMEDOUT, DUET_UNTOUCHED, DUET_CAUSE_DEADLINE);
}
END_TEST

START_TEST(the_deadline_ends_an_attempt)
{
	pair_open(pair);
	prepare(0);
	options.deadline_ns = duet_loop_now_ns(stage.loop) + 20 * MS * patience_factor();
	begin(wait_for_nobody);
	turn_until(ends);
	ck_assert_int_eq(retry.result, -ETIMEDOUT);
	ck_assert_uint_eq(retry.attempts, 1);
	ck_assert_uint_eq(retry.scope.cause, DUET_CAUSE_DEADLINE);
}
END_TEST

START_TEST(the_deadline_ends_a_pause)
{
	prepare(0);
	options.deadline_ns = duet_loop_now_ns(stage.loop) + 20 * MS * patience_factor();
	options.backoff_ns = options.backoff_max_ns = 3600000 * MS;
	begin(open_missing);
	turn_until(ends);
	ck_assert_int_eq(retry.result, -ETIMEDOUT);
	ck_assert_uint_eq(retry.attempts, 1);
}
END_TEST

START_TEST(a_cancel_ends_an_attempt_at_once)
{
	pair_open(pair);
	prepare(5);
	begin(wait_for_nobody);
	turn_until(retry.attempts == 1);
	stage_settle(2);
	duet_scope_cancel(&retry.scope);
	turn_until(ends);
	ck_assert_int_eq(retry.result, -ECANCELED);
	ck_assert_uint_eq(retry.attempts, 1);
	expect(&trial, -ECANCELED, DUET_UNTOUCHED, DUET_CAUSE_SCOPE);
}
END_TEST

START_TEST(a_cancel_ends_a_pause_and_what_has_not_begun)
{
	prepare(5);
	options.backoff_ns = options.backoff_max_ns = 3600000 * MS;
	begin(open_missing);
	turn_until(retry.attempts == 1 && trial.ends);
	stage_settle(2);
	duet_scope_cancel(&retry.scope);
	turn_until(ends);
	ck_assert_int_eq(retry.result, -ECANCELED);
	begin(open_missing);
	duet_scope_cancel(&retry.scope);
	turn_until(ends);
	ck_assert_int_eq(retry.result, -ECANCELED);
	ck_assert_uint_eq(retry.attempts, 0);
}
END_TEST

static void cancel_at_its_end(struct trial *it)
{
	(void)it;
	duet_scope_cancel(&retry.scope);
}

static int open_and_cancel(struct duet_retry *it, struct duet_scope *scope)
{
	int answer = open_missing(it, scope);

	trial.then = cancel_at_its_end;
	return answer;
}

START_TEST(a_request_is_named_also_when_the_last_attempt_fails)
{
	prepare(1);
	begin(open_and_cancel);
	turn_until(ends);
	expect(&trial, -ENOENT, DUET_FAILED, DUET_CAUSE_ITSELF);
	ck_assert_int_eq(retry.result, -ECANCELED);
	prepare(1);
	works_at = 1;
	begin(open_and_cancel);
	turn_until(ends);
	ck_assert_int_eq(retry.result, 0);
}
END_TEST

START_TEST(a_shutdown_ends_it)
{
	prepare(5);
	options.backoff_ns = options.backoff_max_ns = 3600000 * MS;
	begin(open_missing);
	turn_until(retry.attempts == 1 && trial.ends);
	ck_assert_int_eq(duet_loop_shutdown(stage.loop, DUET_NO_DEADLINE), 0);
	ck_assert_uint_eq(ends, 1);
	ck_assert_int_eq(retry.result, -ECANCELED);
	ck_assert_uint_eq(retry.scope.cause, DUET_CAUSE_SHUTDOWN);
}
END_TEST

static int not_worth_it(struct duet_retry *it, int error)
{
	ck_assert_int_eq(error, -ENOENT);
	return it->attempts < 2;
}

START_TEST(an_error_that_is_not_worth_it_ends_it)
{
	prepare(5);
	options.again = not_worth_it;
	options.context = &ends;
	begin(open_missing);
	turn_until(ends);
	ck_assert_int_eq(retry.result, -ENOENT);
	ck_assert_uint_eq(retry.attempts, 2);
	ck_assert_ptr_eq(retry.scope.context, &ends);
}
END_TEST

/* Starts something, and then finds that it can't go on. */
static int give_up(struct duet_retry *it, struct duet_scope *scope)
{
	wait_for_nobody(it, scope);
	return it->attempts == works_at ? 0 : -EPROTO;
}

START_TEST(an_attempt_that_returns_an_error_has_failed_and_leaves_nothing)
{
	pair_open(pair);
	prepare(2);
	begin(give_up);
	turn_until(ends);
	ck_assert_int_eq(retry.result, -EPROTO);
	ck_assert_uint_eq(retry.attempts, 2);
	expect(&trial, -ECANCELED, DUET_UNTOUCHED, DUET_CAUSE_SCOPE);
}
END_TEST

static struct duet_cleanup cleanup;

static void clean(struct duet_scope *scope, struct duet_cleanup *it)
{
	(void)scope;
	ck_assert_ptr_eq(it, &cleanup);
	cleaned++;
}

static int open_and_defer(struct duet_retry *it, struct duet_scope *scope)
{
	/* That of the attempt before has run. */
	ck_assert_uint_eq(cleaned, it->attempts - 1);
	cleanup.run = clean;
	ck_assert_int_eq(duet_scope_defer(scope, &cleanup), 0);
	return open_missing(it, scope);
}

START_TEST(the_cleanup_of_an_attempt_is_done_before_the_next)
{
	prepare(3);
	begin(open_and_defer);
	turn_until(ends);
	ck_assert_uint_eq(cleaned, 3);
}
END_TEST

static unsigned joins;

static void joined(struct duet_scope *scope)
{
	(void)scope;
	ck_assert_uint_eq(ends, 1);
	joins++;
}

START_TEST(failures_on_the_way_are_none_of_the_parent_s)
{
	struct duet_scope_options fail_fast;
	struct duet_scope parent;

	joins = 0;
	duet_scope_options_init(&fail_fast);
	fail_fast.policy = DUET_FAIL_FAST;
	ck_assert_int_eq(duet_scope_open(&parent, stage.loop, NULL, &fail_fast), 0);
	prepare(5);
	works_at = 3;
	ck_assert_int_eq(begin_in(&parent, open_missing), 0);
	ck_assert_int_eq(duet_scope_join(&parent, joined), 0);
	turn_until(joins);
	ck_assert_int_eq(parent.result, 0);
	ck_assert_int_eq(retry.result, 0);
}
END_TEST

START_TEST(a_cancel_of_the_parent_stops_it_and_is_no_failure)
{
	struct duet_scope parent;

	joins = 0;
	ck_assert_int_eq(duet_scope_open(&parent, stage.loop, NULL, NULL), 0);
	prepare(5);
	options.backoff_ns = options.backoff_max_ns = 3600000 * MS;
	ck_assert_int_eq(begin_in(&parent, open_missing), 0);
	ck_assert_int_eq(duet_scope_join(&parent, joined), 0);
	turn_until(retry.attempts == 1 && trial.ends);
	duet_scope_cancel(&parent);
	turn_until(joins);
	ck_assert_int_eq(retry.result, -ECANCELED);
	ck_assert_int_eq(parent.result, -ECANCELED);
	ck_assert_int_eq(begin_in(&parent, open_missing), -ESHUTDOWN);
}
END_TEST

START_TEST(without_a_bound_it_is_refused)
{
	prepare(0);
	ck_assert_int_eq(begin_in(NULL, open_missing), -EINVAL);
	prepare(1);
	options.backoff_ns = options.backoff_max_ns + 1;
	ck_assert_int_eq(begin_in(NULL, open_missing), -EINVAL);
	ck_assert_uint_eq(duet_loop_pending(stage.loop), 0);
}
END_TEST

int main(void)
{
	return contract_run("retry",
		CASES(the_first_attempt_that_works_ends_it,
			an_attempt_that_joins_its_scope_is_heard_of_all_the_same,
			the_last_failure_is_its_result_and_pauses_grow_up_to_their_bound,
			an_attempt_has_its_own_time, the_deadline_ends_an_attempt,
			the_deadline_ends_a_pause, a_cancel_ends_an_attempt_at_once,
			a_cancel_ends_a_pause_and_what_has_not_begun,
			a_request_is_named_also_when_the_last_attempt_fails, a_shutdown_ends_it,
			an_error_that_is_not_worth_it_ends_it,
			an_attempt_that_returns_an_error_has_failed_and_leaves_nothing,
			the_cleanup_of_an_attempt_is_done_before_the_next,
			failures_on_the_way_are_none_of_the_parent_s,
			a_cancel_of_the_parent_stops_it_and_is_no_failure,
			without_a_bound_it_is_refused),
		NULL);
}
