/* SPDX-FileCopyrightText: The Duet authors */
/* SPDX-License-Identifier: MIT */
#include "core/scope.h"

static const uint64_t budget_default_ns = UINT64_C(1000000000);
static const uint64_t budget_max_ns = UINT64_C(1000000000000);

void duet_scope_options_init(struct duet_scope_options *options)
{
	*options = (struct duet_scope_options){.size = sizeof(*options),
					       .policy = DUET_WAIT_ALL,
					       .deadline_ns = DUET_NO_DEADLINE,
					       .cleanup_budget_ns = budget_default_ns};
}

bool core_scope_options_hold(const struct duet_scope_options *options)
{
	return options->size == sizeof(*options) && options->policy < DUET_POLICY_COUNT &&
	       options->cleanup_budget_ns >= 1 && options->cleanup_budget_ns <= budget_max_ns &&
	       options->shield <= 1 &&
	       !(options->shield && options->deadline_ns == DUET_NO_DEADLINE);
}
