/* SPDX-FileCopyrightText: The Duet authors */
/* SPDX-License-Identifier: MIT */
#ifndef DUET_POLLING_H
#define DUET_POLLING_H

#include <duet/api.h>
#include <duet/future.h>
#include <duet/handle.h>
#include <duet/loop.h>
#include <sys/types.h>

#ifdef __cplusplus
extern "C" {
#endif

/*
 * The polling backend: an informed reactor on epoll.
 *
 * Tuning keys:
 *   events=N         events fetched by one wait, 1 to 4096, default 512
 *   eager=yes        make the system call as soon as a handle is ready, before the results of the
 *                    handles in front of it were delivered: for comparison, it inherits the
 *                    hazards of completion. Default no.
 *   without=NAME+NAME  do without what the kernel has: epoll-pwait2 (waits are whole milliseconds),
 *                    read-nowait (reads of files are always a worker's). The environment's
 *                    DUET_POLLING_WITHOUT adds to it (not in set-user-ID programs)
 *
 * Memory, all of it at create: 96 bytes for each of handles_max, 124 for each of operations_max, 12 for
 * each of events, and the stacks of worker threads.
 */
DUET_API const struct duet_backend *duet_polling(void);

/*
 * The native dialect: what a reactor can do more cheaply than the common contract, beside it.
 *
 * A try borrows the buffer only for the length of the call: bytes, 0 (end of the stream), or
 * -EAGAIN and other errors. A wait owns nothing but its own small struct: no buffer, no
 * operation; cancelling it is forgetting it, over at the call, with nothing to give back and
 * nothing lost, since nothing was consumed. A direction on which common operations are pending takes
 * no wait: -EBUSY. An operation that is started while a wait is armed is carried out, and both hear
 * of the same event: the wait may find that the operation has taken what was there.
 */
DUET_API ssize_t duet_polling_try_recv(struct duet_loop *loop, duet_handle handle, void *data,
				       size_t length_bytes);
DUET_API ssize_t duet_polling_try_send(struct duet_loop *loop, duet_handle handle,
				       const void *data, size_t length_bytes);
/* 0 and *accepted, or -EAGAIN and other errors. */
DUET_API int duet_polling_try_accept(struct duet_loop *loop, duet_handle listener,
				     duet_handle *accepted);

enum duet_direction { DUET_READABLE, DUET_WRITABLE };

struct duet_wait;
typedef void duet_wait_fn(struct duet_wait *wait);

/* Waits until a direction may be ready: a hint, try and see. Called back once, in a turn. All zero
 * before its first use. A wait on a handle that is closed is forgotten. Waits aren't pending
 * operations: duet_loop_run() doesn't stay for them, duet_loop_turn() does. */
struct duet_wait {
	duet_wait_fn *ready;
	void *context;
	duet_handle handle;
	uint8_t direction; /* enum duet_direction */
	uint8_t armed;     /* the loop's */
	struct duet_wait *next;
	struct duet_wait *prev;
};

/* 0; -EBADF; -EBUSY: operations are pending on the direction, or a wait is armed there already, or this
 * one elsewhere. */
DUET_API int duet_polling_wait(struct duet_loop *loop, struct duet_wait *wait);
/* Forgets a wait, armed or not: when it returns, ready() won't be called. */
DUET_API void duet_polling_forget(struct duet_loop *loop, struct duet_wait *wait);

/*
 * A wait as a future, stateless as far as that goes: what it keeps between two polls is its place at the
 * handle, which is a pointer in a table that is there anyway; no operation, and nothing in the kernel. So it
 * is dropped by one store, and takes none of the loop's bounds. Compare <duet/readiness.h>, which is the
 * same on every backend. Ready: try and see; `result` is 0, or an error of duet_polling_wait(). Polled again it
 * asks afresh; asked to finish its cancelling it is ready at once. A close of the handle forgets it, as any
 * wait: nobody is woken, and the next poll is ready with -EBADF.
 */
struct duet_polling_future {
	struct duet_future future;
	struct duet_wait wait;
	struct duet_waker *waker;
	uint8_t hinted; /* and not told yet */
};

DUET_API void duet_polling_future_init(struct duet_polling_future *future, duet_handle handle,
				       enum duet_direction direction);
/* When it returns nobody will be woken, and the memory is the caller's. */
DUET_API void duet_polling_future_drop(struct duet_loop *loop, struct duet_polling_future *future);

#ifdef __cplusplus
}
#endif

#endif
