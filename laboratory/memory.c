/* SPDX-FileCopyrightText: The Duet authors */
/* SPDX-License-Identifier: MIT */
#include <malloc.h>

#include "laboratory/internal.h"

/*
 * Memory that is lost. malloc() keeps small pieces aside for the next who wants one (seven of a size, in
 * glibc), which count as given, and calloc() takes none of these: so each of seven runs may leave one
 * there, and only what each of more equal ones leaves was lost in them. What is lost first, of such a
 * piece, is not seen but by the next that loses one.
 */

enum { ASIDE = 7, REPEATS = ASIDE + 2 };

/* Where there is no such account (other libraries than glibc) nothing is ever lost. */
int64_t lab_memory_bytes(void)
{
#if defined(__GLIBC__) && __GLIBC_PREREQ(2, 33)
	struct mallinfo2 info = mallinfo2();

	return (int64_t)(info.uordblks + info.hblkhd);
#else
	return 0;
#endif
}

int64_t lab_memory_left(const struct duet_lab_sweep *sweep, struct place place,
			const struct seen *seen)
{
	int64_t least = seen->memory_bytes;

	for (unsigned i = 0; i < REPEATS && least > 0; i++) {
		struct seen again = {.order = seen->order};
		struct duet_lab_outcome outcome;

		again.order.given = again.order.asked;
		if (lab_run_once(sweep, place, &outcome, &again))
			return 0;
		least = again.memory_bytes < least ? again.memory_bytes : least;
	}
	return least > 0 ? least : 0;
}
