/* SPDX-FileCopyrightText: The Duet authors */
/* SPDX-License-Identifier: MIT */
#include "reference/twins/generate.h"

#include <duet/operation.h>
#include <duet/scope.h>
#include <errno.h>
#include <poll.h>
#include <string.h>

/*
 * Two kinds of scripts.
 *
 * Racy: anything at any moment; only what must always hold is judged.
 *
 * Calm: everything settles after each step, no socket runs full, and nothing is done of which two
 * mechanisms may rightly make different things. What a calm script avoids is written at the line
 * that avoids it.
 */

/* More than this towards one end could fill it on some mechanism, and how much fits differs. */
#define CALM_BYTES 3000

struct draft {
	struct script *script;
	uint64_t state;
	uint16_t next_id;
	/* By end: what was sent to it, and what it may no longer do. */
	uint32_t sent_to[SCRIPT_CONNECTIONS * 2];
	bool silent[SCRIPT_CONNECTIONS * 2];
	bool closed[SCRIPT_CONNECTIONS * 2];
	bool watched[SCRIPT_CONNECTIONS * 2]; /* a poll for input, or a receive, is or was there */
	uint8_t dialed; /* dialers used */
	uint8_t bound;  /* of the last ones, those that listen */
	uint8_t pooled_end; /* + 1 */
	uint8_t listeners_closed;
	uint8_t files_closed;
	uint8_t scopes; /* opened */
};

static uint32_t draw(struct draft *draft, uint32_t bound)
{
	uint64_t value = draft->state += 0x9e3779b97f4a7c15u;

	value = (value ^ value >> 30) * 0xbf58476d1ce4e5b9u;
	value = (value ^ value >> 27) * 0x94d049bb133111ebu;
	return (uint32_t)((value >> 33) % bound);
}

static bool one_in(struct draft *draft, uint32_t n)
{
	return draw(draft, n) == 0;
}

static struct step *add_step(struct draft *draft, enum step_what what)
{
	static struct step spare;
	struct script *script = draft->script;
	struct step *step = &spare;

	if (script->step_count < SCRIPT_STEPS)
		step = &script->steps[script->step_count++];
	*step = (struct step){ .what = (uint8_t)what, .deadline_us = SCRIPT_NO_DEADLINE,
		.after = SCRIPT_AFTER_NOTHING };
	return step;
}

static struct step *add_start(struct draft *draft, enum duet_kind kind)
{
	struct step *step = add_step(draft, STEP_START);

	step->kind = (uint8_t)kind;
	step->id = draft->next_id++;
	return step;
}

/* Its end may come inside its start. */
static void draw_inline(struct draft *draft, struct step *step)
{
	if (one_in(draft, 6))
		step->flags |= DUET_INLINE;
}

/* From inside a completion, now and then. Not sends: one that is started between another's short
 * end and the news of it comes behind a hole that it can't know of. */
static void draw_after(struct draft *draft, struct step *step)
{
	if (!draft->script->calm && draft->next_id > 1 && one_in(draft, 3))
		step->after = (uint8_t)draw(draft, draft->next_id - 1u);
}

/* ---- The stage. ---- */

static uint8_t draw_family(struct draft *draft)
{
	return (uint8_t)(FAMILY_UNIX + draw(draft, 2));
}

