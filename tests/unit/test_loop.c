/* SPDX-FileCopyrightText: The Duet authors */
/* SPDX-License-Identifier: MIT */
#include "tests/support/harness.h"
#include "tests/support/scripted.h"

/* R16: which backend a loop gets; and what duet_loop_create() checks of one. core/loop.c */

static struct duet_backend refusing;
static struct duet_backend willing;
static int refusal;
static unsigned asked;

static int refuse(struct duet_loop *loop, const struct duet_loop_options *options)
{
	(void)loop;
	(void)options;
	asked++;
	return refusal;
}

static int explain(const char *tuning, struct duet_probe *probe)
{
	(void)tuning;
	strcpy(probe->reason, "not today");
	return refusal;
}

static const char *tuning_seen;

static int accept_all(struct duet_loop *loop, const struct duet_loop_options *options)
{
	tuning_seen = options->tuning;
	return scripted()->create(loop, options);
}

static const struct duet_backend *const list[] = { &refusing, &willing };

static void set_up(int error)
{
	script = (struct script){ .room = UINT32_MAX };
	refusing = willing = *scripted();
	refusing.name = "refusing";
	refusing.create = refuse;
	refusing.probe = explain;
	willing.name = "willing";
	willing.create = accept_all;
	refusal = error;
	asked = 0;
}

START_TEST(a_list_falls_to_the_next_only_if_the_first_is_not_there_or_not_permitted)
{
	static const int falls[] = { -ENOSYS, -EPERM, -EACCES, -ENOTSUP };
	static const int ends[] = { -ENOMEM, -EMFILE, -EINVAL, -EIO };
	struct duet_probe why;
	struct duet_loop *loop;

	for (unsigned i = 0; i < 4; i++) {
		set_up(falls[i]);
		ck_assert_int_eq(duet_loop_create_first(&loop, list, 2, NULL, &why), 0);
		ck_assert_str_eq(duet_backend_name(duet_loop_backend(loop)), "willing");
		ck_assert_int_eq(why.error, falls[i]);
		ck_assert_str_eq(why.reason, "not today");
		ck_assert_int_eq(duet_loop_destroy(loop), 0);
		set_up(ends[i]);
		ck_assert_int_eq(duet_loop_create_first(&loop, list, 2, NULL, &why), ends[i]);
		ck_assert_ptr_null(loop);
	}
}
END_TEST

START_TEST(nothing_was_passed_over_if_the_first_is_willing)
{
	static const struct duet_backend *const only[] = { &willing, &refusing };
	struct duet_probe why;
	struct duet_loop *loop;

	set_up(-EPERM);
	ck_assert_int_eq(duet_loop_create_first(&loop, only, 2, NULL, &why), 0);
	ck_assert_int_eq(why.error, 0);
	ck_assert_uint_eq(asked, 0);
	ck_assert_int_eq(duet_loop_destroy(loop), 0);
	ck_assert_int_eq(duet_loop_create_first(&loop, only, 1, NULL, NULL), 0);
	ck_assert_int_eq(duet_loop_destroy(loop), 0);
}
END_TEST

START_TEST(a_list_of_refusals_ends_with_the_last_and_an_empty_one_is_invalid)
{
	struct duet_loop *loop;

	set_up(-EPERM);
	ck_assert_int_eq(duet_loop_create_first(&loop, list, 1, NULL, NULL), -EPERM);
	ck_assert_ptr_null(loop);
	ck_assert_int_eq(duet_loop_create_first(&loop, list, 0, NULL, NULL), -EINVAL);
}
END_TEST

START_TEST(tuning_belongs_to_the_first_of_a_list)
{
	struct duet_loop_options options;
	struct duet_loop *loop;

	set_up(-EPERM);
	duet_loop_options_init(&options);
	options.tuning = "entries=8";
	ck_assert_int_eq(duet_loop_create_first(&loop, list, 2, &options, NULL), 0);
	ck_assert_ptr_null(tuning_seen);
	ck_assert_int_eq(duet_loop_destroy(loop), 0);
}
END_TEST

START_TEST(a_single_backend_never_falls_back)
{
	struct duet_loop *loop;

	set_up(-EPERM);
	ck_assert_int_eq(duet_loop_create(&loop, &refusing, NULL), -EPERM);
	ck_assert_ptr_null(loop);
	ck_assert_uint_eq(asked, 1);
}
END_TEST

START_TEST(a_table_of_another_version_or_size_is_refused)
{
	struct duet_loop *loop;

	set_up(0);
	willing.version++;
	ck_assert_int_eq(duet_loop_create(&loop, &willing, NULL), -EINVAL);
	set_up(0);
	willing.size--;
	ck_assert_int_eq(duet_loop_create(&loop, &willing, NULL), -EINVAL);
}
END_TEST

