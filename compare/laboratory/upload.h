/* SPDX-FileCopyrightText: The Duet authors */
/* SPDX-License-Identifier: MIT */

/*
 * Three chunks, each acknowledged, in a scope whose cleanup tells the peer that it is over and closes the
 * connection, whatever came of it.
 */
#ifndef COMPARE_LABORATORY_UPLOAD_H
#define COMPARE_LABORATORY_UPLOAD_H

#include "compare/laboratory/policy.h"

/* *workload is filled in; policy outlives it. */
void upload_workload(const struct policy *policy, struct duet_lab_workload *workload);

#endif
