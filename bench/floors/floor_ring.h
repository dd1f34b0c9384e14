/*
 * SPDX-FileCopyrightText: The Duet authors
 * SPDX-License-Identifier: MIT
 *
 * The floor of completion for files: a reader written by hand against io_uring.
 */
#ifndef DUET_BENCH_FLOOR_RING_H
#define DUET_BENCH_FLOOR_RING_H

#include "file_engine.h"

extern const struct file_engine floor_ring_engine;

#endif
