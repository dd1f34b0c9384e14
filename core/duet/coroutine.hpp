/* SPDX-FileCopyrightText: The Duet authors */
/* SPDX-License-Identifier: MIT */
#ifndef DUET_COROUTINE_HPP
#define DUET_COROUTINE_HPP

/*
 * Duet in C++20: header only, on top of the C interface and of nothing else.
 *
 *   result.hpp   a value or an error, with its disposition and cause
 *   handle.hpp   handles and pooled buffers that have an owner
 *   task.hpp     coroutines, and how they wait
 *   io.hpp       the operations, each made and awaited in one expression
 *   sync.hpp     semaphores, mutexes, channels and their like, awaited in the same way
 *   scope.hpp    tasks at work, in scopes; cleanup; std::stop_token
 *   here         all of several tasks, the first of them, and a program that is one task
 *
 * Needs C++20 with coroutines: gcc 11, or clang 14 on libstdc++ 12, and later.
 */
#include <duet/handle.hpp>
#include <duet/io.hpp>
#include <duet/result.hpp>
#include <duet/scope.hpp>
#include <duet/sync.hpp>
#include <duet/task.hpp>

#include <array>
#include <cstddef>
#include <tuple>
#include <utility>
#include <variant>
#include <vector>

namespace duet {

namespace detail {

/* In a tuple void is no type. */
template <class T> using no_void = std::conditional_t<std::is_void_v<T>, std::monostate, T>;

template <class T> no_void<T> value_of(job<T> &ended)
{
	if constexpr (std::is_void_v<T>)
		return {};
	else
		return std::move(ended.take()).value();
}

/* What the whole has failed with: what was thrown by the one who says so, or the code alone. */
template <class... T> [[noreturn]] void fail(int error, const job<T> &...jobs)
{
	std::exception_ptr thrown;

	((thrown || jobs.error() != error ? void() : void(thrown = jobs.thrown())), ...);
	if (thrown)
		std::rethrow_exception(thrown);
	raise(error);
}

} /* namespace detail */

/*
 * All of them, at the same time, in a scope of their own: gives what each has returned
 * (std::monostate for nothing). The first failure asks the others to end, and is thrown when they
 * have.
 */
template <class... T>
task<std::tuple<detail::no_void<T>...>> when_all(task<T>... tasks)
{
	std::tuple<job<T>...> jobs;
	scope all;
	int error = all.open(co_await here, DUET_FAIL_FAST);
	int ended;

	if (error)
		detail::raise(error);
	error = std::apply(
		[&](auto &...job) {
			int refused = 0;

			((refused = refused ? refused : all.spawn(job, std::move(tasks))), ...);
			return refused;
		},
		jobs);
	if (error)
		all.cancel();
	ended = co_await all.join();
	if (error || ended)
		std::apply([&](auto &...job) { detail::fail(error ? error : ended, job...); },
			   jobs);
	co_return std::apply(
		[](auto &...job) {
			return std::tuple<detail::no_void<T>...>(detail::value_of(job)...);
		},
		jobs);
}

/* The same of any number of one type. */
template <class T> task<std::vector<detail::no_void<T>>> when_all(std::vector<task<T>> tasks)
{
	std::vector<detail::no_void<T>> values;
	auto jobs = std::make_unique<job<T>[]>(tasks.size());
	scope all;
	int error = all.open(co_await here, DUET_FAIL_FAST);
	int ended;

	if (error)
		detail::raise(error);
	for (std::size_t i = 0; i < tasks.size() && !error; i++)
		error = all.spawn(jobs[i], std::move(tasks[i]));
	if (error)
		all.cancel();
	ended = co_await all.join();
	for (std::size_t i = 0; i < tasks.size() && !error && ended; i++)
		if (jobs[i].error() == ended)
			detail::fail(ended, jobs[i]);
	if (error || ended)
		detail::raise(error ? error : ended);
	values.reserve(tasks.size());
	for (std::size_t i = 0; i < tasks.size(); i++)
		values.push_back(detail::value_of(jobs[i]));
	co_return values;
}

/* What a race has come to: nothing that a loser has brought is lost. */
template <class... T> struct race {
	static constexpr std::size_t NOBODY = sizeof...(T);

	std::size_t winner = NOBODY; /* who completed first */
	std::tuple<result<T>...> outcomes;
	std::array<std::exception_ptr, sizeof...(T)>
		thrown; /* by whom that failed by an exception */
};

/*
 * The first of them that completes, in a scope of their own: it asks the others to end, and all
 * have ended when this gives what became of each. That nobody completed is no exception: NOBODY has
 * won.
 */
template <class... T> task<race<T...>> when_any(task<T>... tasks)
{
	std::tuple<job<T>...> jobs;
	scope any;
	int error = any.open(co_await here, DUET_RACE);

	if (error)
		detail::raise(error);
	error = std::apply(
		[&](auto &...job) {
			int refused = 0;

			((refused = refused ? refused : any.spawn(job, std::move(tasks))), ...);
			return refused;
		},
		jobs);
	if (error)
		any.cancel();
	(void)co_await any.join();
	if (error)
		detail::raise(error);
	co_return std::apply(
		[&](auto &...job) {
			std::size_t i = 0, winner = race<T...>::NOBODY;

			((any.winner() == &job.context().member ? void(winner = i++) : void(i++)),
			 ...);
			return race<T...>{winner, {job.take()...}, {job.thrown()...}};
		},
		jobs);
}

/* A program that is one task: runs the loop until it has ended, and all that it has spawned in the
 * scope it stands in. What it has returned, or the error. */
template <class T> result<T> run(duet_loop *loop, task<T> &&program)
{
	duet_scheduler scheduler;
	job<T> main;
	scope all;
	int error = duet_scheduler_init(&scheduler, loop, nullptr);

	if (!error)
		error = all.open(scheduler);
	if (error)
		return result<T>(outcome{error, 0, DUET_FAILED, DUET_CAUSE_ITSELF});
	error = all.spawn(main, std::move(program));
	all.begin_join();
	while (!all.joined()) {
		int turned = duet_loop_turn(loop, -1);

		if (turned < 0)
			detail::stop("duet::run(): the loop can't go on");
	}
	if (error)
		return result<T>(outcome{error, 0, DUET_FAILED, DUET_CAUSE_ITSELF});
	return main.take();
}

} /* namespace duet */

#endif
