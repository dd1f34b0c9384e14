/* SPDX-FileCopyrightText: The Duet authors */
/* SPDX-License-Identifier: MIT */
#include "tests/cxx/stage.hpp"

#include <memory>
#include <new>

extern "C" {
#include "tests/support/player.h"
}

/* The programs of tests/contract/model.c as tasks of C++20, alone and among others. */

static auto soon(const player &player)
{
	return duet::sleep_until(player_soon_ns(&player));
}

template <class T> static T passed(player &player, duet::result<T> &&result)
{
	player_waited(&player, result.error());
	return std::move(result).value();
}

static duet::task<int> pause(player &player)
{
	passed(player, co_await soon(player));
	co_return PLAYER_CALLED;
}

static duet::task<int> spawn_one(player &player)
{
	duet::scope scope;
	int error = scope.open(co_await duet::here);

	if (error)
		co_return error;
	error = scope.spawn(pause(player));
	co_return error ? error : co_await scope.join();
}

static duet::task<int> run_errand(player &player)
{
	unsigned char word[PLAYER_BYTES];

	passed(player, co_await soon(player));
	auto received = co_await duet::recv_exactly(player.peer, word);
	player.received += received.transferred();
	passed(player, std::move(received));
	auto sent = co_await duet::send_all(player.peer, word);
	player.sent += sent.transferred();
	passed(player, std::move(sent));
	if (co_await pause(player) != PLAYER_CALLED)
		co_return -EIO;
	int error = co_await spawn_one(player);
	co_return error ? error : PLAYER_ANSWER;
}

static duet::task<int> courier(player &player)
{
	auto made = co_await duet::socket(AF_UNIX, SOCK_STREAM);
	int result;

	player_waited(&player, made.error());
	if (!made)
		co_return made.error();
	player.opened++;
	try {
		result = co_await run_errand(player);
	} catch (const std::system_error &error) {
		result = -error.code().value();
	}
	player.closed += (co_await made->close()).has_value();
	co_return result;
}

static duet::task<int> answer(player &player)
{
	passed(player, co_await duet::nop());
	co_return PLAYER_ANSWER;
}

static duet::task<int> be_refused()
{
	char byte;

	co_return (co_await duet::recv(duet_handle{0, 0}, {&byte, 1})).error();
}

static duet::task<int> listen(player &player)
{
	char byte;
	int heard = 0;

	while (passed(player, co_await duet::recv(player.peer, {&byte, 1}))) {
		player.received++;
		heard++;
	}
	co_return heard;
}

static duet::task<int> nest(unsigned below)
{
	if (below)
		co_return 1 + co_await nest(below - 1);
	(co_await duet::nop()).value();
	co_return 0;
}

static duet::task<int> make(player &player, program program)
{
	switch (program) {
	case PROGRAM_ANSWER:
		return answer(player);
	case PROGRAM_REFUSED:
		return be_refused();
	case PROGRAM_LISTEN:
		return listen(player);
	case PROGRAM_COURIER:
		return courier(player);
	default:
		return nest(player.depth);
	}
}

struct playing : duet::job<int> {
	struct player *player;
};

static void ended(duet::job<int> *job)
{
	auto *self = static_cast<playing *>(job);

	player_ended(self->player, job->context().result);
	std::destroy_at(self);
}

static std::size_t bytes(const player *, program)
{
	return sizeof(playing);
}

static int spawn(player *player, program program)
{
	auto *self = new (player->memory) playing;
	int error;

	self->player = player;
	self->then = ended;
	error = self->spawn(*player->scheduler, player->scope, make(*player, program));
	if (error)
		std::destroy_at(self);
	return error;
}

static const model model_cxx = {"c++20", bytes, spawn};

const model *const models[] = {&model_cxx, &model_coroutine, nullptr};
