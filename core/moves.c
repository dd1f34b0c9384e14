/* SPDX-FileCopyrightText: The Duet authors */
/* SPDX-License-Identifier: MIT */
#include "core/moves.h"

#ifdef DUET_MOVES
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/backend.h"
#include "core/loop.h"

/*
 * Where DUET_TEST_MOVES names a file, each process adds to it what its loops have seen that none of its
 * loops before had: a line of "moves BACKEND", and of o or s with the number of the move, state times
 * states plus next state. A line at a time, written in one piece: the tests run side by side. As with the
 * faults of core/mutant.h this is the tests' own, and the one place where a loop knows of others.
 */

_Static_assert(CORE_MOVES_STATES * CORE_MOVES_STATES <= 64, "a bit a move");

enum { BACKENDS_MAX = 8 };

static struct seen {
	_Atomic(const struct duet_backend *) backend;
	_Atomic uint64_t operation;
	_Atomic uint64_t scope;
} seen[BACKENDS_MAX];

/* NULL: there are more backends in this process than anybody has. */
static struct seen *seen_by(const struct duet_backend *backend)
{
	for (unsigned i = 0; i < BACKENDS_MAX; i++) {
		const struct duet_backend *nobody = NULL;

		if (atomic_compare_exchange_strong(&seen[i].backend, &nobody, backend) ||
		    nobody == backend)
			return &seen[i];
	}
	return NULL;
}

static uint64_t bits_of(const uint32_t counts[CORE_MOVES_STATES][CORE_MOVES_STATES])
{
	uint64_t bits = 0;

	for (unsigned i = 0; i < CORE_MOVES_STATES * CORE_MOVES_STATES; i++)
		if (counts[i / CORE_MOVES_STATES][i % CORE_MOVES_STATES])
			bits |= UINT64_C(1) << i;
	return bits;
}

/* Those that this process sees for the first time. */
static uint64_t add(_Atomic uint64_t *sum, uint64_t bits)
{
	return bits & ~atomic_fetch_or(sum, bits);
}

static void say(char *line, char mark, uint64_t bits)
{
	for (unsigned i = 0; i < 64; i++)
		if (bits >> i & 1)
			sprintf(line + strlen(line), " %c%u", mark, i);
}

void core_moves_note(const struct duet_loop *loop)
{
	const char *path = getenv("DUET_TEST_MOVES");
	struct seen *before = path && *path ? seen_by(loop->backend) : NULL;
	char line[1024];
	uint64_t operation, scope;
	FILE *file;

	if (!before)
		return;
	operation = add(&before->operation, bits_of(loop->moves.operation));
	scope = add(&before->scope, bits_of(loop->moves.scope));
	file = operation | scope ? fopen(path, "a") : NULL;
	if (!file)
		return;
	snprintf(line, sizeof(line), "moves %.32s", loop->backend->name);
	say(line, 'o', operation);
	say(line, 's', scope);
	fprintf(file, "%s\n", line);
	fclose(file);
}
#else
typedef int core_no_moves;
#endif
