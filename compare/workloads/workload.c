/* SPDX-FileCopyrightText: The Duet authors
 * SPDX-License-Identifier: MIT */

#include "compare/workloads/workload.h"

#include <stddef.h>
#include <string.h>

static const struct workload *const WORKLOADS[] = { &WORKLOAD_ECHO, &WORKLOAD_CHURN,
						    &WORKLOAD_SLOW, &WORKLOAD_HTTP,
						    &WORKLOAD_KV, &WORKLOAD_PROXY,
						    &WORKLOAD_UDP, &WORKLOAD_COPY,
						    &WORKLOAD_ROCKETS,
						    &WORKLOAD_FILE, &WORKLOAD_CANCEL,
						    &WORKLOAD_INFORMED };

const struct workload *workload_find(const char *name)
{
	for (size_t i = 0; i < sizeof(WORKLOADS) / sizeof(*WORKLOADS); i++) {
		if (!strcmp(WORKLOADS[i]->name, name))
			return WORKLOADS[i];
	}
	return NULL;
}
