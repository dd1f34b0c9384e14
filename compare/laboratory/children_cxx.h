/* SPDX-FileCopyrightText: The Duet authors */
/* SPDX-License-Identifier: MIT */

/* Two connections, heard by children of a task of C++20. Not in every build: with DUET_CXX. */
#ifndef COMPARE_LABORATORY_CHILDREN_CXX_H
#define COMPARE_LABORATORY_CHILDREN_CXX_H

#include "compare/laboratory/policy.h"

void children_cxx_workload(const struct policy *policy, struct duet_lab_workload *workload);

#endif
