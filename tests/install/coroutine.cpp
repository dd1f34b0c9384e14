/* SPDX-FileCopyrightText: The Duet authors */
/* SPDX-License-Identifier: MIT */

/* A stranger that has only what was installed: tasks of C++20 on one backend. */

#include <duet/coroutine.hpp>
#include <duet/polling.h>

using namespace std::literals;

static duet::task<int> later(int value)
{
	auto slept = co_await duet::sleep_for(1ms);

	co_return slept ? value : slept.error();
}

static duet::task<int> both()
{
	auto [one, two] = co_await duet::when_all(later(40), later(2));

	co_return one + two;
}

int main()
{
	duet_loop *loop;

	if (duet_loop_create(&loop, duet_polling(), nullptr))
		return 1;
	return duet::run(loop, both()).value_or(0) != 42 || duet_loop_destroy(loop);
}
