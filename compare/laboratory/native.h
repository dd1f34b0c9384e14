/* SPDX-FileCopyrightText: The Duet authors */
/* SPDX-License-Identifier: MIT */

/*
 * Workloads in polling's native dialect: try, and if there is nothing wait for readiness. A cancel drops the
 * wait: no operation is in flight and nothing is lent, so that there is nothing to wait for.
 */
#ifndef COMPARE_LABORATORY_NATIVE_H
#define COMPARE_LABORATORY_NATIVE_H

#include "compare/laboratory/policy.h"

/* The one that there is in it. */
extern const struct policy NATIVE_POLICY;

/* *workload is filled in; policy outlives it. */
void native_conversation_workload(const struct policy *policy, struct duet_lab_workload *workload);
void native_race_workload(const struct policy *policy, struct duet_lab_workload *workload);

#endif
