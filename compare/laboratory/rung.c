/* SPDX-FileCopyrightText: The Duet authors
 * SPDX-License-Identifier: MIT */

#include "compare/laboratory/rung.h"

#include <errno.h>
#include <poll.h>
#include <string.h>

/* ---- What all have in common: bytes come, and a whole message is said back. ---- */

static void must(struct session *session, int error)
{
	session->wrong |= error < 0;
}

static void wait(struct session *session)
{
	if (!session->waiting && !session->wrong && !session->over)
		session->rung->wait(session);
}

static void answered(struct duet_op *op)
{
	struct session *session = op->context;

	session->wrong |= op->result != RUNG_MESSAGE;
	session->answered++;
	wait(session);
}

static void say_back(struct session *session)
{
	session->have = 0;
	duet_op_init(&session->answer, answered, session);
	duet_op_send(&session->answer, session->handle, session->message, RUNG_MESSAGE, DUET_WHOLE);
	must(session, duet_op_start(session->loop, &session->answer));
}

/* They stand in the message already. */
static void have_more(struct session *session, uint32_t bytes)
{
	session->have += bytes;
	if (session->over)
		return;
	if (session->have == RUNG_MESSAGE)
		say_back(session);
	else
		wait(session);
}

static unsigned char *missing(struct session *session)
{
	return session->message + session->have;
}

static uint32_t missing_bytes(const struct session *session)
{
	return RUNG_MESSAGE - session->have;
}

static bool may_have_stopped(const struct duet_op *op)
{
	return op->result == -ECANCELED && op->cause != DUET_CAUSE_ITSELF;
}

/* ---- Await: the operation is the session's, and so is the memory; what came counts. ---- */

static void await_ended(struct duet_op *op)
{
	struct session *session = op->context;

	session->waiting = NULL;
	session->wrong |= op->result <= 0 && !may_have_stopped(op);
	have_more(session, op->transferred);
}

static void await_wait(struct session *session)
{
	session->waiting = &session->op;
	duet_op_init(&session->op, await_ended, session);
	duet_op_recv(&session->op, session->handle, missing(session), missing_bytes(session), 0);
	must(session, duet_op_start(session->loop, &session->op));
}

static void await_ask(struct session *session)
{
	duet_op_cancel(session->waiting);
}

/* ---- Copy through: the same, but that the memory is the loop's until the end. ---- */

static void copied(struct duet_op *op)
{
	uint32_t bytes = op->transferred;
	struct session *session = op->context;

	session->waiting = NULL;
	session->wrong |= op->result <= 0 && !may_have_stopped(op);
	duet_op_return(op);
	have_more(session, bytes);
}

static void copy_wait(struct session *session)
{
	must(session, duet_op_take(session->loop, copied, session, &session->waiting));
	if (session->wrong)
		return;
	duet_op_recv(session->waiting, session->handle, missing(session), missing_bytes(session), 0);
	must(session, duet_op_copy_through(session->waiting));
	must(session, duet_op_start(session->loop, session->waiting));
}

/* ---- Move and reap: who was asked goes on at once, with another operation and another buffer. The
 * ends come in their order, so that a late result is taken before what follows it. ---- */

static void moved(struct duet_op *op)
{
	struct session *session = op->context;
	uint32_t bytes = op->transferred;

	if (op == session->waiting)
		session->waiting = NULL;
	session->wrong |= (op->result <= 0 && !may_have_stopped(op)) || bytes > missing_bytes(session);
	if (bytes && !session->wrong)
		memcpy(missing(session), duet_op_buffer(op), bytes);
	duet_op_return(op);
	have_more(session, bytes);
}

static void move_wait(struct session *session)
{
	must(session, duet_op_take(session->loop, moved, session, &session->waiting));
	if (session->wrong)
		return;
	duet_op_recv(session->waiting, session->handle, duet_op_buffer(session->waiting),
		     missing_bytes(session), 0);
	must(session, duet_op_start(session->loop, session->waiting));
}

static void move_ask(struct session *session)
{
	struct duet_op *left = session->waiting;

	session->waiting = NULL;
	wait(session);
	duet_op_cancel(left);
}

/* ---- Poll, drop: a future, which is polled to its end before it is used again. ---- */

