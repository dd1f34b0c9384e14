/* SPDX-FileCopyrightText: The Duet authors */
/* SPDX-License-Identifier: MIT */
#ifndef TESTS_SUPPORT_SWEPT_H
#define TESTS_SUPPORT_SWEPT_H

#include <string.h>

#include "compare/laboratory/swept.h"

/* Rows of the laboratory's tables by name, or NULL. */

static inline const struct swept *swept_find(const char *name)
{
	const struct swept *workload = SWEPT;

	while (workload->name && strcmp(workload->name, name))
		workload++;
	return workload->name ? workload : NULL;
}

static inline const struct policy *policy_find(const char *name)
{
	const struct policy *policy = POLICIES;

	while (policy->name && strcmp(policy->name, name))
		policy++;
	return policy->name ? policy : NULL;
}

#endif
