/* SPDX-FileCopyrightText: The Duet authors */
/* SPDX-License-Identifier: MIT */
#include "tests/cxx/stage.hpp"

#include <memory>
#include <string>
#include <string_view>
#include <system_error>

/* What couldn't begin says why, to whoever asks; and who waits for the end of something hears of it. */

using namespace std::literals;

static duet::task<int> answer(int with)
{
	co_return with;
}

static duet::task<int> sleep_long()
{
	co_return (co_await hour_long()).error();
}

/* ---- Refused. ---- */

static duet::task<> note(bool *done)
{
	*done = true;
	co_return;
}

struct refusals {
	int opened, spawned, deferred, closing, joined;
	bool cleanup_left, handle_left;
};

static duet::task<int> try_all(duet::handle &owned, refusals &how)
{
	bool done = false;
	duet::scope scope;
	duet::job<int> job;
	duet::task<> cleanup = note(&done);

	/* Nobody looks, as in a hurry. */
	how.opened = scope.open(co_await duet::here);
	how.spawned = scope.spawn(answer(1));
	how.deferred = scope.defer(std::move(cleanup));
	how.cleanup_left = bool(cleanup);
	how.closing = scope.defer_close(owned);
	how.handle_left = bool(owned);
	ck_assert_int_eq(scope.spawn(job, answer(1)), how.spawned);
	ck_assert_int_eq(job.error(), how.spawned);
	how.joined = co_await scope.join();
	co_return how.joined;
}

START_TEST(a_scope_that_could_not_be_opened_refuses_all_and_says_why)
{
	refusals how = {};
	stream pair;
	ground ground;
	duet::job<int> job;

	ck_assert_int_eq(ground.scope.spawn(job, try_all(pair.near, how)), 0);
	ground.scope.cancel();
	ground.join();
	ck_assert_int_eq(how.opened, -ECANCELED);
	ck_assert_int_eq(how.spawned, -ECANCELED);
	ck_assert_int_eq(how.deferred, -ECANCELED);
	ck_assert_int_eq(how.closing, -ECANCELED);
	ck_assert_int_eq(how.joined, -ECANCELED);
	ck_assert(how.cleanup_left && how.handle_left);
}
END_TEST

START_TEST(a_scope_that_is_not_open_yet_or_any_more_takes_nothing_in)
{
	duet_scheduler scheduler;
	duet::scope scope;

	ck_assert_int_eq(duet_scheduler_init(&scheduler, stage.loop, nullptr), 0);
	for (int i = 0; i < 2; i++) {
		ck_assert_int_eq(scope.spawn(answer(1)), -ESHUTDOWN);
		ck_assert_int_eq(scope.begin_join(), -ESHUTDOWN);
		ck_assert_int_eq(scope.error(), i ? 0 : -ESHUTDOWN);
		if (i)
			break;
		ck_assert_int_eq(scope.open(scheduler), 0);
		ck_assert_int_eq(scope.begin_join(), 0);
		turn_until(scope.joined());
	}
}
END_TEST

static duet::task<int> await_refused(duet::job<int> &job)
{
	co_return co_await job;
}

START_TEST(a_job_that_never_began_says_why_to_all_who_ask)
{
	duet::job<int> job;
	duet::job<> empty;
	ground ground;

	ck_assert_int_eq(job.error(), -EINVAL);
	ck_assert_int_eq(result_of(await_refused(job)).error(), -EINVAL);
	ground.scope.cancel();
	ck_assert_int_eq(ground.scope.spawn(job, answer(1)), -ECANCELED);
	ck_assert_int_eq(ground.scope.spawn(empty, duet::task<>()), -ENOMEM);
	ground.join();
	ck_assert_int_eq(job.take().error(), -ECANCELED);
	ck_assert(!empty.take());
	ck_assert_int_eq(empty.take().disposition(), DUET_FAILED);
	ck_assert_int_eq(result_of(await_refused(job)).error(), -ECANCELED);
	/* It may be spawned for all that. */
	play(job, answer(7));
	ck_assert_int_eq(*job.take(), 7);
}
END_TEST

START_TEST(a_stop_of_what_is_not_at_work_asks_nobody)
{
	std::stop_source source;
	duet::scope scope;
	duet::job<int> job;
	duet::stop_link first(source.get_token(), scope);
	duet::stop_link second(source.get_token(), job);

	ck_assert(source.request_stop());
}
END_TEST

