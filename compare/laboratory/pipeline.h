/* SPDX-FileCopyrightText: The Duet authors */
/* SPDX-License-Identifier: MIT */

/*
 * Four messages through a chain of four steps each: received into a buffer of the pool, sent on from there,
 * acknowledged into another one, and the acknowledgement sent back.
 */
#ifndef COMPARE_LABORATORY_PIPELINE_H
#define COMPARE_LABORATORY_PIPELINE_H

#include "compare/laboratory/policy.h"

/* *workload is filled in; policy outlives it. */
void pipeline_workload(const struct policy *policy, struct duet_lab_workload *workload);

#endif
