/* SPDX-FileCopyrightText: The Duet authors */
/* SPDX-License-Identifier: MIT */
#ifndef DUET_ONESHOT_H
#define DUET_ONESHOT_H

#include <duet/api.h>
#include <duet/operation.h>
#include <duet/waiters.h>

#ifdef __cplusplus
extern "C" {
#endif

/*
 * One value, once: from who finds it to who waits for it. See <duet/waiters.h> for what is common to
 * all primitives.
 */
enum duet_oneshot_phase {
	DUET_ONESHOT_OPEN, /* nothing was sent */
	DUET_ONESHOT_FULL, /* sent and not received: it waits, however often a receiver is stopped */
	DUET_ONESHOT_OVER, /* received, or closed without a value */
};

struct duet_oneshot {
	struct duet_waiters waiters;
	void *value;   /* full: what was sent */
	uint8_t phase; /* enum duet_oneshot_phase; read by the caller */
};

DUET_API void duet_oneshot_init(struct duet_oneshot *oneshot, struct duet_loop *loop);
/* 0, or -EBUSY. A value inside is forgotten: who owns something through it takes it before, with
 * duet_oneshot_try_recv(). */
DUET_API int duet_oneshot_fini(struct duet_oneshot *oneshot);

/* Sends the value, which is passed on as it is. 0, or -EALREADY: it isn't open. */
DUET_API int duet_oneshot_send(struct duet_oneshot *oneshot, void *value);

/* The same as an operation, which may be started on any loop; its result is that. */
DUET_API void duet_op_oneshot_send(struct duet_op *op, struct duet_oneshot *oneshot, void *value);

/* Receives: result 1, and the value is in *value, which is lent; 0: it is over, and nothing comes. Of
 * several receivers the first gets it. */
DUET_API void duet_op_oneshot_recv(struct duet_op *op, struct duet_oneshot *oneshot, void **value);

/* The same without waiting: its result, or -EAGAIN. */
DUET_API int duet_oneshot_try_recv(struct duet_oneshot *oneshot, void **value);

/* No value will come: who waits ends with 0. One that was sent already can still be received. */
DUET_API void duet_oneshot_close(struct duet_oneshot *oneshot);

#ifdef __cplusplus
}
#endif

#endif
