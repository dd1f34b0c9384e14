/* SPDX-FileCopyrightText: The Duet authors */
/* SPDX-License-Identifier: MIT */
#ifndef DUET_MUTEX_H
#define DUET_MUTEX_H

#include <duet/api.h>
#include <duet/operation.h>
#include <duet/waiters.h>

#ifdef __cplusplus
extern "C" {
#endif

/*
 * A mutex for what takes several steps: held across waits, by one at a time. Between two waits tasks of
 * one loop are alone anyway. See <duet/waiters.h> for what is common to all primitives; a mutex doesn't
 * reach across loops.
 *
 * Its holder has a name: any address that only the holder uses for this, as that of its task or frame,
 * which is never followed. An unlock hands it to the first in line (no barging: it is never free
 * while somebody waits).
 */
struct duet_mutex {
	struct duet_waiters waiters;
	const void *owner; /* NULL: nobody has it; read by the caller */
};

DUET_API void duet_mutex_init(struct duet_mutex *mutex, struct duet_loop *loop);
/* 0, or -EBUSY: somebody waits for it, or has it. */
DUET_API int duet_mutex_fini(struct duet_mutex *mutex);

/* Locks it in the name of owner (not NULL), which is not followed; result 0. A start by who has it
 * already is refused with -EDEADLK. */
DUET_API void duet_op_lock(struct duet_op *op, struct duet_mutex *mutex, const void *owner);

/* Likewise without waiting: 0; -EAGAIN; -EINVAL (no owner); -EDEADLK. */
DUET_API int duet_mutex_try_lock(struct duet_mutex *mutex, const void *owner);

/* 0, or -EPERM: it is somebody else's, or nobody's. Debug builds stop there and say whose. */
DUET_API int duet_mutex_unlock(struct duet_mutex *mutex, const void *owner);

#ifdef __cplusplus
}
#endif

#endif
