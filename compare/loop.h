/* SPDX-FileCopyrightText: The Duet authors
 * SPDX-License-Identifier: MIT */

/* The loop of a play: how it begins where all models of tasks are to be alike, and how it ends. */
#ifndef COMPARE_LOOP_H
#define COMPARE_LOOP_H

#include <stdint.h>

struct duet_loop;
struct duet_scheduler;
struct mechanism;

/* For so many tasks, each with a handle and at most two operations. They suspend for each wait: what
 * a task may take without is a question of its own, try-first. */
int loop_begin_tasks(const struct mechanism *mechanism, uint32_t tasks, struct duet_loop **loop,
		     struct duet_scheduler *scheduler);

/* 0: it is gone, or there was none. Else the negative errno, and what is lent to it goes with the
 * process. */
int loop_end(struct duet_loop *loop);

#endif
