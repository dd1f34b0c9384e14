/* SPDX-FileCopyrightText: The Duet authors */
/* SPDX-License-Identifier: MIT */
#include <duet/barrier.h>
#include <errno.h>

#include "core/waits.h"

int duet_barrier_init(struct duet_barrier *barrier, struct duet_loop *loop, uint32_t parties)
{
	if (!parties)
		return -EINVAL;
	core_waiters_init(&barrier->waiters, loop);
	barrier->parties = parties;
	barrier->arrived = 0;
	return 0;
}

int duet_barrier_fini(struct duet_barrier *barrier)
{
	return core_waiters_fini(&barrier->waiters, "barrier");
}

static int attempt_barrier(struct duet_op *op)
{
	struct duet_barrier *barrier = op->args.wait.on;

	if (barrier->arrived + 1 < barrier->parties) {
		barrier->arrived++;
		return -EAGAIN;
	}
	barrier->arrived = 0;
	core_wait_end_all(&barrier->waiters, 0);
	return 1;
}

static void has_not_arrived(struct duet_waiters *waiters)
{
	((struct duet_barrier *)(void *)waiters)->arrived--;
}

const struct core_wait core_wait_barrier = {
	.noun = "barrier", .attempt = attempt_barrier, .left = has_not_arrived};

void duet_op_barrier(struct duet_op *op, struct duet_barrier *barrier)
{
	core_prepare_wait(op, DUET_BARRIER, barrier);
}
