/* SPDX-FileCopyrightText: The Duet authors */
/* SPDX-License-Identifier: MIT */

/*
 * One operation of a workload, carried out as its policy says: what a policy is about is done here, so
 * that a workload says only what comes next.
 */
#ifndef COMPARE_LABORATORY_LEG_H
#define COMPARE_LABORATORY_LEG_H

#include <duet/laboratory.h>

#include "compare/laboratory/policy.h"

enum { LEG_BYTES = 128 };

struct leg;
typedef void leg_fn(struct leg *leg);

struct leg {
	struct duet_op op; /* in ended(): what became of it */
	struct duet_member member;
	const struct policy *policy;
	struct duet_scope *scope;
	leg_fn *ended;
	void *context;
	uint32_t bytes; /* in ended(): that were moved, and count */
	void *target;   /* where they belong */
	void *lent;     /* where they are received */
	unsigned char memory[LEG_BYTES];
};

/* An idle one; then say what its operation is to do, and start it. */
void leg_init(struct leg *leg, const struct policy *policy, leg_fn *ended, void *context);

/* The memory to receive into, for what is to be found at target afterwards. */
void *leg_into(struct leg *leg, void *target);

/* False: the scope was asked to end, and nothing is started in it. */
bool leg_start(struct leg *leg, struct duet_scope *scope);

/* What ended by no wish of the scope's is to be done again, what did is left for the next body. */
bool leg_is_asked(const struct leg *leg);

#endif
