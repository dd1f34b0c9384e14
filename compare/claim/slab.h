/* SPDX-FileCopyrightText: The Duet authors
 * SPDX-License-Identifier: MIT */

/* What the kernel keeps for a registration or a pending request: the objects of its allocator
 * that are known by name, as far as /proc/slabinfo may be read. */
#ifndef COMPARE_CLAIM_SLAB_H
#define COMPARE_CLAIM_SLAB_H

#include <stdbool.h>
#include <stdint.h>

struct slab {
	bool readable;
	uint64_t registrations, requests;         /* objects in use, of the whole machine */
	double registration_bytes, request_bytes; /* of one, with what belongs to it */
};

/* Sizes are always there: documented ones of Linux 6 on 64 bits where the file can't be read. */
void slab_read(const char *path, struct slab *slab);

#endif
