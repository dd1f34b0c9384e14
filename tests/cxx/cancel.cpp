/* SPDX-FileCopyrightText: The Duet authors */
/* SPDX-License-Identifier: MIT */
#include "tests/cxx/stage.hpp"

#include <array>
#include <stdexcept>
#include <string_view>
#include <thread>

/* Requests to end: at each wait, by a deadline, by a stop token, from another thread; and the
 * cleanup. */

using namespace std::literals;

enum when { BEFORE, DURING };

/* Asks for the end of a scope at the wait numbered `at`. */
struct asking : duet_message {
	ground *on = nullptr;
	unsigned at = 0;
	unsigned waits = 0;
	when how = BEFORE;
	unsigned inner_begun = 0;
	unsigned inner_cleaned = 0;
	unsigned closed = 0;

	asking() : duet_message{arrived, nullptr} {}
	static void arrived(duet_message *message)
	{
		static_cast<asking *>(message)->on->scope.cancel();
	}
	void a_wait()
	{
		if (waits++ != at)
			return;
		if (how == BEFORE)
			on->scope.cancel();
		else
			duet_loop_defer(stage.loop, this);
	}
};

static duet::task<int> chatter(asking &ask, duet_handle from, duet_handle to)
{
	duet::task_context &here = co_await duet::here;
	std::array<char, 4> text;
	int error;

	ask.inner_begun++;
	ask.a_wait();
	error = (co_await duet::send_all(from, "deep"sv)).error();
	if (!error) {
		ask.a_wait();
		error = (co_await duet::recv_exactly(to, text)).error();
	}
	duet::shield cleanup(here, SECOND_NS);

	ask.inner_cleaned += (co_await duet::nop()).has_value();
	co_return error;
}

/* Everything that may throw, because it was asked to end, stands in here. */
static duet::task<int> talk(asking &ask, duet_handle from, duet_handle to)
{
	std::array<char, 2> text;
	int error;

	ask.a_wait();
	(co_await duet::sleep_for(1ms)).value();
	ask.a_wait();
	(co_await duet::send_all(from, "hi"sv)).value();
	ask.a_wait();
	co_await duet::yield;
	error = co_await chatter(ask, from, to);
	if (error)
		co_return error;
	ask.a_wait();
	co_return static_cast<int>((co_await duet::recv_exactly(to, text)).value());
}

static duet::task<int> chat(asking &ask, duet::handle near, duet::handle far)
{
	int error = 0;

	try {
		error = co_await talk(ask, near, far);
	} catch (const std::system_error &thrown) {
		error = -thrown.code().value();
	}
	ask.closed += (co_await near.close()).has_value();
	ask.closed += (co_await far.close()).has_value();
	co_return error;
}

static bool chat_asked_at(unsigned at, when how)
{
	asking ask;
	stream pair;
	ground ground;
	duet::job<int> job;

	ask.on = &ground;
	ask.at = at;
	ask.how = how;
	ck_assert_int_eq(
		ground.scope.spawn(job, chat(ask, std::move(pair.near), std::move(pair.far))), 0);
	ground.join();
	ck_assert_msg(ask.closed == 2, "on %s: asked at wait %u: %u of 2 handles closed",
		stage.arm->name, at, ask.closed);
	ck_assert_uint_eq(ask.inner_cleaned, ask.inner_begun);
	if (job.error())
		ck_assert_int_eq(job.error(), -ECANCELED);
	if (ask.waits <= at)
		ck_assert_int_eq(job.error(), 0);
	else if (how == BEFORE)
		ck_assert_int_eq(job.context().asked, DUET_CAUSE_SCOPE);
	stage_settle(2);
	return ask.waits > at;
}

START_TEST(asked_before_any_of_its_waits_it_cleans_up_and_ends)
{
	unsigned waits = 0;

	while (chat_asked_at(waits, BEFORE))
		waits++;
	ck_assert_uint_eq(waits, 6);
}
END_TEST

START_TEST(asked_in_any_of_its_waits_it_cleans_up_and_ends)
{
	unsigned waits = 0;

	while (chat_asked_at(waits, DURING))
		waits++;
	ck_assert_uint_eq(waits, 6);
}
END_TEST

/* ---- Time. ---- */

static duet::task<int> sleep_long(duet::outcome *how)
{
	auto slept = co_await hour_long();

	if (how)
		*how = slept.how();
	co_return slept.error();
}

