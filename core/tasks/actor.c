/* SPDX-FileCopyrightText: The Duet authors */
/* SPDX-License-Identifier: MIT */
#include <duet/actor.h>
#include <errno.h>

#include "core/scope.h"
#include "core/tasks/task.h"

/* What came of taking a letter, or of what was done with it: true if the actor goes on. */
static bool goes_on(struct duet_actor *actor)
{
	if (actor->result != 1)
		return false;
	actor->result = actor->receive(actor, actor->letter);
	if (actor->result == 0)
		return true;
	if (actor->result > 0)
		actor->result = 0;
	return false;
}

static enum duet_readiness step(struct duet_task *task)
{
	struct duet_actor *actor = CORE_CONTAINER(struct duet_actor, task, task);

	if (task->waiting) {
		actor->result = task->waiting->result;
		task->waiting = NULL;
	}
	while (!actor->begun || goes_on(actor)) {
		actor->begun = 1;
		duet_op_take_letter(&actor->take, &actor->mailbox, &actor->letter);
		if (!duet_task_await(task, &actor->take, &actor->result))
			return DUET_PENDING;
	}
	task->result = actor->result;
	/* Nothing is left unanswered, nor will be. */
	duet_mailbox_refuse(&actor->mailbox, -EPIPE);
	return DUET_READY;
}

static const struct duet_task_model actor_model = {.name = "actor", .step = step};

static void begin(struct duet_actor *actor)
{
	duet_task_init(&actor->task, &actor_model);
	duet_op_init(&actor->take, NULL, NULL);
	actor->letter = NULL;
	actor->result = 0;
	actor->begun = 0;
}

int duet_actor_init(struct duet_actor *actor, struct duet_scheduler *scheduler, uint32_t capacity,
		    int (*receive)(struct duet_actor *actor, struct duet_letter *letter))
{
	int error = duet_mailbox_init(&actor->mailbox, scheduler->loop, capacity);

	if (error)
		return error;
	actor->receive = receive;
	begin(actor);
	return 0;
}

void duet_actor_reset(struct duet_actor *actor)
{
	begin(actor);
	duet_mailbox_reopen(&actor->mailbox);
}
