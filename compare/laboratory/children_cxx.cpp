/* SPDX-FileCopyrightText: The Duet authors */
/* SPDX-License-Identifier: MIT */
#include <duet/coroutine.hpp>
#include <memory>
#include <new>
#include <system_error>

extern "C" {
#include "compare/laboratory/children_cxx.h"
}

/*
 * Two connections are heard by children of a task, in each of the ways that C++20 has for them; and
 * each needs the one permit for as long as it receives. Whoever is stopped has told what it has
 * heard, and the next body goes on from there.
 */
namespace {

enum { PARTS = 2, ROUNDS = 3, MESSAGE_BYTES = 6, PIECE_BYTES = 2 };

struct part {
	duet_handle handle;
	int peer;
	std::uint32_t have; /* of this round's message */
	unsigned char memory[MESSAGE_BYTES];
};

struct state {
	const struct policy *policy;
	duet_lab *lab;
	duet_scheduler scheduler;
	duet_semaphore permit;
	part parts[PARTS];
	std::uint32_t rounds;
	alignas(duet::job<>) unsigned char job[sizeof(duet::job<>)];
};

/* Somebody has stopped the operation alone: it is done again. */
void go_on(const duet::task_context &here, int error)
{
	if (error && here.check())
		throw std::system_error(-error, std::generic_category());
}

/* Who forgets takes a permit for its own that it was not given. */
duet::task<> hear_piece(state &state, part &part)
{
	duet::task_context &here = co_await duet::here;
	auto permit = co_await duet::acquire(state.permit);

	go_on(here, permit.error());
	if (!permit && !state.policy->forgets)
		co_return;
	auto heard = co_await duet::recv(part.handle, {part.memory + part.have,
						       MESSAGE_BYTES - part.have});

	duet_lab_received(state.lab, part.peer, part.memory + part.have, heard.transferred());
	part.have += heard.transferred();
	if (!permit)
		duet_semaphore_release(&state.permit, 1);
	go_on(here, heard.error());
}

duet::task<> hear(state &state, part &part)
{
	while (part.have < MESSAGE_BYTES)
		co_await hear_piece(state, part);
}

/* Both were started when they were made; only one is waited for by itself. */
duet::task<> hear_hot(state &state)
{
	duet::scope scope;
	int error = scope.open(co_await duet::here);

	if (error)
		throw std::system_error(-error, std::generic_category());
	duet::hot<> first = scope.start(hear(state, state.parts[0]));
	scope.spawn(hear(state, state.parts[1]));
	try {
		co_await first;
	} catch (const std::system_error &) {
		scope.cancel();
	}
	error = co_await scope.join();
	if (error)
		throw std::system_error(-error, std::generic_category());
}

duet::task<> hear_both(state &state)
{
	part *parts = state.parts;

	switch (state.rounds) {
	case 0:
		co_await duet::when_all(hear(state, parts[0]), hear(state, parts[1]));
		break;
	case 1:
		co_await hear_hot(state);
		break;
	default:
		co_await duet::when_any(hear(state, parts[0]), hear(state, parts[1]));
		go_on(co_await duet::here, -ECANCELED);
		co_await hear(state, parts[0]);
		co_await hear(state, parts[1]);
	}
	state.rounds++;
	parts[0].have = parts[1].have = 0;
}

duet::task<> hear_all(state &state)
{
	while (state.rounds < ROUNDS)
		co_await hear_both(state);
	duet_lab_finish(state.lab);
}

/* ---- The workload. ---- */

void script(duet_lab *lab, const state &state)
{
	for (int i = 0; i < ROUNDS; i++) {
		duet_lab_peer_sends(lab, state.parts[1].peer, PIECE_BYTES);
		duet_lab_peer_sends(lab, state.parts[0].peer, PIECE_BYTES);
		duet_lab_peer_sends(lab, state.parts[0].peer, MESSAGE_BYTES - PIECE_BYTES);
		duet_lab_peer_sends(lab, state.parts[1].peer, MESSAGE_BYTES - PIECE_BYTES);
	}
}

int set_up(duet_lab *lab, void *memory)
{
	auto *state = static_cast<struct state *>(memory);

	state->lab = lab;
	state->policy = static_cast<const struct policy *>(duet_lab_context(lab));
	for (part &part : state->parts) {
		part.peer = duet_lab_pair(lab, &part.handle);
		if (part.peer < 0)
			return part.peer;
	}
	script(lab, *state);
	duet_semaphore_init(&state->permit, duet_lab_loop(lab), 1);
	return duet_scheduler_init(&state->scheduler, duet_lab_loop(lab), nullptr);
}

void body(duet_lab *, duet_scope *scope, void *memory)
{
	auto *state = static_cast<struct state *>(memory);
	auto *job = new (state->job) duet::job<>;

	job->then = [](duet::job<> *ended) { std::destroy_at(ended); };
	if (job->spawn(state->scheduler, scope, hear_all(*state)))
		std::destroy_at(job);
}

const char *check(duet_lab *lab, void *memory)
{
	auto *state = static_cast<struct state *>(memory);

	duet_lab_permits(lab, "permits", state->permit.permits, 0, 1);
	return duet_semaphore_fini(&state->permit) ? "somebody is left in line" : nullptr;
}

} /* namespace */

void children_cxx_workload(const struct policy *policy, struct duet_lab_workload *workload)
{
	*workload = {.name = "c++20-children",
		     .state_bytes = sizeof(state),
		     .set_up = set_up,
		     .body = body,
		     .check = check,
		     .context = policy};
}
