/* SPDX-FileCopyrightText: The Duet authors */
/* SPDX-License-Identifier: MIT */
#include "polling/internal.h"

/*
 * What the kernel watches for us: the only caller of epoll_ctl.
 *
 * A handle is registered once, at its first need to wait, edge-triggered and for everything it may
 * ever want to know, and deregistered at detach. Nothing is changed in between, so a message costs
 * no epoll_ctl, and no direction can disarm the other. The event carries the handle's identity: a
 * number that is reused has another generation.
 */

static const uint32_t everything = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLPRI | EPOLLET;

static int control(struct duet_loop *loop, int action, int fd, struct epoll_event *event)
{
	loop->stats.system_calls++;
	loop->stats.registrations++;
	return epoll_ctl(polling_of(loop)->epoll, action, fd, event) < 0 ? -errno : 0;
}

/* A descriptor without readiness never waits: both its directions are ready for good. */
static void unwatchable(struct duet_loop *loop, struct duet_slot *slot)
{
	slot->ready |= UNWATCHABLE;
	polling_note_ready(slot, DIRECTION_READ);
	polling_note_ready(slot, DIRECTION_WRITE);
	polling_attempt_later(loop, slot);
}

int polling_interest_add(struct duet_loop *loop, struct duet_slot *slot)
{
	struct epoll_event event = {.events = everything,
				    .data.u64 = duet_core_slot_identity(loop, slot)};
	int error;

	if (slot->ready & (REGISTERED | UNWATCHABLE))
		return 0;
	/* What is ready by now is told by the first event: nothing is missed between a failed
	 * attempt and here. */
	error = control(loop, EPOLL_CTL_ADD, slot->fd, &event);
	if (!error)
		slot->ready |= REGISTERED;
	if (error != -EPERM)
		return error;
	unwatchable(loop, slot);
	return 0;
}

/* Before the close, not by it: while a duplicate of the descriptor lives, elsewhere or in a child,
 * the kernel would go on telling of it, and with its number gone nobody could make it stop. */
void polling_interest_remove(struct duet_loop *loop, struct duet_slot *slot)
{
	struct epoll_event unused = {0};

	if (!(slot->ready & REGISTERED))
		return;
	control(loop, EPOLL_CTL_DEL, slot->fd, &unused);
	slot->ready &= ~(uint32_t)REGISTERED;
}

/* Edge-triggered: each write is an edge of its own, so that the counter is never read. */
int polling_interest_wake(struct polling *polling)
{
	struct epoll_event event = {.events = EPOLLIN | EPOLLET,
				    .data.u64 = POLLING_WAKE_IDENTITY};

	return epoll_ctl(polling->epoll, EPOLL_CTL_ADD, polling->wake, &event) < 0 ? -errno : 0;
}
