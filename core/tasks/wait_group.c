/* SPDX-FileCopyrightText: The Duet authors */
/* SPDX-License-Identifier: MIT */
#include <duet/wait_group.h>
#include <errno.h>

#include "core/lifecycle.h"
#include "core/waits.h"

void duet_wait_group_init(struct duet_wait_group *group, struct duet_loop *loop)
{
	core_waiters_init(&group->waiters, loop);
	group->count = 0;
}

int duet_wait_group_fini(struct duet_wait_group *group)
{
	return core_waiters_fini(&group->waiters, "wait group");
}

int duet_wait_group_add(struct duet_wait_group *group, uint32_t count)
{
	core_check_owner(group->waiters.loop);
	if (count > UINT32_MAX - group->count)
		return -EOVERFLOW;
	group->count += count;
	return 0;
}

int duet_wait_group_done(struct duet_wait_group *group)
{
	core_check_owner(group->waiters.loop);
	if (!group->count) {
#ifdef DUET_DEBUG
		core_abort_nothing_under_way(group);
#endif
		return -ERANGE;
	}
	if (--group->count == 0)
		core_wait_end_all(&group->waiters, 0);
	return 0;
}

static int attempt_wait_group(struct duet_op *op)
{
	const struct duet_wait_group *group = op->args.wait.on;

	return group->count ? -EAGAIN : 0;
}

const struct core_wait core_wait_wait_group = {.noun = "wait group",
					       .attempt = attempt_wait_group};

void duet_op_wait_group(struct duet_op *op, struct duet_wait_group *group)
{
	core_prepare_wait(op, DUET_WAIT_GROUP, group);
}
