/* SPDX-FileCopyrightText: The Duet authors
 * SPDX-License-Identifier: MIT */

#include "compare/sets.h"

#include <stddef.h>
#include <string.h>

#include "compare/questions/question.h"

#define SECOND UINT64_C(1000000000)

const char *const SETS_CANCEL_CELLS[SETS_ARMS] = {
	"completion", "polling", "completion:mode=plain", "floor-uring", "floor-epoll",
};

/* Under three minutes in all, on two processors. */
static const struct sets_row QUICK[] = {
	{ &WORKLOAD_ECHO, .connections = 64, .size_bytes = 64, .depth = 1 },
	{ &WORKLOAD_ECHO, .connections = 1, .size_bytes = 64, .depth = 1 },
	{ &WORKLOAD_ECHO, .connections = 64, .size_bytes = 64, .depth = 1, .question = &QUESTION_CELLS },
	{ &WORKLOAD_FILE, .block_bytes = 4096, .depth = 32 },
	{ &WORKLOAD_FILE, .block_bytes = 4096, .depth = 32, .direct = true },
	{ 0 },
};

static const struct sets_row FULL[] = {
	{ &WORKLOAD_ECHO, .connections = 1, .size_bytes = 64, .depth = 1 },
	{ &WORKLOAD_ECHO, .connections = 64, .size_bytes = 64, .depth = 1 },
	{ &WORKLOAD_ECHO, .connections = 512, .size_bytes = 64, .depth = 1 },
	{ &WORKLOAD_ECHO, .connections = 64, .size_bytes = 16384, .depth = 1 },
	{ &WORKLOAD_ECHO, .connections = 64, .size_bytes = 64, .depth = 16 },
	{ &WORKLOAD_ECHO, .connections = 64, .size_bytes = 64, .depth = 1, .rate_per_s = 20000 },
	{ &WORKLOAD_ECHO, .connections = 1, .size_bytes = 64, .depth = 1, .question = &QUESTION_CELLS },
	{ &WORKLOAD_ECHO, .connections = 64, .size_bytes = 64, .depth = 1, .question = &QUESTION_CELLS },
	{ &WORKLOAD_FILE, .block_bytes = 4096, .depth = 1 },
	{ &WORKLOAD_FILE, .block_bytes = 4096, .depth = 32 },
	{ &WORKLOAD_FILE, .block_bytes = 4096, .depth = 1, .direct = true },
	{ &WORKLOAD_FILE, .block_bytes = 4096, .depth = 32, .direct = true },
	{ &WORKLOAD_CANCEL, .method = CANCEL_SCOPE, .operations = 1, .pending = 10000, .cells = true },
	{ &WORKLOAD_CANCEL, .method = CANCEL_SCOPE, .operations = 100, .pending = 10000,
	  .cells = true },
	{ &WORKLOAD_CANCEL, .method = CANCEL_SCOPE, .operations = 10000, .pending = 10000,
	  .cells = true },
	{ &WORKLOAD_CANCEL, .method = CANCEL_USER_DATA, .operations = 1, .pending = 10000 },
	{ &WORKLOAD_CANCEL, .method = CANCEL_DESCRIPTOR, .operations = 1, .pending = 1000 },
	{ &WORKLOAD_CANCEL, .method = CANCEL_DEADLINE, .operations = 10000, .pending = 10000,
	  .cells = true },
	{ &WORKLOAD_CANCEL, .method = CANCEL_DEADLINE, .operations = 10000, .pending = 10000,
	  .storm = true },
	{ &WORKLOAD_CANCEL, .method = CANCEL_NEVER, .operations = 1, .pending = 10000, .ring = true },
	{ &WORKLOAD_CANCEL, .method = CANCEL_NEVER, .operations = 1, .pending = 10000 },
	{ 0 },
};

static const struct sets SETS[] = {
	{ "quick", QUICK, 15, SECOND / 20, SECOND / 5, 120 * SECOND },
	{ "full", FULL, 15, SECOND / 10, SECOND, 0 },
};

const struct sets *sets_find(const char *name)
{
	for (size_t i = 0; i < sizeof(SETS) / sizeof(*SETS); i++) {
		if (!strcmp(SETS[i].name, name))
			return &SETS[i];
	}
	return NULL;
}
