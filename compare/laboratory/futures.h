/* SPDX-FileCopyrightText: The Duet authors */
/* SPDX-License-Identifier: MIT */

/*
 * A task that in each of three rounds makes two receives and awaits one after the other. Hot, both are on their
 * way from when they were made, and a cancel finds one that nobody has awaited yet; cold, each is from when
 * it is first awaited.
 */
#ifndef COMPARE_LABORATORY_FUTURES_H
#define COMPARE_LABORATORY_FUTURES_H

#include "compare/laboratory/policy.h"

/* *workload is filled in; policy outlives it. */
void hot_workload(const struct policy *policy, struct duet_lab_workload *workload);
void cold_workload(const struct policy *policy, struct duet_lab_workload *workload);

#endif
