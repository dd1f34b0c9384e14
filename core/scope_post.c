/* SPDX-FileCopyrightText: The Duet authors */
/* SPDX-License-Identifier: MIT */
#include <stddef.h>

#include "core/scope.h"

/* Requests to a scope from other threads. */

_Static_assert(offsetof(struct duet_scope_request, message) == 0, "a request is its message");

/* When that is said the sender may free it. */
static void arrive(struct duet_message *message)
{
	struct duet_scope_request *request = (struct duet_scope_request *)(void *)message;

	duet_scope_cancel(request->scope);
	__atomic_store_n(&request->taken, 1, __ATOMIC_RELEASE);
}

void duet_scope_post_cancel(struct duet_scope *scope, struct duet_scope_request *request)
{
	request->scope = scope;
	request->taken = 0;
	request->message.fn = arrive;
	duet_loop_post(scope->loop, &request->message);
}

int duet_scope_request_taken(const struct duet_scope_request *request)
{
	return __atomic_load_n(&request->taken, __ATOMIC_ACQUIRE);
}