static void draft_stage(struct draft *draft)
{
	struct script *script = draft->script;
	uint32_t connections = 1 + draw(draft, 2);

	for (uint32_t i = 0; i < connections; i++) {
		script->connections[i] = draw_family(draft);
		script->small[i] = !script->calm && one_in(draft, 2);
		script->tries[i] = (uint8_t)(one_in(draft, 2) ? draw(draft, TRY_COUNT) : TRY_AS_LOOP);
	}
	if (one_in(draft, 3)) {
		script->listeners[0] = draw_family(draft);
		for (uint32_t i = 0; i < 4; i++)
			script->dialers[i] = script->listeners[0];
	}
	if (one_in(draft, 4))
		script->file_bytes[0] = 1 + draw(draft, 20000);
	if (one_in(draft, 2)) {
		script->pool_count[0] = 1u << draw(draft, 4);
		script->pool_bytes[0] = 64u << draw(draft, 5);
		script->pool_regimes[0] = DUET_REGIME_POOLED;
	}
	/* To be taken from, of one or a few: they run out. */
	for (unsigned i = 1; i < SCRIPT_POOLS; i++) {
		if (one_in(draft, 2))
			continue;
		script->pool_count[i] = 1u << draw(draft, 3);
		script->pool_bytes[i] = 64u << draw(draft, 7);
		script->pool_regimes[i] = (uint8_t)(one_in(draft, 2) ? DUET_REGIME_REGISTERED
								     : DUET_REGIME_MOVED);
	}
}

/* An end that is not closed, or none if luck says so. */
static struct object draw_end(struct draft *draft)
{
	uint32_t count = draft->script->connections[1] ? 4 : 2;
	struct object end = { OBJECT_END, (uint8_t)draw(draft, count) };

	/* What is started on a closed handle is refused: worth a try now and then. */
	while (draft->closed[end.index] && !one_in(draft, 8))
		end.index = (uint8_t)draw(draft, count);
	return end;
}

static void draw_deadline(struct draft *draft, struct step *step)
{
	static const uint32_t choices[] = { 0, 50, 300, 1000000 };

	if (one_in(draft, 5))
		step->deadline_us = choices[draw(draft, 4)];
}

/* ---- What is started. ---- */

/* Without a copy only what the other end's system takes in whether or not somebody receives: until it has,
 * the memory is kept, and nobody can ask for it. */
static enum duet_kind draw_send(struct draft *draft, struct object end, uint32_t length_bytes)
{
	bool fits = !draft->script->small[end.index / 2] && length_bytes <= 4096;

	return fits && one_in(draft, 4) ? DUET_SEND_ZERO_COPY : DUET_SEND;
}

static void draft_send(struct draft *draft)
{
	struct object end = draw_end(draft);
	struct object peer = object_peer(end);
	uint32_t length = 1 + draw(draft, one_in(draft, 3) ? 20000 : 400);
	struct step *step;

	/* More than a TCP window: it waits for a reader. */
	if (draft->script->small[end.index / 2] && one_in(draft, 8))
		length = 200000;

	if (draft->script->calm) {
		length = 1 + draw(draft, 700);
		/* After its own shutdown, or to a closed end: how a send fails differs in time. */
		if (draft->silent[end.index] || draft->closed[end.index] ||
		    draft->closed[peer.index] ||
		    draft->sent_to[peer.index] + length > CALM_BYTES)
			return;
	}
	draft->sent_to[peer.index] += length;
	step = add_start(draft, draw_send(draft, end, length));
	step->object = end;
	step->length_bytes = length;
	step->flags = one_in(draft, 2) ? DUET_WHOLE : 0;
	if (!step->flags && one_in(draft, 3))
		step->kind = DUET_SENDMSG;
	else if (length >= DUET_OP_IOVECS && one_in(draft, 4))
		step->pieces = (uint8_t)(2 + draw(draft, 3));
	draw_inline(draft, step);
	if (!draft->script->calm)
		draw_deadline(draft, step);
}

