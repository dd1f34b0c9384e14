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

int polling_try_recvmsg_once(struct duet_loop *loop, struct duet_slot *slot, struct duet_op *op)
{
	int n = duet_core_system_recvmsg(loop, slot->fd, op);

	if (n == -EAGAIN)
		return polling_found_nothing(loop, slot, DIRECTION_READ);
	if (n > 0 && !op->args.io.message_flags)
		polling_note_received(loop, slot, (size_t)n, op->args.io.length_bytes);
	return n;
}

/* A datagram to an address: is it the receiver's queue that is full, of which nothing is heard? */
static bool waits_in_vain(struct duet_loop *loop, struct duet_slot *slot, const struct duet_op *op)
{
	return slot->slot_class == CLASS_DATAGRAM && op->args.io.header->address_bytes &&
	       polling_try_poll_once(loop, slot, POLLOUT) & POLLOUT;
}

int polling_try_sendmsg_once(struct duet_loop *loop, struct duet_slot *slot, struct duet_op *op,
			     bool *waits)
{
	int n = duet_core_system_sendmsg(loop, slot->fd, op);

	/* Again, as what it found full may be so no more. */
	*waits = false;
	if (n == -EAGAIN && waits_in_vain(loop, slot, op)) {
		loop->stats.wasted++;
		return duet_core_system_sendmsg(loop, slot->fd, op);
	}
	*waits = n == -EAGAIN;
	if (*waits)
		polling_found_nothing(loop, slot, DIRECTION_WRITE);
	else if (n >= 0)
		polling_note_sent(loop, slot, (size_t)n, op->args.io.length_bytes);
	return n;
}