/* ---- What an argument owns. ---- */

static duet::task<> serve(duet::handle connection)
{
	(co_await duet::send_all(connection, "bye"sv)).value();
	throw std::system_error(ECONNRESET, std::generic_category());
}

/* The frame has the argument, and goes when the exception is no longer under way. */
START_TEST(a_connection_that_was_handed_to_a_task_is_closed_if_that_fails)
{
	stream pair;
	const duet_handle near = pair.near;
	ground ground;

	ck_assert_int_eq(ground.scope.spawn(serve(std::move(pair.near))), 0);
	ck_assert_int_eq(ground.join(), -ECONNRESET);
	turn_until(duet_loop_pending(stage.loop) == 0);
	ck_assert_int_eq(duet_handle_fd(stage.loop, near), -EBADF);
}
END_TEST

START_TEST(a_connection_that_was_handed_to_a_task_is_closed_if_that_is_refused)
{
	stream pair;
	const duet_handle near = pair.near;
	ground ground;

	ground.scope.cancel();
	ck_assert_int_eq(ground.scope.spawn(serve(std::move(pair.near))), -ECANCELED);
	ground.join();
	turn_until(duet_loop_pending(stage.loop) == 0);
	ck_assert_int_eq(duet_handle_fd(stage.loop, near), -EBADF);
}
END_TEST

/* ---- Who waits for an end. ---- */

static duet::task<int> wait_for(duet::job<int> &job)
{
	co_return co_await job;
}

static duet::task<int> sleep_briefly(int with)
{
	(co_await duet::sleep_for(1ms)).value();
	co_return with;
}

START_TEST(any_number_wait_for_a_job_and_all_are_given_its_value)
{
	duet::job<int> job, waiting[3];
	ground ground;

	ck_assert_int_eq(ground.scope.spawn(job, sleep_briefly(7)), 0);
	for (auto &one : waiting)
		ck_assert_int_eq(ground.scope.spawn(one, wait_for(job)), 0);
	ground.join();
	for (auto &one : waiting)
		ck_assert_int_eq(*one.take(), 7);
}
END_TEST

/* Some are asked to end, and the others are told as well. */
START_TEST(who_is_asked_to_end_ends_what_it_waits_for_and_all_hear_of_it)
{
	duet::job<int> job, waiting[3];
	ground ground;

	ck_assert_int_eq(ground.scope.spawn(job, sleep_long()), 0);
	for (auto &one : waiting)
		ck_assert_int_eq(ground.scope.spawn(one, wait_for(job)), 0);
	turn_until(waiting[2].context().state == DUET_TASK_WAITING);
	waiting[1].cancel();
	waiting[0].cancel();
	turn_until(waiting[0].ended() && waiting[1].ended() && waiting[2].ended());
	ck_assert_int_eq(job.take().cause(), DUET_CAUSE_CANCEL);
	ck_assert_int_eq(waiting[2].error(), -ECANCELED);
	ground.join();
}
END_TEST

static duet::task<int> join_it(duet::scope &scope)
{
	co_return co_await scope.join();
}

START_TEST(any_number_join_a_scope)
{
	duet_scheduler scheduler;
	duet::scope inner;
	duet::job<int> waiting[2];
	ground ground;

	ck_assert_int_eq(duet_scheduler_init(&scheduler, stage.loop, nullptr), 0);
	ck_assert_int_eq(inner.open(scheduler), 0);
	ck_assert_int_eq(inner.spawn(sleep_briefly(-EPIPE)), 0);
	for (auto &one : waiting)
		ck_assert_int_eq(ground.scope.spawn(one, join_it(inner)), 0);
	ground.join();
	ck_assert_int_eq(waiting[0].error(), -EPIPE);
	ck_assert_int_eq(waiting[1].error(), -EPIPE);
}
END_TEST

