/* SPDX-FileCopyrightText: The Duet authors */
/* SPDX-License-Identifier: MIT */
#include <duet/future.h>
#include <stddef.h>

#include "core/lifecycle.h"

/* Tasks that were woken, polled once each on the loop's turn, in the order of their waking. */

/* A task that woke itself in its last poll is not to be polled again: its memory is its owner's. */
static void unqueue(struct duet_executor *executor, struct duet_task *task)
{
	struct duet_task **place = &executor->first;
	struct duet_task *before = NULL;

	for (; *place != task; place = &before->next)
		before = *place;
	*place = task->next;
	if (executor->last == task)
		executor->last = before;
	task->queued = 0;
}

static void poll_task(struct duet_executor *executor, struct duet_task *task)
{
	struct duet_loop *loop = executor->loop;
	uint64_t inherited_ns = loop->deadline_ns;
	enum duet_readiness answer;

	if (task->deadline_ns < inherited_ns) {
		loop->deadline_ns = task->deadline_ns;
		core_plain_bound(loop);
	}
	answer = task->poll(task);
	if (loop->deadline_ns != inherited_ns) {
		loop->deadline_ns = inherited_ns;
		core_plain_bound(loop);
	}
	if (answer == DUET_PENDING)
		return;
	executor->live--;
	if (task->queued)
		unqueue(executor, task);
	if (task->ended)
		task->ended(task);
}

static void run(struct duet_message *message)
{
	struct duet_executor *executor =
		(struct duet_executor *)(void *)((char *)message -
						 offsetof(struct duet_executor, message));
	struct duet_task *task = executor->first;

	/* Tasks woken from here on are for the next round: none keeps the others waiting. */
	executor->first = executor->last = NULL;
	executor->scheduled = 0;
	while (task) {
		struct duet_task *next = task->next;

		task->queued = 0;
		poll_task(executor, task);
		task = next;
	}
}

static void task_wake(struct duet_waker *waker)
{
	struct duet_task *task = (struct duet_task *)(void *)waker;
	struct duet_executor *executor = task->executor;

	if (task->queued)
		return;
	task->queued = 1;
	task->next = NULL;
	if (executor->first)
		executor->last->next = task;
	else
		executor->first = task;
	executor->last = task;
	if (!executor->scheduled) {
		executor->scheduled = 1;
		duet_loop_defer(executor->loop, &executor->message);
	}
}

_Static_assert(offsetof(struct duet_task, waker) == 0, "a task is its waker");

void duet_executor_init(struct duet_executor *executor, struct duet_loop *loop)
{
	*executor = (struct duet_executor){.loop = loop, .message.fn = run};
}

void duet_task_spawn(struct duet_executor *executor, struct duet_task *task,
		     enum duet_readiness (*poll)(struct duet_task *task),
		     void (*ended)(struct duet_task *task))
{
	*task = (struct duet_task){.waker.wake = task_wake,
				   .poll = poll,
				   .ended = ended,
				   .executor = executor,
				   .deadline_ns = DUET_NO_DEADLINE};
	executor->live++;
	task_wake(&task->waker);
}
