/* SPDX-FileCopyrightText: The Duet authors */
/* SPDX-License-Identifier: MIT */
#include <duet/mutex.h>
#include <errno.h>

#include "core/lifecycle.h"
#include "core/waits.h"

void duet_mutex_init(struct duet_mutex *mutex, struct duet_loop *loop)
{
	core_waiters_init(&mutex->waiters, loop);
	mutex->owner = NULL;
}

int duet_mutex_fini(struct duet_mutex *mutex)
{
	if (!mutex->waiters.first && mutex->owner) {
#ifdef DUET_DEBUG
		core_abort_not_owner(mutex, mutex->owner, NULL);
#endif
		return -EBUSY;
	}
	return core_waiters_fini(&mutex->waiters, "mutex");
}

static int refusal(const struct duet_mutex *mutex, const void *owner)
{
	if (!owner)
		return -EINVAL;
	return mutex->owner == owner ? -EDEADLK : 0;
}

static int try_lock(struct duet_mutex *mutex, const void *owner)
{
	/* Unlocked it is nobody's, and then nobody is in line. */
	if (mutex->owner)
		return -EAGAIN;
	mutex->owner = owner;
	return 0;
}

int duet_mutex_try_lock(struct duet_mutex *mutex, const void *owner)
{
	int error = refusal(mutex, owner);

	core_check_owner(mutex->waiters.loop);
	return error ? error : try_lock(mutex, owner);
}

static int refuse_lock(const struct duet_loop *loop, const struct duet_op *op)
{
	(void)loop;
	return refusal(op->args.wait.on, op->args.wait.with);
}

static int attempt_lock(struct duet_op *op)
{
	return try_lock(op->args.wait.on, op->args.wait.with);
}

const struct core_wait core_wait_lock = {
	.noun = "mutex", .attempt = attempt_lock, .refuse = refuse_lock};

void duet_op_lock(struct duet_op *op, struct duet_mutex *mutex, const void *owner)
{
	if (core_prepare_wait(op, DUET_LOCK, mutex))
		op->args.wait.with = (void *)(uintptr_t)owner;
}

int duet_mutex_unlock(struct duet_mutex *mutex, const void *owner)
{
	struct duet_op *next = mutex->waiters.first;

	core_check_owner(mutex->waiters.loop);
	if (!owner || mutex->owner != owner) {
#ifdef DUET_DEBUG
		core_abort_not_owner(mutex, mutex->owner, owner);
#endif
		return -EPERM;
	}
	mutex->owner = next ? next->args.wait.with : NULL;
	if (next)
		core_wait_end(next, 0);
	return 0;
}
