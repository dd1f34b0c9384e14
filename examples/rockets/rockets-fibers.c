/* SPDX-FileCopyrightText: The Duet authors */
/* SPDX-License-Identifier: MIT */
/* By fibers: functions that look as if they blocked, on stacks of their own. The parent fetches the list,
 * spawns a fiber for each rocket in a scope, and joins it. A semaphore says how many fetch at once; the
 * first failure asks the others to end. */
#include <duet/duet.h>
#include <duet/fiber.h>
#include <errno.h>
#include <stdlib.h>

#include "examples/rockets/rockets.h"

static struct rockets rockets;
static struct duet_semaphore permits;
static struct duet_scheduler scheduler;
static struct duet_stacks *stacks;

/* ---- One exchange: called by who wants it. ---- */

static int talk(struct duet_loop *loop, duet_handle socket, struct http_exchange *exchange)
{
	int answer = duet_fiber_connect(loop, socket, (struct sockaddr *)&rockets.address,
					sizeof(rockets.address));

	if (answer >= 0)
		answer = duet_fiber_send(loop, socket, exchange->request, exchange->request_bytes,
					 DUET_WHOLE);
	if (answer < 0)
		return answer;
	do {
		answer = duet_fiber_recv(loop, socket, exchange->piece, sizeof(exchange->piece), 0);
		if (answer >= 0)
			answer = http_feed(exchange, (size_t)answer);
	} while (answer == 0);
	return answer;
}

static int fetch(struct duet_loop *loop, int index)
{
	struct http_exchange exchange;
	duet_handle socket;
	int answer = duet_fiber_socket(loop, AF_INET, SOCK_STREAM, 0, &socket);

	table_ask(&rockets.table, index, &exchange);
	if (!answer) {
		answer = talk(loop, socket, &exchange);
		duet_fiber_close(loop, socket); /* also of a fiber that was asked to end */
	}
	if (answer == 1)
		answer = table_take(&rockets.table, index, &exchange);
	if (answer < 0)
		table_fail(&rockets.table, index, answer, &exchange);
	http_forget(&exchange);
	return answer;
}

/* ---- A rocket: a fiber of its own. ---- */

struct item {
	struct duet_fiber fiber;
	int index;
};

static int run_item(struct duet_loop *loop, void *argument)
{
	const struct item *item = argument;
	struct duet_op op;
	int answer;

	duet_op_init(&op, NULL, NULL);
	duet_op_acquire(&op, &permits, 1);
	answer = duet_fiber_await(loop, &op);
	if (answer < 0)
		return answer;
	answer = fetch(loop, item->index);
	duet_semaphore_release(&permits, 1);
	return answer;
}

/* ---- Their parent. ---- */

static int spawn_all(struct duet_scope *scope, struct item *items)
{
	struct duet_stacks_options options;
	int error;

	duet_stacks_options_init(&options);
	options.count = (uint32_t)rockets.table.count + 1;
	error = items ? duet_stacks_create(&stacks, &options) : -ENOMEM;
	for (int i = 0; !error && i < rockets.table.count; i++) {
		items[i].index = i;
		duet_fiber_init(&items[i].fiber, run_item, &items[i]);
		error = duet_fiber_spawn(&scheduler, scope, stacks, &items[i].fiber);
	}
	return error;
}

static int run_parent(struct duet_loop *loop, void *argument)
{
	struct duet_scope_options options;
	struct duet_scope scope;
	struct item *items;
	int answer = fetch(loop, TABLE_LIST);

	(void)argument;
	if (answer < 0)
		return answer;
	duet_scope_options_init(&options);
	options.policy = DUET_FAIL_FAST;
	options.deadline_ns = rockets.deadline_ns;
	answer = duet_fiber_open(loop, &scope, &options);
	if (answer)
		return answer;
	items = calloc((size_t)rockets.table.count + 1, sizeof(*items));
	answer = spawn_all(&scope, items);
	if (answer)
		table_fail(&rockets.table, TABLE_LIST, answer, NULL);
	answer = duet_fiber_join(&scope);
	free(items);
	return answer;
}

int main(int argc, char **argv)
{
	struct duet_stacks *own;
	struct duet_fiber parent;
	struct duet_loop *loop;

	rockets_read(argc, argv, &rockets);
	loop = rockets_loop(&rockets);
	duet_scheduler_init(&scheduler, loop, NULL);
	duet_semaphore_init(&permits, loop, (uint32_t)rockets.parallel);
	if (duet_stacks_create(&own, NULL))
		return 1;
	duet_fiber_init(&parent, run_parent, NULL);
	parent.task.deadline_ns = rockets.deadline_ns;
	duet_fiber_spawn(&scheduler, NULL, own, &parent);
	duet_loop_run(loop);
	duet_stacks_destroy(stacks);
	duet_stacks_destroy(own);
	duet_loop_destroy(loop);
	return table_end(&rockets.table);
}
