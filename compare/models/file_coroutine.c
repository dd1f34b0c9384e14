/* SPDX-FileCopyrightText: The Duet authors
 * SPDX-License-Identifier: MIT */

/* Reads by stackless coroutines, one a lane. */
#include <duet/coroutine.h>

#include "compare/models/file_reader.h"

struct reading {
	struct duet_coroutine coroutine; /* first: the frame */
	struct duet_coroutine_task task;
	struct duet_op op;
	struct file_lane lane;
};

static DUET_COROUTINE(read_on)
{
	DUET_BEGIN(struct reading, self);
	while (file_lane_next(&self->lane, &self->op)) {
		DUET_AWAIT(&self->op);
		file_lane_done(&self->lane, &self->op);
	}
	DUET_END;
}

static void begin(struct file_lane *lane)
{
	struct reading *self =
		(struct reading *)(void *)((char *)lane - offsetof(struct reading, lane));

	duet_op_init(&self->op, NULL, NULL);
	duet_coroutine_init(&self->coroutine, read_on);
	duet_coroutine_task_init(&self->task, &self->coroutine);
	duet_task_spawn(file_lane_scheduler(lane), NULL, &self->task.task);
}

const struct file_model FILE_COROUTINE = { "coroutine", sizeof(struct reading),
					   offsetof(struct reading, lane), begin };
