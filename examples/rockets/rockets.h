/* SPDX-FileCopyrightText: The Duet authors */
/* SPDX-License-Identifier: MIT */
/* What the clients have in common: the command line, and a table to fill. Each is the same program in
 * another model, for one who lays two beside each other. */
#ifndef EXAMPLES_ROCKETS_ROCKETS_H
#define EXAMPLES_ROCKETS_ROCKETS_H

#include <netinet/in.h>
#include <stdint.h>

#include "examples/rockets/http.h"
#include "examples/rockets/table.h"

#ifdef __cplusplus
extern "C" {
#endif

struct duet_loop;

struct rockets {
	struct sockaddr_in address;
	int parallel;         /* requests at once, at most */
	uint64_t deadline_ns; /* of all: absolute, on the monotonic clock; UINT64_MAX: none */
	const char *backend;
	struct table table;
};

/* rockets-MODEL HOST:PORT [--backend completion|polling] [--parallel N] [--deadline MS]. What makes no
 * sense ends the program with exit code 2. */
void rockets_read(int argc, char **argv, struct rockets *rockets);

/* A loop on the backend that was asked for. What can't be had ends the program with exit code 1. */
struct duet_loop *rockets_loop(const struct rockets *rockets);

#ifdef __cplusplus
}
#endif

#endif