/* Several sends at once, to be gathered. */
static void draft_gather(struct draft *draft)
{
	uint32_t count = 2 + draw(draft, 5);
	struct object end = draw_end(draft);

	/* A receive that waits would get the first of them, or all. */
	if (draft->script->calm && draft->watched[end.index ^ 1])
		return;
	for (uint32_t i = 0; i < count; i++) {
		struct object peer = object_peer(end);
		uint32_t length = 1 + draw(draft, draft->script->calm ? 100 : 3000);
		struct step *step;

		if (draft->script->calm &&
		    (draft->silent[end.index] || draft->closed[end.index] ||
		     draft->closed[peer.index] ||
		     draft->sent_to[peer.index] + length > CALM_BYTES))
			return;
		draft->sent_to[peer.index] += length;
		step = add_start(draft, draw_send(draft, end, length));
		step->object = end;
		step->length_bytes = length;
		step->flags = one_in(draft, 4) ? DUET_WHOLE : 0;
		if (!step->flags && one_in(draft, 6))
			step->kind = DUET_SENDMSG;
	}
}

static void draft_recv(struct draft *draft)
{
	struct step *step = add_start(draft, DUET_RECV);
	bool pooled = draft->script->pool_count[0] && one_in(draft, 2);

	step->object = draw_end(draft);
	draft->watched[step->object.index] = true;
	/* Which of two hungry ends gets a buffer is chance. */
	if (pooled && !draft->pooled_end)
		draft->pooled_end = (uint8_t)(step->object.index + 1);
	if (draft->script->calm && draft->pooled_end != step->object.index + 1)
		pooled = false;
	if (pooled) {
		step->flags = DUET_POOLED | (one_in(draft, 2) ? DUET_MULTISHOT : 0);
	} else {
		step->length_bytes = 1 + draw(draft, one_in(draft, 4) ? 20000 : 500);
		step->flags = one_in(draft, 3) ? DUET_WHOLE : 0;
		if (!step->flags && one_in(draft, 3))
			step->kind = DUET_RECVMSG;
	}
	draw_inline(draft, step);
	if (!draft->script->calm) {
		draw_deadline(draft, step);
		draw_after(draft, step);
	} else if (!draft->sent_to[step->object.index] && one_in(draft, 4)) {
		/* Nothing can come, so that a deadline meets no result: it may not beat one. */
		draft->sent_to[step->object.index] = CALM_BYTES;
		step->deadline_us = one_in(draft, 2) ? 0 : 200;
	}
}

static void draft_poll(struct draft *draft)
{
	struct object end = draw_end(draft);
	struct step *step;
	bool in = one_in(draft, 2);

	if (draft->script->calm) {
		/* A poll and a receive that wait for the same arrival race. */
		if ((in && draft->watched[end.index]) || draft->closed[end.index] ||
		    draft->silent[end.index ^ 1] || draft->closed[end.index ^ 1])
			return;
		if (in)
			draft->sent_to[end.index] = CALM_BYTES;
	}
	step = add_start(draft, DUET_POLL);
	step->object = end;
	step->value = in ? POLLIN : POLLOUT;
	step->flags = one_in(draft, 3) ? DUET_MULTISHOT : 0;
	draw_inline(draft, step);
	if (!draft->script->calm)
		draw_deadline(draft, step);
}

static void draft_accept(struct draft *draft)
{
	struct step *step;

	if (!draft->script->listeners[0] || draft->listeners_closed)
		return;
	step = add_start(draft, DUET_ACCEPT);
	step->object = (struct object){ OBJECT_LISTENER, 0 };
	step->flags = one_in(draft, 3) ? DUET_MULTISHOT : 0;
	draw_inline(draft, step);
	draw_after(draft, step);
	if (!draft->script->calm)
		draw_deadline(draft, step);
}

static void draft_connect(struct draft *draft)
{
	struct step *step;

	if (!draft->script->listeners[0] || draft->dialed == 4 ||
	    (draft->script->calm && draft->listeners_closed))
		return;
	step = add_start(draft, DUET_CONNECT);
	step->object = (struct object){ OBJECT_DIALER, draft->dialed++ };
	if (!one_in(draft, 5))
		step->target = (struct object){ OBJECT_LISTENER, 0 };
	if (!draft->script->calm)
		draw_deadline(draft, step);
}

