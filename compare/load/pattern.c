/* SPDX-FileCopyrightText: The Duet authors
 * SPDX-License-Identifier: MIT */

#include "compare/load/pattern.h"

#include <string.h>

#include "compare/measure/rounds.h"

/* Twice the period, so that a piece of up to one period is always contiguous. */
static unsigned char table[2 * PATTERN_PERIOD];

void pattern_make(void)
{
	uint64_t state = 1;

	for (size_t i = 0; i < PATTERN_PERIOD; i++)
		table[i] = (unsigned char)rounds_random(&state);
	memcpy(table + PATTERN_PERIOD, table, PATTERN_PERIOD);
}

const unsigned char *pattern_at(uint32_t stream, uint64_t position, size_t *available)
{
	size_t at = (size_t)((position + (uint64_t)stream * 12289) % PATTERN_PERIOD);

	*available = sizeof(table) - at;
	return table + at;
}

static size_t count_wrong(const unsigned char *expected, const unsigned char *data, size_t length)
{
	size_t wrong = 0;

	for (size_t i = 0; i < length; i++)
		wrong += expected[i] != data[i];
	return wrong;
}

size_t pattern_wrong(uint32_t stream, uint64_t position, const unsigned char *data, size_t length)
{
	size_t wrong = 0;

	while (length) {
		size_t piece;
		const unsigned char *expected = pattern_at(stream, position, &piece);

		if (piece > length)
			piece = length;
		if (memcmp(expected, data, piece) != 0)
			wrong += count_wrong(expected, data, piece);
		position += piece;
		data += piece;
		length -= piece;
	}
	return wrong;
}

static uint64_t block_word(uint64_t base, size_t index)
{
	return base ^ (index * UINT64_C(0x9e3779b97f4a7c15));
}

static uint64_t block_base(uint64_t offset)
{
	return rounds_random(&offset);
}

void pattern_block_fill(void *block, size_t length, uint64_t offset)
{
	uint64_t base = block_base(offset), *words = block;

	for (size_t i = 0; i < length / 8; i++)
		words[i] = block_word(base, i);
}

size_t pattern_block_wrong(const void *block, size_t length, uint64_t offset)
{
	const uint64_t *words = block;
	uint64_t base = block_base(offset), differ = 0;
	size_t wrong = 0;

	for (size_t i = 0; i < length / 8; i++)
		differ |= words[i] ^ block_word(base, i);
	if (!differ)
		return 0;
	for (size_t i = 0; i < length / 8; i++)
		wrong += words[i] != block_word(base, i) ? 8 : 0;
	return wrong;
}

uint64_t pattern_block_sum(const void *block, size_t length)
{
	const uint64_t *words = block;
	uint64_t sum = 0;

	for (size_t i = 0; i < length / 8; i++)
		sum += words[i] * (2 * i + 1);
	return sum;
}