START_TEST(a_kind_that_is_absent_is_refused)
{
	struct duet_loop *loop = script_open(NULL);
	struct duet_op op;

	loop->capability[DUET_FSYNC] = DUET_ABSENT;
	duet_op_init(&op, NULL, NULL);
	duet_op_fsync(&op, script_handle(loop), 0);
	ck_assert_int_eq(duet_op_start(loop, &op), -EOPNOTSUPP);
	ck_assert_int_eq(duet_loop_destroy(loop), 0);
}
END_TEST

/* How long a turn may sleep. */
START_TEST(a_turn_sleeps_no_longer_than_the_caller_a_timer_or_an_owed_cancel_allows)
{
	struct duet_loop *loop = script_open(NULL);
	struct duet_op op;

	duet_loop_turn(loop, -1);
	ck_assert_int_eq(script.timeout_ns, -1);
	duet_loop_turn(loop, 700);
	ck_assert_int_eq(script.timeout_ns, 700);
	duet_op_init(&op, NULL, NULL);
	duet_op_timeout(&op, script.now_ns + 500);
	ck_assert_int_eq(duet_op_start(loop, &op), 0);
	duet_loop_turn(loop, -1);
	ck_assert_int_eq(script.timeout_ns, 500);
	duet_loop_turn(loop, 100);
	ck_assert_int_eq(script.timeout_ns, 100);
	script.now_ns += 500;
	ck_assert_int_eq(duet_loop_turn(loop, -1), 1);
	ck_assert_int_eq(script.timeout_ns, 0);
	ck_assert_int_eq(duet_loop_destroy(loop), 0);
}
END_TEST

static int look_away(struct duet_loop *loop, int64_t timeout_ns)
{
	(void)loop;
	(void)timeout_ns;
	return 0;
}

/* What has come may be found only in the next turn, and beats its deadline there. */
START_TEST(no_timer_expires_in_a_turn_in_which_the_backend_did_not_look_for_events)
{
	struct duet_loop *loop = script_open(NULL);
	struct duet_backend blind = *scripted();
	struct duet_op op;

	duet_op_init(&op, NULL, NULL);
	duet_op_poll(&op, script_handle(loop), 1);
	duet_op_deadline(&op, script.now_ns + 500);
	ck_assert_int_eq(duet_op_start(loop, &op), 0);
	script.now_ns += 1000;
	blind.wait = look_away;
	loop->backend = &blind;
	duet_loop_turn(loop, 0);
	ck_assert_uint_eq(script.cancels, 0);
	loop->backend = scripted();
	script_plan(&op, SCRIPT_END, 1, 0);
	duet_loop_turn(loop, 0);
	ck_assert_uint_eq(script.cancels, 0);
	ck_assert_int_eq(op.result, 1);
	ck_assert_int_eq(duet_loop_destroy(loop), 0);
}
END_TEST

static unsigned woken_count;

static void woken(struct duet_loop *loop, void *context)
{
	(void)loop;
	(void)context;
	woken_count++;
}

START_TEST(a_wake_reaches_a_loop_that_sleeps_also_while_starts_wait_for_room)
{
	struct duet_loop_options options;
	struct duet_loop *loop;
	struct duet_op op;

	duet_loop_options_init(&options);
	options.woken = woken;
	loop = script_open(&options);
	duet_op_init(&op, NULL, NULL);
	duet_op_poll(&op, script_handle(loop), 1);
	script.room = 0;
	ck_assert_int_eq(duet_op_start(loop, &op), 0);
	duet_loop_wake(loop);
	ck_assert_uint_eq(script.wakes, 0);
	duet_loop_turn(loop, 0);
	ck_assert_uint_eq(woken_count, 1);
	ck_assert_int_eq(duet_loop_prepare(loop), 0);
	duet_loop_wake(loop);
	duet_loop_wake(loop);
	ck_assert_uint_eq(script.wakes, 1);
	duet_loop_turn(loop, 0);
	ck_assert_uint_eq(woken_count, 2);
	script.room = UINT32_MAX;
	duet_loop_turn(loop, 0);
	script_plan(&op, SCRIPT_END, 1, 0);
	duet_loop_turn(loop, 0);
	ck_assert_int_eq(duet_loop_destroy(loop), 0);
}
END_TEST

/* Nothing is on loan, no timer runs, and nobody asks. */
START_TEST(a_turn_reads_the_clock_only_for_somebody)
{
	struct duet_loop *loop = script_open(NULL);
	unsigned before = script.clock_reads;

	script.now_ns = 1000;
	duet_loop_turn(loop, 0);
	duet_loop_turn(loop, -1);
	ck_assert_uint_eq(script.clock_reads, before);
	ck_assert_uint_eq(duet_loop_now_ns(loop), 1000);
	script.now_ns = 2000;
	ck_assert_uint_eq(duet_loop_now_ns(loop), 1000);
	ck_assert_uint_eq(script.clock_reads, before + 1);
	duet_loop_turn(loop, 0);
	ck_assert_uint_eq(duet_loop_now_ns(loop), 2000);
	ck_assert_int_eq(duet_loop_destroy(loop), 0);
}
END_TEST