static void draft_shutdown(struct draft *draft)
{
	struct object end = draw_end(draft);

	if (draft->script->calm && (draft->silent[end.index] || draft->closed[end.index] ||
				    draft->closed[end.index ^ 1]))
		return;
	add_start(draft, DUET_SHUTDOWN)->object = end;
	draft->silent[end.index] = true;
}

static void draft_close(struct draft *draft)
{
	struct object end = draw_end(draft);

	/* Closing with bytes unread resets the other end, and when that is noticed differs. */
	if (draft->script->calm && (draft->sent_to[end.index] || draft->closed[end.index]))
		return;
	if (!draft->script->calm && draft->script->listeners[0] && one_in(draft, 4))
		end = (struct object){ OBJECT_LISTENER, 0 };
	if (draft->script->file_bytes[0] && !draft->files_closed && one_in(draft, 3))
		end = (struct object){ OBJECT_FILE, 0 };
	add_start(draft, DUET_CLOSE)->object = end;
	if (end.kind == OBJECT_END)
		draft->closed[end.index] = true;
	else if (end.kind == OBJECT_LISTENER)
		draft->listeners_closed = 1;
	else
		draft->files_closed = 1;
}

static void draft_file(struct draft *draft)
{
	static const uint8_t kinds[] = { DUET_READ, DUET_READ, DUET_READ, DUET_WRITE, DUET_WRITE,
		DUET_FSYNC, DUET_OPEN, DUET_ALLOCATE, DUET_STATX, DUET_TRUNCATE };
	uint32_t bytes = draft->script->file_bytes[0];
	struct step *step;

	if (!bytes || draft->files_closed)
		return;
	/* A read beside a truncate may bring zeros. */
	step = add_start(draft, kinds[draw(draft, draft->script->calm ? 10 : 9)]);
	step->object = (struct object){ OBJECT_FILE, 0 };
	if (step->kind == DUET_READ || step->kind == DUET_WRITE) {
		/* At most to its end: a hole would have bytes that no pattern foretells. */
		step->offset_bytes = draw(draft, bytes + 1);
		step->length_bytes = 1 + draw(draft, 9000);
		step->pieces = (uint8_t)(one_in(draft, 3) && step->length_bytes >= DUET_OP_IOVECS
						 ? 2 + draw(draft, DUET_OP_IOVECS - 1)
						 : 0);
	}
	if (step->kind == DUET_FSYNC && one_in(draft, 2))
		step->flags = DUET_DATA_ONLY;
	if (step->kind == DUET_OPEN && one_in(draft, 3))
		step->object = (struct object){ OBJECT_NONE, 0 };
	draw_inline(draft, step);
	if (!draft->script->calm)
		draw_deadline(draft, step);
}

static struct object draw_name(struct draft *draft)
{
	return (struct object){ OBJECT_NAME, (uint8_t)draw(draft, SCRIPT_NAMES) };
}

/* One after the other, so that there is something to be found, replaced and removed. */
static void draft_names(struct draft *draft)
{
	static const uint8_t kinds[] = { DUET_MKDIR, DUET_MKDIR, DUET_SYMLINK, DUET_SYMLINK,
		DUET_RENAME, DUET_RENAME, DUET_UNLINK, DUET_UNLINK, DUET_STATX, DUET_LINK };
	uint32_t count = 1 + draw(draft, 4);

	for (uint32_t i = 0; i < count; i++) {
		struct step *step = add_start(draft, kinds[draw(draft, 10)]);

		step->object = draw_name(draft);
		if (step->kind >= DUET_RENAME)
			step->target = draw_name(draft);
		if (step->kind == DUET_LINK && draft->script->file_bytes[0] && one_in(draft, 2))
			step->object = (struct object){ OBJECT_FILE, 0 };
		if (step->kind == DUET_UNLINK)
			step->value = draw(draft, 2);
		draw_inline(draft, step);
		if (draft->script->calm)
			add_step(draft, STEP_SETTLE);
		else
			draw_deadline(draft, step);
	}
}

