/* SPDX-FileCopyrightText: The Duet authors
 * SPDX-License-Identifier: MIT */

/* What the two kinds of copies have in common. */
#ifndef COMPARE_COPY_COPY_H
#define COMPARE_COPY_COPY_H

#include <stdbool.h>
#include <stdint.h>

struct copy_options {
	const char *from, *to; /* to: NULL where it goes to who connects */
	uint32_t block_bytes, depth;
	bool direct;
	bool fsync;               /* to a file */
	uint32_t connections_max; /* to who connects */
	uint64_t patience_ns;
};

#endif
