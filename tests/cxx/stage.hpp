/* SPDX-FileCopyrightText: The Duet authors */
/* SPDX-License-Identifier: MIT */
#ifndef TESTS_CXX_STAGE_HPP
#define TESTS_CXX_STAGE_HPP

#include <duet/coroutine.hpp>

/* What the harness includes has its own linkage: it comes before the braces. */
#include <check.h>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <duet/duet.h>
#include <netinet/in.h>
#include <type_traits>

extern "C" {
#include "tests/support/harness.h"
}

/*
 * The header of C++20 on every backend, on the stage of the contract suites. A scheduler and a root
 * scope, in which the cases spawn.
 */
constexpr std::uint64_t MILLISECOND_NS = 1000000;
constexpr std::uint64_t SECOND_NS = 1000000000;
constexpr std::uint64_t HOUR_NS = 3600 * SECOND_NS;

struct ground {
	duet_scheduler scheduler;
	duet::scope scope;

	ground()
	{
		ck_assert_int_eq(duet_scheduler_init(&scheduler, stage.loop, nullptr), 0);
		ck_assert_int_eq(scope.open(scheduler), 0);
	}
	/* Waits for all, and gives the scope's result. */
	int join()
	{
		ck_assert_int_eq(scope.begin_join(), 0);
		turn_until(scope.joined());
		ck_assert_uint_eq(scheduler.live, 0);
		return scope.error();
	}
};

/* One task from its spawn to its end; the job has what became of it. */
template <class T> void play(duet::job<T> &job, duet::task<T> &&task)
{
	ground ground;

	ck_assert_int_eq(ground.scope.spawn(job, std::move(task)), 0);
	ground.join();
	ck_assert(job.ended());
}

template <class T> duet::result<T> result_of(duet::task<T> &&task)
{
	duet::job<T> job;

	play(job, std::move(task));
	return job.take();
}

/* Both ends of a stream on the loop, owned. */
struct stream {
	duet::handle near, far;

	stream()
	{
		duet_handle pair[2];

		pair_open(pair);
		near = duet::handle(stage.loop, pair[0]);
		far = duet::handle(stage.loop, pair[1]);
	}
	~stream()
	{
		if (near)
			handle_close(near.release());
		if (far)
			handle_close(far.release());
	}
};

inline auto hour_long()
{
	return duet::sleep_until(duet_loop_now_ns(stage.loop) + HOUR_NS);
}

#endif