static void draft_timer(struct draft *draft)
{
	static const uint32_t choices[] = { 0, 20, 20, 100, 100, 300, 1000000 };
	uint32_t count = 1 + draw(draft, 4);

	for (uint32_t i = 0; i < count; i++)
		add_start(draft, DUET_TIMEOUT)->value = choices[draw(draft, 7)];
}

static void draft_nop(struct draft *draft)
{
	struct step *step = add_start(draft, DUET_NOP);

	draw_inline(draft, step);
	draw_after(draft, step);
}

/* A new socket, or a dialer that only listens: both have ends of their own. */
static void draft_set_up(struct draft *draft)
{
	uint8_t index = (uint8_t)(SCRIPT_DIALERS - 1 - draft->bound);
	struct step *step;

	if (draft->bound == 2 || one_in(draft, 2)) {
		step = add_start(draft, DUET_SOCKET);
		step->value = draw_family(draft);
		draw_inline(draft, step);
		return;
	}
	draft->bound++;
	draft->script->dialers[index] = draw_family(draft);
	for (unsigned i = 0; i < 2; i++) {
		step = add_start(draft, i ? DUET_LISTEN : DUET_BIND);
		step->object = (struct object){ OBJECT_DIALER, index };
		draw_inline(draft, step);
		/* Bind and listen are in nobody's order. */
		if (draft->script->calm)
			add_step(draft, STEP_SETTLE);
	}
}

/* ---- What is done beside starting. ---- */

static void draft_cancel(struct draft *draft)
{
	struct step *step;
	uint32_t back;

	if (!draft->next_id)
		return;
	back = 1 + draw(draft, draft->next_id < 6 ? draft->next_id : 6);
	step = add_step(draft, STEP_CANCEL);
	step->id = (uint16_t)(draft->next_id - back);
	draw_after(draft, step);
}

static void draft_return(struct draft *draft)
{
	struct step *step;

	uint8_t pool = (uint8_t)draw(draft, SCRIPT_POOLS);

	if (!draft->script->pool_count[pool])
		return;
	step = add_step(draft, STEP_RETURN);
	step->pool = pool;
	step->value = 1 + draw(draft, 4);
	step->flags = one_in(draft, 3) ? SCRIPT_TWICE : 0;
}

static void draft_destroy(struct draft *draft)
{
	if (one_in(draft, 4))
		add_step(draft, STEP_DESTROY);
}

static void draft_wait(struct draft *draft)
{
	struct step *step = add_step(draft, STEP_WAIT);

	step->value = draw(draft, 3) * 100;
	/* The whole of it, so that what is due has fired on every clock. */
	if (draft->script->calm)
		step->value = 400;
}

static void draft_post(struct draft *draft)
{
	uint32_t count = 1 + draw(draft, 3);

	for (uint32_t i = 0; i < count; i++)
		draw_after(draft, add_step(draft, STEP_POST));
	if (one_in(draft, 2))
		add_step(draft, STEP_WAKE);
}

static void draft_turn(struct draft *draft)
{
	add_step(draft, STEP_TURN)->value = 1 + draw(draft, 3);
}

/* ---- Scopes, and what is given up. ---- */

static struct object draw_scope(struct draft *draft)
{
	return (struct object){ OBJECT_SCOPE, (uint8_t)draw(draft, draft->scopes) };
}

/* Of a scope: it has passed before anything else is done, or never comes. */
static uint32_t draw_due(struct draft *draft)
{
	static const uint32_t choices[] = { 0, 200, 1000000, 1000000 };

	return choices[draw(draft, 4)];
}

