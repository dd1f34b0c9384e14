/*
 * SPDX-FileCopyrightText: The Duet authors
 * SPDX-License-Identifier: MIT
 *
 * The floor of polling for what is in the page cache: one thread that calls pread.
 */
#ifndef DUET_BENCH_FLOOR_PREAD_H
#define DUET_BENCH_FLOOR_PREAD_H

#include "file_engine.h"

extern const struct file_engine floor_pread_engine;

/* The same with the call that a loop has to make which must not block: preadv2 with RWF_NOWAIT. */
extern const struct file_engine floor_nowait_engine;

#endif
