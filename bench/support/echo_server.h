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

/* The same with one thing done as it should not be done: what that costs is a bench's to show. */
extern const struct echo_engine twin_polling_blind_engine;	/* attempts also what is empty */
extern const struct echo_engine twin_polling_again_engine;	/* a receive for each message, */
extern const struct echo_engine twin_completion_again_engine;	/* after its reply was sent */
extern const struct echo_engine twin_completion_beside_engine;	/* the same, beside its reply */
extern const struct echo_engine twin_completion_plain_engine;	/* a ring without flags */

/* The same, looking for 50 us before they sleep. */
extern const struct echo_engine twin_polling_spin_engine;
extern const struct echo_engine twin_completion_spin_engine;

/* Any of them by its name, as "completion-plain"; NULL if there is none of that name. */
const struct echo_engine *twin_engine_find(const char *name);

#endif
