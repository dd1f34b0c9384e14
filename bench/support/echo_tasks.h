/*
 * SPDX-FileCopyrightText: The Duet authors
 * SPDX-License-Identifier: MIT
 *
 * The twins' echo by tasks, one a connection: what echo_server.h does by callbacks.
 */
#ifndef DUET_BENCH_ECHO_TASKS_H
#define DUET_BENCH_ECHO_TASKS_H

#include "bench/floors/engine.h"

extern const struct echo_engine tasks_polling_coroutine_engine;
extern const struct echo_engine tasks_polling_future_engine;
extern const struct echo_engine tasks_completion_coroutine_engine;
extern const struct echo_engine tasks_completion_future_engine;

#endif