START_TEST(the_deadline_of_who_waits_comes_also_to_what_has_none)
{
	duet_scheduler scheduler;
	duet::scope inner;
	duet::job<int> job, waiting, joining;
	ground ground;

	ck_assert_int_eq(duet_scheduler_init(&scheduler, stage.loop, nullptr), 0);
	ck_assert_int_eq(inner.open(scheduler), 0);
	ck_assert_int_eq(inner.spawn(sleep_long()), 0);
	ck_assert_int_eq(ground.scope.spawn(job, sleep_long()), 0);
	waiting.deadline_ns = joining.deadline_ns = duet_loop_now_ns(stage.loop) + MILLISECOND_NS;
	ck_assert_int_eq(ground.scope.spawn(waiting, wait_for(job)), 0);
	ck_assert_int_eq(ground.scope.spawn(joining, join_it(inner)), 0);
	ground.join();
	ck_assert_int_eq(job.error(), -ECANCELED);
	ck_assert_int_eq(waiting.error(), -ECANCELED);
	ck_assert_int_eq(joining.error(), -ETIMEDOUT);
}
END_TEST

START_TEST(who_waits_for_itself_is_refused)
{
	duet::job<int> job;

	play(job, wait_for(job));
	ck_assert_int_eq(job.error(), -EDEADLK);
}
END_TEST

/* A wait that there is no room for among the loop's operations is one all the same. */
START_TEST(who_waits_for_a_job_needs_no_operation)
{
	duet::job<int> job, waiting;
	duet_loop_options options;
	duet_op taken[3];

	duet_loop_options_init(&options);
	options.operations_max = 4;
	stage_reopen(&options, nullptr);
	ground ground;
	for (auto &op : taken) {
		duet_op_init(&op, nullptr, nullptr);
		duet_op_timeout(&op, duet_loop_now_ns(stage.loop) + HOUR_NS);
		duet_op_start(stage.loop, &op);
	}
	auto yield_often = []() -> duet::task<int> {
		for (int i = 0; i < 9; i++)
			co_await duet::yield;
		co_return 7;
	};
	ck_assert_int_eq(ground.scope.spawn(job, yield_often()), 0);
	ck_assert_int_eq(ground.scope.spawn(waiting, wait_for(job)), 0);
	turn_until(waiting.ended());
	ck_assert_int_eq(*waiting.take(), 7);
	for (auto &op : taken)
		duet_op_cancel(&op);
	ground.join();
}
END_TEST

static duet::task<std::string> speak()
{
	co_return std::string(64, 'x');
}

static duet::task<int> listen_twice(duet::job<std::string> &job)
{
	const std::string heard = co_await job;

	ck_assert_uint_eq(heard.size(), 64);
	ck_assert_uint_eq((co_await job).size(), 0);
	co_return 0;
}

START_TEST(what_is_moved_out_is_there_once)
{
	duet::job<std::string> job;

	play(job, speak());
	ck_assert_int_eq(result_of(listen_twice(job)).error(), -EALREADY);
	ck_assert(!job.take());
	ck_assert_int_eq(job.take().error(), -EALREADY);
	ck_assert_int_eq(job.error(), 0);
}
END_TEST

static duet::task<> keep(std::shared_ptr<int>)
{
	co_return;
}

START_TEST(a_frame_goes_when_its_task_is_replaced)
{
	auto kept = std::make_shared<int>(1), other = std::make_shared<int>(2);
	auto first = keep(kept), second = keep(other);

	first = std::move(second);
	ck_assert_int_eq(kept.use_count(), 1);
	ck_assert(!second && first);
	first = {};
	ck_assert_int_eq(other.use_count(), 1);
}
END_TEST

int main()
{
	static const TTest *const cases[] = {
		a_scope_that_could_not_be_opened_refuses_all_and_says_why,
		a_scope_that_is_not_open_yet_or_any_more_takes_nothing_in,
		a_job_that_never_began_says_why_to_all_who_ask,
		a_stop_of_what_is_not_at_work_asks_nobody,
		a_connection_that_was_handed_to_a_task_is_closed_if_that_fails,
		a_connection_that_was_handed_to_a_task_is_closed_if_that_is_refused,
		any_number_wait_for_a_job_and_all_are_given_its_value,
		who_is_asked_to_end_ends_what_it_waits_for_and_all_hear_of_it,
		any_number_join_a_scope, the_deadline_of_who_waits_comes_also_to_what_has_none,
		who_waits_for_itself_is_refused, who_waits_for_a_job_needs_no_operation,
		what_is_moved_out_is_there_once, a_frame_goes_when_its_task_is_replaced, nullptr};

	return contract_run("cxx-ending", cases, nullptr);
}
