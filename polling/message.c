/* SPDX-FileCopyrightText: The Duet authors */
/* SPDX-License-Identifier: MIT */
#include "polling/internal.h"

#include <duet/msghdr.h>
#include <poll.h>

/* Messages with a header: one attempt of each, and what it says about its direction. */

/* Urgent data and queued errors have a readiness of their own: that there are none says nothing about
 * what others receive. The direction is "empty" only until such a receive has gone. */
static bool is_beside(const struct duet_op *op)
{
	return op->kind == DUET_RECVMSG && op->args.io.message_flags & (MSG_OOB | MSG_ERRQUEUE);
}

void polling_message_begins(struct duet_slot *slot, const struct duet_op *op)
{
	if (is_beside(op))
		slot->ready &= ~polling_bits(EMPTY, DIRECTION_READ);
}

void polling_message_leaves(struct duet_slot *slot, const struct duet_op *op)
{
	polling_message_begins(slot, op);
}

/* Ready on this side, and refused: nothing tells when a receiver's queue has room to whom the socket isn't
 * connected, or when an error of the socket's own has been taken; what the peer has ended stays so. Urgent
 * data is never waited for. */
static bool waits_in_vain(struct duet_loop *loop, struct duet_slot *slot, const struct duet_op *op)
{
	const int flags = op->args.io.message_flags;

	if (op->kind == DUET_RECVMSG && flags & MSG_ERRQUEUE)
		return polling_try_poll_once(loop, slot, POLLRDHUP);
	if (op->kind == DUET_RECVMSG)
		return flags & MSG_OOB;
	return slot->slot_class == CLASS_DATAGRAM && op->args.io.header->address_bytes &&
	       polling_try_poll_once(loop, slot, POLLOUT) & POLLOUT;
}

static int attempt(struct duet_loop *loop, const struct duet_slot *slot, const struct duet_op *op)
{
	if (op->kind == DUET_RECVMSG)
		return duet_core_system_recvmsg(loop, slot->fd, op);
	return duet_core_system_sendmsg(loop, slot->fd, op);
}

static void note(struct duet_loop *loop, struct duet_slot *slot, const struct duet_op *op, int n)
{
	const size_t wanted = op->args.io.length_bytes;

	if (op->kind == DUET_SENDMSG && n >= 0)
		polling_note_sent(loop, slot, (size_t)n, wanted);
	else if (n > 0 && !op->args.io.message_flags)
		polling_note_received(loop, slot, (size_t)n, wanted);
}

int polling_try_message_once(struct duet_loop *loop, struct duet_slot *slot, struct duet_op *op,
			     bool *waits)
{
	bool sends = op->kind == DUET_SENDMSG;
	int n = attempt(loop, slot, op);

	*waits = false;
	/* Again, as what stood in the way may be gone meanwhile. */
	if (n == -EAGAIN && waits_in_vain(loop, slot, op)) {
		loop->stats.wasted++;
		n = attempt(loop, slot, op);
	} else {
		*waits = n == -EAGAIN;
	}
	if (*waits)
		polling_found_nothing(loop, slot, sends ? DIRECTION_WRITE : DIRECTION_READ);
	else
		note(loop, slot, op, n);
	return n;
}
