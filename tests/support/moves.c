/* SPDX-FileCopyrightText: The Duet authors */
/* SPDX-License-Identifier: MIT */
#include "tests/support/moves.h"

#ifdef DUET_MOVES
#include <stdlib.h>

#include "core/loop.h"
#include "reference/explore/coverage.h"

void moves_note(const struct duet_loop *loop)
{
	const char *path = getenv("DUET_TEST_MOVES");
	FILE *file = path && *path ? fopen(path, "a") : NULL;

	if (!file)
		return;
	coverage_note(&loop->moves, file);
	fclose(file);
}
#else
void moves_note(const struct duet_loop *loop)
{
	(void)loop;
}
#endif
