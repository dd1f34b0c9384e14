/* SPDX-FileCopyrightText: The Duet authors */
/* SPDX-License-Identifier: MIT */
#include "compare/laboratory/policy.h"

const struct policy POLICIES[] = {
	{ .name = "await", .does = "waits for the end, and counts what came", .safe = true },
	{ .name = "copy-through", .does = "receives elsewhere; its own memory is never lent",
	  .safe = true, .copies = true },
	{ .name = "move-and-reap", .does = "goes on at the request; the loop's own operation brings "
	  "what still comes", .safe = true, .release = RELEASE_REAPED },
	{ .name = "poll-drop", .does = "polls what it gives up to its end, before it is freed",
	  .safe = true, .release = RELEASE_POLLED },
	{ .name = "scope", .does = "a scope for each step, with a cleanup, joined", .safe = true,
	  .release = RELEASE_SCOPED },
	{ 0 },
};
