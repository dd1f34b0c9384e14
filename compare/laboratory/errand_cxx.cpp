/* SPDX-FileCopyrightText: The Duet authors */
/* SPDX-License-Identifier: MIT */
#include <duet/coroutine.hpp>
#include <memory>
#include <new>
#include <system_error>

extern "C" {
#include "compare/laboratory/errand.h"
}

/*
 * Who is asked to end throws, from the innermost: frames are unwound, and it is they that the
 * laboratory counts of malloc().
 */
namespace {

void go_on(const duet::task_context &here, std::int32_t result)
{
	if (errand_gives_up(&here, result))
		throw std::system_error(-result, std::generic_category());
}

/* So many bytes, and their answer: called for each chunk, and for the goodbye. Sends are operations
 * that are awaited themselves, receives those of <duet/io.hpp>. */
duet::task<> exchange(errand &errand, std::uint32_t to_send)
{
	duet::task_context &here = co_await duet::here;
	std::uint32_t to_hear = ERRAND_ANSWER_BYTES;

	while (to_send) {
		errand_say(&errand, &here.op, to_send);
		const duet::outcome said = co_await here.op;

		to_send -= errand_said(&errand, &here.op);
		go_on(here, said.code);
	}
	while (to_hear) {
		auto heard = co_await duet::recv(errand_handle(&errand), {errand.answer, to_hear});

		to_hear -= errand_heard(&errand, &here.op);
		go_on(here, heard.how().code);
	}
}

duet::task<> send_chunks(errand &errand)
{
	while (errand.chunks < ERRAND_CHUNKS) {
		co_await exchange(errand, ERRAND_CHUNK_BYTES);
		errand.chunks++;
	}
}

duet::task<> say_goodbye(errand &errand, duet::handle connection)
{
	duet::shield cleanup(co_await duet::here, 1000000000);

	duet_lab_cleanup_ran(errand.lab);
	try {
		co_await exchange(errand, ERRAND_GOODBYE_BYTES);
		errand.goodbyes++;
	} catch (const std::system_error &) {
	}
	errand.closed += (co_await connection.close()).has_value();
}

/* An exception that is to pass by goes on when the goodbye is said. One that forgets lets it pass at
 * once, and leaves the connection to its owner's end. */
duet::task<> carry(errand &errand)
{
	const auto *policy = static_cast<const struct policy *>(duet_lab_context(errand.lab));
	duet::handle connection(duet_lab_loop(errand.lab), errand_handle(&errand));
	std::exception_ptr thrown;

	try {
		co_await send_chunks(errand);
	} catch (const std::system_error &) {
		if (policy->forgets)
			throw;
		thrown = std::current_exception();
	}
	co_await say_goodbye(errand, std::move(connection));
	if (thrown)
		std::rethrow_exception(thrown);
}

/* ---- The workload. ---- */

struct state {
	struct errand errand;
	alignas(duet::job<>) unsigned char job[sizeof(duet::job<>)];
};

void ended(duet::job<> *job)
{
	errand_ended(static_cast<errand *>(job->context().scheduler->context));
	std::destroy_at(job);
}

void body(duet_lab *lab, duet_scope *scope, void *memory)
{
	auto *state = static_cast<struct state *>(memory);
	auto *job = new (state->job) duet::job<>;

	errand_begin(lab, &state->errand);
	duet_lab_cleanup_registered(lab);
	state->errand.scheduler.context = &state->errand;
	job->then = ended;
	if (job->spawn(state->errand.scheduler, scope, carry(state->errand)))
		std::destroy_at(job);
}

} /* namespace */

void errand_cxx_workload(const struct policy *policy, struct duet_lab_workload *workload)
{
	*workload = {.name = "c++20",
		     .state_bytes = sizeof(state),
		     .set_up = errand_set_up,
		     .body = body,
		     .check = errand_check,
		     .context = policy};
}
