/* SPDX-FileCopyrightText: The Duet authors */
/* SPDX-License-Identifier: MIT */

/* Two requests, a question and its answer each, over a pool of connections. */
#ifndef COMPARE_LABORATORY_SPECIMENS_DIRTY_POOL_H
#define COMPARE_LABORATORY_SPECIMENS_DIRTY_POOL_H

#include "compare/laboratory/policy.h"

/* *workload is filled in; policy outlives it. */
void dirty_pool_workload(const struct policy *policy, struct duet_lab_workload *workload);

#endif
