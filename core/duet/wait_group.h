/* SPDX-FileCopyrightText: The Duet authors */
/* SPDX-License-Identifier: MIT */
#ifndef DUET_WAIT_GROUP_H
#define DUET_WAIT_GROUP_H

#include <duet/api.h>
#include <duet/operation.h>
#include <duet/waiters.h>

#ifdef __cplusplus
extern "C" {
#endif

/*
 * A wait group: counts what is under way, and whoever likes waits until nothing is. As Go's; where the
 * work is tasks, a scope does the same and knows of failures and requests to end, too. See
 * <duet/waiters.h> for what is common to all primitives; a wait group doesn't reach across loops.
 */
struct duet_wait_group {
	struct duet_waiters waiters;
	uint32_t count; /* read by the caller */
};

DUET_API void duet_wait_group_init(struct duet_wait_group *group, struct duet_loop *loop);
/* 0, or -EBUSY: somebody waits. */
DUET_API int duet_wait_group_fini(struct duet_wait_group *group);

/* So many more are under way. 0, or -EOVERFLOW: more than 2^32 - 1. */
DUET_API int duet_wait_group_add(struct duet_wait_group *group, uint32_t count);

/* One of them is over; with the last all who wait end. 0, or -ERANGE: nothing was under way. Debug
 * builds stop there. */
DUET_API int duet_wait_group_done(struct duet_wait_group *group);

/* Waits until nothing is under way: at once, if nothing is; result 0. */
DUET_API void duet_op_wait_group(struct duet_op *op, struct duet_wait_group *group);

#ifdef __cplusplus
}
#endif

#endif