static double byte_seconds(const struct duet_loop *loop)
{
	struct duet_ledger ledger;

	duet_loop_ledger(loop, &ledger);
	return ledger.lent_byte_seconds;
}

/* However long ago the clock was read when the loan began. */
START_TEST(a_loan_counts_from_the_turn_that_it_began_in)
{
	static char data[1000];
	struct duet_loop *loop = script_open(NULL);
	struct duet_op op;

	script.now_ns = 5000000000;
	duet_loop_turn(loop, 0);
	script.now_ns = 7000000000;
	duet_op_init(&op, NULL, NULL);
	duet_op_recv(&op, script_handle(loop), data, sizeof(data), 0);
	ck_assert_int_eq(duet_op_start(loop, &op), 0);
	duet_loop_turn(loop, 0);
	script.now_ns = 8000000000;
	duet_loop_turn(loop, 0);
	ck_assert_double_eq(byte_seconds(loop), 1000);
	script.now_ns = 10000000000;
	script_plan(&op, SCRIPT_END, 1000, 0);
	duet_loop_turn(loop, 0);
	ck_assert_double_eq(byte_seconds(loop), 3000);
	script.now_ns = 20000000000;
	duet_loop_turn(loop, 0);
	ck_assert_double_eq(byte_seconds(loop), 3000);
	ck_assert_int_eq(duet_loop_destroy(loop), 0);
}
END_TEST

/* The script's clock moves by being read, as time passes. */
START_TEST(a_turn_looks_as_long_as_it_may_and_then_sleeps_for_the_rest)
{
	struct duet_loop_options options;
	struct duet_loop *loop;

	duet_loop_options_init(&options);
	options.spin_ns = 1000;
	loop = script_open(&options);
	script.clock_step_ns = 100;
	duet_loop_turn(loop, 5000);
	ck_assert_uint_ge(script.waits, 9);
	ck_assert_uint_le(script.waits, 12);
	ck_assert_int_ge(script.timeout_ns, 3800);
	ck_assert_int_le(script.timeout_ns, 4000);
	duet_loop_turn(loop, -1);
	ck_assert_int_eq(script.timeout_ns, -1);
	script.waits = 0;
	duet_loop_turn(loop, 500);
	ck_assert_uint_le(script.waits, 6);
	ck_assert_int_eq(script.timeout_ns, 0);
	script.waits = 0;
	duet_loop_turn(loop, 0);
	ck_assert_uint_eq(script.waits, 1);
	ck_assert_int_eq(duet_loop_destroy(loop), 0);
}
END_TEST

START_TEST(a_turn_that_looks_ends_with_what_it_finds)
{
	struct duet_loop_options options;
	struct duet_loop *loop;
	struct duet_op op;

	duet_loop_options_init(&options);
	options.spin_ns = 1000000;
	loop = script_open(&options);
	script.clock_step_ns = 100;
	duet_op_init(&op, NULL, NULL);
	duet_op_poll(&op, script_handle(loop), 1);
	ck_assert_int_eq(duet_op_start(loop, &op), 0);
	script_plan(&op, SCRIPT_END, 1, 0);
	ck_assert_int_eq(duet_loop_turn(loop, -1), 1);
	ck_assert_uint_eq(script.waits, 1);
	duet_loop_wake(loop);
	duet_loop_turn(loop, -1);
	ck_assert_uint_eq(script.waits, 2);
	ck_assert_uint_eq(script.wakes, 0);
	options.spin_ns = 1000000001;
	ck_assert_int_eq(duet_loop_destroy(loop), 0);
	ck_assert_int_eq(duet_loop_create(&loop, scripted(), &options), -EINVAL);
}
END_TEST

int main(void)
{
	return plain_run("loop",
		CASES(a_list_falls_to_the_next_only_if_the_first_is_not_there_or_not_permitted,
			nothing_was_passed_over_if_the_first_is_willing,
			a_list_of_refusals_ends_with_the_last_and_an_empty_one_is_invalid,
			tuning_belongs_to_the_first_of_a_list, a_single_backend_never_falls_back,
			a_table_of_another_version_or_size_is_refused,
			a_kind_that_is_absent_is_refused,
			a_turn_sleeps_no_longer_than_the_caller_a_timer_or_an_owed_cancel_allows,
			a_turn_looks_as_long_as_it_may_and_then_sleeps_for_the_rest,
			a_turn_that_looks_ends_with_what_it_finds,
			a_turn_reads_the_clock_only_for_somebody,
			a_loan_counts_from_the_turn_that_it_began_in,
			no_timer_expires_in_a_turn_in_which_the_backend_did_not_look_for_events,
			a_wake_reaches_a_loop_that_sleeps_also_while_starts_wait_for_room));
}
