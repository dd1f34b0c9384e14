/* SPDX-FileCopyrightText: The Duet authors
 * SPDX-License-Identifier: MIT */

/* What a loop of Duet's says of itself, as JSON: whole counts since it was created. */
#ifndef COMPARE_REPORT_COUNTERS_H
#define COMPARE_REPORT_COUNTERS_H

#include <jansson.h>

struct duet_loop;

json_t *counters_json(const struct duet_loop *loop);

#endif
