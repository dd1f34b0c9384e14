/* SPDX-FileCopyrightText: The Duet authors */
/* SPDX-License-Identifier: MIT */
/* In C++20: the parent fetches the list, spawns one task for each rocket in a scope, and joins it. A semaphore
 * says how many fetch at once; the first failure asks the others to end. */
#include <duet/coroutine.hpp>
#include <duet/semaphore.h>

#include "examples/rockets/rockets.h"

static struct rockets rockets;
static duet_semaphore permits;

/* ---- One exchange: called by who wants it. ---- */

static duet::task<int> talk(duet_handle socket, http_exchange &exchange)
{
	int answer = 0;

	if (auto connected = co_await duet::connect(
		    socket, reinterpret_cast<sockaddr *>(&rockets.address), sizeof(rockets.address));
	    !connected)
		co_return connected.error();
	if (auto sent = co_await duet::send_all(socket, {exchange.request, exchange.request_bytes});
	    !sent)
		co_return sent.error();
	while (answer == 0) {
		auto got = co_await duet::recv(socket, exchange.piece);

		answer = got ? http_feed(&exchange, *got) : got.error();
	}
	co_return answer;
}

static duet::task<int> fetch(int index)
{
	auto socket = co_await duet::socket(AF_INET, SOCK_STREAM, 0);
	int answer = socket.error();
	http_exchange exchange;

	table_ask(&rockets.table, index, &exchange);
	if (socket) {
		answer = co_await talk(*socket, exchange);
		(void)co_await socket->close(); /* also of a task that was asked to end */
	}
	if (answer == 1)
		answer = table_take(&rockets.table, index, &exchange);
	if (answer < 0)
		table_fail(&rockets.table, index, answer, &exchange);
	http_forget(&exchange);
	co_return answer;
}

/* ---- A rocket: a task of its own. ---- */

static duet::task<int> item(int index)
{
	duet_op op;
	int answer;

	duet_op_init(&op, nullptr, nullptr);
	duet_op_acquire(&op, &permits, 1);
	if (auto acquired = co_await op; acquired.code < 0)
		co_return acquired.code;
	answer = co_await fetch(index);
	duet_semaphore_release(&permits, 1);
	co_return answer;
}

/* ---- Their parent. ---- */

static duet::task<int> parent()
{
	duet::task_context &here = co_await duet::here;
	duet::scope all;
	int answer;

	here.deadline_ns = rockets.deadline_ns;
	answer = co_await fetch(TABLE_LIST);
	if (answer == 0)
		answer = all.open(here, DUET_FAIL_FAST);
	if (answer < 0)
		co_return answer;
	for (int i = 0; i < rockets.table.count && answer == 0; i++)
		answer = all.spawn(item(i));
	co_return co_await all.join();
}

int main(int argc, char **argv)
{
	duet_loop *loop;

	rockets_read(argc, argv, &rockets);
	loop = rockets_loop(&rockets);
	duet_semaphore_init(&permits, loop, static_cast<uint32_t>(rockets.parallel));
	(void)duet::run(loop, parent());
	duet_loop_destroy(loop);
	return table_end(&rockets.table);
}
