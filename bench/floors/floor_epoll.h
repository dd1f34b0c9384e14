/*
 * SPDX-FileCopyrightText: The Duet authors
 * SPDX-License-Identifier: MIT
 *
 * The floor of polling: an echo written by hand against epoll, with nothing of the library.
 */
#ifndef DUET_BENCH_FLOOR_EPOLL_H
#define DUET_BENCH_FLOOR_EPOLL_H

#include "engine.h"

extern const struct echo_engine floor_epoll_engine;

#endif
