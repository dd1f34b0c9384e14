/* SPDX-FileCopyrightText: The Duet authors
 * SPDX-License-Identifier: MIT */

/* The commands of the store: what a request asks for is done, and answered in the words of Redis. */
#ifndef COMPARE_KV_EXECUTE_H
#define COMPARE_KV_EXECUTE_H

#include <stdint.h>

#include "compare/kv/reply.h"
#include "compare/kv/resp.h"
#include "compare/kv/store.h"

struct execution {
	struct store *store;
	struct reply *reply;
	uint64_t now_ns;
	/* The request: words[0] is the command. */
	const struct resp *resp;
	const char *data;
};

/* A whole request, which has at least one word, answered in a reply that has room. */
void execute(const struct execution *execution);

#endif
