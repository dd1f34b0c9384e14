/* SPDX-FileCopyrightText: The Duet authors */
/* SPDX-License-Identifier: MIT */
#include "compare/laboratory/leg.h"

static void ended(struct duet_op *op)
{
	struct leg *leg = op->context;

	leg->bytes = leg_is_believed(leg) ? op->transferred : 0;
	leg->ended(leg);
}

void leg_init(struct leg *leg, const struct policy *policy, leg_fn *done, void *context)
{
	duet_op_init(&leg->op, ended, leg);
	leg->policy = policy;
	leg->ended = done;
	leg->context = context;
}

bool leg_start(struct leg *leg, struct duet_scope *scope)
{
	leg->scope = scope;
	return duet_scope_start(scope, &leg->member, &leg->op) >= 0;
}

bool leg_is_believed(const struct leg *leg)
{
	return !leg->policy->discards || !duet_scope_check(leg->scope);
}
