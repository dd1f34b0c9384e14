/* SPDX-FileCopyrightText: The Duet authors
 * SPDX-License-Identifier: MIT */

/* The cells that a question comes to. */
#ifndef COMPARE_PLAN_QUESTION_H
#define COMPARE_PLAN_QUESTION_H

#include "compare/plan.h"

/* What of the command line is for questions alone: the option's name, or NULL. */
const char *plan_question_option(const struct wishes *wishes);

/* Whether the question can be asked so, before its cells are filled: workloads are the names behind
 * its own. An exit code; why has been said. */
int plan_question_check(const struct question *question, const struct wishes *wishes, int count,
			char **workloads);

/* Its arms, and what else the question says of a cell that is filled but for that. */
int plan_question_fill(const struct question *question, const struct wishes *wishes,
		       struct cell *cell);

#endif
