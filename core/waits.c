/* SPDX-FileCopyrightText: The Duet authors */
/* SPDX-License-Identifier: MIT */
#include "core/waits.h"

#include <errno.h>
#include <stdio.h>

#include "core/backend.h"
#include "core/lifecycle.h"
#include "core/operation.h"
#include "core/queue.h"
#include "core/scope.h"

/*
 * A wait on its own loop is a place in the primitive's line, by op->next and op->prev, which nothing
 * else uses where there is no handle.
 *
 * A wait on another loop (home is where it was started) goes through two messages inside it, each of
 * which is sent away once and comes back:
 *
 *	home                                   the primitive's loop
 *	begin    --- message ------------->    attempt, or a place in line
 *	request  --- stop ---------------->    out of the line, if it is still there
 *	         <-- message --------------    with the result: of the attempt, of who granted it, or
 *	                                       of the stop; once
 *	         <-- stop -----------------    always
 *
 * It ends when all that was sent is home, so that nobody knows of it any more; and since the primitive's
 * thread alone decides, a grant and a stop never both happen. op->next, prev, args.wait.raw and in_line
 * are that thread's in between, everything else is home's.
 *
 * One word is both threads': who was first, home with a stop, or the other with the result? What has a
 * result gets no stop sent after it, since the primitive and its loop may be gone by then. Until the
 * result is sent the operation keeps the primitive from its end, and until a stop that was sent has come,
 * too, the loop: as a message at first, then as a visitor.
 */

/* args.wait.crossing, of who is away. */
enum core_crossing {
	/* On its way there, or there. Next: ASKED (by home), ANSWERED. */
	CROSSING_OUT,
	/* Home has sent the stop. Next: HEARD, ANSWERED: then the stop finds nothing left to do. */
	CROSSING_ASKED,
	/* The stop has come, and what is held there stays until its holder ends it. Next: ANSWERED. */
	CROSSING_HEARD,
	/* The result is sent home. Home may still say ASKED; nobody looks any more. */
	CROSSING_ANSWERED,
};

static struct duet_waiters *waiters_of(const struct duet_op *op)
{
	return op->args.wait.on;
}

static const struct core_wait *wait_of(const struct duet_op *op)
{
	return core_kind(op)->wait;
}

/* ---- The line. ---- */

int core_wait_enter(struct duet_op *op)
{
	int raw;

	op->args.wait.in_line = WAIT_NOWHERE;
	raw = wait_of(op)->attempt(op);
	if (raw == -EAGAIN) {
		core_ring_append(&waiters_of(op)->first, op);
		op->args.wait.in_line = WAIT_IN_LINE;
	} else if (raw == CORE_WAIT_HELD) {
		op->args.wait.in_line = WAIT_HELD;
	}
	return raw;
}

static void leave(struct duet_op *op)
{
	if (op->args.wait.in_line == WAIT_IN_LINE)
		core_ring_remove(&waiters_of(op)->first, op);
	op->args.wait.in_line = WAIT_NOWHERE;
}

void core_wait_hold(struct duet_op *op)
{
	leave(op);
	op->args.wait.in_line = WAIT_HELD;
}

static bool goes_on(int raw)
{
	return raw == -EAGAIN || raw == CORE_WAIT_HELD;
}

/* Out of the primitive, without effect; false: it is to stay. */
static bool withdraw(struct duet_op *op)
{
	const enum core_wait_place place = op->args.wait.in_line;

	if (place == WAIT_NOWHERE || (place == WAIT_HELD && !wait_of(op)->withdraw(op)))
		return false;
	leave(op);
	return true;
}

static void post(struct duet_loop *to, struct duet_message *message,
		 void (*fn)(struct duet_message *message))
{
	message->fn = fn;
	duet_loop_post(to, message);
}

/* The one place where it changes: what it was. */
static enum core_crossing cross(struct duet_op *op, enum core_crossing to)
{
	return (enum core_crossing)__atomic_exchange_n(&op->args.wait.crossing, (uint8_t)to,
						       __ATOMIC_ACQ_REL);
}

/* ---- At home. ---- */

static void came_home(struct duet_op *op)
{
	if (MUTANT(grant_thrown_away) && op->request)
		op->args.wait.raw = -ECANCELED;
	if (--op->args.wait.away == 0)
		core_finish(op->loop, op, op->args.wait.raw);
}

static void message_home(struct duet_message *message)
{
	came_home(CORE_CONTAINER(struct duet_op, args.wait.message, message));
}

static void stop_home(struct duet_message *message)
{
	came_home(CORE_CONTAINER(struct duet_op, args.wait.stop, message));
}

/* ---- At the primitive's. ---- */

/* Its memory is its owner's again as soon as this is said; the primitive's may be. */
static void send_home(struct duet_op *op, int raw)
{
	__atomic_sub_fetch(&waiters_of(op)->visitors, 1, __ATOMIC_RELAXED);
	if (cross(op, CROSSING_ANSWERED) != CROSSING_ASKED)
		op->args.wait.there->visitors--;
	op->args.wait.raw = raw;
	post(op->loop, &op->args.wait.message, message_home);
}

