/* SPDX-FileCopyrightText: The Duet authors */
/* SPDX-License-Identifier: MIT */
#include <duet/stream.h>
#include <errno.h>

#include "core/backend.h"
#include "core/buffer.h"
#include "core/lifecycle.h"
#include "core/operation.h"
#include "core/queue.h"
#include "core/tasks/future.h"
#include "core/tasks/task.h"

/*
 * What a stream's operation is doing. A stream that is paused has it pending all the same: it waits
 * on the line of its handle without having been issued, as one that stands behind another would.
 * So the user's cancel, a deadline, a close of the handle and the shutdown find it in every state,
 * and what they ask for takes the place of the pause (see REQUEST_PAUSE).
 */
enum stream_phase {
	STREAM_COLD,    /* idle: the first poll starts it. -> FLOWING, ENDED */
	STREAM_FLOWING, /* receives. -> PAUSING: too many unread; ENDED */
	STREAM_PAUSING, /* asked to stop. -> PAUSED; FLOWING: read meanwhile; ENDED */
	STREAM_PAUSED,  /* in line, not issued. -> FLOWING: enough was read; ENDED */
	STREAM_ENDED,   /* idle: the result is in op */
};

static uint32_t unread_max(const struct duet_stream *stream)
{
	uint32_t half = stream->pool->count / 2;

	if (half >= DUET_STREAM_UNREAD_MAX)
		return DUET_STREAM_UNREAD_MAX;
	return half ? half : 1;
}

static bool read_enough(const struct duet_stream *stream)
{
	return stream->unread <= unread_max(stream) / 2;
}

/* Where there is no other. */
static inline void stream_keep_only(struct duet_stream *stream, const struct duet_buffer *buffer)
{
	uint16_t index = buffer->index;

	stream->pool->lengths[index] = buffer->length_bytes;
	stream->pool->chain[index] = 0;
	stream->first = stream->last = (uint16_t)(index + 1);
	stream->unread = 1;
}

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
	stream->unread++;
}

static inline void stream_take(struct duet_stream *stream, struct duet_buffer *buffer)
{
	const struct duet_pool *pool = stream->pool;
	uint16_t index = (uint16_t)(stream->first - 1);

	stream->first = pool->chain[index];
	stream->unread--;
	core_buffer_view_in(buffer, pool, index, pool->lengths[index]);
}

/* Kept out of what each arrival goes through: the registers that it would have saved there cost as much as
 * the rest. */
#define RARE __attribute__((noinline))

static void stream_start(struct duet_loop *loop, struct duet_stream *stream)
{
	int error = core_start_sheltered(loop, &stream->op, stream->future.sheltered);

	stream->phase = error ? STREAM_ENDED : STREAM_FLOWING;
	if (error)
		core_op_refuse(&stream->op, error, DUET_CAUSE_ITSELF);
}

/* A stand-in holds the head of the line while the operation starts, so that it stays behind. */
static void stream_park(struct duet_loop *loop, struct duet_stream *stream)
{
	struct duet_slot *slot = duet_core_slot_of(loop, stream->op.handle);
	struct duet_op stand_in;

	duet_op_init(&stand_in, NULL, NULL);
	if (slot)
		core_ring_append(&slot->reads, &stand_in);
	stream_start(loop, stream);
	if (slot)
		core_ring_remove(&slot->reads, &stand_in);
	if (stream->phase == STREAM_FLOWING)
		stream->phase = STREAM_PAUSED;
}

/* Whoever else receives on the handle is served first; then its line issues it. That may have
 * happened already, with no room: then it is on the backlog. */
static void stream_resume(struct duet_loop *loop, struct duet_stream *stream)
{
	struct duet_op *op = &stream->op;

	stream->phase = STREAM_FLOWING;
	if (op->state != STATE_WAITING || duet_core_op_slot(loop, op)->reads != op)
		return;
	core_queue_remove(&loop->backlog, op);
	if (core_issue(loop, op) == BACKEND_ENDED)
		core_finish(loop, op, op->result);
}

static void stream_pause(struct duet_stream *stream)
{
	stream->phase = STREAM_PAUSING;
	core_request(stream->op.loop, &stream->op, (enum duet_cause)REQUEST_PAUSE);
}

/* The end of the operation after a request: bytes that came with it were an arrival, and what ends
 * the stream is whatever was asked for. */
static void settle_request(struct duet_op *op)
{
	op->result = op->request == DUET_CAUSE_DEADLINE ? -ETIMEDOUT : -ECANCELED;
	op->transferred = 0;
	op->disposition = DUET_UNTOUCHED;
	op->cause = op->request;
	op->buffer = (struct duet_buffer){0};
}

static void stream_stopped(struct duet_stream *stream)
{
	struct duet_op *op = &stream->op;

	if (op->request != REQUEST_PAUSE) {
		settle_request(op);
		stream->phase = STREAM_ENDED;
	} else if (read_enough(stream)) {
		stream_start(op->loop, stream);
	} else {
		stream_park(op->loop, stream);
	}
}

