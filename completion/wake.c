/* SPDX-FileCopyrightText: The Duet authors */
/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "completion/internal.h"

/*
 * A multishot poll on an eventfd that is only ever written. The poll reports each write as an
 * edge, so that nobody has to read the counter back; 2^64 wakes are not to be feared.
 */

/* The kernel answers in the first of them. */
#define RELEASE_TURNS_MAX 16
#define RELEASE_TURN_NS 100000000

static int give_up(struct completion *self, int error)
{
	if (self->wake_fd >= 0)
		close(self->wake_fd);
	if (self->carry_fd >= 0)
		close(self->carry_fd);
	return -error;
}

int completion_wake_open(struct completion *self)
{
	self->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	self->carry_fd = self->deferred ? eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK) : -1;
	if (self->wake_fd >= 0 && (self->carry_fd >= 0 || !self->deferred))
		return 0;
	return give_up(self, errno);
}

/*
 * A plain ring's descriptor becomes readable when a completion is there. With deferred task work
 * nothing is there before somebody asks, and who sleeps on the descriptor isn't woken by work that
 * was put off (seen on 6.18). An eventfd of the ring's is rung by it; from the first prepare on, so
 * that only a carried loop pays.
 */
bool completion_carry(struct completion *self)
{
	uint64_t count;

	if (self->carry_fd < 0)
		return true;
	if (!self->carried) {
		self->stats->system_calls++;
		self->carried = io_uring_register_eventfd(&self->ring, self->carry_fd) == 0;
	}
	self->stats->system_calls++;
	(void)!read(self->carry_fd, &count, sizeof(count));
	return self->carried;
}

/* Until it is out of the queue; without room the next turn tries again, before it sleeps. */
void completion_wake_arm(struct completion *self)
{
	struct io_uring_sqe *sqe = completion_ring_entry(self);

	if (!sqe)
		return;
	io_uring_prep_poll_multishot(sqe, self->wake_fd, POLLIN);
	sqe->user_data = TAG_WAKE;
	self->wake_armed = true;
}

void completion_wake_event(struct completion *self, unsigned flags)
{
	/* Ended by the kernel, as every multishot may be. A write in between is seen at once by
	 * the next poll, since the counter is never brought back to 0. */
	if (!(flags & IORING_CQE_F_MORE))
		self->wake_armed = false;
}

/* The poll is the backend's only operation of its own: like any other it is cancelled and waited
 * for, since closing a ring says nothing about when its operations end. */
void completion_wake_close(struct duet_loop *loop, struct completion *self)
{
	struct io_uring_sqe *sqe = self->wake_armed ? completion_ring_entry(self) : NULL;

	if (sqe) {
		io_uring_prep_cancel64(sqe, TAG_WAKE, 0);
		sqe->user_data = TAG_RELEASE;
	}
	for (int turns = 0; sqe && self->wake_armed && turns < RELEASE_TURNS_MAX; turns++) {
		completion_ring_wait(self, RELEASE_TURN_NS);
		completion_ring_reap(loop, self);
	}
}

void completion_wake(struct duet_loop *loop)
{
	const struct completion *self = completion_of(loop);
	uint64_t one = 1;
	int saved = errno;

	while (write(self->wake_fd, &one, sizeof(one)) < 0 && errno == EINTR)
		;
	errno = saved;
}
