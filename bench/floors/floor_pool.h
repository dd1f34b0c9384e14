/*
 * SPDX-FileCopyrightText: The Duet authors
 * SPDX-License-Identifier: MIT
 *
 * The floor of polling for what is not in the page cache: threads that call pread, behind a loop
 * that waits for events.
 */
#ifndef DUET_BENCH_FLOOR_POOL_H
#define DUET_BENCH_FLOOR_POOL_H

#include "file_engine.h"

extern const struct file_engine floor_pool_engine;

#endif
