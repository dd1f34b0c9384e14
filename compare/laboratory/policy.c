/* SPDX-FileCopyrightText: The Duet authors */
/* SPDX-License-Identifier: MIT */
#include "compare/laboratory/policy.h"

#include <string.h>

const struct policy POLICIES[] = {
	{ .name = "await", .does = "waits for the end, and counts what came", .safe = true },
	{ .name = "copy-through", .does = "receives elsewhere; its own memory is never lent",
	  .safe = true, .copies = true },
	{ .name = "discard-result", .does = "waits for the end, and believes that nothing came",
	  .discards = true },
	{ .name = "drop-and-forget", .does = "goes on at the request, and looks no more",
	  .release = RELEASE_AT_REQUEST, .discards = true },
	{ .name = "free-on-request", .does = "goes on at the request, with the same memory",
	  .release = RELEASE_AT_REQUEST, .discards = true, .reuses = true },
	{ .name = "exact-on-stack", .does = "forgets the beginning of what was not whole",
	  .forgets = true },
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
