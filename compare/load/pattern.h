/* SPDX-FileCopyrightText: The Duet authors
 * SPDX-License-Identifier: MIT */

/* What every byte has to be. A stream's bytes come from one table of random bytes whose length is a
 * prime, read from a place of the stream's own: a byte that is lost, doubled, changed or taken from
 * another connection shows at once, and nothing has to be generated while measuring. */
#ifndef COMPARE_LOAD_PATTERN_H
#define COMPARE_LOAD_PATTERN_H

#include <stddef.h>
#include <stdint.h>

enum { PATTERN_PERIOD = 65521 };

void pattern_make(void); /* once, before anything below */

/* The bytes of a stream from a position on; *available says how many follow in one piece. */
const unsigned char *pattern_at(uint32_t stream, uint64_t position, size_t *available);

/* How many of the bytes are not what they should be. */
size_t pattern_wrong(uint32_t stream, uint64_t position, const unsigned char *data, size_t length);

/* A block of a file: 64-bit words that follow from the offset of the block. length is a multiple
 * of 8. */
void pattern_block_fill(void *block, size_t length, uint64_t offset);
size_t pattern_block_wrong(const void *block, size_t length, uint64_t offset);

/* A sum for files whose content isn't ours: it differs if any word does, or two change places. */
uint64_t pattern_block_sum(const void *block, size_t length);

#endif
