/* SPDX-FileCopyrightText: The Duet authors */
/* SPDX-License-Identifier: MIT */
#include "polling/internal.h"

#include <poll.h>

/*
 * Polls: the one registration of a handle tells of everything, and a poll takes its part of each
 * event. One that goes on stays armed; nothing is changed for it in the kernel.
 */

static const uint32_t always_told = POLLERR | POLLHUP;

/* The events, 0 if there are none yet, or the error of the call. */
int polling_try_poll_once(struct duet_loop *loop, struct duet_slot *slot, uint32_t events)
{
	struct pollfd asked = {.fd = slot->fd, .events = (short)events};
	int n;

	do {
		n = poll(&asked, 1, 0);
		loop->stats.system_calls++;
	} while (n < 0 && errno == EINTR);
	if (n < 0)
		return -errno;
	if (n == 0)
		loop->stats.wasted++;
	/* Of a descriptor that can do nothing (O_PATH): an error, as any other call would say. */
	if (n > 0 && asked.revents & POLLNVAL)
		return -EBADF;
	return n > 0 ? (unsigned short)asked.revents : n;
}

/* What is ready by now is told by the first event of a handle that is registered only here; of any
 * other it is asked for, once. */
static COLD void begin_polls(struct duet_loop *loop, struct duet_slot *slot, struct duet_op *op)
{
	bool known = slot->ready & REGISTERED;
	int result = polling_arm(loop, slot, op);

	slot->ready |= POLLED;
	if (!result && (known || slot->ready & UNWATCHABLE))
		result = polling_try_poll_once(loop, slot, op->args.poll.events);
	if (result > 0)
		duet_core_item_events(loop, op, result);
	else if (result < 0)
		duet_core_end(loop, op, result);
}

void polling_finish_poll(struct duet_loop *loop, struct duet_slot *slot, struct duet_op *op)
{
	int result;

	if (op->flags & DUET_MULTISHOT) {
		begin_polls(loop, slot, op);
		return;
	}
	result = polling_try_poll_once(loop, slot, op->args.poll.events);
	if (!result) {
		result = polling_arm(loop, slot, op);
		slot->ready |= POLLED;
	}
	if (!result)
		return;
	if (op->progress == PROGRESS_FRESH)
		core_took(loop, op, CORE_INLINE);
	duet_core_end(loop, op, result);
}

/* Marks the armed polls that events answer, before a callback can arm others: these have not seen
 * the events, and what they asked for may be consumed. */
static void answer_polls(struct duet_slot *slot, uint32_t events)
{
	struct duet_op *op = slot->others;

	slot->ready &= ~(uint32_t)POLLED;
	if (!op)
		return;
	do {
		if (op->kind == DUET_POLL && op->progress == PROGRESS_ARMED) {
			op->backend = events & (op->args.poll.events | always_told);
			if (op->backend)
				op->progress = PROGRESS_ANSWERED;
			else
				slot->ready |= POLLED;
		}
		op = op->next;
	} while (op != slot->others);
}

static struct duet_op *answered_poll(const struct duet_slot *slot)
{
	struct duet_op *op = slot->others;

	if (!op)
		return NULL;
	do {
		if (op->kind == DUET_POLL && op->progress == PROGRESS_ANSWERED)
			return op;
		op = op->next;
	} while (op != slot->others);
	return NULL;
}

/* It goes on: the same registration tells of the next. */
static void tell_poll(struct duet_loop *loop, struct duet_slot *slot, struct duet_op *op)
{
	op->progress = PROGRESS_ARMED;
	slot->ready |= POLLED;
	duet_core_item_events(loop, op, (int)op->backend);
}

void polling_finish_polls(struct duet_loop *loop, struct duet_slot *slot, uint32_t events)
{
	uint64_t identity = duet_core_slot_identity(loop, slot);
	struct duet_op *op;

	answer_polls(slot, events);
	while (duet_core_slot(loop, identity) && (op = answered_poll(slot))) {
		if (op->flags & DUET_MULTISHOT)
			tell_poll(loop, slot, op);
		else
			duet_core_end(loop, op, (int)op->backend);
	}
}
