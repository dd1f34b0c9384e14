/* SPDX-FileCopyrightText: The Duet authors
 * SPDX-License-Identifier: MIT */

/* One operation, when there is nothing else to do before it has ended. */
#ifndef COMPARE_STEP_H
#define COMPARE_STEP_H

#include <duet/operation.h>

struct duet_loop;

/* Starts it, and turns until it has ended: its result, or the negative error of the start or of the
 * loop. Where the loop failed the operation may still be lent: it isn't on the stack. */
int step_run(struct duet_loop *loop, struct duet_op *op);

#endif
