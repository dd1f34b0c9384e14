/* SPDX-FileCopyrightText: The Duet authors
 * SPDX-License-Identifier: MIT */

/* Reads by callbacks: the end of each starts the next. */
#include <duet/loop.h>

#include "compare/models/file_reader.h"

struct reading {
	struct duet_op op;
	struct file_lane lane;
};

static void start(struct reading *self)
{
	int status;

	if (!file_lane_next(&self->lane, &self->op))
		return;
	status = duet_op_start(file_lane_scheduler(&self->lane)->loop, &self->op);
	if (status >= 0)
		return;
	/* A refusal stops the reader, as any failure does. */
	self->op.result = status;
	file_lane_done(&self->lane, &self->op);
}

static void on_read(struct duet_op *op)
{
	struct reading *self = op->context;

	file_lane_done(&self->lane, op);
	start(self);
}

static void begin(struct file_lane *lane)
{
	struct reading *self =
		(struct reading *)(void *)((char *)lane - offsetof(struct reading, lane));

	duet_op_init(&self->op, on_read, self);
	start(self);
}

const struct file_model FILE_CALLBACK = { "callback", sizeof(struct reading),
					  offsetof(struct reading, lane), begin };