START_TEST(the_deadline_of_a_task_or_of_one_operation_ends_a_wait)
{
	duet::job<int> job;
	duet::outcome how;
	char byte;
	stream pair;

	job.deadline_ns = duet_loop_now_ns(stage.loop) + MILLISECOND_NS;
	play(job, sleep_long(&how));
	ck_assert_int_eq(job.error(), -ETIMEDOUT);
	ck_assert_int_eq(how.cause, DUET_CAUSE_DEADLINE);

	auto patient = [](duet_handle from, char *to) -> duet::task<duet::result<std::size_t>> {
		const std::uint64_t until_ns = duet_loop_now_ns(stage.loop) + MILLISECOND_NS;

		co_return co_await duet::recv(from, {to, 1}).until(until_ns);
	};
	auto received = result_of(patient(pair.far, &byte)).value();

	ck_assert_int_eq(received.error(), -ETIMEDOUT);
	ck_assert_int_eq(received.disposition(), DUET_UNTOUCHED);
}
END_TEST

static duet::task<int> overrun(duet::outcome *how)
{
	duet::task_context &here = co_await duet::here;
	auto slept = co_await hour_long();
	duet::shield cleanup(here, MILLISECOND_NS);

	*how = (co_await hour_long()).how();
	co_return slept.error();
}

START_TEST(a_cleanup_in_a_shield_has_its_budget_and_no_more)
{
	duet::job<int> job;
	duet::outcome how;
	ground ground;

	ck_assert_int_eq(ground.scope.spawn(job, overrun(&how)), 0);
	turn_until(job.context().state == DUET_TASK_WAITING);
	ground.scope.cancel();
	ground.join();
	ck_assert_int_eq(job.error(), -ECANCELED);
	ck_assert_int_eq(how.code, -ETIMEDOUT);
}
END_TEST

START_TEST(a_job_is_cancelled_alone)
{
	duet::job<int> jobs[2];
	ground ground;

	for (auto &job : jobs)
		ck_assert_int_eq(ground.scope.spawn(job, sleep_long(nullptr)), 0);
	turn_until(jobs[1].context().state == DUET_TASK_WAITING);
	jobs[0].cancel();
	turn_until(jobs[0].ended());
	ck_assert_int_eq(jobs[0].take().cause(), DUET_CAUSE_CANCEL);
	ck_assert(!jobs[1].ended());
	ground.scope.cancel();
	ground.join();
	ck_assert_int_eq(jobs[1].take().cause(), DUET_CAUSE_SCOPE);
}
END_TEST

/* ---- Stop tokens. ---- */

START_TEST(a_stop_source_asks_a_scope_from_the_loop_s_thread_and_from_another)
{
	for (int elsewhere = 0; elsewhere <= stage.arm->kernel; elsewhere++) {
		std::stop_source source;
		duet::job<int> job;
		ground ground;

		ck_assert_int_eq(ground.scope.spawn(job, sleep_long(nullptr)), 0);
		turn_until(job.context().state == DUET_TASK_WAITING);
		{
			duet::stop_link link(source.get_token(), ground.scope);

			if (elsewhere)
				std::thread([&] { source.request_stop(); }).join();
			else
				source.request_stop();
			turn_until(job.ended());
		}
		ground.join();
		ck_assert_int_eq(job.error(), -ECANCELED);
		ck_assert_int_eq(ground.scope.cause(), DUET_CAUSE_CANCEL);
	}
}
END_TEST

START_TEST(a_stop_source_asks_one_job)
{
	std::stop_source source;
	duet::job<int> jobs[2];
	ground ground;

	for (auto &job : jobs)
		ck_assert_int_eq(ground.scope.spawn(job, sleep_long(nullptr)), 0);
	turn_until(jobs[1].context().state == DUET_TASK_WAITING);
	{
		duet::stop_link link(source.get_token(), jobs[0]);

		source.request_stop();
		turn_until(jobs[0].ended());
	}
	ck_assert(!jobs[1].ended());
	ground.scope.cancel();
	ground.join();
}
END_TEST

/* Whoever makes the request, and whenever: nobody is asked who isn't there any more. */
START_TEST(a_request_that_is_on_its_way_when_the_link_goes_asks_nobody)
{
	std::stop_source source;
	ground ground;

	if (stage.arm->kernel) {
		duet::job<int> job;

		{
			duet::stop_link link(source.get_token(), ground.scope);

			std::thread([&] { source.request_stop(); }).join();
		}
		auto brief = []() -> duet::task<int> {
			co_return (co_await duet::sleep_for(1ms)).error();
		};

		ck_assert_int_eq(ground.scope.spawn(job, brief()), 0);
		turn_until(job.ended());
		ck_assert_int_eq(job.error(), 0);
	}
	ck_assert_int_eq(ground.join(), 0);
}
END_TEST

static duet::task<int> watch(std::stop_token *token)
{
	*token = (co_await duet::here).stop_token();
	co_return co_await sleep_long(nullptr);
}

