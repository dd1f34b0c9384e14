/* SPDX-FileCopyrightText: The Duet authors
 * SPDX-License-Identifier: MIT */

/* Where and with what a result was measured. */
#ifndef COMPARE_REPORT_ENVIRONMENT_H
#define COMPARE_REPORT_ENVIRONMENT_H

#include <jansson.h>

json_t *environment_json(void);
json_t *environment_tool_json(void);

#endif
