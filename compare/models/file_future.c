/* SPDX-FileCopyrightText: The Duet authors
 * SPDX-License-Identifier: MIT */

/* Reads by futures: a task a lane, which polls the future of its read whenever it is woken. */
#include <duet/future.h>

#include "compare/models/file_reader.h"

/* Results in a row that a task takes without having waited, before the others have their turn: as
 * many as a coroutine may by default. */
enum { READY_MAX = 16 };

struct reading {
	struct duet_task task; /* first: the task is the lane */
	struct duet_op_future future;
	bool under_way;
	struct file_lane lane;
};

/* Ready: the reader was stopped. */
static enum duet_readiness step(struct duet_task *task)
{
	struct reading *self = (struct reading *)(void *)task;
	struct duet_context context = { task->scheduler, task->scheduler->loop, &task->waker };

	for (int ready = 0; ready < READY_MAX; ready++) {
		if (!self->under_way) {
			duet_op_future_reset(&self->future);
			if (!file_lane_next(&self->lane, &self->future.op))
				return DUET_READY;
			self->under_way = true;
		}
		file_lane_polled(&self->lane);
		if (duet_op_future_poll(&self->future, &context) == DUET_PENDING)
			return DUET_PENDING;
		self->under_way = false;
		file_lane_done(&self->lane, &self->future.op);
	}
	duet_task_yield(task);
	return DUET_PENDING;
}

static const struct duet_task_model FUTURE = { .name = "future", .step = step };

static void begin(struct file_lane *lane)
{
	struct reading *self =
		(struct reading *)(void *)((char *)lane - offsetof(struct reading, lane));

	duet_op_future_init(&self->future);
	duet_task_init(&self->task, &FUTURE);
	duet_task_spawn(file_lane_scheduler(lane), NULL, &self->task);
}

const struct file_model FILE_FUTURE = { "future", sizeof(struct reading),
					offsetof(struct reading, lane), begin };