START_TEST(the_token_of_a_task_follows_its_scope_and_its_own_cancel)
{
	for (int alone = 0; alone < 2; alone++) {
		std::stop_token token;
		duet::job<int> job;
		ground ground;

		ck_assert_int_eq(ground.scope.spawn(job, watch(&token)), 0);
		turn_until(job.context().state == DUET_TASK_WAITING);
		ck_assert(!token.stop_requested());
		if (alone) {
			job.cancel();
			turn_until(job.ended());
		} else {
			ground.scope.cancel();
		}
		ck_assert(token.stop_requested());
		ground.join();
	}
}
END_TEST

static duet::task<int> glance()
{
	ck_assert(!(co_await duet::here).stop_token().stop_requested());
	co_return (co_await duet::sleep_for(1ms)).error();
}

START_TEST(a_token_keeps_no_scope_and_has_no_say_in_it)
{
	ground ground;

	ck_assert_int_eq(ground.scope.spawn(glance()), 0);
	ck_assert_int_eq(ground.scope.spawn(glance()), 0);
	ck_assert_int_eq(ground.join(), 0);
	ck_assert_int_eq(ground.scope.cause(), DUET_CAUSE_ITSELF);
}
END_TEST

/* ---- Cleanup of a scope. ---- */

static duet::task<> note(std::string *order, char mine, std::chrono::nanoseconds time)
{
	auto done = co_await duet::sleep_for(time);

	*order += done ? mine : '!';
}

START_TEST(what_is_deferred_is_done_last_first_also_when_asked_to_end)
{
	for (int asked = 0; asked < 2; asked++) {
		std::string order;
		ground ground;

		ck_assert_int_eq(ground.scope.spawn(note(&order, 'a', 1ms)), 0);
		ck_assert_int_eq(ground.scope.defer(note(&order, 'b', 1ms)), 0);
		ck_assert_int_eq(ground.scope.defer(note(&order, 'c', 1ms)), 0);
		if (asked)
			ground.scope.cancel();
		ground.join();
		ck_assert_str_eq(order.c_str(), asked ? "!cb" : "acb");
		ck_assert(!ground.scope.overran());
	}
}
END_TEST

START_TEST(a_cleanup_that_overruns_is_stopped_and_said_so)
{
	duet_scope_options options;
	duet_scheduler scheduler;
	std::string order;
	duet::scope scope;

	duet_scope_options_init(&options);
	options.cleanup_budget_ns = MILLISECOND_NS;
	ck_assert_int_eq(duet_scheduler_init(&scheduler, stage.loop, nullptr), 0);
	ck_assert_int_eq(scope.open(scheduler, nullptr, &options), 0);
	ck_assert_int_eq(scope.defer(note(&order, 'a', 1h)), 0);
	ck_assert_int_eq(scope.defer(note(&order, 'b', 1h)), 0);
	scope.begin_join();
	turn_until(scope.joined());
	ck_assert_str_eq(order.c_str(), "!");
	ck_assert(scope.overran());
}
END_TEST

START_TEST(a_handle_that_was_handed_to_its_scope_is_closed_with_it)
{
	stream pair;
	char byte;

	{
		ground ground;

		ck_assert_int_eq(ground.scope.defer_close(pair.near), 0);
		ck_assert(!pair.near);
		ground.join();
	}
	auto listen = [](duet_handle from, char *into) -> duet::task<int> {
		co_return static_cast<int>((co_await duet::recv(from, {into, 1})).value());
	};

	ck_assert_int_eq(*result_of(listen(pair.far, &byte)), 0);
}
END_TEST

int main()
{
	static const TTest *const cases[] = { asked_before_any_of_its_waits_it_cleans_up_and_ends,
		asked_in_any_of_its_waits_it_cleans_up_and_ends,
		the_deadline_of_a_task_or_of_one_operation_ends_a_wait,
		a_cleanup_in_a_shield_has_its_budget_and_no_more, a_job_is_cancelled_alone,
		a_stop_source_asks_a_scope_from_the_loop_s_thread_and_from_another,
		a_stop_source_asks_one_job,
		a_request_that_is_on_its_way_when_the_link_goes_asks_nobody,
		the_token_of_a_task_follows_its_scope_and_its_own_cancel,
		a_token_keeps_no_scope_and_has_no_say_in_it,
		what_is_deferred_is_done_last_first_also_when_asked_to_end,
		a_cleanup_that_overruns_is_stopped_and_said_so,
		a_handle_that_was_handed_to_its_scope_is_closed_with_it, nullptr };

	return contract_run("cxx-cancel", cases, nullptr);
}
