/* SPDX-FileCopyrightText: The Duet authors */
/* SPDX-License-Identifier: MIT */
#ifndef DUET_READINESS_H
#define DUET_READINESS_H

#include <duet/api.h>
#include <duet/future.h>
#include <duet/handle.h>

#ifdef __cplusplus
extern "C" {
#endif

/*
 * A stateless future: that a handle may be ready. It consumes nothing, so there is nothing in it to be lost:
 * it may be dropped at any time, at once, and asked afresh at any time, by a new one as well as by this;
 * each answer is a hint, as of any readiness: try, and see. `result` is the events.
 *
 *	while ((n = try(handle, buffer)) == -EAGAIN)
 *		wait for this future;			(no buffer is lent meanwhile)
 *
 * How stateless it can honestly be: a drop is over at the call, and no memory of the caller's is lent,
 * whatever the mechanism; but somebody has to remember who waits. Here, on every backend, that is a poll
 * operation of the loop's own (see <duet/owned.h>): one of `owned_max` is in use while this is pending, and
 * after a drop until the mechanism has given it back. A mechanism of completions can do no better: to be told
 * of readiness is a request in the kernel, too, and a drop abandons that. A mechanism of readiness can: its own
 * header has a future that keeps nothing but its place at the handle.
 */
struct duet_readiness_future {
	struct duet_future future;
	duet_handle handle;
	uint32_t events;
	struct duet_op *op; /* the loop's; NULL: it isn't waiting */
	struct duet_waker *waker;
	uint8_t told; /* the answer has been given: the next poll asks afresh */
};

/* Events as of duet_op_poll(). Polled again after ready it asks afresh. -ENOBUFS: owned_max are in use; and the
 * errors of duet_op_start(). */
DUET_API void duet_readiness_future_init(struct duet_readiness_future *readiness,
					 duet_handle handle, uint32_t events);

/* Forgets it, in whatever state: when this returns nothing will be woken, and the memory is the caller's. Its
 * poll_cancel() is the same, and ready at once. On the loop's thread. */
DUET_API void duet_readiness_future_drop(struct duet_readiness_future *readiness);

#ifdef __cplusplus
}
#endif

#endif