static void draft_scope(struct draft *draft)
{
	struct step *step;

	if (draft->scopes == SCRIPT_SCOPES)
		return;
	step = add_step(draft, STEP_SCOPE);
	step->value = draw(draft, DUET_POLICY_COUNT);
	if (draft->scopes && one_in(draft, 2))
		step->scope = (uint8_t)(1 + draw(draft, draft->scopes));
	if (one_in(draft, 4))
		step->flags = SCRIPT_SHIELD;
	if (step->flags)
		step->deadline_us = 1000000;
	else if (one_in(draft, 5))
		step->deadline_us = draw_due(draft);
	step->object = (struct object){ OBJECT_SCOPE, draft->scopes++ };
}

static void draft_request(struct draft *draft)
{
	static const uint8_t whats[] = { STEP_ASK, STEP_ASK, STEP_JOIN, STEP_JOIN, STEP_DUE };
	struct step *step;

	if (!draft->scopes)
		return;
	step = add_step(draft, (enum step_what)whats[draw(draft, 5)]);
	step->object = draw_scope(draft);
	if (step->what == STEP_DUE)
		step->deadline_us = draw_due(draft);
	draw_after(draft, step);
}

/* What a scope does when it is over: it waits a moment, or closes an end. */
static void draft_cleanup(struct draft *draft)
{
	struct object end = { OBJECT_END, 0 };
	struct step *step;

	if (!draft->scopes)
		return;
	step = add_start(draft, one_in(draft, 2) ? DUET_NOP : DUET_TIMEOUT);
	step->value = step->kind == DUET_TIMEOUT ? 20 : 0;
	step->scope = (uint8_t)(1 + draw(draft, draft->scopes));
	step->cleanup = true;
	if (draft->script->calm || draft->closed[end.index] || !one_in(draft, 3))
		return;
	draft->closed[end.index] = true;
	step->kind = DUET_CLOSE;
	step->value = 0;
	step->object = end;
}

static void draft_abandon(struct draft *draft)
{
	struct step *step;

	if (!draft->next_id)
		return;
	step = add_step(draft, STEP_ABANDON);
	step->id = (uint16_t)(draft->next_id - 1 - draw(draft, draft->next_id < 6 ? draft->next_id : 6));
	draw_after(draft, step);
}

/* Who wins a race of two that can both complete is chance; and what a receive that comes to its turn
 * when the one in front is asked, with it, still gets. */
static bool fits_calm(const struct draft *draft, const struct step *start, const struct step *scope)
{
	if (!draft->script->calm)
		return true;
	if (start->flags & DUET_POOLED)
		return false;
	return scope->value != DUET_RACE || start->kind == DUET_NOP ||
	       (start->kind == DUET_TIMEOUT && start->value == 1000000);
}

static const struct step *scope_step(const struct script *script, uint8_t index)
{
	const struct step *step = script->steps;

	while (step->what != STEP_SCOPE || step->object.index != index)
		step++;
	return step;
}

/* What is moved in a buffer of a pool, or through one, if there is such a pool: no more than fits. */
static void draw_regime(struct draft *draft, struct step *step)
{
	uint8_t pool = (uint8_t)(1 + draw(draft, SCRIPT_POOLS - 1));
	uint32_t room = draft->script->pool_bytes[pool];

	if (!room || step->flags & DUET_POOLED ||
	    duet_kind_regimes((enum duet_kind)step->kind) >> DUET_REGIME_MOVED == 0)
		return;
	if (step->length_bytes > room)
		step->length_bytes = 1 + draw(draft, room);
	step->pieces = 0;
	step->memory = one_in(draft, 2) ? MEMORY_GIVEN : MEMORY_THROUGH;
	step->pool = pool;
}

