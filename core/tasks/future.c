/* SPDX-FileCopyrightText: The Duet authors */
/* SPDX-License-Identifier: MIT */
#include <duet/continuation.h>
#include <duet/future.h>
#include <errno.h>
#include <stddef.h>

#include "core/backend.h"
#include "core/buffer.h"

enum phase { PHASE_COLD, PHASE_PENDING, PHASE_ENDED };

static void wake(struct duet_waker **place)
{
	struct duet_waker *waker = *place;

	*place = NULL;
	if (waker)
		duet_waker_wake(waker);
}

/* ---- One operation. ---- */

static void future_done(struct duet_op *op)
{
	struct duet_future *future = op->context;

	/* An interim status is no result: the operation goes on. */
	if (op->more)
		return;
	future->phase = PHASE_ENDED;
	wake(&future->waker);
}

void duet_future_init(struct duet_future *future)
{
	duet_op_init(&future->op, future_done, future);
	future->waker = NULL;
	future->phase = PHASE_COLD;
}

void duet_future_reset(struct duet_future *future)
{
	future->phase = PHASE_COLD;
}

static void refuse(struct duet_op *op, int error)
{
	op->result = error;
	op->transferred = 0;
	op->disposition = DUET_FAILED;
	op->cause = DUET_CAUSE_ITSELF;
}

enum duet_readiness duet_future_poll(struct duet_loop *loop, struct duet_future *future,
				     struct duet_waker *waker)
{
	int answer;

	if (future->phase == PHASE_COLD) {
		duet_op_inline(&future->op);
		/* A future has one result; a stream has many. */
		answer = future->op.flags & DUET_MULTISHOT ? -EINVAL
							   : duet_op_start(loop, &future->op);
		future->phase = answer ? PHASE_ENDED : PHASE_PENDING;
		if (answer < 0)
			refuse(&future->op, answer);
	}
	if (future->phase == PHASE_ENDED)
		return DUET_READY;
	future->waker = waker;
	return DUET_PENDING;
}

/* ---- A stream of buffers. ---- */

static void stream_keep(struct duet_stream *stream, const struct duet_buffer *buffer)
{
	uint16_t *chain = stream->pool->chain;
	uint16_t index = buffer->index;

	stream->pool->lengths[index] = buffer->length_bytes;
	chain[index] = 0;
	if (stream->first)
		chain[stream->last - 1] = (uint16_t)(index + 1);
	else
		stream->first = (uint16_t)(index + 1);
	stream->last = (uint16_t)(index + 1);
}

static void stream_done(struct duet_op *op)
{
	struct duet_stream *stream = op->context;

	if (op->result > 0)
		stream_keep(stream, &op->buffer);
	else if (op->more)
		return;
	if (!op->more)
		stream->phase = PHASE_ENDED;
	wake(&stream->waker);
}

void duet_stream_init(struct duet_stream *stream, duet_handle handle, struct duet_pool *pool)
{
	duet_op_init(&stream->op, stream_done, stream);
	duet_op_recv_pooled(&stream->op, handle, pool, DUET_MULTISHOT);
	stream->waker = NULL;
	stream->pool = pool;
	stream->first = stream->last = 0;
	stream->phase = PHASE_COLD;
}

enum duet_readiness duet_stream_next(struct duet_loop *loop, struct duet_stream *stream,
				     struct duet_waker *waker, struct duet_buffer *buffer)
{
	if (stream->phase == PHASE_COLD) {
		int error = duet_op_start(loop, &stream->op);

		stream->phase = error ? PHASE_ENDED : PHASE_PENDING;
		if (error)
			refuse(&stream->op, error);
	}
	if (stream->first) {
		uint16_t index = (uint16_t)(stream->first - 1);

		stream->first = stream->pool->chain[index];
		*buffer = core_buffer_view(stream->pool, index, stream->pool->lengths[index]);
		return DUET_READY;
	}
	*buffer = (struct duet_buffer){0};
	if (stream->phase == PHASE_ENDED)
		return DUET_READY;
	stream->waker = waker;
	return DUET_PENDING;
}

/* ---- A set, of which the woken are polled. ---- */

static void child_queue(struct duet_child *child)
{
	struct duet_future_set *set = child->set;

	child->next = NULL;
	child->woken = 1;
	if (set->first)
		set->last->next = child;
	else
		set->first = child;
	set->last = child;
}

static void child_wake(struct duet_waker *waker)
{
	struct duet_child *child = (struct duet_child *)(void *)waker;

	if (child->woken)
		return;
	child_queue(child);
	wake(&child->set->waker);
}

_Static_assert(offsetof(struct duet_child, waker) == 0, "a child is its waker");

void duet_future_set_init(struct duet_future_set *set, struct duet_loop *loop)
{
	*set = (struct duet_future_set){.loop = loop};
}

void duet_future_set_add(struct duet_future_set *set, struct duet_child *child,
			 struct duet_future *future)
{
	*child = (struct duet_child){.waker.wake = child_wake, .future = future, .set = set};
	set->count++;
	child_queue(child);
}

struct duet_child *duet_future_set_next(struct duet_future_set *set, struct duet_waker *waker)
{
	struct duet_child *child;

	while ((child = set->first)) {
		set->first = child->next;
		child->woken = 0;
		set->polls++;
		if (duet_future_poll(set->loop, child->future, &child->waker) == DUET_READY) {
			set->count--;
			return child;
		}
	}
	set->waker = waker;
	return NULL;
}
