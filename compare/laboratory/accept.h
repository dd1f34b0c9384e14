/* SPDX-FileCopyrightText: The Duet authors */
/* SPDX-License-Identifier: MIT */

/*
 * A listener with a multishot accept: three connections, of which each brings a request in two pieces, is
 * answered and closed.
 */
#ifndef COMPARE_LABORATORY_ACCEPT_H
#define COMPARE_LABORATORY_ACCEPT_H

#include "compare/laboratory/policy.h"

/* *workload is filled in; policy outlives it. */
void accept_workload(const struct policy *policy, struct duet_lab_workload *workload);

#endif
