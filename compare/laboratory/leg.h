/* SPDX-FileCopyrightText: The Duet authors */
/* SPDX-License-Identifier: MIT */

/*
 * An operation of a workload that is awaited, of whatever kind: where a policy has nothing to choose. Those
 * that receive and send by policy are steps: step.h.
 */
#ifndef COMPARE_LABORATORY_LEG_H
#define COMPARE_LABORATORY_LEG_H

#include "compare/laboratory/policy.h"

struct leg;
typedef void leg_fn(struct leg *leg);

struct leg {
	struct duet_op op; /* in ended(): what became of it */
	struct duet_member member;
	const struct policy *policy;
	struct duet_scope *scope;
	leg_fn *ended; /* also called for what comes before the end */
	void *context;
	uint32_t bytes; /* in ended(): that were moved, as far as the policy believes it */
};

/* Say then what its operation is to do, and start it. */
void leg_init(struct leg *leg, const struct policy *policy, leg_fn *ended, void *context);

/* False: the scope was asked to end, and nothing is started in it. */
bool leg_start(struct leg *leg, struct duet_scope *scope);

/* A careless policy believes that nothing comes after the request. */
bool leg_is_believed(const struct leg *leg);

#endif
