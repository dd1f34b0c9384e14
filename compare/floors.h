/* SPDX-FileCopyrightText: The Duet authors
 * SPDX-License-Identifier: MIT */

/* The loops written by hand that the arms are judged by, served like any of them. */
#ifndef COMPARE_FLOORS_H
#define COMPARE_FLOORS_H

#include <stdint.h>

struct echo_engine;

#define FLOORS_NAMES "floor-epoll and floor-uring"

const struct echo_engine *floors_find(const char *name); /* NULL: none of this name */

struct floors_options {
	const char *host, *json; /* json: where the counters go at the end, or NULL */
	uint32_t port, connections, buffers, buffer_bytes;
};

/* Serves echo until SIGTERM, SIGHUP or Ctrl-C: an exit code; why has been said. */
int floors_serve(const struct echo_engine *floor, const struct floors_options *options);

#endif
