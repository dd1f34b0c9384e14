/* SPDX-FileCopyrightText: The Duet authors
 * SPDX-License-Identifier: MIT */

#include "compare/step.h"

#include <duet/loop.h>

/* It says nothing, and yet has to be there: what is opened for nobody is closed again. */
static void on_ended(struct duet_op *op)
{
	(void)op;
}

int step_run(struct duet_loop *loop, struct duet_op *op)
{
	int status;

	op->done = on_ended;
	status = duet_op_start(loop, op);
	while (status >= 0 && duet_op_pending(op))
		status = duet_loop_turn(loop, -1);
	return status < 0 ? status : op->result;
}
