/* SPDX-FileCopyrightText: The Duet authors
 * SPDX-License-Identifier: MIT */

/* The load generator: a plain epoll program, the same whatever serves. It knows nothing of Duet's
 * libraries, so that what is measured never measures itself. */
#ifndef COMPARE_LOAD_LOAD_H
#define COMPARE_LOAD_LOAD_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "compare/load/address.h"
#include "compare/load/connection.h"
#include "compare/measure/window.h"

/* LOAD_FILES: descriptors that it has beside its connections, at most. */
enum { LOAD_SILENCE_S = 5, LOAD_FILES = 8 };

struct load_options {
	struct address address;
	uint32_t connections; /* at least 1 */
	uint32_t size_bytes;  /* at least 1 */
	uint32_t depth;       /* unanswered messages a connection, at least 1 */
	uint64_t warmup_ns;   /* played before the window opens */
	uint64_t duration_ns; /* of the window */
	pid_t subject;        /* the serving process, if it is on this machine, or 0 */
};

struct load_result {
	struct connection_run run; /* answered and latency are those of the window */
	struct window window;
	uint64_t answered_total;   /* from the first message on: what the server's counters saw */
	uint64_t lost_bytes;       /* sent, and the server said goodbye without them */
	bool ended_early;          /* by Ctrl-C or another such signal, see process.h */
	char problem[480];         /* what stopped it, if something did */
};

/* 0, or a negative errno; then problem says which connection and what happened. Wrong bytes, and
 * bytes that are missing where a server ended a connection in good order, whenever it did so, are
 * results; a reset is an error, and so is a server that is silent for LOAD_SILENCE_S, -ETIMEDOUT:
 * nobody knows what it would have answered. -EINTR: a signal came before anything was measured. */
int load_play(const struct load_options *options, struct load_result *result);

#endif
