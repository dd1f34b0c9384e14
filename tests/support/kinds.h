/* SPDX-FileCopyrightText: The Duet authors */
/* SPDX-License-Identifier: MIT */
#ifndef TESTS_SUPPORT_KINDS_H
#define TESTS_SUPPORT_KINDS_H

#include <stdbool.h>

#include "tests/support/job.h"

/*
 * One of each kind of operation, on the loop of the stage: when it was started it waits, or has ended and
 * wasn't told. What it names is this file's, one for each kind, and goes with the loop.
 */

/* False: the backend carries no such kind, or nothing here tells of processes. */
bool kind_make(enum duet_kind kind, struct duet_op *op);
/* What its line in duet_loop_dump() has that another's hasn't. */
const char *kind_word(enum duet_kind kind);

/* A coroutine that waits for ever. */
extern struct kind_sleeper {
	struct duet_scheduler scheduler;
	struct job job;
} kind_sleeper;
void kind_sleeper_spawn(void);

#endif
