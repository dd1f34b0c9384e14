/* SPDX-FileCopyrightText: The Duet authors
 * SPDX-License-Identifier: MIT */

/* Where a relay leads to: a name, and the addresses that it has. They are asked for at the start, and
 * again when none of them can be reached; who comes meanwhile tries those that are known. */
#ifndef COMPARE_PROXY_TARGET_H
#define COMPARE_PROXY_TARGET_H

#include <duet/operation.h>
#include <stdint.h>
#include <sys/socket.h>

#include "compare/load/address.h"

enum { TARGET_ADDRESSES_MAX = 8 };

struct target_address {
	struct sockaddr_storage storage;
	socklen_t length;
};

struct target {
	struct duet_loop *loop;
	const struct address *name;
	struct duet_op resolve;
	uint64_t patience_ns;
	uint64_t asked_ns;
	uint32_t count;
	uint32_t first; /* the one that was reached last: the next to be tried */
	struct target_address addresses[TARGET_ADDRESSES_MAX];
};

/* Turns the loop until the name's addresses are known: 0, or the negative errno of duet_op_resolve().
 * name is lent. */
int target_open(struct target *target, struct duet_loop *loop, const struct address *name,
		uint64_t patience_ns);

/* None of the addresses was reached. Asks again, but not all the time. */
void target_ask_again(struct target *target);

#endif