static void stream_item(struct duet_stream *stream)
{
	/* Paused, it has been issued by its line. */
	if (stream->phase == STREAM_PAUSED)
		stream->phase = STREAM_FLOWING;
	/* Otherwise its end is on the way. */
	if (stream->op.state != STATE_ENDED && stream->unread >= unread_max(stream))
		stream_pause(stream);
}

static void stream_end(struct duet_stream *stream)
{
	const struct duet_op *op = &stream->op;
	bool itself = op->result <= 0 && op->cause == DUET_CAUSE_ITSELF;

	if (op->request && !itself)
		stream_stopped(stream);
	else
		stream->phase = STREAM_ENDED;
}

static RARE void stream_done_any(struct duet_op *op)
{
	struct duet_stream *stream = op->context;
	bool arrived = op->result > 0;

	if (arrived)
		stream_keep(stream, &op->buffer);
	if (op->more)
		stream_item(stream);
	else
		stream_end(stream);
	if (arrived || stream->phase == STREAM_ENDED)
		core_waker_take(&stream->waker);
}

/* Did something come to one who has read all that came before? Of a pool that isn't tiny one buffer is not
 * too many. */
static inline bool arrives_plainly(const struct duet_stream *stream)
{
	return stream->op.result > 0 && stream->op.more && stream->phase == STREAM_FLOWING &&
	       !stream->first && stream->pool->count >= 4;
}

void core_stream_done(struct duet_op *op)
{
	struct duet_stream *stream = op->context;

	if (__builtin_expect(!arrives_plainly(stream), 0)) {
		stream_done_any(op);
		return;
	}
	stream_keep_only(stream, &op->buffer);
	core_waker_take(&stream->waker);
}

/* ---- As a future. ---- */

static enum duet_readiness poll(struct duet_future *future, struct duet_context *context)
{
	struct duet_stream *stream = CORE_CONTAINER(struct duet_stream, future, future);

	if (stream->phase == STREAM_COLD)
		core_future_shelter(future, context);
	if (duet_stream_next(context->loop, stream, context->waker, &stream->buffer) == DUET_PENDING)
		return duet_future_is_pending(future);
	if (!stream->buffer.length_bytes)
		return duet_future_is_ready(future, stream->op.result);
	/* Lent all the same. */
	future->result = (int32_t)stream->buffer.length_bytes;
	return DUET_READY;
}

static enum duet_readiness poll_cancel(struct duet_future *future, struct duet_context *context)
{
	struct duet_stream *stream = CORE_CONTAINER(struct duet_stream, future, future);

	future->asked = 1;
	if (stream->phase == STREAM_COLD) {
		core_op_stop(&stream->op, core_future_cause(context));
		stream->phase = STREAM_ENDED;
	}
	if (stream->phase == STREAM_ENDED)
		return duet_future_is_ready(future, stream->op.result);
	stream->waker = context->waker;
	core_request(context->loop, &stream->op, core_future_cause(context));
	return duet_future_is_pending(future);
}

static const struct duet_future_table stream_table = {
	.name = "stream", .poll = poll, .poll_cancel = poll_cancel};

void duet_stream_init(struct duet_stream *stream, duet_handle handle, struct duet_pool *pool)
{
	duet_future_init(&stream->future, &stream_table);
	duet_op_init(&stream->op, core_stream_done, stream);
	duet_op_recv_pooled(&stream->op, handle, pool, DUET_MULTISHOT);
	stream->waker = NULL;
	stream->pool = pool;
	stream->first = stream->last = 0;
	stream->unread = 0;
	stream->phase = STREAM_COLD;
}

static RARE enum duet_readiness stream_first(struct duet_loop *loop, struct duet_stream *stream,
					     struct duet_waker *waker, struct duet_buffer *buffer)
{
	stream_start(loop, stream);
	return duet_stream_next(loop, stream, waker, buffer);
}

static RARE enum duet_readiness stream_taken_paused(struct duet_loop *loop,
						    struct duet_stream *stream)
{
	if (read_enough(stream))
		stream_resume(loop, stream);
	return DUET_READY;
}

enum duet_readiness duet_stream_next(struct duet_loop *loop, struct duet_stream *stream,
				     struct duet_waker *waker, struct duet_buffer *buffer)
{
	if (__builtin_expect(stream->phase == STREAM_COLD, 0))
		return stream_first(loop, stream, waker, buffer);
	if (stream->first) {
		stream_take(stream, buffer);
		if (__builtin_expect(stream->phase == STREAM_PAUSED, 0))
			return stream_taken_paused(loop, stream);
		return DUET_READY;
	}
	*buffer = (struct duet_buffer){0};
	if (stream->phase == STREAM_ENDED)
		return DUET_READY;
	stream->waker = waker;
	return DUET_PENDING;
}
