/* SPDX-FileCopyrightText: The Duet authors */
/* SPDX-License-Identifier: MIT */

/*
 * One operation of a workload, carried out and given up as a policy says. Its memory is part of the
 * workload's state: it outlives the body that began it.
 */
#ifndef COMPARE_LABORATORY_STEP_H
#define COMPARE_LABORATORY_STEP_H

#include <duet/future.h>
#include <duet/scheduler.h>

#include "compare/laboratory/policy.h"

/* What is lent in a step of its own scope, until the scope's cleanup has given it back. */
struct step_lease {
	struct duet_cleanup cleanup;
	struct duet_member member;
	struct duet_op op; /* the cleanup's own: something that takes a turn */
};

struct step {
	const struct policy *policy;
	struct duet_lab *lab;
	struct duet_scope *scope;
	void (*told)(struct step *step);
	void *context;

	/* For told(): what came or went, as far as the policy believes in it. */
	const unsigned char *data;
	uint32_t bytes;
	bool left; /* the body went on without it, and nobody is to go on from here */
	bool over; /* the connection is */

	/* The step's own. */
	struct duet_op *op; /* own.op, or one of the loop's; NULL: none is pending */
	struct duet_op_future own;
	struct duet_member member;
	struct duet_scheduler scheduler;
	struct duet_task task;
	bool polled;   /* the task has been, so its operation has begun */
	bool dropping; /* it is polled to its end, and nobody waits for what it brings */
	struct duet_scope child;
	struct step_lease lease;
};

/* Once, in memory that is zero. */
void step_init(struct step *step, const struct policy *policy, struct duet_lab *lab,
	       void (*told)(struct step *step), void *context);

/* Begins in scope; told() is called at its end, unless it can't begin: then the body is over. */
void step_receive(struct step *step, struct duet_scope *scope, duet_handle handle, void *memory,
		  uint32_t bytes);
void step_send(struct step *step, struct duet_scope *scope, duet_handle handle, void *memory,
	       uint32_t bytes);

#endif
