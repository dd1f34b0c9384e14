/*
 * SPDX-FileCopyrightText: The Duet authors
 * SPDX-License-Identifier: MIT
 *
 * The echo of the twins: one source on the public headers, and a backend for each engine.
 */
#ifndef DUET_BENCH_ECHO_SERVER_H
#define DUET_BENCH_ECHO_SERVER_H

#include "bench/floors/engine.h"

extern const struct echo_engine twin_polling_engine;
extern const struct echo_engine twin_completion_engine;

#endif
