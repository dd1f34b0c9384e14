/* SPDX-FileCopyrightText: The Duet authors */
/* SPDX-License-Identifier: MIT */
#ifndef DUET_BARRIER_H
#define DUET_BARRIER_H

#include <duet/api.h>
#include <duet/operation.h>
#include <duet/waiters.h>

#ifdef __cplusplus
extern "C" {
#endif

/*
 * A barrier: so many parties wait for one another, and go on together; then it serves the next round. See
 * <duet/waiters.h> for what is common to all primitives; a barrier doesn't reach across loops.
 */
struct duet_barrier {
	struct duet_waiters waiters;
	/* Read by the caller. */
	uint32_t parties;
	uint32_t arrived; /* and waiting for the others */
};

/* 0, or -EINVAL: no parties. */
DUET_API int duet_barrier_init(struct duet_barrier *barrier, struct duet_loop *loop,
			       uint32_t parties);
/* 0, or -EBUSY. */
DUET_API int duet_barrier_fini(struct duet_barrier *barrier);

/* Arrives, and waits for the others; result 1 for who came last, whose end is told last, and 0 for the
 * others. Who is stopped has not arrived. */
DUET_API void duet_op_barrier(struct duet_op *op, struct duet_barrier *barrier);

#ifdef __cplusplus
}
#endif

#endif
