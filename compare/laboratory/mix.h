/* SPDX-FileCopyrightText: The Duet authors
 * SPDX-License-Identifier: MIT */

/* What many runs of the same came to: the outcomes with their counts, and times by their spread. */
#ifndef COMPARE_LABORATORY_MIX_H
#define COMPARE_LABORATORY_MIX_H

#include <jansson.h>
#include <stdint.h>

/* A result by its class: that it was more than 0 counts, not how much. */
struct mix_outcome {
	uint8_t disposition, cause;
	int32_t result; /* 0, 1 for more, or -errno */
	uint32_t count;
};

enum { MIX_MAX = 12 };

struct mix {
	struct mix_outcome outcomes[MIX_MAX];
	uint32_t used;
};

/* More classes than there is room for are counted with the last. */
void mix_add(struct mix *mix, uint8_t disposition, uint8_t cause, int result);
/* The most frequent first. */
json_t *mix_json(struct mix *mix);

struct spread_value {
	uint64_t turns, ns;
};

struct spread {
	struct spread_value *values;
	uint32_t count, room;
};

void spread_add(struct spread *spread, uint64_t turns, uint64_t ns);
/* Median and worst, or null where there is no value. */
json_t *spread_json(struct spread *spread);
void spread_free(struct spread *spread);

#endif
