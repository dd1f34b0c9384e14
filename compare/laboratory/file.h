/* SPDX-FileCopyrightText: The Duet authors */
/* SPDX-License-Identifier: MIT */

/*
 * A small file of records with a header that counts them: each is written, counted and made durable, and
 * in the end all of it is read back.
 */
#ifndef COMPARE_LABORATORY_FILE_H
#define COMPARE_LABORATORY_FILE_H

#include "compare/laboratory/policy.h"

/* *workload is filled in; policy outlives it. */
void file_workload(const struct policy *policy, struct duet_lab_workload *workload);

#endif
