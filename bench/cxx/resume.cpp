/*
 * SPDX-FileCopyrightText: The Duet authors
 * SPDX-License-Identifier: MIT
 */
#include "bench/cxx/resume.h"

/* As C++20 means calls and returns: a bench is built with optimisation. */
#define DUET_SYMMETRIC_TRANSFER 1

#include <cerrno>
#include <coroutine>
#include <duet/coroutine.hpp>
#include <exception>
#include <memory>

/* ---- The least that C++20 needs: nobody to cancel it, no scope, nothing awaited but an operation. ---- */

namespace {

struct bare {
	struct promise_type {
		bare get_return_object() noexcept { return {}; }
		std::suspend_never initial_suspend() const noexcept { return {}; }
		std::suspend_never final_suspend() const noexcept { return {}; }
		void return_void() const noexcept {}
		void unhandled_exception() const noexcept { std::terminate(); }
	};
};

/* One that its owner resumes. */
struct stepped {
	struct promise_type {
		stepped get_return_object() noexcept
		{
			return {std::coroutine_handle<promise_type>::from_promise(*this)};
		}
		std::suspend_always initial_suspend() const noexcept { return {}; }
		std::suspend_always final_suspend() const noexcept { return {}; }
		void return_void() const noexcept {}
		void unhandled_exception() const noexcept { std::terminate(); }
	};
	std::coroutine_handle<promise_type> where;
};

stepped step_often(std::uint64_t *done)
{
	for (;;) {
		co_await std::suspend_always{};
		++*done;
	}
}

struct awaiter {
	duet_loop *loop;
	duet_op *op;

	static void done(duet_op *op) { std::coroutine_handle<>::from_address(op->context).resume(); }
	bool await_ready() noexcept
	{
		op->done = done;
		return duet_op_start(loop, op) != 0;
	}
	void await_suspend(std::coroutine_handle<> where) noexcept { op->context = where.address(); }
	int await_resume() const noexcept { return op->result; }
};

bare wait_barely(duet_loop *loop, std::uint64_t waits, std::uint64_t *done)
{
	duet_op op;

	duet_op_init(&op, nullptr, nullptr);
	for (std::uint64_t i = 0; i < waits; i++) {
		duet_op_nop(&op);
		if (co_await awaiter{loop, &op} == 0)
			++*done;
	}
}

duet::task<> wait(std::uint64_t waits, std::uint64_t *done)
{
	for (std::uint64_t i = 0; i < waits; i++)
		if (co_await duet::nop())
			++*done;
}

/* Frames from a pool: what malloc() costs is no part of a call. */
duet_frame_pool *frames;

__attribute__((noinline)) duet::task<> return_at_once(std::allocator_arg_t, duet_frame_pool *,
						      std::uint64_t *done)
{
	++*done;
	co_return;
}

duet::task<> call(std::uint64_t calls, std::uint64_t *done)
{
	for (std::uint64_t i = 0; i < calls; i++)
		co_await return_at_once(std::allocator_arg, frames, done);
}

int play(duet_loop *loop, std::uint64_t times, duet::task<> (*body)(std::uint64_t, std::uint64_t *))
{
	static duet::job<> jobs[RESUMED];
	duet_scheduler_options options;
	duet_scheduler scheduler;
	std::uint64_t done = 0;

	duet_scheduler_options_init(&options);
	options.inline_max = 0;
	duet_scheduler_init(&scheduler, loop, &options);
	for (auto &job : jobs)
		job.spawn(scheduler, nullptr, body(times, &done));
	while (scheduler.live)
		if (duet_loop_turn(loop, 0) < 0)
			return -EIO;
	return done == RESUMED * times ? 0 : -EIO;
}

} /* namespace */

int resume_bare(duet_loop *loop, std::uint64_t waits)
{
	std::uint64_t done = 0;

	for (int i = 0; i < RESUMED; i++)
		wait_barely(loop, waits, &done);
	while (duet_loop_pending(loop) || done < RESUMED * waits)
		if (duet_loop_turn(loop, 0) < 0)
			return -EIO;
	return 0;
}

int switch_bare(duet_loop *, std::uint64_t times)
{
	stepped all[RESUMED];
	std::uint64_t done = 0;

	for (auto &one : all) {
		one = step_often(&done);
		one.where.resume();
	}
	for (std::uint64_t i = 0; i < times; i++)
		for (auto &one : all)
			one.where.resume();
	for (auto &one : all)
		one.where.destroy();
	return done == RESUMED * times ? 0 : -EIO;
}

int resume_tasks(duet_loop *loop, std::uint64_t waits)
{
	return play(loop, waits, wait);
}

int call_tasks(duet_loop *loop, std::uint64_t calls)
{
	int rc = duet_frame_pool_create(&frames, RESUMED, 1024);

	if (!rc)
		rc = play(loop, calls, call);
	return rc ? rc : duet_frame_pool_destroy(frames);
}
