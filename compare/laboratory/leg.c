/* SPDX-FileCopyrightText: The Duet authors */
/* SPDX-License-Identifier: MIT */
#include "compare/laboratory/leg.h"

#include <string.h>

static void ended(struct duet_op *op)
{
	struct leg *leg = op->context;

	leg->bytes = leg->policy->discards && leg_is_asked(leg) ? 0 : op->transferred;
	if (leg->target && leg->lent != leg->target)
		memcpy(leg->target, leg->lent, leg->bytes);
	leg->ended(leg);
}

void leg_init(struct leg *leg, const struct policy *policy, leg_fn *done, void *context)
{
	duet_op_init(&leg->op, ended, leg);
	leg->policy = policy;
	leg->ended = done;
	leg->context = context;
	leg->target = NULL;
}

void *leg_into(struct leg *leg, void *target)
{
	leg->target = target;
	leg->lent = leg->policy->copies ? leg->memory : target;
	return leg->lent;
}

bool leg_start(struct leg *leg, struct duet_scope *scope)
{
	leg->scope = scope;
	return duet_scope_start(scope, &leg->member, &leg->op) >= 0;
}

bool leg_is_asked(const struct leg *leg)
{
	return duet_scope_check(leg->scope) != 0;
}
