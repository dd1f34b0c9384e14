/* SPDX-FileCopyrightText: The Duet authors
 * SPDX-License-Identifier: MIT */

/* A server of ours in a process of its own, which says where it listens. */
#ifndef COMPARE_WORKLOADS_LISTENING_H
#define COMPARE_WORKLOADS_LISTENING_H

#include <stdbool.h>
#include <stddef.h>

#include "compare/measure/process.h"
#include "compare/workloads/arguments.h"

/* How long it may take for a server to begin, and to end. */
enum { LISTENING_TIMEOUT_MS = 10000 };

/* Starts it, and reads its address. 0; -EINTR after Ctrl-C; -ECHILD: it has ended, and *code is
 * how, as of process_end(); another negative errno: no process could be started. */
int listening_start(struct process *server, const struct arguments *arguments,
		    const struct process_where *where, char *address, size_t size, int *code);

/* Whether 127.0.0.1 can be reached from here: SAY_UNMEASURED if not, and why has been said. */
int listening_check_loopback(const char *workload);

/* Whether so many descriptors can be had: as above. connections: what takes them, for people. */
int listening_check_files(const char *workload, unsigned int connections, unsigned long files);

#endif
