/* SPDX-FileCopyrightText: The Duet authors
 * SPDX-License-Identifier: MIT */

/* The cells that the workload cancel comes to: every method with every number of operations. */
#ifndef COMPARE_PLAN_CANCEL_H
#define COMPARE_PLAN_CANCEL_H

#include "compare/plan.h"

/* What of the command line is for this workload alone: the option's name, or NULL. */
const char *plan_cancel_option(const struct wishes *wishes);

/* Fills cells, up to cells_max, with what the workload plays, and not with arms and times. An exit code;
 * why has been said. */
int plan_cancel_cells(const struct wishes *wishes, struct cell *cells, unsigned int cells_max,
		      unsigned int *count);

#endif