/* Some of what is started is in a scope, or the runtime's. */
static void adorn(struct draft *draft, struct step *step)
{
	bool transfers = step->kind == DUET_RECV || kind_sends(step->kind) ||
			 step->kind == DUET_READ || step->kind == DUET_WRITE;
	uint8_t index;

	if (step->what != STEP_START || step->cleanup)
		return;
	if (draft->scopes && one_in(draft, 2)) {
		index = draw_scope(draft).index;
		if (fits_calm(draft, step, scope_step(draft->script, index)))
			step->scope = (uint8_t)(index + 1);
	}
	/* A message's header is never the runtime's. */
	if (one_in(draft, 2) && step->kind != DUET_CLOSE && step->kind != DUET_RECVMSG &&
	    step->kind != DUET_SENDMSG && step->length_bytes <= SCRIPT_OWNED_BYTES)
		step->memory = transfers && !(step->flags & DUET_POOLED) && one_in(draft, 2) &&
					       !(step->kind == DUET_READ && step->pieces)
				       ? MEMORY_COPIED
				       : MEMORY_OWNED;
	if (one_in(draft, 2))
		draw_regime(draft, step);
}

/* Played on the reference alone, so that of few scripts is enough. */
static void draft_faults(struct draft *draft)
{
	static const struct script_fault choices[] = { { DUET_RECV, ECONNRESET, 0 },
		{ DUET_RECV, ETIMEDOUT, 0 }, { DUET_SEND, ECONNRESET, 0 }, { DUET_SEND, EPIPE, 0 },
		{ DUET_SEND_ZERO_COPY, EPIPE, 0 },
		{ DUET_ACCEPT, EMFILE, 0 }, { DUET_CONNECT, ETIMEDOUT, 0 }, { DUET_READ, EIO, 0 },
		{ DUET_WRITE, ENOSPC, 0 }, { DUET_OPEN, EMFILE, 0 }, { DUET_FSYNC, EIO, 0 },
		{ DUET_CLOSE, EIO, 0 }, { DUET_SHUTDOWN, ENOTCONN, 0 }, { DUET_POLL, ENOMEM, 0 },
		{ DUET_NOP, EIO, 0 }, { DUET_RECVMSG, ECONNRESET, 0 },
		{ DUET_SENDMSG, EPIPE, 0 } };
	struct script *script = draft->script;

	script->fault_count = 1 + draw(draft, SCRIPT_FAULTS);
	for (uint32_t i = 0; i < script->fault_count; i++) {
		script->faults[i] = choices[draw(draft, sizeof(choices) / sizeof(choices[0]))];
		script->faults[i].number = 1 + draw(draft, 3);
	}
}

static void (*const moves[])(struct draft *draft) = {
	draft_send, draft_send, draft_send, draft_send, draft_gather, draft_recv, draft_recv,
	draft_recv, draft_recv, draft_recv, draft_poll, draft_accept, draft_accept, draft_connect,
	draft_connect, draft_shutdown, draft_close, draft_file, draft_file, draft_names, draft_timer, draft_nop,
	draft_cancel, draft_cancel, draft_cancel, draft_return, draft_return, draft_wait,
	draft_turn, draft_turn, draft_destroy, draft_post, draft_set_up, draft_scope, draft_scope,
	draft_request, draft_request, draft_request, draft_cleanup, draft_abandon, draft_abandon,
};

#define MOVES (sizeof(moves) / sizeof(moves[0]))

void generate(struct script *script, uint64_t seed)
{
	struct draft draft = { .script = script, .state = seed * 0xd1342543de82ef95u + 1 };
	uint32_t length;

	memset(script, 0, sizeof(*script));
	script->seed = seed;
	script->calm = seed % 2 == 0;
	draft_stage(&draft);
	if (seed % 16 == 15)
		draft_faults(&draft);
	length = 4 + draw(&draft, 30);
	for (uint32_t i = 0; i < length && draft.next_id < SCRIPT_IDS - 8; i++) {
		uint32_t first = script->step_count;

		moves[draw(&draft, MOVES)](&draft);
		for (uint32_t k = first; k < script->step_count; k++)
			adorn(&draft, &script->steps[k]);
		if (script->calm)
			add_step(&draft, STEP_SETTLE);
	}
}
