/* SPDX-FileCopyrightText: The Duet authors */
/* SPDX-License-Identifier: MIT */

/* Two connections of which one is heard first: a race in a scope, again and again. */
#ifndef COMPARE_LABORATORY_RACE_H
#define COMPARE_LABORATORY_RACE_H

#include "compare/laboratory/policy.h"

/* *workload is filled in; policy outlives it. */
void race_workload(const struct policy *policy, struct duet_lab_workload *workload);

#endif