static void poll_on(struct session *session)
{
	const struct duet_op *op = &session->future.op;
	struct duet_context context = {.loop = session->loop, .waker = &session->waker};

	if (duet_op_future_poll(&session->future, &context) == DUET_PENDING)
		return;
	session->waiting = NULL;
	session->wrong |= op->result <= 0 && !may_have_stopped(op);
	have_more(session, op->transferred);
}

static void woken(struct duet_waker *waker)
{
	poll_on((struct session *)(void *)((char *)waker - offsetof(struct session, waker)));
}

static void future_wait(struct session *session)
{
	session->waker.wake = woken;
	session->waiting = &session->future.op;
	duet_op_future_init(&session->future);
	duet_op_recv(&session->future.op, session->handle, missing(session), missing_bytes(session),
		     0);
	poll_on(session);
}

/* ---- Readiness: what waits lends no memory, and is walked away from; bytes are taken when they are
 * there. ---- */

static void take_now(struct session *session)
{
	duet_op_init(&session->op, await_ended, session);
	duet_op_recv(&session->op, session->handle, missing(session), missing_bytes(session), 0);
	duet_op_inline(&session->op);
	if (duet_op_start(session->loop, &session->op) == 1)
		await_ended(&session->op);
}

static void became_ready(struct duet_op *op)
{
	struct session *session = op->context;

	session->waiting = NULL;
	session->wrong |= op->result <= 0 && !may_have_stopped(op);
	duet_op_return(op);
	if (!session->over)
		take_now(session);
}

static void ready_wait(struct session *session)
{
	must(session, duet_op_take(session->loop, became_ready, session, &session->waiting));
	if (session->wrong)
		return;
	duet_op_poll(session->waiting, session->handle, POLLIN);
	must(session, duet_op_start(session->loop, session->waiting));
}

static void ready_ask(struct session *session)
{
	must(session, duet_op_abandon(session->waiting));
	session->waiting = NULL;
	wait(session);
}

/* ---- Scope: each wait in one of its own, which is joined. ---- */

static void scope_joined(struct duet_scope *scope)
{
	struct session *session = scope->context;
	const struct duet_op *op = &session->op;

	session->waiting = NULL;
	session->wrong |= op->result <= 0 && !may_have_stopped(op);
	have_more(session, op->transferred);
}

static void scope_wait(struct session *session)
{
	struct duet_scope_options options;

	session->waiting = &session->op;
	duet_scope_options_init(&options);
	options.context = session;
	must(session, duet_scope_open(&session->scope, session->loop, NULL, &options));
	duet_op_init(&session->op, NULL, NULL);
	duet_op_recv(&session->op, session->handle, missing(session), missing_bytes(session), 0);
	must(session, duet_scope_start(&session->scope, &session->member, &session->op));
	must(session, duet_scope_join(&session->scope, scope_joined));
}

static void scope_ask(struct session *session)
{
	duet_scope_cancel(&session->scope);
}

#define OWN_OP sizeof(struct duet_op)
const struct rung RUNGS[] = {
	{ .name = "await", .does = "waits for the end, and counts what came",
	  .bytes = OWN_OP + RUNG_MESSAGE, .wait = await_wait, .ask = await_ask },
	{ .name = "scope", .does = "the same, each wait in a scope that is joined",
	  .bytes = OWN_OP + RUNG_MESSAGE + sizeof(struct duet_scope) + sizeof(struct duet_member),
	  .wait = scope_wait, .ask = scope_ask },
	{ .name = "copy-through", .does = "receives elsewhere; its own memory is never lent",
	  .owned = 1, .owned_bytes = RUNG_MESSAGE, .bytes = RUNG_MESSAGE, .wait = copy_wait,
	  .ask = await_ask },
	{ .name = "move-and-reap", .does = "goes on at once with another buffer; late bytes are taken "
					   "in their order",
	  .owned = 2, .owned_bytes = RUNG_MESSAGE, .bytes = RUNG_MESSAGE, .wait = move_wait,
	  .ask = move_ask },
	{ .name = "poll-drop", .does = "a future, polled to its end when it is given up",
	  .bytes = sizeof(struct duet_op_future) + sizeof(struct duet_waker) + RUNG_MESSAGE,
	  .wait = future_wait, .ask = await_ask },
	{ .name = "readiness", .does = "waits for readiness alone, which lends nothing, and walks away",
	  .owned = 2, .bytes = OWN_OP + RUNG_MESSAGE, .wait = ready_wait, .ask = ready_ask },
	{ 0 },
};
