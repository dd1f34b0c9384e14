/* SPDX-FileCopyrightText: The Duet authors
 * SPDX-License-Identifier: MIT */

/* What the process holds, as its allocator and the kernel count it. */
#ifndef COMPARE_MEASURE_MEMORY_H
#define COMPARE_MEASURE_MEMORY_H

struct memory {
	double held_bytes;    /* allocated, and mapped besides: address space that is its own */
	double touched_bytes; /* of that what there are pages for */
};

/* NAN of what can't be read. */
void memory_read(struct memory *memory);

#endif
