/* SPDX-FileCopyrightText: The Duet authors */
/* SPDX-License-Identifier: MIT */
#ifndef DUET_SEMAPHORE_H
#define DUET_SEMAPHORE_H

#include <duet/api.h>
#include <duet/operation.h>
#include <duet/waiters.h>

#ifdef __cplusplus
extern "C" {
#endif

/* A counting semaphore: so many permits, and who wants one waits until there is one. See
 * <duet/waiters.h> for what is common to all primitives. */
struct duet_semaphore {
	struct duet_waiters waiters;
	uint32_t permits; /* that nobody has; read by the caller */
};

DUET_API void duet_semaphore_init(struct duet_semaphore *semaphore, struct duet_loop *loop,
				  uint32_t permits);
/* 0, or -EBUSY. Permits that somebody has are no obstacle, and are not to be given back then. */
DUET_API int duet_semaphore_fini(struct duet_semaphore *semaphore);

/* Takes so many permits (1 and more), all of them at once; result 0. Who wants many isn't overtaken by
 * those who want few: while it is first in line nobody else gets any. */
DUET_API void duet_op_acquire(struct duet_op *op, struct duet_semaphore *semaphore,
			      uint32_t permits);

/* Likewise without waiting: 0; -EAGAIN (too few, or somebody is in line); -EINVAL (none asked for). */
DUET_API int duet_semaphore_try_acquire(struct duet_semaphore *semaphore, uint32_t permits);

/* Gives permits back, or new ones: who is in line and has enough now ends. 0; -EINVAL (0 permits);
 * -EOVERFLOW (more than 2^32 - 1 in all): nothing is given then. */
DUET_API int duet_semaphore_release(struct duet_semaphore *semaphore, uint32_t permits);

/* The same as an operation, which may be started on any loop. */
DUET_API void duet_op_release(struct duet_op *op, struct duet_semaphore *semaphore,
			      uint32_t permits);

#ifdef __cplusplus
}
#endif

#endif
