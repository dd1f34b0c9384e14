/* SPDX-FileCopyrightText: The Duet authors
 * SPDX-License-Identifier: MIT */

#include <duet/coroutine.hpp>
#include <memory>
#include <new>
#include <optional>

extern "C" {
#include "compare/claim/hot_cxx.h"
}

namespace {

struct maker;

struct eager : duet::job<std::int32_t> {
	maker *owner = nullptr;
};

struct maker {
	hot_cxx_needs needs;
	duet::job<> own;
	std::optional<eager> hot;
	duet::task<std::int32_t> cold;
};

/* Until somebody wakes it. */
struct pause {
	struct awaiter {
		duet::task_context &context;
		const duet_site *at;

		bool await_ready() const noexcept { return false; }
		void await_suspend(std::coroutine_handle<> where) const noexcept
		{
			context.suspended(where, at);
		}
		void await_resume() const noexcept {}
	};

	awaiter duet_await(duet::task_context &context, const duet_site *at) const noexcept
	{
		return {context, at};
	}
};

/* ---- What is made. ---- */

duet::task<std::int32_t> receive(std::allocator_arg_t, duet_frame_pool *, const maker &self)
{
	co_return (co_await duet::recv(self.needs.handle, {self.needs.memory, self.needs.size}))
		.how()
		.code;
}

duet::task<std::int32_t> make_cold(const maker &self)
{
	++*self.needs.takes;
	return receive(std::allocator_arg, self.needs.pool, self);
}

bool make_hot(maker &self)
{
	self.hot.emplace();
	self.hot->owner = &self;
	return self.hot->spawn(*self.needs.scheduler, nullptr, make_cold(self)) == 0;
}

/* ---- Who waits for it. ---- */

duet::task<> await_directly(maker &self)
{
	while (!*self.needs.over) {
		auto received =
			co_await duet::recv(self.needs.handle, {self.needs.memory, self.needs.size});

		self.needs.received(self.needs.context, received.how().code);
		co_await pause();
	}
}

duet::task<> await_cold(maker &self)
{
	while (!*self.needs.over) {
		self.needs.received(self.needs.context, co_await make_cold(self));
		co_await pause();
	}
}

duet::task<> await_hot(maker &self)
{
	while (!*self.needs.over) {
		const bool made = make_hot(self);

		self.needs.received(self.needs.context, made ? co_await *self.hot : -ENOMEM);
		self.hot.reset();
		co_await pause();
	}
}

/* ---- For the stand. ---- */

void begin(void *memory, const hot_cxx_needs *needs)
{
	new (memory) maker{*needs, {}, {}, {}};
}

void end(void *memory)
{
	std::destroy_at(static_cast<maker *>(memory));
}

duet_task *spawn(void *memory)
{
	auto &self = *static_cast<maker *>(memory);
	auto body = self.needs.way == HOT_CXX_EAGER  ? await_hot(self)
		    : self.needs.way == HOT_CXX_LAZY ? await_cold(self)
						     : await_directly(self);

	if (self.own.spawn(*self.needs.scheduler, nullptr, std::move(body)))
		return nullptr;
	return &self.own.context();
}

void stopped(duet::job<std::int32_t> *job)
{
	maker &self = *static_cast<eager *>(job)->owner;

	self.needs.stopped(self.needs.context, job->context().result);
	self.hot.reset();
}

bool make(void *memory)
{
	auto &self = *static_cast<maker *>(memory);

	if (self.needs.way == HOT_CXX_LAZY)
		self.cold = make_cold(self);
	if (self.needs.way != HOT_CXX_EAGER)
		return self.needs.way == HOT_CXX_DIRECT || self.cold;
	if (!make_hot(self))
		return false;
	self.hot->then = stopped;
	return true;
}

void cancel(void *memory)
{
	auto &self = *static_cast<maker *>(memory);

	self.cold = {};
	if (self.hot)
		self.hot->cancel();
}

} /* namespace */

const hot_cxx HOT_CXX = {
	.bytes = sizeof(maker),
	.job_bytes = sizeof(eager),
	.begin = begin,
	.end = end,
	.spawn = spawn,
	.make = make,
	.cancel = cancel,
};
