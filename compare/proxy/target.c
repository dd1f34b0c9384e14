/* SPDX-FileCopyrightText: The Duet authors
 * SPDX-License-Identifier: MIT */

#include "compare/proxy/target.h"

#include <duet/loop.h>
#include <duet/resolve.h>
#include <string.h>

/* Of a target that is down each client would ask again: once a second is enough. */
static const uint64_t AGAIN_NS = 1000000000;

static void take(struct target *target, const struct addrinfo *list)
{
	target->count = target->first = 0;
	for (; list && target->count < TARGET_ADDRESSES_MAX; list = list->ai_next) {
		struct target_address *address = &target->addresses[target->count++];

		memcpy(&address->storage, list->ai_addr, list->ai_addrlen);
		address->length = list->ai_addrlen;
	}
}

/* A name that can't be found any more keeps the addresses that it had. */
static void on_resolved(struct duet_op *op)
{
	struct target *target = op->context;
	struct addrinfo *list = duet_op_addresses(op);

	if (!list)
		return;
	take(target, list);
	duet_addrinfo_free(list);
}

static int ask(struct target *target)
{
	static const struct addrinfo HINTS = { .ai_socktype = SOCK_STREAM };
	uint64_t now_ns = duet_loop_now_ns(target->loop);

	target->asked_ns = now_ns;
	duet_op_resolve(&target->resolve, target->name->host, target->name->port, &HINTS);
	duet_op_deadline(&target->resolve, now_ns + target->patience_ns);
	return duet_op_start(target->loop, &target->resolve);
}

int target_open(struct target *target, struct duet_loop *loop, const struct address *name,
		uint64_t patience_ns)
{
	int status;

	*target = (struct target){ .loop = loop, .name = name, .patience_ns = patience_ns };
	duet_op_init(&target->resolve, on_resolved, target);
	status = ask(target);
	while (status >= 0 && duet_op_pending(&target->resolve))
		status = duet_loop_turn(loop, -1);
	if (status < 0)
		return status;
	return target->resolve.result < 0 ? target->resolve.result : 0;
}

void target_ask_again(struct target *target)
{
	if (!duet_op_pending(&target->resolve) &&
	    duet_loop_now_ns(target->loop) >= target->asked_ns + AGAIN_NS)
		ask(target);
}
