/* SPDX-FileCopyrightText: The Duet authors */
/* SPDX-License-Identifier: MIT */
/* By actors: the foreman alone has the table. Fetchers bring it what they have fetched, each in a letter of
 * its own, and the answer is what to fetch next; who can't have one yet waits for it. When the foreman fails
 * the scope ends the fetchers, and when it has done its work no letter of theirs is answered any more. */
#include <duet/actor.h>
#include <duet/coroutine.h>
#include <duet/duet.h>
#include <errno.h>
#include <stdlib.h>

#include "examples/rockets/rockets.h"

static const uint64_t second_ns = 1000000000;
static struct rockets rockets;

/* ---- The foreman. ---- */

enum { HELLO, FETCHED }; /* kinds of letters */

struct report {
	struct duet_letter letter; /* its answer: index and exchange say what is to be fetched */
	struct report *next_idle;
	int index, answer;
	struct http_exchange exchange;
};

struct foreman {
	struct duet_actor actor;
	struct report *idle; /* letters that aren't answered yet */
	int next;
};

static int take(struct report *report)
{
	int answer = report->answer;

	if (answer == 1)
		answer = table_take(&rockets.table, report->index, &report->exchange);
	if (answer < 0)
		table_fail(&rockets.table, report->index, answer, &report->exchange);
	http_forget(&report->exchange);
	return answer;
}

/* First the list; and rockets only when that is there. */
static void hand_out(struct foreman *foreman)
{
	while (foreman->idle && foreman->next < rockets.table.count) {
		struct report *report = foreman->idle;

		foreman->idle = report->next_idle;
		report->index = foreman->next++;
		table_ask(&rockets.table, report->index, &report->exchange);
		duet_letter_answer(&report->letter, 0);
		if (report->index == TABLE_LIST)
			break;
	}
}

static int receive(struct duet_actor *actor, struct duet_letter *letter)
{
	struct foreman *foreman = (struct foreman *)(void *)actor;
	struct report *report = (struct report *)(void *)letter;

	if (letter->kind == FETCHED) {
		int error = take(report);

		if (error)
			return error;
		if (rockets.table.there == rockets.table.count)
			return 1; /* who asks from here on is told that there is nobody */
	}
	report->next_idle = foreman->idle;
	foreman->idle = report;
	hand_out(foreman);
	return 0;
}

/* ---- A fetcher. ---- */

struct fetcher {
	struct duet_coroutine coroutine;
	struct duet_coroutine_task task;
	struct duet_mailbox *foreman;
	struct duet_op ask;
	struct report report;
	struct fetch {
		struct duet_coroutine coroutine;
		struct duet_op op;
		duet_handle socket;
		struct report *report;
	} fetch;
};

static DUET_COROUTINE(fetch)
{
	struct http_exchange *exchange;

	DUET_BEGIN(struct fetch, self);
	duet_op_init(&self->op, NULL, NULL);
	duet_op_socket(&self->op, AF_INET, SOCK_STREAM, 0);
	DUET_AWAIT(&self->op);
	self->report->answer = DUET_RESULT;
	self->socket = DUET_RESULT ? DUET_HANDLE_NONE : self->op.made;
	if (DUET_RESULT < 0)
		DUET_RETURN(DUET_RESULT);
	duet_op_connect(&self->op, self->socket, (struct sockaddr *)&rockets.address,
			sizeof(rockets.address));
	DUET_AWAIT(&self->op);
	self->report->answer = DUET_RESULT;
	if (DUET_RESULT < 0)
		DUET_RETURN(DUET_RESULT);
	duet_op_send(&self->op, self->socket, self->report->exchange.request,
		     self->report->exchange.request_bytes, DUET_WHOLE);
	DUET_AWAIT(&self->op);
	self->report->answer = DUET_RESULT < 0 ? DUET_RESULT : 0;
	while (self->report->answer == 0) {
		duet_op_recv(&self->op, self->socket, self->report->exchange.piece,
			     sizeof(self->report->exchange.piece), 0);
		DUET_AWAIT(&self->op);
		exchange = &self->report->exchange;
		self->report->answer =
			DUET_RESULT < 0 ? DUET_RESULT : http_feed(exchange, (size_t)DUET_RESULT);
	}
	DUET_FINALLY(second_ns);
	if (self->socket.generation) {
		duet_op_close(&self->op, self->socket);
		DUET_AWAIT(&self->op);
	}
	DUET_END_FINALLY;
}

static DUET_COROUTINE(fetcher)
{
	DUET_BEGIN(struct fetcher, self);
	for (self->report.letter.kind = HELLO;; self->report.letter.kind = FETCHED) {
		duet_op_ask(&self->ask, self->foreman, &self->report.letter);
		DUET_AWAIT(&self->ask);
		if (DUET_RESULT < 0) {
			http_forget(&self->report.exchange); /* nobody wants it any more */
			DUET_RETURN(DUET_RESULT == -EPIPE ? 0 : DUET_RESULT);
		}
		self->fetch.report = &self->report;
		duet_coroutine_init(&self->fetch.coroutine, fetch);
		DUET_CALL(&self->fetch.coroutine);
	}
	DUET_END;
}

/* ---- All of them, in one scope. ---- */

static int spawn(struct duet_scheduler *scheduler, struct duet_scope *scope,
		 struct fetcher *one, struct duet_mailbox *foreman)
{
	one->foreman = foreman;
	duet_op_init(&one->ask, NULL, NULL);
	duet_coroutine_init(&one->coroutine, fetcher);
	duet_coroutine_task_init(&one->task, &one->coroutine);
	return duet_task_spawn(scheduler, scope, &one->task.task);
}

static void joined(struct duet_scope *scope)
{
	if (scope->cause == DUET_CAUSE_DEADLINE)
		table_fail(&rockets.table, TABLE_LIST, -ETIMEDOUT, NULL);
}

int main(int argc, char **argv)
{
	struct foreman foreman = {.next = TABLE_LIST};
	struct duet_scope_options options;
	struct duet_scheduler scheduler;
	struct fetcher *fetchers;
	struct duet_scope scope;
	struct duet_loop *loop;

	rockets_read(argc, argv, &rockets);
	loop = rockets_loop(&rockets);
	fetchers = calloc((size_t)rockets.parallel, sizeof(*fetchers));
	duet_scheduler_init(&scheduler, loop, NULL);
	duet_scope_options_init(&options);
	options.policy = DUET_FAIL_FAST;
	options.deadline_ns = rockets.deadline_ns;
	duet_scope_open(&scope, loop, NULL, &options);
	duet_actor_init(&foreman.actor, &scheduler, 1, receive);
	duet_task_spawn(&scheduler, &scope, &foreman.actor.task);
	for (int i = 0; fetchers && i < rockets.parallel; i++)
		spawn(&scheduler, &scope, &fetchers[i], &foreman.actor.mailbox);
	duet_scope_join(&scope, joined);
	duet_loop_run(loop);
	duet_loop_destroy(loop);
	free(fetchers);
	return table_end(&rockets.table);
}
