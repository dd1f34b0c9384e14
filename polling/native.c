/* SPDX-FileCopyrightText: The Duet authors */
/* SPDX-License-Identifier: MIT */
#include "polling/internal.h"

#include <errno.h>
#include <stddef.h>
#include <sys/socket.h>

/*
 * The native dialect: <duet/polling.h>. The same readiness as the common operations use, without
 * the operation: a try makes one system call and notes what it learned; a wait is a pointer in a
 * table by handle and direction, so that forgetting it is one store.
 */

static struct duet_wait **place_of(const struct duet_loop *loop, const struct duet_slot *slot,
				   enum direction direction)
{
	size_t index = (size_t)(slot - loop->slots) * 2 + (direction == DIRECTION_WRITE);

	return &polling_of(loop)->waits[index];
}

static struct duet_slot *open_slot(const struct duet_loop *loop, duet_handle handle)
{
	struct duet_slot *slot = duet_core_slot_of(loop, handle);

	return slot && slot->slot_state < SLOT_CLOSING ? slot : NULL;
}

/* ---- Tries: always one attempt, whatever is known. ---- */

ssize_t duet_polling_try_recv(struct duet_loop *loop, duet_handle handle, void *data,
			      size_t length_bytes)
{
	struct duet_slot *slot = open_slot(loop, handle);
	int n;

	if (!slot)
		return -EBADF;
	do
		n = polling_call_any(loop, slot, data, length_bytes);
	while (n == -EINTR);
	if (n > 0)
		polling_note_received(loop, slot, (size_t)n, length_bytes);
	return n == -EAGAIN ? polling_found_nothing(loop, slot, DIRECTION_READ) : n;
}

ssize_t duet_polling_try_send(struct duet_loop *loop, duet_handle handle, const void *data,
			      size_t length_bytes)
{
	struct duet_slot *slot = open_slot(loop, handle);
	int n;

	if (!slot)
		return -EBADF;
	do
		n = (int)polling_call_send(loop, slot, data, length_bytes);
	while (n == -EINTR);
	if (n >= 0)
		polling_note_sent(loop, slot, (size_t)n, length_bytes);
	return n == -EAGAIN ? polling_found_nothing(loop, slot, DIRECTION_WRITE) : n;
}

int duet_polling_try_accept(struct duet_loop *loop, duet_handle listener, duet_handle *accepted)
{
	struct duet_slot *slot = open_slot(loop, listener);
	int error;
	int fd;

	if (!slot)
		return -EBADF;
	if (slot->slot_class != CLASS_LISTENER)
		return -EINVAL;
	fd = polling_make_nonblocking(loop, slot);
	if (!fd)
		fd = polling_try_accept_once(loop, slot, false);
	if (fd < 0)
		return fd;
	error = duet_core_slot_make(loop, fd, (enum core_class)slot->accepts, slot->flags,
				    accepted);
	if (error)
		duet_core_system_close(loop, fd);
	return error;
}

/* ---- Waits. ---- */

static enum direction direction_of(const struct duet_wait *wait)
{
	return wait->direction == DUET_READABLE ? DIRECTION_READ : DIRECTION_WRITE;
}

int duet_polling_wait(struct duet_loop *loop, struct duet_wait *wait)
{
	struct duet_slot *slot = open_slot(loop, wait->handle);
	enum direction direction = direction_of(wait);
	int error;

	if (!slot)
		return -EBADF;
	if (wait->armed || slot->ready & polling_bits(AWAITED, direction) ||
	    (direction == DIRECTION_READ ? slot->reads : slot->writes))
		return -EBUSY;
	/* Of what is unknown the registration will tell. */
	if (!(slot->ready & polling_bits(READY, direction)))
		polling_note_empty(slot, direction);
	error = polling_interest_add(loop, slot);
	if (error)
		return error;
	*place_of(loop, slot, direction) = wait;
	wait->armed = 1;
	slot->ready |= polling_bits(AWAITED, direction);
	if (polling_is_awaited(slot, direction))
		polling_attempt_later(loop, slot);
	return 0;
}

static struct duet_wait *disarm(const struct duet_loop *loop, struct duet_slot *slot,
				enum direction direction)
{
	struct duet_wait **place = place_of(loop, slot, direction);
	struct duet_wait *wait = *place;

	*place = NULL;
	wait->armed = 0;
	slot->ready &= ~polling_bits(AWAITED, direction);
	return wait;
}

void duet_polling_forget(struct duet_loop *loop, struct duet_wait *wait)
{
	/* An armed wait's handle is live: detach drops those of a handle that goes. */
	if (wait->armed)
		disarm(loop, duet_core_slot_of(loop, wait->handle), direction_of(wait));
}

/* Called back once each; what the callback arms again is for a later visit. */
void polling_native_ready(struct duet_loop *loop, struct duet_slot *slot)
{
	static const enum direction directions[] = {DIRECTION_READ, DIRECTION_WRITE};
	for (int i = 0; i < 2; i++) {
		struct duet_wait *wait;

		if (polling_of(loop)->visited != slot || !polling_is_awaited(slot, directions[i]))
			continue;
		wait = disarm(loop, slot, directions[i]);
		loop->delivered++;
		wait->ready(wait);
	}
}

void polling_native_drop(struct duet_loop *loop, struct duet_slot *slot)
{
	if (slot->ready & polling_bits(AWAITED, DIRECTION_READ))
		disarm(loop, slot, DIRECTION_READ);
	if (slot->ready & polling_bits(AWAITED, DIRECTION_WRITE))
		disarm(loop, slot, DIRECTION_WRITE);
}

/* ---- A wait as a future. ---- */

static void hinted(struct duet_wait *wait)
{
	struct duet_polling_future *self = wait->context;
	struct duet_waker *waker = self->waker;

	self->hinted = 1;
	self->waker = NULL;
	if (waker)
		duet_waker_wake(waker);
}

static enum duet_readiness future_poll(struct duet_future *future, struct duet_context *context)
{
	struct duet_polling_future *self = (struct duet_polling_future *)(void *)future;
	int error = 0;

	if (!self->hinted && !self->wait.armed)
		error = duet_polling_wait(context->loop, &self->wait);
	if (error || self->hinted) {
		self->hinted = 0;
		return duet_future_is_ready(future, error);
	}
	self->waker = context->waker;
	return duet_future_is_pending(future);
}

void duet_polling_future_drop(struct duet_loop *loop, struct duet_polling_future *self)
{
	duet_polling_forget(loop, &self->wait);
	self->waker = NULL;
	self->hinted = 0;
	self->future.state = DUET_FUTURE_COLD;
}

static enum duet_readiness future_cancel(struct duet_future *future, struct duet_context *context)
{
	struct duet_polling_future *self = (struct duet_polling_future *)(void *)future;

	if (future->state == DUET_FUTURE_READY)
		return DUET_READY;
	duet_polling_future_drop(context->loop, self);
	return duet_future_is_ready(future, -ECANCELED);
}

_Static_assert(offsetof(struct duet_polling_future, future) == 0, "a future begins with its base");

static const struct duet_future_table future_table = {
	.name = "readiness", .poll = future_poll, .poll_cancel = future_cancel};

void duet_polling_future_init(struct duet_polling_future *self, duet_handle handle,
			      enum duet_direction direction)
{
	*self = (struct duet_polling_future){.wait.ready = hinted,
					     .wait.context = self,
					     .wait.handle = handle,
					     .wait.direction = (uint8_t)direction};
	duet_future_init(&self->future, &future_table);
}
