/* SPDX-FileCopyrightText: The Duet authors */
/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
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

/* ---- Carried by a foreign loop. ---- */

static void carry_on(struct completion *self)
{
	if (self->carried && !self->eventfds)
		return;
	if (self->carried) {
		self->stats->system_calls++;
		io_uring_unregister_eventfd(&self->ring);
	}
	self->stats->system_calls++;
	self->carried = io_uring_register_eventfd(&self->ring, self->carry_fd) == 0;
}

/*
 * A plain ring's descriptor becomes readable when a completion is there. With deferred task work
 * nothing is there before somebody asks, and who sleeps on the descriptor isn't woken by work that
 * was put off (seen on 6.18). An eventfd of the ring's is rung by it; from the first prepare on, so
 * that only a carried loop pays.
 *
 * But not for what a write to another eventfd has brought: the kernel doesn't ring one inside the
 * other, puts it off, and after the first time takes it for put off for ever (seen on 6.18; a fresh
 * registration begins anew). So a wake rings both by itself, and a loop with an eventfd among its
 * handles registers before every sleep.
 */
bool completion_carry(struct completion *self)
{
	uint64_t count;

	if (self->carry_fd < 0)
		return true;
	carry_on(self);
	self->stats->system_calls++;
	(void)!read(self->carry_fd, &count, sizeof(count));
	return self->carried;
}

/* Without /proc to ask, whatever may be one counts as one. */
static bool is_eventfd(int fd)
{
	char path[32], name[64];
	ssize_t length;

	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	length = readlink(path, name, sizeof(name) - 1);
	if (length < 0)
		return true;
	name[length] = '\0';
	return strstr(name, "[eventfd]") != NULL;
}

void completion_wake_attach(struct completion *self, struct duet_slot *slot)
{
	slot->ready = READY_UNKNOWN;
	slot->next = 0;
	if (self->carry_fd < 0 || slot->slot_class != CLASS_OTHER || !is_eventfd(slot->fd))
		return;
	slot->next = HANDLE_EVENTFD;
	self->eventfds++;
}

void completion_wake_detach(struct completion *self, const struct duet_slot *slot)
{
	self->eventfds -= !!(slot->next & HANDLE_EVENTFD);
}

/* ---- The poll. ---- */

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

static void ring(int fd)
{
	uint64_t one = 1;

	while (write(fd, &one, sizeof(one)) < 0 && errno == EINTR)
		;
}

void completion_wake(struct duet_loop *loop)
{
	const struct completion *self = completion_of(loop);
	int saved = errno;

	ring(self->wake_fd);
	if (self->carried)
		ring(self->carry_fd);
	errno = saved;
}
