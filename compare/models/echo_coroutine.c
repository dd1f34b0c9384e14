/* SPDX-FileCopyrightText: The Duet authors
 * SPDX-License-Identifier: MIT */

/* Echo by stackless coroutines: one a connection, which is resumed with what it waits for, where that
 * ends. The arrivals are those of a stream, as by futures, so that both ask the kernel for the same;
 * but whoever waits is resumed by the arrival itself, and stands in no line. */
#include <duet/buffer.h>
#include <duet/coroutine.h>
#include <duet/stream.h>

#include "compare/models/reception.h"

struct connection {
	struct duet_coroutine coroutine; /* first: the frame */
	struct duet_coroutine_task task;
	struct duet_waker arrival;
	struct duet_stream stream;
	struct duet_op op;         /* the send, and in the end the close */
	struct duet_buffer buffer; /* held while it is sent */
	struct place place;
};

static void resume(struct duet_waker *waker)
{
	struct connection *self =
		(struct connection *)(void *)((char *)waker - offsetof(struct connection, arrival));

	duet_task_resume(&self->task.task);
}

/* Takes the next arrival, if there is one. */
static bool take(struct connection *self)
{
	return duet_stream_next(self->place.reception->host.loop, &self->stream, &self->arrival,
				&self->buffer) == DUET_READY;
}

static DUET_COROUTINE(converse)
{
	DUET_BEGIN(struct connection, self);
	for (;;) {
		while (!take(self))
			DUET_SUSPEND_UNLESS(0);
		if (!self->buffer.length_bytes)
			break;
		duet_op_send(&self->op, self->place.handle, self->buffer.data,
			     self->buffer.length_bytes, DUET_WHOLE);
		DUET_AWAIT(&self->op);
		duet_buffer_return(self->place.reception->host.loop, &self->buffer);
		if (self->op.disposition != DUET_COMPLETED)
			duet_op_cancel(&self->stream.op); /* the peer takes no more */
	}
	duet_op_close(&self->op, self->place.handle);
	DUET_AWAIT(&self->op);
	DUET_END;
}

static void on_ended(struct duet_task *task)
{
	struct connection *self =
		(struct connection *)(void *)((char *)task - offsetof(struct connection, task));

	reception_leave(&self->place);
}

static void serve(struct place *place)
{
	struct connection *self =
		(struct connection *)(void *)((char *)place - offsetof(struct connection, place));

	self->arrival.wake = resume;
	duet_stream_init(&self->stream, place->handle, place->reception->host.pool);
	duet_op_init(&self->op, NULL, NULL);
	duet_coroutine_init(&self->coroutine, converse);
	duet_coroutine_task_init(&self->task, &self->coroutine);
	self->task.task.ended = on_ended;
	duet_task_spawn(&place->reception->scheduler, NULL, &self->task.task);
}

static int start(const struct model_host *host, void **state)
{
	struct reception *reception;
	int status = reception_open(&reception, host, sizeof(struct connection),
				    offsetof(struct connection, place), serve);

	*state = reception;
	return status;
}

const struct model MODEL_ECHO_COROUTINE = { "coroutine", NULL, start, reception_close,
					    reception_count };
