/* SPDX-FileCopyrightText: The Duet authors
 * SPDX-License-Identifier: MIT */

/* Two stored results side by side, as JSON: what duet diff says is rendered from this. The cells are
 * matched by workload and parameters, their arms by name. */
#ifndef COMPARE_REPORT_PAIR_H
#define COMPARE_REPORT_PAIR_H

#include <jansson.h>

struct pair_result {
	const char *name; /* of the file */
	const json_t *json;
};

/* The caller's. "cells" is empty where nothing could be compared, and "not_compared" says why. */
json_t *pair_json(const struct pair_result *before, const struct pair_result *after);

#endif
