/* SPDX-FileCopyrightText: The Duet authors */
/* SPDX-License-Identifier: MIT */
#ifndef DUET_STREAM_H
#define DUET_STREAM_H

#include <duet/api.h>
#include <duet/buffer.h>
#include <duet/future.h>

#ifdef __cplusplus
extern "C" {
#endif

/*
 * A pooled multishot receive as a stream of buffers. Arrivals that nobody has asked for yet stay
 * in the pool's buffers, in order. Ready: `buffer` is the next one and the caller's, `result` its length;
 * if that is not above 0 the stream has ended, and result and op.result say how (0: end of the stream). It
 * is polled again for the next. Asked to finish its cancelling it is ready when its operation has ended, with
 * that one's result; what came before, and nobody took, is there for duet_stream_next() all the same.
 *
 * A reader that is slower than its peer is waited for: with DUET_STREAM_UNREAD_MAX buffers unread,
 * or half of the pool if that is less, the stream stops receiving, and goes on when half of those
 * are taken; the rest waits in the socket, and in the end with the peer. Where the kernel
 * receives by itself, what came before it hears of the stop comes on top.
 * While it has stopped the operation stays pending: duet_op_cancel(&stream.op), its deadline and a
 * close of the handle end the stream as at any other time. Its deadline, set before the first poll,
 * is that of the whole stream. Other receives on the handle would have their part of the bytes.
 */
#define DUET_STREAM_UNREAD_MAX 8

struct duet_stream {
	struct duet_future future;
	struct duet_op op;
	struct duet_buffer buffer;
	struct duet_waker *waker;
	struct duet_pool *pool;
	uint32_t unread; /* arrivals that nobody has asked for yet */
	uint16_t first;  /* the chain of them: index + 1, 0 for none */
	uint16_t last;
	uint8_t phase;   /* cold, flowing, pausing, paused, ended */
};

DUET_API void duet_stream_init(struct duet_stream *stream, duet_handle handle,
			       struct duet_pool *pool);
/* A poll with a buffer of the caller's own in the place of `buffer`; length 0: it has ended. */
DUET_API enum duet_readiness duet_stream_next(struct duet_loop *loop, struct duet_stream *stream,
					      struct duet_waker *waker,
					      struct duet_buffer *buffer);

#ifdef __cplusplus
}
#endif

#endif
