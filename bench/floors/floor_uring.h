/*
 * SPDX-FileCopyrightText: The Duet authors
 * SPDX-License-Identifier: MIT
 *
 * The floor of completion: an echo written by hand against io_uring, with nothing of the library.
 */
#ifndef DUET_BENCH_FLOOR_URING_H
#define DUET_BENCH_FLOOR_URING_H

#include "engine.h"

extern const struct echo_engine floor_uring_engine;

/* The same, but when a buffer comes back all that wait for one are sent after it. */
extern const struct echo_engine floor_uring_crowd_engine;

#endif
