/* SPDX-FileCopyrightText: The Duet authors */
/* SPDX-License-Identifier: MIT */
#include <duet/semaphore.h>
#include <errno.h>

#include "core/lifecycle.h"
#include "core/waits.h"

void duet_semaphore_init(struct duet_semaphore *semaphore, struct duet_loop *loop,
			 uint32_t permits)
{
	core_waiters_init(&semaphore->waiters, loop);
	semaphore->permits = permits;
}

int duet_semaphore_fini(struct duet_semaphore *semaphore)
{
	return core_waiters_fini(&semaphore->waiters, "semaphore");
}

/* ---- Acquire. ---- */

static int try_acquire(struct duet_semaphore *semaphore, uint32_t permits)
{
	if (semaphore->waiters.first && !MUTANT(waiter_overtaken))
		return -EAGAIN;
	if (semaphore->permits < permits)
		return -EAGAIN;
	semaphore->permits -= permits;
	return 0;
}

int duet_semaphore_try_acquire(struct duet_semaphore *semaphore, uint32_t permits)
{
	core_check_owner(semaphore->waiters.loop);
	return permits ? try_acquire(semaphore, permits) : -EINVAL;
}

static int attempt_acquire(struct duet_op *op)
{
	return try_acquire(op->args.wait.on, op->args.wait.count);
}

static void serve(struct duet_waiters *waiters)
{
	struct duet_semaphore *semaphore = (struct duet_semaphore *)(void *)waiters;
	struct duet_op *op;

	while ((op = waiters->first) && op->args.wait.count <= semaphore->permits) {
		semaphore->permits -= op->args.wait.count;
		core_wait_end(op, 0);
	}
}

static int refuse_none(const struct duet_loop *loop, const struct duet_op *op)
{
	(void)loop;
	return op->args.wait.count ? 0 : -EINVAL;
}

const struct core_wait core_wait_acquire = {.noun = "semaphore",
					    .attempt = attempt_acquire,
					    .left = serve,
					    .refuse = refuse_none,
					    .crosses = true};

void duet_op_acquire(struct duet_op *op, struct duet_semaphore *semaphore, uint32_t permits)
{
	if (core_prepare_wait(op, DUET_ACQUIRE, semaphore))
		op->args.wait.count = permits;
}

/* ---- Release. ---- */

static int release(struct duet_semaphore *semaphore, uint32_t permits)
{
	if (permits > UINT32_MAX - semaphore->permits)
		return -EOVERFLOW;
	semaphore->permits += permits;
	serve(&semaphore->waiters);
	return 0;
}

int duet_semaphore_release(struct duet_semaphore *semaphore, uint32_t permits)
{
	core_check_owner(semaphore->waiters.loop);
	return permits ? release(semaphore, permits) : -EINVAL;
}

static int attempt_release(struct duet_op *op)
{
	return release(op->args.wait.on, op->args.wait.count);
}

const struct core_wait core_wait_release = {.noun = "semaphore",
					    .attempt = attempt_release,
					    .refuse = refuse_none,
					    .crosses = true};

void duet_op_release(struct duet_op *op, struct duet_semaphore *semaphore, uint32_t permits)
{
	if (core_prepare_wait(op, DUET_RELEASE, semaphore))
		op->args.wait.count = permits;
}
