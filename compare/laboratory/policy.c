/* SPDX-FileCopyrightText: The Duet authors */
/* SPDX-License-Identifier: MIT */
#include "compare/laboratory/policy.h"

#include <string.h>

const struct policy POLICIES[] = {
	{ .name = "await", .does = "waits for the end, and counts what came", .safe = true },
	{ .name = "copy-through", .does = "receives elsewhere; its own memory is never lent",
	  .safe = true, .copies = true },
	{ 0 },
};

const struct policy *policy_find(const char *name)
{
	for (const struct policy *policy = POLICIES; policy->name; policy++) {
		if (!strcmp(policy->name, name))
			return policy;
	}
	return NULL;
}
