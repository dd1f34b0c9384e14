/* SPDX-FileCopyrightText: The Duet authors
 * SPDX-License-Identifier: MIT */

/* What one measured process hands over, as JSON: the raw material of everything that is said later.
 * docs/result-schema.md names the keys. */
#ifndef COMPARE_REPORT_SLOT_H
#define COMPARE_REPORT_SLOT_H

#include <jansson.h>
#include <stdint.h>

#include "compare/measure/histogram.h"
#include "compare/measure/window.h"

struct slot {
	const struct window *window;
	const struct histogram *latency;
	uint64_t operations;       /* inside the window */
	uint64_t operations_total; /* from start to end: what counters refer to */
	uint64_t wrong_bytes, lost_operations;
};

json_t *slot_json(const struct slot *slot);

/* What conclude_disturbance() asks a slot for, beside its elapsed_ns. */
json_t *slot_noise_json(const struct window *window);

json_t *slot_histogram_json(const struct histogram *histogram);

#endif
