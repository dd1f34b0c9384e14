/* SPDX-FileCopyrightText: The Duet authors */
/* SPDX-License-Identifier: MIT */
#ifndef TESTS_SUPPORT_OWNED_H
#define TESTS_SUPPORT_OWNED_H

#include "tests/support/harness.h"

/* A loop with operations of its own, and what is done with them. */

enum { OWNED = 2, OWNED_BYTES = 4096 };

/* Completions that those of take() have heard. */
extern unsigned called;

void owned_open(void);
struct duet_op *take(void);
void start(struct duet_op *op);
struct duet_stats stats(void);
/* Waits until nothing is pending: then all are the loop's again. */
void expect_all_back(void);

#endif
