/* SPDX-FileCopyrightText: The Duet authors
 * SPDX-License-Identifier: MIT */

/* C++20: tasks of <duet/coroutine.hpp>, as whoever includes it has them: jobs in their maker's
 * memory, and frames where the language puts them, on the heap. */
#include <duet/coroutine.hpp>
#include <memory>
#include <new>

extern "C" {
#include "compare/claim/models_stage.h"
}

namespace {

struct walker : duet::job<> {
	models_stage *stage;
};

duet::task<> come_and_go()
{
	co_return;
}

duet::task<> give_up_turns(std::uint32_t left)
{
	while (left--)
		co_await duet::yield;
}

duet::task<> wait_for_bytes(models_stage &stage, duet_handle handle)
{
	unsigned char bytes[MODELS_MEMORY] = {};
	std::int32_t received;

	do {
		received = (co_await duet::recv(handle, bytes)).how().code;
	} while (models_take(&stage, received, bytes[0]));
}

duet::task<> make(models_stage &stage, std::uint32_t index)
{
	switch (stage.job) {
	case MODELS_SWITCH:
		return give_up_turns(stage.switches);
	case MODELS_WAIT:
		return wait_for_bytes(stage, stage.handles[index]);
	default:
		return come_and_go();
	}
}

/* The frame goes with the job, as soon as it has ended. */
void ended(duet::job<> *job)
{
	auto *self = static_cast<walker *>(job);

	self->stage->ended++;
	self->stage->wrong |= self->error() != 0;
	std::destroy_at(self);
}

int spawn(models_stage *stage, std::uint32_t index)
{
	auto *self = new (stage->tasks + index * sizeof(walker)) walker;
	int error;

	self->stage = stage;
	self->then = ended;
	error = self->spawn(stage->scheduler, nullptr, make(*stage, index));
	if (error)
		std::destroy_at(self);
	return error;
}

} /* namespace */

const models_player MODELS_CXX = {
	.name = "C++20",
	.task_bytes = sizeof(walker),
	.loopless = false,
	.waits_only = false,
	.begin = nullptr,
	.spawn = spawn,
	.await_served = models_turn_until_served,
	.await_ended = models_turn_until_ended,
	.stack_bytes = nullptr,
	.end = nullptr,
};
