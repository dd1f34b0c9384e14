/*
 * SPDX-FileCopyrightText: The Duet authors
 * SPDX-License-Identifier: MIT
 *
 * Which processor a process runs on: without that a bench measures the scheduler's migrations.
 */
#ifndef DUET_BENCH_PLACE_H
#define DUET_BENCH_PLACE_H

#include <sys/types.h>

/* Of the processors that this process may use. With only one of them both are the same. */
enum place { PLACE_FIRST, PLACE_LAST };

/* How many there are, as seen before this process was placed itself; at least 1. */
unsigned int place_count(void);

/* Puts a process (0: this thread) there. 0 or -errno. */
int place_process(pid_t pid, enum place place);

#endif
