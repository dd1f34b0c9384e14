/* SPDX-FileCopyrightText: The Duet authors */
/* SPDX-License-Identifier: MIT */

/*
 * Rounds on two connections, in each of which something is heard on both (join) or on whichever is first
 * (race): by a combinator inside one body, or as children of a scope.
 */
#ifndef COMPARE_LABORATORY_ROUNDS_H
#define COMPARE_LABORATORY_ROUNDS_H

#include "compare/laboratory/policy.h"

/* *workload is filled in; policy outlives it. A race in a scope is race_workload(). */
void join_workload(const struct policy *policy, struct duet_lab_workload *workload);
void join_combinator_workload(const struct policy *policy, struct duet_lab_workload *workload);
void race_combinator_workload(const struct policy *policy, struct duet_lab_workload *workload);

#endif
