/* SPDX-FileCopyrightText: The Duet authors
 * SPDX-License-Identifier: MIT */

/* How far the rounds are, for who looks on. */
#ifndef COMPARE_PROGRESS_H
#define COMPARE_PROGRESS_H

#include <stdint.h>

struct progress {
	const char *what;
	unsigned int index, count; /* of it among all that are to be played */
	unsigned int rounds, slots; /* to be kept; in each of them */
	uint64_t each_ns;           /* what a slot should take, as long as none was played; 0: not known */
	uint64_t begun_ns;
	unsigned int played;
};

/* One more is about to be played, the slot-th of the round that comes after so many were kept. */
void progress_slot(struct progress *progress, unsigned int kept, unsigned int slot,
		   unsigned int repeated);

#endif
