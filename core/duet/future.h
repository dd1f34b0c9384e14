/* SPDX-FileCopyrightText: The Duet authors */
/* SPDX-License-Identifier: MIT */
#ifndef DUET_FUTURE_H
#define DUET_FUTURE_H

#include <duet/api.h>
#include <duet/loop.h>
#include <duet/operation.h>
#include <duet/waker.h>

#ifdef __cplusplus
extern "C" {
#endif

/*
 * Be woken and ask again: the Rust way, over any operation.
 *
 * A poll answers ready, or pending; pending means that the waker given with this poll, and only
 * the one given last, is woken once as soon as asking again may say more. Wakers are precise:
 * each future has its own, so what is woken is what can go on.
 */

/*
 * An operation as a future. Cold: the first poll starts it. Initialise, say what the operation is
 * to do (duet_op_recv(&future.op, ...)), poll. After ready the result is in op, and the future can
 * be used again from duet_future_reset(). One that cannot start is ready at once, with what
 * duet_op_start() answered in op.result; a multishot operation has many results and is refused
 * with -EINVAL: duet_stream is for those. Memory as for the operation: lent from the first poll
 * that says pending until ready. It can't be dropped in between: cancel it, and poll on until
 * ready.
 */
struct duet_future {
	struct duet_op op;
	struct duet_waker *waker; /* who is woken; NULL while nobody waits */
	uint8_t phase;            /* cold, pending, ended */
};

DUET_API void duet_future_init(struct duet_future *future);
DUET_API void duet_future_reset(struct duet_future *future);
DUET_API enum duet_readiness duet_future_poll(struct duet_loop *loop, struct duet_future *future,
					      struct duet_waker *waker);

/*
 * A pooled multishot receive as a stream of buffers. Arrivals that nobody has asked for yet stay
 * in the pool's buffers, in order. Ready: *buffer is the next one and the caller's; if its
 * length is 0 the stream has ended, and stream->op.result says how (0: end of the stream).
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
	struct duet_op op;
	struct duet_waker *waker;
	struct duet_pool *pool;
	uint32_t unread; /* arrivals that nobody has asked for yet */
	uint16_t first;  /* the chain of them: index + 1, 0 for none */
	uint16_t last;
	uint8_t phase;   /* cold, flowing, pausing, paused, ended */
};

DUET_API void duet_stream_init(struct duet_stream *stream, duet_handle handle,
			       struct duet_pool *pool);
DUET_API enum duet_readiness duet_stream_next(struct duet_loop *loop, struct duet_stream *stream,
					      struct duet_waker *waker,
					      struct duet_buffer *buffer);

/*
 * A set of futures, of which only the woken ones are polled: waiting for one of ten thousand costs
 * what waiting for one costs. Add children while they are cold; next gives one that is ready, and
 * it leaves the set. NULL: none yet, and waker is woken when there may be.
 */
struct duet_future_set;

struct duet_child {
	struct duet_waker waker;
	struct duet_future *future;
	struct duet_future_set *set;
	struct duet_child *next;
	uint8_t woken;
};

struct duet_future_set {
	struct duet_loop *loop;
	struct duet_waker *waker;
	struct duet_child *first;
	struct duet_child *last;
	uint32_t count; /* children in the set */
	uint64_t polls; /* polls of children so far */
};

DUET_API void duet_future_set_init(struct duet_future_set *set, struct duet_loop *loop);
DUET_API void duet_future_set_add(struct duet_future_set *set, struct duet_child *child,
				  struct duet_future *future);
DUET_API struct duet_child *duet_future_set_next(struct duet_future_set *set,
						 struct duet_waker *waker);

#ifdef __cplusplus
}
#endif

#endif
