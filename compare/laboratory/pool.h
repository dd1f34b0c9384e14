/* SPDX-FileCopyrightText: The Duet authors */
/* SPDX-License-Identifier: MIT */

/*
 * Three users of two connections, each with two questions: who finds none free waits in line, and is handed
 * the next that is given back.
 */
#ifndef COMPARE_LABORATORY_POOL_H
#define COMPARE_LABORATORY_POOL_H

#include "compare/laboratory/policy.h"

/* *workload is filled in; policy outlives it. */
void pool_workload(const struct policy *policy, struct duet_lab_workload *workload);

#endif
