/* SPDX-FileCopyrightText: The Duet authors */
/* SPDX-License-Identifier: MIT */

/* Three questions of twelve bytes, in ragged pieces, each answered with four. */
#ifndef COMPARE_LABORATORY_CONVERSATION_H
#define COMPARE_LABORATORY_CONVERSATION_H

#include "compare/laboratory/policy.h"

/* *workload is filled in; policy outlives it. */
void conversation_workload(const struct policy *policy, struct duet_lab_workload *workload);

#endif
