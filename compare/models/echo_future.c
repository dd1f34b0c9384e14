/* SPDX-FileCopyrightText: The Duet authors
 * SPDX-License-Identifier: MIT */

/* Echo by futures: a task a connection, which takes the next buffer of its stream, sends it and asks
 * for the next. What happens is the same as by callbacks; what differs is that a task is woken and
 * asks, where a callback is told and a coroutine is resumed. */
#include <duet/buffer.h>
#include <duet/future.h>
#include <duet/stream.h>

#include "compare/models/reception.h"

enum doing { RECEIVING, SENDING, CLOSING };

struct connection {
	struct duet_task task; /* first: the task is the connection */
	struct duet_stream stream;
	struct duet_op_future send, close;
	struct duet_buffer buffer; /* held while it is sent */
	enum doing doing;
	struct place place;
};

static enum duet_readiness poll(struct connection *self, struct duet_op_future *future)
{
	struct duet_scheduler *scheduler = self->task.scheduler;
	struct duet_context context = { scheduler, scheduler->loop, &self->task.waker };

	self->place.reception->polls++;
	return duet_op_future_poll(future, &context);
}

static enum duet_readiness poll_close(struct connection *self)
{
	return poll(self, &self->close);
}

/* Ready when the buffer is out and given back. */
static enum duet_readiness poll_send(struct connection *self)
{
	struct duet_loop *loop = self->place.reception->host.loop;

	if (poll(self, &self->send) == DUET_PENDING)
		return DUET_PENDING;
	duet_buffer_return(loop, &self->buffer);
	self->doing = RECEIVING;
	if (self->send.op.disposition != DUET_COMPLETED)
		duet_op_cancel(&self->stream.op);
	return DUET_READY;
}

static enum duet_readiness poll_stream(struct connection *self)
{
	self->place.reception->polls++;
	if (duet_stream_next(self->place.reception->host.loop, &self->stream, &self->task.waker,
			     &self->buffer) == DUET_PENDING)
		return DUET_PENDING;
	if (!self->buffer.length_bytes) {
		duet_op_close(&self->close.op, self->place.handle);
		self->doing = CLOSING;
		return DUET_READY;
	}
	duet_op_future_reset(&self->send);
	duet_op_send(&self->send.op, self->place.handle, self->buffer.data,
		     self->buffer.length_bytes, DUET_WHOLE);
	self->doing = SENDING;
	return DUET_READY;
}

static enum duet_readiness step(struct duet_task *task)
{
	struct connection *self = (struct connection *)(void *)task;
	enum duet_readiness ready = DUET_READY;

	while (ready == DUET_READY) {
		if (self->doing == CLOSING)
			return poll_close(self);
		ready = self->doing == SENDING ? poll_send(self) : poll_stream(self);
	}
	return DUET_PENDING;
}

static const struct duet_task_model FUTURE = { .name = "future", .step = step };

static void on_ended(struct duet_task *task)
{
	reception_leave(&((struct connection *)(void *)task)->place);
}

static void serve(struct place *place)
{
	struct connection *self =
		(struct connection *)(void *)((char *)place - offsetof(struct connection, place));

	self->doing = RECEIVING;
	duet_stream_init(&self->stream, place->handle, place->reception->host.pool);
	duet_op_future_init(&self->send);
	duet_op_future_init(&self->close);
	duet_task_init(&self->task, &FUTURE);
	self->task.ended = on_ended;
	duet_task_spawn(&place->reception->scheduler, NULL, &self->task);
}

static int start(const struct model_host *host, void **state)
{
	struct reception *reception;
	int status = reception_open(&reception, host, sizeof(struct connection),
				    offsetof(struct connection, place), serve);

	*state = reception;
	return status;
}

const struct model MODEL_ECHO_FUTURE = { "future", NULL, start, reception_close, reception_count };
