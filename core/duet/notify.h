/* SPDX-FileCopyrightText: The Duet authors */
/* SPDX-License-Identifier: MIT */
#ifndef DUET_NOTIFY_H
#define DUET_NOTIFY_H

#include <duet/api.h>
#include <duet/operation.h>
#include <duet/waiters.h>

#ifdef __cplusplus
extern "C" {
#endif

/*
 * Something has happened: wake one of those who wait for it, or all. As Tokio's Notify: a wake of one
 * that finds nobody is kept, once, for the next who comes; a wake of all is not. See <duet/waiters.h> for
 * what is common to all primitives.
 */
struct duet_notify {
	struct duet_waiters waiters;
	uint8_t kept; /* 1: the next wait ends at once; read by the caller */
};

DUET_API void duet_notify_init(struct duet_notify *notify, struct duet_loop *loop);
/* 0, or -EBUSY. A wake that is kept is no obstacle. */
DUET_API int duet_notify_fini(struct duet_notify *notify);

/* Waits to be woken; result 0. Whose wait is stopped has eaten no wake: it went to the next, or is
 * kept. One that was woken before the request came ends completed, and may pass it on. */
DUET_API void duet_op_notified(struct duet_op *op, struct duet_notify *notify);

DUET_API void duet_notify_one(struct duet_notify *notify);
DUET_API void duet_notify_all(struct duet_notify *notify);

/* The same as operations, result 0, which may be started on any loop. */
DUET_API void duet_op_notify_one(struct duet_op *op, struct duet_notify *notify);
DUET_API void duet_op_notify_all(struct duet_op *op, struct duet_notify *notify);

#ifdef __cplusplus
}
#endif

#endif
