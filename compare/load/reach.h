/* SPDX-FileCopyrightText: The Duet authors
 * SPDX-License-Identifier: MIT */

/* How the load generator reaches the server, and what it says where it doesn't. */
#ifndef COMPARE_LOAD_REACH_H
#define COMPARE_LOAD_REACH_H

#include <netdb.h>
#include <stdint.h>

#include "compare/load/load.h"

#define REACH_NO_DESCRIPTOR "no descriptor left (raise the limit with ulimit -n)"

/* *found is freed with freeaddrinfo(). 0, or -EADDRNOTAVAIL and why has been said. */
int reach_resolve(const struct load_options *options, struct load_result *result,
		  struct addrinfo **found);

/* A non-blocking socket of a type as SOCK_STREAM, that sends at once. A descriptor or a negative errno. */
int reach_socket(const struct addrinfo *to, int type);

/* 0, or a negative errno: -ETIMEDOUT after five seconds. */
int reach_in_time(int fd, const struct addrinfo *to);

/* Says which connection and what happened; an error of 0 is the server's. A negative errno. */
int reach_fail(const struct load_options *options, struct load_result *result, int error,
	       const char *what, uint32_t connection);

/* -EINTR: a signal came before anything was measured. */
int reach_interrupted(struct load_result *result);

#endif