static void arrive(struct duet_message *message)
{
	struct duet_op *op = CORE_CONTAINER(struct duet_op, args.wait.message, message);
	int raw;

	op->args.wait.there->visitors++;
	raw = core_wait_enter(op);
	if (!goes_on(raw))
		send_home(op, raw);
}

static void arrive_to_stop(struct duet_message *message)
{
	struct duet_op *op = CORE_CONTAINER(struct duet_op, args.wait.stop, message);

	if (cross(op, CROSSING_HEARD) == CROSSING_ANSWERED) {
		op->args.wait.there->visitors--;
	} else if (withdraw(op)) {
		if (wait_of(op)->left)
			wait_of(op)->left(waiters_of(op));
		send_home(op, -ECANCELED);
	}
	post(op->loop, &op->args.wait.stop, stop_home);
}

void core_wait_end(struct duet_op *op, int raw)
{
	leave(op);
	if (op->loop == waiters_of(op)->loop)
		core_finish(op->loop, op, raw);
	else
		send_home(op, raw);
}

void core_wait_end_all(struct duet_waiters *waiters, int raw)
{
	while (waiters->first)
		core_wait_end(waiters->first, raw);
}

/* ---- From start to stop. ---- */

int core_wait_check(const struct duet_op *op)
{
	return op->flags & ~DUET_INLINE || !op->args.wait.on ? -EINVAL : 0;
}

int core_wait_refusal(const struct duet_loop *loop, const struct duet_op *op)
{
	const struct core_wait *wait = wait_of(op);
	bool joins = op->kind == DUET_JOIN || op->kind == DUET_JOIN_SCOPE;

	if (core_wait_check(op) || (wait->lends && !op->args.wait.with))
		return -EINVAL;
	if (!joins && !waiters_of(op)->loop)
		return -EINVAL;
	if (!joins && waiters_of(op)->loop != loop && !wait->crosses)
		return -EINVAL;
	return wait->refuse ? wait->refuse(loop, op) : 0;
}

int core_wait_begin(struct duet_loop *loop, struct duet_op *op)
{
	int raw;

	op->args.wait.away = 0;
	if (waiters_of(op)->loop != loop) {
		op->args.wait.away = 1;
		op->args.wait.crossing = CROSSING_OUT;
		op->args.wait.there = waiters_of(op)->loop;
		__atomic_add_fetch(&waiters_of(op)->visitors, 1, __ATOMIC_RELAXED);
		post(op->args.wait.there, &op->args.wait.message, arrive);
		return BACKEND_ISSUED;
	}
	raw = core_wait_enter(op);
	if (goes_on(raw))
		return BACKEND_ISSUED;
	op->result = raw;
	return BACKEND_ENDED;
}

int core_wait_begun(struct duet_loop *loop, struct duet_op *op)
{
	int answer = core_kind(op)->begin(loop, op);

	/* What ends here inline is told to nobody. */
	if (loop->backend->begun && !(answer == BACKEND_ENDED && op->flags & DUET_INLINE))
		loop->backend->begun(loop, op);
	return answer;
}

void core_wait_stop(struct duet_loop *loop, struct duet_op *op)
{
	if (op->args.wait.away) {
		core_state_set(op, STATE_CANCELLING);
		if (cross(op, CROSSING_ASKED) == CROSSING_ANSWERED)
			return;
		op->args.wait.away++;
		post(op->args.wait.there, &op->args.wait.stop, arrive_to_stop);
		return;
	}
	/* Whoever holds it may end it in there. */
	if (op->args.wait.in_line == WAIT_HELD)
		core_state_set(op, STATE_CANCELLING);
	if (!withdraw(op))
		return;
	core_finish(loop, op, -ECANCELED);
	if (wait_of(op)->left && !MUTANT(line_not_looked_at))
		wait_of(op)->left(waiters_of(op));
}

/* ---- For people. ---- */

int core_waiters_fini(struct duet_waiters *waiters, const char *noun)
{
	if (waiters->loop)
		core_check_owner(waiters->loop);
	if (waiters->first || __atomic_load_n(&waiters->visitors, __ATOMIC_RELAXED)) {
#ifdef DUET_DEBUG
		core_abort_waited_for(waiters, noun);
#endif
		return -EBUSY;
	}
	(void)noun;
	waiters->loop = NULL;
	return 0;
}

size_t core_wait_describe(const struct duet_op *op, char *text, size_t size)
{
	return (size_t)snprintf(text, size, "%s %p of %s %p %s",
				duet_kind_name((enum duet_kind)op->kind), (const void *)op,
				wait_of(op)->noun, op->args.wait.on,
				core_state_name((enum core_state)op->state));
}
